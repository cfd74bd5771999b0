"""Agreements by filter: what each filter asks, and the list."""

from collections.abc import Collection
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from registry.agreements.instruments.consent_tables import agreement_party_suspension
from registry.agreements.instruments.queries.consents import awaits, contestable_from
from registry.agreements.instruments.queries.in_force import is_superseded
from registry.agreements.instruments.queries.visibility import (
    administers,
    is_party,
    may_be_named,
    names_party,
    shared_with,
    visible_to,
)
from registry.agreements.instruments.schemas.asked import AgreementQuery
from registry.agreements.instruments.schemas.shown import (
    AgreementPage,
    AgreementSummary,
)
from registry.agreements.instruments.tables import (
    agreement,
    agreement_coverage,
    agreement_force_window,
    agreement_notice_window,
    agreement_party,
    agreement_suspension,
    agreement_version,
)
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.tables import category_closure
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.database.types import Civil
from registry.platform.http.paging import Orders, given
from registry.platform.http.searching import containing
from registry.platform.kernel.time import checked_instant

_AT = sa.bindparam("at", type_=agreement.c.starts_at.type)
_KNOWN_BY = sa.bindparam("known_by", type_=agreement.c.starts_at.type)
_NEVER = date(9999, 12, 31)


# What is in such a state has such a row, and few have one: found by it, the others need not be looked at.
_FEW = {
    "suspended": sa.union(
        *(
            sa.select(paused.c.agreement_id).where(paused.c.starts_at <= _AT, paused.c.ends_at > _AT)
            for paused in (agreement_suspension, agreement_party_suspension)
        )
    ),
    "notice_window": sa.select(agreement_notice_window.c.agreement_id).where(
        agreement_notice_window.c.opens_at <= _AT, agreement_notice_window.c.closes_at > _AT
    ),
}


_FILTERS = (
    *("stage", "status", "kind", "party_id", "partner_id", "category"),
    *("effective_from", "effective_to", "expires_from", "expires_to"),
)


def status_at() -> sa.ColumnElement[str]:
    """`rules.derived_status` in SQL, at the bind `at`, for lists that filter by it.

    The bind `known_by` is the later of that and now: until then is told who has signed.
    """
    suspended = _any(
        agreement_suspension, agreement_suspension.c.starts_at <= _AT, agreement_suspension.c.ends_at > _AT
    )
    force, notice = agreement_force_window, agreement_notice_window
    bound = _any(force, force.c.starts_at <= _AT, force.c.ends_at > _AT)
    pause = agreement_party_suspension
    paused = _any(pause, pause.c.starts_at <= _AT, pause.c.ends_at > _AT)
    was_bound = _any(force, force.c.ends_at <= _AT)
    in_notice = _any(notice, notice.c.opens_at <= _AT, notice.c.closes_at > _AT)
    return sa.case(
        (agreement.c.executed_at.is_(None), agreement.c.stage),
        (agreement.c.terminated_at <= _AT, sa.case((is_superseded(), "superseded"), else_="terminated")),
        (agreement.c.ends_at <= _AT, "expired"),
        (suspended, "suspended"),
        (bound, sa.case((in_notice, "notice_window"), else_="in_force")),
        (paused, "suspended"),
        (was_bound, "lapsed"),
        else_=sa.case((_joined() < 2, "unconfirmed"), else_="not_yet_effective"),
    )


def _joined() -> sa.ScalarSelect[int]:
    """How many parties have signed it, or confirmed that they did."""
    return (
        sa.select(sa.func.count())
        .where(agreement_party.c.agreement_id == agreement.c.id, agreement_party.c.joined_at <= _KNOWN_BY)
        .correlate(agreement)
        .scalar_subquery()
    )


