"""How much of a database's capacity is in use, and how many wait for it."""

from collections import Counter
from typing import Literal

from msgspec import Struct


class Pressure(Struct, kw_only=True):
    """One way to the database: the connections for reading, or those for changes (on SQLite one writer).

    `waiting_most` is how many may wait at all; None where only the time is limited. `waited_seconds` is the sum of all
    waits that are over, and `refused` counts those that were in vain, by the code that the caller got.
    """

    way: Literal["read", "write"]
    most: int
    waiting_most: int | None = None
    in_use: int = 0
    waiting: int = 0
    waited_seconds: float = 0.0
    refused: Counter[str]
