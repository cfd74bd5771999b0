"""A governing body's approval as a condition of being bound."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import governing_body
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.given import ApprovalRule, GoverningApproval
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/set-approval-rule",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.APPROVAL_RULE,
    etag=True,
    problems=(
        "citation_missing",
        "not_of_this_kind",
        "not_then",
        "notice_silent",
        "repeats_restricted",
        "rule_reaches_back",
        "wrong_status",
    ),
)
async def set_agreement_approval_rule(
    agreement_id: FromPath[UUID],
    data: JSONBody[ApprovalRule],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Say whether your agency is bound only while its governing body's approval lasts.

    Once it is bound, a rule that asks for the approval names its law and begins as a notice of today would run out; it
    is refused where notice counts from its receipt, for of a rule none is recorded.
    """
    return agreement_answer(await governing_body.set_approval_rule(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/record-approval",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.APPROVAL,
    etag=True,
    problems=(
        "approval_reversed",
        "approval_taken",
        "approval_unproven",
        "approved_before_text",
        "approved_in_future",
        "evidence_twice",
        "other_version",
        "wrong_status",
    ),
)
async def record_agreement_approval(
    agreement_id: FromPath[UUID],
    data: JSONBody[GoverningApproval],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Record which text your governing body approved.

    Where `set-approval-rule` says that one is needed, your agency is bound while it lasts. By itself it takes nothing
    away: recorded after it lapsed, it fills the days on which it lasted. No body approves a text before that stands: of
    one that was written here the day is not before the one on which it was put to the parties.
    """
    return agreement_answer(await governing_body.record_approval(write, caller, agreement_id, data, if_match))


handlers = [set_agreement_approval_rule, record_agreement_approval]
