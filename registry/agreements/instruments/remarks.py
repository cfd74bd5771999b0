"""What a reader has to know beside the figures: where a text was placed, what none covers, how far one reaches back."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from msgspec import Struct

from registry.agreements.instruments.consent import ended_by_own_word
from registry.agreements.instruments.days import Days
from registry.agreements.instruments.histories import AgreementDates, BoundWindow, TextWindow
from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.schemas.consenting import Proposal, ReportedAct
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.instruments.schemas.signing import SignatoryAuthority
from registry.agreements.instruments.term_days import Renewal, last_day
from registry.agreements.instruments.terms import Terms, is_silent
from registry.agreements.instruments.together import runs_out, together
from registry.agreements.instruments.unsaid import DECIDING, LIMITING, undecided, unsaid
from registry.platform.kernel.intervals import Interval
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import counted
from registry.platform.kernel.time import add_months, last_day_before

NONE_MADE_UP = "What is not entered is not made up, neither a last day nor another renewal."
"""The one rule of an end and of renewals that nobody entered: `in_force.last_day`."""

UNLIKELY_YEARS = 3
"""How many years a signature on paper may lie from its text's first day without a remark."""


class RemarkCode(StrEnum):
    """What a remark is about."""

    GAP = "gap"
    PLACED_BEFORE = "placed_before"
    NEVER_HOLDS = "never_holds"
    REACHES_BACK = "reaches_back"
    NOT_SIGNED_BY_ALL = "not_signed_by_all"
    BOUND_BY_ANOTHER = "bound_by_another"
    DAYS_OF_ANOTHER = "days_of_another"
    BOUND_TO_SOME_UNTIL = "bound_to_some_until"
    NOTICE_SILENT = "notice_silent"
    COUNTED_FROM_SILENT = "counted_from_silent"
    EXPIRY_SILENT = "expiry_silent"
    RENEWALS_SILENT = "renewals_silent"
    SUSPENSION_SILENT = "suspension_silent"
    LIMITS_SILENT = "limits_silent"
    DECIDING_SILENT = "deciding_silent"
    REPORT_CONTESTED = "report_contested"
    AWAITING_RECEIPT = "awaiting_receipt"
    RECEIPT_DISPUTED = "receipt_disputed"
    COUNTS_FROM_RECEIPT = "counts_from_receipt"
    TERM_NOT_ENTERED = "term_not_entered"
    CONDITION_NOT_ENTERED = "condition_not_entered"
    END_REPORTED = "end_reported"
    SAYS_OTHERWISE = "says_otherwise"
    MAY_SAY_OTHERWISE = "may_say_otherwise"
    REPEATS_RESTRICTED = "repeats_restricted"
    SIGNING_DAY_UNLIKELY = "signing_day_unlikely"
    AUTHORITY_LACKING = "authority_lacking"
    AUTHORITY_RECORDED_LATER = "authority_recorded_later"
    AUTHORITY_CEILING_SILENT = "authority_ceiling_silent"
    APPROVAL_OF_ANOTHER_TEXT = "approval_of_another_text"
    NOTICE_MANNER_DIFFERS = "notice_manner_differs"
    PARTY_DISSOLVED = "party_dissolved"
    PAPER_NOT_ON_FILE = "paper_not_on_file"
    EVIDENCE_NOT_NAMED = "evidence_not_named"
    SIGNED_BEFORE_LET_IN = "signed_before_let_in"
    END_AGREED_BEFORE = "end_agreed_before"
    ENDS_BEFORE_ITS_TERM = "ends_before_its_term"
    TERM_REMOVED = "term_removed"
    TERM_CHANGED = "term_changed"
    TERM_KEPT = "term_kept"
    REPEATS_VERSION = "repeats_version"


class Remark(Struct, kw_only=True, frozen=True):
    """One of them, in a sentence; `version_no` and `clause` are what it is about, where it is about one."""

    code: RemarkCode
    detail: str
    version_no: int | None = None
    clause: str | None = None


