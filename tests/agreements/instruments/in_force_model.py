"""Histories of an agreement, and a slow and obvious reading of who is bound by them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from tests.support.length import at_length

ZONES = ("America/Chicago", "America/Havana", "Pacific/Chatham")

acts = st.sampled_from(
    [
        *("confirm", "sign", "say_yes", "suspend", "reinstate", "stop", "go_on", "notice", "rescind"),
        *("rule", "approve", "amend", "terminate"),
    ]
)


class Step(Struct, kw_only=True, frozen=True):
    """One thing that somebody tries to do, `hours` after the one before; `days` is what the act needs of days."""

    act: str
    party: int
    hours: int
    days: int


class History(Struct, kw_only=True, frozen=True):
    """A beginning, on paper or by word of mouth, and what follows."""

    zone: str
    verbal: bool
    last_day: int | None
    steps: list[Step]


histories = st.builds(
    History,
    zone=st.sampled_from(ZONES),
    verbal=st.booleans(),
    last_day=st.none() | st.integers(10, 40),
    steps=st.lists(
        st.builds(Step, act=acts, party=st.integers(0, 2), hours=st.integers(0, 60), days=st.integers(-3, 12)),
        min_size=4,
        max_size=14,
    ),
)


def drawn() -> list[History]:
    """Some histories, the same in each run of this length."""
    found: list[History] = []

    @settings(
        max_examples=at_length(12, 24, 500), derandomize=True, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(histories)
    def draw(history: History) -> None:
        found.append(history)

    draw()
    return found


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day, found by walking the clock."""
    at = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=16)
    while at.astimezone(zone).date() < day:
        at += timedelta(minutes=15)
    return at


class Known(Struct, kw_only=True):
    """What has happened, in the words of the people who did it."""

    zone: ZoneInfo
    texts: list[tuple[datetime, date, date | None]] = []
    joined: dict[int, datetime] = {}
    word_only: set[int] = set()
    ratified: dict[int, datetime] = {}
    ratify_through: date | None = None
    signed: dict[int, dict[int, datetime]] = {}
    leaves: dict[int, datetime] = {}
    needs_council: dict[int, list[tuple[datetime, bool]]] = {}
    council: dict[int, list[tuple[datetime, date | None]]] = {}
    paused: dict[int, list[list[datetime | None]]] = {}
    suspended: list[list[datetime | None]] = []
    ended: datetime | None = None

    def text_at(self, at: datetime) -> int | None:
        """The version that began latest, if its last day is not over."""
        today = at.astimezone(self.zone).date()
        begun = [
            n
            for n in self.by_effect()
            if (text := self.texts[n])[0] <= at
            and text[1] <= today
            and (text[2] is None or text[0].astimezone(self.zone).date() <= text[2])  # else it was over before it began
        ]
        if not begun or ((last := self.texts[begun[-1]][2]) is not None and today > last):
            return None
        return begun[-1]

    def join(self, party: int, at: datetime, text: int) -> None:
        """A party signs a text; what it signed first bound it."""
        self.joined[party] = min(at, self.joined.get(party, at))
        self.signed.setdefault(party, {}).setdefault(text, at)

    def by_effect(self) -> list[int]:
        """The versions as they take effect: from their first day and their last signature on."""

        def key(n: int) -> tuple[datetime, date, datetime, int]:
            executed, first, _ = self.texts[n]
            return max(executed, midnight(first, self.zone)), first, executed, n

        return sorted(range(len(self.texts)), key=key)

    def bound(self, party: int, at: datetime) -> bool:
        """Each condition by itself."""
        today, text = at.astimezone(self.zone).date(), self.text_at(at)
        if party not in self.joined or at < self.joined[party] or text is None:
            return False
        if text not in self.signed[party] or at < self.signed[party][text]:
            return False
        if self.ended is not None and at >= self.ended:
            return False
        if any(start is not None and start <= at and (end is None or at < end) for start, end in self.suspended):
            return False
        if any(
            start is not None and start <= at and (end is None or at < end) for start, end in self.paused.get(party, [])
        ):
            return False
        if party in self.leaves and at >= self.leaves[party]:
            return False
        if party in self.word_only and self.ratify_through is not None and today > self.ratify_through:
            signed = self.ratified.get(party)
            if signed is None or at < signed:
                return False
        said = [needed for since, needed in self.needs_council.get(party, []) if since <= at]
        if not said or not said[-1]:
            return True
        return any(since <= at and (last is None or today <= last) for since, last in self.council.get(party, []))

    def status(self, at: datetime, moments: list[datetime]) -> str:
        """What the agreement as a whole is."""
        executed = self.texts[0][0]
        if self.ended is not None and at >= self.ended:
            return "terminated"
        last = self.texts[self.by_effect()[-1]][2]
        if last is not None and at.astimezone(self.zone).date() > last:
            return "expired"
        if any(start is not None and start <= at and (end is None or at < end) for start, end in self.suspended):
            return "suspended"
        if sum(self.bound(party, at) for party in range(3)) >= 2:
            return "in force"
        for pauses in self.paused.values():
            if any(start is not None and start <= at and (end is None or at < end) for start, end in pauses):
                return "suspended"
        before = [m for m in moments if executed <= m < at]
        if any(sum(self.bound(party, m) for party in range(3)) >= 2 for m in before):
            return "lapsed"
        return "unconfirmed" if len(self.joined) < 2 else "not_yet_effective"
