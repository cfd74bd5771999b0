"""Tokens that must not be accepted, each wrong in one respect and right in all others."""

import base64
import json
import time
from collections.abc import Iterator
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from registry.platform.access.principals import OPERATOR_AGENCY_ID
from tests.platform.access.forging import AGENCY_ISSUER, OPERATOR_ISSUER, Forge, b64, make_key

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SKEW = 30

Case = tuple[str, str]


def hostile_tokens(forge: Forge, other: Forge, stranger: UUID) -> Iterator[Case]:
    """Every hostile token for an agency's issuer, `other` being the operator's and `stranger` another agency."""
    for family, cases in (
        ("algorithm", _algorithms(forge)),
        ("type", _types(forge)),
        ("key", _keys(forge, other)),
        ("issuer", _issuers(forge, other, stranger)),
        ("claim", _claims(forge)),
        ("time", _times(forge)),
        ("signature", _signatures(forge)),
        ("header", _headers(forge)),
        ("shape", _shapes(forge)),
    ):
        for name, token in cases:
            yield f"{family}: {name}", token


def _algorithms(forge: Forge) -> Iterator[Case]:
    value: object
    for name in ("none", "None", "NONE", "nOnE", "none "):
        yield f"{name!r} without a signature", forge.token(header={"alg": name}, signature=b"")
        yield f"{name!r} with a signature", forge.token(header={"alg": name})
    signing = forge.keys
    for key in signing.values():
        for algorithm in ("HS256", "HS384", "HS512"):
            yield f"{algorithm} with {key.algorithm}'s PEM", forge.with_hmac(key.pem(), algorithm, key.kid)
        yield f"HS256 with {key.algorithm}'s DER", forge.with_hmac(key.der(), "HS256", key.kid)
        jwk = json.dumps(key.public_jwk()).encode()
        yield f"HS256 with {key.algorithm}'s JWK", forge.with_hmac(jwk, "HS256", key.kid)
    yield "HS256 with nothing", forge.with_hmac(b"")
    rsa, ec = signing["RS256"], signing["ES256"]
    for algorithm in ("PS256", "RS384", "RS512", "PS384"):
        message = forge.token(key=rsa, header={"alg": algorithm}).rsplit(".", 1)[0]
        yield f"{algorithm} with RS256's key", f"{message}.{b64(rsa.sign(message.encode(), algorithm))}"
    yield "RS256 in ES256's name", forge.token(key=rsa, header={"kid": ec.kid})
    yield "ES256 in RS256's name", forge.token(key=ec, header={"kid": rsa.kid})
    yield "ES256 called RS256", forge.token(key=ec, header={"alg": "RS256"})
    yield "ES256 called ES384", forge.token(key=ec, header={"alg": "ES384"})
    for value in (None, 1, [], {}, ["ES256"], "", "es256", "ES256\x00", True):
        yield f"alg = {value!r}", forge.token(header={"alg": value})
    yield "no alg", forge.token(header={"alg": ...})


def _types(forge: Forge) -> Iterator[Case]:
    value: object
    yield "none", forge.token(header={"typ": ...})
    for value in (
        "JWT",
        "jwt",
        "id_token+jwt",
        "logout+jwt",
        "dpop+jwt",
        "at+jwt ",
        "",
        None,
        1,
        ["at+jwt"],
        {"at+jwt": 1},
    ):
        yield repr(value), forge.token(header={"typ": value})


