"""What a party does for itself: suspends its participation, goes on, gives notice, takes it back."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import ending, receiving
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.given import (
    AgreementReason,
    CorrectedReceipt,
    OwnSuspension,
    ReceiptOfNotice,
    WithdrawalNotice,
)
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/suspend",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.REASON,
    etag=True,
    problems=("notice_silent", "repeats_restricted", "wrong_status"),
)
async def suspend_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[OwnSuspension],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Suspend your agency's own participation; the other parties stay bound among themselves.

    From now on where the term `suspension` says so, or from when the notice has run out that it asks for; it may rule
    it out, too. Where it is `silent`, from when your agency's notice to leave would have run out, by each text that
    binds it. At once all are freed only with the consent of each (`propose-suspension`).
    """
    return agreement_answer(await ending.suspend(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/reinstate",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.REASON,
    etag=True,
    problems=(
        "repeats_restricted",
        "wrong_status",
    ),
)
async def reinstate_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Let your agency's participation go on, from now."""
    return agreement_answer(await ending.reinstate(write, caller, agreement_id, data.reason, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/give-notice",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.NOTICE,
    etag=True,
    problems=(
        "bad_deliveries",
        "dates_reversed",
        "evidence_missing",
        "evidence_twice",
        "no_renewal",
        "not_then",
        "notice_silent",
        "receipt_missing",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def give_agreement_notice(
    agreement_id: FromPath[UUID],
    data: JSONBody[WithdrawalNotice],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Give notice that your agency leaves; it is bound until the notice period has run out.

    The period counts from today or, where the text says so (`notice.counted_from`), from the day on which the last of
    those received it to whom it goes: each says so (`record-receipt`), or you report it with what shows it. A notice of
    an earlier day that would end sooner is recorded with its evidence: its own day counts once each other party has
    confirmed that it was told, or not contested it for 14 days. Where how long notice runs is not entered, the last
    day named in `leaves_on` needs the consent of each.
    """
    return agreement_answer(await ending.give_notice(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/rescind-notice",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.REASON,
    etag=True,
    problems=(
        "repeats_restricted",
        "wrong_status",
    ),
)
async def rescind_agreement_notice(
    agreement_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Take your agency's notice back while it is still running and no other party has relied on it.

    Relied on it has also who reported it, and who let its own last day to leave with that term go by since.
    """
    return agreement_answer(await ending.rescind_notice(write, caller, agreement_id, data.reason, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/record-receipt",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.RECEIPT,
    etag=True,
    problems=("dates_reversed", "evidence_twice", "not_then", "repeats_restricted", "wrong_status"),
)
async def record_agreement_receipt(
    agreement_id: FromPath[UUID],
    data: JSONBody[ReceiptOfNotice],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Say on which day your agency received another party's notice, where that counts from its receipt.

    It runs out once each of those has received it to whom it goes. Who gave it may report that it came, with what shows
    that (`report-act`, `received_notice`), also that it came before the day that you say: then both words stand, and
    yours counts until you agree. By your word alone it ends nothing for others sooner than counted from today: where
    its day would, they are asked (`earlier_day` in `proposals`), and it counts from that day once each of them has
    agreed or, where you give evidence of it, has not contested it for 14 days.
    """
    return agreement_answer(await receiving.record_receipt(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/correct-receipt",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.CORRECTED_RECEIPT,
    etag=True,
    problems=("dates_reversed", "evidence_twice", "not_then", "repeats_restricted", "wrong_status"),
)
async def correct_agreement_receipt(
    agreement_id: FromPath[UUID],
    data: JSONBody[CorrectedReceipt],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Correct the day on which your agency recorded that it received another party's notice.

    While the notice runs, and as long as no other party has gone by that day: by a signature, a consent, a notice of
    its own, or a last day to leave that it let go by; nor once your agency has agreed to the day on which another
    received that notice. The history keeps both days and the reason. Where an earlier day would end something for
    others sooner, it counts once they agree to it, as when it is recorded.
    """
    return agreement_answer(await receiving.correct_receipt(write, caller, agreement_id, data, if_match))


handlers = [
    suspend_agreement,
    reinstate_agreement,
    give_agreement_notice,
    rescind_agreement_notice,
    record_agreement_receipt,
    correct_agreement_receipt,
]
