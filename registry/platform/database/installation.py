"""Whether a database belongs to real work or to a demonstration. It is marked when its schema is first made.

In demo mode anybody who reaches the service can have a token, so it never opens the database of real work; and a
service for real work does not open what a demonstration filled.
"""

import hmac
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from registry.platform.database.handles import Read, Write
from registry.platform.database.types import Instant, one_of, table
from registry.platform.encryption import key_check
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
    sa.Column("ledger_key_check", sa.Text),
    sa.CheckConstraint("id = 1", name="one_row"),
    one_of("purpose", Purpose),
)
"""One row. `probed_at` is when a process last tried whether anything can be stored; `ledger_key_check` tells the key of
the ledger's keyed hashes from others."""

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
LEDGER_KEY_CHECK = sa.select(installation.c.ledger_key_check)
_KEY_CHANGE = installation.update().values(ledger_key_check=sa.bindparam("check"))
_FIRST_KEY = _KEY_CHANGE.where(installation.c.ledger_key_check.is_(None))


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


def wrong_ledger_key(stored: str | None, ledger_key: bytes) -> str:
    """What is wrong with the key of the settings, by the stored check; empty for the right one, or where none is known.

    With another key the service would run, and nothing that it records from then on could be compared with what was.
    """
    if stored is None or hmac.compare_digest(stored, key_check(ledger_key)):
        return ""
    return (
        "REGISTRY_LEDGER_KEY is not the key that the ledger's keyed hashes were made with: put that one back. If it is "
        "lost or was changed on purpose, stop every process and run `registry keys adopt`."
    )


async def check_ledger_key(read: Read, ledger_key: bytes) -> None:
    """Raises SettingsError for a key of the settings that is not the database's."""
    if words := wrong_ledger_key(await read.value(LEDGER_KEY_CHECK), ledger_key):
        raise SettingsError(words)


async def keep_ledger_key(write: Write, ledger_key: bytes) -> None:
    """Keep the check of the first key. Raises SettingsError where there is that of another."""
    await write.run(_FIRST_KEY, {"check": key_check(ledger_key)})
    await check_ledger_key(write, ledger_key)


async def change_ledger_key(write: Write, ledger_key: bytes) -> bool:
    """Let another key be the database's from now on; whether it is another."""
    if not wrong_ledger_key(await write.value(LEDGER_KEY_CHECK), ledger_key):
        await keep_ledger_key(write, ledger_key)
        return False
    await write.run(_KEY_CHANGE, {"check": key_check(ledger_key)})
    return True