def _keys(forge: Forge, other: Forge) -> Iterator[Case]:
    value: object
    yield "no kid", forge.token(header={"kid": ...})
    for value in (
        None, 1, [], {}, "", "unknown", "../../dev/null", "' OR 1=1 --", "a" * 3000, "ключ", "\x00", True, 1.5,
    ):  # fmt: skip
        yield f"kid = {str(value)[:24]!r}", forge.token(header={"kid": value})
    own = forge.key.kid
    for name, near in (("in capitals", own.upper()), ("and a blank", own + " "), ("in a list", [own])):
        yield f"its kid {name}", forge.token(header={"kid": near})
    yield "another issuer's kid", forge.token(header={"kid": other.key.kid})
    stolen = make_key("ES256", forge.key.kid)
    yield "another key in its name", forge.token(key=stolen)
    yield "the operator's key", forge.token(key=other.key)
    for name, value in (
        ("jwk", stolen.public_jwk()),
        ("jku", "https://evil.example/jwks.json"),
        ("x5u", "https://evil.example/chain.pem"),
        ("x5c", [base64.b64encode(stolen.der()).decode()]),
    ):
        yield f"a key brought along in {name}", forge.token(key=stolen, header={name: value})


def _issuers(forge: Forge, other: Forge, stranger: UUID) -> Iterator[Case]:
    def issued(value: object) -> str:
        return forge.token(forge.claims(iss=value))

    for value in (
        "https://unknown.example", AGENCY_ISSUER + "/", AGENCY_ISSUER.upper(), AGENCY_ISSUER + "\x00", "", None, 1, [],
        [AGENCY_ISSUER], {AGENCY_ISSUER: 1}, "urn:registry:development", OPERATOR_ISSUER, ...,
    ):  # fmt: skip
        yield f"iss = {str(value)[:30]!r}", issued(value)
    yield "for another agency", forge.token(forge.claims(agency=str(stranger)))
    yield "for the operator", forge.token(forge.claims(agency=str(OPERATOR_AGENCY_ID)))
    yield "for an agency that does not exist", forge.token(forge.claims(agency=str(uuid4())))
    yield "making an administrator of its own", forge.token(forge.claims(roles=["registry_admin"]))
    yield "making one among others", forge.token(forge.claims(roles=["coordinator", "registry_admin"]))
    yield "the operator's, for an agency that does not exist", other.token(other.claims(agency=str(uuid4())))
    borrowed = json.dumps({**forge.claims(), "agency": str(stranger)})
    first_own = borrowed[:1] + f'"agency": "{forge.agency_id}", ' + borrowed[1:]
    yield "an agency twice, the last another's", forge.token(first_own.encode())


def _claims(forge: Forge) -> Iterator[Case]:
    wrong: dict[str, tuple[object, ...]] = {
        "aud": (..., None, "", "registryx", "Registry", ["other"], [], 1, {"registry": 1}, [["registry"]], True),
        "sub": (..., None, "", 1, [], {}, "a b", "é", "a\x00b", "a" * 201, "a\n", " ", True),
        "jti": (..., None, "", 1, [], {}, "a b", "é", "a\x00b", "a" * 201, True),
        "agency": (..., None, "", "*", 1, [], {}, "g" + "0" * 31, "0" * 31),
        "roles": (..., None, "chief", {}, {"coordinator": 1}, ["root"], [None], [["coordinator"]], 1, True),
        "scope": (None, 1, [1], {"*": 1}, True),
    }  # fmt: skip
    for name, values in wrong.items():
        for value in values:
            said = "missing" if value is ... else repr(value)[:30]
            yield f"{name} {said}", forge.token(forge.claims(**{name: value}))


