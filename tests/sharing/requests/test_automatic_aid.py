"""What the parties agreed to send without being asked is reserved as soon as it is asked for; anything else waits."""

import asyncio
from typing import Any

from tests.support.agreements import agreement_body, sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import REASON
from tests.support.problems import assert_problem
from tests.support.requests import act, line_for, submitted

Found = dict[str, Any]
CLAUSE = "1.1"
FOR = {"purposes": ["search_and_rescue"], "least_priority": "urgent"}


async def agreed(cast: Cast, *assets: Found, terms: Found | None = None, **aid: Any) -> Found:
    """An agreement by which these assets are sent to an urgent search and rescue without being asked for."""
    automatic = {
        "categories": ["k9"],
        "trigger": "A person is missing (demo)",
        "asset_ids": [each["id"] for each in assets],
        **FOR,
        **aid,
    }
    return await sign_agreement(
        cast.assisting.service,
        cast.assisting,
        cast.requesting,
        terms={"automatic_aid": [automatic], "clauses": {"automatic_aid": CLAUSE}, **(terms or {})},
        provisions=[{"heading": "scope", "number": CLAUSE, "text": "A dog is sent when a person is missing (demo)."}],
    )


def asked(*assets: Found, **fields: Any) -> Found:
    return {
        "purpose": "search_and_rescue",
        "priority": "emergency",
        "lines": [line_for(each) for each in assets],
        **fields,
    }


async def test_what_is_listed_is_reserved_when_it_is_asked_for_and_the_clause_is_told(cast: Cast) -> None:
    listed, other = await make_asset(cast.assisting), await make_asset(cast.assisting)
    agreement = await agreed(cast, listed)
    found = await submitted(cast.requesting, {}, **asked(listed, other))
    first, second = found["lines"]
    assert (found["status"], first["status"], second["status"]) == ("partially_filled", "reserved", "permitted")
    assert second["automatic_aid"] is None
    told = first["automatic_aid"]["agreement"]
    assert (told["id"], told["version_no"], told["clause"]) == (agreement["id"], 1, CLAUSE)
    loan = await cast.assisting.coordinator.done("GET", f"/v1/loans/{first['loan']['id']}")
    assert (loan["status"], loan["decision_id"]) == ("reserved", first["decision"]["id"])
    seen = await cast.assisting.coordinator.done("GET", f"/v1/requests/{found['id']}")
    assert seen["lines"][0]["automatic_aid"] == first["automatic_aid"]
    history = (await cast.assisting.auditor.done("GET", f"/v1/loans/{loan['id']}/history"))["items"]
    assert (history[0]["type"], history[0]["actor"]["agency_id"]) == ("loan.reserved", str(cast.assisting.id))
    sent = (await cast.assisting.auditor.done("GET", f"/v1/requests/{found['id']}/history"))["items"]
    told_lines = [line.get("automatic_aid") for line in sent[0]["data"]["lines"]]
    assert told_lines == [True, None]
    # The owner may still take it back, as any loan, and who asked asks again: it is sent again.
    await cast.assisting.coordinator.done("POST", f"/v1/loans/{loan['id']}/cancel", REASON)
    path = f"/v1/requests/{found['id']}/lines/{first['id']}/ask-again"
    again = await cast.requesting.coordinator.done("POST", path, {})
    assert [line["status"] for line in again["lines"]] == ["declined", "permitted", "reserved"]


async def test_what_the_term_does_not_say_waits_for_an_answer(cast: Cast) -> None:
    listed = await make_asset(cast.assisting, capacity=2)
    boat = await make_asset(cast.assisting, category="vessel.patrol_boat", type_level=None, certifications=[])
    await agreed(cast, listed, boat)
    cases: list[tuple[str, Found, str]] = [
        ("another purpose", asked(listed, purpose="narcotics_investigation"), "permitted"),
        ("less urgent", asked(listed, priority="routine"), "permitted"),
        ("another category", asked(boat), "permitted"),
        ("as it says", asked(listed, priority="urgent"), "reserved"),
    ]
    for name, fields, expected in cases:
        found = await submitted(cast.requesting, {}, **fields)
        assert found["lines"][0]["status"] == expected, name
        assert (found["lines"][0]["automatic_aid"] is not None) == (expected == "reserved"), name


async def test_what_cannot_be_had_or_needs_an_approval_waits_for_an_answer(cast: Cast) -> None:
    listed = await make_asset(cast.assisting)
    network = await make_asset(cast.assisting, sharing="network")
    agreement = await agreed(cast, listed, network)
    answers = await asyncio.gather(*(submitted(cast.requesting, {}, **asked(listed)) for _ in range(3)))
    assert sorted(found["lines"][0]["status"] for found in answers) == ["permitted", "permitted", "reserved"]
    late = next(found for found in answers if found["lines"][0]["status"] == "permitted")
    assert late["lines"][0]["availability"]["free_quantity"] == 0
    await act(cast.requesting.coordinator, late, "withdraw")
    legal = cast.assisting.legal
    await legal.done("POST", f"/v1/agreements/{agreement['id']}/suspend", REASON)
    over = await submitted(cast.requesting, {}, **asked(network))
    assert over["lines"][0]["status"] == "denied", "what is suspended sends nothing"
    strict = await make_asset(cast.assisting)
    await agreed(cast, strict, terms={"approval_required": True})
    found = await submitted(cast.requesting, {}, **asked(strict))
    assert (found["lines"][0]["status"], found["lines"][0]["automatic_aid"]) == ("needs_approval", None)


async def test_a_term_that_lists_assets_says_what_they_are_sent_for(cast: Cast) -> None:
    asset = await make_asset(cast.assisting)
    base: Found = {"categories": ["k9"], "trigger": "A person is missing (demo)"}
    body = agreement_body(cast.assisting, cast.requesting)
    for aid, code in (
        ({"asset_ids": [asset["id"]]}, "automatic_aid_incomplete"),
        ({"purposes": ["search_and_rescue"]}, "automatic_aid_incomplete"),
        ({"asset_ids": [asset["id"]], "purposes": ["unicorn"]}, "unknown_purpose"),
    ):
        terms = {**body["terms"], "automatic_aid": [{**base, **aid}]}
        answer = await cast.assisting.legal.post("/v1/agreements", {**body, "terms": terms})
        assert_problem(answer, 422)
        assert code in answer.text
