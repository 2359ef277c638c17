"""Ends a use case at one of its steps, as if its process had died there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class CutOffError(Exception):
    """The process ended here."""


@contextmanager
def cut_off(target: object, step: str, *, before: bool) -> Iterator[None]:
    """Let a step happen and end there, or end before it; the block has to get that far."""
    original = getattr(target, step)

    async def ended(*words: Any, **named: Any) -> Any:
        if not before:
            await original(*words, **named)
        raise CutOffError(step)

    setattr(target, step, ended)
    try:
        yield
    except CutOffError:
        return
    finally:
        setattr(target, step, original)
    raise AssertionError(f"{step} was never reached")
