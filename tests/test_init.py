"""`registry init`: who speaks for the operator, said once, without an agency's id."""

import asyncio
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from registry.directory.issuers.queries import trusted_issuers
from registry.platform.access.principals import OPERATOR_AGENCY_ID, Principal, Role
from registry.platform.access.refusals import TokenRefused
from registry.platform.access.tokens import TokenVerifier
from registry.platform.database.connect import connect
from registry.platform.kernel.time import utc_now
from tests.support.command import Run, command, on_migrated
from tests.support.provider import running_provider

KEYCLOAK = ["--issuer", "https://login.county.example/realms/operator", "--preset", "keycloak", "--keys-later"]
ADMIN = ["--administrator-role", "registry-admin"]
OPERATOR = str(OPERATOR_AGENCY_ID)


@pytest.fixture
def run(tmp_path: Path, real_sqlite_url: str) -> Run:
    """The command on a migrated database for real work, without an issuer in the settings."""
    made = on_migrated(tmp_path, real_sqlite_url, file="registry.db")

    def real(*arguments: str, **environment: str | None) -> object:
        given = {"DEMO": "0", "ISSUERS": None, "LEDGER_KEY": "0123456789abcdef" * 2, **environment}
        return made(*arguments, **given)

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


def test_how_its_tokens_are_read_is_said_beside_who_administers(run: Run) -> None:
    """What `registry issuer add` takes, `init` takes as well."""
    reading = ["--algorithm", "RS256", "--algorithm", "ES256", "--type", "JWT", "--longest-life", "900"]
    claims = ["--claims", '{"agency_by": "only", "role_names": {"clerk": "coordinator"}}']
    for wrong in (["--claims", "{"], ["--claims", "[]"], ["--algorithm", "HS256"], ["--longest-life", "5"]):
        assert run("init", *KEYCLOAK, *ADMIN, *wrong).exit_code == 2
    assert run("init", *KEYCLOAK, *ADMIN, *reading, *claims).exit_code == 0
    said = run("issuer", "list").stdout
    for part in (
        '"algorithms":["RS256","ES256"]',
        '"types":["JWT"]',
        '"longest_life_seconds":900',
        '"agency_by":"only"',
        '"role_names":{"clerk":"coordinator","registry-admin":"registry_admin"}',
    ):
        assert part in said, said
    changed = run("issuer", "change", KEYCLOAK[1], "--keys-later", "--type", "at+jwt", "--longest-life", "600")
    assert changed.exit_code == 0
    assert '"types":["at+jwt"]' in changed.stdout
    assert '"longest_life_seconds":600' in changed.stdout
    added = run("issuer", "add", "https://other.example", "--keys-later", *reading)
    assert ('"algorithms":["RS256","ES256"]' in added.stdout, added.exit_code) == (True, 0)


def test_another_issuer_or_the_same_described_otherwise_is_refused(run: Run) -> None:
    assert run("init", *KEYCLOAK, *ADMIN).exit_code == 0
    other = run("init", "--issuer", "https://other.example", *ADMIN)
    assert (other.exit_code, "is set up already" in other.output) == (2, True)
    assert f"`registry issuer detach {KEYCLOAK[1]} {OPERATOR}`, and then this again" in other.output
    differs = run("init", *KEYCLOAK, "--administrator-role", "boss")
    assert (differs.exit_code, "described otherwise" in differs.output) == (2, True)
    assert "https://other.example" not in run("issuer", "list").stdout


