"""Who may sign for an agency."""

from uuid import UUID

from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from registry.access.operations import operation
from registry.access.permissions import Action
from registry.access.principals import Caller
from registry.agreements import queries
from registry.agreements.commands import authorising
from registry.agreements.routes import examples
from registry.agreements.schemas.signing import (
    AuthorityRevocation,
    NewDelegation,
    NewSigningAuthority,
    SigningAuthority,
    SigningAuthorityPage,
)
from registry.database.handles import Read, Write
from registry.http.answers import Answer, entity_tag
from registry.http.links import next_link
from registry.http.paging import Page
from registry.kernel.versions import Expected


def _answer(found: SigningAuthority, *, created: bool = False) -> Answer[SigningAuthority]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.revoked_on, found.citation, found.allowed_actions),
        location=f"/v1/agencies/{found.agency_id}/signing-authorities/{found.id}" if created else None,
    )


@operation("get", "/agencies/{agency_id:uuid}/signing-authorities", permission=Action.AGENCIES_READ, query=Page)
async def list_signing_authorities(
    agency_id: FromPath[UUID],
    read: NamedDependency[Read],
    filters: NamedDependency[Page],
    caller: NamedDependency[Caller],
    here: NamedDependency[str],
) -> Answer[SigningAuthorityPage]:
    """List which offices may sign for an agency.

    For the agency itself; partners with an agreement in force now, and the registry's administrator, see office, basis
    and validity.
    """
    page = await queries.list_authorities(read, caller.principal, agency_id, filters, caller.now)
    return Answer(page, next_link=next_link(here, page.next_cursor))


@operation(
    "get",
    "/agencies/{agency_id:uuid}/signing-authorities/{authority_id:uuid}",
    permission=Action.AGENCIES_READ,
    etag=True,
)
async def get_signing_authority(
    agency_id: FromPath[UUID],
    authority_id: FromPath[UUID],
    read: NamedDependency[Read],
    caller: NamedDependency[Caller],
) -> Answer[SigningAuthority]:
    """Read what one office may sign for an agency; partners see office, basis and validity."""
    return _answer(await queries.get_authority(read, caller.principal, agency_id, authority_id, caller.now))


@operation(
    "post",
    "/agencies/{agency_id:uuid}/signing-authorities",
    permission=Action.AGENCIES_AUTHORISE,
    example=examples.NEW_AUTHORITY,
    etag=True,
)
async def create_signing_authority(
    agency_id: FromPath[UUID],
    data: JSONBody[NewSigningAuthority],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
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
)
async def delegate_signing_authority(
    agency_id: FromPath[UUID],
    authority_id: FromPath[UUID],
    data: JSONBody[NewDelegation],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
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
)
async def revoke_signing_authority(
    agency_id: FromPath[UUID],
    authority_id: FromPath[UUID],
    data: JSONBody[AuthorityRevocation],
    write: NamedDependency[Write],
    caller: NamedDependency[Caller],
    if_match: NamedDependency[Expected],
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
