"""What clauses say in words, held against the codes of the terms: who pays, commands and is liable, what
renews, how a party leaves, from what its notice counts, whether it may suspend its participation, whether a loan needs
an approval, whether insurance is to be shown.

What a sentence is known by is data (`worded.yaml`): words, the codes that they agree with, and how often they were read
rightly on texts that agencies signed. A denial is never read as what it denies; where it says a thing of its own (“no
reimbursement”) it is a statement itself. An exception is left to its readers. Silence of the terms contradicts nothing:
they say less than the text. Where it frees somebody, or asks for nothing, what the text says is remarked on
(`when_unsaid`).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.remarks import Remark, RemarkCode
from registry.agreements.instruments.term_days import RenewalTimes
from registry.agreements.instruments.terms import Terms
from registry.agreements.instruments.wording import Match, Pattern, Wording
from registry.agreements.instruments.written import TermDates, WrittenClause, cited_otherwise, written_otherwise
from registry.platform.kernel.text import counted
from registry.platform.kernel.yaml_text import read_yaml

Matter = Literal[
    "reimbursement",
    "command",
    "liability",
    "renewal",
    "suspension",
    "notice",
    "counted_from",
    "approval",
    "insurance",
]
_CALLED: Final[dict[Matter, str]] = {
    "reimbursement": "reimbursement",
    "command": "command",
    "liability": "liability",
    "renewal": "automatic renewal",
    "suspension": "a party's own suspension",
    "notice": "notice",
    "counted_from": "from what a period of notice counts",
    "approval": "a loan's approval",
    "insurance": "proof of insurance",
}
_NAMES: Final[dict[Matter, tuple[str, ...]]] = {
    "approval": ("approval_required", "approval_over_hours"),
    "insurance": ("insurance_required",),
}
_READ_AT_MOST: Final = 20_000
_NEGATIVE = frozenset({"no", "not", "neither", "cannot", "without", "nothing"})
_FOLLOWING: Final = 5


class Statement(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """One thing that a sentence can say of a term, and the codes that it agrees with.

    `unless`: words of the sentence that set an exception or another subject; `not_followed`: words, or beginnings, of
    which none is among the next few. `yields_to`: statements beside which it says something of its own, as that what
    renews itself may be extended by agreement too. `when_unsaid`: whether it is remarked on where the term is not
    entered.
    """

    code: Annotated[str, Meta(pattern=r"\A[a-z_]{3,40}\Z")]
    term: Matter
    means: str
    headings: Annotated[tuple[str, ...], Meta(min_length=1)]
    agrees: Annotated[tuple[str, ...], Meta(min_length=1)]
    patterns: Annotated[tuple[Pattern, ...], Meta(min_length=1)]
    unless: tuple[Pattern, ...] = ()
    not_followed: tuple[str, ...] = ()
    yields_to: tuple[str, ...] = ()
    when_unsaid: bool = False
    read: int = 0
    right: int = 0


class Said(Struct, kw_only=True, frozen=True):
    """A statement found in a clause, with its words."""

    statement: Statement
    clause: str
    words: str


@cache
def statements() -> tuple[Statement, ...]:
    """What is shipped. Raises ValidationError, ValueError for data that cannot be meant."""
    found = msgspec.convert(
        read_yaml((Path(__file__).parent / "worded.yaml").read_text("utf-8")), tuple[Statement, ...]
    )
    if len({each.code for each in found}) != len(found):
        raise ValueError("two statements have one code")
    return found


@lru_cache(maxsize=128)
def remarks_on(
    clauses: tuple[tuple[str, str, str], ...],
    terms: bytes,
    notice: bytes,
    effective_on: date,
    expires_on: date | None,
    auto_renew_months: int | None,
    auto_renew_times: RenewalTimes | None,
    *,
    amends: bool = False,
) -> tuple[Remark, ...]:
    """All that the clauses of a stored version say otherwise; kept, since a text is read more often than changed.

    `amends`: it is no first text, and may repeat days of those before it.
    """
    dates = TermDates(
        notice=read_notice(notice),
        effective_on=effective_on,
        expires_on=expires_on,
        auto_renew_months=auto_renew_months,
        auto_renew_times=auto_renew_times,
        amends=amends,
    )
    written = [WrittenClause(number=number, heading=heading, text=text) for number, heading, text in clauses]
    said = msgspec.json.decode(terms, type=Terms)
    return tuple(dict.fromkeys([*written_otherwise(written, said, dates), *worded_otherwise(written, said, dates)]))


def worded_otherwise(clauses: Sequence[WrittenClause], terms: Terms, dates: TermDates) -> Iterator[Remark]:
    """Each clause that says in words another thing than the term's code."""
    for said in said_in_words(clauses, terms, dates.notice.clause):
        statement = said.statement
        code = _coded(statement.term, terms, dates)
        if code is None and statement.when_unsaid:
            yield Remark(
                code=RemarkCode.TERM_NOT_ENTERED,
                detail=f"Clause {said.clause} says “{said.words}”, which reads as if {statement.means}; yet "
                f"{_CALLED[statement.term]} is not entered in the terms: enter it. {how_sure(statement)}",
                clause=said.clause,
            )
        elif code is not None and code not in statement.agrees:
            yield Remark(
                code=RemarkCode.SAYS_OTHERWISE,
                detail=f"Clause {said.clause} says “{said.words}”, which reads as if {statement.means}; yet "
                f"{_CALLED[statement.term]} is coded “{code}”: mend the one that is wrong. {how_sure(statement)}",
                clause=said.clause,
            )