def _times(forge: Forge) -> Iterator[Case]:
    value: object
    now = int(time.time())
    soon, later, past = now + 60, now + SKEW + 60, now - SKEW - 5
    for value in (None, 10**400, -1, True, [], {}, "", "Infinity", "2099-01-01T00:00:00Z"):
        for name in ("exp", "iat", "nbf"):
            yield f"{name} = {str(value)[:24]!r}", forge.token(forge.claims(**{name: value}))
    wrong: dict[str, dict[str, object]] = {
        "exp missing": {"exp": ...},
        "iat missing": {"iat": ...},
        "exp past": {"exp": past},
        "exp past, and iat before it": {"exp": past, "iat": past - 60, "nbf": past - 60},
        "exp zero": {"exp": 0},
        "exp as text": {"exp": str(soon)},
        "exp with a fraction": {"exp": soon + 0.5},
        "exp as a float": {"exp": float(soon)},
        "exp in a list": {"exp": [soon]},
        "exp beyond all floats": {"exp": 1e300},
        "exp beyond all columns": {"exp": 2**63},
        "exp in milliseconds": {"exp": soon * 1000},
        "a life of a year": {"exp": now + 365 * 86_400},
        "a life of more than an hour": {"exp": now + 3_000, "iat": now - 1_000},
        "issued in the future": {"iat": later},
        "iat as text": {"iat": str(now)},
        "iat as a float": {"iat": float(now)},
        "not yet valid": {"nbf": later},
        "nbf as text": {"nbf": str(now)},
        "nbf as a float": {"nbf": float(now)},
    }
    for name, changed in wrong.items():
        yield name, forge.token(forge.claims(**changed))
    for text in ("NaN", "Infinity", "1e400", "0x7fffffff", "01", "١٢٣"):
        claims = json.dumps(forge.claims()).replace(f'"exp": {forge.claims()["exp"]}', f'"exp": {text}')
        yield f"exp {text} by hand", forge.token(claims.encode())
    doubled = json.dumps(forge.claims(exp=now - 999))
    yield "exp twice, the last one past", forge.token(f'{{"exp": {now + 60}, {doubled[1:]}'.encode())


def _signatures(forge: Forge) -> Iterator[Case]:
    good = forge.token()
    head, claims, signature = good.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    r, s = raw[:32], raw[32:]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

    def signed(value: str) -> str:
        return f"{head}.{claims}.{value}"

    yield "none", signed("")
    yield "cut", signed(signature[:-4])
    yield "a bit flipped", signed(b64(bytes([raw[0] ^ 1]) + raw[1:]))
    yield "its last letter's spare bits", signed(signature[:-1] + alphabet[alphabet.index(signature[-1]) ^ 1])
    yield "all zero", signed(b64(bytes(64)))
    yield "r and s of the curve's order", signed(b64(P256_ORDER.to_bytes(32) * 2))
    yield "r and s zero and one", signed(b64(bytes(63) + b"\x01"))
    yield "halves swapped", signed(b64(s + r))
    yield "in DER", signed(b64(encode_dss_signature(int.from_bytes(r), int.from_bytes(s))))
    yield "of another token", f"{head}.{claims}.{forge.token().split('.')[2]}"
    yield "over other claims", f"{head}.{forge.token(forge.claims(roles=['approver'])).split('.')[1]}.{signature}"
    yield "over another header", f"{forge.token(header={'x': 1}).split('.')[0]}.{claims}.{signature}"
    yield "doubled", signed(signature + signature)
    yield "longer by a byte", signed(b64(raw + b"\x00"))
    yield "padded", signed(signature + "==")
    yield "text", signed("signature")
    yield "not base64", signed("!" * 86)
    yield "a DER of the twin", signed(b64(encode_dss_signature(*_twin(r, s))))


def _twin(r: bytes, s: bytes) -> tuple[int, int]:
    first, second = decode_dss_signature(encode_dss_signature(int.from_bytes(r), int.from_bytes(s)))
    return first, P256_ORDER - second


def _headers(forge: Forge) -> Iterator[Case]:
    value: object
    for value in (["exp"], ["b64"], [], ["http://example.invalid/x"], None, "exp", 1, {}):
        yield f"crit = {value!r}", forge.token(header={"crit": value})
    yield "unencoded claims", forge.token(header={"crit": ["b64"], "b64": False})
    alg = f'"alg": "{forge.key.algorithm}", "kid": "{forge.key.kid}", "typ": "at+jwt"'
    for name, raw in {
        "not JSON": b"header",
        "a list": b'["at+jwt"]',
        "text": b'"at+jwt"',
        "null": b"null",
        "empty": b"",
        "NUL": b"{" + alg.encode() + b"}\x00",
        "not UTF-8": b'{"x": "\xff", ' + alg.encode() + b"}",
        "UTF-16": ("{" + alg + "}").encode("utf-16"),
        "a byte order mark": b"\xef\xbb\xbf{" + alg.encode() + b"}",
        "the algorithm twice": b"{" + alg.encode() + b', "alg": "none"}',
        "the key twice": b"{" + alg.encode() + b', "kid": "unknown"}',
        "deep": b'{"x": ' + b"[" * 2_000 + b"]" * 2_000 + b", " + alg.encode() + b"}",
    }.items():
        yield name, forge.token(header_bytes=raw)
    yield "huge", forge.token(header={"x": "a" * 9_000})


