"""Taking over what is signed on paper: recorded by one party, confirmed by each other for itself."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from registry.agreements.instruments.commands.amending import open_amendment, remarks_on_paper
from registry.agreements.instruments.commands.drafting import custody, enter
from registry.agreements.instruments.commands.holding import finished, follow, held
from registry.agreements.instruments.commands.open_text import signatories, waiting_paper
from registry.agreements.instruments.commands.repeating import declassified
from registry.agreements.instruments.commands.reporting import report_signature
from registry.agreements.instruments.commands.reviewing import freeze
from registry.agreements.instruments.commands.signing import (
    SignatureDetails,
    bind_by_paper,
    counts_from,
    executed_text,
    join,
    named_text,
    paper_day,
    write_signature,
)
from registry.agreements.instruments.commands.signing_order import open_signing
from registry.agreements.instruments.follows import about_repetition
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.evidence import evidence_told, is_on_file
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.repeated_texts import repeated_text
from registry.agreements.instruments.queries.signing_power import also_needed_on
from registry.agreements.instruments.queries.texts import executed_texts
from registry.agreements.instruments.rules import (
    AgreementAction,
    Stage,
    advance,
    check_evidence,
    not_on_paper_yet,
    refuse,
    signed_too_late,
    while_it_lasted,
)
from registry.agreements.instruments.schemas.given import Confirmation, RecordedAgreement, RecordedAmendment
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.schemas.signing import AgreementForSignature
from registry.agreements.instruments.tables import agreement
from registry.platform.access.permissions import Action, permit, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.time import known_zone
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType


async def confirm(
    write: Write,
    caller: Caller,
    agreement_id: UUID,
    confirmation: Confirmation,
    expected: Expected,
) -> Agreement:
    """Confirm, for the own agency, that it signed what another party recorded: from then on it is bound by that text.

    Who signed the original years ago confirms that one, whatever was recorded in the meantime, and is bound by it while
    it was the text; each text that followed it confirms by itself.
    Raises RuleBroken for another version's hash or a date to come, Conflict when it signed already, WrongStatus.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    if row.executed_at is None:
        raise WrongStatus(not_on_paper_yet(row.stage))
    digest = confirmation.version_sha256
    text = await executed_text(write, row, digest) or await waiting_paper(write, row, digest)
    text = text or named_text(row, digest, AgreementAction.CONFIRM)
    await bind_by_paper(write, caller, row, text, confirmation)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def record_agreement(
    write: Write, caller: Caller, ledger_key: bytes, new: RecordedAgreement, told: Mapping[str, object] | None = None
) -> Agreement:
    """Take over a paper agreement that is signed already. It binds the recording agency and nobody else.

    The registry's administrator may record it for a custodian, of whom it then reports that it signed. Who may not
    sign, a service above all, enters it and binds nobody: its own agency confirms like the others. `told` is said in
    the record beside what is recorded. Raises as `create_agreement`, and RuleBroken for a signature of a day to come.
    """
    custodian_id = new.custodian_id or caller.agency_id
    permit(caller.principal, Action.AGREEMENTS_CREATE, custody(caller, custodian_id))
    await write.once()
    check_evidence(new.evidence_sha256, new.evidence_location, needed=True)
    if custodian_id != caller.agency_id and new.evidence_sha256 is None:
        raise RuleBroken.at(
            "What is recorded in another agency's place is vouched for on the paper itself: give its SHA-256.",
            "evidence_missing",
            "needed where it is recorded for another agency",
            pointer="/evidence_sha256",
        )
    zone = known_zone(new.time_zone, "/time_zone").key
    signed_at = paper_day(await today_of(write, custodian_id, zone, caller.now), new.signed_on)
    agreement_id, version_id, declassifies = await enter(write, caller, custodian_id, new)
    draft = SignedDraft(agreement_id=agreement_id, version_id=version_id, custodian_id=custodian_id)
    await execute_on_paper(write, caller, ledger_key, draft, new, signed_at, {**(told or {}), **declassifies})
    return await get_agreement(write, caller.principal, agreement_id, caller.now)


class SignedDraft(Struct, kw_only=True, frozen=True):
    """A draft whose paper is signed; `version` is the row version that its execution makes."""

    agreement_id: UUID
    version_id: UUID
    custodian_id: UUID
    version: int = 1


