"""The registry's own tokens: forged ones are refused as those of any issuer, and its keys change without a gap."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from registry.directory.clients.commands.signing import AuthorizationServer, rotate_signing_key
from registry.directory.clients.queries import signing_row
from registry.directory.clients.tables import signing_key
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.access.tokens import FOLLOW_SECONDS
from registry.platform.database.connect import unit_of_work
from registry.platform.settings import load
from tests.platform.access.conftest import ALGORITHMS, Trusting
from tests.platform.access.forging import Forge, Key, make_key
from tests.platform.access.hostile_tokens import hostile_tokens
from tests.support.cases import every_case
from tests.support.cast import Agency, inside, make_agency
from tests.support.clients import Program, register
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_long

PATH = "/v1/agencies?limit=1"
# Whoever held the registry's own key could say this: it issues for the services of every agency.
ITS_TO_SAY = {
    "issuer: for another agency",
    "issuer: for the operator",
    "issuer: an agency twice, the last another's",
}


# Signed by a trusted key, for an agency that there is not: no other token of that agency would help.
OF_NOBODY = {"issuer: for an agency that does not exist", "issuer: the operator's, for an agency that does not exist"}


class OwnForge(Forge, frozen=True):
    """The registry's own key in the hands of a forger: services are all that it makes."""

    def claims(self, **changed: object) -> dict[str, object]:
        return super().claims(**{"roles": ["service"], "scope": "agencies:read", **changed})


def authorization_server(service: Service) -> AuthorizationServer:
    server: AuthorizationServer = service.edge.app.state.authorization_server
    return server


async def rotate(service: Service, *, at_once: bool = False) -> str:
    caller = inside(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN)
    async with unit_of_work(service.database) as write:
        return await rotate_signing_key(write, caller, authorization_server(service), at_once=at_once)


async def own_forge(trusting: Trusting) -> OwnForge:
    """With two keys, as during a rotation; those of other algorithms are no keys of the registry."""
    agency = Agency(service=trusting.service, id=trusting.agency.agency_id, name="")
    await register(agency)
    await rotate(trusting.service)
    row = await signing_row(trusting.service.database.read())
    assert row is not None
    server = authorization_server(trusting.service)
    real = Key(kid=str(row.id), algorithm="ES256", private=server.private_key(row.id, row.private_key))
    others = {name: make_key(name, f"own-{name}") for name in ALGORITHMS if name != "ES256"}
    return OwnForge(issuer=server.issuer, agency_id=agency.id, keys={"ES256": real, **others})


@pytest.mark.one_database
async def test_a_hostile_token_in_the_registrys_name_is_answered_with_401(trusting: Trusting) -> None:
    forge = await own_forge(trusting)

    async def status(token: str) -> int:
        field = b"Bearer " + token.encode("utf-8", "surrogatepass")
        return (await trusting.service.http.get(PATH, headers=[(b"authorization", field)])).status_code

    assert await status(forge.token()) == 200, "so that the corpus means something"
    tried = 0
    with every_case() as case:
        for name, token in hostile_tokens(forge, trusting.operator, trusting.stranger):
            if name not in ITS_TO_SAY:
                with case(name):
                    assert await status(token) == (403 if name in OF_NOBODY else 401)
                    tried += 1
        for algorithm in ("RS256", "PS256", "EdDSA", "ES384"):
            with case(algorithm):
                assert await status(forge.token(key=forge.keys[algorithm])) == 401
        for role in Role:
            if role is not Role.SERVICE:
                with case(role):
                    assert await status(forge.token(forge.claims(roles=[role.value]))) == 401
    assert tried > 115


@pytest.mark.one_database
async def test_another_issuer_cannot_speak_in_the_registrys_name(trusting: Trusting) -> None:
    url = trusting.service.settings.public_url
    for forge in (trusting.agency, trusting.operator):
        token = forge.token(forge.claims(iss=url, roles=["service"]))
        response = await trusting.service.http.get(PATH, headers={"authorization": f"Bearer {token}"})
        assert_problem(response, 401, "invalid_token")


async def test_tokens_of_the_old_key_are_accepted_until_it_is_retired(private_url: str, tmp_path: Path) -> None:
    async with in_process(load(environment(private_url, tmp_path))) as service:
        program = await register(await make_agency(service))
        before = await program.caller()
        await rotate(service)
        after = await program.caller()
        for caller in (before, after):
            assert (await caller.get(PATH)).status_code == 200
        keys = (await service.anonymous.done("GET", "/.well-known/jwks.json"))["keys"]
        assert len(keys) == 2
        await rotate(service, at_once=True)
        await asyncio.sleep(FOLLOW_SECONDS)
        for caller in (before, after):
            assert_problem(await caller.get(PATH), 401, "invalid_token")
        assert (await (await program.caller()).get(PATH)).status_code == 200
        assert len((await service.anonymous.done("GET", "/.well-known/jwks.json"))["keys"]) == 1


async def test_of_keys_made_at_once_one_signs(private_url: str, tmp_path: Path) -> None:
    async with in_process(load(environment(private_url, tmp_path))) as service:
        agencies = [await make_agency(service) for _ in range(4)]
        programs = await asyncio.gather(*(register(agency) for agency in agencies))
        kids = await asyncio.gather(*(rotate(service) for _ in range(3)))
        assert len(set(kids)) == 3
        for program in programs:
            assert (await (await program.caller()).get(PATH)).status_code == 200
        signing: Any = sa.select(signing_key.c.id).where(signing_key.c.retired_at.is_(None))
        rows = await service.database.read().all(signing)
        assert len(rows) == 1
        assert str(rows[0].id) in kids


async def test_another_process_accepts_the_first_token_of_a_new_key(private_url: str, tmp_path: Path) -> None:
    settings = load(environment(private_url, tmp_path))
    async with in_process(settings) as one:
        agency = await make_agency(one)
        if one.database.dialect == "sqlite":  # which one process serves
            assert (await (await register(agency)).caller()).token
            return
        async with in_process(settings) as two:
            assert (await two.operator.get("/v1/me")).status_code == 200
            program: Program = await register(agency)
            for _ in range(3):
                token = (await program.caller()).token
                assert (await Caller(two, token).get(PATH)).status_code == 200
                await rotate(one)
