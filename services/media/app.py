"""Wires the media service."""

from services.kit import amqp, http, outgoing
from services.kit.amqp import Broker
from services.kit.failures import plain_text
from services.kit.health import Health
from services.kit.personal import people_route
from services.kit.service import Service
from services.kit.settings import AmqpUrl, Text, Url
from services.kit.settings import Settings as KitSettings
from services.kit.tokens import Keys, TokenVerifier
from services.media import messaging
from services.media.application.farewells import Farewells
from services.media.application.pictures import Pictures
from services.media.application.variants import Variants
from services.media.gateways.defaults import keep_defaults
from services.media.gateways.events import BrokerReports, EventsService
from services.media.gateways.store import ObjectStore
from services.media.gateways.workshop import Workshop
from services.media.http.controller import MediaController

NAME = "media"


class Settings(KitSettings, frozen=True, kw_only=True):
    """What media needs besides."""

    amqp_url: AmqpUrl
    events_url: Url
    s3_endpoint: Url
    s3_bucket: Text
    s3_access_key: Text
    s3_secret_key: Text
    s3_region: Text = "eu-south-1"


def build(settings: Settings) -> Service:
    """Return the service; nothing is connected to yet."""
    broker = Broker(settings.amqp_url, service=NAME)
    client = outgoing.client(NAME)
    keys = Keys(settings.realm_url, client)
    verifier = TokenVerifier(keys, issuer=settings.token_issuer, audience=settings.token_audience)
    store = ObjectStore(
        settings.s3_endpoint,
        settings.s3_bucket,
        settings.s3_access_key,
        settings.s3_secret_key,
        settings.s3_region,
    )
    workshop = Workshop()
    pictures = Pictures(store, workshop, EventsService(settings.events_url, client))
    variants = Variants(store, workshop)
    farewells = Farewells(store, BrokerReports(broker))
    health = Health(NAME, {"rabbitmq": broker.ping, "s3": store.ping})
    readers = amqp.consumers(broker, messaging.QUEUE, messaging.handlers(farewells))
    return Service(
        name=NAME,
        app=http.build_app(
            service=NAME,
            summary="Posters and avatars.",
            routes=[
                http.health_route({"status": "ok"}),
                people_route(farewells.personal),
                MediaController,
            ],
            address=settings.public_url(NAME),
            shape=plain_text,
            verifier=verifier,
            health=health,
            dependencies={"pictures": pictures, "variants": variants},
        ),
        health=health,
        jobs={
            "defaults": lambda: keep_defaults(store),
            "farewells": farewells.keep_forgetting,
            **{one.name: one.run for one in readers},
        },
        close=[variants.close, workshop.close, broker.close, client.aclose],
    )
