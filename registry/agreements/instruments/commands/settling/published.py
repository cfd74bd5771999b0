"""What is marked public and what of it is published: computed anew from every party's own word, in this one place."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import stays_published
from registry.agreements.instruments.consent_tables import agreement_publication, agreement_publication_consent
from registry.agreements.instruments.rules import Sensitivity, has_left
from registry.agreements.instruments.tables import (
    agreement,
    agreement_party,
    agreement_signature,
    provision,
)
from registry.platform.database.handles import Write

_publication, _consent = agreement_publication, agreement_publication_consent
_ID = sa.bindparam("id", type_=agreement.c.id.type)
_VERSIONS = sa.bindparam("versions", type_=provision.c.version_id.type, expanding=True)
_MARKED = (
    sa.select(provision.c.version_id)
    .where(provision.c.version_id.in_(_VERSIONS), provision.c.sensitivity == Sensitivity.PUBLIC)
    .distinct()
)
_PUBLICATIONS = sa.select(_publication).where(_publication.c.agreement_id == _ID).order_by(_publication.c.id)
_CONSENTS = (
    sa.select(_consent)
    .join(_publication, _publication.c.id == _consent.c.publication_id)
    .where(
        _publication.c.agreement_id == _ID,
        # Of what is published only a word that was taken back matters; master forms have hundreds of the others.
        sa.or_(_publication.c.published_at.is_(None), _consent.c.agrees.is_(sa.false())),
    )
)
_OWN_SIGNATURES = sa.select(
    *(agreement_signature.c[name] for name in ("version_id", "agency_id", "recorded_at"))
).where(agreement_signature.c.version_id.in_(_VERSIONS), agreement_signature.c.publishes)
_PARTIES = sa.select(agreement_party).where(agreement_party.c.agreement_id == _ID)
_INSERT = _publication.insert()
_ASK = _consent.insert()
_SAY = _consent.update().where(
    _consent.c.publication_id == sa.bindparam("its_publication", type_=_publication.c.id.type),
    _consent.c.agency_id == sa.bindparam("its_agency", type_=_consent.c.agency_id.type),
)
_SET = _publication.update().where(_publication.c.id == sa.bindparam("its_id", type_=_publication.c.id.type))
_FORGET_CONSENTS = _consent.delete().where(
    _consent.c.publication_id.in_(
        sa.select(_publication.c.id).where(
            _publication.c.id == sa.bindparam("its_id", type_=_publication.c.id.type),
            _publication.c.published_at.is_(None),
        )
    )
)
_FORGET = _publication.delete().where(
    _publication.c.id == sa.bindparam("its_id", type_=_publication.c.id.type), _publication.c.published_at.is_(None)
)


class Published(Struct, kw_only=True, frozen=True):
    """What has just come to be published: a version, by its number, or a document."""

    version_no: int | None = None
    document_id: UUID | None = None


class Publications(Struct, kw_only=True, frozen=True):
    """What of an agreement is published: the versions, and what has just come to be."""

    versions: frozenset[UUID] = frozenset()
    newly: list[Published] = []


async def settle_publications(
    write: Write,
    agreement_id: UUID,
    texts: Sequence[Row[Any]],
    parts: Mapping[UUID, Row[Any]],
    bound: Mapping[UUID, Collection[UUID]],
    now: datetime,
) -> Publications:
    """Ask who is to be asked, take signatures as the words they are, and note what is published.

    A signature speaks where its party has said nothing: what it said expressly stands until it says otherwise.

    `texts` are the executed ones, `bound` says by which versions each party is or was bound. From the first that has a
    public provision each text is to be published: one that has none says that nothing of it is public.
    """
    found = {row.id: row for row in await write.all(_PUBLICATIONS, {"id": agreement_id})}
    numbers = {text.version_id: text.no for text in texts}
    if new := await _newly_marked(write, texts, found.keys()):
        values = {"agreement_id": agreement_id, "document_id": None, "proposed_at": now, "published_at": None}
        await write.run(_INSERT, [{**values, "id": each, "version_id": each} for each in new])
        found = {row.id: row for row in await write.all(_PUBLICATIONS, {"id": agreement_id})}
    if not found:
        return Publications()
    words: dict[UUID, dict[UUID, bool | None]] = {each: {} for each in found}
    said: set[tuple[UUID, UUID]] = set()
    for each in await write.all(_CONSENTS, {"id": agreement_id}):
        words[each.publication_id][each.agency_id] = each.agrees
        if each.said_at is not None:
            said.add((each.publication_id, each.agency_id))
    for publication in found.values():
        if publication.published_at is None:
            asked = [
                agency_id
                for agency_id, part in parts.items()
                if agency_id not in words[publication.id]
                and _is_asked(part, now, bound_by_it=publication.version_id in bound.get(agency_id, ()))
            ]
            await ask(write, publication.id, asked)
            words[publication.id] |= dict.fromkeys(asked)
    versions = [each for each in found if each in numbers and found[each].published_at is None]
    for hand in await write.all(_OWN_SIGNATURES, {"versions": versions}) if versions else ():
        its = words[hand.version_id]
        if hand.agency_id in its and (hand.version_id, hand.agency_id) not in said:
            its[hand.agency_id] = True
            await say(write, hand.version_id, hand.agency_id, agrees=True, said_at=hand.recorded_at)
    published = {each: await _note(write, found[each], words[each].values(), now) for each in found}
    return Publications(
        versions=frozenset(each for each in numbers if published.get(each, False)),
        newly=[
            Published(version_no=numbers.get(each.version_id), document_id=each.document_id)
            for each in found.values()
            if published[each.id] and each.published_at is None
        ],
    )


async def propose_document(
    write: Write, row: Row[Any], document_id: UUID, now: datetime, *, agreed_by_id: UUID | None
) -> bool:
    """Ask every party whether a document is published; who filed it in its own name has agreed with that.

    Those of a draft are asked once it is executed. Whether it is published already: where nobody else is a party still.
    """
    values = {"id": document_id, "agreement_id": row.id, "version_id": None, "document_id": document_id}
    await write.run(_INSERT, {**values, "proposed_at": now, "published_at": None})
    asked = [] if agreed_by_id is None else [agreed_by_id]
    if row.executed_at is not None:
        parts = {part.agency_id: part for part in await write.all(_PARTIES, {"id": row.id})}
        asked += [each for each, part in parts.items() if each not in asked and _is_asked(part, now)]
    await ask(write, document_id, asked)
    if agreed_by_id is not None:
        await say(write, document_id, agreed_by_id, agrees=True, said_at=now)
    words = [True if each == agreed_by_id else None for each in asked]
    published = row.executed_at is not None and stays_published(words, before=False)
    if published:
        await write.run(_SET, {"its_id": document_id, "published_at": now})
    return published


async def forget_proposed_document(write: Write, document_id: UUID) -> None:
    """The document is withdrawn: if it is not published, nobody is asked any more."""
    await write.run(_FORGET_CONSENTS, {"its_id": document_id})
    await write.run(_FORGET, {"its_id": document_id})


async def ask(write: Write, publication_id: UUID, agency_ids: Sequence[UUID]) -> None:
    """Ask these parties for their word."""
    if agency_ids:
        unsaid = {"publication_id": publication_id, "agrees": None, "said_at": None}
        await write.run(_ASK, [{**unsaid, "agency_id": each} for each in agency_ids])


async def say(write: Write, publication_id: UUID, agency_id: UUID, *, agrees: bool, said_at: datetime) -> None:
    """Write down the latest word of a party that is asked."""
    its = {"its_publication": publication_id, "its_agency": agency_id}
    await write.run(_SAY, {**its, "agrees": agrees, "said_at": said_at})


async def _newly_marked(write: Write, texts: Sequence[Row[Any]], known: Collection[UUID]) -> list[UUID]:
    """The executed versions that are to be published and were not yet proposed."""
    ids = [text.version_id for text in texts]
    if not ids or all(each in known for each in ids):
        return []
    marked = {each.version_id for each in await write.all(_MARKED, {"versions": ids})}
    first = next((n for n, each in enumerate(ids) if each in marked), len(ids))
    return [each for each in ids[first:] if each not in known]


def _is_asked(part: Row[Any], now: datetime, *, bound_by_it: bool = False) -> bool:
    """Whether the thing is the party's affair: the text names it, or it is bound; and it had not left before."""
    concerned = bool(part.in_text) or part.joined_at is not None
    return bound_by_it or (concerned and not has_left(part.leaves_at, part.released_at, now))


async def _note(write: Write, publication: Row[Any], words: Collection[bool | None], now: datetime) -> bool:
    """Whether it is published, which is written down."""
    was = publication.published_at is not None
    is_ = stays_published(words, before=was)
    if is_ != was:
        await write.run(_SET, {"its_id": publication.id, "published_at": now if is_ else None})
    return is_
