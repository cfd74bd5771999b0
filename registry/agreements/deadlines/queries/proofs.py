"""What each party has to show while the agreement lasts, and until when it holds: insurance and approvals."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.deadlines.rules import Proof
from registry.agreements.instruments.queries.approvals import approval_needed_at, needed_from, will_be_needed
from registry.agreements.instruments.queries.in_force import end_of
from registry.agreements.instruments.queries.visibility import still_bound
from registry.agreements.instruments.tables import agreement, agreement_approval, agreement_party
from registry.agreements.insurance.queries import covers_of
from registry.agreements.insurance.rules import LIABILITY, RetiredBecause, covered_through
from registry.agreements.insurance.tables import agency_insurance
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Read, Rows
from registry.platform.kernel.time import FIRST_DAY, civil_day

_NOW = sa.bindparam("now", type_=agreement_party.c.joined_at.type)
_IDS = sa.bindparam("ids", type_=agreement.c.id.type, expanding=True)

_INSURANCE = (
    sa.select(
        agreement_party.c.agreement_id,
        agreement_party.c.agency_id,
        agreement_party.c.joined_at,
        agency.c.time_zone,
        agency_insurance.c.effective_on,
        agency_insurance.c.expires_on,
        agency_insurance.c.created_at,
        agency_insurance.c.retired_at,
    )
    .join(agency, agency.c.id == agreement_party.c.agency_id)
    .outerjoin(
        agency_insurance,
        sa.and_(
            agency_insurance.c.agency_id == agreement_party.c.agency_id,
            agency_insurance.c.kind.in_(sorted(LIABILITY)),
            agency_insurance.c.retired_because.is_distinct_from(RetiredBecause.ENTERED_IN_ERROR),
        ),
    )
    .where(agreement_party.c.agreement_id.in_(_IDS), still_bound())
    .order_by(agreement_party.c.agreement_id, agreement_party.c.ordinal)
)
_APPROVALS = (
    sa.select(
        agreement_party.c.agreement_id,
        agreement_party.c.agency_id,
        sa.func.max(agreement_party.c.joined_at).label("joined_at"),
        sa.func.max(agreement_approval.c.ends_at).label("ends_at"),
        sa.func.max(agreement_approval.c.expires_on).label("expires_on"),
        sa.func.max(agreement_approval.c.recorded_at).label("recorded_at"),
        sa.func.count(agreement_approval.c.id).label("approvals"),
        needed_from().label("needed_from"),
    )
    .outerjoin(
        agreement_approval,
        sa.and_(
            agreement_approval.c.agreement_id == agreement_party.c.agreement_id,
            agreement_approval.c.agency_id == agreement_party.c.agency_id,
        ),
    )
    .where(
        agreement_party.c.agreement_id.in_(_IDS),
        still_bound(),
        sa.or_(approval_needed_at(_NOW), will_be_needed(_NOW)),
    )
    .group_by(agreement_party.c.agreement_id, agreement_party.c.agency_id)
    .order_by(agreement_party.c.agreement_id, agreement_party.c.agency_id)
)


async def insurance_of(
    read: Read, agreement_ids: Collection[UUID], zones: Mapping[UUID, str], now: datetime
) -> dict[UUID, list[Proof]]:
    """For each agreement until when its parties are insured; a party's certificates are judged once."""
    rows = await _for_parties(read, _INSURANCE, agreement_ids, now)
    parties: dict[tuple[UUID, UUID], list[Row[Any]]] = defaultdict(list)
    for row in rows:
        parties[row.agreement_id, row.agency_id].append(row)
    judged: dict[tuple[UUID, str], tuple[Any, ...]] = {}
    found: dict[UUID, list[Proof]] = defaultdict(list)
    for (agreement_id, agency_id), held in parties.items():
        zone = held[0].time_zone or zones[agreement_id]
        if (agency_id, zone) not in judged:
            judged[agency_id, zone] = _judged(held, zone, now)
        through, revision, changed_at = judged[agency_id, zone]
        joined_on = civil_day(held[0].joined_at, zone)
        found[agreement_id].append(
            Proof(
                agency_id=agency_id,
                through=through,
                needed_from=joined_on,
                time_zone=zone,
                revision=revision,
                changed_at=changed_at,
            )
        )
    return found


def _judged(held: Iterable[Row[Any]], zone: str, now: datetime) -> tuple[Any, ...]:
    rows = [row for row in held if row.effective_on is not None]
    through = covered_through(covers_of(rows), civil_day(now, zone))
    retired = [row.retired_at for row in rows if row.retired_at is not None]
    return through, len(rows) + len(retired), max([*(row.created_at for row in rows), *retired], default=None)


async def approvals_of(
    read: Read, agreement_ids: Collection[UUID], zones: Mapping[UUID, str], now: datetime
) -> dict[UUID, list[Proof]]:
    """For each agreement until when the approvals last that its parties' governing bodies gave, or have yet to give."""
    rows = await _for_parties(read, _APPROVALS, agreement_ids, now)
    found: dict[UUID, list[Proof]] = defaultdict(list)
    for row in rows:
        if row.approvals and end_of(row.ends_at) is None:
            continue  # one that does not lapse
        zone = zones[row.agreement_id]
        found[row.agreement_id].append(
            Proof(
                agency_id=row.agency_id,
                through=row.expires_on,
                needed_from=max(civil_day(row.joined_at, zone), row.needed_from or FIRST_DAY),
                time_zone=zone,
                revision=row.approvals,
                changed_at=row.recorded_at,
            )
        )
    return found


async def _for_parties(read: Read, statement: sa.Select[Any], ids: Collection[UUID], now: datetime) -> Rows:
    return await read.all_slowly(statement, {"ids": list(ids), "now": now}) if ids else ()
