"""How an agency comes to be bound: by its own signature, its own confirmation, or an attested record.

A signature given here counts from now. One on paper counts from the day on which it was given, for the registry only
learns of it: what was known at the time of a decision is kept with the decision.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.access.permissions import Action, Relation, permit, refusal
from registry.access.principals import Caller
from registry.agreements.commands.drafting import custody, enter
from registry.agreements.commands.holding import advanced, changed, held, parties_of
from registry.agreements.commands.reviewing import freeze
from registry.agreements.commands.windows import rewrite_windows
from registry.agreements.in_force import day_starts_at
from registry.agreements.queries import get_agreement
from registry.agreements.rules import AgreementAction, Sensitivity, Stage, advance
from registry.agreements.schemas import Agreement, Attestation, Confirmation, RecordedAgreement, Signing
from registry.agreements.tables import agreement, agreement_party, agreement_signature, provision
from registry.database.handles import Write
from registry.kernel.errors import Fault, RuleBroken, WrongState
from registry.kernel.ids import new_id
from registry.kernel.time import known_zone
from registry.kernel.versions import Expected
from registry.ledger.commands import record

Manner: TypeAlias = Literal["electronic", "wet", "confirmed", "attested"]
Hand: TypeAlias = Signing | Confirmation | Attestation | RecordedAgreement

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
_PUBLIC = sa.select(sa.func.count()).where(
    provision.c.version_id == sa.bindparam("version_id", type_=provision.c.version_id.type),
    provision.c.sensitivity == Sensitivity.PUBLIC,
)
_JOIN_ALL = (
    agreement_party.update()
    .where(agreement_party.c.agreement_id == sa.bindparam("its_id", type_=agreement.c.id.type))
    .values(
        joined_at=sa.select(agreement_signature.c.recorded_at)
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
    """Sign the version whose hash is named, for the own agency; the last signature executes the agreement.

    Raises RuleBroken for another version's hash or a date to come, Conflict for a second signature, WrongState.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    stage = advanced(row, AgreementAction.SIGN)
    _same_text(row, signing.version_sha256)
    paper_day(signing.signed_on, row.time_zone, caller.now)
    await _sign(write, caller, row.id, row.version_id, caller.agency_id, signing, signing.manner)
    values: dict[str, object] = {"stage": stage}
    if row.executed_at is not None:
        await _join(write, row.id, caller.agency_id, caller.now)
    elif not await write.value(_OPEN_SIGNATURES, {"id": row.id, "version_id": row.version_id}):
        values = {
            "stage": advance(stage, AgreementAction.EXECUTE),
            "executed_at": caller.now,
            "is_public": bool(await write.value(_PUBLIC, {"version_id": row.version_id})),
        }
        await write.run(_JOIN_ALL, {"its_id": row.id, "its_version": row.version_id})
    told = {"agency_id": str(caller.agency_id), "manner": signing.manner, "sha256": row.sha256}
    await changed(write, caller, row, "signed", {**told, "stage": values["stage"]}, **values)
    await rewrite_windows(write, row.id)
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def confirm(
    write: Write, caller: Caller, agreement_id: UUID, confirmation: Confirmation, expected: Expected
) -> Agreement:
    """Confirm, for the own agency, that it signed what another party recorded: from then on it is bound.

    Raises RuleBroken for another version's hash or a date to come, Conflict when it signed already, WrongState.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_SIGN, expected)
    _same_text(row, confirmation.version_sha256)
    await _bind(write, caller, row, caller.agency_id, confirmation, "confirmed", {})
    return await get_agreement(write, caller.principal, row.id, caller.now)


async def attest(
    write: Write, caller: Caller, agreement_id: UUID, attestation: Attestation, expected: Expected
) -> Agreement:
    """Confirm in a party's place, on its signed document. Raises RuleBroken for an agency that is no party."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_ATTEST, expected)
    if attestation.agency_id not in await parties_of(write, row.id):
        raise RuleBroken(
            "That agency is not a party to the agreement.",
            "not_a_party",
            faults=[Fault(pointer="/agency_id", code="not_a_party", detail="not a party to the agreement")],
        )
    told = {"reason": attestation.reason}
    await _bind(write, caller, row, attestation.agency_id, attestation, "attested", told)
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
    paper = Paper(agreement_id=agreement_id, version_id=version_id, custodian_id=custodian_id, signed_at=signed_at)
    await execute_on_paper(write, caller, ledger_key, paper, new, told or {})
    return await get_agreement(write, caller.principal, agreement_id, caller.now)


