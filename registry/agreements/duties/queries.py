"""Duties of agreements: those that arise by statute, and those on file."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.access.permissions import Action, refusal
from registry.access.principals import Principal
from registry.agencies.tables import agency
from registry.agreements.deadlines.periods import day_ends_at
from registry.agreements.duties.rules import (
    TRANSITIONS,
    DutyAction,
    DutyStatus,
    ProofKind,
    arising,
    due_on,
    duty_id,
    duty_rules,
)
from registry.agreements.duties.schemas import Duty, DutyPage
from registry.agreements.duties.tables import agreement_duty
from registry.agreements.queries import agreement_row, relations
from registry.agreements.tables import agreement, agreement_party, agreement_text_window, agreement_version_dates
from registry.database.handles import Read
from registry.http.paging import Page, cut, decode_cursor
from registry.kernel.actions import offer
from registry.kernel.errors import Forbidden

_IDS = sa.bindparam("ids", type_=agreement.c.id.type, expanding=True)
_STORED = sa.select(agreement_duty).where(agreement_duty.c.agreement_id.in_(_IDS)).order_by(agreement_duty.c.id)

FIRST_EFFECTIVE_ON = (
    sa.select(sa.func.min(agreement_version_dates.c.effective_on))
    .select_from(
        agreement_text_window.join(
            agreement_version_dates, agreement_version_dates.c.version_id == agreement_text_window.c.version_id
        )
    )
    .where(agreement_text_window.c.agreement_id == agreement.c.id)
    .correlate(agreement)
    .scalar_subquery()
)
"""When the agreement first took effect, whatever amendments and renewals came after."""

_rules = duty_rules()
_custodian_first = sa.case((agreement_party.c.agency_id == agreement.c.custodian_id, 0), else_=1)
_in_state = (
    sa.select(
        agreement_party.c.agreement_id,
        agreement_party.c.agency_id,
        agency.c.state,
        sa.func.row_number()
        .over(
            partition_by=(agreement_party.c.agreement_id, agency.c.state),
            order_by=(_custodian_first, agreement_party.c.ordinal),
        )
        .label("place"),
    )
    .join(agency, agency.c.id == agreement_party.c.agency_id)
    .join(agreement, agreement.c.id == agreement_party.c.agreement_id)
    .where(
        agreement_party.c.agreement_id.in_(_IDS),
        agreement_party.c.joined_at.is_not(None),
        agreement.c.executed_at.is_not(None),
        agreement.c.kind.in_(sorted({kind for rule in _rules for kind in rule.kinds})),
        # Not by the index of states: the parties of a few agreements are fewer than the agencies of a state.
        sa.func.coalesce(agency.c.state, "").in_(sorted({rule.state for rule in _rules})),
    )
    .subquery()
)
_ARISING = (
    sa.select(
        _in_state.c.agreement_id,
        _in_state.c.agency_id,
        _in_state.c.state,
        agreement.c.kind,
        agreement.c.time_zone,
        agreement.c.executed_at,
        sa.func.coalesce(FIRST_EFFECTIVE_ON, agreement.c.effective_on).label("effective_on"),
    )
    .join(agreement, agreement.c.id == _in_state.c.agreement_id)
    .where(_in_state.c.place == 1)
)


class DutyFact(Struct, kw_only=True, frozen=True):
    """A duty and what was done about it; `stored` says that it has a row."""

    id: UUID
    agreement_id: UUID
    rule: str | None = None
    agency_id: UUID
    title: str
    citation: str | None = None
    note: str | None = None
    due_on: date
    status: DutyStatus = DutyStatus.PENDING
    fulfilled_on: date | None = None
    evidence_sha256: str | None = None
    url: str | None = None
    recording_number: str | None = None
    waived_reason: str | None = None
    closed_by: UUID | None = None
    closed_at: datetime | None = None
    stored: bool = False

    @property
    def accepted(self) -> Sequence[ProofKind]:
        """The kinds of proof that count for it."""
        return next((rule.proof for rule in _rules if rule.code == self.rule), tuple(ProofKind))


_KEPT = [name for name in DutyFact.__struct_fields__ if name != "stored"]


async def duties_of(read: Read, agreement_ids: Collection[UUID]) -> list[DutyFact]:
    """Every duty of these agreements, by id; what was done about one stands as it was then."""
    ids = {"ids": list(agreement_ids)}
    found = {row.id: _stored(row) for row in await read.all_slowly(_STORED, ids)}
    for derived in _derived(await read.all_slowly(_ARISING, ids)):
        found.setdefault(derived.id, derived)
    return sorted(found.values(), key=lambda duty: duty.id)


def _stored(row: Row[Any]) -> DutyFact:
    return DutyFact(
        **{name: row._mapping[name] for name in _KEPT if name != "status"}, status=DutyStatus(row.status), stored=True
    )


def _derived(rows: Iterable[Row[Any]]) -> Iterable[DutyFact]:
    for row in rows:
        executed_on = row.executed_at.astimezone(ZoneInfo(row.time_zone)).date()
        for rule in arising(row.kind, row.state, _rules):
            yield DutyFact(
                id=duty_id(row.agreement_id, rule.code),
                agreement_id=row.agreement_id,
                rule=rule.code,
                agency_id=row.agency_id,
                title=rule.title,
                citation=rule.citation,
                note=rule.note,
                due_on=due_on(rule, executed_on, row.effective_on),
            )


async def list_duties(read: Read, principal: Principal, agreement_id: UUID, page: Page, now: datetime) -> DutyPage:
    """A page of an agreement's duties, for its parties. Raises NotFound, Forbidden, RuleBroken for another's cursor."""
    row = await agreement_row(read, principal, agreement_id)
    if not row.shared:
        raise Forbidden("The duties under an agreement are for its parties to see.")
    after = decode_cursor(page.cursor, (UUID,))[0] if page.cursor else None
    facts = [duty for duty in await duties_of(read, [agreement_id]) if after is None or duty.id > after]
    kept, next_cursor = cut(facts, page.limit, lambda duty: (duty.id,))
    return DutyPage(items=[as_duty(principal, row, duty, row.version, now) for duty in kept], next_cursor=next_cursor)


def as_duty(principal: Principal, row: Row[Any], duty: DutyFact, version: int, now: datetime) -> Duty:
    """The duty as the caller may see it; `row` is its agreement's, `version` the agreement's now."""
    due_at = day_ends_at(duty.due_on, row.time_zone)
    own = principal.agency_id in (row.custodian_id, duty.agency_id)
    offers = []
    if own and refusal(principal, Action.AGREEMENTS_FILE, relations(principal, row)) is None:
        for action in DutyAction:
            possible = (duty.status, action) in TRANSITIONS
            offers.append(offer(action, withheld=None if possible else f"The duty is {duty.status}."))
    return Duty(
        id=duty.id,
        agreement_id=duty.agreement_id,
        agency_id=duty.agency_id,
        source="entered" if duty.rule is None else "statute",
        rule=duty.rule,
        title=duty.title,
        citation=duty.citation,
        note=duty.note,
        due_on=duty.due_on,
        due_at=due_at,
        status=duty.status,
        overdue=duty.status is DutyStatus.PENDING and now >= due_at,
        proof_accepted=list(duty.accepted),
        fulfilled_on=duty.fulfilled_on,
        evidence_sha256=duty.evidence_sha256,
        url=duty.url,
        recording_number=duty.recording_number,
        waived_reason=duty.waived_reason,
        closed_by=duty.closed_by,
        closed_at=duty.closed_at,
        allowed_actions=offers,
        version=version,
    )
