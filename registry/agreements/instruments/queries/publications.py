"""Whether what is marked public is published, and whose word is outstanding."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent_tables import agreement_publication, agreement_publication_consent
from registry.agreements.instruments.schemas.consenting import Publication
from registry.agreements.instruments.tables import agreement, agreement_party
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.database.handles import Read, Rows

_publication, _consent = agreement_publication, agreement_publication_consent
_UUID = agreement.c.id.type
_VIEWER = sa.bindparam("viewer", type_=_UUID)
_OUTSTANDING = _consent.c.agrees.is_not(sa.true())


def _words(which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Publications, each with those consents that are asked for, or once without any."""
    return (
        sa.select(
            _publication.c.id,
            _publication.c.published_at,
            _consent.c.agency_id,
            _consent.c.agrees,
            agency.c.name,
        )
        .outerjoin(_consent, sa.and_(_consent.c.publication_id == _publication.c.id, which))
        .outerjoin(agency, agency.c.id == _consent.c.agency_id)
        .outerjoin(
            agreement_party,
            sa.and_(
                agreement_party.c.agreement_id == _publication.c.agreement_id,
                agreement_party.c.agency_id == _consent.c.agency_id,
            ),
        )
        .order_by(_publication.c.id, agreement_party.c.ordinal)
    )


_OF_THINGS = _words(_OUTSTANDING).where(_publication.c.id.in_(sa.bindparam("ids", type_=_UUID, expanding=True)))
_OF_AGREEMENT = _words(
    sa.or_(
        _consent.c.agency_id == _VIEWER,
        sa.and_(_publication.c.id == sa.bindparam("version_id", type_=_UUID), _OUTSTANDING),
    )
).where(_publication.c.agreement_id == sa.bindparam("id", type_=_UUID))


class OwnWords(Struct, kw_only=True, frozen=True):
    """What a party may say of what is marked public in an agreement: agree with something, or stop something."""

    may_agree: bool = False
    may_stop: bool = False
    was_not_asked: bool = False
    """Something was published before it became a party: once it is bound it may stop that too."""


async def publications_of(read: Read, ids: Sequence[UUID]) -> dict[UUID, Publication]:
    """Of those versions or documents that are marked public, whether they are published."""
    if not ids:
        return {}
    return _grouped(await read.all(_OF_THINGS, {"ids": list(ids)}))


async def publication_in(
    read: Read, agency_id: UUID, row: Row[Any], parties: Rows
) -> tuple[Publication | None, OwnWords]:
    """Whether the agreement's version is published, and what the agency may say of that and of the documents.

    `row` is the agreement's. Where all is published, nobody's word is outstanding and nothing more has to be read.
    """
    if not row.any_unpublished:
        named = any(part.may_be_named for part in parties if part.agency_id == agency_id)
        if row.published_at is None:
            return None, OwnWords(may_stop=named)
        published = Publication(status="published", published_at=row.published_at, outstanding=[])
        return published, OwnWords(may_stop=named)
    parameters = {"id": row.id, "version_id": row.version_id, "viewer": agency_id}
    rows = await read.all(_OF_AGREEMENT, parameters)
    own = {each.id: each.agrees for each in rows if each.agency_id == agency_id}
    words = OwnWords(
        may_agree=not all(own.values()),
        may_stop=any(agrees is not False for agrees in own.values()),
        was_not_asked=any(each.id not in own for each in rows),
    )
    return _grouped([each for each in rows if each.id == row.version_id]).get(row.version_id), words


def _grouped(rows: Sequence[Row[Any]]) -> dict[UUID, Publication]:
    outstanding: dict[UUID, list[AgencyReference]] = {row.id: [] for row in rows}
    for row in rows:
        if row.agency_id is not None and not row.agrees:
            outstanding[row.id].append(AgencyReference(id=row.agency_id, name=row.name))
    published = {row.id: row.published_at for row in rows}
    return {
        each: Publication(
            status="proposed" if published[each] is None else "published",
            published_at=published[each],
            outstanding=names,
        )
        for each, names in outstanding.items()
    }
