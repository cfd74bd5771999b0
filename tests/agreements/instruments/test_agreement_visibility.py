"""Who may see what of an agreement: sides, roles, sensitivity; and what must never change."""

import hashlib
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from registry.agreements.instruments.tables import agreement_version, provision
from registry.platform.database.connect import unit_of_work
from registry.platform.ledger.commands import record
from registry.platform.ledger.tables import ledger_event, ledger_event_agency
from tests.support.agreements import record_agreement, sign_agreement
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
CANARY = "canary-7f3a-restricted"
PARTIES_ONLY = "among-the-parties-91c"
PROVISIONS = [
    {"number": "1", "heading": "purpose", "text": "Open to all.", "sensitivity": "public"},
    {"number": "2", "heading": "equipment", "text": PARTIES_ONLY, "sensitivity": "parties"},
    {
        "number": "3",
        "heading": "communications",
        "text": CANARY,
        "sensitivity": "restricted",
        "exemption": "Security information (example; have counsel review)",
    },
]


def texts(found: dict[str, Any]) -> dict[str, str | None]:
    return {each["number"]: each["text"] for each in found["provisions"]}


async def test_restricted_text_is_for_legal_and_auditors_of_the_parties(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    path = f"{PATH}/{found['id']}"
    for reader in (cast.assisting.legal, cast.requesting.legal, cast.requesting.auditor):
        response = await reader.get(path)
        assert texts(response.json())["3"] == CANARY
        assert response.headers["cache-control"] == "no-store"
    for reader in (cast.assisting.coordinator, cast.requesting.admin, cast.requesting.machine):
        response = await reader.get(path)
        assert texts(response.json()) == {"1": "Open to all.", "2": PARTIES_ONLY, "3": None}
        assert response.headers["cache-control"] == "private, no-cache"


async def test_the_public_view_holds_public_provisions_and_neither_terms_nor_signatures(
    service: Service, cast: Cast
) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    path = f"{PATH}/{made['id']}"
    for reader in (cast.stranger.legal, cast.stranger.auditor, service.operator):
        found = await reader.done("GET", path)
        assert (found["view"], found["status"], texts(found)) == ("public", "in_force", {"1": "Open to all."})
        assert (found["terms"], found["version_sha256"]) == (None, None)
        assert all(party["signature"] is None and party["joined_at"] is None for party in found["parties"])
        assert_problem(await reader.get(f"{path}/versions"), 403, "forbidden")
        assert_problem(await reader.get(f"{path}/versions/1"), 403, "forbidden")
    assert (await cast.stranger.legal.done("GET", f"{path}/history?sort=version"))["items"] == []


async def test_without_a_public_provision_it_does_not_exist_for_strangers(service: Service, cast: Cast) -> None:
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS[1:])
    path = f"{PATH}/{made['id']}"
    absent = (await cast.stranger.legal.get(f"{PATH}/{cast.stranger.id}")).json()
    for suffix in ("", "/versions", "/versions/1", "/history?sort=version"):
        problem = assert_problem(await cast.stranger.legal.get(f"{path}{suffix}"), 404, "not_found")
        same = {"type", "title", "status", "detail", "code"}
        assert {key: problem[key] for key in same} == {key: absent[key] for key in same}
    for verb in ("submit", "suspend", "terminate", "sign", "confirm", "give-notice"):
        body = {
            "sign": {"version_sha256": "0" * 64, "signatory_title": "X", "signed_on": "2026-01-01", "manner": "wet"},
            "confirm": {"version_sha256": "0" * 64, "signatory_title": "X", "signed_on": "2026-01-01"},
            "give-notice": {"notice_on": "2026-01-01", "reason": "x"},
            "submit": {},
        }.get(verb, {"reason": "x"})
        assert_problem(await cast.stranger.legal.post(f"{path}/{verb}", body), 404, "not_found")
    listed = await cast.stranger.legal.done("GET", f"{PATH}?party_id={cast.assisting.id}")
    assert listed["items"] == []


