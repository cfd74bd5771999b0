"""Personnel records in the API."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.taxonomy.schemas import CapabilityCode
from registry.platform.http.paging import SORT, Changing, ChangingSort, Ids
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.geo import Location
from registry.platform.kernel.text import NAME_PATTERN, Code, JobTitle, Name, Reason
from registry.platform.kernel.time import CivilDate, Instant, Window
from registry.resources.personnel.rules import (
    ConditionKind,
    CredentialStatus,
    PersonnelStatus,
    QualificationPath,
    QualificationStatus,
    TaskBookStatus,
    Verification,
)

PersonnelTag = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=80,
        pattern=NAME_PATTERN,
        description="The agency's own number for the person. Two tags with the same letters and digits are one.",
        examples=["P-0417"],
    ),
]
Level = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=10,
        pattern=r"\A[a-z0-9+]+\Z",
        extra={"form": "a word of the capability's scale"},
        description="A level of the capability's scale: ILR `0` to `5` with `+`; `basic`, `working`, `expert`; or "
        "`trainee`, `candidate`, `qualified`.",
        examples=["3"],
    ),
]
Body = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NAME_PATTERN,
        description="An organisation, not a person.",
        examples=["State board of peace-officer standards (demo)"],
    ),
]
TimeOfDay = Annotated[
    str,
    Meta(
        pattern=r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z",
        max_length=5,
        extra={"form": "a time of day as HH:MM"},
        description="By the agency's clocks.",
        examples=["07:00"],
    ),
]
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class TestedLevel(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The result of an examination."""

    __test__ = False  # not one of pytest's

    level: Level
    tested_on: CivilDate
    tested_by: Body


