"""Private PostgreSQL clusters and poolers: one that a run's databases are in, and those of tests that break one.

Each ends with its block. A test that needs a program which is not installed is skipped, and says which it is.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from msgspec import Struct

from registry.platform.kernel.time import utc_now
from tests.support.memory import shared_memory
from tests.support.server import free_port

_HBA = "hostssl all all 127.0.0.1/32 trust\nhostnossl all all 127.0.0.1/32 reject\n"


class Cluster(Struct, kw_only=True, frozen=True):
    """A running cluster that speaks TLS only."""

    port: int
    authority: Path
    """The certificate of the authority that signed the server's."""
    stranger: Path
    """The certificate of another authority."""

    def url(self, name: str = "postgres", query: str = "sslmode=require", host: str = "127.0.0.1") -> str:
        """The address of a database in it."""
        return f"postgresql+asyncpg://postgres@{host}:{self.port}/{name}?{query}"


@contextmanager
def tls_cluster() -> Iterator[Cluster]:
    """A fresh cluster on a loopback port; its server's certificate is for `localhost`, and not for 127.0.0.1."""
    tools = _tools()
    with _folder() as folder:
        for name in ("authority", "stranger"):
            _authority(folder / f"{name}.pem", folder / "server.pem" if name == "authority" else None)
        (folder / "server.key").chmod(0o600)
        shutil.chown(folder / "server.key", _account())
        data = folder / "data"
        _run(tools / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        (data / "pg_hba.conf").write_text(_HBA)
        port = free_port()
        with (data / "postgresql.conf").open("a") as conf:
            conf.write(
                f"port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nssl = on\n"
                f"ssl_cert_file = '{folder / 'server.pem'}'\nssl_key_file = '{folder / 'server.key'}'\n"
            )
        _run(tools / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "start")
        try:
            yield Cluster(port=port, authority=folder / "authority.pem", stranger=folder / "stranger.pem")
        finally:
            _run(tools / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


class OwnCluster(Struct, kw_only=True, frozen=True):
    """A running cluster of a test that stops it, and puts another in its place. `environment` is libpq's."""

    folder: Path
    environment: dict[str, str]
    url: str

    def play(self, block: str) -> None:
        """Run commands as its account; the first that fails ends them, and the test."""
        log = self.folder / "played"
        with log.open("ab") as written:  # not a pipe, which the server would keep open
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block],
                env=self.environment,
                stdout=written,
                stderr=written,
                cwd="/",
                timeout=120,
                check=False,
                **_as_account(),
            )
        assert done.returncode == 0, log.read_text("utf-8", "replace")

    def ask(self, statement: str) -> str:
        """What psql answers."""
        done = subprocess.run(
            ["psql", "-Atc", statement], env=self.environment, capture_output=True, text=True, cwd="/", check=True
        )
        return done.stdout.strip()


