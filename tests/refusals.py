"""What a refusal tells the client, in one value."""

from collections.abc import Callable

import pytest

from services.contracts.errors import RefusedError


def refusal(call: Callable[[], object]) -> tuple[str | None, str]:
    """Return the field and the message of the refusal that a call ends in."""
    with pytest.raises(RefusedError) as caught:
        call()
    return caught.value.field, caught.value.message
