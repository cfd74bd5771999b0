"""What a version of an agreement says of a checklist, by its words, its headings and its terms. Pure.

A clause is evidence where a sentence of it says what the item asks: words that say it, in the right sense, that no
negation takes back and that do not leave the matter to another text. A sentence that settles nothing about the item
denies it. What is found may still be bad law. Have counsel review.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from registry.agreements.checks.schemas import (
    Absence,
    Checklist,
    ChecklistFindings,
    ChecklistItem,
    FindingCounts,
    ItemFinding,
    ItemStatus,
    Passage,
    Severity,
    Sureness,
    Weakness,
)
from registry.agreements.instruments.remarks import Remark, RemarkCode
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.terms import Terms
from registry.agreements.instruments.wording import NEGATIONS, Match, Wording

_PASSAGES = 3
_LEAST = Terms(categories=["any"])
"""Terms in which nothing is set."""
# How many words before, between and after it a sentence may have that says nothing is settled of a matter.
_NEAR, _FAR = 5, 14
_FILLING = frozenset({"been", "be", "yet", "to", "here", "so", "expressly", "dealt", "further", "any", "with"})

_OF_REMARKS: Mapping[RemarkCode, Literal["says_otherwise", "may_say_otherwise"]] = {
    RemarkCode.SAYS_OTHERWISE: "says_otherwise",
    RemarkCode.MAY_SAY_OTHERWISE: "may_say_otherwise",
}
_BY_WHAT = frozenset({"under", "pursuant", "by", "between", "in", "with"})


class ReadProvision(Struct, kw_only=True, frozen=True):
    """A provision, as far as it can be recognised."""

    number: str
    heading: str
    text: str | None  # None where it is withheld from the reader
    sensitivity: Sensitivity = Sensitivity.PARTIES


class CheckedText(Struct, kw_only=True, frozen=True):
    """A version of an agreement, as far as its reader may read it and it can be recognised.

    What is withheld from the reader is read by nobody here: neither a provision's text nor the terms that it says.
    """

    clauses: Sequence[ReadProvision]
    terms: Terms
    terms_withheld: Collection[str] = ()
    expires_on: date | None = None
    auto_renew_months: int | None = None
    review_every_months: int | None = None


class Measured(Struct, kw_only=True, frozen=True):
    """How sure the recogniser is of a list: each of its items, and all of them on texts not looked at before."""

    items: Mapping[str, Sureness] = {}
    held_out: Sureness | None = None


class Recognition(Struct, kw_only=True, frozen=True):
    """By what every item is recognised alike: the words for what is not settled, and how sure each list's items are."""

    absence: Absence
    measured: Mapping[str, Measured] = {}


class _Evidence(Struct, kw_only=True, frozen=True):
    """Where the words of one item stand, each the first of its kind in its provision."""

    saying: Mapping[int, Match]
    elsewhere: Mapping[int, Match]
    astray: Mapping[int, Match]
    touching: Mapping[int, Match]
    denying: Mapping[int, Match]
    settled_nothing: bool


NOT_MEASURED = Sureness(texts=0, templates=0, precision=None, recall=None, detail="Not measured.")


def examine(document: CheckedText, lists: Iterable[Checklist], by: Recognition) -> list[ChecklistFindings]:
    """Each checklist held against the document, whose words are indexed once for all of them."""
    reading = _Reading(document, by.absence)
    return [_held_against(reading, checklist, by.measured.get(checklist.code, Measured())) for checklist in lists]


def with_remarks(findings: ChecklistFindings, remarks: Sequence[Remark]) -> ChecklistFindings:
    """The findings with what a clause says otherwise than the terms, at each item that rests on that clause."""
    items = [
        replace(
            item,
            reasons=[
                *item.reasons,
                *(
                    Weakness(code=code, detail=remark.detail)
                    for remark in remarks
                    if (code := _OF_REMARKS.get(remark.code)) is not None and remark.clause in item.provisions
                ),
            ],
        )
        for item in findings.items
    ]
    return replace(findings, items=items)


