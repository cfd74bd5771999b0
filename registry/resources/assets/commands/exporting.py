"""The record of an export: what leaves as a file is a disclosure, and is on record before its first byte."""

from collections.abc import Collection

from registry.platform.access.principals import Caller
from registry.platform.database.connect import OwnTransaction
from registry.platform.kernel.ids import new_id
from registry.platform.ledger.commands import record
from registry.resources.assets.schemas.exporting import ExportFormat


async def record_export(
    own_transaction: OwnTransaction, caller: Caller, kind: ExportFormat, filters: Collection[str]
) -> None:
    """Record who takes out the asset list, in which format and by which filters. Raises Busy; then nothing is sent.

    Of the filters the names alone: words that somebody looks for may name a person.
    """
    async with own_transaction() as write:
        record(
            write,
            caller,
            "asset.exported",
            subject=("asset_export", new_id(), 1),
            agencies=[caller.agency_id],
            data={"format": kind, "filters": sorted(filters)},
        )
