"""Whatever context comes next takes part in exports and deletions, or these fail."""

import importlib

import pytest

from services import catalogue
from services.contracts.events import UserDeleted, UserErased
from services.kit.settings import load


@pytest.mark.parametrize("name", catalogue.CONTEXTS)
def test_a_context_tells_what_it_keeps_of_a_person(name: str) -> None:
    app = catalogue.app_of(name)
    service = app.build(load(app.Settings, catalogue.EXAMPLE_ENVIRONMENT))
    assert "/internal/people/{user_id:str}" in {route.path for route in service.app.routes}


@pytest.mark.parametrize("name", [one for one in catalogue.CONTEXTS if one != "users"])
def test_a_context_hears_of_deletions(name: str) -> None:
    queue = importlib.import_module(f"services.{name}.messaging").QUEUE
    assert UserDeleted in queue.events


def test_users_hears_what_others_let_go_of() -> None:
    queue = importlib.import_module("services.users.messaging").QUEUE
    assert UserErased in queue.events


@pytest.mark.parametrize("name", catalogue.CONTEXTS)
def test_nothing_internal_is_in_the_public_document(name: str) -> None:
    assert "/internal" not in catalogue.openapi(name)
