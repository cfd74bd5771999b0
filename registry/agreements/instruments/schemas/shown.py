"""Agreements and their versions as a caller may see them."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.delivery import ShownDelivery
from registry.agreements.instruments.in_force import TextStatus
from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.receipt import ShownReceipt
from registry.agreements.instruments.remarks import Remark
from registry.agreements.instruments.rules import AgreementKind, Sensitivity, ShownStage
from registry.agreements.instruments.schemas.consenting import Proposal, Publication, ReportedAct
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.instruments.schemas.signing import Declined, SignatoryAuthority, SigningRound
from registry.agreements.instruments.schemas.words import AgreementStatus, LastDay, RenewTimes, VersionKind
from registry.agreements.instruments.terms import Terms
from registry.directory.agencies.schemas import AgencyReference, SeparationRelaxed
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.time import CivilDate, Instant

TermsWithheld = Annotated[
    list[str],
    Meta(
        description="Terms that a provision says whose text is withheld from you: they go where their clause goes, and "
        "are no members of `terms`, where null or `silent` would say that they are not entered."
    ),
]


RecordedFrom = Meta(
    description="The paper from which this text was recorded; null for what was signed here, and for the public."
)


class Provision(Struct, kw_only=True, frozen=True):
    """A clause as this caller may read it."""

    number: str
    heading: str
    sensitivity: Sensitivity
    text: Annotated[str | None, Meta(description="Null where it is withheld from you.")]
    exemption: str | None


class PartySignature(Struct, kw_only=True, frozen=True):
    """How and when a party put its hand to the version shown."""

    manner: Literal["electronic", "wet", "confirmed", "reported"]
    signatory_title: str
    signed_on: CivilDate
    evidence: Evidence | None
    recorded_at: Instant
    counts_from: Annotated[
        Instant,
        Meta(
            description="From when it counts. Of a signature on paper to a text by which others are bound already that "
            "is the day it bears, once those who would be bound backwards have agreed to it, and until then its "
            "recording; of one to a text that was out for signature, as of an electronic one, its recording: each "
            "signs then in view of who is asked."
        ),
    ]
    separation_relaxed: SeparationRelaxed


RestsOn = Annotated[
    Literal["not_on_record"] | SignatoryAuthority,
    Meta(description="The authority a signature rests on; `not_on_record` where the agency had registered none."),
]


PendingReports = Annotated[
    list[UUID],
    Meta(
        description="Reported acts that have not taken effect and, uncontested, will change this: what is shown is how "
        "it is without them, on days to come too. An end that was only reported is among them until each that is bound "
        "has confirmed it. Each is among the agreement's `reported_acts`; for the parties."
    ),
]


class PartyApproval(Struct, kw_only=True, frozen=True):
    """A governing body's approval, of the text that it names."""

    version_no: Annotated[int, Meta(description="The text that was approved.")]
    version_sha256: Annotated[str, Meta(description="The hash of that text.")]
    body: Annotated[str, Meta(description="The body, not a person.")]
    reference: Annotated[str | None, Meta(description="Its resolution, as the body numbers it.")]
    approved_on: CivilDate
    expires_on: Annotated[CivilDate | None, Meta(description="Its last day; null until further notice.")]
    counts_from: Annotated[
        Instant,
        Meta(
            description="From when it counts: its own day, or its recording as long as those whose days it touches "
            "have not agreed to that day."
        ),
    ]
    recorded_at: Instant
    evidence: Evidence | None


