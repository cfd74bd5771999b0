"""Lists: agreements by filter, versions of one, agreements in force between two agencies; and who may be called."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.principals import Principal, Role
from registry.agencies.tables import agency
from registry.agreements.queries.authorities import signatures_rest_on
from registry.agreements.queries.in_force import as_candidate, pair_statement, partners_in_force
from registry.agreements.queries.showing import agreement_row, may_read_restricted, provisions_of
from registry.agreements.queries.texts import original_no
from registry.agreements.queries.visibility import shared_with, visible_to
from registry.agreements.rules import Stage
from registry.agreements.schemas import (
    AgencyContact,
    AgreementInForce,
    AgreementInForceList,
    AgreementPage,
    AgreementQuery,
    AgreementSummary,
    AgreementVersion,
    AgreementVersionPage,
    AgreementVersionSummary,
    InForceQuery,
    VersionSignature,
)
from registry.agreements.tables import (
    agreement,
    agreement_amendment,
    agreement_coverage,
    agreement_force_window,
    agreement_notice_window,
    agreement_party,
    agreement_signature,
    agreement_suspension,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.terms import Terms
from registry.database.handles import Read
from registry.http.paging import Page, cut, decode_cursor
from registry.kernel.errors import Forbidden, NotFound
from registry.kernel.time import checked_instant
from registry.taxonomy.tables import category_closure

_AT = sa.bindparam("at", type_=agreement.c.starts_at.type)
_HIGHEST_VERSION = 2**31 - 1


# What is in such a state has such a row, and few have one: found by it, the others need not be looked at.
_FEW = {
    "suspended": sa.select(agreement_suspension.c.agreement_id).where(
        agreement_suspension.c.starts_at <= _AT, agreement_suspension.c.ends_at > _AT
    ),
    "notice_window": sa.select(agreement_notice_window.c.agreement_id).where(
        agreement_notice_window.c.opens_at <= _AT, agreement_notice_window.c.closes_at > _AT
    ),
}


def status_at() -> sa.ColumnElement[str]:
    """`rules.derived_status` in SQL, at the bind `at`, for lists that filter by it."""
    suspended = _any(
        agreement_suspension, agreement_suspension.c.starts_at <= _AT, agreement_suspension.c.ends_at > _AT
    )
    force, notice = agreement_force_window, agreement_notice_window
    bound = _any(force, force.c.starts_at <= _AT, force.c.ends_at > _AT)
    was_bound = _any(force, force.c.ends_at <= _AT)
    in_notice = _any(notice, notice.c.opens_at <= _AT, notice.c.closes_at > _AT)
    superseded = agreement.c.stage == Stage.SUPERSEDED
    return sa.case(
        (agreement.c.executed_at.is_(None), agreement.c.stage),
        (agreement.c.terminated_at <= _AT, sa.case((superseded, "superseded"), else_="terminated")),
        (agreement.c.ends_at <= _AT, "expired"),
        (suspended, "suspended"),
        (bound, sa.case((in_notice, "notice_window"), else_="in_force")),
        (was_bound, "lapsed"),
        else_="not_yet_effective",
    )


def _any(table: sa.Table, *criteria: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether the agreement has such a row, looked up by its id.

    The offset keeps PostgreSQL from reading the whole table into a hash instead, for what a page asks of fifty rows.
    """
    its = sa.select(sa.literal(1)).where(table.c.agreement_id == agreement.c.id, *criteria).correlate(agreement)
    return its.limit(1).offset(0).exists()


def narrowed(statement: sa.Select[Any], filters: Collection[str]) -> sa.Select[Any]:
    """The statement with those of the filters `stage`, `kind`, `status`, `party` and `category` that are asked for."""
    for name in ("stage", "kind"):
        if name in filters:
            statement = statement.where(agreement.c[name] == sa.bindparam(name))
    if "status" in filters:
        statement = statement.where(status_at() == sa.bindparam("status"))
    for name in _FEW.keys() & set(filters):
        statement = statement.where(agreement.c.id.in_(_FEW[name]))
    if "party" in filters:
        statement = statement.where(
            agreement.c.id.in_(
                sa.select(agreement_party.c.agreement_id).where(
                    agreement_party.c.agency_id == sa.bindparam("party", type_=agreement.c.id.type)
                )
            )
        )
    if "category" in filters:
        statement = statement.where(
            sa.select(sa.literal(1))
            .select_from(agreement_version)
            .join(agreement_coverage, agreement_coverage.c.version_id == agreement_version.c.id)
            .join(category_closure, category_closure.c.ancestor == agreement_coverage.c.category)
            .where(
                agreement_version.c.agreement_id == agreement.c.id,
                agreement_version.c.no == agreement.c.current_version,
                category_closure.c.descendant == sa.bindparam("category"),
            )
            .correlate(agreement)
            .exists()
        )
    return statement


