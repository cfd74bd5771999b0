"""Rows by a mapping: which cell fills which field, and what is wrong with it, so that its writer can mend it; pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from registry.platform.bulk.fields import Importer, ImportField, field_of
from registry.platform.bulk.parsing import Cell, TableRow
from registry.platform.bulk.schemas import FieldSource, ImportFault
from registry.platform.bulk.sheets import Formula, letter
from registry.platform.bulk.values import CellRefused, expected, folded_word, is_blank, read_value, text_of
from registry.platform.kernel.errors import Fault, RuleBroken
from registry.platform.kernel.text import shortened

MOST_SHOWN: Final = 80
_MEND: Final = "Correct the cell, and send the file again; rows that were taken stay as they are."
_REMEDIES: Final[Mapping[str, str]] = {
    "formula": "Paste the formula's value over it.",
    "cell_blank": "Fill the cell in, or give the field a constant in the mapping.",
    "word_unknown": "Write one of the allowed words, or say in the mapping's `values` what this one stands for.",
    "key_repeated": "Leave one of the rows, or number them apart; of such rows the first one counts.",
    "row_unreadable": "Correct the row, and send the file again.",
    "unknown_category": "Give a category's code or a name of no other, or say in the mapping's `values` what is meant.",
    "not_a_day": "Write YYYY-MM-DD, or give the measure `us` in the mapping where the file has month/day/year.",
    "test_incomplete": "Map `tested_on` and `tested_by`, to a column or as constants.",
    "personnel_separated": "Leave the row out: the record of somebody who has left is not edited.",
    "asset_retired": "Leave the row out, or give the thing another number.",
}


class MappedField(Struct, kw_only=True, frozen=True):
    """A field with its column, where it has one; `values` by folded word."""

    field: ImportField
    at: int | None
    constant: str | None
    values: Mapping[str, str]
    measure: str | None


class MappedRow(Struct, kw_only=True, frozen=True):
    """A row's values by field, and what is wrong with it."""

    row: int
    values: Mapping[str, Any]
    faults: Sequence[ImportFault]


