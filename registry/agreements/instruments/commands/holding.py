"""How every change to an agreement begins and ends: hold the row, establish the right; write it down, record it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
import structlog
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.locking import lock
from registry.agreements.instruments.commands.reaching import REACHED, begin_days
from registry.agreements.instruments.commands.repeating import check_reasons
from registry.agreements.instruments.commands.settling.windows import Settled, rewrite_windows
from registry.agreements.instruments.consent import CONTEST_PERIOD
from registry.agreements.instruments.consent_tables import agreement_consent
from registry.agreements.instruments.queries.actions import relations
from registry.agreements.instruments.queries.rows import agreement_row
from registry.agreements.instruments.queries.visibility import of_audience
from registry.agreements.instruments.rules import AgreementAction, Stage, advance
from registry.agreements.instruments.tables import (
    agreement,
    agreement_party,
    agreement_version,
    agreement_version_dates,
)
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.connect import Database, unit_of_work
from registry.platform.database.handles import Write
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import format_instant
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType

_Told = tuple[EventType, Mapping[str, object]]  # an event's type, and what it tells
_log = structlog.get_logger("registry.agreements.instruments")
_ID = sa.bindparam("id", type_=agreement.c.id.type)
_EXECUTED = (
    sa.select(agreement_version.c.no, agreement_version.c.sha256, agreement_version_dates.c.kind)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .where(agreement_version.c.id == sa.bindparam("version_id", type_=agreement_version.c.id.type))
)
_SETTLES_AT = sa.select(agreement.c.settles_at).where(agreement.c.id == _ID)
_reached = REACHED.subquery()
_DUE = sa.select(
    agreement.c.settles_at, sa.exists().where(_reached.c.agreement_id == agreement.c.id).label("is_reached")
).where(agreement.c.id == _ID)
_KEPT = sa.select(agreement.c.custodian_id, agreement.c.version).where(agreement.c.id == _ID)
_NEXT_VERSION = (
    agreement.update()
    .where(agreement.c.id == sa.bindparam("its_id", type_=agreement.c.id.type))
    .values(
        version=agreement.c.version + 1,
        updated_at=sa.bindparam("now", type_=agreement.c.updated_at.type),
        shared_changes=agreement.c.shared_changes + 1,
        shared_updated_at=sa.bindparam("now", type_=agreement.c.updated_at.type),
    )
)
_ALL_DUE = (
    sa.select(agreement.c.id)
    .where(agreement.c.settles_at <= sa.bindparam("now", type_=agreement.c.settles_at.type))
    .order_by(agreement.c.settles_at)
)
_ALL_REACHED = sa.select(_reached.c.agreement_id.label("id")).distinct()
_PARTIES = (
    sa.select(agreement_party.c.agency_id)
    .where(agreement_party.c.agreement_id == _ID)
    .order_by(agreement_party.c.ordinal)
)

_AT = sa.bindparam("at", type_=agreement_party.c.leaves_at.type)
_MAKER = sa.bindparam("maker", type_=agreement_party.c.agency_id.type)
_AUDIENCE = _PARTIES.where(of_audience(agreement_party, _AT, _MAKER))
_is_asked = sa.exists().where(
    agreement_consent.c.proposal_id == sa.bindparam("proposal_id", type_=agreement_consent.c.proposal_id.type),
    agreement_consent.c.agency_id == agreement_party.c.agency_id,
)
_TOLD = _PARTIES.add_columns(sa.or_(of_audience(agreement_party, _AT, _MAKER), _is_asked).label("reached"))


async def held(
    write: Write,
    caller: Caller,
    agreement_id: UUID,
    permission: Action,
    expected: Expected,
    *,
    beside: Sequence[UUID] = (),
) -> Row[Any]:
    """The agreement's row, locked, once the caller's right is established and the request known to be a first one.

    The agreements `beside` it are locked with it. Raises NotFound, Forbidden, StaleVersion.
    """
    row = await permitted(write, caller, agreement_id, permission, beside=beside)
    await write.once()
    check_version(expected, row.version)
    return row


async def permitted(
    write: Write, caller: Caller, agreement_id: UUID, permission: Action, *, beside: Sequence[UUID] = ()
) -> Row[Any]:
    """The agreement's row, locked with those `beside` it, if the caller may. Raises NotFound, Forbidden."""
    await lock(write, caller.now, agreement_id, *beside)
    await settle_due(write, agreement_id, caller.now)
    row = await agreement_row(write, caller.principal, agreement_id)
    permit(caller.principal, permission, relations(caller.principal, row))
    return row


