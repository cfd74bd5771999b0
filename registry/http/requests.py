"""Reading requests strictly: bodies, query parameters and preconditions, each in one place.

The framework decodes JSON in lax mode, takes any content type and ignores unknown parameters; a typing error in a
filter would then return everything. Here the body is decoded strictly into the handler's struct, and each query
parameter must be known, given once, and within its bounds.
"""

import hashlib
import re
import unicodedata
from collections.abc import AsyncIterator
from functools import cache
from typing import Any, TypeVar, get_args
from urllib.parse import unquote_to_bytes

import msgspec
from litestar.connection import Request

from registry.http.asgi import Scope
from registry.http.problems import UnsupportedMediaType
from registry.kernel.errors import Fault, Malformed, RuleBroken
from registry.kernel.versions import NO_VERSION, Expected

Q = TypeVar("Q", bound=msgspec.Struct)

_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}
_IF_MATCH = re.compile(r'\A"([0-9]{1,15})-[0-9a-f]{8}"\Z')
_WHOLE = re.compile(r"\A-?(0|[1-9][0-9]{0,15})\Z")
_DECIMAL = re.compile(r"\A-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?\Z")
_AT = re.compile(r" - at `(?:key in )?\$(.*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_DEEPEST_EXACT_INTEGER = 2**53


class StrictRequest(Request[Any, Any, Any]):
    """Decodes the body with the handler's own type, strictly; keeps the raw bytes for idempotency."""

    async def json(self) -> Any:
        field = self.route_handler.parsed_data_field
        kind = field.annotation if field is not None else object
        decoder = _DECODERS.get(kind)
        if decoder is None:
            decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
        body = await self.body()
        try:
            value = _decode(decoder, body)
            _refuse_loose_text(value, "")
        except msgspec.ValidationError as error:
            raise _body_fault(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError):
            raise Malformed(
                "The body is not well-formed JSON in UTF-8.",
                "malformed_json",
                faults=[Fault(pointer="", code="malformed_json", detail="not well-formed JSON in UTF-8")],
            ) from None
        return value


class BodyStream:
    """A body that is taken as it comes instead of read whole; its hash stands for it afterwards."""

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        self._request = request
        self._hash = hashlib.sha256()
        self.media_type = media_of(header_values(request.scope, b"content-type"))  # type: ignore[arg-type]  # open mappings both

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._request.stream():
            self._hash.update(chunk)
            yield chunk

    def digest(self) -> bytes:
        """SHA-256 of what has come."""
        return self._hash.digest()


def media_of(given: list[bytes]) -> str:
    """The media type of a Content-Type field, without its parameters."""
    return given[0].decode("latin-1").partition(";")[0].strip().lower() if given else ""


def _decode(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        # JSON has one number type: 158.0 is the integer 158, which strict decoding refuses.
        if "got `float`" not in str(error):
            raise
        return msgspec.convert(_integral(msgspec.json.decode(body)), decoder.type)


def _integral(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) <= _DEEPEST_EXACT_INTEGER:
        return int(value)
    if isinstance(value, list):
        return [_integral(item) for item in value]
    if isinstance(value, dict):
        return {key: _integral(item) for key, item in value.items()}
    return value


def _body_fault(message: str) -> Malformed:
    found = _AT.search(message)
    words = message[: found.start()] if found else message
    pointer = (found[1] if found else "").replace("[...]", "/*")
    pointer = re.sub(r"\[([0-9]+)\]", r"/\1", pointer).replace(".", "/")
    if unknown := _UNKNOWN.search(words):
        pointer = f"{pointer}/{unknown[1]}"
        return Malformed(
            f"The body has a field that is not known here: {unknown[1][:60]}.",
            "unknown_field",
            faults=[Fault(pointer=pointer[:200], code="unknown_field", detail="not known here")],
        )
    plain = words.replace("`", "")
    return Malformed(
        f"The body does not fit at {pointer or '/'}: {plain}.",
        "invalid_body",
        faults=[Fault(pointer=pointer[:200], code="invalid_body", detail=plain)],
    )


def _refuse_loose_text(value: Any, pointer: str) -> None:
    """Text must be NFC, so that one name has one spelling, and free of NUL wherever free-form values allow text."""
    if isinstance(value, str):
        if not value.isascii() and not unicodedata.is_normalized("NFC", value):
            raise RuleBroken(
                "Send text in Unicode normalization form C.",
                "not_nfc",
                faults=[Fault(pointer=pointer[:200], code="not_nfc", detail="not in normalization form C")],
            )
        if "\x00" in value:
            raise Malformed(
                "Text must not contain NUL.",
                "nul_in_text",
                faults=[Fault(pointer=pointer[:200], code="nul_in_text", detail="contains NUL")],
            )
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _refuse_loose_text(getattr(value, name), f"{pointer}/{name}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            _refuse_loose_text(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_loose_text(key, pointer)
            _refuse_loose_text(item, f"{pointer}/{key}")


def refuse_other_media(scope: Scope) -> None:
    """Raises UnsupportedMediaType when an unsafe request brings a body that is not JSON in UTF-8.

    An operation that takes files names the kinds it takes, and needs to be told which it gets.
    """
    if scope["method"] not in ("POST", "PATCH", "PUT"):
        return
    given = header_values(scope, b"content-type")
    takes: tuple[str, ...] = scope["route_handler"].opt.get("takes", ())
    if not given and not takes:
        return
    allowed = {"application/json"} | ({"application/merge-patch+json"} if scope["method"] == "PATCH" else set())
    allowed = set(takes) or allowed
    charset = given[0].decode("latin-1").partition(";")[2].strip().lower() if given else ""
    if len(given) != 1 or media_of(given) not in allowed or charset not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise UnsupportedMediaType(f"Send {' or '.join(sorted(allowed))}{'' if takes else ' in UTF-8'}.")


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """Every value of a header field."""
    return [value for given, value in scope["headers"] if given == name]


def expected_version(scope: Scope) -> Expected:
    """What `If-Match` says. A weak tag, several, or one that is not ours matches no version (RFC 9110, 13.1.1)."""
    given = header_values(scope, b"if-match")
    if not given:
        return None
    text = given[0].decode("latin-1").strip()
    if len(given) == 1 and text == "*":
        return "any"
    match = _IF_MATCH.match(text)
    return int(match[1]) if match is not None and len(given) == 1 else NO_VERSION


def _parameter_fault(name: str, code: str, words: str) -> Malformed:
    return Malformed(
        f"Query parameter {name[:60]}: {words}.",
        code,
        faults=[Fault(parameter=name[:60], code=code, detail=words)],
    )


def read_query(scope: Scope, kind: type[Q] | None) -> Q | None:
    """The query parameters as the handler's struct. Raises Malformed for an unknown, repeated or bad one."""
    raw = scope["query_string"]
    if kind is None:
        if raw:
            name = raw.split(b"=", 1)[0].decode("latin-1")
            raise _parameter_fault(name, "unknown_parameter", "this operation takes no such parameter")
        return None
    if not raw:
        return _DEFAULTS(kind)
    known = _known_parameters(kind)
    values: dict[str, Any] = {}
    for part in raw.split(b"&"):
        name_bytes, _, value_bytes = part.partition(b"=")
        try:
            name = unquote_to_bytes(name_bytes.replace(b"+", b" ")).decode()
            value = unquote_to_bytes(value_bytes.replace(b"+", b" ")).decode()
        except UnicodeDecodeError:
            raise _parameter_fault("?", "malformed", "not UTF-8") from None
        if name not in known:
            hint = ", ".join(sorted(known))
            raise _parameter_fault(name, "unknown_parameter", f"not known here; known are {hint}")
        if name in values:
            raise _parameter_fault(name, "repeated_parameter", "given more than once")
        values[name] = _typed(name, value, known[name])
    try:
        return msgspec.convert(values, kind)  # strictly: the lax form takes `null` for no filter, and 0 for an instant
    except msgspec.ValidationError as error:
        found = _AT.search(str(error))
        where = found[1].lstrip(".") if found else next(iter(values))
        words = str(error)[: found.start()] if found else str(error)
        raise _parameter_fault(where, "invalid_parameter", words.replace("`", "")) from None


@cache
def _known_parameters(kind: type[msgspec.Struct]) -> dict[str, set[Any]]:
    """The parameters a struct takes, each with the plain types its values may have."""
    return {field.encode_name: _leaves(field.type) for field in msgspec.structs.fields(kind)}


def _DEFAULTS(kind: type[Q]) -> Q:  # noqa: N802  # a constant per struct, made on demand
    try:
        return kind()
    except TypeError as error:
        missing = re.findall(r"'(\w+)'", str(error))
        name = missing[0] if missing else "?"
        raise _parameter_fault(name, "missing_parameter", "is required") from None


def _typed(name: str, value: str, leaves: set[Any]) -> Any:
    """Text that is plainly of its type: `1e1`, `１０` or ` 1` is no number here, and text is never empty or loose."""
    if int in leaves:
        if not _WHOLE.match(value):
            raise _parameter_fault(name, "invalid_parameter", "must be a whole number")
        return int(value)
    if float in leaves:
        if not _DECIMAL.match(value):
            raise _parameter_fault(name, "invalid_parameter", "must be a decimal number")
        return float(value)
    if bool in leaves:
        if value not in ("true", "false"):
            raise _parameter_fault(name, "invalid_parameter", "must be true or false")
        return value == "true"
    if "\x00" in value:
        raise _parameter_fault(name, "nul_in_text", "contains NUL")
    return unicodedata.normalize("NFC", value) if str in leaves else value


def _leaves(kind: Any) -> set[Any]:
    arguments = get_args(kind)
    if hasattr(kind, "__metadata__"):
        return _leaves(arguments[0])
    return set().union(*map(_leaves, arguments)) if arguments else {kind}
