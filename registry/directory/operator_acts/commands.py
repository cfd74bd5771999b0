"""Commands on operator's acts: proposed by one administrator, and done or rejected by another."""

import hashlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.directory.operator_acts.queries import act_row, get_operator_act
from registry.directory.operator_acts.rules import LAPSES_AFTER, OWN, OperatorActStatus, status_at, why_not_open
from registry.directory.operator_acts.schemas import OperatorAct
from registry.directory.operator_acts.tables import operator_act
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller
from registry.platform.access.second_operator import KeptAct, ProposedAct, perform
from registry.platform.database.handles import Write
from registry.platform.http.answers import Answer
from registry.platform.kernel.errors import Forbidden, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

_INSERT = operator_act.insert()
_ID = operator_act.c.id.type
_LOCK = sa.select(operator_act.c.id).where(operator_act.c.id == sa.bindparam("id", type_=_ID)).with_for_update()
_DECIDE = operator_act.update().where(operator_act.c.id == sa.bindparam("its_id", type_=_ID))


async def propose(write: Write, caller: Caller, act: KeptAct) -> Answer[ProposedAct]:
    """Keep an act until another administrator decides, or it lapses."""
    await write.once()
    id_, lapses_at = new_id(), caller.now + LAPSES_AFTER
    await write.run(
        _INSERT,
        {
            "id": id_,
            "operation": act.operation,
            "path": act.path,
            "parameters": act.parameters,
            "body": act.body,
            "expected": msgspec.json.encode(act.expected).decode(),
            "status": OperatorActStatus.PROPOSED.value,
            "proposed_issuer": caller.principal.issuer,
            "proposed_subject": caller.principal.subject,
            "proposed_at": caller.now,
            "lapses_at": lapses_at,
            "version": 1,
        },
    )
    data = {"operation": act.operation, "path": act.path, "body_sha256": hashlib.sha256(act.body).hexdigest()}
    _record(write, caller, EventType.OPERATOR_ACT_PROPOSED, id_, 1, data)
    return Answer(ProposedAct(operator_act_id=id_, lapses_at=lapses_at), location=f"/v1/operator-acts/{id_}")


async def approve_operator_act(
    write: Write, caller: Caller, id_: UUID, expected: Expected, supplied: Mapping[str, Any]
) -> OperatorAct:
    """Do what was proposed, as the caller's own act; by the rules of now, whose refusal leaves it proposed.

    Raises Forbidden for who proposed it, WrongStatus for one that is decided or lapsed, and what the act itself does.
    """
    row = await _open(write, caller, id_, expected)
    who = caller.principal
    if (row.proposed_issuer, row.proposed_subject) == (who.issuer, who.subject):
        raise Forbidden(OWN)
    write.claim = None  # it is taken: the act that is done here is not the request that the key belongs to
    kept = KeptAct(
        operation=row.operation,
        path=row.path,
        parameters=msgspec.json.decode(row.parameters, type=dict[str, str]),
        body=row.body,
        expected=msgspec.json.decode(row.expected, type=Expected),
    )
    await perform(write, caller, kept, supplied)
    return await _decided(write, caller, row, OperatorActStatus.PERFORMED, EventType.OPERATOR_ACT_PERFORMED)


async def reject_operator_act(write: Write, caller: Caller, id_: UUID, reason: str, expected: Expected) -> OperatorAct:
    """Have it not done; who proposed it may, too. Raises WrongStatus for one that is decided or lapsed."""
    row = await _open(write, caller, id_, expected)
    return await _decided(write, caller, row, OperatorActStatus.REJECTED, EventType.OPERATOR_ACT_REJECTED, reason)


async def _open(write: Write, caller: Caller, id_: UUID, expected: Expected) -> Row[Any]:
    """The locked row of an act that somebody may decide on."""
    permit(caller.principal, Action.OPERATOR_ACTS_DECIDE, [])
    await write.value(_LOCK, {"id": id_})
    row = await act_row(write, id_)
    await write.once()
    check_version(expected, row.version)
    if (why := why_not_open(status_at(row.status, row.lapses_at, caller.now))) is not None:
        raise WrongStatus(why)
    return row


async def _decided(
    write: Write, caller: Caller, row: Row[Any], status: OperatorActStatus, event: EventType, reason: str | None = None
) -> OperatorAct:
    values = {
        "status": status.value,
        "decided_issuer": caller.principal.issuer,
        "decided_subject": caller.principal.subject,
        "decided_at": caller.now,
        "reason": reason,
        "version": row.version + 1,
    }
    await write.run(_DECIDE.values(**values), {"its_id": row.id})
    data = {"operation": row.operation, "path": row.path, **({} if reason is None else {"reason": reason})}
    _record(write, caller, event, row.id, row.version + 1, data)
    return await get_operator_act(write, caller, row.id)


def _record(
    write: Write, caller: Caller, event: EventType, id_: UUID, version: int, data: Mapping[str, object]
) -> None:
    record(write, caller, event, subject=("operator_act", id_, version), agencies=[OPERATOR_AGENCY_ID], data=data)
