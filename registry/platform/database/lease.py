"""A lease: of all processes one does a task, for a while, and goes on as long as it renews that.

A row with a time, and no lock of the database's: it holds through a pooler that gives each transaction another
connection, and on both databases. What must never be done twice has a guard of its own beside it, since a process that
stood still may come back after its lease.
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from registry.platform.database.handles import Write
from registry.platform.database.types import Instant, table

task_lease = table(
    "task_lease",
    sa.Column("task", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("held_until", Instant, nullable=False),
)
"""Which process does a task, and until when it has said so."""

_UNTIL = task_lease.c.held_until.type
_TAKE = (
    task_lease.update()
    .where(
        task_lease.c.task == sa.bindparam("its_task"),
        sa.or_(
            task_lease.c.holder == sa.bindparam("its_holder"),
            task_lease.c.held_until <= sa.bindparam("now", type_=_UNTIL),
        ),
    )
    .values(holder=sa.bindparam("its_holder"), held_until=sa.bindparam("until", type_=_UNTIL))
)
_RELEASE = (
    task_lease.update()
    .where(task_lease.c.task == sa.bindparam("its_task"), task_lease.c.holder == sa.bindparam("its_holder"))
    .values(held_until=sa.bindparam("now", type_=_UNTIL))
)
_FIRST = {
    "sqlite": sqlite.insert(task_lease).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(task_lease).on_conflict_do_nothing(),
}


async def take_lease(write: Write, task: str, holder: str, now: datetime, until: datetime) -> bool:
    """Take the task, or keep it; False while another process has it."""
    if await write.run(_TAKE, {"its_task": task, "its_holder": holder, "now": now, "until": until}):
        return True
    return bool(await write.run(_FIRST[write.dialect], {"task": task, "holder": holder, "held_until": until}))


async def release_lease(write: Write, task: str, holder: str, now: datetime) -> None:
    """Let another process have the task at once, if this one has it: a process that stops in order does so."""
    await write.run(_RELEASE, {"its_task": task, "its_holder": holder, "now": now})
