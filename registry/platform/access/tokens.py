"""Verification of bearer tokens: access tokens in the form of a JWT with an asymmetric signature.

The key decides which algorithms are possible, never the token alone (RFC 8725). What a token of an issuer looks like,
and what its claims mean, is said by the issuer's description; RFC 9068 is what holds where nothing else is said. Each
refusal has a reason, which is logged and counted; the caller is told it only once the signature is verified.
"""

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import jwt
import structlog

from registry.platform.access.claims import agencies_named, missing, read_claims
from registry.platform.access.keys import UNKNOWN_KEY_SECONDS, Keys, source_of
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Principal, Role
from registry.platform.access.refusals import KeysUnavailable, Reason, TokenRefused
from registry.platform.http.health import IssuerHealth
from registry.platform.issuers import EVERY_AGENCY, AgencyBy, Issuer
from registry.platform.settings import SettingsError

_log = structlog.get_logger("registry.platform.access")
_LONGEST_TOKEN = 8192
# The library also accepts padding, blanks and other encodings of JSON, so that one token could be written in many ways.
_COMPACT = re.compile(r"\Aey[A-Za-z0-9_-]+\.ey[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")
_UNCHECKED: Any = {
    f"verify_{name}": False for name in ("aud", "iss", "exp", "nbf", "iat", "sub", "jti")
}  # checked here, each with its reason


FindByOri: TypeAlias = Callable[[str], Awaitable[UUID | None]]
"""Finds the agency with an ORI."""
FollowIssuers: TypeAlias = Callable[[object], Awaitable[tuple[object, Sequence[Issuer]] | None]]
"""The issuers to trust now, with what names that state; None when it is still the state that is given."""
FOLLOW_SECONDS = 1.0
"""How old what is known of issuers and their agencies may be."""
KEEP_UP_SECONDS = 1.0
LOOK_AGAIN_SECONDS = 0.1
_NEW_OF_OWN = frozenset({Reason.UNKNOWN_ISSUER, Reason.UNKNOWN_KEY})
_ORI_SECONDS = 60.0
_MOST_ORIS = 10_000
_LATEST = 32503680000  # the year 3000
_ORI = re.compile(r"\A[A-Z0-9]{9}\Z")


class _OriNotLookedUpError(Exception):
    """A verified token names its agency by an ORI that has not been looked up for a while."""


class Trusted:
    """A trusted issuer: its keys, and the agencies that it may speak for (None for all)."""

    def __init__(self, issuer: Issuer, before: "Trusted | None" = None) -> None:
        """Takes the keys over from the issuer's description `before`, where they come from the same place."""
        self.issuer = issuer
        self.source = source_of(issuer)
        self.keys: Keys = Keys(issuer) if before is None or before.source != self.source else before.keys
        every = EVERY_AGENCY in issuer.agencies
        self.agencies = None if every else frozenset(UUID(each) for each in issuer.agencies)
        self.values = {value: UUID(agency) for value, agency in issuer.values.items()}


