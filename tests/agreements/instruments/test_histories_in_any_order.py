"""True histories, entered late: in whatever order facts are recorded, the same parties are bound on the same days.

A history is what happened years ago: an agreement on paper, who signed it when, amendments and renewals with their
days, what councils approved and what their law asked for, a notice that runs or waits for its receipt, a party that has
left, the whole suspended, the end to which all agreed. It is entered as it happened, and again in other orders, through
the commands that people use; the windows of all of them are compared. So a party confirms what it had signed after it
is on record that it left, or that the agreement ended, and an amendment that came before the end is recorded after it.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from registry.agreements.instruments.commands import (
    ending,
    governing_body,
    proposing,
    receiving,
    recording,
    reporting,
    terminating,
)
from registry.agreements.instruments.consent import NO_PART, ReportedKind
from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.queries.getting import get_agreement
from registry.agreements.instruments.receipt import no_receipt_awaited
from registry.agreements.instruments.rules import NOTHING_TO_LEAVE
from registry.agreements.instruments.schemas.consenting import NewReportedAct, NewSuspensionProposal
from registry.agreements.instruments.schemas.given import (
    ApprovalRule,
    Confirmation,
    GoverningApproval,
    NewProvision,
    ReceiptOfNotice,
    RecordedAgreement,
    RecordedAmendment,
    Termination,
    WithdrawalNotice,
)
from registry.agreements.instruments.schemas.shown import Agreement
from registry.agreements.instruments.tables import (
    agreement_force_window,
    agreement_party,
    agreement_party_window,
    agreement_text_window,
    agreement_version,
)
from registry.agreements.instruments.terms import Terms
from registry.platform.access.principals import Caller, Principal, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import day_starts_at
from tests.support.agreements import EVIDENCE
from tests.support.cast import Cast
from tests.support.length import at_length
from tests.support.service import Service

NOW = datetime(2026, 3, 1, 17, tzinfo=UTC)
LATER = NOW + timedelta(days=20)
"""When receipts of notices are entered, which came in the meantime."""

FIRST_DAY = date(2012, 2, 28)
"""Of the agreement; what follows is counted from it."""

LATE = 5_000
"""After all that happened, in days."""

ON_ITS_DAY = (NOW.date() - FIRST_DAY).days
"""The day on which notices are given, counted from the first one."""

LONG_NOTICE = Notice(days=3_000)
"""Of the original; each text has another, and whoever gave notice leaves by the one that held on that day."""

BY_RECEIPT = Notice(days=3_000, counted_from="receipt")
NOTHING_AWAITED = no_receipt_awaited([], UUID(int=0))

PROVISION = [NewProvision(number="1", heading="purpose", text="They help one another (demo).")]
PAPER: dict[str, Any] = {"signatory_title": "Chief", "evidence_sha256": EVIDENCE, "terms": Terms(categories=["k9"])}


TEXTS = ("amendment", "renewal")
CONSENTED = ReportedKind.CONSENTED


class Fact(Struct, kw_only=True, frozen=True):
    """Something that happened: `day` and `lasting` in days, for a text its first day and its last.

    Of a receipt `party` gave the notice, and the one so many (`signed`) further on received it `lasting` days later;
    `how` it is known. `by_receipt`: how the text counts notice.

    `signers`: by how many days after the custodian each other party signed a text; None where it never did.
    """

    kind: str
    party: int
    day: int
    lasting: int | None
    signed: int = 0
    signers: tuple[int | None, int | None] = (0, 0)
    by_receipt: bool = False
    how: str = "recorded"


class History(Struct, kw_only=True, frozen=True):
    """An agreement, when its parties signed it, and what else happened; `seed` draws the orders."""

    zone: str
    last_day: int | None
    by_receipt: bool
    joined: tuple[int, int]
    facts: list[Fact]
    seed: int

    @property
    def ended(self) -> int | None:
        """The day from which the agreement was over by the consent of all; None where it goes on."""
        return next((fact.day for fact in self.facts if fact.kind == "end"), None)


def possible(facts: list[Fact], joined: tuple[int, int], *, by_receipt: bool) -> list[Fact]:
    """Without what cannot have happened since the agreement had ended, and what binds by something of today.

    Nor with a rule to come where a text counts notice from receipt: what one asks for once it is
    bound, it says too late, so there the order tells. It is refused of such a party, as its own tests show.
    """
    if by_receipt or any(fact.by_receipt for fact in facts):
        facts = [fact for fact in facts if fact.kind != "rule"]
    ended = next((fact.day for fact in facts if fact.kind == "end"), None)
    if ended is None:
        return facts
    ahead = ("notice", "noticed", "rule", "no_rule", "receipt")
    return [
        fact
        for fact in facts
        if fact.kind == "end"
        or (
            fact.kind not in ahead and fact.day < ended and (fact.kind not in TEXTS or signed_day(fact, joined) < ended)
        )
    ]


def received_late(facts: list[Fact], seed: int) -> list[Fact]:
    """With the days after its notice on which each receipt came, and how that is known."""
    random = Random(seed)  # no secret
    return [
        replace(fact, lasting=random.randrange(20), how=random.choice(KNOWN)) if fact.kind == "receipt" else fact
        for fact in facts
    ]


def signed_day(text: Fact, joined: tuple[int, int]) -> int:
    """On which day the custodian signed the text."""
    return max(*joined, text.day + text.signed)


def one_of_each(facts: list[Fact]) -> list[Fact]:
    """No two facts of which only the order of entry could say which one counts."""
    found: dict[tuple[object, ...], Fact] = {}
    for fact in facts:
        if fact.kind in TEXTS:
            key: tuple[object, ...] = ("text", fact.day)
        elif fact.kind in ("notice", "noticed", "left"):
            key = ("notice", fact.party)
        elif fact.kind == "receipt":
            key = ("receipt", fact.party, fact.signed)
        else:
            key = (fact.kind in ("approval", "suspended") and fact.kind, fact.party, fact.day)
        found.setdefault(key, fact)
    return list(found.values())


days = st.integers(0, 4_500)
texts = st.builds(
    Fact,
    kind=st.sampled_from(["amendment", "renewal"]),
    party=st.just(0),
    day=days,
    lasting=st.none() | st.integers(0, 3_000),
    signed=st.integers(-60, 60),
    signers=st.tuples(*[st.just(0) | st.none() | st.integers(1, 200)] * 2),
    by_receipt=st.booleans(),
)
others = st.builds(
    Fact,
    kind=st.sampled_from(["approval", "rule", "no_rule", "notice"]),
    party=st.integers(0, 2),
    day=days,
    lasting=st.none() | st.integers(0, 1_500),
)


def noticed(
    party: int, others: tuple[int, ...], after: Sequence[int] = (0, 0), how: Sequence[str] = ("recorded",) * 2
) -> list[Fact]:
    """A notice that is given last of all, and which of the others, counted on from its party, received it when."""
    given = Fact(kind="noticed", party=party, day=LATE, lasting=None)
    came = [
        Fact(kind="receipt", party=party, day=LATE, lasting=after[other - 1], signed=other, how=how[other - 1])
        for other in others
    ]
    return [given, *came]


# By its own word; as the giver reported it; after a contest as it was shown anew; and contested to this day.
KNOWN = ("recorded", "reported", "shown_anew", "contested")
notices = st.builds(noticed, party=st.integers(0, 2), others=st.sampled_from([(1, 2), (1,), (2,), ()]))
# One party at most that is gone already: who has left is asked nothing, and so consents to no other's leaving.
leavings = st.lists(
    st.builds(Fact, kind=st.just("left"), party=st.integers(1, 2), day=st.integers(500, 4_500), lasting=st.just(None)),
    max_size=1,
)
# The whole, by the consent of all, through a day.
suspended = st.lists(
    st.builds(
        Fact,
        kind=st.just("suspended"),
        party=st.integers(0, 2),
        day=st.integers(450, 4_500),
        lasting=st.integers(0, 900),
    ),
    max_size=2,
)
# To which all agreed a month before its day.
ends = st.lists(
    st.builds(Fact, kind=st.just("end"), party=st.integers(0, 2), day=st.integers(500, 4_500), lasting=st.just(None)),
    max_size=1,
)
happened = st.tuples(
    leavings, st.lists(texts, min_size=1, max_size=4), notices, st.lists(others, max_size=5), suspended, ends
).map(lambda drawn: one_of_each([fact for kind in drawn for fact in kind]))
histories = st.builds(
    History,
    zone=st.sampled_from(["America/Chicago", "Pacific/Chatham"]),
    last_day=st.none() | st.integers(100, 4_000),
    by_receipt=st.booleans(),
    joined=st.tuples(st.integers(0, 400), st.integers(0, 400)),
    facts=happened,
    seed=st.integers(0, 2**32),
).map(
    lambda drawn: replace(
        drawn, facts=received_late(possible(drawn.facts, drawn.joined, by_receipt=drawn.by_receipt), drawn.seed)
    )
)


PINNED = [
    History(
        zone="America/Chicago",
        last_day=None,
        by_receipt=True,
        joined=(0, 30),
        facts=noticed(1, (1, 2), after, how),
        seed=1,
    )
    for after, how in (
        ((4, 11), ("recorded", "reported")),
        ((9, 2), ("shown_anew", "recorded")),
        ((3, 5), ("recorded", "contested")),
    )
]
"""A notice that all received on other days than it was given, and one that somebody denies to have received."""


# Of three, one of the first two gives notice on the day on which the third signs, before that or after it.
newcomers = st.builds(
    History,
    zone=st.sampled_from(["America/Chicago", "Pacific/Chatham"]),
    last_day=st.none(),
    by_receipt=st.booleans(),
    joined=st.tuples(st.integers(0, 400), st.just(ON_ITS_DAY)),
    facts=st.builds(noticed, party=st.integers(0, 1), others=st.sampled_from([(1, 2), (1,), (2,), ()])),
    seed=st.integers(0, 2**32),
).map(lambda drawn: replace(drawn, facts=received_late(drawn.facts, drawn.seed)))

JOINED_THAT_DAY = [
    History(
        zone="America/Chicago",
        last_day=None,
        by_receipt=True,
        joined=(0, ON_ITS_DAY),
        facts=noticed(giver, (1 + giver,), (4, 4)),
        seed=seed,
    )
    for giver in (0, 1)
    for seed in (1, 2)
]
"""A notice by the custodian, or by another, that the one received who was there, on the day on which a third signed."""


FOUND = [
    History(
        zone="America/Chicago",
        last_day=873,
        by_receipt=False,
        joined=(25, 117),
        facts=[
            Fact(kind="left", party=1, day=1199, lasting=None),
            Fact(kind="renewal", party=0, day=1020, lasting=None, signed=11, signers=(1, 195)),
            Fact(kind="renewal", party=0, day=568, lasting=None, signed=-30, signers=(None, 43), by_receipt=True),
            Fact(kind="amendment", party=0, day=481, lasting=95, signed=24, signers=(None, None), by_receipt=True),
            Fact(kind="amendment", party=0, day=242, lasting=None, signed=-35, signers=(160, None)),
            Fact(kind="noticed", party=2, day=LATE, lasting=None),
        ],
        seed=4062,
    )
]
"""Once drawn, and given other windows in another order: one was asked of a hand of a day on which it had left."""


def drawn() -> list[History]:
    """Some histories, the same in each run of this length; those that are to be among them first."""
    found: list[History] = []

    @settings(
        max_examples=at_length(4, 16, 400), derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(histories)
    def draw(history: History) -> None:
        found.append(history)

    @settings(
        max_examples=at_length(3, 10, 100), derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(newcomers)
    def draw_newcomers(history: History) -> None:
        found.append(history)

    draw()
    draw_newcomers()
    return [*PINNED, *JOINED_THAT_DAY, *FOUND, *found]


class Entering:
    """One history, entered in one order."""

    def __init__(self, service: Service, cast: Cast, history: History) -> None:
        self.service, self.history = service, history
        self.parties = (cast.assisting, cast.requesting, cast.neighbour)
        self.agreement_id, self.original = UUID(int=0), ""
        self.joined: set[int] = set()
        self.entered = 0
        self.amended: list[tuple[str, Fact]] = []

    def caller(self, party: int, now: datetime = NOW) -> Caller:
        """A lawyer of the party."""
        principal = Principal(
            subject=f"legal-{party}",
            agency_id=self.parties[party].id,
            roles=frozenset({Role.LEGAL}),
            scopes=frozenset({"*"}),
            token_id="history",
            issuer="history",
        )
        return Caller(principal=principal, now=now, trace_id=str(new_id()))

    async def do(self, command: Any, party: int, *arguments: object, now: datetime = NOW) -> Agreement:
        """What the command answers. Each is entered a second after the one before."""
        self.entered += 1
        at = now + self.entered * timedelta(seconds=1)
        async with unit_of_work(self.service.database) as write:
            answer: Agreement = await command(write, self.caller(party, at), *arguments)
            return answer

    async def shown(self) -> Agreement:
        """The agreement as its custodian sees it now."""
        return await get_agreement(self.service.database.read(), self.caller(0).principal, self.agreement_id, NOW)

    async def begin(self) -> None:
        """The paper that the custodian signed on its first day."""
        history = self.history
        paper = RecordedAgreement(
            number=f"O-{new_id()}",
            title="The original (demo)",
            kind="mutual_aid",  # type: ignore[arg-type]  # as it comes over the wire
            parties=[party.id for party in self.parties],
            time_zone=history.zone,
            effective_on=FIRST_DAY,
            expires_on=None if history.last_day is None else FIRST_DAY + timedelta(days=history.last_day),
            notice=BY_RECEIPT if history.by_receipt else LONG_NOTICE,
            signed_on=FIRST_DAY,
            provisions=PROVISION,
            **PAPER,
        )
        made = await self.do(recording.record_agreement, 0, self.service.settings.ledger_key, paper)
        self.agreement_id, self.original = made.id, str(made.version_sha256)

    async def enter(self, number: int) -> None:
        """The fact of that number; the first two are the signatures of the other parties."""
        if number < 2:
            joined = FIRST_DAY + timedelta(days=self.history.joined[number])
            await self._confirm(number + 1, self.original, joined)
            self.joined.add(number + 1)
            for digest, text in self.amended:  # which it may have signed as well, and nobody confirms for it
                await self._confirm_amendment(number + 1, digest, text)
            return
        fact = self.history.facts[number - 2]
        day = FIRST_DAY + timedelta(days=fact.day)
        last = None if fact.lasting is None else day + timedelta(days=fact.lasting)
        if fact.kind in TEXTS:
            await self._amend(number, fact, day, last)
        elif fact.kind == "approval":
            approval = GoverningApproval(
                version_no=1, body="Council", approved_on=day, expires_on=last, evidence_sha256=EVIDENCE
            )
            await self.do(governing_body.record_approval, fact.party, self.agreement_id, approval, None)
        elif fact.kind in ("notice", "noticed"):
            notice = WithdrawalNotice(notice_on=NOW.date(), reason="we leave")
            await self.do(ending.give_notice, fact.party, self.agreement_id, notice, None)
        elif fact.kind == "receipt":
            await self._receive(fact)
        elif fact.kind == "left":
            await self._leave(fact.party, day)
        elif fact.kind == "end":
            await self._end(fact.party, day)
        elif fact.kind == "suspended":
            await self._suspend(fact.party, day, last)
        else:
            to_come = NOW.date() + timedelta(days=4_000 + fact.day)  # after any notice that is given now has run out
            rule = ApprovalRule(
                required=fact.kind == "rule", effective_on=to_come, citation="City code (demo)", reason="the charter"
            )
            await self.do(governing_body.set_approval_rule, fact.party, self.agreement_id, rule, None)

    async def enters(self, number: int) -> bool:
        """Whether the fact is entered, and no notice that its party cannot give today, as things stand on record."""
        try:
            await self.enter(number)
        except WrongStatus as refused:
            if refused.detail not in (NOTHING_TO_LEAVE, NOTHING_AWAITED, NO_PART):
                raise
            return False
        return True

    async def agree_to_days(self) -> None:
        """Each party agrees that what another entered late counts from its own day, where that is put to it."""
        for proposal in (await self.shown()).proposals:
            if proposal.kind == "earlier_day":
                for asked in proposal.outstanding:
                    party = next(n for n, each in enumerate(self.parties) if each.id == asked.id)
                    await self.do(proposing.consent, party, self.agreement_id, proposal.id, None, None)

    async def _receive(self, fact: Fact) -> None:
        """That a notice came, by the recipient's own word or as its giver reported it, and the recipient answers."""
        recipient, on = (fact.party + fact.signed) % 3, received_on(fact)
        if fact.how == "recorded":
            receipt = ReceiptOfNotice(agency_id=self.parties[fact.party].id, received_on=on)
            await self.do(receiving.record_receipt, recipient, self.agreement_id, receipt, None, now=LATER)
            return
        if fact.how in ("shown_anew", "contested"):
            denied = await self._report_receipt(fact.party, recipient, NOW.date())
            await self.do(reporting.contest_report, recipient, self.agreement_id, denied, "no", None, now=LATER)
        if fact.how in ("reported", "shown_anew"):
            its = await self._report_receipt(fact.party, recipient, on, evidence_sha256="ab" * 32)
            await self.do(reporting.confirm_report, recipient, self.agreement_id, its, None, None, now=LATER)

    async def _report_receipt(self, giver: int, recipient: int, on: date, evidence_sha256: str = EVIDENCE) -> UUID:
        said = NewReportedAct(
            agency_id=self.parties[recipient].id,
            kind=ReportedKind.RECEIVED_NOTICE,
            acted_on=on,
            evidence_sha256=evidence_sha256,
            reason="the returned card",
        )
        shown = await self.do(reporting.report_act, giver, self.agreement_id, said, None, now=LATER)
        return next(
            each.id
            for each in reversed(shown.reported_acts)
            if each.kind == ReportedKind.RECEIVED_NOTICE and each.agency.id == self.parties[recipient].id
        )

    async def _leave(self, party: int, last_day: date) -> None:
        """What the custodian reports, the party confirms, and the other agrees to: it was bound for the last time."""
        said = NewReportedAct(
            agency_id=self.parties[party].id,
            kind=ReportedKind.WITHDREW,
            acted_on=last_day,
            evidence_sha256=EVIDENCE,
            reason="it left",
        )
        shown = await self.do(reporting.report_act, 0, self.agreement_id, said, None)
        (its,) = (each.id for each in shown.reported_acts if each.kind == ReportedKind.WITHDREW)
        await self.do(reporting.confirm_report, party, self.agreement_id, its, None, None)
        for each in shown.proposals:
            if each.kind == "departure" and self.parties[3 - party].id in {asked.id for asked in each.outstanding}:
                await self.do(proposing.consent, 3 - party, self.agreement_id, each.id, None, None)

    async def _end(self, party: int, day: date) -> None:
        """What one party on record recorded of it: of the others that are asked one consents, and one confirms."""
        by = party if party in self.joined and await self._stays(party) else 0
        end = Termination(
            acted_on=day - timedelta(days=30), effective_on=day, evidence_sha256=EVIDENCE, reason="all agreed"
        )
        shown = await self.do(terminating.terminate, by, self.agreement_id, end, None)
        await self._agree(shown)

    async def _suspend(self, party: int, day: date, last: date | None) -> None:
        """That all had agreed on that day to suspend it, as one of them recorded it; the others say so too."""
        by = party if party in self.joined and await self._stays(party) else 0
        pause = NewSuspensionProposal(
            kind="suspension", acted_on=day, ends_on=last, evidence_sha256=EVIDENCE, reason="a dispute"
        )
        await self._agree(await self.do(proposing.propose_suspension, by, self.agreement_id, pause, None))

    async def _agree(self, shown: Agreement) -> None:
        """Of those asked about what was proposed last one consents, and one confirms what is reported of it."""
        proposal = shown.proposals[-1]
        for other, agency in enumerate(self.parties):
            if agency.id not in {asked.id for asked in proposal.outstanding}:
                continue
            (its,) = (
                each.id
                for each in shown.reported_acts
                if each.agency.id == agency.id and each.proposal_id == proposal.id and each.kind == CONSENTED
            )
            if other % 2:
                await self.do(proposing.consent, other, self.agreement_id, proposal.id, None, None)
            else:
                await self.do(reporting.confirm_report, other, self.agreement_id, its, None, None)

    async def _stays(self, party: int) -> bool:
        """Whether a party that is on record proposes anything: not who has left, nor who others went on without.

        The last text that it signed has run out then, and they are bound by a later one, as things stand on record.
        """
        if any((fact.kind, fact.party) == ("left", party) for fact in self.history.facts):
            return False
        its = sa.select(agreement_party.c.lapsed_at).where(
            agreement_party.c.agreement_id == self.agreement_id,
            agreement_party.c.agency_id == self.parties[party].id,
        )
        lapsed_at = await self.service.database.read().value(its)
        return lapsed_at is None or lapsed_at > NOW

    async def _amend(self, number: int, fact: Fact, day: date, last: date | None) -> None:
        """An amendment on paper, which the custodian signed, and each other party or not."""
        body = RecordedAmendment(
            kind="renewal" if fact.kind == "renewal" and last is None else "amendment",
            title=f"Text {number} (demo)",
            effective_on=day,
            expires_on=last,
            notice=Notice(days=2_000 + 10 * number, counted_from="receipt" if fact.by_receipt else "silent"),
            signed_on=self._signed_on(fact),
            provisions=PROVISION,
            reason="found in the archive",
            **PAPER,
        )
        ledger_key = self.service.settings.ledger_key
        await self.do(recording.record_amendment, 0, ledger_key, self.agreement_id, body, None)
        version = agreement_version
        newest = sa.select(version.c.sha256).where(version.c.agreement_id == self.agreement_id).order_by(version.c.no)
        digest = (await self.service.database.read().all(newest))[-1].sha256
        for party in sorted(self.joined):  # who is not on record yet is not waited for
            await self._confirm_amendment(party, digest, fact)
        self.amended.append((digest, fact))

    def _signed_on(self, text: Fact) -> date:
        """The day on which the custodian signed it."""
        return FIRST_DAY + timedelta(days=signed_day(text, self.history.joined))

    async def _confirm_amendment(self, party: int, digest: str, text: Fact) -> None:
        later = text.signers[party - 1]
        if later is None:
            return
        signed_on = self._signed_on(text) + timedelta(days=later)
        left = [fact.day for fact in self.history.facts if (fact.kind, fact.party) == ("left", party)]
        over = [*left, *([] if self.history.ended is None else [self.history.ended])]
        if not over or signed_on < FIRST_DAY + timedelta(
            days=min(over)
        ):  # who has left signs no more, nor what is over
            await self._confirm(party, digest, signed_on)

    async def _confirm(self, party: int, digest: str, signed_on: date) -> None:
        """Enter the hand, where it is not refused as of after its text was over or given up: it would bind nobody."""
        hand = Confirmation(
            version_sha256=digest, signed_on=signed_on, signatory_title="Chief", evidence_location="The archive (demo)"
        )
        try:
            await self.do(recording.confirm, party, self.agreement_id, hand, None)
        except RuleBroken as refused:
            if refused.code != "other_version":
                raise

    async def windows(self) -> list[set[tuple[Any, ...]]]:
        """Who is bound when by which text, which is the text when, and when it is in force; texts by their titles."""
        read = self.service.database.read()
        title = {
            row.id: row.title
            for row in await read.all(
                sa.select(agreement_version.c.id, agreement_version.c.title).where(
                    agreement_version.c.agreement_id == self.agreement_id
                )
            )
        }
        found: list[set[tuple[Any, ...]]] = []
        for table in (agreement_party_window, agreement_text_window, agreement_force_window):
            rows = await read.all(sa.select(table).where(table.c.agreement_id == self.agreement_id))
            found.append(
                {
                    tuple(title.get(value, value) for name, value in row._mapping.items() if name != "agreement_id")
                    for row in rows
                }
            )
        return found


