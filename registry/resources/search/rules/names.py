"""Names of agencies and of assets in a sentence, so that they are not taken for places.

An agency is named by where it is and what it is: “Duluth PD”, “St. Louis County Sheriff's Office”. An asset is named by
its category with a word beside it that nothing else explains, or that may only perhaps be a place: “K9 Rex”. Whether
there is such an agency or asset is looked up by whoever asks.
"""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from registry.directory.places.gazetteer import Place, PlaceKind
from registry.platform.kernel.words import stem
from registry.resources.search.rules.ordinary import is_ordinary
from registry.resources.search.rules.places import COUNTY, LEADS_TO_PLACES, Point, Where
from registry.resources.search.rules.tokens import SIGNS, Sentence, Span, tokenise
from registry.resources.search.rules.understanding import PASSED_OVER, Understanding, left_runs, with_taken

MOST_WORDS = 4
_LONGEST_NAME = 8
_SHORT = 3
_OFFICE = frozenset("department dept office".split())


class AgencyNamed(Struct, kw_only=True, frozen=True):
    """Words that may be the name of an agency: where it is, what it is, and where they stand."""

    base: tuple[str, ...]
    kind: str
    span: Span


def agencies_in(sentence: Sentence) -> list[AgencyNamed]:
    """What may be the name of an agency, the longest first."""
    found: list[AgencyNamed] = []
    for at in range(len(sentence)):
        found += _owners_at(sentence, at)
        kind, end = _kind_at(sentence, at)
        for size in range(1, MOST_WORDS + 1) if kind else ():
            base = tuple(sentence.word(i) for i in range(at - size, at))
            if not all(word and word[0].isalpha() for word in base):
                break
            found.append(AgencyNamed(base=base, kind=kind, span=Span(at - size, end)))
    return sorted(found, key=lambda each: -each.span.size)


def _owners_at(sentence: Sentence, at: int) -> list[AgencyNamed]:
    """“Lakeside's dogs”, “Hennepin County's drone”: whose something is, by how the name of its agency begins."""
    last = sentence.owner(at)
    if last == sentence.word(at) or not last.isalpha():
        return []
    found = [AgencyNamed(base=(last,), kind="", span=Span(at, at + 1))] if _is_particular(last) else []
    for size in range(2, MOST_WORDS + 1):
        first = at + 1 - size
        base = (*(sentence.word(i) for i in range(first, at)), last)
        if first < 0 or not all(word.isalpha() for word in base):
            break
        if sentence.tokens[first].capital and base[0] not in PASSED_OVER:
            found.append(AgencyNamed(base=base, kind="", span=Span(first, at + 1)))
    return found


def _kind_at(sentence: Sentence, at: int) -> tuple[str, int]:
    """“PD”, “police department”, “SO”, “sheriff's office”: a word of the agency's name, and where it ends."""
    word, follows = sentence.owner(at), sentence.owner(at + 1) in _OFFICE
    if word == "pd" or (word == "police" and follows):
        return "police", at + 1 + follows
    if word == "so" or word.startswith("sheriff"):
        return "sheriff", at + 1 + follows
    return "", at


def is_called(name: str, named: AgencyNamed) -> bool:
    """Whether an agency of that name is meant."""
    words = _words(name)
    return words[: len(named.base)] == named.base and any(word.startswith(named.kind) for word in words)


def asset_name_in(found: Understanding) -> Span | None:
    """The category with the words beside it, which may be the name of an asset; None where none stands there."""
    if found.category is None or len(found.category.span) > 1:
        return None
    sentence, (first, end) = found.sentence, found.category.span[0]
    may_belong = {at for at in sentence.left() if sentence.tokens[at].word not in PASSED_OVER}
    if found.where is not None and not _is_led(sentence, found.where.span):
        may_belong |= set(range(*found.where.span))
    if found.quantity is not None and found.quantity[1].first >= end:
        may_belong |= set(range(*found.quantity[1]))  # “K-9 team 4”
    while first - 1 in may_belong:
        first -= 1
    while end in may_belong:
        end += 1
    span = Span(first, end)
    return span if found.category.span[0].size < span.size <= _LONGEST_NAME else None


