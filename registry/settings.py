"""Settings: one frozen struct, read from the environment once. Unknown or weak values stop the start.

A misspelt `REGISTRY_…` name is refused rather than ignored: a setting that silently does nothing is how a service
ends up open. Names beginning with `REGISTRY_TEST_` belong to the test suite.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

PREFIX = "REGISTRY_"
SMALLEST_SECRET = 32


class SettingsError(Exception):
    """The environment cannot be used as it stands; the message names the variable and what to do."""


class Issuer(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Who may vouch for callers: its `iss`, its public keys, and the agencies it may speak for.

    `keys` is a JSON Web Key Set (each key with `kid` and one `alg`), or `jwks_url` where it is fetched from.
    `agencies` holds agency ids, or `*` for the registry's operator.
    """

    issuer: str
    agencies: tuple[str, ...]
    keys: dict[str, object] | None = None
    jwks_url: str | None = None
    longest_life_seconds: int = 3600


class Settings(Struct, kw_only=True, frozen=True):
    """Everything that can be set. Secrets are never logged."""

    database_url: str
    data_dir: Path
    demo: bool = False
    issuers: tuple[Issuer, ...] = ()
    audience: str = "registry"
    ledger_key: bytes = b""
    allowed_hosts: tuple[str, ...] = ()
    policies_dir: Path = Path("policies")
    host: str = "127.0.0.1"
    port: int = 8000
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    max_in_flight: int = 512
    write_queue: int = 256
    write_wait_seconds: float = 5.0
    body_seconds: float = 30.0
    max_body_bytes: int = 1_048_576
    max_upload_bytes: int = 26_214_400
    documents_url: str = ""
    database_pool: int = 16
    clock_skew_seconds: int = 30


