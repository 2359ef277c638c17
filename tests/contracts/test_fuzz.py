"""Schemathesis, briefly: no 5xx, no answer of another shape than the document says."""

from pathlib import Path

import pytest

from client import Client
from fuzzing import fuzz
from services import catalogue


@pytest.mark.parametrize("role", ["member", "organization"])
@pytest.mark.parametrize("service", catalogue.CONTEXTS)
async def test_a_service_keeps_to_its_own_document(
    product: Client, tmp_path: Path, service: str, role: str
) -> None:
    person = await product.register(role)
    url = product.servers.url(service)
    phases = "coverage,fuzzing"
    await fuzz(url, person.access, tmp_path, phases=phases, examples=20, seconds=180)
