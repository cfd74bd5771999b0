"""What is proposed to all who are bound, who has consented, and when that is complete."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import (
    OF_ONE,
    ClosedBecause,
    Consenting,
    EndingGround,
    Lapse,
    ProposalKind,
    ReportStatus,
    agreed_at,
    ended_by_own_word,
    is_open,
    left_before_asked,
)
from registry.agreements.instruments.consent_tables import (
    agreement_consent,
    agreement_proposal,
    agreement_reported_act,
)
from registry.agreements.instruments.queries.consents import newcomers_of
from registry.agreements.instruments.queries.lapsing import is_recorded, lapse, with_ends
from registry.agreements.instruments.rules import has_left, is_gone
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.platform.database.handles import Write
from registry.platform.kernel.intervals import Interval, earliest

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_ANSWERS = sa.select(*(agreement_reported_act.c[name] for name in ("proposal_id", "agency_id", "status"))).where(
    agreement_reported_act.c.agreement_id == _ID,
    agreement_reported_act.c.proposal_id.is_not(None),
    sa.or_(
        agreement_reported_act.c.status.in_((ReportStatus.CONTESTED, ReportStatus.CONFIRMED)),
        sa.and_(agreement_reported_act.c.status == ReportStatus.OPEN, agreement_reported_act.c.is_settled),
    ),
)
_PROPOSALS = with_ends(
    sa.select(agreement_proposal)
    .where(agreement_proposal.c.agreement_id == _ID, agreement_proposal.c.taken_back_at.is_(None))
    .order_by(agreement_proposal.c.id)
)
_CONSENTS = (
    sa.select(agreement_consent)
    .join(agreement_proposal, agreement_proposal.c.id == agreement_consent.c.proposal_id)
    .where(agreement_proposal.c.agreement_id == _ID, agreement_proposal.c.taken_back_at.is_(None))
)
_ASKS_NOBODY_LATER = (EndingGround.RIGHT_TO_END, EndingGround.REPORTED)
_ASK = agreement_consent.insert()
_SET_AGREED = agreement_proposal.update().where(
    agreement_proposal.c.id == sa.bindparam("its_id", type_=agreement_proposal.c.id.type)
)
_INSERT_PARTY = agreement_party.insert()


class Proposed(Struct, kw_only=True, frozen=True):
    """A proposal as it stands; `given` holds who was asked, and from when its consent counts.

    `is_recorded`: it was agreed on paper before it came here.

    `lapse`: when it comes to nothing by itself; `lapsed`: why it has. Of an end that was only reported, by who is no
    party: `denied_by` are the parties that contest it, `said_by` those that confirmed it, or did not contest in time.
    """

    id: UUID
    kind: ProposalKind
    proposed_by_id: UUID
    proposed_at: datetime
    not_before: datetime
    ends_at: datetime | None
    is_recorded: bool
    notice_on: date | None
    notice_kind: str | None
    newcomer_ids: tuple[UUID, ...]
    successor_id: UUID | None
    signed_version_id: UUID | None
    approval_id: UUID | None
    notice_of_id: UUID | None
    given: Mapping[UUID, datetime | None]
    otherwise_at: datetime | None
    stored_agreed_at: datetime | None
    lapse: Lapse | None
    lapsed: ClosedBecause | None
    is_reported_end: bool = False
    denied_by: frozenset[UUID] = frozenset()
    said_by: frozenset[UUID] = frozenset()
    agreed_at: datetime | None = None

    def may_lapse(self, now: datetime) -> bool:
        """Whether it may come to nothing by the end of the agreement, whenever that is: it has no effect yet."""
        waits = self.agreed_at is None or self.agreed_at > now
        return waits and self.lapsed is None and not self.is_recorded and self.kind not in OF_ONE

    def waits_past_its_lapse(self, now: datetime) -> bool:
        """Whether it will come to nothing by itself, as things stand."""
        return self.lapse is not None and self.lapse.at > now and self.lapse.has_come(self.agreed_at, self.lapse.at)


async def proposals_of(
    write: Write, agreement_id: UUID, parts: Mapping[UUID, Row[Any]], now: datetime
) -> list[Proposed]:
    """Those that were not taken back, in order. Who came to be bound while one was open is asked too.

    Of newcomers that all consented to, so is whoever was named before them and comes to be bound after.
    """
    rows = await write.all(_PROPOSALS, {"id": agreement_id})
    if not rows:
        return []
    given: dict[UUID, dict[UUID, datetime | None]] = {row.id: {} for row in rows}
    for each in await write.all(_CONSENTS, {"id": agreement_id}):
        given[each.proposal_id][each.agency_id] = each.counts_from
    denied: dict[UUID, set[UUID]] = {row.id: set() for row in rows}
    said: dict[UUID, set[UUID]] = {row.id: set() for row in rows}
    reported_ends = {row.id for row in rows if row.ground == EndingGround.REPORTED}
    if reported_ends:
        for each in await write.all(_ANSWERS, {"id": agreement_id}):
            if each.proposal_id in reported_ends:
                of = denied if each.status == ReportStatus.CONTESTED else said
                of[each.proposal_id].add(each.agency_id)
    found = []
    for row in rows:
        answers, newcomers = given[row.id], newcomers_of(row)
        ends = lapse(row)
        lapsed = ends.because if ends is not None and ends.has_come(row.agreed_at, now) else None
        asked = (*answers, row.proposed_by_id, *newcomers)
        late = [agency_id for agency_id in bound_now(parts, now) if agency_id not in asked]
        if row.kind == ProposalKind.NEWCOMERS and row.agreed_at is not None:
            late = [agency_id for agency_id in late if _named_before(parts, agency_id, newcomers)] if answers else []
        elif row.ground in _ASKS_NOBODY_LATER or not is_open(row.agreed_at, answers.values(), now):
            late = []
        elif row.kind in OF_ONE:
            late = []  # told to those whose days it touched when it was recorded: who came later relied on none before
        if late:
            await write.run(_ASK, [{"proposal_id": row.id, "agency_id": each} for each in late])
            answers |= dict.fromkeys(late)
        found.append(
            Proposed(
                id=row.id,
                kind=ProposalKind(row.kind),
                proposed_by_id=row.proposed_by_id,
                proposed_at=row.proposed_at,
                not_before=row.not_before,
                ends_at=row.ends_at,
                is_recorded=is_recorded(row),
                notice_on=row.notice_on,
                notice_kind=row.notice_kind,
                newcomer_ids=newcomers,
                successor_id=row.successor_id,
                signed_version_id=row.signed_version_id,
                approval_id=row.approval_id,
                notice_of_id=row.notice_of_id,
                given=answers,
                otherwise_at=row.otherwise_at,
                stored_agreed_at=row.agreed_at,
                lapse=ends,
                lapsed=lapsed,
                is_reported_end=row.id in reported_ends,
                denied_by=frozenset(denied[row.id]),
                said_by=frozenset(said[row.id] - denied[row.id]),
            )
        )
    return found


def _named_before(parts: Mapping[UUID, Row[Any]], agency_id: UUID, newcomers: Sequence[UUID]) -> bool:
    """Whether the party was one before these came."""
    own = parts[agency_id].named_at
    came = [parts[each].named_at for each in newcomers if each in parts and parts[each].named_at is not None]
    return bool(came) and agency_id not in newcomers and (own is None or own < min(came))


def completed(
    each: Proposed, parts: Mapping[UUID, Row[Any]], gone: Mapping[UUID, datetime | None], now: datetime
) -> datetime | None:
    """When it takes effect: all who are asked have consented or are gone by then, or a right needs nobody's consent.

    Of days on which one was bound that had left before, its own consent is needed. Who was let in stays so, whoever
    comes to be asked about it afterwards. What has lapsed never does, nor a departure that the party itself has not
    said, or no longer: what others say of it is no notice. An end that was reported waits for each that is bound by
    `now`, whenever it bound itself: it ends on what another says of it only what binds nobody. While one contests it
    there is no end for all.
    """
    leaver_id = each.proposed_by_id if each.kind is ProposalKind.DEPARTURE else None  # asked is whether it has left
    if each.lapsed is not None or each.denied_by or (leaver_id is not None and each.given.get(leaver_id) is None):
        return None
    if each.is_reported_end and not _bound_by(parts, now) <= each.said_by:
        return None
    if each.newcomer_ids and each.stored_agreed_at is not None and all(n in parts for n in each.newcomer_ids):
        return each.stored_agreed_at
    waited = {agency_id for agency_id, at in gone.items() if left_before_asked(at, each.not_before, each.proposed_at)}
    if leaver_id is not None:
        waited.add(leaver_id)
    asked = [
        Consenting(given_at=at, leaves_at=None if agency_id in waited else gone.get(agency_id))
        for agency_id, at in each.given.items()
        if agency_id in parts and parts[agency_id].joined_at is not None
    ]
    return earliest(agreed_at(each.not_before, asked), each.otherwise_at)


def _bound_by(parts: Mapping[UUID, Row[Any]], now: datetime) -> set[UUID]:
    """The parties that have bound themselves by now and stay so; whose signature is reported may yet contest it."""
    return {each for each in bound_now(parts, now) if parts[each].joined_at <= now}


def over_on_record(proposals: Sequence[Proposed], parts: Mapping[UUID, Row[Any]], agency_id: UUID) -> datetime | None:
    """Until when alone the party is bound by its own word, of an end that was reported and that another contests."""
    joined = {each for each, part in parts.items() if part.joined_at is not None}
    return earliest(
        *(
            each.not_before
            for each in proposals
            if each.denied_by and agency_id in ended_by_own_word(each.said_by, each.denied_by, joined)
        )
    )


def left_at(parts: Mapping[UUID, Row[Any]], released: Mapping[UUID, datetime]) -> dict[UUID, datetime | None]:
    """As `gone_at`, whoever has lapsed."""
    return {agency_id: earliest(part.leaves_at, released.get(agency_id)) for agency_id, part in parts.items()}


def gone_at(parts: Mapping[UUID, Row[Any]], released: Mapping[UUID, datetime]) -> dict[UUID, datetime | None]:
    """When each party stops being bound: by its notice, as another text took this one's place for it, or it lapses."""
    return {
        agency_id: earliest(part.leaves_at, part.lapsed_at, released.get(agency_id))
        for agency_id, part in parts.items()
    }


