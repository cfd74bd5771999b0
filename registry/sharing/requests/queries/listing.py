"""Lists of requests: by side, by status as the viewer sees it, and those that wait for the caller."""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.acts import barred_from, person_parameters
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal
from registry.platform.access.separation import Act, Separation
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, cut, given
from registry.platform.http.searching import containing
from registry.platform.kernel.time import Window
from registry.resources.assets.queries.visibility import visible_to as visible_asset
from registry.resources.assets.schemas.shown import AssetReference
from registry.resources.assets.tables import asset
from registry.sharing.loans.queries.getting import permission_for
from registry.sharing.loans.queries.hindrances import hindrance, moment
from registry.sharing.loans.rules import LoanAction
from registry.sharing.loans.rules import Side as LoanSide
from registry.sharing.policy.decisions import ApprovalRole, Side
from registry.sharing.policy.tables import policy_decision
from registry.sharing.requests.queries.derived_status import (
    NOW,
    given_up,
    has_loan,
    in_force,
    marked_requests,
    refused,
    reservable,
    revoked,
    status_of,
)
from registry.sharing.requests.queries.lacking import lack_help
from registry.sharing.requests.queries.unsent import unsent
from registry.sharing.requests.queries.visibility import (
    VIEWER,
    asked_of_viewer,
    last_change_of_lender,
    line_visible,
    of_visible_lines,
)
from registry.sharing.requests.rules import SET_BY_PEOPLE, LineStatus, RequestStatus
from registry.sharing.requests.schemas.given import RequestQuery
from registry.sharing.requests.schemas.shown import RequestPage, RequestSummary
from registry.sharing.requests.tables import request, request_line

APPROVAL_ROLES: tuple[str, ...] = get_args(ApprovalRole)
_SUBJECT = sa.bindparam("subject", type_=sa.Text)


def awaits_approval(side: Side) -> sa.ColumnElement[bool]:
    """A criterion: lines that wait for an approval which the viewer can give on that side, and did not ask for."""
    held = (
        sa.and_(
            sa.bindparam(f"is_{role}", type_=sa.Boolean),
            sa.cast(request_line.c.awaited, sa.Text).contains(f'"{role}@{side}"'),
        )
        for role in APPROVAL_ROLES
    )
    submitted_by = (
        sa.select(policy_decision.c.asked_by)
        .where(policy_decision.c.id == request_line.c.decision_id)
        .correlate(request_line)
        .scalar_subquery()
    )
    return sa.and_(
        request_line.c.status == LineStatus.NEEDS_APPROVAL,
        request_line.c.ends_at > NOW,
        sa.or_(*held),
        submitted_by != _SUBJECT,
    )


def awaits_reserving() -> sa.ColumnElement[bool]:
    """A criterion: lines on which the viewer may lend, and has not yet."""
    return sa.and_(
        sa.bindparam("reserves", type_=sa.Boolean),
        reservable(),
        request_line.c.ends_at > NOW,
        sa.not_(has_loan()),
        sa.not_(given_up()),
        sa.not_(revoked()),
        sa.not_(barred_from(Separation.APPROVE_RESERVE, Act.APPROVE, request_line.c.decision_id)),
    )


def awaits_answer(side: Side) -> sa.ColumnElement[bool]:
    """A criterion: lines for which the viewer is asked what it offers, or has to accept or refuse an offer."""
    status = LineStatus.OFFERED if side == "requesting" else LineStatus.ASKED
    return sa.and_(
        sa.bindparam(f"answers_{side}", type_=sa.Boolean),
        request_line.c.status == status.value,
        request_line.c.ends_at > NOW,
    )


def cannot_come(side: Side) -> sa.ColumnElement[bool]:
    """A criterion: lines for which help is reserved that cannot come as it stands, where the viewer may cancel it."""
    return sa.and_(sa.bindparam(f"cancels_{side}", type_=sa.Boolean), has_loan(hindrance().is_not(None)))


