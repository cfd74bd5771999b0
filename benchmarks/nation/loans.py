"""Ten years of loans, each under an agreement that bound both and covered the asset, with its decision and allocation.

Of a decision only what others refer to is drawn: its facts are empty, and its one reason names no policy that exists.
"""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from msgspec import Raw, Struct

from benchmarks.agreements.data import Row, Rows, id_at
from benchmarks.nation.assets import DrawnAsset
from benchmarks.nation.shape import SEED
from registry.platform.kernel.text import folded
from registry.platform.kernel.time import Window
from registry.resources.allocations.rules import AllocationKind, AllocationStatus, Bookable
from registry.resources.assets.queries.describing import describe
from registry.resources.assets.queries.facts import AssetRow
from registry.resources.assets.rules import ServiceStatus, Sharing
from registry.sharing.loans.commands.reserving import snapshot
from registry.sharing.loans.rules import LoanStatus
from registry.sharing.policy.decisions import AgreementTried, Decision, DecisionReason, PolicySetRef

YEARS = 10
AHEAD = timedelta(days=60)
_PURPOSES = ("mutual_aid", "special_event", "training")
_DIGEST = "0" * 64
_encode = msgspec.json.Encoder(order="deterministic").encode
_NOT_YET = ("dispatched_at", "arrived_at", "returned_at", "due_when_returned_at", "closed_at")
_CONDITION: dict[str, object] = {"grade": "good", "note": "", "readings": {}, "evidence_sha256": []}


class Cover(Struct, kw_only=True, frozen=True):
    """A version of an agreement, for as long as it bound these parties."""

    agreement_id: UUID
    number: str
    version_id: UUID
    version_no: int
    start: datetime
    end: datetime
    parties: tuple[UUID, ...]
    categories: frozenset[str]


def covers_in(rows: Rows) -> Iterator[Cover]:
    """What the rows of agreements say of who was bound when."""
    numbers = {row["id"]: row["number"] for row in rows["agreement"]}
    versions = {row["id"]: row["no"] for row in rows["agreement_version"]}
    categories: dict[UUID, set[str]] = {}
    for row in rows["agreement_coverage"]:
        categories.setdefault(row["version_id"], set()).add(row["category"])
    parties: dict[tuple[UUID, UUID, datetime, datetime], list[UUID]] = {}
    for row in rows.get("agreement_party_window", ()):
        window = (row["agreement_id"], row["version_id"], row["starts_at"], row["ends_at"])
        parties.setdefault(window, []).append(row["agency_id"])
    for (agreement_id, version_id, start, end), agencies in parties.items():
        yield Cover(
            agreement_id=agreement_id,
            number=numbers[agreement_id],
            version_id=version_id,
            version_no=versions[version_id],
            start=start,
            end=end,
            parties=tuple(agencies),
            categories=frozenset(categories.get(version_id, ())),
        )


class _Lent(Struct, frozen=True):
    """An asset as each of its loans keeps it."""

    facts: AssetRow
    snapshot: Raw
    described: Raw
    search_text: str

    @classmethod
    def of(cls, asset: DrawnAsset) -> "_Lent":
        facts = facts_of(asset)
        return cls(
            facts,
            _written(snapshot(facts, asset.row["created_at"])),
            _written(describe(facts)),
            folded(facts.name, facts.tag),
        )


def _written(value: object) -> Raw:
    """As it is stored, so that it is written once for all loans of an asset."""
    return Raw(_encode(value))


