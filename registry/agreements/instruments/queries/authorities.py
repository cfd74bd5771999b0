"""Who may sign for an agency: its register, whole for itself, and cut to what partners need."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from functools import cache
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Row

from registry.agreements.instruments.authority import (
    MOST_DELEGATIONS,
    AuthorityStatus,
    Basis,
    Power,
    revoked_on,
    status_on,
)
from registry.agreements.instruments.queries.in_force import shown_to_partners
from registry.agreements.instruments.queries.visibility import administers
from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.schemas.signing import SignatoryAuthority, SigningAuthority, SigningAuthorityPage
from registry.agreements.instruments.signing_tables import agreement_signature_authority, signing_authority
from registry.agreements.instruments.tables import agreement_signature
from registry.directory.agencies.queries import relations
from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, refusal
from registry.platform.access.principals import Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import CHANGED, ByChange, Orders, changed_in, given
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.days import Today
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import civil_day

_KINDS = msgspec.json.Decoder(tuple[AgreementKind, ...])
_LINKS = [signing_authority.alias(f"link_{depth}") for depth in range(MOST_DELEGATIONS + 1)]
_OF_A_LINK = ("office", "kinds", "ceiling_minor", "ceiling_currency", "effective_on", "expires_on", "revoked_on")
_AGENCY_ID = sa.bindparam("agency_id", type_=signing_authority.c.agency_id.type)


def _chains(whose: sa.ColumnElement[bool] | None = _LINKS[0].c.agency_id == _AGENCY_ID) -> sa.Select[Any]:
    """An authority with the links of its chain: those of depth n carry `_n` at the end of their columns' names."""
    joined: Any = _LINKS[0]
    for below, above in pairwise(_LINKS):
        joined = joined.outerjoin(above, above.c.id == below.c.parent_id)
    links = [link.c[name].label(f"{name}_{depth}") for depth, link in enumerate(_LINKS) for name in _OF_A_LINK]
    joined = joined.join(agency, agency.c.id == _LINKS[0].c.agency_id)
    name = agency.c.name.label("agency_name")
    found = sa.select(_LINKS[0], name, *links).select_from(joined)
    return found if whose is None else found.where(whose)


_ORDERS = Orders(ByChange, created_at=_LINKS[0].c.id, updated_at=(_LINKS[0].c.updated_at, _LINKS[0].c.id))
_ONE = _chains().where(_LINKS[0].c.id == sa.bindparam("authority_id", type_=signing_authority.c.id.type))
_OF_OFFICE = _chains().where(_LINKS[0].c.office_key == sa.bindparam("office_key")).order_by(_LINKS[0].c.id)
_REGISTER = sa.select(agency.c.id, agency.c.time_zone).where(agency.c.id == _AGENCY_ID, shown_to_partners())
_REVOKED = _chains(whose=None).where(
    _LINKS[0].c.id.in_(sa.bindparam("ids", type_=signing_authority.c.id.type, expanding=True)),
    sa.or_(*(link.c.revoked_on.is_not(None) for link in _LINKS)),
)
_rests = agreement_signature_authority
_RESTS_ON = (
    sa.select(
        _rests.c.agency_id.label("signer_id"),
        agency.c.name.label("signer_name"),
        agency.c.time_zone.label("its_zone"),
        agreement_signature.c.signed_on,
        *(signing_authority.c[name] for name in ("id", "office", "basis", "parent_id", "created_at")),
    )
    .join(agency, agency.c.id == _rests.c.agency_id)
    .join(signing_authority, signing_authority.c.id == _rests.c.authority_id)
    .join(
        agreement_signature,
        sa.and_(
            agreement_signature.c.version_id == _rests.c.version_id,
            agreement_signature.c.agency_id == _rests.c.agency_id,
        ),
    )
    .where(_rests.c.version_id == sa.bindparam("version_id", type_=_rests.c.version_id.type))
)


@cache
def _page(sort: str, filters: frozenset[str], *, after: bool) -> sa.Select[Any]:
    return _ORDERS.page(_chains().where(*changed_in(_LINKS[0].c.updated_at, filters)), sort, after=after)


def chain_of(row: Row[Any]) -> tuple[Power, ...]:
    """The authority's chain: its own link first."""
    cells = row._mapping
    return tuple(
        Power(
            office=cells[f"office_{depth}"],
            kinds=_KINDS.decode(cells[f"kinds_{depth}"]),
            ceiling=_money(cells[f"ceiling_minor_{depth}"], cells[f"ceiling_currency_{depth}"]),
            effective_on=cells[f"effective_on_{depth}"],
            expires_on=cells[f"expires_on_{depth}"],
            revoked_on=cells[f"revoked_on_{depth}"],
        )
        for depth in range(row.depth + 1)
    )


