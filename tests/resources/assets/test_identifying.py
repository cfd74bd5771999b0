"""The forms of identifiers, and what is one number."""

import pytest

from registry.platform.kernel.errors import RuleBroken
from registry.resources.assets.identifying import IdentifierKind, check_identifiers, identifier_key
from registry.resources.assets.schemas.words import Identifier

GOOD = (
    ("vin", "1M8GDM9AXKP042788"),
    ("vin", "1m8gdm9ax-kp042788"),
    ("vin", "11111111111111111"),
    ("tail_number", "N1"),
    ("tail_number", "N12345"),
    ("tail_number", "n-123ab"),
    ("fema_rtlt", "6-508-1086"),
    ("serial_number", "0"),
    ("call_sign", "K9 seven"),
)
BAD = (
    ("vin", "1M8GDM9A1KP042788", "check digit"),
    ("vin", "1M8GDM9AXKP04278", "17 letters"),
    ("vin", "IM8GDM9AXKP042788", "none of them I"),
    ("tail_number", "N0123", "registration"),
    ("tail_number", "N1234AB", "registration"),
    ("tail_number", "N12I", "registration"),
    ("fema_rtlt", "508", "6-508-1086"),
    ("license_plate", "--", "neither letter nor digit"),
)


def of(kind: str, value: str) -> Identifier:
    return Identifier(kind=IdentifierKind(kind), value=value)


def test_each_kind_has_its_form() -> None:
    for kind, value in GOOD:
        check_identifiers([of(kind, value)], "/identifiers")
    for kind, value, said in BAD:
        with pytest.raises(RuleBroken, match=said) as caught:
            check_identifiers([of("other", "x"), of(kind, value)], "/identifiers")
        assert caught.value.faults[0].pointer == "/identifiers/1/value"


def test_one_number_stands_there_once_in_every_spelling() -> None:
    with pytest.raises(RuleBroken, match="twice"):
        check_identifiers([of("call_sign", "Air 7"), of("call_sign", "AIR-7")], "/identifiers")
    check_identifiers([of("call_sign", "Air 7"), of("other", "Air 7")], "/identifiers")
    assert identifier_key(IdentifierKind.SERIAL_NUMBER, "A-1") != identifier_key(IdentifierKind.SERIAL_NUMBER, "A1")