def about_texts(
    dates: AgreementDates,
    windows: Sequence[TextWindow],
    numbers: Sequence[int],
    force: Sequence[Interval],
    days: Days,
) -> Iterator[Remark]:
    """Of an executed agreement's texts, whose version `numbers` are in the order of `dates`, and when each is shown."""
    if dates.executed_at is None:
        return
    held = {window.text: window for window in reversed(windows)}
    order = dates.by_effect
    for n, following in pairwise(order):
        if n in held and numbers[following] < numbers[n]:
            yield _placed(held[n], numbers[n], numbers[following], days)
    for n in set(order) - held.keys():
        if dates.ended_at is None or dates.begins[n] < dates.ended_at:
            detail = (
                f"Version {numbers[n]} is never the text: another takes effect as it does, or had taken its place "
                "before the signatures to it count, its own end is over, or who signed it has left."
            )
            yield Remark(code=RemarkCode.NEVER_HOLDS, detail=detail, version_no=numbers[n])
    for one, other in pairwise(windows):
        if one.end is not None and one.end < other.start:
            yield _gap(one.end, other.start, numbers[one.text], numbers[other.text], days)
    yield from _reaching_back(dates, numbers, force, days)


def _placed(window: Interval, number: int, following: int, days: Days) -> Remark:
    through = "" if window.end is None else f" through {days.last(window.end)}"
    detail = (
        f"Version {number} was recorded after version {following} and takes effect before it: it is the text from "
        f"{days.first(window.start)}{through} among those who signed both. To whoever has not signed version "
        f"{following} it goes on."
    )
    return Remark(code=RemarkCode.PLACED_BEFORE, detail=detail, version_no=number)


def _gap(ended_at: datetime, begins_at: datetime, number: int, following: int, days: Days) -> Remark:
    detail = (
        f"No text holds from {days.first(ended_at)} through {days.last(begins_at)}: version {number} has ended then, "
        f"and version {following} has not begun. Nobody is bound in between."
    )
    return Remark(code=RemarkCode.GAP, detail=detail, version_no=following)


def _reaching_back(
    dates: AgreementDates, numbers: Sequence[int], force: Sequence[Interval], days: Days
) -> Iterator[Remark]:
    """Texts that mean to apply from before they bound anybody: they bind from then on, and never backwards."""
    meant = (dates.starts_at, *(text.starts_at for text in dates.amendments))
    for n, (means_from, signed_from) in enumerate(zip(meant, dates.begins, strict=True)):
        binds_from = signed_from
        if n == 0:
            first = force[0].start if force else None
            if first is None:
                continue
            binds_from = max(signed_from, first)
        says, binds = days.first(means_from), days.first(binds_from)
        if says < binds:
            holds = any(_touches(each, means_from, binds_from) for each in force)
            between = "what was agreed before is read as in force" if holds else "nothing is read as in force"
            detail = (
                f"Version {numbers[n]} says that it applies from {says}. It binds from {binds}, and each of those who "
                f"signed it not before its signature: for the days between, {between}. What the parties owe each other "
                "for those days is between them; have counsel review."
            )
            yield Remark(code=RemarkCode.REACHES_BACK, detail=detail, version_no=numbers[n])


def _touches(stretch: Interval, start: datetime, end: datetime) -> bool:
    return stretch.start < end and (stretch.end is None or start < stretch.end)


def about_notice(notice: Notice, parties: Sequence[UUID]) -> Iterator[Remark]:
    """That how long notice runs is not entered, for all parties or for some; and from what, where it says how long."""
    silent = [party for party in parties if notice.of(party) is None]
    if silent:
        whose = "" if len(silent) == len(parties) else f" for {len(silent)} of the parties"
        detail = f"How long notice runs is not entered{whose}: no last day for it is told, and none is assumed."
        yield Remark(code=RemarkCode.NOTICE_SILENT, detail=detail, clause=notice.clause)
    if notice.periods and notice.counted_from == "silent":
        detail = (
            "From what notice counts is not entered (`notice.counted_from`): here it counts from the day on which it "
            "is given. If the text counts it from its receipt, a party is bound longer than is shown: enter that. Have "
            "counsel review."
        )
        yield Remark(code=RemarkCode.COUNTED_FROM_SILENT, detail=detail, clause=notice.clause)


