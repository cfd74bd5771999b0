"""Amendments and renewals: new effective-dated versions, beside a text that stays in force until all have signed."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from registry.agreements.instruments.commands import ending, holding, signing
from registry.agreements.instruments.schemas.given import OwnSuspension, Signing, WithdrawalNotice
from registry.agreements.instruments.term_days import utc_bounds
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import DomainError
from registry.platform.kernel.time import add_months, civil_day, day_starts_at, format_instant, utc_now
from tests.agreements.instruments.test_in_force import CHICAGO, TICK, in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import (
    EVIDENCE,
    PROVISIONS,
    agreement_body,
    confirm_agreement,
    record_agreement,
    sign_agreement,
)
from tests.support.cast import Agency, Cast, today
from tests.support.consent import agree_to_days, end_agreement, proof
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.review import sent_out
from tests.support.service import Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agreements"


def opened_tomorrow() -> dict[str, Any]:
    """How an amendment is opened that takes effect on the next day."""
    return {"effective_on": str(today() + timedelta(days=1)), "reason": "more dogs"}


def hand(digest: str) -> dict[str, str]:
    return {"version_sha256": digest, "signatory_title": "Sheriff", "manner": "electronic"}


async def act(agency: Agency, found: dict[str, Any], verb: str, body: object = None) -> dict[str, Any]:
    person = agency.signatory if verb == "sign" else agency.legal
    done: dict[str, Any] = await person.done("POST", f"{PATH}/{found['id']}/{verb}", body)
    return done


async def out_for_signature(
    cast: Cast, found: dict[str, Any], change: dict[str, Any], **opening: Any
) -> dict[str, Any]:
    """An amendment that makes the change, drafted, reviewed and sent out."""
    opened = await act(cast.assisting, found, "amend", {**opened_tomorrow(), **opening})
    path = f"{PATH}/{found['id']}"
    await cast.assisting.legal.done("PATCH", path, change, if_match=f'"{opened["version"]}-00000000"')
    return await sent_out(cast.assisting, found["id"])


def versions(items: list[dict[str, Any]]) -> list[tuple[int, str, bool]]:
    return [(each["version_no"], each["kind"], each["executed_at"] is not None) for each in items]


async def test_an_amendment_takes_effect_when_every_bound_party_has_signed_and_the_past_keeps_its_text(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, terms={"max_duration_hours": 24})
    path = f"{PATH}/{found['id']}"
    change = {"title": "Aid, amended (demo)", "terms": {"categories": ["k9"], "max_duration_hours": 48}}
    sent = await out_for_signature(cast, found, change)
    amendment = sent["amendment"]
    assert (amendment["version_no"], amendment["kind"], amendment["stage"]) == (2, "amendment", "out_for_signature")
    assert (sent["stage"], sent["status"], sent["version_no"]) == ("executed", "in_force", 1)
    assert sent["terms"]["max_duration_hours"] == 24, "what is in force stays in force meanwhile"

    half = await act(cast.assisting, found, "sign", hand(amendment["version_sha256"]))
    assert (half["version_no"], half["amendment"]["stage"]) == (1, "out_for_signature")
    signed = await act(cast.requesting, found, "sign", hand(amendment["version_sha256"]))
    assert (signed["amendment"], signed["version_no"]) == (None, 1), "it is not tomorrow yet"
    assert versions((await cast.requesting.legal.done("GET", f"{path}/versions?sort=created_at"))["items"]) == [
        (1, "original", True),
        (2, "amendment", True),
    ]
    second = await cast.requesting.legal.done("GET", f"{path}/versions/2")
    by_name = {each["agency"]["id"]: each["agency"] for each in second["signatures"]}
    assert by_name == {each.reference["id"]: each.reference for each in (cast.assisting, cast.requesting)}

    change_over, _ = utc_bounds(today() + timedelta(days=1), None, CHICAGO)
    for at, no, hours, categories in (
        (change_over - TICK, 1, 24, ["any"]),
        (change_over, 2, 48, ["k9"]),
    ):
        seen = await cast.requesting.legal.done("GET", f"{path}?as_of={format_instant(at)}")
        assert (seen["version_no"], seen["terms"]["max_duration_hours"], seen["categories"]) == (no, hours, categories)
        (held,) = await in_force(cast.requesting, cast.assisting, at)
        assert (held["version_no"], held["terms"]["max_duration_hours"]) == (no, hours)
    assert len(await in_force(cast.requesting, cast.assisting, change_over - TICK, category="vehicle")) == 1
    assert await in_force(cast.requesting, cast.assisting, change_over, category="vehicle") == []


async def test_the_public_finds_and_reads_the_text_that_holds_and_not_the_one_to_come(
    service: Service, cast: Cast
) -> None:
    def saying(words: str) -> list[dict[str, str]]:
        return [{"number": "1", "heading": "purpose", "text": words, "sensitivity": "public"}]

    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=saying("Of avalanches."))
    sent = await out_for_signature(cast, found, {"provisions": saying("Of blizzards.")})
    for agency in (cast.assisting, cast.requesting):
        await act(agency, found, "sign", hand(sent["amendment"]["version_sha256"]))
    for word, hits in (("avalanches", [found["id"]]), ("blizzards", [])):
        search = f"{PATH}/search?q={word}&party_id={cast.assisting.id}"
        seen = await cast.stranger.coordinator.done("GET", search)
        assert [item["agreement_id"] for item in seen["items"]] == hits, word
        by_party = await cast.requesting.coordinator.done("GET", search)
        assert [item["agreement_id"] for item in by_party["items"]] == [found["id"]], word
    shown = await cast.stranger.coordinator.done("GET", f"{PATH}/{found['id']}")
    assert [each["text"] for each in shown["provisions"]] == ["Of avalanches."]


async def test_a_party_that_has_left_need_not_sign_and_one_that_is_leaving_must(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, notice={"days": 30})
    then = utc_now() - timedelta(days=40)
    notice = WithdrawalNotice(notice_on=civil_day(then, CHICAGO), reason="the council declined")
    async with unit_of_work(service.database) as write:
        leaver = acting_for(cast.neighbour, Role.LEGAL, now=then)
        await ending.give_notice(write, leaver, UUID(found["id"]), notice, None)
    await act(cast.requesting, found, "give-notice", {"notice_on": str(today()), "reason": "x"})
    sent = await out_for_signature(cast, found, {"title": "Aid among two (demo)"})
    assert sent["signing"]["outstanding"] == [cast.assisting.reference, cast.requesting.reference]
    half = await act(cast.assisting, found, "sign", hand(sent["amendment"]["version_sha256"]))
    assert half["amendment"] is not None
    signed = await act(cast.requesting, found, "sign", hand(sent["amendment"]["version_sha256"]))
    assert signed["amendment"] is None


async def test_a_renewal_goes_on_where_the_term_ends_and_closes_the_gap(service: Service, cast: Cast) -> None:
    soon = today() + timedelta(days=10)
    found = await sign_agreement(service, cast.assisting, cast.requesting, expires_on=soon)
    path = f"{PATH}/{found['id']}"
    short = {**opened_tomorrow(), "kind": "renewal", "expires_on": str(soon)}
    problem = assert_problem(await cast.assisting.legal.post(f"{path}/amend", short), 422, "renewal_without_extension")
    assert problem["errors"][0]["pointer"] == "/expires_on"
    later, last = soon + timedelta(days=1), soon + timedelta(days=365)
    renewing = {"kind": "renewal", "effective_on": str(later), "expires_on": str(last), "reason": "a year more"}
    await act(cast.assisting, found, "amend", renewing)
    found = await sent_out(cast.assisting, found["id"])
    for agency in (cast.assisting, cast.requesting):
        found = await act(agency, found, "sign", hand(found["amendment"]["version_sha256"]))
    seam, _ = utc_bounds(later, None, CHICAGO)
    for at in (seam - TICK, seam, seam + timedelta(days=300)):
        assert len(await in_force(cast.requesting, cast.assisting, at)) == 1
    seen = await cast.requesting.legal.done("GET", f"{path}?as_of={format_instant(seam)}")
    assert (seen["expires_on"], seen["version_kind"], seen["status"]) == (str(last), "renewal", "in_force")
    _, ends_at = utc_bounds(later, last, CHICAGO)
    assert ends_at is not None
    gone = await cast.requesting.legal.done("GET", f"{path}?as_of={format_instant(ends_at)}")
    assert gone["status"] == "expired"


async def test_an_amendment_on_paper_counts_from_the_last_paper_signature(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    paper = {
        "title": "First addendum (demo)",
        "effective_on": "2025-03-01",
        "terms": {"categories": ["vehicle"]},
        "provisions": PROVISIONS,
        "signed_on": "2025-04-02",
        "signatory_title": "Chief",
        "evidence_sha256": EVIDENCE,
        "reason": "found in the binder",
    }
    recorded = await act(cast.assisting, found, "record-amendment", paper)
    digest = recorded["amendment"]["version_sha256"]
    assert recorded["version_no"] == 1
    confirmation = {"version_sha256": digest, "signatory_title": "Sheriff", "signed_on": "2025-05-09"}
    refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/confirm", confirmation)
    assert_problem(refused, 422, "evidence_missing")
    named = {**confirmation, "evidence_sha256": EVIDENCE}
    unfiled = await cast.requesting.legal.post(f"{PATH}/{found['id']}/confirm", named)
    assert assert_problem(unfiled, 422, "evidence_not_on_file")["errors"][0]["pointer"] == "/evidence_sha256"
    confirmation["evidence_sha256"] = await proof(cast.requesting, found)
    confirmed = await act(cast.requesting, found, "confirm", confirmation)
    assert (confirmed["version_no"], confirmed["categories"]) == (2, ["vehicle"])
    await agree_to_days(found, cast.assisting)
    took_effect = day_starts_at(date(2025, 5, 9), ZoneInfo(CHICAGO))
    for at, no in ((took_effect - TICK, 1), (took_effect, 2)):
        assert [item["version_no"] for item in await in_force(cast.requesting, cast.assisting, at)] == [no]


async def test_what_an_amendment_on_paper_leaves_out_stays_as_before(service: Service, cast: Cast) -> None:
    term: dict[str, Any] = {
        "expires_on": str(today() + timedelta(days=400)),
        "auto_renew_months": 12,
        "auto_renew_times": 2,
    }
    silent = {
        "title": "First addendum (demo)",
        "effective_on": "2025-03-01",
        "terms": {"categories": ["vehicle"]},
        "provisions": PROVISIONS,
        "signed_on": "2025-04-02",
        "signatory_title": "Chief",
        "evidence_sha256": EVIDENCE,
        "reason": "found in the binder",
    }
    never = {"expires_on": None, "auto_renew_months": None, "auto_renew_times": None}
    for said, expected in (({}, term), ({"expires_on": None}, never), ({"auto_renew_months": None}, None)):
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 45}, **term)
        recorded = await act(cast.assisting, found, "record-amendment", {**silent, **said})
        hand = {"version_sha256": recorded["amendment"]["version_sha256"], "signatory_title": "Sheriff"}
        after = await act(
            cast.requesting,
            found,
            "confirm",
            {**hand, "signed_on": "2025-05-09", "evidence_location": "Vault (demo)"},
        )
        assert after["version_no"] == 2
        now_says = {name: after[name] for name in term}
        assert now_says == (expected or {**never, "expires_on": term["expires_on"]}), said
        assert after["notice"]["days"] == 45
    refused = await cast.assisting.legal.post(
        f"{PATH}/{found['id']}/record-amendment", {**silent, "kind": "renewal", "effective_on": "2025-07-01"}
    )
    assert_problem(refused, 422, "renewal_without_extension")


async def test_terms_that_an_amendment_on_paper_leaves_out_stay_or_are_named_one_by_one(
    service: Service, cast: Cast
) -> None:
    """Given, they are all of the text's terms: so none is gone that the answer does not name."""
    terms = {"categories": ["vehicle"], "purposes": ["training"], "max_duration_hours": 48, "liability": "respective"}
    terms |= {"approval_required": True, "cost_ceiling": {"amount": "1000.00", "currency": "USD"}}
    paper = {"title": "Longer loans (demo)", "effective_on": "2025-03-01", "provisions": PROVISIONS}
    paper |= {"signed_on": "2025-04-02", "signatory_title": "Chief", "evidence_sha256": EVIDENCE, "reason": "filed"}

    async def recorded(**more: Any) -> tuple[dict[str, str], dict[str, Any]]:
        found = await sign_agreement(service, cast.assisting, cast.requesting, terms=terms)
        said = await act(cast.assisting, found, "record-amendment", {**paper, **more})
        version = await cast.assisting.legal.done(
            "GET", f"{PATH}/{found['id']}/versions/{said['amendment']['version_no']}"
        )
        ours = [each for each in said["remarks"] if each["version_no"] == version["version_no"]]
        told = {each["code"]: each["detail"] for each in ours if "terms" in each["detail"] or "says" in each["detail"]}
        return told, version["terms"]

    told, now = await recorded(terms={"categories": ["vehicle"], "max_duration_hours": 72})
    assert (now["purposes"], now["cost_ceiling"], now["approval_required"], now["liability"]) == (
        [],
        None,
        None,
        "silent",
    )
    gone = {*told["term_removed"].partition(" says ")[2].partition(", and this")[0].split(", ")}
    assert {"purposes", "cost_ceiling", "liability", "approval_required"} <= gone
    assert not gone & {"categories", "max_duration_hours"}
    assert told["term_changed"] == "Of max_duration_hours version 1 says another thing than this text."
    told, now = await recorded(title="New address (demo)")
    assert {name: now[name] for name in terms} == terms, "what it does not name stays"
    assert "No terms were given, so these are as in version 1: categories, purposes" in told["term_kept"]


