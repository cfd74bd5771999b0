"""The version, the ETag and `updated_at` that others than the parties read move with what they are shown, and only so.

Every operation of the contract that changes something is tried on published agreements by the parties' people, with the
bodies of the consent walk. A stranger reads before and after. What it may read is the same: then not a byte and no
header of any answer changes, nor the place in a list by update. It is another: then the version and the ETag are too.
"""

import random
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from uuid import UUID
from zipfile import ZipFile

import httpx
import pytest

from registry.agreements.instruments.tables import agreement
from registry.platform.database.connect import unit_of_work
from tests.support.cast import Cast, make_cast, today
from tests.support.consent_walk import callers, send
from tests.support.consent_walk_bodies import PATH, Walk, unsafe
from tests.support.consent_walk_states import STATES, bound_agreement, successors_of
from tests.support.length import at_length
from tests.support.service import Service

CHANGES = ("version", "updated_at")
MADE_AT = ("manifest.json", "index.pdf")
ALSO_IN = ("an amendment out", "a letter reported", "its end proposed", "a document to be published")
"""Other states, in which an act does something else."""


async def hits(walk: Walk, title: str) -> list[dict[str, Any]]:
    """Where a stranger finds the agreement by the words of its title, its text and what is filed with it."""
    found = []
    for words in (title, "agreement", "help*"):
        asked = httpx.QueryParams(q=words, party_id=str(walk.cast.assisting.id), limit=200)
        page = await walk.cast.stranger.legal.done("GET", f"{PATH}/search?{asked}")
        found += [each for each in page["items"] if each["agreement_id"] == walk.found["id"]]
    return found


async def public_file(walk: Walk) -> dict[str, bytes]:
    """The parts of the public file, without those that bear the instant at which it was made; none where there is none.

    That costs a second: what asks for many files asks for them at length.
    """
    answer = await walk.cast.stranger.legal.get(f"{PATH}/{walk.found['id']}/public-file.zip")
    if answer.status_code == 409:
        return {}
    archive = ZipFile(BytesIO(answer.content))
    return {name: archive.read(name) for name in archive.namelist() if name not in MADE_AT}


async def told(walk: Walk, *, filed: bool = True) -> dict[str, Any]:
    """All that a stranger reads of the agreement, without the instant of the reading; its public file where `filed`."""
    who, found = walk.cast.stranger.legal, walk.found["id"]
    answer = await who.get(f"{PATH}/{found}")
    one = answer.json()
    (listed,) = (await who.done("GET", f"{PATH}?ids={found}"))["items"]
    since = (await who.done("GET", f"{PATH}?ids={found}&updated_from={one['updated_at']}"))["items"]
    timeline = await who.get(f"{PATH}/{found}/timeline")
    by_title = await who.done("GET", f"{PATH}?ids={found}&sort=-updated_at")
    return {
        "one": {name: value for name, value in one.items() if name not in ("as_of", *CHANGES)},
        "listed": {name: value for name, value in listed.items() if name not in CHANGES},
        "hits": await hits(walk, one["title"]),
        "file": await public_file(walk) if filed else {},
        "changes": [one[name] for name in CHANGES],
        "etag": answer.headers["etag"],
        "rest": [
            [listed[name] for name in CHANGES],
            [each["version"] for each in since],
            [each["updated_at"] for each in by_title["items"]],
            timeline.headers.get("etag"),
        ],
    }


