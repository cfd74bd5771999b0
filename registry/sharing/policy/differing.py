"""What two sets of shipped policies have not in common, and which cases come out otherwise by the second. Pure."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from registry.sharing.policy.annotations import Policy
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.decisions import Outcome, policies_named
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.rules import decide
from registry.sharing.policy.testing import Case

_COMPARED = (
    "layer",
    "action",
    "effect",
    "title",
    "reason",
    "term",
    "approval",
    "obligation",
    "due",
    "owed_by",
    "within",
    "law",
)


class ChangedPolicy(Struct, frozen=True):
    """A policy that both sets have, and the parts in which they differ."""

    id: str
    layer: str
    parts: tuple[str, ...]


class Flip(Struct, frozen=True):
    """A case that comes out otherwise, or by other policies: `named` by one of the two decisions alone."""

    file: str
    name: str
    then: Outcome
    now: Outcome
    named: tuple[str, ...]


class Difference(Struct, frozen=True):
    """From one set to another: policies by their ids, in order."""

    added: tuple[Policy, ...]
    removed: tuple[Policy, ...]
    changed: tuple[ChangedPolicy, ...]
    turned_off: tuple[str, ...]
    turned_on: tuple[str, ...]
    flips: tuple[Flip, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.changed or self.turned_off or self.turned_on or self.flips)


def difference(then: PolicySet, now: PolicySet, cases: Iterable[tuple[str, Case, Facts]]) -> Difference:
    """What differs, and which of the cases come out otherwise by `now` than by `then`."""
    old, new = ({policy.id: policy for policy in policies.policies} for policies in (then, now))
    return Difference(
        added=tuple(new[each] for each in sorted(new.keys() - old.keys() - then.off)),
        removed=tuple(old[each] for each in sorted(old.keys() - new.keys() - now.off)),
        changed=tuple(one for each in sorted(old.keys() & new.keys()) for one in _changed(old[each], new[each])),
        turned_off=tuple(sorted(now.off & old.keys())),
        turned_on=tuple(sorted(then.off & new.keys())),
        flips=tuple(_flips(then, now, cases)),
    )


def _changed(old: Policy, new: Policy) -> Iterator[ChangedPolicy]:
    parts = [part for part in _COMPARED if getattr(old, part) != getattr(new, part)]
    if _asked(old) != _asked(new):
        parts.append("condition")
    if parts:
        yield ChangedPolicy(new.id, new.layer, tuple(parts))


def _asked(policy: Policy) -> tuple[object, ...]:
    """What the policy asks: its scope and its conditions, without its words and its place in a file."""
    asks = policy.template
    return asks.principal, asks.action, asks.resource, asks.clauses


def _flips(then: PolicySet, now: PolicySet, cases: Iterable[tuple[str, Case, Facts]]) -> Iterator[Flip]:
    for file, case, facts in cases:
        old, new = decide(facts, then), decide(facts, now)
        named = set(policies_named(old)) ^ set(policies_named(new))
        if old.outcome != new.outcome or named:
            yield Flip(file, case.name, old.outcome, new.outcome, tuple(sorted(named)))
