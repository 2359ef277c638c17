"""The page on the main host until the web app exists, and the page of caught mail."""

import asyncio
import json
import re
import subprocess
import sys
from html import escape
from pathlib import Path

from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar, MediaType, get
from litestar.exceptions import NotFoundException

from local.mailbox import Mail, Mailbox

STYLE = (Path(__file__).parent / "portal.css").read_text(encoding="utf-8")
# Where it runs, and what its keeper may want to know.
PLACES = {
    "machine": (
        "on this machine",
        (
            "<code>make status</code> shows every part, <code>make logs</code> what they "
            "say, <code>make down</code> stops them, <code>make reset</code> forgets everything."
        ),
    ),
    "cluster": (
        "on this cluster",
        (
            "<code>kubectl get etn</code> tells whether everything is ready, "
            "<code>kubectl etn status</code> shows every part."
        ),
    ),
}
_LINK = re.compile(r"https?://[^\s<>\"]+")


def page(title: str, body: str) -> str:
    """Return a whole page in the portal's clothes."""
    return (
        "<!doctype html><html lang=en><head><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main>{body}</main></body></html>"
    )


def landing(
    host: str, services: list[str], accounts: list[dict[str, str]], place: str = "machine"
) -> str:
    """Return the landing page; without demo accounts it does not speak of them."""
    where, advice = PLACES[place]
    docs = "".join(
        f"<li><a href='http://{name}.{host}/docs'>{name}</a>"
        f"<span>API at <code>{name}.{host}</code> and <code>{host}/api/{name}</code></span></li>"
        for name in services
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{escape(one[key])}</td>" for key in ("name", "email", "password", "role"))
        + "</tr>"
        for one in accounts
    )
    return page(
        f"EvenToNight {where}",
        "<header><p class=mark aria-hidden=true>&#9790;</p><h1>EvenToNight</h1>"
        f"<p>The night is running {where}.</p></header>"
        f"<section><h2>APIs</h2><ul class=cards>{docs}</ul></section>"
        "<section><h2>Around them</h2><ul class=cards>"
        f"<li><a href='http://mail.{host}/'>Mail</a><span>every mail, caught here</span></li>"
        f"<li><a href='http://auth.{host}/realms/eventonight/account'>Account</a>"
        "<span>Keycloak's own pages: password, sessions, second factor</span></li></ul></section>"
        f"{_demo(rows) if accounts else ''}<footer><p>{advice}</p></footer>",
    )


def _demo(rows: str) -> str:
    return (
        "<section><h2>Demo accounts</h2><div class=scroll><table>"
        "<thead><tr><th scope=col>Name<th scope=col>E-mail"
        "<th scope=col>Password<th scope=col>Role"
        f"</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def mail_list(mails: list[Mail]) -> str:
    """Return the page of caught mail."""
    rows = "".join(
        f"<tr><td>{mail.received}</td><td>{escape(mail.to)}</td>"
        f"<td><a href='/{mail.id}'>{escape(mail.subject or '(no subject)')}</a></td></tr>"
        for mail in mails
    )
    return page(
        "Caught mail",
        "<header><h1>Caught mail</h1><p>Nothing leaves this machine.</p></header>"
        "<div class=scroll><table><thead><tr><th scope=col>Received<th scope=col>To"
        f"<th scope=col>Subject</tr></thead><tbody>{rows}</tbody></table></div>",
    )


def mail_page(mail: Mail) -> str:
    """Return one mail as text, its links to be clicked; its HTML is never run."""
    text = _LINK.sub(lambda found: f"<a href='{found[0]}'>{found[0]}</a>", escape(mail.text))
    return page(
        mail.subject,
        f"<header><p><a href='/'>All mail</a></p><h1>{escape(mail.subject)}</h1>"
        f"<p>From {escape(mail.sender)} to {escape(mail.to)}, {mail.received}</p></header>"
        f"<pre>{text}</pre>",
    )


def build(
    mailbox: Mailbox,
    host: str,
    services: list[str],
    *,
    place: str = "machine",
    demo: bool = True,
) -> Litestar:
    """Return the portal's application; the gateway maps ``mail.HOST`` to ``/mail``."""
    accounts = _accounts() if demo else []

    @get("/", media_type=MediaType.HTML, sync_to_thread=False)
    def index() -> str:
        return landing(host, services, accounts, place)

    @get("/mail", media_type=MediaType.HTML, sync_to_thread=True)
    def mails() -> str:
        return mail_list(mailbox.newest())

    @get("/mail/api", sync_to_thread=True)
    def mails_as_data(to: str = "", limit: int = 50) -> list[Mail]:
        return mailbox.newest(to=to, limit=min(max(limit, 1), 500))

    @get("/mail/{mail_id:str}", media_type=MediaType.HTML, sync_to_thread=True)
    def one(mail_id: str) -> str:
        mail = mailbox.get(mail_id)
        if mail is None:
            raise NotFoundException("no such mail")
        return mail_page(mail)

    return Litestar([index, mails, mails_as_data, one], openapi_config=None, logging_config=None)


def _accounts() -> list[dict[str, str]]:
    done = subprocess.run(
        [sys.executable, "-m", "services", "seed", "--accounts"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


async def serve(
    app: Litestar, mailbox: Mailbox, *, bind: str = "127.0.0.1", port: int, smtp_port: int
) -> None:
    """Serve pages and catch mail until cancelled."""
    loop = asyncio.get_running_loop()
    catcher = await loop.create_server(mailbox.smtp, bind, smtp_port)
    server = Server(app, address=bind, port=port, interface=Interfaces.ASGI, log_enabled=False)
    async with catcher:
        await server.serve()
