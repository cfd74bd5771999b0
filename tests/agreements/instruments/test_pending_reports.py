"""What others recorded of a party is not shown as its own act, nor as any end, until it has taken effect."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from msgspec.structs import replace

from registry.agreements.instruments.consent import ProposalKind, ReportedKind
from registry.agreements.instruments.consent_tables import agreement_pending
from registry.agreements.instruments.pending import PendingReport
from registry.agreements.instruments.queries.in_force import (
    candidates,
    covers_asset,
    partner_in_force,
    partners_in_force,
)
from registry.agreements.instruments.queries.listing import list_agreements
from registry.agreements.instruments.queries.partners import agreements_in_force
from registry.agreements.instruments.schemas.asked import AgreementQuery, InForceQuery
from registry.directory.agencies.tables import agency as agency_table
from registry.platform.access.principals import Role
from registry.platform.kernel.time import format_instant, utc_now
from tests.agreements.instruments.reporting import DAY, PATH, letter, report, seen_at
from tests.agreements.instruments.test_in_force import in_force
from tests.agreements.instruments.test_late_entries import amended_on_paper
from tests.support.agreements import record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent, in_force_once, named, proof, propose_end
from tests.support.policy import acting_for
from tests.support.problems import assert_problem
from tests.support.service import Caller, Service

pytestmark = pytest.mark.second_long

NOTHING = {"withdrawal_notice_on": None, "notice_kind": None, "leaves_at": None}
AT = datetime.fromisoformat("2026-03-01T12:00:00Z")


def own_acts(party: dict[str, Any]) -> dict[str, Any]:
    """What a party did itself to leave."""
    return {name: party[name] for name in NOTHING}


async def as_of(by: Caller, found: dict[str, Any], at: datetime) -> dict[str, Any]:
    seen: dict[str, Any] = await by.done("GET", f"{PATH}/{found['id']}?as_of={format_instant(at)}")
    return seen


async def due(by: Agency, found: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The agreement's deadlines of that kind."""
    page = await by.legal.done("GET", f"/v1/deadlines?agreement_id={found['id']}&kind={kind}")
    items: list[dict[str, Any]] = page["items"]
    return items


class TestTheRule:
    def test_a_report_is_about_the_party_or_about_all(self) -> None:
        party, other = uuid4(), uuid4()

        def said(kind: ReportedKind, proposed: ProposalKind | None = None) -> PendingReport:
            return PendingReport(
                id=uuid4(),
                agency_id=party,
                kind=kind,
                takes_effect_at=AT,
                proposal_id=None if proposed is None else uuid4(),
                proposal_kind=proposed,
                proposed_by_id=None if proposed is None else other,
            )

        for kind in (ReportedKind.SIGNED, ReportedKind.GAVE_NOTICE):
            assert (said(kind).is_about(party), said(kind).is_about(other)) == (True, False)
        told = said(ReportedKind.WAS_NOTIFIED, ProposalKind.DEPARTURE)
        assert (told.is_about(party), told.is_about(other)) == (False, True), "of another's departure"
        assert said(ReportedKind.CONSENTED, ProposalKind.END).is_about(other)


