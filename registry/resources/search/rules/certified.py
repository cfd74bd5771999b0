"""What a certificate of the asset is to be for: “a dog certified in explosives”, “a lab accredited for DNA”.

Only K9 teams and laboratories have certificates of their own, so the sentence has to ask for one of these; of people,
“certified” says what they are capable of. What stands behind “certified in” is the discipline, and the rest of the
sentence the thing: a patrol dog may be certified in tracking. “A certified bomb dog” holds a certificate as such.
"""

from msgspec import Struct

from registry.resources.search.rules.kinds import Kind, Lexicon, Means, find_kinds
from registry.resources.search.rules.narrowing import THING
from registry.resources.search.rules.tokens import SIGNS, Sentence, Span

HOLDS = frozenset(
    "accreditation accredited accreditations cert certificate certificates certification certified".split()
)
_LEADS_ON = frozenset("as at for in on to".split())
_BETWEEN = frozenset("a an current is valid who with".split())
_LONGEST = 4


class Certified(Struct, kw_only=True, frozen=True):
    """The discipline, where its words stand, and all the words that say so."""

    kind: Kind
    span: tuple[Span, ...]


def find_certified(sentence: Sentence, lexicon: Lexicon) -> Certified | None:
    """“Certified in explosives”, where the rest of the sentence asks for a dog or a laboratory."""
    for at in range(len(sentence)):
        if sentence.word(at) not in HOLDS or sentence.word(at + 1) not in _LEADS_ON:
            continue
        for size in range(_LONGEST, 0, -1):
            span = Span(at + 2, at + 2 + size)
            if not all(sentence.word(each) and sentence.word(each) not in SIGNS for each in range(*span)):
                continue
            whole = Span(at, span.end)
            root = _root_of_the_rest(sentence, whole, lexicon)
            kind = None if root is None else _discipline(sentence, span, root, lexicon)
            if kind is not None:
                return Certified(kind=kind, span=(whole,))
    return None


def certified_as(category: Kind | None, sentence: Sentence) -> Certified | None:
    """The category itself, where “certified” stands before its words, among them, or behind: “with a certificate”."""
    if category is None or _root(category) is None:
        return None
    own = {at for span in category.span for at in range(*span)}
    behind = max(own) + 1
    while sentence.word(behind) in _BETWEEN:
        behind += 1
    for at in range(min(own) - 1, behind + 1):
        if at not in own and sentence.word(at) in HOLDS:
            first = max(own) + 1 if at > max(own) else at
            return Certified(kind=category, span=(Span(first, at + 1),))
    return None


def _root_of_the_rest(sentence: Sentence, span: Span, lexicon: Lexicon) -> str | None:
    rest = sentence.without(span)
    roots = (_root(kind) for kind in find_kinds(rest, lexicon))
    return next((root for root in roots if root is not None), None)


def _root(kind: Kind) -> str | None:
    root = kind.meaning.code.split(".")[0]
    return root if kind.meaning.means is Means.CATEGORY and root in THING else None


def _discipline(sentence: Sentence, span: Span, root: str, lexicon: Lexicon) -> Kind | None:
    """What the words mean as a discipline under that root, alone or with the word for the thing beside them."""
    read = [lexicon.reading(sentence.word(at)) for at in range(*span)]
    stems, slips = [stem for stem, _ in read], tuple(slip for _, slip in read if slip is not None)
    if len(slips) * 2 > max(len(stems), 2):
        return None
    for phrase in (stems, [*stems, THING[root]]):
        under = [
            each for each in lexicon.meanings(phrase) if _is_under(each.code, root) and each.means is Means.CATEGORY
        ]
        if under:
            return Kind(meaning=under[0], span=(span,), slips=slips, alternatives=tuple(under[1:]))
    return None


def _is_under(code: str, root: str) -> bool:
    return code.startswith(f"{root}.")
