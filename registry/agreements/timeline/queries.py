"""When each party was bound, read from the windows as they are written, with the acts by which they begin and end.

Shown is what the agreement itself shows its reader: without the reports that have not taken effect and, to others than
the parties, nothing of a text that is not published and no party's own act.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent_tables import agreement_party_suspension, agreement_pending_party_window
from registry.agreements.instruments.days import Days, own_days
from registry.agreements.instruments.in_force import text_windows
from registry.agreements.instruments.pending import Without
from registry.agreements.instruments.queries.days import signed_days
from registry.agreements.instruments.queries.evidence import Papers, evidence_of_hand, papers_on_file, shown_evidence
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.in_force import end_of
from registry.agreements.instruments.queries.pending import without_pending
from registry.agreements.instruments.queries.publications import publications_of
from registry.agreements.instruments.queries.texts import dates_of, executed_texts, set_up
from registry.agreements.instruments.queries.visibility import reaches_parties, told_of_act
from registry.agreements.instruments.rules import DerivedStatus
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_approval,
    agreement_approval_rule,
    agreement_party,
    agreement_party_window,
    agreement_signature,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.instruments.term_days import renewal_of
from registry.agreements.instruments.told import PublicDays, alone_at, binds_some, status_then
from registry.agreements.timeline.acts import Acts
from registry.agreements.timeline.by_all import of_all, of_proposals, of_reports, of_texts
from registry.agreements.timeline.by_parties import (
    of_governing_bodies,
    of_notices_taken_back,
    of_parties,
    of_pauses,
    of_receipts_corrected,
    of_signatures,
)
from registry.agreements.timeline.notices import EVENTS, notices_taken_back, receipts_corrected
from registry.agreements.timeline.rules import (
    ActKind,
    Bound,
    Held,
    PartyWindow,
    TextEdge,
    bound_together,
    bound_towards,
    in_common,
    renewals,
    replacements,
    taken_over,
    text_edges,
    told_to_others,
)
from registry.agreements.timeline.schemas import Timeline
from registry.agreements.timeline.shown import timeline_shown
from registry.agreements.timeline.wording import TakenBack, Waiting
from registry.directory.agencies.queries import zones_of_agencies
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read, Rows
from registry.platform.kernel.intervals import Interval, earliest
from registry.platform.kernel.time import civil_day
from registry.platform.ledger.tables import ledger_event

_ID = sa.bindparam("id", type_=agreement.c.id.type)


def _of_the_agreement(table: sa.Table, *order: str) -> sa.Select[Any]:
    return sa.select(table).where(table.c.agreement_id == _ID).order_by(*(table.c[name] for name in order))


_PARTY_WINDOWS = _of_the_agreement(agreement_party_window, "starts_at")
_WITHOUT = _of_the_agreement(agreement_pending_party_window, "starts_at")
_PAUSES = _of_the_agreement(agreement_party_suspension, "starts_at")
_APPROVALS = _of_the_agreement(agreement_approval, "starts_at", "recorded_at")
_RULES = _of_the_agreement(agreement_approval_rule, "starts_at", "recorded_at")


def _as_told(statement: sa.Select[Any], table: sa.Table, **instead: str | None) -> sa.Select[Any]:
    """The acts with these words `instead` of their own where they do not reach the agency in the bind `viewer`."""
    told = told_of_act(table, table.c.recorded_at)
    return statement.with_only_columns(
        *(
            sa.case((told, column), else_=sa.literal(instead[column.name], column.type)).label(column.name)
            if column.name in instead
            else column
            for column in table.c
        )
    )


_APPROVALS_TOLD = _as_told(
    _APPROVALS,
    agreement_approval,
    body="governing body",
    reference=None,
    evidence_sha256=None,
    evidence_location=None,
)
_RULES_TOLD = _as_told(_RULES, agreement_approval_rule, citation=None)
_PARTIES = (
    sa.select(
        *(
            agreement_party.c[name]
            for name in ("agency_id", "notice_recorded_at", "in_text", "joined_at", "leaves_at", "released_at")
        ),
        agency.c.dissolved_at,
        agreement.c.over_at,
    )
    .join(agreement, agreement.c.id == agreement_party.c.agreement_id)
    .join(agency, agency.c.id == agreement_party.c.agency_id)
    .where(agreement_party.c.agreement_id == _ID)
)
_SIGNATURES = (
    sa.select(
        agreement_signature,
        agreement_version.c.no.label("version_no"),
        agreement_version.c.sha256,
        agreement_version.c.evidence_sha256.label("its_evidence_sha256"),
        agreement_version.c.evidence_location.label("its_evidence_location"),
        agreement_version_dates.c.effective_on,
        agreement_amendment.c.id.label("amendment_id"),
        agreement_amendment.c.is_paper,
        agreement_amendment.c.closed_at,
    )
    .join(agreement_version, agreement_version.c.id == agreement_signature.c.version_id)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .outerjoin(agreement_amendment, agreement_amendment.c.version_id == agreement_version.c.id)
    .where(agreement_signature.c.agreement_id == _ID)
    .order_by(agreement_signature.c.recorded_at, agreement_signature.c.id)
)

_NOTICES = (
    sa.select(
        *(ledger_event.c[name] for name in ("type", "canonical", "recorded_at", "actor_agency_id")),
        sa.or_(
            ledger_event.c.actor_agency_id == sa.bindparam("viewer", type_=ledger_event.c.actor_agency_id.type),
            reaches_parties(
                sa.bindparam("id", type_=ledger_event.c.subject_id.type),
                ledger_event.c.recorded_at,
                made_by=ledger_event.c.actor_agency_id,
            ),
        ).label("told"),
    )
    .where(
        ledger_event.c.subject_kind == "agreement",
        ledger_event.c.subject_id == sa.bindparam("id", type_=ledger_event.c.subject_id.type),
        ledger_event.c.type.in_(EVENTS),
    )
    .order_by(ledger_event.c.subject_version, ledger_event.c.n)
)


async def get_timeline(read: Read, principal: Principal, agreement_id: UUID, now: datetime) -> tuple[Timeline, int]:
    """The timeline as the caller may see it, and the agreement's version. Raises NotFound."""
    found = await get_agreement(read, principal, agreement_id, now)
    return await timeline_of(read, found, principal.agency_id, now), found.version


