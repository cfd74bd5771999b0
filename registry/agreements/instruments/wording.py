"""Words in the text of provisions, found in time linear in the text: what a checklist recognises a clause by.

A pattern is words in order: `worker* compensation`. `a|b` is either word, `liab*` every word that begins so, and `...`
lets up to a dozen words stand between its neighbours: `bear* ... liab*`. Words are compared without case, accents and
apostrophes, and through the commonest mistakes of scanning. A pattern never reaches from one sentence into the next.
There is no regular expression that a text could make run for ever: each pattern is a merge of sorted lists of places.
"""

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Annotated

from msgspec import Meta, Struct

Pattern = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=300,
        pattern=r"\A[a-z0-9]+\*?(?:\|[a-z0-9]+\*?)*(?: (?:\.\.\. )?[a-z0-9]+\*?(?:\|[a-z0-9]+\*?)*)*\Z",
        description="Words in order; `a|b` either, `liab*` a beginning, `...` up to a dozen words between.",
        examples=["bear* ... liab*"],
    ),
]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE_END = re.compile(
    r"(?<=[.;?!])[”\")]*\s+(?=[A-Z0-9(“\"])"
    r"|\s*•\s*|\n[ \t]*\n(?=[^a-z\n]*[A-Z]{4}[^a-z\n]*\n)|(?<=[A-Z]{4})[ \t]*\n[ \t]*\n"
)
_TITLE_WORDS = 12
_ABBREVIATION = re.compile(r"\b(?:No|Nos|Sec|Art|Pub|Stat|Ord|seq|vs?|Mr|Mrs|Dr|St|[A-Z])\.\Z")
# “RECEIVER …: the party that …” and “‘Receiver’: a party …” define a word as “means” does.
_DEFINED = re.compile(r"(?:\b[A-Z]{3,}\b[^:.;\n]{0,80}|[”’\"])\s{0,3}:\s{1,3}\Z")
_AS_DIGITS = str.maketrans({"o": "0", "l": "1", "i": "1"})
_ARTICLES = frozenset({"the", "a", "an", "any"})
_BETWEEN = 12
_GAP = _BETWEEN + 2
_LONGEST_PASSAGE = 240
_BEFORE = 60

NEGATIONS = frozenset({"no", "not", "never", "nobody", "none", "nothing", "neither", "nor", "cannot", "nowhere"})
"""Words that turn what stands near them into its opposite."""
# After these a negation sets a limit or an aside and takes nothing back: “not limited to”, “nothing herein limits”.
_HARMLESS = frozenset(
    "limited later less more fewer exceed only necessarily otherwise herein contained material intended".split()
)
_EXCEPTIONS = frozenset({"except", "unless", "until"})
# “save upon notice” and “without notice” make an exception too; “saves money” and “without limitation” make none.
_AFTER_SAVE = frozenset("upon on by with in as that where when if for only and under after".split())
_CONDITIONS = frozenset("notice consent approval writing written agreement authorization permission signature".split())
_CONDITION_WITHIN = 8
_BACK, _AHEAD = 14, 8
_OPENING = frozenset({"no", "nobody", "nothing", "neither", "none", "nowhere"})
_NOBODY = frozenset({"nobody", "nowhere", "none", "never", "nothing"})
_JOINING = frozenset({"and", "but", "while", "whereas", "yet"})
_QUESTION = frozenset({"how", "whether", "question", "questions"})
_OPENING_QUESTION = frozenset({"who", "whom", "whose", "which", "what", "when", "where"})
_OF_VERBS = frozenset({"not", "never", "cannot"})
_SUBJECTS = frozenset(
    [("it",), ("they",), *((a, b) for a in ("the", "this", "such") for b in ("agreement", "memorandum", "term"))]
)
_ASKING = _QUESTION | {"who", "whom", "whose", "following"}
_AUXILIARIES = frozenset(
    "is are was were be been has have had shall will would may must can could do does did should".split()
)


