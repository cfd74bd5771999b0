"""What a person chooses about being told: by default nothing; an address is confirmed first; one click ends it."""

import asyncio
import re

import pytest

from registry.platform.access.principals import Role
from registry.platform.mail.recipients import CODE_LIFE, MOST_CODES_A_DAY
from tests.sharing.notices.conftest import CHOICES, DESK, Scene, choose, confirmed
from tests.support.cast import Cast
from tests.support.loans import make_loan
from tests.support.mail_server import URL, text_of
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_later

GIVE, CONFIRM, FORGET = (f"{CHOICES}/{verb}-address" for verb in ("give", "confirm", "forget"))
LINK = re.compile(rf"<{URL}(/notifications/stop/[A-Za-z0-9_-]+)>")


# How often, when, of what.


async def test_by_default_nobody_is_told_anything(cast: Cast) -> None:
    found = await cast.assisting.coordinator.done("GET", CHOICES)
    assert (found["rhythm"], found["version"], found["address"]) == ("none", 0, None)
    assert (found["digest_at"], found["digest_on"], found["time_zone"]) == ("07:00", "monday", "America/Chicago")
    assert found["delivery"] == "off", "this installation has no mail server"
    assert {each["action"]: each["allowed"] for each in found["allowed_actions"]} == {
        "give_address": False,
        "confirm_address": False,
        "forget_address": False,
    }


async def test_choices_are_kept_for_the_person_alone(cast: Cast) -> None:
    person = cast.assisting.coordinator
    changes: dict[str, object] = {
        "rhythm": "weekly",
        "digest_at": "16:30",
        "digest_on": "friday",
        "quiet_from": "20:00",
        "quiet_to": "06:15",
    }
    changes |= {"time_zone": "America/Denver", "kinds_off": ["receipt", "closing"]}
    found = await choose(person, **changes)
    assert found["version"] == 1
    assert {name: found[name] for name in changes} == {**changes, "kinds_off": ["closing", "receipt"]}
    assert await person.done("GET", CHOICES) == found
    again = await choose(person, quiet_from=None, quiet_to=None)
    assert (again["quiet_from"], again["rhythm"], again["version"]) == (None, "weekly", 2)
    for other in (cast.assisting.approver, cast.requesting.coordinator):
        assert (await other.done("GET", CHOICES))["version"] == 0


async def test_reading_and_choosing_ask_for_a_person_with_the_scope(cast: Cast) -> None:
    one = cast.assisting
    for caller, status in (
        (one.service.anonymous, 401),
        (one.machine, 403),
        (one.as_(Role.SERVICE, scope="notices:choose"), 403),
        (one.auditor, 403),
        (one.as_(Role.COORDINATOR, scope="inbox:read"), 403),
    ):
        assert_problem(await caller.get(CHOICES), status)
        assert_problem(await caller.patch(CHOICES, {"rhythm": "daily"}, if_match='"0-00000000"'), status)
        for path, body in ((GIVE, {"address": DESK}), (CONFIRM, {"code": "AAAAA-AAAAA"}), (FORGET, {})):
            assert_problem(await caller.post(path, body), status)
    for role in (Role.APPROVER, Role.LEGAL, Role.AGENCY_ADMIN):
        assert (await one.as_(role).get(CHOICES)).status_code == 200
    assert (await one.service.operator.get(CHOICES)).status_code == 200


async def test_a_change_names_the_version_that_was_read(cast: Cast) -> None:
    person = cast.assisting.coordinator
    assert_problem(await person.patch(CHOICES, {"rhythm": "daily"}), 428, "precondition_required")
    assert_problem(await person.patch(CHOICES, {"rhythm": "daily"}, if_match='"7-00000000"'), 412, "stale_version")
    read = (await person.get(CHOICES)).headers["etag"]
    answers = await asyncio.gather(*(person.patch(CHOICES, {"rhythm": "daily"}, if_match=read) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"rhythm": "hourly"}, 400, "invalid_body"),
        ({"rhythm": None}, 400, "invalid_body"),
        ({"digest_at": "24:00"}, 400, "invalid_body"),
        ({"digest_at": "7:00"}, 400, "invalid_body"),
        ({"kinds_off": ["weather"]}, 400, "invalid_body"),
        ({"address": DESK}, 400, "unknown_field"),
        ({"quiet_from": "20:00"}, 422, "quiet_hours_open"),
        ({"quiet_from": "20:00", "quiet_to": "20:00"}, 422, "quiet_hours_empty"),
        ({"time_zone": "Mars/Olympus"}, 422, "unknown_time_zone"),
    ],
)
async def test_a_bad_choice_is_refused_and_changes_nothing(
    cast: Cast, change: dict[str, object], status: int, code: str
) -> None:
    person = cast.assisting.coordinator
    etag = (await person.get(CHOICES)).headers["etag"]
    assert_problem(await person.patch(CHOICES, change, if_match=etag), status, code)
    assert (await person.done("GET", CHOICES))["version"] == 0


