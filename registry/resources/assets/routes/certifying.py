"""Operations on the certificates of an asset."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.kernel.versions import Expected
from registry.resources.assets.commands import certifying
from registry.resources.assets.queries import certified
from registry.resources.assets.schemas.certifying import EndedCertificate
from registry.resources.certificates.schemas import (
    NEW_ASSET_CERTIFICATE_EXAMPLE,
    AssetCertificate,
    AssetCertificateEnd,
    AssetCertificateList,
    AssetCertificateQuery,
    NewAssetCertificate,
)

_PATH = "/assets/{asset_id:uuid}/certificates"
_ONE = _PATH + "/{asset_certificate_id:uuid}"


def _tag(found: AssetCertificate) -> str:
    return entity_tag(found.version, found.status, found.void_because, found.number, found.allowed_actions)


@operation(
    "get",
    _PATH,
    permission=Action.ASSETS_READ,
    query=AssetCertificateQuery,
    problems=("incomplete_window", "window_too_long"),
)
async def list_asset_certificates(
    asset_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[AssetCertificateQuery],
    caller: Supplied[Caller],
) -> Answer[AssetCertificateList]:
    """List the certificates of a K9 team or a laboratory, and whether each holds for a window.

    It holds when it does on the first and on the last day, where the agency is. Who the handler is stays at home.
    """
    return Answer(await certified.list_certificates(read, caller, asset_id, filters))


@operation("get", _ONE, permission=Action.ASSETS_READ, etag=True)
async def get_asset_certificate(
    asset_id: FromPath[UUID], asset_certificate_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]
) -> Answer[AssetCertificate]:
    """Read one certificate of an asset, as it stands now."""
    found = await certified.get_certificate(read, caller, asset_id, asset_certificate_id)
    return Answer(found, etag=_tag(found))


@operation(
    "post",
    _PATH,
    permission=Action.ASSETS_UPDATE,
    etag=True,
    problems=(
        "asset_retired",
        "certificate_misfit",
        "days_reversed",
        "too_many_certificates",
        "unknown_personnel_record",
    ),
    example=NEW_ASSET_CERTIFICATE_EXAMPLE,
)
async def record_asset_certificate(
    asset_id: FromPath[UUID],
    data: JSONBody[NewAssetCertificate],
    write: Supplied[Write],
    caller: Supplied[Caller],
) -> Answer[AssetCertificate]:
    """Record a certificate: of a K9 team, of handler, dog and discipline together; of a laboratory, of its scope.

    Where an asset has any on record, decisions rest on them alone, and a K9 team is lent with its handler.
    """
    made = await certifying.record_certificate(write, caller, asset_id, data)
    return Answer(made, etag=_tag(made), location=f"/v1/assets/{asset_id}/certificates/{made.id}")


@operation(
    "post",
    _ONE + "/end",
    permission=Action.ASSETS_UPDATE,
    status=200,
    etag=True,
    problems=("asset_retired", "wrong_status"),
    example={"reason": "The dog works with another handler from now on (demo)."},
)
async def end_asset_certificate(
    asset_id: FromPath[UUID],
    asset_certificate_id: FromPath[UUID],
    data: JSONBody[AssetCertificateEnd],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[EndedCertificate]:
    """Say that a certificate holds no more, as when the handler or the dog is assigned to another.

    Loans not yet returned are named; without another certificate none is dispatched.
    """
    ended = await certifying.end_certificate(write, caller, asset_id, asset_certificate_id, data.reason, if_match)
    return Answer(ended, etag=_tag(ended.certificate))


handlers = [list_asset_certificates, get_asset_certificate, record_asset_certificate, end_asset_certificate]
