"""The versions of an agreement: their list, and one with its text."""

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.queries.authorities import signatures_rest_on
from registry.agreements.instruments.queries.ceilings import about_ceiling
from registry.agreements.instruments.queries.conditions import remarks_on_conditions
from registry.agreements.instruments.queries.evidence import NO_PAPERS, evidence_of_hand, papers_on_file, shown_evidence
from registry.agreements.instruments.queries.provisions import (
    VersionTerm,
    clauses_read,
    may_read_restricted,
    provisions_of,
    remarks_on_text,
    withheld_terms,
)
from registry.agreements.instruments.queries.publications import publications_of
from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.instruments.queries.signed_text import parts_as_hashed, told_beside, told_of_parts
from registry.agreements.instruments.queries.texts import original_no
from registry.agreements.instruments.queries.visibility import legible_to, reads_restricted, signed_version
from registry.agreements.instruments.remarks import (
    Hand,
    about_authority,
    about_hands,
    about_papers,
    about_signing_days,
)
from registry.agreements.instruments.schemas.shown import (
    AgreementVersion,
    AgreementVersionPage,
    AgreementVersionSummary,
    VersionSignature,
)
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_party,
    agreement_signature,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.instruments.terms import Terms, shown_without
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import NewestFirst, Orders
from registry.platform.kernel.errors import Forbidden, NotFound
from registry.platform.kernel.time import civil_day

_HIGHEST_VERSION = 2**31 - 1

OF_IT = agreement_version.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type)
LEGIBLE = sa.and_(legible_to(), sa.or_(sa.bindparam("whole", type_=sa.Boolean), signed_version()))
"""Versions that a caller may read who sees the agreement `whole`, and those that its agency signed."""
_dates = agreement_version_dates


def executed_at_told() -> sa.ColumnElement[Any]:
    """`rules.executed_when` in SQL, of the agreement in the statement, by who has joined at the bind `now`."""
    its = sa.select(agreement_party.c.joined_at).where(
        agreement_party.c.agreement_id == agreement.c.id, agreement_party.c.in_text
    )
    now = sa.bindparam("now", type_=agreement_party.c.joined_at.type)
    lacking = its.where(sa.or_(agreement_party.c.joined_at.is_(None), agreement_party.c.joined_at > now))
    last = its.with_only_columns(sa.func.max(agreement_party.c.joined_at)).correlate(agreement).scalar_subquery()
    return sa.case(
        (lacking.correlate(agreement).exists(), sa.null()),
        (last > agreement.c.executed_at, last),
        else_=agreement.c.executed_at,
    )


_executed_at = sa.case(
    (agreement_amendment.c.id.is_not(None), agreement_amendment.c.executed_at),
    (agreement_version.c.no == original_no(), executed_at_told()),
).label("executed_at")
_VERSION_COLUMNS = ("id", "no", "title", "terms", "sha256", "frozen_at", "evidence_sha256", "evidence_location")
_VERSION_ROWS = (
    sa.select(
        *(agreement_version.c[name] for name in _VERSION_COLUMNS),
        *(_dates.c[name] for name in ("kind", "effective_on", "expires_on", "ends_at", "notice")),
        *(_dates.c[name] for name in ("auto_renew_months", "auto_renew_times", "renewal_day")),
        _executed_at,
        reads_restricted().label("reached"),
    )
    .select_from(
        agreement_version.join(agreement, agreement.c.id == agreement_version.c.agreement_id)
        .join(_dates, _dates.c.version_id == agreement_version.c.id)
        .outerjoin(agreement_amendment, agreement_amendment.c.version_id == agreement_version.c.id)
    )
    .where(OF_IT, LEGIBLE)
)
_VERSION_ORDERS = Orders(NewestFirst, created_at=agreement_version.c.no)
VERSION = _VERSION_ROWS.where(agreement_version.c.no == sa.bindparam("no", type_=sa.Integer))
_SIGNATURES = (
    sa.select(agreement_signature, agency.c.name.label("agency_name"), agency.c.time_zone.label("its_zone"))
    .join(agency, agency.c.id == agreement_signature.c.agency_id)
    .where(agreement_signature.c.version_id == sa.bindparam("version_id", type_=agreement_version.c.id.type))
    .order_by(agreement_signature.c.recorded_at, agreement_signature.c.id)
)


@cache
def _versions(sort: str, *, after: bool) -> sa.Select[Any]:
    return _VERSION_ORDERS.page(_VERSION_ROWS, sort, after=after)


async def versions_for(
    read: Read, principal: Principal, agreement_id: UUID, now: datetime
) -> tuple[Row[Any], dict[str, object]]:
    """The agreement's row, and the parameters under which the caller reads versions. Raises NotFound, Forbidden."""
    row = await agreement_row(read, principal, agreement_id)
    if not (row.shared or row.signed):
        raise Forbidden("The versions of an agreement are for its parties; what is public is in the agreement itself.")
    own = {"custodian": row.custodian_id == principal.agency_id, "viewer": principal.agency_id}
    return row, {"id": agreement_id, "whole": bool(row.shared), "now": now, **own}


