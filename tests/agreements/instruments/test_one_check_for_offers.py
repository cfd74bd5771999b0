"""What is offered can be done, and who was never bound is not asked: given-up texts, papers, terms that ran out."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from tests.agreements.instruments.reporting import DAY, PATH, letter, report, report_offered
from tests.agreements.instruments.test_amendments import act
from tests.agreements.instruments.test_lapsed_parties import offers, renewed_by_two
from tests.agreements.instruments.test_signatures_entered_late import versions_between
from tests.agreements.instruments.test_texts_in_their_places import original, renewed
from tests.support.agreements import EVIDENCE, PROVISIONS, confirm_agreement
from tests.support.cast import Cast, today
from tests.support.consent import agree_to_days, consent, proof, propose_end
from tests.support.problems import assert_problem
from tests.support.service import Service

pytestmark = pytest.mark.second_later

KEPT = {"evidence_location": "County clerk's vault (demo)"}


async def test_a_newcomer_is_offered_no_hand_to_what_the_others_had_given_up(cast: Cast) -> None:
    one, other, new = cast.assisting, cast.requesting, cast.neighbour
    found = await confirm_agreement(await original(one, other), other, "2019-12-15")
    await renewed(cast, found, "2099-12-31", one, other)
    asked = await act(one, found, "add-parties", {"agency_ids": [str(new.id)], "reason": "asked to join"})
    added = await consent(other, found, asked["proposals"][-1])
    assert [(await offers(new, found))[each] for each in ("sign", "confirm")] == [True, True]
    old = {"version_sha256": found["version_sha256"], "signatory_title": "Chief"}
    path = f"{PATH}/{found['id']}"
    for verb, body in (
        ("sign", {**old, "manner": "electronic"}),
        ("confirm", {**old, "signed_on": str(today()), **KEPT}),
    ):
        problem = assert_problem(await new.legal.post(f"{path}/{verb}", body), 422, "other_version")
        assert "replaced by version 2" in problem["detail"], verb
    hand = {"version_sha256": added["version_sha256"], "signatory_title": "Chief", "manner": "electronic"}
    await act(new, found, "sign", hand)
    assert [(await offers(new, found))[each] for each in ("sign", "confirm")] == [False, False]


async def test_who_signed_and_was_never_bound_is_not_asked(cast: Cast) -> None:
    one, other, third = cast.assisting, cast.requesting, cast.neighbour
    found = await confirm_agreement(await original(one, other, third), other, "2019-12-15")
    await confirm_agreement(found, third, today())
    await renewed(cast, found, "2099-12-31", one, other)
    await agree_to_days(found, third)
    said = await propose_end(one, found)
    assert [each["id"] for each in said["proposals"][-1]["outstanding"]] == [str(other.id)]


async def test_a_recorded_amendment_is_declined_like_a_draft(cast: Cast) -> None:
    one, other, third = cast.assisting, cast.requesting, cast.neighbour
    found = await confirm_agreement(await original(one, other, third), other, "2019-12-15")
    found = await confirm_agreement(found, third, "2019-12-15")
    paper: dict[str, Any] = {
        "kind": "amendment",
        "title": "Wider (demo)",
        "effective_on": "2024-01-01",
        "notice": {"days": 30},
        "terms": {"categories": ["any"]},
        "provisions": PROVISIONS,
        "signed_on": "2024-01-01",
        "signatory_title": "Chief",
        "evidence_sha256": EVIDENCE,
        "reason": "found in the archive",
    }
    recorded = await act(one, found, "record-amendment", paper)
    digest = recorded["amendments"][-1]["version_sha256"]
    assert (await offers(other, found))["decline_to_sign"] is True
    assert (await offers(one, found))["decline_to_sign"] is False
    no = {"version_sha256": digest, "reason": "we never signed it"}
    path = f"{PATH}/{found['id']}/decline-to-sign"
    assert_problem(await one.legal.post(path, no), 409, "wrong_status")
    seen = await other.legal.done("POST", path, no)
    assert [(each["agency"]["id"], each["action"]) for each in seen["declined_by"]] == [(str(other.id), "sign")]
    assert (await offers(other, found))["decline_to_sign"] is False
    assert_problem(await other.legal.post(path, no), 409, "already_declined")
    about = {"kind": "signed", "version_sha256": digest, "signatory_title": "Mayor"}
    said, _ = await report(one, found, letter(other, today() - 30 * DAY, **about))
    assert said["reported_acts"][-1]["because"] == "said_no"
    hand = {"version_sha256": digest, "signatory_title": "Chief", "signed_on": "2024-01-01", **KEPT}
    await act(other, found, "confirm", hand)  # it may still change its mind


async def test_whose_term_ran_out_reports_and_is_reported_of_for_the_days_before(service: Service, cast: Cast) -> None:
    two, third = cast.requesting, cast.neighbour
    found = await renewed_by_two(cast)
    assert await report_offered(third, found)
    body = {**letter(two, today() - 10 * DAY), "evidence_sha256": EVIDENCE}
    assert_problem(await third.legal.post(f"{PATH}/{found['id']}/report-act", body), 409, "wrong_status")
    seen, path = await report(third, found, letter(two, date(2023, 5, 1), kind="withdrew"))
    by = {each["id"]: each["recorded_by"]["id"] for each in seen["reported_acts"]}
    assert by[path.rpartition("/")[2]] == str(third.id)
    before = datetime(2023, 5, 1, 12, tzinfo=UTC)
    assert await versions_between(third, cast.assisting, before) == [1]
    said = letter(third, date(2023, 3, 1), kind="withdrew")
    seen = await cast.assisting.legal.done(
        "POST", f"{PATH}/{found['id']}/report-act", {**said, "evidence_sha256": await proof(cast.assisting, found)}
    )
    (its,) = (each for each in seen["reported_acts"] if each["agency"]["id"] == str(third.id))
    await third.legal.done("POST", f"{PATH}/{found['id']}/reported-acts/{its['id']}/confirm")
