"""The whole of a sentence: each part of the grammar in turn, and what none of them understood.

What is surest comes first: distances and types have words of their own, then places with their states, then times,
kinds of things, quantities, and places by their bare names. What one part has understood the next does not read.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from registry.platform.kernel.words import stem
from registry.resources.search.rules.certified import Certified, certified_as, find_certified
from registry.resources.search.rules.kinds import Kind, Lexicon, Meaning, Means, find_kinds, root_of
from registry.resources.search.rules.narrowing import narrowed
from registry.resources.search.rules.numbers import (
    HOUR_DIGITS,
    WORDS,
    Reach,
    find_level,
    find_quantity,
    find_reach,
    find_type,
)
from registry.resources.search.rules.persons import (
    LANGUAGE,
    in_both_ways,
    is_of_people,
    most_telling,
    preferred,
    without_modifiers,
    without_purposes,
)
from registry.resources.search.rules.places import Known, Named, Point, Where, are_names, choose_place, find_here
from registry.resources.search.rules.times import When, find_when
from registry.resources.search.rules.tokens import Sentence, Span

PASSED_OVER = frozenset(
    """
    a all an and any anybody anyone anything are area around asap at available be by can capable certified close
    closest could day downtown everything find fluent folks for free from gal gals get give got guy guys has have
    hello help here hi i im in is it later locally looking me my near nearby nearest need needed needs of officer
    officers on one or our outside people person please pls plz qualified request requesting required rest s send
    shift slot slots some somebody someone something speak speaker speakers speaking speaks thanks that the there
    this thx to trained us w want wanted we what whats who with within would you
    """.split()
)
"""Words that ask, and say nothing of what for."""


_COUNTS = frozenset((*WORDS, "a", "an", "some"))
_MAY = frozenset("can could may".split())
_WHO_MAY = frozenset("i that us we which".split())
_AND = frozenset("& + , and plus".split())
_JOINS = _AND | {"a", "an", "or", "the"}
_LEADS_TO_A_PLACE = frozenset("around downtown near nearby outside".split())
_MAY_LEAD_TO_A_PLACE = frozenset("at by from in to".split())


class Setting(Struct, kw_only=True, frozen=True):
    """Who asks, and when: what a sentence leaves out is to be understood from there."""

    now: datetime
    zone: ZoneInfo
    home: Point | None
    """Where the caller's agency is."""
    home_state: str = ""


class Understanding(Struct, kw_only=True, frozen=True):
    """What was understood of a sentence, and its words that were not."""

    sentence: Sentence
    category: Kind | None
    capability: Kind | None
    level: tuple[int, Span] | None
    attributes: tuple[Kind, ...]
    certified: Certified | None
    """What a certificate of the asset is to be for."""
    also: tuple[Kind, ...]
    """Further kinds that the sentence names; the search is for the first."""
    where: Where | None
    here: Span | None
    """The words by which the search is around the asking agency, where no place is named."""
    when: When | None
    quantity: tuple[int, Span] | None
    type_at_least: tuple[int, Span] | None
    reach: Reach | None
    left: tuple[str, ...]
    name: Span | None = None
    """The words that are the name of an asset."""
    lendable: Span | None = None
    """The words by which only what an agreement covers is asked for."""
    own: Meaning | None = None
    """The asking agency's own category that is called what the shared one is found by."""
    unplaced: Span | None = None
    """Words that stand where a place does, and are none that is known."""
    others: tuple[Kind, ...] = ()
    """Other things that are asked for beside the first: “two vans and a drone”."""
    dropped: tuple[Kind, ...] = ()
    """What a person is to be besides, as the bomb technician who speaks Spanish."""
    remarks: tuple[str, ...] = ()


