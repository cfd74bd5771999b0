"""What a verified token says, read by the claim map of its issuer. Pure; each refusal names the claim at fault."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from registry.platform.access.permissions import Action
from registry.platform.access.principals import Role
from registry.platform.access.refusals import Reason, TokenRefused
from registry.platform.issuers import TEMPLATE, AgencyBy, Claims, Issuer

_VISIBLE = re.compile(r"\A[!-~]{1,200}\Z")
_ON_ONE_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,200}")
_LONGEST_NAME = 200
_MOST_WORDS = 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_RESOURCES = frozenset({"*", *(action.partition(":")[0] for action in Action)})
_ROLES: Mapping[str, Role] = {role.value: role for role in Role}


class Said(Struct, kw_only=True, frozen=True):
    """What a token says of its bearer. `agencies` are the values of the agency claim, empty where none is read."""

    subject: str
    token_id: str
    agencies: Sequence[str]
    roles: frozenset[Role]
    scopes: frozenset[str]
    name: str | None
    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    auth_time: datetime | None = None
    attributes: Mapping[str, str] = {}


def read_claims(claims: Mapping[str, Any], issuer: Issuer, token: str) -> Said:
    """What the claims say. Raises TokenRefused with the claim that is missing or cannot be read."""
    by = issuer.claims
    for path, value in by.require.items():
        found = look_up(claims, path)
        if found is None:
            raise missing(path)
        if value not in ("*", found):
            raise TokenRefused(Reason.WRONG_TYP, f"The token's claim `{path}` must be {value}.", about=path)
    name = look_up(claims, by.name)
    return Said(
        subject=_visible(claims, by.subject),
        token_id=_visible(claims, by.token_id) if by.token_id else _digest(token),
        agencies=agencies_named(claims, by),
        roles=_roles(claims, by),
        scopes=_scopes(claims, by),
        name=name[:_LONGEST_NAME] if isinstance(name, str) else None,
        acr=_words(look_up(claims, by.acr)),
        amr=_words(look_up(claims, by.amr)),
        auth_time=_second(look_up(claims, by.auth_time)),
        attributes={
            attribute: told
            for attribute, path in by.attributes.items()
            if (told := _attribute(look_up(claims, path))) is not None
        },
    )


def _words(given: Any) -> tuple[str, ...]:
    """A word, or a list of words, of which what cannot be one is passed over: it vouches for nothing."""
    listed = given if isinstance(given, list) else [given]
    return tuple(each for each in listed[:_MOST_WORDS] if isinstance(each, str) and _VISIBLE.fullmatch(each))


def _attribute(given: Any) -> str | None:
    """An attribute as text; None for what is none. Brokers of SAML write one value as a list of one."""
    value = given[0] if isinstance(given, list) and len(given) == 1 else given
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) and _ON_ONE_LINE.fullmatch(value) else None


def _second(given: Any) -> datetime | None:
    """The instant of a number of seconds; None for what is none: who does not say when has not said it."""
    return _EPOCH + timedelta(seconds=given) if type(given) is int and 0 <= given <= 32503680000 else None


def look_up(claims: Mapping[str, Any], path: str) -> Any:
    """The value at a path: the first of its alternatives that is there; None when none is."""
    for alternative in path.split("|"):
        if (found := _at(claims, alternative)) is not None:
            return found
    return None


def _at(claims: Mapping[str, Any], path: str) -> Any:
    if path in claims:
        return claims[path]
    for end in (place for place, letter in enumerate(path) if letter == "."):
        inner = claims.get(path[:end])
        if isinstance(inner, dict) and (found := _at(inner, path[end + 1 :])) is not None:
            return found
    return None


def missing(path: str) -> TokenRefused:
    """The refusal of a token without a claim that is needed."""
    return TokenRefused(Reason.CLAIM_MISSING, f"The token has no claim `{path}`.", about=path)


def _text(claims: Mapping[str, Any], path: str) -> str:
    """The text at a path, or of a template."""
    if "{" in path:
        return TEMPLATE.sub(lambda part: _text(claims, part[1]), path)
    if (value := look_up(claims, path)) is None:
        raise missing(path)
    if not isinstance(value, str):
        raise TokenRefused(Reason.MALFORMED, f"The token's claim `{path}` must be text.", about=path)
    return value


def _visible(claims: Mapping[str, Any], path: str) -> str:
    value = _text(claims, path)
    if not _VISIBLE.fullmatch(value):
        detail = f"The token's claim `{path}` must be 1 to 200 visible ASCII characters."
        raise TokenRefused(Reason.MALFORMED, detail, about=path)
    return value


def _digest(token: str) -> str:
    """What stands for the id of a token that has none. Of the signed part: signatures can be written in two ways."""
    return "sha256:" + hashlib.sha256(token.rpartition(".")[0].encode()).hexdigest()


def agencies_named(claims: Mapping[str, Any], by: Claims) -> Sequence[str]:
    """What the agency claim names; empty where none is read. Raises TokenRefused when it is missing or no text."""
    if by.agency_by is AgencyBy.ONLY:
        return ()
    if by.agency_by is AgencyBy.VALUE and "{" not in by.agency:
        listed = look_up(claims, by.agency)
        if isinstance(listed, list):
            return [each for each in listed if isinstance(each, str)]
    return [_text(claims, by.agency)]


def _roles(claims: Mapping[str, Any], by: Claims) -> frozenset[Role]:
    given = look_up(claims, by.roles)
    if given is None:
        raise missing(by.roles)
    listed = [given] if isinstance(given, str) else given  # some providers write one role as text
    if not isinstance(listed, list):
        raise TokenRefused(Reason.MALFORMED, f"The token's claim `{by.roles}` must be a list.", about=by.roles)
    names = [name for name in listed if isinstance(name, str)]
    if by.role_names is not None:
        names = [by.role_names[name] for name in names if name in by.role_names]
    known = frozenset(_ROLES[name] for name in names if name in _ROLES)
    if listed and not known:
        raise TokenRefused(Reason.NO_ROLE, f"None of the roles in the token's claim `{by.roles}` is known here.")
    return known


def _scopes(claims: Mapping[str, Any], by: Claims) -> frozenset[str]:
    """The scopes of the registry among those of the token, which names others too: `openid`, `profile`."""
    found = frozenset(scope for path in by.scope for scope in _listed(claims, path))
    if by.scope_default and not any(scope.partition(":")[0] in _RESOURCES for scope in found):
        return found | frozenset(by.scope_default.split())
    return found


def _listed(claims: Mapping[str, Any], path: str) -> Iterator[str]:
    given = look_up(claims, path)
    if given is None and path not in claims:
        return
    listed = given.split() if isinstance(given, str) else given
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise TokenRefused(Reason.MALFORMED, f"The token's claim `{path}` must be text or a list of texts.", about=path)
    yield from listed
