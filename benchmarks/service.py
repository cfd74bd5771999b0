"""This service as a target: a database of the wanted size, a token, and what to post.

Agencies and assets are inserted in bulk; what the operations rest on (agreement, decisions) is made by the commands
that the API uses. All assets are shared with the network, so visibility is checked on every row; those of the caller's
own agency are what it lends.
"""

import asyncio
import random
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import msgspec
import sqlalchemy as sa

from benchmarks.requests import loan_window, new_loan
from benchmarks.targets import Prepared
from benchmarks.yardsticks.schema import DECISIONS, OWN_ASSETS
from registry.agreements.instruments.commands.recording import confirm, record_agreement
from registry.agreements.instruments.rules import AgreementKind
from registry.agreements.instruments.schemas.given import Confirmation, RecordedAgreement
from registry.agreements.instruments.terms import Terms
from registry.database_tables import bring_up_to_date
from registry.directory.agencies.tables import agency
from registry.platform.access.development import development_token
from registry.platform.access.principals import Caller, Principal, Role
from registry.platform.access.tables import acting_agency
from registry.platform.database.connect import Database, connect, unit_of_work
from registry.platform.database.installation import Purpose
from registry.platform.database.search import cell_token
from registry.platform.kernel.geo import cell_of
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.time import Window, utc_now
from registry.platform.kernel.words import index_words
from registry.platform.settings import load
from registry.resources.assets.tables import asset
from registry.sharing.policy.cedar import load_policy_set
from registry.sharing.policy.commands.deciding import LoanAsked, decide_ask
from registry.sharing.policy.queries.getting import decision_row
from registry.sharing.policy.tables import policy_decision

AGENCIES = 200
CATEGORIES = ("k9.narcotics", "k9.explosives", "vehicle.command_post", "vehicle.patrol", "lab.dna", "aircraft.drone")
NOT_LENT = ("aircraft.drone", "lab.dna")
"""Whose loans need a review, and whose are booked by the week: no loan of two hours can be made at once."""
CHUNK = 250
"""Rows of one statement, which the service gives eleven seconds, also on a busy machine."""


def prepare(database_url: str, assets: int) -> Prepared:
    """Schema, rows and decisions in the empty database at `database_url`."""
    url = database_url.replace("sqlite+aiosqlite:", "sqlite:", 1)
    folder = Path(tempfile.mkdtemp(prefix="registry-benchmark-data-"))
    settings = load(
        {
            "REGISTRY_DEMO": "1",
            "REGISTRY_DATA_DIR": str(folder),
            "REGISTRY_DATABASE_URL": url,
            "REGISTRY_LOG_LEVEL": "info",
        }
    )
    lender, decisions = asyncio.run(_fill(url, assets, settings.policies_dir))
    token = development_token(
        settings,
        agency_id=lender,
        roles=[Role.COORDINATOR, Role.AGENCY_ADMIN],
        subject="coordinator-1",
        now=utc_now(),
    )
    return Prepared(
        token=token,
        categories=CATEGORIES,
        environment={
            "REGISTRY_DEMO": "1",
            "REGISTRY_DATA_DIR": str(folder),
            "REGISTRY_DATABASE_URL": url,
            "REGISTRY_LOG_LEVEL": "info",
            "REGISTRY_RATE_PER_PRINCIPAL": "0",
            "REGISTRY_RATE_PER_AGENCY": "0",
        },
        asset_body=new_asset,
        loan_body=partial(new_loan, decisions),
    )


def new_asset(n: int) -> tuple[bytes, bytes]:
    """The n-th asset to register, and the tag its answer must hold."""
    tag = f"N-{n:09d}"
    body = {
        "category": "k9.narcotics",
        "name": f"Narcotics detection team {n}",
        "description": f"Handler and dog, certified to the state standard; staged at substation {n % 97}.",
        "tag": tag,
        "type_level": 1 + n % 4,
        "sharing": "network",
        "location": {"latitude": 30.25, "longitude": -97.75},
        "hourly_rate": {"amount": "125.00", "currency": "USD"},
    }
    return msgspec.json.encode(body), tag.encode()


async def _fill(url: str, assets: int, policies_dir: Path) -> tuple[UUID, tuple[str, ...]]:
    await bring_up_to_date(url, Purpose.DEMONSTRATION)
    database = connect(url)
    try:
        agencies = [new_id() for _ in range(AGENCIES)]
        async with unit_of_work(database) as write:
            await write.run(agency.insert(), [_agency(agency_id, n) for n, agency_id in enumerate(agencies)])
            await write.run(acting_agency.insert(), [{"agency_id": agency_id} for agency_id in agencies])
        own: list[UUID] = []
        rows: list[dict[str, object]] = []
        for row in _assets(agencies, assets):
            rows.append(row)
            if row["agency_id"] == agencies[0] and row["category"] not in NOT_LENT:
                own.append(row["id"])  # type: ignore[arg-type]  # an id
            if len(rows) == CHUNK:
                async with unit_of_work(database) as write:
                    await write.run(asset.insert(), rows)
                rows = []
        if rows:
            async with unit_of_work(database) as write:
                await write.run(asset.insert(), rows)
        if database.dialect == "postgresql":  # as autovacuum does; on SQLite the service gathers no statistics
            for statement in ("ANALYZE asset", "ANALYZE"):  # the large table alone: a statement has ten seconds
                async with unit_of_work(database) as write:
                    await write.run(sa.text(statement))
        return agencies[0], await _decisions(database, agencies[0], agencies[1], own, policies_dir)
    finally:
        await database.close()


