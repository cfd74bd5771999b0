"""What `registry doctor` finds of the database: whether it is there, its schema, its clock."""

import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url

from registry.cli.examining.storage import unwritable
from registry.cli.findings import Finding, failure, ok, skew, warning
from registry.database_tables import check_database, differing
from registry.directory.issuers.queries import list_issuers, trusted_issuers
from registry.platform.access.principals import OPERATOR_AGENCY_ID
from registry.platform.database.connect import Database, connect
from registry.platform.database.in_use import Use, used
from registry.platform.database.installation import purpose_of
from registry.platform.database.migrate import SchemaStatus, current_revision, newest_revision, schema_status
from registry.platform.database.snapshot import sqlite_file
from registry.platform.database.violations import state_of
from registry.platform.issuers import Issuer
from registry.platform.kernel.errors import Busy
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.tables import ledger_event
from registry.platform.settings import Settings

_LEAST_POSTGRESQL = 140_000
_NO_SUCH_DATABASE = "3D000"
_NEWEST = sa.select(ledger_event.c.recorded_at).order_by(ledger_event.c.id.desc()).limit(1)


async def examine_database(settings: Settings) -> AsyncIterator[Finding | Sequence[Issuer]]:
    """Findings, and the issuers whose tokens are accepted, where the database tells them."""
    url = settings.database_url
    if url.startswith("sqlite:") and _is_missing(sqlite_file(url)):
        yield failure(
            "database",
            f"there is none at {sqlite_file(url)}",
            f"create it with {_first_steps(settings)}; or correct REGISTRY_DATABASE_URL",
        )
        return
    if url.startswith("sqlite:") and (closed := _closed(sqlite_file(url))) is not None:
        yield closed
        return
    with used(url, Use.READ):
        database = connect(url, pooler=settings.database_pooler)
        try:
            async for each in _of_database(settings, database):
                yield each
        except Busy as error:
            if state_of(error.__cause__) != _NO_SUCH_DATABASE:
                raise
            yield _not_created(settings)
        finally:
            await database.close()


def _is_missing(file: Path) -> bool:
    try:
        return not file.is_file()
    except PermissionError:  # its folder may not be entered, which is another finding
        return False


def _closed(file: Path) -> Finding | None:
    """The finding where the file or its folder cannot be written: SQLite keeps its log beside the file."""
    for each in (file.parent, file):
        if not os.access(each, os.W_OK | (os.X_OK if each == file.parent else 0)):
            return unwritable("database", each, "SQLite writes the file and its log beside it")
    return None


def _not_created(settings: Settings) -> Finding:
    """PostgreSQL answers, and has no database of that name."""
    url = make_url(settings.database_url)
    where = [f"-{letter} {given}" for letter, given in (("h", url.host), ("p", url.port), ("U", url.username)) if given]
    command = " ".join(["createdb", *where, str(url.database)])
    return failure(
        "database",
        f"the server has no database {url.database}",
        f"create it with `{command}`, then run {_first_steps(settings)}; or correct REGISTRY_DATABASE_URL",
    )


def _first_steps(settings: Settings) -> str:
    """What makes an empty database one to serve. A demonstration has its own issuer."""
    return "`registry migrate`" if settings.demo else "`registry migrate`, and then run `registry init`"


async def _of_database(settings: Settings, database: Database) -> AsyncIterator[Finding | Sequence[Issuer]]:
    revision, newest = await current_revision(database), newest_revision()
    await check_database(database, purpose_of(demo=settings.demo))
    kind = f"SQLite, {sqlite_file(settings.database_url)}"
    if database.dialect == "postgresql":
        version = int(await database.read().value(sa.text("SELECT current_setting('server_version_num')")))
        kind = f"PostgreSQL {version // 10_000}.{version % 10_000}"
        if version < _LEAST_POSTGRESQL:
            yield failure("database", f"{kind} is too old", "take PostgreSQL 14 or newer")
        if await database.read().value(sa.text("SELECT pg_is_in_recovery()")):
            yield failure("database", f"{kind} is a standby, which takes no changes", "name the primary in the URL")
        async for each in _clock_of(settings, database):
            yield each
    schema = await schema_status(database)
    if schema is SchemaStatus.NEWER:
        yield failure("database", f"{kind} has schema {revision} of a later version", "run the version that made it")
        return
    if schema is SchemaStatus.DIFFERENT and (
        words := await differing(database, settings.database_url, pooler=settings.database_pooler)
    ):
        yield failure("database", f"{kind}: {words}", "see Upgrading in docs/operations.md")
        return
    if not schema.is_served:
        if revision is None:
            yield failure("database", f"{kind} is empty", f"run {_first_steps(settings)}")
        else:
            known = f"has schema {revision}, and this version needs {newest}"
            yield failure("database", f"{kind} {known}", "back up, and then run `registry migrate`")
        return
    later = ", of a later version that lets this one serve" if schema is SchemaStatus.NEWER_COMPATIBLE else ""
    yield ok("database", f"{kind}, schema {revision}{later}")
    trusted = await trusted_issuers(database.read(), settings.issuers, None)
    if trusted is not None:
        yield trusted[1]
    async for each in _clock_of_ledger(settings, database):
        yield each
    for listed in (await list_issuers(database.read(), settings.issuers)).items:
        operators = any(one.agency.id == OPERATOR_AGENCY_ID for one in listed.agencies)
        if not listed.enabled and (operators or listed.every_agency):
            yield warning(
                f"issuer {listed.issuer}",
                "it speaks for the operator, and is disabled",
                f"run `registry issuer enable {listed.issuer}`, unless it is meant to be",
            )


async def _clock_of_ledger(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    """What was recorded last cannot be ahead of now, unless a clock was wrong, then or now."""
    newest = await database.read().value(_NEWEST)
    ahead = 0.0 if newest is None else (newest - utc_now()).total_seconds()
    if ahead > settings.clock_skew_seconds:
        yield failure(
            "clock",
            f"the newest act in the ledger was recorded {ahead:,.0f} s ahead of this machine's time",
            "compare this machine's time with another's, and let it follow one (chrony), before anything is recorded",
        )


async def _clock_of(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    before = utc_now()
    theirs = await database.read().value(sa.text("SELECT clock_timestamp()"))
    after = utc_now()
    apart = abs((theirs - before - (after - before) / 2).total_seconds())
    yield skew("clock", "the database's", apart, settings)
