"""A paper that is filed after the report that it shows: the party's days begin when it can read it."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest

from registry.agreements.instruments.commands import holding
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import DAY, PATH, letter, second_operator, seen_at
from tests.agreements.instruments.test_silence import signed, stands
from tests.support.agreements import record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import in_force_once
from tests.support.documents import file_document
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_long

FORTNIGHT = timedelta(days=14)


async def reported_by_hash(by: Agency, found: dict[str, Any], body: dict[str, Any], words: str) -> dict[str, Any]:
    """The agreement after a report whose paper, of these words, is not on file yet."""
    body = {**body, "evidence_sha256": sha256(words.encode()).hexdigest()}
    seen: dict[str, Any] = await by.legal.done("POST", f"{PATH}/{found['id']}/report-act", body)
    assert stands(seen) == ("unconfirmed", "evidence_not_on_file", None)
    return seen


async def read(who: Agency, found: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = await who.legal.done("GET", f"{PATH}/{found['id']}")
    return seen


def runs_from(seen: dict[str, Any], filed: dict[str, Any]) -> bool:
    """Whether the last report's days run in full from the filing."""
    said = seen["reported_acts"][-1]
    at, effect = (datetime.fromisoformat(each) for each in (filed["filed_at"], said["takes_effect_at"]))
    return bool(said["notified_at"] == filed["filed_at"] and effect - at == FORTNIGHT)


class TestTheDays:
    async def test_they_begin_with_the_filing_and_the_party_is_told_and_asked(
        self, service: Service, cast: Cast
    ) -> None:
        found, words = await sign_agreement(service, cast.assisting, cast.requesting), f"Notice (demo) {uuid4()}"
        said = letter(cast.requesting, today() - 60 * DAY)
        before = await reported_by_hash(cast.assisting, found, said, words)
        tag = (await cast.assisting.legal.get(f"{PATH}/{found['id']}")).headers["etag"]
        filed = await file_document(cast.assisting.legal, found["id"], words)
        seen = await read(cast.requesting, found)
        assert stands(seen)[:2] == ("open", None)
        assert runs_from(seen, filed)
        assert (await cast.assisting.legal.get(f"{PATH}/{found['id']}")).headers["etag"] != tag
        (due,) = (
            await cast.requesting.coordinator.done("GET", f"/v1/deadlines?agreement_id={found['id']}&kind=answer")
        )["items"]
        assert due["due_at"] == seen["reported_acts"][0]["takes_effect_at"]
        waiting = await cast.requesting.legal.done("GET", f"{PATH}?waiting_for_me=true")
        assert found["id"] in [each["id"] for each in waiting["items"]]
        history = await cast.requesting.legal.done("GET", f"/v1/documents/{filed['id']}/history")
        assert history["items"][0]["data"]["reports_notified"] == [before["reported_acts"][0]["id"]]

    async def test_uncontested_the_act_counts_from_its_own_day_as_if_the_paper_had_been_there(
        self, service: Service, cast: Cast
    ) -> None:
        found, words = await record_agreement(cast.assisting, cast.requesting), f"The signed copy (demo) {uuid4()}"
        await reported_by_hash(cast.assisting, found, signed(cast.requesting, found), words)
        await file_document(cast.assisting.legal, found["id"], words)
        effect = utc_now() + FORTNIGHT + DAY
        assert await in_force_once(service, cast.assisting, cast.requesting, utc_now() + DAY) == []
        assert len(await in_force_once(service, cast.assisting, cast.requesting, effect)) == 1
        await holding.settle_all_due(service.database, effect)
        later = await seen_at(service, cast.assisting, found, effect)
        assert (later.reported_acts[0].status, later.parties[1].bound) == ("uncontested", True)

    async def test_contested_within_them_it_has_no_effect(self, service: Service, cast: Cast) -> None:
        found, words = await sign_agreement(service, cast.assisting, cast.requesting), f"Notice (demo) {uuid4()}"
        seen = await reported_by_hash(cast.assisting, found, letter(cast.requesting, today() - 60 * DAY), words)
        await file_document(cast.assisting.legal, found["id"], words)
        path = f"{PATH}/{found['id']}/reported-acts/{seen['reported_acts'][0]['id']}"
        seen = await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "we wrote no letter"})
        assert stands(seen)[0] == "contested"
        assert seen["parties"][1]["leaves_at"] is None

    async def test_the_party_that_is_concerned_may_file_the_paper_too(self, service: Service, cast: Cast) -> None:
        found, words = await sign_agreement(service, cast.assisting, cast.requesting), f"Notice (demo) {uuid4()}"
        await reported_by_hash(cast.assisting, found, letter(cast.requesting, today() - 60 * DAY), words)
        filed = await file_document(cast.requesting.legal, found["id"], words)
        assert runs_from(await read(cast.assisting, found), filed)


