"""What two agreements between the same parties say differently about one and the same loan. Pure.

Terms that one of them leaves out are compared only where leaving out means something: no limit is looser than any. Of
who commands and who is liable a silent agreement says nothing, so nothing is contradicted.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from registry.agreements.checks.completeness import is_stated
from registry.agreements.checks.schemas import Contradiction, TermPlace
from registry.agreements.instruments.terms import (
    ANY_PURPOSE,
    AutomaticAid,
    NoLimit,
    Terms,
    ceiling,
    covers,
    purposes_meet,
)
from registry.agreements.instruments.terms import limit as limit_of
from registry.platform.kernel.money import Money

Stricter: TypeAlias = Literal["this", "other"]
NOT_SAID = "not said"

STANCES = {
    "liability": "Liability",
    "command": "Command of operations",
    "sop_control": "Control of policies and procedures",
    "pay_control": "Control of pay and personnel matters",
}
"""Terms of which one loan has one: two different words cannot both hold."""


class Limit(Struct, kw_only=True, frozen=True):
    """A term that asks for more or less, and of which the more demanding one satisfies both."""

    words: str
    unit: str
    stricter: Literal["low", "high"]


LIMITS = {
    "max_duration_hours": Limit(words="The longest loan", unit="h", stricter="low"),
    "max_quantity": Limit(words="The largest quantity at one time", unit="", stricter="low"),
    "notice_hours": Limit(words="The least notice of a request", unit="h", stricter="high"),
    "claim_window_days": Limit(words="The window for claims", unit="days", stricter="low"),
    "recall_notice_hours": Limit(words="The notice of a recall", unit="h", stricter="high"),
}
PRIORITIES = ("routine", "urgent", "emergency")


def compare(this: Terms, other: Terms) -> list[Contradiction]:
    """Everything that the two say differently, contradictions first. Only for terms that overlap."""
    found = [
        *_stances(this, other),
        *_reimbursement(this, other),
        *_limits(this, other),
        *_cost_ceiling(this, other),
        *_approval(this, other),
        *_insurance(this, other),
        *_priority(this, other),
        *_directions(this, other),
        *_automatic_aid(this, other),
        *_reach(this, other, "categories", categories_in_common),
        *_reach(this, other, "purposes", purposes_in_common),
    ]
    return sorted(found, key=lambda each: each.severity != "contradicts")


def overlap(this: Terms, other: Terms) -> bool:
    """Whether one loan can fall under both."""
    return bool(categories_in_common(this.categories, other.categories)) and (purposes_meet(this, other))


def categories_in_common(these: Sequence[str], others: Sequence[str]) -> list[str]:
    """The categories that both cover: of one that covers the other, the narrower."""
    return [code for code in these if any(code == o or covers(o, code) for o in others)] + [
        code for code in others if any(covers(t, code) for t in these)
    ]


def purposes_in_common(these: Sequence[str], others: Sequence[str]) -> list[str]:
    """The purposes that both name; all of the other's where one names none, or covers all: that bars none."""
    if not these or not others or ANY_PURPOSE in (*these, *others):
        return [code for code in (*these, *others) if code != ANY_PURPOSE]
    return [code for code in these if code in others]


def _stances(this: Terms, other: Terms) -> Iterator[Contradiction]:
    for name, words in STANCES.items():
        mine, theirs = getattr(this, name), getattr(other, name)
        if mine != theirs and "silent" not in (mine, theirs):
            detail = f"{words} is “{mine}” here and “{theirs}” there: one loan cannot have both."
            yield _contradiction(name, this, other, str(mine), str(theirs), detail)


def _reimbursement(this: Terms, other: Terms) -> Iterator[Contradiction]:
    mine, theirs = this.reimbursement, other.reimbursement
    if mine.model != theirs.model:
        said = is_stated(this, "reimbursement") and is_stated(other, "reimbursement")
        detail = f"Reimbursement is “{mine.model}” here and “{theirs.model}” there" + (
            ": one loan cannot have both." if said else ", which one of them leaves unsaid."
        )
        places = _places("reimbursement", this, other, mine.model, theirs.model, below="/model")
        severity: Literal["contradicts", "differs"] = "contradicts" if said else "differs"
        yield Contradiction(term="reimbursement", severity=severity, stricter=None, **places, detail=detail)
    elif mine != theirs:
        member, words = (
            ("rate_per_hour", "The rate per hour") if mine.model == "fixed_rate" else ("free_hours", "The free hours")
        )
        one, two = _said(getattr(mine, member)), _said(getattr(theirs, member))
        detail = f"{words} is {one} here and {two} there: one loan cannot have both."
        yield _contradiction("reimbursement", this, other, one, two, detail, below=f"/{member}")


def _limits(this: Terms, other: Terms) -> Iterator[Contradiction]:
    for name, limit in LIMITS.items():
        mine, theirs = getattr(this, name), getattr(other, name)
        if _asked(name, mine) != _asked(name, theirs):
            yield _differs(
                name,
                this,
                other,
                limit.words,
                _said(mine, limit.unit),
                _said(theirs, limit.unit),
                _stricter(_asked(name, mine), _asked(name, theirs), low=limit.stricter == "low"),
            )


def _asked(name: str, value: int | NoLimit | None) -> int | None:
    """What comes of it for a loan: no limit where none is set or said, and no notice where none is asked for."""
    return limit_of(value) or None if name == "notice_hours" else limit_of(value)


def _cost_ceiling(this: Terms, other: Terms) -> Iterator[Contradiction]:
    mine, theirs = ceiling(this), ceiling(other)
    if mine != theirs:
        comparable = mine is None or theirs is None or mine.currency == theirs.currency
        amounts = [None if each is None else each.to_minor() for each in (mine, theirs)]
        stricter = _stricter(amounts[0], amounts[1], low=True) if comparable else None
        yield _differs(
            "cost_ceiling",
            this,
            other,
            "The highest cost",
            _said(this.cost_ceiling),
            _said(other.cost_ceiling),
            stricter,
        )