class AgreementParty(Struct, kw_only=True, frozen=True):
    """An agency in the agreement. Whether it is `bound` is as of the instant asked about, and only to another.

    What another recorded of it is shown here once that has taken effect, and not before.
    """

    agency: AgencyReference
    bound: bool
    bound_until: Annotated[
        Instant | None,
        Meta(
            description="When that ends, as far as is known; null is never, or not known yet where a receipt of its "
            "notice is awaited (`notice_receipts`). Others than the parties are told what the "
            "text says that they read, or a suspension, a departure or an end before it, and null once that has run "
            "out."
        ),
    ]
    bound_by_versions: Annotated[
        list[int],
        Meta(
            description="The versions by which it is bound to another on that day, the latest that it signed first: to "
            "each other party the latest that both have signed; for the parties."
        ),
    ]
    joined_at: Annotated[
        Instant | None,
        Meta(
            description="From when it is bound. By a hand on paper that bears the day on which it was entered that is "
            "the beginning of that day there, which counts whole: `signature.recorded_at` is the instant."
        ),
    ]
    withdrawal_notice_on: Annotated[
        CivilDate | None,
        Meta(description="The day that its notice bears; null for who left without one, and has `leaves_at` alone."),
    ]
    notice_kind: Literal["withdrawal", "non_renewal"] | None
    notice_evidence: Annotated[
        Evidence | None, Meta(description="What shows its own notice on paper, where it gave that; for the parties.")
    ]
    notice_deliveries: Annotated[
        list[ShownDelivery],
        Meta(description="How its own notice was given to each of the others, where that is said; for the parties."),
    ]
    notice_receipts: Annotated[
        list[ShownReceipt],
        Meta(
            description="Of its own notice, where that counts from receipt: when each of those received it to whom it "
            "goes. It runs out once all have; for the parties."
        ),
    ]
    leaves_at: Annotated[
        Instant | None,
        Meta(
            description="When it left or, of one that gave notice, when that has run out: counted from the day of its "
            "recording or, where that is later, the one that it bears; from an earlier one that it bears once the "
            "others agree to that or do not contest it; where the text counts it from receipt, from the last of these, "
            "and null while one is awaited (`notice_receipts`); one that was said late counts towards others than the "
            "two from when they were told, until they agree to its day (`earlier_day` in `proposals`)."
        ),
    ]
    last_notice_on: Annotated[
        CivilDate | None,
        Meta(
            description="Last day on which its own notice takes effect by the end of its term, by what binds it; where "
            "that counts it from receipt, the last day by which it has to be received."
        ),
    ]
    verbally_at: Annotated[Instant | None, Meta(description="When it agreed by word of mouth.")]
    released_at: Annotated[
        Instant | None, Meta(description="When a text that it signed takes this one's place for it.")
    ]
    pending_report_ids: PendingReports
    suspended_at: Annotated[
        Instant | None,
        Meta(description="Since when its participation is suspended, by itself, or from when it will be."),
    ]
    approval_required: Annotated[
        bool | None,
        Meta(description="Whether it is bound only while its governing body's approval lasts. Null where nobody said."),
    ]
    approval_each_text: Annotated[
        bool | None,
        Meta(description="Whether each text needs an approval that names it. Null where nobody said."),
    ]
    approvals: Annotated[
        list[PartyApproval],
        Meta(description="What its governing body approved, oldest first, each with its text; for the parties."),
    ]
    signature: PartySignature | None
    authority: Annotated[
        RestsOn | None,
        Meta(description="Of the signature, or of the word before it; null in public."),
    ]


EndsOn = Annotated[
    CivilDate | None,
    Meta(
        description="Its last day, as far as it is settled; null where no day is: it goes on until it is ended, as its "
        "terms say, or since no last day is entered (`expiry_silent`). It ends when for the last time two parties "
        "are bound to each other: by the last day that renewals of a text can reach, an end that was agreed, a "
        "successor, or notices that leave nobody to be bound to. To a party it is the last day on which it is bound "
        "itself, whatever interrupts that; to others, ahead of it, what follows from the text that they read and from "
        "such acts."
    ),
]


class TextToCome(Struct, kw_only=True, frozen=True):
    """A version that takes the place of the one that is shown, and from when."""

    version_no: int
    starts_at: Annotated[Instant, Meta(description="When its first day begins where the agreement is.")]


class SuspensionPeriod(Struct, kw_only=True, frozen=True):
    """From when until when the agreement bound nobody; `end` is null while it lasts."""

    start: Instant
    end: Instant | None


class Amendment(Struct, kw_only=True, frozen=True):
    """A change on its way beside the executed text; its own text is the version of that number."""

    version_no: int
    version_sha256: Annotated[str | None, Meta(description="What a signature names; null while it is a draft.")]
    kind: Literal["amendment", "renewal"]
    stage: Literal["draft", "in_review", "approved", "out_for_signature"]
    title: str
    effective_on: CivilDate


class Successor(Struct, kw_only=True, frozen=True):
    """The agreement that took another's place."""

    id: UUID
    number: str


