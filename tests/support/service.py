"""The service under test, and callers of it."""

from typing import Any
from uuid import UUID

import httpx
import msgspec

from registry.access.development import development_token
from registry.access.principals import OPERATOR_AGENCY_ID, Role
from registry.database.connect import Database
from registry.http.edge import Edge
from registry.kernel.time import utc_now
from registry.settings import Settings
from tests.support.contract import Contract


class Caller:
    """One person or service of one agency. Sends what it is told and checks every answer against the contract."""

    def __init__(self, service: "Service", token: str | None) -> None:
        self._service = service
        self._headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self.token = token

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request; the answer, already held against the contract."""
        headers = {**self._headers, **options.pop("headers", {})}
        response = await self._service.http.request(method, path, headers=headers, **options)
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
        if if_match:
            headers["if-match"] = if_match
        return await self.send("POST", path, json={} if body is None else body, headers=headers)

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


class Service:
    """A running application over one database, without a socket."""

    def __init__(self, edge: Edge, settings: Settings, http: httpx.AsyncClient) -> None:
        self.edge = edge
        self.settings = settings
        self.http = http
        self.contract = Contract(msgspec.json.decode(edge.app.state.contract))

    @property
    def database(self) -> Database:
        """The application's own database."""
        database: Database = self.edge.app.state.database
        return database

    def caller(self, agency_id: UUID | str, *roles: Role, subject: str | None = None, scope: str = "*") -> Caller:
        """A caller of an agency with these roles."""
        agency = UUID(str(agency_id))
        token = development_token(
            self.settings,
            agency_id=agency,
            roles=list(roles),
            subject=subject or f"{'-'.join(roles) or 'nobody'}@{str(agency)[-6:]}",
            now=utc_now(),
            scope=scope,
            life_seconds=3600,
        )
        return Caller(self, token)

    @property
    def anonymous(self) -> Caller:
        """A caller without a token."""
        return Caller(self, None)

    @property
    def operator(self) -> Caller:
        """The registry's administrator."""
        return self.caller(OPERATOR_AGENCY_ID, Role.REGISTRY_ADMIN, subject="operator")
