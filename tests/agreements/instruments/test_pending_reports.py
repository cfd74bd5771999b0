"""What others recorded of a party is not shown as its own act, nor as any end, until it has taken effect."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from registry.agreements.instruments.consent import ProposalKind, ReportedKind
from registry.agreements.instruments.consent_tables import agreement_pending
from registry.agreements.instruments.pending import PartyWithout, PendingReport, lapses_at
from registry.platform.kernel.time import format_instant, utc_now
from tests.agreements.instruments.test_in_force import in_force
from tests.agreements.instruments.test_reported_acts import DAY, PATH, letter, report, seen_at
from tests.support.agreements import record_agreement, sign_agreement
from tests.support.cast import Agency, Cast, today
from tests.support.consent import consent, in_force_once, named, proof, propose_end
from tests.support.service import Caller, Service

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
    def test_an_agreement_lapses_when_but_one_party_is_left(self) -> None:
        def party(leaves_at: datetime | None = None, *, joined: bool = True) -> PartyWithout:
            return PartyWithout(
                agency_id=uuid4(),
                joined_at=AT if joined else None,
                verbally_at=None,
                withdrawal_notice_on=None,
                notice_kind=None,
                leaves_at=leaves_at,
                released_at=None,
            )

        assert lapses_at([party(), party()]) is None
        assert lapses_at([party(), party(AT)]) == AT
        assert lapses_at([party(AT + DAY), party(AT)]) == AT
        assert lapses_at([party(AT + DAY), party(AT), party(AT + 2 * DAY)]) == AT + DAY
        assert lapses_at([party(), party(), party(AT)]) is None
        assert lapses_at([party(), party(joined=False)]) is None, "what never bound two cannot lapse"

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
