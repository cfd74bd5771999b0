"""Signed notes against a published one, and against the specification read a second time."""

import base64
import hashlib
import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from registry.platform.ledger.merkle import EMPTY_ROOT
from registry.platform.ledger.notes import (
    COSIGNATURE,
    LONGEST_NOTE,
    Checkpoint,
    Note,
    NoteError,
    Signature,
    VerifierKey,
    checked_name,
    parse_checkpoint,
    parse_key,
    parse_note,
    public_key,
    sign,
    verified_by,
)

# The example with which the format was published, in the documentation of the package `golang.org/x/mod/sumdb/note`.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "registry.example/ledger"
KEY = public_key(ORIGIN, PRIVATE)
CHECKPOINT = Checkpoint(ORIGIN, 7, hashlib.sha256(b"a root").digest())
NOTE = sign(CHECKPOINT.text, [(ORIGIN, PRIVATE)])


def verified_as_the_specification_says(note: str, verifier_key: str) -> tuple[str, int, bytes]:
    """Read and verify a checkpoint with nothing of the registry's own; name, size and root."""
    name, key_id, encoded = verifier_key.split("+", 2)
    kind_and_key = base64.b64decode(encoded)
    assert kind_and_key[0] == 1
    assert hashlib.sha256(name.encode() + b"\n" + kind_and_key).hexdigest()[:8] == key_id
    text, signatures = re.fullmatch(r"(.*\n)\n((?:— [^ \n]+ [^ \n]+\n)+)", note, re.DOTALL).groups()  # type: ignore[union-attr]  # it matches
    for line in signatures.splitlines():
        _, whose, signed = line.split(" ")
        raw = base64.b64decode(signed)
        if whose == name and raw[:4].hex() == key_id:
            Ed25519PublicKey.from_public_bytes(kind_and_key[1:]).verify(raw[4:], text.encode())
            break
    else:
        raise AssertionError("not signed by that key")
    origin, size, root = text.splitlines()[:3]
    return origin, int(size), base64.b64decode(root)


def test_a_published_note_is_read_verified_and_written_as_it_was() -> None:
    key, note = parse_key(PUBLISHED_KEY), parse_note(PUBLISHED)
    assert verified_by(note, [key]) == [key]
    assert (str(key), str(note)) == (PUBLISHED_KEY, PUBLISHED)


@given(st.integers(0, 2**53 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_verified_by_the_specification_alone(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root)
    note = sign(checkpoint.text, [(ORIGIN, PRIVATE)])
    assert verified_as_the_specification_says(str(note), str(KEY)) == (ORIGIN, size, root)
    assert parse_note(str(note)) == note
    assert parse_checkpoint(note) == checkpoint
    assert parse_key(str(KEY)) == KEY
    assert verified_by(note, [KEY]) == [KEY]


def test_several_keys_sign_one_note_and_unknown_ones_are_passed_over() -> None:
    other = Ed25519PrivateKey.generate()
    note = sign(CHECKPOINT.text, [(ORIGIN, other), (ORIGIN, PRIVATE)])
    assert verified_by(note, [KEY]) == [KEY]
    assert verified_by(note, [KEY, public_key(ORIGIN, other)]) == [public_key(ORIGIN, other), KEY]
    assert verified_by(note, [public_key("another.example", PRIVATE)]) == []
    assert verified_by(note, []) == []


def test_a_witness_signs_with_a_time() -> None:
    witness = Ed25519PrivateKey.generate()
    key = VerifierKey("witness.example", COSIGNATURE, public_key("", witness).public)
    signed = witness.sign(b"cosignature/v1\ntime 1700000000\n" + CHECKPOINT.text.encode())
    line = Signature(key.name, key.key_id, (1_700_000_000).to_bytes(8, "big") + signed)
    note = parse_note(f"{NOTE}{line}")
    assert verified_by(note, [KEY, key]) == [KEY, key]
    assert parse_key(str(key)) == key
    later = Signature(key.name, key.key_id, (1_700_000_001).to_bytes(8, "big") + signed)
    with pytest.raises(NoteError, match=r"witness\.example is not one of this text"):
        verified_by(Note(NOTE.text, [later]), [key])


@given(st.integers(0, len(str(NOTE)) - 1), st.characters(codec="utf-8"))
def test_no_character_of_a_note_can_be_changed(place: int, character: str) -> None:
    """It is refused, or it is not signed by the key any more."""
    whole = str(NOTE)
    changed = whole[:place] + character + whole[place + 1 :]
    try:
        found = verified_by(parse_note(changed), [KEY])
    except NoteError:
        return
    assert changed == whole or found == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "ends with signature lines"),
        ("origin\n7\nroot\n", "ends with signature lines"),
        (str(NOTE).removesuffix("\n"), "ends with signature lines"),
        (f"{CHECKPOINT.text}\n", "ends with signature lines"),
        (f"{CHECKPOINT.text}\n\n", "ends with signature lines"),
        (f"{CHECKPOINT.text}\n- {ORIGIN} AAAA\n", "a signature line is"),
        (f"{CHECKPOINT.text}\n— {ORIGIN} not base64\n", "not in base64"),
        (f"{CHECKPOINT.text}\n— {ORIGIN} AAAB\n", "too short"),
        (f"{CHECKPOINT.text}\n— {ORIGIN} AAAAAAAAAAAAAAB=\n", "as it is written"),
        (str(NOTE).replace("7", "7\t"), "control characters"),
        ("x" * LONGEST_NOTE + str(NOTE), "too long"),
    ],
)
def test_what_is_no_signed_note_is_refused(text: str, words: str) -> None:
    with pytest.raises(NoteError, match=words):
        parse_note(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("origin\n7\n", "three lines"),
        ("\n7\nroot\n", "three lines"),
        ("origin\n07\nroot\n", "no size"),
        ("origin\n-7\nroot\n", "no size"),
        ("origin\n9999999999999999\nroot\n", "no size"),
        ("origin\n7\nroot!\n", "not in base64"),
        ("origin\n7\nAAAA\n", "no hash"),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str, words: str) -> None:
    with pytest.raises(NoteError, match=words):
        parse_checkpoint(Note(text, []))


def test_further_lines_of_a_checkpoint_are_passed_over() -> None:
    assert parse_checkpoint(Note(f"{CHECKPOINT.text}another line\n", [])) == CHECKPOINT
    assert Checkpoint("o", 0, EMPTY_ROOT).text == "o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "base64|none of Ed25519"),
        ("name+00000000+AAAA", "none of Ed25519"),
        (PUBLISHED_KEY.replace("c74f20a3", "c74f20a4"), "not copied whole"),
        (PUBLISHED_KEY.replace("PeterNeumann", "Peter"), "not copied whole"),
        (PUBLISHED_KEY.replace("PeterNeumann", "Peter Neumann"), "none of them a blank"),
        (PUBLISHED_KEY[:-1], "base64"),
    ],
)
def test_what_is_no_verifier_key_is_refused(text: str, words: str) -> None:
    with pytest.raises(NoteError, match=words):
        parse_key(text)


@pytest.mark.parametrize("name", ["", "with blank", "with+plus", "line\nend", "x" * 201])
def test_a_name_that_no_key_may_have_is_refused(name: str) -> None:
    with pytest.raises(NoteError, match="1 to 200 characters"):
        checked_name(name)
