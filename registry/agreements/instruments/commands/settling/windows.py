"""The one place that writes who is bound when, by which text, and what follows: computed anew from everything."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.locking import lock
from registry.agreements.instruments.commands.settling.amendments_out import (
    amendment_signed_at,
    amendments_out,
    date_papers,
)
from registry.agreements.instruments.commands.settling.approvals import approvals_of
from registry.agreements.instruments.commands.settling.closing import (
    Closed,
    close_moot,
    close_proposals,
    close_what_is_on_its_way,
)
from registry.agreements.instruments.commands.settling.dated_back import date_back
from registry.agreements.instruments.commands.settling.departed import departures, dissolutions, next_leaving, parts_of
from registry.agreements.instruments.commands.settling.executing import (
    execute_amendment,
    take_lasting_text,
    take_latest_text,
)
from registry.agreements.instruments.commands.settling.joined import joined_by_signature
from registry.agreements.instruments.commands.settling.lapsed import lapsed_parts
from registry.agreements.instruments.commands.settling.notice_windows import notice_windows
from registry.agreements.instruments.commands.settling.party_days import keep_days, settle_days
from registry.agreements.instruments.commands.settling.pending import keep_end, keep_without, rehearse_without
from registry.agreements.instruments.commands.settling.proposed import (
    Proposed,
    admit,
    over_on_record,
    proposals_of,
    unanswered,
    write_agreed,
)
from registry.agreements.instruments.commands.settling.published import Published, settle_publications
from registry.agreements.instruments.commands.settling.redated import redated_notices
from registry.agreements.instruments.commands.settling.released import releases
from registry.agreements.instruments.commands.settling.shown_to_others import show_to_others
from registry.agreements.instruments.commands.settling.unasked import rewrite_unasked
from registry.agreements.instruments.commands.settling.uncontested import settle_reports
from registry.agreements.instruments.consent import (
    CONTEST_PERIOD,
    ProposalKind,
    ReportStatus,
    suspended_stretches,
)
from registry.agreements.instruments.consent_tables import (
    agreement_party_suspension,
    agreement_proposal,
    agreement_reported_act,
)
from registry.agreements.instruments.ends import End, bound_ends, end_for_all, end_for_others, last_day_of
from registry.agreements.instruments.histories import AgreementDates, BoundWindow, TextWindow, VerbalActivation
from registry.agreements.instruments.in_force import bound_until, bound_windows, force_windows
from registry.agreements.instruments.party_days import lasting_windows
from registry.agreements.instruments.queries.in_force import OPEN_END, end_of
from registry.agreements.instruments.queries.signed_texts import histories_of, pending_signatures, signed_texts
from registry.agreements.instruments.queries.texts import dates_of, executed_texts
from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.shown_texts import own_text, shown_windows
from registry.agreements.instruments.tables import (
    agreement,
    agreement_force_window,
    agreement_notice_window,
    agreement_party_window,
    agreement_suspension,
    agreement_text_window,
)
from registry.agreements.instruments.terms import Terms, roles_of
from registry.agreements.instruments.told import alone_at
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import WrongStatus
from registry.platform.kernel.intervals import Interval, earliest

_MOST_BITS = 62
_ALWAYS = datetime.min.replace(tzinfo=UTC)
_FINAL = (Stage.TERMINATED, Stage.SUPERSEDED)

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_AGREEMENT = sa.select(
    agreement.c.id,
    agreement.c.stage,
    agreement.c.executed_at,
    agreement.c.starts_at,
    agreement.c.ends_at,
    agreement.c.over_at,
    agreement.c.over_by,
    agreement.c.terminated_at,
    agreement.c.time_zone,
    agreement.c.ratify_by,
    agreement.c.number,
    agreement.c.public_version,
).where(agreement.c.id == _ID)
_SET = agreement.update().where(agreement.c.id == sa.bindparam("its_id", type_=agreement.c.id.type))
_PAUSES = sa.select(agreement_party_suspension).where(agreement_party_suspension.c.agreement_id == _ID)
_SUPERSEDED_BY_IT = (
    sa.select(agreement_proposal.c.agreement_id)
    .where(agreement_proposal.c.successor_id == _ID, agreement_proposal.c.taken_back_at.is_(None))
    .distinct()
)
_NEXT_EFFECT = sa.select(sa.func.min(agreement_reported_act.c.notified_at, type_=agreement.c.starts_at.type)).where(
    agreement_reported_act.c.agreement_id == _ID,
    agreement_reported_act.c.status == ReportStatus.OPEN,
    ~agreement_reported_act.c.is_settled,
)
_DERIVED = (
    agreement_suspension,
    agreement_party_window,
    agreement_text_window,
    agreement_force_window,
    agreement_notice_window,
)
_DELETE = {table.name: table.delete().where(table.c.agreement_id == _ID) for table in _DERIVED}
_INSERT = {table.name: table.insert() for table in _DERIVED}


class Settled(Struct, kw_only=True):
    """What came about in an agreement when everything was computed anew: there is something to record of it.

    `lapsing_by`: the end by which proposals lapse that wait, or take effect later; None where there are none.
    """

    agreement_id: UUID
    amendment: UUID | None = None
    newcomers: list[UUID] = []
    published: list[Published] = []
    closed: list[Closed] = []
    superseded_at: datetime | None = None
    released: dict[UUID, datetime | None] = {}
    lapsing_by: End | None = None

    def takes(self, after: "Settled") -> None:
        """What came about afterwards came about with it."""
        self.amendment = self.amendment or after.amendment
        self.superseded_at = self.superseded_at or after.superseded_at
        self.newcomers, self.published = self.newcomers + after.newcomers, self.published + after.published
        self.closed, self.released = self.closed + after.closed, self.released | after.released


async def rewrite_windows(
    write: Write, agreement_id: UUID, now: datetime, *, successors: frozenset[UUID] = frozenset()
) -> list[Settled]:
    """Make the windows say what the agreement's dates and its parties' say, and those whose place it takes likewise.

    Commands call it through `holding.follow` and `follow_by_itself`, which record what came about: it is returned of
    this agreement first, then of each other. `successors` are being computed already: none is again.

    What is known to take effect later stands in the windows with its instant, so nothing has to happen then. Once it
    has come, what was reported is dated back and an amendment executed, by the next change or the next sweep. How it is
    without the reports that may still be contested is kept beside, for what is shown until then.
    """
    await settle_reports(write, agreement_id, now)

    async def anew() -> Settled:
        return await settle(write, agreement_id, now)

    without = await rehearse_without(write, agreement_id, anew)
    settled = await anew()
    await keep_without(write, agreement_id, without)
    taken = await take_lasting_text(write, agreement_id, None if without is None else without.held, now)
    if without is not None:
        await keep_end(write, agreement_id, without.end)
    if taken or await _lapse_otherwise(write, agreement_id, settled):
        settled.takes(await anew())
        if without is not None:
            await keep_end(write, agreement_id, without.end)
    if without is not None:
        await keep_days(write, agreement_id, without.days)
    found = [settled]
    successors |= {agreement_id}
    for older in await write.all(_SUPERSEDED_BY_IT, {"id": agreement_id}):
        if older.agreement_id not in successors:
            await lock(write, now, older.agreement_id)
            found += await rewrite_windows(write, older.agreement_id, now, successors=successors)
    return found


async def _lapse_otherwise(write: Write, agreement_id: UUID, settled: Settled) -> bool:
    """Whether what waits lapses by another end than the one which was on record before."""
    if settled.lapsing_by is None:
        return False
    row = await write.first(_AGREEMENT, {"id": agreement_id})
    assert row is not None
    return End(row.over_at, row.over_by) != settled.lapsing_by


async def settle(write: Write, agreement_id: UUID, now: datetime) -> Settled:
    """As `rewrite_windows`, of that agreement alone, with the reports as they stand.

    In this order, each by what came before it: the texts and who signed them; who joined, lapsed and gave notice; what
    all agreed on; from when acts of earlier days count; amendments that are complete, and so everything again; the end;
    what comes to nothing by it; the windows; what is published; when something has to be done next.
    """
    settled = Settled(agreement_id=agreement_id)

    async def again() -> Settled:
        """All of it anew: something came about on which what was computed before it rests."""
        after = await settle(write, agreement_id, now)
        after.released = {**settled.released, **after.released}
        return after

    row = await write.first(_AGREEMENT, {"id": agreement_id})
    assert row is not None
    parts = await parts_of(write, agreement_id)
    texts = await executed_texts(write, agreement_id)
    pending = await pending_signatures(write, row.id)
    signed = await signed_texts(write, texts, pending)
    parts = await joined_by_signature(write, row, texts, signed, pending, parts)
    parts = await lapsed_parts(write, row, texts, signed, parts)  # who is in it again is asked of what is open
    parts = await redated_notices(write, row, texts, signed, parts, now)
    proposals = await proposals_of(write, agreement_id, parts, now)
    parts = await departures(write, row, texts, signed, proposals, parts, now)
    parts = await dissolutions(write, row.id, parts)
    parts = await lapsed_parts(write, row, texts, signed, parts)
    given_way = await releases(write, row.id, proposals, parts, now)
    released, settled.released = given_way.released, given_way.changed
    proposals = await write_agreed(write, proposals, parts, released, given_way.in_place_at, now)
    if await date_back(write, agreement_id, proposals):
        return await again()
    signed_ats: list[datetime | None] = []
    if await date_papers(write, row, parts, pending, now):
        await take_latest_text(write, row)  # and by which text a notice runs, and who joined when, follows from it
        return await again()
    for out in await amendments_out(write, row):
        signed_at = await amendment_signed_at(write, row, texts, out, parts, released, pending, now)
        signed_ats.append(signed_at)
        if signed_at is not None and signed_at <= now:
            await execute_amendment(write, row, out.version_id, now)
            after = await again()
            after.amendment = out.version_id
            return after
        texts = await executed_texts(write, agreement_id)  # it is one of them, as soon as it is known when
        signed = await signed_texts(write, texts, pending)
    parts = await joined_by_signature(write, row, texts, signed, pending, parts)
    ended_at, stage = _end(row, proposals, parts, released)
    superseded = stage is Stage.SUPERSEDED
    settled.newcomers = await admit(write, row.id, proposals, parts, now, before=ended_at)
    if ended_at is not None and ended_at > now:
        stage = Stage.EXECUTED
    if stage in _FINAL and Stage(row.stage) not in _FINAL:
        assert ended_at is not None
        settled.superseded_at = ended_at if stage is Stage.SUPERSEDED else None
        await close_what_is_on_its_way(write, row, ended_at, now)
        proposals, settled.closed = await close_proposals(write, proposals, [*parts, *settled.newcomers], now)
    else:
        settled.closed = await close_moot(write, proposals, parts, {*settled.newcomers}, now)

    if any(p.may_lapse(now) for p in proposals):
        settled.lapsing_by = End(row.over_at, row.over_by)
    stops = [
        p.agreed_at
        for p in proposals
        if p.kind is ProposalKind.SUSPENSION and p.agreed_at is not None and p.ends_at is None
    ]
    goes_on = [p.agreed_at for p in proposals if p.kind is ProposalKind.REINSTATEMENT and p.agreed_at is not None]
    through = [
        Interval(start=p.agreed_at, end=p.ends_at)
        for p in proposals
        if p.ends_at is not None and p.agreed_at is not None
    ]
    suspensions = suspended_stretches(stops, goes_on, through)
    if stage is Stage.EXECUTED and any(each.contains(now) for each in suspensions):
        stage = Stage.SUSPENDED
    dates = msgspec.structs.replace(dates_of(row, texts, suspensions), ended_at=ended_at)
    pauses = _by_agency(await write.all(_PAUSES, {"id": agreement_id}))
    approvals = await approvals_of(write, agreement_id, texts)
    held_up = [unanswered(each, parts, now) for each in proposals]
    stated = _stated(texts, proposals, pending)
    histories = {
        agency_id: msgspec.structs.replace(
            approvals.of(agency_id, history),
            stated=stated.get(agency_id, {}),
            unanswered=tuple(each[agency_id] for each in held_up if agency_id in each),
            leaves_at=earliest(history.leaves_at, over_on_record(proposals, parts, agency_id)),
            released_at=released.get(agency_id),
            suspensions=tuple(pauses.get(agency_id, ())),
            verbal=_verbal(row, parts[agency_id], signed.get(agency_id, {})),
        )
        for agency_id, history in histories_of(texts, signed, parts).items()
    }
    bound = bound_windows(dates, histories)
    lasting = lasting_windows(dates, histories, bound)
    own_ends = bound_ends(lasting)
    end = end_for_all(
        own_ends,
        text_ends_at=row.ends_at,
        ended_at=ended_at,
        superseded=superseded,
        leave=(at for each in histories.values() for at in (each.leaves_at, each.released_at)),
    )
    days_change_at = await settle_days(write, row, texts, dates, lasting, own_ends, end, parts, now)
    bits = _bits(dates, (window for windows in bound.values() for window in windows))
    terms = {n: msgspec.json.decode(text.terms, type=Terms) for n, text in enumerate(texts)}
    holding = shown_windows(dates, histories, bound)
    rows: dict[str, list[dict[str, Any]]] = {
        "agreement_suspension": [_stored(each) for each in suspensions],
        "agreement_party_window": [
            {
                **_stored(window),
                "agency_id": agency_id,
                "version_id": texts[window.text].version_id,
                "amended": sum(bits[n] for n in window.amended),
                "bound_until": until or OPEN_END,
                **roles_of(terms[window.text], agency_id),
            }
            for agency_id, windows in bound.items()
            for window, until in zip(windows, bound_until(windows), strict=True)
        ],
        "agreement_text_window": [{**_stored(w), "version_id": texts[w.text].version_id} for w in holding],
        "agreement_force_window": [_stored(w) for w in force_windows(bound.values())],
        "agreement_notice_window": list(notice_windows(texts, holding, parts, end.at, row.time_zone, now)),
    }
    for name, found in rows.items():
        await write.run(_DELETE[name], {"id": agreement_id})
        if found:
            await write.run(_INSERT[name], [{**each, "agreement_id": agreement_id} for each in found])
    await rewrite_unasked(write, agreement_id, now)
    for_others = None
    if row.executed_at is not None:
        texts_of = {each: {texts[window.text].version_id for window in windows} for each, windows in bound.items()}
        executed = [text for text in texts if text.executed_at is None or text.executed_at <= now]
        publications = await settle_publications(write, row.id, executed, parts, texts_of, now)
        settled.published = publications.newly
        shown = await show_to_others(write, row, [texts[n] for n in dates.by_effect], publications.versions)
        if shown is not None:
            for_others = end_for_others(shown.ends_at, ended_at, alone_at(parts.values()))
    successors = [p.successor_id for p in proposals if p.kind is ProposalKind.SUPERSESSION]
    await write.run(
        _SET,
        {
            "its_id": row.id,
            "stage": stage,
            "terminated_at": ended_at,
            "over_at": end.at,
            "over_by": None if row.executed_at is None else end.by,
            "ends_on": last_day_of(end.at, row.time_zone),
            "public_over_at": for_others,
            "public_ends_on": last_day_of(for_others, row.time_zone),
            "superseded_by_id": successors[-1] if successors and released else None,
            "settles_at": earliest(
                await _settles_at(write, row.id, proposals, signed_ats, now),
                _next_lapse(proposals, parts, now),
                *(at for at in (ended_at, *stops, *goes_on) if at is not None and at > now),
                *(at for span in through for at in (span.start, span.end) if at is not None and at > now),
                _own_text_until(dates, holding, now),
                days_change_at,
                next_leaving(parts, now),
            ),
        },
    )
    return settled


def _stated(
    texts: Sequence[Row[Any]], proposals: Sequence[Proposed], pending: Mapping[tuple[UUID, UUID], datetime]
) -> dict[UUID, dict[int, datetime]]:
    """By party and text the instant of a hand that counts from a later one, as long as others have not agreed to it.

    Of a reported hand the day is asked about once it has effect.
    """
    places = {text.version_id: n for n, text in enumerate(texts)}
    found: dict[UUID, dict[int, datetime]] = {}
    for each in proposals:
        if each.kind is ProposalKind.EARLIER_DAY and each.signed_version_id in places:
            found.setdefault(each.proposed_by_id, {})[places[each.signed_version_id]] = each.not_before
    for version_id, agency_id in pending:
        if version_id in places:
            found.setdefault(agency_id, {})[places[version_id]] = _ALWAYS
    return found


def _own_text_until(dates: AgreementDates, holding: Sequence[TextWindow], now: datetime) -> datetime | None:
    """When an earlier text is the agreement's own again: those have left who signed this one, or it runs out."""
    if dates.executed_at is None:
        return None
    return own_text(holding, {n: place for place, n in enumerate(dates.by_effect)}, now)[1]


