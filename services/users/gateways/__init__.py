"""Keycloak, the media service, the other services, and archives."""
