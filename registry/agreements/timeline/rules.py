"""Which acts begin and end the windows in which a party is bound. The windows themselves are computed elsewhere.

Here nothing decides who is bound: an act is found by the instant from which it counts, which is where a window begins
or ends because of it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from itertools import combinations_with_replacement, groupby, pairwise
from uuid import UUID

from msgspec import Struct

from registry.agreements.instruments.in_force import bind_each_other
from registry.agreements.instruments.term_days import Renewal, term_ends
from registry.platform.kernel.intervals import Interval, earliest, remaining
from registry.platform.kernel.time import day_ends_at

NAMED_AT_MOST = 20
"""How many others a party's window names where it binds the party to all that are bound by the same version."""


class ActKind(StrEnum):
    """What bears on who is bound; first what binds or lets go on, then what ends that, then what is only said."""

    SIGNED = "signed"
    AGREED_VERBALLY = "agreed_verbally"
    JOINED = "joined"
    TEXT_BEGINS = "text_begins"
    APPROVED = "approved"
    APPROVAL_WAIVED = "approval_waived"
    PARTICIPATION_REINSTATED = "participation_reinstated"
    REINSTATED = "reinstated"
    GAVE_NOTICE = "gave_notice"
    WITHDREW = "withdrew"
    DEPARTURE = "departure"
    EARLIER_DAY = "earlier_day"
    RELEASED = "released"
    DISSOLVED = "dissolved"
    TEXT_REPLACED = "text_replaced"
    TEXT_EXPIRES = "text_expires"
    APPROVAL_ENDED = "approval_ended"
    APPROVAL_REQUIRED = "approval_required"
    NOT_RATIFIED = "not_ratified"
    PARTICIPATION_SUSPENDED = "participation_suspended"
    SUSPENDED = "suspended"
    ENDED = "ended"
    CONSENTED = "consented"
    WAS_NOTIFIED = "was_notified"
    WAS_ASKED = "was_asked"
    RECEIVED_NOTICE = "received_notice"
    NEWCOMERS = "newcomers"
    SUPERSESSION = "supersession"
    TEXT_RENEWS = "text_renews"
    NOTICE_TAKEN_BACK = "notice_taken_back"
    RECEIPT_CORRECTED = "receipt_corrected"


class ActBasis(StrEnum):
    """On what it rests that an act is known."""

    OWN = "own"
    PROPOSAL = "proposal"
    REPORT = "report"
    TEXT = "text"
    REGISTRATION = "registration"


class ActStatus(StrEnum):
    """Where the report stands, or the proposal, on which an act rests."""

    UNSECONDED = "unseconded"
    OPEN = "open"
    REPORTED = "reported"
    UNCONFIRMED = "unconfirmed"
    CONTESTED = "contested"
    UNCONTESTED = "uncontested"
    CONFIRMED = "confirmed"
    AGREED = "agreed"
    TAKEN_BACK = "taken_back"
    REPLACED = "replaced"
    CLOSED = "closed"


_BEGINS = frozenset(list(ActKind)[: list(ActKind).index(ActKind.GAVE_NOTICE)])
_ENDS = frozenset(list(ActKind)[list(ActKind).index(ActKind.GAVE_NOTICE) : list(ActKind).index(ActKind.CONSENTED)])
_NEVER = datetime.max.replace(tzinfo=UTC)
_OF_NEXT = (ActKind.SIGNED, ActKind.TEXT_BEGINS)
_OF_A_TEXT = (ActKind.SIGNED, ActKind.TEXT_BEGINS, ActKind.TEXT_REPLACED, ActKind.TEXT_EXPIRES)


class Mark(Struct, kw_only=True, frozen=True):
    """What of an act says where it begins or ends a window: its number, whose it is (None: all's), from when it counts.

    `version_no`: the text that it is about.
    """

    act_no: int
    kind: ActKind
    agency_id: UUID | None
    counts_from: datetime | None
    version_no: int | None = None


class Bound(Interval, kw_only=True, frozen=True):
    """A stretch in which a party is bound to another; `version_no` None is a text that its reader hears nothing of."""

    version_no: int | None


class PartyWindow(Interval, kw_only=True, frozen=True):
    """A window of a party as it is written, by a version; `amended` has a bit for each later one that it signed too."""

    version_no: int
    amended: int = 0