def _by_agency(rows: Sequence[Row[Any]]) -> dict[UUID, list[Interval]]:
    found: dict[UUID, list[Interval]] = {}
    for each in rows:
        found.setdefault(each.agency_id, []).append(Interval(start=each.starts_at, end=end_of(each.ends_at)))
    return found


def _end(
    row: Row[Any], proposals: Sequence[Proposed], parts: Mapping[UUID, Row[Any]], released: Mapping[UUID, datetime]
) -> tuple[datetime | None, Stage]:
    """When the agreement ends for all, and the stage that this makes; in SQL it is `queries.in_force.is_superseded`."""
    stage = Stage(row.stage)
    if row.executed_at is None or stage is Stage.SUPERSEDED:  # that is final, whoever confirms afterwards
        return row.terminated_at, stage
    ended_at = earliest(*(p.agreed_at for p in proposals if p.kind is ProposalKind.END))
    joined = [part for part in parts.values() if part.joined_at is not None]
    gone = [earliest(part.leaves_at, part.lapsed_at, released.get(part.agency_id)) for part in joined]
    superseded_at = max((at for at in gone if at is not None), default=None)
    if not released or None in gone:
        superseded_at = None
    if superseded_at is not None and (ended_at is None or superseded_at <= ended_at):
        return superseded_at, Stage.SUPERSEDED
    return ended_at, Stage.EXECUTED if ended_at is None else Stage.TERMINATED


