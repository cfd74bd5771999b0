"""Money: decimal text in JSON, integer minor units in the database; never floats."""

from typing import Annotated

from msgspec import Meta, Struct

Amount = Annotated[
    str,
    Meta(
        pattern=r"\A(0|[1-9][0-9]{0,12})\.[0-9]{2}\Z",
        max_length=16,
        extra={"form": "digits with exactly two decimal places, such as 1250.00"},
        description="Decimal amount with exactly two places.",
        examples=["1250.00"],
    ),
]
Currency = Annotated[
    str,
    Meta(
        pattern=r"\A[A-Z]{3}\Z",
        max_length=3,
        extra={"form": "three capital letters"},
        description="ISO 4217 code.",
        examples=["USD"],
    ),
]


class Money(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A non-negative amount in one currency."""

    amount: Amount
    currency: Currency = "USD"

    def to_minor(self) -> int:
        """Integer minor units (cents)."""
        whole, cents = self.amount.split(".")
        return int(whole) * 100 + int(cents)

    @staticmethod
    def from_minor(minor: int, currency: str) -> "Money":
        """The inverse of `to_minor`."""
        return Money(amount=f"{minor // 100}.{minor % 100:02d}", currency=currency)