def about_end(expires_on: date | None, terms: Terms) -> Iterator[Remark]:
    """That neither a last day is entered nor that the text goes on until it is ended."""
    if expires_on is None and is_silent(terms, "open_ended"):
        detail = (
            "No last day is entered, nor that the text goes on until it is ended: it is read as in force until it is "
            f"ended, by consent or notice. {NONE_MADE_UP} Look for one in the text, and enter it or `open_ended`."
        )
        yield Remark(code=RemarkCode.EXPIRY_SILENT, detail=detail)


def about_renewals(expires_on: date | None, renewal: Renewal | None) -> Iterator[Remark]:
    """That how often the term renews itself is entered as not said: the one renewal that is spoken of is counted."""
    if renewal is not None and renewal.is_silent:
        detail = (
            f"The term renews itself by {counted(renewal.months, 'month')}, and how often is entered as “silent”. One "
            f"renewal is counted, through {last_day(expires_on, renewal)}, and none is assumed after it: to go on, "
            f"amend or renew it; have counsel review. {NONE_MADE_UP}"
        )
        yield Remark(code=RemarkCode.RENEWALS_SILENT, detail=detail)


def how_often(renewal: Renewal) -> str:
    """How often the term renews itself, in words."""
    if renewal.is_silent:
        return "and how often is entered as not said: once is counted"
    return "without end" if renewal.times is None else f"at most {counted(renewal.times, 'time')}"


def about_suspension(terms: Terms, notice: Notice) -> Iterator[Remark]:
    """That it is not entered whether a party may suspend its own participation: then it is bound as by its notice."""
    if is_silent(terms, "suspension"):
        if notice.by_receipt:
            takes = (
                "no party can, since notice counts from its receipt, and none of a suspension is recorded; the whole "
                "is suspended"
            )
        elif notice.periods:
            takes = "that takes effect once its notice would have run out; sooner the whole is suspended"
        else:
            takes = "that takes effect not without the consent of each; sooner the whole is suspended"
        detail = (
            "Whether a party may suspend its own participation is not entered (`suspension`). Here "
            f"{takes}, with the consent of each. Have counsel review."
        )
        yield Remark(code=RemarkCode.SUSPENSION_SILENT, detail=detail)


def about_limits(terms: Terms) -> Iterator[Remark]:
    """Which of the terms that can bar a loan, or ask for more, are not entered: silence bars nothing."""
    if silent := unsaid(terms):
        named = "; ".join(f"{LIMITING[name]} (`{name}`)" for name in silent)
        sensitive = (
            " A purpose that is sensitive needs the assisting agency's legal officer then."
            if "purposes" in silent
            else ""
        )
        detail = (
            f"Not entered, so that no request is barred by it: {named}. Each decision that rests on it says "
            f"so.{sensitive} If the text says it, enter it; if it says that there is no limit, enter that. Have "
            "counsel review."
        )
        yield Remark(code=RemarkCode.LIMITS_SILENT, detail=detail)


def about_undecided(terms: Terms) -> Iterator[Remark]:
    """Which of the terms that settle who does or bears what are not entered: nobody is assumed in their place."""
    if silent := undecided(terms):
        named = "; ".join(f"{DECIDING[name]} (`{name}`)" for name in silent)
        detail = (
            f"Not entered, and nothing is assumed in its place: {named}. If the text says it, enter it; if it does "
            "not, it is open among the parties. Have counsel review."
        )
        yield Remark(code=RemarkCode.DECIDING_SILENT, detail=detail)


def about_missing_hands(version_no: int, without_hand: Sequence[str]) -> Iterator[Remark]:
    """Of parties that are bound on the day, though not by the text that is shown: by another to the others."""
    if without_hand:
        names = ", ".join(without_hand)
        detail = (
            f"Version {version_no} was not signed by {names}, bound by another text then: to whoever had not signed "
            "it, each is bound by the latest text that both had signed."
        )
        yield Remark(code=RemarkCode.NOT_SIGNED_BY_ALL, detail=detail, version_no=version_no)


