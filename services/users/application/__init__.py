"""Use cases of accounts, and the ports they stand on."""
