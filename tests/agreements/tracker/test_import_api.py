"""Rows of a tracker over HTTP, and the report of them as JSON."""

from uuid import uuid4

import msgspec

from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from tests.support.agreements import agreement_body
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.service import Service
from tests.support.tracker import PATH, draft, signed


async def test_the_operator_sends_rows_and_reads_what_became_of_each(service: Service, cast: Cast) -> None:
    good, bad = signed(cast.assisting, cast.requesting), signed(cast.assisting, cast.requesting, expires_on="7/72025")
    body = {"rows": [good, bad], "attest_parties": True}
    tried = await service.operator.done("POST", PATH, {**body, "dry_run": True})
    assert (tried["dry_run"], tried["created"], tried["refused"]) == (True, 1, 1)
    report = await service.operator.done("POST", PATH, body)
    assert (report["created"], report["refused"]) == (1, 1)
    (fault,) = report["rows"][1]["faults"]
    assert (fault["file"], fault["row"], fault["column"], fault["name"]) == ("rows", 2, None, "expires_on")
    found = await cast.requesting.legal.done("GET", f"/v1/agreements/{report['rows'][0]['agreement_id']}")
    assert len(found["reported_acts"]) == 2
    again = await service.operator.done("POST", PATH, body)
    assert (again["created"], again["unchanged"]) == (0, 1)


async def test_a_repeated_request_has_one_effect_and_one_answer(service: Service, cast: Cast) -> None:
    body, key = {"rows": [signed(cast.assisting, cast.requesting)]}, f"import-{uuid4()}"
    first = await service.operator.post(PATH, body, key=key)
    second = await service.operator.post(PATH, body, key=key)
    assert first.json()["created"] == 1
    assert second.content == first.content
    assert second.headers["idempotency-replayed"] == "true"


async def test_an_import_needs_the_registrars_token_and_rows_that_are_a_tracker(service: Service, cast: Cast) -> None:
    body = {"rows": [signed(cast.assisting, cast.requesting)]}
    assert_problem(await service.anonymous.post(PATH, body), 401, "unauthenticated")
    for caller in (cast.assisting.legal, cast.assisting.admin, cast.stranger.legal):
        assert_problem(await caller.post(PATH, body), 403, "forbidden")
    narrow = service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, scope="agreements:attest")
    assert_problem(await narrow.post(PATH, body), 403, "forbidden")
    assert_problem(await service.operator.post(PATH, {}), 400, "invalid_body")
    assert_problem(await service.operator.post(PATH, {"rows": []}), 400, "invalid_body")
    assert_problem(await service.operator.post(PATH, {**body, "dryrun": True}), 400, "unknown_field")
    problem = assert_problem(await service.operator.post(PATH, {"rows": [{"name": "x"}]}), 422, "import_format")
    assert "lacks the columns" in problem["detail"]
    assert problem["errors"][0]["pointer"] == "/rows"


async def test_restricted_words_of_a_custodian_s_draft_are_not_told_by_a_refusal(service: Service, cast: Cast) -> None:
    body = agreement_body(cast.assisting, cast.requesting, title="Not for the operator")
    await cast.assisting.legal.done("POST", "/v1/agreements", body)
    row = {**draft(cast.assisting, cast.requesting), "number": body["number"]}
    report = await service.operator.done("POST", PATH, {"rows": [row]})
    assert b"Not for the operator" not in msgspec.json.encode(report)
