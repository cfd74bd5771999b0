"""Agreements and their versions as a caller may see them."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.rules import AgreementKind, Sensitivity, Stage
from registry.agreements.schemas.signing import SignatoryAuthority, SigningRound
from registry.agreements.schemas.words import AgreementStatus, LastDay, VersionKind
from registry.agreements.terms import Terms
from registry.kernel.actions import AllowedAction
from registry.kernel.time import CivilDate, Instant


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
