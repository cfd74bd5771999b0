"""What concerns an agency arrives at its webhooks, at least once, in order, and tells no more than it may know."""

import asyncio
from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
import time_machine
from standardwebhooks import Webhook as Verifier

from registry.platform.database.connect import unit_of_work
from registry.platform.database.encrypted import place_of
from registry.platform.database.handles import Read
from registry.platform.encryption import SecretKeys
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.feed import FeedReader, Sights
from registry.platform.webhooks import delivering
from registry.platform.webhooks.delivering import CLAIMED_FOR, Deliverer, Turns, remove_old_deliveries
from registry.platform.webhooks.queries import deliveries_among_events
from registry.platform.webhooks.rules import AGAIN_AFTER, DISABLED_AFTER, JITTER, KEPT_FOR, LONGEST_ASKED
from registry.platform.webhooks.sending import Sender, Tried
from registry.platform.webhooks.tables import webhook, webhook_delivery, webhook_secret
from tests.platform.webhooks.conftest import WEBHOOKS, Scene
from tests.support.receiver import Got, receiving

pytestmark = pytest.mark.second_long

RETURNED, DISPATCHED, REQUESTED = EventType.LOAN_RETURNED, EventType.LOAN_DISPATCHED, EventType.REQUEST_SUBMITTED


def verified(got: Got, secret: str) -> Any:
    """What the standard's own library makes of a message, at the moment at which it says that it was sent."""
    with time_machine.travel(int(got.headers["webhook-timestamp"])):
        return Verifier(secret).verify(got.body, got.headers)


async def test_an_event_arrives_signed_as_a_cloud_event(scene: Scene) -> None:
    made = await scene.make("loan.returned")
    thing = new_id()
    (event,) = await scene.happen(RETURNED, thing=thing, version=4)
    assert await scene.deliver() == ["loan.returned"]
    (got,) = scene.receiver.got
    assert got.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert got.headers["host"] == f"127.0.0.1:{scene.receiver.port}"
    assert got.headers["webhook-id"] == str(event)
    told = verified(got, made["secret"])
    assert {**told, "time": None, "data": None} == {
        "specversion": "1.0",
        "id": str(event),
        "source": f"{scene.service.settings.public_url}/v1/events",
        "type": "loan.returned",
        "subject": f"loan/{thing}",
        "time": None,
        "datacontenttype": "application/json",
        "data": None,
    }
    assert told["data"]["subject"] == {"kind": "loan", "id": str(thing), "version": 4}
    assert told["data"]["outcome"] == "done"
    assert told["data"]["data"] is None, "a thin body has none of it"
    (delivery,) = await scene.log(made)
    assert (delivery["status"], delivery["attempts"], delivery["http_status"]) == ("delivered", 1, 204)
    assert await scene.deliver(days=1) == [], "once"


async def test_a_full_body_has_the_data_of_the_event(scene: Scene) -> None:
    made = await scene.make(body="full")
    await scene.happen(RETURNED)
    await scene.deliver()
    assert verified(scene.receiver.got[0], made["secret"])["data"]["data"] == {"note": "Told 1 (demo)"}


async def test_a_message_has_in_it_what_the_feed_answers_an_administrator_of_the_agency_and_no_more(
    scene: Scene,
) -> None:
    """So that what is told of the feed, and tried there on every reader, is true of what is sent."""
    others = [scene.cast.requesting, scene.cast.neighbour, scene.cast.stranger]
    for agency in (scene.agency, *others):
        hook = {"name": "All of it (demo)", "url": f"{scene.receiver.url}/{agency.id}", "types": ["*"], "body": "full"}
        await agency.admin.done("POST", WEBHOOKS, hook)
    await scene.happen(RETURNED, DISPATCHED, agencies=(scene.agency.id, scene.cast.requesting.id))
    await scene.happen(REQUESTED, kind="request", agencies=(scene.cast.neighbour.id,))
    await scene.happen(RETURNED, restricted=True)
    await scene.happen(EventType.AGENCY_UPDATED, kind="agency", audience="network")
    for _ in range(4):
        await scene.deliver()
    for agency in (scene.agency, *others):
        sent = [each.event["data"] for each in scene.receiver.got if each.path.endswith(str(agency.id))]
        answered = (await agency.admin.done("GET", "/v1/events", params={"limit": 200}))["items"]
        known = {each["id"]: each for each in answered}
        assert sent
        assert all({**each, "place": None} == {**known[each["id"]], "place": None} for each in sent)


