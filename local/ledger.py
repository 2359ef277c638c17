"""What provisioning made on this machine, so that what is no longer declared can be taken away."""

import json
from pathlib import Path

from eventonight_operator.ledger import of_system


class FileLedger:
    """A ledger in a file.

    Args:
        path: of the file; made when something is first remembered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def entries(self) -> frozenset[str]:
        """Return what is ours."""
        try:
            return frozenset(json.loads(self._path.read_text()))
        except FileNotFoundError:
            return frozenset()

    async def replace(self, system: str, own: frozenset[str]) -> None:
        """Remember exactly these of a system; what others own stays."""
        entries = await self.entries()
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(sorted((entries - of_system(entries, system)) | own)))
        fresh.replace(self._path)
