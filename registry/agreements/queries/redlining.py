"""Two versions of an agreement side by side, as far as the caller may read them."""

import asyncio
from functools import partial
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.principals import Principal
from registry.agreements.queries.listing import LEGIBLE, OF_IT, VERSION, version_summary, versions_for
from registry.agreements.queries.showing import may_read_restricted
from registry.agreements.redline.comparing import ReadableVersion, compare
from registry.agreements.redline.matching import Clause
from registry.agreements.redline.schemas import Redline, RedlineQuery
from registry.agreements.rules import Sensitivity
from registry.agreements.tables import agreement, agreement_version, provision
from registry.agreements.terms import Terms
from registry.database.handles import Read
from registry.kernel.errors import Fault, NotFound, RuleBroken

_LONG = 20_000
"""Characters of both texts together from which the comparison leaves the event loop: some 5 ms."""

_PARTICULARS = (
    *("title", "kind", "effective_on", "expires_on", "notice_days"),
    *("auto_renew_months", "auto_renew_times"),
)
_NEWEST = sa.select(sa.func.max(agreement_version.c.no)).where(OF_IT, LEGIBLE)
_BEFORE = _NEWEST.where(agreement_version.c.no < sa.bindparam("no", type_=sa.Integer))
_VERSION = VERSION.add_columns(agreement.c.number)
_CLAUSES = (
    sa.select(provision)
    .where(provision.c.version_id == sa.bindparam("version_id", type_=provision.c.version_id.type))
    .order_by(provision.c.ordinal)
)


async def get_redline(
    read: Read, principal: Principal, agreement_id: UUID, query: RedlineQuery
) -> tuple[Redline, UUID]:
    """What differs between two versions, restricted text included where the caller's role reaches it; the custodian.

    Whoever answers with restricted text records the reading first. Raises NotFound; Forbidden for whoever is no party;
    RuleBroken where there is no version before the one asked about.
    """
    custodian_id, parameters = await versions_for(read, principal, agreement_id)
    to_no = query.to_version or await read.value(_NEWEST, parameters)
    from_no = query.from_version or await read.value(_BEFORE, {**parameters, "no": to_no})
    old_row, new_row = [await read.first(_VERSION, {**parameters, "no": no}) for no in (from_no, to_no)]
    if new_row is None or (old_row is None and query.from_version):
        raise NotFound("version")
    if old_row is None:
        raise RuleBroken(
            f"There is no version before {to_no} that you may read: name the two to compare.",
            "no_version_before",
            faults=[Fault(parameter="from_version", code="no_version_before", detail=f"none before {to_no}")],
        )
    cleared = may_read_restricted(principal)
    old, new = [
        _readable(row, await read.all(_CLAUSES, {"version_id": row.id}), cleared=cleared) for row in (old_row, new_row)
    ]
    work = partial(compare, agreement_id, new_row.number, old, new)
    return await asyncio.to_thread(work) if old.length + new.length > _LONG else work(), custodian_id


def _readable(row: Row[Any], clauses: Any, *, cleared: bool) -> ReadableVersion:
    return ReadableVersion(
        summary=version_summary(row),
        particulars={name: getattr(row, name) for name in _PARTICULARS},
        terms=msgspec.json.decode(row.terms, type=Terms),
        clauses=[_clause(each, cleared=cleared) for each in clauses],
    )


def _clause(row: Row[Any], *, cleared: bool) -> Clause:
    """A provision without the text that the caller may not read: the comparison cannot tell what it never had."""
    withheld = row.sensitivity == Sensitivity.RESTRICTED and not cleared
    return Clause(
        number=row.number,
        heading=row.heading,
        sensitivity=Sensitivity(row.sensitivity),
        exemption=row.exemption,
        text=None if withheld else row.text,
        digest=sha256(row.text.encode()).digest(),
    )
