"""How a ledger event looks on the wire, which is how it is stored."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct


class Subject(Struct, kw_only=True, frozen=True):
    """What the event is about: one version of one thing."""

    kind: Annotated[str, Meta(max_length=40, examples=["loan"])]
    id: UUID
    version: Annotated[int, Meta(ge=0, le=2**53 - 1)]


class Actor(Struct, kw_only=True, frozen=True):
    """Who did it, as the token said at the time; `system` with a reason for what nobody asked for."""

    subject: str
    agency_id: UUID | None
    roles: list[str]
    token_id: str | None


class LedgerEvent(Struct, kw_only=True, frozen=True):
    """One immutable fact about what happened."""

    id: UUID
    type: Annotated[str, Meta(max_length=80, description="Past tense: `loan.returned`.", examples=["loan.returned"])]
    subject: Subject
    agreement_id: UUID | None
    agency_ids: Annotated[list[UUID], Meta(description="The agencies it concerns.")]
    actor: Actor
    occurred_at: Annotated[datetime, Meta(tz=True)]
    request_id: str
    source_address: str | None
    outcome: Literal["done", "denied", "failed"]
    sensitivity: Literal["public", "parties", "restricted"]
    data: Annotated[
        dict[str, Any],
        Meta(description='What changed; for edits each field as `{"from": …, "to": …}`. Holds no person\'s name.'),
    ]


class LedgerEventPage(Struct, kw_only=True, frozen=True):
    """Events, oldest first."""

    items: list[LedgerEvent]
    next_cursor: str | None
