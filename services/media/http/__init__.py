"""The media service's endpoints."""
