"""The feed over HTTP: what each reader is told, that it never is more than a history tells, and how it goes on."""

from typing import Any

import pytest

from registry.platform.access.principals import Role
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.places import Places
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import SERVICE_SCOPES, Agency, Cast
from tests.support.documents import file_document
from tests.support.feed import followed, place_now, sealed
from tests.support.loans import make_loan, make_partners
from tests.support.problems import assert_problem
from tests.support.review import submitted
from tests.support.service import Caller, Service

HISTORY = {
    "agreement": "agreements",
    "document": "documents",
    "asset": "assets",
    "loan": "loans",
    "request": "requests",
    "obligation": "obligations",
    "personnel_record": "personnel",
    "package": "packages",
}


async def told_by_history(reader: Caller, subject: dict[str, Any]) -> set[str]:
    """The events about a thing that its history tells the reader; none where it may not read that."""
    path: str | None = f"/v1/{HISTORY[subject['kind']]}/{subject['id']}/history?limit=200"
    found: set[str] = set()
    while path is not None:
        response = await reader.get(path)
        if not response.is_success:
            return found
        found |= {each["id"] for each in response.json()["items"]}
        path = response.links.get("next", {}).get("url")
    return found


def readers(cast: Cast) -> list[tuple[Agency, Role, Caller]]:
    sides = (cast.assisting, cast.requesting, cast.neighbour, cast.stranger)
    roles = (Role.COORDINATOR, Role.APPROVER, Role.LEGAL, Role.AUDITOR, Role.AGENCY_ADMIN, Role.SERVICE)
    return [
        (side, role, side.as_(role, scope=SERVICE_SCOPES if role is Role.SERVICE else "*"))
        for side in sides
        for role in roles
    ]


async def test_nobody_is_told_of_what_the_things_history_does_not_tell_it(service: Service, cast: Cast) -> None:
    start = await place_now(service, cast.stranger.auditor)
    partners = await make_partners(cast)
    await make_loan(partners)
    agreement = await submitted(cast.assisting, cast.neighbour)
    await file_document(
        cast.assisting.legal, agreement["id"], sensitivity="restricted", exemption="have counsel review"
    )
    await sealed(service)
    places = service.edge.app.state.event_feed.places
    begin = places.place(cast.stranger.id, start, "after")
    told = 0
    for side, role, reader in readers(cast):
        events, _ = await followed(reader, places.cursor(side.id, begin))
        for event in events:
            if event["subject"]["kind"] in HISTORY:
                assert event["id"] in await told_by_history(reader, event["subject"]), (side.name, role, event)
                told += 1
            assert (event["data"] is not None) == (role in (Role.AUDITOR, Role.AGENCY_ADMIN)), event
    assert told > 50


async def test_both_sides_of_a_loan_hear_of_each_step_and_a_third_agency_of_none(service: Service, cast: Cast) -> None:
    partners = await make_partners(cast)
    ours, theirs, third = [
        (each.machine, await place_now(service, each.machine))
        for each in (cast.assisting, cast.requesting, cast.stranger)
    ]
    loan = await make_loan(partners)
    await sealed(service)
    for reader, after in (ours, theirs):
        events, _ = await followed(reader, after, type="loan.*", subject_id=loan["id"])
        assert [each["type"] for each in events] == ["loan.reserved"]
        assert {each["subject"]["id"] for each in events} == {loan["id"]}
    events, _ = await followed(*third)
    assert [each for each in events if each["subject"]["kind"] != "agency"] == []


async def test_a_withdrawn_party_is_told_no_more_of_a_text_that_it_sees_no_more(service: Service, cast: Cast) -> None:
    """Its events of then concern it; the agreement answers it with 404 now, as its history does."""
    before = await place_now(service, cast.neighbour.legal)
    text = await submitted(cast.assisting, cast.neighbour)
    await sealed(service)
    told, _ = await followed(cast.neighbour.legal, before, agreement_id=text["id"])
    assert told
    await cast.assisting.legal.done(
        "POST", f"/v1/agreements/{text['id']}/send-back", {"reason": "Without them (demo)."}
    )
    etag = (await cast.assisting.legal.get(f"/v1/agreements/{text['id']}")).headers["etag"]
    parties = {"parties": [str(cast.assisting.id), str(cast.requesting.id)]}
    await cast.assisting.legal.done("PATCH", f"/v1/agreements/{text['id']}", parties, if_match=etag)
    await sealed(service)
    history = await cast.neighbour.legal.get(f"/v1/agreements/{text['id']}/history")
    told, behind = await followed(cast.neighbour.legal, before, agreement_id=text["id"])
    assert bool(told) == history.is_success
    assert (behind == before) == (not told), "the place of what is not told tells nothing"


