"""An agency says for itself that its silence never binds it, by its lawyer or administrator, on record."""

from typing import Any
from uuid import uuid4

from registry.platform.access.principals import Role
from tests.support.cast import Agency, Cast
from tests.support.problems import assert_problem
from tests.support.service import Caller

WHY = {"reason": "By the charter only the council binds the city (demo)."}


def path_of(agency: Agency, verb: str = "require-own-word") -> str:
    return f"/v1/agencies/{agency.id}/{verb}"


async def seen(caller: Caller, agency: Agency) -> dict[str, Any]:
    found: dict[str, Any] = await caller.done("GET", f"/v1/agencies/{agency.id}")
    return found


async def offered(caller: Caller, agency: Agency) -> dict[str, str | None]:
    actions = (await seen(caller, agency))["allowed_actions"]
    names = ("require_own_word", "let_silence_count")
    return {each["action"]: each["reason"] for each in actions if each["action"] in names}


async def test_it_is_said_with_a_reason_shown_to_all_and_taken_back(cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    before = await seen(other.legal, one)
    assert before["own_word_only"] is None
    said = await one.legal.done("POST", path_of(one), WHY)
    assert said["own_word_only"]["reason"] == WHY["reason"]
    for caller in (other.legal, one.coordinator, one.service.operator):
        shown = await seen(caller, one)
        assert (shown["own_word_only"], shown["version"]) == (said["own_word_only"], before["version"] + 1)
    back = await one.admin.done("POST", path_of(one, "let-silence-count"), WHY)
    assert back["own_word_only"] is None


async def test_it_is_in_the_history_that_all_read_and_the_person_is_the_agencys_alone(cast: Cast) -> None:
    one = cast.assisting
    await one.legal.done("POST", path_of(one), WHY)
    await one.admin.done("POST", path_of(one, "let-silence-count"), WHY)
    for caller in (one.auditor, cast.requesting.auditor):
        events = (await caller.done("GET", f"/v1/agencies/{one.id}/history"))["items"][:2]
        assert [each["type"] for each in events] == ["agency.silence_counts", "agency.own_word_required"]
        assert [each["data"] for each in events] == [WHY, WHY]
    assert events[1]["private"] is None


async def test_each_is_offered_where_it_changes_something(cast: Cast) -> None:
    one = cast.assisting
    for caller in (one.legal, one.admin):
        assert await offered(caller, one) == {
            "require_own_word": None,
            "let_silence_count": "The agency's silence counts, as by default.",
        }
    await one.admin.done("POST", path_of(one), WHY)
    assert await offered(one.legal, one) == {
        "require_own_word": "The agency says already that its silence never binds it.",
        "let_silence_count": None,
    }
    for caller in (one.coordinator, one.approver, cast.requesting.legal, one.service.operator):
        assert await offered(caller, one) == {}


async def test_nobody_else_says_it(cast: Cast) -> None:
    one = cast.assisting
    for verb in ("require-own-word", "let-silence-count"):
        path = path_of(one, verb)
        assert_problem(await one.service.anonymous.post(path, WHY), 401)
        both = one.as_(Role.SERVICE, Role.LEGAL)
        for caller in (cast.requesting.legal, one.service.operator, one.coordinator, one.machine, both):
            assert_problem(await caller.post(path, WHY), 403, "forbidden")
        missing = path.replace(str(one.id), str(uuid4()))
        assert_problem(await one.legal.post(missing, WHY), 404, "not_found")
        assert_problem(await one.legal.post(path, {}), 400)
        assert_problem(await one.legal.post(path, {"reason": ""}), 400)
        assert_problem(await one.legal.post(path, {**WHY, "for": "good"}), 400)
        assert_problem(await one.legal.post(path, WHY, if_match='"9-00000000"'), 412, "stale_version")
    assert (await seen(one.legal, one))["own_word_only"] is None


async def test_it_is_not_said_twice(cast: Cast) -> None:
    one = cast.assisting
    assert_problem(await one.legal.post(path_of(one, "let-silence-count"), WHY), 409, "wrong_status")
    await one.legal.done("POST", path_of(one), WHY)
    assert_problem(await one.legal.post(path_of(one), WHY), 409, "wrong_status")


async def test_a_repeated_request_has_one_effect_and_one_answer(cast: Cast) -> None:
    one, key = cast.assisting, str(uuid4())
    first = await one.legal.post(path_of(one), WHY, key=key)
    second = await one.legal.post(path_of(one), WHY, key=key)
    assert (first.status_code, second.content) == (200, first.content)
