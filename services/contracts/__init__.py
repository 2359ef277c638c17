"""What crosses a border between services, defined once."""
