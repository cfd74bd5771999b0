"""What `registry doctor` finds of the database: whether it is there, its schema, its clock."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from uuid import UUID

import sqlalchemy as sa

from registry.cli.accounts import NEEDS_BOTH, closed_to_sqlite
from registry.cli.examining.storage import unwritable
from registry.cli.findings import Finding, failure, ok, skew, warning
from registry.database_tables import altered_tables, check_database, differing
from registry.directory.agencies.queries import unknown_agencies
from registry.directory.clients.commands.signing import AuthorizationServer, check_service_clients
from registry.directory.issuers.queries import in_both_places, list_issuers, trusted_issuers
from registry.platform.access.principals import OPERATOR_AGENCY_ID
from registry.platform.clock import ahead_of_database, ahead_of_ledger
from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.database.in_use import Use, used
from registry.platform.database.installation import check_ledger_key, purpose_of
from registry.platform.database.migrate import SchemaStatus, current_revision, newest_revision, schema_status
from registry.platform.database.postgresql_address import each_server, place_of
from registry.platform.database.probe import ONLY_BUSY, TOUCH
from registry.platform.database.snapshot import sqlite_file
from registry.platform.database.sqlite_driver import safe_for_several_processes
from registry.platform.database.violations import READ_ONLY, state_of
from registry.platform.encryption import CannotDecryptError, SecretKeys
from registry.platform.http.health import OK
from registry.platform.issuers import EVERY_AGENCY, Issuer
from registry.platform.kernel.errors import Busy
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.signing import SECRET_KEYS_MISSING, UNREADABLE, LedgerKeys, known_keys, signers
from registry.platform.ledger.witnessing import last_witnessed, witnesses_of
from registry.platform.settings import Settings, SettingsError

_LEAST_POSTGRESQL = 140_000
_NO_SUCH_DATABASE = "3D000"
_MOST_CONNECTIONS = sa.text(
    "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
)
_TIMELINE = sa.text("SELECT CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END")
_ARCHIVER = sa.text(
    "SELECT current_setting('archive_mode') AS mode, archived_count, failed_count, last_archived_time, "
    "last_failed_time FROM pg_stat_archiver"
)
_ONLY_READ = sa.text("SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean")
"""Not `transaction_read_only`, which is of the question's own transaction."""


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
    """The finding where the file or its folder cannot be written."""
    place = closed_to_sqlite(file)
    return None if place is None else unwritable("database", place, NEEDS_BOTH)


def _not_created(settings: Settings) -> Finding:
    """PostgreSQL answers, and has no database of that name."""
    host, port, user, name = place_of(settings.database_url)
    where = [f"-{letter} {given}" for letter, given in (("h", host), ("p", port), ("U", user)) if given]
    command = " ".join(["createdb", *where, name])
    return failure(
        "database",
        f"the server has no database {name}",
        f"create it with `{command}`, then run {_first_steps(settings)}; or correct REGISTRY_DATABASE_URL",
    )


def _first_steps(settings: Settings) -> str:
    """What makes an empty database one to serve. A demonstration has its own issuer."""
    return "`registry migrate`" if settings.demo else "`registry migrate`, and then run `registry init`"


