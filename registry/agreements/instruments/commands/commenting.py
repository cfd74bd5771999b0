"""Comments on the text: made, answered, reworded, resolved and reopened.

The ledger tells that it happened and where, and of the words only a hash under the registry's key: they may be about
restricted text, and a draft's margin is nobody's record.
"""

from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa
from msgspec import UNSET
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.holding import audience_of, permitted
from registry.agreements.instruments.commands.repeating import check_unrepeated
from registry.agreements.instruments.queries.comments import (
    LegibleVersion,
    comment_row,
    get_comment,
    is_author,
    is_settled_by,
    legible_version,
    may_take_part,
)
from registry.agreements.instruments.queries.provisions import is_cleared
from registry.agreements.instruments.review_tables import agreement_comment
from registry.agreements.instruments.reviews import Audience, text_digest, whole_digest
from registry.agreements.instruments.rules import Stage, allowed
from registry.agreements.instruments.schemas.reviewing import Comment, CommentPatch, NewComment
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller, Role
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import Fault, Forbidden, NotFound, RuleBroken, WrongStatus
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Expected, check_version
from registry.platform.ledger.commands import keyed_hash, record
from registry.platform.ledger.event_types import EventType

_INSERT = agreement_comment.insert()
_UPDATE = (
    agreement_comment.update()
    .where(agreement_comment.c.id == sa.bindparam("its_id", type_=agreement_comment.c.id.type))
    .values(version=agreement_comment.c.version + 1)
)
_TOUCH_THREAD = agreement_comment.update().where(
    agreement_comment.c.thread_id == sa.bindparam("its_thread", type_=agreement_comment.c.id.type)
)
"""Each comment shows whether its thread is resolved, so that all of them change with it."""
_SPEAKS_AS = (Role.LEGAL, Role.APPROVER, Role.COORDINATOR)
_PLACE = ("version_no", "provision", "quote", "audience")


async def create_comment(
    write: Write, caller: Caller, ledger_key: bytes, agreement_id: UUID, new: NewComment, expected: Expected
) -> Comment:
    """Remark on a version of the text, or reply to a remark.

    Raises Forbidden about restricted text that the caller may not read, WrongStatus for a resolved thread or an
    agreement whose life is over, RuleBroken for a place that is not there or an audience that cannot read the text.
    """
    row = await permitted(write, caller, agreement_id, Action.AGREEMENTS_COMMENT)
    await write.once()
    check_version(expected, row.version)
    if not allowed(Stage(row.stage)):
        raise WrongStatus(f"The agreement is {row.stage}; nothing is said of its text any more.")
    comment_id = new_id()
    if new.parent_id is None:
        place = {"thread_id": comment_id, **await _place(write, caller, row, new)}
    else:
        place = await _reply(write, caller, row, new, new.parent_id)
    told: dict[str, object] = {}
    if place["audience"] == Audience.PARTIES and not place["restricted"]:
        told = await check_unrepeated(write, caller, row.id, new.text, "/text", new.declassify_reason)
    role = next(role for role in _SPEAKS_AS if role in caller.principal.roles)
    comment = {
        "id": comment_id,
        "agreement_id": row.id,
        **place,
        "agency_id": caller.agency_id,
        "subject": caller.principal.person,
        "role": role,
        "department": new.department,
        "text": new.text,
        "version": 1,
        "created_at": caller.now,
        "updated_at": caller.now,
    }
    await write.run(_INSERT, comment)
    found = await comment_row(write, caller.principal, row, comment_id)
    await _record(
        write,
        caller,
        row,
        found,
        EventType.AGREEMENT_COMMENT_MADE,
        {"text": keyed_hash(ledger_key, comment_id, new.text), **told},
    )
    return (await get_comment(write, caller.principal, agreement_id, comment_id))[0]