def _shapes(forge: Forge) -> Iterator[Case]:
    good = forge.token()
    head, claims, signature = good.split(".")
    for name, token in {
        "nothing but a dot": ".",
        "two dots": "..",
        "one part": head,
        "two parts": f"{head}.{claims}",
        "four parts": f"{good}.x",
        "five parts, as if encrypted": f"{head}..{claims}.{signature}.x",
        "a dot behind": f"{good}.",
        "a dot in front": f".{good}",
        "a blank inside": f"{head}. {claims}.{signature}",
        "a tab inside": f"{head}.\t{claims}.{signature}",
        "a letter behind": f"{good}x",
        "a blank and a letter behind": f"{good} x",
        "a comma and another": f"{good}, {good}",
        "Bearer twice": f"Bearer {good}",
        "quoted": f'"{good}"',
        "percent signs": good.replace(".", "%2E"),
        "empty claims": f"{head}..{signature}",
        "JSON instead of base64": f'{{"alg":"none"}}.{claims}.{signature}',
        "an equals sign behind the claims": f"{head}.{claims}=.{signature}",
        "the ordinary alphabet of base64": f"{head}.{claims}.+/{signature[2:]}",
    }.items():
        yield name, token
    for name, raw in {
        "claims that are no JSON": b"claims",
        "claims in a list": json.dumps([forge.claims()]).encode(),
        "claims as text": json.dumps(json.dumps(forge.claims())).encode(),
        "claims that are null": b"null",
        "claims that are a number": b"7",
        "claims with a byte order mark": b"\xef\xbb\xbf" + json.dumps(forge.claims()).encode(),
        "claims that are not UTF-8": b'{"x": "\xff", ' + json.dumps(forge.claims()).encode()[1:],
        "claims with a lone surrogate in sub": json.dumps(forge.claims(sub="\ud800")).encode(),
        "deep claims": b'{"x": ' + b"[" * 2_500 + b"]" * 2_500 + b"}",
        "no claims": b"{}",
        "large claims": json.dumps(forge.claims(x="a" * 9_000)).encode(),
    }.items():
        yield name, forge.token(raw)


def raw_authorizations(token: str) -> Iterator[tuple[str, list[bytes]]]:
    """Authorization fields that are wrong although the token in them is right."""
    good = token.encode()
    yield "given twice", [b"Bearer " + good, b"Bearer " + good]
    yield "given twice, one empty", [b"Bearer " + good, b""]
    yield "two in one", [b"Bearer " + good + b", Bearer " + good]
    yield "another scheme", [b"Basic " + good]
    yield "a scheme like it", [b"BearerX " + good]
    yield "DPoP", [b"DPoP " + good]
    yield "no scheme", [good]
    yield "no blank", [b"Bearer" + good]
    yield "a tab for a blank", [b"Bearer\t" + good]
    yield "a colon", [b"Bearer: " + good]
    yield "a byte that is no letter in front", [b"\xa0Bearer " + good]
    yield "bytes beyond ASCII behind", [b"Bearer " + good + b"\xe9"]
    yield "an emoji behind", [b"Bearer " + good + "😀".encode()]
    yield "a no-break space behind", [b"Bearer " + good + b"\xa0"]
    yield "nothing", [b"Bearer "]
