"""Strict reading of requests: bodies, query parameters and preconditions.

The framework decodes JSON leniently, accepts any content type and ignores unknown parameters; a typing error in a
filter would then return everything. Here the body is decoded strictly into the handler's struct, and each query
parameter must be known, valid, and given once unless it takes several values.
"""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import datetime
from functools import cache
from itertools import islice
from typing import Any, TypeAlias, TypeVar, get_args, get_origin
from urllib.parse import unquote_to_bytes

import msgspec
from litestar.connection import Request

from registry.platform.http.asgi import Scope
from registry.platform.http.faults import find_faults
from registry.platform.http.problems import TooLarge
from registry.platform.kernel.errors import Fault, GrantRefused, Malformed, RuleBroken, UnsupportedMediaType
from registry.platform.kernel.versions import Expected, Tags

Q = TypeVar("Q", bound=msgspec.Struct)

_DECODERS: dict[Any, msgspec.json.Decoder[Any]] = {}
_TAG = re.compile(r'[ \t,]*(W/)?"([!#-~\x80-\xff]*)"[ \t]*(?=,|\Z)')
_OUR_TAG = re.compile(r"\A([0-9]{1,15})-[0-9a-f]{8}\Z")
_WHOLE = re.compile(r"\A-?(0|[1-9][0-9]{0,15})\Z")
_DECIMAL = re.compile(r"\A-?(0|[1-9][0-9]{0,15})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?\Z")
_DEEPEST_EXACT_INTEGER = 2**53
_MOST_FAULTS = 50


class StrictRequest(Request[Any, Any, Any]):
    """Decodes the body strictly with the handler's type, and keeps the raw bytes for idempotency."""

    async def json(self) -> Any:
        field = self.route_handler.parsed_data_field
        kind = field.annotation if field is not None else object
        decoder = _DECODERS.get(kind)
        if decoder is None:
            decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
        body = await self.body()
        try:
            value = decoder.decode(body)
        except msgspec.ValidationError:
            value = _read_again(body, kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError):
            raise _malformed() from None
        refuse_repeated_fields(body)
        faults = list(islice(_loose_text(value, ""), _MOST_FAULTS))
        if not faults:
            return value
        if any(fault.code == "nul_in_text" for fault in faults):
            raise Malformed("Text must not contain NUL.", "nul_in_text", faults=faults)
        raise RuleBroken("Send text in Unicode normalization form C.", "not_nfc", faults=faults)

    async def body(self) -> bytes:
        """The raw body. A POST without a body is treated as one with an empty object."""
        return await super().body() or (b"{}" if self.method == "POST" else b"")


Form: TypeAlias = Mapping[str, str]
"""The fields of a form, each with one value that is not empty."""
_FORM_TYPE = "application/x-www-form-urlencoded"
_MOST_FORM_BYTES = 16_384
_MOST_FIELDS = 50


async def read_form(request: Request[Any, Any, Any]) -> Form:
    """The form in the body, read as RFC 6749, 3.2, says: a field without a value is none, and none comes twice.

    Raises GrantRefused, since OAuth's is the only form there is; TooLarge for more than 16 KiB.
    """
    body = await request.body()
    if len(body) > _MOST_FORM_BYTES:
        raise TooLarge(f"The form is larger than {_MOST_FORM_BYTES} bytes.")
    parts = [part for part in body.split(b"&") if part]
    if len(parts) > _MOST_FIELDS:
        raise GrantRefused(f"The form has more than {_MOST_FIELDS} fields.", "invalid_request")
    form: dict[str, str] = {}
    for part in parts:
        try:
            name, value = (unquote_to_bytes(each.replace(b"+", b" ")).decode() for each in part.partition(b"=")[::2])
        except UnicodeDecodeError:
            raise GrantRefused("The form is not in UTF-8.", "invalid_request") from None
        if name in form:
            raise GrantRefused(f"The form has the field {name[:40]} twice.", "invalid_request")
        if value:
            form[name] = value
    return form


class BodyStream:
    """A body that is read in chunks instead of as a whole; for idempotency its hash represents it."""

    def __init__(self, request: Request[Any, Any, Any]) -> None:
        self._request = request
        self._hash = hashlib.sha256()
        self.media_type = media_of(header_values(request.scope, b"content-type"))  # type: ignore[arg-type]  # open mappings both

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._request.stream():
            self._hash.update(chunk)
            yield chunk

    def digest(self) -> bytes:
        """The SHA-256 of what was received."""
        return self._hash.digest()


def media_of(given: list[bytes]) -> str:
    """The media type of a Content-Type header, without its parameters."""
    return given[0].decode("latin-1").partition(";")[0].strip().lower() if given else ""


