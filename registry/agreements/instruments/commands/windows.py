"""The one place that writes who is bound when, by which text, and what follows: computed anew from everything."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.closing import (
    Closed,
    close_moot,
    close_proposals,
    close_what_is_on_its_way,
)
from registry.agreements.instruments.commands.departed import departures, dissolutions, parts_of
from registry.agreements.instruments.commands.effects import settle_reports
from registry.agreements.instruments.commands.executing import execute_amendment
from registry.agreements.instruments.commands.pending import keep_without, rehearse_without
from registry.agreements.instruments.commands.proposed import (
    Proposed,
    admit,
    gone_at,
    proposals_of,
    unanswered,
    write_agreed,
)
from registry.agreements.instruments.commands.published import Published, settle_publications
from registry.agreements.instruments.commands.released import releases
from registry.agreements.instruments.commands.signed_texts import pending_signatures, signed_texts, with_word
from registry.agreements.instruments.consent import (
    CONTEST_PERIOD,
    Consenting,
    ProposalKind,
    ReportStatus,
    agreed_at,
    suspended_stretches,
)
from registry.agreements.instruments.consent_tables import (
    agreement_party_suspension,
    agreement_proposal,
    agreement_reported_act,
)
from registry.agreements.instruments.in_force import (
    ApprovalChange,
    PartyHistory,
    TextWindow,
    VerbalActivation,
    approval_needed,
    bound_until,
    force_windows,
    party_windows,
    renewal_of,
    term_ends,
    text_windows,
)
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.queries.in_force import OPEN_END, end_of
from registry.agreements.instruments.queries.texts import dates_of, executed_texts
from registry.agreements.instruments.queries.visibility import is_published
from registry.agreements.instruments.rules import Stage, notice_window_opens_on
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_approval,
    agreement_approval_rule,
    agreement_force_window,
    agreement_notice_window,
    agreement_party_window,
    agreement_signature,
    agreement_suspension,
    agreement_text_window,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.instruments.terms import Terms, roles_of
from registry.platform.database.handles import Write
from registry.platform.kernel.intervals import Interval, earliest
from registry.platform.kernel.time import FIRST_DAY, civil_day, day_starts_at, last_day_before

BOUND_AT_LEAST = 2
"""How many are bound by an agreement that is in force."""
_FINAL = (Stage.TERMINATED, Stage.SUPERSEDED)
NOTICE_HORIZON = timedelta(days=25 * 365)
"""How far ahead of the last change the notice windows of automatic renewals are written down."""

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_AGREEMENT = sa.select(
    agreement.c.id,
    agreement.c.stage,
    agreement.c.executed_at,
    agreement.c.starts_at,
    agreement.c.ends_at,
    agreement.c.terminated_at,
    agreement.c.time_zone,
    agreement.c.ratify_by,
).where(agreement.c.id == _ID)
_CURRENT_IS_PUBLISHED = (
    sa.select(sa.literal(1))
    .where(
        agreement_version.c.agreement_id == agreement.c.id,
        agreement_version.c.no == agreement.c.current_version,
        is_published(agreement_version.c.id),
    )
    .correlate(agreement)
    .exists()
)
_SET = (
    agreement.update()
    .where(agreement.c.id == sa.bindparam("its_id", type_=agreement.c.id.type))
    .values(is_public=_CURRENT_IS_PUBLISHED)
)
_APPROVALS = sa.select(*(agreement_approval.c[name] for name in ("agency_id", "starts_at", "ends_at"))).where(
    agreement_approval.c.agreement_id == _ID
)
_APPROVAL_RULES = sa.select(
    *(agreement_approval_rule.c[name] for name in ("agency_id", "starts_at", "required", "recorded_at"))
).where(agreement_approval_rule.c.agreement_id == _ID)
_PAUSES = sa.select(agreement_party_suspension).where(agreement_party_suspension.c.agreement_id == _ID)
_OUT = (
    sa.select(agreement_amendment.c.version_id, agreement_version_dates.c.starts_at)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_amendment.c.version_id)
    .where(
        agreement_amendment.c.agreement_id == _ID,
        agreement_amendment.c.closed_at.is_(None),
        agreement_amendment.c.stage == Stage.OUT_FOR_SIGNATURE,
    )
)
_SET_AMENDMENT = agreement_amendment.update().where(
    agreement_amendment.c.version_id == sa.bindparam("its_version", type_=agreement_amendment.c.version_id.type)
)
_SIGNATURES = sa.select(agreement_signature.c.agency_id, agreement_signature.c.counts_from).where(
    agreement_signature.c.version_id == sa.bindparam("version_id", type_=agreement_signature.c.version_id.type)
)
_LOCK = sa.select(agreement.c.id).where(agreement.c.id == _ID).with_for_update(key_share=True)
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
    """What came about by itself when everything was computed anew: there is something to record of it."""

    amendment: UUID | None = None
    newcomers: list[UUID] = []
    published: list[Published] = []
    closed: list[Closed] = []
    ended: bool = False


async def rewrite_windows(write: Write, agreement_id: UUID, now: datetime) -> Settled:
    """Make the windows say what the agreement's dates and its parties' say. Called by every change of either.

    What is known to take effect later stands in the windows with its instant, so nothing has to happen then. Once it
    has come, what was reported is dated back and an amendment executed, by the next change or the next sweep. How it is
    without the reports that may still be contested is kept beside, for what is shown until then.
    """
    await settle_reports(write, agreement_id, now)

    async def anew() -> Settled:
        return await _rewrite(write, agreement_id, now)

    without = await rehearse_without(write, agreement_id, anew)
    settled = await anew()
    await keep_without(write, agreement_id, without)
    for older in await write.all(_SUPERSEDED_BY_IT, {"id": agreement_id}):
        await write.value(_LOCK, {"id": older.agreement_id})
        await rewrite_windows(write, older.agreement_id, now)
    return settled


async def _rewrite(write: Write, agreement_id: UUID, now: datetime) -> Settled:
    """As `rewrite_windows`, of that agreement alone, with the reports as they stand."""
    settled = Settled()
    row = await write.first(_AGREEMENT, {"id": agreement_id})
    assert row is not None
    parts = await parts_of(write, agreement_id)
    texts = await executed_texts(write, agreement_id)
    pending = await pending_signatures(write, row.id)
    signed = await signed_texts(write, texts, pending)
    proposals = await proposals_of(write, agreement_id, parts, now)
    parts = await departures(write, row, texts, signed, proposals, parts)
    parts = await dissolutions(write, row.id, parts)
    released = await releases(write, row.id, proposals, parts)
    proposals = await write_agreed(write, proposals, parts, released)
    out, signed_at = await write.first(_OUT, {"id": row.id}), None
    if out is not None and row.executed_at is not None:
        runs_out_at = _runs_out_at(row, texts, out)
        signed_at = await _amendment_signed_at(write, row, out, runs_out_at, parts, released, pending, now)
        if signed_at is not None and signed_at <= now:
            await execute_amendment(write, row, out.version_id, now)
            again = await _rewrite(write, agreement_id, now)
            again.amendment = out.version_id
            return again
        texts = await executed_texts(write, agreement_id)  # it is one of them, as soon as it is known when
        signed = await signed_texts(write, texts, pending)
    ended_at, stage = _end(row, proposals, parts, released)
    settled.newcomers = await admit(write, row.id, proposals, parts, now, before=ended_at)
    if ended_at is not None and ended_at > now:
        stage = Stage.EXECUTED
    settled.ended = stage in _FINAL and Stage(row.stage) not in _FINAL
    if settled.ended:
        await close_what_is_on_its_way(write, row, now)
        proposals, settled.closed = await close_proposals(write, proposals, [*parts, *settled.newcomers], now)
    else:
        settled.closed = await close_moot(write, proposals, {*parts, *settled.newcomers}, now)

    stops = [p.agreed_at for p in proposals if p.kind is ProposalKind.SUSPENSION and p.agreed_at is not None]
    goes_on = [p.agreed_at for p in proposals if p.kind is ProposalKind.REINSTATEMENT and p.agreed_at is not None]
    suspensions = suspended_stretches(stops, goes_on)
    if stage is Stage.EXECUTED and any(each.contains(now) for each in suspensions):
        stage = Stage.SUSPENDED
    dates = msgspec.structs.replace(dates_of(row, texts, suspensions), ended_at=ended_at)
    pauses = _by_agency(await write.all(_PAUSES, {"id": agreement_id}))
    approvals, said = await _approvals(write, agreement_id)
    held_up = [unanswered(each, parts, now) for each in proposals]
    bound = {
        agency_id: party_windows(
            dates,
            PartyHistory(
                joined_at=party.joined_at,
                texts=with_word(signed.get(agency_id, {}), party.verbally_at, texts),
                unanswered=tuple(each[agency_id] for each in held_up if agency_id in each),
                leaves_at=party.leaves_at,
                released_at=released.get(agency_id),
                suspensions=tuple(pauses.get(agency_id, ())),
                approvals=tuple(approvals.get(agency_id, ())) if agency_id in said else None,
                approval_needed=approval_needed(said.get(agency_id, ())),
                verbal=_verbal(row, party, signed.get(agency_id, {})),
            ),
        )
        for agency_id, party in parts.items()
    }
    terms = {n: msgspec.json.decode(text.terms, type=Terms) for n, text in enumerate(texts)}
    holding = text_windows(dates)
    rows: dict[str, list[dict[str, Any]]] = {
        "agreement_suspension": [_stored(each) for each in suspensions],
        "agreement_party_window": [
            {
                **_stored(window),
                "agency_id": agency_id,
                "version_id": texts[window.text].version_id,
                "bound_until": until or OPEN_END,
                **roles_of(terms[window.text], agency_id),
            }
            for agency_id, windows in bound.items()
            for window, until in zip(windows, bound_until(windows), strict=True)
        ],
        "agreement_text_window": [{**_stored(w), "version_id": texts[w.text].version_id} for w in holding],
        "agreement_force_window": [_stored(w) for w in force_windows(bound.values())],
        "agreement_notice_window": list(_notice_windows(texts, holding, row.time_zone, now)),
    }
    for name, found in rows.items():
        await write.run(_DELETE[name], {"id": agreement_id})
        if found:
            await write.run(_INSERT[name], [{**each, "agreement_id": agreement_id} for each in found])
    if row.executed_at is not None:
        texts_of = {each: {texts[window.text].version_id for window in windows} for each, windows in bound.items()}
        executed = [text for text in texts if text.executed_at is None or text.executed_at <= now]
        settled.published = await settle_publications(write, row.id, executed, parts, texts_of, now)
    successors = [p.successor_id for p in proposals if p.kind is ProposalKind.SUPERSESSION]
    await write.run(
        _SET,
        {
            "its_id": row.id,
            "stage": stage,
            "terminated_at": ended_at,
            "superseded_by_id": successors[-1] if successors and released else None,
            "settles_at": earliest(
                await _settles_at(write, row.id, proposals, signed_at, now),
                *(at for at in (ended_at, *stops, *goes_on) if at is not None and at > now),
            ),
        },
    )
    return settled


def _by_agency(rows: Sequence[Row[Any]]) -> dict[UUID, list[Interval]]:
    found: dict[UUID, list[Interval]] = {}
    for each in rows:
        found.setdefault(each.agency_id, []).append(Interval(start=each.starts_at, end=end_of(each.ends_at)))
    return found


def _runs_out_at(row: Row[Any], texts: Sequence[Row[Any]], out: Row[Any]) -> datetime | None:
    """When the term of every party is over that does not sign the text that is out; None where that begins before."""
    before = [text for text in texts if text.version_id != out.version_id]
    ends_at = dates_of(row, before, ()).last_ends_at
    return ends_at if ends_at is not None and ends_at <= out.starts_at else None


async def _amendment_signed_at(
    write: Write,
    row: Row[Any],
    out: Row[Any],
    runs_out_at: datetime | None,
    parts: Mapping[UUID, Row[Any]],
    released: Mapping[UUID, datetime],
    pending: Mapping[tuple[UUID, UUID], datetime],
    now: datetime,
) -> datetime | None:
    """When the last of those who are bound has signed the amendment that is out for signature, or is bound no more.

    A party that does not sign a renewal ends with its term, and the others wait for it no longer than that, where two
    of them have signed: one alone renews nothing. None while one is outstanding, and where everybody left without a
    signature.
    """
    # Of two requests at once the one that waited may have read the clock first: what is written down has happened.
    signatures = await write.all(_SIGNATURES, {"version_id": out.version_id})
    signed = {each.agency_id: min(each.counts_from, now) for each in signatures}
    signed |= {agency_id: at for (its_version, agency_id), at in pending.items() if its_version == out.version_id}
    gone = gone_at(parts, released)
    going_on = [each for each in signed if each in parts and ((at := gone[each]) is None or at > out.starts_at)]
    if len(going_on) < BOUND_AT_LEAST:
        runs_out_at = None
    asked = [
        Consenting(
            given_at=signed.get(agency_id),
            leaves_at=gone[agency_id] if agency_id in signed else earliest(gone[agency_id], runs_out_at),
        )
        for agency_id, part in parts.items()
        if part.joined_at is not None
    ]
    at = agreed_at(row.executed_at, asked) if signed else None
    await write.run(_SET_AMENDMENT, {"its_version": out.version_id, "executed_at": at})
    return at


def _end(
    row: Row[Any], proposals: Sequence[Proposed], parts: Mapping[UUID, Row[Any]], released: Mapping[UUID, datetime]
) -> tuple[datetime | None, Stage]:
    """When the agreement ends for all, and the stage that this makes."""
    stage = Stage(row.stage)
    if row.executed_at is None:
        return row.terminated_at, stage
    ended_at = earliest(*(p.agreed_at for p in proposals if p.kind is ProposalKind.END))
    joined = [part for part in parts.values() if part.joined_at is not None]
    gone = [earliest(part.leaves_at, released.get(part.agency_id)) for part in joined]
    superseded_at = max((at for at in gone if at is not None), default=None)
    if not released or None in gone:
        superseded_at = None
    if superseded_at is not None and (ended_at is None or superseded_at < ended_at):
        return superseded_at, Stage.SUPERSEDED
    return ended_at, Stage.EXECUTED if ended_at is None else Stage.TERMINATED


async def _settles_at(
    write: Write,
    agreement_id: UUID,
    proposals: Sequence[Proposed],
    signed_at: datetime | None,
    now: datetime,
) -> datetime | None:
    """The next instant at which something has to be dated back, executed or admitted."""
    notified_at = await write.value(_NEXT_EFFECT, {"id": agreement_id})
    return earliest(
        None if notified_at is None else notified_at + CONTEST_PERIOD,
        signed_at,
        *(p.agreed_at for p in proposals if p.newcomer_ids and p.agreed_at is not None and p.agreed_at > now),
    )


def _stored(window: Interval) -> dict[str, Any]:
    return {"starts_at": window.start, "ends_at": window.end or OPEN_END}


def _verbal(row: Row[Any], party: Row[Any], signed: Mapping[int, datetime]) -> VerbalActivation | None:
    if party.verbally_at is None or row.ratify_by is None:
        return None
    return VerbalActivation(ratify_by=row.ratify_by, ratified_at=earliest(*signed.values()))


async def _approvals(
    write: Write, agreement_id: UUID
) -> tuple[dict[UUID, list[Interval]], dict[UUID, list[ApprovalChange]]]:
    """By party, when a governing body's approval was present, and the rules that made it needed or not.

    An approval is a fact: it meets a rule, and makes none. Else whoever enters one that has lapsed, or soon will, would
    be bound no more, sooner than its own notice lets it go.
    """
    approvals: dict[UUID, list[Interval]] = {}
    said: dict[UUID, list[ApprovalChange]] = {}
    for approval in await write.all(_APPROVALS, {"id": agreement_id}):
        span = Interval(start=approval.starts_at, end=end_of(approval.ends_at))
        approvals.setdefault(approval.agency_id, []).append(span)
    for rule in await write.all(_APPROVAL_RULES, {"id": agreement_id}):
        change = ApprovalChange(rule.starts_at, recorded_at=rule.recorded_at, needed=bool(rule.required))
        said.setdefault(rule.agency_id, []).append(change)
    return approvals, said


def _notice_windows(
    texts: Sequence[Row[Any]], holding: Sequence[TextWindow], time_zone: str, now: datetime
) -> Iterator[dict[str, Any]]:
    """Each term's, from the lead before its first last notice day until it ends, while its version is the text.

    None where the text is silent: when it would open nobody can say.
    """
    zone, horizon = ZoneInfo(time_zone), civil_day(now + NOTICE_HORIZON, time_zone)
    closing: dict[datetime, datetime] = {}
    for window in holding:
        text = texts[window.text]
        periods = read_notice(text.notice).periods
        if text.expires_on is None or not periods:
            continue
        for ends_on in term_ends(
            text.expires_on,
            renewal_of(text.auto_renew_months, text.auto_renew_times),
            last_day_before(window.start, time_zone),
        ):
            opens_on = max(min(notice_window_opens_on(ends_on, period) for period in periods), FIRST_DAY)
            opens_at = max(day_starts_at(opens_on, zone), window.start)
            if opens_on > horizon or (window.end is not None and opens_at >= window.end):
                break
            closes_at = day_starts_at(ends_on + timedelta(days=1), zone)
            if opens_at < closes_at:  # of terms shorter than their notice, the last to close counts
                closing[opens_at] = closes_at
    for opens_at, closes_at in closing.items():
        yield {"opens_at": opens_at, "closes_at": closes_at}
