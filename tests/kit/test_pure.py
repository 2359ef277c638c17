import re
from datetime import UTC, datetime, timedelta, timezone
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar.exceptions import NotAuthorizedException
from prometheus_client import REGISTRY
from pymongo.errors import AutoReconnect, OperationFailure

from services.contracts.errors import ConflictError, InvalidError
from services.kit import clock, failures, mongo, paging
from services.kit.health import Health
from services.kit.settings import Settings, SettingsError, load

REVIVED = re.compile(r"\d{4}-\d{2}-\d{2}[T:]\d{2}:\d{2}(:\d{2})?(\.\d{3})?(Z)?")
GOOD = {
    "PORT": "9000",
    "HOST": "localhost:8080",
    "KEYCLOAK_URL": "http://k:1",
    "TOKEN_ISSUER": "http://auth.x/realms/r",
}


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-14, 14))
def test_instants_are_texts_that_clients_revive(moment: datetime, hours: int) -> None:
    if 1 < moment.year < 9999:
        text = clock.instant_text(moment.astimezone(timezone(timedelta(hours=hours))))
        assert REVIVED.fullmatch(text)
        cut = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        assert clock.parse_instant(text) == cut


@pytest.mark.parametrize("text", ["2026-05-01T20:00:00Z", "2026-05-01T20:00:00+02:00", "x", ""])
def test_a_local_date_has_no_zone(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its message is asserted by the border
        clock.parse_local(text)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_an_instant_outside_of_the_calendar_is_no_instant(text: str) -> None:
    with pytest.raises(ValueError, match="year"):
        clock.parse_instant(text)


def test_now_is_cut_to_milliseconds() -> None:
    assert clock.utc_now().microsecond % 1000 == 0


def test_every_wrong_variable_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load(Settings, {**GOOD, "PORT": "x", "LOG_LEVEL": "loud", "TOKEN_ISSUER": ""})
    words = str(caught.value)
    assert all(name in words for name in ("PORT", "LOG_LEVEL", "TOKEN_ISSUER"))
    assert load(Settings, GOOD).public_url("media") == "http://media.localhost:8080"


@pytest.mark.parametrize(
    ("limit", "offset", "found"),
    [(None, None, (10, 0)), ("5", "7", (5, 7)), ("99", "", (20, 0)), ("", "0", (10, 0))],
)
def test_windows(limit: str | None, offset: str | None, found: tuple[int, int]) -> None:
    asked = paging.window(limit, offset, default=10, maximum=20)
    assert (asked.limit, asked.offset) == found


@pytest.mark.parametrize(
    ("limit", "offset"),
    [
        ("0", None),
        ("x", None),
        (None, "-1"),
        ("1.5", ""),
        ("\u0663", None),
        ("1_0", None),
        (" 5", None),
        ("+5", None),
        ("9" * 5_000, None),
        (None, "\u00b2"),
    ],
)
def test_wrong_windows(limit: str | None, offset: str | None) -> None:
    with pytest.raises(InvalidError, match=r"limit|offset"):
        paging.window(limit, offset, default=10, maximum=20)


@given(st.lists(st.integers()), st.integers(1, 20))
def test_a_cut_page_tells_whether_more_follows(rows: list[int], limit: int) -> None:
    page = paging.cut(rows[: limit + 1], paging.Window(limit, 0))
    assert page.has_more is (len(rows) > limit)
    assert len(page.items) <= limit


def test_failures_have_statuses_and_shapes() -> None:
    conflict = failures.failure_of(ConflictError("taken", code="taken-already", field="name"))
    assert (conflict.status, conflict.code) == (409, "taken-already")
    assert failures.plain_text(conflict) == "taken"
    assert failures.error_object(conflict) == {"error": "taken", "code": "taken-already"}
    assert failures.problem(conflict)["field"] == "name"
    denied = failures.failure_of(NotAuthorizedException("no"))
    assert failures.error_object(denied)["error"] == "Unauthorized"
    assert failures.failure_of(RecursionError()).status == HTTPStatus.BAD_REQUEST
    assert failures.failure_of(AutoReconnect("x")).status == HTTPStatus.SERVICE_UNAVAILABLE
    assert failures.failure_of(RuntimeError("secret")).message == "internal error"


@pytest.mark.parametrize(("code", "outage"), [(10107, True), (14031, True), (11000, False)])
def test_which_refusals_are_outages(code: int, *, outage: bool) -> None:
    assert mongo.is_outage(OperationFailure("x", code)) is outage


async def test_a_process_joins_when_all_is_there_and_stays_when_something_goes() -> None:
    away = True

    async def part() -> None:
        if away:
            raise OSError("gone")

    health = Health("t", {"part": part})
    health.prepared = True
    assert not await health.serving()
    away, health._checked_at = False, float("-inf")
    assert await health.serving()
    away, health._checked_at = True, float("-inf")
    assert await health.serving()
    up = REGISTRY.get_sample_value(
        "eventonight_dependency_up", {"service": "t", "dependency": "part"}
    )
    assert up == 0
    health.draining = True
    assert not await health.serving()


async def test_health_names_each_part() -> None:
    async def good() -> None:
        return

    async def bad() -> None:
        raise OSError("gone")

    found = await Health("t", {"good": good, "bad": bad}).dependencies()
    assert found["good"] is None
    assert "gone" in (found["bad"] or "")
