"""Fetches a small document of somebody else: bounded in size and time, without following redirects.

Where the operator names the address, it is asked as it stands. Where an agency names it, the registry must not become a
way into the network that it runs in: then only addresses of the public internet are asked, as they are when the
connection is made, and no proxy, since a proxy would look the name up again.
"""

import email.utils
import math
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from email.message import Message
from functools import partial
from http.client import HTTPConnection, HTTPSConnection
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Timer
from typing import Any, TypeAlias
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from registry.platform.issuers import is_secure
from registry.platform.kernel.time import utc_now

FETCH_SECONDS = 10.0
_STEP_SECONDS = 5.0
_SIZE_LIMIT = 65_536
_READ_AT_ONCE = 8_192
_MOST_ADDRESSES = 2
_NAT64 = ip_network("64:ff9b::/96")
_GIVEN_OUT = ip_network("2000::/3")  # all that IANA has given out of IPv6 for the public internet
_FOR_PROTOCOLS = ip_network("192.0.0.0/24")  # RFC 6890; some versions of Python call a part of it global
_HOST_SERVICE = ip_address("168.63.129.16")  # public by its number, and the machine's own host at a cloud provider
_TUNNELS = (ip_network("2002::/16"), ip_network("2001::/32"))  # 6to4 and Teredo, to whatever address of IPv4
_Address: TypeAlias = IPv4Address | IPv6Address


class OutOfReachError(OSError):
    """No address of the host may be asked."""


class Reach:
    """Which hosts may be asked where an agency names them: those of the public internet, and of these networks."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(map(ip_network, networks))

    def allows(self, address: str) -> bool:
        """Whether that address may be asked."""
        found = _plain(ip_address(address.partition("%")[0]))
        return _is_public(found) or self._is_named(found)

    def allows_url(self, url: str) -> bool:
        """Whether the URL is https, or http on this machine where its network is one of those that are named."""
        here = any(self._is_named(ip_address(each)) for each in ("127.0.0.1", "::1"))
        return is_secure(url) and (here or urlsplit(url).scheme == "https")

    def _is_named(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def _is_public(address: _Address) -> bool:
    # `is_global` alone is true of IPv6 that stands for an address of IPv4 in old or local ways, and of site-local ones.
    given_out = address in _GIVEN_OUT if address.version == 6 else address not in _FOR_PROTOCOLS
    given_out = given_out and address != _HOST_SERVICE
    tunnelled = any(address in tunnel for tunnel in _TUNNELS)
    return given_out and address.is_global and not address.is_multicast and not tunnelled


def _plain(address: _Address) -> _Address:
    """The address, or that of IPv4 for which it stands."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def body_at(url: str, reach: Reach | None = None, on_clock: Callable[[float], None] | None = None) -> bytes:
    """The body at the address, of at most 64 KiB, within `FETCH_SECONDS`. Where an agency names it, within its `reach`.

    `on_clock` hears by how many seconds this machine's time is ahead of theirs, as far as is sure, where they say it.
    Raises ValueError for one that is too large, OSError and HTTPException for what goes wrong on the way.
    """
    deadline = _Deadline(time.monotonic() + FETCH_SECONDS)
    request = Request(url, headers={"Accept": "application/json"})  # noqa: S310  # whoever calls has checked the scheme
    opener = build_opener(_NoRedirects) if reach is None else _within(reach, deadline)
    body, asked = b"", utc_now()
    try:
        with opener.open(request, timeout=_STEP_SECONDS) as answer:
            if on_clock is not None and (ahead := _ahead(answer.headers, asked)) is not None:
                on_clock(ahead)
            while piece := answer.read1(_READ_AT_ONCE):
                body += piece
                if len(body) > _SIZE_LIMIT:
                    raise ValueError("larger than 64 KiB")
                deadline.left()
        deadline.left()  # or it may have been cut off
    except HTTPError as refused:
        refused.close()
        raise
    finally:
        deadline.lift()
    return body


def _ahead(headers: Message, asked: datetime) -> float | None:
    """By the `Date` of an answer, in whole seconds, and the `Age` that a cache in between adds (RFC 9110, 9111)."""
    answered = utc_now()
    try:
        theirs = email.utils.parsedate_to_datetime(str(headers["Date"])) + timedelta(seconds=int(headers["Age"] or 0))
        unsure = ((answered - asked).total_seconds() + 1) / 2
        ahead = (asked - theirs).total_seconds() + unsure - 1
    except (TypeError, ValueError, OverflowError):  # it says none, or one without a zone
        return None
    return math.copysign(max(0.0, abs(ahead) - unsure), ahead)


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_named: object) -> None:
        """Refuses redirects: a document comes from the address that was named only."""


class _Deadline:
    """Ends connections in time, however slowly the other side sends."""

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self._watches: list[Timer] = []

    def left(self) -> float:
        """The seconds that are left. Raises TimeoutError."""
        if (left := self.ends_at - time.monotonic()) <= 0:
            raise TimeoutError("the answer did not come to an end")
        return left

    def watch(self, connected: socket.socket) -> None:
        """End what goes over that connection when the time is over."""
        watch = Timer(self.left(), _cut, (connected,))
        watch.daemon = True
        watch.start()
        self._watches.append(watch)

    def lift(self) -> None:
        """Everything has been read."""
        for watch in self._watches:
            watch.cancel()


def _cut(connected: socket.socket) -> None:
    with suppress(OSError):  # it has been closed meanwhile
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _within(reach: Reach, deadline: _Deadline) -> OpenerDirector:
    class OverHttp(HTTPHandler):
        def http_open(self, request: Request) -> Any:
            return self.do_open(partial(_Http, reach=reach, deadline=deadline), request)

    class OverHttps(HTTPSHandler):
        def https_open(self, request: Request) -> Any:
            return self.do_open(partial(_Https, reach=reach, deadline=deadline), request)

    return build_opener(ProxyHandler({}), OverHttp, OverHttps, _NoRedirects)


class _Http(HTTPConnection):
    def __init__(self, host: str, *, reach: Reach, deadline: _Deadline, **named: Any) -> None:
        super().__init__(host, **named)
        self._within = (reach, deadline)

    def connect(self) -> None:
        """Connect to an address within reach."""
        self.sock = _connected(self.host, self.port, *self._within)
        self._within[1].watch(self.sock)


class _Https(HTTPSConnection):
    def __init__(self, host: str, *, reach: Reach, deadline: _Deadline, **named: Any) -> None:
        super().__init__(host, **named)
        self._within = (reach, deadline)

    def connect(self) -> None:
        """Connect to an address within reach; the certificate has to be the host's, as anywhere."""
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        plain = _connected(self.host, self.port, *self._within)
        secured = context.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock = secured
        self._within[1].watch(secured)  # before the handshake, which may be slow as well
        secured.do_handshake()


def _connected(host: str, port: int, reach: Reach, deadline: _Deadline) -> socket.socket:
    """A connection to one of the host's addresses. What is asked is what was checked: the name is looked up once."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    allowed = [each for each in found if reach.allows(str(each[4][0]))]
    trouble: OSError = OutOfReachError(f"no address of {host[:100]} may be asked")
    for family, kind, protocol, _, address in allowed[:_MOST_ADDRESSES]:
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(min(_STEP_SECONDS, deadline.left()))
            made.connect(address)
        except OSError as error:
            made.close()
            trouble = error
        else:
            return made
    raise trouble