def understand(
    sentence: Sentence, names: list[Named], lexicon: Lexicon, known: Known, setting: Setting
) -> Understanding:
    """What the sentence asks for. `names` are those of `names_in`, of which `known` are the places."""
    named = are_names(names, known)
    reach = find_reach(sentence)
    if reach is not None:
        sentence.take(reach.span)
    type_at_least = find_type(sentence)
    if type_at_least is not None:
        sentence.take(type_at_least[1])
    level = find_level(sentence)
    lendable = _find_lendable(sentence)
    if lendable is not None:
        sentence.take(lendable)
    here = find_here(sentence)
    if here is not None:
        sentence.take(here)
    where = choose_place([name for name in named if name.state is not None], known, setting.home, sentence)
    if where is not None:
        sentence.take(where.span)
    around_the_clock = _find_around_the_clock(sentence)
    if around_the_clock is not None:
        sentence.take(around_the_clock)
    when = find_when(sentence, setting.now, setting.zone, counts=_counted_places(sentence, lexicon))
    certified = find_certified(sentence, lexicon)
    if certified is not None:
        sentence.take(*certified.span)
    kinds = _kinds(sentence, lexicon, named)
    category, capability, attributes, also = _sorted_out(kinds, sentence)
    if category is not None and certified is None:
        category = narrowed(category, sentence, lexicon)
        if capability is not None and _overlap(category, capability) and category.span != capability.span:
            capability = None
        sentence.take(*category.span)
    if capability is not None and level is not None:
        sentence.take(level[1])
    named_by = [kind for kind in (category, capability) if kind is not None]
    meant, spans = [kind.meaning for kind in named_by], [kind.span for kind in named_by]
    for kind in (*kinds, *attributes):
        # What is said twice over is understood twice over; words of a trade are, whichever of their meanings is taken.
        if kind.meaning in meant or kind.span in spans or kind in attributes:
            sentence.take(*kind.span)
    if certified is None and capability is None and (certified := certified_as(category, sentence)) is not None:
        sentence.take(*certified.span)
    others = _joined_to_the_first(also, category or capability, sentence)
    dropped = _also_of_the_person(also, category, capability, sentence)
    for kind in others:
        sentence.take(Span(counted_from(kind, sentence), kind.span[-1].end))
    for kind in dropped:
        sentence.take(*kind.span)
    quantity = find_quantity(sentence, _first_span(category or capability))
    if quantity is not None:
        sentence.take(quantity[1])
    if where is None and (where := choose_place(named, known, setting.home, sentence, setting.home_state)) is not None:
        sentence.take(where.span)
    if where is None and here is None and (here := find_here(sentence, perhaps=True)) is not None:
        sentence.take(here)
    return Understanding(
        sentence=sentence,
        category=category,
        capability=capability,
        level=level if capability is not None else None,
        attributes=attributes,
        certified=certified,
        also=also,
        where=where,
        here=here if where is None else None,
        when=when,
        quantity=quantity,
        type_at_least=type_at_least,
        reach=reach,
        left=_left_over(sentence),
        lendable=lendable,
        unplaced=_unplaced(sentence, reach) if where is None else None,
        others=others,
        dropped=dropped,
        remarks=_remarks(sentence, around_the_clock, when, category, capability, others, dropped),
    )


def with_own_category(found: Understanding, own: Lexicon) -> Understanding:
    """The sentence, with a category of an agency's own where nothing that all share is asked for.

    It is read from the words that were left over, as they are written: whatever words an agency gives to its category,
    it takes none from what others mean by them, no place, time or number, and no slip.
    """
    if found.category is not None or found.capability is not None or not found.left:
        return found
    kinds = [kind for kind in find_kinds(found.sentence, own) if not kind.slips and _says_something(kind, found)]
    if not kinds:
        return found
    found.sentence.take(*kinds[0].span)
    return msgspec.structs.replace(found, category=kinds[0], left=_left_over(found.sentence))


def with_own_alternative(found: Understanding, own: Lexicon) -> Understanding:
    """The sentence, where its words for a shared category are also those of one that the asking agency added.

    The shared one is searched in, as for everybody, and the agency's own as well, which stands first among the
    alternatives.
    """
    kind = found.category
    if kind is None:
        return found
    stems = [stem(found.sentence.tokens[at].word) for span in kind.span for at in range(*span)]
    meant = next((each for each in own.meanings(stems) if each != kind.meaning), None)
    if meant is None:
        return found
    alternatives = (meant, *(each for each in kind.alternatives if each != meant))
    return msgspec.structs.replace(found, category=msgspec.structs.replace(kind, alternatives=alternatives), own=meant)


