"""The public keys of a token issuer: fetched in the background, and at once for an unknown key id.

Keys of a set that are not used are named in the log and in the readiness check.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import jwt
import msgspec
import structlog
from msgspec import Struct

from registry.platform.access.fetching import FETCH_SECONDS, body_at
from registry.platform.access.key_sets import KeySet, parse_key_set
from registry.platform.http.health import IssuerHealth, IssuerStatus
from registry.platform.issuers import Issuer, is_secure
from registry.platform.kernel.text import shortened
from registry.platform.kernel.time import utc_now
from registry.platform.settings import SettingsError

DISCOVERY = "/.well-known/openid-configuration"
WITHDRAWN_SECONDS = 300.0
"""For how long a key counts at most after its provider withdrew it, while that answers (docs/operations.md)."""
LOOK_SECONDS = 60.0
"""How often the background task looks which sets are due."""
_LATENESS_SECONDS = 10.0
"""By how much a busy process may look late."""
REFRESH_SECONDS = WITHDRAWN_SECONDS - LOOK_SECONDS - 2 * FETCH_SECONDS - _LATENESS_SECONDS
"""When a set is due: so much earlier that a key withdrawn right after one fetch is gone with the next. Since a set just
missed, one look passes, which waits for the slowest of its fetches, and then the fetch itself."""
UNKNOWN_KEY_SECONDS = 10.0
"""An unknown key id causes at most one fetch in this time: anybody can send one (OpenID Connect Core, 10.1.1)."""
WAIT_SECONDS = 3.0
"""A request with an unknown key id waits at most this long for the fetch that it caused."""
_log = structlog.get_logger("registry.platform.access")


def source_of(issuer: Issuer) -> tuple[object, ...]:
    """What decides which keys an issuer has: two descriptions with the same source have the same keys."""
    return (issuer.issuer, issuer.jwks_uri, issuer.keys, issuer.algorithms)


class Keys:
    """The public keys of one issuer. When they cannot be fetched, the last valid set is kept."""

    def __init__(self, issuer: Issuer, fetch: Callable[[], Awaitable[bytes]] | None = None) -> None:
        """With `fetch`, they are fetched by that. Raises SettingsError when the settings hold them, all unusable."""
        self.issuer = issuer
        self._source = fetch or partial(asyncio.to_thread, fetch_key_set, issuer, self._hear_clock)
        self._set = KeySet() if issuer.keys is None else parse_key_set(issuer.keys, issuer.algorithms)
        self._body = b""
        self._fetched: float | None = None
        self._asked_for_unknown: float | None = None
        self._fetching: asyncio.Task[bool] | None = None
        self._trouble: str | None = None
        self._their_start: float | None = None
        if issuer.keys is not None:
            self._name_skipped()
            if not self.usable:
                raise SettingsError(f"None of the keys of “{issuer.issuer}” can be used: {_reasons(self._set)}.")

    def find(self, header: Mapping[str, Any]) -> jwt.PyJWK | None:
        """The cached key that a token's header names by its id, for the algorithm that it names.

        An issuer with one key need not name it (OpenID Connect Core, 10.1).
        """
        kid, algorithm = header.get("kid"), header.get("alg")
        if "kid" not in header and self.usable == 1:
            ((kid, _),) = {(known, None) for known, _ in self._set.keys}
        return self._set.keys.get((kid, algorithm)) if isinstance(kid, str) and isinstance(algorithm, str) else None

    def knows(self, kid: object) -> bool:
        """Whether a key has this id, whatever its algorithm."""
        return any(known == kid for known, _ in self._set.keys)

    @property
    def key_set(self) -> KeySet:
        """The keys that are known."""
        return self._set

    @property
    def age_seconds(self) -> float:
        """How long ago they were last fetched; without end before the first time."""
        return math.inf if self._fetched is None else time.monotonic() - self._fetched

    @property
    def is_due(self) -> bool:
        """Whether they are to be fetched again: it is long ago, or failed."""
        return self._trouble is not None or self.age_seconds >= REFRESH_SECONDS

    @property
    def usable(self) -> int:
        """How many keys can be used."""
        return len({kid for kid, _ in self._set.keys})

    @property
    def health(self) -> IssuerHealth:
        """How it stands with the keys. What went wrong is named by its kind only: the log has its words."""
        age = None if self._fetched is None else int(time.monotonic() - self._fetched)
        status = IssuerStatus.OK if self._trouble is None else IssuerStatus.STALE
        return IssuerHealth(
            issuer=self.issuer.issuer,
            status=status if self.usable else IssuerStatus.NO_KEYS,
            keys=self.usable,
            keys_age_seconds=age,
            error=None if self._trouble is None else self._trouble.partition(":")[0],
            skipped_keys=self._set.skipped,
            for_service_clients=self.issuer.is_own,
        )

    @property
    def clock_ahead(self) -> float | None:
        """By how many seconds this machine's time is ahead of the issuer's; None where that was not told lately.

        What was told is carried on by a clock that nobody sets, so that setting this machine's time is seen at once.
        """
        if self._their_start is None or self._trouble is not None:
            return None
        return utc_now().timestamp() - (self._their_start + _since_boot())

    def _hear_clock(self, ahead: float) -> None:
        self._their_start = utc_now().timestamp() - ahead - _since_boot()

    async def refresh(self) -> bool:
        """Fetch the key set again when it is due; returns whether it changed.

        A failure is logged, and told by `health`.
        """
        return await self._fetch_once() if self.is_due else False

    async def refresh_for_unknown(self) -> bool:
        """Fetch the key set because somebody needs another key; returns whether it changed.

        At most once in `UNKNOWN_KEY_SECONDS`; concurrent requests wait for the same fetch, and not for long.
        """
        now = time.monotonic()
        if self._fetching is None:
            if self._asked_for_unknown is not None and now - self._asked_for_unknown < UNKNOWN_KEY_SECONDS:
                return False
            self._asked_for_unknown = now
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await self._fetch_once()
        except TimeoutError:
            return False

    async def _fetch_once(self) -> bool:
        """The outcome of the fetch that runs, or of a new one. Cancelling who waits does not cancel the fetch."""
        if self.issuer.keys is not None:
            return False
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
        running = self._fetching
        return await asyncio.shield(running)

    async def _fetch(self) -> bool:
        began = time.monotonic()  # what was published then, or later, is what is fetched
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                body = await self._source()
            if changed := body != self._body:
                found = parse_key_set(msgspec.json.decode(body), self.issuer.algorithms)
                if found.skipped and not found.keys:
                    raise ValueError("none of its keys can be used: " + _reasons(found))
                self._set, self._body = found, body
                self._name_skipped()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this issuer's trouble: the others go on
            self._trouble = shortened(f"{type(error).__name__}: {error}", 300)
            _log.warning("keys not fetched", issuer=self.issuer.issuer, error=self._trouble, keys_in_use=self.usable)
            return False
        else:
            self._trouble, self._fetched = None, began
            return changed
        finally:
            self._fetching = None

    def _name_skipped(self) -> None:
        for key in self._set.skipped:
            _log.warning("key skipped", issuer=self.issuer.issuer, kid=key.kid, reason=key.reason)


def _reasons(found: KeySet) -> str:
    return "; ".join(f"{key.kid or 'without an id'}: {key.reason}" for key in found.skipped[:3]) or "there are none"


def _since_boot() -> float:
    """A clock that nobody sets, and that goes on while the machine sleeps, where the system has one."""
    known = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if known is None else time.clock_gettime(known)


def fetch_key_set(issuer: Issuer, on_clock: Callable[[float], None] | None = None) -> bytes:
    """The key set that an issuer publishes; `on_clock` hears how its clock stands to this machine's.

    Raises ValueError when the document by which it is discovered is another issuer's, or names no safe address.
    """
    if issuer.jwks_uri is not None:
        return body_at(issuer.jwks_uri, on_clock=on_clock)
    try:
        found = msgspec.json.decode(body_at(issuer.issuer.rstrip("/") + DISCOVERY), type=_Discovered)
    except msgspec.DecodeError as error:
        raise ValueError(f"its {DISCOVERY} cannot be read: {error}") from None
    if found.issuer != issuer.issuer:
        raise ValueError(f"its {DISCOVERY} is of another issuer: {found.issuer[:200]}")
    if not is_secure(found.jwks_uri) or (
        issuer.issuer.startswith("https:") and not found.jwks_uri.startswith("https:")
    ):
        raise ValueError(f"its jwks_uri must be https: {found.jwks_uri[:200]}")
    return body_at(found.jwks_uri, on_clock=on_clock)


class _Discovered(Struct, frozen=True):
    """What is needed of OpenID Provider Metadata (OpenID Connect Discovery 1.0, 3)."""

    issuer: str
    jwks_uri: str
