"""A published list for tests: snapshots of invented agencies in the columns of the real one."""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from registry.agreements.tracker.profiles import load_profile
from registry.agreements.tracker.sightings import Panel, read_panel
from registry.platform.bulk.sheets import Table, read_table
from tests.support.sheets import csv_bytes

LATEST = date(2025, 7, 19)
HEADERS = ["SNAPSHOT_UTC", "STATE", "LAW ENFORCEMENT AGENCY", "TYPE", "SUPPORT TYPE", "SIGNED"]
Cells = Sequence[str]


def signed(
    agency: str = "Pineford County Sheriff's Office",
    day: str = "2025-05-01",
    *,
    state: str = "MINNESOTA",
    form: str = "Warrant Service Officer",
    kind: str = "County",
) -> Cells:
    """A row of the list of signed ones, its snapshot apart."""
    return [state, agency, kind, form, day]


def pending(agency: str = "Pineford County Sheriff's Office", **cells: str) -> Cells:
    """A row of the list of pending ones."""
    return signed(agency, **cells)[:-1]


def tables_of(
    on_signed: Mapping[int, Sequence[Cells]],
    on_pending: Mapping[int, Sequence[Cells]] | None = None,
    change: Callable[[list[str]], list[str]] = lambda cells: cells,
) -> list[Table]:
    """The two lists, each with its rows by the day of May on which the snapshot was taken, at noon.

    A snapshot without a row cannot be seen in a list, so each holds a row of another agency.
    """
    tables = []
    for name, snapshots, headers in (("signed", on_signed, HEADERS), ("pending", on_pending, HEADERS[:-1])):
        if snapshots:
            filler = signed("Filler County Sheriff's Office") if name == "signed" else pending("Filler Police")
            rows = [
                change([f"202505{day:02}_120000", *cells])
                for day, given in snapshots.items()
                for cells in (given or [filler])
            ]
            tables.append(
                read_table(io.BytesIO(csv_bytes(headers, *rows)), f"{name}.csv", load_profile("287g").is_known)
            )
    return tables


def panel_of(
    on_signed: Mapping[int, Sequence[Cells]],
    on_pending: Mapping[int, Sequence[Cells]] | None = None,
    change: Callable[[list[str]], list[str]] = lambda cells: cells,
) -> Panel:
    """The snapshots, read."""
    return read_panel(tables_of(on_signed, on_pending, change), load_profile("287g"), LATEST)
