"""Log lines: ours and libraries' alike, whatever is in them."""

import json
import subprocess
import sys
from typing import Any

BEGIN = """
import logging
from services.kit import logs
early = logs.get("early")
logs.configure(service="x", level="{level}", style="{style}")
"""


def lines(code: str, *, level: str = "info", style: str = "json") -> list[str]:
    program = BEGIN.format(level=level, style=style) + code
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert not done.stderr
    return done.stdout.splitlines()


def read(code: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(code)]


def test_our_lines_and_those_of_libraries_have_the_same_form() -> None:
    ours, theirs = read(
        """
with logs.bind(request_id="r"):
    early.info("100%s sure", n=1)
    logging.getLogger("lib").warning("it %s", "happens")
"""
    )
    shared = {"request_id": "r", "service": "x"}
    assert ours.items() >= {**shared, "level": "info", "logger": "early", "n": 1}.items()
    assert ours["event"] == "100%s sure"
    assert theirs.items() >= {**shared, "level": "warning", "logger": "lib"}.items()
    assert theirs["event"] == "it happens"
    assert theirs["time"].endswith("Z")


def test_a_line_is_written_whatever_is_in_it() -> None:
    (line,) = read("early.info('odd', lone='\\ud800', huge=2**90, thing=object(), more=(1,))")
    assert line["lone"] == "\ud800"
    assert line["huge"] == 2**90
    assert line["more"] == [1]
    assert "object object" in line["thing"]


def test_a_failure_is_told_with_its_trace_on_one_line() -> None:
    found = read(
        """
try:
    1 / 0
except ZeroDivisionError as error:
    early.exception("ours")
    early.error("handed on", exc_info=error)
    logging.getLogger("lib").exception("theirs")
"""
    )
    assert [line["event"] for line in found] == ["ours", "handed on", "theirs"]
    assert all("ZeroDivisionError" in line["exception"] for line in found)


def test_levels_count_for_all_and_chatty_libraries_are_quiet() -> None:
    code = """
early.info("no")
early.error("yes")
logging.getLogger("lib").info("no")
logging.getLogger("lib").log(35, "between")
"""
    assert [json.loads(line)["level"] for line in lines(code, level="warning")] == [
        "error",
        "warning",
    ]
    assert lines("logging.getLogger('httpx').info('no')") == []


def test_people_get_plain_lines() -> None:
    (line,) = lines("early.info('hello', place='Forlì')", style="console")
    assert "hello" in line
    assert "Forlì" in line
