"""A log that cannot be written, or that nobody reads, harms no answer; what is lost is counted and told."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from registry.platform import logging as logging_module
from registry.platform.logging import LOST, LogWriter
from tests.platform.http.hostile import LIST, request
from tests.support.server import server_process
from tests.support.wire import exchange

Pipe = tuple[int, int]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """The ends for reading and for writing."""
    ends = os.pipe()
    os.set_blocking(ends[0], False)
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue  # the test closed it


def until(true: Callable[[], bool]) -> None:
    for _ in range(1000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it did not come about")


def read_all(end: int) -> bytes:
    found = b""
    try:
        while piece := os.read(end, 1 << 20):
            found += piece
    except BlockingIOError:
        return found
    return found


def test_lines_are_written_in_order_and_flushed(pipe: Pipe) -> None:
    writer = LogWriter(pipe[1])
    for number in range(500):
        writer.info(b"%d" % number)
    writer.flush()
    assert read_all(pipe[0]).splitlines() == [b"%d" % number for number in range(500)]
    assert (writer.lost, writer.check()) == (0, "ok")


def test_while_nobody_reads_nobody_waits_and_what_was_lost_is_told_once_somebody_does(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging_module, "STALLED_SECONDS", 0.05)
    writer, line = LogWriter(pipe[1], most_bytes=200_000), b"x" * 999
    began = time.monotonic()
    for _ in range(400):
        writer.msg(line)
    assert time.monotonic() - began < 5
    lost = writer.lost
    assert 0 < lost < 400
    until(lambda: writer.check().startswith("nobody takes the lines from standard output"))
    seen = b""

    def taken() -> bool:
        nonlocal seen
        seen += read_all(pipe[0])
        return seen.count(line) == 400 - lost

    until(taken)
    writer.msg(b"again")
    writer.flush()
    seen += read_all(pipe[0])
    (told,) = (each for each in seen.splitlines() if each not in (line, b"again"))
    assert msgspec.json.decode(told).items() >= {"event": LOST, "lines": lost, "level": "error"}.items()
    assert (seen.splitlines()[-1], writer.check(), writer.lost) == (b"again", "ok", lost)


def test_a_reader_that_died_and_a_full_disk_are_counted(pipe: Pipe) -> None:
    os.close(pipe[0])
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123  # a descriptor is what is needed
        for descriptor, words in ((pipe[1], "Broken pipe"), (full.fileno(), "No space left on device")):
            writer = LogWriter(descriptor)
            for _ in range(3):
                writer.error(b"a line")
            until(lambda writer=writer: writer.lost == 3)  # type: ignore[misc]  # bound now
            assert writer.check() == f"lines cannot be written and are lost: {words}"


@pytest.mark.one_database
@pytest.mark.parametrize("log", ["/dev/full", "stalled"])
def test_the_service_answers_whatever_becomes_of_its_log(private_url: str, tmp_path: Path, log: str) -> None:
    path, reader = Path(log), -1
    if log == "stalled":
        path = tmp_path / "pipe"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with server_process(private_url, tmp_path, log=path, REGISTRY_LOG_LEVEL="info") as server:
            for _ in range(250):  # more than a pipe holds
                assert exchange(server.port, request(target=LIST + b"?q=nobody")).status == 401
            assert exchange(server.port, b"nonsense\r\n\r\n").status == 400
            assert exchange(server.port, request(target=b"/health/live")).status == 200
            words = {"/dev/full": "lines cannot be written and are lost", "stalled": "nobody takes the lines"}[log]

            def told() -> bool:
                health = exchange(server.port, request(target=b"/health/ready"))
                assert health.status == 200, "it goes on"
                checks = health.json()["checks"]  # type: ignore[index]  # an object
                return words in str(checks["log"])

            until(told)
            page = exchange(server.port, request(target=b"/metrics")).body.decode()
            assert 'registry_check_ok{check="log"} 0.0' in page
            assert ("\nregistry_log_lines_lost_total 0.0" in page) == (log == "stalled")
            assert server.process is not None
            server.process.terminate()
            assert server.process.wait(60) == 0, "it ends in time, whatever waits"
    finally:
        if reader >= 0:
            os.close(reader)
