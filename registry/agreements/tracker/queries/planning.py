"""What a tracker's row would do to the agreements as they are, or why it cannot be taken; nothing is written here."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Struct

from registry.agreements.instruments.authority import Signature
from registry.agreements.instruments.commands.content import SAID_OF_TERM, Term, check_content, unknown_of
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.queries.signing_power import check_authority
from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.schemas.given import NewAgreement, RecordedAgreement
from registry.agreements.instruments.tables import NUMBER_TAKEN
from registry.agreements.instruments.term_days import last_day, renewal_day, renewal_of, utc_bounds
from registry.agreements.tracker.cells import CellRefused
from registry.agreements.tracker.columns import column_of
from registry.agreements.tracker.queries.directory import Directory, Listed
from registry.agreements.tracker.queries.row_status import KnownAgreement, differing, digest_of, otherwise_signed
from registry.agreements.tracker.rows import Options, TrackerRow, wanted
from registry.agreements.tracker.schemas import CellFault
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Malformed, RuleBroken
from registry.platform.kernel.time import day_ends_at, known_zone

Step: TypeAlias = Literal["enter", "record", "correct", "sign_draft", "attest", "end", "nothing"]

_NOBODY: Final = UUID(int=0)
ONE_DAY: Final = timedelta(days=1)
_AMEND: Final = "It is signed with another {}: a signed text is not changed from a tracker. Record an amendment."
_NOT_OURS: Final = (
    "It is not recorded here as ended, and somebody acted on it since the tracker entered it: a party that is bound "
    "records the end, with its day and its evidence."
)
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

    @property
    def last_of_term(self) -> date | None:
        """The last day of the term with its renewals."""
        wanted = self.wanted
        on_day = renewal_day(wanted.effective_on, wanted.expires_on)
        return last_day(wanted.expires_on, renewal_of(wanted.auto_renew_months, wanted.auto_renew_times, on_day))

    @property
    def ended_early(self) -> date | None:
        """The last day on which it was in force, where that is not its term's."""
        return self.row.ended_on if self.row.ended_on != self.last_of_term else None


class Plan(Struct, kw_only=True, frozen=True):
    """What a row does. `is_known_text`: no import need compare what it may not read, see `is_as_imported`."""

    step: Step
    meaning: Meaning
    digest: str
    agreement_id: UUID | None = None
    attest: tuple[UUID, ...] = ()
    is_known_text: bool = True
    remarks: tuple[str, ...] = ()


def meaning_of(row: TrackerRow, options: Options, directory: Directory) -> Meaning:
    """What the row says, with agencies instead of their names. Raises RowRefused."""
    faults = [*row.faults]
    if row.at and not row.values and faults:  # a line that could not be read at all says nothing
        raise RowRefused(*faults)
    tokens = row.values.get("parties")
    parties = [_named(row, "parties", token, directory, faults) for token in tokens] if isinstance(tokens, list) else []
    keeper = row.values.get("custodian") or options.custodian
    custodian = None if keeper is None else _named(row, "custodian", str(keeper), directory, faults)
    zone = row.values.get("time_zone") or options.time_zone or (None if custodian is None else custodian.time_zone)
    if zone is None and custodian is not None:
        words = "No time zone: neither the row nor the import names one, and the custodian has none."
        faults.append(row.fault("time_zone", "cell_blank", words))
    ids = [_NOBODY if party is None else party.id for party in parties]
    try:
        new = wanted(row, _NOBODY if custodian is None else custodian.id, ids, str(zone))
    except Malformed as error:
        faults = _and_its_term(row, str(zone), faults)
        told = {fault.name for fault in faults}
        values = [(column_of(fault.pointer or ""), f"The value {fault.detail}.") for fault in error.faults]
        faults += [row.fault(name, "invalid_value", words) for name, words in values if name not in told]
        raise RowRefused(*faults) from None
    if faults or custodian is None:
        raise RowRefused(*_and_its_term(row, str(zone), faults))
    return Meaning(row=row, custodian_id=custodian.id, wanted=new)


def _named(row: TrackerRow, column: str, token: str, directory: Directory, faults: list[CellFault]) -> Listed | None:
    """The agency of that name; None with a fault of its cell."""
    try:
        return directory.named(token)
    except CellRefused as refused:
        faults.append(row.fault(column, refused.code, refused.detail))
        return None


def _and_its_term(row: TrackerRow, zone: str, told: Sequence[CellFault]) -> list[CellFault]:
    """What was told of a row, with what is wrong with its term in cells that nothing was told of."""
    named = {fault.name for fault in told}
    return [*told, *(fault for fault in _about_term(row, zone) if fault.name not in named)]


def _about_term(row: TrackerRow, zone: str) -> Iterator[CellFault]:
    """What is wrong with the row's own time zone, and with its first and last day, whatever else is."""
    if "time_zone" in row.values:
        try:
            known_zone(zone, "/time_zone")
        except RuleBroken as broken:
            yield from row.faults_of(broken.faults)
    first, last = row.values.get("effective_on"), row.values.get("expires_on")
    if isinstance(first, date) and isinstance(last, date) and last < first:
        try:
            utc_bounds(first, last, "UTC")  # whatever the zone, no day is left
        except RuleBroken as broken:
            yield row.fault("expires_on", broken.code, broken.detail)


