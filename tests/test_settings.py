"""The environment is read once, and what cannot be meant stops the start with the name at fault."""

import re
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest

from registry.platform import settings
from registry.platform.settings import MailServer, NatsServer, Settings, SettingsError, load
from tests.support.places import ROOT

STRONG = "3f1c9a7e5b2d8046" * 4
ISSUER: dict[str, object] = {
    "issuer": "https://login.county.example",
    "agencies": ["*"],
    "jwks_uri": "https://login.county.example/keys",
}


def issuers(*given: dict[str, object]) -> str:
    return msgspec.json.encode(list(given)).decode()


PRODUCTION = {"REGISTRY_LEDGER_KEY": STRONG, "REGISTRY_ISSUERS": issuers(ISSUER)}
DEMO = {"REGISTRY_DEMO": "1"}


def test_a_demonstration_needs_nothing_else() -> None:
    loaded = load(DEMO)
    assert loaded.demo
    assert loaded.database_url.startswith("sqlite:////")
    assert loaded.database_url.endswith("/var/demo.db")
    assert (loaded.host, loaded.port) == ("127.0.0.1", 8000)


def test_production_is_the_default_and_trusts_nobody_by_itself() -> None:
    loaded = load(PRODUCTION)
    assert not loaded.demo
    assert [issuer.issuer for issuer in loaded.issuers] == ["https://login.county.example"]
    assert loaded.ledger_key == STRONG.encode()
    assert loaded.database_url.endswith("/var/registry.db"), "another file than what is tried out"


def test_without_issuers_in_the_settings_those_of_the_database_count() -> None:
    assert load({"REGISTRY_LEDGER_KEY": STRONG}).issuers == ()


def test_a_demonstration_keeps_to_itself_unless_it_is_said_otherwise() -> None:
    for given, words, allows in (
        ({"REGISTRY_ISSUERS": issuers(ISSUER)}, "REGISTRY_ISSUERS", "issuers"),
        ({"HOST": "0.0.0.0"}, "HOST", "network"),
        ({"HOST": "::"}, "HOST", "network"),
        ({"HOST": "registry.example"}, "HOST", "issuers, network"),
    ):
        with pytest.raises(SettingsError, match=words):
            load({**DEMO, **given})
        assert load({**DEMO, **given, "REGISTRY_DEMO_ALLOWS": allows}).demo
    for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        assert load({**DEMO, "HOST": host}).host == host
    assert load({**PRODUCTION, "HOST": "0.0.0.0"}).host == "0.0.0.0"
    with pytest.raises(SettingsError, match="DEMO_ALLOWS"):
        load({**DEMO, "REGISTRY_DEMO_ALLOWS": "everything"})


def test_production_does_not_start_without_its_secret() -> None:
    with pytest.raises(SettingsError, match="REGISTRY_LEDGER_KEY"):
        load({name: value for name, value in PRODUCTION.items() if name != "REGISTRY_LEDGER_KEY"})


