"""The days that people name: today is today where their agency is, and the future is what is future in both places.

Nine acts name the day on which they were done. Each is tried around midnight, on both sides of the date line, and
taken back at once, so that one set of agreements serves for all.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from registry.agreements.deadlines.commands import complete_review
from registry.agreements.deadlines.schemas import CompletedReview
from registry.agreements.duties.commands import fulfil_duty
from registry.agreements.duties.schemas import Fulfilment
from registry.agreements.instruments.commands import (
    ending,
    governing_body,
    recording,
    reporting,
    signing,
    terminating,
)
from registry.agreements.instruments.consent_tables import agreement_consent, agreement_proposal, agreement_reported_act
from registry.agreements.instruments.queries.authorities import get_authority
from registry.agreements.instruments.schemas.consenting import NewReportedAct
from registry.agreements.instruments.schemas.given import (
    Confirmation,
    GoverningApproval,
    RecordedAgreement,
    RecordedAmendment,
    Signing,
    Termination,
    WithdrawalNotice,
)
from registry.agreements.instruments.tables import agreement, agreement_approval, agreement_signature
from registry.agreements.insurance.queries import get_certificate
from registry.agreements.insurance.schemas import NEW_CERTIFICATE_EXAMPLE
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Caller, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.database.handles import Write
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import civil_day, day_starts_at
from tests.support.agreements import EVIDENCE, PROVISIONS, agreement_body, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.deadlines import deadlines_of
from tests.support.policy import acting_for
from tests.support.review import out_for_signature
from tests.support.service import Service

pytestmark = pytest.mark.second_long

ZONES = ("Pacific/Auckland", "Pacific/Honolulu", "America/New_York", "UTC")
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)
PAIRS = tuple(permutations(ZONES, 2))
PAPER = {"signatory_title": "Chief", "evidence_location": "County clerk's vault (demo)"}


@given(seconds=st.integers(0, 4_000_000_000), days=st.integers(-2, 2))
@pytest.mark.parametrize(("here", "there"), PAIRS)
def test_a_day_is_to_come_or_over_only_where_it_is_in_both_places(
    here: str, there: str, seconds: int, days: int
) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    now = Today(now=at, agency_zone=here, agreement_zone=there)
    day = now.at_agency + timedelta(days=days)
    begins = [day_starts_at(day, ZoneInfo(zone)) for zone in (here, there)]
    ends = [day_starts_at(day + DAY, ZoneInfo(zone)) for zone in (here, there)]
    assert now.has_come(day) == (min(begins) <= at)
    assert now.is_over(day) == (max(ends) <= at)
    assert now.has_come(now.at_agency), "today is never refused"
    assert not now.is_over(now.at_agency)
    assert f"{now.at_agency} where the agency is ({here})" in str(now)
    assert f"{now.by_agreement} by the agreement's time zone ({there})" in str(now)


class Scene(Struct, kw_only=True):
    """Agreements at the stages from which the acts start; the acting agency is always `actor`."""

    service: Service
    actor: Agency
    partner: Agency
    unconfirmed: dict[str, Any]
    to_sign: dict[str, Any]
    signed: dict[str, Any]
    duty_id: UUID

    def ids(self) -> list[UUID]:
        return [UUID(found["id"]) for found in (self.unconfirmed, self.to_sign, self.signed)]

    def legal(self, now: datetime) -> Caller:
        return acting_for(self.actor, Role.LEGAL, now=now)


@pytest.fixture
async def scene(service: Service, cast: Cast) -> Scene:
    actor, partner = cast.requesting, cast.assisting
    signed = await sign_agreement(service, actor, partner, number=f"DAYS-{actor.id}")
    duty = {"title": "File it", "citation": "Code 1-2-3 (demo)", "due_on": str(today() + timedelta(days=90))}
    entered = await actor.legal.done("POST", f"/v1/agreements/{signed['id']}/duties", duty)
    return Scene(
        service=service,
        actor=actor,
        partner=partner,
        unconfirmed=await record_agreement(partner, actor),
        to_sign=await out_for_signature(partner, actor),
        signed=signed,
        duty_id=UUID(entered["id"]),
    )


Act = Callable[[Scene, Write, datetime, date], Awaitable[object]]


def given_as(kind: Any, body: dict[str, Any]) -> Any:
    """A body as a request brings it."""
    return msgspec.convert(body, kind, strict=False)


async def record(scene: Scene, write: Write, now: datetime, day: date) -> object:
    zone = await write.value(sa.select(agreement.c.time_zone).where(agreement.c.id == UUID(scene.signed["id"])))
    body = agreement_body(scene.actor, scene.partner, time_zone=zone) | PAPER | {"signed_on": str(day)}
    key = scene.service.settings.ledger_key
    return await recording.record_agreement(write, scene.legal(now), key, given_as(RecordedAgreement, body))


async def confirm(scene: Scene, write: Write, now: datetime, day: date) -> object:
    body = PAPER | {"version_sha256": scene.unconfirmed["version_sha256"], "signed_on": str(day)}
    agreement_id = UUID(scene.unconfirmed["id"])
    return await recording.confirm(write, scene.legal(now), agreement_id, given_as(Confirmation, body), None)


async def report(scene: Scene, write: Write, now: datetime, day: date) -> object:
    agreement = scene.signed
    other = next(
        party["agency"]["id"] for party in agreement["parties"] if party["agency"]["id"] != str(scene.actor.id)
    )
    body = {
        "agency_id": other,
        "kind": "withdrew",
        "acted_on": str(day),
        "evidence_sha256": EVIDENCE,
        "reason": "a letter",
    }
    said = given_as(NewReportedAct, body)
    return await reporting.report_act(write, scene.legal(now), UUID(agreement["id"]), said, None)


async def sign(scene: Scene, write: Write, now: datetime, day: date) -> object:
    body = PAPER | {"version_sha256": scene.to_sign["version_sha256"], "signed_on": str(day), "manner": "wet"}
    return await signing.sign(write, scene.legal(now), UUID(scene.to_sign["id"]), given_as(Signing, body), None)


async def record_amendment(scene: Scene, write: Write, now: datetime, day: date) -> object:
    text = {"title": "Amended (demo)", "effective_on": str(day + DAY), "terms": {"categories": ["any"]}}
    body = text | PAPER | {"provisions": PROVISIONS, "signed_on": str(day), "reason": "more of it"}
    key, amendment = scene.service.settings.ledger_key, given_as(RecordedAmendment, body)
    return await recording.record_amendment(write, scene.legal(now), key, UUID(scene.signed["id"]), amendment, None)


async def record_approval(scene: Scene, write: Write, now: datetime, day: date) -> object:
    approval = given_as(
        GoverningApproval,
        {"version_no": 1, "body": "County board", "approved_on": str(day), "evidence_sha256": EVIDENCE},
    )
    return await governing_body.record_approval(write, scene.legal(now), UUID(scene.signed["id"]), approval, None)


async def give_notice(scene: Scene, write: Write, now: datetime, day: date) -> object:
    notice = given_as(WithdrawalNotice, {"notice_on": str(day), "reason": "the council declined"})
    return await ending.give_notice(write, scene.legal(now), UUID(scene.signed["id"]), notice, None)


async def hold_review(scene: Scene, write: Write, now: datetime, day: date) -> object:
    review = given_as(CompletedReview, {"reviewed_on": str(day), "outcome": "keep"})
    return await complete_review(write, scene.legal(now), UUID(scene.signed["id"]), review, None)


async def fulfil(scene: Scene, write: Write, now: datetime, day: date) -> object:
    done = given_as(Fulfilment, {"fulfilled_on": str(day), "evidence_sha256": EVIDENCE})
    return await fulfil_duty(write, scene.legal(now), UUID(scene.signed["id"]), scene.duty_id, done, None)


async def told_of_its_signature(scene: Scene, write: Write, now: datetime, day: date) -> object:
    text = {"version_sha256": scene.unconfirmed["version_sha256"], "signatory_title": "Chief"}
    said = {"agency_id": str(scene.actor.id), "kind": "signed", "acted_on": str(day), "reason": "a letter", **text}
    partner = acting_for(scene.partner, Role.LEGAL, now=now)
    new = given_as(NewReportedAct, {**said, "evidence_sha256": EVIDENCE})
    return await reporting.report_act(write, partner, UUID(scene.unconfirmed["id"]), new, None)


def _ended(day: date) -> Termination:
    paper: Termination = given_as(Termination, {"acted_on": str(day), "evidence_sha256": EVIDENCE, "reason": "over"})
    return paper


async def ended_on_paper(scene: Scene, write: Write, now: datetime, day: date) -> object:
    partner = acting_for(scene.partner, Role.LEGAL, now=now)
    return await terminating.terminate(write, partner, UUID(scene.signed["id"]), _ended(day), None)


async def ended_on_its_paper(scene: Scene, write: Write, now: datetime, day: date) -> object:
    actor = scene.legal(now)
    return await terminating.terminate(write, actor, UUID(scene.signed["id"]), _ended(day), None)


ACTS: tuple[Act, ...] = (
    *(record, confirm, report, sign, record_amendment),
    *(record_approval, give_notice, hold_review, fulfil),
)


@asynccontextmanager
async def moved(scene: Scene, here: str, there: str) -> AsyncIterator[Write]:
    """A unit of work in which the acting agency and the agreements keep those times; it is never committed."""
    write = scene.service.database.write()
    try:
        await write.run(agency.update().where(agency.c.id == scene.actor.id).values(time_zone=here))
        await write.run(agreement.update().where(agreement.c.id.in_(scene.ids())).values(time_zone=there))
        yield write
    finally:
        await write.abandon()


async def latest_legal_instant(write: Write, scene: Scene) -> datetime:
    """The latest instant from which anything signed or approved counts."""
    found: list[datetime | None] = [
        await write.value(sa.select(sa.func.max(column)).where(column.table.c.agency_id == scene.actor.id))
        for column in (agreement_signature.c.counts_from, agreement_approval.c.starts_at)
    ]
    return max(at for at in found if at is not None)


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
async def test_each_act_takes_the_day_it_is_in_either_place_and_none_after(scene: Scene, act: Act) -> None:
    for here, there in PAIRS:
        midnight = day_starts_at(today() + 2 * DAY, ZoneInfo(here))
        for now in (midnight - TICK, midnight):
            days = {zone: civil_day(now, zone) for zone in (here, there)}
            async with moved(scene, here, there) as write:
                with pytest.raises(RuleBroken) as refused:
                    await act(scene, write, now, max(days.values()) + DAY)
            assert f"It is {days[here]} where the agency is ({here})" in refused.value.detail
            assert f"and {days[there]} by the agreement's time zone ({there})" in refused.value.detail
            (fault,) = refused.value.faults
            assert str(fault.pointer).endswith("_on")
            async with moved(scene, here, there) as write:
                await act(scene, write, now, max(days.values()))
                assert await latest_legal_instant(write, scene) <= now, "what was done today counts from now, not later"


async def test_what_is_dated_by_a_day_counts_from_its_beginning_where_who_did_it_is(scene: Scene) -> None:
    """By the agreement's clocks the day may begin while it is still the day before where the signer is."""
    day = today() - 2 * DAY
    for here, there in PAIRS:
        began = day_starts_at(day, ZoneInfo(here))
        now = day_starts_at(day + 3 * DAY, ZoneInfo(here))
        for act, column in (
            (confirm, agreement_proposal.c.not_before),  # of a day that is over it is put to the other
            (record_approval, agreement_approval.c.starts_at),
            (told_of_its_signature, agreement_reported_act.c.counts_at),
            (ended_on_paper, agreement_reported_act.c.counts_at),
            (ended_on_its_paper, agreement_consent.c.counts_from),
        ):
            async with moved(scene, here, there) as write:
                await act(scene, write, now, day)
                whose = "proposed_by_id" if column.table is agreement_proposal else "agency_id"
                mine = sa.and_(column.table.c[whose] == scene.actor.id, column <= now)
                counted = await write.all(sa.select(column).where(mine, column >= began - 2 * DAY))
                assert [row[0] for row in counted] == [began], (act.__name__, here, there)