def about_own_texts(version_no: int, bound_by: Sequence[int]) -> Iterator[Remark]:
    """To a party that is bound on the day, though not by the version that is shown."""
    if bound_by and version_no not in bound_by:
        detail = (
            f"Version {version_no}, whose title, terms and provisions are shown, does not bind your agency: it is "
            f"bound by {_versions(bound_by)}. Read there what your agency has agreed to."
        )
        yield Remark(code=RemarkCode.BOUND_BY_ANOTHER, detail=detail, version_no=min(bound_by))


def about_days_of_others(version_no: int, last: int, running: int, notice: int) -> Iterator[Remark]:
    """That the days beside a version are of others: until when it binds, which term runs, how long notice runs."""
    whose = {"the last day and the renewal": last, "the term that runs": running, "the notice": notice}
    apart = sorted({no for no in whose.values() if no != version_no})
    for no in apart:
        which = ", ".join(what for what, its in whose.items() if its == no)
        detail = f"Of the days that are shown, these are of version {no} and not of version {version_no}: {which}."
        yield Remark(code=RemarkCode.DAYS_OF_ANOTHER, detail=detail, version_no=no)


def about_bound_to_some(
    dates: AgreementDates,
    numbers: Sequence[int],
    windows: Mapping[UUID, Sequence[BoundWindow]],
    agency_id: UUID,
    names: Mapping[UUID, str],
    days: Days,
    at: datetime,
) -> Iterator[Remark]:
    """To a party: which texts run out that bind it to some of the others, while it is bound to others on.

    `windows` are those of `party_days.lasting_windows`.
    """
    own = windows.get(agency_id, ())
    both = {each: together(own, its) for each, its in windows.items() if each != agency_id}
    for n in sorted({each.text for each in own}):
        ends_at = dates.ends_at if n == 0 else dates.amendments[n - 1].ends_at
        if ends_at is None:
            continue
        then = max(at, ends_at)
        towards = [
            each
            for each, its in both.items()
            if runs_out(its, n, ends_at)
            and not any(stretch.contains(then) for stretch in its)
            and (at < ends_at or any(window.contains(then) for window in windows[each]))
        ]
        if towards and any(stretch.contains(then) for its in both.values() for stretch in its):
            whom, through = ", ".join(names[each] for each in towards), days.last(ends_at)
            if at < ends_at:
                detail = (
                    f"Version {numbers[n]} binds your agency to {whom} through {through} alone: from then on no text "
                    "binds it to them. To others it is bound on."
                )
            else:
                detail = (
                    f"Version {numbers[n]} bound your agency to {whom} through {through}: since then no text binds it "
                    "to them. To others it is bound on."
                )
            yield Remark(code=RemarkCode.BOUND_TO_SOME_UNTIL, detail=detail, version_no=numbers[n])


def _versions(numbers: Sequence[int]) -> str:
    every = [str(no) for no in sorted(set(numbers))]
    return f"version {every[0]}" if len(every) == 1 else f"versions {', '.join(every[:-1])} and {every[-1]}"


def contest_of(
    end: Proposal, reported: Iterable[ReportedAct], joined: Collection[UUID]
) -> tuple[list[str], list[str]] | None:
    """By the names, who contests an end that was reported and whom it holds by its own word; None where nobody does."""
    denying = [each.agency for each in reported if each.proposal_id == end.id and each.status == "contested"]
    said = {each.agency.id: each.agency.name for each in end.consents if each.counts_from is not None}
    held = ended_by_own_word(said, [each.id for each in denying], joined)
    return ([each.name for each in denying], [said[each] for each in said if each in held]) if denying else None


def end_reported(reporter: str, at: datetime, stands: str, time_zone: str) -> Remark:
    """That another said of the agreement that it ended, which some of the parties have not confirmed, or contest."""
    detail = f"That it ended on {last_day_before(at, time_zone)} was reported by {reporter}, and {stands}."
    return Remark(code=RemarkCode.END_REPORTED, detail=detail)


