"""A text has its place by its first day and the first hand on it: no hand that is entered late raises it."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from registry.agreements.instruments.held_texts import held_by
from registry.agreements.instruments.histories import AgreementDates, AmendedText, PartyHistory
from registry.agreements.instruments.in_force import text_windows
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import PATH, runs_out
from tests.agreements.instruments.test_acts_of_earlier_days import confirmed, earlier_day
from tests.agreements.instruments.test_amendments import act
from tests.agreements.instruments.test_in_force import in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.agreements.instruments.test_signatures_entered_late import versions_between
from tests.support.agreements import confirm_agreement, record_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import agree_to_days, consent
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

REPORTED = {"kind": "signed", "evidence_sha256": "5" * 64, "reason": "a copy came by post"}
FIRST_ON, SECOND_ON = date(2020, 12, 5), date(2022, 12, 5)
LAST_DAY = datetime(2100, 12, 30, 12, tzinfo=UTC)
AFTER = datetime(2101, 1, 2, 12, tzinfo=UTC)


async def two_amendments(cast: Cast, *parties: Agency, **first: Any) -> tuple[dict[str, Any], str, str]:
    """An agreement to 2100 and, signed by who recorded them alone, changes of 2021 (to 2022) and of 2023 (to 2100)."""
    original: dict[str, Any] = {
        "effective_on": "2020-01-01",
        "signed_on": "2019-12-15",
        "expires_on": "2100-12-31",
        "notice": {"days": 365},
        "terms": {"categories": ["any"], "max_duration_hours": 72},
    }
    found = await record_agreement(*parties, **original)
    for party in parties[1:]:
        found = await confirm_agreement(found, party, "2019-12-15")
    early: dict[str, Any] = {
        "effective_on": "2021-01-01",
        "signed_on": "2020-12-01",
        "expires_on": "2022-12-31",
        "notice": {"days": 365},
        "terms": {"categories": ["any"], "max_duration_hours": 500},
        "title": "First (demo)",
        **first,
    }
    late: dict[str, Any] = {
        "effective_on": "2023-01-01",
        "signed_on": "2022-12-01",
        "expires_on": "2100-12-31",
        "notice": {"days": 365},
        "terms": {"categories": ["any"], "max_duration_hours": 24},
        "title": "Second (demo)",
    }
    digests = []
    for paper in (early, late):
        await amended_on_paper(found, parties[0], **paper)
        versions = await parties[0].legal.done("GET", f"{PATH}/{found['id']}/versions")
        newest = max(versions["items"], key=lambda each: int(each["version_no"]))
        digests.append(newest["version_sha256"] if "version_sha256" in newest else newest["sha256"])
    return found, digests[0], digests[1]


class TestAnEarlierTextThatIsEnteredLate:
    @pytest.mark.parametrize("signed_today", [False, True])
    @pytest.mark.parametrize(
        "first",
        [
            {},
            {"expires_on": "2105-12-31"},
            {"notice": {"days": 1}},
            {"expires_on": "2105-12-31", "notice": {"days": 1}},
        ],
        ids=["over", "longer", "short notice", "longer, short notice"],
    )
    async def test_leaves_the_later_one_as_it_is(
        self, service: Service, cast: Cast, first: dict[str, Any], signed_today: bool
    ) -> None:
        one, other = cast.assisting, cast.requesting
        found, earlier, later = await two_amendments(cast, one, other, **first)
        said = await confirmed(other, found, later, SECOND_ON)
        await agree_to_days(said, one, other)
        if signed_today:
            hand = {"version_sha256": earlier, "signatory_title": "Sheriff", "signed_on": str(today())}
            problem = assert_problem(
                await other.legal.post(f"{PATH}/{found['id']}/confirm", hand), 422, "other_version"
            )
            assert "was over on 2023-01-01" in problem["detail"] or "replaced by version 3" in problem["detail"]
        else:
            await confirmed(other, found, earlier, FIRST_ON)
        said = await other.legal.done("GET", f"{PATH}/{found['id']}")
        assert (said["status"], said["title"], said["expires_on"]) == ("in_force", "Second (demo)", "2100-12-31")
        for at, held in ((utc_now(), [3]), (LAST_DAY, [3]), (AFTER, [])):
            assert await versions_between(one, other, at) == held, at
        given = await act(other, found, "give-notice", {"notice_on": str(today()), "reason": "we leave"})
        assert given["parties"][1]["leaves_at"] == runs_out(today(), 365)

    async def test_fills_its_own_days_once_the_others_agree_to_them(self, service: Service, cast: Cast) -> None:
        one, other = cast.assisting, cast.requesting
        found, earlier, later = await two_amendments(cast, one, other)
        await agree_to_days(await confirmed(other, found, later, SECOND_ON), one, other)
        said = await agree_to_days(await confirmed(other, found, earlier, FIRST_ON), one, other)
        days: tuple[tuple[int, list[int]], ...] = (
            (2020, [1]),
            (2021, [2]),
            (2022, [2]),
            (2023, [3]),
            (2100, [3]),
            (2101, []),
        )
        for year, held in days:
            assert await versions_between(one, other, datetime(year, 6, 1, 12, tzinfo=UTC)) == held, year
        assert said["status"] == "in_force"

    @pytest.mark.parametrize("contested", [False, True])
    async def test_is_the_same_of_three_and_whether_its_day_is_contested_or_not(
        self, service: Service, cast: Cast, contested: bool
    ) -> None:
        one, other, third = three = (cast.assisting, cast.requesting, cast.neighbour)
        found, earlier, later = await two_amendments(cast, *three, expires_on="2105-12-31")
        for party in (other, third):
            await agree_to_days(await confirmed(party, found, later, SECOND_ON), *three)
        for party in (other, third):
            said = await confirmed(party, found, earlier, FIRST_ON)
        assert [each["name"] for each in earlier_day(said)["outstanding"]] == [one.name, other.name]
        if contested:
            (its,) = (
                each["id"]
                for each in said["reported_acts"]
                if each["status"] in ("open", "unconfirmed") and each["agency"]["id"] == str(other.id)
            )
            contest = {"reason": "it signed nothing then"}
            await other.legal.done("POST", f"{PATH}/{found['id']}/reported-acts/{its}/contest", contest)
        timeline = await one.legal.done("GET", f"{PATH}/{found['id']}/timeline")
        (told,) = (
            each["detail"]
            for each in timeline["acts"]
            if f"{third.name} confirmed" in each["detail"] and "version 2" in each["detail"]
        )
        assert "It counts from its recording; its own day is put to each party" in told
        for pair in ((one, other), (one, third), (other, third)):
            for at, held in ((utc_now(), [3]), (LAST_DAY, [3]), (AFTER, [])):
                assert await versions_between(*pair, at) == held, at

    async def test_of_which_only_the_earlier_is_signed_is_over_frees_nobody_from_the_original(
        self, service: Service, cast: Cast
    ) -> None:
        """By its own word alone nobody gets out: what was over when its hand began to count took no text's place."""
        one, other = cast.assisting, cast.requesting
        found, earlier, _ = await two_amendments(cast, one, other)
        said = await confirmed(other, found, earlier, FIRST_ON)
        assert await versions_between(one, other, utc_now()) == [1]
        assert said["status"] == "in_force"


