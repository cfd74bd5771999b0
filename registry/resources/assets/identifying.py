"""Rules about the numbers by which others know an asset: their forms, and what is one number."""

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.text import normal_key


class IdentifierKind(StrEnum):
    """What an identifier is."""

    VIN = "vin"
    SERIAL_NUMBER = "serial_number"
    FLEET_NUMBER = "fleet_number"
    LICENSE_PLATE = "license_plate"
    TAIL_NUMBER = "tail_number"
    CALL_SIGN = "call_sign"
    FEMA_RTLT = "fema_rtlt"
    OTHER = "other"


UNIQUE: Final = (
    IdentifierKind.VIN,
    IdentifierKind.FLEET_NUMBER,
    IdentifierKind.LICENSE_PLATE,
    IdentifierKind.TAIL_NUMBER,
)
"""Kinds of which an agency has each number once, among what is not retired.

Makers give the same serial number to different things, and several things may answer to one call sign. Across agencies
nothing is compared: a refusal would tell what another agency has.
"""
_IGNORED: Final = re.compile(r"[\s.-]+")
_VIN: Final = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
_VIN_VALUES: Final = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", "12345678123457923456789", strict=True))
_VIN_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_TAIL: Final = re.compile(r"N[1-9](\d{0,4}|\d{0,3}[A-HJ-NP-Z]|\d{0,2}[A-HJ-NP-Z]{2})")
_RTLT: Final = re.compile(r"\d{1,2}-\d{3}-\d{4}")


class Identified(Protocol):
    """A number of some kind."""

    @property
    def kind(self) -> IdentifierKind:
        """What it is."""

    @property
    def value(self) -> str:
        """As it is written."""


def identifier_key(kind: IdentifierKind, value: str) -> str:
    """The number in its one form: case does not count; nor, where a form is prescribed, do blanks, dots and hyphens."""
    key = normal_key(value)
    return _IGNORED.sub("", key) if kind in (*UNIQUE, IdentifierKind.CALL_SIGN) else key


def check_identifiers(identifiers: Sequence[Identified], pointer: str) -> None:
    """Raises RuleBroken for a number that has not the form of its kind, and for one that stands there twice.

    A vehicle identification number has 17 characters and a check digit (49 CFR 565.13, 565.15); one of before 1981, or
    not made for the United States, is a serial number. An aircraft's registration is as in 14 CFR 47.15. A resource
    typing definition has a number such as 6-508-1086.
    """
    seen: set[tuple[IdentifierKind, str]] = set()
    for index, each in enumerate(identifiers):
        key = identifier_key(each.kind, each.value)
        wrong = _wrong_form(each.kind, each.value.strip().upper(), key.upper())
        if wrong is None and (each.kind, key) in seen:
            wrong = "stands there twice"
        if wrong is not None:
            raise RuleBroken.at(
                f"The identifier “{each.value}” is no {each.kind.replace('_', ' ')} that can be taken: {wrong}.",
                "invalid_identifier",
                wrong,
                pointer=f"{pointer}/{index}/value",
            )
        seen.add((each.kind, key))


def _wrong_form(kind: IdentifierKind, written: str, key: str) -> str | None:
    """What is wrong with the form; None when nothing is."""
    match kind:
        case IdentifierKind.VIN if not _VIN.fullmatch(key):
            return "a VIN has 17 letters and digits, none of them I, O or Q"
        case IdentifierKind.VIN if _check_digit(key) != key[8]:
            return f"its check digit, the ninth character, must be {_check_digit(key)}"
        case IdentifierKind.TAIL_NUMBER if not _TAIL.fullmatch(key):
            return "a registration is N and up to five digits, the last one or two of which may be letters but I and O"
        case IdentifierKind.FEMA_RTLT if not _RTLT.fullmatch(written):
            return "FEMA's numbers are as 6-508-1086"
        case _ if not key:
            return "it has neither letter nor digit"
        case _:
            return None


def _check_digit(vin: str) -> str:
    """The ninth character that a VIN must have (49 CFR 565.15(c))."""
    total = sum(
        weight * int(_VIN_VALUES.get(character, character)) for weight, character in zip(_VIN_WEIGHTS, vin, strict=True)
    )
    return "0123456789X"[total % 11]
