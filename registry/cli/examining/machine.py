"""What `registry doctor` finds of the machine: its libraries, its limits, and optional programs."""

import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_network
from zoneinfo import ZoneInfo, available_timezones

from registry.cli.findings import Finding, failure, ok, warning
from registry.platform.database.sqlite_driver import (
    LEAST_VERSION,
    SAFE_VERSION,
    check_version,
    safe_for_several_processes,
    sqlite_module,
)
from registry.platform.fan_out.stream import is_installed as is_nats_installed
from registry.platform.files.confinement import Confinement, available
from registry.platform.files.reading import find_recogniser
from registry.platform.http import open_files
from registry.platform.print.pdf import is_installed
from registry.platform.settings import Settings, SettingsError
from registry.serve import AddressInUseError, bound

_FEW_ZONES = 400
_ANSWER_SECONDS = 3
_MOST_BYTES = 4096


def sqlite() -> Iterator[Finding]:
    """Whether the SQLite library is new enough."""
    version = sqlite_module().sqlite_version
    least, safe = (".".join(map(str, each)) for each in (LEAST_VERSION, SAFE_VERSION))
    try:
        check_version()
    except SettingsError as error:
        yield warning("SQLite", f"{version}, older than {least}", f"{error} PostgreSQL does not need it.")
        return
    if safe_for_several_processes():
        yield ok("SQLite", f"{version}; Python {sys.version.split()[0]}")
        return
    yield warning(
        "SQLite",
        f"{version}, older than {safe}: imports cannot run beside a server",
        "install pysqlite3 where it is to be had, or stop the server for an import",
    )


def zones() -> Iterator[Finding]:
    """Whether the zones of civil time are known."""
    known = len(available_timezones())
    ZoneInfo("America/Chicago")
    if known < _FEW_ZONES:
        yield warning(
            "time zones", f"only {known} are known", "install the system's tzdata, or Python's package tzdata"
        )
    else:
        yield ok("time zones", f"{known} are known")


def limits(settings: Settings) -> Iterator[Finding]:
    """Whether as many files may be open as the settings need."""
    most, least = open_files.allowed(), open_files.needed(settings)
    if most < least:
        yield warning(
            "open files",
            f"{most:,} may be open at once, and the settings need up to {least:,}",
            f"let the service have that many (systemd: LimitNOFILE={least}), or lower REGISTRY_MAX_IN_FLIGHT",
        )
    else:
        yield ok("open files", f"{most:,} may be open at once; the settings need up to {least:,}")


def listening(settings: Settings) -> Iterator[Finding]:
    """Whether the service can listen at HOST and PORT, unless it does already, and who may name a client's address."""
    about = "HOST and PORT"
    try:
        for each in bound(settings.host, settings.port):
            each.close()
        yield ok(about, f"{settings.host}:{settings.port} is free")
    except SettingsError as error:
        yield failure(about, str(error), "correct it")
    except AddressInUseError as error:
        if _is_registry(settings):
            yield ok(about, f"a registry serves at {settings.host}:{settings.port}")
        else:
            yield failure(about, *str(error).rstrip(".").split(": ", 1))
    if open_ := [each for each in settings.trusted_proxies if ip_network(each).prefixlen == 0]:
        yield warning(
            "trusted proxies",
            f"{', '.join(open_)} is every address: any client can say that it has another",
            "name in REGISTRY_TRUSTED_PROXIES the addresses of the proxies alone",
        )


def _is_registry(settings: Settings) -> bool:
    """Whether what listens there answers as a registry does."""
    connection = HTTPConnection(settings.host, settings.port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/health/live", headers={"Host": next(iter(settings.allowed_hosts), settings.host)})
        return b'"alive"' in connection.getresponse().read(_MOST_BYTES)
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def optional_parts(settings: Settings) -> Iterator[Finding]:
    """What works only where a system or a program lets it."""
    printing = is_installed()
    if available() is Confinement.CONFINED:
        yield ok("file reading", "a process that reads a file has no files, network or other processes")
    else:
        yield warning(
            "file reading",
            "this system sets limits to a process that reads a file, and cannot refuse it files and network",
            "serve on Linux on x86-64 or arm64, with seccomp filters, where files come from strangers",
        )
    yield ok("PDF printing", "on" if printing else "not installed (`pip install typst`, or requirements-print.lock)")
    if settings.nats is None:
        yield ok("fan-out of events", "off (REGISTRY_NATS_URL)")
    elif is_nats_installed():
        yield ok("fan-out of events", f"to the stream {settings.nats.stream}")
    else:
        yield failure("fan-out of events", "its client is not installed", "pip install nats-py, or unset the setting")
    if not settings.recognise_text:
        yield ok("text of pictures", "off (REGISTRY_RECOGNISE_TEXT)")
    elif program := find_recogniser():
        yield ok("text of pictures", program)
    else:
        yield failure(
            "text of pictures",
            "REGISTRY_RECOGNISE_TEXT is on, and tesseract is not installed",
            "install it (Debian: apt install tesseract-ocr), or turn the setting off",
        )
