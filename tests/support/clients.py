"""Service clients for tests: registered, and asking for tokens as a program does."""

import base64
import time
from typing import Any
from urllib.parse import quote_plus, urlencode
from uuid import uuid4

import httpx
import jwt
from msgspec import Struct

from tests.platform.access.forging import Key, make_key
from tests.support.cast import Agency
from tests.support.service import Caller, Service

CLIENTS, TOKEN = "/v1/clients", "/v1/token"
SCOPES = ["agencies:read", "assets:create", "assets:read"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = {"content-type": "application/x-www-form-urlencoded"}


class Program(Struct, kw_only=True):
    """A program of an agency, with what it proves who it is by."""

    service: Service
    id: str
    secret: str = ""
    key: Key | None = None

    async def ask(self, **form: str) -> httpx.Response:
        """A request for a token with its secret in the form; `scope=""` leaves nothing out."""
        return await ask(self.service, client_id=self.id, client_secret=self.secret, **form)

    async def ask_by_header(self, **form: str) -> httpx.Response:
        """The same with HTTP Basic."""
        return await ask(self.service, authorization=basic(self.id, self.secret), **form)

    async def caller(self, **form: str) -> Caller:
        """A caller with a fresh token of this program."""
        response = await self.ask(**form) if self.key is None else await self.ask_signed(**form)
        assert response.status_code == 200, response.text
        return Caller(self.service, response.json()["access_token"])

    def claims(self, **changed: object) -> dict[str, object]:
        """Claims of an assertion that is right, but for what is changed; `...` leaves one out."""
        now = int(time.time())
        url = f"{self.service.settings.public_url}{TOKEN}"
        right = {"iss": self.id, "sub": self.id, "aud": url, "iat": now, "exp": now + 60, "jti": str(uuid4())}
        return {name: value for name, value in {**right, **changed}.items() if value is not ...}

    def assertion(self, claims: dict[str, object] | None = None, key: Key | None = None, **header: Any) -> str:
        """An assertion, signed with its own key unless another is given."""
        signing = key or self.key
        assert signing is not None
        fields = {"kid": signing.kid, **header}
        return jwt.encode(claims or self.claims(), signing.private, algorithm=signing.algorithm, headers=fields)

    async def ask_signed(self, assertion: str | None = None, **form: str) -> httpx.Response:
        """A request for a token with an assertion."""
        signed = assertion or self.assertion()
        return await ask(self.service, client_assertion_type=ASSERTION_TYPE, client_assertion=signed, **form)


async def ask(service: Service, *, authorization: str | None = None, **form: str) -> httpx.Response:
    """A request for a token, checked against the contract."""
    fields = {"grant_type": "client_credentials", **form}
    body = urlencode({name: value for name, value in fields.items() if value != "..."})
    headers = FORM if authorization is None else {**FORM, "authorization": authorization}
    return await service.anonymous.send("POST", TOKEN, content=body, headers=headers)


def basic(client_id: str, secret: str) -> str:
    """The Authorization header of RFC 6749, 2.3.1."""
    return "Basic " + base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


async def register(agency: Agency, **changed: Any) -> Program:
    """A program of the agency with a secret."""
    body = {"name": "Dispatch (demo)", "scopes": SCOPES, **changed}
    made = await agency.admin.done("POST", CLIENTS, body)
    return Program(service=agency.service, id=made["id"], secret=made["secret"] or "")


async def register_with_key(agency: Agency, algorithm: str = "ES256", **changed: Any) -> Program:
    """A program of the agency with a key of its own."""
    key = make_key(algorithm, f"key-{uuid4().hex[:8]}")
    keys = {"keys": [key.public_jwk()]}
    program = await register(agency, authentication="private_key_jwt", keys=keys, **changed)
    program.key = key
    return program


def assert_refused(response: httpx.Response, status: int, error: str) -> str:
    """Fail unless it is a refusal in OAuth's words that nobody keeps; its description."""
    assert response.status_code == status, f"{response.status_code} instead of {status}: {response.text}"
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["pragma"] == "no-cache"
    document = response.json()
    assert document["error"] == error, document
    assert document["error_description"].isascii()
    if status == 401:
        assert response.headers["www-authenticate"].startswith("Basic ")
    return str(document["error_description"])
