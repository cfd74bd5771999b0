"""The `registry` command: what it prints, what it exits with, and what it leaves in the database."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest

from registry.platform.access.development import development_issuer
from registry.platform.settings import load
from tests.support.command import Run, command, on_migrated
from tests.support.places import ROOT

SAMPLE = ROOT / "registry" / "directory" / "agencies" / "sample"
OPERATOR = "01900000-0000-7000-8000-000000000001"
LEE, CDE = str(SAMPLE / "agencies_lee_sample.csv"), str(SAMPLE / "agencies_cde_sample.csv")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in demo mode, with a data directory of its own."""
    monkeypatch.chdir(tmp_path)
    return command(tmp_path)


@pytest.fixture
def migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sqlite_url: str) -> Run:
    """The same, on a migrated database."""
    monkeypatch.chdir(tmp_path)
    return on_migrated(tmp_path, sqlite_url)


def test_migrate_says_from_where_to_where_and_a_second_time_finds_nothing_to_do(run: Run) -> None:
    first = run("migrate")
    assert first.exit_code == 0
    assert first.stdout.startswith("Schema (empty) → 0")
    second = run("migrate")
    assert second.exit_code == 0
    assert "already; no shared words changed" in second.stdout


def test_an_import_reports_what_it_did_and_the_second_changes_nothing(migrated: Run) -> None:
    tried = migrated("import", "agencies", LEE, CDE, "--dry-run")
    assert tried.stdout.startswith("63 agencies would be entered, 0 would be corrected, 0 unchanged; 0 rows refused.")
    done = json.loads(migrated("import", "agencies", LEE, CDE, "--json").stdout)
    assert (done["created"], done["unchanged"], done["dry_run"]) == (63, 0, False)
    again = migrated("import", "agencies", LEE, CDE)
    assert again.exit_code == 0
    assert again.stdout.startswith("0 agencies entered, 0 corrected, 63 unchanged; 0 rows refused.")


def test_a_bad_row_is_named_and_the_others_are_taken(migrated: Run, tmp_path: Path) -> None:
    header, first, *_ = Path(LEE).read_text("utf-8").splitlines()
    (tmp_path / "mixed.csv").write_text(f"{header}\n{first}\nAK9999999,only two cells\n", "utf-8")
    mixed = migrated("import", "agencies", str(tmp_path / "mixed.csv"))
    assert mixed.exit_code == 0
    assert mixed.stdout.startswith("1 agencies entered")
    assert "mixed.csv, line 3: The row has 2 cells, the header 11." in mixed.stdout


