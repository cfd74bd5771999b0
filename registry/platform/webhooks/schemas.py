"""Webhooks and their deliveries in the API."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.platform.http.paging import SORT, Page
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.text import Name
from registry.platform.kernel.time import Instant
from registry.platform.webhooks.rules import BodyKind, DeliveryKind, DeliveryStatus, DisabledBecause, WebhookStatus

WebhookUrl = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=500,
        pattern=r"\A[!-~]+\Z",
        extra={"form": "1 to 500 visible ASCII characters without blanks"},
        examples=["https://dispatch.county.example/hooks/registry"],
    ),
]
TypePattern = Annotated[
    str,
    Meta(
        max_length=60,
        pattern=r"\A(\*|[a-z_]+\.(\*|[a-z_]+))\Z",
        extra={"form": "a type such as `loan.returned`, all of a thing such as `loan.*`, or `*`"},
        examples=["loan.*"],
    ),
]
TypePatterns = Annotated[list[TypePattern], Meta(min_length=1, max_length=40)]


class WebhookSecret(Struct, kw_only=True, frozen=True):
    """When a secret that signs deliveries was made, and when it signs no longer. The secret itself is never shown."""

    id: UUID
    created_at: Instant
    expires_at: Annotated[Instant | None, Meta(description="When it signs no longer; null until another is made.")]


class Webhook(Struct, kw_only=True, frozen=True):
    """Where an agency has events sent as they are sealed in the ledger."""

    id: UUID
    agency_id: UUID
    name: str
    url: str
    types: list[str]
    body: BodyKind
    status: WebhookStatus
    disabled_at: Annotated[Instant | None, Meta(description="Since when nothing is sent; null while it is enabled.")]
    disabled_because: DisabledBecause | None
    failures: Annotated[int, Meta(description="Tries in a row that failed; 0 once one arrives.")]
    failing_from: Annotated[
        Instant | None,
        Meta(description="Since when nothing arrives. After five days the webhook is disabled. Null while it does."),
    ]
    quiet_until: Annotated[
        Instant | None, Meta(description="Nothing is tried before then, since the last tries failed; else null.")
    ]
    waiting: Annotated[int, Meta(description="Deliveries that wait to be sent, or to be tried again.")]
    last_delivered_at: Annotated[
        Instant | None, Meta(description="When a delivery last arrived, within thirty days; null for none.")
    ]
    secret: Annotated[
        str | None,
        Meta(description="The new secret, in the first answer alone (`whsec_…`). Null everywhere else."),
    ] = None
    secrets: Annotated[list[WebhookSecret], Meta(description="Those that sign, newest first.")]
    allowed_actions: list[AllowedAction]
    created_at: Instant
    updated_at: Instant
    version: int


class WebhookPage(Struct, kw_only=True, frozen=True):
    """A page of webhooks."""

    items: list[Webhook]
    next_cursor: str | None


class NewWebhook(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where your agency wants events sent."""

    name: Annotated[Name, Meta(description="By which people recognise it.")]
    url: Annotated[WebhookUrl, Meta(description="An https address of the public internet, which takes a POST.")]
    types: Annotated[TypePatterns, Meta(description="Which events: any of these.")]
    body: BodyKind = BodyKind.THIN


class WebhookPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What changes of a webhook."""

    name: Annotated[Name | UnsetType, Meta(description="By which people recognise it.")] = UNSET
    url: Annotated[
        WebhookUrl | UnsetType,
        Meta(description="An https address of the public internet. What waits is sent there, too."),
    ] = UNSET
    types: Annotated[TypePatterns | UnsetType, Meta(description="Which events from now on.")] = UNSET
    body: BodyKind | UnsetType = UNSET


class WebhookRotation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A new secret in the place of the present one."""

    keep_until: Annotated[
        Instant | None,
        Meta(description="Until when the present one signs too, 30 days at most; null for no longer."),
    ] = None


class WebhookDelivery(Struct, kw_only=True, frozen=True):
    """One message to one webhook: what it tells of, and what became of it."""

    id: UUID
    webhook_id: UUID
    kind: DeliveryKind
    type: Annotated[str, Meta(description="The CloudEvents `type` of the message: that of the event.")]
    event_id: Annotated[UUID | None, Meta(description="The event of the ledger; null for others.")]
    message_id: Annotated[UUID, Meta(description="What `webhook-id` says: the same at every try.")]
    status: DeliveryStatus
    attempts: Annotated[int, Meta(description="How often it was tried since it was last put to be sent.")]
    next_try_at: Annotated[Instant | None, Meta(description="When it is tried next; null for what does not wait.")]
    last_tried_at: Annotated[Instant | None, Meta(description="When it was last tried; null for never.")]
    ended_at: Annotated[Instant | None, Meta(description="When it stood so for good; null while it waits.")]
    http_status: Annotated[int | None, Meta(description="The status of the last answer; null for none.")]
    error: Annotated[str | None, Meta(description="Why the last try failed; null where it did not.")]
    took_ms: Annotated[int | None, Meta(description="How many milliseconds the last try took; null for none.")]
    allowed_actions: list[AllowedAction]
    version: int
    created_at: Instant


class WebhookDeliveryPage(Struct, kw_only=True, frozen=True):
    """A page of deliveries."""

    items: list[WebhookDelivery]
    next_cursor: str | None


class WebhookDeliveryQuery(Page, kw_only=True, frozen=True):
    """The requested page of a webhook's deliveries."""

    status: Annotated[tuple[DeliveryStatus, ...], Meta(max_length=10, description="Any of these; all without it.")] = ()
    type: Annotated[tuple[TypePattern, ...], Meta(max_length=40, description="Exactly one of these types.")] = ()
    event_id: Annotated[UUID | None, Meta(description="Of that event.")] = None
    sort: Annotated[Literal["-created_at", "created_at"], SORT] = "-created_at"


WEBHOOK_EXAMPLE = {
    "name": "Dispatch centre (demo)",
    "url": "https://dispatch.county.example/hooks/registry",
    "types": ["loan.*", "request.submitted"],
}
WEBHOOK_ROTATION_EXAMPLE = {"keep_until": "2026-12-01T12:00:00Z"}
