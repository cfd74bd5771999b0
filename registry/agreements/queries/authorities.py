"""Who may sign for an agency: its register, whole for itself, and cut to what partners need."""

from datetime import date, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.access.permissions import Action, refusal
from registry.access.principals import Principal, Role
from registry.agencies.queries import relations
from registry.agencies.tables import agency
from registry.agreements.authority import MOST_DELEGATIONS, AuthorityStatus, Power, revoked_on, status_on
from registry.agreements.queries.in_force import partners_in_force
from registry.agreements.rules import AgreementKind
from registry.agreements.schemas.signing import SignatoryAuthority, SigningAuthority, SigningAuthorityPage
from registry.agreements.signing_tables import agreement_signature_authority, signing_authority
from registry.database.handles import Read
from registry.http.paging import Page, cut, decode_cursor
from registry.kernel.actions import AllowedAction, offer
from registry.kernel.errors import NotFound
from registry.kernel.money import Money

_KINDS = msgspec.json.Decoder(tuple[AgreementKind, ...])
_LINKS = [signing_authority.alias(f"link_{depth}") for depth in range(MOST_DELEGATIONS + 1)]
_OF_A_LINK = ("office", "kinds", "ceiling_minor", "ceiling_currency", "valid_from", "valid_until", "revoked_on")
_AGENCY_ID = sa.bindparam("agency_id", type_=signing_authority.c.agency_id.type)


def _chains() -> sa.Select[Any]:
    """An authority with the links of its chain: those of depth n carry `_n` at the end of their columns' names."""
    joined: Any = _LINKS[0]
    for below, above in pairwise(_LINKS):
        joined = joined.outerjoin(above, above.c.id == below.c.parent_id)
    links = [link.c[name].label(f"{name}_{depth}") for depth, link in enumerate(_LINKS) for name in _OF_A_LINK]
    return sa.select(_LINKS[0], *links).select_from(joined).where(_LINKS[0].c.agency_id == _AGENCY_ID)


