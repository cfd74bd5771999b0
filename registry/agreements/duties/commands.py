"""Duties entered by hand, acknowledged, fulfilled with proof, or waived with a reason."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.duties.queries import (
    NOT_BINDING,
    STORED,
    UNCONDITIONAL,
    DutyFact,
    acknowledged,
    agencies_of,
    as_duty,
    closing_barred,
    duties_of,
    get_duty,
    proofs_on_file,
)
from registry.agreements.duties.rules import DutyAction, DutyStatus, ProofKind, advance, checked_proof
from registry.agreements.duties.schemas import Duty, Fulfilment, NewDuty, Waiver
from registry.agreements.duties.tables import agreement_duty
from registry.agreements.instruments.commands.holding import changed, finished, held, parties_of
from registry.agreements.instruments.commands.repeating import check_unrepeated
from registry.agreements.instruments.commands.reported import write_report
from registry.agreements.instruments.commands.settling.effects import replace_reports
from registry.agreements.instruments.consent import OF_DUTY, Reported, ReportedKind
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.reviews import checked_due
from registry.agreements.instruments.rules import Sensitivity, check_evidence
from registry.agreements.instruments.schemas.evidence import paper_told
from registry.agreements.instruments.tables import agreement_party, agreement_party_window, agreement_version, provision
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Conflict, Forbidden, NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType

_INSERT = agreement_duty.insert()
_window, _text = agreement_party_window, agreement_version
_CLAUSE = (
    sa.select(provision.c.number, _text.c.no.label("version_no"))
    .join(_text, _text.c.id == provision.c.version_id)
    .join(_window, _window.c.version_id == _text.c.id)
    .where(
        _window.c.agreement_id == sa.bindparam("id", type_=_window.c.agreement_id.type),
        _window.c.agency_id == sa.bindparam("agency_id", type_=_window.c.agency_id.type),
        _window.c.starts_at <= sa.bindparam("now", type_=_window.c.starts_at.type),
        _window.c.ends_at > sa.bindparam("now", type_=_window.c.starts_at.type),
        provision.c.number == sa.bindparam("number"),
        provision.c.sensitivity != Sensitivity.RESTRICTED,
    )
    .order_by(_text.c.no.desc())
)

_TO_COME = sa.select(agreement_party.c.agency_id).where(
    agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement_party.c.agreement_id.type),
    agreement_party.c.agency_id == sa.bindparam("agency_id", type_=agreement_party.c.agency_id.type),
    ~agreement_party.c.in_text,
    sa.or_(
        agreement_party.c.joined_at.is_(None),
        agreement_party.c.joined_at > sa.bindparam("now", type_=agreement_party.c.joined_at.type),
    ),
)


async def enter_duty(write: Write, caller: Caller, agreement_id: UUID, new: NewDuty) -> Duty:
    """Enter a duty of a party by hand. Raises RuleBroken for an agency that is no party, and WrongStatus before
    execution and for who was let in and has not signed: no text binds it, and the others do not read its duties.

    A party enters its own, by its own word. The custodian enters another's as it reads the text: it names the clause,
    of a version that binds that party, RuleBroken without one. The words are the custodian's, so such a duty is
    proposed, and binds once that party confirms it, or has not contested it for 14 days. RuleBroken for a day that is
    over.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_FILE, None)
    _executed(row)
    agency_id = new.agency_id or caller.agency_id
    _for_own(caller, row, agency_id)
    if agency_id not in await parties_of(write, row.id):
        raise RuleBroken.at(
            "That agency is not a party to the agreement.",
            "not_a_party",
            "not a party to the agreement",
            pointer="/agency_id",
        )
    if agency_id == caller.agency_id:
        await _not_to_come(write, row, caller)
    clause = await _clause_of(write, row, caller, agency_id, new)
    theirs = await today_of(write, agency_id, row.time_zone, caller.now)
    if agency_id != caller.agency_id:
        checked_due(new.due_on, theirs, "/due_on")
    for pointer, said in (("/title", new.title), ("/note", new.note)):
        if said is not None:
            await check_unrepeated(write, caller, row.id, said, pointer)
    duty = DutyFact(
        id=new_id(),
        agreement_id=row.id,
        agency_id=agency_id,
        entered_by=caller.agency_id,
        title=new.title,
        citation=new.citation,
        clause=None if clause is None else clause.number,
        version_no=None if clause is None else clause.version_no,
        note=new.note,
        due_on=new.due_on,
    )
    told: dict[str, object] = {"agency_id": str(agency_id), "title": new.title, "due_on": new.due_on}
    told |= {"citation": new.citation, "clause": duty.clause, "version_no": duty.version_no}
    if clause is None or agency_id == caller.agency_id:
        return await _kept(write, caller, row, duty, EventType.AGREEMENT_DUTY_ENTERED, told)
    await write.run(_INSERT, {**{name: getattr(duty, name) for name in STORED}, "entered_at": caller.now})
    act = Reported(
        agency_id=agency_id,
        kind=ReportedKind.OWES_DUTY,
        acted_on=theirs.at_agency,
        counts_at=caller.now,
        evidence_location=f"Clause {clause.number} of version {clause.version_no}",
        reason=f"The text lays it upon that party: {duty.title}",
        duty_id=duty.id,
    )
    told |= {**await write_report(write, caller, row, act), "duty_id": str(duty.id)}
    await finished(write, caller, row, EventType.AGREEMENT_DUTY_ENTERED, told)
    return await get_duty(write, caller.principal, row.id, duty.id, caller.now)


