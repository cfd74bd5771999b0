"""Whose silence counts: nobody's after its no, none's that could not answer, and none's without a document to read."""

from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from registry.agreements.documents.commands import withdraw_document
from registry.agreements.instruments.commands import holding
from registry.agreements.instruments.commands.agency_status import follow_agency_status
from registry.agreements.instruments.consent import ReportStatus, Unconfirmed, in_effect_from, why_unconfirmed
from registry.directory.agencies.commands.registering import change_status
from registry.directory.agencies.rules import AgencyAction
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.time import day_starts_at, utc_now
from tests.agreements.instruments.reporting import DAY, NOON, PATH, letter, report, seen_at
from tests.agreements.instruments.test_in_force import in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import EVIDENCE, agreement_body, record_agreement, sign_agreement
from tests.support.cast import ZONE, Agency, Cast, inside, today
from tests.support.consent import in_force_once, left_long_ago, proof, propose_end
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.review import out_for_signature
from tests.support.service import Service

pytestmark = pytest.mark.second_long

WHY = {"reason": "so (demo)"}


def signed(party: Agency, found: dict[str, Any]) -> dict[str, Any]:
    """A report that the party signed what was recorded."""
    about = {"kind": "signed", "version_sha256": found["version_sha256"], "signatory_title": "Mayor"}
    return letter(party, today() - 30 * DAY, **about)


def stands(seen: dict[str, Any], which: int = -1) -> tuple[str, str | None, str | None]:
    """How a report stands: its status, why it is unconfirmed, and when it takes effect."""
    said = seen["reported_acts"][which]
    return said["status"], said["because"], said["takes_effect_at"]


class TestTheRule:
    def test_silence_counts_for_whom_nothing_stands_against_it(self) -> None:
        fine = {
            "said_no": False,
            "may_act": True,
            "suspended": False,
            "own_word": False,
            "reached": True,
            "may_sign": True,
            "on_file": True,
        }
        assert why_unconfirmed(**fine) is None
        for name, value, why in (
            ("said_no", True, Unconfirmed.SAID_NO),
            ("may_act", False, Unconfirmed.MAY_NOT_ACT),
            ("suspended", True, Unconfirmed.PARTICIPATION_SUSPENDED),
            ("own_word", True, Unconfirmed.OWN_WORD_REQUIRED),
            ("reached", False, Unconfirmed.NOT_REACHED),
            ("may_sign", False, Unconfirmed.AUTHORITY_ENDED),
            ("on_file", False, Unconfirmed.EVIDENCE_NOT_ON_FILE),
        ):
            assert why_unconfirmed(**{**fine, name: value}) is why
        assert in_effect_from(ReportStatus.UNCONFIRMED, NOON, None) is None


