"""Append-only means that a leak is for ever: no name, telephone number or address of a person gets in."""

from typing import Any

import msgspec
import sqlalchemy as sa

from registry.platform.ledger.tables import ledger_event
from tests.support.cast import Cast
from tests.support.loans import make_loan, make_partners, step
from tests.support.service import Service

CONTACTS = {"phone": "+1 555 0142", "email": "duty.desk.canary@agency.example"}
CANARIES = ("555 0142", "5550142", "duty.desk.canary")


async def everything_recorded(service: Service) -> list[str]:
    rows = await service.database.read().all_slowly(sa.select(ledger_event.c.canonical))
    return [bytes(row.canonical).decode() for row in rows]


async def test_contact_details_are_never_recorded(service: Service, cast: Cast) -> None:
    made = await service.operator.done(
        "POST", "/v1/agencies", {"name": "Canary Police (demo)", "kind": "city", "level": "local", **CONTACTS}
    )
    path = f"/v1/agencies/{made['id']}"
    for change in (
        {"phone": None},
        CONTACTS,
        {"email": "another.duty.desk.canary@agency.example", "name": "Canary Police II (demo)"},
    ):
        etag = (await service.operator.get(path)).headers["etag"]
        await service.operator.done("PATCH", path, change, if_match=etag)
    recorded = await everything_recorded(service)
    assert [text for text in recorded if any(canary in text for canary in CANARIES)] == []
    history = (await service.operator.done("GET", f"{path}/history?sort=version"))["items"]
    assert [sorted(event["data"]) for event in history[1:]] == [
        ["phone"],
        ["phone"],
        ["email", "name"],
    ]


PERSONAL = {"person", "officer", "signatory", "signatory_name", "contact_name", "phone", "email", "address", "badge"}


async def test_no_event_of_the_main_job_has_a_member_for_a_person(service: Service, cast: Cast) -> None:
    partners = await make_partners(cast)
    loan = await make_loan(partners, "dispatched")
    await step(partners.assisting, loan, "return")
    events = [msgspec.json.decode(text) for text in await everything_recorded(service)]
    assert {"loan.returned", "decision.made", "asset.created"} <= {event["type"] for event in events}
    assert [event["type"] for event in events if members(event["data"]) & PERSONAL] == []


def members(value: Any) -> set[str]:
    """Every member name inside a JSON value, but for those of which it says only that they changed."""
    if isinstance(value, dict):
        told = {name: inner for name, inner in value.items() if inner != {"changed": True}}
        return set(told) | {name for inner in told.values() for name in members(inner)}
    if isinstance(value, list):
        return {name for inner in value for name in members(inner)}
    return set()
