"""What `registry doctor` finds of the database: whether it is there, its schema, its clock."""

import os
from collections.abc import AsyncIterator, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import make_url

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
from registry.platform.settings import Settings

_LEAST_POSTGRESQL = 140_000
_NO_SUCH_DATABASE = "3D000"


async def examine_database(settings: Settings) -> AsyncIterator[Finding | Sequence[Issuer]]:
    """Findings, and the issuers whose tokens are accepted, where the database tells them."""
    url = settings.database_url
    if url.startswith("sqlite:") and not sqlite_file(url).is_file():
        yield failure(
            "database",
            f"there is none at {sqlite_file(url)}",
            f"create it with {_first_steps(settings)}; or correct REGISTRY_DATABASE_URL",
        )
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
    elif not os.access(sqlite_file(settings.database_url), os.W_OK):
        yield failure("database", f"{kind} cannot be written", f"let the account {os.getuid()} write it")
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
    for listed in (await list_issuers(database.read(), settings.issuers)).items:
        operators = any(one.agency.id == OPERATOR_AGENCY_ID for one in listed.agencies)
        if not listed.enabled and (operators or listed.every_agency):
            yield warning(
                f"issuer {listed.issuer}",
                "it speaks for the operator, and is disabled",
                f"run `registry issuer enable {listed.issuer}`, unless it is meant to be",
            )


async def _clock_of(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    before = utc_now()
    theirs = await database.read().value(sa.text("SELECT clock_timestamp()"))
    after = utc_now()
    apart = abs((theirs - before - (after - before) / 2).total_seconds())
    yield skew("clock", "the database's", apart, settings)
