"""Queries about one package; each statement has the criterion of who sees it."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.directory.agencies.schemas import AgencyReference
from registry.directory.agencies.tables import agency
from registry.platform.access.permissions import Action, Relation, refusal
from registry.platform.access.principals import Caller, Principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import asked_window
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.errors import NotFound
from registry.platform.kernel.money import Money
from registry.platform.kernel.time import LATEST, Window
from registry.resources.allocations.occupancy import Occupancy, Stretch
from registry.resources.allocations.rules import first_time_together, without_anybody
from registry.resources.assets.queries.availability import from_then_on, occupied_from
from registry.resources.assets.queries.facts import AssetRow, cost_at, facts_of
from registry.resources.assets.queries.keeping import reserves_of_several
from registry.resources.assets.queries.visibility import package_visible
from registry.resources.assets.rules import PackageStatus, ServiceStatus, Sharing
from registry.resources.assets.schemas.shown import AssetReference
from registry.resources.assets.schemas.words import CrewNeed
from registry.resources.assets.tables import package, package_member
from registry.resources.minimums.rules import Share, spare
from registry.resources.packages.rules import (
    PackageAction,
    cost_of_all,
    hides_from_others,
    reservation_withheld,
    withheld,
)
from registry.resources.packages.schemas import (
    MemberAvailability,
    Package,
    PackageAvailability,
    PackageAvailabilityQuery,
    PackageMember,
)

SHOWN = [column for column in package.c if column.name not in ("name_key", "search_text")]
_GET = (
    sa.select(*SHOWN, agency.c.name.label("agency_name"))
    .join(agency, agency.c.id == package.c.agency_id)
    .where(package.c.id == sa.bindparam("id", type_=package.c.id.type), package_visible())
)
_MEMBERS = (
    sa.select(package_member.c.asset_id, package_member.c.quantity)
    .where(package_member.c.package_id == sa.bindparam("id", type_=package.c.id.type))
    .order_by(package_member.c.position)
)


class Member(Struct, kw_only=True, frozen=True):
    """An asset of a package, and how many of it belong to the package."""

    asset: AssetRow
    quantity: int


def relations(principal: Principal, agency_id: UUID) -> list[Relation]:
    """The relations of the caller's agency to a package of that agency, which is the side that lends it."""
    return ["own", "assisting"] if principal.agency_id == agency_id else []


async def package_row(read: Read, caller: Caller, package_id: UUID) -> Row[Any]:
    """The row, if the caller may see the package. Raises NotFound."""
    row = await read.first(_GET, {"id": package_id, "viewer": caller.agency_id, "at": caller.now})
    if row is None:
        raise NotFound("package")
    return row


async def members_of(read: Read, package_id: UUID) -> list[Member]:
    """The members of a package that the caller may see, in the order in which they were named."""
    rows = await read.all(_MEMBERS, {"id": package_id})
    facts = await facts_of(read, [row.asset_id for row in rows])
    return [Member(asset=facts[row.asset_id], quantity=row.quantity) for row in rows]


async def get_package(read: Read, caller: Caller, package_id: UUID) -> Package:
    """One package as this caller may see it. Raises NotFound."""
    row = await package_row(read, caller, package_id)
    return as_package(row, await members_of(read, package_id), caller)


