"""Notices that were given and taken back, and receipts of notices that were corrected, as the ledger alone has them.

Nothing of them binds, so they stand nowhere else. Pure.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct

from registry.agreements.timeline.wording import Corrected, Given, TakenBack
from registry.platform.ledger.event_types import EventType

_GIVEN = (EventType.AGREEMENT_NOTICE_GIVEN, EventType.AGREEMENT_NOTICE_RECORDED)
_RESCINDED, _PROPOSAL_TAKEN_BACK = EventType.AGREEMENT_NOTICE_RESCINDED, EventType.AGREEMENT_PROPOSAL_TAKEN_BACK
_CORRECTED = EventType.AGREEMENT_RECEIPT_CORRECTED
EVENTS = (*_GIVEN, _RESCINDED, _PROPOSAL_TAKEN_BACK, _CORRECTED)
"""What the ledger tells of notices."""


class _Data(Struct, frozen=True):
    """What is told of a notice, of whichever event; of a proposal that is taken back its id alone matters."""

    kind: str | None = None
    notice_on: date | None = None
    evidence_sha256: str | None = None
    evidence_location: str | None = None
    proposal_id: UUID | None = None
    notice_of_agency_id: UUID | None = None
    received_on: date | None = None
    recorded_before: date | None = None
    reason: str = ""


class _Event(Struct, frozen=True):
    data: _Data


_event = msgspec.json.Decoder(_Event).decode


def notices_taken_back(events: Iterable[Any]) -> list[TakenBack]:
    """In the order in which they were taken back; `events` are the ledger's `EVENTS` of the agreement, in order.

    One whose own day waited for the others goes, too, with what was put to them.
    """
    standing: dict[UUID, tuple[Given, UUID | None]] = {}
    found: list[TakenBack] = []
    for row in events:
        its, agency_id, at = _event(row.canonical).data, row.actor_agency_id, row.recorded_at
        if row.type in _GIVEN:
            standing[agency_id] = _given(its, at), its.proposal_id
        elif row.type == _RESCINDED:
            given, _ = standing.pop(agency_id, (None, None))
            found.append(TakenBack(agency_id=agency_id, at=at, given=given))
        elif row.type == _PROPOSAL_TAKEN_BACK and agency_id in standing and its.proposal_id == standing[agency_id][1]:
            given, _ = standing.pop(agency_id)
            found.append(TakenBack(agency_id=agency_id, at=at, given=given))
    return found


def receipts_corrected(events: Iterable[Any]) -> list[Corrected]:
    """In the order in which they were corrected; `events` as of `notices_taken_back`, and whether they were `told`."""
    found: list[Corrected] = []
    for row in events:
        if row.type == _CORRECTED:
            its = _event(row.canonical).data
            assert its.notice_of_agency_id is not None, "each is of somebody's notice"
            assert its.received_on is not None, "with the day that counts"
            assert its.recorded_before is not None, "and the one that did"
            found.append(
                Corrected(
                    agency_id=row.actor_agency_id,
                    giver_id=its.notice_of_agency_id,
                    received_on=its.received_on,
                    recorded_before=its.recorded_before,
                    reason=its.reason if row.told else None,
                    at=row.recorded_at,
                )
            )
    return found


def _given(its: _Data, at: datetime) -> Given:
    assert its.kind is not None, "each notice has its kind"
    assert its.notice_on is not None, "and its day"
    return Given(
        notice_kind=its.kind,
        acted_on=its.notice_on,
        recorded_at=at,
        evidence_sha256=its.evidence_sha256,
        evidence_location=its.evidence_location,
    )
