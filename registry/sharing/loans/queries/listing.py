"""The list of loans."""

from datetime import datetime
from functools import cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.http.searching import containing
from registry.sharing.loans import rules
from registry.sharing.loans.queries.awaiting import AWAITS, NOT_BACK, due_back
from registry.sharing.loans.queries.contesting import TIME_DISPUTED
from registry.sharing.loans.queries.getting import AT, NAMED, NAMES, PENDING, SIDE_COLUMNS, VIEWER, named_in
from registry.sharing.loans.queries.hindrances import asset_unavailable, moment
from registry.sharing.loans.rules import (
    AWAITED_OF,
    OUT,
    LoanStatus,
    Overlays,
    Side,
    awaited,
    overdue,
)
from registry.sharing.loans.schemas.given import LoanQuery
from registry.sharing.loans.schemas.shown import LoanedAsset, LoanPage, LoanSummary
from registry.sharing.loans.tables import loan
from registry.sharing.policy.queries.getting import request_of

_ORDERS = Orders(
    LoanQuery,
    created_at=loan.c.id,
    updated_at=(loan.c.updated_at, loan.c.id),
    starts_at=(loan.c.starts_at, loan.c.id),
    planned_end_at=(loan.c.planned_end_at, loan.c.id),
)


_OPPOSITE = {Side.REQUESTING: Side.ASSISTING, Side.ASSISTING: Side.REQUESTING}
_FILTERS = (
    *("status", "asset_id", "agreement_id", "partner_id", "request_id", "reservation_id", "incident_number", "q"),
    *("window_from", "window_to", "due_from", "due_to", "ids", *CHANGED),
)


@cache
def _list_statement(filters: frozenset[str], sides: tuple[Side, ...], sort: str) -> sa.Select[Any]:
    """The statement for one combination of filters. Each side is read from its own index, and the two are merged."""
    unavailable = asset_unavailable()
    is_overdue = sa.and_(loan.c.status.in_(sorted(OUT)), due_back() <= sa.bindparam("now", type_=AT))
    recalled = sa.and_(loan.c.status.in_(sorted(OUT)), loan.c.recall_requested_at.is_not(None))
    extending = sa.and_(loan.c.status.in_(sorted(OUT)), PENDING)
    criteria: dict[str, sa.ColumnElement[bool]] = (
        {
            "status": loan.c.status.in_(sa.bindparam("status", expanding=True)),
            "overdue": is_overdue,
            "not_overdue": sa.not_(is_overdue),
            "recall_requested": recalled,
            "not_recall_requested": sa.not_(recalled),
            "extension_pending": extending,
            "not_extension_pending": sa.not_(extending),
            "asset_unavailable": unavailable,
            "not_asset_unavailable": sa.not_(unavailable),
            "incident_number": loan.c.incident_number == sa.bindparam("incident_number", type_=sa.Text),
            "q": loan.c.search_text.like(sa.bindparam("q", type_=sa.Text), escape="\\"),
            "window_from": loan.c.planned_end_at > sa.bindparam("window_from", type_=AT),
            "window_to": loan.c.starts_at < sa.bindparam("window_to", type_=AT),
            "due_from": sa.and_(NOT_BACK, due_back() >= sa.bindparam("due_from", type_=AT)),
            "due_to": sa.and_(NOT_BACK, due_back() < sa.bindparam("due_to", type_=AT)),
            "ids": loan.c.id.in_(sa.bindparam("ids", type_=loan.c.id.type, expanding=True)),
        }
        | {f"awaits_{side}": sa.or_(*(AWAITS[step] for step, of in AWAITED_OF.items() if of is side)) for side in Side}
        | {f"awaits_{step}": criterion for step, criterion in AWAITS.items()}
        | {
            name: loan.c[name] == sa.bindparam(name, type_=loan.c.id.type)
            for name in ("asset_id", "agreement_id", "request_id", "reservation_id")
        }
    )
    chosen = [criterion for name, criterion in criteria.items() if name in filters]
    chosen += changed_in(loan.c.updated_at, filters)
    partner = sa.bindparam("partner_id", type_=loan.c.id.type)
    pages = []
    for side in sides:
        page = sa.select(loan.c.id).where(SIDE_COLUMNS[side] == VIEWER, *chosen)
        if "partner_id" in filters:
            page = page.where(SIDE_COLUMNS[_OPPOSITE[side]] == partner)
        pages.append(_ORDERS.page(page, sort, after="cursor" in filters))
    found = sa.union_all(*(sa.select(page.subquery().c.id) for page in pages)).subquery()
    shown = sa.select(
        loan.c.id,
        loan.c.asset_snapshot,
        loan.c.quantity,
        loan.c.lost_quantity,
        loan.c.requesting_agency_id,
        loan.c.assisting_agency_id,
        loan.c.agreement_id,
        loan.c.clause,
        loan.c.request_id,
        loan.c.line_no,
        loan.c.incident_number,
        loan.c.root_decision_id,
        loan.c.reservation_id,
        loan.c.offer_condition,
        loan.c.status,
        loan.c.recall_requested_at,
        loan.c.recall_due_at,
        loan.c.travels,
        loan.c.starts_at,
        loan.c.planned_end_at,
        loan.c.reserved_at,
        loan.c.returned_at,
        loan.c.version,
        loan.c.updated_at,
        PENDING.label("pending"),
        TIME_DISPUTED.label("time_disputed"),
        unavailable.label("asset_unavailable"),
        *NAMES,
    ).select_from(NAMED.join(found, found.c.id == loan.c.id))
    return _ORDERS.page(shown, sort, after=False)


