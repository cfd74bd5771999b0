"""The keys with which the registry signs its own tokens: made, replaced with overlap, and forgotten."""

from datetime import datetime, timedelta
from uuid import UUID

import jwt
import sqlalchemy as sa
import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from sqlalchemy.dialects import postgresql, sqlite

from registry.directory.clients.published import PublishedKeys
from registry.directory.clients.queries import has_active_clients, signing_row
from registry.directory.clients.rules import SIGNING_OVERLAP
from registry.directory.clients.tables import client_assertion, signing_key
from registry.platform.access.principals import Caller
from registry.platform.access.rates import FailedAttempts
from registry.platform.database.encrypted import place_of
from registry.platform.database.handles import Read, Write
from registry.platform.encryption import CannotDecryptError, SecretKeys
from registry.platform.http.health import OK
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.platform.settings import Settings

TOKEN_PATH, KEYS_PATH = "/v1/token", "/.well-known/jwks.json"
ALGORITHM = "ES256"
_ID = signing_key.c.id.type
_INSERT = signing_key.insert()
_INSERT_FIRST = {
    "sqlite": sqlite.insert(signing_key).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(signing_key).on_conflict_do_nothing(),
}
_LOCK = sa.select(signing_key.c.id).where(signing_key.c.retired_at.is_(None)).with_for_update()
_NOW = sa.bindparam("now", type_=signing_key.c.retired_at.type)
_RETIRE = signing_key.update().where(signing_key.c.id == sa.bindparam("its_id", type_=_ID))
_CUT_SHORT = signing_key.update().where(signing_key.c.retired_at > _NOW).values(retired_at=_NOW)
_FORGET_KEYS = signing_key.delete().where(
    signing_key.c.retired_at < sa.bindparam("before", type_=signing_key.c.retired_at.type)
)
_FORGET_ASSERTIONS = client_assertion.delete().where(client_assertion.c.expires_at <= _NOW)
_PLACE = signing_key.c.private_key
_log = structlog.get_logger("registry.directory.clients")
UNREADABLE = (
    "put the key under which it was encrypted back into REGISTRY_SECRET_KEYS, or make a new one with "
    "`registry keys rotate`"
)


