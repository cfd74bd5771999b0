"""`registry doctor`: looks at everything that the service stands on, and says what to do about what is wrong.

Each check is by itself: whatever one meets, the others are made, and what it met is its finding. The database is only
read; in the file store a few bytes are kept and removed again.
"""

import asyncio
import email.utils
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo, available_timezones

import click
import msgspec
import sqlalchemy as sa
from msgspec import Struct

from registry.database_tables import check_database
from registry.directory.issuers.queries import list_issuers, trusted_issuers
from registry.platform.access.keys import DISCOVERY, fetch_key_set, parse_key_set
from registry.platform.access.principals import OPERATOR_AGENCY_ID
from registry.platform.database.connect import Database, connect
from registry.platform.database.in_use import Use, used
from registry.platform.database.installation import purpose_of
from registry.platform.database.migrate import SchemaStatus, current_revision, newest_revision, schema_status
from registry.platform.database.snapshot import sqlite_file
from registry.platform.database.sqlite_driver import (
    LEAST_VERSION,
    SAFE_VERSION,
    check_version,
    safe_for_several_processes,
    sqlite_module,
)
from registry.platform.files.confinement import Confinement, available
from registry.platform.files.opening import open_store
from registry.platform.files.reading import find_recogniser
from registry.platform.issuers import Issuer
from registry.platform.kernel.errors import DomainError
from registry.platform.kernel.time import utc_now
from registry.platform.print.pdf import is_installed
from registry.platform.settings import Settings, SettingsError, load
from registry.shipped_rules import policies_and_rules

_LEAST_FREE, _LITTLE_FREE = 100 * 2**20, 2**30
_FEW_ZONES = 400
_SKEW_WORTH_TELLING = 2.0
_ANSWER_SECONDS = 5
_LEAST_POSTGRESQL = 140_000


class Grade(StrEnum):
    """How it stands with one thing."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


class Finding(Struct, kw_only=True, frozen=True):
    """What one check found; `advice` says what to do, where something is to be done."""

    grade: Grade
    about: str
    said: str
    advice: str = ""


def _ok(about: str, said: str) -> Finding:
    return Finding(grade=Grade.OK, about=about, said=said)


def _warning(about: str, said: str, advice: str) -> Finding:
    return Finding(grade=Grade.WARNING, about=about, said=said, advice=advice)


def _failure(about: str, said: str, advice: str) -> Finding:
    return Finding(grade=Grade.FAILURE, about=about, said=said, advice=advice)


def examine() -> None:
    """Print every finding; end with 2 for wrong settings, and with 1 when anything else fails."""
    found = list(_each("SQLite", _sqlite)) + list(_each("time zones", _zones))
    try:
        settings = load()
    except SettingsError as error:
        _print([*found, _failure("settings", str(error), "correct it; README lists all settings")])
        raise SystemExit(2) from None
    found += _of_settings(settings)
    _print(found)
    if any(each.grade is Grade.FAILURE for each in found):
        raise SystemExit(1)


def _of_settings(settings: Settings) -> list[Finding]:
    found = [*_each("settings", lambda: _mode(settings))]
    found += _each("policies", lambda: _policies(settings))
    for about, place in _places(settings).items():
        found += _each(about, lambda about=about, place=place: _room(about, place))  # type: ignore[misc]  # bound now
    found += asyncio.run(_reached(settings))
    found += _each("optional parts", lambda: _optional(settings))
    return found


def _each(about: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a check finds, and what it met where it ends early."""
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is found, and the other checks are made
        yield _met(about, error)


def _met(about: str, error: BaseException) -> Finding:
    words = error.detail if isinstance(error, DomainError) else str(error)
    cause = str(error.__cause__ or "") if isinstance(error, DomainError) else ""
    said = (words or type(error).__name__).splitlines()[0]
    return _failure(about, f"{said} ({cause.splitlines()[0]})" if cause else said, _advice(about))


