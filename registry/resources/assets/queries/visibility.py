"""Which assets, and which packages of them, a caller may see: one criterion each, in every statement."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa

from registry.agreements.instruments.queries.in_force import partner_in_force, partners_in_force
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Relation
from registry.platform.access.principals import Principal
from registry.resources.assets.rules import Sharing
from registry.resources.assets.tables import asset, package, package_member

VIEWER = sa.bindparam("viewer", type_=asset.c.agency_id.type)


def visible_to(
    *, among_many: bool = False, of: sa.FromClause = asset, partners: sa.Select[Any] | None = None
) -> sa.ColumnElement[bool]:
    """A criterion: assets `of` that table that the agency `viewer` may see at the instant `at` (both bind parameters).

    These are its own, those shared with the whole network by an agency that is neither suspended nor dissolved, and
    those shared under agreement by a partner in force. A private asset is visible only to its owner. With `among_many`
    the partners and the suspended are collected once, instead of a subquery for the owner of each row; `partners` are
    these where the statement has them already.
    """
    among = partners_in_force() if partners is None else partners
    partner = of.c.agency_id.in_(among) if among_many else partner_in_force(of.c.agency_id)
    return sa.or_(
        of.c.agency_id == VIEWER,
        sa.and_(of.c.sharing == Sharing.NETWORK.value, _takes_part(of, among_many=among_many)),
        sa.and_(of.c.sharing == Sharing.AGREEMENT.value, partner),
    )


def _takes_part(shared: sa.FromClause, *, among_many: bool = False) -> sa.ColumnElement[bool]:
    """A criterion: the owner of what is shared is not suspended or dissolved: nobody could ask it for anything."""
    away: list[sa.ColumnElement[str]] = [sa.literal_column("'suspended'"), sa.literal_column("'dissolved'")]
    suspended = agency.c.status.in_(away)  # constants of the statement, as of `live`
    if among_many:
        return shared.c.agency_id.not_in(sa.select(agency.c.id).where(suspended))
    its = sa.select(sa.literal(1)).where(agency.c.id == shared.c.agency_id, suspended)
    return ~its.correlate(shared).exists()


def package_visible() -> sa.ColumnElement[bool]:
    """A criterion: packages that the agency `viewer` may see at the instant `at` (both bind parameters).

    These are its own, and those that are shared with it as an asset is, if it may see every member: a package is lent
    whole or not at all, and one with something left out would tell that there is something.
    """
    hidden = (
        sa.select(sa.literal(1))
        .select_from(package_member.join(asset, asset.c.id == package_member.c.asset_id))
        .where(package_member.c.package_id == package.c.id, sa.not_(visible_to()))
        .correlate(package)
        .exists()
    )
    shared = sa.or_(
        sa.and_(package.c.sharing == Sharing.NETWORK.value, _takes_part(package)),
        sa.and_(package.c.sharing == Sharing.AGREEMENT.value, partner_in_force(package.c.agency_id)),
    )
    return sa.or_(package.c.agency_id == VIEWER, sa.and_(shared, sa.not_(hidden)))


def relations(principal: Principal, agency_id: UUID) -> list[Relation]:
    """The relations of the caller's agency to an asset of that agency."""
    return ["own"] if principal.agency_id == agency_id else []
