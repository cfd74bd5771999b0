"""Questions about decisions. Both sides of one see it, for ever; nobody else does, the registry's operator included."""

from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, Relation, refusal
from registry.access.principals import Caller, Principal
from registry.assets.queries import visible_asset
from registry.database.handles import Read
from registry.http.paging import cut, decode_cursor
from registry.kernel.actions import AllowedAction, offer
from registry.kernel.errors import Fault, NotFound, RuleBroken
from registry.kernel.money import Money
from registry.kernel.time import Window
from registry.policy.approvals import Answered, Standing, standing, why_not_answer
from registry.policy.cedar import PolicySet
from registry.policy.facts import decode_facts
from registry.policy.gathering import acting, gather
from registry.policy.rules import decide, replay
from registry.policy.schemas import Decision
from registry.policy.tables import policy_approval, policy_decision
from registry.policy.wire import (
    ApprovalGiven,
    DecisionPage,
    DecisionQuery,
    DecisionRecord,
    DecisionReplay,
    DecisionSummary,
    PolicyAnswer,
    PolicyQuestion,
    RecordedDecision,
)
from registry.taxonomy.tables import purpose

_ROW = sa.select(policy_decision).where(policy_decision.c.id == sa.bindparam("id", type_=policy_decision.c.id.type))
_ROOT = sa.bindparam("root_id", type_=policy_decision.c.root_id.type)
_CHAIN = sa.select(
    policy_decision.c.id, policy_decision.c.previous_id, policy_decision.c.action_at, policy_decision.c.ask_digest
).where(policy_decision.c.root_id == _ROOT)
_ANSWERS = (
    sa.select(*(policy_approval.c[name] for name in Answered.__struct_fields__))
    .join(policy_decision, policy_decision.c.id == policy_approval.c.decision_id)
    .where(policy_decision.c.root_id == _ROOT)
    .order_by(policy_approval.c.id)
)
_PURPOSE = sa.select(purpose.c.code).where(purpose.c.code == sa.bindparam("code"))


async def decision_row(read: Read, decision_id: UUID) -> Row[Any]:
    """The stored decision, facts and all. Raises NotFound."""
    row = await read.first(_ROW, {"id": decision_id})
    if row is None:
        raise NotFound("decision")
    return row


async def visible_decision(read: Read, principal: Principal, decision_id: UUID) -> Row[Any]:
    """The stored decision if the caller's agency is one of its sides. Raises NotFound otherwise."""
    row = await decision_row(read, decision_id)
    if not relations(principal, row):
        raise NotFound("decision")
    return row


def relations(principal: Principal, row: Row[Any]) -> list[Relation]:
    """How the caller stands to a decision."""
    sides: dict[Relation, UUID] = {"requesting": row.requesting_agency_id, "assisting": row.assisting_agency_id}
    return [side for side, agency_id in sides.items() if agency_id == principal.agency_id]


async def chain(read: Read, root_id: UUID) -> list[Row[Any]]:
    """The decisions of one chain in order, each with id, previous_id, action_at and ask_digest.

    By their links: ids made on two machines may disagree about the order.
    """
    after = {row.previous_id: row for row in await read.all(_CHAIN, {"root_id": root_id})}
    ordered = [after[None]]
    while (following := after.get(ordered[-1].id)) is not None:
        ordered.append(following)
    return ordered


async def latest_decision(read: Read, row: Row[Any]) -> tuple[Row[Any], bool]:
    """The latest decision of the chain on the ask of `row`, and whether another ask has taken that one's place."""
    links = await chain(read, row.root_id)
    same = [link for link in links if link.ask_digest == row.ask_digest]
    position = {link.id: number for number, link in enumerate(links)}
    asked = [link for link in links[position[row.id] :] if link.action_at == "request"]
    superseded = bool(asked) and asked[-1].ask_digest != row.ask_digest
    return (row if same[-1].id == row.id else await decision_row(read, same[-1].id)), superseded


async def answers(read: Read, root_id: UUID) -> list[Answered]:
    """Every answer given in a chain, oldest first."""
    return [msgspec.convert(row._mapping, Answered) for row in await read.all(_ANSWERS, {"root_id": root_id})]


async def standing_of(read: Read, row: Row[Any], *, lent: bool = False) -> tuple[Row[Any], Standing]:
    """Where a decision stands: the latest decision on its ask, judged by the answers of the whole chain.

    `lent`: for the loan that was made on it, whatever has become of the asking.
    """
    current, superseded = await latest_decision(read, row)
    given = await answers(read, row.root_id)
    return current, standing(
        decision_of(current),
        asked_by=current.asked_by,
        ask_digest=current.ask_digest,
        answers=given,
        superseded=superseded,
        lent=lent,
    )


def decision_of(row: Row[Any]) -> Decision:
    """The explained decision of a stored row."""
    return msgspec.json.decode(row.decision, type=Decision)


def as_recorded(row: Row[Any]) -> RecordedDecision:
    """The stored decision with what it was asked about."""
    return RecordedDecision(**_members(row))


def _members(row: Row[Any]) -> dict[str, Any]:
    return {
        **_summary(row),
        "previous_id": row.previous_id,
        "category": decode_facts(row.facts).asset.category,
        "agreement_version_id": row.agreement_version_id,
        "requested_at": row.requested_at,
        "decision": decision_of(row),
    }


def _summary(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "root_id": row.root_id,
        "action_at": row.action_at,
        "outcome": row.outcome,
        "asset_id": row.asset_id,
        "requesting_agency_id": row.requesting_agency_id,
        "assisting_agency_id": row.assisting_agency_id,
        "agreement_id": row.agreement_id,
        "purpose": row.purpose,
        "priority": row.priority,
        "quantity": row.quantity,
        "window": Window(start=row.starts_at, end=row.ends_at),
        "evaluated_at": row.evaluated_at,
    }


