"""Queries about engagements and corrective actions. Hosts and invited agencies see them, and others those for all."""

from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.calendars.rules import secret_hash, secret_in
from registry.agreements.calendars.tables import calendar_feed
from registry.agreements.instruments.queries.visibility import shared_with, takes_part, visible_to
from registry.agreements.instruments.tables import agreement
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.waiting import Asked, InboxAction, InboxEntry, InboxKind, InboxSubject
from registry.outcomes.engagements.rules import (
    MET,
    SHOWN_BEFORE,
    TEACHES,
    CorrectiveActionStatus,
    EngagementAction,
    EngagementStatus,
    ImprovementStep,
    InvitationStatus,
    is_late,
    why_no_answer,
    why_no_step,
    why_not,
)
from registry.outcomes.engagements.schemas import (
    AgreementNamed,
    CorrectiveAction,
    CorrectiveActionPage,
    CorrectiveActionQuery,
    Engagement,
    EngagementPage,
    EngagementQuery,
    EngagementReference,
    EngagementSummary,
    Invitation,
    Participation,
    PublicEngagement,
    PublicEngagementPage,
    PublicEngagementQuery,
    RatedObjective,
    Survey,
)
from registry.outcomes.engagements.tables import (
    corrective_action,
    engagement,
    engagement_credit,
    engagement_invitation,
)
from registry.outcomes.engagements.writing import CalendarContent, Entry
from registry.platform.access.permissions import Action, Relation, refusal
from registry.platform.access.principals import Principal
from registry.platform.access.tables import acting_agency
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, Orders, changed_in, given
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound

_ID = engagement.c.id.type
_AT = engagement.c.starts_at.type
_VIEWER = sa.bindparam("viewer", type_=_ID)
PERMISSIONS: Final = {
    EngagementAction.UPDATE: Action.ENGAGEMENTS_UPDATE,
    EngagementAction.INVITE: Action.ENGAGEMENTS_UPDATE,
    EngagementAction.CANCEL: Action.ENGAGEMENTS_UPDATE,
    EngagementAction.COMPLETE: Action.ENGAGEMENTS_UPDATE,
    EngagementAction.EVALUATE: Action.ENGAGEMENTS_UPDATE,
    EngagementAction.PLAN_ACTION: Action.ENGAGEMENTS_UPDATE,
    EngagementAction.ACCEPT_INVITATION: Action.ENGAGEMENTS_ANSWER,
    EngagementAction.DECLINE_INVITATION: Action.ENGAGEMENTS_ANSWER,
    EngagementAction.CREDIT_TRAINING: Action.ENGAGEMENTS_CREDIT,
}
STEP_PERMISSIONS: Final = {
    ImprovementStep.COMPLETE: Action.ENGAGEMENTS_IMPROVE,
    ImprovementStep.CLOSE: Action.ENGAGEMENTS_UPDATE,
    ImprovementStep.REOPEN: Action.ENGAGEMENTS_UPDATE,
}
_ANSWERS: Final = (EngagementAction.ACCEPT_INVITATION, EngagementAction.DECLINE_INVITATION)

_own = engagement_invitation.alias("own_invitation")
_invited = sa.select(_own.c.engagement_id).where(_own.c.agency_id == _VIEWER)


def seen() -> sa.ColumnElement[bool]:
    """Engagements that the agency in the bind `viewer` hosts, or is invited to; also those that it declined."""
    return sa.or_(engagement.c.host_agency_id == _VIEWER, engagement.c.id.in_(_invited))


