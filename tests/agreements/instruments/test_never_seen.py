"""An agency of which nobody who may answer has ever used the registry: its silence is no answer until one does."""

from datetime import datetime, timedelta

import pytest

from registry.agreements.instruments.commands import holding
from registry.platform.access.known import record_sightings
from registry.platform.access.principals import Principal, Role
from registry.platform.access.sightings import Sighting
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import DAY, PATH, report, seen_at
from tests.agreements.instruments.test_silence import signed, stands
from tests.support.agreements import record_agreement
from tests.support.cast import Agency, Cast, inside, make_agency
from tests.support.consent import in_force_once
from tests.support.documents import file_document
from tests.support.service import Service

pytestmark = pytest.mark.second_long

FORTNIGHT = timedelta(days=14)


async def noted(service: Service) -> None:
    """Whoever has come so far is on record, as the service does in the background."""
    await service.edge.app.state.sightings.store()


async def seen_as(service: Service, who: Principal) -> None:
    """Whoever that is was seen just now, in the roles of that token."""
    async with unit_of_work(service.database) as write:
        await record_sightings(write, [Sighting(principal=who, seen_at=utc_now())])


async def never_seen(service: Service) -> Agency:
    return await make_agency(service, "Newcomer", seen=False)


async def test_its_silence_counts_for_nothing_until_a_person_of_it_comes(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, await never_seen(service)
    found = await record_agreement(one, other)
    seen, path = await report(one, found, signed(other, found))
    assert stands(seen) == ("unconfirmed", "not_reached", None)
    late = utc_now() + 400 * DAY
    await holding.settle_all_due(service.database, late)
    assert await in_force_once(service, one, other, late) == []
    assert (await one.coordinator.done("GET", f"/v1/deadlines?agreement_id={found['id']}&kind=answer"))["items"] == []

    await other.machine.get(f"{PATH}/{found['id']}")  # a service may not answer, so it is nobody who was told
    await noted(service)
    await holding.settle_all_due(service.database, utc_now())
    assert stands(await one.legal.done("GET", f"{PATH}/{found['id']}")) == ("unconfirmed", "not_reached", None)

    # Nor may an auditor, a coordinator or an administrator: who cannot say no is nobody whose silence counts. It is the
    # same person who may answer later on, so it is not the first sighting of somebody that reaches the agency.
    for role in (Role.AUDITOR, Role.COORDINATOR, Role.AGENCY_ADMIN):
        await seen_as(service, inside(other.id, role, subject=f"legal@{str(other.id)[-6:]}").principal)
        await holding.settle_all_due(service.database, utc_now())
    assert stands(await one.legal.done("GET", f"{PATH}/{found['id']}")) == ("unconfirmed", "not_reached", None)

    before = utc_now()
    waiting = await other.legal.done("GET", f"{PATH}?waiting_for_me=true")
    assert [each["id"] for each in waiting["items"]] == [found["id"]]
    await noted(service)
    await holding.settle_all_due(service.database, utc_now())
    seen = await one.legal.done("GET", f"{PATH}/{found['id']}")
    said = seen["reported_acts"][-1]
    assert stands(seen)[:2] == ("open", None)
    at, effect = (datetime.fromisoformat(said[name]) for name in ("notified_at", "takes_effect_at"))
    assert before <= at <= utc_now()
    assert effect - at == FORTNIGHT
    (due,) = (await other.coordinator.done("GET", f"/v1/deadlines?agreement_id={found['id']}&kind=answer"))["items"]
    assert due["due_at"] == said["takes_effect_at"]
    history = await one.legal.done("GET", f"{PATH}/{found['id']}/history")
    (told,) = (each for each in history["items"] if each["type"] == "agreement.party_reached")
    assert told["data"] == {"agency_id": str(other.id), "report_ids": [said["id"]]}
    assert len(await in_force_once(service, one, other, effect + DAY)) == 1
    await other.legal.done("POST", f"{path}/contest", {"reason": "not ours"})  # within its days it can still say no


async def test_once_seen_it_stays_so_and_the_days_run_from_the_record(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, await never_seen(service)
    await other.legal.get("/v1/me")
    await noted(service)
    await other.as_(Role.AUDITOR).get("/v1/me")
    await noted(service)
    found = await record_agreement(one, other)
    seen, _ = await report(one, found, signed(other, found))
    said = seen["reported_acts"][-1]
    assert stands(seen)[:2] == ("open", None)
    assert said["notified_at"] == said["recorded_at"]


@pytest.mark.parametrize("order", ["paper first", "person first"])
async def test_paper_and_person_come_in_either_order(service: Service, cast: Cast, order: str) -> None:
    one, other = cast.assisting, await never_seen(service)
    found = await record_agreement(one, other)
    words = f"The signed copy (demo), for {other.id}"
    filed = await file_document(one.legal, found["id"], words)
    body = {**signed(other, found), "evidence_sha256": filed["sha256"]}
    await one.legal.done("POST", f"/v1/documents/{filed['id']}/withdraw", {"reason": "to be filed again"})
    seen = await one.legal.done("POST", f"{PATH}/{found['id']}/report-act", body)
    assert stands(seen) == ("unconfirmed", "not_reached", None)

    async def paper() -> None:
        await file_document(one.legal, found["id"], words)

    async def person() -> None:
        await other.legal.get("/v1/me")
        await noted(service)
        await holding.settle_all_due(service.database, utc_now())

    steps = (paper, person) if order == "paper first" else (person, paper)
    await steps[0]()
    seen = await one.legal.done("GET", f"{PATH}/{found['id']}")
    assert stands(seen)[0] == "unconfirmed"
    middle = utc_now()
    await steps[1]()
    seen = await one.legal.done("GET", f"{PATH}/{found['id']}")
    assert stands(seen)[:2] == ("open", None)
    assert datetime.fromisoformat(seen["reported_acts"][-1]["notified_at"]) >= middle


async def test_seen_long_ago_and_settled_late_it_counts_from_the_day_it_was_seen(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, await never_seen(service)
    found = await record_agreement(one, other)
    await report(one, found, signed(other, found))
    await other.legal.get("/v1/me")
    await noted(service)
    late = utc_now() + 20 * DAY
    await holding.settle_all_due(service.database, late)
    shown = await seen_at(service, one, found, late)
    assert (shown.reported_acts[-1].status, shown.parties[1].bound) == ("uncontested", True)
    assert shown.reported_acts[-1].takes_effect_at is not None
    assert shown.reported_acts[-1].takes_effect_at < late
