"""A receiver of traces, as any OTLP/HTTP receiver would be."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Recorded:
    """A span as it arrived."""

    service: str
    name: str
    kind: str
    trace: str
    id: str
    parent: str
    facts: dict[str, Any]
    failed: bool


KINDS = ("", "internal", "server", "client", "producer", "consumer")


@dataclass
class Collector:
    """What came in so far."""

    url: str = ""
    spans: list[Recorded] = field(default_factory=list)

    def of(self, trace: str) -> list[Recorded]:
        return [one for one in self.spans if one.trace == trace]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                told = dict(
                    line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line
                )
                body = await reader.readexactly(int(told["content-length"]))
                assert head.startswith(b"POST /v1/traces "), head
                assert told["content-type"] == "application/x-protobuf"
                packed = told.get("content-encoding") == "gzip"
                self.spans += _read(gzip.decompress(body) if packed else body)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    found = Collector()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield found
        server.close()


def _read(body: bytes) -> list[Recorded]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Recorded(
            service=_facts(resource.resource)["service.name"],
            name=span.name,
            kind=KINDS[span.kind],
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            facts=_facts(span),
            failed=span.status.code == 2,
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _facts(told: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in told.attributes}
