"""Use cases of pictures, and the ports they stand on."""