async def renewed(cast: Cast, found: dict[str, Any], expires_on: str, *parties: Agency) -> None:
    """The parties have signed a change of 2023 that ends then; the agreement itself goes on to 2105."""
    late: dict[str, Any] = {"effective_on": "2023-01-01", "signed_on": "2022-12-01", "expires_on": expires_on}
    await amended_on_paper(found, *parties, **late)


async def original(*parties: Agency) -> dict[str, Any]:
    paper: dict[str, Any] = {"effective_on": "2020-01-01", "signed_on": "2019-12-15", "expires_on": "2105-12-31"}
    return await record_agreement(*parties, **paper)


class TestATextThatWasGivenUp:
    async def test_takes_no_hand_of_a_newcomer_who_was_let_in_after_that(self, service: Service, cast: Cast) -> None:
        one, other, new = cast.assisting, cast.requesting, cast.neighbour
        found = await confirm_agreement(await original(one, other), other, "2019-12-15")
        await renewed(cast, found, "2099-12-31", one, other)
        let_in = {"agency_ids": [str(new.id)], "reason": "asked to join"}
        asked = await act(one, found, "add-parties", let_in)
        added = await consent(other, found, asked["proposals"][-1])
        path = f"{PATH}/{found['id']}/confirm"
        evidence = {"evidence_location": "County clerk's vault (demo)"}
        for day in (str(today()), "2020-01-05"):
            hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "signed_on": day, **evidence}
            problem = assert_problem(await new.legal.post(path, hand), 422, "other_version")
            assert "replaced by version 2" in problem["detail"]
        for party in (one, other):
            assert await in_force(new, party) == []
        digest = added["version_sha256"]
        assert digest != found["version_sha256"]
        joined = await act(
            new, found, "sign", {"version_sha256": digest, "signatory_title": "Chief", "manner": "electronic"}
        )
        assert [party["bound"] for party in joined["parties"]] == [True, True, True]
        assert await versions_between(new, one, utc_now()) == [2]

    async def test_binds_nobody_again_by_a_hand_of_after_the_renewal_was_over(
        self, service: Service, cast: Cast
    ) -> None:
        one, other, third = cast.assisting, cast.requesting, cast.neighbour
        found = await confirm_agreement(await original(one, other, third), other, "2019-12-15")
        await renewed(cast, found, "2026-06-30", one, other)
        path = f"{PATH}/{found['id']}"
        hand = {"version_sha256": found["version_sha256"], "signatory_title": "Chief", "signed_on": str(today())}
        for operation, body in (
            ("confirm", hand),
            ("report-act", {**REPORTED, **hand, "agency_id": str(third.id), "acted_on": hand["signed_on"]}),
        ):
            by = third if operation == "confirm" else one
            told = {name: value for name, value in body.items() if operation == "confirm" or name != "signed_on"}
            problem = assert_problem(await by.legal.post(f"{path}/{operation}", told), 422, "other_version")
            assert "replaced by version 2" in problem["detail"]
        seen = await one.legal.done("GET", path)
        assert seen["status"] not in ("in_force", "notice_window")
        done = await confirm_agreement(found, third, "2019-12-15")
        assert await versions_between(third, one, utc_now()) == [1], "it had signed while the others were bound by it"
        assert await versions_between(one, other, utc_now()) == []
        assert done["status"] == "in_force"

    async def test_is_given_up_whichever_is_entered_first(self, service: Service, cast: Cast) -> None:
        """The late hand is entered before the change by which the others had given the text up."""
        one, other, third = cast.assisting, cast.requesting, cast.neighbour
        found = await confirm_agreement(await original(one, other, third), other, "2019-12-15")
        await confirm_agreement(found, third, today())
        for party in (one, other):
            assert await versions_between(third, party, utc_now()) == [1]
        await renewed(cast, found, "2026-06-30", one, other)
        seen = await one.legal.done("GET", f"{PATH}/{found['id']}")
        waits = [each for each in seen["proposals"] if each["kind"] == "earlier_day" and each["outstanding"]]
        for proposal in waits:
            await consent(third, found, proposal)
        for party in (one, other):
            assert await versions_between(third, party, utc_now()) == []


