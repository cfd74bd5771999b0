"""Of a notice whose period counts from receipt: to whom it goes, who has received it, and from which day it counts.

A party leaves an agreement and not a text, on one day for all: so the day counts on which the last of those received
the notice to whom it goes. What each received is its own word, or what it did not contest. Pure.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from registry.agreements.instruments.consent import Reliance, relied_in_words
from registry.agreements.instruments.notice import Notice, read_notice
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.time import CivilDate


class BindingText(NamedTuple):
    """A text by which a party gives notice, as its row, and the other parties to which it binds it."""

    text: Any
    towards: frozenset[UUID]


class NoticeReceipt(Struct, kw_only=True, frozen=True):
    """That a party received a notice on a day, as it is written down; None while that is awaited.

    `recorded_at`: when the party itself said so; None where it is known by a report. `counts_on`: the day from which it
    counts, where that is a later one: to the others it was no news before, and they have not agreed to its day.
    `known_at`: when a report of it took effect, where others stood by; the notice runs out no sooner.
    """

    agency_id: UUID
    received_on: date | None
    recorded_at: datetime | None = None
    counts_on: date | None = None
    known_at: datetime | None = None


class ToldReceipt(Struct, kw_only=True, frozen=True):
    """Since when others than the two know that a notice came; `effect_at`: when a report of it took effect."""

    at: datetime
    effect_at: datetime | None = None


ReceiptStatus = Literal["awaited", "reported", "contested", "disputed", "received"]


class SaidReceipt(NamedTuple):
    """What who gave a notice reported of its receipt, of which day, and what has had no effect."""

    report_id: UUID
    agency_id: UUID
    received_on: date
    contested: bool


class ShownReceipt(Struct, kw_only=True, frozen=True):
    """When one of those to whom a notice goes received it."""

    agency: Annotated[AgencyReference, Meta(description="The party to which it goes.")]
    received_on: Annotated[
        CivilDate | None,
        Meta(
            description="The day on which it received it, by its own word or by what it did not contest; null while "
            "that is awaited, and the notice does not run out."
        ),
    ]
    status: Annotated[
        ReceiptStatus,
        Meta(
            description="`reported`: who gave the notice says that it came, which has no effect so far. `contested`: "
            "the party to which it goes denies that, or its day: until when who gave it is bound is in dispute. "
            "`disputed`: that party has said on which day it came, and who gave the notice says that it came before "
            "that: the notice counts from the later day as long as they do not agree."
        ),
    ]
    report_ids: Annotated[
        list[UUID],
        Meta(description="What was reported of it and has had no effect, oldest first, by its id in `reported_acts`."),
    ]
    reported_on: Annotated[
        list[CivilDate],
        Meta(
            description="The days on which it came by these reports, in their order: the word of who gave the notice."
        ),
    ]


class AwaitedNotice(Struct, kw_only=True, frozen=True):
    """A notice that does not run out yet, since a receipt of it is awaited: when the party leaves is not known."""

    agency: Annotated[AgencyReference, Meta(description="The party that gave it.")]
    notice_on: Annotated[CivilDate, Meta(description="The day that it bears.")]
    receipts: Annotated[list[ShownReceipt], Meta(description="Those that are awaited, and of whom.")]


class DisputedNotice(Struct, kw_only=True, frozen=True):
    """A notice of which one says on which day it received it, and who gave it says that it came before that.

    It runs out by the word of the party that received it: nobody is left sooner by another's word.
    """

    agency: Annotated[AgencyReference, Meta(description="The party that gave it.")]
    notice_on: Annotated[CivilDate, Meta(description="The day that it bears.")]
    receipts: Annotated[list[ShownReceipt], Meta(description="Those that are disputed, with both words.")]


class OpenReceipts(NamedTuple):
    """Of one agreement the notices of which a receipt is awaited, and those of which one is disputed."""

    awaiting: list[AwaitedNotice]
    disputed: list[DisputedNotice]


class Receipts(Struct, kw_only=True, frozen=True):
    """Who has received a notice, and from which day that counts; and who of the others has left, and when.

    `known_at`: when it was on record that it came, of those of whom that bars an earlier end.
    """

    received: Mapping[UUID, date]
    left: Mapping[UUID, datetime]
    known_at: Mapping[UUID, datetime] = {}


NOTHING_RECEIVED = Receipts(received={}, left={})


class CountedOn(NamedTuple):
    """The day from which a notice counts; `not_before`: until when somebody was there who had not received it."""

    day: date
    not_before: datetime | None


_read = msgspec.json.Decoder(list[NoticeReceipt]).decode


def read_receipts(kept: msgspec.Raw | None) -> list[NoticeReceipt]:
    """As they were written down."""
    return [] if kept is None else _read(kept)


def kept_receipts(receipts: Iterable[NoticeReceipt]) -> list[dict[str, object]] | None:
    """As they are written down, in one order; None for none."""
    found: list[dict[str, object]] = msgspec.to_builtins(sorted(receipts, key=lambda each: each.agency_id))
    return found or None


def shown_receipts(
    kept: msgspec.Raw | None, names: Mapping[UUID, str], reports: Sequence[SaidReceipt]
) -> list[ShownReceipt]:
    """As they are shown; `names` of the agencies that were party to it, `reports` of this notice."""
    return [
        _shown(each, names, [its for its in reports if its.agency_id == each.agency_id]) for each in read_receipts(kept)
    ]


def _shown(receipt: NoticeReceipt, names: Mapping[UUID, str], reports: Sequence[SaidReceipt]) -> ShownReceipt:
    status: ReceiptStatus = "received"
    if receipt.received_on is None:
        status = "contested" if any(each.contested for each in reports) else "reported" if reports else "awaited"
    elif receipt.recorded_at is not None and reports:
        status = "disputed"
    return ShownReceipt(
        agency=AgencyReference(id=receipt.agency_id, name=names[receipt.agency_id]),
        received_on=receipt.received_on,
        status=status,
        report_ids=[] if status == "received" else [each.report_id for each in reports],
        reported_on=[] if status == "received" else [each.received_on for each in reports],
    )


def goes_to(notice: Notice, towards: Collection[UUID]) -> frozenset[UUID]:
    """To which of the parties a notice goes: those whose offices the text names, else each."""
    return frozenset(each.agency_id for each in notice.addressees if each.agency_id in towards) or frozenset(towards)


def counted_on(notice: Notice, towards: Collection[UUID], given_on: date, receipts: Receipts) -> CountedOn | None:
    """From which day the notice counts towards these parties; None while a receipt is awaited.

    Where it goes to some of them alone, the others have said nothing: to them it counts no sooner than it was given.
    Who has left without having received it is waited for no longer, and was owed the agreement until then.
    """
    to = goes_to(notice, towards)
    if any(each not in receipts.received and each not in receipts.left for each in to):
        return None
    days = [receipts.received[each] for each in to if each in receipts.received]
    gone = [receipts.left[each] for each in to if each not in receipts.received]
    gone += [receipts.known_at[each] for each in to if each in receipts.known_at]
    last = max(days, default=given_on)
    return CountedOn(last if to == frozenset(towards) else max(given_on, last), max(gone, default=None))


def counts_by_receipt(bound_by: Sequence[BindingText]) -> bool:
    """Whether a notice that is given by these texts counts from receipt by one of them."""
    return any(read_notice(each.text.notice).by_receipt for each in bound_by)


def recipients(bound_by: Sequence[BindingText]) -> frozenset[UUID]:
    """To whom a notice goes by those of the texts by which it counts from receipt."""
    by = ((read_notice(each.text.notice), each.towards) for each in bound_by)
    return frozenset(agency_id for notice, towards in by if notice.by_receipt for agency_id in goes_to(notice, towards))


def awaited(bound_by: Sequence[BindingText], receipts: Receipts) -> frozenset[UUID]:
    """Whose receipt a notice still waits for."""
    return recipients(bound_by) - receipts.received.keys() - receipts.left.keys()


def awaited_from(kept: msgspec.Raw | None) -> list[UUID]:
    """Whose receipt a notice waits for, as that is written down."""
    return [each.agency_id for each in read_receipts(kept) if each.received_on is None]


def no_receipt_awaited(waits_for: Collection[UUID], agency_id: UUID) -> str | None:
    """Why no receipt of that party's is recorded of a notice that waits for those."""
    if agency_id in waits_for:
        return None
    return (
        "No notice of that agency waits for this receipt: it gave none, its text does not count it from receipt, or "
        "the receipt is on record."
    )