def end_agreed_before(agency: str, by: Sequence[str], agreed_on: date, entered_on: date, last_day: date) -> Remark:
    """That an end was agreed on before a party's signature was on record, so that nobody asked it.

    Where one party alone was on record, the end is that one's word, with the day on which it was entered.
    """
    if len(by) == 1:
        detail = (
            f"That it ends with {last_day} was entered on {entered_on} by {by[0]} alone, as agreed on {agreed_on}, "
            f"when no signature of another was on record: {agency} was not asked, and a signature of it ends with "
            "that day. To go on after it, make a new agreement."
        )
        return Remark(code=RemarkCode.END_AGREED_BEFORE, detail=detail)
    detail = (
        f"That it ends with {last_day} was agreed by {', '.join(by)} on {agreed_on}, before the signature of {agency} "
        f"was on record: {agency} was not asked, and is bound up to that day. To go on after it, make a new agreement."
    )
    return Remark(code=RemarkCode.END_AGREED_BEFORE, detail=detail)


def ends_before_its_term(version_no: int, expires_on: date, last_day: date, proposed_on: date) -> Remark:
    """Of a text that was signed after an end had been proposed, and names a later last day."""
    detail = (
        f"Version {version_no} names {expires_on} as its last day; yet the agreement ends with {last_day}, by the end "
        f"that was proposed on {proposed_on} and stands, so that text holds no longer. To go on after it, make a new "
        "agreement."
    )
    return Remark(code=RemarkCode.ENDS_BEFORE_ITS_TERM, detail=detail, version_no=version_no)


def party_dissolved(agency: str, dissolved_on: date) -> Remark:
    """Of a party that had joined and has ended since, without anybody's act in the agreement."""
    detail = (
        f"{agency} was dissolved on {dissolved_on}: it was bound no longer than it existed, whatever its notice said."
    )
    return Remark(code=RemarkCode.PARTY_DISSOLVED, detail=detail)


def authority_lacking(version_no: int, agency: str, office: str, revoked_on: date | None) -> Remark:
    """That what a signature rests on was revoked as of its day or before."""
    detail = (
        f"The signature of {agency} to version {version_no} rests on the authority of “{office}”, which was revoked "
        f"since as of {revoked_on}, no later than it was given. The agency stays bound until the parties say "
        "otherwise; have counsel review."
    )
    return Remark(code=RemarkCode.AUTHORITY_LACKING, detail=detail, version_no=version_no)


def about_authority(version_no: int, agency: str, rests_on: SignatoryAuthority, entered_on: date) -> Iterator[Remark]:
    """What a reader has to know of the authority that a signature rests on, entered on that day where the agency is."""
    if rests_on.lacking:
        yield authority_lacking(version_no, agency, rests_on.office, rests_on.revoked_on)
    if rests_on.recorded_later:
        detail = (
            f"The signature of {agency} to version {version_no} rests on the authority of “{rests_on.office}”, which "
            f"{rests_on.recorded_by.name} entered on {entered_on}, after the day of the signature. Whether the office "
            "held it then is for whoever relies on that to see shown."
        )
        yield Remark(code=RemarkCode.AUTHORITY_RECORDED_LATER, detail=detail, version_no=version_no)


def about_unsaid_ceiling(version_no: int, office: str, most: Money) -> Remark:
    """That an office may commit so much at most, and the text that it signed does not say what a loan may cost.

    No refusal: silence is no amount, and most texts name none. But it bars no cost, so nothing shows that the office
    stayed within its power.
    """
    detail = (
        f"Your agency's signature to version {version_no} is that of “{office}”, which may commit {most.amount} "
        f"{most.currency} at most, and the terms do not say what a loan may cost, so that no cost is barred. Where the "
        "text names a ceiling, enter it (cost_ceiling); whether the office may sign one without is for your counsel."
    )
    return Remark(code=RemarkCode.AUTHORITY_CEILING_SILENT, detail=detail, version_no=version_no)


