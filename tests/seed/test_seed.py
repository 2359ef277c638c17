"""The demo: what is in it, that it goes in through the public API, and only once."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from client import Client
from local.configuration import ROOT
from services.events.domain.event import TAGS
from services.seed import people, posters
from services.seed.nights import nights

TODAY = datetime(2026, 5, 1, 12, tzinfo=UTC).replace(tzinfo=None)


def test_it_is_rich_and_around_today() -> None:
    found = nights(TODAY)
    assert len(people.MEMBERS) >= 10
    assert len(people.ORGANIZATIONS) >= 14
    assert len(found) >= 60
    assert {"draft", "published", "cancelled", "completed"} == {one.fate for one in found}
    assert len({one.place.city for one in found}) >= 10
    assert len({one.title for one in found}) == len(found)
    used = {tag for one in found for tag in one.tags}
    for category, tags in TAGS.items():
        assert used & set(tags), category
    for one in found:
        assert abs(one.date - TODAY) < timedelta(days=200)
        assert one.date > TODAY
        assert (one.date - TODAY < timedelta(minutes=1)) == (one.fate == "completed"), one


def test_a_poster_is_the_same_every_time_and_another_for_each_title() -> None:
    one = posters.poster("Luna Piena", "Teatro", "01.05. 21:00")
    assert one == posters.poster("Luna Piena", "Teatro", "01.05. 21:00")
    assert one != posters.poster("Notte Bianca", "Teatro", "01.05. 21:00")
    assert len(one) < 1_000_000


async def run(gateway: str, *words: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services",
        "seed",
        *words,
        "--gateway",
        gateway,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(240):
        said, _ = await process.communicate()
    return process.returncode, said.decode()


async def search(product: Client, **query: Any) -> Any:
    return (await product.gateway("GET", "/search", host="events", params=query)).json()


async def test_it_goes_in_once_whole(product: Client) -> None:
    gateway = f"http://{product.servers.setup.site.host}"
    code, said = await run(gateway)
    assert code == 0, said
    assert "25 of them new" in said
    # By another address than people's, as from inside a cluster.
    host = product.servers.setup.site.host
    again, second = await run(gateway.replace("localhost", "127.0.0.1"), "--host", host)
    assert again == 0, second
    assert "events, 0 of them new" in second
    assert "accounts, 0 of them new" in second
    page = await search(product, city="Cesena", query="lucciole", limit=20)
    assert page["items"]
    poster = await product.gateway(
        "GET", "/" + page["items"][0]["poster"].split("/", 3)[3], host="media"
    )
    assert poster.headers["content-type"] == "image/jpeg"
    sign_in = {"username": people.MEMBERS[0].email, "password": people.PASSWORD}
    assert (await product.gateway("POST", "/login", host="users", json=sign_in)).status_code == 200


async def test_an_address_where_nothing_listens_is_named() -> None:
    code, said = await run("http://127.0.0.1:9", "--wait", "1")
    assert code == 2
    assert "127.0.0.1:9" in said