def received_on(fact: Fact) -> date:
    return NOW.date() + timedelta(days=fact.lasting or 0)


def runs_out(history: History) -> datetime | None:
    """When the notice of one of `PINNED` has run out: counted from its last receipt, and not while one is awaited."""
    came = [fact for fact in history.facts if fact.kind == "receipt" and fact.how != "contested"]
    if len(came) < len(history.joined):
        return None
    assert BY_RECEIPT.days is not None
    last = max(map(received_on, came)) + timedelta(days=BY_RECEIPT.days + 1)
    return day_starts_at(last, ZoneInfo(history.zone))


async def entered(service: Service, cast: Cast, history: History, order: Sequence[int]) -> tuple[Any, ...]:
    """The windows after the history was entered in that order, and what the agreement says of its end."""
    entering = Entering(service, cast, history)
    await entering.begin()
    # Who is bound to nobody on record gives no notice today: it first says what it signed, and of a text that is over
    # the others agree to its day; and nobody receives a notice that was not given.
    waiting = list(order)
    for _ in range(2):
        left = len(waiting) + 1
        while len(waiting) < left:
            left, waiting = len(waiting), [number for number in waiting if not await entering.enters(number)]
        await entering.agree_to_days()
    shown = await entering.shown()
    if history in PINNED:
        assert shown.parties[history.facts[0].party].leaves_at == runs_out(history)
    ends = (shown.title, shown.expires_on, shown.term_ends_on, shown.ends_at, shown.status, shown.binds_from)
    return await entering.windows(), ends


