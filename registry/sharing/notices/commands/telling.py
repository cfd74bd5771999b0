"""Telling people: what newly waits is noted with a letter, in one transaction; letters are written when they are sent.

One process at a time does it, by a lease. That nothing is told twice does not rest on it: what is told has a key that a
person has once, and a letter is claimed before it is sent. A process that dies between sending and saying so leaves a
letter that is sent again under the same Message-ID, by which programs that read mail know it.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import UUID

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Row
from sqlalchemy.exc import DBAPIError

from registry.directory.waiting import Source
from registry.platform.database.handles import Read, Write
from registry.platform.database.lease import take_lease
from registry.platform.kernel.errors import DomainError
from registry.platform.kernel.ids import new_id
from registry.platform.mail.kinds import LetterStatus, Purpose
from registry.platform.mail.letters import Letter
from registry.platform.mail.outbox import (
    claim,
    end,
    letters_waiting,
    next_letter,
    postpone,
    put,
    remove_old_letters,
    trouble_of_mail,
    try_again,
)
from registry.platform.mail.recipients import CODE_LIFE, note_failure
from registry.platform.mail.sending import Mailer, NotSentError, Outcome
from registry.platform.mail.signing import MailKey
from registry.sharing.notices.queries import (
    LOCKED_CHOICE,
    Found,
    choice_row,
    choices_in,
    find_all,
    keys_of_letter,
    next_to_look_after,
    person_now,
    told_keys,
)
from registry.sharing.notices.rules import Rhythm, after_quiet, next_look
from registry.sharing.notices.tables import notice_choice, notice_told
from registry.sharing.notices.writing import confirmation_text, subject_of, text_of
from registry.sharing.policy.cedar import PolicySet

UnitOfWork: TypeAlias = Callable[[], AbstractAsyncContextManager[Write]]
TASK: Final = "notices"
LEASE: Final = timedelta(minutes=5)
"""Longer than one step takes: each step renews it."""
LOOK_AGAIN: Final = timedelta(hours=1)
"""When it is looked again whether somebody may act who may not now."""
_DUE_KEPT: Final = timedelta(days=180)
"""Longer than a deadline is shown; after that it cannot come again."""

_ID = notice_choice.c.recipient_id.type
_LOOKED = notice_choice.update().where(notice_choice.c.recipient_id == sa.bindparam("its_id", type_=_ID))
_TELL = notice_told.insert()
_GONE = notice_told.delete().where(
    notice_told.c.recipient_id == sa.bindparam("its_id", type_=_ID),
    notice_told.c.told_key.in_(sa.bindparam("keys", expanding=True)),
)
_OLD_DUE = notice_told.delete().where(
    notice_told.c.told_at < sa.bindparam("before", type_=notice_told.c.told_at.type),
    notice_told.c.told_key.like("due:%"),
)
_log = structlog.get_logger("registry.sharing.notices")


class Teller:
    """Tells people, a step at a time: looks after one person, or sends one letter, by the clock at each step."""

    def __init__(
        self,
        read: Callable[[], Read],
        unit_of_work: UnitOfWork,
        mailer: Mailer,
        key: MailKey,
        clock: Callable[[], datetime],
        policies: PolicySet,
        *,
        idle_days: int,
        sources: Sequence[Source],
    ) -> None:
        self._read = read
        self._work = unit_of_work
        self._mailer = mailer
        self._key = key
        self._clock = clock
        self._policies = policies
        self._idle_days = idle_days
        self._sources = sources
        self._holder = new_id().hex

    async def run(self) -> None:
        """Do all that is due now, if no other process does; where the mail server is out of reach, all but sending."""
        if not self._mailer.is_on:
            return
        while await self._is_mine() and await self.look_after_next():
            pass
        while await self._is_mine() and await self.send_next():
            pass

    async def _is_mine(self) -> bool:
        now = self._clock()
        async with self._work() as write:
            return await take_lease(write, TASK, self._holder, now, now + LEASE)

    async def look_after_next(self) -> bool:
        """Note what newly waits for the person whose time came first; False when nobody's has come."""
        now = self._clock()
        row = await next_to_look_after(self._read(), now)
        if row is None:
            return False
        found = await self._found(row, now)
        async with self._work() as write:
            locked = await write.first(LOCKED_CHOICE, {"recipient_id": row.recipient_id})
            if locked is None or (locked.version, locked.next_look_at) != (row.version, row.next_look_at):
                return True  # the person chose anew, or another process was first
            if found is not None:
                await _note(write, row.recipient_id, found, now)
            looked = now if found is not None else row.looked_at
            again = next_look(choices_in(row), now) if found is not None else now + LOOK_AGAIN
            await write.run(_LOOKED.values(looked_at=looked, next_look_at=again), {"its_id": row.recipient_id})
        return True

    async def _found(self, row: Row[Any], now: datetime) -> Found | None:
        """What waits for the person; None for one that may not act, or of which it cannot be found out.

        What fails is logged and left for an hour, so that the others are told.
        """
        read = self._read()
        try:
            who = await person_now(read, row, row.scopes, now, self._idle_days)
            return None if who is None else await find_all(read, self._sources, who, self._policies, row, now)
        except (DomainError, DBAPIError):
            raise  # it is the database's trouble, and everybody's
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this person's
            _log.error("what waits for a person was not found out", recipient_id=str(row.recipient_id), exc_info=error)
            return None

    async def send_next(self) -> bool:
        """Send the letter that has waited longest; False when none is due, or none can be sent now."""
        now = self._clock()
        letter = await next_letter(self._read(), now)
        if letter is None:
            return False
        choice = await choice_row(self._read(), letter.recipient_id)
        until = now if choice is None else after_quiet(choices_in(choice), now)
        if letter.purpose == Purpose.NOTICE and until > now:
            async with self._work() as write:
                await postpone(write, letter, until)
            return True
        async with self._work() as write:
            if not await claim(write, letter, now):
                return True
        written = await self._written(letter, choice, now)
        if written is None:
            async with self._work() as write:
                await end(write, letter.id, LetterStatus.NEEDLESS, now)
            self._mailer.tried[Outcome.NEEDLESS] += 1
            return True
        return await self._hand_over(letter, written, now)

    async def _hand_over(self, letter: Row[Any], written: Letter, now: datetime) -> bool:
        try:
            await self._mailer.send(written, now)
        except NotSentError as error:
            _log.warning("a letter was not sent", letter_id=str(letter.id), outcome=error.outcome, error=str(error))
            async with self._work() as write:
                if error.outcome is Outcome.REFUSED:
                    await end(write, letter.id, LetterStatus.FAILED, now, str(error))
                else:
                    await try_again(write, letter, now, str(error))
                await note_failure(write, letter.recipient_id, str(error), now)
            return error.outcome is not Outcome.UNREACHABLE
        async with self._work() as write:
            await end(write, letter.id, LetterStatus.SENT, now)
            await note_failure(write, letter.recipient_id, None, now)
        return True

    async def _written(self, letter: Row[Any], choice: Row[Any] | None, now: datetime) -> Letter | None:
        """What the letter says by what its reader may see now; None where there is nothing left to say, or nobody."""
        if letter.purpose == Purpose.CONFIRMATION:
            return await self._confirmation(letter, now)
        if letter.address is None or choice is None or choice.rhythm == Rhythm.NONE:
            return None
        read = self._read()
        who = await person_now(read, letter, choice.scopes, now, self._idle_days)
        if who is None:
            return None
        told = (await find_all(read, self._sources, who, self._policies, choice, now)).only(
            await keys_of_letter(read, letter.id)
        )
        if not told.entries and not told.due:
            return None
        url = self._mailer.public_url
        stop_url = f"{url}/notifications/stop/{self._key.stop_token(letter.recipient_id, letter.address)}"
        return Letter(
            id=letter.id,
            to=letter.address,
            subject=subject_of(told, digest=choice.rhythm != Rhythm.AT_ONCE),
            text=text_of(told, time_zone=choice.time_zone, public_url=url, stop_url=stop_url),
            stop_url=stop_url,
        )

    async def _confirmation(self, letter: Row[Any], now: datetime) -> Letter | None:
        """The letter with the code, while it is the one that is waited for."""
        if letter.code_letter_id != letter.id or letter.asked_address is None:
            return None
        code, url = self._key.code(letter.id, letter.asked_address), self._mailer.public_url
        hours = int(CODE_LIFE.total_seconds()) // 3600
        return Letter(
            id=letter.id,
            to=letter.asked_address,
            subject="Confirm that the registry may write to you here",
            text=confirmation_text(code, public_url=url, hours=hours),
            stop_url=None,
        )

    async def check(self) -> str:
        """`ok`, or what is not told to people although it was tried; well while mail is off, which is said beside."""
        if not self._mailer.is_on:
            return "ok"
        trouble = await trouble_of_mail(self._read(), self._clock())
        if not trouble.waiting and not trouble.given_up:
            return "ok"
        words = f"{trouble.waiting} wait to be tried again, {trouble.given_up} were given up within a day"
        return f"notices are not sent: {words}; {trouble.error}"

    async def waiting(self) -> int:
        """How many letters are not sent yet."""
        return await letters_waiting(self._read()) if self._mailer.is_on else 0


async def _note(write: Write, recipient_id: UUID, found: Found, now: datetime) -> None:
    """Have told what is not told yet, and take out what does not wait any more."""
    known, present = await told_keys(write, recipient_id), {*found.entries, *found.due}
    if new := sorted(present - known):
        letter_id = await put(write, recipient_id, Purpose.NOTICE, now)
        row = {"recipient_id": recipient_id, "letter_id": letter_id, "told_at": now}
        await write.run(_TELL, [{**row, "told_key": key} for key in new])
    gone = sorted(key for key in known - present if not key.startswith("due:"))
    if gone and found.is_whole:
        await write.run(_GONE, {"its_id": recipient_id, "keys": gone})


async def remove_what_is_over(write: Write, now: datetime) -> int:
    """Remove letters that ended long ago, and deadlines that were told and cannot come again; how many."""
    return await remove_old_letters(write, now) + await write.run(_OLD_DUE, {"before": now - _DUE_KEPT})
