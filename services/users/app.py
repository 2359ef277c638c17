"""Wires the users service."""

from typing import Annotated

import httpx
import msgspec

from services.kit import amqp, http
from services.kit.amqp import Broker
from services.kit.failures import plain_text
from services.kit.health import Health
from services.kit.intents import Intents, Sweeper
from services.kit.mongo import Mongo
from services.kit.outbox import Outbox, Relay
from services.kit.service import Service
from services.kit.settings import AmqpUrl, MongoUrl, Text, Url
from services.kit.settings import Settings as KitSettings
from services.kit.tokens import Keys, ServiceTokens, TokenVerifier
from services.users import messaging
from services.users.application.accounts import Addresses, Application
from services.users.application.ports import REGISTRATION, REMOVAL
from services.users.gateways import Keycloak, Media
from services.users.http import SessionController, UserController
from services.users.storage import INDEXES, MongoUsers

NAME = "users"


class Settings(KitSettings, frozen=True, kw_only=True):
    """What users needs besides."""

    mongo_url: MongoUrl
    amqp_url: AmqpUrl
    client_id: Text
    client_secret: Text
    media_url: Url
    send_verification: Annotated[bool, msgspec.Meta(description="Mail new accounts.")] = True


def build(settings: Settings) -> Service:
    """Return the service; nothing is connected to yet."""
    database = Mongo(settings.mongo_url, service=NAME)
    broker = Broker(settings.amqp_url, service=NAME)
    client = httpx.AsyncClient()
    login = settings.client_id, settings.client_secret
    tokens = ServiceTokens(settings.realm_url, *login, client)
    keys = Keys(settings.realm_url, client)
    verifier = TokenVerifier(keys, issuer=settings.token_issuer, audience=settings.token_audience)
    keycloak = Keycloak(
        settings.keycloak_url, settings.keycloak_realm, *login, tokens=tokens, client=client
    )
    users = Application(
        users=MongoUsers(database),
        accounts=keycloak,
        pictures=Media(settings.media_url, tokens, client),
        verifier=verifier,
        events=Outbox(database),
        unfinished=Intents(database),
        transaction=database.transaction,
        addresses=Addresses(settings.public_url("media")),
    )
    settlers = {REGISTRATION: users.settle_registration, REMOVAL: users.settle_removal}
    checks = {"mongodb": database.ping, "rabbitmq": broker.ping, "keycloak": keycloak.ping}
    health = Health(NAME, checks)
    readers = amqp.consumers(broker, messaging.QUEUE, messaging.handlers(users))
    return Service(
        name=NAME,
        app=http.build_app(
            service=NAME,
            summary="Accounts, profiles and sign-in.",
            routes=[http.health_route({"status": "OK"}), SessionController, UserController],
            address=settings.public_url(NAME),
            shape=plain_text,
            verifier=verifier,
            health=health,
            dependencies={"users": users, "keys": keys},
        ),
        health=health,
        prepare=[lambda: database.ensure_indexes(INDEXES)],
        jobs={
            "relay": Relay(database, broker.publish, service=NAME).run,
            "sweeper": Sweeper(database, settlers).run,
            **({one.name: one.run for one in readers} if settings.send_verification else {}),
        },
        close=[broker.close, database.close, client.aclose],
    )
