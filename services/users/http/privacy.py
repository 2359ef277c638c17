"""What people may ask about their own data: a copy of all of it, and proof that it is gone."""

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.response import Response, Stream

from services.contracts.events import Kept
from services.kit.clock import instant_text
from services.kit.failures import answer, problem
from services.kit.http import BEARER, Caller
from services.kit.openapi import documented
from services.users.application.exports import Exports
from services.users.application.receipts import Receipt, Receipts

ZIP = "application/zip"
FILE_NAME = "eventonight-export.zip"
PRIVATE = {"Cache-Control": "no-store"}
ARCHIVE = {200: ResponseSpec(data_container=bytes, media_type=ZIP, generate_examples=False)}


class ReportView(msgspec.Struct, frozen=True, rename="camel"):
    """What one service removed, by kind, and what it kept and why."""

    service: str
    reported_at: str
    removed: dict[str, int]
    kept: list[Kept]


class ReceiptView(msgspec.Struct, frozen=True, rename="camel"):
    """A receipt of a deletion; complete once nobody is waited for."""

    id: str
    requested_at: str
    expires_at: str
    complete: bool
    waiting_for: list[str]
    services: list[ReportView]


class PrivacyController(Controller):
    """Copies and receipts."""

    path = "/"
    tags = ("privacy",)
    exception_handlers = {Exception: answer(problem)}  # noqa: RUF012 - as the framework reads it

    @get(
        "/{user_id:str}/export",
        security=BEARER,
        responses=documented(401, 403, 404, 503, problem=True) | ARCHIVE,
        summary="Everything that is kept of a person, as a zip file",
    )
    async def export(
        self, user_id: FromPath[str], caller: Caller, exports: NamedDependency[Exports]
    ) -> Stream:
        """Return it to its owner, from every service, whole; 503 where one does not answer."""
        archive = await exports.make(caller, user_id)
        headers = {
            **PRIVATE,
            "Content-Disposition": f'attachment; filename="{FILE_NAME}"',
            "Content-Length": str(archive.size),
        }
        return Stream(archive.content(), headers=headers, media_type=ZIP)

    @get(
        "/receipts/{receipt_id:str}",
        responses=documented(404, 503, problem=True),
        summary="What was removed and kept when an account was deleted",
    )
    async def receipt(
        self, receipt_id: FromPath[str], receipts: NamedDependency[Receipts]
    ) -> Response[ReceiptView]:
        """Return the receipt that the deletion's `Location` named; it needs no account."""
        return Response(_view(await receipts.get(receipt_id)), headers=PRIVATE)


def _view(receipt: Receipt) -> ReceiptView:
    return ReceiptView(
        id=receipt.id,
        requested_at=instant_text(receipt.requested_at),
        expires_at=instant_text(receipt.expires_at),
        complete=not receipt.waiting_for,
        waiting_for=receipt.waiting_for,
        services=[
            ReportView(one.service, instant_text(one.reported_at), one.removed, one.kept)
            for one in receipt.reports
        ],
    )
