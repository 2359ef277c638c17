"""What each service is told: addresses from the resource, credentials by name of their Secrets."""

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

import msgspec

from eventonight_operator.spec import ServiceSpec, Spec

_REFERENCE = re.compile(r"\$\(([A-Z_]+)\)")


class Variable(msgspec.Struct, frozen=True):
    """One environment variable: a value, or a key of a Secret.

    Args:
        name: the variable.
        value: may use earlier ones as ``$(NAME)``.
        secret: name of the Secret, instead of a value.
        key: key in it.
    """

    name: str
    value: str = ""
    secret: str = ""
    key: str = ""


def of_service(
    spec: Spec, name: str, *, address: Callable[[ServiceSpec], str], namespace: str = "default"
) -> list[Variable]:
    """Return the environment of a service.

    Args:
        spec: the resource.
        name: the service.
        address: where the other services find one.
        namespace: where the databases' pods are.
    """
    places = {one.name: address(one) for one in spec.services}
    realm = spec.identity.realm.name
    plain = {
        "PORT": str(next(one.port for one in spec.services if one.name == name)),
        "HOST": spec.gateway.host,
        "PUBLIC_SCHEME": spec.gateway.scheme,
        "KEYCLOAK_URL": spec.identity.keycloak.url,
        "KEYCLOAK_REALM": realm,
        "TOKEN_ISSUER": f"{spec.gateway.scheme}://auth.{spec.gateway.host}/realms/{realm}",
        "TOKEN_AUDIENCE": spec.identity.audience,
        "REDIS_URL": spec.cache.url,
        "PEERS": ",".join(f"{other}={url}" for other, url in places.items() if other != name),
        **{f"{other.upper().replace('-', '_')}_URL": url for other, url in places.items()},
    }
    return [
        *(Variable(key, value) for key, value in plain.items()),
        *_broker(spec, name),
        *_database(spec, name, namespace),
        *_client(spec, name),
        *(_object_store(spec) if name == "media" else ()),
    ]


def secrets_of(variables: Iterable[Variable]) -> list[str]:
    """Return the names of the Secrets that an environment reads."""
    return sorted({one.secret for one in variables if one.secret})


def resolved(
    variables: Iterable[Variable], read: Callable[[str], Mapping[str, str]]
) -> dict[str, str]:
    """Return the variables' values for a process; what goes into an address is quoted for one.

    Args:
        variables: in the order they use each other.
        read: returns a Secret's keys and values.
    """
    values: dict[str, str] = {}
    for one in variables:
        values[one.name] = (
            read(one.secret)[one.key]
            if one.secret
            else _REFERENCE.sub(lambda found: quote(values[found[1]], safe=""), one.value)
        )
    return values


def _broker(spec: Spec, name: str) -> list[Variable]:
    messaging = spec.messaging
    user = next((one for one in messaging.users if (one.service or one.name) == name), None)
    if user is None:
        return []
    scheme, _, place = messaging.connection.url.partition("://")
    vhost = quote(messaging.vhost, safe="")
    return [
        Variable("AMQP_USERNAME", secret=user.secret_ref.name, key="username"),
        Variable("AMQP_PASSWORD", secret=user.secret_ref.name, key="password"),
        Variable("AMQP_URL", f"{scheme}://$(AMQP_USERNAME):$(AMQP_PASSWORD)@{place}/{vhost}"),
    ]


def _database(spec: Spec, name: str, namespace: str) -> list[Variable]:
    for replica_set in spec.mongodb.replica_sets:
        for database in replica_set.databases:
            if database.user == name:
                options = f"authSource={database.name}&replicaSet={replica_set.name}"
                place = f"{','.join(replica_set.seeds(namespace))}/{database.name}?{options}"
                return [
                    Variable("MONGO_USERNAME", secret=database.secret_ref.name, key="username"),
                    Variable("MONGO_PASSWORD", secret=database.secret_ref.name, key="password"),
                    Variable("MONGO_URL", f"mongodb://$(MONGO_USERNAME):$(MONGO_PASSWORD)@{place}"),
                ]
    return []


def _client(spec: Spec, name: str) -> list[Variable]:
    for client in spec.identity.clients:
        if client.client_id == f"{name}-service":
            secret = client.secret_ref.name
            return [
                Variable("CLIENT_ID", secret=secret, key="clientId"),
                Variable("CLIENT_SECRET", secret=secret, key="clientSecret"),
            ]
    return []


def _object_store(spec: Spec) -> list[Variable]:
    store = spec.object_store
    return [
        Variable("S3_ENDPOINT", store.endpoint),
        Variable("S3_BUCKET", store.bucket),
        Variable("S3_ACCESS_KEY", secret=store.secret_ref.name, key="accessKey"),
        Variable("S3_SECRET_KEY", secret=store.secret_ref.name, key="secretKey"),
    ]
