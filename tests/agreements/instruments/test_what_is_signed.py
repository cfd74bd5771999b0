"""What a custodian, a recorder or a service could try: a signature binds whom it is of, to what was read."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from registry.agreements.instruments.commands.ending import reinstate, suspend
from registry.agreements.instruments.schemas.given import OwnSuspension
from registry.platform.access.principals import Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.commands import keyed_hash
from tests.support.agreements import EVIDENCE, agreement_body, confirm_agreement, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import end_agreement
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.review import sent_out
from tests.support.service import Service

pytestmark = pytest.mark.second_later

PATH = "/v1/agreements"
HAND = {"signatory_title": "Sheriff", "manner": "electronic"}
PAPER = {"signed_on": "2025-01-01", "signatory_title": "Chief", "evidence_sha256": EVIDENCE}


async def bound(reader: Agency, agreement_id: str) -> list[bool]:
    found = await reader.legal.done("GET", f"{PATH}/{agreement_id}")
    return [party["bound"] for party in found["parties"]]


def offered(found: dict[str, Any], action: str) -> bool:
    return any(each["allowed"] for each in found["allowed_actions"] if each["action"] == action)


@pytest.mark.parametrize(
    "edit",
    [
        {"expires_on": None},
        {"effective_on": "2024-01-01"},
        {"notice": {"days": 3650}},
        {"time_zone": "Pacific/Honolulu"},
        {"kind": "compact"},
        {"number": "another"},
        "parties",
    ],
)
async def test_a_signature_meant_for_one_version_does_not_bind_to_the_next(cast: Cast, edit: Any) -> None:
    custodian, party = cast.assisting, cast.requesting
    body = agreement_body(custodian, party, expires_on="2027-01-01")
    path = f"{PATH}/{(await custodian.legal.done('POST', PATH, body))['id']}"
    if edit == "parties":
        edit = {"parties": [*body["parties"], str(cast.neighbour.id)]}
    await sent_out(custodian, path.rpartition("/")[2])
    read = await party.legal.done("GET", path)
    await custodian.legal.done("POST", f"{path}/send-back", {"reason": "a small thing"})
    etag = (await custodian.legal.get(path)).headers["etag"]
    await custodian.legal.done("PATCH", path, edit, if_match=etag)
    await sent_out(custodian, path.rpartition("/")[2])
    signed = await party.legal.post(f"{path}/sign", {**HAND, "version_sha256": read["version_sha256"]})
    assert_problem(signed, 422, "other_version")


async def test_a_termination_far_off_keeps_nobody_from_leaving(service: Service, cast: Cast) -> None:
    signed = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{signed['id']}"
    await end_agreement(signed, cast.assisting, cast.requesting, on=date(2199, 1, 1))
    assert offered(await cast.requesting.legal.done("GET", path), "give_notice")
    notice = {"notice_on": str(today()), "reason": "we leave"}
    left = await cast.requesting.legal.done("POST", f"{path}/give-notice", notice)
    assert left["parties"][1]["bound_until"] < "2199"


async def test_once_terminated_there_is_nothing_left_to_leave(service: Service, cast: Cast) -> None:
    """What is offered is to record a notice of a day when it was bound; one of today is refused."""
    signed = await sign_agreement(service, cast.assisting, cast.requesting)
    path = f"{PATH}/{signed['id']}"
    await end_agreement(signed, cast.assisting, cast.requesting)
    notice = {"notice_on": str(today()), "reason": "we leave"}
    assert_problem(await cast.requesting.legal.post(f"{path}/give-notice", notice), 409, "wrong_status")


async def test_what_a_service_records_binds_nobody_until_a_person_confirms(cast: Cast) -> None:
    body = {**agreement_body(cast.assisting, cast.requesting), **PAPER}
    recorded = await cast.assisting.machine.done("POST", f"{PATH}/record", body)
    await confirm_agreement(recorded, cast.requesting)
    seen = await cast.requesting.legal.done("GET", f"{PATH}/{recorded['id']}")
    assert [party["joined_at"] is not None for party in seen["parties"]] == [False, True]
    assert offered(await cast.assisting.legal.done("GET", f"{PATH}/{recorded['id']}"), "confirm")
    await confirm_agreement(recorded, cast.assisting)
    assert await bound(cast.requesting, recorded["id"]) == [True, True]


async def test_who_may_draft_and_not_sign_does_not_sign_by_recording(cast: Cast) -> None:
    body = {**agreement_body(cast.assisting, cast.requesting), **PAPER}
    clerk = cast.assisting.as_(Role.LEGAL, scope="agreements:create agreements:read")
    recorded = await clerk.done("POST", f"{PATH}/record", body)
    assert await bound(cast.assisting, recorded["id"]) == [False, False]


async def test_nobody_confirms_signs_or_gives_notice_for_another(service: Service, cast: Cast) -> None:
    recorded = await record_agreement(cast.assisting, cast.requesting, cast.neighbour)
    await confirm_agreement(recorded, cast.neighbour)
    path, digest = f"{PATH}/{recorded['id']}", recorded["version_sha256"]
    notice = {"notice_on": str(today()), "reason": "they leave"}
    paper = {"version_sha256": digest, "signatory_title": "Sheriff", "signed_on": "2025-01-01"}
    for verb, fields in (("sign", {**HAND, "version_sha256": digest}), ("confirm", paper), ("give-notice", notice)):
        named = {**fields, "agency_id": str(cast.requesting.id)}
        assert_problem(await cast.assisting.legal.post(f"{path}/{verb}", named), 400, "unknown_field")
        assert_problem(await service.operator.post(f"{path}/{verb}", fields), 403, "forbidden")
    assert await bound(cast.assisting, recorded["id"]) == [True, False, True]


async def test_a_clock_read_before_the_lock_lifts_a_suspension_all_the_same(service: Service, cast: Cast) -> None:
    signed = await sign_agreement(service, cast.assisting, cast.requesting)
    now, agreement_id = utc_now(), UUID(signed["id"])
    later = acting_for(cast.assisting, Role.LEGAL, now=now + timedelta(milliseconds=5))
    earlier = acting_for(cast.assisting, Role.LEGAL, now=now)
    async with unit_of_work(service.database) as write:
        await suspend(write, later, agreement_id, OwnSuspension(reason="inquiry"), None)
    async with unit_of_work(service.database) as write:
        assert (await reinstate(write, earlier, agreement_id, "cleared", None)).status == "in_force"


async def test_restricted_text_enters_the_ledger_as_a_keyed_hash(service: Service, cast: Cast) -> None:
    secret = {
        "number": "9.4",
        "heading": "confidentiality",
        "text": "The channels are listed in Annex B.",
        "sensitivity": "restricted",
        "exemption": "Demonstration exemption; have counsel review",
    }
    recorded = await record_agreement(cast.assisting, cast.requesting, provisions=[secret])
    history = await cast.assisting.auditor.get(f"/v1/agreements/{recorded['id']}/history?sort=version")
    (event,) = [e for e in history.json()["items"] if e["type"] == "agreement.recorded"]
    key = service.settings.ledger_key
    version = await cast.assisting.legal.done("GET", f"/v1/agreements/{recorded['id']}/versions/1")
    of = UUID(version["id"])
    assert event["data"]["restricted"] == {"9.4": keyed_hash(key, of, secret["text"])}
    assert event["data"]["restricted"] != {"9.4": keyed_hash(b"another key, which proves nothing", of, secret["text"])}
    again = await record_agreement(cast.assisting, cast.requesting, provisions=[secret])
    history = await cast.assisting.auditor.get(f"/v1/agreements/{again['id']}/history?sort=version")
    (other,) = [e for e in history.json()["items"] if e["type"] == "agreement.recorded"]
    assert other["data"]["restricted"] != event["data"]["restricted"], "guesses recorded elsewhere are not comparable"
    assert "Annex" not in history.text
