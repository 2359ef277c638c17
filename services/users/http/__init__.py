"""The users service's endpoints."""