async def get_decision(read: Read, principal: Principal, decision_id: UUID) -> DecisionRecord:
    """One decision and where it stands. Raises NotFound."""
    row = await visible_decision(read, principal, decision_id)
    current, now = await standing_of(read, row)
    return DecisionRecord(
        **_members(row),
        current_id=current.id,
        satisfied=now.satisfied,
        ended=now.ended,
        approvals_given=[
            ApprovalGiven(**{name: getattr(answer, name) for name in ApprovalGiven.__struct_fields__})
            for answer in now.given
        ],
        approvals_missing=list(now.missing),
        allowed_actions=_allowed(principal, current, now),
    )


def _allowed(principal: Principal, current: Row[Any], now: Standing) -> list[AllowedAction]:
    """Approvals are answered through the request; whoever may ever do so is told whether it is possible now."""
    if refusal(principal, Action.REQUESTS_APPROVE, relations(principal, current)) is not None:
        return []
    withheld = why_not_answer(principal, decision_of(current), now, asked_by=current.asked_by)
    return [offer("approve", withheld=withheld), offer("reject", withheld=withheld)]


@cache
def _list_statement(filters: frozenset[str]) -> sa.Select[Any]:
    """Each side read in the order of its own index, and the two put together."""
    viewer = sa.bindparam("viewer", type_=policy_decision.c.id.type)
    limit = sa.bindparam("limit", type_=sa.Integer)
    own, other = policy_decision.c.requesting_agency_id, policy_decision.c.assisting_agency_id
    ids = []
    for side in (own == viewer, sa.and_(other == viewer, own != viewer)):
        statement = sa.select(policy_decision.c.id).where(side)
        for name in ("outcome", "asset_id", "agreement_id", "root_id"):
            if name in filters:
                column = policy_decision.c[name]
                statement = statement.where(column == sa.bindparam(name, type_=column.type))
        if "cursor" in filters:
            before = sa.bindparam("before", type_=policy_decision.c.id.type)
            statement = statement.where(policy_decision.c.id < before)
        ids.append(sa.select(statement.order_by(policy_decision.c.id.desc()).limit(limit).subquery()))
    found = sa.union_all(*ids).subquery()
    columns = [c for c in policy_decision.c if c.name not in ("facts", "decision")]
    return (
        sa.select(*columns)
        .join(found, found.c.id == policy_decision.c.id)
        .order_by(policy_decision.c.id.desc())
        .limit(limit)
    )


async def list_decisions(read: Read, principal: Principal, query: DecisionQuery) -> DecisionPage:
    """A page of the decisions on either side of the own agency, latest first. Raises Malformed for a bad cursor."""
    named = {name: getattr(query, name) for name in ("outcome", "asset_id", "agreement_id", "root_id")}
    parameters = {name: value for name, value in named.items() if value is not None}
    filters = set(parameters)
    if query.cursor is not None:
        filters.add("cursor")
        (parameters["before"],) = decode_cursor(query.cursor, (UUID,))
    parameters |= {"viewer": principal.agency_id, "limit": query.limit + 1}
    rows = await read.all(_list_statement(frozenset(filters)), parameters)
    kept, next_cursor = cut(rows, query.limit, lambda row: (row.id,))
    return DecisionPage(items=[DecisionSummary(**_summary(row)) for row in kept], next_cursor=next_cursor)


async def evaluate(read: Read, caller: Caller, policies: PolicySet, question: PolicyQuestion) -> PolicyAnswer:
    """What would be decided if the caller's agency asked now. Stores nothing.

    Raises RuleBroken for a purpose that does not exist, an impossible window, and for an asset that does not exist or
    that the caller may not see.
    """
    window = question.window.checked("/window")
    if await read.value(_PURPOSE, {"code": question.purpose}) is None:
        raise _unknown("purpose")
    try:
        await visible_asset(read, caller.principal, question.asset_id, caller.now)
    except NotFound:
        raise _unknown("asset", "/asset_id") from None
    facts = await gather(
        read,
        asset_id=question.asset_id,
        quantity=question.quantity,
        window=window,
        purpose=question.purpose,
        priority=question.priority,
        requesting_agency_id=caller.agency_id,
        principal=acting(caller.principal),
        action_at="what_if",
        now=caller.now,
        place=question.place,
    )
    cost = facts.ask.estimated_cost_minor
    return PolicyAnswer(
        decision=decide(facts, policies),
        estimated_cost=None if cost is None else Money.from_minor(cost, facts.ask.currency),
        distance_km=facts.ask.distance_km,
    )


def _unknown(what: str, pointer: str | None = None) -> RuleBroken:
    detail = f"There is no such {what}, or it is not visible to you."
    fault = Fault(pointer=pointer or f"/{what}", code=f"unknown_{what}", detail=f"no such {what}")
    return RuleBroken(detail, f"unknown_{what}", faults=[fault])


async def replay_decision(read: Read, principal: Principal, policies: PolicySet, decision_id: UUID) -> DecisionReplay:
    """Decide the kept facts of a decision once more, with the policies of today. Raises NotFound."""
    row = await visible_decision(read, principal, decision_id)
    then = decision_of(row)
    now = replay(decode_facts(row.facts), policies)
    return DecisionReplay(
        same=msgspec.structs.replace(now, policy_set=then.policy_set) == then,
        policies_changed=now.policy_set != then.policy_set,
        then=then,
        now=now,
    )
