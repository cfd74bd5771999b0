"""The asset list as a file: the list's own filters and sight, whole or visibly not, and on record before it begins."""

import csv
import io
from collections.abc import Sequence
from typing import Any

import msgspec
import openpyxl
import pytest

from registry.platform.access.principals import Role
from registry.platform.bulk.writing import CsvWriter, GeojsonWriter, NdjsonWriter, Record, TableWriter, XlsxWriter
from registry.resources.assets.queries import exporting
from registry.resources.assets.schemas.listing import AssetQuery
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast, inside
from tests.support.imports import rows_of, run, uploaded
from tests.support.problems import assert_problem

KINDS = ("ndjson", "csv", "xlsx", "geojson")


async def export(caller: Any, kind: str, query: str = "") -> bytes:
    response = await caller.get(f"/v1/assets.{kind}{query}")
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-disposition"].startswith(f'attachment; filename="assets.{kind}"')
    content: bytes = response.content
    return content


def tags(kind: str, content: bytes) -> list[str]:
    """The tags in a file, which has to be whole."""
    if kind == "ndjson":
        *lines, last = [msgspec.json.decode(line) for line in content.splitlines()]
        assert last == {"complete": True, "count": len(lines)}
        return [line["tag"] for line in lines]
    if kind == "geojson":
        found = msgspec.json.decode(content)
        assert (found["type"], found["complete"], found["count"]) == ("FeatureCollection", True, len(found["features"]))
        return [each["properties"]["tag"] for each in found["features"]]
    if kind == "csv":
        headers, *rows, last = csv.reader(io.StringIO(content.decode("utf-8-sig")))
        assert last == [f"# complete, {len(rows)} rows"]
        return [dict(zip(headers, row, strict=True))["tag"] for row in rows]
    first, *sheet = openpyxl.load_workbook(io.BytesIO(content))["Assets"].iter_rows(values_only=True)
    return [str(dict(zip(first, row, strict=True))["tag"]) for row in sheet]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_export_shows_what_the_list_shows(cast: Cast, kind: str) -> None:
    owner, partner = cast.assisting, cast.requesting
    await sign_agreement(owner.service, owner, partner)
    for tag, sharing in (("P", "private"), ("S", "agreement"), ("N", "network")):
        await make_asset(owner, tag=tag, sharing=sharing)
    query = f"?agency_id={owner.id}&sort=created_at"
    for who, seen in ((owner.admin, "PSN"), (partner.coordinator, "SN"), (cast.stranger.coordinator, "N")):
        assert tags(kind, await export(who, kind, query)) == [*seen]
        listed = (await who.done("GET", f"/v1/assets{query}"))["items"]
        assert [item["tag"] for item in listed] == [*seen]
    assert tags(kind, await export(owner.admin, kind, f"{query}&sharing=private")) == ["P"]


async def test_an_export_needs_a_token_and_a_question_that_can_be_answered(cast: Cast) -> None:
    for kind in KINDS:
        path = f"/v1/assets.{kind}"
        assert_problem(await cast.assisting.service.anonymous.get(path), 401, "unauthenticated")
        narrow = cast.assisting.as_(Role.COORDINATOR, scope="loans:read")
        assert_problem(await narrow.get(path), 403, "forbidden")
        assert_problem(await cast.assisting.admin.get(f"{path}?category=unicorn"), 422, "unknown_category")
        assert_problem(await cast.assisting.admin.get(f"{path}?limit=5"), 400, "unknown_parameter")
        assert_problem(await cast.assisting.admin.get(f"{path}?latitude=1"), 422, "incomplete_place")


async def test_an_export_is_on_record_for_auditors(cast: Cast) -> None:
    await export(cast.assisting.coordinator, "csv", f"?agency_id={cast.assisting.id}&q=somebody")
    events = (await cast.assisting.auditor.done("GET", "/v1/audit-events"))["items"]
    (event,) = [each for each in events if each["type"] == "asset.exported"]
    assert event["data"] == {"format": "csv", "filters": ["agency_id", "q"]}, "never the words"


STATED: dict[str, Any] = {
    "home_base": "North precinct; “bay 2”",
    "home_location": {"latitude": 44.9, "longitude": -93.2},
    "service_area": {"states": ["MN", "WI"], "counties": ["01001"], "within_km": 60.5},
    "identifiers": [
        {"kind": "vin", "value": "1M8GDM9AXKP042788"},
        {"kind": "call_sign", "value": "A;7", "public": True},
    ],
    "condition": "fair",
    "crew": [{"role": "Driver", "capabilities": ["crash"], "provided_by": "requesting"}],
    "certifications": [{"code": "bomb", "issuer": "Body (demo)", "number": "7", "effective_on": "2026-01-01"}],
}


