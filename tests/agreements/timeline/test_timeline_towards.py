"""To whom each version binds a party, and when: who was bound to whom, by which text, on which day."""

import csv
from io import StringIO
from itertools import combinations
from typing import Any
from uuid import UUID

import pytest

from registry.agreements.timeline.rules import NAMED_AT_MOST, bound_together, bound_towards
from tests.agreements.dossier.test_agreement_file import unpacked
from tests.agreements.instruments.test_late_entries import amended_on_paper, remarks_of
from tests.agreements.timeline.test_timeline import VAULT, of, timeline
from tests.agreements.timeline.test_timeline_rules import ONE, OTHER, THIRD, day, window
from tests.support.agreements import confirm_agreement, record_agreement
from tests.support.cast import Agency, Cast
from tests.support.consent import agree_to_days
from tests.support.html import HtmlPage

pytestmark = pytest.mark.second_long


def bound_on(read: dict[str, Any], on: str) -> set[tuple[str, str, int]]:
    """By the timeline alone: who is bound to whom on that day, and by which version."""
    return {
        (party["agency"]["id"], other, each["version_no"])
        for party in read["parties"]
        for each in party["windows"]
        for towards in each["towards"]
        for other in towards["agency_ids"]
        if towards["first_on"] <= on <= (towards["last_on"] or on)
    }


def pairs(*found: tuple[Agency, Agency, int]) -> set[tuple[str, str, int]]:
    """Each pair from both sides."""
    return {side for a, b, no in found for side in ((str(a.id), str(b.id), no), (str(b.id), str(a.id), no))}


async def amended_by_two(cast: Cast) -> dict[str, Any]:
    """Three parties, the third since June; two of them signed an amendment of 2026, and then one of July 2025."""
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await record_agreement(one, two, three)
    await confirm_agreement(found, two)
    await confirm_agreement(found, three, "2025-06-01", evidence_location="The vault (demo)")
    await amended_on_paper(found, one, two, effective_on="2026-01-01")
    return await amended_on_paper(found, one, two, effective_on="2025-07-01")