def test_a_file_that_cannot_be_read_or_is_another_ends_with_one_sentence(migrated: Run, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("name,age\n", "utf-8")
    for arguments, code, words in (
        (["absent.csv"], 1, "absent.csv: No such file or directory"),
        (["other.csv"], 2, "other.csv has no rows below its headers"),
        (["other.csv", CDE], 2, "is neither FBI list"),
        ([CDE], 2, "is the cde list"),
        ([LEE, LEE], 2, "is the lee list"),
    ):
        result = migrated("import", "agencies", *arguments)
        assert result.exit_code == code, "trying again helps where a file is not there yet, not where it is another"
        assert words in result.stderr
        assert "Traceback" not in result.output


def test_an_import_asks_for_the_newest_schema_first(run: Run) -> None:
    result = run("import", "agencies", LEE)
    assert result.exit_code == 2, "trying again does not help"
    assert "run `registry migrate` first" in result.stderr


def test_a_wrong_setting_ends_with_one_sentence_and_exit_code_2(run: Run) -> None:
    for environment, words in (
        ({"DEMO": "0"}, "Set REGISTRY_LEDGER_KEY"),
        ({"DEMO": "yes"}, "REGISTRY_DEMO is 0 or 1"),
        ({"DATABSE_URL": "sqlite:///x"}, "Unknown setting REGISTRY_DATABSE_URL. Is REGISTRY_DATABASE_URL meant?"),
        ({"DATABASE_URL": "mysql://there"}, "REGISTRY_DATABASE_URL begins with"),
    ):
        result = run("migrate", **environment)
        assert result.exit_code == 2, result.output
        assert words in result.stderr
        assert "Traceback" not in result.output


def test_a_database_that_does_not_answer_or_is_none_is_said_in_one_sentence(run: Run, tmp_path: Path) -> None:
    (tmp_path / "prose.db").write_text("This is not a database. " * 100)
    for url in ("postgresql+asyncpg://nobody@127.0.0.1:1/none", f"sqlite:///{tmp_path / 'prose.db'}"):
        result = run("migrate", DATABASE_URL=url)
        assert result.exit_code == 1
        *logged, said = result.stderr.splitlines()
        assert said.startswith("Error: ")
        assert all(line.startswith("{") for line in logged), "beside it stands its log, as JSON"


def test_a_token_is_minted_in_demo_mode_and_in_no_other(run: Run, tmp_path: Path) -> None:
    agency = "01900000-0000-7000-8000-00000000abcd"
    absent = run("token", "--agency", agency, "--role", "coordinator")
    assert absent.exit_code == 2
    assert f"No service has run with the data folder {tmp_path / 'data'}" in absent.stderr
    assert not (tmp_path / "data").exists(), "no key is made that no service knows"
    development_issuer(load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path / "data")}))
    made = run("token", "--agency", agency, "--role", "coordinator", "--role", "approver", "--subject", "jo")
    assert made.exit_code == 0
    claims = jwt.decode(made.stdout.strip(), options={"verify_signature": False})
    assert (claims["sub"], claims["agency"], sorted(claims["roles"])) == ("jo", agency, ["approver", "coordinator"])
    assert claims["exp"] - claims["iat"] == 8 * 3600
    issuers = '[{"issuer": "https://issuer.example", "agencies": ["*"], "keys": {"keys": []}}]'
    real = run("token", "--role", "legal", DEMO="0", ISSUERS=issuers, LEDGER_KEY="0123456789abcdef" * 2)
    assert real.exit_code == 2
    assert "REGISTRY_DEMO=1 only" in real.stderr


def test_a_token_that_the_service_would_refuse_is_not_minted(run: Run, tmp_path: Path) -> None:
    development_issuer(load({"REGISTRY_DEMO": "1", "REGISTRY_DATA_DIR": str(tmp_path / "data")}))
    assert run("token", "--role", "sheriff").exit_code == 2
    assert run("token", "--role", "legal", "--hours", "25").exit_code == 2
    assert run("token", "--role", "legal", "--subject", "two words").exit_code == 2
    assert run("token").exit_code == 2


def test_the_contract_is_written_printed_and_checked(run: Run, tmp_path: Path) -> None:
    assert run("openapi", "--check").exit_code == 1
    assert run("openapi", "--write").exit_code == 0
    assert run("openapi", "--check").exit_code == 0
    printed = run("openapi", DEMO=None)
    assert printed.stdout_bytes == (tmp_path / "openapi" / "registry.json").read_bytes()
    (tmp_path / "old.json").write_text("{}")
    stale = run("openapi", "--check", "old.json")
    assert stale.exit_code == 1
    assert "run `registry openapi --write old.json`" in stale.stderr


def test_the_shipped_policies_pass_their_tests_without_any_setting(run: Run) -> None:
    result = run("policy", "test", DEMO=None)
    assert result.exit_code == 0, result.output
    assert " 0 failed; 100 % of " in result.stdout


def test_policies_that_are_not_there_fail(run: Run) -> None:
    result = run("policy", "test", "nowhere")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output


def test_every_command_explains_itself_with_an_example(run: Run) -> None:
    for words in (
        ["migrate"],
        ["init"],
        ["doctor"],
        ["backup"],
        ["restore"],
        ["verify"],
        ["import", "agencies"],
        ["import", "agreements"],
        ["token"],
        ["openapi"],
        ["policy", "test"],
        ["policy", "check"],
        ["policy", "impact"],
        ["policy", "explain"],
        ["policy", "seal"],
    ):
        result = run(*words, "--help")
        assert result.exit_code == 0
        assert "Example" in result.stdout


