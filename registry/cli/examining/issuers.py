"""What `registry doctor` finds of the issuers of tokens: their keys and their clocks."""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from registry.cli.findings import Finding, failure, ok, skew, warning
from registry.platform.access.key_sets import parse_key_set
from registry.platform.access.keys import fetch_key_set
from registry.platform.issuers import Issuer
from registry.platform.settings import Settings


async def examine_issuer(settings: Settings, issuer: Issuer) -> AsyncIterator[Finding]:
    """Whether its keys can be had and used, and whether its clock agrees with this machine's."""
    about = f"issuer {issuer.issuer}"
    if issuer.cannot_tell_agencies:
        yield failure(
            about,
            "all its tokens are refused: it speaks for several agencies, and its tokens need not name theirs (`only`)",
            "set `agency_by` of its claim map to `value` or `ori`, or leave it one agency",
        )
    if issuer.keys is None:
        clocks: list[float] = []
        try:
            body = await asyncio.to_thread(fetch_key_set, issuer, clocks.append)
            keys = parse_key_set(msgspec.json.decode(body), issuer.algorithms)
        except Exception as error:  # noqa: BLE001  # whatever it is, its keys cannot be had
            yield failure(
                about,
                f"its keys cannot be fetched: {error or type(error).__name__}",
                "check the address letter by letter, the network, and docs/identity.md",
            )
            return
        for ahead in clocks[-1:]:
            yield skew(about, "its clock", ahead, settings)
    else:
        keys = parse_key_set(issuer.keys, issuer.algorithms)
    usable = len({kid for kid, _ in keys.keys})
    skipped = "; ".join(f"{key.kid or 'a key without id'}: {key.reason}" for key in keys.skipped[:3])
    if not usable:
        yield failure(about, f"none of its keys can be used: {skipped or 'it has none'}", "docs/identity.md")
    elif skipped:
        yield warning(about, f"{usable} keys; not used are {skipped}", "let the provider publish usable keys")
    else:
        yield ok(about, f"{usable} keys")
