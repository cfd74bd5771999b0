"""What the clauses write in figures, held against the terms that they are named for.

A clause is compared where the terms name it for a term, else where it stands under a heading that fits the term and its
sentence is about the thing. It says otherwise only when it writes figures of that kind and none of them is the term's:
a clause with several (“ninety days, or thirty in an emergency”) is left to its readers. A figure that may be misread is
remarked on as uncertain. In the texts of agencies at hand 49 clauses are read so under their headings, and each is
about the term.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, TypeAlias

from msgspec import Struct

from registry.agreements.instruments.figures import Figure, Unit, figures, sentences
from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.remarks import Remark, RemarkCode
from registry.agreements.instruments.term_days import RenewalTimes
from registry.agreements.instruments.terms import NoLimit, Terms, limit
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import counted

_HOURS_A_DAY: Final = 24
_NO_LIMIT: Final = "has no limit"
_LIMITS: Final = ("max_duration_hours", "cost_ceiling")
"""What a clause writes of these is remarked on where the terms do not say it: unsaid, it bars nothing."""
_Elsewhere: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]  # headings, and what a sentence there says also
_LONGEST: Final = (
    *("not exceed", "no longer than", "not longer than", "no more than", "not more than"),
    *("maximum", "at most", "not to exceed"),
    *(f"no {what} {may} exceed" for what in ("loan", "deployment", "assistance") for may in ("shall", "may", "will")),
    *(f"no {what} exceeds" for what in ("loan", "deployment", "assistance")),
    *(f"no {what} {lasts} longer" for what in ("loan", "deployment") for lasts in ("lasts", "shall last", "may last")),
)
_LENT: Final = ("assistance", "loan", "lent", "deploy", "personnel", "resource", "equipment", "mutual aid", "officer")
_AHEAD: Final = ("in advance", "prior to", "before", "ahead of", "notice")
_ASKED: Final = ("request",)
_OVER: Final = ("exceed", "longer than", "more than", "beyond")
_PERMIT: Final = ("approv",)
_LASTING: Final = (
    *("term is", "term shall be", "term will be", "duration is", "duration of", "duration shall be"),
    *("shall last", "will last", "lasts", "continue for", "continues for", "run for", "runs for"),
)
_BEGINNING: Final = (
    *("take effect", "takes effect", "effective on", "effective as of", "effective from", "become effective"),
    *("becomes effective", "is effective", "commence", "begins", "begin on", "in force from", "in effect from"),
)
_RECALL: Final = ("notice", "within")


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
    auto_renew_times: RenewalTimes | None = None
    amends: bool = False
    """Whether it comes after another text, whose days it may repeat."""


class _Said(Struct, kw_only=True, frozen=True):
    """A term in figures: where it is to be looked for, what it is in words, and which figures would be it.

    Under one of the `headings` a sentence is about it that has one of the words `about`; under one `elsewhere` it needs
    one of the words `also` too; under any other, save those `not_under`, one of `anywhere` besides. One with a word of
    `unless` is about another thing, and of one with a word of `before` what stands before it alone counts, and of one
    with a word of `after` what follows that: “for three years, and renews for one-year terms”. `since`: days before
    that one are another text's. `unsaid`: the terms do not say it, so that nobody is held to what the clause writes.
    `term` is its name among the terms.
    """

    words: str
    named: str | None
    term: str | None = None
    headings: tuple[str, ...]
    about: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    anywhere: tuple[str, ...] = ()
    not_under: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    units: tuple[Unit, ...]
    values: tuple[tuple[Unit, int], ...]
    says: str
    days: tuple[date, ...] = ()
    also_days: tuple[date, ...] = ()
    since: date | None = None
    unsaid: bool = False

    def may_stand_under(self, heading: str) -> bool:
        """Whether a clause of that heading may be about it at all."""
        return heading in (*self.headings, *self.elsewhere) or (bool(self.anywhere) and heading not in self.not_under)


def written_otherwise(clauses: Sequence[WrittenClause], terms: Terms, dates: TermDates) -> Iterator[Remark]:
    """Each clause that writes another figure than the term has."""
    read: dict[str, list[str]] = {}
    yield from _disagreeing(clauses)
    for said in (*_of_dates(dates), *_of_terms(terms)):
        for clause in clauses:
            named = said.named == clause.number
            if not named and (said.named is not None or not said.may_stand_under(clause.heading)):
                continue
            if clause.number not in read:
                read[clause.number] = sentences(clause.text)
            found = _figures_about(said, clause.heading, read[clause.number], named=named)
            if any(_is_said(figure, said) for figure in found):
                continue
            if certain := [figure for figure in found if figure.certain]:
                says = f"Clause {clause.number} says {_quoted(certain)}"
                if said.unsaid:
                    detail = f"{says} of {said.words}, and the terms do not say it, so nobody is held to it: enter it."
                    yield Remark(code=RemarkCode.TERM_NOT_ENTERED, detail=detail, clause=clause.number)
                    continue
                detail = f"{says}, yet {said.words} {said.says}: mend the one that is wrong."
                yield Remark(code=RemarkCode.SAYS_OTHERWISE, detail=detail, clause=clause.number)
            elif not said.unsaid and (uncertain := [figure for figure in found if not figure.disagrees]):
                says = f"Clause {clause.number} has {_quoted(uncertain)}, which a scanner may have misread"
                detail = f"{says}: it seems to say another thing than that {said.words} {said.says}. Look at the paper."
                yield Remark(code=RemarkCode.MAY_SAY_OTHERWISE, detail=detail, clause=clause.number)


def cited_otherwise(clauses: Sequence[WrittenClause], terms: Terms) -> Iterator[tuple[str, str, str]]:
    """Each term whose own clause writes another figure, or two for one: its name, the clause and the figures, quoted.

    As `written_otherwise`, of the clauses that the terms name alone.
    """
    numbered = {clause.number: clause for clause in clauses}
    for said in _of_terms(terms):
        clause = None if said.named is None else numbered.get(said.named)
        if said.term is None or said.unsaid or clause is None:
            continue
        found = _figures_about(said, clause.heading, sentences(clause.text), named=True)
        differing = [figure for figure in found if figure.disagrees]
        if not any(_is_said(figure, said) for figure in found):
            differing = [figure for figure in found if figure.certain or figure.disagrees]
        if differing:
            yield said.term, clause.number, _quoted(differing)


def _figures_about(said: _Said, heading: str, of: Sequence[str], *, named: bool) -> list[Figure]:
    """The figures of these sentences that are about the term; `named`: they are of the clause that is named for it."""
    return [
        figure
        for sentence in (_until(each, said.before) for each in of)
        if _is_about(sentence, said, heading, named=named)
        for figure in figures(_from(sentence, said.after))
        if figure.unit in said.units and not any(figure.is_day(day) for day in said.also_days)
        if said.since is None or not figure.is_before(said.since)
    ]


def _disagreeing(clauses: Sequence[WrittenClause]) -> Iterator[Remark]:
    """Each number of days, months, money or the like whose words say another than its figures, whatever it is about."""
    for clause in clauses:
        words = [each.words for sentence in sentences(clause.text) for each in figures(sentence) if each.disagrees]
        for each in dict.fromkeys(words):
            detail = f"Clause {clause.number} says “{each}”: the word and the number differ."
            yield Remark(code=RemarkCode.SAYS_OTHERWISE, detail=detail, clause=clause.number)


def _quoted(found: Sequence[Figure]) -> str:
    return ", ".join(f"“{words}”" for words in dict.fromkeys(figure.words for figure in found))


def _until(sentence: str, words: tuple[str, ...]) -> str:
    """The sentence as far as the first of the words."""
    lower = sentence.lower()
    return sentence[: min((at for word in words if (at := lower.find(word)) >= 0), default=len(sentence))]


def _from(sentence: str, words: tuple[str, ...]) -> str:
    """The sentence from the first of the words on; whole where it has none of them, or none is asked for."""
    lower = sentence.lower()
    return sentence[min((at for word in words if (at := lower.find(word)) >= 0), default=0) :]


def _is_about(sentence: str, said: _Said, heading: str, *, named: bool) -> bool:
    """A clause that is named for the term is about it; of another, the sentence that has the words."""
    if named:
        return True
    lower = sentence.lower()
    return (
        any(word in lower for word in said.about)
        and (heading in said.headings or any(word in lower for word in said.also))
        and (heading in (*said.headings, *said.elsewhere) or any(word in lower for word in said.anywhere))
        and not any(word in lower for word in said.unless)
    )


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
        elsewhere=("term", "renewal", "parties", "general"),
        about=("notice",),
        also=("terminat", "withdraw", "cancel", "leave"),
        anywhere=("agreement", "memorandum", "participation"),
        not_under=("insurance", "recall", "suspension", "personnel", "powers"),
        unless=("cure", "breach", "default", "renew", "insur", "employ"),
        units=("days", "months"),
        values=values,
        says=f"is {' or '.join(map(str, periods))}" if periods else "is not entered",
    )
    if periods:
        yield _Said(
            words="the notice before a renewal",
            named=None,
            headings=("renewal",),
            elsewhere=("term", "general"),
            about=("notice", "notif"),
            also=("renew",),
            unless=("cure", "breach", "default", "insur", "option", "request"),
            units=("days", "months"),
            values=values,
            says=f"is {' or '.join(map(str, periods))}",
        )
    yield _Said(
        words="the last day",
        named=None,
        headings=("term",),
        about=("expire", "terminat", "until", "through", "end on", "ends on", "ending"),
        units=("date",),
        values=(),
        says=f"is {dates.expires_on}" if dates.expires_on else "is not entered",
        days=() if dates.expires_on is None else (dates.expires_on,),
        also_days=(dates.effective_on,),
    )
    yield _Said(
        words="the first day",
        named=None,
        headings=("term", "general"),
        about=_BEGINNING,
        unless=("renew", "extend", "amend", "supersede", "replace", "original"),
        before=("expire", "terminat", "until", "through", "end on", "ends on", "ending"),
        units=("date",),
        values=(),
        says=f"is {dates.effective_on}",
        days=(dates.effective_on,),
        also_days=() if dates.expires_on is None else (dates.expires_on,),
        since=dates.effective_on if dates.amends else None,
    )
    length = _months(dates)
    yield _Said(
        words="the term",
        named=None,
        headings=("term", "general"),
        about=("term of", "period of", "in effect for", "effective for", "in force for", "effect for a", *_LASTING),
        unless=("notice",),
        before=("renew", "extend", "additional", "thereafter"),
        units=("months",),
        values=tuple(("months", each) for each in length),
        says=f"ends on {dates.expires_on}" if dates.expires_on else "has no last day",
    )
    if dates.auto_renew_months is not None:
        yield _Said(
            words="a renewed term",
            named=None,
            headings=("renewal",),
            elsewhere=("term", "general"),
            about=("renew", "extend"),
            also=("automatic", "itself"),
            unless=("may be renewed", "may be extended", "option", "mutual"),
            before=("unless", "notice", "prior to"),
            after=("renew", "extend"),
            units=("months",),
            values=(("months", dates.auto_renew_months),),
            says=f"is {counted(dates.auto_renew_months, 'month')}",
        )
        times = dates.auto_renew_times
        yield _Said(
            words="the number of automatic renewals",
            named=None,
            headings=(),
            elsewhere=("renewal", "term", "general"),
            about=("renew", "extend"),
            also=("automatic", "itself", "up to", "not more than", "no more than", "at most"),
            unless=("option", "mutual", "may be renewed", "may be extended", "prior to", "before"),
            units=("times",),
            values=(("times", times),) if isinstance(times, int) else (),
            says=f"is {times}"
            if isinstance(times, int)
            else "has no limit"
            if times == "no_limit"
            else "is not entered",
        )


def _months(dates: TermDates) -> tuple[int, ...]:
    """How many months the term has, in whole ones: between two of them it is said as either."""
    if dates.expires_on is None:
        return ()
    first, last = dates.effective_on, dates.expires_on
    whole = (last.year - first.year) * 12 + last.month - first.month
    return tuple(range(max(0, whole - 1), whole + 2))


def _of_terms(terms: Terms) -> Iterator[_Said]:
    pay, clauses = terms.reimbursement, terms.clauses
    asking = ("request_procedure", "scope", "resource_allocation")
    after = ("first", "exceed", "after")
    hours: tuple[tuple[str, str, int | NoLimit | None, tuple[str, ...], tuple[str, ...], _Elsewhere], ...] = (
        (
            "max_duration_hours",
            "the longest loan",
            terms.max_duration_hours,
            (),
            _LONGEST,
            ((*asking, "recall", "equipment"), _LENT),
        ),
        ("notice_hours", "the notice before a loan", terms.notice_hours, (), _AHEAD, (asking[:1], _ASKED)),
        (
            "approval_over_hours",
            "the loan that needs approval",
            terms.approval_over_hours,
            (),
            _OVER,
            (asking, _PERMIT),
        ),
        ("recall_notice_hours", "the notice of a recall", terms.recall_notice_hours, ("recall",), _RECALL, ((), ())),
        ("reimbursement", "the hours that are free", pay.free_hours, ("reimbursement",), after, ((), ())),
    )
    for name, words, value, headings, about, (elsewhere, also) in hours:
        if value is not None or name in _LIMITS:
            said = limit(value)
            yield _Said(
                words=words,
                named=clauses.get(name),
                term=name,
                headings=headings,
                elsewhere=elsewhere,
                about=about,
                also=also,
                anywhere=("loan",) if name == "max_duration_hours" else (),
                not_under=("reimbursement", "termination", "term", "notices"),
                units=("hours", "days") if name != "reimbursement" else ("hours",),
                values=() if said is None else _in_hours_or_days(said),
                says=_NO_LIMIT
                if said is None
                else f"are {said}"
                if name == "reimbursement"
                else f"is {counted(said, 'hour')}",
                unsaid=value is None,
            )
    if (window := limit(terms.claim_window_days)) is not None:
        yield _Said(
            words="the window for claims",
            named=clauses.get("claim_window_days"),
            term="claim_window_days",
            headings=("reimbursement",),
            about=("claim", "invoice", "bill", "submit"),
            units=("days", "months"),
            values=(("days", window),),
            says=f"is {counted(window, 'day')}",
        )
    if terms.suspension_notice_days is not None:
        yield _Said(
            words="the notice of a suspension",
            named=clauses.get("suspension_notice_days") or clauses.get("suspension"),
            headings=("suspension", "termination", "term"),
            about=("suspend", "suspension"),
            unless=("from suspension to",),  # of the notice of an end that follows a suspension
            units=("days", "months"),
            values=(("days", terms.suspension_notice_days),),
            says=f"is {counted(terms.suspension_notice_days, 'day')}",
        )
    for name, words, amount, about in (
        ("cost_ceiling", "the highest cost", terms.cost_ceiling, _LONGEST),
        ("reimbursement", "the rate per hour", pay.rate_per_hour, ("per hour", "an hour", "hourly", "/hour")),
    ):
        if amount is not None or name in _LIMITS:
            its = amount if isinstance(amount, Money) else None
            yield _Said(
                words=words,
                named=clauses.get(name),
                term=name,
                headings=("reimbursement",),
                about=about,
                units=("money",),
                values=() if its is None else (("money", its.to_minor()),),
                says=_NO_LIMIT if its is None else f"is {its.amount} {its.currency}",
                unsaid=amount is None,
            )


def _in_hours_or_days(hours: int) -> tuple[tuple[Unit, int], ...]:
    days: tuple[tuple[Unit, int], ...] = (("days", hours // _HOURS_A_DAY),) if hours % _HOURS_A_DAY == 0 else ()
    return (("hours", hours), *days)