async def test_what_is_not_told_moves_no_place(service: Service, cast: Cast) -> None:
    """Else a changed cursor told that something had happened."""
    reader = cast.stranger.coordinator
    after = await place_now(service, reader)
    await make_asset(cast.assisting)
    await sign_agreement(service, cast.assisting, cast.requesting)
    await sealed(service)
    page = await reader.done("GET", f"/v1/events?after={after}&type=asset.*&type=agreement.*&type=loan.*")
    assert page == {"items": [], "next_after": after, "more": False}


async def test_pages_go_on_where_the_last_one_ended(service: Service, cast: Cast) -> None:
    reader = cast.assisting.admin
    after = await place_now(service, reader)
    made = [(await make_asset(cast.assisting))["id"] for _ in range(7)]
    await sealed(service)
    got, more = [], True
    while more:
        page = await reader.done("GET", f"/v1/events?after={after}&limit=2&subject_kind=asset")
        got += page["items"]
        after, more = page["next_after"], page["more"]
    assert [each["subject"]["id"] for each in got if each["type"] == "asset.created"] == made
    again = await reader.done("GET", f"/v1/events?after={got[2]['place']}&limit=200&subject_kind=asset")
    assert again["items"] == got[3:]


async def test_from_the_place_of_a_list_on_the_feed_has_what_the_list_lacks(service: Service, cast: Cast) -> None:
    reader = cast.assisting.machine
    await make_asset(cast.assisting)
    listed = await reader.get("/v1/assets?limit=200")
    later = await make_asset(cast.assisting)
    await sealed(service)
    events, _ = await followed(reader, listed.headers["as-of-event"], type="asset.created")
    assert later["id"] in {each["subject"]["id"] for each in events}
    known = {each["id"] for each in listed.json()["items"]}
    after, _ = await followed(reader, await place_now(service, reader), type="asset.created")
    assert after == []
    every, _ = await followed(reader, type="asset.created")
    assert {each["subject"]["id"] for each in every} <= known | {each["subject"]["id"] for each in events}


async def test_a_place_is_one_agencys_own(service: Service, cast: Cast) -> None:
    own = await place_now(service, cast.assisting.coordinator)
    assert (await cast.assisting.auditor.get(f"/v1/events?after={own}")).status_code == 200
    for wrong in (own[::-1], "A" * 22):
        assert_problem(await cast.assisting.coordinator.get(f"/v1/events?after={wrong}"), 422, "bad_cursor")
    assert_problem(await cast.requesting.coordinator.get(f"/v1/events?after={own}"), 422, "bad_cursor")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("subject_kind=2026-06-01", "must be a kind of thing, such as `loan`"),
        ("type=2026", "must be a type of event, such as `loan.returned` or `loan.*`"),
        ("after=x", "must be as the feed, the stream or a list gave it"),
        ("subject_id=1", "must be an id, such as"),
        ("cursor=abc", "not known here"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/stream"])
async def test_what_is_malformed_is_refused_in_words(cast: Cast, path: str, query: str, words: str) -> None:
    answer = await cast.assisting.coordinator.get(f"{path}?{query}")
    assert answer.status_code == 400
    assert words in answer.text


async def test_types_are_those_of_the_catalogue(cast: Cast) -> None:
    reader = cast.assisting.coordinator
    assert_problem(await reader.get("/v1/events?type=loan.invented"), 422, "unknown_event_type")
    assert_problem(await reader.get("/v1/events?type=nothing.*"), 422, "unknown_event_type")


@pytest.mark.parametrize("place", [0, 1, 2**40, 2**63 - 1])
def test_places_come_back_as_they_were(place: int) -> None:
    places, agency_id = Places(b"k" * 32), new_id()
    cursor = places.cursor(agency_id, place)
    assert len(cursor) == 22
    assert places.place(agency_id, cursor, "after") == place
    assert cursor != places.cursor(new_id(), place)
    assert cursor != Places(b"l" * 32).cursor(agency_id, place)