def test_clients_are_registered_rotated_and_disabled_on_the_command_line(migrated: Run, tmp_path: Path) -> None:
    agency = "01900000-0000-7000-8000-000000000001"
    assert "No client is registered yet" in migrated("client", "list").stdout
    added = migrated("client", "add", agency, "Dispatch", "--scope", "assets:read", "--scope", "agencies:read")
    assert added.exit_code == 0, added.output
    first, scopes, credential, secret = added.stdout.splitlines()
    client = first.split()[0]
    assert (scopes.strip(), secret.split()[-1][:4]) == ("agencies:read assets:read", "rcs_")
    assert credential.strip().endswith("never used")
    assert "rcs_" not in migrated("client", "list").stdout
    rotated = migrated("client", "rotate", client, "--overlap-hours", "2")
    assert rotated.stdout.count("secret of") == 2
    assert rotated.stdout.splitlines()[-1] != secret
    assert migrated("client", "rotate", client, "--overlap-hours", "2").exit_code == 1
    assert "(disabled)" in migrated("client", "disable", client, "--reason", "Its secret was lost.").stdout
    (tmp_path / "keys.json").write_text('{"keys": [{"kty": "oct", "kid": "1", "k": "AAAA"}]}')
    (tmp_path / "keys.pem").write_text("-----BEGIN PUBLIC KEY-----")
    for arguments, code, words in (
        (["disable", client, "--reason", "Twice."], 1, "disabled, for good"),
        (["rotate", agency], 2, "no such client"),
        (["add", agency, "x", "--scope", "agreements:sign"], 2, "no scope that a service may hold"),
        (["add", agency, "x", "--scope", "everything"], 2, "a scope such as"),
        (["add", agency, "x", "--scope", "assets:read", "--keys", "absent.json"], 2, "No such file"),
        (["add", agency, "x", "--scope", "assets:read", "--keys", str(tmp_path / "keys.json")], 2, "symmetric key"),
        (["add", agency, "x", "--scope", "assets:read", "--keys", str(tmp_path / "keys.pem")], 2, "a PEM file has to"),
    ):
        failed = migrated("client", *arguments)
        assert (failed.exit_code, words in failed.output) == (code, True), failed.output


def test_keys_are_rotated_and_secrets_encrypted_anew_on_the_command_line(migrated: Run) -> None:
    old, new = "3f1c9a7e5b2d8046" * 4, "fedcba9876543210" * 4
    assert migrated("keys", "rotate", SECRET_KEYS=old).stdout.endswith("accepted for an hour.\n")
    assert migrated("keys", "rotate", "--at-once", SECRET_KEYS=old).stdout.endswith("refused.\n")
    lost = migrated("keys", "reencrypt", SECRET_KEYS=new)
    assert (lost.exit_code, "Nothing was changed" in lost.output) == (1, True)
    both = f"{new},{old}"
    assert migrated("keys", "reencrypt", SECRET_KEYS=both).stdout.startswith("2 of 2 secrets")
    assert migrated("keys", "reencrypt", SECRET_KEYS=both).stdout.startswith("0 of 2 secrets")
    assert migrated("keys", "reencrypt", SECRET_KEYS=new).stdout.startswith("0 of 2 secrets"), "without the old one"


def test_issuers_are_added_and_agencies_attached_on_the_command_line(migrated: Run) -> None:
    migrated("import", "agencies", LEE, CDE)
    assert "No issuer is trusted yet" in migrated("issuer", "list").stdout
    name = "https://login.county.example/realms/county"
    claims = '{"role_names": {"registry-legal": "legal"}}'
    added = migrated("issuer", "add", name, "--preset", "keycloak", "--audience", "registry", "--claims", claims)
    first, reading, agencies = added.stdout.splitlines()
    assert (first, agencies) == (f"{name}  (entered here)", "  no agency yet")
    assert reading == f'  preset keycloak with {{"audiences":["registry"],"claims":{claims.replace(" ", "")}}}'
    assert "Failure: its keys cannot be fetched" in added.stderr, "it is told at once, and entered all the same"
    assert (added.exit_code, f"`registry issuer disable {name}` takes it back" in added.stderr) == (1, True)
    assert migrated("issuer", "enable", name, "--keys-later").exit_code == 0
    changed = migrated("issuer", "change", name, "--claims", '{"role_names": {"chief": "approver"}, "roles": "groups"}')
    assert '"chief":"approver"' in changed.stdout
    assert '"roles":"groups"' in migrated("issuer", "list").stdout
    again = migrated("issuer", "add", name)
    assert (again.exit_code, "is known already" in again.output) == (1, True)
    operator = "01900000-0000-7000-8000-000000000001"
    assert f"  {operator}  " in migrated("issuer", "attach", name, operator, "--value", "/staff").stdout
    assert migrated("issuer", "list").stdout.endswith("as /staff\n")
    assert "no agency yet" in migrated("issuer", "detach", name, operator, "--value", "/staff").stdout
    for arguments, words in (
        (["add", "urn:x"], "can be discovered only where it is an https address"),
        (["add", "two words"], "issuer must be 1 to 300"),
        (["add", name, "--claims", '{"role_names": {"a": "cordinator"}}'], "coordinator"),
        (["change", f"{name}s", "--preset", "entra"], f"the nearest that is known is {name}"),
        (["add", name, "--claims", "roles"], "--claims is not JSON"),
        (["attach", "https://other.example", operator], "There is no issuer of that name"),
    ):
        failed = migrated("issuer", *arguments)
        assert failed.exit_code == 2
        assert words in failed.output
        assert "Traceback" not in failed.output


