"""How somebody leaves: here and for everybody who listens first, then in Keycloak."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from services.contracts.errors import NotFoundError, UnavailableError
from services.contracts.events import UserDeleted, UserErased
from services.kit.mongo import Transaction
from services.kit.tokens import Identity
from services.users.application.accounts import own
from services.users.application.ports import REMOVAL, Accounts, Events, Unfinished, Users
from services.users.application.receipts import Receipts

REMOVED = {"profiles": 1, "sign-in accounts": 1}


class Departures:
    """The use cases, on ports."""

    def __init__(
        self,
        *,
        users: Users,
        accounts: Accounts,
        events: Events,
        unfinished: Unfinished,
        transaction: Transaction,
        receipts: Receipts,
    ) -> None:
        self._users = users
        self._accounts = accounts
        self._events = events
        self._unfinished = unfinished
        self._transaction = transaction
        self._receipts = receipts

    async def delete(self, caller: Identity, user_id: str) -> str:
        """Delete an account and return its receipt's id; Keycloak, if away, follows later.

        Raises:
            ForbiddenError, NotFoundError: as they say.
        """
        own(caller, user_id)

        async def work() -> str:
            user = await self._users.get(user_id)
            if user is None:
                raise NotFoundError("no such user")
            await self._users.remove(user_id)
            await self._unfinished.open(REMOVAL, user_id, account=caller.subject)
            await self._events.append(
                UserDeleted(id=user_id), key=user_id, version=user.version + 1
            )
            return await self._receipts.open(user_id)

        receipt = await self._transaction(work)
        with suppress(UnavailableError):
            await self.settle(user_id, {"account": caller.subject})
        return receipt

    async def settle(self, user_id: str, facts: Mapping[str, Any]) -> None:
        """Remove the account from Keycloak and say so; done again it changes nothing."""
        await self._accounts.remove(facts["account"])

        async def work() -> None:
            await self._receipts.collect(
                UserErased(user_id=user_id, service="users", removed=REMOVED)
            )
            await self._unfinished.close(REMOVAL, user_id)

        await self._transaction(work)
