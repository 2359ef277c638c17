"""What users reads from the broker: its own news, and what others let go of."""

from services.contracts.events import Event, UserCreated, UserErased
from services.contracts.topology import Queue
from services.kit.amqp import Handler, Message
from services.users.application.accounts import Application
from services.users.application.receipts import Receipts

QUEUE = Queue(name="users_queue", owner="users", events=(UserCreated, UserErased))


def handlers(
    users: Application, receipts: Receipts, *, verify_addresses: bool
) -> dict[type[Event], Handler]:
    """Return what is done per event; done twice after a crash it does no harm."""

    async def created(event: UserCreated, _: Message) -> None:
        if verify_addresses:
            await users.verify_new(event.id)

    async def erased(event: UserErased, _: Message) -> None:
        await receipts.collect(event)

    return {UserCreated: created, UserErased: erased}
