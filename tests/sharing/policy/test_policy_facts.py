"""Facts have one spelling, so equal facts have equal digests."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone

import msgspec
import pytest
from msgspec.structs import replace

from registry.platform.kernel.canonical import canonical
from registry.sharing.policy.facts import (
    Ask,
    CertificationFacts,
    Facts,
    ask_digest,
    decode_facts,
    facts_bytes,
    facts_digest,
)
from registry.sharing.policy.testing import read_cases
from tests.sharing.policy.conftest import POLICIES

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)


def ask(hours: float) -> Ask:
    return Ask(start=NOON, end=NOON + timedelta(hours=hours), purpose="training", priority="routine")


def test_facts_come_back_from_their_bytes(case: Callable[..., Facts]) -> None:
    facts = case(agreements=["mutual_aid", "compact"])
    assert facts_bytes(decode_facts(facts_bytes(facts))) == facts_bytes(facts)
    assert len(facts_digest(facts)) == 64


def test_the_order_of_agreements_roles_funding_and_purposes_says_nothing(case: Callable[..., Facts]) -> None:
    one = case(
        agreements=[{"like": "mutual_aid", "terms": {"purposes": ["training", "exercise"]}}, "compact"],
        asset={
            "like": "drone",
            "funding": ["ab481", "leso_1033"],
            "certifications": [{"code": "b"}, {"code": "a"}],
        },
        principal={"like": "coordinator", "roles": ["coordinator", "approver"]},
    )
    other = case(
        agreements=["compact", {"like": "mutual_aid", "terms": {"purposes": ["exercise", "training"]}}],
        asset={
            "like": "drone",
            "funding": ["leso_1033", "ab481"],
            "certifications": [{"code": "a"}, {"code": "b"}],
        },
        principal={"like": "coordinator", "roles": ["approver", "coordinator", "approver"]},
    )
    assert facts_bytes(one) == facts_bytes(other)


def test_any_changed_fact_changes_the_digest(case: Callable[..., Facts]) -> None:
    changed = [
        case(),
        case(ask={"quantity": 2}),
        case(action_at="approve"),
        case(lent_out_quantity=1),
        case(agreements=[]),
    ]
    assert len({facts_digest(facts) for facts in changed}) == len(changed)


def test_the_bytes_are_the_canonical_ones_of_every_case() -> None:
    """They are written in a quicker way, which must not differ in a byte: digests are compared years later."""
    many = 0
    for _, _, facts in read_cases(POLICIES):
        for salt in ("", "00112233445566778899", "ſalt"):
            found = facts_bytes(msgspec.structs.replace(facts, salt=salt))
            assert found == canonical(msgspec.json.decode(found))
            assert decode_facts(found).salt == salt
            many += 1
    assert many > 300


def test_there_is_no_float_in_the_bytes(case: Callable[..., Facts]) -> None:
    def floats(node: object) -> bool:
        if isinstance(node, dict):
            return any(map(floats, node.values()))
        return any(map(floats, node)) if isinstance(node, list) else isinstance(node, float)

    assert not floats(msgspec.json.decode(facts_bytes(case())))


def test_an_instant_outside_utc_is_refused(case: Callable[..., Facts]) -> None:
    with pytest.raises(ValueError, match="must be in UTC"):
        replace(case(), now=NOON.astimezone(timezone(timedelta(hours=-5))))
    with pytest.raises(ValueError, match="must be in UTC"):
        replace(case(), now=NOON.replace(tzinfo=None))


def test_a_fact_that_nobody_knows_any_more_is_refused(case: Callable[..., Facts]) -> None:
    with pytest.raises(msgspec.ValidationError, match="moon_phase"):
        decode_facts(facts_bytes(case()).replace(b'{"action_at"', b'{"moon_phase":1,"action_at"', 1))


def test_what_was_asked_keeps_its_digest_while_the_world_moves_on(case: Callable[..., Facts]) -> None:
    asked = ask_digest(case())
    later = case(now="2026-03-05T00:00:00Z", action_at="approve", agreements=["compact"], principal="auditor")
    assert ask_digest(later) == asked


@pytest.mark.parametrize(
    "given",
    [
        {"ask": {"quantity": 2}},
        {"ask": {"purpose": "training"}},
        {"ask": {"end": "2026-03-11T15:00:01Z"}},
        {"ask": {"start": "2026-03-09T14:59:59Z"}},
        {"asset": "drone"},
        {"requesting": "poppy_city"},
        {"assisting": "redwood_county"},
    ],
)
def test_asking_for_something_else_voids_the_digest(case: Callable[..., Facts], given: dict[str, object]) -> None:
    assert ask_digest(case(**given)) != ask_digest(case())


@pytest.mark.parametrize(("hours", "counted"), [(0.5, 1), (72, 72), (72.01, 73)])
def test_a_begun_hour_of_loan_counts(hours: float, counted: int) -> None:
    assert ask(hours).duration_hours == counted


@pytest.mark.parametrize(("before", "counted"), [(24, 24), (23.99, 23), (0, 0), (-1, -1)])
def test_a_begun_hour_of_notice_does_not_count(before: float, counted: int) -> None:
    assert ask(1).notice_hours(NOON - timedelta(hours=before)) == counted


def test_a_certificate_is_good_through_its_last_day_unless_the_instant_is_known() -> None:
    last_day = CertificationFacts(code="K9", expires_on=date(2026, 1, 1))
    assert last_day.lapses_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert CertificationFacts(code="K9", expires_on=date(2026, 1, 1), expires_at=NOON).lapses_at == NOON
    assert CertificationFacts(code="K9").lapses_at is None
