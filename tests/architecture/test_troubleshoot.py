"""Whoever meets a reason finds what it means and what to do."""

import re
from pathlib import Path

import pytest

from eventonight_operator.spec.status import REASONS

PAGE = Path(__file__).parents[2] / "docs" / "troubleshoot.md"
# Titles that are no reasons.
OTHERS = {"A deletion that does not end", "The operator itself"}


def sections() -> dict[str, str]:
    parts = re.split(r"(?m)^## ", PAGE.read_text())[1:]
    return {title: text for title, _, text in (part.partition("\n") for part in parts)}


def test_every_reason_has_its_section_and_no_other_has() -> None:
    assert set(sections()) == {*REASONS, *OTHERS}


@pytest.mark.parametrize("reason", sorted(set(REASONS) - {"AllReady"}))
def test_a_section_says_what_is_seen_what_is_done_and_what_is_to_do(reason: str) -> None:
    text = sections()[reason]
    for word in ("**You see**", "**The operator**", "**You**"):
        assert text.count(word) == 1, (reason, word)