def test_a_mistyped_role_is_replaced_by_the_command_that_the_refusal_names(run: Run) -> None:
    """Nobody can sign in to administer yet, so it is one of the machine; the mistyped name counts no longer."""
    claims = ["--claims", '{"roles": "groups", "role_names": {"clerk": "coordinator"}}']
    assert run("init", *KEYCLOAK, "--administrator-role", "registry-admn", *claims).exit_code == 0
    refused = run("init", *KEYCLOAK, *ADMIN)
    assert "would go on counting" in refused.output
    (advice,) = re.findall(r"`registry (issuer change [^`]+)`", refused.output)
    done = run(*shlex.split(advice), "--keys-later")
    assert done.exit_code == 0, done.output
    assert '"role_names":{"registry-admin":"registry_admin"}' in done.stdout
    assert "groups" not in done.stdout
    again = run("init", *KEYCLOAK, *ADMIN)
    assert (again.exit_code, "Its administrators: registry-admin." in again.stdout) == (0, True), again.output


def test_a_mistyped_issuer_is_not_entered_and_one_that_was_can_be_replaced(run: Run) -> None:
    mistyped = ["--issuer", "https://127.0.0.1:1/realms/operator", "--preset", "keycloak"]
    refused = run("init", *mistyped, *ADMIN)
    assert (refused.exit_code, "Nothing was entered: issuer https://127.0.0.1:1" in refused.output) == (1, True)
    assert "No issuer is trusted yet" in run("issuer", "list").stdout
    assert run("init", *mistyped, "--keys-later", *ADMIN).exit_code == 0
    assert run("issuer", "disable", mistyped[1]).exit_code == 0
    told = run("init", *KEYCLOAK, *ADMIN)
    assert (told.exit_code, f"`registry issuer detach {mistyped[1]} {OPERATOR}`" in told.output) == (2, True)
    assert run("issuer", "detach", mistyped[1], OPERATOR).exit_code == 0
    assert run("init", *KEYCLOAK, *ADMIN).exit_code == 0


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
    assert (refused.exit_code, "run `registry migrate` first" in refused.output) == (2, True)


def test_one_person_can_be_named_instead_of_a_role(run: Run, tmp_path: Path) -> None:
    """Real tokens of a real provider: the person administers with everything that this allows, and nobody else does."""
    realm: dict[str, Any] = {"typ": "Bearer", "jti": "t", "realm_access": {"roles": ["offline_access"]}}

    async def principals(*tokens: str) -> list[Principal | str]:
        database = connect(f"sqlite:///{tmp_path / 'data' / 'registry.db'}")
        try:
            trusted = await trusted_issuers(database.read(), (), None)
        finally:
            await database.close()
        assert trusted is not None
        verifier = TokenVerifier(tuple(trusted[1]), audience="registry", skew_seconds=30)
        found: list[Principal | str] = []
        for token in tokens:
            try:
                found.append(await verifier.authenticate(token, utc_now()))
            except TokenRefused as refused:
                found.append(refused.name)
        return found

    with running_provider({"ada": realm, "bob": realm}) as provider:
        done = run("init", "--issuer", provider.issuer, "--preset", "keycloak", "--administrator", "ada")
        assert (done.exit_code, "Its administrators: ada." in done.stdout) == (0, True), done.output
        ada, bob = asyncio.run(principals(*(provider.token(who, client="registry") for who in ("ada", "bob"))))
    assert isinstance(ada, Principal)
    assert (ada.agency_id, ada.roles) == (OPERATOR_AGENCY_ID, frozenset({Role.REGISTRY_ADMIN}))
    assert "*" in ada.scopes
    assert bob == "no_role"


def test_an_issuer_that_is_disabled_is_told_and_enabled_on_the_machine(run: Run) -> None:
    name = KEYCLOAK[1]
    assert run("init", *KEYCLOAK, *ADMIN).exit_code == 0
    assert "not enabled" in run("issuer", "disable", name).stdout
    for arguments in ([], [*KEYCLOAK, *ADMIN], ["--issuer", "https://other.example", *ADMIN]):
        told = run("init", *arguments)
        assert (told.exit_code, f"registry issuer enable {name}" in told.output) == (2, True), told.output
    assert f"registry issuer enable {name}" in run("doctor").stdout
    assert "not enabled" not in run("issuer", "enable", name).stdout
    assert run("init").exit_code == 0
