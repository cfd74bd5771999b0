"""`registry demo` and `registry serve --with-demo`: play the story, keep its data, print tokens."""

import asyncio
import time
from pathlib import Path

import httpx
import msgspec
from rich.console import Console

from registry.database.connect import connect, unit_of_work
from registry.database.migrate import migrate
from registry.demo.stage import Badge, Stage, free_port, running_server
from registry.demo.story import play
from registry.settings import Settings
from registry.taxonomy.commands import seed_taxonomy

DATABASE = "registry.db"
PEOPLE = "demo-people.json"


class KeptPerson(msgspec.Struct, kw_only=True, frozen=True):
    """Somebody of the story whom a reader may want to be."""

    name: str
    who: str
    badge: Badge


def run_demo(settings: Settings, console: Console) -> None:
    """Play the main job on a fresh SQLite file and keep it as the demonstration's data.

    Raises StoryBrokenError when a step does not do what it says; then the data of before stays.
    """
    began = time.perf_counter()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    fresh = settings.data_dir / "demo-run.db"
    _remove(fresh)
    url = f"sqlite:///{fresh.resolve()}"
    console.print("[bold]The main job, from a signed agreement to its scorecard[/]  (all acting agencies are invented)")
    asyncio.run(prepare(url))
    environment = {
        "REGISTRY_DEMO": "1",
        "REGISTRY_DATA_DIR": str(settings.data_dir),
        "REGISTRY_DATABASE_URL": url,
    }
    with running_server(environment, free_port()) as address, httpx.Client(base_url=address, timeout=30) as http:
        console.print(f"   The server runs at {address}; everything below goes over HTTP.", highlight=False)
        people = play(Stage(settings, http, console))
    kept = [KeptPerson(name=name, who=who, badge=person.badge) for name, (who, person) in people.items()]
    (settings.data_dir / PEOPLE).write_bytes(msgspec.json.encode(kept))
    _remove(settings.data_dir / DATABASE)
    fresh.replace(settings.data_dir / DATABASE)
    console.print(f"\n[bold green]Every step did what it says.[/] {time.perf_counter() - began:.1f} s")


async def prepare(url: str) -> None:
    """Bring a database to the newest schema, with the taxonomy in it."""
    await migrate(url)
    database = connect(url)
    try:
        async with unit_of_work(database) as write:
            await seed_taxonomy(write)
    finally:
        await database.close()


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def print_tokens(settings: Settings, console: Console) -> None:
    """Ready tokens for a coordinator, a commander, a lawyer, an auditor and a service. They last a day."""
    console.print("\n[bold]Tokens[/] for the demonstration, valid for a day:")
    for person in msgspec.json.decode((settings.data_dir / PEOPLE).read_bytes(), type=list[KeptPerson]):
        console.print(f"\n[dim]# {person.who}[/]", highlight=False)
        token = person.badge.token(settings)
        console.print(f"export {person.name.upper()}={token}", soft_wrap=True, highlight=False, markup=False)


def has_demo(settings: Settings) -> bool:
    """Whether the demonstration's data is there."""
    return (settings.data_dir / DATABASE).exists() and (settings.data_dir / PEOPLE).exists()
