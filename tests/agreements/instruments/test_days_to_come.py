"""Of a day to come others than the parties are told what is public: from an approval, or its rule, nothing follows."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest

from registry.agreements.instruments.in_force import TextStatus
from registry.agreements.instruments.rules import DerivedStatus, Stage
from registry.agreements.instruments.told import PublicDays, alone_at, status_then
from registry.platform.kernel.intervals import Interval
from registry.platform.kernel.time import day_starts_at
from tests.agreements.instruments.test_amendments import act
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import PROVISIONS, agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import agree_to_publish, consent
from tests.support.service import Service

PATH = "/v1/agreements"
DAY = timedelta(days=1)
RULE = {"required": True, "effective_on": "2020-01-01", "reason": "the charter", "citation": "City code (demo)"}
COUNCIL = {"version_no": 1, "approved_on": "2020-01-01", "body": "City council (demo)"}
COUNCIL |= {"evidence_location": "City clerk (demo)"}
DAYS = (1, 15, 40, 80, 310)
_OF_DAYS = ("status", "version_no", "version_status", "term_ends_on", "binds_from", "ends_at", "expires_on")
S = DerivedStatus


def starts(days: int) -> str:
    """The first instant of that day to come, where the agreement is."""
    return f"{day_starts_at(today() + days * DAY, ZoneInfo('America/Chicago')):%Y-%m-%dT%H:%M:%SZ}"


async def told(reader: Agency, found: dict[str, Any], one: Agency, two: Agency) -> list[Any]:
    """What each view says of now and of days to come; the views say the same of each."""
    path, pair = f"{PATH}/{found['id']}", f"requesting_agency_id={two.id}&assisting_agency_id={one.id}"
    said: list[Any] = []
    for days in (0, *DAYS):
        at = f"as_of={today() + days * DAY}T18:00:00Z" if days else ""
        then = await reader.legal.done("GET", f"{path}?{at}")
        listed = (await reader.legal.done("GET", f"{PATH}?ids={found['id']}&status={then['status']}&{at}"))["items"]
        assert [each["status"] for each in listed] == [then["status"]], (days, then["status"])
        pairs = (await reader.legal.done("GET", f"{PATH}/in-force?{pair}&{at}"))["items"]
        between = [each for each in pairs if each["agreement_id"] == found["id"]]
        bound = {each["bound"] for each in then["parties"]}
        assert bound == {bool(between)}, (days, then["status"])
        untils = {each["bound_until"] for each in then["parties"]} | {each["covers_until"] for each in between}
        said.append({**{name: then[name] for name in _OF_DAYS}, "bound": bound, "untils": untils})
    timeline = await reader.legal.done("GET", f"{path}/timeline")
    said.append([each["windows"] for each in timeline["parties"]])
    file = await reader.legal.get(f"{path}/public-file.zip")
    with ZipFile(BytesIO(file.content)) as archive:
        about = json.loads(archive.read("agreement.json"))
    said.append(([each["bound_until"] for each in about["parties"]], about["binds_from"], about["status"]))
    return said


def statuses(said: Sequence[Any]) -> list[str]:
    return [each["status"] for each in said if isinstance(each, dict)]


async def agreed(
    cast: Cast, rule: dict[str, Any] | None = None, approval: dict[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """An agreement that both have signed and published; the second needs an approval where there is a rule."""
    found = await record_agreement(cast.assisting, cast.requesting, **{"effective_on": "2020-01-01", **fields})
    if rule is not None:
        await act(cast.requesting, found, "set-approval-rule", rule)
    if approval is not None:
        await act(cast.requesting, found, "record-approval", approval)
    return await confirm_agreement(found, cast.requesting)


async def test_nobody_else_learns_when_an_approval_runs_out(service: Service, cast: Cast) -> None:
    one, two, ends_on = cast.assisting, cast.requesting, today() + 300 * DAY
    without = await told(cast.stranger, await agreed(cast, expires_on=ends_on), one, two)
    assert statuses(without) == ["in_force"] * 5 + ["expired"]
    found = await agreed(cast, RULE, {**COUNCIL, "expires_on": str(today() + 30 * DAY)}, expires_on=ends_on)
    assert await told(cast.stranger, found, one, two) == without
    assert statuses(await told(one, found, one, two)) == ["in_force"] * 3 + ["lapsed"] * 2 + ["expired"]


async def test_nor_that_one_which_is_lacking_is_asked_for_no_more_from_a_day_on(service: Service, cast: Cast) -> None:
    one, two, ends_on = cast.assisting, cast.requesting, today() + 300 * DAY
    found = await agreed(cast, RULE, expires_on=ends_on)
    before = await told(cast.stranger, found, one, two)
    assert statuses(before) == ["not_yet_effective"] * 5 + ["expired"]
    await act(two, found, "set-approval-rule", {**RULE, "required": False, "effective_on": str(today() + 20 * DAY)})
    assert await told(cast.stranger, found, one, two) == before
    its = await told(two, found, one, two)
    assert statuses(its) == ["not_yet_effective"] * 3 + ["in_force"] * 2 + ["expired"]


async def test_nor_that_what_begins_on_a_day_to_come_waits_for_one(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    days: dict[str, Any] = {"effective_on": today() + 30 * DAY, "expires_on": today() + 300 * DAY}
    without = await told(cast.stranger, await agreed(cast, **days), one, two)
    assert statuses(without) == ["not_yet_effective"] * 3 + ["in_force"] * 2 + ["expired"]
    assert [len(each) for each in without[-2]] == [1, 1], "the stretch to come stands in the timeline"
    assert without[-1][1] == starts(30)
    found = await agreed(cast, RULE, **days)
    assert await told(cast.stranger, found, one, two) == without
    assert statuses(await told(two, found, one, two)) == ["not_yet_effective"] * 5 + ["expired"]


async def test_nor_by_which_version_that_a_published_text_to_come_waits_for_one(service: Service, cast: Cast) -> None:
    """A text to come is shown from its own first day, though it may bind later, or never, by who approves what."""
    one, two = cast.assisting, cast.requesting

    async def amended(rule: dict[str, Any] | None) -> dict[str, Any]:
        found = await agreed(cast, rule)
        paper = {"signed_on": str(today()), "signatory_title": "Chief", "evidence_location": "City clerk (demo)"}
        text = {"title": "Longer (demo)", "terms": {"categories": ["any"]}, "provisions": PROVISIONS}
        body = {**text, **paper, "effective_on": str(today() + 10 * DAY), "reason": "goes on"}
        made = await act(one, found, "record-amendment", body)
        hand = {"version_sha256": made["amendment"]["version_sha256"], **paper}
        await act(two, found, "confirm", hand)
        await agree_to_publish(found["id"], two, version_no=2)
        return found

    def shown(said: Sequence[Any]) -> list[int]:
        return [each["version_no"] for each in said if isinstance(each, dict)]

    assert shown(await told(cast.stranger, await amended(None), one, two)) == [1, 1, 2, 2, 2, 2]
    lifted = {**RULE, "required": False, "effective_on": str(today() + 20 * DAY)}
    found = await amended(RULE)
    before = await told(cast.stranger, found, one, two)
    assert shown(before) == [1, 1, 2, 2, 2, 2]
    await act(two, found, "set-approval-rule", lifted)
    assert await told(cast.stranger, found, one, two) == before


async def test_nobody_else_is_told_until_when_a_word_is_to_be_signed(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    made = await one.legal.done("POST", PATH, agreement_body(one, two, provisions=PROVISIONS))
    word = {"signatory_title": "Chief", "reason": "flood", "ratify_by_on": str(today() + 9 * DAY)}
    active = await one.signatory.done("POST", f"{PATH}/{made['id']}/activate-verbally", word)
    spoken = {"version_sha256": active["version_sha256"], "signatory_title": "Mayor"}
    await act(two, made, "agree-verbally", spoken)
    await agree_to_publish(made["id"], one, two, version_no=1)
    assert (await two.legal.done("GET", f"{PATH}/{made['id']}"))["ratify_by"] is not None
    assert (await cast.stranger.legal.done("GET", f"{PATH}/{made['id']}"))["ratify_by"] is None


async def test_who_leaves_and_what_is_suspended_is_told_of_days_to_come(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, notice={"days": 60})
    pause = {
        "kind": "suspension",
        "effective_on": str(today() + 10 * DAY),
        "ends_on": str(today() + 30 * DAY),
        "reason": "an audit",
    }
    said = await act(one, found, "propose-suspension", pause)
    await consent(two, found, said["proposals"][-1])
    await act(two, found, "give-notice", {"notice_on": str(today()), "reason": "we leave"})
    seen = await told(cast.stranger, found, one, two)
    assert statuses(seen) == ["in_force", "in_force", "suspended", "in_force", "lapsed", "lapsed"]
    assert seen[0]["untils"] == {starts(10)}, "a public suspension cuts it short"
    (leaves,) = seen[3]["untils"]
    assert leaves == (await two.legal.done("GET", f"{PATH}/{found['id']}"))["parties"][1]["leaves_at"]
    assert statuses(await told(one, found, one, two)) == statuses(seen)


def noon(day: int) -> datetime:
    return datetime(2030, 1, 1, 12, tzinfo=UTC) + day * DAY


@pytest.mark.parametrize(
    ("status", "days"),
    [
        (S.IN_FORCE, "bbbbsbblxe"),
        (S.NOTICE_WINDOW, "bbbbsbblxe"),
        (S.NOT_YET_EFFECTIVE, "nnbbsbblxe"),
        (S.LAPSED, "llllsllLxe"),
    ],
)
def test_a_day_to_come_is_as_now_but_for_public_days(status: DerivedStatus, days: str) -> None:
    names = {"b": S.IN_FORCE, "s": S.SUSPENDED, "l": S.LAPSED, "L": S.LAPSED, "x": S.EXPIRED, "e": S.TERMINATED}
    public = PublicDays(
        starts_at=noon(2),
        text_starts_at=noon(2),
        text_ends_at=noon(8),
        ended_at=noon(9),
        superseded=False,
        suspensions=(Interval(start=noon(4), end=noon(5)),),
        alone_at=noon(7),
    )
    found = [status_then(status, public, noon(0), noon(day)) for day in range(10)]
    assert found == [names.get(each, status) for each in days]
    assert [public.text_then(TextStatus.UPCOMING, noon(day)) for day in (1, 2, 8)] == [
        TextStatus.UPCOMING,
        TextStatus.CURRENT,
        TextStatus.ENDED,
    ]


def test_what_is_suspended_or_has_run_out_goes_on_on_a_public_day_alone() -> None:
    def public(text_starts_at: int, *suspensions: Interval) -> PublicDays:
        return PublicDays(
            starts_at=noon(-9),
            text_starts_at=noon(text_starts_at),
            text_ends_at=None,
            ended_at=None,
            superseded=True,
            suspensions=suspensions,
            alone_at=None,
        )

    whole = Interval(start=noon(-1), end=noon(3))
    for status, its, said in (
        (S.SUSPENDED, public(-9, whole), [S.SUSPENDED, S.IN_FORCE]),
        (S.SUSPENDED, public(-9), [S.SUSPENDED] * 2),  # by its parties, each for itself
        (S.EXPIRED, public(3), [S.EXPIRED, S.IN_FORCE]),
        (S.EXPIRED, public(-9), [S.EXPIRED] * 2),
        (Stage.SUPERSEDED, public(3, whole), [S.SUSPENDED, Stage.SUPERSEDED]),
    ):
        assert [status_then(status, its, noon(0), noon(day)) for day in (2, 3)] == said, status


def test_fewer_than_two_are_left_when_the_last_but_one_leaves() -> None:
    class Part:
        def __init__(self, joined: int | None, leaves: int | None, released: int | None = None) -> None:
            self.joined_at, self.leaves_at, self.released_at = (
                None if each is None else noon(each) for each in (joined, leaves, released)
            )

    assert alone_at([Part(0, 5), Part(0, None, 3), Part(0, None)]) == noon(5)
    assert alone_at([Part(0, 5), Part(0, None), Part(0, None)]) is None
    assert alone_at([Part(0, 5), Part(None, None)]) is None


async def test_the_agreement_names_the_text_that_is_to_come_to_its_parties_alone(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, two, effective_on="2020-01-01")
    path = f"{PATH}/{found['id']}"
    assert found["next_text"] is None
    for days in (40, 15):
        day = str(today() + days * DAY)
        await amended_on_paper(found, one, two, effective_on=day, signed_on="2025-06-01")
    for party in (one, two):
        now = await party.legal.done("GET", path)
        assert (now["version_no"], now["next_text"]) == (1, {"version_no": 3, "starts_at": starts(15)})
        later = await party.legal.done("GET", f"{path}?as_of={today() + 20 * DAY}T18:00:00Z")
        assert (later["version_no"], later["next_text"]) == (3, {"version_no": 2, "starts_at": starts(40)})
        last = await party.legal.done("GET", f"{path}?as_of={today() + 50 * DAY}T18:00:00Z")
        assert (last["version_no"], last["next_text"]) == (2, None)


async def test_a_text_that_is_the_first_to_come_is_the_one_shown(service: Service, cast: Cast) -> None:
    day = str(today() + 15 * DAY)
    found = await sign_agreement(service, cast.assisting, cast.requesting, effective_on=day)
    assert (found["version_status"], found["version_no"], found["next_text"]) == ("upcoming", 1, None)
