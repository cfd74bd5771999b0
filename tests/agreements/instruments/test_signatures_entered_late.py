"""A signature to a change that is entered after its party has left, or before it is a party: it counts from its day."""

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from registry.platform.kernel.time import day_starts_at
from tests.agreements.instruments.reporting import report
from tests.agreements.instruments.test_in_force import CHICAGO, TICK, in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import confirm_agreement, record_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import agree_to_days, left_long_ago
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
AMENDED = day_starts_at(date(2018, 3, 1), ZoneInfo(CHICAGO))


async def of_three(cast: Cast) -> dict[str, Any]:
    """A paper of 2014 that three agencies signed."""
    original: dict[str, Any] = {"effective_on": "2014-01-01", "signed_on": "2014-01-01"}
    found = await record_agreement(cast.assisting, cast.requesting, cast.neighbour, **original)
    for party in (cast.requesting, cast.neighbour):
        found = await confirm_agreement(found, party, "2014-01-01")
    return found


async def amendment_of_2018(cast: Cast, found: dict[str, Any]) -> str:
    """The hash of an amendment of 2018 that the custodian has signed; it waits for the word of another."""
    shown = await amended_on_paper(found, cast.assisting, effective_on="2018-03-01")
    digest: str = shown["amendment"]["version_sha256"]
    return digest


def hand(digest: str, signed_on: str = "2018-03-01") -> dict[str, Any]:
    paper = {"version_sha256": digest, "signatory_title": "Sheriff", "signed_on": signed_on}
    return {**paper, "evidence_location": "County clerk's vault (demo)"}


async def versions_between(one: Agency, other: Agency, at: datetime) -> list[int]:
    return [each["version_no"] for each in await in_force(one, other, at)]


@pytest.mark.parametrize("left_first", [False, True])
async def test_who_has_left_confirms_what_it_had_signed_before_and_it_is_the_same_whichever_is_entered_first(
    service: Service, cast: Cast, left_first: bool
) -> None:
    found = await of_three(cast)
    path = f"{PATH}/{found['id']}"
    if left_first:
        await left_long_ago(service, cast.requesting, found)
    digest = await amendment_of_2018(cast, found)
    seen = await cast.requesting.legal.done("GET", path)
    assert {each["action"]: each["allowed"] for each in seen["allowed_actions"]}["confirm"]
    await cast.requesting.legal.done("POST", f"{path}/confirm", hand(digest))
    await agree_to_days(found, cast.assisting)
    if not left_first:
        await left_long_ago(service, cast.requesting, found)
    for at, no in ((AMENDED - TICK, 1), (AMENDED, 2)):
        assert await versions_between(cast.requesting, cast.assisting, at) == [no]
        assert await versions_between(cast.requesting, cast.neighbour, at) == [1]


async def test_what_another_signed_before_it_left_is_reported_afterwards(service: Service, cast: Cast) -> None:
    found = await of_three(cast)
    await left_long_ago(service, cast.requesting, found)
    said = {"agency_id": str(cast.requesting.id), "kind": "signed", "acted_on": "2018-03-01", "reason": "a copy"}
    said |= {"version_sha256": await amendment_of_2018(cast, found), "signatory_title": "Sheriff"}
    _, its_report = await report(cast.assisting, found, said)
    await cast.requesting.legal.done("POST", f"{its_report}/confirm")
    assert await versions_between(cast.requesting, cast.assisting, AMENDED) == [2]


async def test_of_a_day_after_it_left_there_is_no_signature_to_enter(service: Service, cast: Cast) -> None:
    found = await of_three(cast)
    await left_long_ago(service, cast.requesting, found)
    path, digest = f"{PATH}/{found['id']}", await amendment_of_2018(cast, found)
    late = str(today())
    assert_problem(await cast.requesting.legal.post(f"{path}/confirm", hand(digest, late)), 409, "wrong_status")
    for of_text in (digest, found["version_sha256"]):
        said = {"agency_id": str(cast.requesting.id), "kind": "signed", "acted_on": late, "reason": "a copy"}
        said |= {"version_sha256": of_text, "signatory_title": "Sheriff", "evidence_sha256": "ab" * 32}
        refused = await cast.assisting.legal.post(f"{path}/report-act", said)
        assert_problem(refused, 409, "wrong_status" if of_text == digest else "already_signed")


async def test_who_had_left_before_a_text_began_signs_and_reads_nothing_of_it(service: Service, cast: Cast) -> None:
    found = await of_three(cast)
    await left_long_ago(service, cast.requesting, found)
    secret = {
        "number": "9",
        "heading": "liability",
        "text": "Kept among us.",
        "sensitivity": "restricted",
        "exemption": "Minn. Stat. 13.82 (demo)",
    }
    shown = await amended_on_paper(
        found,
        cast.assisting,
        cast.neighbour,
        effective_on=str(today()),
        provisions=[secret],
        terms={"categories": ["any"]},
    )
    path, digest = f"{PATH}/{found['id']}", shown["version_sha256"]
    for day in ("1999-01-01", "2018-03-01"):
        refused = await cast.requesting.legal.post(f"{path}/confirm", hand(digest, day))
        assert "had left before that text began" in assert_problem(refused, 409, "wrong_status")["detail"]
        said = {"agency_id": str(cast.requesting.id), "kind": "signed", "acted_on": day, "reason": "a copy"}
        said |= {"version_sha256": digest, "signatory_title": "Sheriff", "evidence_sha256": "ab" * 32}
        assert_problem(await cast.assisting.legal.post(f"{path}/report-act", said), 409, "wrong_status")
    seen = await cast.requesting.legal.done("GET", path)
    assert not {each["action"]: each["allowed"] for each in seen["allowed_actions"]}["confirm"]
    assert "Kept among us." not in str(await cast.requesting.legal.done("GET", f"{path}/versions/2"))


