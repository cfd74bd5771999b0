"""Which version of an agreement says the same as another, from the same day: a paper may have been entered twice."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.provisions import is_cleared
from registry.agreements.instruments.queries.visibility import legible_to_parties, reads_restricted
from registry.agreements.instruments.rules import Sensitivity, Stage
from registry.agreements.instruments.tables import (
    agreement_amendment,
    agreement_version,
    agreement_version_dates,
    provision,
)
from registry.agreements.instruments.terms import Terms
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read

_DATES = (
    *("kind", "effective_on", "expires_on", "notice"),
    *("auto_renew_months", "auto_renew_times", "renewal_day"),
)
_OF_AGREEMENT = sa.bindparam("id", type_=agreement_version.c.agreement_id.type)
_TEXTS = (
    sa.select(
        agreement_version.c.id,
        agreement_version.c.no,
        agreement_version.c.terms,
        *(agreement_version_dates.c[name] for name in _DATES),
    )
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .join(agreement_amendment, agreement_amendment.c.version_id == agreement_version.c.id)
    .where(
        agreement_version.c.agreement_id == _OF_AGREEMENT,
        legible_to_parties(),
        agreement_amendment.c.stage != Stage.WITHDRAWN,
        agreement_version_dates.c.effective_on
        == sa.select(agreement_version_dates.c.effective_on)
        .where(agreement_version_dates.c.version_id == sa.bindparam("version_id", type_=agreement_version.c.id.type))
        .scalar_subquery(),
    )
    .order_by(agreement_version.c.no)
)
_restricted = provision.alias("restricted_provision")
_SAYS_RESTRICTED = (
    sa.select(sa.literal(1))
    .where(_restricted.c.version_id == agreement_version.c.id, _restricted.c.sensitivity == Sensitivity.RESTRICTED)
    .correlate(agreement_version)
    .exists()
)
_LEGIBLE = _TEXTS.where(
    sa.or_(
        agreement_version.c.id == sa.bindparam("version_id", type_=agreement_version.c.id.type),
        ~_SAYS_RESTRICTED,
        sa.and_(sa.bindparam("cleared", type_=sa.Boolean), reads_restricted()),
    )
)
_PROVISIONS = (
    sa.select(*(provision.c[name] for name in ("version_id", "number", "heading", "text")))
    .where(provision.c.version_id.in_(sa.bindparam("ids", type_=provision.c.version_id.type, expanding=True)))
    .order_by(provision.c.version_id, provision.c.ordinal)
)


async def repeated_text(read: Read, principal: Principal, agreement_id: UUID, version_id: UUID) -> int | None:
    """The first version on its way or executed that says what that one says, from the same day; None where none does.

    Compared are the dates, the notice, the terms and each provision; not the title. What the caller may not read is
    compared with nothing, so that nobody tries what it says.
    """
    asked = {"viewer": principal.agency_id, "cleared": is_cleared(principal)}
    rows = await read.all(_LEGIBLE, {"id": agreement_id, "version_id": version_id, **asked})
    texts = {row.id: row for row in rows}
    own = texts.pop(version_id, None)
    alike = [] if own is None else [each for each in texts.values() if _particulars(each) == _particulars(own)]
    if not alike:
        return None
    clauses: dict[UUID, list[tuple[str, ...]]] = {}
    for row in await read.all(_PROVISIONS, {"ids": [version_id, *(each.id for each in alike)]}):
        clauses.setdefault(row.version_id, []).append(_words(row))
    return next((each.no for each in alike if clauses.get(each.id) == clauses.get(version_id)), None)


def _particulars(row: Row[Any]) -> Sequence[Any]:
    return msgspec.json.decode(row.terms, type=Terms), *(getattr(row, name) for name in _DATES)


def _words(row: Row[Any]) -> tuple[str, ...]:
    return row.number, row.heading, " ".join(row.text.split())
