"""When each party was bound, read from the windows as they are written, with the acts by which they begin and end.

Shown is what the agreement itself shows its reader: without the reports that have not taken effect and, to others than
the parties, nothing of a text that is not published and no party's own act.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.consent_tables import agreement_party_suspension, agreement_pending_party_window
from registry.agreements.instruments.in_force import text_windows
from registry.agreements.instruments.pending import Without
from registry.agreements.instruments.queries.evidence import Papers, evidence_of_hand, papers_on_file, shown_evidence
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.queries.in_force import end_of
from registry.agreements.instruments.queries.pending import without_pending
from registry.agreements.instruments.queries.publications import publications_of
from registry.agreements.instruments.queries.texts import dates_of, executed_texts
from registry.agreements.instruments.schemas.shown import Agreement, AgreementParty
from registry.agreements.instruments.tables import (
    agreement,
    agreement_approval,
    agreement_approval_rule,
    agreement_party,
    agreement_party_window,
    agreement_signature,
    agreement_version,
)
from registry.agreements.timeline.acts import Acts, contested_of, marks_of
from registry.agreements.timeline.rules import (
    ActKind,
    Bound,
    Held,
    PartyWindow,
    begins_by,
    bound_by,
    bound_together,
    ends_by,
    text_edges,
    told_to_others,
)
from registry.agreements.timeline.schemas import BoundWindow, PartyTimeline, Timeline, TimelineAct
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.intervals import earliest
from registry.platform.kernel.time import civil_day, last_day_before

NOT_FOR_OTHERS = (
    "Withheld: signatures, notices, consents and what is reported are for the parties, which have not published them."
)
_ID = sa.bindparam("id", type_=agreement.c.id.type)


def _of_the_agreement(table: sa.Table, *order: str) -> sa.Select[Any]:
    return sa.select(table).where(table.c.agreement_id == _ID).order_by(*(table.c[name] for name in order))


_PARTY_WINDOWS = _of_the_agreement(agreement_party_window, "starts_at")
_WITHOUT = _of_the_agreement(agreement_pending_party_window, "starts_at")
_PAUSES = _of_the_agreement(agreement_party_suspension, "starts_at")
_APPROVALS = _of_the_agreement(agreement_approval, "starts_at", "recorded_at")
_RULES = _of_the_agreement(agreement_approval_rule, "starts_at", "recorded_at")
_PARTIES = (
    sa.select(agreement_party.c.agency_id, agreement_party.c.notice_recorded_at, agency.c.dissolved_at)
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
    )
    .join(agreement_version, agreement_version.c.id == agreement_signature.c.version_id)
    .where(agreement_signature.c.agreement_id == _ID)
    .order_by(agreement_signature.c.recorded_at, agreement_signature.c.id)
)


async def get_timeline(read: Read, principal: Principal, agreement_id: UUID, now: datetime) -> tuple[Timeline, int]:
    """The timeline as the caller may see it, and the agreement's version. Raises NotFound."""
    found = await get_agreement(read, principal, agreement_id, now)
    return await timeline_of(read, found, now), found.version