class Agreement(Struct, kw_only=True, frozen=True):
    """An agreement at an instant. The `public` view has neither terms nor signatures and only public provisions."""

    id: UUID
    number: str
    title: str
    kind: AgreementKind
    custodian_agency: AgencyReference
    stage: ShownStage
    status: Annotated[AgreementStatus, Meta(description="What it is at `as_of`: signed is not yet in force.")]
    as_of: Instant
    view: Literal["party", "signed", "public"]
    time_zone: str
    effective_on: CivilDate
    expires_on: Annotated[
        LastDay | None,
        Meta(
            description="The last day of the first term: to a party of the text that binds it the longest, a signed "
            "renewal included; else of the text that takes effect last. Each version's own is with the version."
        ),
    ]
    auto_renew_months: int | None
    auto_renew_times: RenewTimes | None
    term_ends_on: Annotated[
        CivilDate | None,
        Meta(
            description="Last day of the term that runs at `as_of`, by the version shown, to a party by the one that "
            "binds it then the longest; once the agreement has ended or lapsed, or the party left, of the term in "
            "which it did. Where its end is agreed for a day before, that day."
        ),
    ]
    starts_at: Instant
    ends_on: EndsOn
    ends_at: Annotated[Instant | None, Meta(description="The instant at which `ends_on` is over, or an end within it.")]
    binds_from: Annotated[
        Instant | None,
        Meta(
            description="From when at least two parties are bound, whatever day the text applies from. Null: never "
            "yet. Of a day to come others than the parties are told when the agreement begins, if two have signed it."
        ),
    ]
    notice: Annotated[
        Notice | None,
        Meta(
            description="To a party of the text by which its own runs the longest. Null for others than the parties, "
            "unless the clauses that say it are public."
        ),
    ]
    last_notice_on: Annotated[
        CivilDate | None,
        Meta(
            description="Last day on which notice takes effect by the end of the running term, of parties without a "
            "period of their own. Null where the term has no end, or the agreement ends before, or how long "
            "notice runs is not entered. Where it counts from receipt, the last day by which it has to be received."
        ),
    ]
    review_every_months: int | None
    executed_at: Instant | None
    ratify_by: Annotated[
        Instant | None,
        Meta(description="Until when what was agreed by word of mouth is to be signed, for the parties; else null."),
    ]
    terminated_at: Annotated[
        Instant | None,
        Meta(
            description="When it ends, or ended, for all; null, too, while that rests on reports still to take effect."
        ),
    ]
    superseded_by: Annotated[
        Successor | None,
        Meta(description="The agreement that took its place; null, too, where you may not know of that agreement."),
    ]
    custody_offered_to: AgencyReference | None
    suspensions: list[SuspensionPeriod]
    version_no: Annotated[int, Meta(description="The version that is shown; `version_status` says what it is then.")]
    version_status: Annotated[
        TextStatus,
        Meta(
            description="`current`: it is the text at `as_of`. `ended`: no text is, and it was the last before, also "
            "where its days go on and all but one have left (`status` `lapsed`). "
            "`upcoming`: none is yet, and it is the first to come. `unexecuted`: none was ever executed. "
            "In public it is said of the version shown by itself: `current` while it is the text, or binds two parties "
            "still, whatever others of them amended."
        ),
    ]
    next_text: Annotated[
        TextToCome | None,
        Meta(
            description="The executed version that is the text next after `as_of`, for the parties, by what has taken "
            "effect of what is reported; who has not signed it stays bound by its own. Null where none is to come, "
            "where none is yet (`version_status` `upcoming`: then it is the one shown), and in public."
        ),
    ]
    version_kind: VersionKind
    version_effective_on: CivilDate
    version_sha256: Annotated[str | None, Meta(description="Null while the text is not frozen, and in public.")]
    evidence: Annotated[Evidence | None, RecordedFrom]
    amendment: Annotated[
        Amendment | None,
        Meta(description="Of the changes on their way the one that is being written, else the first; for the parties."),
    ]
    amendments: Annotated[
        list[Amendment],
        Meta(description="Every change on its way: several papers may wait for signatures at once; for the parties."),
    ]
    categories: list[str]
    terms: Terms | None
    terms_withheld: TermsWithheld
    provisions: list[Provision]
    parties: list[AgreementParty]
    reported_acts: Annotated[list[ReportedAct], Meta(description="What was recorded of others' acts, for the parties.")]
    proposals: Annotated[list[Proposal], Meta(description="What needs the consent of all, for the parties.")]
    publication: Annotated[
        Publication | None,
        Meta(
            description="Whether the public provisions of the version shown are published, for the parties; null "
            "before it is executed, and where no text so far marked anything public."
        ),
    ]
    remarks: Annotated[
        list[Remark], Meta(description="What to know beside the figures, for the parties: gaps, late entries, silence.")
    ]
    declined_by: Annotated[list[Declined], Meta(description="Who declined to sign or to join, and why; latest first.")]
    signing: Annotated[SigningRound | None, Meta(description="While the text is out for signature, for the parties.")]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class AgreementSummary(Struct, kw_only=True, frozen=True):
    """An agreement in a list."""

    id: UUID
    number: str
    title: str
    version_no: Annotated[
        int,
        Meta(
            description="Which version `title` is of: the one that is the text at `as_of`, as the agreement itself is "
            "shown then. Lists are searched, filtered and ordered by the text that takes effect last; `expires_on` is "
            "to a party of the text that binds it the longest."
        ),
    ]
    kind: AgreementKind
    custodian_agency: AgencyReference
    stage: ShownStage
    status: AgreementStatus
    effective_on: CivilDate
    expires_on: Annotated[LastDay | None, Meta(description="The last day of the first term, as the text writes it.")]
    ends_on: EndsOn
    party_count: int
    bound: Annotated[
        bool, Meta(description="Whether it binds your agency to another party at `as_of`, by whatever version.")
    ]
    bound_by_versions: Annotated[
        list[int],
        Meta(
            description="The versions by which it does, the latest that your agency signed first; `version_no` may be "
            "another."
        ),
    ]
    version: int
    updated_at: Instant