class TestAnExplicitNo:
    async def test_after_declining_to_join_only_ones_own_confirmation_binds(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        no = {"version_sha256": found["version_sha256"], "reason": "we never signed"}
        await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/decline-to-join", no)
        seen, path = await report(cast.assisting, found, signed(cast.requesting, found))
        assert stands(seen) == ("unconfirmed", "said_no", None)
        assert not await in_force(cast.requesting, cast.assisting, utc_now() + 15 * DAY)
        seen = await cast.requesting.legal.done("POST", f"{path}/confirm")
        assert [party["bound"] for party in seen["parties"]] == [True, True]

    async def test_a_report_that_was_contested_and_made_again_waits_for_confirmation(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        _, path = await report(cast.assisting, found, signed(cast.requesting, found))
        await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "not our signature"})
        await cast.assisting.legal.done("POST", f"{path}/take-back", {"reason": "once more"})
        seen, _ = await report(cast.assisting, found, signed(cast.requesting, found))
        assert stands(seen) == ("unconfirmed", "said_no", None)

    async def test_a_report_taken_back_that_nobody_contested_is_no_no(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        _, path = await report(cast.assisting, found, signed(cast.requesting, found))
        await cast.assisting.legal.done("POST", f"{path}/take-back", {"reason": "the wrong day"})
        seen, _ = await report(cast.assisting, found, signed(cast.requesting, found))
        assert stands(seen)[:2] == ("open", None)

    async def test_a_no_to_the_notice_is_one_to_having_left(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        _, path = await report(cast.assisting, found, letter(cast.requesting, today() - 30 * DAY))
        await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "we wrote no letter"})
        left = letter(cast.requesting, today() - 20 * DAY, kind="withdrew")
        seen, path = await report(cast.assisting, found, left)
        assert stands(seen) == ("unconfirmed", "said_no", None)
        assert seen["parties"][1]["leaves_at"] is None
        gone = await cast.requesting.legal.done("POST", f"{path}/confirm")
        assert gone["parties"][1]["bound"] is False
        assert [each["status"] for each in gone["reported_acts"]] == ["replaced", "confirmed"]

    async def test_a_no_to_the_signature_stops_the_days_of_the_word_too(self, cast: Cast) -> None:
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        spoken = {"signatory_title": "Sheriff", "reason": "flood", "ratify_by_on": str(today() + 60 * DAY)}
        active = await cast.assisting.signatory.done("POST", f"{PATH}/{draft['id']}/activate-verbally", spoken)
        about = {"signatory_title": "Chief", "version_sha256": active["version_sha256"]}
        word = letter(cast.requesting, today(), kind="agreed_verbally", **about)
        seen, _ = await report(cast.assisting, active, word)
        assert stands(seen)[0] == "open"
        seen, path = await report(cast.assisting, active, letter(cast.requesting, today(), kind="signed", **about))
        await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "nobody signed"})
        seen = await cast.requesting.legal.done("GET", f"{PATH}/{draft['id']}")
        assert [stands(seen, n)[:2] for n in (0, 1)] == [("unconfirmed", "said_no"), ("contested", None)]
        assert seen["parties"][1]["joined_at"] is None

    async def test_a_no_to_the_end_is_one_to_the_next_end_proposed(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        for expected in (("open", None), ("unconfirmed", "said_no")):
            proposed = await propose_end(cast.assisting, found)
            proposal = proposed["proposals"][-1]["id"]
            agreed = letter(cast.requesting, today(), kind="consented", proposal_id=proposal)
            seen, path = await report(cast.assisting, found, agreed)
            assert stands(seen)[:2] == expected
            await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "we go on"})
            await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/proposals/{proposal}/take-back", WHY)

    async def test_who_contested_once_and_signed_since_is_held_by_silence_to_a_later_text(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        _, path = await report(cast.assisting, found, signed(cast.requesting, found))
        await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "not our signature"})
        await cast.requesting.legal.done("POST", f"{path}/confirm")
        later = {
            "kind": "amendment",
            "reason": "more",
            "title": "More (demo)",
            "effective_on": str(today()),
            "signed_on": str(today()),
            "signatory_title": "Chief",
            "evidence_sha256": EVIDENCE,
            "provisions": [{"number": "1", "heading": "scope", "text": "More.", "sensitivity": "parties"}],
            "terms": {"categories": ["k9"]},
        }
        amended = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/record-amendment", later)
        about = {"signatory_title": "Chief", "version_sha256": amended["amendment"]["version_sha256"]}
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, today(), kind="signed", **about))
        assert stands(seen)[:2] == ("open", None)


