"""Every list of the contract: its orders are documented, its pages hold still, its cursors are its own."""

import re
from collections.abc import Iterator
from itertools import pairwise
from math import inf
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from registry.directory.taxonomy.schemas import NEW_CATEGORY_EXAMPLE
from registry.outcomes.objectives.schemas import NEW_OBJECTIVE_EXAMPLE
from registry.outcomes.reviews.schemas import DECISION_EXAMPLE
from registry.platform.access.principals import Role
from registry.platform.issuers import DEVELOPMENT_ISSUER
from registry.platform.webhooks.schemas import WEBHOOK_EXAMPLE
from registry.resources.minimums.schemas import NEW_RESERVE_MINIMUM_EXAMPLE
from registry.resources.rates.schemas import NEW_RATE_EXAMPLE
from registry.sharing.policy.schemas.sets import NEW_POLICY_SET_EXAMPLE
from tests.contract.test_contract import COMMITTED
from tests.support.assets import make_asset
from tests.support.cast import LONG_AHEAD, make_cast, today
from tests.support.documents import file_paper, file_with_loan
from tests.support.engagements import hold_engagement, make_engagement, plan_action
from tests.support.imports import MAPPING, csv_of, imported, unit_row
from tests.support.ledger import signed_ledger
from tests.support.loans import Partners, make_loan, make_partners
from tests.support.packages import make_package
from tests.support.past_loans import take_one_over
from tests.support.personnel import enter_person
from tests.support.places import ROOT
from tests.support.problems import assert_problem
from tests.support.requests import submitted
from tests.support.service import Caller, Service

DOCUMENT: dict[str, Any] = msgspec.json.decode(COMMITTED.read_bytes())
EVERYBODY = (Role.COORDINATOR, Role.AGENCY_ADMIN, Role.LEGAL, Role.AUDITOR)
# What has no times, and what is about days to come.
OTHER_ORDER = {
    "list_categories": "code",
    "list_purposes": "code",
    "list_provision_headings": "code",
    "list_capability_types": "code",
    "list_deadlines": "due_on",
    "list_inbox": "urgency",
    "list_import_rows": "row",
    "list_capabilities": "distance",
    "list_metrics": "key",
    "list_public_engagements": "starts_at",
}
pytestmark = pytest.mark.xdist_group("lists")  # one worker fills them, once for each database

# What is ranked at each reading, by more than one thing.
RANKED = {"list_request_line_candidates"}


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself, in the place of a reference to it."""
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return found


def lists() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(operation id, path, parameters by name) of each operation that answers page by page."""
    for path, item in DOCUMENT["paths"].items():
        content = item.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if "$ref" in schema and "next_cursor" in resolved(schema)["properties"]:
            parameters = {each["name"]: each for each in item["get"]["parameters"] if "name" in each}
            yield item["get"]["operationId"], path, parameters


def test_every_list_can_be_sorted_and_is_newest_first_where_it_has_times() -> None:
    seen = 0
    for name, _, parameters in lists():
        if name in RANKED:
            assert "sort" not in parameters, name
            continue
        sort = parameters["sort"]
        assert "order" in sort["description"].lower(), name
        orders = sort["schema"]["enum"]
        default = sort["schema"].get("default", "-created_at")
        assert default == OTHER_ORDER.get(name, "-version" if name.endswith("_history") else "-created_at"), name
        assert default in orders, name
        assert {one.removeprefix("-") for one in orders} - {"arrival", "distance"} == {
            one for one in orders if not one.startswith("-") and one not in ("arrival", "distance")
        }, name
        assert {"limit", "cursor"} <= parameters.keys(), name
        seen += 1
    assert seen >= 25


def test_every_collection_is_a_list_page_by_page() -> None:
    """Unless all of it is a handful: what is in force between two agencies, issuers, and what is shipped as files."""
    paged = {name for name, _, _ in lists()}
    handful = {
        *(
            "list_agreements_in_force",
            "list_checklists",
            "list_funding_sources",
            "list_issuers",
            "list_standard_clauses",
            "list_templates",
        ),
        *(
            "list_asset_calendar_feeds",
            "list_asset_unavailability",
            "list_asset_certificates",
        ),  # of one asset, and bounded
    }
    operations = [item["get"] for item in DOCUMENT["paths"].values() if "get" in item]
    assert {op["operationId"] for op in operations if op["operationId"].startswith("list_")} - handful <= paged