async def test_only_what_was_asked_for_concerns_the_agency_and_comes_from_then_on(scene: Scene) -> None:
    await scene.happen(RETURNED)
    await scene.make("loan.returned", "request.*")
    await scene.happen(RETURNED, DISPATCHED)
    await scene.happen(REQUESTED, kind="request")
    await scene.happen(RETURNED, agencies=())
    await scene.happen(RETURNED, restricted=True)
    assert Counter(await scene.deliver()) == Counter(["loan.returned", "request.submitted"])


async def test_what_the_agency_may_not_know_any_more_is_not_sent(scene: Scene) -> None:
    made, hidden = await scene.make(), set[UUID]()

    async def see(_read: Read, _reader: FeedReader, ids: Collection[UUID], _now: datetime) -> Collection[UUID]:
        return set(ids) - hidden

    scene.deliverer = scene.another(sights=Sights({"loan": see}))
    first, second = new_id(), new_id()
    hidden.add(first)
    await scene.happen(RETURNED, thing=first)
    await scene.happen(RETURNED, thing=second)
    scene.receiver.says(500)
    assert await scene.deliver() == ["loan.returned"]
    hidden.add(second)
    scene.receiver.says(204)
    assert await scene.deliver(hours=1) == []
    assert [each["status"] for each in await scene.log(made)] == ["withheld"]


async def test_events_about_one_thing_keep_their_order_and_others_do_not_wait(scene: Scene) -> None:
    made = await scene.make()
    one, other = new_id(), new_id()
    await scene.happen(RETURNED, DISPATCHED, RETURNED, thing=one)
    scene.receiver.says(503)
    await scene.deliver()
    assert [each.event["data"]["subject"]["version"] for each in scene.receiver.got] == [1], "the second one waits"
    scene.receiver.says(204)
    await scene.happen(DISPATCHED, thing=other)
    await scene.deliver()
    assert scene.receiver.got[-1].event["data"]["subject"]["id"] == str(other)
    await scene.deliver(minutes=1)
    its = [each.event for each in scene.receiver.got if each.event["data"]["subject"]["id"] == str(one)]
    assert [each["data"]["subject"]["version"] for each in its] == [1, 1, 2, 3]
    assert its[0]["id"] == its[1]["id"], "the same message has the same id"
    assert (await scene.read(made))["failures"] == 0


async def test_a_failed_delivery_is_tried_ever_later_for_days_and_then_given_up(scene: Scene) -> None:
    made = await scene.make()
    await scene.happen()
    scene.receiver.says(500)
    assert len(await scene.deliver()) == 1
    for n, wait in enumerate(AGAIN_AFTER, start=1):
        assert await scene.deliver(seconds=wait.total_seconds() - 3) == [], f"not before the wait after try {n} is over"
        assert len(await scene.deliver(seconds=wait.total_seconds() * JITTER + 3)) == 1
    (delivery,) = await scene.log(made)
    assert (delivery["status"], delivery["attempts"]) == ("failed", len(AGAIN_AFTER) + 1)
    assert delivery["error"] == "it answered 500"
    assert (await scene.read(made))["status"] == "enabled", "the schedule ends before the webhook is given up"
    assert await scene.deliver(days=1) == []


async def test_a_receiver_that_says_when_to_come_again_is_asked_no_sooner(scene: Scene) -> None:
    made = await scene.make()
    scene.receiver.says(429, **{"Retry-After": "600"})
    await scene.happen()
    await scene.deliver()
    await scene.happen()
    assert await scene.deliver(minutes=9) == [], "nor with another message"
    assert (await scene.read(made))["quiet_until"] is not None
    scene.receiver.says(204)
    assert len(await scene.deliver(minutes=2)) == 2


async def test_a_receiver_that_says_to_come_again_in_years_is_asked_the_next_day(scene: Scene) -> None:
    await scene.make()
    scene.receiver.says(503, **{"Retry-After": "999999999999"})
    await scene.happen()
    await scene.deliver()
    scene.receiver.says(204)
    assert await scene.deliver(seconds=LONGEST_ASKED.total_seconds() - 60) == []
    assert len(await scene.deliver(minutes=2)) == 1


