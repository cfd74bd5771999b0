"""A tracker for tests: rows about agreements, what an import makes of them, and its report read back."""

from itertools import count
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from registry.agreements.instruments.tables import agreement, agreement_party_window, agreement_signature
from registry.agreements.tracker.commands.importing import import_agreements
from registry.agreements.tracker.rows import Options, read_rows
from registry.agreements.tracker.schemas import AgreementImportReport
from registry.agreements.tracker.tables import tracker_entry
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Principal, Role
from registry.platform.access.principals import Caller as CallerFacts
from registry.platform.database.connect import Database
from registry.platform.kernel.time import utc_now
from registry.platform.ledger.tables import ledger_event
from tests.support.agreements import EVIDENCE
from tests.support.cast import Agency
from tests.support.service import Service
from tests.support.sheets import csv_bytes, read, sheet_of, xlsx_bytes

KEY = b"the key of this test, no secret at all"
PATH = "/v1/agreement-imports"
_numbers = count(1)


def operator(*roles: Role) -> CallerFacts:
    principal = Principal(
        subject="operator",
        agency_id=OPERATOR_AGENCY_ID,
        roles=frozenset(roles or {Role.REGISTRY_ADMIN}),
        scopes=frozenset({"*"}),
        token_id="t-1",
        issuer="test",
    )
    return CallerFacts(principal=principal, now=utc_now(), trace_id="import-test")


def draft(*parties: Agency, **cells: Any) -> dict[str, Any]:
    """A row about an agreement that is not signed yet."""
    return {
        "number": f"TR-{uuid4().hex[:12]}",
        "title": "Mutual aid from the tracker (demo)",
        "kind": "Mutual Aid",
        "parties": "; ".join(str(party.id) for party in parties),
        "custodian": str(parties[0].id),
        "effective_on": "2025-01-01",
        "categories": "k9; vehicle",
        **cells,
    }


def signed(*parties: Agency, **cells: Any) -> dict[str, Any]:
    """A row about one that is."""
    return draft(*parties, signed_on="2025-01-01", signatory_title="Sheriff", evidence_sha256=EVIDENCE, **cells)


async def take(
    service: Service, *rows: dict[str, Any], dry_run: bool = False, xlsx: bool = False, **said: Any
) -> AgreementImportReport:
    """What becomes of the rows of one file."""
    lines = sheet_of(*rows)
    table = read(xlsx_bytes(*lines), "tracker.xlsx") if xlsx else read(csv_bytes(*lines))
    options = Options(**said)
    found, headers = read_rows(table, options)
    return await import_agreements(
        service.database, operator(), KEY, found, options, unread_columns=headers.unread, dry_run=dry_run
    )


def counts(report: AgreementImportReport) -> tuple[int, int, int, int]:
    return report.created, report.updated, report.unchanged, report.refused


def refusals(report: AgreementImportReport) -> list[str]:
    """Each fault, as the command line prints it."""
    return [str(fault) for row in report.rows for fault in row.faults]


async def shown(agency: Agency, report: AgreementImportReport) -> dict[str, Any]:
    """The only agreement of the report, as its party sees it."""
    (row,) = report.rows
    found: dict[str, Any] = await agency.legal.done("GET", f"/v1/agreements/{row.agreement_id}")
    return found


async def events(agency: Agency, agreement_id: object) -> list[str]:
    history = await agency.auditor.done("GET", f"/v1/agreements/{agreement_id}/history?sort=version")
    return [event["type"] for event in history["items"]]


async def everything(database: Database) -> dict[str, list[Any]]:
    """Every row that an import could touch."""
    return {
        table.name: sorted((tuple(row) for row in await database.read().all(sa.select(table))), key=repr)
        for table in (agreement, agreement_signature, agreement_party_window, tracker_entry, ledger_event)
    }
