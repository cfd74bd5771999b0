"""In force as SQL answers it, after histories of real commands, against a slow and obvious reading of them.

Each history is a series of things that people do at rising instants around two changes of the clock: sign, confirm,
give their word, amend, suspend, give notice and take it back, have a council approve, terminate. What the registry
refuses has not happened. Then every way in which the service asks who is bound — the pair, the partners, the assets
covered, the candidates of a decision, the status in a list — is held against the reference at each edge of a day and of
an act.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from registry.agreements.documents.queries import filed_papers, is_on_file
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
from registry.agreements.instruments.queries.in_force import candidates, covers_asset, partner_in_force
from registry.agreements.instruments.queries.listing import list_agreements
from registry.agreements.instruments.queries.partners import agreements_in_force
from registry.agreements.instruments.rules import AgreementAction
from registry.agreements.instruments.schemas.asked import AgreementQuery, InForceQuery
from registry.agreements.instruments.schemas.consenting import NewSuspensionProposal
from registry.agreements.instruments.schemas.given import (
    AgreementReason,
    ApprovalRule,
    Confirmation,
    GoverningApproval,
    NewAgreement,
    NewProvision,
    NewVerbalActivation,
    RecordedAgreement,
    RecordedAmendment,
    Signing,
    Termination,
    VerbalConsent,
    WithdrawalNotice,
)
from registry.agreements.instruments.terms import Terms
from registry.directory.agencies.tables import agency as agency_table
from registry.platform.access.principals import Caller, Principal, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import DomainError
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from tests.support.agreements import EVIDENCE
from tests.support.cast import ZONE, Cast
from tests.support.length import at_length
from tests.support.service import Service

TICK = timedelta(microseconds=1)
BEGIN = datetime(2026, 3, 1, 17, tzinfo=UTC)
FIRST_DAY = date(2026, 3, 3)
NOTICE_DAYS = 4
ZONES = ("America/Chicago", "America/Havana", "Pacific/Chatham")
TEXT: dict[str, Any] = {"provisions": [], "terms": Terms(categories=["k9"])}
PROVISION = [NewProvision(number="1", heading="purpose", text="Amended (demo).")]
PAPER: dict[str, Any] = {"signatory_title": "Chief", "evidence_sha256": EVIDENCE}

acts = st.sampled_from(
    [
        *("confirm", "sign", "say_yes", "suspend", "reinstate", "stop", "go_on", "notice", "rescind"),
        *("rule", "approve", "amend", "terminate"),
    ]
)


class Step(Struct, kw_only=True, frozen=True):
    """One thing that somebody tries to do, `hours` after the one before; `days` is what the act needs of days."""

    act: str
    party: int
    hours: int
    days: int


class History(Struct, kw_only=True, frozen=True):
    """A beginning, on paper or by word of mouth, and what follows."""

    zone: str
    verbal: bool
    last_day: int | None
    steps: list[Step]


histories = st.builds(
    History,
    zone=st.sampled_from(ZONES),
    verbal=st.booleans(),
    last_day=st.none() | st.integers(10, 40),
    steps=st.lists(
        st.builds(Step, act=acts, party=st.integers(0, 2), hours=st.integers(0, 60), days=st.integers(-3, 12)),
        min_size=4,
        max_size=14,
    ),
)


def drawn() -> list[History]:
    """Some histories, the same in each run of this length."""
    found: list[History] = []

    @settings(
        max_examples=at_length(12, 24, 500), derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(histories)
    def draw(history: History) -> None:
        found.append(history)

    draw()
    return found


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day, found by walking the clock."""
    at = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=16)
    while at.astimezone(zone).date() < day:
        at += timedelta(minutes=15)
    return at


