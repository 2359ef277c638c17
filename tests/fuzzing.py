"""Schemathesis as a process of its own, against what a service says of itself."""

import asyncio
import sys
from pathlib import Path

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "ignored_auth",
    "negative_data_rejection",
)


async def fuzz(
    url: str, token: str, folder: Path, *, phases: str, examples: int, seconds: float
) -> None:
    """Run phases against the service at an address, as somebody; fail with what was found."""
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("st")),
        "run",
        f"{url}/openapi.json",
        f"--header=Authorization:Bearer {token}",
        f"--phases={phases}",
        f"--checks={','.join(CHECKS)}",
        f"--max-examples={examples}",
        "--suppress-health-check=all",
        "--warnings=off",
        "--request-timeout=20",
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(seconds):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
