"""What is asked about agreements: filters and instants."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.rules import AgreementKind, ShownStage
from registry.agreements.instruments.schemas.words import AgreementStatus
from registry.platform.http.paging import SORT, Changing, ChangingSort, Ids
from registry.platform.http.searching import Part
from registry.platform.kernel.text import Code
from registry.platform.kernel.time import CivilDate, Instant


class AgreementQuery(Changing, kw_only=True, frozen=True):
    """Filters of the agreement list."""

    sort: Annotated[Literal[ChangingSort, "title", "-title", "ends_on", "-ends_on"], SORT] = "-created_at"
    q: Annotated[Part | None, Meta(description="Part of the number or title.")] = None
    stage: Annotated[tuple[ShownStage, ...], Meta(description="Any of these.")] = ()
    status: Annotated[tuple[AgreementStatus, ...], Meta(description="Any of these, at `as_of`.")] = ()
    kind: Annotated[tuple[AgreementKind, ...], Meta(description="Any of these.")] = ()
    waiting_for_me: Annotated[
        bool, Meta(description="Only those in which a reported act or a proposal waits for your agency's answer.")
    ] = False
    bound: Annotated[bool, Meta(description="Only those that bind your agency to another at `as_of`.")] = False
    party_id: UUID | None = None
    partner_id: Annotated[UUID | None, Meta(description="Agreements to which it and your agency are parties.")] = None
    category: Annotated[Code, Meta(description="Agreements that cover it, by it or one above.")] | None = None
    effective_from: Annotated[CivilDate | None, Meta(description="Effective on that day or later.")] = None
    effective_to: Annotated[CivilDate | None, Meta(description="Effective on that day or earlier.")] = None
    ends_from: Annotated[CivilDate | None, Meta(description="Whose `ends_on` is that day or later.")] = None
    ends_to: Annotated[CivilDate | None, Meta(description="Whose `ends_on` is that day or earlier.")] = None
    ids: Ids = ()
    as_of: (
        Annotated[
            Instant,
            Meta(
                description="For `status` and the text that is shown; now if absent. Of a day to come nothing "
                "counts that others only reported: what has not taken effect by now; and others than the parties are "
                "told what follows from public days, and else what is so now."
            ),
        ]
        | None
    ) = None


class AsOf(Struct, kw_only=True, frozen=True):
    """The instant that an answer is about."""

    as_of: Annotated[Instant, Meta(description="Valid time, with today's knowledge; now if absent.")] | None = None


class InForceQuery(Struct, kw_only=True, frozen=True):
    """Between whom, when, and for what."""

    requesting_agency_id: UUID
    assisting_agency_id: UUID
    as_of: Annotated[Instant, Meta(description="Now if absent.")] | None = None
    category: Annotated[Code, Meta(description="Only agreements that cover it.")] | None = None
