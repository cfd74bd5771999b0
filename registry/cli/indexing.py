"""`registry reindex`: the words by which assets are found, written anew."""

import click

from registry.cli.session import current, progress, run, settings_or_exit
from registry.platform.settings import Settings
from registry.resources.assets.commands.indexing import count_assets, reindex


def reindex_assets() -> None:
    """Write the words of all assets anew, and say how many differed."""

    async def work(settings: Settings) -> tuple[int, int]:
        async with current(settings) as database:
            total = await count_assets(database)
            with progress("assets", total) as show:
                return total, await reindex(database, show)

    total, changed = run(settings_or_exit(), work)
    click.echo(f"{total} assets looked at, the words of {changed} written anew.")
