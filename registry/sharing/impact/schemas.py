"""The impact of an amendment in the API."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.sharing.loans.rules import LoanStatus
from registry.sharing.policy.decisions import Outcome
from registry.sharing.requests.rules import LineStatus

MOST = 500
Before = Annotated[Outcome, Meta(description="Under the text that binds both now.")]
After = Annotated[Outcome, Meta(description="Under this text, were it that already.")]
Named = Annotated[
    tuple[str, ...], Meta(description="The policies that speak under one of the two texts and not under the other.")
]


class ChangedLine(Struct, kw_only=True, frozen=True):
    """A line of an open request that would be decided otherwise."""

    request_id: UUID
    line_no: int
    status: LineStatus
    requesting_agency: AgencyReference
    assisting_agency: AgencyReference
    before: Before
    after: After
    policy_ids: Named


class ChangedLoan(Struct, kw_only=True, frozen=True):
    """A loan that has not come back, of which a further step would be decided otherwise."""

    loan_id: UUID
    status: LoanStatus
    requesting_agency: AgencyReference
    assisting_agency: AgencyReference
    before: Before
    after: After
    policy_ids: Named


class AmendmentImpact(Struct, kw_only=True, frozen=True):
    """What another text of the agreement would change of your agency's open requests and live loans."""

    agreement_id: UUID
    version_no: int
    lines_examined: Annotated[
        int, Meta(description="How many lines of open requests the agreement is tried for, the latest five hundred.")
    ]
    loans_examined: Annotated[
        int,
        Meta(description="How many loans under the agreement have not come back yet, the latest five hundred."),
    ]
    complete: Annotated[bool, Meta(description="Whether these are all; false where there are more than are looked at.")]
    left_out: Annotated[
        int,
        Meta(
            description="How many of both were not decided: a policy reads a term of one of their agreements whose "
            "text is restricted, and the outcome would tell of it."
        ),
    ]
    lines: Annotated[list[ChangedLine], Meta(description="The lines that would be decided otherwise.")]
    loans: Annotated[list[ChangedLoan], Meta(description="The loans that would.")]
