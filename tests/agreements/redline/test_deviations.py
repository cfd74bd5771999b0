"""Deviations from the standard clauses over HTTP: of a draft from a template, and of a text of one's own."""

from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest

from registry.agreements.clauses.library import STANDARD_CLAUSES
from registry.agreements.clauses.rules import fits
from registry.agreements.clauses.schemas import FROM_TEMPLATE_EXAMPLE
from tests.support.agreements import agreement_body, sign_agreement
from tests.support.cast import Agency, Cast
from tests.support.html import HtmlPage
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
EXAMPLE: dict[str, Any] = FROM_TEMPLATE_EXAMPLE


async def drafted(*parties: Agency, **fields: Any) -> dict[str, Any]:
    body = {**EXAMPLE, "parties": [str(each.id) for each in parties], "number": f"D-{uuid4().hex[:8]}", **fields}
    made: dict[str, Any] = await parties[0].legal.done("POST", f"{PATH}/from-template", body)
    return made


def by_heading(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["provision"]["heading"]: each for each in found["deviations"] if each["provision"]}


async def edited(agency: Agency, made: dict[str, Any], provisions: list[dict[str, Any]], **more: Any) -> str:
    path = f"{PATH}/{made['id']}"
    change = {"provisions": provisions, **more}
    await agency.legal.done("PATCH", path, change, if_match=f'"{made["version"]}-00000000"')
    return path


def test_a_text_fits_a_clause_that_it_fills() -> None:
    clause = "Notice of {days} days to {who}; {days} days."
    assert fits(clause, "Notice of 60 days to\nthe sheriff; 60  days.") == {"days": "60", "who": "the sheriff"}
    assert fits(clause, "Notice of 60 days to the sheriff; 30 days.") is None
    assert fits(clause, "Notice of 60 weeks to the sheriff; 60 days.") is None
    assert fits("As it is.", "As it  is.") == {}
    assert fits("As it is.", "As it was.") is None
    assert fits("{a} and {b}", "x" * 40_000) is None


async def test_what_a_template_made_is_unchanged(cast: Cast) -> None:
    made = await drafted(cast.assisting, cast.requesting)
    found = await cast.assisting.legal.done("GET", f"{PATH}/{made['id']}/deviations")
    assert {each["kind"] for each in found["deviations"]} == {"unchanged"}
    assert found["template"] == {"code": "k9", "version": 1}
    assert by_heading(found)["liability"]["standard_clause"] == {
        "code": "liability.own_acts",
        "version": 1,
        "origin": "drafted_from",
        "newer_version": None,
    }