def _read_again(body: bytes, kind: Any) -> Any:
    """Decode a body that strict decoding refused: JSON has one number type, so 158.0 is the integer 158.

    Raises Malformed with all faults otherwise.
    """
    try:
        raw = _integral(msgspec.json.decode(body))
    except msgspec.ValidationError:
        raise Malformed.at("The body has a number that is out of range.", "invalid_body", pointer="") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _malformed() from None
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        faults = list(islice(find_faults(raw, kind), _MOST_FAULTS))
        if not faults:
            raise LookupError("a body is refused and nothing is found wrong with it") from error
    except (RecursionError, ValueError, OverflowError):
        raise _malformed() from None
    first = f"{faults[0].pointer or 'The body'} {faults[0].detail}."
    code = "unknown_field" if all(fault.code == "unknown_field" for fault in faults) else "invalid_body"
    more = f" `errors` lists all {len(faults)} faults." if len(faults) > 1 else ""
    raise Malformed(first + more, code, faults=faults)


def refuse_repeated_fields(body: bytes) -> None:
    """Raises Malformed for an object that names a field twice, of which readers take one or the other (RFC 8259, 4).

    `body` must be well-formed JSON.
    """

    def read(pairs: list[tuple[str, Any]]) -> Any:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise _RepeatedField(next(name for name, count in Counter(n for n, _ in pairs).items() if count > 1))
        return None

    try:
        json.loads(body, object_pairs_hook=read, parse_int=str, parse_float=str)
    except _RepeatedField as error:
        name = error.name[:60]
        raise Malformed.at(
            f"The body has the field “{name}” twice in one object; send it once.",
            "repeated_field",
            f"the field “{name}” is there twice",
            pointer="",
        ) from None
    except RecursionError:
        raise _malformed() from None


class _RepeatedField(Exception):  # it never leaves this module
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _malformed() -> Malformed:
    words = "not well-formed JSON in UTF-8"
    return Malformed.at(f"The body is {words}.", "malformed_json", words, pointer="")


def _integral(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) <= _DEEPEST_EXACT_INTEGER:
        return int(value)
    if isinstance(value, list):
        return [_integral(item) for item in value]
    if isinstance(value, dict):
        return {key: _integral(item) for key, item in value.items()}
    return value


