"""A history, played on the real service by the people in it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from registry.agreements.instruments.commands import (
    drafting,
    ending,
    governing_body,
    joining,
    proposing,
    recording,
    reporting,
    reviewing,
    signing,
    terminating,
)
from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.rules import AgreementAction
from registry.agreements.instruments.schemas.consenting import NewSuspensionProposal
from registry.agreements.instruments.schemas.given import (
    AgreementReason,
    ApprovalRule,
    Confirmation,
    GoverningApproval,
    NewAgreement,
    NewProvision,
    NewVerbalActivation,
    OwnSuspension,
    RecordedAgreement,
    RecordedAmendment,
    Signing,
    Termination,
    VerbalConsent,
    WithdrawalNotice,
)
from registry.agreements.instruments.terms import Terms
from registry.platform.access.principals import Caller, Principal, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import DomainError
from registry.platform.kernel.ids import new_id
from tests.agreements.instruments.in_force_model import History, Known, Step, midnight
from tests.support.agreements import EVIDENCE
from tests.support.cast import ZONE, Cast
from tests.support.service import Service

TICK = timedelta(microseconds=1)
BEGIN = datetime(2026, 3, 1, 17, tzinfo=UTC)
FIRST_DAY = date(2026, 3, 3)
NOTICE_DAYS = 4
TEXT: dict[str, Any] = {"provisions": [], "terms": Terms(categories=["k9"], suspension="at_once")}
PROVISION = [NewProvision(number="1", heading="purpose", text="Amended (demo).")]
PAPER: dict[str, Any] = {"signatory_title": "Chief", "evidence_sha256": EVIDENCE}


class Play:
    """One history on the real service."""

    def __init__(self, service: Service, cast: Cast, history: History) -> None:
        self.service, self.history = service, history
        self.parties = [cast.assisting, cast.requesting, cast.neighbour]
        self.known = Known(zone=ZoneInfo(history.zone))
        self.dated: set[datetime] = set()
        self.now = BEGIN
        self.moments = [BEGIN]
        self.agreement_id: UUID | None = None
        self.original = ""

    def caller(self, party: int) -> Caller:
        """A lawyer of the party, at this instant."""
        principal = Principal(
            subject=f"legal-{party}",
            agency_id=self.parties[party].id,
            roles=frozenset({Role.LEGAL}),
            scopes=frozenset({"*"}),
            token_id="history",
            issuer="history",
        )
        return Caller(principal=principal, now=self.now, trace_id=str(new_id()))

    async def do(self, command: Any, party: int, *arguments: object) -> Any:
        """What the command answers; None where the registry refuses."""
        try:
            async with unit_of_work(self.service.database) as write:
                return await command(write, self.caller(party), *arguments)
        except DomainError:
            return None

    @property
    def today(self) -> date:
        """The day on the wall."""
        return self.now.astimezone(self.known.zone).date()

    def begun(self, day: date) -> datetime:
        """From when an act of that day counts: as it began where the parties are, and not from later than now."""
        self.dated.add(at := min(midnight(day, ZoneInfo(ZONE)), self.now))
        return at

    def midnight(self, day: date) -> datetime:
        return midnight(day, self.known.zone)

    async def begin(self) -> None:
        """The agreement comes about, by paper or by word of mouth."""
        last = None if self.history.last_day is None else FIRST_DAY + timedelta(days=self.history.last_day)
        fields: dict[str, Any] = {
            "number": f"H-{new_id()}",
            "title": "Mutual aid (demo)",
            "kind": "mutual_aid",
            "parties": [party.id for party in self.parties],
            "time_zone": self.history.zone,
            "effective_on": FIRST_DAY,
            "expires_on": last,
            "notice": Notice(days=NOTICE_DAYS),
            **TEXT,
        }
        key = self.service.settings.ledger_key
        if self.history.verbal:
            made = await self.do(drafting.create_agreement, 0, NewAgreement(**fields))
            through = self.today + timedelta(days=9)
            activation = NewVerbalActivation(
                version_no=1, ratify_by_on=through, signatory_title="Chief", reason="flood"
            )
            made = await self.do(joining.activate_verbally, 0, key, made.id, activation, None)
            self.known.word_only.add(0)
            self.known.join(0, self.now, 0)
            self.known.ratify_through = through
            self.known.texts = [(self.now, FIRST_DAY, last)]
        else:
            made = await self.do(
                recording.record_agreement, 0, key, RecordedAgreement(**fields, **PAPER, signed_on=self.today)
            )
            signed = self.begun(self.today)
            self.known.join(0, signed, 0)
            self.known.texts = [(signed, FIRST_DAY, last)]
        self.agreement_id, self.original = made.id, made.version_sha256

    async def step(self, step: Step) -> None:
        """One act; the reference hears of it only where the registry let it happen."""
        self.now += timedelta(hours=step.hours, microseconds=1)
        self.moments.append(self.now)
        await getattr(self, f"_{step.act}")(step.party, step.days)

    async def _confirm(self, party: int, days: int) -> None:
        signed_on = self.today - timedelta(days=abs(days))
        digest = self.digest()
        body = Confirmation(version_sha256=digest, signatory_title="Chief", signed_on=signed_on)
        if await self.do(recording.confirm, party, self.agreement_id, body, None) is not None:
            self.known.ratified.setdefault(party, self.begun(signed_on))
            self.known.join(party, self.begun(signed_on), 0)

    async def _sign(self, party: int, days: int) -> None:
        body = Signing(version_sha256=self.digest(), signatory_title="Chief", signed_on=self.today, manner="wet")
        if await self.do(signing.sign, party, self.agreement_id, body, None) is not None:
            self.known.ratified.setdefault(party, self.now)
            self.known.join(party, self.now, 0)

    def digest(self) -> str:
        """The hash of what the agreement says."""
        return self.original

    async def _say_yes(self, party: int, days: int) -> None:
        body = VerbalConsent(version_sha256=self.digest(), signatory_title="Chief")
        if await self.do(joining.agree_verbally, party, self.agreement_id, body, None) is not None:
            self.known.join(party, self.now, 0)
            self.known.word_only.add(party)

    async def _suspend(self, party: int, days: int) -> None:
        if await self.do(ending.suspend, party, self.agreement_id, OwnSuspension(reason="inquiry"), None) is not None:
            self.known.paused.setdefault(party, []).append([self.now, None])

    async def _reinstate(self, party: int, days: int) -> None:
        if await self.do(ending.reinstate, party, self.agreement_id, "cleared", None) is not None:
            self.known.paused[party][-1][1] = self.now

    async def _stop(self, party: int, days: int) -> None:
        if await self._agreed("suspension", party):
            self.known.suspended.append([self.now, None])

    async def _go_on(self, party: int, days: int) -> None:
        if await self._agreed("reinstatement", party):
            self.known.suspended[-1][1] = self.now

    async def _agreed(self, kind: Any, party: int) -> bool:
        """A proposal to which all who are asked consent at once."""
        body = NewSuspensionProposal(kind=kind, reason="inquiry")
        made = await self.do(proposing.propose_suspension, party, self.agreement_id, body, None)
        return made is not None and await self._all_consent(made)

    async def _all_consent(self, made: Any) -> bool:
        proposal = made.proposals[-1]
        for other, agency in enumerate(self.parties):
            if agency.id in [each.id for each in proposal.outstanding]:
                made = await self.do(proposing.consent, other, self.agreement_id, proposal.id, None, None)
        assert made.proposals[-1].agreed_at is not None
        return True

    async def _notice(self, party: int, days: int) -> None:
        """On paper; of one that is late some others confirm, consent to, or contest the day that it bears."""
        given_on = self.today - timedelta(days=max(0, -days))
        body = WithdrawalNotice(notice_on=given_on, evidence_sha256=EVIDENCE, reason="we leave")
        made = await self.do(ending.give_notice, party, self.agreement_id, body, None)
        if made is None:
            return
        dated, counted = (self.midnight(day + timedelta(days=NOTICE_DAYS + 1)) for day in (given_on, self.today))
        self.known.leaves[party] = dated
        its = [each for each in made.reported_acts if made.proposals and each.proposal_id == made.proposals[-1].id]
        for each in its if dated < counted else ():
            other = [agency.id for agency in self.parties].index(each.agency.id)
            if days == -1:
                await self.do(reporting.confirm_report, other, self.agreement_id, each.id, None, None)
            elif days == -2:
                proposal_id = made.proposals[-1].id
                await self.do(proposing.consent, other, self.agreement_id, proposal_id, None, None)
                self.known.leaves[party] = dated
            else:
                await self.do(reporting.contest_report, other, self.agreement_id, each.id, "it never came", None)
                self.known.leaves[party] = counted

    async def _rescind(self, party: int, days: int) -> None:
        body = AgreementReason(reason="we stay")
        if await self.do(ending.rescind_notice, party, self.agreement_id, body.reason, None) is not None:
            del self.known.leaves[party]

    async def _rule(self, party: int, days: int) -> None:
        """One that asks for an approval counts, of a party that is bound, as a notice of the day would run out."""
        on = None if party in self.known.joined else self.today
        body = ApprovalRule(required=days > 0, effective_on=on, citation="City code (demo)", reason="the charter")
        if await self.do(governing_body.set_approval_rule, party, self.agreement_id, body, None) is not None:
            waits = days > 0 and party in self.known.joined
            since = (
                self.midnight(self.today + timedelta(days=NOTICE_DAYS + 1))
                if waits
                else self.now
                if on is None
                else self.midnight(on)
            )
            said = self.known.needs_council.setdefault(party, [])
            if days <= 0 and on is None:  # who waives without a day waives what is to begin, too
                said[:] = [(each, needed and each <= since) for each, needed in said]
            said.append((since, days > 0))
            said.sort(key=lambda each: each[0])

    async def _approve(self, party: int, days: int) -> None:
        first = self.today - timedelta(days=max(0, -days))
        last = None if days == 0 else first + timedelta(days=abs(days))
        body = GoverningApproval(
            version_no=1, body="Council", approved_on=first, expires_on=last, evidence_sha256=EVIDENCE
        )
        if await self.do(governing_body.record_approval, party, self.agreement_id, body, None) is not None:
            self.known.council.setdefault(party, []).append((self.begun(first), last))

    async def _amend(self, party: int, days: int) -> None:
        """An amendment on paper that everybody confirms at once who had not left when the day began."""
        first = self.today + timedelta(days=days)
        last = None if days % 2 else first + timedelta(days=6)
        body = RecordedAmendment(
            title="Amended (demo)",
            effective_on=first,
            expires_on=last,
            notice=Notice(days=NOTICE_DAYS),
            **{**TEXT, "provisions": PROVISION},
            **PAPER,
            signed_on=self.today,
            reason="amended",
        )
        made = await self.do(
            recording.record_amendment, 0, self.service.settings.ledger_key, self.agreement_id, body, None
        )
        if made is None:
            return
        digest, signed_at, signers = made.amendment.version_sha256, self.begun(self.today), [0]
        for party in (1, 2):
            confirmation = Confirmation(version_sha256=digest, signatory_title="Chief", signed_on=self.today)
            if await self.do(recording.confirm, party, self.agreement_id, confirmation, None) is not None:
                signers.append(party)
        if len(signers) > 1:
            self.known.texts.append((max(signed_at, self.known.texts[0][0]), first, last))
            for party in signers:  # it has ratified what it was about, and is a party though it never signed that
                self.known.ratified.setdefault(party, signed_at)
                self.known.join(party, signed_at, len(self.known.texts) - 1)
        else:
            await self.do(reviewing.step, 0, self.agreement_id, AgreementAction.WITHDRAW, {"reason": "dropped"}, None)

    async def _terminate(self, party: int, days: int) -> None:
        day = self.today + timedelta(days=max(0, days))
        at = max(self.midnight(day), self.now)
        body = Termination(effective_on=day, reason="over")
        made = await self.do(terminating.terminate, party, self.agreement_id, body, None) if days > 8 else None
        if made is not None and await self._all_consent(made):
            self.known.ended = at
            self.moments.append(at)

    def instants(self) -> Iterator[datetime]:
        """Around every act, and around the midnights of all those days."""
        first = self.moments[0].astimezone(self.known.zone).date()
        days = [self.midnight(first + timedelta(days=n)) for n in range(-4, 55, 3)]
        turns = [self.midnight(day + timedelta(days=n)) for day in self._days() for n in (0, 1, NOTICE_DAYS + 1)]
        rules = [since for said in self.known.needs_council.values() for since, _ in said]
        for edge in sorted({*self.moments, *self.dated, *days, *turns, *rules}):
            yield from (edge - TICK, edge)

    def _days(self) -> Iterator[date]:
        for _, first, last in self.known.texts:
            yield first
            if last is not None:
                yield last
        for at in self.known.leaves.values():
            yield at.astimezone(self.known.zone).date()
        for approvals in self.known.council.values():
            for since, last in approvals:
                yield since.astimezone(self.known.zone).date()
                if last is not None:
                    yield last
        if self.known.ratify_through is not None:
            yield self.known.ratify_through
