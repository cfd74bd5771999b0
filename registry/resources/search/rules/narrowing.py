"""A general kind that other words of the sentence narrow: “a sniffer dog for explosives” is an explosives dog.

Words that name the general kind may be longer than those that the particular one is made of, so that the latter is not
found as a phrase. It is looked for here with the general kind's word beside each of the other words.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from registry.resources.certificates.rules import K9_CATEGORY, LAB_CATEGORY
from registry.resources.search.rules.kinds import Kind, Lexicon
from registry.resources.search.rules.tokens import Sentence, Span

THING = {K9_CATEGORY: "dog", LAB_CATEGORY: "lab"}
"""The word beside which words for a discipline are found: “explosives” alone may be a team's."""
_LONGEST = 3
_PLACE_FOLLOWS = frozenset("around in near nearby".split())


def narrowed(kind: Kind, sentence: Sentence, lexicon: Lexicon) -> Kind:
    """The particular kind under this one that its word means together with others, else the same kind."""
    own = {at for span in kind.span for at in range(*span)}
    last = lexicon.reading(sentence.tokens[max(own)].word)[0]
    heads = dict.fromkeys(filter(None, (last, THING.get(kind.meaning.code))))
    for span in _runs(sentence, own):
        read = [lexicon.reading(sentence.tokens[at].word) for at in range(*span)]
        stems, slips = [each for each, _ in read], tuple(slip for _, slip in read if slip is not None)
        if len(slips) * 2 > len(stems) + 1:
            continue
        for head in heads:
            found = [
                each
                for each in lexicon.meanings([*stems, head])
                if each.means is kind.meaning.means and each.code.startswith(f"{kind.meaning.code}.")
            ]
            if found:
                return replace(
                    kind,
                    meaning=found[0],
                    span=tuple(sorted((*kind.span, span))),
                    slips=(*kind.slips, *slips),
                    alternatives=tuple(found[1:]),
                )
    return kind


def _runs(sentence: Sentence, own: set[int]) -> Iterable[Span]:
    """Words side by side that nothing has understood, the longest first; none behind a word that leads to a place."""
    left = [at for at in sentence.left() if at not in own]
    for size in range(_LONGEST, 0, -1):
        for first in left:
            span = Span(first, first + size)
            led = sentence.tokens[first - 1].word if first else ""
            if led not in _PLACE_FOLLOWS and all(at in left for at in range(*span)):
                yield span
