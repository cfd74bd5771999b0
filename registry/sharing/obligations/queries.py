"""Queries about obligations. Both sides of a loan see what it obliges either to do; other agencies do not."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final, cast
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.schemas.words import AgreementReference
from registry.agreements.instruments.tables import agreement, agreement_version
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import Action, Relation, refusal
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.sharing.obligations.rules import (
    MET_BY_STEP,
    NOT_YET,
    SHOWN_BEFORE,
    Deadline,
    ObligationAction,
    ObligationStatus,
    Standing,
    contest_by,
    late,
    settled,
    status_at,
    why_not,
)
from registry.sharing.obligations.schemas import (
    LoanObliged,
    Obligation,
    ObligationCounts,
    ObligationCountsQuery,
    ObligationPage,
    ObligationQuery,
)
from registry.sharing.obligations.tables import obligation
from registry.sharing.policy.queries.getting import request_of
from registry.sharing.policy.tables import policy_decision

_ID = obligation.c.id.type
_AT = obligation.c.due_at.type
VIEWER = sa.bindparam("viewer", type_=_ID)
PERMISSIONS: Final = {
    ObligationAction.FULFIL: Action.OBLIGATIONS_FULFIL,
    ObligationAction.CONTEST: Action.OBLIGATIONS_CONTEST,
    ObligationAction.ACCEPT: Action.OBLIGATIONS_CONTEST,
    ObligationAction.WAIVE: Action.OBLIGATIONS_WAIVE,
}
_SIDES = (obligation.c.owing_agency_id, obligation.c.owed_agency_id)
_OTHER = {obligation.c.owing_agency_id: obligation.c.owed_agency_id, obligation.c.owed_agency_id: _SIDES[0]}
_owing, _owed, _closed = agency.alias("owing"), agency.alias("owed"), agency.alias("closed")
_SHOWN = sa.select(
    *obligation.c,
    _owing.c.name.label("owing_agency_name"),
    _owed.c.name.label("owed_agency_name"),
    _closed.c.name.label("closed_by_name"),
    agreement.c.number.label("agreement_number"),
    agreement_version.c.no.label("agreement_version_no"),
).select_from(
    obligation.join(_owing, _owing.c.id == obligation.c.owing_agency_id)
    .join(_owed, _owed.c.id == obligation.c.owed_agency_id)
    .join(agreement, agreement.c.id == obligation.c.agreement_id)
    .join(policy_decision, policy_decision.c.id == obligation.c.decision_id)
    .join(agreement_version, agreement_version.c.id == policy_decision.c.agreement_version_id)
    .outerjoin(_closed, _closed.c.id == obligation.c.closed_by)
)
_OF_LOAN = _SHOWN.where(obligation.c.loan_id == sa.bindparam("loan_id", type_=_ID)).order_by(obligation.c.id)
_ONE = _SHOWN.where(obligation.c.id == sa.bindparam("id", type_=_ID), sa.or_(*(column == VIEWER for column in _SIDES)))

_ORDERS = Orders(
    ObligationQuery,
    created_at=obligation.c.id,
    updated_at=(obligation.c.updated_at, obligation.c.id),
    due_at=(obligation.c.due_at, obligation.c.id),
)
_FILTERS = ("status", "loan_id", "request_id", "agreement_id", "partner_id", "due_from", "due_to", "ids", *CHANGED)


class Named(Struct, kw_only=True, frozen=True):
    """The names for the ids in an obligation."""

    owing_agency: AgencyReference
    owed_agency: AgencyReference
    agreement: AgreementReference
    closed_by: AgencyReference | None = None


async def obligation_row(read: Read, principal: Principal, obligation_id: UUID) -> Row[Any]:
    """The obligation's row. Raises NotFound unless the caller's agency is a side."""
    row = await read.first(_ONE, {"id": obligation_id, "viewer": principal.agency_id})
    if row is None:
        raise NotFound("obligation")
    return row


async def get_obligation(read: Read, principal: Principal, obligation_id: UUID, now: datetime) -> Obligation:
    """One obligation as this caller may see it. Raises NotFound."""
    row = await obligation_row(read, principal, obligation_id)
    return as_obligation(row, named_in(row), principal, now)


async def obligations_of(read: Read, principal: Principal, loan_id: UUID, now: datetime) -> list[Obligation]:
    """What a loan obliges its sides to do; whether the caller sees the loan is asked before."""
    rows = await read.fast(_OF_LOAN, {"loan_id": loan_id})
    return [as_obligation(row, named_in(row), principal, now) for row in rows]


def relations(principal: Principal, row: Any) -> list[Relation]:
    """The relations of the caller's agency to an obligation."""
    sides: dict[Relation, UUID] = {"owing": row.owing_agency_id, "owed": row.owed_agency_id}
    return [side for side, agency_id in sides.items() if agency_id == principal.agency_id]


