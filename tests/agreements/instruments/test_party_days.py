"""What is said to a party about its days is of the texts that bind it, and of no amendment that it did not sign."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from benchmarks.agreements.__main__ import Listening
from registry.agreements.instruments.commands.holding import settle_all_due
from registry.agreements.instruments.histories import AgreementDates, AmendedText, PartyHistory
from registry.agreements.instruments.notice import Period
from registry.agreements.instruments.party_days import days_to_come, lasting_windows, party_days
from registry.agreements.instruments.queries.listing import list_agreements
from registry.agreements.instruments.schemas.asked import AgreementQuery
from registry.platform.access.principals import Role
from registry.platform.kernel.intervals import Interval
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import letter, report
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import sign_agreement
from tests.support.cast import Agency, Cast
from tests.support.deadlines import by_kind, days_ahead, deadlines_of
from tests.support.plans import plans_of
from tests.support.policy import acting_for
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"


def year(number: int) -> datetime:
    return datetime(number, 1, 1, tzinfo=UTC)


def signed(*texts: int, **fields: Any) -> PartyHistory:
    return PartyHistory(joined_at=year(2020), texts=dict.fromkeys(texts, year(2020)), **fields)


SHORT, LONG = Period(days=30), Period(months=6)


class TestOfWhichTextsThePartysDaysAre:
    """The original is to 2027; the amendment of 2022, which A and B signed, to 2030."""

    dates = AgreementDates(
        executed_at=year(2020),
        starts_at=year(2020),
        ends_at=year(2027),
        amendments=(AmendedText(executed_at=year(2022), starts_at=year(2022), ends_at=year(2030)),),
    )

    @property
    def parties(self) -> dict[str, PartyHistory]:
        return {"A": signed(0, 1), "B": signed(0, 1), "C": signed(0)}

    def said(self, who: str, at: int, *notices: Period | None, **parties: PartyHistory) -> tuple[int, int, int]:
        windows = lasting_windows(self.dates, {**self.parties, **parties})[who]
        found = party_days(self.dates, windows, notices or (SHORT, SHORT), year(at), date(at, 1, 1))
        assert found is not None
        return found.last, found.running, found.notice

    def test_who_did_not_sign_the_amendment_goes_by_the_original(self) -> None:
        assert [self.said("C", at) for at in (2019, 2021, 2024, 2028)] == [(0, 0, 0)] * 4

    def test_whom_both_bind_is_bound_as_long_as_the_longer(self) -> None:
        assert [self.said("A", at)[:2] for at in (2019, 2021, 2024, 2028, 2031)] == [(1, 0), (1, 0), *[(1, 1)] * 3]

    def test_its_notice_runs_as_long_as_the_longest_and_silence_is_the_longest(self) -> None:
        assert [self.said("A", 2024, *each)[2] for each in ((LONG, SHORT), (SHORT, LONG), (None, LONG))] == [0, 1, 0]
        assert self.said("A", 2028, LONG, SHORT)[2] == 1, "by the original it is bound to nobody any more"

    def test_once_the_others_have_left_it_goes_by_what_is_left(self) -> None:
        gone = {"B": signed(0, 1, leaves_at=year(2024)), "C": signed(0, leaves_at=year(2025))}
        assert self.said("A", 2023, LONG, SHORT, **gone)[2] == 0
        assert self.said("A", 2026, LONG, SHORT, **gone)[2] == 1

    def test_a_pause_changes_no_day(self) -> None:
        pause = (Interval(start=year(2021)),)
        assert self.said("A", 2024, A=signed(0, 1, suspensions=pause, approvals=())) == self.said("A", 2024)

    def test_who_never_signed_has_none(self) -> None:
        windows = lasting_windows(self.dates, {"A": PartyHistory(joined_at=None)})["A"]
        assert party_days(self.dates, windows, (SHORT, SHORT), year(2024), date(2024, 1, 1)) is None

    def test_the_next_change_is_known_ahead(self) -> None:
        windows = lasting_windows(self.dates, self.parties)["A"]
        found, change = days_to_come(self.dates, windows, (LONG, SHORT), year(2024), date(2024, 1, 1))
        assert found is not None
        assert (found.last, found.notice, change) == (1, 0, year(2027)), "then the original's notice is over"


async def extended_by_two(service: Service, cast: Cast) -> dict[str, Any]:
    """Three are bound for 40 days and give 30 days' notice; two of them have signed 400 days and ten days' notice."""
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    found = await sign_agreement(service, *parties, expires_on=days_ahead(40))
    longer: dict[str, Any] = {"expires_on": str(days_ahead(400)), "notice": {"days": 10}}
    return await amended_on_paper(found, *parties[:2], effective_on="2025-06-01", **longer)


async def give_notice(party: Agency, found: dict[str, Any]) -> None:
    notice = {"notice_on": str(days_ahead(0)), "reason": "no budget"}
    await party.legal.done("POST", f"{PATH}/{found['id']}/give-notice", notice)


async def read(reader: Agency, found: dict[str, Any], query: str = "") -> dict[str, Any]:
    seen: dict[str, Any] = await reader.legal.done("GET", f"{PATH}/{found['id']}{query}")
    return seen


async def test_each_party_reads_its_own_days_wherever_it_looks(service: Service, cast: Cast) -> None:
    found = await extended_by_two(service, cast)
    for reader, last, notice in ((cast.assisting, 400, 30), (cast.neighbour, 40, 30)):
        seen = await read(reader, found)
        assert (seen["expires_on"], seen["term_ends_on"]) == (str(days_ahead(last)),) * 2
        assert seen["ends_at"][:10] == str(days_ahead(last + 1))
        assert seen["notice"]["days"] == notice, "of two notices the longer one"
        assert seen["last_notice_on"] == str(days_ahead(last - notice))
        assert [each["last_notice_on"] for each in seen["parties"]] == [
            *[str(days_ahead(400 - 30))] * 2,
            str(days_ahead(40 - 30)),
        ]
        expiries = await deadlines_of(reader, agreement_id=found["id"], kind="expiry")
        assert [each["due_on"] for each in expiries if each["version_no"] is None] == [str(days_ahead(last))]
        listed = await reader.legal.done("GET", f"{PATH}?ids={found['id']}")
        assert listed["items"][0]["expires_on"] == str(days_ahead(last))
        for end, there in ((last, 1), (last - 1, 0)):
            filtered = await reader.legal.done("GET", f"{PATH}?ids={found['id']}&ends_to={days_ahead(end)}")
            assert len(filtered["items"]) == there, (end, reader.name)


async def test_the_order_by_the_last_day_is_by_the_callers_own(service: Service, cast: Cast) -> None:
    found = await extended_by_two(service, cast)
    between = await sign_agreement(service, cast.assisting, cast.neighbour, expires_on=days_ahead(100))
    for reader, order in ((cast.assisting, [between, found]), (cast.neighbour, [found, between])):
        query = f"ids={found['id']}&ids={between['id']}&sort=ends_on"
        items = (await reader.legal.done("GET", f"{PATH}?{query}"))["items"]
        assert [each["id"] for each in items] == [each["id"] for each in order], reader.name
        page = await reader.legal.done("GET", f"{PATH}?{query}&limit=1")
        rest = await reader.legal.done("GET", f"{PATH}?{query}&cursor={page['next_cursor']}")
        assert [each["id"] for each in rest["items"]] == [order[1]["id"]]


async def test_who_is_outlasted_is_told_to_sign_what_the_others_go_on_by(service: Service, cast: Cast) -> None:
    found = await extended_by_two(service, cast)
    for reader, said in ((cast.neighbour, "Sign the text by which the others go on"), (cast.assisting, "Renew")):
        due = (await deadlines_of(reader, agreement_id=found["id"], kind="expiry"))[-1]
        assert due["action"].startswith(said)


async def test_on_a_day_asked_about_no_two_members_contradict_each_other(service: Service, cast: Cast) -> None:
    found = await extended_by_two(service, cast)
    for reader in (cast.assisting, cast.neighbour):
        for day in ("2025-03-01", "2025-09-01", days_ahead(20), days_ahead(60), days_ahead(500)):
            seen = await read(reader, found, f"?as_of={day}T18:00:00Z")
            assert seen["term_ends_on"] <= seen["expires_on"], (reader.name, day)
            assert date.fromisoformat(seen["ends_at"][:10]) == date.fromisoformat(seen["expires_on"]) + timedelta(
                days=1
            )


async def test_who_renews_by_the_original_is_told_of_its_renewal(service: Service, cast: Cast) -> None:
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    yearly: dict[str, Any] = {"auto_renew_months": 12, "auto_renew_times": "no_limit", "expires_on": days_ahead(90)}
    found = await sign_agreement(service, *parties, **yearly)
    longer: dict[str, Any] = {"expires_on": str(days_ahead(4000)), "auto_renew_months": None}
    await amended_on_paper(found, *parties[:2], effective_on="2025-06-01", **longer)
    theirs = await by_kind(cast.neighbour, found)
    assert theirs["renewal"]["due_on"] == str(days_ahead(90))
    assert theirs["last_notice"]["due_on"] == str(days_ahead(60))
    notice = {"notice_on": str(days_ahead(0)), "reason": "no budget", "kind": "non_renewal"}
    for party in (cast.neighbour, cast.assisting):
        said = await party.legal.done("POST", f"{PATH}/{found['id']}/give-notice", notice)
        (own,) = [each for each in said["parties"] if each["agency"]["id"] == str(party.id)]
        assert own["leaves_at"][:10] == str(days_ahead(91)), "to the third the first is bound by the term that renews"


async def test_who_leaves_is_told_its_own_last_day(service: Service, cast: Cast) -> None:
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    found = await sign_agreement(
        service, *parties, expires_on=days_ahead(300), auto_renew_months=12, auto_renew_times="no_limit"
    )
    await give_notice(cast.neighbour, found)
    its = await by_kind(cast.neighbour, found)
    assert (its["expiry"]["due_on"], "renewal" in its, "last_notice" in its) == (str(days_ahead(30)), False, False)
    assert (await by_kind(cast.assisting, found))["renewal"]["due_on"] == str(days_ahead(300))


async def test_the_notice_kept_for_deadlines_follows_the_texts_as_they_end(service: Service, cast: Cast) -> None:
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    found = await sign_agreement(service, *parties, expires_on=days_ahead(40))
    longer: dict[str, Any] = {
        "expires_on": str(days_ahead(100)),
        "notice": {"days": 10},
        "auto_renew_months": 12,
        "auto_renew_times": "no_limit",
    }
    await amended_on_paper(found, *parties[:2], effective_on="2025-06-01", **longer)
    (due,) = await deadlines_of(cast.assisting, agreement_id=found["id"], kind="last_notice")
    assert due["due_on"] == str(days_ahead(70)), "by the original, to the third"
    over = datetime.combine(days_ahead(43), datetime.min.time(), UTC)
    await settle_all_due(service.database, over)
    (due,) = await deadlines_of(cast.assisting, agreement_id=found["id"], kind="last_notice")
    assert due["due_on"] == str(days_ahead(90))


async def test_a_row_says_whether_the_caller_is_bound_as_the_agreement_does(service: Service, cast: Cast) -> None:
    found = await extended_by_two(service, cast)
    await give_notice(cast.requesting, found)
    await report(cast.neighbour, found, letter(cast.assisting, days_ahead(0)))
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    told = []
    for day in ("2024-01-01", "2025-09-01", *(days_ahead(ahead) for ahead in (0, 10, 35, 60, 500))):
        then = f"as_of={day}T23:00:00Z"
        for n, party in enumerate(parties):
            seen = (await read(party, found, f"?{then}"))["parties"][n]["bound"]
            (row,) = (await party.legal.done("GET", f"{PATH}?ids={found['id']}&{then}"))["items"]
            kept = (await party.legal.done("GET", f"{PATH}?ids={found['id']}&bound=true&{then}"))["items"]
            assert (row["bound"], bool(kept)) == (seen, seen), (party.name, day)
            told.append(seen)
    assert True in told
    assert False in told
    for reader in (cast.stranger, cast.assisting):
        page = await reader.legal.done("GET", f"{PATH}?bound=true&limit=200")
        assert all(each["bound"] for each in page["items"])


@pytest.mark.parametrize("query", [{"bound": True}, {"ends_to": 30}, {"sort": "ends_on"}, {}])
async def test_what_is_asked_of_the_callers_own_part_is_found_by_indexes(
    service: Service, cast: Cast, query: dict[str, Any]
) -> None:
    if "ends_to" in query:
        query = {"ends_to": days_ahead(query["ends_to"])}
    await extended_by_two(service, cast)
    principal = acting_for(cast.neighbour, Role.LEGAL).principal
    for as_of in (None, utc_now() + timedelta(days=5)):
        listening = Listening(service.database.read())
        page = await list_agreements(listening, principal, AgreementQuery(as_of=as_of, **query), utc_now())
        assert page.items or query == {"ends_to": days_ahead(30)}
        plans = await plans_of(service.database, listening.asked)
        for line in "\n".join(plans).splitlines():
            for table in ("agreement_party", "agreement_party_window", "agreement_version_dates"):
                assert f"Seq Scan on {table} " not in line, line
                assert not line.strip().startswith(f"SCAN {table}") or " INDEX " in line, line