# Lists of things with a version whose changes are seen elsewhere, or which a client reads whole.
KEPT_UP_TO_DATE_OTHERWISE = {
    "list_agreement_duties": "a change of a duty is a change of its agreement",
    "list_calendar_feeds": "an agency has few",
    "list_categories": "the taxonomy changes with a release, and is read whole",
    "list_clients": "an agency has few",
    "list_import_mappings": "an agency has few",
    "list_operator_acts": "the operator has few that wait",
    "list_principals": "who is seen changes with every call",
    "list_revocations": "an agency has few",
    "list_webhook_deliveries": "a log, read from the newest on; what it delivers is kept up to date by the feed",
    "list_webhooks": "an agency has few",
}


def test_the_recipe_for_a_copy_names_the_lists_for_which_it_holds() -> None:
    """A recipe that promised it of every list would let a copy go stale without a word."""
    recipe = (ROOT / "docs" / "contract.md").read_text("utf-8").partition("## Keeping a copy")[2].partition("\n## ")[0]
    told = {
        row: set(re.findall(r"`(/[^`]*)`", row.split("|")[2])) for row in recipe.splitlines() if row.startswith("| `")
    }
    without, both = told.values()
    takes: dict[str, set[str]] = {"updated_from": set(), "ids": set()}
    for _, path, parameters in lists():
        for name in takes.keys() & parameters.keys():
            takes[name].add(path.removeprefix("/v1"))
    assert both == takes["updated_from"] & takes["ids"]
    assert without == takes["updated_from"] - takes["ids"]
    assert not takes["ids"] - takes["updated_from"]
    whole = {item["get"]["operationId"]: path for path, item in DOCUMENT["paths"].items() if "get" in item}
    short = set(re.findall(r"`(/[^`{]*)`", recipe.partition("To keep a copy:")[0].partition("Of the others")[2]))
    assert short <= {path.removeprefix("/v1") for path in whole.values()}
    for name in KEPT_UP_TO_DATE_OTHERWISE.keys() - {"list_agreement_duties", "list_webhook_deliveries"}:
        assert whole[name].removeprefix("/v1") in short, name


def test_a_copy_of_every_list_of_things_that_change_can_be_kept_up_to_date() -> None:
    for name, path, parameters in lists():
        content = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        item = resolved(resolved(content)["properties"]["items"]["items"])["properties"]
        if "version" not in item or name in KEPT_UP_TO_DATE_OTHERWISE:
            assert "updated_from" not in parameters, name
            continue
        assert "updated_at" in item, name
        assert {"updated_from", "updated_to"} <= parameters.keys(), name
        assert {"updated_at", "-updated_at"} <= set(parameters["sort"]["schema"]["enum"]), name


class Scene(msgspec.Struct, kw_only=True, frozen=True):
    """Two of most things, and the ids that their addresses name."""

    partners: Partners
    ids: dict[str, str]

    def reader(self, path: str) -> Caller:
        if "operator-acts" in path:
            return self.partners.assisting.service.operator
        agency = self.partners.requesting if "request" in path else self.partners.assisting
        return agency.as_(*EVERYBODY)


