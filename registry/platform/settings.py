"""Settings: one frozen struct, read once from the environment. Unknown or weak values prevent the start.

An unknown `REGISTRY_…` name is refused rather than ignored: a misspelt setting without effect could leave a service
unprotected. Names beginning with `REGISTRY_TEST_` belong to the test suite.
"""

import difflib
import hashlib
import os
import re
from collections.abc import Collection, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

import registry
from registry.platform.encryption import KEY_BYTES
from registry.platform.issuers import Description, Issuer, agency_ids, described, is_secure

PREFIX = "REGISTRY_"
_SHIPPED_POLICIES = Path(registry.__file__).parents[1] / "policies"
_NEAR = 0.75
SMALLEST_SECRET = 32
_LEAST_VARIETY = 8
"""How many different characters a secret has: one of fewer was typed, and not drawn."""
_KEY = re.compile(rf"[0-9a-fA-F]{{{2 * KEY_BYTES}}}")
_ALLOWED_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,252})|\[[0-9a-f:.]{2,45}\]")
_MAIL_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_MAIL_SERVER = re.compile(
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9a-fA-F:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?"
)
_MAIL_SENDER = re.compile(r"[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_NATS_STREAM = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NATS_SUBJECT = re.compile(r"[A-Za-z0-9_-]{1,40}(?:\.[A-Za-z0-9_-]{1,40}){0,5}")
_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")


class SettingsError(Exception):
    """The environment is not valid; the message names the variable and what to do."""


class IssuerSetting(Description, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A token issuer in the settings: its description, and the agencies that it may issue tokens for.

    `agencies` holds agency ids or `*` for any, which is for the registry's operator; or, where a claim names the agency
    by a value of the issuer's own, the agency id of each value.
    """

    agencies: tuple[str, ...] | dict[str, str] = ()


class MailServer(Struct, kw_only=True, frozen=True):
    """The operator's mail server, to which notices are handed, and the address that they come from."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    user: str
    password: str
    ca_file: str
    sender: str


class NatsServer(Struct, kw_only=True, frozen=True):
    """The operator's NATS server, and the JetStream stream to which what everybody may hear of is published."""

    urls: tuple[str, ...]
    user: str
    password: str
    ca_file: str
    stream: str
    subject: str
    """What the subjects begin with: `<subject>.<type of the event>`."""


class Settings(Struct, kw_only=True, frozen=True):
    """All settings. Secrets are never logged."""

    database_url: str
    data_dir: Path
    demo: bool = False
    demo_allows: tuple[str, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    audience: str = "registry"
    ledger_key: bytes = b""
    secret_keys: tuple[bytes, ...] = ()
    public_url: str = ""
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    client_key_networks: tuple[str, ...] = ()
    webhook_networks: tuple[str, ...] = ()
    witnesses: tuple[tuple[str, str], ...] = ()
    """Verifier key and address of each."""
    policies_dir: Path = Path("policies")
    rules_on: tuple[str, ...] = ()
    second_operator_for: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8000
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    max_in_flight: int = 512
    rate_per_principal: int = 6_000
    rate_per_agency: int = 60_000
    write_queue: int = 256
    write_wait_seconds: float = 5.0
    body_seconds: float = 30.0
    drain_seconds: float = 0.0
    max_body_bytes: int = 1_048_576
    max_upload_bytes: int = 26_214_400
    documents_url: str = ""
    copy: bool = False
    """A copy of a registry that serves elsewhere: nothing is sent from it to anybody."""
    mail: MailServer | None = None
    """None on a copy, too."""
    nats: NatsServer | None = None
    """None on a copy, too."""
    recognise_text: bool = False
    database_pool: int = 10
    database_pooler: bool = False
    clock_skew_seconds: int = 30
    principal_idle_days: int = 90


_WHOLE = {
    "MAX_IN_FLIGHT": (1, 100_000),
    "RATE_PER_PRINCIPAL": (0, 10_000_000),
    "RATE_PER_AGENCY": (0, 10_000_000),
    "WRITE_QUEUE": (1, 10_000),
    "DATABASE_POOL": (1, 500),
    "MAX_BODY_BYTES": (1024, 26_214_400),
    "MAX_UPLOAD_BYTES": (1024, 268_435_456),
    "CLOCK_SKEW_SECONDS": (0, 300),
    "PRINCIPAL_IDLE_DAYS": (0, 3_650),
}
_DECIMAL = {"WRITE_WAIT_SECONDS": (0.05, 60.0), "BODY_SECONDS": (0.1, 600.0), "DRAIN_SECONDS": (0.0, 300.0)}
_TEXT = {
    "DATABASE_URL",
    "DATABASE_POOLER",
    "COPY",
    "DATA_DIR",
    "DOCUMENTS_URL",
    "RECOGNISE_TEXT",
    "DEMO",
    "DEMO_ALLOWS",
    "ISSUERS",
    "AUDIENCE",
    "LEDGER_KEY",
    "SECRET_KEYS",
    "PUBLIC_URL",
    "ALLOWED_HOSTS",
    "TRUSTED_PROXIES",
    "CLIENT_KEY_NETWORKS",
    "WEBHOOK_NETWORKS",
    "WITNESSES",
    "POLICIES_DIR",
    "RULES_ON",
    "SECOND_OPERATOR_FOR",
    "LOG_LEVEL",
    "MAIL_SERVER",
    "MAIL_SECURITY",
    "MAIL_USER",
    "MAIL_PASSWORD",
    "MAIL_PASSWORD_FILE",
    "MAIL_CA_FILE",
    "MAIL_SENDER",
    "NATS_URL",
    "NATS_USER",
    "NATS_PASSWORD",
    "NATS_PASSWORD_FILE",
    "NATS_CA_FILE",
    "NATS_STREAM",
    "NATS_SUBJECT",
}


def _meant(name: str, known: Collection[str]) -> str:
    """The setting whose name is nearest, or where nothing is near, all of them."""
    if near := difflib.get_close_matches(name, sorted(known), n=1, cutoff=_NEAR):
        return f"Is {PREFIX}{near[0]} meant? README lists all settings."
    return f"Known are: {', '.join(PREFIX + each for each in sorted(known))}."


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
        raise SettingsError(f"Unknown setting {PREFIX}{unknown[0]}. {_meant(unknown[0], known)}")
    demo = _flag("DEMO", given.get("DEMO", "0"))
    copy = _flag("COPY", given.get("COPY", "0"))
    data_dir = Path(given.get("DATA_DIR", "var"))
    file = data_dir.resolve() / ("demo.db" if demo else "registry.db")  # demo mode never uses real data
    level = given.get("LOG_LEVEL", "info").lower()
    if level not in ("debug", "info", "warning", "error"):
        raise SettingsError(f"{PREFIX}LOG_LEVEL is debug, info, warning or error, not “{level[:20]}”.")
    allows = _names(given.get("DEMO_ALLOWS", ""))
    if unknown := sorted(set(allows) - {"issuers", "network"}):
        raise SettingsError(f"{PREFIX}DEMO_ALLOWS names issuers, network, or both, not “{unknown[0][:20]}”.")
    host = env.get("HOST", "127.0.0.1")
    if demo:
        _refuse_open_demo(host, allows, has_issuers="ISSUERS" in given)
    port = _whole("PORT", env.get("PORT", "8000"), (0, 65535))
    public_url = _public_url(given.get("PUBLIC_URL", f"http://127.0.0.1:{port}" if demo else ""))
    mail = _mail(given, public_url)
    nats = _nats(given, public_url)
    issuers = _issuers(given.get("ISSUERS"))
    if public_url in {each.issuer for each in issuers}:
        raise SettingsError(f"{PREFIX}ISSUERS names {PREFIX}PUBLIC_URL, which is the registry's own issuer.")
    return Settings(
        demo_allows=allows,
        database_url=_database_url(given.get("DATABASE_URL", f"sqlite:///{file}")),
        data_dir=data_dir,
        documents_url=_documents_url(given.get("DOCUMENTS_URL", "")),
        copy=copy,
        mail=None if copy else mail,
        nats=None if copy else nats,
        database_pooler=_flag("DATABASE_POOLER", given.get("DATABASE_POOLER", "0")),
        recognise_text=_flag("RECOGNISE_TEXT", given.get("RECOGNISE_TEXT", "0")),
        demo=demo,
        issuers=issuers,
        audience=given.get("AUDIENCE", "registry"),
        ledger_key=_secret(given.get("LEDGER_KEY"), demo=demo),
        secret_keys=_secret_keys(given.get("SECRET_KEYS"), demo=demo),
        public_url=public_url,
        allowed_hosts=_allowed_hosts(given.get("ALLOWED_HOSTS", ""), given.get("PUBLIC_URL", "")),
        trusted_proxies=_networks("TRUSTED_PROXIES", given.get("TRUSTED_PROXIES", "")),
        client_key_networks=_networks("CLIENT_KEY_NETWORKS", given.get("CLIENT_KEY_NETWORKS", "")),
        webhook_networks=_networks("WEBHOOK_NETWORKS", given.get("WEBHOOK_NETWORKS", "")),
        witnesses=tuple(_witness(each) for each in _names(given.get("WITNESSES", ""))),
        policies_dir=_policies_dir(given["POLICIES_DIR"]) if "POLICIES_DIR" in given else _SHIPPED_POLICIES,
        rules_on=_names(given.get("RULES_ON", "")),
        second_operator_for=_names(given.get("SECOND_OPERATOR_FOR", "")),
        host=host,
        port=port,
        log_level=level,  # type: ignore[arg-type]  # one of the four, checked above
        **{n.lower(): _whole(PREFIX + n, given[n], bounds) for n, bounds in _WHOLE.items() if n in given},
        **{n.lower(): _decimal(PREFIX + n, given[n], bounds) for n, bounds in _DECIMAL.items() if n in given},  # type: ignore[arg-type]  # decimal fields all
    )


def _names(value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


def _allowed_hosts(value: str, public_url: str) -> tuple[str, ...]:
    """Hosts as `Host` names them, without their port. With a public address, its host must be among them."""
    hosts = tuple(host.lower() for host in _names(value))
    for host in hosts:
        if not _ALLOWED_HOST.fullmatch(host):
            raise SettingsError(
                f"{PREFIX}ALLOWED_HOSTS: “{host[:60]}” is no host name: name hosts alone, such as registry.example, "
                "without https://, port or path."
            )
    own = urlsplit(public_url).netloc
    own = own if own.endswith("]") else own.rpartition(":")[0] or own
    if hosts and own and own not in hosts:
        raise SettingsError(f"{PREFIX}ALLOWED_HOSTS does not name {own}, the host of {PREFIX}PUBLIC_URL: add it.")
    return hosts


def _networks(setting: str, value: str) -> tuple[str, ...]:
    found: list[str] = []
    for name in _names(value):
        try:
            found.append(str(ip_network(name)))
        except ValueError:
            raise SettingsError(
                f"{PREFIX}{setting}: “{name[:60]}” is no address or network, such as 10.0.0.5 or 10.0.0.0/24."
            ) from None
    return tuple(found)


def _witness(value: str) -> tuple[str, str]:
    """The key and the address of a witness of the ledger. What is a key is for the ledger to say."""
    key, _, url = value.partition(" ")
    if not (key and is_secure(url.strip())):
        raise SettingsError(
            f"{PREFIX}WITNESSES: “{value[:60]}” is not a witness's verifier key, a blank, and its https:// address."
        )
    return key, url.strip()


def _refuse_open_demo(host: str, allows: tuple[str, ...], *, has_issuers: bool) -> None:
    """In demo mode anybody who reaches the service can have a token for any agency: it keeps to itself."""
    if has_issuers and "issuers" not in allows:
        raise SettingsError(
            f"{PREFIX}ISSUERS names token issuers, and {PREFIX}DEMO=1 accepts tokens that anybody can make: unset one "
            f"of them (or say {PREFIX}DEMO_ALLOWS=issuers, to try an issuer out)."
        )
    if not _is_loopback(host) and "network" not in allows:
        raise SettingsError(
            f"HOST={host[:60]} lets others reach the service, and {PREFIX}DEMO=1 accepts tokens that anybody can make: "
            f"listen at 127.0.0.1, or say {PREFIX}DEMO_ALLOWS=network."
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _database_url(value: str) -> str:
    if not value.startswith(("sqlite:///", "postgresql+asyncpg://")):
        raise SettingsError(f"{PREFIX}DATABASE_URL begins with sqlite:/// or postgresql+asyncpg://.")
    if value.removeprefix("sqlite:///") in ("", ":memory:"):
        raise SettingsError(f"{PREFIX}DATABASE_URL names no file: give SQLite one, such as sqlite:////var/registry.db.")
    if value.partition("?")[0].count("@") > 1:  # what stands behind the first would be taken for a host's name
        raise SettingsError(
            f"{PREFIX}DATABASE_URL has more than one @: in a user's name or a password write %40 in its place, and "
            "percent-encode whatever else is no letter or digit there."
        )
    if not _names_servers(value):  # it may hold a password, and is not repeated
        raise SettingsError(
            f"{PREFIX}DATABASE_URL cannot be read as an address, such as "
            "postgresql+asyncpg://user:password@host:5432/registry."
        )
    return value


def _names_servers(url: str) -> bool:
    """Whether the port of each server that it names, of which there may be several, is one."""
    try:
        servers = urlsplit(url).netloc.rpartition("@")[2].split(",")
        return all(urlsplit(f"//{each}").port != 0 for each in servers)
    except ValueError:
        return False


def _policies_dir(value: str) -> Path:
    """The directory that the operator names. What is in it is for those who read policies to say."""
    if not (value.strip() and _is_there(Path(value), "directory")):
        raise SettingsError(
            f"{PREFIX}POLICIES_DIR names no directory that is there; unset it for the policies that are shipped."
        )
    return Path(value)


def _documents_url(value: str) -> str:
    if value and not value.startswith("s3://"):
        raise SettingsError(
            f"{PREFIX}DOCUMENTS_URL begins with s3://; without it, files are kept in the data directory."
        )
    return value


def _mail(given: Mapping[str, str], public_url: str) -> MailServer | None:
    """The mail server; None without one, and then nothing else of mail may be set. A password is never repeated."""
    named = {name: value.strip() for name, value in given.items() if name.startswith("MAIL_") and value.strip()}
    if "MAIL_SERVER" not in named:
        if named:
            raise SettingsError(f"{PREFIX}{sorted(named)[0]} is set and {PREFIX}MAIL_SERVER is not: name the server.")
        return None
    security = named.get("MAIL_SECURITY", "starttls")
    if security not in _MAIL_PORTS:
        raise SettingsError(f"{PREFIX}MAIL_SECURITY is starttls, tls or none, not “{security[:20]}”.")
    server = _MAIL_SERVER.fullmatch(named["MAIL_SERVER"])
    if server is None:
        raise SettingsError(f"{PREFIX}MAIL_SERVER is a host, or a host and a port, such as mail.county.example:587.")
    sender = named.get("MAIL_SENDER", "")
    if not _MAIL_SENDER.fullmatch(sender):
        raise SettingsError(f"{PREFIX}MAIL_SENDER is the address that notices come from, without a name beside it.")
    if not public_url:
        raise SettingsError(f"{PREFIX}MAIL_SERVER needs {PREFIX}PUBLIC_URL, under which links in mail lead back.")
    user, password = named.get("MAIL_USER", ""), _password("MAIL", named)
    if bool(user) != bool(password):
        raise SettingsError(f"{PREFIX}MAIL_USER and {PREFIX}MAIL_PASSWORD (or its file) go together: set both or none.")
    if user and security == "none":
        raise SettingsError(f"{PREFIX}MAIL_SECURITY=none would send {PREFIX}MAIL_PASSWORD in the clear.")
    port = _whole(f"{PREFIX}MAIL_SERVER", server["port"] or str(_MAIL_PORTS[security]), (1, 65535))
    return MailServer(
        host=server["host"].strip("[]"),
        port=port,
        security=security,  # type: ignore[arg-type]  # one of the three, checked above
        user=user,
        password=password,
        ca_file=_ca_file("MAIL", named),
        sender=sender,
    )


def _nats(given: Mapping[str, str], public_url: str) -> NatsServer | None:
    """The NATS server; None without one, and then nothing else of it may be set. A password is never repeated."""
    named = {name: value.strip() for name, value in given.items() if name.startswith("NATS_") and value.strip()}
    if "NATS_URL" not in named:
        if named:
            raise SettingsError(f"{PREFIX}{sorted(named)[0]} is set and {PREFIX}NATS_URL is not: name the server.")
        return None
    urls = _names(named["NATS_URL"])
    if not all(_is_nats_url(each) for each in urls) or len({each.partition(":")[0] for each in urls}) != 1:
        raise SettingsError(
            f"{PREFIX}NATS_URL is an address such as tls://nats.county.example:4222, or several of one scheme (tls or "
            f"nats) separated by commas, without a user: that is {PREFIX}NATS_USER."
        )
    user, password = named.get("NATS_USER", ""), _password("NATS", named)
    if bool(user) != bool(password):
        raise SettingsError(f"{PREFIX}NATS_USER and {PREFIX}NATS_PASSWORD (or its file) go together: set both or none.")
    if user and not all(each.startswith("tls:") or _is_loopback(urlsplit(each).hostname or "") for each in urls):
        raise SettingsError(f"{PREFIX}NATS_URL with nats:// would send {PREFIX}NATS_PASSWORD in the clear: say tls://.")
    if not public_url:
        raise SettingsError(f"{PREFIX}NATS_URL needs {PREFIX}PUBLIC_URL, by which events say where they are from.")
    stream, subject = named.get("NATS_STREAM", "REGISTRY"), named.get("NATS_SUBJECT", "registry.events")
    if not _NATS_STREAM.fullmatch(stream):
        raise SettingsError(f"{PREFIX}NATS_STREAM is the name of a stream: letters, digits, - and _, 64 at most.")
    if not _NATS_SUBJECT.fullmatch(subject):
        raise SettingsError(
            f"{PREFIX}NATS_SUBJECT is what subjects begin with, such as registry.events: letters, digits, - and _, in "
            "parts separated by dots."
        )
    return NatsServer(
        urls=urls, user=user, password=password, ca_file=_ca_file("NATS", named), stream=stream, subject=subject
    )


def _is_nats_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port_fits = parts.port != 0
    except ValueError:
        return False
    plain = parts.username is None and parts.path in ("", "/") and not parts.query and not parts.fragment
    return parts.scheme in ("tls", "nats") and bool(parts.hostname) and port_fits and plain


def _password(of: str, named: Mapping[str, str]) -> str:
    """The password of a server, said in a setting or kept in a file that one names."""
    setting, file = f"{of}_PASSWORD", f"{of}_PASSWORD_FILE"
    if setting in named and file in named:
        raise SettingsError(f"{PREFIX}{setting} and {PREFIX}{file} are both set: unset one.")
    if file not in named:
        return named.get(setting, "")
    try:
        return Path(named[file]).read_text().strip()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise SettingsError(f"{PREFIX}{file} cannot be read: {why}.") from None


def _ca_file(of: str, named: Mapping[str, str]) -> str:
    path = named.get(f"{of}_CA_FILE", "")
    if path and not _is_there(Path(path), "file"):
        raise SettingsError(f"{PREFIX}{of}_CA_FILE: there is no file {path[:200]}.")
    return path


def _is_there(path: Path, kind: Literal["directory", "file"]) -> bool:
    """Whether there is such a thing; not where the name is none that a disk can have."""
    try:
        return path.is_dir() if kind == "directory" else path.is_file()
    except OSError:
        return False


def _flag(name: str, value: str) -> bool:
    if value not in ("0", "1"):
        raise SettingsError(f"{PREFIX}{name} is 0 or 1, not “{value[:20]}”.")
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
    if len(value) < SMALLEST_SECRET:
        raise SettingsError(
            f"{PREFIX}LEDGER_KEY is too short: it has {len(value)} characters, and needs {SMALLEST_SECRET} random ones."
        )
    if len(set(value)) < _LEAST_VARIETY:
        raise SettingsError(
            f"{PREFIX}LEDGER_KEY is not random: it has {len(set(value))} different characters, and needs "
            f"{_LEAST_VARIETY} at least; `openssl rand -hex 32` makes one."
        )
    return value.encode()


def _secret_keys(value: str | None, *, demo: bool) -> tuple[bytes, ...]:
    """The keys, or those of a file with one on each line. What is refused is not repeated: it may be a secret."""
    if value is None:
        return (hashlib.sha256(b"demonstration only, no secret at all").digest(),) if demo else ()
    listed = _names(value)
    if not all(_KEY.fullmatch(each) for each in listed):
        try:
            listed = tuple(Path(value).read_text(encoding="ascii").split())
        except OSError as error:
            if "/" in value:  # a path, and no key that was mistyped
                raise SettingsError(
                    f"{PREFIX}SECRET_KEYS names a file that cannot be read: {error.strerror}."
                ) from None
            listed = ()
        except ValueError:
            listed = ()
    if not listed or not all(_KEY.fullmatch(each) for each in listed):
        raise SettingsError(
            f"{PREFIX}SECRET_KEYS is one key or several, separated by commas, or a file with one on each line; each of "
            f"{2 * KEY_BYTES} hexadecimal digits, as `openssl rand -hex {KEY_BYTES}` makes one."
        )
    keys = tuple(bytes.fromhex(each) for each in listed)
    if len(set(keys)) != len(keys) or any(len(set(key)) < 8 for key in keys):
        raise SettingsError(f"{PREFIX}SECRET_KEYS has a key twice, or one that is not random.")
    return keys


def _public_url(value: str) -> str:
    """The address without a path: what follows from it, such as the token endpoint, is the registry's own to say."""
    if value and not (_ORIGIN.fullmatch(value) and is_secure(value)):
        raise SettingsError(
            f"{PREFIX}PUBLIC_URL is https:// and a host in lower case, with a port or without, and nothing behind."
        )
    return value


def _issuers(value: str | None) -> tuple[Issuer, ...]:
    """Those of the settings; others stand in the database, where `registry init` enters the first."""
    if value is None:
        return ()
    if not value.strip():
        raise SettingsError(f"{PREFIX}ISSUERS is empty: unset it, or give a JSON list or the name of a file with one.")
    text = value if value.lstrip().startswith("[") else _file(value)
    try:
        given = msgspec.json.decode(text, type=tuple[IssuerSetting, ...])
        issuers = tuple(described(each, *_agency_ids(each)) for each in given)
    except msgspec.DecodeError as error:
        raise SettingsError(f"{PREFIX}ISSUERS cannot be read: {error}.") from None
    except ValueError as error:
        raise SettingsError(f"{PREFIX}ISSUERS: {error}.") from None
    if len({i.issuer for i in issuers}) != len(issuers):
        raise SettingsError(f"{PREFIX}ISSUERS names the same issuer twice.")
    return issuers


def _agency_ids(given: IssuerSetting) -> tuple[tuple[str, ...], dict[str, str]]:
    """Raises ValueError with the issuer and what is wrong with its agencies."""
    try:
        return agency_ids(given.agencies)
    except ValueError as error:
        raise ValueError(f"agencies of “{given.issuer}”: {error}") from None


def _file(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        raise SettingsError(f"{PREFIX}ISSUERS: {path}: {error.strerror}.") from None
