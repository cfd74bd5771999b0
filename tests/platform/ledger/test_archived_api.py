"""What an agency is answered about events that have left the database for an archive."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from sqlalchemy.engine import Connection

from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.database.snapshot import in_snapshot
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.archiving import Manifest, write_archive
from registry.platform.ledger.dropping import YOUNGEST, drop_segment
from registry.platform.ledger.merkle import leaf_hash, root_by_inclusion
from registry.platform.ledger.notes import parse_checkpoint, parse_note
from registry.platform.settings import load
from tests.platform.ledger.test_proving import raw
from tests.support.cast import Cast, make_cast
from tests.support.ledger import Ledger, signed_ledger
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process
from tests.support.service import Service

pytestmark = pytest.mark.second_later


class Archived(msgspec.Struct, kw_only=True):
    """A service whose agencies have events that were dropped a year later, and one of then."""

    service: Service
    cast: Cast
    thing: UUID
    contents: list[bytes]
    ids: list[UUID]
    first: int
    """The place of the first of these events."""

    def cursor(self, agency_id: UUID, place: int) -> str:
        return str(self.service.edge.app.state.event_feed.places.cursor(agency_id, place))


@pytest.fixture
async def archived(private_url: str, tmp_path: Path) -> AsyncIterator[Archived]:
    async with in_process(load(environment(private_url, tmp_path))) as service:
        cast, thing = await make_cast(service), new_id()
        ledger = Ledger(service.database)
        ledger.now = utc_now() - timedelta(minutes=1)
        ids = await ledger.record(6, thing=thing, by=cast.assisting.id, agencies=[cast.requesting.id])
        await signed_ledger(service)
        contents, first = await ledger.contents(), (await ledger.sealed()).index(ids[0])
        folder, ledger.now = tmp_path / "archive", utc_now() + YOUNGEST + timedelta(days=1)
        manifest = await in_snapshot(private_url, partial(_write, folder, ledger.now))
        for segment in manifest.segments:
            async with unit_of_work(service.database) as write:
                await drop_segment(write, ledger.caller(), folder, segment, "records@county.example", ())
        await signed_ledger(service)
        yield Archived(service=service, cast=cast, thing=thing, contents=contents, ids=ids, first=first)


def _write(folder: Path, before: datetime, connection: Connection) -> Manifest:
    return write_archive(connection, folder, before)


async def test_a_place_before_what_was_archived_is_answered_410(archived: Archived) -> None:
    reader, agency_id = archived.cast.assisting.auditor, archived.cast.assisting.id
    for path in ("/v1/events", "/v1/events/stream"):
        problem = assert_problem(
            await reader.get(f"{path}?after={archived.cursor(agency_id, 0)}"), 410, "events_archived"
        )
        assert "Ask for it at records@county.example" in problem["detail"]
    feed = await reader.done("GET", f"/v1/events?after={problem['go_on_after']}")
    everything = await reader.done("GET", "/v1/events")
    assert feed["items"]
    assert everything["items"][-len(feed["items"]) :] == feed["items"]
    assert {each["place"] for each in everything["items"]}


async def test_who_misses_nothing_goes_on_from_an_old_place(archived: Archived) -> None:
    stranger = archived.cast.stranger
    feed = await stranger.auditor.done("GET", f"/v1/events?after={archived.cursor(stranger.id, archived.first)}")
    assert "ledger_segment.archived" in {each["type"] for each in feed["items"]}


async def test_a_history_says_from_when_on_it_is_here(archived: Archived) -> None:
    agency = archived.cast.assisting
    history = await agency.auditor.done("GET", f"/v1/agencies/{agency.id}/history")
    assert history["archived_to"] is not None


async def test_an_archived_event_is_proved_to_the_auditors_of_those_whom_it_concerns(archived: Archived) -> None:
    path = f"/v1/ledger/events/{archived.ids[0]}/proof"
    for side in (archived.cast.assisting, archived.cast.requesting):
        proof = await side.auditor.done("GET", path)
        assert (proof["public_part"], proof["private_part"]) == (None, None)
        public = next(each for each in archived.contents if str(archived.ids[0]).encode() in each)
        root = root_by_inclusion(leaf_hash(public), proof["seq"], proof["tree_size"], [*map(raw, proof["hashes"])])
        assert root == raw(proof["root_hash"]) == parse_checkpoint(parse_note(proof["checkpoint"]["note"])).root
        assert_problem(await side.as_(Role.AGENCY_ADMIN).get(path), 404, "not_found")
    assert_problem(await archived.cast.stranger.auditor.get(path), 404, "not_found")
    consistency = await archived.cast.stranger.auditor.done("GET", "/v1/ledger/consistency?from=1")
    assert consistency["hashes"]
