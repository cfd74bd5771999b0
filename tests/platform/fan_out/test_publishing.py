"""What everybody may hear of is in the operator's stream: once, in order, thin, and nothing else is."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from registry.platform.fan_out.messages import CONTENT_TYPE
from registry.platform.fan_out.publishing import LEASE, FanOut
from registry.platform.fan_out.tables import fan_out_cursor
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.event_types import EventType
from registry.platform.settings import NatsServer
from tests.platform.fan_out.conftest import Scene
from tests.support.server import free_port

UPDATED, REGISTERED = EventType.AGENCY_UPDATED, EventType.AGENCY_CREATED

pytestmark = pytest.mark.second_later


async def test_it_begins_with_what_happens_from_now_on_and_stores_each_once_in_order(scene: Scene) -> None:
    await scene.make_stream()
    await scene.happen(UPDATED)
    await scene.run()
    ids = await scene.happen(UPDATED, REGISTERED, UPDATED)
    await scene.run()
    await scene.run()
    stored = await scene.stored()
    assert [event["id"] for _, _, event in stored] == ids
    assert [headers["Nats-Msg-Id"] for headers, _, _ in stored] == ids
    assert stored[1][1] == f"{scene.server.subject}.agency.created"
    assert scene.fan_out.published == 3
    assert await scene.fan_out.behind() == 0


async def test_a_message_is_a_cloud_event_and_has_none_of_the_data(scene: Scene) -> None:
    await scene.make_stream()
    await scene.run()
    (id_,) = await scene.happen(UPDATED)
    await scene.run()
    ((headers, _, event),) = await scene.stored()
    assert headers["Content-Type"] == CONTENT_TYPE
    subject = event["data"]["subject"]
    assert {**event, "time": None, "data": None} == {
        "specversion": "1.0",
        "id": id_,
        "source": f"{scene.service.settings.public_url}/v1/events",
        "type": "agency.updated",
        "subject": f"agency/{subject['id']}",
        "time": None,
        "datacontenttype": "application/json",
        "data": None,
    }
    assert event["data"].keys() == {"subject", "n", "agreement_id", "actor_agency_id", "occurred_at", "outcome"}
    assert "Secret" not in str(event)


async def test_what_concerns_certain_agencies_or_some_roles_alone_is_not_published(scene: Scene) -> None:
    await scene.make_stream()
    await scene.run()
    agencies: dict[str, Any] = {"audience": "agencies", "agencies": (new_id(),)}
    await scene.happen(EventType.LOAN_RETURNED, kind="loan", **agencies)
    await scene.happen(EventType.ACCESS_DENIED, kind="denial")  # auditors and administrators hear of it, others do not
    (told,) = await scene.happen(UPDATED)
    await scene.run()
    assert [event["id"] for _, _, event in await scene.stored()] == [told]


async def test_a_process_that_ends_before_it_moves_the_cursor_publishes_again_and_the_stream_has_it_once(
    scene: Scene,
) -> None:
    await scene.make_stream()
    await scene.run()
    ids = await scene.happen(UPDATED, UPDATED)

    class KilledError(BaseException):
        """The process ends here."""

    def ends() -> Any:
        raise KilledError

    dying = scene.another()
    scene.ahead += LEASE + timedelta(seconds=1)
    assert await dying._is_mine(dying._clock())
    dying._work = ends
    with pytest.raises(KilledError):
        await dying.run()
    assert dying.published == 2, "they were acknowledged"
    assert await scene.fan_out.behind() == 2, "and nobody knows of it"
    assert dying._stream is not None
    await dying._stream.close()  # as the system does when a process ends
    later = await scene.happen(UPDATED)
    await scene.run(seconds=LEASE.total_seconds() + 1)
    assert [event["id"] for _, _, event in await scene.stored()] == [*ids, *later]


async def test_one_process_publishes_at_a_time(scene: Scene) -> None:
    await scene.make_stream()
    await scene.run()
    other = scene.another()
    await scene.happen(UPDATED)
    await other.run()
    assert other.published == 0
    await scene.run(seconds=LEASE.total_seconds() + 1)
    await other.run()
    assert (scene.fan_out.published, other.published) == (1, 0)
    await other.close()


async def test_without_a_stream_it_says_so_and_nothing_is_lost(scene: Scene) -> None:
    await scene.run()
    ids = await scene.happen(UPDATED, UPDATED)
    await scene.run()
    assert "no stream" in await scene.fan_out.check()
    assert await scene.fan_out.behind() == 2
    await scene.make_stream()
    await scene.run()
    assert "no stream" in await scene.fan_out.check(), "it is not asked at once again"
    await scene.run(minutes=1)
    assert await scene.fan_out.check() == "ok"
    assert [event["id"] for _, _, event in await scene.stored()] == ids


async def test_a_subject_that_another_stream_takes_is_told(scene: Scene) -> None:
    await scene.make_stream()
    elsewhere = scene.another(
        server=NatsServer(
            urls=scene.server.urls, user="", password="", ca_file="", stream="ANOTHER", subject=scene.server.subject
        )
    )
    await elsewhere.run()
    await scene.happen(UPDATED)
    await elsewhere.run()
    assert "REGISTRY_NATS_STREAM" in await elsewhere.check()
    assert await scene.stored() == []
    await elsewhere.close()


async def test_a_server_out_of_reach_is_told_and_fails_no_task(scene: Scene) -> None:
    away = scene.another(
        server=NatsServer(
            urls=(f"nats://127.0.0.1:{free_port()}",), user="", password="", ca_file="", stream="S", subject="s"
        )
    )
    await scene.happen(UPDATED)
    await away.run()
    assert "out of reach" in await away.check()
    assert "127.0.0.1" not in await away.check()


async def test_a_server_that_comes_back_gets_what_waited(scene: Scene) -> None:
    await scene.make_stream()
    await scene.run()
    await scene.fan_out.close()  # as when the server ends the connection
    ids = await scene.happen(UPDATED)
    await scene.run()
    assert [event["id"] for _, _, event in await scene.stored()] == ids


async def test_it_is_off_by_default_and_on_a_copy(scene: Scene) -> None:
    own: FanOut = scene.service.edge.app.state.fan_out
    for still in (own, scene.another(copy=True)):
        assert not still.is_on
        await still.run()
        assert (await still.check(), await still.behind()) == ("ok", 0)
    ready = (await scene.service.anonymous.get("/health/ready")).json()
    assert (ready["fan_out"], ready["checks"]["fan_out"]) == ("off", "ok")
    assert await scene.service.database.read().all(sa.select(fan_out_cursor.c.target)) == []
