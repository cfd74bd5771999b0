"""Rules of revocations: whom they can name, and who lifts them."""

from collections.abc import Sequence
from difflib import get_close_matches

from registry.platform.kernel.errors import Forbidden, RuleBroken

BY_OPERATOR = "The registry's operator refused it, and lifts it alone: ask the operator."


def check_issuer(issuer: str, known: Sequence[str]) -> None:
    """Raises RuleBroken for an issuer that is not known: whoever is refused of it could go on."""
    if issuer in known:
        return
    nearest = get_close_matches(issuer, known, n=1, cutoff=0)
    words = f"the nearest that is known is {nearest[0]}" if nearest else "none is known yet"
    raise RuleBroken.at(
        f"There is no issuer of that name; {words}. Name it as its tokens do in `iss`, letter by letter.",
        "unknown_issuer",
        "no such issuer",
        pointer="/issuer",
    )


def not_for_agency(issuer: str, agency: str, seen_for: Sequence[str]) -> RuleBroken:
    """The refusal of an issuer that does not speak for the agency: nobody would be kept from anything.

    `seen_for` are the agencies, of those that the caller may know of, for which the person came.
    """
    words = f"; it was seen for {', '.join(seen_for)}" if seen_for else ""
    return RuleBroken.at(
        f"{issuer} does not speak for {agency}, so its tokens are refused there already{words}. Name the agency for "
        "which the person or token is to be refused.",
        "issuer_not_for_agency",
        "the issuer does not speak for this agency",
        pointer="/agency_id",
    )


def check_lifter(*, by_operator: bool, is_operator: bool) -> None:
    """Raises Forbidden when somebody else than the operator accepts again what the operator refused (ADR 26)."""
    if by_operator and not is_operator:
        raise Forbidden(BY_OPERATOR, "refused_by_operator")