@pytest.mark.parametrize("zone", ZONES)
async def test_what_is_valid_through_a_day_lasts_until_it_ends_where_the_agency_is(
    service: Service, cast: Cast, zone: str
) -> None:
    """A certificate of insurance, an authority to sign, and their deadlines go by one calendar."""
    holder, last = cast.requesting, today() + 30 * DAY
    path = f"/v1/agencies/{holder.id}"
    etag = (await holder.admin.get(path)).headers["etag"]
    assert (await holder.admin.patch(path, {"time_zone": zone}, if_match=etag)).status_code == 200
    insured = {**NEW_CERTIFICATE_EXAMPLE, "effective_on": "2025-01-01", "expires_on": str(last)}
    certificate = await holder.admin.done("POST", f"{path}/insurance", insured)
    office = {"office": "Sheriff", "basis": "statute", "citation": "Code 1-2-3 (demo)"}
    valid = {**office, "effective_on": "2025-01-01", "expires_on": str(last)}
    authority = await holder.admin.done("POST", f"{path}/signing-authorities", valid)
    found = await sign_agreement(service, cast.assisting, holder, terms={"insurance_required": True})
    (deadline,) = await deadlines_of(holder, agreement_id=found["id"], agency_id=holder.id, kind="insurance")
    end = day_starts_at(last + DAY, ZoneInfo(zone))
    assert (deadline["due_on"], datetime.fromisoformat(deadline["due_at"])) == (str(last), end)
    read = service.database.read()
    for now, lasts in ((end - TICK, True), (end, False)):
        caller = acting_for(holder, Role.LEGAL, now=now)
        shown = await get_certificate(read, caller, holder.id, UUID(certificate["id"]))
        assert shown.current is lasts
        power = await get_authority(read, caller.principal, holder.id, UUID(authority["id"]), now)
        assert power.status == ("valid" if lasts else "expired")