def breached() -> sa.ColumnElement[bool]:
    """A criterion: not met although its deadline has come at the parameter `now`."""
    return sa.and_(
        obligation.c.status == ObligationStatus.PENDING.value,
        sa.not_(obligation.c.reminder),
        obligation.c.due_at <= sa.bindparam("now", type_=_AT),
    )


_MET_LATE = sa.and_(sa.not_(obligation.c.reminder), obligation.c.occurred_at > obligation.c.due_at)
"""A criterion for what is met: after its deadline."""


@cache
def _list_statement(filters: frozenset[str], sides: tuple[int, ...], sort: str) -> sa.Select[Any]:
    """The statement for one combination of filters. Each side is read from its own index, and the two are merged."""
    status = sa.case((breached(), ObligationStatus.BREACHED.value), else_=obligation.c.status)
    criteria: dict[str, sa.ColumnElement[bool]] = {
        "status": status.in_(sa.bindparam("status", expanding=True)),
        "due_from": obligation.c.due_at >= sa.bindparam("due_from", type_=_AT),
        "due_to": obligation.c.due_at < sa.bindparam("due_to", type_=_AT),
        "ids": obligation.c.id.in_(sa.bindparam("ids", type_=_ID, expanding=True)),
    } | {
        name: obligation.c[name] == sa.bindparam(name, type_=_ID) for name in ("loan_id", "request_id", "agreement_id")
    }
    chosen = [criterion for name, criterion in criteria.items() if name in filters]
    chosen += changed_in(obligation.c.updated_at, filters)
    pages = []
    for side in sides:
        page = sa.select(obligation.c.id).where(_SIDES[side] == VIEWER, *chosen)
        if "partner_id" in filters:
            page = page.where(_OTHER[_SIDES[side]] == sa.bindparam("partner_id", type_=_ID))
        pages.append(_ORDERS.page(page, sort, after="cursor" in filters))
    found = sa.union_all(*(sa.select(page.subquery().c.id) for page in pages)).subquery()
    shown = _SHOWN.where(obligation.c.id.in_(sa.select(found.c.id)))
    return _ORDERS.page(shown, sort, after=False)


