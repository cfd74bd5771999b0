"""Reading a cell as a field's value; pure. Cells are read as text first: what a spreadsheet made of them is kept."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

import msgspec

from registry.platform.bulk.fields import FieldKind, ImportField
from registry.platform.bulk.parsing import Cell
from registry.platform.bulk.sheets import Formula
from registry.platform.kernel.text import folded_key

_THOUSANDS: Final = re.compile(r"-?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?")
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_COMMA: Final = re.compile(r"-?[0-9]{1,15},[0-9]{1,15}")
_US_DAY: Final = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_YES: Final = frozenset({"true", "yes", "y", "1", "x", "on"})
_NO: Final = frozenset({"false", "no", "n", "0", "off"})
_WITH_UNIT: Final = re.compile(r"(?P<number>-?[0-9][0-9.,]*) ?(?P<unit>[A-Za-z]+)\.?")
UNITS: Final[Mapping[str, frozenset[str]]] = {
    "minutes": frozenset({"min", "mins", "minute", "minutes"}),
    "hours": frozenset({"h", "hr", "hrs", "hour", "hours"}),
    "days": frozenset({"d", "day", "days"}),
    "kilometres": frozenset({"km", "kms", "kilometre", "kilometres", "kilometer", "kilometers"}),
    "miles": frozenset({"mi", "mile", "miles"}),
}
"""The words for a measure, as people write them behind a number or in a header."""
_MOST_DIGITS: Final = 17  # of a binary float, as a spreadsheet stores numbers

EXPECTED: Final[Mapping[FieldKind, str]] = {
    FieldKind.TEXT: "text",
    FieldKind.WHOLE: "a whole number, such as 12",
    FieldKind.DECIMAL: "a decimal number, such as 44.98",
    FieldKind.MONEY: "an amount with at most two decimal places, such as 1250.00",
    FieldKind.FLAG: "yes or no",
    FieldKind.CHOICE: "one of the allowed words",
    FieldKind.CODE: "a code",
    FieldKind.CODES: "codes, separated by semicolons",
    FieldKind.DAY: "a day as YYYY-MM-DD",
    FieldKind.RECORDS: "a list of objects as JSON",
    FieldKind.OBJECT: "an object as JSON",
}


class CellRefused(Exception):
    """The cell cannot be read: a stable code, and what is wrong."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def expected(field: ImportField) -> str:
    """What a cell of the field may hold, in words."""
    if field.choices:
        return f"one of {', '.join(field.choices)}"
    if field.measures:
        return f"{EXPECTED[field.kind]}, by itself or with its unit ({', '.join(field.measures)})"
    return EXPECTED[field.kind]


def text_of(cell: Cell) -> str:
    """What the cell says, as text; blank for nothing."""
    if cell is None or isinstance(cell, Formula):
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 10**15 else repr(cell)
    text = str(cell)
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).strip()


def is_blank(cell: Cell) -> bool:
    """Whether the cell says nothing."""
    return not isinstance(cell, Formula) and not text_of(cell)


def read_value(field: ImportField, cell: Cell, values: Mapping[str, str], measure: str | None = None) -> Any:
    """The field's value; None where the cell says nothing. `values` are folded words with what they stand for.

    Raises CellRefused.
    """
    if isinstance(cell, Formula):
        raise CellRefused("formula", "The cell has a formula, and formulas are not computed here.")
    text = text_of(cell)
    if values and (meant := values.get(folded_word(text))) is not None:
        text = meant.strip()
    if not text:
        return None
    if field.words and (word := field.words.get(folded_word(text))) is not None:
        text = word
    return _READERS[field.kind](field, text, measure)


@lru_cache(maxsize=4096)
def folded_word(text: str) -> str:
    """The form under which two spellings of a value count as the same."""
    return folded_key(text) or text.casefold()


def _text(_field: ImportField, text: str, _measure: str | None) -> str:
    return text


