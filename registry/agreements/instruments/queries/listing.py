"""Agreements by filter: what each filter asks, and the list."""

from collections.abc import Collection
from datetime import date, datetime
from functools import cache
from typing import Any

import sqlalchemy as sa

from registry.agreements.instruments.consent_tables import (
    agreement_party_suspension,
    agreement_pending,
    agreement_pending_window,
)
from registry.agreements.instruments.queries.consents import awaits, contestable_from
from registry.agreements.instruments.queries.ends import ends_on_told
from registry.agreements.instruments.queries.in_force import (
    bound_under,
    is_superseded,
    versions_that_bind,
)
from registry.agreements.instruments.queries.listed_texts import listed_texts
from registry.agreements.instruments.queries.told import status_then
from registry.agreements.instruments.queries.visibility import (
    administers,
    as_shown,
    is_party,
    keeps,
    may_be_named,
    names_party,
    shared_with,
    visible_to,
)
from registry.agreements.instruments.rules import ShownStage, Stage
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
from registry.platform.http.paging import CHANGED, Orders, changed_in, changed_in_any, given
from registry.platform.http.searching import containing
from registry.platform.kernel.time import checked_instant

_AT = sa.bindparam("at", type_=agreement.c.starts_at.type)
_KNOWN_BY = sa.bindparam("known_by", type_=agreement.c.starts_at.type)
_NOW = sa.bindparam("now", type_=agreement.c.starts_at.type)
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


_HELD_UP = sa.select(agreement_pending.c.agreement_id)

_FILTERS = (
    *("stage", "status", "kind", "party_id", "partner_id", "category"),
    *("effective_from", "effective_to", "ends_from", "ends_to", *CHANGED, "ids"),
)


def status_at(
    *, to_come: bool = False, administrator: bool = False, at: sa.ColumnElement[Any] = _AT
) -> sa.ColumnElement[str]:
    """`rules.derived_status` in SQL, at the bind `at`, for lists that filter by it.

    The bind `known_by` is the later of that and now: until then is told who has signed. `to_come`: of an instant after
    the bind `now`, so that reports that have not taken effect by then count for nothing: see `pending.Without`; and
    others than the parties are told what follows from public days alone: see `told`.
    """
    status = _true_status(at)
    if not to_come:
        return status
    found = _status_without(at, otherwise=status)
    if administrator:
        return found
    return sa.case((sa.or_(shared_with(), agreement.c.executed_at.is_(None)), found), else_=status_told(at))


def status_now() -> sa.ColumnElement[str]:
    """As `status_at`, of the bind `now`, without the reports that have not taken effect."""
    return _status_without(_NOW, otherwise=_true_status(_NOW))


def status_told(at: sa.ColumnElement[Any] = _AT) -> sa.ColumnElement[str]:
    """What an executed agreement is at the bind `at`, which is after the bind `now`, as far as others are told."""
    return status_then(status_now(), at)


