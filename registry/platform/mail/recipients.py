"""Whose address is what: given and confirmed, forgotten, and what the mail server says of it."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Row

from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import RuleBroken, TooManyRequests
from registry.platform.kernel.ids import new_id
from registry.platform.mail.kinds import Origin, Purpose
from registry.platform.mail.outbox import letters_since, put
from registry.platform.mail.signing import MailKey
from registry.platform.mail.tables import mail_recipient

CODE_LIFE: Final = timedelta(hours=24)
MOST_CODES_A_DAY: Final = 5
_DAY: Final = timedelta(days=1)

_ID = mail_recipient.c.id.type
_OF_PERSON = sa.and_(
    mail_recipient.c.agency_id == sa.bindparam("its_agency", type_=_ID),
    mail_recipient.c.issuer == sa.bindparam("its_issuer"),
    mail_recipient.c.subject == sa.bindparam("its_subject"),
)
_FIND = sa.select(mail_recipient).where(_OF_PERSON)
_LOCK = _FIND.with_for_update()
_BY_ID = sa.select(mail_recipient).where(mail_recipient.c.id == sa.bindparam("id", type_=_ID))
_LOCK_ID = _BY_ID.with_for_update()
_CHANGE = mail_recipient.update().where(mail_recipient.c.id == sa.bindparam("its_id", type_=_ID))
_NOT_ASKED: Final = {"asked_address": None, "code_letter_id": None, "code_ends_at": None}
_NO_FAILURE: Final = {"failing_from": None, "failure": None}
_ENTER = {
    "sqlite": sqlite.insert(mail_recipient).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(mail_recipient).on_conflict_do_nothing(),
}


def person(agency_id: UUID, issuer: str, subject: str) -> dict[str, object]:
    """A person who acts for an agency, as statements here name it."""
    return {"its_agency": agency_id, "its_issuer": issuer, "its_subject": subject}


async def recipient_of(read: Read, who: Principal) -> Row[Any] | None:
    """The row of a person who has chosen something before."""
    return await read.first(_FIND, person(who.agency_id, who.issuer, who.subject))


async def locked_recipient(write: Write, who: Principal) -> Row[Any]:
    """The row of a person, entered where there is none, for nobody else to change until the end of the transaction."""
    new = {"id": new_id(), "agency_id": who.agency_id, "issuer": who.issuer, "subject": who.subject}
    await write.run(_ENTER[write.dialect], new)
    found = await write.first(_LOCK, person(who.agency_id, who.issuer, who.subject))
    assert found is not None
    return found


async def locked_by_id(write: Write, recipient_id: UUID) -> Row[Any] | None:
    """The row with that id, likewise."""
    return await write.first(_LOCK_ID, {"id": recipient_id})


async def take_address(write: Write, row: Row[Any], address: str, origin: Origin, now: datetime) -> None:
    """Write to that address from now on: somebody vouches that it is the person's."""
    values = {"address": address, "origin": origin.value, "confirmed_at": now, **_NOT_ASKED, **_NO_FAILURE}
    await write.run(_CHANGE.values(values), {"its_id": row.id})


async def ask_address(write: Write, row: Row[Any], address: str, now: datetime) -> None:
    """Have a letter with a code sent to an address that nobody vouches for; until the code comes back, nothing else.

    Raises TooManyRequests: a letter that was not asked for is a nuisance to whoever has the address.
    """
    if await letters_since(write, row.id, Purpose.CONFIRMATION, now - _DAY) >= MOST_CODES_A_DAY:
        raise TooManyRequests(
            f"{MOST_CODES_A_DAY} codes were asked for within a day: use the last one, or ask again tomorrow.",
            retry_after=3600,
        )
    letter_id = await put(write, row.id, Purpose.CONFIRMATION, now)
    values = {"asked_address": address, "code_letter_id": letter_id, "code_ends_at": now + CODE_LIFE}
    await write.run(_CHANGE.values(values), {"its_id": row.id})


async def take_asked_address(write: Write, key: MailKey, row: Row[Any], code: str, now: datetime) -> None:
    """Take the asked address when the code is that of its letter. Raises RuleBroken."""
    if row.asked_address is None or row.code_ends_at <= now:
        raise RuleBroken("No code is waited for: give the address again, and a new one is sent.", "no_code_awaited")
    if not key.is_code(code, row.code_letter_id, row.asked_address):
        raise RuleBroken.at("That is not the code of the last letter.", "wrong_code", "another code", pointer="/code")
    await take_address(write, row, row.asked_address, Origin.CODE, now)


async def forget_address(write: Write, recipient_id: UUID) -> None:
    """Keep no address of the person, neither a confirmed one nor one that was asked."""
    values = {"address": None, "origin": None, "confirmed_at": None, **_NOT_ASKED, **_NO_FAILURE}
    await write.run(_CHANGE.values(values), {"its_id": recipient_id})


async def forget_address_of(write: Write, agency_id: UUID, issuer: str, subject: str) -> None:
    """The same for somebody else's, where there is one."""
    if (found := await write.first(_LOCK, person(agency_id, issuer, subject))) is not None:
        await forget_address(write, found.id)


async def note_failure(write: Write, recipient_id: UUID, words: str | None, now: datetime) -> None:
    """Keep that a letter was not taken, and since when none was; with None, that one was."""
    if words is None:
        await write.run(_CHANGE.values(_NO_FAILURE), {"its_id": recipient_id})
        return
    since = sa.func.coalesce(
        mail_recipient.c.failing_from, sa.bindparam("now", type_=mail_recipient.c.confirmed_at.type)
    )
    await write.run(_CHANGE.values(failing_from=since, failure=words), {"its_id": recipient_id, "now": now})
