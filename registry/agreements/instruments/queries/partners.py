"""What two agencies have in force between them, and how to reach an agency: what partners may ask."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.in_force import (
    AgreementCandidate,
    as_candidate,
    pair_statement,
    shown_to_partners,
)
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
from registry.agreements.instruments.terms import without
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import NotFound
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
    found = [
        (candidate := as_candidate(row), bool(row.shared), _withheld(principal, row, candidate))
        for row in rows
        if row.in_force and (query.category is None or row.covers_category)
    ]
    return AgreementInForceList(
        items=[
            AgreementInForce(
                agreement_id=each.id,
                number=each.number,
                title=each.title,
                kind=each.kind,
                version_no=each.version_no,
                assists=each.covers_direction,
                covers_until=each.covers_until,
                terms=without(each.terms, withheld) if shared else None,
                terms_withheld=withheld if shared else [],
            )
            for each, shared, withheld in found
        ]
    )


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