class TokenVerifier:
    """From the text of a token to a principal; remembers verified tokens by digest until they expire."""

    def __init__(
        self,
        issuers: tuple[Issuer, ...],
        *,
        audience: str,
        skew_seconds: int,
        find_by_ori: FindByOri | None = None,
        follow: FollowIssuers | None = None,
        own_issuer: str = "",
        remembered: int = 10_000,
    ) -> None:
        self._own = own_issuer
        self._follow = follow
        self._followed: tuple[float, object] = (-FOLLOW_SECONDS, None)
        self._following: asyncio.Task[None] | None = None
        self._find_by_ori = find_by_ori
        self._oris: dict[str, tuple[float, UUID | None]] = {}
        self._issuers = {issuer.issuer: Trusted(issuer) for issuer in issuers}
        self._audience = audience
        self._skew = skew_seconds
        self.asked_all = asyncio.Event()
        """Set once each issuer was asked for its keys, whether it answered or not."""
        self._remembered: OrderedDict[bytes, tuple[float, Principal]] = OrderedDict()
        self._limit = remembered

    async def refresh(self) -> None:
        """Fetch the keys of every issuer that are due; a failure of one issuer does not affect the others.

        Cached tokens that were verified with a removed key are dropped; otherwise they would be accepted until they
        expire.
        """
        try:
            await self._keep_up()
        finally:
            changed = await asyncio.gather(*(each.keys.refresh() for each in self._issuers.values()))
            self.asked_all.set()
            if any(changed):
                self._remembered.clear()

    def clocks(self) -> list[float]:
        """By how many seconds this machine's time is ahead of each other issuer's that told its own lately."""
        known = (each.keys.clock_ahead for each in self._issuers.values() if not each.issuer.is_own)
        return [ahead for ahead in known if ahead is not None]

    async def keep_up(self) -> None:
        """Learn of changed issuers before their health is told: nobody may have called for a while.

        While the database does not tell them, what was known stands, and whoever asks does not wait for it.
        """
        with suppress(Exception):  # which is the database's trouble, and told as that
            async with asyncio.timeout(KEEP_UP_SECONDS):
                await self._keep_up()

    def health(self) -> list[IssuerHealth]:
        """How it stands with the keys of each issuer."""
        return [each.keys.health for each in self._issuers.values()]

    def administering(self) -> int:
        """How many issuers have usable keys, speak for the operator, and name administrators of the registry."""
        return sum(
            each.issuer.speaks_for(OPERATOR_AGENCY_ID) and each.issuer.names("registry_admin") and each.keys.usable > 0
            for each in self._issuers.values()
        )

    async def authenticate(self, token: str, now: datetime) -> Principal:
        """The principal of the token. Raises TokenRefused, KeysUnavailable for an issuer of which no key can be had.

        What is not known yet is fetched: an unknown key of a trusted issuer may be new, and an agency named by its ORI
        is looked up.
        """
        await self._keep_up()
        try:
            return await self._with_agency(token, now)
        except TokenRefused as refused:
            if self._own and refused.issuer == self._own and refused.reason in _NEW_OF_OWN:
                await self._look_again()
                return await self._with_agency(token, now)
            trusted = self._issuers.get(refused.issuer or "")
            nameless = refused.reason is Reason.BAD_SIGNATURE and refused.kid is None  # of the key before, or the next
            if trusted is None or not (nameless or refused.reason is Reason.UNKNOWN_KEY):
                raise
            changed = await trusted.keys.refresh_for_unknown()
            if changed:
                self._remembered.clear()
            if not trusted.keys.usable:
                raise KeysUnavailable(
                    trusted.issuer.issuer, refused.kid, retry_after=round(UNKNOWN_KEY_SECONDS)
                ) from None
            if not changed and not trusted.keys.knows(refused.kid):
                raise
        return await self._with_agency(token, now)

    async def _keep_up(self) -> None:
        """Learn of issuers and agencies that were added or taken away, if that was not done within the last second."""
        if self._follow is None or time.monotonic() - self._followed[0] < FOLLOW_SECONDS:
            return
        if self._following is None:
            self._following = self._begin(self._follow)
        await asyncio.shield(self._following)

    async def _look_again(self) -> None:
        """Learn of a key that another process made for the registry's own tokens and that may already sign.

        At most every `LOOK_AGAIN_SECONDS`, since anybody can name an unknown key; who comes in between waits.
        """
        if self._follow is None:
            return
        if self._following is not None:
            await asyncio.shield(self._following)  # it may have begun before the key was made
        await asyncio.sleep(max(0.0, LOOK_AGAIN_SECONDS - (time.monotonic() - self._followed[0])))
        if self._following is None:
            self._following = self._begin(self._follow)
        await asyncio.shield(self._following)

    def _begin(self, follow: FollowIssuers) -> "asyncio.Task[None]":
        """Learn beside the requests that wait for it. Where all of them went away, nobody hears of a fault in it."""
        task = asyncio.create_task(self._learn(follow))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _learn(self, follow: FollowIssuers) -> None:
        began = time.monotonic()
        try:
            found = await follow(self._followed[1])
            if found is not None:
                self._trust(found[1])
                self._remembered.clear()
            self._followed = (began, self._followed[1] if found is None else found[0])
        finally:
            self._following = None

    def _trust(self, issuers: Sequence[Issuer]) -> None:
        found = {}
        for each in issuers:
            try:
                found[each.issuer] = Trusted(each, self._issuers.get(each.issuer))
            except SettingsError as error:  # one with keys that no longer count must not stop the others
                _log.error("issuer not trusted", issuer=each.issuer, error=str(error))
        self._issuers = found

    async def _with_agency(self, token: str, now: datetime) -> Principal:
        try:
            return self.verify(token, now)
        except _OriNotLookedUpError as named:
            ori = str(named)
            agency = None if self._find_by_ori is None else await self._find_by_ori(ori)
            if len(self._oris) >= _MOST_ORIS:
                self._oris.clear()
            self._oris[ori] = (now.timestamp() + _ORI_SECONDS, agency)
        return self.verify(token, now)

    def verify(self, token: str, now: datetime) -> Principal:
        """The principal of the token, by the keys that are known. Raises TokenRefused."""
        if len(token) > _LONGEST_TOKEN:
            raise TokenRefused(Reason.MALFORMED)
        digest = hashlib.sha256(token.encode()).digest()
        known = self._remembered.get(digest)
        if known is not None:
            if now.timestamp() < known[0]:
                return known[1]
            del self._remembered[digest]
        if not _COMPACT.match(token):
            raise TokenRefused(Reason.MALFORMED)
        expires, principal = self._decode(token, now)
        self._remembered[digest] = (expires, principal)
        if len(self._remembered) > self._limit:
            self._remembered.popitem(last=False)
        return principal

    def _decode(self, token: str, now: datetime) -> tuple[float, Principal]:
        try:
            header = jwt.get_unverified_header(token)
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except Exception:  # noqa: BLE001  # the library lets TypeError, RecursionError and others escape on hostile tokens
            raise TokenRefused(Reason.MALFORMED) from None
        trusted = self._issuers.get(issuer) if isinstance(issuer, str) else None
        claims: Mapping[str, Any] = {}
        try:
            if trusted is None:
                raise TokenRefused(Reason.UNKNOWN_ISSUER)
            claims = _verified(token, header, trusted.keys)
            return self._principal(token, header, claims, trusted, now)
        except TokenRefused as refused:
            refused.issuer, refused.kid = _named(issuer), _named(header.get("kid"))
            refused.subject = _named(claims.get("sub"))
            if trusted is not None:
                refused.trusted, refused.agency_id = True, self._agency_named(claims, trusted, now)
            raise

    def _principal(
        self, token: str, header: Mapping[str, Any], claims: Mapping[str, Any], trusted: Trusted, now: datetime
    ) -> tuple[float, Principal]:
        """The principal of a token whose signature is verified, and until when it is known."""
        issuer = trusted.issuer
        if _type_of(header) not in issuer.types:
            expected = " or ".join(each or "missing" for each in issuer.types)
            raise TokenRefused(Reason.WRONG_TYP, f"The token's `typ` must be {expected}: send an access token.")
        audiences = issuer.audiences or (self._audience,)
        if not set(audiences) & set(_audiences(claims)):
            named = " or ".join(audiences)
            raise TokenRefused(Reason.WRONG_AUDIENCE, f"The token's `aud` must name this registry: {named}.")
        expires = self._check_times(claims, now, issuer.longest_life_seconds)
        said = read_claims(claims, issuer, token)
        if issuer.claims.agency_by is AgencyBy.ORI:
            expires = min(expires, now.timestamp() + _ORI_SECONDS)
        agency = self._agency(said.agencies, trusted, now)
        if Role.REGISTRY_ADMIN in said.roles and agency != OPERATOR_AGENCY_ID:
            raise TokenRefused(
                Reason.ROLE_NOT_ALLOWED, "Only the operator's own people are administrators of the registry."
            )
        return expires, Principal(
            subject=said.subject,
            agency_id=agency,
            roles=said.roles,
            scopes=said.scopes,
            token_id=said.token_id,
            issuer=issuer.issuer,
            name=said.name,
            name_kept=issuer.keep_names,
            acr=said.acr,
            amr=said.amr,
            auth_time=said.auth_time,
            step_up=issuer.step_up,
            attributes=said.attributes,
            known_until=expires,
        )

    def _agency_named(self, claims: Mapping[str, Any], trusted: Trusted, now: datetime) -> UUID | None:
        """The agency of a token that is refused, whose claims are empty unless its signature is verified."""
        try:
            return self._agency(agencies_named(claims, trusted.issuer.claims), trusted, now) if claims else None
        except (TokenRefused, _OriNotLookedUpError):
            return None

    def _agency(self, listed: Sequence[str], trusted: Trusted, now: datetime) -> UUID:
        """The one agency that the token names, of those that its issuer may speak for."""
        claims = trusted.issuer.claims
        if claims.agency_by is AgencyBy.ONLY:
            if trusted.agencies is None or len(trusted.agencies) != 1:
                raise TokenRefused(
                    Reason.AGENCY_UNKNOWN, "The issuer does not speak for one agency alone, so its tokens must name it."
                )
            return next(iter(trusted.agencies))
        named = {agency for value in listed if (agency := self._agency_of(value, trusted, now)) is not None}
        if len(named) != 1:
            what = "no agency" if not named else "several agencies"
            raise TokenRefused(Reason.AGENCY_UNKNOWN, f"The token's claim `{claims.agency}` names {what} known here.")
        (agency,) = named
        if trusted.agencies is not None and agency not in trusted.agencies:
            raise TokenRefused(
                Reason.AGENCY_NOT_OF_ISSUER, "The token's issuer may not speak for the agency that it names."
            )
        return agency

    def _agency_of(self, value: str, trusted: Trusted, now: datetime) -> UUID | None:
        match trusted.issuer.claims.agency_by:
            case AgencyBy.VALUE:
                return trusted.values.get(value)
            case AgencyBy.ORI:
                ori = value.upper()
                if not _ORI.fullmatch(ori):
                    return None
                until, agency = self._oris.get(ori, (0.0, None))
                if now.timestamp() >= until:
                    raise _OriNotLookedUpError(ori)
                return agency
            case _:
                try:
                    return UUID(value)
                except ValueError:
                    return None

    def _check_times(self, claims: Mapping[str, Any], now: datetime, longest: int) -> float:
        """The expiry as a timestamp, clock skew included.

        Computed here because the library reads the system clock itself.
        """
        times = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
        for name in ("exp", "iat"):
            if name not in times:
                raise missing(name)
        for name, value in times.items():
            if type(value) is not int:
                raise TokenRefused(Reason.MALFORMED, f"The token's `{name}` must be in whole seconds.", about=name)
            if not 0 <= value <= _LATEST:
                words = f"The token's `{name}` is no time from 1970 to 2999: it counts seconds, not milliseconds."
                raise TokenRefused(Reason.MALFORMED, words, about=name)
        at = now.timestamp()
        if at >= times["exp"] + self._skew:
            raise TokenRefused(Reason.EXPIRED, "The bearer token has expired; get a new one.", code="token_expired")
        if times["iat"] > at + self._skew or times.get("nbf", 0) > at + self._skew:
            raise TokenRefused(Reason.NOT_YET_VALID, "The token is not valid yet: compare the clocks.")
        # Whole seconds, read from a clock twice: where it moves on between, a provider's hour has 3,601.
        if times["exp"] - times["iat"] > longest + 1:
            raise TokenRefused(Reason.TOO_LONG_LIVED, f"The token may be valid for {longest} s at most.")
        return float(times["exp"] + self._skew)