_LIST = (
    _chains()
    .where(_LINKS[0].c.id > sa.bindparam("after", type_=signing_authority.c.id.type))
    .order_by(_LINKS[0].c.id)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
_ONE = _chains().where(_LINKS[0].c.id == sa.bindparam("authority_id", type_=signing_authority.c.id.type))
_OF_OFFICE = _chains().where(_LINKS[0].c.office_key == sa.bindparam("office_key")).order_by(_LINKS[0].c.id)
_REGISTER = sa.select(agency.c.id, agency.c.time_zone).where(
    agency.c.id == _AGENCY_ID, sa.or_(sa.bindparam("anyone", type_=sa.Boolean), agency.c.id.in_(partners_in_force()))
)
_rests = agreement_signature_authority
_RESTS_ON = (
    sa.select(
        _rests.c.agency_id.label("signer_id"),
        *(signing_authority.c[name] for name in ("id", "office", "basis", "parent_id")),
    )
    .join(signing_authority, signing_authority.c.id == _rests.c.authority_id)
    .where(_rests.c.version_id == sa.bindparam("version_id", type_=_rests.c.version_id.type))
)
_BEGINNING = UUID(int=0)


def chain_of(row: Row[Any]) -> tuple[Power, ...]:
    """The authority's chain: its own link first."""
    cells = row._mapping
    return tuple(
        Power(
            office=cells[f"office_{depth}"],
            kinds=_KINDS.decode(cells[f"kinds_{depth}"]),
            ceiling=_money(cells[f"ceiling_minor_{depth}"], cells[f"ceiling_currency_{depth}"]),
            valid_from=cells[f"valid_from_{depth}"],
            valid_until=cells[f"valid_until_{depth}"],
            revoked_on=cells[f"revoked_on_{depth}"],
        )
        for depth in range(row.depth + 1)
    )


async def list_authorities(
    read: Read, principal: Principal, agency_id: UUID, page: Page, now: datetime
) -> SigningAuthorityPage:
    """A page of an agency's register, for itself, its partners and the administrator. Raises NotFound for others."""
    today = await today_in_register(read, principal, agency_id, now)
    after = decode_cursor(page.cursor, (UUID,))[0] if page.cursor else _BEGINNING
    rows = await read.all(_LIST, {"agency_id": agency_id, "after": after, "limit": page.limit + 1})
    kept, next_cursor = cut(rows, page.limit, lambda row: (row.id,))
    return SigningAuthorityPage(items=[as_authority(row, principal, today) for row in kept], next_cursor=next_cursor)


async def get_authority(
    read: Read, principal: Principal, agency_id: UUID, authority_id: UUID, now: datetime
) -> SigningAuthority:
    """One authority of an agency's register. Raises NotFound."""
    today = await today_in_register(read, principal, agency_id, now)
    return as_authority(await authority_row(read, agency_id, authority_id), principal, today)


async def today_in_register(read: Read, principal: Principal, agency_id: UUID, now: datetime) -> date:
    """The day it is where the agency is, for whoever may read its register. Raises NotFound."""
    anyone = agency_id == principal.agency_id or Role.REGISTRY_ADMIN in principal.roles
    parameters = {"agency_id": agency_id, "anyone": anyone, "viewer": principal.agency_id, "at": now}
    row = await read.first(_REGISTER, parameters)
    if row is None:
        raise NotFound("register of signing authorities")
    return now.astimezone(ZoneInfo(row.time_zone or "UTC")).date()


async def authority_row(read: Read, agency_id: UUID, authority_id: UUID) -> Row[Any]:
    """The row of an authority with its chain. Raises NotFound."""
    row = await read.first(_ONE, {"agency_id": agency_id, "authority_id": authority_id})
    if row is None:
        raise NotFound("register of signing authorities")
    return row


async def authorities_of_office(read: Read, agency_id: UUID, office_key: str) -> list[tuple[UUID, tuple[Power, ...]]]:
    """The ids and chains of what an office may sign, whether it holds or not."""
    rows = await read.all(_OF_OFFICE, {"agency_id": agency_id, "office_key": office_key})
    return [(row.id, chain_of(row)) for row in rows]


async def signatures_rest_on(read: Read, version_id: UUID) -> dict[UUID, SignatoryAuthority]:
    """By agency, the authority that its signature to the version rests on; left out where none was on record."""
    return {
        row.signer_id: SignatoryAuthority(id=row.id, office=row.office, basis=row.basis, delegated_from=row.parent_id)
        for row in await read.all(_RESTS_ON, {"version_id": version_id})
    }


def as_authority(row: Row[Any], principal: Principal, today: date) -> SigningAuthority:
    """The wire form of a row: whole for the own agency, else what a partner needs to trust a signature."""
    chain, own = chain_of(row), row.agency_id == principal.agency_id
    status = status_on(chain, today)
    return SigningAuthority(
        id=row.id,
        agency_id=row.agency_id,
        office=row.office,
        basis=row.basis,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        delegated_from=row.parent_id,
        status=status,
        revoked_on=revoked_on(chain),
        citation=row.citation if own else None,
        kinds=list(chain[0].kinds) if own else None,
        ceiling=chain[0].ceiling if own else None,
        revocation_reason=row.revocation_reason if own else None,
        allowed_actions=_allowed(row, principal, status),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _allowed(row: Row[Any], principal: Principal, status: AuthorityStatus) -> list[AllowedAction]:
    if refusal(principal, Action.AGENCIES_AUTHORISE, relations(principal, row.agency_id)) is not None:
        return []
    ended = status in (AuthorityStatus.REVOKED, AuthorityStatus.EXPIRED)
    bar = f"The authority is {status}." if ended else None
    if bar is None and row.depth == MOST_DELEGATIONS:
        bar = f"It was handed on {MOST_DELEGATIONS} times already."
    revoked = "It is revoked already." if row.revoked_on is not None else None
    return [offer("delegate", withheld=bar), offer("revoke", withheld=revoked)]


def _money(minor: int | None, currency: str | None) -> Money | None:
    return None if minor is None or currency is None else Money.from_minor(minor, currency)