def _held_against(reading: "_Reading", checklist: Checklist, measured: Measured) -> ChecklistFindings:
    items = [_finding(reading, item, measured.items.get(item.id, NOT_MEASURED)) for item in checklist.items]
    return ChecklistFindings(
        code=checklist.code,
        name=checklist.name,
        jurisdiction=checklist.jurisdiction,
        citation=checklist.citation,
        counsel=checklist.counsel,
        required=_counts(items, "required"),
        recommended=_counts(items, "recommended"),
        how_sure=measured.held_out or NOT_MEASURED,
        items=items,
    )


def _counts(items: Sequence[ItemFinding], severity: Severity) -> FindingCounts:
    statuses = [item.status for item in items if item.severity == severity]
    return FindingCounts(
        found=statuses.count("found"),
        weak=statuses.count("weak"),
        missing=statuses.count("missing"),
        denied=statuses.count("denied"),
        withheld=statuses.count("withheld"),
        for_counsel=statuses.count("for_counsel"),
    )


class _Reading:
    """A document with its words, and which sentences leave what they speak of open or to another text."""

    def __init__(self, document: CheckedText, absence: Absence) -> None:
        self.document = document
        self.wording = Wording([clause.text or "" for clause in document.clauses])
        self.withheld = [n for n, clause in enumerate(document.clauses) if clause.text is None]
        self._absence = absence
        self._having = frozenset(absence.having)
        self._nothing = frozenset(absence.nothing)
        self._settling = frozenset(absence.settling)
        self._rules = frozenset(absence.rules)
        self._conditions = frozenset(absence.conditions)
        self._limits = frozenset(absence.limits)
        self._unlimited = frozenset(absence.unlimited)
        self._then = frozenset(absence.then)
        self._cases = self._by_sentence(absence.cases)
        self._left_open = self._by_sentence(absence.left_open)
        for sentence, those in self._by_sentence(absence.not_agreed).items():
            if told := [each for each in those if not self._is_provided_for(each)]:
                self._left_open[sentence] = [*self._left_open.get(sentence, ()), *told]
        self._put_off = self._by_sentence(absence.put_off)
        self._elsewhere = self._sentences(absence.elsewhere)

    def _sentences(self, patterns: Sequence[str]) -> frozenset[int]:
        return frozenset(match.sentence for pattern in patterns for match in self.wording.matches(pattern))

    def _by_sentence(self, patterns: Sequence[str]) -> dict[int, list[Match]]:
        found: dict[int, list[Match]] = {}
        for match in self._all(patterns):
            found.setdefault(match.sentence, []).append(match)
        return found

    def evidence(self, item: ChecklistItem) -> _Evidence:
        """Where the item is said, touched and denied."""
        marks, homes = item.marks, {*item.headings, *item.also_under}
        outside, partly = self._sentences(marks.unless), self._sentences(marks.partly)
        others = self._by_sentence(marks.apart)
        topics = [
            match
            for match in self._all(marks.topic)
            if not any(
                other.first <= match.first and match.last <= other.last for other in others.get(match.sentence, ())
            )
        ]
        denies = [match for match in self._all(marks.denies) if self.wording.exception_after(match) is None]
        # “No party may leave during an incident” takes back nothing of a leave that is granted beside it.
        for_a_time = [match for match in denies if self._is_limited(match)]
        unsettled = [match for match in denies if match not in for_a_time]
        unsettled += [match for match in topics if self._left_unsettled(match)]
        absent = [match for match in topics if self._names_nothing(match)]
        denied = {match.sentence for match in unsettled}
        kinds: dict[str, list[Match]] = {kind: [] for kind in ("saying", "elsewhere", "astray", "touching")}
        kinds["touching"] += self._all(marks.touches)
        negated: list[Match] = []
        # “No charge shall be made” says nothing is paid, and answers what is asked: patterns with a negation of their
        # own come first, and what they say is not taken for a denial.
        answered: set[int] = set()
        patterns = sorted((*marks.says, *marks.words), key=lambda pattern: not _negative(pattern))
        for pattern in patterns:
            for match in self.wording.matches(pattern):
                if match.sentence in denied or match.sentence in outside:
                    continue
                if _negative(pattern):
                    kind = "saying"
                    answered.add(match.sentence)
                elif match.sentence not in answered and self._negated(match):
                    if not any(
                        other.first <= match.last and match.first <= other.last
                        for other in others.get(match.sentence, ())
                    ):
                        negated.append(match)
                    continue
                elif match.sentence in self._elsewhere:
                    kind = "elsewhere"
                elif self._is_left_open(match) or self._is_put_off(match):
                    kind = "touching"
                elif pattern in marks.says or self.document.clauses[match.ordinal].heading in homes:
                    kind = "saying"
                else:
                    kind = "astray"
                kinds[kind].append(match)
        absent = [match for match in absent if match.sentence not in answered]
        denied |= {match.sentence for match in absent}
        # A promise to settle it is no term of it; nor is it silence.
        kinds["touching"] += [match for match in topics if self._is_put_off(match)]
        spoken = {kind: [m for m in those if m.sentence not in denied] for kind, those in kinds.items()}
        return _Evidence(
            **{kind: _firsts(those) for kind, those in spoken.items()},
            denying=_firsts([*unsettled, *absent, *for_a_time, *negated]),
            settled_nothing=any(match.sentence not in partly for match in (*unsettled, *absent)),
        )

    def _all(self, patterns: Sequence[str]) -> list[Match]:
        return [match for pattern in patterns for match in self.wording.matches(pattern)]

    def _is_limited(self, denying: Match) -> bool:
        """Whether what is denied there is so for a time or a case: “may not be ended during the first year”.

        “During its term” is no less than never.
        """
        _, after = self.wording.near(denying, 0, _NEAR)
        at = next((n for n, word in enumerate(after) if word in self._limits), None)
        return at is not None and self._unlimited.isdisjoint(after[at:])

    def _negated(self, match: Match) -> bool:
        return self.wording.negated(match, cases=self._cases.get(match.sentence, ()))

    def _names_nothing(self, topic: Match) -> bool:
        """Whether the sentence is “no … has been agreed” or the like of what the match names."""
        before, after = self.wording.near(topic, _NEAR, _FAR)
        after = after[: self.wording.exception_after(topic)]  # “no party may leave unless notice is given”
        if any(have in self._having and word in self._nothing for have, word in itertools.pairwise(before)):
            return True
        settled = any(word in self._settling and not self._is_attribute(after, at) for at, word in enumerate(after))
        return settled and not self._nothing.isdisjoint(before)

    def _is_attribute(self, words: Sequence[str], at: int) -> bool:
        """Whether “made” there only tells by what another thing was: “an agreement made under this chapter”."""
        before, after = words[max(at - 1, 0) : at], words[at + 1 : at + 2]
        return words[at] == "made" and not self._having & {*before} and bool(_BY_WHAT & {*after})

    def _left_unsettled(self, topic: Match) -> bool:
        """Whether the sentence leaves open what the match names, has no rule for it, or says it is not settled."""
        if self._is_left_open(topic):
            return True
        before, after = self.wording.near(topic, _FAR, _FAR)
        if any(word in self._nothing and self._rules & {*before[at + 1 : at + 3]} for at, word in enumerate(before)):
            return True
        cases = self._cases.get(topic.sentence, ())
        return any(
            self._unsettled(words, at) and not any(each.first <= first + at <= each.last for each in cases)
            for first, words in ((topic.first - len(before), before), (topic.last + 1, after))
            for at in range(len(words))
        )

    def _is_left_open(self, said: Match) -> bool:
        return any(not self.wording.apart(said, left) for left in self._left_open.get(said.sentence, ()))

    def _is_provided_for(self, unsettled: Match) -> bool:
        """Whether it is a case with a rule for it, as in “if the parties fail to agree, the chief decides”."""
        if any(each.first <= unsettled.first <= each.last for each in self._cases.get(unsettled.sentence, ())):
            return True
        before, after = self.wording.near(unsettled, _NEAR, 2 * _FAR)
        return not self._conditions.isdisjoint(before) and not self._then.isdisjoint(after)

    def _is_put_off(self, said: Match) -> bool:
        """Whether its clause only promises that somebody will settle it; “designated by the chief” says who does."""
        return any(
            not (said.first <= later.first and later.last < said.last)
            and not self.wording.apart(said, later)
            and (self.wording.follows(later) not in ("by", "as") or self.wording.asks(later))
            for later in self._put_off.get(said.sentence, ())
        )

    def _unsettled(self, words: Sequence[str], at: int) -> bool:
        """Whether “not agreed”, “never been settled” or the like begins there."""
        if words[at] not in ("not", "never", "nowhere"):
            return False
        rest = [word for word in words[at + 1 : at + 5] if word not in _FILLING]
        return bool(rest) and rest[0] in self._settling


