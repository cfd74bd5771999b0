"""What people choose about being told: how often, of what, where, and that it ends.

None of it is in the ledger: it is about nobody but the person, and an address there could never be forgotten.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from msgspec.structs import replace
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound, WrongStatus
from registry.platform.kernel.time import known_zone
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.mail.kinds import Origin
from registry.platform.mail.letters import normalised
from registry.platform.mail.recipients import (
    ask_address,
    forget_address,
    locked_by_id,
    locked_recipient,
    take_address,
    take_asked_address,
)
from registry.platform.mail.sending import Mailer
from registry.platform.mail.signing import MailKey, recipient_in
from registry.sharing.notices.queries import (
    LOCKED_CHOICE,
    choices_in,
    first_choices,
    get_notifications,
    provider_address,
)
from registry.sharing.notices.rules import Choices, Rhythm, check_quiet, next_look
from registry.sharing.notices.schemas import AddressCode, GivenAddress, NotificationChanges, Notifications
from registry.sharing.notices.tables import notice_choice

_ID = notice_choice.c.recipient_id.type
_CHANGE = notice_choice.update().where(notice_choice.c.recipient_id == sa.bindparam("its_id", type_=_ID))
_ENTER = {
    "sqlite": sqlite.insert(notice_choice).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(notice_choice).on_conflict_do_nothing(),
}


async def change_notifications(
    write: Write, caller: Caller, mailer: Mailer, changes: NotificationChanges, expected: Expected
) -> Notifications:
    """Choose how often, when and of what the caller is told. Raises StaleVersion, PreconditionMissing, RuleBroken."""
    recipient, row = await _begin(write, caller)
    check_version(expected, row.version, required=True)
    choices = _changed(choices_in(row), changes)
    check_quiet(choices.quiet_from, choices.quiet_to)
    known_zone(choices.time_zone, "/time_zone")
    values: dict[str, object] = {"scopes": sorted(caller.principal.scopes), "stopped_at": None}
    if not isinstance(changes.kinds_off, UnsetType):
        values["kinds_off"] = sorted(set(changes.kinds_off))
    await _store(write, recipient.id, row, choices, caller.now, values)
    return await get_notifications(write, caller, mailer)


def _changed(choices: Choices, changes: NotificationChanges) -> Choices:
    """The choices with what is given; times as minutes of the day."""
    given = {name: getattr(changes, name) for name in choices.__struct_fields__}
    minutes = {
        name: value if value is None or value is UNSET else _minutes(value)
        for name, value in given.items()
        if name in ("digest_at", "quiet_from", "quiet_to")
    }
    return replace(choices, **{name: value for name, value in (given | minutes).items() if value is not UNSET})


def _minutes(shown: str) -> int:
    hours, _, minutes = shown.partition(":")
    return int(hours) * 60 + int(minutes)


async def give_address(
    write: Write, caller: Caller, mailer: Mailer, given: GivenAddress, expected: Expected
) -> Notifications:
    """Write to that address once a code that is sent there comes back; at once to what the identity provider says.

    What was confirmed before stands until then. Raises WrongStatus while mail is off, TooManyRequests.
    """
    recipient, row = await _begin(write, caller)
    await write.once()
    check_version(expected, row.version)
    _check_sends(mailer)
    address, said = normalised(given.address), provider_address(caller.principal)
    if said is not None and normalised(said) == address:
        await take_address(write, recipient, address, Origin.IDENTITY_PROVIDER, caller.now)
    else:
        await ask_address(write, recipient, address, caller.now)
    await _count(write, caller, recipient.id, row)
    return await get_notifications(write, caller, mailer)


async def confirm_address(
    write: Write, caller: Caller, mailer: Mailer, key: MailKey, said: AddressCode, expected: Expected
) -> Notifications:
    """Write to the address from which the code came back. Raises RuleBroken for another code, or one that is over."""
    recipient, row = await _begin(write, caller)
    await write.once()
    check_version(expected, row.version)
    await take_asked_address(write, key, recipient, said.code, caller.now)
    await _count(write, caller, recipient.id, row)
    return await get_notifications(write, caller, mailer)


async def forget_own_address(write: Write, caller: Caller, mailer: Mailer, expected: Expected) -> Notifications:
    """Keep no address of the caller, and so tell nothing. Raises WrongStatus where there is none."""
    recipient, row = await _begin(write, caller)
    await write.once()
    check_version(expected, row.version)
    if recipient.address is None and recipient.asked_address is None:
        raise WrongStatus("There is no address of yours.")
    await forget_address(write, recipient.id)
    await _count(write, caller, recipient.id, row)
    return await get_notifications(write, caller, mailer)


async def stop(write: Write, key: MailKey, token: str, now: datetime) -> None:
    """Tell the person nothing more, by the link in a letter. Doing it again changes nothing.

    Raises NotFound for what is no such link, or was for an address that is not the person's any more.
    """
    recipient, row = await _of_token(write, key, token)
    if row.rhythm != Rhythm.NONE:
        choices = replace(choices_in(row), rhythm=Rhythm.NONE)
        await _store(write, recipient.id, row, choices, now, {"stopped_at": now})


async def _of_token(write: Write, key: MailKey, token: str) -> tuple[Row[Any], Row[Any]]:
    recipient_id = recipient_in(token)
    recipient = None if recipient_id is None else await locked_by_id(write, recipient_id)
    if recipient is None or recipient.address is None or not key.is_stop_token(token, recipient.id, recipient.address):
        raise NotFound("page")
    row = await write.first(LOCKED_CHOICE, {"recipient_id": recipient.id})
    if row is None:
        raise NotFound("page")
    return recipient, row


async def _begin(write: Write, caller: Caller) -> tuple[Row[Any], Row[Any]]:
    """The rows of the caller, entered where there are none, and locked: of two who change them one is second."""
    permit(caller.principal, Action.NOTICES_CHOOSE, ["own"])
    recipient = await locked_recipient(write, caller.principal)
    asked = {"recipient_id": recipient.id}
    if (row := await write.first(LOCKED_CHOICE, asked)) is None:
        first = await first_choices(write, caller.agency_id)
        own: dict[str, object] = {name: getattr(first, name) for name in first.__struct_fields__}
        new = {**asked, **own, "kinds_off": [], "scopes": sorted(caller.principal.scopes)}
        await write.run(_ENTER[write.dialect], {**new, "looked_at": caller.now, "version": 0})
        row = await write.first(LOCKED_CHOICE, asked)
    assert row is not None
    return recipient, row


async def _store(
    write: Write, recipient_id: UUID, row: Row[Any], choices: Choices, now: datetime, more: dict[str, object]
) -> None:
    own: dict[str, object] = {name: getattr(choices, name) for name in choices.__struct_fields__}
    times = {"looked_at": now, "next_look_at": next_look(choices, now)}
    values = {**own, **more, **times, "version": row.version + 1}
    await write.run(_CHANGE.values(values), {"its_id": recipient_id})


async def _count(write: Write, caller: Caller, recipient_id: UUID, row: Row[Any]) -> None:
    """Give the choices their next version: something about them changed elsewhere."""
    values = {"version": row.version + 1, "scopes": sorted(caller.principal.scopes)}
    await write.run(_CHANGE.values(values), {"its_id": recipient_id})


def _check_sends(mailer: Mailer) -> None:
    if not mailer.is_on:
        raise WrongStatus("This registry sends no mail: its operator has named no mail server.")