async def timeline_of(read: Read, found: Agreement, viewer: UUID, now: datetime) -> Timeline:
    """The timeline as the agency `viewer` may see it; `found` is what the agreement shows it now."""
    its = await set_up(read, found)
    if found.view == "party":
        return await _whole(read, its or found, viewer, now)
    if its is None or its.executed_at is None:
        return timeline_shown(found, Days(now=now, time_zone=found.time_zone, zones={}, own={}), {}, {}, [])
    return await _for_others(read, its, its.executed_at, now)


async def texts_followed(read: Read, found: Agreement, now: datetime) -> list[tuple[int, int]]:
    """Each text and the one that took its place between two of the parties or more, in the order of effect."""
    its = await set_up(read, found)
    if its is None or its.executed_at is None:
        return []
    texts = await executed_texts(read, found.id)
    signatures = await read.all(_SIGNATURES, {"id": found.id})
    edges = _edges(its, its.executed_at, found.ends_at, texts, {}, None, signatures, now)
    return [(each.version_no, each.next_no) for each in edges if each.next_no is not None]


async def _whole(read: Read, found: Agreement, viewer: UUID, now: datetime) -> Timeline:
    """As the parties read it; `found` says when the agreement became one here: see `texts.set_up`."""
    texts = [] if found.executed_at is None else await executed_texts(read, found.id)
    numbers = {text.version_id: text.no for text in texts}
    signatures = await read.all(_SIGNATURES, {"id": found.id})
    parties = await read.all(_PARTIES, {"id": found.id})
    waiting = _waiting(found, parties, [each for each in signatures if each.version_id not in numbers])
    signatures = [each for each in signatures if each.version_id in numbers or each.version_no in waiting]
    papers = await papers_on_file(read, found.id, viewer)
    if found.executed_at is None:
        days = await _days(read, found, [], now)
        acts = Acts(found, days)
        of_signatures(acts, signatures, _evidence(signatures, papers, found.custodian_agency.id, days), waiting)
        of_reports(acts)
        return timeline_shown(found, days, {}, {}, acts.numbered())
    without = await without_pending(read, found.id, now)
    windows = await _windows(read, found.id, numbers, without)
    bound = bound_together(windows)
    approvals = await read.all(_APPROVALS_TOLD, {"id": found.id, "viewer": viewer})
    days = await _days(read, found, approvals, now)
    over_at = next(each.over_at for each in parties)  # for all, where the reader's own part ends before
    acts = Acts(found, days, over_at)
    of_texts(
        acts,
        _edges(found, found.executed_at, over_at, texts, bound, without, signatures, now),
        {text.no: text for text in texts},
    )
    of_signatures(acts, signatures, _evidence(signatures, papers, found.custodian_agency.id, days), waiting)
    shown = {
        each.id: shown_evidence(each.evidence_sha256, each.evidence_location, papers, each.agency_id)
        for each in approvals
    }
    of_governing_bodies(acts, approvals, await read.all(_RULES_TOLD, {"id": found.id, "viewer": viewer}), shown)
    pauses = await read.all(_PAUSES, {"id": found.id})
    of_pauses(acts, ((each.agency_id, each.starts_at, end_of(each.ends_at)) for each in pauses))
    told_of_notices = await read.all(_NOTICES, {"id": found.id, "viewer": viewer})
    of_notices_taken_back(acts, _taken_back(told_of_notices, papers))
    corrected = receipts_corrected(told_of_notices)
    of_receipts_corrected(acts, corrected)
    of_proposals(acts)
    of_parties(
        acts,
        {each.agency_id: each.dissolved_at for each in parties},
        {each.agency_id: each.notice_recorded_at for each in parties},
    )
    of_reports(acts)
    return timeline_shown(found, days, bound, bound_towards(windows, bound), acts.numbered(), corrected)


