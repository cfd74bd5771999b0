"""The notice that a party gives before it leaves: how long, to whom and how, as the text says it.

Where that is not entered nothing is assumed: no day can be computed then, and whoever asks for one is told so.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from registry.agreements.instruments.terms import ProvisionNumber
from registry.directory.agencies.schemas import Email
from registry.platform.kernel.errors import Fault, RuleBroken
from registry.platform.kernel.text import NAME_PATTERN, JobTitle
from registry.platform.kernel.time import FIRST_DAY, add_months, checked_day

NoticeDays = Annotated[
    Annotated[int, Meta(ge=0, le=3650)] | None, Meta(description="In days; null where the text counts in months.")
]
NoticeMonths = Annotated[
    Annotated[int, Meta(ge=1, le=120)] | None, Meta(description="In months; null where the text counts in days.")
]
NoticeManner = Literal["in_writing", "registered_mail", "courier", "email", "in_person"]
CountedFrom = Literal["giving", "receipt", "silent"]
# The shortest of the horizons at which agreements about to lapse are reported (30, 60, 90, 180 days), and
# about the cycle in which a governing body meets.
NOTICE_LEAD_DAYS = 30
_NEAR = 4
"""A corresponding day that a month lacks is at most three days before one that it has."""


class Period(Struct, kw_only=True, frozen=True):
    """A stretch of days or of months: one of the two."""

    days: int | None = None
    months: int | None = None

    def __str__(self) -> str:
        count, name = (self.days, "day") if self.months is None else (self.months, "month")
        return f"{count} {name}{'' if count == 1 else 's'}"

    def __bool__(self) -> bool:
        """Whether the text says anything."""
        return self.days is not None or self.months is not None

    def after(self, day: date) -> date:
        """The last day of the period that begins on the day after `day`.

        The first day is not counted and the last one is, as courts count days (for instance Federal Rule of Civil
        Procedure 6(a)(1)); months end on the corresponding day, or on the month's last where it has no such day.
        Have counsel review.
        """
        return day + timedelta(days=self.days or 0) if self.months is None else add_months(day, self.months)

    def before(self, day: date) -> date:
        """The latest day after which the period is over by the end of `day`."""
        if self.months is None:
            return day - timedelta(days=self.days or 0)
        first = add_months(day, -self.months)
        later = (first + timedelta(days=n) for n in range(_NEAR))
        return max(each for each in later if self.after(each) <= day)


class PartyNotice(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The notice that one party gives, where the text gives it a period of its own."""

    agency_id: UUID
    days: NoticeDays = None
    months: NoticeMonths = None
    clause: ProvisionNumber | None = None


