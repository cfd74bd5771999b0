"""What a replay tells: what the list says by itself, and what was done about it."""

from msgspec import Struct

from registry.agreements.tracker.listings import Facts
from registry.agreements.tracker.schemas import CellFault
from registry.platform.kernel.time import Instant


class LateSnapshot(Struct, kw_only=True, frozen=True):
    """A snapshot that was not replayed."""

    list: str
    taken_at: Instant
    reason: str


class ReplayReport(Struct, kw_only=True, frozen=True):
    """What the snapshots say, and what was done, or would be. A second replay of the same ones finds nothing to do.

    `listed` are those on the newest list of signed ones, `recorded` those of them that stand here as executed: a row
    whose state, day or agency cannot be made out is listed and not recorded.
    """

    dry_run: bool
    source: str
    facts: Facts
    listed: int
    recorded: int
    drafts_entered: int
    agreements_recorded: int
    notes: int
    agencies_created: int
    unchanged: int
    not_replayed: list[LateSnapshot]
    refused: list[CellFault]
    refused_left_out: int