class TestWhoCannotAnswer:
    async def test_no_silence_binds_an_agency_that_may_not_act(self, service: Service, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        await service.operator.done("POST", f"/v1/agencies/{cast.requesting.id}/suspend", WHY)
        seen, _ = await report(cast.assisting, found, signed(cast.requesting, found))
        assert stands(seen) == ("unconfirmed", "may_not_act", None)

    @pytest.mark.parametrize("kind", ["signed", "gave_notice"])
    async def test_suspended_meanwhile_it_is_held_by_its_own_word_alone(
        self, service: Service, cast: Cast, kind: str
    ) -> None:
        binds = kind == "signed"
        found = await (
            record_agreement(cast.assisting, cast.requesting)
            if binds
            else sign_agreement(service, cast.assisting, cast.requesting)
        )
        said = signed(cast.requesting, found) if binds else letter(cast.requesting, today() - 60 * DAY)
        seen, path = await report(cast.assisting, found, said)
        assert stands(seen)[:2] == ("open", None)
        await service.operator.done("POST", f"/v1/agencies/{cast.requesting.id}/suspend", WHY)
        seen = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}")
        assert stands(seen) == ("unconfirmed", "may_not_act", None)
        later = utc_now() + 15 * DAY
        assert bool(await in_force(cast.assisting, cast.requesting, later)) is not binds
        await service.operator.done("POST", f"/v1/agencies/{cast.requesting.id}/reinstate", WHY)
        await holding.settle_all_due(service.database, later)
        assert bool(await in_force(cast.assisting, cast.requesting, later)) is not binds, "its days do not go on"
        seen = await cast.requesting.legal.done("POST", f"{path}/confirm")
        assert seen["parties"][1]["bound"] is binds
        assert stands(seen)[:2] == ("confirmed", None)

    async def test_what_had_effect_before_it_was_suspended_has_it_still(self, service: Service, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        seen, _ = await report(cast.assisting, found, signed(cast.requesting, found))
        effect = datetime.fromisoformat(seen["reported_acts"][0]["takes_effect_at"])
        operator = inside(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, now=effect)
        async with unit_of_work(service.database) as write:
            agency_id, action = cast.requesting.id, AgencyAction.SUSPEND
            await change_status(write, operator, follow_agency_status, agency_id, action, "keys lost")
        later = await seen_at(service, cast.assisting, found, effect)
        assert (later.reported_acts[0].status, later.parties[1].bound) == ("uncontested", True)

    async def test_who_has_suspended_its_participation_is_not_held_by_silence(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, today() + 0 * DAY))
        paused = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/suspend", WHY)
        assert stands(paused)[:2] == ("unconfirmed", "participation_suspended")
        assert paused["parties"][1]["leaves_at"] is None
        await cast.neighbour.legal.done("POST", f"{PATH}/{found['id']}/suspend", WHY)
        seen, _ = await report(cast.assisting, found, letter(cast.neighbour, today()))
        assert stands(seen)[:2] == ("unconfirmed", "participation_suspended")


class TestTheDayToAnswer:
    async def test_it_is_in_the_deadlines_until_the_party_has_answered(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        seen, path = await report(cast.assisting, found, letter(cast.requesting, today() - 60 * DAY))
        about = f"/v1/deadlines?agreement_id={found['id']}&kind=answer"
        for reader in (cast.requesting.coordinator, cast.assisting.coordinator):
            (due,) = (await reader.done("GET", about))["items"]
            assert (due["agency"]["id"], due["status"]) == (str(cast.requesting.id), "due_soon")
            assert due["due_at"] == seen["reported_acts"][0]["takes_effect_at"]
            assert "the evidence that is on file, which nobody here has judged" in due["action"]
        await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "we wrote no letter"})
        assert (await cast.requesting.coordinator.done("GET", about))["items"] == []


