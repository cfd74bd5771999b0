"""Agencies in the API."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.directory.agencies.fbi import RowFault
from registry.directory.agencies.rules import AgencyKind, AgencyLevel, AgencyStatus
from registry.platform.access.separation import Separation
from registry.platform.http.paging import Changing, ChangingSort, Ids
from registry.platform.http.searching import PLACED_SORT, WithinKm, Words
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.geo import Latitude, Location, Longitude
from registry.platform.kernel.text import Name, Reason
from registry.platform.kernel.time import Instant
from registry.platform.ledger.schemas import LedgerEvent

Ori = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Z]{2}[A-Z0-9]{7}\Z",
        extra={"form": "two capital letters and seven capital letters or digits"},
        max_length=9,
        description="Originating agency identifier, nine characters, assigned by the FBI's CJIS division.",
        examples=["MN0270000"],
    ),
]
Uei = Annotated[
    str,
    Meta(
        pattern=r"\A[1-9A-HJ-NP-Z][0-9A-HJ-NP-Z]{11}\Z",
        extra={"form": "twelve digits and capital letters without I and O"},
        max_length=12,
        description="Unique entity identifier of SAM.gov; twelve characters without O and I.",
        examples=["JF3TKLE9M5A1"],
    ),
]
State = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Z]{2}\Z",
        max_length=2,
        extra={"form": "two capital letters"},
        description="Postal code of the state.",
        examples=["MN"],
    ),
]
Zone = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=60,
        pattern=r"\A[A-Za-z0-9_+/-]+\Z",
        extra={"form": "the IANA name of a time zone, such as America/Chicago"},
        description="IANA time zone.",
        examples=["America/Chicago"],
    ),
]
Phone = Annotated[
    str,
    Meta(
        max_length=30,
        pattern=r"\A\+?[0-9() .x-]{3,30}\Z",
        extra={"form": "a telephone number of digits, blanks, brackets, `.`, `-` and `x`"},
        examples=["+1 555 0100"],
    ),
]
Email = Annotated[
    str,
    Meta(
        max_length=254,
        pattern=r"\A[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,180}\Z",
        extra={"form": "a mail address"},
        examples=["watch@pd.example"],
    ),
]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class AgencyReference(Struct, kw_only=True, frozen=True):
    """An agency that something else refers to."""

    id: UUID
    name: str


SeparationRelaxed = Annotated[
    bool,
    Meta(
        description="True where the person who did it had also done the act that the agency separates from it by "
        "default, as that agency allows on record."
    ),
]


class RelaxedSeparation(Struct, kw_only=True, frozen=True):
    """Two acts that one person of the agency may do both, since the agency said so."""

    separation: Separation
    reason: str
    relaxed_at: Instant


class OwnWordOnly(Struct, kw_only=True, frozen=True):
    """When and why the agency said that only its own word binds it, and its silence never."""

    reason: str
    said_at: Instant


class Agency(Struct, kw_only=True, frozen=True):
    """An organisation that takes part, or could. `listed` ones are known from a public list and have not joined."""

    id: UUID
    name: str
    kind: AgencyKind
    level: AgencyLevel
    state: str | None
    counties: list[str]
    oris: list[str]
    uei: str | None
    parent_agency: AgencyReference | None
    successor_agency: Annotated[
        AgencyReference | None, Meta(description="Where it was dissolved: what took its place.")
    ]
    location: Location | None
    time_zone: str | None
    population: int | None
    sworn: int | None
    civilian: int | None
    status: AgencyStatus
    own_word_only: Annotated[
        OwnWordOnly | None,
        Meta(
            description="Where the agency says that its silence never counts: what others report of its signing, "
            "agreeing or leaving waits for its own confirmation. Null where silence counts after 14 days."
        ),
    ]
    relaxed_separations: Annotated[
        list[RelaxedSeparation] | None,
        Meta(description="Where duties are not separated now; for the agency's own people, null for all others."),
    ]
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
    version: int
    updated_at: Instant
    distance_km: Annotated[float | None, Meta(description="From the point asked about, if one was.")] = None


class AgencyPage(Struct, kw_only=True, frozen=True):
    """A page of agencies."""

    items: list[AgencySummary]
    next_cursor: str | None


class LedgerEventPage(Struct, kw_only=True, frozen=True):
    """Events, unless asked otherwise those of the latest version of the thing first.

    They come as the ledger holds them, word for word, so that anybody can hash them again; hence the agencies in them
    are ids, and their names of today stand beside.
    """

    items: list[LedgerEvent]
    agencies: Annotated[list[AgencyReference], Meta(description="The agencies that these events name, in order of id.")]
    archived_to: Annotated[
        datetime | None,
        Meta(
            description="From then on everything is here. What was recorded up to then may be in the ledger's archive "
            "alone; null while nothing was archived."
        ),
    ]
    next_cursor: str | None


class AgencyQuery(Changing, kw_only=True, frozen=True):
    """Filters of the agency list."""

    sort: Annotated[
        Literal[ChangingSort, "name", "-name", "distance"] | None,
        PLACED_SORT,
    ] = None
    q: Words | None = None
    state: tuple[State, ...] = ()
    status: tuple[AgencyStatus, ...] = ()
    ori: Ori | None = None
    ids: Ids = ()
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
    time_zone: Annotated[
        Zone | None,
        Meta(
            description="The zone in which the agency's days begin and end. By default that of its location, else of "
            "its state if the whole state has one zone."
        ),
    ] = None
    population: Count | None = None
    sworn: Count | None = None
    civilian: Count | None = None
    phone: Phone | None = None
    email: Email | None = None


class AgencyPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is absent stays, null clears."""

    name: Name | UnsetType = UNSET
    counties: Annotated[list[Name], Meta(max_length=50)] | UnsetType = UNSET
    location: Location | None | UnsetType = UNSET
    time_zone: Zone | None | UnsetType = UNSET
    population: Count | None | UnsetType = UNSET
    sworn: Count | None | UnsetType = UNSET
    civilian: Count | None | UnsetType = UNSET
    phone: Phone | None | UnsetType = UNSET
    email: Email | None | UnsetType = UNSET


