"""What a tracker's words for how an agreement stands mean: a table that is data, to which one's own words are added."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec
import yaml
from msgspec import Struct

from registry.agreements.tracker.cells import read_word
from registry.platform.kernel.errors import Malformed
from registry.platform.kernel.yaml_text import read_yaml

_SHIPPED: Final = files("registry.agreements.tracker") / "statuses.yaml"


class Statuses(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Words by what they mean, as `cells.read_word` reads them."""

    signed: list[str] = []
    expired: list[str] = []
    ended: list[str] = []
    draft: list[str] = []
    never: list[str] = []

    def meaning_of(self, word: str) -> str | None:
        """`signed`, `expired`, `ended`, `draft` or `never`; None for a word that is in no list."""
        return next((name for name in self.__struct_fields__ if word in getattr(self, name)), None)

    @property
    def words(self) -> list[str]:
        """Every word that is understood."""
        return sorted(word for name in self.__struct_fields__ for word in getattr(self, name))


def read_statuses(text: str) -> Statuses:
    """The table that the YAML text holds. Raises Malformed, also for a word that would mean two things."""
    try:
        given = msgspec.convert(read_yaml(text), Statuses, strict=True)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise Malformed(f"The table of status words cannot be used: {error}.") from None
    names = given.__struct_fields__
    found = Statuses(**{name: [read_word(word, "iso") for word in getattr(given, name)] for name in names})
    if repeated := sorted({word for word in found.words if found.words.count(word) > 1}):
        raise Malformed(f"The table of status words has more than once: {', '.join(repeated)}.")
    return found


@cache
def shipped_statuses() -> Statuses:
    """The table that comes with the registry."""
    return read_statuses(_SHIPPED.read_text("utf-8"))


def load_statuses(path: Path) -> Statuses:
    """The shipped table with one's own words from a file; one's own meaning of a word goes before the shipped one.

    Raises Malformed, OSError.
    """
    own, shipped = read_statuses(path.read_text("utf-8")), shipped_statuses()
    return Statuses(
        **{
            name: [*getattr(own, name), *(word for word in getattr(shipped, name) if own.meaning_of(word) is None)]
            for name in own.__struct_fields__
        }
    )
