"""Decoding happens in processes that may be slow, greedy or dead without harm."""

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from client import eventually, picture
from media.drawings import opened
from services.contracts.errors import InvalidError, UnavailableError
from services.media import domain
from services.media.gateways import bench
from services.media.gateways.tasks import LENGTH, Clean, Done, Refused
from services.media.gateways.workshop import MOST_WAITING, Workshop


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    made = Workshop(most=1, idle=0.3)
    yield made
    await made.close()


def _slow() -> io.BytesIO:
    content = io.BytesIO()
    Image.new("RGB", (6000, 6000)).save(content, "PNG", compress_level=1)
    return content


async def test_an_idle_bench_leaves_and_its_memory_with_it(workshop: Workshop) -> None:
    assert (await workshop.clean(io.BytesIO(picture()))).content == picture()
    bench = workshop._free[0]
    assert bench.alive
    await eventually(lambda: _gone(workshop, bench.pid))


async def _gone(workshop: Workshop, pid: int) -> bool:
    return workshop._free == [] and not _process(pid).exists()


def _process(pid: int) -> Path:
    return Path(f"/proc/{pid}")


async def test_a_bench_is_used_again(workshop: Workshop) -> None:
    await workshop.clean(io.BytesIO(picture()))
    pid = workshop._free[0].pid
    with pytest.raises(InvalidError):
        await workshop.clean(io.BytesIO(b"nothing"))
    await workshop.clean(io.BytesIO(picture()))
    assert workshop._free[0].pid == pid


async def test_what_takes_too_long_is_given_up_and_the_next_is_served() -> None:
    hasty = Workshop(most=1, seconds=1.0)
    await hasty.clean(io.BytesIO(picture()))
    pid = hasty._free[0].pid
    hasty._seconds = 0.001
    with pytest.raises(UnavailableError, match="in time"):
        await hasty.clean(io.BytesIO(_slow().getvalue()))
    await eventually(lambda: _gone(hasty, pid))
    hasty._seconds = 20.0
    assert opened((await hasty.clean(io.BytesIO(picture()))).content).size == (60, 80)
    await hasty.close()


async def test_a_dead_bench_is_replaced(workshop: Workshop) -> None:
    await workshop.clean(io.BytesIO(picture()))
    pid = workshop._free[0].pid
    os.kill(pid, 9)
    await eventually(lambda: _dead(workshop))
    await workshop.clean(io.BytesIO(picture()))
    assert workshop._free[0].pid != pid


async def _dead(workshop: Workshop) -> bool:
    return not workshop._free or not workshop._free[0].alive


LIMITED = """
from services.media.gateways import bench
bench.MEMORY_BYTES = {limit}
bench.main()
"""


@pytest.mark.parametrize(("limit", "answer"), [(130_000_000, Refused), (bench.MEMORY_BYTES, Done)])
async def test_what_needs_too_much_memory_is_refused(limit: int, answer: type) -> None:
    task = msgspec.msgpack.encode(Clean(_slow().getvalue()))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        LIMITED.format(limit=limit),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        said, _ = await process.communicate(len(task).to_bytes(LENGTH, "big") + task)
    assert isinstance(msgspec.msgpack.decode(said[LENGTH:], type=Done | Refused), answer)


async def test_a_bench_is_told_no_secrets(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_SECRET_KEY", "open-sesame")
    await workshop.clean(io.BytesIO(picture()))
    told = _told(workshop._free[0].pid)
    assert b"open-sesame" not in told
    assert b"PATH=" in told


def _told(pid: int) -> bytes:
    return (_process(pid) / "environ").read_bytes()


async def test_only_so_many_wait(workshop: Workshop) -> None:
    hold = asyncio.Event()

    async def held() -> bytes:
        await hold.wait()
        return picture()

    waiting = [
        asyncio.create_task(workshop.size(held, 320, domain.Form.WEBP)) for _ in range(MOST_WAITING)
    ]
    await eventually(lambda: _counts(workshop, MOST_WAITING))
    with pytest.raises(UnavailableError, match="at once"):
        await workshop.clean(io.BytesIO(picture()))
    for one in waiting[1:]:
        one.cancel()
    hold.set()
    made = await waiting[0]
    assert made is not None
    await eventually(lambda: _counts(workshop, 0))


async def _counts(workshop: Workshop, expected: int) -> bool:
    return workshop._waiting == expected


async def test_no_more_benches_than_allowed() -> None:
    two = Workshop(most=2)
    await asyncio.gather(*(two.clean(io.BytesIO(picture())) for _ in range(12)))
    assert 1 <= len(two._free) <= 2
    await two.close()
    assert two._free == []
