"""The reason for this loan: what its policy says of every loan, then this one's figure, its limit, and what is unknown.

A policy's `@reason` is written once. Whether a loan is too far away or nobody knows how far it is, the policy bars it
alike; who reads the denial is told which. So it is said here, of each attribute that the policy reads, whoever wrote
it. A limit goes only where its clause goes: that of a restricted clause is not told.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import UNSET

from registry.directory.taxonomy.seed import load_categories, load_purposes
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import counted
from registry.platform.kernel.time import wall_clock
from registry.sharing.policy.annotations import Policy
from registry.sharing.policy.facts import HOUR, AgreementFacts, Ask, Facts, OtherWindow
from registry.sharing.policy.joining import LONGEST_GAP

# Read with this module: the process in which a set is examined reads no file any more (`child.py`).
_NAMES: Final = {each.code: each.name for each in load_purposes()} | {
    each.code: each.name for each in load_categories()
}

_MOST_NAMED: Final = 5
"""So many of the windows that adjoin are named; of more it is said how many."""


def name_of(code: str) -> str:
    """What a category or a purpose is called; an agency's own category has no name here but its code."""
    return _NAMES.get(code, code)


def reason_of(policy: Policy, facts: Facts, agreement: AgreementFacts | None) -> str:
    """Why the policy bars this loan, or attaches an approval to it."""
    told = [policy.reason, *_figures(policy.reads, facts), *_papers(policy, facts, agreement)]
    return " ".join([*told, *_limit(policy.term, facts, agreement), *_otherwise(policy.term, agreement)])


def unstated_in_words(facts: Facts, agreement: AgreementFacts) -> str | None:
    """What the agreement does not state, beside what this loan asks for; None where it states all of it."""
    if not agreement.terms.unstated:
        return None
    ask = facts.ask
    asked = {
        "purposes": f"for which purposes it lends; this loan is for “{name_of(ask.purpose)}”",
        "least_priority": f"from which priority on; this one is {ask.priority}",
        "max_duration_hours": f"how long a loan may last; this one lasts {hours_in_words(ask.lasting)}",
        "notice_hours": "how far ahead it has to be asked for",
        "cost_ceiling_minor": "what a loan may cost at most",
        "max_quantity": f"how many are lent at a time; this quantity is {ask.whole_quantity}",
        "approval_required": "whether a loan needs an approval",
        "insurance_required": "whether insurance has to be shown",
    }
    unstated = [words for name, words in asked.items() if name in agreement.terms.unstated]
    named = "; ".join(f"({number}) {words}" for number, words in enumerate(unstated, 1))
    return (
        f"Agreement {agreement.number} does not state {named}. So nothing of this limits the loan: the parties did not "
        "agree on it in so many words. Have counsel review."
    )


def texts_in_words(facts: Facts, agreement: AgreementFacts) -> str | None:
    """By which version this loan is decided, and which takes its place when; None where the agreement has one text."""
    told = " ".join(_changes_of_text(facts, agreement))
    return told or None


def _changes_of_text(facts: Facts, agreement: AgreementFacts) -> Iterator[str]:
    follows = False
    for before, each in pairwise(agreement.texts):
        follows = follows or before.version_no == agreement.version_no
        yield (
            f"{'While this loan lasts, version' if follows else 'Version'} {each.version_no} of agreement "
            f"{agreement.number} takes the place of version {before.version_no} on "
            f"{instant_in_words(each.starts_at, agreement.time_zone)}."
        )
    if agreement.texts:
        begun = facts.ask.start <= facts.now
        anew = "; a longer loan that is asked for after that is decided by the version that binds both then"
        yield (
            f"This is decided by version {agreement.version_no}, which binds both "
            f"{'now' if begun else 'when this loan begins'}{anew if follows else ''}."
        )


