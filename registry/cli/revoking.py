"""`registry revoke` and `registry restore-person`: who is refused, and taken again, by the commands of HTTP."""

from uuid import UUID

import click

from registry.cli.session import as_asked, current, local_caller, run, settings_or_exit
from registry.directory.principals.commands import restore_principal
from registry.directory.principals.queries import principal_of
from registry.directory.principals.schemas import KnownPrincipal, PrincipalReason
from registry.directory.revocations.commands import create_revocation
from registry.directory.revocations.schemas import NewRevocation, Revocation
from registry.platform.database.connect import unit_of_work
from registry.platform.settings import Settings


def revoke(kind: str, issuer: str, value: str, agency: UUID, reason: str, *, last: bool) -> None:
    """Refuse a token or a person from now on, and say so; also the `last` person who administers the registry."""
    new = as_asked(NewRevocation, kind=kind, issuer=issuer, value=value, agency_id=agency, reason=reason)

    async def work(settings: Settings) -> Revocation:
        async with current(settings) as database, unit_of_work(database) as write:
            return await create_revocation(write, local_caller(), settings, new, may_lock_out=last)

    made = run(settings_or_exit(), work)
    click.echo(f"Refused for {made.agency.name}: {made.kind} {made.value} of {made.issuer} ({made.id}).")
    if made.seen is False:
        click.echo("It was never seen for that agency (seen: false): compare the subject letter by letter.")


def restore(issuer: str, subject: str, agency: UUID, reason: str) -> None:
    """Take a person's or service's tokens again, and say so."""
    asked = as_asked(PrincipalReason, reason=reason)

    async def work(settings: Settings) -> KnownPrincipal:
        async with current(settings) as database, unit_of_work(database) as write:
            id_ = await principal_of(write, agency, issuer, subject)
            return await restore_principal(write, local_caller(), id_, asked.reason, None, settings)

    found = run(settings_or_exit(), work)
    click.echo(f"Restored for {found.agency.name}: {found.subject} of {found.issuer} ({found.id}).")