async def test_the_last_party_that_is_waited_for_executes_an_amendment_by_leaving(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, notice={"days": 2})
    sent = await out_for_signature(cast, found, {"title": "Without them (demo)"})
    digest = sent["amendment"]["version_sha256"]
    for party in (cast.assisting, cast.requesting):
        await act(party, found, "sign", hand(digest))
    notice = WithdrawalNotice(notice_on=today(), reason="we leave")
    async with unit_of_work(service.database) as write:
        left = await ending.give_notice(write, acting_for(cast.neighbour, Role.LEGAL), UUID(found["id"]), notice, None)
    gone_at = left.parties[2].leaves_at
    assert gone_at is not None
    assert left.amendment is not None, "until then it may still sign"
    for at, no in ((gone_at - TICK, 1), (gone_at + timedelta(days=1), 2)):
        assert [item["version_no"] for item in await in_force(cast.requesting, cast.assisting, at)] == [no]
    later = gone_at + timedelta(minutes=1)
    async with unit_of_work(service.database) as write:
        lawyer = acting_for(cast.neighbour, Role.LEGAL, now=later)
        body = Signing(version_sha256=digest, signatory_title="Sheriff", signed_on=today(), manner="wet")
        with pytest.raises(DomainError):
            await signing.sign(write, lawyer, UUID(found["id"]), body, None)
    async with unit_of_work(service.database) as write:
        custodian = acting_for(cast.assisting, Role.LEGAL, now=later)
        done = await ending.suspend(write, custodian, UUID(found["id"]), OwnSuspension(reason="inquiry"), None)
    assert (done.amendment, done.version_no, done.title) == (None, 2, "Without them (demo)")