_NEGATIVES = NEGATIONS | {"without"}


def _negative(pattern: str) -> bool:
    """Whether a negation is part of what the pattern looks for."""
    return any(word in _NEGATIVES for part in pattern.split() for word in part.split("|"))


def _firsts(matches: Iterable[Match]) -> dict[int, Match]:
    """Of each provision the first."""
    found: dict[int, Match] = {}
    for match in matches:
        if match.ordinal not in found or match.start < found[match.ordinal].start:
            found[match.ordinal] = match
    return found


def _finding(reading: _Reading, item: ChecklistItem, how_sure: Sureness) -> ItemFinding:
    document, evidence = reading.document, reading.evidence(item)
    shown_terms = [name for name in item.terms if name not in document.terms_withheld]
    stated = [name for name in shown_terms if is_stated(document.terms, name)]
    stated += [name for name in item.dates if getattr(document, name) is not None]
    silent = [name for name in shown_terms if getattr(document.terms, name) == "silent"]
    headed = [n for n, clause in enumerate(document.clauses) if clause.heading in item.headings]
    under = [n for n in headed if n not in reading.withheld]
    status: ItemStatus
    shown: Mapping[int, Match]
    if not (item.headings or item.also_under or item.terms or item.dates or item.marks.says or item.marks.words):
        status, shown, reasons = "for_counsel", {}, []
    else:
        status, shown = _outcome(evidence, under=bool(under), stated=bool(stated and not item.requires_clause))
        if status == "missing" and reading.withheld:
            status = "withheld"
        reasons = list(_reasons(document, item, evidence, status, under=under, stated=stated, silent=silent))
        if status != "found" and reading.withheld:
            reasons.append(_withheld(document, [n for n in headed if n in reading.withheld], len(reading.withheld)))
    own = {*under}  # what stands under a heading of the item is quoted first
    numbered = sorted(shown) if shown else under if status == "weak" else []
    return ItemFinding(
        id=item.id,
        title=item.title,
        asks=item.asks,
        citation=item.citation,
        severity=item.severity,
        status=status,
        provisions=[document.clauses[n].number for n in numbered],
        terms=stated,
        passages=_passages(
            document, reading.wording, [shown[n] for n in sorted(shown, key=lambda n: (n not in own, n))]
        ),
        reasons=reasons,
        how_sure=how_sure,
    )


