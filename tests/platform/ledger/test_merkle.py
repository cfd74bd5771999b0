"""The tree against RFC 9162 read a second time, recursively as its text defines it, and against published figures."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.platform.ledger.merkle import (
    EMPTY_ROOT,
    STRIDE,
    Growth,
    Subtree,
    consistency,
    inclusion,
    is_consistent,
    leaf_hash,
    needed,
    peaks,
    proof,
    root_by_inclusion,
    root_of_range,
)

# The inputs and roots with which implementations of RFC 6962 are commonly tested.
PUBLISHED_LEAVES = (
    *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
    "606162636465666768696a6b6c6d6e6f",
)
PUBLISHED_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def mth(data: Sequence[bytes]) -> bytes:
    """RFC 9162, 2.1.1: the Merkle Tree Hash."""
    if not data:
        return hashlib.sha256(b"").digest()
    if len(data) == 1:
        return hashlib.sha256(b"\x00" + data[0]).digest()
    k = split(len(data))
    return hashlib.sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def path(m: int, data: Sequence[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.3.1: PATH."""
    if len(data) == 1:
        return []
    k = split(len(data))
    if m < k:
        return [*path(m, data[:k]), mth(data[k:])]
    return [*path(m - k, data[k:]), mth(data[:k])]


def subproof(m: int, data: Sequence[bytes], b: bool) -> list[bytes]:  # as the RFC calls it
    """RFC 9162, 2.1.4.1: SUBPROOF; PROOF(m, D) is SUBPROOF(m, D, true)."""
    if m == len(data):
        return [] if b else [mth(data)]
    k = split(len(data))
    if m <= k:
        return [*subproof(m, data[:k], b), mth(data[k:])]
    return [*subproof(m - k, data[k:], False), mth(data[:k])]


def leaves(size: int) -> list[bytes]:
    return [str(number).encode() for number in range(size)]


def stored_of(data: Sequence[bytes]) -> tuple[Growth, dict[Subtree, bytes]]:
    """A tree as the registry grows it, with what it stores."""
    growth, stored = Growth(), {}
    for number, each in enumerate(data):
        hash_ = leaf_hash(each)
        stored[0, number] = hash_
        stored |= {subtree: node for subtree, node in growth.append(hash_) if subtree[0] % STRIDE == 0}
    return growth, stored


SIZES = st.integers(1, 1_100)


def test_the_roots_that_others_published_are_ours() -> None:
    growth = Growth()
    assert growth.root == EMPTY_ROOT == mth([])
    for leaf, root in zip(PUBLISHED_LEAVES, PUBLISHED_ROOTS, strict=True):
        growth.append(leaf_hash(bytes.fromhex(leaf)))
        assert growth.root.hex() == root


@given(SIZES)
def test_a_tree_that_grew_has_the_root_that_the_rfc_defines(size: int) -> None:
    data = leaves(size)
    growth, stored = stored_of(data)
    assert growth.root == mth(data) == root_of_range(0, size, stored)
    assert Growth(size, growth.peaks).root == growth.root
    assert len(stored) <= size + size // 15


@given(SIZES, st.data())
def test_a_proof_of_inclusion_is_the_rfcs_and_is_verified(size: int, draw: st.DataObject) -> None:
    data = leaves(size)
    _, stored = stored_of(data)
    at = draw.draw(st.integers(1, size))
    index = draw.draw(st.integers(0, at - 1))
    ours = proof(inclusion(index, at), stored)
    assert ours == path(index, data[:at])
    assert root_by_inclusion(leaf_hash(data[index]), index, at, ours) == mth(data[:at])


@given(SIZES, st.data())
def test_a_proof_of_consistency_is_the_rfcs_and_is_verified(size: int, draw: st.DataObject) -> None:
    data = leaves(size)
    _, stored = stored_of(data)
    new = draw.draw(st.integers(1, size))
    old = draw.draw(st.integers(1, new))
    ours = proof(consistency(old, new), stored)
    assert ours == subproof(old, data[:new], True)
    assert is_consistent(old, new, mth(data[:old]), mth(data[:new]), ours)


@given(st.integers(2, 300), st.data())
def test_a_proof_that_was_changed_in_any_place_proves_nothing(size: int, draw: st.DataObject) -> None:
    data = leaves(size)
    _, stored = stored_of(data)
    index = draw.draw(st.integers(0, size - 1))
    good, root = proof(inclusion(index, size), stored), mth(data)
    leaf = leaf_hash(data[index])
    for place in range(len(good)):
        wrong = [*good]
        wrong[place] = bytes([wrong[place][0] ^ 1]) + wrong[place][1:]
        assert root_by_inclusion(leaf, index, size, wrong) != root
    assert root_by_inclusion(leaf, index, size, good[:-1]) != root
    assert root_by_inclusion(leaf, index, size, [*good, good[-1]]) != root
    assert root_by_inclusion(leaf_hash(b"another"), index, size, good) != root
    other = draw.draw(st.integers(0, size - 1).filter(lambda each: each != index))
    assert root_by_inclusion(leaf, other, size, good) != root


@given(st.integers(2, 300), st.data())
def test_no_proof_makes_a_rewritten_tree_the_continuation_of_another(size: int, draw: st.DataObject) -> None:
    data = leaves(size)
    old = draw.draw(st.integers(1, size - 1))
    rewritten = [*data]
    rewritten[draw.draw(st.integers(0, old - 1))] = b"rewritten"
    _, stored = stored_of(rewritten)
    found = proof(consistency(old, size), stored)
    assert not is_consistent(old, size, mth(data[:old]), mth(rewritten), found)
    assert not is_consistent(old, size, mth(rewritten[:old]), mth(data), found)
    assert not is_consistent(old, size, mth(rewritten[:old]), mth(rewritten), [*found, found[-1]])


def test_what_is_in_no_tree_has_no_proof() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="holds none"):
            inclusion(index, size)
        assert root_by_inclusion(b"", index, size, []) is None
    for old, new in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="extends"):
            consistency(old, new)
        assert not is_consistent(old, new, b"", b"", [])
    assert is_consistent(3, 3, b"same", b"same", [])
    assert not is_consistent(3, 3, b"same", b"other", [])
    assert not is_consistent(3, 4, b"", b"", [])
    with pytest.raises(ValueError, match="complete subtrees"):
        Growth(3, [b""])


@given(st.integers(0, 20_000_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n + 1))))
def test_a_proof_among_millions_reads_a_few_ranges(index_and_size: tuple[int, int]) -> None:
    index, size = index_and_size
    found = needed(inclusion(index, size))
    assert set(found) <= {level * STRIDE for level in range(7)}
    assert sum(end - start for its in found.values() for start, end in its) <= 7 * 2 * 15
    assert sum(len(its) for its in found.values()) <= 7 * 3


def test_the_complete_subtrees_of_a_range_are_in_order() -> None:
    assert peaks(0, 7) == [(2, 0), (1, 2), (0, 6)]
    assert peaks(4, 7) == [(1, 2), (0, 6)]
    assert peaks(3, 3) == []
