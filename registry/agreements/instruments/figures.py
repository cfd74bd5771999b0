"""Numbers, days, money and dates as a clause writes them: “ninety (90) days”, “first twelve hours”, “June 30, 2028”.

Nothing is invented: a number or a month of which a character may be misread (`9O days`, `Decernber 1`) is `certain`
only where it is spelled out beside it, and a number without a unit is none. Where the word and the number differ, it
`disagrees` and is uncertain.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import Final, Literal

from msgspec import Struct

Unit = Literal["hours", "days", "months", "money", "date", "times"]

_SMALL: Final = {
    word: n
    for n, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
}
_TENS: Final = {
    word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2)
}
_SCALES: Final = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_UNITS: Final[dict[str, tuple[Unit, int]]] = {
    "hour": ("hours", 1),
    "hr": ("hours", 1),
    "day": ("days", 1),
    "week": ("days", 7),
    "month": ("months", 1),
    "year": ("months", 12),
}
_MONTHS: Final = {
    name: n
    for n, name in enumerate(
        "january february march april may june july august september october november december".split(), start=1
    )
}
_WORDS: Final = "|".join((*_SMALL, *_TENS, *_SCALES))
_SPELLED: Final = rf"(?:(?:{_WORDS})\b(?:[\s-]+(?:and[\s-]+)?(?=(?:{_WORDS})\b))?)+"
# Digits, among which an O may be a nought and an l or I a one.
_DIGITS: Final = r"(?<![\w.,$/])(?<![A-Za-z]-)[0-9OolI]{0,8}[0-9][0-9OolI]{0,8}(?:,[0-9]{3})*(?![\w]|\.[0-9])"
_NUMBER: Final = (
    rf"(?:(?P<spelled>{_SPELLED})(?:\s*\(\s*(?P<inside>[0-9OolI]{{1,8}})\s*\))?"
    rf"|(?P<digits>{_DIGITS})(?:\s*\(\s*(?P<aside>{_SPELLED})\s*\))?)"
)
_BETWEEN: Final = (
    r"(?:[\s-]+(?:calendar|business|working|consecutive|continuous|full|additional|successive|or\s+more))*"
)
_AMOUNT: Final = re.compile(rf"\b{_NUMBER}{_BETWEEN}[\s-]*(?P<unit>hour|hr|day|week|month|year)s?\b", re.I)
# How often: “two (2) additional one-year terms”, “five successive terms of one year”, “three times”.
_TIMES: Final = re.compile(
    rf"\b{_NUMBER}(?P<more>[\s-]+(?:additional|successive|consecutive|further|more))*"
    rf"(?:[\s-]+(?:(?:{_WORDS}|[0-9]{{1,3}})\b[\s-]+(?:\(\s*[0-9]{{1,3}}\s*\)[\s-]+)?)(?:year|month)s?)?"
    r"(?:[\s-]+(?:renewal|extension|additional|successive))*[\s-]+(?:term|period|extension|renewal|time)s?\b",
    re.I,
)
_SUM: Final = r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{2})?|[0-9]{1,12}(?:\.[0-9]{2})?"
_MONEY: Final = re.compile(
    rf"(?:\$|\bUSD\s?)\s?(?P<sum>[0-9]{{1,3}}(?:,[0-9]{{3}})+|[0-9]{{1,12}})(?P<cents>\.[0-9]{{2}})?(?![0-9,]*[0-9])"
    rf"(?:\s*\(\s*(?P<aside>{_SPELLED})\s+dollars\s*\))?"
    rf"|\b(?P<spelled>{_SPELLED})\s+(?:\(\s*\$?(?P<inside>{_SUM})\s*\)\s+)?dollars\b"
    rf"(?:\s*\(\s*\$\s?(?P<after>{_SUM})\s*\))?",
    re.I,
)
# How a scanner reads a letter of a month: “Decernber”, “Apri1”, “0ctober”, “Ju1y”.
_SCANNED: Final = {
    "m": "(?:m|rn|nn)",
    "l": "[l1i]",
    "i": "[i1l]",
    "o": "[o0]",
    "u": "(?:u|ii)",
    "b": "[b6]",
    "g": "[gq9]",
}
_SCANNED_MONTHS: Final = {
    n: re.compile("".join(_SCANNED.get(letter, letter) for letter in name), re.I) for name, n in _MONTHS.items()
}
_MONTH: Final = "|".join(pattern.pattern for pattern in _SCANNED_MONTHS.values())
# One or two digits, and four: at least one of them is read as such.
_ONE_OR_TWO: Final = r"(?=[OolI]?[0-9])[0-9OolI]{1,2}"
_FOUR: Final = r"(?=[OolI]{0,3}[0-9])[0-9OolI]{4}"
_DATE: Final = re.compile(
    rf"\b(?:(?P<month>{_MONTH})\s+(?P<day>{_ONE_OR_TWO})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year>{_FOUR})\b)?"
    rf"|(?P<day2>{_ONE_OR_TWO})(?:st|nd|rd|th)?\s+(?:day\s+of\s+)?(?P<month2>{_MONTH})\b(?:,?\s+(?P<year2>{_FOUR})\b)?"
    rf"|(?P<us_month>{_ONE_OR_TWO})/(?P<us_day>{_ONE_OR_TWO})/(?P<us_year>{_FOUR})\b"
    rf"|(?P<iso>{_FOUR}-{_ONE_OR_TWO}-{_ONE_OR_TWO})\b)",
    re.I,
)
_SENTENCE: Final = re.compile(r"(?<=[.;])\s+(?=[A-Z(“\"])|\n\s*\n")
_BROKEN: Final = re.compile(r"(?<=[a-z])-\s*\n\s*(?=[a-z])")
_MISREAD: Final = str.maketrans({"O": "0", "o": "0", "l": "1", "L": "1", "I": "1", "i": "1"})


class Figure(Struct, kw_only=True, frozen=True):
    """One of them; `words` are those of the text. Money is in cents; a date without a year has `year` None."""

    unit: Unit
    value: int
    words: str
    certain: bool = True
    disagrees: bool = False
    year: int | None = None

    def is_before(self, day: date) -> bool:
        """Whether it is a day with a year, before that one."""
        return self.year is not None and (self.year, self.value) < (day.year, day.month * 100 + day.day)

    def is_day(self, day: date) -> bool:
        """Whether it is that day, or that day of any year."""
        return self.value == day.month * 100 + day.day and self.year in (None, day.year)


def sentences(text: str) -> list[str]:
    """The sentences of a clause, words broken over two lines joined and blanks single."""
    joined = _BROKEN.sub("", unicodedata.normalize("NFKC", text))
    return [" ".join(part.split()) for part in _SENTENCE.split(joined) if part.strip()]


def figures(sentence: str) -> Iterator[Figure]:
    """The figures of a sentence that have a unit, are money, or are a date."""
    for found in _AMOUNT.finditer(sentence):
        yield from _counted(found, *_UNITS[found["unit"].lower()])
    for found in _TIMES.finditer(sentence):
        yield from _counted(found, "times", 1)
    for found in _MONEY.finditer(sentence):
        yield from _money(found)
    for found in _DATE.finditer(sentence):
        yield from _date(found)


def _money(found: re.Match[str]) -> Iterator[Figure]:
    """The amount, in cents; of one in words and in figures that differ, that it disagrees."""
    words = found["spelled"] or found["aside"]
    spelled = None if words is None else spelled_out(words)
    figures_ = found["inside"] or found["after"]
    if figures_ is None and found["sum"] is not None:
        figures_ = found["sum"] + (found["cents"] or "")
    written = None if figures_ is None else _cents(figures_)
    # Words leave the cents to the figures: “five hundred dollars ($500.25)” is one amount.
    disagrees = spelled is not None and written is not None and spelled != written // 100
    value = written if written is not None else None if spelled is None else spelled * 100
    if value is not None:
        yield Figure(unit="money", value=value, words=_quoted(found[0]), certain=not disagrees, disagrees=disagrees)


def _cents(written: str) -> int:
    whole, _, cents = written.replace(",", "").partition(".")
    return int(whole) * 100 + int(cents or "0")


def _counted(found: re.Match[str], unit: Unit, times: int) -> Iterator[Figure]:
    """The figure of a `_NUMBER` with its unit, of which there are so many in what is counted."""
    spelled = found["spelled"] or found["aside"]
    digits = found["digits"] or found["inside"]
    value = None if spelled is None else spelled_out(spelled)
    plain = None if digits is None or _misread(digits) else _number(digits)
    disagrees = value is not None and plain is not None and value != plain
    certain = (value is not None or plain is not None) and not disagrees
    if plain is not None or value is None:
        value = plain if digits is None or plain is not None else _number(digits)
    if value is not None:
        yield Figure(unit=unit, value=value * times, words=_quoted(found[0]), certain=certain, disagrees=disagrees)


def spelled_out(words: str) -> int | None:
    """The number that the words name; None where they name none, as “twenty hundred three thousand”."""
    total, current, scale, last = 0, 0, 10**9, ""
    for word in re.findall(r"[a-z]+", words.lower()):
        if word in _SMALL:
            if last in _SMALL or (last in _TENS and not 0 < _SMALL[word] < 10):
                return None
            current += _SMALL[word]
        elif word in _TENS:
            if last in _SMALL or last in _TENS:
                return None
            current += _TENS[word]
        elif word in _SCALES:
            factor = _SCALES[word]
            if factor == 100:
                if not 0 < current < 100:
                    return None
                current *= 100
            else:
                if current == 0 or factor >= scale:
                    return None
                total, current, scale = total + current * factor, 0, factor
        elif word != "and":
            return None
        last = word
    return total + current if last else None


def _misread(digits: str) -> bool:
    return re.fullmatch(r"[0-9,]+", digits) is None


def _number(digits: str) -> int:
    return int(digits.translate(_MISREAD).replace(",", ""))


def _date(found: re.Match[str]) -> Iterator[Figure]:
    names = [found["month"] or found["month2"]] if found["month"] or found["month2"] else []
    if found["iso"]:
        written = found["iso"].split("-")
    elif found["us_month"]:
        written = [found["us_year"], found["us_month"], found["us_day"]]
    else:
        written = [found["year"] or found["year2"] or "", "", found["day"] or found["day2"]]
    year, month, day = (_number(each) if each else None for each in written)
    for name in names:
        month = next(n for n, pattern in _SCANNED_MONTHS.items() if pattern.fullmatch(name))
    if month is not None and day is not None and 1 <= month <= 12 and 1 <= day <= 31:
        certain = not any(_misread(each) for each in written if each) and all(each.lower() in _MONTHS for each in names)
        yield Figure(unit="date", value=month * 100 + day, words=_quoted(found[0]), year=year, certain=certain)


def _quoted(words: str) -> str:
    return " ".join(words.split())
