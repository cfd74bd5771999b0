"""What is found by its words: passages, written in the transaction of the text that they are of.

Whoever writes a title, provisions or a document calls the function for it afterwards; each makes the index say what
is there now, so calling once more does no harm.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.instruments.authority import FiledPaper
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.tables import (
    agreement,
    agreement_evidence,
    agreement_passage,
    agreement_version,
    provision,
)
from registry.platform.database.handles import Write
from registry.platform.kernel.words import index_words

_AT_ONCE = 25
_LONG_TEXT = 100_000
_INSERT = agreement_passage.insert()
_AGREEMENT_ID = sa.bindparam("its_agreement", type_=agreement.c.id.type)
_VERSION_ID = sa.bindparam("its_version", type_=agreement_version.c.id.type)
_DOCUMENT_ID = sa.bindparam("its_document", type_=agreement_passage.c.document_id.type)
_PROVISIONS = (
    sa.select(
        agreement_version.c.agreement_id,
        provision.c.number,
        provision.c.heading,
        provision.c.sensitivity,
        provision.c.text,
    )
    .join(agreement_version, agreement_version.c.id == provision.c.version_id)
    .where(provision.c.version_id == _VERSION_ID)
    .order_by(provision.c.ordinal)
)
_FORGET_TITLE = agreement_passage.delete().where(
    agreement_passage.c.agreement_id == _AGREEMENT_ID,
    agreement_passage.c.source == "title",
    agreement_passage.c.sensitivity == sa.bindparam("its_sensitivity", type_=sa.Text),
)
_FORGET_VERSION = agreement_passage.delete().where(agreement_passage.c.version_id == _VERSION_ID)
_INSERT_EVIDENCE = agreement_evidence.insert()
_FORGET_EVIDENCE = agreement_evidence.delete().where(agreement_evidence.c.document_id == _DOCUMENT_ID)
_FORGET_DOCUMENT = agreement_passage.delete().where(agreement_passage.c.document_id == _DOCUMENT_ID)


class DocumentPassage(Struct, kw_only=True, frozen=True):
    """Some text of a document, or its title, with the words it is found by; `page` where it has pages."""

    page: int | None
    text: str
    words: str


async def index_title(write: Write, agreement_id: UUID, number: str, title: str) -> None:
    """Let the agreement be found by this number and title, by who sees it as it is."""
    await _index_title(write, agreement_id, number, title, Sensitivity.PARTIES)


async def index_public_title(write: Write, agreement_id: UUID, number: str, title: str | None) -> None:
    """Let it be found by others by the title of the text that they are shown; by none where there is no such text."""
    await _index_title(write, agreement_id, number, title, Sensitivity.PUBLIC)


async def _index_title(
    write: Write, agreement_id: UUID, number: str, title: str | None, sensitivity: Sensitivity
) -> None:
    await write.run(_FORGET_TITLE, {"its_agreement": agreement_id, "its_sensitivity": sensitivity})
    if title is None:
        return
    about = {"agreement_id": agreement_id, "source": "title", "sensitivity": sensitivity}
    await _insert(
        write, [{**_NOWHERE, **about, "text": f"{number} {title}", "search_text": index_words(number, title)}]
    )


async def index_version(write: Write, version_id: UUID) -> None:
    """Let a version be found by its provisions as they are now."""
    await write.run(_FORGET_VERSION, {"its_version": version_id})
    rows = await write.all(_PROVISIONS, {"its_version": version_id})
    about = {"source": "provision", "version_id": version_id}
    texts = [row.text for row in rows]
    long = sum(map(len, texts)) > _LONG_TEXT  # its words take tenths of a second, in which the event loop must not wait
    worded = await asyncio.to_thread(_worded, texts) if long else _worded(texts)
    await _insert(
        write, [{**_NOWHERE, **about, **row._mapping, **each} for row, each in zip(rows, worded, strict=True)]
    )


async def index_document(
    write: Write,
    agreement_id: UUID,
    document_id: UUID,
    name: str | None,
    sensitivity: Sensitivity,
    filed_at: datetime,
    passages: Sequence[DocumentPassage],
) -> None:
    """Let a document of that name be found by its title and text; it may be read by whom its sensitivity says."""
    about = {
        "agreement_id": agreement_id,
        "source": "document",
        "document_id": document_id,
        "document_name": name,
        "filed_at": filed_at,
        "sensitivity": sensitivity,
    }
    await _insert(
        write,
        [{**_NOWHERE, **about, "page": each.page, "text": each.text, "search_text": each.words} for each in passages],
    )


async def index_evidence(
    write: Write,
    agreement_id: UUID,
    document_id: UUID,
    sha256: str,
    name: str | None,
    sensitivity: Sensitivity,
    paper: FiledPaper,
) -> None:
    """Let a document be found, by its hash, as the evidence for what was recorded of a paper."""
    secret = sensitivity is Sensitivity.RESTRICTED
    await write.run(
        _INSERT_EVIDENCE,
        {
            "document_id": document_id,
            "agreement_id": agreement_id,
            "version_id": paper.version_id,
            "sha256": sha256,
            "name": None if secret else name,
            "is_restricted": secret,
            "kind": paper.kind,
            "filed_by_id": paper.filed_by_id,
            "filed_at": paper.filed_at,
        },
    )


async def forget_document(write: Write, document_id: UUID) -> None:
    """Let nobody find the document any more, by its words or as evidence."""
    await write.run(_FORGET_DOCUMENT, {"its_document": document_id})
    await write.run(_FORGET_EVIDENCE, {"its_document": document_id})


_NOWHERE = dict.fromkeys(("version_id", "document_id", "document_name", "filed_at", "number", "heading", "page"))


def _worded(texts: Sequence[str]) -> list[dict[str, object]]:
    return [{"text": text, "search_text": index_words(text)} for text in texts]


async def _insert(write: Write, rows: Sequence[dict[str, object]]) -> None:
    """Passages with a word in them, some at a time: on SQLite others wait for the loop while they go in."""
    found = [row for row in rows if row["search_text"]]
    for start in range(0, len(found), _AT_ONCE):
        await write.run(_INSERT, found[start : start + _AT_ONCE])
        await asyncio.sleep(0)
