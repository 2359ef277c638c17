"""The gateway's one configuration, generated from the resource: hosts, limits, retries, breaker."""

from collections.abc import Mapping, Sequence
from typing import Any

PRIVATE_PATHS = ("internal", "metrics")
# Pages load many pictures at once, so pictures get a wider bucket than everything else.
MEDIA_FACTOR = 5
# Far less than what a service reads: it closes on more while the gateway still writes, which would
# count as a failure of the service.
HEADER_BYTES = 32_768
# A client that leaves amid its own body looks like a failing service, so the breaker must not see
# any: whoever sends such requests on purpose would close the service to everybody.
WITH_BODY = "HeaderRegexp(`Content-Length`, `[1-9]`)"

Document = dict[str, Any]


def static_arguments(*, listen: str) -> tuple[str, ...]:
    """Return Traefik's command-line arguments besides the dynamic file's."""
    return (
        f"--entrypoints.web.address={listen}",
        f"--entrypoints.web.http.maxheaderbytes={HEADER_BYTES}",
        "--entrypoints.web.transport.respondingtimeouts.readtimeout=60s",
        "--entrypoints.web.transport.respondingtimeouts.idletimeout=90s",
        "--entrypoints.web.transport.lifecycle.gracetimeout=5s",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=WARN",
        "--ping=true",
        "--ping.entrypoint=web",
    )


def dynamic(
    *,
    host: str,
    services: Mapping[str, str],
    extra_hosts: Mapping[str, str],
    main: str,
    requests_per_second: int,
    burst: int,
    prefixes: Mapping[str, str] | None = None,
) -> Document:
    """Return Traefik's dynamic configuration.

    Args:
        host: public host, with or without a port.
        services: address of each service by name, reachable as ``{name}.{host}`` and under
            ``{host}/api/{name}``.
        extra_hosts: further addresses by subdomain (Keycloak, mail page).
        main: address of what answers on the host itself.
        requests_per_second: average per client address and service.
        burst: requests a client may make at once, and have unanswered.
        prefixes: path put in front for some of the extra hosts.
    """
    name = host.partition(":")[0]
    routers: Document = {}
    middlewares = _middlewares(services, requests_per_second, burst)
    for service in services:
        routers |= _service_routers(service, name)
        middlewares[f"strip-{service}"] = {"stripPrefix": {"prefixes": [f"/api/{service}"]}}
    for sub in extra_hosts:
        routers[sub] = _router(f"Host(`{sub}.{name}`)", sub, ["cors", "limit"])
        if prefixes and sub in prefixes:
            middlewares[f"prefix-{sub}"] = {"addPrefix": {"prefix": prefixes[sub]}}
            routers[sub]["middlewares"].append(f"prefix-{sub}")
    routers["main"] = _router(
        f"Host(`{name}`) && !PathPrefix(`/api/`) && !PathPrefix(`/mail`)", "main", ["limit"]
    )
    upstreams = {**services, **extra_hosts, "main": main}
    return {
        "http": {
            "routers": routers,
            "middlewares": middlewares,
            "services": {key: _upstream(url, key) for key, url in upstreams.items()},
            "serversTransports": {"default": {"forwardingTimeouts": _timeouts()}},
        }
    }


def _service_routers(service: str, name: str) -> Document:
    private = "|".join(PRIVATE_PATHS)
    kind = "-media" if service == "media" else ""
    front = ["cors", f"limit{kind}"]
    if service != "notifications":  # its sockets stay for hours
        front.append(f"at-once{kind}")
    chain, guarded = [*front, "retry"], [*front, f"breaker-{service}", "retry"]
    on_host = f"Host(`{service}.{name}`) && !PathRegexp(`(?i)^/({private})(/|$)`)"
    on_path = (
        f"Host(`{name}`) && PathRegexp(`^/api/{service}(/|$)`)"
        f" && !PathRegexp(`(?i)^/api/{service}/({private})(/|$)`)"
    )
    strip = f"strip-{service}"
    return {
        service: _router(f"{on_host} && !{WITH_BODY}", service, guarded),
        f"{service}-bodies": _router(f"{on_host} && {WITH_BODY}", service, chain),
        f"api-{service}": _router(f"{on_path} && !{WITH_BODY}", service, [*guarded, strip]),
        f"api-{service}-bodies": _router(f"{on_path} && {WITH_BODY}", service, [*chain, strip]),
    }


def _router(rule: str, service: str, middlewares: Sequence[str]) -> Document:
    return {
        "rule": rule,
        "service": service,
        "entryPoints": ["web"],
        "middlewares": list(middlewares),
    }


def _middlewares(services: Mapping[str, str], average: int, burst: int) -> Document:
    shared: Document = {
        "cors": {"headers": {"customResponseHeaders": {"Access-Control-Allow-Origin": "*"}}},
        "limit": {"rateLimit": {"average": average, "burst": burst}},
        "limit-media": {
            "rateLimit": {"average": average * MEDIA_FACTOR, "burst": burst * MEDIA_FACTOR}
        },
        "at-once": _at_once(burst),
        "at-once-media": _at_once(burst * MEDIA_FACTOR),
        "retry": {"retry": {"attempts": 3, "initialInterval": "100ms"}},
    }
    breaker = {"circuitBreaker": {"expression": "NetworkErrorRatio() > 0.30"}}
    return shared | {f"breaker-{service}": breaker for service in services}


def _at_once(requests: int) -> Document:
    """Return a limit of unanswered requests per client address; slow ones stay in it."""
    return {"inFlightReq": {"amount": requests, "sourceCriterion": {"ipStrategy": {"depth": 0}}}}


def _upstream(url: str, name: str) -> Document:
    balancer: Document = {"servers": [{"url": url}], "serversTransport": "default"}
    if name == "notifications":
        balancer["sticky"] = {"cookie": {"name": "notifications_sticky", "httpOnly": True}}
    return {"loadBalancer": balancer}


def _timeouts() -> Document:
    return {"dialTimeout": "10s", "responseHeaderTimeout": "30s", "idleConnTimeout": "90s"}
