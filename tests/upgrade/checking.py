"""What has to be true of a database after an upgrade, and everything about it that is not."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TypeAlias
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Connection

from registry.platform.access.principals import Role
from registry.platform.database.migrate import run_on_schema_connection
from registry.platform.database.types import Uuid
from registry.platform.kernel.canonical import canonical
from registry.platform.ledger.schemas import PublicPart
from registry.platform.ledger.tables import ledger_event
from registry.sharing.policy.facts import decode_facts
from tests.support.schema import schema_of
from tests.support.service import Service

Key: TypeAlias = tuple[object, ...]

# Bytes that were hashed, signed or decided on. Whatever a migration does, these stay.
FOR_EVER = (
    ("agreement_version", "canonical"),
    ("agreement_version", "sha256"),
    ("agreement_version_part", "canonical"),
    ("agreement_version_part", "sha256"),
    ("policy_decision", "facts"),
    ("policy_decision", "input_digest"),
    ("policy_decision", "ask_digest"),
    ("ledger_event", "canonical"),
    ("ledger_event", "private"),
)


class Stock(Struct, kw_only=True, frozen=True):
    """The keys of every table's rows, and those bytes of them that stay for ever."""

    keys: dict[str, set[Key]]
    for_ever: dict[tuple[str, str], dict[Key, object]]


async def stock_of(url: str) -> Stock:
    """What a database holds."""
    return await run_on_schema_connection(url, _stock)


def _stock(connection: Connection) -> Stock:
    keys = {table: set(_rows(connection, table, ())) for table in _tables(connection)}
    for_ever = {
        (table, column): {tuple(row[:-1]): row[-1] for row in _rows(connection, table, (column,))}
        for table, column in FOR_EVER
    }
    return Stock(keys=keys, for_ever=for_ever)


def _tables(connection: Connection) -> list[str]:
    return [
        name
        for name in sa.inspect(connection).get_table_names()
        if name != "alembic_version" and not re.search(r"_fts($|_)", name)
    ]


def _rows(connection: Connection, table: str, columns: Iterable[str]) -> list[Key]:
    key = sa.inspect(connection).get_pk_constraint(table)["constrained_columns"]
    chosen = ", ".join((*key, *columns))
    return [tuple(row) for row in connection.exec_driver_sql(f"SELECT {chosen} FROM {table}")]


async def faults(url: str, fresh_url: str, before: Stock) -> list[str]:
    """What an upgrade did wrong: to the schema (as one that was made new has it), to rows, keys, indexes and hashes."""
    here, there = await schema_of(url), await schema_of(fresh_url)
    found = [f"schema: {kind} {name} differs from a fresh one" for kind, name, _ in sorted(here ^ there, key=str)]
    after = await stock_of(url)
    found += [
        f"rows: {table} lost {len(lost)}"
        for table, keys in before.keys.items()
        if (lost := keys - after.keys.get(table, set()))
    ]
    found += [
        f"for ever: {table}.{column} changed in {changed} rows"
        for (table, column), values in before.for_ever.items()
        if (changed := sum(after.for_ever[table, column].get(key) != value for key, value in values.items()))
    ]
    return found + await run_on_schema_connection(url, lambda connection: [*_inconsistencies(connection)])


def _inconsistencies(connection: Connection) -> Iterable[str]:
    if connection.dialect.name == "sqlite":
        yield from (f"file: {said}" for (said,) in connection.exec_driver_sql("PRAGMA integrity_check") if said != "ok")
        yield from (f"reference: {row[0]}" for row in connection.exec_driver_sql("PRAGMA foreign_key_check"))
        for (index,) in connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'"
        ).all():
            try:
                connection.exec_driver_sql(f"INSERT INTO {index}({index}, rank) VALUES ('integrity-check', 1)")
            except sa.exc.DBAPIError:
                yield f"search: {index} is not the index of what there is"
    for what, statement, holds in _HASHES:
        wrong = sum(not holds(*row) for row in connection.execute(statement))
        if wrong:
            yield f"hash: {what} of {wrong} rows"


def _is_hash(value: bytes, digest: str) -> bool:
    return sha256(value).hexdigest() == digest


def _facts_hold(facts: bytes, digest: str) -> bool:
    try:
        decode_facts(facts)
    except msgspec.DecodeError:
        return False
    return _is_hash(facts, digest)