# The address.


async def test_nothing_but_a_code_is_sent_before_the_address_is_confirmed(scene: Scene) -> None:
    await make_loan(scene.partners)
    await choose(scene.person, rhythm="at_once")
    assert (await scene.person.done("GET", CHOICES))["delivery"] == "no_address"
    given = await scene.person.done("POST", GIVE, {"address": "Desk@LAKESIDE.example"})
    assert (given["address"], given["unconfirmed_address"]) == (None, "Desk@lakeside.example")
    assert await scene.tell(minutes=3) == 1
    (letter,) = scene.post.letters
    assert str(letter["Subject"]) == "Confirm that the registry may write to you here"
    assert letter["List-Unsubscribe"] is None
    assert await scene.tell(minutes=3) == 0
    code = scene.post.code_to("Desk@lakeside.example")
    found = await scene.person.done("POST", CONFIRM, {"code": code.lower().replace("-", " ")})
    assert (found["address"], found["address_origin"], found["delivery"]) == ("Desk@lakeside.example", "code", "on")
    assert found["unconfirmed_address"] is None
    assert await scene.tell(minutes=3) == 1
    assert "Send out what is reserved" in text_of(scene.post.letters[-1])


async def test_only_the_code_of_the_last_letter_confirms_and_only_for_a_day(scene: Scene) -> None:
    await scene.person.done("POST", GIVE, {"address": DESK})
    await scene.tell()
    old = scene.post.code_to(DESK)
    await scene.person.done("POST", GIVE, {"address": DESK})
    assert_problem(await scene.person.post(CONFIRM, {"code": old}), 422, "wrong_code")
    await scene.tell()
    assert scene.post.code_to(DESK) != old
    other = scene.partners.assisting.approver
    assert_problem(await other.post(CONFIRM, {"code": scene.post.code_to(DESK)}), 422, "no_code_awaited")
    found = await scene.person.done("POST", CONFIRM, {"code": scene.post.code_to(DESK)})
    assert found["address"] == DESK
    assert_problem(await scene.person.post(CONFIRM, {"code": scene.post.code_to(DESK)}), 422, "no_code_awaited")
    assert CODE_LIFE.days == 1


async def test_a_code_that_is_asked_for_again_and_again_is_sent_five_times_a_day(scene: Scene) -> None:
    for _ in range(MOST_CODES_A_DAY):
        await scene.person.done("POST", GIVE, {"address": "neighbour@lakeside.example"})
    refused = await scene.person.post(GIVE, {"address": "neighbour@lakeside.example"})
    assert_problem(refused, 429, "rate_limited")
    assert await scene.tell() == 1, "and of letters that were overtaken none"


async def test_an_address_that_was_confirmed_stands_until_another_is(scene: Scene) -> None:
    await confirmed(scene, scene.person)
    given = await scene.person.done("POST", GIVE, {"address": "new@lakeside.example"})
    assert (given["address"], given["unconfirmed_address"]) == (DESK, "new@lakeside.example")
    await scene.tell()
    found = await scene.person.done("POST", CONFIRM, {"code": scene.post.code_to("new@lakeside.example")})
    assert found["address"] == "new@lakeside.example"
    etag = (await scene.person.get(CHOICES)).headers["etag"]
    assert_problem(await scene.person.post(FORGET, {}, if_match='"1-00000000"'), 412, "stale_version")
    gone = await scene.person.post(FORGET, {}, if_match=etag, key="forget")
    assert (gone.json()["address"], gone.json()["address_origin"]) == (None, None)
    assert (await scene.person.post(FORGET, {}, if_match=etag, key="forget")).json() == gone.json()
    assert_problem(await scene.person.post(FORGET, {}), 409, "wrong_status")