@pytest.mark.parametrize("name", ["REGISTRY_DATABSE_URL", "REGISTRY_database_url", "REGISTRY_", "REGISTRY_ISSUER"])
def test_an_unknown_name_stops_the_start(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load({**DEMO, name: "x"})


def test_text_is_recognised_only_where_that_is_asked_for() -> None:
    assert not load(DEMO).recognise_text
    assert load({**DEMO, "REGISTRY_RECOGNISE_TEXT": "1"}).recognise_text
    with pytest.raises(SettingsError, match="REGISTRY_RECOGNISE_TEXT"):
        load({**DEMO, "REGISTRY_RECOGNISE_TEXT": "yes"})


def test_names_of_the_test_suite_and_of_others_are_left_alone() -> None:
    load({**DEMO, "REGISTRY_TEST_LENGTH": "full", "PATH": "/bin", "REGISTRYX": "1"})


@pytest.mark.parametrize("key", ["", "short", "a" * 64, "abcabcab" * 8, STRONG[:31]])
def test_a_weak_secret_stops_the_start(key: str) -> None:
    with pytest.raises(SettingsError, match="REGISTRY_LEDGER_KEY"):
        load({**PRODUCTION, "REGISTRY_LEDGER_KEY": key})
    with pytest.raises(SettingsError, match="REGISTRY_LEDGER_KEY"):
        load({**DEMO, "REGISTRY_LEDGER_KEY": key})


def test_a_refusal_does_not_repeat_the_secret() -> None:
    with pytest.raises(SettingsError) as refused:
        load({**PRODUCTION, "REGISTRY_LEDGER_KEY": "hunter2-hunter2"})
    assert "hunter2" not in str(refused.value)


KEY, OLDER_KEY = "3f1c9a7e5b2d8046" * 2 + "0123456789abcdef" * 2, "fedcba9876543210" * 4


def test_secret_keys_stand_in_the_environment_or_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{KEY}\n{OLDER_KEY}\n")
    both = (bytes.fromhex(KEY), bytes.fromhex(OLDER_KEY))
    assert load({**PRODUCTION, "REGISTRY_SECRET_KEYS": f"{KEY}, {OLDER_KEY}"}).secret_keys == both
    assert load({**PRODUCTION, "REGISTRY_SECRET_KEYS": str(file)}).secret_keys == both
    assert load(PRODUCTION).secret_keys == (), "they are optional: what needs one is off"
    assert len(load(DEMO).secret_keys) == 1


@pytest.mark.parametrize(
    "given",
    [
        *("", ",", "hunter2-hunter2", "/nowhere/hunter2", f"{KEY},hunter2"),
        *(KEY[:63], KEY + "0", f"{KEY} {OLDER_KEY}", f"{KEY},{KEY}", "a" * 64, "ab" * 32),
    ],
    ids=lambda given: given[:12] + str(len(given)),
)
def test_secret_keys_that_are_none_stop_the_start_and_are_not_repeated(given: str) -> None:
    with pytest.raises(SettingsError, match="REGISTRY_SECRET_KEYS") as refused:
        load({**PRODUCTION, "REGISTRY_SECRET_KEYS": given})
    assert not {"hunter2", KEY[:16]} & set(re.split(r"[\s,/-]", str(refused.value)))


def test_the_public_address_has_no_path_and_is_no_foreign_issuer() -> None:
    for right in ("https://registry.example", "https://registry.example:8443", "http://127.0.0.1:8000"):
        assert load({**PRODUCTION, "REGISTRY_PUBLIC_URL": right}).public_url == right
    assert load(PRODUCTION).public_url == ""
    assert load({**DEMO, "PORT": "8123"}).public_url == "http://127.0.0.1:8123"
    for wrong in (
        "registry.example", "http://registry.example", "https://registry.example/", "https://registry.example/api",
        "https://Registry.example", "https://u:p@registry.example", "https://registry.example?x", "https://",
        "https://registry.example\n", "ftp://127.0.0.1",
    ):  # fmt: skip
        with pytest.raises(SettingsError, match="REGISTRY_PUBLIC_URL"):
            load({**PRODUCTION, "REGISTRY_PUBLIC_URL": wrong})
    with pytest.raises(SettingsError, match="own issuer"):
        load({**PRODUCTION, "REGISTRY_PUBLIC_URL": "https://login.county.example"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REGISTRY_DEMO", "true"),
        ("REGISTRY_DEMO", ""),
        ("REGISTRY_LOG_LEVEL", "verbose"),
        ("REGISTRY_MAX_IN_FLIGHT", "0"),
        ("REGISTRY_MAX_IN_FLIGHT", "100001"),
        ("REGISTRY_MAX_IN_FLIGHT", "1e3"),
        ("REGISTRY_WRITE_QUEUE", "-1"),
        ("REGISTRY_WRITE_QUEUE", "٣"),
        ("REGISTRY_DATABASE_POOL", " 4"),
        ("REGISTRY_MAX_BODY_BYTES", "1_024"),
        ("REGISTRY_WRITE_WAIT_SECONDS", "nan"),
        ("REGISTRY_WRITE_WAIT_SECONDS", "inf"),
        ("REGISTRY_WRITE_WAIT_SECONDS", "soon"),
        ("REGISTRY_BODY_SECONDS", "0"),
        ("REGISTRY_CLOCK_SKEW_SECONDS", "301"),
        ("PORT", "65536"),
        ("PORT", "http"),
    ],
)
def test_a_value_out_of_bounds_stops_the_start_and_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load({**DEMO, name: value})


@pytest.mark.parametrize(
    "given",
    [
        "not json",
        "{}",
        '["https://login.county.example"]',
        issuers({**ISSUER, "keys": {"keys": []}}),
        issuers({"issuer": "urn:x", "agencies": ["*"]}),
        issuers({"issuer": "http://x.example", "agencies": ["*"]}),
        issuers({**ISSUER, "discovery": True}),
        issuers({**ISSUER, "preset": "auth0"}),
        issuers({**ISSUER, "agencies": ["Springfield"]}),
        issuers({**ISSUER, "agencies": {"springfield": "*"}}),
        issuers({**ISSUER, "algorithms": ["HS256"]}),
        issuers({**ISSUER, "longest_life_seconds": 999_999}),
        issuers({**ISSUER, "claims": {"role_names": {"chief": "king"}}}),
        issuers({**ISSUER, "claims": {"subject": "{tid:{oid}"}}),
        issuers({**ISSUER, "claims": {"groups": "groups"}}),
        issuers({**ISSUER, "jwks_uri": "http://login.county.example/keys"}),
        issuers({**ISSUER, "jwks_url": "https://login.county.example/keys"}),
        issuers(ISSUER, ISSUER),
        issuers({**ISSUER, "agencies": "*"}),
        "/nowhere/issuers.json",
    ],
    ids=lambda given: given[:40],
)
def test_issuers_that_could_be_misread_stop_the_start(given: str) -> None:
    with pytest.raises(SettingsError, match="REGISTRY_ISSUERS"):
        load({**PRODUCTION, "REGISTRY_ISSUERS": given})


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("SECRET_KEYS", "/nonexistent/keys", "names a file that cannot be read: No such file"),
        ("ISSUERS", issuers({**ISSUER, "agencies": ["nonsense"]}), "county.*: “nonsense” is no id of an agency"),
        ("ISSUERS", " ", "is empty: unset it"),
        ("ALLOWED_HOSTS", "https://registry.example", "“https://registry.example” is no host name"),
        ("ALLOWED_HOSTS", "registry.example:443", "is no host name: name hosts alone"),
        ("ALLOWED_HOSTS", "registry.example/v1", "is no host name"),
        ("ALLOWED_HOSTS", "registry example", "is no host name"),
        ("LEDGER_KEY", "abc" * 13, "is not random: it has 3 different characters"),
        ("LEDGER_KEY", "a1b2c3d4e5", "is too short: it has 10 characters"),
    ],
)
def test_what_is_wrong_with_a_setting_is_said(name: str, given: str, words: str) -> None:
    with pytest.raises(SettingsError, match=f"REGISTRY_{name}.*{words}"):
        load({**PRODUCTION, f"REGISTRY_{name}": given})


