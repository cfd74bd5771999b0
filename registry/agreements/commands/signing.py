"""How an agency comes to be bound: by its own signature, its own confirmation, or an attested record.

A signature given here counts from now. One on paper counts from the day on which it was given, for the registry only
learns of it: what was known at the time of a decision is kept with the decision.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.access.permissions import Action, Relation, permit, refusal
from registry.access.principals import Caller
from registry.agreements.commands.amending import execute_if_signed, is_public, open_amendment
from registry.agreements.commands.authorising import authorised
from registry.agreements.commands.drafting import custody, enter
from registry.agreements.commands.holding import changed, held, parties_of
from registry.agreements.commands.open_text import OpenText, advanced_text, open_text, own_text, signatories
from registry.agreements.commands.reviewing import ALL_AT_ONCE, freeze
from registry.agreements.commands.signing_order import in_turn, open_signing
from registry.agreements.commands.windows import rewrite_windows
from registry.agreements.in_force import day_starts_at
from registry.agreements.queries import get_agreement
from registry.agreements.rules import AgreementAction, Sensitivity, Stage, advance
from registry.agreements.schemas import (
    Agreement,
    Attestation,
    Confirmation,
    RecordedAgreement,
    RecordedAmendment,
    Signing,
)
from registry.agreements.tables import agreement, agreement_party, agreement_signature
from registry.database.handles import Write
from registry.kernel.errors import Fault, RuleBroken, WrongState
from registry.kernel.ids import new_id
from registry.kernel.time import known_zone
from registry.kernel.versions import Expected
from registry.ledger.commands import record

Paper: TypeAlias = Signing | Confirmation | Attestation | RecordedAgreement | RecordedAmendment


class Hand(Struct, kw_only=True, frozen=True):
    """Whose signature it is, how it came, and from when it counts."""

    agency_id: UUID
    manner: Literal["electronic", "wet", "confirmed", "attested"]
    counts_from: datetime


_OPEN_SIGNATURES = (
    sa.select(sa.func.count())
    .select_from(agreement_party)
    .outerjoin(
        agreement_signature,
        sa.and_(
            agreement_signature.c.agency_id == agreement_party.c.agency_id,
            agreement_signature.c.version_id == sa.bindparam("version_id", type_=agreement_signature.c.version_id.type),
        ),
    )
    .where(
        agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
        agreement_signature.c.id.is_(None),
    )
)
_JOINED = sa.select(agreement_party.c.joined_at).where(
    agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
)
_JOIN_ALL = (
    agreement_party.update()
    .where(agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type))
    .values(
        joined_at=sa.select(agreement_signature.c.counts_from)
        .where(
            agreement_signature.c.agency_id == agreement_party.c.agency_id,
            agreement_signature.c.version_id
            == sa.bindparam("its_version", type_=agreement_signature.c.version_id.type),
        )
        .scalar_subquery()
    )
)
_JOIN = agreement_party.update().where(
    agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type),
    agreement_party.c.agency_id == sa.bindparam("its_agency", type_=agreement_party.c.agency_id.type),
)
_INSERT = agreement_signature.insert()


async def sign(write: Write, caller: Caller, agreement_id: UUID, signing: Signing, expected: Expected) -> Agreement:
    """Sign the version whose hash is named, for the own agency.

    The last signature to a new agreement executes it; to an amendment, the last of those who are bound. Signing what is
    executed joins it, or ratifies what was agreed by word of mouth. Raises RuleBroken for another version's hash or a
    date to come, Conflict for a second signature, WrongState.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    text = _named_text(row, signing.version_sha256)
    stage = advanced_text(text, AgreementAction.SIGN)
    paper_day(signing.signed_on, row.time_zone, caller.now)
    hand = Hand(agency_id=caller.agency_id, manner=signing.manner, counts_from=caller.now)
    await _sign(write, caller, row.id, text.version_id, hand, signing)
    told = {"agency_id": str(caller.agency_id), "manner": signing.manner, "sha256": text.sha256}
    if text.amendment_id is not None:
        await _sign_amendment(write, caller, row, text, "signed", told)
        return await get_agreement(write, caller.principal, row.id, caller.now)
    values: dict[str, Any] = {"stage": stage}
    if row.executed_at is not None:
        await _join(write, row.id, caller.agency_id, caller.now)
    elif not await write.value(_OPEN_SIGNATURES, {"id": row.id, "version_id": text.version_id}):
        values = {
            "stage": advance(stage, AgreementAction.EXECUTE),
            "executed_at": caller.now,
            "is_public": await is_public(write, text.version_id),
        }
        await write.run(_JOIN_ALL, {"its_id": row.id, "its_version": text.version_id})
    await changed(write, caller, row, "signed", {**told, "stage": values["stage"]}, **values)
    await rewrite_windows(write, row.id, caller.now)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def confirm(
    write: Write, caller: Caller, agreement_id: UUID, confirmation: Confirmation, expected: Expected
) -> Agreement:
    """Confirm, for the own agency, that it signed what another party recorded: from then on it is bound.

    Raises RuleBroken for another version's hash or a date to come, Conflict when it signed already, WrongState.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    text = _named_text(row, confirmation.version_sha256)
    await _bind(write, caller, row, text, caller.agency_id, confirmation, "confirmed", {})
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def attest(
    write: Write, caller: Caller, agreement_id: UUID, attestation: Attestation, expected: Expected
) -> Agreement:
    """Confirm in a party's place, on its signed document: the amendment out for signature, else the text in force.

    Raises RuleBroken for an agency that is no party.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_ATTEST, expected)
    if attestation.agency_id not in await parties_of(write, row.id):
        raise RuleBroken(
            "That agency is not a party to the agreement.",
            "not_a_party",
            faults=[Fault(pointer="/agency_id", code="not_a_party", detail="not a party to the agreement")],
        )
    told = {"reason": attestation.reason}
    text = open_text(row)
    if text.stage is not Stage.OUT_FOR_SIGNATURE:
        text = own_text(row)
    await _bind(write, caller, row, text, attestation.agency_id, attestation, "attested", told)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def record_agreement(
    write: Write, caller: Caller, ledger_key: bytes, new: RecordedAgreement, told: Mapping[str, object] | None = None
) -> Agreement:
    """Take over a paper agreement that is signed already. It binds the recording agency and nobody else.

    The registry's administrator may record it for a custodian, whose signature it then attests. Who may do neither, a
    service above all, enters it and binds nobody: its own agency confirms like the others. `told` is said in the record
    beside what is recorded. Raises as `create_agreement`, and RuleBroken for a signature dated in the future.
    """
    custodian_id = new.custodian_id or caller.agency_id
    permit(caller.principal, Action.AGREEMENTS_CREATE, custody(caller, custodian_id))
    await write.once()
    signed_at = paper_day(new.signed_on, known_zone(new.time_zone, "/time_zone").key, caller.now)
    agreement_id, version_id = await enter(write, caller, custodian_id, new)
    draft = SignedDraft(agreement_id=agreement_id, version_id=version_id, custodian_id=custodian_id)
    await execute_on_paper(write, caller, ledger_key, draft, new, signed_at, told or {})
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
    """Freeze the draft and execute it, binding the custodian where the caller may do that."""
    agreement_id, custodian_id = draft.agreement_id, draft.custodian_id
    frozen = await freeze(write, caller, ledger_key, draft.version_id, needs_text=False)
    own = custodian_id == caller.agency_id
    binding = Action.AGREEMENTS_SIGN if own else Action.AGREEMENTS_ATTEST
    related: list[Relation] = ["party"] if own else []
    if refusal(caller.principal, binding, related) is None:
        hand = Hand(agency_id=custodian_id, manner="wet" if own else "attested", counts_from=signed_at)
        await _sign(write, caller, agreement_id, draft.version_id, hand, new)
        await _join(write, agreement_id, custodian_id, signed_at)
    await write.run(
        agreement.update()
        .where(agreement.c.id == agreement_id)
        .values(
            stage=advance(Stage.DRAFT, AgreementAction.RECORD),
            executed_at=signed_at,
            is_shared=True,
            is_public=any(each.sensitivity is Sensitivity.PUBLIC for each in new.provisions),
            version=draft.version,
            updated_at=caller.now,
        )
    )
    await record(
        write,
        caller,
        "agreement.recorded",
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
            **told,
        },
    )
    await rewrite_windows(write, agreement_id, caller.now)


