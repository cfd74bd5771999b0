"""Rules of token issuers: their ids, and what becomes of a description that is changed."""

from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from registry.platform.access.key_sets import UnusableError, checked_key_set
from registry.platform.issuers import Description, Issuer, described
from registry.platform.kernel.errors import RuleBroken

MOST_KEYS = 20
_EMPTIED = frozenset({"role_names", "require", "attributes"})


def issuer_id(issuer: str) -> UUID:
    """The id of an issuer. It follows from its name, so that one in the settings has an id too."""
    return uuid5(NAMESPACE_URL, issuer)


def checked(given: Description) -> Issuer:
    """The issuer that is described. Raises RuleBroken with a sentence for what is contradictory or unsafe."""
    try:
        return described(given)
    except ValueError as error:
        raise RuleBroken(f"The issuer cannot be accepted: {error}.", "issuer_unusable") from None


def with_checked_keys(given: Description) -> Description:
    """The description with the keys that are handed in, of each what verifying needs and nothing else.

    Raises RuleBroken for the first that cannot be used, also where others can: a private half must never be stored.
    """
    if given.keys is None:
        return given
    listed = given.keys.get("keys")
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST_KEYS:
        detail = f"`keys` is a JSON Web Key Set: it has a list “keys”, here of 1 to {MOST_KEYS} keys."
        raise RuleBroken.at(detail, "issuer_unusable", f"1 to {MOST_KEYS} keys", pointer="/keys")
    try:
        return msgspec.structs.replace(given, keys={"keys": checked_key_set(given.keys)})
    except UnusableError as why:
        pointer = f"/keys/keys/{why.place}"
        raise RuleBroken.at(why.sentence, "issuer_unusable", str(why), pointer=pointer) from None


def why_not_deleted(*, enabled: bool, used: bool) -> str | None:
    """Why an issuer cannot be deleted; None where it can. The record of what people did names theirs."""
    if used:
        return "Somebody was seen with a token of it, or refused one: it stays on record. Disable it instead."
    return "Its tokens are accepted now. Disable it first." if enabled else None


def patched(description: Description, patch: Mapping[str, Any]) -> Description:
    """The description after a merge patch (RFC 7396). A source of keys that is given takes the place of the other.

    An empty object in the claim map empties what is there, which RFC 7396 would leave: an answer with nothing changed
    would let who withdraws all roles believe that it was done.
    """
    document = msgspec.to_builtins(description)
    if any(patch.get(name) for name in ("discovery", "jwks_uri", "keys")):
        document = {name: value for name, value in document.items() if name not in ("discovery", "jwks_uri", "keys")}
    return msgspec.convert(_merged(document, patch), Description)


def _merged(document: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    found = dict(document) if isinstance(document, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        elif value == {} and name in _EMPTIED:
            found[name] = {}
        elif name in found or not _removes(value):
            found[name] = _merged(found.get(name), value)
    return found


def _removes(patch: Any) -> bool:
    """Whether a patch only removes members: of what is not there it leaves nothing, not an empty object."""
    return isinstance(patch, Mapping) and bool(patch) and all(each is None for each in patch.values())
