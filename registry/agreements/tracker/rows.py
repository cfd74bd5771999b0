"""A tracker's rows as what they say about agreements, each fault with the cell that has it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from registry.agreements.schemas import NewAgreement, RecordedAgreement
from registry.agreements.tracker.cells import CellRefused, Dates, no_control, plain, quoted
from registry.agreements.tracker.columns import COLUMNS, OF_A_SIGNATURE, Headers, column_of, nested, read_headers
from registry.agreements.tracker.schemas import CellFault, CellValue
from registry.agreements.tracker.sheets import Formula, Line, Origin, Table, Value, letter
from registry.kernel.errors import Fault

SIGNED: Final = frozenset(
    "signed executed active current in_force in_effect effective expired complete completed".split()
)
UNSIGNED: Final = frozenset(
    "draft pending proposed in_progress in_negotiation in_review under_review out_for_signature unsigned".split()
)
ENDED: Final = frozenset("terminated withdrawn superseded replaced rescinded cancelled canceled void".split())


class Options(Struct, kw_only=True, frozen=True):
    """What is said once for a whole import."""

    custodian: str | None = None
    time_zone: str | None = None
    dates: Dates = "iso"
    attest_parties: bool = False
    row_as_evidence: bool = False


class TrackerRow(Struct, kw_only=True, frozen=True):
    """What a row says: values by column, where each stands, and the hash of all its cells."""

    origin: Origin
    row: int
    at: dict[str, int]
    values: dict[str, object]
    sha256: str
    faults: tuple[CellFault, ...] = ()

    @property
    def number(self) -> str | None:
        """The agreement's number, where it can be read."""
        found = self.values.get("number")
        return found if isinstance(found, str) else None

    @property
    def is_signed(self) -> bool:
        """Whether it speaks of an agreement that is signed already."""
        return "signed_on" in self.values

    def fault(self, name: str | None, code: str, detail: str) -> CellFault:
        """A fault of the cell in that column, or of the row."""
        index = self.at.get(name) if name else None
        return CellFault(
            file=self.origin.file,
            sheet=self.origin.sheet,
            row=self.row,
            column=letter(index) if index is not None and self.origin.lettered else None,
            name=name,
            code=code,
            detail=detail,
        )

    def faults_of(self, faults: Sequence[Fault]) -> tuple[CellFault, ...]:
        """Faults of the agreement as faults of cells."""
        return tuple(self.fault(column_of(f.pointer or ""), f.code, f.detail) for f in faults)


def table_of(rows: Sequence[Mapping[str, CellValue]]) -> Table:
    """Rows that came as JSON, as the table that a spreadsheet would have been; columns have names and no letters."""
    headers = list(dict.fromkeys(header for row in rows for header in row))
    lines = [Line(row=at, values=[row.get(header) for header in headers]) for at, row in enumerate(rows, 1)]
    return Table(origin=Origin(file="rows", lettered=False), headers=headers, lines=lines)


def row_sha256(values: Sequence[Value]) -> str:
    """SHA-256 of the row's cells as a JSON array of texts (UTF-8, no blanks between), blank and computed ones empty."""
    texts = ["" if value is None or isinstance(value, Formula) else _verbatim(value) for value in values]
    return hashlib.sha256(msgspec.json.encode(texts)).hexdigest()


def _verbatim(value: Value) -> str:
    return value if isinstance(value, str) else plain(value)


def read_rows(table: Table, options: Options) -> tuple[list[TrackerRow], Headers]:
    """Each row of the table. Raises ImportFormatError for headers that make no tracker."""
    given = frozenset({"custodian"} if options.custodian else ())
    headers = read_headers(table, given)
    return [_row(table, headers, line, options) for line in table.lines], headers


def _row(table: Table, headers: Headers, line: Line, options: Options) -> TrackerRow:
    row = TrackerRow(origin=table.origin, row=line.row, at=headers.at, values={}, sha256=row_sha256(line.values))
    if line.fault is not None:
        return msgspec.structs.replace(row, faults=(row.fault(None, "row_unreadable", line.fault),))
    faults: list[CellFault] = []
    for name, index in headers.at.items():
        value = line.values[index] if index < len(line.values) else None
        try:
            if no_control(plain(value)):
                row.values[name] = COLUMNS[name].reader(value, options.dates)
            elif COLUMNS[name].required:
                raise CellRefused("cell_blank", f"{name} is needed.")
        except CellRefused as refused:
            faults.append(row.fault(name, refused.code, refused.detail))
    if options.row_as_evidence and row.is_signed:
        row.values.setdefault("evidence_sha256", row.sha256)
    read_in_vain = {fault.name for fault in faults}
    faults += [fault for fault in _about_status(row) if fault.name not in read_in_vain]
    row.values.pop("status", None)
    return msgspec.structs.replace(row, faults=tuple(faults))


def _about_status(row: TrackerRow) -> Iterator[CellFault]:
    """What the status says must fit the signature that is or is not there."""
    status = row.values.get("status")
    if status in ENDED:
        words = "An agreement that has ended is not taken over as such: say `expires_on`, or end it here afterwards."
        yield row.fault("status", "has_ended", words)
    elif status is not None and status not in SIGNED | UNSIGNED:
        words = f"{quoted(str(status))} is none of: {', '.join(sorted(SIGNED | UNSIGNED))}."
        yield row.fault("status", "status_unknown", words)
    if status in UNSIGNED and row.is_signed:
        yield row.fault(
            "status", "signed_yet_draft", "The row has a day of signature, yet is not signed by its status."
        )
    if status in SIGNED and not row.is_signed:
        yield row.fault("signed_on", "cell_blank", "signed_on is needed: the status says that it is signed.")
    if row.is_signed:
        for name in sorted(OF_A_SIGNATURE - row.values.keys()):
            yield row.fault(name, "cell_blank", f"{name} is needed for an agreement that is signed.")


def wanted(row: TrackerRow, custodian_id: UUID, parties: Sequence[UUID], time_zone: str) -> NewAgreement:
    """The agreement that the row speaks of, a RecordedAgreement where it is signed. Raises ValidationError."""
    said = {**row.values, "parties": [str(party) for party in parties], "time_zone": time_zone}
    said.pop("custodian", None)
    if row.is_signed:
        said["custodian"] = str(custodian_id)
    else:
        for name in OF_A_SIGNATURE:
            said.pop(name, None)
    kind: type[NewAgreement] = RecordedAgreement if row.is_signed else NewAgreement
    return msgspec.convert(nested(said), kind, strict=True)