async def plan_of(
    read: Read, meaning: Meaning, known_agreement: KnownAgreement | None, options: Options, now: datetime
) -> Plan:
    """What the row does to the agreement of its number, and what is to be known of it. Raises RowRefused."""
    plan = await _plan_of(read, meaning, known_agreement, options, now)
    return msgspec.structs.replace(plan, remarks=tuple(_not_as_said(meaning, known_agreement, now)))


def _not_as_said(meaning: Meaning, known_agreement: KnownAgreement | None, now: datetime) -> Iterator[str]:
    """That what the row takes for going on is over: here, or by the row's own days; it never reads as in force."""
    if meaning.row.says_over or not isinstance(meaning.wanted, RecordedAgreement):
        return
    last, here = meaning.last_of_term, "its term"
    over = last is not None and day_ends_at(last, meaning.wanted.time_zone) <= now
    if known_agreement is not None and known_agreement.row.executed_at is not None:
        over, here = _is_over(known_agreement, now), "here it"
        last = known_agreement.row.ends_on
    if over:
        said = "The row does not say that it is over"
        yield f"{said}, yet {here} ended with {last}: it is not in force. Correct the row, or record what goes on."


async def _plan_of(
    read: Read, meaning: Meaning, known_agreement: KnownAgreement | None, options: Options, now: datetime
) -> Plan:
    """What the row does to the agreement of its number. Raises RowRefused."""
    row, new = meaning.row, meaning.wanted
    signed = new if isinstance(new, RecordedAgreement) else None
    shows_all = signed is not None and options.attest_parties and signed.evidence_sha256 != row.sha256
    others = tuple(p for p in new.parties if p != meaning.custodian_id) if shows_all else ()
    plan = Plan(step="nothing", meaning=meaning, digest=digest_of(new, row.ended_on))
    if known_agreement is None:
        await _check(read, meaning, others, now)
        return msgspec.structs.replace(plan, step="record" if signed else "enter", attest=others)
    is_known_text = known_agreement.is_as_imported
    plan = msgspec.structs.replace(plan, agreement_id=known_agreement.row.id, is_known_text=is_known_text)
    if signed is not None and not known_agreement.is_draft:
        plan = _about_signed(plan, known_agreement, signed, others)
        if row.says_over:
            await _check_end(read, meaning, now)
            if plan.step != "end" and not _is_over(known_agreement, now):
                raise RowRefused(row.fault("ended_on", "further_here", _NOT_OURS))
        if plan.attest:
            await _check_offices(read, row, signed, plan.attest)
        return plan
    if known_agreement.row.digest == plan.digest:
        return plan
    told = known_agreement.row.executed_at is not None or known_agreement.is_ours
    if signed is None and told and not differing(known_agreement, new):
        return plan
    _must_be_ours(row, known_agreement)
    await _check(read, meaning, others, now)
    return msgspec.structs.replace(plan, step="sign_draft" if signed else "correct", attest=others)


def _must_be_ours(row: TrackerRow, known_agreement: KnownAgreement) -> None:
    """A row changes only a draft that stands as the tracker left it.

    Of another one nothing is told but that its number is taken: neither how far it is nor what it says.
    """
    if known_agreement.row.digest is None and known_agreement.row.executed_at is None:
        raise RowRefused(row.fault("number", "number_taken", NUMBER_TAKEN))
    if not known_agreement.is_draft:
        words = "The agreement is no draft here any more, yet the row speaks of a draft."
        raise RowRefused(row.fault("number", "further_here", words))
    if not known_agreement.is_ours:
        words = "The draft was edited here since the tracker entered it: go on with it here."
        raise RowRefused(row.fault("number", "edited_here", words))


def _about_signed(
    plan: Plan, known_agreement: KnownAgreement, signed: RecordedAgreement, others: Sequence[UUID]
) -> Plan:
    """Signatures may be added to a signed agreement from a tracker; nothing else."""
    row = plan.meaning.row
    if known_agreement.row.executed_at is None:
        if known_agreement.row.digest is None:
            raise RowRefused(row.fault("number", "number_taken", NUMBER_TAKEN))
        words = "The agreement is no draft here any more: have it signed here, or withdraw it first."
        raise RowRefused(row.fault("number", "further_here", words))
    if known_agreement.row.digest != plan.digest:
        if columns := differing(known_agreement, signed):
            raise RowRefused(*(row.fault(name, "signed_text", _AMEND.format(name)) for name in columns))
        names_evidence = signed.evidence_sha256 != row.sha256
        if columns := otherwise_signed(known_agreement, signed, evidence=names_evidence):
            raise RowRefused(*(row.fault(name, "signature_recorded", _STAYS.format(name)) for name in columns))
    ends_early = plan.meaning.ended_early is not None
    if ends_early and known_agreement.row.stage in (Stage.EXECUTED, Stage.SUSPENDED):
        if not known_agreement.is_ours:
            raise RowRefused(row.fault("ended_on", "further_here", _NOT_OURS))
        return msgspec.structs.replace(plan, step="end")
    unsigned = tuple(each for each in (plan.meaning.custodian_id, *others) if each not in known_agreement.signatures)
    if not unsigned or known_agreement.row.stage != Stage.EXECUTED or not known_agreement.says_the_original:
        return plan
    return msgspec.structs.replace(plan, step="attest", attest=unsigned)


