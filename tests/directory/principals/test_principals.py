"""People and services appear with their first request, and are suspended, restored, and forgotten by name."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
import sqlalchemy as sa

from registry.directory.principals.rules import PrincipalAction, PrincipalStatus, why_not
from registry.platform.access.acting import REMEMBERED_SECONDS, RevocationCache
from registry.platform.access.claims import read_claims
from registry.platform.access.known import record_sightings
from registry.platform.access.principals import Principal, Role
from registry.platform.access.sightings import SEEN_EVERY, Sighting, Sightings, idle_before
from registry.platform.access.tables import principal
from registry.platform.database.connect import unit_of_work
from registry.platform.issuers import DEVELOPMENT_ISSUER, Description, described
from registry.platform.kernel.errors import Busy, Forbidden
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from tests.support.cast import Agency, Cast, inside
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_long

PATH = "/v1/principals"
WHY = {"reason": "Lost the telephone that signs in (demo)."}


async def somebody(agency: Agency, *roles: Role) -> tuple[Caller, dict[str, Any]]:
    """A new person of the agency who has made a request, and how its administrator sees that person."""
    subject = f"person-{uuid4().hex}"
    caller = agency.as_(*(roles or (Role.COORDINATOR,)), subject=subject)
    await caller.done("GET", "/v1/me")
    await agency.service.edge.app.state.sightings.store()
    return caller, await seen(agency.admin, subject)


async def seen(administrator: Caller, subject: str) -> dict[str, Any]:
    """The person of that subject in the administrator's list."""
    (found,) = [each for each in await listed(administrator) if each["subject"] == subject]
    return found


async def listed(administrator: Caller, **query: str) -> list[dict[str, Any]]:
    asked = "&".join(f"{name}={value}" for name, value in {"limit": "200", **query}.items())
    items: list[dict[str, Any]] = (await administrator.done("GET", f"{PATH}?{asked}"))["items"]
    return items


async def told(service: Service, who: Principal, *, days_ago: float = 0) -> None:
    """Store that the principal was seen so many days ago."""
    async with unit_of_work(service.database) as write:
        await record_sightings(write, [Sighting(principal=who, seen_at=utc_now() - timedelta(days=days_ago))])


def person(agency: Agency, **more: Any) -> Principal:
    """A coordinator of the agency, as a token of the development issuer describes it."""
    plain = inside(agency.id, Role.COORDINATOR, subject=f"person-{uuid4().hex}").principal
    return msgspec.structs.replace(plain, **more)


def same(agency: Agency, who: Principal) -> Caller:
    """The same person over HTTP."""
    return agency.as_(Role.COORDINATOR, subject=who.subject)


async def test_whoever_comes_with_a_good_token_appears_for_its_agency(cast: Cast, service: Service) -> None:
    one, other = cast.assisting, cast.requesting
    _, found = await somebody(one, Role.COORDINATOR, Role.LEGAL)
    assert found["issuer"] == DEVELOPMENT_ISSUER
    assert (found["agency"], found["roles"], found["status"]) == (one.reference, ["coordinator", "legal"], "active")
    assert found["first_seen_at"] == found["last_seen_at"]
    assert (found["name"], found["version"]) == (None, 1)
    assert await one.admin.done("GET", f"{PATH}/{found['id']}") == found
    assert found["id"] not in {each["id"] for each in await listed(other.admin)}
    assert_problem(await other.admin.get(f"{PATH}/{found['id']}"), 404, "not_found")
    by_agency = await listed(service.operator, agency_id=str(one.id))
    assert found["id"] in {each["id"] for each in by_agency}
    assert {each["agency"]["id"] for each in by_agency} == {str(one.id)}
    assert await listed(one.admin, agency_id=str(other.id)) == [], "a filter opens no other agency's list"


