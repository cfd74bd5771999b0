"""What is sent to the stream: thin CloudEvents of what people of any agency, in any of its roles, may hear of."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from registry.platform.access.principals import REGISTRY, Principal, Role
from registry.platform.ledger.feed import FeedReader, Told, reader_for
from registry.platform.ledger.schemas import Subject
from registry.platform.webhooks.messages import CloudEvent

CONTENT_TYPE: Final = "application/cloudevents+json"
_NO_AGENCY: Final = UUID(int=2**128 - 1)
"""The id of no agency: what concerns certain agencies concerns nobody who reads the stream."""
_ROLES: Final = (Role.COORDINATOR, Role.APPROVER, Role.LEGAL, Role.AUDITOR, Role.AGENCY_ADMIN)


class StreamedEvent(Struct, kw_only=True, frozen=True):
    """That something happened to a thing; the thing itself says what it is now, to those who may read it."""

    subject: Subject
    n: int
    agreement_id: UUID | None
    actor_agency_id: UUID | None
    occurred_at: datetime
    outcome: str


def reader_of_stream() -> FeedReader:
    """As whom the stream hears of events: of things that every role of an agency reads, and without their `data`.

    Nobody knows who reads the stream. So it is told what everybody is told, and nothing else.
    """
    readers = [reader_for(_in_role(role)) for role in _ROLES]
    kinds = frozenset.intersection(*(each.kinds for each in readers))
    return replace(readers[0], kinds=kinds, auditor=False, administrator=False, whole=False)


def _in_role(role: Role) -> Principal:
    return Principal(
        subject="fan_out",
        agency_id=_NO_AGENCY,
        roles=frozenset({role}),
        scopes=frozenset({"*"}),
        token_id="fan_out",  # noqa: S106  # there is no token
        issuer=REGISTRY.issuer,
    )


def message_of(told: Told, public_url: str) -> bytes:
    """The event as it is sent."""
    event = CloudEvent(
        specversion="1.0",
        id=told.id,
        source=f"{public_url}/v1/events",
        type=told.type,
        subject=f"{told.subject_kind}/{told.subject_id}",
        time=told.recorded_at,
        datacontenttype="application/json",
        data=StreamedEvent(
            subject=Subject(kind=told.subject_kind, id=told.subject_id, version=told.subject_version),
            n=told.n,
            agreement_id=told.agreement_id,
            actor_agency_id=told.actor_agency_id,
            occurred_at=told.occurred_at,
            outcome=told.outcome,
        ),
    )
    return msgspec.json.encode(event)