async def settle_due(write: Write, agreement_id: UUID, now: datetime) -> None:
    """Date back and execute what has come to count since the last change. Nobody's standing waits for it.

    One after the other, each as of its own instant: what is due after the end of the agreement comes to nothing,
    whether anybody looked in between or not. What came about with it is recorded, by the registry and as of then.
    """
    due = await write.first(_DUE, {"id": agreement_id})
    if due is None or (not due.is_reached and (due.settles_at is None or due.settles_at > now)):
        return
    if due.is_reached:
        await _reach(write, agreement_id, now)
    settled_at = None
    while (at := await write.value(_SETTLES_AT, {"id": agreement_id})) is not None and at <= now:
        assert settled_at is None or settled_at < at, "what was due has been settled"
        await follow_by_itself(write, agreement_id, at, now)
        settled_at = at


async def _reach(write: Write, agreement_id: UUID, now: datetime) -> None:
    """Let the days run of what is reported of who has come since, and record that they do."""
    begun = await begin_days(write, agreement_id, now)
    told: list[_Told] = []
    for agency_id in dict.fromkeys(agency_id for _, agency_id, _ in begun):
        about = {"agency_id": str(agency_id), "report_ids": [str(id_) for id_, its, _ in begun if its == agency_id]}
        told.append((EventType.AGREEMENT_PARTY_REACHED, about))
    at = min([now, *(from_ + CONTEST_PERIOD for _, _, from_ in begun)])
    await follow_by_itself(write, agreement_id, at, now, also=told)


async def follow_by_itself(
    write: Write, agreement_id: UUID, at: datetime, now: datetime, *, also: Sequence[_Told] = ()
) -> None:
    """Compute anew who is bound as of `at`, and record what came about without anybody's act, after what is `also`."""
    own, *older = await rewrite_windows(write, agreement_id, at)
    await _record_by_itself(write, agreement_id, [*also, *await _came_about(write, own)], at, now)
    await _record_of_older(write, older, at, now)


async def _record_of_older(write: Write, older: Sequence[Settled], at: datetime, now: datetime) -> None:
    """Record what came about in agreements whose place the changed one takes: nobody acted in those."""
    for each in older:
        await _record_by_itself(write, each.agreement_id, await _came_about(write, each), at, now)


async def _record_by_itself(
    write: Write, agreement_id: UUID, told: Sequence[_Told], at: datetime, now: datetime
) -> None:
    """Record what came about without anybody's act, under the agency that keeps the file; no person of it acted."""
    if not told:
        return
    await write.run(_NEXT_VERSION, {"its_id": agreement_id, "now": now})
    row = await write.first(_KEPT, {"id": agreement_id})
    assert row is not None
    nobody = "registry"
    principal = Principal(
        subject=nobody,
        agency_id=row.custodian_id,
        roles=frozenset(),
        scopes=frozenset(),
        token_id=nobody,
        issuer=nobody,
    )
    for n, (name, data) in enumerate(told):
        record(
            write,
            Caller(principal=principal, now=now, trace_id=new_id().hex),
            name,
            subject=("agreement", agreement_id, row.version),
            agencies=await told_of(write, agreement_id, at, name, data, row.custodian_id),
            agreement_id=agreement_id,
            data=data,
            n=n,
            occurred_at=at,
        )


async def settle_all_due(database: Database, now: datetime) -> None:
    """As `settle_due`, for the agreements of which something has come to count, or a party was seen at last.

    One that cannot be settled is logged with its cause and left as it is, so that the others are.
    """
    reached = await database.read().all_slowly(_ALL_REACHED)
    for row in [*reached, *await database.read().all(_ALL_DUE, {"now": now})]:
        try:
            async with unit_of_work(database) as write:
                await lock(write, now, row.id)
                await settle_due(write, row.id, now)
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this agreement's
            _log.error("an agreement was not settled", agreement_id=str(row.id), exc_info=error)


async def parties_of(write: Write, agreement_id: UUID) -> list[UUID]:
    """The agencies that the agreement names, in the order of the document."""
    return [row.agency_id for row in await write.all(_PARTIES, {"id": agreement_id})]


