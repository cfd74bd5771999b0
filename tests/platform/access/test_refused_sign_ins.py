"""Refused sign-ins are on record, summed, for the operator and for the agency that a verified token names."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from registry.platform.access.principals import Role
from registry.platform.access.sign_ins import RefusedSignIns, SignInSums
from registry.platform.issuers import DEVELOPMENT_ISSUER
from registry.platform.kernel.errors import Busy
from tests.platform.access.conftest import Trusting
from tests.platform.access.forging import AGENCY_ISSUER, Forge, make_key
from tests.support.agreements import sign_agreement
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_long

PATH = "/v1/audit-events"
REFUSED = "type=access.sign_in_refused&limit=200"
NOON = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)


async def heard(service: Service, caller: Caller, query: str = REFUSED) -> list[dict[str, Any]]:
    """What the caller sees, once the sums are recorded."""
    await service.edge.app.state.sign_ins.record_sums()
    items: list[dict[str, Any]] = (await caller.done("GET", f"{PATH}?{query}"))["items"]
    return items


async def try_tokens(trusting: Trusting, *tokens: str) -> None:
    for token in tokens:
        answer = await trusting.service.http.get("/v1/agencies", headers={"authorization": f"Bearer {token}"})
        assert answer.status_code == 401


def total(events: list[dict[str, Any]], reason: str) -> int:
    """How many tokens of the agency's issuer were refused for that reason."""
    asked = (AGENCY_ISSUER, reason)
    return sum(each["data"]["count"] for each in events if (each["data"]["issuer"], each["data"]["reason"]) == asked)


async def test_refusals_are_summed_by_issuer_and_reason_and_nothing_of_the_token_is_kept(trusting: Trusting) -> None:
    forge, service = trusting.agency, trusting.service
    auditor = Caller(service, forge.token(forge.claims(roles=["auditor"])))
    before = {reason: total(await heard(service, auditor), reason) for reason in ("expired", "wrong_audience")}
    expired = forge.token(forge.claims(exp=9, iat=1, sub="late-officer"))
    await try_tokens(trusting, expired, expired, expired, forge.token(forge.claims(aud="other")))
    events = await heard(service, auditor)
    assert total(events, "expired") == before["expired"] + 3
    assert total(events, "wrong_audience") == before["wrong_audience"] + 1
    assert AGENCY_ISSUER in {each["data"]["issuer"] for each in events}
    assert {each["outcome"] for each in events} == {"denied"}
    written = msgspec.json.encode(events).decode()
    assert "late-officer" not in written
    assert not any(part in written for part in expired.split("."))


async def test_an_agency_hears_of_verified_tokens_alone_and_the_operator_of_all(trusting: Trusting) -> None:
    forge, service = trusting.agency, trusting.service
    auditor = Caller(service, forge.token(forge.claims(roles=["auditor"])))
    operator, reason = service.operator, "bad_signature"
    own, all_ = total(await heard(service, auditor), reason), total(await heard(service, operator), reason)
    forged = forge.token(key=make_key("ES256", forge.key.kid))
    await try_tokens(trusting, forged, forged)
    assert total(await heard(service, auditor), reason) == own, "anybody can write an agency into a forged token"
    assert total(await heard(service, operator), reason) == all_ + 2


async def test_of_an_issuer_that_is_not_trusted_nothing_is_recorded(trusting: Trusting) -> None:
    made_up = f"https://{uuid4().hex}.example"
    stranger = Forge(issuer=made_up, agency_id=uuid4(), keys={"ES256": make_key("ES256", "x")})
    await try_tokens(trusting, stranger.token())
    events = await heard(trusting.service, trusting.service.operator)
    assert made_up not in {each["data"]["issuer"] for each in events}


async def test_a_good_token_whose_bearer_may_not_act_counts_too(cast: Cast, service: Service) -> None:
    agency, subject = cast.assisting, f"leaver-{uuid4().hex}"
    ask = {"kind": "person", "issuer": DEVELOPMENT_ISSUER, "value": subject, "reason": "Left (demo)."}
    await agency.admin.done("POST", "/v1/revocations", ask)
    leaver = agency.as_(Role.COORDINATOR, subject=subject)
    for _ in range(3):
        assert_problem(await leaver.get("/v1/me"), 403, "principal_suspended")
    (event,) = await heard(service, agency.auditor)
    assert (event["data"]["reason"], event["data"]["count"]) == ("principal_suspended", 3)
    assert await heard(service, cast.stranger.auditor) == []


