"""Automatic aid: what the parties have agreed to send without being asked is reserved as soon as a request asks for it.

The agreement that was signed is the consent of the agency whose asset it is: it lists the asset, and for what it is
sent. What policies do not permit, is not free, or would leave the agency less than it keeps at home, is not sent so:
the line is answered as any other.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy.engine import Row

from registry.agreements.instruments.terms import is_sent_automatically
from registry.platform.access.principals import REGISTRY, Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import DomainError
from registry.sharing.loans.commands.reserving import commit_handler_of, prepare, store
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands.recording import Decided
from registry.sharing.policy.queries.getting import decision_row
from registry.sharing.requests.commands.lines import update_line


async def send_automatically(
    write: Write, caller: Caller, policies: PolicySet, row: Row[Any], made: Mapping[UUID, Decided]
) -> set[UUID]:
    """Reserve what is sent automatically among lines that were just decided (`made`, by line); return those lines.

    `row` has the request's columns. It is the registry that reserves, for the agency that has agreed to it.
    """
    sent = set()
    # In the order of the assets, as whoever locks several.
    for line_id, each in sorted(made.items(), key=lambda item: item[1].asset.id):
        if each.recorded.outcome != "permitted" or each.terms is None:
            continue
        agreed = is_sent_automatically(
            each.terms,
            asset_id=each.asset.id,
            category_path=each.asset.category_path,
            purpose=row.purpose,
            priority=row.priority,
        )
        if agreed and await _reserve(write, caller, policies, each):
            await update_line(write, caller, line_id, automatic_clause=each.terms.clauses.get("automatic_aid", ""))
            sent.add(line_id)
    return sent


async def _reserve(write: Write, caller: Caller, policies: PolicySet, made: Decided) -> bool:
    owner = replace(REGISTRY, agency_id=made.asset.agency_id)
    registry = Caller(principal=owner, now=caller.now, trace_id=caller.trace_id)
    decision = await decision_row(write, made.recorded.id)
    try:
        async with write.attempt():
            prepared = await prepare(write, registry, policies, decision, None)
            await store(write, registry, prepared, await commit_handler_of(write, registry, prepared))
    except DomainError:  # it cannot be had, or not without somebody's word: it is asked for as anything else is
        return False
    return True
