"""What is counted from an act of a loan moves to the time on which both sides agree."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.support.loans import CONDITION, Partners, make_loan, see, step

TICK = timedelta(microseconds=1)


def _by_code(loan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["code"]: each for each in loan["obligations"]}


def _at(said: str) -> datetime:
    return datetime.fromisoformat(said)


@pytest.mark.parametrize(("act", "column"), [("return", "returned_at"), ("dispatch", "dispatched_at")])
async def test_deadlines_what_the_act_met_sheet_and_list_go_by_the_agreed_time(
    partners: Partners, act: str, column: str
) -> None:
    out = await make_loan(partners, "on_scene", as_it_began=True)
    loan = await step(partners.assisting, out, "return", CONDITION)
    said, owed = _at(loan[column]), _by_code(loan)
    body = {"act": act, "occurred_at": (said - TICK).isoformat(), "reason": "Our log says so (demo)."}
    await step(partners.requesting, loan, "contest-time", body)
    contested = _by_code(await see(partners.assisting, loan["id"]))
    assert {code: each["due_at"] for code, each in contested.items()} == {
        code: each["due_at"] for code, each in owed.items()
    }, "one word alone moves nothing"
    agreed = await step(partners.assisting, loan, "accept-time", {"act": act})
    assert _at(agreed[column]) == said - TICK
    after = _by_code(agreed)
    if act == "return":
        for code in ("claim_itemisation", "claim_within_window"):
            assert _at(owed[code]["due_at"]) - _at(after[code]["due_at"]) == TICK, code
    else:
        assert _at(after["condition_report"]["occurred_at"]) == said - TICK
        assert _at(after["settle_command"]["due_at"]) == said - TICK
    table = await partners.requesting.coordinator.get(f"/v1/loans.csv?ids={loan['id']}")
    assert agreed["returned_at"] in table.text
    sheet = await partners.requesting.coordinator.get(f"/v1/loans/{loan['id']}/sheet.html")
    what = {"return": "Came back", "dispatch": "Left"}[act]
    assert f"{what}, as both agencies agree" in sheet.text
    assert "Arrived, as the requesting agency says" in sheet.text
