"""What is restricted in an agreement, and is repeated in a text that is to be read by more."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct

from registry.agreements.instruments.queries.provisions import is_cleared
from registry.agreements.instruments.queries.visibility import (
    closed_to,
    keeps,
    legible_to_parties,
    reads_restricted_passage,
    shared_with,
)
from registry.agreements.instruments.repeated import Wording
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.tables import (
    agreement,
    agreement_passage,
    agreement_version,
    document_repetition,
)
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read

_passage = agreement_passage
_OF_IT = _passage.c.agreement_id == sa.bindparam("agreement_id", type_=_passage.c.agreement_id.type)
_NO_VERSION = _passage.c.version_id.is_(None)
_RESTRICTED = (
    sa.select(
        _passage.c.version_id,
        agreement_version.c.no.label("version_no"),
        _passage.c.number,
        _passage.c.document_id,
        _passage.c.text,
        sa.and_(
            shared_with(),
            sa.or_(_NO_VERSION, sa.and_(sa.or_(legible_to_parties(), keeps()), ~closed_to())),
            reads_restricted_passage(),
        ).label("reached"),
    )
    .join(agreement, agreement.c.id == _passage.c.agreement_id)
    .outerjoin(agreement_version, agreement_version.c.id == _passage.c.version_id)
    .where(_OF_IT, _passage.c.sensitivity == Sensitivity.RESTRICTED)
    .order_by(agreement_version.c.no.desc(), _passage.c.n)
)
# What was filed by somebody who could not know that it is restricted has declassified nothing.
_BY_MISTAKE = (
    sa.select(sa.literal(1))
    .where(document_repetition.c.document_id == _passage.c.document_id, sa.not_(document_repetition.c.declassified))
    .correlate(_passage)
    .exists()
)
_OPEN = (
    sa.select(_passage.c.text)
    .outerjoin(agreement_version, agreement_version.c.id == _passage.c.version_id)
    .where(
        _OF_IT,
        _passage.c.sensitivity.in_(sa.bindparam("as_wide", type_=sa.Text, expanding=True)),
        sa.or_(_NO_VERSION, legible_to_parties()),
        ~_BY_MISTAKE,
    )
)


class RestrictedSource(Struct, kw_only=True, frozen=True):
    """The clause of a version, or the document, that says something restricted."""

    version_id: UUID | None = None
    version_no: int | None = None
    clause: str | None = None
    document_id: UUID | None = None

    @property
    def named(self) -> str:
        """Which it is, in words."""
        if self.clause is None:
            return "a document on file as restricted"
        return f"clause {self.clause}" + ("" if self.version_no is None else f" of version {self.version_no}")


class Repeated(Struct, kw_only=True, frozen=True):
    """What is repeated, and whether the caller may read it there."""

    source: RestrictedSource
    readable: bool


async def restricted_repeated(
    read: Read,
    principal: Principal,
    agreement_id: UUID,
    text: Sequence[str],
    sensitivity: Sensitivity,
    *,
    beside: Sequence[tuple[RestrictedSource, str]] = (),
    apart_from: UUID | None = None,
    known: Sequence[str] = (),
) -> list[Repeated]:
    """What the text, in its parts, repeats of the agreement's restricted wording, the newest first.

    `beside` is wording that is not stored yet, `apart_from` a version that it takes the place of. What stands already
    where those may read it for whom `sensitivity` is, or in the parts `known` to them, is not repeated by this text.
    """
    wording, reached = [*beside], dict.fromkeys((source for source, _ in beside), True)
    for row in await read.all(_RESTRICTED, {"agreement_id": agreement_id, "viewer": principal.agency_id}):
        if row.version_id is None or row.version_id != apart_from:
            source = RestrictedSource(
                version_id=row.version_id, version_no=row.version_no, clause=row.number, document_id=row.document_id
            )
            wording.append((source, row.text))
            reached[source] = bool(row.reached)
    if not wording:
        return []
    # Long papers take tenths of a second, in which the event loop must not wait.
    index = await asyncio.to_thread(Wording, wording)
    if not await asyncio.to_thread(index.repeated_in, text):
        return []
    as_wide = {Sensitivity.PUBLIC, sensitivity} - {Sensitivity.RESTRICTED}
    told = [[row.text] for row in await read.all(_OPEN, {"agreement_id": agreement_id, "as_wide": sorted(as_wide)})]
    found = await asyncio.to_thread(index.repeated_in, text, told_elsewhere=[*told, known])
    cleared = is_cleared(principal)
    return [Repeated(source=each, readable=cleared and its) for each, its in reached.items() if each in found]
