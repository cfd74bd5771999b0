"""Suggests which column fills which field, from headers, their synonyms and values, with a confidence; pure.

A suggestion is never acted on by itself: it is shown, and whoever imports sends the mapping that counts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from registry.platform.bulk.fields import FieldKind, Importer, ImportField
from registry.platform.bulk.mapping import shown
from registry.platform.bulk.parsing import Cell
from registry.platform.bulk.schemas import FieldSource, ImportColumn, SuggestedField
from registry.platform.bulk.sheets import letter
from registry.platform.bulk.values import UNITS, CellRefused, folded_word, is_blank, read_value, text_of, unit_of
from registry.platform.kernel.text import tokens

HEADER_WITHIN: Final = 10  # a title and a date of the last change often stand above the headers
SAMPLE: Final = 200
MOST_EXAMPLES: Final = 3
MOST_VALUES: Final = 50
LEAST: Final = 0.4
_WEAK_KINDS: Final = (FieldKind.TEXT, FieldKind.CODE, FieldKind.CODES)


class Suggestions(Struct, kw_only=True, frozen=True):
    """The columns with what is suggested for each, and a mapping of it all."""

    columns: list[ImportColumn]
    mapping: dict[str, FieldSource]
    missing: list[str]


def header_at(importer: Importer, rows: Sequence[Sequence[Cell]]) -> int:
    """Which of the first rows has the headers: the one with most headers that mean something, else with most words."""
    known = {folded_word(name) for field in importer.fields for name in _names(field)}

    def worth(at: int) -> tuple[int, int, int]:
        texts = [text_of(cell) for cell in rows[at] if not is_blank(cell)]
        return sum(folded_word(text) in known for text in texts), len(texts), -at

    among = range(min(len(rows), HEADER_WITHIN))
    best = max(among, key=worth)
    return best if worth(best)[0] else max(among, key=lambda at: worth(at)[1:])


def suggest(
    importer: Importer,
    headers: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    vocabulary: Mapping[str, Mapping[str, str]],
) -> Suggestions:
    """What is suggested, from the headers and some rows. Each field gets one column, each column one field."""
    columns = [[row[at] for row in rows if at < len(row) and not is_blank(row[at])] for at in range(len(headers))]
    scored = sorted(
        (
            (score, -at, field.name, because)
            for at, header in enumerate(headers)
            for field in importer.fields
            for score, because in [_score(field, header, columns[at], vocabulary.get(field.name, {}))]
            if score >= LEAST
        ),
        reverse=True,
    )
    chosen: dict[int, tuple[str, float, str]] = {}
    taken: set[str] = set()
    for score, at, name, because in scored:
        if -at not in chosen and name not in taken:
            chosen[-at] = name, score, because
            taken.add(name)
    for at, header in enumerate(headers):
        if at not in chosen and (open_field := _open(importer, header, vocabulary)) and open_field not in taken:
            chosen[at] = open_field, 0.9, "The header names it."
            taken.add(open_field)
    repeated = {header for header, times in Counter(headers).items() if times > 1}
    fields = {field.name: field for field in importer.fields}
    measures = {
        name: _measure(fields[name], headers[at], columns[at]) for at, (name, _, _) in chosen.items() if name in fields
    }
    mapping = {
        name: FieldSource(
            header=None if headers[at] in repeated or not headers[at] else headers[at],
            column=letter(at) if headers[at] in repeated or not headers[at] else None,
            values=_values(fields.get(name), columns[at], vocabulary.get(name, {})),
            measure=measures.get(name),
        )
        for at, (name, _, _) in sorted(chosen.items())
    }
    return Suggestions(
        columns=[
            ImportColumn(
                column=letter(at),
                header=header,
                examples=list(dict.fromkeys(shown(cell) or "" for cell in columns[at]))[:MOST_EXAMPLES],
                suggestion=None
                if at not in chosen
                else SuggestedField(
                    field=chosen[at][0],
                    confidence=chosen[at][1],
                    because=_because(chosen[at][2], measures.get(chosen[at][0])),
                ),
            )
            for at, header in enumerate(headers)
        ],
        mapping=mapping,
        missing=[field.name for field in importer.fields if field.required and field.name not in taken],
    )


def _names(field: ImportField) -> tuple[str, ...]:
    return (field.name, field.name.replace("_", " ").replace(".", " "), *field.synonyms)


def _score(field: ImportField, header: str, cells: Sequence[Cell], words: Mapping[str, str]) -> tuple[float, str]:
    named, because = _by_header(field, header)
    fits = _share_that_fits(field, cells, words)
    if fits is None:
        return round(named * 0.9, 2), because
    if not named:
        if field.kind in _WEAK_KINDS and not words:
            return 0.0, ""
        if field.kind not in (FieldKind.CHOICE, FieldKind.CODE) or fits < 0.8:
            return 0.0, ""
        return 0.5, "Its values are such words."
    if field.kind in _WEAK_KINDS and not words:
        return round(named, 2), because
    score = named * (0.45 + 0.55 * fits)
    some = "All values" if fits == 1 else f"{fits:.0%} of the values" if fits else "No value"
    return round(score, 2), f"{because} {some} can be read so."


def _by_header(field: ImportField, header: str) -> tuple[float, str]:
    word = folded_word(header)
    if not word:
        return 0.0, ""
    if word in (folded_word(field.name), folded_word(field.name.replace("_", " ").replace(".", " "))):
        return 1.0, "The header is the field's name."
    best = 0.0
    for at, name in enumerate(field.synonyms):
        if word == folded_word(name):
            return max(0.95 - at * 0.01, 0.8), "The header is another word for it."
        ours, theirs = set(tokens(name)), set(tokens(header))
        if ours and ours <= theirs:
            best = max(best, 0.6 * len(ours) / len(theirs))
    return (best, "The header has a word for it.") if best else (0.0, "")


def _share_that_fits(field: ImportField, cells: Sequence[Cell], words: Mapping[str, str]) -> float | None:
    """Which share of the values can be read as the field's; None where there are none."""
    if not cells:
        return None
    fitting = 0
    for cell in cells[:SAMPLE]:
        try:
            value = read_value(field, cell, words)
        except CellRefused:
            continue
        fitting += not words or value in words.values()
    return fitting / len(cells[:SAMPLE])


