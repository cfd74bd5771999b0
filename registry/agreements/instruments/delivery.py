"""How a notice was given: in which manner, to whom and when, beside what the text asks for. Pure.

Where it differs nobody decides here whether the notice is good: it counts as it was recorded, and that is remarked.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from registry.agreements.instruments.notice import Notice, NoticeManner
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import Fault, RuleBroken
from registry.platform.kernel.text import JobTitle, folded_key
from registry.platform.kernel.time import ActDay, CivilDate

# What is in writing whatever else it is. Whether a message by e-mail is, the text or its law says; have counsel review.
_IN_WRITING: Final = frozenset({"in_writing", "registered_mail", "courier"})


class NoticeDelivery(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """How a notice was given to one of the other parties."""

    agency_id: Annotated[UUID, Meta(description="The party to which it was given.")]
    manner: Annotated[NoticeManner, Meta(description="How it was given.")]
    office: Annotated[
        JobTitle | None,
        Meta(description="The office to which; null is the one that the text names for that party, at its address."),
    ] = None
    sent_on: Annotated[ActDay, Meta(description="The day on which it was posted, sent or handed over.")]
    received_on: Annotated[
        ActDay | None, Meta(description="The day on which it was received, where that is known.")
    ] = None


class ShownDelivery(Struct, kw_only=True, frozen=True):
    """How a notice is recorded to have been given to one of the other parties."""

    agency: Annotated[AgencyReference, Meta(description="The party to which it was given.")]
    manner: NoticeManner
    office: Annotated[str | None, Meta(description="The office to which; null is the one that the text names.")]
    sent_on: Annotated[CivilDate, Meta(description="The day on which it was posted, sent or handed over.")]
    received_on: Annotated[CivilDate | None, Meta(description="The day on which it was received, where that is known.")]


_read = msgspec.json.Decoder(list[NoticeDelivery]).decode


def told_deliveries(deliveries: Sequence[NoticeDelivery]) -> list[dict[str, object]] | None:
    """As they are written down, and told in the ledger; None where nothing is said of how it was given."""
    found: list[dict[str, object]] = msgspec.to_builtins(deliveries)
    return found or None


def read_deliveries(kept: msgspec.Raw | None) -> list[NoticeDelivery]:
    """As they were written down."""
    return [] if kept is None else _read(kept)


def shown_deliveries(kept: msgspec.Raw | None, names: Mapping[UUID, str]) -> list[ShownDelivery]:
    """As they are shown; `names` of the agencies that were party to it."""
    return [
        ShownDelivery(
            agency=AgencyReference(id=each.agency_id, name=names[each.agency_id]),
            manner=each.manner,
            office=each.office,
            sent_on=each.sent_on,
            received_on=each.received_on,
        )
        for each in read_deliveries(kept)
    ]


def received_days(deliveries: Iterable[NoticeDelivery]) -> dict[UUID, date]:
    """On which day each is said to have received it, of whom that is said."""
    return {each.agency_id: each.received_on for each in deliveries if each.received_on is not None}


def check_deliveries(
    deliveries: Sequence[NoticeDelivery], giver_id: UUID, parties: Collection[UUID], today: Today
) -> None:
    """Raises RuleBroken for whom no notice of that party goes to, whoever is named twice, and days that cannot be."""
    faults = []
    for n, each in enumerate(deliveries):
        place = f"/deliveries/{n}"
        if each.agency_id == giver_id or each.agency_id not in parties:
            detail = "not one of the other parties"
            faults.append(Fault(pointer=f"{place}/agency_id", code="not_a_party", detail=detail))
        elif each.agency_id in [before.agency_id for before in deliveries[:n]]:
            faults.append(Fault(pointer=f"{place}/agency_id", code="listed_twice", detail="listed already"))
    if faults:
        raise RuleBroken("A notice is given to each of the other parties, once.", "bad_deliveries", faults=faults)
    for n, each in enumerate(deliveries):
        place = f"/deliveries/{n}"
        come = "What has not happened yet cannot be recorded."
        today.check_come(each.sent_on, f"{place}/sent_on", "not_then", come)
        if each.received_on is not None:
            today.check_come(each.received_on, f"{place}/received_on", "not_then", come)
            if each.received_on < each.sent_on:
                detail = "A notice is not received before it is sent."
                raise RuleBroken.at(detail, "dates_reversed", "before sent_on", pointer=f"{place}/received_on")


def in_manner(manner: NoticeManner, asked: Collection[NoticeManner]) -> bool:
    """Whether the manner is one that the text asks for; any will do where it asks for none."""
    return not asked or manner in asked or ("in_writing" in asked and manner in _IN_WRITING)


def differences(
    notice: Notice, giver_id: UUID, deliveries: Sequence[ShownDelivery], names: Mapping[UUID, str]
) -> Iterator[str]:
    """What of how the notice was given is not as the text asks, each as a clause of a sentence."""
    offices = {each.agency_id: each.office for each in notice.addressees if each.agency_id != giver_id}
    if not deliveries:
        if notice.manners or offices:
            yield "nothing is recorded of how it was given"
        return
    for each in deliveries:
        if not in_manner(each.manner, notice.manners):
            yield f"to {each.agency.name} it was given {worded(each.manner)}"
        office = offices.get(each.agency.id)
        if office is not None and each.office is not None and folded_key(each.office) != folded_key(office):
            yield f"to {each.agency.name} it went to “{each.office}”, not to “{office}”"
    given = {each.agency.id for each in deliveries}
    for agency_id in offices:
        if agency_id not in given and agency_id in names:
            yield f"none to {names[agency_id]} is recorded"


def worded(manner: NoticeManner) -> str:
    """The manner in words, as a part of a sentence."""
    return _WORDS[manner]


_WORDS: Final[Mapping[NoticeManner, str]] = {
    "in_writing": "in writing",
    "registered_mail": "by registered mail",
    "courier": "by courier",
    "email": "by e-mail",
    "in_person": "in person",
}


def delivered(deliveries: Sequence[ShownDelivery]) -> str:
    """How it was given, in words, as a part of a sentence; empty where nothing is said of that."""
    parts = []
    for each in deliveries:
        office = f" ({each.office})" if each.office else ""
        received = f", received on {each.received_on}" if each.received_on else ""
        parts.append(f"to {each.agency.name}{office} {worded(each.manner)}, sent on {each.sent_on}{received}")
    return "; ".join(parts)


def asked(notice: Notice) -> str:
    """What the text asks for, in words."""
    manner = " or ".join(worded(each) for each in notice.manners) or "no manner"
    return f"{manner}{', to the offices that it names' if notice.addressees else ''}"
