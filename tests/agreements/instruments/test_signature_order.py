"""In which order a text is signed: at once, or one after the other."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from registry.agreements.instruments.signing_sequence import SigningOrder, next_to_sign, signing_sequence
from registry.platform.kernel.errors import RuleBroken
from tests.support.agreements import agreement_body
from tests.support.cast import Agency, Cast, today
from tests.support.problems import assert_problem
from tests.support.review import PATH, hand, out_for_signature, sent_out, submitted

A, B, C, D = (UUID(int=n) for n in range(1, 5))
PARALLEL, SEQUENTIAL = SigningOrder.PARALLEL, SigningOrder.SEQUENTIAL


def test_the_turns_are_those_of_the_document_unless_others_are_wanted() -> None:
    assert signing_sequence(SEQUENTIAL, [A, B, C], None) == [A, B, C]
    assert signing_sequence(PARALLEL, [A, B, C], None) == [A, B, C]
    assert signing_sequence(SEQUENTIAL, [A, B, C], [C, A, B]) == [C, A, B]


@pytest.mark.parametrize(
    ("order", "wanted", "codes"),
    [
        (SEQUENTIAL, [A, B], ["party_left_out"]),
        (SEQUENTIAL, [A, B, B, C], ["party_twice"]),
        (SEQUENTIAL, [A, B, C, D], ["not_a_party"]),
        (SEQUENTIAL, [A, A, D], ["not_a_party", "party_twice", "party_left_out"]),
        (PARALLEL, [A, B, C], ["not_sequential"]),
    ],
)
def test_a_sequence_names_each_party_once(order: SigningOrder, wanted: list[UUID], codes: list[str]) -> None:
    with pytest.raises(RuleBroken) as refused:
        signing_sequence(order, [A, B, C], wanted)
    assert [fault.code for fault in refused.value.faults] == codes


def test_it_is_everybodys_turn_or_the_first_ones() -> None:
    assert next_to_sign(PARALLEL, [B, C]) == [B, C]
    assert next_to_sign(SEQUENTIAL, [B, C]) == [B]
    assert next_to_sign(SEQUENTIAL, []) == []


async def sign(party: Agency, found: dict[str, Any]) -> Any:
    return await party.signatory.post(f"{PATH}/{found['id']}/sign", hand(found))


def offered(found: dict[str, Any]) -> tuple[bool, str | None]:
    return next((each["allowed"], each["reason"]) for each in found["allowed_actions"] if each["action"] == "sign")


async def test_all_sign_at_once_unless_an_order_is_asked_for(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await out_for_signature(one, two)
    both = [one.reference, two.reference]
    assert found["signing"] == {
        "order": "parallel",
        "next": both,
        "signed": [],
        "outstanding": both,
        "due_on": None,
    }
    signed = (await sign(two, found)).json()
    assert (signed["signing"]["next"], signed["signing"]["signed"]) == (both[:1], both[1:])
    assert (await sign(one, found)).json()["signing"] is None, "the round is over"


async def test_in_sequence_each_signs_when_the_one_before_has(cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    order = [each.reference for each in (two, three, one)]
    soon = str(today() + timedelta(days=30))
    how = {"order": "sequential", "sequence": [each["id"] for each in order], "due_on": soon}
    found = await out_for_signature(one, two, three, how=how)
    assert (found["signing"]["order"], found["signing"]["due_on"]) == ("sequential", soon)
    for turn, party in enumerate((two, three, one)):
        seen = await party.legal.done("GET", f"{PATH}/{found['id']}")
        assert seen["signing"]["next"] == [party.reference]
        assert (seen["signing"]["signed"], seen["signing"]["outstanding"]) == (order[:turn], order[turn:])
        assert offered(seen) == (True, None)
        for waiting in (two, three, one)[turn + 1 :]:
            refused = assert_problem(await sign(waiting, found), 409, "not_your_turn")
            assert refused["next"] == [party.reference]
            assert party.name in refused["detail"]
            theirs = await waiting.legal.done("GET", f"{PATH}/{found['id']}")
            assert offered(theirs) == (
                False,
                f"The parties sign one after the other, and it is the turn of {party.name}.",
            )
        assert (await sign(party, found)).status_code == 200
    assert (await one.legal.done("GET", f"{PATH}/{found['id']}"))["stage"] == "executed"


async def test_the_documents_order_is_the_default_sequence(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting, how={"order": "sequential"})
    assert_problem(await sign(cast.requesting, found), 409, "not_your_turn")
    assert (await sign(cast.assisting, found)).status_code == 200
    assert_problem(await sign(cast.assisting, found), 409, "already_signed")
    assert (await sign(cast.requesting, found)).json()["stage"] == "executed"


async def test_what_is_no_sequence_of_the_parties_does_not_go_out(cast: Cast) -> None:
    found = await submitted(cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    await cast.assisting.counsel.done("POST", f"{path}/approve")
    one, two, other = (str(each.id) for each in (cast.assisting, cast.requesting, cast.stranger))
    for how in (
        {"order": "sequential", "sequence": [one, other]},
        {"order": "parallel", "sequence": [one, two]},
    ):
        assert_problem(await cast.assisting.legal.post(f"{path}/send-for-signature", how), 422, "bad_sequence")
    late = await cast.assisting.legal.post(f"{path}/send-for-signature", {"due_on": "2020-01-01"})
    assert_problem(late, 422, "due_in_past")
    malformed = await cast.assisting.legal.post(f"{path}/send-for-signature", {"order": "random"})
    assert_problem(malformed, 400)
    assert (await cast.assisting.legal.done("GET", path))["stage"] == "approved"


async def test_sent_back_and_out_again_the_order_is_laid_down_anew(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await out_for_signature(one, two, how={"order": "sequential"})
    path = f"{PATH}/{found['id']}"
    await sign(one, found)
    await one.legal.done("POST", f"{path}/send-back", {"reason": "a typing error"})
    assert (await one.legal.done("GET", path))["signing"] is None
    found = await sent_out(one, found["id"])
    assert (found["signing"]["order"], found["signing"]["signed"]) == ("parallel", [])
    assert (await sign(two, found)).status_code == 200


async def test_who_may_approve_hears_who_is_missing(cast: Cast) -> None:
    department = {"agency_id": str(cast.requesting.id), "department": "County attorney"}
    found = await submitted(cast.assisting, cast.requesting, submission={"reviewers": [department]})
    (approve,) = (each for each in found["allowed_actions"] if each["action"] == "approve")
    assert (approve["allowed"], approve["reason"]) == (
        False,
        f"The text waits for its reviewers: County attorney of {cast.requesting.name} has not answered.",
    )


async def test_the_second_never_signs_before_the_first_however_close_they_come(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    for _ in range(6):
        found = await out_for_signature(one, two, how={"order": "sequential"})
        first, second = await asyncio.gather(sign(one, found), sign(two, found))
        assert first.status_code == 200
        assert second.status_code in (200, 409)
        assert (second.status_code == 200) == (second.json().get("stage") == "executed")


async def test_an_agreement_that_was_recorded_has_no_round_of_signatures(cast: Cast) -> None:
    paper = {"signed_on": "2025-01-01", "signatory_title": "Chief", "evidence_sha256": "ab" * 32}
    body = {**agreement_body(cast.assisting, cast.requesting), **paper}
    assert (await cast.assisting.legal.done("POST", f"{PATH}/record", body))["signing"] is None