async def _of_database(settings: Settings, database: Database) -> AsyncIterator[Finding | Sequence[Issuer]]:
    revision, newest = await current_revision(database), newest_revision()
    await check_database(database, purpose_of(demo=settings.demo))
    only_read = False
    if database.dialect == "sqlite":
        kind = f"SQLite, {sqlite_file(settings.database_url)}"
    else:
        version = int(await database.read().value(sa.text("SELECT current_setting('server_version_num')")))
        kind = f"PostgreSQL {version // 10_000}.{version % 10_000}"
        if version < _LEAST_POSTGRESQL:
            yield failure("database", f"{kind} is too old", "take PostgreSQL 14 or newer")
        if only_read := await database.read().value(_ONLY_READ):
            yield failure("database", *await _why_read_only(database, kind))
        async for each in _clock_of(settings, database):
            yield each
        async for each in _of_server(settings, database):
            yield each
        async for each in _of_servers(settings):
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
    altered = ""
    if schema is SchemaStatus.CURRENT and (
        altered := await altered_tables(settings.database_url, pooler=settings.database_pooler)
    ):
        yield failure(
            "database",
            f"{kind}: its tables are not as this version makes them: {altered}",
            "`registry verify` names all of it; undo what was changed by hand, or see Upgrading in docs/operations.md",
        )
    if not only_read and (refused := await _takes_no_changes(settings, database, kind)) is not None:
        only_read = True
        yield refused
    try:
        await check_ledger_key(database.read(), settings.ledger_key)
    except SettingsError as error:
        said, _, todo = str(error).partition(": ")
        yield failure("ledger key", said, todo)
    if not (altered or only_read):
        later = ", of a later version that lets this one serve" if schema is SchemaStatus.NEWER_COMPATIBLE else ""
        yield ok("database", f"{kind}, schema {revision}{later}")
    async for each in _agencies_of_settings(settings, database):
        yield each
    for name in await in_both_places(database.read(), settings.issuers):
        yield warning(
            f"issuer {name}",
            "the settings describe it, and so does the database, whose description does not count",
            "take it out of REGISTRY_ISSUERS, and restart, for that of `registry issuer add` and `change` to count",
        )
    trusted = await trusted_issuers(database.read(), settings.issuers, None)
    if trusted is not None:
        yield trusted[1]
    if (clients := await check_service_clients(database.read(), AuthorizationServer.of(settings))) != OK:
        said, _, todo = clients.partition(": ")
        yield failure("service clients", said, todo)
    async for each in _clock_of_ledger(settings, database):
        yield each
    async for each in _signing_of_ledger(settings, database):
        yield each
    async for each in _witnesses_of_ledger(settings, database):
        yield each
    for listed in (await list_issuers(database.read(), settings.issuers)).items:
        operators = any(one.agency.id == OPERATOR_AGENCY_ID for one in listed.agencies)
        if not listed.enabled and (operators or listed.every_agency):
            yield warning(
                f"issuer {listed.issuer}",
                "it speaks for the operator, and is disabled",
                f"run `registry issuer enable {listed.issuer}`, unless it is meant to be",
            )


async def _takes_no_changes(settings: Settings, database: Database, kind: str) -> Finding | None:
    """The finding where no change can be stored, found out by storing one; a wait behind others is none."""
    if settings.database_url.startswith("sqlite:") and not safe_for_several_processes():
        return None  # a server may have the file for itself
    try:
        async with unit_of_work(database) as write:
            await write.run(TOUCH, {"now": utc_now()})
    except Busy as refused:
        if refused.code in ONLY_BUSY:
            return None
        if refused.code != READ_ONLY:
            raise
        return failure("database", *await _why_read_only(database, kind))
    return None


async def _why_read_only(database: Database, kind: str) -> tuple[str, str]:
    """Why a database takes no changes, and what to do."""
    if database.dialect != "postgresql":
        return f"{kind} takes no changes: it is read-only", "let this account write the file and its folder"
    read = database.read()
    if await read.value(sa.text("SELECT pg_is_in_recovery()")):
        return f"{kind} is a standby, which takes no changes", "name the primary in the URL"
    name = "default_transaction_read_only"
    source = await read.value(sa.text(f"SELECT source FROM pg_settings WHERE name = '{name}'"))  # noqa: S608  # its own name
    undone = {
        "database": f"`ALTER DATABASE … RESET {name}`",
        "user": f"`ALTER ROLE … RESET {name}`",
        "database user": f"`ALTER ROLE … IN DATABASE … RESET {name}`",
    }.get(str(source), f"`ALTER SYSTEM RESET {name}` and `SELECT pg_reload_conf()`, or where it was set")
    said = f"{kind} takes no changes: {name} is on (set by its {source})"
    return said, f"find out why it was set, then {undone}"