async def test_what_is_exported_is_the_same_when_another_agency_imports_it(cast: Cast) -> None:
    owner, other = cast.assisting, cast.requesting
    await make_asset(owner, tag="-7", name="=Odd, “name”", description="Two\nlines", attributes={"breed": "+Malinois"})
    await make_asset(owner, tag="'8", location=None, hourly_rate={"amount": "12.50", "currency": "USD"}, capacity=3)
    sick = await make_asset(owner, tag="@9", funding=["leso_1033", "uasi"], certification_required=False, **STATED)
    await owner.admin.done("POST", f"/v1/assets/{sick['id']}/take-out-of-service", {"reason": "Ill."})
    old = await make_asset(owner, tag="10", mobilisation_minutes=15, sharing="private")
    await owner.admin.done("POST", f"/v1/assets/{old['id']}/retire", {"reason": "Sold."})
    before = records(await export(owner.admin, "ndjson", f"?agency_id={owner.id}"))
    for kind in ("csv", "xlsx", "ndjson"):
        importer = await fresh(other, kind)
        found = await uploaded(importer.admin, await export(owner.admin, kind, f"?agency_id={owner.id}"))
        ran = await run(importer.admin, found, mapping=found["suggested_mapping"])
        assert ran["counts"] == {"created": 4, "updated": 0, "unchanged": 0, "refused": 0}, (
            kind,
            await rows_of(importer.admin, found),
        )
        assert records(await export(importer.admin, "ndjson", f"?agency_id={importer.id}")) == before, kind
        again = await run(importer.admin, found, mapping=found["suggested_mapping"])
        assert again["counts"] == {"created": 0, "updated": 0, "unchanged": 4, "refused": 0}, kind


async def fresh(agency: Agency, kind: str) -> Agency:
    from tests.support.cast import make_agency

    return await make_agency(agency.service, f"Importer of {kind}")


def records(content: bytes) -> dict[str, dict[str, Any]]:
    """The exported assets by tag, without what is each registration's own."""
    lines = [msgspec.json.decode(line) for line in content.splitlines()[:-1]]
    own = ("id", "agency", "version", "created_at", "updated_at")
    return {line["tag"]: {name: value for name, value in line.items() if name not in own} for line in lines}


async def test_more_than_one_batch_comes_in_order(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "AT_ONCE", 2)
    made = [(await make_asset(cast.assisting))["tag"] for _ in range(5)]
    content = await export(cast.assisting.admin, "ndjson", f"?agency_id={cast.assisting.id}&sort=created_at")
    assert tags("ndjson", content) == made


async def test_an_export_that_breaks_off_says_so_and_does_not_end(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator raises, so that the server closes the connection before the response has ended."""
    monkeypatch.setattr(exporting, "AT_ONCE", 1)
    for _ in range(3):
        await make_asset(cast.assisting)
    read = cast.assisting.service.database.read()
    query = AssetQuery(agency_id=cast.assisting.id)
    for writer, mark in (
        (NdjsonWriter(), b'{"complete":false,"count":null}\n'),
        (CsvWriter(exporting.COLUMNS), b"# broken off: there is more; ask again\r\n"),
        (GeojsonWriter(), b""),
        (XlsxWriter(exporting.COLUMNS), b""),
    ):
        failing = _Failing(writer)
        pieces = await exporting.export_assets(read, inside(cast.assisting.id, Role.AGENCY_ADMIN), query, failing)
        sent = b""
        broke_off = False
        try:
            async for piece in pieces:
                sent += piece
        except OSError:
            broke_off = True
        assert broke_off
        assert sent.endswith(mark)
        assert b"complete, " not in sent
        with pytest.raises(Exception, match=r".*"):
            _whole(writer, sent)


def _whole(writer: TableWriter, sent: bytes) -> None:
    kind = {NdjsonWriter: "ndjson", CsvWriter: "csv", GeojsonWriter: "geojson", XlsxWriter: "xlsx"}[type(writer)]
    tags(kind, sent)


class _Failing:
    """A writer that fails at the second batch, as a database that went away does."""

    def __init__(self, inner: TableWriter) -> None:
        self.inner = inner
        self._batches = 0

    def begin(self) -> bytes:
        return self.inner.begin()

    def rows(self, records: Sequence[Record]) -> bytes:
        self._batches += 1
        if self._batches > 1:
            raise OSError("no more")
        return self.inner.rows(records)

    def end(self, count: int) -> bytes:
        return self.inner.end(count)

    def broken(self) -> bytes:
        return self.inner.broken()
