"""`registry token`: a token of the development issuer."""

from uuid import UUID

import click

from registry.cli.session import ConfigurationError, reporting_errors, settings_or_exit
from registry.platform.access.development import development_token, has_development_key
from registry.platform.access.principals import Role
from registry.platform.kernel.time import utc_now


def print_token(agency: UUID, roles: tuple[str, ...], subject: str, scope: str, hours: float) -> None:
    """Print a token that the service accepts in demo mode."""
    settings = settings_or_exit()
    if not settings.demo:
        raise ConfigurationError("Tokens come from your own issuer; this one works with REGISTRY_DEMO=1 only.")
    if not has_development_key(settings):
        raise ConfigurationError(
            f"No service has run with the data folder {settings.data_dir}, so none would accept the token. Name the "
            "folder of the one that runs: REGISTRY_DATA_DIR (`make serve` uses var/demo)."
        )
    if not 0 < len(subject) <= 200 or not all("!" <= letter <= "~" for letter in subject):
        raise click.BadParameter("give 1 to 200 visible ASCII characters without blanks", param_hint="--subject")
    with reporting_errors():
        click.echo(
            development_token(
                settings,
                agency_id=agency,
                roles=[Role(role) for role in roles],
                subject=subject,
                scope=scope,
                now=utc_now(),
                life_seconds=int(hours * 3600),
            )
        )
