"""What is asked about agreements: filters and instants."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.rules import AgreementKind, Stage
from registry.agreements.schemas.words import AgreementStatus, Part
from registry.http.paging import Page
from registry.kernel.text import Code
from registry.kernel.time import Instant


class AgreementQuery(Page, kw_only=True, frozen=True):
    """Filters of the agreement list."""

    q: Part | None = None
    stage: Stage | None = None
    status: AgreementStatus | None = None
    kind: AgreementKind | None = None
    party: UUID | None = None
    category: Annotated[Code, Meta(description="Agreements that cover it, by it or one above.")] | None = None
    as_of: Annotated[Instant, Meta(description="For `status`; now if absent.")] | None = None


class AsOf(Struct, kw_only=True, frozen=True):
    """The instant that an answer is about."""

    as_of: Annotated[Instant, Meta(description="Valid time, with today's knowledge; now if absent.")] | None = None


class InForceQuery(Struct, kw_only=True, frozen=True):
    """Between whom, when, and for what."""

    requesting_agency_id: UUID
    assisting_agency_id: UUID
    at: Annotated[Instant, Meta(description="Now if absent.")] | None = None
    category: Annotated[Code, Meta(description="Only agreements that cover it.")] | None = None