async def update_comment(
    write: Write,
    caller: Caller,
    ledger_key: bytes,
    agreement_id: UUID,
    comment_id: UUID,
    patch: CommentPatch,
    expected: Expected,
) -> Comment:
    """Put an own comment into other words while its thread is open.

    Raises Forbidden for others' words, StaleVersion, PreconditionMissing, WrongStatus once the thread is resolved.
    """
    row, found = await _held(write, caller, agreement_id, comment_id)
    if not is_author(caller.principal, found):
        raise Forbidden("Only whoever made a comment can put it into other words.")
    check_version(expected, found.version, required=True)
    if found.thread_resolved_at is not None:
        raise WrongStatus("The thread is resolved; reopen it first.", "thread_resolved")
    told: dict[str, object] = {}
    if patch.text is not UNSET and patch.text != found.text:
        if found.audience == Audience.PARTIES and not found.is_restricted:
            told = await check_unrepeated(write, caller, row.id, patch.text, "/text", patch.declassify_reason)
        edited = {"text": patch.text, "edited_at": caller.now, "updated_at": caller.now}
        await write.run(_UPDATE, {"its_id": comment_id, **edited})
        said = {
            "from": keyed_hash(ledger_key, comment_id, found.text),
            "to": keyed_hash(ledger_key, comment_id, patch.text),
        }
        await _record(
            write,
            caller,
            row,
            found,
            EventType.AGREEMENT_COMMENT_EDITED,
            {"text": said, **told},
            version=found.version + 1,
        )
    return (await get_comment(write, caller.principal, agreement_id, comment_id))[0]


async def settle(
    write: Write,
    caller: Caller,
    agreement_id: UUID,
    comment_id: UUID,
    status: Literal["resolved", "open"],
    expected: Expected,
) -> Comment:
    """Resolve a thread, or reopen it, by its first comment.

    For the agency that opened the thread and for the custodian. Raises Forbidden, RuleBroken for a reply, StaleVersion,
    WrongStatus where it is so already.
    """
    row, found = await _held(write, caller, agreement_id, comment_id)
    if not is_settled_by(caller.principal, found, row):
        raise Forbidden("A thread is settled by the agency that opened it, or by the agreement's custodian.")
    await write.once()
    check_version(expected, found.version)
    if found.parent_id is not None:
        raise RuleBroken("That is a reply. Name the comment that opens the thread, its thread_id.", "not_a_thread")
    if (found.resolved_at is not None) == (status == "resolved"):
        raise WrongStatus(f"The thread is {status} already.")
    resolved_at = caller.now if status == "resolved" else None
    await write.run(_UPDATE, {"its_id": comment_id, "resolved_at": resolved_at})
    await write.run(_TOUCH_THREAD, {"its_thread": comment_id, "updated_at": caller.now})
    resolved = status == "resolved"
    event = EventType.AGREEMENT_COMMENT_RESOLVED if resolved else EventType.AGREEMENT_COMMENT_REOPENED
    await _record(write, caller, row, found, event, {}, version=found.version + 1)
    return (await get_comment(write, caller.principal, agreement_id, comment_id))[0]


async def _held(write: Write, caller: Caller, agreement_id: UUID, comment_id: UUID) -> tuple[Row[Any], Row[Any]]:
    """The agreement, locked, and a comment that the caller may speak of. Raises NotFound, Forbidden."""
    row = await permitted(write, caller, agreement_id, Action.AGREEMENTS_COMMENT)
    found = await comment_row(write, caller.principal, row, comment_id)
    if not may_take_part(caller.principal, found):
        raise _not_cleared()
    return row, found


