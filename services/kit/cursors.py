"""Where a list goes on, as a text that clients hand back unread.

It is signed together with what was asked, so that one that was made up, changed or taken from
another question is told from ours.
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

from services.contracts.errors import InvalidError

LONGEST: Final = 2_000
SIGNATURE_BYTES: Final = 16


class Cursors:
    """Cursors of one service.

    Args:
        secret: the same in every replica.
    """

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha256(b"cursors:" + secret.encode()).digest()

    def seal(self, asked: bytes, position: bytes) -> str:
        """Return the cursor of a position in the answer to what was asked."""
        whole = self._signature(asked, position) + position
        return base64.urlsafe_b64encode(whole).rstrip(b"=").decode()

    def open(self, asked: bytes, cursor: str) -> bytes:
        """Return the position of a cursor.

        Raises:
            InvalidError: not ours, or of another question.
        """
        position = _decoded(cursor)[SIGNATURE_BYTES:]
        if not hmac.compare_digest(cursor.encode(), self.seal(asked, position).encode()):
            words = "cursor: expected the nextCursor of the same search; leave it out to start anew"
            raise InvalidError(words, field="cursor")
        return position

    def _signature(self, asked: bytes, position: bytes) -> bytes:
        text = hashlib.sha256(asked).digest() + position
        return hmac.digest(self._key, text, "sha256")[:SIGNATURE_BYTES]


def _decoded(cursor: str) -> bytes:
    """Return a cursor's bytes, none if it is no cursor at all."""
    if len(cursor) > LONGEST or not cursor.isascii():
        return b""
    try:
        padding = "=" * (-len(cursor) % 4)
        return base64.b64decode(cursor + padding, altchars=b"-_", validate=True)
    except binascii.Error:
        return b""
