"""The keys that sign the ledger's checkpoints: made, replaced with overlap, and forgotten.

A ledger has one name (`origin`), which all its keys bear. While one key takes the place of another both sign, so that
whoever knows the older one alone still verifies new checkpoints, and learns the newer one in that time.
"""

import hashlib
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from msgspec import Struct
from sqlalchemy.dialects import postgresql, sqlite

from registry.platform.access.principals import Caller
from registry.platform.database.encrypted import place_of
from registry.platform.database.handles import Read, Rows, Write
from registry.platform.encryption import CannotDecryptError, SecretKeys
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.notes import ED25519, VerifierKey, checked_name
from registry.platform.ledger.tables import ledger_signing_key

OVERLAP = timedelta(days=30)
"""How long a key that was replaced signs beside the new one."""
SECRET_KEYS_MISSING = "set REGISTRY_SECRET_KEYS: the key that signs checkpoints is stored encrypted under them"  # noqa: S105  # words
UNREADABLE = (
    "put the key under which it was encrypted back into REGISTRY_SECRET_KEYS, or make a new one with "
    "`registry ledger rotate`"
)

_NOW = sa.bindparam("now", type_=ledger_signing_key.c.retired_at.type)
KEYS = sa.select(ledger_signing_key).order_by(ledger_signing_key.c.created_at, ledger_signing_key.c.id)
_SIGNING = KEYS.where(
    ledger_signing_key.c.private_key.is_not(None),
    sa.or_(ledger_signing_key.c.retired_at.is_(None), ledger_signing_key.c.retired_at > _NOW),
)
_INSERT = ledger_signing_key.insert()
_INSERT_FIRST = {
    "sqlite": sqlite.insert(ledger_signing_key).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(ledger_signing_key).on_conflict_do_nothing(),
}
_TURN = sa.select(sa.func.pg_advisory_xact_lock(sa.literal_column("5209319")))
"""The number of the advisory lock of those who make a key; it is used for nothing else."""
_CURRENT = sa.select(ledger_signing_key).where(ledger_signing_key.c.retired_at.is_(None))
_RETIRE = ledger_signing_key.update().where(
    ledger_signing_key.c.id == sa.bindparam("its_id", type_=ledger_signing_key.c.id.type)
)
_CUT_SHORT = ledger_signing_key.update().where(ledger_signing_key.c.retired_at > _NOW).values(retired_at=_NOW)
_FORGET = (
    ledger_signing_key.update()
    .where(ledger_signing_key.c.retired_at <= _NOW, ledger_signing_key.c.private_key.is_not(None))
    .values(private_key=None)
)
_OVER = sa.select(sa.literal(1)).where(
    ledger_signing_key.c.retired_at <= _NOW, ledger_signing_key.c.private_key.is_not(None)
)


class Signer(Struct, frozen=True):
    """A key that signs, with the ledger's name."""

    origin: str
    private: Ed25519PrivateKey


class KnownKey(Struct, frozen=True, kw_only=True):
    """A key of the ledger, with the time in which it signs; `retired_at` is None for the one that signs now."""

    verifier: VerifierKey
    created_at: datetime
    retired_at: datetime | None


class NewKey(Struct, frozen=True, kw_only=True):
    """A key that was just made, its private half encrypted."""

    id: UUID
    verifier: VerifierKey
    private_key: str

    def row(self, now: datetime) -> dict[str, object]:
        """The row of `ledger_signing_key`."""
        return {
            "id": self.id,
            "origin": self.verifier.name,
            "public_key": self.verifier.public,
            "private_key": self.private_key,
            "created_at": now,
        }


