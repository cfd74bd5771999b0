"""Letters that wait to be sent: claimed by one process at a time, tried again ever later, and given up in the end."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.platform.database.handles import Read, Write
from registry.platform.kernel.ids import new_id
from registry.platform.mail.kinds import LetterStatus, Purpose
from registry.platform.mail.tables import mail_letter, mail_recipient

CLAIMED_FOR: Final = timedelta(minutes=5)
"""Longer than it takes to send one: whoever claimed a letter and died leaves it to the next after that."""
AGAIN_AFTER: Final = (
    *(timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15)),
    *(timedelta(hours=1), timedelta(hours=4), timedelta(hours=12), timedelta(hours=24)),
)
"""How long after each failed try the next follows; after the last of them the letter is given up."""
KEPT_FOR: Final = timedelta(days=30)
"""How long it is kept that a letter was sent or given up."""
_LATELY: Final = timedelta(hours=24)

_ID, _AT = mail_letter.c.id.type, mail_letter.c.next_try_at.type
_NOW = sa.bindparam("now", type_=_AT)
_WAITING = mail_letter.c.status == LetterStatus.WAITING.value
_NEXT = (
    sa.select(mail_letter, *(mail_recipient.c[name] for name in ("address", "asked_address", "code_letter_id")))
    .add_columns(mail_recipient.c.agency_id, mail_recipient.c.issuer, mail_recipient.c.subject)
    .join(mail_recipient, mail_recipient.c.id == mail_letter.c.recipient_id)
    .where(_WAITING, mail_letter.c.next_try_at <= _NOW)
    .order_by(mail_letter.c.next_try_at, mail_letter.c.id)
    .limit(1)
)
_CHANGE = mail_letter.update().where(mail_letter.c.id == sa.bindparam("its_id", type_=_ID), _WAITING)
_CLAIM = _CHANGE.where(mail_letter.c.next_try_at == sa.bindparam("as_read", type_=_AT))
_SINCE = (
    sa.select(sa.func.count())
    .select_from(mail_letter)
    .where(
        mail_letter.c.recipient_id == sa.bindparam("recipient_id", type_=_ID),
        mail_letter.c.purpose == sa.bindparam("purpose"),
        mail_letter.c.created_at > sa.bindparam("since", type_=_AT),
    )
)
_TROUBLED = sa.select(
    sa.func.count(mail_letter.c.id).filter(_WAITING),
    sa.func.count(mail_letter.c.id).filter(mail_letter.c.status == LetterStatus.FAILED.value),
    sa.func.max(mail_letter.c.error),
).where(
    sa.or_(
        sa.and_(_WAITING, mail_letter.c.error.is_not(None)),
        sa.and_(
            mail_letter.c.status == LetterStatus.FAILED.value,
            mail_letter.c.ended_at > sa.bindparam("since", type_=_AT),
        ),
    )
)
_HOW_MANY_WAIT = sa.select(sa.func.count()).select_from(mail_letter).where(_WAITING)
_LAST_SENT = sa.select(sa.func.max(mail_letter.c.ended_at)).where(
    mail_letter.c.recipient_id == sa.bindparam("recipient_id", type_=_ID),
    mail_letter.c.purpose == Purpose.NOTICE.value,
    mail_letter.c.status == LetterStatus.SENT.value,
)
_OLD = mail_letter.delete().where(mail_letter.c.ended_at < sa.bindparam("before", type_=_AT))


class Trouble(Struct, kw_only=True, frozen=True):
    """How many letters wait for another try, how many were given up lately, and what one of them failed of."""

    waiting: int
    given_up: int
    error: str | None


async def put(write: Write, recipient_id: UUID, purpose: Purpose, now: datetime) -> UUID:
    """Have a letter sent to that person soon; its id."""
    letter_id = new_id()
    values = {"id": letter_id, "recipient_id": recipient_id, "purpose": purpose.value, "tries": 0, "created_at": now}
    await write.run(mail_letter.insert(), {**values, "status": LetterStatus.WAITING.value, "next_try_at": now})
    return letter_id


async def letters_since(read: Read, recipient_id: UUID, purpose: Purpose, since: datetime) -> int:
    """How many letters of that kind were put for the person since then."""
    asked = {"recipient_id": recipient_id, "purpose": purpose.value, "since": since}
    return int(await read.value(_SINCE, asked))


async def next_letter(read: Read, now: datetime) -> Row[Any] | None:
    """The letter that has waited longest for its time, with its recipient."""
    return await read.first(_NEXT, {"now": now})


async def claim(write: Write, letter: Row[Any], now: datetime) -> bool:
    """Have it sent by nobody else for a while; False when another process was first."""
    its = {"its_id": letter.id, "as_read": letter.next_try_at}
    return bool(await write.run(_CLAIM.values(next_try_at=now + CLAIMED_FOR, tries=mail_letter.c.tries + 1), its))


async def postpone(write: Write, letter: Row[Any], until: datetime) -> None:
    """Have it sent no sooner; nothing was tried."""
    await write.run(_CHANGE.values(next_try_at=until), {"its_id": letter.id})


async def end(write: Write, letter_id: UUID, status: LetterStatus, now: datetime, error: str | None = None) -> None:
    """It is sent, given up, or not needed any more."""
    await write.run(_CHANGE.values(status=status.value, ended_at=now, error=error), {"its_id": letter_id})


async def try_again(write: Write, letter: Row[Any], now: datetime, error: str) -> bool:
    """Have it tried again, ever later; False when it is given up, since that was the last try."""
    tries = letter.tries + 1
    if tries > len(AGAIN_AFTER):
        await end(write, letter.id, LetterStatus.FAILED, now, error)
        return False
    await write.run(_CHANGE.values(next_try_at=now + AGAIN_AFTER[tries - 1], error=error), {"its_id": letter.id})
    return True


async def trouble_of_mail(read: Read, now: datetime) -> Trouble:
    """What is not sent although it was tried."""
    row = await read.first(_TROUBLED, {"since": now - _LATELY})
    assert row is not None
    waiting, given_up, error = tuple(row)
    return Trouble(waiting=waiting, given_up=given_up, error=error)


async def letters_waiting(read: Read) -> int:
    """How many letters are not sent yet."""
    return int(await read.value(_HOW_MANY_WAIT))


async def last_sent_at(read: Read, recipient_id: UUID) -> datetime | None:
    """When a notice was last handed to the mail server for that person, of those that are still known."""
    found: datetime | None = await read.value(_LAST_SENT, {"recipient_id": recipient_id})
    return found


async def remove_old_letters(write: Write, now: datetime) -> int:
    """Remove what was ended long ago; how many."""
    return await write.run(_OLD, {"before": now - KEPT_FOR})
