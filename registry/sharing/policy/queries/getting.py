"""Queries about decisions.

Both sides can see a decision for ever; nobody else can, not even the registry's operator.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.schemas.words import AgreementReference
from registry.agreements.instruments.tables import agreement, agreement_version
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.queries import check_purpose
from registry.platform.access.permissions import Action, Relation, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import Orders, given
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound, RuleBroken
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import Window
from registry.resources.assets.queries.facts import visible_asset
from registry.resources.assets.queries.having import Ask, can_be_had, of_asset
from registry.resources.assets.queries.visibility import visible_to
from registry.resources.assets.schemas.shown import AssetReference
from registry.resources.assets.tables import asset
from registry.sharing.policy.approvals import ApprovalAnswer, DecisionStatus, answer_refusal, decision_status
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.decisions import Decision, attributed, parts_told, told
from registry.sharing.policy.facts import decode_facts
from registry.sharing.policy.queries.collecting import acting, collect_facts
from registry.sharing.policy.queries.layers import (
    policies_beside,
    policies_of_today,
    shipped_policies,
    with_source,
)
from registry.sharing.policy.rules import decide, replay
from registry.sharing.policy.schemas.decided import (
    ApprovalGiven,
    DecisionPage,
    DecisionQuery,
    DecisionRecord,
    DecisionReplay,
    DecisionSummary,
    PolicyAnswer,
    PolicyQuestion,
    RequestReference,
)
from registry.sharing.policy.tables import policy_approval, policy_decision, policy_decision_policy

_requesting, _assisting = agency.alias("requesting"), agency.alias("assisting")
_NAMES = (
    _requesting.c.name.label("requesting_agency_name"),
    _assisting.c.name.label("assisting_agency_name"),
    agreement.c.number.label("agreement_number"),
    agreement_version.c.no.label("agreement_version_no"),
)


def _named(*columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """A statement of decisions with the names for their ids."""
    made = policy_decision
    return sa.select(*columns, *_NAMES).select_from(
        made.join(_requesting, _requesting.c.id == made.c.requesting_agency_id)
        .join(_assisting, _assisting.c.id == made.c.assisting_agency_id)
        .outerjoin(agreement, agreement.c.id == made.c.agreement_id)
        .outerjoin(agreement_version, agreement_version.c.id == made.c.agreement_version_id)
    )


def _shown(*columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """The same as the agency in the bind `viewer` is shown it at the instant in the bind `at`."""
    asset_name = sa.case((visible_to(), asset.c.name)).label("asset_name")
    return _named(*columns, asset_name).join(asset, asset.c.id == policy_decision.c.asset_id)


_ID = policy_decision.c.id == sa.bindparam("id", type_=policy_decision.c.id.type)
_ROW = _named(*policy_decision.c).where(_ID)
_SHOWN = _shown(*policy_decision.c).where(_ID)
_ROOT = sa.bindparam("root_decision_id", type_=policy_decision.c.root_decision_id.type)
_ANSWER = [name for name in ApprovalAnswer.__struct_fields__ if name != "decision_id"]
_CHAIN = (
    sa.select(
        *(column for column in policy_decision.c if column.name != "facts"),
        *(policy_approval.c[name].label(f"answer_{name}") for name in _ANSWER),
    )
    .outerjoin(policy_approval, policy_approval.c.decision_id == policy_decision.c.id)
    .where(policy_decision.c.root_decision_id == _ROOT)
    .order_by(policy_approval.c.id)
)


async def decision_row(read: Read, decision_id: UUID) -> Row[Any]:
    """The stored decision, including its facts. Raises NotFound."""
    rows = await read.fast(_ROW, {"id": decision_id})
    if not rows:
        raise NotFound("decision")
    return rows[0]


async def visible_decision(read: Read, principal: Principal, decision_id: UUID) -> Row[Any]:
    """The stored decision if the caller's agency is one of its sides. Raises NotFound otherwise."""
    row = await decision_row(read, decision_id)
    if not relations(principal, row):
        raise NotFound("decision")
    return row


