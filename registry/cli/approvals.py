"""`registry approvals`: what administrators proposed, approved or rejected on the machine, by the commands of HTTP."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import click

from registry.agreements.instruments.commands.agency_status import follow_agency_status
from registry.cli.session import as_asked, current, local_caller, run, settings_or_exit
from registry.directory.operator_acts import commands, queries, routes  # noqa: F401  # routes declare what can be done
from registry.directory.operator_acts.schemas import OperatorAct, OperatorActRejection
from registry.platform.database.connect import unit_of_work
from registry.platform.database.handles import Write
from registry.platform.http.paging import NewestFirst
from registry.platform.settings import Settings


@click.command(name="list")
def list_() -> None:
    """List the last fifty acts that an administrator proposed, and where each stands.

    \b
    Example:
      registry approvals list
    """

    async def work(settings: Settings) -> list[OperatorAct]:
        async with current(settings) as database:
            return (await queries.list_operator_acts(database.read(), local_caller(), NewestFirst())).items

    found = run(settings_or_exit(), work)
    for act in found:
        click.echo(_as_text(act))
    if not found:
        click.echo("Nothing was proposed.")


@click.command()
@click.argument("act", type=click.UUID)
def approve(act: UUID) -> None:
    """Do what was proposed as ACT. Whoever runs this is the second operator, and the ledger records it as local.

    \b
    Example:
      registry approvals approve 01920000-0000-7000-8000-00000000c0de
    """

    async def change(write: Write, settings: Settings) -> OperatorAct:
        supplied = {"settings": settings, "agency_status_followed": follow_agency_status}
        return await commands.approve_operator_act(write, local_caller(), act, None, supplied)

    _change(change)


@click.command()
@click.argument("act", type=click.UUID)
@click.option("--reason", required=True, help="Why it is not to be done.")
def reject(act: UUID, reason: str) -> None:
    """Have what was proposed as ACT not done.

    \b
    Example:
      registry approvals reject 01920000-0000-7000-8000-00000000c0de --reason "Not that agency."
    """
    asked = as_asked(OperatorActRejection, reason=reason)
    _change(lambda write, _: commands.reject_operator_act(write, local_caller(), act, asked.reason, None))


def _change(command: Callable[[Write, Settings], Awaitable[OperatorAct]]) -> None:
    async def work(settings: Settings) -> OperatorAct:
        async with current(settings) as database, unit_of_work(database) as write:
            return await command(write, settings)

    click.echo(_as_text(run(settings_or_exit(), work)))


def _as_text(act: OperatorAct) -> str:
    by = f"{act.proposed_by.subject} of {act.proposed_by.issuer}"
    return (
        f"{act.id}  {act.status}  {act.operation} {act.path}\n"
        f"  by {by}, until {act.lapses_at:%Y-%m-%d %H:%M} UTC: {act.body}"
    )


COMMANDS = {"list": list_, "approve": approve, "reject": reject}
