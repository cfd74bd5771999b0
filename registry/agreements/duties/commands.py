"""Duties entered by hand, fulfilled with proof, or waived with a reason."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.engine import Row

from registry.agreements.duties.queries import DutyFact, agencies_of, as_duty, duties_of, proofs_on_file
from registry.agreements.duties.rules import DutyAction, ProofKind, advance, checked_proof
from registry.agreements.duties.schemas import Duty, Fulfilment, NewDuty, Waiver
from registry.agreements.duties.tables import agreement_duty
from registry.agreements.instruments.commands.holding import changed, held, parties_of
from registry.agreements.instruments.queries.days import today_of
from registry.agreements.instruments.rules import check_evidence
from registry.agreements.instruments.schemas.evidence import paper_told
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Forbidden, NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected

_INSERT = agreement_duty.insert()


async def enter_duty(write: Write, caller: Caller, agreement_id: UUID, new: NewDuty) -> Duty:
    """Enter a duty of a party by hand. Raises WrongStatus before execution, RuleBroken for an agency that is no party.

    A party enters its own; the custodian any party's.
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
    duty = DutyFact(
        id=new_id(),
        agreement_id=row.id,
        agency_id=agency_id,
        title=new.title,
        citation=new.citation,
        note=new.note,
        due_on=new.due_on,
    )
    told = {"agency_id": str(agency_id), "title": new.title, "citation": new.citation, "due_on": new.due_on}
    return await _kept(write, caller, row, duty, "duty_entered", told)


async def fulfil_duty(
    write: Write, caller: Caller, agreement_id: UUID, duty_id: UUID, fulfilment: Fulfilment, expected: Expected
) -> Duty:
    """Record that a duty was done, with proof. Raises NotFound, Forbidden, WrongStatus for one that is closed."""
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
    done = msgspec.structs.replace(
        duty,
        status=status,
        fulfilled_on=fulfilment.fulfilled_on,
        evidence_sha256=fulfilment.evidence_sha256,
        evidence_location=fulfilment.evidence_location,
        url=fulfilment.url,
        recording_number=fulfilment.recording_number,
        closed_by=caller.agency_id,
        closed_at=caller.now,
    )
    told: dict[str, object] = {"fulfilled_on": fulfilment.fulfilled_on}
    told |= {kind: value for kind, value in given.items() if value is not None and kind is not ProofKind.DOCUMENT}
    told |= {name: value for name, value in paper_told(fulfilment).items() if value is not None}
    return await _kept(write, caller, row, done, "duty_fulfilled", told)


async def waive_duty(
    write: Write, caller: Caller, agreement_id: UUID, duty_id: UUID, waiver: Waiver, expected: Expected
) -> Duty:
    """Record that a duty of the own agency's need not be done, and why.

    Raises NotFound, Forbidden for another agency's duty, WrongStatus for one that is closed.
    """
    row, duty = await _pending(write, caller, agreement_id, duty_id, expected)
    if caller.agency_id != duty.agency_id:
        raise Forbidden("Only the agency whose duty it is answers for not doing it.")
    done = msgspec.structs.replace(
        duty,
        status=advance(duty.status, DutyAction.WAIVE),
        waived_reason=waiver.reason,
        closed_by=caller.agency_id,
        closed_at=caller.now,
    )
    return await _kept(write, caller, row, done, "duty_waived", {"reason": waiver.reason})


async def _pending(
    write: Write, caller: Caller, agreement_id: UUID, duty_id: UUID, expected: Expected
) -> tuple[Row[Any], DutyFact]:
    """The agreement's row, locked, and the duty. The lock makes of two who close one duty at once the second late."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_FILE, expected)
    duty = next((each for each in await duties_of(write, [agreement_id]) if each.id == duty_id), None)
    if duty is None:
        raise NotFound("duty")
    _for_own(caller, row, duty.agency_id)
    return row, duty


def _for_own(caller: Caller, row: Row[Any], agency_id: UUID) -> None:
    if caller.agency_id not in (row.custodian_id, agency_id):
        raise Forbidden("A duty is for the agency whose duty it is, or for the custodian of the agreement.")


def _executed(row: Row[Any]) -> None:
    if row.executed_at is None:
        raise WrongStatus(f"The agreement is {row.stage}: what is done with a signed one comes after.")


async def _kept(
    write: Write, caller: Caller, row: Row[Any], duty: DutyFact, event: str, told: Mapping[str, object]
) -> Duty:
    """The duty as it is now, written down; derived ones get their row with the first thing that is done about them."""
    values = {name: getattr(duty, name) for name in duty.__struct_fields__ if name != "stored"}
    if duty.stored:
        await write.run(agreement_duty.update().where(agreement_duty.c.id == duty.id).values(values))
    else:
        await write.run(_INSERT, {**values, "entered_at": caller.now})
    about = {"duty_id": str(duty.id), **({"rule": duty.rule} if duty.rule else {})}
    await changed(write, caller, row, event, {**about, **told})
    named, on_file = await agencies_of(write, [duty]), await proofs_on_file(write, row.id, [duty])
    return as_duty(caller.principal, row, duty, named, on_file, row.version + 1, caller.now)
