"""Others than the parties are told what the published text says: of a later one, or an unpublished clause, nothing."""

import json
from datetime import date, timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile
from zoneinfo import ZoneInfo

from registry.platform.kernel.time import day_starts_at
from tests.support.agreements import PROVISIONS, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.service import Service

PATH = "/v1/agreements"
DAY = timedelta(days=1)


def day_after(day: date) -> str:
    """The instant at which that day is over where the agreement is."""
    return f"{day_starts_at(day + DAY, ZoneInfo('America/Chicago')):%Y-%m-%dT%H:%M:%SZ}"


async def test_nobody_else_learns_the_last_day_of_a_text_that_is_not_published(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    ends_on, longer = today() + 30 * DAY, today() + 400 * DAY
    notice = {"days": 10, "clause": "1"}
    found = await sign_agreement(service, one, two, expires_on=ends_on, notice=notice)
    path = f"{PATH}/{found['id']}"
    paper = {"signed_on": str(today()), "signatory_title": "Chief", "evidence_sha256": "ab" * 32}
    text = {"title": "Longer (demo)", "terms": {"categories": ["any"]}, "provisions": PROVISIONS, "notice": notice}
    dates = {"effective_on": str(today()), "expires_on": str(longer), "reason": "goes on"}
    amendment = {**text, **dates, **paper}
    amended = await one.legal.done("POST", f"{path}/record-amendment", amendment)
    hand = {"version_sha256": amended["amendment"]["version_sha256"], "signatory_title": "Mayor"}
    await two.legal.done("POST", f"{path}/confirm", {**hand, "signed_on": str(today())})
    later = f"{ends_on + 60 * DAY}T12:00:00Z"
    pair = f"requesting_agency_id={two.id}&assisting_agency_id={one.id}"

    async def told(reader: Agency) -> tuple[Any, ...]:
        now = await reader.legal.done("GET", path)
        then = await reader.legal.done("GET", f"{path}?as_of={later}")
        (bound,) = (await reader.legal.done("GET", f"{PATH}/in-force?{pair}"))["items"]
        still = (await reader.legal.done("GET", f"{PATH}/in-force?{pair}&as_of={later}"))["items"]
        untils = {each["bound_until"] for each in now["parties"]} | {bound["covers_until"]}
        return untils, then["parties"][0]["bound"], then["status"], len(still)

    for party in (one, two):
        assert await told(party) == ({day_after(longer)}, True, "in_force", 1)
    assert await told(cast.stranger) == ({day_after(ends_on)}, False, "expired", 0)
    answer = await cast.stranger.legal.get(f"{path}/public-file.zip")
    with ZipFile(BytesIO(answer.content)) as archive:
        about = json.loads(archive.read("agreement.json"))
    assert {each["bound_until"] for each in about["parties"]} == {day_after(ends_on)}


async def test_nor_that_a_text_which_is_not_published_ends_sooner(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    paper = {"signed_on": str(today()), "signatory_title": "Chief", "evidence_sha256": "ab" * 32}
    dates = {"effective_on": str(today() + 10 * DAY), "expires_on": str(today() + 20 * DAY), "reason": "sooner"}
    text = {"title": "Shorter (demo)", "terms": {"categories": ["any"]}, "provisions": PROVISIONS}
    pair = f"requesting_agency_id={two.id}&assisting_agency_id={one.id}"
    found = await sign_agreement(service, one, two, expires_on=today() + 300 * DAY)
    path = f"{PATH}/{found['id']}"

    async def told(reader: Agency, days: int) -> tuple[Any, ...]:
        as_of = f"as_of={today() + days * DAY}T18:00:00Z"
        then = await reader.legal.done("GET", f"{path}?{as_of}")
        between = (await reader.legal.done("GET", f"{PATH}/in-force?{pair}&{as_of}"))["items"]
        listed: dict[str, tuple[str, str]] = {}
        for status in ("in_force", "notice_window", "expired"):
            page = await reader.legal.done("GET", f"{PATH}?party_id={one.id}&status={status}&{as_of}")
            listed |= {each["id"]: (status, each["status"]) for each in page["items"]}
        shown = {name: then[name] for name in ("version_no", "version_status", "term_ends_on", "expires_on", "status")}
        return shown, listed[found["id"]], {each["bound"] for each in then["parties"]}, len(between)

    before = [await told(cast.stranger, days) for days in (1, 15, 40, 310)]
    amended = await one.legal.done("POST", f"{path}/record-amendment", {**text, **dates, **paper})
    hand = {"version_sha256": amended["amendment"]["version_sha256"], "signatory_title": "Mayor"}
    await two.legal.done("POST", f"{path}/confirm", {**hand, "signed_on": str(today())})
    assert [await told(cast.stranger, days) for days in (1, 15, 40, 310)] == before
    assert [shown[1] for shown in before] == [("in_force", "in_force")] * 3 + [("expired", "expired")]
    assert (await told(two, 40))[1:] == (("expired", "expired"), {False}, 0)


async def test_how_long_notice_runs_is_told_where_its_clause_is_public(service: Service, cast: Cast) -> None:
    ends_on = today() + 90 * DAY
    for clause, is_told in (("1", True), ("4.2", False), (None, False)):
        notice = {"days": 10, "clause": clause}
        found = await sign_agreement(service, cast.assisting, cast.requesting, expires_on=ends_on, notice=notice)
        last = str(ends_on - 10 * DAY)
        for reader, days in ((cast.requesting, 10), (cast.stranger, 10 if is_told else None)):
            seen = await reader.legal.done("GET", f"{PATH}/{found['id']}")
            assert (seen["notice"] or {}).get("days") == days
            named = {seen["last_notice_on"], *(each["last_notice_on"] for each in seen["parties"])}
            assert named == {last if days else None}, clause
