"""An agreement on its way to signature: submitted, sent back, approved, sent out, withdrawn."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import reviewing
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.rules import AgreementAction
from registry.agreements.instruments.schemas.given import AgreementStep, TextReason
from registry.agreements.instruments.schemas.reviewing import AgreementSubmission
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.schemas.signing import AgreementForSignature
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/submit",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.SUBMISSION,
    etag=True,
    problems=(
        "bad_reviewers",
        "due_in_past",
        "no_provisions",
        "not_a_party",
        "other_version",
        "repeats_restricted",
        "round_open",
        "round_taken",
        "version_taken",
        "wrong_status",
    ),
)
async def submit_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementSubmission],
    write: Supplied[Write],
    caller: Supplied[Caller],
    ledger_key: Supplied[bytes],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Submit a draft for review: its text is frozen as a numbered version that all parties see.

    Each submission opens a round of review, in which the departments named are asked; a required one has to
    approve before the text can be approved.
    """
    return agreement_answer(await reviewing.submit(write, caller, ledger_key, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/send-back",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.OF_A_TEXT,
    etag=True,
    problems=(
        "other_version",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def send_back_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[TextReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Send the text back to the draft; what is submitted next is a new version."""
    return agreement_answer(await reviewing.send_back(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/approve",
    permission=Action.AGREEMENTS_REVIEW,
    status=200,
    example=examples.STEP,
    etag=True,
    problems=(
        "other_version",
        "repeats_restricted",
        "reviews_outstanding",
        "separation_of_duties",
        "wrong_status",
    ),
)
async def approve_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementStep],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Approve the reviewed text, once each required reviewer has."""
    words: dict[str, object] = {"note": data.note}
    action = AgreementAction.APPROVE
    return agreement_answer(await reviewing.step(write, caller, agreement_id, action, data.version_no, words, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/send-for-signature",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.FOR_SIGNATURE,
    etag=True,
    problems=(
        "bad_sequence",
        "due_in_past",
        "other_version",
        "repeats_restricted",
        "turn_taken",
        "wrong_status",
    ),
)
async def send_agreement_for_signature(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementForSignature],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Send the approved text out for signature, to all parties at once or to one after the other."""
    words: dict[str, object] = {"note": data.note}
    action = AgreementAction.SEND_FOR_SIGNATURE
    return agreement_answer(
        await reviewing.step(write, caller, agreement_id, action, data.version_no, words, if_match, data)
    )


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/withdraw",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.OF_A_TEXT,
    etag=True,
    problems=(
        "other_version",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def withdraw_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[TextReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Withdraw an agreement that is not executed yet, or the amendment that is on its way."""
    words: dict[str, object] = {"reason": data.reason}
    action = AgreementAction.WITHDRAW
    return agreement_answer(await reviewing.step(write, caller, agreement_id, action, data.version_no, words, if_match))


handlers = [submit_agreement, send_back_agreement, approve_agreement, send_agreement_for_signature, withdraw_agreement]
