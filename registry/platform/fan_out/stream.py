"""A connection to the operator's NATS server, over which messages are stored in one of its JetStream streams.

The client is the package `nats-py`, pinned in `requirements-nats.lock`; without it there is no fan-out.
"""

import asyncio
import ssl
from importlib.util import find_spec
from typing import Any, Final

from registry.platform.settings import NatsServer

SECONDS: Final = 5.0
"""For connecting, and for each acknowledgement."""
_WRONG_STREAM: Final = 10060
"""JetStream's own number for: the subject is taken by another stream than the one that was expected."""


def is_installed() -> bool:
    """Whether the client is there."""
    return find_spec("nats") is not None


class NotStoredError(Exception):
    """A message was not acknowledged; the words say why and name neither address nor password."""


class Stream:
    """Stores messages in the stream, one after the other. Connects when there is something to store, and again."""

    def __init__(self, server: NatsServer) -> None:
        self._server = server
        self._client: Any = None

    async def connect(self) -> None:
        """Connect, unless there is a connection. Raises NotStoredError."""
        if self._client is not None and self._client.is_connected:
            return
        import nats  # an optional package

        await self.close()
        more: dict[str, Any] = {}
        if self._server.urls[0].startswith("tls:"):
            more["tls"] = await asyncio.to_thread(ssl.create_default_context, cafile=self._server.ca_file or None)
        if self._server.user:
            more |= {"user": self._server.user, "password": self._server.password}
        try:
            async with asyncio.timeout(2 * SECONDS):
                self._client = await nats.connect(
                    list(self._server.urls),
                    name="registry",
                    allow_reconnect=False,
                    connect_timeout=int(SECONDS),
                    error_cb=_say_nothing,
                    **more,
                )
        except Exception as error:  # the client lets through what its sockets and TLS raise
            raise NotStoredError(_words(error)) from error

    async def store(self, subject: str, message_id: str, content_type: str, body: bytes) -> None:
        """Return once the stream has stored the message, or has it under that id. Raises NotStoredError."""
        await self.connect()
        headers = {"Nats-Msg-Id": message_id, "Content-Type": content_type}
        try:
            async with asyncio.timeout(2 * SECONDS):
                await self._client.jetstream().publish(
                    subject, body, timeout=SECONDS, stream=self._server.stream, headers=headers
                )
        except Exception as error:
            await self.close()
            raise NotStoredError(_words(error)) from error

    async def close(self) -> None:
        """End the connection, if there is one."""
        client, self._client = self._client, None
        if client is not None:
            try:
                async with asyncio.timeout(SECONDS):
                    await client.close()
            except (OSError, TimeoutError):
                return  # it is gone already


async def _say_nothing(_error: Exception) -> None:
    """The client logs what it meets by itself; what matters is raised where it is asked for."""


def _words(error: BaseException) -> str:
    """What went wrong, in words for the operator."""
    from nats import errors
    from nats.js import errors as of_streams

    if isinstance(error, of_streams.NoStreamResponseError):
        return "no stream of the server takes the subject: make one, or enable JetStream"
    if isinstance(error, of_streams.APIError):
        if error.err_code == _WRONG_STREAM:
            return "the subject is taken by another stream than REGISTRY_NATS_STREAM names"
        return f"the stream refuses the message: {error.description}"
    if isinstance(error, errors.AuthorizationError) or "authorization" in str(error).lower():
        return "the server refuses REGISTRY_NATS_USER, or wants one"
    if isinstance(error, ssl.SSLError):
        return "there is no secure connection: is its certificate trusted (REGISTRY_NATS_CA_FILE)"
    if isinstance(error, OSError | errors.NoServersError | errors.ConnectionClosedError):
        return "the server is out of reach"
    if isinstance(error, TimeoutError):
        return "the server does not acknowledge in time"
    return f"the client failed: {type(error).__name__}"
