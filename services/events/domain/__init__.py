"""Events, the words they are found by, and what a search may ask; no I/O."""
