"""The text that drafting, review and signature are about: the agreement's own, or the amendment that is on its way."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.commands.holding import parties_of
from registry.agreements.instruments.queries.visibility import still_bound
from registry.agreements.instruments.rules import AgreementAction, Stage, advance, past_agreed_end, refuse
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_party,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.instruments.terms import Terms
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import last_day_before

_NEWEST = sa.select(sa.func.max(agreement_version.c.no)).where(
    agreement_version.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type)
)
# Who is bound, also who has given notice that has not run out yet, must sign what changes the agreement.
BOUND = sa.and_(agreement_party.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type), still_bound())
_BOUND_PARTIES = sa.select(agreement_party.c.agency_id).where(BOUND).order_by(agreement_party.c.ordinal)
_MOVE = agreement_amendment.update().where(
    agreement_amendment.c.id == sa.bindparam("its_id", type_=agreement_amendment.c.id.type)
)


_WAITING = (
    sa.select(
        agreement_amendment.c.id.label("amendment_id"),
        agreement_amendment.c.stage,
        agreement_version.c.id.label("version_id"),
        *(agreement_version.c[name] for name in ("no", "title", "terms", "sha256")),
        agreement_version_dates.c.kind,
    )
    .join(agreement_version, agreement_version.c.id == agreement_amendment.c.version_id)
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .where(
        agreement_amendment.c.agreement_id == sa.bindparam("id", type_=agreement.c.id.type),
        agreement_amendment.c.closed_at.is_(None),
        agreement_amendment.c.is_paper,
        agreement_version.c.sha256 == sa.bindparam("sha256", type_=sa.Text),
    )
)


_DATES = sa.select(*(agreement_version_dates.c[name] for name in ("effective_on", "expires_on", "starts_at"))).where(
    agreement_version_dates.c.version_id == sa.bindparam("version_id", type_=agreement_version.c.id.type)
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
    is_paper: bool = False  # a change that was signed on paper before it came here, and waits for nobody

    @property
    def of_bound(self) -> bool:
        """Whether only who is bound signs it: a change that is signed here. A paper binds whoever says it signed."""
        return self.amendment_id is not None and not self.is_paper

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
            is_paper=bool(row.amendment_is_paper),
        )
    return own_text(row)


def named_by_number(row: Row[Any], version_no: int, *, own: bool = False) -> OpenText:
    """The text on its way, or the agreement's `own`, where that is the one whose number the caller read.

    Raises RuleBroken for another: who read one text does nothing to the one that came in its place.
    """
    text = own_text(row) if own else open_text(row)
    if text.version_no != version_no:
        raise RuleBroken.at(
            f"The text on its way is version {text.version_no}, not {version_no}. Read the agreement again, and name "
            "the text that it is to be done to.",
            "other_version",
            f"it is {text.version_no} now",
            pointer="/version_no",
        )
    return text


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


async def waiting_paper(write: Write, row: Row[Any], digest: str) -> OpenText | None:
    """The recorded paper of that hash that waits for the parties' words beside the text on its way; None for none."""
    paper = await write.first(_WAITING, {"id": row.id, "sha256": digest})
    if paper is None:
        return None
    return OpenText(
        version_id=paper.version_id,
        version_no=paper.no,
        stage=Stage(paper.stage),
        title=paper.title,
        raw_terms=paper.terms,
        sha256=paper.sha256,
        kind=paper.kind,
        amendment_id=paper.amendment_id,
        is_paper=True,
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


def check_before_end(
    row: Row[Any], effective_on: date, expires_on: date | None, now: datetime, *, on_paper: bool
) -> None:
    """Raises WrongStatus for a text that would hold, or lengthen the term, past an end that the parties agreed on."""
    if row.terminated_at is None:
        return
    last_day, is_over = last_day_before(row.terminated_at, row.time_zone), row.terminated_at <= now
    present = row.expires_on
    refuse(past_agreed_end(effective_on, expires_on, present, last_day, on_paper=on_paper, is_over=is_over))


async def text_begins_at(read: Read, text: OpenText) -> datetime:
    """The instant from which the text means to hold."""
    its = await read.first(_DATES, {"version_id": text.version_id})
    assert its is not None
    begins: datetime = its.starts_at
    return begins


async def check_agreed_end(write: Write, row: Row[Any], text: OpenText, now: datetime) -> None:
    """As `check_before_end`, of a change that is signed or confirmed now; one that all signed before may lengthen."""
    if text.kind == "original" or row.terminated_at is None:
        return
    its = await write.first(_DATES, {"version_id": text.version_id})
    assert its is not None
    on_paper = text.is_paper or text.amendment_id is None
    check_before_end(row, its.effective_on, its.expires_on, now, on_paper=on_paper)


async def next_version_no(write: Write, agreement_id: UUID) -> int:
    """The number of the version that is written next."""
    newest: int = await write.value(_NEWEST, {"id": agreement_id})
    return newest + 1
