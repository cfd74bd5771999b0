"""What one cell of a tracker means. Nothing is guessed: what could be meant in two ways is refused with what to write.

Each reader takes a cell's value as the sheet holds it and gives the value that the registry stores, or raises
`CellRefused`.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Final, Literal, TypeAlias

from registry.platform.bulk.sheets import Formula, Value
from registry.platform.kernel.text import shortened
from registry.platform.kernel.time import written_day

Dates: TypeAlias = Literal["iso", "us"]
Reader: TypeAlias = Callable[[Value, Dates], object]

YEARS: Final = range(1950, 2101)
LONGEST_CELL: Final = 4_000
_ISO: Final = re.compile(r"\A([0-9]{4})-([0-9]{2})-([0-9]{2})\Z")
_US: Final = re.compile(r"\A([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})\Z")
_SHORT_YEAR: Final = re.compile(r"\A[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2}\Z")
_OF_NUMBERS: Final = re.compile(r"\A([0-9]{1,4})[/.-]([0-9]{1,2})[/.-]([0-9]{1,4})\Z")
_NO_END: Final = frozenset(
    {
        *("no end", "no end date", "without end", "no expiration", "no expiration date", "no expiry", "no expiry date"),
        *("does not expire", "never", "never expires", "open ended", "perpetual", "in perpetuity"),
        *("indefinite", "indefinitely", "evergreen", "ongoing", "on going", "none"),
    }
)
_NO_LIMIT: Final = frozenset({"no limit", "no_limit", "unlimited", "without limit", "without end", "indefinitely"})
_PERIOD: Final = re.compile(r"\A([0-9]{1,9})(?: *(days?|months?))?\Z")
_WHOLE: Final = re.compile(r"\A[0-9]{1,9}\Z")
_MONEY: Final = re.compile(r"\A\$?([0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,13})(\.[0-9]{2})?\Z")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # line breaks and tabs are blanks
_ERRORS: Final = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!")
_STRAIGHT: Final = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201b": "'"})
_YES: Final = frozenset({"yes", "y", "true", "x", "1"})
_NO: Final = frozenset({"no", "n", "false", "0"})


class CellRefused(Exception):
    """The cell does not say what it must: a stable code, and a sentence with what to write instead."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


def straightened(text: str) -> str:
    """The text as a key: apostrophes straight, blanks single. Names that differ in these are the same."""
    return " ".join(text.translate(_STRAIGHT).split())


def plain(value: Value) -> str:
    """The cell's text in NFC without leading and trailing blanks; empty where it is blank. Raises CellRefused."""
    if value is None:
        return ""
    if isinstance(value, Formula):
        raise CellRefused("formula", "The cell holds a formula. Put its value there instead (paste as values).")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return written_day(value).isoformat() if value == midnight(value) else value.isoformat(" ")
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    text = unicodedata.normalize("NFC", str(value)).strip()
    if len(text) > LONGEST_CELL:
        raise CellRefused("cell_too_long", f"The cell has {len(text)} characters, more than {LONGEST_CELL}.")
    if text.upper() in _ERRORS:
        raise CellRefused("spreadsheet_error", f"{quoted(text)} is an error of the spreadsheet, not a value.")
    return text


