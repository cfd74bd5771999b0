"""Liveness and readiness, and the metrics for Prometheus. Public, and without data of anyone."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, TypeAlias

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from registry.platform.database.connect import Database
from registry.platform.database.migrate import SchemaStatus, current_revision, newest_revision, schema_status
from registry.platform.database.probe import WriteProbe
from registry.platform.http.draining import Draining
from registry.platform.kernel.errors import Busy, Damaged

OK = "ok"
MIGRATE = "run `registry migrate` (or `registry serve --migrate`)"
CHECK_SECONDS = 2.0
"""Whoever asks waits at most this long for the database, which then counts as failed."""
NO_ISSUER = "none is known, so that nobody can call: run `registry init`"


class IssuerStatus(StrEnum):
    """How it stands with the keys of a token issuer."""

    OK = "ok"
    STALE = "stale"
    NO_KEYS = "no_keys"


class SkippedKey(msgspec.Struct, kw_only=True, frozen=True):
    """A key of an issuer that is not used."""

    kid: Annotated[str | None, Meta(description="The key's id; null where it has none.")]
    reason: Annotated[str, Meta(description="Why it is not used.")]


class IssuerHealth(msgspec.Struct, kw_only=True, frozen=True):
    """How it stands with the keys of one token issuer. Its trouble is its own: the service stays ready."""

    issuer: Annotated[str, Meta(description="The issuer, as its tokens name it in `iss`.")]
    status: IssuerStatus
    keys: Annotated[int, Meta(ge=0, description="How many of its keys can be used.")]
    keys_age_seconds: Annotated[
        int | None, Meta(description="How long ago they were last fetched; null for keys that are in the settings.")
    ]
    error: Annotated[str | None, Meta(description="The kind of error of the last fetch; the log says more.")]
    skipped_keys: Annotated[
        Sequence[SkippedKey],
        Meta(
            description="Its keys that are not used, and why; keys for encryption, which no token needs, are left out."
        ),
    ]
    for_service_clients: Annotated[
        bool, Meta(description="Whether it is the registry itself, which issues tokens to service clients alone.")
    ] = False


class ClientKeysHealth(msgspec.Struct, kw_only=True, frozen=True):
    """How it stands with the key sets that service clients publish, of those that were needed in the last hour."""

    ok: Annotated[int, Meta(ge=0, description="How many are fresh.")] = 0
    stale: Annotated[int, Meta(ge=0, description="How many cannot be fetched; the keys known before are used.")] = 0
    no_keys: Annotated[int, Meta(ge=0, description="Of how many no key is known.")] = 0


class Health(msgspec.Struct, kw_only=True, frozen=True):
    """Whether the process is alive, or ready to serve."""

    status: str
    checks: dict[str, str] = {}
    text_recognition: Annotated[
        str | None,
        Meta(
            description="Whether the text of pictures is recognised: `off` unless the operator turns it on, `on`, or "
            "`not_installed` where it is turned on and the program is missing. Null for liveness."
        ),
    ] = None
    pdf_printing: Annotated[
        str | None,
        Meta(
            description="Whether the index of an agreement's file comes as PDF too: `on`, or `not_installed` where the "
            "engine is missing. Null for liveness."
        ),
    ] = None
    service_clients: Annotated[
        str | None,
        Meta(
            description="Whether the registry gives tokens to service clients: `on`, or `off` while the operator has "
            "not set `REGISTRY_PUBLIC_URL` and `REGISTRY_SECRET_KEYS`, or as `checks` says. Null for liveness."
        ),
    ] = None
    notices: Annotated[
        str | None,
        Meta(
            description="Whether people are told by mail what newly waits for them: `on`, or `off` while the operator "
            "has named no mail server (`REGISTRY_MAIL_SERVER`), and on a copy (`REGISTRY_COPY`); `checks` says what "
            "cannot be sent. Null for liveness."
        ),
    ] = None
    ledger_signing: Annotated[
        str | None,
        Meta(
            description="Whether checkpoints of the ledger are signed, by which agencies can prove that nothing was "
            "rewritten: `on`, or `off` while the operator has not set `REGISTRY_SECRET_KEYS`; `checks` says where a "
            "key is missing that signed before. Null for liveness."
        ),
    ] = None
    webhooks: Annotated[
        str | None,
        Meta(
            description="Whether events are sent to the webhooks of agencies: `on`, or `off` while the operator has "
            "not set `REGISTRY_SECRET_KEYS`, and on a copy (`REGISTRY_COPY`); `checks` says where a key is missing. "
            "Null for liveness."
        ),
    ] = None
    fan_out: Annotated[
        str | None,
        Meta(
            description="Whether what everybody may hear of is published to a stream of the operator: `on`, or `off` "
            "while the operator has not set `REGISTRY_NATS_URL`, and on a copy (`REGISTRY_COPY`). Null for liveness."
        ),
    ] = None
    schema_status: Annotated[
        SchemaStatus | None,
        Meta(description="What the database's schema is to this process. Null for liveness, and where it is unknown."),
    ] = None
    file_reading: Annotated[
        str | None,
        Meta(
            description="What a process that reads an uploaded file is kept from: `confined` where it has no files, "
            "network or other processes, and limits of time and memory; `limits_only` where this system can set limits "
            "and no more. Null for liveness."
        ),
    ] = None
    issuers: Annotated[
        Sequence[IssuerHealth],
        Meta(description="How it stands with the keys of each token issuer; empty for liveness."),
    ] = ()
    client_keys: Annotated[
        ClientKeysHealth | None,
        Meta(
            description="How it stands with the key sets that service clients publish at a `jwks_uri`; the log names "
            "them. Null for liveness."
        ),
    ] = None


Check: TypeAlias = Callable[[], Awaitable[str]]
"""Tells how it stands with one thing: `ok`, or what is wrong."""

TOLD = frozenset({"documents", "fan_out", "ledger", "log", "mail", "service_clients", "webhooks"})
"""Checks of what others than the process are hurt by, so that it stays ready: everything else works."""

ClientKeys: TypeAlias = Callable[[], ClientKeysHealth]
"""Tells how it stands with the key sets of service clients now."""


async def readiness(
    database: Database,
    probe: WriteProbe,
    background: Mapping[str, str],
    failures: Mapping[str, str],
    issuers: Sequence[IssuerHealth],
    draining: Draining,
    *,
    others: Mapping[str, Check],
    text_recognition: str,
    pdf_printing: str,
    service_clients: str,
    notices: str,
    ledger_signing: str,
    webhooks: str,
    fan_out: str,
    client_keys: ClientKeysHealth,
    file_reading: str,
) -> Health:
    """`ready` when the database answers and stores, its schema is the newest, and the keys of an issuer are known.

    Otherwise with the checks that failed. Trouble with the keys of one issuer among several is told, and no more; the
    registry's own key, for service clients, does not make up for those of all issuers of people. A
    process that is about to end is not ready either, although it still answers. Documents that cannot be kept or read,
    and programs that get no tokens, are told, and no more: everything else works, and other processes may do no better.
    """
    checks, schema = await find_checks(database, probe, background, issuers, others)
    checks["process"] = _process(draining)
    return Health(
        status="ready" if is_ready(checks) else "not_ready",
        checks=with_failures(checks, failures),
        text_recognition=text_recognition,
        pdf_printing=pdf_printing,
        service_clients=service_clients if checks["service_clients"] == OK else "off",
        notices=notices,
        ledger_signing=ledger_signing,
        webhooks=webhooks,
        fan_out=fan_out,
        file_reading=file_reading,
        schema_status=schema,
        issuers=issuers,
        client_keys=client_keys,
    )


async def reading_readiness(
    database: Database, issuers: Sequence[IssuerHealth], clock: Check, draining: Draining
) -> Health:
    """`ready` when the database answers with a schema that is served, the clock is right and keys of issuers are known.

    Nothing is stored to find out, and background work does not count, since all that it does is to store.
    """
    checks, schema = await find_checks(database, None, {}, issuers, {"clock": clock})
    checks["process"] = _process(draining)
    return Health(status="ready" if is_ready(checks) else "not_ready", checks=checks, schema_status=schema)


def _process(draining: Draining) -> str:
    return "about to end: send requests to another" if draining.begun else OK


def is_ready(checks: Mapping[str, str]) -> bool:
    """Whether the checks let the service have requests."""
    return all(found == OK for name, found in checks.items() if name not in TOLD)


def with_failures(checks: Mapping[str, str], failures: Mapping[str, str]) -> dict[str, str]:
    """The checks, with what the last run of each background task failed of.

    A failed run is told, and does not make the service unready by itself: it is made again, and may wait for what few
    requests need. It does when it is overdue, which the task's check then says.
    """
    failed = {name: said for name, said in failures.items() if checks.get(name) == OK}
    return {**checks, **failed}


def check_issuers(issuers: Sequence[IssuerHealth]) -> str:
    """`ok` when the keys of an issuer are known, else what is wrong.

    The registry's own key, for service clients, is always known: where there are issuers of people, it does not count.
    """
    counted = [issuer for issuer in issuers if not issuer.for_service_clients] or issuers
    if any(issuer.status is not IssuerStatus.NO_KEYS for issuer in counted):
        return OK
    return "no keys of any issuer" if counted else NO_ISSUER


async def find_checks(
    database: Database,
    probe: WriteProbe | None,
    background: Mapping[str, str],
    issuers: Sequence[IssuerHealth],
    others: Mapping[str, Check],
) -> tuple[dict[str, str], SchemaStatus | None]:
    """What has to be well for the service to be ready: each check's name with `ok`, or with what is wrong.

    And what the database's schema is to this code; None where that cannot be found out. Without a probe, nothing is
    asked of whether changes can be stored.
    """
    checks, schema = dict(background), None
    checks["issuers"] = check_issuers(issuers)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await database.read().value(sa.select(sa.literal(1)))
            checks["database"] = OK
            schema = await schema_status(database)
            checks["schema"] = OK if schema.is_served else await unserved(database, schema)
            if schema.is_served and probe is not None:
                checks["writes"] = await probe.ask()
    except TimeoutError:
        checks["database"] = f"no answer within {CHECK_SECONDS:.0f} s"
    except Busy:
        checks["database"] = "out of reach: the log says why"
    except Damaged:
        checks["database"] = "damaged: the log says where"
    except Exception as error:  # noqa: BLE001  # whatever it is, the service is not ready, and the check says so
        checks["database"] = type(error).__name__
    for name, check in others.items():
        checks[name] = await check()
    return checks, schema


async def unserved(database: Database, schema: SchemaStatus) -> str:
    """Why a schema that this version may not serve is not served, and what to do."""
    found, newest = await current_revision(database), newest_revision()
    if schema is SchemaStatus.NEWER:
        return f"at {found}, which this version does not know and must not serve: run the version that made it"
    if schema is SchemaStatus.DIFFERENT:
        return f"at {found}, made by another state of the code: `registry migrate` says what differs, and what to do"
    return f"at {found}, needs {newest}: {MIGRATE}"
