"""What keeps reserved help from coming that was in order when it was reserved, in words for each side.

It is looked at again at each reading: what is put right is no hindrance any more. Whatever else a policy says, and who
goes with it, is looked at when it is to leave.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

from registry.platform.kernel.time import format_instant
from registry.sharing.loans.rules import Side


class Hindrance(StrEnum):
    """Why what is reserved cannot come, the gravest first."""

    TIME_OVER = "time_over"
    ASSET_UNAVAILABLE = "asset_unavailable"
    TOO_FEW = "too_few"
    STILL_OUT = "still_out"
    NOT_COVERED = "not_covered"


NOT_COVERED: Final = "No agreement in force covers it until the agreed return any more."
"""Why it is not handed over, for both sides to read."""

TASKS: Final[dict[tuple[Hindrance, Side], str]] = {
    (
        Hindrance.TIME_OVER,
        Side.ASSISTING,
    ): "Nobody has recorded that it left, and its time is over: record when it left; or, if it never did, cancel it.",
    (Hindrance.TIME_OVER, Side.REQUESTING): (
        "Nobody has recorded that it left, and its time is over: if it came, have the other agency record when it "
        "left; if it never came, cancel it, and say why."
    ),
    (Hindrance.ASSET_UNAVAILABLE, Side.ASSISTING): (
        "It is reserved and cannot be had then: put it back, or cancel and say why; then offer another."
    ),
    (Hindrance.ASSET_UNAVAILABLE, Side.REQUESTING): (
        "It is reserved for you and cannot be had then: cancel it, say whether help is still needed, and ask the next."
    ),
    (Hindrance.TOO_FEW, Side.ASSISTING): (
        "Put the others back where there are any; else cancel and say why, and offer as many as there are."
    ),
    (Hindrance.TOO_FEW, Side.REQUESTING): (
        "It is reserved for you: cancel it, say whether help is still needed, and ask for fewer, or the next."
    ),
    (Hindrance.STILL_OUT, Side.ASSISTING): (
        "Get it back and record its return, to send it out; or cancel, say why, and offer another."
    ),
    (Hindrance.STILL_OUT, Side.REQUESTING): (
        "It is reserved for you, and comes once it is back: wait, or cancel it and ask the next."
    ),
    (Hindrance.NOT_COVERED, Side.ASSISTING): (
        "It is reserved, and no agreement covers it any more: cancel and say why, or agree anew, or share it again."
    ),
    (Hindrance.NOT_COVERED, Side.REQUESTING): (
        "It is reserved for you, and no agreement covers it any more: cancel it and ask the next, or agree anew."
    ),
}
"""What each side is to do; both may cancel. What there is too little of, and why, is said before it."""


def why_still_out(late_since: datetime, holders: Sequence[str] = ()) -> str:
    """That it is not back, and since when it is late; with whom (`holders`) its owner is told alone."""
    where = f"with {' and '.join(holders)}" if holders else "on another loan"
    return f"It is still out {where}, and was due back at {format_instant(late_since)}."
