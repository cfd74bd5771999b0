"""What a text makes a condition of its being in force, in words, held against the rules of approval on record. Pure.

A text may wait for the approval of a governing body, or of an office of the state. Here a party waits for one only
where its rule says so; where none does, the agreement reads as in force from its signatures on, and the reader is told
what the clause says. What a sentence is known by is data (`conditions.yaml`). Filing as a condition is a duty's matter.
"""

from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from registry.agreements.instruments.remarks import Remark, RemarkCode
from registry.agreements.instruments.wording import Match, Pattern, Wording
from registry.platform.kernel.yaml_text import read_yaml

Kind = Literal["body", "office"]
_READ_AT_MOST: Final = 20_000
_NEAR: Final = 3
_AFTER: Final = 8
_WHOLE: Final = 10_000
_NEGATIVE: Final = frozenset({"no", "not", "never", "neither"})
_UNSURE: Final = "It is read from the words alone: look at the sentence."


class _Awaiting(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One kind of condition: by whom the approval is, in alternatives of a pattern each."""

    kind: Kind
    means: str
    by: Annotated[tuple[str, ...], Meta(min_length=1)]


class _Known(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The file: see its own words."""

    headings: frozenset[str]
    words: dict[str, str]
    of: frozenset[str]
    not_after: frozenset[str]
    not_of: tuple[str, ...]
    not_within: frozenset[str]
    of_all: frozenset[str]
    conditions: tuple[_Awaiting, ...]
    patterns: tuple[str, ...]


class Awaited(Struct, kw_only=True, frozen=True):
    """A condition that a clause sets, with its words; `of_all`: whether each party's is asked for; `by`: of whom."""

    kind: Kind
    means: str
    clause: str
    words: str
    by: str
    of_all: bool


class BodyRule(Struct, kw_only=True, frozen=True):
    """What a party says of its governing body: whether its approval is needed, None where it has not said so.

    `bodies`: whose approvals are on record for it.
    """

    agency: str
    required: bool | None
    bodies: tuple[str, ...] = ()


@cache
def _known() -> _Known:
    """What is shipped. Raises ValidationError for data that cannot be meant."""
    return msgspec.convert(read_yaml((Path(__file__).parent / "conditions.yaml").read_text("utf-8")), _Known)


@cache
def _patterns() -> tuple[tuple[_Awaiting, str, Pattern], ...]:
    """Each kind with whose approval it is and a whole pattern."""
    known = _known()
    return tuple(
        (each, by, msgspec.convert(pattern.format_map({**known.words, "by": by}), Pattern))
        for each in known.conditions
        for by in each.by
        for pattern in known.patterns
    )


@lru_cache(maxsize=128)
def awaited(clauses: tuple[tuple[str, str, str], ...]) -> tuple[Awaited, ...]:
    """The conditions that the clauses set, each by its number, heading and text; of a kind one for each clause."""
    read, left = [], _READ_AT_MOST
    for number, heading, text in clauses:
        left -= len(text)
        if heading in _known().headings and left >= 0:
            read.append((number, text))
    wording = Wording([text for _, text in read])
    found: dict[tuple[int, Kind], Awaited] = {}
    for kind, by, pattern in _patterns():
        for match in wording.matches(pattern):
            place = match.ordinal, kind.kind
            if place in found or not _is_meant(wording, match, pattern):
                continue
            around = {*wording.within(match), *wording.near(match, 0, _AFTER)[1]}
            found[place] = Awaited(
                kind=kind.kind,
                means=kind.means,
                clause=read[match.ordinal][0],
                words=wording.said(match),
                by=by,
                of_all=not around.isdisjoint(_known().of_all),
            )
    return tuple(found[place] for place in sorted(found))


def _is_meant(wording: Wording, match: Match, pattern: str) -> bool:
    """Whether the sentence says it, and of the agreement itself."""
    known, within = _known(), wording.within(match)
    own = bool(_NEGATIVE & {*pattern.split(" ")[0].split("|")})
    if wording.asks(match) or wording.negated(match, own=own) or not known.not_within.isdisjoint(within[1:]):
        return False
    if ";" in wording.said(match):
        return False
    before, _ = wording.near(match, _WHOLE, 0)
    span = [*before, *within]
    if any(_has(span, each) for each in known.not_of):
        return False
    subjects = [at for at, word in enumerate(span) if word in known.of]
    if not subjects:
        return not before
    return any(known.not_after.isdisjoint(span[max(0, at - _NEAR) : at]) for at in subjects)


def _has(words: Sequence[str], pattern: str) -> bool:
    """Whether the words of the pattern stand in them one after the other: `a|b` either, `liab*` a beginning."""
    elements = [each.split("|") for each in pattern.split(" ")]
    return any(
        all(_is(words[at + n], element) for n, element in enumerate(elements))
        for at in range(len(words) - len(elements) + 1)
    )


def _is(word: str, element: Sequence[str]) -> bool:
    return any(word == each or (each[-1] == "*" and word.startswith(each[:-1])) for each in element)


def about_conditions(found: Sequence[Awaited], rules: Sequence[BodyRule]) -> Iterator[Remark]:
    """Of each condition that no rule on record asks for, as far as the text asks for it."""
    asking = [each for each in rules if each.required]
    refusing = [each.agency for each in rules if each.required is False]
    for each in found:
        if not asking and refusing:
            code, stands = RemarkCode.SAYS_OTHERWISE, f"{', '.join(refusing)} says that it needs none"
        elif not asking:
            code, stands = (
                RemarkCode.CONDITION_NOT_ENTERED,
                "no party has a rule on record that asks for an approval (`approval_required`), so each party is read "
                "as bound from its signature on",
            )
        elif each.of_all and len(asking) < len(rules):
            code, lacking = RemarkCode.CONDITION_NOT_ENTERED, [its.agency for its in rules if not its.required]
            stands = f"{', '.join(lacking)} has no rule on record that asks for one, and is bound from its signature on"
        elif each.kind == "office" and (bodies := _of_others(each, asking)):
            code, stands = RemarkCode.CONDITION_NOT_ENTERED, f"the approvals on record are of {', '.join(bodies)}"
        else:
            continue
        detail = (
            f"Clause {each.clause} says “{each.words}”, which reads as if {each.means}; yet {stands}. A party says by "
            "its own rule of approval that it is bound only while one lasts; have counsel review. " + _UNSURE
        )
        yield Remark(code=code, detail=detail, clause=each.clause)


def _of_others(found: Awaited, asking: Sequence[BodyRule]) -> list[str]:
    """Whose approvals are on record, where none of them is of the office that the text names."""
    bodies = [body for each in asking for body in each.bodies]
    named = any(_has(body.lower().replace(",", " ").split(), found.by) for body in bodies)
    return [] if named else list(dict.fromkeys(bodies))
