"""Agreements on the wire."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.agencies.schemas import Zone
from registry.agreements.rules import AgreementKind, Sensitivity, Stage
from registry.agreements.signing_schemas import SignatoryAuthority, SigningRound
from registry.agreements.terms import ProvisionNumber, Terms
from registry.http.paging import Page
from registry.kernel.actions import AllowedAction
from registry.kernel.text import NAME_PATTERN, ClauseText, Code, Name, Reason
from registry.kernel.time import CivilDate, Instant

AgreementNumber = Annotated[str, Meta(min_length=1, max_length=60, pattern=NAME_PATTERN, examples=["MA-2026-014"])]
NoticeDays = Annotated[int, Meta(ge=0, le=3650, description="Notice a party gives before it leaves, in days.")]
Sha256 = Annotated[str, Meta(min_length=64, max_length=64, pattern=r"\A[0-9a-f]{64}\Z", description="SHA-256, in hex.")]
Exemption = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NAME_PATTERN,
        description="The law under which the text is withheld; needed for restricted text. Have counsel review.",
        examples=["Minn. Stat. 13.37 (security information)"],
    ),
]
JobTitle = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=120,
        pattern=NAME_PATTERN,
        description="The office of whoever signed, not a name.",
        examples=["Chief of Police"],
    ),
]
Citation = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NAME_PATTERN,
        description="The law or charter that says so.",
        examples=["City code 2.04.150 (example; have counsel review)"],
    ),
]
Resolution = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=120,
        pattern=NAME_PATTERN,
        description="Resolution or ordinance.",
        examples=["Resolution 2026-12 (demo)"],
    ),
]
RenewMonths = Annotated[
    int, Meta(ge=1, le=120, description="Months by which the term goes on by itself unless notice is given in time.")
]
RenewTimes = Annotated[int, Meta(ge=1, le=100, description="How often at most; null is without end.")]
ReviewMonths = Annotated[int, Meta(ge=1, le=120, description="Months from one periodic review to the next.")]
VersionKind = Literal["original", "amendment", "renewal"]
LastDay = Annotated[CivilDate, Meta(description="The last day in force, in the agreement's time zone.")]
Part = Annotated[
    str, Meta(min_length=1, max_length=100, pattern=NAME_PATTERN, description="Part of the number or title.")
]
AgreementStatus = Literal[
    "draft",
    "in_review",
    "approved",
    "out_for_signature",
    "withdrawn",
    "not_yet_effective",
    "in_force",
    "notice_window",
    "lapsed",
    "expired",
    "suspended",
    "terminated",
    "superseded",
]


class NewProvision(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A clause of the text, in the order of the document."""

    number: ProvisionNumber
    heading: Annotated[Code, Meta(description="A code of the provision headings.", examples=["liability"])]
    text: ClauseText
    sensitivity: Sensitivity = Sensitivity.PARTIES
    exemption: Exemption | None = None


Provisions = Annotated[list[NewProvision], Meta(max_length=300)]
Parties = Annotated[
    list[UUID], Meta(min_length=2, max_length=1000, description="Agencies, in the order of the document.")
]