class Known(Struct, kw_only=True):
    """What has happened, in the words of the people who did it."""

    zone: ZoneInfo
    texts: list[tuple[datetime, date, date | None]] = []
    joined: dict[int, datetime] = {}
    word_only: set[int] = set()
    ratified: dict[int, datetime] = {}
    ratify_through: date | None = None
    signed: dict[int, dict[int, datetime]] = {}
    leaves: dict[int, datetime] = {}
    needs_council: dict[int, list[tuple[datetime, bool]]] = {}
    council: dict[int, list[tuple[datetime, date | None]]] = {}
    paused: dict[int, list[list[datetime | None]]] = {}
    suspended: list[list[datetime | None]] = []
    ended: datetime | None = None

    def text_at(self, at: datetime) -> int | None:
        """The version that began latest, if its last day is not over."""
        today = at.astimezone(self.zone).date()
        begun = [n for n in self.by_effect() if self.texts[n][0] <= at and self.texts[n][1] <= today]
        if not begun or ((last := self.texts[begun[-1]][2]) is not None and today > last):
            return None
        return begun[-1]

    def join(self, party: int, at: datetime, text: int) -> None:
        """A party signs a text; what it signed first bound it."""
        self.joined.setdefault(party, at)
        self.signed.setdefault(party, {}).setdefault(text, at)

    def by_effect(self) -> list[int]:
        """The versions as they take effect: from their first day and their last signature on."""

        def key(n: int) -> tuple[datetime, date, datetime, int]:
            executed, first, _ = self.texts[n]
            return max(executed, midnight(first, self.zone)), first, executed, n

        return sorted(range(len(self.texts)), key=key)

    def bound(self, party: int, at: datetime) -> bool:
        """Each condition by itself."""
        today, text = at.astimezone(self.zone).date(), self.text_at(at)
        if party not in self.joined or at < self.joined[party] or text is None:
            return False
        if text not in self.signed[party] or at < self.signed[party][text]:
            return False
        if self.ended is not None and at >= self.ended:
            return False
        if any(start is not None and start <= at and (end is None or at < end) for start, end in self.suspended):
            return False
        if any(
            start is not None and start <= at and (end is None or at < end) for start, end in self.paused.get(party, [])
        ):
            return False
        if party in self.leaves and at >= self.leaves[party]:
            return False
        if party in self.word_only and self.ratify_through is not None and today > self.ratify_through:
            signed = self.ratified.get(party)
            if signed is None or at < signed:
                return False
        said = [needed for since, needed in self.needs_council.get(party, []) if since <= at]
        if not said or not said[-1]:
            return True
        return any(since <= at and (last is None or today <= last) for since, last in self.council.get(party, []))

    def status(self, at: datetime, moments: list[datetime]) -> str:
        """What the agreement as a whole is."""
        executed = self.texts[0][0]
        if self.ended is not None and at >= self.ended:
            return "terminated"
        last = self.texts[self.by_effect()[-1]][2]
        if last is not None and at.astimezone(self.zone).date() > last:
            return "expired"
        if any(start is not None and start <= at and (end is None or at < end) for start, end in self.suspended):
            return "suspended"
        if sum(self.bound(party, at) for party in range(3)) >= 2:
            return "in force"
        for pauses in self.paused.values():
            if any(start is not None and start <= at and (end is None or at < end) for start, end in pauses):
                return "suspended"
        before = [m for m in moments if executed <= m < at]
        if any(sum(self.bound(party, m) for party in range(3)) >= 2 for m in before):
            return "lapsed"
        return "unconfirmed" if len(self.joined) < 2 else "not_yet_effective"


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
            activation = NewVerbalActivation(ratify_by_on=through, signatory_title="Chief", reason="flood")
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
        if await self.do(recording.confirm, party, filed_papers, self.agreement_id, body, None) is not None:
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
        if await self.do(ending.suspend, party, self.agreement_id, "inquiry", None) is not None:
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
        made = await self.do(ending.give_notice, party, is_on_file, self.agreement_id, body, None)
        if made is None:
            return
        dated, counted = (self.midnight(day + timedelta(days=NOTICE_DAYS + 1)) for day in (given_on, self.today))
        self.known.leaves[party] = dated
        its = [each for each in made.reported_acts if made.proposals and each.proposal_id == made.proposals[-1].id]
        for each in its if dated < counted else ():
            other = [agency.id for agency in self.parties].index(each.agency.id)
            if days == -1:
                await self.do(reporting.confirm_report, other, filed_papers, self.agreement_id, each.id, None, None)
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
        body = ApprovalRule(required=days > 0, citation="City code (demo)", reason="the charter")
        if await self.do(governing_body.set_approval_rule, party, self.agreement_id, body, None) is not None:
            waits = days > 0 and party in self.known.joined
            since = self.midnight(self.today + timedelta(days=NOTICE_DAYS + 1)) if waits else self.now
            said = self.known.needs_council.setdefault(party, [])
            said.append((since, days > 0))
            said.sort(key=lambda each: each[0])

    async def _approve(self, party: int, days: int) -> None:
        first = self.today - timedelta(days=max(0, -days))
        last = None if days == 0 else first + timedelta(days=abs(days))
        body = GoverningApproval(body="Council", approved_on=first, valid_to=last, evidence_sha256=EVIDENCE)
        if await self.do(governing_body.record_approval, party, self.agreement_id, body, None) is not None:
            self.known.council.setdefault(party, []).append((self.begun(first), last))

    async def _amend(self, party: int, days: int) -> None:
        """An amendment on paper that everybody who is bound confirms at once."""
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
        for party in (1, 2):
            if made is None or made.amendment is None:
                break
            digest = made.amendment.version_sha256
            confirmation = Confirmation(version_sha256=digest, signatory_title="Chief", signed_on=self.today)
            made = await self.do(recording.confirm, party, filed_papers, self.agreement_id, confirmation, None) or made
        if made is not None and made.amendment is None:
            executed = max(self.begun(self.today), self.known.texts[0][0])
            self.known.texts.append((executed, first, last))
            for party in self.known.joined:  # who has not left has signed it, and so ratified what it was about
                if self.still_there(party):
                    self.known.ratified.setdefault(party, self.begun(self.today))
                    self.known.signed[party][len(self.known.texts) - 1] = self.begun(self.today)
        elif made is not None:
            await self.do(reviewing.step, 0, self.agreement_id, AgreementAction.WITHDRAW, {"reason": "dropped"}, None)

    async def _terminate(self, party: int, days: int) -> None:
        day = self.today + timedelta(days=max(0, days))
        at = max(self.midnight(day), self.now)
        body = Termination(effective_on=day, reason="over")
        made = (
            await self.do(terminating.terminate, party, is_on_file, self.agreement_id, body, None) if days > 8 else None
        )
        if made is not None and await self._all_consent(made):
            self.known.ended = at
            self.moments.append(at)

    def still_there(self, party: int) -> bool:
        """Whether the party has joined and no notice of its has run out."""
        return party not in self.known.leaves or self.now < self.known.leaves[party]

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


