"""What the custodian drafts in private moves nothing that the other parties read, and no tag is given out twice."""

import asyncio
from typing import Any

from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"


async def under_amendment(service: Service, cast: Cast) -> str:
    """The path of an agreement of which the custodian has begun to draft an amendment."""
    found = await sign_agreement(service, cast.assisting, cast.requesting)
    opened = {"effective_on": str(today()), "reason": "longer"}
    await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/amend", opened)
    return f"{PATH}/{found['id']}"


async def read(agency: Agency, path: str) -> dict[str, Any]:
    """All that moves with the agreement as the agency reads it."""
    found: dict[str, Any] = {}
    for name in ("", "/versions/1", "/timeline"):
        response = await agency.legal.get(f"{path}{name}")
        found[f"tag of {name}"] = response.headers["etag"]
    now = (await agency.legal.get(path)).json()
    found |= {name: now[name] for name in ("version", "updated_at")}
    ids = f"ids={now['id']}"
    (row,) = (await agency.legal.done("GET", f"{PATH}?{ids}"))["items"]
    found |= {f"listed {name}": row[name] for name in ("version", "updated_at")}
    return found


async def changed_since(agency: Agency, path: str, instant: str) -> bool:
    """Whether a copy that is kept up to date takes the agreement up again."""
    page = await agency.legal.done("GET", f"{PATH}?updated_from={instant}&sort=updated_at&ids={path.split('/')[-1]}")
    return bool(page["items"])


async def save(agency: Agency, path: str, **change: Any) -> None:
    etag = (await agency.legal.get(path)).headers["etag"]
    await agency.legal.done("PATCH", path, change, if_match=etag)


async def test_the_other_party_reads_nothing_of_a_draft_and_its_custodian_does(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two)
    path = f"{PATH}/{found['id']}"
    before, own_before = await read(two, path), await read(one, path)
    await one.legal.done("POST", f"{path}/amend", {"effective_on": str(today()), "reason": "longer"})
    for n in range(3):
        await save(one, path, title=f"Longer {n} (demo)")
    assert await read(two, path) == before
    own = await read(one, path)
    assert own["version"] == own["listed version"] == own_before["version"] + 4
    assert own["updated_at"] == own["listed updated_at"] > own_before["updated_at"]
    assert await changed_since(one, path, own["updated_at"])
    assert not await changed_since(two, path, own["updated_at"])
    await one.legal.done("POST", f"{path}/withdraw", {"version_no": 2, "reason": "not now"})
    assert await read(two, path) == before, "what was never put to it is withdrawn without a sign, too"


async def test_what_is_put_to_the_other_party_moves_what_it_reads(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    path = await under_amendment(service, cast)
    before = await read(two, path)
    await save(one, path, title="Longer (demo)")
    await one.legal.done("POST", f"{path}/submit", {})
    after = await read(two, path)
    assert after["version"] == before["version"] + 1, "and by no more than what it reads of"
    assert after["updated_at"] > before["updated_at"]
    assert await changed_since(two, path, after["updated_at"])


async def test_what_a_save_changes_of_the_agreement_itself_moves_it_for_all(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    path = await under_amendment(service, cast)
    before = await read(two, path)
    await save(one, path, review_every_months=24)
    assert (await two.legal.done("GET", path))["review_every_months"] == 24
    assert (await read(two, path))["version"] == before["version"] + 1


async def test_each_side_acts_on_what_it_read(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    path = await under_amendment(service, cast)
    theirs = (await two.legal.get(path)).headers["etag"]
    mine = (await one.legal.get(path)).headers["etag"]
    await save(one, path, title="Longer (demo)")
    hold = {"authority": "Subpoena 1 (demo)", "reason": "a suit"}
    placed = await two.legal.post(f"{path}/place-hold", hold, if_match=theirs)
    assert placed.status_code == 200, "a draft that it knows nothing of is no reason to read again"
    assert_problem(await one.legal.patch(path, {"title": "Other"}, if_match=mine), 412, "stale_version")
    again = await two.legal.post(f"{path}/place-hold", hold, if_match=theirs)
    assert_problem(again, 412, "stale_version")
    history = await one.auditor.done("GET", f"{path}/history?sort=version&limit=200")
    versions = [each["subject"]["version"] for each in history["items"]]
    assert versions == sorted(versions), "the ledger counts whatever happens"


async def test_of_two_saves_at_once_one_is_refused(service: Service, cast: Cast) -> None:
    path = await under_amendment(service, cast)
    etag = (await cast.assisting.legal.get(path)).headers["etag"]
    answers = await asyncio.gather(
        *(cast.assisting.legal.patch(path, {"title": f"Title {n}"}, if_match=etag) for n in range(4))
    )
    assert sorted(each.status_code for each in answers) == [200, 412, 412, 412]


async def test_no_tag_comes_again_when_the_file_passes_to_another_agency(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    path = await under_amendment(service, cast)
    tags = [(await one.legal.get(path)).headers["etag"]]
    for n in range(4):
        await save(one, path, title=f"Longer {n} (demo)")
        tags.append((await one.legal.get(path)).headers["etag"])
    await one.legal.done("POST", f"{path}/withdraw", {"version_no": 2, "reason": "not now"})
    await one.legal.done("POST", f"{path}/offer-custody", {"agency_id": str(two.id), "reason": "yours"})
    highest = (await one.legal.done("GET", path))["version"]
    await two.legal.done("POST", f"{path}/accept-custody", {"reason": "ours"})
    hold = {"authority": "Subpoena 1 (demo)", "reason": "a suit"}
    for agency in (one, two):
        assert (await agency.legal.done("GET", path))["version"] > highest
        for tag in tags:
            assert_problem(await agency.legal.post(f"{path}/place-hold", hold, if_match=tag), 412, "stale_version")
