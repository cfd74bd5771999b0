"""Who sees which events, in which order, and that what is shown is what was stored."""

from collections.abc import Collection
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import rfc8785
import sqlalchemy as sa

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller, Principal, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.commands import Audience, record
from registry.platform.ledger.event_types import EventType
from registry.platform.ledger.schemas import HistoryQuery
from registry.platform.ledger.tables import ledger_event
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.loans import make_loan, make_partners
from tests.support.requests import submitted
from tests.support.service import Service

NOW = datetime(2026, 7, 4, 18, tzinfo=UTC)
ADDRESS = "192.0.2.77"
PRIVATE = ("salt", "somebody", "t-1", "https://issuer.test", ADDRESS)


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
    service: Service,
    thing: UUID,
    version: int,
    agencies: Collection[UUID],
    *,
    by: UUID | None = None,
    audience: Audience = "agencies",
    restricted: bool = False,
) -> UUID:
    """One event, by an agency of its own where no other is said."""
    actor = Caller(principal=principal(by or new_id(), Role.COORDINATOR), now=NOW, trace_id="r", source_address=ADDRESS)
    async with unit_of_work(service.database) as write:
        return record(
            write,
            actor,
            EventType.LOAN_RETURNED,
            subject=("asset", thing, version),
            agencies=agencies,
            data={"version": version, "told": "restricted" if restricted else audience},
            audience=audience,
            restricted=restricted,
        )


async def shown(service: Service, viewer: Principal, thing: UUID) -> list[dict[str, Any]]:
    """The history as it goes over the wire, as the contract describes it."""
    found = await history(service.database.read(), viewer, "asset", thing, HistoryQuery(sort="version"))
    wire = msgspec.json.encode(found)
    msgspec.json.decode(wire, type=LedgerEventPage)
    items: list[dict[str, Any]] = msgspec.json.decode(wire)["items"]
    return items


async def seen(service: Service, viewer: Principal, thing: UUID, page: HistoryQuery | None = None) -> list[str]:
    found = await history(service.database.read(), viewer, "asset", thing, page or HistoryQuery(sort="version"))
    return [event["data"]["told"] for event in msgspec.json.decode(msgspec.json.encode(found.items))]


@pytest.mark.parametrize(
    ("relation", "role", "expected"),
    [
        ("party", Role.COORDINATOR, ["public", "network", "agencies"]),
        ("party", Role.AUDITOR, ["public", "network", "agencies", "restricted"]),
        ("stranger", Role.COORDINATOR, ["public", "network"]),
        ("stranger", Role.AUDITOR, ["public", "network"]),
        ("stranger", Role.REGISTRY_ADMIN, ["public", "network"]),
    ],
)
async def test_an_event_is_for_those_it_concerns_and_a_restricted_one_for_their_auditors(
    service: Service, relation: str, role: Role, expected: list[str]
) -> None:
    thing, party = new_id(), new_id()
    audiences: list[Audience] = ["public", "network", "agencies"]
    for version, audience in enumerate(audiences, 1):
        await tell(service, thing, version, [party], audience=audience)
    await tell(service, thing, 4, [party], restricted=True)
    viewer = principal(party if relation == "party" else new_id(), role)
    assert await seen(service, viewer, thing) == expected


@pytest.mark.parametrize("audience", ["agencies", "network"])
@pytest.mark.parametrize(
    "role", [role for role in Role if role not in (Role.AUDITOR, Role.AGENCY_ADMIN, Role.REGISTRY_ADMIN)]
)
async def test_who_acted_is_not_for_colleagues_at_large(service: Service, audience: Audience, role: Role) -> None:
    thing, actor = new_id(), new_id()
    await tell(service, thing, 1, [], by=actor, audience=audience)
    (event,) = await shown(service, principal(actor, role), thing)
    assert event["private"] is None
    assert not any(word in str(event) for word in PRIVATE)


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.AGENCY_ADMIN])
async def test_who_acted_with_which_token_and_from_where_is_for_the_own_side(service: Service, role: Role) -> None:
    """Each side reads the whole of what happened, and of the people its own alone."""
    thing, ours, theirs = new_id(), new_id(), new_id()
    await tell(service, thing, 1, [theirs], by=ours)
    await tell(service, thing, 2, [ours], by=theirs)
    for viewer, own, other in ((ours, 0, 1), (theirs, 1, 0)):
        events = await shown(service, principal(viewer, role), thing)
        assert {name: events[own]["private"][name] for name in ("issuer", "subject", "token_id", "source_address")} == {
            "issuer": "https://issuer.test",
            "subject": "somebody",
            "token_id": "t-1",
            "source_address": ADDRESS,
        }
        assert events[other]["private"] is None
        assert not any(word in str(events[other]) for word in PRIVATE)


async def test_the_registrys_administrator_reads_who_acted_of_the_operators_people_and_of_no_other(
    service: Service, cast: Cast
) -> None:
    done = await service.operator.done("GET", f"/v1/agencies/{cast.assisting.id}/history")
    assert {item["actor"]["agency_id"] for item in done["items"]} == {str(OPERATOR_AGENCY_ID)}
    assert all(item["private"]["issuer"] for item in done["items"])
    thing = new_id()
    await tell(service, thing, 1, [OPERATOR_AGENCY_ID], by=cast.assisting.id)
    (event,) = await shown(service, principal(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN), thing)
    assert event["private"] is None
    assert not any(word in str(event) for word in PRIVATE)