class AuthorizationServer:
    """The registry as one that issues tokens: under which name, for which audience, encrypted with which keys."""

    def __init__(
        self,
        issuer: str,
        *,
        audience: str,
        keys: SecretKeys,
        skew_seconds: int,
        failures: FailedAttempts,
        published: PublishedKeys,
        idle_days: int,
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self.keys = keys
        self.skew_seconds = skew_seconds
        self.failures = failures
        self.published = published
        self.idle_days = idle_days
        self._read: tuple[str, EllipticCurvePrivateKey] | None = None
        self._unread = ""

    @classmethod
    def of(cls, settings: Settings) -> "AuthorizationServer":
        """As the settings say."""
        return cls(
            settings.public_url,
            audience=settings.audience,
            keys=SecretKeys(settings.secret_keys),
            skew_seconds=settings.clock_skew_seconds,
            failures=FailedAttempts(),
            published=PublishedKeys(settings.client_key_networks),
            idle_days=settings.principal_idle_days,
        )

    @property
    def is_on(self) -> bool:
        """Whether the settings hold what service clients need."""
        return bool(self.issuer and self.keys)

    @property
    def token_endpoint(self) -> str:
        """Where tokens are asked for."""
        return self.issuer + TOKEN_PATH

    def check_on(self) -> None:
        """Raises Conflict while service clients are off."""
        if not self.is_on:
            raise Conflict(
                "Service clients are off: the registry's operator has to set REGISTRY_PUBLIC_URL and "
                "REGISTRY_SECRET_KEYS. Tokens of an identity provider are accepted as ever.",
                "clients_off",
            )

    def private_key(self, id_: object, stored: str) -> EllipticCurvePrivateKey:
        """The signing key, decrypted once. Raises Conflict where none of the operator's keys decrypts it."""
        if self._read is None or self._read[0] != stored:
            try:
                key = load_der_private_key(self.keys.decrypt(stored, place_of(_PLACE, id_)), password=None)
            except CannotDecryptError as error:
                if self._unread != stored:
                    self._unread = stored
                    _log.error("the key that signs tokens cannot be read", cause=str(error), todo=UNREADABLE)
                raise Conflict(
                    f"The registry's signing key cannot be read: its operator has to {UNREADABLE}.", "clients_off"
                ) from error
            assert isinstance(key, EllipticCurvePrivateKey)
            self._read = (stored, key)
        return self._read[1]


async def ensure_signing_key(write: Write, server: AuthorizationServer, now: datetime) -> None:
    """Make the first key; has no effect where there is one. Of two that do so at once, one key stays."""
    if await signing_row(write) is None:
        await write.run(_INSERT_FIRST[write.dialect], _fresh(server, new_id(), now))


async def current_key(read: Read, server: AuthorizationServer) -> tuple[str, EllipticCurvePrivateKey]:
    """The key id and the key that sign now. Raises Conflict where it cannot be decrypted."""
    row = await signing_row(read)
    assert row is not None, "the first client's registration made one"
    return str(row.id), server.private_key(row.id, row.private_key)


async def check_service_clients(read: Read, server: AuthorizationServer) -> str:
    """`ok` where registered programs get their tokens, or there are none; else what is wrong, and what to do."""
    row = await signing_row(read)
    if row is None:
        return OK
    if not server.is_on:
        missing = [
            name
            for name, there in (("REGISTRY_PUBLIC_URL", server.issuer), ("REGISTRY_SECRET_KEYS", server.keys))
            if not there
        ]
        if not await has_active_clients(read):
            return OK
        return f"programs are registered and get no tokens: put {' and '.join(missing)} back into the settings"
    try:
        server.private_key(row.id, row.private_key)
    except Conflict:
        return f"the key that signs tokens cannot be read: {UNREADABLE}"
    if row.issuer != server.issuer:
        return (
            f"REGISTRY_PUBLIC_URL is {server.issuer}, and tokens were issued as {row.issuer} until now, which programs "
            "still name: put it back, or tell the agencies and run `registry keys rotate`"
        )
    return OK


async def rotate_signing_key(write: Write, caller: Caller, server: AuthorizationServer, *, at_once: bool) -> str:
    """Let a new key sign from now on; the id of the new one.

    The tokens of earlier keys are accepted for another hour, with `at_once` no longer. Raises Conflict while service
    clients are off.
    """
    server.check_on()
    # Two at once follow each other: who waited for the lock looks again for the key that then signs.
    signing = await write.value(_LOCK) or await write.value(_LOCK)
    if signing is not None:
        retired_at = caller.now if at_once else caller.now + SIGNING_OVERLAP
        await write.run(_RETIRE, {"its_id": signing, "retired_at": retired_at})
    if at_once:
        await write.run(_CUT_SHORT, {"now": caller.now})
    id_ = new_id()
    await write.run(_INSERT, _fresh(server, id_, caller.now))
    data = {"kid": str(id_), "at_once": at_once}
    record(write, caller, EventType.SIGNING_KEY_ROTATED, subject=("signing_key", id_, 1), agencies=[], data=data)
    return str(id_)


async def forget_what_is_over(write: Write, now: datetime) -> None:
    """Delete assertions that are out of date, and keys whose last tokens are."""
    await write.run(_FORGET_ASSERTIONS, {"now": now})
    await write.run(_FORGET_KEYS, {"before": now - timedelta(days=1)})


def _fresh(server: AuthorizationServer, id_: UUID, now: datetime) -> dict[str, object]:
    """The row of a new key."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return {
        "id": id_,
        "issuer": server.issuer,
        "algorithm": ALGORITHM,
        "public_key": {**public, "kid": str(id_), "alg": ALGORITHM, "use": "sig"},
        "private_key": server.keys.encrypt(private, place_of(_PLACE, id_)),
        "created_at": now,
    }