def _status_without(at: sa.ColumnElement[Any], *, otherwise: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
    """The status without the reports that have not taken effect; `otherwise` where there are none."""
    pending, window = agreement_pending, agreement_pending_window
    its = pending.c.agreement_id == agreement.c.id, pending.c.takes_effect_at > _NOW

    def kept(column: sa.Column[Any]) -> sa.ScalarSelect[Any]:
        return sa.select(column).where(*its).correlate(agreement).scalar_subquery()

    def lasts(kind: str) -> sa.ColumnElement[bool]:
        return _any(window, window.c.kind == kind, window.c.starts_at <= at, window.c.ends_at > at)

    without = _status(
        at,
        ended_at=kept(pending.c.ended_at),
        superseded=kept(pending.c.is_superseded),
        suspended=lasts("suspension"),
        bound=lasts("force"),
        was_bound=_any(window, window.c.kind == "force", window.c.ends_at <= at),
        in_notice=lasts("notice"),
        paused=_paused(at),
        joined=kept(pending.c.joined),
    )
    return sa.case((_any(pending, *its[1:]), without), else_=otherwise)


def _paused(at: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    pause = agreement_party_suspension
    return _any(pause, pause.c.starts_at <= at, pause.c.ends_at > at)


def _true_status(at: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """As things stand, reports included that have not taken effect."""
    force, notice, suspension = agreement_force_window, agreement_notice_window, agreement_suspension
    return _status(
        at,
        ended_at=agreement.c.terminated_at,
        superseded=is_superseded(),
        suspended=_any(suspension, suspension.c.starts_at <= at, suspension.c.ends_at > at),
        bound=_any(force, force.c.starts_at <= at, force.c.ends_at > at),
        was_bound=_any(force, force.c.ends_at <= at),
        in_notice=_any(notice, notice.c.opens_at <= at, notice.c.closes_at > at),
        paused=_paused(at),
        joined=_joined(),
    )


def _status(
    at: sa.ColumnElement[Any],
    *,
    ended_at: sa.ColumnElement[Any],
    superseded: sa.ColumnElement[bool],
    suspended: sa.ColumnElement[bool],
    bound: sa.ColumnElement[bool],
    was_bound: sa.ColumnElement[bool],
    in_notice: sa.ColumnElement[bool],
    paused: sa.ColumnElement[bool],
    joined: sa.ColumnElement[int],
) -> sa.ColumnElement[str]:
    return sa.case(
        (agreement.c.executed_at.is_(None), agreement.c.stage),
        (ended_at <= at, sa.case((superseded, "superseded"), else_="terminated")),
        (bound, sa.case((in_notice, "notice_window"), else_="in_force")),
        (agreement.c.ends_at <= at, "expired"),
        (suspended, "suspended"),
        (paused, "suspended"),
        (was_bound, "lapsed"),
        else_=sa.case((joined < 2, "unconfirmed"), else_="not_yet_effective"),
    )


def _joined() -> sa.ScalarSelect[int]:
    """How many parties have signed it, or confirmed that they did."""
    return (
        sa.select(sa.func.count())
        .where(agreement_party.c.agreement_id == agreement.c.id, agreement_party.c.joined_at <= _KNOWN_BY)
        .correlate(agreement)
        .scalar_subquery()
    )


def stage_shown() -> sa.ColumnElement[str]:
    """`rules.shown_stage` in SQL, by who has signed at the bind `now`."""
    joined, now = agreement_party.c.joined_at, sa.bindparam("now", type_=_AT.type)
    unsigned = _any(agreement_party, agreement_party.c.in_text, sa.or_(joined.is_(None), joined > now))
    return sa.case(
        (sa.and_(agreement.c.stage == Stage.EXECUTED, unsigned), ShownStage.PARTLY_EXECUTED.value),
        else_=agreement.c.stage,
    )


def _any(table: sa.Table, *criteria: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether the agreement has such a row, looked up by its id.

    The offset keeps PostgreSQL from reading the whole table into a hash instead, for what a page asks of fifty rows.
    """
    its = sa.select(sa.literal(1)).where(table.c.agreement_id == agreement.c.id, *criteria).correlate(agreement)
    return its.limit(1).offset(0).exists()


def narrowed(statement: sa.Select[Any], filters: Collection[str]) -> sa.Select[Any]:
    """The statement with those of `_FILTERS` that are asked for; with names of `_FEW`, where no other status is.

    What is asked of the text is asked of the one that the viewer is shown.
    """
    administrator = "administrator" in filters
    for name, its in (("stage", stage_shown()), ("kind", agreement.c.kind)):
        if name in filters:
            statement = statement.where(its.in_(sa.bindparam(name, expanding=True)))
    if "status" in filters:
        status = status_at(to_come="to_come" in filters, administrator=administrator)
        statement = statement.where(status.in_(sa.bindparam("status", expanding=True)))
    is_true = administrator or "to_come" not in filters  # of a day to come others are told another status: `status_at`
    if is_true and (few := sorted(_FEW.keys() & set(filters))):
        ids = [_FEW[name] for name in few] + ([_HELD_UP] if "to_come" in filters else [])
        statement = statement.where(sa.or_(*(agreement.c.id.in_(each) for each in ids)))
    if "party_id" in filters:
        statement = statement.where(names_party("party_id"))
    if "partner_id" in filters:
        statement = statement.where(is_party(), names_party("partner_id"))
    ends_on = ends_on_told(administrator=administrator)
    for name, day in (("effective", agreement.c.effective_on), ("ends", ends_on)):
        if f"{name}_from" in filters:
            statement = statement.where(day >= sa.bindparam(f"{name}_from", type_=day.type))
        if f"{name}_to" in filters:
            statement = statement.where(day <= sa.bindparam(f"{name}_to", type_=day.type))
    statement = statement.where(*changed_in(as_shown("updated_at", administrator=administrator), filters))
    instants = (agreement.c.updated_at, agreement.c.shared_updated_at, agreement.c.public_updated_at)
    statement = statement.where(*changed_in_any(filters, *instants))
    if "ids" in filters:
        statement = statement.where(agreement.c.id.in_(sa.bindparam("ids", type_=agreement.c.id.type, expanding=True)))
    if "waiting_for_me" in filters:
        statement = statement.where(awaits())
    if "bound" in filters:
        statement = statement.where(agreement.c.id.in_(bound_under(to_come="to_come" in filters)))
    if "category" in filters:
        statement = statement.where(
            sa.select(sa.literal(1))
            .select_from(agreement_version)
            .join(agreement_coverage, agreement_coverage.c.version_id == agreement_version.c.id)
            .join(category_closure, category_closure.c.ancestor == agreement_coverage.c.category)
            .where(
                agreement_version.c.agreement_id == agreement.c.id,
                agreement_version.c.no == as_shown("current_version", administrator=administrator),
                category_closure.c.descendant == sa.bindparam("category"),
            )
            .correlate(agreement)
            .exists()
        )
    return statement


def _orders(*, administrator: bool) -> Orders:
    """The orders of the list, by what it shows."""
    title, ends_on = as_shown("title", administrator=administrator), ends_on_told(administrator=administrator)
    return Orders(
        AgreementQuery,
        created_at=agreement.c.id,
        updated_at=(as_shown("updated_at", administrator=administrator), agreement.c.id),
        title=(title, agreement.c.id),
        ends_on=(sa.func.coalesce(ends_on, sa.literal(_NEVER, Civil())), agreement.c.id),
    )


_ORDERS = {administrator: _orders(administrator=administrator) for administrator in (False, True)}


@cache
def _list_statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    """The list for one combination of filters; each combination is built once."""
    administrator = "administrator" in filters
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
        agreement.c.kind,
        agreement.c.custodian_id,
        custodian_name.label("custodian_name"),
        stage_shown().label("stage"),
        status_at(to_come="to_come" in filters, administrator=administrator).label("status"),
        agreement.c.effective_on,
        ends_on_told(administrator=administrator).label("ends_on"),
        party_count.label("party_count"),
        as_shown("version", administrator=administrator).label("version"),
        as_shown("updated_at", administrator=administrator).label("updated_at"),
    )
    statement = statement.where(visible_to(administrator=administrator))
    if "q" in filters:
        statement = statement.where(
            as_shown("search_text", administrator=administrator).like(sa.bindparam("part"), escape="\\")
        )
    statement = narrowed(statement, filters)
    if sort.endswith("updated_at") and not administrator:
        return _by_update(statement, filters, sort)
    return _ORDERS[administrator].page(statement, sort, after="cursor" in filters)


def _by_update(statement: sa.Select[Any], filters: frozenset[str], sort: str) -> sa.Select[Any]:
    """A page by update: of what the viewer keeps, of what it is a party to and of the rest, each by its own column.

    So each is read along an index, which no order by all in one expression would be; then they are merged.
    """
    pages = []
    for criterion, updated_at in (
        (keeps(), agreement.c.updated_at),
        (sa.and_(shared_with(), sa.not_(keeps())), agreement.c.shared_updated_at),
        (sa.not_(shared_with()), agreement.c.public_updated_at),
    ):
        orders = Orders(AgreementQuery, updated_at=(updated_at, agreement.c.id))
        part = statement.where(criterion, *changed_in(updated_at, filters))
        pages.append(orders.page(part, sort, after="cursor" in filters).subquery())
    merged = sa.union_all(*(sa.select(page) for page in pages)).subquery("merged")
    keys = [merged.c.key_0, merged.c.key_1]
    order = [key.desc() if sort.startswith("-") else key.asc() for key in keys]
    return sa.select(merged).order_by(*order).limit(sa.bindparam("limit", type_=sa.Integer))


async def list_agreements(read: Read, principal: Principal, query: AgreementQuery, now: datetime) -> AgreementPage:
    """A page of the agreements the caller may know of.

    Raises Malformed for another list's cursor, RuleBroken for a range without anything in it.
    """
    at = now if query.as_of is None else checked_instant(query.as_of, "/as_of")
    orders = _ORDERS[administers(principal)]
    parameters: dict[str, object] = {
        "viewer": principal.agency_id,
        "at": at,
        "known_by": max(at, now),
        "now": now,
        **orders.parameters(query),
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
    if query.bound:
        filters.add("bound")
    if query.waiting_for_me:
        filters.add("waiting_for_me")
        parameters["contestable_from"] = contestable_from(now)
    if at > now:
        filters.add("to_come")
    if query.cursor is not None:
        filters.add("cursor")
    rows = await read.all_slowly(_list_statement(frozenset(filters), query.sort), parameters)
    kept, next_cursor = orders.cut(rows, query)
    texts = await listed_texts(read, principal, [row.id for row in kept], None if query.as_of is None else at, now)
    bound_by = await versions_that_bind(read, principal.agency_id, [row.id for row in kept], at, now)
    return AgreementPage(
        items=[
            AgreementSummary(
                id=row.id,
                number=row.number,
                title=texts[row.id].title,
                version_no=texts[row.id].version_no,
                kind=row.kind,
                custodian_agency=AgencyReference(id=row.custodian_id, name=row.custodian_name),
                stage=row.stage,
                status=row.status,
                effective_on=row.effective_on,
                expires_on=texts[row.id].expires_on,
                ends_on=row.ends_on,
                party_count=row.party_count,
                bound=row.id in bound_by,
                bound_by_versions=bound_by.get(row.id, []),
                version=row.version,
                updated_at=row.updated_at,
            )
            for row in kept
        ],
        next_cursor=next_cursor,
    )
