"""A tracker's rows as what they say about agreements, each fault with the cell that has it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct, field

from registry.agreements.instruments.schemas.given import NewAgreement, RecordedAgreement
from registry.agreements.tracker.cells import CellRefused, Dates, no_control, plain, quoted
from registry.agreements.tracker.columns import (
    BESIDE_THE_AGREEMENT,
    COLUMNS,
    OF_A_SIGNATURE,
    WIDEST,
    Headers,
    column_of,
    nested,
    read_headers,
)
from registry.agreements.tracker.schemas import CellFault, CellValue
from registry.agreements.tracker.statuses import Statuses, shipped_statuses
from registry.platform.bulk.sheets import Formula, Line, Origin, Table, Value, letter
from registry.platform.http.faults import find_faults
from registry.platform.kernel.canonical import canonical_digest
from registry.platform.kernel.errors import Fault, Malformed

DRAFT_UNSAID: Final = "Entered as a draft: no day of signature (signed_on), and no status."


class Options(Struct, kw_only=True, frozen=True):
    """What is said once for a whole import."""

    custodian: str | None = None
    time_zone: str | None = None
    dates: Dates = "iso"
    attest_parties: bool = False
    row_as_evidence: bool = False
    statuses: Statuses = field(default_factory=shipped_statuses)


class TrackerRow(Struct, kw_only=True, frozen=True):
    """What a row says: values by column, where each stands, and the hash of all its cells."""

    origin: Origin
    row: int
    at: dict[str, int]
    values: dict[str, object]
    sha256: str
    cells: Sequence[Value] = ()
    status: str | None = None
    """What the status means, by the table of status words; None where the row has none."""

    faults: tuple[CellFault, ...] = ()

    @property
    def number(self) -> str | None:
        """The agreement's number, where it can be read."""
        found = self.values.get("number")
        return found if isinstance(found, str) else None

    @property
    def title(self) -> str | None:
        """Its title, where it can be read."""
        found = self.values.get("title")
        return found if isinstance(found, str) else None

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the files that hold it."""
        found = self.values.get("files")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    @property
    def is_signed(self) -> bool:
        """Whether it speaks of an agreement that is signed already."""
        return "signed_on" in self.values

    @property
    def ended_on(self) -> date | None:
        """The last day of an agreement that was ended before its term ran out."""
        found = self.values.get("ended_on")
        return found if isinstance(found, date) else None

    @property
    def says_over(self) -> bool:
        """Whether it says that the agreement is over: by its status, or by the day of its end."""
        return self.status in ("expired", "ended") or self.ended_on is not None

    def remarks(self) -> list[str]:
        """That it is a draft for want of a day of signature; what the row does not say, and so bars nothing."""
        found = []
        if not self.is_signed and self.status is None:
            found.append(DRAFT_UNSAID)
        said = [f"{name} (blank: {means})" for name, means in WIDEST.items() if name not in self.values]
        return [*found, f"Not said by the row, and entered so: {'; '.join(said)}."] if said else found

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
    return canonical_digest(texts)


def _verbatim(value: Value) -> str:
    return value if isinstance(value, str) else plain(value)


def read_rows(table: Table, options: Options) -> tuple[list[TrackerRow], Headers]:
    """Each row of the table. Raises ImportFormatError for headers that make no tracker."""
    given = frozenset({"custodian"} if options.custodian else ())
    headers = read_headers(table, given)
    return [_row(table, headers, line, options) for line in table.lines], headers


def _row(table: Table, headers: Headers, line: Line, options: Options) -> TrackerRow:
    row = TrackerRow(
        origin=table.origin, row=line.row, at=headers.at, values={}, sha256=row_sha256(line.values), cells=line.values
    )
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
    if "expires_on" in row.values and row.values["expires_on"] is None:
        row.values.setdefault("open_ended", "stated")  # the cell says that there is no end; blank says nothing
    read_in_vain = {fault.name for fault in faults}
    signed = row.is_signed or "signed_on" in read_in_vain
    if options.row_as_evidence and signed:
        row.values.setdefault("evidence_sha256", row.sha256)
    faults += [fault for fault in _about_status(row, options.statuses, signed) if fault.name not in read_in_vain]
    word = row.values.pop("status", None)
    status = None if word is None else options.statuses.meaning_of(str(word))
    return msgspec.structs.replace(row, status=status, faults=tuple(faults))


def _about_status(row: TrackerRow, statuses: Statuses, signed: bool) -> Iterator[CellFault]:
    """What the status says must fit the signature and the end that are or are not there, if only in vain."""
    word = row.values.get("status")
    status, said = None, f"{quoted(str(word))} says"
    if word is not None:
        status = statuses.meaning_of(str(word))
        if status is None:
            known = ", ".join(statuses.words)
            yield row.fault("status", "status_unknown", f"{quoted(str(word))} is no known status. Known are: {known}.")
            return
    if status == "never":
        yield row.fault("status", "never_signed", f"{said} that it never came about. Leave the row out.")
        return
    if status == "draft" and signed:
        yield row.fault("status", "signed_yet_draft", f"The row has a day of signature, yet {said} that it is a draft.")
    if status in ("signed", "expired", "ended") and not signed:
        over = "" if status == "signed" else ", even though it is over"
        yield row.fault("signed_on", "cell_blank", f"signed_on is needed: {said} that it was signed{over}.")
    if status == "ended" and "ended_on" not in row.values:
        words = f"ended_on is needed: {said} that it was ended. Give the last day on which it was in force."
        yield row.fault("ended_on", "cell_blank", words)
    if status in ("signed", "draft") and "ended_on" in row.values:
        yield row.fault("ended_on", "ended_yet_going_on", f"The row has the day of an end, yet {said} that it goes on.")
    if status is None and "ended_on" in row.values and not signed:
        yield row.fault("signed_on", "cell_blank", "signed_on is needed: what was ended had been signed.")
    if signed:
        for name in sorted(OF_A_SIGNATURE - row.values.keys()):
            yield row.fault(name, "cell_blank", f"{name} is needed for an agreement that is signed.")


def wanted(row: TrackerRow, custodian_id: UUID, parties: Sequence[UUID], time_zone: str) -> NewAgreement:
    """The agreement that the row speaks of, a RecordedAgreement where it is signed.

    Raises Malformed with a fault for each value that does not fit.
    """
    said = {**row.values, "parties": [str(party) for party in parties], "time_zone": time_zone}
    for name in BESIDE_THE_AGREEMENT:
        said.pop(name, None)
    if row.is_signed:
        said["custodian"] = str(custodian_id)
    else:
        for name in OF_A_SIGNATURE:
            said.pop(name, None)
    kind: type[NewAgreement] = RecordedAgreement if row.is_signed else NewAgreement
    values = nested(said)
    try:
        return msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError:
        raise Malformed("The row is no agreement.", faults=list(find_faults(values, kind))) from None