def _taken_back(told: Rows, papers: Papers) -> list[tuple[TakenBack, Evidence | None]]:
    """Each notice that was taken back, with what shows it."""
    return [
        (
            each,
            None
            if each.given is None
            else shown_evidence(each.given.evidence_sha256, each.given.evidence_location, papers, each.agency_id),
        )
        for each in notices_taken_back(told)
    ]


async def _for_others(read: Read, found: Agreement, executed_at: datetime, now: datetime) -> Timeline:
    """As others than the parties read it: of the published texts, and of what suspends or ends the whole."""
    texts = await executed_texts(read, found.id)
    numbers = {text.version_id: text.no for text in texts}
    by_no = {text.no: text for text in texts}
    days = await _days(read, found, await read.all(_APPROVALS, {"id": found.id}), now)
    without = await without_pending(read, found.id, now)
    bound = bound_together(await _windows(read, found.id, numbers, without))
    published = await publications_of(read, list(numbers))
    told = {no for each, no in numbers.items() if each in published and published[each].published_at is not None}
    signatures = await read.all(_SIGNATURES, {"id": found.id})
    published_texts = [text for text in texts if text.no in told]
    leaving = await _leaving(read, found, without)
    begins = _beginning(found, published_texts, leaving, now)
    coming = {text.no: text for text in published_texts if text.starts_at > now}
    signed = _signed(found, signatures, texts[0].no)
    shown = {
        party.agency.id: taken_over(
            told_to_others(
                bound.get(party.agency.id, ()),
                told,
                now,
                bound=party.bound,
                until=party.bound_until,
                begins=begins.get(party.agency.id),
            ),
            _to_come(found, [coming[no] for no in its if no in coming], leaving, party.agency.id),
        )
        for party, its in zip(found.parties, signed, strict=True)
    }
    edges = [
        each
        for each in _edges(found, executed_at, found.ends_at, texts, shown, without, signatures, now)
        if {each.version_no, each.next_no} <= {*told, None}
        and (
            each.at <= now
            or (each.kind is ActKind.TEXT_EXPIRES and each.version_no == found.version_no)
            or (each.kind in _TAKES_OVER and _begins_then(coming.get(each.next_no or each.version_no), each.at))
        )
    ]
    acts = Acts(found, days)
    of_texts(acts, edges, by_no)
    of_all(acts)
    return timeline_shown(found, days, shown, {}, acts.numbered())


