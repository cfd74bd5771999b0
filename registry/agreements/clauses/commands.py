"""A draft made from a template: the answers checked all at once, then entered as any other draft."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

import msgspec
import sqlalchemy as sa

from registry.agreements.clauses.library import PLACEHOLDERS, STANDARD_CLAUSES, TEMPLATES
from registry.agreements.clauses.rules import (
    Composed,
    about_answers,
    asked_by,
    chosen,
    clause_opens,
    composed,
    named_in_order,
    refused,
)
from registry.agreements.clauses.schemas import AgreementFromTemplate, StandardClause, Template
from registry.agreements.clauses.tables import agreement_standard_clause, agreement_template
from registry.agreements.instruments.commands.content import check_content
from registry.agreements.instruments.commands.drafting import draft
from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.schemas.given import NewAgreement, NewProvision
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.terms import Terms
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Fault, RuleBroken
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

_NAMES = sa.select(agency.c.id, agency.c.name).where(
    agency.c.id.in_(sa.bindparam("ids", type_=agency.c.id.type, expanding=True))
)
_INSERT_TEMPLATE = agreement_template.insert()
_INSERT_CLAUSE = agreement_standard_clause.insert()


async def draft_from_template(write: Write, caller: Caller, asked: AgreementFromTemplate) -> Agreement:
    """Enter a draft made of a template's clauses, in the custody of the caller's agency, and remember its origin.

    Raises RuleBroken with every fault of the answers, the choice of clauses and the content that follows from them;
    Conflict for a number that the agency uses already.
    """
    permit(caller.principal, Action.AGREEMENTS_CREATE, ["custodian"])
    await write.once()
    template = TEMPLATES.get(asked.template)
    if template is None:
        raise RuleBroken.at(
            "There is no such template; the list is at /v1/templates.",
            "unknown_template",
            f"Known are {', '.join(TEMPLATES)}.",
            pointer="/template",
        )
    choice = chosen(template, asked.instead, STANDARD_CLAUSES)
    faults = [
        *choice.faults,
        *about_answers(asked_by(choice.clauses, PLACEHOLDERS), asked.answers),
        *_about_last_day(choice.clauses, asked.expires_on),
    ]
    values = {**_answered(asked), **await _given(write, caller.agency_id, asked)}
    said = composed(choice.clauses, values, PLACEHOLDERS)
    new = _agreement(template, choice.clauses, said, asked)
    faults += await _content_faults(write, caller.agency_id, new, said, {fault.pointer for fault in faults})
    if faults:
        raise RuleBroken(
            f"The draft cannot be made as it stands; mend the {len(faults)} place(s) named and send it again.",
            "agreement_faulty",
            faults=faults,
        )
    made = await draft(write, caller, new)
    opened = {name for clause in choice.clauses for name in clause_opens(clause)}
    await write.run(
        _INSERT_TEMPLATE,
        {
            "agreement_id": made.id,
            "template": template.code,
            "template_version": template.version,
            "answers": {name: value for name, value in values.items() if name in opened},
            "drafted_at": caller.now,
        },
    )
    if choice.clauses:
        await write.run(
            _INSERT_CLAUSE,
            [
                {
                    "agreement_id": made.id,
                    "number": str(number),
                    "standard_clause": clause.code,
                    "standard_clause_version": clause.version,
                    "heading": clause.heading,
                    "text": clause.text,
                }
                for number, clause in enumerate(choice.clauses, 1)
            ],
        )
    record(
        write,
        caller,
        EventType.AGREEMENT_DRAFTED_FROM_TEMPLATE,
        subject=("agreement", made.id, 1),
        agencies=[caller.agency_id],
        agreement_id=made.id,
        data={"template": template.code, "template_version": template.version},
        n=1,
    )
    return made


def _about_last_day(clauses: Sequence[StandardClause], expires_on: date | None) -> list[Fault]:
    """That the day is given exactly where a clause names it, or the text and the dates would say different things."""
    naming = [clause for clause in clauses if "expires_on" in clause_opens(clause)]
    if naming and expires_on is None:
        detail = f"The clause “{naming[0].code}” names the last day: give it, or take another clause instead."
        return [Fault(pointer="/expires_on", code="answer_missing", detail=detail)]
    if expires_on is not None and not naming:
        detail = "None of the standard clauses of this draft names a last day: leave it out, or take one that does."
        return [Fault(pointer="/expires_on", code="answer_not_asked", detail=detail)]
    return []


def _answered(asked: AgreementFromTemplate) -> dict[str, str]:
    """A value for every placeholder: the answer, or the example where that is missing or unfit, so all is checked."""
    return {
        name: str(asked.answers[name])
        if name in asked.answers and refused(each, asked.answers[name]) is None
        else each.example
        for name, each in PLACEHOLDERS.items()
    }


async def _given(read: Read, custodian_id: UUID, asked: AgreementFromTemplate) -> dict[str, str]:
    """What the draft's own members say in place of placeholders."""
    ids = list(dict.fromkeys([custodian_id, *asked.parties]))
    names = {row.id: row.name for row in await read.all(_NAMES, {"ids": ids})}
    given = {
        "custodian": names.get(custodian_id, ""),
        "parties": named_in_order([names.get(party, "") for party in asked.parties]),
        "effective_on": _day(asked.effective_on),
    }
    return given if asked.expires_on is None else {**given, "expires_on": _day(asked.expires_on)}


def _day(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"


def _agreement(
    template: Template, clauses: Sequence[StandardClause], said: Composed, asked: AgreementFromTemplate
) -> NewAgreement:
    terms = {
        "categories": template.categories if asked.categories is None else asked.categories,
        "purposes": template.purposes if asked.purposes is None else asked.purposes,
        **said.terms,
    }
    particulars = dict(said.particulars)
    notice = msgspec.convert(particulars.pop("notice", {}), Notice)
    return NewAgreement(
        number=asked.number,
        title=asked.title,
        kind=template.kind,
        parties=asked.parties,
        time_zone=asked.time_zone,
        effective_on=asked.effective_on,
        expires_on=asked.expires_on,
        notice=notice,
        terms=msgspec.convert(terms, Terms),
        provisions=[
            NewProvision(number=str(number), heading=clause.heading, text=text)
            for number, (clause, text) in enumerate(zip(clauses, said.texts, strict=True), 1)
        ],
        **particulars,
    )


async def _content_faults(
    read: Read, custodian_id: UUID, new: NewAgreement, said: Composed, known: set[str | None]
) -> list[Fault]:
    """What is wrong with the draft as a whole, each at the place of the request that it follows from, once."""
    try:
        await check_content(
            read,
            custodian_id=custodian_id,
            parties=new.parties,
            terms=new.terms,
            notice=new.notice,
            provisions=new.provisions,
            expires_on=new.expires_on,
            auto_renew_months=new.auto_renew_months,
            auto_renew_times=new.auto_renew_times,
        )
    except RuleBroken as broken:
        found = [_placed(fault, said.sources) for fault in broken.faults]
        return [fault for fault in found if fault.pointer not in known]
    return []


def _placed(fault: Fault, sources: Mapping[str, str]) -> Fault:
    pointer = fault.pointer or ""
    if pointer in sources:
        pointer = f"/answers/{sources[pointer]}"
    elif pointer.startswith(("/terms/categories", "/terms/purposes")):
        pointer = pointer.removeprefix("/terms")
    elif pointer.startswith(("/terms/", "/notice/", "/provisions/")):
        pointer = "/instead"
    return Fault(pointer=pointer, code=fault.code, detail=fault.detail)
