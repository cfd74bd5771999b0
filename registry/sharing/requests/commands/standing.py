"""What is offered for a need, as it stands: whether it can be had, and what policies decide on it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import takewhile
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy.engine import Row

from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.time import Window
from registry.resources.assets.queries.facts import AssetRow
from registry.resources.assets.queries.having import Ask, can_be_had, of_asset
from registry.resources.personnel.queries.sending import who_cannot_be_sent
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.deciding import LoanAsked, decide_ask, weigh_ask
from registry.sharing.policy.commands.weighing import refuse_denied
from registry.sharing.policy.facts import PrincipalFacts
from registry.sharing.policy.schemas.decided import RequestReference
from registry.sharing.requests.commands.asking import DECIDED_AS, awaited
from registry.sharing.requests.commands.lines import asked_for, place_of, update_line
from registry.sharing.requests.commands.offers import keep_offered
from registry.sharing.requests.need_rules import what_is_lacking, why_not_free
from registry.sharing.requests.queries.needs import ability_of, need_of, people_in
from registry.sharing.requests.rules import IN_PLAY, LineStatus, advance_line
from registry.sharing.requests.schemas.needs import CapabilityNeed, CategoryNeed, Need

NOT_SUSPENDED: Final[dict[str, object]] = {"suspended_at": None, "suspended_reason": None}
"""The columns of a line on which what is offered counts."""
_SOMEBODY_AWAY: Final = "Somebody who was named for it cannot be sent then."


async def why_not_to_be_had(
    read: Read, policies: PolicySet, each: Row[Any], rows: Sequence[Row[Any]], now: datetime
) -> str | None:
    """Why what is offered on a line cannot be had at `now`, for both sides to read; None when it can.

    It is the same that an offer is asked: it meets the need, is free, with who goes with it, and policies permit it. An
    asset that is still one that is needed, and was changed, can be had once the requesting agency accepts that. `rows`
    are the lines of the request; what they ask for of the same asset counts as well, those that come first.
    """
    ask = ask_of(each, each.asset_id, each.quantity)
    found, decision = await weigh_ask(read, policies, ask, now)
    need = need_of(each)
    assert need is not None, "what is offered is offered for a need"
    if (lacking := lacking_in(need, found)) is not None:
        return lacking
    before = rows if each.line_status == LineStatus.SUSPENDED else [*takewhile(lambda other: other.no != each.no, rows)]
    beside = offered_beside([other for other in before if other.no != each.no], each.asset_id)
    whole = Ask(asset=of_asset(found), quantity=each.quantity, window=ask.window, beside=beside)
    (had,) = await can_be_had(read, each.assisting_agency_id, [whole], now)
    if (taken := why_not_free(had)) is not None:
        return taken
    if isinstance(need, CapabilityNeed):
        ability, people = await ability_of(read, need), people_in(each)
        if await who_cannot_be_sent(read, each.assisting_agency_id, ability, people, ask.window, now) is not None:
            return _SOMEBODY_AWAY
    if decision.outcome == "denied":
        return "; ".join(reason.reason for reason in decision.reasons)
    return None


def offered_beside(rows: Iterable[Row[Any]], asset_id: UUID) -> list[tuple[Window, int]]:
    """What these lines hold of the asset without a loan, each for its own window: what is offered, or decided on."""
    return [
        (Window(start=each.starts_at, end=each.ends_at), each.quantity)
        for each in rows
        if each.asset_id == asset_id and each.line_status in IN_PLAY | {LineStatus.OFFERED}
    ]


def lacking_in(need: Need, found: AssetRow) -> str | None:
    """What an asset lacks of a need; None when it meets it."""
    return what_is_lacking(
        need.attributes if isinstance(need, CategoryNeed) else {},
        need.type_at_least if isinstance(need, CategoryNeed) else None,
        need.category,
        path=found.category_path,
        level=found.type_level,
        stated=found.attributes,
    )


def ask_of(each: Row[Any], asset_id: UUID, quantity: int) -> LoanAsked:
    """What the need asks of an asset that is offered for it, by who asked."""
    return LoanAsked(
        asset_id=asset_id,
        quantity=quantity,
        window=Window(start=each.starts_at, end=each.ends_at),
        purpose=each.purpose,
        priority=each.priority,
        requesting_agency_id=each.requesting_agency_id,
        place=place_of(each),
        asker=msgspec.json.decode(each.asked_as, type=PrincipalFacts),
    )


def stored_people(people: Sequence[UUID]) -> list[str] | None:
    """The people who are offered, as a line stores them."""
    return [str(each) for each in people] or None


async def decide_offer(
    write: Write,
    caller: Caller,
    policies: PolicySet,
    each: Row[Any],
    asset_id: UUID,
    quantity: int,
    people: Sequence[UUID],
) -> LineStatus:
    """Decide on what is offered, and store it. Raises Conflict `decision_not_satisfied` when policies deny it."""
    reference = RequestReference(id=each.id, line_no=each.no, incident_number=each.incident_number)
    made = await decide_ask(write, caller, policies, ask_of(each, asset_id, quantity), reference)
    refuse_denied(made.recorded.decision, to_owner=caller.agency_id == made.asset.agency_id)
    await keep_offered(write, each, made.recorded.root_decision_id, people)
    after = advance_line(LineStatus(each.line_status), DECIDED_AS[made.recorded.outcome])
    await update_line(
        write,
        caller,
        each.line_id,
        status=after,
        personnel_ids=stored_people(people),
        asset_id=asset_id,
        quantity=quantity,
        decision_id=made.recorded.root_decision_id,
        decided_at=None if after is LineStatus.NEEDS_APPROVAL else caller.now,
        awaited=awaited(made.decision_status.missing),
        **asked_for(made.asset),
        **NOT_SUSPENDED,
    )
    return after