class TestWithoutADocument:
    async def test_what_nothing_on_file_shows_has_effect_by_the_partys_own_word_alone(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}/report-act"
        seen = await cast.assisting.legal.done("POST", path, letter(cast.requesting, today() - 60 * DAY))
        assert stands(seen) == ("unconfirmed", "evidence_not_on_file", None)
        assert len(await in_force(cast.requesting, cast.assisting, utc_now() + 400 * DAY)) == 1
        waiting = await cast.requesting.legal.done("GET", f"{PATH}?waiting_for_me=true")
        assert [each["id"] for each in waiting["items"]] == [found["id"]]
        said = seen["reported_acts"][0]["id"]
        left = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/reported-acts/{said}/confirm")
        assert left["parties"][1]["bound"] is False

    async def test_a_document_that_was_withdrawn_or_that_the_party_may_not_read_shows_nothing(
        self, service: Service, cast: Cast
    ) -> None:
        terms = {"categories": ["k9"], "open_to_accession": True}
        found = await sign_agreement(service, cast.assisting, cast.requesting, terms=terms)
        path = f"{PATH}/{found['id']}"
        digest = await proof(cast.assisting, found)
        page = await cast.assisting.legal.done("GET", f"{path}/documents?sha256={digest}")
        (filed,) = page["items"]
        await cast.assisting.legal.done("POST", f"/v1/documents/{filed['id']}/withdraw", WHY)
        seen = await cast.assisting.legal.done(
            "POST", f"{path}/report-act", {**letter(cast.requesting, today()), "evidence_sha256": digest}
        )
        assert stands(seen)[:2] == ("unconfirmed", "evidence_not_on_file")

    async def test_withdrawn_during_the_days_it_holds_nobody_any_more(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        path = f"{PATH}/{found['id']}"
        digest = await proof(cast.assisting, found)
        (filed,) = (await cast.assisting.legal.done("GET", f"{path}/documents?sha256={digest}"))["items"]
        said = {**letter(cast.requesting, today() - 60 * DAY), "evidence_sha256": digest}
        seen = await cast.assisting.legal.done("POST", f"{path}/report-act", said)
        assert stands(seen)[0] == "open"
        effect = datetime.fromisoformat(seen["reported_acts"][0]["takes_effect_at"])
        assert await in_force_once(service, cast.requesting, cast.assisting, effect) == []
        await cast.assisting.legal.done("POST", f"/v1/documents/{filed['id']}/withdraw", WHY)
        seen = await cast.requesting.legal.done("GET", path)
        assert stands(seen) == ("unconfirmed", "evidence_not_on_file", None)
        assert len(await in_force_once(service, cast.requesting, cast.assisting, effect)) == 1
        history = await cast.requesting.legal.done("GET", f"/v1/documents/{filed['id']}/history")
        (gone,) = [each for each in history["items"] if each["type"] == "document.withdrawn"]
        assert gone["data"]["reports_unconfirmed"] == [seen["reported_acts"][0]["id"]]

    async def test_after_the_days_the_paper_on_which_it_rests_is_withdrawn_no_more(
        self, service: Service, cast: Cast
    ) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 5})
        path = f"{PATH}/{found['id']}"
        digest = await proof(cast.assisting, found)
        (filed,) = (await cast.assisting.legal.done("GET", f"{path}/documents?sha256={digest}"))["items"]
        said = {**letter(cast.requesting, today() - 60 * DAY), "evidence_sha256": digest}
        seen = await cast.assisting.legal.done("POST", f"{path}/report-act", said)
        effect = datetime.fromisoformat(seen["reported_acts"][0]["takes_effect_at"])
        late = acting_for(cast.assisting, Role.LEGAL, now=effect)
        async with unit_of_work(service.database) as write:
            with pytest.raises(Conflict, match="recorded act rests on it"):
                await withdraw_document(write, late, UUID(filed["id"]), "tidied up", None)

    async def test_it_holds_for_the_reports_that_go_with_an_end_a_successor_and_an_old_notice(
        self, service: Service, cast: Cast
    ) -> None:
        over = {"acted_on": "2025-05-01", "effective_on": "2025-06-01", "reason": "over"}
        old = {"notice_on": "2025-06-01", "reason": "the council declined"}
        by_one_of_today = f"{day_starts_at(today() + 31 * DAY, ZoneInfo(ZONE)):%Y-%m-%dT%H:%M:%SZ}"
        for verb, body, leaves_at in (("terminate", over, None), ("give-notice", old, by_one_of_today)):
            found = await sign_agreement(service, cast.assisting, cast.requesting)
            path = f"{PATH}/{found['id']}/{verb}"
            seen = await cast.assisting.legal.done("POST", path, {**body, "evidence_sha256": EVIDENCE})
            assert stands(seen) == ("unconfirmed", "evidence_not_on_file", None)
            assert (seen["terminated_at"], seen["parties"][0]["leaves_at"]) == (None, leaves_at)
            other = await sign_agreement(service, cast.assisting, cast.requesting)
            evidence = {"evidence_sha256": await proof(cast.assisting, other)}
            seen = await cast.assisting.legal.done("POST", f"{PATH}/{other['id']}/{verb}", {**body, **evidence})
            assert stands(seen)[:2] == ("open", None)
        newer = await sign_agreement(service, cast.assisting, cast.requesting)
        by = {"by_agreement_id": newer["id"], "reason": "newer", "effective_on": str(today())}
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        seen = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/supersede", by)
        assert stands(seen) == ("unconfirmed", "evidence_not_on_file", None)


