"""Every error has one shape, whoever raises it, and a page that explains it."""

import html
import re
from uuid import uuid4

import msgspec
import pytest

from registry.platform.http.catalogue import PROBLEMS
from registry.platform.http.problems import STATUS, Internal, Problem, as_domain_error, render
from registry.platform.kernel.errors import Busy, DomainError, Fault, InFlight, NotFound, StaleVersion, Unauthenticated
from tests.support.cast import Cast
from tests.support.problems import assert_problem
from tests.support.service import Service

NEW = {"name": "Demo Police", "kind": "city", "level": "local"}


def made(kind: type[DomainError]) -> DomainError:
    return kind() if kind is NotFound else kind("What happened, and what to do.")


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_each_kind_is_rendered_alike(kind: type[DomainError]) -> None:
    answer = render(made(kind), path="/v1/loans", trace_id="r")
    problem = msgspec.json.decode(answer.body, type=Problem)
    assert problem.status == STATUS[kind] == PROBLEMS[kind.code].status
    assert problem.title == PROBLEMS[kind.code].title
    assert answer.status == problem.status
    assert problem.type == f"/problems/{kind.code}"
    assert problem.code == kind.code
    assert (problem.instance, problem.trace_id) == ("/v1/loans", "r")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"


def test_a_kind_without_a_status_is_a_fault_of_ours() -> None:
    class Forgotten(DomainError):
        """Not in the table."""

    assert render(Forgotten("x"), path="/", trace_id="r").status == 500


def test_what_nobody_expected_tells_nothing_about_the_inside() -> None:
    answer = render(as_domain_error(RuntimeError("password=hunter2")), path="/", trace_id="r")
    assert answer.status == 500
    assert b"hunter2" not in answer.body


def test_a_challenge_says_what_is_wrong_with_the_token() -> None:
    bare = render(Unauthenticated("Send a token."), path="/", trace_id="r")
    assert bare.headers["www-authenticate"] == 'Bearer realm="registry"'
    bad = render(Unauthenticated("Not valid.", "invalid_token"), path="/", trace_id="r")
    assert bad.headers["www-authenticate"] == 'Bearer realm="registry", error="invalid_token"'


@pytest.mark.parametrize("error", [Busy("x", retry_after=7), InFlight("x")])
def test_busy_says_when_to_come_back(error: DomainError) -> None:
    assert int(render(error, path="/", trace_id="r").headers["retry-after"]) >= 1


def test_extra_members_stand_beside_the_standard_ones_and_never_replace_them() -> None:
    error = StaleVersion("x", extra={"current_version": 3, "status": 200, "detail": "nothing wrong"})
    document = msgspec.json.decode(render(error, path="/", trace_id="r").body)
    assert document["current_version"] == 3
    assert (document["status"], document["detail"]) == (412, "x")


def test_hostile_text_is_cut_and_made_printable() -> None:
    hostile = "\ud800" + "x" * 10_000
    error = StaleVersion(hostile, faults=[Fault(code="c", detail=hostile)] * 90)
    answer = render(error, path="/" + hostile, trace_id="r")
    problem = msgspec.json.decode(answer.body, type=Problem)
    assert len(problem.detail) == len(problem.errors[0].detail) == 4_000
    assert len(problem.instance) == 300
    assert len(problem.errors) == 50


def test_a_sentence_is_told_whole_and_what_is_longer_than_any_ends_with_a_sentence() -> None:
    said = "The agreement says otherwise, in a sentence that is as long as this one is. " * 12
    told = msgspec.json.decode(render(StaleVersion(said), path="/", trace_id="r").body)
    assert told["detail"] == said
    told = msgspec.json.decode(render(StaleVersion(said * 20), path="/", trace_id="r").body)
    assert told["detail"].endswith("as long as this one is. …")


async def test_each_problem_has_a_page_that_says_what_to_do(service: Service) -> None:
    listed = await service.http.get("/problems")
    for code, entry in PROBLEMS.items():
        assert f'href="/problems/{code}"' in listed.text
        page = await service.http.get(f"/problems/{code}")
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert f"<code>{code}</code>, status {entry.status}" in page.text
        assert html.escape(entry.title, quote=False).replace("`", "") in re.sub("</?code>", "", page.text)
        assert all(f"<code>{name}</code>" in page.text for name in entry.members)
    assert_problem(await service.http.get("/problems/none"), 404)


async def test_a_program_that_asks_for_json_has_the_catalogue_as_such(service: Service) -> None:
    asked = {"accept": "application/json"}
    listed = await service.http.get("/problems", headers=asked)
    assert listed.headers["content-type"] == "application/json"
    assert "Accept" in listed.headers["vary"]
    assert {each["code"] for each in listed.json()["items"]} == set(PROBLEMS)
    stale = (await service.http.get("/problems/stale_version", headers=asked)).json()
    assert stale in listed.json()["items"]
    entry = PROBLEMS["stale_version"]
    assert (stale["status"], stale["title"], stale["what_to_do"]) == (412, entry.title, entry.do)
    assert set(stale["members"]) == set(entry.members)
    assert_problem(await service.http.get("/problems/none", headers=asked), 404)
    for accept in ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "*/*", ""):
        page = await service.http.get("/problems", headers={"accept": accept})
        assert page.headers["content-type"].startswith("text/html"), accept
        assert page.headers["etag"] != listed.headers["etag"]


async def test_the_status_follows_the_order_of_checks(service: Service, cast: Cast) -> None:
    """401, then 413/415, then 403 by role, then 400, then 404: an earlier answer never tells what a later would."""
    large, text = {"content": b"x" * 2_000_000}, {"content": b"x", "headers": {"content-type": "text/plain"}}
    bad_json = {"content": b"{", "headers": {"content-type": "application/json"}}
    nobody, member, operator = service.anonymous, cast.stranger.coordinator, service.operator
    for options in (large, text, bad_json):
        assert_problem(await nobody.send("POST", "/v1/agencies", **options), 401)
    assert_problem(await member.send("POST", "/v1/agencies", **large), 413)
    assert_problem(await member.send("POST", "/v1/agencies", **text), 415)
    assert_problem(await member.send("POST", "/v1/agencies", **bad_json), 403)
    assert_problem(await operator.send("POST", "/v1/agencies", **bad_json), 400)
    nowhere = f"/v1/agencies/{uuid4()}"
    assert_problem(await member.send("POST", f"{nowhere}/suspend", **bad_json), 403)
    assert_problem(await operator.send("POST", f"{nowhere}/suspend", **bad_json), 400)
    assert_problem(await operator.post(f"{nowhere}/suspend", {"reason": "x"}), 404)


async def test_a_caller_without_the_right_learns_nothing_about_the_thing(service: Service, cast: Cast) -> None:
    there = await cast.stranger.coordinator.post(f"/v1/agencies/{cast.assisting.id}/suspend", {"reason": "x"})
    nowhere = await cast.stranger.coordinator.post(f"/v1/agencies/{uuid4()}/suspend", {"reason": "x"})
    assert_problem(there, 403)
    assert there.json()["detail"] == nowhere.json()["detail"]


def test_a_fault_of_ours_is_a_kind_of_its_own() -> None:
    assert STATUS[Internal] == 500