_its_agreement = sa.and_(agreement.c.id == engagement.c.agreement_id, visible_to())
_answer = (
    sa.select(_own.c.status)
    .where(_own.c.engagement_id == engagement.c.id, _own.c.agency_id == _VIEWER)
    .correlate(engagement)
    .scalar_subquery()
)
_credited = (
    sa.select(sa.func.count())
    .where(engagement_credit.c.engagement_id == engagement.c.id, engagement_credit.c.agency_id == _VIEWER)
    .correlate(engagement)
    .scalar_subquery()
)
_host = agency.alias("host")
_SHOWN = (
    sa.select(
        *engagement.c,
        _host.c.name.label("host_name"),
        agreement.c.number.label("agreement_number"),
        _answer.label("own_answer"),
        _credited.label("credited"),
    )
    .join(_host, _host.c.id == engagement.c.host_agency_id)
    .outerjoin(agreement, _its_agreement)
    .where(seen())
)
_ONE = _SHOWN.where(engagement.c.id == sa.bindparam("id", type_=_ID))
_INVITATIONS = (
    sa.select(*engagement_invitation.c, agency.c.name.label("agency_name"))
    .join(agency, agency.c.id == engagement_invitation.c.agency_id)
    .where(engagement_invitation.c.engagement_id == sa.bindparam("id", type_=_ID))
    .order_by(engagement_invitation.c.id)
)
_PARTY = sa.select(agreement.c.id).where(agreement.c.id == sa.bindparam("id", type_=_ID), shared_with(), takes_part())
_SUMMARY = sa.select(
    *(
        engagement.c[name]
        for name in (
            *("id", "host_agency_id", "kind", "title", "starts_at", "ends_at", "time_zone", "public", "status"),
            *("version", "created_at", "updated_at"),
        )
    ),
    _host.c.name.label("host_name"),
).join(_host, _host.c.id == engagement.c.host_agency_id)
_ORDERS = Orders(
    EngagementQuery,
    created_at=engagement.c.id,
    updated_at=(engagement.c.updated_at, engagement.c.id),
    starts_at=(engagement.c.starts_at, engagement.c.id),
)
_FILTERS = ("ids", "kind", "status", "agreement_id", "host_agency_id", "starts_from", "starts_to", *CHANGED)


async def engagement_row(read: Read, principal: Principal, engagement_id: UUID) -> Row[Any]:
    """The engagement's row. Raises NotFound unless the caller's agency hosts it or is invited."""
    row = await read.first(_ONE, {"id": engagement_id, "viewer": principal.agency_id})
    if row is None:
        raise NotFound("engagement")
    return row


async def invitations_of(read: Read, engagement_id: UUID) -> list[Row[Any]]:
    """The rows of the invitations, in the order of inviting."""
    return [*await read.all(_INVITATIONS, {"id": engagement_id})]


async def get_engagement(read: Read, principal: Principal, engagement_id: UUID, now: datetime) -> Engagement:
    """One engagement as this caller may see it. Raises NotFound."""
    row = await engagement_row(read, principal, engagement_id)
    return as_engagement(row, await invitations_of(read, engagement_id), principal, now)


async def is_party_of(read: Read, principal: Principal, agreement_id: UUID) -> bool:
    """Whether the caller's agency is a party of that agreement, and sees it."""
    return await read.value(_PARTY, {"id": agreement_id, "viewer": principal.agency_id}) is not None


def relations(principal: Principal, row: Any) -> list[Relation]:
    """The relations of the caller's agency to an engagement."""
    held: list[Relation] = ["hosting"] if row.host_agency_id == principal.agency_id else []
    return [*held, "taking_part"] if row.own_answer is not None else held


def objectives_in(row: Any) -> list[RatedObjective]:
    """The objectives as they are stored."""
    return msgspec.json.decode(row.objectives, type=list[RatedObjective])