@pytest.fixture(scope="module")
async def scene(service: Service) -> Scene:
    """Made once: what a test adds or changes disturbs no other."""
    partners = await make_partners(await make_cast(service))
    assets = [await make_asset(partners.assisting, capacity=5) for _ in range(3)]
    loans = [await make_loan(partners, asset=asset) for asset in assets]
    requests = [await submitted(partners.requesting, asset) for asset in assets]
    packages = [await make_package(partners.assisting, *assets[:2]) for _ in range(3)]
    for label in ("Desk", "Wall"):
        await partners.assisting.admin.done("POST", "/v1/calendar-feeds", {"label": label})
    people_of_the_agency = [await enter_person(partners.assisting) for _ in range(2)]
    await partners.assisting.service.edge.app.state.sightings.store()  # who has called until now
    people = await partners.assisting.admin.done("GET", "/v1/principals?limit=1")
    table = await imported(partners.assisting.admin, csv_of(unit_row("L-1"), unit_row("L-2"), unit_row("L-3")))
    await imported(partners.assisting.admin, csv_of(unit_row("L-4")))
    for title in ("Front", "Back"):
        await file_paper(partners.assisting.coordinator, assets[0]["id"], title=title)
        await file_with_loan(partners.assisting.coordinator, loans[0]["id"], title=title)
    for name in ("One", "Two"):
        mapping = {"kind": "assets", "name": name, "mapping": dict(MAPPING)}
        await partners.assisting.admin.done("POST", "/v1/import-mappings", mapping)
    for year in (2025, 2026, 2027):
        body = {**NEW_RATE_EXAMPLE, "effective_on": f"{year}-07-01"}
        await partners.assisting.admin.done("POST", "/v1/rates", body)
        body = {**body, "asset_id": assets[0]["id"]}
        await partners.assisting.admin.done("POST", "/v1/rates", body)
        kept = {**NEW_RESERVE_MINIMUM_EXAMPLE, "category": "aircraft", "effective_on": f"{year}-07-01"}
        await partners.assisting.admin.done("POST", "/v1/reserve-minimums", kept)
        drafted = await partners.assisting.admin.done("POST", "/v1/policy-sets", NEW_POLICY_SET_EXAMPLE)
    await partners.assisting.admin.done("POST", f"/v1/policy-sets/{drafted['id']}/validate")
    for asked in (3, 30):
        tried = {"days": asked, "wait_seconds": 30}
        preview = await partners.assisting.admin.done("POST", f"/v1/policy-sets/{drafted['id']}/previews", tried)
    operator, left = partners.assisting.service.operator, {"kind": "token", "issuer": DEVELOPMENT_ISSUER}
    for _ in range(2):
        refused = {**left, "value": uuid4().hex, "agency_id": str(partners.assisting.id), "reason": "Lost (demo)."}
        made = await operator.done("POST", "/v1/revocations", refused)
        await operator.done("POST", f"/v1/revocations/{made['id']}/lift", {"reason": "Found (demo)."})
    named = {**NEW_CATEGORY_EXAMPLE, "name": f"Tethered drone {uuid4().hex[:8]}"}
    category = await partners.assisting.admin.done("POST", "/v1/categories", named)
    for days in ("two", "three"):
        said = {"description": f"Stays up for {days} days on its cable."}
        await partners.assisting.admin.done("PATCH", f"/v1/categories/{category['code']}", said, if_match="*")
    past = [await take_one_over(partners.assisting, partners.requesting, No=f"23-{at}") for at in (1, 2, 3)]
    nothing = {"reason": "It was never ours (demo)."}
    await partners.requesting.coordinator.done("POST", f"/v1/past-loans/{past[0]['id']}/contest", nothing)
    admin = partners.assisting.admin
    hooks = [await admin.done("POST", "/v1/webhooks", {**WEBHOOK_EXAMPLE, "types": ["rate.*"]}) for _ in range(3)]
    for _ in range(3):
        await admin.done("POST", f"/v1/webhooks/{hooks[0]['id']}/test")
    while (await admin.done("GET", f"/v1/webhooks/{hooks[0]['id']}"))["waiting"]:  # each is tried once, and stays so
        await service.edge.app.state.deliverer.run()
        await service.edge.app.state.deliverer.settle()
    await signed_ledger(service)
    await partners.requesting.coordinator.done("POST", f"/v1/past-loans/{past[1]['id']}/contest", nothing)
    await signed_ledger(service)
    service.edge.app.state.sealer.every_seconds = inf  # none is signed while its list is read
    held = [await hold_engagement(partners.assisting, partners.requesting) for _ in range(3)]
    improvements = [await plan_action(partners.assisting, partners.requesting, held[0]) for _ in range(3)]
    for ahead in (3, 4, 5):
        fields = {"kind": "town_hall", "title": "Town hall", "public": True}
        await make_engagement(partners.assisting, partners.requesting, days_ahead=ahead, **fields)
    agreed, lawyer = f"/v1/agreements/{partners.agreement['id']}", partners.assisting.legal
    goal = {**NEW_OBJECTIVE_EXAMPLE, "due_on": str(LONG_AHEAD)}
    objectives = [await lawyer.done("POST", f"{agreed}/objectives", goal) for _ in range(3)]
    for _ in range(2):
        value = {"measured_on": str(today()), "value": 12, "source": "Log (demo)"}
        await partners.assisting.coordinator.done("POST", f"/v1/objectives/{objectives[0]['id']}/measure", value)
        review = await lawyer.done("POST", f"{agreed}/outcome-reviews")
        await lawyer.done("POST", f"/v1/outcome-reviews/{review['id']}/decide", DECISION_EXAMPLE)
        held_on = {"reviewed_on": str(today()), "outcome": "keep"}
        await lawyer.done("POST", f"/v1/outcome-reviews/{review['id']}/complete", held_on)
    ids = {
        "objective_id": objectives[0]["id"],
        "outcome_review_id": review["id"],
        "engagement_id": held[0]["id"],
        "corrective_action_id": improvements[0]["id"],
        "past_loan_id": past[0]["id"],
        "agency_id": str(partners.assisting.id),
        "agreement_id": partners.agreement["id"],
        "category_code": category["code"],
        "asset_id": assets[0]["id"],
        "import_id": table["id"],
        "webhook_id": hooks[0]["id"],
        "personnel_id": people_of_the_agency[0]["id"],
        "loan_id": loans[0]["id"],
        "obligation_id": loans[0]["obligations"][0]["id"],
        "package_id": packages[0]["id"],
        "preview_id": preview["id"],
        "principal_id": people["items"][0]["id"],
        "request_id": requests[0]["id"],
        "line_id": requests[0]["lines"][0]["id"],
    }
    return Scene(partners=partners, ids=ids)


