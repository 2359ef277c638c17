"""The events service's endpoints."""
