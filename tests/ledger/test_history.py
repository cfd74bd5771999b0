"""Who sees which events, in which order, and that what is shown is what was stored."""

from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
import pytest

from registry.access.principals import Caller, Principal, Role
from registry.database.connect import unit_of_work
from registry.http.paging import Page
from registry.kernel.errors import RuleBroken
from registry.kernel.ids import new_id
from registry.ledger.commands import Sensitivity, record
from registry.ledger.queries import history
from tests.support.cast import Cast
from tests.support.service import Service

NOW = datetime(2026, 7, 4, 18, tzinfo=UTC)


def principal(agency_id: UUID, *roles: Role) -> Principal:
    return Principal(
        subject="somebody",
        agency_id=agency_id,
        roles=frozenset(roles),
        scopes=frozenset({"*"}),
        token_id="t-1",
        issuer="https://issuer.test",
    )


async def tell(
    service: Service, thing: UUID, version: int, agencies: Collection[UUID], sensitivity: Sensitivity = "parties"
) -> UUID:
    """One event by an agency of its own."""
    actor = Caller(principal=principal(new_id(), Role.COORDINATOR), now=NOW, request_id="r")
    async with unit_of_work(service.database) as write:
        return await record(
            write,
            actor,
            f"thing.{sensitivity}",
            subject=("thing", thing, version),
            agencies=agencies,
            data={"version": version},
            sensitivity=sensitivity,
        )


async def seen(service: Service, viewer: Principal, thing: UUID, page: Page | None = None) -> list[str]:
    found = await history(service.database.read(), viewer, "thing", thing, page or Page())
    return [event["type"] for event in msgspec.json.decode(msgspec.json.encode(found.items))]


@pytest.mark.parametrize(
    ("relation", "role", "expected"),
    [
        ("party", Role.COORDINATOR, ["thing.public", "thing.parties"]),
        ("party", Role.AUDITOR, ["thing.public", "thing.parties", "thing.restricted"]),
        ("stranger", Role.COORDINATOR, ["thing.public"]),
        ("stranger", Role.AUDITOR, ["thing.public"]),
        ("stranger", Role.REGISTRY_ADMIN, ["thing.public"]),
    ],
)
async def test_an_event_is_for_those_it_concerns_and_a_restricted_one_for_their_auditors(
    service: Service, relation: str, role: Role, expected: list[str]
) -> None:
    thing, party = new_id(), new_id()
    for version, sensitivity in enumerate(("public", "parties", "restricted"), 1):
        await tell(service, thing, version, [party], sensitivity)  # type: ignore[arg-type]  # the three there are
    viewer = principal(party if relation == "party" else new_id(), role)
    assert await seen(service, viewer, thing) == expected


async def test_history_is_of_one_thing_of_one_kind(service: Service) -> None:
    thing, party = new_id(), new_id()
    await tell(service, thing, 1, [party])
    await tell(service, new_id(), 1, [party])
    viewer = principal(party, Role.AUDITOR)
    assert len(await seen(service, viewer, thing)) == 1
    assert (await history(service.database.read(), viewer, "loan", thing, Page())).items == []


async def test_pages_show_every_event_once_and_oldest_first(service: Service) -> None:
    thing, party = new_id(), new_id()
    told = [await tell(service, thing, version, [party]) for version in range(1, 8)]
    viewer, cursor, shown = principal(party, Role.AUDITOR), None, []
    for _ in range(10):
        page = await history(service.database.read(), viewer, "thing", thing, Page(limit=3, cursor=cursor))
        items = msgspec.json.decode(msgspec.json.encode(page.items))
        assert len(items) <= 3
        shown += [UUID(item["id"]) for item in items]
        if (cursor := page.next_cursor) is None:
            break
    assert shown == told


async def test_a_cursor_from_elsewhere_is_refused(service: Service) -> None:
    with pytest.raises(RuleBroken) as refused:
        await history(service.database.read(), principal(new_id()), "thing", new_id(), Page(cursor="bm90IG91cnM"))
    assert refused.value.code == "bad_cursor"


async def test_over_http_a_history_is_as_it_was_stored(service: Service, cast: Cast) -> None:
    response = await cast.assisting.auditor.get(f"/v1/agencies/{cast.assisting.id}/history")
    items = response.json()["items"]
    assert [item["type"] for item in items] == ["agency.created", "agency.active"]
    assert [item["subject"]["version"] for item in items] == [1, 2]
    assert {item["actor"]["subject"] for item in items} == {"operator"}
    assert (await cast.assisting.auditor.get(f"/v1/agencies/{uuid4()}/history")).status_code == 404