async def test_the_same_subject_for_two_agencies_is_two_rows(cast: Cast, service: Service) -> None:
    who = person(cast.assisting)
    await told(service, who)
    await told(service, msgspec.structs.replace(who, agency_id=cast.requesting.id))
    first, second = [await seen(each.admin, who.subject) for each in (cast.assisting, cast.requesting)]
    assert first["id"] != second["id"]
    await cast.assisting.admin.done("POST", f"{PATH}/{first['id']}/suspend", WHY)
    assert (await seen(cast.requesting.admin, who.subject))["status"] == "active"


async def test_a_service_appears_like_a_person_and_a_refused_token_does_not(cast: Cast, service: Service) -> None:
    await cast.assisting.machine.done("GET", "/v1/me")
    await service.anonymous.get("/v1/me")
    suspended = f"suspended-{uuid4().hex}"
    ask = {"kind": "person", "issuer": DEVELOPMENT_ISSUER, "value": suspended, **WHY}
    await cast.assisting.admin.done("POST", "/v1/revocations", ask)
    refused = await cast.assisting.as_(Role.COORDINATOR, subject=suspended).get("/v1/me")
    assert_problem(refused, 403, "principal_suspended")
    await service.edge.app.state.sightings.store()
    found = await listed(cast.assisting.admin)
    assert ["service"] in [each["roles"] for each in found]
    assert suspended not in {each["subject"] for each in found}


async def test_a_person_is_suspended_at_once_and_restored(cast: Cast) -> None:
    agency = cast.assisting
    caller, found = await somebody(agency)
    path = f"{PATH}/{found['id']}"
    suspended = await agency.admin.done("POST", f"{path}/suspend", WHY)
    assert (suspended["status"], suspended["suspended_for"], suspended["version"]) == ("suspended", WHY["reason"], 2)
    await asyncio.sleep(REMEMBERED_SECONDS)
    assert_problem(await caller.get("/v1/me"), 403, "principal_suspended")
    (revoked,) = (await agency.admin.done("GET", "/v1/revocations"))["items"]
    assert (revoked["value"], revoked["lifted_at"]) == (found["subject"], None), "it is the revocation of a person"
    restored = await agency.admin.done("POST", f"{path}/restore", WHY)
    assert (restored["status"], restored["suspended_for"]) == ("active", None)
    assert restored["restored_at"] is not None
    await asyncio.sleep(REMEMBERED_SECONDS)
    assert (await caller.get("/v1/me")).status_code == 200
    events = (await agency.admin.done("GET", f"{path}/history"))["items"]
    assert [each["type"] for each in events] == ["principal.restored", "principal.suspended"]
    assert found["subject"] not in msgspec.json.encode([each["data"] for each in events]).decode()


async def test_whom_the_operator_suspended_the_operator_alone_restores(cast: Cast, service: Service) -> None:
    agency = cast.assisting
    _, found = await somebody(agency)
    path = f"{PATH}/{found['id']}"
    suspended = await service.operator.done("POST", f"{path}/suspend", WHY)
    assert suspended["suspended_by"] == "operator"
    (restore,) = (
        each for each in (await agency.admin.done("GET", path))["allowed_actions"] if each["action"] == "restore"
    )
    assert (restore["allowed"], "operator" in restore["reason"]) == (False, True)
    assert_problem(await agency.admin.post(f"{path}/restore", WHY), 403, "refused_by_operator")
    restored = await service.operator.done("POST", f"{path}/restore", WHY)
    assert (restored["status"], restored["suspended_by"]) == ("active", None)
    assert (await agency.admin.done("POST", f"{path}/suspend", WHY))["suspended_by"] == "agency"
    await agency.admin.done("POST", f"{path}/restore", WHY)


async def test_lifting_the_revocation_restores_too(cast: Cast) -> None:
    agency = cast.assisting
    _, found = await somebody(agency)
    await agency.admin.done("POST", f"{PATH}/{found['id']}/suspend", WHY)
    (revoked,) = (await agency.admin.done("GET", "/v1/revocations"))["items"]
    await agency.admin.done("POST", f"/v1/revocations/{revoked['id']}/lift", WHY)
    assert (await seen(agency.admin, found["subject"]))["status"] == "active"