class Loans:
    """The loans of one asset after the other, as many as are still owed in the mean."""

    def __init__(self, covers: dict[UUID, list[Cover]], count: int, assets: int, now: datetime, part: int) -> None:
        self._covers = covers
        self._draw = random.Random(f"{SEED} loans {part}")
        self._now = now
        self._first = now - timedelta(days=YEARS * 365)
        self._owed, self._assets_left = count, assets
        self._lent, self._seen = 0, 0

    def of(self, asset: DrawnAsset) -> Rows:
        """The rows of decisions, loans and allocations of an asset; none where nobody may borrow it."""
        rows: Rows = {"policy_decision": [], "loan": [], "allocation": []}
        lender = asset.row["agency_id"]
        path = asset.kind.category.path
        covers = [each for each in self._covers.get(lender, ()) if each.categories & path]
        self._seen += 1
        lendable = bool(covers) and asset.new.sharing is not Sharing.PRIVATE
        if lendable and asset.row["service_status"] is ServiceStatus.IN_SERVICE:
            self._lent += 1
            # What is owed is spread over the assets that are to come, of which as many are lent as were so far.
            mean = self._owed / max(self._assets_left * self._lent / self._seen, 1.0)
            times = int(self._draw.expovariate(1 / mean) + 0.5) if mean > 0 else 0
            its = _Lent.of(asset) if times else None
            for start, end in self._windows(times):
                open_then = [each for each in covers if each.start <= start and end <= each.end]
                if open_then:
                    cover = self._draw.choice(open_then)
                    borrower = self._draw.choice(cover.parties)
                    if its is not None and borrower != lender:
                        self._loan(its, cover, borrower, start, end, rows)
            self._owed -= len(rows["loan"])
        self._assets_left -= 1
        return rows

    def _windows(self, times: int) -> list[tuple[datetime, datetime]]:
        """Stretches one after the other, so that even an asset of which there is one is never taken twice."""
        if not times:
            return []
        # Somewhat more than are wanted, since for some there is no agreement or nobody but the owner.
        slots = round(times * 1.6) + 1
        length = (YEARS * 365 + AHEAD.days) * 24 / slots
        found = []
        for slot in range(slots):
            hours = min(self._draw.choice((2, 8, 24, 48, 72)), max(int(length / 2), 1))
            latest = max(int(length) - hours - 2, 0)
            start = self._first + timedelta(hours=int(slot * length) + self._draw.randint(0, latest))
            found.append((start, start + timedelta(hours=hours)))
        return found

    def _loan(self, lent: _Lent, cover: Cover, borrower: UUID, start: datetime, end: datetime, rows: Rows) -> None:
        draw, facts = self._draw, lent.facts
        asked = min(start, self._now) - timedelta(hours=draw.randint(2, 96))
        loan_id, decision_id, allocation_id = (id_at(asked, draw) for _ in range(3))
        status = self._status(start, end)
        purpose = draw.choice(_PURPOSES)
        sides = {"requesting_agency_id": borrower, "assisting_agency_id": facts.agency_id}
        its = {"asset_id": facts.id, "quantity": 1, **sides}
        rows["policy_decision"].append(_decision(decision_id, its, cover, purpose, start, end, asked))
        steps = self._steps(status, start, end)
        rows["loan"].append(
            {
                "id": loan_id,
                **its,
                "reserved_quantity": 1,
                "asset_snapshot": lent.snapshot,
                "asset_described": lent.described,
                "agreement_id": cover.agreement_id,
                "agreement_version_id": cover.version_id,
                "decision_id": decision_id,
                "root_decision_id": decision_id,
                "search_text": lent.search_text,
                "category": facts.category,
                "purpose": purpose,
                "separation_relaxed": False,
                "status": status,
                "starts_at": start,
                "planned_end_at": end,
                "requested_at": asked,
                "reserved_at": asked,
                **steps,
                "condition_out": None if steps["dispatched_at"] is None else _CONDITION,
                "condition_in": None if steps["returned_at"] is None else _CONDITION,
                "ended_reason": "No longer needed" if status in (LoanStatus.CANCELLED, LoanStatus.NO_SHOW) else None,
                "version": 1 + sum(steps[name] is not None for name in _NOT_YET if name != "due_when_returned_at"),
                "created_at": asked,
                "updated_at": max([asked, *(at for at in steps.values() if at is not None and at <= self._now)]),
            }
        )
        bookable = Bookable(id=facts.id, capacity=facts.capacity, in_service=True, turnaround=facts.turnaround)
        held = {LoanStatus.RESERVED: AllocationStatus.HELD, LoanStatus.ON_SCENE: AllocationStatus.OUT}
        rows["allocation"].append(
            {
                "id": allocation_id,
                "kind": AllocationKind.LOAN.value,
                "loan_id": loan_id,
                **its,
                "exclusive": facts.capacity == 1,
                "whole": False,
                "status": held.get(status, AllocationStatus.RELEASED).value,
                "starts_at": start,
                "ends_at": end,
                "blocks_from_at": bookable.blocks_from(start),
                "free_at": bookable.with_turnaround(Window(start=start, end=end)).end,
                "created_at": asked,
            }
        )

    def _status(self, start: datetime, end: datetime) -> LoanStatus:
        if start > self._now:
            return LoanStatus.RESERVED
        if end > self._now:
            return LoanStatus.ON_SCENE
        return self._draw.choices((LoanStatus.CLOSED, LoanStatus.CANCELLED, LoanStatus.NO_SHOW), (90, 8, 2))[0]

    def _steps(self, status: LoanStatus, start: datetime, end: datetime) -> dict[str, datetime | None]:
        steps: dict[str, datetime | None] = dict.fromkeys(_NOT_YET)
        if status in (LoanStatus.ON_SCENE, LoanStatus.CLOSED):
            steps |= {"dispatched_at": start, "arrived_at": start + timedelta(minutes=self._draw.randint(5, 55))}
        if status is LoanStatus.CLOSED:
            returned = end + timedelta(minutes=self._draw.randint(-50, 50))
            steps |= {"returned_at": returned, "due_when_returned_at": end, "closed_at": returned + timedelta(hours=1)}
        return steps


