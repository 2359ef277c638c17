"""What a request's headers ask for, as RFC 9110 has it."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus

import pytest

from services.media.application.ports import Facts
from services.media.domain import Form
from services.media.http.conditions import Asked, form, judge

NOON = datetime(2026, 5, 1, 12, 0, 0, 250_000, UTC)
FOUND = Facts("users/u/a.jpg", "image/jpeg", 1000, "abc", NOON)


def date(**ahead: float) -> str:
    return format_datetime(NOON + timedelta(**ahead), usegmt=True)


@pytest.mark.parametrize(
    ("tags", "known"),
    [
        ('"abc"', True),
        ('W/"abc"', True),
        ('"x", "abc"', True),
        ('"x","abc" , "y"', True),
        ("*", True),
        (" * ", True),
        ('"ab"', False),
        ('"abcd"', False),
        ('"x, abc"', False),
        ("abc", False),
    ],
)
def test_a_known_picture_is_not_sent_again(tags: str, *, known: bool) -> None:
    verdict = judge(Asked(if_none_match=tags), FOUND, is_default=False)
    assert (verdict.status == HTTPStatus.NOT_MODIFIED) == known


@pytest.mark.parametrize(
    ("since", "known", "known_default"),
    [
        (date(), True, True),
        (date(hours=1), True, False),
        (date(seconds=-1), False, False),
        ("yesterday", False, False),
        ("", False, False),
    ],
)
def test_a_date_counts_to_the_second(since: str, *, known: bool, known_default: bool) -> None:
    for is_default, expected in ((False, known), (True, known_default)):
        verdict = judge(Asked(if_modified_since=since), FOUND, is_default=is_default)
        assert (verdict.status == HTTPStatus.NOT_MODIFIED) == expected


def test_a_tag_outweighs_a_date() -> None:
    asked = Asked(if_none_match='"old"', if_modified_since=date())
    assert judge(asked, FOUND, is_default=False).status == HTTPStatus.OK


@pytest.mark.parametrize(
    ("wanted", "span"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-99", (0, 100)),
        ("bytes=900-", (900, 1000)),
        ("bytes=900-5000", (900, 1000)),
        ("bytes=-100", (900, 1000)),
        ("bytes=-5000", (0, 1000)),
        ("BYTES = 1 - 2", (1, 3)),
    ],
)
def test_a_part_is_sent(wanted: str, span: tuple[int, int]) -> None:
    verdict = judge(Asked(range=wanted), FOUND, is_default=False)
    assert (verdict.status, verdict.span) == (HTTPStatus.PARTIAL_CONTENT, span)


@pytest.mark.parametrize("wanted", ["bytes=1000-", "bytes=1000-1001", "bytes=-0"])
def test_a_part_beyond_the_end_is_416(wanted: str) -> None:
    verdict = judge(Asked(range=wanted), FOUND, is_default=False)
    assert verdict.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


@pytest.mark.parametrize(
    "wanted",
    [
        "bytes=-",
        "bytes=5-4",
        "bytes=0-1,5-6",
        "pages=1-2",
        "bytes=a-b",
        "bytes",
        f"bytes={'9' * 99}-",
    ],
)
def test_what_is_no_single_range_is_the_whole(wanted: str) -> None:
    assert judge(Asked(range=wanted), FOUND, is_default=False).status == HTTPStatus.OK


@pytest.mark.parametrize(
    ("condition", "whole"),
    [
        ('"abc"', False),
        (date(), False),
        ('W/"abc"', True),
        ('"old"', True),
        (date(seconds=-1), True),
        (date(hours=1), True),
        ("nonsense", True),
    ],
)
def test_a_part_of_another_version_is_the_whole(condition: str, *, whole: bool) -> None:
    verdict = judge(Asked(range="bytes=0-9", if_range=condition), FOUND, is_default=False)
    assert (verdict.status == HTTPStatus.OK) == whole


def test_a_known_picture_is_304_whatever_part_is_wanted() -> None:
    asked = Asked(range="bytes=5000-", if_none_match='"abc"')
    assert judge(asked, FOUND, is_default=False).status == HTTPStatus.NOT_MODIFIED


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", Form.AVIF),
        ("image/webp,*/*;q=0.5", Form.WEBP),
        ("*/*", Form.WEBP),
        ("", Form.WEBP),
        ("image/png,image/svg+xml,image/*;q=0.8,video/*;q=0.8,*/*;q=0.5", Form.PLAIN),
        ("image/jpeg", Form.PLAIN),
        ("image/avif;q=0.4, image/webp;q=0.9", Form.WEBP),
        ("image/avif;q=0, */*", Form.WEBP),
        ("IMAGE/AVIF;Q=1.0", Form.AVIF),
        ("text/html", Form.PLAIN),
        ("image/webp;q=0, image/avif;q=0", Form.PLAIN),
        ("image/avif;q=x", Form.PLAIN),
        (",;,", Form.WEBP),
    ],
)
def test_the_form_is_the_one_that_suits_best(accept: str, expected: Form) -> None:
    assert form(accept) is expected
