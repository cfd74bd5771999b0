"""Operations on webhooks and their deliveries."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.versions import Expected
from registry.platform.webhooks import commands, queries
from registry.platform.webhooks.commands import WebhookMaking
from registry.platform.webhooks.schemas import (
    WEBHOOK_EXAMPLE,
    WEBHOOK_ROTATION_EXAMPLE,
    NewWebhook,
    Webhook,
    WebhookDelivery,
    WebhookDeliveryPage,
    WebhookDeliveryQuery,
    WebhookPage,
    WebhookPatch,
    WebhookRotation,
)


def _answer(found: Webhook, *, created: bool = False) -> Answer[Webhook]:
    derived = (found.failures, found.quiet_until, found.waiting, found.last_delivered_at, found.secrets)
    return Answer(
        found,
        etag=entity_tag(found.version, *derived, found.allowed_actions),
        location=f"/v1/webhooks/{found.id}" if created else None,
        restricted=found.secret is not None,
    )


def _delivery(found: WebhookDelivery, *, created: bool = False) -> Answer[WebhookDelivery]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.allowed_actions),
        location=f"/v1/webhooks/{found.webhook_id}/deliveries/{found.id}" if created else None,
    )


@operation("get", "/webhooks", permission=Action.WEBHOOKS_READ, query=NewestFirst)
async def list_webhooks(
    read: Supplied[Read], filters: Supplied[NewestFirst], caller: Supplied[Caller]
) -> Answer[WebhookPage]:
    """List your agency's webhooks, and how it stands with each; never a secret."""
    return Answer(await queries.list_webhooks(read, caller, filters))


@operation(
    "post",
    "/webhooks",
    permission=Action.WEBHOOKS_MANAGE,
    problems=("unknown_event_type", "webhook_url_unusable", "webhooks_off", "wrong_status"),
    example=WEBHOOK_EXAMPLE,
    etag=True,
)
async def create_webhook(
    data: JSONBody[NewWebhook],
    write: Supplied[Write],
    caller: Supplied[Caller],
    webhook_making: Supplied[WebhookMaking],
) -> Answer[Webhook]:
    """Have events sent to a program of your agency as they are sealed, from now on.

    Each is a CloudEvent (1.0, structured JSON), signed as Standard Webhooks describes it, and comes at least once:
    `webhook-id` is the same at every try. Told is what your agency's administrators may read. This answer alone tells
    the secret. When the answer is lost, rotate the webhook: a repeated answer does not hold it.
    """
    made = await commands.create_webhook(write, caller, webhook_making, data)
    return _answer(made, created=True).with_secret(secret=None)


@operation("get", "/webhooks/{webhook_id:uuid}", permission=Action.WEBHOOKS_READ, etag=True)
async def get_webhook(webhook_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]) -> Answer[Webhook]:
    """Read one webhook, and how it stands with it; never a secret."""
    return _answer(await queries.get_webhook(read, caller, webhook_id))


