"""One agreement as a caller may see it at an instant: by its side, its role and the sensitivity of each provision."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import ProposalStatus
from registry.agreements.instruments.days import Days, own_days
from registry.agreements.instruments.in_force import (
    TextStatus,
    renewal_of,
    running_term,
    term_day,
    text_at,
)
from registry.agreements.instruments.notice import Period, read_notice
from registry.agreements.instruments.pending import Without
from registry.agreements.instruments.queries.actions import allowed_actions
from registry.agreements.instruments.queries.after_end import about_what_came_after
from registry.agreements.instruments.queries.amendments import open_amendments
from registry.agreements.instruments.queries.authorities import revocations
from registry.agreements.instruments.queries.consents import as_far_as_agreed, proposals, reported_acts
from registry.agreements.instruments.queries.days import signed_days
from registry.agreements.instruments.queries.declining import declined_by
from registry.agreements.instruments.queries.evidence import Papers, papers_on_file, shown_evidence
from registry.agreements.instruments.queries.governing import terms_that_bind
from registry.agreements.instruments.queries.let_in import nothing_open_to
from registry.agreements.instruments.queries.offers import offers_on_reports, with_offers
from registry.agreements.instruments.queries.parties import (
    PARTIES,
    BoundThen,
    about_authorities,
    about_dissolutions,
    bound_then,
    bound_to_another,
    shown_party,
    until_told_to_others,
)
from registry.agreements.instruments.queries.party_days import AllDays, DaysTold, days_told
from registry.agreements.instruments.queries.pending import without_pending
from registry.agreements.instruments.queries.provisions import (
    VersionTerm,
    may_read_restricted,
    provisions_of,
    remarks_on_text,
    term_of_agreement,
    term_of_version,
    withheld_terms,
)
from registry.agreements.instruments.queries.publications import OwnWords, publication_in
from registry.agreements.instruments.queries.rows import SHOWN, Moment, shown_rows
from registry.agreements.instruments.queries.signed_text import as_signed
from registry.agreements.instruments.queries.texts import (
    dates_of,
    held_of,
    intervals_of,
    placed,
    texts_of,
    windows_shown_to_others,
)
from registry.agreements.instruments.queries.visibility import (
    administers,
)
from registry.agreements.instruments.queries.waiting import Waiting, custody_bars, separated, waiting_for
from registry.agreements.instruments.remarks import (
    Hand,
    NewHand,
    Remark,
    about_acts,
    about_bound_to_some,
    about_days_of_others,
    about_end,
    about_hands,
    about_missing_hands,
    about_newcomers,
    about_notice,
    about_own_texts,
    about_papers,
    about_signing_days,
    about_suspension,
    about_texts,
    end_reported,
)
from registry.agreements.instruments.rules import (
    DerivedStatus,
    Stage,
    derived_status,
    last_notice_day,
    shown_stage,
    stage_at,
)
from registry.agreements.instruments.schemas.consenting import Proposal, ReportedAct
from registry.agreements.instruments.schemas.shown import (
    Agreement,
    Amendment,
    Successor,
    SuspensionPeriod,
)
from registry.agreements.instruments.schemas.words import AgreementStatus
from registry.agreements.instruments.terms import Terms
from registry.agreements.instruments.terms import without as without_terms
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.intervals import earliest
from registry.platform.kernel.time import last_day_before


async def get_agreement(
    read: Read,
    principal: Principal,
    agreement_id: UUID,
    now: datetime,
    *,
    as_of: datetime | None = None,
    reveal: bool = False,
) -> Agreement:
    """One agreement as the caller may see it, at `as_of` or now; restricted text only with `reveal`.

    What may be done is said of now alone.
    Whoever reveals records the reading first: the answers to changes do not, since they are kept to be repeated.
    Raises NotFound.
    """
    at = as_of or now
    moment: Moment = "now" if as_of is None else "past"
    row, *_ = rows = await shown_rows(read, SHOWN, principal, agreement_id, moment, at, now)
    whole = bool(row.shared)
    if row.signed and not whole:
        return await as_signed(read, principal, row, at, reveal=reveal)
    others = not whole and not administers(principal)
    numbers = [each.stretch_no for each in rows if each.stretch == "text"]
    # Of a day to come others are told nothing of a text that holds then and that they do not read: they are as today.
    held = placed(held_of(rows), numbers)
    holding, _ = text_at(held, at)
    hidden = others and at > now and holding is not None and numbers[holding.text] != row.version_no
    stands_at = now if hidden else at
    windows_then = await read.fast(PARTIES, {"id": agreement_id, "version_id": row.version_id, "at": stands_at})
    parties = list({each.agency_id: each for each in windows_then}.values())
    suspensions = intervals_of(rows, "suspension")
    revealed = reveal and may_read_restricted(principal, row)
    provisions = await provisions_of(read, row.version_id, whole=whole, restricted=revealed)
    terms = msgspec.json.decode(row.terms, type=Terms)
    withheld = withheld_terms(terms, provisions)
    stage = stage_at(Stage(row.stage), row.terminated_at, now, superseded=bool(row.superseded))
    dates, force = dates_of(row, texts_of(rows), suspensions), intervals_of(rows, "force")
    to_renew = intervals_of(rows, "notice")
    superseded, has_successor = bool(row.superseded), True
    without = await without_pending(read, agreement_id, now) if row.any_reported else None
    if without is not None:
        suspensions, force, to_renew = without.suspensions, without.force, without.notice
        dates = msgspec.structs.replace(dates_of(row, without.texts, suspensions), ended_at=without.ended_at)
        numbers = [each.no for each in without.texts]
        held = placed(without.held, numbers)
        superseded, has_successor = without.is_superseded, without.has_successor
    joined_at = [party.joined_at for party in (_as_it_is(each, without) for each in parties)]
    status = derived_status(
        stage,
        dates,
        at if dates.ended_at is not None and at >= dates.ended_at else stands_at,
        joined=sum(each is not None and each <= max(at, now) for each in joined_at),
        ends_at=row.ends_at,
        force=force,
        notice=to_renew,
        pauses=intervals_of(rows, "pause"),
        superseded=superseded,
    )
    # By no clock: who signs at the same moment may have asked later than this request, and been let in before it.
    all_signed = all(its is not None for each, its in zip(parties, joined_at, strict=True) if each.in_text)
    whole_term = term_of_agreement(row) if row.executed_at is not None and not others else term_of_version(row)
    windows = held
    if others:  # the text that they are shown may have given way to one that is not published
        windows = await windows_shown_to_others(read, row, held, numbers, without, suspensions, dates.ended_at)
    window, text_status = text_at(windows, stands_at)
    # The last text ends as the agreement does; one before it gives way to the next.
    until = None if hidden or window is None else window.end
    of_version = term_of_version(row)
    told = DaysTold(
        last=whole_term,
        terms=row.terms,
        running=of_version,
        notice=whole_term,
        over_at=until,
        version_nos=(row.version_no,) * 3,
    )
    told_all = AllDays(by_party={}, windows={})
    if not others and len(numbers) > 1:  # else the text that is shown is the only one
        told_all = await days_told(read, row, numbers, dates, held, parties, without, at)
        told = told_all.by_party.get(principal.agency_id, told_all.by_party[None])
    lapses_at = force[-1].end if force and not hidden else None

    def term_of(days: DaysTold) -> tuple[date | None, date | None]:
        day = term_day(at, row.time_zone, dates.ended_at, lapses_at, days.over_at)
        return _cut_short(_term_ends_on(days.running, day), dates.ended_at, row.time_zone)

    ends_on, to_renew_on = term_of(told)
    # Of a day to come on which that text has run out others are told what it says, and of no later one.
    is_told = not (others and at > now and row.its_ends_at is not None and row.its_ends_at <= at)
    if not is_told:
        text_status = TextStatus.ENDED
    if not is_told and (dates.ended_at is None or at < dates.ended_at):
        status = DerivedStatus.EXPIRED
    notice = read_notice(told.notice.notice)
    notice_told = notice if whole else notice.as_published([each.number for each in provisions])
    ids = [party.agency_id for party in parties]
    papers: Papers = {}
    reports = bool(row.any_reported) and (whole or administers(principal))
    of_parties = (digest for each in parties for digest in (each.evidence_sha256, each.notice_evidence_sha256))
    shows = bool(row.any_proposed) or any((row.its_evidence_sha256, *of_parties))
    if row.any_filed and ((whole and shows) or reports):
        papers = await papers_on_file(read, agreement_id)
    resting = [party.authority_id for party in parties if party.authority_id is not None] if whole else []
    revoked = await revocations(read, resting)
    together = next((each for each in force if is_told and each.contains(stands_at)), None)
    until_told = until_told_to_others(parties, without, row.its_ends_at, dates.ended_at, at) if others else None
    then = bound_then(windows_then, without, stands_at)
    bound_by = bound_to_another(then)
    evidence = shown_evidence(row.its_evidence_sha256, row.its_evidence_location, papers) if whole else None

    def own_notice(agency_id: UUID) -> date | None:
        its = told_all.by_party.get(agency_id)
        if its is None:
            return _last_notice_on(to_renew_on, None if notice_told is None else notice_told.of(agency_id))
        return _last_notice_on(term_of(its)[1], read_notice(its.notice.notice).of(agency_id))

    shown = [
        shown_party(
            party,
            own_notice(party.agency_id),
            papers,
            evidence,
            revoked,
            row.time_zone,
            without,
            then[party.agency_id],
            bound_by[party.agency_id],
            together,
            until_told,
            whole=whole,
        )
        for party in parties
        if whole or party.may_be_named
    ]
    remarks: list[Remark] = []
    if whole:
        days = await _days(read, row, parties, now)
        remarks += about_papers(row.version_no, evidence, [each.signature.evidence for each in shown if each.signature])
        hands = [
            Hand(
                agency=each.agency.name,
                manner=each.signature.manner,
                signed_on=each.signature.signed_on,
                entered_on=days.of(each.agency.id, each.signature.recorded_at),
                evidence=each.signature.evidence,
            )
            for each in shown
            if each.signature
        ]
        remarks += about_hands(row.version_no, hands)
        remarks += about_signing_days(
            row.version_no,
            row.its_effective_on,
            [(each.agency.name, each.signature.manner, each.signature.signed_on) for each in shown if each.signature],
        )
        # Without a day of its own a signature counts from when it was recorded, by who was let in by then.
        came = [each for each in parties if not each.in_text and each.signed_on and each.counts_from]
        remarks += about_newcomers(
            row.version_no,
            [
                NewHand(
                    agency=each.name,
                    signed_on=each.signed_on,
                    let_in_on=days.of(each.agency_id, each.named_at),
                    counts_on=days.of(each.agency_id, each.counts_from),
                )
                for each in came
            ],
        )
        if row.executed_at is not None:
            other = [each for each in shown if each.bound and not _binds(row.version_no, then[each.agency.id])]
            remarks += about_missing_hands(row.version_no, [each.agency.name for each in other])
        remarks += about_texts(dates, held, numbers, force, days)
        if principal.agency_id in then:
            remarks += about_own_texts(row.version_no, [each.version_no for each in then[principal.agency_id]])
            names = {each.agency.id: each.agency.name for each in shown}
            remarks += about_bound_to_some(dates, numbers, told_all.windows, principal.agency_id, names, days, at)
        remarks += about_days_of_others(row.version_no, *told.version_nos)
        remarks += about_dissolutions(parties, row.time_zone, at)
        remarks += [
            *about_notice(notice, ids),
            *about_end(told.last.expires_on, msgspec.json.decode(told.terms, type=Terms)),
            *about_suspension(terms),
            *remarks_on_text(provisions, row.terms, term_of_version(row)),
        ]
    remarks += about_authorities(row.version_no, shown)
    publication, words = None, OwnWords()
    if whole and row.any_publication:
        publication, words = await publication_in(read, principal.agency_id, row, parties)
    waiting, declined = Waiting(), []
    if whole and row.any_declined:
        declined = await declined_by(read, agreement_id=agreement_id)
    if whole and as_of is None:
        paper = bool(row.paper_to_confirm)
        about = (read, principal.agency_id, *_on_its_way(row), now, declined)
        waiting = await waiting_for(*about, paper_to_confirm=paper)
        kept_already = await custody_bars(read, principal.agency_id, row)
        waiting = msgspec.structs.replace(waiting, bars={**waiting.bars, **kept_already})
    reported: list[ReportedAct] = []
    if reports:
        offers_on = offers_on_reports(read, principal, row, _on_its_way(row)[0], now, withheld=as_of is not None)
        reported = await reported_acts(read, principal, row.id, now, offers_on, papers, whole=whole)
    proposed: list[Proposal] = []
    if whole and row.any_proposed:
        proposed = await proposals(read, principal, row.id, now, without, papers)
    if as_of is None:
        proposed = with_offers(principal, row, parties, reported, proposed, now)
    proposed = as_far_as_agreed(proposed)
    remarks += [
        end_reported(each.proposed_by.name, each.not_before, [party.name for party in each.outstanding], row.time_zone)
        for each in proposed
        if each.status is ProposalStatus.REPORTED
    ]
    if proposed and dates.ended_at is not None:
        days = await _days(read, row, parties, now)
        remarks += await about_what_came_after(read, row, parties, proposed, dates.ended_at, days)
    remarks += about_acts(
        [
            *((f"the notice of {each.agency.name}", each.notice_evidence) for each in shown),
            *((f"the {each.kind} proposed by {each.proposed_by.name}", each.evidence) for each in proposed),
        ]
    )
    offers: list[AllowedAction] = []
    if as_of is None:
        own = [terms]
        if bool(row.is_party) and len(numbers) > 1:  # else the text that is shown is the only one
            own = await terms_that_bind(read, row, principal.agency_id, now)
        closed = None
        if whole and any(each.agency_id == principal.agency_id and not each.in_text for each in parties):
            closed = await nothing_open_to(read, row, principal.agency_id, now)
        offers = waiting.held_back(
            allowed_actions(
                principal,
                row,
                parties,
                own,
                words,
                reported,
                proposed,
                now,
                may_sign=told.may_sign,
                may_confirm=told.may_confirm,
                closed_to_it=closed,
            )
        )
        offers = await separated(read, principal, row, _on_its_way(row)[0], offers)
    return Agreement(
        id=row.id,
        number=row.number,
        title=row.version_title,
        kind=row.kind,
        custodian_agency=AgencyReference(id=row.custodian_id, name=row.custodian_name),
        stage=shown_stage(stage, all_signed=all_signed),
        status=cast(AgreementStatus, status.value),
        as_of=at,
        view="party" if whole else "public",
        time_zone=row.time_zone,
        effective_on=row.effective_on,
        expires_on=told.last.expires_on,
        auto_renew_months=told.last.auto_renew_months,
        auto_renew_times=told.last.auto_renew_times,
        term_ends_on=ends_on,
        starts_at=row.starts_at,
        ends_at=earliest(told.last.ends_at, dates.ended_at),
        binds_from=force[0].start if force else None,
        notice=notice_told,
        last_notice_on=_last_notice_on(to_renew_on, None if notice_told is None else notice_told.general),
        review_every_months=row.review_every_months,
        executed_at=row.executed_at,
        ratify_by=row.ratify_by,
        terminated_at=dates.ended_at,
        superseded_by=_superseded_by(row) if whole and has_successor else None,
        custody_offered_to=_custody_offered_to(row) if whole else None,
        suspensions=[SuspensionPeriod(start=s.start, end=s.end) for s in suspensions],
        version_no=row.version_no,
        version_status=text_status,
        version_kind=row.its_kind,
        version_effective_on=row.its_effective_on,
        version_sha256=row.sha256 if whole else None,
        evidence=evidence,
        amendment=_amendment(principal, row) if whole else None,
        amendments=await open_amendments(read, principal, row) if whole else [],
        categories=terms.categories,
        terms=without_terms(terms, withheld) if whole else None,
        terms_withheld=withheld if whole else [],
        provisions=provisions,
        parties=shown,
        reported_acts=reported,
        proposals=proposed,
        publication=publication,
        signing=waiting.signing,
        declined_by=declined,
        remarks=remarks,
        allowed_actions=offers,
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _binds(version_no: int, then: Sequence[BoundThen]) -> bool:
    """Whether one of the windows is by that version."""
    return any(each.version_no == version_no for each in then)


async def _days(read: Read, row: Row[Any], parties: Sequence[Row[Any]], now: datetime) -> Days:
    """The days of the agreement; only where a party is in another time zone its acts have days of their own."""
    zones = {party.agency_id: party.its_zone for party in parties if party.its_zone is not None}
    apart = any(zone != row.time_zone for zone in zones.values())
    signed = await signed_days(read, row.id) if apart else []
    return Days(now=now, time_zone=row.time_zone, zones=zones, own=own_days(signed))


def _as_it_is(party: Row[Any], without: Without | None) -> Any:
    """The party as it is without pending reports."""
    return (without.party(party.agency_id) if without is not None else None) or party


def _superseded_by(row: Row[Any]) -> Successor | None:
    """Where the caller may not know of that agreement, not even its id is shown."""
    if row.successor_id is None:
        return None
    return Successor(id=row.successor_id, number=row.successor_number)


def _custody_offered_to(row: Row[Any]) -> AgencyReference | None:
    if row.custody_offered_to_id is None:
        return None
    return AgencyReference(id=row.custody_offered_to_id, name=row.custody_offered_to_name)


def _term_ends_on(term: VersionTerm, day: date) -> date | None:
    """The last day of the version's term that holds the day; of its last one when all are over."""
    if term.expires_on is None:
        return None
    return running_term(term.expires_on, renewal_of(term.auto_renew_months, term.auto_renew_times), day)


