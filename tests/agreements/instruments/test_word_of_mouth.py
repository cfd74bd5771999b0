"""What is agreed by word of mouth: it binds whoever gave its word, until the day by which it is to be signed."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from registry.platform.kernel.time import day_starts_at, format_instant
from tests.agreements.instruments.test_amendments import act, hand
from tests.agreements.instruments.test_in_force import CHICAGO, TICK, in_force
from tests.support.agreements import (
    EVIDENCE,
    agreement_body,
    sign_agreement,
)
from tests.support.cast import Agency, Cast, today
from tests.support.consent import end_agreement
from tests.support.problems import assert_problem
from tests.support.review import out_for_signature
from tests.support.service import Service

PATH = "/v1/agreements"


def spoken() -> dict[str, str]:
    """What is said when a text is set in motion by word of mouth: to be signed within 30 days."""
    return {"signatory_title": "Sheriff", "reason": "flood", "ratify_by_on": str(today() + timedelta(days=30))}


async def bound(reader: Agency, found: dict[str, Any], at: datetime | None = None) -> set[str]:
    """The agencies that are bound at the instant."""
    query = "" if at is None else f"?as_of={format_instant(at)}"
    seen = await reader.legal.done("GET", f"{PATH}/{found['id']}{query}")
    return {party["agency"]["id"] for party in seen["parties"] if party["bound"]}


class TestWordOfMouth:
    async def test_it_binds_whoever_gave_its_word_and_lapses_for_whoever_has_not_signed_by_the_deadline(
        self, cast: Cast
    ) -> None:
        draft = await cast.assisting.legal.done(
            "POST", PATH, agreement_body(cast.assisting, cast.requesting, cast.neighbour)
        )
        said = spoken()
        active = await act(cast.assisting, draft, "activate-verbally", said)
        deadline = day_starts_at(date.fromisoformat(said["ratify_by_on"]) + timedelta(days=1), ZoneInfo(CHICAGO))
        assert datetime.fromisoformat(active["ratify_by"]) == deadline
        assert (active["stage"], active["status"]) == ("partly_executed", "unconfirmed")
        consent = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
        agreed = await act(cast.requesting, draft, "agree-verbally", consent)
        assert agreed["status"] == "in_force"
        assert len(await in_force(cast.requesting, cast.assisting)) == 1
        assert await in_force(cast.neighbour, cast.assisting) == []

        both = {str(cast.assisting.id), str(cast.requesting.id)}
        assert await bound(cast.requesting, draft, deadline - TICK) == both
        assert await bound(cast.requesting, draft, deadline) == set()
        await act(cast.assisting, draft, "sign", hand(active["version_sha256"]))
        ratified = await act(cast.requesting, draft, "sign", hand(active["version_sha256"]))
        assert await bound(cast.requesting, draft, deadline) == both
        assert ratified["parties"][1]["joined_at"] == ratified["parties"][1]["verbally_at"]

    async def test_who_has_signed_the_text_that_is_set_in_motion_is_bound_by_that(self, cast: Cast) -> None:
        out = await out_for_signature(cast.assisting, cast.requesting, cast.neighbour)
        digest = out["version_sha256"]
        await act(cast.requesting, out, "sign", hand(digest))
        active = await act(cast.assisting, out, "activate-verbally", spoken())
        both = {str(cast.assisting.id), str(cast.requesting.id)}
        assert (active["stage"], active["status"]) == ("partly_executed", "in_force")
        assert await bound(cast.requesting, out) == both
        ratified = await act(cast.assisting, out, "sign", hand(digest))
        deadline = datetime.fromisoformat(ratified["ratify_by"])
        assert await bound(cast.requesting, out, deadline) == both, "a signature needs no ratification"
        await act(cast.neighbour, out, "sign", hand(digest))
        assert await bound(cast.requesting, out) == {*both, str(cast.neighbour.id)}

    async def test_a_custodian_that_signed_before_is_bound_by_its_own_signature(self, cast: Cast) -> None:
        out = await out_for_signature(cast.assisting, cast.requesting)
        signed = await act(cast.assisting, out, "sign", hand(out["version_sha256"]))
        active = await act(cast.assisting, out, "activate-verbally", spoken())
        assert active["parties"][0]["joined_at"] <= signed["as_of"] < active["parties"][0]["verbally_at"]
        deadline = datetime.fromisoformat(active["ratify_by"])
        assert await bound(cast.requesting, out, deadline) == set(), "the other's word is not ratified: it is alone"

    async def test_nobody_gives_its_word_to_what_has_ended_but_may_be_said_to_have_given_it_before(
        self, service: Service, cast: Cast
    ) -> None:
        parties = (cast.assisting, cast.requesting, cast.neighbour)
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(*parties))
        active = await act(cast.assisting, draft, "activate-verbally", spoken())
        word = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
        await act(cast.requesting, draft, "agree-verbally", word)
        await end_agreement(draft, cast.assisting, cast.requesting)
        said = {"kind": "agreed_verbally", "agency_id": str(cast.neighbour.id), "acted_on": str(today()), **word}
        said |= {"evidence_sha256": EVIDENCE, "reason": "by telephone"}
        told = await act(cast.assisting, draft, "report-act", said)
        seen = await cast.neighbour.legal.done("GET", f"{PATH}/{draft['id']}")
        assert seen["parties"][2]["joined_at"] is None
        (offered,) = [each for each in seen["allowed_actions"] if each["action"] == "agree_verbally"]
        assert not offered["allowed"]
        path = f"{PATH}/{draft['id']}/reported-acts/{told['reported_acts'][0]['id']}/confirm"
        confirmed = await cast.neighbour.legal.done("POST", path, {})
        assert (confirmed["status"], confirmed["parties"][2]["bound"]) == ("terminated", False)
        assert confirmed["parties"][2]["joined_at"] < confirmed["terminated_at"], "it was bound until the end"

    async def test_nobody_gave_its_word_before_there_was_a_text_to_give_it_to(self, cast: Cast) -> None:
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        active = await act(cast.assisting, draft, "activate-verbally", spoken())
        word = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
        said = {"kind": "agreed_verbally", "agency_id": str(cast.requesting.id), **word}
        said |= {"evidence_sha256": EVIDENCE, "reason": "by telephone"}
        path = f"{PATH}/{draft['id']}/report-act"
        for day in ("2019-05-02", str(today() - timedelta(days=2))):
            refused = await cast.assisting.legal.post(path, {**said, "acted_on": day})
            problem = assert_problem(refused, 422, "signed_before_text")
            assert problem["errors"][0]["pointer"] == "/acted_on"
        await cast.assisting.legal.done("POST", path, {**said, "acted_on": str(today())})

    async def test_the_deadline_is_the_custodians_to_set_within_a_year(self, cast: Cast) -> None:
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        path = f"{PATH}/{draft['id']}/activate-verbally"
        silent = {name: spoken()[name] for name in ("signatory_title", "reason")}
        problem = assert_problem(await cast.assisting.legal.post(path, silent), 400)
        assert "ratify_by_on" in str(problem), "nobody's word binds for a time that none has named"
        for day in (today() - timedelta(days=1), today() + timedelta(days=366)):
            body = {**spoken(), "ratify_by_on": str(day)}
            problem = assert_problem(await cast.assisting.legal.post(path, body), 422, "deadline_out_of_reach")
            assert problem["errors"][0]["pointer"] == "/ratify_by_on"
        active = await act(cast.assisting, draft, "activate-verbally", {**spoken(), "ratify_by_on": str(today())})
        assert datetime.fromisoformat(active["ratify_by"]) == day_starts_at(
            today() + timedelta(days=1), ZoneInfo(CHICAGO)
        )

    async def test_a_word_that_would_lapse_before_the_agreement_begins_is_refused(self, cast: Cast) -> None:
        begins = today() + timedelta(days=60)
        body = agreement_body(cast.assisting, cast.requesting, effective_on=begins)
        draft = await cast.assisting.legal.done("POST", PATH, body)
        path = f"{PATH}/{draft['id']}/activate-verbally"
        too_soon = {**spoken(), "ratify_by_on": str(begins - timedelta(days=1))}
        problem = assert_problem(await cast.assisting.legal.post(path, too_soon), 422, "deadline_out_of_reach")
        assert problem["errors"][0]["pointer"] == "/ratify_by_on"
        assert str(begins) in problem["detail"]
        assert "bind nobody" in problem["detail"]
        await act(cast.assisting, draft, "activate-verbally", {**spoken(), "ratify_by_on": str(begins)})

    async def test_who_may_set_it_in_motion_and_when(self, service: Service, cast: Cast) -> None:
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        path = f"{PATH}/{draft['id']}/activate-verbally"
        assert_problem(await service.anonymous.post(path, spoken()), 401)
        assert_problem(await cast.requesting.legal.post(path, spoken()), 404)
        assert_problem(await cast.assisting.machine.post(path, spoken()), 403)
        assert_problem(await cast.assisting.coordinator.post(path, spoken()), 403)
        assert_problem(await cast.assisting.legal.post(path, {"reason": "x"}), 400)
        assert_problem(await cast.assisting.legal.post(path, spoken(), if_match='"7-00000000"'), 412)
        await act(cast.assisting, draft, "submit")
        assert_problem(await cast.requesting.legal.post(path, spoken()), 409, "wrong_status")
        said = spoken()
        first = await cast.assisting.legal.post(path, said, key="verbal-once")
        assert first.status_code == 200
        assert (await cast.assisting.legal.post(path, said, key="verbal-once")).content == first.content
        assert_problem(await cast.assisting.legal.post(path, spoken()), 409, "wrong_status")

    async def test_who_may_give_its_word(self, service: Service, cast: Cast) -> None:
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        active = await act(cast.assisting, draft, "activate-verbally", spoken())
        path = f"{PATH}/{draft['id']}/agree-verbally"
        consent = {"version_sha256": active["version_sha256"], "signatory_title": "Chief"}
        assert_problem(await service.anonymous.post(path, consent), 401)
        assert_problem(await cast.requesting.approver.post(path, consent), 403)
        assert_problem(await cast.requesting.legal.post(path, {**consent, "version_sha256": "0" * 63}), 400)
        other = {**consent, "version_sha256": "0" * 64}
        assert_problem(await cast.requesting.legal.post(path, other), 422, "other_version")
        assert_problem(await cast.assisting.legal.post(path, consent), 409, "wrong_status")
        await act(cast.requesting, draft, "agree-verbally", consent)
        assert_problem(await cast.requesting.legal.post(path, consent), 409, "wrong_status")
        signed = await sign_agreement(service, cast.assisting, cast.requesting)
        written = f"{PATH}/{signed['id']}/agree-verbally"
        assert_problem(await cast.requesting.legal.post(written, consent), 409, "wrong_status")
