"""Commands that start a preview of a policy set and cancel one, and the previews of a process, which go on beside it.

A preview reads in batches and stores after each how far it has come, with the decisions that would have been others.
It ends when somebody cancelled it, and when its process ends: what is left of it is started again as another one.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
import structlog

from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.background import Runs
from registry.platform.database.connect import Database, unit_of_work
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Busy, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import utc_now
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.comparing import ImpactSums
from registry.sharing.policy.lifecycle import PreviewStatus, why_not_cancelled
from registry.sharing.policy.queries.impact import ChangedAsk, ImpactReading, Period, Sides, decisions_made, sides_of
from registry.sharing.policy.queries.previews import (
    STALLED_AFTER,
    STOPPED,
    get_preview,
    preview_row,
    preview_status,
)
from registry.sharing.policy.queries.sets import policy_set_row, relations
from registry.sharing.policy.schemas.previews import NewPolicyPreview, OutcomeChange, PolicyImpact, PolicyPreview
from registry.sharing.policy.tables import policy_preview, policy_preview_decision

MOST_HERE: Final = 16
"""So many previews a process has at one time. They take turns, batch by batch."""
KEPT_FOR: Final = timedelta(days=30)
KEPT_OF_AN_AGENCY: Final = 20
_PATIENCE_SECONDS: Final = 10.0
_TRIES: Final = 8
_REMOVED_AT_ONCE: Final = 2_000
_INSERT = policy_preview.insert()
_INSERT_CHANGED = policy_preview_decision.insert()
_ITS = policy_preview.c.id == sa.bindparam("its_id", type_=policy_preview.c.id.type)
_RUNS = policy_preview.c.status == PreviewStatus.RUNNING.value
_LOCK = sa.select(policy_preview.c.id).where(_ITS).with_for_update()


def _set(*names: str) -> dict[str, Any]:
    return {name: sa.bindparam(f"its_{name}", type_=policy_preview.c[name].type) for name in names}


_MOVE = (
    policy_preview.update()
    .where(_ITS, _RUNS)
    .values(_set("total", "examined", "left_out", "same", "changes", "policies", "updated_at"))
)
_END = (
    policy_preview.update()
    .where(_ITS, _RUNS)
    .values({**_set("status", "note", "updated_at"), "version": policy_preview.c.version + 1})
)
_STOP_STALLED = (
    policy_preview.update()
    .where(
        policy_preview.c.agency_id == sa.bindparam("its_agency", type_=policy_preview.c.agency_id.type),
        _RUNS,
        policy_preview.c.updated_at < sa.bindparam("moved_before", type_=policy_preview.c.updated_at.type),
    )
    .values(status=PreviewStatus.STOPPED.value, note=STOPPED, version=policy_preview.c.version + 1)
)
_ranked = sa.select(
    policy_preview.c.id,
    policy_preview.c.created_at,
    policy_preview.c.status,
    sa.func.row_number()
    .over(partition_by=policy_preview.c.agency_id, order_by=policy_preview.c.id.desc())
    .label("place"),
).subquery()
_OLD = (
    sa.select(_ranked.c.id)
    .where(
        _ranked.c.status != PreviewStatus.RUNNING.value,
        sa.or_(
            _ranked.c.created_at < sa.bindparam("kept_from", type_=policy_preview.c.created_at.type),
            _ranked.c.place > KEPT_OF_AN_AGENCY,
        ),
    )
    .limit(1)
)
_SOME = (
    sa.select(policy_preview_decision.c.decision_id)
    .where(policy_preview_decision.c.preview_id == sa.bindparam("its_id", type_=policy_preview.c.id.type))
    .order_by(policy_preview_decision.c.decision_id)
    .offset(_REMOVED_AT_ONCE)
    .limit(1)
)
_OF_IT = policy_preview_decision.c.preview_id == sa.bindparam("its_id", type_=policy_preview.c.id.type)
_REMOVE_ALL = policy_preview_decision.delete().where(_OF_IT)
_REMOVE_SOME = _REMOVE_ALL.where(
    policy_preview_decision.c.decision_id < sa.bindparam("below", type_=policy_preview.c.id.type)
)
_REMOVE = policy_preview.delete().where(_ITS)
_log = structlog.get_logger("registry.sharing.policy")


class _EndedError(Exception):
    """Somebody ended the preview meanwhile."""


class _Begun(msgspec.Struct, kw_only=True, frozen=True):
    preview_id: UUID
    period: Period
    sides: Sides
    total: int


class PreviewRunner:
    """The previews of this process. One goes on when nobody waits for it any more; of an agency one at a time.

    Who looks at a batch has the `turn`.
    """

    def __init__(
        self, database: Database, *, most: int = MOST_HERE, patience_seconds: float = _PATIENCE_SECONDS
    ) -> None:
        self._database = database
        self._most = most
        self._beginning = 0
        self._runs = Runs(patience_seconds)
        self.turn = asyncio.Lock()

    async def start(
        self, caller: Caller, policies: PolicySet, policy_set_id: UUID, asked: NewPolicyPreview, expected: Expected
    ) -> UUID:
        """Start a preview of the set; its id, when it is over or the seconds asked for have passed.

        Raises NotFound, Forbidden, StaleVersion, WrongStatus for a set that was never found to be without faults,
        Conflict `policy_set_faulty`, or `policy_preview_running` while one of the agency runs, and Busy when this
        process has as many as it can.
        """
        if self._beginning + len(self._runs) >= self._most:
            raise Busy(
                f"{self._most} previews run in this process, which is the most. Start yours when some are over.",
                "previews_busy",
                retry_after=30,
            )
        self._beginning += 1
        try:
            begun = await self._begin(caller, policies, policy_set_id, asked, expected)
        finally:
            self._beginning -= 1
        await self._runs.start(
            self._carry_out(caller, begun), name=f"policy preview {begun.preview_id}", wait_seconds=asked.wait_seconds
        )
        return begun.preview_id

    async def close(self) -> None:
        """Stop all between two batches, and return when they have ended."""
        await self._runs.close()

    async def _begin(
        self, caller: Caller, policies: PolicySet, policy_set_id: UUID, asked: NewPolicyPreview, expected: Expected
    ) -> _Begun:
        read = self._database.read()
        row = await policy_set_row(read, caller, policy_set_id)
        permit(caller.principal, Action.POLICIES_DRAFT, relations(caller.principal, row.agency_id))
        check_version(expected, row.version)
        sides = await sides_of(read, policies, row)
        period = Period.of_days(row.agency_id, asked.days, caller.now)
        total = await decisions_made(read, period)
        preview_id = new_id()
        async with unit_of_work(self._database) as write:
            stalled = {"its_agency": row.agency_id, "moved_before": caller.now - STALLED_AFTER}
            await write.run(_STOP_STALLED, stalled)
            await write.run(
                _INSERT,
                {
                    "id": preview_id,
                    "agency_id": row.agency_id,
                    "policy_set_id": row.id,
                    "active_digest": sides.active_digest,
                    "status": PreviewStatus.RUNNING.value,
                    "days": asked.days,
                    "total": total,
                    **_stored(ImpactSums()),
                    "version": 1,
                    "created_at": caller.now,
                    "updated_at": caller.now,
                },
            )
            _record(
                write,
                caller,
                preview_id,
                1,
                EventType.POLICY_PREVIEW_STARTED,
                {"policy_set_id": str(row.id), "days": asked.days},
            )
        return _Begun(preview_id=preview_id, period=period, sides=sides, total=total)

    async def _carry_out(self, caller: Caller, begun: _Begun) -> None:
        """Run it to its end, whatever that is, and say so where it stands."""
        preview_id, trace_id = str(begun.preview_id), caller.trace_id
        try:
            try:
                done = await self._look_at_all(begun)
                await self._end(begun, PreviewStatus.DONE if done else PreviewStatus.STOPPED, None if done else STOPPED)
            except _EndedError:
                raise
            except Exception as error:  # noqa: BLE001  # whatever it is, the preview says that it was stopped
                _log.error(
                    "a policy preview met a fault of the service",
                    preview_id=preview_id,
                    trace_id=trace_id,
                    exc_info=error,
                )
                said = f"It met a fault of the service; tell the operator, with the trace {caller.trace_id}."
                await self._end(begun, PreviewStatus.STOPPED, f"{said} {STOPPED}")
        except _EndedError:
            _log.info("a policy preview was ended before it was done", preview_id=preview_id, trace_id=trace_id)
        except Exception as error:  # noqa: BLE001  # nobody waits for the task; it is taken to be stopped after a while
            _log.warning("a policy preview was interrupted", preview_id=preview_id, trace_id=trace_id, exc_info=error)

    async def _look_at_all(self, begun: _Begun) -> bool:
        """Whether everything was looked at before the process stops. Raises _EndedError when it was cancelled."""
        reading = ImpactReading(self._database.read(), begun.period, begun.sides)
        while not self._runs.stopping.is_set():
            async with self.turn:  # so that many previews take no more of the process than one
                found = await reading.next_batch()
            if found is None:
                return True
            await self._store(begun, reading.sums, found)
        return False

    async def _store(self, begun: _Begun, sums: ImpactSums, found: list[ChangedAsk]) -> None:
        moved = {f"its_{name}": value for name, value in _stored(sums).items()}
        # Decisions of the last moment may have been committed after they were counted.
        moved |= {"its_total": max(begun.total, sums.examined), "its_updated_at": utc_now()}
        rows = [
            {
                "preview_id": begun.preview_id,
                "decision_id": each.decision_id,
                "before": each.compared.before.outcome,
                "after": each.compared.after.outcome,
                "policy_ids": f" {' '.join(each.compared.policy_ids)} ",
            }
            for each in found
        ]
        for again in range(_TRIES):
            try:
                async with unit_of_work(self._database) as write:
                    if not await write.run(_MOVE, {"its_id": begun.preview_id, **moved}):
                        raise _EndedError
                    if rows:
                        await write.run(_INSERT_CHANGED, rows)
            except Busy as busy:
                if again + 1 == _TRIES:
                    raise
                await asyncio.sleep(busy.retry_after)
            else:
                return

    async def _end(self, begun: _Begun, status: PreviewStatus, note: str | None) -> None:
        async with unit_of_work(self._database) as write:
            if not await write.run(
                _END,
                {"its_id": begun.preview_id, "its_status": status.value, "its_note": note, "its_updated_at": utc_now()},
            ):
                raise _EndedError


async def cancel_preview(write: Write, caller: Caller, preview_id: UUID, expected: Expected = None) -> PolicyPreview:
    """Let a preview look at no more; what it has found stays. Raises NotFound, Forbidden, StaleVersion, WrongStatus."""
    await write.all(_LOCK, {"its_id": preview_id})
    row = await preview_row(write, caller, preview_id)
    await write.once()
    check_version(expected, row.version)
    if (reason := why_not_cancelled(preview_status(row, caller.now))) is not None:
        raise WrongStatus(reason)
    await write.run(
        _END,
        {
            "its_id": preview_id,
            "its_status": PreviewStatus.CANCELLED.value,
            "its_note": None,
            "its_updated_at": caller.now,
        },
    )
    _record(write, caller, preview_id, row.version + 1, EventType.POLICY_PREVIEW_CANCELLED, {"examined": row.examined})
    return await get_preview(write, caller, preview_id)


async def remove_old_previews(write: Write, now: datetime) -> int:
    """Remove some of a preview that is older than thirty days, or than the agency's last twenty; 0 if there is none."""
    found = await write.value(_OLD, {"kept_from": now - KEPT_FOR})
    if found is None:
        return 0
    below = await write.value(_SOME, {"its_id": found})
    if below is not None:
        await write.run(_REMOVE_SOME, {"its_id": found, "below": below})
    else:
        await write.run(_REMOVE_ALL, {"its_id": found})
        await write.run(_REMOVE, {"its_id": found})
    return 1


def _stored(sums: ImpactSums) -> dict[str, Any]:
    changes = [
        OutcomeChange(before=before, after=after, decisions=many)
        for (before, after), many in sorted(sums.changes.items())
    ]
    policies = sorted(sums.policies.items(), key=lambda each: (-each[1], each[0]))
    return {
        "examined": sums.examined,
        "left_out": sums.left_out,
        "same": sums.same,
        "changes": msgspec.to_builtins(changes),
        "policies": [msgspec.to_builtins(PolicyImpact(policy_id=one, decisions=many)) for one, many in policies],
    }


def _record(
    write: Write, caller: Caller, preview_id: UUID, version: int, event: EventType, data: dict[str, object]
) -> None:
    record(
        write,
        caller,
        event,
        subject=("policy_preview", preview_id, version),
        agencies=[caller.agency_id],
        data=data,
    )
