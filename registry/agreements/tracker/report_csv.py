"""The whole report of an import as CSV: what became of every row, and of each cell that was refused what to do. Pure.

The values come from a spreadsheet and go back into one, so what one would run as a formula is written as text.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias
from uuid import UUID

from msgspec import Struct

from registry.agreements.tracker.rows import TrackerRow
from registry.agreements.tracker.schemas import AgreementImportReport, CellFault, FilesReport, Outcome
from registry.platform.bulk.harmless import harmless as as_text
from registry.platform.bulk.sheets import Formula, Value

HEADERS: Final[Mapping[str, str]] = {
    **{name: name for name in ("file", "sheet", "row", "outcome", "number", "agreement_id")},
    **{name: name for name in ("column", "name", "value", "code")},
    "wrong": "what is wrong",
    "remedy": "what to do",
}
MOST_OF_A_VALUE: Final = 500
_BY_HAND: Final = "Go on with this agreement here; the row changes nothing about it any more."
_IN_THE_CELL: Final = "Correct the cell and send the file again; rows that were taken stay as they are."
_FOR_THE_ROW: Final = "Correct the row and send the file again; rows that were taken stay as they are."
_REMEDIES: Final[Mapping[str, str]] = {
    "cell_blank": "Fill the cell in, or add the column.",
    "formula": "Paste the formula's value over it.",
    "status_unknown": "Write one of the known words, or say with --statuses what your word means.",
    "never_signed": "Leave the row out.",
    "signed_yet_draft": "Say in the status that it was signed, or clear the day of the signature.",
    "ended_yet_going_on": "Say in the status that it was ended, or clear the day of the end.",
    "last_day_missing": "Add the last day on which it was in force, in ended_on.",
    "unknown_agency": "Give the agency's ORI or id, or have the agency entered first.",
    "agency_ambiguous": "Give the agency's ORI or id.",
    "renewals_unsaid": "Fill the cell in: a number, “no limit”, or “silent” where the text does not say.",
    "number_repeated": "Keep one row for each number, or number them apart.",
    "number_taken": "Give the number under which it is kept here to nothing else.",
    "signed_text": "Record an amendment here; the tracker cannot change what was signed.",
    "signature_recorded": "Leave it as it was recorded; whoever signed otherwise says so here.",
    "edited_here": _BY_HAND,
    "further_here": _BY_HAND,
    "date_ambiguous": "Write YYYY-MM-DD, or say with --dates us that the file writes month/day/year.",
}


class TakenRow(Struct, kw_only=True, frozen=True):
    """A row with what became of it; the faults are those for which it was refused."""

    row: TrackerRow
    outcome: Outcome
    agreement_id: UUID | None = None
    faults: Sequence[CellFault] = ()
    said: Sequence[str] = ()

    def remarks(self) -> list[str]:
        """That it is over, where the row does not say so; of what was entered or corrected, what the row leaves out."""
        return [*self.said, *(self.row.remarks() if self.outcome in ("created", "updated") else [])]


TakenRows: TypeAlias = list[TakenRow]
"""Every row of an import."""


def report_csv(report: AgreementImportReport, taken: Iterable[TakenRow], files: FilesReport | None = None) -> str:
    """The whole report, below a row of headers.

    A line for each remark on a sheet, for each row that was taken or unchanged, for each cell that was refused, and for
    each file of a folder of texts.
    """
    written = io.StringIO()
    lines = csv.writer(written, quoting=csv.QUOTE_ALL)
    lines.writerow(HEADERS.values())
    for sheet in report.sheets:
        for remark in sheet.remarks:
            lines.writerow(_line(file=sheet.file, sheet=sheet.sheet, code="remark", wrong=remark))
    for each in taken:
        row = each.row
        about = _about(each.outcome, row.number, each.agreement_id)
        if not each.faults:
            about |= {"code": "remark", "wrong": " ".join(found)} if (found := each.remarks()) else {}
            lines.writerow(_line(file=row.origin.file, sheet=row.origin.sheet, row=row.row, **about))
        for fault in each.faults:
            remedy = _REMEDIES.get(fault.code) or (_IN_THE_CELL if fault.name else _FOR_THE_ROW)
            place = {name: getattr(fault, name) for name in ("file", "sheet", "row", "column", "name")}
            said = {"value": value_of(row, fault.name), "code": fault.code, "wrong": fault.detail, "remedy": remedy}
            lines.writerow(_line(**about, **place, **said))
    for file in () if files is None else files.files:
        about = _about(file.outcome, file.number, file.agreement_id)
        lines.writerow(_line(file=file.file, **about, wrong=file.detail))
    return written.getvalue()


def _about(outcome: str, number: str | None, agreement_id: UUID | None) -> dict[str, Value]:
    known = None if agreement_id is None else str(agreement_id)
    return {"outcome": outcome, "number": number, "agreement_id": known}


def _line(**cells: Value) -> list[str]:
    """The cells in the order of the headers, blank where nothing is said."""
    return [harmless(cells.get(name)) for name in HEADERS]


def value_of(row: TrackerRow, name: str | None) -> Value:
    """What the row has in that column."""
    index = row.at.get(name) if name else None
    return row.cells[index] if index is not None and index < len(row.cells) else None


def harmless(value: Value) -> str:
    """The value as text that no spreadsheet runs."""
    if value is None:
        return ""
    return as_text("(formula)" if isinstance(value, Formula) else str(value)[:MOST_OF_A_VALUE])
