"""Secrets of the namespace as a secret store."""

import base64
import binascii
from collections.abc import Mapping

from eventonight_operator.faults import SystemFaultError
from eventonight_operator.kube.client import Document, Kube


class KubeSecrets:
    """The namespace's Secrets; what is read is kept until told to look again.

    Args:
        kube: the API.
        labels: put on Secrets that are made here, by which they are watched.
    """

    def __init__(self, kube: Kube, labels: Mapping[str, str]) -> None:
        self._kube = kube
        self._labels = dict(labels)
        self._seen: dict[str, Mapping[str, str] | None] = {}

    def refresh(self) -> None:
        """Look again at the next question; what is being read now is not kept beyond it."""
        self._seen = {}

    async def get(self, name: str) -> Mapping[str, str] | None:
        """Return a Secret's keys and values, ``None`` where there is none.

        Raises:
            SystemFaultError: a value is no text.
        """
        seen = self._seen
        if name not in seen:
            found = await self._kube.get("Secret", name)
            seen[name] = None if found is None else _decoded(name, found)
        return seen[name]

    async def put(self, name: str, data: Mapping[str, str]) -> None:
        """Make a Secret, or make its values these."""
        document: Document = {
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": {"name": name, "labels": self._labels},
            "data": {key: base64.b64encode(one.encode()).decode() for key, one in data.items()},
        }
        await self._kube.apply(document)
        self._seen[name] = dict(data)

    async def remove(self, name: str) -> None:
        """Delete a Secret that was made here; others' stay."""
        found = await self._kube.get("Secret", name)
        labels = (found or {}).get("metadata", {}).get("labels") or {}
        if found is not None and self._labels.items() <= labels.items():
            await self._kube.delete("Secret", name)
        self._seen.pop(name, None)


def _decoded(name: str, document: Document) -> dict[str, str]:
    found = {}
    for key, value in (document.get("data") or {}).items():
        try:
            found[key] = base64.b64decode(value).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise SystemFaultError("SecretInvalid", f"secret {name}: {key} is no text") from error
    return found
