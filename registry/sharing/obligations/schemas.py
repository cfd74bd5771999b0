"""Obligations on the wire."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.schemas.words import AgreementReference
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import SORT, Changing, ChangingSort, Ids
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import SAID_PATTERN, Reason, Sha256
from registry.platform.kernel.time import Instant
from registry.sharing.obligations.rules import ObligationStatus
from registry.sharing.policy.decisions import Due, Side
from registry.sharing.policy.schemas.decided import RequestReference

Statement = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=2000,
        pattern=SAID_PATTERN,
        description="What was done, in sentences that the other agency will read; no names of people.",
    ),
]
OccurredAt = Annotated[
    Instant | None,
    Meta(
        description="When it was done, where that was before now: not before the loan was made, and not in the future."
    ),
]


class LoanObliged(Struct, kw_only=True, frozen=True):
    """The loan that brought an obligation, and what was lent on it."""

    id: UUID
    asset_name: Annotated[str, Meta(description="The asset, by its name when it was reserved.")]


class Obligation(Struct, kw_only=True, frozen=True):
    """Something that a loan obliges one of its agencies to do."""

    id: UUID
    loan: Annotated[LoanObliged, Meta(description="The loan that brought it.")]
    request: Annotated[RequestReference | None, Meta(description="The line of a request that the loan answers.")]
    agreement: Annotated[AgreementReference, Meta(description="The agreement under which it was lent.")]
    decision_id: Annotated[UUID, Meta(description="The decision that attached it.")]
    owed_by: Annotated[Side, Meta(description="Which side of the loan has to meet it.")]
    owing_agency: Annotated[AgencyReference, Meta(description="The agency that has to meet it.")]
    owed_agency: Annotated[AgencyReference, Meta(description="The agency to which it is owed.")]
    code: str
    title: str
    reason: Annotated[str | None, Meta(description="What is to be done and why, with the figure it rests on.")]
    citation: str | None
    clause: Annotated[str | None, Meta(description="Number of the agreement's provision that it rests on.")]
    policy_id: Annotated[str, Meta(description="The policy that asks for it, by its `@id`.")]
    layer: Annotated[str, Meta(description="Of the policy, as in the reasons of a decision.")]
    due: Due
    due_at: Annotated[Instant, Meta(description="Its deadline, by the loan's times as they are now.")]
    reminder: Annotated[
        bool,
        Meta(description="No source has a day for it: `due_at` is the registry's reminder, and it is never breached."),
    ]
    begins_at: Annotated[
        Instant | None,
        Meta(description="When that came of which it speaks (it left, it came back); not met before, null until then."),
    ]
    status: ObligationStatus
    late: Annotated[bool, Meta(description="Breached, or met after its deadline; of a contested one, as it was said.")]
    occurred_at: Annotated[Instant | None, Meta(description="When it was met, as is said.")]
    statement: Annotated[str | None, Meta(description="What was done, in the words of who met it.")]
    evidence_sha256: Annotated[list[Sha256], Meta(description="Of the documents that show it.")]
    contest_by: Annotated[
        Instant | None,
        Meta(description="Until when the other agency may contest that it was met; null where no person said it."),
    ]
    contested_reason: Annotated[
        str | None, Meta(description="Why it was last contested that it was met, in the words of who is owed it.")
    ]
    contested_at: Annotated[Instant | None, Meta(description="When that was.")]
    waived_reason: str | None
    closed_by: Annotated[
        AgencyReference | None,
        Meta(description="Whose people met or waived it. Null where a step of the loan did, or it is not closed."),
    ]
    closed_at: Annotated[Instant | None, Meta(description="When that was recorded.")]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class ObligationPage(Struct, kw_only=True, frozen=True):
    """A page of obligations that the caller's agency owes, or that are owed to it."""

    items: list[Obligation]
    next_cursor: str | None


class ObligationQuery(Changing, kw_only=True, frozen=True):
    """Filters of the list of obligations."""

    sort: Annotated[Literal[ChangingSort, "due_at", "-due_at"], SORT] = "-created_at"
    status: Annotated[tuple[ObligationStatus, ...], Meta(description="Any of these.")] = ()
    owed: Annotated[
        bool | None, Meta(description="Only what is owed to your agency; or only what it owes to others.")
    ] = None
    loan_id: UUID | None = None
    request_id: UUID | None = None
    agreement_id: UUID | None = None
    partner_id: Annotated[UUID | None, Meta(description="The agency on the other side.")] = None
    due_from: Annotated[Instant | None, Meta(description="Due at this instant or later.")] = None
    due_to: Annotated[Instant | None, Meta(description="Due before then.")] = None
    ids: Ids = ()


class ObligationCountsQuery(Struct, kw_only=True, frozen=True):
    """Of what the obligations are counted: of all in which your agency is a side, without filters."""

    owed: Annotated[
        bool | None, Meta(description="Only what is owed to your agency; or only what it owes to others.")
    ] = None
    loan_id: UUID | None = None
    request_id: UUID | None = None
    agreement_id: UUID | None = None
    partner_id: Annotated[UUID | None, Meta(description="The agency on the other side.")] = None


class ObligationCounts(Struct, kw_only=True, frozen=True):
    """How many obligations stand how; each counts once."""

    as_of: Annotated[Instant, Meta(description="When they were counted.")]
    pending: Annotated[int, Meta(description="To be met, in time so far.")]
    breached: Annotated[int, Meta(description="Not met, although the deadline has come.")]
    met_in_time: Annotated[int, Meta(description="Met by the deadline, or where no source has one.")]
    met_late: Annotated[int, Meta(description="Met after the deadline: with `breached`, those that were breached.")]
    contested: Annotated[int, Meta(description="Met, says who owes it, and the other agency contests it.")]
    waived: Annotated[int, Meta(description="Done without.")]
    lapsed: Annotated[int, Meta(description="Of which nothing is left to meet.")]


class ObligationFulfilment(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That an obligation was met: a statement, documents that show it, or both."""

    occurred_at: OccurredAt = None
    statement: Annotated[Statement | None, Meta(description="What was done, where documents do not say it.")] = None
    evidence_sha256: Annotated[list[Sha256], Meta(max_length=50, description="Of the documents that show it.")] = []


class ObligationContest(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the agency to which it is owed says that it was not met, or not then."""

    reason: Reason


class ObligationAcceptance(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That the agency to which it is owed contests it no more."""

    note: Reason | None = None


class ObligationWaiver(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the agency to which it is owed does without it."""

    reason: Reason


OBLIGATION_FULFILMENT_EXAMPLE = {
    "statement": "Command and procedures were settled in writing before the team left (demo).",
    "evidence_sha256": ["9f" * 32],
}
OBLIGATION_CONTEST_EXAMPLE = {"reason": "The report names another vehicle than the one that was lent (demo)."}
OBLIGATION_ACCEPTANCE_EXAMPLE = {"note": "The right report has come since (demo)."}
OBLIGATION_WAIVER_EXAMPLE = {"reason": "The report of the joint exercise covers this loan (demo)."}
