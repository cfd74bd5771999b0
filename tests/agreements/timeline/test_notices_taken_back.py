"""A notice that was given and taken back binds nobody, and still belongs to the history of who said what."""

from datetime import timedelta
from typing import Any

import pytest

from tests.agreements.instruments.reporting import DAY, answer, give, letter, second_operator
from tests.agreements.timeline.test_timeline import of, timeline, told_of
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.documents import file_document
from tests.support.service import Service

PATH = "/v1/agreements"
WHY = {"reason": "we stay"}


async def rescind(party: Agency, found: dict[str, Any]) -> None:
    await party.legal.done("POST", f"{PATH}/{found['id']}/rescind-notice", WHY)


async def test_both_acts_are_told_with_their_days_and_neither_changes_a_window(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, notice={"days": 90})
    before = of(await timeline(one.legal, found), two)
    paper = {"notice_on": str(today()), "reason": "we leave", "evidence_location": "The vault (demo)"}
    await two.legal.done("POST", f"{PATH}/{found['id']}/give-notice", paper)
    await rescind(two, found)
    read = await timeline(one.legal, found)
    assert of(read, two) == {**before, "windows": of(read, two)["windows"]}
    assert of(read, two)["windows"][0]["ends_by"] == []
    (notice,), (back,) = told_of(read, "gave_notice"), told_of(read, "notice_taken_back")
    assert notice["detail"] == (
        f"{two.name} gave notice of withdrawal of {today()}, recorded here on {today()}. It was taken back on "
        f"{today()}, and counts no more."
    )
    assert back["detail"] == f"{two.name} took its notice of {today()} back on {today()}."
    assert (notice["status"], notice["basis"], notice["acted_on"]) == ("taken_back", "own", str(today()))
    assert notice["evidence"]["location"] == "The vault (demo)"
    assert notice["counts_from"] is back["counts_from"] is None
    assert notice["act_no"] < back["act_no"]

    await give(two, found, today())
    again = {each["status"]: each["counts_from"] for each in told_of(await timeline(one.legal, found), "gave_notice")}
    assert again.keys() == {"taken_back", None}, "the one that stands is another"
    assert (again["taken_back"], again[None] is None) == (None, False)


@pytest.mark.parametrize("way", ["rescind-notice", "take-back"])
async def test_one_that_waited_for_the_others_is_told_however_it_was_taken_back(
    service: Service, cast: Cast, way: str
) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, notice={"days": 90})
    said = await give(two, found, today() - 60 * DAY)
    path = f"{PATH}/{found['id']}"
    its = f"{path}/{way}" if way == "rescind-notice" else f"{path}/proposals/{said['proposals'][0]['id']}/{way}"
    await two.legal.done("POST", its, WHY)
    read = await timeline(one.legal, found)
    (notice,), (back,), (put,) = [told_of(read, kind) for kind in ("gave_notice", "notice_taken_back", "departure")]
    assert (notice["acted_on"], back["acted_on"]) == (str(today() - timedelta(days=60)), str(today()))
    assert {notice["status"], put["status"]} == {"taken_back"}
    assert put["counts_from"] is None


async def test_one_that_another_had_reported_is_told_once_and_as_taken_back(service: Service, cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, two, three, notice={"days": 90})
    path = f"{PATH}/{found['id']}"
    # By none of the parties: one that had reported it would rely on it.
    filed = await file_document(service.operator, found["id"], "The letter (demo)")
    said = {**letter(two, today() - 30 * DAY), "evidence_sha256": filed["sha256"]}
    told = await service.operator.done("POST", f"{path}/report-act", said)
    (its,) = (each for each in told["reported_acts"] if each["agency"]["id"] == str(two.id))
    told = await second_operator(service).done("POST", f"{path}/reported-acts/{its['id']}/second")
    await answer(two, found, told, "confirm")
    await rescind(two, found)
    read = await timeline(three.legal, found)
    (notice,), (back,) = told_of(read, "gave_notice"), told_of(read, "notice_taken_back")
    assert notice["detail"] == (
        f"{two.name} gave notice of withdrawal of {today() - 30 * DAY}. Registry operator reported it; {two.name} "
        f"confirmed it. It was taken back on {today()}, and counts no more."
    )
    assert (notice["status"], notice["counts_from"], notice["basis"]) == ("taken_back", None, "own")
    assert notice["reported_act_id"] is not None
    assert back["detail"] == f"{two.name} took its notice of {today() - 30 * DAY} back on {today()}."
    assert all(each["counts_from"] is None for each in told_of(read, "departure"))
    assert [each["end"] for each in of(read, two)["windows"]] == [None]


async def test_others_than_the_parties_hear_of_neither(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 90})
    await give(cast.requesting, found, today())
    await rescind(cast.requesting, found)
    read = await timeline(cast.stranger.legal, found)
    assert told_of(read, "gave_notice") == told_of(read, "notice_taken_back") == []
