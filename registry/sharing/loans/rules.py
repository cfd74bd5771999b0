"""The life cycle of a loan: who may take which step and when, extension, recall and overdue returns.

Each side confirms its own part of a hand-over. A return is never blocked: the assisting agency can confirm it in every
status in which the asset is out, whatever the other side has recorded.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.platform.kernel.errors import Forbidden, RuleBroken, WrongStatus
from registry.platform.kernel.time import Instant, Window, format_instant


class LoanStatus(StrEnum):
    """The stored status; the last four are final, though a no-show may be contested, and what was lost be found."""

    RESERVED = "reserved"
    DISPATCHED = "dispatched"
    ON_SCENE = "on_scene"
    RETURNING = "returning"
    RETURNED = "returned"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"
    LOST = "lost"


class Side(StrEnum):
    """The acting agency: `requesting`, which asked, or `assisting`, which lends."""

    REQUESTING = "requesting"
    ASSISTING = "assisting"


class DeclineReason(StrEnum):
    """Why an agency does not lend what was asked of it, or what it had reserved."""

    NOT_AVAILABLE = "not_available"
    COMMITTED_ELSEWHERE = "committed_elsewhere"
    OUT_OF_SERVICE = "out_of_service"
    CREW_LACKING = "crew_lacking"
    OUTSIDE_AGREEMENT = "outside_agreement"
    TOO_LATE = "too_late"
    OTHER = "other"


class LoanAction(StrEnum):
    """The actions of people on a loan. Extension and recall are overlays and do not change the status."""

    DISPATCH = "dispatch"
    RECEIVE = "receive"
    START_RETURN = "start_return"
    RETURN = "return"
    CLOSE = "close"
    CANCEL = "cancel"
    REPORT_NO_SHOW = "report_no_show"
    CONTEST_NO_SHOW = "contest_no_show"
    WITHDRAW_NO_SHOW = "withdraw_no_show"
    CONTEST_TIME = "contest_time"
    ACCEPT_TIME = "accept_time"
    WITHDRAW_CONTEST = "withdraw_contest"
    ACCEPT_COUNT = "accept_count"
    CORRECT_COUNT = "correct_count"
    REPORT_LOST = "report_lost"
    REPORT_FOUND = "report_found"
    REPORT_DAMAGE = "report_damage"
    CONTEST_DAMAGE = "contest_damage"
    WITHDRAW_DAMAGE = "withdraw_damage"
    REQUEST_EXTENSION = "request_extension"
    ACCEPT_EXTENSION = "accept_extension"
    DECLINE_EXTENSION = "decline_extension"
    RECALL = "recall"
    WITHDRAW_RECALL = "withdraw_recall"
    ACCEPT_CHANGED_ASSET = "accept_changed_asset"


_S, _A = LoanStatus, LoanAction

NEVER_WAS = (_S.CANCELLED, _S.NO_SHOW)
"""Statuses of a loan that never took place: no metric counts it, and its decision may be used again, unless it was the
assisting agency that cancelled: then it has declined."""

OVER = (_S.CLOSED, _S.LOST)
"""Statuses of a loan that took place and holds nothing more; only what was lost can still be found again."""

# An asset that is out can only come back or be lost: the loan cannot be cancelled or become `no_show`, as either
# would free an asset that is not at home. It is `lost` once all of it is: while some is still out, the loan goes on.
# What is lost is held no more, so the command that records it takes the quantity off the asset's capacity in the same
# transaction; what is found again is put back there, and is with the requesting agency until it is returned. An
# extension still unanswered when the return begins has lapsed. Where only some of it is back, the loan goes on with the
# rest as it was: it is `returned` with the last.
TRANSITIONS: dict[tuple[LoanStatus, LoanAction], LoanStatus] = {
    (_S.RESERVED, _A.DISPATCH): _S.DISPATCHED,
    (_S.RESERVED, _A.ACCEPT_CHANGED_ASSET): _S.RESERVED,
    (_S.RESERVED, _A.CANCEL): _S.CANCELLED,
    (_S.RESERVED, _A.REPORT_NO_SHOW): _S.NO_SHOW,
    (_S.DISPATCHED, _A.RECEIVE): _S.ON_SCENE,
    (_S.DISPATCHED, _A.START_RETURN): _S.RETURNING,
    (_S.DISPATCHED, _A.RETURN): _S.RETURNED,
    (_S.DISPATCHED, _A.REPORT_LOST): _S.LOST,
    (_S.DISPATCHED, _A.REPORT_FOUND): _S.DISPATCHED,
    (_S.DISPATCHED, _A.REQUEST_EXTENSION): _S.DISPATCHED,
    (_S.DISPATCHED, _A.ACCEPT_EXTENSION): _S.DISPATCHED,
    (_S.DISPATCHED, _A.DECLINE_EXTENSION): _S.DISPATCHED,
    (_S.DISPATCHED, _A.RECALL): _S.DISPATCHED,
    (_S.DISPATCHED, _A.WITHDRAW_RECALL): _S.DISPATCHED,
    (_S.ON_SCENE, _A.START_RETURN): _S.RETURNING,
    (_S.ON_SCENE, _A.RETURN): _S.RETURNED,
    (_S.ON_SCENE, _A.REPORT_LOST): _S.LOST,
    (_S.ON_SCENE, _A.REPORT_FOUND): _S.ON_SCENE,
    (_S.ON_SCENE, _A.REQUEST_EXTENSION): _S.ON_SCENE,
    (_S.ON_SCENE, _A.ACCEPT_EXTENSION): _S.ON_SCENE,
    (_S.ON_SCENE, _A.DECLINE_EXTENSION): _S.ON_SCENE,
    (_S.ON_SCENE, _A.RECALL): _S.ON_SCENE,
    (_S.ON_SCENE, _A.WITHDRAW_RECALL): _S.ON_SCENE,
    (_S.RETURNING, _A.RETURN): _S.RETURNED,
    (_S.RETURNING, _A.REPORT_LOST): _S.LOST,
    (_S.RETURNING, _A.REPORT_FOUND): _S.RETURNING,
    (_S.RETURNING, _A.RECALL): _S.RETURNING,
    (_S.RETURNING, _A.WITHDRAW_RECALL): _S.RETURNING,
    # That the other did not come is one agency's word: the loan is over, and both words stand until one is withdrawn.
    # Once the report is withdrawn it is reserved again, where it still can be (`why_not_resumed`); else it stays over.
    (_S.NO_SHOW, _A.CONTEST_NO_SHOW): _S.NO_SHOW,
    (_S.NO_SHOW, _A.WITHDRAW_NO_SHOW): _S.RESERVED,
    (_S.RETURNED, _A.CLOSE): _S.CLOSED,
    (_S.RETURNED, _A.REPORT_FOUND): _S.RETURNED,
    (_S.CLOSED, _A.REPORT_FOUND): _S.CLOSED,
    (_S.LOST, _A.REPORT_FOUND): _S.ON_SCENE,
}
# When an act was done is one agency's word, too: the other may contest it from the first act on, and once all is over.
TRANSITIONS |= {
    (status, action): status
    for status in (_S.DISPATCHED, _S.ON_SCENE, _S.RETURNING, _S.RETURNED, _S.CLOSED, _S.LOST)
    for action in (_A.CONTEST_TIME, _A.ACCEPT_TIME, _A.WITHDRAW_CONTEST)
}

# So is how many arrived of those that were sent: while some are out, either count may turn out to be wrong.
TRANSITIONS |= {
    (status, action): status for status in (_S.ON_SCENE, _S.RETURNING) for action in (_A.ACCEPT_COUNT, _A.CORRECT_COUNT)
}

# Damage may be found once it is back and looked at, also when the loan is closed. It is the owner's word, too.
TRANSITIONS |= {
    (status, action): status
    for status in (_S.RETURNED, _S.CLOSED)
    for action in (_A.REPORT_DAMAGE, _A.CONTEST_DAMAGE, _A.WITHDRAW_DAMAGE)
}

_ASSISTING = frozenset({Side.ASSISTING})
_REQUESTING = frozenset({Side.REQUESTING})
_EITHER = _ASSISTING | _REQUESTING

# The assisting agency dispatches the asset and confirms the return; the requesting agency receives and returns it.
SIDES: dict[LoanAction, frozenset[Side]] = {
    _A.DISPATCH: _ASSISTING,
    _A.RECEIVE: _REQUESTING,
    _A.START_RETURN: _REQUESTING,
    _A.RETURN: _ASSISTING,
    _A.CLOSE: _ASSISTING,
    _A.CANCEL: _EITHER,
    _A.REPORT_NO_SHOW: _EITHER,
    _A.CONTEST_NO_SHOW: _EITHER,
    _A.WITHDRAW_NO_SHOW: _EITHER,
    _A.CONTEST_TIME: _EITHER,
    _A.ACCEPT_TIME: _EITHER,
    _A.WITHDRAW_CONTEST: _EITHER,
    _A.ACCEPT_COUNT: _ASSISTING,
    _A.CORRECT_COUNT: _REQUESTING,
    _A.REPORT_LOST: _EITHER,
    _A.REPORT_FOUND: _EITHER,
    _A.REPORT_DAMAGE: _ASSISTING,
    _A.CONTEST_DAMAGE: _REQUESTING,
    _A.WITHDRAW_DAMAGE: _ASSISTING,
    _A.REQUEST_EXTENSION: _REQUESTING,
    _A.ACCEPT_EXTENSION: _ASSISTING,
    _A.DECLINE_EXTENSION: _ASSISTING,
    _A.RECALL: _ASSISTING,
    _A.WITHDRAW_RECALL: _ASSISTING,
    _A.ACCEPT_CHANGED_ASSET: _REQUESTING,
}

# Statuses in which the asset is away from home.
OUT = frozenset({_S.DISPATCHED, _S.ON_SCENE, _S.RETURNING})


_OF_TRAVEL = frozenset({_A.RECEIVE, _A.START_RETURN, _A.REPORT_LOST})


_OF_DAMAGE = frozenset({_A.REPORT_DAMAGE, _A.CONTEST_DAMAGE, _A.WITHDRAW_DAMAGE})


COUNTS: Final = frozenset({_A.ACCEPT_COUNT, _A.CORRECT_COUNT})
"""What is said of how many arrived, after that was confirmed."""


class DamageOverlay(msgspec.Struct, kw_only=True, frozen=True):
    """Damage that the owner found once it was back: whether its word stands, and why it is not contested any more."""

    stands: bool = False
    settled: str | None = None


NO_DAMAGE: Final = DamageOverlay()


def damage_overlay(
    reported_at: datetime | None, contested_at: datetime | None, withdrawn_at: datetime | None, now: datetime
) -> DamageOverlay:
    """What became of a report of damage, at `now`."""
    if reported_at is None or withdrawn_at is not None:
        return NO_DAMAGE
    if contested_at is not None:
        return DamageOverlay(stands=True, settled="It is contested already: both words stand.")
    until = reported_at + CONTEST_PERIOD
    late = None if now < until else f"It stands: it could be contested until {format_instant(until)}."
    return DamageOverlay(stands=True, settled=late)


def why_no_damage(action: LoanAction, found: DamageOverlay) -> str | None:
    """Why that is not done about damage found afterwards; None when it may be."""
    if action is _A.REPORT_DAMAGE:
        return "It is reported already: withdraw that report to say it anew." if found.stands else None
    return found.settled if found.stands and action is _A.CONTEST_DAMAGE else _NO_REPORT[found.stands]


_NO_REPORT: Final = {True: None, False: "No damage is reported that was found afterwards."}


class Count(msgspec.Struct, kw_only=True, frozen=True):
    """How many arrived, as the requesting agency counted, and what is said of the others.

    `out` are still to come back, `missing` of them did not arrive, and nobody has said since where they are.
    `together`: they are people who go together. `stands`: the time in which the requesting agency may say that fewer
    arrived is over.
    """

    received: int | None = None
    out: int = 0
    missing: int = 0
    together: bool = False
    stands: bool = False


NO_COUNT: Final = Count()


def why_no_count(action: LoanAction, count: Count) -> str | None:
    """Why the count of what arrived is not accepted, or not corrected; None when it may be."""
    if action is _A.CORRECT_COUNT:
        if count.received is None:
            return "Your agency has not said how many arrived."
        # More are possible where some are missing; fewer, where it was said lately, and more than one arrived.
        fewer = not count.stands and count.received > 1 and count.missing < count.out
        return None if count.missing or fewer else "Nothing of it is missing, and the count stands."
    if not count.missing:
        return "Nothing is missing by the other agency's count."
    if count.together:
        return "The people who were offered go together: confirm that all are back, or report who is lost."
    if count.missing == count.out:
        return "All that arrived is back: confirm the rest as back, too, where your agency has it, or report it lost."
    return None


def count_corrected(count: Count, arrived: int) -> int:
    """How many are missing once the requesting agency says that so many arrived.

    Raises RuleBroken for more than were out, `same_count` for what it said already, `nothing_arrived` for none,
    `count_stands` for fewer once its time to say so is over, or than are back.
    """
    received = count.received or 0
    most = received + count.missing
    if arrived > most:
        words = f"Of this loan {most} {'was' if most == 1 else 'were'} to arrive."
        raise RuleBroken.at(words, "quantity_over_loan", f"at most {most}", pointer="/quantity")
    if arrived == received:
        words = f"Your agency says so already: {received} arrived."
        raise RuleBroken.at(words, "same_count", "another number", pointer="/quantity")
    if arrived < received and count.stands:
        raise RuleBroken.at(
            f"That {received} arrived stands: report what is lost since then.",
            "count_stands",
            f"at least {received}",
            pointer="/quantity",
        )
    missing = count.missing + received - arrived
    if missing > count.out:
        least = received + count.missing - count.out
        words = f"Others of it are back already, or lost: at least {least} arrived."
        raise RuleBroken.at(words, "count_stands", f"at least {least}", pointer="/quantity")
    return missing


def still_missing(missing: int, out: int) -> int:
    """How many that did not arrive are still to be accounted for once only so many are out."""
    return min(missing, out)


class Overlays(msgspec.Struct, kw_only=True, frozen=True):
    """Conditions of a loan besides its status: an extension, a recall, an asset changed, or one that stays at home.

    `some_lost`: some of it is lost. `found_by_owner`: the viewer is the requesting agency and the rest is back, so that
    it is the other one that finds what is missing. `own_no_show`: the viewer reported it; `no_show_settled` is why
    it is not contested any more, `damage` what became of damage that its owner found afterwards, `count` how many of it
    arrived. `times` says of what
    concerns contested times why the viewer cannot do it.
    """

    extension_pending: bool = False
    recall_requested: bool = False
    asset_changed: bool = False
    stays: bool = False
    some_lost: bool = False
    found_by_owner: bool = False
    own_no_show: bool = False
    no_show_settled: str | None = None
    damage: DamageOverlay = NO_DAMAGE
    count: Count = NO_COUNT
    times: Mapping[LoanAction, str | None] = {}


def advance(status: LoanStatus, action: LoanAction) -> LoanStatus:
    """The status after `action`. Raises WrongStatus when the table has no such transition."""
    after = TRANSITIONS.get((status, action))
    if after is None:
        raise WrongStatus.of("A loan", status, action)
    return after


def check_side(action: LoanAction, side: Side) -> None:
    """Raises Forbidden when `action` belongs to the other side."""
    if side not in SIDES[action]:
        raise Forbidden(f"Only the {' or '.join(SIDES[action])} agency can {action}.", "other_sides_action")


def check_overlays(action: LoanAction, overlays: Overlays) -> None:
    """Raises WrongStatus when a pending extension or recall, or the absence of one, does not allow `action`."""
    reason = withheld(action, overlays)
    if reason is not None:
        raise WrongStatus(reason)


def withheld(action: LoanAction, overlays: Overlays) -> str | None:
    """The reason why the overlays do not allow `action`; None when they do."""
    if overlays.stays and action in _OF_TRAVEL:
        return "Nothing travels: the laboratory begins the work (`dispatch`) and reports it done (`return`)."
    if action is _A.REPORT_FOUND and not overlays.some_lost:
        return "Nothing of this loan is lost."
    if action is _A.REPORT_FOUND and overlays.found_by_owner:
        return "The rest is back: bring it to the assisting agency, which reports that it is found."
    if action is _A.CONTEST_NO_SHOW:
        return OWN_NO_SHOW if overlays.own_no_show else overlays.no_show_settled
    if action is _A.WITHDRAW_NO_SHOW:
        return no_show_withdrawal_refusal(overlays)
    if action in _OF_DAMAGE:
        return why_no_damage(action, overlays.damage)
    if action in COUNTS:
        return why_no_count(action, overlays.count)
    if action in overlays.times:
        return overlays.times[action]
    if action is _A.REQUEST_EXTENSION and overlays.recall_requested:
        return "This loan has been recalled: request an extension after the recall is withdrawn."
    if action is _A.REQUEST_EXTENSION and overlays.extension_pending:
        return "An extension has been requested and not been answered yet."
    if action in {_A.ACCEPT_EXTENSION, _A.DECLINE_EXTENSION} and not overlays.extension_pending:
        return "No extension has been requested."
    if action is _A.ACCEPT_EXTENSION and overlays.recall_requested:
        return "This loan has been recalled: withdraw the recall before accepting an extension."
    if action is _A.RECALL and overlays.recall_requested:
        return "This loan has been recalled already."
    if action is _A.WITHDRAW_RECALL and not overlays.recall_requested:
        return "This loan has not been recalled."
    if action is _A.ACCEPT_CHANGED_ASSET and not overlays.asset_changed:
        return "The asset is as it was when it was reserved."
    return None


OWN_NO_SHOW: Final = "Your agency reported it, and may withdraw that."
NO_SHOW_GRACE: Final = timedelta(minutes=30)
"""How long after the agreed start nobody is reported as not having come: who is held up is late, and not missing."""
NO_SHOW_WITHDRAWN: Final = "It was withdrawn: nobody counts it."


def no_show_settled(
    reported_at: datetime | None, contested_at: datetime | None, withdrawn_at: datetime | None, now: datetime
) -> str | None:
    """Why a no-show cannot be contested any more; None while it can, and where there is none."""
    if withdrawn_at is not None:
        return NO_SHOW_WITHDRAWN
    if contested_at is not None:
        return "It is contested already: both words stand."
    if reported_at is None or now < reported_at + CONTEST_PERIOD:
        return None
    return f"It stands: it could be contested until {format_instant(reported_at + CONTEST_PERIOD)}."


def why_not_resumed(now: datetime, planned_end_at: datetime, *, lent_again: bool) -> str | None:
    """Why a loan does not resume once the report of a no-show is withdrawn; None when it may, where it can be had."""
    if now >= planned_end_at:
        return "The agreed time is over."
    return "It was lent again meanwhile." if lent_again else None


def no_show_withdrawal_refusal(overlays: Overlays) -> str | None:
    """Why the report of a no-show cannot be withdrawn; None when it can, which whoever reported it does at any time."""
    if overlays.no_show_settled == NO_SHOW_WITHDRAWN:
        return NO_SHOW_WITHDRAWN
    return None if overlays.own_no_show else "The other agency reported it, and it alone withdraws that."


def why_unavailable(status: LoanStatus, action: LoanAction, overlays: Overlays) -> str | None:
    """The reason why status and overlays do not allow `action`; None when they do. The time is not considered."""
    if (status, action) not in TRANSITIONS:
        return f"Not while the loan is {status.replace('_', ' ')}."
    return withheld(action, overlays)


SOON: Final = timedelta(hours=2)
"""How long before its start a loan may leave on what was decided for its window: time for loading and the way."""


def early_window(now: datetime, starts_at: datetime, planned_end_at: datetime) -> Window | None:
    """The window for which a loan has to be decided that leaves now; None when it is the agreed one.

    What leaves long before its start is away from then on, and not only for as long as was asked and approved.
    """
    return Window(start=now, end=planned_end_at) if now < starts_at - SOON else None


def lent_from(starts_at: datetime, dispatched_at: datetime | None) -> datetime:
    """From when on a loan counts: its agreed start, or its departure where that was earlier."""
    return starts_at if dispatched_at is None else min(starts_at, dispatched_at)


def due_back(planned_end_at: datetime, recall_due_at: datetime | None) -> datetime:
    """When a loan is due back: at the agreed return, or at the hour of its recall, whichever comes first.

    `recall_due_at` is None without a recall. The notice of the agreement moves that hour, and never the agreed return.
    """
    return planned_end_at if recall_due_at is None else min(planned_end_at, recall_due_at)


def overdue(now: datetime, status: LoanStatus, due_at: datetime) -> bool:
    """Whether the asset is still out although it is due back, as `due_back` says.

    True from exactly that instant on, since the loan holds its quantity up to but not including the agreed return.
    """
    return status in OUT and now >= due_at


def timing_refusal(
    action: LoanAction, now: datetime, starts_at: datetime, planned_end_at: datetime, reserved_at: datetime
) -> tuple[str, str] | None:
    """The code and reason when the time does not allow `action`; None when it does.

    A no-show is not possible before the agreed start, nor within the grace after it, or after the reservation where the
    time had begun by then: nobody can have come before. An asset dispatched after the agreed return would be overdue at
    once, and hold its quantity without end.
    """
    if action is _A.REPORT_NO_SHOW and now < starts_at:
        return "not_started_yet", "This loan has not begun yet: cancel it if it is not needed."
    if action is _A.REPORT_NO_SHOW and now < (from_at := max(starts_at, reserved_at) + NO_SHOW_GRACE):
        return "no_show_too_early", f"Who is held up may still come: report it from {format_instant(from_at)} on."
    if action is _A.DISPATCH and now >= planned_end_at:
        return "window_over", NOT_LEFT_IN_TIME
    return None


NOT_LEFT_IN_TIME: Final = (
    "The agreed time is over: if it left within that time, say when (`occurred_at`); if it never left, cancel the loan."
)


def time_withholds(
    action: LoanAction, now: datetime, starts_at: datetime, planned_end_at: datetime, reserved_at: datetime
) -> str | None:
    """The reason why the time does not let a side take `action` now, at whatever hour it was done; None when it does.

    What left within its time may be entered once that is over: a loan that was reserved can always have left then.
    """
    if action is _A.DISPATCH:
        return None
    if action is _A.RECALL:
        return recall_too_late(now, planned_end_at)
    late = timing_refusal(action, now, starts_at, planned_end_at, reserved_at)
    return late[1] if late else None


def recall_too_late(now: datetime, planned_end_at: datetime) -> str | None:
    """The reason why nothing is recalled any more that is overdue by its agreed return; None before."""
    if now < planned_end_at:
        return None
    return (
        f"It was due back at {format_instant(planned_end_at)}, as agreed, and is overdue: a recall would let it stay. "
        "Have it sent back, and confirm that it is back; or report it lost."
    )


def check_not_over(now: datetime, ends_at: datetime) -> None:
    """Raises RuleBroken for the reservation of a time that is over: it would be overdue as it left."""
    if now >= ends_at:
        raise RuleBroken("The time that was asked for is over: ask for one that is to come.", "window_over")


class AwaitedStep(StrEnum):
    """A step of people for which a loan can wait; each is an action of the same name."""

    DISPATCH = "dispatch"
    RECEIVE = "receive"
    START_RETURN = "start_return"
    RETURN = "return"
    ACCEPT_EXTENSION = "accept_extension"
    CLOSE = "close"


class StepAwaited(msgspec.Struct, kw_only=True, frozen=True):
    """A step that a loan waits for: which side has to take it, and until when, where something says so."""

    side: Annotated[Side, Meta(description="Which side has to take it.")]
    step: Annotated[AwaitedStep, Meta(description="What is to be done; an extension may be declined instead.")]
    due_at: Annotated[Instant | None, Meta(description="Until when; null where nothing says so.")]


AWAITED_OF: Final = {
    AwaitedStep.DISPATCH: Side.ASSISTING,
    AwaitedStep.RECEIVE: Side.REQUESTING,
    AwaitedStep.START_RETURN: Side.REQUESTING,
    AwaitedStep.RETURN: Side.ASSISTING,
    AwaitedStep.ACCEPT_EXTENSION: Side.ASSISTING,
    AwaitedStep.CLOSE: Side.ASSISTING,
}
"""The steps that a loan can wait for, each with the side that takes it. An extension is accepted or declined."""


def awaited(
    status: LoanStatus,
    overlays: Overlays,
    *,
    starts_at: datetime,
    planned_end_at: datetime,
    recall_due_at: datetime | None,
) -> list[StepAwaited]:
    """Who is waited for and for which step; nobody once the loan is over.

    What is recalled is sent back, whether it has arrived or is on its way. What stays at home is reported done by the
    agency that has it.
    """
    due_at = due_back(planned_end_at, recall_due_at)
    waits: list[tuple[AwaitedStep, datetime | None]] = []
    match status:
        case _S.RESERVED:
            waits.append((AwaitedStep.DISPATCH, starts_at))
        case _S.DISPATCHED | _S.ON_SCENE if overlays.stays:
            waits.append((AwaitedStep.RETURN, due_at))
        case _S.DISPATCHED if not overlays.recall_requested:
            waits.append((AwaitedStep.RECEIVE, planned_end_at))
        case _S.DISPATCHED | _S.ON_SCENE:
            waits.append((AwaitedStep.START_RETURN, due_at))
        case _S.RETURNING:
            waits.append((AwaitedStep.RETURN, due_at))
        case _S.RETURNED:
            waits.append((AwaitedStep.CLOSE, None))
    if overlays.extension_pending and status in {_S.DISPATCHED, _S.ON_SCENE}:
        waits.append((AwaitedStep.ACCEPT_EXTENSION, planned_end_at))
    return [StepAwaited(side=AWAITED_OF[step], step=step, due_at=due_at) for step, due_at in waits]


def hand_over_refusal(unavailable: str | None, changed: Sequence[str]) -> str | None:
    """The reason why the asset as it is now cannot be dispatched; None when it can.

    `unavailable` says why it cannot be had; `changed` are properties that are not as they were reserved.
    """
    if unavailable is not None:
        return f"The asset cannot be had: {unavailable}"
    if changed:
        named = ", ".join(name.replace("_", " ") for name in changed)
        return f"The asset was changed ({named}); the requesting agency has to accept that first."
    return None


def whole_cancellation_refusal(statuses: Sequence[LoanStatus]) -> str | None:
    """The reason why what was reserved of a package is not cancelled at once; None when it is.

    `statuses` are those of its loans. What was cancelled alone, or not handed over, does not hinder the rest.
    """
    if any(status is not _S.RESERVED and status not in NEVER_WAS for status in statuses):
        return "Some of it is out, or was: return or cancel its loans one by one."
    if _S.RESERVED not in statuses:
        return "Nothing of it is reserved any more."
    return None


def check_timing(
    action: LoanAction, now: datetime, starts_at: datetime, planned_end_at: datetime, reserved_at: datetime
) -> None:
    """Raises RuleBroken when the time does not allow `action`."""
    reason = timing_refusal(action, now, starts_at, planned_end_at, reserved_at)
    if reason is not None:
        code, sentence = reason
        raise RuleBroken(sentence, code)


def check_recall(now: datetime, told_at: datetime, by: datetime, planned_end_at: datetime) -> None:
    """Raises RuleBroken when the asset is recalled for a time that was past when the other side was told (`told_at`).

    Nor is it recalled for a time after the agreed return: that would say that it may stay longer, which an extension
    says. What is overdue is due already.
    """
    if (words := recall_too_late(now, planned_end_at)) is not None:
        raise RuleBroken(words, "recall_after_return")
    if by <= told_at:
        raise RuleBroken("Recall the asset by a time in the future.", "recall_in_the_past")
    if by > planned_end_at:
        wanted, agreed = format_instant(by), format_instant(planned_end_at)
        words = f"Recalled by {wanted}, it would be due later than the agreed return, {agreed}: recall it by then."
        raise RuleBroken.at(words, "recall_after_return", "after the agreed return", pointer="/by")


def recall_due(told_at: datetime, by: datetime, notice_hours: int | None) -> datetime:
    """When a recall that the other side was told of at `told_at` is due: as it says, but not before the notice has run.

    An owner may always ask for its own sooner, as in an emergency; the notice of the agreement is not its to shorten,
    so nobody is late before. Where the agreement has none, or 0, the hour of the recall counts.
    """
    return max(by, told_at + timedelta(hours=notice_hours or 0))


def check_extension(now: datetime, planned_end_at: datetime, until: datetime, limit_at: datetime | None) -> None:
    """Raises RuleBroken unless `until` is an extension within the limit.

    It must be after the agreed return, in the future (an overdue loan must not be extended to a time already past), and
    not after `limit_at`. Whether agreement and law allow it is decided by policy, and whether the asset is free from
    `planned_end_at` to `until` is checked separately.
    """
    if until <= planned_end_at:
        raise RuleBroken("An extension must end after the agreed return time.", "extension_not_later")
    if until <= now:
        raise RuleBroken("An extension must end in the future.", "extension_in_the_past")
    if limit_at is not None and until > limit_at:
        raise RuleBroken(f"This loan can be extended to {limit_at.isoformat()} at most.", "extension_beyond_limit")


def quantity_sent(reserved: int, asked: int | None, *, together: bool) -> int:
    """How many leave of those that are reserved: all, unless it is said. Raises RuleBroken for more than that.

    Of people who go `together` all leave, or none: RuleBroken `people_not_named`.
    """
    return _some_of(reserved, asked, "reserved", together=together)


def quantity_received(out: int, asked: int | None) -> int:
    """How many arrived of those that are out: all, unless it is said.

    Raises RuleBroken for more than that, and `nothing_arrived` for none: then there is no arrival to confirm.
    """
    if asked == 0:
        words = "Nothing arrived: confirm no arrival; contest that it left, have the loan ended, or report it lost."
        raise RuleBroken.at(words, "nothing_arrived", "at least 1", pointer="/quantity")
    return _part_of(out, asked, "still out")


def quantity_back(out: int, asked: int | None, *, together: bool) -> int:
    """How many come back of those that are out: all, unless it is said. Raises as `quantity_sent`."""
    return _some_of(out, asked, "still out", together=together)


def _some_of(whole: int, asked: int | None, where: str, *, together: bool) -> int:
    some = _part_of(whole, asked, where)
    if together and some != whole:
        words = "The people who were offered go together, and come back together."
        raise RuleBroken.at(words, "people_not_named", "all of them, or nobody", pointer="/quantity")
    return some


def quantity_lost(lent: int, lost: int, asked: int | None) -> int:
    """How many more are lost, of those still out: all, unless it is said. Raises RuleBroken for more than that."""
    return _part_of(lent - lost, asked, "still out")


def quantity_found(lost: int, asked: int | None) -> int:
    """How many are found, of those lost: all, unless it is said. Raises RuleBroken for more than that."""
    return _part_of(lost, asked, "lost")


def _part_of(whole: int, asked: int | None, where: str) -> int:
    if asked is not None and asked > whole:
        words = f"Of this loan {whole} {'is' if whole == 1 else 'are'} {where}."
        raise RuleBroken.at(words, "quantity_over_loan", f"at most {whole}", pointer="/quantity")
    return whole if asked is None else asked
