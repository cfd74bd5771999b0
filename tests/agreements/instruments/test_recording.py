"""Paper agreements over HTTP: recording binds the recording agency and nobody else."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.agreements.dossier.test_agreement_file import data, unpacked
from tests.support.agreements import EVIDENCE, agreement_body, confirm_agreement, record_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.problems import assert_problem
from tests.support.service import Service

PATH = "/v1/agreements"
PAPER = {"signed_on": "2025-01-01", "signatory_title": "Chief", "evidence_sha256": EVIDENCE}


async def in_force(asking: Agency, one: Agency, other: Agency, extra: str = "") -> list[str]:
    """Ids of the agreements in force between two agencies, as the asking one hears."""
    path = f"{PATH}/in-force?requesting_agency_id={one.id}&assisting_agency_id={other.id}{extra}"
    return [item["agreement_id"] for item in (await asking.coordinator.done("GET", path))["items"]]


async def test_recording_executes_and_binds_nobody_before_another_confirms(cast: Cast) -> None:
    found = await record_agreement(cast.requesting, cast.assisting)
    assert (found["stage"], found["status"]) == ("partly_executed", "unconfirmed")
    assert [party["joined_at"] is not None for party in found["parties"]] == [True, False]
    assert [(party["bound"], party["bound_until"]) for party in found["parties"]] == [(False, None)] * 2
    assert await in_force(cast.requesting, cast.requesting, cast.assisting) == []


async def test_each_party_is_bound_by_its_own_confirmation(cast: Cast) -> None:
    recorded = await record_agreement(cast.requesting, cast.assisting, cast.neighbour)
    confirmed = await confirm_agreement(recorded, cast.assisting)
    assert [party["bound"] for party in confirmed["parties"]] == [True, True, False]
    assert (confirmed["stage"], confirmed["status"]) == ("partly_executed", "in_force"), "one has not signed"
    assert await in_force(cast.requesting, cast.requesting, cast.assisting) == [recorded["id"]]
    assert await in_force(cast.requesting, cast.requesting, cast.neighbour) == []
    for stage in ("partly_executed", "executed"):
        for name in ("partly_executed", "executed"):
            query = f"{PATH}?stage={name}&party_id={cast.neighbour.id}"
            listed = (await cast.requesting.legal.done("GET", query))["items"]
            assert [each["stage"] for each in listed] == ([stage] if name == stage else [])
        confirmed = await confirm_agreement(recorded, cast.neighbour) if stage == "partly_executed" else confirmed
    assert confirmed["stage"] == "executed"


async def test_it_is_executed_on_the_day_of_the_last_hand_and_not_of_the_first(service: Service, cast: Cast) -> None:
    """Whoever recorded it: on its page, among its versions, in its file and to the public, after the last hand."""

    async def told(found: dict[str, Any]) -> set[str | None]:
        path = f"{PATH}/{found['id']}"
        seen = await cast.requesting.legal.done("GET", path)
        (listed,) = (await cast.requesting.legal.done("GET", f"{path}/versions"))["items"]
        version = await cast.requesting.legal.done("GET", f"{path}/versions/1")
        (parts,) = [await unpacked(cast.requesting.legal, found["id"])]
        filed = [data(parts, name)["executed_at"] for name in ("agreement.json", "versions/001/version.json")]
        return {each["executed_at"] for each in (seen, listed, version)} | {*filed}

    found = await record_agreement(cast.requesting, cast.assisting, cast.neighbour, signed_on="2024-12-20")
    assert await told(found) == {None}
    found = await confirm_agreement(found, cast.assisting, "2024-12-21")
    assert await told(found) == {None}, "in force between two, and not executed"
    assert found["status"] == "in_force"
    found = await confirm_agreement(found, cast.neighbour, "2024-12-22")
    assert await told(found) == {"2024-12-22T06:00:00Z"}
    outside = await cast.stranger.legal.get(f"{PATH}/{found['id']}")
    assert outside.status_code == 404 or outside.json()["executed_at"] == "2024-12-22T06:00:00Z"


async def test_a_party_confirms_only_for_itself_once_and_to_the_recorded_text(cast: Cast) -> None:
    recorded = await record_agreement(cast.requesting, cast.assisting)
    path = f"{PATH}/{recorded['id']}/confirm"
    body = {"version_sha256": recorded["version_sha256"], "signatory_title": "Chief", "signed_on": "2025-01-01"}
    assert_problem(await cast.assisting.coordinator.post(path, body), 403)
    other = await cast.assisting.legal.post(path, {**body, "version_sha256": "0" * 64})
    assert_problem(other, 422, "other_version")
    assert_problem(await cast.stranger.legal.post(path, body), 404, "not_found")  # no other party has published it
    key = f"confirm-{uuid4()}"
    first = await cast.assisting.legal.post(path, body, key=key)
    assert (await cast.assisting.legal.post(path, body, key=key)).content == first.content
    assert_problem(await cast.assisting.legal.post(path, body), 409, "already_signed")
    assert_problem(await cast.requesting.legal.post(path, body), 409, "already_signed")


async def test_the_administrator_records_for_a_custodian_and_binds_nobody(service: Service, cast: Cast) -> None:
    body = {**agreement_body(cast.assisting, cast.requesting), **PAPER, "custodian_id": str(cast.assisting.id)}
    found = await service.operator.done("POST", f"{PATH}/record", body)
    assert found["custodian_agency"]["id"] == str(cast.assisting.id)
    assert found["view"] == "public"
    own = await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}")
    assert [party["bound"] for party in own["parties"]] == [False, False]
    (report,) = own["reported_acts"]
    assert (report["agency"]["id"], report["kind"], report["status"]) == (
        str(cast.assisting.id),
        "signed",
        "unseconded",
    )
    confirmed = await confirm_agreement(own, cast.assisting)
    assert [party["joined_at"] is not None for party in confirmed["parties"]] == [True, False]
    assert confirmed["reported_acts"][0]["status"] == "replaced", "its own word counts, not another's of it"


async def test_nobody_else_records_for_another_custodian(cast: Cast) -> None:
    body = {**agreement_body(cast.assisting, cast.requesting), **PAPER, "custodian_id": str(cast.assisting.id)}
    assert_problem(await cast.requesting.legal.post(f"{PATH}/record", body), 403, "forbidden")


async def test_an_agreement_among_others_is_not_recorded(cast: Cast) -> None:
    body = {**agreement_body(cast.assisting, cast.requesting), **PAPER}
    problem = assert_problem(await cast.stranger.legal.post(f"{PATH}/record", body), 422, "agreement_faulty")
    assert [fault["code"] for fault in problem["errors"]] == ["custodian_missing"]


async def test_a_record_needs_evidence_and_a_day_that_has_come(cast: Cast) -> None:
    body: dict[str, Any] = {**agreement_body(cast.assisting, cast.requesting), **PAPER}
    without = {key: value for key, value in body.items() if key != "evidence_sha256"}
    assert_problem(await cast.assisting.legal.post(f"{PATH}/record", without), 422, "evidence_missing")
    later = {**body, "signed_on": str(today() + timedelta(days=3))}
    assert_problem(await cast.assisting.legal.post(f"{PATH}/record", later), 422, "signed_in_future")


async def test_a_paper_signature_counts_from_its_day(cast: Cast) -> None:
    recorded = await record_agreement(cast.assisting, cast.requesting, signed_on="2025-03-10")
    await confirm_agreement(recorded, cast.requesting, signed_on="2025-04-01")
    # Chicago: daylight time began on 9 March 2025.
    for at, bound in (("2025-04-01T04:59:59.999999Z", []), ("2025-04-01T05:00:00Z", [recorded["id"]])):
        assert await in_force(cast.assisting, cast.assisting, cast.requesting, f"&as_of={at}") == bound
    early = await cast.assisting.legal.done("GET", f"{PATH}/{recorded['id']}?as_of=2025-03-10T04:59:59Z")
    assert early["status"] == "not_yet_effective"


async def test_a_repeated_recording_makes_one_agreement(cast: Cast) -> None:
    body, key = {**agreement_body(cast.assisting, cast.requesting), **PAPER}, f"record-{uuid4()}"
    first = await cast.assisting.legal.post(f"{PATH}/record", body, key=key)
    second = await cast.assisting.legal.post(f"{PATH}/record", body, key=key)
    assert (first.status_code, second.content) == (201, first.content)
    listed = await cast.assisting.legal.done("GET", f"{PATH}?party_id={cast.requesting.id}&limit=200")
    assert len(listed["items"]) == 1


async def test_a_signature_that_is_dated_years_from_its_text_stands_and_is_remarked(cast: Cast) -> None:
    found = await record_agreement(cast.assisting, cast.requesting, effective_on="2020-01-01", signed_on="2019-12-01")
    for signed_on, side in (("1955-06-01", "before"), ("2023-06-01", "after")):
        other = await record_agreement(
            cast.assisting, cast.requesting, effective_on="2020-01-01", signed_on="2019-12-01"
        )
        kept = {"evidence_location": "County clerk's vault (demo)"}
        confirmed = await confirm_agreement(other, cast.requesting, signed_on=signed_on, **kept)
        assert confirmed["parties"][1]["signature"]["signed_on"] == signed_on
        version = await cast.requesting.legal.done("GET", f"{PATH}/{other['id']}/versions/1")
        for answer in (confirmed, version):
            (remark,) = [each for each in answer["remarks"] if each["code"] == "signing_day_unlikely"]
            assert f"dated {signed_on}, more than 3 years {side} 2020-01-01" in remark["detail"]
            assert cast.requesting.name in remark["detail"]
    likely = await confirm_agreement(found, cast.requesting, signed_on="2022-12-31")
    assert "signing_day_unlikely" not in {each["code"] for each in likely["remarks"]}