class TestADepartureReportedByAnother:
    async def test_it_is_no_notice_of_the_partys_until_it_takes_effect(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 5})
        given_on = today() - 30 * DAY
        seen, path = await report(cast.assisting, found, letter(cast.requesting, given_on))
        (said,) = seen["reported_acts"]
        one, two = seen["parties"]
        assert (own_acts(two), two["bound"], two["bound_until"]) == (NOTHING, True, None)
        assert (one["pending_report_ids"], two["pending_report_ids"]) == ([], [said["id"]])
        effect = datetime.fromisoformat(said["takes_effect_at"])

        after = await as_of(cast.assisting.legal, found, effect + DAY)
        assert ([party["bound"] for party in after["parties"]], after["status"]) == ([True, True], "in_force")
        (row,) = await in_force(cast.requesting, cast.assisting, effect + DAY)
        assert (row["covers_until"], row["pending_report_ids"]) == (None, [said["id"]])

        then = await seen_at(service, cast.assisting, found, effect)
        assert (then.parties[1].withdrawal_notice_on, then.parties[1].leaves_at) == (given_on, effect)
        assert (then.parties[1].bound, then.parties[1].pending_report_ids) == (False, [])
        assert await in_force_once(service, cast.requesting, cast.assisting, effect) == []

        left = await cast.requesting.legal.done("POST", f"{path}/confirm")
        assert left["parties"][1]["withdrawal_notice_on"] == str(given_on)
        assert left["parties"][1]["pending_report_ids"] == []
        kept = agreement_pending.select().where(agreement_pending.c.agreement_id == UUID(found["id"]))
        assert await service.database.read().all(kept) == [], "nothing is kept of it"

    async def test_it_makes_no_deadline_but_the_one_to_answer_it(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 5})
        _, path = await report(cast.assisting, found, letter(cast.requesting, today()))
        for agency in (cast.assisting, cast.requesting):
            assert await due(agency, found, "expiry") == []
            assert len(await due(agency, found, "answer")) == 1
        await cast.requesting.legal.done("POST", f"{path}/confirm")
        (ends,) = await due(cast.requesting, found, "expiry")
        assert ends["due_on"] == str(today() + 5 * DAY)

    async def test_the_end_that_the_text_has_stays_in_sight(self, service: Service, cast: Cast) -> None:
        ends_on = today() + 400 * DAY
        found = await sign_agreement(service, cast.assisting, cast.requesting, expires_on=str(ends_on))
        before = (await cast.assisting.legal.done("GET", f"{PATH}/{found['id']}"))["parties"]
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, today() - 30 * DAY))
        assert [party["bound_until"] for party in seen["parties"]] == [party["bound_until"] for party in before]
        (row,) = await in_force(cast.requesting, cast.assisting)
        assert row["covers_until"] == before[0]["bound_until"]
        (ends,) = await due(cast.requesting, found, "expiry")
        assert ends["due_on"] == str(ends_on)

    async def test_the_partys_own_earlier_day_is_its_notice_and_the_others_word_is_pending(
        self, service: Service, cast: Cast
    ) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        found = await sign_agreement(service, one, two, three, notice={"days": 90})
        earlier = today() - 60 * DAY
        own = {"notice_on": str(earlier), "evidence_sha256": await proof(two, found), "reason": "as we wrote"}
        seen = await two.legal.done("POST", f"{PATH}/{found['id']}/give-notice", own)
        told = [each["id"] for each in seen["reported_acts"]]
        assert [each["status"] for each in seen["reported_acts"]] == ["open", "open"]
        part = seen["parties"][1]
        assert (part["withdrawal_notice_on"], part["pending_report_ids"]) == (str(earlier), told)
        assert datetime.fromisoformat(part["leaves_at"]) > utc_now() + 89 * DAY, "by its own word from today"
        (departure,) = seen["proposals"]
        assert (departure["agreed_at"], departure["outstanding"]) == (None, named(one, three))

    async def test_a_third_agency_hears_of_no_report(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting, notice={"days": 5})
        await report(cast.assisting, found, letter(cast.requesting, today() - 30 * DAY))
        public = await service.operator.done("GET", f"{PATH}/{found['id']}")
        assert [(party["bound"], party["pending_report_ids"]) for party in public["parties"]] == [
            (True, []),
            (True, []),
        ]


