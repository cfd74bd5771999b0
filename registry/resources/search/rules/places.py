"""Where: names of places and counties in a sentence, with what tells that they are names, and the choice among many.

The names are looked up in data by whoever asks; here is which words may be a name, and which of the places found is
meant: one that is called by its state or as a county, else one that stands behind “near”, else the longest name; of
several of one name the nearest to the caller's agency.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct

from registry.directory.places.gazetteer import Place, PlaceKind
from registry.platform.kernel.geo import distance_km
from registry.resources.search.rules.ordinary import is_ordinary
from registry.resources.search.rules.states import BY_NAME, CODES, state_at
from registry.resources.search.rules.tokens import Sentence, Span

COUNTY = frozenset(("county", "counties", "co", "cnty", "cty", "parish", "borough", "par"))
LEADS_TO_PLACES = frozenset("near in at around by outside from to of nearby downtown".split())
_BEFORE_STATES = frozenset("across around in near of throughout within".split())
_WORDS_AS_WELL = frozenset("AL AS CO DE HI ID IN LA MA ME MI MO OH OK OR PA".split())
"""Postal codes that are words, too, or parts of names of places."""
_LONGEST = 4
_ORDER = {PlaceKind.STATE: 0, PlaceKind.PLACE: 1, PlaceKind.COUNTY: 2}
_MOST_ALTERNATIVES = 8


class Named(Struct, kw_only=True, frozen=True):
    """Words that may be the name of a place: the name to look up, and what stands beside it."""

    key: str
    state: str | None
    is_county: bool
    span: Span
    weight: int
    plain: bool
    """Nothing but the word itself tells that it is a place."""


class Where(Struct, kw_only=True, frozen=True):
    """The place that is meant, and others of that name."""

    place: Place
    span: Span
    alternatives: tuple[Place, ...] = ()
    says_state: bool = True


_HERE = tuple(
    (*before.split(), *here.split())
    for befores, meant in (
        ("closest to|nearest to|close to|near|around|from|of", "me|us|here|our agency|my agency"),
        ("in", "our area|my area"),
    )
    for before in befores.split("|")
    for here in meant.split("|")
)
_PERHAPS_HERE = (("close", "by"), ("near", "by"), ("nearby",), ("closest",), ("nearest",), ("locally",))
"""What means here unless a place is named: “closest to Duluth” means Duluth."""


def find_here(sentence: Sentence, *, perhaps: bool = False) -> Span | None:
    """Words such as “near me”, which mean where the asking agency is."""
    for phrase in _PERHAPS_HERE if perhaps else _HERE:
        for at in range(len(sentence)):
            if all(sentence.word(at + i) == word for i, word in enumerate(phrase)):
                return Span(at, at + len(phrase))
    return None


def names_in(sentence: Sentence) -> list[Named]:
    """Every run of words that may be a name of a place; most are none."""
    found: list[Named] = []
    for first in range(len(sentence)):
        for size in range(1, _LONGEST + 1):
            words = [sentence.word(first + i) for i in range(size)]
            if not all(word and word[0].isalpha() for word in words):
                break
            found += _readings(sentence, first, words)
            owner = sentence.owner(first + size - 1)
            if owner != words[-1]:  # “Duluth's drones”; it may be the name itself, as of St. Mary's
                found += _readings(sentence, first, [*words[:-1], owner], owner=True)
    return found


def _readings(sentence: Sentence, first: int, words: Sequence[str], *, owner: bool = False) -> Iterable[Named]:
    """The name alone, as a county, and with its state.

    Whose something is (`owner`) stands before that, and not behind “near” or “in”: there it is the name of the place.
    """
    end = first + len(words)
    if len(words) == 1 and (code := _state_by_code(sentence, first)) is not None:
        name = next(" ".join(name) for name, its in BY_NAME.items() if its == code)
        yield Named(key=name, state=code, is_county=False, span=Span(first, end), weight=9, plain=False)
    before = sentence.word(first - 1)
    led = 2 * (before in LEADS_TO_PLACES)
    capital = sentence.tokens[first].capital and first > 0
    key = " ".join(words)
    for is_county in (False, True):
        after = end
        if is_county:
            if sentence.owner(end) not in COUNTY:
                return
            after = end + 1
        comma = after + (sentence.word(after) == ",")
        state = state_at(sentence, comma)
        weight = 2 * len(words) + led + capital + 4 * is_county
        if owner:
            weight += -1 if led or not sentence.word(end) else 1
        if state is not None:
            span = Span(first, state[1].end)
            yield Named(key=key, state=state[0], is_county=is_county, span=span, weight=weight + 5, plain=False)
        plain = not is_county and not led and not capital
        yield Named(key=key, state=None, is_county=is_county, span=Span(first, after), weight=weight, plain=plain)


def _state_by_code(sentence: Sentence, at: int) -> str | None:
    """“in MN”: a state by its postal code behind a word that leads to places; in capitals where it may be a word."""
    code = sentence.word(at).upper()
    if code not in CODES or sentence.word(at - 1) not in _BEFORE_STATES or at == 0:
        return None
    token = sentence.tokens[at]
    in_capitals = sentence.text[token.start : token.end].isupper()
    return code if in_capitals or code not in _WORDS_AS_WELL else None


Known: TypeAlias = Mapping[str, Sequence[Place]]
"""Places by their keys."""
Point: TypeAlias = tuple[float, float]
"""Latitude and longitude."""


def are_names(names: Iterable[Named], known: Known) -> list[Named]:
    """Those of the names that some place has."""
    return [name for name in names if _called(name, known.get(name.key, ()), None)]


def choose_place(
    names: Iterable[Named], known: Known, home: Point | None, free: Sentence, state: str = ""
) -> Where | None:
    """The place that is meant, of the names of which nothing is understood yet.

    `home` and `state` are where the caller's agency is.
    """
    best: tuple[tuple[int, int], Where] | None = None
    for name in names:
        if not free.free(name.span) or (name.plain and is_ordinary(name.key)):
            continue
        places = _called(name, known.get(name.key, ()), home, state)
        if not places:
            continue
        rank = (name.weight, -name.span.first)
        if best is None or rank > best[0]:
            others = tuple(places[1 : 1 + _MOST_ALTERNATIVES])
            best = rank, Where(place=places[0], span=name.span, alternatives=others, says_state=name.state is not None)
    return None if best is None else best[1]


def _called(name: Named, places: Sequence[Place], home: Point | None, state: str = "") -> list[Place]:
    """The places of that name, the nearest first; a town before a county unless a county is said.

    Of counties the one in the own state goes before a nearer one beyond its border.
    """
    found = [
        place
        for place in places
        if name.state in (None, place.state) and (place.kind is PlaceKind.COUNTY or not name.is_county)
    ]

    def order(place: Place) -> tuple[int, bool, float, str]:
        away = 0.0 if home is None else distance_km(*home, place.latitude, place.longitude)
        abroad = place.kind is PlaceKind.COUNTY and place.state != state
        return (_ORDER[place.kind] if not name.is_county else 0, abroad, away, place.state)

    return sorted(found, key=order)
