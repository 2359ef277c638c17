"""``GET /internal/people/{userId}``: everything a service keeps of one person, for other services.

A context declares what it keeps as an asynchronous iterator of lines; this is the route around it.
The gateway routes nothing under /internal; here a token of a service is asked for besides.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Stream

from services.contracts import personal
from services.contracts.errors import ForbiddenError, NotFoundError
from services.contracts.personal import End, Line
from services.contracts.roles import SERVICE
from services.kit.failures import answer, problem
from services.kit.http import BEARER, Caller
from services.kit.tokens import Identity

Source = Callable[[str], AsyncIterator[Line]]


def check_service(request: Request[Any, Any, Any], caller: Identity) -> None:
    """Check that a request comes from a service, and not through the gateway.

    Raises:
        NotFoundError: through the gateway.
        ForbiddenError: anybody else's token.
    """
    if "x-forwarded-for" in request.headers:
        raise NotFoundError("no such page")
    if SERVICE not in caller.roles:
        raise ForbiddenError("services only")


def people_route(source: Source) -> Any:
    """Return the route that tells what `source` knows of a person."""

    @get(
        "/internal/people/{user_id:str}",
        include_in_schema=False,
        security=BEARER,
        exception_handlers={Exception: answer(problem)},
    )
    async def people(
        request: Request[Any, Any, Any], user_id: FromPath[str], caller: Caller
    ) -> Stream:
        check_service(request, caller)
        return Stream(_encoded(source(user_id)), media_type=personal.MEDIA_TYPE)

    return people


async def _encoded(lines: AsyncIterator[Line]) -> AsyncIterator[bytes]:
    count = 0
    async for line in lines:
        count += 1
        yield personal.encode(line)
    yield personal.encode(End(count))
