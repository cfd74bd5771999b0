"""Acts of the operator that a second operator approves: proposed, done by another, rejected, lapsed."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from registry.app import create_app
from registry.directory.operator_acts.rules import LAPSES_AFTER, OWN
from registry.directory.operator_acts.tables import operator_act
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.access.second_operator import ACTS, PERFORMABLE
from registry.platform.database.connect import unit_of_work
from registry.platform.issuers import DEVELOPMENT_ISSUER
from registry.platform.ledger.tables import ledger_event
from registry.platform.settings import SettingsError, load
from tests.support.cast import Cast
from tests.support.operators import done_by_two, second_operator
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/operator-acts"
WHY = {"reason": "It was found (demo)."}


async def refused(service: Service, cast: Cast) -> str:
    """The path of a revocation that the operator placed, which this service lifts by two administrators alone."""
    lost = {"kind": "token", "issuer": DEVELOPMENT_ISSUER, "value": uuid4().hex, "reason": "It was lost (demo)."}
    made = await service.operator.done("POST", "/v1/revocations", {**lost, "agency_id": str(cast.assisting.id)})
    return f"/v1/revocations/{made['id']}"


async def proposed(service: Service, path: str, **options: Any) -> str:
    """The path of a proposed lifting."""
    answer = await service.operator.post(f"{path}/lift", WHY, **options)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{PATH}/{answer.json()['operator_act_id']}"
    return str(answer.headers["location"])


async def is_lifted(service: Service, path: str) -> bool:
    return (await service.operator.done("GET", path))["lifted_at"] is not None


async def test_one_proposes_and_another_has_it_done(service: Service, cast: Cast) -> None:
    path = await refused(service, cast)
    act = await proposed(service, path)
    assert not await is_lifted(service, path), "nothing is done yet"
    shown = await service.operator.done("GET", act)
    assert (shown["status"], shown["operation"], shown["path"]) == ("proposed", "lift_revocation", f"{path}/lift")
    assert shown["proposed_by"] == {"issuer": DEVELOPMENT_ISSUER, "subject": "operator"}
    assert shown["allowed_actions"] == [
        {"action": "approve", "allowed": False, "reason": OWN},
        {"action": "reject", "allowed": True, "reason": None},
    ]
    assert_problem(await service.operator.post(f"{act}/approve", {}), 403, "forbidden")
    second = second_operator(service)
    assert (await second.done("GET", f"{PATH}?limit=1"))["items"][0]["id"] == shown["id"]
    assert_problem(await second.post(f"{act}/approve", {}, if_match='"9-00000000"'), 412, "stale_version")
    first, again = [await second.post(f"{act}/approve", {}, key=f"approve-{shown['id']}") for _ in range(2)]
    assert (first.status_code, first.json()) == (200, again.json()), first.text
    assert (first.json()["status"], first.json()["decided_by"]["subject"]) == ("performed", "second-operator")
    assert await is_lifted(service, path)
    assert_problem(await second.post(f"{act}/approve", {}), 409, "wrong_status")
    assert_problem(await second.post(f"{act}/reject", WHY), 409, "wrong_status")
    kinds = sa.select(ledger_event.c.type).where(ledger_event.c.subject_id == sa.bindparam("id"))
    rows = await service.database.read().all(kinds.order_by(ledger_event.c.subject_version), {"id": _uuid(act)})
    assert [row.type for row in rows] == ["operator_act.proposed", "operator_act.performed"]


async def test_what_cannot_be_done_is_refused_when_it_is_proposed_and_when_it_is_approved(
    service: Service, cast: Cast
) -> None:
    path, second = await refused(service, cast), second_operator(service)
    assert_problem(await service.operator.post(f"{path}/lift", WHY, if_match='"9-00000000"'), 412, "stale_version")
    assert_problem(await service.operator.post(f"/v1/revocations/{uuid4()}/lift", WHY), 404)
    assert_problem(await service.operator.post(f"{path}/lift", {}), 400)
    one, other = await proposed(service, path), await proposed(service, path)
    await second.done("POST", f"{one}/approve", {})
    assert_problem(await second.post(f"{other}/approve", {}), 409, "wrong_status")
    assert (await second.done("GET", other))["status"] == "proposed", "it was not done, and somebody may reject it"
    rejected = await service.operator.done("POST", f"{other}/reject", WHY)
    assert (rejected["status"], rejected["reason"]) == ("rejected", WHY["reason"]), "also who proposed it"


async def test_a_repeated_proposal_is_one(service: Service, cast: Cast) -> None:
    path, key = await refused(service, cast), uuid4().hex
    assert await proposed(service, path, key=key) == await proposed(service, path, key=key)


async def test_who_else_may_not(service: Service, cast: Cast) -> None:
    path = await refused(service, cast)
    act = await proposed(service, path)
    for method, address, body in (("GET", PATH, None), ("GET", act, None), ("POST", f"{act}/approve", {})):
        assert_problem(await service.anonymous.send(method, address, json=body), 401)
        assert_problem(await cast.assisting.admin.send(method, address, json=body), 403, "forbidden")
    assert_problem(await second_operator(service).post(f"{act}/approve", {"reason": "Yes."}), 400)
    assert_problem(await second_operator(service).get(f"{PATH}/{uuid4()}"), 404)
    own = {"kind": "token", "issuer": DEVELOPMENT_ISSUER, "value": uuid4().hex, "reason": "Lost (demo)."}
    made = await cast.assisting.admin.done("POST", "/v1/revocations", own)
    lifted = await cast.assisting.admin.post(f"/v1/revocations/{made['id']}/lift", WHY)
    assert lifted.status_code == 200, "what an agency does for itself is its own"


async def test_it_lapses(service: Service, cast: Cast) -> None:
    path = await refused(service, cast)
    act = await proposed(service, path)
    ago = {"proposed_at": -LAPSES_AFTER, "lapses_at": -LAPSES_AFTER}
    async with unit_of_work(service.database) as write:
        row = await write.first(sa.select(operator_act).where(operator_act.c.id == _uuid(act)))
        assert row is not None
        values = {name: row._mapping[name] + by - timedelta(seconds=1) for name, by in ago.items()}
        await write.run(operator_act.update().where(operator_act.c.id == _uuid(act)).values(**values))
    problem = assert_problem(await second_operator(service).post(f"{act}/approve", {}), 409, "wrong_status")
    assert "propose it again" in problem["detail"]
    assert (await service.operator.done("GET", act))["status"] == "lapsed"


async def test_two_who_approve_at_once_do_it_once(service: Service, cast: Cast) -> None:
    path = await refused(service, cast)
    act = await proposed(service, path)
    others = [
        service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject=f"second-{number}") for number in range(4)
    ]
    answers = await asyncio.gather(*(each.post(f"{act}/approve", {}) for each in others))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]
    assert (await service.operator.done("GET", path))["version"] == 2


async def test_the_agency_hears_who_did_it_from_its_history(service: Service, cast: Cast) -> None:
    path = await refused(service, cast)
    approved = await done_by_two(service, f"{path}/lift", WHY)
    assert approved["status"] == "performed"
    assert (await cast.assisting.admin.done("GET", path))["lifted_at"] is not None


@pytest.mark.one_database
def test_each_act_is_an_operation_that_can_be_kept_and_done_later() -> None:
    assert PERFORMABLE.keys() == ACTS.keys()
    for act in PERFORMABLE.values():
        assert set(act.asked) <= {"write", "caller", "if_match", "settings", "agency_status_followed"}, (
            "the command line supplies no more"
        )


@pytest.mark.one_database
def test_a_name_that_is_no_such_act_stops_the_start(tmp_path: Any) -> None:
    given = {"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path)}
    with pytest.raises(SettingsError, match="“suspend_agency” is no act that a second operator approves"):
        create_app(load({**given, "REGISTRY_SECOND_OPERATOR_FOR": "dissolve_agency, suspend_agency"}))


def _uuid(path: str) -> UUID:
    return UUID(path.rpartition("/")[2])
