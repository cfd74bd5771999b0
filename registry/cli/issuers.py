"""`registry issuer`: whose tokens are accepted, and for which agencies, by the same commands as over HTTP."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import click
import msgspec

from registry.cli.session import ConfigurationError, current, local_caller, run, settings_or_exit
from registry.directory.issuers import commands, queries
from registry.directory.issuers.rules import issuer_id
from registry.directory.issuers.schemas import AgencyAttachment, NewTokenIssuer, TokenIssuer, TokenIssuerPatch
from registry.platform.database.connect import unit_of_work
from registry.platform.database.handles import Write
from registry.platform.issuers import Preset
from registry.platform.settings import Settings


@click.command(name="list")
def list_() -> None:
    """List the issuers, those of the settings included, with the agencies for which they speak.

    \b
    Example:
      registry issuer list
    """

    async def work(settings: Settings) -> list[TokenIssuer]:
        async with current(settings) as database:
            return (await queries.list_issuers(database.read(), settings.issuers)).items

    found = run(settings_or_exit(), work)
    for issuer in found:
        click.echo(_as_text(issuer))
    if not found:
        click.echo("No issuer is trusted yet: `registry issuer add` enters one.")


@click.command()
@click.argument("issuer")
@click.option("--preset", type=click.Choice([p.value for p in Preset]), default="rfc9068", show_default=True)
@click.option("--audience", "audiences", multiple=True, help="A value of `aud` that names this registry.")
@click.option("--jwks-url", help="Where its keys are, if they are not to be discovered.")
@click.option("--claims", metavar="JSON", default="{}", help="What differs in its claim map; see docs/identity.md.")
@click.option("--every-agency", is_flag=True, help="It may speak for any agency: for the operator's own issuer.")
def add(
    issuer: str, preset: str, audiences: tuple[str, ...], jwks_url: str | None, claims: str, every_agency: bool
) -> None:
    """Accept the tokens of ISSUER, for no agency yet.

    \b
    Example:
      registry issuer add https://login.county.example/realms/county --preset keycloak
    """
    given = {"issuer": issuer, "preset": preset, "jwks_url": jwks_url, "every_agency": every_agency}
    try:
        new = msgspec.convert(
            {**given, "audiences": list(audiences) or None, "claims": msgspec.json.decode(claims)}, NewTokenIssuer
        )
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"The issuer cannot be described so: {error}.") from None
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"--claims is not JSON: {error}.") from None
    _change(
        lambda write, settings: commands.create_issuer(
            write, local_caller(), settings.issuers, new, itself=settings.public_url
        )
    )


@click.command()
@click.argument("issuer")
@click.argument("agency", type=click.UUID)
@click.option("--value", help="What names the agency in the issuer's tokens, where a value of a claim does.")
def attach(issuer: str, agency: UUID, value: str | None) -> None:
    """Let ISSUER speak for AGENCY.

    \b
    Example:
      registry issuer attach https://login.county.example/realms/county 01920000-0000-7000-8000-00000000c0de
    """
    ask, id_ = AgencyAttachment(agency_id=agency, claim_value=value), issuer_id(issuer)
    _change(lambda write, settings: commands.attach_agency(write, local_caller(), settings.issuers, id_, ask))


@click.command()
@click.argument("issuer")
@click.argument("agency", type=click.UUID)
@click.option("--value", help="The value by which it was attached, if it was by one.")
def detach(issuer: str, agency: UUID, value: str | None) -> None:
    """Refuse the tokens of ISSUER for AGENCY from now on.

    \b
    Example:
      registry issuer detach https://login.county.example/realms/county 01920000-0000-7000-8000-00000000c0de
    """
    ask, id_ = AgencyAttachment(agency_id=agency, claim_value=value), issuer_id(issuer)
    _change(
        lambda write, settings: commands.detach_agency(
            write, local_caller(), settings.issuers, id_, ask, may_lock_out=True
        )
    )


@click.command()
@click.argument("issuer")
def enable(issuer: str) -> None:
    """Accept the tokens of ISSUER again.

    \b
    Example:
      registry issuer enable https://login.county.example/realms/county
    """
    _switch(issuer, enabled=True)


@click.command()
@click.argument("issuer")
def disable(issuer: str) -> None:
    """Refuse all tokens of ISSUER until it is enabled again: also the last one that speaks for the operator.

    \b
    Example:
      registry issuer disable https://login.county.example/realms/county
    """
    _switch(issuer, enabled=False)


def _switch(issuer: str, *, enabled: bool) -> None:
    patch, id_ = TokenIssuerPatch(enabled=enabled), issuer_id(issuer)
    _change(
        lambda write, settings: commands.update_issuer(
            write, local_caller(), settings.issuers, id_, patch, "any", may_lock_out=True
        )
    )


def _change(command: Callable[[Write, Settings], Awaitable[TokenIssuer]]) -> None:
    async def work(settings: Settings) -> TokenIssuer:
        async with current(settings) as database, unit_of_work(database) as write:
            return await command(write, settings)

    click.echo(_as_text(run(settings_or_exit(), work)))


def _as_text(issuer: TokenIssuer) -> str:
    """The issuer on a line, and each of its agencies on one below."""
    first = f"{issuer.issuer}  ({'in the settings' if issuer.source == 'settings' else 'entered here'}"
    first += ")" if issuer.enabled else ", not enabled)"
    lines = ["every agency"] if issuer.every_agency else []
    lines += [
        f"{each.agency.id}  {each.agency.name}" + (f"  as {each.claim_value}" if each.claim_value else "")
        for each in issuer.agencies
    ]
    return "\n  ".join([first, *(lines or ["no agency yet"])])


COMMANDS = {"list": list_, "add": add, "attach": attach, "detach": detach, "enable": enable, "disable": disable}
