"""A party sees what exactly others recorded of it, before it says yes or no; and nobody learns more by a report."""

from datetime import date, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest

from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.kernel.time import add_months
from tests.agreements.instruments.reporting import DAY, PATH, letter, report, second_operator
from tests.support.agreements import EVIDENCE, agreement_body, record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import left_long_ago, named, proof
from tests.support.documents import file_document
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_later

SECRET = "The keys are under the mat (demo)."
TEXT = [{"number": "1", "heading": "purpose", "text": "The parties help one another."}]
LAW = "Gov. Code 1-2-3 (demo); have counsel review"
CLAIMED = ("version_sha256", "signatory_title", "notice_kind", "leaves_on", "would_leave_at")


def claim(report_: dict[str, Any]) -> dict[str, Any]:
    """What is claimed, without what the kind of report does not say."""
    return {name: report_[name] for name in CLAIMED if report_[name] is not None}


async def told(by: Caller, found: dict[str, Any]) -> dict[str, Any]:
    """What the history tells of the last report."""
    events = (await by.done("GET", f"{PATH}/{found['id']}/history"))["items"]
    data: dict[str, Any] = next(each["data"] for each in events if each["type"] == "agreement.act_reported")
    return data


class TestTheClaim:
    async def test_of_a_signature_the_text_and_the_office_are_shown(self, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        text = {"version_sha256": found["version_sha256"], "signatory_title": "Chief"}
        body = letter(cast.requesting, date(2025, 2, 1), kind="signed", **text)
        await report(cast.assisting, found, body)
        seen = await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}")
        (said,) = seen["reported_acts"]
        assert (claim(said), said["acted_on"]) == (text, "2025-02-01")
        data = await told(cast.requesting.auditor, found)
        assert {name: data[name] for name in data if name in CLAIMED} == text

    async def test_of_a_notice_what_it_is_of_and_when_the_party_would_leave(self, service: Service, cast: Cast) -> None:
        ends_on = add_months(today(), 6)
        parties, renewed = (cast.assisting, cast.requesting), 12
        found = await sign_agreement(
            service,
            *parties,
            expires_on=ends_on,
            auto_renew_months=renewed,
            auto_renew_times="no_limit",
            notice={"days": 30},
        )
        later = add_months(ends_on, 12) if (ends_on + DAY).day != 1 else add_months(ends_on + DAY, 12) - DAY
        more = {"notice_kind": "non_renewal", "leaves_on": str(later)}
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, today() - DAY, **more))
        (said,) = seen["reported_acts"]
        assert {name: said[name] for name in more} == more
        leaves_at = datetime.fromisoformat(said["would_leave_at"])
        assert (leaves_at - DAY).date() == later
        data = await told(cast.requesting.auditor, found)
        assert (data["leaves_on"], data["notice_kind"]) == (str(later), "non_renewal")
        assert datetime.fromisoformat(data["would_leave_at"]) == leaves_at
        assert "version_sha256" not in data

    async def test_who_is_said_to_have_left_is_told_when(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        body = letter(cast.requesting, date(2025, 6, 1), kind="withdrew")
        seen, _ = await report(cast.assisting, found, body)
        assert claim(seen["reported_acts"][0]) == {"would_leave_at": "2025-06-02T05:00:00Z"}

    async def test_the_document_that_shows_it_is_named(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        filed = await file_document(cast.assisting.legal, found["id"], "Letter (demo).", title="Their letter (demo)")
        body = {**letter(cast.requesting, today()), "evidence_sha256": filed["sha256"]}
        await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/report-act", body)
        (said,) = (await cast.requesting.legal.done("GET", f"{PATH}/{found['id']}"))["reported_acts"]
        document = {"id": filed["id"], "name": "Their letter (demo)", "of_versions": []}
        shown = {"sha256": filed["sha256"], "on_file": True, "document": document, "location": None}
        assert said["evidence"] == shown

    async def test_what_is_not_on_file_is_shown_as_not_on_file(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        seen = await cast.assisting.legal.done(
            "POST", f"{PATH}/{found['id']}/report-act", letter(cast.requesting, today())
        )
        shown = {"sha256": EVIDENCE, "on_file": False, "document": None, "location": None}
        assert seen["reported_acts"][0]["evidence"] == shown


class TestNobodyLearnsByAHash:
    """Whether a document is on file shows in whether silence counts: so the reporter must be able to read it too."""

    async def test_who_left_before_a_restricted_document_was_filed(self, service: Service, cast: Cast) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        found = await sign_agreement(service, one, two, three, notice={"days": 5})
        await left_long_ago(service, one, found)
        await file_document(two.legal, found["id"], SECRET, sensitivity="restricted", exemption=LAW)
        path = f"{PATH}/{found['id']}"
        guess = {**letter(three, today()), "evidence_sha256": sha256(SECRET.encode()).hexdigest()}
        seen = await one.legal.done("POST", f"{path}/report-act", guess)
        said = seen["reported_acts"][-1]
        assert (said["status"], said["because"]) == ("unconfirmed", "evidence_not_on_file")
        assert (said["evidence"]["on_file"], said["evidence"]["document"]) == (False, None)

    async def test_who_reads_it_reports_by_it(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        await file_document(cast.requesting.legal, found["id"], SECRET, sensitivity="restricted", exemption=LAW)
        body = {**letter(cast.requesting, today()), "evidence_sha256": sha256(SECRET.encode()).hexdigest()}
        seen = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/report-act", body)
        (said,) = seen["reported_acts"]
        assert (said["status"], said["evidence"]["on_file"], said["evidence"]["document"]) == ("open", True, None)

    async def test_the_operator_vouches_for_nothing_that_only_the_parties_read(
        self, service: Service, cast: Cast
    ) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        kept = await proof(cast.assisting, found)
        more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": found["version_sha256"]}
        body = {**letter(cast.requesting, date(2025, 1, 1), **more), "evidence_sha256": kept}
        seen = await service.operator.done("POST", f"{PATH}/{found['id']}/report-act", body)
        path = f"{PATH}/{found['id']}/reported-acts/{seen['reported_acts'][0]['id']}"
        assert_problem(await second_operator(service).post(f"{path}/second"), 422, "evidence_not_on_file")

    async def test_withdrawn_from_the_reporter_it_carries_no_silence_any_more(
        self, service: Service, cast: Cast
    ) -> None:
        """The same content stays on file, restricted, and reaches the party alone."""
        one, two = cast.assisting, cast.requesting
        found = await record_agreement(one, two)
        open_one = await file_document(service.operator, found["id"], "Signed by both.")
        more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": found["version_sha256"]}
        body = {**letter(two, date(2025, 1, 1), **more), "evidence_sha256": open_one["sha256"]}
        seen = await service.operator.done("POST", f"{PATH}/{found['id']}/report-act", body)
        path = f"{PATH}/{found['id']}/reported-acts/{seen['reported_acts'][0]['id']}"
        await second_operator(service).done("POST", f"{path}/second")
        await file_document(two.legal, found["id"], "Signed by both.", sensitivity="restricted", exemption=LAW)
        await service.operator.done("POST", f"/v1/documents/{open_one['id']}/withdraw", {"reason": "filed in error"})
        (said,) = (await two.legal.done("GET", f"{PATH}/{found['id']}"))["reported_acts"]
        assert (said["status"], said["because"]) == ("unconfirmed", "evidence_not_on_file")


class TestASuccessorThatAPartyMayNotKnow:
    async def test_its_hash_and_day_are_told_to_those_alone_who_may(self, service: Service, cast: Cast) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        old = await sign_agreement(service, one, two, three)
        new = await sign_agreement(service, one, two, provisions=TEXT)
        body = {"by_agreement_id": new["id"], "reason": "replaced"}
        await one.legal.done("POST", f"{PATH}/{old['id']}/supersede", body)
        for party, day, digest in ((two, "2025-01-01", new["version_sha256"]), (three, None, None)):
            (said,) = (await party.legal.done("GET", f"{PATH}/{old['id']}"))["reported_acts"]
            assert (said["kind"], said["agency"]) == ("consented", *named(two))
            assert said["acted_on"] == day
            assert (said["evidence"] or {"sha256": None})["sha256"] == digest
            assert (new["version_sha256"] in str(said)) is (digest is not None)

    async def test_nor_does_a_deadline_tell_the_day(self, service: Service, cast: Cast) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        old = await sign_agreement(service, one, two, three)
        new = await sign_agreement(service, one, two, provisions=TEXT)
        shows = await proof(one, old)
        body = {"by_agreement_id": new["id"], "reason": "replaced", "evidence_sha256": shows}
        await one.legal.done("POST", f"{PATH}/{old['id']}/supersede", body)
        (said,) = (await three.legal.done("GET", f"{PATH}/{old['id']}"))["reported_acts"]
        assert (said["status"], said["acted_on"], said["evidence"]["sha256"]) == ("open", None, shows)
        page = await three.legal.done("GET", f"/v1/deadlines?agreement_id={old['id']}&kind=answer")
        (due,) = page["items"]
        assert "consented to what was proposed. It has effect then" in due["basis"]["says"]


class TestWhatWaitsForASecondOperator:
    async def test_whom_it_is_about_sees_it_and_may_say_no_and_only_the_custodian_is_asked(
        self, service: Service, cast: Cast
    ) -> None:
        keeper, other = cast.assisting, cast.requesting
        paper = {"signed_on": "2025-01-01", "signatory_title": "Chief", "evidence_sha256": EVIDENCE}
        body = {**agreement_body(keeper, other, provisions=TEXT), **paper, "custodian_id": str(keeper.id)}
        found = await service.operator.done("POST", f"{PATH}/record", body)
        filed = await file_document(service.operator, found["id"], "Signed by both.")
        theirs = await keeper.legal.done("GET", f"{PATH}/{found['id']}")
        more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": theirs["version_sha256"]}
        said = {**letter(other, date(2025, 1, 1), **more), "evidence_sha256": filed["sha256"]}
        seen = await service.operator.done("POST", f"{PATH}/{found['id']}/report-act", said)
        its = seen["reported_acts"][-1]["id"]

        async def waiting(party: Agency) -> list[UUID]:
            page = await party.legal.done("GET", f"{PATH}?waiting_for_me=true")
            return [item["id"] for item in page["items"]]

        shown = (await other.legal.done("GET", f"{PATH}/{found['id']}"))["reported_acts"]
        assert [(each["id"], each["status"], each["notified_at"]) for each in shown][-1] == (its, "unseconded", None)
        assert (await waiting(keeper), await waiting(other)) == ([found["id"]], []), "an outsider asks nothing of it"
        path = f"{PATH}/{found['id']}/reported-acts/{its}"
        another = service.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="second-operator")
        await another.done("POST", f"{path}/second")
        assert await waiting(other) == [found["id"]]

    async def test_contested_before_anybody_vouches_for_it_it_is_never_seconded(
        self, service: Service, cast: Cast
    ) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        filed = await file_document(service.operator, found["id"], "Signed by both.")
        more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": found["version_sha256"]}
        said = {**letter(cast.requesting, date(2025, 1, 1), **more), "evidence_sha256": filed["sha256"]}
        seen = await service.operator.done("POST", f"{PATH}/{found['id']}/report-act", said)
        path = f"{PATH}/{found['id']}/reported-acts/{seen['reported_acts'][0]['id']}"
        no = await cast.requesting.legal.done("POST", f"{path}/contest", {"reason": "we signed nothing"})
        assert no["reported_acts"][0]["status"] == "contested"
        assert_problem(await second_operator(service).post(f"{path}/second"), 409, "wrong_status")
