"""Secrets of the one-machine stack, named like Kubernetes Secrets, one private file each."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


class FileSecrets:
    """A secret store in a folder that only its owner can read.

    Args:
        folder: created with mode 0700 when first written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def get(self, name: str) -> Mapping[str, str] | None:
        """Return a secret's keys and values, ``None`` where there is no such secret."""
        return self.read(name)

    async def put(self, name: str, data: Mapping[str, str]) -> None:
        """Store a secret whole, atomically."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._path(name)
        fresh = path.with_suffix(".new")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(dict(data), file)
        fresh.replace(path)

    def read(self, name: str) -> dict[str, str] | None:
        """Return a secret without an event loop."""
        try:
            found: dict[str, str] = json.loads(self._path(name).read_text())
        except FileNotFoundError:
            return None
        return found

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"secret name: expected lower case letters, digits, '-' or '.', got {name!r}"
            )
        return self._folder / f"{name}.json"
