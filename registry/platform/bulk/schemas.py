"""Imports in the API."""

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.platform.bulk.fields import RowOutcome
from registry.platform.http.paging import SORT, Page
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import AS_IT_CAME_PATTERN, FILENAME_PATTERN, Code, Name, Sha256
from registry.platform.kernel.time import Instant

MOST_MAPPED = 500
OnError: TypeAlias = Literal["abort", "skip"]
ColumnLetters = Annotated[
    str,
    Meta(
        max_length=3,
        pattern=r"\A[A-Z]{1,3}\Z",
        extra={"form": "a column's letters, such as B"},
        description="The column's letters as a spreadsheet shows them.",
        examples=["B"],
    ),
]
_NO_NUL = Meta(pattern=r"\A[^\x00]*\Z", extra={"form": "text without NUL"})
Header = Annotated[str, _NO_NUL, Meta(max_length=200, description="The column's header, as it stands in the file.")]
CellText = Annotated[str, _NO_NUL, Meta(max_length=1000)]
FileName = Annotated[
    str,
    Meta(min_length=1, max_length=200, pattern=FILENAME_PATTERN, description="Its name, for the report."),
]
SheetName = Annotated[str, Meta(min_length=1, max_length=100, pattern=AS_IT_CAME_PATTERN)]


class ImportStatus(StrEnum):
    """Where an import stands. One that is interrupted is resumed by running it again."""

    UPLOADED = "uploaded"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    CHECKED = "checked"
    STOPPED = "stopped"
    DONE = "done"