class NoticeAddress(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where a notice to a party goes: an office, never a person."""

    agency_id: UUID
    office: JobTitle
    address: Annotated[
        Annotated[
            str,
            Meta(min_length=1, max_length=300, pattern=NAME_PATTERN, examples=["100 Example Street, Example City MN"]),
        ]
        | None,
        Meta(description="Where it is sent by post."),
    ] = None
    email: Email | None = None


class Notice(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The notice a party gives before it leaves. What is null or empty is not entered; nothing is assumed."""

    days: NoticeDays = None
    months: NoticeMonths = None
    by_party: Annotated[
        list[PartyNotice], Meta(max_length=1000, description="Parties with a period of their own.")
    ] = []
    counted_from: Annotated[
        CountedFrom,
        Meta(
            description="From what the period counts. `giving`: from the day of the notice. `receipt`: from the day on "
            "which the last of those received it to whom it goes (`addressees`, else each other party); until that is "
            "on record it does not run out. `silent`: not entered; then it counts as from `giving`."
        ),
    ] = "silent"
    manners: Annotated[
        list[NoticeManner],
        Meta(max_length=5, description="How it is given; any of them will do."),
    ] = []
    addressees: Annotated[list[NoticeAddress], Meta(max_length=1000, description="To whom, party by party.")] = []
    clause: Annotated[ProvisionNumber | None, Meta(description="The provision that says it.")] = None

    def of(self, agency_id: UUID) -> Period | None:
        """What that party gives; None where that is not entered."""
        own = next((each for each in self.by_party if each.agency_id == agency_id), None)
        return (None if own is None else _period(own)) or self.general

    def as_published(self, public: Collection[str]) -> "Notice | None":
        """What others than the parties are told: nothing unless each clause that says it is among the `public` ones.

        Where notices go is for the parties alone.
        """
        clauses = {self.clause, *(each.clause or self.clause for each in self.by_party)}
        return msgspec.structs.replace(self, addressees=[]) if clauses <= set(public) else None

    @property
    def by_receipt(self) -> bool:
        """Whether its period counts from receipt, and does not run before."""
        return self.counted_from == "receipt"

    def unreceived(self, what: str) -> str | None:
        """Why a notice has not run out as no receipt of `what` is recorded; None where it counts from giving."""
        if not self.by_receipt:
            return None
        where = "The text" if self.clause is None else f"Clause {self.clause}"
        return (
            f"{where} counts notice from its receipt, and no receipt of {what} is recorded here, so its notice would "
            "not run out."
        )

    @property
    def general(self) -> Period | None:
        """What every party gives that has no period of its own; None where that is not entered."""
        return _period(self)

    @property
    def periods(self) -> list[Period]:
        """Every period that the text gives."""
        return [period for period in (self.general, *map(_period, self.by_party)) if period is not None]


read_notice = msgspec.json.Decoder(Notice).decode
"""The notice as it is stored."""


def _period(said: Notice | PartyNotice) -> Period | None:
    return Period(days=said.days, months=said.months) or None


def needed_period(notice: Notice, agency_id: UUID, pointer: str) -> Period:
    """What the party gives. Raises RuleBroken where none is entered: a period made up would bind or free nobody."""
    period = notice.of(agency_id)
    if period is None:
        where = f"clause {notice.clause}" if notice.clause else "none of its clauses is named for it"
        raise RuleBroken.at(
            f"How long notice runs is not entered ({where}), and none is assumed: name the last day in "
            "leaves_on and have the others consent to it, end it for all by mutual consent, or amend the text; have "
            "counsel review.",
            "notice_silent",
            "no period is entered",
            pointer=pointer,
        )
    return period


def runs_out_on(given_on: date, period: Period) -> date:
    """The last day on which a party that gave notice is bound. Raises RuleBroken outside 1900–2200."""
    return checked_day(period.after(checked_day(given_on)))


def last_notice_day(expires_on: date, period: Period) -> date:
    """The last civil day on which notice still runs out by the end of `expires_on`.

    Counted as `in_force.withdrawal_ends_at` counts, so notice given on this day ends together with the agreement.
    """
    return period.before(expires_on)


class NoticeWindow(Struct, frozen=True):
    """The civil days of a notice window, both inclusive."""

    opens_on: date
    closes_on: date


def notice_window(expires_on: date, periods: Collection[Period]) -> NoticeWindow:
    """The days in which the parties have to decide whether a term goes on that ends with `expires_on`.

    It opens `NOTICE_LEAD_DAYS` before the earliest of their last notice days and closes with the latest: notice that is
    given after that keeps no term from being renewed. `periods`: what each party gives, of one at least.
    """
    last = [last_notice_day(expires_on, period) for period in periods]
    return NoticeWindow(max(min(last) - timedelta(days=NOTICE_LEAD_DAYS), FIRST_DAY), max(last))


def faulty(notice: Notice, parties: Collection[UUID], provision_numbers: Sequence[str]) -> Iterator[Fault]:
    """What cannot be meant, or names what is not there; pointers are relative to the notice."""
    said: list[tuple[str, Notice | PartyNotice]] = [("", notice)]
    said += [(f"/by_party/{index}", each) for index, each in enumerate(notice.by_party)]
    for place, each in said:
        if each.days is not None and each.months is not None:
            yield Fault(pointer=f"{place}/months", code="notice_twice", detail="Give the period in days or in months.")
        if each.clause is not None and provision_numbers and each.clause not in provision_numbers:
            detail = f"There is no provision {each.clause} in this version."
            yield Fault(pointer=f"{place}/clause", code="unknown_provision", detail=detail)
    lists: tuple[tuple[str, Sequence[PartyNotice | NoticeAddress]], ...] = (
        ("by_party", notice.by_party),
        ("addressees", notice.addressees),
    )
    for name, entries in lists:
        for index, entry in enumerate(entries):
            place = f"/{name}/{index}/agency_id"
            if entry.agency_id not in parties:
                yield Fault(pointer=place, code="not_a_party", detail="The agency is not a party to the agreement.")
            elif entry.agency_id in [before.agency_id for before in entries[:index]]:
                yield Fault(pointer=place, code="listed_twice", detail="The agency is listed already.")