async def test_who_was_bound_to_whom_by_which_text_on_a_day_is_read_from_the_timeline(cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await amended_by_two(cast)
    read = await timeline(three.legal, found)
    others = (one, three, 1), (two, three, 1)
    assert bound_on(read, "2025-05-31") == pairs((one, two, 1))
    assert bound_on(read, "2025-06-15") == pairs((one, two, 1), *others)
    assert bound_on(read, "2025-07-01") == bound_on(read, "2025-12-31") == pairs((one, two, 3), *others)
    assert bound_on(read, "2026-01-01") == pairs((one, two, 2), *others), "towards the third the original goes on"
    assert (
        "it is the text from 2025-07-01 through 2025-12-31 among those who signed both"
        in remarks_of(found)["placed_before"]
    ), "to the third it never was"


async def test_the_file_says_towards_whom_as_a_page_and_as_a_table(cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    parts = await unpacked(one.legal, (await amended_by_two(cast))["id"])
    original = f"{two.name} (from 2025-01-01 through 2025-06-30); {three.name} (from 2025-06-01)"
    rows = list(csv.DictReader(StringIO(parts["timeline.csv"].decode())))
    assert [(row["version_no"], row["towards"]) for row in rows if row["party"] == one.name] == [
        *(("1", original), ("3", two.name), ("2", two.name))
    ]
    page = HtmlPage(parts["index.html"].decode())
    said = {each.text for each in page.all("bdi")}
    assert original in said
    assert {one.name, two.name} <= {name for each in said for name in each.split(", ")}, "as the third is told"


async def test_others_than_the_parties_are_not_told_towards_whom(cast: Cast) -> None:
    """It would tell them of a text that they do not read."""
    read = await timeline(cast.stranger.legal, await amended_by_two(cast))
    assert {each["towards"] for party in read["parties"] for each in party["windows"]} == {None}
    assert of(read, cast.assisting)["windows"][0]["first_on"] == "2025-01-01"


async def test_between_the_texts_of_some_the_original_goes_on_with_the_others(cast: Cast) -> None:
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await record_agreement(one, two, three)
    for party in (two, three):
        await confirm_agreement(found, party)
    await amended_on_paper(found, one, two, effective_on="2025-03-01", expires_on="2025-04-30")
    seen = await amended_on_paper(found, one, two, effective_on="2025-07-01", expires_on="2099-12-31")
    assert "gap" not in remarks_of(seen), "some are bound in between"
    read = await timeline(one.legal, found)
    assert bound_on(read, "2025-06-01") == pairs((one, three, 1), (two, three, 1))


def test_towards_is_by_the_same_rule_as_the_windows() -> None:
    both = [window(0, 5), window(5, None, amended=1), window(5, None, 2)]
    parties = {ONE: both, OTHER: both, THIRD: [window(3, 9)]}
    found = bound_towards(parties, bound_together(parties))

    def told(party: UUID) -> list[list[tuple[Any, ...]]]:
        return [[(each.start, each.end, each.agency_ids) for each in those] for those in found[party]]

    assert told(ONE) == [[(day(0), day(5), (OTHER,)), (day(3), day(9), (THIRD,))], [(day(5), None, (OTHER,))]]
    assert told(THIRD) == [[(day(3), day(9), (ONE, OTHER))]]


def test_of_many_the_others_are_named_where_not_all_are_meant_and_only_there() -> None:
    many = {UUID(int=no): [window(no, None)] for no in range(NAMED_AT_MOST + 2)}
    bound = bound_together(many)
    found = bound_towards(many, bound)
    for party, (stretch,) in found.items():
        assert [each.agency_ids for each in stretch] == [None], "all others that the version binds then"
        assert (stretch[0].start, stretch[0].end) == (bound[party][0].start, None)
    one, other = UUID(int=0), UUID(int=1)
    later = {each: [window(0, 50), window(50, None, amended=1), window(50, None, 2)] for each in (one, other)}
    named = bound_towards(many | later, bound_together(many | later))
    assert {other, one} & {each for stretch in named[one] for its in stretch for each in its.agency_ids or ()} == {
        other
    }
    for a, b in combinations(many, 2):
        assert any(b in (each.agency_ids or ()) for stretch in named[a] for each in stretch)


async def test_a_text_takes_the_place_of_what_those_who_signed_it_had_in_common(cast: Cast) -> None:
    """The second binds one pair and the third another: the third takes the place of the first, and of nothing else."""
    one, two, three = cast.assisting, cast.requesting, cast.neighbour
    found = await record_agreement(one, two, three)
    for party in (two, three):
        await confirm_agreement(found, party)
    await amended_on_paper(found, one, three, effective_on="2025-07-01")
    await amended_on_paper(found, one, two, effective_on="2026-01-01")
    read = await timeline(two.legal, found)
    assert [each["detail"] for each in read["acts"] if each["kind"] == "text_replaced"] == [
        "Version 2 took the place of 1 from 2025-07-01 on, among those who signed it.",
        "Version 3 took the place of 1 from 2026-01-01 on, among those who signed it.",
    ]
    parts = await unpacked(one.legal, found["id"])
    redlines = {path for path in parts if path.startswith("redlines/")}
    assert {"redlines/001-002.html", "redlines/001-003.html", "redlines/002-003.html"} == redlines
    third = await three.legal.done("GET", f"/v1/agreements/{found['id']}/versions/3")
    hand = {"signatory_title": "Sheriff", "signed_on": "2026-01-01", "version_sha256": third["sha256"], **VAULT}
    await three.legal.done("POST", f"/v1/agreements/{found['id']}/confirm", hand)
    await agree_to_days(found, one, two)
    again = await timeline(two.legal, found)
    assert [each["detail"] for each in again["acts"] if each["kind"] == "text_replaced"][1:] == [
        f"Version 3 took the place of {no} from 2026-01-01 on, between those to whom that was the latest that both had "
        "signed."
        for no in (1, 2)
    ]
