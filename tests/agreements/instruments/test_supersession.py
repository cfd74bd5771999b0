"""What takes a text's place: by consent of all who are bound, once it is in force for all who signed it."""

from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from registry.agreements.instruments.commands.holding import settle_all_due, settle_due
from registry.agreements.instruments.consent_tables import agreement_proposal
from registry.agreements.instruments.queries.getting import get_agreement
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import day_starts_at, format_instant, utc_now
from tests.agreements.instruments.test_amendments import act
from tests.agreements.instruments.test_in_force import CHICAGO, TICK, in_force
from tests.support.agreements import (
    EVIDENCE,
    agreement_body,
    confirm_agreement,
    confirm_alone,
    record_agreement,
    sign_agreement,
)
from tests.support.cast import Cast, today
from tests.support.consent import consent, end_agreement, named, proof
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agreements"


class TestSupersession:
    async def test_of_an_end_and_a_successor_on_one_day_the_successor_counts_before_and_after_the_sweep(
        self, service: Service, cast: Cast
    ) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting)
        new = await sign_agreement(service, cast.assisting, cast.requesting)
        day = str(today() + timedelta(days=30))
        for verb, body in (
            ("terminate", {"ground": "mutual_consent", "effective_on": day, "reason": "over"}),
            ("supersede", {"by_agreement_id": new["id"], "effective_on": day, "reason": "the regional compact"}),
        ):
            said = await act(cast.assisting, old, verb, body)
            for each in said["proposals"]:
                if each["outstanding"]:
                    said = await consent(cast.requesting, said, each)
        later = utc_now() + timedelta(days=35)
        found = []
        for _ in range(2):
            shown = await get_agreement(
                service.database.read(), acting_for(cast.requesting).principal, UUID(old["id"]), later
            )
            found.append(shown.stage)
            async with unit_of_work(service.database) as write:
                await settle_due(write, UUID(old["id"]), later)
        assert found == ["superseded", "superseded"]

    async def test_the_legal_office_is_told_of_a_successor_and_not_of_notices(
        self, service: Service, cast: Cast
    ) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting)
        new = await sign_agreement(service, cast.assisting, cast.requesting)
        body = {"by_agreement_id": new["id"], "effective_on": str(today() + timedelta(days=30)), "reason": "a compact"}
        said = await act(cast.assisting, old, "supersede", body)
        await consent(cast.requesting, said, said["proposals"][0])
        due = await cast.requesting.legal.done("GET", f"/v1/deadlines?agreement_id={old['id']}")
        (expiry,) = [each for each in due["items"] if each["kind"] == "expiry"]
        assert "another agreement" in expiry["basis"]["says"]

    async def test_nobody_is_released_before_each_that_is_bound_has_agreed(self, service: Service, cast: Cast) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
        new = await sign_agreement(service, cast.assisting, cast.requesting)
        body = {"by_agreement_id": new["id"], "reason": "the regional compact"}
        said = await act(cast.assisting, old, "supersede", body)
        assert [party["bound"] for party in said["parties"]] == [True, True, True], "the neighbour has said nothing"
        assert (said["stage"], said["superseded_by"]) == ("executed", None)
        (report,) = said["reported_acts"]
        assert (report["agency"]["id"], report["kind"]) == (str(cast.requesting.id), "consented")
        assert said["proposals"][0]["outstanding"] == named(cast.requesting, cast.neighbour)
        answer = f"{PATH}/{old['id']}/reported-acts/{report['id']}/confirm"
        nearly = await cast.requesting.legal.done("POST", answer)
        assert [party["bound"] for party in nearly["parties"]] == [True, True, True]
        assert len(await in_force(cast.requesting, cast.neighbour)) == 1
        left = await consent(cast.neighbour, old, said["proposals"][0])
        assert [party["bound"] for party in left["parties"]] == [False, False, False], "to itself alone nobody is"
        assert [party["released_at"] is None for party in left["parties"]] == [False, False, True]
        assert left["superseded_by"] == {"id": new["id"], "number": new["number"]}
        assert left["stage"] == "executed", "who did not sign the other text is left in this one"
        history = (await cast.neighbour.auditor.done("GET", f"{PATH}/{old['id']}/history"))["items"]
        told = [each for each in history if each["type"] == "agreement.parties_released"]
        freed = {"agency_ids": [str(cast.assisting.id), str(cast.requesting.id)]}
        assert [each["data"] for each in told] == [{**freed, "released_at": left["parties"][0]["released_at"]}]
        assert told[0]["subject"]["version"] == left["version"]
        assert [item["agreement_id"] for item in await in_force(cast.requesting, cast.assisting)] == [new["id"]]

    async def test_who_leaves_is_not_waited_for_and_who_contests_is(self, service: Service, cast: Cast) -> None:
        for verb in ("confirm", "contest"):
            old = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, notice={"days": 20})
            new = await sign_agreement(service, cast.assisting, cast.requesting)
            said = await act(cast.assisting, old, "supersede", {"by_agreement_id": new["id"], "reason": "replaced"})
            given = await act(cast.neighbour, old, "give-notice", {"notice_on": str(today()), "reason": "we leave"})
            gone_at = given["parties"][2]["leaves_at"]
            report = f"{PATH}/{old['id']}/reported-acts/{said['reported_acts'][0]['id']}/{verb}"
            body = {"reason": "we did not agree to that"} if verb == "contest" else {}
            answered = await cast.requesting.legal.done("POST", report, body)
            until = gone_at if verb == "confirm" else None
            assert [party["bound_until"] for party in answered["parties"]] == [until, until, gone_at]

    async def test_it_reaches_back_to_no_day_before_the_other_was_in_force_for_all_of_them(
        self, service: Service, cast: Cast
    ) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting)
        new = await record_agreement(cast.assisting, cast.requesting, signed_on="2025-03-03")
        await confirm_agreement(new, cast.requesting, signed_on="2025-04-01")
        past = {"effective_on": "2025-02-01", "evidence_sha256": EVIDENCE, "reason": "replaced"}
        said = await act(cast.assisting, old, "supersede", {**past, "by_agreement_id": new["id"]})
        assert [party["bound"] for party in said["parties"]] == [True, True], "of no effect by one's own word"
        answer = f"{PATH}/{old['id']}/reported-acts/{said['reported_acts'][0]['id']}/confirm"
        over = await cast.requesting.legal.done("POST", answer)
        assert [party["released_at"] for party in over["parties"]] == ["2025-04-01T05:00:00Z"] * 2
        assert over["stage"] == "superseded"

    async def test_who_confirms_the_old_text_afterwards_is_bound_by_it_until_then(
        self, service: Service, cast: Cast
    ) -> None:
        one, two, third = cast.assisting, cast.requesting, cast.neighbour
        old = await confirm_agreement(await record_agreement(one, two, third), two)
        new = await sign_agreement(service, one, two)
        said = await act(one, old, "supersede", {"by_agreement_id": new["id"], "reason": "the regional compact"})
        report = f"{PATH}/{old['id']}/reported-acts/{said['reported_acts'][0]['id']}/confirm"
        over = await two.legal.done("POST", report)
        assert over["stage"] == "superseded"
        at = datetime.fromisoformat(over["terminated_at"])
        late = await confirm_agreement(old, third, evidence_location="The vault (demo)")
        assert (late["stage"], late["terminated_at"]) == ("superseded", over["terminated_at"]), "that is final"
        for instant, count in ((at - TICK, 1), (at, 0)):
            assert len(await in_force(third, one, instant)) == count
        assert [each["agreement_id"] for each in await in_force(one, two)] == [new["id"]]

    @pytest.mark.parametrize("order", ["sign confirm", "sign consent", "supersede sign consent", "consent sign"])
    async def test_it_is_told_with_the_one_day_of_the_release_by_every_yes(
        self, service: Service, cast: Cast, order: str
    ) -> None:
        one, two, late = cast.assisting, cast.requesting, cast.neighbour
        old = await sign_agreement(service, one, two, late)
        new = await record_agreement(one, two, late, signed_on="2025-03-03")
        await confirm_agreement(new, two, signed_on="2025-03-03")
        past = {"effective_on": "2025-05-01", "evidence_sha256": await proof(one, old), "reason": "replaced"}

        async def signs() -> None:
            await confirm_agreement(new, late, signed_on="2025-06-10")

        if order.startswith("sign"):
            await signs()
        said = await act(one, old, "supersede", {**past, "by_agreement_id": new["id"]})
        if order.startswith("supersede"):
            await signs()
        await consent(two, old, said["proposals"][0])
        if order.endswith("confirm"):
            (its,) = (each for each in said["reported_acts"] if each["agency"]["id"] == str(late.id))
            await late.legal.done("POST", f"{PATH}/{old['id']}/reported-acts/{its['id']}/confirm")
        else:
            await consent(late, old, said["proposals"][0])
        if order.endswith("sign"):
            await signs()
        done = await one.legal.done("GET", f"{PATH}/{old['id']}")
        (proposal,) = done["proposals"]
        day = "2025-06-10T05:00:00Z"
        assert {proposal["agreed_at"], *(each["released_at"] for each in done["parties"])} == {day}
        if not order.endswith("sign"):
            assert proposal["consents"][2]["counts_from"] == day, "not before it had signed"

    async def test_the_other_is_about_the_same_matter(self, service: Service, cast: Cast) -> None:
        both = (cast.assisting, cast.requesting)
        terms = {"categories": ["k9"], "purposes": ["training"]}
        old = await sign_agreement(service, *both, terms=terms)
        path = f"{PATH}/{old['id']}/supersede"
        for parties, other, says in (
            ((cast.assisting, cast.neighbour), terms, "No other party that is bound by this agreement"),
            (both, {"categories": ["vehicle"]}, "It is about vehicle, and this one about k9"),
            (both, {**terms, "purposes": ["exercise"]}, "no purpose in common"),
        ):
            new = await sign_agreement(service, *parties, terms=other)
            refused = await cast.assisting.legal.post(path, {"by_agreement_id": new["id"], "reason": "x"})
            assert says in assert_problem(refused, 422, "no_successor")["detail"]
        wider = await sign_agreement(service, *both, kind="compact")
        said = await act(cast.assisting, old, "supersede", {"by_agreement_id": wider["id"], "reason": "x"})
        assert said["proposals"][0]["kind"] == "supersession", "an agreement of another kind, that covers everything"

    async def test_it_is_over_when_nobody_is_left_in_it(self, service: Service, cast: Cast) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting)
        new = await sign_agreement(service, cast.assisting, cast.requesting)
        day = today() + timedelta(days=3)
        at = day_starts_at(day, ZoneInfo(CHICAGO))
        body = {"by_agreement_id": new["id"], "effective_on": str(day), "reason": "the regional compact"}
        said = await act(cast.assisting, old, "supersede", body)
        agreed = await consent(cast.requesting, old, said["proposals"][0])
        assert (agreed["stage"], agreed["status"]) == ("executed", "in_force"), "its day has not come"
        assert [item["agreement_id"] for item in await in_force(cast.requesting, cast.assisting, at - TICK)] == [
            old["id"],
            new["id"],
        ]
        assert [item["agreement_id"] for item in await in_force(cast.requesting, cast.assisting, at)] == [new["id"]]
        later = await cast.requesting.legal.done("GET", f"{PATH}/{old['id']}?as_of={format_instant(at)}")
        assert later["status"] == "superseded"
        query = f"{PATH}?status=superseded&as_of={format_instant(at)}&party_id={cast.requesting.id}"
        listed = (await cast.requesting.legal.done("GET", query))["items"]
        assert [each["id"] for each in listed] == [old["id"]]
        await settle_all_due(service.database, at)
        assert (await cast.requesting.legal.done("GET", f"{PATH}/{old['id']}"))["stage"] == "superseded"

    async def test_a_text_that_nobody_else_has_signed_takes_no_place(self, service: Service, cast: Cast) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting)
        new = await record_agreement(cast.assisting, cast.requesting)
        body = {"by_agreement_id": new["id"], "reason": "ours alone"}
        said = await act(cast.assisting, old, "supersede", body)
        agreed = await consent(cast.requesting, old, said["proposals"][0])
        assert [party["bound"] for party in agreed["parties"]] == [True, True], "it is not in force for anybody"
        await confirm_agreement(new, cast.requesting)
        seen = await cast.requesting.legal.done("GET", f"{PATH}/{old['id']}")
        assert [party["bound"] for party in seen["parties"]] == [False, False], "then it is, for both at once"

    async def test_what_becomes_of_it_by_the_others_change_is_in_its_own_history(
        self, service: Service, cast: Cast
    ) -> None:
        async def told(found: dict[str, Any]) -> tuple[int, list[tuple[str, Any, int]]]:
            """Its version, and what is recorded of it after the consent: the event, what it tells, of which version."""
            path = f"{PATH}/{found['id']}"
            etag = (await cast.requesting.legal.get(path)).headers["etag"]
            events = (await cast.requesting.legal.done("GET", f"{path}/history"))["items"]
            events = sorted(events, key=lambda each: (each["subject"]["version"], each["n"]))
            since = [n for n, each in enumerate(events) if each["type"] == "agreement.consented"][-1] + 1
            about = [
                (each["type"].removeprefix("agreement."), each["data"], each["subject"]["version"]) for each in events
            ]
            return int(etag.strip('"').split("-")[0]), about[since:]

        old = await sign_agreement(service, cast.assisting, cast.requesting)
        new = await record_agreement(cast.assisting, cast.requesting)
        said = await act(cast.assisting, old, "supersede", {"by_agreement_id": new["id"], "reason": "replaced"})
        await act(cast.assisting, old, "add-parties", {"agency_ids": [str(cast.neighbour.id)], "reason": "asked"})
        agreed = await consent(cast.requesting, old, said["proposals"][0])
        version, before = await told(old)
        assert before == []
        await confirm_alone(new, cast.requesting, today())
        released_at = (await cast.requesting.legal.done("GET", f"{PATH}/{old['id']}"))["parties"][0]["released_at"]
        closed = {"proposal_id": agreed["proposals"][1]["id"], "kind": "newcomers", "because": "agreement_ended"}
        assert await told(old) == (
            version + 1,
            [
                ("superseded", {"effective_at": released_at}, version + 1),
                ("proposal_closed", closed, version + 1),
            ],
        )

    async def test_that_the_successor_has_ended_at_once_is_in_its_history(self, service: Service, cast: Cast) -> None:
        both = (cast.assisting, cast.requesting)
        old = await sign_agreement(service, *both, cast.neighbour)
        new = await sign_agreement(service, *both)
        said = await act(cast.assisting, old, "supersede", {"by_agreement_id": new["id"], "reason": "replaced"})
        await end_agreement(new, *both)
        seen = await cast.neighbour.legal.done("GET", f"{PATH}/{old['id']}")
        assert [each["closed_because"] for each in seen["proposals"]] == ["successor_ended"]
        history = (await cast.neighbour.legal.done("GET", f"{PATH}/{old['id']}/history"))["items"]
        closed = [each["data"] for each in history if each["type"] == "agreement.proposal_closed"]
        proposal_id = said["proposals"][0]["id"]
        assert closed == [{"proposal_id": proposal_id, "kind": "supersession", "because": "successor_ended"}]

    async def test_two_that_name_each_other_can_both_be_changed_still(self, service: Service, cast: Cast) -> None:
        """No command stores such a circle; whatever has, no change goes round in it."""
        old, new = [await sign_agreement(service, cast.assisting, cast.requesting) for _ in range(2)]
        await act(cast.assisting, old, "supersede", {"by_agreement_id": new["id"], "reason": "replaced"})
        made = sa.select(agreement_proposal).where(agreement_proposal.c.agreement_id == UUID(old["id"]))
        async with unit_of_work(service.database) as write:
            row = await write.first(made)
            assert row is not None
            back = {"id": new_id(), "agreement_id": row.successor_id, "successor_id": row.agreement_id}
            await write.run(agreement_proposal.insert(), {**row._mapping, **back})
        for each in (old, new):
            paused = await act(cast.assisting, each, "suspend", {"reason": "an inquiry"})
            assert not any(party["bound"] for party in paused["parties"])

    async def test_the_successor_is_named_to_nobody_who_may_not_know_of_it(self, service: Service, cast: Cast) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
        new = await sign_agreement(service, cast.assisting, cast.neighbour, provisions=[])
        body = {"by_agreement_id": new["id"], "reason": "the regional compact"}
        said = await act(cast.assisting, old, "supersede", body)
        for party in (cast.requesting, cast.neighbour):
            await consent(party, old, said["proposals"][0])
        path = f"{PATH}/{old['id']}"
        named_so = {"id": new["id"], "number": new["number"]}
        for reader, knows in ((cast.assisting, True), (cast.neighbour, True), (cast.requesting, False)):
            seen = await reader.legal.done("GET", path)
            assert seen["superseded_by"] == (named_so if knows else None)
            assert [each["by_agreement_id"] for each in seen["proposals"]] == [new["id"] if knows else None]
            history = await reader.auditor.get(f"{path}/history")
            assert ("agreement.successor_named" in history.text, new["id"] in history.text) == (knows, knows)
            file = await reader.auditor.get(f"{path}/file.zip")
            with ZipFile(BytesIO(file.content)) as archive:
                told = b"".join(archive.read(name) for name in archive.namelist())
            assert (new["id"].encode() in told) == knows

    async def test_the_successor_is_another_executed_agreement_of_ones_own(self, service: Service, cast: Cast) -> None:
        old = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
        new = await sign_agreement(service, cast.assisting, cast.neighbour)
        path = f"{PATH}/{old['id']}/supersede"
        body = {"by_agreement_id": new["id"], "reason": "x"}
        assert_problem(await service.anonymous.post(path, body), 401)
        assert_problem(await cast.stranger.legal.post(path, body), 403)
        assert_problem(await cast.assisting.legal.post(path, {"reason": "x"}), 400)
        assert_problem(await cast.assisting.legal.post(path, body, if_match='"1-00000000"'), 412)
        draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
        hidden = await sign_agreement(service, cast.requesting, cast.neighbour, provisions=[])
        for other in (old["id"], draft["id"], str(uuid4()), hidden["id"]):
            refused = await cast.assisting.legal.post(path, {**body, "by_agreement_id": other})
            problem = assert_problem(refused, 422, "no_successor")
            assert problem["errors"][0]["pointer"] == "/by_agreement_id"
        past = {**body, "effective_on": "2025-01-01"}
        assert_problem(await cast.assisting.legal.post(path, past), 422, "not_then")
        await act(cast.assisting, old, "supersede", body)
        assert_problem(await cast.assisting.legal.post(path, body), 409)
        back = {"by_agreement_id": old["id"], "reason": "in a circle"}
        assert_problem(await cast.neighbour.legal.post(f"{PATH}/{new['id']}/supersede", back), 422, "no_successor")