def bound_together(parties: Mapping[UUID, Sequence[PartyWindow]]) -> dict[UUID, tuple[Bound, ...]]:
    """The windows of each party as far as they meet another's: nobody is bound to itself.

    There are few kinds of windows, however many the parties are, so what is there of each kind is put together first.
    """
    kinds: dict[tuple[int, int], list[PartyWindow]] = {}
    for windows in parties.values():
        for each in windows:
            kinds.setdefault((each.version_no, each.amended), []).append(each)
    some = {kind: _in_at_least(1, windows) for kind, windows in kinds.items()}
    two = {kind: _in_at_least(2, windows) for kind, windows in kinds.items() if bind_each_other(*kind, *kind)}
    return {
        agency_id: joined_up(
            Bound(start=start, end=end, version_no=window.version_no)
            for window in windows
            for kind, there in some.items()
            if bind_each_other(*kind, window.version_no, window.amended)
            for other in (two[kind] if kind == (window.version_no, window.amended) else there)
            if _not_empty(start := max(window.start, other.start), end := earliest(window.end, other.end))
        )
        for agency_id, windows in parties.items()
    }


class Towards(Interval, kw_only=True, frozen=True):
    """A stretch in which a window binds its party to those; None: to all others that its version binds then."""

    agency_ids: tuple[UUID, ...] | None


def bound_towards(
    parties: Mapping[UUID, Sequence[PartyWindow]], bound: Mapping[UUID, Sequence[Bound]]
) -> dict[UUID, list[list[Towards]]]:
    """To whom each window of `bound_together` binds its party, and when, in order.

    Whom a later text binds to the party is not among them. Where there is none such, and they are many, they are not
    named: a pact of hundreds would name each of them hundreds of times.
    """
    alike: dict[int | None, dict[tuple[PartyWindow, ...], list[UUID]]] = {}
    own: dict[tuple[UUID, int | None], tuple[PartyWindow, ...]] = {}
    for agency_id, windows in parties.items():
        for no in {each.version_no for each in windows}:
            its = own[agency_id, no] = tuple(each for each in windows if each.version_no == no)
            alike.setdefault(no, {}).setdefault(its, []).append(agency_id)
    of_all = {
        no
        for no, groups in alike.items()
        if sum(map(len, groups.values())) > NAMED_AT_MOST + 1
        and not any(each.amended for windows in groups for each in windows)
    }
    places = {agency_id: n for n, agency_id in enumerate(parties)}
    meetings = cache(_meetings)
    found: dict[UUID, list[list[Towards]]] = {}
    for agency_id, stretches in bound.items():
        found[agency_id] = []
        for window in stretches:
            if window.version_no in of_all:
                found[agency_id].append([Towards(start=window.start, end=window.end, agency_ids=None)])
                continue
            met: dict[Bound, list[UUID]] = {}
            for windows, owners in alike[window.version_no].items():
                for each in meetings(own[agency_id, window.version_no], windows):
                    if window.contains(each.start):
                        met.setdefault(each, []).extend(owner for owner in owners if owner != agency_id)
            found[agency_id].append(
                [
                    Towards(start=each.start, end=each.end, agency_ids=tuple(sorted(others, key=places.__getitem__)))
                    for each, others in sorted(met.items(), key=lambda one: (one[0].start, one[0].end or _NEVER))
                    if others
                ]
            )
    return found


def _meetings(one: Sequence[PartyWindow], other: Sequence[PartyWindow]) -> tuple[Bound, ...]:
    """When two parties with those windows by one version are bound to each other by it; many have the same."""
    return joined_up(
        Bound(start=start, end=end, version_no=mine.version_no)
        for mine in one
        for each in other
        if bind_each_other(mine.version_no, mine.amended, each.version_no, each.amended)
        and _not_empty(start := max(mine.start, each.start), end := earliest(mine.end, each.end))
    )


def _in_at_least(many: int, windows: Sequence[Interval]) -> list[Interval]:
    """The stretches that lie in at least so many of the windows, in order."""
    turns = sorted(
        [*((each.start, 1) for each in windows), *((each.end, -1) for each in windows if each.end is not None)]
    )
    found: list[Interval] = []
    count, since = 0, None
    for at, same in groupby(turns, key=lambda turn: turn[0]):
        count += sum(step for _, step in same)
        if count >= many and since is None:
            since = at
        elif count < many and since is not None:
            found.append(Interval(start=since, end=at))
            since = None
    return [*found, Interval(start=since)] if since is not None else found


