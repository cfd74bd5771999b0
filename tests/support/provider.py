"""A real OpenID Connect provider on the loopback interface: discovery, a key set, the code flow, signed tokens."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import werkzeug.serving
from msgspec import Struct

from tests.support.server import free_port

CLIENT = "registry-client"
_BACK = "https://client.example/back"


class Provider(Struct, kw_only=True, frozen=True):
    """A provider that runs at `issuer`. Its key is made at its start and lost at its end."""

    issuer: str

    def token(self, subject: str, client: str = CLIENT) -> str:
        """A token that the provider signed for a person who signed in there, with the claims that it has of them."""
        with httpx.Client(base_url=self.issuer, verify=False) as browser:
            asked = {"client_id": client, "redirect_uri": _BACK, "response_type": "code", "scope": "openid profile"}
            back = browser.post("/oauth2/authorize", params=asked, data={"sub": subject})
            (code,) = parse_qs(urlsplit(back.headers["location"]).query)["code"]
            answer = browser.post(
                "/oauth2/token",
                data={"grant_type": "authorization_code", "code": code, "redirect_uri": _BACK},
                auth=(client, "any"),
            )
            token: str = answer.raise_for_status().json()["id_token"]
            return token


@contextmanager
def running_provider(people: Mapping[str, Mapping[str, Any]], port: int = 0) -> Iterator[Provider]:
    """A provider that knows these people, each with the claims that their tokens carry. The port is a free one."""
    port = port or free_port()
    users = [oidc_provider_mock.User(sub=subject, claims=dict(claims)) for subject, claims in people.items()]
    server = werkzeug.serving.make_server(
        "127.0.0.1", port, oidc_provider_mock.app(user_claims=users), threaded=True, request_handler=_Quiet
    )
    with _serving(server):
        yield Provider(issuer=f"http://127.0.0.1:{port}")


class _Quiet(werkzeug.serving.WSGIRequestHandler):
    def log(self, *_args: object) -> None:
        """Silence."""


@contextmanager
def _serving(server: werkzeug.serving.BaseWSGIServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
