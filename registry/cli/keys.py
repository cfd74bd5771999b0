"""`registry keys`: the keys that sign the registry's own tokens, and those under which secrets are encrypted."""

import click

from registry.cli.session import current, local_caller, run, settings_or_exit
from registry.directory.clients.commands.signing import AuthorizationServer, rotate_signing_key
from registry.platform.database.connect import unit_of_work
from registry.platform.database.encrypted import reencrypt as reencrypt_all
from registry.platform.database.in_use import Use
from registry.platform.database.installation import change_ledger_key
from registry.platform.encryption import CannotDecryptError, SecretKeys
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.commands import record
from registry.platform.ledger.event_types import EventType
from registry.platform.settings import Settings


@click.command()
@click.option("--at-once", is_flag=True, help="Refuse the tokens of earlier keys now: one of them is in wrong hands.")
def rotate(at_once: bool) -> None:
    """Let a new key sign the tokens of service clients; those of the earlier one are accepted for another hour.

    \b
    Examples:
      registry keys rotate
      registry keys rotate --at-once
    """

    async def work(settings: Settings) -> str:
        async with current(settings) as database, unit_of_work(database) as write:
            return await rotate_signing_key(write, local_caller(), AuthorizationServer.of(settings), at_once=at_once)

    kid = run(settings_or_exit(), work)
    click.echo(
        f"{kid} signs from now on; tokens of earlier keys are {'refused' if at_once else 'accepted for an hour'}."
    )


@click.command()
def reencrypt() -> None:
    """Encrypt every secret in the database under the first key of REGISTRY_SECRET_KEYS.

    To change that key, put the new one in front of the old, restart, run this, and then take the old one away.

    \b
    Example:
      registry keys reencrypt
    """

    async def work(settings: Settings) -> tuple[int, int]:
        keys = SecretKeys(settings.secret_keys)
        if not keys:
            raise click.ClickException("Set REGISTRY_SECRET_KEYS: the first of them encrypts.")
        async with current(settings) as database, unit_of_work(database) as write:
            try:
                return await reencrypt_all(write, keys)
            except CannotDecryptError as error:
                raise click.ClickException(f"Nothing was changed: {error}.") from None

    changed, total = run(settings_or_exit(), work)
    click.echo(f"{changed} of {total} secrets were encrypted anew; all are under the first key.")


@click.command()
def adopt() -> None:
    """Let the REGISTRY_LEDGER_KEY of the settings be the ledger's from now on, in place of another.

    Only where the old one is lost, or in wrong hands: keyed hashes of before can be verified with the old one alone, so
    keep that with the backups of its time. Stop every process first. The ledger says when it was done.

    \b
    Example:
      registry keys adopt
    """

    async def work(settings: Settings) -> bool:
        async with current(settings, any_ledger_key=True) as database, unit_of_work(database) as write:
            changed = await change_ledger_key(write, settings.ledger_key)
            if changed:
                subject = ("ledger_key", new_id(), 1)
                record(write, local_caller(), EventType.LEDGER_KEY_CHANGED, subject=subject, agencies=[], data={})
            return changed

    changed = run(settings_or_exit(), work, use=Use.CHANGE)
    click.echo(f"The key of the settings {'is the ledger’s from now on' if changed else 'is the ledger’s already'}.")


COMMANDS = {"rotate": rotate, "reencrypt": reencrypt, "adopt": adopt}
