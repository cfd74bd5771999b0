"""Which open requests and live loans of the caller's agency a text touches, and how they would be decided under it.

Each is decided twice on the facts of its last decision, by the policies of today: under the agreements by the texts
that bind both when it begins, or now where it has begun, and with the text in place of that one. What begins before the
text does is decided by the one before it; only what is out by then goes on under it. Nothing is stored.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.in_force import (
    OPEN_END,
    AgreementCandidate,
    as_candidate,
    candidates,
    pair_statement,
)
from registry.agreements.instruments.queries.later_texts import Ahead, Lasting, governed, texts_ahead
from registry.agreements.instruments.queries.provisions import provisions_of
from registry.agreements.instruments.queries.versions import VERSION, versions_for
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.tables import agreement_party, agreement_version_dates
from registry.agreements.instruments.terms import Terms, said_by
from registry.agreements.insurance.queries import insured
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.time import Window
from registry.sharing.impact.rules import DraftedText, amended, rests_on_withheld, under
from registry.sharing.impact.schemas import MOST, AmendmentImpact, ChangedLine, ChangedLoan
from registry.sharing.loans.rules import NEVER_WAS, LoanStatus
from registry.sharing.loans.tables import loan
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.comparing import Comparison, compare
from registry.sharing.policy.facts import AgreementFacts, Facts, decode_facts
from registry.sharing.policy.queries.collecting import agreements_tried
from registry.sharing.policy.queries.layers import policies_of_today
from registry.sharing.policy.tables import policy_decision
from registry.sharing.requests.queries.visibility import VIEWER, line_visible
from registry.sharing.requests.rules import LineStatus
from registry.sharing.requests.tables import request, request_line

AT_ONCE = 10
_HIGHEST_VERSION: Final = 2**31 - 1
_OPEN = (LineStatus.NEEDS_APPROVAL, LineStatus.PERMITTED, LineStatus.APPROVED)
_LIVE = (LoanStatus.RESERVED, LoanStatus.DISPATCHED, LoanStatus.ON_SCENE)
_AGREEMENT = sa.bindparam("agreement_id", type_=agreement_party.c.agreement_id.type)
_FROM = sa.bindparam("from_at", type_=policy_decision.c.starts_at.type)
_NOW = sa.bindparam("now", type_=policy_decision.c.starts_at.type)
_requesting, _assisting = agency.alias("requesting"), agency.alias("assisting")
_next = policy_decision.alias("next_decision")
_IS_LATEST = (
    ~sa.select(sa.literal(1))
    .where(_next.c.root_decision_id == policy_decision.c.root_decision_id, _next.c.previous_id == policy_decision.c.id)
    .correlate(policy_decision)
    .exists()
)
_NAMED = (
    policy_decision.c.facts,
    policy_decision.c.requesting_agency_id,
    policy_decision.c.assisting_agency_id,
    _requesting.c.name.label("requesting_name"),
    _assisting.c.name.label("assisting_name"),
)


def _is_party(column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    its = sa.select(agreement_party.c.agency_id).where(agreement_party.c.agreement_id == _AGREEMENT)
    return column.in_(its)


_TAKEN = (
    sa.select(sa.literal(1))
    .where(
        loan.c.root_decision_id == request_line.c.decision_id,
        loan.c.status.not_in([each.value for each in NEVER_WAS]),
    )
    .correlate(request_line)
    .exists()
)
_LINES = (
    sa.select(request_line.c.request_id, request_line.c.no, request_line.c.status, *_NAMED)
    .select_from(
        request_line.join(request, request.c.id == request_line.c.request_id)
        .join(policy_decision, policy_decision.c.root_decision_id == request_line.c.decision_id)
        .join(_requesting, _requesting.c.id == policy_decision.c.requesting_agency_id)
        .join(_assisting, _assisting.c.id == policy_decision.c.assisting_agency_id)
    )
    .where(
        request_line.c.status.in_([each.value for each in _OPEN]),
        request_line.c.replaced_by_no.is_(None),
        request_line.c.ends_at > _NOW,
        sa.or_(request_line.c.starts_at >= _FROM, _NOW >= _FROM),  # else it begins under the text before it
        line_visible(request.c.requesting_agency_id),
        _is_party(policy_decision.c.requesting_agency_id),
        _is_party(policy_decision.c.assisting_agency_id),
        _IS_LATEST,
        ~_TAKEN,
    )
    .order_by(request_line.c.request_id.desc(), request_line.c.id)
    .limit(MOST + 1)
)
_LOANS = (
    sa.select(loan.c.id, loan.c.status, *_NAMED)
    .select_from(
        loan.join(policy_decision, policy_decision.c.root_decision_id == loan.c.root_decision_id)
        .join(_requesting, _requesting.c.id == policy_decision.c.requesting_agency_id)
        .join(_assisting, _assisting.c.id == policy_decision.c.assisting_agency_id)
    )
    .where(
        loan.c.agreement_id == _AGREEMENT,
        loan.c.status.in_([each.value for each in _LIVE]),
        sa.or_(
            loan.c.starts_at >= _FROM,
            _NOW >= _FROM,
            sa.and_(
                loan.c.status != LoanStatus.RESERVED.value,  # what is out goes on under it; if overdue, for longer
                sa.or_(loan.c.planned_end_at > _FROM, loan.c.planned_end_at <= _NOW),
            ),
        ),
        sa.or_(loan.c.requesting_agency_id == VIEWER, loan.c.assisting_agency_id == VIEWER),
        _IS_LATEST,
    )
    .order_by(loan.c.id.desc())
    .limit(MOST + 1)
)
_dates = agreement_version_dates
_ENDS = sa.select(_dates.c.version_id, _dates.c.starts_at, _dates.c.ends_at).where(
    _dates.c.version_id.in_(sa.bindparam("ids", type_=_dates.c.version_id.type, expanding=True))
)


class _Text(Struct, kw_only=True, frozen=True):
    """The text whose impact is asked for."""

    agreement_id: UUID
    version_id: UUID
    version_no: int
    starts_at: datetime
    ends_at: datetime | None
    restricted: list[str]


class _Decided(Struct, kw_only=True, frozen=True):
    row: Row[Any]
    compared: Comparison


async def impact_of_text(
    read: Read, caller: Caller, policies: PolicySet, agreement_id: UUID, version_no: int
) -> AmendmentImpact:
    """What a version would change, were it the text, as far as the caller's agency is a side.

    Raises NotFound, Forbidden for whoever may not read that version.
    """
    text = await _text(read, caller, agreement_id, version_no)
    asked = {"agreement_id": agreement_id, "viewer": caller.agency_id, "from_at": text.starts_at, "now": caller.now}
    lines, loans = await read.all_slowly(_LINES, asked), await read.all_slowly(_LOANS, asked)
    looking = _Looking(read, policies, text, caller.now)
    changed_lines = await looking.at(lines[:MOST])
    lines_examined = looking.examined
    changed_loans = await looking.at(loans[:MOST])
    return AmendmentImpact(
        agreement_id=agreement_id,
        version_no=version_no,
        lines_examined=lines_examined,
        loans_examined=looking.examined - lines_examined,
        complete=len(lines) <= MOST and len(loans) <= MOST,
        left_out=looking.left_out,
        lines=[
            ChangedLine(request_id=each.row.request_id, line_no=each.row.no, status=each.row.status, **_said(each))
            for each in changed_lines
        ],
        loans=[ChangedLoan(loan_id=each.row.id, status=each.row.status, **_said(each)) for each in changed_loans],
    )


async def _text(read: Read, caller: Caller, agreement_id: UUID, version_no: int) -> _Text:
    _, parameters = await versions_for(read, caller.principal, agreement_id, caller.now)
    asked = {**parameters, "no": version_no}
    row = await read.first(VERSION, asked) if 0 < version_no <= _HIGHEST_VERSION else None
    if row is None:
        raise NotFound("version")
    dates = await read.first(_ENDS, {"ids": [row.id]})
    assert dates is not None
    said = await provisions_of(read, row.id, whole=True, restricted=True)
    secret = {each.number for each in said if each.sensitivity == Sensitivity.RESTRICTED}
    return _Text(
        agreement_id=agreement_id,
        version_id=row.id,
        version_no=version_no,
        starts_at=dates.starts_at,
        ends_at=dates.ends_at,
        restricted=said_by(msgspec.json.decode(row.terms, type=Terms), secret),
    )


def _said(each: _Decided) -> dict[str, Any]:
    row, compared = each.row, each.compared
    return {
        "requesting_agency": AgencyReference(id=row.requesting_agency_id, name=row.requesting_name),
        "assisting_agency": AgencyReference(id=row.assisting_agency_id, name=row.assisting_name),
        "before": compared.before.outcome,
        "after": compared.after.outcome,
        "policy_ids": compared.all_policy_ids,
    }


_Pair = tuple[UUID, UUID, str]
_Texts = tuple[_Pair, tuple[tuple[UUID, datetime | None], ...]]
_Sides = tuple[list[AgreementFacts], list[AgreementFacts]]


class _Between(Struct, kw_only=True, frozen=True):
    """The agreements between two agencies as they are now, and the texts that come to bind them."""

    tried: list[AgreementCandidate]
    ahead: Ahead


class _Looking:
    """Decides asks under the agreements of now and with the text, reading of each pair of agencies once."""

    def __init__(self, read: Read, policies: PolicySet, text: _Text, now: datetime) -> None:
        self._read = read
        self._policies = policies
        self._text = text
        self._now = now
        self._of_owner: dict[UUID, PolicySet] = {}
        self._of_pair: dict[_Pair, _Between | None] = {}
        self._of_texts: dict[_Texts, _Sides] = {}
        self.examined = 0
        self.left_out = 0

    async def at(self, rows: Sequence[Row[Any]]) -> list[_Decided]:
        """Those that would be decided otherwise, in order."""
        found = []
        for number, row in enumerate(rows):
            facts = decode_facts(row.facts)
            sides = await self._sides(facts)
            if sides is None:
                continue
            self.examined += 1
            policies = await self._policies_of(facts.assisting.id)
            if rests_on_withheld((*sides[0], *sides[1]), policies):
                self.left_out += 1
                continue
            compared = await self._compared(facts, *sides, policies)
            if compared.differs:
                found.append(_Decided(row=row, compared=compared))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)  # let others be answered
        return found

    async def _policies_of(self, owner: UUID) -> PolicySet:
        if owner not in self._of_owner:
            self._of_owner[owner] = await policies_of_today(self._read, self._policies, owner)
        return self._of_owner[owner]

    async def _compared(
        self, facts: Facts, before: list[AgreementFacts], after: list[AgreementFacts], policies: PolicySet
    ) -> Comparison:
        covered: bool | UnsetType | None = UNSET
        if any(each.terms.insurance_required for each in (*before, *after)):
            covered = await insured(self._read, facts.requesting.id, Window(start=facts.ask.start, end=facts.ask.end))
        return compare(under(facts, before, covered), under(facts, after, covered), policies)

    async def _sides(self, facts: Facts) -> _Sides | None:
        """The agreements between the two as it begins, and with the text; None where the agreement is not among them.

        Each by the text that binds both then, or now where it has begun.
        """
        pair = (facts.requesting.id, facts.assisting.id, facts.asset.category)
        if pair not in self._of_pair:
            self._of_pair[pair] = await self._read_between(*pair)
        between = self._of_pair[pair]
        if between is None:
            return None
        start = max(facts.ask.start, self._now)
        lasting = Lasting(start=start, end=max(facts.ask.end, start))
        tried = governed(facts.assisting.id, between.tried, between.ahead, self._now, lasting)
        texts = (pair, tuple((each.version_id, each.covers_until) for each in tried))
        if texts not in self._of_texts:
            self._of_texts[texts] = await self._read_sides(pair, between, tried)
        return self._of_texts[texts]

    async def _read_between(self, requesting_id: UUID, assisting_id: UUID, category: str) -> _Between | None:
        tried = await candidates(self._read, requesting_id, assisting_id, category, self._now)
        if all(each.id != self._text.agreement_id for each in tried):
            return None
        of_owner = {assisting_id: tried}
        ahead = await texts_ahead(self._read, requesting_id, of_owner, category, self._now, OPEN_END)
        return _Between(tried=tried, ahead=ahead)

    async def _read_sides(self, pair: _Pair, between: _Between, tried: list[AgreementCandidate]) -> _Sides:
        requesting_id, assisting_id, category = pair
        its = next(each for each in tried if each.id == self._text.agreement_id)
        asked = {"viewer": requesting_id, "other": assisting_id, "category": category, "at": self._now}
        of_text = {"of_agreement": self._text.agreement_id, "of_version": self._text.version_id}
        row = await self._read.first(pair_statement(of_version=True), asked | of_text)
        assert row is not None
        drafted = msgspec.structs.replace(as_candidate(row), restricted_terms=self._text.restricted)
        present = await self._read.first(_ENDS, {"ids": [its.version_id]})
        before = list(await agreements_tried(self._read, tried, None))
        is_to_come = all(each.version_id != its.version_id for each in between.tried)
        if is_to_come and present is not None and present.starts_at > self._text.starts_at:
            return before, before  # a later text has taken the place of this one by then
        (facts,) = await agreements_tried(self._read, [drafted], None)
        draft = DraftedText(
            facts=facts,
            ends_at=self._text.ends_at,
            present_ends_at=None if present is None else present.ends_at,
        )
        return before, amended(before, self._text.agreement_id, draft)
