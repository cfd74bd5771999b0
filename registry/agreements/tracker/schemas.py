"""Bulk recording on the wire: a tracker's rows in, and what became of each."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.directory.agencies.schemas import Zone
from registry.platform.kernel.text import NAME_PATTERN, PROSE_PATTERN

Header = Annotated[str, Meta(min_length=1, max_length=80, pattern=NAME_PATTERN, examples=["signed_on"])]
CellValue = (
    Annotated[str, Meta(max_length=4000, pattern=PROSE_PATTERN)]
    | Annotated[int, Meta(ge=-(2**53), le=2**53)]
    | bool
    | None
)
Outcome = Literal["created", "updated", "unchanged", "refused"]


class CellFault(Struct, kw_only=True, frozen=True):
    """What is wrong with one cell, or with a row as a whole, where `column` and `name` are null.

    `row` is the one a spreadsheet shows, `column` its letter, `name` the header's word for it.
    """

    file: str
    sheet: str | None
    row: int
    column: str | None
    name: str | None
    code: Annotated[str, Meta(examples=["not_a_date"])]
    detail: str
    times: Annotated[int, Meta(description="In how many rows; of the first one here.")] = 1

    def place(self) -> str:
        """`tracker.xlsx, Sheet1!H17 (signed_on)`."""
        where = f"{self.column}{self.row}" if self.column else f"row {self.row}"
        sheet = f"{self.sheet}!" if self.sheet is not None else ""
        return f"{self.file}, {sheet}{where}" + (f" ({self.name})" if self.name else "")

    def __str__(self) -> str:
        return f"{self.place()}: {self.detail}" + (f" In {self.times} rows." if self.times > 1 else "")


class TrackerRowReport(Struct, kw_only=True, frozen=True):
    """What became of a row."""

    outcome: Outcome
    file: str
    sheet: str | None
    row: int
    number: str | None
    agreement_id: Annotated[UUID | None, Meta(description="Null where it was refused, or would be entered.")]
    faults: list[CellFault]
    remarks: Annotated[
        list[str],
        Meta(
            description="That the agreement is over, where the row does not say so; of a row that is entered or "
            "updated, of which terms it says nothing, so that they are as wide as they can be."
        ),
    ]


class SheetReport(Struct, kw_only=True, frozen=True):
    """A sheet of a file that was sent, or a file of text, and what is to be known about it."""

    file: str
    sheet: Annotated[str | None, Meta(description="Null for a file of text.")]
    taken: Annotated[bool, Meta(description="Whether its rows were read.")]
    rows: Annotated[int, Meta(description="Rows with something in them, below the headers where it was taken.")]
    remarks: Annotated[list[str], Meta(description="How it was read, why it was not, and what it hides.")]


class AgreementImportReport(Struct, kw_only=True, frozen=True):
    """What an import did, or would do. A second one with the same rows finds everything unchanged."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    refused: Annotated[int, Meta(description="Rows that could not be taken; the others were.")]
    unread_columns: Annotated[list[str], Meta(description="Headers that mean no column; nothing was taken from them.")]
    sheets: Annotated[list[SheetReport], Meta(description="Every sheet of every file; empty for rows sent as JSON.")]
    rows: Annotated[
        list[TrackerRowReport],
        Meta(max_length=1000, description="The first 1,000 that are not unchanged, or have a remark."),
    ]
    rows_left_out: Annotated[int, Meta(description="How many more there are.")]


FileOutcome = Literal["filed", "unchanged", "unmatched", "ambiguous", "refused", "lacking"]


class FileReport(Struct, kw_only=True, frozen=True):
    """What became of a file of the folder; `lacking` is one that a row names and that is not in it."""

    file: str
    outcome: FileOutcome
    number: str | None
    agreement_id: UUID | None
    detail: str | None

    def __str__(self) -> str:
        return f"{self.file}: {self.outcome}" + (f". {self.detail}" if self.detail else ".")


class FilesReport(Struct, kw_only=True, frozen=True):
    """What was filed of a folder, or would be. A second time everything is unchanged."""

    dry_run: bool
    filed: int
    unchanged: int
    unmatched: int
    ambiguous: int
    refused: int
    lacking: int
    files: list[FileReport]


class AgreementImport(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Rows of a tracker, cells by header; whole files go in on the command line."""

    rows: Annotated[
        list[Annotated[dict[Header, CellValue], Meta(min_length=1, max_length=100)]],
        Meta(min_length=1, max_length=500, description="The columns are those of the spreadsheet import."),
    ]
    custodian: Annotated[
        Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN)] | None,
        Meta(description="ORI, id or full name of the custodian, for rows that name none."),
    ] = None
    time_zone: Annotated[Zone | None, Meta(description="For rows without one; else the custodian's.")] = None
    dates: Annotated[Literal["iso", "us"], Meta(description="`iso`: YYYY-MM-DD alone. `us`: M/D/YYYY as well.")] = "iso"
    attest_parties: Annotated[
        bool,
        Meta(
            description="Each row's document shows every party's signature: report it of all, not of the custodian "
            "alone. A row that names no document reports the custodian's."
        ),
    ] = False
    row_as_evidence: Annotated[
        bool, Meta(description="Where a row names no signed document, take the row itself as the evidence.")
    ] = False
    dry_run: Annotated[bool, Meta(description="Report what would happen and write nothing.")] = False


AGREEMENT_IMPORT_EXAMPLE: dict[str, object] = {
    "rows": [
        {
            "number": "MA-2026-014",
            "title": "Mutual aid among the example counties (demo)",
            "kind": "mutual aid",
            "parties": "MN0990000; MN0980000",
            "signed_on": "2025-12-15",
            "signatory_title": "Sheriff",
            "effective_on": "2026-01-01",
            "expires_on": "2028-12-31",
            "notice": "60 days",
            "categories": "k9; vehicle.command_post",
        }
    ],
    "custodian": "MN0990000",
    "time_zone": "America/Chicago",
    "row_as_evidence": True,
    "dry_run": True,
}