def _is_over(known_agreement: KnownAgreement, now: datetime) -> bool:
    """Whether the agreement is over here too."""
    over = known_agreement.row.over_at
    return over is not None and over <= now


async def _check(read: Read, meaning: Meaning, others: Sequence[UUID], now: datetime) -> None:
    """Everything that the commands would refuse, asked before anything is written."""
    row, new = meaning.row, meaning.wanted
    faults: list[CellFault] = []
    try:
        await check_content(
            read,
            custodian_id=meaning.custodian_id,
            parties=new.parties,
            terms=new.terms,
            notice=new.notice,
            provisions=new.provisions,
            expires_on=new.expires_on,
            auto_renew_months=new.auto_renew_months,
            auto_renew_times=new.auto_renew_times,
        )
    except RuleBroken as broken:
        faults += row.faults_of(broken.faults)
    try:
        known_zone(new.time_zone, "/time_zone")
        Term.starting(**{name: getattr(new, name) for name in SAID_OF_TERM}).bounds(new.time_zone)
    except RuleBroken as broken:
        faults += row.faults_of(broken.faults) or [row.fault("expires_on", broken.code, broken.detail)]
        if any(fault.name == "time_zone" for fault in faults):  # without one no day can be told
            raise RowRefused(*_and_its_term(row, new.time_zone, faults)) from None
    if isinstance(new, RecordedAgreement):
        for agency_id in (meaning.custodian_id, *others):
            today = await today_of(read, agency_id, new.time_zone, now)
            if not today.has_come(new.signed_on):
                words = f"The day of the signature is yet to come. {today}"
                faults.append(row.fault("signed_on", "signed_in_future", words))
                break
        try:
            await _check_end(read, meaning, now)
        except RowRefused as refused:
            faults += refused.faults
        try:
            await _check_offices(read, row, new, (meaning.custodian_id, *others))
        except RowRefused as refused:
            faults += refused.faults
    if faults:
        raise RowRefused(*faults)


async def unknown_codes(read: Read, row: TrackerRow, told: Sequence[CellFault]) -> tuple[CellFault, ...]:
    """What was told of a row that cannot be taken, with the categories and purposes that nobody knows."""
    named = {fault.name for fault in told}
    found: list[CellFault] = []
    for column, what in (("categories", "category"), ("purposes", "purpose")):
        codes = row.values.get(column)
        if column not in named and isinstance(codes, list):
            found += row.faults_of(await unknown_of(read, codes, f"/terms/{column}/{{}}", what))
    return (*told, *found)


async def _check_end(read: Read, meaning: Meaning, now: datetime) -> None:
    """What is said to be over must have been over by a day that the row gives."""
    row, new = meaning.row, meaning.wanted
    today = await today_of(read, meaning.custodian_id, new.time_zone, now)
    last = meaning.last_of_term
    if (ended_on := row.ended_on) is not None:
        if not today.has_come(ended_on + ONE_DAY):
            words = f"The last day is yet to come, or to pass: what is not over yet is not taken over as over. {today}"
            raise RowRefused(row.fault("ended_on", "not_over_yet", words))
        if ended_on < new.effective_on:
            words = f"It would have ended before its first day, {new.effective_on}: it never was in force."
            raise RowRefused(row.fault("ended_on", "ended_before_it_began", words))
        if last is not None and ended_on > last:
            words = f"It would have ended after its term ran out on {last}. Give the term that it had by then."
            raise RowRefused(row.fault("ended_on", "ended_after_its_term", words))
    elif row.status == "expired" and new.auto_renew_months is not None:
        words = (
            "The status says that it is over, and the term renews itself: the row does not say with which term it "
            "ended. Give the last day on which it was in force."
        )
        raise RowRefused(row.fault("ended_on", "last_day_missing", words))
    elif row.status == "expired" and (last is None or not today.has_come(last + ONE_DAY)):
        runs = "its term has no last day" if last is None else f"its term runs through {last}"
        words = f"The status says that it is over, yet {runs}: give the last day on which it was in force. {today}"
        raise RowRefused(row.fault("ended_on", "last_day_missing", words))


async def _check_offices(read: Read, row: TrackerRow, new: RecordedAgreement, agencies: Sequence[UUID]) -> None:
    try:
        await check_offices(read, new, agencies)
    except RuleBroken as broken:
        raise RowRefused(row.fault("signatory_title", broken.code, broken.detail)) from None


async def check_offices(read: Read, new: RecordedAgreement, agencies: Sequence[UUID]) -> None:
    """Raises RuleBroken where an agency has authorities on record and the office may not sign this for it."""
    signature = Signature(kind=new.kind, signed_on=new.signed_on, amount=new.terms.cost_ceiling)
    for agency_id in agencies:
        await check_authority(read, agency_id, new.signatory_title, signature)
