"""Canonical bytes: one value, one form, which any library of RFC 8785 gives too."""

import hashlib
from datetime import UTC, datetime
from uuid import UUID

import hypothesis.strategies as st
import msgspec
import pytest
import rfc8785
from hypothesis import given

from registry.platform.kernel.canonical import canonical, canonical_digest

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WHOLE = st.integers(-(2**53) + 1, 2**53 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | WHOLE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_the_bytes_are_those_of_rfc_8785(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)  # type: ignore[arg-type]  # JSON values all


@given(st.dictionaries(TEXT, WHOLE, min_size=2, max_size=6))
def test_the_order_in_which_members_were_put_makes_no_difference(value: dict[str, int]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)


def test_names_outside_the_basic_plane_sort_by_their_code_units() -> None:
    """Where sorting by code point, as most encoders do, gives other bytes."""
    value = {"\uffee": 1, "\U0001f600": 2, "a": 3}
    assert canonical(value) == rfc8785.dumps(value) == '{"a":3,"\U0001f600":2,"\uffee":1}'.encode()


class Reading(msgspec.Struct):
    value: float


@pytest.mark.parametrize(
    "value",
    [
        0.5,
        1.0,
        float("nan"),
        float("inf"),
        [1, [2.0]],
        {"a": {"b": -0.0}},
        (1.5,),
        Reading(2.5),
        {"deep": [Reading(1.5)]},
    ],
    ids=repr,
)
def test_a_float_is_refused_wherever_it_hides(value: object) -> None:
    with pytest.raises(TypeError, match="no floats"):
        canonical(value)


@pytest.mark.parametrize("value", [2**53, -(2**53), 2**64, {"n": 2**70}])
def test_an_integer_that_a_double_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="integer"):
        canonical(value)


def test_what_is_no_text_at_all_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        canonical({"name": "\ud800"})


def test_identifiers_instants_and_sets_have_one_form() -> None:
    value = {"id": UUID(int=1), "at": datetime(2026, 7, 4, 18, tzinfo=UTC), "roles": {"legal", "auditor"}}
    assert canonical(value) == (
        b'{"at":"2026-07-04T18:00:00Z","id":"00000000-0000-0000-0000-000000000001","roles":["auditor","legal"]}'
    )


def test_a_digest_is_of_the_canonical_form() -> None:
    assert canonical_digest({"b": 1, "a": []}) == hashlib.sha256(b'{"a":[],"b":1}').hexdigest()
