"""Restricted text and the terms it says: for the cleared staff of whom it binds, and of whom the text itself names."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.agreements import UNLIMITED, agreement_body, confirm_agreement, sign_agreement
from tests.support.assets import make_asset
from tests.support.cast import Agency, Cast, today
from tests.support.consent import left_long_ago
from tests.support.documents import file_document
from tests.support.problems import assert_problem
from tests.support.review import draft, sent_out, submitted
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
SECRET = "Zephyrine ciphers are kept in the vault"
HOURS = 31
LAW = "Demo Code 1 (have counsel review)"
PROVISIONS = [
    {"number": "1", "heading": "purpose", "text": "The parties help one another."},
    {"number": "9", "heading": "equipment", "text": SECRET, "sensitivity": "restricted", "exemption": LAW},
]
TERMS = {
    "categories": ["any"],
    "max_duration_hours": HOURS,
    "suspension": "at_once",
    "clauses": {"max_duration_hours": "9"},
}


async def with_newcomer(service: Service, cast: Cast) -> dict[str, Any]:
    """An agreement of two with a restricted term, to which the neighbour is added."""
    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS, terms=TERMS)
    new = {"agency_ids": [str(cast.neighbour.id)], "reason": "asked to join"}
    path = f"{PATH}/{found['id']}"
    offered = await cast.assisting.legal.done("POST", f"{path}/add-parties", new)
    await cast.requesting.legal.done("POST", f"{path}/proposals/{offered['proposals'][0]['id']}/consent")
    return found


async def legible(reader: Agency, found: dict[str, Any], document: dict[str, Any], person: str = "legal") -> list[bool]:
    """Whether text, version, redline or search, and document show the secret to the agency's cleared staff."""
    caller, path = getattr(reader, person), f"{PATH}/{found['id']}"
    whole = await caller.get(path)
    version = await caller.get(f"{path}/versions/1")
    hits = await caller.get(f"{PATH}/search?q=zephyrine")
    content = await caller.get(f"/v1/documents/{document['id']}/content")
    return [SECRET in whole.text, SECRET in version.text, bool(hits.json()["items"]), content.status_code == 200]


async def test_nothing_restricted_reaches_a_newcomer_before_it_is_bound(service: Service, cast: Cast) -> None:
    found = await with_newcomer(service, cast)
    document = await file_document(
        cast.requesting.legal, found["id"], f"{SECRET}.", sensitivity="restricted", exemption=LAW
    )
    assert await legible(cast.neighbour, found, document) == [False] * 4
    assert await legible(cast.requesting, found, document) == [True] * 4
    refused = await cast.neighbour.legal.post(
        f"{PATH}/{found['id']}/comments",
        {"version_no": 1, "audience": "parties", "provision": "9", "text": "What does it say?"},
    )
    assert_problem(refused, 403, "forbidden")
    await confirm_agreement(found, cast.neighbour, evidence_location="City clerk's vault (demo)")
    assert await legible(cast.neighbour, found, document) == [True] * 4


async def test_keeping_the_file_discloses_nothing_to_who_is_not_bound(service: Service, cast: Cast) -> None:
    found = await with_newcomer(service, cast)
    document = await file_document(
        cast.requesting.legal, found["id"], f"{SECRET}.", sensitivity="restricted", exemption=LAW
    )
    path = f"{PATH}/{found['id']}"
    offer = {"agency_id": str(cast.neighbour.id), "reason": "moves"}
    await cast.assisting.legal.done("POST", f"{path}/offer-custody", offer)
    await cast.neighbour.legal.done("POST", f"{path}/accept-custody", {"reason": "taken"})
    assert await legible(cast.neighbour, found, document) == [False] * 4


