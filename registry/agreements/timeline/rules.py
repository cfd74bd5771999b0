"""Which acts begin and end the windows in which a party is bound. The windows themselves are computed elsewhere.

Here nothing decides who is bound: an act is found by the instant from which it counts, which is where a window begins
or ends because of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from registry.platform.kernel.intervals import Interval, earliest


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
    NEWCOMERS = "newcomers"
    SUPERSESSION = "supersession"


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


def bound_together(windows: Iterable[tuple[Interval, int | None]], force: Sequence[Interval]) -> tuple[Bound, ...]:
    """One party's windows, each with its version, as far as another is bound as well: nobody is bound to itself."""
    return tuple(
        Bound(start=start, end=end, version_no=no)
        for window, no in windows
        for other in force
        if _not_empty(start := max(window.start, other.start), end := earliest(window.end, other.end))
    )


def _not_empty(start: datetime, end: datetime | None) -> bool:
    return end is None or start < end


def joined_up(windows: Iterable[Bound]) -> tuple[Bound, ...]:
    """The windows in order, those that follow at once by the same version as one."""
    found: list[Bound] = []
    for each in sorted(windows, key=lambda window: window.start):
        if found and (found[-1].end, found[-1].version_no) == (each.start, each.version_no):
            each = Bound(start=found.pop().start, end=each.end, version_no=each.version_no)
        found.append(each)
    return tuple(found)


def told_to_others(
    windows: Sequence[Bound], now: datetime, *, bound: bool, until: datetime | None, not_after: datetime | None
) -> tuple[Bound, ...]:
    """Of a party's windows what others than the parties are told.

    What is over; of the one that runs its end as far as they are told (`until`); if it is not bound now, the first to
    come, up to what the text says that they read (`not_after`). Nothing after that.
    """
    over = [each for each in windows if each.end is not None and each.end <= now]
    rest = [each for each in windows if each not in over]
    running = next((each for each in rest if each.start <= now), None)
    if running is not None:
        over += [Bound(start=running.start, end=until, version_no=running.version_no)] if bound else []
    elif rest and (not_after is None or rest[0].start < not_after):
        end = None if not_after is None else earliest(rest[0].end, not_after)
        over.append(Bound(start=rest[0].start, end=end, version_no=rest[0].version_no))
    return joined_up(over)


class Held(Interval, kw_only=True, frozen=True):
    """A stretch in which that version is the text."""

    version_no: int


class TextEdge(Struct, frozen=True):
    """That a text begins, or ends because its term is over, or because the next one takes its place (`next_no`)."""

    kind: ActKind
    version_no: int
    at: datetime
    next_no: int | None = None


def text_edges(texts: Sequence[Held], ended_at: datetime | None) -> Iterator[TextEdge]:
    """Where the texts begin and end, in order; what ends with the agreement as a whole is no end of a text."""
    for text, following in zip(texts, (*texts[1:], None), strict=True):
        yield TextEdge(ActKind.TEXT_BEGINS, text.version_no, text.start)
        if text.end is None or text.end == ended_at:
            continue
        if following is not None and following.start == text.end:
            yield TextEdge(ActKind.TEXT_REPLACED, text.version_no, text.end, following.version_no)
        else:
            yield TextEdge(ActKind.TEXT_EXPIRES, text.version_no, text.end)


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
    """The acts by which the window ends; none where it has no end."""
    return [] if window.end is None else _at(marks, agency_id, window.end, window.version_no, _ENDS)


def _at(
    marks: Sequence[Mark], agency_id: UUID, at: datetime, version_no: int | None, kinds: frozenset[ActKind]
) -> list[int]:
    """The acts of that instant: the party's own and all's; else another's, without whom it was bound to nobody."""
    then = [each for each in marks if each.counts_from == at]
    fits = [each for each in then if each.kind in kinds]
    own = [
        each
        for each in fits
        if each.agency_id in (agency_id, None) and (each.kind not in _OF_A_TEXT or each.version_no == version_no)
    ]
    others = [each for each in fits if each.agency_id not in (agency_id, None)]
    return [each.act_no for each in own or others or then]
