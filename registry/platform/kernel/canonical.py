"""Canonical JSON (RFC 8785): equal values have equal bytes, so that hashes can be verified with other software."""

import hashlib

import msgspec


def canonical(value: object) -> bytes:
    """The canonical bytes of any value that msgspec can encode: UTF-8, no blanks, members sorted by UTF-16 code units.

    Raises TypeError for a float, and for an integer beyond ±2**53, because implementations write these differently;
    UnicodeEncodeError for text with unpaired surrogates.
    """
    plain = msgspec.to_builtins(value, str_keys=True, order="sorted")
    _refuse_inexact(plain)
    encoded = msgspec.json.encode(plain)
    return encoded if encoded.isascii() else msgspec.json.encode(_by_code_units(plain))


def canonical_digest(value: object) -> str:
    """SHA-256 of the canonical form, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def _refuse_inexact(plain: object) -> None:
    found = [plain]
    for value in found:  # grows while it is iterated: no function call per value, no recursion
        kind = type(value)
        if kind is str:
            continue
        if kind is dict:
            found += value.values()  # type: ignore[attr-defined]  # a dict
        elif kind is list or kind is tuple:
            found += value  # type: ignore[arg-type]  # a list or a tuple
        elif isinstance(value, float) or (isinstance(value, int) and not -(2**53) < value < 2**53):
            raise TypeError("canonical JSON holds no floats, and no integer that a float could not hold exactly")


def _by_code_units(value: object) -> object:
    """The same value with members sorted by UTF-16 code units, where that differs from code points."""
    if isinstance(value, dict):
        return {name: _by_code_units(value[name]) for name in sorted(value, key=lambda n: n.encode("utf-16-be"))}
    return [_by_code_units(member) for member in value] if isinstance(value, list | tuple) else value
