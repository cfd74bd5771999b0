"""What was signed before an agreement ended is recorded, reported and confirmed after it, and holds until that end."""

from datetime import date, timedelta
from typing import Any

import pytest

from registry.agreements.instruments.rules import past_agreed_end
from tests.agreements.instruments.reporting import letter, report
from tests.agreements.instruments.test_amendments import act
from tests.support.agreements import EVIDENCE, PROVISIONS, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import agree_to_days, consent, end_agreement
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"
KEPT = {"evidence_location": "County clerk's vault (demo)"}
SIGNED, ENDED = "2022-05-01", "2024-06-30"


def paper(effective_on: str = SIGNED, signed_on: str = SIGNED, **fields: Any) -> dict[str, Any]:
    """An amendment that was found in the archive."""
    return {
        "kind": "amendment",
        "title": "Found later (demo)",
        "effective_on": effective_on,
        "notice": {"days": 30},
        "terms": {"categories": ["any"]},
        "provisions": PROVISIONS,
        "signed_on": signed_on,
        "signatory_title": "Chief",
        "evidence_sha256": EVIDENCE,
        "reason": "found in the archive",
        **fields,
    }


async def begun(cast: Cast) -> dict[str, Any]:
    """A paper of three, signed and confirmed years ago."""
    three = (cast.assisting, cast.requesting, cast.neighbour)
    found = await record_agreement(*three, signed_on="2020-01-01", effective_on="2020-01-01")
    for party in three[1:]:
        found = await confirm_agreement(found, party, "2020-01-01")
    return found


async def ended(cast: Cast, found: dict[str, Any]) -> dict[str, Any]:
    """The end to which all had agreed on paper."""
    over = {"ground": "mutual_consent", "reason": "over", "acted_on": "2024-06-01", "effective_on": "2024-07-01"}
    said = await act(cast.assisting, found, "terminate", {**over, **KEPT})
    for party in (cast.requesting, cast.neighbour):
        said = await consent(party, said, said["proposals"][-1])
    return said


async def superseded(service: Service, cast: Cast, found: dict[str, Any]) -> dict[str, Any]:
    """The end by a text that all had signed."""
    three = (cast.assisting, cast.requesting, cast.neighbour)
    successor = await record_agreement(*three, signed_on="2024-07-01", effective_on="2024-07-01")
    for party in three[1:]:
        await confirm_agreement(successor, party, "2024-07-01")
    gives_way = {"by_agreement_id": successor["id"], "reason": "replaced", "effective_on": "2024-07-01", **KEPT}
    said = await act(cast.assisting, found, "supersede", gives_way)
    for party in (cast.requesting, cast.neighbour):
        said = await consent(party, said, said["proposals"][-1])
    return said


async def over(service: Service, cast: Cast, found: dict[str, Any], how: str) -> dict[str, Any]:
    said = await (ended(cast, found) if how == "terminated" else superseded(service, cast, found))
    assert said["stage"] == how
    assert said["terminated_at"].startswith("2024-07-01")
    return said


async def offers(party: Agency, found: dict[str, Any]) -> dict[str, Any]:
    seen = await party.legal.done("GET", f"{PATH}/{found['id']}")
    return {each["action"]: each for each in seen["allowed_actions"]}


def test_of_what_was_signed_on_paper_only_its_first_day_is_held_against_an_end() -> None:
    last = date(2027, 6, 30)
    longer = (date(2027, 1, 1), date(2028, 12, 31), date(2027, 12, 31), last)
    assert past_agreed_end(*longer) is not None
    assert past_agreed_end(*longer, on_paper=True) is None
    after = past_agreed_end(date(2027, 7, 1), None, None, last, on_paper=True, is_over=True)
    assert after is not None
    assert "ended with 2027-06-30" in after


@pytest.mark.parametrize("how", ["terminated", "superseded"])
async def test_an_amendment_signed_before_the_end_is_recorded_reported_and_confirmed_after_it(
    service: Service, cast: Cast, how: str
) -> None:
    found = await over(service, cast, await begun(cast), how)
    assert (await offers(cast.assisting, found))["record_amendment"]["allowed"]
    made = await act(cast.assisting, found, "record-amendment", paper(expires_on="2030-12-31"))
    assert made["terminated_at"] == found["terminated_at"], "what names a longer term lifts no end"
    digest = made["amendments"][0]["version_sha256"]
    for party in (cast.requesting, cast.neighbour):
        offered = await offers(party, found)
        assert offered["confirm"]["allowed"]
        assert not offered["sign"]["allowed"]
        assert f"ended with {ENDED}" in offered["sign"]["reason"]
    hand = {"version_sha256": digest, "signatory_title": "Sheriff", "signed_on": SIGNED, **KEPT}
    done = await act(cast.requesting, found, "confirm", hand)
    assert (done["stage"], done["amendments"]) == (how, [])
    await agree_to_days(found, cast.assisting)
    then = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}?as_of=2023-01-01T12:00:00Z")
    assert (then["version_no"], then["title"]) == (2, "Found later (demo)")
    assert [each["bound_by_versions"] for each in then["parties"]] == [[2, 1], [2, 1], [1]]
    after = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}?as_of=2025-01-01T12:00:00Z")
    assert [each["bound"] for each in after["parties"]] == [False, False, False]
    about = {"kind": "signed", "signatory_title": "Sheriff", "version_sha256": digest}
    _, path = await report(cast.requesting, found, letter(cast.neighbour, date(2023, 2, 1), **about))
    done = await cast.neighbour.legal.done("POST", f"{path}/confirm")
    await agree_to_days(found, cast.assisting)
    then = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}?as_of=2023-03-01T12:00:00Z")
    assert [each["bound_by_versions"] for each in then["parties"]] == [[2], [2], [2]]