class NewAgreement(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The draft of an agreement, in the custody of the caller's agency, which is one of the parties."""

    number: AgreementNumber
    title: Name
    kind: AgreementKind
    parties: Parties
    time_zone: Zone
    effective_on: CivilDate
    expires_on: LastDay | None = None
    notice_days: NoticeDays = 30
    auto_renew_months: RenewMonths | None = None
    auto_renew_times: RenewTimes | None = None
    review_every_months: ReviewMonths | None = None
    terms: Terms
    provisions: Provisions = []


class RecordedAgreement(NewAgreement, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A paper agreement that is signed already. It binds only the recording agency until each other one confirms."""

    custodian_id: Annotated[UUID | None, Meta(description="For the registry's administrator; else your agency.")] = None
    signed_on: CivilDate
    signatory_title: JobTitle
    evidence_sha256: Annotated[Sha256, Meta(description="SHA-256 of the signed document, in hex.")]


class AgreementPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What changes in a draft, or in the draft of an amendment; what is absent stays.

    `terms`, `provisions` and `parties` are given whole. An amendment changes no number, kind, parties or time zone.
    """

    number: AgreementNumber | UnsetType = UNSET
    title: Name | UnsetType = UNSET
    kind: AgreementKind | UnsetType = UNSET
    parties: Parties | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET
    effective_on: CivilDate | UnsetType = UNSET
    expires_on: LastDay | None | UnsetType = UNSET
    notice_days: NoticeDays | UnsetType = UNSET
    auto_renew_months: RenewMonths | None | UnsetType = UNSET
    auto_renew_times: RenewTimes | None | UnsetType = UNSET
    review_every_months: ReviewMonths | None | UnsetType = UNSET
    terms: Terms | UnsetType = UNSET
    provisions: Provisions | UnsetType = UNSET


class AgreementStep(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A step in the life of an agreement that needs no words; a note is kept in its history."""

    note: Reason | None = None


class AgreementReason(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the agreement is sent back, withdrawn, suspended or reinstated."""

    reason: Reason


class Signing(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An agency's signature, to the very text that it read."""

    version_sha256: Annotated[Sha256, Meta(description="The hash of the version you sign.")]
    signatory_title: JobTitle
    signed_on: CivilDate
    manner: Literal["electronic", "wet"]
    evidence_sha256: Sha256 | None = None


class Confirmation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That the agency signed, on paper, the text that another party recorded."""

    version_sha256: Annotated[Sha256, Meta(description="The hash of the version you confirm.")]
    signatory_title: JobTitle
    signed_on: CivilDate
    evidence_sha256: Sha256 | None = None


class Attestation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The administrator's word, on evidence, that a party signed on paper."""

    agency_id: UUID
    signatory_title: JobTitle
    signed_on: CivilDate
    evidence_sha256: Annotated[Sha256, Meta(description="SHA-256 of the signed document, in hex.")]
    reason: Reason


class NewAmendment(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Open a change of an executed agreement: a draft that begins as a copy of what is in force."""

    kind: Annotated[
        Literal["amendment", "renewal"], Meta(description="`renewal`: the term goes on; it needs a later expiry.")
    ] = "amendment"
    effective_on: Annotated[CivilDate, Meta(description="First day of the new text, in the agreement's time zone.")]
    expires_on: Annotated[
        LastDay | None | UnsetType, Meta(description="As before if absent; null is without expiry.")
    ] = UNSET
    reason: Reason


class RecordedAmendment(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An amendment on paper that is signed already. It takes effect once every bound party has confirmed it."""

    kind: Literal["amendment", "renewal"] = "amendment"
    title: Name
    effective_on: CivilDate
    expires_on: LastDay | None = None
    notice_days: NoticeDays = 30
    auto_renew_months: RenewMonths | None = None
    auto_renew_times: RenewTimes | None = None
    terms: Terms
    provisions: Provisions
    signed_on: CivilDate
    signatory_title: JobTitle
    evidence_sha256: Annotated[Sha256, Meta(description="SHA-256 of the signed document, in hex.")]
    reason: Reason


class VerbalActivation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An agreement set in motion by word of mouth, to be ratified in writing by a deadline; have counsel review."""

    ratify_by_on: Annotated[
        CivilDate | None,
        Meta(description="Last day for each party's signature, in the agreement's time zone; in 30 days if absent."),
    ] = None
    signatory_title: JobTitle
    reason: Reason


class VerbalConsent(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That the agency, too, agreed by word of mouth to the text named."""

    version_sha256: Annotated[Sha256, Meta(description="The hash of the version agreed to.")]
    signatory_title: JobTitle


class ApprovalRule(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Whether the agency's law makes its governing body's approval a condition of being bound; have counsel review."""

    required: bool
    citation: Citation | None = None
    reason: Reason


class GoverningApproval(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That the agency's governing body approved the agreement, and until when that lasts."""

    body: Annotated[Name, Meta(description="The body, not a person.", examples=["City council"])]
    reference: Resolution | None = None
    approved_on: CivilDate
    valid_until: Annotated[CivilDate | None, Meta(description="Last day it lasts; null until further notice.")] = None
    evidence_sha256: Sha256 | None = None


class NewParties(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Agencies that may sign the executed text and so join it."""

    agency_ids: Annotated[list[UUID], Meta(min_length=1, max_length=1000)]
    reason: Reason


class CustodyOffer(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """To which party the custodian hands the keeping of the agreement; null takes an offer back."""

    agency_id: UUID | None
    reason: Reason


class Supersession(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The executed agreement that takes this one's place, at once or at an instant to come."""

    by_agreement_id: UUID
    effective_at: Annotated[Instant | None, Meta(description="Null is now.")] = None
    reason: Reason


class Termination(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The end of the agreement for all parties, at once or at an instant to come."""

    ground: Annotated[
        Literal["notice", "mutual_consent", "cause"],
        Meta(description="`notice`: it ends when the notice period has run out, counted from today, and not before."),
    ] = "notice"
    effective_at: Annotated[
        Instant | None, Meta(description="Null: with notice when it has run out, otherwise now.")
    ] = None
    reason: Reason


class WithdrawalNotice(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A party's own notice that it leaves; it stays bound until the notice period has run out."""

    kind: Annotated[
        Literal["withdrawal", "non_renewal"],
        Meta(
            description="`withdrawal` ends when the notice period has run out; `non_renewal` with the term, or with "
            "the next one for a notice that comes too late for this one."
        ),
    ] = "withdrawal"
    notice_on: Annotated[CivilDate, Meta(description="Day of the notice, in the agreement's time zone.")]
    reason: Reason


class Provision(Struct, kw_only=True, frozen=True):
    """A clause as this caller may read it."""

    number: str
    heading: str
    sensitivity: Sensitivity
    text: Annotated[str | None, Meta(description="Null where it is withheld from you.")]
    exemption: str | None


class PartySignature(Struct, kw_only=True, frozen=True):
    """How and when a party put its hand to the version shown."""

    manner: Literal["electronic", "wet", "confirmed", "attested"]
    signatory_title: str
    signed_on: CivilDate
    evidence_sha256: str | None
    recorded_at: Instant


RestsOn = Annotated[
    Literal["not_on_record"] | SignatoryAuthority,
    Meta(description="The authority a signature rests on; `not_on_record` where the agency had registered none."),
]


class AgreementParty(Struct, kw_only=True, frozen=True):
    """An agency in the agreement. Whether it is `bound` is as of the instant asked about."""

    agency_id: UUID
    name: str
    bound: bool
    bound_until: Annotated[Instant | None, Meta(description="When that ends, as far as is known; null is never.")]
    joined_at: Instant | None
    withdrawal_notice_on: CivilDate | None
    notice_kind: Literal["withdrawal", "non_renewal"] | None
    leaves_at: Annotated[Instant | None, Meta(description="When its notice has run out.")]
    verbally_at: Annotated[Instant | None, Meta(description="When it agreed by word of mouth.")]
    approval_required: Annotated[
        bool | None, Meta(description="Whether it is bound only while its governing body's approval lasts.")
    ]
    signature: PartySignature | None
    authority: Annotated[RestsOn | None, Meta(description="Of the signature; null without one, and in public.")]


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


class Agreement(Struct, kw_only=True, frozen=True):
    """An agreement at an instant. The `public` view has neither terms nor signatures and only public provisions."""

    id: UUID
    number: str
    title: str
    kind: AgreementKind
    custodian_id: UUID
    stage: Stage
    status: Annotated[AgreementStatus, Meta(description="What it is at `as_of`: signed is not yet in force.")]
    as_of: Instant
    view: Literal["party", "public"]
    time_zone: str
    effective_on: CivilDate
    expires_on: Annotated[LastDay | None, Meta(description="The last day in force of the first term.")]
    auto_renew_months: int | None
    auto_renew_times: int | None
    term_ends_on: Annotated[CivilDate | None, Meta(description="Last day of the term that runs at `as_of`.")]
    starts_at: Instant
    ends_at: Annotated[Instant | None, Meta(description="The last end that renewals can reach; null is never.")]
    notice_days: int
    last_notice_on: Annotated[
        CivilDate | None, Meta(description="Last day on which notice takes effect by the end of the running term.")
    ]
    review_every_months: int | None
    executed_at: Instant | None
    ratify_by: Annotated[
        Instant | None, Meta(description="Until when what was agreed by word of mouth is to be signed.")
    ]
    terminated_at: Instant | None
    superseded_by: UUID | None
    custody_offered_to: UUID | None
    suspensions: list[SuspensionPeriod]
    version_no: Annotated[int, Meta(description="The version that is the text at `as_of`.")]
    version_kind: VersionKind
    version_effective_on: CivilDate
    version_sha256: Annotated[str | None, Meta(description="Null while the text is not frozen, and in public.")]
    amendment: Annotated[Amendment | None, Meta(description="The change that is on its way, for the parties.")]
    categories: list[str]
    terms: Terms | None
    provisions: list[Provision]
    parties: list[AgreementParty]
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
    kind: AgreementKind
    custodian_id: UUID
    stage: Stage
    status: AgreementStatus
    effective_on: CivilDate
    expires_on: LastDay | None
    party_count: int


class AgreementPage(Struct, kw_only=True, frozen=True):
    """Agreements, by id."""

    items: list[AgreementSummary]
    next_cursor: str | None


class AgreementQuery(Page, kw_only=True, frozen=True):
    """Filters of the agreement list."""

    q: Part | None = None
    stage: Stage | None = None
    status: AgreementStatus | None = None
    kind: AgreementKind | None = None
    party: UUID | None = None
    category: Annotated[Code, Meta(description="Agreements that cover it, by it or one above.")] | None = None
    as_of: Annotated[Instant, Meta(description="For `status`; now if absent.")] | None = None


class AsOf(Struct, kw_only=True, frozen=True):
    """The instant that an answer is about."""

    as_of: Annotated[Instant, Meta(description="Valid time, with today's knowledge; now if absent.")] | None = None


class VersionSignature(PartySignature, kw_only=True, frozen=True):
    """One agency's hand to this version."""

    agency_id: UUID
    authority: RestsOn


class AgreementVersion(Struct, kw_only=True, frozen=True):
    """A version of the text with its own dates. Once frozen it never changes, and signatures bind to its hash."""

    id: UUID
    agreement_id: UUID
    no: int
    kind: VersionKind
    title: str
    sha256: str | None
    frozen_at: Instant | None
    effective_on: CivilDate
    expires_on: LastDay | None
    notice_days: int
    auto_renew_months: int | None
    auto_renew_times: int | None
    executed_at: Annotated[Instant | None, Meta(description="When it was executed; null for drafts and earlier texts.")]
    terms: Terms
    provisions: list[Provision]
    signatures: list[VersionSignature]


class AgreementVersionSummary(Struct, kw_only=True, frozen=True):
    """A version in a list."""

    id: UUID
    no: int
    kind: VersionKind
    title: str
    sha256: str | None
    frozen_at: Instant | None
    effective_on: CivilDate
    executed_at: Instant | None


class AgreementVersionPage(Struct, kw_only=True, frozen=True):
    """Versions, oldest first."""

    items: list[AgreementVersionSummary]
    next_cursor: str | None


class InForceQuery(Struct, kw_only=True, frozen=True):
    """Between whom, when, and for what."""

    requesting_agency_id: UUID
    assisting_agency_id: UUID
    at: Annotated[Instant, Meta(description="Now if absent.")] | None = None
    category: Annotated[Code, Meta(description="Only agreements that cover it.")] | None = None


class AgreementInForce(Struct, kw_only=True, frozen=True):
    """An agreement that binds both agencies at the instant asked about."""

    agreement_id: UUID
    number: str
    title: str
    kind: AgreementKind
    version_no: int
    assists: Annotated[bool, Meta(description="Whether, by its directions, the assisting agency helps the other.")]
    covers_until: Annotated[
        Instant | None, Meta(description="When the first of the two stops being bound; null is never.")
    ]
    terms: Annotated[Terms | None, Meta(description="For the parties only.")]


class AgreementInForceList(Struct, kw_only=True, frozen=True):
    """The agreements in force between two agencies; all of them, never a page."""

    items: list[AgreementInForce]


class AgencyContact(Struct, kw_only=True, frozen=True):
    """How to reach an agency at any hour; for itself, its partners in force and the administrator."""

    agency_id: UUID
    phone: str | None
    email: str | None
