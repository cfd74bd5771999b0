"""Two people at once on one agreement: one after the other, and who is bound follows from both."""

import asyncio
from hashlib import sha256
from typing import Any

import httpx

from tests.support.agreements import agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import propose_end
from tests.support.documents import PLAIN, send_file
from tests.support.problems import assert_problem
from tests.support.review import hand, sent_out
from tests.support.service import Service

PATH = "/v1/agreements"
ROUNDS = 6
HAND = {"signatory_title": "Sheriff", "signed_on": "2025-01-01"}


async def out_for_signature(custodian: Agency, *others: Agency) -> dict[str, Any]:
    made: dict[str, Any] = await custodian.legal.done("POST", PATH, agreement_body(custodian, *others))
    return await sent_out(custodian, made["id"])


async def sign(party: Agency, found: dict[str, Any]) -> httpx.Response:
    return await party.signatory.post(f"{PATH}/{found['id']}/sign", hand(found))


async def confirm(party: Agency, found: dict[str, Any]) -> httpx.Response:
    return await party.legal.post(f"{PATH}/{found['id']}/confirm", {**HAND, "version_sha256": found["version_sha256"]})


async def bound(reader: Agency, found: dict[str, Any]) -> list[bool]:
    seen = await reader.legal.done("GET", f"{PATH}/{found['id']}")
    return [party["bound"] for party in seen["parties"]]


async def test_the_last_two_signatures_at_once_execute_it(cast: Cast) -> None:
    for _ in range(ROUNDS):
        found = await out_for_signature(cast.assisting, cast.requesting)
        one, other = await asyncio.gather(sign(cast.assisting, found), sign(cast.requesting, found))
        assert (one.status_code, other.status_code) == (200, 200)
        assert {one.json()["stage"], other.json()["stage"]} == {"out_for_signature", "executed"}
        assert await bound(cast.requesting, found) == [True, True]


async def test_it_is_never_executed_and_withdrawn(cast: Cast) -> None:
    for _ in range(ROUNDS):
        found = await out_for_signature(cast.assisting, cast.requesting)
        assert (await sign(cast.assisting, found)).status_code == 200
        signed, withdrawn = await asyncio.gather(
            sign(cast.requesting, found),
            cast.assisting.legal.post(f"{PATH}/{found['id']}/withdraw", {"reason": "second thoughts"}),
        )
        assert sorted([signed.status_code, withdrawn.status_code]) == [200, 409]
        assert await bound(cast.requesting, found) == [signed.status_code == 200] * 2


async def test_a_party_is_bound_once_and_parties_at_once_are_all_bound(cast: Cast) -> None:
    for _ in range(ROUNDS):
        found = await record_agreement(cast.assisting, cast.requesting, cast.neighbour)
        parties = (cast.requesting, cast.requesting, cast.neighbour)
        answers = await asyncio.gather(*(confirm(party, found) for party in parties))
        assert sorted(answer.status_code for answer in answers[:2]) == [200, 409]
        assert answers[2].status_code == 200
        assert await bound(cast.assisting, found) == [True, True, True]


async def test_of_suspension_notice_and_a_late_confirmation_at_once_none_is_lost(service: Service, cast: Cast) -> None:
    for _ in range(ROUNDS):
        found = await record_agreement(cast.assisting, cast.requesting, cast.neighbour)
        await confirm_agreement(found, cast.requesting)
        path = f"{PATH}/{found['id']}"
        notice = {"notice_on": str(today()), "reason": "we leave"}
        suspended, left, joined = await asyncio.gather(
            cast.assisting.legal.post(f"{path}/suspend", {"reason": "inquiry"}),
            cast.requesting.legal.post(f"{path}/give-notice", notice),
            confirm(cast.neighbour, found),
        )
        assert suspended.status_code == 200
        assert left.status_code in (200, 422)  # west of Greenwich it may be yesterday still
        assert joined.status_code in (200, 409)
        assert await bound(cast.assisting, found) == [False, True, joined.status_code == 200]
        await cast.assisting.legal.done("POST", f"{path}/reinstate", {"reason": "cleared"})
        assert await bound(cast.assisting, found) == [True, True, joined.status_code == 200]


async def test_suspended_and_terminated_at_once_it_binds_nobody(service: Service, cast: Cast) -> None:
    for _ in range(ROUNDS):
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        legal, path = cast.assisting.legal, f"{PATH}/{found['id']}"
        (proposal,) = (await propose_end(cast.assisting, found))["proposals"]
        suspended, terminated = await asyncio.gather(
            legal.post(f"{path}/suspend", {"reason": "inquiry"}),
            cast.requesting.legal.post(f"{path}/proposals/{proposal['id']}/consent"),
        )
        assert terminated.status_code == 200
        assert suspended.status_code in (200, 409)
        assert await bound(cast.requesting, found) == [False, False]


async def test_of_two_that_would_take_each_others_place_at_once_exactly_one_does(service: Service, cast: Cast) -> None:
    both = (cast.assisting, cast.requesting)
    for _ in range(ROUNDS):
        pair = [await sign_agreement(service, *both) for _ in both]
        answers = await asyncio.gather(
            *(
                party.legal.post(f"{PATH}/{old['id']}/supersede", {"by_agreement_id": new["id"], "reason": "replaced"})
                for party, old, new in zip(both, pair, reversed(pair), strict=True)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 422]
        (refused,) = [answer for answer in answers if answer.status_code == 422]
        assert_problem(refused, 422, "no_successor")
        changed = await asyncio.gather(
            *(cast.assisting.legal.post(f"{PATH}/{each['id']}/suspend", {"reason": "inquiry"}) for each in pair)
        )
        assert [answer.status_code for answer in changed] == [200, 200], "each can be changed still, also at once"


async def test_a_report_and_its_paper_at_once_begin_the_days_whichever_is_first(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    for number in range(ROUNDS):
        words = f"What came by post (demo): {number} {found['id']}"
        said = {
            "agency_id": str(cast.requesting.id),
            "kind": "gave_notice",
            "acted_on": str(today()),
            "evidence_sha256": sha256(words.encode()).hexdigest(),
            "reason": "registered letter",
        }
        report, *filed = await asyncio.gather(
            cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", said),
            *(send_file(cast.assisting.legal, found["id"], words.encode(), PLAIN) for _ in range(2)),
        )
        assert [report.status_code, *(each.status_code for each in filed)] == [200, 201, 201]
        seen = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
        its = seen["reported_acts"][-1]
        assert its["status"] == "open"
        back = f"{PATH}/{found['id']}/reported-acts/{its['id']}/take-back"
        await cast.assisting.legal.done("POST", back, {"reason": "of another agreement"})
