"""Who has somebody for it: the own people exactly, all others in published bands, and nobody found by subtracting."""

import random
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
import sqlalchemy as sa

from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.database.search import near
from registry.platform.kernel.time import day_starts_at, utc_now
from registry.platform.ledger.tables import ledger_event, ledger_event_agency
from registry.resources.personnel.commands.releasing import release_all_due
from registry.resources.personnel.queries.counting import list_capabilities, others_statement, own_statement
from registry.resources.personnel.searching import CapabilityQuery
from tests.support.agreements import sign_agreement
from tests.support.cast import ZONE, Agency, Cast, inside, today
from tests.support.length import at_length
from tests.support.personnel import commit_to, enter_person, speaks
from tests.support.plans import plans_of
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long

HMONG = "capability=language.hmn"
DAY = timedelta(days=1)
NIGHTS = [{"weekdays": ["monday", "tuesday", "wednesday", "thursday"], "start": "18:00", "end": "06:00"}]
ASKED = ("language", "language.hmn", "language.hmn.mww", "language.som", "negotiation", "medical.emt", "medical")
LEVELS = ("0+", "1", "2", "2+", "3", "3+", "4", "5")


class Calendar:
    """Lets days pass: at each midnight what is due is released."""

    def __init__(self, service: Service) -> None:
        self.database = service.database
        self.now = utc_now()
        self.today = today()
        self.draw: Callable[[int], int] = lambda below: below - 1

    async def days(self, count: int) -> None:
        for _ in range(count):
            self.today += DAY
            self.now = day_starts_at(self.today, ZoneInfo(ZONE)) + timedelta(hours=2)  # a day may have 25 hours
            await release_all_due(
                self.database.read(), partial(unit_of_work, self.database), self.now, lambda below: self.draw(below)
            )


@pytest.fixture
def calendar(service: Service) -> Calendar:
    return Calendar(service)


async def found(asking: Agency, query: str, owner: Agency) -> dict[str, Any] | None:
    """What an agency is told of another's."""
    page = await asking.coordinator.done("GET", f"/v1/capabilities?{query}&agency_id={owner.id}")
    assert len(page["items"]) <= 1
    return page["items"][0] if page["items"] else None


async def set_rules(agency: Agency, **rules: object) -> None:
    await agency.admin.done("PATCH", "/v1/capability-disclosure", rules, if_match="*")


async def test_who_speaks_it_at_that_level_within_that_distance_and_is_free_is_one_question(
    service: Service, cast: Cast, calendar: Calendar
) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting, terms={"categories": ["personnel"]})
    for level in ("3", "3+", "4"):
        await enter_person(cast.assisting, speaks("hmn.mww", level))
    await enter_person(cast.assisting, speaks("hmn.mww", said="5"))
    await calendar.days(1)
    tomorrow = utc_now() + DAY
    query = (
        f"{HMONG}&level_at_least=3&tested=true&latitude=44.9&longitude=-93.1&within_km=100&lendable=true"
        f"&available_from={tomorrow:%Y-%m-%dT12:00:00Z}&available_to={tomorrow:%Y-%m-%dT20:00:00Z}"
    )
    assert await found(cast.requesting, query, cast.assisting) == {
        "agency": cast.assisting.reference,
        "capability": "language.hmn",
        "level": "3",
        "count": 3,
        "at_least_one": True,
        "rounded_to": 3,
        "free": "yes",
        "free_count": None,
        "distance_km": 16.1,
    }
    assert await found(cast.requesting, query.replace("within_km=100", "within_km=10"), cast.assisting) is None
    assert await found(cast.stranger, HMONG, cast.assisting) is None, "numbers are for partners unless the owner says"