def test_issuers_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "issuers.json"
    file.write_text(issuers(ISSUER))
    assert load({**PRODUCTION, "REGISTRY_ISSUERS": str(file)}).issuers == load(PRODUCTION).issuers


def test_host_names_are_compared_in_lower_case_and_without_blanks() -> None:
    loaded = load({**DEMO, "REGISTRY_ALLOWED_HOSTS": "Registry.Example, localhost ,"})
    assert loaded.allowed_hosts == ("registry.example", "localhost")


def test_the_host_of_the_public_address_is_answered_for() -> None:
    given = {**PRODUCTION, "REGISTRY_PUBLIC_URL": "https://registry.example:8443"}
    assert load({**given, "REGISTRY_ALLOWED_HOSTS": "localhost,registry.example"}).public_url
    with pytest.raises(SettingsError, match=r"ALLOWED_HOSTS does not name registry\.example, the host of"):
        load({**given, "REGISTRY_ALLOWED_HOSTS": "localhost"})


@pytest.mark.parametrize("there", ["registry:p@ss@db.example/registry", "registry:p@s/s@db.example/registry"])
def test_a_password_that_is_not_encoded_is_told_instead_of_a_host_that_is_not_found(there: str) -> None:
    given = {"REGISTRY_LEDGER_KEY": "0123456789abcdef" * 2, "REGISTRY_DATABASE_URL": f"postgresql+asyncpg://{there}"}
    with pytest.raises(SettingsError, match="write %40 in its place") as refused:
        load(given)
    assert "ss@" not in str(refused.value)
    right = given["REGISTRY_DATABASE_URL"].replace("p@", "p%40").replace("s/s", "s%2Fs")
    assert load({**given, "REGISTRY_DATABASE_URL": right}).database_url == right


def test_the_readme_names_every_setting_and_no_other() -> None:
    readme = (ROOT / "README.md").read_text()
    table = {
        word
        for line in readme.splitlines()
        if line.startswith("| `REGISTRY_")
        for word in line.partition(" | ")[0].replace("|", "").replace("`", "").replace(",", " ").split()
    }
    known = {*settings._TEXT, *settings._WHOLE, *settings._DECIMAL}
    assert table == {f"REGISTRY_{name}" for name in known}


def test_every_setting_has_a_field_and_every_field_a_setting() -> None:
    known = {name.lower() for name in (*settings._TEXT, *settings._WHOLE, *settings._DECIMAL)} | {"host", "port"}
    of_mail = {name for name in known if name.startswith("mail_")}
    of_nats = {name for name in known if name.startswith("nats_")}
    assert known - of_mail - of_nats | {"mail", "nats"} == set(Settings.__struct_fields__)
    assert of_nats == {"nats_url", "nats_password_file"} | {
        f"nats_{name}" for name in NatsServer.__struct_fields__ if name != "urls"
    }
    assert of_mail == {"mail_server", "mail_password_file"} | {
        f"mail_{name}" for name in MailServer.__struct_fields__ if name not in ("host", "port")
    }


def test_settings_do_not_change_once_read() -> None:
    with pytest.raises(AttributeError):
        load(DEMO).demo = False  # type: ignore[misc]  # frozen is what is tested
    assert get_args(get_type_hints(Settings)["log_level"]) == ("debug", "info", "warning", "error")
