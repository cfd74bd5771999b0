"""Changing what is executed: amended, renewed, superseded; and who takes part, by word of mouth or in writing."""

from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements import commands
from registry.agreements.routes import examples
from registry.agreements.routes.drafting import agreement_answer
from registry.agreements.schemas import (
    Agreement,
    AgreementReason,
    ApprovalRule,
    CustodyOffer,
    GoverningApproval,
    NewAmendment,
    NewParties,
    RecordedAmendment,
    Supersession,
    VerbalActivation,
    VerbalConsent,
)
from registry.database.handles import Write
from registry.http.answers import Answer
from registry.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/amend",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.AMENDMENT,
    etag=True,
)
async def amend_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewAmendment],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Open an amendment or a renewal of an executed agreement.

    It begins as a draft of a new version that says what is in force; edit, submit, approve, send out and sign it with
    the same operations as a new agreement. What is in force stays so until every party that is bound has signed, and
    the new text holds from its effective day on; the past keeps its own.
    """
    return agreement_answer(await commands.amend(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/record-amendment",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.RECORDED_AMENDMENT,
    etag=True,
)
async def record_agreement_amendment(
    agreement_id: FromPath[UUID],
    data: JSONBody[RecordedAmendment],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    ledger_key: NamedDependency[bytes],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Record an amendment on paper that your agency has signed already.

    The other parties that are bound confirm it, each for itself; then it takes effect.
    """
    return agreement_answer(await commands.record_amendment(write, caller, ledger_key, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/supersede",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.SUPERSESSION,
    etag=True,
)
async def supersede_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[Supersession],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """End an agreement because another, executed one takes its place."""
    return agreement_answer(await commands.supersede(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/add-parties",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.NEW_PARTIES,
    etag=True,
)
async def add_agreement_parties(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewParties],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Let further agencies sign an executed agreement and so join it; each is bound once it has signed."""
    return agreement_answer(await commands.add_parties(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/activate-verbally",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.VERBAL,
    etag=True,
)
async def activate_agreement_verbally(
    agreement_id: FromPath[UUID],
    data: JSONBody[VerbalActivation],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    ledger_key: NamedDependency[bytes],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Set an agreement in motion by word of mouth, for the agency that keeps it.

    Its text is frozen as it stands. It binds each party that gives its word, until the deadline for signing; what is
    not ratified by then lapses for that party. Have counsel review.
    """
    return agreement_answer(await commands.activate_verbally(write, caller, ledger_key, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/agree-verbally",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.CONSENT,
    etag=True,
)
async def agree_verbally(
    agreement_id: FromPath[UUID],
    data: JSONBody[VerbalConsent],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Give your agency's word to an agreement that was set in motion by word of mouth; sign it before the deadline."""
    return agreement_answer(await commands.agree_verbally(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/set-approval-rule",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.APPROVAL_RULE,
    etag=True,
)
async def set_agreement_approval_rule(
    agreement_id: FromPath[UUID],
    data: JSONBody[ApprovalRule],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Say whether your agency is bound only while its governing body's approval lasts."""
    return agreement_answer(await commands.set_approval_rule(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/record-approval",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.APPROVAL,
    etag=True,
)
async def record_agreement_approval(
    agreement_id: FromPath[UUID],
    data: JSONBody[GoverningApproval],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Record your governing body's approval; from then on your agency is bound only while an approval lasts."""
    return agreement_answer(await commands.record_approval(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/rescind-notice",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.REASON,
    etag=True,
)
async def rescind_agreement_notice(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Take your agency's notice back while it is still running."""
    return agreement_answer(await commands.rescind_notice(write, caller, agreement_id, data.reason, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/offer-custody",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.CUSTODY,
    etag=True,
)
async def offer_agreement_custody(
    agreement_id: FromPath[UUID],
    data: JSONBody[CustodyOffer],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Offer the keeping of an agreement to another party, or take the offer back."""
    return agreement_answer(await commands.offer_custody(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/accept-custody",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.REASON,
    etag=True,
)
async def accept_agreement_custody(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Take over the keeping of an agreement that was offered to your agency."""
    return agreement_answer(
        await commands.answer_custody(write, caller, agreement_id, data.reason, if_match, accepted=True)
    )


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/decline-custody",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.REASON,
    etag=True,
)
async def decline_agreement_custody(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Decline the keeping of an agreement that was offered to your agency."""
    return agreement_answer(
        await commands.answer_custody(write, caller, agreement_id, data.reason, if_match, accepted=False)
    )