def _values(field: ImportField | None, cells: Sequence[Cell], words: Mapping[str, str]) -> dict[str, str]:
    """What the words in the column stand for, where the vocabulary says so and they are not codes already."""
    if field is None or not words:
        return {}
    codes = set(words.values())
    found = {}
    for cell in cells:
        text = text_of(cell)
        if text and text.lower() not in codes and (code := words.get(folded_word(text))):
            found[text[:1000]] = code
    return found if len(found) <= MOST_VALUES else {}


def _measure(field: ImportField, header: str, cells: Sequence[Cell]) -> str | None:
    """What the numbers of the column without a unit of their own are in: as the header says, else the field's own."""
    if not field.measures or all(unit_of(field, text_of(cell)) for cell in cells):
        return None
    words = set(tokens(header))
    return next((each for each in field.measures if words & UNITS.get(each, frozenset())), next(iter(field.measures)))


def _because(words: str, measure: str | None) -> str:
    if measure is None:
        return words
    return f"{words} Numbers without a unit are read as {measure}: correct `measure` where they are not."


def _open(importer: Importer, header: str, vocabulary: Mapping[str, Mapping[str, str]]) -> str | None:
    """The field below an open prefix that the header names, in full or by a word for it."""
    for prefix in importer.open_fields:
        if header.startswith(prefix) and header != prefix:
            return header
        if code := vocabulary.get(prefix, {}).get(folded_word(header)):
            return prefix + code
    return None