def awaited_in_words(receipts: Iterable[ShownReceipt]) -> str:
    """Of whom a receipt is awaited, by whom it is contested, and of whom it is reported; empty where of nobody."""
    by: dict[ReceiptStatus, list[str]] = {}
    for each in receipts:
        by.setdefault(each.status, []).append(each.agency.name)
    said = {
        "awaited": "is awaited of {}",
        "reported": "is reported of {}, who has not said so",
        "contested": "is contested by {}",
    }
    return "; ".join(words.format(", ".join(by[status])) for status, words in said.items() if status in by)


def disputed_in_words(giver: str, receipts: Iterable[ShownReceipt]) -> str:
    """Which receipts are disputed, each with both words; empty where none is."""
    said = [
        f"{each.agency.name} says that it received it on {each.received_on}, {giver} that it came on "
        f"{' or on '.join(map(str, each.reported_on))}"
        for each in receipts
        if each.status == "disputed"
    ]
    return "; ".join(said)


def own_receipt(kept: msgspec.Raw | None, agency_id: UUID) -> NoticeReceipt | None:
    """What the party itself said of when it received a notice; None where it did not."""
    own = (each for each in read_receipts(kept) if each.agency_id == agency_id and each.recorded_at is not None)
    return next(own, None)


def dispute_barred(
    recipient_id: UUID, own: NoticeReceipt | None, leaves_at: datetime | None, now: datetime
) -> str | None:
    """Why who gave a notice cannot contest the day on which another said to have received it.

    `own`: what that party said itself; `leaves_at`: when the notice has run out.
    """
    if own is None:
        return no_receipt_awaited((), recipient_id)
    if leaves_at is not None and leaves_at <= now:
        return "That notice has run out, and the day on which it was received stands."
    return None


