"""Bodies as a broken or hostile client sends them: what the contract shows as an example, damaged in every way.

None is a fault of the service, whatever it holds, and the process does not grow by them. A million in full.
"""

import http.client
import json
import random
import re
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from registry.platform.access.principals import Role
from tests.support.length import at_length
from tests.support.places import ROOT
from tests.support.server import LiveServer, server_process

BODIES = at_length(1_500, 10_000, 1_000_000)
CLIENTS = 4
GROWTH_MIB = 48
MOST_BYTES = 4 * 2**20
"""Several times what is taken. Of what is far larger the service reads the rest for a while, and then closes."""
ROLES = [role for role in Role if role is not Role.SERVICE]
SOMEWHERE = "0198a000-0000-7000-8000-000000000000"
VALUES: Sequence[Any] = (
    *(None, True, False, 0, -1, 2**31, 2**63, 2**64, -(2**63) - 1, 10**400, 0.1, -0.0, 1e308, 5e-324),
    *("", " ", "\x00", "\ud800", "\u202e", "\ufeff", "a" * 70_000, "🚓" * 300, "../../etc", "%00", "' OR 1=1 --"),
    *("9999-12-31", "0000-00-00", "2027-02-29", "2027-01-01T24:00:00Z", "Infinity", "NaN", SOMEWHERE),
    *([], {}, [[]] * 3, {"": {}}, [None] * 2_000),
)


class Operation(Struct, frozen=True):
    """A change that takes a JSON body, and an example of one."""

    method: str
    path: str
    example: Any


def operations() -> list[Operation]:
    """Those of the contract, each path with ids that nothing has."""
    found = []
    contract = json.loads((ROOT / "openapi" / "registry.json").read_text())
    for path, item in contract["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}) if isinstance(operation, dict) else {}
            media = content.get("application/json") or content.get("application/merge-patch+json")
            if media is None:
                continue
            examples = [each["value"] for each in media.get("examples", {}).values()] or [media["example"]]
            where = re.sub(r"\{[^}]+\}", SOMEWHERE, path)
            found += [Operation(method.upper(), where, each) for each in examples]
    return found


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each container within the value with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *places(value[key]))]


def damaged(example: Any, draw: random.Random) -> bytes:
    """The example with one to three of its values, names or bytes changed."""
    body = json.loads(json.dumps(example))
    for _ in range(draw.randint(0, 3)):
        if not (found := places(body)):
            break
        holder, key = draw.choice(found)
        match draw.randrange(4):
            case 0 if isinstance(holder, dict):
                holder[draw.choice(["", "id", "version", "x" * 300, key + "_", "__proto__"])] = holder.pop(key)
            case 1:
                del holder[key]
            case 2 if isinstance(holder, list):
                holder += holder[:3] * draw.choice([1, 500])
            case _:
                holder[key] = deepcopy(draw.choice(VALUES))
    sent = bytearray(json.dumps(body, ensure_ascii=True).encode())
    for _ in range(draw.choice([0, 0, 1, 5])):
        at = draw.randrange(len(sent) + 1)
        match draw.randrange(4):
            case 0:
                del sent[at : at + draw.randint(1, 40)]
            case 1:
                sent[at:at] = draw.randbytes(draw.randint(1, 8))
            case 2:
                sent[at:at] = draw.choice(
                    [b"[" * 500, b'{"a":' * 200, b"\\u0000", b"\xff\xfe", b"1e99999", b",,", b"/**/"]
                )
            case _:
                sent[at : at + 1] = draw.randbytes(1)
    return bytes(sent[:MOST_BYTES])


class Client(threading.Thread):
    """Sends its share of damaged bodies, and keeps the answers that are faults."""

    def __init__(self, server: LiveServer, seed: int, count: int) -> None:
        super().__init__(daemon=True)
        self._server, self._draw, self._count = server, random.Random(seed), count
        self.statuses: Counter[int] = Counter()
        self.faults: list[str] = []

    def run(self) -> None:
        """Send them one after another."""
        known = operations()
        headers = {"Authorization": f"Bearer {self._server.token(*ROLES)}", "If-Match": '"1"'}
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        for number in range(self._count):
            operation = self._draw.choice(known)
            body = damaged(operation.example, self._draw)
            kind = "application/merge-patch+json" if operation.method == "PATCH" else "application/json"
            key = {"Idempotency-Key": f"{self.name}-{number}", "Content-Type": kind}
            try:
                connection.request(operation.method, operation.path, body, headers | key)
                answer = connection.getresponse()
                said = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.faults.append(f"{operation.method} {operation.path} {body[:300]!r}: {error!r}")
                connection.close()
                continue
            self.statuses[answer.status] += 1
            if answer.status >= 500:
                self.faults.append(f"{operation.method} {operation.path} {body[:300]!r}: {said[:300]!r}")
        connection.close()


def send(server: LiveServer, seed: int, count: int) -> Counter[int]:
    """Send so many damaged bodies, from several clients; what statuses they were answered."""
    clients = [Client(server, seed * CLIENTS + n, count // CLIENTS) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    faults = [fault for client in clients for fault in client.faults]
    assert not faults, f"{len(faults)} faults, the first: {faults[:3]}"
    return sum((client.statuses for client in clients), Counter())


def resident_mib(pid: int) -> float:
    """What the process holds in memory; nothing where the system does not tell."""
    if sys.platform != "linux":
        return 0.0
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


@pytest.mark.grows
@pytest.mark.second_long
@pytest.mark.xdist_group("torture")
def test_no_damaged_body_is_a_fault_nor_makes_the_process_grow(private_url: str, tmp_path: Path) -> None:
    with server_process(private_url, tmp_path) as server:
        process = server.process
        assert process is not None
        heard = send(server, 1, BODIES // 2)  # caches are full by then
        before = resident_mib(process.pid)
        heard += send(server, 2, BODIES // 2)
        assert resident_mib(process.pid) - before <= GROWTH_MIB
        assert heard.keys() >= {400, 404, 422}, heard
