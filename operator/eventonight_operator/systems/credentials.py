"""The Secrets of services' accounts: made when missing, looked over, never overwritten."""

import re
from collections.abc import Collection, Mapping

from eventonight_operator.plan import Action, Fields, Key, Objects
from eventonight_operator.secretstore import Account, Group, SecretStore, accounts
from eventonight_operator.spec import Spec
from eventonight_operator.spec.status import Reason
from eventonight_operator.standing import Standing

NAME = "secrets"
KIND = "secret"
# What goes into an address must not need quoting there: Kubernetes puts it in as it is.
PLAIN = re.compile(r"[A-Za-z0-9._~-]+")
USABLE = "usable"
GROUPS: tuple[Group, ...] = ("messaging", "identity", "mongodb")


class Credentials:
    """Makes the Secrets that are missing and tells of those that cannot be used.

    Args:
        spec: the resource.
        secrets: where they are.
    """

    name = NAME

    def __init__(self, spec: Spec, secrets: SecretStore) -> None:
        self._accounts = {one.secret: one for one in accounts(spec)}
        self._given = given(spec)
        self._secrets = secrets

    async def desired(self) -> Objects:
        """Return every Secret that should be there."""
        names = [*self._given, *self._accounts]
        return {(KIND, name): {"state": USABLE} for name in names}

    async def observe(self) -> Objects:
        """Return every declared Secret that is there, and whether it can be used."""
        found: dict[Key, Fields] = {}
        for name, keys in self._given.items():
            data = await self._secrets.get(name)
            if data is not None:
                found[KIND, name] = {"state": _state(data, keys)}
        for name, account in self._accounts.items():
            data = await self._secrets.get(name)
            if data is not None:
                found[KIND, name] = {"state": _account_state(data, account)}
        return found

    def plan(self, desired: Objects, observed: Objects, owned: Collection[str]) -> list[Action]:  # noqa: ARG002 - Secrets carry our label instead
        """Return what makes missing Secrets; those that others give are only told of; pure."""
        steps = []
        for key in desired:
            state = observed.get(key, {}).get("state")
            if state is None and key[1] in self._accounts:
                steps.append(Action(NAME, "create", *key))
            elif state is None:
                steps.append(_blocked(key, "SecretMissing", "is missing; it is not made here"))
            elif state != USABLE:
                steps.append(_blocked(key, "SecretInvalid", state))
        return steps

    def removal(self, observed: Objects, owned: Collection[str]) -> list[Action]:  # noqa: ARG002 - Secrets carry our label instead
        """Return what removes the accounts' Secrets; pure."""
        return [Action(NAME, "delete", *key) for key in observed if key[1] in self._accounts]

    def claims(self) -> frozenset[str]:
        """Return nothing for the ledger: Secrets carry our label instead."""
        return frozenset()

    def foreign(self, observed: Objects, owned: Collection[str]) -> frozenset[str]:  # noqa: ARG002 - Secrets given by others are used as they are
        """Return nothing: what others give is used and left as it is."""
        return frozenset()

    def root(self, action: Action) -> str | None:  # noqa: ARG002 - never disputed
        """Return that no Secret is disputed."""
        return None

    def standing(self, observed: Objects) -> Standing:
        """Return how many Secrets can be used; pure."""
        usable = sum(fields["state"] == USABLE for fields in observed.values())
        return Standing(usable, len(self._accounts) + len(self._given))

    async def apply(self, action: Action) -> None:
        """Make a Secret."""
        await self._secrets.put(action.name, self._accounts[action.name].fresh())

    def of_groups(self, groups: Collection[str]) -> list[str]:
        """Return the names of the accounts' Secrets in these groups."""
        return [one.secret for one in self._accounts.values() if one.group in groups]

    async def rotate(self, group: str) -> list[str]:
        """Give every account of a group, or of ``all``, a new password; return the Secrets' names.

        Raises:
            ValueError: there is no such group.
        """
        if group not in {*GROUPS, "all"}:
            raise ValueError(f"expected one of {', '.join(GROUPS)} or all, got {group!r}")
        chosen = self.of_groups(GROUPS if group == "all" else (group,))
        for name in chosen:
            await self._secrets.put(name, self._accounts[name].fresh())
        return chosen


def given(spec: Spec) -> dict[str, tuple[str, ...]]:
    """Return the Secrets that others give, and the keys that are read."""
    login = ("username", "password")
    found: dict[str, tuple[str, ...]] = {
        spec.messaging.connection.admin_secret_ref.name: login,
        spec.identity.keycloak.admin_secret_ref.name: login,
        spec.object_store.secret_ref.name: ("accessKey", "secretKey"),
    }
    for one in spec.mongodb.replica_sets:
        found[one.admin_secret_ref.name] = login
    return found


def _state(data: Mapping[str, str], keys: tuple[str, ...]) -> str:
    for key in keys:
        if not data.get(key):
            return f"key {key} is missing"
        if data[key] != data[key].strip() or "\n" in data[key]:
            return f"{key} has stray white space"
    return USABLE


def _account_state(data: Mapping[str, str], account: Account) -> str:
    key, value = account.identity
    state = _state(data, (key, account.proof))
    if state != USABLE:
        return state
    if data[key] != value:
        return f"{key} must be {value}"
    if not PLAIN.fullmatch(data[account.proof]):
        return f"{account.proof} may only have letters, digits and . _ ~ -"
    return USABLE


def _blocked(key: Key, reason: Reason, words: str) -> Action:
    return Action(NAME, "blocked", *key, (words,), reason=reason)
