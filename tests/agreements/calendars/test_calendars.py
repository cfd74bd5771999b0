"""The calendar of an agency's deadlines: made, read by anybody who has its address, revoked; and as RFC 5545 has it.

It is written with one library and read back with another.
"""

import asyncio
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import sqlalchemy as sa
import vobject
from icalendar import Calendar

from registry.agreements.calendars.rules import HORIZON, MOST_FEEDS, new_secret, secret_hash, secret_in
from registry.agreements.calendars.writing import CalendarContent, changed_at, revision, tag, uid, written
from registry.agreements.deadlines.falling_due import deadlines
from registry.agreements.deadlines.rules import DeadlineKind, Record
from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.term_days import Renewal
from registry.platform.http import edge
from tests.agreements.deadlines.test_deadline_rules import NOW, ONE, due, proof, record
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast, make_agency
from tests.support.consent import end_agreement
from tests.support.deadlines import days_ahead, deadlines_of
from tests.support.logs import logged_by
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long

PATH = "/v1/calendar-feeds"
ADDRESS = re.compile(r"\A/calendars/[A-Za-z0-9_-]{43}\.ics\Z")
LABEL = {"label": "Legal office"}


async def make_feed(agency: Agency) -> dict[str, Any]:
    made: dict[str, Any] = await agency.legal.done("POST", PATH, LABEL)
    return made


async def read(service: Service, address: str) -> str:
    response = await service.anonymous.get(address)
    assert response.status_code == 200, response.text
    return response.text


def events(text: str) -> list[Any]:
    """The events, as another library reads them."""
    calendar = vobject.readOne(text)
    return list(calendar.contents.get("vevent", ()))


# Written.


def calendar_of(*records: Record, now: datetime = NOW) -> bytes:
    entries = [(each, one) for each in records for one in deadlines(each, now)]
    return written(CalendarContent(uuid4(), "Sheriff's Office (demo)", entries))


def test_an_event_stands_on_its_civil_day_whatever_the_zone() -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Honolulu", "America/Chicago"):
        found = record(time_zone=zone, renewal=Renewal(months=12))
        shown = {event.dtstart.value: event for event in events(calendar_of(found).decode())}
        assert shown.keys() == {date(2026, 11, 1), date(2026, 12, 31)}
        assert shown[date(2026, 12, 31)].dtend.value == date(2027, 1, 1), "the end is not included"
        assert b"DTSTART;VALUE=DATE:20261231\r\n" in calendar_of(found)


def test_the_other_library_reads_what_was_written() -> None:
    title = "Mutual aid; lakes, rivers \\ and “Hügel” — 911\N{POLICE CARS REVOLVING LIGHT}" + " and so on" * 12
    found = record(title=title, number="MA, 1; x", review_every_months=24, insurance=(proof(ONE, date(2026, 6, 30)),))
    by_kind = {event.categories.value[0]: event for event in events(calendar_of(found).decode())}
    assert by_kind.keys() == {"insurance", "expiry", "review"}
    expiry = by_kind["expiry"]
    assert expiry.summary.value == f"Last day in force: MA, 1; x {title}"
    assert expiry.uid.value == uid(found, due(found, DeadlineKind.EXPIRY))
    assert expiry.dtstamp.value == datetime(2025, 1, 1, tzinfo=UTC)
    assert expiry.contents["last-modified"][0].value == datetime(2025, 1, 1, tzinfo=UTC)
    assert expiry.sequence.value == "1"
    assert expiry.transp.value == "TRANSPARENT"
    assert "Renew or replace it" in expiry.description.value
    assert "\n" in expiry.description.value


@pytest.mark.parametrize("library", ["vobject", "icalendar"])
def test_alarms_ring_where_somebody_has_to_act(library: str) -> None:
    """At nine in the morning, the lead before the day and on the day before, as either library reads them."""
    acting = record(review_every_months=24, renewal=Renewal(months=12), insurance=(proof(ONE, date(2026, 6, 30)),))
    text = calendar_of(acting, record(), record(let_end=True), record(stage=Stage.TERMINATED, ended_at=NOW))
    nine = timedelta(hours=9)
    read_back: Any = Calendar.from_ical(text)
    if library == "vobject":
        rings = {
            (event.categories.value[0], tuple(alarm.trigger.value for alarm in event.contents.get("valarm", ())))
            for event in events(text.decode())
        }
    else:
        rings = {
            (str(event["categories"].cats[0]), tuple(alarm["trigger"].dt for alarm in event.walk("VALARM")))
            for event in read_back.walk("VEVENT")
        }
    assert rings == {
        ("last_notice", (nine - timedelta(days=30), nine - timedelta(days=1))),
        ("review", (nine - timedelta(days=60), nine - timedelta(days=1))),
        ("insurance", (nine - timedelta(days=30), nine - timedelta(days=1))),
        ("expiry", (nine - timedelta(days=90), nine - timedelta(days=1))),
        ("expiry", ()),
        ("renewal", ()),
    }


