"""What `allowed_actions` offers works: in every state, for everybody, each act that is offered is tried.

An offer may still be refused for what is said with it (422). It is never refused because of where the agreement stands,
or of who asks (409, 403): of that the offer itself has to tell, with the reason.
"""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import httpx
import pytest

from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast, make_cast, today
from tests.support.consent import all_consent, consent, end_agreement, propose_end
from tests.support.consent_walk import answers
from tests.support.consent_walk_bodies import Walk, unsafe
from tests.support.consent_walk_states import STATES
from tests.support.documents import file_document
from tests.support.length import at_length
from tests.support.review import draft, hand, out_for_signature, submitted
from tests.support.service import Caller, Service

PATH = "/v1/agreements"
Found: TypeAlias = dict[str, Any]
State: TypeAlias = Callable[..., Awaitable[Found]]


async def act(who: Caller, found: Found, verb: str, body: object = None) -> Found:
    done: Found = await who.done("POST", f"{PATH}/{found['id']}/{verb}", body)
    return done


async def _draft(service: Service, *parties: Agency) -> Found:
    return await draft(*parties)


async def _in_review(service: Service, *parties: Agency) -> Found:
    return await submitted(*parties)


async def _approved(service: Service, *parties: Agency) -> Found:
    return await act(parties[0].counsel, await submitted(*parties), "approve")


async def _out(service: Service, *parties: Agency) -> Found:
    return await out_for_signature(*parties)


async def _declined(service: Service, *parties: Agency) -> Found:
    found = await out_for_signature(*parties)
    said = {"version_sha256": found["version_sha256"], "reason": "too dear"}
    return await act(parties[1].legal, found, "decline-to-sign", said)


async def _all_confirmed(found: Found, parties: Sequence[Agency]) -> Found:
    """What is reported of each, confirmed by it."""
    for said in found["reported_acts"]:
        party = next(party for party in parties if str(party.id) == said["agency"]["id"])
        if said["status"] in ("open", "unconfirmed"):
            found = await act(party.legal, found, f"reported-acts/{said['id']}/confirm")
    return found


async def _left(service: Service, *parties: Agency) -> Found:
    return await _all_confirmed(await STATES["a letter reported"](service, *parties), parties)


async def _leaving(service: Service, *parties: Agency) -> Found:
    found = await STATES["bound"](service, *parties)
    return await act(parties[1].legal, found, "give-notice", {"notice_on": str(today()), "reason": "cost"})


async def _ended(service: Service, *parties: Agency) -> Found:
    return await end_agreement(await STATES["bound"](service, *parties), *parties)


