"""Optimistic locking: compares the version that the caller edited with the current one."""

from typing import Literal, NamedTuple, TypeAlias

from registry.platform.kernel.errors import PreconditionMissing, StaleVersion


class Tags(NamedTuple):
    """The versions that the caller's ETags name; none for a weak tag or one that the registry did not create."""

    versions: frozenset[int]
    weak: bool = False


Expected: TypeAlias = Tags | Literal["any"] | None


def check_version(expected: Expected, current: int, *, required: bool = False) -> None:
    """Raises StaleVersion when `current` is not among the expected versions, because another edit came first.

    Raises PreconditionMissing when a version is `required` and none was given, and `weak_etag` for weak tags
    alone: reading again would bring the same, so that has a code of its own.
    """
    if expected is None:
        if required:
            raise PreconditionMissing("Send If-Match with the ETag you read, so that nobody's edit is lost.")
        return
    if isinstance(expected, Tags) and current not in expected.versions:
        if expected.weak and not expected.versions:
            words = (
                'A weak tag (W/"…") in If-Match never matches: send it without W/, which a proxy on the way may add.'
            )
            raise StaleVersion(words, "weak_etag")
        if not expected.versions:
            words = (
                "If-Match holds no tag that the registry gave out, so it matches no version. Send the ETag of your "
                f'last reading as it came: of the version that is now it begins with "{current}- and goes on with '
                "eight more characters."
            )
            raise StaleVersion(words, extra={"current_version": current})
        words = "Somebody changed this since you read it. Read it again and repeat your change on top."
        raise StaleVersion(words, extra={"current_version": current})


def check_read(expected: Expected, current: int) -> None:
    """The precondition of an act that approves what its caller read: `current` is among the versions that it names.

    Raises PreconditionMissing when none is named, also for `*`: whatever stands there now was read by nobody. Raises
    StaleVersion as `check_version` does.
    """
    if expected is None or expected == "any":
        raise PreconditionMissing(
            "Send If-Match with the ETag of what you read (not `*`): an approval is of the words that you read."
        )
    check_version(expected, current)