@cache
def _list_statement(filters: frozenset[str]) -> sa.Select[Any]:
    """The list for one combination of filters; each combination is built once."""
    party_count = (
        sa.select(sa.func.count())
        .where(agreement_party.c.agreement_id == agreement.c.id)
        .correlate(agreement)
        .scalar_subquery()
    )
    statement = sa.select(
        agreement.c.id,
        agreement.c.number,
        agreement.c.title,
        agreement.c.kind,
        agreement.c.custodian_id,
        agreement.c.stage,
        status_at().label("status"),
        agreement.c.effective_on,
        agreement.c.expires_on,
        party_count.label("party_count"),
    )
    seen = visible_to()
    statement = statement.where(
        sa.or_(seen, agreement.c.executed_at.is_not(None)) if "administrator" in filters else seen
    )
    if "q" in filters:
        statement = statement.where(agreement.c.search_text.like(sa.bindparam("part"), escape="\\"))
    statement = narrowed(statement, filters)
    if "cursor" in filters:
        statement = statement.where(agreement.c.id > sa.bindparam("after", type_=agreement.c.id.type))
    return statement.order_by(agreement.c.id).limit(sa.bindparam("limit", type_=sa.Integer))


def _containing(part: str) -> str:
    escaped = part.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


async def list_agreements(read: Read, principal: Principal, query: AgreementQuery, now: datetime) -> AgreementPage:
    """A page of the agreements the caller may know of. Raises Malformed for another list's cursor."""
    parameters: dict[str, object] = {
        "viewer": principal.agency_id,
        "at": now if query.as_of is None else checked_instant(query.as_of, "/as_of"),
        "limit": query.limit + 1,
    }
    filters = {"administrator"} if Role.REGISTRY_ADMIN in principal.roles else set()
    for name in ("stage", "status", "kind", "party", "category"):
        if (value := getattr(query, name)) is not None:
            filters.add(name)
            parameters[name] = value
    if query.status in _FEW:
        filters.add(query.status)
    if query.q is not None:
        filters.add("q")
        parameters["part"] = _containing(query.q)
    if query.cursor is not None:
        filters.add("cursor")
        (parameters["after"],) = decode_cursor(query.cursor, (UUID,))
    rows = await read.all_slowly(_list_statement(frozenset(filters)), parameters)
    kept, next_cursor = cut(rows, query.limit, lambda row: (row.id,))
    return AgreementPage(
        items=[
            AgreementSummary(
                id=row.id,
                number=row.number,
                title=row.title,
                kind=row.kind,
                custodian_id=row.custodian_id,
                stage=row.stage,
                status=row.status,
                effective_on=row.effective_on,
                expires_on=row.expires_on,
                party_count=row.party_count,
            )
            for row in kept
        ],
        next_cursor=next_cursor,
    )


