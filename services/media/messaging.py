"""What media reads from the broker: who and what is gone."""

from services.contracts.events import Event, EventDeleted, UserDeleted
from services.contracts.topology import Queue
from services.kit.amqp import Handler, Message
from services.media.application.farewells import Farewells

QUEUE = Queue(name="media_queue", owner="media", events=(UserDeleted, EventDeleted))


def handlers(farewells: Farewells) -> dict[type[Event], Handler]:
    """Return what is done per event; cleaning twice does no harm."""

    async def user_deleted(event: UserDeleted, _: Message) -> None:
        await farewells.user_left(event.id)

    async def event_deleted(event: EventDeleted, _: Message) -> None:
        await farewells.clean("events", event.event_id)

    return {UserDeleted: user_deleted, EventDeleted: event_deleted}