def left_runs(found: Understanding) -> list[Span]:
    """Words that nothing understood, side by side and none of the grammar's own."""
    runs: list[Span] = []
    for at in found.sentence.left():
        if found.sentence.tokens[at].word in PASSED_OVER:
            continue
        if runs and runs[-1].end == at:
            runs[-1] = Span(runs[-1].first, at + 1)
        else:
            runs.append(Span(at, at + 1))
    return runs


def with_taken(found: Understanding, span: Span) -> Understanding:
    """The sentence, where these words are understood after all."""
    found.sentence.take(span)
    return msgspec.structs.replace(found, left=_left_over(found.sentence))


def _find_around_the_clock(sentence: Sentence) -> Span | None:
    """“24/7”, which is neither a number of things nor a day."""
    for at in range(len(sentence)):
        if (sentence.word(at), sentence.word(at + 1), sentence.word(at + 2)) == ("24", "/", "7"):
            return Span(at, at + 3)
    return None


def _counted_places(sentence: Sentence, lexicon: Lexicon) -> frozenset[int]:
    """Where things begin that a number before them may count; looked for only where a number may be an hour as well."""
    if not any(len(token.word) == HOUR_DIGITS and token.is_number for token in sentence.tokens):
        return frozenset()
    return frozenset(kind.span[0].first for kind in find_kinds(sentence, lexicon))


def _joined_to_the_first(also: tuple[Kind, ...], first: Kind | None, sentence: Sentence) -> tuple[Kind, ...]:
    """Further things behind “and”, a comma or a sign of that meaning, with a number or an article between."""
    found = []
    for kind in also if first is not None else ():
        at = counted_from(kind, sentence) - 1
        words = [sentence.tokens[each].word for span in kind.span for each in range(*span)]
        alone = len(kind.span) == 1 and not set(words) <= PASSED_OVER
        if at > 0 and alone and sentence.tokens[at].word in _AND and not _overlap(kind, first or kind):
            found.append(kind)
    return tuple(sorted(found, key=lambda kind: kind.span))


def counted_from(kind: Kind, sentence: Sentence) -> int:
    """Where the words for a thing begin, with the number or the article before them."""
    first = kind.span[0].first
    while first > 1 and (sentence.tokens[first - 1].is_number or sentence.tokens[first - 1].word in _COUNTS):
        first -= 1
    return first


def _also_of_the_person(
    also: tuple[Kind, ...], category: Kind | None, capability: Kind | None, sentence: Sentence
) -> tuple[Kind, ...]:
    """What else the person who is asked for is to be; one thing is looked for of people at a time."""
    if capability is None or category is not None:
        return ()
    above = capability.meaning.code.split(".")[0]
    return tuple(
        kind
        for kind in also
        if (is_of_people(kind) or kind.meaning.means is Means.CAPABILITY)
        and kind.meaning.code.split(".")[0] != above
        and not any(sentence.tokens[at].word in PASSED_OVER for span in kind.span for at in range(*span))
        and not _overlap(kind, capability)
    )


def _remarks(
    sentence: Sentence,
    around_the_clock: Span | None,
    when: When | None,
    category: Kind | None,
    capability: Kind | None,
    others: tuple[Kind, ...],
    dropped: tuple[Kind, ...],
) -> tuple[str, ...]:
    found: list[str] = []
    first = category or capability
    if around_the_clock is not None and when is None:
        said = sentence.said([around_the_clock])
        found.append(f"“{said}” names no day, so the search is not narrowed to a time. Say from when to when.")
    if first is not None and others:
        other = " and ".join(f"“{sentence.said(kind.span)}”" for kind in others)
        found.append(
            f"One thing is searched for at a time. This is for “{sentence.said(first.span)}”; search for {other} "
            "by itself, as `also_try` does."
        )
    apart = category is not None and capability is not None and not _overlap(category, capability)
    if apart and category is not None and capability is not None and root_of(capability.meaning) == LANGUAGE:
        found.append(
            f"“{sentence.said(category.span)}” and “{sentence.said(capability.span)}” are searched apart: whether one "
            "of the first speaks it is not known. Ask the agency."
        )
    if first is not None and dropped:
        other = " and ".join(f"“{sentence.said(kind.span)}”" for kind in dropped)
        found.append(
            f"People are counted by one thing that they can do. These are counted by “{sentence.said(first.span)}”; "
            f"whether they are also {other} is not known: ask the agency."
        )
    return tuple(found)


