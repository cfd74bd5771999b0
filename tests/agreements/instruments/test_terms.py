"""The terms of an agreement: what the wire takes, and which contradictions are told."""

import msgspec
import pytest

from registry.agreements.instruments.terms import Reimbursement, Terms, contradictions
from registry.platform.kernel.money import Money

PROVISIONS = ["1", "2", "4.2"]


def told(terms: Terms, provisions: list[str] = PROVISIONS) -> list[tuple[str | None, str]]:
    return [(fault.pointer, fault.code) for fault in contradictions(terms, provisions)]


def test_the_least_that_terms_say_is_what_they_cover() -> None:
    terms = msgspec.json.decode(b'{"categories":["any"]}', type=Terms)
    assert told(terms, []) == []
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b"{}", type=Terms)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"categories":[]}', type=Terms)


def test_full_terms_that_agree_with_themselves_raise_nothing() -> None:
    terms = Terms(
        categories=["k9", "vehicle.command_post"],
        purposes=["mutual_aid", "training"],
        max_duration_hours=72,
        notice_hours=4,
        cost_ceiling=Money(amount="5000.00"),
        max_quantity=2,
        approval_over_hours=48,
        reimbursement=Reimbursement(model="actual_after_hours", free_hours=12),
        claim_window_days=60,
        liability="respective",
        command="requesting",
        sop_control="assisting",
        pay_control="assisting",
        recall_notice_hours=2,
        insurance_required=True,
        clauses={"max_duration_hours": "4.2", "reimbursement": "2", "insurance_required": "1"},
    )
    assert told(terms) == []
    assert msgspec.json.decode(msgspec.json.encode(terms), type=Terms) == terms


@pytest.mark.parametrize(
    "body",
    [
        b'{"categories":["K9"]}',
        b'{"categories":["k9"],"lender":"x"}',
        b'{"categories":["k9"],"max_duration_hours":0}',
        b'{"categories":["k9"],"max_duration_hours":87601}',
        b'{"categories":["k9"],"max_duration_hours":1.5}',
        b'{"categories":["k9"],"notice_hours":-1}',
        b'{"categories":["k9"],"max_quantity":0}',
        b'{"categories":["k9"],"liability":"nobody"}',
        b'{"categories":["k9"],"reimbursement":{"model":"barter"}}',
        b'{"categories":["k9"],"reimbursement":{"model":"none","tip":1}}',
        b'{"categories":["k9"],"clauses":{"max_duration_hours":""}}',
        b'{"categories":["k9"],"clauses":{"max_duration_hours":"4 2"}}',
    ],
)
def test_what_is_out_of_bounds_is_refused_on_the_wire(body: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Terms)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("max_duration_hours", 1, 87_600),
        ("approval_over_hours", 1, 87_600),
        ("notice_hours", 0, 8_760),
        ("recall_notice_hours", 0, 8_760),
        ("max_quantity", 1, 100_000),
        ("claim_window_days", 1, 3_650),
    ],
)
def test_each_number_has_its_bounds(name: str, least: int, most: int) -> None:
    for number in (least, most):
        assert getattr(k9(**{name: number}), name) == number
    for number in (least - 1, most + 1):
        with pytest.raises(msgspec.ValidationError):
            k9(**{name: number})


def test_each_list_has_its_bounds() -> None:
    codes = [f"c{index}" for index in range(201)]
    numbers = dict.fromkeys(codes[:41], "1")
    assert k9(categories=codes[:200], purposes=codes[:100], clauses=dict.fromkeys(codes[:40], "1" * 32))
    for over in ({"categories": codes}, {"purposes": codes[:101]}, {"clauses": numbers}, {"clauses": {"x": "1" * 33}}):
        with pytest.raises(msgspec.ValidationError):
            k9(**over)


def k9(**terms: object) -> Terms:
    return msgspec.convert({"categories": ["k9"], **terms}, Terms)


RATE = {"amount": "90.00", "currency": "USD"}


