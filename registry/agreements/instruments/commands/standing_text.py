"""That nobody signs, agrees to or approves a text on a day before it stood: one rule, whatever the act."""

from datetime import date
from typing import Any, Final, Literal

import sqlalchemy as sa
from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.instruments.tables import agreement_version
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken

STOOD_SINCE: Final[tuple[sa.ColumnElement[Any], ...]] = (agreement_version.c.frozen_at, agreement_version.c.is_recorded)
"""The columns of a version that `check_stood` reads."""

_REFUSED: Final = {
    "signed_before_text": "Nobody signs or agrees to a text before it stands",
    "approved_before_text": "No body approves a text before it stands",
}


def check_stood(
    text: Row[Any],
    day: date,
    today: Today,
    pointer: str,
    code: Literal["signed_before_text", "approved_before_text"] = "signed_before_text",
) -> None:
    """Raises RuleBroken for an act of a day before the text, a frozen one, was frozen here.

    What was taken over from paper stood before it came here, and no column says since when: such an act has any day.
    `today` is that of the agency whose act it is.
    """
    then = replace(today, now=text.frozen_at)
    if not text.is_recorded and then.is_over(day):
        raise RuleBroken.at(
            f"{_REFUSED[code]}, as this one does since {then.at_agency}. {today}",
            code,
            f"{day} is before the text stood",
            pointer=pointer,
        )