async def record_amendment(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    agreement_id: UUID,
    new: RecordedAmendment,
    expected: Expected,
) -> Agreement:
    """Take over an amendment that is signed on paper already; it takes effect once every bound party confirmed it.

    The custodian's signature is given with it, unless a service records it. Raises Conflict while another amendment is
    open, WrongState, RuleBroken.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_UPDATE, expected)
    signed_at = paper_day(new.signed_on, row.time_zone, caller.now)
    amendment = await open_amendment(write, caller, row, new, stage=Stage.OUT_FOR_SIGNATURE)
    frozen = await freeze(write, caller, ledger_key, amendment.version_id, needs_text=True)
    amendment = msgspec.structs.replace(amendment, sha256=str(frozen["sha256"]))
    parties = await signatories(write, row.id, amendment, caller.now)
    await open_signing(write, caller, row, amendment.version_id, parties, ALL_AT_ONCE)
    if refusal(caller.principal, Action.AGREEMENTS_SIGN, ["party"]) is None:
        hand = Hand(agency_id=caller.agency_id, manner="wet", counts_from=signed_at)
        await _sign(write, caller, row.id, amendment.version_id, hand, new)
    told = {
        "kind": new.kind,
        "version_no": amendment.version_no,
        "effective_on": new.effective_on,
        "signed_on": new.signed_on,
        "evidence_sha256": new.evidence_sha256,
        "reason": new.reason,
        **frozen,
    }
    await _sign_amendment(write, caller, row, amendment, "amendment_recorded", told)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def _sign_amendment(
    write: Write, caller: Caller, row: Row[Any], text: OpenText, event: str, told: Mapping[str, object]
) -> None:
    """Record a signature to an amendment, and execute it when it was the last that is needed."""
    executed = await execute_if_signed(write, caller, row, text)
    await changed(write, caller, row, event, {**told, "version_no": text.version_no}, **executed)
    if executed:
        await record(
            write,
            caller,
            f"agreement.{'renewed' if text.kind == 'renewal' else 'amended'}",
            subject=("agreement", row.id, row.version + 1),
            agencies=[row.custodian_id, *await parties_of(write, row.id)],
            agreement_id=row.id,
            data={"version_no": text.version_no, "sha256": text.sha256},
            n=1,
        )
        await rewrite_windows(write, row.id, caller.now)


async def _bind(
    write: Write,
    caller: Caller,
    row: Row[Any],
    text: OpenText,
    agency_id: UUID,
    paper: Confirmation | Attestation,
    manner: Literal["confirmed", "attested"],
    told: Mapping[str, object],
) -> None:
    """A party's paper signature to what was recorded."""
    if row.executed_at is None:
        raise WrongState(f"The agreement is {row.stage}: what is not signed on paper yet is signed here.")
    stage = advanced_text(text, AgreementAction.SIGN)
    signed_at = paper_day(paper.signed_on, row.time_zone, caller.now)
    hand = Hand(agency_id=agency_id, manner=manner, counts_from=signed_at)
    await _sign(write, caller, row.id, text.version_id, hand, paper)
    about = {
        "agency_id": str(agency_id),
        "signed_on": paper.signed_on,
        "sha256": text.sha256,
        "evidence_sha256": paper.evidence_sha256,
        **told,
    }
    if text.amendment_id is not None:
        await _sign_amendment(write, caller, row, text, manner, about)
        return
    await _join(write, row.id, agency_id, signed_at)
    await changed(write, caller, row, manner, about, stage=stage)
    await rewrite_windows(write, row.id, caller.now)