async def list_loans(read: Read, principal: Principal, query: LoanQuery, now: datetime) -> LoanPage:
    """A page of the loans in which the caller's agency is a side. Raises RuleBroken for another list's cursor."""
    parameters = given(query, *_FILTERS)
    filters = set(parameters)
    if query.q is not None:
        parameters["q"] = containing(query.q)
    for name in ("overdue", "recall_requested", "extension_pending", "asset_unavailable"):
        if (wanted := getattr(query, name)) is not None:
            filters.add(name if wanted else f"not_{name}")
    filters |= {f"awaits_{wanted}" for wanted in (query.awaiting, query.awaiting_step) if wanted is not None}
    parameters |= {"viewer": principal.agency_id, **moment(now), **_ORDERS.parameters(query)}
    if query.cursor is not None:
        filters.add("cursor")
    sides = tuple(Side) if query.side is None else (query.side,)
    rows = await read.all_slowly(_list_statement(frozenset(filters), sides, query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return LoanPage(items=[_as_summary(row, now) for row in kept], next_cursor=next_cursor)


def _as_summary(row: Row[Any], now: datetime) -> LoanSummary:
    status, named = LoanStatus(row.status), named_in(row)
    overlays = Overlays(
        stays=not row.travels,
        recall_requested=status in OUT and row.recall_requested_at is not None,
        extension_pending=status in OUT and bool(row.pending),
    )
    return LoanSummary(
        id=row.id,
        asset=cast(LoanedAsset, row.asset_snapshot),
        quantity=row.quantity,
        lost_quantity=row.lost_quantity,
        requesting_agency=named.requesting_agency,
        assisting_agency=named.assisting_agency,
        agreement=named.agreement,
        request=request_of(row),
        root_decision_id=row.root_decision_id,
        reservation_id=row.reservation_id,
        offer_condition=row.offer_condition,
        status=status,
        overdue=overdue(now, status, rules.due_back(row.planned_end_at, row.recall_due_at)),
        recall_requested=overlays.recall_requested,
        extension_pending=overlays.extension_pending,
        awaiting=awaited(
            status,
            overlays,
            starts_at=row.starts_at,
            planned_end_at=row.planned_end_at,
            recall_due_at=row.recall_due_at,
        ),
        time_contested=bool(row.time_disputed),
        asset_unavailable=bool(row.asset_unavailable),
        starts_at=row.starts_at,
        planned_end_at=row.planned_end_at,
        reserved_at=row.reserved_at,
        returned_at=row.returned_at,
        version=row.version,
        updated_at=row.updated_at,
    )
