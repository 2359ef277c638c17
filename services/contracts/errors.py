"""Refusals that a client is meant to see, without any word about HTTP.

Domain and application code raise them; the kit gives each kind its status and each service its
body shape.
"""


class RefusedError(Exception):
    """A request that cannot be served, for a reason the client can act on.

    Args:
        message: one plain sentence for a person; names the field and what was expected.
        code: stable, machine readable, in kebab-case.
        field: the offending field's name on the wire, where there is one.
    """

    code = "refused"

    def __init__(self, message: str, *, code: str | None = None, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        if code is not None:
            self.code = code


class InvalidError(RefusedError):
    """The input breaks a rule."""

    code = "invalid"


class UnauthenticatedError(RefusedError):
    """No valid credentials."""

    code = "unauthenticated"


class ForbiddenError(RefusedError):
    """Known caller, but not theirs."""

    code = "forbidden"


class NotFoundError(RefusedError):
    """No such thing, or not for this caller's eyes."""

    code = "not-found"


class ConflictError(RefusedError):
    """It contradicts the present state."""

    code = "conflict"


class TooLargeError(RefusedError):
    """The body is above the limit."""

    code = "too-large"


class TooSlowError(RefusedError):
    """The body did not come in time."""

    code = "too-slow"


class UnavailableError(RefusedError):
    """A part we depend on does not answer; the same request may succeed later."""

    code = "unavailable"
