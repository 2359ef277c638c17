"""A token whose verdict is remembered, beside one whose signature and claims are checked anew."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import httpx

from benchmarks import figures, rounds
from benchmarks.figures import Bar, Figure
from benchmarks.load import WrongAnswerError
from benchmarks.stand import Stand
from services.contracts.errors import UnauthenticatedError
from services.kit.tokens import Keys, TokenVerifier

CALLS = 2_000
SAVED_BAR = Bar("at least", 40.0)


class Desk:
    """Makes verifiers that know the realm's keys and nobody's verdict yet."""

    def __init__(self, keys: Keys, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience

    def verifier(self) -> TokenVerifier:
        """Return a verifier without verdicts."""
        return TokenVerifier(self._keys, issuer=self._issuer, audience=self._audience)


async def measure(stand: Stand) -> list[Figure]:
    """Return processor time per verification both ways, and what a remembered verdict saves."""
    token = (await stand.sign_in())["Authorization"].removeprefix("Bearer ")
    realm = f"{stand.url('events', 'KEYCLOAK_URL')}/realms/eventonight"
    names = ("TOKEN_ISSUER", "TOKEN_AUDIENCE")
    async with httpx.AsyncClient() as client:
        desk = Desk(Keys(realm, client), *(stand.url("events", name) for name in names))
        known = desk.verifier()
        await _check_same_verdict(desk, known, token, stand.organizer.id)
        sides = {"remembered": partial(_again, known, token), "anew": partial(_anew, desk, token)}
        costs = await rounds.interleaved(sides)
    saved = [new - old for new, old in zip(costs["anew"], costs["remembered"], strict=True)]
    ratios = figures.ratios(costs["anew"], costs["remembered"])
    return [
        Figure("token, processor time that a remembered verdict saves", saved, "µs", SAVED_BAR),
        Figure("token, processor time, anew / remembered", ratios),
        *(Figure(f"token, processor time, {name}", cost, "µs") for name, cost in costs.items()),
    ]


async def _again(known: TokenVerifier, token: str) -> float:
    return await _cost([known] * CALLS, token)


async def _anew(desk: Desk, token: str) -> float:
    return await _cost([desk.verifier() for _ in range(CALLS)], token)


async def _cost(verifiers: Sequence[TokenVerifier], token: str) -> float:
    """Return the microseconds of processor time that a verification takes."""
    before = time.process_time()
    for one in verifiers:
        await one.verify(token)
    return (time.process_time() - before) / len(verifiers) * 1e6


async def _check_same_verdict(desk: Desk, known: TokenVerifier, token: str, user: str) -> None:
    """Check that both ways tell the same person, and both refuse a token that was tampered with.

    Raises:
        WrongAnswerError: one of them does not.
    """
    first, again = await known.verify(token), await known.verify(token)
    anew = await desk.verifier().verify(token)
    # The very same object comes back only from what was remembered.
    if again is not first or anew is first:
        raise WrongAnswerError("a verdict is not remembered, or remembered by all")
    if {again, anew} != {first} or first.user_id != user:
        raise WrongAnswerError(f"the verdicts differ: {first}, {again}, {anew}, expected {user}")
    for forged in _forgeries(token):
        for verifier in (known, known, desk.verifier()):
            with _refused():
                await verifier.verify(forged)


def _forgeries(token: str) -> Iterator[str]:
    """Yield the token with another signature, and with other claims."""
    head, claims, signature = token.split(".")
    yield f"{head}.{claims}.{_changed(signature)}"
    yield f"{head}.{_changed(claims)}.{signature}"


def _changed(text: str) -> str:
    middle = len(text) // 2
    return text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]


@contextmanager
def _refused() -> Iterator[None]:
    try:
        yield
    except UnauthenticatedError:
        return
    raise WrongAnswerError("a forged token was taken for a true one")
