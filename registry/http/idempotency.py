"""Idempotency-Key: the same request, twice, has one effect and one answer.

Servers finish a request whose client has gone, so a client that retries needs this. The key is scoped to agency,
principal and operation; the record is written in the transaction of the effect, so neither exists without the other.
Validation failures store nothing. A second request waits for the first (it holds the row), then replays it.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from registry.database.handles import Write
from registry.http.answers import Rendered
from registry.http.requests import BodyStream
from registry.http.tables import idempotency_record
from registry.kernel.errors import Busy, Fault, IdempotencyKeyReused, InFlight, Malformed

KEPT_FOR = timedelta(hours=24)
_KEY = re.compile(r"\A[!-~]{1,255}\Z")
_KEPT_HEADERS = (b"content-type", b"etag", b"location", b"cache-control", b"vary")
_COLUMNS = ("agency_id", "subject", "operation", "key")

_CLAIM = {
    "sqlite": sqlite.insert(idempotency_record).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(idempotency_record).on_conflict_do_nothing(),
}
_SAME = [
    idempotency_record.c[name] == sa.bindparam(f"its_{name}", type_=idempotency_record.c[name].type)
    for name in _COLUMNS
]
_FIND = sa.select(
    idempotency_record.c.fingerprint,
    idempotency_record.c.created_at,
    idempotency_record.c.status,
    idempotency_record.c.headers,
    idempotency_record.c.body,
).where(*_SAME)
_FORGET = idempotency_record.delete().where(*_SAME)
_KEEP = idempotency_record.update().where(*_SAME)


class Replay(Exception):  # not an error: the stored answer on its way out
    """The request was answered before; here is that answer."""

    def __init__(self, rendered: Rendered) -> None:
        super().__init__("replayed")
        self.rendered = rendered


def checked_key(values: Sequence[bytes]) -> str | None:
    """The key of a request. Raises Malformed for one that is not 1–255 visible ASCII characters, or for two."""
    if not values:
        return None
    text = values[0].decode("latin-1")
    if len(values) > 1 or not _KEY.fullmatch(text):
        raise Malformed(
            "Send one Idempotency-Key of 1 to 255 visible ASCII characters.",
            "bad_idempotency_key",
            faults=[Fault(parameter="Idempotency-Key", code="bad_idempotency_key", detail="1–255 visible ASCII")],
        )
    return text


class Claim:
    """One request's hold on its key: taken by `Write.once`, completed just before the commit."""

    def __init__(
        self,
        *,
        agency_id: UUID,
        subject: str,
        operation: str,
        key: str,
        path: str,
        body: bytes | BodyStream,
        now: datetime,
    ) -> None:
        self._scope = {"agency_id": agency_id, "subject": subject, "operation": operation, "key": key}
        self._its = {f"its_{name}": value for name, value in self._scope.items()}
        self._path = path
        self._body = body
        self._now = now
        self._taken = False
        self.rendered: Rendered | None = None

    @property
    def _fingerprint(self) -> str:
        """What the request asked. A body that is streamed must have come by now."""
        body = self._body.digest() if isinstance(self._body, BodyStream) else self._body
        return hashlib.sha256(self._path.encode() + b"\n" + body).hexdigest()

    async def take(self, write: Write) -> None:
        """Take the key, or raise Replay with the stored answer, IdempotencyKeyReused, or InFlight."""
        row = {**self._scope, "fingerprint": self._fingerprint, "created_at": self._now}
        try:
            taken = await write.run_fast(_CLAIM[write.dialect], row)
        except Busy:
            if write.dialect == "postgresql":  # the first request holds the row for longer than we wait
                raise InFlight("The first request with this key is still running; ask again.") from None
            raise
        if not taken:
            await self._meet(write)
            await write.run(_FORGET, self._its)
            await write.run(_CLAIM[write.dialect], row)
        self._taken = True

    async def _meet(self, write: Write) -> None:
        """Deal with the record that is there; returns only if it is too old to count."""
        stored = await write.first(_FIND, self._its)
        if stored is None or stored.created_at <= self._now - KEPT_FOR:
            return
        if stored.fingerprint != self._fingerprint:
            raise IdempotencyKeyReused("This Idempotency-Key was used before with another request; take a new one.")
        headers = [(name.encode(), value.encode()) for name, value in msgspec.json.decode(stored.headers)]
        headers += [
            (b"idempotency-replayed", b"true"),
            (b"content-length", str(len(stored.body)).encode()),
        ]
        raise Replay(Rendered(stored.status, headers, stored.body))

    async def keep(self, write: Write) -> None:
        """Store the answer with the effect."""
        if not self._taken or self.rendered is None:
            return
        headers = [[n.decode(), v.decode()] for n, v in self.rendered.headers if n in _KEPT_HEADERS]
        await write.run_fast(
            _KEEP,
            {**self._its, "status": self.rendered.status, "headers": headers, "body": self.rendered.body},
        )


async def prune(write: Write, now: datetime, at_most: int = 500) -> int:
    """Forget answers older than a day, a slice at a time; how many went."""
    old = (
        sa.select(*(idempotency_record.c[name] for name in _COLUMNS))
        .where(idempotency_record.c.created_at <= now - KEPT_FOR)
        .limit(at_most)
    )
    rows = await write.all(old)
    for row in rows:
        await write.run(_FORGET, {f"its_{name}": row._mapping[name] for name in _COLUMNS})
    return len(rows)