@pytest.mark.parametrize(
    "address",
    [
        "desk@lakeside.example\r\nBcc: all@lakeside.example",
        "desk@lakeside.example\n",
        "Desk <desk@lakeside.example>",
        "desk@lakeside.example, other@lakeside.example",
        "desk@localhost",
        "desk@@lakeside.example",
        "dësk@lakeside.example",
        ".desk@lakeside.example",
        '"desk\\"@lakeside.example',
        "desk@[127.0.0.1]",
        "a" * 250 + "@x.example",
    ],
)
async def test_an_address_is_one_plain_address(cast: Cast, address: str) -> None:
    assert_problem(await cast.assisting.coordinator.post(GIVE, {"address": address}), 400, "invalid_body")


async def test_where_no_mail_is_sent_no_address_is_taken(cast: Cast) -> None:
    assert_problem(await cast.assisting.coordinator.post(GIVE, {"address": DESK}), 409, "wrong_status")


async def test_a_name_that_is_purged_takes_the_address_with_it(scene: Scene) -> None:
    await confirmed(scene, scene.person)
    admin = scene.partners.assisting.admin
    people = (await admin.done("GET", "/v1/principals?limit=200"))["items"]
    (found,) = [each for each in people if each["subject"].startswith("coordinator@")]
    await admin.done("POST", f"/v1/principals/{found['id']}/purge-name", {"reason": "Retired (demo)."})
    assert (await scene.person.done("GET", CHOICES))["address"] is None


# One click.


async def _link(told: Scene) -> str:
    await make_loan(told.partners)
    assert await told.tell(minutes=3)
    found = LINK.search(str(told.post.to(DESK)[-1]["List-Unsubscribe"]))
    assert found is not None
    return found[1]


async def test_the_link_shows_a_page_and_changes_nothing_until_its_button_is_pressed(told: Scene) -> None:
    link, nobody = await _link(told), told.service.anonymous
    page = await nobody.get(link)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f'<form method="post" action="{link}">' in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert DESK not in page.text
    assert (await told.person.done("GET", CHOICES))["rhythm"] == "at_once"


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--x--\r\n',
        ),
        (None, b""),
    ],
)
async def test_one_click_ends_all_notices_without_signing_in(told: Scene, media_type: str | None, body: bytes) -> None:
    link, nobody = await _link(told), told.service.anonymous
    headers = {} if media_type is None else {"content-type": media_type}
    for _ in range(2):  # the second changes nothing
        done = await nobody.send("POST", link, content=body, headers=headers)
        assert done.status_code == 200, done.text
        assert "Notices are stopped" in done.text
    found = await told.person.done("GET", CHOICES)
    assert (found["rhythm"], found["delivery"], found["next_at"]) == ("none", "none", None)
    assert found["stopped_at"] is not None
    await make_loan(told.partners)
    assert await told.tell(hours=1) == 0
    again = await choose(told.person, rhythm="at_once")
    assert again["stopped_at"] is None
    assert await told.tell(minutes=3) == 1


async def test_a_letter_that_waits_when_the_person_stops_is_not_sent(told: Scene) -> None:
    link = await _link(told)
    await make_loan(told.partners)
    told.clock.ahead += told.clock.ahead
    assert await told.teller.look_after_next()
    await told.service.anonymous.send("POST", link)
    before = len(told.post.letters)
    assert await told.tell(minutes=10) == 0
    assert len(told.post.letters) == before


async def test_a_link_that_is_not_ours_or_of_an_address_of_old_does_nothing(told: Scene) -> None:
    link, nobody = await _link(told), told.service.anonymous
    token = link.rpartition("/")[2]
    forged = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
    for wrong in (forged, token[:-4] + "AAAA", token[:-1], "x", "A" * 64, token + "="):
        assert (await nobody.get(f"/notifications/stop/{wrong}")).status_code == 200, "a page tells nothing"
        assert_problem(await nobody.send("POST", f"/notifications/stop/{wrong}"), 404, "not_found")
    await told.person.done("POST", FORGET)
    assert_problem(await nobody.send("POST", link), 404, "not_found")
    assert (await told.person.done("GET", CHOICES))["rhythm"] == "at_once"


async def test_a_link_is_of_one_person_alone(told: Scene) -> None:
    other = told.partners.requesting.coordinator
    await confirmed(told, other, "partner@lakeside.example")
    await choose(other, rhythm="at_once")
    await told.service.anonymous.send("POST", await _link(told))
    assert (await other.done("GET", CHOICES))["rhythm"] == "at_once"