async def test_a_restricted_document_reaches_no_party_that_its_filer_did_not_know(cast: Cast) -> None:
    """A custodian names a third agency in the next draft: what the second filed before stays between the two."""
    found = await submitted(cast.assisting, cast.requesting, provisions=PROVISIONS)
    filed = await file_document(
        cast.requesting.legal, found["id"], f"{SECRET}.", sensitivity="restricted", exemption=LAW
    )
    path, parties = f"{PATH}/{found['id']}", [cast.assisting, cast.requesting, cast.neighbour]
    sent_back = await cast.assisting.legal.post(f"{path}/send-back", {"reason": "one more party"})
    body = {"parties": [str(party.id) for party in parties]}
    await cast.assisting.legal.done("PATCH", path, body, if_match=sent_back.headers["etag"])
    await cast.assisting.legal.done("POST", f"{path}/submit")
    shown = [(await party.legal.get(f"/v1/documents/{filed['id']}/content")).status_code for party in parties]
    assert shown == [200, 200, 404], "it was filed before the third was named"
    assert SECRET in (await cast.neighbour.legal.get(path)).text, "the text itself names the third"
    listed = (await cast.neighbour.legal.done("GET", f"{path}/documents"))["items"]
    assert listed == []


async def test_a_term_goes_only_where_its_clause_goes(service: Service, cast: Cast) -> None:
    found = await with_newcomer(service, cast)
    path = f"{PATH}/{found['id']}"
    pair = f"assisting_agency_id={cast.assisting.id}&requesting_agency_id={cast.requesting.id}"
    other = await sign_agreement(
        service, cast.assisting, cast.requesting, provisions=PROVISIONS, terms={**TERMS, "max_duration_hours": 24}
    )
    assert other["id"] != found["id"]
    readers = ((cast.requesting.coordinator, False), (cast.neighbour.legal, False), (cast.requesting.legal, True))
    for reader, shown in readers:
        for where in (path, f"{path}/versions/1"):
            seen = await reader.done("GET", where)
            assert seen["terms"].get("max_duration_hours", "withheld") == (HOURS if shown else "withheld")
            assert seen["terms_withheld"] == ([] if shown else ["max_duration_hours"])
            assert seen["terms"]["clauses"] == {"max_duration_hours": "9"}, "which clause says it is no secret"
        compared = (await reader.done("GET", f"{path}/contradictions"))["items"]
        told = [each["term"] for one in compared for each in one["contradictions"]]
        assert told == (["max_duration_hours"] if shown else [])
        withheld = [] if shown else ["max_duration_hours"]
        assert [one["terms_withheld"] for one in compared] == [withheld] * len(compared)
    for reader, shown in ((cast.requesting.coordinator, False), (cast.requesting.legal, True)):
        in_force = (await reader.done("GET", f"{PATH}/in-force?{pair}"))["items"]
        told_of = {each["terms"].get("max_duration_hours", "withheld") for each in in_force}
        assert told_of == ({HOURS, 24} if shown else {"withheld"})


async def test_a_redline_tells_no_restricted_term_to_who_may_not_read_its_clause(service: Service, cast: Cast) -> None:
    found = await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS, terms=TERMS)
    path = f"{PATH}/{found['id']}"
    opened = await cast.assisting.legal.post(f"{path}/amend", {"effective_on": "2026-12-31", "reason": "longer"})
    change = {"terms": {**UNLIMITED, **TERMS, "max_duration_hours": 2 * HOURS, "max_quantity": 3}}
    await cast.assisting.legal.done("PATCH", path, change, if_match=opened.headers["etag"])
    await cast.assisting.legal.done("POST", f"{path}/submit")
    for reader, shown in ((cast.requesting.coordinator, False), (cast.requesting.auditor, True)):
        line = await reader.done("GET", f"{path}/redline")
        told = [each["pointer"] for each in line["terms"]]
        assert told == (["/terms/max_duration_hours"] if shown else []) + ["/terms/max_quantity"]
        assert line["terms_withheld"] == ([] if shown else ["max_duration_hours"])


