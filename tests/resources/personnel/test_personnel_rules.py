"""Pure rules about people: levels, days on which a capability counts, and the hours in which somebody can be sent."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from registry.directory.taxonomy.seed import CapabilityKind, CapabilityScale
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import Window
from registry.resources.personnel.duty_hours import ALL_BLOCKS, WeeklySpan, blocks_in, blocks_of, covers
from registry.resources.personnel.holdings import KnownType, StoredCredential, holdings
from registry.resources.personnel.readiness import hindrances
from registry.resources.personnel.rules import (
    ConditionKind,
    CredentialStatus,
    PersonnelStatus,
    QualificationStatus,
    TaskBookStatus,
    Validity,
    Verification,
    credential_status,
    tag_form,
)
from registry.resources.personnel.scales import levels_of, rank_of, step_for, steps_of
from registry.resources.personnel.schemas import (
    HeldCapability,
    ProhibitiveCondition,
    Qualification,
    TestedLevel,
    WeeklyHours,
)

ZONE = "America/Chicago"
KNOWN = {
    "language.hmn": KnownType(CapabilityKind.LANGUAGE, CapabilityScale.ILR),
    "medical.emt": KnownType(CapabilityKind.CREDENTIAL, CapabilityScale.NONE),
    "position.safety_officer": KnownType(CapabilityKind.POSITION, CapabilityScale.NQS),
}
DAY = date(2026, 7, 1)


def test_levels_of_a_scale_are_ordered_and_words_of_another_are_refused() -> None:
    for scale in CapabilityScale:
        ranks = [rank_of(scale, level, "/level") for level in levels_of(scale)]
        assert ranks == sorted(ranks)
        with pytest.raises(RuleBroken):
            rank_of(scale, "excellent", "/level")
    assert rank_of(CapabilityScale.ILR, "2+", "/level") < rank_of(CapabilityScale.ILR, "3", "/level")


def test_others_ask_by_few_steps_and_are_never_given_people_below_what_they_asked() -> None:
    assert step_for(CapabilityScale.ILR, rank_of(CapabilityScale.ILR, "2+", "")) == rank_of(
        CapabilityScale.ILR, "3", ""
    )
    assert step_for(CapabilityScale.ILR, rank_of(CapabilityScale.ILR, "4+", "")) is None
    for scale in CapabilityScale:
        assert len(steps_of(scale)) <= 4


@pytest.mark.parametrize("tags", [("P-07", "p 07", "P\u200b07", "Ｐ07"), ("Å1", "a1")])
def test_tags_that_nobody_tells_apart_have_one_form(tags: tuple[str, ...]) -> None:
    assert len({tag_form(tag) for tag in tags}) == 1
    with pytest.raises(RuleBroken):
        tag_form("--")


def held(level: str | None = None, said: str | None = None) -> HeldCapability:
    test = None if level is None else TestedLevel(level=level, tested_on=DAY, tested_by="Board")
    return HeldCapability(capability="language.hmn", self_reported_level=said, tested=test)


@pytest.mark.parametrize(
    ("capability", "level", "tested_level"),
    [(held("3"), 6, 6), (held(said="3"), 6, 0), (held("2", said="4"), 4, 4), (held(), 1, 0)],
)
def test_what_was_tested_takes_the_place_of_what_somebody_says(
    capability: HeldCapability, level: int, tested_level: int
) -> None:
    (found,) = holdings([capability], [], [], KNOWN)
    assert (found.level, found.tested_level) == (level, tested_level)


def test_a_test_that_found_nothing_counts_as_nothing() -> None:
    assert holdings([held("0", said="3")], [], [], KNOWN) == []


def licence(until: date | None, verification: Verification = Verification.UNVERIFIED) -> StoredCredential:
    return StoredCredential(
        id=UUID(int=1),
        title="EMT",
        capability="medical.emt",
        issuer="Board",
        number=None,
        effective_on=date(2025, 1, 1),
        expires_on=until,
        verification=verification,
    )


def test_a_capability_counts_while_a_credential_for_it_does() -> None:
    emt = HeldCapability(capability="medical.emt")
    revoked = licence(None, Verification.REVOKED)
    assert holdings([emt], [revoked], [], KNOWN) == []
    (found,) = holdings([emt], [revoked, licence(date(2026, 6, 30)), licence(date(2027, 6, 30))], [], KNOWN)
    assert found.validity == Validity(from_on=date(2025, 1, 1), until_on=date(2027, 6, 30))
    assert found.validity.covers(DAY, DAY + timedelta(days=20))
    assert not found.validity.covers(DAY, date(2027, 7, 1)), "it lapses before the return"
    assert not found.validity.covers(date(2024, 12, 31), DAY), "it was not effective at the start"


def test_a_credential_stands_where_its_dates_and_its_issuer_put_it() -> None:
    valid = Validity(from_on=date(2026, 1, 1), until_on=date(2026, 12, 31))
    assert credential_status(Verification.UNVERIFIED, valid, date(2025, 12, 31)) is CredentialStatus.NOT_YET_EFFECTIVE
    assert credential_status(Verification.VERIFIED, valid, date(2026, 12, 31)) is CredentialStatus.ACTIVE
    assert credential_status(Verification.VERIFIED, valid, date(2027, 1, 1)) is CredentialStatus.EXPIRED
    assert credential_status(Verification.REVOKED, valid, DAY) is CredentialStatus.REVOKED


def test_nobody_is_qualified_while_the_task_book_is_open() -> None:
    open_ = Qualification(
        position="position.safety_officer", status=QualificationStatus.QUALIFIED, task_book=TaskBookStatus.COMPLETED
    )
    with pytest.raises(RuleBroken) as refused:
        holdings([], [], [open_], KNOWN)
    assert refused.value.code == "task_book_open"


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant of July 2026 by the clocks of Chicago, five hours behind; 6 July is a Monday."""
    return datetime(2026, 7, day, hour, minute, tzinfo=UTC) + timedelta(hours=5)


