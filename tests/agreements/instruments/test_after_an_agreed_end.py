"""What comes on record after all had agreed on an end: it changes nothing of that, and is said."""

from datetime import date, timedelta

from tests.agreements.instruments.reporting import report
from tests.agreements.instruments.test_late_entries import amended_on_paper, remarks_of
from tests.support.agreements import confirm_agreement, record_agreement
from tests.support.cast import Cast, today
from tests.support.consent import end_agreement
from tests.support.service import Service

PATH = "/v1/agreements"


def ends_on() -> date:
    return today() + timedelta(days=200)


async def test_who_signs_on_record_after_the_end_was_agreed_is_told_so(service: Service, cast: Cast) -> None:
    one, other, late = cast.assisting, cast.requesting, cast.neighbour
    found = await record_agreement(one, other, late, signed_on="2025-02-03")
    await confirm_agreement(found, other, "2025-02-03")
    ended = await end_agreement(found, one, other, on=ends_on())
    assert "end_agreed_before" not in remarks_of(ended)
    confirmed = await confirm_agreement(found, late, "2025-02-03", evidence_location="County clerk (demo)")
    last = ends_on() - timedelta(days=1)
    detail = remarks_of(confirmed)["end_agreed_before"]
    for said in (str(last), f"agreed by {one.name}, {other.name} on {today()}", f"the signature of {late.name}"):
        assert said in detail
    assert confirmed["parties"][2]["bound"]
    assert confirmed["terminated_at"] == ended["terminated_at"], "nothing that the others agreed on is undone"
    for party in (one, other):
        assert remarks_of(await party.legal.done("GET", f"{PATH}/{found['id']}"))["end_agreed_before"] == detail


async def test_whose_signature_is_reported_after_one_alone_ended_it_reads_that_it_was_not_asked(cast: Cast) -> None:
    one, late = cast.assisting, cast.requesting
    found = await record_agreement(one, late, signed_on="2020-01-01", effective_on="2020-01-01")
    over = {"ground": "mutual_consent", "reason": "over", "acted_on": "2024-06-01", "effective_on": "2024-07-01"}
    kept = {"evidence_location": "County clerk's vault (demo)"}
    ended = await one.legal.done("POST", f"{PATH}/{found['id']}/terminate", {**over, **kept})
    assert "end_agreed_before" not in remarks_of(ended)
    signed = {"version_sha256": found["version_sha256"], "signatory_title": "Chief"}
    about = {"agency_id": str(late.id), "kind": "signed", "acted_on": "2020-01-01", "reason": "found", **signed}
    _, path = await report(one, found, about)
    detail = remarks_of(await late.legal.done("GET", f"{PATH}/{found['id']}"))["end_agreed_before"]
    for said in ("2024-06-30", f"entered on {today()} by {one.name} alone, as agreed on 2024-06-01", late.name):
        assert said in detail
    confirmed = await late.signatory.done("POST", f"{path}/confirm")
    assert remarks_of(confirmed)["end_agreed_before"] == detail


async def test_whoever_was_asked_is_not_said_to_be_late(service: Service, cast: Cast) -> None:
    one, other = cast.assisting, cast.requesting
    found = await record_agreement(one, other, signed_on="2025-02-03", expires_on=today() + timedelta(days=3000))
    await confirm_agreement(found, other, "2025-02-03")
    ended = await end_agreement(found, one, other, on=ends_on())
    assert not {"end_agreed_before", "ends_before_its_term"} & {*remarks_of(ended)}


async def test_a_text_that_runs_past_the_agreed_end_says_which_day_holds(service: Service, cast: Cast) -> None:
    both = (cast.assisting, cast.requesting)
    term = today() + timedelta(days=1500)
    found = await record_agreement(*both, signed_on="2025-02-03")
    await confirm_agreement(found, both[1], "2025-02-03")
    ended = await end_agreement(found, *both, on=ends_on())
    amended = await amended_on_paper(found, *both, effective_on="2025-06-01", expires_on=str(term))
    assert amended["terminated_at"] == ended["terminated_at"]
    detail = remarks_of(amended)["ends_before_its_term"]
    assert str(term) in detail
    assert str(ends_on() - timedelta(days=1)) in detail
    remarks = [each for each in amended["remarks"] if each["code"] == "ends_before_its_term"]
    assert [each["version_no"] for each in remarks] == [2]


async def test_a_text_that_was_signed_before_the_end_was_proposed_needs_no_such_word(
    service: Service, cast: Cast
) -> None:
    both = (cast.assisting, cast.requesting)
    found = await record_agreement(*both, signed_on="2025-02-03")
    await confirm_agreement(found, both[1], "2025-02-03")
    await amended_on_paper(found, *both, effective_on="2025-06-01", expires_on=str(today() + timedelta(days=1500)))
    assert "ends_before_its_term" not in remarks_of(await end_agreement(found, *both, on=ends_on()))