async def test_a_decision_names_the_restricted_clause_and_not_its_bound(service: Service, cast: Cast) -> None:
    await sign_agreement(service, cast.assisting, cast.requesting, provisions=PROVISIONS, terms=TERMS)
    asset = await make_asset(cast.assisting)
    question = {
        "asset_id": asset["id"],
        "window": {"start": "2099-06-01T00:00:00Z", "end": "2099-06-09T00:00:00Z"},
        "purpose": "mutual_aid",
    }
    # Counsel may not ask, which denies by itself: what the withheld term comes to is then told to nobody.
    for reader, clause, told in (
        (cast.requesting.coordinator, "9", "within a bound that restricted clause 9 sets"),
        (cast.requesting.legal, None, "whether restricted clause 9 then allows it, asking so tells"),
    ):
        answer = await reader.post("/v1/policy-evaluations", question)
        decision = answer.json()["decision"]
        assert ("forbid", clause) in {(each["effect"], each["clause"]) for each in decision["reasons"]}
        assert told in " ".join(each["explanation"] for each in decision["near_misses"])
        assert f"{HOURS} h" not in answer.text


async def test_a_deadline_of_a_restricted_term_is_told_to_whom_it_binds_as_its_duty(
    service: Service, cast: Cast
) -> None:
    """Who may not read the clause is told of the insurance that its own agency has to have, and of nothing else."""
    said = {"insurance_required": "9", "surviving": "9"}
    terms = {
        "categories": ["any"],
        "insurance_required": True,
        "surviving": [{"clause": "1", "months": 12}],
        "clauses": said,
    }
    found = await sign_agreement(
        service,
        cast.assisting,
        cast.requesting,
        provisions=PROVISIONS,
        terms=terms,
        effective_on="2020-01-01",
        expires_on=str(today() + timedelta(days=50)),
    )
    own, other = str(cast.requesting.id), str(cast.assisting.id)
    for reader, whose, provisions in (
        (cast.requesting.legal, {own, other}, {"9"}),
        (cast.requesting.coordinator, {own}, {None}),
    ):
        page = await reader.done("GET", f"/v1/deadlines?agreement_id={found['id']}")
        assert ("survival_end" in {each["kind"] for each in page["items"]}) == (other in whose)
        insurance = [each for each in page["items"] if each["kind"] == "insurance"]
        assert {each["agency"]["id"] for each in insurance} == whose
        assert {each["basis"]["provision"] for each in insurance} == provisions


async def test_what_everybody_is_shown_is_said_in_no_restricted_provision(cast: Cast) -> None:
    terms = {**TERMS, "clauses": {"categories": "9"}}
    body = agreement_body(cast.assisting, cast.requesting, provisions=PROVISIONS, terms=terms)
    body["notice"] = {"days": 30, "clause": "9"}
    problem = assert_problem(await cast.assisting.legal.post(PATH, body), 422, "agreement_faulty")
    assert [(each["code"], each["pointer"]) for each in problem["errors"]] == [
        ("said_in_restricted", "/terms/clauses/categories"),
        ("said_in_restricted", "/notice/clause"),
    ]


async def test_a_custodians_own_coordinators_read_no_restricted_term_of_its_drafts(cast: Cast) -> None:
    made = await draft(cast.assisting, cast.requesting, provisions=PROVISIONS, terms=TERMS)
    seen = await cast.assisting.coordinator.done("GET", f"{PATH}/{made['id']}")
    assert "max_duration_hours" not in seen["terms"], "null would say that the text does not say it"
    assert seen["terms_withheld"] == ["max_duration_hours"]