async def list_authorities(
    read: Read, principal: Principal, agency_id: UUID, query: ByChange, now: datetime
) -> SigningAuthorityPage:
    """A page of an agency's register, for itself, its partners and the administrator. Raises NotFound for others."""
    today = await today_in_register(read, principal, agency_id, now)
    chosen = given(query, *CHANGED)
    parameters = {"agency_id": agency_id, **chosen, **_ORDERS.parameters(query)}
    rows = await read.all(_page(query.sort, frozenset(chosen), after=query.cursor is not None), parameters)
    kept, next_cursor = _ORDERS.cut(rows, query)
    return SigningAuthorityPage(items=[as_authority(row, principal, today) for row in kept], next_cursor=next_cursor)


async def get_authority(
    read: Read, principal: Principal, agency_id: UUID, authority_id: UUID, now: datetime
) -> SigningAuthority:
    """One authority of an agency's register. Raises NotFound."""
    today = await today_in_register(read, principal, agency_id, now)
    return as_authority(await authority_row(read, agency_id, authority_id), principal, today)


async def today_in_register(read: Read, principal: Principal, agency_id: UUID, now: datetime) -> Today:
    """Which day it is where the agency is, for whoever may read its register. Raises NotFound."""
    reader = {"viewer": principal.agency_id, "administrator": administers(principal)}
    row = await read.first(_REGISTER, {"agency_id": agency_id, "at": now, **reader})
    if row is None:
        raise NotFound("register of signing authorities")
    zone = row.time_zone or "UTC"  # an agency that takes no part yet may have none
    return Today(now=now, agency_zone=zone, agreement_zone=zone)


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


async def signatures_rest_on(read: Read, version_id: UUID, time_zone: str) -> dict[UUID, SignatoryAuthority]:
    """By agency, the authority that its signature to the version rests on; left out where none was on record.

    `time_zone`: that of the agreement, for an agency without one.
    """
    rows = await read.all(_RESTS_ON, {"version_id": version_id})
    revoked = await revocations(read, [row.id for row in rows])
    return {
        row.signer_id: signatory_authority(
            row.id,
            row.office,
            row.basis,
            row.parent_id,
            row.signed_on,
            revoked,
            AgencyReference(id=row.signer_id, name=row.signer_name),
            row.created_at,
            row.its_zone or time_zone,
        )
        for row in rows
    }


async def revocations(read: Read, ids: Collection[UUID]) -> dict[UUID, date]:
    """Of these authorities, since when those are revoked that are, by themselves or with what they rest on."""
    if not ids:
        return {}
    found = {row.id: revoked_on(chain_of(row)) for row in await read.all(_REVOKED, {"ids": sorted(set(ids))})}
    return {authority_id: day for authority_id, day in found.items() if day is not None}


def signatory_authority(
    authority_id: UUID,
    office: str,
    basis: Basis,
    delegated_from_id: UUID | None,
    signed_on: date,
    revoked: Mapping[UUID, date],
    recorded_by: AgencyReference,
    recorded_at: datetime,
    time_zone: str,
) -> SignatoryAuthority:
    """What a signature of that day rests on, whether it was taken from under it since, and when it was entered.

    An agency keeps its own register, so it is `recorded_by` the one that signed; `time_zone` is where that is.
    """
    day = revoked.get(authority_id)
    return SignatoryAuthority(
        id=authority_id,
        office=office,
        basis=basis,
        delegated_from_id=delegated_from_id,
        revoked_on=day,
        lacking=day is not None and day <= signed_on,
        recorded_by=recorded_by,
        recorded_at=recorded_at,
        recorded_later=civil_day(recorded_at, time_zone) > signed_on,
    )


def as_authority(row: Row[Any], principal: Principal, today: Today) -> SigningAuthority:
    """The wire form of a row: whole for the own agency, else what a partner needs to trust a signature."""
    chain, own = chain_of(row), row.agency_id == principal.agency_id
    status = status_on(chain, today.at_agency)
    return SigningAuthority(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        office=row.office,
        basis=row.basis,
        effective_on=row.effective_on,
        expires_on=row.expires_on,
        delegated_from_id=row.parent_id,
        status=status,
        revoked_on=revoked_on(chain),
        citation=row.citation if own else None,
        kinds=list(chain[0].kinds) if own else None,
        ceiling=chain[0].ceiling if own else None,
        revoked_reason=row.revoked_reason if own else None,
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
