"""What waits for somebody on requests: lines to approve, to answer, to offer something for, and offers to answer."""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.acts import person_parameters
from registry.platform.access.permissions import Action, refusal
from registry.platform.database.handles import Read
from registry.platform.kernel.time import Window
from registry.resources.assets.queries.having import HAVING, Ask, can_be_had, of_columns
from registry.resources.assets.schemas.availability import AskAvailability
from registry.resources.assets.tables import asset
from registry.sharing.loans.queries.uncovered import WHY_UNCOVERED
from registry.sharing.policy.decisions import Side
from registry.sharing.policy.queries.other_texts import Redecided, by_other_texts, governed_otherwise, other_text
from registry.sharing.policy.tables import policy_decision
from registry.sharing.requests.need_rules import why_none_lent, why_not_free
from registry.sharing.requests.queries.changed_assets import may_be_changed, waiting_changed_lines
from registry.sharing.requests.queries.listing import APPROVAL_ROLES, awaits_answer, awaits_approval, awaits_reserving
from registry.sharing.requests.queries.uncovered import line_uncovered
from registry.sharing.requests.queries.visibility import VIEWER, as_sent
from registry.sharing.requests.tables import request, request_line

_K = InboxKind
_ID, _AT = request_line.c.id.type, request_line.c.starts_at.type
_SIDES: Final[tuple[Side, ...]] = ("requesting", "assisting")
_assisting, _requesting = agency.alias("assisting"), agency.alias("requesting")
_OF: Final = {"requesting": request.c.requesting_agency_id, "assisting": request_line.c.assisting_agency_id}
_OTHER: Final[dict[Side, Side]] = {"requesting": "assisting", "assisting": "requesting"}
_WAITED_FOR: Final[dict[InboxKind, tuple[Side, ...]]] = {
    _K.APPROVAL: _SIDES,
    _K.ANSWER: ("assisting",),
    _K.OFFER: ("assisting",),
    _K.OFFER_ANSWER: ("requesting",),
    _K.ASSET_CHANGED: ("requesting",),
}
_TASKS: Final = {
    _K.APPROVAL: "Approve or reject what is asked for.",
    _K.ANSWER: "Lend what is asked for, or decline it.",
    _K.OFFER: "Offer what is asked for, or decline.",
    _K.OFFER_ANSWER: "Accept what is offered on a condition, or refuse it.",
}
_NO_NEEDS: Final = {
    _K.APPROVAL: Action.REQUESTS_APPROVE,
    _K.ANSWER: Action.REQUESTS_ANSWER,
    _K.OFFER: Action.REQUESTS_ANSWER,
    _K.OFFER_ANSWER: Action.REQUESTS_UPDATE,
}
"""What whoever answers no has to be permitted."""


def _criterion(kind: InboxKind, side: Side) -> sa.ColumnElement[bool]:
    match kind:
        case _K.APPROVAL:
            return awaits_approval(side)
        case _K.ANSWER:
            return awaits_reserving()
        case _K.ASSET_CHANGED:
            return may_be_changed()
        case _:
            return awaits_answer(side)