def about_signing_days(
    version_no: int, effective_on: date, signatures: Iterable[tuple[str, str, date]]
) -> Iterator[Remark]:
    """Of signatures on paper, by agency and manner, that are dated years away from the text's first day.

    Such a day may be right: a text may wait, or be joined late. As often it is a slip of the pen, and nothing here can
    tell. An electronic signature is dated by the registry.
    """
    earliest_day = add_months(effective_on, -UNLIKELY_YEARS * 12)
    latest_day = add_months(effective_on, UNLIKELY_YEARS * 12)
    for agency, manner, signed_on in signatures:
        if manner == "electronic" or earliest_day <= signed_on <= latest_day:
            continue
        side = "before" if signed_on < effective_on else "after"
        detail = (
            f"The signature of {agency} to version {version_no} is dated {signed_on}, more than {UNLIKELY_YEARS} years "
            f"{side} {effective_on}, the first day of the text. Look into the paper: it stands as it was recorded."
        )
        yield Remark(code=RemarkCode.SIGNING_DAY_UNLIKELY, detail=detail, version_no=version_no)


def about_papers(
    version_no: int, recorded_from: Evidence | None, signatures: Iterable[Evidence | None] = ()
) -> Iterator[Remark]:
    """That a paper is not on file: the one that a version was recorded from, or one that shows a signature."""
    if recorded_from is not None and not recorded_from.on_file:
        detail = f"The paper from which version {version_no} was recorded is not on file: {_where(recorded_from)}"
        yield Remark(code=RemarkCode.PAPER_NOT_ON_FILE, detail=detail, version_no=version_no)
    of_its_own = [each for each in signatures if each is not None and not each.on_file and each != recorded_from]
    if of_its_own:
        if len(of_its_own) == 1:
            whose = "The paper of a signature is not on file: that"
        else:
            whose = f"The papers of {len(of_its_own)} signatures are not on file: each such"
        detail = f"{whose} signature says by what its paper is known."
        yield Remark(code=RemarkCode.PAPER_NOT_ON_FILE, detail=detail, version_no=version_no)


def about_acts(acts: Iterable[tuple[str, Evidence | None]]) -> Iterator[Remark]:
    """That what shows an act is not on file; each act in words, such as “the notice of Elm County”."""
    for act, evidence in acts:
        if evidence is not None and not evidence.on_file:
            detail = f"What shows {act} is not on file: {_where(evidence)}"
            yield Remark(code=RemarkCode.PAPER_NOT_ON_FILE, detail=detail)


class Hand(Struct, kw_only=True, frozen=True):
    """A party's signature as it is shown: of which day, entered on which, and by what it is shown."""

    agency: str
    manner: str
    signed_on: date
    entered_on: date
    evidence: Evidence | None


def about_hands(version_no: int, hands: Iterable[Hand]) -> Iterator[Remark]:
    """Of signatures on paper that reach back on the party's own word alone: nothing on file shows them."""
    for hand in hands:
        if hand.evidence is not None or hand.manner == "electronic" or hand.entered_on <= hand.signed_on:
            continue
        what = "confirmation" if hand.manner == "confirmed" else "entry"
        detail = (
            f"{hand.agency}: no evidence named for its {what} of {hand.entered_on} that it signed version {version_no} "
            f"on {hand.signed_on}. It counts from that day; name the paper, or file the one that was recorded."
        )
        yield Remark(code=RemarkCode.EVIDENCE_NOT_NAMED, detail=detail, version_no=version_no)


class NewHand(Struct, kw_only=True, frozen=True):
    """A newcomer's signature: of which day, since when it was let in, and from which day it counts."""

    agency: str
    signed_on: date
    let_in_on: date
    counts_on: date


def about_newcomers(version_no: int, hands: Iterable[NewHand]) -> Iterator[Remark]:
    """Of signatures that are older than their party's part in the agreement: nobody agreed to be bound before that."""
    for hand in hands:
        if hand.signed_on < hand.let_in_on:
            detail = (
                f"The signature of {hand.agency} to version {version_no} is dated {hand.signed_on}, before it was let "
                f"in on {hand.let_in_on}: it counts from {hand.counts_on}, for nobody agreed to be bound to it earlier."
            )
            yield Remark(code=RemarkCode.SIGNED_BEFORE_LET_IN, detail=detail, version_no=version_no)


def _where(paper: Evidence) -> str:
    if paper.location is not None:
        return f"its original is kept at: {paper.location}."
    return f"no document on file that your agency can read has its SHA-256, {paper.sha256}."
