"""Taking over what is signed on paper: recorded by one party, confirmed by each other for itself."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import recording
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.routes.answering import agreement_answer
from registry.agreements.instruments.schemas.given import Confirmation, RecordedAgreement, RecordedAmendment
from registry.agreements.instruments.schemas.shown import Agreement
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.versions import Expected


@operation(
    "post",
    "/agreements/record",
    permission=Action.AGREEMENTS_CREATE,
    problems=(
        "agreement_faulty",
        "already_signed",
        "evidence_missing",
        "evidence_twice",
        "exemption_missing",
        "expires_too_early",
        "no_provisions",
        "no_signing_authority",
        "not_a_party",
        "number_taken",
        "provision_number_taken",
        "repeats_restricted",
        "signed_in_future",
        "unknown_agency",
        "unknown_provision",
        "unknown_time_zone",
        "version_taken",
        "wrong_status",
    ),
    example=examples.RECORDED,
    etag=True,
)
async def record_agreement(
    data: JSONBody[RecordedAgreement],
    write: Supplied[Write],
    caller: Supplied[Caller],
    ledger_key: Supplied[bytes],
) -> Answer[Agreement]:
    """Record a paper agreement that is signed already.

    It binds your agency alone until each other party confirms it, or does not contest a report that it signed. What a
    service records binds nobody until a person confirms it.
    """
    return agreement_answer(await recording.record_agreement(write, caller, ledger_key, data), created=True)


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/record-amendment",
    permission=Action.AGREEMENTS_UPDATE,
    status=200,
    example=examples.RECORDED_AMENDMENT,
    etag=True,
    problems=(
        "agreement_faulty",
        "already_signed",
        "amendment_open",
        "amendment_taken",
        "amends_before_start",
        "evidence_missing",
        "evidence_twice",
        "exemption_missing",
        "expires_too_early",
        "no_provisions",
        "no_signing_authority",
        "not_a_party",
        "provision_number_taken",
        "renewal_without_extension",
        "repeats_restricted",
        "signed_in_future",
        "unknown_agency",
        "unknown_provision",
        "version_taken",
        "wrong_status",
    ),
)
async def record_agreement_amendment(
    agreement_id: FromPath[UUID],
    data: JSONBody[RecordedAmendment],
    write: Supplied[Write],
    caller: Supplied[Caller],
    ledger_key: Supplied[bytes],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Record an amendment on paper that your agency has signed already.

    Each other party confirms it for itself; it binds those to each other who do. Also once the agreement has ended, if
    it was signed, and begins, before that: it holds until then.
    """
    return agreement_answer(await recording.record_amendment(write, caller, ledger_key, agreement_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/confirm",
    permission=Action.AGREEMENTS_SIGN,
    status=200,
    example=examples.CONFIRMATION,
    etag=True,
    problems=(
        "already_signed",
        "evidence_missing",
        "evidence_not_on_file",
        "evidence_twice",
        "no_signing_authority",
        "other_version",
        "separation_of_duties",
        "signed_before_text",
        "signed_in_future",
        "signing_declined",
        "wrong_status",
    ),
)
async def confirm_agreement(
    agreement_id: FromPath[UUID],
    data: JSONBody[Confirmation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Agreement]:
    """Confirm that your agency signed the recorded agreement; only then is it bound.

    It is bound from now; a `signed_on` of today counts whole, from the beginning of that day where your agency is, as
    days do in law, and `recorded_at` says at which instant it was entered. From an earlier `signed_on` it is bound once
    each other party agrees that would be bound backwards, or does not contest it for 14 days where a document on file
    shows it: that is put to them in `proposals` (`earlier_day`). Who reported that very day is not asked; who filed a
    paper has named no day by that, and is.
    A `signed_copy` that another filed with this `version_no` shows that your office held its authority on that day.
    It is bound by the version that is named, while that is the text: who signed an agreement that was amended since
    confirms each version. Where newcomers were let in meanwhile, it is asked about them in `proposals`.
    To confirm a text that says that others may join it shows those who came by that nothing that was made before: what
    your agency makes from then on is for them too. The rest opens once it agrees to them by its own word, with
    `add-parties` or its consent to a proposal of that.
    """
    return agreement_answer(await recording.confirm(write, caller, agreement_id, data, if_match))


handlers = [record_agreement, record_agreement_amendment, confirm_agreement]