@pytest.mark.parametrize("how", ["terminated", "superseded"])
async def test_a_paper_that_was_open_at_the_end_stays_open_for_the_days_before(
    service: Service, cast: Cast, how: str
) -> None:
    found = await begun(cast)
    for dates in ((SIGNED, SIGNED), ("2024-09-01", "2024-05-01")):
        made = await act(cast.assisting, found, "record-amendment", paper(*dates))
    assert [each["effective_on"] for each in made["amendments"]] == [SIGNED, "2024-09-01"]
    said = await over(service, cast, found, how)
    assert [each["effective_on"] for each in said["amendments"]] == [SIGNED], "the other begins after the end"
    assert (await offers(cast.requesting, found))["confirm"]["allowed"]
    assert (await offers(cast.assisting, found))["send_back"]["allowed"] is False
    hand = {"version_sha256": said["amendments"][0]["version_sha256"], "signatory_title": "Sheriff", **KEPT}
    done = await act(cast.requesting, found, "confirm", {**hand, "signed_on": SIGNED})
    assert done["amendments"] == []


@pytest.mark.parametrize("how", ["terminated", "superseded"])
async def test_what_could_never_count_is_refused_with_the_day_of_the_end(
    service: Service, cast: Cast, how: str
) -> None:
    found = await begun(cast)
    await act(cast.assisting, found, "record-amendment", paper())
    said = await over(service, cast, found, how)
    path, digest = f"{PATH}/{found['id']}", said["amendments"][0]["version_sha256"]
    late = {"version_sha256": digest, "signatory_title": "Sheriff", "signed_on": "2024-07-01", **KEPT}
    about = {"kind": "signed", "signatory_title": "Sheriff", "version_sha256": digest}
    for party, verb, body in (
        (cast.assisting, "record-amendment", paper("2024-07-01", "2024-05-01")),
        (cast.assisting, "record-amendment", paper("2024-05-01", "2024-07-01")),
        (cast.requesting, "confirm", late),
        (cast.requesting, "sign", {**late, "signed_on": str(today()), "manner": "wet"}),
        (cast.assisting, "report-act", letter(cast.neighbour, date(2024, 7, 1), **about)),
    ):
        who = party.signatory if verb == "sign" else party.legal
        why = assert_problem(await who.post(f"{path}/{verb}", body), 409, "wrong_status")["detail"]
        assert f"ended with {ENDED}" in why
    drafted = {"kind": "amendment", "effective_on": "2024-01-01", "reason": "too late"}
    assert_problem(await cast.assisting.legal.post(f"{path}/amend", drafted), 409, "wrong_status")


async def test_a_paper_that_lengthens_the_term_may_come_to_light_before_an_agreed_end_has_come(
    service: Service, cast: Cast
) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, expires_on="2198-12-31")
    said = await end_agreement(found, cast.assisting, cast.requesting, on=today() + timedelta(days=30))
    made = await act(cast.assisting, found, "record-amendment", paper("2025-02-01", "2025-02-01", expires_on=None))
    hand = {"version_sha256": made["amendments"][0]["version_sha256"], "signatory_title": "Mayor", **KEPT}
    done = await act(cast.requesting, found, "confirm", {**hand, "signed_on": "2025-02-01"})
    assert (done["version_no"], done["ends_at"]) == (2, said["terminated_at"])


async def test_a_governing_bodys_approval_of_a_day_before_the_end_is_recorded_after_it(cast: Cast) -> None:
    found = await ended(cast, await begun(cast))
    approval = {"version_no": 1, "body": "Council (demo)", "approved_on": "2021-01-01", **KEPT}
    await act(cast.requesting, found, "record-approval", approval)
    late = await cast.requesting.legal.post(
        f"{PATH}/{found['id']}/record-approval", {**approval, "approved_on": "2024-07-01"}
    )
    assert f"ended with {ENDED}" in assert_problem(late, 409, "wrong_status")["detail"]
