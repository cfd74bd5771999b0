"""What the clauses write in figures, held against the terms that they are named for.

A clause is compared where the terms name it for a term, else where it stands under the heading and its sentence is
about the thing. It says otherwise only when it writes figures of that kind and none of them is the term's: a clause
with several (“ninety days, or thirty in an emergency”) is left to its readers, and so is a figure that may be misread.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from registry.agreements.instruments.figures import Figure, Unit, figures, sentences
from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.remarks import Remark, RemarkCode
from registry.agreements.instruments.terms import Terms
from registry.platform.kernel.text import counted

_HOURS_A_DAY: Final = 24


class WrittenClause(Struct, kw_only=True, frozen=True):
    """A provision that the reader may read."""

    number: str
    heading: str
    text: str


class TermDates(Struct, kw_only=True, frozen=True):
    """What of a version stands beside its text."""

    notice: Notice
    effective_on: date
    expires_on: date | None = None
    auto_renew_months: int | None = None


class _Said(Struct, kw_only=True, frozen=True):
    """A term in figures: where it is to be looked for, what it is in words, and which figures would be it."""

    words: str
    named: str | None
    headings: tuple[str, ...]
    about: tuple[str, ...]
    units: tuple[Unit, ...]
    values: tuple[tuple[Unit, int], ...]
    says: str
    days: tuple[date, ...] = ()
    also_days: tuple[date, ...] = ()


def written_otherwise(clauses: Sequence[WrittenClause], terms: Terms, dates: TermDates) -> Iterator[Remark]:
    """Each clause that writes another figure than the term has."""
    read: dict[str, list[str]] = {}
    for said in (*_of_dates(dates), *_of_terms(terms)):
        for clause in clauses:
            named = said.named == clause.number
            if not named and (said.named is not None or clause.heading not in said.headings):
                continue
            if clause.number not in read:
                read[clause.number] = sentences(clause.text)
            found = [
                figure
                for sentence in read[clause.number]
                if _is_about(sentence, said, named=named)
                for figure in figures(sentence)
                if figure.unit in said.units and not any(figure.is_day(day) for day in said.also_days)
            ]
            for figure in found:
                if figure.disagrees:
                    detail = f"Clause {clause.number} says “{figure.words}”: the word and the number differ."
                    yield Remark(code=RemarkCode.SAYS_OTHERWISE, detail=detail, clause=clause.number)
            certain = [figure for figure in found if figure.certain]
            if certain and not any(_is_said(figure, said) for figure in found):
                quoted = ", ".join(f"“{words}”" for words in dict.fromkeys(figure.words for figure in certain))
                said_here = f"Clause {clause.number} says {quoted}"
                detail = f"{said_here}, yet {said.words} {said.says}: mend the one that is wrong."
                yield Remark(code=RemarkCode.SAYS_OTHERWISE, detail=detail, clause=clause.number)


def _is_about(sentence: str, said: _Said, *, named: bool) -> bool:
    """A clause that is named for the term is about it; of another, the sentence that has one of the words."""
    return named or any(word in sentence.lower() for word in said.about)


def _is_said(figure: Figure, said: _Said) -> bool:
    if figure.unit == "date":
        return any(figure.is_day(day) for day in said.days)
    return (figure.unit, figure.value) in said.values


def _of_dates(dates: TermDates) -> Iterator[_Said]:
    periods = dates.notice.periods
    values: tuple[tuple[Unit, int], ...] = tuple(
        ("months", period.months) if period.months is not None else ("days", period.days or 0) for period in periods
    )
    yield _Said(
        words="the notice",
        named=dates.notice.clause,
        headings=("termination",),
        about=("notice",),
        units=("days", "months"),
        values=values,
        says=f"is {' or '.join(map(str, periods))}" if periods else "is silent",
    )
    yield _Said(
        words="the last day",
        named=None,
        headings=("term",),
        about=("expire", "terminat", "until", "through", "end on", "ends on", "ending"),
        units=("date",),
        values=(),
        says=f"is {dates.expires_on}" if dates.expires_on else "is not given",
        days=() if dates.expires_on is None else (dates.expires_on,),
        also_days=(dates.effective_on,),
    )
    if dates.auto_renew_months is not None:
        yield _Said(
            words="a renewed term",
            named=None,
            headings=("renewal",),
            about=("renew", "extend"),
            units=("months",),
            values=(("months", dates.auto_renew_months),),
            says=f"is {counted(dates.auto_renew_months, 'month')}",
        )


def _of_terms(terms: Terms) -> Iterator[_Said]:
    pay, clauses = terms.reimbursement, terms.clauses
    hours: tuple[tuple[str, str, int | None, tuple[str, ...], tuple[str, ...]], ...] = (
        ("max_duration_hours", "the longest loan", terms.max_duration_hours, (), ()),
        ("notice_hours", "the notice before a loan", terms.notice_hours, (), ()),
        ("approval_over_hours", "the loan that needs approval", terms.approval_over_hours, (), ()),
        ("recall_notice_hours", "the notice of a recall", terms.recall_notice_hours, ("recall",), ("notice", "within")),
        ("reimbursement", "the hours that are free", pay.free_hours, ("reimbursement",), ("first", "exceed", "after")),
    )
    for name, words, value, headings, about in hours:
        if value is not None:
            yield _Said(
                words=words,
                named=clauses.get(name),
                headings=headings,
                about=about,
                units=("hours", "days") if name != "reimbursement" else ("hours",),
                values=(("hours", value), *((("days", value // _HOURS_A_DAY),) if value % _HOURS_A_DAY == 0 else ())),
                says=f"is {counted(value, 'hour')}" if name != "reimbursement" else f"are {value}",
            )
    if terms.claim_window_days is not None:
        yield _Said(
            words="the window for claims",
            named=clauses.get("claim_window_days"),
            headings=("reimbursement",),
            about=("claim", "invoice", "bill", "submit"),
            units=("days", "months"),
            values=(("days", terms.claim_window_days),),
            says=f"is {counted(terms.claim_window_days, 'day')}",
        )
    if terms.suspension_notice_days is not None:
        yield _Said(
            words="the notice of a suspension",
            named=clauses.get("suspension_notice_days") or clauses.get("suspension"),
            headings=("suspension", "termination", "term"),
            about=("suspend", "suspension"),
            units=("days", "months"),
            values=(("days", terms.suspension_notice_days),),
            says=f"is {counted(terms.suspension_notice_days, 'day')}",
        )
    for name, words, amount in (
        ("cost_ceiling", "the highest cost", terms.cost_ceiling),
        ("reimbursement", "the rate per hour", pay.rate_per_hour),
    ):
        if amount is not None:
            yield _Said(
                words=words,
                named=clauses.get(name),
                headings=(),
                about=(),
                units=("money",),
                values=(("money", amount.to_minor()),),
                says=f"is {amount.amount} {amount.currency}",
            )
