"""Facts made up from what policies read, by which a set of policies is examined before anybody asks. Pure.

Each attribute takes the values around the constants that it is compared with: one below, the constant, one above, the
words of its kind, and none at all where it may be absent. Nothing is drawn at random: the same texts give the same
facts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from math import prod
from typing import Final, TypeAlias, TypeVar, get_args
from uuid import NAMESPACE_OID, UUID, uuid5

from msgspec.structs import replace

from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.law.rules import Matter
from registry.sharing.policy.annotations import Policy
from registry.sharing.policy.attributes import Constant, comparisons_in
from registry.sharing.policy.facts import (
    HOUR,
    ActionAt,
    AgreementFacts,
    CertificationFacts,
    Facts,
    Priority,
    ServiceStatus,
    Sharing,
)

Value: TypeAlias = Constant | bool | tuple[str, ...] | None
Assignment: TypeAlias = Mapping[str, Value]

CATEGORY: Final = "resource"
"""The path under which a policy asks in which category the asset is."""
_LONGEST_HOURS: Final = 100_000
_MOST_OWN: Final = 24
_MOST_OTHERS: Final = 4
_ANOTHER: Final = "another"
_KIND: Final = "context.agreement.kind"
_NO_AGREEMENT: Final = "none"
_ORDINARY: Final = 24
"""In place of a constant, where figures are compared with one another alone."""
_LARGEST: Final = 2**53 - 1
"""What facts can hold."""
_DAY: Final = timedelta(days=1)

_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "context.ask.priority": get_args(Priority),
    "context.ask.action_at": get_args(ActionAt),
    "resource.service_status": get_args(ServiceStatus),
    "resource.sharing": get_args(Sharing),
    "resource.owner.status": ("listed", "active", "suspended", "dissolved"),
    "context.ask.requesting.status": ("listed", "active", "suspended", "dissolved"),
    "context.agreement.kind": (*AgreementKind, _NO_AGREEMENT),
    "context.agreement.least_priority": get_args(Priority),
    "context.agreement.reimbursement_model": (
        *("none", "actual_after_hours", "fixed_rate", "personnel_excluded", "full", "silent"),
    ),
    "context.agreement.liability": ("sending", "receiving", "respective", "split", "silent"),
    "context.agreement.command": ("requesting", "assisting", "unified", "silent"),
    "context.agreement.sop_control": ("requesting", "assisting", "silent"),
    "context.agreement.pay_control": ("requesting", "assisting", "silent"),
}
"""All values of an attribute that has few; of any other, those that the policies name and another one."""

_AT_LEAST_ONE: Final = frozenset({"context.ask.quantity", "context.ask.duration_hours", "resource.capacity"})
_NEGATIVE: Final = frozenset({"context.ask.notice_hours", "context.agreement.days_past_review"})


def _agreement(facts: Facts) -> AgreementFacts:
    return facts.agreements[0]


def _with_agreement(facts: Facts, **changes: object) -> Facts:
    return replace(facts, agreements=(replace(_agreement(facts), **changes),))


def _term(name: str) -> Callable[[Facts, Value], Facts]:
    return lambda facts, value: _with_agreement(facts, terms=replace(_agreement(facts).terms, **{name: value}))


def _of_agreement(name: str) -> Callable[[Facts, Value], Facts]:
    return lambda facts, value: _with_agreement(facts, **{name: value})


def _ask(name: str) -> Callable[[Facts, Value], Facts]:
    return lambda facts, value: replace(facts, ask=replace(facts.ask, **{name: value}))


def _asset(name: str) -> Callable[[Facts, Value], Facts]:
    return lambda facts, value: replace(facts, asset=replace(facts.asset, **{name: value}))


def _side(side: str, name: str) -> Callable[[Facts, Value], Facts]:
    return lambda facts, value: replace(facts, **{side: replace(getattr(facts, side), **{name: value})})


def _id(value: Value) -> UUID:
    """An id that is written as one, else one made of the text."""
    try:
        return UUID(str(value))
    except ValueError:
        return uuid5(NAMESPACE_OID, str(value))


def _duration(facts: Facts, value: Value) -> Facts:
    hours = min(max(_number(value), 1), _LONGEST_HOURS)
    return replace(facts, ask=replace(facts.ask, end=facts.ask.start + hours * HOUR))


def _notice(facts: Facts, value: Value) -> Facts:
    length = facts.ask.end - facts.ask.start
    hours = min(max(_number(value), -_LONGEST_HOURS), _LONGEST_HOURS)
    start = facts.now + hours * HOUR
    return replace(facts, ask=replace(facts.ask, start=start, end=start + length))


def _start(facts: Facts, value: Value) -> Facts:
    length = facts.ask.end - facts.ask.start
    return replace(facts, ask=replace(facts.ask, start=_at(value), end=_at(value) + length))


def _certified(facts: Facts, value: Value) -> Facts:
    held = () if value is None else (CertificationFacts(code="K9", expires_at=_at(value)),)
    return replace(facts, asset=replace(facts.asset, certifications=held))


def _past_review(facts: Facts, value: Value) -> Facts:
    due = None if value is None else facts.now - _number(value) * _DAY
    return _with_agreement(facts, review_due_at=due)


def _kind(facts: Facts, value: Value) -> Facts:
    """Another instrument; raises ValueError for what is none. Of no agreement it is `none`."""
    return (
        replace(facts, agreements=())
        if value == _NO_AGREEMENT
        else _with_agreement(facts, kind=AgreementKind(str(value)))
    )


def _category(facts: Facts, value: Value) -> Facts:
    return replace(facts, asset=replace(facts.asset, category=str(value), category_path=path_to(str(value))))


def path_to(code: str) -> tuple[str, ...]:
    """A category with those above it, as far as its code names them: k9.narcotics is one of k9, and of any."""
    parts = code.split(".")
    return tuple(dict.fromkeys((*(".".join(parts[:length]) for length in range(len(parts), 0, -1)), "any")))


def _number(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _at(value: Value) -> datetime:
    return value.astimezone(UTC) if isinstance(value, datetime) else datetime.max.replace(tzinfo=UTC)


_SETTERS: Final[Mapping[str, Callable[[Facts, Value], Facts]]] = {
    CATEGORY: _category,
    "principal.agency_id": lambda facts, value: replace(
        facts, principal=replace(facts.principal, agency_id=_id(value))
    ),
    "principal.roles": lambda facts, value: replace(facts, principal=replace(facts.principal, roles=value)),
    "resource.id": lambda facts, value: _asset("id")(facts, _id(value)),  # type: ignore[arg-type]
    "resource.owner_id": lambda facts, value: _asset("agency_id")(facts, _id(value)),  # type: ignore[arg-type]
    "resource.category": _category,
    "resource.certified_until": _certified,
    **{
        f"resource.{name}": _asset(name)
        for name in (
            *("type_level", "service_status", "sharing", "capacity", "funding", "crew_required"),
            *("certification_required", "hourly_cost_minor"),
        )
    },
    **{
        f"{path}.{name}": _side(side, name)
        for path, side in (("resource.owner", "assisting"), ("context.ask.requesting", "requesting"))
        for name in ("state", "kind", "status")
    },
    "context.ask.requesting.id": lambda facts, value: _side("requesting", "id")(facts, _id(value)),  # type: ignore[arg-type]
    "context.ask.now": lambda facts, value: replace(facts, now=_at(value)),
    "context.ask.start": _start,
    "context.ask.end": lambda facts, value: replace(facts, ask=replace(facts.ask, end=_at(value))),
    "context.ask.duration_hours": _duration,
    "context.ask.notice_hours": _notice,
    "context.ask.action_at": lambda facts, value: replace(facts, action_at=value),
    **{f"context.ask.{name}": _ask(name) for name in ("purpose", "priority", "quantity", "currency")},
    "context.agreement.id": lambda facts, value: _with_agreement(facts, id=_id(value)),
    _KIND: _kind,
    "context.agreement.days_past_review": _past_review,
    **{
        f"context.agreement.{name}": _of_agreement(name)
        for name in ("in_force", "covers_category", "covers_direction", "covers_until", "effective_at")
    },
    **{
        f"context.agreement.{name}": _term(name)
        for name in (
            *("purposes", "unstated", "least_priority", "max_duration_hours", "notice_hours", "cost_ceiling_minor"),
            *("max_quantity", "approval_required", "approval_over_hours", "insurance_required"),
            *("requesting_insurance_current", "reimbursement_model", "free_hours", "claim_window_days"),
            *("liability", "command", "sop_control", "pay_control", "recall_notice_hours"),
        )
    },
    "context.estimated_cost_minor": _ask("estimated_cost_minor"),
    "context.distance_km": _ask("distance_km"),
    "context.lent_out_quantity": lambda facts, value: replace(facts, lent_out_quantity=value),
    "context.owned_quantity": lambda facts, value: replace(facts, owned_quantity=value),
}
"""How facts are changed so that an attribute has a value. The owner's own id stays: its policies are asked by it."""

