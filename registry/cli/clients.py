"""`registry client`: programs that get their tokens from the registry, by the same commands as over HTTP."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import click
import msgspec

from registry.cli.session import ConfigurationError, as_asked, current, local_caller, run, settings_or_exit
from registry.directory.clients.commands import registering
from registry.directory.clients.commands.signing import AuthorizationServer
from registry.directory.clients.queries import get_client, list_clients
from registry.directory.clients.rules import ClientAuthentication
from registry.directory.clients.schemas import Client, ClientDisabling, ClientRotation, NewClient
from registry.platform.database.connect import unit_of_work
from registry.platform.database.handles import Write
from registry.platform.http.paging import NewestFirst
from registry.platform.issuers import KeySetDocument
from registry.platform.settings import Settings

_PAGE = 200


@click.command(name="list")
def list_() -> None:
    """List the clients of all agencies, newest first, with when each was last used.

    \b
    Example:
      registry client list
    """

    async def work(settings: Settings) -> list[Client]:
        caller, found, cursor = local_caller(), [], None
        async with current(settings) as database:
            while True:
                query = NewestFirst(limit=_PAGE, cursor=cursor)
                page = await list_clients(database.read(), caller.principal, query, caller.now)
                found += page.items
                cursor = page.next_cursor
                if cursor is None:
                    return found

    found = run(settings_or_exit(), work)
    for client in found:
        click.echo(_as_text(client))
    if not found:
        click.echo("No client is registered yet: `registry client add` registers one.")


@click.command()
@click.argument("agency", type=click.UUID)
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="A scope that it holds, such as assets:read.")
@click.option("--keys", type=click.Path(path_type=Path), help="A file with its public keys, a JSON Web Key Set.")
@click.option("--jwks-uri", help="Where it publishes its public keys instead.")
def add(agency: UUID, name: str, scopes: tuple[str, ...], keys: Path | None, jwks_uri: str | None) -> None:
    """Register a program of AGENCY. Without --keys and --jwks-uri it gets a secret, which is printed once.

    \b
    Example:
      registry client add 01920000-0000-7000-8000-00000000c0de "Dispatch" --scope assets:read
    """
    has_secret = keys is None and jwks_uri is None
    by = ClientAuthentication.CLIENT_SECRET if has_secret else ClientAuthentication.PRIVATE_KEY_JWT
    new = as_asked(NewClient, name=name, scopes=list(scopes), authentication=by, keys=_key_set(keys), jwks_uri=jwks_uri)
    _change(lambda write, server: registering.create_client(write, local_caller(agency), server, new))


@click.command()
@click.argument("client", type=click.UUID)
@click.option("--overlap-hours", type=click.FloatRange(0, 720), default=0, help="How long the present one is accepted.")
@click.option("--keys", type=click.Path(path_type=Path), help="A file with its new public keys, a JSON Web Key Set.")
@click.option("--jwks-uri", help="Where it publishes its public keys from now on.")
def rotate(client: UUID, overlap_hours: float, keys: Path | None, jwks_uri: str | None) -> None:
    """Give CLIENT a new secret, which is printed once, or new keys.

    \b
    Example:
      registry client rotate 01920000-0000-7000-8000-0000000c11e7 --overlap-hours 48
    """

    async def command(write: Write, server: AuthorizationServer) -> Client:
        operator = local_caller()
        found = await get_client(write, operator.principal, client, operator.now)
        keep_until = operator.now + timedelta(hours=overlap_hours) if overlap_hours else None
        given = {"keep_until": keep_until, "keys": _key_set(keys), "jwks_uri": jwks_uri}
        try:
            ask = msgspec.convert(given, ClientRotation)
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"The client cannot be rotated so: {error}.") from None
        return await registering.rotate_client(write, local_caller(found.agency.id), server, client, ask, None)

    _change(command)


@click.command()
@click.argument("client", type=click.UUID)
@click.option("--reason", required=True, help="Why; its agency reads it.")
def disable(client: UUID, reason: str) -> None:
    """Refuse CLIENT for good, within a second.

    \b
    Example:
      registry client disable 01920000-0000-7000-8000-0000000c11e7 --reason "Its secret was lost."
    """
    why = as_asked(ClientDisabling, reason=reason).reason
    _change(lambda write, server: registering.disable_client(write, local_caller(), server, client, why, None))


def _change(command: Callable[[Write, AuthorizationServer], Awaitable[Client]]) -> None:
    async def work(settings: Settings) -> Client:
        async with current(settings) as database, unit_of_work(database) as write:
            return await command(write, AuthorizationServer.of(settings))

    changed = run(settings_or_exit(), work)
    click.echo(_as_text(changed))
    if changed.secret is not None:
        click.echo(f"  secret, shown this once: {changed.secret}")


def _key_set(file: Path | None) -> KeySetDocument | None:
    if file is None:
        return None
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict)
    except OSError as error:
        raise ConfigurationError(f"--keys: {file}: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        raise ConfigurationError(
            f'--keys: {file} is no JSON Web Key Set ({error}). Give the public keys as JSON, as {{"keys": [{{"kty": '
            "…}}]}}; a PEM file has to be turned into one first."
        ) from None


def _as_text(client: Client) -> str:
    """The client on a line, its scopes below, and each of its credentials."""
    lines = [f"{client.id}  {client.name} of {client.agency.name}  ({client.status})", " ".join(client.scopes)]
    for each in client.credentials:
        ends = "" if each.expires_at is None else f", until {each.expires_at:%Y-%m-%d %H:%M}Z"
        used = "never used" if each.last_used_at is None else f"last used {each.last_used_at:%Y-%m-%d %H:%M}Z"
        lines.append(
            f"{each.jwks_uri or ' '.join(each.key_ids) or 'secret'} of {each.created_at:%Y-%m-%d}{ends}, {used}"
        )
    return "\n  ".join(lines)


COMMANDS = {"list": list_, "add": add, "rotate": rotate, "disable": disable}
