"""An agency's own policy sets in the API."""

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import ByChange
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import PROSE_PATTERN, Name, Reason
from registry.platform.kernel.time import Instant
from registry.sharing.policy.analysing import Analysis
from registry.sharing.policy.decisions import Digest
from registry.sharing.policy.lifecycle import PolicySetStatus
from registry.sharing.policy.locating import PolicyFault
from registry.sharing.policy.standard_rules import MOST_STANDARD_RULES, StandardRule

LONGEST_TEXT = 60_000

CedarText = Annotated[
    str,
    Meta(
        max_length=LONGEST_TEXT,
        pattern=PROSE_PATTERN,
        description="Policies in Cedar. They can bar a loan and attach conditions, and state no ground for one.",
    ),
]
CaseText = Annotated[
    str,
    Meta(
        max_length=LONGEST_TEXT,
        pattern=PROSE_PATTERN,
        description="Cases in YAML or JSON that test the policies of `cedar`: each decides in one and not in another.",
    ),
]
Rules = Annotated[
    tuple[StandardRule, ...],
    Meta(max_length=MOST_STANDARD_RULES, description="Rules of a standard kind, for which no Cedar need be written."),
]


class NewPolicySet(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A policy set of your agency: standard rules, policies in Cedar with their cases, or both."""

    title: Annotated[Name, Meta(description="What your people call it.", examples=["Winter rules"])]
    rules: Rules = ()
    cedar: CedarText = ""
    tests: CaseText = ""


class PolicySetRetirement(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a set is to hold no more, or never shall."""

    reason: Reason


class PolicySetFindings(Struct, kw_only=True, frozen=True):
    """What the last validation found. Without faults the set may be activated."""

    faults: Annotated[tuple[PolicyFault, ...], Meta(description="The first hundred, in the order of the text.")]
    policies: Annotated[int, Meta(description="How many policies and rules the set has.")]
    cases: Annotated[int, Meta(description="How many cases were run; none while the policies themselves have faults.")]


class PolicySetSummary(Struct, kw_only=True, frozen=True):
    """An agency's own policy set in a list."""

    id: UUID
    agency: AgencyReference
    title: str
    status: PolicySetStatus
    digest: Annotated[Digest, Meta(description="Of its whole text; decisions name it as the layer `agency`.")]
    validated_at: Annotated[Instant | None, Meta(description="When it was found to be without faults.")]
    activated_at: Instant | None
    retired_at: Instant | None
    retired_reason: Annotated[str | None, Meta(description="Why; null when another set took its place.")]
    version: int
    created_at: Instant
    updated_at: Instant


class AgencyPolicySet(PolicySetSummary, kw_only=True, frozen=True):
    """An agency's own policy set. What it says never changes; a correction is another set."""

    rules: Rules
    cedar: str
    tests: str
    text: Annotated[str, Meta(description="All of it as Cedar: what was made of the rules, then `cedar`.")]
    findings: Annotated[PolicySetFindings | None, Meta(description="Null while it was never validated.")]
    analysis: Annotated[
        Analysis | None,
        Meta(
            description="What is probably not meant in it, as the last validation or activation found over so many "
            "cases; it is no proof. It holds nobody up. Null while it has faults or was never validated."
        ),
    ]
    allowed_actions: list[AllowedAction]


class PolicySetPage(Struct, kw_only=True, frozen=True):
    """Policy sets of your agency, what was drafted last first."""

    items: list[PolicySetSummary]
    next_cursor: str | None


class PolicySetQuery(ByChange, kw_only=True, frozen=True):
    """Filters of the policy sets."""

    status: Annotated[tuple[PolicySetStatus, ...], Meta(description="Any of these.")] = ()


NEW_POLICY_SET_EXAMPLE: dict[str, Any] = {
    "title": "What stays at home (demo)",
    "rules": [
        {"kind": "keep_reserve", "category": "k9.narcotics", "quantity": 1, "citation": "General Order 12.4 (demo)"},
        {"kind": "approval_over_cost", "over": {"amount": "2500.00", "currency": "USD"}, "role": "agency_admin"},
        {"kind": "within_distance", "category": "vehicle", "km": 150},
    ],
    "cedar": '@id("training_by_day")\n@title("Training by the day")\n'
    '@reason("For training a dog team is lent for a day at most.")\n'
    'forbid (principal, action == Action::"borrow", resource in Category::"k9")\n'
    'when { context.ask.purpose == "training" && context.ask.duration_hours > 24 };\n',
    "tests": "- name: two days of training are too long\n"
    "  given: {ask: {purpose: training, estimated_cost_minor: 1000}, owned_quantity: 4}\n"
    "  expect: {outcome: denied, policies: [training_by_day]}\n"
    "- name: two days of an investigation are not\n"
    "  given: {ask: {estimated_cost_minor: 1000}, owned_quantity: 4}\n"
    "  expect: {outcome: permitted, policies: [agreement_in_force]}\n",
}
