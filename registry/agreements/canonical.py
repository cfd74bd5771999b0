"""The exact bytes of an agreement version that signatures bind to, and their hash."""

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import TypeAlias
from uuid import UUID

import msgspec

from registry.agreements.rules import AgreementKind, Sensitivity
from registry.agreements.terms import Terms

Json: TypeAlias = str | int | bool | list["Json"] | dict[str, "Json"] | None


class Particulars(msgspec.Struct, kw_only=True, frozen=True):
    """What stands beside the text and is signed with it: who agrees, and from when until when."""

    number: str
    title: str
    kind: AgreementKind
    version_kind: str
    parties: list[UUID]
    time_zone: str
    effective_on: date
    expires_on: date | None
    notice_days: int
    auto_renew_months: int | None
    auto_renew_times: int | None


class ProvisionText(msgspec.Struct, kw_only=True, frozen=True):
    """A provision as it enters the version: what the parties read, and who may read it by which law."""

    number: str
    heading: str
    text: str
    sensitivity: Sensitivity
    exemption: str | None


def canonical_json(value: Json) -> bytes:
    """UTF-8 JSON without blanks, object members sorted by name; one value has one form.

    Only strings, integers, booleans, null, lists and objects: anything else raises TypeError, since the text
    of a float or a time depends on who writes it. For member names in ASCII and integers up to 2**53 the
    bytes are those of RFC 8785, so that any library of that standard can check a hash.
    """
    _refuse_other_types(value)
    return msgspec.json.encode(value, order="deterministic")


def canonical_text(particulars: Particulars, provisions: Sequence[ProvisionText], terms: Terms) -> bytes:
    """The canonical JSON of one version.

    The members of `Particulars`, and beside them
    `"provisions":[{"exemption":…,"heading":…,"number":…,"sensitivity":…,"text":…},…]` and `"terms":{…}`: parties and
    provisions in the order of the document, dates as YYYY-MM-DD; in the terms every member is written out, those left
    at their default too; strings exactly as given (they came in as NFC). What is not in here could differ between two
    versions of one hash, and a signature meant for the first would bind to the second. The bytes are kept as they were
    hashed: a member that `Terms` gains later does not change what was signed before.
    """
    return canonical_json(
        {
            **msgspec.to_builtins(particulars),
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