def window(start: datetime, end: datetime) -> Window:
    return Window(start=start, end=end)


NIGHTS = [WeeklySpan.of(day, "19:00", "07:00") for day in range(7)]
DAYS = [WeeklySpan.of(day, "07:00", "19:00") for day in range(7)]


def test_hours_are_by_the_agencys_clocks_and_run_over_midnight() -> None:
    assert covers(NIGHTS, window(at(6, 19), at(7, 7)), ZONE)
    assert not covers(NIGHTS, window(at(6, 19), at(7, 7, 1)), ZONE)
    assert covers([WeeklySpan.of(6, "19:00", "07:00")], window(at(12, 23), at(13, 6)), ZONE), "from Sunday into Monday"
    assert covers([], window(at(6), at(30)), ZONE), "no hours, no bounds"


def test_hours_that_meet_are_one_and_those_with_a_gap_cover_no_week() -> None:
    assert covers(DAYS + NIGHTS, window(at(1), at(30)), ZONE)
    assert not covers(DAYS, window(at(1), at(30)), ZONE)
    assert covers(
        [WeeklySpan.of(0, "00:00", "00:00"), WeeklySpan.of(1, "00:00", "12:00")], window(at(6), at(7, 12)), ZONE
    )


def test_a_shift_stays_one_when_clocks_change() -> None:
    sunday = datetime(2026, 11, 1, tzinfo=UTC)  # 25 hours long in Chicago
    shift = [WeeklySpan.of(6, "08:00", "16:00")]
    assert covers(shift, window(sunday + timedelta(hours=14), sunday + timedelta(hours=22)), ZONE)
    assert not covers(shift, window(sunday + timedelta(hours=13), sunday + timedelta(hours=21)), ZONE)


def test_blocks_tell_no_more_than_whole_quarters_of_days() -> None:
    assert blocks_of([]) == ALL_BLOCKS
    assert blocks_of(DAYS + NIGHTS) == ALL_BLOCKS
    assert bin(blocks_of(DAYS)).count("1") == 7, "of 7 to 19 only 12 to 18 is whole"
    assert blocks_in(window(at(6, 13), at(6, 14)), ZONE) == blocks_in(window(at(6, 12), at(6, 18)), ZONE) == 1 << 2
    assert blocks_in(window(at(12, 23), at(13, 1)), ZONE) == 1 << 27 | 1
    assert blocks_in(window(at(6), at(13)), ZONE) == ALL_BLOCKS


def test_a_window_that_comes_round_to_the_block_where_it_began_touches_every_block() -> None:
    assert blocks_in(window(at(6, 5), at(13, 2)), ZONE) == ALL_BLOCKS
    assert blocks_in(window(at(6, 5), at(13)), ZONE) == ALL_BLOCKS, "the last block before it is touched as well"
    assert blocks_in(window(at(6, 6), at(13)), ZONE) == ALL_BLOCKS & ~1, "a week less one block, from seam to seam"
    monday = datetime(2027, 3, 8, 11, 59, tzinfo=UTC)  # 5:59 in Chicago, where clocks go forward on Sunday
    assert blocks_in(window(monday, datetime(2027, 3, 15, 5, 1, tzinfo=UTC)), ZONE) == ALL_BLOCKS, "to Monday 0:01"


def ready(**fields: object) -> list[str]:
    said: dict[str, object] = {
        "status": PersonnelStatus.ACTIVE,
        "conditions": [],
        "absences": [],
        "hours": [],
        "committed": False,
        **fields,
    }
    return list(hindrances(**said, window=window(at(6, 8), at(8, 8)), time_zone=ZONE))  # type: ignore[arg-type]  # of each its own


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"status": PersonnelStatus.ON_LEAVE}, ["status"]),
        (
            {"conditions": [ProhibitiveCondition(kind=ConditionKind.LIGHT_DUTY, from_on=date(2026, 7, 8))]},
            ["condition"],
        ),
        ({"conditions": [ProhibitiveCondition(kind=ConditionKind.OTHER, from_on=DAY, until_on=date(2026, 7, 5))]}, []),
        ({"absences": [window(at(8, 7), at(9))]}, ["absence"]),
        ({"absences": [window(at(8, 8), at(9))]}, []),
        ({"hours": [WeeklyHours(weekdays=["monday"], start="08:00", end="20:00")]}, ["weekly_hours"]),
        ({"committed": True, "status": PersonnelStatus.SEPARATED}, ["status", "committed"]),
    ],
)
def test_everything_that_stands_against_sending_somebody_is_named(
    fields: dict[str, object], expected: list[str]
) -> None:
    assert ready(**fields) == expected
