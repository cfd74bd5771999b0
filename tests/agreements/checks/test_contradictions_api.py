"""Contradictions with other agreements that bind the same parties: which are compared, and by whom it can be asked."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from registry.agreements.instruments.tables import agreement_party, agreement_party_window
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import format_instant, utc_now
from tests.agreements.instruments.reporting import letter, report
from tests.agreements.instruments.test_amendments import hand, opened_tomorrow, out_for_signature
from tests.support.agreements import agreement_body, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, make_agency, today
from tests.support.consent import end_agreement
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agreements"
SENDING = {"liability": "sending", "clauses": {"liability": "1"}}
RECEIVING = {"liability": "receiving", "clauses": {"liability": "4.2"}}


async def compared(agency: Agency, agreement: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    page = await agency.coordinator.done("GET", f"{PATH}/{agreement['id']}/contradictions{query}")
    items: list[dict[str, Any]] = page["items"]
    return items


async def draft(*parties: Agency, **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = await parties[0].legal.done("POST", PATH, agreement_body(*parties, **fields))
    return made


async def test_a_draft_is_compared_with_what_binds_the_same_parties_already(service: Service, cast: Cast) -> None:
    other = await sign_agreement(service, cast.assisting, cast.requesting, terms=RECEIVING)
    drafted = await draft(cast.assisting, cast.requesting, terms=SENDING)
    page = await cast.assisting.coordinator.done("GET", f"{PATH}/{drafted['id']}/contradictions")
    assert (page["agreement_id"], page["version_no"], page["next_cursor"]) == (drafted["id"], 1, None)
    (found,) = page["items"]
    assert (found["agreement_id"], found["number"], found["title"]) == (other["id"], other["number"], other["title"])
    assert (found["version_no"], found["version_sha256"]) == (1, other["version_sha256"])
    assert (found["parties_in_common"], found["categories"]) == (2, ["any"])
    (conflict,) = found["contradictions"]
    assert conflict == {
        "term": "liability",
        "severity": "contradicts",
        "stricter": None,
        "this": {"pointer": "/liability", "value": "sending", "provision": "1"},
        "other": {"pointer": "/liability", "value": "receiving", "provision": "4.2"},
        "detail": "Liability is “sending” here and “receiving” there: one loan cannot have both.",
    }


async def test_two_in_force_are_compared_from_either_side(service: Service, cast: Cast) -> None:
    one = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, terms=SENDING)
    other = await sign_agreement(service, cast.requesting, cast.assisting, terms=RECEIVING)
    for agency in (cast.assisting, cast.requesting):
        (from_one,) = await compared(agency, one)
        (from_other,) = await compared(agency, other)
        assert (from_one["agreement_id"], from_other["agreement_id"]) == (other["id"], one["id"])
        assert from_one["parties_in_common"] == from_other["parties_in_common"] == 2
        assert from_one["contradictions"][0]["this"] == from_other["contradictions"][0]["other"]


async def test_one_that_agrees_is_listed_without_conflicts(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting, terms=SENDING)
    (found,) = await compared(cast.assisting, await draft(cast.assisting, cast.requesting, terms=SENDING))
    assert found["contradictions"] == []


async def test_what_covers_other_things_or_serves_other_purposes_is_not_compared(service: Service, cast: Cast) -> None:
    for covered in ({"categories": ["lab"]}, {"categories": ["any"], "purposes": ["training"]}):
        await sign_agreement(service, cast.assisting, cast.requesting, terms=covered)
    below = await sign_agreement(service, cast.assisting, cast.requesting, terms={"categories": ["k9.narcotics"]})
    k9 = {"categories": ["k9"], "purposes": ["mutual_aid"]}
    (found,) = await compared(cast.assisting, await draft(cast.assisting, cast.requesting, terms=k9))
    assert (found["agreement_id"], found["categories"]) == (below["id"], ["k9.narcotics"])


async def test_one_common_party_alone_is_not_enough(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.neighbour, terms=RECEIVING)
    await record_agreement(cast.assisting, cast.requesting, terms=RECEIVING)  # binds its recorder alone
    drafted = await draft(cast.assisting, cast.requesting, terms=SENDING)
    assert await compared(cast.assisting, drafted) == []


async def test_of_agreements_the_caller_does_not_see_in_full_nothing_is_said(service: Service, cast: Cast) -> None:
    three = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, terms=SENDING)
    await sign_agreement(service, cast.assisting, cast.requesting, terms=RECEIVING)  # public, and theirs alone
    assert len(await compared(cast.assisting, three)) == 1
    assert await compared(cast.neighbour, three) == []


async def test_what_ended_or_is_suspended_is_not_compared(service: Service, cast: Cast) -> None:
    ended = await sign_agreement(service, cast.assisting, cast.requesting, terms=RECEIVING)
    stopped = await sign_agreement(service, cast.assisting, cast.requesting, terms=RECEIVING)
    drafted = await draft(cast.assisting, cast.requesting, terms=SENDING)
    before = format_instant(utc_now())
    assert len(await compared(cast.assisting, drafted)) == 2
    await end_agreement(ended, cast.assisting, cast.requesting)
    await cast.assisting.legal.done("POST", f"{PATH}/{stopped['id']}/suspend", {"reason": "audit"})
    assert await compared(cast.assisting, drafted) == []
    assert len(await compared(cast.assisting, drafted, f"?as_of={before}")) == 2
    assert await compared(cast.assisting, ended) == [], "what binds nobody contradicts nothing"


async def test_one_that_will_bind_is_compared_from_the_day_it_does(service: Service, cast: Cast) -> None:
    soon = await sign_agreement(
        service, cast.assisting, cast.requesting, terms=RECEIVING, effective_on=today() + timedelta(days=30)
    )
    (found,) = await compared(cast.assisting, await draft(cast.assisting, cast.requesting, terms=SENDING))
    assert (found["agreement_id"], found["bound_together_from"]) == (soon["id"], soon["starts_at"])


async def test_one_that_rests_on_a_report_without_effect_is_not_compared(service: Service, cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting, terms=RECEIVING)
    drafted = await draft(cast.assisting, cast.requesting, terms=SENDING)
    more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": found["version_sha256"]}
    _, path = await report(cast.assisting, found, letter(cast.requesting, date(2025, 2, 1), **more))
    assert await compared(cast.assisting, drafted) == []
    assert await compared(cast.assisting, found) == []
    await cast.requesting.legal.done("POST", f"{path}/confirm")
    (meets,) = await compared(cast.assisting, drafted)
    assert meets["agreement_id"] == found["id"]


async def test_two_that_never_bind_at_the_same_time_do_not_meet(service: Service, cast: Cast) -> None:
    lapsing = today() + timedelta(days=30)
    await sign_agreement(service, cast.assisting, cast.requesting, terms=RECEIVING, expires_on=lapsing)
    successor = {"terms": SENDING, "effective_on": lapsing + timedelta(days=1)}
    assert await compared(cast.assisting, await draft(cast.assisting, cast.requesting, **successor)) == []
    overlapping = {"terms": SENDING, "effective_on": lapsing}
    assert len(await compared(cast.assisting, await draft(cast.assisting, cast.requesting, **overlapping))) == 1
    predecessor = {"terms": SENDING, "effective_on": "2020-01-01", "expires_on": "2024-12-31"}
    assert await compared(cast.assisting, await draft(cast.assisting, cast.requesting, **predecessor)) == []


async def test_a_party_that_left_is_no_common_party_any_more(service: Service, cast: Cast) -> None:
    one = await sign_agreement(
        service, cast.assisting, cast.requesting, cast.neighbour, terms=SENDING, notice={"days": 30}
    )
    await sign_agreement(service, cast.assisting, cast.requesting, terms=RECEIVING)
    notice = {"notice_on": str(today()), "reason": "the council declined"}
    await cast.requesting.legal.done("POST", f"{PATH}/{one['id']}/give-notice", notice)
    assert len(await compared(cast.assisting, one)) == 1, "it is bound until its notice has run out"
    left = format_instant(utc_now() + timedelta(days=40))
    assert await compared(cast.assisting, one, f"?as_of={left}") == []


async def test_parties_bound_one_after_the_other_are_never_bound_together(service: Service, cast: Cast) -> None:
    """Windows that touch, from the table itself: a window is half-open."""
    other = await sign_agreement(service, cast.assisting, cast.requesting, terms=RECEIVING)
    drafted = await draft(cast.assisting, cast.requesting, terms=SENDING)
    turn = utc_now() + timedelta(days=1)
    windows = agreement_party_window
    its = windows.c.agreement_id == UUID(other["id"])
    async with unit_of_work(service.database) as write:
        await write.run(windows.update().where(its, windows.c.agency_id == cast.assisting.id).values(ends_at=turn))
        await write.run(windows.update().where(its, windows.c.agency_id == cast.requesting.id).values(starts_at=turn))
    assert await compared(cast.assisting, drafted) == []
    async with unit_of_work(service.database) as write:
        later = turn + timedelta(microseconds=1)
        await write.run(windows.update().where(its, windows.c.agency_id == cast.assisting.id).values(ends_at=later))
    (found,) = await compared(cast.assisting, drafted)
    assert found["bound_together_from"] == format_instant(turn)


async def test_each_is_compared_with_the_text_that_it_has_by_then(service: Service, cast: Cast) -> None:
    """An amendment that takes effect tomorrow contradicts from tomorrow on, and not before."""
    one = await sign_agreement(service, cast.assisting, cast.requesting, terms=SENDING)
    other = await sign_agreement(service, cast.assisting, cast.requesting, terms=SENDING)
    change = {"terms": {"categories": ["any"], **RECEIVING}}
    sent = await out_for_signature(cast, other, change)
    digest = sent["amendment"]["version_sha256"]
    (draft_of_other,) = await compared(cast.requesting, other, "?version_no=2")
    assert [each["term"] for each in draft_of_other["contradictions"]] == ["liability"], "told before anybody signs it"
    assert (await compared(cast.requesting, other))[0]["contradictions"] == []
    for agency in (cast.assisting, cast.requesting):
        await agency.signatory.done("POST", f"{PATH}/{other['id']}/sign", hand(digest))
    (now,) = await compared(cast.requesting, one)
    assert (now["version_no"], now["contradictions"]) == (1, [])
    (later,) = await compared(cast.requesting, one, f"?as_of={format_instant(utc_now() + timedelta(days=3))}")
    assert (later["version_no"], later["version_sha256"]) == (2, digest)
    assert [each["term"] for each in later["contradictions"]] == ["liability"]


async def test_an_amendment_that_is_not_frozen_is_its_custodians_alone(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    await cast.assisting.legal.done("POST", f"{PATH}/{made['id']}/amend", opened_tomorrow())
    for check in ("contradictions", "completeness"):
        path = f"{PATH}/{made['id']}/{check}?version_no=2"
        assert (await cast.assisting.coordinator.get(path)).json()["version_no"] == 2
        assert_problem(await cast.requesting.legal.get(path), 404, "not_found")


async def test_the_list_is_paged_by_agreement(service: Service, cast: Cast) -> None:
    others = [await sign_agreement(service, cast.assisting, cast.requesting, terms=RECEIVING) for _ in range(5)]
    drafted = await draft(cast.assisting, cast.requesting, terms=SENDING)
    path: str | None = f"{PATH}/{drafted['id']}/contradictions?limit=2"
    seen: list[str] = []
    sizes: list[int] = []
    while path is not None:
        response = await cast.assisting.coordinator.get(path)
        seen += [each["agreement_id"] for each in response.json()["items"]]
        sizes.append(len(response.json()["items"]))
        path = response.links["next"]["url"] if response.json()["next_cursor"] else None
    assert (seen, sizes) == (sorted((each["id"] for each in others), reverse=True), [2, 2, 1])


async def test_a_compact_of_many_parties_is_compared_once(service: Service, cast: Cast) -> None:
    """Thirty parties in common are 435 pairs; the answer is one, and names how many they are."""
    many = [await make_agency(service, "Member", active=False) for _ in range(28)]
    one = await sign_agreement(service, cast.assisting, cast.requesting, terms=SENDING)
    other = await sign_agreement(service, cast.assisting, cast.requesting, terms=RECEIVING)
    async with unit_of_work(service.database) as write:
        for agreement_id in (UUID(one["id"]), UUID(other["id"])):
            own = agreement_party_window.c.agreement_id == agreement_id
            window = await write.first(sa.select(agreement_party_window).where(own))
            assert window is not None
            for ordinal, member in enumerate(many, 2):
                named = {"agreement_id": agreement_id, "agency_id": member.id}
                await write.run(agreement_party.insert(), {**named, "ordinal": ordinal, "joined_at": window.starts_at})
                await write.run(agreement_party_window.insert(), {**window._mapping, **named})
    (found,) = await compared(cast.assisting, one)
    assert found["parties_in_common"] == 30


async def test_whoever_sees_the_public_view_alone_is_refused(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    for reader in (cast.stranger.legal, service.operator):
        assert_problem(await reader.get(f"{PATH}/{made['id']}/contradictions"), 403, "forbidden")


async def test_a_stranger_hears_of_no_agreement(service: Service, cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting)
    hidden = assert_problem(await cast.requesting.legal.get(f"{PATH}/{made['id']}/contradictions"), 404, "not_found")
    absent = assert_problem(await cast.requesting.legal.get(f"{PATH}/{uuid4()}/contradictions"), 404, "not_found")
    assert hidden["detail"] == absent["detail"]


async def test_nobody_without_a_token_or_scope(service: Service, cast: Cast) -> None:
    path = f"{PATH}/{uuid4()}/contradictions"
    assert_problem(await service.anonymous.get(path), 401, "unauthenticated")
    assert_problem(await cast.assisting.as_(Role.LEGAL, scope="assets:read").get(path), 403, "forbidden")


@pytest.mark.parametrize("query", ["as_of=yesterday", "as_of=2026-01-01T00:00:00", "limit=0", "limit=201", "with=x"])
async def test_a_malformed_question_is_refused(cast: Cast, query: str) -> None:
    made = await draft(cast.assisting, cast.requesting)
    response = await cast.assisting.coordinator.get(f"{PATH}/{made['id']}/contradictions?{query}")
    assert response.status_code == 400


async def test_an_instant_or_a_cursor_of_nowhere_is_refused(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting)
    path = f"{PATH}/{made['id']}/contradictions"
    reader = cast.assisting.coordinator
    assert_problem(await reader.get(f"{path}?as_of=1800-01-01T00:00:00Z"), 422, "instant_out_of_range")
    assert_problem(await reader.get(f"{path}?cursor=WzFd"), 422, "bad_cursor")
