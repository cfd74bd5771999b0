"""Plain words: what people say when they mean a category or a capability.

From the shipped names and aliases, and from `facts/synonyms.csv`, where each phrase says what it means, how surely, and
where the word is from. One phrase may mean several things; a search weighs them.
"""

from collections.abc import Iterable, Sequence
from functools import cache

from msgspec import Struct

from registry.directory.taxonomy.seed import (
    ROOT,
    CapabilityFact,
    CategoryFact,
    load_capabilities,
    load_categories,
    rows,
    shipped,
)

NAME_WEIGHT = 1.0
ALIAS_WEIGHT = 0.9
OWN_WEIGHT = 0.7
"""Of what an agency calls its own categories: it must not outdo what all others mean by the same word."""


class PlainWord(Struct, kw_only=True, frozen=True):
    """A word or phrase, and the category or capability that it means, one of the two.

    `weight` says how surely, up to 1: “fingerprints” is a laboratory's service, “officer” may mean many things.
    """

    phrase: str
    category: str | None = None
    capability: str | None = None
    weight: float
    source: str


@cache
def load_words() -> tuple[PlainWord, ...]:
    """All that the release knows: names, then aliases, then synonyms; each phrase once for each meaning."""
    categories, capabilities = load_categories(), load_capabilities()
    known = [
        *(
            each
            for fact in categories
            if fact.code != ROOT
            for each in words_of(fact.name, fact.aliases, category=fact.code)
        ),
        *(each for fact in capabilities for each in words_of(fact.name, fact.aliases, capability=fact.code)),
        *parse_synonyms(shipped("synonyms.csv"), categories, capabilities),
    ]
    unique: dict[tuple[str, str | None, str | None], PlainWord] = {}
    for each in known:
        unique.setdefault((each.phrase.casefold(), each.category, each.capability), each)
    return tuple(unique.values())


def words_of(
    name: str, aliases: Iterable[str], *, category: str | None = None, capability: str | None = None, own: bool = False
) -> list[PlainWord]:
    """The words of one category or capability; `own` is one that an agency added."""

    def word(phrase: str, weight: float, source: str) -> PlainWord:
        weight, source = (OWN_WEIGHT, "agency") if own else (weight, source)
        return PlainWord(phrase=phrase, category=category, capability=capability, weight=weight, source=source)

    return [word(name, NAME_WEIGHT, "name"), *(word(alias, ALIAS_WEIGHT, "alias") for alias in aliases)]


def parse_synonyms(
    lines: Iterable[str],
    categories: Sequence[CategoryFact],
    capabilities: Sequence[CapabilityFact],
    file: str = "synonyms.csv",
) -> tuple[PlainWord, ...]:
    """Synonyms from CSV.

    Raises ValueError with the line number for one that means nothing or both, something unknown, or the same twice, and
    for a weight that is none.
    """
    codes = {fact.code for fact in categories}
    capability_codes = {fact.code for fact in capabilities}
    found: dict[tuple[str, str, str], PlainWord] = {}
    columns = ("phrase", "category", "capability", "weight", "source")
    for line, row in rows(lines, file, columns, blank=("category", "capability")):
        category, capability = row["category"], row["capability"]
        if bool(category) == bool(capability):
            raise ValueError(f"{file}, line {line}: {row['phrase']!r} has to mean a category or a capability")
        if (category and category not in codes) or (capability and capability not in capability_codes):
            raise ValueError(f"{file}, line {line}: {category or capability!r} is not known")
        if not _is_weight(row["weight"]):
            raise ValueError(f"{file}, line {line}: {row['weight']!r} is no weight above 0 and up to 1")
        key = (row["phrase"].casefold(), category, capability)
        if key in found:
            raise ValueError(f"{file}, line {line}: {row['phrase']!r} stands there twice")
        found[key] = PlainWord(
            phrase=row["phrase"],
            category=category or None,
            capability=capability or None,
            weight=float(row["weight"]),
            source=row["source"],
        )
    return tuple(found.values())


def _is_weight(text: str) -> bool:
    whole, _, digits = text.partition(".")
    return whole.isdecimal() and (not digits or digits.isdecimal()) and 0 < float(text) <= 1
