"""An asset as it is answered."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.taxonomy.funding import FundingSource
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.geo import Location
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import CivilDate, Instant, Window
from registry.resources.assets.certifying import CertificationStatus
from registry.resources.assets.rules import Grade, ServiceStatus, Sharing
from registry.resources.assets.schemas.words import AttributeValue, Certification, CrewNeed, Identifier, ServiceArea


class CertificationStanding(Struct, kw_only=True, frozen=True):
    """How an asset is certified, on the day or in the window asked about."""

    code: Annotated[str, Meta(description="Code of the certification.")]
    status: Annotated[CertificationStatus, Meta(description="How the best one of that code stands.")]


class AssetCost(Struct, kw_only=True, frozen=True):
    """What an hour costs, and what says so. Decisions, and the loans made under them, go by it."""

    amount: Money
    stated_in: Annotated[
        Literal["rates", "asset"],
        Meta(description="The asset's own rate (`GET /v1/assets/{asset_id}/rates`), or else its record."),
    ]
    effective_on: Annotated[CivilDate | None, Meta(description="The first day of the rate.")]
    expires_on: Annotated[CivilDate | None, Meta(description="The last day of the rate.")]


class PackageReference(Struct, kw_only=True, frozen=True):
    """A package that something else names."""

    id: UUID
    name: str


class Asset(Struct, kw_only=True, frozen=True):
    """A thing or team that can be lent."""

    id: UUID
    agency: AgencyReference
    category: str
    name: str
    description: str
    tag: str
    type_level: int | None
    capacity: int
    sharing: Sharing
    service_status: ServiceStatus
    service_changed_at: Annotated[Instant, Meta(description="When it took its service status.")]
    service_reason: Annotated[
        str | None, Meta(description="Why the service status last changed; only its owner is told.")
    ]
    location: Location | None
    home_base: Annotated[str | None, Meta(description="The place that it belongs to, wherever it is now.")]
    home_location: Location | None
    service_area: ServiceArea | None
    identifiers: Annotated[
        list[Identifier],
        Meta(description="Those that are public; all of them for its owner, and for who has it reserved or out."),
    ]
    condition: Annotated[Grade | None, Meta(description="As its owner states it.")]
    crew: Annotated[list[CrewNeed], Meta(description="The people without whom it is not used.")]
    mobilisation_minutes: int | None
    turnaround_minutes: int
    hourly_rate: Annotated[Money | None, Meta(description="What an hour costs where no rate of its own says it.")]
    hourly_cost: Annotated[
        AssetCost | None, Meta(description="What an hour costs on the day asked about; null where nothing says it.")
    ]
    funding: list[str]
    funding_sources: Annotated[
        list[FundingSource], Meta(description="What each of these funds restricts, as far as the registry knows it.")
    ]
    certification_required: bool
    certifications: list[Certification]
    certification_statuses: Annotated[
        list[CertificationStanding],
        Meta(
            description="How each of the stated `certifications` stands on the day asked about: today, unless `as_of` "
            "names another."
        ),
    ]
    attributes: dict[str, AttributeValue]
    packages: Annotated[
        list[PackageReference],
        Meta(description="The packages that it is in, as far as you see them; it may be lent alone too."),
    ]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class AssetView(Struct, kw_only=True, frozen=True):
    """On which day to look at an asset."""

    as_of: Annotated[
        CivilDate | None,
        Meta(description="The day on which certifications are looked at; today where the owner is, unless given."),
    ] = None


class AffectedLoan(Struct, kw_only=True, frozen=True):
    """A loan of the asset, not yet returned, that a change concerns."""

    loan_id: UUID
    requesting_agency: AgencyReference
    quantity: int
    window: Annotated[Window, Meta(description="For which it is reserved, or out.")]
    out: Annotated[bool, Meta(description="Whether the asset is away on it now.")]


class ChangedAsset(Asset, kw_only=True, frozen=True):
    """An asset after a change, with the loans that the change concerns."""

    affected_loans: Annotated[
        list[AffectedLoan],
        Meta(
            description="Loans not yet returned, the next first, on which both sides see it; empty when the change "
            "concerns none. At most 100 are named."
        ),
    ]
    affected_packages: Annotated[
        list[PackageReference],
        Meta(description="Packages with it that the change concerns: none of them can be had whole while it cannot."),
    ]


class AssetReference(Struct, kw_only=True, frozen=True):
    """An asset that something else names."""

    id: UUID
    name: Annotated[str | None, Meta(description="Null once the asset is no longer visible to you.")]