async def _place(write: Write, caller: Caller, row: Row[Any], new: NewComment) -> dict[str, object]:
    """Where a new thread stands. Raises RuleBroken, Forbidden."""
    missing = [name for name in ("version_no", "audience") if getattr(new, name) is None]
    if missing:
        raise RuleBroken(
            "Say which version you comment on, and who shall read it.",
            "place_missing",
            faults=[
                Fault(pointer=f"/{name}", code="place_missing", detail="needed without parent_id") for name in missing
            ],
        )
    try:
        version = await legible_version(write, row, caller.principal, new.version_no)
    except NotFound:
        raise RuleBroken.at("There is no such version.", "unknown_version", pointer="/version_no") from None
    if not version.is_frozen and new.audience is Audience.PARTIES:
        detail = "A draft is your agency's alone, and so is what is said of it: the audience is your agency."
        raise RuleBroken.at(detail, "draft_is_private", pointer="/audience")
    restricted = new.provision in version.restricted
    if restricted and not (is_cleared(caller.principal) and version.reached):
        raise _not_cleared()
    digest = _digest(version, new)
    return {
        "version_id": version.id,
        "provision": new.provision,
        "anchor_sha256": digest,
        "quote_start": None if new.quote is None else new.quote.start,
        "quote_end": None if new.quote is None else new.quote.end,
        "restricted": restricted,
        "audience": new.audience,
    }


def _digest(version: LegibleVersion, new: NewComment) -> str:
    """What is kept of the text commented on. Raises RuleBroken for a provision or passage that is not there."""
    if new.provision is None:
        if new.quote is not None:
            raise RuleBroken.at(
                "A passage is one of a provision; name it.", "quote_without_provision", pointer="/quote"
            )
        return whole_digest(version.texts.items())
    text = version.texts.get(new.provision)
    if text is None:
        raise RuleBroken.at(
            f"Version {version.no} has no provision {new.provision}.", "unknown_provision", pointer="/provision"
        )
    if new.quote is not None and not new.quote.start < new.quote.end <= len(text):
        raise RuleBroken.at(
            f"The provision has {len(text)} characters; quote some of them.", "no_such_passage", pointer="/quote"
        )
    return text_digest(text)


async def _reply(write: Write, caller: Caller, row: Row[Any], new: NewComment, parent_id: UUID) -> dict[str, object]:
    """Where a reply stands: where its thread does. Raises RuleBroken, Forbidden, WrongStatus for a resolved thread."""
    elsewhere = [name for name in _PLACE if getattr(new, name) is not None]
    if elsewhere:
        raise RuleBroken(
            "A reply stands where its thread does; leave its place and audience out.",
            "reply_elsewhere",
            faults=[
                Fault(pointer=f"/{name}", code="reply_elsewhere", detail="given by the thread") for name in elsewhere
            ],
        )
    try:
        parent = await comment_row(write, caller.principal, row, parent_id)
    except NotFound:
        raise RuleBroken.at("There is no such comment.", "unknown_comment", pointer="/parent_id") from None
    if not may_take_part(caller.principal, parent):
        raise _not_cleared()
    if parent.thread_resolved_at is not None:
        raise WrongStatus("The thread is resolved; reopen it, or begin another.", "thread_resolved")
    kept = ("thread_id", "version_id", "provision", "anchor_sha256", "quote_start", "quote_end", "audience")
    return {
        **{name: parent._mapping[name] for name in kept},
        "parent_id": parent.id,
        "restricted": bool(parent.is_restricted),
    }


async def _record(
    write: Write,
    caller: Caller,
    row: Row[Any],
    found: Row[Any],
    event: EventType,
    told: dict[str, object],
    *,
    version: int = 1,
) -> None:
    about = {
        "version_no": found.version_no,
        "provision": found.provision,
        "audience": found.audience,
        "thread_id": str(found.thread_id),
    }
    everybody = found.audience == Audience.PARTIES
    record(
        write,
        caller,
        event,
        subject=("agreement_comment", found.id, version),
        agencies=[*await audience_of(write, caller, row), found.thread_agency_id] if everybody else [found.agency_id],
        agreement_id=row.id,
        data={**about, **told},
    )


def _not_cleared() -> Forbidden:
    return Forbidden("What is said of restricted text is for whoever may read it: your agency's legal staff.")
