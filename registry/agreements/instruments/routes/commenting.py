"""Comments on the text, thread by thread."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import commenting, disclosing
from registry.agreements.instruments.queries import comments
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.schemas.reviewing import (
    Comment,
    CommentPage,
    CommentPatch,
    CommentQuery,
    NewComment,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected


def _answer(found: Comment, *, created_in: UUID | None = None, restricted: bool = False) -> Answer[Comment]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.anchor, found.restricted, found.allowed_actions),
        location=None if created_in is None else f"/v1/agreements/{created_in}/comments/{found.id}",
        restricted=restricted,
    )


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/comments",
    permission=Action.AGREEMENTS_READ,
    query=CommentQuery,
    own_transactions=True,
    problems=("reading_not_recorded",),
)
async def list_agreement_comments(
    agreement_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[CommentQuery],
    caller: Supplied[Caller],
    own_transaction: Supplied[OwnTransaction],
) -> Answer[CommentPage]:
    """List the comments on an agreement's text, for its parties.

    Comments follow the text: each says whether the provision it is about still reads the same in the version asked
    about. What is said of restricted text is for legal and auditor roles; reading it is recorded first.
    """
    page, custodian_id, version_no = await comments.list_comments(read, caller.principal, agreement_id, filters)
    restricted = any(each.restricted and each.text is not None for each in page.items)
    if restricted:
        await disclosing.record_reading(own_transaction, caller, agreement_id, custodian_id, version_no)
    return Answer(page, restricted=restricted)


@operation(
    "get",
    "/agreements/{agreement_id:uuid}/comments/{comment_id:uuid}",
    permission=Action.AGREEMENTS_READ,
    etag=True,
    own_transactions=True,
    problems=("reading_not_recorded",),
)
async def get_agreement_comment(
    agreement_id: FromPath[UUID],
    comment_id: FromPath[UUID],
    read: Supplied[Read],
    caller: Supplied[Caller],
    own_transaction: Supplied[OwnTransaction],
) -> Answer[Comment]:
    """Read one comment, against the newest version of the text."""
    found, custodian_id = await comments.get_comment(read, caller.principal, agreement_id, comment_id, reveal=True)
    restricted = found.restricted and found.text is not None
    if restricted:
        await disclosing.record_reading(own_transaction, caller, agreement_id, custodian_id, found.version_no)
    return _answer(found, restricted=restricted)


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/comments",
    permission=Action.AGREEMENTS_COMMENT,
    example=examples.NEW_COMMENT,
    etag=True,
    problems=(
        "draft_is_private",
        "no_such_passage",
        "place_missing",
        "quote_without_provision",
        "repeats_restricted",
        "reply_elsewhere",
        "thread_resolved",
        "unknown_comment",
        "unknown_provision",
        "unknown_version",
        "wrong_status",
    ),
)
async def create_agreement_comment(
    agreement_id: FromPath[UUID],
    data: JSONBody[NewComment],
    write: Supplied[Write],
    caller: Supplied[Caller],
    ledger_key: Supplied[bytes],
    if_match: Supplied[Expected],
) -> Answer[Comment]:
    """Comment on a version of the text, or reply to a comment. `If-Match` is of the agreement.

    On a draft, which is its custodian's alone, the audience is your own agency.
    """
    made = await commenting.create_comment(write, caller, ledger_key, agreement_id, data, if_match)
    return _answer(made, created_in=agreement_id)


@operation(
    "patch",
    "/agreements/{agreement_id:uuid}/comments/{comment_id:uuid}",
    permission=Action.AGREEMENTS_COMMENT,
    example={"text": "“Consecutive” needs a start: from dispatch (demo)."},
    etag=True,
    problems=("repeats_restricted", "thread_resolved"),
)
async def update_agreement_comment(
    agreement_id: FromPath[UUID],
    comment_id: FromPath[UUID],
    data: JSONBody[CommentPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    ledger_key: Supplied[bytes],
    if_match: Supplied[Expected],
) -> Answer[Comment]:
    """Put your own comment into other words, while its thread is open."""
    return _answer(await commenting.update_comment(write, caller, ledger_key, agreement_id, comment_id, data, if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/comments/{comment_id:uuid}/resolve",
    permission=Action.AGREEMENTS_COMMENT,
    status=200,
    etag=True,
    problems=("not_a_thread", "wrong_status"),
)
async def resolve_agreement_comment(
    agreement_id: FromPath[UUID],
    comment_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Comment]:
    """Resolve a thread, by the comment that opens it: for the agency that did, and for the custodian."""
    return _answer(await commenting.settle(write, caller, agreement_id, comment_id, "resolved", if_match))


@operation(
    "post",
    "/agreements/{agreement_id:uuid}/comments/{comment_id:uuid}/reopen",
    permission=Action.AGREEMENTS_COMMENT,
    status=200,
    etag=True,
    problems=("not_a_thread", "wrong_status"),
)
async def reopen_agreement_comment(
    agreement_id: FromPath[UUID],
    comment_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Comment]:
    """Reopen a resolved thread."""
    return _answer(await commenting.settle(write, caller, agreement_id, comment_id, "open", if_match))


handlers = [
    list_agreement_comments,
    get_agreement_comment,
    create_agreement_comment,
    update_agreement_comment,
    resolve_agreement_comment,
    reopen_agreement_comment,
]
