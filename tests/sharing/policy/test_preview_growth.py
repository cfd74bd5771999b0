"""A preview of very many decisions: others are answered meanwhile, and memory does not grow with them."""

import asyncio
import resource
import time
from typing import Any
from uuid import UUID

import msgspec
import pytest
import sqlalchemy as sa

from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.ids import new_id
from registry.sharing.policy.tables import policy_decision
from tests.sharing.policy.test_policy_sets_api import question, validated
from tests.support.cast import Agency, Cast
from tests.support.length import at_length
from tests.support.policy import make_decision

MANY = at_length(600, 6_000, 100_000)
AT_ONCE = 500
MOST_KIB = 40_000
"""That memory may grow by: batches, their flips and what the allocator keeps. All decisions would be ten times that."""


async def copied(agency: Agency, decision_id: UUID, many: int) -> None:
    """So many more decisions like that one."""
    database = agency.service.database
    row = await database.read().first(sa.select(policy_decision).where(policy_decision.c.id == decision_id))
    assert row is not None
    kept: dict[str, Any] = {column.name: getattr(row, column.name) for column in policy_decision.c}
    kept["decision"] = msgspec.json.decode(row.decision)
    for at in range(0, many, AT_ONCE):
        ids = [new_id() for _ in range(min(AT_ONCE, many - at))]
        async with unit_of_work(database) as write:
            rows = [{**kept, "id": each, "root_decision_id": each} for each in ids]
            await write.run(policy_decision.insert(), rows)


@pytest.mark.grows
async def test_of_very_many_decisions_a_preview_is_made_beside_the_work_of_others(cast: Cast) -> None:
    owner, asked = cast.assisting, await question(cast)
    made = await make_decision(cast.requesting, {"id": asked["asset_id"]})
    await copied(owner, made.id, MANY - 1)
    path = await validated(owner)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    found = await owner.legal.done("POST", f"{path}/previews", {})
    answered = 0
    while found["status"] == "running":
        found = await owner.legal.done("GET", f"/v1/policy-previews/{found['id']}")
        await cast.requesting.coordinator.done("POST", "/v1/policy-evaluations", asked)
        answered += 1
        await asyncio.sleep(0.01)
    took = time.perf_counter() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"{MANY} decisions in {took:.1f} s, {answered} decisions of others meanwhile, {grown} KiB more")
    assert (found["status"], found["examined"], found["left_out"]) == ("done", MANY, 0)
    assert found["changes"] == [{"before": "permitted", "after": "denied", "decisions": MANY}]
    assert answered >= MANY // 600
    assert grown < MOST_KIB
