"""Who goes with what is lent: committed with it, sent with it, kept as long, and free with it.

The handler of a K9 team is found here, by the certificates with the dog; people who are lent for what they can do were
named with the offer (`commands.people`).

The asset is locked before, as everywhere where assets and people are committed together.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read, Rows, Write
from registry.platform.kernel.errors import Conflict, DomainError, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window
from registry.resources.allocations.people import (
    check_person_extension,
    check_person_leaving,
    commit_person,
    extend_person,
    mark_person_out,
    person_committed_in,
    release_people,
)
from registry.resources.assets.queries.facts import AssetRow
from registry.resources.certificates.queries import teams_in
from registry.resources.personnel.commands.recording import lock_people
from registry.resources.personnel.queries.sending import who_is_active


async def commit_handler(
    write: Write,
    asset: AssetRow,
    loan_id: UUID,
    window: Window,
    *,
    requesting_agency_id: UUID,
    now: datetime,
    chosen: UUID | None = None,
) -> UUID | None:
    """Commit a handler whose certificate with the asset holds for the window: who is `chosen`, or the first free.

    None for an asset without handlers. Raises Conflict `personnel_not_free` with what keeps the last one who was tried,
    WrongStatus `personnel_not_active`.
    """
    refused: DomainError | None = None
    handlers = [chosen] if chosen else [row.handler_id for row in await _teams(write, asset, window) if row.goes]
    for person in await lock_people(write, handlers):
        try:
            await commit_person(
                write,
                person,
                allocation_id=new_id(),
                loan_id=loan_id,
                window=window,
                requesting_agency_id=requesting_agency_id,
                now=now,
            )
        except Conflict as taken:
            words = "The team's handler is committed for part of that time."
            refused = Conflict(words, taken.code, extra=taken.extra)
        except WrongStatus:
            words = "The team's handler is on leave; name another in a certificate, or wait."
            refused = WrongStatus(words, "personnel_not_active")
        else:
            return person.id
    if refused is not None:
        raise refused
    return None


async def free_handlers(
    write: Write, assets: Sequence[tuple[AssetRow, Window]], now: datetime, offered: Sequence[UUID] = ()
) -> dict[UUID, list[UUID]]:
    """Who can go with each of these assets and is on duty and free, for a transaction that commits several.

    All who can go, and who was `offered` for what they can do, are locked, in the order of their ids; the assets are
    locked before.
    """
    can_go = {
        asset.id: ({row.handler_id for row in await _teams(write, asset, window) if row.goes}, window)
        for asset, window in assets
    }
    everybody = set[UUID]().union(*(handlers for handlers, _ in can_go.values()))
    active = {person.id for person in await lock_people(write, [*everybody.union(offered)]) if person.active}
    return {
        asset_id: [
            each for each in sorted(handlers & active) if not await person_committed_in(write, each, window, now)
        ]
        for asset_id, (handlers, window) in can_go.items()
    }


async def send_handler(write: Write, asset: AssetRow, row: Row[Any], now: datetime) -> None:
    """Mark that the loan's handler has left with the dog, and whoever else goes with the loan.

    Raises as `check_sending`.
    """
    people = await lock_people(write, _everybody(row))
    await check_sending(write, asset, row, now)
    for person in people:
        await mark_person_out(write, person, row.id, now)


async def check_sending(read: Read, asset: AssetRow, row: Row[Any], now: datetime) -> None:
    """Whether who goes with the loan can leave now; who leaves locks them before.

    Raises WrongStatus `personnel_not_active` for somebody who is not on duty any more, Conflict `handler_left` when the
    handler cannot go with the dog any more, and what `check_person_leaving` raises; each says whom it concerns.
    """
    everybody = _everybody(row)
    active = await who_is_active(read, everybody)
    for person in sorted(everybody):
        who = "The team's handler" if person == row.handler_id else "Somebody who goes with it"
        if person not in active:
            words = f"{who} (personnel record {person}) is not active any more: cancel this loan, and lend it anew."
            raise WrongStatus(words, "personnel_not_active")
        try:
            await check_person_leaving(read, person, row.id, now)
        except Conflict as taken:
            words = f"{who} (personnel record {person}) cannot leave now. {taken.detail}"
            raise Conflict(words, taken.code, extra=taken.extra) from None
    if row.handler_id is None:
        return
    teams = await _teams(read, asset, Window(start=now, end=row.planned_end_at))
    goes = [team.goes for team in teams if team.handler_id == row.handler_id]
    if not any(goes):
        because = (
            "The reserved handler's certificate with this dog does not hold from now until the loan's planned end, and "
            "another handler's does"
            if goes
            else "No certificate of the reserved handler with this dog counts any more"
        )
        raise Conflict(f"{because}: cancel this loan and reserve anew.", "handler_left")


async def check_handler_extension(write: Write, row: Row[Any], new_end: datetime, now: datetime) -> None:
    """Whether the loan's handler and who else goes with it can stay until then. Raises as `extend_handler`."""
    for person in await lock_people(write, _everybody(row)):
        await check_person_extension(write, person, row.id, new_end, now)


async def extend_handler(write: Write, row: Row[Any], new_end: datetime, now: datetime) -> None:
    """Commit the loan's handler, and who else goes with it, until then. Raises Conflict `personnel_not_free`."""
    for person in await lock_people(write, _everybody(row)):
        await extend_person(write, person, row.id, new_end, now)


async def release_handler(write: Write, row: Row[Any]) -> None:
    """Release the loan's handler, and who else goes with it."""
    if _everybody(row):
        await release_people(write, row.id)


async def commit_again(write: Write, row: Row[Any], window: Window, now: datetime) -> None:
    """Commit the loan's handler, and who else goes with it, once more. Raises as `commit_person`."""
    for person in await lock_people(write, _everybody(row)):
        await commit_person(
            write,
            person,
            allocation_id=new_id(),
            loan_id=row.id,
            window=window,
            requesting_agency_id=row.requesting_agency_id,
            now=now,
        )


def recorded_people(handler_id: UUID | None, people: Sequence[UUID]) -> dict[str, object]:
    """What the loan's history keeps of who was committed: no name."""
    handler = {} if handler_id is None else {"handler_id": str(handler_id)}
    return {**handler, **({"personnel_ids": [str(each) for each in people]} if people else {})}


def _companions(row: Row[Any]) -> list[UUID]:
    """Who goes with a loan for what they can do."""
    return [] if row.personnel_ids is None else msgspec.json.decode(row.personnel_ids, type=list[UUID])


def _everybody(row: Row[Any]) -> list[UUID]:
    return [*_companions(row), *([] if row.handler_id is None else [row.handler_id])]


async def _teams(read: Read, asset: AssetRow, window: Window) -> Rows:
    return await teams_in(read, asset.id, asset.category, window) if asset.has_certificates else []
