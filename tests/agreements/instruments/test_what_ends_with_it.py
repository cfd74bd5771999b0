"""With an agreement ends what nobody had agreed to yet: nothing comes of it afterwards."""

from datetime import datetime, timedelta
from typing import Any

from registry.agreements.instruments.commands import holding
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import letter, report
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import all_consent, consent, propose_end
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"
PRIVATE = [{"number": "1", "heading": "purpose", "text": "The parties help one another."}]


async def newcomers(one: Agency, found: dict[str, Any], *added: Agency) -> dict[str, Any]:
    """A party's proposal to let others sign; the proposal."""
    body = {"agency_ids": [str(each.id) for each in added], "reason": "asked to join"}
    seen = await one.legal.done("POST", f"{PATH}/{found['id']}/add-parties", body)
    return seen["proposals"][-1]  # type: ignore[no-any-return]


async def waiting(one: Agency) -> set[str]:
    """The agreements in which something waits for the agency's answer."""
    listed = await one.legal.done("GET", f"{PATH}?waiting_for_me=true&limit=200")
    return {each["id"] for each in listed["items"]}


async def test_nobody_is_let_into_what_has_ended(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PRIVATE)
    proposed = await newcomers(cast.assisting, found, cast.stranger)
    pause = {"kind": "suspension", "reason": "a dispute"}
    seen = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/propose-suspension", pause)
    suspension = seen["proposals"][-1]
    ended = await consent(cast.requesting, found, (await propose_end(cast.assisting, found))["proposals"][-1])
    assert ended["stage"] == "terminated"
    assert [(each["kind"], each["status"], each["closed_because"]) for each in ended["proposals"]] == [
        ("newcomers", "closed", "agreement_ended"),
        ("suspension", "closed", "agreement_ended"),
        ("end", "agreed", None),
    ]
    history = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}/history")
    closed = [each["data"]["proposal_id"] for each in history["items"] if each["type"] == "agreement.proposal_closed"]
    assert sorted(closed) == sorted([proposed["id"], suspension["id"]])
    for each in (proposed, suspension):
        path = f"{PATH}/{found['id']}/proposals/{each['id']}/consent"
        assert_problem(await cast.requesting.legal.post(path), 409, "wrong_status")
        said = letter(cast.requesting, today(), kind="consented", proposal_id=each["id"])
        refused = await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", said)
        assert_problem(refused, 422, "unknown_proposal")
    assert_problem(await cast.stranger.legal.get(f"{PATH}/{found['id']}"), 404)
    assert found["id"] not in await waiting(cast.requesting)


async def test_an_end_of_a_later_day_closes_nothing_before_it_and_everything_then(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PRIVATE)
    proposed = await newcomers(cast.assisting, found, cast.stranger)
    last = today() + timedelta(days=30)
    agreed = await consent(cast.requesting, found, (await propose_end(cast.assisting, found, on=last))["proposals"][-1])
    assert agreed["stage"] == "executed"
    assert found["id"] in await waiting(cast.requesting)
    await holding.settle_all_due(service.database, datetime.fromisoformat(agreed["terminated_at"]))
    path = f"{PATH}/{found['id']}/proposals/{proposed['id']}/consent"
    assert_problem(await cast.requesting.legal.post(path), 409, "wrong_status")
    assert found["id"] not in await waiting(cast.requesting)


async def test_newcomers_agreed_on_by_silence_after_the_end_are_not_let_in(service: Service, cast: Cast) -> None:
    """Both are due at the same sweep, the end first: it counts when each took effect, not when it is noticed."""
    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PRIVATE)
    proposed = await newcomers(cast.assisting, found, cast.stranger)
    about = {"kind": "consented", "proposal_id": proposed["id"]}
    seen, _ = await report(cast.assisting, found, letter(cast.requesting, today(), **about))
    effect = datetime.fromisoformat(seen["reported_acts"][-1]["takes_effect_at"])
    last = today() + timedelta(days=7)
    await consent(cast.requesting, found, (await propose_end(cast.assisting, found, on=last))["proposals"][-1])
    await holding.settle_all_due(service.database, effect)
    ended = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
    assert (ended["stage"], len(ended["parties"])) == ("terminated", 2)
    assert_problem(await cast.stranger.legal.get(f"{PATH}/{found['id']}"), 404)


async def test_what_was_agreed_before_and_what_is_said_of_the_days_before_stay(service: Service, cast: Cast) -> None:
    three = (cast.assisting, cast.requesting, cast.neighbour)
    found = await sign_agreement(service, *three, notice={"days": 5})
    proposed = await newcomers(cast.assisting, found, cast.stranger)
    await consent(cast.requesting, found, proposed)
    await consent(cast.neighbour, found, proposed)
    given_on = today() - timedelta(days=30)
    _, path = await report(cast.assisting, found, letter(cast.neighbour, given_on))
    agreed = await all_consent(three[1:], found, await propose_end(cast.assisting, found))
    assert agreed["stage"] == "terminated"
    assert sorted(each["kind"] for each in agreed["proposals"]) == ["departure", "end", "newcomers"]
    assert agreed["reported_acts"][0]["status"] == "open"
    confirmed = await cast.neighbour.legal.done("POST", f"{path}/confirm")
    assert confirmed["parties"][2]["leaves_at"] is not None


async def test_a_signature_reported_of_what_came_to_nothing_waits_for_nobody(service: Service, cast: Cast) -> None:
    both = (cast.assisting, cast.requesting)
    for step in ("withdraw", "send-back", "terminate"):
        found = await sign_agreement(service, *both)
        first = today() + timedelta(days=1) if step == "terminate" else today()  # what begins before an end is open
        amended = await amended_on_paper(found, cast.assisting, effective_on=first, signed_on=today())
        about = {"signatory_title": "Chief", "version_sha256": amended["amendment"]["version_sha256"]}
        await report(cast.assisting, found, letter(cast.requesting, today(), kind="signed", **about))
        assert found["id"] in await waiting(cast.requesting)
        if step == "terminate":
            await consent(cast.requesting, found, (await propose_end(cast.assisting, found))["proposals"][-1])
        else:
            await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/{step}", {"reason": "a mistake"})
        assert found["id"] not in await waiting(cast.requesting), step
        await holding.settle_all_due(service.database, utc_now() + timedelta(days=15))
        seen = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
        assert seen["reported_acts"][-1]["status"] == "taken_back"
        assert seen["parties"][1]["joined_at"] == amended["parties"][1]["joined_at"]
