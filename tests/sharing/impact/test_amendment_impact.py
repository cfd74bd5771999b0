"""What a draft amendment would change of open requests and live loans, as each side sees it."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.support.agreements import UNLIMITED, sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast, today
from tests.support.loans import Partners, make_loan, make_partners
from tests.support.policy import window_of
from tests.support.problems import assert_problem
from tests.support.requests import line_for, submitted

PATH = "/v1/agreements"
SHORT: dict[str, Any] = {"categories": ["any"], **UNLIMITED, "max_duration_hours": 4}


async def amended(lawyer: Agency, agreement: dict[str, Any], terms: dict[str, Any], **opening: Any) -> str:
    """The path of the draft's version, with these terms from today on."""
    path = f"{PATH}/{agreement['id']}"
    opened = await lawyer.legal.post(f"{path}/amend", {"effective_on": str(today()), "reason": "Shorter.", **opening})
    assert opened.status_code == 200, opened.text
    changed = await lawyer.legal.done("PATCH", path, {"terms": terms}, if_match=opened.headers["etag"])
    return f"{path}/versions/{changed['amendment']['version_no']}"


async def asked(partners: Partners, hours: int) -> dict[str, Any]:
    line = line_for(await make_asset(partners.assisting), window=window_of(hours=hours))
    return await submitted(partners.requesting, {}, lines=[line])


async def test_the_open_lines_and_live_loans_that_a_draft_would_change_are_told_to_their_two_sides(cast: Cast) -> None:
    partners = await make_partners(cast)
    owner, other = partners.assisting, partners.requesting
    long, short = await asked(partners, 8), await asked(partners, 2)
    reserved, out = await make_loan(partners), await make_loan(partners, "on_scene")
    await make_loan(partners, "closed")
    path = await amended(owner, partners.agreement, SHORT)
    found = await owner.legal.done("GET", f"{path}/impact")
    assert (found["lines_examined"], found["loans_examined"], found["complete"], found["left_out"]) == (2, 2, True, 0)
    (line,) = found["lines"]
    assert (line["request_id"], line["line_no"]) == (long["id"], 1)
    assert (line["before"], line["after"]) == ("permitted", "denied")
    assert line["policy_ids"] == ["duration_over_limit"]
    assert (line["requesting_agency"], line["assisting_agency"]) == (other.reference, owner.reference)
    assert short["id"] not in str(found)
    assert {(each["loan_id"], each["status"]) for each in found["loans"]} == {
        (reserved["id"], "reserved"),
        (out["id"], "on_scene"),
    }
    assert {each["after"] for each in found["loans"]} == {"denied"}
    # The draft is its custodian's alone; once it is in review, the other party sees what it would mean, too.
    assert_problem(await other.legal.get(f"{path}/impact"), 404, "not_found")
    await owner.legal.done("POST", f"{PATH}/{partners.agreement['id']}/submit")
    assert await other.coordinator.done("GET", f"{path}/impact") == found
    still = await other.coordinator.done("GET", f"/v1/requests/{long['id']}")
    assert still["lines"][0]["status"] == "permitted", "it changes nothing"


async def test_what_it_would_let_pass_and_what_ends_before_it_begins(cast: Cast) -> None:
    partners = await make_partners(cast, approval_required=True)
    await asked(partners, 8)
    path = await amended(partners.assisting, partners.agreement, {"categories": ["any"], **UNLIMITED})
    (line,) = (await partners.assisting.legal.done("GET", f"{path}/impact"))["lines"]
    assert (line["before"], line["after"], line["policy_ids"]) == (
        "needs_approval",
        "permitted",
        ["approval_by_agreement"],
    )
    await partners.assisting.legal.done("POST", f"{PATH}/{partners.agreement['id']}/withdraw", {"reason": "No (demo)."})
    later = {"effective_on": str(today() + timedelta(days=60))}
    path = await amended(partners.assisting, partners.agreement, {"categories": ["any"]}, **later)
    found = await partners.assisting.legal.done("GET", f"{path}/impact")
    assert (found["lines_examined"], found["lines"]) == (0, []), "the loan is over by then"


async def test_what_no_longer_covers_the_category_is_no_ground(cast: Cast) -> None:
    partners = await make_partners(cast)
    await asked(partners, 8)
    path = await amended(partners.assisting, partners.agreement, {"categories": ["vehicle"]})
    (line,) = (await partners.assisting.legal.done("GET", f"{path}/impact"))["lines"]
    assert (line["after"], line["policy_ids"]) == ("denied", ["no_ground"])