async def _ended_by_word(service: Service, *parties: Agency) -> Found:
    """Agreed to by two by word of mouth, and ended by them before the others gave theirs."""
    found = await STATES["by word of mouth"](service, *parties)
    word = {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff"}
    await act(parties[1].legal, found, "agree-verbally", word)
    ending = await propose_end(parties[0], found)
    return await consent(parties[1], found, ending["proposals"][0])


async def _whole_suspended(service: Service, *parties: Agency) -> Found:
    found = await STATES["bound"](service, *parties)
    proposed = await act(parties[0].legal, found, "propose-suspension", {"kind": "suspension", "reason": "inquiry"})
    return await all_consent(parties[1:], found, proposed)


async def _custody_offered(service: Service, *parties: Agency) -> Found:
    found = await STATES["bound"](service, *parties)
    return await act(parties[0].legal, found, "offer-custody", {"agency_id": str(parties[1].id), "reason": "merger"})


async def _custody_offered_while_amending(service: Service, *parties: Agency) -> Found:
    found = await _custody_offered(service, *parties)
    return await act(parties[0].legal, found, "amend", {"effective_on": "2027-01-01", "reason": "more"})


async def _signed_in_part(service: Service, *parties: Agency) -> Found:
    found = await out_for_signature(*parties)
    return await act(parties[1].signatory, found, "sign", hand(found))


async def _letter_beside_an_end(service: Service, *parties: Agency) -> Found:
    return await propose_end(parties[1], await STATES["a letter reported"](service, *parties))


async def _superseded(service: Service, *parties: Agency) -> Found:
    found, successor = await STATES["bound"](service, *parties), await sign_agreement(service, *parties)
    named = await act(parties[0].legal, found, "supersede", {"by_agreement_id": successor["id"], "reason": "new text"})
    return await _all_confirmed(named, parties)


EVERY: Mapping[str, State] = {
    **STATES,
    "a draft": _draft,
    "in review": _in_review,
    "approved": _approved,
    "out for signature": _out,
    "declined": _declined,
    "signed in part": _signed_in_part,
    "one has left": _left,
    "one is leaving": _leaving,
    "ended": _ended,
    "ended before the last gave its word": _ended_by_word,
    "suspended as a whole": _whole_suspended,
    "its keeping offered": _custody_offered,
    "its keeping offered during an amendment": _custody_offered_while_amending,
    "a letter reported beside an end proposed": _letter_beside_an_end,
    "superseded": _superseded,
}


def _operations(service: Service) -> dict[str, tuple[str, tuple[str, str, Any]]]:
    """By the name of an action, the operation that does it, as the contract declares it."""
    found = {}
    for operation, declared in unsafe(service).items():
        method, path, _ = declared
        verb = path.removeprefix(f"{PATH}/{{agreement_id}}").removeprefix("/").replace("-", "_")
        if path.startswith(f"{PATH}/{{agreement_id}}") and "/" not in verb:
            found["update" if method == "PATCH" else verb] = operation, declared
    return found


def _refused(found: list[httpx.Response]) -> str | None:
    """Why none was let through, where that is because of the agreement or of who asked."""
    if any(answer.is_success for answer in found):
        return None
    problems = [answer.json() for answer in found if answer.status_code in (403, 409)]
    return f"{problems[0]['code']}: {problems[0]['detail']}" if problems and len(problems) == len(found) else None


async def try_offers(service: Service, cast: Cast, state: str, party: int, office: str) -> tuple[int, list[str]]:
    """Try each act that the person is offered in the state; how many were tried, and what was refused."""
    operations = _operations(service)
    parties = [cast.assisting, cast.requesting, cast.neighbour]

    async def begin() -> Walk:
        walk = Walk(service=service, cast=cast, parties=parties, found=await EVERY[state](service, *parties))
        await walk.refresh()
        return walk

    walk = await begin()
    agency = parties[party]
    who: Caller = getattr(agency, office)
    seen = await who.get(f"{PATH}/{walk.found['id']}")
    offered = [each["action"] for each in seen.json().get("allowed_actions", ()) if each["allowed"]]
    faults = []
    for action in offered:
        operation, declared = operations[action]
        got = await answers(walk, operation, declared, who, agency.id)
        if action != "report_act" and (why := _refused(got)) is not None:
            faults.append(f"{action} is offered to {office} of party {party}, {state}: {why}")
        if any(answer.is_success for answer in got):
            walk = await begin()
    return len(offered), faults


async def try_withheld(service: Service, cast: Cast, state: str, party: int, office: str) -> tuple[int, list[str]]:
    """Try each act that is withheld from the person in the state; how many were tried, and what was not refused so.

    Whatever is said with it, it is refused, and for the very reason that stands beside it.
    """
    operations = _operations(service)
    parties = [cast.assisting, cast.requesting, cast.neighbour]

    async def begin() -> Walk:
        walk = Walk(service=service, cast=cast, parties=parties, found=await EVERY[state](service, *parties))
        await walk.refresh()
        return walk

    walk = await begin()
    agency = parties[party]
    who: Caller = getattr(agency, office)
    seen = await who.get(f"{PATH}/{walk.found['id']}")
    withheld = [each for each in seen.json().get("allowed_actions", ()) if not each["allowed"]]
    faults = []
    for each in withheld:
        operation, declared = operations[each["action"]]
        got = await answers(walk, operation, declared, who, agency.id)
        where = f"{each['action']} is withheld from {office} of party {party}, {state}, since “{each['reason']}”"
        problems = [(answer.status_code, answer.json().get("detail", "")) for answer in got]
        if any(answer.is_success for answer in got):
            faults.append(f"{where}, and works")
            walk = await begin()
        # What is wrong with what is said is not where the agreement stands (422); of this the offer tells the reason.
        elif {each["reason"] not in detail for status, detail in problems if status != 422} == {True}:
            faults.append(f"{where}, and refused: {problems}")
    return len(withheld), faults


_ANSWERS = (("proposals", "proposal_id"), ("reported_acts", "reported_act_id"))


def _answering(service: Service) -> dict[tuple[str, str], str]:
    """By the kind of thing and the name of an action on it, the operation that does it."""
    found = {}
    for operation, (_, path, _example) in unsafe(service).items():
        for kind, parameter in _ANSWERS:
            if f"{{{parameter}}}" in path:
                found[kind, path.rpartition("/")[2].replace("-", "_")] = operation
    return found


async def try_answers(service: Service, cast: Cast, state: str, who: Callable[[Cast], Caller]) -> tuple[int, list[str]]:
    """Try each act on a proposal or a report that the person is shown, offered or withheld; how many, what went wrong.

    What is withheld is refused too, with the very reason.
    """
    operations = _answering(service)
    parties = [cast.assisting, cast.requesting, cast.neighbour]
    count, faults, n = 0, list[str](), 0
    while True:
        found = await EVERY[state](service, *parties)
        seen = (await who(cast).get(f"{PATH}/{found['id']}")).json()
        shown = [
            (kind, thing["id"], offered)
            for kind, _ in _ANSWERS
            for thing in seen.get(kind, ())
            for offered in thing["allowed_actions"]
        ]
        if n == len(shown):
            return count, faults
        kind, thing_id, offered = shown[n]
        n, count = n + 1, count + 1
        operation = operations[kind, offered["action"]]
        body = {} if operation in _WITHOUT_REASON else {"reason": "walked"}
        verb = offered["action"].replace("_", "-")
        path = f"{PATH}/{found['id']}/{kind.replace('_', '-')}/{thing_id}/{verb}"
        answer = await who(cast).send("POST", path, json=body)
        where = f"{offered['action']} on {kind}, {state}: {answer.status_code} {answer.text}"
        if offered["allowed"] and answer.status_code in (403, 409):
            faults.append(f"offered: {where}")
        if not offered["allowed"] and (
            answer.status_code not in (403, 409, 422) or offered["reason"] not in answer.json()["detail"]
        ):
            faults.append(f"withheld because “{offered['reason']}”: {where}")


_WITHOUT_REASON = ("consent_to_agreement_proposal", "second_reported_act", "confirm_reported_act")
_WITH_ANSWERS = (
    "its end proposed",
    "its end consented to by one more",
    "a letter reported",
    "one has left",
    "superseded",
)
_PEOPLE: Sequence[Callable[[Cast], Caller]] = (
    *(lambda cast, n=n: (cast.assisting, cast.requesting, cast.neighbour)[n].legal for n in range(3)),
    lambda cast: cast.requesting.coordinator,
)


@pytest.mark.second_long
@pytest.mark.parametrize(
    "state", [*_WITH_ANSWERS, "ended with a proposal open", "a letter reported beside an end proposed"]
)
async def test_what_is_offered_on_a_proposal_or_a_report_is_done_and_what_is_withheld_is_refused(
    service: Service, cast: Cast, state: str
) -> None:
    tried, faults = 0, list[str]()
    for who in _PEOPLE:
        count, found = await try_answers(service, cast, state, who)
        tried += count
        faults += found
    assert not faults, "\n".join(faults)
    assert tried >= 3, "each party is told what it may do"


async def test_who_may_do_what_to_a_proposal_is_said_to_each(service: Service, cast: Cast) -> None:
    found = await EVERY["its end proposed"](service, cast.assisting, cast.requesting)

    async def offered(who: Caller) -> dict[str, bool]:
        (proposal,) = (await who.done("GET", f"{PATH}/{found['id']}"))["proposals"]
        return {each["action"]: each["allowed"] for each in proposal["allowed_actions"]}

    assert await offered(cast.assisting.legal) == {"consent": False, "take_back": True}
    assert await offered(cast.requesting.legal) == {"consent": True}
    assert await offered(cast.requesting.coordinator) == {}
    await consent(cast.requesting, found, found["proposals"][0])
    assert await offered(cast.assisting.legal) == {"consent": False, "take_back": False}


async def test_a_report_is_answered_by_the_party_taken_back_by_who_made_it_and_seconded_by_another_operator(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 30})
    path = f"{PATH}/{found['id']}"
    said = {"agency_id": str(cast.requesting.id), "kind": "gave_notice", "acted_on": str(today()), "reason": "a letter"}
    filed = await file_document(service.operator, found["id"], "What came by post (demo).")
    await service.operator.done("POST", f"{path}/report-act", {**said, "evidence_sha256": filed["sha256"]})

    async def offered(who: Caller) -> dict[str, bool]:
        report = (await who.done("GET", path))["reported_acts"][-1]
        return {each["action"]: each["allowed"] for each in report["allowed_actions"]}

    second = service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="second-operator")
    assert await offered(service.operator) == {"second": False, "take_back": True}
    assert await offered(second) == {"second": True, "take_back": True}
    assert await offered(cast.requesting.legal) == {"confirm": True, "contest": True}
    assert await offered(cast.assisting.legal) == {}
    report_id = (await second.done("GET", path))["reported_acts"][-1]["id"]
    await second.done("POST", f"{path}/reported-acts/{report_id}/second")
    assert await offered(second) == {"second": False, "take_back": True}
    await cast.requesting.legal.done("POST", f"{path}/reported-acts/{report_id}/confirm")
    assert await offered(cast.requesting.legal) == {"confirm": False, "contest": False}


