"""When an agreement ends: one rule, and every place that is asked says the same day."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from registry.agreements.instruments.ends import End, bound_ends, end_for_all
from registry.agreements.instruments.histories import AgreementDates, AmendedText, PartyHistory
from registry.agreements.instruments.party_days import lasting_windows
from registry.platform.kernel.intervals import Interval
from registry.platform.kernel.time import day_ends_at
from tests.agreements.instruments.reporting import letter, report, seen_at
from tests.agreements.instruments.test_in_force import TICK
from tests.agreements.instruments.test_lapsed_proposals import act, waits_at
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import agreement_body, sign_agreement
from tests.support.cast import ZONE, Agency, Cast
from tests.support.consent import all_consent, end_agreement
from tests.support.deadlines import days_ahead, deadlines_of
from tests.support.service import Service

PATH = "/v1/agreements"


def at(year: int, month: int = 1) -> datetime:
    return datetime(year, month, 1, tzinfo=UTC)


class TestTheRule:
    """Of parties a, b and c: when it ends for all, by what, and when it ends for those for whom it ends before."""

    START, TEXT_ENDS = at(2025), at(2030)

    def ends(self, *parties: PartyHistory, later: datetime | None = None, **dates: Any) -> tuple[End, dict[str, Any]]:
        amendments = () if later is None else (AmendedText(executed_at=at(2026), starts_at=at(2026), ends_at=later),)
        whole = AgreementDates(
            **{"executed_at": self.START, "starts_at": self.START, "ends_at": self.TEXT_ENDS, **dates},
            amendments=amendments,
        )
        histories = dict(zip("abc", parties, strict=False))
        own = bound_ends(lasting_windows(whole, histories))
        leave = [gone for each in parties for gone in (each.leaves_at, each.released_at)]
        end = end_for_all(own, text_ends_at=whole.last_ends_at, ended_at=whole.ended_at, superseded=False, leave=leave)
        return end, {name: gone for name, gone in own.items() if gone != end.at}

    def party(self, *texts: int, **did: Any) -> PartyHistory:
        return PartyHistory(joined_at=self.START, texts=dict.fromkeys(texts or (0,), self.START), **did)

    def test_it_ends_with_its_text_or_never(self) -> None:
        two = (self.party(), self.party())
        assert self.ends(*two) == (End(at(2030), "expiry"), {})
        assert self.ends(*two, ends_at=None) == (End(None, None), {})

    def test_an_end_that_was_agreed_counts_where_it_comes_first(self) -> None:
        two = (self.party(), self.party())
        assert self.ends(*two, ended_at=at(2027)) == (End(at(2027), "termination"), {})
        assert self.ends(*two, ended_at=at(2031)) == (End(at(2030), "expiry"), {})

    @pytest.mark.parametrize("by", ["leaves_at", "released_at"])
    def test_it_ends_when_nobody_is_left_to_be_bound_to(self, by: str) -> None:
        gone, later = self.party(**{by: at(2027)}), self.party(**{by: at(2028)})
        assert self.ends(gone, self.party()) == (End(at(2027), "notice"), {})
        assert self.ends(gone, self.party(), self.party()) == (End(at(2030), "expiry"), {"a": at(2027)})
        assert self.ends(gone, later, self.party()) == (End(at(2028), "notice"), {"a": at(2027)})

    def test_a_text_that_only_some_signed_ends_it_for_them_alone(self) -> None:
        two, all_of_them = self.party(0, 1), (self.party(0, 1), self.party(0, 1), self.party())
        assert self.ends(*all_of_them, later=at(2035)) == (End(at(2035), "expiry"), {"c": at(2030)})
        shorter = self.ends(*all_of_them, later=at(2027))
        assert shorter == (End(at(2030), "expiry"), {}), "to the third each of them is bound by the original on"
        alone = self.ends(two, self.party(), self.party(), later=at(2035))
        assert alone == (End(at(2030), "expiry"), {}), "by a text that it signed alone it is bound to nobody"

    def test_what_interrupts_it_for_a_while_ends_it_for_nobody(self) -> None:
        never = self.party(approvals=(), suspensions=(Interval(start=at(2026)),))
        paused = (Interval(start=at(2026)),)
        assert self.ends(never, self.party(), suspensions=paused) == (End(at(2030), "expiry"), {})

    def test_where_no_two_are_ever_bound_its_own_text_says_it(self) -> None:
        one = (self.party(), PartyHistory(joined_at=None, texts={}))
        assert self.ends(*one) == (End(at(2030), "expiry"), {})
        assert self.ends(*one, ended_at=at(2028)) == (End(at(2028), "termination"), {})
        assert self.ends(*one, executed_at=None) == (End(at(2030), "expiry"), {})


Shape = Callable[[Service, Cast], Awaitable[tuple[dict[str, Any], date | None, date | None]]]


async def _plain(service: Service, cast: Cast) -> tuple[dict[str, Any], date | None, date | None]:
    found = await sign_agreement(service, cast.assisting, cast.requesting, cast.neighbour, expires_on=days_ahead(300))
    return found, days_ahead(300), days_ahead(300)


async def _drafted(service: Service, cast: Cast) -> tuple[dict[str, Any], date | None, date | None]:
    body = agreement_body(cast.assisting, cast.requesting, expires_on=days_ahead(300))
    found = await cast.assisting.legal.done("POST", PATH, body)
    return found, days_ahead(300), None


async def _renewing(service: Service, cast: Cast) -> tuple[dict[str, Any], date | None, date | None]:
    renews: dict[str, Any] = {"auto_renew_months": 12, "auto_renew_times": 2}
    found = await sign_agreement(
        service, cast.assisting, cast.requesting, cast.neighbour, expires_on=date(2099, 6, 30), **renews
    )
    return found, date(2101, 6, 30), date(2101, 6, 30)


async def _without_end(service: Service, cast: Cast) -> tuple[dict[str, Any], date | None, date | None]:
    renews: dict[str, Any] = {"auto_renew_months": 12, "auto_renew_times": "no_limit"}
    found = await sign_agreement(
        service, cast.assisting, cast.requesting, cast.neighbour, expires_on=date(2099, 6, 30), **renews
    )
    return found, None, None


async def _ended_ahead(service: Service, cast: Cast) -> tuple[dict[str, Any], date | None, date | None]:
    found, *_ = await _renewing(service, cast)
    await end_agreement(found, cast.assisting, cast.requesting, cast.neighbour, on=days_ahead(41))
    return found, days_ahead(40), days_ahead(40)


async def _notice_of_one(service: Service, cast: Cast) -> tuple[dict[str, Any], date | None, date | None]:
    found, *_ = await _plain(service, cast)
    await _give_notice(cast.neighbour, found)
    return found, days_ahead(300), days_ahead(30)


async def _notices_that_leave_one(service: Service, cast: Cast) -> tuple[dict[str, Any], date | None, date | None]:
    found, *_ = await _plain(service, cast)
    for party in (cast.neighbour, cast.requesting):
        await _give_notice(party, found)
    return found, days_ahead(30), days_ahead(30)


async def _notice_reported_only(service: Service, cast: Cast) -> tuple[dict[str, Any], date | None, date | None]:
    found, *_ = await _plain(service, cast)
    await report(cast.assisting, found, letter(cast.neighbour, days_ahead(0)))
    return found, days_ahead(300), days_ahead(300)


async def _longer_for_two(service: Service, cast: Cast) -> tuple[dict[str, Any], date | None, date | None]:
    found, *_ = await _plain(service, cast)
    await amended_on_paper(
        found, cast.assisting, cast.requesting, effective_on="2025-06-01", expires_on=str(days_ahead(900))
    )
    return found, days_ahead(900), days_ahead(300)


async def _shorter_for_two(service: Service, cast: Cast) -> tuple[dict[str, Any], date | None, date | None]:
    found, *_ = await _plain(service, cast)
    await amended_on_paper(
        found, cast.assisting, cast.requesting, effective_on="2025-06-01", expires_on=str(days_ahead(90))
    )
    return found, days_ahead(300), days_ahead(300)


async def _superseded_ahead(service: Service, cast: Cast) -> tuple[dict[str, Any], date | None, date | None]:
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    found, *_ = await _plain(service, cast)
    newer = await sign_agreement(service, *parties)
    body = {"by_agreement_id": newer["id"], "effective_on": str(days_ahead(60)), "reason": "replaced"}
    await all_consent(parties[1:], found, await act(parties[0], found, "supersede", body))
    return found, days_ahead(59), days_ahead(59)


async def _give_notice(party: Agency, found: dict[str, Any]) -> None:
    await act(party, found, "give-notice", {"notice_on": str(days_ahead(0)), "reason": "no budget"})


async def _seen(reader: Agency, found: dict[str, Any]) -> dict[str, Any]:
    seen: dict[str, Any] = await reader.legal.done("GET", f"{PATH}/{found['id']}")
    return seen


async def _listed(reader: Agency, found: dict[str, Any], **query: Any) -> list[dict[str, Any]]:
    asked = "".join(f"&{name}={value}" for name, value in query.items())
    page = await reader.legal.done("GET", f"{PATH}?ids={found['id']}{asked}")
    items: list[dict[str, Any]] = page["items"]
    return items


async def _all_say(reader: Agency, found: dict[str, Any], last: date | None, of_all: date | None = None) -> None:
    """The agreement, its row, the filters by its last day, its deadlines and its record say that day.

    `of_all`: until when others go on without the reader.
    """
    seen, said = await _seen(reader, found), None if last is None else str(last)
    assert seen["ends_on"] == said
    ends_at = None if seen["ends_at"] is None else datetime.fromisoformat(seen["ends_at"])
    assert ends_at == (None if last is None else day_ends_at(last, ZONE))
    if last is not None and seen["term_ends_on"] is not None:
        assert seen["term_ends_on"] <= str(of_all or last)
    for party in seen["parties"]:
        if party["agency"]["id"] == str(reader.id) and party["bound"]:
            assert party["bound_until"] == seen["ends_at"]
    (row,) = await _listed(reader, found)
    assert row["ends_on"] == said
    day = timedelta(days=1)
    for query, kept in (
        ({"ends_to": date(2199, 1, 1)}, last is not None),
        ({"ends_from": date(2026, 1, 1)}, last is not None),
        *(
            ()
            if last is None
            else (
                ({"ends_from": last, "ends_to": last}, True),
                ({"ends_to": last - day}, False),
                ({"ends_from": last + day}, False),
            )
        ),
    ):
        assert bool(await _listed(reader, found, **query)) is kept, query
    if seen["executed_at"] is not None and seen["view"] == "party":
        due = await deadlines_of(reader, agreement_id=found["id"], kind="expiry")
        ends = [each["due_on"] for each in due if each["version_no"] is None]
        renewal = await deadlines_of(reader, agreement_id=found["id"], kind="renewal")
        assert ends == ([] if last is None or renewal else [said])
        told = await reader.legal.done("GET", f"{PATH}/{found['id']}/timeline")
        for each in told["acts"]:
            if each["kind"] == "text_expires" and last is not None:
                assert datetime.fromisoformat(each["counts_from"]) <= day_ends_at(of_all or last, ZONE)
        kept_by = await reader.legal.done("GET", f"{PATH}/{found['id']}/retention")
        assert kept_by["ended_on"] is None or kept_by["ended_on"] >= str(last)


async def _lapses(service: Service, one: Agency, other: Agency, found: dict[str, Any], over: datetime) -> None:
    """What is proposed waits until then and no longer, and from then on nothing is proposed of the days to come."""
    proposed = await act(one, found, "propose-suspension", {"kind": "suspension", "reason": "a dispute"})
    (its,) = (each["id"] for each in proposed["proposals"] if each["kind"] == "suspension")
    for at, waits in ((over - TICK, True), (over, False)):
        then = await seen_at(service, one, found, at)
        (status,) = (each.status for each in then.proposals if str(each.id) == its)
        assert (status == "open", await waits_at(service, other, found, at)) == (waits, waits), at
        offered = {each.action: each.allowed for each in then.allowed_actions}
        assert offered["add_parties"] is waits, at


@pytest.mark.second_long
@pytest.mark.parametrize(
    "shape",
    [
        _plain,
        _drafted,
        _renewing,
        _without_end,
        _ended_ahead,
        _notice_of_one,
        _notices_that_leave_one,
        _notice_reported_only,
        _longer_for_two,
        _shorter_for_two,
        _superseded_ahead,
    ],
)
async def test_every_place_that_is_asked_when_it_ends_says_the_same_day(
    service: Service, cast: Cast, shape: Shape
) -> None:
    found, of_all, of_third = await shape(service, cast)
    await _all_say(cast.assisting, found, of_all)
    if of_third is not None or shape is _without_end:
        await _all_say(cast.neighbour, found, of_third, of_all)
    if of_all is not None and shape is not _drafted:
        await _lapses(service, cast.assisting, cast.requesting, found, day_ends_at(of_all, ZONE))
    retention = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}/retention")
    assert retention["ended_on"] == (None if of_all is None or shape is _drafted else str(of_all))


async def test_others_are_told_the_end_that_the_public_text_and_acts_say(service: Service, cast: Cast) -> None:
    parties = (cast.assisting, cast.requesting)
    public = [{"number": "1", "heading": "purpose", "text": "To help each other (demo).", "sensitivity": "public"}]
    found = await sign_agreement(service, *parties, expires_on=days_ahead(300), provisions=public)
    longer: dict[str, Any] = {"expires_on": str(days_ahead(900)), "provisions": public}
    await amended_on_paper(found, *parties, effective_on="2025-06-01", **longer)
    await _all_say(cast.stranger, found, days_ahead(900))
    await act(cast.assisting, found, "stop-publishing", {"version_no": 2, "reason": "counsel looks at it again"})
    await _all_say(cast.stranger, found, days_ahead(300))
    await _all_say(cast.assisting, found, days_ahead(900))
    await _give_notice(cast.requesting, found)
    for reader in (cast.stranger, cast.assisting):
        await _all_say(reader, found, days_ahead(30))
