"""Certificates on file, and whether they cover a window."""

from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.in_force import partner_in_force
from registry.agreements.insurance.rules import LIABILITY, Cover, InsuranceKind, RetiredBecause, covered, insured_during
from registry.agreements.insurance.schemas import CertificateQuery, InsuranceCertificate, InsuranceCertificatePage
from registry.agreements.insurance.tables import agency_insurance
from registry.directory.agencies.queries import agency_row, relations
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import Window, civil_day

_ID = agency_insurance.c.id.type
_AGENCY = sa.bindparam("agency_id", type_=_ID)
# Who reads the whole of it: the agency itself, and whoever has an agreement in force with it.
_WHOLE = sa.or_(agency.c.id == sa.bindparam("viewer", type_=_ID), partner_in_force(agency.c.id))
_SHOWN = (
    sa.select(agency_insurance, agency.c.name.label("agency_name"), agency.c.time_zone, _WHOLE.label("whole"))
    .join(agency, agency.c.id == agency_insurance.c.agency_id)
    .where(agency_insurance.c.agency_id == _AGENCY)
)
_ONE = _SHOWN.where(agency_insurance.c.id == sa.bindparam("id", type_=_ID))
_LIABILITY = (
    sa.select(
        agency_insurance.c.effective_on,
        agency_insurance.c.expires_on,
        agency_insurance.c.retired_at,
        agency.c.time_zone,
    )
    .join(agency, agency.c.id == agency_insurance.c.agency_id)
    .where(
        agency_insurance.c.agency_id == _AGENCY,
        agency_insurance.c.kind.in_(sorted(LIABILITY)),
        agency_insurance.c.retired_because.is_distinct_from(RetiredBecause.ENTERED_IN_ERROR),
    )
)


def covers_of(rows: Iterable[Row[Any]]) -> list[Cover]:
    """The days that certificates cover, each row with its dates and its agency's time zone."""
    found = (covered(row.effective_on, row.expires_on, _retired_on(row)) for row in rows)
    return [cover for cover in found if cover is not None]


def _retired_on(row: Row[Any]) -> date | None:
    retired_at: datetime | None = row.retired_at
    return None if retired_at is None else civil_day(retired_at, _zone(row))


def _zone(row: Row[Any]) -> str:
    """The agency's zone; one that takes no part yet may have none."""
    return row.time_zone or "UTC"


async def insured(read: Read, agency_id: UUID, window: Window) -> bool | None:
    """Whether liability certificates cover the whole window; None when none was ever on file."""
    rows = await read.fast(_LIABILITY, {"agency_id": agency_id})
    if not rows:
        return None
    return insured_during(covers_of(rows), window.start, window.end, rows[0].time_zone)


async def certificate_row(read: Read, caller: Caller, agency_id: UUID, insurance_id: UUID) -> Row[Any]:
    """One certificate of the agency. Raises NotFound."""
    parameters = {"agency_id": agency_id, "id": insurance_id, "viewer": caller.agency_id, "at": caller.now}
    row = await read.first(_ONE, parameters)
    if row is None:
        raise NotFound("certificate")
    return row


async def get_certificate(read: Read, caller: Caller, agency_id: UUID, insurance_id: UUID) -> InsuranceCertificate:
    """One certificate as the caller may see it. Raises NotFound."""
    return _as_certificate(await certificate_row(read, caller, agency_id, insurance_id), caller)


_ORDERS = Orders(
    CertificateQuery,
    created_at=agency_insurance.c.id,
    updated_at=(agency_insurance.c.updated_at, agency_insurance.c.id),
)


@cache
def _list_statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    statement = _SHOWN.where(*changed_in(agency_insurance.c.updated_at, filters))
    if "kind" in filters:
        statement = statement.where(agency_insurance.c.kind.in_(sa.bindparam("kind", expanding=True)))
    last_day = agency_insurance.c.expires_on
    if "expires_from" in filters:
        statement = statement.where(last_day >= sa.bindparam("expires_from", type_=last_day.type))
    if "expires_to" in filters:
        statement = statement.where(last_day <= sa.bindparam("expires_to", type_=last_day.type))
    if "retired" in filters:
        statement = statement.where(agency_insurance.c.retired_at.is_not(None))
    if "kept" in filters:
        statement = statement.where(agency_insurance.c.retired_at.is_(None))
    return _ORDERS.page(statement, sort, after="cursor" in filters)


async def list_certificates(
    read: Read, caller: Caller, agency_id: UUID, query: CertificateQuery
) -> InsuranceCertificatePage:
    """A page of an agency's certificates, retired ones included.

    Raises NotFound, Malformed for another's cursor, RuleBroken for a range without anything in it.
    """
    await agency_row(read, agency_id)
    chosen = given(query, "kind", "expires_from", "expires_to", *CHANGED)
    parameters: dict[str, object] = {
        "agency_id": agency_id,
        "viewer": caller.agency_id,
        "at": caller.now,
        **chosen,
        **_ORDERS.parameters(query),
    }
    filters = set(chosen)
    if query.retired is not None:
        filters.add("retired" if query.retired else "kept")
    if query.cursor is not None:
        filters.add("cursor")
    rows = await read.all(_list_statement(frozenset(filters), query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return InsuranceCertificatePage(items=[_as_certificate(row, caller) for row in kept], next_cursor=next_cursor)


def _as_certificate(row: Row[Any], caller: Caller) -> InsuranceCertificate:
    today = civil_day(caller.now, _zone(row))
    offers = []
    if refusal(caller.principal, Action.AGENCIES_UPDATE, relations(caller.principal, row.agency_id)) is None:
        gone = None if row.retired_at is None else "It is retired already."
        offers.append(offer("retire", withheld=gone))
    return InsuranceCertificate(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        kind=InsuranceKind(row.kind),
        insurer=row.insurer,
        policy_number=row.policy_number if row.whole else None,
        coverage=Money.from_minor(row.coverage_minor, row.currency) if row.whole else None,
        effective_on=row.effective_on,
        expires_on=row.expires_on,
        proves_liability=row.kind in LIABILITY,
        current=row.retired_at is None and row.effective_on <= today <= row.expires_on,
        evidence_sha256=row.evidence_sha256,
        evidence_location=row.evidence_location,
        created_at=row.created_at,
        updated_at=row.updated_at,
        retired_at=row.retired_at,
        retired_because=row.retired_because,
        retired_reason=row.retired_reason if row.whole else None,
        allowed_actions=offers,
        version=row.version,
    )
