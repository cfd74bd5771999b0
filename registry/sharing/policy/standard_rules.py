"""Standard rules: what an agency asks for most, as figures to fill in, and the Cedar policy that each one is.

They are for people who write no Cedar. What is made of a rule is shown with it, and stored with the set: a later
version of the registry that would word it otherwise changes no set that is stored.
"""

import json
from collections.abc import Iterable, Iterator
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from registry.platform.kernel.money import Money
from registry.platform.kernel.text import Citation, Code, counted
from registry.sharing.policy.decisions import ApprovalRole
from registry.sharing.policy.telling import name_of

MOST_STANDARD_RULES = 50

OfCategory = Annotated[
    Code | None,
    Meta(description="Only for this category and all under it; null for whatever is lent.", examples=["k9"]),
]
Hours = Annotated[int, Meta(ge=1, le=8_760)]


class _Rule(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """Base class of the standard rules; `kind` tells them apart."""

    citation: Annotated[
        Citation | None,
        Meta(
            description="What it rests on: an order of your agency, a resolution, a law. Who is barred by it reads it.",
            examples=["General Order 12.4 (demo)"],
        ),
    ] = None


class ApprovalOverCost(_Rule, kw_only=True, frozen=True, tag="approval_over_cost"):
    """Somebody approves what is estimated to cost more, or what no cost can be estimated of."""

    over: Annotated[Money, Meta(description="The cost up to which nobody need approve.")]
    role: Annotated[ApprovalRole, Meta(description="Who of your agency approves.")] = "approver"
    category: OfCategory = None


class KeepReserve(_Rule, kw_only=True, frozen=True, tag="keep_reserve"):
    """So many stay at home of what is out and what is asked for now; a reserve minimum looks at days to come, too."""

    quantity: Annotated[int, Meta(ge=1, le=100_000, description="How many stay, of each category by itself.")]
    category: Annotated[Code, Meta(description="The category, and each one under it.", examples=["k9.narcotics"])]


class WithinDistance(_Rule, kw_only=True, frozen=True, tag="within_distance"):
    """Nothing is lent farther away, nor where it is not said where to."""

    km: Annotated[int, Meta(ge=1, le=20_000, description="Kilometres from the asset's home.")]
    category: OfCategory = None


class PurposesOnly(_Rule, kw_only=True, frozen=True, tag="purposes_only"):
    """It is lent for these purposes and for no other."""

    purposes: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=50, description="Codes of purposes.")]
    category: OfCategory = None


class LongestLoan(_Rule, kw_only=True, frozen=True, tag="longest_loan"):
    """It is lent for at most so long."""

    hours: Annotated[Hours, Meta(description="The most hours, a begun one counted.")]
    category: OfCategory = None


class LeastNotice(_Rule, kw_only=True, frozen=True, tag="least_notice"):
    """It is asked for at least so long ahead."""

    hours: Annotated[Hours, Meta(description="Whole hours from the request to the start.")]
    emergencies_exempt: Annotated[bool, Meta(description="Whether an emergency needs no notice.")] = True
    category: OfCategory = None


StandardRule: TypeAlias = ApprovalOverCost | KeepReserve | WithinDistance | PurposesOnly | LongestLoan | LeastNotice


class _Meaning(Struct, kw_only=True, frozen=True):
    """What a rule is as a policy: `when` and each `unless` are Cedar, the rest is for people.

    `approval` makes it a condition instead of a bar. What must be known stands in an `unless`, so that what is not
    known is not satisfied.
    """

    title: str
    reason: str
    when: str | None = None
    unless: tuple[str, ...] = ()
    approval: str | None = None


def rule_id(rule: StandardRule) -> str:
    """The `@id` of the policy that is made of the rule: of its kind and its category."""
    kind = str(type(rule).__struct_config__.tag)
    return kind if rule.category is None else f"{kind}_{_word(rule.category)}"[:80]


def _word(code: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in code)


def cedar_of(rules: Iterable[StandardRule]) -> str:
    """The Cedar text of the rules, one policy each."""
    return "\n".join(_policy(rule) for rule in rules)