def _loose_text(value: Any, pointer: str) -> Iterator[Fault]:
    """The faults of text that is not in NFC (so that a name has one spelling) or, in free-form values, has NUL."""
    if isinstance(value, str):
        if not value.isascii() and not unicodedata.is_normalized("NFC", value):
            yield Fault(pointer=pointer[:200], code="not_nfc", detail="is not in normalization form C")
        if "\x00" in value:
            yield Fault(pointer=pointer[:200], code="nul_in_text", detail="contains NUL")
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _loose_text(getattr(value, field), f"{pointer}/{field}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _loose_text(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _loose_text(key, pointer)
            yield from _loose_text(item, f"{pointer}/{key}")


def refuse_other_media(scope: Scope) -> None:
    """Raises UnsupportedMediaType when an unsafe request has a body that is compressed or not JSON in UTF-8.

    An operation that accepts files lists the media types that it accepts, and requires a Content-Type.
    """
    if scope["method"] not in ("POST", "PATCH", "PUT"):
        return
    encodings = ", ".join(value.decode("latin-1") for value in header_values(scope, b"content-encoding"))
    if encodings.lower() not in ("", "identity"):
        raise UnsupportedMediaType(f"Send the body as it is, not in the content encoding {encodings[:60]}.")
    given = header_values(scope, b"content-type")
    takes: tuple[str, ...] = scope["route_handler"].opt.get("takes", ())
    form = scope["route_handler"].opt.get("form") is not None
    if not given and not takes and not form:
        return
    allowed = {"application/json"} | ({"application/merge-patch+json"} if scope["method"] == "PATCH" else set())
    allowed = set(takes) or ({_FORM_TYPE} if form else allowed)
    parameters = given[0].decode("latin-1").lower().split(";")[1:] if given else []
    utf_8 = {part.strip() for part in parameters} <= {"", "charset=utf-8", 'charset="utf-8"'}  # empty ones are allowed
    if len(given) != 1 or media_of(given) not in allowed or not utf_8:
        raise UnsupportedMediaType(f"Send {' or '.join(sorted(allowed))}{'' if takes else ' in UTF-8'}.")


def header_values(scope: Scope, name: bytes) -> list[bytes]:
    """All values of a header field."""
    return [value for given, value in scope["headers"] if given == name]


def expected_version(scope: Scope) -> Expected:
    """The versions that `If-Match` allows: a list of tags, in one header or several, any of which may match.

    A weak tag, or one that the registry did not create, matches no version (RFC 9110, 13.1.1). Raises Malformed for an
    invalid list.
    """
    given = header_values(scope, b"if-match")
    if not given:
        return None
    text = b",".join(given).decode("latin-1").strip()
    if text == "*":
        return "any"
    tags, end = [], 0
    while (tag := _TAG.match(text, end)) is not None:
        tags.append(tag)
        end = tag.end()
    if not tags or text[end:].strip(" \t,"):
        words = 'must be `*`, or one or more ETags in their quotation marks, such as "1-9f86d081"'
        raise Malformed.at(f"If-Match {words}.", "malformed", words, parameter="If-Match")
    ours = [_OUR_TAG.match(tag[2]) for tag in tags if tag[1] is None]
    return Tags(frozenset(int(tag[1]) for tag in ours if tag is not None), weak=any(tag[1] for tag in tags))


def _parameter_fault(name: str, code: str, words: str) -> Malformed:
    return Malformed.at(f"Query parameter {name[:60]}: {words}.", code, words, parameter=name[:60])


def read_query(scope: Scope, kind: type[Q] | None) -> Q | None:
    """The query parameters as the handler's struct. Raises Malformed for an unknown, repeated or invalid one."""
    pairs = [pair for pair in scope["query_string"].split(b"&") if pair]  # a trailing or doubled & adds no parameter
    if kind is None:
        if pairs:
            name = pairs[0].split(b"=", 1)[0].decode("latin-1")
            raise _parameter_fault(name, "unknown_parameter", "this operation has no such parameter")
        return None
    if not pairs:
        return _DEFAULTS(kind)
    known = _known_parameters(kind)
    values: dict[str, Any] = {}
    for part in pairs:
        name_bytes, _, value_bytes = part.partition(b"=")
        try:
            name = unquote_to_bytes(name_bytes.replace(b"+", b" ")).decode()
            value = unquote_to_bytes(value_bytes.replace(b"+", b" ")).decode()
        except UnicodeDecodeError:
            raise _parameter_fault("?", "malformed", "not UTF-8") from None
        if name not in known:
            hint = ", ".join(sorted(known))
            raise _parameter_fault(name, "unknown_parameter", f"not known here; known parameters are {hint}")
        several = _takes_several(kind, name)
        if name in values and not several:
            raise _parameter_fault(name, "repeated_parameter", "given more than once")
        if b"+" in value_bytes and datetime in known[name]:
            raise _parameter_fault(name, "unescaped_plus", "write %2B instead of +, which means a blank in a URL")
        typed = _typed(name, value, known[name])
        values[name] = [*values.get(name, ()), typed] if several else typed
    try:
        return msgspec.convert(values, kind)  # strictly: lax decoding reads `null` as None, and 0 as an instant
    except msgspec.ValidationError:
        found = [
            Fault(parameter=(fault.pointer or "").split("/")[1], code="invalid_parameter", detail=fault.detail)
            for fault in find_faults(values, kind, nulls=False)
        ]
    raise Malformed(f"Query parameter {found[0].parameter} {found[0].detail}.", "invalid_parameter", faults=found)


@cache
def _known_parameters(kind: type[msgspec.Struct]) -> dict[str, set[Any]]:
    """The parameters that a struct defines, each with the types that its values may have."""
    return {field.encode_name: _leaves(field.type) for field in msgspec.structs.fields(kind)}


@cache
def _takes_several(kind: type[msgspec.Struct], name: str) -> bool:
    """Whether a parameter may be given more than once."""
    (of,) = (field.type for field in msgspec.structs.fields(kind) if field.encode_name == name)
    return get_origin(of) is tuple or get_origin(get_args(of)[0] if hasattr(of, "__metadata__") else of) is tuple


def _DEFAULTS(kind: type[Q]) -> Q:  # noqa: N802  # a constant per struct, made on demand
    try:
        return kind()
    except TypeError as error:
        missing = re.findall(r"'(\w+)'", str(error))
        names = {field.name: field.encode_name for field in msgspec.structs.fields(kind)}
        name = names[missing[0]] if missing else "?"
        raise _parameter_fault(name, "missing_parameter", "is required") from None


def _typed(name: str, value: str, leaves: set[Any]) -> Any:
    """The parameter's text as a value of its type, strictly: `1e1`, `１０` and ` 1` are not numbers here.

    Text is normalised to NFC and must not contain NUL. Raises Malformed.
    """
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