async def test_the_canary_is_in_no_answer_to_whom_it_is_not_for(service: Service, cast: Cast) -> None:
    recorded = await record_agreement(cast.assisting, cast.requesting, provisions=PROVISIONS)
    assert CANARY not in str(recorded), "answers to changes are kept for repetition, so they never hold it"
    await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    pair = f"requesting_agency_id={cast.requesting.id}&assisting_agency_id={cast.assisting.id}"
    paths = [
        f"{PATH}/{recorded['id']}",
        f"{PATH}/{recorded['id']}?as_of=2026-01-01T00:00:00Z",
        f"{PATH}/{recorded['id']}/versions",
        f"{PATH}/{recorded['id']}/versions/1",
        f"{PATH}/{recorded['id']}/history",
        f"{PATH}?party_id={cast.assisting.id}",
        f"{PATH}?q={CANARY}",
        f"{PATH}/in-force?{pair}",
    ]
    outsiders: list[Caller] = [cast.stranger.legal, cast.stranger.auditor, service.operator, service.anonymous]
    insiders: list[Caller] = [cast.requesting.coordinator, cast.requesting.admin, cast.assisting.machine]
    for path in paths:
        for reader in outsiders:
            response = await reader.get(path)
            assert CANARY not in response.text + str(response.headers)
            assert PARTIES_ONLY not in response.text
        for reader in insiders:
            assert CANARY not in (await reader.get(path)).text
    assert CANARY in (await cast.requesting.legal.get(paths[3])).text, "the test would notice it"


async def test_reading_restricted_text_is_recorded_before_the_answer(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    readings = sa.select(sa.func.count()).where(
        ledger_event.c.type == "agreement.restricted_text_read",
        ledger_event.c.restricted,
        ledger_event.c.agreement_id == sa.bindparam("id", type_=ledger_event.c.agreement_id.type),
    )
    path = f"{PATH}/{found['id']}"
    for reader, suffix, count in (
        (cast.requesting.coordinator, "", 0),
        (cast.requesting.auditor, "", 1),
        (cast.requesting.auditor, "/versions/1", 2),
    ):
        await reader.done("GET", path + suffix)
        assert await service.database.read().value(readings, {"id": UUID(found["id"])}) == count


async def test_the_custodian_is_concerned_by_a_partners_reading(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    await cast.requesting.auditor.done("GET", f"{PATH}/{found['id']}")
    concerned = sa.select(ledger_event_agency.c.agency_id).where(
        ledger_event_agency.c.event_id == ledger_event.c.id,
        ledger_event.c.type == "agreement.restricted_text_read",
        ledger_event.c.agreement_id == UUID(found["id"]),
    )
    rows = await service.database.read().all(concerned)
    assert {row.agency_id for row in rows} == {cast.assisting.id, cast.requesting.id}


async def test_a_third_agency_hears_only_of_public_agreements_between_two(service: Service, cast: Cast) -> None:
    public = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)
    private = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS[1:])
    path = f"{PATH}/in-force?requesting_agency_id={cast.requesting.id}&assisting_agency_id={cast.assisting.id}"
    heard = (await cast.stranger.legal.done("GET", path))["items"]
    assert [(item["agreement_id"], item["terms"]) for item in heard] == [(public["id"], None)]
    known = (await cast.requesting.coordinator.done("GET", path))["items"]
    assert [item["agreement_id"] for item in known] == [public["id"], private["id"]]
    assert all(item["terms"] is not None for item in known)


async def test_a_text_that_is_not_frozen_is_its_custodians_alone(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}/versions"
    await cast.assisting.legal.done(
        "POST", f"{PATH}/{found['id']}/amend", {"effective_on": "2027-01-01", "reason": "x"}
    )
    for reader, versions in ((cast.assisting.legal, [1, 2]), (cast.requesting.legal, [1])):
        assert [
            each["version_no"] for each in (await reader.done("GET", f"{path}?sort=created_at"))["items"]
        ] == versions
    assert (await cast.assisting.legal.get(f"{path}/2")).status_code == 200
    assert_problem(await cast.requesting.legal.get(f"{path}/2"), 404, "not_found")


