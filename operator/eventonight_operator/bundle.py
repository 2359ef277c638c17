"""A bundle for whoever helps: what is there and what was said, without a single credential."""

import base64
import io
import json
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HIDDEN = "(hidden)"
# Names stand everywhere and are no secrets; hiding less than a few letters would hide words.
NAMES = frozenset({"username", "clientId"})
LEAST_CHARACTERS = 4

Document = dict[str, Any]


def write(path: Path, files: Mapping[str, str], secrets: list[Document]) -> None:
    """Write a tar.gz of text files, in which no value of these Secrets is left.

    Args:
        path: of the bundle.
        files: content by name.
        secrets: Secrets as Kubernetes gives them; listed by their keys.
    """
    hidden = values(secrets)
    listed = {one["metadata"]["name"]: sorted(one.get("data") or {}) for one in secrets}
    content = {**files, "secrets.json": json.dumps(listed, indent=1)}
    with tarfile.open(path, "w:gz") as bundle:
        for name, text in sorted(content.items()):
            data = redacted(text, hidden).encode()
            entry = tarfile.TarInfo(f"eventonight-report/{name}")
            entry.size, entry.mtime = len(data), int(time.time())
            bundle.addfile(entry, io.BytesIO(data))
    path.chmod(0o600)


def values(secrets: list[Document]) -> list[str]:
    """Return what must not be seen: each value, as it is and in base64, the longest first."""
    found = set()
    for one in secrets:
        for key, encoded in (one.get("data") or {}).items():
            if key not in NAMES:
                plain = base64.b64decode(encoded).decode(errors="replace")
                found |= {plain, plain.strip(), encoded}
    return sorted((one for one in found if len(one) >= LEAST_CHARACTERS), key=len, reverse=True)


def redacted(text: str, hidden: list[str]) -> str:
    """Return a text with every hidden value replaced."""
    for one in hidden:
        text = text.replace(one, HIDDEN)
    return text