class LedgerKeys:
    """What it takes to sign: the operator's keys for secrets, and the address that names a new ledger."""

    def __init__(self, secrets: SecretKeys, public_url: str = "") -> None:
        self._secrets = secrets
        self._public_url = public_url
        self._read: dict[str, Ed25519PrivateKey] = {}

    def __bool__(self) -> bool:
        """Whether a key can be stored, and read again."""
        return bool(self._secrets)

    def private(self, id_: UUID, stored: str) -> Ed25519PrivateKey:
        """A private key, decrypted once. Raises CannotDecryptError."""
        if stored not in self._read:
            plain = self._secrets.decrypt(stored, place_of(ledger_signing_key.c.private_key, id_))
            self._read[stored] = Ed25519PrivateKey.from_private_bytes(plain)
        return self._read[stored]

    def fresh(self, origin: str | None) -> "NewKey":
        """A new key; without an origin the ledger's first, for which one is chosen."""
        id_, key = new_id(), Ed25519PrivateKey.generate()
        public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        private = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        return NewKey(
            id=id_,
            verifier=VerifierKey(origin or self._origin(public), ED25519, public),
            private_key=self._secrets.encrypt(private, place_of(ledger_signing_key.c.private_key, id_)),
        )

    def _origin(self, public: bytes) -> str:
        """The name of a new ledger: an address of the registry's own, without a scheme, as the specification asks.

        Where no public address is set, one that no other ledger will have.
        """
        if host := urlsplit(self._public_url).netloc:
            return f"{host}/ledger"
        return f"registry-{hashlib.sha256(public).hexdigest()[:16]}/ledger"


async def signers(read: Read, keys: LedgerKeys, now: datetime) -> list[Signer]:
    """The keys that sign now, the newest last; none where there is none yet.

    Raises CannotDecryptError where the newest cannot be read. One that is being replaced just signs no more then.
    """
    found = []
    for row in await read.all(_SIGNING, {"now": now}):
        try:
            found.append(Signer(row.origin, keys.private(row.id, row.private_key)))
        except CannotDecryptError:
            if row.retired_at is None:
                raise
    return found


async def known_keys(read: Read) -> list[KnownKey]:
    """All keys that ever signed, the oldest first."""
    return as_keys(await read.all(KEYS))


def as_keys(rows: Rows) -> list[KnownKey]:
    """The keys of these rows of `KEYS`."""
    return [
        KnownKey(
            verifier=VerifierKey(row.origin, ED25519, row.public_key),
            created_at=row.created_at,
            retired_at=row.retired_at,
        )
        for row in rows
    ]


async def ensure_key(write: Write, keys: LedgerKeys, caller: Caller, origin: str | None = None) -> None:
    """Make the first key; has no effect where there is one. Of two that do so at once, one key stays.

    Raises Conflict without keys for secrets, and where there is a ledger of another name already.
    """
    known = await known_keys(write)
    if known:
        if origin is not None and origin != known[-1].verifier.name:
            raise Conflict(
                f"The ledger is called {known[-1].verifier.name} already: its name is in every checkpoint, and stays."
            )
        return
    _check_secrets(keys)
    made = keys.fresh(checked_name(origin) if origin is not None else None)
    if await write.run(_INSERT_FIRST[write.dialect], made.row(caller.now)):
        _record(write, caller, made, at_once=False)


async def rotate_key(write: Write, keys: LedgerKeys, caller: Caller, *, at_once: bool) -> VerifierKey:
    """Let a new key sign from now on; the new one.

    The earlier one signs beside it for thirty days; with `at_once` no longer, and its private key is forgotten. Raises
    Conflict without keys for secrets.
    """
    _check_secrets(keys)
    if write.dialect == "postgresql":  # two at once follow each other
        await write.run(_TURN)
    signing = await write.first(_CURRENT)
    if signing is not None:
        retired_at = caller.now if at_once else caller.now + OVERLAP
        await write.run(_RETIRE, {"its_id": signing.id, "retired_at": retired_at})
    if at_once:
        await write.run(_CUT_SHORT, {"now": caller.now})
    await write.run(_FORGET, {"now": caller.now})
    made = keys.fresh(None if signing is None else signing.origin)
    await write.run(_INSERT, made.row(caller.now))
    _record(write, caller, made, at_once=at_once)
    return made.verifier


async def forget_retired(write: Write, now: datetime) -> None:
    """Forget the private keys whose time is over."""
    if await write.first(_OVER, {"now": now}) is not None:
        await write.run(_FORGET, {"now": now})


def _check_secrets(keys: LedgerKeys) -> None:
    if not keys:
        raise Conflict(f"No key can be made: {SECRET_KEYS_MISSING}.")


def _record(write: Write, caller: Caller, made: NewKey, *, at_once: bool) -> None:
    record(
        write,
        caller,
        EventType.LEDGER_SIGNING_KEY_MADE,
        subject=("ledger_signing_key", made.id, 1),
        agencies=[],
        data={"verifier_key": str(made.verifier), "at_once": at_once},
        audience="network",
    )