@pytest.mark.grows
async def test_every_question_about_who_is_bound_is_answered_as_the_history_says(service: Service, cast: Cast) -> None:
    for number, history in enumerate(drawn()):
        play = Play(service, cast, history)
        await play.begin()
        for step in history.steps:
            await play.step(step)
        instants = list(play.instants())
        for at in instants:
            await hold_against_the_service(play, at, instants, f"history {number} at {at}")


async def hold_against_the_service(play: Play, at: datetime, instants: list[datetime], where: str) -> None:
    """One instant, every question; other histories' agreements between the same agencies are left out."""
    read, known = play.service.database.read(), play.known
    one, other = play.parties[0], play.parties[1]
    expected = known.bound(0, at) and known.bound(1, at)
    query = InForceQuery(requesting_agency_id=other.id, assisting_agency_id=one.id, as_of=at)
    found = await agreements_in_force(read, play.caller(1).principal, query, at)
    mine = [item for item in found.items if item.agreement_id == play.agreement_id]
    assert bool(mine) == expected, where
    if mine:
        assert mine[0].version_no == 1 + (known.text_at(at) or 0), where
    tried = [c for c in await candidates(read, other.id, one.id, "k9.patrol", at) if c.id == play.agreement_id]
    assert [c.in_force for c in tried] == [expected] * len(tried), where
    if expected:
        until = tried[0].covers_until
        last = max(instants) if until is None else until - TICK
        assert [known.bound(party, last) for party in (0, 1)] == [True, True], f"{where}, until {until}"
        assert until is None or not (known.bound(0, until) and known.bound(1, until)), f"{where}, until {until}"
    status = known.status(at, instants)
    names: tuple[Any, ...] = ("in_force", "notice_window") if status == "in force" else (status,)
    listed = [
        item.id
        for name in names
        for item in (
            await list_agreements(
                read, play.caller(0).principal, AgreementQuery(status=(name,), as_of=at, limit=200), utc_now()
            )
        ).items
    ]
    assert play.agreement_id in listed, f"{where}: {status}"
    if len(found.items) == len(mine):  # no other history binds the two at that instant
        asked = sa.select(agency_table.c.id).where(
            agency_table.c.id == sa.bindparam("asked", type_=agency_table.c.id.type)
        )
        for criterion in (
            partner_in_force(agency_table.c.id),
            covers_asset(agency_table.c.id, sa.literal("k9.patrol")),
        ):
            rows = await read.all(asked.where(criterion), {"viewer": other.id, "asked": one.id, "at": at})
            assert bool(rows) == expected, where
