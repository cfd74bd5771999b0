"""Taking over agreements from a tracker, as often as it is sent: an agreement is met by its custodian and number.

A row enters an agreement, corrects a draft that the tracker entered, records that a draft is signed by now, or reports
signatures. A signed text is never changed from a spreadsheet: whoever changed it concluded an amendment. Each row is
taken whole or refused with its cells named, and a row that says what it said before changes nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.agreements.instruments.commands import entering, recording
from registry.agreements.instruments.commands.reporting import report_signature
from registry.agreements.instruments.schemas.given import RecordedAgreement
from registry.agreements.instruments.tables import agreement
from registry.agreements.tracker.queries.directory import Directory, look_up
from registry.agreements.tracker.queries.planning import (
    Meaning,
    Plan,
    RowRefused,
    Step,
    meaning_of,
    plan_of,
    unknown_codes,
)
from registry.agreements.tracker.queries.row_status import known_agreements
from registry.agreements.tracker.report_csv import TakenRow
from registry.agreements.tracker.rows import Options, TrackerRow
from registry.agreements.tracker.schemas import AgreementImportReport, CellFault, Outcome, SheetReport, TrackerRowReport
from registry.agreements.tracker.tables import tracker_entry
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.bulk.batches import CappedReport, Progress, in_batches, no_progress, yield_to_others
from registry.platform.bulk.sheets import Sheet
from registry.platform.database.connect import Database
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.text import filing_key

BATCH: Final = 20  # rows to a transaction
ENDED: Final = "Listed as over in the custodian's tracker."
REASON: Final = "Listed as signed by all parties in the custodian's tracker."

_VERSION = sa.select(agreement.c.version).where(agreement.c.id == sa.bindparam("id", type_=agreement.c.id.type))
_ITS = tracker_entry.c.agreement_id == sa.bindparam("its_id", type_=tracker_entry.c.agreement_id.type)
_FORGET = tracker_entry.delete().where(_ITS)
_LEFT = tracker_entry.update().where(_ITS)
_REMEMBER = tracker_entry.insert()

_OUTCOME: Final[Mapping[Step, Outcome]] = {
    "enter": "created",
    "record": "created",
    "correct": "updated",
    "sign_draft": "updated",
    "attest": "updated",
    "end": "updated",
    "nothing": "unchanged",
}


def may_import(caller: Caller) -> None:
    """Raises Forbidden unless the caller enters agreements and reports signatures for any custodian."""
    permit(caller.principal, Action.AGREEMENTS_CREATE, [])
    permit(caller.principal, Action.AGREEMENTS_ATTEST, [])


async def import_agreements(
    database: Database,
    caller: Caller,
    ledger_key: bytes,
    rows: Sequence[TrackerRow],
    options: Options,
    *,
    unread_columns: Sequence[str] = (),
    sheets: Sequence[Sheet] = (),
    dry_run: bool = False,
    on_progress: Progress = no_progress,
    taken: list[TakenRow] | None = None,
) -> AgreementImportReport:
    """Enter, correct or report what each row says, 20 rows to a transaction.

    An import that breaks off has done whole rows and is simply run again. A dry run writes nothing and reports the
    same. `taken` gets every row with what became of it, of which the report shows the first. Raises Forbidden, and
    Busy when the database has no time for the next batch.
    """
    may_import(caller)
    work = _Import(caller, ledger_key, options, await look_up(database.read(), _tokens(rows, options)))
    await in_batches(database, work, rows, size=BATCH, dry_run=dry_run, on_progress=on_progress)
    if taken is not None:
        taken += work.taken()
    return work.report(unread_columns, sheets, dry_run=dry_run)


def _tokens(rows: Sequence[TrackerRow], options: Options) -> Iterator[str]:
    if options.custodian:
        yield options.custodian
    for row in rows:
        if isinstance(custodian := row.values.get("custodian"), str):
            yield custodian
        if isinstance(parties := row.values.get("parties"), list):
            yield from parties


class _Import:
    """One import under way: what became of the rows so far."""

    def __init__(self, caller: Caller, ledger_key: bytes, options: Options, directory: Directory) -> None:
        self._caller = caller
        self._ledger_key = ledger_key
        self._options = options
        self._directory = directory
        self._row_of: dict[tuple[UUID, str], TrackerRow] = {}
        self._rows: list[TrackerRow] = []
        self._outcomes: list[tuple[Outcome, UUID | None, Sequence[CellFault]]] = []
        self._said: dict[int, Sequence[str]] = {}

    async def plan(self, read: Read, batch: Sequence[TrackerRow]) -> list[tuple[int, Plan]]:
        """What the rows do to the agreements as they are, by their place among all: noted, not done."""
        first = len(self._rows)
        self._rows += batch
        self._outcomes += [("refused", None, ()) for _ in batch]
        meanings = {}
        for at, row in enumerate(batch, first):
            try:
                meanings[at] = self._meaning(row)
            except RowRefused as refused:
                self._outcomes[at] = ("refused", None, await unknown_codes(read, row, refused.faults))
        known = await known_agreements(read, (_key(m) for m in meanings.values()))
        planned = []
        for at, meaning in meanings.items():
            await yield_to_others()  # also within a batch: a row can be dozens of statements
            there = known.get(_key(meaning))
            try:
                plan = await plan_of(read, meaning, there, self._options, self._caller.now)
            except RowRefused as refused:
                self._outcomes[at] = ("refused", None, refused.faults)
            else:
                planned.append((at, plan))
                self._said[at] = plan.remarks
                self._note(at, plan)
        return planned

    async def apply(self, write: Write, planned: list[tuple[int, Plan]]) -> None:
        """Do what was planned."""
        for at, plan in planned:
            await yield_to_others()
            self._note(at, await self._carry_out(write, plan))

    def _meaning(self, row: TrackerRow) -> Meaning:
        meaning = meaning_of(row, self._options, self._directory)
        first = self._row_of.setdefault(_key(meaning), row)
        if first is not row:
            words = f"{first.origin.file}, row {first.row} has the same number."
            raise RowRefused(row.fault("number", "number_repeated", words))
        return meaning

    async def _carry_out(self, write: Write, plan: Plan) -> Plan:
        """Do what was planned, and remember how the import left the agreement; the plan with its id."""
        if plan.step == "nothing":
            return plan
        row, new, agreement_id = plan.meaning.row, plan.meaning.wanted, plan.agreement_id
        caller, told = self._caller, {"tracker_row_sha256": row.sha256}
        if not isinstance(new, RecordedAgreement):
            if agreement_id is None:
                agreement_id = await entering.enter_draft(write, caller, plan.meaning.custodian_id, new)
            else:
                await entering.correct_draft(write, caller, agreement_id, new)
        else:
            if agreement_id is None:
                agreement_id = (await recording.record_agreement(write, caller, self._ledger_key, new, told)).id
            elif plan.step == "sign_draft":
                await entering.record_draft(write, caller, self._ledger_key, agreement_id, new, told)
            for party in plan.attest:
                await report_signature(write, caller, agreement_id, party, new, REASON)
            if plan.meaning.ended_early is not None and plan.step != "attest":
                ended_on = plan.meaning.ended_early
                await entering.record_end(write, caller, agreement_id, ended_on, row.sha256, ENDED)
        if plan.step != "attest" or plan.is_known_text:  # else the row would be taken for what the text says
            await remember(write, caller, agreement_id, plan.digest)
        return Plan(step=plan.step, meaning=plan.meaning, digest=plan.digest, agreement_id=agreement_id)

    def _note(self, at: int, plan: Plan) -> None:
        """Note what becomes of the row at that place."""
        self._outcomes[at] = (_OUTCOME[plan.step], plan.agreement_id, ())

    def taken(self) -> Iterator[TakenRow]:
        """Every row, with what became of it."""
        for at, (row, (outcome, agreement_id, faults)) in enumerate(zip(self._rows, self._outcomes, strict=True)):
            said = self._said.get(at, ())
            yield TakenRow(row=row, outcome=outcome, agreement_id=agreement_id, faults=faults, said=said)

    def report(self, unread_columns: Sequence[str], sheets: Sequence[Sheet], *, dry_run: bool) -> AgreementImportReport:
        """What became of everything."""
        counts: Counter[str] = Counter(outcome for outcome, _, _ in self._outcomes)
        shown = CappedReport[TrackerRowReport]()
        for each in self.taken():
            if each.outcome != "unchanged" or each.said:
                shown.add(
                    TrackerRowReport(
                        outcome=each.outcome,
                        file=each.row.origin.file,
                        sheet=each.row.origin.sheet,
                        row=each.row.row,
                        number=each.row.number,
                        agreement_id=each.agreement_id,
                        faults=list(each.faults),
                        remarks=each.remarks(),
                    )
                )
        return AgreementImportReport(
            dry_run=dry_run,
            created=counts["created"],
            updated=counts["updated"],
            unchanged=counts["unchanged"],
            refused=counts["refused"],
            unread_columns=list(dict.fromkeys(unread_columns)),
            sheets=[SheetReport(**msgspec.structs.asdict(sheet)) for sheet in sheets],
            rows=shown.rows,
            rows_left_out=shown.left_out,
        )


def _key(meaning: Meaning) -> tuple[UUID, str]:
    """By what an agreement is met: its custodian, and its number in whatever spelling."""
    return meaning.custodian_id, filing_key(meaning.wanted.number)


async def remember(write: Write, caller: Caller, agreement_id: UUID, digest: str | None = None) -> None:
    """Remember what a row said, if it said something else, and how the import left its agreement."""
    version = await write.value(_VERSION, {"id": agreement_id})
    values = {"agreement_version": version, "taken_at": caller.now}
    if digest is None:
        await write.run(_LEFT, {"its_id": agreement_id, **values})
    else:
        await write.run(_FORGET, {"its_id": agreement_id})
        await write.run(_REMEMBER, {"agreement_id": agreement_id, "digest": digest, **values})
