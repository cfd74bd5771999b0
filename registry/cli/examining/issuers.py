"""What `registry doctor` finds of the issuers of tokens: their keys and their clocks."""

import asyncio
import email.utils
from collections.abc import AsyncIterator
from urllib.request import Request, urlopen

import msgspec

from registry.cli.findings import Finding, failure, ok, skew, warning
from registry.platform.access.key_sets import parse_key_set
from registry.platform.access.keys import DISCOVERY, fetch_key_set
from registry.platform.issuers import Issuer
from registry.platform.kernel.time import utc_now
from registry.platform.settings import Settings

_ANSWER_SECONDS = 5


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
        try:
            keys = parse_key_set(msgspec.json.decode(await asyncio.to_thread(fetch_key_set, issuer)), issuer.algorithms)
        except Exception as error:  # noqa: BLE001  # whatever it is, its keys cannot be had
            yield failure(
                about,
                f"its keys cannot be fetched: {error or type(error).__name__}",
                "check the address letter by letter, the network, and docs/identity.md",
            )
            return
        async for each in _clock_of_issuer(settings, issuer):
            yield each
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


async def _clock_of_issuer(settings: Settings, issuer: Issuer) -> AsyncIterator[Finding]:
    """By the `Date` of its answer, where it says one. It counts whole seconds."""
    url = issuer.jwks_uri or issuer.issuer.rstrip("/") + DISCOVERY

    def date() -> str | None:
        request = Request(url, headers={"Accept": "application/json"})  # noqa: S310  # https, or this machine
        with urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
            said: str | None = answer.headers["Date"]
            return said

    if (said := await asyncio.to_thread(date)) is not None:
        apart = abs((utc_now() - email.utils.parsedate_to_datetime(said)).total_seconds())
        yield skew(f"issuer {issuer.issuer}", "its clock", max(0.0, apart - 1), settings)
