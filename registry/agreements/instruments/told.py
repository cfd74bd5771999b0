"""What others than the parties are told of a day to come: that it is then as it is now, but for what is public.

Public are the days of the text that they read, an end and a suspension that all agreed to, and who leaves when. From
an approval that a governing body has to give or that runs out, a ratification, a text that is not published, and what
is only reported nothing follows for them: by asking of one day after another they would learn when there is such a
thing. What has come they see as it is.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from registry.agreements.instruments.in_force import TextStatus
from registry.agreements.instruments.rules import DerivedStatus, Stage
from registry.platform.kernel.intervals import Interval, earliest

BINDS = (DerivedStatus.IN_FORCE.value, DerivedStatus.NOTICE_WINDOW.value)
"""The statuses in which some are bound to each other."""

_NEVER = datetime.max.replace(tzinfo=UTC)


class PublicDays(Struct, kw_only=True, frozen=True):
    """The days of an agreement that anybody may know: `text_starts_at` and `text_ends_at` those of the text they read.

    `alone_at`: when fewer than two are left, by who leaves when (`alone_at` below).
    """

    starts_at: datetime
    text_starts_at: datetime
    text_ends_at: datetime | None
    ended_at: datetime | None
    superseded: bool
    suspensions: tuple[Interval, ...]
    alone_at: datetime | None

    def until(self, at: datetime, *gone: datetime | None) -> datetime | None:
        """Until when it binds who is bound by it at `at`, and leaves at the first of the instants `gone`."""
        pauses = (each.start for each in self.suspensions if each.start > at)
        return earliest(self.text_ends_at, self.ended_at, self.alone_at, *gone, *pauses)

    def text_then(self, status: TextStatus, at: datetime) -> TextStatus:
        """What the text is at `at`, which is to come, that has the status now."""
        if (over := earliest(self.text_ends_at, self.ended_at)) is not None and over <= at:
            return TextStatus.ENDED
        return TextStatus.CURRENT if status is TextStatus.UPCOMING and self.text_starts_at <= at else status

    def begins_to_bind_at(self, status: Stage | DerivedStatus, now: datetime) -> datetime | None:
        """When it binds who has signed it, where a public day alone keeps it from that now; None else."""
        begins = None
        if status is DerivedStatus.NOT_YET_EFFECTIVE:
            begins = self.starts_at
        elif status is DerivedStatus.EXPIRED:
            begins = self.text_starts_at
        elif status is DerivedStatus.SUSPENDED:
            begins = next((each.end for each in self.suspensions if each.contains(now)), None)
        return begins if begins is not None and begins > now else None


def binds_some(status: Stage | DerivedStatus) -> bool:
    """Whether some are bound to each other by an agreement of that status."""
    return status.value in BINDS


def status_then(status: Stage | DerivedStatus, days: PublicDays, now: datetime, at: datetime) -> Stage | DerivedStatus:
    """What an executed agreement, which has the status now, is at `at`, a later instant, as far as others are told.

    In SQL it is `queries.told.status_then`. Whether a term's notice window is open by then is for the parties.
    """
    if days.ended_at is not None and days.ended_at <= at:
        return Stage.SUPERSEDED if days.superseded else DerivedStatus.TERMINATED
    if days.text_ends_at is not None and days.text_ends_at <= at:
        return DerivedStatus.EXPIRED
    if any(each.contains(at) for each in days.suspensions):
        return DerivedStatus.SUSPENDED
    begins = days.begins_to_bind_at(status, now)
    if not binds_some(status) and (begins is None or begins > at):
        return status
    if days.alone_at is not None and days.alone_at <= at:
        return DerivedStatus.LAPSED
    return DerivedStatus.IN_FORCE


def alone_at(parties: Iterable[Any]) -> datetime | None:
    """When fewer than two are left of those that have joined, by the notices that they gave and what released them."""
    gone = sorted(
        (earliest(each.leaves_at, each.released_at) or _NEVER for each in parties if each.joined_at is not None),
        reverse=True,
    )
    return gone[1] if len(gone) > 1 and gone[1] != _NEVER else None
