"""The shell around every request."""

from litestar import Litestar, get
from litestar.routes import HTTPRoute
from litestar.testing import TestClient
from litestar.types import ASGIApp

from services import catalogue
from services.kit import metrics
from services.kit.edge import Edge
from services.kit.settings import load


@get("/here", sync_to_thread=False)
def here() -> None: ...


def client(service: str) -> TestClient[ASGIApp]:
    return TestClient(Edge(Litestar([here], openapi_config=None), service=service))


def test_requests_are_counted_by_route_and_made_up_methods_as_one() -> None:
    with client("edge-test") as caller:
        for method in ("GET", "GET", "BREW", "FETCH"):
            caller.request(method, "/here")
    told = metrics.render().decode()
    mine = [line for line in told.splitlines() if "requests_total{" in line and "edge-test" in line]
    assert any('method="GET",route="/here"' in line and line.endswith(" 2.0") for line in mine)
    assert any('method="other"' in line and line.endswith(" 2.0") for line in mine)
    assert len(mine) == 2


def test_no_handler_gets_its_dependencies_by_tasks_of_their_own() -> None:
    for name in catalogue.CONTEXTS:
        context = catalogue.app_of(name)
        app = context.build(load(context.Settings, catalogue.EXAMPLE_ENVIRONMENT)).app
        for route in app.routes:
            if isinstance(route, HTTPRoute):
                for _, model in route.route_handler_map.values():
                    assert all(len(batch) == 1 for batch in model.dependency_batches)