def as_engagement(row: Any, invitations: list[Row[Any]], principal: Principal, now: datetime) -> Engagement:
    """The representation of an engagement, with the caller's allowed actions at `now`."""
    objectives = objectives_in(row)
    numbered = (
        None if row.agreement_number is None else AgreementNamed(id=row.agreement_id, number=row.agreement_number)
    )
    return Engagement(
        id=row.id,
        host_agency=AgencyReference(id=row.host_agency_id, name=row.host_name),
        agreement=numbered,
        kind=row.kind,
        exercise_type=row.exercise_type,
        title=row.title,
        summary=row.summary,
        place=row.place,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        time_zone=row.time_zone,
        public=row.public,
        status=EngagementStatus(row.status),
        invitations=[
            Invitation(
                agency=AgencyReference(id=each.agency_id, name=each.agency_name),
                status=each.status,
                invited_at=each.invited_at,
                answered_at=each.answered_at,
                reason=each.reason,
            )
            for each in invitations
        ],
        objectives=objectives,
        objectives_met=sum(each.rating in MET for each in objectives),
        objectives_rated=sum(each.rating is not None for each in objectives),
        participation=msgspec.json.decode(row.participation, type=list[Participation]),
        surveys=msgspec.json.decode(row.surveys, type=list[Survey]),
        outcome=row.outcome,
        cancelled_reason=row.cancelled_reason,
        credited_people=row.credited if row.kind in TEACHES else None,
        allowed_actions=_allowed(row, principal, now),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def hindrance(row: Any, action: EngagementAction, now: datetime) -> str | None:
    """Why the caller's agency cannot do that now; None when it can."""
    status = EngagementStatus(row.status)
    if (reason := why_not(status, action, kind=row.kind, begun=row.starts_at <= now)) is not None:
        return reason
    if action in _ANSWERS:
        return why_no_answer(InvitationStatus(row.own_answer), action)
    if action is EngagementAction.CREDIT_TRAINING and row.own_answer not in (None, InvitationStatus.ACCEPTED):
        return "Your agency has not accepted its invitation."
    return None


def _allowed(row: Any, principal: Principal, now: datetime) -> list[AllowedAction]:
    held = relations(principal, row)
    return [
        offer(action, withheld=hindrance(row, action, now))
        for action in EngagementAction
        if refusal(principal, PERMISSIONS[action], held) is None
    ]


@cache
def _list_statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    criteria: dict[str, sa.ColumnElement[bool]] = {
        "ids": engagement.c.id.in_(sa.bindparam("ids", type_=_ID, expanding=True)),
        "kind": engagement.c.kind.in_(sa.bindparam("kind", expanding=True)),
        "status": engagement.c.status.in_(sa.bindparam("status", expanding=True)),
        # Of what the agency sees: else the filter would tell which agreement it is that is withheld.
        "agreement_id": sa.and_(
            engagement.c.agreement_id == sa.bindparam("agreement_id", type_=_ID),
            sa.exists().where(_its_agreement).correlate(engagement),
        ),
        "host_agency_id": engagement.c.host_agency_id == sa.bindparam("host_agency_id", type_=_ID),
        "starts_from": engagement.c.starts_at >= sa.bindparam("starts_from", type_=_AT),
        "starts_to": engagement.c.starts_at < sa.bindparam("starts_to", type_=_AT),
    }
    chosen = [criterion for name, criterion in criteria.items() if name in filters]
    shown = _SUMMARY.where(seen(), *chosen, *changed_in(engagement.c.updated_at, filters))
    return _ORDERS.page(shown, sort, after="cursor" in filters)


async def list_engagements(read: Read, principal: Principal, query: EngagementQuery) -> EngagementPage:
    """A page of the engagements that the caller's agency sees. Raises RuleBroken for another's cursor."""
    parameters = given(query, *_FILTERS)
    filters = {*parameters, *(["cursor"] if query.cursor is not None else [])}
    parameters |= {"viewer": principal.agency_id, **_ORDERS.parameters(query)}
    rows = await read.all_slowly(_list_statement(frozenset(filters), query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    items = [
        EngagementSummary(
            host_agency=AgencyReference(id=row.host_agency_id, name=row.host_name),
            **{name: getattr(row, name) for name in EngagementSummary.__struct_fields__ if name != "host_agency"},
        )
        for row in kept
    ]
    return EngagementPage(items=items, next_cursor=next_cursor)


_PUBLIC = (
    sa.select(*engagement.c, _host.c.name.label("host_name"))
    .join(_host, _host.c.id == engagement.c.host_agency_id)
    .where(engagement.c.public)
)
_PUBLIC_ORDERS = Orders(PublicEngagementQuery, starts_at=(engagement.c.starts_at, engagement.c.id))


@cache
def _public_statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    criteria: dict[str, sa.ColumnElement[bool]] = {
        "host_agency_id": engagement.c.host_agency_id == sa.bindparam("host_agency_id", type_=_ID),
        "starts_from": engagement.c.starts_at >= sa.bindparam("starts_from", type_=_AT),
        "starts_to": engagement.c.starts_at < sa.bindparam("starts_to", type_=_AT),
    }
    shown = _PUBLIC.where(*(criterion for name, criterion in criteria.items() if name in filters))
    return _PUBLIC_ORDERS.page(shown, sort, after="cursor" in filters)


async def list_public(read: Read, query: PublicEngagementQuery) -> PublicEngagementPage:
    """A page of what everybody is shown. Raises RuleBroken for another's cursor."""
    parameters = given(query, "host_agency_id", "starts_from", "starts_to")
    filters = {*parameters, *(["cursor"] if query.cursor is not None else [])}
    parameters |= _PUBLIC_ORDERS.parameters(query)
    rows = await read.all_slowly(_public_statement(frozenset(filters), query.sort), parameters)
    kept, next_cursor = _PUBLIC_ORDERS.cut(rows, query)
    items = [
        PublicEngagement(
            host_agency=AgencyReference(id=row.host_agency_id, name=row.host_name),
            **{name: getattr(row, name) for name in PublicEngagement.__struct_fields__ if name != "host_agency"},
        )
        for row in kept
    ]
    return PublicEngagementPage(items=items, next_cursor=next_cursor)


# Corrective actions.

_owner = agency.alias("owner")
_ACTIONS = (
    sa.select(
        *corrective_action.c,
        engagement.c.title.label("engagement_title"),
        engagement.c.agreement_id,
        engagement.c.host_agency_id,
        _host.c.name.label("host_name"),
        _owner.c.name.label("owner_name"),
        _answer.label("own_answer"),
    )
    .join(engagement, engagement.c.id == corrective_action.c.engagement_id)
    .join(_host, _host.c.id == engagement.c.host_agency_id)
    .join(_owner, _owner.c.id == corrective_action.c.owner_agency_id)
    .where(seen())
)
_ONE_ACTION = _ACTIONS.where(corrective_action.c.id == sa.bindparam("id", type_=_ID))
_ACTION_ORDERS = Orders(
    CorrectiveActionQuery,
    created_at=corrective_action.c.id,
    updated_at=(corrective_action.c.updated_at, corrective_action.c.id),
    due_at=(corrective_action.c.due_at, corrective_action.c.id),
)


async def action_row(read: Read, principal: Principal, corrective_action_id: UUID) -> Row[Any]:
    """The row of a corrective action. Raises NotFound unless the caller's agency sees its engagement."""
    row = await read.first(_ONE_ACTION, {"id": corrective_action_id, "viewer": principal.agency_id})
    if row is None:
        raise NotFound("corrective action")
    return row


async def get_action(read: Read, principal: Principal, corrective_action_id: UUID, now: datetime) -> CorrectiveAction:
    """One corrective action as this caller may see it. Raises NotFound."""
    return as_action(await action_row(read, principal, corrective_action_id), principal, now)


def action_relations(principal: Principal, row: Any) -> list[Relation]:
    """How the caller's agency stands to a corrective action: as to its engagement, and `owing` where it owns it."""
    own: list[Relation] = ["owing"] if row.owner_agency_id == principal.agency_id else []
    return [*relations(principal, row), *own]


def as_action(row: Any, principal: Principal, now: datetime) -> CorrectiveAction:
    """The representation of a corrective action, with the caller's allowed actions at `now`."""
    status, held = CorrectiveActionStatus(row.status), action_relations(principal, row)
    return CorrectiveAction(
        id=row.id,
        engagement=EngagementReference(id=row.engagement_id, title=row.engagement_title),
        host_agency=AgencyReference(id=row.host_agency_id, name=row.host_name),
        owner_agency=AgencyReference(id=row.owner_agency_id, name=row.owner_name),
        title=row.title,
        observation=row.observation,
        core_capability=row.core_capability,
        objective_no=row.objective_no,
        due_on=row.due_on,
        due_at=row.due_at,
        status=status,
        late=is_late(row.completed_at, row.due_at, now),
        statement=row.statement,
        evidence_sha256=msgspec.json.decode(row.evidence_sha256, type=list[str]),
        completed_at=row.completed_at,
        reopened_reason=row.reopened_reason,
        closed_at=row.closed_at,
        allowed_actions=[
            offer(step, withheld=why_no_step(status, step))
            for step in ImprovementStep
            if refusal(principal, STEP_PERMISSIONS[step], held) is None
        ],
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


@cache
def _actions_statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    its = corrective_action.c
    criteria: dict[str, sa.ColumnElement[bool]] = {
        "ids": its.id.in_(sa.bindparam("ids", type_=_ID, expanding=True)),
        "engagement_id": its.engagement_id == sa.bindparam("engagement_id", type_=_ID),
        "owner_agency_id": its.owner_agency_id == sa.bindparam("owner_agency_id", type_=_ID),
        "status": its.status.in_(sa.bindparam("status", expanding=True)),
        "due_from": its.due_at >= sa.bindparam("due_from", type_=_AT),
        "due_to": its.due_at < sa.bindparam("due_to", type_=_AT),
    }
    chosen = [criterion for name, criterion in criteria.items() if name in filters]
    return _ACTION_ORDERS.page(
        _ACTIONS.where(*chosen, *changed_in(its.updated_at, filters)), sort, after="cursor" in filters
    )


async def list_actions(
    read: Read, principal: Principal, query: CorrectiveActionQuery, now: datetime
) -> CorrectiveActionPage:
    """A page of the corrective actions that the caller's agency sees. Raises RuleBroken for another's cursor."""
    names = ("ids", "engagement_id", "owner_agency_id", "status", "due_from", "due_to", *CHANGED)
    parameters = given(query, *names)
    filters = {*parameters, *(["cursor"] if query.cursor is not None else [])}
    parameters |= {"viewer": principal.agency_id, **_ACTION_ORDERS.parameters(query)}
    rows = await read.all_slowly(_actions_statement(frozenset(filters), query.sort), parameters)
    kept, next_cursor = _ACTION_ORDERS.cut(rows, query)
    return CorrectiveActionPage(items=[as_action(row, principal, now) for row in kept], next_cursor=next_cursor)


# What waits for somebody.


def _after(due: sa.ColumnElement[Any], id_: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    return sa.tuple_(due, id_) > sa.tuple_(sa.bindparam("after_due", type_=_AT), sa.bindparam("after_id", type_=_ID))


_OPEN, _COMPLETED = CorrectiveActionStatus.OPEN, CorrectiveActionStatus.COMPLETED


def _waiting_actions(whose: str, statuses: frozenset[CorrectiveActionStatus]) -> sa.Select[Any]:
    """Those of the statuses: open ones within their time, for who owns them; completed ones, for the host."""
    its = corrective_action.c
    open_ = sa.and_(its.status == CorrectiveActionStatus.OPEN.value, its.due_at <= sa.bindparam("until", type_=_AT))
    done = its.status == CorrectiveActionStatus.COMPLETED.value
    hosts, owns = engagement.c.host_agency_id == _VIEWER, its.owner_agency_id == _VIEWER
    theirs = {_OPEN: sa.and_(hosts, ~owns, open_), _COMPLETED: sa.and_(owns, ~hosts, done)}
    ours = {_OPEN: sa.and_(owns, open_), _COMPLETED: sa.and_(hosts, done)}
    waits = theirs if whose == "partners" else ours
    return (
        _ACTIONS.where(sa.or_(*(waits[each] for each in sorted(statuses))), _after(its.due_at, its.id))
        .order_by(its.due_at, its.id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


_inviting = engagement_invitation.alias("inviting")
_guest = agency.alias("guest")


def _waiting_invitations(whose: str) -> sa.Select[Any]:
    """Invitations that were not answered, to what has not begun."""
    whom = engagement.c.host_agency_id if whose == "partners" else _inviting.c.agency_id
    return (
        sa.select(
            _inviting.c.id,
            _inviting.c.invited_at,
            _inviting.c.agency_id,
            _guest.c.name.label("guest_name"),
            engagement.c.id.label("engagement_id"),
            engagement.c.title,
            engagement.c.starts_at,
            engagement.c.host_agency_id,
            _host.c.name.label("host_name"),
        )
        .join(engagement, engagement.c.id == _inviting.c.engagement_id)
        .join(_host, _host.c.id == engagement.c.host_agency_id)
        .join(_guest, _guest.c.id == _inviting.c.agency_id)
        .where(
            whom == _VIEWER,
            _inviting.c.status == InvitationStatus.INVITED.value,
            engagement.c.status == EngagementStatus.PLANNED.value,
            engagement.c.starts_at > sa.bindparam("now", type_=_AT),
            _after(engagement.c.starts_at, _inviting.c.id),
        )
        .order_by(engagement.c.starts_at, _inviting.c.id)
        .limit(sa.bindparam("limit", type_=sa.Integer))
    )


_WHOSE = ("me", "agency", "partners")
_BOTH: Final = frozenset({_OPEN, _COMPLETED})
_WAITING_ACTIONS = {
    (whose, statuses): _waiting_actions(whose, statuses)
    for whose in _WHOSE
    for statuses in (_BOTH, frozenset({_OPEN}), frozenset({_COMPLETED}))
}
_WAITING_INVITATIONS = {whose: _waiting_invitations(whose) for whose in _WHOSE}


async def waiting_actions(read: Read, asked: Asked) -> list[InboxEntry]:
    """Corrective actions that are to be done within a month, and those of which it was said that they are done."""
    principal = asked.principal
    may = {
        _OPEN: refusal(principal, Action.ENGAGEMENTS_IMPROVE, ["owing"]) is None,
        _COMPLETED: refusal(principal, Action.ENGAGEMENTS_UPDATE, ["hosting"]) is None,
    }
    statuses = frozenset(status for status, allowed in may.items() if allowed) if asked.whose == "me" else _BOTH
    if not statuses:
        return []
    due_at, after_id = asked.after_due(InboxKind.CORRECTIVE_ACTION)
    parameters = {
        "viewer": principal.agency_id,
        "until": asked.as_of + SHOWN_BEFORE,
        "after_due": due_at,
        "after_id": after_id,
        "limit": asked.limit,
    }
    if _OPEN not in statuses:
        del parameters["until"]
    rows = await read.all_slowly(_WAITING_ACTIONS[asked.whose, statuses], parameters)
    return [_action_waits(row, asked, may=may[CorrectiveActionStatus(row.status)]) for row in rows]


def _action_waits(row: Row[Any], asked: Asked, *, may: bool) -> InboxEntry:
    path, theirs = f"/v1/corrective-actions/{row.id}", asked.whose == "partners"
    owner = AgencyReference(id=row.owner_agency_id, name=row.owner_name)
    host = AgencyReference(id=row.host_agency_id, name=row.host_name)
    is_open = row.status == CorrectiveActionStatus.OPEN
    doer, other = (owner, host) if is_open else (host, owner)
    step = ImprovementStep.COMPLETE if is_open else ImprovementStep.CLOSE
    task = f"{row.title}." if is_open else f"See whether it was done, and close it or ask for more: {row.title}."
    action = InboxAction(operation=f"{step}_corrective_action", path=f"{path}/{step}")
    again = InboxAction(operation="reopen_corrective_action", path=f"{path}/reopen")
    mine = may and not theirs
    return InboxEntry(
        id=row.id,
        kind=InboxKind.CORRECTIVE_ACTION,
        subject=InboxSubject(kind="corrective_action", id=row.id, name=row.title, path=path),
        task=f"{doer.name}: {task}" if theirs else task,
        late=row.due_at <= asked.as_of,
        due_at=row.due_at,
        waiting_from=row.created_at if is_open else row.completed_at,
        partner=doer if theirs else None if owner.id == host.id else other,
        action=action if mine else None,
        instead=again if mine and not is_open else None,
    )


async def waiting_invitations(read: Read, asked: Asked) -> list[InboxEntry]:
    """Invitations that wait for the caller's agency, or for those that it invited, until it begins."""
    principal = asked.principal
    may = refusal(principal, Action.ENGAGEMENTS_ANSWER, ["taking_part"]) is None
    if asked.whose == "me" and not may:
        return []
    due_at, after_id = asked.after_due(InboxKind.INVITATION)
    parameters = {
        "viewer": principal.agency_id,
        "now": asked.as_of,
        "after_due": due_at,
        "after_id": after_id,
        "limit": asked.limit,
    }
    rows = await read.all_slowly(_WAITING_INVITATIONS[asked.whose], parameters)
    return [_invitation_waits(row, asked, may=may) for row in rows]


def _invitation_waits(row: Row[Any], asked: Asked, *, may: bool) -> InboxEntry:
    path, theirs = f"/v1/engagements/{row.engagement_id}", asked.whose == "partners"
    guest = AgencyReference(id=row.agency_id, name=row.guest_name)
    host = AgencyReference(id=row.host_agency_id, name=row.host_name)
    task = f"Say whether your agency takes part: {row.title}."
    mine = may and not theirs
    return InboxEntry(
        id=row.id,
        kind=InboxKind.INVITATION,
        subject=InboxSubject(kind="engagement", id=row.engagement_id, name=row.title, path=path),
        task=f"{guest.name} is to say whether it takes part: {row.title}." if theirs else task,
        late=False,
        due_at=row.starts_at,
        waiting_from=row.invited_at,
        partner=guest if theirs else host,
        action=InboxAction(operation="accept_engagement_invitation", path=f"{path}/accept-invitation")
        if mine
        else None,
        instead=InboxAction(operation="decline_engagement_invitation", path=f"{path}/decline-invitation")
        if mine
        else None,
    )


# Calendars.

_FEED = (
    sa.select(calendar_feed.c.id, calendar_feed.c.agency_id, agency.c.name)
    .join(agency, agency.c.id == calendar_feed.c.agency_id)
    .join(acting_agency, acting_agency.c.agency_id == calendar_feed.c.agency_id)
    .where(calendar_feed.c.secret_sha256 == sa.bindparam("secret"), calendar_feed.c.revoked_at.is_(None))
)
MOST_ENTRIES: Final = 1000
_IN_CALENDAR = (
    _SUMMARY.add_columns(engagement.c.place, _answer.label("own_answer"))
    .where(
        seen(),
        engagement.c.status != EngagementStatus.CANCELLED.value,
        sa.func.coalesce(_answer, "") != InvitationStatus.DECLINED.value,
    )
    .order_by(engagement.c.starts_at.desc(), engagement.c.id)
    .limit(MOST_ENTRIES)
)
_DUE_IN_CALENDAR = (
    _ACTIONS.where(
        corrective_action.c.owner_agency_id == _VIEWER,
        corrective_action.c.status == CorrectiveActionStatus.OPEN.value,
    )
    .order_by(corrective_action.c.due_at, corrective_action.c.id)
    .limit(MOST_ENTRIES)
)


async def calendar_content(read: Read, filename: str) -> CalendarContent:
    """What the calendar of that name holds. Raises NotFound, the same for an unknown and a revoked address."""
    secret = secret_in(filename)
    feed = None if secret is None else await read.first(_FEED, {"secret": secret_hash(secret)})
    if feed is None:
        raise NotFound("calendar")
    held = await read.all_slowly(_IN_CALENDAR, {"viewer": feed.agency_id})
    due = await read.all_slowly(_DUE_IN_CALENDAR, {"viewer": feed.agency_id})
    entries = [
        Entry(
            name=str(row.id),
            changed_at=row.updated_at,
            version=row.version,
            start=row.starts_at,
            end=row.ends_at,
            words=row.title,
            place=row.place,
        )
        for row in held
    ]
    entries += [
        Entry(
            name=str(row.id),
            changed_at=row.updated_at,
            version=row.version,
            start=row.due_on,
            end=None,
            words=f"Due: {row.title}",
            place=None,
        )
        for row in due
    ]
    return CalendarContent(agency_name=feed.name, entries=tuple(entries))
