"""What people do, through the ingress port, and what a second installation changes: nothing."""

import json
import uuid
from pathlib import Path

from client import eventually, local_date, picture
from e2e.cluster import Cluster, Object, Public

CHARTS = Path(__file__).parents[1] / "charts"
KINDS = (
    "deployments,statefulsets,services,configmaps,secrets,serviceaccounts,jobs,ingresses,"
    "poddisruptionbudgets,networkpolicies,roles,rolebindings,persistentvolumeclaims,eventonights"
)


async def published(public: Public, organizer: Object, title: str, poster: bytes) -> str:
    """Publish a night with its poster and return its id."""
    event = {
        "creatorId": organizer["id"],
        "status": "PUBLISHED",
        "title": title,
        "date": local_date(days=10),
        "location": {"name": "Teatro Verdi", "city": "Cesena", "lat": 44.14, "lon": 12.24},
        "tags": ["Party"],
    }
    answer = await public(
        "POST",
        "/",
        service="events",
        files={"event": (None, json.dumps(event)), "poster": ("p.jpg", poster, "image/jpeg")},
        headers={"Authorization": f"Bearer {organizer['accessToken']}"},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["eventId"])


async def test_a_night_is_published_found_and_its_poster_seen(public: Public) -> None:
    organizer = await public.register("organization")
    member = await public.register()
    title, poster = f"Notte {uuid.uuid4().hex[:8]}", picture(size=(120, 160))
    event_id = await published(public, organizer, title, poster)

    async def found() -> list[Object]:
        answer = await public("GET", "/api/events/search", params={"query": title})
        assert answer.status_code == 200, answer.text
        return [one for one in answer.json()["items"] if one["eventId"] == event_id]

    (night,) = await eventually(found)
    assert night["title"] == title
    place, _, path = str(night["poster"]).removeprefix("http://").partition("/")
    assert place == f"media.{public.host}"
    seen = await public("GET", f"/{path}", service="media")
    assert seen.status_code == 200
    assert seen.headers["content-type"] == "image/jpeg"
    assert seen.content == poster
    again = await public(
        "POST", "/login", service="users", json={"username": member["username"], "password": "no"}
    )
    assert again.status_code == 401


async def test_what_is_private_stays_inside(public: Public) -> None:
    for service in ("users", "events", "media"):
        for path in ("/metrics", "/internal/x", "/Metrics"):
            by_host = await public("GET", path, service=service)
            by_path = await public("GET", f"/api/{service}{path}")
            assert by_host.status_code == by_path.status_code == 404, (service, path)


async def test_accounts_have_keycloaks_own_pages(public: Public) -> None:
    path = "/realms/eventonight/.well-known/openid-configuration"
    answer = await public("GET", path, service="auth")
    assert answer.json()["issuer"] == f"http://auth.{public.host}/realms/eventonight"


async def test_the_landing_page_leads_to_everything(public: Public) -> None:
    page = (await public("GET", "/")).text
    for name in ("users", "events", "media", "mail", "auth"):
        assert f"http://{name}.{public.host}/" in page


def versions(cluster: Cluster) -> dict[str, str]:
    return {
        f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["resourceVersion"]
        for one in cluster.items(KINDS)
        if not one["metadata"]["name"].startswith("sh.helm.release")
    }


def test_installing_twice_changes_nothing(cluster: Cluster) -> None:
    cluster.at_rest()
    before = versions(cluster)
    assert len(before) > 40
    pods = {one["metadata"]["uid"] for one in cluster.items("pods")}
    for chart, release in (("eventonight-operator", "etn-operator"), ("eventonight", "etn")):
        cluster.helm("upgrade", release, str(CHARTS / chart), "--reuse-values", seconds=120)
    assert versions(cluster) == before
    assert {one["metadata"]["uid"] for one in cluster.items("pods")} == pods
