"""A server as a process: what it writes to its log, and how it stops."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import msgspec
import pytest

from registry.platform.logging import traceback_of
from tests.platform.http.hostile import LIST, request
from tests.support.sabotage import another_process_writes, change_schema
from tests.support.server import LiveServer, server_process
from tests.support.wire import RawAnswer, exchange

SECRET = "Canary 4711 Boulevard"


def create(server: LiveServer, name: str = SECRET) -> RawAnswer:
    body = msgspec.json.encode({"name": name, "kind": "city", "level": "local", "phone": "+1 555 0147"})
    raw = request(b"POST", LIST, None, body, authorization=b"Bearer " + server.token().encode())
    return exchange(server.port, raw, timeout=60)


@pytest.mark.one_database
async def test_the_log_holds_neither_tokens_nor_bodies(private_url: str, tmp_path: Path) -> None:
    """Not for an answer, not for a refusal, and not for a fault, whose traceback would quote the parameters."""
    log = tmp_path / "log"
    with server_process(private_url, tmp_path, log=log, REGISTRY_LOG_LEVEL="debug") as server:
        token = server.token()
        made = create(server)
        assert made.status == 201
        agency_id = str(made.json()["id"])  # type: ignore[index]  # an agency
        bearer = b"Bearer " + token.encode()
        for raw, status in (
            (request(target=f"/v1/agencies/{agency_id}".encode(), authorization=bearer), 200),
            (request(target=LIST + b"?q=Canary", authorization=bearer), 200),
            (request(authorization=bearer + b"x"), 401),
            (request(b"POST", LIST, None, b'{"Canary": 1}', authorization=bearer), 400),
        ):
            assert exchange(server.port, raw).status == status
        await refuse_agencies(private_url)
        assert create(server).status == 500
        assert server.process is not None
        server.process.terminate()  # so that its last lines are written
        server.process.wait(60)
    written = log.read_text()
    lines = [msgspec.json.decode(line) for line in written.splitlines()]
    answered = [line for line in lines if line["event"] == "answered"]
    assert [line["status"] for line in answered] == [201, 200, 200, 401, 400, 500]
    assert [line["ids"] for line in answered] == [{}, {"agency_id": agency_id}, {}, {}, {}, {}], "who read what"
    claims = jwt.decode(token, options={"verify_signature": False})
    for line in answered:
        known = (claims["iss"], claims["sub"], claims["agency"]) if line["status"] != 401 else (None, None, None)
        assert (line["issuer"], line["subject"], line["agency"]) == known
        assert (line["token_id"] is None) == (line["status"] == 401)
    assert any(line["event"] == "unhandled" for line in lines), "a fault must be told in full"
    assert "Canary" not in written
    assert "555 0147" not in written
    assert token.split(".")[1] not in written


def test_a_traceback_leaves_out_what_a_database_quotes_of_the_row() -> None:
    driver = ValueError("new row violates check constraint\nDETAIL:  Failing row contains (Canary).")
    wrapped = RuntimeError("IntegrityError\n[SQL: INSERT …]\n[parameters: ('Canary',)]")
    wrapped.__cause__ = driver
    driver.__cause__ = driver  # as `raise error from error` leaves it
    text = traceback_of((RuntimeError, wrapped, None))
    assert text.splitlines() == [
        "RuntimeError: IntegrityError",
        "caused by",
        "ValueError: new row violates check constraint",
    ]


async def refuse_agencies(url: str) -> None:
    """From now on each new agency breaks a rule that the service does not know: a fault of ours."""
    if url.startswith("sqlite"):
        broken = "CREATE TRIGGER refuse BEFORE INSERT ON agency BEGIN SELECT RAISE(ABORT, 'no more'); END"
        await change_schema(url, broken)
    else:
        await change_schema(url, "ALTER TABLE agency ADD CONSTRAINT refuse CHECK (version > 1) NOT VALID")


@pytest.mark.second_long
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_server_told_to_stop_finishes_what_it_has_begun(private_url: str, tmp_path: Path, by: signal.Signals) -> None:
    with server_process(private_url, tmp_path) as server, ThreadPoolExecutor(1) as pool:
        assert server.process is not None
        with another_process_writes(private_url) as holder:
            waiting = pool.submit(create, server)
            time.sleep(0.7)
            server.process.send_signal(by)
            time.sleep(0.5)
            assert server.process.poll() is None, "it left a request behind"
            holder.let_go()
            assert waiting.result().status == 201
        assert server.process.wait(60) in (0, -by)


@pytest.mark.second_long
def test_a_server_that_is_killed_has_kept_what_it_acknowledged(private_url: str, tmp_path: Path) -> None:
    with server_process(private_url, tmp_path) as server:
        assert server.process is not None
        assert create(server, "Kept Police").status == 201
        server.process.kill()
        server.process.wait(60)
    with server_process(private_url, tmp_path) as server:
        bearer = b"Bearer " + server.token().encode()
        found = exchange(server.port, request(target=LIST + b"?q=kept+police", authorization=bearer))
        assert len(msgspec.json.decode(found.body)["items"]) == 1