def _page(kind: InboxKind, side: Side, whose: str) -> sa.Select[Any]:
    """Lines of which somebody on that side has to do that, soonest begin first."""
    of_viewer = _OF[side] if whose != "partners" else _OF[_OTHER[side]]
    due_at: sa.ColumnElement[datetime] = request_line.c.starts_at
    if kind is _K.OFFER:
        due_at = sa.func.coalesce(request_line.c.answer_due_at, due_at)
    after = sa.tuple_(sa.bindparam(f"{kind.value}_due", type_=_AT), sa.bindparam(f"{kind.value}_id", type_=_ID))
    return (
        sa.select(
            sa.literal_column(f"'{kind.value}'", sa.Text).label("waits_for"),
            sa.literal_column(f"'{side}'", sa.Text).label("side"),
            request_line.c.id.label("line_id"),
            request_line.c.no,
            request_line.c.request_id,
            request_line.c.decision_id,
            request_line.c.assisting_agency_id,
            *(request_line.c[name] for name in ("asset_id", "quantity", "starts_at", "ends_at", "personnel_ids")),
            due_at.label("due_at"),
            (line_uncovered(request.c.requesting_agency_id, request) if kind is _K.ANSWER else sa.null()).label(
                "uncovered"
            ),
            sa.func.coalesce(request_line.c.decided_at, request_line.c.submitted_at).label("waiting_from"),
            request.c.requesting_agency_id,
            as_sent("summary").label("summary"),
        )
        .join(request, request.c.id == request_line.c.request_id)
        .where(
            of_viewer == VIEWER,
            request_line.c.submitted_at.is_not(None),
            _criterion(kind, side),
            sa.tuple_(due_at, request_line.c.id) > after,
        )
        .order_by(due_at, request_line.c.id)
        # Of what may have been changed one is enough, to ask for these by themselves.
        .limit(sa.literal(1) if kind is _K.ASSET_CHANGED else sa.bindparam("limit", type_=sa.Integer))
    )


@cache
def _statement(kinds: tuple[InboxKind, ...], whose: str) -> sa.Select[Any]:
    parts = [sa.select(_page(kind, side, whose).subquery()) for kind in kinds for side in _WAITED_FOR[kind]]
    found = sa.union_all(*parts).subquery("found")
    return (
        sa.select(
            *found.c,
            _requesting.c.name.label("requesting_name"),
            _assisting.c.name.label("assisting_name"),
            *HAVING,
            sa.and_(found.c.waits_for == _K.ANSWER.value, governed_otherwise(policy_decision)).label("other_text"),
        )
        .outerjoin(policy_decision, policy_decision.c.id == found.c.decision_id)
        .join(_requesting, _requesting.c.id == found.c.requesting_agency_id)
        .join(_assisting, _assisting.c.id == found.c.assisting_agency_id)
        .outerjoin(asset, asset.c.id == found.c.asset_id)
    )


async def waiting_on_requests(read: Read, asked: Asked) -> list[InboxEntry]:
    """What of the requests waits for the caller, the caller's agency, or its partners.

    A person is asked for the approvals that its roles give and that it did not ask for itself, and for no reservation
    of what it approved; what waits for an agency is the same to whoever of it reads.
    """
    principal, mine = asked.principal, asked.whose == "me"
    approves = refusal(principal, Action.REQUESTS_APPROVE, _SIDES) is None
    reserves = refusal(principal, Action.LOANS_RESERVE, ["assisting"]) is None
    offers = refusal(principal, Action.REQUESTS_ANSWER, ["assisting"]) is None
    answers = refusal(principal, Action.REQUESTS_ACCEPT, ["requesting"]) is None
    does = {_K.APPROVAL: approves, _K.ANSWER: reserves, _K.OFFER: offers, _K.OFFER_ANSWER: answers}
    does[_K.ASSET_CHANGED] = answers
    kinds = tuple(kind for kind, may in does.items() if may or not mine)
    if not kinds:
        return []
    parameters: dict[str, object] = {
        "viewer": principal.agency_id,
        "now": asked.as_of,
        "limit": asked.limit,
        "subject": principal.person if mine else "",
        "reserves": True,
        "answers_assisting": True,
        "answers_requesting": True,
        **person_parameters(principal),
        **({} if mine else {"person_issuer": "", "person_subject": ""}),
        **{f"is_{role}": not mine or role in principal.roles for role in APPROVAL_ROLES},
    }
    for kind in kinds:
        parameters[f"{kind.value}_due"], parameters[f"{kind.value}_id"] = asked.after_due(kind)
    rows = await read.all_slowly(_statement(kinds, asked.whose), parameters)
    changed: list[InboxEntry] = []
    if any(row.waits_for == _K.ASSET_CHANGED for row in rows):
        changed = await waiting_changed_lines(read, asked)
    rows = [row for row in rows if row.waits_for != _K.ASSET_CHANGED]
    had = await _can_be_had(read, rows, asked)
    governed = {row.decision_id for row in rows if row.other_text}
    texts = await by_other_texts(read, asked.policies, governed, asked.as_of)
    return changed + [_entry(row, asked, had.get(row.line_id), texts.get(row.decision_id)) for row in rows]