@pytest.mark.parametrize(
    ("terms", "pointer", "code"),
    [
        (k9(categories=["k9", "k9"]), "/categories/1", "listed_twice"),
        (k9(purposes=["training", "training"]), "/purposes/1", "listed_twice"),
        (k9(categories=["any", "k9"]), "/categories/1", "category_covered_already"),
        (k9(categories=["k9.narcotics", "k9"]), "/categories/0", "category_covered_already"),
        (k9(clauses={"max_duration": "4.2"}), "/clauses/max_duration", "unknown_term"),
        (k9(clauses={"clauses": "4.2"}), "/clauses/clauses", "unknown_term"),
        (k9(clauses={"categories": "9"}), "/clauses/categories", "unknown_provision"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_by_itself_is_told_once_where_it_stands(terms: Terms, pointer: str, code: str) -> None:
    assert told(terms) == [(pointer, code)]


@pytest.mark.parametrize(
    ("terms", "code", "first", "second"),
    [
        (
            k9(max_duration_hours=72, approval_over_hours=72),
            "approval_never_reached",
            "/approval_over_hours",
            "/max_duration_hours",
        ),
        (
            k9(approval_required=True, approval_over_hours=8),
            "approval_always_required",
            "/approval_over_hours",
            "/approval_required",
        ),
        (k9(least_priority="emergency", notice_hours=4), "notice_never_applies", "/notice_hours", "/least_priority"),
        (
            k9(suspension="at_once", suspension_notice_days=10),
            "suspension_notice_contradicts",
            "/suspension_notice_days",
            "/suspension",
        ),
        (
            k9(max_duration_hours=8, recall_notice_hours=8),
            "recall_outlasts_loan",
            "/recall_notice_hours",
            "/max_duration_hours",
        ),
        (
            k9(reimbursement={"model": "none", "rate_per_hour": RATE}),
            "rate_contradicts_model",
            "/reimbursement/rate_per_hour",
            "/reimbursement/model",
        ),
        (
            k9(reimbursement={"model": "fixed_rate"}),
            "rate_missing",
            "/reimbursement/rate_per_hour",
            "/reimbursement/model",
        ),
        (
            k9(reimbursement={"model": "full", "free_hours": 12}),
            "free_hours_contradict_model",
            "/reimbursement/free_hours",
            "/reimbursement/model",
        ),
        (
            k9(reimbursement={"model": "actual_after_hours"}),
            "free_hours_missing",
            "/reimbursement/free_hours",
            "/reimbursement/model",
        ),
        (
            k9(max_duration_hours=12, reimbursement={"model": "actual_after_hours", "free_hours": 12}),
            "free_hours_cover_every_loan",
            "/reimbursement/free_hours",
            "/max_duration_hours",
        ),
        (
            k9(claim_window_days=60, reimbursement={"model": "none"}),
            "claims_without_reimbursement",
            "/claim_window_days",
            "/reimbursement/model",
        ),
        (
            k9(automatic_aid=[{"categories": ["lab"], "trigger": "Second alarm"}]),
            "automatic_aid_not_covered",
            "/automatic_aid/0/categories",
            "/categories",
        ),
        (
            k9(
                reimbursement={"model": "fixed_rate", "rate_per_hour": RATE},
                cost_ceiling={"amount": "1.00", "currency": "CAD"},
            ),
            "currencies_differ",
            "/cost_ceiling/currency",
            "/reimbursement/rate_per_hour/currency",
        ),
        (
            k9(clauses={"max_duration_hours": "4.2"}),
            "clause_without_term",
            "/clauses/max_duration_hours",
            "/max_duration_hours",
        ),
        (k9(clauses={"liability": "4.2"}), "clause_without_term", "/clauses/liability", "/liability"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_of_two_that_cannot_be_meant_together_both_are_told_in_the_same_words(
    terms: Terms, code: str, first: str, second: str
) -> None:
    assert told(terms) == [(first, code), (second, code)]
    assert len({fault.detail for fault in contradictions(terms, PROVISIONS)}) == 1


def test_every_provision_that_shares_its_number_is_told_once() -> None:
    twice = "provision_number_twice"
    assert told(k9(), ["1", "2", "1"]) == [("/provisions/0/number", twice), ("/provisions/2/number", twice)]
    assert [pointer for pointer, _ in told(k9(), ["1", "1", "1"])] == [f"/provisions/{n}/number" for n in range(3)]


def test_a_category_is_not_covered_by_one_whose_name_it_merely_begins_with() -> None:
    assert told(k9(categories=["k9", "k9_support"])) == []


@pytest.mark.parametrize("hours", [71, 1])
def test_a_threshold_below_the_longest_loan_is_no_contradiction(hours: int) -> None:
    assert told(k9(max_duration_hours=72, approval_over_hours=hours, recall_notice_hours=hours)) == []


def test_several_contradictions_are_all_told() -> None:
    terms = k9(
        categories=["k9", "any"],
        least_priority="emergency",
        notice_hours=1,
        claim_window_days=3,
        reimbursement={"model": "none"},
    )
    assert list(dict.fromkeys(code for _, code in told(terms))) == [
        "category_covered_already",
        "notice_never_applies",
        "claims_without_reimbursement",
    ]
