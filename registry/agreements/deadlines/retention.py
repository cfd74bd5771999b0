"""How long the record of an agreement is kept once it has ended: by a schedule, or as long as a party asks for."""

from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from registry.agreements.deadlines.endings import last_day
from registry.agreements.deadlines.rules import Keeping, Record
from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.law.rules import Law, Matter, Party, applies, checked_laws
from registry.agreements.law.switch import is_on
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.time import add_months, on_calendar
from registry.platform.kernel.yaml_text import read_yaml

MONTHS_A_YEAR = 12

Years = Annotated[int, Meta(ge=0, le=100, description="Years after the agreement has ended.")]


class RetentionRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A schedule for the records of agreements, as data."""

    code: Annotated[str, Meta(pattern=r"\A[a-z0-9_]{3,80}\Z")]
    years: Years
    law: Law


@cache
def retention_rules() -> tuple[RetentionRule, ...]:
    """The schedules that are shipped. Raises ValidationError, ValueError for data that cannot be meant."""
    text = (Path(__file__).parent / "retention.yaml").read_text("utf-8")
    rules = msgspec.convert(read_yaml(text), tuple[RetentionRule, ...])
    if len({rule.code for rule in rules}) != len(rules):
        raise ValueError("two schedules have one code")
    checked_laws({rule.code: rule.law for rule in rules})
    return rules


@cache
def _scheduled(instrument: AgreementKind, state: str | None, agency_kind: str, on: frozenset[str]) -> Keeping | None:
    custodian = Party(state=state, kind=agency_kind, side="custodian")
    matter = Matter(instrument=instrument, parties=(custodian,))
    found = [rule for rule in retention_rules() if rule.code in on and applies(rule.law.applies_to, matter)]
    longest = max(found, key=lambda rule: rule.years, default=None)
    return None if longest is None else Keeping(years=longest.years, citation=longest.law.cited)


def keeping(
    instrument: AgreementKind, state: str | None, agency_kind: str, asked: Keeping | None, *, all_said: bool
) -> Keeping | None:
    """The longest schedule for its custodian, or what a party asks for where that is longer; None: it is kept.

    State and kind are the custodian's; `asked` is the most that any party asks for, None where none does. Where no
    schedule is known, what is asked for counts once all have said theirs: nobody says alone how short it is for others.
    """
    on = frozenset(rule.code for rule in retention_rules() if is_on(rule.code, rule.law))
    scheduled = _scheduled(instrument, state, agency_kind, on)
    if scheduled is None:
        return asked if all_said else None
    return asked if asked is not None and asked.years > scheduled.years else scheduled


def is_shortened(before: Keeping | None, after: Keeping | None) -> bool:
    """Whether fewer years are left of those that were known."""
    return before is not None and after is not None and after.years < before.years


def refuse_where_relied_on(unsaid: Sequence[str]) -> None:
    """Raises Conflict where a shorter period would be another's loss; `unsaid` have not said how long they ask for."""
    if unsaid:
        raise Conflict(
            f"Others rely on the longer period: it is shortened once each has said its own years, and "
            f"{', '.join(unsaid)} {'has' if len(unsaid) == 1 else 'have'} not.",
            "retention_relied_on",
        )


def kept_until(record: Record) -> date | None:
    """The last day on which the record must be kept; None while it is held, has no end, or no schedule is known."""
    ended_on = last_day(record) if record.executed else None
    return None if ended_on is None else kept_after(record, ended_on)


def kept_after(record: Record, ended_on: date) -> date | None:
    if record.keeping is None or record.held_by is not None:
        return None
    on = add_months(ended_on, MONTHS_A_YEAR * record.keeping.years)
    return on if on_calendar(on) else None