def faults_of(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Where what tells of changes says another thing than what is shown."""
    shown = ("one", "listed", "hits", "file")
    if [before[name] for name in shown] == [after[name] for name in shown]:
        return [f"{name}: {before[name]} became {after[name]}" for name in before if before[name] != after[name]]
    unmoved = before["changes"][0] >= after["changes"][0] or before["etag"] == after["etag"]
    return ["what is shown changed, and the version did not"] if unmoved else []


async def is_shown(walk: Walk) -> bool:
    return (await walk.cast.stranger.legal.get(f"{PATH}/{walk.found['id']}")).is_success


async def fresh(service: Service, cast: Cast, state: str) -> Walk:
    parties = [cast.assisting, cast.requesting, cast.neighbour]
    found = await STATES[state](service, *parties)
    walk = Walk(service=service, cast=cast, parties=parties, found=found)
    await walk.refresh()
    return walk


@pytest.mark.grows
@pytest.mark.second_long
async def test_no_act_of_a_party_is_seen_by_who_may_not_read_it(service: Service) -> None:
    cast, operations = await make_cast(service), unsafe(service)
    chosen = [("bound", operation, caller) for operation in operations for caller in (0, 1)]
    more = [(state, operation, caller) for state in ALSO_IN for operation in operations for caller in (0, 1, 2)]
    chosen += random.Random(11).sample(more, at_length(0, 100, len(more)))  # which to try, no secret
    standing: dict[str, Walk] = {}
    filed = at_length(False, True, True)
    faults, unseen, seen = list[str](), set[str](), set[str]()
    for state, operation, caller in chosen:
        walk = standing.pop(state, None) or await fresh(service, cast, state)
        if operation == "supersede_agreement":
            walk.successors = await successors_of(service, cast, walk.parties)
        actor, who = callers(walk)[caller]
        before = await told(walk, filed=filed)
        if await send(walk, operation, operations[operation], who, actor):
            if await is_shown(walk):
                after = await told(walk, filed=filed)
                faults += [f"{operation} by {caller} on {state}: {each}" for each in faults_of(before, after)]
                (unseen if before["one"] == after["one"] else seen).add(operation)
        else:
            standing[state] = walk
    assert faults == []
    assert {"place_agreement_hold", "amend_agreement", "create_agreement_duty"} <= unseen
    assert {"suspend_agreement", "give_agreement_notice"} <= seen


async def test_what_is_said_of_an_amendment_is_not_seen(service: Service, cast: Cast) -> None:
    found = await bound_agreement(service, cast.assisting, cast.requesting)
    path, own = f"{PATH}/{found['id']}", cast.assisting.legal
    walk = Walk(service=service, cast=cast, parties=[cast.assisting, cast.requesting], found=found)
    before = await told(walk)
    drafted = await own.done("POST", f"{path}/amend", {"reason": "longer", "effective_on": str(today())})
    said = {"version_no": drafted["amendment"]["version_no"], "audience": "agency", "text": "Ask the mayor."}
    await own.done("POST", f"{path}/comments", said)
    await own.done("POST", f"{path}/submit")
    assert (await own.done("GET", path))["version"] > found["version"]
    assert await told(walk) == before


async def test_a_text_that_is_shown_anew_is_found_by_when_it_was_shown(service: Service, cast: Cast) -> None:
    found = await bound_agreement(service, cast.assisting, cast.requesting)
    path, stranger = f"{PATH}/{found['id']}", cast.stranger.legal
    first = await stranger.done("GET", path)
    word = {"version_no": found["version_no"]}
    await cast.assisting.signatory.done("POST", f"{path}/stop-publishing", {**word, "reason": "not yet"})
    assert (await stranger.get(path)).status_code == 404
    await cast.assisting.signatory.done("POST", f"{path}/agree-to-publish", word)
    again = await stranger.done("GET", path)
    assert again["version"] > first["version"]
    assert again["updated_at"] > first["updated_at"]
    since = await stranger.done("GET", f"{PATH}?ids={found['id']}&updated_from={again['updated_at']}")
    assert [each["id"] for each in since["items"]] == [found["id"]]
    async with unit_of_work(service.database) as write:
        set_back = {"updated_at": datetime.fromisoformat(first["updated_at"]) - timedelta(hours=1)}
        await write.run(agreement.update().where(agreement.c.id == UUID(found["id"])).values(set_back))
    since = await stranger.done("GET", f"{PATH}?ids={found['id']}&updated_from={again['updated_at']}")
    assert [each["id"] for each in since["items"]] == [found["id"]], "whatever the clock did to the parties' own"