MOST_DAYS_ASKED: Final = 10
"""How many days of one receipt a party puts to the others, each in the place of the one before."""


def correction_barred(
    own: NoticeReceipt | None,
    leaves_at: datetime | None,
    now: datetime,
    relied: Sequence[Reliance] = (),
    *,
    agreed: bool = False,
    asked: int = 0,
) -> str | None:
    """Why a party cannot correct the day on which it said to have received a notice.

    `leaves_at`: when that has run out; `relied`: what others did since the day was recorded; `agreed`: whether the
    party itself agreed to the day of another's receipt, and so to when the notice runs out; `asked`: how many days of
    its it has put to the others before, and then corrected.
    """
    if own is None:
        return (
            "Your agency recorded no receipt of a notice of that agency. A day that was reported, and that it "
            "confirmed or did not contest, stands: who gave the notice goes by it."
        )
    if leaves_at is not None and leaves_at <= now:
        return "That notice has run out, and the day on which it was received stands."
    if agreed:
        return (
            "Your agency has agreed to the day on which another party received that notice, and with it to when the "
            "notice runs out: of its own day it moves that no more. To be bound otherwise, conclude an amendment or a "
            "new agreement."
        )
    if relied:
        return (
            f"Others have gone by that day since it was recorded: {relied_in_words(relied)}. So it is not corrected "
            "alone, and stands. To be bound otherwise, conclude an amendment or a new agreement."
        )
    if asked >= MOST_DAYS_ASKED:
        return (
            f"Your agency has put {asked} days of that receipt to the others, one after the other, and corrected each: "
            "the last one stands. Who gave the notice may report another, for your agency to confirm."
        )
    return None
