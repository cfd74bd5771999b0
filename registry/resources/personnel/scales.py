"""Levels of capabilities: by which words each scale is said, and how they are ordered.

A level is stored as its rank, a whole number; 0 means that the capability is not there. A capability without a scale
has the rank 1. ILR levels are those of the Interagency Language Roundtable, those of positions FEMA's qualification
system's.
"""

from typing import Final

from registry.directory.taxonomy.seed import CapabilityScale
from registry.platform.kernel.errors import RuleBroken

ANY_LEVEL: Final = 1
_LEVELS: Final[dict[CapabilityScale, tuple[str, ...]]] = {
    CapabilityScale.NONE: ("",),
    CapabilityScale.PROFICIENCY: ("", "basic", "working", "expert"),
    CapabilityScale.ILR: ("0", "0+", "1", "1+", "2", "2+", "3", "3+", "4", "4+", "5"),
    CapabilityScale.NQS: ("", "trainee", "candidate", "qualified"),
}
_STEPS: Final[dict[CapabilityScale, tuple[int, ...]]] = {
    CapabilityScale.NONE: (ANY_LEVEL,),
    CapabilityScale.PROFICIENCY: (ANY_LEVEL, 3),
    CapabilityScale.ILR: (ANY_LEVEL, 4, 6, 8),
    CapabilityScale.NQS: (ANY_LEVEL, 3),
}
"""The levels by which other agencies may ask: few, so that no single person's level can be found by small steps."""


def levels_of(scale: CapabilityScale) -> tuple[str, ...]:
    """The words of the scale, lowest first."""
    return tuple(level for level in _LEVELS[scale] if level)


def rank_of(scale: CapabilityScale, level: str, at: str, *, parameter: bool = False) -> int:
    """The rank of a level. Raises RuleBroken at a pointer, or of a parameter, for a word of another scale."""
    if level and level in _LEVELS[scale]:
        return _LEVELS[scale].index(level)
    words = ", ".join(levels_of(scale))
    detail = f"Levels of this capability are: {words}." if words else "This capability has no levels."
    place = {"parameter": at} if parameter else {"pointer": at}
    raise RuleBroken.at(detail, "level_not_on_scale", "not a level of its scale", **place)


def level_of(scale: CapabilityScale, rank: int) -> str | None:
    """The word for a rank; None where the scale has none."""
    words = _LEVELS[scale]
    return words[rank] or None if rank < len(words) else None


def steps_of(scale: CapabilityScale) -> tuple[int, ...]:
    """The ranks at and above which other agencies may ask for numbers."""
    return _STEPS[scale]


def step_for(scale: CapabilityScale, rank: int) -> int | None:
    """The lowest step at or above the rank, so that nobody below it is counted; None above the highest."""
    return next((step for step in _STEPS[scale] if step >= rank), None)
