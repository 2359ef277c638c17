"""Structured logs on standard output, each line with the ids of what it belongs to."""

import json
import logging
import sys
from typing import Literal

import msgspec
import structlog

from services.kit import tracing

bind = structlog.contextvars.bound_contextvars

Logger = structlog.typing.FilteringBoundLogger
CHATTY = ("aio_pika", "aiormq", "httpx", "httpcore", "pymongo", "_granian")

_encoder = msgspec.json.Encoder(enc_hook=repr)


def configure(
    *, service: str, level: str = "info", style: Literal["json", "console"] = "json"
) -> None:
    """Send the logs of this process, libraries' included, to standard output.

    Every request writes a line, so ours do not pass through the standard library's logging.

    Args:
        service: the value of ``service`` in every line that is not bound to another.
        level: lowest level that is written.
        style: ``json`` for machines, ``console`` for people.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            _service_name(service),
            *tracing.log_ids(),
            structlog.processors.format_exc_info,
            _json if style == "json" else _console(),
        ],
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Libraries()]
    root.setLevel(level.upper())
    for chatty in CHATTY:
        logging.getLogger(chatty).setLevel("WARNING")


def get(name: str) -> Logger:
    """Return the logger of a module."""
    logger: Logger = structlog.get_logger(name)
    return logger


class _Libraries(logging.Handler):
    """Writes what libraries log the way we write ours."""

    def emit(self, record: logging.LogRecord) -> None:
        level = min(record.levelno // 10 * 10, logging.CRITICAL)
        get(record.name).log(level, record.getMessage(), exc_info=record.exc_info)


def _service_name(service: str) -> structlog.typing.Processor:
    def add(
        _logger: structlog.typing.WrappedLogger, _name: str, line: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        line.setdefault("service", service)
        return line

    return add


def _json(
    _logger: structlog.typing.WrappedLogger, _name: str, line: structlog.typing.EventDict
) -> bytes:
    try:
        return _encoder.encode(line)
    except (ValueError, TypeError, OverflowError):
        return json.dumps(line, default=repr).encode()


def _console() -> structlog.typing.Processor:
    renderer = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())

    def render(
        logger: structlog.typing.WrappedLogger, name: str, line: structlog.typing.EventDict
    ) -> bytes:
        return renderer(logger, name, line).encode(errors="backslashreplace")

    return render