def _not_empty(start: datetime, end: datetime | None) -> bool:
    return end is None or start < end


def joined_up(windows: Iterable[Bound]) -> tuple[Bound, ...]:
    """The windows in order, those by the same version that meet or overlap as one."""
    found: list[Bound] = []
    last: dict[int | None, Bound] = {}
    for each in sorted(windows, key=lambda window: window.start):
        before = last.get(each.version_no)
        if before is not None and (before.end is None or each.start <= before.end):
            found.remove(before)
            end = None if before.end is None or each.end is None else max(before.end, each.end)
            each = Bound(start=before.start, end=end, version_no=each.version_no)
        last[each.version_no] = each
        found.append(each)
    return tuple(sorted(found, key=lambda window: (window.start, window.version_no or 0)))


def told_to_others(
    windows: Sequence[Bound],
    published: Collection[int],
    now: datetime,
    *,
    bound: bool,
    until: datetime | None,
    begins: Bound | None,
) -> tuple[Bound, ...]:
    """Of a party's windows what others than the parties are told, who hear nothing of a text that is not `published`.

    What is over; of those that run the end as far as they are told (`until`); if it is not bound now, the one that
    `begins` on a public day to come. Nothing after that. By a text that is not published only where no other binds it:
    that it is bound is no secret.
    """
    open_ = [each for each in windows if each.version_no in published]
    shown = [
        *open_,
        *(_unnamed(stretch) for each in windows if each not in open_ for stretch in remaining(each, open_)),
    ]
    over = [each for each in shown if each.end is not None and each.end <= now]
    running = [each for each in shown if each.start <= now and each not in over]
    if running:
        over += [Bound(start=each.start, end=until, version_no=each.version_no) for each in running if bound]
    elif begins is not None:
        over.append(begins)
    return joined_up(over)


def taken_over(windows: Sequence[Bound], coming: Iterable[Bound]) -> tuple[Bound, ...]:
    """What others are told of a party, given way to each text to come from its own first day on.

    `coming`: the published texts that it has signed and that begin on a public day to come, each until when it binds.
    """
    found = list(windows)
    for each in sorted(coming, key=lambda text: (text.start, text.version_no or 0)):
        if found and found[-1].contains(each.start):
            before = found.pop()
            if before.start < each.start:
                found.append(Bound(start=before.start, end=each.start, version_no=before.version_no))
            found.append(each)
    return tuple(found)


def _unnamed(stretch: Interval) -> Bound:
    return Bound(start=stretch.start, end=stretch.end, version_no=None)


class Held(Interval, kw_only=True, frozen=True):
    """A stretch in which that version is the text."""

    version_no: int


class TextEdge(Struct, frozen=True):
    """That a text begins, or ends because its term is over, or because the next one takes its place (`next_no`).

    `of_some`: it takes the place of others, too, between others of those who signed it. Or that its term is over and
    goes on by itself, `until` the last day of the next.
    """

    kind: ActKind
    version_no: int
    at: datetime
    next_no: int | None = None
    until: date | None = None
    of_some: bool = False


def text_edges(
    texts: Sequence[Held],
    terms: Mapping[int, tuple[datetime, datetime | None]],
    ended_at: datetime | None,
    over_at: datetime | None,
) -> Iterator[TextEdge]:
    """Where the texts begin, and their terms end; what ends with the agreement as a whole is no end of a text.

    `terms`: from when until when each version means to hold, by its number. It may bind those who signed it while
    another, which they did not sign, is the text. `over_at`: when nobody is bound any more, by whatever (`ends`), so
    that no term is left to end.
    """
    begun: set[int] = set()
    for text in texts:
        if text.version_no not in begun:
            yield TextEdge(ActKind.TEXT_BEGINS, text.version_no, text.start)
        begun.add(text.version_no)
    for no, (begins_at, ends_at) in terms.items():
        if no not in begun:
            yield TextEdge(ActKind.TEXT_BEGINS, no, begins_at)
        if ends_at is not None and (ended_at is None or ends_at < ended_at) and (over_at is None or ends_at <= over_at):
            yield TextEdge(ActKind.TEXT_EXPIRES, no, ends_at)


