"""Values by which a policy with many conditions is satisfied: found for each condition alone, then put together. Pure.

All combinations of what such a policy reads are too many to try, and of those that are tried by chance none may satisfy
it. Cedar decides each condition as if it were a policy of its own.
"""

import dataclasses
from collections.abc import Sequence

from cedarpy import pst
from msgspec.structs import replace

from registry.sharing.policy.annotations import Policy
from registry.sharing.policy.attributes import conditions_of, paths_in
from registry.sharing.policy.cedar import Layer, Selection
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.generating import Pools, Value, changed, combinations, settable
from registry.sharing.policy.trial import evaluate_by

_FOR_EACH = 32


def values_that_meet(policy: Policy, start: Facts, pools: Pools) -> dict[str, Value]:
    """Values for what the policy reads, by which each of its conditions holds, as far as any is found alone."""
    parts = [_part(policy, number, each) for number, each in enumerate(conditions_of(policy.template.clauses))]
    met: dict[str, Value] = {}
    for part in sorted(parts, key=lambda each: len(each.paths)):
        met |= _met(part, policy, start, pools, met)
    return met


def _part(policy: Policy, number: int, condition: pst.Expr) -> Policy:
    key = f"{policy.key}#{number}"
    clauses: tuple[pst.Clause, ...] = (pst.When(expr=condition),)
    template = dataclasses.replace(
        policy.template, id=key, effect="permit", resource=pst.ScopeAny(), principal=pst.ScopeAny(), clauses=clauses
    )
    return replace(policy, key=key, effect="permit", category=None, paths=paths_in(clauses), template=template)


def _met(part: Policy, policy: Policy, start: Facts, pools: Pools, met: dict[str, Value]) -> dict[str, Value]:
    """Values by which this condition holds, the first that change nothing of what is `met`; else the first that do."""
    tried = list(combinations(settable(part.paths), policy, pools, _FOR_EACH))
    facts = [changed(start, {**met, **each}) for each in tried]
    possible = [(each, made) for each, made in zip(tried, facts, strict=True) if made is not None]
    held = _holding(part, [made for _, made in possible])
    good = [each for (each, _), holds in zip(possible, held, strict=True) if holds]
    kept = [each for each in good if all(met.get(path, value) == value for path, value in each.items())]
    return next(iter([*kept, *good]), {})


def _holding(part: Policy, page: Sequence[Facts]) -> list[bool]:
    selection = Selection([Layer("baseline", "", (part,))], part.mentions, frozenset())
    return [bool(each.satisfied) and not each.faults for each in evaluate_by(selection, page)] if page else []
