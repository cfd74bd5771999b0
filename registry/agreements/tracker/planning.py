"""What a tracker's row would do to the agreements as they are, or why it cannot be taken; nothing is written here."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, Literal, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from registry.agreements.authority import Signature
from registry.agreements.commands.authorising import authority_to_sign
from registry.agreements.commands.content import Term, check_content
from registry.agreements.rules import Stage
from registry.agreements.schemas import NewAgreement, RecordedAgreement
from registry.agreements.tracker.cells import CellRefused
from registry.agreements.tracker.columns import column_at
from registry.agreements.tracker.directory import Directory
from registry.agreements.tracker.rows import Options, TrackerRow, wanted
from registry.agreements.tracker.schemas import CellFault
from registry.agreements.tracker.standing import Standing, differing, digest_of, otherwise_signed
from registry.database.handles import Read
from registry.kernel.errors import RuleBroken
from registry.kernel.time import known_zone

Step: TypeAlias = Literal["enter", "record", "correct", "sign_draft", "attest", "nothing"]

_AMEND: Final = "It is signed with another {}: a signed text is not changed from a tracker. Record an amendment."
_STAYS: Final = "The custodian's signature is recorded with another {}, and stays as it was recorded."


class RowRefused(Exception):
    """The row cannot be taken; each fault names its cell."""

    def __init__(self, *faults: CellFault) -> None:
        super().__init__(*faults)
        self.faults = faults


class Meaning(Struct, kw_only=True, frozen=True):
    """The agreement that a row speaks of, and who keeps it."""

    row: TrackerRow
    custodian_id: UUID
    wanted: NewAgreement


class Plan(Struct, kw_only=True, frozen=True):
    """What a row does."""

    step: Step
    meaning: Meaning
    digest: str
    agreement_id: UUID | None = None
    attest: tuple[UUID, ...] = ()


def meaning_of(row: TrackerRow, options: Options, directory: Directory) -> Meaning:
    """What the row says, with agencies instead of their names. Raises RowRefused."""
    if row.faults:
        raise RowRefused(*row.faults)
    column = "parties"
    try:
        tokens: list[str] = row.values["parties"]  # type: ignore[assignment]  # as its column is read
        parties = [directory.named(token).id for token in tokens]
        column = "custodian"
        custodian = directory.named(str(row.values.get("custodian") or options.custodian))
    except CellRefused as refused:
        raise RowRefused(row.fault(column, refused.code, refused.detail)) from None
    zone = row.values.get("time_zone") or options.time_zone or custodian.time_zone
    if zone is None:
        words = "No time zone: neither the row nor the import names one, and the custodian has none."
        raise RowRefused(row.fault("time_zone", "cell_blank", words))
    try:
        return Meaning(row=row, custodian_id=custodian.id, wanted=wanted(row, custodian.id, parties, str(zone)))
    except msgspec.ValidationError as error:
        words, _, path = str(error).partition(" - at `$")
        raise RowRefused(row.fault(column_at(path), "invalid_value", f"{words}.")) from None


async def plan_of(read: Read, meaning: Meaning, standing: Standing | None, options: Options, now: datetime) -> Plan:
    """What the row does to the agreement of its number. Raises RowRefused."""
    row, new = meaning.row, meaning.wanted
    signed = new if isinstance(new, RecordedAgreement) else None
    others = tuple(p for p in new.parties if p != meaning.custodian_id) if signed and options.attest_parties else ()
    plan = Plan(step="nothing", meaning=meaning, digest=digest_of(new))
    if standing is None:
        await _check(read, meaning, others, now)
        return msgspec.structs.replace(plan, step="record" if signed else "enter", attest=others)
    plan = msgspec.structs.replace(plan, agreement_id=standing.row.id)
    if signed is not None and not standing.is_draft:
        plan = _about_signed(plan, standing, signed, others)
        if plan.attest:
            await _check_offices(read, row, signed, plan.attest)
        return plan
    if standing.row.digest == plan.digest or (signed is None and not differing(standing, new)):
        return plan
    _must_be_ours(row, standing)
    await _check(read, meaning, others, now)
    return msgspec.structs.replace(plan, step="sign_draft" if signed else "correct", attest=others)


def _must_be_ours(row: TrackerRow, standing: Standing) -> None:
    """A row changes only a draft that stands as the tracker left it."""
    if not standing.is_draft:
        words = f"The agreement is {standing.row.stage} here, yet the row speaks of a draft."
        raise RowRefused(row.fault("number", "further_here", words))
    if standing.row.digest is None:
        raise RowRefused(row.fault("number", "number_taken", "There is an agreement of that number already."))
    if not standing.is_ours:
        words = "The draft was edited here since the tracker entered it: go on with it here."
        raise RowRefused(row.fault("number", "edited_here", words))


def _about_signed(plan: Plan, standing: Standing, signed: RecordedAgreement, others: Sequence[UUID]) -> Plan:
    """Signatures may be added to a signed agreement from a tracker; nothing else."""
    row = plan.meaning.row
    if standing.row.executed_at is None:
        words = f"The agreement is {standing.row.stage} here: have it signed here, or withdraw it first."
        raise RowRefused(row.fault("number", "further_here", words))
    if standing.row.digest != plan.digest:
        if columns := differing(standing, signed):
            raise RowRefused(*(row.fault(name, "signed_text", _AMEND.format(name)) for name in columns))
        names_evidence = signed.evidence_sha256 != row.sha256
        if columns := otherwise_signed(standing, signed, evidence=names_evidence):
            raise RowRefused(*(row.fault(name, "signature_recorded", _STAYS.format(name)) for name in columns))
    unsigned = tuple(each for each in (plan.meaning.custodian_id, *others) if each not in standing.hands)
    if not unsigned or standing.row.stage != Stage.EXECUTED or not standing.says_the_original:
        return plan
    return msgspec.structs.replace(plan, step="attest", attest=unsigned)


async def _check(read: Read, meaning: Meaning, others: Sequence[UUID], now: datetime) -> None:
    """Everything that the commands would refuse, asked before anything is written."""
    row, new = meaning.row, meaning.wanted
    try:
        known_zone(new.time_zone, "/time_zone")
        await check_content(
            read,
            custodian_id=meaning.custodian_id,
            parties=new.parties,
            terms=new.terms,
            provisions=new.provisions,
        )
        Term(**{name: getattr(new, name) for name in Term.__struct_fields__}).bounds(new.time_zone)
    except RuleBroken as broken:
        raise RowRefused(
            *(row.faults_of(broken.faults) or [row.fault("expires_on", broken.code, broken.detail)])
        ) from None
    if isinstance(new, RecordedAgreement):
        if new.signed_on > today(now, new.time_zone):
            raise RowRefused(row.fault("signed_on", "signed_in_future", "The day of the signature is yet to come."))
        await _check_offices(read, row, new, (meaning.custodian_id, *others))


async def _check_offices(read: Read, row: TrackerRow, new: RecordedAgreement, agencies: Sequence[UUID]) -> None:
    try:
        await check_offices(read, new, agencies)
    except RuleBroken as broken:
        raise RowRefused(row.fault("signatory_title", broken.code, broken.detail)) from None


async def check_offices(read: Read, new: RecordedAgreement, agencies: Sequence[UUID]) -> None:
    """Raises RuleBroken where an agency has authorities on record and the office may not sign this for it."""
    signature = Signature(kind=new.kind, signed_on=new.signed_on, amount=new.terms.cost_ceiling)
    for agency_id in agencies:
        await authority_to_sign(read, agency_id, new.signatory_title, signature)


def today(now: datetime, time_zone: str) -> date:
    """The day it is there."""
    return now.astimezone(ZoneInfo(time_zone)).date()