def _advice(about: str) -> str:
    return {
        "database": "check REGISTRY_DATABASE_URL, the network and the account; docs/operations.md",
        "documents": "check REGISTRY_DATA_DIR or REGISTRY_DOCUMENTS_URL, and who may write there",
        "policies": "check REGISTRY_POLICIES_DIR with `registry policy test`",
    }.get(about, "see what is said, and the log")


def _print(found: Sequence[Finding]) -> None:
    for each in found:
        click.echo(f"{each.grade:<8} {each.about}: {each.said}")
        if each.advice:
            click.echo(f"{'':8} -> {each.advice}")
    counted = {grade: sum(each.grade is grade for each in found) for grade in Grade}
    click.echo(f"{counted[Grade.OK]} ok, {counted[Grade.WARNING]} warnings, {counted[Grade.FAILURE]} failures.")


def _sqlite() -> Iterator[Finding]:
    version = sqlite_module().sqlite_version
    least, safe = (".".join(map(str, each)) for each in (LEAST_VERSION, SAFE_VERSION))
    try:
        check_version()
    except SettingsError as error:
        yield _warning("SQLite", f"{version}, older than {least}", f"{error} PostgreSQL does not need it.")
        return
    if safe_for_several_processes():
        yield _ok("SQLite", f"{version}; Python {sys.version.split()[0]}")
        return
    yield _warning(
        "SQLite",
        f"{version}, older than {safe}: imports cannot run beside a server",
        "install pysqlite3 where it is to be had, or stop the server for an import",
    )


def _zones() -> Iterator[Finding]:
    known = len(available_timezones())
    ZoneInfo("America/Chicago")
    if known < _FEW_ZONES:
        yield _warning(
            "time zones", f"only {known} are known", "install the system's tzdata, or Python's package tzdata"
        )
    else:
        yield _ok("time zones", f"{known} are known")


def _mode(settings: Settings) -> Iterator[Finding]:
    if settings.demo:
        yield _warning(
            "settings", "demonstration mode: anybody can have a token", "unset REGISTRY_DEMO where real agencies work"
        )
    else:
        yield _ok("settings", "read, and without contradiction")


def _policies(settings: Settings) -> Iterator[Finding]:
    policies_and_rules(settings)
    yield _ok("policies", f"{settings.policies_dir} is complete")


def _places(settings: Settings) -> dict[str, Path]:
    places = {"data directory": settings.data_dir.resolve(), "temporary files": Path(tempfile.gettempdir())}
    if settings.database_url.startswith("sqlite:"):
        places["database folder"] = sqlite_file(settings.database_url).parent
    return places


def _room(about: str, place: Path) -> Iterator[Finding]:
    """Whether anything can be written there, and how much."""
    there = place
    while not there.exists():
        there = there.parent
    if there != place and not os.access(there, os.W_OK):
        yield _failure(about, f"{place} is not there and cannot be made", f"make it, for the account {os.getuid()}")
        return
    if there == place:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"x")
    if there != place and not shutil.disk_usage(there).total:
        yield _failure(about, f"{place} is not there and cannot be made", "name a place on a disk")
        return
    free, size = shutil.disk_usage(there).free, shutil.disk_usage(there).total
    said = f"{place} has {free // 2**20:,} MiB free of {size // 2**20:,}"
    if free < _LEAST_FREE:
        yield _failure(about, said, "make room: soon nothing can be stored")
    elif free < _LITTLE_FREE:
        yield _warning(about, said, "make room, or watch it")
    else:
        yield _ok(about, said)


def _optional(settings: Settings) -> Iterator[Finding]:
    printing = is_installed()
    if available() is Confinement.CONFINED:
        yield _ok("file reading", "a process that reads a file has no files, network or other processes")
    else:
        yield _warning(
            "file reading",
            "this system sets limits to a process that reads a file, and cannot refuse it files and network",
            "serve on Linux on x86-64 or arm64, with seccomp filters, where files come from strangers",
        )
    yield _ok("PDF printing", "on" if printing else "not installed (`pip install typst`, or requirements-print.lock)")
    if not settings.recognise_text:
        yield _ok("text of pictures", "off (REGISTRY_RECOGNISE_TEXT)")
    elif program := find_recogniser():
        yield _ok("text of pictures", program)
    else:
        yield _failure(
            "text of pictures",
            "REGISTRY_RECOGNISE_TEXT is on, and tesseract is not installed",
            "install it (Debian: apt install tesseract-ocr), or turn the setting off",
        )


