"""Rows go in by batches: what breaks off, what runs at the same time, what the report shows, who may."""

import asyncio

import pytest

from registry.agreements.tracker.commands.importing import BATCH, import_agreements
from registry.agreements.tracker.rows import Options, read_rows
from registry.platform.access.principals import Role
from registry.platform.bulk import batches
from registry.platform.kernel.errors import Forbidden
from tests.support.cast import Cast
from tests.support.service import Service
from tests.support.sheets import csv_bytes, read, sheet_of
from tests.support.tracker import KEY, counts, draft, operator, signed, take

pytestmark = pytest.mark.second_long


async def test_an_import_that_breaks_off_keeps_whole_rows_and_is_finished_by_the_next(
    service: Service, cast: Cast
) -> None:
    rows = [signed(cast.assisting, cast.requesting) for _ in range(BATCH + 3)]

    def pulled(_done: int) -> None:
        raise OSError("the disk was pulled out")

    options = Options(attest_parties=True)
    found, _ = read_rows(read(csv_bytes(*sheet_of(*rows))), options)
    with pytest.raises(OSError, match="pulled out"):
        await import_agreements(service.database, operator(), KEY, found, options, on_progress=pulled)
    listed = await cast.requesting.legal.done("GET", f"/v1/agreements?party_id={cast.requesting.id}&limit=100")
    assert len(listed["items"]) == BATCH
    heard: list[int] = []
    report = await import_agreements(service.database, operator(), KEY, found, options, on_progress=heard.append)
    assert counts(report) == (3, 0, BATCH, 0)
    assert heard == [BATCH, BATCH + 3]


async def test_two_imports_at_once_enter_each_agreement_once(service: Service, cast: Cast) -> None:
    rows = [signed(cast.assisting, cast.requesting) for _ in range(BATCH + 1)]
    reports = await asyncio.gather(*(take(service, *rows) for _ in range(2)))
    assert sorted(report.created + report.unchanged for report in reports) == [BATCH + 1] * 2
    assert sum(report.created for report in reports) == BATCH + 1


async def test_rows_are_counted_all_and_shown_up_to_a_bound(
    service: Service, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_REPORTED", 2)
    report = await take(service, *(draft(cast.assisting, cast.requesting, expires_on="x") for _ in range(5)))
    assert (report.refused, len(report.rows), report.rows_left_out) == (5, 2, 3)


async def test_only_the_registrar_imports(service: Service, cast: Cast) -> None:
    for role in (Role.LEGAL, Role.AGENCY_ADMIN, Role.SERVICE):
        with pytest.raises(Forbidden):
            await import_agreements(service.database, operator(role), KEY, [], Options())
