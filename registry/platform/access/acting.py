"""Whether the principal of a valid token may act now.

Its agency is active, neither token nor person is revoked, and the person or service was seen not too long ago.

Checked on every request and cached for at most one second, so a suspension or revocation takes effect in every process
within a second.
"""

import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import sqlalchemy as sa

from registry.platform.access.principals import Principal, RevocationKind
from registry.platform.access.sightings import idle_before
from registry.platform.access.tables import acting_agency, principal, revocation
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import DomainError, Forbidden, Unauthenticated
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import counted

REMEMBERED_SECONDS = 1.0
_LIMIT = 10_000

_AGENCY = sa.bindparam("agency_id", type_=acting_agency.c.agency_id.type)

_LOCK = sa.select(acting_agency.c.agency_id).where(acting_agency.c.agency_id == _AGENCY).with_for_update()


def _revoked(kind: RevocationKind, value: str) -> sa.Exists:
    return sa.exists().where(
        revocation.c.kind == kind.value,
        revocation.c.issuer == sa.bindparam("issuer"),
        revocation.c.value == sa.bindparam(value),
        revocation.c.agency_id == _AGENCY,
        revocation.c.lifted_at.is_(None),
    )


_IDLE_BEFORE = sa.bindparam("idle_before", type_=principal.c.last_seen_at.type)
_MAY_ACT = sa.select(
    sa.exists().where(acting_agency.c.agency_id == _AGENCY),
    _revoked(RevocationKind.TOKEN, "jti"),
    _revoked(RevocationKind.PERSON, "subject"),
    sa.exists().where(
        principal.c.agency_id == _AGENCY,
        principal.c.issuer == sa.bindparam("issuer"),
        principal.c.subject == sa.bindparam("subject"),
        principal.c.last_seen_at < _IDLE_BEFORE,
        sa.or_(principal.c.restored_at.is_(None), principal.c.restored_at < _IDLE_BEFORE),
    ),
)
_SAME = sa.select(
    revocation.c.id, revocation.c.version, revocation.c.lifted_at, revocation.c.by_operator, revocation.c.is_final
).where(
    revocation.c.kind == sa.bindparam("kind"),
    revocation.c.issuer == sa.bindparam("issuer"),
    revocation.c.value == sa.bindparam("value"),
    revocation.c.agency_id == _AGENCY,
)
_BY_ID = revocation.update().where(
    revocation.c.id == sa.bindparam("its_id", type_=revocation.c.id.type),
    revocation.c.version == sa.bindparam("its_version", type_=sa.Integer),
)


_Refusal: TypeAlias = tuple[type[DomainError], str, str]
# 401 is for what another token mends (RFC 6750, 3.1): a client that gets a new one at every 401 would do so for ever.
AGENCY_NOT_ACTIVE: _Refusal = (
    Forbidden,
    "The agency that this token speaks for may not act in the registry now; its operator can tell why.",
    "agency_not_active",
)
TOKEN_REVOKED: _Refusal = (Unauthenticated, "The bearer token has been revoked.", "invalid_token")


PRINCIPAL_SUSPENDED: _Refusal = (
    Forbidden,
    "You are suspended for this agency, whatever token you bring. Your agency's administrator can tell why, and"
    " restore you.",
    "principal_suspended",
)


def _inactive(idle_days: int) -> _Refusal:
    return (
        Forbidden,
        f"You have not used the registry for {counted(idle_days, 'day')}, so your account is inactive. Your agency's"
        " administrator, or the registry's operator, can restore it.",
        "principal_inactive",
    )


class RevocationCache:
    """Caches for one second whether a principal may act. With `idle_days` 0 nobody becomes inactive."""

    def __init__(self, idle_days: int) -> None:
        self._idle_days = idle_days
        self._known: OrderedDict[tuple[UUID, str, str, str], tuple[float, _Refusal | None]] = OrderedDict()

    async def check(self, read: Read, who: Principal, now: datetime) -> None:
        """Raises Unauthenticated for a revoked token, for which another helps.

        Raises Forbidden when the agency is not active, or the person or service is suspended or inactive.
        """
        key = (who.agency_id, who.issuer, who.subject, who.token_id)
        known = self._known.get(key)
        at = time.monotonic()
        if known is None or at - known[0] >= REMEMBERED_SECONDS:
            known = (at, await self._ask(read, who, now))
            self._known[key] = known
            self._known.move_to_end(key)
            if len(self._known) > _LIMIT:
                self._known.popitem(last=False)
        if known[1] is not None:
            error, detail, code = known[1]
            raise error(detail, code)

    async def _ask(self, read: Read, who: Principal, now: datetime) -> _Refusal | None:
        its = {"agency_id": who.agency_id, "issuer": who.issuer, "subject": who.subject, "jti": who.token_id}
        return await why_refused(read, its, now, self._idle_days)


async def why_refused(read: Read, its: Mapping[str, object], now: datetime, idle_days: int) -> _Refusal | None:
    """Why a token is refused now, by its `agency_id`, `issuer`, `subject` and `jti`; None when it is not."""
    row = await read.first(_MAY_ACT, {**its, "idle_before": idle_before(now, idle_days)})
    assert row is not None
    acting, token_revoked, suspended, inactive = tuple(row)
    if not acting:
        return AGENCY_NOT_ACTIVE
    if token_revoked:
        return TOKEN_REVOKED
    if suspended:
        return PRINCIPAL_SUSPENDED
    return _inactive(idle_days) if inactive else None


async def lock_acting(write: Write, agency_id: UUID) -> None:
    """Let no other transaction count what the agency has, until the end of this one. An inactive agency has no lock."""
    await write.value(_LOCK, {"agency_id": agency_id})


async def allow_acting(write: Write, agency_id: UUID) -> None:
    """Accept the tokens of the agency from now on. Has no effect when they are accepted already."""
    if await write.value(sa.select(acting_agency.c.agency_id).where(acting_agency.c.agency_id == agency_id)) is None:
        await write.run(acting_agency.insert(), {"agency_id": agency_id})


async def forbid_acting(write: Write, agency_id: UUID) -> None:
    """Refuse every token of the agency from now on."""
    await write.run(acting_agency.delete().where(acting_agency.c.agency_id == agency_id))


async def revoke(
    write: Write,
    kind: RevocationKind,
    value: str,
    *,
    issuer: str,
    agency_id: UUID,
    now: datetime,
    reason: str,
    by_operator: bool,
    is_final: bool = False,
) -> tuple[UUID, int | None]:
    """Refuse a token id, or a subject, of an issuer for an agency from now on; a final one is never lifted.

    Returns the revocation's id, and its new version; None when that was refused already, and nothing changed. What an
    agency refused becomes the operator's when the operator refuses it too, and never the agency's again while it holds.
    """
    same = {"kind": kind.value, "issuer": issuer, "value": value, "agency_id": agency_id}
    found = await write.first(_SAME, same)
    if found is not None and found.lifted_at is None:
        stronger = (is_final and not found.is_final) or (by_operator and not found.by_operator)
        if found.is_final or not stronger:
            return found.id, None
        by_operator = by_operator or found.by_operator
    values = {
        "reason": reason,
        "revoked_at": now,
        "lifted_at": None,
        "by_operator": by_operator,
        "is_final": is_final,
    }
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
