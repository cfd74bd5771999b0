"""`registry issuer`: whose tokens are accepted, and for which agencies, by the same commands as over HTTP."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import click
import msgspec

from registry.cli.examining.issuers import examine_issuer
from registry.cli.findings import Grade
from registry.cli.session import as_asked, claim_map, current, local_caller, run, settings_or_exit
from registry.directory.issuers import commands, queries
from registry.directory.issuers.rules import issuer_id
from registry.directory.issuers.schemas import AgencyAttachment, NewTokenIssuer, TokenIssuer, TokenIssuerPatch
from registry.directory.revocations.rules import check_issuer
from registry.platform.database.connect import unit_of_work
from registry.platform.database.handles import Write
from registry.platform.issuers import ALGORITHMS, Description, Issuer, Preset, described
from registry.platform.settings import Settings

_keys_later = click.option("--keys-later", is_flag=True, help="Exit with 0 although its keys cannot be had yet.")
_algorithms = click.option(
    "--algorithm", "algorithms", type=click.Choice(ALGORITHMS), multiple=True, help="What it signs with; any otherwise."
)
_types = click.option("--type", "types", multiple=True, help="A value of the header's `typ`, instead of the preset's.")
_longest = click.option(
    "--longest-life", metavar="SECONDS", type=int, help="How long a token of it may be valid, instead of the preset's."
)


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
@click.option("--jwks-uri", help="Where its keys are, if they are not to be discovered.")
@_algorithms
@_types
@_longest
@click.option("--claims", metavar="JSON", default="{}", help="What differs in its claim map; see docs/identity.md.")
@click.option("--every-agency", is_flag=True, help="It may speak for any agency: for the operator's own issuer.")
@_keys_later
def add(
    issuer: str,
    preset: str,
    audiences: tuple[str, ...],
    jwks_uri: str | None,
    algorithms: tuple[str, ...],
    types: tuple[str, ...],
    longest_life: int | None,
    claims: str,
    every_agency: bool,
    keys_later: bool,
) -> None:  # options of a command
    """Accept the tokens of ISSUER, for no agency yet.

    Where its keys cannot be had, it is entered all the same, and the command exits with 1.

    \b
    Example:
      registry issuer add https://login.county.example/realms/county --preset keycloak
    """
    new = as_asked(
        NewTokenIssuer,
        issuer=issuer,
        preset=preset,
        jwks_uri=jwks_uri,
        every_agency=every_agency,
        audiences=list(audiences) or None,
        algorithms=list(algorithms) or None,
        types=list(types) or None,
        longest_life_seconds=longest_life,
        claims=claim_map(claims),
    )
    settings = settings_or_exit()
    _change(
        lambda write: commands.create_issuer(write, local_caller(), settings.issuers, new, itself=settings.public_url),
        settings,
        look_at_keys=True,
        keys_later=keys_later,
    )


@click.command()
@click.argument("issuer")
@click.option("--preset", type=click.Choice([p.value for p in Preset]), help="How its tokens are read in general.")
@click.option(
    "--audience", "audiences", multiple=True, help="A value of `aud` that names this registry, for all before."
)
@click.option("--jwks-uri", help="Where its keys are.")
@click.option("--discovery", is_flag=True, default=None, help="Its keys are discovered, instead of --jwks-uri.")
@_algorithms
@_types
@_longest
@click.option("--claims", metavar="JSON", help="A merge patch (RFC 7396) of its claim map; see docs/identity.md.")
@click.option("--every-agency/--not-every-agency", default=None, help="Whether it may speak for any agency.")
@_keys_later
def change(
    issuer: str,
    preset: str | None,
    audiences: tuple[str, ...],
    jwks_uri: str | None,
    discovery: bool | None,  # options of a command
    algorithms: tuple[str, ...],
    types: tuple[str, ...],
    longest_life: int | None,
    claims: str | None,
    every_agency: bool | None,
    keys_later: bool,
) -> None:
    """Correct how the tokens of ISSUER are read. What is not given stays.

    \b
    Example:
      registry issuer change https://login.county.example/realms/county --claims '{"roles": "groups"}'
    """
    patch = as_asked(
        TokenIssuerPatch,
        preset=preset,
        audiences=list(audiences) or None,
        jwks_uri=jwks_uri,
        discovery=discovery,
        algorithms=list(algorithms) or None,
        types=list(types) or None,
        longest_life_seconds=longest_life,
        claims=None if claims is None else claim_map(claims),
        every_agency=every_agency,
    )
    _patch(issuer, patch, look_at_keys=True, keys_later=keys_later)


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
    ask, id_, settings = (
        as_asked(AgencyAttachment, agency_id=agency, claim_value=value),
        issuer_id(issuer),
        settings_or_exit(),
    )
    _change(
        lambda write: commands.attach_agency(write, local_caller(), settings.issuers, id_, ask), settings, known=issuer
    )


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
    ask, id_, settings = (
        as_asked(AgencyAttachment, agency_id=agency, claim_value=value),
        issuer_id(issuer),
        settings_or_exit(),
    )
    _change(
        lambda write: commands.detach_agency(write, local_caller(), settings, id_, ask, may_lock_out=True),
        settings,
        known=issuer,
    )


@click.command()
@click.argument("issuer")
@_keys_later
def enable(issuer: str, keys_later: bool) -> None:  # an option of a command
    """Accept the tokens of ISSUER again.

    \b
    Example:
      registry issuer enable https://login.county.example/realms/county
    """
    _patch(issuer, TokenIssuerPatch(enabled=True), look_at_keys=True, keys_later=keys_later)


@click.command()
@click.argument("issuer")
def disable(issuer: str) -> None:
    """Refuse all tokens of ISSUER until it is enabled again: also the last one that speaks for the operator.

    \b
    Example:
      registry issuer disable https://login.county.example/realms/county
    """
    _patch(issuer, TokenIssuerPatch(enabled=False))


@click.command()
@click.argument("issuer")
def delete(issuer: str) -> None:
    """Delete ISSUER, which was entered by mistake, is disabled, and was never used.

    \b
    Example:
      registry issuer delete https://login.conuty.example/realms/county
    """

    async def work(settings: Settings) -> None:
        async with current(settings) as database, unit_of_work(database) as write:
            check_issuer(issuer, await queries.known_issuers(write, settings))
            await commands.delete_issuer(write, local_caller(), settings.issuers, issuer_id(issuer), "any")

    run(settings_or_exit(), work)
    click.echo(f"{issuer} is deleted.")


def _patch(issuer: str, patch: TokenIssuerPatch, *, look_at_keys: bool = False, keys_later: bool = False) -> None:
    id_, settings = issuer_id(issuer), settings_or_exit()
    _change(
        lambda write: commands.update_issuer(write, local_caller(), settings, id_, patch, "any", may_lock_out=True),
        settings,
        known=issuer,
        look_at_keys=look_at_keys,
        keys_later=keys_later,
    )


def _change(
    command: Callable[[Write], Awaitable[TokenIssuer]],
    settings: Settings,
    *,
    known: str | None = None,
    look_at_keys: bool = False,
    keys_later: bool = False,
) -> None:
    """Carry out a command and print the issuer; `known` is one that must be there, else the nearest is named.

    With `look_at_keys` what the doctor would say of its keys is printed beside. It is entered all the same, as its
    provider may only come up later; the command ends with 1 then, unless that was said with `keys_later`.
    """

    async def work(settings: Settings) -> TokenIssuer:
        async with current(settings) as database, unit_of_work(database) as write:
            if known is not None:
                check_issuer(known, await queries.known_issuers(write, settings))
            return await command(write)

    found = run(settings, work)
    click.echo(_as_text(found))
    if look_at_keys and found.enabled and found.description is not None:
        failed = asyncio.run(_tell_of_keys(settings, described(found.description)))
        if failed and not keys_later:
            raise click.ClickException(
                f"It is entered all the same, and no token of it can be accepted as it is. `registry issuer disable "
                f"{found.issuer}` takes it back, and `registry issuer delete` off the list; `registry issuer change` "
                "corrects it."
            )


async def _tell_of_keys(settings: Settings, issuer: Issuer) -> bool:
    """Print what is wrong with its keys; whether something is that keeps its tokens from being accepted."""
    failed = False
    async for finding in examine_issuer(settings, issuer):
        if finding.grade is not Grade.OK:
            failed = failed or finding.grade is Grade.FAILURE
            click.echo(f"{finding.grade.capitalize()}: {finding.said}: {finding.advice}.", err=True)
    return failed


def _as_text(issuer: TokenIssuer) -> str:
    """The issuer on a line, how its tokens are read, and each of its agencies on a line below."""
    first = f"{issuer.issuer}  ({'in the settings' if issuer.source == 'settings' else 'entered here'}"
    first += ")" if issuer.enabled else ", not enabled)"
    lines = [] if issuer.description is None else [_reading(issuer.description)]
    lines += ["every agency"] if issuer.every_agency else []
    agencies = [
        f"{each.agency.id}  {each.agency.name}" + (f"  as {each.claim_value}" if each.claim_value else "")
        for each in issuer.agencies
    ]
    return "\n  ".join([first, *lines, *(agencies or ([] if issuer.every_agency else ["no agency yet"]))])


def _reading(description: Description) -> str:
    """How its tokens are read: the preset, and what is said beyond it."""
    beyond = {
        name: value
        for name, value in msgspec.to_builtins(description).items()
        if name not in ("issuer", "preset", "keys")
    }
    return f"preset {description.preset}" + (f" with {msgspec.json.encode(beyond).decode()}" if beyond else "")


COMMANDS = {
    "list": list_,
    "add": add,
    "change": change,
    "attach": attach,
    "detach": detach,
    "enable": enable,
    "disable": disable,
    "delete": delete,
}
