"""`registry metrics rebuild`: the daily sums of metrics, made anew or compared with what they would be."""

from functools import partial

import click

from registry.cli.session import current, run, settings_or_exit
from registry.outcomes.metrics.commands import Rebuilt, follow_all, rebuild
from registry.platform.database.connect import unit_of_work
from registry.platform.settings import Settings


def rebuild_metrics(*, check: bool) -> None:
    """Follow the ledger to its end, then count everything from nothing, and say how much stood otherwise."""

    async def work(settings: Settings) -> Rebuilt:
        async with current(settings) as database:
            opened = partial(unit_of_work, database)
            await follow_all(database.read(), opened)
            return await rebuild(database.read(), opened, check=check)

    made = run(settings_or_exit(), work)
    click.echo(f"{made.owners} requests and loans counted, {made.differing} sums and records of them differed.")
    if check and made.differing:
        raise click.ClickException("The sums are not those of the records: run `registry metrics rebuild`.")
