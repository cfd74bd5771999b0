"""Tokens and persons that are refused: by their own agency's administrators, or by the operator."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from registry.directory.revocations.rules import BY_OPERATOR
from registry.platform.access.acting import REMEMBERED_SECONDS
from registry.platform.access.principals import Role
from registry.platform.issuers import DEVELOPMENT_ISSUER
from tests.support.cast import Agency, Cast
from tests.support.operators import done_by_two
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_long

PATH = "/v1/revocations"
WHY = {"reason": "Left the office on Friday (demo)."}


def person(subject: str, **more: Any) -> dict[str, Any]:
    """A revocation of a person of the development issuer."""
    return {"kind": "person", "issuer": DEVELOPMENT_ISSUER, "value": subject, **WHY, **more}


async def may_act(caller: Caller) -> bool:
    """Whether the caller's token is accepted, once what is remembered is over."""
    await asyncio.sleep(REMEMBERED_SECONDS)
    return (await caller.get("/v1/me")).status_code == 200


def somebody(agency: Agency) -> tuple[str, Caller]:
    """A new coordinator of the agency, and the subject."""
    subject = f"leaver-{uuid4().hex}"
    return subject, agency.as_(Role.COORDINATOR, subject=subject)


async def test_a_person_is_refused_within_a_second_until_it_is_lifted(cast: Cast) -> None:
    subject, leaver = somebody(cast.assisting)
    elsewhere = cast.requesting.as_(Role.COORDINATOR, subject=subject)
    assert await may_act(leaver)
    made = await cast.assisting.admin.done("POST", PATH, person(subject))
    assert (made["agency"], made["lifted_at"], made["version"]) == (cast.assisting.reference, None, 1)
    assert not await may_act(leaver)
    assert_problem(await leaver.get("/v1/me"), 403, "principal_suspended")
    assert await may_act(elsewhere), "it is that agency's word for itself alone"
    lifted = await cast.assisting.admin.done("POST", f"{PATH}/{made['id']}/lift", WHY)
    assert (lifted["version"], lifted["allowed_actions"][0]["allowed"]) == (2, False)
    assert await may_act(leaver)
    again = await cast.assisting.admin.done("POST", PATH, person(subject))
    assert (again["id"], again["version"], again["lifted_at"]) == (made["id"], 3, None)
    assert not await may_act(leaver)


async def test_one_token_is_refused_and_the_person_comes_with_another(cast: Cast) -> None:
    subject, bearer = somebody(cast.assisting)
    token_id = (await bearer.done("GET", "/v1/me"))["token_id"]
    await cast.assisting.admin.done("POST", PATH, {**person(token_id), "kind": "token"})
    assert not await may_act(bearer)
    assert await may_act(cast.assisting.as_(Role.COORDINATOR, Role.LEGAL, subject=subject))


async def test_the_same_subject_of_another_issuer_is_somebody_else(cast: Cast, service: Service) -> None:
    subject, colleague = somebody(cast.assisting)
    other = (await attached_issuer(cast, service))["issuer"]
    await cast.assisting.admin.done("POST", PATH, {**person(subject), "issuer": other})
    assert await may_act(colleague)


async def attached_issuer(cast: Cast, service: Service) -> dict[str, Any]:
    """An issuer that speaks for the assisting agency."""
    made = await service.operator.done("POST", "/v1/issuers", {"issuer": f"https://{uuid4().hex}.example"})
    attached: dict[str, Any] = await service.operator.done(
        "POST", f"/v1/issuers/{made['id']}/attach-agency", {"agency_id": str(cast.assisting.id)}
    )
    return attached


