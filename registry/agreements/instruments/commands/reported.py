"""A report as it is written down: whom it tells what, from when it counts, and how it is dropped."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.noticing import notice_given_at
from registry.agreements.instruments.commands.settling.effects import apply_report, consents_count
from registry.agreements.instruments.commands.silence import unconfirmed_because
from registry.agreements.instruments.consent import (
    LEAVING,
    Reported,
    ReportStatus,
    Unconfirmed,
    counted_from,
    in_effect_from,
)
from registry.agreements.instruments.consent_tables import agreement_proposal, agreement_reported_act
from registry.agreements.instruments.delivery import read_deliveries, told_deliveries
from registry.agreements.instruments.queries.evidence import evidence_told
from registry.agreements.instruments.receipt import NOTHING_RECEIVED
from registry.agreements.instruments.tables import agreement
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import format_instant

_report = agreement_reported_act
_INSERT = _report.insert()
_ONE = sa.select(_report).where(
    _report.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
    _report.c.id == sa.bindparam("report_id", type_=_report.c.id.type),
)
_ANSWER = _report.update().where(_report.c.id == sa.bindparam("its_id", type_=_report.c.id.type))
_OTHERWISE = agreement_proposal.update().where(
    agreement_proposal.c.id == sa.bindparam("its_id", type_=agreement_proposal.c.id.type)
)


async def write_report(write: Write, caller: Caller, row: Row[Any], act: Reported) -> dict[str, object]:
    """Write the report down with the effect that is in sight; what the ledger tells of it."""
    values = _values(caller, row, act)
    if not _by_operator(caller, row):
        values |= await notified(write, caller, row, act)
    await write.run(_INSERT, values)
    report = await report_of(write, row.id, values["id"])
    await count_report(write, row, report, caller.now)
    return {
        **about(report),
        "acted_on": act.acted_on,
        **await evidence_told(write, row.id, caller.agency_id, act.evidence_sha256, act.evidence_location),
        "reason": act.reason,
        **claim_of(report),
        **effect_of(report),
    }


async def report_of_each(
    write: Write, caller: Caller, row: Row[Any], proposal_id: UUID, acts: Sequence[Reported]
) -> None:
    """Write down of several parties at once that each agreed to a proposal, or was told of it, as `write_report` does.

    It takes as many statements for many as for one.
    """
    if not acts:
        return
    told: dict[UUID, dict[str, object]] = {each.agency_id: {} for each in acts}
    if not _by_operator(caller, row):
        because = await unconfirmed_because(write, row.id, acts, caller.agency_id, caller.now)
        told = {agency_id: _notified(why, caller.now) for agency_id, why in because.items()}
    rows = [{**_values(caller, row, each), **told[each.agency_id]} for each in acts]
    await write.run(_INSERT, rows)
    counted = [
        (proposal_id, each.agency_id, counted_from(each.counts_at, effect_from, caller.now))
        for each, values in zip(acts, rows, strict=True)
        if (effect_from := in_effect_from(ReportStatus(values["status"]), values["notified_at"], None)) is not None
    ]
    await consents_count(write, counted)


def _by_operator(caller: Caller, row: Row[Any]) -> bool:
    """Whether who reports is neither party nor custodian: what it reports has no effect before it is seconded."""
    return not row.is_party and row.custodian_id != caller.agency_id


def _values(caller: Caller, row: Row[Any], act: Reported) -> dict[str, Any]:
    """A report as it is written down, of which nobody was told yet."""
    return {
        "id": new_id(),
        "agreement_id": row.id,
        **{name: getattr(act, name) for name in act.__struct_fields__},
        "recorded_by_id": caller.agency_id,
        "recorded_by_person": person(caller),
        "recorded_at": caller.now,
        "notified_at": None,
        "status": ReportStatus.UNSECONDED,
        "because": None,
    }


async def notified(write: Write, caller: Caller, row: Row[Any], act: Reported | Row[Any]) -> dict[str, object]:
    """What is written of a report of which the party is told now: whether its silence will count, or why not."""
    reporter_id = caller.agency_id if isinstance(act, Reported) else act.recorded_by_id
    because = await unconfirmed_because(write, row.id, [act], reporter_id, caller.now)
    return _notified(because[act.agency_id], caller.now)


def _notified(because: Unconfirmed | None, now: datetime) -> dict[str, object]:
    status = ReportStatus.OPEN if because is None else ReportStatus.UNCONFIRMED
    return {"status": status, "because": because, "notified_at": now}


async def answer_report(write: Write, report: Row[Any], now: datetime, **values: object) -> Row[Any]:
    """Write down what became of the report; its row then."""
    await write.run(_ANSWER, {"its_id": report.id, "notified_at": report.notified_at or now, **values})
    return await report_of(write, report.agreement_id, report.id)


async def count_report(
    write: Write,
    row: Row[Any],
    report: Row[Any],
    now: datetime,
    *,
    manner: str | None = None,
    relaxed: bool = False,
    not_before: datetime | None = None,
) -> None:
    """Let the report count as it now stands, and not from before the instant, where one is given.

    A departure of which others are to be told counts from its day once they agree, or had their time to contest; until
    then it is as if the notice had been given when the report takes effect, and nobody had received it yet.
    """
    effect_from = in_effect_from(ReportStatus(report.status), report.notified_at, report.answered_at)
    counts_from = counted_from(report.counts_at, effect_from, now)
    if counts_from is None or effect_from is None:
        return
    if report.kind in LEAVING and report.proposal_id is not None:
        given = (report.agency_id, report.notice_kind, effect_from)
        runs_out_at = await notice_given_at(write, row, *given, NOTHING_RECEIVED)
        otherwise_at = None if runs_out_at is None else max(report.counts_at, runs_out_at)
        await write.run(_OTHERWISE, {"its_id": report.proposal_id, "otherwise_at": otherwise_at})
    if not_before is not None:
        counts_from = max(counts_from, not_before)
    await apply_report(write, report, counts_from, manner=manner, relaxed=relaxed)


async def drop_report(write: Write, report: Row[Any], reason: str, now: datetime) -> None:
    """Let a report that has had no effect yet count no more."""
    if report.status == ReportStatus.OPEN:
        await apply_report(write, report, None)
    await answer_report(write, report, now, status=ReportStatus.TAKEN_BACK, answered_at=now, answer_reason=reason)


def person(caller: Caller) -> str:
    """Who records it, so that another vouches for it."""
    return caller.principal.person


def about(report: Row[Any]) -> dict[str, object]:
    """What the ledger tells of every step of a report."""
    return {"report_id": str(report.id), "agency_id": str(report.agency_id), "kind": report.kind}


def claim_of(report: Row[Any]) -> dict[str, object]:
    """What the ledger tells of what exactly is said, so that the party knows what it confirms or contests."""
    told = {name: getattr(report, name) for name in ("version_sha256", "signatory_title", "notice_kind", "leaves_on")}
    told["deliveries"] = told_deliveries(read_deliveries(report.deliveries))
    if report.kind in LEAVING:
        told["would_leave_at"] = format_instant(report.counts_at)
    return {name: value for name, value in told.items() if value is not None}


def effect_of(report: Row[Any]) -> dict[str, object]:
    """What the ledger tells of its effect: when it is in sight, or why it is not."""
    effect_from = in_effect_from(ReportStatus(report.status), report.notified_at, None)
    return {
        "takes_effect_at": None if effect_from is None else format_instant(effect_from),
        "because": report.because,
    }


async def report_of(write: Write, agreement_id: UUID, report_id: object) -> Row[Any]:
    """The report's row. Raises NotFound."""
    report = await write.first(_ONE, {"id": agreement_id, "report_id": report_id})
    if report is None:
        raise NotFound("reported act")
    return report
