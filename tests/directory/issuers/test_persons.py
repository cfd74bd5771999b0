"""A person is a subject of an issuer: the same subject at another issuer is somebody else."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from registry.platform.access.principals import Principal
from registry.platform.access.tokens import FOLLOW_SECONDS
from tests.platform.access.forging import Forge, make_key
from tests.support.agreements import sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.requests import line_for
from tests.support.service import Caller

SUBJECT = "1001"
"""A number that every agency's own provider may give to somebody."""
ROLES = ["coordinator", "approver", "legal"]


async def connected(*agencies: Agency) -> Sequence[Caller]:
    """For each agency a person of an issuer of its own, all with the same subject."""
    callers = []
    for agency in agencies:
        key = make_key("ES256", "first")
        of = Forge(issuer=f"https://{uuid4().hex}.example", agency_id=agency.id, keys={"ES256": key})
        operator = agency.service.operator
        made = await operator.done("POST", "/v1/issuers", {"issuer": of.issuer, "keys": {"keys": [key.public_jwk()]}})
        await operator.done("POST", f"/v1/issuers/{made['id']}/attach-agency", {"agency_id": str(agency.id)})
        callers.append(Caller(agency.service, of.token(of.claims(sub=SUBJECT, roles=ROLES))))
    await asyncio.sleep(FOLLOW_SECONDS + 0.05)
    return callers


def principal(**changed: Any) -> Principal:
    given: dict[str, Any] = {
        "subject": SUBJECT,
        "issuer": "https://a.example",
        "agency_id": uuid4(),
        "roles": frozenset(),
        "scopes": frozenset(),
        "token_id": "t",
        **changed,
    }
    return Principal(**given)


@pytest.mark.parametrize(
    ("changed", "same"),
    [({}, True), ({"token_id": "u"}, True), ({"issuer": "https://b.example"}, False), ({"subject": "1002"}, False)],
)
def test_a_person_is_a_subject_of_an_issuer(changed: dict[str, Any], same: bool) -> None:
    assert (principal().person == principal(**changed).person) is same


def test_no_two_pairs_read_alike() -> None:
    assert principal(issuer="a b", subject="c").person != principal(issuer="a", subject="b c").person
    assert SUBJECT not in principal().person


async def test_whoever_has_the_askers_subject_at_another_issuer_approves(cast: Cast) -> None:
    asker, approver = await connected(cast.requesting, cast.assisting)
    await sign_agreement(cast.assisting.service, cast.assisting, cast.requesting, terms={"approval_required": True})
    body = {"purpose": "mutual_aid", "summary": "x", "lines": [line_for(await make_asset(cast.assisting))]}
    made = await asker.done("POST", "/v1/requests", body)
    await asker.done("POST", f"/v1/requests/{made['id']}/submit")
    waiting = await approver.done("GET", "/v1/requests?waiting_for_me=true")
    assert [each["id"] for each in waiting["items"]] == [made["id"]]
    await approver.done("POST", f"/v1/requests/{made['id']}/approve", {"reason": "We can spare it (demo)."})


async def test_two_people_of_one_agency_with_one_subject_do_not_get_each_others_answers(cast: Cast) -> None:
    one, other = await connected(cast.requesting, cast.requesting)
    asset = await make_asset(cast.assisting, sharing="network")
    bodies = [{"purpose": "mutual_aid", "summary": word, "lines": [line_for(asset)]} for word in ("one", "other")]
    first = await one.post("/v1/requests", bodies[0], key="same-key")
    second = await other.post("/v1/requests", bodies[1], key="same-key")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    assert_problem(await one.post("/v1/requests", bodies[1], key="same-key"), 422, "idempotency_key_reused")
