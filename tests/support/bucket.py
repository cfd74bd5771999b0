"""A server that speaks S3, on the loopback interface."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.server import free_port, wait_until_it_answers


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """Where it listens. It is a process of its own: its libraries warn of themselves."""
    port = free_port()
    server = Path(sys.executable).with_name("moto_server")
    process = subprocess.Popen(
        [server, "-H", "127.0.0.1", "-p", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until_it_answers(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(60)


@pytest.fixture
def s3_url(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket of the test's own, as the setting names it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    bucket = f"documents-{time.monotonic_ns()}"
    httpx.put(f"{s3_endpoint}/{bucket}", verify=False).raise_for_status()
    return f"s3://{bucket}/filed?endpoint={s3_endpoint}&region=us-east-1&path_style=true"