def _event_holds(public: bytes, private: bytes, *columns: object) -> bool:
    event = msgspec.json.decode(public, type=PublicPart)
    said = (event.id, event.type, event.subject.id, event.subject.version, event.n, event.occurred_at)
    return (
        canonical(msgspec.json.decode(public)) == public and columns == said and _is_hash(private, event.private_sha256)
    )


_EVENT = ("canonical", "private", "id", "type", "subject_id", "subject_version", "n", "occurred_at")
_HASHES: Sequence[tuple[str, sa.Executable, Callable[..., bool]]] = (
    (
        "agreement_version.sha256",
        sa.select(sa.column("canonical", sa.LargeBinary), sa.column("sha256"))
        .select_from(sa.table("agreement_version"))
        .where(sa.column("canonical").is_not(None)),
        _is_hash,
    ),
    (
        "agreement_version_part.sha256",
        sa.select(sa.column("canonical", sa.LargeBinary), sa.column("sha256")).select_from(
            sa.table("agreement_version_part")
        ),
        _is_hash,
    ),
    (
        "policy_decision.input_digest",
        sa.select(sa.column("facts", sa.LargeBinary), sa.column("input_digest")).select_from(
            sa.table("policy_decision")
        ),
        _facts_hold,
    ),
    ("ledger_event.canonical", sa.select(*(ledger_event.c[name] for name in _EVENT)), _event_holds),
)

# Where the things lie that the contract's paths name, so that each can be read as its users read it.
_THINGS: Mapping[frozenset[str], str] = {
    frozenset({"agency_id"}): "SELECT agency_id FROM acting_agency",
    frozenset({"agreement_id"}): "SELECT id AS agreement_id FROM agreement",
    frozenset({"agreement_id", "version_no"}): "SELECT agreement_id, no AS version_no FROM agreement_version",
    frozenset({"agreement_id", "review_id"}): "SELECT agreement_id, id AS review_id FROM agreement_review_round",
    frozenset({"asset_id"}): "SELECT id AS asset_id FROM asset",
    frozenset({"category_code"}): "SELECT code AS category_code FROM category LIMIT 5",
    frozenset({"decision_id"}): "SELECT id AS decision_id FROM policy_decision",
    frozenset({"document_id"}): "SELECT id AS document_id FROM document",
    frozenset({"feed_id"}): "SELECT id AS feed_id FROM calendar_feed",
    frozenset({"loan_id"}): "SELECT id AS loan_id FROM loan",
    frozenset({"request_id"}): "SELECT id AS request_id FROM request",
    frozenset(): "SELECT 1 AS here",
}
_ROLES = (Role.AUDITOR, Role.LEGAL, Role.COORDINATOR, Role.APPROVER, Role.AGENCY_ADMIN)
_IN_BRACES = re.compile(r"\{(\w+)\}")


class Reading(Struct, kw_only=True, frozen=True):
    """The paths of the contract that were answered for something, and the requests that met an error of ours, or an
    answer other than the contract says."""

    answered: set[str]
    broken: list[str]


async def read_everything(service: Service) -> Reading:
    """Every GET of the contract, for each thing there is, by each agency that acts."""
    agencies = [UUID(str(found["agency_id"])) for found in await _things(service, frozenset({"agency_id"}))]
    answered, broken = set(), []
    for template, operations in service.contract.document["paths"].items():
        names = frozenset(_IN_BRACES.findall(template))
        if "get" not in operations or not template.startswith("/v1/") or names not in _THINGS:
            continue
        for path in [template.format(**thing) for thing in await _things(service, names)]:
            for agency in agencies:
                try:
                    response = await service.caller(agency, *_ROLES).get(path)
                except AssertionError as complaint:
                    broken.append(f"read: GET {path}: {complaint}")
                    continue
                if response.is_success:
                    answered.add(template)
                elif response.status_code >= 500:
                    broken.append(f"read: GET {path} → {response.status_code}")
    return Reading(answered=answered, broken=broken)


async def _things(service: Service, names: frozenset[str]) -> list[dict[str, object]]:
    ids = {name: sa.column(name, Uuid) for name in names if name.endswith("_id")}
    rows = await service.database.read().all(sa.text(_THINGS[names]).columns(*ids.values()))
    return [dict(row._mapping) for row in rows]