def _approval(this: Terms, other: Terms) -> Iterator[Contradiction]:
    """`approval_required` is approval from the first hour on."""
    mine, theirs = _approval_from(this), _approval_from(other)
    if mine != theirs:
        names = ["approval_required" if each == 0 else "approval_over_hours" for each in (mine, theirs)]
        words = ["never" if h is None else "always" if h == 0 else f"over {h} h" for h in (mine, theirs)]
        stricter = _stricter(mine, theirs, low=True)
        yield Contradiction(
            term="approval",
            severity="differs",
            stricter=stricter,
            this=_place(names[0], this, words[0]),
            other=_place(names[1], other, words[1]),
            detail=f"Approval is needed {words[0]} here and {words[1]} there; {_who(stricter)}.",
        )


def _approval_from(terms: Terms) -> int | None:
    return 0 if terms.approval_required else terms.approval_over_hours


def _insurance(this: Terms, other: Terms) -> Iterator[Contradiction]:
    mine, theirs = bool(this.insurance_required), bool(other.insurance_required)
    if mine != theirs:
        said = ["required" if required else "not required" for required in (mine, theirs)]
        stricter: Stricter = "this" if mine else "other"
        yield _differs("insurance_required", this, other, "Proof of insurance", said[0], said[1], stricter)


def _priority(this: Terms, other: Terms) -> Iterator[Contradiction]:
    mine, theirs = this.least_priority or "routine", other.least_priority or "routine"
    if mine != theirs:
        stricter = _stricter(PRIORITIES.index(mine), PRIORITIES.index(theirs), low=False)
        yield _differs("least_priority", this, other, "The least priority", mine, theirs, stricter)


def _directions(this: Terms, other: Terms) -> Iterator[Contradiction]:
    """Who assists whom: whom one agreement lets only help or only be helped, the other may let do both."""
    mine, theirs = ({each.agency_id: each.role for each in terms.directions} for terms in (this, other))
    if mine != theirs:
        said = [f"{len(each)} one-way parties" if each else NOT_SAID for each in (mine, theirs)]
        stricter: Stricter | None = (
            "this" if mine.items() >= theirs.items() else "other" if theirs.items() >= mine.items() else None
        )
        yield _differs("directions", this, other, "Who assists whom", said[0], said[1], stricter)


def _automatic_aid(this: Terms, other: Terms) -> Iterator[Contradiction]:
    """Under one of the two help is sent without asking, where under the other it must be asked for."""
    mine, theirs = ({_aid(each) for each in terms.automatic_aid} for terms in (this, other))
    if mine != theirs:
        said = [f"{len(each)} triggers" if each else NOT_SAID for each in (mine, theirs)]
        yield _differs("automatic_aid", this, other, "Automatic aid", said[0], said[1], None)


def _aid(each: AutomaticAid) -> tuple[object, ...]:
    return (*each.categories, each.trigger, *sorted(each.asset_ids), *sorted(each.purposes), each.least_priority)


def _reach(
    this: Terms, other: Terms, name: str, in_common: Callable[[Sequence[str], Sequence[str]], list[str]]
) -> Iterator[Contradiction]:
    """One of the two covers more: what lies outside the overlap stands under one of them alone."""
    mine, theirs = getattr(this, name), getattr(other, name)
    bars_none = [not each or each == [ANY_PURPOSE] for each in (mine, theirs)]
    if set(mine) != set(theirs) and not all(bars_none):
        common = set(in_common(mine, theirs))
        within = [bool(codes) and set(codes) <= common for codes in (mine, theirs)]
        stricter: Stricter | None = "this" if within[0] else "other" if within[1] else None
        said = [", ".join(codes) or NOT_SAID for codes in (mine, theirs)]
        yield _differs(name, this, other, f"What is covered ({name})", said[0], said[1], stricter)


def _stricter(mine: int | None, theirs: int | None, *, low: bool) -> Stricter | None:
    """Which asks for more; no limit is the loosest."""
    if mine is None or theirs is None:
        return "other" if mine is None else "this"
    return "this" if (mine < theirs) is low else "other"


def _differs(
    name: str, this: Terms, other: Terms, words: str, one: str, two: str, stricter: Stricter | None
) -> Contradiction:
    return Contradiction(
        term=name,
        severity="differs",
        stricter=stricter,
        **_places(name, this, other, one, two),
        detail=f"{words} is {one} here and {two} there; {_who(stricter)}.",
    )


def _who(stricter: Stricter | None) -> str:
    return {"this": "this one is stricter", "other": "the other is stricter", None: "neither is the stricter"}[stricter]


def _contradiction(
    name: str, this: Terms, other: Terms, one: str, two: str, detail: str, below: str = ""
) -> Contradiction:
    places = _places(name, this, other, one, two, below)
    return Contradiction(term=name, severity="contradicts", stricter=None, **places, detail=detail)


def _places(name: str, this: Terms, other: Terms, one: str, two: str, below: str = "") -> dict[str, TermPlace]:
    return {"this": _place(name, this, one, below), "other": _place(name, other, two, below)}


def _place(name: str, terms: Terms, value: str, below: str = "") -> TermPlace:
    return TermPlace(pointer=f"/{name}{below}", value=value, provision=terms.clauses.get(name))


def _said(value: int | Money | NoLimit | None, unit: str = "") -> str:
    if value is None:
        return NOT_SAID
    if value == "no_limit":
        return "no limit"
    return f"{value.amount} {value.currency}" if isinstance(value, Money) else f"{value} {unit}".rstrip()