async def fulfil_duty(
    write: Write, caller: Caller, agreement_id: UUID, duty_id: UUID, fulfilment: Fulfilment, expected: Expected
) -> Duty:
    """Record that a duty was done, with proof. Raises NotFound, Forbidden, WrongStatus for one that is closed.

    What the custodian records of another's is a report like any other: it closes the duty once that agency confirms it,
    or has not contested it for 14 days. Raises Conflict where that is reported already.
    """
    row, duty = await _pending(write, caller, agreement_id, duty_id, expected)
    status = advance(duty.status, DutyAction.FULFIL)
    given = {
        ProofKind.DOCUMENT: fulfilment.evidence_sha256 or fulfilment.evidence_location,
        ProofKind.URL: fulfilment.url,
        ProofKind.RECORDING_NUMBER: fulfilment.recording_number,
    }
    check_evidence(fulfilment.evidence_sha256, fulfilment.evidence_location, needed=False)
    today = await today_of(write, caller.agency_id, row.time_zone, caller.now)
    proofs = [kind for kind, value in given.items() if value is not None]
    checked_proof(proofs, duty.accepted, fulfilment.fulfilled_on, today)
    if caller.agency_id != duty.agency_id:
        if duty.status is DutyStatus.PROPOSED:
            raise WrongStatus(NOT_BINDING)
        return await _reported(write, caller, row, duty, fulfilment)
    await _replace_report(write, caller, duty)
    done = msgspec.structs.replace(
        duty,
        status=status,
        fulfilled_on=fulfilment.fulfilled_on,
        evidence_sha256=fulfilment.evidence_sha256,
        evidence_location=fulfilment.evidence_location,
        url=fulfilment.url,
        recording_number=fulfilment.recording_number,
        pending_report_id=None,
        closed_by=caller.agency_id,
        closed_at=caller.now,
    )
    told: dict[str, object] = {"fulfilled_on": fulfilment.fulfilled_on}
    told |= {kind: value for kind, value in given.items() if value is not None and kind is not ProofKind.DOCUMENT}
    told |= {name: value for name, value in paper_told(fulfilment).items() if value is not None}
    return await _kept(write, caller, row, done, EventType.AGREEMENT_DUTY_FULFILLED, told)


async def acknowledge_duty(write: Write, caller: Caller, agreement_id: UUID, duty_id: UUID, expected: Expected) -> Duty:
    """Record that a duty of the own agency's which stands under a condition applies, and is still to do.

    From then on it is overdue once its day is over, as the law has it: what was owed all along was owed before its
    agency said so. Raises NotFound, Forbidden for another agency's duty, WrongStatus for one that is closed or stands
    under no open condition.
    """
    row, duty = await _pending(write, caller, agreement_id, duty_id, expected)
    if caller.agency_id != duty.agency_id:
        raise Forbidden("Only the agency whose duty it is says whether it applies.")
    advance(duty.status, DutyAction.ACKNOWLEDGE)
    if duty.condition is None:
        raise WrongStatus(UNCONDITIONAL)
    told = {"condition": duty.condition}
    return await _kept(write, caller, row, acknowledged(duty), EventType.AGREEMENT_DUTY_ACKNOWLEDGED, told)


async def waive_duty(
    write: Write, caller: Caller, agreement_id: UUID, duty_id: UUID, waiver: Waiver, expected: Expected
) -> Duty:
    """Record that a duty of the own agency's need not be done, and why.

    Raises NotFound, Forbidden for another agency's duty, WrongStatus for one that is closed.
    """
    row, duty = await _pending(write, caller, agreement_id, duty_id, expected)
    if caller.agency_id != duty.agency_id:
        raise Forbidden("Only the agency whose duty it is answers for not doing it.")
    await _replace_report(write, caller, duty)
    done = msgspec.structs.replace(
        duty,
        status=advance(duty.status, DutyAction.WAIVE),
        waived_reason=waiver.reason,
        pending_report_id=None,
        closed_by=caller.agency_id,
        closed_at=caller.now,
    )
    return await _kept(write, caller, row, done, EventType.AGREEMENT_DUTY_WAIVED, {"reason": waiver.reason})


