"""The shell of every service's HTTP side: callers, errors, health, measures and its own docs."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from litestar import Controller, Litestar, MediaType, Request, Response, get
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.router import Router
from litestar.routes import HTTPRoute

from services.contracts.errors import NotFoundError, UnauthenticatedError, UnavailableError
from services.kit import docs, forms, metrics, openapi
from services.kit.failures import Shape, answer, put_off
from services.kit.health import Health
from services.kit.tokens import Identity, TokenVerifier

API_VERSION = "1.0.0"
JSON_BYTES = 1_000_000
BEARER: list[dict[str, list[str]]] = [{"bearer": []}]

AnyRequest = Request[Any, Any, Any]
AnyConnection = ASGIConnection[Any, Any, Any, Any]
Caller = NamedDependency[Identity]
Visitor = NamedDependency[Identity | None]


async def check_caller(connection: AnyConnection, handler: BaseRouteHandler) -> None:
    """Refuse a stranger where a token is needed, before any of the body is read.

    Raises:
        UnauthenticatedError: no token, or not a valid one.
    """
    if isinstance(handler, HTTPRouteHandler) and handler.resolve_security():
        connection.scope["auth"] = await _identity(connection)


def hide(_: AnyConnection, __: BaseRouteHandler) -> None:
    """Answer that there is nothing here."""
    raise NotFoundError("no such page")


async def provide_caller(request: AnyRequest) -> Identity:
    """Return who is calling.

    Raises:
        UnauthenticatedError: no token, or not a valid one.
    """
    known: Identity | None = request.scope.get("auth")
    return known or await _identity(request)


async def provide_visitor(request: AnyRequest) -> Identity | None:
    """Return who is calling, or ``None`` for anybody without a valid token.

    While no key is known, a page is shown to the bearer of a token as to anybody; what anybody is
    refused is put off with 503 (`failures.answer`), because it may be the caller's.
    """
    try:
        return await provide_caller(request)
    except UnauthenticatedError:
        return None
    except UnavailableError as error:
        put_off(request, error)
        return None


async def _identity(connection: AnyConnection) -> Identity:
    verifier: TokenVerifier = connection.app.state.verifier
    return await verifier.verify(_bearer(connection))


def _bearer(connection: AnyConnection) -> str:
    named = (value for name, value in connection.scope["headers"] if name == b"authorization")
    scheme, _, token = next(named, b"").decode("latin-1").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise UnauthenticatedError("Authorization: expected 'Bearer <access token>'")
    return token.strip()


@get("/health/live", include_in_schema=False, sync_to_thread=False)
def live() -> dict[str, str]:
    """Tell that the process runs."""
    return {"status": "OK"}


@get("/health/ready", include_in_schema=False)
async def ready(request: AnyRequest) -> Response[dict[str, object]]:
    """Tell whether everything the service needs answers, each part by name."""
    health: Health = request.app.state.health
    found = await health.dependencies()
    up = health.standing == "OK" and not any(found.values())
    body: dict[str, object] = {
        "status": "unavailable" if health.standing == "OK" and not up else health.standing,
        "dependencies": {
            name: {"status": "OK"} if error is None else {"status": "unavailable", "error": error}
            for name, error in found.items()
        },
    }
    return Response(body, status_code=HTTPStatus.OK if up else HTTPStatus.SERVICE_UNAVAILABLE)


@get("/health/serving", include_in_schema=False)
async def serving(request: AnyRequest) -> Response[dict[str, str]]:
    """Tell whether requests should come to this process; see ``Health.serving``."""
    up = await request.app.state.health.serving()
    status = HTTPStatus.OK if up else HTTPStatus.SERVICE_UNAVAILABLE
    return Response({"status": "OK" if up else "unavailable"}, status_code=status)


@get("/metrics", include_in_schema=False, sync_to_thread=False)
def measures(request: AnyRequest) -> Response[bytes]:
    """Return the measures in Prometheus' text format, never through the gateway."""
    if "x-forwarded-for" in request.headers:
        raise NotFoundError("no such page")
    return Response(metrics.render(), media_type=metrics.CONTENT_TYPE)


@get("/openapi.json", include_in_schema=False, sync_to_thread=False)
def openapi_document(request: AnyRequest) -> dict[str, Any]:
    """Return the service's OpenAPI 3.1 document."""
    return openapi.document(request.app)


@get("/docs", include_in_schema=False, media_type=MediaType.HTML, sync_to_thread=False)
def docs_page(request: AnyRequest) -> str:
    """Return the service's API as a page for people."""
    return docs.page(openapi.document(request.app), request.app.state.address)


def health_route(body: Mapping[str, str]) -> Any:
    """Return ``GET /health`` with the body that the service's contract asks for."""

    @get("/health", summary="Whether the service is alive", tags=["health"], sync_to_thread=False)
    def health() -> dict[str, str]:
        return dict(body)

    return health


def build_app(
    *,
    service: str,
    summary: str,
    address: str,
    routes: Sequence[type[Controller] | Router | Any],
    shape: Shape,
    verifier: TokenVerifier,
    health: Health,
    dependencies: Mapping[str, object],
) -> Litestar:
    """Return a service's application.

    Args:
        service: the service's name.
        summary: what it does, for its docs page.
        address: its public address, for its docs page.
        routes: its controllers; more exact paths win over placeholders.
        shape: the body of every error.
        verifier: checks callers' tokens.
        health: its readiness.
        dependencies: values that handlers ask for by name.
    """
    app = Litestar(
        route_handlers=[live, ready, serving, measures, openapi_document, docs_page, *routes],
        dependencies={
            "caller": Provide(provide_caller),
            "visitor": Provide(provide_visitor),
            **{
                name: Provide(_always(value), sync_to_thread=False)
                for name, value in dependencies.items()
            },
        },
        guards=[check_caller],
        before_request=forms.read_ahead,
        exception_handlers={Exception: answer(shape)},
        openapi_config=_openapi_config(service, summary),
        request_max_body_size=JSON_BYTES,
        logging_config=None,
    )
    _resolve_in_turn(app)
    app.state.verifier = verifier
    app.state.health = health
    app.state.shape = shape
    app.state.address = address
    return app


def _openapi_config(service: str, summary: str) -> OpenAPIConfig:
    scheme = SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
    return OpenAPIConfig(
        title=f"EvenToNight {service}",
        version=API_VERSION,
        description=summary,
        components=[Components(security_schemes={"bearer": scheme})],
        use_handler_docstrings=True,
        # The framework's own pages load scripts from elsewhere; ours is /docs.
        render_plugins=[JsonRenderPlugin()],
        openapi_router=Router("/schema", route_handlers=[], guards=[hide], include_in_schema=False),
    )


def _resolve_in_turn(app: Litestar) -> None:
    """Resolve a handler's dependencies one after the other.

    The framework gives each a task of its own in a task group, which costs more than all of ours
    together: but for the caller they are values that are there.
    """
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for _, model in route.route_handler_map.values():
                model.dependency_batches = [
                    {one} for batch in model.dependency_batches for one in batch
                ]


def _always(value: object) -> Any:
    def provide() -> Any:
        return value

    return provide