def _outcome(evidence: _Evidence, *, under: bool, stated: bool) -> tuple[ItemStatus, Mapping[int, Match]]:
    """What is answered, and the places that it rests on: those which say it, else those which only speak of it."""
    touching = {**evidence.touching, **evidence.astray, **evidence.elsewhere}
    if evidence.saying and not evidence.settled_nothing:
        return "found", evidence.saying
    if evidence.saying:
        return "weak", {**evidence.denying, **evidence.saying}
    if evidence.denying:
        return "denied", evidence.denying
    if touching or under or stated:
        return "weak", touching
    return "missing", {}


def is_stated(terms: Terms, name: str) -> bool:
    """Whether somebody set the term: it differs from what is left out, or a provision is named for it."""
    return bool(getattr(terms, name) != getattr(_LEAST, name)) or name in terms.clauses


def _reasons(
    document: CheckedText,
    item: ChecklistItem,
    evidence: _Evidence,
    status: ItemStatus,
    *,
    under: Sequence[int],
    stated: Sequence[str],
    silent: Sequence[str],
) -> Iterator[Weakness]:
    """Why the item is not found, and what is to be minded where it is."""
    if status == "found":
        if silent and not stated:
            detail = f"{_listed(document, evidence.saying)} says it, yet the terms say “silent” of {_and(silent)}."
            yield Weakness(code="term_silent", detail=f"{detail} Whoever decides by the terms is told nothing.")
        return
    if evidence.saying:
        detail = f"{_listed(document, evidence.saying)} says it, and {_listed(document, evidence.denying, inside=True)}"
        yield Weakness(code="said_and_denied", detail=f"{detail} says that it is not settled.")
    elif status == "denied":
        detail = f"{_listed(document, evidence.denying)} says that there is no such thing, or that it is left open."
        yield Weakness(code="denied", detail=detail)
    if evidence.elsewhere and not evidence.saying:
        detail = f"{_listed(document, evidence.elsewhere)} leaves it to another text, which was not read."
        yield Weakness(code="left_elsewhere", detail=detail)
    if evidence.astray and not evidence.saying:
        detail = f"{_listed(document, evidence.astray)} mentions it under another heading, perhaps in passing."
        yield Weakness(code="words_without_heading", detail=detail)
    if evidence.touching and not evidence.saying:
        detail = f"{_listed(document, evidence.touching)} touches it, and does not say what is asked."
        yield Weakness(code="touched", detail=detail)
    spoken = {*evidence.saying, *evidence.denying, *evidence.elsewhere, *evidence.touching, *evidence.astray}
    if bare := [n for n in under if n not in spoken]:
        detail = f"{_listed(document, bare)} stands under the heading, but no words in it say what is asked."
        yield Weakness(code="heading_without_words", detail=detail)
    if stated:
        asked = "The source asks that the text say it." if item.requires_clause else "Only the terms say it."
        yield Weakness(
            code="term_alone", detail=f"{_and(stated).capitalize()} is set, and no provision says it. {asked}"
        )
    elif not spoken and not bare and status != "withheld":
        yield Weakness(code="not_said", detail="Neither a provision nor a term says it.")


