"""Numbers in words and digits, Roman numerals, and what they count: quantities, types, distances, travelling times."""

import re
from typing import NamedTuple

from registry.resources.search.rules.tokens import Sentence, Span

WORDS = {
    **{word: n for n, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), 1)},
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "hundred": 100,
    "couple": 2,
    "pair": 2,
    "both": 2,
    "dozen": 12,
    "several": 2,
    "few": 3,
}
ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4}
MOST = 100_000
KM = {
    **dict.fromkeys(("km", "kms", "kilometer", "kilometers", "kilometre", "kilometres", "klicks"), 1.0),
    **dict.fromkeys(("mi", "mile", "miles", "mis"), 1.609344),
}
MINUTES = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 1),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 60),
}
MOST_KM, MOST_MINUTES = 500.0, 720
_BETTER = {"better", "higher", "above", "greater", "up", "more", "best"}
_WITHIN = {"within", "inside", "under", "max", "maximum", "wi", "win"}
_AWAY = {"away", "out", "drive", "radius", "range", "distance", "or", "less", "of"}
_NOT_COUNTED = {"man", "person", "member", "seat", "seater", "ft", "foot", "feet", "ton", "inch", "yo", "year", "day"}
_COUNTERS = {"x", "qty", "quantity", "need", "needs", "count"}
_IS_NUMBER = re.compile(r"\d+(\.\d+)?")  # not “3³”, whose last sign is a digit to Python, and no number
HOUR_DIGITS = 4
"""Digits of an hour as armed services write it: 0200."""
_LONGEST_NUMBER = 15  # characters; no count is longer, and a number of hundreds of digits is none to calculate with


class Number(NamedTuple):
    """A number and the tokens that say it."""

    value: float
    span: Span


def number_at(sentence: Sentence, at: int) -> Number | None:
    """The number that begins there, in digits or words, “a couple of” included; none of more than fifteen digits."""
    word = sentence.word(at)
    if not word or len(word) > _LONGEST_NUMBER:
        return None
    if word[0].isdecimal():
        return Number(float(word), Span(at, at + 1)) if _IS_NUMBER.fullmatch(word) else None
    if word in ("a", "an") and sentence.word(at + 1) in WORDS:
        counted = number_at(sentence, at + 1)
        return None if counted is None else counted._replace(span=Span(at, counted.span.end))
    if word not in WORDS:
        return None
    value, end = float(WORDS[word]), at + 1
    ones = WORDS.get(sentence.word(end), 0)
    if value in (20, 30, 40, 50) and 0 < ones < 10:
        value, end = value + ones, end + 1
    if sentence.word(end) == "of" and word in ("couple", "pair", "dozen"):
        end += 1
    return Number(value, Span(at, end))


def find_type(sentence: Sentence) -> tuple[int, Span] | None:
    """The type that is asked for at least: “type II or better”, “type-2”, “Type 1+”."""
    for at in range(len(sentence)):
        if sentence.word(at) not in ("type", "typ"):
            continue
        value_at = at + 2 if sentence.word(at + 1) == "-" else at + 1
        word = sentence.word(value_at)
        level = ROMAN.get(word) or WORDS.get(word) or (int(word) if word in ("1", "2", "3", "4") else 0)
        if not 1 <= level <= 4:
            continue
        return level, Span(at, _past_better(sentence, value_at + 1))
    return None


def find_level(sentence: Sentence) -> tuple[int, Span] | None:
    """The level of a language that is asked for at least: “ILR 3 or better”, “level 2+”."""
    for at in range(len(sentence)):
        if sentence.word(at) not in ("ilr", "level"):
            continue
        first = at + 1 + (sentence.word(at) == "ilr" and sentence.word(at + 1) == "level")
        word = sentence.word(first)
        if word in ("0", "1", "2", "3", "4", "5"):
            return int(word), Span(at, _past_better(sentence, first + 1))
    return None


def _past_better(sentence: Sentence, end: int) -> int:
    if sentence.word(end) in ("or", "and") and sentence.word(end + 1) in _BETTER:
        return end + 2
    return end + (sentence.word(end) == "+")


class Reach(NamedTuple):
    """How far away it may be: kilometres, or minutes until it arrives."""

    km: float | None
    minutes: int | None
    span: Span


def find_reach(sentence: Sentence) -> Reach | None:
    """“within 50 miles”, “80 km radius”, “within 90 minutes”, “2 hours away”, “within the hour”."""
    for at in range(len(sentence)):
        within = sentence.word(at) in _WITHIN
        first = at + 1 if within else at
        if within and sentence.word(first) in ("a", "an", "the", "about"):
            first += 1
        unit = sentence.word(first)
        number = number_at(sentence, first)
        end = first
        value = 1.0
        if number is not None:
            value, end = number.value, number.span.end
            end += sentence.word(end) == "-"
            unit = sentence.word(end)
        elif sentence.word(at) in ("a", "an") and not within:
            unit, end = sentence.word(at + 1), at + 1  # “an hour away”
        elif not within:
            continue
        away = sentence.word(end + 1)
        if unit in KM and (within or number is not None):
            tail = end + 1 + (away in _AWAY - {"of", "or", "less"})
            return Reach(round(min(value * KM[unit], MOST_KM), 1), None, _whole(sentence, at, tail))
        if unit in MINUTES and value * MINUTES[unit] <= MOST_MINUTES and (within or away in ("away", "out", "drive")):
            tail = end + 1 + (away in ("away", "out", "drive"))
            return Reach(None, int(value * MINUTES[unit]), _whole(sentence, at, tail))
    return None


def _whole(sentence: Sentence, first: int, end: int) -> Span:
    return Span(first, end + (sentence.word(end) == "of"))


def find_quantity(sentence: Sentence, kind: Span | None) -> tuple[int, Span] | None:
    """How many: “2 dogs”, “x3”, “(2)”, “a couple of”. A number that says nothing of the kind of thing is left."""
    found: list[tuple[int, int, Span]] = []
    for at in range(len(sentence)):
        number = number_at(sentence, at)
        if number is None or number.value != int(number.value) or not 1 <= number.value <= MOST:
            continue
        if at and sentence.word(at - 1) and number_at(sentence, at - 1) is not None and number.span.first == at:
            continue  # the second part of a number in words
        value, (first, end) = int(number.value), number.span
        before, after = sentence.word(first - 1), sentence.word(end)
        if "/" in (before, after) or (len(sentence.tokens[at].word) > 1 and sentence.tokens[at].word[0] == "0"):
            continue  # “24/7”, “0200”
        if after in _NOT_COUNTED or (after == "-" and sentence.word(end + 1) in _NOT_COUNTED):
            continue
        if before in _COUNTERS or after == "x":
            span = Span(first - (before in _COUNTERS and before != "need" and before != "needs"), end + (after == "x"))
            found.append((0, value, span))
        elif before == "(" and after == ")":
            found.append((0, value, Span(first - 1, end + 1)))
        elif kind is not None and 0 <= kind.first - end <= 2:
            found.append((1 + kind.first - end, value, number.span))
        elif kind is not None and first == kind.end:
            found.append((5, value, number.span))
        elif kind is None and first == 0:
            found.append((6, value, number.span))
    if not found:
        return None
    _, value, span = min(found)
    return value, span