class StatusChange(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why an agency's status changes."""

    reason: Reason


class SeparationChange(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which separation of duties the agency relaxes or restores, and why."""

    separation: Separation
    reason: Reason


class SilenceChange(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the agency's silence is to bind it no more, or may again."""

    reason: Reason


class Activation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why a listed agency takes part from now on."""

    reason: Reason
    time_zone: Annotated[
        Zone | None,
        Meta(
            description="Required when the agency's record has none, since its location or state do not determine it."
        ),
    ] = None


class Dissolution(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The end of an agency; its agreements and loans keep referring to it."""

    reason: Reason
    successor_id: UUID | None = None


CsvText = Annotated[str, Meta(min_length=1, max_length=2**20, description="The file's text, including the header row.")]


class AgencyImport(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The FBI's agency lists, or parts of them with their header rows. Import whole lists with the command line."""

    lee: Annotated[CsvText, Meta(description="Police-employee list (CSV): one agency a row.")]
    cde: Annotated[
        CsvText | None,
        Meta(description="Crime Data API list (CSV): fuller names and points. Without it, known ones are kept."),
    ] = None
    dry_run: Annotated[bool, Meta(description="Report what would happen and write nothing.")] = False


class ImportNote(Struct, kw_only=True, frozen=True):
    """An irregularity in the lists, and the number of agencies that have it."""

    code: Annotated[str, Meta(max_length=40, examples=["name_not_unique"])]
    agencies: Annotated[int, Meta(ge=1, le=2**31 - 1)]


class AgencyImportReport(Struct, kw_only=True, frozen=True):
    """The result of an import or a dry run. A second import of the same lists finds everything unchanged."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    refused: Annotated[int, Meta(description="The number of rows that were refused; the others were imported.")]
    notes: list[ImportNote]
    refused_rows: Annotated[list[RowFault], Meta(max_length=1000, description="The first 1,000 refused rows.")]
    refused_rows_left_out: Annotated[int, Meta(description="How many more rows were refused.")]


AGENCY_IMPORT_EXAMPLE = {
    "lee": "ori,data_year,pub_agency_name,state_abbr,county_name,agency_type_name,population,officer_ct,civilian_ct\n"
    "MN0990000,2025,Example (demo),MN,EXAMPLE,County,41000,52,18\n",
    "dry_run": True,
}
SEPARATION_EXAMPLE = {
    "separation": "draft_approve",
    "reason": "The office has one lawyer; the sheriff countersigns each text (demo).",
}
SILENCE_EXAMPLE = {"reason": "By the charter only the council binds the city, by a vote (demo)."}
NEW_AGENCY_EXAMPLE = {
    "name": "Example County Sheriff's Office (demo)",
    "kind": "county",
    "level": "county",
    "state": "MN",
    "counties": ["Example"],
    "oris": ["MN0990000"],
    "location": {"latitude": 44.98, "longitude": -93.27},
    "time_zone": "America/Chicago",
    "phone": "+1 555 0100",
}