@contextmanager
def own_cluster(database: str) -> Iterator[OwnCluster]:
    """A fresh cluster on a loopback port, without TLS, that allows base backups; with an empty database."""
    tools = _tools()
    with _folder() as folder:
        data, port = folder / "data", free_port()
        _run(tools / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        with (data / "postgresql.conf").open("a") as conf:
            conf.write(f"port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\n")
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PG", "REGISTRY_"))},
            "PGHOST": "127.0.0.1",
            "PGPORT": str(port),
            "PGUSER": "postgres",
            "PGDATABASE": database,
            "PGDATA": str(data),
            "PATH": f"{tools}:{os.environ['PATH']}",
        }
        for program in ("psql", "pg_basebackup", "pg_verifybackup"):
            if shutil.which(program, path=environment["PATH"]) is None:
                pytest.skip(f"{program} is not installed (Debian: apt install postgresql)")
        _run(tools / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "start")
        try:
            subprocess.run([tools / "createdb", database], env=environment, cwd="/", check=True)
            yield OwnCluster(
                folder=folder,
                environment=environment,
                url=f"postgresql+asyncpg://postgres@127.0.0.1:{port}/{database}",
            )
        finally:
            _run(tools / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


_NEVER_FAILS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
checkpoint_timeout = 1h
"""
"""Nothing in it outlives the run: to wait for a disk took longer than the tests."""


@contextmanager
def cluster_in_memory() -> Iterator[str | None]:
    """The address of a fresh cluster, without a database's name; None where PostgreSQL's programs are not at hand.

    It lies in memory where there is room, and its collation is that of Debian's own cluster.
    """
    tools, account = _found_tools(), _found_account()
    if tools is None or account is None:
        yield None
        return
    with _folder(shared_memory()) as folder:
        data, port = folder / "data", free_port()
        _run(
            tools / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"
        )
        with (data / "postgresql.conf").open("a") as conf:
            conf.write(f"port = {port}\n{_NEVER_FAILS}")
        _run(tools / "pg_ctl", "-D", data, "-l", folder / "log", "-w", "start")
        try:
            yield f"postgresql+asyncpg://postgres@127.0.0.1:{port}"
        finally:
            _run(tools / "pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


@contextmanager
def bouncer(url: str, *, servers: int, more: str = "") -> Iterator[str]:
    """PgBouncer in transaction mode, with as many connections to a database; the URL that leads through it."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed (Debian: apt install pgbouncer)")
    _, _, place = url.partition("@")
    server, _, name = place.partition("/")
    host, _, server_port = server.partition(":")
    with _folder() as folder:
        port = free_port()
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n{name} = host={host} port={server_port or 5432} dbname={name} user=postgres\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
            f"pool_mode = transaction\ndefault_pool_size = {servers}\nmax_client_conn = 200\n{more}\n"
        )
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen([program, folder / "pgbouncer.ini"], stdout=log, stderr=log, **_as_account())
        try:
            _wait(port, process)
            yield f"postgresql+asyncpg://postgres@127.0.0.1:{port}/{name}"
        finally:
            process.terminate()
            process.wait(60)


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 30
    while True:
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline, "it took too long to start"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return


def _found_tools() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    initdb = shutil.which("initdb") or (found[-1] if found else None)
    return Path(initdb).resolve().parent if initdb else None  # a link to it stands alone


def _tools() -> Path:
    found = _found_tools()
    if found is None:
        pytest.skip("PostgreSQL's own programs are not installed (Debian: apt install postgresql)")
    return found


def _found_account() -> str | None:
    """Neither program runs as root: then as the account that the packages make; None where there is none."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None


def _account() -> str:
    found = _found_account()
    if found is None:
        pytest.skip("there is no account named postgres, and PostgreSQL does not run as root")
    return found


def _as_account() -> dict[str, Any]:
    return {"user": _account()} if os.geteuid() == 0 else {}


def _run(*command: object) -> None:
    done = subprocess.run(
        [str(word) for word in command], stdout=subprocess.DEVNULL, cwd="/", check=False, **_as_account()
    )
    assert done.returncode == 0, command[0]


@contextmanager
def _folder(where: Path | None = None) -> Iterator[Path]:
    """A folder that the account may enter, unlike pytest's own; there, or among the system's temporary files."""
    folder = Path(tempfile.mkdtemp(prefix="registry-test-", dir=where))
    try:
        folder.chmod(0o755)
        shutil.chown(folder, _account())
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _authority(path: Path, server: Path | None) -> None:
    """Write an authority's certificate and, where asked for, one of a server at `localhost` that it signed."""
    key, name = ec.generate_private_key(ec.SECP256R1()), _name(path.stem)
    own = _certificate(name, name, key.public_key()).add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
    path.write_bytes(own.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    if server is None:
        return
    its = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("192.0.2.1"))])
    signed = (
        _certificate(name, _name("localhost"), its.public_key()).add_extension(names, False).sign(key, hashes.SHA256())
    )
    server.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    server.with_suffix(".key").write_bytes(
        its.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = utc_now()
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