def facts_of(asset: DrawnAsset) -> AssetRow:
    """The asset as a loan sees it."""
    row, new = asset.row, asset.new
    return AssetRow(
        id=row["id"],
        agency_id=row["agency_id"],
        category=new.category,
        category_path=tuple(asset.kind.category.path),
        name=new.name,
        tag=row["tag"],
        type_level=new.type_level,
        description=new.description,
        attributes=new.attributes,
        capacity=new.capacity,
        sharing=new.sharing,
        service_status=row["service_status"],
        latitude=row["latitude"],
        longitude=row["longitude"],
        mobilisation_minutes=new.mobilisation_minutes,
        turnaround=timedelta(minutes=new.turnaround_minutes),
        hourly_rate_minor=row["hourly_rate_minor"],
        currency=row["currency"],
        hourly_rates=(),
        time_zone=None,
        funding=tuple(new.funding),
        certification_required=row["certification_required"],
        condition=None,
        crew=(),
        certifications=tuple(new.certifications),
        has_certificates=False,
        weeks_in=None,
        version=row["version"],
    )


def _decision(
    decision_id: UUID, its: Row, cover: Cover, purpose: str, start: datetime, end: datetime, at: datetime
) -> Row:
    reason = DecisionReason(
        policy_id="drawn",
        layer="baseline",
        effect="permit",
        title="Drawn",
        reason="The agreement covers the asset.",
        citation=None,
        clause=None,
    )
    decision = Decision(
        outcome="permitted",
        agreement=AgreementTried(
            agreement_id=cover.agreement_id,
            number=cover.number,
            version_id=cover.version_id,
            version_no=cover.version_no,
        ),
        alternatives=(),
        reasons=(reason,),
        approvals=(),
        obligations=(),
        near_misses=(),
        policy_set=PolicySetRef(digest=_DIGEST, layers={}),
        input_digest=_DIGEST,
        evaluated_at=at,
    )
    return {
        "id": decision_id,
        "root_decision_id": decision_id,
        "action_at": "request",
        "outcome": "permitted",
        **its,
        "agreement_id": cover.agreement_id,
        "agreement_version_id": cover.version_id,
        "ask_digest": _DIGEST,
        "input_digest": _DIGEST,
        "facts": b"{}",
        "policy_set_digest": _DIGEST,
        "decision": decision,
        "evaluated_at": at,
        "asked_by": "coordinator@benchmark",
        "purpose": purpose,
        "priority": "routine",
        "starts_at": start,
        "ends_at": end,
        "requested_at": at,
    }
