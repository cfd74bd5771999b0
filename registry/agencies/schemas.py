"""Agencies on the wire."""

from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.agencies.fbi import RowFault
from registry.agencies.rules import AgencyKind, AgencyLevel, AgencyStatus
from registry.http.paging import Page
from registry.http.searching import WithinKm, Words
from registry.kernel.actions import AllowedAction
from registry.kernel.geo import Latitude, Longitude
from registry.kernel.text import Name, Reason
from registry.kernel.time import Instant

Ori = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Z]{2}[A-Z0-9]{7}\Z",
        max_length=9,
        description="Originating agency identifier, nine characters, assigned by the FBI's CJIS division.",
        examples=["MN0270000"],
    ),
]
Uei = Annotated[
    str,
    Meta(
        pattern=r"\A[1-9A-HJ-NP-Z][0-9A-HJ-NP-Z]{11}\Z",
        max_length=12,
        description="Unique entity identifier of SAM.gov; twelve characters without O and I.",
        examples=["JF3TKLE9M5A1"],
    ),
]
State = Annotated[
    str, Meta(pattern=r"\A[A-Z]{2}\Z", max_length=2, description="Postal code of the state.", examples=["MN"])
]
Zone = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=60,
        pattern=r"\A[A-Za-z0-9_+/-]+\Z",
        description="IANA time zone.",
        examples=["America/Chicago"],
    ),
]
Phone = Annotated[str, Meta(max_length=30, pattern=r"\A\+?[0-9() .x-]{3,30}\Z", examples=["+1 555 0100"])]
Email = Annotated[
    str, Meta(max_length=254, pattern=r"\A[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,180}\Z", examples=["watch@pd.example"])
]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class Location(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A point on the ground (WGS 84)."""

    latitude: Latitude
    longitude: Longitude


class Agency(Struct, kw_only=True, frozen=True):
    """An organisation that takes part, or could: `listed` ones are known from a public list and have not joined."""

    id: UUID
    name: str
    kind: AgencyKind
    level: AgencyLevel
    state: str | None
    counties: list[str]
    oris: list[str]
    uei: str | None
    parent_id: UUID | None
    successor_id: UUID | None
    location: Location | None
    time_zone: str | None
    population: int | None
    sworn: int | None
    civilian: int | None
    status: AgencyStatus
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class AgencySummary(Struct, kw_only=True, frozen=True):
    """An agency in a list."""

    id: UUID
    name: str
    kind: AgencyKind
    level: AgencyLevel
    state: str | None
    counties: list[str]
    oris: list[str]
    location: Location | None
    status: AgencyStatus
    distance_km: Annotated[float | None, Meta(description="From the point asked about, if one was.")] = None


class AgencyPage(Struct, kw_only=True, frozen=True):
    """Agencies, by id, or by distance when a point was given."""

    items: list[AgencySummary]
    next_cursor: str | None


class AgencyQuery(Page, kw_only=True, frozen=True):
    """Filters of the agency list."""

    q: Words | None = None
    state: State | None = None
    status: AgencyStatus | None = None
    ori: Ori | None = None
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    within_km: WithinKm | None = None


class NewAgency(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An agency to enter in the register."""

    name: Name
    kind: AgencyKind
    level: AgencyLevel
    state: State | None = None
    counties: Annotated[list[Name], Meta(max_length=50)] = []
    oris: Annotated[list[Ori], Meta(max_length=20, description="The first is the primary one.")] = []
    uei: Uei | None = None
    parent_id: UUID | None = None
    location: Location | None = None
    time_zone: Zone | None = None
    population: Count | None = None
    sworn: Count | None = None
    civilian: Count | None = None
    contact_phone: Phone | None = None
    contact_email: Email | None = None


class AgencyPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is absent stays, null clears."""

    name: Name | UnsetType = UNSET
    counties: Annotated[list[Name], Meta(max_length=50)] | UnsetType = UNSET
    location: Location | None | UnsetType = UNSET
    time_zone: Zone | None | UnsetType = UNSET
    population: Count | None | UnsetType = UNSET
    sworn: Count | None | UnsetType = UNSET
    civilian: Count | None | UnsetType = UNSET
    contact_phone: Phone | None | UnsetType = UNSET
    contact_email: Email | None | UnsetType = UNSET


class StatusChange(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why an agency's status changes."""

    reason: Reason


class Dissolution(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The end of an agency; its agreements and loans keep naming it."""

    reason: Reason
    successor_id: UUID | None = None


CsvText = Annotated[str, Meta(min_length=1, max_length=2**20, description="The file's text, header row and all.")]


class AgencyImport(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The FBI's agency lists, or parts of them with their header rows; whole lists go in on the command line."""

    lee: Annotated[CsvText, Meta(description="Police-employee list (CSV): one agency a row.")]
    cde: Annotated[
        CsvText | None,
        Meta(description="Crime Data API list (CSV): fuller names and points. Without it, known ones stay."),
    ] = None
    dry_run: Annotated[bool, Meta(description="Report what would happen and write nothing.")] = False


class ImportNote(Struct, kw_only=True, frozen=True):
    """An oddity of the lists, and how many agencies have it."""

    code: Annotated[str, Meta(max_length=40, examples=["name_not_unique"])]
    agencies: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class AgencyImportReport(Struct, kw_only=True, frozen=True):
    """What an import did, or would do. A second one with the same lists finds everything unchanged."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    refused: Annotated[int, Meta(description="Rows that could not be taken; the others were.")]
    notes: list[ImportNote]
    refused_rows: Annotated[list[RowFault], Meta(max_length=1000, description="The first 1,000 of them.")]
    refused_rows_left_out: Annotated[int, Meta(description="How many more were refused.")]


AGENCY_IMPORT_EXAMPLE = {
    "lee": "ori,data_year,pub_agency_name,state_abbr,county_name,agency_type_name,population,officer_ct,civilian_ct\n"
    "MN0990000,2025,Example (demo),MN,EXAMPLE,County,41000,52,18\n",
    "dry_run": True,
}
NEW_AGENCY_EXAMPLE = {
    "name": "Example County Sheriff's Office (demo)",
    "kind": "county",
    "level": "county",
    "state": "MN",
    "counties": ["Example"],
    "oris": ["MN0990000"],
    "location": {"latitude": 44.98, "longitude": -93.27},
    "time_zone": "America/Chicago",
    "contact_phone": "+1 555 0100",
}