def as_package(row: Row[Any], members: Sequence[Member], caller: Caller) -> Package:
    """The representation of a row, with its members and the caller's allowed actions."""
    own, sharing, status = row.agency_id == caller.agency_id, Sharing(row.sharing), PackageStatus(row.status)
    shown = [_as_member(each, caller) for each in members]
    return Package(
        id=row.id,
        agency=AgencyReference(id=row.agency_id, name=row.agency_name),
        name=row.name,
        description=row.description,
        sharing=sharing,
        status=status,
        retired_reason=row.retired_reason if own else None,
        members=shown,
        hourly_cost=cost_of_all([each.hourly_cost for each in shown], [each.quantity for each in shown]),
        hidden_by=[
            AssetReference(id=each.asset.id, name=each.asset.name)
            for each in members
            if own and hides_from_others(each.asset.sharing, sharing)
        ],
        allowed_actions=_allowed(row, status, members, caller.principal),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _as_member(member: Member, caller: Caller) -> PackageMember:
    cost = cost_at(member.asset, caller.now)
    return PackageMember(
        asset_id=member.asset.id,
        name=member.asset.name,
        tag=member.asset.tag,
        category=member.asset.category,
        type_level=member.asset.type_level,
        quantity=member.quantity,
        capacity=member.asset.capacity,
        service_status=member.asset.service_status,
        crew=cast(list[CrewNeed], [*member.asset.crew]),
        hourly_cost=None if cost is None else Money.from_minor(cost.amount_minor, cost.currency),
    )


_PERMISSIONS = {PackageAction.RESERVE: Action.LOANS_RESERVE}


def _allowed(
    row: Row[Any], status: PackageStatus, members: Sequence[Member], principal: Principal
) -> list[AllowedAction]:
    unusable = [each.asset.name for each in members if not _is_usable(each)]
    reasons = {PackageAction.RESERVE: reservation_withheld(status, unusable)}
    return [
        offer(action, withheld=reasons.get(action, withheld(status)))
        for action in PackageAction
        if refusal(principal, _PERMISSIONS.get(action, Action.PACKAGES_MANAGE), relations(principal, row.agency_id))
        is None
    ]


def _is_usable(member: Member) -> bool:
    return member.asset.service_status is ServiceStatus.IN_SERVICE and member.quantity <= member.asset.capacity


async def get_availability(
    read: Read, caller: Caller, package_id: UUID, query: PackageAvailabilityQuery
) -> PackageAvailability:
    """Whether all of it can be had at once throughout a window, what cannot, and when next all of it can.

    That is what a reservation of it asks: each member is free, with each somebody to go whom no other one needs, and
    what the agency keeps stays at home. Raises NotFound.
    """
    row = await package_row(read, caller, package_id)
    window = asked_window(query.from_, query.to, "from", "to")
    span, length = (window.start, window.end), window.end - window.start
    members = await members_of(read, package_id)
    later = Window(start=min(from_then_on(each.asset, window).start for each in members), end=LATEST)
    categories = {each.asset.category for each in members}
    reserves = await reserves_of_several(read, caller.agency_id, row.agency_id, categories, later, caller.now)
    held = [await occupied_from(read, each.asset, window, reserves, caller.now) for each in members]
    alone = [its.of(each.asset, each.quantity) for each, its in zip(members, held, strict=True)]
    shares = {
        each.asset.id: Share(quantity=each.quantity, turnaround=each.asset.turnaround, weeks_in=each.asset.weeks_in)
        for each in members
    }
    together = [need for each in reserves for need in spare(each, shares)]
    teams = {each.asset.id: its.people for each, its in zip(members, held, strict=True) if its.people}
    nobody_goes = without_anybody(teams, span)
    active = row.status == PackageStatus.ACTIVE
    all_free = not nobody_goes and all(each.fits(span) for each in alone)
    enough_stay = all(each.fits(span) for each in together)
    shown = [_as_availability(each, its, span) for each, its in zip(members, alone, strict=True)]
    return PackageAvailability(
        package_id=package_id,
        window=window,
        free=active and all_free and enough_stay,
        held_back=active and all_free and not enough_stay,
        members=[_nobody_goes(each, window) if each.asset_id in nobody_goes else each for each in shown],
        next_free=first_time_together([*alone, *together], teams, window.start, length) if active else None,
    )


def _nobody_goes(shown: MemberAvailability, window: Window) -> MemberAvailability:
    return msgspec.structs.replace(shown, free_quantity=0, blocking=[window])


def _as_availability(member: Member, held: Occupancy, span: tuple[Any, Any]) -> MemberAvailability:
    def shown(stretch: Stretch) -> Window:
        return Window(start=stretch[0], end=stretch[1] or span[1])

    return MemberAvailability(
        asset_id=member.asset.id,
        name=member.asset.name,
        quantity=member.quantity,
        free_quantity=held.free_quantity(span),
        service_status=member.asset.service_status,
        blocking=[shown(each) for each in held.blocking(span)],
    )
