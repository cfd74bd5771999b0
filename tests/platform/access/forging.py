"""Tokens as an issuer makes them, and as a forger would: any header, any claims, any bytes."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Struct

OPERATOR_ISSUER = "https://id.operator.example"
AGENCY_ISSUER = "https://id.agency.example"
AUDIENCE = "registry"
LIFE_SECONDS = 600


def b64(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Key(Struct, kw_only=True, frozen=True):
    """A signing key and the name under which its public half is published."""

    kid: str
    algorithm: str
    private: Any

    def public_jwk(self) -> dict[str, object]:
        """The public half as a JSON Web Key."""
        algorithm = jwt.get_algorithm_by_name(self.algorithm)
        made: dict[str, object] = algorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**made, "kid": self.kid, "alg": self.algorithm}

    def sign(self, message: bytes, algorithm: str | None = None) -> bytes:
        """The signature over the message, with the key's own algorithm or another that fits it."""
        chosen = jwt.get_algorithm_by_name(algorithm or self.algorithm)
        return bytes(chosen.sign(message, self.private))

    def pem(self) -> bytes:
        """The public half as anybody can read it."""
        return bytes(self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def der(self) -> bytes:
        """The same, binary."""
        return bytes(self.private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def make_key(algorithm: str, kid: str) -> Key:
    """A fresh key for an algorithm."""
    private: PrivateKeyTypes
    if algorithm == "EdDSA":
        private = ed25519.Ed25519PrivateKey.generate()
    elif algorithm.startswith("ES"):
        private = ec.generate_private_key(ec.SECP256R1() if algorithm == "ES256" else ec.SECP384R1())
    else:
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return Key(kid=kid, algorithm=algorithm, private=private)


class Forge(Struct, kw_only=True, frozen=True):
    """An issuer's keys, and the agency it may speak for."""

    issuer: str
    agency_id: UUID
    keys: dict[str, Key]

    @property
    def key(self) -> Key:
        """The key that tokens are signed with if nothing else is said."""
        return next(iter(self.keys.values()))

    def settings(self, *agencies: str) -> dict[str, object]:
        """The issuer as the service's settings name it."""
        return {
            "issuer": self.issuer,
            "agencies": list(agencies or [str(self.agency_id)]),
            "keys": {"keys": [key.public_jwk() for key in self.keys.values()]},
        }

    def claims(self, **changed: object) -> dict[str, object]:
        """Claims that are right in every respect, but for what is changed; None… is a value, `...` leaves one out."""
        now = int(datetime.now(UTC).timestamp())
        given = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "officer-7",
            "agency": str(self.agency_id),
            "roles": ["coordinator"],
            "scope": "*",
            "iat": now,
            "nbf": now,
            "exp": now + LIFE_SECONDS,
            "jti": str(uuid4()),
            **changed,
        }
        return {name: value for name, value in given.items() if value is not ...}

    def token(
        self,
        claims: dict[str, object] | bytes | None = None,
        *,
        key: Key | None = None,
        header: dict[str, object] | None = None,
        header_bytes: bytes | None = None,
        signature: bytes | None = None,
    ) -> str:
        """A token, signed with `key` unless a signature is given; `...` leaves a header member out."""
        signing = key or self.key
        fields = {"typ": "at+jwt", "alg": signing.algorithm, "kid": signing.kid, **(header or {})}
        fields = {name: value for name, value in fields.items() if value is not ...}
        first = header_bytes if header_bytes is not None else json.dumps(fields).encode()
        second = claims if isinstance(claims, bytes) else json.dumps(claims or self.claims()).encode()
        message = f"{b64(first)}.{b64(second)}"
        return f"{message}.{b64(signing.sign(message.encode()) if signature is None else signature)}"

    def with_hmac(self, secret: bytes, algorithm: str = "HS256", kid: str | None = None) -> str:
        """A token “signed” with something everybody knows, in the hope that it is taken for a shared secret."""
        message = ".".join(
            b64(json.dumps(part).encode())
            for part in ({"typ": "at+jwt", "alg": algorithm, "kid": kid or self.key.kid}, self.claims())
        )
        digest = getattr(hashlib, "sha" + algorithm[2:])
        return f"{message}.{b64(hmac.new(secret, message.encode(), digest).digest())}"
