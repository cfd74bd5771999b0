"""Duties on the wire."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.duties.rules import DutyStatus, ProofKind, ProofStatus
from registry.agreements.instruments.schemas.evidence import OnPaper
from registry.agreements.instruments.terms import ProvisionNumber
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import NAME_PATTERN, Citation, Name, Prose, Reason
from registry.platform.kernel.time import ActDay, CivilDate, Instant

Address = Annotated[
    str,
    Meta(
        max_length=500,
        pattern=r"\Ahttps?://[!-~]{1,490}\Z",
        extra={"form": "an address that begins with https:// or http://"},
        description="Where it is published.",
        examples=["https://county.example/agreements/mutual-aid"],
    ),
]
RecordingNumber = Annotated[
    str, Meta(min_length=1, max_length=60, pattern=NAME_PATTERN, description="As the recorder gave it.")
]


class NewDuty(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A duty that the text or local law asks for, entered by hand."""

    title: Name
    agency_id: Annotated[UUID | None, Meta(description="The party whose duty it is; yours if absent.")] = None
    citation: Citation | None = None
    clause: Annotated[
        ProvisionNumber | None,
        Meta(
            description="The provision that says it, of a text that binds the party. Needed for another party's: it is "
            "bound by its text and its own word alone."
        ),
    ] = None
    note: Prose | None = None
    due_on: Annotated[
        CivilDate,
        Meta(
            description="The last day to do it, in the agreement's time zone; of another party's no day that is over."
        ),
    ]


class Fulfilment(OnPaper, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That a duty was done, with at least one proof of a kind that counts for it."""

    fulfilled_on: ActDay
    url: Address | None = None
    recording_number: RecordingNumber | None = None


class Waiver(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a duty need not be done."""

    reason: Reason


class Duty(Struct, kw_only=True, frozen=True):
    """Something to be done with the signed agreement. A pending one is overdue once its day has ended there.

    What one party enters of another is `proposed`, with the clause that is to say it, and binds nobody before that
    agency confirms it or has let 14 days pass.

    Where a statute gives no day, as `note` then says, `due_on` is the registry's reminder and the duty never overdue.
    """

    id: UUID
    agreement_id: UUID
    agency: AgencyReference
    source: Annotated[Literal["statute", "entered"], Meta(description="Derived from shipped data, or by hand.")]
    rule: Annotated[str | None, Meta(description="Code of the shipped duty.")]
    title: str
    citation: str | None
    clause: Annotated[str | None, Meta(description="The provision that says it, of version `version_no`.")]
    version_no: int | None
    note: str | None
    condition: Annotated[
        str | None,
        Meta(
            description="On what it depends that it is a duty at all, where the agreement's kind does not say it. Its "
            "agency settles that: it acknowledges, fulfils or waives the duty. Null once it has, and of all others."
        ),
    ]
    due_on: CivilDate
    due_at: Annotated[Instant, Meta(description="When that day ends, in the agreement's time zone.")]
    status: DutyStatus
    overdue: bool
    proof_accepted: list[ProofKind]
    fulfilled_on: CivilDate | None
    evidence_sha256: str | None
    evidence_location: Annotated[
        str | None, Meta(description="Where the document is kept that shows it, if there is no file of it.")
    ]
    url: str | None
    recording_number: str | None
    proof_status: Annotated[
        ProofStatus | None,
        Meta(
            description="`on_file`: the document is filed with the agreement. `as_stated`: the proof is what the "
            "agency in `closed_by` stated; the registry opened no address and asked no office. Null while nothing is "
            "fulfilled."
        ),
    ]
    waived_reason: str | None
    pending_report_id: Annotated[
        UUID | None,
        Meta(
            description="What another says of it, as long as that has no effect: that it was fulfilled or, of one that "
            "is `proposed`, that the text lays it upon its agency. Among the agreement's `reported_acts`, for that "
            "agency to confirm or contest."
        ),
    ]
    entered_by: Annotated[
        AgencyReference | None, Meta(description="Who entered it and worded it; null for one of a statute.")
    ]
    binds_from: Annotated[
        Instant | None,
        Meta(
            description="Of one that another entered: since when it binds its agency, which has confirmed it, or not "
            "contested it for 14 days; null as long as it does not, and for its own. One that came to bind after its "
            "day is never overdue."
        ),
    ]
    closed_by: Annotated[
        AgencyReference | None,
        Meta(description="The agency that fulfilled or waived it, or whose report of that has had effect."),
    ]
    closed_at: Instant | None
    allowed_actions: list[AllowedAction]
    version: Annotated[int, Meta(description="The agreement's version, which every change of a duty moves.")]


class DutyPage(Struct, kw_only=True, frozen=True):
    """Duties of one agreement."""

    items: list[Duty]
    next_cursor: str | None


NEW_DUTY_EXAMPLE = {
    "title": "Post on the county's list of interlocal agreements (demo)",
    "citation": "Section 12 of the agreement; have counsel review",
    "due_on": "2026-09-30",
}
FULFILMENT_EXAMPLE = {"fulfilled_on": "2026-08-14", "recording_number": "20260814-0042 (demo)"}
WAIVER_EXAMPLE = {"reason": "Counsel: the filing statute does not reach this kind of agreement (demo)."}
