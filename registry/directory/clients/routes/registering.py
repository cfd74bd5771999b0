"""Clients: registered, listed, rotated, disabled."""

from uuid import UUID

from litestar.params import FromPath, JSONBody

from registry.directory.clients import queries
from registry.directory.clients.commands import registering
from registry.directory.clients.commands.signing import AuthorizationServer
from registry.directory.clients.schemas import (
    CLIENT_EXAMPLE,
    DISABLED_EXAMPLE,
    ROTATION_EXAMPLE,
    Client,
    ClientDisabling,
    ClientPage,
    ClientRotation,
    NewClient,
)
from registry.platform.access.operations import Supplied, operation
from registry.platform.access.permissions import Action
from registry.platform.access.principals import Caller
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer, entity_tag
from registry.platform.http.paging import NewestFirst
from registry.platform.kernel.versions import Expected


def _answer(found: Client, *, created: bool = False) -> Answer[Client]:
    return Answer(
        found,
        etag=entity_tag(found.version, found.status, found.credentials, found.allowed_actions),
        location=f"/v1/clients/{found.id}" if created else None,
        restricted=found.secret is not None,
    )


@operation("get", "/clients", permission=Action.CLIENTS_READ, query=NewestFirst)
async def list_clients(
    read: Supplied[Read], filters: Supplied[NewestFirst], caller: Supplied[Caller]
) -> Answer[ClientPage]:
    """List your agency's service clients, disabled ones included; for the operator, all."""
    return Answer(await queries.list_clients(read, caller.principal, filters, caller.now))


@operation(
    "post",
    "/clients",
    permission=Action.CLIENTS_MANAGE,
    problems=("clients_off", "keys_unusable", "scope_not_for_services", "secret_taken", "wrong_status"),
    example=CLIENT_EXAMPLE,
    etag=True,
)
async def create_client(
    data: JSONBody[NewClient],
    write: Supplied[Write],
    caller: Supplied[Caller],
    authorization_server: Supplied[AuthorizationServer],
) -> Answer[Client]:
    """Register a program of your agency, which then gets its tokens at `POST /v1/token`.

    With `client_secret` this answer alone tells the secret; the registry keeps a hash. When the answer is lost, rotate
    the client: a repeated answer does not hold it.
    """
    made = await registering.create_client(write, caller, authorization_server, data)
    return _answer(made, created=True).with_secret(secret=None)


@operation("get", "/clients/{client_id:uuid}", permission=Action.CLIENTS_READ, etag=True)
async def get_client(client_id: FromPath[UUID], read: Supplied[Read], caller: Supplied[Caller]) -> Answer[Client]:
    """Read one client, with when its credentials were last used; never a secret."""
    return _answer(await queries.get_client(read, caller.principal, client_id, caller.now))


@operation(
    "post",
    "/clients/{client_id:uuid}/rotate",
    permission=Action.CLIENTS_MANAGE,
    status=200,
    problems=("clients_off", "keys_unusable", "overlap_out_of_range", "secret_taken", "wrong_status"),
    example=ROTATION_EXAMPLE,
    etag=True,
)
async def rotate_client(
    client_id: FromPath[UUID],
    data: JSONBody[ClientRotation],
    write: Supplied[Write],
    caller: Supplied[Caller],
    authorization_server: Supplied[AuthorizationServer],
    if_match: Supplied[Expected],
) -> Answer[Client]:
    """Give a client a new secret, or new keys; the present ones are accepted until `keep_until`.

    Without `keep_until` they are refused at once. Tokens that were issued stay valid for the minutes that they have.
    """
    made = await registering.rotate_client(write, caller, authorization_server, client_id, data, if_match)
    return _answer(made).with_secret(secret=None)


@operation(
    "post",
    "/clients/{client_id:uuid}/disable",
    permission=Action.CLIENTS_DISABLE,
    status=200,
    problems=("wrong_status",),
    example=DISABLED_EXAMPLE,
    etag=True,
)
async def disable_client(
    client_id: FromPath[UUID],
    data: JSONBody[ClientDisabling],
    write: Supplied[Write],
    caller: Supplied[Caller],
    authorization_server: Supplied[AuthorizationServer],
    if_match: Supplied[Expected],
) -> Answer[Client]:
    """Refuse a client for good, within a second: it gets no token, and those that it has are refused."""
    return _answer(
        await registering.disable_client(write, caller, authorization_server, client_id, data.reason, if_match)
    )


handlers = [list_clients, create_client, get_client, rotate_client, disable_client]
