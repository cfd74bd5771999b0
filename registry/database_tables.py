"""All tables of the registry, collected for migrations, and what brings a database up to them."""

# ruff: noqa: F401  # imported for the tables they register

import asyncio
import time

import sqlalchemy as sa
from msgspec import Struct

from registry.directory.taxonomy.commands.seeding import seed_taxonomy
from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.database.installation import (
    Purpose,
    check_ledger_key,
    check_purpose,
    keep_ledger_key,
    mark,
)
from registry.platform.database.migrate import (
    SchemaStatus,
    current_revision,
    migrate,
    newest_revision,
    run_on_schema_connection,
    schema_status,
    sign,
)
from registry.platform.database.patience import MIGRATION_SECONDS
from registry.platform.database.postgresql import PostgresDatabase
from registry.platform.database.snapshot import in_snapshot
from registry.platform.database.soundness import faults_of_schema
from registry.platform.database.types import metadata
from registry.platform.kernel.errors import Busy
from registry.platform.settings import SettingsError

_NAMED = 3
_LONGEST_NAME = 120


def all_tables() -> None:
    """Import each room's tables, so that `metadata` is complete."""
    import registry.agreements.calendars.tables
    import registry.agreements.clauses.tables
    import registry.agreements.deadlines.tables
    import registry.agreements.documents.tables
    import registry.agreements.duties.tables
    import registry.agreements.instruments.consent_tables
    import registry.agreements.instruments.review_tables
    import registry.agreements.instruments.signing_tables
    import registry.agreements.instruments.tables
    import registry.agreements.insurance.tables
    import registry.agreements.tracker.tables
    import registry.directory.agencies.tables
    import registry.directory.clients.tables
    import registry.directory.issuers.tables
    import registry.directory.operator_acts.tables
    import registry.directory.taxonomy.tables
    import registry.outcomes.engagements.tables
    import registry.outcomes.metrics.tables
    import registry.outcomes.objectives.tables
    import registry.outcomes.reviews.tables
    import registry.platform.access.tables
    import registry.platform.bulk.tables
    import registry.platform.database.installation
    import registry.platform.database.lease
    import registry.platform.fan_out.tables
    import registry.platform.http.tables
    import registry.platform.ledger.tables
    import registry.platform.mail.tables
    import registry.platform.webhooks.tables
    import registry.resources.allocations.tables
    import registry.resources.assets.tables
    import registry.resources.certificates.tables
    import registry.resources.minimums.tables
    import registry.resources.papers.tables
    import registry.resources.personnel.tables
    import registry.resources.rates.tables
    import registry.sharing.loans.tables
    import registry.sharing.notices.tables
    import registry.sharing.obligations.tables
    import registry.sharing.past_loans.tables
    import registry.sharing.policy.tables
    import registry.sharing.requests.tables


class UpToDate(Struct, kw_only=True, frozen=True):
    """What bringing a database up to date changed: the schema's revision before, and how many shared words."""

    before: str | None
    words: int


async def bring_up_to_date(url: str, purpose: Purpose, ledger_key: bytes = b"", *, pooler: bool = False) -> UpToDate:
    """Bring a database to the newest schema, with the shared words in it, marked for its purpose.

    Processes that do this at the same time wait for one another. A database that a later version brought further is
    left as it is where this one may serve it. Raises SettingsError for one that it may not serve, for one whose tables
    another state of the code made, for one that is marked for another purpose, and for one whose ledger has another key
    than `ledger_key`, where that is given; and the database's error when it fails; then nothing was changed.
    """
    all_tables()
    database = connect(url, pooler=pooler)
    try:
        before, status = await current_revision(database), await schema_status(database)
        if status is SchemaStatus.NEWER:
            raise SettingsError(
                f"The database's schema, {before}, was made by a later version of the registry, and this one "
                f"({newest_revision()}) cannot serve it: run the later version."
            )
        if before is not None:
            await check_purpose(database.read(), purpose)
        if status is SchemaStatus.DIFFERENT:
            if words := await differing(database, url, pooler=pooler):
                raise SettingsError(words)
            await run_on_schema_connection(url, sign, pooler=pooler)
        if status is SchemaStatus.NEWER_COMPATIBLE:
            return UpToDate(before=before, words=0)
        before = await migrate(url, pooler=pooler)
        return UpToDate(before=before, words=await _mark_and_seed(database, purpose, ledger_key))
    finally:
        await database.close()


async def _mark_and_seed(database: Database, purpose: Purpose, ledger_key: bytes) -> int:
    """Mark a database for its purpose and its key, and give it the shared words; how many of these changed.

    A process that does the same at the same time takes longer than a request would wait.
    """
    deadline = time.monotonic() + MIGRATION_SECONDS
    while True:
        try:
            async with unit_of_work(database) as write:
                await mark(write, purpose)
                if ledger_key:
                    await keep_ledger_key(write, ledger_key)
                return await seed_taxonomy(write)
        except Busy as refusal:
            if refusal.code != "database_busy" or time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


async def differing(database: Database, url: str, *, pooler: bool = False) -> str:
    """What of a schema made by another state of the code differs, and what to do; empty where nothing does.

    Of an older revision nothing can be compared, since only the newest is what the tables in code say.
    """
    found, named = await current_revision(database), ""
    if found == newest_revision():
        altered = await altered_tables(url, pooler=pooler)
        if not altered:
            return ""
        named = f": {altered}"
    return (
        f"The database's tables were made by another state of the code, although they have the same revision "
        f"({found}){named}. Before the first release (0.1) such data is not taken over: make the database anew, or run "
        "the code that made it."
    )


async def altered_tables(url: str, *, pooler: bool = False) -> str:
    """What of a schema of the newest revision is not as this version makes it; empty where all of it is."""
    all_tables()
    faults = await in_snapshot(url, lambda connection: faults_of_schema(connection, metadata), pooler=pooler)
    more = f" and {len(faults) - _NAMED} more" if len(faults) > _NAMED else ""
    return "; ".join(each.removeprefix("schema: ")[:_LONGEST_NAME] for each in faults[:_NAMED]) + more


async def check_database(database: Database, purpose: Purpose, ledger_key: bytes = b"") -> None:
    """Raises SettingsError when the database will not do, is for another purpose, or has another ledger key than this.

    Raises Busy when it does not answer.
    """
    if isinstance(database, PostgresDatabase):
        await database.check()
    if (await schema_status(database)).is_served:
        await check_purpose(database.read(), purpose)
        if ledger_key:
            await check_ledger_key(database.read(), ledger_key)


def named_contents() -> sa.Select[tuple[str, int]]:
    """Selects hash and size of all content that a document, or whatever else refers to it, names.

    Content that was only claimed belongs to an upload under way, or to one that came to nothing.
    """
    from registry.agreements.documents.tables import document_content, referring_to_content

    all_tables()
    referring = referring_to_content()
    return sa.select(document_content.c.sha256, document_content.c.size_bytes).where(
        sa.or_(*(sa.exists().where(column == document_content.c.sha256) for column in referring))
    )


__all__ = ["all_tables", "metadata"]