_TAKES_OVER = (ActKind.TEXT_BEGINS, ActKind.TEXT_REPLACED)


def _begins_then(text: Row[Any] | None, at: datetime) -> bool:
    """Whether it is the own first day of a published text to come, which anybody may know."""
    return text is not None and text.starts_at == at


async def _leaving(read: Read, found: Agreement, without: Without | None) -> dict[UUID, Any]:
    """By party when it joined and when it leaves, as others may know."""
    did: dict[UUID, Any] = {each.agency_id: each for each in await read.all(_PARTIES, {"id": found.id})}
    return did | {each.agency_id: each for each in (() if without is None else without.parties)}


def _public_days(found: Agreement, starts_at: datetime, text: Row[Any], leaving: Mapping[UUID, Any]) -> PublicDays:
    return PublicDays(
        starts_at=starts_at,
        text_starts_at=text.starts_at,
        text_ends_at=text.ends_at,
        ended_at=found.terminated_at,
        superseded=False,
        suspensions=tuple(Interval(start=each.start, end=each.end) for each in found.suspensions),
        alone_at=alone_at(leaving.values()),
    )


def _gone_at(its: Any) -> datetime | None:
    return earliest(its.leaves_at, its.released_at)


def _to_come(
    found: Agreement, texts: Iterable[Row[Any]], leaving: Mapping[UUID, Any], agency_id: UUID
) -> Iterator[Bound]:
    """From when until when the party is bound by published texts to come that it signed, by days that are public."""
    its = leaving.get(agency_id)
    if found.starts_at is None or its is None or not its.joined_at:
        return
    for text in texts:
        until = _public_days(found, found.starts_at, text, leaving).until(text.starts_at, _gone_at(its))
        if until is None or until > text.starts_at:
            yield Bound(start=text.starts_at, end=until, version_no=text.no)


def _beginning(
    found: Agreement, texts: Sequence[Row[Any]], leaving: Mapping[UUID, Any], now: datetime
) -> dict[UUID, Bound]:
    """By party the stretch that begins, or goes on, on a public day to come, by the published texts: see `told`."""
    shown = [text for text in texts if text.no == found.version_no]
    if found.status == "expired":
        shown = sorted((text for text in texts if text.starts_at > now), key=lambda text: text.starts_at)
    if not shown or found.starts_at is None or found.status not in {each.value for each in DerivedStatus}:
        return {}
    public = _public_days(found, found.starts_at, shown[0], leaving)
    begins_at = public.begins_to_bind_at(DerivedStatus(found.status), now)
    if begins_at is None or not binds_some(status_then(DerivedStatus(found.status), public, now, begins_at)):
        return {}
    gone = {agency_id: _gone_at(each) for agency_id, each in leaving.items() if each.joined_at}
    return {
        agency_id: Bound(start=begins_at, end=public.until(begins_at, at), version_no=shown[0].no)
        for agency_id, at in gone.items()
        if at is None or at > begins_at
    }


def _edges(
    found: Agreement,
    executed_at: datetime,
    over_at: datetime | None,
    texts: Sequence[Row[Any]],
    bound: Mapping[UUID, Sequence[Bound]],
    without: Without | None,
    signatures: Iterable[Row[Any]],
    now: datetime,
) -> list[TextEdge]:
    """Where the texts begin, renew themselves and end, as far as they bind in the windows given."""
    its = texts if without is None else without.texts
    terms = {text.no: (max(text.executed_at or executed_at, text.starts_at), text.ends_at) for text in its}
    dates = dates_of(cast(Any, found), its, ())
    held = [Held(start=each.start, end=each.end, version_no=its[each.text].no) for each in text_windows(dates)]
    order = [its[n].no for n in dates.by_effect]
    ended_at = earliest(found.terminated_at, over_at)
    gone = replacements(order, terms, ended_at, in_common(_signed(found, signatures, its[0].no)))
    windows = {each for of_party in bound.values() for each in of_party}
    renewed = (
        edge
        for text in texts
        for edge in renewals(
            text.no,
            text.expires_on,
            renewal_of(text.auto_renew_months, text.auto_renew_times, text.renewal_day),
            found.time_zone,
            windows,
            now,
        )
    )
    return [*text_edges(held, terms, found.terminated_at, over_at), *gone, *renewed]