def relations(principal: Principal, row: Row[Any]) -> list[Relation]:
    """The relations of the caller's agency to a decision."""
    sides: dict[Relation, UUID] = {"requesting": row.requesting_agency_id, "assisting": row.assisting_agency_id}
    return [side for side, agency_id in sides.items() if agency_id == principal.agency_id]


class Chain(Struct, kw_only=True, frozen=True):
    """The decisions of one chain in order, without their facts, and every answer given to them, oldest first."""

    links: tuple[Row[Any], ...]
    answers: tuple[ApprovalAnswer, ...]

    def status_at(self, decision_id: UUID, *, lent: bool = False) -> tuple[Row[Any], DecisionStatus]:
        """The status of a decision: that of the latest decision on its ask, after all answers of the chain.

        `lent`: for the loan that was made on it, even if the request has ended.
        """
        asked = next(link for link in self.links if link.id == decision_id)
        current = next(link for link in reversed(self.links) if link.ask_digest == asked.ask_digest)
        return current, decision_status(
            decision_of(current),
            asked_by=current.asked_by,
            ask_digest=current.ask_digest,
            answers=self.answers,
            lent=lent,
        )

    def answers_to(self, decision_id: UUID) -> int:
        """The number of answers given to that decision itself."""
        return sum(answer.decision_id == decision_id for answer in self.answers)

    def answered(self, more: Iterable[ApprovalAnswer]) -> "Chain":
        """The same chain with further answers."""
        return Chain(links=self.links, answers=(*self.answers, *more))


async def chain(read: Read, root_decision_id: UUID) -> Chain:
    """The chain that begins with this decision.

    It is ordered by its links, because ids created on two machines may have another order.
    """
    rows = await read.fast(_CHAIN, {"root_decision_id": root_decision_id})
    after = {row.previous_id: row for row in rows}
    ordered = [after[None]]
    while (following := after.get(ordered[-1].id)) is not None:
        ordered.append(following)
    given = [
        ApprovalAnswer(decision_id=row.id, **{name: getattr(row, f"answer_{name}") for name in _ANSWER})
        for row in rows
        if row.answer_policy_id is not None
    ]
    return Chain(links=tuple(ordered), answers=tuple(given))


def decision_of(row: Row[Any]) -> Decision:
    """The decision in a stored row."""
    return msgspec.json.decode(row.decision, type=Decision)


def request_of(row: Row[Any]) -> RequestReference | None:
    """The request line that a decision, or the loan made on it, answers."""
    if row.request_id is None:
        return None
    return RequestReference(id=row.request_id, line_no=row.line_no, incident_number=row.incident_number)


def agreement_of(row: Row[Any]) -> AgreementReference | None:
    """The agreement on which a decision, or the loan made on it, is based."""
    if row.agreement_id is None:
        return None
    return AgreementReference(
        id=row.agreement_id, number=row.agreement_number, version_no=row.agreement_version_no, clause=row.clause
    )


def _summary(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "root_decision_id": row.root_decision_id,
        "action_at": row.action_at,
        "outcome": row.outcome,
        "asset": AssetReference(id=row.asset_id, name=row.asset_name),
        "requesting_agency": AgencyReference(id=row.requesting_agency_id, name=row.requesting_agency_name),
        "assisting_agency": AgencyReference(id=row.assisting_agency_id, name=row.assisting_agency_name),
        "agreement": agreement_of(row),
        "request": request_of(row),
        "purpose": row.purpose,
        "priority": row.priority,
        "quantity": row.quantity,
        "window": Window(start=row.starts_at, end=row.ends_at),
        "evaluated_at": row.evaluated_at,
    }


