"""What could fill a line, as it is answered."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.http.paging import Page
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import Instant
from registry.resources.assets.schemas.availability import AskAvailability
from registry.resources.assets.schemas.shown import AssetReference
from registry.sharing.policy.decisions import AgreementTried, DecisionReason, Outcome


class CandidateQuery(Page, kw_only=True, frozen=True):
    """The page of candidates asked for."""


RankedBy = Literal[
    "first", "outcome", "availability", "people", "arrival", "distance", "cost", "reciprocity", "last_used", "order"
]


class Hindrance(Struct, kw_only=True, frozen=True):
    """What stands in the way of a candidate, and who can do something about it."""

    kind: Literal["approval", "denial", "availability", "people"]
    said: Annotated[str, Meta(description="In a sentence; of a denial, how close it came.")]
    cured_by: Annotated[
        Literal["requesting", "assisting", "both"], Meta(description="Whose it is to change that: of which side.")
    ]


class Candidate(Struct, kw_only=True, frozen=True):
    """An asset that could fill a line: what would be decided, whether it can be had, and why it stands here."""

    rank: Annotated[int, Meta(description="Its place in the order, from 1.")]
    ranked_by: Annotated[RankedBy, Meta(description="In what it first stands behind the one before it.")]
    asset: AssetReference
    agency: Annotated[AgencyReference, Meta(description="Whose it is, and who would be asked.")]
    category: str
    type_level: int | None
    quantity: Annotated[int, Meta(description="How many of it were weighed: what is lacking, or as many as there are.")]
    outcome: Annotated[Outcome, Meta(description="What would be decided now.")]
    agreement: Annotated[AgreementTried | None, Meta(description="Under which; null when there is none to try.")]
    reasons: Annotated[list[DecisionReason], Meta(description="Why it would be decided so.")]
    availability: Annotated[AskAvailability, Meta(description="Whether it can be had for all of the time.")]
    distance_km: Annotated[float | None, Meta(description="From where it stands to the place of the line.")]
    arrival_minutes: Annotated[int | None, Meta(description="Mobilisation and the way, by estimate.")]
    estimated_cost: Annotated[Money | None, Meta(description="Begun hours × hourly rate × quantity.")]
    published_count: Annotated[
        int | None,
        Meta(description="Where people are needed: at least how many its agency publishes; null: nothing, to you."),
    ]
    loans_from_agency: Annotated[int, Meta(description="Loans of that agency to yours in the last 365 days.")]
    loans_to_agency: Annotated[
        int, Meta(description="Loans of yours to it; who was helped more by yours than it helped comes first.")
    ]
    last_used_at: Annotated[
        Instant | None,
        Meta(description="When this asset last left on a loan to your agency; what is only reserved was not used."),
    ]
    asked: Annotated[bool, Meta(description="Its agency is asked for the line already, or is to be.")]
    hindrances: Annotated[list[Hindrance], Meta(description="What stands in the way, and who can cure it.")]


class CandidatePage(Struct, kw_only=True, frozen=True):
    """A page of what could fill a line, the best first."""

    items: list[Candidate]
    next_cursor: str | None
    weighed: Annotated[int, Meta(description="How many were weighed, on whichever page.")]
    more: Annotated[
        bool,
        Meta(
            description="More meet the need than are weighed: where a line has a place those that arrive first are, "
            "within 500 km; else the newest."
        ),
    ]
