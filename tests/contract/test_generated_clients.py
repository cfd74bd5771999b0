"""Clients that others generate from the contract: whole, without a warning, and good for the main job."""

import importlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from registry.platform.access.principals import Role
from registry.platform.kernel.time import utc_now
from registry.platform.settings import load
from tests.support.databases import copy_sqlite
from tests.support.places import ROOT
from tests.support.server import LiveServer, environment, live_server

pytestmark = pytest.mark.long

CONTRACT = ROOT / "openapi" / "registry.json"
PACKAGE = "generated_registry_client"
TYPESCRIPT = {"@hey-api/openapi-ts": "0.99.0", "typescript": "5.9.3"}
PLACE = {"latitude": 44.98, "longitude": -93.27}
EVIDENCE = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package that openapi-python-client makes, which fails on any warning."""
    folder = tmp_path_factory.mktemp("client")
    tools = Path(sys.executable).parent
    done = subprocess.run(
        [
            *(tools / "openapi-python-client", "generate", "--path", CONTRACT, "--output-path", folder / PACKAGE),
            *("--meta", "none", "--fail-on-warning"),
        ],
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout.lower(), done.stdout
    sys.path.insert(0, str(folder))
    yield folder / PACKAGE
    sys.path.remove(str(folder))


def test_every_module_of_the_python_client_imports(generated: Path) -> None:
    package = importlib.import_module(PACKAGE)
    names = [found.name for found in pkgutil.walk_packages(package.__path__, f"{PACKAGE}.")]
    for name in names:
        importlib.import_module(name)
    document = msgspec.json.decode(CONTRACT.read_bytes())
    operations = {op["operationId"] for item in document["paths"].values() for op in item.values()}
    assert operations <= {name.rpartition(".")[2] for name in names}
    assert {"Redline", "Problem"} <= set(dir(importlib.import_module(f"{PACKAGE}.models")))


class Person:
    """Somebody who uses the generated client, and nothing else."""

    def __init__(self, server: LiveServer, token: str, open_until: ExitStack) -> None:
        client = importlib.import_module(PACKAGE).AuthenticatedClient(base_url=server.url, token=token)
        self._client = open_until.enter_context(client)
        self._models = importlib.import_module(f"{PACKAGE}.models")
        document = msgspec.json.decode(CONTRACT.read_bytes())
        self._operations = {op["operationId"]: op for item in document["paths"].values() for op in item.values()}

    def do(self, operation: str, *path: UUID, body: Any = None, **parameters: Any) -> Any:
        """The answer of an operation, as the model that the client makes of it."""
        declared = self._operations[operation]
        module = importlib.import_module(f"{PACKAGE}.api.{declared['tags'][0]}.{operation}")
        for media in declared.get("requestBody", {}).get("content", {}).values():
            model = media["schema"].get("$ref", "").rpartition("/")[2]
            parameters["body"] = getattr(self._models, model).from_dict(body or {}) if model else body
        answer = module.sync_detailed(*path, client=self._client, **parameters)
        assert answer.status_code < 300, f"{operation}: {answer.status_code} {answer.content!r}"
        return answer.parsed


@pytest.fixture
def server(generated: Path, sqlite_url: str, tmp_path: Path) -> Iterator[LiveServer]:
    """A running service."""
    url = copy_sqlite(sqlite_url, tmp_path / "registry.db")
    with live_server(load(environment(url, tmp_path / "data"))) as live:
        yield live


@pytest.fixture
def open_until() -> Iterator[ExitStack]:
    """What closes the clients' connections at the end."""
    with ExitStack() as stack:
        yield stack


def agency(operator: Person, name: str) -> UUID:
    body = {"name": name, "kind": "city", "level": "local", "state": "MN", "location": PLACE}
    made = operator.do("create_agency", body={**body, "time_zone": "America/Chicago"})
    operator.do("activate_agency", made.id, body={"reason": "joined (demo)"})
    found: UUID = made.id
    return found


