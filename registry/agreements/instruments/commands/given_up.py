"""A hand is put to no text that was given up by its day."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.given_up import given_up
from registry.platform.database.handles import Write
from registry.platform.kernel.errors import RuleBroken


async def check_not_given_up(
    write: Write, row: Row[Any], version_id: UUID, signed_on: date, signed_at: datetime
) -> None:
    """Let no hand be put to a text that was over by its day, or replaced for each that had signed it.

    It would bind nobody. Raises RuleBroken with the text that took its place, and the day.
    """
    detail = await given_up(write, row, version_id, signed_at, signed_on)
    if detail is not None:
        raise RuleBroken.at(
            detail, "other_version", "a version that binds nobody from that day", pointer="/version_sha256"
        )
