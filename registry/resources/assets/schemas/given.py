"""What the owner states of an asset."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.directory.agencies.schemas import State
from registry.platform.kernel.geo import Location
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import Code, Name, Prose, Reason
from registry.resources.assets.rules import Grade, Sharing
from registry.resources.assets.schemas.words import (
    Attributes,
    AttributesPatch,
    Capacity,
    Certifications,
    CountyFips,
    Crew,
    Funding,
    Identifiers,
    Minutes,
    ServiceArea,
    Tag,
    Turnaround,
    TypeLevel,
    WithinKm,
)

HomeBase = Annotated[Name, Meta(description="The place that it belongs to, wherever it is now.")]


class NewAsset(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An asset of your own agency."""

    category: Code
    name: Name
    description: Prose = ""
    tag: Annotated[Tag | None, Meta(description="Generated when absent.")] = None
    type_level: TypeLevel | None = None
    capacity: Capacity = 1
    sharing: Sharing = Sharing.AGREEMENT
    location: Location | None = None
    home_base: HomeBase | None = None
    home_location: Location | None = None
    service_area: ServiceArea | None = None
    identifiers: Identifiers = []
    condition: Grade | None = None
    crew: Crew = []
    mobilisation_minutes: Minutes | None = None
    turnaround_minutes: Turnaround = 0
    hourly_rate: Money | None = None
    funding: Funding = []
    certification_required: Annotated[
        bool | None, Meta(description="When absent: true for K9 teams, false for everything else.")
    ] = None
    certifications: Certifications = []
    attributes: Attributes = {}


class ServiceAreaPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Merged with the area that is stated: what is absent stays, null clears."""

    states: Annotated[list[State], Meta(max_length=60)] | None | UnsetType = UNSET
    counties: Annotated[list[CountyFips], Meta(max_length=300)] | None | UnsetType = UNSET
    within_km: WithinKm | None | UnsetType = UNSET


class AssetPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is absent stays, null clears."""

    category: Code | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    description: Prose | UnsetType = UNSET
    tag: Tag | UnsetType = UNSET
    type_level: TypeLevel | None | UnsetType = UNSET
    capacity: Capacity | UnsetType = UNSET
    sharing: Sharing | UnsetType = UNSET
    location: Location | None | UnsetType = UNSET
    home_base: HomeBase | None | UnsetType = UNSET
    home_location: Location | None | UnsetType = UNSET
    service_area: ServiceAreaPatch | None | UnsetType = UNSET
    identifiers: Identifiers | UnsetType = UNSET
    condition: Grade | None | UnsetType = UNSET
    crew: Crew | UnsetType = UNSET
    mobilisation_minutes: Minutes | None | UnsetType = UNSET
    turnaround_minutes: Turnaround | UnsetType = UNSET
    hourly_rate: Money | None | UnsetType = UNSET
    funding: Funding | UnsetType = UNSET
    certification_required: bool | UnsetType = UNSET
    certifications: Certifications | UnsetType = UNSET
    attributes: AttributesPatch | UnsetType = UNSET


class AssetMove(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where the asset stands from now on."""

    location: Location


class ServiceChange(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why an asset's service state changes."""

    reason: Reason


NEW_ASSET_EXAMPLE = {
    "category": "k9.narcotics",
    "name": "Narcotics detection team 7 (demo)",
    "tag": "K9-07",
    "type_level": 2,
    "sharing": "agreement",
    "location": {"latitude": 44.98, "longitude": -93.27},
    "mobilisation_minutes": 45,
    "hourly_rate": {"amount": "125.00", "currency": "USD"},
    "home_base": "Kennel at the north precinct (demo)",
    "home_location": {"latitude": 44.99, "longitude": -93.3},
    "service_area": {"counties": ["27053"], "within_km": 80},
    "identifiers": [{"kind": "call_sign", "value": "K9 seven (demo)", "public": True}],
    "crew": [{"role": "Handler", "quantity": 1}],
    "certifications": [
        {
            "code": "uspca_narcotics",
            "issuer": "Certifying body (demo)",
            "number": "D-0007",
            "issued_on": "2026-01-15",
            "expires_on": "2027-01-14",
        }
    ],
}