async def test_what_was_changed_left_out_or_written_freely_is_shown(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    made = await drafted(one, two)
    kept = [dict(each) for each in made["provisions"] if each["heading"] != "immunity"]
    text = {each["heading"]: each for each in kept}
    text["liability"]["text"] = text["liability"]["text"].replace("No party answers", "Each party answers")
    text["termination"]["text"] = text["termination"]["text"].replace("60 days", "30 days")
    kept.append({"number": "99", "heading": "resource_allocation", "text": "Boats go to the lakes in summer."})
    path = await edited(one, made, kept)
    await one.legal.done("POST", f"{path}/submit")
    found = await two.coordinator.done("GET", f"{path}/deviations")
    seen = by_heading(found)
    assert [(run["kind"], run["text"]) for run in seen["liability"]["runs"] if run["kind"] != "equal"] == [
        ("delete", "No"),
        ("insert", "Each"),
    ]
    assert (seen["termination"]["kind"], seen["purpose"]["kind"]) == ("changed", "unchanged")
    own = seen["resource_allocation"]
    assert (own["kind"], own["standard_clause"], own["runs"]) == ("own_text", None, None)
    (left,) = [each for each in found["deviations"] if each["kind"] == "left_out"]
    assert (left["standard_clause"]["code"], left["runs"][0]["kind"]) == ("immunity.kept", "delete")
    before = await one.legal.done("GET", f"{path}/deviations?version_no=1")
    assert before["deviations"] == found["deviations"]


async def test_an_answer_that_left_the_text_before_it_was_shared_stays_the_custodians(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    secret = "canary-3e9a-violet"
    made = await drafted(one, two, answers={**EXAMPLE["answers"], "governing_law": secret})
    kept = [dict(each) for each in made["provisions"]]
    for each in kept:
        each["text"] = each["text"].replace(secret, "the State of Iowa")
    path = await edited(one, made, kept)
    await one.legal.done("POST", f"{path}/submit")
    response = await two.legal.get(f"{path}/deviations")
    assert secret not in response.text
    general = by_heading(response.json())["general"]
    assert (general["kind"], "{governing_law}" in str(general["runs"])) == ("changed", True)


async def test_a_text_of_ones_own_is_compared_with_the_nearest_clause_of_its_heading(
    service: Service, cast: Cast
) -> None:
    own_acts = STANDARD_CLAUSES["liability.own_acts"].text
    notice = STANDARD_CLAUSES["amendment.written"].text
    provisions = [
        {"number": "1", "heading": "liability", "text": own_acts.replace("omissions", "failures")},
        {"number": "2", "heading": "amendment", "text": notice},
        {"number": "3", "heading": "purpose", "text": notice},
    ]
    made = await sign_agreement(service, cast.assisting, cast.requesting, provisions=provisions)
    found = await cast.requesting.coordinator.done("GET", f"{PATH}/{made['id']}/deviations")
    assert found["template"] is None
    kinds = [(each["kind"], (each["standard_clause"] or {}).get("code")) for each in found["deviations"]]
    assert kinds == [("changed", "liability.own_acts"), ("unchanged", "amendment.written"), ("own_text", None)]
    assert found["deviations"][0]["standard_clause"]["origin"] == "nearest"


async def test_restricted_text_is_compared_for_cleared_roles_alone(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    made = await drafted(one, two)
    law = {"sensitivity": "restricted", "exemption": "Security information (example; have counsel review)"}
    kept = [dict(each) for each in made["provisions"]]
    radio = next(each for each in kept if each["heading"] == "communications")
    radio.update(law, text=radio["text"] + " The key is canary-51bd-green.")
    path = await edited(one, made, kept)
    await one.legal.done("POST", f"{path}/submit")
    withheld = await two.coordinator.get(f"{path}/deviations")
    assert "canary" not in withheld.text
    told = by_heading(withheld.json())["communications"]
    assert (told["kind"], told["runs"]) == ("withheld", None)
    cleared = await two.legal.get(f"{path}/deviations")
    assert cleared.headers["cache-control"] == "no-store"
    assert by_heading(cleared.json())["communications"]["kind"] == "changed"
    read = await one.auditor.done("GET", f"{path}/history?limit=1")
    assert [event["type"] for event in read["items"]] != []


async def test_it_is_for_the_parties_alone(service: Service, cast: Cast) -> None:
    draft = await cast.assisting.legal.done("POST", PATH, agreement_body(cast.assisting, cast.requesting))
    assert_problem(await cast.requesting.legal.get(f"{PATH}/{draft['id']}/deviations"), 404, "not_found")
    made = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{made['id']}/deviations"
    assert (await cast.requesting.coordinator.get(path)).status_code == 200
    assert_problem(await service.anonymous.get(path), 401, "unauthenticated")
    assert_problem(await cast.requesting.as_(scope="loans:*").get(path), 403, "forbidden")
    assert_problem(await cast.stranger.legal.get(path), 403, "forbidden")
    assert_problem(await cast.requesting.legal.get(f"{path}?version_no=9"), 404, "not_found")
    for query in ("version_no=0", "version_no=x", "colour=blue"):
        assert_problem(await cast.requesting.legal.get(f"{path}?{query}"), 400)


async def test_the_page_says_the_same_to_the_eye_and_to_the_ear(cast: Cast) -> None:
    made = await drafted(cast.assisting, cast.requesting)
    first, second, *rest = [{name: each[name] for name in ("number", "heading", "text")} for each in made["provisions"]]
    hostile = "</p><script>alert(1)</script> & 'all' of it"
    path = await edited(cast.assisting, made, [{**first, "text": f"{first['text']} {hostile}"}, *rest])
    response = await cast.assisting.coordinator.get(f"{path}/deviations.html")
    page = HtmlPage(response.text)
    found = await cast.assisting.coordinator.done("GET", f"{path}/deviations")

    assert "style-src 'sha256-" in response.headers["content-security-policy"]
    assert not page.all("script", "img", "link", "form")
    assert page.one("html").attributes["lang"] == "en"
    assert (
        page.one("title").text
        == page.one("h1").text
        == f"Deviations of {made['number']}: version 1 and the standard clauses"
    )
    levels = [int(each.tag[1]) for each in page.all("h1", "h2", "h3")]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
    assert len(ids) == len({*ids})
    assert {each.attributes["href"].removeprefix("#") for each in page.all("a")} <= {*ids}
    rows = [each.text for each in page.all("th") if each.attributes["scope"] == "row"]
    assert len(rows) == len(found["deviations"])
    told = [each for each in found["deviations"] if each["kind"] in ("changed", "left_out")]
    assert {each["kind"] for each in told} == {"changed", "left_out"}, second["heading"]
    assert len(page.all("article")) == len(told)
    marked = "".join(each.text for each in page.all("ins"))
    assert " [inserted: " in marked
    assert "script" in marked
    assert "counsel" in page.one("footer").text


async def test_the_page_is_for_the_parties(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{found['id']}/deviations.html"
    assert_problem(await service.anonymous.get(path), 401)
    assert_problem(await cast.stranger.legal.get(path), 403)
    assert_problem(await cast.stranger.legal.get(f"{PATH}/{uuid4()}/deviations.html"), 404)
    assert_problem(await cast.requesting.legal.get(f"{path}?version_no=7"), 404)
    assert_problem(await cast.requesting.legal.get(f"{path}?version_no=x"), 400)
