"""How long an import takes: a table of assets on SQLite, from the file to the last row, and its rows again.

    python -m benchmarks.imports --rows 100000

The bar is 60 seconds of wall time for 100,000 rows on a machine that does nothing else; processor time is told beside
it, since machines are shared.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from registry.app import IMPORTERS
from registry.cli.session import local_caller
from registry.database_tables import bring_up_to_date
from registry.directory.agencies.commands.registering import create_agency
from registry.directory.agencies.rules import AgencyKind, AgencyLevel
from registry.directory.agencies.schemas import NewAgency
from registry.platform.access.principals import Caller
from registry.platform.bulk.commands import finish_upload, importer_of, store_rows
from registry.platform.bulk.queries import get_import
from registry.platform.bulk.reading import TableReader
from registry.platform.bulk.running.beginning import begin
from registry.platform.bulk.running.runner import ImportRunner
from registry.platform.bulk.schemas import FieldSource, ImportRun, NewImport
from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.database.installation import Purpose

MAPPING = {
    "tag": FieldSource(header="Unit"),
    "name": FieldSource(header="Title"),
    "category": FieldSource(header="Type"),
    "location.latitude": FieldSource(header="Lat"),
    "location.longitude": FieldSource(header="Lon"),
    "mobilisation_minutes": FieldSource(header="Ready"),
    "hourly_rate.amount": FieldSource(header="Rate"),
    "attributes.make": FieldSource(header="Make"),
}


def write_table(path: Path, rows: int) -> None:
    """A fleet list."""
    with path.open("w") as file:
        file.write("Unit,Title,Type,Lat,Lon,Ready,Rate,Make\n")
        for at in range(rows):
            place = f"{44 + at % 1000 / 1000},{-93 - at % 700 / 1000}"
            file.write(f"U{at},Patrol vehicle {at} of the fleet,vehicle.patrol,{place},{at % 60},{at % 200}.50,Ford\n")


@contextmanager
def measured(what: str) -> Iterator[None]:
    """Print wall and processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    yield
    print(f"{what:<28} {time.perf_counter() - wall:7.1f} s   {time.process_time() - processor:7.1f} s of processor")


async def measure(folder: Path, rows: int) -> None:
    """Upload, check, write, write again."""
    url = f"sqlite:///{folder / 'registry.db'}"
    await bring_up_to_date(url, Purpose.DEMONSTRATION)
    database = connect(url)
    try:
        async with unit_of_work(database) as write:
            new = NewAgency(name="Bench", kind=AgencyKind.CITY, level=AgencyLevel.LOCAL, state="MN")
            made = await create_agency(write, local_caller(), new)
        await _measured_runs(database, local_caller(made.id), folder, rows)
    finally:
        await database.close()


async def _measured_runs(database: Database, caller: Caller, folder: Path, rows: int) -> None:
    path = folder / "fleet.csv"
    write_table(path, rows)
    own, importer = partial(unit_of_work, database), importer_of(IMPORTERS, "assets")
    with measured(f"read and store {rows:,} rows"):
        new = NewImport(kind="assets", filename="fleet.csv")
        stored = await store_rows(database.read(), own, caller, importer, TableReader(), path, new, "0" * 64)
        async with unit_of_work(database) as write:
            await finish_upload(write, caller, stored)
    for what, how in (
        ("check (dry run)", ImportRun(mapping=MAPPING, on_error="skip")),
        ("write", ImportRun(mapping=MAPPING, dry_run=False, on_error="skip")),
        ("write again, unchanged", ImportRun(mapping=MAPPING, dry_run=False, on_error="skip")),
    ):
        with measured(what):
            held = await begin(database, caller, IMPORTERS, stored.import_id, how)
            await ImportRunner(database).carry_out(caller, held)
        found = await get_import(database.read(), caller, IMPORTERS, stored.import_id)
        print(f"    {msgspec.json.encode(found.counts).decode()}")


def main() -> None:
    """Measure with as many rows as asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), parser.parse_args().rows))


if __name__ == "__main__":
    main()
