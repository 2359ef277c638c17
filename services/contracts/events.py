"""The events on the broker, as types: the 19 of the contract and one of our own.

An event travels as ``{"eventType": <routing key>, "occurredAt", "id", "key", "version",
"payload"}``. ``id`` is the message's identity (and AMQP message_id), ``key`` the aggregate that
order is kept for, ``version`` the aggregate's version when the event was emitted. Messages of
older publishers carry neither; they decode with empty ones.
"""

from typing import Any, ClassVar, Literal, Union, cast

import msgspec

EventStatus = Literal["DRAFT", "PUBLISHED", "CANCELLED", "COMPLETED"]


class Event(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What happened; subclasses carry the payload's fields."""

    routing_key: ClassVar[str]


class UserProfile(Event, frozen=True, kw_only=True, rename="camel"):
    """The public face of a user, whole, so that replicas need no other source."""

    id: str
    username: str
    name: str
    email: str
    avatar: str
    bio: str | None = None
    interests: list[str] | None = None
    language: str = "en"
    role: str


class UserCreated(UserProfile, frozen=True, kw_only=True, rename="camel"):
    """Somebody registered."""

    routing_key: ClassVar[str] = "user.created"


class UserUpdated(UserProfile, frozen=True, kw_only=True, rename="camel"):
    """A profile changed."""

    routing_key: ClassVar[str] = "user.updated"


class UserDeleted(Event, frozen=True, kw_only=True, rename="camel"):
    """Somebody left; what belongs to them goes too."""

    routing_key: ClassVar[str] = "user.deleted"

    id: str


class EventFacts(Event, frozen=True, kw_only=True, rename="camel"):
    """What others keep of an event.

    ``date`` is local and without zone; ``instant`` is the creation time in epoch milliseconds.
    """

    event_id: str
    collaborator_ids: list[str] | None = None
    name: str | None = None
    date: str | None = None
    status: EventStatus
    tags: list[str] | None = None
    instant: int | None = None
    location_name: str | None = None


class EventCreated(EventFacts, frozen=True, kw_only=True, rename="camel"):
    """An event exists, perhaps as a draft."""

    routing_key: ClassVar[str] = "event.created"

    creator_id: str


class EventUpdated(EventFacts, frozen=True, kw_only=True, rename="camel"):
    """An event's facts changed."""

    routing_key: ClassVar[str] = "event.updated"


class EventPublished(Event, frozen=True, kw_only=True, rename="camel"):
    """An event can be seen by everybody."""

    routing_key: ClassVar[str] = "event.published"

    event_id: str
    name: str
    creator_id: str
    creator_name: str


class EventRef(Event, frozen=True, kw_only=True, rename="camel"):
    """Only the event's id."""

    event_id: str


class EventCancelled(EventRef, frozen=True, kw_only=True, rename="camel"):
    """A published event will not take place."""

    routing_key: ClassVar[str] = "event.cancelled"


class EventCompleted(EventRef, frozen=True, kw_only=True, rename="camel"):
    """A published event's date has passed."""

    routing_key: ClassVar[str] = "event.completed"


class EventDeleted(EventRef, frozen=True, kw_only=True, rename="camel"):
    """An event is gone."""

    routing_key: ClassVar[str] = "event.deleted"


class TicketTypeCreated(Event, frozen=True, kw_only=True, rename="camel"):
    """A ticket type is for sale; ``price`` in major units."""

    routing_key: ClassVar[str] = "ticket-type.created"

    event_id: str
    ticket_type_id: str
    price: float


class TicketTypeUpdated(Event, frozen=True, kw_only=True, rename="camel"):
    """A ticket type's price changed; ``price`` in major units."""

    routing_key: ClassVar[str] = "ticket-type.updated"

    ticket_type_id: str
    price: float


class TicketTypeDeleted(Event, frozen=True, kw_only=True, rename="camel"):
    """A ticket type is no longer for sale."""

    routing_key: ClassVar[str] = "ticket-type.deleted"

    ticket_type_id: str


class Order(Event, frozen=True, kw_only=True, rename="camel"):
    """An order, its buyer and its event."""

    order_id: str
    user_id: str
    event_id: str


class OrderConfirmed(Order, frozen=True, kw_only=True, rename="camel"):
    """An order is paid."""

    routing_key: ClassVar[str] = "payments.order.confirmed"


class OrderRejected(Order, frozen=True, kw_only=True, rename="camel"):
    """An order failed or expired."""

    routing_key: ClassVar[str] = "payments.order.rejected"


class LikeCreated(Event, frozen=True, kw_only=True, rename="camel"):
    """Somebody likes an event."""

    routing_key: ClassVar[str] = "interactions.like.created"

    creator_id: str
    event_id: str
    event_name: str
    user_id: str
    user_name: str
    user_avatar: str


class FollowCreated(Event, frozen=True, kw_only=True, rename="camel"):
    """Somebody follows somebody."""

    routing_key: ClassVar[str] = "interactions.follow.created"

    followed_id: str
    follower_id: str
    follower_name: str
    follower_avatar: str


class FollowDeleted(Event, frozen=True, kw_only=True, rename="camel"):
    """Somebody no longer follows somebody."""

    routing_key: ClassVar[str] = "interactions.follow.deleted"

    followed_id: str
    follower_id: str


class ReviewCreated(Event, frozen=True, kw_only=True, rename="camel"):
    """Somebody reviewed an event."""

    routing_key: ClassVar[str] = "interactions.review.created"

    creator_id: str
    event_id: str
    user_id: str
    user_name: str
    user_avatar: str


class MessageCreated(Event, frozen=True, kw_only=True, rename="camel"):
    """A chat message was sent; ``created_at`` is an instant with Z."""

    routing_key: ClassVar[str] = "chat.message.created"

    receiver_id: str
    conversation_id: str
    sender_id: str
    sender_name: str
    sender_avatar: str
    message_id: str
    message: str
    created_at: str


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What stays of somebody who left, how much of it, and why."""

    kind: str
    count: int
    reason: str


class UserErased(Event, frozen=True, kw_only=True, rename="camel"):
    """A service has let go of somebody who left; ``removed`` counts by kind."""

    routing_key: ClassVar[str] = "user.erased"

    user_id: str
    service: str
    removed: dict[str, int]
    kept: list[Kept] = []


EVENTS: tuple[type[Event], ...] = (
    UserCreated,
    UserUpdated,
    UserDeleted,
    EventCreated,
    EventUpdated,
    EventPublished,
    EventCancelled,
    EventCompleted,
    EventDeleted,
    TicketTypeCreated,
    TicketTypeUpdated,
    TicketTypeDeleted,
    OrderConfirmed,
    OrderRejected,
    LikeCreated,
    FollowCreated,
    FollowDeleted,
    ReviewCreated,
    MessageCreated,
    UserErased,
)


class Envelope(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An event on its way; one tagged subclass per event carries the payload."""

    occurred_at: str
    payload: Any
    id: str = ""
    key: str = ""
    version: int = 0

    @property
    def routing_key(self) -> str:
        """The event's type, which is also its routing key."""
        tag = self.__struct_config__.tag
        return str(tag)


def _envelope_of(event: type[Event]) -> type[Envelope]:
    kind = msgspec.defstruct(
        f"{event.__name__}Envelope",
        [("payload", event)],
        bases=(Envelope,),
        tag_field="eventType",
        tag=event.routing_key,
        frozen=True,
        kw_only=True,
        rename="camel",
    )
    return cast("type[Envelope]", kind)


ENVELOPES: dict[str, type[Envelope]] = {event.routing_key: _envelope_of(event) for event in EVENTS}

_decoder: msgspec.json.Decoder[Envelope] = msgspec.json.Decoder(
    Union[tuple(ENVELOPES.values())]  # noqa: UP007 - the members are known at run time only
)
_encoder = msgspec.json.Encoder()


def encode(event: Event, *, occurred_at: str, id: str, key: str, version: int) -> bytes:  # noqa: A002 - the wire's name
    """Return the JSON bytes of an event in its envelope."""
    envelope = ENVELOPES[event.routing_key](
        occurred_at=occurred_at, payload=event, id=id, key=key, version=version
    )
    return _encoder.encode(envelope)


def decode(body: bytes) -> Envelope:
    """Return the envelope of a message's bytes.

    Raises:
        msgspec.DecodeError: not JSON, an unknown event, or a payload that breaks its type
            (``msgspec.ValidationError`` names the field).
    """
    return _decoder.decode(body)
