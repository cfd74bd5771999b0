"""What a version of an agreement says of a checklist, by its headings, its terms and its words. Pure.

It recognises, and does not understand: a clause that says the opposite of what is asked is found like any other, and
what is found may still be bad law. Have counsel review.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date

from msgspec import Struct

from registry.agreements.checks.schemas import (
    Checklist,
    ChecklistFindings,
    ChecklistItem,
    FindingCounts,
    ItemFinding,
    ItemStatus,
    Passage,
    Severity,
    Weakness,
)
from registry.agreements.checks.wording import Match, Wording
from registry.agreements.rules import AgreementKind, Sensitivity
from registry.agreements.terms import Terms

_PASSAGES = 3
_LEAST = Terms(categories=["any"])
"""Terms in which nothing is set."""


class Clause(Struct, kw_only=True, frozen=True):
    """A provision, as far as it can be recognised."""

    number: str
    heading: str
    text: str
    sensitivity: Sensitivity = Sensitivity.PARTIES


class Document(Struct, kw_only=True, frozen=True):
    """A version of an agreement, as far as it can be recognised."""

    clauses: Sequence[Clause]
    terms: Terms
    expires_on: date | None = None
    auto_renew_months: int | None = None
    review_every_months: int | None = None


def applicable(
    lists: Iterable[Checklist], *, kind: AgreementKind, headings: Collection[str], states: Collection[str]
) -> list[Checklist]:
    """The checklists meant for an agreement of this kind, with provisions so headed, among agencies of these states."""
    return [
        each
        for each in lists
        if _meant(each, kind, headings) and (not each.applies.states or not set(each.applies.states).isdisjoint(states))
    ]


def _meant(checklist: Checklist, kind: AgreementKind, headings: Collection[str]) -> bool:
    scope = checklist.applies
    open_to_all = not scope.kinds and not scope.headings
    return open_to_all or kind in scope.kinds or not set(scope.headings).isdisjoint(headings)


def examine(document: Document, lists: Iterable[Checklist]) -> list[ChecklistFindings]:
    """Each checklist held against the document, whose words are indexed once for all of them."""
    wording = Wording([clause.text for clause in document.clauses])
    return [_held_against(document, wording, checklist) for checklist in lists]


def _held_against(document: Document, wording: Wording, checklist: Checklist) -> ChecklistFindings:
    items = [_finding(document, wording, item) for item in checklist.items]
    return ChecklistFindings(
        code=checklist.code,
        name=checklist.name,
        jurisdiction=checklist.jurisdiction,
        citation=checklist.citation,
        counsel=checklist.counsel,
        required=_counts(items, "required"),
        recommended=_counts(items, "recommended"),
        items=items,
    )


def _counts(items: Sequence[ItemFinding], severity: Severity) -> FindingCounts:
    statuses = [item.status for item in items if item.severity == severity]
    return FindingCounts(
        found=statuses.count("found"),
        weak=statuses.count("weak"),
        missing=statuses.count("missing"),
        for_counsel=statuses.count("for_counsel"),
    )


def _finding(document: Document, wording: Wording, item: ChecklistItem) -> ItemFinding:
    under = [n for n, clause in enumerate(document.clauses) if clause.heading in item.headings]
    matches = _matches(wording, item)
    homes = {*item.headings, *item.also_under}
    saying = [n for n in sorted(matches) if document.clauses[n].heading in homes]
    stated = [name for name in item.terms if is_stated(document.terms, name)]
    stated += [name for name in item.dates if getattr(document, name) is not None]
    silent = [name for name in item.terms if getattr(document.terms, name) == "silent"]
    numbered = saying or sorted({*under, *matches})
    reasons = list(_reasons(document, under=under, matches=matches, saying=saying, stated=stated, silent=silent))
    status: ItemStatus
    if not (homes or item.terms or item.dates or item.words):
        status, reasons = "for_counsel", []
    elif reasons:
        status = "weak" if numbered else "missing"
    else:
        status = "found"
    return ItemFinding(
        id=item.id,
        title=item.title,
        asks=item.asks,
        citation=item.citation,
        severity=item.severity,
        status=status,
        provisions=[document.clauses[n].number for n in numbered],
        terms=stated,
        passages=_passages(document, wording, [matches[n] for n in numbered if n in matches]),
        reasons=reasons,
    )


def _matches(wording: Wording, item: ChecklistItem) -> dict[int, Match]:
    """For each provision that says it in words, the first place where it does."""
    found: dict[int, Match] = {}
    for pattern in item.words:
        for match in wording.matches(pattern):
            if match.ordinal not in found or match.start < found[match.ordinal].start:
                found[match.ordinal] = match
    return found


def is_stated(terms: Terms, name: str) -> bool:
    """Whether somebody set the term: it differs from what is left out, or a provision is named for it."""
    return bool(getattr(terms, name) != getattr(_LEAST, name)) or name in terms.clauses


def _reasons(
    document: Document,
    *,
    under: Sequence[int],
    matches: Mapping[int, Match],
    saying: Sequence[int],
    stated: Sequence[str],
    silent: Sequence[str],
) -> Iterator[Weakness]:
    """Why the item is not found; nothing when it is."""
    if saying and silent and not stated:
        detail = f"{_listed(document, saying)} says it, yet the terms say “silent” of {' and '.join(silent)}."
        yield Weakness(code="term_silent", detail=f"{detail} Whoever decides by the terms is told nothing.")
    if saying or stated:
        return
    if under:
        detail = f"{_listed(document, under)} stands under the heading, but no words in it say what is asked."
        yield Weakness(code="heading_without_words", detail=detail)
    if matches:
        detail = f"{_listed(document, sorted(matches))} mentions it under another heading, perhaps in passing."
        yield Weakness(code="words_without_heading", detail=detail)
    if not under and not matches:
        yield Weakness(code="not_said", detail="Neither a provision nor a term says it.")


def _listed(document: Document, ordinals: Sequence[int]) -> str:
    first = document.clauses[ordinals[0]].number
    return f"Provision {first}" if len(ordinals) == 1 else f"Provision {first} (and {len(ordinals) - 1} more)"


def _passages(document: Document, wording: Wording, matches: Sequence[Match]) -> list[Passage]:
    """The words of the first few; restricted text is counted and never quoted."""
    open_ones = [m for m in matches if document.clauses[m.ordinal].sensitivity is not Sensitivity.RESTRICTED]
    return [
        Passage(provision=document.clauses[m.ordinal].number, text=wording.passage(m)) for m in open_ones[:_PASSAGES]
    ]
