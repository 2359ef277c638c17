"""How an outside system refuses, as one of the closed reasons that conditions give."""

from eventonight_operator.spec.status import Reason


class SystemFaultError(Exception):
    """An outside system cannot be worked with now.

    Args:
        reason: one of the closed reasons.
        message: for people.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason: Reason = reason
        self.message = message