async def test_ones_own_people_are_counted_exactly_and_now(service: Service, cast: Cast) -> None:
    one = await enter_person(cast.assisting, speaks("hmn", "3"))
    two = await enter_person(cast.assisting, speaks("hmn.mww", said="2"), weekly_hours=NIGHTS)
    await commit_to(service, one, cast.requesting)
    whole = await found(cast.assisting, HMONG, cast.assisting)
    assert whole is not None
    assert (whole["count"], whole["rounded_to"], whole["free"], whole["level"]) == (2, 1, None, None)
    assert (await found(cast.assisting, f"{HMONG}&level_at_least=2%2B", cast.assisting) or {})["count"] == 1
    now = utc_now()
    in_an_hour = f"&available_from={now:%Y-%m-%dT%H:%M:%SZ}&available_to={now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    soon = await found(cast.assisting, HMONG + in_an_hour, cast.assisting)
    assert soon is not None
    assert (soon["count"], soon["free_count"] <= 1) == (2, True)
    reason = {"reason": "Left (demo)."}
    await cast.assisting.coordinator.done("POST", f"/v1/personnel/{two['id']}/separate", reason)
    assert (await found(cast.assisting, HMONG, cast.assisting) or {})["count"] == 1
    assert await found(cast.assisting, f"{HMONG}&lendable=true", cast.assisting) is None


async def test_below_the_threshold_others_learn_that_there_is_somebody_or_nothing(
    service: Service, cast: Cast, calendar: Calendar
) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting)
    await enter_person(cast.assisting, speaks("hmn", "3"))
    for _ in range(7):
        await enter_person(cast.assisting, {"capability": "crisis_intervention"})
    assert await found(cast.requesting, HMONG, cast.assisting) is None, "nothing before the first release"
    await calendar.days(1)

    async def told(query: str) -> tuple[int | None, int] | None:
        it = await found(cast.requesting, query, cast.assisting)
        return None if it is None else (it["count"], it["rounded_to"])

    assert await told(HMONG) == (None, 3)
    assert await told("capability=crisis_intervention") == (6, 3)
    await set_rules(cast.assisting, threshold=12)
    assert await told("capability=crisis_intervention") == (None, 12), "at once, since it shows less"
    await set_rules(cast.assisting, threshold=3, below_threshold="withheld")
    assert await told(HMONG) is None
    assert await told("capability=crisis_intervention") == (6, 3)
    await set_rules(cast.assisting, below_threshold="at_least_one", sharing="network")
    assert await found(cast.stranger, HMONG, cast.assisting) is not None
    await set_rules(cast.assisting, sharing="private")
    assert await told(HMONG) is None


async def test_nobody_is_told_from_numbers_that_are_not_published(
    service: Service, cast: Cast, calendar: Calendar
) -> None:
    """By what an agency released, and its rules then: whether it has somebody for it does not change the answer."""

    async def kept_from(who: Agency, query: str = HMONG) -> dict[str, Any]:
        page = await who.coordinator.done("GET", f"/v1/capabilities?{query}&agency_id={cast.assisting.id}")
        assert page["items"] == []
        kept: dict[str, Any] = page["not_published"]
        return kept

    not_known = {
        "count": 1,
        "or_more": False,
        "agencies": [{"id": str(cast.assisting.id), "name": cast.assisting.name}],
    }
    none = {"count": 0, "or_more": False, "agencies": []}
    assert await kept_from(cast.stranger) == not_known, "only partners are told"
    page = await cast.stranger.coordinator.done("GET", f"/v1/capabilities?{HMONG}&agency_id={OPERATOR_AGENCY_ID}")
    assert page["not_published"] == none, "the operator lends nobody, and is not among those to ask"
    await sign_agreement(service, cast.assisting, cast.requesting)
    assert await kept_from(cast.requesting) == not_known, "it has released nothing, which is not nobody"
    await enter_person(cast.assisting, speaks("hmn", "3"))
    assert await kept_from(cast.requesting) == not_known, "nothing changes with the first person"
    assert await kept_from(cast.stranger) == not_known
    query = f"{HMONG}&agency_id={cast.assisting.id}&level_at_least=4&state=MN"
    page = await cast.assisting.coordinator.done("GET", f"/v1/capabilities?{query}")
    assert page["emptied_by"] == [{"without": "level_at_least", "agencies": 1}]
    await calendar.days(1)
    assert await kept_from(cast.requesting, "capability=language.som") == none
    await set_rules(cast.assisting, below_threshold="withheld")
    for query in (HMONG, "capability=language.som"):
        assert await kept_from(cast.requesting, query) == not_known, "at once, and whomever it has"
    await calendar.days(1)
    assert await kept_from(cast.requesting) == not_known
    assert await kept_from(cast.requesting, "capability=language.som") == not_known
    assert await kept_from(cast.requesting, f"{HMONG}&state=TX") == none
    await set_rules(cast.assisting, below_threshold="at_least_one")
    page = await cast.requesting.coordinator.done("GET", f"/v1/capabilities?{HMONG}&agency_id={cast.assisting.id}")
    assert page["items"][0]["at_least_one"]
    assert page["not_published"] == none
    own = await cast.assisting.coordinator.done("GET", f"/v1/capabilities?{HMONG}&agency_id={cast.assisting.id}")
    assert own["not_published"] is None
    await calendar.days(1)
    await set_rules(cast.assisting, sharing="private")
    for query in (HMONG, "capability=language.som"):
        assert await kept_from(cast.requesting, query) == not_known, "who turned private looks not like nobody"


