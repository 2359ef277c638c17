"""Demo people and nights, brought in through the public API."""