_FIXED: Final = frozenset({"resource.owner.id"})
_BOOLEANS: Final = frozenset(
    {
        *("resource.crew_required", "resource.certification_required"),
        *(f"context.agreement.{name}" for name in ("in_force", "covers_category", "covers_direction")),
        *(f"context.agreement.{name}" for name in ("approval_required", "insurance_required")),
        "context.agreement.requesting_insurance_current",
    }
)
_SETS: Final = frozenset(
    {"principal.roles", "resource.funding", "context.agreement.purposes", "context.agreement.unstated"}
)
_INSTANTS: Final = frozenset(
    {
        *("resource.certified_until", "context.ask.now", "context.ask.start", "context.ask.end"),
        *("context.agreement.covers_until", "context.agreement.effective_at"),
    }
)
_NUMBERS: Final = frozenset(
    {
        *("resource.type_level", "resource.capacity", "resource.hourly_cost_minor"),
        *(f"context.ask.{name}" for name in ("duration_hours", "notice_hours", "quantity")),
        *(
            f"context.agreement.{name}"
            for name in (
                *("days_past_review", "max_duration_hours", "notice_hours", "cost_ceiling_minor", "max_quantity"),
                *("approval_over_hours", "free_hours", "claim_window_days", "recall_notice_hours"),
            )
        ),
        *("context.estimated_cost_minor", "context.distance_km", "context.lent_out_quantity", "context.owned_quantity"),
    }
)
OPTIONAL: Final = frozenset(
    {
        *("resource.owner.state", "context.ask.requesting.state"),
        *("resource.type_level", "resource.certified_until", "resource.hourly_cost_minor"),
        *(
            f"context.agreement.{name}"
            for name in (
                *("covers_until", "days_past_review", "max_duration_hours", "notice_hours", "cost_ceiling_minor"),
                *("max_quantity", "approval_over_hours", "requesting_insurance_current", "free_hours"),
                *("claim_window_days", "recall_notice_hours"),
            )
        ),
        *("context.estimated_cost_minor", "context.distance_km", "context.owned_quantity"),
    }
)
"""Attributes that may be absent. `effective_at` is absent only where there is no agreement."""
KNOWN: Final = frozenset(_SETTERS) | _FIXED


