"""Legal holds: placed by any party, lifted by whoever placed them, and nothing of the record goes while one stands."""

from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.commands.holding import audience_of, changed, held
from registry.agreements.instruments.queries.visibility import told_of_act
from registry.agreements.instruments.tables import agreement_hold
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Conflict, Forbidden, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.tables import ledger_event, ledger_leaf

_UUID = agreement_hold.c.id.type
_AGREEMENT = sa.bindparam("agreement_id", type_=_UUID)
_PLACE = agreement_hold.insert()
_HOLD = sa.select(agreement_hold).where(
    agreement_hold.c.id == sa.bindparam("id", type_=_UUID),
    agreement_hold.c.agreement_id == _AGREEMENT,
    told_of_act(agreement_hold, agreement_hold.c.placed_at),
)
_LIFT = agreement_hold.update().where(agreement_hold.c.id == sa.bindparam("its_id", type_=_UUID))
_IN_PLACE = (
    sa.select(agreement_hold.c.authority)
    .where(agreement_hold.c.agreement_id == _AGREEMENT, agreement_hold.c.lifted_at.is_(None))
    .order_by(agreement_hold.c.id)
    .limit(1)
)

_STANDING_STILL = sa.text("LOCK TABLE agreement_hold IN SHARE MODE")
_AMONG_EVENTS = (
    sa.select(agreement_hold.c.authority)
    .join_from(
        agreement_hold,
        ledger_event,
        sa.or_(
            ledger_event.c.agreement_id == agreement_hold.c.agreement_id,
            ledger_event.c.subject_id == agreement_hold.c.agreement_id,
        ),
    )
    .join(ledger_leaf, ledger_leaf.c.event_id == ledger_event.c.id)
    .where(
        agreement_hold.c.lifted_at.is_(None),
        ledger_leaf.c.seq >= sa.bindparam("start", type_=sa.BigInteger),
        ledger_leaf.c.seq < sa.bindparam("end", type_=sa.BigInteger),
    )
    .order_by(agreement_hold.c.id)
    .limit(1)
)


async def place_hold(
    write: Write, caller: Caller, agreement_id: UUID, authority: str, reason: str, expected: Expected
) -> None:
    """Keep the record whatever its schedule says. Any party may, at any stage: a claim may follow a draft too."""
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_HOLD, expected)
    hold_id = new_id()
    await write.run(
        _PLACE,
        {
            "id": hold_id,
            "agreement_id": row.id,
            "agency_id": caller.agency_id,
            "authority": authority,
            "reason": reason,
            "placed_at": caller.now,
        },
    )
    told = {"hold_id": str(hold_id), "authority": authority, "reason": reason}
    audience = await audience_of(write, caller, row)
    await changed(write, caller, row, EventType.AGREEMENT_HOLD_PLACED, told, agencies=audience)


async def lift_hold(
    write: Write, caller: Caller, agreement_id: UUID, hold_id: UUID, authority: str, reason: str, expected: Expected
) -> None:
    """End one hold of the own agency: another's litigation is not for a partner, nor for the custodian, to end.

    Raises RuleBroken for a hold that is not there, or of which the agency is told nothing, Forbidden for another
    agency's, WrongStatus for one lifted already.
    """
    row = await held(write, caller, agreement_id, Action.AGREEMENTS_HOLD, expected)
    hold = await write.first(_HOLD, {"id": hold_id, "agreement_id": row.id, "viewer": caller.agency_id})
    if hold is None:
        raise RuleBroken.at(
            "There is no such hold of this agreement.",
            "unknown_hold",
            "no such hold of this agreement",
            pointer="/hold_id",
        )
    if caller.agency_id != hold.agency_id:
        raise Forbidden("A hold is lifted by the agency that placed it.")
    if hold.lifted_at is not None:
        raise WrongStatus("The hold is lifted already.")
    lifted = {"lifted_at": caller.now, "lifted_authority": authority, "lifted_reason": reason}
    await write.run(_LIFT, {"its_id": hold.id, **lifted})
    told = {"hold_id": str(hold.id), "authority": authority, "reason": reason}
    audience = await audience_of(write, caller, row)
    await changed(write, caller, row, EventType.AGREEMENT_HOLD_LIFTED, told, agencies=audience)


async def held_by(read: Read, agreement_id: UUID) -> str | None:
    """By whose authority the agreement's record is held, the first of several; None where no hold stands."""
    found: str | None = await read.value(_IN_PLACE, {"agreement_id": agreement_id})
    return found


async def hold_among_events(write: Write, start: int, end: int) -> str | None:
    """Why the events from place `start` to before `end` have to stay: an agreement of which one tells is under a hold.

    On PostgreSQL no hold is placed until the transaction is over; on SQLite there is one writer.
    """
    if write.dialect == "postgresql":
        await write.run(_STANDING_STILL)
    authority = await write.value(_AMONG_EVENTS, {"start": start, "end": end})
    return None if authority is None else f"an agreement that they tell of is under a legal hold ({authority})"


async def refuse_under_hold(read: Read, agreement_id: UUID, what: str) -> None:
    """Raises Conflict, naming the authority, while a hold stands; `what` says what is not done under it."""
    if (authority := await held_by(read, agreement_id)) is not None:
        raise Conflict(
            f"The agreement's record is under a legal hold ({authority}): {what}.",
            "record_held",
        )
