"""A zip file of everything about one person, on disk once it is large."""

import json
import re
import tempfile
import zipfile
from collections.abc import AsyncIterator
from typing import IO, Any

import msgspec

from services.contracts.errors import UnavailableError
from services.contracts.personal import File, Item, Line, Section
from services.kit.clock import instant_text, utc_now

IN_MEMORY = 1_000_000
MOST_BYTES = 300_000_000
CHUNK_BYTES = 256 * 1024

_KEY = re.compile(r"[a-z]+/[A-Za-z0-9_-]+/[A-Za-z0-9_-][A-Za-z0-9._-]*")

README = """EvenToNight: everything that is kept about you
==============================================

Made on {moment} for the account {user_id}.

There is one JSON file for each service; each lists its sections, and says what each section is.
The same list is in manifest.json, for programs.

{documents}

Pictures
--------
{pictures}

Not in here: your password, of which only a hash is kept; operating logs, which know accounts by
their id at most; and backups, which hold the same things and are overwritten in turn.
"""


class ZipArchive:
    """An archive under construction, then to be read once."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed by its reader
        self._zip = zipfile.ZipFile(self._file, "w", zipfile.ZIP_DEFLATED)
        self._documents: list[dict[str, Any]] = []
        self._pictures: list[dict[str, Any]] = []
        self._left = MOST_BYTES
        self.size = 0

    async def document(self, service: str, lines: AsyncIterator[Line]) -> list[File]:
        """Add what a service tells as ``<service>.json`` and return the files it names.

        Raises:
            UnavailableError: an item without a section, or more than fits.
        """
        sections: list[dict[str, Any]] = []
        files: list[File] = []
        with self._zip.open(f"{service}.json", "w") as out:
            self._put(out, b'{"service": ' + _json(service) + b', "sections": [')
            async for line in lines:
                if isinstance(line, File):
                    files.append(line)
                elif isinstance(line, Section):
                    self._put(out, (b"\n]}," if sections else b"") + _opening(line))
                    sections.append({"name": line.name, "about": line.about, "items": 0})
                else:
                    self._put(out, self._item(line, sections))
            self._put(out, (b"\n]}" if sections else b"") + b"]}\n")
        entry = {"file": f"{service}.json", "service": service, "sections": sections}
        self._documents.append(entry)
        return files

    def _item(self, line: Item, sections: list[dict[str, Any]]) -> bytes:
        if not sections:
            raise UnavailableError("a service tells of something without saying what it is")
        first = sections[-1]["items"] == 0
        sections[-1]["items"] += 1
        return (b"\n" if first else b",\n") + _json(line.value)

    async def picture(self, file: File, content: AsyncIterator[bytes] | None) -> None:
        """Add a picture under its key, or note that it is not there."""
        if not _KEY.fullmatch(file.key):
            raise UnavailableError("a service names a picture that cannot be one")
        name, size = f"pictures/{file.key}", 0
        if content is not None:
            info = zipfile.ZipInfo(name, date_time=utc_now().timetuple()[:6])
            with self._zip.open(info, "w") as out:
                async for chunk in content:
                    self._put(out, chunk)
                    size += len(chunk)
        self._pictures.append(
            {"file": name, "about": file.about, "bytes": size, "missing": content is None}
        )

    def _put(self, out: IO[bytes], data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            raise UnavailableError(
                f"more than {MOST_BYTES} bytes; ask those who run this service",
                code="export-too-large",
            )
        out.write(data)

    def finish(self, user_id: str) -> None:
        """Add ``manifest.json`` and ``README.txt`` and make the archive ready to be read."""
        moment = instant_text(utc_now())
        manifest = {
            "format": "eventonight-export/1",
            "userId": user_id,
            "madeAt": moment,
            "documents": self._documents,
            "pictures": self._pictures,
        }
        self._zip.writestr("manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False))
        self._zip.writestr("README.txt", self._readme(user_id, moment))
        self._zip.close()
        self.size = self._file.seek(0, 2)

    def _readme(self, user_id: str, moment: str) -> str:
        documents = [
            f"{one['file']}\n"
            + "".join(
                f"  {part['name']} ({part['items']}): {part['about']}\n" for part in one["sections"]
            )
            for one in self._documents
        ]
        pictures = [
            f"{one['file']}: {one['about']}" + (" (no longer there)" if one["missing"] else "")
            for one in self._pictures
        ]
        return README.format(
            moment=moment,
            user_id=user_id,
            documents="\n".join(documents),
            pictures="\n".join(pictures) or "none",
        )

    async def content(self) -> AsyncIterator[bytes]:
        """Return the bytes, and forget them once they are read."""
        try:
            self._file.seek(0)
            while chunk := self._file.read(CHUNK_BYTES):
                yield chunk
        finally:
            self.close()

    def close(self) -> None:
        """Forget the archive."""
        self._zip.close()
        self._file.close()


def _opening(section: Section) -> bytes:
    name, about = _json(section.name), _json(section.about)
    return b'\n{"name": ' + name + b', "about": ' + about + b', "items": ['


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)
