"""A token issuer that was entered by mistake, and how it comes off the list."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from registry.platform.access.principals import Role
from registry.platform.ledger.tables import ledger_event, ledger_event_agency
from tests.directory.issuers.test_issuers import entered, forge
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.service import Service

_TOLD = (
    sa.select(ledger_event.c.type, ledger_event_agency.c.agency_id)
    .join_from(ledger_event, ledger_event_agency, ledger_event_agency.c.event_id == ledger_event.c.id)
    .where(ledger_event.c.subject_id == sa.bindparam("id", type_=ledger_event.c.subject_id.type))
    .order_by(ledger_event.c.subject_version)
)


def mistyped() -> dict[str, Any]:
    """One whose keys are nowhere."""
    return {"issuer": f"https://{uuid4().hex}.example"}


async def deletion(service: Service, path: str) -> dict[str, Any]:
    """What its list of actions says of deleting it."""
    found = (await service.operator.get(path)).json()["allowed_actions"]
    return next(each for each in found if each["action"] == "delete")


async def test_one_that_was_never_used_comes_off_the_list_with_its_agencies(service: Service, cast: Cast) -> None:
    county, operator = cast.assisting, service.operator
    made = await operator.done("POST", "/v1/issuers", mistyped())
    path = f"/v1/issuers/{made['id']}"
    attached = await operator.done("POST", f"{path}/attach-agency", {"agency_id": str(county.id)})
    assert attached["agencies"]
    assert (await deletion(service, path))["reason"] == "Its tokens are accepted now. Disable it first."
    assert_problem(await operator.delete(path, if_match="*"), 409, "issuer_in_use")
    await operator.done("PATCH", path, {"enabled": False}, if_match="*")
    assert (await deletion(service, path))["allowed"]
    assert_problem(await operator.delete(path), 428, "precondition_required")
    assert_problem(await operator.delete(path, if_match='"other"'), 412, "stale_version")
    assert (await operator.delete(path, if_match="*")).status_code == 204
    assert (await operator.delete(path, if_match="*")).status_code == 204, "again it changes nothing"
    assert_problem(await operator.get(path), 404)
    listed = (await operator.get("/v1/issuers")).json()["items"]
    assert made["issuer"] not in [each["issuer"] for each in listed]
    told = await service.database.read().all(_TOLD, {"id": UUID(made["id"])})
    assert [each.type for each in told if each.agency_id == county.id] == [
        "issuer.agency_attached",
        "issuer.updated",
        "issuer.deleted",
    ]


async def test_it_can_be_entered_again_and_its_history_goes_on(service: Service, cast: Cast) -> None:
    operator, given = service.operator, mistyped()
    made = await operator.done("POST", "/v1/issuers", given)
    path = f"/v1/issuers/{made['id']}"
    off = await operator.done("PATCH", path, {"enabled": False}, if_match="*")
    assert (await operator.delete(path, if_match="*")).status_code == 204
    again = await operator.done("POST", "/v1/issuers", given)
    assert (again["id"], again["enabled"], again["agencies"]) == (made["id"], True, [])
    assert again["version"] > off["version"]
    assert_problem(await operator.send("POST", "/v1/issuers", json=given), 409, "issuer_taken")


@pytest.mark.second_long
async def test_one_that_somebody_came_with_stays_on_record(service: Service, cast: Cast) -> None:
    county = cast.assisting
    of = forge(county)
    path = await entered(service, of)
    refused = {"kind": "person", "issuer": of.issuer, "value": "somebody", "reason": "Never of ours (demo)."}
    await service.operator.done("POST", f"{path}/attach-agency", {"agency_id": str(county.id)})
    await county.admin.done("POST", "/v1/revocations", refused)
    await service.operator.done("PATCH", path, {"enabled": False}, if_match="*")
    why = await deletion(service, path)
    refusal = await service.operator.delete(path, if_match="*")
    assert refusal.json()["detail"] == why["reason"]
    assert_problem(refusal, 409, "issuer_in_use")


async def test_one_of_the_settings_is_changed_there_and_strangers_see_none(service: Service, cast: Cast) -> None:
    operator = service.operator
    made = await operator.done("POST", "/v1/issuers", mistyped())
    path = f"/v1/issuers/{made['id']}"
    assert_problem(await service.anonymous.delete(path), 401)
    for role in (Role.AGENCY_ADMIN, Role.LEGAL):
        assert (await cast.assisting.as_(role).delete(path, if_match="*")).status_code in (403, 404)
    assert_problem(await operator.delete(f"/v1/issuers/{uuid4()}", if_match="*"), 404)
