"""What is still answered and will go: said in the contract, and in every answer of it (RFC 9745, RFC 8594)."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime

from msgspec import Struct

from registry.platform.http.asgi import Scope

LEAST_TIME = timedelta(days=365)
"""How long an old form is answered, at least, after it was deprecated: docs/contract.md promises it."""
_MORE = (b"link", b'</docs>; rel="deprecation"; type="text/html"')


class Deprecation(Struct, kw_only=True, frozen=True):
    """An operation, or one of its query parameters, that has a successor: deprecated `since`, and gone from `sunset`.

    `successor` is the id of an operation or, for a parameter, the name of another one of the same operation. Raises
    ValueError for what would go too soon.
    """

    since: date
    sunset: date
    successor: str
    parameter: str | None = None

    def __post_init__(self) -> None:
        if self.sunset - self.since < LEAST_TIME:
            raise ValueError(f"what is deprecated on {self.since} stays for {LEAST_TIME.days} days at least")

    @property
    def words(self) -> str:
        """The sentence of the contract."""
        return f"Deprecated since {self.since}, and gone from {self.sunset} on: use `{self.successor}`."


def deprecation_fields(scope: Scope) -> Sequence[tuple[bytes, bytes]]:
    """The header fields of an answer to a request that uses what will go; the earliest days, where it uses several."""
    declared: Sequence[Deprecation] = getattr(scope.get("route_handler"), "opt", {}).get("deprecations", ())
    if not declared:
        return ()
    sent = {part.partition(b"=")[0].decode("latin-1") for part in scope["query_string"].split(b"&")}
    used = [each for each in declared if each.parameter is None or each.parameter in sent]
    if not used:
        return ()
    since, sunset = _begin(min(each.since for each in used)), _begin(min(each.sunset for each in used))
    return (
        (b"deprecation", f"@{int(since.timestamp())}".encode()),
        (b"sunset", format_datetime(sunset, usegmt=True).encode()),
        _MORE,
    )


def _begin(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
