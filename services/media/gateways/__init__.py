"""The object store, what looks into pictures, the broker, and the events service."""
