"""What a context declares about its queue; the broker's whole topology is derived from it."""

from dataclasses import dataclass

from services.contracts.events import Event

EXCHANGE = "eventonight"
DEAD_LETTER_EXCHANGE = "eventonight.dlx"


@dataclass(frozen=True, kw_only=True)
class Queue:
    """A context's durable queue.

    Args:
        name: the queue's name on the broker.
        owner: the service that reads it.
        events: what is delivered to it; their routing keys are the bindings.
        partitions: above 1, that many queues ``<name>.0`` ... share the load by the event's key.
        delivery_limit: deliveries of one message before it becomes a dead letter.
    """

    name: str
    owner: str
    events: tuple[type[Event], ...]
    partitions: int = 1
    delivery_limit: int = 10

    @property
    def physical_names(self) -> tuple[str, ...]:
        """The broker's queues behind this one."""
        if self.partitions == 1:
            return (self.name,)
        return tuple(f"{self.name}.{index}" for index in range(self.partitions))
