"""What two agencies have in force between them on the wire, and how partners are reached."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.receipt import AwaitedNotice, DisputedNotice
from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.schemas.shown import PendingReports, TermsWithheld
from registry.agreements.instruments.terms import Terms
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.time import Instant


class AgreementInForce(Struct, kw_only=True, frozen=True):
    """An agreement that binds both agencies at the instant asked about."""

    agreement_id: UUID
    number: str
    title: str
    kind: AgreementKind
    version_no: int
    assists: Annotated[bool, Meta(description="Whether, by its directions, the assisting agency helps the other.")]
    covers_until: Annotated[
        Instant | None,
        Meta(
            description="When the first of the two stops being bound; null is never, or not known yet where one of "
            "them gave a notice whose receipt is awaited (`awaiting_receipt`). Others than the parties are told "
            "what the text says that they read, or a suspension, a departure or an end before it, and null once that "
            "has run out."
        ),
    ]
    pending_report_ids: PendingReports
    contested_report_ids: Annotated[
        list[UUID],
        Meta(
            description="Reported acts that their party contests, a notice above all: they have no effect until both "
            "sides agree, and what is shown is how it is without them. Each is among the agreement's `reported_acts`; "
            "for the parties. Of a receipt that is contested `awaiting_receipt` tells."
        ),
    ]
    awaiting_receipt: Annotated[
        list[AwaitedNotice],
        Meta(
            description="Notices of the two that count from their receipt, while one is awaited: of whom, and whether "
            "that one contests it. Until then they do not run out, and the end is not known; for the parties."
        ),
    ]
    disputed_receipts: Annotated[
        list[DisputedNotice],
        Meta(
            description="Notices of the two that count from their receipt, of whose day who gave one and who received "
            "it say different things. `covers_until` is by the later day as long as they do not agree; for the parties."
        ),
    ]
    entered_later_at: Annotated[
        Instant | None,
        Meta(
            description="Of an instant before one of the two entered its hand to that version: when the last of them "
            "did. It counts from the beginning of the day that it bears, which in law counts whole, or to which the "
            "others agreed; at the instant asked about nobody could have gone by it, and no decision did. Null else; "
            "for the parties."
        ),
    ]
    terms: Annotated[Terms | None, Meta(description="For the parties only, and of a text that they may read.")]
    terms_withheld: TermsWithheld


class AgreementInForceList(Struct, kw_only=True, frozen=True):
    """The agreements in force between two agencies; all of them, never a page."""

    items: list[AgreementInForce]


class AgencyContact(Struct, kw_only=True, frozen=True):
    """How to reach an agency at any hour; for itself, its partners in force and the administrator."""

    agency: AgencyReference
    phone: str | None
    email: str | None
