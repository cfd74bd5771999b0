"""`registry demo` and `registry serve --with-demo`: run the demonstration, keep its data, print tokens.

By default the demonstration has a SQLite file of its own, marked by an application id, and only that file is ever
replaced. If `REGISTRY_DATABASE_URL` names another database, the demonstration runs in it once, while it is empty.
"""

import asyncio
import tempfile
import time
from pathlib import Path

import msgspec
import sqlalchemy as sa
from rich.console import Console

from registry.database_tables import bring_up_to_date
from registry.demo.stage import Identity, Stage, free_port, running_server
from registry.demo.story import play
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import OPERATOR_AGENCY_ID
from registry.platform.database.connect import Database, connect
from registry.platform.database.in_use import Use, used
from registry.platform.database.installation import Purpose, check_purpose
from registry.platform.database.migrate import current_revision
from registry.platform.database.postgresql_address import shown
from registry.platform.database.sqlite_driver import application_id, set_application_id
from registry.platform.settings import Settings, SettingsError

DATABASE = "demo.db"
PEOPLE = "demo-people.json"
MARK = int.from_bytes(b"DEMO", "big")
"""The application id in the header of a SQLite file that the demonstration made."""


class KeptPerson(msgspec.Struct, kw_only=True, frozen=True):
    """A person of the demonstration for whom tokens can be printed."""

    name: str
    who: str
    badge: Identity


class KeptStory(msgspec.Struct, kw_only=True, frozen=True):
    """The database in which the demonstration ran (its address without the password), and its persons."""

    database: str
    people: list[KeptPerson]


def run_demo(settings: Settings, console: Console) -> None:
    """Run the demonstration on a fresh database and keep its data.

    Raises SettingsError when the database is in use or contains other data, StoryBrokenError when a step fails; then
    the previous data is kept.
    """
    began = time.perf_counter()
    own = _own_file(settings)
    console.print("[bold]The main job, from a signed agreement to its scorecard[/]  (all acting agencies are invented)")
    with used(f"sqlite:///{own}", Use.CHANGE):
        if settings.database_url != f"sqlite:///{own}":
            with used(settings.database_url, Use.CHANGE):
                asyncio.run(_refuse_what_is_used(settings))
                asyncio.run(
                    bring_up_to_date(settings.database_url, Purpose.DEMONSTRATION, pooler=settings.database_pooler)
                )
            people = _play_in(settings, settings.database_url, console)
        else:
            if own.exists() and application_id(own) != MARK:
                raise SettingsError(
                    f"{own} was not made by a demonstration, so it is left alone: name another REGISTRY_DATA_DIR."
                )
            with tempfile.TemporaryDirectory(prefix="demo-", dir=own.parent) as aside:
                fresh = Path(aside) / DATABASE
                asyncio.run(bring_up_to_date(f"sqlite:///{fresh}", Purpose.DEMONSTRATION))
                people = _play_in(settings, f"sqlite:///{fresh}", console)
                set_application_id(fresh, MARK)
                for suffix in ("-wal", "-shm", ""):
                    own.with_name(own.name + suffix).unlink(missing_ok=True)
                fresh.replace(own)
        kept = KeptStory(database=_address(settings), people=people)
        (settings.data_dir / PEOPLE).write_bytes(msgspec.json.encode(kept))
    console.print(f"\n[bold green]Every step did what it says.[/] {time.perf_counter() - began:.1f} s")


def _play_in(settings: Settings, url: str, console: Console) -> list[KeptPerson]:
    environment = {
        "REGISTRY_DEMO": "1",
        "REGISTRY_DATA_DIR": str(settings.data_dir),
        "REGISTRY_DATABASE_URL": url,
        "REGISTRY_WEBHOOK_NETWORKS": "127.0.0.1/32",
    }
    with running_server(environment, free_port()) as http:
        console.print(f"   The server runs at {http.base_url}; everything below goes over HTTP.", highlight=False)
        people = play(Stage(settings, http, console, url))
    return [KeptPerson(name=name, who=who, badge=person.badge) for name, (who, person) in people.items()]


async def _refuse_what_is_used(settings: Settings) -> None:
    database = connect(settings.database_url, pooler=settings.database_pooler)
    try:
        if await current_revision(database) is None:
            return
        await check_purpose(database.read(), Purpose.DEMONSTRATION)
        if await _has_agencies(database):
            raise SettingsError(
                "The database that REGISTRY_DATABASE_URL names has agencies in it already: the demonstration plays in "
                "an empty one, or in a file of its own where that variable is not set."
            )
    finally:
        await database.close()


async def _has_agencies(database: Database) -> bool:
    others = sa.select(agency.c.id).where(agency.c.id != OPERATOR_AGENCY_ID).limit(1)
    return await database.read().value(others) is not None


def _own_file(settings: Settings) -> Path:
    return settings.data_dir.resolve() / DATABASE


def _address(settings: Settings) -> str:
    return shown(settings.database_url)


def _kept(settings: Settings) -> KeptStory | None:
    """The record of the demonstration that ran in the database of these settings."""
    try:
        kept = msgspec.json.decode((settings.data_dir / PEOPLE).read_bytes(), type=KeptStory)
    except (FileNotFoundError, msgspec.ValidationError):
        return None
    return kept if kept.database == _address(settings) else None


def print_tokens(settings: Settings, console: Console) -> None:
    """Ready tokens for a coordinator, a commander, a lawyer, an auditor and a service. They last a day."""
    kept = _kept(settings)
    assert kept is not None, "the demonstration was played here"
    console.print("\n[bold]Tokens[/] for the demonstration, valid for a day:")
    for person in kept.people:
        console.print(f"\n[dim]# {person.who}[/]", highlight=False)
        token = person.badge.token(settings)
        console.print(f"export {person.name.upper()}={token}", soft_wrap=True, highlight=False, markup=False)


def has_demo(settings: Settings) -> bool:
    """Whether the demonstration's data exists: its record, and the agencies that this record is of."""
    own = _own_file(settings)
    if _kept(settings) is None:
        return False
    if settings.database_url == f"sqlite:///{own}":
        return own.exists() and application_id(own) == MARK
    return asyncio.run(_is_played_in(settings))


async def _is_played_in(settings: Settings) -> bool:
    database = connect(settings.database_url, pooler=settings.database_pooler)
    try:
        return await current_revision(database) is not None and await _has_agencies(database)
    finally:
        await database.close()
