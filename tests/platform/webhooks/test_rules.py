"""When a delivery is tried again, and which events are meant, as pure functions."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.platform.kernel.errors import RuleBroken
from registry.platform.ledger.event_types import EventType
from registry.platform.webhooks.rules import (
    AGAIN_AFTER,
    DISABLED_AFTER,
    JITTER,
    LONGEST_ASKED,
    LONGEST_QUIET,
    QUIET_AFTER,
    SILENCE,
    again_after,
    asked_to_wait,
    check_types,
    failing_since,
    is_given_up,
    jitter,
    quiet_for,
    wanted_types,
)
from registry.platform.webhooks.signing import new_secret, signature


def test_tries_follow_ever_later_over_days() -> None:
    waits = [again_after(n, 0.0) for n in range(1, len(AGAIN_AFTER) + 1)]
    assert waits == sorted(AGAIN_AFTER)
    assert timedelta(days=2) < sum(AGAIN_AFTER, timedelta()) < DISABLED_AFTER
    assert again_after(len(AGAIN_AFTER) + 1, 0.0) is None


@given(st.uuids(), st.integers(1, len(AGAIN_AFTER)))
def test_a_wait_is_longer_by_a_part_that_the_delivery_and_its_attempt_draw(delivery: UUID, attempt: int) -> None:
    drawn = jitter(delivery, attempt)
    assert 0 <= drawn < 1
    wait = again_after(attempt, drawn)
    assert wait is not None
    assert AGAIN_AFTER[attempt - 1] <= wait <= AGAIN_AFTER[attempt - 1] * (1 + JITTER)
    assert jitter(delivery, attempt) == drawn


def test_deliveries_that_failed_together_are_not_tried_together() -> None:
    assert len({again_after(3, jitter(UUID(int=n), 3)) for n in range(100)}) > 90


def test_a_webhook_rests_after_some_failures_and_ever_longer_up_to_an_hour() -> None:
    rests = [quiet_for(n) for n in range(40)]
    assert rests[:QUIET_AFTER] == [timedelta(0)] * QUIET_AFTER
    assert rests == sorted(rests)
    assert rests[-1] == LONGEST_QUIET


def test_it_is_given_up_after_days() -> None:
    now = datetime(2099, 7, 4, tzinfo=UTC)
    assert is_given_up(now - DISABLED_AFTER, now)
    assert not is_given_up(now - DISABLED_AFTER + timedelta(seconds=1), now)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("120", 120),
        (" 5 ", 5),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("٣٠", 0),
        ("9" * 40, LONGEST_ASKED.total_seconds()),
        ("Sat, 04 Jul 2099 00:10:00 GMT", 600),
        ("Sat, 04 Jul 2099 00:10:00 -0000", 600),
        ("Fri, 03 Jul 2099 00:00:00 GMT", 0),
        ("Sat, 04 Jul 2999 00:00:00 GMT", LONGEST_ASKED.total_seconds()),
        ("Sat, 04 Jul 99999 00:00:00 GMT", 0),
    ],
)
def test_a_receiver_says_in_seconds_or_by_an_instant_when_to_come_again(said: str | None, seconds: float) -> None:
    assert asked_to_wait(said, datetime(2099, 7, 4, tzinfo=UTC)) == timedelta(seconds=seconds)


def test_failures_are_in_a_row_while_tries_follow_as_the_schedule_says() -> None:
    now, since = datetime(2099, 7, 4, tzinfo=UTC), datetime(2099, 6, 30, tzinfo=UTC)
    longest = max(*AGAIN_AFTER, LONGEST_ASKED) * (1 + JITTER) + LONGEST_QUIET
    assert failing_since(since, now - longest, now) == since
    assert failing_since(since, now - SILENCE - timedelta(seconds=1), now) is None
    assert failing_since(None, None, now) is None


def test_patterns_mean_types() -> None:
    assert wanted_types(["loan.returned"]) == frozenset({"loan.returned"})
    assert wanted_types(["loan.*"]) == frozenset(each.value for each in EventType if each.startswith("loan."))
    assert wanted_types(["loan.*", "*"]) is None
    assert wanted_types(["of_a_later_release.*"]) == frozenset(), "nothing, and not everything"
    check_types(["*", "loan.*", "webhook.disabled"])
    with pytest.raises(RuleBroken):
        check_types(["loan.*", "past.*"])


def test_a_signature_is_that_of_the_standards_own_example() -> None:
    """From the specification of Standard Webhooks: secret, message and signature."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert len({new_secret() for _ in range(10)}) == 10
