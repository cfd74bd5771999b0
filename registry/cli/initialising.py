"""`registry init`: from a migrated database to one that its operator's first administrator can use."""

from collections.abc import Sequence

import click
import msgspec

from registry.cli.session import ConfigurationError, current, local_caller, reporting_errors, run, settings_or_exit
from registry.directory.agencies.commands.registering import update_agency
from registry.directory.agencies.queries import agency_row
from registry.directory.agencies.schemas import AgencyPatch
from registry.directory.issuers import commands, queries
from registry.directory.issuers.rules import issuer_id
from registry.directory.issuers.schemas import AgencyAttachment, NewTokenIssuer, TokenIssuer
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Caller, Role
from registry.platform.database.connect import unit_of_work
from registry.platform.database.handles import Write
from registry.platform.issuers import ClaimMap, Description, Preset, described
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
    preset: str,
    audiences: Sequence[str],
    jwks_uri: str | None,
    role_name: str | None,
    administrator: str | None,
    value: str | None,
    name: str | None,
    time_zone: str | None,
) -> None:
    """Let an issuer speak for the operator's agency, say whom it calls an administrator, and print what comes next."""
    new = None if issuer is None else _described(issuer, preset, audiences, jwks_uri, role_name, administrator)
    if new is None and (role_name, administrator, value) != (None, None, None):
        raise ConfigurationError("--administrator-role, --administrator and --value say something of an --issuer.")
    patch = _patch(name, time_zone)

    async def work(settings: Settings) -> str:
        async with current(settings) as database, unit_of_work(database) as write:
            caller = local_caller()
            said = [await _speaker(write, caller, settings, new, value)]
            if patch is not None:
                await update_agency(write, caller, OPERATOR_AGENCY_ID, patch, "any")
            operator = await agency_row(write, OPERATOR_AGENCY_ID)
            said.insert(0, f"The operator is the agency “{operator.name}” ({operator.id}).")
            return "\n".join(said)

    click.echo(run(settings_or_exit(), work))
    click.echo(_NEXT)


def _described(
    issuer: str,
    preset: str,
    audiences: Sequence[str],
    jwks_uri: str | None,
    role_name: str | None,
    administrator: str | None,
) -> NewTokenIssuer:
    if (role_name is None) == (administrator is None):
        raise ConfigurationError(
            "Say who administers the registry: --administrator-role with what the issuer calls the role, or "
            "--administrator with one person's subject."
        )
    given = {"issuer": issuer, "preset": preset, "jwks_uri": jwks_uri, "audiences": list(audiences) or None}
    try:
        claims = msgspec.to_builtins(_claims(issuer, preset, role_name, administrator))
        return msgspec.convert({**given, "claims": claims}, NewTokenIssuer)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigurationError(f"The issuer cannot be described so: {error}.") from None


def _claims(issuer: str, preset: str, role_name: str | None, administrator: str | None) -> ClaimMap:
    """Who is an administrator: whoever has the role, or the one person, whose subject is then read for a role."""
    known = described(Description(issuer=issuer, preset=Preset(preset)))
    if administrator is None:
        assert role_name is not None
        return ClaimMap(role_names={role_name: Role.REGISTRY_ADMIN.value})
    return ClaimMap(
        roles=known.claims.subject, role_names={administrator: Role.REGISTRY_ADMIN.value}, scope_default="*"
    )


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
    write: Write, caller: Caller, settings: Settings, new: NewTokenIssuer | None, value: str | None
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
        _enabled(others)
        raise ConfigurationError(
            f"This registry is set up already: {others[0].issuer} speaks for its operator. Others are entered with "
            "`registry issuer add` and `registry issuer attach`."
        )
    if same is not None and same.source == "registry" and same.description != _description_of(new):
        raise ConfigurationError(
            f"{new.issuer} is entered already, and described differently: change it with PATCH /v1/issuers/{same.id}, "
            "or name another issuer."
        )
    if same is None:
        await commands.create_issuer(write, caller, settings.issuers, new, itself=settings.public_url)
    if same is not None and _speaks(same):
        return _told(_enabled([same]), "already")
    ask = AgencyAttachment(agency_id=OPERATOR_AGENCY_ID, claim_value=value)
    made = await commands.attach_agency(write, caller, settings.issuers, issuer_id(new.issuer), ask)
    return _told([made], "from now on")


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