async def test_what_comes_about_by_silence_is_recorded_as_of_then(service: Service, cast: Cast) -> None:
    """An amendment is executed, and published, as the days of the last signature that was reported have run out."""
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    amended = await amended_on_paper(found, cast.assisting, effective_on=today())
    path, digest = f"{PATH}/{found['id']}", amended["amendment"]["version_sha256"]
    about = {"kind": "signed", "version_sha256": digest, "signatory_title": "Mayor"}
    seen, _ = await report(cast.assisting, found, letter(cast.requesting, today(), **about))
    new = {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}
    asked = await cast.assisting.legal.done("POST", f"{path}/add-parties", new)
    agreed = {"kind": "consented", "proposal_id": asked["proposals"][-1]["id"]}
    seen, _ = await report(cast.assisting, found, letter(cast.requesting, today(), **agreed))
    effect = seen["reported_acts"][-1]["takes_effect_at"]
    await holding.settle_all_due(service.database, datetime.fromisoformat(effect))
    history = await cast.requesting.auditor.done("GET", f"{path}/history?sort=version&limit=100")
    amending, adding = (
        next(each for each in history["items"] if each["type"] == f"agreement.{name}")
        for name in ("amended", "parties_added")
    )
    assert amending["data"]["sha256"] == digest
    assert amending["occurred_at"] == seen["reported_acts"][0]["takes_effect_at"]
    assert (adding["data"]["agency_ids"], adding["occurred_at"]) == ([str(cast.neighbour.id)], effect)
    settled = await cast.requesting.legal.done("GET", path)
    assert settled["version"] == seen["version"] + 2, "who read it before reads it again"