def midnight(at: datetime) -> datetime:
    """The start of that day."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def quoted(text: str) -> str:
    """What the cell says, short enough for a sentence."""
    return f"“{shortened(text, 60)}”"


def read_text(value: Value, _dates: Dates) -> str:
    """Words on one line, blanks single."""
    return " ".join(plain(value).split())


def read_word(value: Value, _dates: Dates) -> str:
    """A word of a list: small letters, with underscores for blanks and hyphens."""
    return re.sub(r"[\s-]+", "_", plain(value).lower())


def read_date(value: Value, dates: Dates) -> date:
    """A day: a date cell of the spreadsheet, YYYY-MM-DD, or M/D/YYYY where the tracker is said to write it so."""
    if isinstance(value, datetime):
        if value != midnight(value):
            raise CellRefused("not_a_date", f"{quoted(value.isoformat(' '))} has a time of day; give the day alone.")
        return _sane(written_day(value))
    if isinstance(value, int | float):
        words = f"{quoted(plain(value))} is a number, not a date; format the cell as a date, or write YYYY-MM-DD."
        raise CellRefused("not_a_date", words)
    text = plain(value)
    if found := _ISO.match(text):
        return _day(text, *map(int, found.groups()))
    if (numbers := _OF_NUMBERS.match(text)) and not any(map(_on_calendar, _readings(*numbers.groups()))):
        raise _no_day(text)
    if found := _US.match(text):
        if dates == "iso":
            words = f"{quoted(text)} could be month/day or day/month; write YYYY-MM-DD, or say that dates are US."
            if not _on_calendar((found[3], found[1], found[2])):
                words = f"{quoted(text)} is a day only if the day comes first; write YYYY-MM-DD."
            elif not _on_calendar((found[3], found[2], found[1])):
                words = f"{quoted(text)} is a day only if the month comes first: write YYYY-MM-DD, or say dates are US."
            raise CellRefused("date_ambiguous", words)
        month, day, year = map(int, found.groups())
        return _day(text, year, month, day)
    if _SHORT_YEAR.match(text):
        raise CellRefused("year_of_two_digits", f"{quoted(text)} has a year of two digits; write YYYY-MM-DD.")
    raise CellRefused("not_a_date", f"{quoted(text)} is not a date; write it as YYYY-MM-DD, such as 2025-05-08.")


def read_last_day(value: Value, dates: Dates) -> date | None:
    """The last day of a term, or None where the cell says that there is no end; that it is blank says nothing."""
    if isinstance(value, str) and re.sub(r"[\s-]+", " ", plain(value).lower()) in _NO_END:
        return None
    return read_date(value, dates)


def _readings(first: str, second: str, third: str) -> Iterator[tuple[str, str, str]]:
    """Year, month and day, in each order in which they are written."""
    if len(third) in (2, 4):
        yield third, first, second
        yield third, second, first
    if len(first) in (2, 4):
        yield first, second, third


def _on_calendar(written: tuple[str, str, str]) -> bool:
    """Whether there is such a day; in a year of two digits, in one of the centuries."""
    year, month, day = written
    years = [int(year)] if len(year) > 2 else [1900 + int(year), 2000 + int(year)]
    return any(_found(each, int(month), int(day)) is not None for each in years)


def _found(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _no_day(text: str) -> CellRefused:
    return CellRefused("not_a_date", f"{quoted(text)} is no day of the calendar; write YYYY-MM-DD.")


def _day(text: str, year: int, month: int, day: int) -> date:
    found = _found(year, month, day)
    if found is None:
        raise _no_day(text)
    return _sane(found)


def _sane(day: date) -> date:
    if day.year not in YEARS:
        words = f"{quoted(day.isoformat())}: {day.year} is not a year from {YEARS[0]} to {YEARS[-1]}."
        raise CellRefused("year_out_of_range", words)
    return day


def read_whole(value: Value, _dates: Dates) -> int:
    """A whole number."""
    text = plain(value)
    if not _WHOLE.match(text):
        raise CellRefused("not_a_whole_number", f"{quoted(text)} is not a whole number.")
    return int(text)


def read_times(value: Value, dates: Dates) -> int | str:
    """How often at most: a whole number, that there is no limit, or that the text is silent on it."""
    text = re.sub(r"[\s-]+", " ", plain(value).lower())
    if text in _NO_LIMIT:
        return "no_limit"
    if text in ("silent", "not said", "does not say"):
        return "silent"
    if not _WHOLE.match(text):
        words = f"{quoted(plain(value))} is neither a whole number nor “no limit” or “silent”."
        raise CellRefused("not_a_number_of_times", words)
    return read_whole(value, dates)


def or_no_limit(reader: Reader) -> Reader:
    """The reader of a limit, of which the text may say that there is none."""

    def read(value: Value, dates: Dates) -> object:
        return "no_limit" if re.sub(r"[\s-]+", " ", plain(value).lower()) in _NO_LIMIT else reader(value, dates)

    return read


def read_flag(value: Value, _dates: Dates) -> bool:
    """Yes or no."""
    text = plain(value).lower()
    if text in _YES | _NO:
        return text in _YES
    raise CellRefused("not_yes_or_no", f"{quoted(text)} is neither yes nor no.")


def read_period(value: Value, _dates: Dates) -> dict[str, int]:
    """So many days or months; a number alone is days, as the columns of trackers count."""
    text = plain(value).lower()
    found = _PERIOD.match(text)
    if not found:
        words = f"{quoted(text)} is no period: write a number of days or of months, such as 90 days or 6 months."
        raise CellRefused("not_a_period", words)
    return {"months" if (found[2] or "").startswith("month") else "days": int(found[1])}


def read_money(value: Value, _dates: Dates) -> dict[str, str]:
    """An amount in US dollars, with or without cents."""
    text = plain(value)
    found = _MONEY.match(f"{value:.2f}" if isinstance(value, float) and round(value, 2) == value else text)
    if not found:
        raise CellRefused("not_an_amount", f"{quoted(text)} is not an amount of dollars such as 1250.00.")
    whole = found[1].replace(",", "").lstrip("0") or "0"
    return {"amount": f"{whole}{found[2] or '.00'}", "currency": "USD"}


def read_list(value: Value, _dates: Dates) -> list[str]:
    """Several, separated by semicolons, or each on a line of its own."""
    text = plain(value)
    parts = text.split(";") if ";" in text else text.splitlines()
    return [part for part in (" ".join(each.split()) for each in parts) if part]


def read_words(value: Value, dates: Dates) -> list[str]:
    """Several words of a list, separated by semicolons, commas or line breaks."""
    return [read_word(part, dates) for part in re.split(r"[;,\r\n]", plain(value)) if part.strip()]


def no_control(text: str) -> str:
    """The text. Raises CellRefused for control characters, which no field may hold."""
    if found := _CONTROL.search(text):
        raise CellRefused("control_character", f"The cell holds the control character U+{ord(found[0]):04X}.")
    return text
