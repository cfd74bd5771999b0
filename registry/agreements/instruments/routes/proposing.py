"""What needs the consent of all who are bound: proposed, consented to, taken back."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import proposing, superseding, terminating
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.consenting import NewSuspensionProposal, ReportAnswer
from registry.agreements.instruments.schemas.given import AgreementReason, Supersession, Termination
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/propose-suspension",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.SUSPENSION,
    etag=True,
    problems=(
        "acted_in_future",
        "evidence_missing",
        "evidence_twice",
        "not_then",
        "proposal_open",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def propose_agreement_suspension(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewSuspensionProposal],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Propose that the agreement as a whole is suspended, or goes on; each party that is bound has to consent.

    What all agreed on paper before is recorded with `acted_on` and its evidence, of days that are over, too: each party
    that was bound then may confirm or contest it (`reported_acts`).
    """
    return agreement_answer(await proposing.propose_suspension(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/terminate",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.TERMINATION,
    etag=True,
    problems=(
        "acted_in_future",
        "evidence_missing",
        "evidence_twice",
        "no_right_to_end",
        "not_then",
        "notice_silent",
        "proposal_open",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def terminate_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[Termination],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Propose to end an agreement for all parties, or end it by a right that its text gives your agency.

    By mutual consent it ends once each party that is bound, on record then, has consented, and not before the day
    proposed: who confirms an older signature afterwards is bound up to that end (`end_agreed_before`). What
    happened on paper is recorded with its day and evidence, and reported of each other party; the notice of a right
    counts from today until they agree to that day.
    """
    return agreement_answer(await terminating.terminate(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/supersede",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.SUPERSESSION,
    etag=True,
    problems=(
        "evidence_twice",
        "no_successor",
        "not_then",
        "proposal_open",
        "repeats_restricted",
        "wrong_status",
    ),
)
async def supersede_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[Supersession],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Say that another, executed agreement takes this one's place for those who signed it.

    The other is about the same matter: it has another party that is bound by this one, and a category and a purpose in
    common. Nobody is released before each party that is still bound has agreed, or left, and the other is in force for
    all of those that signed it; `outstanding` says who is waited for. Of each other party that signed it is reported
    that it agreed, for it to confirm or contest; who did not sign it is asked for its consent, and stays bound.
    """
    return agreement_answer(await superseding.supersede(write, caller, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/proposals/{proposal_id:uuid}/consent",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.STEP_ANSWER,
    etag=True,
    problems=(
        "repeats_restricted",
        "wrong_status",
    ),
)
async def consent_to_agreement_proposal(
    agreement_id: FromPath[UUID],
    proposal_id: FromPath[UUID],
    data: JSONBody[ReportAnswer],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Consent, for your agency, to what was proposed."""
    return agreement_answer(await proposing.consent(write, caller, agreement_id, proposal_id, data.note, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/proposals/{proposal_id:uuid}/take-back",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.REASON,
    etag=True,
    problems=(
        "repeats_restricted",
        "wrong_status",
    ),
)
async def take_back_agreement_proposal(
    agreement_id: FromPath[UUID],
    proposal_id: FromPath[UUID],
    data: JSONBody[AgreementReason],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Take your agency's proposal back while nobody has relied on it."""
    return agreement_answer(
        await proposing.take_back_proposal(write, caller, agreement_id, proposal_id, data.reason, if_match)
    )


handlers = [
    propose_agreement_suspension,
    terminate_agreement,
    supersede_agreement,
    consent_to_agreement_proposal,
    take_back_agreement_proposal,
]