async def _sign(write: Write, caller: Caller, agreement_id: UUID, version_id: UUID, hand: Hand, paper: Paper) -> None:
    """Write a signature down, in its turn and on its office's authority. Raises WrongState, RuleBroken, Conflict."""
    await in_turn(write, version_id, hand.agency_id, caller.now)
    await write.run(
        _INSERT,
        {
            "id": new_id(),
            "agreement_id": agreement_id,
            "version_id": version_id,
            "agency_id": hand.agency_id,
            "manner": hand.manner,
            "signatory_title": paper.signatory_title,
            "signed_on": paper.signed_on,
            "evidence_sha256": paper.evidence_sha256,
            "recorded_at": caller.now,
            "counts_from": hand.counts_from,
        },
    )
    await authorised(write, version_id, hand.agency_id, paper.signatory_title, paper.signed_on)


async def _join(write: Write, agreement_id: UUID, agency_id: UUID, joined_at: datetime) -> None:
    """Bind a party from then on; one that gave its word before stays bound from its word on."""
    if await write.value(_JOINED, {"id": agreement_id, "agency_id": agency_id}) is None:
        await write.run(_JOIN, {"its_id": agreement_id, "its_agency": agency_id, "joined_at": joined_at})


def _named_text(row: Row[Any], digest: str) -> OpenText:
    """The text of that hash: the amendment on its way, or what the agreement says. Raises RuleBroken for neither."""
    for text in (open_text(row), own_text(row)):
        if text.sha256 == digest:
            return text
    advanced_text(open_text(row), AgreementAction.SIGN)  # where nothing can be signed, that is what to say
    raise RuleBroken(
        "That is not the hash of the version to sign. Read the agreement again, and sign what it says now.",
        "other_version",
        faults=[Fault(pointer="/version_sha256", code="other_version", detail="not the version to sign")],
    )


def paper_day(signed_on: date, time_zone: str, now: datetime) -> datetime:
    """The instant from which a signature of that day counts: its first, in the agreement's zone."""
    signed_at = day_starts_at(signed_on, ZoneInfo(time_zone))
    if signed_at > now:
        raise RuleBroken(
            "The day of a signature must not lie in the future.",
            "signed_in_future",
            faults=[Fault(pointer="/signed_on", code="signed_in_future", detail="in the future")],
        )
    return signed_at
