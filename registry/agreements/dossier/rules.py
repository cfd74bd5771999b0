"""For whom a file is made, what its parts are called, how it is verified, and how its versions came about."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from registry.agreements.instruments.days import Days
from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.receipt import ShownReceipt, disputed_in_words
from registry.agreements.instruments.remarks import about_end, about_notice, about_renewals
from registry.agreements.instruments.schemas.consenting import ReportedAct
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.instruments.schemas.shown import AgreementParty, AgreementVersion, VersionSignature
from registry.agreements.instruments.term_days import Renewal
from registry.agreements.instruments.terms import Terms
from registry.platform.access.principals import Principal
from registry.platform.kernel.errors import WrongStatus

_LONGEST_STEM = 60
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]+")


class Audience(StrEnum):
    """For whom a file is made."""

    PARTIES = "parties"
    PUBLIC = "public"


NOT_A_PARTY = Principal(
    subject="public", agency_id=UUID(int=0), roles=frozenset(), scopes=frozenset(), token_id="", issuer=""
)
"""Whom the public file is made for, whoever asks for it: no agency, no role."""


def check_published(*, published: bool) -> None:
    """Raises WrongStatus for an agreement that is not executed, or whose text its parties have not published."""
    if not published:
        raise WrongStatus(
            "The agreement has no public file: it is not executed, no provision of its text is marked public, or a "
            "party has not agreed to publish it. `publication` says whose word is outstanding."
        )


def plain_stem(name: str | None) -> str:
    """A name of letters, digits and hyphens, which every file system takes."""
    plain = unicodedata.normalize("NFKD", name or "").encode("ascii", "ignore").decode()
    return _NOT_PLAIN.sub("-", plain)[:_LONGEST_STEM].strip("-").lower() or "document"


_VERIFICATION = """How to verify this file

1. Unpack the archive. `manifest.json` lists every other part with its size in bytes and its SHA-256.
2. Compute the SHA-256 of each part, for instance with `sha256sum` (Linux), `shasum -a 256` (macOS) or
   `Get-FileHash -Algorithm SHA256` (Windows PowerShell), and compare it with the manifest. A part that is not in the
   manifest, or that differs, was not made by the registry.
3. That this file was made is an event of the registry's ledger, `agreement.file_exported`, and its
   `data.manifest_sha256` is the SHA-256 of `manifest.json`. {who} by
   `GET /v1/audit-events?type=agreement.file_exported`; to others they may confirm it. The ledger is the registry's own:
   no time stamp of anybody outside stands beside it or in this file, so when the file was made is the registry's word.
"""
_OF_PARTIES = """\
4. Each line of `versions/NNN/parts.jsonl` is a part of that version as it was hashed, with its salt: what stands beside
   the provisions, then each provision in order. Of a part that is withheld the line holds its SHA-256 alone, in
   quotation marks. Compute the SHA-256 of each other line, without its end of line. Write all of them in order, each as
   64 lower-case hexadecimal digits and one line feed: the SHA-256 of that is the version's digest. In Python:

       import hashlib
       lines = open("versions/001/parts.jsonl", "rb").read().splitlines()
       parts = [each[1:-1] if each[:1] == b'"' else hashlib.sha256(each).hexdigest().encode() for each in lines]
       print(hashlib.sha256(b"".join(each + b"\\n" for each in parts)).hexdigest())

   An electronic signature in `signatures.json` was given to that digest. A signature on paper was given to the paper,
   and not to these bytes. `text.txt` and `version.json` beside it are made for reading: compare them with the lines.
5. A document under `documents/` has the SHA-256 that `documents.json` gives; where a signature names it as its
   evidence, it is by that hash.
"""
_OF_PUBLIC = """\
4. On one day the same record gives the same bytes, whoever asks: have the file made again, by
   `GET /v1/agreements/{agreement_id}/public-file.zip`, and compare. The index names the day; what step 5 lists changes
   only with the record, or when a day that it tells of has come.
