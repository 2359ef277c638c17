"""The events service, asked who may write an event's pictures, and the broker."""

import hashlib

import httpx
import msgspec

from services.contracts import events
from services.contracts.errors import UnavailableError
from services.contracts.events import UserErased
from services.kit.amqp import Broker
from services.kit.clock import instant_text, utc_now

OWNER_SECONDS = 3.0


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    creator_id: str
    collaborator_ids: list[str] = []


class EventsService:
    """Asks the events service who may edit an event, with the caller's own token."""

    def __init__(self, base: str, client: httpx.AsyncClient) -> None:
        self._base = base.rstrip("/")
        self._client = client

    async def may_edit(self, event_id: str, user_id: str, bearer: str) -> bool:
        """Tell whether a user made an event or collaborates on it.

        Raises:
            UnavailableError: the events service does not answer.
        """
        try:
            answer = await self._client.get(
                f"{self._base}/{event_id}",
                headers={"Authorization": bearer},
                timeout=OWNER_SECONDS,
            )
        except httpx.HTTPError as error:
            raise UnavailableError("events are not available right now") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            return False
        if answer.is_error:
            raise UnavailableError("events are not available right now")
        event = msgspec.json.decode(answer.content, type=_Event)
        return user_id == event.creator_id or user_id in event.collaborator_ids


class BrokerReports:
    """Reports on the broker; media has no database, so the message's id is made of its subject."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def erased(self, report: UserErased) -> None:
        """Publish a report and return once it is confirmed."""
        name = f"{report.service}:{report.user_id}"
        message_id = hashlib.sha256(name.encode()).hexdigest()[:32]
        body = events.encode(
            report,
            occurred_at=instant_text(utc_now()),
            id=message_id,
            key=report.user_id,
            version=0,
        )
        await self._broker.publish(
            report.routing_key, body, message_id=message_id, key=report.user_id
        )
