"""Of an agency that says that only its own word counts no silence binds it, or takes it out of anything."""

from datetime import datetime
from typing import Any

import pytest

from registry.agreements.instruments.commands import holding
from registry.agreements.instruments.commands.own_word import follow_own_word
from registry.agreements.instruments.consent import CONTEST_PERIOD, ProposalKind, ReportedKind, takes_own_word
from registry.directory.agencies.commands import own_word
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from tests.agreements.instruments.reporting import DAY, PATH, letter, report, seen_at
from tests.agreements.instruments.test_acts_of_earlier_days import earlier_day
from tests.agreements.instruments.test_in_force import in_force
from tests.agreements.instruments.test_silence import signed, stands
from tests.support.agreements import confirm_alone, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, inside, make_agency, today
from tests.support.consent import consent, proof, propose_end
from tests.support.service import Service

WHY = {"reason": "By the charter only the council binds the city (demo)."}
WAITS = ("unconfirmed", "own_word_required", None)


async def requires(party: Agency, verb: str = "require-own-word") -> dict[str, Any]:
    said: dict[str, Any] = await party.legal.done("POST", f"/v1/agencies/{party.id}/{verb}", WHY)
    return said


def test_what_binds_or_frees_it_takes_its_word_and_what_another_does_does_not() -> None:
    reported = {kind for kind in ReportedKind if takes_own_word(kind, ProposalKind.DEPARTURE)}
    binds = {ReportedKind.SIGNED, ReportedKind.AGREED_VERBALLY, ReportedKind.OWES_DUTY}
    assert reported == {*binds, ReportedKind.GAVE_NOTICE, ReportedKind.WITHDREW}
    for kind in (ReportedKind.CONSENTED, ReportedKind.WAS_NOTIFIED):
        assert {each for each in ProposalKind if not takes_own_word(kind, each)} == {ProposalKind.DEPARTURE}


async def test_a_signature_that_is_reported_of_it_waits_for_its_own_word(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    found = await record_agreement(one, other)
    await requires(other)
    seen, path = await report(one, found, signed(other, found))
    assert stands(seen) == WAITS
    later = utc_now() + 2 * CONTEST_PERIOD
    await holding.settle_all_due(service.database, later)
    assert not (await seen_at(service, one, found, later)).parties[1].bound
    confirmed = await other.legal.done("POST", f"{path}/confirm")
    assert confirmed["parties"][1]["bound"]


async def test_the_days_that_run_already_end_and_who_reported_is_told(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    found = await record_agreement(one, other)
    seen, _ = await report(one, found, signed(other, found))
    assert stands(seen)[0] == "open"
    await requires(other)
    told = await one.legal.done("GET", f"{PATH}/{found['id']}")
    assert stands(told) == WAITS
    history = (await one.legal.done("GET", f"{PATH}/{found['id']}/history"))["items"]
    (event,) = (each for each in history if each["type"] == "agreement.own_word_required")
    assert event["data"] == {"agency_id": str(other.id), "report_ids": [seen["reported_acts"][0]["id"]]}
    later = utc_now() + 2 * CONTEST_PERIOD
    await holding.settle_all_due(service.database, later)
    assert not (await seen_at(service, one, found, later)).parties[1].bound


async def test_what_had_effect_before_it_said_so_has_it_still(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    found = await record_agreement(one, other)
    seen, _ = await report(one, found, signed(other, found))
    effect = datetime.fromisoformat(seen["reported_acts"][0]["takes_effect_at"])
    async with unit_of_work(service.database) as write:
        lawyer = inside(other.id, Role.LEGAL, now=effect)
        await own_word.require_own_word(write, lawyer, follow_own_word, other.id, "so (demo)")
    later = await seen_at(service, one, found, effect)
    assert (later.reported_acts[0].status, later.parties[1].bound) == ("uncontested", True)


async def test_neither_a_paper_filed_later_nor_a_person_seen_later_begins_the_days(
    service: Service, cast: Cast
) -> None:
    one, other = cast.assisting, cast.requesting
    found = await record_agreement(one, other)
    path = f"{PATH}/{found['id']}"
    seen = await one.legal.done("POST", f"{path}/report-act", signed(other, found))
    assert stands(seen)[:2] == ("unconfirmed", "evidence_not_on_file")
    await requires(other)
    assert stands(await one.legal.done("GET", path)) == WAITS
    unseen = await make_agency(service, "Unseen", seen=False)
    its = await record_agreement(one, unseen)
    seen, _ = await report(one, its, signed(unseen, its))
    assert stands(seen)[:2] == ("unconfirmed", "not_reached")
    await requires(unseen)
    assert stands(await one.legal.done("GET", f"{PATH}/{its['id']}")) == WAITS


async def test_of_its_leaving_no_silence_counts_either(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, other, notice={"days": 5})
    before, path = await report(one, found, letter(other, today()))
    assert stands(before)[0] == "open"
    await requires(other)
    assert stands(await one.legal.done("GET", f"{PATH}/{found['id']}")) == WAITS
    later = utc_now() + 2 * CONTEST_PERIOD
    await holding.settle_all_due(service.database, later)
    assert (await seen_at(service, one, found, later)).parties[1].bound
    left = await other.legal.done("POST", f"{path}/confirm")
    assert left["parties"][1]["leaves_at"] is not None


async def test_nor_of_an_end_for_all(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    found = await sign_agreement(service, one, other)
    await requires(other)
    proposed = (await propose_end(one, found))["proposals"][-1]
    yes = {**letter(other, today()), "kind": "consented", "proposal_id": proposed["id"]}
    seen, _ = await report(one, found, yes)
    assert stands(seen) == WAITS
    later = utc_now() + 2 * CONTEST_PERIOD
    await holding.settle_all_due(service.database, later)
    assert (await seen_at(service, one, found, later)).status == "in_force"


async def test_no_silence_binds_it_backwards_either(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    found = await record_agreement(one, other, effective_on="2020-08-01", signed_on="2020-07-20")
    await requires(one)
    digest = await proof(other, found)
    said = await confirm_alone(found, other, "2020-09-01", evidence_sha256=digest)
    assert stands(said) == WAITS
    then = datetime.fromisoformat("2020-10-01T12:00:00Z")
    await holding.settle_all_due(service.database, utc_now() + 2 * CONTEST_PERIOD)
    assert await in_force(one, other, then) == []
    await consent(one, found, earlier_day(said))
    assert len(await in_force(one, other, then)) == 1


@pytest.mark.parametrize("again", [False, True])
async def test_once_its_silence_counts_again_what_was_reported_before_still_waits(
    service: Service, cast: Cast, again: bool
) -> None:
    one, other = cast.assisting, cast.requesting
    found = await record_agreement(one, other)
    await requires(other)
    _, path = await report(one, found, signed(other, found))
    await requires(other, "let-silence-count")
    assert stands(await one.legal.done("GET", f"{PATH}/{found['id']}")) == WAITS
    if again:
        await one.legal.done("POST", f"{path}/take-back", {"reason": "made again"})
        await report(one, found, signed(other, found))
    later = utc_now() + CONTEST_PERIOD + DAY
    await holding.settle_all_due(service.database, later)
    assert (await seen_at(service, one, found, later)).parties[1].bound is again
