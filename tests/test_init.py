"""`registry init`: who speaks for the operator, said once, without an agency's id."""

from pathlib import Path

import pytest

from tests.support.command import Run, command

KEYCLOAK = ["--issuer", "https://login.county.example/realms/operator", "--preset", "keycloak"]
ADMIN = ["--administrator-role", "registry-admin"]
OPERATOR = "01900000-0000-7000-8000-000000000001"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command on a migrated database for real work, without an issuer in the settings."""
    made = command(tmp_path)

    def real(*arguments: str, **environment: str | None) -> object:
        given = {"DEMO": "0", "ISSUERS": "[]", "LEDGER_KEY": "0123456789abcdef" * 2, **environment}
        return made(*arguments, **given)

    real("migrate")
    return real  # type: ignore[return-value]  # the same call


def test_it_lets_the_first_issuer_speak_for_the_operator_and_the_same_again_changes_nothing(run: Run) -> None:
    first = run("init", *KEYCLOAK, *ADMIN, "--name", "County registry", "--time-zone", "America/Chicago")
    assert first.exit_code == 0, first.output
    assert f"The operator is the agency “County registry” ({OPERATOR})." in first.stdout
    assert "speaks for it from now on. Its administrators: registry-admin." in first.stdout
    assert "registry serve" in first.stdout
    again = run("init", *KEYCLOAK, *ADMIN, "--name", "County registry")
    assert (again.exit_code, "speaks for it already" in again.stdout) == (0, True)
    assert run("init").exit_code == 0
    assert run("issuer", "list").stdout.count(OPERATOR) == 1


def test_another_issuer_or_the_same_described_otherwise_is_refused(run: Run) -> None:
    assert run("init", *KEYCLOAK, *ADMIN).exit_code == 0
    other = run("init", "--issuer", "https://other.example", *ADMIN)
    assert (other.exit_code, "is set up already" in other.output) == (2, True)
    differs = run("init", *KEYCLOAK, "--administrator-role", "boss")
    assert (differs.exit_code, "described differently" in differs.output) == (2, True)
    assert "https://other.example" not in run("issuer", "list").stdout


def test_an_issuer_of_the_settings_does_too(run: Run) -> None:
    settings = '[{"issuer": "https://login.operator.example", "agencies": ["*"]}]'
    found = run("init", ISSUERS=settings)
    assert (found.exit_code, "The settings describe it" in found.stdout) == (0, True)
    assert run("init", *KEYCLOAK, *ADMIN, ISSUERS=settings).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "No issuer speaks for the operator yet"),
        (ADMIN, "say something of an --issuer"),
        (KEYCLOAK, "Say who administers the registry"),
        ([*KEYCLOAK, *ADMIN, "--administrator", "lena"], "Say who administers the registry"),
        (["--issuer", "http://login.county.example", *ADMIN], "can be discovered only where it is an https address"),
        (["--issuer", "two words", *ADMIN], "cannot be described so"),
        ([*KEYCLOAK, *ADMIN, "--time-zone", "Mars/Olympus"], "time zone"),
        ([*KEYCLOAK, *ADMIN, "--name", ""], "cannot be called so"),
    ],
    ids=lambda value: None,
)
def test_what_is_lacking_or_wrong_is_said_and_changes_nothing(run: Run, arguments: list[str], words: str) -> None:
    refused = run("init", *arguments)
    assert refused.exit_code in (1, 2)
    assert words in refused.output
    assert "Traceback" not in refused.output
    assert "No issuer is trusted yet" in run("issuer", "list").stdout


def test_it_needs_a_migrated_database(tmp_path: Path) -> None:
    refused = command(tmp_path)("init", *KEYCLOAK, *ADMIN)
    assert (refused.exit_code, "run `registry migrate` first" in refused.output) == (1, True)
