"""Certificates of insurance: who enters and reads them, when an agency is insured, and what decisions make of it."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import given

from registry.agreements.insurance.rules import Cover, covered, covered_through, insured_during, joined
from registry.agreements.insurance.schemas import NEW_CERTIFICATE_EXAMPLE
from registry.platform.kernel.time import Window, utc_now
from registry.sharing.policy.rules import decide
from tests.sharing.policy.test_collecting import _gathered
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.consent import end_agreement
from tests.support.deadlines import days_ahead, deadlines_of
from tests.support.policy import policies_of
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

ZONE = "America/Chicago"
RETIRED = {"because": "replaced", "reason": "renewed early"}
DAY = timedelta(days=1)


def certificate(**given: Any) -> dict[str, Any]:
    """The body of a liability certificate from last month through next year."""
    return {
        **NEW_CERTIFICATE_EXAMPLE,
        "effective_on": str(days_ahead(-30)),
        "expires_on": str(days_ahead(365)),
        **{name: str(value) if isinstance(value, date) else value for name, value in given.items()},
    }


def path_of(agency: Agency) -> str:
    return f"/v1/agencies/{agency.id}/insurance"


async def enter(agency: Agency, **given: Any) -> dict[str, Any]:
    made: dict[str, Any] = await agency.admin.done("POST", path_of(agency), certificate(**given))
    return made


# When an agency is insured.


def test_certificates_that_follow_each_other_are_one_stretch() -> None:
    first, second = Cover(date(2025, 1, 1), date(2025, 12, 31)), Cover(date(2026, 1, 1), date(2026, 12, 31))
    later = Cover(date(2027, 1, 2), date(2027, 12, 31))
    assert joined([later, second, first]) == [Cover(date(2025, 1, 1), date(2026, 12, 31)), later]
    assert covered_through([first, second, later], date(2025, 6, 1)) == date(2026, 12, 31)
    assert covered_through([first, second, later], date(2027, 1, 1)) == date(2026, 12, 31), "a day is not covered"
    assert covered_through([later], date(2026, 1, 1)) is None


def test_a_retired_certificate_counts_until_the_day_before() -> None:
    assert covered(date(2026, 1, 1), date(2026, 12, 31), date(2026, 6, 1)) == Cover(date(2026, 1, 1), date(2026, 5, 31))
    assert covered(date(2026, 1, 1), date(2026, 12, 31), date(2026, 1, 1)) is None
    assert covered(date(2026, 1, 1), date(2026, 12, 31), date(2027, 6, 1)) == Cover(
        date(2026, 1, 1), date(2026, 12, 31)
    )


def test_the_whole_window_must_be_covered_in_the_agencys_own_days() -> None:
    covers = [Cover(date(2026, 7, 1), date(2027, 6, 30))]
    begin, end = datetime(2026, 7, 1, 5, tzinfo=UTC), datetime(2027, 7, 1, 5, tzinfo=UTC)
    moment = timedelta(microseconds=1)
    assert insured_during(covers, begin, end, ZONE)
    assert not insured_during(covers, begin - moment, end, ZONE)
    assert not insured_during(covers, begin, end + moment, ZONE)
    assert not insured_during([], begin, end, ZONE)


def test_where_the_zone_is_unknown_the_error_is_on_the_safe_side() -> None:
    covers = [Cover(date(2026, 7, 1), date(2027, 6, 30))]
    assert not insured_during(covers, datetime(2026, 7, 1, 11, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC), None)
    assert insured_during(covers, datetime(2026, 7, 1, 12, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC), None)
    assert not insured_during(covers, datetime(2026, 8, 1, tzinfo=UTC), datetime(2027, 7, 1, 1, tzinfo=UTC), None)


COVERS = st.lists(
    st.builds(
        lambda start, days: Cover(start, start + days * DAY),
        st.dates(date(2026, 1, 1), date(2026, 3, 1)),
        st.integers(0, 20),
    )
)


@given(COVERS, st.dates(date(2026, 1, 1), date(2026, 4, 1)))
def test_joining_covers_the_same_days(covers: list[Cover], day: date) -> None:
    def holds(given: list[Cover]) -> bool:
        return any(cover.starts_on <= day <= cover.through for cover in given)

    found = joined(covers)
    assert holds(found) == holds(covers)
    assert all(later.starts_on > earlier.through + DAY for earlier, later in pairwise(found))


@given(COVERS, st.dates(date(2026, 1, 1), date(2026, 4, 1)), st.integers(0, 30))
def test_a_window_is_insured_when_each_of_its_days_is(covers: list[Cover], first: date, more: int) -> None:
    days = [first + n * DAY for n in range(more + 1)]
    zone = ZoneInfo(ZONE)
    start = datetime(first.year, first.month, first.day, tzinfo=zone).astimezone(UTC)
    after = days[-1] + DAY
    end = datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)
    each = all(any(cover.starts_on <= day <= cover.through for cover in covers) for day in days)
    assert insured_during(covers, start, end, ZONE) is each


# Over HTTP.


async def test_a_certificate_is_entered_listed_and_read(cast: Cast) -> None:
    response = await cast.requesting.admin.post(path_of(cast.requesting), certificate())
    assert response.status_code == 201
    made = response.json()
    assert response.headers["location"] == f"{path_of(cast.requesting)}/{made['id']}"
    assert made["coverage"] == {"amount": "2000000.00", "currency": "USD"}
    assert (made["current"], made["proves_liability"], made["retired_at"]) == (True, True, None)
    assert [each["action"] for each in made["allowed_actions"]] == ["retire"]
    read = await cast.requesting.coordinator.get(f"{path_of(cast.requesting)}/{made['id']}")
    assert read.json()["policy_number"] == NEW_CERTIFICATE_EXAMPLE["policy_number"]
    assert (await cast.requesting.auditor.done("GET", path_of(cast.requesting)))["items"][0]["id"] == made["id"]


async def test_number_and_limit_are_for_the_agency_and_its_partners_in_force(service: Service, cast: Cast) -> None:
    made = await enter(cast.requesting)
    path = f"{path_of(cast.requesting)}/{made['id']}"

    async def seen(reader: Agency) -> tuple[object, object]:
        found = await reader.coordinator.done("GET", path)
        (listed,) = (await reader.coordinator.done("GET", path_of(cast.requesting)))["items"]
        assert listed == found
        return found["policy_number"], found["coverage"]

    assert await seen(cast.assisting) == (None, None)
    agreed = await sign_agreement(service, cast.assisting, cast.requesting)
    number, limit = await seen(cast.assisting)
    assert number == made["policy_number"]
    assert limit == made["coverage"]
    assert await seen(cast.stranger) == (None, None)
    await end_agreement(agreed, cast.assisting, cast.requesting)
    assert await seen(cast.assisting) == (None, None), "what they are no longer to each other"
    hidden = await service.operator.done("GET", path)
    assert hidden["policy_number"] is None


async def test_the_ledger_keeps_neither_number_nor_limit(service: Service, cast: Cast) -> None:
    made = await enter(cast.requesting, policy_number="POL-IN-NO-LEDGER", coverage={"amount": "1234567.00"})
    told = await service.database.read().all(
        sa.text("SELECT type, canonical FROM ledger_event WHERE subject_kind = 'insurance'")
    )
    canonical = b"".join(bytes(row.canonical) for row in told)
    assert made["id"].encode() in canonical
    assert b"POL-IN-NO-LEDGER" not in canonical
    assert b"1234567" not in canonical


async def test_entering_and_retiring_need_the_agencys_own_administrator(service: Service, cast: Cast) -> None:
    path = path_of(cast.requesting)
    made = await enter(cast.requesting)
    for where, body in ((path, certificate()), (f"{path}/{made['id']}/retire", RETIRED)):
        assert_problem(await service.anonymous.post(where, body), 401, "unauthenticated")
        assert_problem(await cast.requesting.legal.post(where, body), 403, "forbidden")
        assert_problem(await cast.assisting.admin.post(where, body), 403, "forbidden")
    assert (await service.operator.post(path, certificate())).status_code == 201
    nowhere = f"/v1/agencies/{uuid4()}/insurance"
    assert_problem(await cast.requesting.admin.post(nowhere, certificate()), 404)
    assert_problem(await cast.requesting.admin.get(nowhere), 404)
    assert_problem(await cast.requesting.admin.get(f"{path}/{uuid4()}"), 404)
    assert_problem(await cast.assisting.admin.get(f"{path_of(cast.assisting)}/{made['id']}"), 404)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"kind": "pet"}, "/kind"),
        ({"insurer": ""}, "/insurer"),
        ({"coverage": {"amount": "1e9"}}, "/coverage/amount"),
        ({"expires_on": "never"}, "/expires_on"),
        ({"evidence_sha256": "ab"}, "/evidence_sha256"),
        ({"underwriter": "x"}, "/underwriter"),
    ],
)
async def test_a_malformed_certificate_names_the_place(cast: Cast, given: dict[str, Any], pointer: str) -> None:
    problem = assert_problem(await cast.requesting.admin.post(path_of(cast.requesting), certificate(**given)), 400)
    assert problem["errors"][0]["pointer"] == pointer


async def test_a_certificate_of_which_there_is_no_file_says_where_it_is_kept(cast: Cast) -> None:
    path, vault = path_of(cast.requesting), "Risk manager's binder (demo)"
    neither = {name: value for name, value in certificate().items() if name != "evidence_sha256"}
    assert_problem(await cast.requesting.admin.post(path, neither), 422, "evidence_missing")
    both = certificate(evidence_location=vault)
    assert_problem(await cast.requesting.admin.post(path, both), 422, "evidence_twice")
    made = await cast.requesting.admin.done("POST", path, {**neither, "evidence_location": vault})
    assert (made["evidence_sha256"], made["evidence_location"]) == (None, vault)
    assert (await cast.requesting.admin.done("GET", f"{path}/{made['id']}"))["evidence_location"] == vault


async def test_a_certificate_covers_at_least_a_day(cast: Cast) -> None:
    body = certificate(effective_on=days_ahead(1), expires_on=days_ahead(0))
    problem = assert_problem(await cast.requesting.admin.post(path_of(cast.requesting), body), 422, "expires_too_early")
    assert problem["errors"][0]["pointer"] == "/expires_on"
    body = certificate(expires_on="2200-01-01")
    assert_problem(await cast.requesting.admin.post(path_of(cast.requesting), body), 422, "date_out_of_range")


async def test_a_certificate_is_retired_once_and_its_reason_kept(cast: Cast) -> None:
    made = await enter(cast.requesting)
    path = f"{path_of(cast.requesting)}/{made['id']}/retire"
    stale = await cast.requesting.admin.post(path, RETIRED, if_match='"7-00000000"')
    assert_problem(stale, 412, "stale_version")
    assert_problem(await cast.requesting.admin.post(path, {**RETIRED, "because": "bored"}), 400)
    first = await cast.requesting.admin.post(path, RETIRED, key="retire-1")
    assert (first.json()["retired_because"], first.json()["version"]) == ("replaced", 2)
    again = await cast.requesting.admin.post(path, RETIRED, key="retire-1")
    assert again.content == first.content
    assert_problem(await cast.requesting.admin.post(path, RETIRED), 409, "wrong_status")
    listed = await cast.requesting.admin.done("GET", f"{path_of(cast.requesting)}?retired=true")
    assert [each["id"] for each in listed["items"]] == [made["id"]]
    assert (await cast.requesting.admin.done("GET", f"{path_of(cast.requesting)}?retired=false"))["items"] == []


async def test_entering_the_same_twice_with_one_key_enters_one(cast: Cast) -> None:
    body = certificate()
    one, other = [await cast.requesting.admin.post(path_of(cast.requesting), body, key="enter-1") for _ in range(2)]
    assert one.content == other.content
    assert len((await cast.requesting.admin.done("GET", path_of(cast.requesting)))["items"]) == 1


async def test_two_who_retire_one_certificate_at_once_retire_it_once(cast: Cast) -> None:
    for _ in range(4):
        made = await enter(cast.requesting)
        path = f"{path_of(cast.requesting)}/{made['id']}/retire"
        answers = await asyncio.gather(*(cast.requesting.admin.post(path, RETIRED) for _ in range(2)))
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_certificates_are_paged_and_filtered_by_kind(cast: Cast) -> None:
    made = [await enter(cast.requesting, kind=kind) for kind in ("general_liability", "auto_liability") * 2]
    path = f"{path_of(cast.requesting)}?kind=auto_liability&limit=1"
    first = await cast.requesting.admin.done("GET", path)
    second = await cast.requesting.admin.done("GET", f"{path}&cursor={first['next_cursor']}")
    assert [page["items"][0]["id"] for page in (first, second)] == [made[3]["id"], made[1]["id"]]
    assert second["next_cursor"] is None
    assert first["items"][0]["agency"] == {"id": str(cast.requesting.id), "name": cast.requesting.name}


async def test_certificates_are_found_by_their_last_day_and_several_kinds(cast: Cast) -> None:
    kinds = ("general_liability", "auto_liability", "workers_compensation")
    made = [await enter(cast.requesting, kind=kind) for kind in kinds]
    last_day, path = made[0]["expires_on"], path_of(cast.requesting)

    async def found(query: str) -> list[str]:
        page = await cast.requesting.admin.done("GET", f"{path}?sort=created_at&{query}")
        return [item["kind"] for item in page["items"]]

    assert await found("kind=workers_compensation&kind=general_liability") == [kinds[0], kinds[2]]
    assert await found(f"expires_from={last_day}&expires_to={last_day}") == list(kinds)
    assert await found("expires_to=2000-01-01") == await found("expires_from=2200-01-01") == []


# What decisions and deadlines make of it.


async def insurance_fact(cast: Cast, window: Window, **terms: Any) -> bool | None:
    asset = await make_asset(cast.assisting)
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)
    facts = await _gathered(cast, asset, window=window)
    return facts.agreements[-1].terms.requesting_insurance_current


def window(days: int) -> Window:
    start = utc_now() + timedelta(days=1)
    return Window(start=start, end=start + timedelta(days=days))


async def test_a_decision_reads_the_certificates_for_the_whole_window(cast: Cast) -> None:
    assert await insurance_fact(cast, window(2), insurance_required=True) is None
    await enter(cast.requesting, kind="auto_liability")
    assert await insurance_fact(cast, window(2), insurance_required=True) is None, "not liability insurance"
    wrong = await enter(cast.requesting, expires_on=days_ahead(900))
    retire = f"{path_of(cast.requesting)}/{wrong['id']}/retire"
    mistaken = {"because": "entered_in_error", "reason": "the city's, not ours"}
    await cast.requesting.admin.done("POST", retire, mistaken)
    assert await insurance_fact(cast, window(2), insurance_required=True) is None, "it never was"
    await enter(cast.requesting, expires_on=days_ahead(10))
    assert await insurance_fact(cast, window(2), insurance_required=True) is True
    assert await insurance_fact(cast, window(20), insurance_required=True) is False, "it lapses on the way"
    await enter(cast.requesting, effective_on=days_ahead(11), expires_on=days_ahead(400))
    assert await insurance_fact(cast, window(20), insurance_required=True) is True, "the next one carries on"
    assert await insurance_fact(cast, window(2)) is None, "nothing asks for it"


async def test_a_dispatch_is_barred_once_the_certificate_is_known_to_lapse_on_the_way(cast: Cast) -> None:
    asset = await make_asset(cast.assisting)
    terms = {"insurance_required": True}
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms=terms)

    async def decided(days: int) -> tuple[str, set[str], set[str]]:
        facts = await _gathered(cast, asset, window=window(days), action_at="dispatch")
        found = decide(facts, policies_of(cast.assisting.service))
        obligations = {each.policy_id for each in found.obligations}
        return found.outcome, {each.policy_id for each in found.reasons}, obligations

    outcome, reasons, obligations = await decided(2)
    assert (outcome, "insurance_proof" in obligations) == ("permitted", True), "nobody knows: it is to be shown"
    await enter(cast.requesting, expires_on=days_ahead(10))
    outcome, reasons, obligations = await decided(2)
    assert (outcome, "insurance_proof" in obligations) == ("permitted", False)
    outcome, reasons, _ = await decided(20)
    assert (outcome, reasons) == ("denied", {"insurance_lapsed"})


async def test_a_cancelled_policy_is_known_to_have_ended(cast: Cast) -> None:
    made = await enter(cast.requesting)
    path = f"{path_of(cast.requesting)}/{made['id']}/retire"
    await cast.requesting.admin.done("POST", path, {"because": "cancelled", "reason": "premium unpaid"})
    assert await insurance_fact(cast, window(2), insurance_required=True) is False


async def test_each_partys_certificate_is_a_deadline_where_the_terms_require_it(cast: Cast) -> None:
    await enter(cast.requesting, expires_on=days_ahead(20))
    found = await sign_agreement(
        cast.assisting.service,
        cast.assisting,
        cast.requesting,
        terms={"insurance_required": True, "clauses": {"insurance_required": "4.2"}},
    )
    items = await deadlines_of(cast.assisting, agreement_id=found["id"], kind="insurance")
    mine, theirs = items
    assert (mine["agency"], mine["status"], mine["due_on"]) == (cast.assisting.reference, "overdue", "2025-01-01")
    assert (theirs["agency"], theirs["status"]) == (cast.requesting.reference, "due_soon")
    assert theirs["due_on"] == str(days_ahead(20))
    assert theirs["basis"]["provision"] == "4.2"
    await enter(cast.requesting, effective_on=days_ahead(21), expires_on=days_ahead(386))
    await enter(cast.assisting)
    moved = await deadlines_of(cast.assisting, agreement_id=found["id"], kind="insurance")
    assert {item["due_on"] for item in moved} == {str(days_ahead(386)), str(days_ahead(365))}
    plain = await sign_agreement(cast.assisting.service, cast.assisting, cast.neighbour)
    assert await deadlines_of(cast.assisting, agreement_id=plain["id"], kind="insurance") == []