OF_IT = agreement_version.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type)
# A text that is not frozen is its custodian's alone.
LEGIBLE = sa.or_(agreement_version.c.frozen_at.is_not(None), sa.bindparam("custodian", type_=sa.Boolean))
_dates = agreement_version_dates
_executed_at = sa.case(
    (agreement_amendment.c.id.is_not(None), agreement_amendment.c.executed_at),
    (agreement_version.c.no == original_no(), agreement.c.executed_at),
).label("executed_at")
_VERSION_ROWS = (
    sa.select(
        *(agreement_version.c[name] for name in ("id", "no", "title", "terms", "sha256", "frozen_at")),
        *(_dates.c[name] for name in ("kind", "effective_on", "expires_on", "notice_days")),
        *(_dates.c[name] for name in ("auto_renew_months", "auto_renew_times")),
        _executed_at,
    )
    .select_from(
        agreement_version.join(agreement, agreement.c.id == agreement_version.c.agreement_id)
        .join(_dates, _dates.c.version_id == agreement_version.c.id)
        .outerjoin(agreement_amendment, agreement_amendment.c.version_id == agreement_version.c.id)
    )
    .where(OF_IT, LEGIBLE)
)
_VERSIONS = (
    _VERSION_ROWS.where(agreement_version.c.no > sa.bindparam("after", type_=sa.Integer))
    .order_by(agreement_version.c.no)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
VERSION = _VERSION_ROWS.where(agreement_version.c.no == sa.bindparam("no", type_=sa.Integer))
_SIGNATURES = (
    sa.select(agreement_signature)
    .where(agreement_signature.c.version_id == sa.bindparam("version_id", type_=agreement_version.c.id.type))
    .order_by(agreement_signature.c.recorded_at, agreement_signature.c.id)
)


async def versions_for(read: Read, principal: Principal, agreement_id: UUID) -> tuple[UUID, dict[str, object]]:
    """The custodian, and the parameters under which the caller reads versions. Raises NotFound, Forbidden."""
    row = await agreement_row(read, principal, agreement_id)
    if not row.shared:
        raise Forbidden("The versions of an agreement are for its parties; what is public is in the agreement itself.")
    return row.custodian_id, {"id": agreement_id, "custodian": row.custodian_id == principal.agency_id}


async def list_versions(read: Read, principal: Principal, agreement_id: UUID, page: Page) -> AgreementVersionPage:
    """The versions of an agreement, oldest first. Raises NotFound, Forbidden for whoever is no party."""
    _, parameters = await versions_for(read, principal, agreement_id)
    after = decode_cursor(page.cursor, (int,))[0] if page.cursor else 0
    parameters |= {"after": min(max(after, 0), _HIGHEST_VERSION), "limit": page.limit + 1}
    kept, next_cursor = cut(await read.all(_VERSIONS, parameters), page.limit, lambda row: (row.no,))
    return AgreementVersionPage(items=[version_summary(row) for row in kept], next_cursor=next_cursor)


def version_summary(row: Row[Any]) -> AgreementVersionSummary:
    """What a list says of a version."""
    return AgreementVersionSummary(
        id=row.id,
        no=row.no,
        kind=row.kind,
        title=row.title,
        sha256=row.sha256,
        frozen_at=row.frozen_at,
        effective_on=row.effective_on,
        executed_at=row.executed_at,
    )


async def get_version(read: Read, principal: Principal, agreement_id: UUID, no: int) -> tuple[AgreementVersion, UUID]:
    """One version with its text, restricted provisions included where the caller's role reaches them; the custodian.

    Whoever answers with restricted text records the reading first. Raises NotFound, Forbidden for whoever is no party.
    """
    custodian_id, parameters = await versions_for(read, principal, agreement_id)
    row = await read.first(VERSION, {**parameters, "no": no}) if 0 < no <= _HIGHEST_VERSION else None
    if row is None:
        raise NotFound("version")
    authorities = await signatures_rest_on(read, row.id)
    found = AgreementVersion(
        id=row.id,
        agreement_id=agreement_id,
        no=row.no,
        kind=row.kind,
        title=row.title,
        sha256=row.sha256,
        frozen_at=row.frozen_at,
        effective_on=row.effective_on,
        expires_on=row.expires_on,
        notice_days=row.notice_days,
        auto_renew_months=row.auto_renew_months,
        auto_renew_times=row.auto_renew_times,
        executed_at=row.executed_at,
        terms=msgspec.json.decode(row.terms, type=Terms),
        provisions=await provisions_of(read, row.id, whole=True, restricted=may_read_restricted(principal)),
        signatures=[
            VersionSignature(
                agency_id=each.agency_id,
                manner=each.manner,
                signatory_title=each.signatory_title,
                signed_on=each.signed_on,
                evidence_sha256=each.evidence_sha256,
                recorded_at=each.recorded_at,
                authority=authorities.get(each.agency_id, "not_on_record"),
            )
            for each in await read.all(_SIGNATURES, {"version_id": row.id})
        ],
    )
    return found, custodian_id


@cache
def _in_force_statement(*, administrator: bool) -> sa.Select[Any]:
    """The pair's agreements that the caller (bind `reader`) may know of."""
    seen = visible_to("reader")
    statement = pair_statement().add_columns(shared_with("reader").label("shared"))
    return statement if administrator else statement.where(seen)


async def agreements_in_force(
    read: Read, principal: Principal, query: InForceQuery, now: datetime
) -> AgreementInForceList:
    """What binds both agencies at the instant, as far as the caller may know of it."""
    at = now if query.at is None else checked_instant(query.at, "/at")
    rows = await read.all(
        _in_force_statement(administrator=Role.REGISTRY_ADMIN in principal.roles),
        {
            "viewer": query.requesting_agency_id,
            "other": query.assisting_agency_id,
            "category": query.category,
            "at": at,
            "reader": principal.agency_id,
        },
    )
    found = [
        (as_candidate(row), bool(row.shared))
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
                terms=each.terms if shared else None,
            )
            for each, shared in found
        ]
    )


_CONTACT = sa.select(agency.c.id, agency.c.contact_phone, agency.c.contact_email).where(
    agency.c.id == sa.bindparam("id", type_=agency.c.id.type),
    sa.or_(sa.bindparam("anyone", type_=sa.Boolean), agency.c.id.in_(partners_in_force())),
)


async def get_contact(read: Read, principal: Principal, agency_id: UUID, now: datetime) -> AgencyContact:
    """How to reach an agency: for itself, for partners in force now, and for the administrator. Raises NotFound."""
    anyone = agency_id == principal.agency_id or Role.REGISTRY_ADMIN in principal.roles
    row = await read.first(_CONTACT, {"id": agency_id, "viewer": principal.agency_id, "at": now, "anyone": anyone})
    if row is None:
        raise NotFound("contact")
    return AgencyContact(agency_id=row.id, phone=row.contact_phone, email=row.contact_email)
