"""`registry revoke` and `registry restore-person`: who is refused, and taken again, by the commands of HTTP."""

from uuid import UUID

import click

from registry.cli.session import current, local_caller, run, settings_or_exit
from registry.directory.principals.commands import restore_principal
from registry.directory.principals.queries import principal_of
from registry.directory.principals.schemas import KnownPrincipal
from registry.directory.revocations.commands import create_revocation
from registry.directory.revocations.schemas import NewRevocation, Revocation
from registry.platform.access.tables import RevocationKind
from registry.platform.database.connect import unit_of_work
from registry.platform.settings import Settings


def revoke(kind: str, issuer: str, value: str, agency: UUID, reason: str) -> None:
    """Refuse a token or a person from now on, and say so."""
    new = NewRevocation(kind=RevocationKind(kind), issuer=issuer, value=value, agency_id=agency, reason=reason)

    async def work(settings: Settings) -> Revocation:
        async with current(settings) as database, unit_of_work(database) as write:
            return await create_revocation(write, local_caller(), new)

    made = run(settings_or_exit(), work)
    click.echo(f"Refused for {made.agency.name}: {made.kind} {made.value} of {made.issuer} ({made.id}).")


def restore(issuer: str, subject: str, agency: UUID, reason: str) -> None:
    """Take a person's or service's tokens again, and say so."""

    async def work(settings: Settings) -> KnownPrincipal:
        async with current(settings) as database, unit_of_work(database) as write:
            id_ = await principal_of(write, agency, issuer, subject)
            return await restore_principal(write, local_caller(), id_, reason, None, settings.principal_idle_days)

    found = run(settings_or_exit(), work)
    click.echo(f"Restored for {found.agency.name}: {found.subject} of {found.issuer} ({found.id}).")
