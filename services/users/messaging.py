"""What users reads from the broker: its own news, to have the address verified."""

from services.contracts.events import Event, UserCreated
from services.contracts.topology import Queue
from services.kit.amqp import Handler, Message
from services.users.application.accounts import Application

QUEUE = Queue(name="users_queue", owner="users", events=(UserCreated,))


def handlers(users: Application) -> dict[type[Event], Handler]:
    """Return what is done per event; a mail sent twice after a crash does no harm."""

    async def verify(event: UserCreated, _: Message) -> None:
        await users.verify_new(event.id)

    return {UserCreated: verify}
