"""All tables of the registry, collected for migrations, and what brings a database up to them."""

# ruff: noqa: F401  # imported for the tables they register

import sqlalchemy as sa
from msgspec import Struct

from registry.directory.taxonomy.commands import seed_taxonomy
from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.database.installation import Purpose, check_purpose, mark
from registry.platform.database.migrate import SchemaStatus, current_revision, migrate, newest_revision, schema_status
from registry.platform.database.postgresql import PostgresDatabase
from registry.platform.database.types import metadata
from registry.platform.settings import SettingsError


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
    import registry.directory.taxonomy.tables
    import registry.platform.access.tables
    import registry.platform.database.installation
    import registry.platform.http.tables
    import registry.platform.ledger.tables
    import registry.resources.allocations.tables
    import registry.resources.assets.tables
    import registry.sharing.loans.tables
    import registry.sharing.policy.tables
    import registry.sharing.requests.tables


class UpToDate(Struct, kw_only=True, frozen=True):
    """What bringing a database up to date changed: the schema's revision before, and how many shared words."""

    before: str | None
    words: int


async def bring_up_to_date(url: str, purpose: Purpose, *, pooler: bool = False) -> UpToDate:
    """Bring a database to the newest schema, with the shared words in it, marked for its purpose.

    Processes that do this at the same time wait for one another. A database that a later version brought further is
    left as it is where this one may serve it. Raises SettingsError for one that it may not serve, and for one that is
    marked for another purpose; and the database's error when it fails; then nothing was changed.
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
        if status is SchemaStatus.NEWER_COMPATIBLE:
            return UpToDate(before=before, words=0)
        await migrate(url, pooler=pooler)
        async with unit_of_work(database) as write:
            await mark(write, purpose)
            return UpToDate(before=before, words=await seed_taxonomy(write))
    finally:
        await database.close()


async def check_database(database: Database, purpose: Purpose) -> None:
    """Raises SettingsError when the database will not do, or is for another purpose; Busy when it does not answer."""
    if isinstance(database, PostgresDatabase):
        await database.check()
    if (await schema_status(database)).is_served:
        await check_purpose(database.read(), purpose)


def named_contents() -> sa.Select[tuple[str, int]]:
    """Selects hash and size of all content that a document, or whatever else refers to it, names.

    Content that was only claimed belongs to an upload under way, or to one that came to nothing.
    """
    from registry.agreements.documents.tables import document_content

    all_tables()
    referring = [
        key.parent
        for each in metadata.sorted_tables
        for key in each.foreign_keys
        if key.column is document_content.c.sha256
    ]
    return sa.select(document_content.c.sha256, document_content.c.size_bytes).where(
        sa.or_(*(sa.exists().where(column == document_content.c.sha256) for column in referring))
    )


__all__ = ["all_tables", "metadata"]