def changed(facts: Facts, assignment: Assignment) -> Facts | None:
    """The facts with these values; None where they cannot be, such as an instant beyond the calendar.

    The start of the loan is set before its length, and the end after both. Without an agreement it has no terms.
    """
    try:
        for path in sorted(assignment, key=_ORDER.__getitem__):
            facts = _SETTERS[path](facts, assignment[path])
    except (OverflowError, ValueError):
        return None
    return facts


_ORDER: Final = {
    path: place
    for place, path in enumerate(
        sorted(
            _SETTERS,
            key=lambda each: (
                # What is counted from `now` comes after it, and what is measured from the start after the start.
                ("context.ask.now", "context.ask.start", "context.ask.notice_hours").index(each)
                if each in ("context.ask.now", "context.ask.start", "context.ask.notice_hours")
                else 3,
                each == "context.ask.end",
                each == _KIND,  # after it there may be no agreement any more
                each,
            ),
        )
    )
}


def touching(facts: Facts, matter: Matter) -> Facts:
    """Facts that are about a matter of law: with its parties, its category, its purpose and its kind of agreement."""
    sides = {party.side: party for party in matter.parties if party.side is not None}
    free = [party for party in matter.parties if party.side is None]
    for side in ("assisting", "requesting"):
        party = sides.get(side) or (free.pop(0) if free else None)
        if party is not None:
            kind = getattr(facts, side).kind if party.kind is None else party.kind
            facts = replace(facts, **{side: replace(getattr(facts, side), state=party.state, kind=kind)})
    if matter.categories:
        code = max(sorted(matter.categories), key=lambda each: each.count("."))
        path = (code, *sorted(matter.categories - {code, "any"}, key=len, reverse=True), "any")
        facts = replace(facts, asset=replace(facts.asset, category=code, category_path=path))
    if matter.purposes:
        facts = replace(facts, ask=replace(facts.ask, purpose=min(matter.purposes)))
    if matter.instrument is not None:
        facts = _with_agreement(facts, kind=str(matter.instrument))
    return facts