def test_no_event_is_hidden_behind_the_word_busy() -> None:
    assert b"CLASS:" not in calendar_of(record(review_every_months=12))


def test_lines_are_folded_at_75_octets_and_end_in_crlf() -> None:
    found = record(title="Ü" * 150)
    text = calendar_of(found)
    assert text.endswith(b"END:VCALENDAR\r\n")
    lines = text.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert not any(b"\n" in line for line in lines)
    for line in lines:
        line.decode()  # no character is cut in two


def test_what_rfc_5545_requires_is_there() -> None:
    text = calendar_of(record(duties=(), insurance=(proof(ONE, date(2026, 6, 30)),))).decode()
    assert text.startswith("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:")
    for event in events(text):
        names = set(event.contents)
        assert {"uid", "dtstamp", "dtstart", "summary"} <= names
        assert all(len(event.contents[name]) == 1 for name in names - {"valarm"})
    assert vobject.readOne(text).validate()


def test_an_empty_calendar_is_still_one() -> None:
    text = calendar_of().decode()
    assert events(text) == []
    assert text.count("BEGIN:") == 1


def test_an_event_keeps_its_name_when_its_day_moves_and_its_sequence_grows() -> None:
    before = record(review_every_months=12)
    after = msgspec.structs.replace(
        before, last_reviewed_on=date(2026, 5, 31), version=2, changed_at=datetime(2026, 5, 31, 9, tzinfo=UTC)
    )
    one, other = (due(each, DeadlineKind.REVIEW) for each in (before, after))
    assert one.on != other.on
    assert uid(before, one) == uid(after, other)
    assert revision(after, other) > revision(before, one)
    assert changed_at(after, other) > changed_at(before, one)


def test_a_renewal_that_comes_by_itself_is_a_change_too() -> None:
    found = record(renewal=Renewal(months=12))
    early, late = datetime(2026, 6, 1, tzinfo=UTC), datetime(2028, 6, 1, tzinfo=UTC)
    one, other = due(found, DeadlineKind.RENEWAL, early), due(found, DeadlineKind.RENEWAL, late)
    assert uid(found, one) == uid(found, other)
    assert revision(found, other) == revision(found, one) + 2
    assert changed_at(found, one) == datetime(2025, 1, 1, tzinfo=UTC)
    assert changed_at(found, other) == datetime(2028, 1, 1, 6, tzinfo=UTC), "as the term before ended there"


def test_names_are_different_for_different_things() -> None:
    two = record(insurance=(proof(ONE, None), proof(uuid4(), None)), review_every_months=12)
    names = [uid(two, each) for each in deadlines(two, NOW)]
    assert len(set(names)) == len(names)


def test_the_tag_changes_with_what_is_shown_and_only_then() -> None:
    def tag_of(*records: Record, now: datetime = NOW) -> str:
        return tag(CalendarContent(uuid4(), "One", [(each, one) for each in records for one in deadlines(each, now)]))

    found = record(review_every_months=12)
    assert tag_of(found) == tag_of(found, now=NOW + timedelta(hours=3))
    assert tag_of(found) != tag_of(msgspec.structs.replace(found, title="Another"))
    assert tag_of(found) != tag_of(record(review_every_months=12, expires_on=date(2027, 12, 31)))
    assert tag_of(found) != tag_of()


def test_a_secret_is_long_random_and_read_from_a_file_name_strictly() -> None:
    one, other = new_secret(), new_secret()
    assert one != other
    assert secret_in(f"{one}.ics") == one
    for name in (one, f"{one}.ics\n", f"{one}.ICS", f"{one}x.ics", f"{one[1:]}.ics", ".ics", f"{one[:-1]}/.ics"):
        assert secret_in(name) is None
    assert len(secret_hash(one)) == 64


# Over HTTP.


