"""Operations on packages. They are reserved by the loans' own."""

from uuid import UUID

from litestar import Router
from litestar.params import FromPath, JSONBody

from registry.directory.agencies.queries import history
from registry.directory.agencies.schemas import LedgerEventPage
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.platform.ledger.schemas import HistoryQuery
from registry.resources.packages import commands
from registry.resources.packages.queries import getting, listing
from registry.resources.packages.schemas import (
    NEW_PACKAGE_EXAMPLE,
    NewPackage,
    Package,
    PackageAvailability,
    PackageAvailabilityQuery,
    PackagePage,
    PackagePatch,
    PackageQuery,
    PackageRetirement,
)

_MISFITS = ("asset_retired", "member_repeated", "not_own_asset", "package_name_taken", "quantity_over_capacity")


def _answer(found: Package, *, created: bool = False) -> Answer[Package]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.members, found.hidden_by, found.allowed_actions),
        location=f"/v1/packages/{found.id}" if created else None,
    )


@operation(
    "get",
    "/packages",
    permission=Action.ASSETS_READ,
    query=PackageQuery,
    problems=(
        "bad_words",
        "incomplete_window",
        "search_not_supported",
        "unknown_category",
        "window_too_long",
    ),
)
async def list_packages(
    read: Supplied[Read], filters: Supplied[PackageQuery], caller: Supplied[Caller]
) -> Answer[PackagePage]:
    """List packages: by word, owner, asset, category, and whether all of each is free in a window."""
    return Answer(await listing.list_packages(read, caller, filters))


@operation(
    "post",
    "/packages",
    permission=Action.PACKAGES_MANAGE,
    problems=_MISFITS,
    example=NEW_PACKAGE_EXAMPLE,
    etag=True,
)
async def create_package(
    data: JSONBody[NewPackage], write: Supplied[Write], caller: Supplied[Caller]
) -> Answer[Package]:
    """Group assets of your own agency into a package, which is lent whole or not at all.

    Each of them can still be lent alone. Their crews come with them.
    """
    return _answer(await commands.create_package(write, caller, data), created=True)


@operation("get", "/packages/{package_id:uuid}", permission=Action.ASSETS_READ, etag=True)
async def get_package(package_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]) -> Answer[Package]:
    """Read one package with the assets in it."""
    return _answer(await getting.get_package(read, caller, package_id))


@operation(
    "patch",
    "/packages/{package_id:uuid}",
    permission=Action.PACKAGES_MANAGE,
    problems=(*_MISFITS, "wrong_status"),
    example={"description": "Boat, van and kit for four divers (demo)."},
    etag=True,
)
async def update_package(
    package_id: FromPath[UUID],
    data: JSONBody[PackagePatch],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Package]:
    """Correct a package: its name, with whom it is shared, which assets are in it.

    Loans that were made of it stay as they are.
    """
    return _answer(await commands.update_package(write, caller, package_id, data, if_match))


@operation(
    "post",
    "/packages/{package_id:uuid}/retire",
    permission=Action.PACKAGES_MANAGE,
    status=200,
    problems=("wrong_status",),
    example={"reason": "The boat was sold (demo)."},
    etag=True,
)
async def retire_package(
    package_id: FromPath[UUID],
    data: JSONBody[PackageRetirement],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[Package]:
    """Retire a package for good; its assets and the loans that were made of it stay."""
    return _answer(await commands.retire_package(write, caller, package_id, data.reason, if_match))


@operation(
    "get",
    "/packages/{package_id:uuid}/availability",
    permission=Action.ASSETS_READ,
    query=PackageAvailabilityQuery,
    problems=("window_too_long",),
)
async def get_package_availability(
    package_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[PackageAvailabilityQuery],
    caller: Supplied[Caller],
) -> Answer[PackageAvailability]:
    """See whether all of a package is free in a window, which assets are not, and when next all of it is."""
    return Answer(await getting.get_availability(read, caller, package_id, filters))


@operation("get", "/packages/{package_id:uuid}/history", permission=Action.LEDGER_READ, query=HistoryQuery)
async def list_package_history(
    package_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[HistoryQuery],
    caller: Supplied[Caller],
) -> Answer[LedgerEventPage]:
    """List what happened to a package."""
    await getting.package_row(read, caller, package_id)
    return Answer(await history(read, caller.principal, "package", package_id, filters))


router = Router(
    path="/v1",
    route_handlers=[
        list_packages,
        create_package,
        get_package,
        update_package,
        retire_package,
        get_package_availability,
        list_package_history,
    ],
)