async def execute_on_paper(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    draft: SignedDraft,
    new: RecordedAgreement,
    signed_at: datetime,
    told: Mapping[str, object],
) -> None:
    """Freeze the draft and execute it, binding the custodian where the caller signs for it."""
    agreement_id, custodian_id = draft.agreement_id, draft.custodian_id
    frozen = await freeze(write, caller, ledger_key, draft.version_id, needs_text=False, paper=new)
    if custodian_id == caller.agency_id and refusal(caller.principal, Action.AGREEMENTS_SIGN, ["party"]) is None:
        today = await today_of(write, custodian_id, known_zone(new.time_zone, "/time_zone").key, caller.now)
        signature = SignatureDetails(
            agency_id=custodian_id,
            manner="wet",
            signed_on=new.signed_on,
            given_on=await also_needed_on(
                write, agreement_id, draft.version_id, custodian_id, new.evidence_sha256, today
            ),
            came_signed=True,
            counts_from=signed_at,
        )
        await write_signature(write, caller, agreement_id, draft.version_id, signature, new)
        await join(write, agreement_id, custodian_id, signed_at)
    await write.run(
        agreement.update()
        .where(agreement.c.id == agreement_id)
        .values(
            stage=advance(Stage.DRAFT, AgreementAction.RECORD),
            executed_at=signed_at,
            is_shared=True,
            version=draft.version,
            updated_at=caller.now,
            shared_changes=agreement.c.shared_changes + (0 if draft.version == 1 else 1),
            shared_updated_at=caller.now,
        )
    )
    record(
        write,
        caller,
        EventType.AGREEMENT_RECORDED,
        subject=("agreement", agreement_id, draft.version),
        agencies=new.parties,
        agreement_id=agreement_id,
        data={
            "number": new.number,
            "title": new.title,
            "kind": new.kind,
            "custodian_id": str(custodian_id),
            "signed_on": new.signed_on,
            **frozen,
            "evidence_sha256": new.evidence_sha256,
            "evidence_location": new.evidence_location,
            **told,
        },
    )
    await follow(write, caller, agreement_id, custodian_id, draft.version)
    if refusal(caller.principal, Action.AGREEMENTS_ATTEST, []) is None and custodian_id != caller.agency_id:
        reason = await _recorded_from(write, caller, agreement_id, new, told)
        await report_signature(write, caller, agreement_id, custodian_id, new, reason)


async def _recorded_from(
    write: Write, caller: Caller, agreement_id: UUID, new: RecordedAgreement, told: Mapping[str, object]
) -> str:
    """What the operator had before it when it recorded an agreement for its custodian: no document that is not here."""
    digest = new.evidence_sha256
    if digest is not None and await is_on_file(write, agreement_id, digest, caller.agency_id):
        return "Recorded by the registry's operator from the signed document."
    named = "a hash" if digest is not None else "where the original is kept"
    source = "a tracker row that names" if "tracker_row_sha256" in told else "what was given with"
    return f"Recorded by the registry's operator from {source} {named}; no document was seen."


async def record_amendment(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    agreement_id: UUID,
    new: RecordedAmendment,
    expected: Expected,
) -> Agreement:
    """Take over an amendment that is signed on paper already; it binds to each other those who confirm that they did.

    Between one of them and a party that did not sign it nothing changes: see `in_force.bound_windows`.
    The custodian's signature is given with it, unless a service records it, as it confirms one: its office's authority
    must hold today too: of a text that is entered only now nobody has filed a copy. The answer remarks what of the
    earlier end, renewal and notice is gone, is changed, or stays since nothing was given; and which version says the
    same already. It may be recorded while
    another one is on its way, and whatever was recorded before: also that the agreement ended, of a paper that was
    signed, and begins, before that. Raises WrongStatus, RuleBroken.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    check_evidence(new.evidence_sha256, new.evidence_location, needed=True)
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    signed_at = paper_day(today, new.signed_on)
    refuse(signed_too_late(signed_at, row.terminated_at, row.time_zone))
    texts = await executed_texts(write, row.id)
    declassifies = await declassified(write, caller, row.id, None, new.provisions, [], new.declassify_reason)
    amendment = await open_amendment(write, caller, row, new, stage=Stage.OUT_FOR_SIGNATURE)
    follows = await remarks_on_paper(write, amendment, texts, new)
    frozen = await freeze(write, caller, ledger_key, amendment.version_id, needs_text=True, paper=new)
    amendment = msgspec.structs.replace(amendment, sha256=str(frozen["sha256"]))
    repeated_no = await repeated_text(write, caller.principal, row.id, amendment.version_id)
    follows = [*about_repetition(repeated_no, amendment.version_no), *follows]
    parties = await signatories(write, row.id, amendment, while_it_lasted(row.terminated_at, caller.now))
    await open_signing(
        write, caller, row, amendment.version_id, parties, AgreementForSignature(version_no=amendment.version_no)
    )
    if refusal(caller.principal, Action.AGREEMENTS_SIGN, ["party"]) is None:
        signature = SignatureDetails(
            agency_id=caller.agency_id,
            manner="wet",
            signed_on=new.signed_on,
            given_on=await also_needed_on(
                write, row.id, amendment.version_id, caller.agency_id, new.evidence_sha256, today
            ),
            came_signed=True,
            counts_from=await counts_from(write, caller, row, amendment.version_id, signed_at, of_its_own=True),
        )
        await write_signature(write, caller, row.id, amendment.version_id, signature, new)
    told = {
        "kind": new.kind,
        "version_no": amendment.version_no,
        "effective_on": new.effective_on,
        "signed_on": new.signed_on,
        **await evidence_told(write, row.id, caller.agency_id, new.evidence_sha256, new.evidence_location),
        "reason": new.reason,
        **({} if repeated_no is None else {"repeats_version_no": repeated_no}),
        **declassifies,
        **frozen,
    }
    await finished(write, caller, row, EventType.AGREEMENT_AMENDMENT_RECORDED, told)
    found = await get_agreement(write, caller.principal, row.id, caller.now)
    return msgspec.structs.replace(found, remarks=[*follows, *found.remarks])