def _agency(agency_id: UUID, n: int) -> dict[str, object]:
    now = utc_now()
    return {
        "id": agency_id,
        "name": f"Benchmark agency {n}",
        "kind": "city",
        "level": "local",
        "state": "TX",
        "counties": [],
        "latitude": 30.2,
        "longitude": -97.7,
        "cell": cell_of(30.2, -97.7),
        "time_zone": "America/Chicago",
        "status": "active",
        "search_text": index_words(f"Benchmark agency {n}"),
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def _assets(agencies: Sequence[UUID], count: int) -> Iterator[dict[str, object]]:
    draw = random.Random(11)
    now = utc_now()
    for n in range(count):
        category = CATEGORIES[n % len(CATEGORIES)]
        latitude, longitude = draw.uniform(26, 36), draw.uniform(-106, -94)
        name = f"{category.replace('.', ' ')} {n}"
        description = f"Certified to the state standard; staged at substation {n % 97}, on call around the clock."
        cell = cell_of(latitude, longitude)
        words = f"{index_words(name, description, f'B-{n:07d}')} {cell_token(cell)}"
        yield {
            "id": new_id(),
            "agency_id": agencies[0] if n < OWN_ASSETS else agencies[n % len(agencies)],
            "category": category,
            "name": name,
            "description": description,
            "tag": f"B-{n:07d}",
            "tag_key": f"b-{n:07d}",
            "type_level": 1 + n % 4,
            "capacity": 1,
            "sharing": "network",
            "service_status": "in_service",
            "latitude": latitude,
            "longitude": longitude,
            "cell": cell,
            "mobilisation_minutes": 60,
            "hourly_rate_minor": 12_500,
            "currency": "USD",
            "funding": [],
            "certification_required": False,
            "certifications": [],
            "attributes": {},
            "search_text": words,
            "service_changed_at": now,
            "described_at": now,
            "allocation_version": 0,
            "version": 1,
            "created_at": now,
            "public_updated_at": now,
            "updated_at": now,
        }


def _caller(agency_id: UUID, role: Role) -> Caller:
    principal = Principal(
        subject=f"{role}@benchmark",
        agency_id=agency_id,
        roles=frozenset({role}),
        scopes=frozenset({"*"}),
        token_id="benchmark",
        issuer="benchmark",
    )
    return Caller(principal=principal, now=utc_now(), trace_id="benchmark")


async def _decisions(
    database: Database, lender: UUID, borrower: UUID, own: Sequence[UUID], policies_dir: Path
) -> tuple[str, ...]:
    """Permitted decisions, each for an asset and window that no other has.

    One of each asset is made, and the others are its copies: they hold the facts of the asset that was asked for.
    """
    policies = load_policy_set(policies_dir)
    today = datetime.now(UTC).date()
    paper = RecordedAgreement(
        number="BENCH-1",
        title="Benchmark mutual aid",
        kind=AgreementKind.MUTUAL_AID,
        parties=[lender, borrower],
        time_zone="America/Chicago",
        effective_on=today - timedelta(days=10),
        terms=Terms(categories=["any"]),
        signed_on=today - timedelta(days=20),
        signatory_title="Chief",
        evidence_sha256="0" * 64,
    )
    async with unit_of_work(database) as write:
        recorded = await record_agreement(write, _caller(lender, Role.LEGAL), b"benchmark", paper)
        assert recorded.version_sha256 is not None
        word = Confirmation(
            version_sha256=recorded.version_sha256, signatory_title="Chief", signed_on=today - timedelta(days=20)
        )
        await confirm(write, _caller(borrower, Role.LEGAL), recorded.id, word, None)
    caller = _caller(borrower, Role.COORDINATOR)
    assets = [str(one) for one in own]
    made: list[UUID] = []
    patterns: dict[str, dict[str, object]] = {}
    rows: list[dict[str, object]] = []
    for n in range(DECISIONS):
        chosen, start, end = loan_window(n, assets)
        if chosen not in patterns:
            async with unit_of_work(database) as write:
                asked = LoanAsked(
                    asset_id=UUID(chosen),
                    quantity=1,
                    window=Window(start=start, end=end),
                    purpose="mutual_aid",
                    priority="routine",
                    requesting_agency_id=borrower,
                )
                decided = await decide_ask(write, caller, policies, asked)
            assert decided.recorded.outcome == "permitted", decided.recorded.decision.reasons
            made.append(decided.recorded.id)
            patterns[chosen] = dict((await decision_row(database.read(), made[-1]))._mapping)
            continue
        made.append(new_id())
        rows.append(
            {**patterns[chosen], "id": made[-1], "root_decision_id": made[-1], "starts_at": start, "ends_at": end}
        )
    for first in range(0, len(rows), CHUNK):
        async with unit_of_work(database) as write:
            await write.run(policy_decision.insert(), rows[first : first + CHUNK])
    return tuple(map(str, made))
