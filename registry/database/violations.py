"""From a driver's complaint to a named domain error, in one place."""

import re

import asyncpg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from registry.database.types import metadata
from registry.kernel.errors import Busy, Conflict, DomainError

_UNIQUE = re.compile(r"UNIQUE constraint failed: (.+)")
_OVERLAP = "asset_overlap"
_STALE_PLAN = "cached statement plan is invalid"
_RETRYABLE = {"40001", "40P01", "55P03", "57014"}
_FAILED = re.compile(r"08|53|57P")  # SQLSTATE: no connection, no disk or memory or slot, shutting down

REFUSALS = (DBAPIError, PoolTimeout, ConnectionError)
"""What the drivers raise; PostgreSQL's leaves a refused connection as the operating system says it."""


def _broken_rule(complaint: BaseException) -> sa.UniqueConstraint | sa.PrimaryKeyConstraint | sa.Index | None:
    """The constraint the driver names: by name on PostgreSQL, by columns on SQLite, which does not say the name."""
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
    """The domain error that `error` stands for, or None when it is a fault of ours and must surface as one."""
    if isinstance(error, PoolTimeout):
        return Busy("Every database connection is taken; try again in a moment.", "database_busy")
    if isinstance(error, ConnectionError):
        return _failed()
    complaint = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(error, DBAPIError | asyncpg.PostgresError) or complaint is None:
        return None
    words = str(complaint)
    state = getattr(complaint, "sqlstate", None) or ""
    if _OVERLAP in words:
        return Conflict("The asset is already committed for part of that time.", "asset_not_free")
    if isinstance(error, IntegrityError) or state.startswith("23"):
        rule = _broken_rule(complaint)
        return Conflict(rule.info["detail"], rule.info["code"]) if rule is not None and rule.info else None
    if "locked" in words or "busy" in words or _STALE_PLAN in words or state in _RETRYABLE:
        return Busy("The database is busy with other changes; nothing was done. Try again.", "database_busy")
    if getattr(error, "connection_invalidated", False) or _FAILED.match(state) or "disk" in words:
        return _failed()
    return None


def _failed() -> Busy:
    return Busy("The database is out of reach, or cannot store more; nothing was done.", "database_failed")