async def get_decision(read: Read, caller: Caller, decision_id: UUID) -> DecisionRecord:
    """One decision and its status. Raises NotFound for whoever is on neither side."""
    principal = caller.principal
    row = await read.first(_SHOWN, {"id": decision_id, "viewer": caller.agency_id, "at": caller.now})
    if row is None or not relations(principal, row):
        raise NotFound("decision")
    current, status = (await chain(read, row.root_decision_id)).status_at(row.id)
    to_owner = principal.agency_id == row.assisting_agency_id
    summary = _summary(row)
    return DecisionRecord(
        **summary,
        previous_id=row.previous_id,
        category=decode_facts(row.facts).asset.category,
        requested_at=row.requested_at,
        decision=told(decision_of(row), to_owner=to_owner),
        current_id=current.id,
        satisfied=status.satisfied,
        ended=status.ended,
        approvals_given=[
            ApprovalGiven(
                policy_id=answer.policy_id,
                layer=answer.layer,
                role=answer.role,
                side=answer.side,
                agency=summary[f"{answer.side}_agency"],
                verdict=answer.verdict,
                reason=answer.reason,
                given_at=answer.given_at,
            )
            for answer in status.given
        ],
        approvals_missing=list(parts_told(status.missing, to_owner=to_owner)),
        allowed_actions=_allowed(principal, current, status),
    )


def _allowed(principal: Principal, current: Row[Any], status: DecisionStatus) -> list[AllowedAction]:
    """The caller's allowed actions.

    Approvals are answered through the request; this shows whether that is possible now.
    """
    if refusal(principal, Action.REQUESTS_APPROVE, relations(principal, current)) is not None:
        return []
    withheld = answer_refusal(principal, decision_of(current), status, asked_by=current.asked_by)
    return [offer("approve", withheld=withheld), offer("reject", withheld=withheld)]


_FILTERS = (
    *("outcome", "action_at", "purpose", "policy_id", "asset_id", "agreement_id", "request_id", "root_decision_id"),
    *("partner_id", "evaluated_from", "evaluated_to"),
)
_ORDERS = Orders(DecisionQuery, created_at=policy_decision.c.id)


@cache
def _list_statement(filters: frozenset[str], sort: str) -> sa.Select[Any]:
    """The statement for one combination of filters. Each side is read from its own index, and the two are merged."""
    viewer = sa.bindparam("viewer", type_=policy_decision.c.id.type)
    own, other = policy_decision.c.requesting_agency_id, policy_decision.c.assisting_agency_id
    evaluated_at = policy_decision.c.evaluated_at
    criteria = {
        "policy_id": sa.exists().where(
            policy_decision_policy.c.decision_id == policy_decision.c.id,
            policy_decision_policy.c.policy_id.in_(sa.bindparam("policy_id", expanding=True)),
        ),
        **{
            name: policy_decision.c[name].in_(sa.bindparam(name, expanding=True))
            for name in ("outcome", "action_at", "purpose")
        },
        "evaluated_from": evaluated_at >= sa.bindparam("evaluated_from", type_=evaluated_at.type),
        "evaluated_to": evaluated_at < sa.bindparam("evaluated_to", type_=evaluated_at.type),
    } | {
        name: policy_decision.c[name] == sa.bindparam(name, type_=viewer.type)
        for name in ("asset_id", "agreement_id", "request_id", "root_decision_id")
    }
    chosen = [criteria[name] for name in _FILTERS if name in filters and name != "partner_id"]
    partner = sa.bindparam("partner_id", type_=viewer.type)
    ids = []
    for side, opposite in ((own == viewer, other), (sa.and_(other == viewer, own != viewer), own)):
        statement = sa.select(policy_decision.c.id).where(side, *chosen)
        if "partner_id" in filters:
            statement = statement.where(opposite == partner)
        ids.append(sa.select(_ORDERS.page(statement, sort, after="cursor" in filters).subquery().c.id))
    found = sa.union_all(*ids).subquery()
    columns = [c for c in policy_decision.c if c.name not in ("facts", "decision")]
    shown = _shown(*columns).join(found, found.c.id == policy_decision.c.id)
    return _ORDERS.page(shown, sort, after=False)