class Match(Struct, kw_only=True, frozen=True):
    """A pattern found in a provision, named by its place in the document: characters [start, end) of its text."""

    ordinal: int
    start: int
    end: int
    sentence: int
    first: int
    last: int


class Wording:
    """The words of a document's provisions, indexed once for any number of patterns."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._spans: list[tuple[int, int]] = []
        self._words: list[str] = []
        self._provision: list[int] = []  # of each sentence
        self._first: list[int] = []  # of each sentence: the place of its first word
        self._places: dict[str, list[int]] = {}
        folded: dict[str, tuple[str, ...]] = {}
        for ordinal, text in enumerate(texts):
            for start, end in _sentences(text):
                if _is_title(text[start:end]):
                    continue
                self._first.append(len(self._spans) + len(self._first) * _GAP)
                self._provision.append(ordinal)
                for found in _WORD.finditer(text, start, end):
                    word = found[0]
                    if word not in folded:
                        folded[word] = _readings(word)
                    place = len(self._spans) + (len(self._first) - 1) * _GAP
                    for reading in folded[word]:
                        self._places.setdefault(reading, []).append(place)
                    if _DEFINED.search(text, start, found.start()) and word in _ARTICLES:
                        self._places.setdefault("means", []).append(place)
                    self._words.append(folded[word][0])
                    self._spans.append(found.span())
        self._vocabulary = sorted(self._places)
        self._elements: dict[str, list[int]] = {}

    def matches(self, pattern: str) -> list[Match]:
        """The first match of the pattern in each sentence that has one, in the order of the document."""
        parts = pattern.split(" ")
        reach = 1
        # Each match so far, by the places of its first and its last word. Of several that end before a word, the one
        # that ends last reaches furthest, so it is the only one to look at.
        found = [(place, place) for place in self._of(parts[0])]
        for part in parts[1:]:
            if part == "...":
                reach = 1 + _BETWEEN
            else:
                found = list(_continued(found, self._of(part), reach))
                reach = 1
        firsts: dict[int, Match] = {}
        for first, last in found:
            sentence = bisect_right(self._first, first) - 1
            if sentence not in firsts:
                shift = sentence * _GAP
                firsts[sentence] = Match(
                    ordinal=self._provision[sentence],
                    start=self._spans[first - shift][0],
                    end=self._spans[last - shift][1],
                    sentence=sentence,
                    first=first - shift,
                    last=last - shift,
                )
        return list(firsts.values())

    def negated(self, match: Match, *, own: bool = False, cases: Sequence[Match] = ()) -> bool:
        """Whether a negation turns the match into its opposite: in it, before it, or in what is said of it after it.

        Of a match whose pattern has a negation of its `own`, those in it do not count, nor does an exception in it
        excuse what is before it: “no party may leave without notice” is no leave without notice. Nor do those within
        one of the `cases` that its sentence provides for: “a dispute that is not settled shall be referred”.

        Before it a comma ends the reach of a negation, save of one that begins the sentence. A negated verb takes
        back its own phrase alone: “is in effect for five years and shall not renew” lasts five years.
        """
        low, high = self._bounds(match.sentence)
        for at in range(low, high):
            if self._words[at] not in NEGATIONS or any(each.first <= at <= each.last for each in cases):
                continue
            if self._harmless(at, high, match if own else None):
                continue
            if at < match.first:
                near = match.first - at <= _BACK and not self._parted(at, match.first)
                if self._joined(at, match.first) and self._words[at - 1] in _AUXILIARIES:
                    continue
                if near or (at - low < 2 and self._words[at] in _OPENING and self._words[at + 1] != "in"):
                    return True
            elif at <= match.last:
                if own:
                    continue
                return True
            elif self._parted(match.last, at) or (self._words[at] in _OF_VERBS and self._joined(match.last, at)):
                continue
            elif (
                self._words[at] in _NOBODY
                or self._words[at : at + 2] == ["no", "one"]
                or (at - match.last <= _AHEAD and (self._words[at] == "cannot" or self._words[at - 1] in _AUXILIARIES))
            ):
                return True
        return False

    def apart(self, one: Match, other: Match) -> bool:
        """Whether the two stand in different clauses of a sentence: a semicolon or “, and” is between them.

        What a question asks about (“how …, who …, and what … are left open”) is apart from nothing in it.
        """
        before, after = (one.last, other.first) if one.last < other.first else (other.last, one.first)
        if after <= before or self._asked(one) or self._asked(other):
            return False
        for at in range(before, after):
            signs = self._texts[one.ordinal][self._spans[at][1] : self._spans[at + 1][0]]
            if ";" in signs or ("," in signs and self._words[at + 1] in _JOINING):
                return True
        return False

    def _asked(self, match: Match) -> bool:
        low, _ = self._bounds(match.sentence)
        return any(word in _ASKING for word in self._words[low : match.last + 1])

    def follows(self, match: Match) -> str:
        """The word after the match in its sentence, or nothing."""
        _, high = self._bounds(match.sentence)
        return self._words[match.last + 1] if match.last + 1 < high else ""

    def asks(self, match: Match) -> bool:
        """Whether its sentence begins as a question: “who …”, “which party …”, “the question of how …”."""
        low, _ = self._bounds(match.sentence)
        first = self._words[low : low + 3]
        return first[0] in _OPENING_QUESTION or not _QUESTION.isdisjoint(first)

    def near(self, match: Match, back: int, ahead: int) -> tuple[Sequence[str], Sequence[str]]:
        """The words of its sentence before and after the match, at most so many."""
        low, high = self._bounds(match.sentence)
        return self._words[max(low, match.first - back) : match.first], self._words[
            match.last + 1 : min(high, match.last + 1 + ahead)
        ]

    def within(self, match: Match) -> Sequence[str]:
        """The words of the match."""
        return self._words[match.first : match.last + 1]

    def said(self, match: Match) -> str:
        """The match as its text has it, on one line."""
        return " ".join(self._texts[match.ordinal][match.start : match.end].split())

    def passage(self, match: Match) -> str:
        """The match with some words around it, on one line; what is left out at either side is marked by “…”."""
        text = self._texts[match.ordinal]
        start = max(0, match.start - _BEFORE)
        end = min(len(text), max(match.end, start + _LONGEST_PASSAGE))
        if start > 0:
            start = text.find(" ", start, match.start) + 1 or match.start
        if end < len(text):
            end = max(text.rfind(" ", match.end, end), match.end)
        words = " ".join(text[start:end].split())
        return f"{'…' if start > 0 else ''}{words}{'…' if end < len(text) else ''}"

    def _bounds(self, sentence: int) -> tuple[int, int]:
        low = self._first[sentence] - sentence * _GAP
        if sentence + 1 == len(self._first):
            return low, len(self._words)
        return low, self._first[sentence + 1] - (sentence + 1) * _GAP

    def _harmless(self, at: int, high: int, apart_from: Match | None) -> bool:
        """Whether the negation only sets a limit or an exception, not counting one in `apart_from`; “No. 5” is none."""
        after = self._words[at + 1 : min(high, at + 4)]
        if any(word in _HARMLESS for word in after[:2]) or (after and after[0].isdigit()):
            return True
        if at and self._words[at - 1] == "or" and self._words[at] == "not":
            return True
        return self._exception(at + 1, high, apart_from) is not None

    def exception_after(self, match: Match) -> int | None:
        """After how many words its sentence makes an exception, as in “may not be amended except in writing”, if so."""
        at = self._exception(match.last + 1, self._bounds(match.sentence)[1])
        return None if at is None else at - match.last - 1

    def _exception(self, low: int, high: int, apart_from: Match | None = None) -> int | None:
        """Which of the words [low, high) begins an exception or a condition, not counting those of `apart_from`."""
        for at in range(low, high):
            if apart_from is not None and apart_from.first <= at <= apart_from.last:
                continue
            word, after = self._words[at], self._words[at + 1 : min(high, at + 1 + _CONDITION_WITHIN)]
            if word in _EXCEPTIONS or (word == "save" and after[:1] and after[0] in _AFTER_SAVE):
                return at
            if word == "without" and not _CONDITIONS.isdisjoint(after):
                return at
        return None

    def _parted(self, before: int, after: int) -> bool:
        """Whether a comma or the like stands between two words; both are in one provision."""
        ordinal = self._provision[self._sentence_at(before)]
        return any(sign in self._texts[ordinal][self._spans[before][1] : self._spans[after][0]] for sign in ",.;:()•")

    def _joined(self, before: int, after: int) -> bool:
        """Whether “and shall”, “but it does” or the like, between two words, begins another verb phrase."""
        for at in range(before + 1, after):
            if self._words[at] not in _JOINING:
                continue
            verb = at + 1 + next((n for n in (2, 1) if (*self._words[at + 1 : at + 1 + n],) in _SUBJECTS), 0)
            if verb <= after and self._words[verb] in _AUXILIARIES | _OF_VERBS:
                return True
        return False

    def _sentence_at(self, at: int) -> int:
        low, high = 0, len(self._first)
        while high - low > 1:
            middle = (low + high) // 2
            if self._bounds(middle)[0] <= at:
                low = middle
            else:
                high = middle
        return low

    def _of(self, element: str) -> list[int]:
        """Where any of the element's words stands, in order."""
        if element not in self._elements:
            places: set[int] = set()
            for word in element.split("|"):
                for known in self._known(word):
                    places.update(self._places[known])
            self._elements[element] = sorted(places)
        return self._elements[element]

    def _known(self, word: str) -> Sequence[str]:
        """The words of the text that are, or begin with, this one."""
        if not word.endswith("*"):
            return [word] if word in self._places else []
        low = bisect_left(self._vocabulary, word[:-1])
        return self._vocabulary[low : bisect_left(self._vocabulary, word[:-1] + "\U0010ffff")]