def _verified(token: str, header: Mapping[str, Any], keys: Keys) -> Mapping[str, Any]:
    """The claims, once the signature is verified. Raises TokenRefused, without details."""
    if "crit" in header:
        raise TokenRefused(Reason.MALFORMED)
    key = keys.find(header)
    if key is None:
        known = keys.knows(header["kid"]) if "kid" in header else keys.usable == 1
        raise TokenRefused(Reason.ALGORITHM_NOT_ALLOWED if known else Reason.UNKNOWN_KEY)
    try:
        claims: Mapping[str, Any] = jwt.decode(token, key.key, algorithms=[key.algorithm_name], options=_UNCHECKED)
    except jwt.InvalidSignatureError:
        raise TokenRefused(Reason.BAD_SIGNATURE) from None
    except Exception:  # noqa: BLE001  # as above: whatever escapes means that the token cannot be read
        raise TokenRefused(Reason.MALFORMED) from None
    return claims


def _type_of(header: Mapping[str, Any]) -> str | None:
    """The token's media type in lower case and without `application/` (RFC 7515, 4.1.9); empty where there is none."""
    given = header.get("typ", "")
    return given.lower().removeprefix("application/") if isinstance(given, str) else None


def _audiences(claims: Mapping[str, Any]) -> list[str]:
    given = claims.get("aud")
    listed = given if isinstance(given, list) else [given]
    texts = [each for each in listed if isinstance(each, str)]
    return texts if len(texts) == len(listed) else []


def _named(value: object) -> str | None:
    """What a token says of itself, short enough for the log."""
    return value[:200] if isinstance(value, str) else None
