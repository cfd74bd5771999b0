"""Which papers of an agreement are on file, and how the evidence for an act is shown."""

from collections.abc import Mapping
from typing import TypeAlias
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.schemas.evidence import Evidence, EvidenceDocument
from registry.agreements.instruments.tables import agreement, agreement_evidence
from registry.platform.database.handles import Read

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