def _number(text: str, *, may_have_three_decimals: bool = False) -> Decimal:
    bare = text.replace("\u00a0", "").replace(" ", "")
    if _THOUSANDS.fullmatch(bare):
        if may_have_three_decimals and bare.count(",") == 1 and "." not in bare:
            raise CellRefused("number_ambiguous", "The comma may separate thousands or decimals: write it without.")
        bare = bare.replace(",", "")
    elif _COMMA.fullmatch(bare):
        bare = bare.replace(",", ".")
    try:
        if not _NUMBER.fullmatch(bare) and not re.fullmatch(r"-?[0-9.]{1,20}[eE][+-]?[0-9]{1,2}", bare):
            raise CellRefused("not_a_number", "This is not a number.")
        return Decimal(bare)
    except InvalidOperation:
        raise CellRefused("not_a_number", "This is not a number.") from None


def _in_measure(field: ImportField, number: Decimal, measure: str | None) -> Decimal:
    return number * Decimal(field.measures[measure]) if measure and field.measures else number


def unit_of(field: ImportField, text: str) -> tuple[str, str] | None:
    """The number and the measure that a text such as “0.5 h” or “30 min” states; None where it states none."""
    found = _WITH_UNIT.fullmatch(text) if field.measures else None
    if found is None:
        return None
    word = found["unit"].casefold()
    measure = next((each for each in field.measures if word in UNITS.get(each, ())), None)
    return None if measure is None else (found["number"], measure)


def _whole(field: ImportField, text: str, measure: str | None) -> int:
    text, measure = unit_of(field, text) or (text, measure)
    number = _in_measure(field, _number(text), measure)
    if number != number.to_integral_value():
        raise CellRefused("not_a_whole_number", "This is not a whole number.")
    return int(number)


def _decimal(field: ImportField, text: str, measure: str | None) -> float:
    text, measure = unit_of(field, text) or (text, measure)
    return float(_in_measure(field, _number(text, may_have_three_decimals=True), measure))


def _money(_field: ImportField, text: str, _measure: str | None) -> str:
    number = _number(re.sub(r"\A\s*(USD|US\$|\$)|(USD|\$)\s*\Z", "", text).strip())
    cents = number.quantize(Decimal("0.01")) if abs(number) < 10**13 else number
    if cents != number and abs(cents - number) > Decimal("0.000001"):
        raise CellRefused("money_too_fine", "An amount has at most two decimal places.")
    return f"{cents:.2f}"


def _flag(_field: ImportField, text: str, _measure: str | None) -> bool:
    word = text.casefold()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise CellRefused("not_yes_or_no", "This is neither yes nor no.")


def _choice(field: ImportField, text: str, _measure: str | None) -> str:
    word = folded_word(text)
    found = next((each for each in field.choices if folded_word(each.replace("_", " ")) == word or each == text), None)
    if found is None:
        raise CellRefused("word_unknown", "This is none of the allowed words.")
    return found


def _code(_field: ImportField, text: str, _measure: str | None) -> str:
    return text.lower()


def _codes(_field: ImportField, text: str, _measure: str | None) -> list[str]:
    if text.startswith("["):
        return [str(each) for each in _json(text, list[str])]
    return [part.strip().lower() for part in re.split("[;,|]", text) if part.strip()]


def _records(_field: ImportField, text: str, _measure: str | None) -> Any:
    return _json(text, list[dict[str, Any]])


def _object(_field: ImportField, text: str, _measure: str | None) -> Any:
    return _json(text, dict[str, Any])


def _json(text: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError, ValueError):
        raise CellRefused("not_json", "This is not JSON of that kind.") from None


def _day(_field: ImportField, text: str, measure: str | None) -> str:
    try:
        if measure == "us" and (found := _US_DAY.fullmatch(text)):
            return date(int(found[3]), int(found[1]), int(found[2])).isoformat()
        return date.fromisoformat(text[:10] if text[10:] in ("T00:00:00", " 00:00:00") else text).isoformat()
    except ValueError:
        raise CellRefused("not_a_day", "This is not a day.") from None


_READERS: Final = {
    FieldKind.TEXT: _text,
    FieldKind.WHOLE: _whole,
    FieldKind.DECIMAL: _decimal,
    FieldKind.MONEY: _money,
    FieldKind.FLAG: _flag,
    FieldKind.CHOICE: _choice,
    FieldKind.CODE: _code,
    FieldKind.CODES: _codes,
    FieldKind.DAY: _day,
    FieldKind.RECORDS: _records,
    FieldKind.OBJECT: _object,
}