def _withheld(document: CheckedText, headed: Sequence[int], count: int) -> Weakness:
    """That what the reader may not read may say it, and where that is likeliest."""
    those = "the provision whose text is" if count == 1 else f"one of {count} provisions whose text is"
    detail = f"Perhaps {those} withheld from you says it, or denies it: ask who may read it."
    if headed:
        detail = f"{_listed(document, headed)} stands under the heading. {detail}"
    return Weakness(code="withheld", detail=detail)


def _and(names: Sequence[str]) -> str:
    return " and ".join(names)


def _listed(document: CheckedText, ordinals: Iterable[int], *, inside: bool = False) -> str:
    numbers = [document.clauses[n].number for n in sorted(ordinals)]
    named = f"{'provision' if inside else 'Provision'} {numbers[0]}"
    return named if len(numbers) == 1 else f"{named} (and {len(numbers) - 1} more)"


def _passages(document: CheckedText, wording: Wording, matches: Sequence[Match]) -> list[Passage]:
    """The words of the first few; restricted text is counted and never quoted."""
    open_ones = [m for m in matches if document.clauses[m.ordinal].sensitivity is not Sensitivity.RESTRICTED]
    return [
        Passage(provision=document.clauses[m.ordinal].number, text=wording.passage(m)) for m in open_ones[:_PASSAGES]
    ]