def _of_side(side: Side, filters: frozenset[str]) -> list[sa.ColumnElement[bool]]:
    """Requests in which the viewer is on that side, and whose lines, as it sees them, match the filters."""
    seen = [in_force()] if filters & {"window_from", "window_to"} else []
    if side == "assisting":
        seen.append(asked_of_viewer())
    if "window_from" in filters:
        seen.append(request_line.c.ends_at > sa.bindparam("window_from", type_=request_line.c.ends_at.type))
    if "window_to" in filters:
        seen.append(request_line.c.starts_at < sa.bindparam("window_to", type_=request_line.c.starts_at.type))
    criteria = []
    if "partner_id" in filters:
        partner = sa.bindparam("partner_id", type_=request.c.id.type)
        if side == "requesting":
            seen.append(request_line.c.assisting_agency_id == partner)
        else:
            criteria.append(request.c.requesting_agency_id == partner)

    def of_lines(*more: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        lines = sa.select(request_line.c.request_id).where(*seen, *more)
        if side == "assisting":
            return request.c.id.in_(lines)
        return lines.where(request_line.c.request_id == request.c.id).correlate(request).exists()

    if "waiting" in filters:
        waiting = [
            sa.and_(request.c.asked_by != _SUBJECT, of_lines(awaits_approval(side))),
            of_lines(awaits_answer(side)),
            of_lines(cannot_come(side)),
        ]
        if side == "assisting":
            waiting.append(of_lines(awaits_reserving()))
        else:
            waiting.append(sa.and_(sa.bindparam("mends", type_=sa.Boolean), sa.or_(lack_help(), unsent())))
        criteria.append(sa.or_(*waiting))
    elif seen:
        criteria.append(of_lines())
    return criteria if side == "assisting" else [*criteria, request.c.requesting_agency_id == VIEWER]


def _said(side: Side, name: str) -> sa.ColumnElement[Any]:
    """The column that agencies on that side read: an assisting one what was sent."""
    return request.c[name] if side == "requesting" else request.c[f"sent_{name}"]


_FILTERS = ("status", "partner_id", "incident_number", "q", "window_from", "window_to", "ids", *CHANGED)
_CHANGED_AT: dict[Side, sa.ColumnElement[datetime]] = {
    "requesting": request.c.updated_at,
    "assisting": last_change_of_lender(),
}
"""When a request was changed, as each side is told; that of the requesting agency has an index."""
_ORDERS = {
    side: Orders(RequestQuery, created_at=request.c.id, updated_at=(changed_at, request.c.id))
    for side, changed_at in _CHANGED_AT.items()
}


@cache
def _list_statement(filters: frozenset[str], sides: tuple[Side, ...], sort: str) -> sa.Select[Any]:
    """The statement for one combination of filters. Each side is read from its own index, and the two are merged."""
    limit = sa.bindparam("limit", type_=sa.Integer)
    status: sa.BindParameter[str] = sa.bindparam("status", expanding=True)

    def by(changed_at: sa.ColumnElement[Any], its_id: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
        columns = [its_id] if sort.endswith("created_at") else [changed_at, its_id]
        return [column.desc() if sort.startswith("-") else column.asc() for column in columns]

    def ordered(found: sa.FromClause) -> list[sa.ColumnElement[Any]]:
        return by(found.c.updated_at, found.c.id)

    pages = []
    for side in sides:
        criteria = [*_of_side(side, filters), *changed_in(_CHANGED_AT[side], filters)]
        if "cursor" in filters:
            criteria.append(_ORDERS[side].behind(sort))
        if "incident_number" in filters:
            criteria.append(_said(side, "incident_number") == sa.bindparam("incident_number", type_=sa.Text))
        if "ids" in filters:
            criteria.append(request.c.id.in_(sa.bindparam("ids", type_=request.c.id.type, expanding=True)))
        if "q" in filters:
            criteria.append(_said(side, "search_text").like(sa.bindparam("q", type_=sa.Text), escape="\\"))
        if "stored" in filters:
            criteria.append(request.c.status.in_(status))
        if "status" in filters:
            found = marked_requests().where(*criteria).subquery()
            page = sa.select(found.c.id).where(status_of(found).in_(status)).order_by(*ordered(found))
        else:
            page = sa.select(request.c.id).where(*criteria).order_by(*by(_CHANGED_AT[side], request.c.id))
        pages.append(page.limit(limit))
    ids = sa.union_all(*(sa.select(page.subquery().c.id) for page in pages)).subquery()
    shown = (
        marked_requests()
        .add_columns(
            of_visible_lines(sa.func.count(), in_force()).label("line_count"),
            of_visible_lines(sa.func.count(), refused()).label("refused_line_count"),
            of_visible_lines(sa.func.min(request_line.c.starts_at)).label("first_start"),
            of_visible_lines(sa.func.max(request_line.c.ends_at)).label("latest_end"),
        )
        .where(request.c.id.in_(sa.select(ids.c.id)))
        .subquery()
    )
    columns = [column for column in shown.c if column.name not in ("status", "marks")]
    listed = sa.select(*columns, status_of(shown).label("status")).order_by(*ordered(shown)).limit(limit)
    return _with_lines(listed.subquery("listed"), ordered, by_change=sort.endswith("updated_at"))


def _with_lines(
    listed: sa.Subquery, ordered: Callable[[sa.FromClause], list[sa.ColumnElement[Any]]], *, by_change: bool
) -> sa.Select[Any]:
    """The requests with their names, once for each line that the viewer sees and that is not withdrawn."""
    requesting, assisting = agency.alias("requesting"), agency.alias("assisting")
    keys = [listed.c.updated_at, listed.c.id] if by_change else [listed.c.id]
    line = sa.and_(
        request_line.c.request_id == listed.c.id,
        line_visible(listed.c.requesting_agency_id),
        in_force(),
    )
    return (
        sa.select(
            *listed.c,
            requesting.c.name.label("requesting_agency_name"),
            request_line.c.asset_id,
            sa.case((visible_asset(among_many=True), asset.c.name)).label("asset_name"),
            request_line.c.assisting_agency_id,
            assisting.c.name.label("assisting_agency_name"),
            *(column.label(f"key_{i}") for i, column in enumerate(keys)),
        )
        .join(requesting, requesting.c.id == listed.c.requesting_agency_id)
        .outerjoin(request_line, line)
        .outerjoin(asset, asset.c.id == request_line.c.asset_id)
        .outerjoin(assisting, assisting.c.id == request_line.c.assisting_agency_id)
        .order_by(*ordered(listed), request_line.c.id)
    )


async def list_requests(read: Read, principal: Principal, query: RequestQuery, now: datetime) -> RequestPage:
    """A page of the requests that the caller's agency made or that ask for its assets.

    Raises RuleBroken for another list's cursor.
    """
    sides: tuple[Side, ...] = ("requesting", "assisting") if query.side is None else (query.side,)
    parameters = given(query, *_FILTERS)
    filters = set(parameters) - {"status"}
    if query.q is not None:
        parameters["q"] = containing(query.q)
    if query.status:
        # A status set by people is as stored, but an agency all of whose lines were withdrawn sees `withdrawn`.
        as_stored = SET_BY_PEOPLE - {RequestStatus.WITHDRAWN}
        filters.add("stored" if as_stored.issuperset(query.status) else "status")
    if query.waiting_for_me:
        approves = refusal(principal, Action.REQUESTS_APPROVE, sides) is None
        reserves = "assisting" in sides and refusal(principal, Action.LOANS_RESERVE, ["assisting"]) is None
        answering = {"requesting": Action.REQUESTS_ACCEPT, "assisting": Action.REQUESTS_ANSWER}
        answers = {
            f"answers_{side}": refusal(principal, action, [side]) is None
            for side, action in answering.items()
            if side in sides
        }
        cancels = {
            f"cancels_{side}": refusal(principal, permission_for(LoanAction.CANCEL, LoanSide(side)), [side]) is None
            for side in sides
        }
        mends = "requesting" in sides and refusal(principal, Action.REQUESTS_UPDATE, ["requesting"]) is None
        if not any((approves, reserves, mends, *answers.values(), *cancels.values())):
            return RequestPage(items=[], next_cursor=None)
        filters.add("waiting")
        parameters |= {"subject": principal.person, "reserves": reserves, "mends": mends, **answers, **cancels}
        parameters |= person_parameters(principal)
        parameters |= {f"is_{role}": approves and role in principal.roles for role in APPROVAL_ROLES}
    parameters |= {"viewer": principal.agency_id, **moment(now), "at": now, **_ORDERS["requesting"].parameters(query)}
    if query.cursor is not None:
        filters.add("cursor")
    rows = await read.all_slowly(_list_statement(frozenset(filters), sides, query.sort), parameters)
    by_change = query.sort.endswith("updated_at")
    found = [list(each) for _, each in groupby(rows, key=attrgetter("id"))]
    kept, next_cursor = cut(
        found, query.limit, lambda lines: [lines[0].key_0, lines[0].key_1] if by_change else [lines[0].key_0]
    )
    return RequestPage(items=[_summary(lines) for lines in kept], next_cursor=next_cursor)


def _summary(rows: Sequence[Row[Any]]) -> RequestSummary:
    row, lines = rows[0], [each for each in rows if each.asset_id is not None]
    asked = [each for each in rows if each.assisting_agency_id is not None]
    agencies = {each.assisting_agency_id: each.assisting_agency_name for each in asked}
    assets = {each.asset_id: each.asset_name for each in lines}
    return RequestSummary(
        id=row.id,
        requesting_agency=AgencyReference(id=row.requesting_agency_id, name=row.requesting_agency_name),
        assisting_agencies=[AgencyReference(id=agency_id, name=name) for agency_id, name in agencies.items()],
        assets=[AssetReference(id=asset_id, name=name) for asset_id, name in assets.items()],
        status=row.status,
        purpose=row.purpose,
        priority=row.priority,
        incident_number=row.incident_number,
        summary=row.summary,
        line_count=row.line_count,
        refused_line_count=row.refused_line_count,
        window=Window(start=row.first_start, end=row.latest_end),
        submitted_at=row.submitted_at,
        version=row.version_shown,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