def addresses(scene: Scene) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The lists that the scene has something in."""
    for name, path, parameters in lists():
        required = [each for each in parameters.values() if each["in"] == "query" and each["required"]]
        if "{" + "document_id" + "}" not in path and not required:
            yield name, path.format(**scene.ids), parameters


async def keys(reader: Any, address: str, **query: object) -> list[str]:
    """What the pages of a list hold, in order."""
    path, found = f"{address}?{'&'.join(f'{name}={value}' for name, value in query.items())}", []
    while path:
        response = await reader.get(path)
        assert response.status_code == 200, response.text
        found += [msgspec.json.encode(item).decode() for item in response.json()["items"]]
        path = response.links["next"]["url"] if "next" in response.links else ""
    return found


async def test_small_pages_in_every_order_hold_what_one_large_page_holds(scene: Scene) -> None:
    of_several = set()
    for name, address, parameters in addresses(scene):
        reader = scene.reader(address)
        whole = {}
        if name in RANKED:
            assert await keys(reader, address, limit=1) == await keys(reader, address, limit=200), name
            continue
        for sort in parameters["sort"]["schema"]["enum"]:
            if sort in ("arrival", "distance") or name == "list_categories":
                continue
            whole[sort] = await keys(reader, address, sort=sort, limit=200)
            assert len(set(whole[sort])) == len(whole[sort]), (name, sort)
            if 1 < len(whole[sort]) < 30:
                of_several.add(name)
                assert await keys(reader, address, sort=sort, limit=1) == whole[sort], (name, sort)
        for sort, found in whole.items():
            if sort.startswith("-"):
                assert found == whole[sort[1:]][::-1], (name, sort)
            times = [item["created_at"] for item in map(msgspec.json.decode, found) if "created_at" in item]
            if sort == "-created_at":
                assert all(late >= early for late, early in pairwise(times)), name
    assert len(of_several) >= 8, of_several  # others have grown over thirty in the database that tests share


async def test_a_page_is_refused_the_cursor_of_another_list_and_of_another_question(scene: Scene) -> None:
    given: dict[str, str] = {}
    for name, address, parameters in addresses(scene):
        reader = scene.reader(address)
        cursor = (await reader.done("GET", f"{address}?limit=1"))["next_cursor"]
        if cursor is not None:
            given[name] = cursor
            other = "version" if name.endswith("_history") else "created_at"
            other = f"-{OTHER_ORDER[name]}" if name in OTHER_ORDER else other
            if name in RANKED or other not in parameters["sort"]["schema"]["enum"]:
                continue  # it has one order
            assert_problem(await reader.get(f"{address}?limit=1&sort={other}&cursor={cursor}"), 422, "bad_cursor")
    assert len(given) >= 10
    for name, address, _ in addresses(scene):
        reader = scene.reader(address)
        foreign = next(cursor for other, cursor in given.items() if other != name)
        assert_problem(await reader.get(f"{address}?cursor={foreign}"), 422, "bad_cursor")


async def test_a_range_that_ends_before_it_begins_is_refused_by_every_list_that_has_one(scene: Scene) -> None:
    seen = set()
    for name, address, parameters in addresses(scene):
        for start in [each for each in parameters if each.endswith("_from")]:
            end = f"{start.removesuffix('_from')}_to"
            of_days = '"date-time"' not in msgspec.json.encode(parameters[start]).decode()
            first, last = ("2026-02-01", "2026-01-31") if of_days else ("2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z")
            reader = scene.reader(address)
            refused = await reader.get(f"{address}?{start}={first}&{end}={last}")
            assert_problem(refused, 422, "range_reversed")
            assert [fault["parameter"] for fault in refused.json()["errors"]] == [end]
            seen.add(name)
    assert seen >= {"list_agreements", "list_assets", "list_deadlines", "list_decisions", "list_loans", "list_requests"}


async def test_what_has_changed_since_an_instant_is_what_a_copy_lacks(scene: Scene) -> None:
    """Of every such list, in halves: what changed before an instant and from it on are all there is, and no more."""
    seen = set()
    for name, address, parameters in addresses(scene):
        if "updated_from" not in parameters:
            continue
        reader = scene.reader(address)
        whole = [msgspec.json.decode(each) for each in await keys(reader, address, sort="updated_at", limit=200)]
        instants = [item["updated_at"] for item in whole]
        assert instants == sorted(instants), name
        for since in {*instants[:1], *instants[len(instants) // 2 :][:1], *instants[-1:]}:
            now = [msgspec.json.decode(each) for each in await keys(reader, address, updated_from=since, limit=200)]
            before = [msgspec.json.decode(each) for each in await keys(reader, address, updated_to=since, limit=200)]
            assert all(item["updated_at"] >= since for item in now), name
            assert all(item["updated_at"] < since for item in before), name
            assert sorted(item["id"] for item in (*now, *before)) == sorted(item["id"] for item in whole), name
            small = await keys(reader, address, updated_from=since, sort="updated_at", limit=1) if len(now) < 30 else []
            assert [msgspec.json.decode(each)["id"] for each in small] in (
                [],
                [item["id"] for item in whole if item["updated_at"] >= since],
            ), name
        seen.add(name)
    assert seen >= {"list_agencies", "list_agreements", "list_assets", "list_imports", "list_loans", "list_personnel"}
    assert seen >= {"list_rates", "list_requests", "list_agency_insurance", "list_agreement_documents"}


async def test_what_changes_while_a_copy_is_read_comes_again(scene: Scene) -> None:
    admin, path = scene.partners.assisting.admin, f"/v1/assets?agency_id={scene.partners.assisting.id}&sort=updated_at"
    first = await admin.get(f"{path}&limit=1")
    (item,) = first.json()["items"]
    await admin.done("PATCH", f"/v1/assets/{item['id']}", {"capacity": 7}, if_match="*")
    seen, response = [], first
    while "next" in response.links:
        response = await admin.get(response.links["next"]["url"])
        seen += response.json()["items"]
    assert [each["version"] for each in seen if each["id"] == item["id"]] == [item["version"] + 1]
    spare = (await make_asset(scene.partners.assisting))["id"]
    retired = await admin.done("POST", f"/v1/assets/{spare}/retire", {"reason": "Sold (demo)."})
    changed = await admin.done("GET", f"{path}&updated_from={retired['updated_at']}")
    assert [(each["id"], each["service_status"]) for each in changed["items"]] == [(spare, "retired")]


async def test_what_is_added_meanwhile_moves_nothing(scene: Scene) -> None:
    partners = scene.partners
    for path, agency in (("/v1/assets", partners.assisting), ("/v1/requests", partners.requesting)):
        reader = agency.as_(*EVERYBODY)
        filters = f"agency_id={agency.id}&" if path == "/v1/assets" else ""
        for sort in ("-created_at", "created_at"):
            before = [item["id"] for item in (await reader.done("GET", f"{path}?{filters}sort={sort}"))["items"]]
            first = await reader.get(f"{path}?{filters}sort={sort}&limit=1")
            asset = await make_asset(partners.assisting)
            if path == "/v1/requests":
                await submitted(partners.requesting, asset)
            seen, response = [item["id"] for item in first.json()["items"]], first
            while "next" in response.links:
                response = await reader.get(response.links["next"]["url"])
                seen += [item["id"] for item in response.json()["items"]]
            assert [one for one in seen if one in before] == before, (path, sort)
