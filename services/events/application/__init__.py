"""Use cases of events, and the ports they stand on."""