async def _settles_at(
    write: Write,
    agreement_id: UUID,
    proposals: Sequence[Proposed],
    signed_ats: Sequence[datetime | None],
    now: datetime,
) -> datetime | None:
    """The next instant at which something has to be dated back, executed, admitted or closed."""
    notified_at = await write.value(_NEXT_EFFECT, {"id": agreement_id})
    return earliest(
        None if notified_at is None else notified_at + CONTEST_PERIOD,
        *signed_ats,
        *(p.agreed_at for p in proposals if p.newcomer_ids and p.agreed_at is not None and p.agreed_at > now),
        *(p.lapse.at for p in proposals if p.lapse is not None and p.waits_past_its_lapse(now)),
    )


def _next_lapse(proposals: Sequence[Proposed], parts: Mapping[UUID, Row[Any]], now: datetime) -> datetime | None:
    """When the next party lapses, for which something may wait until then."""
    if all(each.agreed_at is not None for each in proposals):
        return None
    return earliest(*(part.lapsed_at for part in parts.values() if part.lapsed_at is not None and part.lapsed_at > now))


def _bits(dates: AgreementDates, windows: Iterable[BoundWindow]) -> dict[int, int]:
    """A bit for each text that some signed while others are bound by an earlier one, in the order of their effect."""
    amended = {n for window in windows for n in window.amended}
    texts = [n for n in dates.by_effect if n in amended] if amended else []
    if len(texts) > _MOST_BITS:
        raise WrongStatus(
            f"An agreement has at most {_MOST_BITS} texts that some parties have signed and others, who are bound, "
            "have not: the newest has to be signed by all before there is another."
        )
    return {n: 1 << place for place, n in enumerate(texts)}


def _stored(window: Interval) -> dict[str, Any]:
    return {"starts_at": window.start, "ends_at": window.end or OPEN_END}


def _verbal(row: Row[Any], party: Row[Any], signed: Mapping[int, datetime]) -> VerbalActivation | None:
    if party.verbally_at is None or row.ratify_by is None:
        return None
    return VerbalActivation(ratify_by=row.ratify_by, ratified_at=earliest(*signed.values()))
