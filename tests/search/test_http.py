"""A search on the wire: cursors, facets, cities, and a hint where nothing fits."""

import uuid
from typing import Any

import pytest

from client import Client, local_date


async def search(product: Client, **query: str) -> dict[str, Any]:
    answer = await product.events("GET", "/search", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
async def night(product: Client) -> dict[str, str]:
    """The title and the organization of five events."""
    organizer = await product.register("organization")
    title = f"Ricerca{uuid.uuid4().hex[:8]}"
    for number in range(5):
        await product.create_event(
            organizer,
            title=f"{title} {number}",
            date=local_date(days=number + 1),
            location={"name": "Sala", "city": ("Cesena", "Cesenatico")[number % 2]},
            tags=["Rock"] if number else ["Pop"],
        )
    return {"title": title, "organizationId": organizer.id}


async def test_a_cursor_goes_on_where_a_page_ended(product: Client, night: dict[str, str]) -> None:
    whole = await search(product, **night, sortBy="date")
    titles, cursor = [], {"offset": "0"}
    for _ in range(3):
        page = await search(product, **night, sortBy="date", limit="2", **cursor)
        titles += [event["title"] for event in page["items"]]
        assert page["hasMore"] is ("nextCursor" in page)
        cursor = {"cursor": page.get("nextCursor", "")}
    assert titles == [event["title"] for event in whole["items"]]
    assert cursor == {"cursor": ""}
    assert "nextCursor" not in whole


async def test_a_forged_or_foreign_cursor_is_refused(
    product: Client, night: dict[str, str]
) -> None:
    cursor = (await search(product, **night, limit="2"))["nextCursor"]
    other = "B" if cursor[9] == "A" else "A"
    for query in (
        {**night, "cursor": cursor[:9] + other + cursor[10:]},
        {**night, "cursor": cursor, "sortBy": "title"},
        {**night, "cursor": "made up"},
        {**night, "cursor": cursor, "offset": "2"},
    ):
        answer = await product.events("GET", "/search", params=query)
        assert answer.status_code == 400
        assert "cursor" in answer.json()["error"]


async def test_facets_tell_what_the_same_parameters_would_find(
    product: Client, night: dict[str, str]
) -> None:
    page = await search(product, **night, facets="tags,cities,price,date", limit="1")
    assert (page["total"], page["totalIsExact"], len(page["items"])) == (5, True, 1)
    facets = page["facets"]
    assert facets["tags"] == [{"value": "Rock", "count": 4}, {"value": "Pop", "count": 1}]
    assert {one["value"]: one["count"] for one in facets["cities"]} == {
        "Cesena": 3,
        "Cesenatico": 2,
    }
    assert facets["price"][0] == {"value": "0,0", "count": 5}
    upcoming = next(one for one in facets["date"] if one["value"] == "upcoming")
    assert upcoming["count"] == 5
    again = await search(product, **night, startDate=upcoming["startDate"], facets="")
    assert again["total"] == 5
    cesena = await search(product, **night, cities="cesena", facets="cities")
    assert len(cesena["items"]) == cesena["total"] == 3
    assert len(cesena["facets"]["cities"]) == 2


async def test_where_nothing_fits_the_least_change_is_named(
    product: Client, night: dict[str, str]
) -> None:
    hint = (await search(product, **night, price="500,600"))["didYouMean"]
    assert hint == {"price": ""}
    hint = (await search(product, **night, query="cesena zzyzx"))["didYouMean"]
    assert hint == {"query": "cesena"}
    hint = (await search(product, **night, tags="No such tag"))["didYouMean"]
    assert hint == {"tags": ""}
    assert "didYouMean" not in await search(product, **night)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"facets": "colour"}, "facets"),
        ({"cities": ",".join(f"city{n}" for n in range(30))}, "cities"),
        ({"cursor": "x" * 5_000}, "cursor"),
    ],
)
async def test_a_wrong_parameter_is_named(
    product: Client, query: dict[str, str], field: str
) -> None:
    answer = await product.events("GET", "/search", params=query)
    assert answer.status_code == 400
    assert field in answer.json()["error"]
