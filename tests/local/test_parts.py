"""What parts need before they start."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import parts
from local.parts import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    found = Site(state=tmp_path / "state", ports={}, host="x")
    yield found
    shutil.rmtree(parts.postgres_folder(found).parent, ignore_errors=True)


def test_a_new_stack_does_not_take_over_a_database_that_no_password_opens(site: Site) -> None:
    version = parts.postgres_folder(site) / "PG_VERSION"

    def leave() -> None:
        version.parent.mkdir(parents=True, exist_ok=True)
        version.touch()

    leave()
    parts.bootstrap_secrets(site)
    assert not version.exists()
    leave()
    parts.bootstrap_secrets(site)
    assert version.exists()
