"""The command that edits a request as a whole, and what an edit takes back of what was decided and approved on it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec import UNSET
from sqlalchemy.engine import Row

from registry.directory.taxonomy.queries import check_purpose
from registry.platform.access.permissions import Action, permit
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write
from registry.platform.kernel.text import folded
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import changes
from registry.platform.ledger.event_types import EventType
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.queries.approved import approved_chains
from registry.sharing.requests.commands.asking import REVISED, SHARED, WORDS, change_request, decide_line, lock_request
from registry.sharing.requests.commands.lines import (
    asked_for_needs,
    by_chain,
    can_be_mended,
    check_lines,
    edited,
    fact,
    lock_chains,
    next_no,
    owners,
    record_told,
    replace_line,
    replace_lines,
    same_values,
    update_line,
    withdraw_line,
)
from registry.sharing.requests.queries.acting import side_of
from registry.sharing.requests.queries.getting import get_request, request_rows, shown
from registry.sharing.requests.rules import (
    REFUSED,
    LineAction,
    LineStatus,
    RequestAction,
    RequestStatus,
    advance,
    refuse,
    what_is_void,
    why_not_updated,
)
from registry.sharing.requests.schemas.given import RequestPatch
from registry.sharing.requests.schemas.shown import ResourceRequest

_REWRITTEN = "The requesting agency rewrote what was approved."


async def update_request(
    write: Write, caller: Caller, policies: PolicySet, request_id: UUID, patch: RequestPatch, expected: Expected
) -> ResourceRequest:
    """Edit a draft, or revise a submitted request: lines without a loan are decided again on the next submission.

    A change only of summary or notes, which no policy reads, keeps decisions; approvals of who read other words are
    void. Raises StaleVersion, PreconditionMissing, WrongStatus once loans answer all lines or the request has ended,
    RuleBroken as `create_request`.
    """
    rows = await lock_request(write, caller, request_id)
    row, status, stored = rows[0], RequestStatus(rows[0].status), RequestStatus(rows[0].stored)
    permit(caller.principal, Action.REQUESTS_UPDATE, [side_of(row, caller.principal)])
    check_version(expected, row.version_shown, required=True)
    given = {name: value for name in WORDS if (value := getattr(patch, name)) is not UNSET}
    changed = changes({name: row._mapping[name] for name in given}, given)
    if "summary" in changed:
        changed["summary"] = {"changed": True}  # free text may name people, which the ledger must not contain
    if "purpose" in changed:
        await check_purpose(write, given["purpose"])
    open_rows = [each for each in rows if can_be_mended(each)]
    lines = [] if patch.lines is UNSET else await check_lines(write, caller, patch.lines)
    if lines:
        changed |= edited(open_rows, lines)
    if not changed:
        return await shown(write, rows, caller.principal, caller.now)
    refuse(why_not_updated(status))
    void = what_is_void(changed)
    if status is not RequestStatus.DRAFT and void == "decisions":
        stored = advance(status, RequestAction.REVISE)
    moved: list[Row[Any]] = []
    if "lines" in changed:
        await replace_lines(write, caller, rows, lines, REVISED)
        moved = [*open_rows, *asked_for_needs(rows, open_rows)]
    elif "note" in changed:
        for each, line in zip(open_rows, lines, strict=True):
            if line.new.note != each.note:
                await update_line(write, caller, each.line_id, note=line.new.note)
                moved.append(each)
    if "lines" not in changed and void == "decisions":
        no = next_no(rows)
        offered = asked_for_needs(rows, rows)
        await lock_chains(write, [*open_rows, *offered])
        for each in offered:  # what was offered was decided for what is asked no more
            await withdraw_line(write, caller, each, LineAction.WITHDRAW, REVISED)
        for each in open_rows:
            if each.line_status in REFUSED:
                await replace_line(write, caller, each, no, same_values(each), REVISED)
                no += 1
            elif each.line_status != LineStatus.DRAFT:
                await withdraw_line(write, caller, each, LineAction.REVISE, REVISED)
    values = {name: given[name] for name in given if name in changed}
    if {"summary", "incident_number"} & values.keys():
        said = {name: values.get(name, row._mapping[name]) for name in ("summary", "incident_number")}
        values["search_text"] = folded(said["summary"], said["incident_number"])
    # Words alone are sent at once; what is asked, with the words beside it, once it is submitted again.
    sent = status is not RequestStatus.DRAFT and void == "approvals" and not _in_revision(rows)
    void_lines: dict[UUID, list[dict[str, object]]] = {}
    if sent:
        if "summary" in values:
            values |= {"sent_summary": values["summary"], "sent_search_text": values["search_text"]}
        void_lines = await void_approvals(write, caller, policies, rows, rows if "summary" in changed else moved)
    await change_request(write, caller, row, **({} if void_lines else {"status": stored}), **values)
    _record_update(write, caller, rows, moved, changed, void_lines, sent=sent)
    return await get_request(write, caller.principal, request_id, caller.now)


def _in_revision(rows: Sequence[Row[Any]]) -> bool:
    """Whether something that was submitted is being asked differently, and has not been sent."""
    return any(each.line_status == LineStatus.DRAFT for each in rows)


async def void_approvals(
    write: Write, caller: Caller, policies: PolicySet, rows: Sequence[Row[Any]], touched: Sequence[Row[Any]]
) -> dict[UUID, list[dict[str, object]]]:
    """Decide anew the lines, of those whose words were changed, for which an approval was given.

    What policies decided holds; who approved had read other words, and is asked again. Returns what became of the
    lines, by their assisting agencies. `rows` are those of the request. Raises WrongStatus when a loan was made
    meanwhile.
    """
    waiting = [each for each in touched if each.line_status in (LineStatus.APPROVED, LineStatus.NEEDS_APPROVAL)]
    approved = await approved_chains(write, [each.root_decision_id for each in waiting])
    named = {each.line_id for each in waiting if each.root_decision_id in approved}
    if not named:
        return {}
    now = {each.line_id: each for each in await request_rows(write, caller.principal, rows[0].id, caller.now)}
    told: dict[UUID, list[dict[str, object]]] = {}
    for before in by_chain(rows):
        if before.line_id not in named:
            continue
        each = now[before.line_id]
        after = await withdraw_line(write, caller, each, LineAction.REVISE, _REWRITTEN)
        said = fact(each, after, None)
        if each.asset_name is not None:  # else the asset cannot be seen any more: the line stays a draft
            after, said, _ = await decide_line(write, caller, policies, each, each)
            said["status"] = {"from": before.line_status, "to": after}
        told.setdefault(each.assisting_agency_id, []).append({**said, "approvals_void": True})
    return told


def _record_update(
    write: Write,
    caller: Caller,
    rows: Sequence[Row[Any]],
    moved: Sequence[Row[Any]],
    changed: Mapping[str, object],
    void_lines: Mapping[UUID, Sequence[Mapping[str, object]]],
    *,
    sent: bool,
) -> None:
    """Record an edit: of the head for each agency that reads the request, of lines for those that `moved` ones ask.

    No assisting agency is told of what changed in the lines of another, nor what the head will say once it is sent.
    """
    told: dict[UUID, Mapping[str, object]] = {}
    shared = {name: change for name, change in changed.items() if name in SHARED}
    if shared:
        told = dict.fromkeys(owners(rows), shared if sent else {name: {"changed": True} for name in shared})
    of_lines = {name: change for name, change in changed.items() if name not in SHARED}
    if of_lines:
        told |= {agency_id: {**told.get(agency_id, {}), **of_lines} for agency_id in owners(moved)}
    for agency_id, lines in void_lines.items():
        told[agency_id] = {**told.get(agency_id, {}), "lines_decided": list(lines)}
    rest = {
        name: change for name, change in changed.items() if not any(data.get(name) == change for data in told.values())
    }
    record_told(write, caller, EventType.REQUEST_UPDATED, rows[0], told, rest)
