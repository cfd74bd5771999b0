"""Whether persons or things are asked for, where the same words may name both.

“Peer support” is a team and something that an officer can do. Whoever asks for somebody asks for what a person can;
whoever does not asks for the team, the laboratory, the thing. What stands behind “for” may only be the purpose.
"""

import re

from msgspec.structs import replace

from registry.resources.search.rules.kinds import THINGS, Kind, Meaning, Means, purpose_at, root_of
from registry.resources.search.rules.tokens import Sentence

PEOPLE = "personnel"
"""The category of single persons, under which stand those of every trade."""
_ONE = frozenset("anybody anyone certified officer person qualified somebody someone who".split())
_TRADE = re.compile(r".*(?:(?:er|or|ist|ian|man|men|analyst|detective|agent|guy|cop|medic|chief|expert|tech)s?)\Z")
LANGUAGE = "language"
_INTERPRETING, _ANY_OFFICER = "interpreting", "peace_officer"


def is_of_people(kind: Kind) -> bool:
    """Whether it is a category of single persons."""
    return _is_personal(kind.meaning.code)


def _is_personal(code: str) -> bool:
    return code.split(".")[0] == PEOPLE


def preferred(kind: Kind, sentence: Sentence) -> Kind:
    """The kind as a category if its words may name one, unless a person is asked for or the last word names a trade."""
    if kind.meaning.means is not Means.CAPABILITY:
        return kind
    if _asks_for_somebody(kind, sentence) or _names_a_trade(kind, sentence):
        return kind
    meant = next(
        (each for each in kind.alternatives if each.means is Means.CATEGORY and not _is_personal(each.code)), None
    )
    if meant is None:
        return kind
    others = (kind.meaning, *(each for each in kind.alternatives if each != meant))
    return replace(kind, meaning=meant, alternatives=others)


def _asks_for_somebody(kind: Kind, sentence: Sentence) -> bool:
    own = {at for span in kind.span for at in range(*span)}
    return any(token.word in _ONE for at, token in enumerate(sentence.tokens) if at not in own)


def _names_a_trade(kind: Kind, sentence: Sentence) -> bool:
    return _TRADE.match(sentence.tokens[kind.span[-1].end - 1].word) is not None


def in_both_ways(kind: Kind, sentence: Sentence) -> tuple[Kind, Kind] | None:
    """The category and the capability that the words of a trade name: a negotiator may be lent alone, or in a team.

    A team goes before single persons. None where only one of the two is named, or somebody is asked for.
    """
    if not _names_a_trade(kind, sentence) or _asks_for_somebody(kind, sentence):
        return None
    meanings = (kind.meaning, *kind.alternatives)
    categories = [each for each in meanings if each.means is Means.CATEGORY]
    capability = next((each for each in meanings if each.means is Means.CAPABILITY), None)
    if capability is None or not categories:
        return None
    category = min(categories, key=lambda each: _is_personal(each.code))

    def meant(meaning: Meaning) -> Kind:
        return replace(kind, meaning=meaning, alternatives=tuple(each for each in meanings if each != meaning))

    return meant(category), meant(capability)


def most_telling(capabilities: list[Kind]) -> Kind | None:
    """The first of the capabilities, or what tells more of it: “speaks” and “Hmong”, “interpreter” and “Somali”."""
    first = next(iter(capabilities), None)
    if first is None:
        return None
    if first.meaning.code == _ANY_OFFICER:  # “DRE certified officer”
        return next((kind for kind in capabilities if kind.meaning.code != _ANY_OFFICER), first)
    above = LANGUAGE if root_of(first.meaning) == _INTERPRETING else first.meaning.code
    return next((kind for kind in capabilities if kind.meaning.code.startswith(f"{above}.")), first)


def without_purposes(kinds: list[Kind], sentence: Sentence) -> list[Kind]:
    """The kinds without what they are wanted for: “a drone for crash reconstruction” is a drone.

    Only where something particular stands before “for”; a language or an attribute may stand behind it as well.
    """
    at = purpose_at(sentence)
    things = [kind for kind in kinds if kind.span[-1].end <= at and _is_particular(kind)]
    if not things:
        return kinds
    roots = {root_of(kind.meaning) for kind in things}
    return [kind for kind in kinds if kind.span[0].first < at or _says_more(kind) or root_of(kind.meaning) in roots]


def without_modifiers(kinds: list[Kind]) -> list[Kind]:
    """The kinds without the team or the people that only say more of the thing behind them: a “swat van” is a van.

    Their words are left over, as in “diver's kit”.
    """
    begins = {kind.span[0].first for kind in kinds if _is_thing(kind)}
    return [kind for kind in kinds if kind.span[-1].end not in begins or _is_thing(kind) or _says_more(kind)]


def _is_thing(kind: Kind) -> bool:
    return kind.meaning.means is Means.CATEGORY and root_of(kind.meaning) in THINGS


def _is_particular(kind: Kind) -> bool:
    return _is_thing(kind) or ("." in kind.meaning.code and not is_of_people(kind))


def _says_more(kind: Kind) -> bool:
    return kind.meaning.means is Means.ATTRIBUTE or root_of(kind.meaning) == LANGUAGE