async def test_lendable_asks_for_an_agreement_that_covers_people(
    service: Service, cast: Cast, calendar: Calendar
) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting, terms={"categories": ["k9"]})
    await enter_person(cast.assisting, speaks("hmn", "3"))
    await calendar.days(1)
    assert await found(cast.requesting, HMONG, cast.assisting) is not None
    assert await found(cast.requesting, f"{HMONG}&lendable=true", cast.assisting) is None
    assert await found(cast.requesting, f"{HMONG}&lendable=false", cast.assisting) is not None


async def test_pages_follow_one_another_by_distance_and_by_name(
    service: Service, cast: Cast, calendar: Calendar
) -> None:
    owners = (cast.assisting, cast.neighbour, cast.stranger)
    for owner, latitude in zip(owners, (45.5, 44.0, 46.9), strict=True):
        path = f"/v1/agencies/{owner.id}"
        place = {"location": {"latitude": latitude, "longitude": -93.27}}
        await owner.admin.done("PATCH", path, place, if_match="*")
        await set_rules(owner, sharing="network")
        await enter_person(owner, {"capability": "community.tribal_liaison"})
    await calendar.days(1)
    query = "/v1/capabilities?capability=community.tribal_liaison"
    for sort, order in (
        ("distance", [owners[0], owners[1], owners[2]]),
        ("name", sorted(owners, key=lambda owner: owner.name)),
        ("-name", sorted(owners, key=lambda owner: owner.name, reverse=True)),
    ):
        path, seen = f"{query}&sort={sort}&limit=1", []
        while path:
            response = await cast.requesting.coordinator.get(path)
            seen += [item["agency"]["id"] for item in response.json()["items"]]
            path = response.links["next"]["url"] if "next" in response.links else ""
        assert [each for each in seen if each in {str(o.id) for o in owners}] == [str(o.id) for o in order], sort


@pytest.mark.parametrize(
    ("query", "status", "code", "parameter"),
    [
        ("capability=language.xxx", 422, "unknown_capability", "capability"),
        ("", 400, "missing_parameter", "capability"),
        (f"{HMONG}&level_at_least=basic", 422, "level_not_on_scale", "level_at_least"),
        (f"{HMONG}&latitude=1", 422, "incomplete_place", "longitude"),
        (f"{HMONG}&within_km=501", 400, "invalid_parameter", "within_km"),
        (f"{HMONG}&available_from=2031-01-01T00:00:00Z", 422, "incomplete_window", "available_to"),
        (
            f"{HMONG}&available_from=2031-01-02T00:00:00Z&available_to=2031-01-01T00:00:00Z",
            422,
            "range_reversed",
            "available_to",
        ),
        (f"{HMONG}&name=x", 400, "unknown_parameter", "name"),
        (f"{HMONG}&cursor=W10", 422, "bad_cursor", "cursor"),
    ],
)
async def test_a_question_that_cannot_be_meant_is_refused_by_name(
    cast: Cast, query: str, status: int, code: str, parameter: str
) -> None:
    problem = assert_problem(await cast.requesting.coordinator.get(f"/v1/capabilities?{query}"), status)
    assert problem["errors"][0]["parameter"] == parameter
    assert problem["code"] == code or status == 400