@pytest.mark.parametrize("zone", ["Pacific/Guam", "Pacific/Honolulu"])
async def test_a_notice_given_here_and_now_is_in_time_until_the_instant_that_is_shown_as_due(
    service: Service, cast: Cast, zone: str
) -> None:
    """At one instant it declined the term, or the next one a year later, by the day that was written on it."""
    giver = cast.requesting
    async with unit_of_work(service.database) as write:
        await write.run(agency.update().where(agency.c.id == giver.id).values(time_zone=zone))
    last, year_later = (day_starts_at(date(year, 1, 1), ZoneInfo("America/Chicago")) for year in (2100, 2101))
    too_late = {"non_renewal": year_later, "withdrawal": last + DAY}
    for kind, late_until in too_late.items():
        for seconds in (-1, 0):
            found = await sign_agreement(
                service,
                cast.assisting,
                giver,
                effective_on="2020-01-01",
                expires_on="2099-12-31",
                auto_renew_months=12,
                auto_renew_times="no_limit",
                notice={"days": 60},
            )
            (due,) = await deadlines_of(giver, agreement_id=found["id"], kind="last_notice")
            now = datetime.fromisoformat(due["due_at"]) + timedelta(seconds=seconds)
            there = civil_day(now, zone)
            assert str(there) != due["due_on"] or zone == "Pacific/Honolulu", "in Guam it is the day after"
            notice = given_as(WithdrawalNotice, {"notice_on": str(there), "reason": "not again", "kind": kind})
            async with unit_of_work(service.database) as write:
                by = acting_for(giver, Role.LEGAL, now=now)
                left = await ending.give_notice(write, by, UUID(found["id"]), notice, None)
            assert left.parties[1].leaves_at == (last if seconds else late_until), (kind, seconds)


@pytest.mark.parametrize("here", ["Pacific/Guam", "Pacific/Honolulu"])
async def test_a_period_is_over_no_sooner_than_counted_from_the_day_that_the_notice_bears(
    scene: Scene, here: str
) -> None:
    """In Guam it is the day after already: who read thirty days on that letter was told a day less."""
    there = "America/Chicago"
    now = day_starts_at(today() + 2 * DAY, ZoneInfo(there)) + timedelta(hours=2 if here == "Pacific/Honolulu" else 12)
    days = {civil_day(now, zone) for zone in (here, there)}
    assert len(days) == 2
    for day in days:
        later = max(day, civil_day(now, there))
        ends_at = day_starts_at(later + 31 * DAY, ZoneInfo(there))
        async with moved(scene, here, there) as write:
            notice = given_as(WithdrawalNotice, {"notice_on": str(day), "reason": "the council declined"})
            left = await ending.give_notice(write, scene.legal(now), UUID(scene.signed["id"]), notice, None)
            (its,) = (each for each in left.parties if each.agency.id == scene.actor.id)
            assert its.leaves_at == ends_at, (here, day)