async def test_an_auditor_sees_who_read_restricted_text_and_what_was_tried(cast: Cast, service: Service) -> None:
    one, other = cast.assisting, cast.requesting
    secret = {
        "number": "2",
        "heading": "communications",
        "text": "Restricted words (demo).",
        "sensitivity": "restricted",
        "exemption": "have counsel review",
    }
    made = await sign_agreement(service, one, other, provisions=[secret])
    await other.legal.done("GET", f"/v1/agreements/{made['id']}")
    assert_problem(await other.coordinator.post(f"/v1/agreements/{made['id']}/terminate", {}), 403)
    read = "type=agreement.restricted_text_read"
    (told,) = [each for each in await heard(service, one.auditor, read) if each["actor"]["agency_id"] == str(other.id)]
    assert (told["agreement_id"], told["actor"]["roles"], told["private"]) == (made["id"], ["legal"], None)
    mine = [each for each in await heard(service, other.auditor, read) if each["actor"]["agency_id"] == str(other.id)]
    assert mine[0]["private"]["subject"].startswith("legal@"), "its own auditor is told the person"
    assert await heard(service, one.admin, read) == [], "restricted readings are for auditors"
    denied = await heard(service, other.auditor, "type=access.denied")
    assert [each["data"]["operation"] for each in denied] == ["terminate_agreement"]
    assert await heard(service, one.auditor, "type=access.denied") == []
    both = await heard(service, other.auditor, f"{read}&type=access.denied&sort=created_at")
    assert [each["id"] for each in both] == sorted(each["id"] for each in both)
    assert {each["type"] for each in both} == {"access.denied", "agreement.restricted_text_read"}
    assert await heard(service, other.auditor, "recorded_to=2020-01-01T00:00:00Z") == []
    assert len(await heard(service, other.auditor, "recorded_from=2020-01-01T00:00:00Z")) == len(both)


async def test_who_may_look_and_who_may_not(cast: Cast, service: Service) -> None:
    assert_problem(await service.anonymous.get(PATH), 401, "unauthenticated")
    for caller in (cast.assisting.coordinator, cast.assisting.legal, cast.assisting.machine):
        assert_problem(await caller.get(PATH), 403, "forbidden")
    assert_problem(await cast.assisting.auditor.get(f"{PATH}?type=loan.returned"), 400)
    assert_problem(await cast.assisting.auditor.get(f"{PATH}?cursor=x"), 422)


async def test_thousands_of_tokens_fill_one_row_a_minute_and_expired_ones_one_an_hour() -> None:
    recorded: list[RefusedSignIns] = []

    async def record(refused: RefusedSignIns) -> None:
        recorded.append(refused)

    sums = SignInSums(record)
    for second in range(3_000):
        sums.note(AGENCY_ISSUER, "bad_signature", None, NOON + timedelta(seconds=second % 50))
        sums.note(AGENCY_ISSUER, "expired", None, NOON + timedelta(seconds=second))
    await sums.record_sums(NOON + timedelta(seconds=49))
    assert recorded == [], "the minute is not over"
    await sums.record_sums(NOON + timedelta(minutes=1))
    assert [(each.reason, each.count) for each in recorded] == [("bad_signature", 3_000)]
    assert recorded[0].end - recorded[0].start == timedelta(minutes=1)
    await sums.record_sums()
    assert [(each.reason, each.count) for each in recorded[1:]] == [("expired", 3_000)]
    assert recorded[1].end - recorded[1].start == timedelta(hours=1)


async def test_what_cannot_be_recorded_and_what_comes_meanwhile_is_kept() -> None:
    recorded: list[int] = []
    away = True

    async def record(refused: RefusedSignIns) -> None:
        if away:
            raise Busy("The database is away.")
        sums.note(refused.issuer, refused.reason, None, NOON) if not recorded else None
        recorded.append(refused.count)
        await asyncio.sleep(0)

    sums = SignInSums(record)
    sums.note(AGENCY_ISSUER, "bad_signature", None, NOON)
    with pytest.raises(Busy):
        await sums.record_sums()
    away = False
    await sums.record_sums()
    await sums.record_sums()
    await sums.record_sums()
    assert recorded == [1, 1]