async def _reached(settings: Settings) -> list[Finding]:
    """What is reached over sockets, or with the library that waits for them."""
    found = await _all("documents", lambda: _documents(settings))
    issuers: Sequence[Issuer] = settings.issuers
    told = False

    async def database() -> AsyncIterator[Finding]:
        nonlocal issuers, told
        async for each in _database(settings):
            if isinstance(each, Finding):
                yield each
            else:
                issuers, told = each, True

    found += await _all("database", database)
    speaks = settings.demo or any(each.speaks_for(OPERATOR_AGENCY_ID) for each in issuers)
    if not speaks and not told:
        found.append(
            _warning(
                "issuers",
                "those of the database are not looked at, since it does not tell them",
                "see to the database first",
            )
        )
    elif not speaks:
        found.append(
            _warning(
                "issuers",
                "none speaks for the operator, so that nobody can administer the registry",
                "run `registry init --issuer … --administrator-role …`, or `registry issuer enable ISSUER`",
            )
        )
    for issuer in issuers:
        found += await _all(f"issuer {issuer.issuer}", lambda issuer=issuer: _issuer(settings, issuer))  # type: ignore[misc]
    return found


async def _all(about: str, check: Callable[[], AsyncIterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        async for each in check():
            found += [each]  # kept also when the check ends early
    except Exception as error:  # noqa: BLE001  # as for the others
        found.append(_met(about, error))
    return found


async def _documents(settings: Settings) -> AsyncIterator[Finding]:
    """Keeps, reads and removes a few bytes that nobody else has."""
    store, content = open_store(settings), secrets.token_bytes(32)

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    place = settings.documents_url.partition("?")[0] or str(settings.data_dir.resolve() / "documents")
    async with store.receive(chunks()) as received:
        await store.keep(received)
        try:
            back = b"".join([chunk async for chunk in await store.open(received.sha256)])
        finally:
            await store.forget(received.sha256)
    if back != content:
        yield _failure("documents", f"{place} gives back something else than was kept", "replace that storage")
    else:
        yield _ok("documents", f"{place} keeps and gives back")


async def _database(settings: Settings) -> AsyncIterator[Finding | Sequence[Issuer]]:
    """Findings, and the issuers whose tokens are accepted, where the database tells them."""
    url = settings.database_url
    if url.startswith("sqlite:") and not sqlite_file(url).is_file():
        yield _failure("database", f"there is none at {sqlite_file(url)}", "run `registry migrate`, or correct the URL")
        return
    with used(url, Use.READ):
        database = connect(url, pooler=settings.database_pooler)
        try:
            async for each in _of_database(settings, database):
                yield each
        finally:
            await database.close()


async def _of_database(settings: Settings, database: Database) -> AsyncIterator[Finding | Sequence[Issuer]]:
    revision, newest = await current_revision(database), newest_revision()
    await check_database(database, purpose_of(demo=settings.demo))
    kind = f"SQLite, {sqlite_file(settings.database_url)}"
    if database.dialect == "postgresql":
        version = int(await database.read().value(sa.text("SELECT current_setting('server_version_num')")))
        kind = f"PostgreSQL {version // 10_000}.{version % 10_000}"
        if version < _LEAST_POSTGRESQL:
            yield _failure("database", f"{kind} is too old", "take PostgreSQL 14 or newer")
        if await database.read().value(sa.text("SELECT pg_is_in_recovery()")):
            yield _failure("database", f"{kind} is a standby, which takes no changes", "name the primary in the URL")
        async for each in _clock_of(settings, database):
            yield each
    elif not os.access(sqlite_file(settings.database_url), os.W_OK):
        yield _failure("database", f"{kind} cannot be written", f"let the account {os.getuid()} write it")
    schema = await schema_status(database)
    if schema is SchemaStatus.NEWER:
        yield _failure("database", f"{kind} has schema {revision} of a later version", "run the version that made it")
        return
    if not schema.is_served:
        known = "is empty" if revision is None else f"has schema {revision}, and this version needs {newest}"
        yield _failure("database", f"{kind} {known}", "run `registry migrate`; back up first")
        return
    later = ", of a later version that lets this one serve" if schema is SchemaStatus.NEWER_COMPATIBLE else ""
    yield _ok("database", f"{kind}, schema {revision}{later}")
    trusted = await trusted_issuers(database.read(), settings.issuers, None)
    if trusted is not None:
        yield trusted[1]
    for listed in (await list_issuers(database.read(), settings.issuers)).items:
        operators = any(one.agency.id == OPERATOR_AGENCY_ID for one in listed.agencies)
        if not listed.enabled and (operators or listed.every_agency):
            yield _warning(
                f"issuer {listed.issuer}",
                "it speaks for the operator, and is disabled",
                f"run `registry issuer enable {listed.issuer}`, unless it is meant to be",
            )


async def _clock_of(settings: Settings, database: Database) -> AsyncIterator[Finding]:
    before = utc_now()
    theirs = await database.read().value(sa.text("SELECT clock_timestamp()"))
    after = utc_now()
    apart = abs((theirs - before - (after - before) / 2).total_seconds())
    yield _skew("clock", "the database's", apart, settings)


def _skew(about: str, whose: str, apart: float, settings: Settings) -> Finding:
    said = f"{apart:.1f} s from {whose}"
    if apart > settings.clock_skew_seconds:
        return _failure(about, said, "let both follow the same time (chrony): tokens are refused")
    if apart > _SKEW_WORTH_TELLING:
        return _warning(about, said, "let both follow the same time (chrony)")
    return _ok(about, said)


async def _issuer(settings: Settings, issuer: Issuer) -> AsyncIterator[Finding]:
    about = f"issuer {issuer.issuer}"
    if issuer.cannot_tell_agencies:
        yield _failure(
            about,
            "all its tokens are refused: it speaks for several agencies, and its tokens need not name theirs (`only`)",
            "set `agency_by` of its claim map to `value` or `ori`, or leave it one agency",
        )
    if issuer.keys is None:
        try:
            keys = parse_key_set(msgspec.json.decode(await asyncio.to_thread(fetch_key_set, issuer)), issuer.algorithms)
        except Exception as error:  # noqa: BLE001  # whatever it is, its keys cannot be had
            yield _failure(
                about,
                f"its keys cannot be fetched: {error or type(error).__name__}",
                "check the address letter by letter, the network, and docs/identity.md",
            )
            return
        async for each in _clock_of_issuer(settings, issuer):
            yield each
    else:
        keys = parse_key_set(issuer.keys, issuer.algorithms)
    usable = len({kid for kid, _ in keys.keys})
    skipped = "; ".join(f"{key.kid or 'a key without id'}: {key.reason}" for key in keys.skipped[:3])
    if not usable:
        yield _failure(about, f"none of its keys can be used: {skipped or 'it has none'}", "docs/identity.md")
    elif skipped:
        yield _warning(about, f"{usable} keys; not used are {skipped}", "let the provider publish usable keys")
    else:
        yield _ok(about, f"{usable} keys")


async def _clock_of_issuer(settings: Settings, issuer: Issuer) -> AsyncIterator[Finding]:
    """By the `Date` of its answer, where it says one. It counts whole seconds."""
    url = issuer.jwks_url or issuer.issuer.rstrip("/") + DISCOVERY

    def date() -> str | None:
        request = Request(url, headers={"Accept": "application/json"})  # noqa: S310  # https, or this machine
        with urlopen(request, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310
            said: str | None = answer.headers["Date"]
            return said

    if (said := await asyncio.to_thread(date)) is not None:
        apart = abs((utc_now() - email.utils.parsedate_to_datetime(said)).total_seconds())
        yield _skew(f"issuer {issuer.issuer}", "its clock", max(0.0, apart - 1), settings)