async def test_who_has_left_keeps_what_bound_it_and_reads_nothing_restricted_that_came_later(
    service: Service, cast: Cast
) -> None:
    one, other, gone = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, other, gone, provisions=PROVISIONS, terms=TERMS)
    path = f"{PATH}/{found['id']}"
    kept = await file_document(other.legal, found["id"], f"{SECRET}.", sensitivity="restricted", exemption=LAW)
    assert await legible(gone, found, kept) == [True] * 4
    await left_long_ago(service, gone, found)
    assert await legible(gone, found, kept) == [True, True, True, False], "the document was filed after it had left"

    new = "Quetzalite keys are changed on Mondays"
    provisions = [PROVISIONS[0], {**PROVISIONS[1], "text": new}]
    terms = {**TERMS, "max_duration_hours": 2 * HOURS}
    opened = await one.legal.post(f"{path}/amend", {"effective_on": str(today()), "reason": "keys"})
    change = {"provisions": provisions, "terms": terms}
    await one.legal.done("PATCH", path, change, if_match=opened.headers["etag"])
    sent = await sent_out(one, found["id"])
    for party in (one, other):
        hand = {"version_sha256": sent["amendment"]["version_sha256"], "signatory_title": "Chief"}
        await party.signatory.done("POST", f"{path}/sign", {**hand, "manner": "electronic"})
    said = {"version_no": 2, "audience": "parties", "provision": "9", "text": "Quetzalite since when?"}
    await one.legal.done("POST", f"{path}/comments", said)

    for reader, shown in ((other, True), (gone, False)):
        for place in ("", "/versions/2", "/redline", "/redline.html"):
            assert ("Quetzalite" in (await reader.legal.get(f"{path}{place}")).text) == shown, place
        comments = (await reader.legal.done("GET", f"{path}/comments"))["items"]
        assert [each["text"] is not None for each in comments] == ([True] if shown else [])
        hits = await reader.legal.done("GET", f"{PATH}/search?q=quetzalite")
        assert [each["version_no"] for each in hits["items"]] == ([2] if shown else [])
        terms = (await reader.legal.done("GET", path))["terms"]
        assert terms.get("max_duration_hours", "withheld") == (2 * HOURS if shown else "withheld")
        line = await reader.legal.done("GET", f"{path}/redline")
        assert (len(line["provisions"]), line["withheld_provisions"]) == ((1, 0) if shown else (0, 1))
        refused = await reader.legal.post(f"{path}/comments", said)
        assert refused.status_code == (201 if shown else 403)
    assert SECRET in (await gone.legal.get(f"{path}/versions/1")).text, "what bound it it keeps"
    coordinators = await gone.coordinator.done("GET", f"{path}/redline")
    assert (coordinators["provisions"], coordinators["withheld_provisions"]) == ([], 1), "not even that it differs"


async def test_who_joined_by_a_later_text_reads_nothing_restricted_of_an_earlier_one(
    service: Service, cast: Cast
) -> None:
    one, two, new = cast.assisting, cast.requesting, cast.neighbour
    found = await sign_agreement(service, one, two, provisions=PROVISIONS, terms=TERMS)
    path = f"{PATH}/{found['id']}"
    own = "Quinquereme call signs"
    later = [PROVISIONS[0], {**PROVISIONS[1], "text": own}]
    open_terms = {**TERMS, "open_to_accession": True}
    dates = {"effective_on": str(today()), "reason": "opened", "signed_on": str(today()), "signatory_title": "Chief"}
    text = {"title": "Opened (demo)", "terms": open_terms, "provisions": later, "evidence_sha256": "ab" * 32}
    amended = await one.legal.done("POST", f"{path}/record-amendment", {**text, **dates})
    digest = amended["amendment"]["version_sha256"]
    hand = {"version_sha256": digest, "signatory_title": "Mayor"}
    await two.legal.done("POST", f"{path}/confirm", {**hand, "signed_on": str(today())})
    await one.legal.done("POST", f"{path}/add-parties", {"agency_ids": [str(new.id)], "reason": "asked to join"})
    await new.signatory.done("POST", f"{path}/sign", {**hand, "manner": "electronic"})
    assert own in (await new.legal.get(f"{path}/versions/2")).text
    assert SECRET in (await two.legal.get(f"{path}/versions/1")).text
    earlier = await new.legal.done("GET", f"{path}/versions/1")
    assert SECRET not in str(earlier)
    assert "max_duration_hours" not in earlier["terms"]
    for where in (f"{path}/redline?from=1&to=2", f"{PATH}/search?q=zephyrine", f"{path}?as_of=2026-01-01T00:00:00Z"):
        assert SECRET not in (await new.legal.get(where)).text, where