async def timeline_of(read: Read, found: Agreement, now: datetime) -> Timeline:
    """The timeline of an agreement as its reader may see it, of which `found` is what the agreement shows it now."""
    if found.executed_at is None:
        return _timeline(found, {}, [])
    texts = await executed_texts(read, found.id)
    numbers = {text.version_id: text.no for text in texts}
    without = await without_pending(read, found.id, now)
    held = _texts(found, texts if without is None else without.texts)
    bound = bound_together(await _windows(read, found.id, numbers, without))
    by_no = {text.no: text for text in texts}
    terms = {
        text.no: (max(text.executed_at or found.executed_at, text.starts_at), text.ends_at)
        for text in (texts if without is None else without.texts)
    }
    edges = [*text_edges(held, terms, found.terminated_at)]
    acts = Acts(found)
    if found.view != "party":
        published = await publications_of(read, list(numbers))
        told = {no for each, no in numbers.items() if each in published and published[each].published_at is not None}
        edges = [
            each
            for each in edges
            if {each.version_no, each.next_no} <= {*told, None}
            and (each.at <= now or (each.kind is ActKind.TEXT_EXPIRES and each.version_no == found.version_no))
        ]
        acts.of_texts(edges, by_no)
        acts.of_all()
        ends_at = by_no[found.version_no].ends_at if found.version_no in by_no else None
        bound = {
            party.agency.id: told_to_others(
                bound.get(party.agency.id, ()),
                told,
                now,
                bound=party.bound,
                until=party.bound_until,
                not_after=earliest(ends_at, found.terminated_at),
            )
            for party in found.parties
        }
        return _timeline(found, bound, acts.numbered())
    acts.of_texts(edges, by_no)
    papers = await papers_on_file(read, found.id)
    await _signatures(read, acts, found, numbers, papers)
    await _governing_bodies(read, acts, found.id, papers)
    pauses = await read.all(_PAUSES, {"id": found.id})
    acts.of_pauses((each.agency_id, each.starts_at, end_of(each.ends_at)) for each in pauses)
    acts.of_proposals({window.end for windows_ in bound.values() for window in windows_})
    parties = await read.all(_PARTIES, {"id": found.id})
    acts.of_parties(
        {each.agency_id: each.dissolved_at for each in parties},
        {each.agency_id: each.notice_recorded_at for each in parties},
    )
    acts.of_reports()
    return _timeline(found, bound, acts.numbered())


def _texts(found: Agreement, texts: Sequence[Any]) -> list[Held]:
    """Which version would be the text when, had all signed each: so texts begin, and take each other's place."""
    windows = text_windows(dates_of(cast(Any, found), texts, ()))
    return [Held(start=each.start, end=each.end, version_no=texts[each.text].no) for each in windows]


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


async def _signatures(read: Read, acts: Acts, found: Agreement, numbers: Mapping[UUID, int], papers: Papers) -> None:
    rows = [each for each in await read.all(_SIGNATURES, {"id": found.id}) if each.version_id in numbers]
    evidence = {
        each.id: evidence_of_hand(
            each, shown_evidence(each.its_evidence_sha256, each.its_evidence_location, papers), papers, found.time_zone
        )
        for each in rows
    }
    acts.of_signatures(rows, evidence)


async def _governing_bodies(read: Read, acts: Acts, agreement_id: UUID, papers: Papers) -> None:
    approvals = await read.all(_APPROVALS, {"id": agreement_id})
    evidence = {each.id: shown_evidence(each.evidence_sha256, each.evidence_location, papers) for each in approvals}
    acts.of_governing_bodies(approvals, await read.all(_RULES, {"id": agreement_id}), evidence)


def _timeline(found: Agreement, bound: Mapping[UUID, Sequence[Bound]], acts: list[TimelineAct]) -> Timeline:
    return Timeline(
        agreement_id=found.id,
        number=found.number,
        title=found.title,
        time_zone=found.time_zone,
        view=found.view,
        parties=[_party(found, each, bound.get(each.agency.id, ()), acts) for each in found.parties],
        acts=acts,
        acts_withheld=None if found.view == "party" else NOT_FOR_OTHERS,
    )


def _party(
    found: Agreement, party: AgreementParty, windows: Sequence[Bound], acts: Sequence[TimelineAct]
) -> PartyTimeline:
    marks, by_report = marks_of(acts), {each.act_no for each in acts if each.reported_only}
    shown = []
    for window in windows:
        its = (
            bound_by(marks, party.agency.id, window),
            begins_by(marks, party.agency.id, window),
            ends_by(marks, party.agency.id, window),
        )
        shown.append(
            BoundWindow(
                version_no=window.version_no,
                first_on=civil_day(window.start, found.time_zone),
                last_on=None if window.end is None else last_day_before(window.end, found.time_zone),
                start=window.start,
                end=window.end,
                bound_by=its[0],
                begins_by=its[1],
                ends_by=its[2],
                reported_only=any(each in by_report for nos in its for each in nos),
            )
        )
    pending = {*party.pending_report_ids}
    return PartyTimeline(
        agency=party.agency,
        windows=shown,
        contested=contested_of(found, acts, party.agency.id),
        pending=[each.act_no for each in acts if each.reported_act_id in pending],
    )
