"""Translates the errors of the database drivers into domain errors."""

import re

import asyncpg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from registry.platform.database import patience
from registry.platform.database.patience import no_answer
from registry.platform.database.sqlite_driver import sqlite_module
from registry.platform.database.trouble import TroubleKind, trouble
from registry.platform.database.types import metadata
from registry.platform.kernel.errors import Busy, Conflict, Damaged, DomainError

_UNIQUE = re.compile(r"UNIQUE constraint failed: (.+)")
_OVERLAPS = {
    "asset_overlap": ("The asset is already committed for part of that time.", "asset_not_free"),
    "personnel_overlap": ("The person is already committed for part of that time.", "personnel_not_free"),
}
_STALE_PLAN = "cached statement plan is invalid"
_RETRYABLE = {"40001", "40P01", "55P03", "57014"}
_FAILED = re.compile(r"08|53|57P")  # SQLSTATE: no connection, no disk or memory or slot, shutting down
_READ_ONLY = "25006"
_SQLITE_READ_ONLY = "readonly database"
_DAMAGED_STATES = {"XX001", "XX002"}  # a table's page, an index
_DAMAGE = ("database disk image is malformed", "file is not a database")
_LOCK_WAIT_OVER = "55P03"
_TIME_OVER = "57014"
_DEADLOCK = "40P01"

READ_ONLY = "database_read_only"
"""The code of a change that is refused because the database is only read now."""
REFUSALS = (DBAPIError, PoolTimeout, ConnectionError, TimeoutError, asyncpg.InternalClientError)
"""What the drivers raise. PostgreSQL's leaves a refused connection as the operating system says it, and is confused by
one on which the server has just said goodbye."""


def _broken_rule(complaint: BaseException) -> sa.UniqueConstraint | sa.PrimaryKeyConstraint | sa.Index | None:
    """The violated constraint: PostgreSQL gives its name, SQLite only its columns."""
    cause = complaint.__cause__ or complaint
    if name := getattr(cause, "constraint_name", None):
        return next((r for t in metadata.tables.values() for r in _unique_rules(t) if r.name == name), None)
    if match := _UNIQUE.search(str(complaint)):
        columns = [part.strip().split(".") for part in match[1].split(",")]
        found = metadata.tables.get(columns[0][0])
        wanted = {column for _, column in columns}
        for rule in _unique_rules(found) if found is not None else ():
            if {c.name for c in rule.columns} == wanted:
                return rule
    return None


def _unique_rules(found: sa.Table) -> list[sa.UniqueConstraint | sa.PrimaryKeyConstraint | sa.Index]:
    return [
        *(c for c in found.constraints if isinstance(c, sa.UniqueConstraint | sa.PrimaryKeyConstraint)),
        *(index for index in found.indexes if index.unique),
    ]


def translate(error: Exception) -> DomainError | None:
    """The domain error for a driver's `error`; None for a fault of the service, which is not translated."""
    if isinstance(error, PoolTimeout):
        return all_taken()
    if isinstance(error, TimeoutError):
        waited = no_answer("PostgreSQL answered no statement", patience.ANSWER_SECONDS)
        return unreachable(error if str(error) else waited)
    if isinstance(error, ConnectionError | asyncpg.InternalClientError):
        return unreachable(error)
    complaint = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(error, DBAPIError | asyncpg.PostgresError | sqlite_module().Error) or complaint is None:
        return None
    words = str(complaint)
    state = state_of(error)
    if state in _DAMAGED_STATES or any(damage in words for damage in _DAMAGE):
        trouble.damaged(complaint)
        return Damaged("Part of the database cannot be read. Tell the operator; trying again does not help.")
    for guard, refusal in _OVERLAPS.items():
        if guard in words:
            return Conflict(*refusal)
    if isinstance(error, IntegrityError) or state.startswith("23") or "constraint failed" in words:
        rule = _broken_rule(complaint)
        return Conflict(rule.info["detail"], rule.info["code"]) if rule is not None and rule.info else None
    if "locked" in words or "busy" in words or _STALE_PLAN in words or state in _RETRYABLE:
        if state == _TIME_OVER:  # that a lock was waited for is an everyday thing; this is for the operator to know
            trouble.meet(TroubleKind.TIME_OVER, "the database ended a statement that took too long", complaint)
            return Busy("The database took too long; nothing was done. Try again.", "database_busy")
        if state == _DEADLOCK:  # locks are taken in one order everywhere, so that this is a fault of the service
            trouble.meet(TroubleKind.DEADLOCK, "two changes waited for one another", complaint)
        return Busy("The database is busy with other changes; nothing was done. Try again.", "database_busy")
    if is_read_only(error):
        return _takes_no_changes(complaint)
    stored_nowhere = "disk" in words  # SQLite's word for a full one
    if getattr(error, "connection_invalidated", False) or _FAILED.match(state) or stored_nowhere:
        return unreachable(complaint)
    return None


def state_of(error: BaseException | None) -> str:
    """PostgreSQL's SQLSTATE of a driver's error; empty for another error."""
    complaint = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(complaint, "sqlstate", None) or "")


def is_demoted(error: BaseException) -> bool:
    """Whether a server refused a change because it is not, or no longer, the one that takes changes."""
    return state_of(error) == _READ_ONLY


def is_read_only(error: BaseException) -> bool:
    """Whether a database refused a change because it is only read: a standby, a setting, or a file that is closed."""
    return is_demoted(error) or _SQLITE_READ_ONLY in str(getattr(error, "orig", None) or error)


def waited_for_lock(refusal: Busy) -> bool:
    """Whether a change was refused because another transaction kept the row locked for too long."""
    return state_of(refusal.__cause__) == _LOCK_WAIT_OVER


def unreachable(cause: BaseException) -> Busy:
    """The error for a database that does not answer or cannot store; the log gets the cause."""
    trouble.meet(TroubleKind.OUT_OF_REACH, "the database is out of reach, or cannot store more", cause)
    return Busy("The database is out of reach, or cannot store more; nothing was done.", "database_failed")


def _takes_no_changes(cause: BaseException) -> Busy:
    """The error for a change to a database that answers and is only read; the log gets the cause."""
    trouble.meet(TroubleKind.NOT_STORED, "the database takes no changes: it is read-only, or a standby", cause)
    return Busy("The database takes no changes now (it is read-only, or a standby); nothing was done.", READ_ONLY)


def all_taken() -> Busy:
    """The error for a wait for a connection that was in vain."""
    return Busy("Every database connection is taken; try again in a moment.", "database_busy")
