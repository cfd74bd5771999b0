"""The exact bytes of an agreement version that signatures bind to, and their digest.

The digest is over the digests of the version's parts, each with a salt of its own (docs/adr/0060): everybody is told
the same digest, and by it nobody learns anything of a part that is withheld.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from uuid import UUID

import msgspec

from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.rules import AgreementKind, Sensitivity
from registry.agreements.instruments.term_days import RenewalTimes
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
    auto_renew_times: RenewalTimes | None


class ProvisionText(msgspec.Struct, kw_only=True, frozen=True):
    """A provision as it enters the version: what the parties read, and who may read it by which law."""

    number: str
    heading: str
    text: str
    sensitivity: Sensitivity
    exemption: str | None


class VersionPart(msgspec.Struct, kw_only=True, frozen=True):
    """A part of a version: its bytes, which hold its salt, and their SHA-256, which tells nothing of them."""

    provision: str | None
    """The number of the provision that it is; None of the first part, what stands beside the provisions."""
    canonical: bytes
    sha256: str


def version_parts(
    particulars: Particulars, provisions: Sequence[ProvisionText], terms: Terms, salts: Iterable[str]
) -> list[VersionPart]:
    """The parts of a version, each as the canonical JSON that is hashed: the particulars, then the provisions in order.

    The first has the members of `Particulars` and `"terms":{…}`, those of a provision `exemption`, `heading`, `number`,
    `sensitivity`, `text` and `terms`. A term stands with the provision that says it, so that whoever may not read the
    provision is given no bytes of the term either; what no provision says stands with the particulars, and so does the
    list of which provision says what. Each part has its own of the `salts` (random, 128 bits or more, one for each
    part): without it, whoever knows the rest of the text could try all figures until the digest fits.

    Parties and provisions are in the order of the document, dates YYYY-MM-DD; every term is written out, those left at
    their default too; strings exactly as given (they came in as NFC). What is not in here could differ between two
    versions of one digest, and a signature meant for the first would bind to the second. The bytes are kept as they
    were hashed: a member that `Terms` gains later does not change what was signed before.
    """
    salt, numbers = iter(salts), {each.number for each in provisions}
    said: dict[str, dict[str, object]] = {number: {} for number in numbers}
    beside: dict[str, object] = {}
    for name, value in msgspec.structs.asdict(terms).items():
        said.get(terms.clauses.get(name, ""), beside)[name] = value
    return [
        _part(None, {**msgspec.structs.asdict(particulars), "terms": beside, "salt": next(salt)}),
        *(
            _part(each.number, {**msgspec.structs.asdict(each), "terms": said[each.number], "salt": next(salt)})
            for each in provisions
        ),
    ]


def _part(provision: str | None, members: dict[str, object]) -> VersionPart:
    written = canonical(members)
    return VersionPart(provision=provision, canonical=written, sha256=hashlib.sha256(written).hexdigest())


def commitments(parts: Iterable[VersionPart]) -> bytes:
    """The SHA-256 of each part in order, each as 64 lower-case hexadecimal digits and a line feed."""
    return b"".join(each.sha256.encode() + b"\n" for each in parts)


def version_hash(commitments_: bytes) -> str:
    """SHA-256 of `commitments` as 64 lower-case hexadecimal digits: the digest that a signature names."""
    return hashlib.sha256(commitments_).hexdigest()
