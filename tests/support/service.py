"""The service under test, and callers of it."""

import asyncio
import re
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

import httpx
import msgspec

from registry.platform.access.development import development_token
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Role
from registry.platform.database.connect import Database
from registry.platform.http.edge import Edge
from registry.platform.kernel.time import utc_now
from registry.platform.settings import Settings
from tests.support.contract import Contract

_OF_A_TEXT = re.compile(
    r"(/v1/agreements/[0-9a-f-]{36})/(?:submit|send-back|approve|send-for-signature|withdraw|activate-verbally)\Z"
)
"""Acts on a text, which name it. Tests of the naming itself give `version_no`; others read the text first."""

_OF_WHAT_WAS_READ = re.compile(r"(/v1/requests/[0-9a-f-]{36})/approve\Z")
"""Approvals, which name the words that were read. Tests of the naming itself give `if_match`, others read first."""


def leaving(app: Any) -> Any:
    """The application, for a client that leaves a stream once it has its first part: others read to its end."""

    async def run(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/v1/events/stream":
            await app(scope, receive, send)
            return
        began, asked = asyncio.Event(), False

        async def gone() -> Any:
            nonlocal asked
            if asked:
                await began.wait()
                return {"type": "http.disconnect"}
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}

        async def sent(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.body":
                began.set()

        await app(scope, gone, sent)

    return run


class Caller:
    """One person or service of one agency. Validates every response against the contract."""

    def __init__(self, service: "Service", token: str | None) -> None:
        self._service = service
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self.token = token

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send one request; returns the validated response."""
        headers = {**self._headers, **options.pop("headers", {})}
        request = self._service.http.build_request(method, path, headers=headers, **options)
        response = await self._service.answer(request)
        self._service.contract.check(response)
        return response

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """GET."""
        return await self.send("GET", path, **options)

    async def post(
        self, path: str, body: object = None, *, key: str | None = None, if_match: str | None = None
    ) -> httpx.Response:
        """POST a JSON body, with an idempotency key and a precondition where given."""
        headers = {"idempotency-key": key} if key else {}
        if if_match is None and (read := _OF_WHAT_WAS_READ.match(path)):
            if_match = (await self.get(read[1])).headers.get("etag", '"1-00000000"')
        if if_match:
            headers["if-match"] = if_match
        sent = {} if body is None else body
        if (named := _OF_A_TEXT.match(path)) and isinstance(sent, dict) and "version_no" not in sent:
            sent = {**sent, "version_no": await self._text_read(named[1])}
        return await self.send("POST", path, json=sent, headers=headers)

    async def _text_read(self, agreement: str) -> int:
        """The number of the text on its way, as this caller reads it just before acting on it; 1 where it may not."""
        response = await self.get(agreement)
        if not response.is_success:
            return 1
        found = response.json()
        number: int = (found["amendment"] or found)["version_no"]
        return number

    async def patch(self, path: str, body: object, *, if_match: str | None = None) -> httpx.Response:
        """PATCH as a merge patch."""
        headers = {"content-type": "application/merge-patch+json"}
        if if_match:
            headers["if-match"] = if_match
        return await self.send("PATCH", path, content=msgspec.json.encode(body), headers=headers)

    async def delete(self, path: str, *, if_match: str | None = None) -> httpx.Response:
        """DELETE."""
        return await self.send("DELETE", path, headers={"if-match": if_match} if if_match else {})

    async def done(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        """The JSON answer of a request that must succeed."""
        if method == "GET":
            response = await self.get(path, **options)
        elif method == "POST":
            response = await self.post(path, body, **options)
        else:
            response = await self.patch(path, body, **options)
        assert response.is_success, f"{method} {path} → {response.status_code}: {response.text}"
        return response.json()


TOKEN_LIFE = timedelta(hours=1)


class Service:
    """A running application over one database, without a socket."""

    _contract: ClassVar[Contract | None] = None

    def __init__(self, edge: Edge, settings: Settings, http: httpx.AsyncClient) -> None:
        self.edge = edge
        self.settings = settings
        self.http = http
        self._transport = httpx.ASGITransport(app=leaving(edge), raise_app_exceptions=False)
        self._tokens: dict[tuple[object, ...], tuple[datetime, str]] = {}

    @property
    def contract(self) -> Contract:
        """What is promised: the same under all settings, and written once a process, which takes half a second."""
        if Service._contract is None:
            Service._contract = Contract(msgspec.json.decode(self.edge.app.state.contract.text))
        return Service._contract

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """The whole response, without cookies and redirects, which took a sixth of a client's time."""
        response = await self._transport.handle_async_request(request)
        response.request = request
        await response.aread()
        return response

    @property
    def database(self) -> Database:
        """The application's own database."""
        database: Database = self.edge.app.state.database
        return database

    def caller(self, agency_id: UUID | str, *roles: Role, subject: str | None = None, scope: str = "*") -> Caller:
        """A caller of an agency with these roles. Its token is signed once, and again when the clock has moved far."""
        agency, now = UUID(str(agency_id)), utc_now()
        subject = subject or f"{'-'.join(roles) or 'nobody'}@{str(agency)[-6:]}"
        asked = (agency, roles, subject, scope)
        signed_at, token = self._tokens.get(asked, (None, ""))
        if signed_at is None or not timedelta(0) <= now - signed_at < TOKEN_LIFE / 2:
            token = development_token(
                self.settings,
                agency_id=agency,
                roles=list(roles),
                subject=subject,
                now=now,
                scope=scope,
                life_seconds=int(TOKEN_LIFE.total_seconds()),
            )
            self._tokens[asked] = (now, token)
        return Caller(self, token)

    @property
    def anonymous(self) -> Caller:
        """A caller without a token."""
        return Caller(self, None)

    @property
    def operator(self) -> Caller:
        """The registry's administrator."""
        return self.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="operator")