async def test_where_the_reading_cannot_be_recorded_nothing_is_shown(
    service: Service, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS)

    def failing(*arguments: Any, **options: Any) -> None:
        record(*arguments, **options)
        raise OSError("no space left on the device")

    monkeypatch.setattr("registry.agreements.instruments.commands.disclosing.record", failing)
    for suffix in ("", "/versions/1"):
        response = await cast.requesting.auditor.get(f"{PATH}/{found['id']}{suffix}")
        assert_problem(response, 503, "reading_not_recorded")
        assert CANARY not in response.text


async def test_a_frozen_text_cannot_be_changed_even_in_the_database(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    version_id = await service.database.read().value(
        sa.select(agreement_version.c.id).where(agreement_version.c.agreement_id == UUID(found["id"]))
    )
    its_text = provision.c.version_id == version_id
    for change in (
        agreement_version.update().where(agreement_version.c.id == version_id).values(title="Other"),
        provision.update().where(its_text).values(text="Other."),
        provision.delete().where(its_text),
        provision.insert().values(
            version_id=version_id, ordinal=9, number="9", heading="purpose", text="More.", sensitivity="public"
        ),
    ):
        with pytest.raises(sa.exc.DBAPIError, match="version_is_frozen"):
            async with unit_of_work(service.database) as write:
                await write.run(change)


async def test_the_bytes_that_were_hashed_are_kept(service: Service, cast: Cast) -> None:
    title = f"Unlike any other {cast.assisting.id}"
    found = await sign_agreement(service, cast.assisting, cast.requesting, title=title)
    kept = await service.database.read().value(
        sa.select(agreement_version.c.canonical).where(agreement_version.c.sha256 == found["version_sha256"])
    )
    assert hashlib.sha256(kept).hexdigest() == found["version_sha256"]


async def test_contacts_are_for_partners_in_force(service: Service, cast: Cast) -> None:
    path = f"/v1/agencies/{cast.assisting.id}"
    etag = (await cast.assisting.admin.get(path)).headers["etag"]
    await cast.assisting.admin.done("PATCH", path, {"phone": "+1 555 0123"}, if_match=etag)
    recorded = await record_agreement(cast.requesting, cast.assisting)
    assert_problem(await cast.requesting.coordinator.get(f"{path}/contact"), 404, "not_found")
    signed = await sign_agreement(service, cast.assisting, cast.neighbour)
    assert recorded["id"] != signed["id"]
    for reader in (cast.neighbour.coordinator, cast.assisting.auditor, service.operator):
        assert (await reader.done("GET", f"{path}/contact"))["phone"] == "+1 555 0123"
    await cast.assisting.legal.done("POST", f"{PATH}/{signed['id']}/suspend", {"reason": "inquiry"})
    assert_problem(await cast.neighbour.coordinator.get(f"{path}/contact"), 404, "not_found")


async def test_the_list_shows_what_may_be_seen_and_filters_it(service: Service, cast: Cast) -> None:
    mark = str(cast.assisting.id)[-6:]
    k9 = await sign_agreement(
        service,
        cast.assisting,
        cast.requesting,
        title=f"Straße {mark}",
        terms={"categories": ["k9"]},
        expires_on="2099-06-30",
    )
    hidden = await sign_agreement(
        service, cast.assisting, cast.neighbour, title=f"100% Hunde_{mark}", provisions=PROVISIONS[1:]
    )

    async def found(reader: Caller, query: str) -> list[str]:
        items = (await reader.done("GET", f"{PATH}?party_id={cast.assisting.id}&sort=created_at&{query}"))["items"]
        return [item["id"] for item in items]

    assert await found(cast.assisting.legal, "limit=200") == [k9["id"], hidden["id"]]
    assert await found(cast.requesting.legal, "limit=200") == [k9["id"]]
    assert await found(cast.assisting.legal, f"q=STRASSE+{mark}") == [k9["id"]]
    assert await found(cast.assisting.legal, f"q=0%25+hunde_{mark}") == [hidden["id"]]
    assert await found(cast.assisting.legal, f"q=0%25hunde_{mark}") == [], "% is a sign like any other"
    assert await found(cast.assisting.legal, "category=vehicle") == [hidden["id"]]
    assert await found(cast.assisting.legal, "category=k9.patrol&kind=mutual_aid&stage=executed") == [
        k9["id"],
        hidden["id"],
    ]
    assert await found(cast.assisting.legal, "status=not_yet_effective&as_of=2024-01-01T00:00:00Z") == [
        k9["id"],
        hidden["id"],
    ]
    assert await found(cast.assisting.legal, "status=expired") == []
    assert await found(
        cast.assisting.legal, "status=expired&status=in_force&kind=mou&kind=mutual_aid&stage=executed"
    ) == [
        k9["id"],
        hidden["id"],
    ]
    assert await found(cast.assisting.legal, f"partner_id={cast.neighbour.id}") == [hidden["id"]]
    assert await found(cast.neighbour.legal, f"partner_id={cast.requesting.id}") == [], "not a party of both"
    begins, ends = k9["effective_on"], k9["expires_on"]
    assert await found(cast.assisting.legal, f"effective_from={begins}&effective_to={begins}&q={mark}") == [
        k9["id"],
        hidden["id"],
    ]
    assert await found(cast.assisting.legal, "effective_from=2200-01-01") == []
    assert await found(cast.assisting.legal, f"ids={hidden['id']}&ids={k9['id']}") == [k9["id"], hidden["id"]]
    assert await found(cast.requesting.legal, f"ids={hidden['id']}&ids={k9['id']}") == [k9["id"]], "what it may see"
    changed = (await cast.assisting.legal.done("GET", f"{PATH}/{k9['id']}"))["updated_at"]
    later = (datetime.fromisoformat(changed) + timedelta(microseconds=1)).isoformat().replace("+00:00", "Z")
    assert await found(cast.assisting.legal, f"updated_from={changed}&updated_to={later}") == [k9["id"]]
    assert await found(cast.assisting.legal, f"updated_from={later}") == [hidden["id"]]
    assert await found(cast.assisting.legal, f"updated_to={changed}") == [], "its end is not in it"
    assert await found(cast.assisting.legal, "ends_to=2000-01-01") == []
    assert await found(cast.requesting.legal, f"ends_from={ends}&ends_to={ends}") == [k9["id"]]
    reversed_days = f"{PATH}?effective_from=2026-02-01&effective_to=2026-01-31"
    assert_problem(await cast.assisting.legal.get(reversed_days), 422, "range_reversed")
    listed = (await cast.requesting.legal.done("GET", f"{PATH}?party_id={cast.assisting.id}"))["items"]
    assert listed[0]["custodian_agency"] == {"id": str(cast.assisting.id), "name": cast.assisting.name}
    assert await found(service.operator, "limit=200") == [k9["id"], hidden["id"]]
    seen, path = [], f"{PATH}?party_id={cast.assisting.id}&sort=created_at&limit=1"
    while path:
        response = await cast.assisting.legal.get(path)
        seen += [item["id"] for item in response.json()["items"]]
        path = response.links["next"]["url"] if "next" in response.links else ""
    assert seen == [k9["id"], hidden["id"]]


async def test_an_unknown_version_and_a_wrong_filter_are_refused(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    for number in ("0", "2", "99999999999999999999"):
        assert_problem(await cast.assisting.legal.get(f"{path}/versions/{number}"), 404, "not_found")
    assert_problem(await cast.assisting.legal.get(f"{PATH}?colour=red"), 400, "unknown_parameter")
    assert_problem(await cast.assisting.legal.get(f"{path}?as_of=2300-01-01T00:00:00Z"), 422)
    assert_problem(await service.anonymous.get(path), 401, "unauthenticated")


async def test_an_unchanged_agreement_is_not_sent_again(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}"
    etag = (await cast.requesting.coordinator.get(path)).headers["etag"]
    assert (await cast.requesting.coordinator.get(path, headers={"if-none-match": etag})).status_code == 304
    await cast.assisting.legal.done("POST", f"{path}/suspend", {"reason": "inquiry"})
    assert (await cast.requesting.coordinator.get(path, headers={"if-none-match": etag})).status_code == 200