async def test_whoever_was_idle_for_90_days_is_refused_until_somebody_restores_it(cast: Cast, service: Service) -> None:
    agency = cast.assisting
    late, just = person(agency), person(agency)
    await told(service, late, days_ago=91)
    await told(service, just, days_ago=89)
    assert (await same(agency, just).get("/v1/me")).status_code == 200
    problem = assert_problem(await same(agency, late).get("/v1/me"), 403, "principal_inactive")
    assert "90 days" in problem["detail"]
    assert "administrator" in problem["detail"]
    found = await seen(agency.admin, late.subject)
    assert found["status"] == "inactive"
    assert [each["subject"] for each in await listed(agency.admin, status="inactive")] == [late.subject]
    await service.edge.app.state.sightings.store()
    assert (await seen(agency.admin, late.subject))["last_seen_at"] == found["last_seen_at"], "a refusal is no use"
    restored = await service.operator.done("POST", f"{PATH}/{found['id']}/restore", WHY)
    assert restored["status"] == "active"
    await asyncio.sleep(REMEMBERED_SECONDS)
    assert (await same(agency, late).get("/v1/me")).status_code == 200


async def test_where_idleness_is_off_nobody_is_refused(cast: Cast, service: Service) -> None:
    who = person(cast.assisting)
    await told(service, who, days_ago=4000)
    await RevocationCache(0).check(service.database.read(), who, utc_now())
    with pytest.raises(Forbidden, match="90 days"):
        await RevocationCache(90).check(service.database.read(), who, utc_now())


async def test_a_name_is_kept_only_where_the_issuer_says_so_and_only_for_its_own_agency(
    cast: Cast, service: Service
) -> None:
    agency = cast.assisting
    kept, plain = person(agency, name="Alex Demo", name_kept=True), person(agency, name="Alex Demo")
    await told(service, kept)
    await told(service, plain)
    assert (await seen(agency.admin, kept.subject))["name"] == "Alex Demo"
    assert (await seen(agency.admin, plain.subject))["name"] is None
    by_operator = await listed(service.operator, agency_id=str(agency.id))
    assert {each["name"] for each in by_operator} == {None}


async def test_attributes_are_for_the_own_agency_and_go_with_the_name(cast: Cast, service: Service) -> None:
    agency, said = cast.assisting, {"employer_ori": "MN0270000", "ncic_certified": "true"}
    who = person(agency, attributes=said)
    await told(service, who)
    found = await seen(agency.admin, who.subject)
    assert found["attributes"] == said
    assert {str(each["attributes"]) for each in await listed(service.operator, agency_id=str(agency.id))} == {"{}"}
    await told(service, msgspec.structs.replace(who, attributes={"employer_ori": "MN0270001"}))
    assert (await seen(agency.admin, who.subject))["attributes"] == {"employer_ori": "MN0270001"}
    purged = await agency.admin.done("POST", f"{PATH}/{found['id']}/purge-name", WHY)
    assert purged["attributes"] == {}
    await told(service, who)
    assert (await seen(agency.admin, who.subject))["attributes"] == {}


def test_a_claim_map_reads_attributes_and_passes_over_what_is_none() -> None:
    names = {"employer_ori": "gfipm:2.0:user:EmployerORI", "employer_name": "employer.name", "ncic_certified": "ncic"}
    by = {"attributes": {**names, "pcii_certified": "pcii", "employer_state": "state", "federation_id": "id"}}
    given = msgspec.convert({"issuer": "https://id.example", "claims": by}, Description)
    token = {
        "sub": "690222be",
        "jti": "1",
        "agency": "x",
        "roles": ["legal"],
        "gfipm:2.0:user:EmployerORI": ["MN0270000"],
        "employer": {"name": "Lakeside Police (demo)"},
        "ncic": True,
        "pcii": {"a": 1},
        "state": "M\nN",
        "id": ["a", "b"],
    }
    assert read_claims(token, described(given), "x.y.z").attributes == {
        "employer_ori": "MN0270000",
        "employer_name": "Lakeside Police (demo)",
        "ncic_certified": "true",
    }
    with pytest.raises(msgspec.ValidationError, match="federation_id"):
        msgspec.convert({"issuer": "https://id.example", "claims": {"attributes": {"shoe_size": "s"}}}, Description)