class HeldCapability(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What somebody can do. What they say of themselves is kept apart from what was tested."""

    capability: CapabilityCode
    self_reported_level: Level | None = None
    tested: Annotated[TestedLevel | None, Meta(description="The last examination; null for none.")] = None


class NewCredential(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A licence, certificate or registration."""

    title: Name
    capability: Annotated[
        CapabilityCode | None,
        Meta(description="What it proves: that counts only while a credential for it is active."),
    ] = None
    issuer: Body
    number: Annotated[Name | None, Meta(description="As the issuer wrote it.")] = None
    effective_on: CivilDate | None = None
    expires_on: Annotated[CivilDate | None, Meta(description="The last valid day; null when it does not expire.")] = (
        None
    )


class Credential(Struct, kw_only=True, frozen=True):
    """A licence, certificate or registration, as recorded, and whether its issuer was asked."""

    id: UUID
    title: str
    capability: str | None
    issuer: str
    number: str | None
    effective_on: CivilDate | None
    expires_on: CivilDate | None
    status: CredentialStatus
    verification: Verification
    verified_at: Annotated[Instant | None, Meta(description="When it was last verified; null if it never was.")]
    verified_by: Annotated[
        str | None, Meta(description="Who verified it, as the issuer of their token names them; null if nobody did.")
    ]


class Qualification(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A position of an incident-management team, and how far somebody is towards it."""

    position: Annotated[CapabilityCode, Meta(description="A capability of the kind `position`.")]
    status: QualificationStatus
    path: QualificationPath = QualificationPath.TASK_BOOK
    task_book: TaskBookStatus = TaskBookStatus.NOT_STARTED
    qualified_on: CivilDate | None = None
    expires_on: CivilDate | None = None


class Training(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A course that somebody completed."""

    course: Name
    hours: Annotated[int, Meta(ge=0, le=5_000, description="Hours of training.")]
    completed_on: CivilDate


class WeeklyHours(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """When somebody can be sent in each week, by the agency's clocks."""

    weekdays: Annotated[list[Weekday], Meta(min_length=1, max_length=7)]
    start: TimeOfDay
    end: Annotated[TimeOfDay, Meta(description="When not later than `start`, it is on the next day.")]


class ProhibitiveCondition(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why somebody must not be sent for now (NIEM: prohibitive deployment condition)."""

    kind: ConditionKind
    from_on: CivilDate
    until_on: Annotated[CivilDate | None, Meta(description="The last day; null while that is open.")] = None


Capabilities = Annotated[list[HeldCapability], Meta(max_length=60)]
Qualifications = Annotated[list[Qualification], Meta(max_length=40)]
TrainingRecord = Annotated[list[Training], Meta(max_length=200)]
Hours = Annotated[
    list[WeeklyHours], Meta(max_length=21, description="When somebody can be sent; empty where it is any time.")
]
Absences = Annotated[list[Window], Meta(max_length=50, description="When somebody cannot be sent, without the reason.")]
Conditions = Annotated[list[ProhibitiveCondition], Meta(max_length=10)]


class PersonnelRecord(Struct, kw_only=True, frozen=True):
    """One of the agency's people, with as little about the person as possible. No other agency sees it."""

    id: UUID
    agency: AgencyReference
    tag: str
    display_name: str
    rank: str | None
    title: str | None
    status: PersonnelStatus
    location: Annotated[Location | None, Meta(description="The home station, never a home.")]
    capabilities: list[HeldCapability]
    credentials: list[Credential]
    qualifications: list[Qualification]
    training: list[Training]
    training_hours: Annotated[int, Meta(description="The sum of the hours of training.")]
    weekly_hours: list[WeeklyHours]
    absences: list[Window]
    conditions: list[ProhibitiveCondition]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant
    updated_at: Instant


class PersonnelSummary(Struct, kw_only=True, frozen=True):
    """A personnel record in a list."""

    id: UUID
    tag: str
    display_name: str
    rank: str | None
    status: PersonnelStatus
    version: int
    updated_at: Instant


class PersonnelPage(Struct, kw_only=True, frozen=True):
    """A page of personnel records of the own agency."""

    items: list[PersonnelSummary]
    next_cursor: str | None


class PersonnelQuery(Changing, kw_only=True, frozen=True):
    """Filters of the list of personnel records."""

    sort: Annotated[Literal[ChangingSort, "tag", "-tag"], SORT] = "-created_at"
    ids: Ids = ()
    tag: Annotated[PersonnelTag | None, Meta(description="The person with this tag.")] = None
    status: tuple[PersonnelStatus, ...] = ()
    capability: Annotated[Code | None, Meta(description="This capability or any under it.")] = None
    level_at_least: Annotated[Level | None, Meta(description="At least this level; needs `capability`.")] = None
    tested: Annotated[
        bool | None, Meta(description="True: only tested levels count, not what people say of themselves.")
    ] = None


class NewPersonnelRecord(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One of your agency's people."""

    display_name: Name
    tag: Annotated[PersonnelTag | None, Meta(description="Generated when absent.")] = None
    rank: Name | None = None
    title: JobTitle | None = None
    location: Location | None = None
    capabilities: Capabilities = []
    credentials: Annotated[list[NewCredential], Meta(max_length=40)] = []
    qualifications: Qualifications = []
    training: TrainingRecord = []
    weekly_hours: Hours = []
    absences: Absences = []
    conditions: Conditions = []


class PersonnelRecordPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A merge patch (RFC 7396): what is absent stays, null clears. Lists are replaced as a whole."""

    display_name: Name | UnsetType = UNSET
    tag: PersonnelTag | UnsetType = UNSET
    rank: Name | None | UnsetType = UNSET
    title: JobTitle | None | UnsetType = UNSET
    location: Location | None | UnsetType = UNSET
    capabilities: Capabilities | UnsetType = UNSET
    qualifications: Qualifications | UnsetType = UNSET
    training: TrainingRecord | UnsetType = UNSET
    weekly_hours: Hours | UnsetType = UNSET
    absences: Absences | UnsetType = UNSET
    conditions: Conditions | UnsetType = UNSET


class PersonnelChange(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why somebody's status, or a credential, changes. The ledger keeps it, so name nobody."""

    reason: Reason


class CredentialCheck(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How the issuer confirmed a credential."""

    method: Annotated[Literal["asked_issuer", "looked_up", "saw_original"], Meta(description="How it was verified.")]


class PersonnelAvailabilityQuery(Struct, kw_only=True, frozen=True):
    """The window asked about."""

    from_: Annotated[Instant, Meta(description="Start of the window.")] = field(name="from")
    to: Annotated[Instant, Meta(description="End of the window.")]


class PersonnelAvailability(Struct, kw_only=True, frozen=True):
    """Whether somebody can be sent throughout a window, and what they can do on both its days."""

    personnel_id: UUID
    window: Window
    available: bool
    because: Annotated[
        list[Literal["status", "condition", "absence", "weekly_hours", "committed"]],
        Meta(description="What stands against it; empty when nothing does."),
    ]
    capabilities: Annotated[
        list[str], Meta(description="What counts both on the day of the start and on that of the return.")
    ]


class PersonnelName(Struct, kw_only=True, frozen=True):
    """Who is committed to your agency. That you read it is in the ledger of both agencies."""

    id: UUID
    agency: AgencyReference
    display_name: str
    rank: str | None
    title: str | None


NEW_RECORD_EXAMPLE = {
    "display_name": "Sgt. Example (demo)",
    "tag": "P-0417",
    "rank": "Sergeant",
    "location": {"latitude": 44.95, "longitude": -93.09},
    "capabilities": [
        {
            "capability": "language.hmn",
            "self_reported_level": "3+",
            "tested": {"level": "3", "tested_on": "2026-02-10", "tested_by": "State language programme (demo)"},
        },
        {"capability": "negotiation", "self_reported_level": "working"},
        {"capability": "medical.emt"},
    ],
    "credentials": [
        {
            "title": "EMT licence",
            "capability": "medical.emt",
            "issuer": "State EMS board (demo)",
            "number": "EMT-55512 (demo)",
            "effective_on": "2025-04-01",
            "expires_on": "2027-03-31",
        }
    ],
    "qualifications": [{"position": "position.division_supervisor", "status": "trainee", "task_book": "in_progress"}],
    "training": [{"course": "Crisis intervention (demo)", "hours": 40, "completed_on": "2025-11-07"}],
    "weekly_hours": [{"weekdays": ["monday", "tuesday", "wednesday", "thursday"], "start": "07:00", "end": "17:00"}],
}
NEW_CREDENTIAL_EXAMPLE = {
    "title": "Remote pilot certificate (demo)",
    "capability": "aviation.remote_pilot",
    "issuer": "Federal Aviation Administration",
    "number": "4400000 (demo)",
    "effective_on": "2026-01-05",
    "expires_on": "2028-01-31",
}