@pytest.mark.grows
@pytest.mark.second_long
async def test_no_act_that_is_offered_is_refused_for_where_the_agreement_stands(service: Service) -> None:
    cast = await make_cast(service)
    every = [(state, party, office) for state in EVERY for party in range(3) for office in ("legal", "signatory")]
    chosen = random.Random(11).sample(every, at_length(8, 24, len(every)))  # which to try, no secret
    tried, faults = 0, list[str]()
    for state, party, office in chosen:
        count, found = await try_offers(service, cast, state, party, office)
        tried += count
        faults += found
    assert not faults, "\n".join(faults)
    assert tried > 2 * len(chosen), "or nothing was tried"


@pytest.mark.second_long
async def test_the_word_to_publish_a_later_text_is_offered_to_who_can_give_it(service: Service, cast: Cast) -> None:
    """Their first text is published: what is offered is the word to the amendment that two of them signed."""
    for party in range(2):
        tried, faults = await try_offers(service, cast, "an amendment signed by two", party, "signatory")
        assert (faults, tried > 5) == ([], True)


@pytest.mark.grows
@pytest.mark.second_long
async def test_no_act_that_is_withheld_is_done_and_each_is_refused_with_the_reason_beside_it(service: Service) -> None:
    cast = await make_cast(service)
    every = [(state, party, office) for state in EVERY for party in range(3) for office in ("legal", "signatory")]
    chosen = random.Random(12).sample(every, at_length(8, 24, len(every)))  # which to try, no secret
    tried, faults = 0, list[str]()
    for state, party, office in chosen:
        count, found = await try_withheld(service, cast, state, party, office)
        tried += count
        faults += found
    assert not faults, "\n".join(faults)
    assert tried > 2 * len(chosen), "or nothing was tried"


