"""A signature, a word or a consent that another reports: it binds once confirmed, or not contested."""

from datetime import date, datetime
from typing import Any
from uuid import uuid4

import pytest

from registry.agreements.instruments.commands import holding
from tests.agreements.instruments.reporting import PATH, letter, report, seen_at
from tests.agreements.instruments.test_in_force import TICK, in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import EVIDENCE, agreement_body, record_agreement, sign_agreement
from tests.support.cast import Cast, today
from tests.support.consent import consent, in_force_once, named, proof, propose_end
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later


class TestSignedAndSaid:
    async def test_a_signature_on_paper_binds_when_it_is_confirmed(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        signed = {**letter(cast.requesting, date(2025, 2, 1)), "kind": "signed", "signatory_title": "Chief"}
        lacking = await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", signed)
        assert_problem(lacking, 422, "report_incomplete")
        signed["version_sha256"] = found["version_sha256"]
        seen, path = await report(cast.assisting, found, signed)
        assert [party["joined_at"] is not None for party in seen["parties"]] == [True, False]
        assert seen["parties"][1]["signature"] is None, "it is written down once it counts"
        confirmed = await cast.requesting.legal.done("POST", f"{path}/confirm")
        hand = confirmed["parties"][1]["signature"]
        assert (hand["manner"], hand["signed_on"]) == ("confirmed", "2025-02-01")
        assert confirmed["parties"][1]["joined_at"] == "2025-02-01T06:00:00Z"

    async def test_not_contested_it_binds_from_the_fifteenth_day_and_then_from_its_own(
        self, service: Service, cast: Cast
    ) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": found["version_sha256"]}
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, date(2025, 2, 1), **more))
        effect = datetime.fromisoformat(seen["reported_acts"][0]["takes_effect_at"])
        for at, count in ((effect - TICK, 0), (effect, 1)):
            assert len(await in_force_once(service, cast.requesting, cast.assisting, at)) == count
        await holding.settle_all_due(service.database, effect)
        settled = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
        assert settled["parties"][1]["signature"]["manner"] == "reported"
        assert len(await in_force(cast.requesting, cast.assisting, datetime.fromisoformat("2025-03-01T00:00:00Z"))) == 1

    async def test_each_text_has_its_own_report_and_ones_own_signature_replaces_that_alone(
        self, service: Service, cast: Cast
    ) -> None:
        both = (cast.assisting, cast.requesting)
        found = await record_agreement(*both)

        def said_of(digest: str, on: date) -> dict[str, Any]:
            more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": digest}
            return letter(cast.requesting, on, **more)

        first, path = await report(cast.assisting, found, said_of(found["version_sha256"], date(2025, 2, 1)))
        amended = await amended_on_paper(found, cast.assisting, effective_on=today())
        digest = amended["amendment"]["version_sha256"]
        seen, second = await report(cast.assisting, found, said_of(digest, today()))
        assert [each["status"] for each in seen["reported_acts"]] == ["open", "open"], "each text is one of its own"
        again = {**said_of(digest, today()), "evidence_sha256": EVIDENCE}
        refused = await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", again)
        assert_problem(refused, 409, "already_reported")

        signed = await cast.requesting.legal.done(
            "POST",
            f"{PATH}/{found['id']}/sign",
            {"version_sha256": digest, "signatory_title": "Chief", "manner": "electronic"},
        )
        assert [each["status"] for each in signed["reported_acts"]] == ["open", "replaced"]
        effect = datetime.fromisoformat(first["reported_acts"][0]["takes_effect_at"])
        later = await seen_at(service, cast.requesting, found, effect)
        assert [party.bound for party in later.parties] == [True, True]
        confirmed = await cast.requesting.legal.done("POST", f"{path}/confirm")
        assert [party["bound"] for party in confirmed["parties"]] == [True, True]
        assert second != path

    async def test_a_contested_report_of_a_withdrawn_amendment_bars_none_of_the_next(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        for status in ("open", "unconfirmed"):
            amended = await amended_on_paper(found, cast.assisting, effective_on=today())
            about = {"signatory_title": "Chief", "version_sha256": amended["amendment"]["version_sha256"]}
            said = letter(cast.requesting, today(), kind="signed", **about)
            seen, path = await report(cast.assisting, found, said)
            assert seen["reported_acts"][-1]["status"] == status, "a no is remembered"
            await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "not our signature"})
            await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/withdraw", {"reason": "a mistake"})

    async def test_who_is_only_reported_to_have_signed_does_nothing_as_a_party_that_is_bound(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": found["version_sha256"]}
        seen, path = await report(cast.assisting, found, letter(cast.requesting, date(2025, 2, 1), **more))
        assert seen["status"] == "unconfirmed", "one party has signed it"
        listed = await cast.assisting.legal.done("GET", f"{PATH}?status=unconfirmed&party_id={cast.requesting.id}")
        assert [each["id"] for each in listed["items"]] == [found["id"]]
        theirs = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
        offered = {each["action"]: each["allowed"] for each in theirs["allowed_actions"]}
        for action, body in (
            ("terminate", {"reason": "over"}),
            ("add-parties", {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}),
            ("propose-suspension", {"kind": "suspension", "reason": "a dispute"}),
            ("suspend", {"reason": "an inquiry"}),
        ):
            assert not offered[action.replace("-", "_")], action
            refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/{action}", body)
            assert_problem(refused, 409, "wrong_status")
        asked = await propose_end(cast.assisting, found)
        assert asked["proposals"][0]["outstanding"] == named(cast.requesting), "who will be bound is asked"
        await cast.requesting.legal.done("POST", f"{path}/confirm")
        ended = await consent(cast.requesting, found, asked["proposals"][0])
        assert ended["stage"] == "terminated"

    async def test_a_word_given_yesterday_is_reported_today(self, cast: Cast) -> None:
        body = agreement_body(cast.assisting, cast.requesting)
        draft = await cast.assisting.legal.done("POST", PATH, body)
        spoken = {"signatory_title": "Sheriff", "reason": "flood", "ratify_by_on": str(today())}
        active = await cast.assisting.signatory.done("POST", f"{PATH}/{draft['id']}/activate-verbally", spoken)
        more = {"kind": "agreed_verbally", "signatory_title": "Chief", "version_sha256": active["version_sha256"]}
        seen, path = await report(cast.assisting, draft, letter(cast.requesting, today(), **more))
        assert [party["joined_at"] is not None for party in seen["parties"]] == [True, False]
        agreed = await cast.requesting.legal.done("POST", f"{path}/confirm")
        assert [party["bound"] for party in agreed["parties"]] == [True, True]
        assert agreed["parties"][1]["verbally_at"] is not None

    async def test_a_consent_on_paper_ends_it_once_confirmed(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        over = {"acted_on": "2025-05-01", "effective_on": "2025-06-01", "evidence_sha256": EVIDENCE, "reason": "over"}
        said = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/terminate", over)
        assert (said["terminated_at"], said["reported_acts"][0]["kind"]) != (None, "was_notified")
        (each,) = said["reported_acts"]
        ended = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/reported-acts/{each['id']}/confirm")
        assert (ended["status"], ended["terminated_at"]) == ("terminated", "2025-06-01T05:00:00Z")
        assert len(await in_force(cast.requesting, cast.assisting, datetime.fromisoformat("2025-05-31T00:00:00Z"))) == 1

    async def test_an_end_that_waits_for_silence_ends_nothing_and_bars_nothing_yet(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}"
        over = {"acted_on": "2025-05-01", "evidence_sha256": await proof(cast.assisting, found), "reason": "over"}
        said = await cast.assisting.legal.done("POST", f"{path}/terminate", over)
        effect = datetime.fromisoformat(said["reported_acts"][0]["takes_effect_at"])
        assert (said["stage"], said["status"], said["terminated_at"]) == ("executed", "in_force", None)
        later = await seen_at(service, cast.requesting, found, effect)
        assert (later.stage, later.terminated_at) == ("terminated", effect)
        offered = {each["action"]: each["allowed"] for each in said["allowed_actions"]}
        assert offered["amend"]
        assert offered["give_notice"]
        opening = {"effective_on": str(today()), "reason": "meanwhile"}
        opened = await cast.assisting.legal.done("POST", f"{path}/amend", opening)
        assert opened["amendment"] is not None
        await cast.assisting.legal.done("POST", f"{path}/suspend", {"reason": "a dispute"})
        await cast.assisting.legal.done("POST", f"{path}/reinstate", {"reason": "settled"})

        await holding.settle_all_due(service.database, effect)
        ended = await cast.requesting.legal.done("GET", path)
        assert (ended["stage"], ended["amendment"]) == ("terminated", None), "with the end ends what was on its way"
        assert_problem(await cast.assisting.legal.post(f"{path}/amend", opening), 409, "wrong_status")

    async def test_a_reported_consent_gives_way_to_the_partys_own(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        proposed = await propose_end(cast.assisting, found)
        about = {"kind": "consented", "proposal_id": proposed["proposals"][0]["id"]}
        seen, path = await report(cast.assisting, found, letter(cast.requesting, today(), **about))
        assert seen["terminated_at"] is None
        assert seen["proposals"][0]["outstanding"] == named(cast.requesting), "nobody consents for it"
        contested = await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "not yet"})
        assert (contested["terminated_at"], contested["stage"]) == (None, "executed")
        ended = await consent(cast.requesting, found, proposed["proposals"][0])
        assert (ended["stage"], ended["reported_acts"][0]["status"]) == ("terminated", "replaced")
        unknown = letter(cast.requesting, today(), kind="consented", proposal_id=str(uuid4()))
        refused = await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", unknown)
        assert_problem(refused, 422, "unknown_proposal")
