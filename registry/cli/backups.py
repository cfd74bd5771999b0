"""`registry backup`, `registry restore` and `registry verify`."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from registry.cli.accounts import NEEDS_BOTH, cannot_write, closed_to_sqlite
from registry.cli.session import ConfigurationError, long_work, progress, reporting_errors, run, settings_or_exit
from registry.database_tables import bring_up_to_date, named_contents
from registry.platform.backup.contents import Content
from registry.platform.backup.inspecting import (
    Archive,
    faults_of_documents,
    inspect_archive,
    inspect_database,
    read_digest,
)
from registry.platform.backup.manifest import Manifest, digest_of, encoded
from registry.platform.backup.restoring import Restored, restore_documents
from registry.platform.backup.restoring import restore as restore_archive
from registry.platform.backup.taking import State, What, take
from registry.platform.database.in_use import Use, used
from registry.platform.database.installation import LEDGER_KEY_CHECK, wrong_ledger_key
from registry.platform.database.migrate import is_known, newest_revision
from registry.platform.database.snapshot import in_snapshot, sqlite_file
from registry.platform.database.violations import is_read_only
from registry.platform.encryption import key_check
from registry.platform.files.opening import open_store
from registry.platform.kernel.time import utc_now
from registry.platform.settings import Settings

_POSTGRESQL = (
    "REGISTRY_DATABASE_URL names PostgreSQL, which has a backup of its own: `pg_basebackup` with continuous archiving, "
    "or `pg_dump`. docs/operations.md has the commands. The documents are backed up with --only documents."
)


def backup(target: Path, only: str | None, *, incomplete: bool, replace: bool) -> None:
    """Make an archive, and say what is in it."""
    settings, now = settings_or_exit(), utc_now()
    if only != "documents" and not settings.database_url.startswith("sqlite:"):
        raise ConfigurationError(_POSTGRESQL)
    if target.is_dir():
        target /= f"registry-{now:%Y%m%dT%H%M%SZ}.tar"
    elif target.suffix != ".tar":
        raise ConfigurationError(
            f"{target} is no folder. Make it (`mkdir -p {target}`) to have archives in it, named by their time, or "
            "name a file that ends in .tar."
        )
    what = What(database=only != "documents", documents=only != "database", incomplete=incomplete)

    async def work(settings: Settings) -> Manifest:
        return await take(settings, open_store(settings), named_contents(), target, what, now, replace=replace)

    made = run(settings, work, use=Use.READ)
    click.echo(f"{target}: {_told(made)}")
    click.echo(f"Its digest is {digest_of(encoded(made))}; `--expect-digest` of `restore` and `verify` takes it.")
    if made.documents is not None and made.documents.missing:
        raise click.ClickException(_lacking(made))


def restore(path: Path, only: str | None, expected: str | None, *, incomplete: bool) -> None:
    """Put an archive back, and say what is there now."""
    settings, named, archive = settings_or_exit(), named_contents(), Archive(path, expected)
    with long_work(f"{path} is put back"):
        store = open_store(settings)
        if only == "documents":
            done = asyncio.run(restore_documents(store, archive))
            click.echo(f"{done.documents:,} documents are put back.")
            return
        with used(settings.database_url, Use.CHANGE):
            done = asyncio.run(
                restore_archive(settings, store, named, archive, bring_up_to_date, incomplete=incomplete)
            )
    click.echo(f"{settings.database_url.removeprefix('sqlite:///')}: {_told(done.manifest)}")
    _after_restore(settings, done)


def _after_restore(settings: Settings, done: Restored) -> None:
    if done.migrated_from is not None:
        click.echo(f"Schema {done.migrated_from} → {newest_revision()}.")
    if done.manifest.ledger_key != key_check(settings.ledger_key):
        click.echo(
            "Warning: REGISTRY_LEDGER_KEY is not the one that the ledger's keyed hashes were made with: restore that "
            "one too, or they can never be verified.",
            err=True,
        )
    if done.manifest.documents is None:
        click.echo("Warning: the archive holds no documents; `registry verify` says whether they are there.", err=True)


def verify(path: Path | None, expected: str | None) -> None:
    """Check an archive, or what the settings name, and end with 1 when something is wrong."""
    if path is None:
        if expected is not None:
            raise ConfigurationError("--expect-digest is of an archive: name the archive.")
        _verify_live()
        return
    archive = Archive(path, expected)
    with long_work(f"{path} is checked"):
        manifest, faults = asyncio.run(inspect_archive(archive, named_contents()))
    _report(str(path), _told(manifest), faults)
    click.echo(f"Its digest is {read_digest(archive)}.")
    if manifest.database is not None and manifest.schema != newest_revision():
        click.echo(f"Its schema is {manifest.schema}; it is migrated to {newest_revision()} when it is restored.")


def _verify_live() -> None:
    settings = settings_or_exit()

    async def work(settings: Settings) -> tuple[State | None, list[str]]:
        try:
            found = await inspect_database(settings.database_url, named_contents(), pooler=settings.database_pooler)
        except DBAPIError as error:
            if not is_read_only(error):
                raise
            raise ConfigurationError(_unchecked(settings)) from None
        faults = list(found.faults)
        if found.state is None:
            return None, faults
        if (schema := found.state.schema) != newest_revision():
            todo = "`registry migrate`" if is_known(schema) else "check it with the newer version that made it"
            faults.append(f"schema: {schema}, and this version has {newest_revision()}: {todo}")
        else:
            stored = await in_snapshot(settings.database_url, _stored_key_check, pooler=settings.database_pooler)
            if words := wrong_ledger_key(stored, settings.ledger_key):
                faults.append(f"ledger key: {words}")
        return found.state, faults

    async def documents(contents: list[Content]) -> list[str]:
        with progress("The documents are checked", len(contents)) as done:
            return await faults_of_documents(open_store(settings), contents, done)

    with long_work("The database is checked"):
        state, faults = run(settings, work, use=Use.READ)
    if state is not None:
        with reporting_errors():
            faults += asyncio.run(documents(state.contents))
    held = "" if state is None else _figures(state.schema, state.counts, state.ledger.events, state.ledger.sha256)
    contents: Sequence[Content] = [] if state is None else state.contents
    _report("The registry", f"{held}; {len(contents):,} documents" if held else "", faults)


def _stored_key_check(connection: Connection) -> str | None:
    found: str | None = connection.execute(LEDGER_KEY_CHECK).scalar()
    return found


def _unchecked(settings: Settings) -> str:
    """Why SQLite could not even read its file, which says nothing of what is in it."""
    file = sqlite_file(settings.database_url)
    said, advice = cannot_write(closed_to_sqlite(file) or file.parent, NEEDS_BOTH)
    return f"{file} could not be checked: this account may not write the folder ({said}). To go on, {advice}."


def _report(what: str, told: str, faults: Sequence[str]) -> None:
    if not faults:
        click.echo(f"{what} is whole: {told}.")
        return
    for fault in faults:
        click.echo(fault)
    raise click.ClickException(f"{what} is not whole: {len(faults)} {'fault' if len(faults) == 1 else 'faults'}.")


def _told(manifest: Manifest) -> str:
    database = _figures(manifest.schema, manifest.counts, manifest.ledger.events, manifest.ledger.sha256)
    held = database if manifest.database is not None else f"no database (the one it belongs to: {database})"
    if manifest.documents is None:
        return f"{held}; no documents"
    return f"{held}; {manifest.documents.count:,} documents with {manifest.documents.size_bytes:,} bytes"


def _figures(schema: str, counts: dict[str, int], events: int, digest: str) -> str:
    return f"schema {schema}, {sum(counts.values()):,} rows, {events:,} ledger events with digest {digest}"


def _lacking(manifest: Manifest) -> str:
    missing = [] if manifest.documents is None else manifest.documents.missing
    return f"It lacks {len(missing)} documents that were missing or damaged: {', '.join(missing[:5])}."
