"""Requests that nobody sends by accident, each with the statuses that are right for it.

`@TOKEN@` stands for a token of the operator. Probes are built once, as the bytes that go over the wire.
"""

import gzip
import json
from collections.abc import Iterator
from uuid import UUID

from msgspec import Struct

BEARER = b"Bearer @TOKEN@"
NEW: dict[str, object] = {"name": "Hostile (demo)", "kind": "city", "level": "local", "state": "MN"}
SOMEBODY = "01900000-0000-7000-8000-000000000001"
LIST = b"/v1/agencies"
ITEM = f"/v1/agencies/{SOMEBODY}".encode()
LARGEST_BODY = 65_536


class Probe(Struct, kw_only=True, frozen=True):
    """One hostile request."""

    name: str
    raw: bytes
    expect: frozenset[int]
    head: bool = False


def request(
    method: bytes = b"GET",
    target: bytes = LIST,
    headers: list[tuple[bytes, bytes]] | None = None,
    body: bytes | None = None,
    *,
    host: bytes | None = b"registry.test",
    authorization: bytes | None = BEARER,
) -> bytes:
    """The bytes of a request that closes its connection; a body brings its own length unless the headers do."""
    given = list(headers or [])
    names = {name.lower() for name, _ in given}
    lines = [method + b" " + target + b" HTTP/1.1"]
    if host is not None and b"host" not in names:
        lines.append(b"Host: " + host)
    if authorization is not None and b"authorization" not in names:
        lines.append(b"Authorization: " + authorization)
    if body is not None:
        if b"content-type" not in names:
            lines.append(b"Content-Type: application/json")
        if not names & {b"content-length", b"transfer-encoding"}:
            lines.append(b"Content-Length: %d" % len(body))
    lines += [name + b": " + value for name, value in given]
    lines.append(b"Connection: close")
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def post(body: bytes, *headers: tuple[bytes, bytes], target: bytes = LIST) -> bytes:
    """A creation with this body."""
    return request(b"POST", target, list(headers), body)


def with_fields(**fields: object) -> bytes:
    """A creation with these fields changed."""
    return post(json.dumps({**NEW, **fields}).encode())


def with_raw(field: str, value: bytes) -> bytes:
    """A creation with one field's JSON written by hand."""
    return post(json.dumps(NEW).encode()[:-1] + b', "' + field.encode() + b'": ' + value + b"}")


def probes() -> list[Probe]:
    """The whole corpus."""
    found: list[Probe] = []
    for family, cases in (
        ("encoding", _encodings()),
        ("json", _json()),
        ("depth", _depths()),
        ("number", _numbers()),
        ("field", _fields()),
        ("media", _media_types()),
        ("path", _paths()),
        ("host", _hosts()),
        ("header", _headers()),
        ("framing", _framing()),
        ("method", _methods()),
        ("query", _queries()),
    ):
        found += [Probe(name=f"{family}: {name}", raw=raw, expect=frozenset(expect)) for name, raw, expect in cases]
    found.append(Probe(name="method: HEAD of an item", raw=request(b"HEAD", ITEM), expect=frozenset({200}), head=True))
    found.append(
        Probe(name="method: HEAD of nothing", raw=request(b"HEAD", b"/v1/none"), expect=frozenset({404}), head=True)
    )
    found.append(
        Probe(
            name="method: HEAD without a token",
            raw=request(b"HEAD", ITEM, authorization=None),
            expect=frozenset({401}),
            head=True,
        )
    )
    return found


Case = tuple[str, bytes, set[int]]


