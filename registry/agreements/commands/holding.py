"""How every change to an agreement begins and ends: hold the row, establish the right; write it down, record it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, permit
from registry.access.principals import Caller
from registry.agreements.queries import agreement_row, relations
from registry.agreements.rules import AgreementAction, Stage, advance
from registry.agreements.tables import agreement, agreement_party
from registry.database.handles import Write
from registry.kernel.errors import NotFound
from registry.kernel.versions import Expected, check_version
from registry.ledger.commands import record

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_LOCK = sa.select(agreement.c.id).where(agreement.c.id == _ID).with_for_update(key_share=True)
_PARTIES = (
    sa.select(agreement_party.c.agency_id)
    .where(agreement_party.c.agreement_id == _ID)
    .order_by(agreement_party.c.ordinal)
)


async def held(write: Write, caller: Caller, agreement_id: UUID, permission: Action, expected: Expected) -> Row[Any]:
    """The agreement's row, locked, once the caller's right is established and the request known to be a first one.

    Raises NotFound, Forbidden, StaleVersion.
    """
    row = await permitted(write, caller, agreement_id, permission)
    await write.once()
    check_version(expected, row.version)
    return row


async def permitted(write: Write, caller: Caller, agreement_id: UUID, permission: Action) -> Row[Any]:
    """The agreement's row, locked, if the caller may. Raises NotFound, Forbidden."""
    await lock(write, agreement_id)
    row = await agreement_row(write, caller.principal, agreement_id)
    permit(caller.principal, permission, relations(caller.principal, row))
    return row


async def lock(write: Write, agreement_id: UUID) -> None:
    """Have the agreement changed by nobody else. Raises NotFound."""
    if await write.value(_LOCK, {"id": agreement_id}) is None:
        raise NotFound("agreement")


async def parties_of(write: Write, agreement_id: UUID) -> list[UUID]:
    """The agencies that the agreement names, in the order of the document."""
    return [row.agency_id for row in await write.all(_PARTIES, {"id": agreement_id})]


async def changed(
    write: Write,
    caller: Caller,
    row: Row[Any],
    event: str,
    data: Mapping[str, object],
    *,
    private: bool = False,
    **values: object,
) -> None:
    """Write the changed columns with the next row version, and the fact that it happened.

    A draft, before and after, concerns its custodian alone, and so does what is `private`; anything else every party.
    """
    stage = values.get("stage", row.stage)
    private = private or {Stage(row.stage), Stage(str(stage))} <= {Stage.DRAFT, Stage.WITHDRAWN}
    await write.run(
        agreement.update()
        .where(agreement.c.id == row.id)
        .values(**values, version=agreement.c.version + 1, updated_at=caller.now)
    )
    await record(
        write,
        caller,
        f"agreement.{event}",
        subject=("agreement", row.id, row.version + 1),
        agencies=[row.custodian_id] if private else [row.custodian_id, *await parties_of(write, row.id)],
        agreement_id=row.id,
        data=data,
    )


def advanced(row: Row[Any], action: AgreementAction) -> Stage:
    """The stage after the action. Raises WrongState."""
    return advance(Stage(row.stage), action)
