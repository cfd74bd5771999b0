"""Reported acts: recorded of another, vouched for, confirmed, contested, taken back."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import reporting
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.consenting import NewReportedAct, ReportAnswer
from registry.agreements.instruments.schemas.given import AgreementReason
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/report-act",
    permission=Action.AGREEMENTS_REPORT,
    status=200,
    example=examples.REPORTED_ACT,
    etag=True,
    problems=(
        "acted_in_future",
        "already_reported",
        "already_signed",
        "bad_deliveries",
        "dates_reversed",
        "evidence_missing",
        "no_renewal",
        "no_signing_authority",
        "not_a_party",
        "not_of_this_kind",
        "not_then",
        "notice_silent",
        "other_document",
        "other_version",
        "own_act",
        "receipt_missing",
        "repeats_restricted",
        "report_incomplete",
        "signed_before_text",
        "unknown_document",
        "unknown_proposal",
        "wrong_status",
    ),
)
async def report_agreement_act(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewReportedAct],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Record what another party did: signed, agreed, gave notice, withdrew, consented, was notified, received yours.

    It has effect when that party confirms it, or 14 days after it was notified without contesting, and then counts from
    the day of the act; until that has come the agreement is shown as it is without it. What the registry's operator
    reports waits for a second operator first. Of others only a party that is bound reports, the custodian, and the
    operator. Of an agency that lets no silence bind it (`own_word_only`) what would bind it waits for its confirmation.
    """
    return agreement_answer(await reporting.report_act(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/reported-acts/{reported_act_id:uuid}/second",
    permission=Action.AGREEMENTS_ATTEST,
    status=200,
    example=examples.STEP_ANSWER,
    etag=True,
    problems=(
        "evidence_not_on_file",
        "no_signing_authority",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def second_reported_act(
    agreement_id: FromPath[UUID],
    reported_act_id: FromPath[UUID],
    data: JSONBody[ReportAnswer],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Vouch, as a second operator, for what another operator reported; its evidence is on file.

    Only now is the party notified, and its 14 days begin.
    """
    return agreement_answer(await reporting.second(write, caller, agreement_id, reported_act_id, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/reported-acts/{reported_act_id:uuid}/confirm",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.STEP_ANSWER,
    etag=True,
    problems=(
        "no_signing_authority",
        "not_then",
        "repeats_restricted",
        "separation_of_duties",
        "wrong_status",
    ),
)
async def confirm_reported_act(
    agreement_id: FromPath[UUID],
    reported_act_id: FromPath[UUID],
    data: JSONBody[ReportAnswer],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Confirm that your agency did what another recorded of it; it counts from the day of the act.

    A notice, or a departure, counts from its day for those alone who reported it or agree to it; where the text counts
    notice from its receipt it stands as your own, and waits for each receipt. That it was bound on a day that is over
    is put to the parties that did not report it (`earlier_day` in `proposals`). What was contested may be confirmed
    after all. So may the day of a receipt where your agency said another: as far as it could correct its own.
    """
    return agreement_answer(
        await reporting.confirm_report(write, caller, agreement_id, reported_act_id, data.note, if_match)
    )


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/reported-acts/{reported_act_id:uuid}/contest",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.REASON,
    etag=True,
    problems=(
        "repeats_restricted",
        "wrong_status",
    ),
)
async def contest_reported_act(
    agreement_id: FromPath[UUID],
    reported_act_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Contest what another recorded of your agency: it has no effect until both sides agree."""
    return agreement_answer(
        await reporting.contest_report(write, caller, agreement_id, reported_act_id, data.reason, if_match)
    )


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/reported-acts/{reported_act_id:uuid}/take-back",
    permission=Action.AGREEMENTS_REPORT,
    status=200,
    example=examples.REASON,
    etag=True,
    problems=(
        "repeats_restricted",
        "wrong_status",
    ),
)
async def take_back_reported_act(
    agreement_id: FromPath[UUID],
    reported_act_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Take back what your agency recorded of another, before it has had effect."""
    return agreement_answer(
        await reporting.take_back_report(write, caller, agreement_id, reported_act_id, data.reason, if_match)
    )


handlers = [
    report_agreement_act,
    second_reported_act,
    confirm_reported_act,
    contest_reported_act,
    take_back_reported_act,
]