def in_common(signed: Iterable[frozenset[int]]) -> set[frozenset[int]]:
    """Which versions two parties have both signed, of any two; `signed` is what each has.

    Few sign anything else than many others do, however many they are.
    """
    alike = Counter(signed)
    return {one & other for one, other in combinations_with_replacement(alike, 2) if one != other or alike[one] > 1}


def replacements(
    order: Sequence[int],
    terms: Mapping[int, tuple[datetime, datetime | None]],
    ended_at: datetime | None,
    common: Collection[frozenset[int]],
) -> Iterator[TextEdge]:
    """Which texts give way to another as that begins: between two parties the latest before it that both have signed.

    `order`: the versions as they take effect; `terms` as in `text_edges`; `common`: what any two have both signed.
    """
    for place, no in enumerate(order):
        at = terms[no][0]
        if ended_at is not None and ended_at <= at:
            continue
        if not _before(at, terms[no][1]):
            continue  # it is over before it binds anybody
        earlier = [each for each in order[:place] if terms[each][0] < at]
        begun = {each for each in order[place + 1 :] if terms[each][0] <= at}
        latest = {
            next((each for each in reversed(earlier) if each in both), None)
            for both in common
            if no in both and begun.isdisjoint(both)  # else one in a higher place binds them already
        }
        gone = [each for each in earlier if each in latest and _before(at, terms[each][1])]
        for each in gone:
            yield TextEdge(ActKind.TEXT_REPLACED, each, at, no, of_some=len(gone) > 1)


def renewals(
    version_no: int,
    expires_on: date | None,
    renewal: Renewal | None,
    time_zone: str,
    windows: Iterable[Bound],
    now: datetime,
) -> Iterator[TextEdge]:
    """Each time that the term of a version has gone on by itself, which it does as long as it binds somebody."""
    if expires_on is None or renewal is None:
        return
    its = [each for each in windows if each.version_no == version_no]
    for ends_on, next_on in pairwise(term_ends(expires_on, renewal, expires_on)):
        at = day_ends_at(ends_on, time_zone)
        if at > now:
            return
        if any(each.start < at and _before(at, each.end) for each in its):
            yield TextEdge(ActKind.TEXT_RENEWS, version_no, at, until=next_on)


def bound_by(marks: Iterable[Mark], agency_id: UUID, window: Bound) -> list[int]:
    """The acts by which the party is bound by that text: its signature to it or, before that, its word."""
    own = [
        each
        for each in marks
        if each.agency_id == agency_id and each.counts_from is not None and _before(each.counts_from, window.end)
    ]
    signed = [each.act_no for each in own if each.kind is ActKind.SIGNED and each.version_no == window.version_no]
    said = [each.act_no for each in own if each.kind is ActKind.AGREED_VERBALLY]
    return [*said, *signed]


def _before(at: datetime, end: datetime | None) -> bool:
    return end is None or at < end


def begins_by(marks: Sequence[Mark], agency_id: UUID, window: Bound) -> list[int]:
    """The acts by which the window begins."""
    return _at(marks, agency_id, window.start, window.version_no, _BEGINS)


def ends_by(marks: Sequence[Mark], agency_id: UUID, window: Bound) -> list[int]:
    """The acts by which the window ends; none where it has no end.

    Where nothing else ends it, what begins another text does: all whom the window bound have signed that one by then.
    """
    if window.end is None:
        return []
    its = _at(marks, agency_id, window.end, window.version_no, _ENDS)
    return its or [
        each.act_no
        for each in marks
        if each.counts_from == window.end and each.kind in _OF_NEXT and each.version_no != window.version_no
    ]


def _at(
    marks: Sequence[Mark], agency_id: UUID, at: datetime, version_no: int | None, kinds: frozenset[ActKind]
) -> list[int]:
    """The acts of that instant: the party's own and all's; else another's, since one is bound to another."""
    fits = [each for each in marks if each.counts_from == at and each.kind in kinds]
    own = [
        each
        for each in fits
        if each.agency_id in (agency_id, None) and (each.kind not in _OF_A_TEXT or each.version_no == version_no)
    ]
    others = [
        each
        for each in fits
        if each.agency_id not in (agency_id, None) and (each.version_no is None or each.version_no == version_no)
    ]
    return [each.act_no for each in own or others]
