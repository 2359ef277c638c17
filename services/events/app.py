"""Wires the events service."""

from collections.abc import Mapping

from litestar import Litestar

from services.events import messaging
from services.events.application.finding import Finding
from services.events.application.nights import Nights
from services.events.application.people import Acquaintances
from services.events.application.ports import FAREWELL, POSTER
from services.events.application.upkeep import Upkeep
from services.events.gateways import MediaPosters
from services.events.http.controller import EventController, MediaAddress
from services.events.http.search import SearchController
from services.events.storage.events import INDEXES, MongoEvents
from services.events.storage.organizations import MongoOrganizations
from services.events.storage.people import MongoPeople
from services.kit import amqp, http, outgoing
from services.kit.amqp import Broker
from services.kit.cursors import Cursors
from services.kit.failures import error_object
from services.kit.group_commit import GroupCommit
from services.kit.health import Health
from services.kit.inbox import Inbox
from services.kit.intents import Intents, Sweeper
from services.kit.mongo import Mongo
from services.kit.outbox import Outbox, Relay
from services.kit.personal import people_route
from services.kit.service import Service
from services.kit.settings import AmqpUrl, MongoUrl, Text, Url
from services.kit.settings import Settings as KitSettings
from services.kit.tokens import Keys, ServiceTokens, TokenVerifier

NAME = "events"


class Settings(KitSettings, frozen=True, kw_only=True):
    """What events needs besides."""

    mongo_url: MongoUrl
    amqp_url: AmqpUrl
    client_id: Text
    client_secret: Text
    media_url: Url


def build(settings: Settings) -> Service:
    """Return the service; nothing is connected to yet."""
    database = Mongo(settings.mongo_url, service=NAME)
    broker = Broker(settings.amqp_url, service=NAME)
    client = outgoing.client(NAME)
    keys = Keys(settings.realm_url, client)
    verifier = TokenVerifier(keys, issuer=settings.token_issuer, audience=settings.token_audience)
    tokens = ServiceTokens(settings.realm_url, settings.client_id, settings.client_secret, client)
    media = settings.public_url("media")
    events, organizations = MongoEvents(database), MongoOrganizations(database)
    outbox = Outbox(database)
    nights = Nights(
        events=events,
        organizations=organizations,
        posters=MediaPosters(settings.media_url, media, tokens, client),
        outbox=outbox,
        unfinished=Intents(database),
        transaction=database.transaction,
        group_commit=GroupCommit(database),
    )
    finding = Finding(events=events, cursors=Cursors(settings.client_secret))
    upkeep = Upkeep(events=events, outbox=outbox, transaction=database.transaction)
    acquaintances = Acquaintances(
        events=events,
        people=MongoPeople(database),
        organizations=organizations,
        outbox=outbox,
        unfinished=Intents(database),
        transaction=database.transaction,
        nights=nights,
    )
    settlers = {POSTER: nights.settle_poster, FAREWELL: acquaintances.settle_farewell}
    sweeper = Sweeper(database, settlers, grace=settings.intent_grace)
    health = Health(NAME, {"mongodb": database.ping, "rabbitmq": broker.ping})
    readers = amqp.consumers(
        broker,
        messaging.QUEUE,
        messaging.handlers(upkeep, acquaintances),
        inbox=Inbox(database),
        transaction=database.transaction,
    )
    return Service(
        name=NAME,
        app=_app(
            settings,
            verifier,
            health,
            acquaintances,
            {"nights": nights, "finding": finding, "media": MediaAddress(media)},
        ),
        health=health,
        prepare=[lambda: database.ensure_indexes(INDEXES), events.keeper.prepare],
        jobs={
            "relay": Relay(database, broker.publish, service=NAME).run,
            "sweeper": sweeper.run,
            "completion": upkeep.keep_completing,
            "keeper": events.keeper.run,
            **{one.name: one.run for one in readers},
        },
        close=[broker.close, database.close, client.aclose],
    )


def _app(
    settings: Settings,
    verifier: TokenVerifier,
    health: Health,
    acquaintances: Acquaintances,
    dependencies: Mapping[str, object],
) -> Litestar:
    return http.build_app(
        service=NAME,
        summary="Events: drafting, publishing, finding.",
        routes=[
            http.health_route({"status": "OK"}),
            people_route(acquaintances.personal),
            EventController,
            SearchController,
        ],
        address=settings.public_url(NAME),
        shape=error_object,
        verifier=verifier,
        health=health,
        dependencies=dependencies,
    )
