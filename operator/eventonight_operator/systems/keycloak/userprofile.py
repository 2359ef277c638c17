"""Which attributes an account has in the realm, and who may see and edit them."""

from typing import Any

ADMIN_ONLY = {"view": ["admin"], "edit": ["admin"]}
ANYBODY = {"view": ["admin", "user"], "edit": ["admin", "user"]}


def user_profile() -> dict[str, Any]:
    """Return each attribute's permissions and validations."""
    free = {"length": {"max": 255}}
    return {
        "username": {"permissions": ANYBODY, "validations": free},
        "email": {"permissions": ANYBODY, "validations": {"email": {}, **free}},
        "firstName": {"permissions": ANYBODY, "validations": free},
        "lastName": {"permissions": ANYBODY, "validations": free},
        "custom_user_id": {"permissions": ADMIN_ONLY, "validations": free},
        "registered_username": {"permissions": ADMIN_ONLY, "validations": free},
        "registered_role": {"permissions": ADMIN_ONLY, "validations": free},
    }
