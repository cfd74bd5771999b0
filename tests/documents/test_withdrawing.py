"""Withdrawing a document: out of sight, never off the record."""

import asyncio
from uuid import uuid4

from tests.support.agreements import sign_agreement
from tests.support.cast import Cast
from tests.support.documents import file_document
from tests.support.problems import assert_problem
from tests.support.service import Service

WHY = {"reason": "Filed with the wrong agreement (demo)."}


async def test_what_is_withdrawn_stays_on_record_and_is_read_by_the_custodians_cleared_staff_alone(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.requesting.legal, made["id"], "Wrong.", title="Wrong one", sensitivity="public")
    path = f"/v1/documents/{filed['id']}"
    response = await cast.requesting.legal.post(f"{path}/withdraw", WHY)
    assert response.status_code == 200
    withdrawn = response.json()
    assert (withdrawn["status"], withdrawn["withdrawal_reason"], withdrawn["version"]) == (
        "withdrawn",
        WHY["reason"],
        2,
    )
    assert withdrawn["allowed_actions"] == [
        {"action": "withdraw", "allowed": False, "reason": "It is withdrawn already."}
    ]
    for reader in (cast.assisting.legal, cast.assisting.auditor):
        content = await reader.get(f"{path}/content")
        assert (content.text, content.headers["cache-control"]) == ("Wrong.", "no-store")
    for reader in (cast.assisting.coordinator, cast.requesting.legal, cast.stranger.legal, service.operator):
        assert_problem(await reader.get(f"{path}/content"), 403, "forbidden")
    assert (await cast.assisting.coordinator.done("GET", path))["title"] == "Wrong one"
    seen = await cast.stranger.coordinator.done("GET", path)
    assert (seen["status"], seen["title"], seen["sha256"], seen["withdrawal_reason"]) == ("withdrawn", None, None, None)
    history = await cast.assisting.auditor.done("GET", f"{path}/history")
    assert [event["type"] for event in history["items"]] == ["document.filed", "document.withdrawn"]


async def test_the_filer_and_the_custodian_withdraw_and_another_party_does_not(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
    for filer, caller, status in (
        (cast.requesting.legal, cast.requesting.legal, 200),
        (cast.requesting.legal, cast.requesting.machine, 200),
        (cast.requesting.legal, cast.assisting.legal, 200),
        (cast.requesting.legal, cast.neighbour.legal, 403),
        (cast.requesting.legal, cast.requesting.coordinator, 403),
        (cast.requesting.legal, cast.stranger.legal, 404),
        (cast.requesting.legal, service.anonymous, 401),
        (service.operator, service.operator, 200),
    ):
        filed = await file_document(filer, made["id"])
        response = await caller.post(f"/v1/documents/{filed['id']}/withdraw", WHY)
        assert response.status_code == status, response.text
    assert_problem(await cast.assisting.legal.post(f"/v1/documents/{uuid4()}/withdraw", WHY), 404, "not_found")


async def test_a_malformed_withdrawal_and_a_stale_one_are_refused(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"])
    path = f"/v1/documents/{filed['id']}/withdraw"
    bodies: list[object] = [{}, {"reason": ""}, {"reason": "x", "more": 1}, [1]]
    for body in bodies:
        assert_problem(await cast.assisting.legal.post(path, body), 400)
    assert_problem(await cast.assisting.legal.post(path, WHY, if_match='"7-00000000"'), 412, "stale_version")
    tag = (await cast.assisting.legal.get(f"/v1/documents/{filed['id']}")).headers["etag"]
    assert (await cast.assisting.legal.post(path, WHY, if_match=tag)).status_code == 200


async def test_withdrawing_twice_is_refused_and_a_repeat_with_its_key_is_not(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.assisting.legal, made["id"])
    path = f"/v1/documents/{filed['id']}/withdraw"
    first = await cast.assisting.legal.post(path, WHY, key="once")
    again = await cast.assisting.legal.post(path, WHY, key="once")
    assert (first.status_code, again.content) == (200, first.content)
    assert_problem(await cast.assisting.legal.post(path, WHY), 409, "wrong_state")


async def test_of_two_withdrawals_at_once_one_counts(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    filed = await file_document(cast.requesting.legal, made["id"])
    path = f"/v1/documents/{filed['id']}/withdraw"
    callers = [cast.assisting.legal, cast.requesting.legal] * 3
    answers = await asyncio.gather(*(caller.post(path, WHY) for caller in callers))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]


async def test_content_that_another_document_shares_stays_readable(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    one, two = [await file_document(cast.assisting.legal, made["id"], "Shared.") for _ in range(2)]
    await cast.assisting.legal.done("POST", f"/v1/documents/{one['id']}/withdraw", WHY)
    assert_problem(await cast.requesting.legal.get(f"/v1/documents/{one['id']}/content"), 403)
    assert (await cast.requesting.legal.get(f"/v1/documents/{two['id']}/content")).text == "Shared."