async def list_decisions(read: Read, caller: Caller, query: DecisionQuery) -> DecisionPage:
    """A page of the decisions on either side of the own agency.

    Raises RuleBroken for another list's cursor and for a range that ends before it starts.
    """
    parameters = given(query, *_FILTERS)
    filters = set(parameters)
    if query.cursor is not None:
        filters.add("cursor")
    parameters |= {"viewer": caller.agency_id, "at": caller.now, **_ORDERS.parameters(query)}
    rows = await read.all(_list_statement(frozenset(filters), query.sort), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return DecisionPage(items=[DecisionSummary(**_summary(row)) for row in kept], next_cursor=next_cursor)


async def evaluate(read: Read, caller: Caller, policies: PolicySet, question: PolicyQuestion) -> PolicyAnswer:
    """The decision that would be made if the caller's agency asked now. Stores nothing.

    Raises RuleBroken for an unknown purpose, an impossible window or one that is over, an asset that does not exist or
    that the caller may not see, and more of it than there are: whoever asks for that is refused, whatever is decided.
    """
    window = question.window.checked("/window")
    if window.end <= caller.now:
        words = "That time is over: ask for another time."
        raise RuleBroken.at(words, "window_over", "not in the future", pointer="/window/end")
    await check_purpose(read, question.purpose)
    try:
        found = await visible_asset(read, caller.principal, question.asset_id, caller.now)
    except NotFound as unknown:
        raise unknown.named_at("/asset_id") from None
    if question.quantity > found.capacity:
        words = f"The capacity of this asset is {found.capacity}."
        raise RuleBroken.at(words, "quantity_over_capacity", "more than there are", pointer="/quantity")
    gathered = await collect_facts(
        read,
        policies,
        asset_id=question.asset_id,
        quantity=question.quantity,
        window=window,
        purpose=question.purpose,
        priority=question.priority,
        requesting_agency_id=caller.agency_id,
        viewer=caller.agency_id,
        principal=acting(caller.principal),
        action_at="what_if",
        now=caller.now,
        place=question.place,
    )
    facts = gathered.facts
    cost = facts.ask.estimated_cost_minor
    decision = await with_source(read, decide(facts, gathered.policies), facts.assisting.id)
    ask = Ask(asset=of_asset(gathered.asset), quantity=question.quantity, window=window)
    (availability,) = await can_be_had(read, caller.agency_id, [ask], caller.now)
    return PolicyAnswer(
        decision=told(decision, to_owner=caller.agency_id == facts.assisting.id),
        availability=availability,
        estimated_cost=None if cost is None else Money.from_minor(cost, facts.ask.currency),
        distance_km=facts.ask.distance_km,
    )


async def replay_decision(read: Read, principal: Principal, policies: PolicySet, decision_id: UUID) -> DecisionReplay:
    """Decide the stored facts of a decision once more, with the current policies and with those of then.

    Raises NotFound.
    """
    row = await visible_decision(read, principal, decision_id)
    then, facts = decision_of(row), decode_facts(row.facts)
    today = replay(facts, await policies_of_today(read, policies, row.assisting_agency_id))
    # Under what name the owner is known now, and in which set the same words stand, changes no decision.
    bare = attributed(then, None)
    reproduced = None
    shipped = await shipped_policies(read, policies, then.policy_set.digest)
    if shipped is not None:
        own = then.policy_set.layers.get("agency")
        reproduced = replay(facts, await policies_beside(read, shipped, row.assisting_agency_id, own)) == bare
    now = await with_source(read, today, row.assisting_agency_id)
    to_owner = principal.agency_id == row.assisting_agency_id
    return DecisionReplay(
        same=msgspec.structs.replace(today, policy_set=then.policy_set) == bare,
        policies_changed=today.policy_set != then.policy_set,
        reproduced=reproduced,
        then=told(then, to_owner=to_owner),
        now=told(now, to_owner=to_owner),
    )