async def audience_of(write: Write, caller: Caller, row: Row[Any]) -> list[UUID]:
    """The agencies that are told of what the caller makes now for the parties: its own, and whom that reaches.

    See `visibility.reaches_parties`.
    """
    told = await write.all(_AUDIENCE, {"id": row.id, "at": caller.now, "maker": caller.agency_id})
    return list(dict.fromkeys([row.custodian_id, caller.agency_id, *(each.agency_id for each in told)]))


# What is told of the text reaches all parties: who has left or may sign it reads texts, too.
_OF_TEXT = frozenset(
    {
        *(EventType.AGREEMENT_SUBMITTED, EventType.AGREEMENT_APPROVED, EventType.AGREEMENT_SENT_BACK),
        *(EventType.AGREEMENT_SENT_FOR_SIGNATURE, EventType.AGREEMENT_WITHDRAWN, EventType.AGREEMENT_SIGNED),
        *(EventType.AGREEMENT_CONFIRMED, EventType.AGREEMENT_RECORDED, EventType.AGREEMENT_AMENDMENT_RECORDED),
        *(EventType.AGREEMENT_AMENDED, EventType.AGREEMENT_RENEWED, EventType.AGREEMENT_ACTIVATED_VERBALLY),
        *(EventType.AGREEMENT_AGREED_VERBALLY, EventType.AGREEMENT_DECLINED_TO_SIGN, EventType.AGREEMENT_SUPERSEDED),
    }
)


# What becomes of the agreement, or of its file, concerns whoever is bound by then, whichever party does it.
_OF_THE_WHOLE = frozenset(
    {
        *(EventType.AGREEMENT_CUSTODY_OFFERED, EventType.AGREEMENT_CUSTODY_ACCEPTED),
        *(EventType.AGREEMENT_CUSTODY_DECLINED, EventType.AGREEMENT_AMENDMENT_OPENED),
        *(EventType.AGREEMENT_REVIEWER_NAMED, EventType.AGREEMENT_REVIEWER_RELEASED),
        *(EventType.AGREEMENT_REVIEW_COMPLETED, EventType.AGREEMENT_END_DECLARED, EventType.AGREEMENT_END_RECORDED),
        *(EventType.AGREEMENT_AGREED_TO_PUBLISH, EventType.AGREEMENT_PUBLISHED),
        *(EventType.AGREEMENT_PUBLISHING_STOPPED, EventType.AGREEMENT_SUCCESSOR_NAMED),
    }
)


async def told_of(
    write: Write,
    agreement_id: UUID,
    at: datetime,
    event: EventType,
    data: Mapping[str, object],
    *beside: UUID,
    made_by: UUID | None = None,
) -> list[UUID]:
    """The agencies that are told of what is done now, those `beside` first: see `visibility.reaches_parties`.

    Beside whom that reaches, who is named in what is told or asked for its consent: that is put to it. `made_by`: the
    party whose own act it is, where it is one's.
    """
    its = {"maker": None if event in _OF_THE_WHOLE else made_by, "proposal_id": _id_in(data.get("proposal_id"))}
    rows = await write.all(_TOLD, {"id": agreement_id, "at": at, **its})
    named = {str(each) for value in data.values() for each in (value if isinstance(value, list | tuple) else (value,))}
    return list(
        dict.fromkeys(
            [
                *beside,
                *(each.agency_id for each in rows if each.reached or event in _OF_TEXT or str(each.agency_id) in named),
            ]
        )
    )


def _id_in(value: object) -> UUID | None:
    return None if value is None else UUID(str(value))


async def changed(
    write: Write,
    caller: Caller,
    row: Row[Any],
    event: EventType,
    data: Mapping[str, object],
    *,
    private: bool = False,
    agencies: Sequence[UUID] | None = None,
    **values: object,
) -> None:
    """Write the changed columns with the next row version, and the fact that it happened.

    Nobody repeats restricted wording to more readers in a reason or a note (`repeating.check_reasons`). What no party
    sees, neither before nor after, concerns the custodian alone, and so does what is `private`; anything
    else the `agencies`, or where none are given those that `told_of` names. The version that the other parties read
    moves with what they see: of what is private with the columns of the agreement's own row alone.
    """
    is_shared = row.is_shared or values.get("is_shared", False)
    if is_shared and not private:
        data = await check_reasons(write, caller, row.id, data)
    unseen = not is_shared or (private and not values)
    private = private or not is_shared
    await write.run(
        agreement.update()
        .where(agreement.c.id == row.id)
        .values(
            **values,
            version=agreement.c.version + 1,
            updated_at=caller.now,
            **({} if unseen else _seen_by_parties(caller.now, entrusted="custodian_id" in values)),
        )
    )
    concerned = agencies
    if concerned is None:
        its = (write, row.id, caller.now, event, data, caller.agency_id)
        concerned = [] if private else await told_of(*its, made_by=caller.agency_id)
    record(
        write,
        caller,
        event,
        subject=("agreement", row.id, row.ledger_version + 1),
        agencies=[row.custodian_id] if private else [row.custodian_id, *concerned],
        agreement_id=row.id,
        data=data,
    )