async def _pending(
    write: Write, caller: Caller, agreement_id: UUID, duty_id: UUID, expected: Expected
) -> tuple[Row[Any], DutyFact]:
    """The agreement's row, locked, and the duty. The lock makes of two who close one duty at once the second late."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_FILE, expected)
    told = {each.id for each in await duties_of(write, [agreement_id], caller.now, caller.agency_id)}
    duty = next((each for each in await duties_of(write, [agreement_id], caller.now) if each.id == duty_id), None)
    if duty is None or duty.id not in told:  # of what its reader is not told it is answered as of what is not there
        raise NotFound("duty")
    _for_own(caller, row, duty.agency_id)
    return row, duty


async def _clause_of(write: Write, row: Row[Any], caller: Caller, agency_id: UUID, new: NewDuty) -> Row[Any] | None:
    """The clause that is named, of a text that binds the party; None where a party enters its own without one.

    A restricted clause is read by some alone, and the duty by all. Raises RuleBroken.
    """
    if new.clause is None:
        if agency_id == caller.agency_id:
            return None
        detail = (
            "A party is bound by its text and by its own word: name the clause of a version that binds it, or have "
            "that agency enter the duty itself."
        )
        raise RuleBroken.at(detail, "duty_without_clause", "needed for another agency's duty", pointer="/clause")
    about = {"id": row.id, "agency_id": agency_id, "number": new.clause, "now": caller.now}
    found = await write.first(_CLAUSE, about)
    if found is None:
        detail = "No text that binds the party now has a provision of that number that every party can read."
        raise RuleBroken.at(detail, "unknown_provision", pointer="/clause")
    return found


async def _reported(write: Write, caller: Caller, row: Row[Any], duty: DutyFact, fulfilment: Fulfilment) -> Duty:
    """What the custodian records of another's duty, for that agency to confirm or contest."""
    barred = closing_barred(duty, DutyAction.FULFIL, own=False)
    if barred is not None:
        raise Conflict(barred, "already_reported")
    theirs = await today_of(write, duty.agency_id, row.time_zone, caller.now)
    digest, place = fulfilment.evidence_sha256, fulfilment.evidence_location
    if digest is None and place is None:
        place = fulfilment.url or f"Recording number {fulfilment.recording_number}"
    act = Reported(
        agency_id=duty.agency_id,
        kind=ReportedKind.FULFILLED_DUTY,
        acted_on=fulfilment.fulfilled_on,
        counts_at=theirs.counts_from(fulfilment.fulfilled_on),
        evidence_sha256=digest,
        evidence_location=place,
        reason=f"Fulfilled: {duty.title}",
        duty_id=duty.id,
    )
    told = {**await write_report(write, caller, row, act), "duty_id": str(duty.id)}
    await finished(write, caller, row, EventType.AGREEMENT_ACT_REPORTED, told)
    return await get_duty(write, caller.principal, row.id, duty.id, caller.now)


async def _replace_report(write: Write, caller: Caller, duty: DutyFact) -> None:
    """Its own agency says what became of the duty: what another says of it counts no more."""
    its = duty.agreement_id, caller.agency_id
    await replace_reports(write, *its, *OF_DUTY, now=caller.now, duty_id=duty.id)


def _for_own(caller: Caller, row: Row[Any], agency_id: UUID) -> None:
    if caller.agency_id not in (row.custodian_id, agency_id):
        raise Forbidden("A duty is for the agency whose duty it is, or for the custodian of the agreement.")


async def _not_to_come(write: Write, row: Row[Any], caller: Caller) -> None:
    if await write.value(_TO_COME, {"id": row.id, "agency_id": caller.agency_id, "now": caller.now}) is not None:
        raise WrongStatus(
            "Your agency was let in and is not bound by the agreement yet, so it owes nothing under it: sign it first."
        )


def _executed(row: Row[Any]) -> None:
    if row.executed_at is None:
        raise WrongStatus(f"The agreement is {row.stage}: what is done with a signed one comes after.")


async def _kept(
    write: Write, caller: Caller, row: Row[Any], duty: DutyFact, event: EventType, told: Mapping[str, object]
) -> Duty:
    """The duty as it is now, written down; derived ones get their row with the first thing that is done about them."""
    values = {name: getattr(duty, name) for name in STORED}
    if duty.stored:
        await write.run(agreement_duty.update().where(agreement_duty.c.id == duty.id).values(values))
    else:
        await write.run(_INSERT, {**values, "entered_at": caller.now})
    about = {"duty_id": str(duty.id), **({"rule": duty.rule} if duty.rule else {})}
    await changed(write, caller, row, event, {**about, **told})
    named, on_file = (
        await agencies_of(write, [duty]),
        await proofs_on_file(write, row.id, [duty], caller.principal.agency_id),
    )
    return as_duty(caller.principal, row, duty, named, on_file, row.version + 1, caller.now)