def gone_by(
    parts: Mapping[UUID, Row[Any]], released: Mapping[UUID, datetime], now: datetime
) -> dict[UUID, datetime | None]:
    """As `gone_at`; that a party will lapse is a forecast, and no consent: what waits for it waits until it has.

    Who has given notice has said that it leaves: that counts from now on, with its instant.
    """
    return {
        agency_id: earliest(part.leaves_at, _if_come(part.lapsed_at, now), released.get(agency_id))
        for agency_id, part in parts.items()
    }


def _if_come(at: datetime | None, now: datetime) -> datetime | None:
    return at if at is not None and at <= now else None


def unanswered(each: Proposed, parts: Mapping[UUID, Row[Any]], now: datetime) -> dict[UUID, Interval]:
    """By party, since when it is held up because it has not consented to newcomers that are bound by now."""
    if not each.newcomer_ids or each.agreed_at is None:
        return {}
    came = [parts[n].joined_at for n in each.newcomer_ids if n in parts and parts[n].joined_at is not None]
    return {
        agency_id: Interval(start=min(came), end=at)
        for agency_id, at in each.given.items()
        if came and (at is None or at > now)
    }


def bound_now(parts: Mapping[UUID, Row[Any]], now: datetime) -> list[UUID]:
    """The parties that have joined, or will by a report, and neither left nor been released."""
    return bound_since(parts, now)


