"""Operations on engagements, invitations and corrective actions; what everybody is shown; the calendar."""

import asyncio
from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.agreements.calendars.routes import CALENDAR, CalendarAnswer
from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.outcomes.engagements import commands, queries
from registry.outcomes.engagements.schemas import (
    ACTION_COMPLETION_EXAMPLE,
    CANCELLATION_EXAMPLE,
    COMPLETION_EXAMPLE,
    CREDIT_EXAMPLE,
    ENGAGEMENT_PATCH_EXAMPLE,
    EVALUATION_EXAMPLE,
    INVITATION_DECLINE_EXAMPLE,
    INVITING_EXAMPLE,
    NEW_CORRECTIVE_ACTION_EXAMPLE,
    NEW_ENGAGEMENT_EXAMPLE,
    REOPENING_EXAMPLE,
    CorrectiveAction,
    CorrectiveActionCompletion,
    CorrectiveActionPage,
    CorrectiveActionQuery,
    CorrectiveActionReopening,
    Engagement,
    EngagementCancellation,
    EngagementCompletion,
    EngagementEvaluation,
    EngagementPage,
    EngagementPatch,
    EngagementQuery,
    InvitationDecline,
    Inviting,
    NewCorrectiveAction,
    NewEngagement,
    PublicEngagementPage,
    PublicEngagementQuery,
    TrainingCredit,
)
from registry.outcomes.engagements.writing import tag, written
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag, unchanged
from registry.platform.http.asgi import Scope
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.schemas import HistoryQuery

_ONE = "/engagements/{engagement_id:uuid}"
_ACTION = "/corrective-actions/{corrective_action_id:uuid}"
_PUBLIC_LIST_PROBLEMS = (
    "bad_cursor",
    "busy",
    "database_busy",
    "database_failed",
    "instant_out_of_range",
    "internal_error",
    "invalid_parameter",
    "malformed",
    "nul_in_text",
    "overloaded",
    "range_reversed",
    "repeated_parameter",
    "unescaped_plus",
    "unknown_parameter",
)
_PUBLIC_PROBLEMS = (
    "busy",
    "database_busy",
    "database_failed",
    "internal_error",
    "malformed",
    "not_found",
    "overloaded",
    "unknown_parameter",
)


def _answer(found: Engagement, *, created: bool = False) -> Answer[Engagement]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.agreement, found.credited_people, found.allowed_actions),
        location=f"/v1/engagements/{found.id}" if created else None,
    )


def _action_answer(found: CorrectiveAction, *, created: bool = False) -> Answer[CorrectiveAction]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.late, found.allowed_actions),
        location=f"/v1/corrective-actions/{found.id}" if created else None,
    )


@operation("get", "/engagements", permission=Action.ENGAGEMENTS_READ, query=EngagementQuery)
async def list_engagements(
    read: Supplied[Read], filters: Supplied[EngagementQuery], caller: Supplied[Caller]
) -> Answer[EngagementPage]:
    """List the exercises, trainings and programmes that your agency hosts or is invited to."""
    return Answer(await queries.list_engagements(read, caller.principal, filters))


@operation(
    "post",
    "/engagements",
    permission=Action.ENGAGEMENTS_CREATE,
    example=NEW_ENGAGEMENT_EXAMPLE,
    etag=True,
    problems=(
        "exercise_type_missing",
        "no_exercise",
        "not_for_the_public",
        "number_repeated",
        "unknown_agency",
        "unknown_agreement",
        "unknown_time_zone",
        "window_reversed",
    ),
)
async def create_engagement(
    data: JSONBody[NewEngagement], write: Supplied[Write], caller: Supplied[Caller]
) -> Answer[Engagement]:
    """Plan an exercise, a training, a meeting or a community programme, and invite agencies to it.

    The host and whom it invites see it, and nobody else; a programme for residents that is `public` stands in
    `GET /v1/public/engagements`, too.
    """
    return _answer(await commands.plan_engagement(write, caller, data), created=True)