def _is_led(sentence: Sentence, span: Span) -> bool:
    return span.first > 0 and sentence.tokens[span.first - 1].word in LEADS_TO_PLACES


def holds_name(name: str, said: str) -> bool:
    """Whether what was said stands in the name of an asset, word by word."""
    words, part = _stems(name), _stems(said)
    return any(words[i : i + len(part)] == part for i in range(len(words) - len(part) + 1))


def with_name(found: Understanding, span: Span) -> Understanding:
    """The sentence, where these words are an asset's name: they are no place, and not left over."""
    sentence = found.sentence
    sentence.take(span)
    left = (sentence.tokens[at] for at in sentence.left())
    where = found.where
    if where is not None and span.first <= where.span.first and where.span.end <= span.end:
        where = None
    counted = found.quantity
    if counted is not None and span.first <= counted[1].first and counted[1].end <= span.end:
        counted = None
    return replace(
        found,
        where=where,
        name=span,
        quantity=counted,
        left=tuple(sentence.text[t.start : t.end] for t in left if t.word not in PASSED_OVER),
    )


def whatever_it_is(found: Understanding) -> Understanding:
    """The sentence, where what is called so is of another kind than its words name: no kind is asked for."""
    name = found.name
    if name is None:
        return found
    capability = found.capability
    if capability is not None and all(name.first <= span.first and span.end <= name.end for span in capability.span):
        capability = None
    return replace(found, category=None, certified=None, capability=capability, own=None)


def is_whole_name(name: str, said: str) -> bool:
    """Whether an asset's name is what was said, and no more."""
    return _stems(name) == _stems(said)


def patterns(named: Iterable[AgencyNamed]) -> list[str]:
    """How agencies' names begin in lower case and what they hold, for LIKE; of letters alone, so nothing is escaped."""
    return list(dict.fromkeys(f"{each.base[0]}%{each.kind}%" for each in named))


def begins_with(name: str, words: Sequence[str]) -> bool:
    """Whether an agency's name begins with these words."""
    return tuple(_words(name)[: len(words)]) == tuple(words)


def may_begin_a_name(found: Understanding) -> Span | None:
    """Words that nothing understood, with a word or more that no town shares with ordinary speech: “Northfork K-9”."""
    if found.unplaced is not None:
        return None
    sentence = found.sentence
    may = [(at, run.end) for run in left_runs(found) for at in range(*run) if _is_particular(sentence.word(at))]
    if not may:
        return None
    first, end = min(may, key=lambda each: (not sentence.tokens[each[0]].capital, each[0]))
    return Span(first, min(end, first + MOST_WORDS))


def county_named(found: Understanding) -> Span | None:
    """Words that stand where a place does and end in “County”, though no county is known by them."""
    span = found.unplaced
    if span is None or found.where is not None:
        return None
    end = next((at + 1 for at in range(*span) if found.sentence.tokens[at].word in COUNTY and at > span.first), None)
    return None if end is None else Span(span.first, end)


def at_the_agency(found: Understanding, span: Span, name: str, state: str, at: Point) -> Understanding:
    """The sentence, where a county that no list has is that of an agency of its name: around the agency is searched."""
    said = found.sentence.said([span])
    place = Place(name=said, kind=PlaceKind.COUNTY, state=state, latitude=at[0], longitude=at[1])
    remark = f"No county is known as “{said}”; the search is around {name}, which is called so."
    return replace(
        with_taken(found, span),
        where=Where(place=place, span=span),
        unplaced=None,
        here=None,
        remarks=(*found.remarks, remark),
    )


def _is_particular(word: str) -> bool:
    return word.isalpha() and len(word) > _SHORT and not is_ordinary(word)


def _stems(text: str) -> Sequence[str]:
    """Names are compared by what the forms of a word have in common: “diver kits”, “Diver's kit”."""
    return tuple(map(stem, _words(text)))


def _words(text: str) -> Sequence[str]:
    return tuple(token.word for token in tokenise(text) if token.word not in SIGNS)
