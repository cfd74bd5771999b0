"""A reason says of this loan which figure met which limit, and of what is not known that it is not known."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from registry.platform.kernel.money import Money
from registry.platform.kernel.text import counted
from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.facts import Facts
from registry.sharing.policy.rules import decide
from registry.sharing.policy.standard_rules import (
    ApprovalOverCost,
    LeastNotice,
    LongestLoan,
    PurposesOnly,
    StandardRule,
    WithinDistance,
    cedar_of,
)
from registry.sharing.policy.telling import instant_in_words, name_of, unstated_in_words


def reasons(shipped: PolicySet, facts: Facts, *rules: StandardRule, cedar: str = "") -> list[str]:
    text = cedar_of(rules) + cedar
    return [each.reason for each in decide(facts, shipped.with_agency(facts.assisting.id, text)).reasons]


def test_too_far_and_not_known_how_far_are_told_apart(shipped: PolicySet, case: Callable[..., Facts]) -> None:
    far, unknown = (
        reasons(shipped, case(ask={"distance_km": km}), WithinDistance(km=50, category="k9")) for km in (51, None)
    )
    assert far == ["The owner lends “K9 team” within 50 km of its home only. The distance here is 51 km."]
    assert unknown == [
        "The owner lends “K9 team” within 50 km of its home only. The distance here is not known, because nobody said "
        "where it is wanted, or where the asset's home is."
    ]


def test_a_cost_names_the_estimate_and_the_limit_in_their_unit_or_says_why_it_is_not_known(
    shipped: PolicySet, case: Callable[..., Facts]
) -> None:
    rule = ApprovalOverCost(over=Money(amount="500.00"))
    head = "estimated to cost more than 500.00 USD, or of which no cost in USD can be estimated."
    for given, tail in (
        (case(ask={"estimated_cost_minor": 62_000}), "The cost of this loan is estimated at 620.00 USD."),
        (case(asset={"like": "narcotics_dog", "hourly_cost_minor": None}), "because the asset has no hourly rate."),
        (case(asset={"like": "narcotics_dog", "hourly_cost_minor": 900}), "are in different currencies."),
    ):
        told = decide(given, shipped.with_agency(given.assisting.id, cedar_of([rule]))).approvals[-1].reason
        assert head in told
        assert told.endswith(tail)


@pytest.mark.parametrize(
    ("given", "figure", "limit"),
    [
        (
            {"agreements": [{"like": "mutual_aid", "terms": {"cost_ceiling_minor": 100}}]},
            "The cost of this loan is not known,",
            "",
        ),
        (
            {
                "ask": {"estimated_cost_minor": 150},
                "agreements": [{"like": "mutual_aid", "terms": {"cost_ceiling_minor": 100}}],
            },
            "The cost of this loan is estimated at 1.50 USD.",
            "allows at most 1.00 USD.",
        ),
        (
            {"agreements": [{"like": "mutual_aid", "terms": {"max_duration_hours": 1}}]},
            "This loan is for 48 hours.",
            "allows at most 1 hour.",
        ),
        (
            {"agreements": [{"like": "mutual_aid", "terms": {"notice_hours": 400}}]},
            "It begins in",
            "400 hours of notice.",
        ),
        (
            {"agreements": [{"like": "mutual_aid", "terms": {"purposes": ["training"]}}]},
            "",
            "names these: Training.",
        ),
        (
            {"agreements": [{"like": "mutual_aid", "terms": {"least_priority": "urgent"}}]},
            "It is asked for as routine.",
            "covers urgent requests and emergencies only.",
        ),
        (
            {"agreements": [{"like": "mutual_aid", "covers_until": "2026-03-10T05:00:00Z"}]},
            "",
            "binds both until 2026-03-10 05:00 UTC.",
        ),
    ],
)
def test_a_term_that_was_not_kept_is_told_with_the_loans_figure_and_the_agreements(
    shipped: PolicySet, case: Callable[..., Facts], given: dict[str, Any], figure: str, limit: str
) -> None:
    told = decide(case(**given), shipped).reasons[0].reason
    assert figure in told
    assert told.endswith(limit)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("2026-03-12T15:00:00Z", "72 hours"),
        ("2026-03-12T15:30:00Z", "72.5 hours"),
        ("2026-03-12T16:15:00Z", "73.25 hours"),
        ("2026-03-12T15:20:00Z", "72 hours and 20 minutes"),
        ("2026-03-12T15:00:01Z", "72 hours and 1 minute"),
        ("2026-03-12T15:59:59Z", "73 hours"),
    ],
)
def test_how_long_a_loan_lasts_is_told_as_long_as_it_is(
    shipped: PolicySet, case: Callable[..., Facts], end: str, told: str
) -> None:
    """A limit of 72 hours is exceeded by half an hour; who reads it is not told of a whole one."""
    agreement = {"like": "mutual_aid", "terms": {"max_duration_hours": 1}}
    facts = case(ask={"start": "2026-03-09T15:00:00Z", "end": end}, agreements=[agreement])
    assert f"This loan is for {told}." in decide(facts, shipped).reasons[0].reason
    silent = replace(facts.agreements[0], terms=replace(facts.agreements[0].terms, unstated=("max_duration_hours",)))
    assert f"this one lasts {told}" in str(unstated_in_words(facts, silent))


def test_a_limit_in_a_restricted_clause_is_told_to_nobody(shipped: PolicySet, case: Callable[..., Facts]) -> None:
    secret = {"like": "mutual_aid", "terms": {"max_duration_hours": 7}, "restricted": ["max_duration_hours"]}
    (told,) = decide(case(agreements=[secret]), shipped).reasons
    assert "This loan is for" in told.reason
    assert "7 hour" not in told.reason


def test_what_an_agency_wrote_itself_is_told_with_the_figures_that_it_reads(
    shipped: PolicySet, case: Callable[..., Facts]
) -> None:
    own = (
        '@id("own_rule") @title("Nearby only") @reason("We lend dogs nearby only.")\n'
        'forbid (principal, action == Action::"borrow", resource)\n'
        "unless { context has distance_km && context.distance_km < 30 };\n"
    )
    assert reasons(shipped, case(), cedar=own)[0].startswith("We lend dogs nearby only. The distance here is not known")


def test_a_certificate_is_told_with_its_last_day_and_where_there_is_none_that_it_is_not_known(
    shipped: PolicySet, case: Callable[..., Facts]
) -> None:
    own = (
        '@id("own_rule") @title("Certified") @reason("We lend only what is certified for long.")\n'
        'forbid (principal, action == Action::"borrow", resource)\n'
        'unless { resource has certified_until && resource.certified_until > datetime("2030-01-01T00:00:00Z") };\n'
    )
    held = {"like": "narcotics_dog", "certifications": [{"code": "k9.narcotics", "expires_on": "2027-05-31"}]}
    (told,) = reasons(shipped, case(asset=held), cedar=own)
    assert told.endswith("Its Narcotics detection K9 certification is valid through 2027-05-31.")
    none = {"like": "narcotics_dog", "certifications": [], "certification_required": False}
    (told,) = reasons(shipped, case(asset=none), cedar=own)
    assert told.endswith("is not known, because no certification of it is on file.")


def test_numbers_and_names_are_written_as_people_write_them() -> None:
    def text(rule: StandardRule) -> Sequence[str]:
        return cedar_of([rule]).splitlines()[1:3]

    assert text(LongestLoan(hours=1)) == [
        '@title("Longer than 1 hour")',
        '@reason("The owner lends anything for at most 1 hour.")',
    ]
    assert "at least 1 hour ahead" in text(LeastNotice(hours=1))[1]
    told = text(PurposesOnly(purposes=("missing_person", "training"), category="k9.narcotics"))[1]
    assert "“Narcotics detection K9” for these purposes only: Missing person, Training." in told
    assert name_of("own-0123.sled") == "own-0123.sled"
    assert (counted(0, "hour"), counted(1, "hour"), counted(2, "hour")) == ("0 hours", "1 hour", "2 hours")


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        (None, "2099-01-01 06:00 UTC"),
        ("America/Chicago", "2099-01-01 06:00 UTC (2099-01-01 00:00 in America/Chicago)"),
        ("Pacific/Auckland", "2099-01-01 06:00 UTC (2099-01-01 19:00 in Pacific/Auckland)"),
        ("Africa/Abidjan", "2099-01-01 06:00 UTC"),
    ],
)
def test_a_boundary_is_told_in_utc_and_where_the_agreement_is(zone: str | None, told: str) -> None:
    assert instant_in_words(datetime(2099, 1, 1, 6, tzinfo=UTC), zone) == told
