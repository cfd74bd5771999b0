"""Acts that bind need a recent sign-in where the issuer is described so (RFC 9470), and no others do."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler

from registry.platform.access.permissions import STEP_UP
from registry.platform.access.principals import Principal, Role
from registry.platform.access.step_up import check_step_up
from registry.platform.issuers import Description, Issuer, Preset, StepUp, described
from registry.platform.kernel.errors import InsufficientAuthentication
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from registry.platform.settings import load
from tests.platform.access.forging import AGENCY_ISSUER, Forge, make_key
from tests.support.cast import inside, make_agency
from tests.support.problems import assert_problem
from tests.support.server import environment, in_process
from tests.support.service import Caller, Service

pytestmark = pytest.mark.one_database

STRONG = "urn:agency:two-factors"
ASKED = {"max_age_seconds": 300, "acr_values": [STRONG]}


class Stepping(msgspec.Struct, kw_only=True, frozen=True):
    """A service with an issuer that asks for a recent, strong sign-in, and that issuer."""

    service: Service
    forge: Forge

    def caller(self, role: str, *, ago: int | None = None, **claims: object) -> Caller:
        """A person of the agency who signed in that many seconds ago."""
        if ago is not None:
            claims["auth_time"] = int(utc_now().timestamp()) - ago
        return Caller(self.service, self.forge.token(self.forge.claims(roles=[role], **claims)))


@pytest.fixture
async def stepping(private_url: str, tmp_path: Path) -> AsyncIterator[Stepping]:
    async with in_process(load(environment(private_url, tmp_path))) as before:
        agency_id = (await make_agency(before)).id
    forge = Forge(issuer=AGENCY_ISSUER, agency_id=agency_id, keys={"ES256": make_key("ES256", "agency-1")})
    issuers = json.dumps([{**forge.settings(), "step_up": ASKED}])
    async with in_process(load(environment(private_url, tmp_path, REGISTRY_ISSUERS=issuers))) as service:
        yield Stepping(service=service, forge=forge)


async def test_an_act_that_binds_needs_the_sign_in_that_the_issuer_asks_for(stepping: Stepping) -> None:
    path = f"/v1/agreements/{uuid4()}/confirm"
    for caller in (
        stepping.caller("legal"),
        stepping.caller("legal", acr=STRONG),
        stepping.caller("legal", ago=10),
        stepping.caller("legal", ago=10, acr="password"),
        stepping.caller("legal", ago=400, acr=STRONG),
        stepping.caller("legal", ago=-4000, acr=STRONG),
        stepping.caller("legal", acr=STRONG, auth_time="now"),
    ):
        response = await caller.post(path, {"text_sha256": "0" * 64})
        problem = assert_problem(response, 401, "insufficient_user_authentication")
        assert (problem["max_age"], problem["acr_values"]) == (300, [STRONG])
        assert response.headers["www-authenticate"] == (
            f'Bearer realm="registry", error="insufficient_user_authentication", max_age="300", acr_values="{STRONG}"'
        )
    for acr in (STRONG, ["password", STRONG]):
        answered = await stepping.caller("legal", ago=200, acr=acr).post(path, {"text_sha256": "0" * 64})
        assert answered.status_code != 401, answered.text


async def test_taking_out_a_whole_file_needs_it_too_and_reading_does_not(stepping: Stepping) -> None:
    path = f"/v1/agreements/{uuid4()}"
    reader = stepping.caller("auditor")
    assert_problem(await reader.get(f"{path}/file.zip"), 401, "insufficient_user_authentication")
    assert_problem(await stepping.caller("auditor", ago=9, acr=STRONG).get(f"{path}/file.zip"), 404)
    assert_problem(await reader.get(path), 404)
    assert (await reader.get("/v1/agencies")).status_code == 200
    assert_problem(await stepping.caller("coordinator").post(f"{path}/confirm", {}), 403, "forbidden")


async def test_me_tells_what_the_token_says_and_what_is_asked(stepping: Stepping) -> None:
    told = await stepping.caller("legal", ago=10, acr=STRONG, amr=["pwd", "hwk"]).done("GET", "/v1/me")
    assert (told["acr"], told["amr"], told["step_up"]) == ([STRONG], ["pwd", "hwk"], ASKED)
    assert told["auth_time"] is not None
    silent = await stepping.caller("legal").done("GET", "/v1/me")
    assert (silent["acr"], silent["amr"], silent["auth_time"]) == ([], [], None)


async def test_the_private_part_of_an_event_holds_the_sign_in(stepping: Stepping) -> None:
    path = f"/v1/agencies/{stepping.forge.agency_id}"
    admin = stepping.caller("agency_admin", ago=10, acr=STRONG, amr=["pwd", "hwk"])
    tag = (await admin.get(path)).headers["etag"]
    await admin.done("PATCH", path, {"email": "desk@pd.example"}, if_match=tag)
    own = (await admin.done("GET", f"{path}/history"))["items"][0]
    assert (own["private"]["acr"], own["private"]["amr"]) == ([STRONG], ["pwd", "hwk"])
    assert own["private"]["auth_time"].endswith("Z")
    plain = stepping.caller("agency_admin")
    tag = (await plain.get(path)).headers["etag"]
    await plain.done("PATCH", path, {"email": "office@pd.example"}, if_match=tag)
    newest = (await plain.done("GET", f"{path}/history"))["items"][0]["private"]
    assert {"acr", "amr", "auth_time"}.isdisjoint(newest)


async def test_every_operation_of_an_act_that_binds_says_that_it_may_need_a_sign_in(service: Service) -> None:
    handlers = [
        handler
        for route in service.edge.app.routes
        for handler in getattr(route, "route_handlers", ())
        if isinstance(handler, HTTPRouteHandler) and "step_up" in handler.opt
    ]
    stepping = {handler.operation_id for handler in handlers if handler.opt["step_up"]}
    bind = {handler.operation_id for handler in handlers if handler.opt["permission"] in STEP_UP}
    whole = {"get_agreement_file"} | {f"export_assets_as_{kind}" for kind in ("csv", "geojson", "ndjson", "xlsx")}
    whole |= {"export_loans_as_csv", "export_past_loans_as_csv", "export_requests_as_csv"}
    assert stepping == bind | whole | {"approve_operator_act"}, "who approves an operator's act does it"
    assert {"sign_agreement", "confirm_agreement", "confirm_reported_act", "second_reported_act"} <= bind
    told = {
        op["operationId"]
        for item in service.contract.document["paths"].values()
        for op in item.values()
        if "insufficient_user_authentication" in op.get("x-problems", {}).get("401", ())
    }
    assert told == stepping


def signed_in(**said: Any) -> Principal:
    return msgspec.structs.replace(inside(new_id(), Role.LEGAL).principal, **said)


def test_each_half_can_be_asked_alone_and_nothing_is_asked_by_default() -> None:
    now = utc_now()
    check_step_up(signed_in(), now)
    recent, strong = StepUp(max_age_seconds=60), StepUp(acr_values=(STRONG,))
    check_step_up(signed_in(step_up=recent, auth_time=now - timedelta(seconds=60)), now)
    check_step_up(signed_in(step_up=strong, acr=(STRONG,)), now)
    with pytest.raises(InsufficientAuthentication) as late:
        check_step_up(signed_in(step_up=recent, auth_time=now - timedelta(seconds=61), acr=(STRONG,)), now)
    assert late.value.extra == {"max_age": 60}
    with pytest.raises(InsufficientAuthentication) as weak:
        check_step_up(signed_in(step_up=strong, auth_time=now, acr=("password",)), now)
    assert weak.value.extra == {"acr_values": [STRONG]}


def test_a_step_up_that_asks_for_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="asks for nothing"):
        described(Description(issuer="https://id.example", step_up=StepUp()))
    made: Issuer = described(Description(issuer="https://id.example", preset=Preset.ENTRA))
    assert (made.step_up, made.claims.acr) == (None, "acrs|acr")


async def test_the_operator_describes_it_while_the_registry_runs(service: Service) -> None:
    new = {"issuer": f"https://{uuid4().hex}.example", "step_up": ASKED}
    made = await service.operator.done("POST", "/v1/issuers", new)
    assert made["description"]["step_up"] == ASKED
    path = f"/v1/issuers/{made['id']}"
    changed = await service.operator.done("PATCH", path, {"step_up": {"acr_values": None}}, if_match="*")
    assert changed["description"]["step_up"] == {"max_age_seconds": 300}
    emptied = await service.operator.patch(path, {"step_up": {"max_age_seconds": None}}, if_match="*")
    assert_problem(emptied, 422, "issuer_unusable")
    gone = await service.operator.done("PATCH", path, {"step_up": None}, if_match="*")
    assert "step_up" not in gone["description"]
    for wrong in ({"max_age_seconds": 5}, {"acr_values": ['a"b']}, {"acr_values": ["two words"]}, {"acr": ["x"]}):
        assert_problem(await service.operator.post("/v1/issuers", {**new, "step_up": wrong}), 400)
