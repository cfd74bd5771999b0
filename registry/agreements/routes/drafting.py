"""Bringing an agreement about: drafted or recorded, edited, reviewed, sent out for signature."""

from datetime import datetime
from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements import commands
from registry.agreements.routes import examples
from registry.agreements.rules import AgreementAction
from registry.agreements.schemas import (
    Agreement,
    AgreementPatch,
    AgreementReason,
    AgreementStep,
    NewAgreement,
    RecordedAgreement,
)
from registry.agreements.schemas.reviewing import AgreementSubmission
from registry.agreements.schemas.signing import AgreementForSignature
from registry.database.handles import Write
from registry.http.answers import Answer, entity_tag
from registry.kernel.versions import Expected


def agreement_tag(found: Agreement, at: datetime | None) -> str:
    """The tag of an agreement: of the past the instant is part of what is shown; of now it moves with every request."""
    derived = (found.status, found.version_no, found.term_ends_on, found.parties, found.allowed_actions)
    return entity_tag(found.version, *derived, at)


def agreement_answer(found: Agreement, *, created: bool = False) -> Answer[Agreement]:
    """The agreement with its tag, which is the one that reading it gives."""
    return Answer(
        found,
        etag=agreement_tag(found, None),
        location=f"/v1/agreements/{found.id}" if created else None,
    )


@operation(
    "post",
    "/agreements",
    permission=Action.AGREEMENTS_CREATE,
    problems=(409, 422),
    example=examples.NEW_AGREEMENT,
    etag=True,
)
async def create_agreement(
    data: JSONBody[NewAgreement], write: NamedDependency[Write], caller: NamedDependency[Caller]
) -> Answer[Agreement]:
    """Draft an agreement, in your agency's custody."""
    return agreement_answer(await commands.create_agreement(write, caller, data), created=True)


@operation(
    "post",
    "/agreements/record",
    permission=Action.AGREEMENTS_CREATE,
    problems=(409, 422),
    example=examples.RECORDED,
    etag=True,
)
async def record_agreement(
    data: JSONBody[RecordedAgreement],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    ledger_key: NamedDependency[bytes],
) -> Answer[Agreement]:
    """Record a paper agreement that is signed already.

    It binds your agency alone until each other party confirms it, or the registry's administrator attests that. What a
    service records binds nobody until a person confirms it.
    """
    return agreement_answer(await commands.record_agreement(write, caller, ledger_key, data), created=True)


@operation(
    "patch",
    "/agreements/{agreement_id:uuid}",
    permission=Action.AGREEMENTS_UPDATE,
    problems=(409, 422),
    example={"expires_on": "2029-12-31"},
    etag=True,
)
async def update_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementPatch],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Edit a draft, or the draft of an amendment."""
    return agreement_answer(await commands.update_agreement(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/submit",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.SUBMISSION,
    etag=True,
)
async def submit_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementSubmission],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    ledger_key: NamedDependency[bytes],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Submit a draft for review: its text is frozen as a numbered version that all parties see.

    Each submission opens a round of review, in which the desks named are asked; a required one has to approve before
    the text can be approved.
    """
    return agreement_answer(await commands.submit(write, caller, ledger_key, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/send-back",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.REASON,
    etag=True,
)
async def send_back_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Send the text back to the draft; what is submitted next is a new version."""
    return agreement_answer(await commands.send_back(write, caller, agreement_id, data.reason, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/approve",
    permission=Action.AGREEMENTS_REVIEW,
    status=200,
    example=examples.STEP,
    etag=True,
)
async def approve_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementStep],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Approve the reviewed text, once each required reviewer has."""
    words: dict[str, object] = {"note": data.note}
    action = AgreementAction.APPROVE
    return agreement_answer(await commands.step(write, caller, agreement_id, action, words, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/send-for-signature",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.FOR_SIGNATURE,
    etag=True,
)
async def send_agreement_for_signature(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementForSignature],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Send the approved text out for signature, to all parties at once or to one after the other."""
    words: dict[str, object] = {"note": data.note}
    action = AgreementAction.SEND_FOR_SIGNATURE
    return agreement_answer(await commands.step(write, caller, agreement_id, action, words, if_match, data))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/withdraw",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.REASON,
    etag=True,
)
async def withdraw_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
) -> Answer[Agreement]:
    """Withdraw an agreement that is not executed yet, or the amendment that is on its way."""
    words: dict[str, object] = {"reason": data.reason}
    action = AgreementAction.WITHDRAW
    return agreement_answer(await commands.step(write, caller, agreement_id, action, words, if_match))
