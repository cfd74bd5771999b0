"""Queries about past loans. Both sides see them for ever; other agencies do not."""

from collections.abc import Iterable
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, Relation, refusal
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.time import Window
from registry.sharing.loans.rules import Side
from registry.sharing.past_loans.rules import OWN, TRANSITIONS, PastLoanAction, PastLoanStatus
from registry.sharing.past_loans.schemas import PastLoan, PastLoanPage, PastLoanQuery
from registry.sharing.past_loans.tables import past_loan

_ID, _AT = past_loan.c.id.type, past_loan.c.starts_at.type
_VIEWER = sa.bindparam("viewer", type_=_ID)
_SIDES = {Side.REQUESTING: past_loan.c.requesting_agency_id, Side.ASSISTING: past_loan.c.assisting_agency_id}
_OTHER = {Side.REQUESTING: Side.ASSISTING, Side.ASSISTING: Side.REQUESTING}
_requesting, _assisting = agency.alias("requesting"), agency.alias("assisting")
_SHOWN = sa.select(
    *past_loan.c,
    _requesting.c.name.label("requesting_agency_name"),
    _assisting.c.name.label("assisting_agency_name"),
).select_from(
    past_loan.join(_requesting, _requesting.c.id == past_loan.c.requesting_agency_id).join(
        _assisting, _assisting.c.id == past_loan.c.assisting_agency_id
    )
)
_GET = _SHOWN.where(
    past_loan.c.id == sa.bindparam("id", type_=_ID), sa.or_(*(column == _VIEWER for column in _SIDES.values()))
)
_ORDERS = Orders(
    PastLoanQuery,
    created_at=past_loan.c.id,
    updated_at=(past_loan.c.updated_at, past_loan.c.id),
    starts_at=(past_loan.c.starts_at, past_loan.c.id),
)
_SAME = ("taken_over_by", "asset_id", "agreement_id", "category")
_SEVERAL = {"status": past_loan.c.status, "outcome": past_loan.c.outcome, "ids": past_loan.c.id}
_FILTERS = (*_SAME, *_SEVERAL, "partner_id", "window_from", "window_to", *CHANGED)


@cache
def _list_statement(filters: frozenset[str], sides: tuple[Side, ...], sort: str) -> sa.Select[Any]:
    """The page of each side from its index, and of these the page."""
    its = past_loan.c
    chosen = [its[name] == sa.bindparam(name, type_=its[name].type) for name in _SAME if name in filters]
    chosen += [
        column.in_(sa.bindparam(name, type_=column.type, expanding=True))
        for name, column in _SEVERAL.items()
        if name in filters
    ]
    if "window_from" in filters:
        chosen.append(its.ends_at > sa.bindparam("window_from", type_=_AT))
    if "window_to" in filters:
        chosen.append(its.starts_at < sa.bindparam("window_to", type_=_AT))
    chosen += changed_in(its.updated_at, filters)
    pages = []
    for side in sides:
        page = sa.select(its.id).where(_SIDES[side] == _VIEWER, *chosen)
        if "partner_id" in filters:
            page = page.where(_SIDES[_OTHER[side]] == sa.bindparam("partner_id", type_=_ID))
        pages.append(_ORDERS.page(page, sort, after="cursor" in filters))
    found = sa.union_all(*(sa.select(page.subquery().c.id) for page in pages)).subquery()
    return _ORDERS.page(_SHOWN.where(its.id.in_(sa.select(found.c.id))), sort, after=False)


async def past_loan_row(read: Read, principal: Principal, past_loan_id: UUID) -> Row[Any]:
    """The row. Raises NotFound unless the caller's agency is a side."""
    row = await read.first(_GET, {"id": past_loan_id, "viewer": principal.agency_id})
    if row is None:
        raise NotFound("past_loan")
    return row


async def list_past_loans(read: Read, principal: Principal, query: PastLoanQuery) -> PastLoanPage:
    """A page of the past loans in which the caller's agency is a side. Raises RuleBroken for another list's cursor."""
    parameters = given(query, *_FILTERS)
    filters = set(parameters)
    parameters |= {"viewer": principal.agency_id, **_ORDERS.parameters(query)}
    if query.cursor is not None:
        filters.add("cursor")
    sides = tuple(Side) if query.side is None else (query.side,)
    rows = await read.all_slowly(_list_statement(frozenset(filters), sides, query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return PastLoanPage(items=[as_past_loan(row, principal) for row in kept], next_cursor=next_cursor)


def is_own(row: Row[Any], principal: Principal) -> bool:
    """Whether the caller's agency took it over."""
    return bool(row.taken_over_by == principal.agency_id)


def relations(row: Row[Any], principal: Principal) -> list[Relation]:
    """The relations of the caller's agency to a past loan that it sees."""
    side: Relation = "assisting" if row.assisting_agency_id == principal.agency_id else "requesting"
    return [side, "own"] if is_own(row, principal) else [side]


def permission_for(action: PastLoanAction) -> Action:
    """The permission that the action needs."""
    return Action.LOANS_TAKE_OVER if action in OWN else Action.LOANS_CONTEST


def as_past_loan(row: Row[Any], principal: Principal) -> PastLoan:
    """The representation of a row, with the caller's allowed actions."""
    requesting = AgencyReference(id=row.requesting_agency_id, name=row.requesting_agency_name)
    assisting = AgencyReference(id=row.assisting_agency_id, name=row.assisting_agency_name)
    status = PastLoanStatus(row.status)
    as_they_are = (
        *("id", "number", "taken_over_at", "asset_id", "asset_tag", "asset_name", "category", "quantity"),
        *("used_minutes", "agreement_id", "agreement_number", "outcome", "condition", "remark", "contested_at"),
        *("contested_reason", "withdrawn_at", "withdrawn_reason", "version", "updated_at"),
    )
    return PastLoan(
        **{name: row._mapping[name] for name in as_they_are},
        taken_over_by=requesting if row.taken_over_by == requesting.id else assisting,
        requesting_agency=requesting,
        assisting_agency=assisting,
        window=Window(start=row.starts_at, end=row.ends_at),
        status=status,
        allowed_actions=list(_allowed(row, status, principal)),
    )


def _allowed(row: Row[Any], status: PastLoanStatus, principal: Principal) -> Iterable[AllowedAction]:
    for action in PastLoanAction:
        whose = (action in OWN) is is_own(row, principal)
        if whose and refusal(principal, permission_for(action), relations(row, principal)) is None:
            open_ = (status, action) in TRANSITIONS
            yield offer(action, withheld=None if open_ else f"Not while it is {status}.")