def _signed(found: Agreement, signatures: Iterable[Row[Any]], original_no: int) -> list[frozenset[int]]:
    """What each party has signed; a word of mouth is given to the original."""
    signed = {party.agency.id: {original_no} if party.verbally_at is not None else set() for party in found.parties}
    for each in signatures:
        if each.agency_id in signed:
            signed[each.agency_id].add(each.version_no)
    return [frozenset(each) for each in signed.values()]


def _waiting(found: Agreement, parties: Sequence[Row[Any]], signatures: Sequence[Row[Any]]) -> dict[int, Waiting]:
    """By their numbers the texts that are signed by some and not executed yet, with whom each waits for."""
    signed: dict[int, set[UUID]] = {}
    for each in signatures:
        signed.setdefault(each.version_no, set()).add(each.agency_id)
    named = {each.agency_id for each in parties if each.in_text}
    waiting = {}
    for each in signatures:
        amends = each.amendment_id is not None
        is_open = each.closed_at is None if amends else each.version_no == found.version_no
        if is_open:
            unsigned = [
                party.agency.name
                for party in found.parties
                if party.agency.id not in signed[each.version_no]
                and (party.bound if amends else party.agency.id in named)
            ]
            waiting[each.version_no] = Waiting(
                version_no=each.version_no,
                is_paper=bool(each.is_paper),
                effective_on=each.effective_on,
                unsigned=unsigned,
            )
    return waiting


async def _days(read: Read, found: Agreement, approvals: Sequence[Row[Any]], now: datetime) -> Days:
    """The days of the agreement: where each agency is that did something in it, and on which of them its acts count."""
    agencies = {
        *(party.agency.id for party in found.parties),
        *(each.recorded_by.id for each in found.reported_acts),
        *(each.proposed_by.id for each in found.proposals),
    }
    zones = await zones_of_agencies(read, agencies)
    own = [
        *await signed_days(read, found.id),
        *((each.starts_at, each.approved_on) for each in approvals),
        *(
            (party.verbally_at, civil_day(party.verbally_at, zones.get(party.agency.id, found.time_zone)))
            for party in found.parties
            if party.verbally_at is not None
        ),
    ]
    return Days(now=now, time_zone=found.time_zone, zones=zones, own=own_days(own))


async def _windows(
    read: Read, agreement_id: UUID, numbers: Mapping[UUID, int], without: Without | None
) -> dict[UUID, list[PartyWindow]]:
    """The windows of each party, each with its version; without such reports."""
    windows: dict[UUID, list[PartyWindow]] = {}
    for each in await read.all(_PARTY_WINDOWS if without is None else _WITHOUT, {"id": agreement_id}):
        its = PartyWindow(
            start=each.starts_at,
            end=end_of(each.ends_at),
            version_no=numbers[each.version_id],
            amended=each.amended,
        )
        windows.setdefault(each.agency_id, []).append(its)
    return windows


def _evidence(rows: Sequence[Row[Any]], papers: Papers, custodian_id: UUID, days: Days) -> dict[UUID, Evidence | None]:
    """What shows each signature, by its id; the paper of a text was named by its custodian."""
    return {
        each.id: evidence_of_hand(
            each,
            shown_evidence(each.its_evidence_sha256, each.its_evidence_location, papers, custodian_id),
            papers,
            days.zones.get(each.agency_id, days.time_zone),
        )
        for each in rows
    }
