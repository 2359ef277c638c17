"""The product's routes, read from the built applications."""

from collections.abc import Iterator
from typing import NamedTuple

from litestar import Litestar
from litestar.routes import HTTPRoute

from services import catalogue
from services.kit.settings import load


class Route(NamedTuple):
    service: str
    method: str
    path: str
    needs_token: bool

    @property
    def name(self) -> str:
        return f"{self.service} {self.method} {self.path}"


def app(service: str) -> Litestar:
    module = catalogue.app_of(service)
    built: Litestar = module.build(load(module.Settings, catalogue.EXAMPLE_ENVIRONMENT)).app
    return built


def of(service: str, built: Litestar) -> Iterator[Route]:
    """Yield an application's routes; `OPTIONS` is answered before any of them."""
    for route in built.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            for method in handler.http_methods:
                if method != "OPTIONS":
                    guarded = bool(handler.resolve_security())
                    yield Route(service, str(method), route.path_format or "/", guarded)


def everything() -> list[Route]:
    return [route for service in catalogue.CONTEXTS for route in of(service, app(service))]