class AgreementPage(Struct, kw_only=True, frozen=True):
    """Agreements that the caller may know of."""

    items: list[AgreementSummary]
    next_cursor: str | None


class VersionSignature(PartySignature, kw_only=True, frozen=True):
    """One agency's signature to this version."""

    agency: AgencyReference
    authority: RestsOn


class SignedParticulars(Struct, kw_only=True, frozen=True):
    """What the digest of a version is of beside the members of the version itself, as it was when it was frozen."""

    number: str
    kind: AgreementKind
    parties: Annotated[list[UUID], Meta(description="Ids of the parties, in the order of the document.")]
    time_zone: str


class VersionPart(Struct, kw_only=True, frozen=True):
    """A part of a frozen version, over whose digests `sha256` of the version is; see the contract's page on it."""

    provision: Annotated[
        str | None, Meta(description="Number of the provision; null for what stands beside the provisions.")
    ]
    sha256: Annotated[str, Meta(description="Digest of the part, which tells nothing of it to whom it is withheld.")]
    salt: Annotated[
        str | None,
        Meta(description="What it is hashed with; null where its text is withheld from you, so that none is guessed."),
    ]


class AgreementVersion(Struct, kw_only=True, frozen=True):
    """A version of the text with its own dates. Once frozen it never changes, and signatures bind to its digest."""

    id: UUID
    agreement_id: UUID
    version_no: int
    kind: VersionKind
    title: str
    sha256: str | None
    signed_as: Annotated[
        SignedParticulars | None,
        Meta(description="What `sha256` is of beside this version's own members; null while it is not frozen."),
    ]
    parts: Annotated[
        list[VersionPart],
        Meta(description="What `sha256` is over: the particulars, then each provision; empty while it is not frozen."),
    ]
    frozen_at: Instant | None
    effective_on: CivilDate
    expires_on: LastDay | None
    notice: Notice
    auto_renew_months: int | None
    auto_renew_times: RenewTimes | None
    executed_at: Annotated[
        Instant | None,
        Meta(
            description="When it was executed: the original, with the last hand of those whom it names; an amendment, "
            "with the last that it waits for or, on paper, the second. Null for drafts and until then."
        ),
    ]
    evidence: Annotated[Evidence | None, RecordedFrom]
    terms: Terms
    terms_withheld: TermsWithheld
    provisions: list[Provision]
    remarks: Annotated[
        list[Remark],
        Meta(description="Where a clause writes another figure than the terms, and whether the paper is not on file."),
    ]
    signatures: list[VersionSignature]
    publication: Annotated[
        Publication | None,
        Meta(description="Null before it is executed, and where no text so far marked anything public."),
    ]


class AgreementVersionSummary(Struct, kw_only=True, frozen=True):
    """A version in a list."""

    id: UUID
    version_no: int
    kind: VersionKind
    title: str
    sha256: str | None
    frozen_at: Instant | None
    effective_on: CivilDate
    executed_at: Instant | None


class AgreementVersionPage(Struct, kw_only=True, frozen=True):
    """Versions of an agreement."""

    items: list[AgreementVersionSummary]
    next_cursor: str | None