async def test_only_administrators_say_what_others_learn_and_they_say_it_of_one_version(
    service: Service, cast: Cast
) -> None:
    path, admin = "/v1/capability-disclosure", cast.assisting.admin
    shown = await admin.get(path)
    rules = shown.json()
    assert (rules["sharing"], rules["threshold"], rules["below_threshold"]) == ("agreement", 3, "at_least_one")
    assert_problem(await service.anonymous.get(path), 401, "unauthenticated")
    assert_problem(await cast.assisting.coordinator.patch(path, {"threshold": 6}, if_match="*"), 403, "forbidden")
    assert_problem(await admin.patch(path, {"threshold": 6}), 428, "precondition_required")
    assert_problem(await admin.patch(path, {"threshold": 7}, if_match="*"), 422, "threshold_not_offered")
    await admin.done("PATCH", path, {"threshold": 6}, if_match=shown.headers["etag"])
    assert_problem(await admin.patch(path, {"threshold": 3}, if_match=shown.headers["etag"]), 412, "stale_version")
    assert (await cast.neighbour.admin.done("GET", path))["threshold"] == 3


# The attack: every question that a partner can think of, before and after one person changes.


def questions(chance: random.Random, count: int, owner: UUID, start: datetime) -> list[CapabilityQuery]:
    """Questions drawn at random from everything that can be asked, many of them close to one another."""
    drawn = []
    for _ in range(count):
        asked: dict[str, Any] = {
            "capability": chance.choice(
                [
                    "language",
                    "language.hmn",
                    "language.hmn.mww",
                    "language.som",
                    "negotiation",
                    "medical.emt",
                    "medical",
                ]
            ),
            "agency_id": chance.choice([None, owner]),
            "tested": chance.choice([None, True, False]),
            "sort": chance.choice(["distance", "name"]),
            "limit": 200,
            "lendable": chance.choice([None, True]),
        }
        if asked["capability"].startswith("language") and chance.random() < 0.7:
            asked["level_at_least"] = chance.choice(LEVELS)
        if chance.random() < 0.6:
            asked |= {"latitude": 44.98 + chance.uniform(-0.3, 0.3), "longitude": -93.27 + chance.uniform(-0.3, 0.3)}
            asked["within_km"] = chance.uniform(1, 60)
        if chance.random() < 0.6:
            begins = start + timedelta(minutes=chance.randrange(14 * 24 * 60))
            asked |= {
                "available_from": begins,
                "available_to": begins + timedelta(minutes=chance.randrange(30, 3000)),
            }
        drawn.append(CapabilityQuery(**asked))
    return drawn


async def test_no_thousand_questions_tell_of_one_person(service: Service, cast: Cast, calendar: Calendar) -> None:
    """Whatever happens to one person inside a band, a partner's every answer stays as it was, for ever.

    Hundreds of questions in all, and thousands at length. Two speak Hmong, five negotiate; then the other is on leave,
    absent, on light duty, at another station, retrained, renamed, sent out, and gone; weeks pass between.
    """
    await sign_agreement(service, cast.assisting, cast.requesting, terms={"categories": ["any"]})
    owner, keeper = cast.assisting, cast.assisting.coordinator
    await enter_person(owner, speaks("hmn.mww", "3"), speaks("som", "2"))
    victim = await enter_person(owner, speaks("hmn.mww", "3"), speaks("som", said="2"), weekly_hours=NIGHTS)
    for _ in range(5):
        await enter_person(owner, {"capability": "negotiation"})
    await calendar.days(1)
    chance = random.Random(20_26)
    asked = questions(chance, at_length(25, 100, 3_000), owner.id, calendar.now)
    attacker = inside(cast.requesting.id, Role.COORDINATOR, now=utc_now())

    async def answers() -> bytes:
        read = service.database.read()
        pages = [await list_capabilities(read, attacker, each) for each in asked]
        told = [[item for item in page.items if item.agency.id == owner.id] for page in pages]  # others have tests too
        return msgspec.json.encode(told)

    path = f"/v1/personnel/{victim['id']}"

    def edit(**change: object) -> Callable[[], Awaitable[Any]]:
        return lambda: keeper.done("PATCH", path, change, if_match="*")

    def act(verb: str) -> Callable[[], Awaitable[Any]]:
        return lambda: keeper.done("POST", f"{path}/{verb}", {"reason": "As it happens (demo)."})

    away = [{"start": f"{calendar.now:%Y-%m-%dT%H:%M:%SZ}", "end": f"{calendar.now + 30 * DAY:%Y-%m-%dT%H:%M:%SZ}"}]
    before = await answers()
    assert b'"at_least_one":true' in before
    for happens in (
        act("place-on-leave"),
        act("return-to-duty"),
        edit(absences=away),
        edit(conditions=[{"kind": "light_duty", "from_on": str(date(2020, 1, 1))}]),
        edit(location={"latitude": 44.9, "longitude": -93.0}),
        edit(weekly_hours=[]),
        edit(capabilities=[speaks("hmn.mww", "3+"), speaks("som", said="2+")], display_name="Another", rank="Chief"),
        lambda: commit_to(service, victim, cast.requesting),
    ):
        await happens()
        assert await answers() == before
        await calendar.days(16)
        assert await answers() == before
    await edit(capabilities=[speaks("som", said="2")])()
    await calendar.days(16)
    assert await answers() == before, "one of two is still somebody"


