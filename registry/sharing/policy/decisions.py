"""The content of a decision: outcome, reasons, conditions, and what would change it."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, TypeVar
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.time import Instant

Outcome = Literal["permitted", "needs_approval", "denied"]
Side = Literal["assisting", "requesting"]
Due = Literal["before_dispatch", "on_handover", "during", "on_return", "after_return"]
ApprovalRole = Literal["coordinator", "approver", "legal", "agency_admin"]
ReasonEffect = Literal[
    "permit", "forbid", "condition", "contradicts", "unstated", "text", "no_ground", "evaluation_error"
]

ENGINE_LAYER: Final = "engine"
"""The value in place of a layer where no policy speaks: what follows from none, and what one side says of an ask."""
ENGINE_REASONS: Final[Mapping[ReasonEffect, str]] = {
    "no_ground": "no_ground",
    "unstated": "terms_not_stated",
    "text": "text_changes",
    "forbid": "withheld_term",
    "evaluation_error": "evaluation_error",
}
"""The values in place of a policy id of such reasons."""
WITHDRAWAL: Final = "withdrawal"
"""The value in place of a policy id when the requesting agency has withdrawn its ask."""
DECLINE: Final = "decline"
"""The value in place of a policy id when the assisting agency has declined what was asked, or cancelled its loan."""
SUSPENSION: Final = "suspension"
"""The value in place of a policy id when what was offered could not be had any more; should it, it is asked anew."""
RESERVED_IDS: Final = frozenset((WITHDRAWAL, DECLINE, SUSPENSION, *ENGINE_REASONS.values()))
"""No policy has one of these as its `@id`: whoever reads it would take it for what no policy said."""

PolicyId = Annotated[str, Meta(description="The policy's `@id`.", examples=["duration_over_limit"])]
Citation = Annotated[
    str | None,
    Meta(description="Statute, directive or standard the policy rests on.", examples=["Fla. Stat. 23.1225"]),
]
Digest = Annotated[str, Meta(description="SHA-256 in lower-case hex.", pattern=r"\A[0-9a-f]{64}\Z")]


class _Part(Struct, frozen=True):
    """Base class of the parts of a decision."""


class AgreementTried(_Part, kw_only=True, frozen=True):
    """The agreement version on which a decision is based."""

    agreement_id: UUID
    number: Annotated[str, Meta(description="The agreement's number.", examples=["MA-2026-014"])]
    version_id: UUID
    version_no: Annotated[
        int,
        Meta(
            description="Version that binds both agencies when the loan begins, or, once it has begun, at the time of "
            "the decision.",
            examples=[3],
        ),
    ]


class AgreementAlternative(_Part, kw_only=True, frozen=True):
    """Another agreement that was evaluated, with its outcome."""

    agreement: AgreementTried
    outcome: Annotated[
        Outcome | None,
        Meta(
            description="Null where a withheld term of it may have refused, and the decision does not tell whether: "
            "the bound would be found by asking for one duration after another."
        ),
    ]
    approvals: Annotated[
        int | None, Meta(description="How many approvals it would have needed; null with the outcome.", examples=[1])
    ]


class PolicySource(_Part, kw_only=True, frozen=True):
    """Whose own policy it is, and in which of its sets; the words of the policy stand beside it."""

    agency: Annotated[AgencyReference, Meta(description="The agency that wrote it, by its name when it was decided.")]
    policy_set_id: UUID
    version_no: Annotated[
        int, Meta(description="Which of the sets that the agency activated, counted from 1.", examples=[2])
    ]
    digest: Annotated[
        Digest | None,
        Meta(
            description="Of the whole text of that set, as in `policy_set.layers`. Null for who is not of that agency: "
            "by it they could guess the rules that did not speak."
        ),
    ]
    activated_at: Annotated[Instant, Meta(description="Since when the set decides, or decided.")]


Source = Annotated[
    PolicySource | None, Meta(description="Of an agency's own policy: whose it is. Null for one of the registry's.")
]


class DecisionReason(_Part, kw_only=True, frozen=True):
    """A policy or fact that led to the outcome."""

    policy_id: PolicyId
    layer: Annotated[
        str,
        Meta(
            description="`baseline`, `jurisdiction/<state>`, `agency`; `engine` if no policy spoke, or none is named.",
            examples=["baseline", "jurisdiction/ca", "agency"],
        ),
    ]
    effect: Annotated[
        ReasonEffect,
        Meta(
            description=(
                "`permit`: a ground. `forbid`: a bar. `condition`: an approval it attached. "
                "`contradicts`: one of two states' laws that point opposite ways; counsel of both sides decide. "
                "`unstated`: what the agreement does not state, so that it did not limit the loan. "
                "`text`: the version by which it is decided, and which takes its place when, where the agreement "
                "changes its text between now and the end of the loan. "
                "`no_ground`: nothing permits. `evaluation_error`: the policy could not be evaluated."
            )
        ),
    ]
    title: str
    reason: Annotated[str, Meta(description="A sentence for a coordinator.")]
    citation: Citation
    clause: Annotated[
        str | None,
        Meta(description="Number of the agreement's provision that sets the term.", examples=["4.2"]),
    ]
    source: Source = None


class ApprovalNeeded(_Part, kw_only=True, frozen=True):
    """An approval that must be given before the resource may be reserved."""

    role: Annotated[ApprovalRole, Meta(description="Role that may give it.", examples=["approver"])]
    side: Annotated[Side, Meta(description="Which agency's approval it is.", examples=["assisting"])]
    agency_id: UUID
    policy_id: PolicyId
    layer: Annotated[str, Meta(description="Of the policy, as in the reasons.", examples=["baseline", "agency"])]
    reason: str
    source: Source = None


class ObligationAttached(_Part, kw_only=True, frozen=True):
    """An obligation that the loan brings with it."""

    code: Annotated[str, Meta(description="Stable code.", examples=["condition_report"])]
    title: str
    due: Annotated[Due, Meta(description="When it must be met.", examples=["on_handover"])]
    owed_by: Annotated[
        Side,
        Meta(
            description="Which of the two agencies has to meet it; of decisions before it was said, the one that asks."
        ),
    ] = "requesting"
    within_hours: Annotated[
        int | None,
        Meta(
            description="In how many hours after that, where the law, the agreement or the agency names a figure.",
            examples=[24],
        ),
    ] = None
    policy_id: PolicyId
    layer: Annotated[
        str | None, Meta(description="Of the policy, as in the reasons.", examples=["baseline", "agency"])
    ] = None
    reason: Annotated[
        str | None, Meta(description="What is to be done and why, with the agreement's figure. Null in old decisions.")
    ] = None
    citation: Citation
    clause: Annotated[
        str | None,
        Meta(description="Number of the agreement's provision that it rests on.", examples=["4.2"]),
    ] = None
    source: Source = None


class NearMiss(_Part, kw_only=True, frozen=True):
    """How close a denied request came to being permitted under one agreement."""

    agreement_id: Annotated[UUID | None, Meta(description="Null when there is no agreement between the two.")]
    removed: Annotated[
        tuple[str, ...],
        Meta(description="Policies left out in this re-evaluation; empty for a missing ground."),
    ]
    outcome_then: Annotated[
        Outcome | None,
        Meta(
            description="The outcome without them; null when it depends on terms nobody has agreed yet, or on a "
            "withheld term that the decision does not tell of."
        ),
    ]
    explanation: Annotated[str, Meta(examples=["would be permitted up to 72 hours (clause 4.2)"])]


class PolicySetRef(_Part, kw_only=True, frozen=True):
    """Which policies were evaluated."""

    digest: Annotated[Digest, Meta(description="Of the shipped baseline and jurisdiction policies.")]
    layers: Annotated[
        dict[str, str],
        Meta(description="Digest of each layer that could apply; `agency`, of the owner's own, for the owner alone."),
    ]


class Decision(_Part, kw_only=True, frozen=True):
    """The explained answer to one ask. The same facts and policies always give the same bytes."""

    outcome: Outcome
    agreement: Annotated[
        AgreementTried | None, Meta(description="Decided under this one; null when there was none to try.")
    ]
    alternatives: Annotated[
        tuple[AgreementAlternative, ...], Meta(description="The other agreements tried, best first.")
    ]
    reasons: Annotated[tuple[DecisionReason, ...], Meta(min_length=1, description="Never empty, whatever the outcome.")]
    approvals: tuple[ApprovalNeeded, ...]
    obligations: tuple[ObligationAttached, ...]
    near_misses: Annotated[tuple[NearMiss, ...], Meta(description="Only for a denial.")]
    policy_set: PolicySetRef
    input_digest: Annotated[
        Digest, Meta(description="Of the canonical facts and a salt, by which no fact can be guessed.")
    ]
    evaluated_at: Annotated[Instant, Meta(description="The frozen `now` of the facts.")]


_Attributable = TypeVar("_Attributable", DecisionReason, ApprovalNeeded, ObligationAttached)


def policies_named(decision: Decision) -> list[str]:
    """The ids of the policies that the decision names, once each and in its order."""
    ids = [
        *(each.policy_id for each in decision.reasons),
        *(each.policy_id for each in decision.approvals),
        *(each.policy_id for each in decision.obligations),
    ]
    return list(dict.fromkeys(ids))


def own_policies_spoke(decision: Decision) -> bool:
    """Whether a policy of the owner's own is among what was decisive, or what the loan brings with it."""
    layers = [each.layer for each in decision.reasons]
    layers += [each.layer for each in decision.approvals]
    return "agency" in layers or any(each.layer == "agency" for each in decision.obligations)


