"""Who may sign for an agency."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.agreements.instruments.commands import authorising
from registry.agreements.instruments.queries import authorities
from registry.agreements.instruments.routes import examples
from registry.agreements.instruments.schemas.signing import (
    AuthorityRevocation,
    NewDelegation,
    NewSigningAuthority,
    SigningAuthority,
    SigningAuthorityPage,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.http.paging import ByChange
from registry.platform.kernel.versions import Expected


def _answer(found: SigningAuthority, *, created: bool = False) -> Answer[SigningAuthority]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.revoked_on, found.citation, found.allowed_actions),
        location=f"/v1/agencies/{found.agency.id}/signing-authorities/{found.id}" if created else None,
    )


@operation("get", "/agencies/{agency_id:uuid}/signing-authorities", permission=Action.AGENCIES_READ, query=ByChange)
async def list_signing_authorities(
    agency_id: FromPath[UUID],
    read: Supplied[Read],
    filters: Supplied[ByChange],
    caller: Supplied[Caller],
) -> Answer[SigningAuthorityPage]:
    """List which offices may sign for an agency.

    For the agency itself; partners with an agreement in force now, and the registry's administrator, see office, basis
    and validity.
    """
    return Answer(await authorities.list_authorities(read, caller.principal, agency_id, filters, caller.now))


@operation(
    "get",
    "/agencies/{agency_id:uuid}/signing-authorities/{authority_id:uuid}",
    permission=Action.AGENCIES_READ,
    etag=True,
)
async def get_signing_authority(
    agency_id: FromPath[UUID],
    authority_id: FromPath[UUID],
    read: Supplied[Read],
    caller: Supplied[Caller],
) -> Answer[SigningAuthority]:
    """Read what one office may sign for an agency; partners see office, basis and validity."""
    return _answer(await authorities.get_authority(read, caller.principal, agency_id, authority_id, caller.now))


@operation(
    "post",
    "/agencies/{agency_id:uuid}/signing-authorities",
    permission=Action.AGENCIES_AUTHORISE,
    example=examples.NEW_AUTHORITY,
    etag=True,
    problems=("dates_reversed",),
)
async def create_signing_authority(
    agency_id: FromPath[UUID],
    data: JSONBody[NewSigningAuthority],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[SigningAuthority]:
    """Register an office that may sign agreements for your agency. `If-Match` is of the agency.

    From the first one on, each signature of your agency names an office that held an authority on the day of signing.
    """
    return _answer(await authorising.register_authority(write, caller, agency_id, data, if_match), created=True)


@operation(
    "post",
    "/agencies/{agency_id:uuid}/signing-authorities/{authority_id:uuid}/delegate",
    permission=Action.AGENCIES_AUTHORISE,
    example=examples.DELEGATION,
    etag=True,
    problems=("authority_ended", "dates_reversed", "delegated_too_often", "exceeds_authority"),
)
async def delegate_signing_authority(
    agency_id: FromPath[UUID],
    authority_id: FromPath[UUID],
    data: JSONBody[NewDelegation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[SigningAuthority]:
    """Delegate an office's authority, or a part of it, to another office; at most three times in a row."""
    made = await authorising.delegate_authority(write, caller, agency_id, authority_id, data, if_match)
    return _answer(made, created=True)


@operation(
    "post",
    "/agencies/{agency_id:uuid}/signing-authorities/{authority_id:uuid}/revoke",
    permission=Action.AGENCIES_AUTHORISE,
    status=200,
    example=examples.REVOCATION,
    etag=True,
    problems=("revoked_in_future", "wrong_status"),
)
async def revoke_signing_authority(
    agency_id: FromPath[UUID],
    authority_id: FromPath[UUID],
    data: JSONBody[AuthorityRevocation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    if_match: Supplied[Expected],
) -> Answer[SigningAuthority]:
    """Revoke an authority, and with it every one that was delegated from it."""
    return _answer(await authorising.revoke_authority(write, caller, agency_id, authority_id, data, if_match))


handlers = [
    list_signing_authorities,
    get_signing_authority,
    create_signing_authority,
    delegate_signing_authority,
    revoke_signing_authority,
]