def _any(table: sa.Table, *criteria: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether the agreement has such a row, looked up by its id.

    The offset keeps PostgreSQL from reading the whole table into a hash instead, for what a page asks of fifty rows.
    """
    its = sa.select(sa.literal(1)).where(table.c.agreement_id == agreement.c.id, *criteria).correlate(agreement)
    return its.limit(1).offset(0).exists()


def narrowed(statement: sa.Select[Any], filters: Collection[str]) -> sa.Select[Any]:
    """The statement with those of `_FILTERS` that are asked for; with names of `_FEW`, where no other status is."""
    for name in ("stage", "kind"):
        if name in filters:
            statement = statement.where(agreement.c[name].in_(sa.bindparam(name, expanding=True)))
    if "status" in filters:
        statement = statement.where(status_at().in_(sa.bindparam("status", expanding=True)))
    if few := sorted(_FEW.keys() & set(filters)):
        statement = statement.where(sa.or_(*(agreement.c.id.in_(_FEW[name]) for name in few)))
    if "party_id" in filters:
        statement = statement.where(names_party("party_id"))
    if "partner_id" in filters:
        statement = statement.where(is_party(), names_party("partner_id"))
    for name, day in (("effective", agreement.c.effective_on), ("expires", agreement.c.expires_on)):
        if f"{name}_from" in filters:
            statement = statement.where(day >= sa.bindparam(f"{name}_from", type_=day.type))
        if f"{name}_to" in filters:
            statement = statement.where(day <= sa.bindparam(f"{name}_to", type_=day.type))
    if "waiting_for_me" in filters:
        statement = statement.where(awaits())
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


_ORDERS = Orders(
    AgreementQuery,
    created_at=agreement.c.id,
    title=(agreement.c.title, agreement.c.id),
    expires_on=(sa.func.coalesce(agreement.c.expires_on, sa.literal(_NEVER, Civil())), agreement.c.id),
)


@cache
def _list_statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    """The list for one combination of filters; each combination is built once."""
    party_count = (
        sa.select(sa.func.count())
        .where(agreement_party.c.agreement_id == agreement.c.id, sa.or_(may_be_named(), shared_with()))
        .correlate(agreement)
        .scalar_subquery()
    )
    custodian_name = (
        sa.select(agency.c.name).where(agency.c.id == agreement.c.custodian_id).correlate(agreement).scalar_subquery()
    )
    statement = sa.select(
        agreement.c.id,
        agreement.c.number,
        agreement.c.title,
        agreement.c.kind,
        agreement.c.custodian_id,
        custodian_name.label("custodian_name"),
        agreement.c.stage,
        status_at().label("status"),
        agreement.c.effective_on,
        agreement.c.expires_on,
        party_count.label("party_count"),
        agreement.c.version,
        agreement.c.updated_at,
    )
    statement = statement.where(visible_to(administrator="administrator" in filters))
    if "q" in filters:
        statement = statement.where(agreement.c.search_text.like(sa.bindparam("part"), escape="\\"))
    statement = narrowed(statement, filters)
    return _ORDERS.page(statement, sort, after="cursor" in filters)


async def list_agreements(read: Read, principal: Principal, query: AgreementQuery, now: datetime) -> AgreementPage:
    """A page of the agreements the caller may know of.

    Raises Malformed for another list's cursor, RuleBroken for a range without anything in it.
    """
    at = now if query.as_of is None else checked_instant(query.as_of, "/as_of")
    parameters: dict[str, object] = {
        "viewer": principal.agency_id,
        "at": at,
        "known_by": max(at, now),
        **_ORDERS.parameters(query),
    }
    filters = {"administrator"} if administers(principal) else set()
    chosen = given(query, *_FILTERS)
    parameters |= chosen
    filters |= chosen.keys()
    if _FEW.keys() >= set(query.status):
        filters |= set(query.status)
    if query.q is not None:
        filters.add("q")
        parameters["part"] = containing(query.q)
    if query.waiting_for_me:
        filters.add("waiting_for_me")
        parameters |= {"now": now, "contestable_from": contestable_from(now)}
    if query.cursor is not None:
        filters.add("cursor")
    rows = await read.all_slowly(_list_statement(frozenset(filters), query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return AgreementPage(
        items=[
            AgreementSummary(
                id=row.id,
                number=row.number,
                title=row.title,
                kind=row.kind,
                custodian_agency=AgencyReference(id=row.custodian_id, name=row.custodian_name),
                stage=row.stage,
                status=row.status,
                effective_on=row.effective_on,
                expires_on=row.expires_on,
                party_count=row.party_count,
                version=row.version,
                updated_at=row.updated_at,
            )
            for row in kept
        ],
        next_cursor=next_cursor,
    )
