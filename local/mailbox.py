"""Every mail the stack sends, kept as files and shown on a page; nothing leaves the machine."""

import email
import email.policy
import time
import uuid
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import msgspec
from aiosmtpd.smtp import SMTP, Envelope, Session

KEPT = 500
LARGEST_BYTES = 5_000_000


class Mail(msgspec.Struct, frozen=True):
    """One caught mail."""

    id: str
    received: str
    sender: str
    to: str
    subject: str
    text: str
    html: str


class Mailbox:
    """Caught mail in a folder, newest kept.

    Args:
        folder: one ``.eml`` file per mail, named so that order is time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, content: bytes) -> None:
        """Keep a mail and forget the oldest beyond ``KEPT``."""
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}.eml"
        (self._folder / name).write_bytes(content)
        for old in sorted(self._folder.glob("*.eml"))[:-KEPT]:
            old.unlink(missing_ok=True)

    def newest(self, *, to: str = "", limit: int = 50) -> list[Mail]:
        """Return the newest mails first, to one address where it is given."""
        found = (mail for mail in self._all() if not to or to.lower() in mail.to.lower())
        return [mail for mail, _ in zip(found, range(limit), strict=False)]

    def get(self, mail_id: str) -> Mail | None:
        """Return one mail."""
        return next((mail for mail in self._all() if mail.id == mail_id), None)

    def _all(self) -> Iterator[Mail]:
        for path in sorted(self._folder.glob("*.eml"), reverse=True):
            yield _read(path)

    def smtp(self) -> SMTP:
        """Return a protocol that keeps whatever it is handed."""
        return SMTP(_Catcher(self), data_size_limit=LARGEST_BYTES, enable_SMTPUTF8=True)


class _Catcher:
    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        content = envelope.content or b""
        self._mailbox.add(content if isinstance(content, bytes) else content.encode())
        return "250 kept"


def _read(path: Path) -> Mail:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    return Mail(
        id=path.stem,
        received=time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(path.stem[:20]) / 1e9)),
        sender=str(message.get("From", "")),
        to=str(message.get("To", "")),
        subject=str(message.get("Subject", "")),
        text=_body(message, "plain"),
        html=_body(message, "html"),
    )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""