async def test_what_was_not_tried_for_days_has_not_failed_for_days(scene: Scene) -> None:
    made = await scene.make()
    scene.receiver.says(500)
    await scene.happen()
    await scene.deliver()
    await scene.deliver(days=DISABLED_AFTER.days + 1)  # the registry stood still, or there was nothing to tell
    failing = await scene.read(made)
    assert (failing["status"], failing["failures"]) == ("enabled", 1)


async def test_what_waits_for_an_earlier_message_is_no_work(scene: Scene) -> None:
    await scene.make()
    scene.receiver.says(500)
    await scene.happen(RETURNED, DISPATCHED)
    await scene.deliver()
    assert len(scene.receiver.got) == 1
    await scene.deliverer.run()
    assert scene.deliverer.serving == 0, "the second message is due, and waits for the first"
    await scene.deliverer.settle()


async def test_what_cannot_be_handed_over_keeps_no_other_from_its_turn(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "_HAND_OVERS_AT_ONCE", 1)
    broken = await scene.make()
    await scene.make()
    async with unit_of_work(scene.service.database) as write:
        unread = {"missed": {"nothing": "of ours"}, "missed_to_seq": 10**6}
        await write.run(webhook.update().where(webhook.c.id == UUID(broken["id"])).values(**unread))
    await scene.happen()
    assert await scene.deliver() == ["loan.returned"]


def test_who_waited_longest_has_the_next_turn_and_nobody_else_is_remembered() -> None:
    turns = Turns()
    one, two, three = (new_id() for _ in range(3))
    assert turns.in_order([two]) == [two]
    assert turns.in_order([one, two, three]) == [two, one, three]
    assert turns.in_order([one, three]) == [one, three], "the second has its turn"
    assert turns.in_order([two, one, three]) == [one, three, two], "and waits behind those who waited"
    turns.in_order([])
    assert len(turns) == 0


async def test_a_webhook_that_fails_rests_and_is_tried_by_one_message_at_a_time(scene: Scene) -> None:
    made = await scene.make()
    scene.receiver.says(500)
    for _ in range(6):
        await scene.happen()
    assert len(await scene.deliver()) == 3
    resting = await scene.read(made)
    assert resting["quiet_until"] is not None
    assert (resting["failures"], resting["waiting"]) == (3, 6)
    assert len(await scene.deliver(minutes=1)) == 1
    scene.receiver.says(204)
    assert len(await scene.deliver(hours=1)) == 6
    assert (await scene.read(made))["quiet_until"] is None


async def test_what_fails_for_days_is_disabled_and_a_digest_tells_what_was_missed(scene: Scene) -> None:
    made = await scene.make("loan.*", "webhook.disabled")
    scene.receiver.says(500)
    await scene.happen()
    await scene.deliver()
    await scene.happen(DISPATCHED)
    for _ in range(DISABLED_AFTER.days + 1):
        await scene.deliver(days=1)
    failing = await scene.read(made)
    assert (failing["status"], failing["disabled_because"]) == ("disabled", "failing")
    assert {each["status"] for each in await scene.log(made)} == {"missed"}
    await scene.happen(RETURNED, RETURNED)
    scene.receiver.says(204)
    assert await scene.deliver(hours=1) == []
    await scene.agency.admin.done("POST", f"{WEBHOOKS}/{made['id']}/enable")
    (later,) = await scene.happen(RETURNED)
    assert Counter(await scene.deliver()) == Counter(["webhook.missed", "loan.returned"])
    digest = next(each for each in scene.receiver.got if each.event["type"] == "webhook.missed")
    told = verified(digest, made["secret"])["data"]
    assert told["types"] == {"loan.dispatched": 1, "loan.returned": 3, "webhook.disabled": 1}
    assert told["events"] == 5
    feed = await scene.agency.admin.done("GET", "/v1/events", params={"after": told["after"], "type": made["types"]})
    assert len(feed["items"]) == 6, "what was missed, and what came later"
    assert scene.receiver.got[-1].headers["webhook-id"] in (str(later), digest.headers["webhook-id"])
    assert (await scene.read(made))["status"] == "enabled"
    assert await scene.deliver(hours=1) == []


async def test_a_receiver_that_is_gone_gets_no_more(scene: Scene) -> None:
    made = await scene.make()
    await scene.happen()
    await scene.happen()
    scene.receiver.says(410)
    assert len(await scene.deliver()) == 1
    assert (await scene.read(made))["disabled_because"] == "gone"


