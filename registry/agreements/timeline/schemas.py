"""Who was bound when, to which version, and by which acts, on the wire."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.agreements.instruments.receipt import AwaitedNotice, DisputedNotice
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.timeline.rules import ActBasis, ActKind, ActStatus
from registry.directory.agencies.schemas import AgencyReference
from registry.platform.kernel.time import CivilDate, Instant

ActNos = Annotated[list[int], Meta(description="Each is the `act_no` of one of `acts`.")]


class TimelineAct(Struct, kw_only=True, frozen=True):
    """What bears on who is bound: an act of a party or of all, what a text says, or what is only reported."""

    act_no: Annotated[int, Meta(description="Its place in the order of days, from 1; others refer to it by that.")]
    kind: ActKind
    agency: Annotated[AgencyReference | None, Meta(description="Whose act it is; null for what is for all.")]
    acted_on: Annotated[CivilDate | None, Meta(description="The day that the act bears; null where it bears none.")]
    counts_from: Annotated[
        Instant | None, Meta(description="When it begins or ends something; null while it does neither.")
    ]
    counts_on: Annotated[
        CivilDate | None,
        Meta(
            description="The day of `counts_from` where the agreement is, and no earlier than the day of the act that "
            "counts from then, where that agency is."
        ),
    ]
    version_no: Annotated[int | None, Meta(description="The version that it is about, where it is about one.")]
    basis: ActBasis
    status: Annotated[
        ActStatus | None,
        Meta(
            description="Where the report or the proposal stands that it rests on, and `taken_back` of a notice that "
            "its party took back; null of anything else."
        ),
    ]
    reported_only: Annotated[
        bool, Meta(description="Whether nobody whose act it is has said so itself: it is known by a report alone.")
    ]
    recorded_by: Annotated[AgencyReference | None, Meta(description="Who recorded it, where that is known.")]
    recorded_at: Annotated[Instant | None, Meta(description="When it was recorded; null where nobody had to.")]
    evidence: Annotated[Evidence | None, Meta(description="What shows it on paper.")]
    reported_act_id: Annotated[UUID | None, Meta(description="The report that it rests on, or is.")]
    proposal_id: Annotated[UUID | None, Meta(description="The proposal that it is, or is about.")]
    detail: str


class TowardsParties(Struct, kw_only=True, frozen=True):
    """Parties to which a window binds its party, and the stretch of it in which it does."""

    agency_ids: Annotated[
        list[UUID] | None,
        Meta(
            description="Each of them is one of `parties`. Null where they are more than 20, and all others that a "
            "window by the same version binds at the time."
        ),
    ]
    first_on: CivilDate
    last_on: Annotated[CivilDate | None, Meta(description="Null where no end is known.")]
    start: Instant
    end: Instant | None


class BoundWindow(Struct, kw_only=True, frozen=True):
    """A stretch in which a party is bound to at least one other, by one version."""

    version_no: Annotated[
        int | None,
        Meta(description="The version that binds it; null, for others than the parties, where that is not published."),
    ]
    first_on: Annotated[
        CivilDate,
        Meta(
            description="The first day, where the agreement is, and no earlier than the day of the signature by which "
            "it begins, where that party is."
        ),
    ]
    last_on: Annotated[
        CivilDate | None,
        Meta(
            description="The last day; null where no end is known. Others than the parties are told what the text says "
            "that they read."
        ),
    ]
    start: Instant
    end: Instant | None
    towards: Annotated[
        list[TowardsParties] | None,
        Meta(
            description="To whom that version binds it, and when: to each other party that signed it, until both have "
            "signed a later one, which binds them to each other instead. Null for others than the parties."
        ),
    ]
    bound_by: Annotated[ActNos, Meta(description="The party's signature or word by which that version binds it.")]
    begins_by: Annotated[ActNos, Meta(description="By what the window begins.")]
    ends_by: Annotated[
        ActNos,
        Meta(
            description="By what it ends. Where it ends only because all whom it bound have signed another text: what "
            "begins that."
        ),
    ]
    reported_only: Annotated[
        bool,
        Meta(description="Whether something of it rests on what another reported, and the party has not confirmed."),
    ]


class PartyTimeline(Struct, kw_only=True, frozen=True):
    """One party: when it was bound, and what somebody says otherwise."""

    agency: AgencyReference
    windows: Annotated[list[BoundWindow], Meta(description="In order; empty where it was never bound to another.")]
    contested: Annotated[ActNos, Meta(description="What is reported of it, and it or another party contests.")]
    pending: Annotated[
        ActNos, Meta(description="What is reported of it and has not taken effect: the windows are those without.")
    ]
    awaiting_receipt: Annotated[
        AwaitedNotice | None,
        Meta(
            description="Its notice, while a receipt from which that counts is awaited or contested: until when it is "
            "bound is not known then, and its windows are those without the notice. Null otherwise, and for others "
            "than the parties."
        ),
    ]
    disputed_receipts: Annotated[
        DisputedNotice | None,
        Meta(
            description="Its notice, where it and one that received it say different days of that: its windows are by "
            "the word of the latter. Null otherwise, and for others than the parties."
        ),
    ]
    receipts_corrected: Annotated[
        ActNos, Meta(description="What those who received its notice corrected of the day on which they did.")
    ]


class Timeline(Struct, kw_only=True, frozen=True):
    """Who is bound by an agreement, from when until when, to which version, and by which acts, as is known now."""

    agreement_id: UUID
    number: str
    title: str
    time_zone: Annotated[str, Meta(description="Where its days begin and end.")]
    term_ends_on: Annotated[
        CivilDate | None,
        Meta(
            description="The last day of the running term of the text that is shown. Where it renews itself, `acts` "
            "tell of the terms that are over. Null where it has no end."
        ),
    ]
    view: Annotated[Literal["party", "signed", "public"], Meta(description="As whom the caller sees the agreement.")]
    parties: Annotated[list[PartyTimeline], Meta(description="Each party, in the order of the text.")]
    acts: Annotated[
        list[TimelineAct],
        Meta(
            description="In order of their days. Others than the parties are told of the published texts, and of what "
            "suspends or ends the agreement for all."
        ),
    ]
    acts_withheld: Annotated[
        str | None, Meta(description="Why acts are not shown to you, in a sentence; null for the parties.")
    ]
