"""The object store, what looks into pictures, and the events service."""
