"""One agreement as a caller may see it at an instant: by its side, its role and the sensitivity of each provision."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy.engine import Row

from registry.agreements.instruments.approved_texts import about_approvals
from registry.agreements.instruments.consent import ProposalKind, Reliance
from registry.agreements.instruments.days import Days, own_days
from registry.agreements.instruments.delivered import about_deliveries, about_receipts
from registry.agreements.instruments.disputed import about_contested
from registry.agreements.instruments.ends import last_day_of
from registry.agreements.instruments.histories import TextWindow
from registry.agreements.instruments.in_force import TextStatus, text_at
from registry.agreements.instruments.notice import Notice, read_notice
from registry.agreements.instruments.pausing import BindingTerms
from registry.agreements.instruments.pending import Without
from registry.agreements.instruments.queries.actions import allowed_actions
from registry.agreements.instruments.queries.after_end import about_reported_ends, about_what_came_after
from registry.agreements.instruments.queries.amendments import amendment_shown, on_its_way, open_amendments
from registry.agreements.instruments.queries.approvals import approvals_on_record, hands_by_number
from registry.agreements.instruments.queries.authorities import revocations
from registry.agreements.instruments.queries.ceilings import about_ceiling
from registry.agreements.instruments.queries.conditions import remarks_on_conditions
from registry.agreements.instruments.queries.consents import acts_told_to, as_far_as_agreed, proposals, reported_acts
from registry.agreements.instruments.queries.days import signed_days
from registry.agreements.instruments.queries.declining import declined_by
from registry.agreements.instruments.queries.ends import end_told
from registry.agreements.instruments.queries.evidence import NO_PAPERS, papers_on_file, shown_evidence
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
    clauses_read,
    may_read_restricted,
    provisions_of,
    remarks_on_text,
    term_of_agreement,
    term_of_version,
    withheld_terms,
)
from registry.agreements.instruments.queries.publications import OwnWords, publication_in
from registry.agreements.instruments.queries.receipts import corrections_barred, said_of
from registry.agreements.instruments.queries.relying import relied_on
from registry.agreements.instruments.queries.rows import SHOWN, Moment, shown_rows
from registry.agreements.instruments.queries.running_terms import cut_short, last_notice_told, term_ends_on_told
from registry.agreements.instruments.queries.signatures_remarked import about_signatures
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
from registry.agreements.instruments.receipt import awaited_from
from registry.agreements.instruments.remarks import (
    Remark,
    about_acts,
    about_bound_to_some,
    about_days_of_others,
    about_end,
    about_limits,
    about_missing_hands,
    about_notice,
    about_own_texts,
    about_renewals,
    about_suspension,
    about_texts,
    about_undecided,
)
from registry.agreements.instruments.rules import (
    DerivedStatus,
    Stage,
    derived_status,
    executed_when,
    shown_stage,
    stage_at,
)
from registry.agreements.instruments.schemas.consenting import Proposal, ReportedAct
from registry.agreements.instruments.schemas.shown import (
    Agreement,
    Provision,
    Successor,
    SuspensionPeriod,
    TextToCome,
)
from registry.agreements.instruments.schemas.words import AgreementStatus
from registry.agreements.instruments.term_days import renewal_of, term_day
from registry.agreements.instruments.terms import Terms, shown_without
from registry.agreements.instruments.told import PublicDays, alone_at, binds_some, status_then
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.intervals import earliest
from registry.platform.kernel.time import civil_day


def _is_of_audience(principal: Principal, row: Row[Any], parties: Sequence[Any]) -> bool:
    """Whether what is made for the parties reaches the caller whenever it was made: `visibility.reaches_parties`."""
    own = next((each for each in parties if each.agency_id == principal.agency_id), None)
    if row.custodian_id == principal.agency_id:
        return True
    if own is None or row.kept_from_it:
        return False
    return bool(own.joined_at or own.in_text) and own.leaves_at is None and own.released_at is None


def _about_terms(provisions: list[Provision], terms: Terms, notice: Notice, row: Row[Any]) -> list[Remark]:
    """What there is to remark on in the terms of the text that is shown."""
    return [
        *about_suspension(terms, notice),
        *about_limits(terms),
        *remarks_on_text(provisions, row.terms, term_of_version(row), row.its_kind),
        *about_undecided(terms),
    ]


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
    held = placed(held_of(rows), numbers)
    ahead = others and at > now and row.executed_at is not None  # others are told what is public of a day to come
    stands_at = now if ahead else at
    windows_then = await read.fast(PARTIES, {"id": agreement_id, "version_id": row.version_id, "at": stands_at})
    parties = list({each.agency_id: each for each in windows_then}.values())
    suspensions = intervals_of(rows, "suspension")
    revealed = reveal and may_read_restricted(principal, row)
    reads_text = whole and not row.closed_to_it
    provisions = await provisions_of(read, row.version_id, whole=whole, restricted=revealed)
    if row.closed_to_it:
        provisions = []
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
    joined = sum(each is not None and each <= max(at, now) for each in joined_at)
    status = derived_status(
        stage,
        dates,
        stands_at,
        joined=joined,
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
    if status == DerivedStatus.LAPSED and text_status is TextStatus.CURRENT:
        text_status = TextStatus.ENDED  # its days go on, and it binds nobody to another any more
    # The last text ends as the agreement does; one before it gives way to the next.
    until = None if window is None else window.end
    lapses_at = force[-1].end if force else None
    binds_from = force[0].start if force else None
    public = PublicDays(
        starts_at=row.starts_at,
        text_starts_at=row.its_starts_at,
        text_ends_at=row.its_ends_at,
        ended_at=dates.ended_at,
        superseded=superseded,
        suspensions=tuple(suspensions),
        alone_at=alone_at(_as_it_is(each, without) for each in parties),
    )
    begins_at = None
    if ahead:
        begins_at = public.begins_to_bind_at(status, now)
        status, text_status = status_then(status, public, now, at), public.text_then(text_status, at)
        until, lapses_at = (each if each is not None and each <= now else None for each in (until, lapses_at))
        lapses_at = earliest(lapses_at, public.alone_at)
    if others and (binds_from is None or binds_from > now):
        binds_from = public.starts_at if joined > 1 and public.starts_at > now else None
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

    own_part = next((each for each in parties if each.agency_id == principal.agency_id), None)
    over_at = end_told(row, own_part, now, whole=not others)
    over_for_all = end_told(row, None, now, whole=not others)

    def term_of(days: DaysTold, over_at: datetime | None) -> tuple[date | None, date | None]:
        day = term_day(at, row.time_zone, dates.ended_at, lapses_at, days.over_at)
        return cut_short(term_ends_on_told(days.running, day), over_for_all, over_at, row.time_zone)

    term_ends_on, to_renew_on = term_of(told, over_at)
    notice = read_notice(told.notice.notice)
    notice_told = notice if whole else notice.as_published([each.number for each in provisions])
    ids = [party.agency_id for party in parties]
    papers = NO_PAPERS
    approvals = await approvals_on_record(read, agreement_id, principal.agency_id) if whole and row.any_approved else {}
    reports = bool(row.any_reported) and (whole or administers(principal))
    of_parties = (digest for each in parties for digest in (each.evidence_sha256, each.notice_evidence_sha256))
    shows = bool(row.any_proposed) or bool(row.any_approved) or any((row.its_evidence_sha256, *of_parties))
    if row.any_filed and ((whole and shows) or reports):
        papers = await papers_on_file(read, agreement_id, principal.agency_id)
    resting = [party.authority_id for party in parties if party.authority_id is not None] if whole else []
    revoked = await revocations(read, resting)
    together = next((each for each in force if each.contains(stands_at)), None)
    then = bound_then(windows_then, without, stands_at)
    bound_by = bound_to_another(then)
    until_told: dict[UUID, datetime | None] | None = None
    if others:
        binding = parties if begins_at is not None else [p for p in parties if together and bound_by[p.agency_id]]
        until_told = until_told_to_others(binding if not ahead or binds_some(status) else [], without, public, at)
    its_paper = row.its_evidence_sha256, row.its_evidence_location
    evidence = shown_evidence(*its_paper, papers, row.custodian_id) if whole else None

    def own_notice(agency_id: UUID) -> date | None:
        its = told_all.by_party.get(agency_id)
        if its is None:
            return last_notice_told(to_renew_on, None if notice_told is None else notice_told.of(agency_id))
        its_end = next(end_told(row, each, now, whole=True) for each in parties if each.agency_id == agency_id)
        return last_notice_told(term_of(its, its_end)[1], read_notice(its.notice.notice).of(agency_id))

    receipts = await said_of(read, agreement_id, parties) if whole else {}
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
            approvals.get(party.agency_id, ()),
            {each.agency_id: each.name for each in parties},
            receipts.get((agreement_id, party.agency_id), ()),
            whole=whole,
        )
        for party in parties
        if whole or party.may_be_named
    ]
    remarks: list[Remark] = []
    if whole:
        days = await _days(read, row, parties, now)
        remarks += about_signatures(row, shown, parties, evidence, days)
        if row.executed_at is not None:
            other = [each for each in shown if each.bound and not _binds(row.version_no, then[each.agency.id])]
            remarks += about_missing_hands(row.version_no, [each.agency.name for each in other])
        if any(each.approval_required for each in shown):
            bound_nos = {each: [window.version_no for window in its] for each, its in then.items()}
            signed_nos = await hands_by_number(read, agreement_id)
            remarks += about_approvals(shown, bound_nos, signed_nos, civil_day(at, row.time_zone), at)
        remarks += about_texts(dates, held, numbers, force, days)
        if principal.agency_id in then:
            remarks += about_own_texts(row.version_no, [each.version_no for each in then[principal.agency_id]])
            names = {each.agency.id: each.agency.name for each in shown}
            remarks += about_bound_to_some(dates, numbers, told_all.windows, principal.agency_id, names, days, at)
        remarks += about_days_of_others(row.version_no, *told.version_nos)
        remarks += about_dissolutions(parties, row.time_zone, at)
        remarks += [
            *about_notice(notice, ids),
            *(about_end(told.last.expires_on, msgspec.json.decode(told.terms, type=Terms)) if reads_text else ()),
            *about_renewals(
                told.last.expires_on,
                renewal_of(told.last.auto_renew_months, told.last.auto_renew_times, told.last.renewal_day),
            ),
            *(_about_terms(provisions, terms, notice, row) if reads_text else ()),
            *await remarks_on_conditions(read, agreement_id, principal.agency_id, clauses_read(provisions)),
        ]
        remarks += about_authorities(row.version_no, shown, days)
        own_hand = next((each.authority for each in shown if each.agency.id == principal.agency_id), None)
        if reads_text:
            remarks += await about_ceiling(read, principal.agency_id, row.version_no, terms, own_hand)
    publication, words = None, OwnWords()
    if whole and row.any_publication:
        publication, words = await publication_in(read, principal.agency_id, row, parties)
    waiting, declined = Waiting(), []
    if whole and row.any_declined:
        declined = await declined_by(read, agreement_id=agreement_id)
    if whole and as_of is None:
        paper = bool(row.paper_to_confirm)
        about = (read, principal.agency_id, *on_its_way(row), now, declined)
        waiting = await waiting_for(*about, paper_to_confirm=paper, paper_to_decline=bool(row.paper_to_decline))
        kept_already = await custody_bars(read, principal.agency_id, row)
        waiting = msgspec.structs.replace(waiting, bars={**waiting.bars, **kept_already})
    reported: list[ReportedAct] = []
    if reports:
        offers_on = offers_on_reports(read, principal, row, on_its_way(row)[0], now, withheld=as_of is not None)
        reported = await reported_acts(read, principal, row.id, now, offers_on, papers, whole=whole)
    proposed: list[Proposal] = []
    if whole and row.any_proposed:
        proposed = await proposals(read, principal, row.id, now, without, papers)
    relied: list[Reliance] = []
    if as_of is None:
        if own_part is not None and (own_part.leaves_at is not None or awaited_from(own_part.notice_receipts)):
            relied = await relied_on(read, row.id, principal.agency_id, row.time_zone, now)
        proposed = with_offers(principal, row, parties, reported, proposed, relied, now)
    proposed = as_far_as_agreed(proposed)
    remarks += about_reported_ends(proposed, reported, shown, row.time_zone)
    if whole:
        remarks += about_contested(reported, proposed, row.time_zone)
    if proposed and dates.ended_at is not None:
        days = await _days(read, row, parties, now)
        remarks += await about_what_came_after(read, row, parties, proposed, reported, dates.ended_at, days)
    if whole:

        def asked_of(agency_id: UUID) -> Notice:
            its = told_all.by_party.get(agency_id)
            return notice if its is None else read_notice(its.notice.notice)

        its_clauses = {each.number: each.text for each in provisions}
        remarks += about_deliveries(shown, reported, asked_of, its_clauses, row.time_zone)
        remarks += about_receipts(shown, asked_of)
    remarks += about_acts(
        [
            *((f"the notice of {each.agency.name}", each.notice_evidence) for each in shown),
            *(
                (f"the {each.kind} proposed by {each.proposed_by.name}", each.evidence)
                for each in proposed
                if each.kind != ProposalKind.EARLIER_DAY  # that is the paper of a signature: see above
            ),
        ]
    )
    offers: list[AllowedAction] = []
    if as_of is None:
        own = [BindingTerms(terms=terms, notice=read_notice(term_of_version(row).notice))]
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
                relied=relied,
                corrections=await corrections_barred(read, row.id, parties, principal.agency_id, row.time_zone, now),
            )
        )
        offers = await separated(read, principal, row, on_its_way(row)[0], offers)
    if whole and (reported or proposed) and not _is_of_audience(principal, row, parties):
        told_ids = await acts_told_to(read, row.id, principal.agency_id)
        reported = [
            each if each.id in told_ids else msgspec.structs.replace(each, reason=None, answer=None, evidence=None)
            for each in reported
        ]
        proposed = [
            each
            if each.id in told_ids or principal.agency_id in [newcomer.id for newcomer in each.newcomers]
            else msgspec.structs.replace(each, reason=None, evidence=None)
            for each in proposed
        ]
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
        term_ends_on=term_ends_on,
        starts_at=row.starts_at,
        ends_on=last_day_of(over_at, row.time_zone),
        ends_at=over_at,
        binds_from=binds_from,
        notice=notice_told,
        last_notice_on=last_notice_told(to_renew_on, None if notice_told is None else notice_told.general),
        review_every_months=row.review_every_months,
        executed_at=executed_when(
            row.executed_at, (its for each, its in zip(parties, joined_at, strict=True) if each.in_text)
        ),
        ratify_by=None if others else row.ratify_by,
        terminated_at=dates.ended_at,
        superseded_by=_superseded_by(row) if whole and has_successor else None,
        custody_offered_to=_custody_offered_to(row) if whole else None,
        suspensions=[SuspensionPeriod(start=s.start, end=s.end) for s in suspensions],
        version_no=row.version_no,
        version_status=text_status,
        next_text=_next_text(held, numbers, window, stands_at) if whole else None,
        version_kind=row.its_kind,
        version_effective_on=row.its_effective_on,
        version_sha256=row.sha256 if whole else None,
        evidence=evidence,
        amendment=amendment_shown(principal, row) if whole else None,
        amendments=await open_amendments(read, principal, row) if whole else [],
        categories=terms.categories,
        terms=shown_without(terms, withheld) if reads_text else None,
        terms_withheld=withheld if reads_text else [],
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


def _next_text(
    held: Sequence[TextWindow], numbers: Sequence[int], shown: TextWindow | None, at: datetime
) -> TextToCome | None:
    """The text that is to come next after the one that is shown at that instant."""
    its = next((each for each in held if each.start > at and each != shown), None)
    if shown is None or shown.start > at or its is None:
        return None
    return TextToCome(version_no=numbers[its.text], starts_at=its.start)


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
