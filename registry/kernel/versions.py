"""Optimistic locking: what an editor believed the row's version to be, against what it is."""

from typing import Literal, TypeAlias

from registry.kernel.errors import PreconditionMissing, StaleVersion

Expected: TypeAlias = int | Literal["any"] | None

NO_VERSION = -1
"""What an editor expects whose tag names no version of ours: no row has it."""


def check_version(expected: Expected, current: int, *, required: bool = False) -> None:
    """Let the change through only if it was made from `current`.

    Raises PreconditionMissing when `required` and nothing was said, StaleVersion when another edit came first.
    """
    if expected is None:
        if required:
            raise PreconditionMissing("Send If-Match with the ETag you read, so that nobody's edit is lost.")
        return
    if expected != "any" and expected != current:
        raise StaleVersion(
            "Somebody changed this since you read it. Read it again and repeat your change on top.",
            extra={"current_version": current},
        )