def _encodings() -> Iterator[Case]:
    bad = {400}
    name = b'{"kind": "city", "level": "local", "name": "%s"}'
    yield "invalid UTF-8 in text", post(name % b"\xff\xfe"), bad
    yield "overlong UTF-8", post(name % b"\xc0\xaf"), bad
    yield "truncated UTF-8", post(name % b"\xe2\x82"), bad
    yield "a surrogate in UTF-8", post(name % b"\xed\xa0\x80"), bad
    yield "beyond Unicode", post(name % b"\xf4\x90\x80\x80"), bad
    yield "Latin-1", post(name % "Zürich".encode("latin-1")), bad
    yield "invalid UTF-8 in a key", post(b'{"na\xffme": "x"}'), bad
    yield "invalid UTF-8 in an unknown field", post(json.dumps(NEW).encode()[:-1] + b', "x": "\xff"}'), bad
    yield "a byte order mark", post(b"\xef\xbb\xbf" + json.dumps(NEW).encode()), bad
    yield "UTF-16", post(json.dumps(NEW).encode("utf-16")), bad
    yield "UTF-32", post(json.dumps(NEW).encode("utf-32-be")), bad
    yield "a lone surrogate escape", post(name % rb"\ud800"), bad
    yield "surrogate escapes the wrong way round", post(name % rb"\udc00\ud800"), bad
    yield "an escaped NUL", post(name % rb"a\u0000b"), bad
    yield "a raw NUL", post(name % b"a\x00b"), bad
    yield "a raw control character", post(name % b"a\x07b"), bad
    yield "an escaped DEL", post(name % rb"a\u007fb"), bad
    yield "an escaped line break in a name", post(name % rb"a\nb"), bad
    yield "a line break at the end of a name", post(name % rb"ab\n"), bad
    yield "text not in normal form C", post(name % "e\u0301cole".encode()), {422}
    yield "a bad escape", post(name % rb"\x41"), bad
    yield "a short escape", post(name % rb"\u12"), bad
    yield "compressed", post(gzip.compress(json.dumps(NEW).encode()), (b"Content-Encoding", b"gzip")), {415}


def _json() -> Iterator[Case]:
    for name, body in {
        "nothing": b"",
        "white space": b"  \r\n ",
        "null": b"null",
        "a list": b"[]",
        "a list of one": b"[" + json.dumps(NEW).encode() + b"]",
        "text": b'"x"',
        "true": b"true",
        "a number": b"7",
        "an empty object": b"{}",
        "a trailing comma": json.dumps(NEW).encode()[:-1] + b",}",
        "a comment": b"/* x */" + json.dumps(NEW).encode(),
        "single quotes": b"{'name': 'x'}",
        "an unquoted key": b'{name: "x"}',
        "two documents": json.dumps(NEW).encode() * 2,
        "rubbish behind": json.dumps(NEW).encode() + b"x",
        "a NUL behind": json.dumps(NEW).encode() + b"\x00",
        "half a document": json.dumps(NEW).encode()[:-9],
        "XML": b"<agency/>",
        "a form": b"name=x&kind=city",
    }.items():
        yield name, post(body), {400}
    yield "a key twice", post(json.dumps(NEW).encode()[:-1] + b', "name": "Second (demo)"}'), {201, 400}