async def test_a_feed_tells_its_address_once(service: Service, cast: Cast) -> None:
    response = await cast.assisting.legal.post(PATH, LABEL, key="feed-1")
    assert response.status_code == 201
    made = response.json()
    assert response.headers["location"] == f"{PATH}/{made['id']}"
    assert ADDRESS.match(made["address"])
    again = await cast.assisting.legal.post(PATH, LABEL, key="feed-1")
    assert again.status_code == 201
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {**made, "address": None}
    found = await cast.assisting.legal.done("GET", f"{PATH}/{made['id']}")
    assert found == {**made, "address": None}
    assert (await cast.assisting.admin.done("GET", PATH))["items"] == [found]


async def test_only_a_hash_of_the_secret_is_stored(service: Service, cast: Cast) -> None:
    response = await cast.assisting.legal.post(PATH, LABEL, key="feed-2")
    secret = response.json()["address"].removeprefix("/calendars/").removesuffix(".ics")
    assert (await service.anonymous.get(response.json()["address"])).status_code == 200
    reader = service.database.read()
    held = await reader.value(
        sa.text("SELECT count(*) FROM calendar_feed WHERE secret_sha256 = :hash"), {"hash": secret_hash(secret)}
    )
    assert held == 1
    for statement in (
        "SELECT label AS held FROM calendar_feed",
        "SELECT canonical AS held FROM ledger_event",
        "SELECT body AS held FROM idempotency_record WHERE body IS NOT NULL",
    ):
        for row in await reader.all(sa.text(statement)):
            text = row.held if isinstance(row.held, str) else bytes(row.held).decode()
            assert secret not in text


async def test_the_calendar_is_the_list_of_deadlines(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting, expires_on=days_ahead(100), title="Open, (demo)")
    await sign_agreement(service, cast.neighbour, cast.assisting, expires_on=days_ahead(-3), title="Lapsed; (demo)")
    await sign_agreement(service, cast.neighbour, cast.requesting, expires_on=days_ahead(50), title="Foreign (demo)")
    far = await sign_agreement(service, cast.assisting, cast.requesting, expires_on=days_ahead(HORIZON.days + 60))
    over = await sign_agreement(service, cast.assisting, cast.requesting, expires_on=days_ahead(60))
    insured = await sign_agreement(service, cast.assisting, cast.requesting, terms={"insurance_required": True})
    await end_agreement(over, cast.assisting, cast.requesting)

    text = await read(service, (await make_feed(cast.assisting))["address"])
    shown = {(event.uid.value, event.dtstart.value, event.summary.value) for event in events(text)}
    listed = {
        (f"{item['kind']}.{item['agreement_id']}@registry", date.fromisoformat(item["due_on"]))
        for item in await deadlines_of(cast.assisting)
        if item["kind"] != "insurance" and item["status"] != "met" and item["due_on"] <= str(days_ahead(HORIZON.days))
    }
    own = (f"insurance.{insured['id']}.{cast.assisting.id}@registry", date(2025, 1, 1))
    assert {(name, day) for name, day, _ in shown} == {*listed, own}, "the other party's insurance is not its own to do"
    assert len(listed) == 2, "the expiry of the first, and the lapsed one"
    titles = " ".join(summary for _, _, summary in shown)
    assert "Open, (demo)" in titles
    assert "Foreign" not in titles
    assert far["id"] not in text
    assert over["id"] not in text