class TestASignatureReportedByAnother:
    async def test_nobody_is_shown_as_bound_by_it_on_a_day_to_come(self, service: Service, cast: Cast) -> None:
        found = await record_agreement(cast.assisting, cast.requesting)
        more = {"kind": "signed", "signatory_title": "Chief", "version_sha256": found["version_sha256"]}
        seen, path = await report(cast.assisting, found, letter(cast.requesting, date(2025, 2, 1), **more))
        (said,) = seen["reported_acts"]
        part = seen["parties"][1]
        assert (part["joined_at"], part["bound"], part["pending_report_ids"]) == (None, False, [said["id"]])
        effect = datetime.fromisoformat(said["takes_effect_at"])
        after = await as_of(cast.assisting.legal, found, effect + DAY)
        assert (after["status"], after["parties"][1]["bound"]) == ("unconfirmed", False)
        assert await in_force(cast.requesting, cast.assisting, effect + DAY) == []
        assert len(await in_force_once(service, cast.requesting, cast.assisting, effect)) == 1
        bound = await cast.requesting.legal.done("POST", f"{path}/confirm")
        assert (bound["parties"][1]["bound"], bound["parties"][1]["pending_report_ids"]) == (True, [])


class TestAConsentReportedByAnother:
    async def test_it_is_outstanding_and_ends_nothing_yet(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        proposed = await propose_end(cast.assisting, found)
        about = {"kind": "consented", "proposal_id": proposed["proposals"][0]["id"]}
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, today(), **about))
        (said,) = seen["reported_acts"]
        (end,) = seen["proposals"]
        assert (end["agreed_at"], end["outstanding"], seen["terminated_at"]) == (None, named(cast.requesting), None)
        assert [(each["counts_from"], each["pending_report_id"]) for each in end["consents"]][1] == (None, said["id"])
        assert [party["pending_report_ids"] for party in seen["parties"]] == [[said["id"]]] * 2, (
            "it would end it for both"
        )
        effect = datetime.fromisoformat(said["takes_effect_at"])
        assert (await as_of(cast.assisting.legal, found, effect + DAY))["status"] == "in_force"
        assert await due(cast.assisting, found, "expiry") == []
        ended = await consent(cast.requesting, found, end)
        assert (ended["stage"], ended["terminated_at"] is None) == ("terminated", False)

    async def test_it_is_of_no_day_before_that_on_which_it_was_proposed(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        proposed = await propose_end(cast.assisting, found)
        about = {"kind": "consented", "proposal_id": proposed["proposals"][0]["id"]}
        early = letter(cast.requesting, today() - 2 * DAY, **about)
        refused = assert_problem(
            await cast.assisting.legal.post(f"{PATH}/{found['id']}/report-act", early), 422, "not_then"
        )
        assert f"this was proposed on {today()} where the party is" in refused["detail"]
        assert [each["pointer"] for each in refused["errors"]] == ["/acted_on"]
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, today(), **about))
        assert [each["kind"] for each in seen["reported_acts"]] == ["consented"]

    async def test_what_is_agreed_without_it_stays_agreed(self, service: Service, cast: Cast) -> None:
        found = await sign_agreement(service, cast.assisting, cast.requesting)
        on = today() + timedelta(days=90)
        proposed = await propose_end(cast.assisting, found, on)
        agreed = await consent(cast.requesting, found, proposed["proposals"][0])
        seen, _ = await report(cast.assisting, found, letter(cast.requesting, today() - 30 * DAY))
        assert seen["terminated_at"] == agreed["terminated_at"] is not None
        (ends,) = await due(cast.assisting, found, "expiry")
        assert ends["due_on"] == str(on - DAY)

    async def test_a_right_used_long_ago_counts_from_today_meanwhile(self, service: Service, cast: Cast) -> None:
        right = {"rights_to_end": [{"agency_id": str(cast.assisting.id), "notice_days": 30}], "categories": ["k9"]}
        found = await sign_agreement(service, cast.assisting, cast.requesting, terms=right)
        body = {"ground": "right_to_end", "acted_on": str(today() - 60 * DAY), "reason": "as we wrote"}
        evidence = {"evidence_sha256": await proof(cast.assisting, found)}
        seen = await cast.assisting.legal.done("POST", f"{PATH}/{found['id']}/terminate", {**body, **evidence})
        assert seen["reported_acts"][0]["status"] == "open"
        ends_at = datetime.fromisoformat(seen["terminated_at"])
        assert 29 * DAY < ends_at - utc_now() < 32 * DAY, "nobody has said yet that it was told"