def _depths() -> Iterator[Case]:
    most = LARGEST_BODY // 2 - 200
    yield "lists in lists", post(b"[" * most), {400}
    yield "closed lists in lists", post(b"[" * most + b"]" * most), {400}
    yield "objects in objects", post(b'{"a":' * (LARGEST_BODY // 6)), {400}
    yield "depth in an unknown field", with_raw("x", b"[" * 9_000 + b"]" * 9_000), {400}
    yield "depth in a known field", with_raw("counties", b"[" * 9_000 + b"]" * 9_000), {400}
    yield "depth in a number's place", with_raw("sworn", b"[" * 900 + b"1.5" + b"]" * 900), {400}
    yield "depth just under the interpreter's", with_raw("location", b'{"a":' * 990 + b"1.5" + b"}" * 990), {400}


def _numbers() -> Iterator[Case]:
    for value in (
        b"-1", b"1.5", b'"1"', b"true", b"2147483648", b"9223372036854775808", b"18446744073709551616", b"1" * 5_000,
        b"1e400", b"-1e400", b"1e308", b"NaN", b"Infinity", b"0x10", b"01", b"+1", b".5", b"1.", b"1e", b"[]", b"{}",
    ):  # fmt: skip
        yield f"sworn = {value[:24].decode()}", with_raw("sworn", value), {400}
    yield "sworn = 158.0, an integer in JSON", with_raw("sworn", b"158.0"), {201}
    yield "sworn = 1e2, an integer in JSON", with_raw("sworn", b"1e2"), {201}
    for value in (b"90.0001", b"-91", b"1e400", b"NaN", b'"44"', b"null"):
        place = b'{"latitude": %s, "longitude": 0}' % value
        yield f"latitude = {value.decode()}", with_raw("location", place), {400}
    yield "minus zero", with_raw("location", b'{"latitude": -0.0, "longitude": -0}'), {422}
    yield "the smallest double", with_raw("location", b'{"latitude": 5e-324, "longitude": 0}'), {201}
    yield "minus zero in a place", with_raw("location", b'{"latitude": -0.0, "longitude": -91.5}'), {201}


def _fields() -> Iterator[Case]:
    yield "unknown", with_fields(ori="MN0270000"), {400}
    yield "unknown, with a hostile name", post(b'{"<script>\\u0000\\ud83d\\ude00": 1}'), {400}
    yield "unknown, with a huge name", post(b'{"' + b"a" * 50_000 + b'": 1}'), {400}
    yield "thousands unknown", post(json.dumps({f"f{i}": i for i in range(4_000)}).encode()), {400}
    yield "server-owned", with_fields(id=SOMEBODY, version=9, status="active"), {400}
    yield "prototype", with_fields(__proto__={"status": "active"}), {400}
    yield "huge text", with_fields(name="x" * 60_000), {400}
    yield "empty text", with_fields(name=""), {400}
    yield "an unknown kind", with_fields(kind="<b>" * 99), {400}
    yield "a kind in capitals", with_fields(kind="CITY"), {400}
    yield "a list too long", with_fields(counties=["x"] * 51), {400}
    yield "a list of lists", with_fields(counties=[["x"]]), {400}
    yield "Arabic digits in an ORI", with_fields(oris=["MN٠٢٧٠٠٠٠"]), {400}
    yield "a line break behind an ORI", with_fields(oris=["MN0270000\n"]), {400}
    yield "a line break behind a state", with_fields(state="MN\n"), {400}
    yield "a line break behind an e-mail address", with_fields(email="a@b.example\n"), {400}
    yield "a line break behind a telephone number", with_fields(phone="+1 555 0100\n"), {400}
    yield "a line break behind a time zone", with_fields(time_zone="America/Chicago\n"), {400}
    yield "a path for a time zone", with_fields(time_zone="../../etc/passwd"), {400, 422}
    yield "an unknown time zone", with_fields(time_zone="Mars/Olympus"), {422}
    yield "an id that is none", with_fields(parent_id="' OR 1=1 --"), {400}
    yield "an id of nobody", with_fields(parent_id=str(UUID(int=7))), {422}
    yield "half a point", with_fields(location={"latitude": 1}), {400}
    yield "null where it is not allowed", with_fields(name=None), {400}
    yield "SQL in text", with_fields(name="Robert'); DROP TABLE agency;--"), {201}
    yield "markup in text", with_fields(name="<img src=x onerror=alert(1)>"), {201}
    yield "words of the newest scripts", with_fields(name="Osage 𐓏 Adlam 𞤀𞤁 abc𞤀def"), {201}
    yield "only punctuation", with_fields(name="…!?"), {201}
    yield "text from right to left", with_fields(name="שיטור"), {201}
    yield "text turned around", with_fields(name="\u202eecilop"), {400}


def _media_types() -> Iterator[Case]:
    body = json.dumps(NEW).encode()
    for media in (
        b"text/plain", b"text/json", b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"*/*",
        b"application/xml", b"application/vnd.api+json", b"application/merge-patch+json", b"garbage", b"",
        b"application/",
        b"application/json; charset=utf-16", b"application/json; charset=latin-1",
        b"application/json; x=y; charset=utf-7",
        b"application/json, application/json", b"application/json\x0b", b"\xff\xfe",
    ):  # fmt: skip
        yield repr(media), post(body, (b"Content-Type", media)), {415, 400} if b"\x0b" in media else {415}
    twice = post(body, (b"Content-Type", b"application/json"), (b"Content-Type", b"application/json"))
    yield "given twice", twice, {415}
    for media in (
        b"application/json; charset=UTF-8", b'application/json;charset="utf-8"', b"Application/JSON",
        b"application/json;charset=UTF-8;", b"application/json ; ;charset=utf-8 ", b"application/json;",
    ):  # fmt: skip
        yield repr(media), post(body, (b"Content-Type", media)), {201}
    tagged = [(b"If-Match", b"*"), (b"Content-Type", b"application/json-patch+json")]
    yield "JSON Patch", request(b"PATCH", ITEM, tagged, b"[]"), {415}


def _paths() -> Iterator[Case]:
    for target in (
        b"//v1/agencies", b"/v1//agencies", b"/v1/agencies/", b"/v1%2fagencies", b"/v1%2Fagencies", b"/./v1/agencies",
        b"/v1/../v1/agencies", b"/v1/%2e%2e/v1/agencies", b"/v1/%2e/agencies", b"/v1/agencies%00", b"/v1/agencies;x=1",
        b"/v1/agencies%20", b"/v1/agencies%0d%0aX-Evil:%201", b"/v1/%61gencies%2f", b"/V1/Agencies", b"/v1\\agencies",
        b"/v1/agencies/%ff", b"/v1/agencies/" + b"9" * 8_000, b"/v1/agencies/1", b"/v1/agencies/-1",
        b"/v1/agencies/+1",
        b"/v1/agencies/%D9%A1", b"/v1/agencies/{agency_id}", b"/v1/agencies/null",
        b"/v1/agencies/..%2f..%2fetc%2fpasswd",
        b"/v1/agencies/urn:uuid:" + SOMEBODY.encode(), b"/v1/agencies/{" + SOMEBODY.encode() + b"}",
        b"/v1/agencies/" + SOMEBODY.replace("-", "").encode(), b"/v1/agencies/" + SOMEBODY.encode() + b"%20",
        b"/docs/files/../../../../etc/passwd", b"/docs/files/%2e%2e/%2e%2e/etc/passwd", b"/docs/files/..%5c..%5cx",
        b"/docs/files//etc/passwd", b"/docs/files/%00", b"/docs/files/", b"/problems/%3Cscript%3E", b"/problems/..",
        b"/problems/" + b"x" * 5_000, b"/v1", b"/admin", b"/.env", b"/schema",
        b"/v1/agencies/" + SOMEBODY.encode() + b"/schema",
    ):  # fmt: skip
        yield repr(target[:70]), request(target=target), {404}
    yield "a broken escape", request(target=b"/v1/agencies/%zz"), {400, 404}
    yield "half an escape", request(target=b"/v1/agencies/%2"), {400, 404}
    yield "raw UTF-8", request(target="/v1/agencíes".encode()), {400}
    yield "a blank", request(target=b"/v1/agencies x"), {400}
    yield "a control character", request(target=b"/v1/agencies\x01"), {400}
    yield "a fragment", request(target=b"/v1/agencies#x"), {200, 400, 404}
    yield "an absolute address of another host", request(target=b"http://evil.example/v1/agencies"), {200, 400}
    yield "no path", request(target=b""), {400}
    yield "an asterisk", request(target=b"*"), {400, 404}
    yield "an id in capitals", request(target=b"/v1/agencies/0190000A-0000-7000-8000-00000000000F"), {404}


def _hosts() -> Iterator[Case]:
    yield "missing", request(host=None), {400}
    yield "twice", request(headers=[(b"Host", b"a.example"), (b"Host", b"b.example")]), {400}
    for host in (
        b"",
        b"a b",
        b"a/b",
        b"user@host",
        b"a,b",
        b"a:port",
        b"a:123456",
        b"x" * 300,
        b"[::1",
        b"\xff",
        b"a?b",
        b"%00",
    ):
        yield repr(host[:20]), request(host=host), {400}
    for host in (b"registry.test:8000", b"[::1]:8000", b"127.0.0.1"):
        yield repr(host), request(host=host), {200}


def _headers() -> Iterator[Case]:
    key, body = b"Idempotency-Key", json.dumps(NEW).encode()
    for value in (b"", b"x" * 256, b"a b", b"\xc3\xa9", b"a\tb"):
        yield f"key {value[:12]!r}", post(body, (key, value)), {400}
    yield "two keys", post(body, (key, b"a"), (key, b"a")), {400}
    patch = b'{"sworn": 1}'
    for tag in (
        b'"999998-9f86d081", "999999-9f86d081"', b'"x"', b'"99999999999999999999-9f86d081"',
        b'"-1-9f86d081"', b'"1-9F86D081"', b"\"\xd9\xa1-9f86d081\"", b'"x"' + b"," * 3_000, b'"x",' * 1_000,
    ):  # fmt: skip
        yield f"If-Match {tag[:40]!r}", request(b"PATCH", ITEM, [(b"If-Match", tag)], patch), {412}
    for tag in (
        b"", b",", b"1", b"1-9f86d081", b'"1-9f86d081', b'"1-9f86d081" "x"', b"*, *", b'*, "x"', b"\xff",
    ):  # fmt: skip
        yield f"If-Match {tag!r}", request(b"PATCH", ITEM, [(b"If-Match", tag)], patch), {400}
    yield "a weak If-Match", request(b"PATCH", ITEM, [(b"If-Match", b'W/"1-9f86d081"')], patch), {412}
    two = [(b"If-Match", b"*"), (b"If-Match", b"*")]
    yield "If-Match twice for any", request(b"PATCH", ITEM, two, patch), {400}
    yield "no If-Match", request(b"PATCH", ITEM, None, patch), {428}
    yield "a stale If-Match", request(b"PATCH", ITEM, [(b"If-Match", b'"999999-9f86d081"')], patch), {412}
    for tag in (b"", b"garbage", b"\xff", b'"' * 3_000, b"," * 3_000):
        yield f"If-None-Match {tag[:9]!r}", request(target=ITEM, headers=[(b"If-None-Match", tag)]), {200}
    for given in (
        b"",
        b"Bearer",
        b"Bearer ",
        b"Basic YTpi",
        b"bearer",
        b"Bearer x",
        b"Bearer a b",
        b"\xff",
        b"Bearer \xff",
    ):
        yield f"Authorization {given!r}", request(authorization=given), {401}
    both = [(b"Authorization", BEARER), (b"Authorization", BEARER)]
    yield "Authorization twice", request(headers=both), {401}
    yield "no Authorization", request(authorization=None), {401}
    yield "bearer in small letters", request(authorization=b"bearer @TOKEN@"), {200}
    yield "a token in the query", request(target=LIST + b"?access_token=@TOKEN@", authorization=None), {401}
    yield "a token in a cookie", request(headers=[(b"Cookie", BEARER)], authorization=None), {401}
    yield "101 fields", request(headers=[(b"X-%d" % i, b"1") for i in range(101)]), {431}
    yield "5,000 fields", request(headers=[(b"X-%d" % i, b"1") for i in range(5_000)]), {431}
    yield "one field of 300 KB", request(headers=[(b"X-Long", b"a" * 300_000)]), {431}
    yield "a name of 300 KB", request(headers=[(b"x" * 300_000, b"a")]), {431}
    yield "an address of 300 KB", request(target=b"/" + b"a" * 300_000), {404, 414, 431}
    yield "a blank in a name", request(headers=[(b"X Y", b"1")]), {400}
    yield "a blank before the colon", request(headers=[(b"X-Y ", b"1")]), {400}
    yield "no name", request(headers=[(b"", b"1")]), {400}
    yield "a folded line", request(headers=[(b"X-Y", b"1\r\n 2")]), {400}
    yield "a bare line feed", request(headers=[(b"X-Y", b"1\nX-Z: 2")]), {400}
    yield "a NUL in a value", request(headers=[(b"X-Y", b"a\x00b")]), {400}
    yield "a control character in a value", request(headers=[(b"X-Y", b"a\x01b")]), {200, 400}
    for name, value in (
        (b"Accept", b"text/xml"), (b"Accept", b"\xff"), (b"Range", b"bytes=0-1"), (b"Expect", b"100-continue"),
        (b"X-HTTP-Method-Override", b"DELETE"), (b"X-Original-URL", b"/admin"), (b"X-Request-Id", b"../../<script>"),
        (b"X-Request-Id", b"a" * 9_000), (b"X-Forwarded-For", b"' OR 1=1 --, \xff"), (b"Forwarded", b"for=\xff"),
        (b"Cookie", b"a" * 9_000), (b"Origin", b"https://evil.example"), (b"Accept-Encoding", b"identity;q=0"),
        (b"If-Modified-Since", b"never"), (b"Upgrade", b"h2c"), (b"TE", b"trailers"), (b"Content-Type", b"text/plain"),
    ):  # fmt: skip
        yield f"{name.decode()}: {value[:16]!r}", request(headers=[(name, value)]), {200}
    yield "an unknown Expect", post(body, (b"Expect", b"something-else")), {201, 417}
    upgrade = [(b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"), (b"Sec-WebSocket-Version", b"13")]
    yield "an upgrade to a web socket", request(headers=upgrade), {200, 400, 426}


def _framing() -> Iterator[Case]:
    body = json.dumps(NEW).encode()
    length, chunked = b"Content-Length", (b"Transfer-Encoding", b"chunked")

    def chunks(*parts: bytes) -> bytes:
        return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"

    for value in (b"-1", b"+2", b"x", b"", b"1, 2", b"0x10", b"9" * 30, b"1.0", b"1_0"):
        yield f"Content-Length {value[:9]!r}", post(body, (length, value)), {400}
    yield "two lengths", post(body, (length, b"2"), (length, b"3")), {400}
    yield "length and chunks", post(body, (length, b"5"), chunked), {400}
    yield "an unknown coding", post(body, (b"Transfer-Encoding", b"gzip")), {400, 415, 501}
    yield "chunked twice", post(body, (b"Transfer-Encoding", b"chunked, chunked")), {400, 501}
    yield "chunked under another name", post(body, (b"Transfer-Encoding", b"xchunked")), {400, 501}
    yield "a chunk of a bad size", post(b"zz\r\n{}\r\n0\r\n\r\n", chunked), {400}
    yield "a chunk of a negative size", post(b"-1\r\n{}\r\n0\r\n\r\n", chunked), {400}
    yield "a chunk of a huge size", post(b"f" * 40 + b"\r\n{}\r\n0\r\n\r\n", chunked), {400}
    yield "a chunk that runs over", post(b"1\r\n{}\r\n0\r\n\r\n", chunked), {400}
    yield "chunks of one byte", post(chunks(*(body[i : i + 1] for i in range(len(body)))), chunked), {201}
    yield "a chunk extension", post(b"%x;x=y\r\n%s\r\n0\r\n\r\n" % (len(body), body), chunked), {201, 400}
    yield "a trailer", post(b"%x\r\n%s\r\n0\r\nX-T: 1\r\n\r\n" % (len(body), body), chunked), {201, 400}
    yield "too large by its length", post(b"x" * (LARGEST_BODY + 1)), {413}
    yield "far too large, sent to the end", post(b"x" * (LARGEST_BODY * 60)), {413}
    yield "huge by its length alone", post(b"", (length, b"10737418240")), {413}
    yield "too large in chunks", post(chunks(*[b"x" * 8_192] * 9), chunked), {413}
    yield "far too large in chunks", post(chunks(*[b"x" * 65_536] * 60), chunked), {413}
    yield "a body on GET", request(b"GET", LIST, None, body), {200, 400}
    yield "a large body on GET", request(b"GET", LIST, None, b"x" * (LARGEST_BODY + 1)), {200, 400, 413}
    yield (
        "a large body without a token",
        request(b"POST", LIST, None, b"x" * (LARGEST_BODY * 60), authorization=None),
        {401},
    )
    yield "a large body to nowhere", request(b"POST", b"/v1/none", None, b"x" * (LARGEST_BODY * 60)), {404}


def _methods() -> Iterator[Case]:
    for method in (b"PUT", b"DELETE", b"PATCH", b"TRACE", b"PROPFIND", b"PURGE", b"LINK", b"MKCOL"):
        yield method.decode(), request(method), {405}
    yield "CONNECT", request(b"CONNECT", b"registry.test:443"), {400, 404, 405}
    yield "POST to an item", request(b"POST", ITEM, None, b"{}"), {405}
    yield "POST to a health check", request(b"POST", b"/health/live", None, b"{}"), {405}
    yield "OPTIONS", request(b"OPTIONS"), {204}
    yield "OPTIONS without a token", request(b"OPTIONS", authorization=None), {204}
    yield "OPTIONS of nothing", request(b"OPTIONS", b"/v1/none"), {404}
    for method in (b"BREW", b"get", b"GE T", b"", b"G" * 9_000, b"\x00", b"PRI"):
        yield repr(method[:9]), request(method), {400, 405}
    yield "HTTP/0.9", b"GET /\r\n\r\n", {400}
    yield "HTTP/1.0 without a host", b"GET /v1/agencies HTTP/1.0\r\n\r\n", {400}
    yield "HTTP/3.0", b"GET /v1/agencies HTTP/3.0\r\nHost: a\r\n\r\n", {400}
    yield "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}
    yield "the greeting of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64, {400}
    yield "noise", b"\xde\xad\xbe\xef" * 16 + b"\r\n\r\n", {400}


def _queries() -> Iterator[Case]:
    def listing(query: bytes) -> bytes:
        return request(target=LIST + b"?" + query)

    for query in (
        b"unknown=1", b"limit=1&limit=2", b"limit=1e1", b"limit=%D9%A1", b"limit=+1", b"limit=%201", b"limit=0x10",
        b"limit=1_0", b"limit=-1", b"limit=0", b"limit=201", b"limit=18446744073709551616", b"limit=" + b"9" * 400,
        b"limit=", b"limit", b"limit[]=1", b"Limit=1", b"limit=1.0", b"limit=null", b"limit=true",
        b"%6cimit=1&limit=1",
        b"state=null", b"state=mn", b"state=MN%0A", b"state=", b"status=bogus", b"status=null", b"ori=null", b"ori=x",
        b"q=", b"q=%FF", b"q=%00", b"q=%ED%A0%80", b"q=" + b"x" * 201,
        b"latitude=NaN&longitude=1&within_km=1", b"cursor=" + b"A" * 2_001,
        b"latitude=1e999&longitude=1&within_km=1", b"latitude=1&longitude=181&within_km=1",
        b"latitude=1&longitude=1&within_km=0", b"latitude=1&longitude=1&within_km=1e9",
        b"latitude=%D9%A1&longitude=1&within_km=1",
        b"latitude=1&longitude=1&within_km=-1", b"latitude=infinity&longitude=1&within_km=1",
        b"cursor=%C3%A9", b"cursor=", b"cursor=../../etc",
        b"include=total", b"sort=colour", b"=", b"=1", b"a=b=c", b"limit;=1",
        b"&".join(b"p%d=1" % i for i in range(1_000)),
    ):  # fmt: skip
        yield repr(query[:44]), listing(query), {400}
    for query in (b"&", b"limit=1&", b"&&limit=1"):  # empty pairs say nothing
        yield repr(query), listing(query), {200}
    for query in (
        b"q=%21%3F", b"q=*", b"q=" + b"+".join(b"w%d" % n for n in range(17)),
        b"q=%22+OR+a*", b"q=-a", b"q=a+AND+OR+NOT", b"latitude=44", b"latitude=44&longitude=1", b"cursor=null",
        b"cursor=garbage", b"cursor=W10", b"cursor=WzFd", b"cursor=bnVsbA", b"cursor=_w", b"cursor=WyJhXHUwMDAwIl0",
    ):  # fmt: skip
        yield repr(query[:44]), listing(query), {422}
    for query in (
        b"", b"limit=1", b"q=" + b"a+" * 17, b"q=a+NEAR(b)", b"q=a%27%3B+DROP+TABLE+agency--", b"q=%zz", b"q=null",
        b"q=a%3Ab",
        b"q=%F0%9E%A4%80", b"q=abc%F0%9E%A4%80def", b"q=%F0%93%86%93a", b"q=%E0%B2%80b", b"q=%C2%BD",
        b"q=%5Ea",
        b"q=" + b"y" * 200, b"latitude=90&longitude=180&within_km=500", b"q=%F0%90%B2%80c",
        b"q=a%5C",
        b"latitude=-90&longitude=-180&within_km=1e-3", b"q=%26+%7C+%21a+%3C-%3E+b", b"q=e%CC%81cole",
    ):  # fmt: skip
        yield repr(query[:44]), listing(query), {200}
