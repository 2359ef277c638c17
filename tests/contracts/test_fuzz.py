"""Schemathesis against what each service says of itself: no 5xx, no answer of another shape."""

import asyncio
import sys
from pathlib import Path

import pytest

from client import Client
from services import catalogue

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "negative_data_rejection",
)
EXAMPLES = 20
SECONDS = 180


@pytest.mark.parametrize("role", ["member", "organization"])
@pytest.mark.parametrize("service", catalogue.CONTEXTS)
async def test_a_service_keeps_to_its_own_document(
    product: Client, tmp_path: Path, service: str, role: str
) -> None:
    person = await product.register(role)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("st")),
        "run",
        f"{product.servers.url(service)}/openapi.json",
        f"--header=Authorization:Bearer {person.access}",
        "--phases=coverage,fuzzing",
        f"--checks={','.join(CHECKS)}",
        f"--max-examples={EXAMPLES}",
        "--suppress-health-check=all",
        "--warnings=off",
        "--request-timeout=20",
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(SECONDS):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
