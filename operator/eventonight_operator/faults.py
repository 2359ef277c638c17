"""How an outside system refuses, as one of the closed reasons that conditions give."""


class SystemFaultError(Exception):
    """An outside system cannot be worked with now.

    Args:
        reason: one of the closed reasons.
        message: for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
