"""Whether changes can be stored, found out by storing one: a database that only reads looks well to every question.

On a full disk a small change may still fit where no real one does. So on SQLite the room that one may take is asked for
first, and after it was not to be had, twice as much: what is free to the last byte swings.
"""

import asyncio

import sqlalchemy as sa

from registry.platform.database.connect import Database, unit_of_work
from registry.platform.database.installation import installation
from registry.platform.database.room import take_room
from registry.platform.database.sqlite import SqliteDatabase
from registry.platform.database.trouble import Trouble, TroubleKind
from registry.platform.database.violations import READ_ONLY
from registry.platform.kernel.errors import Busy, Damaged
from registry.platform.kernel.time import utc_now
from registry.platform.trial import Trial

PROBE_SECONDS = 5.0
PATIENCE_SECONDS = 1.0
ROOM_BYTES = 4 * 2**20
"""As much as SQLite's log grows to before it is written back, which the largest transactions fill."""
TOUCH = installation.update().values(probed_at=sa.bindparam("now", type_=installation.c.probed_at.type))
ONLY_BUSY = {"database_busy", "write_queue_full", "write_wait_over"}
"""The codes of a change that only had to wait behind others."""


class WriteProbe:
    """Stores a moment, at most every five seconds however often it is asked, since anybody may ask."""

    def __init__(self, database: Database, trouble: Trouble) -> None:
        self._database = database
        self._trouble = trouble
        self._trial = Trial(self._try, every=PROBE_SECONDS, patience=PATIENCE_SECONDS)
        self._room = ROOM_BYTES

    async def ask(self) -> str:
        """`ok`, or what is wrong. A wait behind other changes is not wrong."""
        if self._trouble.damage is not None:
            return "damaged: the log says where"
        return await self._trial.ask()

    async def close(self) -> None:
        """Wait for a change that is being stored."""
        await self._trial.close(give_up=False)

    async def _try(self) -> str:
        try:
            await self._take_room()
            async with unit_of_work(self._database) as write:
                await write.run(TOUCH, {"now": utc_now()})
        except Busy as refusal:
            if refusal.code == READ_ONLY:
                return "the database takes no changes (it is read-only, or a standby): the log says why"
            return "ok" if refusal.code in ONLY_BUSY else "nothing can be stored: the log says why"
        except Damaged:
            return "damaged: the log says where"
        except OSError as error:
            self._trouble.meet(TroubleKind.NOT_STORED, "nothing can be stored", error)
            return "nothing can be stored: the log says why"
        except Exception as error:  # noqa: BLE001  # whatever it is, nothing can be stored, and the check says so
            self._trouble.meet(TroubleKind.NOT_STORED, "nothing can be stored", error)
            return type(error).__name__
        self._trouble.over()
        return "ok"

    async def _take_room(self) -> None:
        """Raises OSError when there is no room beside a SQLite file for what a change may take."""
        if isinstance(self._database, SqliteDatabase):
            self._room, asked = 2 * ROOM_BYTES, self._room
            await asyncio.to_thread(take_room, self._database.path.parent, asked)
            self._room = ROOM_BYTES
