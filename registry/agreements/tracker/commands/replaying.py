"""Replaying a published list into agreements and their history: only what differs between snapshots is written.

What is pending is entered as a draft in the custodian's custody. What is signed is recorded as executed, with every
party's signature reported, with the list's own row as the evidence. What leaves the list, comes back,
or is given another day of signature is noted in the agreement's history and changes nothing else.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.instruments.commands import entering, recording
from registry.agreements.instruments.commands.reporting import report_signature
from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.schemas.given import NewAgreement, RecordedAgreement
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.agreements.tracker.attestations import NOTES, Act, Due, due
from registry.agreements.tracker.cells import CellRefused, quoted
from registry.agreements.tracker.commands.importing import may_import, remember
from registry.agreements.tracker.listings import Step, earlier, facts_of
from registry.agreements.tracker.profiles import Profile
from registry.agreements.tracker.queries.directory import Directory, Listed, everybody
from registry.agreements.tracker.queries.planning import RowRefused, check_offices
from registry.agreements.tracker.queries.remembered import (
    keep_listing,
    keep_snapshots,
    listings_of,
    snapshots_of,
    too_late,
)
from registry.agreements.tracker.queries.row_status import digest_of
from registry.agreements.tracker.replay_report import LateSnapshot, ReplayReport
from registry.agreements.tracker.schemas import CellFault
from registry.agreements.tracker.sightings import Key, Panel, When
from registry.directory.agencies.commands.registering import create_agency
from registry.directory.agencies.rules import LEVEL_OF, AgencyKind, AgencyStatus
from registry.directory.agencies.schemas import NewAgency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.bulk.batches import CappedReport, Progress, in_batches, no_progress, yield_to_others
from registry.platform.database.connect import Database, unit_of_work
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.text import filing_key
from registry.platform.kernel.time import civil_day, format_instant

BATCH: Final = 20  # agreements to a transaction
REASON: Final = "Listed as signed: {}, snapshot of {}."

_TAKEN = sa.select(agreement.c.number_key).where(
    agreement.c.custodian_id == sa.bindparam("custodian", type_=agreement.c.custodian_id.type),
    agreement.c.number_key.in_(sa.bindparam("number_keys", type_=sa.Text, expanding=True)),
)
_PARTIES = (
    sa.select(agreement_party.c.agency_id)
    .where(agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement_party.c.agreement_id.type))
    .order_by(agreement_party.c.ordinal)
)


async def replay(
    database: Database,
    caller: Caller,
    ledger_key: bytes,
    panel: Panel,
    profile: Profile,
    custodian: str,
    *,
    create_agencies: bool = False,
    dry_run: bool = False,
    on_progress: Progress = no_progress,
) -> ReplayReport:
    """Bring the agreements of the list up to its newest snapshot, 20 agreements to a transaction.

    `custodian` is the ORI, id or name of the agency that keeps them. A replay that breaks off has done whole agreements
    and is simply run again. `create_agencies` enters the other party as `listed` where no agency of its name is found.
    Raises Forbidden, RuleBroken for an unknown custodian, and Busy when the database has no time for the next batch.
    """
    may_import(caller)
    if create_agencies:
        permit(caller.principal, Action.AGENCIES_CREATE, [])
    read = database.read()
    directory = await everybody(read)
    try:
        keeper = directory.named(custodian)
    except CellRefused as refused:
        raise RuleBroken(refused.detail, refused.code) from None
    known = await listings_of(read, profile.source, keeper.id)
    stored = await snapshots_of(read, profile.source, keeper.id)
    late = too_late(panel, stored)
    timeline = [when for when in panel.timeline if when not in late]
    there = list(due(panel, timeline, known, earlier([*stored, *timeline])))
    work = _Replay(caller, ledger_key, panel, profile, keeper, directory, create_agencies=create_agencies)
    work.executed = {key for key, each in known.items() if each.executed}
    done = len({**panel.seen, **known}) - len(there)
    await in_batches(database, work, there, size=BATCH, dry_run=dry_run, on_progress=on_progress, done=done)
    if not dry_run:
        async with unit_of_work(database) as write:
            await keep_snapshots(write, profile.source, keeper.id, panel, stored, timeline)
    return work.report(late, unchanged=len({**panel.seen, **known}) - work.changed, dry_run=dry_run)


class _Plan(Struct, kw_only=True):
    """What is to be written about one listing; `create` where the other party is to be entered first."""

    due: Due
    acts: list[Act]
    party: Listed | None = None
    create: NewAgency | None = None


class _Replay:
    """One replay under way."""

    def __init__(
        self,
        caller: Caller,
        ledger_key: bytes,
        panel: Panel,
        profile: Profile,
        keeper: Listed,
        directory: Directory,
        *,
        create_agencies: bool,
    ) -> None:
        self._caller = caller
        self._ledger_key = ledger_key
        self._panel = panel
        self._profile = profile
        self._keeper = keeper
        self._directory = directory
        self._create_agencies = create_agencies
        self._counts: Counter[str] = Counter()
        self._faults = CappedReport[CellFault]()
        self._faults.add(*panel.faults)
        self.executed: set[Key] = set()
        self.changed = 0

    async def plan(self, read: Read, batch: Sequence[Due]) -> Sequence[_Plan]:
        """What is to be written, counted; what cannot be entered keeps its place on the list and nothing else."""
        keys = [filing_key(self._number(each.key)) for each in batch if each.key in self._panel.state_codes]
        taken = {row.number_key for row in await read.all(_TAKEN, {"custodian": self._keeper.id, "number_keys": keys})}
        plans = []
        for each in batch:
            await yield_to_others()  # also within a batch: an agreement can be dozens of statements
            plan = _Plan(due=each, acts=each.acts if each.key in self._panel.state_codes else _notes(each))
            try:
                await self._settle(read, plan, taken)
                await self._check_offices(read, plan)
            except RowRefused as refused:
                self._faults.add(*refused.faults)
                plan.acts = _notes(each)
            plans.append(plan)
            self._counts.update(name for name, _ in plan.acts)
            self._counts["created"] += plan.create is not None
            if {"record", "sign_draft"} & {name for name, _ in plan.acts}:
                self.executed.add(each.key)
            self.changed += bool(plan.acts) or each.known is None or each.known.listing != each.listing
        return plans

    async def _settle(self, read: Read, plan: _Plan, taken: set[str]) -> None:
        """Find the other party of what is to be entered. Raises RowRefused where that, or its draft, is in the way."""
        known = plan.due.known
        names = {name for name, _ in plan.acts}
        if known is not None and known.agreement_id is not None:
            if "sign_draft" in names:
                if known.stage is not Stage.DRAFT:
                    raise self._refusal(plan, "further_here", f"The agreement is {known.stage} here: sign it here.")
                if known.edited_here:
                    words = "The draft was edited here since the list entered it: have it signed here."
                    raise self._refusal(plan, "edited_here", words)
                parties = [row.agency_id for row in await read.all(_PARTIES, {"id": known.agreement_id})]
                plan.party = self._directory[next(party for party in parties if party != self._keeper.id)]
        elif names & {"draft", "record"}:
            if filing_key(self._number(plan.due.key)) in taken:
                words = f"There is an agreement {self._number(plan.due.key)} already."
                raise self._refusal(plan, "number_taken", words)
            self._find_party(plan)

    async def _check_offices(self, read: Read, plan: _Plan) -> None:
        """An agency that has its signing authorities on record is not signed for by an office that is not stated."""
        step = next((step for name, step in plan.acts if name in ("record", "sign_draft")), None)
        if step is not None and plan.party is not None:
            new = self._agreement(plan, step)
            assert isinstance(new, RecordedAgreement)
            try:
                await check_offices(read, new, new.parties)
            except RuleBroken as broken:
                raise self._refusal(plan, broken.code, broken.detail) from None

    def _find_party(self, plan: _Plan) -> None:
        _, name, _ = plan.due.key
        state = self._panel.state_codes[plan.due.key]
        try:
            plan.party = self._directory.at(state, name)
        except CellRefused as refused:
            raise self._refusal(plan, refused.code, refused.detail) from None
        if plan.party is None and not self._create_agencies:
            words = f"There is no agency {quoted(name)} in {state} here. Enter it first, or have it created."
            raise self._refusal(plan, "unknown_agency", words)
        if plan.party is None:
            kind = self._kind(plan)
            plan.create = NewAgency(name=name[:200], kind=kind, level=LEVEL_OF[kind], state=state)
            plan.party = Listed(
                id=new_id(), name=name, state=state, kind=kind, status=AgencyStatus.LISTED, time_zone=None, oris=[]
            )
            self._directory.add(plan.party)
        if plan.party.id == self._keeper.id:
            raise self._refusal(plan, "party_twice", "That is the agency that keeps the agreements.")

    def _kind(self, plan: _Plan) -> AgencyKind:
        """The type that the list gives first and that is known."""
        kinds = self._profile.agencies
        found = next((kinds[s.kind] for s in plan.due.sightings.values() if s.kind in kinds), None)
        if found is None:
            first = next(iter(plan.due.sightings.values()))
            words = f"{quoted(first.kind)} is none of: {', '.join(kinds)}."
            raise RowRefused(first.row.fault(self._profile.columns.kind, "type_unknown", words))
        return found

    def _refusal(self, plan: _Plan, code: str, detail: str) -> RowRefused:
        sighting = next(step.sighting for _, step in plan.acts if step.sighting is not None)
        return RowRefused(sighting.row.fault(self._profile.columns.agency, code, detail))

    def _number(self, key: Key) -> str:
        _, name, form = key
        return self._profile.number_of(self._panel.state_codes[key], name, form)

    async def apply(self, write: Write, planned: Sequence[_Plan]) -> None:
        """Write what was planned."""
        for plan in planned:
            await yield_to_others()
            await self._carry_out(write, plan)

    async def _carry_out(self, write: Write, plan: _Plan) -> None:
        """The agency where it is new, the deeds in their order, the listing."""
        if plan.create is not None and plan.party is not None:
            plan.party.id = (await create_agency(write, self._caller, plan.create)).id
        known = plan.due.known
        agreement_id = None if known is None else known.agreement_id
        is_ours = known is None or not known.edited_here
        digest: str | None = None
        for name, step in plan.acts:
            if name in NOTES:
                assert agreement_id is not None
                await entering.note_listing(write, self._caller, agreement_id, NOTES[name], self._told(step))
            else:
                new = self._agreement(plan, step)
                agreement_id, digest = await self._enter(write, agreement_id, new, step), digest_of(new, None)
        if agreement_id is not None and is_ours and plan.acts:
            await remember(write, self._caller, agreement_id, digest)
        await keep_listing(
            write, self._profile.source, self._keeper.id, plan.due.key, known, plan.due.listing, agreement_id
        )

    def _agreement(self, plan: _Plan, step: Step) -> NewAgreement:
        """What the list's row is taken to say."""
        assert plan.party is not None
        assert step.sighting is not None
        _, name, form = plan.due.key
        state, says = self._panel.state_codes[plan.due.key], self._profile.agreement
        same: dict[str, object] = {
            "number": self._profile.number_of(state, name, form),
            "title": self._profile.title_of(state, name, form),
            "kind": says.kind,
            "parties": [self._keeper.id, plan.party.id],
            "time_zone": says.time_zone,
            "notice": self._profile.forms[form].notice_of(self._keeper.id),
            "terms": says.terms,
        }
        signed_on = step.sighting.signed_on
        if step.on == "pending" or signed_on is None:
            return NewAgreement(**same, effective_on=civil_day(step.at, says.time_zone))  # type: ignore[arg-type]  # as named above
        return RecordedAgreement(
            **same,  # type: ignore[arg-type]
            effective_on=signed_on,
            custodian_id=self._keeper.id,
            signed_on=signed_on,
            signatory_title=says.signatory_title,
            evidence_sha256=step.sighting.row.sha256,
        )

    async def _enter(self, write: Write, agreement_id: UUID | None, new: NewAgreement, step: Step) -> UUID:
        if not isinstance(new, RecordedAgreement):
            return await entering.enter_draft(write, self._caller, self._keeper.id, new)
        told = {**self._told(step), "evidence": "the list's row"}
        if agreement_id is None:
            agreement_id = (await recording.record_agreement(write, self._caller, self._ledger_key, new, told)).id
        else:
            await entering.record_draft(write, self._caller, self._ledger_key, agreement_id, new, told)
        reason = REASON.format(self._profile.about, format_instant(step.at))
        for party in new.parties[1:]:
            await report_signature(write, self._caller, agreement_id, party, new, reason)
        return agreement_id

    def _told(self, step: Step) -> dict[str, object]:
        told: dict[str, object] = {
            "source": self._profile.source,
            "list": step.on,
            "snapshot": format_instant(step.at),
        }
        if step.last_seen is not None:
            told["last_seen"] = format_instant(step.last_seen)
        if step.on == "signed" and step.sighting is not None and step.was not in (None, step.sighting.signed_text):
            told["signed"] = {"from": step.was, "to": step.sighting.signed_text}
        return told

    def report(self, late: dict[When, str], *, unchanged: int, dry_run: bool) -> ReplayReport:
        """What became of everything."""
        newest = next(
            (self._panel.listed[when] for when in reversed(self._panel.timeline) if when[1] == "signed"), set()
        )
        counts = self._counts
        return ReplayReport(
            dry_run=dry_run,
            source=self._profile.source,
            facts=facts_of(self._panel, self._profile.columns.signed_on),
            listed=len(newest),
            recorded=len(newest & self.executed),
            drafts_entered=counts["draft"],
            agreements_recorded=counts["record"] + counts["sign_draft"],
            notes=sum(counts[name] for name in NOTES),
            agencies_created=counts["created"],
            unchanged=unchanged,
            not_replayed=[LateSnapshot(list=on, taken_at=at, reason=why) for (at, on), why in late.items()],
            refused=self._faults.rows,
            refused_left_out=self._faults.left_out,
        )


def _notes(due: Due) -> list[Act]:
    """What can be noted although nothing can be entered: where there is an agreement already."""
    if due.known is None or due.known.agreement_id is None:
        return []
    return [(name, step) for name, step in due.acts if name in NOTES]
