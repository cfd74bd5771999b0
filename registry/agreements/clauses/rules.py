"""What standard clauses leave open, how it is filled, and what a draft is made of. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from registry.agreements.clauses.schemas import Answer, Placeholder, StandardClause, Template
from registry.platform.kernel.errors import Fault

_OPEN = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,12})\.[0-9]{2}")
_WORDS = re.compile(r"[^\x00-\x1f\x7f{}]{1,300}")
GIVEN = "given"


def open_in(value: Any) -> list[str]:
    """The placeholders in a text, or anywhere in what a clause says, each once, in order."""
    if isinstance(value, str):
        return list(dict.fromkeys(_OPEN.findall(value)))
    members = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return list(dict.fromkeys(name for member in members for name in open_in(member)))


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with every placeholder that has a value; what an answer says is never filled again."""
    return _OPEN.sub(lambda found: values.get(found[1], found[0]), text)


def fits(standard: str, text: str) -> dict[str, str] | None:
    """What stands in the text in place of each placeholder; None where the text is not the clause.

    Blank space does not count. A placeholder ends where the words behind it first stand, so that the time taken grows
    with the length of the text alone.
    """
    parts, said = _OPEN.split(" ".join(standard.split())), " ".join(text.split())
    if len(parts) == 1 or not said.startswith(parts[0]):
        return {} if said == parts[0] else None
    values: dict[str, str] = {}
    at = len(parts[0])
    for index in range(1, len(parts), 2):
        name, behind = parts[index], parts[index + 1]
        if index + 2 == len(parts):
            end = len(said) - len(behind)
        else:
            end = at + len(values[name]) if name in values else said.find(behind, at)
        if end < at or not said.startswith(behind, end) or values.setdefault(name, said[at:end]) != said[at:end]:
            return None
        at = end + len(behind)
    return values


def refused(placeholder: Placeholder, answer: Answer) -> str | None:
    """Why the answer does not fit; None where it does."""
    said = str(answer)
    if placeholder.kind == "number":
        least, most = placeholder.least or 0, placeholder.most or 0
        fits = said.isascii() and said.isdigit() and len(said) < 10 and least <= int(said) <= most
        return None if fits else f"A whole number from {least} to {most} is needed."
    if placeholder.kind == "amount":
        return None if _AMOUNT.fullmatch(said) else "An amount with two decimal places is needed, such as 1250.00."
    if not _WORDS.fullmatch(said) or said != said.strip():
        return "Words on one line are needed, at most 300 characters, without curly brackets."
    return "It continues a sentence: leave the full stop out." if said.endswith(".") else None


class Chosen(Struct, kw_only=True, frozen=True):
    """The standard clauses of a draft, in its order, and what is wrong with the choice."""

    clauses: Sequence[StandardClause]
    faults: Sequence[Fault]


def chosen(template: Template, instead: Mapping[str, str | None], library: Mapping[str, StandardClause]) -> Chosen:
    """The template's clauses, those asked for in their place; null leaves one out."""
    faults: list[Fault] = []
    for code, other in instead.items():
        pointer = f"/instead/{code}"
        if code not in template.standard_clauses:
            detail = f"The template has no standard clause “{code}” to replace."
            faults.append(Fault(pointer=pointer, code="unknown_standard_clause", detail=detail))
        elif other is not None and other not in library:
            detail = f"There is no standard clause “{other}”."
            faults.append(Fault(pointer=pointer, code="unknown_standard_clause", detail=detail))
        elif other is not None and library[other].heading != library[code].heading:
            detail = f"“{other}” stands under another heading than “{code}”."
            faults.append(Fault(pointer=pointer, code="heading_differs", detail=detail))
    codes = [instead.get(code, code) for code in template.standard_clauses]
    return Chosen(clauses=[library[code] for code in codes if code is not None and code in library], faults=faults)


def asked_by(clauses: Sequence[StandardClause], placeholders: Mapping[str, Placeholder]) -> list[Placeholder]:
    """The questions that the clauses leave open, those that a draft's own members answer left out."""
    names = dict.fromkeys(name for clause in clauses for name in clause_opens(clause))
    return [placeholders[name] for name in names if placeholders[name].kind != GIVEN]


def clause_opens(clause: StandardClause) -> list[str]:
    """All placeholders of a clause: of its text, and of what it says to machines."""
    return list(dict.fromkeys([*open_in(clause.text), *open_in(clause.terms), *open_in(clause.particulars)]))


def about_answers(asked: Sequence[Placeholder], answers: Mapping[str, Answer]) -> Iterator[Fault]:
    """Every answer that is missing, does not fit, or was not asked for."""
    names = {each.name for each in asked}
    for each in asked:
        pointer = f"/answers/{each.name}"
        if each.name not in answers:
            yield Fault(pointer=pointer, code="answer_missing", detail=f"{each.question} For example: {each.example}.")
        elif detail := refused(each, answers[each.name]):
            yield Fault(pointer=pointer, code="answer_unfit", detail=detail)
    for name in answers:
        if name not in names:
            detail = "None of the standard clauses of this draft asks for it."
            yield Fault(pointer=f"/answers/{name}", code="answer_not_asked", detail=detail)


class Composed(Struct, kw_only=True, frozen=True):
    """What a draft says: its texts, numbered from 1, and what follows from them for machines.

    `sources` says for a place in the terms or the particulars which answer stands there.
    """

    texts: Sequence[str]
    terms: Mapping[str, Any]
    particulars: Mapping[str, Any]
    sources: Mapping[str, str]


def composed(
    clauses: Sequence[StandardClause], values: Mapping[str, str], placeholders: Mapping[str, Placeholder]
) -> Composed:
    """The clauses filled; the provision that says a term or a notice is named with it."""
    terms: dict[str, Any] = {}
    named: dict[str, str] = {}
    particulars: dict[str, Any] = {}
    sources: dict[str, str] = {}

    def put(value: Any, pointer: str) -> Any:
        if isinstance(value, Mapping):
            return {name: put(member, f"{pointer}/{name}") for name, member in value.items()}
        if isinstance(value, list):
            return [put(member, f"{pointer}/{index}") for index, member in enumerate(value)]
        if not isinstance(value, str) or not (whole := _OPEN.fullmatch(value)):
            return value
        sources[pointer] = whole[1]
        said = values[whole[1]]
        return int(said) if placeholders[whole[1]].kind == "number" else said

    for number, clause in enumerate(clauses, 1):
        for name, value in clause.terms.items():
            terms[name] = put(value, f"/terms/{name}")
            named[name] = str(number)
        for name, value in clause.particulars.items():
            particulars[name] = put(value, f"/{name}")
            if name == "notice":
                particulars[name]["clause"] = str(number)
    return Composed(
        texts=[filled(clause.text, values) for clause in clauses],
        terms={**terms, "clauses": named},
        particulars=particulars,
        sources=sources,
    )


def named_in_order(names: Sequence[str]) -> str:
    """Agencies as a sentence names them; of very many, how many there are."""
    if len(names) > _NAMED:
        return f"the {len(names)} agencies that this agreement lists as its parties"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


_NAMED = 40
