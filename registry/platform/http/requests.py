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
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from functools import cache
from itertools import islice
from types import NoneType
from typing import Any, NamedTuple, TypeAlias, TypeVar, get_args, get_origin
from urllib.parse import unquote_to_bytes
from uuid import UUID

import msgspec
from litestar.connection import Request

from registry.platform.http.asgi import Scope
from registry.platform.http.faults import REQUIRED, find_faults
from registry.platform.http.problems import TooLarge
from registry.platform.kernel.errors import Fault, GrantRefused, Malformed, RuleBroken, UnsupportedMediaType
from registry.platform.kernel.time import on_calendar
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
        faults = list(islice(loose_values(value, ""), _MOST_FAULTS))
        codes = {fault.code for fault in faults}
        if "nul_in_text" in codes:
            raise Malformed("Text must not contain NUL.", "nul_in_text", faults=faults)
        if "not_nfc" in codes:
            raise RuleBroken("Send text in Unicode normalization form C.", "not_nfc", faults=faults)
        if faults:
            raise RuleBroken("Give dates between the years 1900 and 2200.", "date_out_of_range", faults=faults)
        return value

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


_NEVER_LOOSE = frozenset({NoneType, msgspec.UnsetType, bool, int, float})


def loose_values(value: Any, pointer: str) -> Iterator[Fault]:
    """The faults of values that have the right type.

    That is text that is not in NFC (so that a name has one spelling) or, in free-form values, has NUL; and a civil day
    that is on no calendar of the registry: one that was stored could be computed with by nobody any more.
    """
    if isinstance(value, str):
        if not value.isascii() and not unicodedata.is_normalized("NFC", value):
            yield Fault(pointer=pointer[:200], code="not_nfc", detail="is not in normalization form C")
        if "\x00" in value:
            yield Fault(pointer=pointer[:200], code="nul_in_text", detail="contains NUL")
    elif isinstance(value, date):
        if not isinstance(value, datetime) and not on_calendar(value):
            yield Fault(pointer=pointer[:200], code="date_out_of_range", detail="not between 1900 and 2200")
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            item = getattr(value, field)
            if type(item) not in _NEVER_LOOSE:  # most are: nothing is generated for them
                yield from loose_values(item, f"{pointer}/{field}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from loose_values(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from loose_values(key, pointer)
            yield from loose_values(item, f"{pointer}/{key}")


_OF_TABLES = (
    *("charset=utf-16", "charset=utf-16le", "charset=utf-16be", "charset=us-ascii"),
    *("charset=windows-1252", "charset=iso-8859-1", "header=present", "header=absent"),
)


def refuse_other_media(scope: Scope) -> None:
    """Raises UnsupportedMediaType when an unsafe request has a body that is compressed or not JSON in UTF-8.

    An operation that reads no body takes any. One that accepts files lists the media types that it accepts, and
    requires a Content-Type; which encoding a table has is found out from its bytes, so that a parameter that names a
    usual one, or says whether a table has a header (RFC 4180, 3), changes nothing.
    """
    if scope["method"] not in ("POST", "PATCH", "PUT") or scope["route_handler"].opt.get("any_body"):
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
    given_parameters = given[0].decode("latin-1").lower().split(";")[1:] if given else []
    parameters = {part.strip().replace('"', "") for part in given_parameters}
    others = parameters - {"", "charset=utf-8", *(_OF_TABLES if takes else ())}  # an empty one is allowed
    if len(given) != 1 or media_of(given) not in allowed:
        missing = " Name the media type of the file in Content-Type." if takes and not given else ""
        raise UnsupportedMediaType(f"Send {' or '.join(sorted(allowed))}{'' if takes else ' in UTF-8'}.{missing}")
    if others:
        usual = f"; usual are {', '.join(sorted(_OF_TABLES))}" if takes else ", and what is sent must be UTF-8"
        raise UnsupportedMediaType(
            f"Leave out {', '.join(sorted(others))[:80]} of Content-Type: not known here{usual}."
        )


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
    known, families = _known_parameters(kind), families_of(kind)
    values: dict[str, Any] = {}
    with_plus: set[str] = set()
    for part in pairs:
        name, value = _decoded(part)
        family = next((family for family in families if name.startswith(family.prefix)), None)
        if family is not None:
            _add_to_family(values, family, name, value)
            continue
        if name not in known:
            hint = ", ".join(sorted([*known, *(f"{family.prefix}…" for family in families)]))
            raise _parameter_fault(name, "unknown_parameter", f"not known here; known parameters are {hint}")
        several = _takes_several(kind, name)
        if name in values and not several:
            raise _parameter_fault(name, "repeated_parameter", "given more than once")
        if b"+" in part.partition(b"=")[2]:
            if datetime in known[name]:
                raise _parameter_fault(name, "unescaped_plus", _UNESCAPED)
            with_plus.add(name)
        if several:
            # Ids and values of an enumeration hold no comma: `facets=category,state` says the same as naming it twice.
            parts = value.split(",") if all(_holds_no_comma(leaf) for leaf in known[name] - {...}) else [value]
            values[name] = [*values.get(name, ()), *(_typed(name, each, known[name]) for each in parts)]
        else:
            values[name] = _typed(name, value, known[name])
    try:
        return msgspec.convert(values, kind)  # strictly: lax decoding reads `null` as None, and 0 as an instant
    except msgspec.ValidationError:
        found = [
            _query_fault(_named(fault.pointer or "", families), fault.detail, with_plus)
            for fault in find_faults(values, kind, nulls=False)
        ]
    raise Malformed(f"Query parameter {found[0].parameter} {found[0].detail}.", found[0].code, faults=found)


_BLANK = "a + in a URL stands for a blank: write %2B for a plus, and one value each time that the parameter is given"
_UNESCAPED = "write %2B instead of +, which means a blank in a URL"


def _query_fault(parameter: str, detail: str, with_plus: Collection[str]) -> Fault:
    """The fault of a parameter; where its text had a `+`, that is most likely what is wrong with it."""
    if detail == REQUIRED:
        return Fault(parameter=parameter, code="missing_parameter", detail=detail)
    if parameter in with_plus:
        return Fault(parameter=parameter, code="unescaped_plus", detail=f"{detail}; {_BLANK}")
    return Fault(parameter=parameter, code="invalid_parameter", detail=detail)


def _decoded(part: bytes) -> tuple[str, str]:
    """Name and value of a parameter. Raises Malformed where they are not UTF-8."""
    name, _, value = part.partition(b"=")
    try:
        return (
            unquote_to_bytes(name.replace(b"+", b" ")).decode(),
            unquote_to_bytes(value.replace(b"+", b" ")).decode(),
        )
    except UnicodeDecodeError:
        raise _parameter_fault("?", "malformed", "not UTF-8") from None


class Family(NamedTuple):
    """Parameters whose names begin alike and end as the caller's data has it, such as `attr.seats_from`."""

    field: str
    prefix: str


@cache
def families_of(kind: type[msgspec.Struct]) -> tuple[Family, ...]:
    """The families of parameters that a query takes: its fields with a `prefix`, each a dictionary of text."""
    metas = (
        (field.name, meta)
        for field in msgspec.structs.fields(kind)
        for meta in getattr(field.type, "__metadata__", ())
        if isinstance(meta, msgspec.Meta)
    )
    return tuple(Family(name, meta.extra["prefix"]) for name, meta in metas if meta.extra and "prefix" in meta.extra)


def _add_to_family(values: dict[str, Any], family: Family, name: str, value: str) -> None:
    members = values.setdefault(family.field, {})
    member = name.removeprefix(family.prefix)
    if member in members:
        raise _parameter_fault(name, "repeated_parameter", "given more than once")
    members[member] = _typed(name, value, {str})


def _named(pointer: str, families: Iterable[Family]) -> str:
    """The parameter at which a fault lies, from its place in the query's struct."""
    field, _, member = pointer.removeprefix("/").partition("/")
    family = next((family for family in families if family.field == field), None)
    return field.split("/")[0] if family is None else f"{family.prefix}{member}"[:60]


@cache
def _known_parameters(kind: type[msgspec.Struct]) -> dict[str, set[Any]]:
    """The parameters that a struct defines, each with the types that its values may have."""
    families = {family.field for family in families_of(kind)}
    return {
        field.encode_name: _leaves(field.type) for field in msgspec.structs.fields(kind) if field.name not in families
    }


def _holds_no_comma(leaf: Any) -> bool:
    return leaf is UUID or isinstance(leaf, str) or (isinstance(leaf, type) and issubclass(leaf, Enum))


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
        raise _parameter_fault(name, "missing_parameter", REQUIRED) from None


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