def _find_lendable(sentence: Sentence) -> Span | None:
    """“we may borrow”, “can we borrow”, “that we can borrow”, “lendable”."""
    for at in range(len(sentence)):
        if sentence.word(at) in _MAY and sentence.word(at + 1) in _WHO_MAY and sentence.word(at + 2) == "borrow":
            return Span(at, at + 3)
        if sentence.word(at) == "lendable":
            return Span(at, at + 1)
        if sentence.word(at) in ("borrow", "borrowed") and sentence.word(at - 1) in _MAY and at:
            first = at - 1
            while first and sentence.word(first - 1) in _WHO_MAY:
                first -= 1
            return Span(first, at + 1)
    return None


def _overlap(one: Kind, other: Kind) -> bool:
    return not {at for span in one.span for at in range(*span)}.isdisjoint(
        at for span in other.span for at in range(*span)
    )


def _says_something(kind: Kind, found: Understanding) -> bool:
    """Whether one of its words is none that a sentence may have for its grammar alone, and none stands for a place."""
    places = [at for span in kind.span for at in range(*span)]
    if found.unplaced is not None and set(range(*found.unplaced)) & set(places):
        return False
    tokens = [found.sentence.tokens[at] for at in places]
    return any(token.word not in PASSED_OVER and not token.is_number and len(token.word) > 1 for token in tokens)


def _first_span(kind: Kind | None) -> Span | None:
    return None if kind is None else Span(kind.span[0].first, kind.span[-1].end)


def _kinds(sentence: Sentence, lexicon: Lexicon, named: list[Named]) -> list[Kind]:
    """What is asked for, except for single words that are part of the longer name of a place, as in Baton Rouge."""
    longer = [name.span for name in named if name.span.size > 1 and sentence.free(name.span)]

    def is_in_a_name(kind: Kind) -> bool:
        (first, end) = kind.span[0].first, kind.span[-1].end
        return end - first == 1 and any(span.first <= first and end <= span.end for span in longer)

    def joins(kind: Kind) -> bool:
        """“and”, whose stem may be that of some maker's name."""
        return {sentence.tokens[at].word for span in kind.span for at in range(*span)} <= _JOINS

    found = [
        preferred(kind, sentence)
        for kind in find_kinds(sentence, lexicon)
        if not is_in_a_name(kind) and not joins(kind)
    ]
    return without_modifiers(found)


def _sorted_out(
    kinds: list[Kind], sentence: Sentence
) -> tuple[Kind | None, Kind | None, tuple[Kind, ...], tuple[Kind, ...]]:
    """The category, the capability, the attributes, and what else is named. People are asked for by what they can."""
    asked = without_purposes(kinds, sentence)
    of = {means: [kind for kind in asked if kind.meaning.means is means] for means in Means}
    category = next(iter(of[Means.CATEGORY]), None)
    capability = most_telling(of[Means.CAPABILITY])
    if capability is not None:
        category = next((kind for kind in of[Means.CATEGORY] if not is_of_people(kind)), None)
    if (category is None) != (capability is None):
        only = category or capability
        both = None if only is None else in_both_ways(only, sentence)
        category, capability = (category, capability) if both is None else both
    also = tuple(
        kind for kind in kinds if kind not in (category, capability) and kind.meaning.means is not Means.ATTRIBUTE
    )
    return category, capability, tuple(of[Means.ATTRIBUTE]), also


def _unplaced(sentence: Sentence, reach: Reach | None) -> Span | None:
    """The words behind “near” or a distance that no place is called."""
    left = [at for at in sentence.left() if sentence.tokens[at].word not in PASSED_OVER]
    for at in left:
        before = sentence.tokens[at - 1].word if at else ""
        capital = sentence.tokens[at].capital and before in _MAY_LEAD_TO_A_PLACE
        if before in _LEADS_TO_A_PLACE or capital or (reach is not None and at == reach.span.end):
            end = next(end for end in range(at, len(sentence) + 1) if end not in left)
            return Span(at, end)
    return None


def _left_over(sentence: Sentence) -> tuple[str, ...]:
    left = [sentence.tokens[at] for at in sentence.left()]
    return tuple(sentence.text[token.start : token.end] for token in left if token.word not in PASSED_OVER)
