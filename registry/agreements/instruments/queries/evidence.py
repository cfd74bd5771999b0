"""Which papers of an agreement are on file, who can read them, and how the evidence for an act is shown."""

from collections.abc import Mapping
from typing import Any, TypeAlias
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.authority import FiledPaper
from registry.agreements.instruments.queries.visibility import reads_restricted_document, shared_with
from registry.agreements.instruments.schemas.evidence import Evidence, EvidenceDocument
from registry.agreements.instruments.tables import agreement, agreement_evidence
from registry.platform.database.handles import Read
from registry.platform.kernel.time import civil_day

Papers: TypeAlias = Mapping[str, EvidenceDocument | None]
"""What is on file with an agreement, by its hash: the document filed first, None where that is restricted."""

_ON_FILE = (
    sa.select(
        agreement_evidence.c.sha256,
        agreement_evidence.c.document_id,
        agreement_evidence.c.name,
        agreement_evidence.c.is_restricted,
    )
    .where(agreement_evidence.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type))
    .order_by(agreement_evidence.c.is_restricted.desc(), agreement_evidence.c.document_id.desc())
)
# Those of the agreement that `viewer` can read: what it filed itself, and what reaches it as a party or custodian.
_READABLE = (
    sa.select(agreement_evidence)
    .join(agreement, agreement.c.id == agreement_evidence.c.agreement_id)
    .where(
        agreement_evidence.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
        sa.or_(
            agreement_evidence.c.filed_by_id == sa.bindparam("viewer", type_=agreement.c.id.type),
            sa.and_(
                shared_with(),
                sa.or_(~agreement_evidence.c.is_restricted, reads_restricted_document(agreement_evidence.c.filed_at)),
            ),
        ),
    )
)
_OF_ID = _READABLE.where(
    agreement_evidence.c.document_id == sa.bindparam("document_id", type_=agreement_evidence.c.document_id.type)
)
_OF_DIGEST = _READABLE.where(agreement_evidence.c.sha256 == sa.bindparam("sha256", type_=sa.Text))


async def papers_on_file(read: Read, agreement_id: UUID) -> Papers:
    """The documents on file with the agreement that are not withdrawn; of equal ones the first that all may know of."""
    return {
        row.sha256: None if row.is_restricted else EvidenceDocument(id=row.document_id, name=row.name)
        for row in await read.fast(_ON_FILE, {"id": agreement_id})
    }


def shown_evidence(sha256: str | None, location: str | None, papers: Papers, *, whole: bool = True) -> Evidence | None:
    """The evidence for an act; None where none was given. Documents are named to who sees the agreement `whole`."""
    if sha256 is None and location is None:
        return None
    document = papers.get(sha256) if whole and sha256 is not None else None
    return Evidence(sha256=sha256, on_file=sha256 in papers, document=document, location=location)


def evidence_of_hand(
    hand: Row[Any], recorded_from: Evidence | None, papers: Papers, time_zone: str, *, whole: bool = True
) -> Evidence | None:
    """The evidence for a signature: its own or, of a paper day before it was entered, the paper that was recorded.

    `time_zone` is where the agency is whose hand it is: its day was over there when it was entered.

    That paper shows the hands of all whom the text names, once it is on file. What reaches back otherwise has evidence
    of its own (`commands.shown_paper`).
    """
    own = shown_evidence(hand.evidence_sha256, hand.evidence_location, papers, whole=whole)
    if own is not None or recorded_from is None or not recorded_from.on_file or hand.manner == "electronic":
        return own
    return recorded_from if hand.signed_on < civil_day(hand.recorded_at, time_zone) else None


async def filed_papers(read: Read, agreement_id: UUID, sha256: str, reader_id: UUID) -> list[FiledPaper]:
    """The documents of that digest on file with the agreement, not withdrawn, that the agency can read.

    A restricted one it can read where it reaches the agency's cleared staff.
    """
    rows = await read.all(_OF_DIGEST, {"id": agreement_id, "sha256": sha256, "viewer": reader_id})
    return [FiledPaper(kind=row.kind, filed_by_id=row.filed_by_id, filed_at=row.filed_at) for row in rows]


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


async def read_by_both(read: Read, agreement_id: UUID, sha256: str, agency_id: UUID, reporter_id: UUID) -> bool:
    """Whether a document of that digest is on file that the party can read, and the reporter too.

    Else a reporter would learn by a hash whether what it may not read is on file.
    """
    return all([await is_on_file(read, agreement_id, sha256, each) for each in (agency_id, reporter_id)])


async def shown_on_file(read: Read, report: Row[Any]) -> bool:
    """Whether a document on file shows what is reported, to the party and to who reported it."""
    digest, readers = report.evidence_sha256, (report.agency_id, report.recorded_by_id)
    return digest is not None and await read_by_both(read, report.agreement_id, digest, *readers)