def contradicted(clauses: Sequence[WrittenClause], terms: Terms, dates: TermDates) -> dict[str, str]:
    """The terms whose own clause says otherwise, by name, with the words of the clause in quotation marks.

    It is what `written_otherwise` and `worded_otherwise` remark on, of the clauses that the terms name for a term:
    these are what a decision cites.
    """
    found: dict[str, list[str]] = {}
    for name, _, words in cited_otherwise(clauses, terms):
        found.setdefault(name, []).append(words)
    for said in said_in_words(clauses, terms, dates.notice.clause):
        code = _coded(said.statement.term, terms, dates)
        if code is not None and code not in said.statement.agrees:
            for name in _NAMES.get(said.statement.term, (said.statement.term,)):
                if terms.clauses.get(name) == said.clause:
                    found.setdefault(name, []).append(f"“{said.words}”")
    return {name: ", ".join(dict.fromkeys(words)) for name, words in found.items()}


def how_sure(statement: Statement) -> str:
    """How often sentences that were read so said so, in words."""
    if not statement.read:
        return "It is read from the words alone, and no real text was at hand that says so: look at the sentence."
    return (
        f"It is read from the words alone: of {statement.read} such sentences in agreements that agencies signed "
        f"{statement.right} said so."
    )


def said_in_words(clauses: Sequence[WrittenClause], terms: Terms, notice_clause: str | None = None) -> Iterator[Said]:
    """Every statement that a clause makes, each once; where the terms name a clause for the matter, that one alone.

    `notice_clause`: the one that is named for the notice.
    """
    made = list(_made(clauses, terms, notice_clause))
    codes = {each.statement.code for each in made}
    return (each for each in made if codes.isdisjoint(each.statement.yields_to))


def _made(clauses: Sequence[WrittenClause], terms: Terms, notice_clause: str | None) -> Iterator[Said]:
    spoken_of = {heading for each in statements() for heading in each.headings}
    named_for = {number for each in statements() for number in _named(each.term, terms, notice_clause)}
    clauses = list(_short_of(each for each in clauses if each.heading in spoken_of or each.number in named_for))
    wording = Wording([clause.text for clause in clauses])
    for statement in statements():
        named = _named(statement.term, terms, notice_clause)
        unless = {match.sentence for pattern in statement.unless for match in wording.matches(pattern)}
        told: set[int] = set()
        for pattern in statement.patterns:
            for match in wording.matches(pattern):
                clause = clauses[match.ordinal]
                about = clause.number in named if named else clause.heading in statement.headings
                if not about or match.sentence in unless or match.ordinal in told or _denied(wording, match, pattern):
                    continue
                if _followed(wording, match, statement.not_followed):
                    continue
                told.add(match.ordinal)
                yield Said(statement=statement, clause=clause.number, words=wording.said(match))


def _named(term: Matter, terms: Terms, notice_clause: str | None) -> set[str]:
    """The clauses that are named for the matter."""
    if term in ("notice", "counted_from"):
        return set() if notice_clause is None else {notice_clause}
    return {terms.clauses[name] for name in _NAMES.get(term, (term,)) if name in terms.clauses}


def _short_of(clauses: Iterable[WrittenClause]) -> Iterator[WrittenClause]:
    """As many as can be read while somebody waits; agreements have a few thousand characters under these headings."""
    left = _READ_AT_MOST
    for clause in clauses:
        left -= len(clause.text)
        if left < 0:
            return
        yield clause


def _denied(wording: Wording, match: Match, pattern: str) -> bool:
    """Whether a negation turns it round; one of the pattern's own does not, another before it does.

    “May leave without notice” says so, and “no party may leave without notice” does not.
    """
    return wording.negated(match, own=bool(_NEGATIVE & {*pattern.replace("|", " ").split()}))


def _followed(wording: Wording, match: Match, by: tuple[str, ...]) -> bool:
    """Whether one of these words, or of these beginnings (`giv*`), is among the next few."""
    _, after = wording.near(match, 0, _FOLLOWING)
    return any(word == each or (each[-1] == "*" and word.startswith(each[:-1])) for word in after for each in by)


def _coded(term: Matter, terms: Terms, dates: TermDates) -> str | None:
    """The code that the sentence is held against; None where the terms are silent, or have no end to renew."""
    match term:
        case "reimbursement":
            code: str = terms.reimbursement.model
        case "command":
            code = terms.command
        case "liability":
            code = terms.liability
        case "suspension":
            code = terms.suspension
        case "renewal":
            if dates.expires_on is None:
                return None
            return "ends" if dates.auto_renew_months is None else "renews"
        case "counted_from":
            code = dates.notice.counted_from
        case "notice":
            return _notice_coded(dates)
        case "approval":
            return _approval_coded(terms)
        case "insurance":
            return {None: None, True: "required", False: "not required"}[terms.insurance_required]
    return None if code == "silent" else code


def _notice_coded(dates: TermDates) -> str | None:
    periods = dates.notice.periods
    if not periods:
        return None
    return "none" if any(each.days == 0 for each in periods) else " or ".join(dict.fromkeys(map(str, periods)))


def _approval_coded(terms: Terms) -> str | None:
    if terms.approval_required:
        return "required"
    if terms.approval_over_hours is not None:
        return f"over {counted(terms.approval_over_hours, 'hour')}"
    return None if terms.approval_required is None else "not required"