def _seen_by_parties(now: datetime, *, entrusted: bool) -> dict[str, Any]:
    """The next version of what the other parties read.

    Where the file passes to another agency all go on from the highest count: who kept it has been given tags by that
    one, and none of them may come again for another state.
    """
    return {
        "shared_changes": (agreement.c.version if entrusted else agreement.c.shared_changes) + 1,
        "shared_updated_at": now,
    }


class ToldToSome(Struct, kw_only=True, frozen=True):
    """What of a change not every party may know: an event of its own, for these agencies."""

    event: EventType
    data: Mapping[str, object]
    agencies: Collection[UUID]


async def finished(
    write: Write,
    caller: Caller,
    row: Row[Any],
    event: EventType,
    data: Mapping[str, object],
    *,
    private: bool = False,
    to_some: Sequence[ToldToSome] = (),
    **values: Any,
) -> None:
    """Write the change down, compute anew who is bound, and record what came about with it."""
    await changed(write, caller, row, event, data, private=private, **values)
    await follow(write, caller, row.id, row.custodian_id, row.ledger_version + 1, to_some=to_some)


async def follow(
    write: Write,
    caller: Caller,
    agreement_id: UUID,
    custodian_id: UUID,
    version: int,
    *,
    to_some: Sequence[ToldToSome] = (),
) -> None:
    """Compute anew who is bound, and record what came about with the act that made that row version."""
    own, *older = await rewrite_windows(write, agreement_id, caller.now)
    told = [(each.event, each.data, each.agencies) for each in to_some]
    for name, facts in await _came_about(write, own):
        told.append(
            (
                name,
                facts,
                await told_of(write, agreement_id, caller.now, name, facts, custodian_id, caller.agency_id),
            )
        )
    for n, (name, facts, agencies) in enumerate(told, 1):
        record(
            write,
            caller,
            name,
            subject=("agreement", agreement_id, version),
            agencies=agencies,
            agreement_id=agreement_id,
            data=facts,
            n=n,
        )
    await _record_of_older(write, older, caller.now, caller.now)


async def _came_about(write: Write, settled: Settled) -> list[_Told]:
    """What is recorded of what came about by itself: the types of the events, and what they tell."""
    told: list[_Told] = []
    if settled.amendment is not None:
        text = await write.first(_EXECUTED, {"version_id": settled.amendment})
        assert text is not None
        renewed = text.kind == "renewal"
        name = EventType.AGREEMENT_RENEWED if renewed else EventType.AGREEMENT_AMENDED
        told.append((name, {"version_no": text.no, "sha256": text.sha256}))
    if settled.newcomers:
        told.append(
            (EventType.AGREEMENT_PARTIES_ADDED, {"agency_ids": [str(agency_id) for agency_id in settled.newcomers]})
        )
    if settled.superseded_at is not None:  # by which other agreement, not every party may know
        told.append((EventType.AGREEMENT_SUPERSEDED, {"effective_at": format_instant(settled.superseded_at)}))
    else:
        for at in dict.fromkeys(settled.released.values()):
            who = [str(agency_id) for agency_id, its in settled.released.items() if its == at]
            from_then = None if at is None else format_instant(at)
            told.append((EventType.AGREEMENT_PARTIES_RELEASED, {"agency_ids": who, "released_at": from_then}))
    for closed in settled.closed:
        about = {"proposal_id": str(closed.proposal_id), "kind": closed.kind, "because": closed.because}
        told.append((EventType.AGREEMENT_PROPOSAL_CLOSED, about))
    for each in settled.published:
        of_version: dict[str, object] = {"version_no": each.version_no}
        told.append(
            (
                EventType.AGREEMENT_PUBLISHED,
                of_version if each.document_id is None else {"document_id": str(each.document_id)},
            )
        )
    return told


def advanced(row: Row[Any], action: AgreementAction) -> Stage:
    """The stage after the action. Raises WrongStatus."""
    return advance(Stage(row.stage), action)
