"""What leaves long before its agreed start, or by another text than it was decided by: told beforehand.

The same is asked by the command and by the loan that offers it, so that what is offered works and what is withheld is
refused in the same words.
"""

from typing import Any, Final

from sqlalchemy.engine import Row

from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read
from registry.platform.kernel.errors import Conflict, DomainError
from registry.platform.kernel.time import Window
from registry.resources.allocations.commands import check_leaving
from registry.resources.assets.commands.booking import stock_of
from registry.resources.assets.commands.keeping import BY_AN_APPROVER_FOR_SOONER, check_minimums
from registry.resources.assets.queries.facts import AssetRow
from registry.sharing.loans.commands.handlers import check_sending
from registry.sharing.loans.queries.asset_warnings import changed_in
from registry.sharing.loans.queries.getting import side_of
from registry.sharing.loans.rules import SOON, LoanStatus, Side, early_window, hand_over_refusal
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.weighing import weigh_again
from registry.sharing.policy.queries.getting import chain, decision_row

EARLY: Final = "early_dispatch_not_permitted"
_OF_THE_ASK: Final = frozenset({"decision_worsened", "decision_not_satisfied"})


async def why_not_sent(
    read: Read, policies: PolicySet, caller: Caller, row: Row[Any], *, is_new: bool = False
) -> str | None:
    """Why the loan cannot leave now, long before its start or by another text, in the words of the refusal.

    None when it can, when it is neither early nor governed by another text than it was decided by, and for who could
    not send it out at any time. `row` is as from `loan_rows`, or the loan's own when it `is_new`: then its asset is as
    it was reserved, and so is its text.
    """
    if not _may_send(row, caller):
        return None
    early = early_window(caller.now, row.starts_at, row.planned_end_at)
    if early is None:
        return None if is_new or not row.other_text else await _why_not_by_its_text(read, policies, caller, row)
    try:
        found = await _weigh_early(read, policies, caller, row, early)
        if not is_new and (changed := changed_in(row)):
            return hand_over_refusal(None, changed)
        stock = await stock_of(read, row.asset_id)
        await check_leaving(read, stock, row.id, caller.now)
        await check_sending(read, found, row, caller.now)
        if refusal(caller.principal, Action.REQUESTS_APPROVE, ["assisting"]) is not None:
            sooner = Window(start=caller.now, end=row.starts_at)
            await check_minimums(read, stock, row.quantity, sooner, caller.now, BY_AN_APPROVER_FOR_SOONER)
    except DomainError as refused:
        return refused.detail
    return None


def _may_send(row: Row[Any], caller: Caller) -> bool:
    if row.status != LoanStatus.RESERVED or side_of(row, caller.principal) is not Side.ASSISTING:
        return False
    return refusal(caller.principal, Action.LOANS_HAND_OVER, [Side.ASSISTING.value]) is None


async def _why_not_by_its_text(read: Read, policies: PolicySet, caller: Caller, row: Row[Any]) -> str | None:
    decision = await decision_row(read, row.decision_id)
    try:
        await weigh_again(read, caller, policies, decision, await chain(read, decision.root_decision_id), "dispatch")
    except Conflict as refused:
        return refused.detail
    return None


async def _weigh_early(read: Read, policies: PolicySet, caller: Caller, row: Row[Any], early: Window) -> AssetRow:
    decision = await decision_row(read, row.decision_id)
    before = await chain(read, decision.root_decision_id)
    try:
        window = early.checked()
        found, _, _ = await weigh_again(read, caller, policies, decision, before, "dispatch", window=window)
    except Conflict as refused:
        raise await told_early(read, policies, caller, row, decision, refused) from None
    return found.asset


async def told_early(
    read: Read, policies: PolicySet, caller: Caller, row: Row[Any], decision: Row[Any], refused: Conflict
) -> Conflict:
    """How it is refused that the loan leaves now, when it is not permitted for the time from now to its end.

    Conflict `early_dispatch_not_permitted` when it is permitted for its agreed time; what is not permitted for that any
    more is refused for that, and not for being early.
    """
    if refused.code not in _OF_THE_ASK:
        return refused
    try:
        await weigh_again(read, caller, policies, decision, await chain(read, decision.root_decision_id), "dispatch")
    except Conflict as of_its_time:
        return of_its_time
    return _not_early(row, refused)


def _not_early(row: Row[Any], refused: Conflict) -> Conflict:
    from_at, until = (at.strftime("%Y-%m-%dT%H:%MZ") for at in (row.starts_at - SOON, row.planned_end_at))
    words = (  # what to do comes first, since a long detail is cut off
        f"It may leave from {from_at} on, two hours before its agreed start. Send it out then, or cancel it and "
        f"have the longer time asked for: leaving now, it would be away until {until}, which is not permitted. "
        f"{refused.detail}"
    )
    return Conflict(words, EARLY, extra=refused.extra)
