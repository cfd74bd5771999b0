"""Queries about loans of one asset that are together more than the agreement lends at one time.

Nothing is lent beyond that limit; but what was lost, and asked for again, may be found. The finding is recorded, and
both sides read that it is too many: worked out on reading, so that it is gone once enough of it is back.
"""

from functools import cache
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.tables import agreement_version
from registry.agreements.instruments.terms import Terms, limit
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.directory.waiting import Asked, InboxEntry, InboxKind, InboxSubject
from registry.platform.access.permissions import Action, refusal
from registry.platform.database.handles import Read
from registry.sharing.loans.rules import OUT, Side
from registry.sharing.loans.schemas.shown import LoanedAsset, OverLimit
from registry.sharing.loans.tables import loan

_TERM: Final = "max_quantity"
_ID = loan.c.id.type
_OUT: list[sa.ColumnElement[str]] = [sa.literal_column(f"'{status}'") for status in sorted(OUT)]
_other = loan.alias("other")
_beside = (
    _other.c.asset_id == loan.c.asset_id,
    _other.c.requesting_agency_id == loan.c.requesting_agency_id,
    _other.c.status.in_(_OUT),
)
SEVERAL_OUT: Final = sa.and_(
    loan.c.status.in_(_OUT),
    sa.select(sa.literal(1)).where(*_beside, _other.c.id != loan.c.id).correlate(loan).exists(),
)
"""A criterion: it is out, and so is another loan of the same asset to the same agency."""
_IS_LAST = ~sa.select(sa.literal(1)).where(*_beside, _other.c.id > loan.c.id).correlate(loan).exists()
_HELD = (
    sa.select(sa.func.sum(_other.c.quantity - _other.c.lost_quantity - _other.c.returned_quantity))
    .where(*_beside)
    .correlate(loan)
    .scalar_subquery()
)
_OF_LOAN = (
    sa.select(_HELD.label("held"), agreement_version.c.terms, agreement_version.c.restricted_terms)
    .select_from(loan.join(agreement_version, agreement_version.c.id == loan.c.agreement_version_id))
    .where(loan.c.id == sa.bindparam("loan_id", type_=_ID))
)
_partner = agency.alias("partner")
_TASKS: Final = {
    Side.ASSISTING: "Have the rest sent back, recall it, or agree on more.",
    Side.REQUESTING: "Send the rest back, or agree on more.",
}
_NEEDED: Final = {Side.ASSISTING: Action.LOANS_HAND_OVER, Side.REQUESTING: Action.LOANS_RECEIVE}
_OTHER: Final = {Side.ASSISTING: Side.REQUESTING, Side.REQUESTING: Side.ASSISTING}
_read_asset = msgspec.json.Decoder(LoanedAsset).decode


async def over_limit_of(read: Read, row: Row[Any]) -> OverLimit | None:
    """How many of the asset the agency has by all its loans, where these are too many. `row` is as from `loan_rows`."""
    if not row.several_out:
        return None
    (found,) = await read.all(_OF_LOAN, {"loan_id": row.id})
    return _over(found)


def _over(found: Row[Any]) -> OverLimit | None:
    terms = msgspec.json.decode(found.terms, type=Terms)
    most = limit(terms.max_quantity)
    if most is None or found.held <= most:
        return None
    withheld = _TERM in msgspec.json.decode(found.restricted_terms or b"[]", type=list[str])
    return OverLimit(quantity=int(found.held), most=None if withheld else most, clause=terms.clauses.get(_TERM))


def _of_side(side: Side, *, own: bool) -> sa.Select[Any]:
    mine, other = (f"{each}_agency_id" for each in (side, _OTHER[side]))
    viewer, partner = (mine, other) if own else (other, mine)
    return (
        sa.select(
            sa.literal_column(f"'{side}'", sa.Text).label("side"),
            *(loan.c.id, loan.c.asset_snapshot, loan.c.updated_at),
            *(_partner.c.id.label("partner_id"), _partner.c.name.label("partner_name")),
            *(_HELD.label("held"), agreement_version.c.terms, agreement_version.c.restricted_terms),
        )
        .select_from(
            loan.join(_partner, _partner.c.id == loan.c[partner]).join(
                agreement_version, agreement_version.c.id == loan.c.agreement_version_id
            )
        )
        .where(
            loan.c[viewer] == sa.bindparam("viewer", type_=_ID),
            loan.c.id > sa.bindparam("after_id", type_=_ID),
            SEVERAL_OUT,
            _IS_LAST,
        )
    )


@cache
def _statement(sides: tuple[Side, ...], own: bool) -> sa.CompoundSelect[Any]:
    """Of each of these sides, in one statement, each from its side's index."""
    return sa.union_all(*(_of_side(side, own=own) for side in sides))


async def waiting_over_limit(read: Read, asked: Asked) -> list[InboxEntry]:
    """What is too many at one time, for its owner and for who has it: the last loan of each asset tells of all."""
    own = asked.whose != "partners"
    sides = tuple(
        side for side in Side if asked.whose != "me" or refusal(asked.principal, _NEEDED[side], [side.value]) is None
    )
    if not sides:
        return []
    parameters = {"viewer": asked.principal.agency_id, "after_id": asked.after_id(InboxKind.OVER_LIMIT)}
    rows = await read.all_slowly(_statement(sides, own), parameters)
    told = ((row, over) for row in rows if (over := _over(row)) is not None)
    found = [_entry(row, over, Side(row.side), own=own) for row, over in told]
    return sorted(found, key=lambda entry: entry.key)[: asked.limit]


def _entry(row: Row[Any], over: OverLimit, side: Side, *, own: bool) -> InboxEntry:
    allowed = "a restricted clause allows" if over.most is None else f"the {over.most} that are agreed at one time"
    by = "" if over.clause is None else f" (clause {over.clause})"
    task = f"{over.quantity} are out, more than {allowed}{by}. {_TASKS[side]}"
    return InboxEntry(
        id=row.id,
        kind=InboxKind.OVER_LIMIT,
        subject=InboxSubject(
            kind="loan", id=row.id, name=_read_asset(row.asset_snapshot).name, path=f"/v1/loans/{row.id}"
        ),
        task=task if own else f"{row.partner_name}: {task}",
        late=False,
        due_at=None,
        waiting_from=row.updated_at,
        partner=AgencyReference(id=row.partner_id, name=row.partner_name),
        action=None,
    )
