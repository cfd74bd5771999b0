"""Other forms of the same answer, for clients that ask for their media types in `Accept` (RFC 9110, 12.5.1)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from registry.platform.http.asgi import Scope
from registry.platform.kernel.errors import DomainError

_JSON: Final = "application/json"


class NotAcceptable(DomainError):
    """The client accepts none of the media types in which the operation answers."""

    code = "not_acceptable"


class OtherForm(Struct, kw_only=True, frozen=True):
    """A media type in which an operation answers as well, how the answer is put, and what it then is.

    Without a `kind` it is a file, and `make` returns its bytes. `parameters` follow the media type in the answer.
    """

    media_type: str
    make: Callable[[Any], Any]
    kind: type | None = None
    parameters: str = ""


def chosen(scope: Scope, forms: Sequence[OtherForm]) -> OtherForm | None:
    """The form that the client likes best; None for JSON. Raises NotAcceptable when it accepts neither.

    Of those that it likes alike, one that it names goes before one that it only admits, and JSON before others.
    """
    weights = _weights(scope)
    if not weights:
        return None
    best: tuple[float, bool, bool] = (0.0, False, False)
    found: OtherForm | None = None
    for form in (None, *forms):
        media_type = _JSON if form is None else form.media_type
        weight = _weight(weights, media_type)
        worth = (weight, media_type in weights, form is not None and media_type in weights)
        if weight > 0 and worth > best:
            best, found = worth, form
    if not best[0]:
        named = ", ".join((_JSON, *(form.media_type for form in forms)))
        raise NotAcceptable(f"`Accept` names nothing in which this is answered; it is answered in: {named}.")
    return found


def prefers(scope: Scope, media_type: str, to: str) -> bool:
    """Whether the client would rather have the first media type than the other; not where it likes both alike."""
    weights = _weights(scope)
    return _weight(weights, media_type) > _weight(weights, to)


def _weight(weights: Mapping[str, float], media_type: str) -> float:
    for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if name in weights:
            return weights[name]
    return 0.0


def _weights(scope: Scope) -> dict[str, float]:
    """How well the client likes each media range that it names."""
    weights: dict[str, float] = {}
    for name, value in scope["headers"]:
        if name != b"accept":
            continue
        for part in value.decode("latin-1").lower().split(","):
            kind, *parameters = (piece.strip() for piece in part.split(";"))
            given = next((each[2:] for each in parameters if each.startswith("q=")), "1")
            if kind:
                try:
                    weights[kind] = float(given)
                except ValueError:
                    weights[kind] = 0.0
    return weights