class TestADepartureThatOthersReliedOn:
    async def test_confirmed_it_is_a_notice_of_today_until_each_other_party_agrees(
        self, service: Service, cast: Cast
    ) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        found = await sign_agreement(service, one, two, three, notice={"days": 5})
        seen, _ = await report(one, found, letter(two, date(2025, 6, 1), kind="withdrew"))
        told, said = seen["reported_acts"]
        assert (told["kind"], told["agency"]["id"], said["kind"]) == ("was_asked", str(three.id), "withdrew")
        assert told["acted_on"] == str(today()), "nobody told it of that in 2025: the registry put it to it now"
        path = f"{PATH}/{found['id']}/reported-acts"
        no = await three.legal.done("POST", f"{path}/{told['id']}/contest", {"reason": "they answered in July"})
        assert no["parties"][1]["bound"] is True
        left = await two.legal.done("POST", f"{path}/{said['id']}/confirm")
        assert left["parties"][1]["bound"] is True, "bound through the notice that it gives by confirming"
        runs_out = datetime.fromisoformat(left["parties"][1]["leaves_at"])
        assert 5 * DAY < runs_out - utc_now() < 7 * DAY
        summer = datetime.fromisoformat("2025-07-01T12:00:00Z")
        assert len(await in_force(three, two, summer)) == 1, "nobody's past is rewritten behind its back"
        agreed = await three.legal.done("POST", f"{path}/{told['id']}/confirm")
        assert agreed["parties"][1]["leaves_at"] == "2025-06-02T05:00:00Z"
        assert await in_force(three, two, summer) == []

    async def test_nobody_contesting_it_counts_from_its_day_after_the_days_of_all(
        self, service: Service, cast: Cast
    ) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        found = await sign_agreement(service, one, two, three, notice={"days": 60})
        seen, _ = await report(one, found, letter(two, date(2025, 6, 1)))
        effect = datetime.fromisoformat(seen["reported_acts"][-1]["takes_effect_at"])
        summer = datetime.fromisoformat("2025-09-01T12:00:00Z")
        assert len(await in_force_once(service, three, two, effect - DAY)) == 1
        assert await in_force_once(service, three, two, effect) == []
        await holding.settle_all_due(service.database, effect)
        assert await in_force(three, two, summer) == []

    async def test_contested_or_taken_back_nothing_is_left_of_it(self, service: Service, cast: Cast) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        found = await sign_agreement(service, one, two, three, notice={"days": 5})
        seen, path = await report(one, found, letter(two, date(2025, 6, 1)))
        assert (seen["parties"][1]["leaves_at"], len(seen["parties"][1]["pending_report_ids"])) == (None, 2)
        no = await two.legal.done("POST", f"{path}/contest", {"reason": "we wrote no letter"})
        assert (no["parties"][1]["leaves_at"], no["parties"][1]["withdrawal_notice_on"]) == (None, None)
        back = await one.legal.done("POST", f"{path}/take-back", {"reason": "of another agreement"})
        assert [each["status"] for each in back["reported_acts"]] == ["taken_back", "taken_back"]
        assert [each["status"] for each in back["proposals"]] == ["taken_back"]
        far = utc_now() + 100 * DAY
        assert len(await in_force(three, two, far)) == 1

    async def test_its_own_notice_takes_the_place_of_what_was_said_of_it(self, service: Service, cast: Cast) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        found = await sign_agreement(service, one, two, three, notice={"days": 5})
        await report(one, found, letter(two, date(2025, 6, 1)))
        own = {"notice_on": str(today()), "reason": "we leave now"}
        left = await two.legal.done("POST", f"{PATH}/{found['id']}/give-notice", own)
        (before,) = left["proposals"]
        assert (before["status"], before["closed_because"], before["outstanding"]) == ("closed", "replaced", [])
        assert left["parties"][1]["withdrawal_notice_on"] == str(today())
        assert sorted(each["status"] for each in left["reported_acts"]) == ["replaced", "taken_back"]


class TestAnAgencyThatIsDissolved:
    async def test_it_is_bound_no_longer_than_it_existed(self, service: Service, cast: Cast) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        found = await sign_agreement(service, one, two, three)
        gone = utc_now()
        await service.operator.done("POST", f"/v1/agencies/{two.id}/dissolve", WHY)
        seen = await one.legal.done("GET", f"{PATH}/{found['id']}")
        assert [party["bound"] for party in seen["parties"]] == [True, False, True]
        assert datetime.fromisoformat(seen["parties"][1]["leaves_at"]) >= gone
        (remark,) = [each for each in seen["remarks"] if each["code"] == "party_dissolved"]
        assert remark["detail"].startswith(f"{two.name} was dissolved on {today()}:")
        assert await in_force(one, two, utc_now() + DAY) == []
        assert len(await in_force(one, two, gone)) == 1
        assert len(await in_force(one, three, utc_now() + DAY)) == 1
        ended = await propose_end(one, found)
        assert [each["id"] for each in ended["proposals"][0]["outstanding"]] == [str(three.id)]

    async def test_each_agreement_that_bound_it_tells_of_its_end_in_its_own_history(
        self, service: Service, cast: Cast
    ) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        bound = [await sign_agreement(service, one, two, three) for _ in range(2)]
        left = await sign_agreement(service, one, two, three, notice={"days": 5})
        await left_long_ago(service, two, left)
        unsigned = await record_agreement(one, two)
        await service.operator.done("POST", f"/v1/agencies/{two.id}/dissolve", WHY)
        for found, told in ((bound[0], 1), (bound[1], 1), (left, 0), (unsigned, 0)):
            before = await one.legal.done("GET", f"{PATH}/{found['id']}")
            history = await three.auditor.get(f"{PATH}/{found['id']}/history") if found in bound else None
            page = await one.auditor.done("GET", f"{PATH}/{found['id']}/history")
            ends = [each for each in page["items"] if each["type"] == "agreement.party_dissolved"]
            assert [each["data"] for each in ends] == [{"agency_id": str(two.id)}] * told
            assert [each["subject"]["version"] for each in ends] == [before["version"]] * told
            assert history is None or "agreement.party_dissolved" in history.text, "each party reads it"


