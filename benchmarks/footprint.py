"""What one process takes: memory at the start and after writing, and bytes on disk for what is written, on SQLite.

    python -m benchmarks.footprint --assets 20000 --writes 2000

Memory is what the process tells of itself in /metrics; the file is measured after its log was written back.
"""

import argparse
import re
import sqlite3
import sys
import tempfile
from pathlib import Path

import httpx

from benchmarks.servers import free_port, serve
from benchmarks.service import new_asset, prepare

MEBIBYTE = 2**20


def main() -> None:
    """Fill a database, serve it, write to it, and print what that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=int, default=20_000, help="assets that are there before (default: 20000)")
    parser.add_argument("--writes", type=int, default=2_000, help="assets to create over HTTP (default: 2000)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="registry-footprint-") as folder:
        file = Path(folder) / "footprint.db"
        prepared = prepare(f"sqlite:///{file}", given.assets)
        port = free_port()
        environment = {**prepared.environment, "HOST": "127.0.0.1", "PORT": str(port), "REGISTRY_LOG_LEVEL": "error"}
        log = Path(folder) / "log"
        with serve([sys.executable, "-m", "registry", "serve"], environment, port, log) as running:
            headers = {"Authorization": f"Bearer {prepared.token}", "Content-Type": "application/json"}
            with httpx.Client(base_url=running.base_url, headers=headers, timeout=30) as client:
                at_start, before = _memory(client), _size(file)
                for number in range(given.writes):
                    body, _ = new_asset(number)
                    client.post(
                        "/v1/assets", content=body, headers={"Idempotency-Key": f"footprint-{number}"}
                    ).raise_for_status()
                after, written = _memory(client), _size(file) - before
    print(f"memory with {given.assets:,} assets in the file: {at_start / MEBIBYTE:.0f} MiB")
    print(f"memory after {given.writes:,} more over HTTP: {after / MEBIBYTE:.0f} MiB")
    print(f"on disk, each with its event and its kept answer: {written / given.writes:,.0f} bytes")


def _memory(client: httpx.Client) -> float:
    page = client.get("/metrics").raise_for_status().text
    found = re.search(r"^process_resident_memory_bytes (\S+)$", page, re.MULTILINE)
    if found is None:
        raise SystemExit("this system does not tell how much memory a process has")
    return float(found[1])


def _size(file: Path) -> int:
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return file.stat().st_size


if __name__ == "__main__":
    main()
