"""The acts of a timeline, in the order of their days, and what the report of one came to. Pure."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import msgspec

from registry.agreements.instruments.consent import ReportedKind
from registry.agreements.instruments.days import Days
from registry.agreements.instruments.schemas.consenting import ReportedAct
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.timeline.rules import ActBasis, ActKind, ActStatus, Mark
from registry.agreements.timeline.schemas import TimelineAct
from registry.directory.agencies.schemas import AgencyReference

_IN_EFFECT = ("confirmed", "uncontested")
NEVER = datetime.max.replace(tzinfo=UTC)


class Acts:
    """The acts found so far; `by_parties` and `by_all` find them. `over_at`: when it ends for all, see `ends`."""

    def __init__(self, found: Agreement, days: Days, over_at: datetime | None = None) -> None:
        self.found = found
        self.days = days
        self.over_at = over_at
        self.parties: dict[UUID, AgencyReference] = {each.agency.id: each.agency for each in found.parties}
        self.version_nos: dict[str, int] = {}
        self._used: set[UUID] = set()
        self._all: list[TimelineAct] = []

    def add(
        self,
        kind: ActKind,
        detail: str,
        *,
        basis: ActBasis,
        agency: AgencyReference | None = None,
        acted_on: date | None = None,
        counts_from: datetime | None = None,
        version_no: int | None = None,
        status: ActStatus | None = None,
        reported_only: bool = False,
        recorded_by: AgencyReference | None = None,
        recorded_at: datetime | None = None,
        evidence: Evidence | None = None,
        reported_act_id: UUID | None = None,
        proposal_id: UUID | None = None,
    ) -> None:
        """Tell of an act."""
        self._all.append(
            TimelineAct(
                act_no=0,
                kind=kind,
                agency=agency,
                acted_on=acted_on,
                counts_from=counts_from,
                counts_on=None if counts_from is None else self.days.first(counts_from),
                version_no=version_no,
                basis=basis,
                status=status,
                reported_only=reported_only,
                recorded_by=recorded_by,
                recorded_at=recorded_at,
                evidence=evidence,
                reported_act_id=reported_act_id,
                proposal_id=proposal_id,
                detail=detail,
            )
        )

    def counts(self, agency_id: UUID, at: datetime) -> bool:
        """Whether an act of the party counts from that instant."""
        return any(
            each.agency is not None and each.agency.id == agency_id and each.counts_from == at for each in self._all
        )

    def signed_from(self, agency_id: UUID) -> datetime:
        """From when the party's first signature counts that was told of; never, where it has not signed."""
        signed = [
            each.counts_from
            for each in self._all
            if each.kind is ActKind.SIGNED
            and each.agency is not None
            and each.agency.id == agency_id
            and each.counts_from is not None
        ]
        return min(signed, default=NEVER)

    def report_of(
        self, agency_id: UUID, kinds: Collection[ReportedKind], version_sha256: str | None
    ) -> ReportedAct | None:
        """The report that came to be the act; it is told of no second time."""
        for each in self.found.reported_acts:
            fits = each.agency.id == agency_id and each.kind in kinds and each.status in _IN_EFFECT
            if fits and each.id not in self._used and version_sha256 in (None, each.version_sha256):
                self._used.add(each.id)
                return each
        return None

    def untold_reports(self) -> list[ReportedAct]:
        """Those that did not become an act that was told of."""
        return [each for each in self.found.reported_acts if each.id not in self._used]

    def numbered(self) -> list[TimelineAct]:
        """All of them in order of their days, with their numbers."""
        places = {agency_id: n for n, agency_id in enumerate(self.parties)}
        kinds = list(ActKind)

        def order(each: TimelineAct) -> tuple[Any, ...]:
            at = each.counts_from or each.recorded_at
            day = each.acted_on or (self.days.first(at) if at is not None else date.max)
            place = -1 if each.agency is None else places.get(each.agency.id, len(places))
            return (day, each.counts_from or NEVER, kinds.index(each.kind), place, each.recorded_at or NEVER)

        return [msgspec.structs.replace(each, act_no=n) for n, each in enumerate(sorted(self._all, key=order), 1)]


def marks_of(acts: Iterable[TimelineAct]) -> list[Mark]:
    """Where the acts may begin or end a window."""
    return [
        Mark(
            act_no=each.act_no,
            kind=each.kind,
            agency_id=None if each.agency is None else each.agency.id,
            counts_from=each.counts_from,
            version_no=each.version_no,
        )
        for each in acts
    ]


def contested_of(found: Agreement, acts: Iterable[TimelineAct], agency_id: UUID) -> list[int]:
    """What is reported of the party and contested, by itself or, of its departure, by another."""
    own = {each.id for each in found.proposals if each.proposed_by.id == agency_id}
    return [
        each.act_no
        for each in acts
        if each.status is ActStatus.CONTESTED
        and each.agency is not None
        and (each.agency.id == agency_id or each.proposal_id in own)
    ]
