"""Reported acts, proposals and consents on the wire."""

from datetime import date
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.consent import (
    ClosedBecause,
    EndingGround,
    ProposalKind,
    ProposalStatus,
    ReportedKind,
    Unconfirmed,
)
from registry.agreements.instruments.delivery import NoticeDelivery, ShownDelivery
from registry.agreements.instruments.schemas.evidence import Evidence, OnPaper
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import JobTitle, Reason, Sha256
from registry.platform.kernel.time import ActDay, CivilDate, Instant

EvidenceSha256 = Annotated[
    Sha256,
    Meta(
        description="SHA-256 of the document that shows it, in hex; not needed beside `evidence_document_id`, and "
        "compared with that document's. Silence counts only where it is on file with the agreement, and the party and "
        "your agency can read it."
    ),
]


class NewReportedAct(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What another party did, as you know of it. A member that is for another kind of act is refused."""

    agency_id: Annotated[UUID, Meta(description="The party that did it.")]
    kind: ReportedKind
    acted_on: Annotated[
        ActDay, Meta(description="The day of the act; for `withdrew` the last day on which the party was bound.")
    ]
    evidence_sha256: EvidenceSha256 | None = None
    evidence_document_id: Annotated[
        UUID | None, Meta(description="The document that shows it, where it is on file with the agreement already.")
    ] = None
    reason: Reason
    version_sha256: Annotated[
        Sha256 | None, Meta(description="For `signed` and `agreed_verbally`: the hash of the version.")
    ] = None
    signatory_title: Annotated[JobTitle | None, Meta(description="For `signed` and `agreed_verbally`.")] = None
    notice_kind: Annotated[
        Literal["withdrawal", "non_renewal"] | None,
        Meta(description="For `gave_notice`, as for a party's own notice; null is `withdrawal`."),
    ] = None
    leaves_on: Annotated[
        CivilDate | None, Meta(description="For `gave_notice`: the last day that the notice names, where it names one.")
    ] = None
    proposal_id: Annotated[UUID | None, Meta(description="For `consented` and `was_notified`.")] = None
    deliveries: Annotated[
        list[NoticeDelivery],
        Meta(
            max_length=1000,
            description="For `gave_notice`: how it was given to each of the other parties. Where manner or office is "
            "not as the text asks, it counts nonetheless, and that is remarked (`notice_manner_differs`).",
        ),
    ] = []


class ReportAnswer(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That it was so."""

    note: Reason | None = None


ShownStatus: TypeAlias = Literal[
    "unseconded", "open", "unconfirmed", "uncontested", "contested", "confirmed", "taken_back", "replaced"
]


ReasonTold = Annotated[
    str | None,
    Meta(description="Null where it is not told to you: to who left before, or was let in and is not bound yet."),
]


class ReportedAct(Struct, kw_only=True, frozen=True):
    """What one party, or the operator, recorded that a party did.

    It has effect once that party confirms it, or 14 days after it was notified without contesting, and then counts from
    the day of the act. Until that has come the agreement is shown as it is without it. Silence does not count for a
    party that has said no in the matter, may not act, has suspended its participation, or finds no document of it on
    file, nor for an office that may sign no more by the party's register. That a party left counts from its day once
    the others who are bound agree as well, by word or silence, and until then as a notice of the day on which it took
    effect.
    """

    id: UUID
    agency: Annotated[AgencyReference, Meta(description="The party that is said to have acted.")]
    kind: ReportedKind
    acted_on: Annotated[
        CivilDate | None,
        Meta(
            description="The day of the act; of `was_asked` that on which the registry put it to the party. Null where "
            "it has not yet, for want of a second operator; and of a signature to a successor that you may not know "
            "of, as `evidence` is then."
        ),
    ]
    version_sha256: Annotated[
        str | None, Meta(description="For `signed` and `agreed_verbally`: the hash of the text that it is about.")
    ]
    signatory_title: Annotated[
        str | None, Meta(description="For the same: the office that is said to have signed, or given its word.")
    ]
    notice_kind: Annotated[
        Literal["withdrawal", "non_renewal"] | None, Meta(description="For `gave_notice`: what the notice is of.")
    ]
    leaves_on: Annotated[
        CivilDate | None, Meta(description="For `gave_notice`: the last day that the notice names, if it names one.")
    ]
    deliveries: Annotated[
        list[ShownDelivery],
        Meta(description="For `gave_notice`: how the notice is said to have been given, where that is said."),
    ]
    would_leave_at: Annotated[
        Instant | None,
        Meta(
            description="For `gave_notice` and `withdrew`: when the party leaves, or left, by what is said, counted "
            "from the day of the act."
        ),
    ]
    evidence: Annotated[
        Evidence | None,
        Meta(
            description="What shows it, as who reported it says: nobody here has read it, or judged whether it shows "
            "what is said; who is asked does. A restricted document is `on_file` only where silence counts, so that "
            "nobody learns by a hash what is on file."
        ),
    ]
    reason: ReasonTold
    recorded_by: Annotated[AgencyReference, Meta(description="The agency that recorded it.")]
    recorded_at: Instant
    notified_at: Annotated[
        Instant | None,
        Meta(
            description="Since when the party can answer: where its paper was filed later, since it can read that, and "
            "where nobody who may answer for it had used the registry, since one did; null while a second operator is "
            "awaited."
        ),
    ]
    status: Annotated[
        ShownStatus,
        Meta(description="`uncontested`: nobody contested it in time, and it has effect."),
    ]
    because: Annotated[
        Unconfirmed | None,
        Meta(
            description="Why silence does not count, where it stands `unconfirmed`; else null. "
            "`evidence_not_on_file`: once a document of that hash is filed, which the party and who reported can read, "
            "the 14 days begin. `not_reached`: they begin when one who may answer for it uses the registry."
        ),
    ]
    takes_effect_at: Annotated[
        Instant | None,
        Meta(
            description="From when it has effect, or had it, and until when it can be contested; null while nothing is "
            "in sight, see `because`."
        ),
    ]
    answer: Annotated[str | None, Meta(description="What the party, or who took it back, said.")]
    proposal_id: UUID | None
    duty_id: Annotated[
        UUID | None, Meta(description="For `fulfilled_duty` and `owes_duty`: which of the party's duties.")
    ]
    allowed_actions: list[AllowedAction]


class ConsentGiven(Struct, kw_only=True, frozen=True):
    """A party that is asked, and from when its consent counts."""

    agency: AgencyReference
    counts_from: Annotated[Instant | None, Meta(description="Null while it is outstanding.")]
    pending_report_id: Annotated[
        UUID | None,
        Meta(
            description="The reported act that says so of a party whose consent is outstanding: it counts once that "
            "has taken effect."
        ),
    ]


class Proposal(Struct, kw_only=True, frozen=True):
    """What takes effect once each party that is bound has consented, or has left."""

    id: UUID
    kind: ProposalKind
    status: Annotated[
        ProposalStatus,
        Meta(
            description="`reported`: who is no party recorded it of a paper (`proposed_by`, `evidence`). It has effect "
            "for those who bound themselves since; each party may confirm or contest it, late too (`reported_acts`). "
            "While one contests it, it has none and is `open`."
        ),
    ]
    closed_because: Annotated[
        ClosedBecause | None, Meta(description="Why there is nothing left to consent to, where it is `closed`.")
    ]
    ground: EndingGround | None
    clause: Annotated[str | None, Meta(description="The provision that gives the right, where one does.")]
    proposed_by: Annotated[
        AgencyReference,
        Meta(
            description="The agency that proposed it; of a `departure`, the one that left, and of an end on the ground "
            "`reported` the one that recorded it."
        ),
    ]
    proposed_at: Instant
    not_before: Annotated[Instant, Meta(description="The instant proposed.")]
    ends_at: Annotated[
        Instant | None, Meta(description="Of a suspension with a last day: when the agreement goes on by itself.")
    ]
    notice_on: Annotated[
        date | None, Meta(description="Of a departure: the day of the notice, or of the leaving, that it is about.")
    ]
    reason: ReasonTold
    evidence: Annotated[Evidence | None, Meta(description="What shows it, of what happened on paper already.")]
    newcomers: Annotated[list[AgencyReference], Meta(description="The agencies that would join.")]
    by_agreement_id: Annotated[
        UUID | None,
        Meta(description="The agreement that takes this one's place; null, too, where you may not know of it."),
    ]
    agreed_at: Annotated[
        Instant | None,
        Meta(description="When it takes effect, as far as is known; null while a consent is outstanding."),
    ]
    consents: list[ConsentGiven]
    outstanding: Annotated[
        list[AgencyReference],
        Meta(
            description="Parties that have neither consented nor left; of what is reported, those that have not "
            "confirmed it. None once it was taken back or closed."
        ),
    ]
    allowed_actions: list[AllowedAction]


class NewSuspensionProposal(OnPaper, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That the agreement as a whole is suspended, or goes on.

    What shows it is given for what was agreed on paper already, with its day.
    """

    kind: Literal["suspension", "reinstatement"]
    effective_on: Annotated[
        CivilDate | None,
        Meta(
            description="From the beginning of that day; if absent as soon as all have consented, or from the day on "
            "which it was agreed on paper."
        ),
    ] = None
    ends_on: Annotated[
        CivilDate | None,
        Meta(
            description="For a suspension: its last day. If absent it lasts until the parties agree that the agreement "
            "goes on."
        ),
    ] = None
    acted_on: Annotated[
        ActDay | None, Meta(description="For what was agreed on paper already: the day on which it was.")
    ] = None
    reason: Reason


PublishedVersionNo: TypeAlias = (
    Annotated[int, Meta(ge=1, le=2**31 - 1, description="The executed version, where it is about a text.")] | None
)
PublishedDocumentId: TypeAlias = Annotated[
    UUID | None, Meta(description="The document that was filed as public, where it is about that.")
]


class AgreeingToPublish(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Your agency's word that a version's public provisions, or a public document, are shown to all. Name one."""

    version_no: PublishedVersionNo = None
    document_id: PublishedDocumentId = None
    note: Reason | None = None


class StoppingToPublish(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That a version or a document, one of them, is shown to none but the parties as far as your agency has a say."""

    version_no: PublishedVersionNo = None
    document_id: PublishedDocumentId = None
    reason: Reason


class Publication(Struct, kw_only=True, frozen=True):
    """Whether what is marked public is shown to others than the parties: once each party gave its own word.

    A party's own signature to a version is its word, and so is a confirmation that says so; what was reported of it,
    confirmed or not, an agreement by word of mouth and silence are not. Have counsel review what a statute asks you to
    post.
    """

    status: Literal["proposed", "published"]
    published_at: Annotated[Instant | None, Meta(description="Since when it is shown to all; null while it is not.")]
    outstanding: Annotated[
        list[AgencyReference],
        Meta(description="Parties that have not given their word, or took it back; for the parties."),
    ]
