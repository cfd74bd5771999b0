"""Whether the principal of a valid token may act now: its agency is active, and neither token nor subject is revoked.

Checked on every request and cached for at most one second, so a suspension or revocation takes effect in every process
within a second.
"""

import time
from collections import OrderedDict
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa

from registry.platform.access.principals import Principal
from registry.platform.access.tables import RevocationKind, acting_agency, revocation
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Unauthenticated
from registry.platform.kernel.ids import new_id

REMEMBERED_SECONDS = 1.0
_LIMIT = 10_000

_AGENCY = sa.bindparam("agency_id", type_=acting_agency.c.agency_id.type)


def _revoked(kind: RevocationKind, value: str) -> sa.Exists:
    return sa.exists().where(
        revocation.c.kind == kind.value,
        revocation.c.issuer == sa.bindparam("issuer"),
        revocation.c.value == sa.bindparam(value),
        revocation.c.agency_id == _AGENCY,
        revocation.c.lifted_at.is_(None),
    )


_MAY_ACT = sa.select(
    sa.exists().where(acting_agency.c.agency_id == _AGENCY),
    _revoked(RevocationKind.TOKEN, "jti"),
    _revoked(RevocationKind.PERSON, "subject"),
)
_SAME = sa.select(revocation.c.id, revocation.c.version, revocation.c.lifted_at).where(
    revocation.c.kind == sa.bindparam("kind"),
    revocation.c.issuer == sa.bindparam("issuer"),
    revocation.c.value == sa.bindparam("value"),
    revocation.c.agency_id == _AGENCY,
)
_BY_ID = revocation.update().where(
    revocation.c.id == sa.bindparam("its_id", type_=revocation.c.id.type),
    revocation.c.version == sa.bindparam("its_version", type_=sa.Integer),
)


class RevocationCache:
    """Caches for one second whether a principal may act."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[UUID, str, str, str], tuple[float, str | None]] = OrderedDict()

    async def check(self, read: Read, principal: Principal) -> None:
        """Raises Unauthenticated when the principal's agency is not active, or token or subject are revoked."""
        key = (principal.agency_id, principal.issuer, principal.subject, principal.token_id)
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
        return await why_refused(
            read,
            agency_id=principal.agency_id,
            issuer=principal.issuer,
            subject=principal.subject,
            token_id=principal.token_id,
        )


async def why_refused(read: Read, *, agency_id: UUID, issuer: str, subject: str, token_id: str) -> str | None:
    """Why that token of that subject is refused now; None when it is not."""
    row = await read.first(_MAY_ACT, {"agency_id": agency_id, "issuer": issuer, "jti": token_id, "subject": subject})
    assert row is not None
    acting, token_revoked, subject_revoked = tuple(row)
    if not acting:
        return "The agency this token speaks for may not act in the registry now."
    return "The bearer token has been revoked." if token_revoked or subject_revoked else None


async def allow_acting(write: Write, agency_id: UUID) -> None:
    """Accept the tokens of the agency from now on. Has no effect when they are accepted already."""
    if await write.value(sa.select(acting_agency.c.agency_id).where(acting_agency.c.agency_id == agency_id)) is None:
        await write.run(acting_agency.insert(), {"agency_id": agency_id})


async def forbid_acting(write: Write, agency_id: UUID) -> None:
    """Refuse every token of the agency from now on."""
    await write.run(acting_agency.delete().where(acting_agency.c.agency_id == agency_id))


async def revoke(
    write: Write, kind: RevocationKind, value: str, *, issuer: str, agency_id: UUID, now: datetime, reason: str
) -> tuple[UUID, int | None]:
    """Refuse a token id, or a subject, of an issuer for an agency from now on.

    Returns the revocation's id, and its new version; None when that was refused already, and nothing changed.
    """
    same = {"kind": kind.value, "issuer": issuer, "value": value, "agency_id": agency_id}
    found = await write.first(_SAME, same)
    if found is not None and found.lifted_at is None:
        return found.id, None
    values = {"reason": reason, "revoked_at": now, "lifted_at": None}
    if found is not None:
        its = {"its_id": found.id, "its_version": found.version}
        await write.run(_BY_ID, {**its, **values, "version": found.version + 1})
        return found.id, found.version + 1
    id_ = new_id()
    await write.run(revocation.insert(), {"id": id_, **same, **values, "version": 1})
    return id_, 1


async def lift(write: Write, id_: UUID, version: int, now: datetime) -> bool:
    """Accept again what was refused; False when it was changed meanwhile."""
    its = {"its_id": id_, "its_version": version}
    return bool(await write.run(_BY_ID, {**its, "lifted_at": now, "version": version + 1}))