def hands(dates: AgreementDates, parties: dict[str, PartyHistory]) -> dict[str, set[int]]:
    """What each holds in the end."""
    return {each: set(stages[-1][1]) if stages else set() for each, stages in held_by(dates, parties).items()}


def year(number: int) -> datetime:
    return datetime(number, 1, 1, tzinfo=UTC)


def test_a_hand_to_what_all_had_given_up_holds_nothing_unless_its_day_was_before() -> None:
    second = AmendedText(executed_at=year(2022), first_hand_at=year(2022), starts_at=year(2023))
    dates = AgreementDates(executed_at=year(2019), starts_at=year(2020), amendments=(second,))
    both = PartyHistory(joined_at=year(2019), texts={0: year(2019), 1: year(2022)})
    late = PartyHistory(joined_at=year(2026), texts={0: year(2026)})
    early = PartyHistory(joined_at=year(2026), texts={0: year(2026)}, stated={0: year(2019)})
    original_only = PartyHistory(joined_at=year(2019), texts={0: year(2019)})
    assert hands(dates, {"a": both, "b": both, "d": late})["d"] == set()
    assert hands(dates, {"a": both, "b": both, "d": early})["d"] == {0}, "others only contest its day"
    assert hands(dates, {"a": both, "b": both, "c": original_only, "d": late})["d"] == {0}, "it binds it to c"
    assert hands(dates, {"a": both, "d": late})["d"] == {0}, "what one alone has signed replaced nothing"
    left = PartyHistory(joined_at=year(2019), texts={0: year(2019)}, leaves_at=year(2025))
    assert hands(dates, {"a": both, "b": both, "c": left, "d": late})["d"] == set()


def test_the_place_of_a_text_is_of_its_first_hand_and_not_of_when_it_begins() -> None:
    first = AmendedText(executed_at=year(2026), first_hand_at=year(2021), starts_at=year(2021), ends_at=year(2105))
    second = AmendedText(executed_at=year(2022), first_hand_at=year(2022), starts_at=year(2023), ends_at=year(2101))
    for texts, order in (((first, second), [0, 1, 2]), ((second, first), [0, 2, 1])):
        dates = AgreementDates(executed_at=year(2019), starts_at=year(2020), amendments=texts)
        assert dates.by_effect == order
        assert dates.last_ends_at == second.ends_at
        windows = [(order.index(each.text), each.start, each.end) for each in text_windows(dates)]
        assert windows == [(0, year(2020), year(2023)), (2, year(2023), year(2101))]