def test_the_python_client_does_the_main_job(server: LiveServer, open_until: ExitStack) -> None:
    """Search, request, submit, approve, reserve, dispatch, receive, return: with generated code alone."""
    operator = Person(server, server.token(), open_until)
    owner, asking = agency(operator, "Northfork (demo)"), agency(operator, "Lakeside (demo)")

    def person(of: UUID, *roles: Role) -> Person:
        return Person(server, server.token(*roles, agency_id=of, subject=f"{'-'.join(roles)}@{of}"), open_until)

    lawyer, partner = person(owner, Role.LEGAL), person(asking, Role.LEGAL)
    today = utc_now().date()
    signed_on = str(today - timedelta(days=40))
    agreement = lawyer.do(
        "record_agreement",
        body={
            "number": "MA-1",
            "title": "Mutual aid (demo)",
            "kind": "mutual_aid",
            "time_zone": "America/Chicago",
            "parties": [str(owner), str(asking)],
            "effective_on": str(today - timedelta(days=30)),
            "terms": {"categories": ["any"], "approval_over_hours": 24},
            "provisions": [{"number": "1", "heading": "purpose", "text": "Help (demo)."}],
            "signed_on": signed_on,
            "signatory_title": "Sheriff",
            "evidence_sha256": EVIDENCE,
        },
    )
    hand = {"version_sha256": agreement.version_sha256, "signatory_title": "Chief", "signed_on": signed_on}
    confirmed = partner.do("confirm_agreement", agreement.id, body=hand)
    assert confirmed.status.value == "in_force"
    types = importlib.import_module(f"{PACKAGE}.types")
    paper = types.File(payload=BytesIO(b"Memorandum (demo)."))
    kind = importlib.import_module(f"{PACKAGE}.models").DocumentKind.SIGNED_COPY
    filed = lawyer.do("file_document", agreement.id, body=paper, kind=kind)
    assert filed.media_type == "text/plain"
    assert partner.do("get_document_content", filed.id).payload.read() == b"Memorandum (demo)."

    keeper, coordinator = person(owner, Role.AGENCY_ADMIN), person(asking, Role.COORDINATOR)
    post = {"category": "vehicle.command_post", "name": "Command post (demo)", "tag": "CP-1", "location": PLACE}
    asset = keeper.do("create_asset", body={**post, "sharing": "agreement"})
    changed = keeper.do(
        "update_asset",
        asset.id,
        body={"mobilisation_minutes": 30},
        if_match=f'"{asset.version}-00000000"',
    )
    assert changed.mobilisation_minutes == 30

    start = utc_now().replace(minute=0, second=0, microsecond=0)
    found = coordinator.do("list_assets", q="command", lendable=True, **PLACE, within_km=80.0)
    assert [item.id for item in found.items] == [asset.id]
    window = {"start": start.isoformat(), "end": (start + timedelta(hours=48)).isoformat()}
    lines = [{"asset_id": str(asset.id), "window": window}]
    purpose = {"purpose": "narcotics_investigation", "summary": "A search (demo)", "lines": lines}
    draft = coordinator.do("create_request", body=purpose)
    asked = coordinator.do("submit_request", draft.id)
    assert asked.lines[0].decision.outcome.value == "needs_approval", asked.lines[0].decision
    commander, dispatcher = person(owner, Role.APPROVER), person(owner, Role.COORDINATOR)
    read = commander.do("get_request", asked.id)
    tag = f'"{read.version}-00000000"'
    approved = commander.do("approve_request", asked.id, body={"reason": "off duty (demo)"}, if_match=tag)
    assert approved.lines[0].status.value == "approved"

    loan = dispatcher.do("create_loan", body={"decision_id": str(asked.lines[0].decision.id)})
    report = {"grade": "good", "signed_off_by_title": "Sergeant"}
    for who, operation, body in (
        (dispatcher, "dispatch_loan", report),
        (coordinator, "receive_loan", {}),
        (coordinator, "start_loan_return", {}),
        (dispatcher, "return_loan", report),
        (dispatcher, "close_loan", {}),
    ):
        loan = who.do(operation, loan.id, body=body)
    assert loan.status.value == "closed"


@pytest.mark.skipif(shutil.which("npm") is None, reason="node is not installed")
def test_a_typescript_client_is_generated_and_compiles(tmp_path: Path) -> None:
    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)

    (tmp_path / "package.json").write_text(json.dumps({"private": True, "type": "module", "dependencies": TYPESCRIPT}))
    installed = run("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts")
    if installed.returncode != 0:
        pytest.skip(f"the packages are out of reach: {installed.stderr[-300:]}")
    made = run("npx", "openapi-ts", "--input", str(CONTRACT), "--output", "client", "--client", "@hey-api/client-fetch")
    assert made.returncode == 0, made.stdout + made.stderr
    (tmp_path / "job.ts").write_text(JOB)
    options = {"strict": True, "noEmit": True, "target": "es2022", "module": "esnext", "moduleResolution": "bundler"}
    options |= {"lib": ["es2022", "dom", "dom.iterable"], "skipLibCheck": False}
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["client", "job.ts"]}))
    compiled = run("npx", "tsc", "--project", ".")
    assert compiled.returncode == 0, compiled.stdout[-3000:]


JOB = """\
import { createRequest, returnLoan, submitRequest, updateAsset } from "./client";
import type { Loan, Problem, ResourceRequest } from "./client";

export async function ask(asset: string, start: string, end: string): Promise<ResourceRequest> {
  const made = await createRequest({
    body: {
      purpose: "narcotics_investigation",
      summary: "A search (demo)",
      lines: [{ asset_id: asset, window: { start, end } }],
    },
  });
  if (made.data === undefined) throw new Error((made.error as Problem).detail);
  const asked = await submitRequest({ path: { request_id: made.data.id } });
  if (asked.data === undefined) throw new Error((asked.error as Problem).code);
  return asked.data;
}

export async function giveBack(loan: Loan, etag: string): Promise<Loan | undefined> {
  await updateAsset({ path: { asset_id: loan.asset.id }, headers: { "If-Match": etag }, body: { type_level: 1 } });
  return (await returnLoan({ path: { loan_id: loan.id }, body: { grade: "good" } })).data;
}
"""