class Pools:
    """The values that each attribute takes: by what a policy compares it with, and a few of what the others do."""

    def __init__(self, policies: Iterable[Policy], base: Facts) -> None:
        self._base = base
        self._constants: dict[str, set[Constant]] = {}
        self._own: dict[str, dict[str, set[Constant]]] = {}
        self._kept: dict[tuple[str, str], tuple[Value, ...]] = {}
        for policy in policies:
            self._own[policy.key] = _compared_with(policy)
            for path, constants in self._own[policy.key].items():
                self._constants.setdefault(path, set()).update(constants)

    def of(self, path: str, policy: Policy) -> tuple[Value, ...]:
        """The values of an attribute for that policy, in order; none of what cannot be changed."""
        found = self._kept.get((path, policy.key))
        if found is None:
            found = tuple(dict.fromkeys(self._values(path, policy))) if path in _SETTERS else ()
            self._kept[path, policy.key] = found
        return found

    def categories(self) -> tuple[Value, ...]:
        """Every category that a policy names, and another one."""
        return (*sorted(str(each) for each in self._constants.get(CATEGORY, ())), _ANOTHER)

    def _values(self, path: str, policy: Policy) -> Iterator[Value]:
        own = self._own.get(policy.key, {}).get(path, set())
        others = self._constants.get(path, set()) - own
        if path in OPTIONAL:
            yield None
        if path in _BOOLEANS:
            yield from (False, True)
        elif path in _INSTANTS:
            for each in _some(own, others, datetime) or [self._base.ask.end]:
                yield from (each - HOUR, each, each + HOUR)
        elif path in _NUMBERS:
            yield from self._numbers(path, _some(own, others, int) or [_ORDINARY])
        else:
            yield from self._words(path, _some(own, others, str))

    def _numbers(self, path: str, named: Sequence[int]) -> Iterator[int]:
        least = 1 if path in _AT_LEAST_ONE else -_LARGEST if path in _NEGATIVE else 0
        far = [0, *(near for each in named for near in (each - 1, each, each + 1)), 2 * max(named) + 100]
        yield from (max(min(each, _LARGEST), least) for each in far)

    def _words(self, path: str, named: Sequence[str]) -> Iterator[Value]:
        if path.endswith(("id", "_id")):  # of one of the two, as ids are compared with one another
            yield from (str(self._base.assisting.id), str(self._base.requesting.id))
        if path in _SETS:
            yield ()
            yield from ((each,) for each in (*named, _ANOTHER))
            if len(named) > 1:
                yield tuple(named)
        else:
            yield from (*named, *_WORDS.get(path, (_ANOTHER,)))


def _compared_with(policy: Policy) -> dict[str, set[Constant]]:
    """The constants with which the policy compares each attribute, directly or by others that it compares with it."""
    found: dict[str, set[Constant]] = {path: set() for path in policy.paths}
    found.setdefault(CATEGORY, set()).update(policy.mentions)
    comparisons = list(comparisons_in(policy.template.clauses))
    for _ in comparisons:  # as often as one can hand on what it has of another
        for each in comparisons:
            together = set(each.constants).union(*(found.get(path, ()) for path in each.paths))
            for path in each.paths:
                found.setdefault(path, set()).update(together)
    return found


_Kind = TypeVar("_Kind", int, str, datetime)


def _some(own: Iterable[Constant], others: Iterable[Constant], kind: type[_Kind]) -> list[_Kind]:
    """The constants of that kind: a policy's own, and a few of the others'."""
    mine: list[_Kind] = sorted(each for each in own if isinstance(each, kind))
    theirs: list[_Kind] = sorted(each for each in others if isinstance(each, kind))
    return sorted(set(mine[:_MOST_OWN] + theirs[:_MOST_OTHERS]))


def read_by(policy: Policy) -> tuple[str, ...]:
    """The attributes of a policy that can be given values, in order; the category where it names one."""
    return settable(policy.paths | ({CATEGORY} if policy.category is not None or policy.mentions else set()))


def settable(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of the paths that can be given values, in order."""
    return tuple(sorted(set(paths) & _SETTERS.keys()))


def combinations(paths: Sequence[str], policy: Policy, pools: Pools, most: int) -> Iterator[dict[str, Value]]:
    """Values for these attributes: every combination, or so many that are spread over all."""
    values = [pools.of(path, policy) for path in paths]
    if not paths or not all(values):
        return
    total = prod(len(each) for each in values)
    if total <= most:
        yield from (dict(zip(paths, each, strict=True)) for each in product(*values))
        return
    # A step that shares no factor with the total comes to each combination once, and to neighbours late.
    step = next(each for each in range(int(total * 0.618) | 1, 2 * total + 2) if _coprime(each, total))
    for number in range(most):
        place, chosen = (number * step) % total, {}
        for path, each in zip(paths, values, strict=True):
            place, at = divmod(place, len(each))
            chosen[path] = each[at]
        yield chosen


def _coprime(one: int, other: int) -> bool:
    while other:
        one, other = other, one % other
    return one == 1