@operation("get", _ONE, permission=Action.ENGAGEMENTS_READ, etag=True)
async def get_engagement(
    engagement_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[Engagement]:
    """Read one engagement."""
    return _answer(await queries.get_engagement(read, caller.principal, engagement_id, caller.now))


@operation(
    "patch",
    _ONE,
    permission=Action.ENGAGEMENTS_UPDATE,
    example=ENGAGEMENT_PATCH_EXAMPLE,
    etag=True,
    problems=(
        "no_exercise",
        "not_for_the_public",
        "number_repeated",
        "unknown_time_zone",
        "window_reversed",
        "wrong_status",
    ),
)
async def update_engagement(
    engagement_id: FromPath[UUID],
    data: JSONBody[EngagementPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Engagement]:
    """Correct an engagement that is planned."""
    return _answer(await commands.update_engagement(write, caller, engagement_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/invite",
    permission=Action.ENGAGEMENTS_UPDATE,
    status=200,
    example=INVITING_EXAMPLE,
    etag=True,
    problems=("invited_already", "unknown_agency", "wrong_status"),
)
async def invite_to_engagement(
    engagement_id: FromPath[UUID],
    data: JSONBody[Inviting],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Engagement]:
    """Invite further agencies to an engagement that is planned."""
    return _answer(await commands.invite_agencies(write, caller, engagement_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/accept-invitation",
    permission=Action.ENGAGEMENTS_ANSWER,
    status=200,
    etag=True,
    problems=("wrong_status",),
)
async def accept_engagement_invitation(
    engagement_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Engagement]:
    """Say that your agency takes part; it may change its mind until it is held."""
    return _answer(await commands.accept_invitation(write, caller, engagement_id, if_match))


@operation(
    "post",
    f"{_ONE}/decline-invitation",
    permission=Action.ENGAGEMENTS_ANSWER,
    status=200,
    example=INVITATION_DECLINE_EXAMPLE,
    etag=True,
    problems=("wrong_status",),
)
async def decline_engagement_invitation(
    engagement_id: FromPath[UUID],
    data: JSONBody[InvitationDecline],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Engagement]:
    """Say that your agency does not take part; it may change its mind until it is held."""
    return _answer(await commands.decline_invitation(write, caller, engagement_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/cancel",
    permission=Action.ENGAGEMENTS_UPDATE,
    status=200,
    example=CANCELLATION_EXAMPLE,
    etag=True,
    problems=("wrong_status",),
)
async def cancel_engagement(
    engagement_id: FromPath[UUID],
    data: JSONBody[EngagementCancellation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Engagement]:
    """Say that an engagement is not held."""
    return _answer(await commands.cancel_engagement(write, caller, engagement_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/complete",
    permission=Action.ENGAGEMENTS_UPDATE,
    status=200,
    example=COMPLETION_EXAMPLE,
    etag=True,
    problems=("group_repeated", "wrong_status"),
)
async def complete_engagement(
    engagement_id: FromPath[UUID],
    data: JSONBody[EngagementCompletion],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Engagement]:
    """Say that an engagement was held, and how many people took part; not before its start."""
    return _answer(await commands.complete_engagement(write, caller, engagement_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/evaluate",
    permission=Action.ENGAGEMENTS_UPDATE,
    status=200,
    example=EVALUATION_EXAMPLE,
    etag=True,
    problems=("unknown_objective", "wrong_status"),
)
async def evaluate_engagement(
    engagement_id: FromPath[UUID],
    data: JSONBody[EngagementEvaluation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Engagement]:
    """Say what came of an engagement: ratings of an exercise's objectives, answers to surveys by counts, the outcome.

    It takes the place of what was said before.
    """
    return _answer(await commands.evaluate_engagement(write, caller, engagement_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/credit-training",
    permission=Action.ENGAGEMENTS_CREDIT,
    status=200,
    example=CREDIT_EXAMPLE,
    etag=True,
    problems=(
        "capability_repeated",
        "credited_already",
        "level_not_on_scale",
        "person_repeated",
        "personnel_separated",
        "unknown_capability",
        "unknown_personnel_record",
        "wrong_status",
    ),
)
async def credit_engagement_training(
    engagement_id: FromPath[UUID],
    data: JSONBody[TrainingCredit],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Engagement]:
    """Enter in your own people's records that a cross-training or workshop trained them, and what they can do since.

    It needs the permission `personnel:update`, too. Other agencies, the host among them, are told nothing of it.
    """
    return _answer(await commands.credit_training(write, caller, engagement_id, data, if_match))


@operation(
    "post",
    f"{_ONE}/plan-action",
    permission=Action.ENGAGEMENTS_UPDATE,
    example=NEW_CORRECTIVE_ACTION_EXAMPLE,
    etag=True,
    problems=("not_then", "took_no_part", "unknown_objective", "wrong_status"),
)
async def plan_corrective_action(
    engagement_id: FromPath[UUID],
    data: JSONBody[NewCorrectiveAction],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[CorrectiveAction]:
    """Give an agency that took part something to do by a day: of an exercise, a part of its improvement plan."""
    return _action_answer(await commands.plan_action(write, caller, engagement_id, data, if_match), created=True)


@operation("get", f"{_ONE}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_engagement_history(
    engagement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to an engagement."""
    await queries.engagement_row(read, caller.principal, engagement_id)
    return Answer(await history(read, caller.principal, "engagement", engagement_id, filters))


@operation("get", "/corrective-actions", permission=Action.ENGAGEMENTS_READ, query=CorrectiveActionQuery)
async def list_corrective_actions(
    read: Supplied[Read], filters: Supplied[CorrectiveActionQuery], caller: Supplied[Caller]
) -> Answer[CorrectiveActionPage]:
    """List what agencies are to do after the engagements that your agency sees."""
    return Answer(await queries.list_actions(read, caller.principal, filters, caller.now))


@operation("get", _ACTION, permission=Action.ENGAGEMENTS_READ, etag=True)
async def get_corrective_action(
    corrective_action_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[CorrectiveAction]:
    """Read one corrective action."""
    return _action_answer(await queries.get_action(read, caller.principal, corrective_action_id, caller.now))


@operation(
    "post",
    f"{_ACTION}/complete",
    permission=Action.ENGAGEMENTS_IMPROVE,
    status=200,
    example=ACTION_COMPLETION_EXAMPLE,
    etag=True,
    problems=("proof_missing", "wrong_status"),
)
async def complete_corrective_action(
    corrective_action_id: FromPath[UUID],
    data: JSONBody[CorrectiveActionCompletion],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[CorrectiveAction]:
    """Say that your agency has done it, with a statement or documents that show it."""
    return _action_answer(await commands.complete_action(write, caller, corrective_action_id, data, if_match))


@operation(
    "post",
    f"{_ACTION}/close",
    permission=Action.ENGAGEMENTS_UPDATE,
    status=200,
    etag=True,
    problems=("wrong_status",),
)
async def close_corrective_action(
    corrective_action_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[CorrectiveAction]:
    """Say, as the host, that you have seen that a corrective action was done. It is closed for good."""
    return _action_answer(await commands.close_action(write, caller, corrective_action_id, if_match))


@operation(
    "post",
    f"{_ACTION}/reopen",
    permission=Action.ENGAGEMENTS_UPDATE,
    status=200,
    example=REOPENING_EXAMPLE,
    etag=True,
    problems=("wrong_status",),
)
async def reopen_corrective_action(
    corrective_action_id: FromPath[UUID],
    data: JSONBody[CorrectiveActionReopening],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[CorrectiveAction]:
    """Ask, as the host, for more than what was shown: the corrective action is open again."""
    return _action_answer(await commands.reopen_action(write, caller, corrective_action_id, data, if_match))


@operation("get", f"{_ACTION}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_corrective_action_history(
    corrective_action_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to a corrective action."""
    await queries.action_row(read, caller.principal, corrective_action_id)
    return Answer(await history(read, caller.principal, "corrective_action", corrective_action_id, filters))


@operation(
    "get",
    "/public/engagements",
    permission=None,
    public=True,
    query=PublicEngagementQuery,
    problems=_PUBLIC_LIST_PROBLEMS,
)
async def list_public_engagements(
    read: Supplied[Read], filters: Supplied[PublicEngagementQuery]
) -> Answer[PublicEngagementPage]:
    """List the community programmes that agencies show to everybody, soonest first. No token is needed."""
    return Answer(await queries.list_public(read, filters))


@operation(
    "get",
    "/engagement-calendars/{filename:str}",
    permission=None,
    problems=_PUBLIC_PROBLEMS,
    etag=True,
    public=True,
    produces=CALENDAR,
)
async def get_engagement_calendar(
    filename: FromPath[str], read: Supplied[Read], scope: Supplied[Scope]
) -> CalendarAnswer:
    """Read an agency's engagements and its own open corrective actions as an iCalendar file (RFC 5545).

    The address ends as that of one of the agency's calendar feeds (`POST /v1/calendar-feeds`): what is secret in it is
    the same, and revoked with it. No token is needed. What the agency declined, and what was cancelled, is left out.
    """
    content = await queries.calendar_content(read, filename)
    etag = tag(content)
    same = unchanged(scope, etag)
    return CalendarAnswer(b"" if same else await asyncio.to_thread(written, content), etag=etag)


router = Router(
    path="/v1",
    route_handlers=[
        list_engagements,
        create_engagement,
        get_engagement,
        update_engagement,
        invite_to_engagement,
        accept_engagement_invitation,
        decline_engagement_invitation,
        cancel_engagement,
        complete_engagement,
        evaluate_engagement,
        credit_engagement_training,
        plan_corrective_action,
        list_engagement_history,
        list_corrective_actions,
        get_corrective_action,
        complete_corrective_action,
        close_corrective_action,
        reopen_corrective_action,
        list_corrective_action_history,
        list_public_engagements,
    ],
)
public_router = Router(path="/", route_handlers=[get_engagement_calendar])
"""What needs no token: calendars, at an address that is one."""
