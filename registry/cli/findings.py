"""What `registry doctor` finds, each with what to do about it."""

from collections.abc import Sequence
from enum import StrEnum
from errno import EDQUOT, ENOSPC

import click
from msgspec import Struct

from registry.platform.kernel.errors import DomainError
from registry.platform.kernel.time import apart
from registry.platform.settings import Settings, SettingsError

_SKEW_WORTH_TELLING = 2.0


class Grade(StrEnum):
    """How it stands with one thing."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


class Finding(Struct, kw_only=True, frozen=True):
    """What one check found; `advice` says what to do, where something is to be done."""

    grade: Grade
    about: str
    said: str
    advice: str = ""


def ok(about: str, said: str) -> Finding:
    """It is as it should be."""
    return Finding(grade=Grade.OK, about=about, said=said)


def warning(about: str, said: str, advice: str) -> Finding:
    """It works, and should be seen to."""
    return Finding(grade=Grade.WARNING, about=about, said=said, advice=advice)


def failure(about: str, said: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(grade=Grade.FAILURE, about=about, said=said, advice=advice)


def met(about: str, error: BaseException) -> Finding:
    """The finding of a check that ended early."""
    words = error.detail if isinstance(error, DomainError) else str(error)
    cause = str(error.__cause__ or "").partition("\n")[0] if isinstance(error, DomainError) else ""
    said = (words or type(error).__name__).splitlines()[0]
    advice = "correct that setting; README lists all settings" if isinstance(error, SettingsError) else advice_on(about)
    advice = "free room on that disk" if _is_full(error) else advice
    return failure(about, f"{said} ({cause})" if cause and cause not in said else said, advice)


def _is_full(error: BaseException) -> bool:
    """Whether a disk or a quota is full, after the error or what caused it; SQLite says it in words."""
    cause = error.__cause__ or error
    return getattr(cause, "errno", None) in (ENOSPC, EDQUOT) or "disk is full" in str(cause)


def skew(about: str, whose: str, ahead: float, settings: Settings) -> Finding:
    """The finding about a clock that this machine's is ahead of by so many seconds, or behind where that is below 0."""
    said = f"this machine's time is {apart(ahead, whose)}"
    if abs(ahead) > settings.clock_skew_seconds:
        return failure(about, said, "let both follow the same time (chrony): tokens are refused")
    if abs(ahead) > _SKEW_WORTH_TELLING:
        return warning(about, said, "let both follow the same time (chrony)")
    return ok(about, said)


def advice_on(about: str) -> str:
    return {
        "database": "check REGISTRY_DATABASE_URL, the network and the account; docs/operations.md",
        "documents": "check REGISTRY_DATA_DIR or REGISTRY_DOCUMENTS_URL, and who may write there",
        "policies": "check REGISTRY_POLICIES_DIR with `registry policy test`",
    }.get(about, "see what is said, and the log")


def show(found: Sequence[Finding]) -> None:
    """Print them, and how many there are of each grade."""
    for each in found:
        click.echo(f"{each.grade:<8} {each.about}: {each.said}")
        if each.advice:
            click.echo(f"{'':8} -> {each.advice}")
    counted = {grade: sum(each.grade is grade for each in found) for grade in Grade}
    click.echo(f"{counted[Grade.OK]} ok, {counted[Grade.WARNING]} warnings, {counted[Grade.FAILURE]} failures.")