def _policy(rule: StandardRule) -> str:
    return "\n".join(_lines(rule)) + ";\n"


def _lines(rule: StandardRule) -> Iterator[str]:
    meaning = _meaning(rule)
    yield f"@id({_quoted(rule_id(rule))})"
    yield f"@title({_quoted(meaning.title)})"
    yield f"@reason({_quoted(meaning.reason)})"
    if rule.citation is not None:
        yield f"@citation({_quoted(rule.citation)})"
    if meaning.approval is not None:
        yield f"@approval({_quoted(meaning.approval)})"
    resource = "resource" if rule.category is None else f"resource in Category::{_quoted(rule.category)}"
    effect, action = ("forbid", "borrow") if meaning.approval is None else ("permit", "attach_condition")
    yield f'{effect} (principal, action == Action::"{action}", {resource})'
    if meaning.when is not None:
        yield f"when {{ {meaning.when} }}"
    yield from (f"unless {{ {condition} }}" for condition in meaning.unless)


def _meaning(rule: StandardRule) -> _Meaning:
    what = "anything" if rule.category is None else f"“{name_of(rule.category)}”"
    match rule:
        case ApprovalOverCost():
            over, currency = rule.over.to_minor(), rule.over.currency
            most = f"{rule.over.amount} {currency}"
            return _Meaning(
                title=f"Approval over {most}",
                reason=f"The owner approves a loan of {what} that is estimated to cost more than {most}, "
                f"or of which no cost in {currency} can be estimated.",
                unless=(
                    f'context has estimated_cost_minor && context.ask.currency == "{currency}" && '
                    f"context.estimated_cost_minor <= {over}",
                ),
                approval=f"{rule.role}@assisting",
            )
        case KeepReserve():
            return _Meaning(
                title=f"Reserve of {rule.quantity} kept",
                reason=f"The owner keeps {rule.quantity} of {what} at home, and fewer would be left.",
                unless=(
                    "context has owned_quantity && "
                    f"context.owned_quantity - context.lent_out_quantity - context.ask.quantity >= {rule.quantity}",
                    # What is asked to stay longer is out already.
                    'context.ask.action_at == "extend"',
                ),
            )
        case WithinDistance():
            return _Meaning(
                title=f"Not within {rule.km} km, or not known to be",
                reason=f"The owner lends {what} within {rule.km} km of its home only.",
                unless=(f"context has distance_km && context.distance_km <= {rule.km}",),
            )
        case PurposesOnly():
            purposes = sorted(set(rule.purposes))
            return _Meaning(
                title="Not for this purpose",
                reason=f"The owner lends {what} for these purposes only: {', '.join(map(name_of, purposes))}.",
                unless=(f"[{', '.join(map(_quoted, purposes))}].contains(context.ask.purpose)",),
            )
        case LongestLoan():
            hours = counted(rule.hours, "hour")
            return _Meaning(
                title=f"Longer than {hours}",
                reason=f"The owner lends {what} for at most {hours}.",
                when=f"context.ask.duration_hours > {rule.hours}",
            )
        case LeastNotice():
            spared = "; an emergency needs no notice" if rule.emergencies_exempt else ""
            # Notice is owed when it is asked for; approving or dispatching it later does not shorten it.
            later = '["approve", "reserve", "extend", "dispatch"].contains(context.ask.action_at)'
            exempt = ('context.ask.priority == "emergency"',) if rule.emergencies_exempt else ()
            ahead = f"{counted(rule.hours, 'hour')} ahead"
            return _Meaning(
                title=f"Less than {ahead}",
                reason=f"The owner has to be asked for {what} at least {ahead}{spared}.",
                when=f"context.ask.notice_hours < {rule.hours}",
                unless=(later, *exempt),
            )


def _quoted(text: str) -> str:
    """As a Cedar string. What JSON writes is one, as long as it is ASCII without control characters."""
    return json.dumps(text, ensure_ascii=False)
