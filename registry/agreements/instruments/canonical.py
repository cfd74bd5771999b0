"""The exact bytes of an agreement version that signatures bind to, and their hash."""

import hashlib
from collections.abc import Sequence
from datetime import date
from uuid import UUID

import msgspec

from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.rules import AgreementKind, Sensitivity
from registry.agreements.instruments.terms import Terms
from registry.platform.kernel.canonical import canonical


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
    notice: Notice
    auto_renew_months: int | None
    auto_renew_times: int | None


class ProvisionText(msgspec.Struct, kw_only=True, frozen=True):
    """A provision as it enters the version: what the parties read, and who may read it by which law."""

    number: str
    heading: str
    text: str
    sensitivity: Sensitivity
    exemption: str | None


def canonical_text(particulars: Particulars, provisions: Sequence[ProvisionText], terms: Terms) -> bytes:
    """The canonical JSON of one version.

    The members of `Particulars`, and beside them
    `"provisions":[{"exemption":…,"heading":…,"number":…,"sensitivity":…,"text":…},…]` and `"terms":{…}`: parties and
    provisions in the order of the document, dates as YYYY-MM-DD; in the terms every member is written out, those left
    at their default too; strings exactly as given (they came in as NFC). What is not in here could differ between two
    versions of one hash, and a signature meant for the first would bind to the second. The bytes are kept as they were
    hashed: a member that `Terms` gains later does not change what was signed before.
    """
    return canonical(
        {
            **msgspec.structs.asdict(particulars),
            "provisions": [*provisions],
            "terms": terms,
        }
    )


def version_hash(text: bytes) -> str:
    """SHA-256 of `canonical_text` as 64 lower-case hexadecimal digits: the hash that a signature names."""
    return hashlib.sha256(text).hexdigest()
