"""Somebody who has left something everywhere."""

import io
import uuid
from dataclasses import dataclass
from typing import Any

from PIL import Image

from client import Client, Person, eventually, picture
from services.kit.tokens import ServiceTokens


@dataclass
class Known:
    """An organization with a profile, pictures, events and things it helps with."""

    person: Person
    name: str
    bio: str
    published: str
    draft: str
    cancelled: str
    helped: str

    @property
    def texts(self) -> list[str]:
        person = self.person
        return [person.id, person.username, person.email, self.name, self.bio]


async def somebody(product: Client) -> Known:
    person = await product.register("organization")
    name, bio = f"Nome {uuid.uuid4().hex[:8]}", f"bio {uuid.uuid4().hex}"
    body = {
        "accountDTO": {"darkMode": True, "language": "it", "interests": ["Rock"]},
        "profileDTO": {"name": name, "bio": bio, "contacts": [f"https://{uuid.uuid4().hex}.it"]},
    }
    path = f"/{person.id}"
    assert (await product.users("PUT", path, json=body, headers=person.auth)).status_code == 204
    files: dict[str, Any] = {"avatar": ("a.jpg", portrait(), "image/jpeg")}
    done = await product.users("POST", f"{path}/avatar", files=files, headers=person.auth)
    assert done.status_code == 200
    await product.media(
        "GET", f"/users/{person.id}/avatar.jpg", params={"width": 320}, headers={"Accept": "*/*"}
    )
    published = await product.create_event(person)
    draft = await product.create_event(person, status="DRAFT", poster=picture())
    cancelled = await product.create_event(person)
    await product.events("DELETE", f"/{cancelled}", headers=person.auth)
    return Known(person, name, bio, published, draft, cancelled, await _helped(product, person))


async def _helped(product: Client, person: Person) -> str:
    other = await product.register("organization")

    async def known() -> str:
        answer = await product.post_event(other, collaboratorIds=[person.id])
        return str(answer.json()["eventId"]) if answer.status_code == 201 else ""

    return str(await eventually(known))


def portrait() -> bytes:
    content = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").resize((500, 400)).save(content, "JPEG")
    return content.getvalue()


async def service_token(product: Client) -> dict[str, str]:
    told = product.servers.environment("events")
    realm = f"{told['KEYCLOAK_URL']}/realms/eventonight"
    tokens = ServiceTokens(realm, told["CLIENT_ID"], told["CLIENT_SECRET"], product.http)
    return {"Authorization": f"Bearer {await tokens.get()}"}
