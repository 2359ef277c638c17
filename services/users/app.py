"""Wires the users service."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from litestar import Litestar

from services.kit import amqp, http, outgoing
from services.kit.amqp import Broker
from services.kit.failures import plain_text
from services.kit.health import Health
from services.kit.inbox import Inbox
from services.kit.intents import Intents, Sweeper
from services.kit.mongo import Mongo
from services.kit.outbox import Outbox, Relay
from services.kit.personal import people_route
from services.kit.service import Service
from services.kit.settings import AmqpUrl, MongoUrl, Peers, Text, Url, addresses
from services.kit.settings import Settings as KitSettings
from services.kit.tokens import Keys, ServiceTokens, TokenVerifier
from services.users import messaging
from services.users.application.accounts import Addresses, Application
from services.users.application.departures import Departures
from services.users.application.exports import Exports
from services.users.application.ports import AVATAR, REGISTRATION, REMOVAL
from services.users.application.receipts import Receipts
from services.users.gateways.archive import ZipArchive
from services.users.gateways.outside import Keycloak, Media
from services.users.gateways.peers import HttpPeers
from services.users.http.controller import SessionController, UserController
from services.users.http.privacy import PrivacyController
from services.users.storage import INDEXES, MongoReceipts, MongoUsers

NAME = "users"


class Settings(KitSettings, frozen=True, kw_only=True):
    """What users needs besides."""

    mongo_url: MongoUrl
    amqp_url: AmqpUrl
    client_id: Text
    client_secret: Text
    media_url: Url
    peers: Peers
    send_verification: Annotated[bool, msgspec.Meta(description="Mail new accounts.")] = True


def build(settings: Settings) -> Service:
    """Return the service; nothing is connected to yet."""
    database = Mongo(settings.mongo_url, service=NAME)
    broker = Broker(settings.amqp_url, service=NAME)
    client = outgoing.client(NAME)
    login = settings.client_id, settings.client_secret
    tokens = ServiceTokens(settings.realm_url, *login, client)
    keys = Keys(settings.realm_url, client)
    verifier = TokenVerifier(keys, issuer=settings.token_issuer, audience=settings.token_audience)
    keycloak = Keycloak(
        settings.keycloak_url, settings.keycloak_realm, *login, tokens=tokens, client=client
    )
    profiles, peers = MongoUsers(database), addresses(settings.peers)
    receipts = Receipts(MongoReceipts(database), (NAME, *peers))
    users = Application(
        users=profiles,
        accounts=keycloak,
        pictures=Media(settings.media_url, tokens, client),
        verifier=verifier,
        events=Outbox(database),
        unfinished=Intents(database),
        transaction=database.transaction,
        addresses=Addresses(settings.public_url("media"), settings.public_url(NAME)),
    )
    departures = _departures(database, profiles, keycloak, receipts)
    exports = Exports(
        users=profiles,
        accounts=keycloak,
        peers=HttpPeers(peers, settings.media_url, tokens, client),
        archive=ZipArchive,
    )
    settlers = {
        REGISTRATION: users.settle_registration,
        REMOVAL: departures.settle,
        AVATAR: users.settle_avatar,
    }
    sweeper = Sweeper(database, settlers, grace=settings.intent_grace)
    checks = {"mongodb": database.ping, "rabbitmq": broker.ping, "keycloak": keycloak.ping}
    health = Health(NAME, checks)
    handlers = messaging.handlers(users, receipts, verify_addresses=settings.send_verification)
    readers = amqp.consumers(broker, messaging.QUEUE, handlers, inbox=Inbox(database))
    return Service(
        name=NAME,
        app=_app(
            settings,
            verifier,
            health,
            exports,
            {"users": users, "departures": departures, "keys": keys, "receipts": receipts},
        ),
        health=health,
        prepare=[lambda: database.ensure_indexes(INDEXES)],
        jobs={
            "relay": Relay(database, broker.publish, service=NAME).run,
            "sweeper": sweeper.run,
            **{one.name: one.run for one in readers},
        },
        close=[broker.close, database.close, client.aclose],
    )


def _departures(
    database: Mongo, profiles: MongoUsers, keycloak: Keycloak, receipts: Receipts
) -> Departures:
    return Departures(
        users=profiles,
        accounts=keycloak,
        events=Outbox(database),
        unfinished=Intents(database),
        transaction=database.transaction,
        receipts=receipts,
    )


def _app(
    settings: Settings,
    verifier: TokenVerifier,
    health: Health,
    exports: Exports,
    dependencies: Mapping[str, object],
) -> Litestar:
    return http.build_app(
        service=NAME,
        summary="Accounts, profiles and sign-in.",
        routes=[
            http.health_route({"status": "OK"}),
            people_route(exports.personal),
            PrivacyController,
            SessionController,
            UserController,
        ],
        address=settings.public_url(NAME),
        shape=plain_text,
        verifier=verifier,
        health=health,
        dependencies={**dependencies, "exports": exports},
    )
