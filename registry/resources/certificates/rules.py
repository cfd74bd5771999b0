"""Rules about certificates: what belongs into one, and whether it holds for a window.

A certificate of a K9 team belongs to handler, dog and discipline together; when either leaves, it is void (SWGDOG and
the certifying bodies certify teams, not dogs). A laboratory is accredited for a scope: a discipline and its methods.
"""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import Window

K9_CATEGORY: Final = "k9"
LAB_CATEGORY: Final = "lab"

VoidBecause: TypeAlias = Literal["ended", "handler_left", "asset_retired", "asset_out_of_service"]


class CertificateStatus(StrEnum):
    """Where a certificate stands for a window: it holds on its first and on its last day, or it does not."""

    NOT_YET_EFFECTIVE = "not_yet_effective"
    CURRENT = "current"
    EXPIRED = "expired"
    VOID = "void"


class Standard(StrEnum):
    """By which standard a laboratory is accredited: for testing (17025) or for inspection (17020)."""

    ISO_IEC_17025 = "iso_iec_17025"
    ISO_IEC_17020 = "iso_iec_17020"


def void_because(*, ended: bool, handler_status: str | None, service_status: str) -> VoidBecause | None:
    """Why a certificate holds on no day; None when its dates decide."""
    if ended:
        return "ended"
    if handler_status == "separated":
        return "handler_left"
    if service_status == "retired":
        return "asset_retired"
    return "asset_out_of_service" if service_status == "out_of_service" else None


def certificate_status(
    valid_from_at: datetime, valid_until_at: datetime, window: Window, void: VoidBecause | None
) -> CertificateStatus:
    """Where a certificate stands for a window."""
    if void is not None:
        return CertificateStatus.VOID
    if window.end > valid_until_at:
        return CertificateStatus.EXPIRED
    return CertificateStatus.NOT_YET_EFFECTIVE if window.start < valid_from_at else CertificateStatus.CURRENT


class Coverage(StrEnum):
    """For how much of a window something that has days holds; where it holds for none of it, there is no coverage."""

    CURRENT = "current"
    LAPSES = "lapses"
    BEGINS = "begins"


def coverage(valid_from_at: datetime, valid_until_at: datetime, window: Window) -> Coverage | None:
    """For how much of the window it holds; what begins and lapses inside it lapses. None: at no moment of it."""
    if valid_until_at <= window.start or valid_from_at >= window.end:
        return None
    if valid_until_at < window.end:
        return Coverage.LAPSES
    return Coverage.BEGINS if valid_from_at > window.start else Coverage.CURRENT


def check_certificate(
    category_path: Collection[str],
    discipline_path: Collection[str],
    *,
    has_handler: bool,
    has_scope: bool,
) -> None:
    """Raises RuleBroken `certificate_misfit` for a certificate that an asset of that category cannot have.

    `discipline_path` are the category named as the discipline and those above it; `has_scope` says that a standard or
    methods are given.
    """
    root = next((each for each in (K9_CATEGORY, LAB_CATEGORY) if each in category_path), None)
    if root is None:
        raise _misfit("Only K9 teams and laboratory services have certificates of their own here.", "", "neither")
    if root not in discipline_path or len(discipline_path) <= _LEVELS_OF_A_ROOT:
        words = f"The discipline is one of the categories under `{root}`; GET /v1/categories lists them."
        raise _misfit(words, "/discipline", f"not under {root}")
    if root == K9_CATEGORY and not has_handler:
        raise _misfit("A K9 team is certified with its handler: name one of your people.", "/handler_id", "missing")
    if root == K9_CATEGORY and has_scope:
        raise _misfit("Standard and methods are a laboratory's.", "/methods", "not of a K9 team")
    if root == LAB_CATEGORY and has_handler:
        raise _misfit("A laboratory has no handler.", "/handler_id", "not of a laboratory")


_LEVELS_OF_A_ROOT: Final = 2
"""`k9` itself and `any`: a discipline has more above it."""


def _misfit(words: str, pointer: str, fault: str) -> RuleBroken:
    return RuleBroken.at(words, "certificate_misfit", fault, pointer=pointer)
