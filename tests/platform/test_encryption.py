"""Secrets that the database gives back: encrypted under the operator's first key, and bound to their place."""

import secrets

import pytest

from registry.platform.encryption import KEY_BYTES, CannotDecryptError, SecretKeys

OLD, NEW = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(KEY_BYTES)
PLACE = "signing_key.private_key:1"
SECRET = b"a private key"


def test_what_is_encrypted_comes_back_and_does_not_show() -> None:
    keys = SecretKeys([NEW])
    stored = keys.encrypt(SECRET, PLACE)
    assert keys.decrypt(stored, PLACE) == SECRET
    assert "private" not in stored
    assert keys.encrypt(SECRET, PLACE) != stored, "the same secret twice does not look the same"


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    before = SecretKeys([OLD]).encrypt(SECRET, PLACE)
    both = SecretKeys([NEW, OLD])
    after = both.encrypt(SECRET, PLACE)
    assert both.decrypt(before, PLACE) == both.decrypt(after, PLACE) == SECRET
    assert (both.is_newest(before), both.is_newest(after)) == (False, True)
    with pytest.raises(CannotDecryptError, match="which the settings do not hold"):
        SecretKeys([NEW]).decrypt(before, PLACE)


def test_what_was_moved_or_changed_is_refused() -> None:
    keys = SecretKeys([NEW])
    stored = keys.encrypt(SECRET, PLACE)
    head, _, text = stored.rpartition(".")
    middle = len(text) // 2
    flipped = text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]
    for place, changed in (
        ("signing_key.private_key:2", stored),
        (PLACE, f"{head}.{flipped}"),
        (PLACE, f"{head}.{text[:8]}"),
        (PLACE, f"{head}."),
        (PLACE, f"{head}.*{text[1:]}"),
        (PLACE, f"v2{stored[2:]}"),
        (PLACE, ""),
        (PLACE, SECRET.decode()),
    ):
        with pytest.raises(CannotDecryptError):
            keys.decrypt(changed, place)


def test_without_a_key_nothing_is_encrypted() -> None:
    none = SecretKeys([])
    assert not none
    with pytest.raises(LookupError):
        none.encrypt(SECRET, PLACE)
