"""An agency's register of who may sign, over HTTP, and what it means for a signature."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from registry.agreements.instruments.authority import FiledPaper, day_given
from registry.agreements.instruments.signing_tables import agreement_signature_authority
from registry.platform.database.connect import unit_of_work
from tests.agreements.dossier.test_agreement_file import data, unpacked
from tests.support.agreements import EVIDENCE, PROVISIONS, agreement_body, record_agreement, sign_agreement
from tests.support.cast import LONG_AHEAD, Agency, Cast, today
from tests.support.consent import proof
from tests.support.problems import assert_problem
from tests.support.review import PATH, hand, out_for_signature
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_later

CITATION = "Charter, section 4 (example; have counsel review)"


def office(name: str = "Sheriff", **fields: Any) -> dict[str, Any]:
    return {"office": name, "basis": "election", "citation": CITATION, "effective_on": "2024-01-01", **fields}


def register(agency: Agency) -> str:
    return f"/v1/agencies/{agency.id}/signing-authorities"


async def registered(agency: Agency, name: str = "Sheriff", **fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = await agency.admin.done("POST", register(agency), office(name, **fields))
    return made


async def delegation(agency: Agency, source: dict[str, Any], name: str, **fields: Any) -> dict[str, Any]:
    body = {"office": name, "citation": CITATION, "effective_on": "2024-01-01", **fields}
    made: dict[str, Any] = await agency.legal.done("POST", f"{register(agency)}/{source['id']}/delegate", body)
    return made


async def revoke(agency: Agency, authority: dict[str, Any], **fields: Any) -> Any:
    body = {"reason": "the office was merged", **fields}
    return await agency.legal.done("POST", f"{register(agency)}/{authority['id']}/revoke", body)


def party_of(found: dict[str, Any], agency: Agency) -> dict[str, Any]:
    party: dict[str, Any] = next(each for each in found["parties"] if each["agency"]["id"] == str(agency.id))
    return party


async def sign(agency: Agency, found: dict[str, Any], title: str, **fields: object) -> Any:
    return await agency.signatory.post(f"{PATH}/{found['id']}/sign", hand(found, title, **fields))


async def test_an_agency_with_nothing_on_record_signs_as_before(cast: Cast) -> None:
    found = await out_for_signature(cast.assisting, cast.requesting)
    assert [party["authority"] for party in found["parties"]] == [None, None]
    signed = (await sign(cast.requesting, found, "Whoever")).json()
    assert party_of(signed, cast.requesting)["authority"] == "not_on_record"
    await registered(cast.requesting)
    seen = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}")
    assert party_of(seen, cast.requesting)["authority"] == "not_on_record", "it was given before there was a record"


async def test_a_signature_names_an_office_that_holds_an_authority_today(cast: Cast) -> None:
    await registered(cast.requesting, "Sheriff", expires_on=str(today() - timedelta(days=1)))
    await registered(cast.requesting, "Deputy", effective_on=str(today() + timedelta(days=1)))
    chief = await registered(cast.requesting, "Chief", effective_on=str(today()), expires_on=str(today()))
    found = await out_for_signature(cast.assisting, cast.requesting)
    for title, reason in (
        ("Mayor", "No authority of that office to sign"),
        ("Sheriff", f"expired on {today() - timedelta(days=1)}"),
        ("Deputy", f"begins on {today() + timedelta(days=1)}"),
    ):
        problem = assert_problem(await sign(cast.requesting, found, title), 422, "no_signing_authority")
        assert reason in problem["detail"]
        assert problem["errors"][0]["pointer"] == "/signatory_title"
    signed = (await sign(cast.requesting, found, "CHIEF")).json()
    assert party_of(signed, cast.requesting)["authority"] == {
        "id": chief["id"],
        "office": "Chief",
        "basis": "election",
        "delegated_from_id": None,
        "revoked_on": None,
        "lacking": False,
        "recorded_by": cast.requesting.reference,
        "recorded_at": chief["created_at"],
        "recorded_later": False,
    }
    assert_problem(await sign(cast.requesting, found, "Chief"), 409, "already_signed")


async def test_an_authority_that_was_revoked_since_signs_nothing_that_is_entered_afterwards(cast: Cast) -> None:
    """Neither by a paper of yesterday, nor by an electronic signature that claims to be of yesterday."""
    sheriff = await registered(cast.requesting)
    found = await out_for_signature(cast.assisting, cast.requesting)
    await revoke(cast.requesting, sheriff, revoked_on=str(today()))
    for fields in ({}, {"manner": "wet", "signed_on": str(today())}):
        problem = assert_problem(await sign(cast.requesting, found, "Sheriff", **fields), 422, "no_signing_authority")
        assert f"was revoked on {today()}" in problem["detail"]


async def test_an_authority_revoked_as_of_a_day_before_the_signature_is_shown_and_unbinds_nobody(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    sheriff = await registered(two)
    deputy = await delegation(two, sheriff, "Deputy")
    found = await out_for_signature(one, two)
    await sign(two, found, "Deputy")
    await one.signatory.done("POST", f"{PATH}/{found['id']}/sign", hand(found))
    seen = await one.coordinator.done("GET", f"{PATH}/{found['id']}")
    assert party_of(seen, two)["authority"]["lacking"] is False
    revoked_on = str(today() - timedelta(days=30))
    await revoke(two, sheriff, revoked_on=revoked_on)
    seen = await one.coordinator.done("GET", f"{PATH}/{found['id']}")
    shown = party_of(seen, two)["authority"]
    assert (shown["id"], shown["revoked_on"], shown["lacking"]) == (deputy["id"], revoked_on, True)
    assert party_of(seen, two)["bound"] is True
    (remark,) = [each for each in seen["remarks"] if each["code"] == "authority_lacking"]
    assert two.name in remark["detail"]
    version = await one.coordinator.done("GET", f"{PATH}/{found['id']}/versions/1")
    (theirs,) = [each for each in version["signatures"] if each["agency"]["id"] == str(two.id)]
    assert theirs["authority"]["lacking"] is True
    assert "authority_lacking" in [each["code"] for each in version["remarks"]]


async def test_what_nothing_on_file_shows_is_confirmed_by_an_office_that_may_sign_today(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    sheriff = await registered(two)
    found = await record_agreement(one, two)
    path = f"{PATH}/{found['id']}"
    await revoke(two, sheriff, revoked_on=str(today() - timedelta(days=1)))
    said = {"kind": "signed", "agency_id": str(two.id), "acted_on": "2024-06-01", "reason": "the clerk's copy"}
    said |= {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff", "evidence_sha256": EVIDENCE}
    reported = await one.legal.done("POST", f"{path}/report-act", said)
    answer = f"{path}/reported-acts/{reported['reported_acts'][0]['id']}/confirm"
    assert_problem(await two.legal.post(answer), 422, "no_signing_authority")
    paper = {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff", "signed_on": "2024-06-01"}
    for evidence in ({}, {"evidence_location": "The vault (demo)"}):
        refused = await two.signatory.post(f"{path}/confirm", {**paper, **evidence})
        assert_problem(refused, 422, "no_signing_authority")
    for shows_nothing in (
        await proof(two, found),
        await proof(two, found, kind="other"),
        await proof(one, found, kind="other"),
        await proof(one, found, kind="evidence", version_no=1),
        await proof(one, found),  # as the signed copy of a version that its filer did not name
    ):
        refused = await two.signatory.post(f"{path}/confirm", {**paper, "evidence_sha256": shows_nothing})
        problem = assert_problem(refused, 422, "no_signing_authority")
        assert "filed the signed copy" in problem["detail"]
    shown = {"evidence_sha256": await proof(one, found, version_no=1)}
    confirmed = await two.signatory.done("POST", f"{path}/confirm", {**paper, **shown})
    assert party_of(confirmed, two)["bound"] is True, "a later revocation undoes no signature that another's copy shows"


async def test_what_nothing_on_file_shows_is_recorded_by_an_office_that_may_sign_today(cast: Cast) -> None:
    """As it is confirmed: a day that only the custodian names may be one of its choice, on a first text and a later."""
    one, two = cast.assisting, cast.requesting
    sheriff, mayor = await registered(one), await registered(one, "Mayor")
    paper = {"signed_on": "2024-06-15", "signatory_title": "Sheriff", "evidence_sha256": EVIDENCE}
    body = {**agreement_body(one, two, effective_on="2024-06-15"), **paper}
    await revoke(one, sheriff, revoked_on="2024-06-30")
    refused = assert_problem(await one.legal.post(f"{PATH}/record", body), 422, "no_signing_authority")
    assert f"on 2024-06-15 and on {today()}" in refused["detail"]
    assert "a service of your agency, which gives no hand" in refused["detail"]
    found = await one.legal.done("POST", f"{PATH}/record", {**body, "signatory_title": "Mayor"})
    await revoke(one, mayor, revoked_on="2024-06-30")
    change: dict[str, Any] = {
        "kind": "amendment",
        "effective_on": "2024-06-15",
        "signed_on": "2024-06-15",
        "reason": "wider loans",
    }
    change |= {"title": "Mutual aid (demo)", "notice": {"days": 30}, "terms": {"categories": ["any"]}}
    change |= {"provisions": PROVISIONS, "signatory_title": "Mayor"}
    path = f"{PATH}/{found['id']}/record-amendment"
    first = await proof(two, found, version_no=1)
    for shows_nothing in (EVIDENCE, await proof(one, found), await proof(two, found, kind="other"), first):
        answer = await one.legal.post(path, {**change, "evidence_sha256": shows_nothing})
        assert_problem(answer, 422, "no_signing_authority")
    # Another records it, files its copy and names the version: by that the office's hand of its own day is shown.
    change |= {"signatory_title": "Chief", "evidence_sha256": EVIDENCE}
    done = await one.machine.done("POST", path, change)
    digest = done["amendment"]["version_sha256"]
    hand = {"version_sha256": digest, "signatory_title": "Mayor", "signed_on": "2024-06-15"}
    answer = await one.legal.post(f"{PATH}/{found['id']}/confirm", {**hand, "evidence_sha256": first})
    assert_problem(answer, 422, "no_signing_authority")
    shown = {"evidence_sha256": await proof(two, found, version_no=2)}
    await one.legal.done("POST", f"{PATH}/{found['id']}/confirm", {**hand, **shown})


async def test_a_copy_that_the_signer_filed_while_its_office_might_sign_shows_the_signature(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    sheriff = await registered(two)
    found = await record_agreement(one, two)
    filed = await proof(two, found, version_no=1)
    await revoke(two, sheriff)
    paper = {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff", "signed_on": "2024-06-01"}
    refused = await two.signatory.post(f"{PATH}/{found['id']}/confirm", {**paper, "evidence_sha256": filed})
    assert_problem(refused, 422, "no_signing_authority")
    text, filed_at = uuid4(), datetime(2026, 1, 2, 3, tzinfo=UTC)
    earlier = FiledPaper(kind="signed_copy", version_id=text, filed_by_id=uuid4(), filed_at=filed_at)
    assert day_given([earlier], text, earlier.filed_by_id, "America/Chicago", today()) == date(2026, 1, 1)
    assert day_given([earlier], text, uuid4(), "UTC", today()) is None
    for other in (uuid4(), None):
        assert day_given([earlier], other, uuid4(), "UTC", today()) == today(), "another text, or none"
    assert day_given([], text, uuid4(), "UTC", today()) == today()


async def test_silence_gives_no_signature_of_an_office_that_may_sign_no_more(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    sheriff = await registered(two)
    found = await record_agreement(one, two)
    path = f"{PATH}/{found['id']}"
    await revoke(two, sheriff)
    said = {"kind": "signed", "agency_id": str(two.id), "acted_on": "2024-06-01", "reason": "the clerk's copy"}
    said |= {"version_sha256": found["version_sha256"], "signatory_title": "Sheriff"}
    said |= {"evidence_sha256": await proof(one, found, version_no=1)}
    reported = await one.legal.done("POST", f"{path}/report-act", said)
    (report,) = reported["reported_acts"]
    assert (report["status"], report["because"], report["takes_effect_at"]) == ("unconfirmed", "authority_ended", None)
    confirmed = await two.legal.done("POST", f"{path}/reported-acts/{report['id']}/confirm")
    assert party_of(confirmed, two)["bound"] is True, "the party itself says that it signed, and another shows it"


async def test_word_of_mouth_needs_the_authority_too_where_a_register_is_kept(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    await registered(two, "Sheriff")
    made = await one.legal.done("POST", PATH, agreement_body(one, two))
    path = f"{PATH}/{made['id']}"
    verbal = {"signatory_title": "Chief", "reason": "flood", "ratify_by_on": str(today())}
    active = await one.legal.done("POST", f"{path}/activate-verbally", verbal)
    assert party_of(active, one)["authority"] == "not_on_record", "it is said that no register is kept"
    word = {"version_sha256": active["version_sha256"], "signatory_title": "Janitor"}
    assert_problem(await two.legal.post(f"{path}/agree-verbally", word), 422, "no_signing_authority")
    agreed = await two.legal.done("POST", f"{path}/agree-verbally", {**word, "signatory_title": "Sheriff"})
    assert party_of(agreed, two)["authority"]["office"] == "Sheriff"
    events = (await one.legal.done("GET", f"{path}/history?sort=version"))["items"]
    said = [event["data"].get("authority") for event in events if event["type"].endswith("verbally")]
    assert said == ["not_on_record", party_of(agreed, two)["authority"]["id"]]


async def test_the_kind_and_the_amount_of_the_text_are_covered_too(cast: Cast) -> None:
    await registered(cast.requesting, kinds=["mou"])
    ceiling = {"amount": "1000.00", "currency": "USD"}
    await registered(cast.requesting, "Chief", kinds=["mutual_aid"], ceiling=ceiling)
    terms = {"cost_ceiling": {"amount": "1000.01", "currency": "USD"}}
    dear = await out_for_signature(cast.assisting, cast.requesting, terms=terms)
    refused = assert_problem(await sign(cast.requesting, dear, "Chief"), 422, "no_signing_authority")
    assert "ends at 1000.00 USD" in refused["detail"]
    refused = assert_problem(await sign(cast.requesting, dear, "Sheriff"), 422, "no_signing_authority")
    assert "does not cover agreements of the kind mutual_aid" in refused["detail"]
    plain = await out_for_signature(cast.assisting, cast.requesting, terms={"cost_ceiling": ceiling})
    assert (await sign(cast.requesting, plain, "Chief")).status_code == 200
    memo = await out_for_signature(cast.assisting, cast.requesting, kind="mou")
    assert (await sign(cast.requesting, memo, "Sheriff")).status_code == 200


async def test_a_ceiling_that_the_text_does_not_meet_by_silence_is_told_to_who_signs(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    await registered(two, "Chief", ceiling={"amount": "1000.00", "currency": "USD"})

    async def told(terms: dict[str, Any], *readers: Agency) -> list[list[str]]:
        found = await out_for_signature(one, two, terms={"cost_ceiling": None, **terms})
        signed = (await sign(two, found, "Chief")).json()
        codes = [[each["detail"] for each in signed["remarks"] if each["code"] == "authority_ceiling_silent"]]
        for reader in readers:
            for path in (f"{PATH}/{found['id']}", f"{PATH}/{found['id']}/versions/1"):
                seen = await reader.legal.done("GET", path)
                its = [each["detail"] for each in seen["remarks"] if each["code"] == "authority_ceiling_silent"]
                codes.append(its)
        return codes

    (said,), own, of_version, other, of_its = await told({}, two, one)
    assert "that of “Chief”, which may commit 1000.00 USD at most, and the terms do not say" in said
    assert own == of_version == [said]
    assert other == of_its == [], "what an office may commit its partners do not read"
    assert await told({"cost_ceiling": {"amount": "900.00", "currency": "USD"}}) == [[]]


async def test_an_authority_that_was_entered_after_the_signature_says_so_wherever_it_is_shown(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    await registered(one, "Sheriff", effective_on="2020-01-01")
    signed_on = "2021-05-02"
    paper = {"signed_on": signed_on, "signatory_title": "Sheriff", "evidence_sha256": EVIDENCE}
    found = await one.legal.done(
        "POST", f"{PATH}/record", {**agreement_body(one, two, effective_on=signed_on), **paper}
    )
    shown = party_of(found, one)["authority"]
    assert (shown["recorded_by"], shown["recorded_later"]) == (one.reference, True)
    (remark,) = [each for each in found["remarks"] if each["code"] == "authority_recorded_later"]
    assert f"{one.name} entered on {today()}, after the day of the signature" in remark["detail"]
    version = await one.legal.done("GET", f"{PATH}/{found['id']}/versions/1")
    assert version["signatures"][0]["authority"] == shown
    assert "authority_recorded_later" in [each["code"] for each in version["remarks"]]
    parts = await unpacked(one.legal, found["id"])
    assert data(parts, "signatures.json")[0]["signatures"][0]["authority"] == shown
    said = f"on the authority of “Sheriff” (election), entered on {today()} by {one.name}, after the signature."
    assert said in parts["index.html"].decode()


async def test_an_authority_that_was_there_before_is_shown_with_its_day_alone(cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    await registered(two, "Sheriff")
    found = await out_for_signature(one, two)
    signed = (await sign(two, found, "Sheriff")).json()
    shown = party_of(signed, two)["authority"]
    assert (shown["recorded_by"], shown["recorded_later"]) == (two.reference, False)
    assert "authority_recorded_later" not in [each["code"] for each in signed["remarks"]]


async def test_recording_confirming_and_reporting_need_the_authority_too(service: Service, cast: Cast) -> None:
    one, two = cast.assisting, cast.requesting
    for agency in (one, two):
        await registered(agency, "Sheriff", effective_on="2025-01-01")
    paper = {"signed_on": "2025-01-01", "signatory_title": "Mayor", "evidence_sha256": EVIDENCE}
    body = {**agreement_body(one, two), **paper}
    assert_problem(await one.legal.post(f"{PATH}/record", body), 422, "no_signing_authority")
    found = await one.legal.done("POST", f"{PATH}/record", {**body, "signatory_title": "Sheriff"})
    assert party_of(found, one)["authority"]["office"] == "Sheriff"
    theirs = {"signed_on": "2024-12-31", "signatory_title": "Mayor", "evidence_location": "The vault (demo)"}
    theirs |= {"version_sha256": found["version_sha256"]}
    refused = await two.legal.post(f"{PATH}/{found['id']}/confirm", {**theirs, "signatory_title": "Sheriff"})
    assert_problem(refused, 422, "no_signing_authority")
    said = {"agency_id": str(two.id), "kind": "signed", "acted_on": "2025-01-01", "reason": "signed copy"}
    said |= {"evidence_sha256": EVIDENCE, "version_sha256": found["version_sha256"]}
    path = f"{PATH}/{found['id']}/report-act"
    assert_problem(await one.legal.post(path, {**said, "signatory_title": "Mayor"}), 422, "no_signing_authority")
    reported = await one.legal.done("POST", path, {**said, "signatory_title": "Sheriff"})
    answer = f"{PATH}/{found['id']}/reported-acts/{reported['reported_acts'][0]['id']}"
    contested = await two.legal.done("POST", f"{answer}/contest", {"reason": "another office signs"})
    assert party_of(contested, two)["authority"] is None
    confirmed = await two.legal.done("POST", f"{answer}/confirm")
    assert party_of(confirmed, two)["authority"]["office"] == "Sheriff"
    assert_problem(await two.legal.post(f"{PATH}/{found['id']}/confirm", theirs), 409, "already_signed")


async def test_what_was_delegated_signs_until_anything_it_rests_on_is_revoked(cast: Cast) -> None:
    board = await registered(cast.requesting, "Board", basis="charter")
    chief = await delegation(cast.requesting, board, "Chief", kinds=["mutual_aid"])
    captain = await delegation(cast.requesting, chief, "Captain", expires_on=str(LONG_AHEAD))
    assert (captain["basis"], captain["kinds"], captain["delegated_from_id"]) == (
        "charter",
        ["mutual_aid"],
        chief["id"],
    )
    found = await out_for_signature(cast.assisting, cast.requesting)
    signed = (await sign(cast.requesting, found, "Captain")).json()
    assert party_of(signed, cast.requesting)["authority"]["delegated_from_id"] == chief["id"]
    yesterday = str(today() - timedelta(days=1))
    await revoke(cast.requesting, board, revoked_on=yesterday)
    for each in (chief, captain):
        seen = await cast.requesting.admin.done("GET", f"{register(cast.requesting)}/{each['id']}")
        assert (seen["status"], seen["revoked_on"], seen["version"]) == ("revoked", yesterday, 1), (
            "derived, not written"
        )
    other = await out_for_signature(cast.assisting, cast.requesting)
    refused = assert_problem(await sign(cast.requesting, other, "Captain"), 422, "no_signing_authority")
    assert f"rests on that of “Board”, which was revoked on {yesterday}" in refused["detail"]
    kept = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}")
    assert party_of(kept, cast.requesting)["authority"]["office"] == "Captain", "what was signed stays signed"


async def test_nothing_is_delegated_beyond_what_is_held_or_a_fourth_time(cast: Cast) -> None:
    agency = cast.requesting
    source = await registered(agency, expires_on=str(LONG_AHEAD), kinds=["mutual_aid"])
    path = f"{register(agency)}/{source['id']}/delegate"
    body = {
        "office": "Chief",
        "citation": CITATION,
        "effective_on": "2023-12-31",
        "expires_on": str(LONG_AHEAD + timedelta(days=1)),
    }
    problem = assert_problem(await agency.legal.post(path, {**body, "kinds": ["mou"]}), 422, "exceeds_authority")
    assert [each["pointer"] for each in problem["errors"]] == ["/kinds", "/effective_on", "/expires_on"]
    for depth in range(3):
        source = await delegation(agency, source, f"Deputy {depth}")
    assert [(each["action"], each["allowed"]) for each in source["allowed_actions"]] == [
        ("delegate", False),
        ("revoke", True),
    ]
    fourth = await agency.legal.post(
        f"{register(agency)}/{source['id']}/delegate", {**body, "effective_on": "2025-01-01", "expires_on": None}
    )
    assert_problem(fourth, 422, "delegated_too_often")


async def test_an_ended_authority_is_neither_delegated_nor_revoked_again(cast: Cast) -> None:
    agency = cast.requesting
    gone = await registered(agency, expires_on="2025-12-31")
    body = {"office": "Chief", "citation": CITATION, "effective_on": "2025-01-01"}
    assert_problem(await agency.legal.post(f"{register(agency)}/{gone['id']}/delegate", body), 409, "authority_ended")
    revoked = await revoke(agency, gone)
    assert (revoked["status"], revoked["revoked_reason"]) == ("revoked", "the office was merged")
    path = f"{register(agency)}/{gone['id']}/revoke"
    assert_problem(await agency.legal.post(path, {"reason": "again"}), 409, "wrong_status")
    other = await registered(agency)
    future = {"reason": "soon", "revoked_on": str(today() + timedelta(days=2))}
    refused = await agency.legal.post(f"{register(agency)}/{other['id']}/revoke", future)
    assert_problem(refused, 422, "revoked_in_future")
    reversed_ = await agency.legal.post(register(agency), office(expires_on="2023-12-31"))
    assert_problem(reversed_, 422, "dates_reversed")


async def test_the_register_is_the_agencys_own_and_cut_for_its_partners(service: Service, cast: Cast) -> None:
    agency, path = cast.requesting, register(cast.requesting)
    made = await registered(agency, kinds=["mou"], ceiling={"amount": "5.00", "currency": "USD"})
    await sign_agreement(service, cast.assisting, cast.neighbour)
    await record_agreement(cast.assisting, agency)
    for reader in (cast.stranger.legal, cast.assisting.legal, cast.neighbour.admin):
        for suffix in ("", f"/{made['id']}"):
            assert_problem(await reader.get(f"{path}{suffix}"), 404, "not_found")
    await revoke(agency, await registered(agency, "Mayor"))
    paper = {"signatory_title": "Sheriff", "kind": "mou"}
    unsaid = {"cost_ceiling": None}  # one that sets no limit commits more than any ceiling
    partners = await record_agreement(cast.assisting, agency, kind=paper["kind"], terms=unsaid)
    confirmed = {"version_sha256": partners["version_sha256"], "signatory_title": "Sheriff", "signed_on": "2025-01-01"}
    await agency.legal.done("POST", f"{PATH}/{partners['id']}/confirm", confirmed)
    for cut in (cast.assisting.coordinator, service.operator):
        second, first = (await cut.done("GET", path))["items"]
        assert (first["office"], first["basis"], first["status"]) == ("Sheriff", "election", "valid")
        assert (second["office"], second["status"]) == ("Mayor", "revoked")
        for each in (first, second):
            hidden = ("citation", "kinds", "ceiling", "revoked_reason")
            assert [each[name] for name in hidden] == [None] * 4
            assert each["allowed_actions"] == []
    own = await agency.auditor.done("GET", f"{path}/{made['id']}")
    assert (own["citation"], own["kinds"], own["ceiling"]) == (CITATION, ["mou"], {"amount": "5.00", "currency": "USD"})


async def test_legal_and_administrators_of_the_agency_keep_its_register_and_no_service(
    service: Service, cast: Cast
) -> None:
    agency, path = cast.requesting, register(cast.requesting)
    await sign_agreement(service, cast.assisting, agency)
    made = await registered(agency)
    body = {"reason": "x"}
    assert_problem(await service.anonymous.post(path, office()), 401)
    for other in (agency.coordinator, agency.approver, agency.auditor, agency.machine, service.operator):
        assert_problem(await other.post(path, office()), 403)
        assert_problem(await other.post(f"{path}/{made['id']}/revoke", body), 403)
    assert_problem(await cast.assisting.legal.post(path, office()), 403, "forbidden")
    assert_problem(await cast.assisting.admin.post(f"{path}/{made['id']}/revoke", body), 403, "forbidden")
    assert_problem(await cast.stranger.admin.post(f"{path}/{made['id']}/revoke", body), 404, "not_found")
    elsewhere = await cast.assisting.admin.post(f"{register(cast.assisting)}/{made['id']}/revoke", body)
    assert_problem(elsewhere, 404, "not_found")
    assert_problem(await agency.admin.post(f"/v1/agencies/{uuid4()}/signing-authorities", office()), 404, "not_found")


async def test_an_entry_is_made_once_per_key_from_what_was_read_and_well_formed(cast: Cast) -> None:
    agency, path, key = cast.requesting, register(cast.requesting), f"office-{uuid4()}"
    first = await agency.legal.post(path, office(), key=key)
    assert first.status_code == 201
    assert (await agency.legal.post(path, office(), key=key)).content == first.content
    where = first.headers["location"]
    etag = (await agency.legal.get(where)).headers["etag"]
    assert etag == first.headers["etag"]
    assert (await agency.legal.get(where, headers={"if-none-match": etag})).status_code == 304
    for stale in ((path, office()), (f"{where}/revoke", {"reason": "x"}), (f"{where}/delegate", _handed_on())):
        assert_problem(await agency.legal.post(*stale, if_match='"9-00000000"'), 412, "stale_version")
    for wrong in ({"basis": "habit"}, {"kinds": ["treaty"]}, {"effective_on": "2024-13-01"}, {"office": ""}):
        assert_problem(await agency.legal.post(path, office(**wrong)), 400)
    seen, page = [], f"{path}?limit=1"
    other = await registered(agency, "Mayor")
    while page:
        response = await agency.legal.get(page)
        seen += [each["id"] for each in response.json()["items"]]
        page = response.links["next"]["url"] if "next" in response.links else ""
    assert seen == [other["id"], first.json()["id"]]


def _handed_on() -> dict[str, Any]:
    return {"office": "Chief", "citation": CITATION, "effective_on": "2024-01-01"}


async def outcome(caller: Caller, path: str, body: dict[str, Any]) -> int:
    return (await caller.post(path, body)).status_code


async def test_of_delegating_and_revoking_at_once_nothing_is_left_that_signs(cast: Cast) -> None:
    agency = cast.requesting
    for _ in range(6):
        source = await registered(agency)
        path = f"{register(agency)}/{source['id']}"
        delegating, revoking, again = await asyncio.gather(
            outcome(agency.legal, f"{path}/delegate", _handed_on()),
            outcome(agency.admin, f"{path}/revoke", {"reason": "merged"}),
            outcome(agency.legal, f"{path}/revoke", {"reason": "merged"}),
        )
        assert sorted([revoking, again]) == [200, 409]
        assert delegating in (201, 409)
    entries = (await agency.legal.done("GET", f"{register(agency)}?limit=200"))["items"]
    assert {each["status"] for each in entries} == {"revoked"}


async def test_what_a_signature_rested_on_cannot_be_changed_even_in_the_database(service: Service, cast: Cast) -> None:
    await registered(cast.requesting)
    found = await out_for_signature(cast.assisting, cast.requesting)
    await sign(cast.requesting, found, "Sheriff")
    rests = agreement_signature_authority
    for change in (
        rests.update().where(rests.c.agency_id == UUID(str(cast.requesting.id))).values(version_id=rests.c.version_id),
        rests.delete().where(rests.c.agency_id == UUID(str(cast.requesting.id))),
    ):
        with pytest.raises(sa.exc.DBAPIError, match="append_only"):
            async with unit_of_work(service.database) as write:
                await write.run(change)
