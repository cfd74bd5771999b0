"""Whoever acts on a text names it, and does nothing to another that came in its place."""

from typing import Any

from tests.support.agreements import sign_agreement
from tests.support.cast import Cast
from tests.support.deadlines import days_ahead
from tests.support.problems import assert_problem
from tests.support.review import PATH, draft
from tests.support.service import Service

WHY = {"reason": "not this one"}


async def test_an_act_on_a_text_that_gave_way_to_another_is_refused(service: Service, cast: Cast) -> None:
    """Who had read one draft withdrew, approved or sent out the one that had taken its place."""
    one = cast.assisting
    found = await sign_agreement(service, one, cast.requesting)
    path = f"{PATH}/{found['id']}"
    amended = {"effective_on": str(days_ahead(30)), "reason": "more cars"}
    read = (await one.legal.done("POST", f"{path}/amend", amended))["amendment"]["version_no"]
    await one.legal.done("POST", f"{path}/withdraw", {**WHY, "version_no": read})
    now = (await one.legal.done("POST", f"{path}/amend", amended))["amendment"]["version_no"]
    assert (read, now) == (2, 3)

    async def refused(verb: str, who: Any = one.legal, body: dict[str, Any] = WHY) -> None:
        problem = assert_problem(await who.post(f"{path}/{verb}", {**body, "version_no": read}), 422, "other_version")
        assert (problem["errors"][0]["pointer"], "is version 3, not 2" in problem["detail"]) == ("/version_no", True)

    await refused("withdraw")
    await refused("submit", body={})
    await one.legal.done("POST", f"{path}/submit", {"version_no": now})
    await refused("approve", one.counsel, {})
    await refused("send-back")
    await one.counsel.done("POST", f"{path}/approve", {"version_no": now})
    await refused("send-for-signature", body={})
    assert (await one.legal.done("GET", path))["amendment"]["stage"] == "approved"


async def test_an_act_that_names_no_text_is_malformed(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting)
    answer = await cast.assisting.legal.send("POST", f"{PATH}/{made['id']}/withdraw", json=WHY)
    assert "version_no" in str(assert_problem(answer, 400, "invalid_body"))