async def _agencies_of_settings(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    """Agencies for which an issuer of the settings speaks, and which are not there."""
    for issuer in settings.issuers:
        named = [UUID(each) for each in issuer.agencies if each != EVERY_AGENCY]
        for agency in sorted(await unknown_agencies(database.read(), named)):
            yield warning(
                f"issuer {issuer.issuer}",
                f"it may speak for agency {agency}, and there is none with that id",
                "correct its `agencies` in REGISTRY_ISSUERS, or enter the agency",
            )


async def _clock_of_ledger(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    """What was recorded last cannot be ahead of now, unless a clock was wrong, then or now."""
    ahead = await ahead_of_ledger(database)
    if ahead is not None and ahead < -settings.clock_skew_seconds:
        yield failure(
            "clock",
            f"the newest act in the ledger was recorded {-ahead:,.0f} s ahead of this machine's time",
            "compare this machine's time with another's, and let it follow one (chrony), before anything is recorded",
        )


async def _signing_of_ledger(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    """Whether checkpoints can be signed: with no key ever made that is a choice, and afterwards a key that is gone."""
    keys, made = LedgerKeys(SecretKeys(settings.secret_keys)), bool(await known_keys(database.read()))
    if not keys and not made:
        yield warning(
            "ledger",
            "no checkpoint of it is signed, so that agencies cannot prove that nothing was rewritten",
            SECRET_KEYS_MISSING,
        )
        return
    try:
        able = bool(await signers(database.read(), keys, utc_now())) or not made
    except CannotDecryptError:
        able = False
    if able:
        yield ok("ledger", "its checkpoints can be signed")
    else:
        yield failure("ledger", "its checkpoints are signed no longer: the key cannot be read", UNREADABLE)


async def _witnesses_of_ledger(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    """Whether each witness of the settings has ever signed."""
    try:
        named = witnesses_of(settings.witnesses)
    except SettingsError as error:
        yield failure("witnesses", str(error).rstrip("."), "correct REGISTRY_WITNESSES")
        return
    for each in named:
        if size := await last_witnessed(database.read(), each):
            yield ok(f"witness {each.key.name}", f"it has signed a checkpoint of {size:,} events")
        else:
            yield warning(
                f"witness {each.key.name}",
                "it has signed no checkpoint yet",
                "tell its operator the ledger's key (`registry ledger key`); the log says what it answers",
            )


async def _clock_of(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    if (ahead := await ahead_of_database(database)) is not None:
        yield skew("clock", "the database's", ahead, settings)


async def _of_server(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    """Whether the server has room for the connections of a process, and whether its log is archived."""
    needed, most = 2 * settings.database_pool, int(await database.read().value(_MOST_CONNECTIONS))
    if needed > most and not settings.database_pooler:
        yield failure(
            "connections",
            f"a process opens up to {needed}, and the server takes {most} of all",
            f"lower REGISTRY_DATABASE_POOL (to {max(1, most // 4)}, say), or raise max_connections",
        )
    row = await database.read().first(_ARCHIVER)
    if row is None or row.mode == "off":
        return  # it is backed up in another way
    if row.last_archived_time is None or (row.last_failed_time or row.last_archived_time) > row.last_archived_time:
        said = "no segment was archived yet" if row.last_archived_time is None else "the last segment was not archived"
        failed = f"; archive_command failed {row.failed_count} times" if row.failed_count else ""
        yield warning(
            "archive of PostgreSQL",
            f"{said}{failed}, so that no moment since can be recovered",
            "see that archive_command can write its folder, then `SELECT pg_switch_wal()`; docs/operations.md",
        )
    else:
        yield ok("archive of PostgreSQL", f"{row.archived_count} segments, the last at {row.last_archived_time:%FT%TZ}")


async def _of_servers(settings: Settings) -> AsyncIterator[Finding]:
    """Whether only one of several servers takes changes: two do after a failover from which the old one came back."""
    urls = each_server(settings.database_url)
    if len(urls) < 2:
        return
    found: list[tuple[str, str]] = []
    for url in urls:
        host, port, _, _ = place_of(url)
        server = connect(url, pooler=settings.database_pooler)
        try:
            timeline = await server.read().value(_TIMELINE)
        except Busy:
            yield warning("servers", f"{host}:{port or 5432} does not answer", "see whether it is meant to")
            continue
        finally:
            await server.close()
        if timeline is not None:
            found.append((str(timeline), f"{host}:{port or 5432}"))
    if len(found) < 2:
        yield ok("servers", f"{len(found)} of {len(urls)} takes changes")
        return
    told = ", ".join(f"{server} on timeline {int(timeline, 16)}" for timeline, server in sorted(found))
    yield failure(
        "servers",
        f"{len(found)} take changes at once: {told}",
        "stop the one on the older timeline now, an old primary that came back: see the standby in docs/operations.md",
    )
