"""Where PostgreSQL is, as REGISTRY_DATABASE_URL says it: hosts, TLS and which server, in the words of libpq.

The driver reads libpq's names itself, but takes an unknown one for a setting of the server, so that a misspelt
`sslmode` would be a connection without TLS that fails late, or not at all. Here each name is known, and a file that is
named exists.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from registry.platform.database import patience
from registry.platform.database.violations import unreachable
from registry.platform.settings import SettingsError

SCHEME = "postgresql+asyncpg://"
CONNECT_SECONDS = 10.0
_FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile")
_CHOICES = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}
_OTHERS = ("host", "port", "user", "password", "dbname", "sslpassword", "sslnegotiation", "application_name")
_VERSIONS = ("ssl_min_protocol_version", "ssl_max_protocol_version")
KNOWN = (*_CHOICES, *_FILES, *_OTHERS, *_VERSIONS)

_HOST = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::(.*))?", re.DOTALL)

Connect = Callable[..., Awaitable[Any]]


def checked(url: str) -> str:
    """The address as the driver takes it. Raises SettingsError for what it would misread."""
    parts = urlsplit(url)
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in KNOWN:
            raise SettingsError(f"REGISTRY_DATABASE_URL: “{name[:40]}” is not known. Known are: {', '.join(KNOWN)}.")
        if value not in _CHOICES.get(name, (value,)):
            raise SettingsError(f"REGISTRY_DATABASE_URL: {name} is one of {', '.join(_CHOICES[name])}.")
        if name in _FILES and not Path(value).is_file():
            raise SettingsError(f"REGISTRY_DATABASE_URL: {name}: there is no file {value[:200]}.")
    address = url.replace(SCHEME, "postgresql://", 1)
    if "," in parts.netloc and "target_session_attrs" not in parts.query:
        # Of several servers one can be written to; connected to another, everything but reading would fail.
        address += ("&" if parts.query else "?") + "target_session_attrs=read-write"
    return address


def shown(url: str) -> str:
    """The URL without its password."""
    parts = urlsplit(url)
    account, at, hosts = parts.netloc.rpartition("@")
    user = account.partition(":")[0]
    kept = "&".join(part for part in parts.query.split("&") if not part.startswith(("password=", "sslpassword=")))
    return parts._replace(netloc=f"{user}{at}{hosts}", query=kept).geturl()


LARGEST_KEPT: Final = 64 * 1024
"""Characters of a statement that stays prepared; asyncpg forgets longer ones."""


def place_of(url: str) -> tuple[str, str, str, str]:
    """Host, port, account and database, each empty where the URL does not say it; of several servers the first's."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    account, _, hosts = parts.netloc.rpartition("@")
    first = _HOST.match(hosts.split(",")[0])
    assert first is not None, "it matches anything"
    host, port = first[1] or first[2] or "", first[3] or ""
    return (
        unquote(host) or query.get("host", "").split(",")[0],
        port or query.get("port", "").split(",")[0],
        unquote(account.partition(":")[0]) or query.get("user", ""),
        unquote(parts.path.lstrip("/")) or query.get("dbname", ""),
    )


def each_server(url: str) -> list[str]:
    """An address for each server that the URL names, whether it takes changes or not."""
    parts = urlsplit(url)
    account, at, hosts = parts.netloc.rpartition("@")
    query = [each for each in parts.query.split("&") if each and not each.startswith("target_session_attrs=")]
    return [parts._replace(netloc=f"{account}{at}{host}", query="&".join(query)).geturl() for host in hosts.split(",")]


def engine(url: str, *, session: Mapping[str, str], pooler: bool, autocommit: bool) -> AsyncEngine:
    """An engine without a pool of its own. Connecting raises Busy when no server answers, SettingsError when none can.

    Behind a pooler that gives every transaction another connection, `session` is not set on connecting (each
    transaction does that), no statement stays prepared, and what SQLAlchemy asks of a new connection is a transaction.
    """
    options: dict[str, Any] = {"async_creator_fn": _connect(checked(url), session, pooler=pooler, begin=autocommit)}
    if pooler:
        options |= {"prepared_statement_cache_size": 0, "prepared_statement_name_func": lambda: ""}
    more: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"} if autocommit else {}
    made = create_async_engine(SCHEME, poolclass=sa.pool.NullPool, hide_parameters=True, connect_args=options, **more)
    if pooler and autocommit:

        @sa.event.listens_for(made.sync_engine, "connect")
        def _end(connection: Any, _record: object) -> None:
            connection.run_async(lambda driver: driver.execute("COMMIT"))

    return made


async def _begin(connection: Any) -> None:
    try:
        await connection.execute("BEGIN", timeout=patience.BEGIN_SECONDS)
    except BaseException as error:
        connection.terminate()
        if isinstance(error, TimeoutError):
            raise patience.no_answer("PostgreSQL began no transaction", patience.BEGIN_SECONDS) from error
        raise


def _connect(address: str, session: Mapping[str, str], *, pooler: bool, begin: bool) -> Connect:
    # Statements are built once, so that the long ones are as few as the short ones; one that is not kept costs twice.
    kept = {"server_settings": dict(session), "max_cacheable_statement_size": LARGEST_KEPT}
    options: dict[str, Any] = {"statement_cache_size": 0} if pooler else kept
    seconds = CONNECT_SECONDS
    if begin:  # for requests; what changes the schema, or reads all of it, takes its time
        seconds = patience.CONNECT_SECONDS
        options["command_timeout"] = patience.ANSWER_SECONDS

    async def connect(**_: object) -> Any:
        try:
            connection = await asyncpg.connect(address, timeout=seconds, **options)
            if pooler and begin:
                await _begin(connection)
        except asyncpg.exceptions.ClientConfigurationError as error:
            raise SettingsError(f"REGISTRY_DATABASE_URL: {error}.") from error
        except asyncpg.exceptions.ProtocolViolationError as error:
            if "unsupported startup parameter" in str(error):
                raise SettingsError(
                    "A connection pooler (PgBouncer) answers at REGISTRY_DATABASE_URL and refuses the settings of a "
                    "session: set REGISTRY_DATABASE_POOLER=1."
                ) from error
            raise unreachable(error) from error
        except TimeoutError as error:
            waited = error if str(error) else patience.no_answer("PostgreSQL opened no connection", seconds)
            raise unreachable(waited) from error
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise unreachable(error) from error
        return connection

    return connect
