"""What is known of an agreement and of each party, from which it is computed who is bound when: see `in_force`."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from registry.platform.kernel.intervals import Interval

Signed = TypeVar("Signed", int, frozenset[int])
"""Later texts that a party has signed: a set of them, or a bit for each."""


class AmendedText(msgspec.Struct, kw_only=True, frozen=True):
    """When a later version, an amendment or a renewal, was executed, and from when until when it means to hold.

    `first_hand_at`: of a paper, from when the first hand on it counts; by it, and its first day, the text has its place
    among the others. None where that is when it was executed.
    """

    executed_at: datetime
    first_hand_at: datetime | None = None
    starts_at: datetime
    ends_at: datetime | None = None


class AgreementDates(msgspec.Struct, kw_only=True, frozen=True):
    """The dates that all parties share: of the original text, of what amended it, and of the whole."""

    executed_at: datetime | None
    starts_at: datetime
    ends_at: datetime | None = None
    # In the order of their version numbers, whenever they take effect: what is old may be recorded late.
    amendments: tuple[AmendedText, ...] = ()
    # Terminated or superseded; may lie in the future (termination with notice).
    ended_at: datetime | None = None
    # One that has not been lifted has no end.
    suspensions: tuple[Interval, ...] = ()

    @property
    def last_ends_at(self) -> datetime | None:
        """The end that the version gives the agreement which takes effect last."""
        last = self.by_effect[-1] if self.amendments else 0
        return self.amendments[last - 1].ends_at if last else self.ends_at

    @property
    def begins(self) -> tuple[datetime, ...]:
        """From when each text, the original first, is meant to hold and is signed by all who had to."""
        assert self.executed_at is not None
        return (
            max(self.executed_at, self.starts_at),
            *(max(text.executed_at, text.starts_at) for text in self.amendments),
        )

    @property
    def by_effect(self) -> list[int]:
        """The texts in the order of their places, whatever the order in which they were recorded, lowest first.

        A text has its place by the later of its first day and the first hand on it, and not by a later hand: who says
        today that it signed a paper of 2020 puts it before one of 2022, from whenever that hand counts. One that is
        signed here has it by its execution, and nothing amends before there is an agreement. Of two in one place the
        one with the later first day comes last, else the one that was signed last, else the one with the higher number.
        """
        executed_at = self.executed_at
        assert executed_at is not None
        meant = (self.starts_at, *(text.starts_at for text in self.amendments))
        signed = (
            executed_at,
            *(
                text.executed_at if text.first_hand_at is None else max(executed_at, text.first_hand_at)
                for text in self.amendments
            ),
        )
        return sorted(range(len(meant)), key=lambda n: (max(meant[n], signed[n]), meant[n], signed[n], n))


class TextWindow(Interval, kw_only=True, frozen=True):
    """A stretch in which one version is the text: 0 is the original, n the n-th amendment."""

    text: int = 0


class BoundWindow(TextWindow, kw_only=True, frozen=True):
    """A stretch in which a text binds a party to those that have signed it too, and none of `amended`.

    These are later texts that the party has signed: whoever has signed one of them as well is bound to it by that.
    """

    amended: frozenset[int] = frozenset()


class VerbalActivation(msgspec.Struct, kw_only=True, frozen=True):
    """An agreement set in motion by word of mouth, to be ratified in writing by a deadline."""

    ratify_by: datetime
    ratified_at: datetime | None = None


class PartyHistory(msgspec.Struct, kw_only=True, frozen=True):
    """What one agency did as a party."""

    # The instant at which the agency signed, confirmed or gave its word for itself; nobody else can bind it.
    joined_at: datetime | None
    # By the place of each text that it signed, from when that counts: no other binds it. Every text where None.
    texts: Mapping[int, datetime] | None = None
    # Of those the instant of the day that the hand bears, where it counts later: others have not agreed to that day.
    stated: Mapping[int, datetime] = {}
    # While it has not consented to parties that were let in before it was bound, and is asked for that.
    unanswered: tuple[Interval, ...] = ()
    # When the notice that it gave has run out.
    leaves_at: datetime | None = None
    # When another text that it signed takes this one's place for it.
    released_at: datetime | None = None
    # When it suspended its own participation.
    suspensions: tuple[Interval, ...] = ()
    # When a governing body's approval was present: None where local law asks for none, empty where it is
    # lacking.
    approvals: tuple[Interval, ...] | None = None
    # When it is needed; always, where None.
    approval_needed: tuple[Interval, ...] | None = None
    # When each text needs one of its own, and by the place of each text when there was one that names it.
    each_text_needed: tuple[Interval, ...] = ()
    approvals_of: Mapping[int, tuple[Interval, ...]] = {}
    verbal: VerbalActivation | None = None