async def test_each_side_can_check_what_it_is_shown_against_what_is_kept(service: Service) -> None:
    """By any library: the public part has the same bytes for all, and holds the hash of the private one."""
    thing, ours, theirs = new_id(), new_id(), new_id()
    await tell(service, thing, 1, [theirs], by=ours)
    kept = await service.database.read().value(
        sa.select(ledger_event.c.canonical).where(ledger_event.c.subject_id == thing)
    )
    (to_us,) = await shown(service, principal(ours, Role.AUDITOR), thing)
    (to_them,) = await shown(service, principal(theirs, Role.AUDITOR), thing)
    private = to_us.pop("private")
    assert to_them.pop("private") is None
    assert rfc8785.dumps(to_us) == rfc8785.dumps(to_them) == kept
    assert sha256(rfc8785.dumps(private)).hexdigest() == to_them["private_sha256"]


async def test_the_hash_of_the_same_person_is_another_each_time(service: Service) -> None:
    """Else the other side could tell who of ours it is, by comparing."""
    thing, ours, theirs = new_id(), new_id(), new_id()
    for version in (1, 2, 3):
        await tell(service, thing, version, [theirs], by=ours)
    events = await shown(service, principal(theirs, Role.AUDITOR), thing)
    assert len({event["private_sha256"] for event in events}) == 3


async def test_history_is_of_one_thing_of_one_kind(service: Service) -> None:
    thing, party = new_id(), new_id()
    await tell(service, thing, 1, [party])
    await tell(service, new_id(), 1, [party])
    viewer = principal(party, Role.AUDITOR)
    assert len(await seen(service, viewer, thing)) == 1
    assert (await history(service.database.read(), viewer, "loan", thing, HistoryQuery())).items == []


async def test_pages_show_every_event_once_and_the_latest_first(service: Service) -> None:
    thing, party = new_id(), new_id()
    told = [await tell(service, thing, version, [party]) for version in range(1, 8)]
    viewer, cursor, shown = principal(party, Role.AUDITOR), None, []
    for _ in range(10):
        page = await history(service.database.read(), viewer, "asset", thing, HistoryQuery(limit=3, cursor=cursor))
        items = msgspec.json.decode(msgspec.json.encode(page.items))
        assert len(items) <= 3
        shown += [UUID(item["id"]) for item in items]
        if (cursor := page.next_cursor) is None:
            break
    assert shown == told[::-1]


async def test_the_order_is_that_of_the_versions_whatever_the_clock_said(service: Service) -> None:
    """Identifiers are made by the clock: set back between two changes, it gives the later one the smaller."""
    thing, party = new_id(), new_id()
    by_version = {version: await tell(service, thing, version, [party]) for version in (3, 1, 4, 2)}
    assert list(by_version.values()) == sorted(by_version.values()), "the identifiers tell another order"
    viewer, read = principal(party, Role.AUDITOR), service.database.read()
    first = await history(read, viewer, "asset", thing, HistoryQuery(sort="version", limit=2))
    rest = await history(read, viewer, "asset", thing, HistoryQuery(sort="version", limit=2, cursor=first.next_cursor))
    shown = msgspec.json.decode(msgspec.json.encode([*first.items, *rest.items]))
    assert [item["subject"]["version"] for item in shown] == [1, 2, 3, 4]
    assert rest.next_cursor is None


async def test_a_cursor_from_elsewhere_is_refused(service: Service) -> None:
    with pytest.raises(RuleBroken) as refused:
        await history(
            service.database.read(), principal(new_id()), "asset", new_id(), HistoryQuery(cursor="bm90IG91cnM")
        )
    assert refused.value.code == "bad_cursor"


async def test_over_http_a_history_is_as_it_was_stored(service: Service, cast: Cast) -> None:
    response = await cast.assisting.auditor.get(f"/v1/agencies/{cast.assisting.id}/history")
    items = response.json()["items"]
    assert [item["type"] for item in items] == ["agency.activated", "agency.created"]
    assert [item["subject"]["version"] for item in items] == [2, 1]
    assert {item["actor"]["agency_id"] for item in items} == {str(OPERATOR_AGENCY_ID)}
    assert (await cast.assisting.auditor.get(f"/v1/agencies/{uuid4()}/history")).status_code == 404


async def test_neither_side_of_a_request_or_a_loan_reads_who_of_the_other_acted(cast: Cast) -> None:
    partners = await make_partners(cast)
    asked = await submitted(partners.requesting, await make_asset(partners.assisting))
    lent = await make_loan(partners, "returning")
    for path in (f"/v1/requests/{asked['id']}/history", f"/v1/loans/{lent['id']}/history"):
        for agency in (partners.assisting, partners.requesting):
            page = await agency.auditor.done("GET", path)
            items = page["items"]
            assert page["agencies"] == sorted(
                (each.reference for each in (partners.assisting, partners.requesting)), key=lambda each: each["id"]
            )
            acted = [item["actor"]["agency_id"] == str(agency.id) for item in items]
            assert [item["private"] is not None for item in items] == acted
    assert {True, False} == set(acted), "of the loan, each side did a part"
