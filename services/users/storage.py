"""Profiles in MongoDB."""

import re
from datetime import datetime

import msgspec
from bson import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from services.kit import inbox, mongo, outbox
from services.kit import intents as unfinished
from services.kit.mongo import Document, Indexes, Mongo
from services.kit.paging import Page, Window, cut
from services.users.application.receipts import Receipt, Report
from services.users.domain import Account, Profile, User, folded

COLLECTION = "profiles"
RECEIPTS = "receipts"

INDEXES: Indexes = {
    COLLECTION: [
        IndexModel([("role", ASCENDING), ("createdOrder", ASCENDING)], name="role_order"),
        IndexModel([("folded", ASCENDING)], name="folded"),
    ],
    RECEIPTS: [
        IndexModel("subject", name="subject"),
        IndexModel("expiresAt", expireAfterSeconds=0, name="expiry"),
    ],
    **outbox.INDEXES,
    **inbox.INDEXES,
    **unfinished.INDEXES,
}


class MongoUsers:
    """Users by id, and by the beginning of their names."""

    def __init__(self, database: Mongo) -> None:
        self._rows = database[COLLECTION]

    async def get(self, user_id: str) -> User | None:
        """Return a user, ``None`` where there is none."""
        row = await self._rows.find_one({"_id": user_id}, session=mongo.session())
        return None if row is None else _user(row)

    async def insert(self, user: User) -> bool:
        """Store a new user; ``False`` where the id is there already."""
        row = {"_id": user.id, "createdOrder": ObjectId(), **_row(user)}
        try:
            await self._rows.insert_one(row, session=mongo.session())
        except DuplicateKeyError:
            return False
        return True

    async def replace(self, user: User) -> None:
        """Store a user's new version."""
        await self._rows.update_one({"_id": user.id}, {"$set": _row(user)}, session=mongo.session())

    async def remove(self, user_id: str) -> bool:
        """Forget a user."""
        done = await self._rows.delete_one({"_id": user_id}, session=mongo.session())
        return done.deleted_count == 1

    async def search(self, prefix: str, role: str | None, asked: Window) -> Page[User]:
        """Return users, members first, then in the order they came.

        Args:
            prefix: folded; empty for everybody.
            role: only these.
            asked: the window.
        """
        query: Document = {} if role is None else {"role": role}
        if prefix:
            query["folded"] = {"$regex": f"^{re.escape(prefix)}"}
        rows = self._rows.find(query).sort([("role", ASCENDING), ("createdOrder", ASCENDING)])
        found = await rows.skip(asked.offset).limit(asked.limit + 1).to_list()
        return cut([_user(row) for row in found], asked)


class MongoReceipts:
    """Receipts of deletions, each until it expires."""

    def __init__(self, database: Mongo) -> None:
        self._rows = database[RECEIPTS]

    async def insert(self, receipt: Receipt) -> None:
        """Store a new receipt."""
        row = {
            "_id": receipt.id,
            "subject": receipt.subject,
            "requestedAt": receipt.requested_at,
            "expiresAt": receipt.expires_at,
            "expected": list(receipt.expected),
            "reports": [],
        }
        await self._rows.insert_one(row, session=mongo.session())

    async def get(self, receipt_id: str) -> Receipt | None:
        """Return a receipt, ``None`` where there is none."""
        row = await self._rows.find_one({"_id": receipt_id}, session=mongo.session())
        if row is None:
            return None
        return Receipt(
            id=row["_id"],
            subject=row["subject"],
            requested_at=row["requestedAt"],
            expires_at=row["expiresAt"],
            expected=row["expected"],
            reports=msgspec.convert(row["reports"], list[Report]),
        )

    async def add(self, subject: str, report: Report) -> None:
        """Add the first report of an expected service."""
        await self._rows.update_one(
            {
                "subject": subject,
                "expected": report.service,
                "reports.service": {"$ne": report.service},
            },
            {"$push": {"reports": msgspec.to_builtins(report, builtin_types=(datetime,))}},
            session=mongo.session(),
        )


def _row(user: User) -> Document:
    account, profile = user.account, user.profile
    return {
        "role": user.role,
        "version": user.version,
        "folded": sorted({folded(account.username), folded(profile.name)}),
        "account": {
            "username": account.username,
            "email": account.email,
            "darkMode": account.dark_mode,
            "language": account.language,
            "gender": account.gender,
            "birthDate": account.birth_date,
            "interests": None if account.interests is None else list(account.interests),
        },
        "profile": {
            "name": profile.name,
            "avatar": profile.avatar,
            "bio": profile.bio,
            "contacts": None if profile.contacts is None else list(profile.contacts),
        },
    }


def _user(row: Document) -> User:
    account, profile = row["account"], row["profile"]
    return User(
        id=row["_id"],
        role=row["role"],
        version=row["version"],
        account=Account(
            username=account["username"],
            email=account["email"],
            dark_mode=account["darkMode"],
            language=account["language"],
            gender=account["gender"],
            birth_date=account["birthDate"],
            interests=_tuple(account["interests"]),
        ),
        profile=Profile(
            name=profile["name"],
            avatar=profile["avatar"],
            bio=profile["bio"],
            contacts=_tuple(profile["contacts"]),
        ),
    )


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