async def test_a_third_party_is_told_nothing_of_what_two_others_share(cast: Cast) -> None:
    agreement = await sign_agreement(
        cast.assisting.service, cast.assisting, cast.requesting, cast.neighbour, effective_on="2020-01-01"
    )
    partners = Partners(
        assisting=cast.assisting, requesting=cast.requesting, stranger=cast.stranger, agreement=agreement
    )
    await asked(partners, 8)
    await make_loan(partners)
    path = await amended(cast.assisting, agreement, SHORT)
    await cast.assisting.legal.done("POST", f"{PATH}/{agreement['id']}/submit")
    assert len((await cast.requesting.legal.done("GET", f"{path}/impact"))["loans"]) == 1
    found = await cast.neighbour.legal.done("GET", f"{path}/impact")
    assert (found["lines_examined"], found["loans_examined"], found["lines"], found["loans"]) == (0, 0, [], [])


async def test_a_restricted_figure_is_not_found_by_what_it_would_change(cast: Cast) -> None:
    law = {"sensitivity": "restricted", "exemption": "Section 13.82 (demo); have counsel review"}
    clause = {"number": "9", "heading": "equipment", "text": "For so long and no longer (demo).", **law}
    said = {"max_duration_hours": 36, "clauses": {"max_duration_hours": "9"}}
    agreement = await sign_agreement(
        cast.assisting.service, cast.assisting, cast.requesting, terms=said, provisions=[clause],
        effective_on="2020-01-01",
    )  # fmt: skip
    partners = Partners(
        assisting=cast.assisting, requesting=cast.requesting, stranger=cast.stranger, agreement=agreement
    )
    await asked(partners, 8)
    path = await amended(cast.assisting, agreement, {**said, **SHORT})
    found = await cast.assisting.legal.done("GET", f"{path}/impact")
    assert (found["lines_examined"], found["left_out"], found["lines"]) == (1, 1, [])


async def test_a_draft_of_another_agreement_leaves_no_line_to_a_restricted_figure(cast: Cast) -> None:
    """Under a draft that permits nothing the answer would rest on the other agreement, for each length asked."""
    law = {"sensitivity": "restricted", "exemption": "Section 13.82 (demo); have counsel review"}
    clause = {"number": "9", "heading": "equipment", "text": "For so long and no longer (demo).", **law}
    said = {"max_duration_hours": 36, "clauses": {"max_duration_hours": "9"}}
    sides = cast.assisting.service, cast.assisting, cast.requesting
    await sign_agreement(*sides, terms=said, provisions=[clause], effective_on="2020-01-01")
    agreement = await sign_agreement(*sides, effective_on="2020-01-01")
    partners = Partners(
        assisting=cast.assisting, requesting=cast.requesting, stranger=cast.stranger, agreement=agreement
    )
    for hours in (8, 40):
        await asked(partners, hours)
    path = await amended(cast.assisting, agreement, {"categories": ["any"], "max_duration_hours": 1})
    found = await cast.assisting.legal.done("GET", f"{path}/impact")
    assert (found["lines_examined"], found["left_out"], found["lines"]) == (2, 2, [])


async def test_who_may_ask_and_of_what(cast: Cast) -> None:
    partners = await make_partners(cast)
    path = await amended(partners.assisting, partners.agreement, SHORT)
    at = f"{PATH}/{partners.agreement['id']}/versions"
    assert_problem(await partners.assisting.service.anonymous.get(f"{path}/impact"), 401)
    assert_problem(await cast.stranger.legal.get(f"{path}/impact"), 403)  # it is published, its versions are not
    assert_problem(await cast.stranger.legal.get(f"{PATH}/{uuid4()}/versions/1/impact"), 404, "not_found")
    present = await partners.assisting.legal.done("GET", f"{at}/1/impact")
    assert (present["lines"], present["loans"]) == ([], []), "the text of now changes nothing"
    assert_problem(await partners.assisting.legal.get(f"{at}/99/impact"), 404, "not_found")
    assert_problem(await partners.assisting.legal.get(f"{at}/{2**40}/impact"), 404, "not_found")
    assert_problem(await partners.assisting.legal.get(f"{path}/impact?days=3"), 400)
