"""Entity tags, and no lost update between two editors."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from registry.platform.access.principals import Role
from registry.platform.http.catalogue import PROBLEMS
from registry.platform.http.requests import expected_version
from registry.platform.kernel.versions import Tags
from tests.support.cast import Cast
from tests.support.length import at_length
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

ROUNDS = at_length(50, 300, 1_000)


async def read(editor: Caller, path: str) -> tuple[int, str]:
    response = await editor.get(path)
    return response.json()["sworn"] or 0, response.headers["etag"]


async def raise_by_one(editor: Caller, path: str) -> int:
    """Add one to the count, reading again whenever the other editor was first; how often that was."""
    refused = 0
    while True:
        count, tag = await read(editor, path)
        response = await editor.patch(path, {"sworn": count + 1}, if_match=tag)
        if response.is_success:
            return refused
        assert_problem(response, 412, "stale_version")
        refused += 1


@pytest.mark.grows
async def test_two_editors_lose_no_update(cast: Cast) -> None:
    path = f"/v1/agencies/{cast.assisting.id}"

    async def edit(editor: Caller) -> int:
        return sum([await raise_by_one(editor, path) for _ in range(ROUNDS)])

    editors = [cast.assisting.as_(Role.AGENCY_ADMIN, subject=name) for name in ("one", "other")]
    refused = await asyncio.gather(*map(edit, editors))
    assert (await read(editors[0], path))[0] == 2 * ROUNDS
    assert sum(refused) > 0, "the two never met, so this proves nothing"


async def test_without_the_tag_the_same_edits_would_be_lost(cast: Cast) -> None:
    """The check on the check above: saying “any version” gives the protection away, and updates do get lost."""
    path, admin = f"/v1/agencies/{cast.assisting.id}", cast.assisting.admin
    seen = [await read(admin, path), await read(admin, path)]
    for count, _ in seen:
        await admin.done("PATCH", path, {"sworn": count + 1}, if_match="*")
    assert (await read(admin, path))[0] == 1


async def test_a_stale_edit_is_told_the_current_version(cast: Cast) -> None:
    path, admin = f"/v1/agencies/{cast.assisting.id}", cast.assisting.admin
    _, tag = await read(admin, path)
    await admin.done("PATCH", path, {"sworn": 5}, if_match=tag)
    problem = assert_problem(await admin.patch(path, {"sworn": 6}, if_match=tag), 412, "stale_version")
    assert problem["current_version"] == 3


async def test_the_contract_promises_the_headers_that_a_refusal_bears(service: Service, cast: Cast) -> None:
    """The tag of the present version is had by reading it: repeated unread, it would lose the other's change."""
    path, admin = f"/v1/agencies/{cast.assisting.id}", cast.assisting.admin
    refused = await admin.patch(path, {"sworn": 6}, if_match='"1-00000000"')
    promised = service.contract.document["components"]["responses"]["Stale"]["headers"]
    assert promised
    assert {name.lower() for name in promised} <= set(refused.headers)
    assert "header" not in PROBLEMS["stale_version"].do


@pytest.mark.parametrize(
    "lines",
    [
        ['"x", {tag}'],
        ['"x"', "{tag}"],
        ["{tag},"],
        [', ,{tag} , "1-00000000"'],
        ['W/"9-00000000", {tag}'],
        ['"a,b",{tag}'],
    ],
)
async def test_of_several_tags_one_that_matches_is_enough(cast: Cast, lines: list[str]) -> None:
    path, admin = f"/v1/agencies/{cast.assisting.id}", cast.assisting.admin
    _, tag = await read(admin, path)
    given = [("if-match", line.replace("{tag}", tag)) for line in lines]
    assert expected_version({"headers": [(name.encode(), value.encode()) for name, value in given]}) == Tags(
        frozenset({2} | ({1} if "1-00000000" in lines[0] else set())), weak="W/" in lines[0]
    )
    await admin.done("PATCH", path, {"sworn": 5}, if_match=", ".join(value for _, value in given))


async def test_a_weak_tag_matches_nothing_and_is_no_stale_version(cast: Cast) -> None:
    path, admin = f"/v1/agencies/{cast.assisting.id}", cast.assisting.admin
    _, tag = await read(admin, path)
    assert_problem(await admin.patch(path, {"sworn": 6}, if_match=f"W/{tag}"), 412, "weak_etag")
    both = f'W/{tag}, "1-00000000"'
    assert_problem(await admin.patch(path, {"sworn": 6}, if_match=both), 412, "stale_version")
    assert (await admin.patch(path, {"sworn": 6}, if_match=tag)).status_code == 200


@pytest.mark.parametrize("given", ["2-9f86d081", "2", ",", '"2-9f86d081', "*, *"])
async def test_what_is_no_tag_cannot_be_read(cast: Cast, given: str) -> None:
    path = f"/v1/agencies/{cast.assisting.id}"
    refused = assert_problem(await cast.assisting.admin.patch(path, {"sworn": 6}, if_match=given), 400, "malformed")
    assert refused["errors"][0]["parameter"] == "If-Match"


async def test_a_verb_honours_the_tag_it_is_sent(service: Service, cast: Cast) -> None:
    path = f"/v1/agencies/{cast.stranger.id}"
    stale = await service.operator.post(f"{path}/suspend", {"reason": "x"}, if_match='"1-00000000"')
    assert_problem(stale, 412, "stale_version")
    _, tag = await read(service.operator, path)
    assert (await service.operator.post(f"{path}/suspend", {"reason": "x"}, if_match=tag)).status_code == 200


async def not_modified(caller: Caller, path: str, given: str) -> httpx.Response:
    return await caller.get(path, headers={"if-none-match": given})


@pytest.mark.parametrize("form", ["{tag}", "W/{tag}", '"x", {tag}', "*", '"1-00000000",{tag}'])
async def test_what_the_caller_has_is_not_sent_again(cast: Cast, form: str) -> None:
    path = f"/v1/agencies/{cast.assisting.id}"
    _, tag = await read(cast.assisting.admin, path)
    response = await not_modified(cast.assisting.admin, path, form.replace("{tag}", tag))
    assert response.status_code == 304
    assert response.content == b""
    assert response.headers["etag"] == tag


async def test_what_the_caller_may_do_is_part_of_the_tag_for_reading(service: Service, cast: Cast) -> None:
    """Two callers see different allowed actions: one's copy is not the other's."""
    path = f"/v1/agencies/{cast.assisting.id}"
    _, mine = await read(cast.assisting.admin, path)
    _, theirs = await read(service.operator, path)
    assert mine != theirs
    assert mine.split("-")[0] == theirs.split("-")[0]
    assert (await not_modified(service.operator, path, mine)).status_code == 200


async def test_a_change_makes_the_old_copy_worthless(cast: Cast) -> None:
    path, admin = f"/v1/agencies/{cast.assisting.id}", cast.assisting.admin
    _, tag = await read(admin, path)
    await admin.done("PATCH", path, {"sworn": 1}, if_match=tag)
    assert (await not_modified(admin, path, tag)).status_code == 200


async def test_answers_are_private_and_never_shared_between_callers(cast: Cast) -> None:
    response = await cast.assisting.admin.get(f"/v1/agencies/{cast.assisting.id}")
    assert response.headers["cache-control"] == "private, no-cache"
    assert response.headers["vary"] == "Authorization"
    missing = await cast.assisting.admin.get(f"/v1/agencies/{uuid4()}")
    assert missing.headers["cache-control"] == "no-store"
