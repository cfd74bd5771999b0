"""The text that drafting, review and signature are about: the agreement's own, or the amendment that is on its way."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.holding import parties_of
from registry.agreements.instruments.queries.visibility import still_bound
from registry.agreements.instruments.rules import AgreementAction, Stage, advance
from registry.agreements.instruments.tables import agreement, agreement_amendment, agreement_party, agreement_version
from registry.agreements.instruments.terms import Terms
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Write

_NEWEST = sa.select(sa.func.max(agreement_version.c.no)).where(
    agreement_version.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type)
)
# Who is bound, also who has given notice that has not run out yet, must sign what changes the agreement.
BOUND = sa.and_(agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type), still_bound())
_BOUND_PARTIES = sa.select(agreement_party.c.agency_id).where(BOUND).order_by(agreement_party.c.ordinal)
_MOVE = agreement_amendment.update().where(
    agreement_amendment.c.id == sa.bindparam("its_id", type_=agreement_amendment.c.id.type)
)


class OpenText(Struct, kw_only=True, frozen=True):
    """One version on its way to execution, with the stage that it has reached."""

    version_id: UUID
    version_no: int
    stage: Stage
    title: str
    raw_terms: Any
    sha256: str | None
    kind: str
    amendment_id: UUID | None

    @property
    def terms(self) -> Terms:
        """What policies will read of it."""
        return msgspec.json.decode(self.raw_terms, type=Terms)


def open_text(row: Row[Any]) -> OpenText:
    """The amendment on its way where there is one, else the agreement's own text."""
    if row.amendment_id is not None:
        return OpenText(
            version_id=row.amendment_version_id,
            version_no=row.amendment_no,
            stage=Stage(row.amendment_stage),
            title=row.amendment_title,
            raw_terms=row.amendment_terms,
            sha256=row.amendment_sha256,
            kind=row.amendment_kind,
            amendment_id=row.amendment_id,
        )
    return own_text(row)


def own_text(row: Row[Any]) -> OpenText:
    """The agreement's own text, whatever is on its way beside it."""
    return OpenText(
        version_id=row.version_id,
        version_no=row.version_no,
        stage=Stage(row.stage),
        title=row.version_title,
        raw_terms=row.terms,
        sha256=row.sha256,
        kind=row.its_kind,
        amendment_id=None,
    )


def written_as(row: Row[Any], text: OpenText) -> UUID:
    """The id under which it is kept who wrote at the text, through all versions on its way to execution."""
    return text.amendment_id or row.id


def advanced_text(text: OpenText, action: AgreementAction) -> Stage:
    """The text's stage after the action. Raises WrongStatus."""
    return advance(text.stage, action)


async def signatories(write: Write, agreement_id: UUID, text: OpenText, now: datetime) -> list[UUID]:
    """Whose signatures the text needs, in the order of the document: of a change, those of who is bound."""
    if text.amendment_id is None:
        return await parties_of(write, agreement_id)
    return [row.agency_id for row in await write.all(_BOUND_PARTIES, {"id": agreement_id, "now": now})]


async def move_text(write: Write, caller: Caller, text: OpenText, stage: Stage, **values: object) -> dict[str, Any]:
    """Bring the text to the stage; what is left to be written on the agreement's own row."""
    if text.amendment_id is None:
        return {"stage": stage, **values}
    closed_at = caller.now if stage in (Stage.EXECUTED, Stage.WITHDRAWN) else None
    values = {"stage": stage, "closed_at": closed_at, "executed_at": None}
    await write.run(_MOVE, {"its_id": text.amendment_id, **values})
    return {}


async def next_version_no(write: Write, agreement_id: UUID) -> int:
    """The number of the version that is written next."""
    newest: int = await write.value(_NEWEST, {"id": agreement_id})
    return newest + 1
