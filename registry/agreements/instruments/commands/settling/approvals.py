"""When a governing body's approval was present, of which text, and since when one is needed."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.instruments.approval_needs import ApprovalChange, approval_needed, approved_from
from registry.agreements.instruments.histories import PartyHistory
from registry.agreements.instruments.queries.in_force import end_of
from registry.agreements.instruments.tables import (
    agreement,
    agreement_approval,
    agreement_approval_rule,
)
from registry.platform.database.handles import Write
from registry.platform.kernel.intervals import Interval

_ID = sa.bindparam("id", type_=agreement.c.id.type)
_APPROVALS = sa.select(
    *(agreement_approval.c[name] for name in ("agency_id", "counts_from", "ends_at", "version_sha256"))
).where(agreement_approval.c.agreement_id == _ID)
_APPROVAL_RULES = sa.select(
    *(agreement_approval_rule.c[name] for name in ("agency_id", "starts_at", "required", "each_text", "recorded_at"))
).where(agreement_approval_rule.c.agreement_id == _ID)


class Approvals(Struct, kw_only=True):
    """By party: when an approval was present, when one of each place's text was, and the rules that ask for them."""

    any_text: dict[UUID, list[Interval]]
    of_text: dict[UUID, dict[int, list[Interval]]]
    rules: dict[UUID, list[ApprovalChange]]
    each_text: dict[UUID, list[ApprovalChange]]

    def of(self, agency_id: UUID, history: PartyHistory) -> PartyHistory:
        """The party's history with its approvals, and with its hands to the texts from when they were approved."""
        if agency_id not in self.rules:
            return history
        needed = approval_needed(self.each_text[agency_id])
        named = {n: tuple(its) for n, its in self.of_text.get(agency_id, {}).items()}
        return replace(
            history,
            texts=None if history.texts is None else approved_from(history.texts, needed, named),
            approvals=tuple(self.any_text.get(agency_id, ())),
            approval_needed=approval_needed(self.rules[agency_id]),
            each_text_needed=needed,
            approvals_of=named,
        )


async def approvals_of(write: Write, agreement_id: UUID, texts: Sequence[Row[Any]]) -> Approvals:
    """When a governing body's approval was present, and the rules that made it needed or not.

    An approval is a fact: it meets a rule, and makes none. Else whoever enters one that has lapsed, or soon will, would
    be bound no more, sooner than its own notice lets it go. It is of the text whose hash it names.
    """
    places: Mapping[str, int] = {text.sha256: n for n, text in enumerate(texts)}
    found = Approvals(any_text={}, of_text={}, rules={}, each_text={})
    for approval in await write.all(_APPROVALS, {"id": agreement_id}):
        span = Interval(start=approval.counts_from, end=end_of(approval.ends_at))
        if span.is_empty():  # it had lapsed by when it was recorded, and does not count from its day yet
            continue
        found.any_text.setdefault(approval.agency_id, []).append(span)
        if (place := places.get(approval.version_sha256)) is not None:
            found.of_text.setdefault(approval.agency_id, {}).setdefault(place, []).append(span)
    for rule in await write.all(_APPROVAL_RULES, {"id": agreement_id}):
        change = ApprovalChange(rule.starts_at, recorded_at=rule.recorded_at, needed=bool(rule.required))
        of_each = ApprovalChange(rule.starts_at, recorded_at=rule.recorded_at, needed=bool(rule.each_text))
        found.rules.setdefault(rule.agency_id, []).append(change)
        found.each_text.setdefault(rule.agency_id, []).append(of_each)
    return found