def _figures(reads: frozenset[str], facts: Facts) -> Iterator[str]:
    """A sentence for each figure of the loan that the policy reads. Stock is told to nobody, but that it is unknown."""
    ask = facts.ask
    if "distance_km" in reads:
        yield _distance(ask.distance_km)
    if "estimated_cost_minor" in reads:
        yield _cost(facts)
    if "duration_hours" in reads:
        with_others = "With what adjoins it and was asked for before, this" if ask.joined else "This"
        yield f"{with_others} loan is for {hours_in_words(ask.lasting)}."
    if ask.joined and reads & {"duration_hours", "estimated_cost_minor"}:
        yield from _adjoining(ask)
    if "notice_hours" in reads:
        ahead = ask.notice_hours(facts.now)
        yield f"It begins in {counted(ahead, 'hour')}." if ahead >= 0 else "It has begun by now."
    if "priority" in reads:
        yield f"It is asked for as {ask.priority}."
    if "quantity" in reads:
        yield f"The quantity asked for is {ask.quantity}."
        yield from _overlapping(ask)
    if "owned_quantity" in reads and facts.owned_quantity is None:
        yield "How many of the category the owner has in service is not known."
    if "hourly_cost_minor" in reads and facts.asset.hourly_cost_minor is None:
        yield "What an hour of it costs is not known, because the asset has no hourly rate."
    if "type_level" in reads and facts.asset.type_level is None:
        yield "The asset's NIMS type is not known, because none is recorded."


def _adjoining(ask: Ask) -> Iterator[str]:
    """Which windows count with this one, so that whoever reads it can look them up, and how to ask beside them."""
    named = [_named(each) for each in ask.joined[:_MOST_NAMED]]
    if more := len(ask.joined) - len(named):
        named.append(f"{more} more")
    yield f"What adjoins it: {'; '.join(named)}."
    gap = LONGEST_GAP // HOUR
    over = max(each.end for each in ask.joined)
    yield (
        f"Windows adjoin where no more than {counted(gap, 'hour')} lie between them: what begins after "
        f"{instant_in_words(over + LONGEST_GAP)} adjoins none of these."
    )


def _overlapping(ask: Ask) -> Iterator[str]:
    """How many are had at one time with what overlaps it, and what that is."""
    if not ask.overlapping:
        return
    yield f"With what overlaps it and was asked for before, {ask.whole_quantity} of it are had at one time."
    told = [f"{each.quantity} from {_named(each)}" for each in ask.overlapping[:_MOST_NAMED]]
    if more := len(ask.overlapping) - len(told):
        told.append(f"{more} more")
    yield f"What overlaps it: {'; '.join(told)}."


def _named(other: OtherWindow) -> str:
    """The window with what it is of."""
    of = "asked for before"
    if other.loan_id is not None:
        of = f"loan {other.loan_id}"
    elif other.request_id is not None:
        of = f"line {other.line_no} of request {other.request_id}"
    return f"{instant_in_words(other.start)} to {instant_in_words(other.end)} ({of})"


def instant_in_words(at: datetime, time_zone: str | None = None) -> str:
    """An instant in UTC; one that an agreement sets with what the clock shows then where the agreement is."""
    told = at.strftime("%Y-%m-%d %H:%M UTC")
    if time_zone is None or (local := wall_clock(at, ZoneInfo(time_zone))) == at.replace(tzinfo=None):
        return told
    return f"{told} ({local:%Y-%m-%d %H:%M} in {time_zone})"


