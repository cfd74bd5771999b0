"""Liveness and readiness, and what Prometheus reads. Public: they tell nothing about anybody."""

import msgspec
import sqlalchemy as sa

from registry.database.connect import Database
from registry.database.migrate import current_revision, newest_revision


class Health(msgspec.Struct, kw_only=True, frozen=True):
    """Whether the process is alive, or ready to serve."""

    status: str
    checks: dict[str, str] = {}


async def readiness(database: Database, background: dict[str, str]) -> Health:
    """`ready` when the database answers and its schema is the newest; otherwise which check failed."""
    checks = dict(background)
    try:
        await database.read().value(sa.select(sa.literal(1)))
        checks["database"] = "ok"
        found, newest = await current_revision(database), newest_revision()
        checks["schema"] = "ok" if found == newest else f"at {found}, needs {newest}: run `registry migrate`"
    except Exception as error:  # noqa: BLE001  # whatever it is, the service is not ready, and the check says so
        checks["database"] = type(error).__name__
    ready = all(value == "ok" for value in checks.values())
    return Health(status="ready" if ready else "not_ready", checks=checks)