async def list_versions(
    read: Read, principal: Principal, agreement_id: UUID, query: NewestFirst, now: datetime
) -> AgreementVersionPage:
    """A page of the versions of an agreement. Raises NotFound, Forbidden for whoever is no party."""
    _, parameters = await versions_for(read, principal, agreement_id, now)
    parameters |= _VERSION_ORDERS.parameters(query)
    rows = await read.all(_versions(query.sort, after=query.cursor is not None), parameters)
    kept, next_cursor = _VERSION_ORDERS.cut(rows, query)
    return AgreementVersionPage(items=[version_summary(row) for row in kept], next_cursor=next_cursor)


def version_summary(row: Row[Any]) -> AgreementVersionSummary:
    """What a list says of a version."""
    return AgreementVersionSummary(
        id=row.id,
        version_no=row.no,
        kind=row.kind,
        title=row.title,
        sha256=row.sha256,
        frozen_at=row.frozen_at,
        effective_on=row.effective_on,
        executed_at=row.executed_at,
    )


async def get_version(
    read: Read, principal: Principal, agreement_id: UUID, no: int, now: datetime
) -> tuple[AgreementVersion, Row[Any]]:
    """One version and its agreement: the text with restricted provisions where the caller's role reaches them.

    Whoever answers with restricted text records the reading first. Raises NotFound, Forbidden for whoever is no party.
    """
    its, parameters = await versions_for(read, principal, agreement_id, now)
    row = await read.first(VERSION, {**parameters, "no": no}) if 0 < no <= _HIGHEST_VERSION else None
    if row is None:
        raise NotFound("version")
    authorities = await signatures_rest_on(read, row.id, its.time_zone)
    signatures = await read.all(_SIGNATURES, {"version_id": row.id})
    provisions = await provisions_of(read, row.id, whole=True, restricted=may_read_restricted(principal, row))
    terms = msgspec.json.decode(row.terms, type=Terms)
    withheld = withheld_terms(terms, provisions)
    papers, whole = (
        await papers_on_file(read, agreement_id, principal.agency_id) if its.any_filed else NO_PAPERS,
        bool(its.shared),
    )
    evidence = shown_evidence(row.evidence_sha256, row.evidence_location, papers, its.custodian_id, whole=whole)
    parts = [] if row.sha256 is None else await parts_as_hashed(read, row.id, provisions)
    term = VersionTerm(**{name: row._mapping[name] for name in VersionTerm.__struct_fields__})
    found = AgreementVersion(
        id=row.id,
        agreement_id=agreement_id,
        version_no=row.no,
        kind=row.kind,
        title=row.title,
        sha256=row.sha256,
        signed_as=told_beside(parts),
        parts=told_of_parts(parts),
        frozen_at=row.frozen_at,
        effective_on=row.effective_on,
        expires_on=row.expires_on,
        notice=read_notice(row.notice),
        auto_renew_months=row.auto_renew_months,
        auto_renew_times=row.auto_renew_times,
        executed_at=row.executed_at,
        evidence=evidence,
        terms=shown_without(terms, withheld),
        terms_withheld=withheld,
        provisions=provisions,
        remarks=[
            *about_papers(row.no, evidence),
            *about_hands(
                row.no,
                [
                    Hand(
                        agency=each.agency_name,
                        manner=each.manner,
                        signed_on=each.signed_on,
                        entered_on=civil_day(each.recorded_at, each.its_zone or its.time_zone),
                        evidence=evidence_of_hand(each, evidence, papers, each.its_zone or its.time_zone, whole=whole),
                    )
                    for each in signatures
                ],
            ),
            *about_signing_days(
                row.no, row.effective_on, [(each.agency_name, each.manner, each.signed_on) for each in signatures]
            ),
            *remarks_on_text(provisions, row.terms, term, row.kind),
            *await remarks_on_conditions(read, agreement_id, principal.agency_id, clauses_read(provisions)),
            *await about_ceiling(read, principal.agency_id, row.no, terms, authorities.get(principal.agency_id)),
            *(
                remark
                for each in signatures
                if (rests_on := authorities.get(each.agency_id)) is not None
                for remark in about_authority(
                    row.no,
                    each.agency_name,
                    rests_on,
                    civil_day(rests_on.recorded_at, each.its_zone or its.time_zone),
                )
            ),
        ],
        signatures=[
            VersionSignature(
                agency=AgencyReference(id=each.agency_id, name=each.agency_name),
                manner=each.manner,
                signatory_title=each.signatory_title,
                signed_on=each.signed_on,
                evidence=evidence_of_hand(each, evidence, papers, each.its_zone or its.time_zone, whole=whole),
                recorded_at=each.recorded_at,
                counts_from=each.counts_from or each.recorded_at,
                separation_relaxed=each.separation_relaxed,
                authority=authorities.get(each.agency_id, "not_on_record"),
            )
            for each in signatures
        ],
        publication=(await publications_of(read, [row.id])).get(row.id) if its.shared else None,
    )
    return found, its
