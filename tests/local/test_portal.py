"""The page on the main host: where it says it runs, and whom it shows."""

from pathlib import Path

from litestar.testing import TestClient

from local import portal
from local.mailbox import Mailbox


def page(folder: Path, *, place: str = "machine", demo: bool = True) -> str:
    app = portal.build(Mailbox(folder), "localhost:8080", ["users"], place=place, demo=demo)
    with TestClient(app) as client:
        answer = client.get("/")
    assert answer.status_code == 200
    return answer.text


def test_on_one_machine_it_shows_the_demo_and_what_to_type(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert "alice95@example.com" in text
    assert "make status" in text
    assert "http://users.localhost:8080/docs" in text


def test_on_a_cluster_without_a_demo_it_names_no_accounts(tmp_path: Path) -> None:
    text = page(tmp_path, place="cluster", demo=False)
    assert "alice95" not in text
    assert "Demo accounts" not in text
    assert "make status" not in text
    assert "kubectl get etn" in text
