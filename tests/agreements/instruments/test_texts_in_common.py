"""Who is bound to whom by which text, where some parties have signed a text and others have not.

Two parties are bound to each other by the latest text that both have signed, whenever what was entered.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import combinations, permutations
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from registry.agreements.instruments.commands.holding import settle_all_due
from registry.agreements.instruments.held_texts import latest_in_common
from registry.agreements.instruments.histories import AgreementDates, AmendedText, BoundWindow, PartyHistory
from registry.agreements.instruments.in_force import bound_until, bound_windows, force_windows, text_windows
from registry.agreements.instruments.shown_texts import shown_windows
from registry.agreements.instruments.tables import agreement
from registry.platform.kernel.intervals import Interval, earliest
from registry.platform.kernel.time import day_starts_at, utc_now
from tests.agreements.instruments.test_in_force import CHICAGO, in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper, remarks_of
from tests.support.agreements import confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import agree_to_days, left_long_ago
from tests.support.deadlines import by_kind, days_ahead
from tests.support.length import at_length
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
TICK = timedelta(microseconds=1)
MUTUAL = {"ground": "mutual_consent", "reason": "over"}
START = datetime(2020, 1, 1, tzinfo=ZoneInfo("UTC"))

hours = st.integers(0, 12).map(lambda n: START + timedelta(hours=n))
lasting = st.none() | st.integers(1, 12).map(lambda n: timedelta(hours=n))


@st.composite
def histories(draw: st.DrawFn) -> tuple[AgreementDates, list[PartyHistory]]:
    """Up to four texts, some of which end, and up to four parties that signed some of them and may leave."""
    starts = draw(st.lists(hours, min_size=1, max_size=4))
    ends = [None if (length := draw(lasting)) is None else at + length for at in starts]
    dates = AgreementDates(
        executed_at=draw(hours),
        starts_at=starts[0],
        ends_at=ends[0],
        amendments=tuple(
            AmendedText(executed_at=draw(hours), starts_at=at, ends_at=end)
            for at, end in zip(starts[1:], ends[1:], strict=True)
        ),
    )
    parties = []
    for _ in range(draw(st.integers(2, 4))):
        signed = draw(st.dictionaries(st.integers(0, len(starts) - 1), hours, min_size=1))
        parties.append(PartyHistory(joined_at=min(signed.values()), texts=signed, leaves_at=draw(st.none() | hours)))
    return dates, parties


def hands_that_bind(dates: AgreementDates, parties: list[PartyHistory]) -> list[set[int]]:
    """What each party has signed without what was over then, or what each had given up that had signed it before.

    Given up is a text by who is bound to another by one in a higher place.
    """
    ends = (dates.ends_at, *(text.ends_at for text in dates.amendments))
    signed = [each.texts or {} for each in parties]

    def since(party: int, n: int) -> datetime:
        return max(dates.begins[n], signed[party][n])

    held = [{n for n in its if (end := ends[n]) is None or since(each, n) < end} for each, its in enumerate(signed)]

    def gave_up(party: int, n: int, by: datetime) -> bool:
        higher = dates.by_effect[dates.by_effect.index(n) + 1 :]
        return any(
            m in held[party] and m in held[other] and max(since(party, m), since(other, m)) < by
            for m in higher
            for other in range(len(parties))
            if other != party
        )

    for n in reversed(dates.by_effect):
        for party in sorted(
            (each for each in range(len(parties)) if n in held[each]), key=lambda each: signed[each][n]
        ):
            at = signed[party][n]
            before = [
                each
                for each in range(len(parties))
                if n in held[each] and signed[each][n] < at and not ((gone := parties[each].leaves_at) and gone <= at)
            ]
            if before and all(gave_up(each, n, at) for each in before):
                held[party].discard(n)
    return held


def text_of_pair(
    dates: AgreementDates, held: list[set[int]], parties: list[PartyHistory], pair: tuple[int, int], at: datetime
) -> int | None:
    """The latest text that has begun and that both have signed, if it has not ended and neither has left."""
    one, other = (parties[each] for each in pair)
    ends = (dates.ends_at, *(text.ends_at for text in dates.amendments))
    begun = [n for n in dates.by_effect if dates.begins[n] <= at]
    common = [n for n in begun if all(n in held[each] and (parties[each].texts or {})[n] <= at for each in pair)]
    gone = earliest(one.leaves_at, other.leaves_at)
    if not common or (gone is not None and gone <= at):
        return None
    end = ends[common[-1]]
    return common[-1] if end is None or at < end else None


def shared(one: Sequence[BoundWindow], other: Sequence[BoundWindow], at: datetime) -> list[int]:
    """The texts of the windows by which two parties are bound to each other then."""
    return [
        mine.text
        for mine in one
        for theirs in other
        if mine.text == theirs.text and mine.contains(at) and theirs.contains(at) and not mine.amended & theirs.amended
    ]


@settings(max_examples=at_length(60, 300, 20_000))
@given(histories())
def test_two_parties_are_bound_by_the_latest_text_that_both_have_signed(
    history: tuple[AgreementDates, list[PartyHistory]],
) -> None:
    dates, parties = history
    binding = hands_that_bind(dates, parties)
    found = bound_windows(dates, dict(enumerate(parties)))
    shown = shown_windows(dates, dict(enumerate(parties)), found)
    rank = {n: place for place, n in enumerate(dates.by_effect)}
    force = force_windows(found.values())
    assert bound_windows(dates, dict(reversed([*enumerate(parties)]))) == found, "nothing depends on an order"
    for at in (START + timedelta(minutes=30 * n) for n in range(-1, 52)):
        pairs = {pair: text_of_pair(dates, binding, parties, pair, at) for pair in combinations(range(len(parties)), 2)}
        for (one, other), text in pairs.items():
            assert shared(found[one], found[other], at) == ([] if text is None else [text]), (at, one, other)
        assert any(each.contains(at) for each in force) == any(text is not None for text in pairs.values()), at
        texts = [text for text in pairs.values() if text is not None]
        then = [each.text for each in shown if each.contains(at)]
        if texts:
            assert then == [max(texts, key=rank.__getitem__)], "the text is the latest that binds two"
        else:
            assert then in ([], [each.text for each in text_windows(dates) if each.contains(at)])
    for windows in found.values():
        for window, until in zip(windows, bound_until(windows), strict=True):
            assert until is None or not any(each.contains(until) for each in windows)
            assert until is None or (window.end is not None and window.end <= until)


def test_a_party_is_bound_by_a_text_to_each_other_and_by_its_own_latest() -> None:
    later = [AmendedText(executed_at=START, starts_at=START + timedelta(hours=n)) for n in (1, 2)]
    dates = AgreementDates(executed_at=START, starts_at=START, amendments=tuple(later))
    at = START + timedelta(hours=3)
    assert latest_in_common(dates, {0, 1, 2}, [{0}, {0, 1}], at) == [2, 1, 0]
    assert latest_in_common(dates, {0, 1}, [{0, 1}, {1, 2}], at) == [1]
    assert latest_in_common(dates, {1}, [{0}], START) == [1], "the first that follows"
    assert latest_in_common(dates, (), [{0}], at) == [2], "who has signed none goes by the agreement's"


def test_once_those_have_left_who_signed_the_last_text_it_is_the_one_that_binds_the_others() -> None:
    hour = [START + timedelta(hours=n) for n in range(7)]
    dates = AgreementDates(
        executed_at=START, starts_at=START, amendments=(AmendedText(executed_at=hour[1], starts_at=hour[1]),)
    )

    def shown(leaves_at: datetime, stops: Interval | None = None) -> list[tuple[int, datetime, datetime | None]]:
        amended = {0: START, 1: hour[1]}
        parties = {
            "one": PartyHistory(joined_at=START, texts=amended),
            "amends": PartyHistory(joined_at=START, texts=amended, leaves_at=hour[3]),
            "third": PartyHistory(joined_at=START, texts={0: START}, leaves_at=leaves_at),
        }
        its = replace(dates, suspensions=() if stops is None else (stops,))
        found = shown_windows(its, parties, bound_windows(its, parties))
        return [(each.text, each.start, each.end) for each in found]

    before = [(0, START, hour[1]), (1, hour[1], hour[3])]
    assert shown(hour[5]) == [*before, (0, hour[3], hour[5])], "no text is left then"
    stops = Interval(start=hour[2], end=hour[4])
    assert shown(hour[5], stops) == shown(hour[5]), "what is suspended is the text all the same"
    assert shown(hour[3]) == [before[0], (1, hour[1], None)], "it was the last that bound anybody"


async def held(one: Agency, other: Agency, at: datetime | None = None) -> list[int]:
    """The versions by which two agencies are bound to each other."""
    return [each["version_no"] for each in await in_force(one, other, at)]


async def three(cast: Cast, order: tuple[str, ...], **amended: Any) -> dict[str, Any]:
    """A paper of 2014 that three had signed, and one of 2018 that two of them had, entered in that order."""
    original: dict[str, Any] = {"effective_on": "2014-01-01", "signed_on": "2014-01-01", "notice": {"days": 90}}
    paper = await record_agreement(cast.assisting, cast.requesting, cast.neighbour, **original)
    for fact in order:
        if fact == "the second signs":
            found = await confirm_agreement(paper, cast.requesting, "2014-01-01")
        elif fact == "the third signs":
            found = await confirm_agreement(paper, cast.neighbour, "2014-01-01")
        else:
            both = (cast.assisting, cast.requesting)
            found = await amended_on_paper(paper, *both, effective_on="2018-03-01", **amended)
    return found


@pytest.mark.parametrize(
    "order",
    [
        each
        for each in permutations(["the second signs", "the third signs", "two amend"])
        if each.index("the second signs") < each.index("two amend")
    ],
)
async def test_an_amendment_by_two_changes_nothing_for_the_third_whenever_that_is_entered(
    service: Service, cast: Cast, order: tuple[str, ...]
) -> None:
    found = await three(cast, order)
    amended_at = day_starts_at(date(2018, 3, 1), ZoneInfo(CHICAGO))
    for at in (amended_at, utc_now()):
        assert await held(cast.requesting, cast.assisting, at) == [2]
        for one in (cast.assisting, cast.requesting):
            assert await held(cast.neighbour, one, at) == [1] == await held(one, cast.neighbour, at)
    assert await held(cast.requesting, cast.assisting, amended_at - TICK) == [1]
    assert [party["bound"] for party in found["parties"]] == [True] * 3
    assert cast.neighbour.name in remarks_of(found)["not_signed_by_all"]
    (second,) = [each for each in await versions(cast, found) if each["version_no"] == 2]
    hand = {"version_sha256": second["sha256"], "signatory_title": "Sheriff", "signed_on": "2020-05-06"}
    hand |= {"evidence_location": "The vault (demo)"}
    await cast.neighbour.legal.done("POST", f"{PATH}/{found['id']}/confirm", hand)
    signed = await agree_to_days(found, cast.assisting, cast.requesting)
    signed_at = day_starts_at(date(2020, 5, 6), ZoneInfo(CHICAGO))
    for one in (cast.assisting, cast.requesting):
        assert await held(cast.neighbour, one, signed_at - TICK) == [1]
        assert await held(cast.neighbour, one, signed_at) == [2]
    assert "not_signed_by_all" not in remarks_of(signed)


async def versions(cast: Cast, found: dict[str, Any]) -> list[dict[str, Any]]:
    page = await cast.neighbour.legal.done("GET", f"{PATH}/{found['id']}/versions")
    return list(page["items"])


async def test_an_agreement_says_of_each_day_by_which_versions_each_party_is_bound(
    service: Service, cast: Cast
) -> None:
    found = await three(cast, ("the second signs", "the third signs", "two amend"))
    (second,) = [each for each in await versions(cast, found) if each["version_no"] == 2]
    hand = {"version_sha256": second["sha256"], "signatory_title": "Sheriff", "signed_on": "2020-05-06"}
    hand |= {"evidence_location": "The vault (demo)"}
    await cast.neighbour.legal.done("POST", f"{PATH}/{found['id']}/confirm", hand)
    await agree_to_days(found, cast.assisting, cast.requesting)

    async def on(day: str) -> tuple[int, list[list[int]], bool]:
        shown = await cast.neighbour.legal.done("GET", f"{PATH}/{found['id']}?as_of={day}T18:00:00Z")
        by = [party["bound_by_versions"] for party in shown["parties"]]
        assert [party["bound"] for party in shown["parties"]] == [bool(each) for each in by]
        return shown["version_no"], by, cast.neighbour.name in remarks_of(shown).get("not_signed_by_all", "")

    assert await on("2013-06-01") == (1, [[], [], []], False)
    assert await on("2016-06-01") == (1, [[1], [1], [1]], False)
    assert await on("2019-06-01") == (2, [[2, 1], [2, 1], [1]], True)
    assert await on("2021-06-01") == (2, [[2], [2], [2]], False)
    public = await cast.stranger.coordinator.done("GET", f"{PATH}/{found['id']}?as_of=2019-06-01T18:00:00Z")
    assert [party["bound_by_versions"] for party in public["parties"]] == [[], [], []]


async def test_what_reaches_back_says_what_is_in_force_for_the_days_before_its_signatures(
    service: Service, cast: Cast
) -> None:
    found = await three(cast, ("the second signs", "the third signs", "two amend"), signed_on="2018-06-01")
    told = remarks_of(found)["reaches_back"]
    assert "It binds from 2018-06-01" in told
    assert "for the days between, what was agreed before is read as in force" in told
    assert await held(cast.requesting, cast.assisting, day_starts_at(date(2018, 4, 1), ZoneInfo(CHICAGO))) == [1]


async def test_who_is_bound_by_two_texts_leaves_by_the_longer_notice(service: Service, cast: Cast) -> None:
    found = await three(cast, ("the second signs", "the third signs", "two amend"), notice={"days": 10})
    notice = {"notice_on": str(today()), "reason": "we leave"}
    given = await cast.requesting.legal.done("POST", f"{PATH}/{found['id']}/give-notice", notice)
    leaves_at = day_starts_at(today() + timedelta(days=91), ZoneInfo(CHICAGO))
    assert datetime.fromisoformat(given["parties"][1]["leaves_at"]) == leaves_at, "to the third it is no shorter"
    short = {**notice, "leaves_on": str(today() + timedelta(days=20))}
    refused = await cast.assisting.legal.post(f"{PATH}/{found['id']}/give-notice", short)
    assert "90 days" in assert_problem(refused, 422, "not_then")["detail"]


async def test_no_right_that_one_text_gives_ends_what_binds_by_another(service: Service, cast: Cast) -> None:
    right = [{"agency_id": str(cast.requesting.id), "notice_days": 0}]
    terms = {"categories": ["any"], "rights_to_end": right, "clauses": {"rights_to_end": "1"}}
    found = await three(cast, ("the second signs", "the third signs", "two amend"), terms=terms)
    ending = {"ground": "right_to_end", "reason": "we end it"}
    refused = await cast.requesting.legal.post(f"{PATH}/{found['id']}/terminate", ending)
    assert_problem(refused, 422, "no_right_to_end")


async def test_an_amendment_that_ends_before_what_it_amends_ends_between_those_alone_that_signed_it(
    service: Service, cast: Cast
) -> None:
    found = await three(
        cast, ("the second signs", "two amend", "the third signs"), expires_on="2019-12-31", signed_on="2018-03-01"
    )
    assert await held(cast.requesting, cast.assisting) == [], "what was amended does not come back"
    assert await held(cast.neighbour, cast.assisting) == [1] == await held(cast.requesting, cast.neighbour)
    assert found["status"] == "in_force"
    listed = await cast.assisting.legal.done("GET", f"{PATH}?party_id={cast.assisting.id}&status=in_force")
    assert [each["id"] for each in listed["items"]] == [found["id"]]
    assert (found["expires_on"], found["ends_at"]) == (None, None), "it goes on by the original"
    assert (listed["items"][0]["expires_on"], await by_kind(cast.assisting, found)) == (None, {})
    shown = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/terminate", MUTUAL)
    assert shown["proposals"][-1]["status"] == "open", "what has not expired is ended"


async def test_once_all_have_left_who_signed_the_last_text_the_end_is_that_of_the_one_before(
    service: Service, cast: Cast
) -> None:
    soon, far = days_ahead(60), days_ahead(400)
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, expires_on=soon)
    both = (cast.assisting, cast.requesting)
    amended = await amended_on_paper(found, *both, effective_on="2025-06-01", expires_on=str(far))
    assert amended["expires_on"] == str(far)
    await left_long_ago(service, cast.requesting, found)
    await settle_all_due(service.database, utc_now())
    now = await cast.neighbour.legal.done("GET", f"{PATH}/{found['id']}")
    assert (now["version_no"], now["expires_on"], now["term_ends_on"]) == (1, str(soon), str(soon))
    query = f"{PATH}?party_id={cast.neighbour.id}&ends_from={soon}&ends_to={soon}"
    assert [each["version_no"] for each in (await cast.neighbour.legal.done("GET", query))["items"]] == [1]
    assert (await by_kind(cast.neighbour, found))["expiry"]["due_on"] == str(soon)


async def test_what_two_amended_ends_as_it_says_though_the_original_goes_on(service: Service, cast: Cast) -> None:
    soon = days_ahead(20)
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour)
    both = (cast.assisting, cast.requesting)
    amended = await amended_on_paper(found, *both, effective_on="2025-06-01", expires_on=str(soon))
    assert (amended["version_no"], amended["expires_on"]) == (2, None), "to the third it is bound without end"
    own = sa.select(agreement.c.expires_on).where(agreement.c.id == UUID(found["id"]))
    assert await service.database.read().value(own) == soon
    over = datetime.combine(soon + timedelta(days=2), datetime.min.time(), ZoneInfo("UTC"))
    await settle_all_due(service.database, over)
    assert await service.database.read().value(own) is None, "from then on it goes by the original"
