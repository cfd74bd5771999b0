"""Taking over agreements from a tracker, as often as it is sent: an agreement is met by its custodian and number.

A row enters an agreement, corrects a draft that the tracker entered, records that a draft is signed by now, or attests
signatures. A signed text is never changed from a spreadsheet: whoever changed it concluded an amendment. Each row is
taken whole or refused with its cells named, and a row that says what it said before changes nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final
from uuid import UUID

import sqlalchemy as sa

from registry.access.permissions import Action, permit
from registry.access.principals import OPERATOR_AGENCY_ID, Caller
from registry.agencies.tables import agency
from registry.agreements import commands
from registry.agreements.schemas import Attestation, RecordedAgreement
from registry.agreements.tables import agreement
from registry.agreements.tracker.directory import Directory, look_up
from registry.agreements.tracker.planning import Meaning, Plan, RowRefused, Step, meaning_of, plan_of
from registry.agreements.tracker.rows import Options, TrackerRow
from registry.agreements.tracker.schemas import AgreementImportReport, CellFault, Outcome, TrackerRowReport
from registry.agreements.tracker.standing import standing_of
from registry.agreements.tracker.tables import tracker_entry
from registry.database.connect import Database, unit_of_work
from registry.database.handles import Read, Write

BATCH: Final = 20  # rows to a transaction: other writers get their turn in between
MOST_ROWS_SHOWN: Final = 1000
REASON: Final = "Listed as signed by all parties in the custodian's tracker."

TURN = sa.select(agency.c.id).where(agency.c.id == OPERATOR_AGENCY_ID).with_for_update(key_share=True)
"""Two imports at once take turns, or each would enter what the other is entering."""

_VERSION = sa.select(agreement.c.version).where(agreement.c.id == sa.bindparam("id", type_=agreement.c.id.type))
_ITS = tracker_entry.c.agreement_id == sa.bindparam("its_id", type_=tracker_entry.c.agreement_id.type)
_FORGET = tracker_entry.delete().where(_ITS)
_LEFT = tracker_entry.update().where(_ITS)
_REMEMBER = tracker_entry.insert()

_OUTCOME: Final[Mapping[Step, Outcome]] = {
    "enter": "entered",
    "record": "entered",
    "correct": "updated",
    "sign_draft": "updated",
    "attest": "updated",
    "nothing": "unchanged",
}


def may_import(caller: Caller) -> None:
    """Raises Forbidden unless the caller enters agreements and attests signatures for any custodian."""
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
    dry_run: bool = False,
    on_progress: Callable[[int], object] = lambda _done: None,
) -> AgreementImportReport:
    """Enter, correct or attest what each row says, 20 rows to a transaction.

    An import that breaks off has done whole rows and is simply run again. A dry run writes nothing and reports the
    same. Raises Forbidden, and Busy when the database has no time for the next batch.
    """
    may_import(caller)
    work = _Import(caller, ledger_key, options, await look_up(database.read(), _tokens(rows, options)))
    done = 0
    for batch in _batches(iter(rows)):
        if dry_run:
            await work.plan(database.read(), batch)
        else:
            async with unit_of_work(database) as write:
                await write.value(TURN)
                for at, plan in await work.plan(write, batch):
                    work.carried_out(at, await work.carry_out(write, plan))
        work.keep()
        done += len(batch)
        on_progress(done)
        await asyncio.sleep(0)  # SQLite answers on the event loop, where others are waiting
    return work.report(unread_columns, dry_run=dry_run)


def _tokens(rows: Sequence[TrackerRow], options: Options) -> Iterator[str]:
    if options.custodian:
        yield options.custodian
    for row in rows:
        if isinstance(custodian := row.values.get("custodian"), str):
            yield custodian
        if isinstance(parties := row.values.get("parties"), list):
            yield from parties


def _batches(rows: Iterator[TrackerRow]) -> Iterator[list[TrackerRow]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


class _Import:
    """One import under way: what became of the rows so far, and of those of the batch in hand."""

    def __init__(self, caller: Caller, ledger_key: bytes, options: Options, directory: Directory) -> None:
        self._caller = caller
        self._ledger_key = ledger_key
        self._options = options
        self._directory = directory
        self._row_of: dict[tuple[UUID, str], TrackerRow] = {}
        self._counts: Counter[str] = Counter()
        self._shown: list[TrackerRowReport] = []
        self._batch: list[TrackerRow] = []
        self._fate: list[tuple[Outcome, UUID | None, Sequence[CellFault]]] = []

    async def plan(self, read: Read, batch: list[TrackerRow]) -> list[tuple[int, Plan]]:
        """What the rows do to the agreements as they are, by their place in the batch: noted, not done."""
        self._batch, self._fate = batch, [("refused", None, ()) for _ in batch]
        meanings = {}
        for at, row in enumerate(batch):
            try:
                meanings[at] = self._meaning(row)
            except RowRefused as refused:
                self._fate[at] = ("refused", None, refused.faults)
        standing = await standing_of(read, ((m.custodian_id, m.wanted.number) for m in meanings.values()))
        planned = []
        for at, meaning in meanings.items():
            there = standing.get((meaning.custodian_id, meaning.wanted.number))
            try:
                plan = await plan_of(read, meaning, there, self._options, self._caller.now)
            except RowRefused as refused:
                self._fate[at] = ("refused", None, refused.faults)
            else:
                planned.append((at, plan))
                self.carried_out(at, plan)
        return planned

    def _meaning(self, row: TrackerRow) -> Meaning:
        meaning = meaning_of(row, self._options, self._directory)
        first = self._row_of.setdefault((meaning.custodian_id, meaning.wanted.number), row)
        if first is not row:
            words = f"{first.origin.file}, row {first.row} has the same number."
            raise RowRefused(row.fault("number", "number_repeated", words))
        return meaning

    async def carry_out(self, write: Write, plan: Plan) -> Plan:
        """Do what was planned, and remember how the import left the agreement; the plan with its id."""
        if plan.step == "nothing":
            return plan
        row, new, agreement_id = plan.meaning.row, plan.meaning.wanted, plan.agreement_id
        caller, told = self._caller, {"tracker_row_sha256": row.sha256}
        if not isinstance(new, RecordedAgreement):
            if agreement_id is None:
                agreement_id = await commands.enter_draft(write, caller, plan.meaning.custodian_id, new)
            else:
                await commands.correct_draft(write, caller, agreement_id, new)
        else:
            if agreement_id is None:
                agreement_id = (await commands.record_agreement(write, caller, self._ledger_key, new, told)).id
            elif plan.step == "sign_draft":
                await commands.record_draft(write, caller, self._ledger_key, agreement_id, new, told)
            for party in plan.attest:
                await commands.attest(write, caller, agreement_id, attestation(party, new, REASON), None)
        await remember(write, caller, agreement_id, plan.digest)
        return Plan(step=plan.step, meaning=plan.meaning, digest=plan.digest, agreement_id=agreement_id)

    def carried_out(self, at: int, plan: Plan) -> None:
        """Note what becomes of the row at that place of the batch."""
        self._fate[at] = (_OUTCOME[plan.step], plan.agreement_id, ())

    def keep(self) -> None:
        """The batch is done: what became of its rows counts."""
        self._counts.update(outcome for outcome, _, _ in self._fate)
        told = [
            TrackerRowReport(
                outcome=outcome,
                file=row.origin.file,
                sheet=row.origin.sheet,
                row=row.row,
                number=row.number,
                agreement_id=agreement_id,
                faults=list(faults),
            )
            for row, (outcome, agreement_id, faults) in zip(self._batch, self._fate, strict=True)
            if outcome != "unchanged"
        ]
        self._shown += told[: MOST_ROWS_SHOWN - len(self._shown)]

    def report(self, unread_columns: Sequence[str], *, dry_run: bool) -> AgreementImportReport:
        """What became of everything."""
        entered, updated, refused = (self._counts[name] for name in ("entered", "updated", "refused"))
        return AgreementImportReport(
            dry_run=dry_run,
            entered=entered,
            updated=updated,
            unchanged=self._counts["unchanged"],
            refused=refused,
            unread_columns=list(dict.fromkeys(unread_columns)),
            rows=self._shown,
            rows_left_out=entered + updated + refused - len(self._shown),
        )


def attestation(party: UUID, new: RecordedAgreement, reason: str) -> Attestation:
    """The administrator's word, on the same evidence, that another party signed as well."""
    return Attestation(
        agency_id=party,
        signatory_title=new.signatory_title,
        signed_on=new.signed_on,
        evidence_sha256=new.evidence_sha256,
        reason=reason,
    )


async def remember(write: Write, caller: Caller, agreement_id: UUID, digest: str | None = None) -> None:
    """Remember what a row said, if it said something else, and how the import left its agreement."""
    version = await write.value(_VERSION, {"id": agreement_id})
    values = {"agreement_version": version, "taken_at": caller.now}
    if digest is None:
        await write.run(_LEFT, {"its_id": agreement_id, **values})
    else:
        await write.run(_FORGET, {"its_id": agreement_id})
        await write.run(_REMEMBER, {"agreement_id": agreement_id, "digest": digest, **values})