def _cut_short(term_ends_on: date | None, ended_at: datetime | None, time_zone: str) -> tuple[date | None, date | None]:
    """The last day of a term that the agreed end of the agreement may cut short, and the day on which it may renew.

    What ends before the term is over has no renewal that a notice could keep away.
    """
    if ended_at is None:
        return term_ends_on, term_ends_on
    last = last_day_before(ended_at, time_zone)
    if term_ends_on is not None and term_ends_on <= last:
        return term_ends_on, term_ends_on
    return last, None


def _last_notice_on(ends_on: date | None, period: Period | None) -> date | None:
    return None if ends_on is None or period is None else last_notice_day(ends_on, period)


def _on_its_way(row: Row[Any]) -> tuple[UUID, Stage]:
    """The version that review and signatures are about, and its stage: the amendment's where there is one."""
    if row.amendment_id is not None:
        return row.amendment_version_id, Stage(row.amendment_stage)
    return row.version_id, Stage(row.stage)


def _amendment(principal: Principal, row: Row[Any]) -> Amendment | None:
    """The amendment on its way; while it is a draft, its custodian's alone."""
    drafted = row.amendment_sha256 is None
    if row.amendment_id is None or (drafted and row.custodian_id != principal.agency_id):
        return None
    return Amendment(
        version_no=row.amendment_no,
        version_sha256=row.amendment_sha256,
        kind=row.amendment_kind,
        stage=row.amendment_stage,
        title=row.amendment_title,
        effective_on=row.amendment_effective_on,
    )
