"""Whether a database belongs to real work or to a demonstration. It is marked when its schema is first made.

In demo mode anybody who reaches the service can have a token, so it never opens the database of real work; and a
service for real work does not open what a demonstration filled.
"""

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from registry.platform.database.handles import Read, Write
from registry.platform.database.types import Instant, one_of, table
from registry.platform.settings import SettingsError


class Purpose(StrEnum):
    """What a database is for."""

    REAL = "real"
    DEMONSTRATION = "demonstration"


installation = table(
    "installation",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("probed_at", Instant),
    sa.CheckConstraint("id = 1", name="one_row"),
    one_of("purpose", Purpose),
)
"""One row. `probed_at` is when a process last tried whether anything can be stored."""

schema_support = table(
    "schema_support",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("served_from", sa.Text, nullable=False),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.CheckConstraint("id = 1", name="one_row"),
)
"""One row. `served_from` is the revision of the oldest code that may serve this schema, as its scripts declare;
`fingerprint` the digest of the scripts that made it, since a revision's number says nothing of what it made."""

_MARK = {
    "sqlite": sqlite.insert(installation).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(installation).on_conflict_do_nothing(),
}
_PURPOSE = sa.select(installation.c.purpose)


def purpose_of(*, demo: bool) -> Purpose:
    """What the databases of a process in this mode are for."""
    return Purpose.DEMONSTRATION if demo else Purpose.REAL


async def mark(write: Write, purpose: Purpose) -> None:
    """Mark a database that has no mark yet."""
    await write.run(_MARK[write.dialect], {"id": 1, "purpose": purpose.value})


async def check_purpose(read: Read, purpose: Purpose) -> None:
    """Raises SettingsError when the database is marked for the other purpose. One without a mark is nobody's yet."""
    found = await read.value(_PURPOSE)
    if found is None or found == purpose:
        return
    if purpose is Purpose.DEMONSTRATION:
        raise SettingsError(
            "REGISTRY_DATABASE_URL names a database of real work, and REGISTRY_DEMO=1 would give everybody tokens "
            "for it: unset REGISTRY_DEMO, or name another database."
        )
    raise SettingsError(
        "REGISTRY_DATABASE_URL names a database that a demonstration made, with invented agencies in it: "
        "name another for real work, or set REGISTRY_DEMO=1."
    )
