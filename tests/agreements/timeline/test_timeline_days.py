"""The day of an act is the day where its agency is, and what begins by it begins no sooner."""

import csv
from io import StringIO
from typing import Any

import pytest

from registry.directory.agencies.tables import agency
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import civil_day, utc_now
from tests.agreements.dossier.test_agreement_file import unpacked
from tests.agreements.instruments.reporting import report
from tests.agreements.instruments.test_late_entries import remarks_of
from tests.agreements.timeline.test_timeline import PATH, lines, of, signature, timeline, told_of
from tests.support.agreements import confirm_agreement, confirm_alone, record_agreement
from tests.support.cast import ZONE, Agency, Cast
from tests.support.html import HtmlPage
from tests.support.service import Service

pytestmark = pytest.mark.second_long

EAST, WEST = "Pacific/Guam", "Pacific/Honolulu"


async def move(party: Agency, zone: str) -> None:
    """The agency's clocks from now on."""
    async with unit_of_work(party.service.database) as write:
        await write.run(agency.update().where(agency.c.id == party.id).values(time_zone=zone))


async def signed_in_the_east(cast: Cast) -> dict[str, Any]:
    """Of 2 March in Guam, which begins on 1 March in Chicago."""
    await move(cast.requesting, EAST)
    paper = await record_agreement(cast.assisting, cast.requesting)
    return await confirm_agreement(paper, cast.requesting, "2025-03-02", evidence_location="The vault (demo)")


async def test_nothing_begins_before_the_own_day_of_the_signature_by_which_it_does(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await signed_in_the_east(cast)
    for reader in (one, two):
        read = await timeline(reader.legal, found)
        assert [each["first_on"] for party in read["parties"] for each in party["windows"]] == ["2025-03-02"] * 2
    (window,) = of(read, one)["windows"]
    assert window["start"] == "2025-03-01T14:00:00Z", "the instant is what it is"
    assert [each["first_on"] for each in window["towards"]] == ["2025-03-02"]
    (signed,) = [each for each in told_of(read, "signed") if each["agency"]["id"] == str(two.id)]
    assert (signed["acted_on"], signed["counts_on"]) == ("2025-03-02", "2025-03-02")
    outside = await timeline(cast.stranger.legal, found)
    assert lines(outside, one)[0][1] == "2025-03-02", "nor for others"
    seen = await one.legal.done("GET", f"{PATH}/{found['id']}")
    assert "It binds from 2025-03-02" in remarks_of(seen)["reaches_back"]
    parts = await unpacked(one.legal, found["id"])
    assert {row["first_on"] for row in csv.DictReader(StringIO(parts["timeline.csv"].decode()))} == {"2025-03-02"}
    assert "2025-03-01" not in HtmlPage(parts["index.html"].decode()).one("main").text


async def test_west_of_the_agreement_the_day_is_the_agreements(cast: Cast) -> None:
    await move(cast.requesting, WEST)
    paper = await record_agreement(cast.assisting, cast.requesting)
    found = await confirm_agreement(paper, cast.requesting, "2025-03-02")
    assert lines(await timeline(cast.assisting.legal, found), cast.assisting)[0][1] == "2025-03-02"


@pytest.mark.parametrize("zone", [EAST, WEST, "Pacific/Kiritimati"])
async def test_the_day_on_which_a_party_recorded_or_confirmed_is_its_own(
    service: Service, cast: Cast, zone: str
) -> None:
    one, two = cast.assisting, cast.requesting
    await move(two, zone)
    paper = await record_agreement(one, two)
    _, its = await report(one, paper, signature(two, paper, "2025-03-02"))
    here, there = (civil_day(utc_now(), each) for each in (ZONE, zone))
    pending = told_of(await timeline(two.legal, paper), "signed")[-1]
    assert pending["detail"].startswith(f"{one.name} reported on {here} that {two.name} signed on 2025-03-02")
    await two.legal.done("POST", f"{its}/confirm")
    confirmed = told_of(await timeline(one.legal, paper), "signed")[-1]
    assert f"{one.name} reported it" in confirmed["detail"]
    other = await record_agreement(one, two)
    await confirm_alone(other, two, "2025-03-02")
    (own,) = [
        each for each in told_of(await timeline(one.legal, other), "signed") if each["agency"]["id"] == str(two.id)
    ]
    assert own["detail"].startswith(f"{two.name} confirmed on {there} that it signed")
    parts = await unpacked(one.legal, other["id"])
    assert f"signed on paper on 2025-03-02, entered here on {there}" in parts["verify.txt"].decode()
    seen = await one.legal.done("GET", f"{PATH}/{other['id']}")
    assert f"its confirmation of {there} that it signed" in remarks_of(seen)["evidence_not_named"]