async def test_a_calendar_needs_no_token_and_is_kept_by_no_shared_cache(service: Service, cast: Cast) -> None:
    address = (await make_feed(cast.assisting))["address"]
    response = await service.anonymous.get(address)
    assert response.headers["content-type"] == "text/calendar; charset=utf-8"
    assert response.headers["cache-control"] == "private, no-cache"
    etag = response.headers["etag"]
    same = await service.anonymous.get(address, headers={"if-none-match": etag})
    assert (same.status_code, same.content) == (304, b"")
    head = await service.anonymous.send("HEAD", address)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", etag)
    assert (await service.anonymous.get(address)).content == response.content, "the same calendar is the same bytes"
    assert_problem(await service.anonymous.get(f"{address}?token=x"), 400, "unknown_parameter")
    await sign_agreement(service, cast.assisting, cast.requesting, expires_on=days_ahead(100))
    changed = await service.anonymous.get(address, headers={"if-none-match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


async def test_a_revoked_address_is_as_unknown_as_one_that_never_was(service: Service, cast: Cast) -> None:
    made = await make_feed(cast.assisting)
    path = f"{PATH}/{made['id']}/revoke"
    assert_problem(await cast.assisting.legal.post(path, if_match='"9-00000000"'), 412, "stale_version")
    first = await cast.assisting.legal.post(path, key="revoke-1")
    assert first.status_code == 200
    assert first.json()["revoked_at"] is not None
    assert (await cast.assisting.legal.post(path, key="revoke-1")).content == first.content
    assert_problem(await cast.assisting.legal.post(path), 409, "wrong_status")

    def told(problem: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in problem.items() if name not in ("instance", "trace_id")}

    revoked = assert_problem(await service.anonymous.get(made["address"]), 404, "not_found")
    for address in (f"/calendars/{new_secret()}.ics", "/calendars/x", f"/calendars/{new_secret()}"):
        unknown = assert_problem(await service.anonymous.get(address), 404, "not_found")
        assert told(unknown) == told(revoked)
        assert set(unknown) == set(revoked)


async def test_the_calendar_of_an_agency_that_may_not_act_stops_and_goes_on(service: Service) -> None:
    agency = await make_agency(service, "Suspended")
    address = (await make_feed(agency))["address"]
    await service.operator.done("POST", f"/v1/agencies/{agency.id}/suspend", {"reason": "keys lost"})
    assert_problem(await service.anonymous.get(address), 404, "not_found")
    await service.operator.done("POST", f"/v1/agencies/{agency.id}/reinstate", {"reason": "new keys"})
    assert events(await read(service, address)) == []


async def test_managing_feeds_is_for_the_agencys_own_people(service: Service, cast: Cast) -> None:
    made = await make_feed(cast.assisting)
    path = f"{PATH}/{made['id']}"
    assert_problem(await service.anonymous.post(PATH, LABEL), 401, "unauthenticated")
    assert_problem(await service.anonymous.get(PATH), 401, "unauthenticated")
    assert_problem(await cast.assisting.auditor.post(PATH, LABEL), 403, "forbidden")
    assert_problem(await cast.assisting.machine.get(PATH), 403, "forbidden")
    assert_problem(await service.operator.get(path), 403, "forbidden")
    assert_problem(await cast.requesting.legal.get(path), 404, "not_found")
    assert_problem(await cast.requesting.legal.post(f"{path}/revoke"), 404, "not_found")
    assert_problem(await cast.assisting.legal.post(f"{PATH}/{uuid4()}/revoke"), 404, "not_found")
    assert (await cast.requesting.legal.done("GET", PATH))["items"] == []


@pytest.mark.parametrize("body", [{}, {"label": ""}, {"label": "x" * 121}, {"label": "a\tb"}, {**LABEL, "secret": "x"}])
async def test_a_malformed_feed_is_refused(cast: Cast, body: dict[str, Any]) -> None:
    assert_problem(await cast.assisting.legal.post(PATH, body), 400)


async def test_feeds_are_paged_and_bounded_also_when_made_at_once(cast: Cast) -> None:
    for _ in range(MOST_FEEDS - 1):
        await make_feed(cast.assisting)
    answers = await asyncio.gather(*(cast.assisting.legal.post(PATH, LABEL) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    seen, path = list[str](), f"{PATH}?limit=20"
    while path:
        page = await cast.assisting.legal.done("GET", path)
        seen += [each["id"] for each in page["items"]]
        path = page["next_cursor"] and f"{PATH}?limit=20&cursor={page['next_cursor']}"
    assert len(set(seen)) == len(seen) == MOST_FEEDS
    await cast.assisting.legal.done("POST", f"{PATH}/{seen[0]}/revoke")
    assert (await cast.assisting.legal.post(PATH, LABEL)).status_code == 201


async def test_no_log_and_no_counter_holds_the_secret(service: Service, cast: Cast) -> None:
    made = await make_feed(cast.assisting)
    secret = made["address"].removeprefix("/calendars/").removesuffix(".ics")
    with logged_by(edge) as log:
        await service.anonymous.get(made["address"])
        await cast.assisting.legal.done("POST", f"{PATH}/{made['id']}/revoke")
        await service.anonymous.get(made["address"])
        await service.anonymous.send("POST", made["address"])
    assert {entry["route"] for entry in log} >= {"/calendars/{filename}"}
    assert secret not in str(log)
    assert secret not in (await service.anonymous.get("/metrics")).text


async def test_restricted_text_is_in_no_calendar(service: Service, cast: Cast) -> None:
    secret = {"sensitivity": "restricted", "exemption": "have counsel review"}
    provisions = [{"number": "1", "heading": "term", "text": "The keys are under the mat.", **secret}]
    await sign_agreement(service, cast.assisting, cast.requesting, expires_on=days_ahead(9), provisions=provisions)
    text = await read(service, (await make_feed(cast.assisting))["address"])
    assert len(events(text)) == 1
    assert "under the mat" not in text.replace("\r\n ", "")
