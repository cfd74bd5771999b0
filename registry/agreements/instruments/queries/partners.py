"""What two agencies have in force between them, and how to reach an agency: what partners may ask."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.pending import Without
from registry.agreements.instruments.queries.in_force import (
    AgreementCandidate,
    as_candidate,
    end_of,
    pair_statement,
    shown_to_partners,
)
from registry.agreements.instruments.queries.pending import all_without_pending
from registry.agreements.instruments.queries.provisions import may_read_restricted
from registry.agreements.instruments.queries.visibility import (
    administers,
    is_published,
    reads_restricted,
    shared_with,
    visible_to,
)
from registry.agreements.instruments.schemas.asked import InForceQuery
from registry.agreements.instruments.schemas.shown import (
    AgencyContact,
    AgreementInForce,
    AgreementInForceList,
)
from registry.agreements.instruments.tables import agreement_version
from registry.agreements.instruments.terms import without as without_terms
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.intervals import earliest
from registry.platform.kernel.time import checked_instant


@cache
def _in_force_statement(*, administrator: bool) -> sa.Select[Any]:
    """The pair's agreements that the caller (bind `reader`) may know of."""
    statement = pair_statement().add_columns(
        shared_with("reader").label("shared"), reads_restricted("reader").label("reached")
    )
    statement = statement.where(visible_to("reader", administrator=administrator))
    if administrator:
        return statement
    return statement.where(sa.or_(shared_with("reader"), is_published(agreement_version.c.id)))


async def agreements_in_force(
    read: Read, principal: Principal, query: InForceQuery, now: datetime
) -> AgreementInForceList:
    """What binds both agencies at the instant, as far as the caller may know of it."""
    at = now if query.as_of is None else checked_instant(query.as_of, "/as_of")
    rows = await read.all(
        _in_force_statement(administrator=administers(principal)),
        {
            "viewer": query.requesting_agency_id,
            "other": query.assisting_agency_id,
            "category": query.category,
            "at": at,
            "reader": principal.agency_id,
        },
    )
    pending = await all_without_pending(read, [row.id for row in rows], now)
    items = []
    for row in rows:
        without = pending.get(row.id)
        binds = _Binds.of(row) if without is None else _as_it_is(row, without, query, at)
        if binds is None or not (query.category is None or row.covers_category):
            continue
        candidate, shared = as_candidate(row), bool(row.shared)
        withheld = _withheld(principal, row, candidate)
        sides = (query.requesting_agency_id, query.assisting_agency_id)
        reports = {} if without is None else dict.fromkeys(each for side in sides for each in without.reports_on(side))
        items.append(
            AgreementInForce(
                agreement_id=candidate.id,
                number=candidate.number,
                title=candidate.title,
                kind=candidate.kind,
                version_no=candidate.version_no,
                assists=binds.assists,
                covers_until=binds.until,
                pending_report_ids=[*reports] if shared else [],
                terms=without_terms(candidate.terms, withheld) if shared else None,
                terms_withheld=withheld if shared else [],
            )
        )
    return AgreementInForceList(items=items)


class _Binds(Struct, frozen=True):
    """That the agreement binds the two: whether the one assists the other, and until when."""

    assists: bool
    until: datetime | None

    @classmethod
    def of(cls, row: Row[Any]) -> "_Binds | None":
        """As the windows have it; None where it does not."""
        return cls(bool(row.covers_direction), end_of(row.covers_until)) if row.in_force else None


def _as_it_is(row: Row[Any], without: Without, query: InForceQuery, at: datetime) -> _Binds | None:
    """As `_Binds.of`, without the reports that have not taken effect."""
    requests, until = row.viewer_requests, end_of(row.viewer_bound_until)
    is_bound = bool(row.viewer_bound)
    if (viewer := without.party(query.requesting_agency_id)) is not None:
        window = viewer.at(at)
        is_bound = window is not None
        requests, until = (False, None) if window is None else (window.requests, window.bound_until)
    assists, other_until = row.other_assists, end_of(row.other_bound_until)
    is_bound_too = bool(row.other_bound)
    if (other := without.party(query.assisting_agency_id)) is not None:
        window = other.at(at)
        is_bound_too = window is not None
        assists, other_until = (False, None) if window is None else (window.assists, window.bound_until)
    if not (is_bound and is_bound_too):
        return None
    return _Binds(bool(requests and assists), earliest(until, other_until))


def _withheld(principal: Principal, row: Row[Any], candidate: AgreementCandidate) -> list[str]:
    return [] if may_read_restricted(principal, row) else candidate.restricted_terms


_CONTACT = sa.select(agency.c.id, agency.c.name, agency.c.contact_phone, agency.c.contact_email).where(
    agency.c.id == sa.bindparam("id", type_=agency.c.id.type),
    shown_to_partners(),
)


async def get_contact(read: Read, principal: Principal, agency_id: UUID, now: datetime) -> AgencyContact:
    """How to reach an agency: for itself, for partners in force now, and for the administrator. Raises NotFound."""
    reader = {"viewer": principal.agency_id, "administrator": administers(principal)}
    row = await read.first(_CONTACT, {"id": agency_id, "at": now, **reader})
    if row is None:
        raise NotFound("contact")
    return AgencyContact(
        agency=AgencyReference(id=row.id, name=row.name), phone=row.contact_phone, email=row.contact_email
    )