@pytest.mark.second_long
@pytest.mark.parametrize(
    ("state", "party", "withheld", "allowed"),
    [
        ("one has left", 1, ["suspend", "terminate", "add_parties", "propose_suspension"], []),
        ("its end proposed", 0, ["terminate"], ["give_notice"]),
        ("a letter reported", 1, ["rescind_notice"], ["give_notice"]),
        ("ended before the last gave its word", 2, ["agree_verbally"], []),
        ("its keeping offered during an amendment", 1, ["accept_custody"], ["decline_custody"]),
        ("its keeping offered", 1, [], ["accept_custody"]),
        ("one is leaving", 1, ["give_notice"], ["rescind_notice", "suspend"]),
        ("declined", 0, ["activate_verbally", "sign"], ["send_back"]),
    ],
)
async def test_an_act_is_offered_where_it_would_be_done(
    service: Service, cast: Cast, state: str, party: int, withheld: list[str], allowed: list[str]
) -> None:
    parties = [cast.assisting, cast.requesting, cast.neighbour]
    found = await EVERY[state](service, *parties)
    seen = await parties[party].legal.done("GET", f"{PATH}/{found['id']}")
    offers = {each["action"]: each["allowed"] for each in seen["allowed_actions"]}
    assert {name: offers[name] for name in (*withheld, *allowed)} == (
        dict.fromkeys(withheld, False) | dict.fromkeys(allowed, True)
    )
