"""Reviews, schedules of retention and holds: what may be entered, and what follows."""

from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
import yaml
from msgspec import Meta, Struct

from registry.agreements.deadlines.rules import Keeping
from registry.kernel.errors import Fault, RuleBroken, WrongState

Years = Annotated[int, Meta(ge=0, le=100, description="Years after the agreement has ended.")]


class ReviewOutcome(StrEnum):
    """What a periodic review decided."""

    KEEP = "keep"
    RENEW = "renew"
    AMEND = "amend"
    TERMINATE = "terminate"


class RetentionRule(Struct, frozen=True, forbid_unknown_fields=True):
    """A state's schedule for the records of agreements, as data."""

    state: Annotated[str, Meta(pattern=r"\A[A-Z]{2}\Z")]
    years: Years
    citation: Annotated[str, Meta(min_length=1, max_length=300, pattern="have counsel review")]


@cache
def retention_rules() -> dict[str, Keeping]:
    """The schedules that are shipped, by state. Raises ValidationError, ValueError for data that cannot be meant."""
    text = (Path(__file__).parent / "retention.yaml").read_text("utf-8")
    rules = msgspec.convert(yaml.safe_load(text), tuple[RetentionRule, ...])
    if len({rule.state for rule in rules}) != len(rules):
        raise ValueError("two schedules are for one state")
    return {rule.state: Keeping(years=rule.years, citation=rule.citation) for rule in rules}


def keeping(state: str | None, own_years: int | None, own_basis: str | None) -> Keeping | None:
    """What is set for the agreement itself, else its custodian's state's schedule, else nothing that is known."""
    if own_years is not None:
        return Keeping(years=own_years, citation=own_basis or "set for this agreement")
    return retention_rules().get(state or "")


def reviewable(executed: bool, stage: str) -> None:
    """Raises WrongState for an agreement that was never signed."""
    if not executed:
        raise WrongState(f"The agreement is {stage}: periodic review begins once it is executed.")


def checked_review_day(reviewed_on: date, effective_on: date, today: date) -> None:
    """Raises RuleBroken for a review to come, or before the agreement took effect."""
    if reviewed_on > today:
        raise _not_then(f"It is {today} there: a review is entered once it is complete.")
    if reviewed_on < effective_on:
        raise _not_then(f"The agreement took effect on {effective_on}: what was reviewed before was its draft.")


def _not_then(detail: str) -> RuleBroken:
    fault = Fault(pointer="/reviewed_on", code="not_then", detail=detail)
    return RuleBroken(detail, "not_then", faults=[fault])