async def test_an_issuer_that_does_not_speak_for_the_agency_is_refused_with_where_the_person_came(
    cast: Cast, service: Service
) -> None:
    """Whoever dismisses somebody for the wrong agency would believe that it was done."""
    subject, colleague = somebody(cast.assisting)
    issuer = (await attached_issuer(cast, service))["issuer"]
    ask = {**person(subject), "issuer": issuer}
    await colleague.done("GET", "/v1/me")
    for caller, elsewhere in ((cast.requesting.admin, {}), (service.operator, {"agency_id": str(cast.requesting.id)})):
        problem = assert_problem(await caller.post(PATH, {**ask, **elsewhere}), 422, "issuer_not_for_agency")
        assert f"{issuer} does not speak for {cast.requesting.name}" in problem["detail"]
        assert problem["errors"][0]["pointer"] == "/agency_id"


async def test_an_issuer_that_is_not_known_is_refused_with_the_nearest(cast: Cast) -> None:
    """Silently refused, a person of the issuer that was meant could go on."""
    for kind in ("person", "token"):
        ask = {**person("x"), "kind": kind, "issuer": "urn:registry:developement"}
        problem = assert_problem(await cast.assisting.admin.post(PATH, ask), 422, "unknown_issuer")
        assert problem["errors"][0]["pointer"] == "/issuer"
        assert f"the nearest that is known is {DEVELOPMENT_ISSUER}." in problem["detail"]
    assert (await cast.assisting.admin.done("GET", PATH))["items"] == []


async def test_an_issuer_that_is_disabled_and_the_registry_itself_are_known(cast: Cast, service: Service) -> None:
    made = await attached_issuer(cast, service)
    await service.operator.done("PATCH", f"/v1/issuers/{made['id']}", {"enabled": False}, if_match="*")
    for issuer in (made["issuer"], service.settings.public_url):
        assert (await cast.assisting.admin.post(PATH, {**person("x"), "issuer": issuer})).status_code == 201


async def test_the_answer_says_whether_who_is_refused_was_ever_seen(cast: Cast, service: Service) -> None:
    admin, (subject, leaver) = cast.assisting.admin, somebody(cast.assisting)
    made = await admin.done("POST", PATH, person(subject))
    assert made["seen"] is False
    await admin.done("POST", f"{PATH}/{made['id']}/lift", WHY)
    await leaver.done("GET", "/v1/me")
    await service.edge.app.state.sightings.store()
    assert (await admin.done("POST", PATH, person(subject)))["seen"] is True
    assert (await admin.done("POST", PATH, {**person("a-token"), "kind": "token"}))["seen"] is None


async def test_what_the_operator_refused_the_operator_alone_lifts(cast: Cast, service: Service) -> None:
    admin, (subject, _) = cast.assisting.admin, somebody(cast.assisting)
    own = await admin.done("POST", PATH, person(subject))
    assert own["placed_by"] == "agency"
    theirs = await service.operator.done("POST", PATH, person(subject, agency_id=str(cast.assisting.id)))
    assert (theirs["id"], theirs["placed_by"], theirs["version"]) == (own["id"], "operator", 2), (
        "it is the operator's now"
    )
    assert await admin.done("POST", PATH, person(subject)) == theirs | {
        "allowed_actions": [{"action": "lift", "allowed": False, "reason": BY_OPERATOR}]
    }, "and stays so"
    path = f"{PATH}/{own['id']}"
    problem = assert_problem(await admin.post(f"{path}/lift", WHY), 403, "refused_by_operator")
    assert "operator" in problem["detail"]
    await done_by_two(service, f"{path}/lift", WHY)
    assert_problem(await admin.post(f"{path}/lift", WHY), 409, "wrong_status")
    again = await admin.done("POST", PATH, person(subject))
    assert (again["placed_by"], again["version"]) == ("agency", 4), "the agency's word is its own again"
    await admin.done("POST", f"{path}/lift", WHY)