_WHOLE = {
    "MAX_IN_FLIGHT": (1, 100_000),
    "WRITE_QUEUE": (1, 10_000),
    "DATABASE_POOL": (1, 500),
    "MAX_BODY_BYTES": (1024, 26_214_400),
    "MAX_UPLOAD_BYTES": (1024, 268_435_456),
    "CLOCK_SKEW_SECONDS": (0, 300),
}
_DECIMAL = {"WRITE_WAIT_SECONDS": (0.05, 60.0), "BODY_SECONDS": (0.1, 600.0)}
_TEXT = {
    "DATABASE_URL",
    "DATA_DIR",
    "DOCUMENTS_URL",
    "DEMO",
    "ISSUERS",
    "AUDIENCE",
    "LEDGER_KEY",
    "ALLOWED_HOSTS",
    "POLICIES_DIR",
    "LOG_LEVEL",
}


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment (`REGISTRY_…`, `HOST`, `PORT`). Raises SettingsError with the name at fault."""
    env = os.environ if environment is None else environment
    given = {
        name.removeprefix(PREFIX): value
        for name, value in env.items()
        if name.startswith(PREFIX) and not name.startswith("REGISTRY_TEST_")
    }
    known = _TEXT | _WHOLE.keys() | _DECIMAL.keys()
    if unknown := sorted(given.keys() - known):
        raise SettingsError(
            f"Unknown setting {PREFIX}{unknown[0]}. Known are: {', '.join(PREFIX + n for n in sorted(known))}."
        )
    demo = _flag(given.get("DEMO", "0"))
    data_dir = Path(given.get("DATA_DIR", "var"))
    level = given.get("LOG_LEVEL", "info").lower()
    if level not in ("debug", "info", "warning", "error"):
        raise SettingsError(f"{PREFIX}LOG_LEVEL is debug, info, warning or error, not “{level[:20]}”.")
    return Settings(
        database_url=_database_url(given.get("DATABASE_URL", f"sqlite:///{data_dir.resolve() / 'registry.db'}")),
        data_dir=data_dir,
        documents_url=_documents_url(given.get("DOCUMENTS_URL", "")),
        demo=demo,
        issuers=_issuers(given.get("ISSUERS"), demo=demo),
        audience=given.get("AUDIENCE", "registry"),
        ledger_key=_secret(given.get("LEDGER_KEY"), demo=demo),
        allowed_hosts=tuple(h.strip().lower() for h in given.get("ALLOWED_HOSTS", "").split(",") if h.strip()),
        policies_dir=Path(given.get("POLICIES_DIR", Path(__file__).parents[1] / "policies")),
        host=env.get("HOST", "127.0.0.1"),
        port=_whole("PORT", env.get("PORT", "8000"), (0, 65535)),
        log_level=level,  # type: ignore[arg-type]  # one of the four, checked above
        **{n.lower(): _whole(PREFIX + n, given[n], bounds) for n, bounds in _WHOLE.items() if n in given},
        **{n.lower(): _decimal(PREFIX + n, given[n], bounds) for n, bounds in _DECIMAL.items() if n in given},  # type: ignore[arg-type]  # decimal fields all
    )


def _database_url(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql+asyncpg://")):
        raise SettingsError(f"{PREFIX}DATABASE_URL begins with sqlite:/// or postgresql+asyncpg://.")
    return value


def _documents_url(value: str) -> str:
    if value and not value.startswith("s3://"):
        raise SettingsError(
            f"{PREFIX}DOCUMENTS_URL begins with s3://; without it, files are kept in the data directory."
        )
    return value


def _flag(value: str) -> bool:
    if value not in ("0", "1"):
        raise SettingsError(f"{PREFIX}DEMO is 0 or 1, not “{value[:20]}”.")
    return value == "1"


def _whole(name: str, value: str, bounds: tuple[int, int]) -> int:
    if not value.isascii() or not value.isdigit() or not bounds[0] <= int(value) <= bounds[1]:
        raise SettingsError(f"{name} is a whole number from {bounds[0]} to {bounds[1]}, not “{value[:20]}”.")
    return int(value)


def _decimal(name: str, value: str, bounds: tuple[float, float]) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not bounds[0] <= number <= bounds[1]:
        raise SettingsError(f"{name} is a number from {bounds[0]} to {bounds[1]}, not “{value[:20]}”.")
    return number


def _secret(value: str | None, *, demo: bool) -> bytes:
    if value is None:
        if demo:
            return b"demonstration only, no secret at all"
        raise SettingsError(
            f"Set {PREFIX}LEDGER_KEY to at least {SMALLEST_SECRET} random characters "
            "(for example from `openssl rand -hex 32`), or REGISTRY_DEMO=1 to try the service out."
        )
    if len(value) < SMALLEST_SECRET or len(set(value)) < 8:
        raise SettingsError(f"{PREFIX}LEDGER_KEY is too weak: at least {SMALLEST_SECRET} random characters.")
    return value.encode()


def _issuers(value: str | None, *, demo: bool) -> tuple[Issuer, ...]:
    if value is None:
        if demo:
            return ()
        raise SettingsError(
            f"Set {PREFIX}ISSUERS to the token issuers (JSON, or the path of a JSON file): "
            '[{"issuer": "https://…", "jwks_url": "https://…", "agencies": ["*"]}].'
        )
    text = value if value.lstrip().startswith("[") else _file(value)
    try:
        issuers = msgspec.json.decode(text, type=tuple[Issuer, ...])
    except msgspec.DecodeError as error:
        raise SettingsError(f"{PREFIX}ISSUERS cannot be read: {error}.") from None
    for issuer in issuers:
        if (issuer.keys is None) == (issuer.jwks_url is None):
            raise SettingsError(f"{PREFIX}ISSUERS: give “{issuer.issuer}” either keys or jwks_url.")
        if issuer.jwks_url is not None and not issuer.jwks_url.startswith("https://"):
            raise SettingsError(f"{PREFIX}ISSUERS: the jwks_url of “{issuer.issuer}” must be https.")
    if len({i.issuer for i in issuers}) != len(issuers):
        raise SettingsError(f"{PREFIX}ISSUERS names the same issuer twice.")
    return issuers


def _file(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        raise SettingsError(f"{PREFIX}ISSUERS: {path}: {error.strerror}.") from None