async def list_obligations(read: Read, principal: Principal, query: ObligationQuery, now: datetime) -> ObligationPage:
    """A page of the obligations of which the caller's agency is a side. Raises RuleBroken for another's cursor."""
    parameters = given(query, *_FILTERS)
    filters = set(parameters)
    parameters |= {"viewer": principal.agency_id, "now": now, **_ORDERS.parameters(query)}
    if query.cursor is not None:
        filters.add("cursor")
    sides = (0, 1) if query.owed is None else (int(query.owed),)
    rows = await read.all_slowly(_list_statement(frozenset(filters), sides, query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    items = [as_obligation(row, named_in(row), principal, now) for row in kept]
    return ObligationPage(items=items, next_cursor=next_cursor)


def _counted(stands: sa.ColumnElement[bool], name: str) -> sa.ColumnElement[Any]:
    return sa.func.coalesce(sa.func.sum(sa.case((stands, 1), else_=0)), 0).label(name)


@cache
def _counts_statement(filters: frozenset[str], sides: tuple[int, ...]) -> sa.Select[Any]:
    """How many stand how, of one combination of filters."""
    status, met_late = obligation.c.status, sa.and_(obligation.c.status == ObligationStatus.MET.value, _MET_LATE)
    partner = sa.bindparam("partner_id", type_=_ID)
    of_sides = [
        sa.and_(_SIDES[side] == VIEWER, *([_OTHER[_SIDES[side]] == partner] if "partner_id" in filters else []))
        for side in sides
    ]
    names = [name for name in ("loan_id", "request_id", "agreement_id") if name in filters]
    columns: list[sa.ColumnElement[Any]] = [
        _counted(sa.and_(status == ObligationStatus.PENDING.value, sa.not_(breached())), "pending"),
        _counted(breached(), "breached"),
        _counted(sa.and_(status == ObligationStatus.MET.value, sa.not_(_MET_LATE)), "met_in_time"),
        _counted(met_late, "met_late"),
        _counted(status == ObligationStatus.CONTESTED.value, "contested"),
        _counted(status == ObligationStatus.WAIVED.value, "waived"),
        _counted(status == ObligationStatus.LAPSED.value, "lapsed"),
    ]
    return sa.select(*columns).where(
        sa.or_(*of_sides), *(obligation.c[name] == sa.bindparam(name, type_=_ID) for name in names)
    )


async def count_obligations(
    read: Read, principal: Principal, query: ObligationCountsQuery, now: datetime
) -> ObligationCounts:
    """How many obligations of which the caller's agency is a side stand how at `now`."""
    named = {name: getattr(query, name) for name in ("loan_id", "request_id", "agreement_id", "partner_id")}
    filters = {name: value for name, value in named.items() if value is not None}
    sides = (0, 1) if query.owed is None else (int(query.owed),)
    row = await read.first(
        _counts_statement(frozenset(filters), sides), {"viewer": principal.agency_id, "now": now, **filters}
    )
    assert row is not None
    return ObligationCounts(as_of=now, **{name: int(count) for name, count in row._mapping.items()})


def named_in(row: Row[Any]) -> Named:
    """The names for the ids in an obligation's row."""
    return Named(
        owing_agency=AgencyReference(id=row.owing_agency_id, name=row.owing_agency_name),
        owed_agency=AgencyReference(id=row.owed_agency_id, name=row.owed_agency_name),
        agreement=AgreementReference(
            id=row.agreement_id, number=row.agreement_number, version_no=row.agreement_version_no, clause=row.clause
        ),
        closed_by=None if row.closed_by is None else AgencyReference(id=row.closed_by, name=row.closed_by_name),
    )


def deadline_in(row: Any) -> Deadline:
    """The deadline as it is stored."""
    return Deadline(at=row.due_at, reminder=row.reminder)


def law_of(row: Any) -> str | None:
    """The law that an obligation rests on; None for one that the agreement or an agency asks for."""
    law: str | None = None if row.layer == "agency" else row.citation
    return law


def as_obligation(row: Any, named: Named, principal: Principal, now: datetime) -> Obligation:
    """The representation of an obligation, with the caller's allowed actions at `now`."""
    stored, due = ObligationStatus(row.status), deadline_in(row)
    status = status_at(stored, due, now)
    return Obligation(
        id=row.id,
        loan=LoanObliged(id=row.loan_id, asset_name=row.asset_name),
        request=request_of(row),
        agreement=named.agreement,
        decision_id=row.decision_id,
        owed_by=row.owed_by,
        owing_agency=named.owing_agency,
        owed_agency=named.owed_agency,
        code=row.code,
        title=row.title,
        reason=row.reason,
        citation=row.citation,
        clause=row.clause,
        policy_id=row.policy_id,
        layer=row.layer,
        due=row.due,
        due_at=due.at,
        reminder=due.reminder,
        begins_at=row.begins_at,
        status=status,
        late=late(stored, due, row.occurred_at, now),
        occurred_at=row.occurred_at,
        statement=row.statement,
        evidence_sha256=cast("list[str]", row.evidence_sha256),
        contest_by=contest_by(row.closed_at, by_a_person=_said(row)),
        contested_reason=row.contested_reason,
        contested_at=row.contested_at,
        waived_reason=row.waived_reason,
        closed_by=named.closed_by,
        closed_at=row.closed_at,
        allowed_actions=_allowed(row, status, principal, now),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _said(row: Any) -> bool:
    """Whether a person said that it was met, and no step of the loan."""
    return row.occurred_at is not None and row.closed_by is not None


def standing_of(row: Any, now: datetime) -> Standing:
    """What decides, beside its status, what can be done about an obligation at `now`."""
    accepted = row.contested_at is not None and row.closed_at is not None and row.closed_at <= row.contested_at
    return Standing(
        law=law_of(row),
        code=row.code,
        not_yet=NOT_YET[row.due] if row.begins_at is None else None,
        settled=settled(row.closed_at, accepted, _said(row), now),
    )


def _allowed(row: Any, status: ObligationStatus, principal: Principal, now: datetime) -> list[AllowedAction]:
    sides, standing = relations(principal, row), standing_of(row, now)
    return [
        offer(action, withheld=why_not(status, action, standing))
        for action in ObligationAction
        if refusal(principal, PERMISSIONS[action], sides) is None
    ]


def _waiting_statement(whose: str) -> sa.Select[Any]:
    """Pending obligations that are due within a week, and those of which it is contested that they were met."""
    side = obligation.c.owed_agency_id if whose == "partners" else obligation.c.owing_agency_id
    after = sa.tuple_(sa.bindparam("after_due", type_=_AT), sa.bindparam("after_id", type_=_ID))
    return (
        _SHOWN.where(
            side == VIEWER,
            sa.or_(
                obligation.c.status == ObligationStatus.CONTESTED.value,
                sa.and_(
                    obligation.c.status == ObligationStatus.PENDING.value,
                    obligation.c.code.not_in(sorted(MET_BY_STEP)),  # the loan itself waits for that step
                    obligation.c.due_at <= sa.bindparam("until", type_=_AT),
                ),
            ),
            sa.tuple_(obligation.c.due_at, obligation.c.id) > after,
        )
        .order_by(obligation.c.due_at, obligation.c.id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


_WAITING = {whose: _waiting_statement(whose) for whose in ("me", "agency", "partners")}


async def waiting_obligations(read: Read, asked: Asked) -> list[InboxEntry]:
    """What the caller's agency, or a partner, still has to do about loans, within a week of its deadline."""
    principal = asked.principal
    may = refusal(principal, Action.OBLIGATIONS_FULFIL, ["owing"]) is None
    if asked.whose == "me" and not may:
        return []
    due_at, after_id = asked.after_due(InboxKind.OBLIGATION)
    parameters = {
        "viewer": principal.agency_id,
        "until": asked.as_of + SHOWN_BEFORE,
        "after_due": due_at,
        "after_id": after_id,
        "limit": asked.limit,
    }
    rows = await read.all_slowly(_WAITING[asked.whose], parameters)
    return [_waits(row, asked, may=may) for row in rows]


def _waits(row: Row[Any], asked: Asked, *, may: bool) -> InboxEntry:
    path = f"/v1/obligations/{row.id}"
    theirs = asked.whose == "partners"
    partner = (
        AgencyReference(id=row.owing_agency_id, name=row.owing_agency_name)
        if theirs
        else AgencyReference(id=row.owed_agency_id, name=row.owed_agency_name)
    )
    contested = row.status == ObligationStatus.CONTESTED
    task = f"Contested, so show that it was met: {row.title}." if contested else f"{row.title}."
    possible = may and not theirs and row.begins_at is not None
    return InboxEntry(
        id=row.id,
        kind=InboxKind.OBLIGATION,
        subject=InboxSubject(kind="obligation", id=row.id, name=f"{row.title} ({row.asset_name})", path=path),
        task=f"{partner.name}: {task}" if theirs else task,
        late=row.due_at <= asked.as_of,
        due_at=row.due_at,
        waiting_from=row.contested_at if contested else row.created_at,
        partner=partner,
        action=InboxAction(operation="fulfil_obligation", path=f"{path}/fulfil") if possible else None,
    )


def numbered(found: Sequence[Obligation]) -> list[tuple[UUID, int, str]]:
    """What of a loan's obligations an entity tag of the loan has to follow."""
    return [(each.id, each.version, each.status) for each in found]