5. What to compare with a copy that somebody else has, or that was printed, each by its SHA-256:

{digests}

6. The digest of a version, to which an electronic signature is given, is over all of its text. It cannot be computed
   from this file, which leaves out what is withheld, nor do signatures stand here: ask a party for them.
"""
_WHO_READS = {
    Audience.PARTIES: "The roles auditor, agency_admin and registry_admin of the agency that had it made, and of the\n"
    "   custodian, read it",
    Audience.PUBLIC: "The roles auditor, agency_admin and registry_admin of the agency that had it made read it",
}


def lines_of_parts(parts: Iterable[tuple[bytes | None, str]]) -> bytes:
    """The parts of a version, each as its bytes and their SHA-256, one a line; of one without bytes the digest alone.

    A line feed inside the bytes is impossible: canonical JSON escapes it.
    """
    return b"".join((b'"%b"' % sha256.encode() if its is None else its) + b"\n" for its, sha256 in parts)


def verification(
    audience: Audience, agreement_id: UUID, origins: Sequence[str], digests: Iterable[tuple[str, str]]
) -> str:
    """How to verify the file, by what stands in it, and how each of its versions came about.

    `digests`: the paths of the parts so far with their SHA-256, which the public file lists for comparison.
    """
    text = _VERIFICATION.format(who=_WHO_READS[audience])
    if audience is Audience.PUBLIC:
        listed = "\n".join(f"       {sha256}  {path}" for path, sha256 in digests)
        text += _OF_PUBLIC.format(agreement_id=agreement_id, digests=listed)
    else:
        text += _OF_PARTIES
    if not origins:
        return text
    return "\n".join((text, "How each version came about", "", *(f"- {each}" for each in origins), ""))


class ReceiptLine(Struct, kw_only=True, frozen=True):
    """A receipt from which a notice counts: of whose notice, to whom it went, and how that stands, in words."""

    giver_id: UUID
    giver: str
    notice_on: date
    recipient: str
    stands: str
    awaited: bool


def receipt_lines(parties: Iterable[AgreementParty], reported: Iterable[ReportedAct]) -> Iterator[ReceiptLine]:
    """The receipts of each notice that counts from them; `reported` says of which days they are reported."""
    days = {each.id: each.acted_on for each in reported}
    for party in parties:
        for each in party.notice_receipts:
            assert party.withdrawal_notice_on is not None, "it is its notice that was received"
            awaited = each.received_on is None and party.leaves_at is None
            yield ReceiptLine(
                giver_id=party.agency.id,
                giver=party.agency.name,
                notice_on=party.withdrawal_notice_on,
                recipient=each.agency.name,
                stands=_stands(party, each, [str(days[its]) for its in each.report_ids], awaited=awaited),
                awaited=awaited,
            )


def _stands(party: AgreementParty, receipt: ShownReceipt, reported_on: Sequence[str], *, awaited: bool) -> str:
    if receipt.status == "disputed":
        return f"DISPUTED: {disputed_in_words(party.agency.name, [receipt])}; the later day counts until they agree"
    if receipt.received_on is not None:
        return f"on {receipt.received_on}"
    said = f"awaited since {party.withdrawal_notice_on}"
    if reported_on:
        of = f"{party.agency.name} reports it of {', '.join(reported_on)}"
        denied = f"{receipt.agency.name} contests that" if receipt.status == "contested" else "not confirmed so far"
        said += f"; {of}, {denied}"
    return f"{said}; until when {party.agency.name} is bound is not known" if awaited else said


class BesidePublicText(Struct, kw_only=True, frozen=True):
    """What stands beside a published version; `paper_shown`: its paper is among the public documents."""

    from_paper: bool
    recording: "Recording | None"
    paper_shown: bool
    terms: Terms
    notice: Notice
    expires_on: date | None
    renewal: Renewal | None


def public_warnings(version_no: int, text: BesidePublicText, parties: Sequence[UUID]) -> Iterator[str]:
    """What the public has to know of a published version: what it was typed from, and which days run by silence.

    Where its paper is kept, and whether the parties have it on file, is not said.
    """
    said = f"Version {version_no}"
    if text.from_paper:
        by = "" if text.recording is None else f" on {text.recording.recorded_on}"
        if text.recording is not None and text.recording.recorded_by is not None:
            by += f" by {text.recording.recorded_by}"
        yield f"{said} was transcribed from paper{by}: what was signed is the paper, and this is what was typed."
        if not text.paper_shown:
            yield f"The paper of version {version_no} is not on file for the public: nothing in this file shows it."
    silent = (*about_notice(text.notice, parties), *about_end(text.expires_on, text.terms))
    for remark in (*silent, *about_renewals(text.expires_on, text.renewal)):
        yield f"{said}: {remark.detail}"


class Recording(Struct, kw_only=True, frozen=True):
    """Who took a version over from paper, and on which day where that agency is; `recorded_by` None: not known."""

    recorded_by: str | None
    recorded_on: date


def came_about(version: AgreementVersion, recording: Recording | None, days: Days) -> str:
    """How a version came to be on record and who put its hand to what, as far as the registry knows it."""
    return " ".join((f"Version {version.version_no}:", *_came_about(version, recording, days)))


def _came_about(version: AgreementVersion, recording: Recording | None, days: Days) -> Iterator[str]:
    if version.sha256 is None:
        yield "a draft, which nobody has signed and which may still change."
        return
    if version.evidence is not None:
        by = "" if recording is None or recording.recorded_by is None else f" by {recording.recorded_by}"
        on = "" if recording is None else f" on {recording.recorded_on}"
        yield f"transcribed from paper{on}{by}."
        yield f"The original: {where_kept(version.evidence, version.version_no)}."
    else:
        yield "written in the registry."
    for each in version.signatures:
        who = f"{each.agency.name} ({each.signatory_title})"
        authority = _authority(each, days)
        if each.manner == "electronic":
            yield f"{who} signed these bytes here electronically on {each.signed_on}{authority}."
            continue
        entered_on = days.of(each.agency.id, each.recorded_at)
        shown = (
            "no evidence named"
            if each.evidence is None
            else f"evidence: {where_kept(each.evidence, version.version_no)}"
        )
        entered = f"entered here on {entered_on} as {each.manner}; {shown}"
        yield f"{who} signed on paper on {each.signed_on}, {entered}{authority}."
    if not version.signatures:
        yield "Nobody's signature to it is on record."


def _authority(signature: VersionSignature, days: Days) -> str:
    """On whose authority it was signed, and since when that is on record; empty where none is."""
    its = signature.authority
    if isinstance(its, str):
        return ""
    entered_on = days.of(signature.agency.id, its.recorded_at)
    later = ", after the signature" if its.recorded_later else ""
    return (
        f"; on the authority of “{its.office}” ({its.basis}), entered on {entered_on} by {its.recorded_by.name}{later}"
    )


def where_kept(evidence: Evidence, version_no: int | None = None) -> str:
    """Whether a paper is on file, and as which document, else where it is said to be.

    `version_no`: the version that it is to be of, which who filed the document must have named; None for any.
    """
    if evidence.document is not None:
        name = evidence.document.name or "without a title"
        if version_no is not None and version_no not in evidence.document.of_versions:
            return (
                f"known by its SHA-256 {evidence.sha256} alone: the document of that hash, “{name}” "
                f"({evidence.document.id}), was filed by nobody as one of version {version_no}"
            )
        return f"on file as document “{name}” ({evidence.document.id})"
    if evidence.on_file:
        return "on file, in a document that is not named to whom this file was made for"
    if evidence.location is not None:
        return f"not on file, said to be kept at {evidence.location}"
    return f"not on file, known by its SHA-256 {evidence.sha256} alone"
