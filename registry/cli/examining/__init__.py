"""`registry doctor`: looks at everything that the service stands on, and says what to do about what is wrong.

Each check is by itself: whatever one meets, the others are made, and what it met is its finding. In the database the
moment of the try is stored, which says nothing else; in the file store a few bytes are kept and removed again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager

import structlog

from registry.cli.examining import machine, storage
from registry.cli.examining.database import examine_database
from registry.cli.examining.issuers import examine_issuer
from registry.cli.examining.mail import examine_mail
from registry.cli.findings import Finding, Grade, failure, met, ok, show, warning
from registry.platform.access.principals import OPERATOR_AGENCY_ID
from registry.platform.access.second_operator import checked_acts
from registry.platform.issuers import Issuer
from registry.platform.settings import Settings, SettingsError, load
from registry.shipped_rules import policies_and_rules


def examine() -> None:
    """Print every finding; end with 2 for wrong settings, and with 1 when anything else fails."""
    found = list(_each("SQLite", machine.sqlite)) + list(_each("time zones", machine.zones))
    try:
        settings = load()
    except SettingsError as error:
        show([*found, failure("settings", str(error), "correct it; README lists all settings")])
        raise SystemExit(2) from None
    with _without_log():
        found += _of_settings(settings)
    show(found)
    if any(each.grade is Grade.FAILURE for each in found):
        raise SystemExit(1)


@contextmanager
def _without_log() -> Iterator[None]:
    """What a service would log is a finding here, and its lines would stand among the findings."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def _of_settings(settings: Settings) -> list[Finding]:
    found = [*_each("settings", lambda: _mode(settings))]
    found += _each("data directory", lambda: _data_dir(settings))
    found += _each("second operator", lambda: _second_operator(settings))
    found += _each("open files", lambda: machine.limits(settings))
    found += _each("HOST and PORT", lambda: machine.listening(settings))
    found += _each("policies", lambda: _policies(settings))
    for about, place in storage.places(settings).items():
        found += _each(about, lambda about=about, place=place: storage.room(about, place))  # type: ignore[misc]  # bound now
    found += _each("file permissions", lambda: storage.privacy(settings))
    found += asyncio.run(_reached(settings))
    found += _each("optional parts", lambda: machine.optional_parts(settings))
    return found


def _each(about: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """What a check finds, and what it met where it ends early."""
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is found, and the other checks are made
        yield met(about, error)


def _mode(settings: Settings) -> Iterator[Finding]:
    if settings.demo:
        yield warning(
            "settings", "demonstration mode: anybody can have a token", "unset REGISTRY_DEMO where real agencies work"
        )
    else:
        yield ok("settings", "read, and without contradiction")


def _data_dir(settings: Settings) -> Iterator[Finding]:
    if not settings.data_dir.is_absolute() and not settings.demo:
        yield warning(
            "data directory",
            f"REGISTRY_DATA_DIR is {settings.data_dir}, which is another place for each folder that one starts in",
            f"write it from the root: {settings.data_dir.resolve()}",
        )


def _second_operator(settings: Settings) -> Iterator[Finding]:
    acts = sorted(checked_acts(settings.second_operator_for))
    if acts:
        yield ok("second operator", f"needed for {', '.join(acts)}; so two administrators have to be there")
    else:
        yield ok("second operator", "none is needed: each administrator acts alone (REGISTRY_SECOND_OPERATOR_FOR)")


def _policies(settings: Settings) -> Iterator[Finding]:
    policies_and_rules(settings)
    yield ok("policies", f"{settings.policies_dir} is complete")


async def _reached(settings: Settings) -> list[Finding]:
    """What is reached over sockets, or with the library that waits for them."""
    found = await _all("documents", lambda: storage.documents(settings))
    found += await _all("mail", lambda: examine_mail(settings))
    issuers: Sequence[Issuer] = settings.issuers
    told = False

    async def database() -> AsyncIterator[Finding]:
        nonlocal issuers, told
        async for each in examine_database(settings):
            if isinstance(each, Finding):
                yield each
            else:
                issuers, told = each, True

    found += await _all("database", database)
    speaks = settings.demo or any(each.speaks_for(OPERATOR_AGENCY_ID) for each in issuers)
    if not speaks and not told:
        found.append(
            warning(
                "issuers",
                "those of the database are not looked at, since it does not tell them",
                "see to the database first",
            )
        )
    elif not speaks:
        found.append(
            warning(
                "issuers",
                "none speaks for the operator, so that nobody can administer the registry",
                "run `registry init --issuer … --administrator-role …`, or `registry issuer enable ISSUER`",
            )
        )
    for issuer in issuers:
        found += await _all(f"issuer {issuer.issuer}", lambda issuer=issuer: examine_issuer(settings, issuer))  # type: ignore[misc]
    return found


async def _all(about: str, check: Callable[[], AsyncIterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        async for each in check():
            found += [each]  # kept also when the check ends early
    except Exception as error:  # noqa: BLE001  # as for the others
        found.append(met(about, error))
    return found
