"""Idempotency-Key: a repeated request has one effect and gets the same answer.

A server finishes a request even if the client has disconnected, so that a client which retries needs this. The key is
scoped to agency, principal and operation. The record is written in the transaction of the effect, so that neither
exists without the other. A request that fails validation stores nothing. A second request with the same key waits for
the first one, which has locked the row, and then gets its answer.
"""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from registry.platform.database.handles import Write
from registry.platform.database.violations import waited_for_lock
from registry.platform.http.answers import Rendered
from registry.platform.http.requests import BodyStream
from registry.platform.http.tables import idempotency_record
from registry.platform.kernel.errors import Busy, IdempotencyKeyReused, InFlight, Malformed

KEPT_FOR = timedelta(hours=24)
_KEY = re.compile(r"\A[!-~]{1,255}\Z")
_KEPT_HEADERS = (b"content-type", b"etag", b"location", b"cache-control", b"vary")
_COLUMNS = ("agency_id", "subject", "operation", "key")

_INSERT: dict[str, sqlite.Insert | postgresql.Insert] = {
    "sqlite": sqlite.insert(idempotency_record),
    "postgresql": postgresql.insert(idempotency_record),
}
_CLAIM = {dialect: insertion.on_conflict_do_nothing() for dialect, insertion in _INSERT.items()}
_KEEP = {
    dialect: insertion.on_conflict_do_update(
        index_elements=_COLUMNS, set_={name: insertion.excluded[name] for name in ("status", "headers", "body")}
    )
    for dialect, insertion in _INSERT.items()
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


class Replay(Exception):  # not an error: it carries the stored answer to the HTTP layer
    """The request was answered before; carries that answer."""

    def __init__(self, rendered: Rendered) -> None:
        super().__init__("replayed")
        self.rendered = rendered


def checked_key(values: Sequence[bytes]) -> str | None:
    """The idempotency key of a request. Raises Malformed unless it is one key of 1 to 255 visible ASCII characters."""
    if not values:
        return None
    text = values[0].decode("latin-1")
    if len(values) > 1 or not _KEY.fullmatch(text):
        raise Malformed.at(
            "Send one Idempotency-Key of 1 to 255 visible ASCII characters.",
            "bad_idempotency_key",
            "1–255 visible ASCII",
            parameter="Idempotency-Key",
        )
    return text


class Claim:
    """The claim of one request on its key: taken by `Write.once`, completed just before the commit."""

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
        self._row: dict[str, object] | None = None
        self._path = path
        self._body = body
        self._now = now
        self.rendered: Rendered | None = None

    @property
    def _fingerprint(self) -> str:
        """The hash of what was requested. A streamed body must have been received completely."""
        body = self._body.digest() if isinstance(self._body, BodyStream) else self._body
        return hashlib.sha256(self._path.encode() + b"\n" + body).hexdigest()

    async def take(self, write: Write) -> None:
        """Insert the key. Raises Replay with the stored answer, IdempotencyKeyReused, or InFlight."""
        row = {**self._scope, "fingerprint": self._fingerprint, "created_at": self._now}
        try:
            taken = await write.run_fast(_CLAIM[write.dialect], row)
        except Busy as refusal:
            if waited_for_lock(refusal):  # the first request has locked the row for longer than the timeout
                raise InFlight("The first request with this key is still running; repeat the request.") from None
            raise
        if not taken:
            await self._check_existing(write)
            await write.run(_FORGET, self._its)
            await write.run(_CLAIM[write.dialect], row)
        self._row = row

    async def _check_existing(self, write: Write) -> None:
        """Check an existing record of the key, and raise as `take` does.

        Returns when there is none, or it has expired.
        """
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

    def keep(self, write: Write) -> None:
        """Store the answer in the record, in the transaction of the effect."""
        if self._row is None or self.rendered is None:
            return
        headers = [[n.decode(), v.decode()] for n, v in self.rendered.headers if n in _KEPT_HEADERS]
        answer = {"status": self.rendered.status, "headers": headers, "body": self.rendered.body}
        write.defer(_KEEP[write.dialect], [{**self._row, **answer}])


async def prune(write: Write, now: datetime, at_most: int = 500) -> int:
    """Delete one batch of answers older than a day; returns how many."""
    old = (
        sa.select(*(idempotency_record.c[name] for name in _COLUMNS))
        .where(idempotency_record.c.created_at <= now - KEPT_FOR)
        .limit(at_most)
    )
    rows = await write.all(old)
    for row in rows:
        await write.run(_FORGET, {f"its_{name}": row._mapping[name] for name in _COLUMNS})
    return len(rows)
