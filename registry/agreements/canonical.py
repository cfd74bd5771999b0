"""The exact bytes of an agreement version that signatures bind to, and their hash."""

import hashlib
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from registry.agreements.rules import Sensitivity
from registry.agreements.terms import Terms

Json: TypeAlias = str | int | bool | list["Json"] | dict[str, "Json"] | None


class ProvisionText(msgspec.Struct, kw_only=True, frozen=True):
    """A provision as it enters the version: what the parties read, and who may read it."""

    number: str
    heading: str
    text: str
    sensitivity: Sensitivity


def canonical_json(value: Json) -> bytes:
    """UTF-8 JSON without blanks, object members sorted by name; one value has one form.

    Only strings, integers, booleans, null, lists and objects: anything else raises TypeError, since the text
    of a float or a time depends on who writes it. For member names in ASCII and integers up to 2**53 the
    bytes are those of RFC 8785, so that any library of that standard can check a hash.
    """
    _refuse_other_types(value)
    return msgspec.json.encode(value, order="deterministic")


def canonical_text(title: str, provisions: Sequence[ProvisionText], terms: Terms) -> bytes:
    """The canonical JSON of one version.

    `{"provisions":[{"heading":…,"number":…,"sensitivity":…,"text":…},…],"terms":{…},"title":…}`: provisions
    in the order of the document; in the terms every member is written out, those left at their default too;
    strings exactly as given (they came in as NFC). The bytes are kept as they were hashed: a member that
    `Terms` gains later does not change what was signed before.
    """
    return canonical_json(
        {
            "title": title,
            "provisions": [msgspec.to_builtins(provision) for provision in provisions],
            "terms": msgspec.to_builtins(terms),
        }
    )


def version_hash(canonical: bytes) -> str:
    """SHA-256 of `canonical_text` as 64 lower-case hexadecimal digits: the hash that a signature names."""
    return hashlib.sha256(canonical).hexdigest()


def _refuse_other_types(value: Json) -> None:
    if isinstance(value, dict):
        for key, member in value.items():
            if not isinstance(key, str):
                raise TypeError(f"canonical JSON has string member names, not {type(key).__name__}")
            _refuse_other_types(member)
    elif isinstance(value, list):
        for item in value:
            _refuse_other_types(item)
    elif value is not None and not isinstance(value, str | int):
        raise TypeError(f"canonical JSON cannot hold {type(value).__name__}")
