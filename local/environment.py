"""What each service process is told: addresses from the resource, credentials from the Secrets."""

import os
from urllib.parse import quote

from local.configuration import Setup
from local.parts import secret

LOOPBACK = "127.0.0.1"


def of_service(setup: Setup, name: str) -> dict[str, str]:
    """Return the environment of a service."""
    wanted = setup.resource.spec
    ports = {service.name: service.port for service in wanted.services}
    realm = wanted.identity.realm.name
    peers = {other: f"http://{LOOPBACK}:{port}" for other, port in ports.items() if other != name}
    common = {
        "PORT": str(ports[name]),
        "HOST": wanted.gateway.host,
        "PUBLIC_SCHEME": wanted.gateway.scheme,
        "KEYCLOAK_URL": wanted.identity.keycloak.url,
        "KEYCLOAK_REALM": realm,
        "TOKEN_ISSUER": f"{wanted.gateway.scheme}://auth.{wanted.gateway.host}/realms/{realm}",
        "TOKEN_AUDIENCE": wanted.identity.audience,
        "REDIS_URL": wanted.cache.url,
        "PEERS": ",".join(f"{other}={url}" for other, url in peers.items()),
        **{name: text for name, text in os.environ.items() if name.startswith("OTEL_")},
        **{f"{other.upper()}_URL": f"http://{LOOPBACK}:{port}" for other, port in ports.items()},
    }
    return (
        common
        | _broker(setup, name)
        | _database(setup, name)
        | _client(setup, name)
        | (_object_store(setup) if name == "media" else {})
    )


def _broker(setup: Setup, name: str) -> dict[str, str]:
    messaging = setup.resource.spec.messaging
    user = next((one for one in messaging.users if one.name == name), None)
    if user is None:
        return {}
    keys = secret(setup.site, user.secret_ref.name)
    scheme, _, place = messaging.connection.url.partition("://")
    login = f"{quote(keys['username'], safe='')}:{quote(keys['password'], safe='')}"
    return {"AMQP_URL": f"{scheme}://{login}@{place}/{quote(messaging.vhost, safe='')}"}


def _database(setup: Setup, name: str) -> dict[str, str]:
    for replica_set in setup.resource.spec.mongodb.replica_sets:
        for database in replica_set.databases:
            if database.user == name:
                keys = secret(setup.site, database.secret_ref.name)
                login = f"{quote(keys['username'], safe='')}:{quote(keys['password'], safe='')}"
                options = f"authSource={database.name}&replicaSet={replica_set.name}"
                place = f"{','.join(replica_set.hosts)}/{database.name}?{options}"
                return {"MONGO_URL": f"mongodb://{login}@{place}"}
    return {}


def _client(setup: Setup, name: str) -> dict[str, str]:
    for client in setup.resource.spec.identity.clients:
        if client.client_id == f"{name}-service":
            keys = secret(setup.site, client.secret_ref.name)
            return {"CLIENT_ID": keys["clientId"], "CLIENT_SECRET": keys["clientSecret"]}
    return {}


def _object_store(setup: Setup) -> dict[str, str]:
    store = setup.resource.spec.object_store
    keys = secret(setup.site, store.secret_ref.name)
    return {
        "S3_ENDPOINT": store.endpoint,
        "S3_BUCKET": store.bucket,
        "S3_ACCESS_KEY": keys["accessKey"],
        "S3_SECRET_KEY": keys["secretKey"],
    }
