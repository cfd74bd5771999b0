"""`registry init`: from a migrated database to one that its operator's first administrator can use."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import click
import msgspec

from registry.cli.examining.issuers import examine_issuer
from registry.cli.findings import Grade
from registry.cli.session import (
    ConfigurationError,
    claim_map,
    current,
    local_caller,
    reporting_errors,
    run,
    settings_or_exit,
)
from registry.directory.agencies.commands.registering import update_agency
from registry.directory.agencies.queries import agency_row
from registry.directory.agencies.schemas import AgencyPatch
from registry.directory.issuers import commands, queries
from registry.directory.issuers.rules import issuer_id
from registry.directory.issuers.schemas import AgencyAttachment, NewTokenIssuer, TokenIssuer
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.database.handles import Write
from registry.platform.issuers import Description, Issuer, described
from registry.platform.kernel.time import known_zone
from registry.platform.settings import Settings

_NEXT = """
Next (docs/operations.md goes through it):
  registry doctor        tells whether all is in order, the issuer's keys included
  registry serve         serves; GET /v1/me then tells the bearer of a token who that is here
  POST /v1/agencies, or registry import agencies, enters agencies; POST
  /v1/agencies/ID/activate lets one act; registry issuer add and attach accept the
  tokens of its people."""


def initialise(
    issuer: str | None,
    reading: Mapping[str, object],
    claims: str,
    role_name: str | None,
    administrator: str | None,
    value: str | None,
    name: str | None,
    time_zone: str | None,
    *,
    keys_later: bool,
) -> None:
    """Let an issuer speak for the operator's agency, say whom it calls an administrator, and print what comes next.

    `reading` says how its tokens are read, by the members of a description; what is empty there was not given.
    """
    new = None if issuer is None else _described(issuer, reading, claims, role_name, administrator)
    if new is None and (role_name, administrator, value) != (None, None, None):
        raise ConfigurationError("--administrator-role, --administrator and --value say something of an --issuer.")
    patch = _patch(name, time_zone)

    async def work(settings: Settings) -> str:
        async with current(settings) as database, unit_of_work(database) as write:
            caller = local_caller()
            said = [await _speaker(write, caller, settings, new, value, keys_later=keys_later)]
            if patch is not None:
                await update_agency(write, caller, OPERATOR_AGENCY_ID, patch, "any")
            operator = await agency_row(write, OPERATOR_AGENCY_ID)
            said.insert(0, f"The operator is the agency “{operator.name}” ({operator.id}).")
            return "\n".join(said)

    click.echo(run(settings_or_exit(), work))
    click.echo(_NEXT)


def _described(
    issuer: str, reading: Mapping[str, object], claims: str, role_name: str | None, administrator: str | None
) -> NewTokenIssuer:
    if (role_name is None) == (administrator is None):
        raise ConfigurationError(
            "Say who administers the registry: --administrator-role with what the issuer calls the role, or "
            "--administrator with one person's subject."
        )
    given = {"issuer": issuer, **{name: value for name, value in reading.items() if value}, "claims": claim_map(claims)}
    try:
        new = msgspec.convert(given, NewTokenIssuer)
        administrators = _administrators_of(new, role_name, administrator)
        whole = {**msgspec.to_builtins(new), "claims": {**msgspec.to_builtins(new.claims), **administrators}}
        return msgspec.convert(whole, NewTokenIssuer)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigurationError(f"The issuer cannot be described so: {error}.") from None


def _administrators_of(new: NewTokenIssuer, role_name: str | None, administrator: str | None) -> dict[str, Any]:
    """Who is an administrator: whoever has the role, or the one person, whose subject is then read for a role."""
    known = described(_description_of(new))
    if administrator is None:
        assert role_name is not None
        return {"role_names": {**(new.claims.role_names or {}), role_name: Role.REGISTRY_ADMIN.value}}
    names = {administrator: Role.REGISTRY_ADMIN.value}
    return {"roles": known.claims.subject, "role_names": names, "scope_default": "*"}


def _patch(name: str | None, time_zone: str | None) -> AgencyPatch | None:
    if name is None and time_zone is None:
        return None
    if time_zone is not None:
        with reporting_errors():
            known_zone(time_zone, "/time_zone")
    try:
        return msgspec.convert(
            {key: given for key, given in (("name", name), ("time_zone", time_zone)) if given is not None}, AgencyPatch
        )
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"The operator's agency cannot be called so: {error}.") from None


async def _speaker(
    write: Write,
    caller: Caller,
    settings: Settings,
    new: NewTokenIssuer | None,
    value: str | None,
    *,
    keys_later: bool,
) -> str:
    """Let the issuer speak for the operator, unless it does already. Raises ConfigurationError when another does."""
    issuers = (await queries.list_issuers(write, settings.issuers)).items
    speaking = [each for each in issuers if _speaks(each)]
    if new is None:
        if not speaking:
            raise ConfigurationError(
                "No issuer speaks for the operator yet, so that nobody could sign in: say whose tokens are accepted, "
                "with --issuer and --administrator-role."
            )
        return _told(_enabled(speaking), "already")
    same = next((each for each in issuers if each.issuer == new.issuer), None)
    if others := [each for each in speaking if each is not same]:
        raise ConfigurationError(_set_up(others))
    if same is not None and same.source == "registry" and same.description != _description_of(new):
        raise ConfigurationError(_described_otherwise(same, new))
    if same is None:
        if not keys_later:
            await _try_keys(settings, described(_description_of(new)))
        await commands.create_issuer(write, caller, settings.issuers, new, itself=settings.public_url)
    if same is not None and _speaks(same):
        return _told(_enabled([same]), "already")
    ask = AgencyAttachment(agency_id=OPERATOR_AGENCY_ID, claim_value=value)
    made = await commands.attach_agency(write, caller, settings.issuers, issuer_id(new.issuer), ask)
    return _told([made], "from now on")


def _set_up(others: Sequence[TokenIssuer]) -> str:
    """That another issuer speaks for the operator, with each way to go on."""
    named = others[0].issuer
    enabled = any(each.enabled for each in others)
    again = "" if enabled else f", and is disabled: `registry issuer enable {named}` lets people sign in by it"
    return (
        f"This registry is set up already: {named} speaks for its operator{again}. Others are entered with `registry "
        f"issuer add` and `registry issuer attach`. If that one was mistyped, run `registry issuer detach {named} "
        f"{OPERATOR_AGENCY_ID}`, and then this again."
    )


def _described_otherwise(same: TokenIssuer, new: NewTokenIssuer) -> str:
    """That the issuer is described otherwise, with the command that corrects it: nobody may be able to sign in yet.

    What is given to that command is merged into what is there, so a name that was mistyped is taken out by its own.
    """
    assert same.description is not None
    before, after = (msgspec.to_builtins(each.claims) for each in (same.description, new))
    old, names = before.get("role_names", {}), after.get("role_names", {})
    gone = [name for name in old if name not in names]
    patch = {name: value for name, value in after.items() if value != before.get(name)}
    patch |= {name: None for name in before if name not in after}
    if old != names:
        patch["role_names"] = {**dict.fromkeys(gone), **names}
    claims = shlex.quote(msgspec.json.encode(patch).decode())
    preset = "" if same.description.preset == new.preset else f" --preset {new.preset}"
    listed = ", ".join(f"“{name}”" for name in gone)
    stays = f" What stands as null there, {listed}, would go on counting beside it if it were left out." if gone else ""
    return (
        f"{same.issuer} is entered already, and described otherwise. To have its claims read as was said now, run "
        f"`registry issuer change {same.issuer}{preset} --claims {claims}`, which takes the other options, too.{stays}"
    )


async def _try_keys(settings: Settings, issuer: Issuer) -> None:
    """Ends the command with 1 where nobody could sign in by that issuer: its address is often mistyped."""
    async for found in examine_issuer(settings, issuer):
        if found.grade is Grade.FAILURE:
            raise click.ClickException(
                f"Nothing was entered: {found.about}: {found.said}. To go on, {found.advice}; or say --keys-later, "
                "where the provider is still to come up."
            )


def _enabled(speaking: Sequence[TokenIssuer]) -> Sequence[TokenIssuer]:
    """Those whose tokens are accepted. Raises ConfigurationError when that is none."""
    if not (found := [each for each in speaking if each.enabled]):
        named = speaking[0].issuer
        raise ConfigurationError(
            f"{named} speaks for the operator and is disabled, so that nobody can sign in: run "
            f"`registry issuer enable {named}`."
        )
    return found


def _speaks(issuer: TokenIssuer) -> bool:
    return issuer.every_agency or any(each.agency.id == OPERATOR_AGENCY_ID for each in issuer.agencies)


def _description_of(new: NewTokenIssuer) -> Description:
    given = msgspec.to_builtins(new)
    return msgspec.convert({key: each for key, each in given.items() if key != "every_agency"}, Description)


def _told(speaking: Sequence[TokenIssuer], since: str) -> str:
    return "\n".join(f"{each.issuer} speaks for it {since}. {_administrators(each)}" for each in speaking)


def _administrators(issuer: TokenIssuer) -> str:
    if issuer.description is None:
        return "The settings describe it."
    names = issuer.description.claims.role_names or {}
    called = [name for name, role in names.items() if role == Role.REGISTRY_ADMIN.value]
    return f"Its administrators: {', '.join(called) or 'who has the role registry_admin'}."