def notices_after_joining(history: History, order: list[int]) -> list[int]:
    """The order, but that nobody gives notice, or has left, under what is not on record as signed by it yet.

    Whom others leave is on record too: else it would not be asked.
    """
    for number in [n for n in order if n >= 2 and history.facts[n - 2].kind in ("notice", "left")]:
        fact = history.facts[number - 2]
        for joining in (0, 1) if fact.kind == "left" else {fact.party - 1} - {-1}:
            one, other = order.index(number), order.index(joining)
            if one < other:
                order[one], order[other] = joining, number
    return _noticed_last(history, order)


def _noticed_last(history: History, order: list[int]) -> list[int]:
    """The order, but that a notice which others received follows all texts and hands; its receipts come anywhere.

    A hand of its own day comes anywhere too.
    """
    noticed = [n for n in order if n >= 2 and history.facts[n - 2].kind == "noticed"]
    rest = [n for n in order if n not in noticed]
    before = max(
        place
        for place, n in enumerate(rest)
        if (n < 2 and history.joined[n] < ON_ITS_DAY) or (n >= 2 and history.facts[n - 2].kind in (*TEXTS, "left"))
    )
    return [*rest[: before + 1], *noticed, *rest[before + 1 :]]


@pytest.mark.grows
@pytest.mark.one_database
async def test_a_history_gives_the_same_windows_in_whatever_order_it_is_entered(service: Service, cast: Cast) -> None:
    for history in drawn():
        random = Random(history.seed)  # no secret
        numbers = [*range(2), *sorted(range(2, len(history.facts) + 2), key=lambda n: history.facts[n - 2].day)]
        as_it_happened = await entered(service, cast, history, numbers)
        for _ in range(2):
            order = notices_after_joining(history, random.sample(numbers, len(numbers)))
            found = await entered(service, cast, history, order)
            for one, other in zip((*found[0], found[1]), (*as_it_happened[0], as_it_happened[1]), strict=True):
                where = f"entered as {order}: {history}"
                assert one == other, where