class TestWithdrawnAndFiledAgain:
    async def test_the_withdrawal_stops_them_and_the_next_filing_begins_them_anew(
        self, service: Service, cast: Cast
    ) -> None:
        found, words = await sign_agreement(service, cast.assisting, cast.requesting), f"Notice (demo) {uuid4()}"
        await reported_by_hash(cast.assisting, found, letter(cast.requesting, today() - 60 * DAY), words)
        for _ in range(2):
            filed = await file_document(cast.assisting.legal, found["id"], words)
            assert runs_from(await read(cast.requesting, found), filed)
            await cast.assisting.legal.done("POST", f"/v1/documents/{filed['id']}/withdraw", {"reason": "a mistake"})
            assert stands(await read(cast.requesting, found)) == ("unconfirmed", "evidence_not_on_file", None)

    async def test_a_second_copy_begins_nothing_anew(self, service: Service, cast: Cast) -> None:
        found, words = await sign_agreement(service, cast.assisting, cast.requesting), f"Notice (demo) {uuid4()}"
        await reported_by_hash(cast.assisting, found, letter(cast.requesting, today() - 60 * DAY), words)
        first = await file_document(cast.assisting.legal, found["id"], words)
        await file_document(cast.requesting.legal, found["id"], words)
        assert runs_from(await read(cast.requesting, found), first)


class TestWhatElseStandsAgainstIt:
    async def test_a_no_that_was_said_meanwhile_holds(self, cast: Cast) -> None:
        found, words = await record_agreement(cast.assisting, cast.requesting), f"The signed copy (demo) {uuid4()}"
        seen = await reported_by_hash(cast.assisting, found, signed(cast.requesting, found), words)
        path = f"{PATH}/{found['id']}/reported-acts/{seen['reported_acts'][0]['id']}"
        await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "not our signature"})
        await file_document(cast.assisting.legal, found["id"], words)
        assert stands(await read(cast.assisting, found))[0] == "contested"

    async def test_an_agency_that_may_not_act_is_held_by_no_paper(self, service: Service, cast: Cast) -> None:
        found, words = await sign_agreement(service, cast.assisting, cast.requesting), f"Notice (demo) {uuid4()}"
        await reported_by_hash(cast.assisting, found, letter(cast.requesting, today() - 60 * DAY), words)
        await service.operator.done("POST", f"/v1/agencies/{cast.requesting.id}/suspend", {"reason": "keys lost"})
        filed = await file_document(cast.assisting.legal, found["id"], words)
        assert stands(await read(cast.assisting, found)) == ("unconfirmed", "may_not_act", None)
        history = await cast.assisting.legal.done("GET", f"/v1/documents/{filed['id']}/history")
        assert "reports_notified" not in history["items"][0]["data"]

    async def test_what_waits_for_a_second_operator_goes_on_waiting(self, service: Service, cast: Cast) -> None:
        found, words = await sign_agreement(service, cast.assisting, cast.requesting), f"Notice (demo) {uuid4()}"
        digest = sha256(words.encode()).hexdigest()
        said = {**letter(cast.requesting, today() - 60 * DAY), "evidence_sha256": digest}
        seen = await service.operator.done("POST", f"{PATH}/{found['id']}/report-act", said)
        path = f"{PATH}/{found['id']}/reported-acts/{seen['reported_acts'][0]['id']}/second"
        assert_problem(await second_operator(service).post(path), 422, "evidence_not_on_file")
        await file_document(cast.assisting.legal, found["id"], words)
        assert stands(await read(cast.requesting, found))[0] == "unseconded"
