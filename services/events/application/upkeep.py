"""What happens to events by themselves: time passes, prices and likes come in."""

import asyncio

from services.contracts import events as facts
from services.events.application.ports import Events, Outbox
from services.events.domain.event import Status, voted
from services.kit.clock import Clock, parse_instant, utc_now
from services.kit.mongo import Transaction

BATCH = 100
REST_SECONDS = 10.0
LIKE_WEIGHT = 1.0
ORDER_WEIGHT = 3.0


class Upkeep:
    """The use cases, on ports; each is safe to be done again."""

    def __init__(
        self,
        *,
        events: Events,
        outbox: Outbox,
        transaction: Transaction,
        clock: Clock = utc_now,
    ) -> None:
        self._events = events
        self._outbox = outbox
        self._transaction = transaction
        self._clock = clock

    async def keep_completing(self) -> None:
        """Complete past events for ever, resting while there are none."""
        while True:
            if await self.complete_past() == 0:
                await asyncio.sleep(REST_SECONDS)

    async def complete_past(self) -> int:
        """Complete published events whose date has passed and return how many this call did.

        However many replicas call it at once, each event is completed, and told of, once: the
        move is conditional and shares its transaction with the news.
        """
        ids = await self._events.past(self._clock(), BATCH)
        return sum([await self._complete(event_id) for event_id in ids])

    async def _complete(self, event_id: str) -> bool:
        async def work() -> bool:
            event = await self._events.move(event_id, Status.PUBLISHED, Status.COMPLETED)
            if event is None:
                return False
            news = facts.EventCompleted(event_id=event_id)
            await self._outbox.append(news, key=event_id, version=event.version)
            return True

        return await self._transaction(work)

    async def set_price(self, event_id: str | None, ticket_type_id: str, price: float) -> None:
        """Keep the price of a ticket type."""
        await self._events.set_price(event_id, ticket_type_id, price)

    async def drop_price(self, ticket_type_id: str) -> None:
        """Forget a ticket type."""
        await self._events.drop_price(ticket_type_id)

    async def vote(self, event_id: str, occurred_at: str, weight: float) -> None:
        """Count a like or an order towards an event's popularity."""
        popularity = await self._events.popularity(event_id)
        if popularity is not None:
            after = voted(popularity, parse_instant(occurred_at), weight)
            await self._events.set_popularity(event_id, after)