@pytest.mark.parametrize("by", ["itself", "another"])
async def test_who_signed_a_change_is_bound_by_it_before_anybody_says_that_it_signed_the_original(
    service: Service, cast: Cast, by: str
) -> None:
    original: dict[str, Any] = {"effective_on": "2014-01-01", "signed_on": "2014-01-01"}
    found = await record_agreement(cast.assisting, cast.requesting, cast.neighbour, **original)
    path, digest = f"{PATH}/{found['id']}", await amendment_of_2018(cast, found)
    if by == "itself":
        shown = await cast.requesting.legal.done("POST", f"{path}/confirm", hand(digest))
        shown = await agree_to_days(shown, cast.assisting)
    else:
        said = {"agency_id": str(cast.requesting.id), "kind": "signed", "acted_on": "2018-03-01", "reason": "a copy"}
        said |= {"version_sha256": digest, "signatory_title": "Sheriff"}
        reported, its_report = await report(cast.assisting, found, said)
        assert not reported["parties"][1]["bound"], "not by what another says"
        shown = await cast.requesting.legal.done("POST", f"{its_report}/confirm")
    assert datetime.fromisoformat(shown["parties"][1]["joined_at"]) == AMENDED
    assert [await versions_between(cast.requesting, cast.assisting, at) for at in (AMENDED - TICK, AMENDED)] == [
        [],
        [2],
    ]
    await confirm_agreement(found, cast.requesting, "2014-01-01")
    assert await versions_between(cast.requesting, cast.assisting, AMENDED - TICK) == [1]
    assert await versions_between(cast.requesting, cast.assisting, AMENDED) == [2]


async def test_a_signature_to_a_change_that_is_withdrawn_makes_nobody_a_party(cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting, cast.neighbour, effective_on="2014-01-01")
    path = f"{PATH}/{found['id']}"
    # The custodian itself has signed the original alone: the paper waits for two hands of its own.
    body: dict[str, Any] = {"effective_on": "2018-03-01", "service": cast.assisting}
    shown = await amended_on_paper(found, cast.requesting, **body)
    assert shown["parties"][1]["joined_at"] is None
    await cast.assisting.legal.done("POST", f"{path}/withdraw", {"reason": "entered by mistake"})
    again = await cast.requesting.legal.done("GET", path)
    assert [each["joined_at"] is not None for each in again["parties"]] == [True, False, False]


async def test_that_another_signed_the_original_is_reported_whatever_changed_it_since(
    service: Service, cast: Cast
) -> None:
    original: dict[str, Any] = {"effective_on": "2014-01-01", "signed_on": "2014-01-01"}
    found = await record_agreement(cast.assisting, cast.requesting, cast.neighbour, **original)
    await confirm_agreement(found, cast.requesting, "2014-01-01")
    await amended_on_paper(found, cast.assisting, cast.requesting, effective_on="2018-03-01")
    said = {"agency_id": str(cast.neighbour.id), "kind": "signed", "acted_on": "2014-01-01", "reason": "a copy"}
    said |= {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff"}
    _, its_report = await report(cast.assisting, found, said)
    await cast.neighbour.legal.done("POST", f"{its_report}/confirm")
    assert await versions_between(cast.neighbour, cast.requesting, AMENDED) == []
    await agree_to_days(found, cast.requesting)
    assert await versions_between(cast.neighbour, cast.requesting, AMENDED) == [1], "who did not report it agrees"


async def test_a_paper_counts_from_its_day_whether_it_is_signed_or_confirmed(cast: Cast) -> None:
    for verb, manner in (("sign", {"manner": "wet"}), ("confirm", {})):
        found = await record_agreement(cast.assisting, cast.requesting)
        body = {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff", "signed_on": "2025-03-01"}
        await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/{verb}", {**body, **manner})
        its = (await agree_to_days(found, cast.assisting))["parties"][1]
        assert its["joined_at"] == its["signature"]["counts_from"] == "2025-03-01T06:00:00Z", verb
        for day, bound in (("2025-02-20", False), ("2025-03-02", True)):
            then = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}?as_of={day}T12:00:00Z")
            assert then["parties"][1]["bound"] is bound, (verb, day)


async def test_a_paper_of_today_counts_from_its_recording(cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting)
    wet = {"manner": "wet", "signed_on": str(today()), "signatory_title": "Sheriff"}
    wet["version_sha256"] = found["version_sha256"]
    done = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/sign", wet)
    its = done["parties"][1]
    assert its["joined_at"] == its["signature"]["counts_from"] == its["signature"]["recorded_at"]


async def test_who_has_left_signs_no_paper_of_an_earlier_day_but_confirms_it(service: Service, cast: Cast) -> None:
    found = await of_three(cast)
    await left_long_ago(service, cast.requesting, found)
    paper, path = hand(await amendment_of_2018(cast, found)), f"{PATH}/{found['id']}"
    assert_problem(await cast.requesting.legal.post(f"{path}/sign", {**paper, "manner": "wet"}), 409, "wrong_status")
    await cast.requesting.legal.done("POST", f"{path}/confirm", paper)