def hours_in_words(length: timedelta) -> str:
    """A length as it is: “24.5 hours”, or with its minutes, rounded up, where hundredths of an hour do not tell it."""
    hundredths, rest = divmod(length, HOUR / 100)
    if not rest:
        return counted(hundredths // 100, "hour") if hundredths % 100 == 0 else f"{hundredths / 100:g} hours"
    hours, minutes = divmod(-(-length // timedelta(minutes=1)), 60)
    return f"{counted(hours, 'hour')} and {counted(minutes, 'minute')}" if minutes else counted(hours, "hour")


def _papers(policy: Policy, facts: Facts, agreement: AgreementFacts | None) -> Iterator[str]:
    """What the certificates say that the policy reads. Of none, a shipped policy says so in its own words."""
    own = policy.layer == "agency"
    if "certified_until" in policy.reads:
        first = facts.asset.first_to_lapse()
        if first is None and own:
            yield "Until when the asset is certified is not known, because no certification of it is on file."
        elif first is not None and first.expires_on is not None:
            yield f"Its {name_of(first.code)} certification is valid through {first.expires_on.isoformat()}."
    if "days_past_review" in policy.reads and agreement is not None and agreement.review_due_on is not None:
        yield f"The review was due by {agreement.review_due_on.isoformat()}."
    insured = None if agreement is None else agreement.terms.requesting_insurance_current
    if "requesting_insurance_current" in policy.reads and insured is None and own:
        yield "Whether the requesting agency is insured is not known, because no certificate of it was looked at."


def _distance(km: int | None) -> str:
    if km is not None:
        return f"The distance here is {km} km."
    return "The distance here is not known, because nobody said where it is wanted, or where the asset's home is."


def _cost(facts: Facts) -> str:
    cost = facts.ask.whole_cost_minor
    if cost is not None:
        others = ", with what adjoins it," if facts.ask.joined else ""
        return f"The cost of this loan{others} is estimated at {_money(cost, facts)}."
    if facts.asset.hourly_cost_minor is None:
        return "The cost of this loan is not known, because the asset has no hourly rate."
    return "The cost of this loan is not known, because its rate and a ceiling on it are in different currencies."


def _limit(term: str | None, facts: Facts, agreement: AgreementFacts | None) -> Iterator[str]:
    if term is None or agreement is None or not agreement.in_force or term in agreement.restricted:
        return
    limit = _limit_in_words(term, facts, agreement)
    if limit is not None:
        clause = agreement.clauses.get(term)
        yield f"Agreement {agreement.number}{f', clause {clause},' if clause else ''} {limit}."


def says_otherwise(term: str, agreement: AgreementFacts) -> bool:
    """Whether the text of the clause that is cited for the term says otherwise than what is recorded of it."""
    return agreement.contradicted is not UNSET and term in agreement.contradicted and term in agreement.clauses


def _otherwise(term: str | None, agreement: AgreementFacts | None) -> Iterator[str]:
    """That the clause does not say what it is cited for, and who settles that; a restricted one without its words."""
    if term is None or agreement is None or not agreement.in_force or not says_otherwise(term, agreement):
        return
    clause = agreement.clauses[term]
    words = None if agreement.contradicted is UNSET or term in agreement.restricted else agreement.contradicted[term]
    says = f"restricted clause {clause} says" if words is None else f"clause {clause} says {words},"
    yield (
        f"The text of {says} other than the recorded term by which this is decided: the parties to agreement "
        f"{agreement.number} settle with their counsel which of the two holds."
    )


def _limit_in_words(term: str, facts: Facts, agreement: AgreementFacts) -> str | None:
    match term, getattr(agreement.terms, term, None):
        case "max_duration_hours", int(hours):
            return f"allows at most {counted(hours, 'hour')}{_room_left(facts.ask, hours)}"
        case "approval_over_hours", int(hours):
            return f"allows {counted(hours, 'hour')} without that approval"
        case "notice_hours", int(hours):
            return f"asks for at least {counted(hours, 'hour')} of notice"
        case "max_quantity", int(most):
            return f"allows at most {most}{_left_beside(facts.ask, most)}"
        # Without an estimate nobody knows in which currency the ceiling is.
        case "cost_ceiling_minor", int(ceiling) if facts.ask.estimated_cost_minor is not None:
            return f"allows at most {_money(ceiling, facts)}"
        case "least_priority", "emergency":
            return "covers emergencies only"
        case "least_priority", "urgent":
            return "covers urgent requests and emergencies only"
        case "covers_until", _ if agreement.covers_until is not None:
            return f"binds both until {instant_in_words(agreement.covers_until, agreement.time_zone)}"
        case "claim_window_days", int(days):
            return f"has costs claimed within {counted(days, 'day')} after the return"
        case "recall_notice_hours", 0:
            return "lets the owner recall at once"
        case "recall_notice_hours", int(hours):
            return f"has the owner recall with {counted(hours, 'hour')} of notice"
        case "purposes", (_, *_) as purposes:
            return f"names these: {', '.join(sorted(map(name_of, set(purposes))))}"
    return None


def _room_left(ask: Ask, hours: int) -> str:
    """Until when the loan may last with what went before it, as the end of that sentence; empty where that is never."""
    if not ask.joined or max(each.end for each in ask.joined) > ask.start:
        return ""
    until = min(each.start for each in ask.joined) + hours * HOUR
    return f": with what adjoins it, this one may last until {instant_in_words(until)}" if until > ask.start else ""


def _left_beside(ask: Ask, most: int) -> str:
    """How many may be asked for beside what overlaps it, as the end of that sentence; empty where nothing does."""
    if not ask.overlapping:
        return ""
    left = most - (ask.whole_quantity - ask.quantity)
    return f" at one time: beside what overlaps it, {f'at most {left}' if left > 0 else 'none is left'}"


def _money(minor: int, facts: Facts) -> str:
    told = Money.from_minor(minor, facts.ask.currency)
    return f"{told.amount} {told.currency}"