class TestADayToCome:
    async def _answers(self, service: Service, one: Agency, other: Agency, at: datetime, now: datetime) -> list[bool]:
        """Whether the one has the other as a partner, and is helped by it, then: by the rows in SQL, and by windows."""
        read, patrol = service.database.read(), "k9.patrol"
        asked = sa.select(agency_table.c.id).where(
            agency_table.c.id == sa.bindparam("asked", type_=agency_table.c.id.type)
        )
        binds = {"viewer": one.id, "asked": other.id, "at": at, "now": now}
        to_come = at > now
        criteria = (
            partner_in_force(agency_table.c.id, to_come=to_come),
            agency_table.c.id.in_(partners_in_force(to_come=to_come)),
            covers_asset(agency_table.c.id, sa.literal(patrol), to_come=to_come),
        )
        by_rows = [bool(await read.all(asked.where(each), binds)) for each in criteria]
        query = InForceQuery(requesting_agency_id=one.id, assisting_agency_id=other.id, as_of=at)
        principal = acting_for(one, Role.COORDINATOR).principal
        found = (await agreements_in_force(read, principal, query, now)).items
        helped = (await agreements_in_force(read, principal, replace(query, category=patrol), now)).items
        by_windows = [bool(found), bool(found), any(each.assists for each in helped)]
        assert by_rows == by_windows, f"at {at}, seen from {now}"
        return by_windows[1:]

    async def test_rows_and_windows_say_the_same_of_it_whatever_waits_to_take_effect(
        self, service: Service, cast: Cast
    ) -> None:
        one, two, three = cast.assisting, cast.requesting, cast.neighbour
        left = await sign_agreement(service, one, two, notice={"days": 30})
        joined = await record_agreement(one, three)
        ended = await sign_agreement(service, two, three)
        seen, _ = await report(one, left, letter(two, today()))
        hand = {"kind": "signed", "signatory_title": "Chief", "version_sha256": joined["version_sha256"]}
        await report(one, joined, letter(three, date(2025, 2, 1), **hand))
        over = {"acted_on": str(today()), "reason": "over", "evidence_sha256": await proof(two, ended)}
        await two.legal.done("POST", f"{PATH}/{ended['id']}/terminate", over)
        effect = datetime.fromisoformat(seen["reported_acts"][0]["takes_effect_at"])
        now, later = utc_now(), effect + DAY
        pairs = ((two, one), (three, one), (three, two))
        said = {
            (at, seen_from): [await self._answers(service, *pair, at, seen_from) for pair in pairs]
            for seen_from in (now, effect - DAY, later)
            for at in (now, effect - DAY, effect + DAY, effect + 60 * DAY)
            if at >= seen_from or seen_from == later
        }
        yes, no = [True, True], [False, False]
        for at in (now, effect - DAY, effect + DAY, effect + 60 * DAY):
            assert said[at, now] == [yes, no, yes], "nobody has left, joined or ended anything but in what another says"
        assert said[effect + DAY, later] == [yes, yes, no], "the notice runs, the signature and the end count"
        assert said[effect + 60 * DAY, later] == [no, yes, no]

    async def listed(self, one: Agency, found: dict[str, Any], status: str, at: datetime) -> bool:
        """Whether the list of that status, asked about the instant, names the agreement."""
        query = f"{PATH}?status={status}&party_id={one.id}&as_of={format_instant(at)}"
        page = await one.legal.done("GET", query)
        its = [each for each in page["items"] if each["id"] == found["id"]]
        assert all(each["status"] == status for each in its)
        return bool(its)

    async def test_a_list_by_status_counts_no_notice_that_another_reports(self, service: Service, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two, notice={"days": 5})
        seen, path = await report(one, found, letter(two, today() - 30 * DAY))
        then = datetime.fromisoformat(seen["reported_acts"][0]["takes_effect_at"]) + DAY
        assert await self.listed(one, found, "in_force", then)
        assert not await self.listed(one, found, "lapsed", then)
        query = AgreementQuery(status=("lapsed",), party_id=one.id)
        principal = acting_for(one, Role.LEGAL).principal
        page = await list_agreements(service.database.read(), principal, query, then)
        assert [each.id for each in page.items] == [UUID(found["id"])], "then it has taken effect"
        await two.legal.done("POST", f"{path}/confirm")
        assert await self.listed(one, found, "lapsed", then)

    async def test_neither_an_end_nor_a_suspension_is_listed_before_it_has_effect(
        self, service: Service, cast: Cast
    ) -> None:
        one, two = cast.assisting, cast.requesting
        for kind, status in (("end", "terminated"), ("suspension", "suspended")):
            found = await sign_agreement(service, one, two)
            if kind == "end":
                proposed = await propose_end(one, found)
            else:
                pause = {"kind": "suspension", "reason": "a dispute"}
                proposed = await one.legal.done("POST", f"{PATH}/{found['id']}/propose-suspension", pause)
            about = {"kind": "consented", "proposal_id": proposed["proposals"][0]["id"]}
            seen, _ = await report(one, found, letter(two, today(), **about))
            then = datetime.fromisoformat(seen["reported_acts"][0]["takes_effect_at"]) + DAY
            assert not await self.listed(one, found, status, then)
            assert await self.listed(one, found, "in_force", then)
            assert (await as_of(one.legal, found, then))["status"] == "in_force"
            later = await seen_at(service, two, found, then)
            assert later.status == status

    async def test_the_text_is_not_one_that_another_says_was_signed(self, service: Service, cast: Cast) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two)
        wider: dict[str, Any] = {"terms": {"categories": ["any"], "max_duration_hours": 48}, "title": "Wider (demo)"}
        amended = await amended_on_paper(found, one, effective_on=today() - DAY, **wider)
        digest = amended["amendment"]["version_sha256"]
        signed = {"kind": "signed", "signatory_title": "Chief", "version_sha256": digest}
        seen, path = await report(one, found, letter(two, today(), **signed))
        then = datetime.fromisoformat(seen["reported_acts"][0]["takes_effect_at"]) + DAY
        shown = await as_of(one.legal, found, then)
        assert (shown["version_no"], shown["title"], shown["version_status"]) == (1, found["title"], "current")
        assert shown["terms"]["max_duration_hours"] == "no_limit"
        (row,) = await in_force(two, one, then)
        assert (row["version_no"], row["terms"]["max_duration_hours"]) == (1, "no_limit")
        later = await seen_at(service, one, found, then)
        assert (later.version_no, later.title) == (2, "Wider (demo)")
        await two.legal.done("POST", f"{path}/confirm")
        assert (await as_of(one.legal, found, then))["version_no"] == 2
        (row,) = await in_force(two, one, then)
        assert row["terms"]["max_duration_hours"] == 48

    async def test_a_decision_counts_on_an_agreement_as_long_as_it_binds_without_the_report(
        self, service: Service, cast: Cast
    ) -> None:
        one, two = cast.assisting, cast.requesting
        found = await sign_agreement(service, one, two, notice={"days": 5})
        _, path = await report(one, found, letter(two, today()))

        async def covered_until() -> datetime | None:
            (each,) = await candidates(service.database.read(), two.id, one.id, "k9", utc_now())
            return each.covers_until

        assert await covered_until() is None
        confirmed = await two.legal.done("POST", f"{path}/confirm")
        assert await covered_until() == datetime.fromisoformat(confirmed["parties"][1]["leaves_at"])