async def test_a_missed_or_delivered_message_is_sent_again_under_its_id(scene: Scene) -> None:
    made = await scene.make()
    await scene.happen()
    await scene.deliver()
    (delivery,) = await scene.log(made)
    path = f"{WEBHOOKS}/{made['id']}/deliveries/{delivery['id']}"
    again = await scene.agency.admin.done("POST", f"{path}/redeliver")
    assert (again["status"], again["attempts"]) == ("waiting", 0)
    assert (await scene.agency.admin.post(f"{path}/redeliver")).json()["code"] == "wrong_status"
    await scene.deliver()
    first, second = scene.receiver.got
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


async def test_both_secrets_sign_until_the_old_one_ends(scene: Scene) -> None:
    made = await scene.make()
    until = (scene.clock() + timedelta(days=1)).isoformat()
    rotated = await scene.agency.admin.done("POST", f"{WEBHOOKS}/{made['id']}/rotate", {"keep_until": until})
    await scene.happen()
    await scene.deliver()
    for secret in (made["secret"], rotated["secret"]):
        assert verified(scene.receiver.got[0], secret)
    await scene.happen()
    await scene.deliver(days=2)
    signatures = scene.receiver.got[1].headers["webhook-signature"].split(" ")
    assert len(signatures) == 1


async def test_a_test_is_sent_also_where_nothing_else_is(scene: Scene) -> None:
    made = await scene.make()
    await scene.agency.admin.done("POST", f"{WEBHOOKS}/{made['id']}/disable")
    sent = await scene.agency.admin.done("POST", f"{WEBHOOKS}/{made['id']}/test")
    assert await scene.deliver() == ["webhook.test"]
    assert verified(scene.receiver.got[0], made["secret"])["data"]["webhook_id"] == made["id"]
    (delivery,) = await scene.log(made)
    assert (delivery["id"], delivery["status"]) == (sent["id"], "delivered")
    scene.receiver.says(500)
    await scene.agency.admin.done("POST", f"{WEBHOOKS}/{made['id']}/test")
    await scene.deliver()
    assert [each["status"] for each in await scene.log(made)] == ["delivered", "failed"]
    assert (await scene.read(made))["failures"] == 0, "a test is no failure of the webhook"


class KilledError(BaseException):
    """The process ends here."""


class Dies:
    """A statement at which the process ends."""

    def values(self, **_values: object) -> None:
        """End."""
        raise KilledError


class Killed(Sender):
    """A sender whose process ends when it is about to send, or just when it has."""

    def __init__(self, sender: Sender, *, after: bool) -> None:
        super().__init__(sender.reach)
        self._after = after

    async def send(self, url: str, headers: Any, body: bytes) -> Tried:
        """End, before or after."""
        if self._after:
            await super().send(url, headers, body)
        raise KilledError


@pytest.mark.parametrize("after", [False, True], ids=["before it was sent", "after it was sent"])
async def test_a_process_that_ends_while_it_sends_loses_nothing(scene: Scene, after: bool) -> None:
    made = await scene.make()
    (event,) = await scene.happen()
    dying = scene.another(Killed(scene.deliverer.sender, after=after))
    await dying.hand_over(UUID(made["id"]))
    with pytest.raises(KilledError):
        await dying.deliver_next(UUID(made["id"]))
    assert await scene.deliver() == [], "it is claimed"
    assert await scene.deliver(seconds=CLAIMED_FOR.total_seconds() + 1) == ["loan.returned"]
    assert {each.headers["webhook-id"] for each in scene.receiver.got} == {str(event)}
    assert len(scene.receiver.got) == 1 + after


