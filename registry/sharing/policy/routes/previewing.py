"""Operations that tell what a policy set would have changed: started, looked at while it runs, cancelled."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.commands import previewing
from registry.sharing.policy.commands.previewing import PreviewRunner
from registry.sharing.policy.queries import previews
from registry.sharing.policy.schemas.previews import (
    NEW_PREVIEW_EXAMPLE,
    ChangedDecisionPage,
    ChangedDecisionQuery,
    NewPolicyPreview,
    PolicyPreview,
    PolicyPreviewPage,
    PolicyPreviewQuery,
)


def _answer(found: PolicyPreview, *, created: bool = False) -> Answer[PolicyPreview]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.examined),
        location=f"/v1/policy-previews/{found.id}" if created else None,
    )


@operation(
    "post",
    "/policy-sets/{policy_set_id:uuid}/previews",
    permission=Action.POLICIES_DRAFT,
    status=202,
    example=NEW_PREVIEW_EXAMPLE,
    etag=True,
    own_transactions=True,
    problems=("policy_preview_running", "policy_set_faulty", "previews_busy", "wrong_status"),
)
async def start_policy_preview(
    policy_set_id: FromPath[UUID],
    data: JSONBody[NewPolicyPreview],
    read: Supplied[Read],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
    policies: Supplied[PolicySet],
    preview_runner: Supplied[PreviewRunner],
) -> Answer[PolicyPreview]:
    """Start to find out what a validated policy set would have changed, had it been active in the last days.

    Decisions about what your agency was asked for are made again on their own facts, by what is active now and by the
    set: how many would have come out otherwise, which, and by which of your policies. It goes on after the answer, at
    most half of a process's time, and of an agency one at a time: read the preview to see how far it is. Previews are
    kept for thirty days, and of an agency the latest twenty.
    """
    preview_id = await preview_runner.start(caller, policies, policy_set_id, data, if_match)
    return _answer(await previews.get_preview(read, caller, preview_id), created=True)


@operation("get", "/policy-previews", permission=Action.POLICIES_DRAFT, query=PolicyPreviewQuery)
async def list_policy_previews(
    read: Supplied[Read], filters: Supplied[PolicyPreviewQuery], caller: Supplied[Caller]
) -> Answer[PolicyPreviewPage]:
    """List the previews of your agency's policy sets."""
    return Answer(await previews.list_previews(read, caller, filters))


@operation("get", "/policy-previews/{preview_id:uuid}", permission=Action.POLICIES_DRAFT, etag=True)
async def get_policy_preview(
    preview_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[PolicyPreview]:
    """Read a preview: how far it has come, and what the policy set would have changed so far.

    One whose process ended is `stopped`, at the latest a minute and a half later.
    """
    return _answer(await previews.get_preview(read, caller, preview_id))


@operation(
    "get",
    "/policy-previews/{preview_id:uuid}/decisions",
    permission=Action.POLICIES_DRAFT,
    query=ChangedDecisionQuery,
)
async def list_changed_decisions(
    preview_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[ChangedDecisionQuery],
    caller: Supplied[Caller],
) -> Answer[ChangedDecisionPage]:
    """List the decisions that the policy set would have changed, as far as the preview has come."""
    return Answer(await previews.list_changed_decisions(read, caller, preview_id, filters))


@operation(
    "post",
    "/policy-previews/{preview_id:uuid}/cancel",
    permission=Action.POLICIES_DRAFT,
    status=200,
    etag=True,
    problems=("wrong_status",),
)
async def cancel_policy_preview(
    preview_id: FromPath[UUID], write: Supplied[Write], caller: Supplied[Caller], if_match: Supplied[Expected]
) -> Answer[PolicyPreview]:
    """Let a preview that runs look at no more. What it has found so far stays."""
    return _answer(await previewing.cancel_preview(write, caller, preview_id, if_match))


handlers = [
    start_policy_preview,
    list_policy_previews,
    get_policy_preview,
    list_changed_decisions,
    cancel_policy_preview,
]
