"""Which papers of an agreement are on file, who can read them, and how the evidence for an act is shown."""

from collections.abc import Collection, Mapping, Set
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.authority import FiledPaper
from registry.agreements.instruments.queries.shown_papers import filed_by, reached_if_restricted, shown_to
from registry.agreements.instruments.queries.visibility import reads_restricted_document, shared_with
from registry.agreements.instruments.schemas.evidence import Evidence, EvidenceDocument
from registry.agreements.instruments.tables import agreement, agreement_evidence, agreement_version
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Read
from registry.platform.kernel.time import civil_day


class Papers(Struct, frozen=True):
    """What is on file with an agreement, by its hash: the document filed first, None where that is not for the reader.

    `readable`: the hashes of those that the reader's agency can read, by its cleared staff where they are restricted.
    """

    reader_id: UUID | None = None
    filed: Mapping[str, EvidenceDocument | None] = {}
    readable: Set[str] = frozenset()

    def on_file(self, sha256: str | None, named_by: UUID | None) -> bool:
        """Whether the reader is told that a document of that hash is on file; `named_by`: which agency named the hash.

        Of what others named all are told. Of what the reader itself named it is told what it can read: else it would
        try the hashes of texts that it guesses. So too where nobody knows any more who named it (None).
        """
        return sha256 in (self.readable if named_by in (None, self.reader_id) else self.filed)


NO_PAPERS = Papers()
_paper = (
    sa.select(
        agreement_evidence.c.document_id.label("id"),
        *(agreement_evidence.c[name] for name in ("agreement_id", "version_id", "sha256", "name", "kind")),
        agreement_evidence.c.is_restricted,
        *(agreement_evidence.c[name] for name in ("filed_at", "filed_by_id")),
    )
    .where(agreement_evidence.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type))
    .subquery("paper")
)
_named = sa.and_(~_paper.c.is_restricted, sa.or_(filed_by(_paper), shown_to(_paper)))


def _not_kept_from(reader: sa.ColumnElement[UUID]) -> sa.ColumnElement[bool]:
    """Papers that the agency could read once they are put to it: that it filed itself, and not kept from it."""
    reached = reads_restricted_document(_paper.c.filed_at, _paper.c.filed_by_id, reader)
    kept = sa.or_(~_paper.c.is_restricted, reached)
    return sa.or_(_paper.c.filed_by_id == reader, sa.and_(shared_with(reader), kept))


_of_digest = _paper.c.sha256 == sa.bindparam("sha256", type_=sa.Text)
_of_agreement = _paper.join(agreement, agreement.c.id == _paper.c.agreement_id)
# Of these agencies those that could read one of that digest.
_READERS = (
    sa.select(agency.c.id)
    .select_from(
        _of_agreement.join(agency, agency.c.id.in_(sa.bindparam("agency_ids", type_=agency.c.id.type, expanding=True)))
    )
    .where(_of_digest, _not_kept_from(agency.c.id))
)
_readable = sa.or_(_named, reached_if_restricted(_paper))
_ON_FILE = (
    sa.select(
        *(_paper.c[name] for name in ("sha256", "id", "name")),
        agreement_version.c.no.label("version_no"),
        _named.label("named"),
        _readable.label("readable"),
    )
    .select_from(_of_agreement.outerjoin(agreement_version, agreement_version.c.id == _paper.c.version_id))
    .order_by(_named, _paper.c.id.desc())
)
_READABLE = sa.select(_paper).select_from(_of_agreement).where(_readable)
_OF_ID = _READABLE.where(_paper.c.id == sa.bindparam("document_id", type_=_paper.c.id.type))
_OF_DIGEST = _READABLE.where(_of_digest)


async def papers_on_file(read: Read, agreement_id: UUID, reader_id: UUID) -> Papers:
    """The documents on file with the agreement, not withdrawn; of equal ones the first that is for the reader."""
    rows = await read.fast(_ON_FILE, {"id": agreement_id, "viewer": reader_id})
    of_versions: dict[str, set[int]] = {}
    for row in rows:
        if row.named and row.version_no is not None:
            of_versions.setdefault(row.sha256, set()).add(row.version_no)
    return Papers(
        reader_id,
        {
            row.sha256: EvidenceDocument(id=row.id, name=row.name, of_versions=sorted(of_versions.get(row.sha256, ())))
            if row.named
            else None
            for row in rows
        },
        frozenset(row.sha256 for row in rows if row.readable),
    )