async def test_a_process_that_ends_while_it_hands_over_loses_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await scene.make()
    events = await scene.happen(RETURNED, RETURNED, RETURNED)

    async def dies(*_args: object, **_more: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(delivering, "events_after", dies)
        with pytest.raises(KilledError):
            await scene.another().hand_over(UUID(made["id"]))
    with monkeypatch.context() as patched:
        patched.setattr(delivering, "_UPDATE", Dies())
        with pytest.raises(KilledError):
            await scene.another().hand_over(UUID(made["id"]))
    assert await scene.log(made) == [], "rows and cursor come together, or not at all"
    await scene.deliver()
    assert [each.headers["webhook-id"] for each in scene.receiver.got] == [str(each) for each in events]


async def test_processes_that_hand_over_at_once_make_each_delivery_once(scene: Scene) -> None:
    made = await scene.make()
    events = [event for _ in range(4) for event in await scene.happen(RETURNED, DISPATCHED)]
    others = [scene.another() for _ in range(4)]
    await asyncio.gather(*(each.hand_over(UUID(made["id"])) for each in others))
    log = await scene.log(made)
    assert sorted(each["event_id"] for each in log) == sorted(map(str, events))
    await asyncio.gather(*(each.deliver_next(UUID(made["id"])) for each in others))
    assert len({each.headers["webhook-id"] for each in scene.receiver.got}) == len(scene.receiver.got)


async def test_one_process_delivers_at_a_time(scene: Scene) -> None:
    await scene.make()
    await scene.happen()
    other = scene.another()
    await scene.deliverer.run()
    await scene.deliverer.settle()
    await scene.happen()
    await other.run()
    await other.settle()
    assert len(scene.receiver.got) == 1
    scene.clock.ahead += timedelta(minutes=6)
    await other.run()
    await other.settle()
    assert len(scene.receiver.got) == 2


async def test_a_process_that_stops_in_order_lets_another_deliver_at_once(scene: Scene) -> None:
    await scene.make()
    await scene.happen()
    await scene.deliver()
    await scene.deliverer.close()
    await scene.happen()
    other = scene.another()
    await other.run()
    await other.settle()
    assert len(scene.receiver.got) == 2


async def test_an_address_that_never_answers_keeps_nobody_else_waiting(scene: Scene) -> None:
    async with receiving() as silent:
        silent.silent = True
        for _ in range(6):
            await scene.make(url=silent.url)
        other = {"name": "Other (demo)", "url": scene.receiver.url, "types": ["loan.*"]}
        await scene.cast.requesting.admin.done("POST", WEBHOOKS, other)
        await scene.happen(agencies=(scene.agency.id, scene.cast.requesting.id))
        await scene.deliverer.run()
        await scene.receiver.arrived.wait()
        assert silent.connections <= delivering.MOST_OF_AN_AGENCY
        await scene.deliverer.close()


async def test_an_agency_that_may_not_act_is_sent_nothing_until_it_may(scene: Scene) -> None:
    await scene.make()
    await scene.happen()
    why = {"reason": "Under review (demo)."}
    path = f"/v1/agencies/{scene.agency.id}"
    await scene.service.operator.done("POST", f"{path}/suspend", why)
    assert await scene.deliver() == []
    await scene.service.operator.done("POST", f"{path}/reinstate", why)
    assert await scene.deliver() == ["loan.returned"]


async def test_so_many_wait_at_most_and_the_rest_stays_in_the_ledger(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "MOST_WAITING", 4)
    monkeypatch.setattr(delivering, "BATCH", 2)
    made = await scene.make()
    for _ in range(7):
        await scene.happen()
    scene.receiver.says(500)
    for _ in range(5):
        await scene.deliver()
    assert len(await scene.log(made)) == 4
    scene.receiver.says(204)
    for _ in range(5):
        await scene.deliver(hours=2)
    assert len({each.headers["webhook-id"] for each in scene.receiver.got}) == 7


async def test_a_secret_that_cannot_be_read_is_told_and_nothing_is_lost(scene: Scene) -> None:
    made = await scene.make()
    await scene.happen()
    blind = scene.another(secrets=SecretKeys([bytes(range(1, 33))]))
    await blind.hand_over(UUID(made["id"]))
    assert not await blind.deliver_next(UUID(made["id"]))
    assert "cannot be decrypted" in await blind.check()
    assert await scene.deliverer.check() == "ok"
    assert await scene.deliver(minutes=6) == ["loan.returned"]
    assert (await scene.log(made))[0]["attempts"] == 1


async def kept_under_another_key(scene: Scene, secret_id: str) -> None:
    """The secret is stored under a key that the service does not have."""
    id_ = UUID(secret_id)
    kept = SecretKeys([bytes(range(1, 33))]).encrypt(b"whsec_AAAA", place_of(webhook_secret.c.secret, id_))
    async with unit_of_work(scene.service.database) as write:
        await write.run(webhook_secret.update().where(webhook_secret.c.id == id_).values(secret=kept))


async def test_an_earlier_secret_that_cannot_be_read_keeps_the_new_one_from_nothing(scene: Scene) -> None:
    made = await scene.make()
    await kept_under_another_key(scene, made["secrets"][0]["id"])
    until = (scene.clock() + timedelta(days=1)).isoformat()
    rotated = await scene.agency.admin.done("POST", f"{WEBHOOKS}/{made['id']}/rotate", {"keep_until": until})
    await scene.happen()
    assert await scene.deliver() == ["loan.returned"]
    assert verified(scene.receiver.got[0], rotated["secret"])
    assert "cannot be decrypted" in await scene.deliverer.check(), "whoever verifies with the earlier one refuses it"
    assert await scene.deliver(days=2) == []
    assert await scene.deliverer.check() == "ok", "it signs no longer"


@pytest.mark.parametrize("mended", ["rotate", "delete", "disable"])
async def test_what_is_unreadable_no_more_is_told_no_more(scene: Scene, mended: str) -> None:
    made = await scene.make()
    await kept_under_another_key(scene, made["secrets"][0]["id"])
    await scene.happen()
    assert await scene.deliver() == []
    assert "cannot be decrypted" in await scene.deliverer.check()
    path = f"{WEBHOOKS}/{made['id']}"
    if mended == "delete":
        etag = (await scene.agency.admin.get(path)).headers["etag"]
        assert (await scene.agency.admin.delete(path, if_match=etag)).status_code == 204
    else:
        await scene.agency.admin.done("POST", f"{path}/{mended}", {} if mended == "rotate" else None)
    assert await scene.deliverer.check() == "ok"


async def test_without_keys_and_from_a_copy_nothing_is_sent(scene: Scene) -> None:
    await scene.make()
    await scene.happen()
    for still in (scene.another(secrets=SecretKeys([])), scene.another(copy=True)):
        await still.run()
        await still.settle()
    assert scene.receiver.got == []
    assert "REGISTRY_SECRET_KEYS" in await scene.another(secrets=SecretKeys([])).check()
    assert await scene.another(copy=True).check() == "ok"


async def test_the_log_is_removed_when_it_is_old_or_its_webhook_was_deleted(scene: Scene) -> None:
    made, other = await scene.make(), await scene.make(name="Other (demo)")
    await scene.happen()
    await scene.deliver()
    work = partial(unit_of_work, scene.service.database)
    async with work() as write:
        assert await remove_old_deliveries(write, scene.clock()) == 0
        assert await remove_old_deliveries(write, scene.clock() + KEPT_FOR + timedelta(hours=1)) == 2
    await scene.happen()
    etag = (await scene.agency.admin.get(f"{WEBHOOKS}/{made['id']}")).headers["etag"]
    assert (await scene.agency.admin.delete(f"{WEBHOOKS}/{made['id']}", if_match=etag)).status_code == 204
    await scene.deliver()
    async with work() as write:
        while await remove_old_deliveries(write, scene.clock()):
            pass
        await remove_old_deliveries(write, scene.clock())
    read = scene.service.database.read()
    assert [str(row.id) for row in await read.all(sa.select(webhook.c.id))] == [other["id"]]
    assert len(await read.all(sa.select(webhook_secret.c.id))) == 1
    assert {str(row.webhook_id) for row in await read.all(sa.select(webhook_delivery.c.webhook_id))} == {other["id"]}


async def test_what_a_task_meets_in_the_database_the_next_run_says(scene: Scene) -> None:
    """So that readiness and the log name it, as for every task."""
    deliverer: Deliverer = scene.deliverer
    deliverer._failed = OSError("the database is away")
    with pytest.raises(OSError, match="away"):
        await deliverer.run()
    await deliverer.run()


async def test_events_of_which_a_delivery_is_on_the_log_stay_in_the_database(scene: Scene) -> None:
    """That is for thirty days after it ended."""
    await scene.make()
    await scene.happen(RETURNED)
    read = scene.service.database.read()
    assert await deliveries_among_events(read, 0, 1_000) is None
    await scene.deliver()
    assert "deliveries of webhooks name these events" in str(await deliveries_among_events(read, 0, 1_000))
    (delivery,) = await read.all(sa.select(webhook_delivery.c.seq))
    assert await deliveries_among_events(read, 0, delivery.seq) is None
