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
    terms: Terms
    provisions: Provisions = []


class RecordedAgreement(NewAgreement, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A paper agreement that is signed already. It binds only the recording agency until each other one confirms."""

    custodian_id: Annotated[UUID | None, Meta(description="For the registry's administrator; else your agency.")] = None
    signed_on: CivilDate
    signatory_title: JobTitle
    evidence_sha256: Annotated[Sha256, Meta(description="SHA-256 of the signed document, in hex.")]


class AgreementPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What changes in a draft; what is absent stays. `terms`, `provisions` and `parties` are given whole."""

    number: AgreementNumber | UnsetType = UNSET
    title: Name | UnsetType = UNSET
    kind: AgreementKind | UnsetType = UNSET
    parties: Parties | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET
    effective_on: CivilDate | UnsetType = UNSET
    expires_on: LastDay | None | UnsetType = UNSET
    notice_days: NoticeDays | UnsetType = UNSET
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


class Termination(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The end of the agreement for all parties, at once or at an instant to come."""

    effective_at: Annotated[Instant | None, Meta(description="Null is now.")] = None
    reason: Reason


class WithdrawalNotice(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A party's own notice that it leaves; it stays bound until the notice period has run out."""

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


class AgreementParty(Struct, kw_only=True, frozen=True):
    """An agency in the agreement. Whether it is `bound` is as of the instant asked about."""

    agency_id: UUID
    name: str
    bound: bool
    bound_until: Annotated[Instant | None, Meta(description="When that ends, as far as is known; null is never.")]
    joined_at: Instant | None
    withdrawal_notice_on: CivilDate | None
    signature: PartySignature | None
    authority: Annotated[
        Literal["not_on_record"] | SignatoryAuthority | None,
        Meta(description="What the signature rests on; null without one, and in public."),
    ]


class SuspensionPeriod(Struct, kw_only=True, frozen=True):
    """From when until when the agreement bound nobody; `end` is null while it lasts."""

    start: Instant
    end: Instant | None


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
    expires_on: LastDay | None
    starts_at: Instant
    ends_at: Instant | None
    notice_days: int
    last_notice_on: Annotated[CivilDate | None, Meta(description="Last day on which notice takes effect by expiry.")]
    executed_at: Instant | None
    terminated_at: Instant | None
    suspensions: list[SuspensionPeriod]
    version_no: int
    version_sha256: Annotated[str | None, Meta(description="Null while the text is not frozen, and in public.")]
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


class AgreementVersion(Struct, kw_only=True, frozen=True):
    """A version of the text. Once frozen it never changes, and signatures bind to its hash."""

    id: UUID
    agreement_id: UUID
    no: int
    title: str
    sha256: str | None
    frozen_at: Instant | None
    terms: Terms
    provisions: list[Provision]


class AgreementVersionSummary(Struct, kw_only=True, frozen=True):
    """A version in a list."""

    id: UUID
    no: int
    title: str
    sha256: str | None
    frozen_at: Instant | None


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