class FieldSource(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a field's values come from: a column by its header or letters, or one constant for all rows.

    A constant beside a column is for its blank cells.
    """

    header: Header | None = None
    column: ColumnLetters | None = None
    constant: Annotated[CellText | None, Meta(description="The value of every row that has none.")] = None
    values: Annotated[
        dict[CellText, CellText],
        Meta(
            max_length=1000,
            description="What values of the file stand for here; an empty text for “nothing”.",
            examples=[{"ERV": "vehicle.emergency_response"}],
        ),
    ] = {}
    measure: Annotated[
        Code | None, Meta(description="What the file's numbers are in, such as `hours`; `us`: days are M/D/YYYY.")
    ] = None


Mapping = Annotated[
    dict[Code, FieldSource],
    Meta(
        max_length=MOST_MAPPED,
        description="For each field that the file fills, where its values come from.",
        examples=[{"tag": {"header": "Unit"}, "name": {"header": "Unit"}, "category": {"constant": "vehicle"}}],
    ),
]


ImportKind: TypeAlias = Literal["agencies", "assets", "personnel", "rates", "loans"]
"""What the rows of an import can be. What takes them stands above and is wired by the application, kind by kind."""


class NewImport(Struct, kw_only=True, frozen=True):
    """What the file holds, and how it is called."""

    kind: Annotated[ImportKind, Meta(description="What its rows are.", examples=["assets"])]
    filename: FileName = "upload"
    sheet: Annotated[
        SheetName | None, Meta(description="Of a workbook; the one that was open when it was saved, otherwise.")
    ] = None


class SuggestedField(Struct, kw_only=True, frozen=True):
    """Which field a column most likely fills, and why."""

    field: str
    confidence: Annotated[float, Meta(ge=0, le=1, description="From 0 to 1.")]
    because: str


class ImportColumn(Struct, kw_only=True, frozen=True):
    """A column of the file."""

    column: str
    header: str
    examples: list[str]
    suggestion: SuggestedField | None


class ImportFieldInfo(Struct, kw_only=True, frozen=True):
    """A field that a column can fill."""

    name: str
    required: bool
    expected: str
    description: str
    measures: list[str]


class ImportCounts(Struct, kw_only=True, frozen=True):
    """What became of the rows so far; in a dry run, what would."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0


class ImportSummary(Struct, kw_only=True, frozen=True):
    """An import in a list."""

    id: UUID
    kind: ImportKind
    filename: str
    status: ImportStatus
    dry_run: Annotated[bool | None, Meta(description="Of the last run; null before the first.")]
    rows: int
    rows_done: Annotated[int, Meta(description="How many rows the run has done; it grows while it runs.")]
    counts: ImportCounts
    version: int
    created_at: Instant
    updated_at: Instant


class Import(Struct, kw_only=True, frozen=True):
    """A file of rows, how its columns are understood, and how far its last run has come."""

    id: UUID
    kind: ImportKind
    filename: str
    sha256: Sha256
    read_as: Annotated[str, Meta(description="How the file was read: encoding and delimiter, or sheet.")]
    sheets: list[str]
    remarks: list[str]
    header_row: Annotated[int, Meta(description="The row that has the headers; 0 where a format has none.")]
    columns: list[ImportColumn]
    fields: Annotated[list[ImportFieldInfo], Meta(description="What columns of this kind of import can fill.")]
    suggested_mapping: Annotated[
        dict[str, FieldSource], Meta(description="A mapping of what is suggested; send it, corrected, to run.")
    ]
    missing: Annotated[list[str], Meta(description="Required fields that no column is suggested for.")]
    status: ImportStatus
    allowed_actions: list[AllowedAction]
    mapping: Annotated[dict[str, FieldSource] | None, Meta(description="Of the last run; null before the first.")]
    dry_run: Annotated[bool | None, Meta(description="Of the last run; null before the first.")]
    on_error: Annotated[OnError | None, Meta(description="Of the last run; null before the first.")]
    rows: int
    rows_done: Annotated[int, Meta(description="How many rows the run has done; it grows while it runs.")]
    counts: ImportCounts
    note: Annotated[str | None, Meta(description="Why a run stopped.")]
    version: int
    created_at: Instant
    updated_at: Instant


class ImportPage(Struct, kw_only=True, frozen=True):
    """Imports of your agency, the newest first."""

    items: list[ImportSummary]
    next_cursor: str | None


class ImportRun(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How to run an import. To go on with one that was interrupted, send an empty object."""

    mapping: Mapping | None = None
    mapping_name: Annotated[Name | None, Meta(description="A kept mapping of your agency, instead of `mapping`.")] = (
        None
    )
    dry_run: Annotated[bool, Meta(description="Only check, and write nothing; the default.")] = True
    on_error: Annotated[
        OnError,
        Meta(
            description="What a row that is refused means: `abort`, nothing is written unless all rows can be; "
            "`skip`, the others are."
        ),
    ] = "abort"
    wait_seconds: Annotated[
        int, Meta(ge=0, le=30, description="How long to wait for the end before the answer shows how far it is.")
    ] = 10


class ImportFault(Struct, kw_only=True, frozen=True):
    """Something about a row: where, what is wrong, what is expected, what to do."""

    column: Annotated[str | None, Meta(description="The column's letters; null for the row as a whole.")]
    header: str | None
    field: str | None
    value: Annotated[str | None, Meta(description="What the cell says, shortened.")]
    code: str
    detail: str
    expected: str | None
    remedy: Annotated[str, Meta(description="What to do.")]


class ImportRow(Struct, kw_only=True, frozen=True):
    """A row with what became of it in the last run."""

    row: Annotated[int, Meta(description="Its number as a spreadsheet shows it.")]
    outcome: Annotated[RowOutcome | None, Meta(description="Null while the run has not come to it.")]
    subject_id: Annotated[UUID | None, Meta(description="The thing that it entered or met.")]
    faults: list[ImportFault]
    remarks: Annotated[list[ImportFault], Meta(description="What is to be known of a row that was taken.")]


class ImportRowPage(Struct, kw_only=True, frozen=True):
    """Rows in the order of the file."""

    items: list[ImportRow]
    next_cursor: str | None


class ImportRowQuery(Page, kw_only=True, frozen=True):
    """Which rows."""

    sort: Annotated[Literal["row", "-row"], SORT] = "row"
    outcome: Annotated[tuple[RowOutcome, ...], Meta(max_length=4)] = ()


class NewImportMapping(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A mapping to be kept for the next file of this kind."""

    kind: ImportKind
    name: Name
    mapping: Mapping


class ImportMappingPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What of a kept mapping changes."""

    name: Name | UnsetType = UNSET
    mapping: Mapping | UnsetType = UNSET


class ImportMapping(Struct, kw_only=True, frozen=True):
    """A mapping that the agency has kept."""

    id: UUID
    kind: ImportKind
    name: str
    mapping: dict[str, FieldSource]
    version: int
    created_at: Instant


class ImportMappingPage(Struct, kw_only=True, frozen=True):
    """Kept mappings, the newest first."""

    items: list[ImportMapping]
    next_cursor: str | None


IMPORT_RUN_EXAMPLE = {
    "mapping": {
        "tag": {"header": "Unit"},
        "name": {"header": "Unit name"},
        "category": {"header": "Type", "values": {"Drug dog": "k9.narcotics"}},
        "location.latitude": {"header": "Lat"},
        "location.longitude": {"header": "Lon"},
    },
    "dry_run": True,
    "on_error": "skip",
}
IMPORT_FILE_EXAMPLE = "Unit,Unit name,Type,Lat,Lon\nK9-11,Detection team 11 (demo),Drug dog,44.98,-93.27\n"
IMPORT_MAPPING_EXAMPLE = {
    "kind": "assets",
    "name": "Fleet list (demo)",
    "mapping": {"tag": {"header": "Unit"}, "name": {"header": "Unit name"}, "category": {"constant": "k9.narcotics"}},
}