def bound_since(parts: Mapping[UUID, Row[Any]], at: datetime, kind: ProposalKind | None = None) -> list[UUID]:
    """The parties that are asked of what changes the days from that instant on: all that are bound on one of them.

    Who has left meanwhile is among them, since no others take its days away.
    Of a departure so is who has lapsed: that a party left says something of the days before, whoever signs later.
    """
    return [
        agency_id for agency_id, part in parts.items() if part.joined_at is not None and not _is_out(part, at, kind)
    ]


def _is_out(part: Row[Any], at: datetime, kind: ProposalKind | None) -> bool:
    return has_left(part.leaves_at, part.released_at, at) if kind is ProposalKind.DEPARTURE else is_gone(part, at)


async def write_agreed(
    write: Write,
    proposals: Sequence[Proposed],
    parts: Mapping[UUID, Row[Any]],
    released: Mapping[UUID, datetime],
    in_place_at: Mapping[UUID, datetime],
    now: datetime,
) -> list[Proposed]:
    """The proposals with the instants at which they are complete, which are noted.

    A supersession takes effect when the other text is in its place (`in_place_at`), once that is in sight.
    """
    found, gone = [], gone_by(parts, released, now)
    for each in proposals:
        # A supersession releases those who are asked about it: that they are gone by it completes nothing.
        there = gone_by(parts, {}, now) if each.kind is ProposalKind.SUPERSESSION else gone
        if each.kind is ProposalKind.DEPARTURE:
            there = left_at(parts, released)
        if each.kind is ProposalKind.EARLIER_DAY:
            # That one has left meanwhile says nothing of the days before; who had left by that day has none of them.
            there = {agency_id: at for agency_id, at in gone.items() if at is not None and at <= each.not_before}
        at = completed(each, parts, there, now)
        at = in_place_at.get(each.id, at)
        if at != each.stored_agreed_at:
            await write.run(_SET_AGREED, {"its_id": each.id, "agreed_at": at})
        found.append(msgspec.structs.replace(each, agreed_at=at))
    return found


async def admit(
    write: Write,
    agreement_id: UUID,
    proposals: Sequence[Proposed],
    parts: Mapping[UUID, Row[Any]],
    now: datetime,
    *,
    before: datetime | None,
) -> list[UUID]:
    """Let those sign to whom all who are bound have consented before the agreement ends; who they are."""
    admitted = [
        agency_id
        for each in proposals
        if each.agreed_at is not None and each.agreed_at <= now and (before is None or each.agreed_at < before)
        for agency_id in each.newcomer_ids
        if agency_id not in parts
    ]
    if admitted:
        await write.run(
            _INSERT_PARTY,
            [
                {"agreement_id": agreement_id, "agency_id": agency_id, "ordinal": len(parts) + n, "named_at": now}
                for n, agency_id in enumerate(admitted)
            ],
        )
    return admitted
