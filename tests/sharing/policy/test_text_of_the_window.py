"""A loan is decided by the text that binds both agencies when it begins, and names the one that takes its place."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from registry.agreements.instruments.queries.in_force import AgreementCandidate, TextFrom
from registry.agreements.instruments.queries.later_texts import Lasting, TextBetween, governed
from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.terms import Terms
from registry.platform.kernel.errors import Conflict
from registry.platform.kernel.time import Window, day_starts_at, utc_now
from registry.sharing.policy.decisions import Decision, DecisionReason
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import EVIDENCE, PROVISIONS, UNLIMITED, sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Cast
from tests.support.deadlines import days_ahead
from tests.support.loans import Partners, make_loan, make_partners, see
from tests.support.policy import decide_again, make_decision
from tests.support.problems import assert_problem
from tests.support.requests import line_for, need_line, submitted

CHICAGO = ZoneInfo("America/Chicago")
IN_DAYS = 20


def changes() -> datetime:
    """When another text takes over."""
    return day_starts_at(days_ahead(IN_DAYS), CHICAGO)


def before() -> datetime:
    return changes() - timedelta(days=9)


def within() -> datetime:
    return changes() - timedelta(hours=20)


def after() -> datetime:
    return changes() + timedelta(days=3)


def lasting(start: datetime, hours: int = 80) -> Window:
    return Window(start=start, end=start + timedelta(hours=hours))


def terms(hours: Any, **more: Any) -> dict[str, Any]:
    return {"categories": ["any"], **UNLIMITED, "max_duration_hours": hours, **more}


async def amended(cast: Cast, now: Any = 96, then: Any = 72, **fields: Any) -> Partners:
    """Partners whose next text allows loans of `then` hours, and not of `now` any more."""
    partners = await make_partners(cast, **terms(now))
    said = {"terms": terms(then), **fields}
    await amended_on_paper(
        partners.agreement, cast.assisting, cast.requesting, effective_on=days_ahead(IN_DAYS), signed_on="2025-06-01",
        **said,
    )  # fmt: skip
    return partners


def version(decision: Decision) -> int:
    assert decision.agreement is not None
    return decision.agreement.version_no


def of_texts(decision: Decision) -> list[DecisionReason]:
    return [each for each in decision.reasons if each.effect == "text"]


def at(instant: datetime) -> str:
    """As reasons name it: in UTC, and beside that where the agreement is."""
    utc, there = (instant.astimezone(zone) for zone in (ZoneInfo("UTC"), CHICAGO))
    return f"{utc:%Y-%m-%d %H:%M} UTC ({there:%Y-%m-%d %H:%M} in America/Chicago)"


@pytest.mark.parametrize(("now", "then", "outcomes"), [(96, 72, "permitted denied"), (72, 96, "denied permitted")])
async def test_the_text_at_the_start_decides(cast: Cast, now: int, then: int, outcomes: str) -> None:
    partners = await amended(cast, now, then)
    asset, found = await make_asset(partners.assisting), []
    for start in (before(), after()):
        decision = (await make_decision(partners.requesting, asset, window=lasting(start))).decision
        found.append(decision.outcome)
        sides = f"requesting_agency_id={cast.requesting.id}&assisting_agency_id={cast.assisting.id}"
        asked = f"/v1/agreements/in-force?{sides}&as_of={start.isoformat().replace('+', '%2B')}"
        (binding,) = (await cast.requesting.legal.done("GET", asked))["items"]
        assert version(decision) == binding["version_no"] == (1 if start == before() else 2)
        assert bool(of_texts(decision)) is (start == after())
    assert found == outcomes.split()
    (said,) = of_texts(decision)
    assert (said.policy_id, said.layer, said.title) == ("text_changes", "engine", "The agreement changes its text")
    number = partners.agreement["number"]
    assert said.reason == (
        f"Version 2 of agreement {number} takes the place of version 1 on {at(changes())}. "
        "This is decided by version 2, which binds both when this loan begins."
    )


async def test_a_text_that_takes_over_while_the_loan_lasts_is_named(cast: Cast) -> None:
    partners = await amended(cast)
    loan = await make_loan(partners, window=lasting(within()))
    assert loan["agreement"]["version_no"] == 1, "it is lent under the text that binds as it begins"
    decision = await cast.requesting.coordinator.done("GET", f"/v1/decisions/{loan['decision_id']}")
    (said,) = [each for each in decision["decision"]["reasons"] if each["effect"] == "text"]
    number = partners.agreement["number"]
    assert said["reason"] == (
        f"While this loan lasts, version 2 of agreement {number} takes the place of version 1 on {at(changes())}. "
        "This is decided by version 1, which binds both when this loan begins; a longer loan that is asked for after "
        "that is decided by the version that binds both then."
    )
    replayed = await cast.requesting.coordinator.done("GET", f"/v1/decisions/{loan['decision_id']}/replay")
    assert replayed["same"] is True
    ends_before = await make_decision(
        partners.requesting, {"id": loan["asset"]["id"]}, window=Window(start=before(), end=changes())
    )
    assert of_texts(ends_before.decision) == [], "it is over as the other text begins"


async def test_a_loan_and_its_sheet_cite_the_version_that_binds_as_it_begins(cast: Cast) -> None:
    clause = {"number": "7", "heading": "equipment", "text": "For ninety-six hours at most (demo)."}
    of_term = {"clauses": {"max_duration_hours": "7"}}
    partners = await amended(cast, 72, terms=terms(96, **of_term), provisions=[*PROVISIONS, clause])
    loan = await make_loan(partners, window=lasting(after()))
    for side in (partners.assisting, partners.requesting):
        assert (await see(side, loan["id"]))["agreement"]["version_no"] == 2
        sheet = await side.coordinator.get(f"/v1/loans/{loan['id']}/sheet.html")
        assert f"{partners.agreement['number']}, version 2" in sheet.text
    path = f"/v1/agreements/{partners.agreement['id']}/versions/2"
    seen = await cast.requesting.coordinator.done("GET", path)
    assert "7" in {each["number"] for each in seen["provisions"]}


async def test_what_the_coming_text_covers_is_lent_from_then_on(cast: Cast) -> None:
    partners = await make_partners(cast, **terms(96, categories=["vehicle"]))
    await amended_on_paper(
        partners.agreement, cast.assisting, cast.requesting, effective_on=days_ahead(IN_DAYS), signed_on="2025-06-01",
        terms=terms(96),
    )  # fmt: skip
    dog = await make_asset(partners.assisting)
    assert (await make_decision(partners.requesting, dog, window=lasting(within()))).outcome == "denied"
    assert await hindered(partners, await make_loan(partners, asset=dog, window=lasting(after()))) is False


async def test_what_the_coming_text_does_not_cover_any_more_cannot_come(cast: Cast) -> None:
    partners = await make_partners(cast, **terms(96))
    earlier, later = [await make_loan(partners, window=lasting(start)) for start in (before(), after())]
    await amended_on_paper(
        partners.agreement, cast.assisting, cast.requesting, effective_on=days_ahead(IN_DAYS), signed_on="2025-06-01",
        terms=terms(96, categories=["vehicle"]),
    )  # fmt: skip
    assert [await hindered(partners, loan) for loan in (earlier, later)] == [False, True]


async def hindered(partners: Partners, loan: dict[str, Any]) -> bool:
    """Whether both inboxes say that the loan cannot come."""
    told = []
    for side in (partners.assisting, partners.requesting):
        page = await side.coordinator.done("GET", "/v1/inbox", params={"waiting_on": "me", "limit": 200})
        kinds = {each["kind"] for each in page["items"] if each["subject"]["id"] == loan["id"]}
        told.append("cannot_come" in kinds)
    assert len(set(told)) == 1
    return told[0]


async def test_a_change_that_only_a_report_says_governs_nothing(cast: Cast) -> None:
    partners = await make_partners(cast, **terms(96))
    paper = {
        "title": "Amended (demo)",
        "effective_on": str(days_ahead(IN_DAYS)),
        "terms": terms(72),
        "provisions": PROVISIONS,
        "signed_on": "2025-06-01",
        "signatory_title": "Chief",
        "evidence_sha256": EVIDENCE,
        "reason": "shorter loans",
    }
    path = f"/v1/agreements/{partners.agreement['id']}"
    await cast.assisting.legal.done("POST", f"{path}/record-amendment", paper)
    asset = await make_asset(partners.assisting)
    decision = (await make_decision(partners.requesting, asset, window=lasting(after()))).decision
    assert (decision.outcome, version(decision), of_texts(decision)) == ("permitted", 1, [])


async def test_who_has_not_signed_the_amendment_borrows_by_the_old_text(cast: Cast) -> None:
    parties = (cast.assisting, cast.requesting, cast.neighbour)
    found = await sign_agreement(cast.assisting.service, *parties, terms=terms(96), effective_on="2020-01-01")
    both = (cast.assisting, cast.neighbour)
    day = days_ahead(IN_DAYS)
    await amended_on_paper(found, *both, effective_on=day, signed_on="2025-06-01", terms=terms(72))
    asset = await make_asset(cast.assisting)
    for borrower, outcome, no in ((cast.requesting, "permitted", 1), (cast.neighbour, "denied", 2)):
        decision = (await make_decision(borrower, asset, window=lasting(after()))).decision
        assert (decision.outcome, version(decision), bool(of_texts(decision))) == (outcome, no, no == 2)


@pytest.mark.parametrize("start", [before, within, after])
async def test_what_if_a_page_and_what_is_asked_say_the_same(cast: Cast, start: Callable[[], datetime]) -> None:
    partners = await amended(cast)
    neighbours = await sign_agreement(cast.neighbour.service, cast.neighbour, cast.requesting, terms=terms(96))
    assets = [await make_asset(each) for each in (cast.assisting, cast.neighbour)]
    window = lasting(start())
    need = await submitted(cast.requesting, {}, lines=[need_line(window=window)])
    path = f"/v1/requests/{need['id']}/lines/{need['lines'][0]['id']}/candidates"
    items = (await cast.requesting.coordinator.done("GET", path))["items"]
    by_asset = {each["asset"]["id"]: each for each in items}
    for asset, agreement in zip(assets, (partners.agreement, neighbours), strict=True):
        made = await submitted(cast.requesting, {}, lines=[line_for(asset, window=window)])
        decided = made["lines"][0]["decision"]
        question = {
            "asset_id": asset["id"],
            "purpose": "narcotics_investigation",
            "window": line_for(asset, window=window)["window"],
        }
        single = (await cast.requesting.coordinator.done("POST", "/v1/policy-evaluations", question))["decision"]
        candidate = by_asset[asset["id"]]
        assert (candidate["outcome"], candidate["reasons"]) == (single["outcome"], single["reasons"])
        assert (decided["outcome"], decided["reasons"]) == (single["outcome"], single["reasons"])
        assert single["agreement"]["agreement_id"] == agreement["id"]


async def test_what_is_reserved_after_the_amendment_was_signed_is_decided_by_it(cast: Cast) -> None:
    partners = await make_partners(cast, **terms(96))
    asked = await make_decision(partners.requesting, await make_asset(partners.assisting), window=lasting(after()))
    assert (asked.outcome, version(asked.decision)) == ("permitted", 1)
    await amended_on_paper(
        partners.agreement, cast.assisting, cast.requesting, effective_on=days_ahead(IN_DAYS), signed_on="2025-06-01",
        terms=terms(72),
    )  # fmt: skip
    refused = await cast.assisting.coordinator.post("/v1/loans", {"decision_id": str(asked.id)})
    problem = assert_problem(refused, 409, "decision_worsened")
    assert "takes the place of version 1" in problem["detail"]


async def test_what_has_begun_and_what_leaves_early_is_decided_by_the_text_of_now(cast: Cast) -> None:
    partners = await amended(cast, "no_limit", 72)
    window = Window(start=utc_now() - timedelta(hours=1), end=utc_now() + timedelta(hours=60))
    under_way = await make_decision(partners.requesting, await make_asset(partners.assisting), window=window)
    handed_over = await decide_again(partners.assisting, under_way.id, "dispatch")
    assert (version(handed_over.decision), of_texts(handed_over.decision)) == (1, [])
    later = await make_decision(partners.requesting, await make_asset(partners.assisting), window=lasting(after(), 60))
    assert version((await decide_again(partners.assisting, later.id, "dispatch")).decision) == 2
    from_now = Window(start=utc_now(), end=lasting(after(), 60).end)
    early = await decide_again(partners.assisting, later.id, "dispatch", window=from_now)
    assert (early.outcome, version(early.decision)) == ("permitted", 1)
    (said,) = of_texts(early.decision)
    assert "version 1, which binds both now" in said.reason


async def test_a_longer_loan_is_decided_by_the_text_at_its_start(cast: Cast) -> None:
    partners = await amended(cast, 96, 72)
    loan = await make_decision(partners.requesting, await make_asset(partners.assisting), window=lasting(after(), 60))
    longer = await decide_again(partners.requesting, loan.id, "extend", window=lasting(after(), 70))
    assert (longer.outcome, version(longer.decision)) == ("permitted", 2)
    with pytest.raises(Conflict, match="allows at most 72 hours"):
        await decide_again(partners.requesting, loan.id, "extend", window=lasting(after(), 80))


async def test_a_term_that_the_coming_text_restricts_is_told_of_that_text(cast: Cast) -> None:
    law = {"sensitivity": "restricted", "exemption": "Section 13.82 (demo); have counsel review"}
    clause = {"number": "9", "heading": "equipment", "text": "For so long and no longer (demo).", **law}
    secret = terms(37, clauses={"max_duration_hours": "9"})
    partners = await amended(cast, terms=secret, provisions=[*PROVISIONS, clause])
    asset = await make_asset(partners.assisting)
    denied = (await make_decision(partners.requesting, asset, window=lasting(after()))).decision
    assert (denied.outcome, version(denied)) == ("denied", 2)
    told = str(denied)
    assert "restricted clause 9" in told
    assert "37 hours" not in str(
        [each.reason for each in denied.reasons] + [each.explanation for each in denied.near_misses]
    )
    over = (await make_decision(partners.requesting, asset, window=lasting(before(), 100))).decision
    assert (over.outcome, version(over)) == ("denied", 1)
    assert "allows at most 96 hours" in str(over.reasons), "the present text tells its own"


async def test_what_a_draft_would_change_is_measured_by_the_text_at_the_start(cast: Cast) -> None:
    partners = await amended(cast, 96, 72)
    owner = partners.assisting
    asked = {}
    for name, start in (("before", before()), ("within", within()), ("after", after())):
        asked[name] = await submitted(
            cast.requesting, {}, lines=[line_for(await make_asset(owner), window=lasting(start, 70))]
        )
    path = f"/v1/agreements/{partners.agreement['id']}"
    opening = {"effective_on": str(days_ahead(IN_DAYS)), "reason": "Shorter still."}
    opened = await owner.legal.post(f"{path}/amend", opening)
    assert opened.status_code == 200, opened.text
    drafted = await owner.legal.done("PATCH", path, {"terms": terms(60)}, if_match=opened.headers["etag"])
    found = await owner.legal.done("GET", f"{path}/versions/{drafted['amendment']['version_no']}/impact")
    assert [each["request_id"] for each in found["lines"]] == [asked["after"]["id"]]
    assert found["lines_examined"] == 1, "what begins before it is decided by the text before it"
    signed = await owner.legal.done("GET", f"{path}/versions/2/impact")
    assert (signed["lines_examined"], signed["lines"]) == (1, []), "it is decided by that very text already"


NOW = datetime(2099, 1, 1, tzinfo=ZoneInfo("UTC"))
DAY = timedelta(days=1)


def between(no: int, start: int, end: int | None) -> TextBetween:
    return TextBetween(
        start=NOW + start * DAY,
        end=None if end is None else NOW + end * DAY,
        version_id=IDS[no],
        version_no=no,
        title=f"Text {no} (demo)",
        covers_category=no != 3,
        assists=True,
        terms=Terms(categories=["any"], max_duration_hours=24 * no),
        restricted_terms=[],
        contradicted_terms={"max_duration_hours": None} if no == 2 else {},
    )


IDS = {no: uuid4() for no in (1, 2, 3)}
OWNER = uuid4()
TRIED = AgreementCandidate(
    id=uuid4(),
    number="MA-1",
    title="Text 1 (demo)",
    kind=AgreementKind.MUTUAL_AID,
    version_id=IDS[1],
    version_no=1,
    in_force=True,
    covers_category=True,
    covers_direction=True,
    covers_until=None,
    effective_at=NOW - 9 * DAY,
    terms=Terms(categories=["any"], max_duration_hours=24),
    restricted_terms=[],
    review_every_months=None,
)


@pytest.mark.parametrize(
    ("pieces", "start", "end", "governs", "until", "told"),
    [
        ([(1, -5, 4), (2, 4, None)], 1, 4, 1, None, []),
        ([(1, -5, 4), (2, 4, None)], 1, 5, 1, None, [(1, -5), (2, 4)]),
        ([(1, -5, 4), (2, 4, None)], 4, 5, 2, None, [(1, -5), (2, 4)]),
        ([(1, -5, 4), (2, 4, 6), (3, 6, None)], 7, 8, 3, None, [(1, -5), (2, 4), (3, 6)]),
        ([(1, -5, 4), (2, 4, 6), (3, 6, None)], 1, 5, 1, None, [(1, -5), (2, 4)]),
        ([(1, -5, 2), (1, 2, 4), (2, 4, None)], 3, 4, 1, None, []),
        ([(1, -5, 4), (2, 5, None)], 6, 7, 1, 4, []),
        ([(1, -5, 4), (2, 4, 6), (3, 7, None)], 8, 9, 1, 6, []),
        ([(1, -5, 4), (2, 4, 6)], 5, 8, 2, 6, [(1, -5), (2, 4)]),
        ([(2, 4, None)], 5, 8, 1, None, []),
        ([], 5, 8, 1, None, []),
    ],
)
def test_texts_that_follow_one_another_without_a_break_govern(
    pieces: list[tuple[int, int, int | None]],
    start: int,
    end: int,
    governs: int,
    until: int | None,
    told: list[tuple[int, int]],
) -> None:
    ahead = {(OWNER, TRIED.id): [between(*each) for each in pieces]}
    (found,) = governed(OWNER, [TRIED], ahead, NOW, Lasting(NOW + start * DAY, NOW + end * DAY))
    assert (found.version_no, found.version_id) == (governs, IDS[governs])
    assert found.title == f"Text {governs} (demo)"
    assert found.terms.max_duration_hours == 24 * governs
    assert bool(found.contradicted_terms) is (governs == 2)
    assert found.covers_category is (governs != 3)
    assert found.covers_until == (None if until is None else NOW + until * DAY)
    assert found.texts == tuple(TextFrom(no, NOW + day * DAY) for no, day in told)
