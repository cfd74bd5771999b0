"""No forged, stale, borrowed or misshapen token is accepted: each gets 401, but one that names no active agency."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from registry.platform.access.acting import REMEMBERED_SECONDS, revoke
from registry.platform.access.principals import RevocationKind, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from tests.platform.access.conftest import ALGORITHMS, Trusting
from tests.platform.access.forging import AGENCY_ISSUER, OPERATOR_ISSUER, Forge, make_key
from tests.platform.access.hostile_tokens import hostile_tokens, raw_authorizations
from tests.support.cases import every_case
from tests.support.problems import assert_problem

pytestmark = pytest.mark.second_long

PATH = "/v1/agencies?limit=1"


def some_forge(issuer: str) -> Forge:
    return Forge(issuer=issuer, agency_id=UUID(int=1), keys={a: make_key(a, f"{a}-key") for a in ALGORITHMS})


OF_NOBODY = "issuer: the operator's, for an agency that does not exist"
"""A good token all the same: its issuer may name any agency, and this one is not active."""
NAMES = [name for name, _ in hostile_tokens(some_forge(AGENCY_ISSUER), some_forge(OPERATOR_ISSUER), UUID(int=2))]


@pytest.fixture
def corpus(trusting: Trusting) -> dict[str, str]:
    """Made for each test: what is not valid yet becomes so within minutes, and a session may last longer."""
    return dict(hostile_tokens(trusting.agency, trusting.operator, trusting.stranger))


def test_the_corpus_is_large_and_names_each_token_once() -> None:
    assert len(NAMES) >= 118
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.one_database
async def test_a_hostile_token_is_answered_with_401(trusting: Trusting, corpus: dict[str, str]) -> None:
    with every_case() as case:
        for name in NAMES:
            with case(name):
                token = corpus[name].encode("utf-8", "surrogatepass")
                response = await trusting.service.http.get(PATH, headers=[(b"authorization", b"Bearer " + token)])
                if name == OF_NOBODY:
                    assert_problem(response, 403, "agency_not_active")
                    continue
                problem = assert_problem(response, 401)
                assert problem["code"] in ("invalid_token", "token_expired", "unauthenticated")
                assert response.headers["www-authenticate"].startswith("Bearer")
                assert len(problem["detail"]) < 100, "an answer must not explain to a forger what to improve"


@pytest.mark.one_database
@pytest.mark.parametrize("name", [name for name, _ in raw_authorizations("x")])
async def test_a_good_token_in_a_bad_field_is_answered_with_401(trusting: Trusting, name: str) -> None:
    fields = dict(raw_authorizations(trusting.agency.token()))[name]
    response = await trusting.service.http.get(PATH, headers=[(b"authorization", field) for field in fields])
    assert_problem(response, 401)


@pytest.mark.one_database
@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_good_token_is_accepted_so_that_the_corpus_means_something(trusting: Trusting, algorithm: str) -> None:
    for forge in (trusting.agency, trusting.operator):
        if (key := forge.keys.get(algorithm)) is not None:
            token = forge.token(key=key)
            response = await trusting.service.http.get(PATH, headers={"authorization": f"Bearer {token}"})
            assert response.status_code == 200, response.text


async def test_the_operators_issuer_speaks_for_any_agency_and_makes_administrators(trusting: Trusting) -> None:
    for claims in (
        trusting.operator.claims(agency=str(trusting.stranger)),
        trusting.operator.claims(roles=["registry_admin"]),
    ):
        headers = {"authorization": f"Bearer {trusting.operator.token(claims)}"}
        assert (await trusting.service.http.get(PATH, headers=headers)).status_code == 200


async def test_a_head_request_needs_a_token_too(trusting: Trusting) -> None:
    """A framework's own JWT middleware let HEAD pass, and with it the entity tag and the length."""
    path = f"/v1/agencies/{trusting.stranger}"
    assert (await trusting.service.http.head(path)).status_code == 401
    assert "etag" not in (await trusting.service.http.head(path)).headers
    assert_problem(await trusting.service.http.get(f"{path}/schema"), 404)


REVOKED = {RevocationKind.PERSON: (403, "principal_suspended"), RevocationKind.TOKEN: (401, "invalid_token")}
"""Another token helps against the one, and not against the other."""


def of(agency_id: UUID) -> Any:
    return {"issuer": AGENCY_ISSUER, "agency_id": agency_id, "now": utc_now(), "reason": "left", "by_operator": False}


@pytest.mark.parametrize("kind", RevocationKind)
async def test_a_revoked_token_is_refused_within_a_second_and_for_ever(
    trusting: Trusting, kind: RevocationKind
) -> None:
    subject, token_id = f"leaver-{kind}", f"lost-{kind}"
    token = trusting.agency.token(trusting.agency.claims(sub=subject, jti=token_id))
    headers = {"authorization": f"Bearer {token}"}
    assert (await trusting.service.http.get(PATH, headers=headers)).status_code == 200
    value = subject if kind is RevocationKind.PERSON else token_id
    async with unit_of_work(trusting.service.database) as write:
        await revoke(write, kind, value, **of(trusting.agency.agency_id))
    async with unit_of_work(trusting.service.database) as write:
        await revoke(write, kind, value, **of(trusting.agency.agency_id))  # harmless when repeated
    await asyncio.sleep(REMEMBERED_SECONDS)
    for _ in range(2):
        assert_problem(await trusting.service.http.get(PATH, headers=headers), *REVOKED[kind])
    fresh = trusting.agency.token(trusting.agency.claims(sub=subject))
    expected = 403 if kind is RevocationKind.PERSON else 200
    answer = await trusting.service.http.get(PATH, headers={"authorization": f"Bearer {fresh}"})
    assert answer.status_code == expected


async def test_another_agencys_subject_of_the_same_name_is_not_revoked(trusting: Trusting) -> None:
    async with unit_of_work(trusting.service.database) as write:
        await revoke(write, RevocationKind.PERSON, "namesake", **of(trusting.stranger))
    token = trusting.agency.token(trusting.agency.claims(sub="namesake"))
    response = await trusting.service.http.get(PATH, headers={"authorization": f"Bearer {token}"})
    assert response.status_code == 200


async def test_a_suspended_agencys_tokens_are_refused_within_a_second(trusting: Trusting) -> None:
    operator = trusting.service.operator
    token = trusting.service.caller(trusting.stranger, Role.COORDINATOR)
    assert (await token.get(PATH)).status_code == 200
    await operator.done("POST", f"/v1/agencies/{trusting.stranger}/suspend", {"reason": "keys lost"})
    await asyncio.sleep(REMEMBERED_SECONDS)
    assert_problem(await token.get(PATH), 403, "agency_not_active")
    await operator.done("POST", f"/v1/agencies/{trusting.stranger}/reinstate", {"reason": "new keys"})
    await asyncio.sleep(REMEMBERED_SECONDS)
    assert (await token.get(PATH)).status_code == 200