def test_a_person_is_refused_on_the_command_line(migrated: Run) -> None:
    operator, issuer = OPERATOR, "https://login.county.example"
    who, why = ["person", issuer, "690222be"], ["--reason", "Left (demo)."]
    mistyped = migrated("revoke", *who, "--agency", operator, *why)
    assert (mistyped.exit_code, "the nearest that is known is" in mistyped.output) == (2, True), mistyped.output
    migrated("issuer", "add", issuer)
    elsewhere = migrated("revoke", *who, "--agency", operator, *why)
    assert (elsewhere.exit_code, f"{issuer} does not speak for" in elsewhere.output) == (2, True), elsewhere.output
    migrated("issuer", "attach", issuer, operator)
    done = migrated("revoke", *who, "--agency", operator, *why)
    assert done.exit_code == 0, done.output
    assert f"person 690222be of {issuer}" in done.stdout
    assert "never seen" in done.stdout
    assert "seen" not in migrated("revoke", "token", *who[1:], "--agency", operator, *why).stdout
    unknown = migrated("revoke", *who, "--agency", "01920000-0000-7000-8000-00000000c0de", *why)
    assert (unknown.exit_code, "There is no such agency" in unknown.output) == (2, True)
    whom = [*who[1:], "--agency", operator, "--reason", "Back (demo)."]
    unseen = migrated("restore-person", *whom)
    assert (unseen.exit_code, "There is no such principal" in unseen.output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["revoke", "person", "two words", "x", "--agency", OPERATOR, "--reason", "Left."], "issuer must be 1 to 300"),
        (
            ["revoke", "person", "https://a.example", "", "--agency", OPERATOR, "--reason", "Left."],
            "value must be 1 to",
        ),
        (["revoke", "token", "https://a.example", "x", "--agency", OPERATOR, "--reason", " "], "reason must be text"),
        (["restore-person", "https://a.example", "x", "--agency", OPERATOR, "--reason", ""], "reason must be text"),
        (["client", "disable", OPERATOR, "--reason", " "], "reason must be text"),
        (["issuer", "attach", "https://a.example", OPERATOR, "--value", "a\u200bb"], "claim_value must be text"),
    ],
    ids=lambda given: given if isinstance(given, str) else given[0],
)
def test_a_command_takes_what_its_operation_takes(migrated: Run, arguments: list[str], words: str) -> None:
    refused = migrated(*arguments)
    assert (refused.exit_code, words in refused.output) == (2, True), refused.output


def test_the_last_administrator_is_refused_on_the_machine_alone_and_when_it_is_meant(
    migrated: Run, tmp_path: Path
) -> None:
    issuer = "https://login.county.example"
    migrated("issuer", "add", issuer, "--every-agency")
    with sqlite3.connect(tmp_path / "data" / "demo.db") as database:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        database.execute(
            "INSERT INTO principal (id, agency_id, issuer, subject, roles, first_seen_at, last_seen_at, version) "
            "SELECT id, id, ?, 'boss', 'auditor,registry_admin', ?, ?, 1 FROM agency",
            (issuer, now, now),
        )
    database.close()
    asked = ["person", issuer, "boss", "--agency", OPERATOR, "--reason", "Left (demo)."]
    refused = migrated("revoke", *asked)
    assert (refused.exit_code, "Nobody would be left" in refused.output) == (1, True), refused.output
    assert "--last-administrator" in refused.output
    assert migrated("revoke", *asked, "--last-administrator").exit_code == 0
