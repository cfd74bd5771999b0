"""The funds with which assets are paid, and what comes with them: facts that are shipped as a file."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.text import Code
from registry.platform.kernel.time import CivilDate
from registry.platform.kernel.yaml_text import read_yaml

REVIEW: Final = "have counsel review"


class FundingSource(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A fund or programme with which assets are paid, and what it restricts. No legal advice."""

    code: Code
    name: str
    authority: Annotated[
        str | None, Meta(description="The statute or rule that says so; null where that depends on the giver.")
    ]
    restricts: Annotated[str, Meta(description="What may not be done with what it paid, in a sentence or two.")]
    source: Annotated[
        Literal["primary", "secondary"], Meta(description="Whether its own wording was read, or what others say of it.")
    ]
    checked_on: Annotated[CivilDate, Meta(description="When that was last read.")]
    checked_against: Annotated[str, Meta(description="What was read.")]
    review: Annotated[str, Meta(description="What is to be done before anybody relies on it.")] = REVIEW


class FundingSourceList(Struct, kw_only=True, frozen=True):
    """The funds that are known, each with what it restricts."""

    items: list[FundingSource]


@cache
def funding_sources() -> dict[str, FundingSource]:
    """The funds by their codes. Raises ValidationError, ValueError for data that cannot be meant."""
    text = (Path(__file__).parent / "facts" / "funding.yaml").read_text("utf-8")
    found = msgspec.convert(read_yaml(text), list[FundingSource])
    by_code = {each.code: each for each in found}
    if len(by_code) != len(found):
        raise ValueError("two funds have one code")
    return by_code


def check_funding(codes: Iterable[str], pointer: str) -> None:
    """Raises RuleBroken for a code that is none: a policy that asks for the right one would not see it."""
    for index, code in enumerate(codes):
        if code not in funding_sources():
            raise RuleBroken.at(
                f"There is no such fund; GET /v1/funding-sources lists them: {', '.join(funding_sources())}.",
                "unknown_funding_source",
                "no such fund",
                pointer=f"{pointer}/{index}",
            )


def explained(codes: Iterable[str]) -> list[FundingSource]:
    """The funds of these codes, in their order; what was stored under a code that is gone stays unexplained."""
    known = funding_sources()
    return [known[code] for code in codes if code in known]


def funding_section() -> Iterator[str]:
    """What `docs/law.md` tells of them."""
    yield from ("", "## Funds", "", "What assets were paid with (`funding`), by code; policies read the codes.")
    for each in funding_sources().values():
        yield from ("", f"### `{each.code}`", "")
        cited = f" {each.authority}." if each.authority else ""
        yield f"{each.name}.{cited} {each.source.capitalize()} source, checked on {each.checked_on}; {each.review}."
        yield from ("", f"- Restricts: {each.restricts}", f"- Read: {each.checked_against}")