def shown_evidence(
    sha256: str | None, location: str | None, papers: Papers, named_by: UUID | None, *, whole: bool = True
) -> Evidence | None:
    """The evidence for an act, as `named_by` named it; None where none was given: see `Papers.on_file`.

    Documents are named to who sees the agreement `whole`.
    """
    if sha256 is None and location is None:
        return None
    document = papers.filed.get(sha256) if whole and sha256 is not None else None
    return Evidence(sha256=sha256, on_file=papers.on_file(sha256, named_by), document=document, location=location)


def evidence_of_hand(
    hand: Row[Any], recorded_from: Evidence | None, papers: Papers, time_zone: str, *, whole: bool = True
) -> Evidence | None:
    """The evidence for a signature: its own or, of a paper day before it was entered, the paper that was recorded.

    `time_zone` is where the agency is whose hand it is: its day was over there when it was entered.

    That paper shows the hands of all whom the text names, once it is on file. What reaches back otherwise has evidence
    of its own (`commands.shown_paper`).
    """
    named_by = None if hand.manner == "reported" else hand.agency_id
    own = shown_evidence(hand.evidence_sha256, hand.evidence_location, papers, named_by, whole=whole)
    if own is not None or recorded_from is None or not recorded_from.on_file or hand.manner == "electronic":
        return own
    return recorded_from if hand.signed_on < civil_day(hand.recorded_at, time_zone) else None


async def filed_papers(read: Read, agreement_id: UUID, sha256: str, reader_id: UUID) -> list[FiledPaper]:
    """The documents of that digest on file with the agreement, not withdrawn, that the agency can read.

    What is listed to it as a document it can read; a restricted one where it reaches the agency's cleared staff.
    """
    rows = await read.all(_OF_DIGEST, {"id": agreement_id, "sha256": sha256, "viewer": reader_id})
    return [
        FiledPaper(kind=row.kind, version_id=row.version_id, filed_by_id=row.filed_by_id, filed_at=row.filed_at)
        for row in rows
    ]


async def is_on_file(read: Read, agreement_id: UUID, sha256: str, reader_id: UUID) -> bool:
    """Whether there is such a document: see `filed_papers`."""
    return bool(await filed_papers(read, agreement_id, sha256, reader_id))


async def evidence_told(
    read: Read, agreement_id: UUID, reader_id: UUID, sha256: str | None, location: str | None
) -> dict[str, object]:
    """What the ledger tells of the evidence that an agency names for an act, whatever the act.

    A hash says whether a document of it was on file then, which the agency can read: what is not is said to be so, here
    and in what is shown of the act, and never taken for a paper that anybody has seen.
    """
    told: dict[str, object] = {"evidence_sha256": sha256, "evidence_location": location}
    if sha256 is not None:
        told["evidence_on_file"] = await is_on_file(read, agreement_id, sha256, reader_id)
    return told


async def digest_on_file(read: Read, agreement_id: UUID, document_id: UUID, reader_id: UUID) -> str | None:
    """The hash of that document, where it is on file with the agreement and the agency can read it."""
    row = await read.first(_OF_ID, {"id": agreement_id, "document_id": document_id, "viewer": reader_id})
    return None if row is None else str(row.sha256)


async def read_with(
    read: Read, agreement_id: UUID, sha256: str, agency_ids: Collection[UUID], reporter_id: UUID
) -> frozenset[UUID]:
    """Those of the agencies that can read a document of that digest on file, if the reporter can too, else none.

    Else a reporter would learn by a hash whether what it may not read is on file. What is reported of the party puts
    the paper to it: so it reads one that is not restricted, whenever that was filed.
    """
    if not await is_on_file(read, agreement_id, sha256, reporter_id):
        return frozenset()
    asked = {"id": agreement_id, "sha256": sha256, "agency_ids": sorted(set(agency_ids))}
    return frozenset(row.id for row in await read.all(_READERS, asked))


async def shown_on_file(read: Read, report: Row[Any]) -> bool:
    """Whether a document on file shows what is reported, to the party and to who reported it."""
    digest, its, reporter_id = report.evidence_sha256, report.agency_id, report.recorded_by_id
    return digest is not None and its in await read_with(read, report.agreement_id, digest, [its], reporter_id)
