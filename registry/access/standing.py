"""Whether a valid token still counts: its agency may act, and neither token, person nor agency is revoked.

Asked on every request and remembered for at most a second, so a suspension bites at once everywhere.
"""

import time
from collections import OrderedDict
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from registry.access.principals import Principal
from registry.access.tables import RevocationKind, acting_agency, revocation
from registry.database.handles import Read, Write
from registry.kernel.errors import Unauthenticated

REMEMBERED_SECONDS = 1.0
_LIMIT = 10_000

_STANDING = sa.select(
    sa.exists().where(acting_agency.c.agency_id == sa.bindparam("agency_id", type_=acting_agency.c.agency_id.type)),
    sa.exists().where(
        revocation.c.kind == sa.bindparam("jti_kind", value=RevocationKind.JTI.value),
        revocation.c.value == sa.bindparam("jti"),
        revocation.c.agency_id == sa.bindparam("agency_id", type_=acting_agency.c.agency_id.type),
    ),
    sa.exists().where(
        revocation.c.kind == sa.bindparam("subject_kind", value=RevocationKind.SUBJECT.value),
        revocation.c.value == sa.bindparam("subject"),
        revocation.c.agency_id == sa.bindparam("agency_id", type_=acting_agency.c.agency_id.type),
    ),
)


class Standings:
    """Remembers for a second what the database said about a principal."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[UUID, str, str], tuple[float, str | None]] = OrderedDict()

    async def check(self, read: Read, principal: Principal) -> None:
        """Raises Unauthenticated when the principal may no longer act."""
        key = (principal.agency_id, principal.subject, principal.token_id)
        known = self._known.get(key)
        at = time.monotonic()
        if known is None or at - known[0] >= REMEMBERED_SECONDS:
            known = (at, await self._ask(read, principal))
            self._known[key] = known
            self._known.move_to_end(key)
            if len(self._known) > _LIMIT:
                self._known.popitem(last=False)
        if known[1] is not None:
            raise Unauthenticated(known[1], "invalid_token")

    async def _ask(self, read: Read, principal: Principal) -> str | None:
        row = await read.first(
            _STANDING,
            {"agency_id": principal.agency_id, "jti": principal.token_id, "subject": principal.subject},
        )
        assert row is not None
        acting, token_revoked, subject_revoked = tuple(row)
        if not acting:
            return "The agency this token speaks for may not act in the registry now."
        return "The bearer token has been revoked." if token_revoked or subject_revoked else None


async def let_act(write: Write, agency_id: UUID) -> None:
    """From now on the agency may act; harmless when it already may."""
    if await write.value(sa.select(acting_agency.c.agency_id).where(acting_agency.c.agency_id == agency_id)) is None:
        await write.run(acting_agency.insert(), {"agency_id": agency_id})


async def stop_acting(write: Write, agency_id: UUID) -> None:
    """From now on no token of the agency is accepted."""
    await write.run(acting_agency.delete().where(acting_agency.c.agency_id == agency_id))


async def revoke(
    write: Write, kind: RevocationKind, value: str, agency_id: UUID, now: datetime, until: datetime | None = None
) -> None:
    """Refuse a token id or a subject of an agency from now on; harmless when repeated."""
    already = sa.select(revocation.c.value).where(
        revocation.c.kind == kind.value, revocation.c.value == value, revocation.c.agency_id == agency_id
    )
    if await write.value(already) is None:
        await write.run(
            revocation.insert(),
            {"kind": kind.value, "value": value, "agency_id": agency_id, "revoked_at": now, "until": until},
        )