async def test_a_purged_name_is_gone_and_not_kept_again(cast: Cast, service: Service) -> None:
    agency = cast.assisting
    who = person(agency, name="Alex Demo", name_kept=True)
    await told(service, who)
    path = f"{PATH}/{(await seen(agency.admin, who.subject))['id']}"
    purged = await agency.admin.done("POST", f"{path}/purge-name", WHY)
    assert purged["name"] is None
    assert purged["name_purged_at"] is not None
    assert purged["status"] == "active", "who it is stays known, under the issuer's subject"
    await told(service, who)
    stored = sa.select(principal.c.name).where(principal.c.id == sa.bindparam("id", type_=principal.c.id.type))
    assert await service.database.read().value(stored, {"id": principal_id(purged)}) is None
    assert_problem(await agency.admin.post(f"{path}/purge-name", WHY), 409, "wrong_status")
    events = (await agency.admin.done("GET", f"{path}/history"))["items"]
    assert [each["type"] for each in events] == ["principal.name_purged"]


def principal_id(found: dict[str, Any]) -> UUID:
    return UUID(found["id"])


async def test_the_later_sighting_counts_whichever_is_stored_first(cast: Cast, service: Service) -> None:
    who = person(cast.assisting)
    await told(service, msgspec.structs.replace(who, roles=frozenset({Role.LEGAL})), days_ago=1)
    before = await seen(cast.assisting.admin, who.subject)
    await told(service, who, days_ago=2)
    assert await seen(cast.assisting.admin, who.subject) == before
    await told(service, who)
    after = await seen(cast.assisting.admin, who.subject)
    assert (after["id"], after["roles"]) == (before["id"], ["coordinator"])
    assert after["first_seen_at"] == before["first_seen_at"] < after["last_seen_at"]


async def test_two_processes_that_see_somebody_new_make_one_row(cast: Cast, service: Service) -> None:
    crowd = [person(cast.assisting) for _ in range(5)]
    sightings = [Sighting(principal=each, seen_at=utc_now()) for each in crowd]

    async def store(order: list[Sighting]) -> None:
        async with unit_of_work(service.database) as write:
            await record_sightings(write, order)

    await asyncio.gather(store(sightings), store(sightings[::-1]), store(sightings))
    subjects = [each["subject"] for each in await listed(cast.assisting.admin)]
    assert all(subjects.count(each.subject) == 1 for each in crowd)


async def test_the_list_is_sorted_by_when_they_were_seen(cast: Cast, service: Service) -> None:
    old, new = person(cast.assisting), person(cast.assisting)
    await told(service, new, days_ago=1)
    await told(service, old, days_ago=5)
    page = f"{PATH}?sort=last_seen_at&limit=1"
    first = await cast.assisting.admin.done("GET", page)
    second = await cast.assisting.admin.done("GET", f"{page}&cursor={first['next_cursor']}")
    assert [each["items"][0]["subject"] for each in (first, second)] == [old.subject, new.subject]