def attributed(decision: Decision, source: PolicySource | None) -> Decision:
    """The decision with that source at each policy of the owner's own; None takes it away."""

    def of(parts: tuple[_Attributable, ...]) -> tuple[_Attributable, ...]:
        return tuple(replace(each, source=source) if each.layer == "agency" else each for each in parts)

    return replace(
        decision,
        reasons=of(decision.reasons),
        approvals=of(decision.approvals),
        obligations=of(decision.obligations),
    )


def told(decision: Decision, *, to_owner: bool) -> Decision:
    """The decision as it is told: by the digest of the owner's set others could guess rules that did not speak."""
    if to_owner:
        return decision
    layers = {name: digest for name, digest in decision.policy_set.layers.items() if name != "agency"}
    return replace(
        decision,
        reasons=parts_told(decision.reasons, to_owner=False),
        approvals=parts_told(decision.approvals, to_owner=False),
        obligations=parts_told(decision.obligations, to_owner=False),
        policy_set=replace(decision.policy_set, layers=layers),
    )


COMES_TO: Final[Mapping[Outcome, str]] = {
    "permitted": "is permitted",
    "needs_approval": "needs an approval",
    "denied": "is denied",
}
"""An outcome, as the end of a sentence."""


def parts_told(parts: Sequence[_Attributable], *, to_owner: bool) -> tuple[_Attributable, ...]:
    """Parts of a decision as they are told: see `told`."""
    return tuple(
        each if to_owner or each.source is None else replace(each, source=replace(each.source, digest=None))
        for each in parts
    )


def clause_relied_on(decision: Decision) -> str | None:
    """The number of the provision that permits the loan, where a ground names one."""
    return next((each.clause for each in decision.reasons if each.effect == "permit" and each.clause), None)
