"""How much anybody may ask in a minute, told in each answer, and how refusals do not fill the ledger."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa

from registry.platform.access.denials import Denial, Denials
from registry.platform.access.principals import Caller, Principal, Role
from registry.platform.access.rates import RateLimits
from registry.platform.database.connect import connect, unit_of_work
from registry.platform.kernel.errors import TooManyRequests
from registry.platform.ledger.tables import ledger_event
from registry.platform.settings import load
from tests.support.cast import make_cast
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process

pytestmark = pytest.mark.second_long

NOON = datetime(2026, 6, 1, 12, 0, 15, tzinfo=UTC)
AGENCY = UUID("01900000-0000-7000-8000-00000000a9e1")


def person(subject: str = "clerk", agency_id: UUID = AGENCY, issuer: str = "https://login.example") -> Principal:
    return Principal(
        subject=subject,
        agency_id=agency_id,
        roles=frozenset({Role.COORDINATOR}),
        scopes=frozenset({"*"}),
        token_id="t",
        issuer=issuer,
    )


def test_each_person_has_a_limit_and_so_has_its_agency() -> None:
    rates = RateLimits(per_principal=3, per_agency=5)
    assert rates.policy == '"principal";q=3;w=60, "agency";q=5;w=60'
    assert [rates.count(person(), NOON) for _ in range(3)] == [
        f'"principal";r={left};t=45' if left < 2 else '"principal";r=2;t=45' for left in (2, 1, 0)
    ]
    with pytest.raises(TooManyRequests) as refused:
        rates.count(person(), NOON)
    assert (refused.value.retry_after, refused.value.rate_limit) == (45, '"principal";r=0;t=45')
    assert rates.count(person(issuer="https://other.example"), NOON) == '"agency";r=1;t=45', "another's person"
    rates.count(person("third"), NOON)
    with pytest.raises(TooManyRequests, match="your agency"):
        rates.count(person("fourth"), NOON)
    rates.count(person("fourth", UUID(int=7)), NOON)
    assert rates.count(person(), NOON + timedelta(minutes=1)) == '"principal";r=2;t=45'


def test_who_waits_as_long_as_told_goes_on_and_a_second_less_does_not_do() -> None:
    begin = NOON.replace(second=0)
    for at in (begin, begin + timedelta(microseconds=1), NOON, begin + timedelta(seconds=59, microseconds=999_999)):
        rates = RateLimits(per_principal=2, per_agency=0)
        told = [rates.count(person(), at) for _ in range(2)]
        with pytest.raises(TooManyRequests) as refused:
            rates.count(person(), at)
        wait = refused.value.retry_after
        assert 1 <= wait <= 60, "never longer than the window that the policy names"
        assert told == [f'"principal";r={left};t={wait}' for left in (1, 0)]
        with pytest.raises(TooManyRequests):
            rates.count(person(), at + timedelta(seconds=wait) - timedelta(seconds=1, microseconds=1))
        assert rates.count(person(), at + timedelta(seconds=wait)).startswith('"principal";r=1;')


def test_without_limits_nothing_is_counted_or_told() -> None:
    rates = RateLimits(per_principal=0, per_agency=0)
    assert [rates.count(person(), NOON) for _ in range(100)] == [""] * 100
    assert rates.policy == ""


@pytest.mark.parametrize("dialect", ["postgresql"], scope="module")
async def test_processes_that_share_a_database_count_together(private_url: str) -> None:
    database = connect(private_url)
    opening = partial(unit_of_work, database)
    one, two, three = (RateLimits(per_principal=100, per_agency=0) for _ in range(3))
    try:
        for rates, requests in ((one, 40), (two, 50)):
            for _ in range(requests):
                rates.count(person(), NOON)
        for rates in (one, two, one):
            rates.count(person(), NOON)
            await rates.share(opening, NOON)
        assert one.count(person(), NOON) == '"principal";r=6;t=45', "40 + 50 + 3 before this one"
        three.count(person(), NOON)
        await one.share(opening, NOON)
        await three.share(opening, NOON)
        assert three.count(person(), NOON) == '"principal";r=4;t=45'
        for _ in range(4):
            three.count(person(), NOON)
        with pytest.raises(TooManyRequests):
            three.count(person(), NOON)
        await three.share(opening, NOON + timedelta(minutes=10))
        kept = await database.read().value(sa.text("SELECT count(*) FROM request_count"))
        assert kept == 1, "only what has just been told"
        assert "clerk" not in str(await database.read().value(sa.text("SELECT counted FROM request_count")))
    finally:
        await database.close()


async def test_every_answer_tells_what_is_left_and_beyond_it_is_429(private_url: str, tmp_path: Path) -> None:
    given = environment(private_url, tmp_path, REGISTRY_RATE_PER_PRINCIPAL="5", REGISTRY_RATE_PER_AGENCY="0")
    async with in_process(load(given)) as service:
        answers = [await service.operator.get("/v1/categories") for _ in range(12)]
        allowed = [answer for answer in answers if answer.status_code == 200]
        assert 5 <= len(allowed) <= 10, "a minute may have begun meanwhile"
        assert all(answer.headers["ratelimit-policy"] == '"principal";q=5;w=60' for answer in answers)
        assert allowed[0].headers["ratelimit"].startswith('"principal";r=4;t=')
        refused = assert_problem(answers[-1] if answers[-1].status_code == 429 else answers[5], 429, "rate_limited")
        assert "in this minute" in refused["detail"]
        last = next(answer for answer in answers if answer.status_code == 429)
        assert last.headers["ratelimit"].startswith('"principal";r=0;t=')
        assert 1 <= int(last.headers["retry-after"]) <= 60
        assert "ratelimit" not in (await service.anonymous.get("/health/live")).headers


def caller(at: datetime, subject: str = "clerk") -> Caller:
    return Caller(principal=person(subject), now=at, trace_id="trace")


async def test_refusals_of_a_minute_are_recorded_as_the_first_and_the_sum_of_the_others() -> None:
    recorded: list[tuple[str, str, int]] = []

    async def record(denial: Denial) -> None:
        recorded.append((denial.operation, denial.path, denial.count))

    denials = Denials(record)

    async def refuse(at: datetime, operation: str = "list_loans", path: str = "/a", subject: str = "clerk") -> None:
        await denials.note(Denial(caller=caller(at, subject), operation=operation, path=path, reason="no"))

    for number in range(1_000):
        await refuse(NOON + timedelta(milliseconds=number), path=f"/{number}")
    assert recorded == [("list_loans", "/0", 1)]
    await refuse(NOON, "get_loan")
    await refuse(NOON, subject="other")
    assert len(recorded) == 3
    await denials.record_sums(NOON + timedelta(seconds=30))
    assert len(recorded) == 3, "the minute is not over"
    await denials.record_sums(NOON + timedelta(minutes=1))
    assert recorded[3:] == [("list_loans", "/999", 999)]
    await refuse(NOON + timedelta(minutes=2))
    await refuse(NOON + timedelta(minutes=2))
    await denials.record_sums()
    assert recorded[4:] == [("list_loans", "/a", 1), ("list_loans", "/a", 1)]


async def test_what_was_summed_is_on_record_when_the_service_has_stopped(private_url: str, tmp_path: Path) -> None:
    async with in_process(load(environment(private_url, tmp_path))) as service:
        cast = await make_cast(service)
        body = {"name": "Not mine to enter", "kind": "city", "level": "local"}
        for _ in range(20):
            assert_problem(await cast.stranger.coordinator.post("/v1/agencies", body), 403)
    database = connect(private_url)
    try:
        rows = await database.read().all(
            sa.select(ledger_event.c.canonical).where(ledger_event.c.type == "access.denied")
        )
    finally:
        await database.close()
    counts = [msgspec.json.decode(row.canonical)["data"]["count"] for row in rows]
    assert sum(counts) == 20
    assert len(counts) <= 4, "two a minute, and a minute may have begun meanwhile"
