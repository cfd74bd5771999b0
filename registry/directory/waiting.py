"""What waits for somebody: the entries of an inbox, their order, and what a room is asked for.

Each room has one function that answers `Asked` with its own entries; `sharing/inbox` lists these functions, and is
given those of the rooms above it, and merges what they say. It owns no rule of theirs. The order is one for all rooms:
each can answer for its part of a page.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import replace

from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.time import EARLIEST, LATEST, Instant


class InboxKind(StrEnum):
    """What an entry asks for."""

    RECALL = "recall"
    RETURN = "return"
    TAKE_BACK = "take_back"
    HAND_OVER = "handover"
    CANNOT_COME = "cannot_come"
    ASSET_CHANGED = "asset_changed"
    TEXT_CHANGED = "text_changed"
    RECEIPT = "receipt"
    MISSING = "missing"
    EXTENSION = "extension"
    APPROVAL = "approval"
    ANSWER = "answer"
    OFFER = "offer"
    OFFER_ANSWER = "offer_answer"
    SUBMISSION = "submission"
    HELP_LACKING = "help_lacking"
    OBLIGATION = "obligation"
    DEADLINE = "deadline"
    OPERATOR_ACT = "operator_act"
    AGREEMENT = "agreement"
    NO_SHOW = "no_show"
    CONTESTED_TIME = "contested_time"
    DAMAGE_FOUND = "damage_found"
    OVER_LIMIT = "over_limit"
    CLOSING = "closing"
    DAMAGE = "damage"
    WEBHOOK = "webhook"
    INVITATION = "invitation"
    CORRECTIVE_ACTION = "corrective_action"


Whose: TypeAlias = Literal["me", "agency", "partners"]
SubjectKind: TypeAlias = Literal[
    "loan",
    "request",
    "obligation",
    "agreement",
    "operator_act",
    "asset",
    "webhook",
    "engagement",
    "corrective_action",
]

AWAY_LATE: Final = 0
LATE: Final = 1
TO_COME: Final = 2
UNDATED: Final = 3
_FIRST, _LAST = UUID(int=0), UUID(int=2**128 - 1)

_LATE_RANK: Final = {InboxKind.RECALL: AWAY_LATE, InboxKind.RETURN: AWAY_LATE, InboxKind.TAKE_BACK: AWAY_LATE}


class InboxKey(Struct, kw_only=True, frozen=True, order=True):
    """The place of an entry in the order. What has no deadline stands in the order of its ids, oldest first."""

    rank: int
    due_at: datetime
    id: UUID
    kind: str

    def parts(self) -> tuple[int, datetime, UUID, str]:
        """The same as a cursor has it."""
        return self.rank, self.due_at, self.id, self.kind


class InboxSubject(Struct, kw_only=True, frozen=True):
    """The thing that an entry is about."""

    kind: Annotated[SubjectKind, Meta(description="What it is.")]
    id: UUID
    name: Annotated[str, Meta(description="What it is called: an asset, a request's summary, an agreement's number.")]
    path: Annotated[
        str, Meta(description="Where it is read.", examples=["/v1/loans/01980000-0000-7000-8000-00000000c001"])
    ]
    number: Annotated[str | None, Meta(description="An agreement's number; null for what has none.")] = None


class InboxAction(Struct, kw_only=True, frozen=True):
    """The operation that settles an entry, as the contract names it, and where it is asked for."""

    operation: Annotated[str, Meta(description="Its operation id.", examples=["return_loan"])]
    path: Annotated[str, Meta(description="Where it is asked for, by POST.")]
    decision_id: Annotated[
        UUID | None, Meta(description="Of `create_loan`: the decision that its body names. Null for any other.")
    ] = None


class InboxEntry(Struct, kw_only=True, frozen=True):
    """Something that waits for somebody."""

    id: Annotated[UUID, Meta(description="Of the entry, while it waits.")]
    kind: Annotated[InboxKind, Meta(description="What it asks for.")]
    subject: Annotated[InboxSubject, Meta(description="The thing that it is about.")]
    task: Annotated[str, Meta(description="What is to be done, in a sentence.")]
    late: Annotated[bool, Meta(description="Its deadline has come.")]
    due_at: Annotated[Instant | None, Meta(description="Until when; null where nothing says so.")]
    waiting_from: Annotated[Instant | None, Meta(description="Since when it waits; null where that is not recorded.")]
    partner: Annotated[AgencyReference | None, Meta(description="The agency on the other side, where there is one.")]
    escalated: Annotated[
        bool,
        Meta(
            description="It waits for others of your agency, so long after its deadline that you are told as its "
            "administrator."
        ),
    ] = False
    action: Annotated[
        InboxAction | None,
        Meta(
            description="The one operation that settles it, where you may ask for it now; null where others have to "
            "act, or where the subject says what stands in the way."
        ),
    ]
    instead: Annotated[
        InboxAction | None,
        Meta(
            description="The operation that answers no: it declines, rejects or refuses, with a reason. Null where "
            "there is none, and where you may not ask for it now."
        ),
    ] = None

    @property
    def key(self) -> InboxKey:
        """Its place in the order."""
        if self.due_at is None:
            return InboxKey(rank=UNDATED, due_at=EARLIEST, id=self.id, kind=self.kind)
        return InboxKey(rank=rank_of(self.kind, late=self.late), due_at=self.due_at, id=self.id, kind=self.kind)


class Asked(Struct, kw_only=True, frozen=True):
    """What a room is asked for: its first `limit` entries after `after`, by what was late at `as_of`.

    `policies` are those by which it is said what would be decided now.
    """

    principal: Any
    policies: Any
    as_of: datetime
    whose: Whose
    limit: int
    after: InboxKey | None = None

    def after_due(self, kind: InboxKind) -> tuple[datetime, UUID]:
        """The deadline and id behind which the entries of a kind begin that have deadlines."""
        if self.after is None or self.after.rank < (of_late := rank_of(kind, late=True)):
            return EARLIEST, _FIRST
        if self.after.rank in (of_late, TO_COME):
            # Of two entries with one deadline and one id the kind decides.
            same = (
                self.after.id if kind <= self.after.kind or self.after.id == _FIRST else UUID(int=self.after.id.int - 1)
            )
            return self.after.due_at, same
        return (self.as_of, _LAST) if self.after.rank < TO_COME else (LATEST, _LAST)

    def after_id(self, kind: InboxKind) -> UUID:
        """The id behind which the entries of a kind begin that have no deadline."""
        if self.after is None or self.after.rank < UNDATED or self.after.id == _FIRST:
            return _FIRST
        return self.after.id if kind <= self.after.kind else UUID(int=self.after.id.int - 1)


Source: TypeAlias = Callable[[Any, Asked], Awaitable[Sequence[InboxEntry]]]
"""What a room declares: given a database handle and what is asked, its entries."""


def rank_of(kind: InboxKind, *, late: bool) -> int:
    """What hurts more stands first: what is away and late, what is late, what is still to come."""
    return _LATE_RANK.get(kind, LATE) if late else TO_COME


ESCALATED_AFTER: Final = timedelta(days=3)
"""How long after its deadline an entry is shown to the agency's administrators, too."""


def overlooked(entries: Iterable[InboxEntry], as_of: datetime) -> list[InboxEntry]:
    """Those that nobody has acted upon for so long after their deadline that the administrators are told."""
    return [
        replace(entry, escalated=True)
        for entry in entries
        if entry.late and entry.due_at is not None and entry.due_at + ESCALATED_AFTER <= as_of
    ]


def merged(found: Iterable[Sequence[InboxEntry]], limit: int) -> list[InboxEntry]:
    """The first entries of all rooms."""
    return sorted((entry for each in found for entry in each), key=lambda entry: entry.key)[:limit]