async def test_who_comes_is_seen_by_others_some_days_later_and_who_comes_and_goes_never(
    service: Service, cast: Cast, calendar: Calendar
) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting)
    await enter_person(cast.assisting, {"capability": "negotiation"})
    await calendar.days(1)
    passing = await enter_person(cast.assisting, speaks("hmn", "3"))
    await calendar.days(3)
    assert await found(cast.requesting, HMONG, cast.assisting) is None
    reason = {"reason": "Left (demo)."}
    await cast.assisting.coordinator.done("POST", f"/v1/personnel/{passing['id']}/separate", reason)
    await calendar.days(20)
    assert await found(cast.requesting, HMONG, cast.assisting) is None
    await enter_person(cast.assisting, speaks("hmn", "3"))
    calendar.draw = lambda _: 4
    await calendar.days(5)
    assert await found(cast.requesting, HMONG, cast.assisting) is None
    await calendar.days(1)
    assert await found(cast.requesting, HMONG, cast.assisting) is not None


async def test_no_event_tells_another_agency_of_anybody(service: Service, cast: Cast, calendar: Calendar) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting)
    person = await enter_person(cast.assisting, speaks("hmn", "3"))
    reason = {"reason": "Until further notice (demo)."}
    await cast.assisting.coordinator.done("POST", f"/v1/personnel/{person['id']}/place-on-leave", reason)
    await calendar.days(1)
    read, its = service.database.read(), ledger_event.c
    told = sa.select(its.type).join(ledger_event_agency, ledger_event_agency.c.event_id == its.id)
    about = told.where(sa.or_(its.type.like("personnel.%"), its.type.like("capability%")))
    for agency, events in ((cast.requesting, 0), (cast.assisting, 2)):
        assert len(await read.all(about.where(ledger_event_agency.c.agency_id == agency.id))) == events
    assert await release_all_due(read, partial(unit_of_work, service.database), calendar.now) == 0, "once a day"


@pytest.mark.parametrize("lendable", [False, True])
async def test_no_question_goes_through_all_people_or_all_that_is_published(
    service: Service, cast: Cast, dialect: str, *, lendable: bool
) -> None:
    """The plans, as they are for any number of people: each table of people is reached by an index of this question."""
    filters = frozenset({"near", "page", *(["lendable"] if lendable else [])})
    for statement, tables in (
        (others_statement(dialect, filters), ("capability_published",)),
        (own_statement(in_window=True, tested=True), ("personnel_record", "personnel_capability")),
    ):
        plan = await explained(service, cast, statement, dialect)
        for table in tables:
            scans = [line for line in plan if f"SCAN {table}" in line or f"Seq Scan on {table}" in line]
            assert not scans, plan


async def explained(service: Service, cast: Cast, statement: sa.Select[Any], dialect: str) -> list[str]:
    """The steps of the plan."""
    some_day = date(2026, 7, 6)
    values: dict[str, object] = {
        "viewer": cast.requesting.id,
        **near(dialect, 44.98, -93.27, 80),
        **dict.fromkeys(("at", "start", "end"), utc_now()),
        **dict.fromkeys(("first", "last"), some_day),
        "capability": "language.hmn",
        "level": 6,
        "tested": True,
        "limit": 51,
    }
    [plan] = await plans_of(service.database, [(statement, values)])
    return plan.splitlines()