async def test_who_may_and_who_may_not(cast: Cast, service: Service) -> None:
    agency = cast.assisting
    _, found = await somebody(agency)
    path = f"{PATH}/{found['id']}"
    for verb in ("suspend", "restore", "purge-name"):
        assert_problem(await service.anonymous.post(f"{path}/{verb}", WHY), 401, "unauthenticated")
        assert_problem(await cast.stranger.admin.post(f"{path}/{verb}", WHY), 404, "not_found")
        assert_problem(await agency.admin.post(f"{PATH}/{uuid4()}/{verb}", WHY), 404, "not_found")
        assert_problem(await agency.admin.post(f"{path}/{verb}", {"reason": ""}), 400, "invalid_body")
        assert_problem(await agency.admin.post(f"{path}/{verb}", {**WHY, "until": "2030"}), 400, "unknown_field")
        assert_problem(await agency.admin.post(f"{path}/{verb}", WHY, if_match='"9-00000000"'), 412, "stale_version")
        for role in (Role.COORDINATOR, Role.LEGAL, Role.AUDITOR, Role.SERVICE):
            caller = agency.as_(role, scope="principals:*")
            assert_problem(await caller.post(f"{path}/{verb}", WHY), 403, "forbidden")
    assert_problem(await agency.coordinator.get(PATH), 403, "forbidden")
    assert_problem(await agency.admin.get(f"{PATH}?status=gone"), 400)
    assert_problem(await agency.admin.post(f"{path}/restore", WHY), 409, "wrong_status")
    first, again = [await agency.admin.post(f"{path}/suspend", WHY, key=f"once-{found['id']}") for _ in range(2)]
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert_problem(await agency.admin.post(f"{path}/suspend", WHY), 409, "wrong_status")


async def test_of_two_administrators_who_suspend_at_once_one_is_told(cast: Cast) -> None:
    _, found = await somebody(cast.assisting)
    path = f"{PATH}/{found['id']}/suspend"
    answers = await asyncio.gather(*(cast.assisting.admin.post(path, WHY) for _ in range(4)))
    assert sorted(each.status_code for each in answers) == [200, 409, 409, 409]


def test_what_can_be_done_in_each_status() -> None:
    allowed = {
        status: {each.value for each in PrincipalAction if why_not(each, status, purged=False, final=False) is None}
        for status in PrincipalStatus
    }
    assert allowed == {
        PrincipalStatus.ACTIVE: {"suspend", "purge_name"},
        PrincipalStatus.INACTIVE: {"suspend", "restore", "purge_name"},
        PrincipalStatus.SUSPENDED: {"restore", "purge_name"},
    }
    assert why_not(PrincipalAction.PURGE_NAME, PrincipalStatus.ACTIVE, purged=True, final=False) is not None


async def test_a_request_waits_for_no_store_and_each_is_stored_at_most_once_in_five_minutes() -> None:
    stored: list[str] = []
    broken = True

    async def store(sightings: Any) -> None:
        if broken:
            raise Busy("The database is away.")
        stored.extend(each.principal.subject for each in sightings)

    sightings, now = Sightings(store), utc_now()
    ann, bob = (inside(new_id(), Role.LEGAL, subject=each).principal for each in ("ann", "bob"))
    sightings.note(ann, now)
    sightings.note(bob, now)
    for _ in range(2):
        with pytest.raises(Busy):
            await sightings.store()
    broken = False
    await sightings.store()
    assert stored == ["ann", "bob"], "what could not be stored was kept for later"
    sightings.note(ann, now + SEEN_EVERY / 2)
    await sightings.store()
    assert stored == ["ann", "bob"]
    sightings.note(ann, now + SEEN_EVERY)
    await sightings.store()
    assert stored == ["ann", "bob", "ann"]
    auditing = msgspec.structs.replace(ann, roles=frozenset({Role.AUDITOR}))
    for who in (auditing, ann, auditing):
        sightings.note(who, now + SEEN_EVERY)
    await sightings.store()
    assert stored == ["ann", "bob", "ann", "ann"], "in other roles it is noted at once, and in each but once"


def test_nobody_is_idle_without_a_limit() -> None:
    now = utc_now()
    assert now - idle_before(now, 90) == timedelta(days=90)
    assert idle_before(now, 0).year == 1900
