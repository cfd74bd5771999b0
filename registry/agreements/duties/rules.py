"""Which duties arise from an executed agreement, when they are due, and how they are discharged."""

from collections.abc import Sequence
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta, Struct

from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.law.rules import Law, Matter, Party, applies, checked_laws
from registry.agreements.law.switch import is_on
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.yaml_text import read_yaml


class ProofKind(StrEnum):
    """What shows that a duty was done."""

    DOCUMENT = "document"
    URL = "url"
    RECORDING_NUMBER = "recording_number"


class ProofStatus(StrEnum):
    """What the registry knows of a proof: it holds the document itself, or repeats what the agency stated."""

    ON_FILE = "on_file"
    AS_STATED = "as_stated"


class DutyStatus(StrEnum):
    """What was done about a duty; that it is overdue is a matter of the day.

    One that another entered is `proposed` until it binds its agency, and `taken_back` where it never did.
    """

    PROPOSED = "proposed"
    PENDING = "pending"
    MET = "met"
    WAIVED = "waived"
    TAKEN_BACK = "taken_back"


STORED_STATUSES: Final = (DutyStatus.PENDING, DutyStatus.MET, DutyStatus.WAIVED)
"""Those that stand in its row; the others are read from what is reported of it."""


class DutyAction(StrEnum):
    """What a person does about a duty. To acknowledge one that stands under a condition is to say that it applies."""

    ACKNOWLEDGE = "acknowledge"
    FULFIL = "fulfil"
    WAIVE = "waive"


TRANSITIONS: Final[dict[tuple[DutyStatus, DutyAction], DutyStatus]] = {
    (DutyStatus.PENDING, DutyAction.ACKNOWLEDGE): DutyStatus.PENDING,
    (DutyStatus.PENDING, DutyAction.FULFIL): DutyStatus.MET,
    (DutyStatus.PENDING, DutyAction.WAIVE): DutyStatus.WAIVED,
    (DutyStatus.PROPOSED, DutyAction.FULFIL): DutyStatus.MET,
}


class WhenDue(Struct, frozen=True, forbid_unknown_fields=True):
    """So many days after execution, or so many before the first day of effect: 1 is the last day before it.

    `reminder`: the source gives no number of days, so the day is the registry's own and nobody is late by law.
    """

    days_after_execution: Annotated[int, Meta(ge=0, le=3650)] | None = None
    days_before_effect: Annotated[int, Meta(ge=1, le=3650)] | None = None
    reminder: bool = False


class MadeUnder(Struct, frozen=True, forbid_unknown_fields=True):
    """The act under which an agreement has to be made for the duty to arise, which its kind alone seldom says.

    An act goes by what is undertaken and not by a name: so either the kinds that say it are all that the rule applies
    to, or it applies to every kind, of the others under the condition.
    """

    act: Annotated[str, Meta(min_length=1, max_length=100)]
    said_by: Annotated[tuple[AgreementKind, ...], Meta(description="The kinds that say so; of others it is open.")] = ()


class DutyRule(Struct, frozen=True, forbid_unknown_fields=True):
    """One statute's duty, as data."""

    code: Annotated[str, Meta(pattern=r"\A[a-z0-9_]{3,80}\Z")]
    title: Annotated[str, Meta(min_length=1, max_length=200)]
    law: Law
    due: WhenDue
    proof: Annotated[tuple[ProofKind, ...], Meta(min_length=1)]
    note: str | None = None
    made_under: MadeUnder | None = None

    def condition(self, instrument: AgreementKind | None) -> str | None:
        """On what it depends that the duty arises at all, where the agreement's kind does not say it."""
        if self.made_under is None or instrument in self.made_under.said_by:
            return None
        return f"if it is made under {self.made_under.act}"


@cache
def duty_rules() -> tuple[DutyRule, ...]:
    """The duties that are shipped, by code. Raises ValidationError, ValueError for data that cannot be meant."""
    return checked(read_yaml((Path(__file__).parent / "filing.yaml").read_text("utf-8")))


def checked(data: object) -> tuple[DutyRule, ...]:
    """Rules as written, in the order of their codes. Raises ValidationError, ValueError."""
    rules = msgspec.convert(data, tuple[DutyRule, ...])
    for rule in rules:
        if (rule.due.days_after_execution is None) == (rule.due.days_before_effect is None):
            raise ValueError(f"{rule.code}: due after execution, or before it takes effect, and one of the two")
        if rule.made_under is not None and {*rule.law.applies_to.instruments} - {*rule.made_under.said_by}:
            raise ValueError(f"{rule.code}: what is made under {rule.made_under.act} may be of any kind: name none")
    if len({rule.code for rule in rules}) != len(rules):
        raise ValueError("two duties have one code")
    checked_laws({rule.code: rule.law for rule in rules})
    return tuple(sorted(rules, key=lambda rule: rule.code))


def arising(matter: Matter, rules: Sequence[DutyRule]) -> list[DutyRule]:
    """The duties of an agreement: those that its law touches, and that are on."""
    return [rule for rule in rules if is_on(rule.code, rule.law) and applies(rule.law.applies_to, matter)]


def falls_on(rule: DutyRule, party: Party) -> bool:
    """Whether the duty can be that party's: it is one of those for whose sake the law applies."""
    meant = rule.law.applies_to.parties
    return meant is None or meant.fits(party)


def due_on(rule: DutyRule, executed_on: date, effective_on: date) -> date:
    """The last day to do it: the day of execution itself where that day would lie before the agreement was executed."""
    if rule.due.days_before_effect is None:
        return executed_on + timedelta(days=rule.due.days_after_execution or 0)
    return max(executed_on, effective_on - timedelta(days=rule.due.days_before_effect))


def duty_id(agreement_id: UUID, code: str) -> UUID:
    """The id of a duty that arises by itself: the same before and after anybody did something about it."""
    return uuid5(agreement_id, code)


def advance(status: DutyStatus, action: DutyAction) -> DutyStatus:
    """The status after the action. Raises WrongStatus."""
    after = TRANSITIONS.get((status, action))
    if after is None:
        raise WrongStatus(why_closed(status))
    return after


def why_closed(status: DutyStatus) -> str:
    """Why nothing more is done about a duty of that status."""
    if status is DutyStatus.PROPOSED:
        return (
            "The duty does not bind its agency yet, so nothing else is done about it: that agency confirms or contests "
            "it."
        )
    return f"The duty is {status.replace('_', ' ')}: that is final."


def checked_proof(given: Sequence[ProofKind], accepted: Sequence[ProofKind], fulfilled_on: date, today: Today) -> None:
    """Raises RuleBroken where there is no proof, none of a kind that counts, or it lies in the future."""
    today.check_come(fulfilled_on, "/fulfilled_on", "not_then", "A duty is fulfilled on a day that has come.")
    if not set(given) & set(accepted):
        words = ", ".join(accepted)
        raise RuleBroken.at(
            f"Give proof that counts for this duty: {words}.", "proof_missing", f"one of {words}", pointer=""
        )