async def test_who_is_not_bound_signs_no_amendment(service: Service, cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting, cast.neighbour)
    await confirm_agreement(found, cast.requesting)
    sent = await out_for_signature(cast, found, {"title": "Among the bound (demo)"})
    refused = await cast.neighbour.legal.post(f"{PATH}/{found['id']}/sign", hand(sent["amendment"]["version_sha256"]))
    assert_problem(refused, 409, "wrong_status")


async def test_the_draft_of_an_amendment_is_its_custodians_and_its_review_all_parties(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    opened = await act(cast.assisting, found, "amend", opened_tomorrow())
    assert opened["amendment"]["stage"] == "draft"
    assert (await cast.requesting.legal.done("GET", path))["amendment"] is None
    assert_problem(await cast.requesting.legal.get(f"{path}/versions/2"), 404)
    await act(cast.assisting, found, "submit")
    assert (await cast.requesting.legal.done("GET", path))["amendment"]["stage"] == "in_review"
    assert (await cast.requesting.legal.get(f"{path}/versions/2")).status_code == 200
    back = await act(cast.assisting, found, "send-back", {"reason": "the county's wording"})
    assert (back["amendment"]["version_no"], back["amendment"]["stage"], back["stage"]) == (3, "draft", "executed")
    gone = await act(cast.assisting, found, "withdraw", {"reason": "no longer wanted"})
    assert (gone["amendment"], gone["status"]) == (None, "in_force")
    again = await act(cast.assisting, found, "amend", opened_tomorrow())
    assert again["amendment"]["version_no"] == 4, "numbers are never used twice"


async def test_an_amendment_changes_the_text_and_not_who_agreed(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    assert_problem(await cast.assisting.legal.patch(path, {"title": "X"}, if_match='"2-00000000"'), 409, "wrong_status")
    opened = await act(cast.assisting, found, "amend", opened_tomorrow())
    tag = f'"{opened["version"]}-00000000"'
    parties = {"parties": [str(cast.assisting.id), str(cast.stranger.id)], "number": "MA-0"}
    problem = assert_problem(await cast.assisting.legal.patch(path, parties, if_match=tag), 422, "not_amendable")
    assert {fault["pointer"] for fault in problem["errors"]} == {"/parties", "/number"}
    faulty = {"terms": {"categories": ["unicorn"]}}
    assert_problem(await cast.assisting.legal.patch(path, faulty, if_match=tag), 422, "agreement_faulty")


async def test_amending_is_the_custodians_needs_an_executed_agreement_and_one_at_a_time(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}/amend"
    elsewhere = path.replace(found["id"], "0" * 8 + found["id"][8:])
    stale = '"1-00000000"'
    assert_problem(await service.anonymous.post(path, opened_tomorrow()), 401)
    assert_problem(await cast.stranger.legal.post(elsewhere, opened_tomorrow()), 404)
    assert_problem(await cast.requesting.legal.post(path, opened_tomorrow()), 403, "forbidden")
    assert_problem(await cast.assisting.coordinator.post(path, opened_tomorrow()), 403, "forbidden")
    assert_problem(await cast.assisting.legal.post(path, {**opened_tomorrow(), "effective_on": "soon"}), 400)
    assert_problem(await cast.assisting.legal.post(path, opened_tomorrow(), if_match=stale), 412, "stale_version")
    early = {**opened_tomorrow(), "effective_on": "2024-12-31"}
    assert_problem(await cast.assisting.legal.post(path, early), 422, "amends_before_start")
    first = await cast.assisting.legal.post(path, opened_tomorrow(), key="amend-once")
    assert (await cast.assisting.legal.post(path, opened_tomorrow(), key="amend-once")).content == first.content
    assert_problem(await cast.assisting.legal.post(path, opened_tomorrow()), 409, "amendment_open")
    await end_agreement(found, cast.assisting, cast.requesting)
    assert_problem(await cast.assisting.legal.post(path, opened_tomorrow()), 409, "wrong_status")
    ended = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}")
    assert ended["amendment"] is None, "what ends the agreement ends the change of it"


async def test_of_two_amendments_opened_at_once_one_is(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}/amend"
    answers = await asyncio.gather(*(cast.assisting.legal.post(path, opened_tomorrow()) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


async def test_the_last_two_signatures_at_once_execute_an_amendment_once(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    sent = await out_for_signature(cast, found, {"title": "At once (demo)"})
    body = hand(sent["amendment"]["version_sha256"])
    path = f"{PATH}/{found['id']}"
    answers = await asyncio.gather(*(a.signatory.post(f"{path}/sign", body) for a in (cast.assisting, cast.requesting)))
    assert [answer.status_code for answer in answers] == [200, 200]
    events = (await cast.assisting.legal.done("GET", f"{path}/history?sort=version"))["items"]
    assert [event["type"] for event in events].count("agreement.amended") == 1


class TestARenewalThatOneDoesNotSign:
    """Whose term ends before the renewed one begins, and who does not sign, just ends."""

    async def _renewed_by(self, service: Service, cast: Cast, *signing: Agency, begins_in: int = 21) -> dict[str, Any]:
        """Three are bound through the twentieth day from now; the custodian records a renewal, the others sign it."""
        parties = (cast.assisting, cast.requesting, cast.neighbour)
        found = await sign_agreement(service, *parties, expires_on=today() + timedelta(days=20))
        terms: dict[str, Any] = {"effective_on": today() + timedelta(days=begins_in)}
        terms["expires_on"] = str(today() + timedelta(days=400))
        return await amended_on_paper(found, cast.assisting, *signing, **terms, kind="renewal", signed_on=today())

    async def test_the_others_go_on_without_it_and_it_ends_with_its_term(self, service: Service, cast: Cast) -> None:
        found = await self._renewed_by(service, cast, cast.requesting)
        assert found["amendment"] is None, "a paper waits for nobody; the third may still sign it"
        begins = day_starts_at(today() + timedelta(days=21), ZoneInfo(CHICAGO))
        for at, others, third in ((begins - TICK, 1, 1), (begins, 1, 0)):
            assert len(await in_force(cast.requesting, cast.assisting, at)) == others, at
            assert len(await in_force(cast.neighbour, cast.assisting, at)) == third, at
        await holding.settle_all_due(service.database, begins)
        seen = await cast.neighbour.legal.done("GET", f"{PATH}/{found['id']}")
        assert (seen["amendment"], seen["expires_on"]) == (None, str(today() + timedelta(days=20)))
        assert seen["parties"][2]["leaves_at"] is None, "it gave no notice"

    async def test_it_takes_part_if_it_signs_before_its_term_is_over(self, service: Service, cast: Cast) -> None:
        found = await self._renewed_by(service, cast, cast.requesting, cast.neighbour)
        assert found["amendment"] is None
        begins = day_starts_at(today() + timedelta(days=21), ZoneInfo(CHICAGO))
        assert len(await in_force(cast.neighbour, cast.assisting, begins)) == 1

    async def test_one_alone_renews_nothing(self, service: Service, cast: Cast) -> None:
        found = await self._renewed_by(service, cast)
        begins = day_starts_at(today() + timedelta(days=21), ZoneInfo(CHICAGO))
        await holding.settle_all_due(service.database, begins)
        seen = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}?as_of={format_instant(begins)}")
        assert (seen["status"], seen["version_no"]) == ("expired", 1)
        assert await in_force(cast.requesting, cast.assisting, begins) == []

    async def test_a_paper_that_begins_while_it_is_bound_changes_nothing_for_it(
        self, service: Service, cast: Cast
    ) -> None:
        await self._renewed_by(service, cast, cast.requesting, begins_in=20)
        begins, over = (day_starts_at(today() + timedelta(days=n), ZoneInfo(CHICAGO)) for n in (20, 21))
        for at, among, with_third in ((begins - TICK, [1], [1]), (begins, [2], [1]), (over, [2], [])):
            for other, texts in ((cast.requesting, among), (cast.neighbour, with_third)):
                held = await in_force(other, cast.assisting, at)
                assert [each["version_no"] for each in held] == texts, at

    async def test_a_text_that_is_signed_here_and_begins_while_it_is_bound_waits_for_it(
        self, service: Service, cast: Cast
    ) -> None:
        parties = (cast.assisting, cast.requesting, cast.neighbour)
        found = await sign_agreement(service, *parties, expires_on=today() + timedelta(days=20))
        sent = await out_for_signature(
            cast, found, {"title": "Renewed (demo)"}, expires_on=str(today() + timedelta(days=400))
        )
        body = hand(sent["amendment"]["version_sha256"])
        for party in parties[:2]:
            signed = await party.signatory.done("POST", f"{PATH}/{found['id']}/sign", body)
        assert signed["amendment"] is not None
        over = day_starts_at(today() + timedelta(days=21), ZoneInfo(CHICAGO))
        assert await in_force(cast.requesting, cast.assisting, over) == []

    async def test_one_that_was_signed_after_the_term_waits_for_nobody_else(self, service: Service, cast: Cast) -> None:
        parties = (cast.assisting, cast.requesting, cast.neighbour)
        found = await sign_agreement(service, *parties, expires_on="2025-12-31")
        terms: dict[str, Any] = {"effective_on": "2026-01-01", "expires_on": None, "signed_on": "2026-02-01"}
        renewed = await amended_on_paper(found, *parties[:2], **terms, kind="renewal")
        assert (renewed["amendment"], renewed["status"]) == (None, "in_force")
        assert [party["bound"] for party in renewed["parties"]] == [True, True, False]
        signed = day_starts_at(date(2026, 2, 1), ZoneInfo(CHICAGO))
        for at, count in ((signed - TICK, 0), (signed, 1)):
            assert len(await in_force(cast.requesting, cast.assisting, at)) == count, at


class TestAutomaticRenewal:
    async def test_a_term_that_renews_itself_stays_in_force_and_says_when_it_ends_now(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(
            service,
            cast.assisting,
            cast.requesting,
            expires_on="2025-12-31",
            auto_renew_months=12,
            auto_renew_times="no_limit",
            notice={"days": 60, "by_party": [{"agency_id": str(cast.requesting.id), "days": 30}]},
        )
        assert found["ends_at"] is None
        for as_of, ends_on, last, status in (
            ("2025-06-01", "2025-12-31", "2025-11-01", "in_force"),
            ("2026-01-01", "2026-12-31", "2026-11-01", "in_force"),
            ("2040-07-01", "2040-12-31", "2040-11-01", "in_force"),
            ("2026-10-15", "2026-12-31", "2026-11-01", "notice_window"),
            (
                "2026-12-01",
                "2026-12-31",
                "2026-11-01",
                "notice_window",
            ),  # the last day of the one with a shorter notice
            ("2026-12-02", "2026-12-31", "2026-11-01", "in_force"),
        ):
            then = f"as_of={as_of}T12:00:00Z"
            seen = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}?{then}")
            assert (seen["term_ends_on"], seen["last_notice_on"], seen["status"]) == (ends_on, last, status), as_of
            listed = f"{PATH}?party_id={cast.requesting.id}&status=notice_window&{then}"
            kept = [each["id"] for each in (await cast.requesting.legal.done("GET", listed))["items"]]
            assert kept == [found["id"]] * (status == "notice_window"), as_of

    async def test_a_term_that_no_notice_can_keep_from_going_on_has_no_notice_window(
        self, service: Service, cast: Cast
    ) -> None:
        parties = (cast.assisting, cast.requesting)
        renews: dict[str, Any] = {"auto_renew_months": 12, "auto_renew_times": 1}
        ends_anyway = await sign_agreement(service, *parties, expires_on="2099-12-31")
        renewed_once = await sign_agreement(service, *parties, expires_on="2030-12-31", **renews)
        ended = await sign_agreement(service, *parties, expires_on="2030-12-31", **renews)
        await end_agreement(ended, *parties, on=date(2030, 12, 31))
        for found, day, status in (
            (ends_anyway, "2099-11-20", "in_force"),
            (renewed_once, "2030-11-20", "notice_window"),
            (renewed_once, "2031-11-20", "in_force"),
            (ended, "2030-11-20", "in_force"),
        ):
            seen = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}?as_of={day}T12:00:00Z")
            assert seen["status"] == status, day

    async def test_it_ends_after_as_many_renewals_as_agreed(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(
            service,
            cast.assisting,
            cast.requesting,
            expires_on="2025-12-31",
            auto_renew_months=12,
            auto_renew_times=2,
        )
        assert datetime.fromisoformat(found["ends_at"]) == datetime(2028, 1, 1, 6, tzinfo=UTC)
        seen = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}?as_of=2028-01-01T06:00:00Z")
        assert seen["status"] == "expired"

    async def test_terms_run_to_the_day_that_the_first_was_counted_to_and_an_amendment_moves_it_not(
        self, service: Service, cast: Cast
    ) -> None:
        monthly: dict[str, Any] = {"expires_on": "2099-02-28", "auto_renew_months": 1, "auto_renew_times": 3}
        found = await sign_agreement(service, cast.assisting, cast.requesting, effective_on="2099-01-30", **monthly)
        assert found["ends_on"] == "2099-05-30"
        path = f"{PATH}/{found['id']}"
        for day, ends_on in (("02-20", "02-28"), ("03-20", "03-30"), ("04-20", "04-30"), ("05-20", "05-30")):
            seen = await cast.requesting.legal.done("GET", f"{path}?as_of=2099-{day}T12:00:00Z")
            assert seen["term_ends_on"] == f"2099-{ends_on}"
        on = {"effective_on": "2099-03-15", "expires_on": "2099-04-30", "reason": "more dogs"}
        opened = await act(cast.assisting, found, "amend", on)
        change = {"title": "More dogs (demo)", "effective_on": "2099-03-16"}
        await cast.assisting.legal.done("PATCH", path, change, if_match=f'"{opened["version"]}-00000000"')
        found = await sent_out(cast.assisting, found["id"])
        for agency in (cast.assisting, cast.requesting):
            found = await act(agency, found, "sign", hand(found["amendment"]["version_sha256"]))
        assert found["ends_on"] == "2099-07-30"

    async def test_the_days_of_a_draft_say_to_which_day_its_terms_run(self, cast: Cast) -> None:
        monthly: dict[str, Any] = {"expires_on": "2099-02-28", "auto_renew_months": 1, "auto_renew_times": 3}
        body = agreement_body(cast.assisting, cast.requesting, effective_on="2099-01-30", **monthly)
        draft = await cast.assisting.legal.done("POST", PATH, body)
        path, ends = f"{PATH}/{draft['id']}", [draft["ends_on"]]
        for change in ({"effective_on": "2099-02-01"}, {"title": "Again (demo)"}, {"effective_on": "2099-01-29"}):
            draft = await cast.assisting.legal.done("PATCH", path, change, if_match="*")
            ends.append(draft["ends_on"])
        assert ends == ["2099-05-30", "2099-05-31", "2099-05-31", "2099-05-29"]

    async def test_a_notice_of_non_renewal_ends_with_the_term_or_when_late_with_the_next(
        self, service: Service, cast: Cast
    ) -> None:
        for days, renewals in ((100, 0), (20, 1)):
            ends_on = today() + timedelta(days=days)
            found = await sign_agreement(
                service,
                cast.assisting,
                cast.requesting,
                expires_on=ends_on,
                auto_renew_months=12,
                auto_renew_times="no_limit",
                notice={"days": 60},
            )
            path = f"{PATH}/{found['id']}"
            notice = {"kind": "non_renewal", "notice_on": str(today() - timedelta(days=1)), "reason": "not again"}
            given = await cast.requesting.legal.done("POST", f"{path}/give-notice", notice)
            left = next(party for party in given["parties"] if party["agency"]["id"] == str(cast.requesting.id))
            assert left["notice_kind"] == "non_renewal"
            leaves_on = datetime.fromisoformat(left["leaves_at"]).date()
            assert leaves_on == add_months(ends_on + timedelta(days=1), 12 * renewals)
            taken_back = await cast.requesting.legal.done("POST", f"{path}/rescind-notice", {"reason": "we stay"})
            assert taken_back["parties"][1]["leaves_at"] is None

    @pytest.mark.parametrize(
        ("fields", "pointer"),
        [
            ({"auto_renew_months": 12, "auto_renew_times": "silent"}, "/auto_renew_months"),
            ({"auto_renew_times": 2}, "/auto_renew_times"),
        ],
    )
    async def test_a_renewal_of_nothing_is_refused(self, cast: Cast, fields: dict[str, Any], pointer: str) -> None:
        body = agreement_body(cast.assisting, cast.requesting, **fields)
        problem = assert_problem(await cast.assisting.legal.post(PATH, body), 422, "renewal_contradictory")
        assert problem["errors"][0]["pointer"] == pointer

    async def test_without_renewal_there_is_none_to_decline_and_no_notice_to_take_back(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}"
        notice = {"kind": "non_renewal", "notice_on": str(today() - timedelta(days=1)), "reason": "x"}
        assert_problem(await cast.requesting.legal.post(f"{path}/give-notice", notice), 422, "no_renewal")
        assert_problem(await cast.requesting.legal.post(f"{path}/rescind-notice", {"reason": "x"}), 409, "wrong_status")

    @pytest.mark.parametrize("notice", [{"days": 60}, {}])
    async def test_a_renewal_is_declined_for_the_end_of_a_term_and_where_there_is_one(
        self, service: Service, cast: Cast, notice: dict[str, Any]
    ) -> None:
        one, two = cast.assisting, cast.requesting
        ends_on = today() + timedelta(days=100)
        declined = {"kind": "non_renewal", "notice_on": str(today()), "reason": "not again"}
        for_good = await sign_agreement(service, one, two, notice=notice)
        path = f"{PATH}/{for_good['id']}/give-notice"
        refused = await two.legal.post(path, {**declined, "leaves_on": str(ends_on)})
        assert_problem(refused, 422, "no_renewal")
        found = await sign_agreement(
            service, one, two, expires_on=ends_on, auto_renew_months=12, auto_renew_times="no_limit", notice=notice
        )
        path = f"{PATH}/{found['id']}/give-notice"
        mid_term = {**declined, "leaves_on": str(ends_on + timedelta(days=10))}
        assert_problem(await two.legal.post(path, mid_term), 422, "not_then")
        next_term = add_months(ends_on + timedelta(days=1), 12)
        given = await two.legal.done("POST", path, {**declined, "leaves_on": str(next_term - timedelta(days=1))})
        if notice:
            leaves_at = datetime.fromisoformat(given["parties"][1]["leaves_at"])
            assert leaves_at.astimezone(ZoneInfo("America/Chicago")).date() == next_term
        else:
            assert given["proposals"][0]["kind"] == "departure", "a text that sets no period leaves it to the others"


async def test_an_amendment_that_is_entered_twice_is_noticed(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    secret = {"number": "9", "heading": "equipment", "text": "The vault.", "sensitivity": "restricted"}
    paper = {
        "title": "First addendum (demo)",
        "effective_on": "2025-03-01",
        "terms": {"categories": ["vehicle"]},
        "provisions": [*PROVISIONS, {**secret, "exemption": "Demo Code 1 (have counsel review)"}],
        "signed_on": "2025-04-02",
        "signatory_title": "Chief",
        "evidence_sha256": EVIDENCE,
        "reason": "found in the binder",
    }
    other = {**paper, "effective_on": "2025-03-02"}
    wording = {**paper, "provisions": PROVISIONS}
    told = []
    for each in (paper, other, wording, {**paper, "title": "Addendum 1 (demo)", "signed_on": "2025-04-03"}):
        said = await act(cast.assisting, found, "record-amendment", each)
        told.append([its["detail"] for its in said["remarks"] if its["code"] == "repeats_version"])
    assert told[:3] == [[], [], []]
    (detail,) = told[3]
    assert detail.startswith("Version 2 says the same from the same day.")
    history = await cast.assisting.auditor.done("GET", f"{PATH}/{found['id']}/history")
    recorded = [each["data"] for each in history["items"] if each["type"] == "agreement.amendment_recorded"]
    assert [each["repeats_version_no"] for each in recorded if "repeats_version_no" in each] == [2]