def _continued(found: Sequence[tuple[int, int]], places: Sequence[int], reach: int) -> Iterator[tuple[int, int]]:
    """The matches lengthened by a word at one of the places, at most `reach` words on."""
    index, latest = 0, None
    for place in places:
        while index < len(found) and found[index][1] < place:
            latest = found[index]
            index += 1
        if latest is not None and place - latest[1] <= reach:
            yield latest[0], place


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence begins and ends. A line of capitals after a blank one is a heading, and ends one too."""
    start = 0
    for stop in _SENTENCE_END.finditer(text):
        if _ABBREVIATION.search(text, max(start, stop.start() - 6), stop.start()):
            continue
        yield start, stop.start()
        start = stop.end()
    yield start, len(text)


def _is_title(text: str) -> bool:
    """A few words in capitals alone head what is said, and say nothing."""
    return text.isupper() and len(_WORD.findall(text)) <= _TITLE_WORDS


def _readings(word: str) -> tuple[str, ...]:
    """The word as compared, and what it was before a scanner read “m” as “nn” or “rn”, “l” as “1”, “0” as “O”."""
    plain = _fold(word)
    others = {plain.replace("nn", "rm"), plain.replace("nn", "m"), plain.replace("rn", "m")}
    if not plain.isdigit() and any(c.isdigit() for c in plain):
        others |= {plain.replace("0", "o").replace("1", "l"), plain.translate(_AS_DIGITS)}
    return (plain, *sorted(others - {plain}))


def _fold(word: str) -> str:
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
    return "".join(c for c in decomposed if c not in "'’" and not unicodedata.combining(c))
