"""The schema as the database reports it, in a form that can be compared. Alembic's version table is excluded."""

import sqlalchemy as sa

from registry.platform.database.connect import connect

_SCHEMA = {
    "sqlite": "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE '%alembic_version%' ORDER BY type, name",
    "postgresql": """
        SELECT 'constraint', conname, pg_get_constraintdef(oid) FROM pg_constraint
          WHERE connamespace = 'public'::regnamespace AND conname NOT LIKE 'alembic_version%'
        UNION ALL SELECT 'index', indexname, indexdef FROM pg_indexes
          WHERE schemaname = 'public' AND tablename <> 'alembic_version'
        UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid) || ' enabled: ' || CAST(tgenabled AS text)
          FROM pg_trigger
          WHERE NOT tgisinternal
        UNION ALL SELECT 'function', proname, prosrc FROM pg_proc
          WHERE pronamespace = 'public'::regnamespace
          AND prolang = (SELECT oid FROM pg_language WHERE lanname = 'plpgsql')
        UNION ALL SELECT 'column', table_name || '.' || column_name,
            data_type || ' null: ' || is_nullable || coalesce(' default: ' || column_default, '')
          FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
        ORDER BY 1, 2""",
}


async def ask(url: str, statement: str) -> list[tuple[object, ...]]:
    """The rows of a statement, as the database has them."""
    database = connect(url)
    try:
        return [tuple(row) for row in await database.read().all(sa.text(statement))]
    finally:
        await database.close()


async def schema_of(url: str) -> set[tuple[object, ...]]:
    """Kind, name and definition of everything there is."""
    return set(await ask(url, _SCHEMA[sa.engine.make_url(url).get_backend_name()]))
