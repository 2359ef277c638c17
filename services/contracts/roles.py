"""Realm roles, as they stand in a token."""

from typing import Final

MEMBER: Final = "member"
ORGANIZATION: Final = "organization"
SERVICE: Final = "service"