class Paper(Struct, kw_only=True, frozen=True):
    """A draft whose text is signed on paper; `version` is the row version that its execution makes."""

    agreement_id: UUID
    version_id: UUID
    custodian_id: UUID
    signed_at: datetime
    version: int = 1


async def execute_on_paper(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    paper: Paper,
    new: RecordedAgreement,
    told: Mapping[str, object],
) -> None:
    """Freeze the draft and execute it, binding the custodian where the caller may do that."""
    agreement_id, custodian_id = paper.agreement_id, paper.custodian_id
    frozen = await freeze(write, caller, ledger_key, paper.version_id, needs_text=False)
    own = custodian_id == caller.agency_id
    binding = Action.AGREEMENTS_SIGN if own else Action.AGREEMENTS_ATTEST
    related: list[Relation] = ["party"] if own else []
    if refusal(caller.principal, binding, related) is None:
        manner: Manner = "wet" if own else "attested"
        await _sign(write, caller, agreement_id, paper.version_id, custodian_id, new, manner)
        await _join(write, agreement_id, custodian_id, paper.signed_at)
    await write.run(
        agreement.update()
        .where(agreement.c.id == agreement_id)
        .values(
            stage=advance(Stage.DRAFT, AgreementAction.RECORD),
            executed_at=paper.signed_at,
            is_shared=True,
            is_public=any(each.sensitivity is Sensitivity.PUBLIC for each in new.provisions),
            version=paper.version,
            updated_at=caller.now,
        )
    )
    await record(
        write,
        caller,
        "agreement.recorded",
        subject=("agreement", agreement_id, paper.version),
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
    await rewrite_windows(write, agreement_id)


async def _bind(
    write: Write,
    caller: Caller,
    row: Row[Any],
    agency_id: UUID,
    hand: Confirmation | Attestation,
    manner: Literal["confirmed", "attested"],
    told: Mapping[str, object],
) -> None:
    """A party's paper signature to an agreement that was recorded."""
    if row.executed_at is None:
        raise WrongState(f"The agreement is {row.stage}: what is not signed on paper yet is signed here.")
    stage = advanced(row, AgreementAction.SIGN)
    signed_at = paper_day(hand.signed_on, row.time_zone, caller.now)
    await _sign(write, caller, row.id, row.version_id, agency_id, hand, manner)
    await _join(write, row.id, agency_id, signed_at)
    about = {
        "agency_id": str(agency_id),
        "signed_on": hand.signed_on,
        "sha256": row.sha256,
        "evidence_sha256": hand.evidence_sha256,
    }
    await changed(write, caller, row, manner, {**about, **told}, stage=stage)
    await rewrite_windows(write, row.id)


async def _sign(
    write: Write, caller: Caller, agreement_id: UUID, version_id: UUID, agency_id: UUID, hand: Hand, manner: Manner
) -> None:
    await write.run(
        _INSERT,
        {
            "id": new_id(),
            "agreement_id": agreement_id,
            "version_id": version_id,
            "agency_id": agency_id,
            "manner": manner,
            "signatory_title": hand.signatory_title,
            "signed_on": hand.signed_on,
            "evidence_sha256": hand.evidence_sha256,
            "recorded_at": caller.now,
        },
    )


async def _join(write: Write, agreement_id: UUID, agency_id: UUID, joined_at: datetime) -> None:
    await write.run(_JOIN, {"its_id": agreement_id, "its_agency": agency_id, "joined_at": joined_at})


def _same_text(row: Row[Any], digest: str) -> None:
    if row.sha256 != digest:
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