class RowMapper:
    """Reads rows by one mapping. Raises RuleBroken for a mapping that does not fit the file or the kind."""

    def __init__(
        self,
        importer: Importer,
        headers: Sequence[str],
        mapping: Mapping[str, FieldSource],
        vocabulary: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """`vocabulary` has, by field, what words people write in place of a code; the mapping's `values` come first."""
        self._headers = headers
        words = vocabulary or {}
        self._fields = [
            _mapped(importer, headers, name, source, words.get(name, {})) for name, source in mapping.items()
        ]
        self._by_name = {each.field.name: each for each in self._fields}
        self._key = importer.key
        missing = [each.name for each in importer.fields if each.required and each.name not in self._by_name]
        if missing:
            raise RuleBroken.at(
                f"The mapping lacks {', '.join(missing)}: give each a column, or a constant for all rows.",
                "mapping_incomplete",
                f"lacks {', '.join(missing)}",
                pointer="/mapping",
            )
        self._required = {each.name for each in importer.fields if each.required}

    def read(self, row: TableRow) -> MappedRow:
        """The values of a row, or what is wrong with it."""
        if row.fault is not None:
            return MappedRow(row=row.row, values={}, faults=[_row_fault("row_unreadable", row.fault)])
        values: dict[str, Any] = {}
        faults = []
        extra = next((at for at, cell in enumerate(row.cells) if at >= len(self._headers) and not is_blank(cell)), None)
        if extra is not None:
            words = f"Column {letter(extra)} has a value and no header, so the row's cells may have shifted."
            faults.append(_row_fault("row_unreadable", words))
        for mapped in self._fields:
            cell = _cell(row.cells, mapped.at)
            try:
                value = read_value(mapped.field, cell, mapped.values, mapped.measure)
                if value is None and mapped.constant is not None:
                    value = read_value(mapped.field, mapped.constant, mapped.values, None)
            except CellRefused as refused:
                faults.append(self._fault(mapped, row.cells, refused.code, refused.detail))
                continue
            if value is not None:
                values[mapped.field.name] = value
            elif mapped.field.name in self._required:
                faults.append(self._fault(mapped, row.cells, "cell_blank", "The cell is blank, and has to be filled."))
        return MappedRow(row=row.row, values=values, faults=faults)

    def fault(self, row: TableRow, pointer: str, code: str, detail: str) -> ImportFault:
        """What is wrong with the field at that pointer, placed in the row."""
        parts = [part for part in pointer.split("/") if part]
        for take in range(len(parts), 0, -1):
            mapped = self._by_name.get(".".join(parts[:take]))
            if mapped is not None:
                return self._fault(mapped, row.cells, code, _sentence(detail))
        name = ".".join(parts) or None
        return _row_fault(code, _sentence(detail) if name is None else f"{name}: {_sentence(detail)}", name)

    def of_error(self, row: TableRow, code: str, detail: str, faults: Sequence[Fault]) -> list[ImportFault]:
        """The faults of a domain error, placed in the row; codes of a fault of form are its error's."""
        placed = [self.fault(row, each.pointer or "", each.code, each.detail) for each in faults]
        return placed or [_row_fault(code, detail)]

    def repeated(self, row: TableRow, first: int) -> ImportFault:
        """The fault of a second row about the same thing."""
        mapped = next(self._by_name[name] for name in self._key if name in self._by_name)
        same = " and ".join(name for name in self._key if name in self._by_name)
        words = f"Row {first} has the same {same} and comes first, so that one counts, and this row does not."
        return self._fault(mapped, row.cells, "key_repeated", words)

    def remark(self, row: TableRow, code: str, detail: str, field: str | None) -> ImportFault:
        """Something to be known about a row that was taken."""
        mapped = self._by_name.get(field or "")
        if mapped is None:
            return ImportFault(
                column=None, header=None, field=field, value=None, code=code, detail=detail, expected=None, remedy=_LOOK
            )
        found = self._fault(mapped, row.cells, code, detail)
        return ImportFault(
            column=found.column,
            header=found.header,
            field=field,
            value=found.value,
            code=code,
            detail=detail,
            expected=None,
            remedy=_LOOK,
        )

    def _fault(self, mapped: MappedField, cells: Sequence[Cell], code: str, detail: str) -> ImportFault:
        at = mapped.at
        return ImportFault(
            column=None if at is None else letter(at),
            header=None if at is None else self._headers[at],
            field=mapped.field.name,
            value=shown(_cell(cells, at)) if at is not None else shown(mapped.constant),
            code=code,
            detail=detail,
            expected=expected(mapped.field),
            remedy=_REMEDIES.get(code, _MEND),
        )


_LOOK: Final = "Look whether that is right; the row was taken."


def _sentence(detail: str) -> str:
    text = detail.strip()
    return text if text.endswith((".", "!", "?")) else f"{text[:1].upper()}{text[1:]}."


def _row_fault(code: str, detail: str, field: str | None = None) -> ImportFault:
    return ImportFault(
        column=None,
        header=None,
        field=field,
        value=None,
        code=code,
        detail=detail,
        expected=None,
        remedy=_REMEDIES.get(code, "Correct the row, and send the file again; rows that were taken stay as they are."),
    )


def shown(cell: Cell) -> str | None:
    """The cell for a report, shortened."""
    if isinstance(cell, Formula):
        return "(formula)"
    text = text_of(cell)
    return shortened(text, MOST_SHOWN) if text else None


def _cell(cells: Sequence[Cell], at: int | None) -> Cell:
    return None if at is None or at >= len(cells) else cells[at]


def _mapped(
    importer: Importer, headers: Sequence[str], name: str, source: FieldSource, words: Mapping[str, str]
) -> MappedField:
    place = f"/mapping/{name}"
    field = field_of(importer, name)
    if field is None:
        known = ", ".join([each.name for each in importer.fields] + [f"{each}…" for each in importer.open_fields])
        raise RuleBroken.at(
            f"There is no field {name} here; these are: {known}.",
            "unknown_field_mapped",
            "no such field",
            pointer=place,
        )
    if source.header is None and source.column is None and source.constant is None:
        raise RuleBroken.at(
            f"{name} has neither a column nor a constant.",
            "mapping_incomplete",
            "no column, no constant",
            pointer=place,
        )
    measures = {*field.measures, *(("us",) if field.kind == "day" else ())}
    if source.measure is not None and source.measure not in measures:
        known = ", ".join(sorted(measures)) or "none"
        raise RuleBroken.at(
            f"{name} cannot be in {source.measure}; it can be in: {known}.",
            "unknown_measure",
            "no such measure",
            pointer=f"{place}/measure",
        )
    return MappedField(
        field=field,
        at=_place_of(headers, source, place),
        constant=source.constant,
        values={**words, **{folded_word(word): meant for word, meant in source.values.items()}},
        measure=source.measure,
    )


def _place_of(headers: Sequence[str], source: FieldSource, place: str) -> int | None:
    if source.column is not None:
        at = _index(source.column)
        if at >= len(headers) or (source.header is not None and headers[at] != source.header):
            raise RuleBroken.at(
                f"The file has no such column {source.column}.", "unknown_column", "no such column", pointer=place
            )
        return at
    if source.header is None:
        return None
    found = [at for at, header in enumerate(headers) if header == source.header.strip()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise RuleBroken.at(
            f"The file has no column “{source.header}”.", "unknown_column", "no such header", pointer=f"{place}/header"
        )
    letters = " and ".join(letter(at) for at in found)
    raise RuleBroken.at(
        f"The header “{source.header}” stands in the columns {letters}: give one of the letters as `column`.",
        "header_repeated",
        f"in the columns {letters}",
        pointer=f"{place}/header",
    )


def _index(letters: str) -> int:
    number = 0
    for each in letters:
        number = number * 26 + ord(each) - ord("A") + 1
    return number - 1