async def test_the_last_administrator_of_an_agency_is_refused_by_the_operator_alone(
    cast: Cast, service: Service
) -> None:
    agency, subject = cast.assisting, f"chief-{uuid4().hex}"
    chief, deputy = agency.as_(Role.AGENCY_ADMIN, subject=subject), agency.admin
    await chief.done("GET", "/v1/me")
    await service.edge.app.state.sightings.store()
    itself = next(each for each in (await chief.done("GET", "/v1/principals"))["items"] if each["subject"] == subject)
    path = f"/v1/principals/{itself['id']}"
    for answer in (await chief.post(PATH, person(subject)), await chief.post(f"{path}/suspend", WHY)):
        problem = assert_problem(answer, 409, "last_administrator")
        assert "ask the registry's operator" in problem["detail"]
    assert (await chief.done("GET", PATH))["items"] == [], "nothing was refused"
    await chief.done("POST", PATH, person("clerk"))
    await deputy.done("GET", "/v1/me")
    await service.edge.app.state.sightings.store()
    await chief.done("POST", f"{path}/suspend", WHY)
    assert not await may_act(chief), "another is left"
    last = (await deputy.done("GET", "/v1/me"))["subject"]
    assert_problem(await deputy.post(PATH, person(last)), 409, "last_administrator")
    theirs = await service.operator.done("POST", PATH, person(last, agency_id=str(agency.id)))
    assert not await may_act(deputy)
    await done_by_two(service, f"{PATH}/{theirs['id']}/lift", WHY)
    assert await may_act(deputy), "the operator can undo it"


async def test_the_operator_refuses_anybody_and_an_agency_its_own(cast: Cast, service: Service) -> None:
    subject, leaver = somebody(cast.requesting)
    ask = person(subject, agency_id=str(cast.requesting.id))
    assert_problem(await cast.assisting.admin.post(PATH, ask), 403, "forbidden")
    made = await service.operator.done("POST", PATH, ask)
    assert not await may_act(leaver)
    path = f"{PATH}/{made['id']}"
    assert_problem(await cast.assisting.admin.get(path), 404)
    assert_problem(await cast.assisting.admin.post(f"{path}/lift", WHY), 404)
    assert (await cast.requesting.admin.done("GET", path))["value"] == subject
    own = (await cast.requesting.admin.done("GET", PATH))["items"]
    assert [each["id"] for each in own] == [made["id"]]
    assert (await cast.assisting.admin.done("GET", PATH))["items"] == []
    assert made["id"] in {each["id"] for each in (await service.operator.done("GET", PATH))["items"]}


async def test_who_else_may_not(cast: Cast, service: Service) -> None:
    assert_problem(await service.anonymous.post(PATH, person("x")), 401)
    for role in (Role.COORDINATOR, Role.LEGAL, Role.AUDITOR, Role.SERVICE):
        caller = cast.assisting.as_(role, scope="tokens:*")
        assert_problem(await caller.post(PATH, person("x")), 403, "forbidden")
        assert_problem(await caller.get(PATH), 403, "forbidden")


async def test_malformed_stale_repeated_and_unknown(cast: Cast, service: Service) -> None:
    admin = cast.assisting.admin
    for changed in ({"kind": "agency"}, {"value": "two words"}, {"value": ""}, {"reason": ""}, {"until": "2030"}):
        assert (await admin.post(PATH, {**person("x"), **changed})).status_code == 400
    unknown = person("x", agency_id=str(uuid4()))
    assert_problem(await service.operator.post(PATH, unknown), 422, "unknown_agency")
    subject, _ = somebody(cast.assisting)
    first, second = [await admin.post(PATH, person(subject), key=f"once-{subject}") for _ in range(2)]
    assert first.json() == second.json()
    assert (await admin.done("POST", PATH, person(subject)))["version"] == 1, "refused already: nothing changes"
    path = f"{PATH}/{first.json()['id']}"
    assert_problem(await admin.post(f"{path}/lift", WHY, if_match='"9-00000000"'), 412)
    await admin.done("POST", f"{path}/lift", WHY)
    assert_problem(await admin.post(f"{path}/lift", WHY), 409, "wrong_status")