class TestADeclinedText:
    async def test_it_is_not_set_in_motion_by_word_of_mouth(self, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        found = await out_for_signature(one, two)
        path = f"{PATH}/{found['id']}"
        no = {"version_sha256": found["version_sha256"], "reason": "the indemnity"}
        await two.legal.done("POST", f"{path}/decline-to-sign", no)
        spoken = {"signatory_title": "Sheriff", "reason": "flood", "ratify_by_on": str(today() + 30 * DAY)}
        refused = await one.signatory.post(f"{path}/activate-verbally", spoken)
        assert_problem(refused, 409, "signing_declined")
        await one.legal.done("POST", f"{path}/send-back", {"reason": "another wording"})
        active = await one.signatory.done("POST", f"{path}/activate-verbally", spoken)
        assert active["stage"] == "partly_executed"

    async def test_who_is_said_to_have_signed_contests_that_and_does_not_decline(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        await report(cast.assisting, found, signed(cast.requesting, found))
        no = {"version_sha256": found["version_sha256"], "reason": "we never signed"}
        refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/decline-to-join", no)
        assert "contest" in assert_problem(refused, 409, "wrong_status")["detail"]
        seen = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
        (offer,) = [each for each in seen["allowed_actions"] if each["action"] == "decline_to_join"]
        assert (offer["allowed"], "contest" in offer["reason"]) == (False, True)

    async def test_a_newcomer_that_declined_reads_on_and_has_no_say(self, service: Service, cast: Cast) -> None:
        one, two, new = cast.assisting, cast.requesting, cast.neighbour
        terms = {"categories": ["k9"], "open_to_accession": True}
        found = await sign_agreement(service, one, two, terms=terms)
        path = f"{PATH}/{found['id']}"
        joining = {"agency_ids": [str(new.id)], "reason": "they asked"}
        await one.legal.done("POST", f"{path}/add-parties", joining)
        hold = {"authority": "a subpoena (demo)", "reason": "litigation"}
        no = {"version_sha256": found["version_sha256"], "reason": "not for us"}
        await new.legal.done("POST", f"{path}/decline-to-join", no)
        seen = await new.legal.done("GET", path)
        assert seen["view"] == "party"
        assert not {"report_act"} & {each["action"] for each in seen["allowed_actions"]}
        assert_problem(await new.legal.post(f"{path}/report-act", letter(two, today())), 403)
        assert_problem(await new.legal.post(f"{path}/place-hold", hold), 403)
        filed = await new.legal.send(
            "POST", f"{path}/documents?kind=other", content=b"words", headers={"content-type": "text/plain"}
        )
        assert_problem(filed, 403)
        hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "manner": "electronic"}
        joined = await new.signatory.done("POST", f"{path}/sign", hand)
        assert joined["parties"][2]["bound"] is True, "it may change its mind"
