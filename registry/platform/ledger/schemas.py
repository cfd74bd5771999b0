"""Ledger events in the API, which are the same as stored."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.platform.http.paging import SORT, Page
from registry.platform.kernel.time import Instant
from registry.platform.ledger.event_types import EventType, Meant, of


class Subject(Struct, kw_only=True, frozen=True):
    """What the event is about: one version of one thing."""

    kind: Annotated[str, Meta(max_length=40, examples=["loan"])]
    id: UUID
    version: Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Actor(Struct, kw_only=True, frozen=True):
    """The agency for which it was done, and the actor's roles; empty for what nobody requested."""

    agency_id: UUID | None
    roles: list[str]


class PrivatePart(Struct, kw_only=True, frozen=True):
    """Who did it, as the token said at the time, and from which address."""

    salt: Annotated[str, Meta(description="Random, so that the hash reveals nothing of the rest.")]
    issuer: str
    subject: str
    token_id: str | None
    source_address: str | None
    acr: Annotated[
        list[str] | UnsetType, Meta(description="The way of the sign-in; absent if the token did not say.")
    ] = UNSET
    amr: Annotated[list[str] | UnsetType, Meta(description="Its means; absent if the token did not say.")] = UNSET
    auth_time: Annotated[
        datetime | UnsetType, Meta(description="When the person signed in; absent if the token did not say.")
    ] = UNSET


class PublicPart(Struct, kw_only=True, frozen=True):
    """What everybody concerned by an event may read: the document whose canonical JSON is in the ledger."""

    id: UUID
    type: Annotated[EventType, Meta(description="Which of the listed types it is: `loan.returned`.")]
    subject: Subject
    n: Annotated[int, Meta(ge=0, description="Tells apart several events about the same version, in order.")]
    agreement_id: UUID | None
    audience: Annotated[Literal["agencies", "network", "public"], Meta(description="Who may read it.")]
    restricted: Annotated[bool, Meta(description="Only for the auditors of the agencies in `agency_ids`.")]
    agency_ids: Annotated[list[UUID], Meta(description="The agencies it concerns.")]
    actor: Actor
    occurred_at: Annotated[datetime, Meta(tz=True, description="When it was done, as stated by the actor.")]
    recorded_at: Annotated[datetime, Meta(tz=True, description="When the registry recorded it.")]
    trace_id: str
    outcome: Literal["done", "denied", "failed"]
    data: Annotated[
        dict[str, Any],
        Meta(description='What changed; for edits each field as `{"from": …, "to": …}`. Holds no person\'s name.'),
    ]
    private_sha256: Annotated[
        str,
        Meta(pattern=r"\A[0-9a-f]{64}\Z", description="SHA-256 of the private part's canonical JSON (RFC 8785)."),
    ]


class LedgerEvent(PublicPart, kw_only=True, frozen=True):
    """One immutable fact about what happened.

    Without the member `private`, its canonical JSON (RFC 8785) is what the ledger holds.
    """

    private: Annotated[
        PrivatePart | None,
        Meta(description="For auditors and administrators of the agency that acted; null for all others."),
    ]


class HistoryQuery(Page, kw_only=True, frozen=True):
    """The requested page of a history and its direction. It is ordered by the thing's versions, never by a clock.

    A history of several things, as of a request with its loans, is in the order in which its events were recorded.
    """

    sort: Annotated[Literal["-version", "version"], SORT] = "-version"


class AuditedType(Meant):
    """What an auditor looks through."""

    SIGN_IN_REFUSED = of(EventType.ACCESS_SIGN_IN_REFUSED)
    DENIED = of(EventType.ACCESS_DENIED)
    RESTRICTED_TEXT_READ = of(EventType.AGREEMENT_RESTRICTED_TEXT_READ)
    QUESTION_ASKED = of(EventType.POLICY_QUESTION_ASKED)
    NAME_READ = of(EventType.PERSONNEL_NAME_READ)
    FILE_EXPORTED = of(EventType.AGREEMENT_FILE_EXPORTED)
    ASSETS_EXPORTED = of(EventType.ASSET_EXPORTED)
    LOANS_EXPORTED = of(EventType.LOAN_EXPORTED)
    PAST_LOANS_EXPORTED = of(EventType.PAST_LOAN_EXPORTED)
    REQUESTS_EXPORTED = of(EventType.REQUEST_EXPORTED)


class AuditQuery(Page, kw_only=True, frozen=True):
    """The requested page of audited events: filters and order."""

    type: Annotated[tuple[AuditedType, ...], Meta(max_length=10, description="Any of these; all without it.")] = ()
    recorded_from: Annotated[Instant | None, Meta(description="Recorded then or later.")] = None
    recorded_to: Annotated[Instant | None, Meta(description="Recorded before.")] = None
    sort: Annotated[Literal["-created_at", "created_at"], SORT] = "-created_at"
