"""What events reads from the broker."""

from services.contracts import events as facts
from services.contracts.topology import Queue
from services.events.application.people import Acquaintances
from services.events.application.upkeep import LIKE_WEIGHT, ORDER_WEIGHT, Upkeep
from services.kit.amqp import Handler, Message

QUEUE = Queue(
    name="events-service-queue",
    owner="events",
    events=(
        facts.UserCreated,
        facts.UserUpdated,
        facts.UserDeleted,
        facts.TicketTypeCreated,
        facts.TicketTypeUpdated,
        facts.TicketTypeDeleted,
        facts.LikeCreated,
        facts.OrderConfirmed,
    ),
)


def handlers(upkeep: Upkeep, acquaintances: Acquaintances) -> dict[type[facts.Event], Handler]:
    """Return what is done per event, each once, in the transaction of its inbox entry."""

    async def user(event: facts.UserProfile, message: Message) -> None:
        await acquaintances.know(event, message.version)

    async def user_deleted(event: facts.UserDeleted, _: Message) -> None:
        await acquaintances.forget(event.id)

    async def priced(event: facts.TicketTypeCreated, _: Message) -> None:
        await upkeep.set_price(event.event_id, event.ticket_type_id, event.price)

    async def repriced(event: facts.TicketTypeUpdated, _: Message) -> None:
        await upkeep.set_price(None, event.ticket_type_id, event.price)

    async def unpriced(event: facts.TicketTypeDeleted, _: Message) -> None:
        await upkeep.drop_price(event.ticket_type_id)

    async def liked(event: facts.LikeCreated, message: Message) -> None:
        await upkeep.vote(event.event_id, message.occurred_at, LIKE_WEIGHT)

    async def ordered(event: facts.OrderConfirmed, message: Message) -> None:
        await upkeep.vote(event.event_id, message.occurred_at, ORDER_WEIGHT)

    return {
        facts.UserCreated: user,
        facts.UserUpdated: user,
        facts.UserDeleted: user_deleted,
        facts.TicketTypeCreated: priced,
        facts.TicketTypeUpdated: repriced,
        facts.TicketTypeDeleted: unpriced,
        facts.LikeCreated: liked,
        facts.OrderConfirmed: ordered,
    }
