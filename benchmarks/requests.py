"""What is asked of a target: reads found by walking its lists, and creates numbered so that none clashes."""

import http.client
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from benchmarks.load import Request, Source, loopback_address

OPERATIONS = ("get", "list", "create_asset", "create_loan")
PAGE = 50
FIRST_LOAN = datetime(2031, 1, 1, tzinfo=UTC)
LOAN_LENGTH = timedelta(hours=2)

NumberedBody = Callable[[int], tuple[bytes, bytes]]
"""The n-th body to post, and a marker its answer must hold. It must pickle: a module-level function."""


class Item(Struct):
    id: str
    category: str
    service_status: str


class ItemPage(Struct):
    items: list[Item]
    next_cursor: str | None


class Cycle(Struct, frozen=True):
    """The same requests over and over."""

    requests: tuple[Request, ...]

    def request(self, n: int) -> Request:
        return self.requests[n % len(self.requests)]


class Creates(Struct, frozen=True):
    """POSTs that each create something new, sent with an Idempotency-Key as a careful client does."""

    path: str
    token: str
    body: NumberedBody

    def request(self, n: int) -> Request:
        body, marker = self.body(n)
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n"
            f"Idempotency-Key: benchmark-{n}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return Request(head.encode() + body, 201, marker)


def get(path: str, token: str, marker: str, times: int = 1) -> Request:
    """A GET that is answered 200 with `marker` in it `times`."""
    head = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n\r\n"
    )
    return Request(head.encode(), 200, marker.encode(), times)


def ask(base_url: str, request: Request) -> bytes:
    """The body of one right answer. Raises ValueError for a wrong one."""
    host, port = loopback_address(base_url)
    head, _, body = request.wire.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    method, path, _version = first.split(" ")
    connection = http.client.HTTPConnection(host, port, timeout=30)
    connection.request(method, path, body or None, dict(field.split(": ", 1) for field in fields))
    answer = connection.getresponse()
    given = answer.read()
    connection.close()
    if answer.status != request.status or given.count(request.marker) < request.times:
        raise ValueError(f"{method} {path} answered {answer.status}: {given[:300]!r}")
    return given


def new_asset(n: int) -> tuple[bytes, bytes]:
    """The yardstick's body for an asset."""
    tag = f"N-{n:09d}"
    body = {
        "category": "k9_narcotics",
        "name": f"Narcotics detection team {n}",
        "description": f"Handler and dog, certified to the state standard; staged at substation {n % 97}.",
        "tag": tag,
        "type_level": 1 + n % 4,
        "capacity": 1,
        "sharing": "network",
        "latitude": 30.25,
        "longitude": -97.75,
        "hourly_rate_minor": 12_500,
        "currency": "USD",
    }
    return msgspec.json.encode(body), tag.encode()


def loan_window(n: int, assets: Sequence[str]) -> tuple[str, datetime, datetime]:
    """Asset and window of the n-th loan: every asset once in a window, then all in the next; none overlap."""
    window, index = divmod(n, len(assets))
    starts_at = FIRST_LOAN + window * LOAN_LENGTH
    return assets[index], starts_at, starts_at + LOAN_LENGTH


def new_loan(decisions: Sequence[str], n: int) -> tuple[bytes, bytes]:
    """The n-th reservation: on a decision of its own. One beyond the decisions is refused, and counted as wrong."""
    return msgspec.json.encode({"decision_id": decisions[n % len(decisions)]}), b'"reserved"'


def walk(base_url: str, token: str, categories: Sequence[str], pages: int) -> tuple[Cycle, list[str]]:
    """Requests for up to `pages` full pages of each category in service, and the ids in them, both shuffled.

    Raises ValueError when an answer holds another category or state, or when no category fills a page.
    """
    found: list[Request] = []
    ids: list[str] = []
    for category in categories:
        cursor = ""
        for _ in range(pages):
            path = f"/v1/assets?category={category}&service_status=in_service&limit={PAGE}{cursor}"
            request = get(path, token, f'"category":"{category}"', 1)
            page = msgspec.json.decode(ask(base_url, request), type=ItemPage)
            if any(item.category != category or item.service_status != "in_service" for item in page.items):
                raise ValueError(f"{path} answered with what was not asked for")
            if len(page.items) < PAGE:
                break
            found.append(msgspec.structs.replace(request, times=PAGE))
            ids.extend(item.id for item in page.items)
            if page.next_cursor is None:
                break
            cursor = f"&cursor={page.next_cursor}"
    if not found:
        raise ValueError(f"no category holds a page of {PAGE}: seed more assets")
    order = random.Random(7)
    order.shuffle(found)
    order.shuffle(ids)
    return Cycle(tuple(found)), ids


def sources(
    base_url: str,
    token: str,
    categories: Sequence[str],
    asset_body: NumberedBody,
    loan_body: NumberedBody,
    pages: int = 4,
) -> dict[str, Source]:
    """A source for each operation of a running target that already holds assets in `categories`."""
    lists, ids = walk(base_url, token, categories, pages)
    return {
        "get": Cycle(tuple(get(f"/v1/assets/{id_}", token, id_) for id_ in ids)),
        "list": lists,
        "create_asset": Creates("/v1/assets", token, asset_body),
        "create_loan": Creates("/v1/loans", token, loan_body),
    }