@operation(
    "patch",
    "/webhooks/{webhook_id:uuid}",
    permission=Action.WEBHOOKS_MANAGE,
    problems=("unknown_event_type", "webhook_url_unusable"),
    example={"types": ["loan.*"], "body": "full"},
    etag=True,
)
async def update_webhook(
    webhook_id: FromPath[UUID],
    data: JSONBody[WebhookPatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    webhook_making: Supplied[WebhookMaking],
    if_match: Supplied[Expected],
) -> Answer[Webhook]:
    """Change a webhook's name or address, which events it is sent, and how much of them.

    What waits goes to the new address, signed with the same secret.
    """
    return _answer(await commands.update_webhook(write, caller, webhook_making, webhook_id, data, if_match))


@operation("delete", "/webhooks/{webhook_id:uuid}", permission=Action.WEBHOOKS_MANAGE)
async def delete_webhook(
    webhook_id: FromPath[UUID], write: Supplied[Write], caller: Supplied[Caller], if_match: Supplied[Expected]
) -> Answer[None]:
    """Delete a webhook with its secrets and the log of its deliveries.

    That it was deleted is on record, and deleting it again changes nothing.
    """
    await commands.delete_webhook(write, caller, webhook_id, if_match)
    return Answer(None)


@operation(
    "post",
    "/webhooks/{webhook_id:uuid}/rotate",
    permission=Action.WEBHOOKS_MANAGE,
    status=200,
    problems=("overlap_out_of_range", "webhooks_off", "wrong_status"),
    example=WEBHOOK_ROTATION_EXAMPLE,
    etag=True,
)
async def rotate_webhook(
    webhook_id: FromPath[UUID],
    data: JSONBody[WebhookRotation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    webhook_making: Supplied[WebhookMaking],
    if_match: Supplied[Expected],
) -> Answer[Webhook]:
    """Give a webhook a new secret; until `keep_until` each message is signed with the present one, too."""
    made = await commands.rotate_webhook(write, caller, webhook_making, webhook_id, data, if_match)
    return _answer(made).with_secret(secret=None)


@operation(
    "post",
    "/webhooks/{webhook_id:uuid}/enable",
    permission=Action.WEBHOOKS_MANAGE,
    status=200,
    problems=("wrong_status",),
    etag=True,
)
async def enable_webhook(
    webhook_id: FromPath[UUID], write: Supplied[Write], caller: Supplied[Caller], if_match: Supplied[Expected]
) -> Answer[Webhook]:
    """Have events sent again, from now on.

    What came meanwhile is not sent: one message, `webhook.missed`, says how many events of which types those were, and
    the feed of events has them.
    """
    return _answer(await commands.enable_webhook(write, caller, webhook_id, if_match))


@operation(
    "post",
    "/webhooks/{webhook_id:uuid}/disable",
    permission=Action.WEBHOOKS_MANAGE,
    status=200,
    problems=("wrong_status",),
    etag=True,
)
async def disable_webhook(
    webhook_id: FromPath[UUID], write: Supplied[Write], caller: Supplied[Caller], if_match: Supplied[Expected]
) -> Answer[Webhook]:
    """Have nothing sent until the webhook is enabled again. What waits is counted as missed."""
    return _answer(await commands.disable_webhook(write, caller, webhook_id, if_match))


@operation(
    "post",
    "/webhooks/{webhook_id:uuid}/test",
    permission=Action.WEBHOOKS_MANAGE,
    problems=("webhooks_off",),
    etag=True,
)
async def test_webhook(
    webhook_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    webhook_making: Supplied[WebhookMaking],
) -> Answer[WebhookDelivery]:
    """Have a message sent that tells of nothing, `webhook.test`, also while the webhook is disabled.

    It is tried once, within seconds. Read the delivery to see what came of it.
    """
    made = await commands.test_webhook(write, caller, webhook_making, webhook_id)
    return _delivery(made, created=True)


@operation(
    "get",
    "/webhooks/{webhook_id:uuid}/deliveries",
    permission=Action.WEBHOOKS_READ,
    query=WebhookDeliveryQuery,
)
async def list_webhook_deliveries(
    webhook_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[WebhookDeliveryQuery],
    caller: Supplied[Caller],
) -> Answer[WebhookDeliveryPage]:
    """List what was sent to a webhook in the last thirty days, and what waits to be sent."""
    return Answer(await queries.list_deliveries(read, caller, webhook_id, filters))


@operation(
    "get", "/webhooks/{webhook_id:uuid}/deliveries/{delivery_id:uuid}", permission=Action.WEBHOOKS_READ, etag=True
)
async def get_webhook_delivery(
    webhook_id: FromPath[UUID], delivery_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[WebhookDelivery]:
    """Read one delivery, and what came of its last try. Nothing that the receiver said is kept but its status."""
    return _delivery(await queries.get_delivery(read, caller, webhook_id, delivery_id))


@operation(
    "post",
    "/webhooks/{webhook_id:uuid}/deliveries/{delivery_id:uuid}/redeliver",
    permission=Action.WEBHOOKS_MANAGE,
    status=200,
    problems=("wrong_status",),
    etag=True,
)
async def redeliver_webhook_delivery(
    webhook_id: FromPath[UUID],
    delivery_id: FromPath[UUID],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[WebhookDelivery]:
    """Have a message sent again that was delivered, given up or missed, under the same `webhook-id`."""
    return _delivery(await commands.redeliver(write, caller, webhook_id, delivery_id, if_match))


router = Router(
    path="/v1",
    route_handlers=[
        list_webhooks,
        create_webhook,
        get_webhook,
        update_webhook,
        delete_webhook,
        rotate_webhook,
        enable_webhook,
        disable_webhook,
        test_webhook,
        list_webhook_deliveries,
        get_webhook_delivery,
        redeliver_webhook_delivery,
    ],
)
