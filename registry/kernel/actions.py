"""What a caller may do to a thing now, and why not where it otherwise could."""

from typing import Annotated

from msgspec import Meta, Struct


class AllowedAction(Struct, kw_only=True, frozen=True):
    """One action this caller's role could take on the thing; when not now, the reason."""

    action: Annotated[str, Meta(max_length=40, examples=["return"])]
    allowed: bool
    reason: Annotated[str | None, Meta(description="Why it is withheld; null when it is allowed.")] = None


def offer(action: str, *, withheld: str | None = None) -> AllowedAction:
    """An action to show, allowed unless a reason is given."""
    return AllowedAction(action=action, allowed=withheld is None, reason=withheld)
