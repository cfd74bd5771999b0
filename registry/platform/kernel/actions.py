"""The actions that a caller may take on a thing now, and the reasons why others are not possible."""

from typing import Annotated

from msgspec import Meta, Struct


class AllowedAction(Struct, kw_only=True, frozen=True):
    """One action that the caller's role can take on the thing; if not now, with the reason."""

    action: Annotated[
        str,
        Meta(
            max_length=40,
            description="The last part of its path, with `_` instead of `-`. `update` is the PATCH of the thing,"
            " `delete` its DELETE, `reply` a further comment, and `create_loan` of a line `POST /v1/loans` with the id"
            " of its `decision`; where the actions are of another thing, the list says of which.",
            examples=["return"],
        ),
    ]
    allowed: bool
    reason: Annotated[str | None, Meta(description="Why it is withheld; null when it is allowed.")] = None


def offer(action: str, *, withheld: str | None = None) -> AllowedAction:
    """An action to show; allowed unless a reason is given."""
    return AllowedAction(action=action, allowed=withheld is None, reason=withheld)