async def _can_be_had(read: Read, rows: Sequence[Row[Any]], asked: Asked) -> dict[UUID, AskAvailability]:
    """Of what the caller's agency is to lend whether it can be had: what is not free is not offered to be lent."""
    answers = (row for row in rows if row.waits_for == _K.ANSWER and row.asset_id is not None)
    lent = [] if asked.whose == "partners" else list(answers)
    asks = [
        Ask(
            asset=of_columns(row, row.asset_id),
            quantity=row.quantity,
            window=Window(start=row.starts_at, end=row.ends_at),
        )
        for row in lent
    ]
    found = await can_be_had(read, asked.principal.agency_id, asks, asked.as_of)
    return {row.line_id: each for row, each in zip(lent, found, strict=True)}


def _entry(row: Row[Any], asked: Asked, had: AskAvailability | None, redecided: Redecided | None) -> InboxEntry:
    kind = InboxKind(row.waits_for)
    path = f"/v1/requests/{row.request_id}"
    assisting = asked.principal.agency_id == row.assisting_agency_id
    partner = (
        AgencyReference(id=row.requesting_agency_id, name=row.requesting_name)
        if assisting
        else AgencyReference(id=row.assisting_agency_id, name=row.assisting_name)
    )
    line_path = f"{path}/lines/{row.line_id}"
    actions = {
        _K.APPROVAL: InboxAction(operation="approve_request", path=f"{path}/approve"),
        _K.ANSWER: InboxAction(operation="create_loan", path="/v1/loans", decision_id=row.decision_id),
        _K.OFFER: InboxAction(operation="offer_for_request_line", path=f"{line_path}/offer"),
        _K.OFFER_ANSWER: InboxAction(operation="accept_request_line_offer", path=f"{line_path}/accept-offer"),
    }
    decline = InboxAction(operation="decline_request_line", path=f"{line_path}/decline")
    instead: dict[InboxKind, InboxAction | None] = {
        _K.APPROVAL: InboxAction(operation="reject_request", path=f"{path}/reject"),
        _K.ANSWER: decline,
        _K.OFFER: decline,
        _K.OFFER_ANSWER: InboxAction(operation="refuse_request_line_offer", path=f"{line_path}/refuse-offer"),
    }
    side: Side = "assisting" if assisting else "requesting"
    task, action, no = _TASKS[kind], actions[kind], instead[kind]
    if row.uncovered is not None:
        task, action, no = WHY_UNCOVERED[row.uncovered], decline, None
    elif (gone := why_not_free(had)) is not None and had is not None:
        if why_none_lent(had, together=row.personnel_ids is not None) is None:
            task = f"Only {had.free_quantity} of {row.quantity} are free then: lend fewer, or decline."
        else:
            task, action, no = f"It is not free: decline, or free it first. {gone}", decline, None
    if redecided is not None and redecided.is_worse:
        said = other_text(redecided, to_owner=assisting).reason
        task, action, no = f"It is not lent as it was decided: decline, or agree anew. {said}", decline, None
    says_no = asked.whose == "me" and refusal(asked.principal, _NO_NEEDS[kind], [side]) is None
    return InboxEntry(
        id=row.line_id,
        kind=kind,
        subject=InboxSubject(kind="request", id=row.request_id, name=f"{row.summary} (line {row.no})", path=path),
        task=task if asked.whose != "partners" else f"{partner.name}: {task}",
        late=row.due_at <= asked.as_of,
        due_at=row.due_at,
        waiting_from=row.waiting_from,
        partner=partner,
        action=action if asked.whose == "me" else None,
        instead=no if says_no else None,
    )
