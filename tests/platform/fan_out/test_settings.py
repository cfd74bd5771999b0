"""Settings of the fan-out: what is unsafe or half said stops the start, and no password is repeated."""

from pathlib import Path

import pytest

from registry.platform.settings import SettingsError, load

GIVEN = {"REGISTRY_DEMO": "1", "REGISTRY_NATS_URL": "tls://nats.county.example:4222"}


def test_a_server_is_enough_and_the_rest_has_defaults(tmp_path: Path) -> None:
    found = load(GIVEN).nats
    assert found is not None
    assert (found.urls, found.stream, found.subject) == (
        ("tls://nats.county.example:4222",),
        "REGISTRY",
        "registry.events",
    )
    (tmp_path / "password").write_text("kept apart\n")
    kept = load({**GIVEN, "REGISTRY_NATS_USER": "r", "REGISTRY_NATS_PASSWORD_FILE": str(tmp_path / "password")}).nats
    assert kept is not None
    assert kept.password == "kept apart"
    assert load({**GIVEN, "REGISTRY_COPY": "1"}).nats is None
    assert load({"REGISTRY_DEMO": "1"}).nats is None


@pytest.mark.parametrize(
    ("more", "about"),
    [
        ({"REGISTRY_NATS_URL": "", "REGISTRY_NATS_STREAM": "S"}, "NATS_STREAM is set"),
        ({"REGISTRY_NATS_URL": "http://nats.county.example"}, "NATS_URL"),
        ({"REGISTRY_NATS_URL": "tls://"}, "NATS_URL"),
        ({"REGISTRY_NATS_URL": "tls://a.example:70000"}, "NATS_URL"),
        ({"REGISTRY_NATS_URL": "tls://user:hunter22@a.example"}, "NATS_USER"),
        ({"REGISTRY_NATS_URL": "tls://a.example,nats://127.0.0.1"}, "one scheme"),
        ({"REGISTRY_NATS_USER": "r"}, "go together"),
        (
            {
                "REGISTRY_NATS_URL": "nats://a.example",
                "REGISTRY_NATS_USER": "r",
                "REGISTRY_NATS_PASSWORD": "hunter22",
            },
            "in the clear",
        ),
        ({"REGISTRY_NATS_STREAM": "a.b"}, "NATS_STREAM"),
        ({"REGISTRY_NATS_SUBJECT": "registry.*"}, "NATS_SUBJECT"),
        ({"REGISTRY_NATS_CA_FILE": "/nowhere/ca.pem"}, "NATS_CA_FILE"),
    ],
)
def test_what_is_half_said_or_unsafe_is_refused(more: dict[str, str], about: str) -> None:
    with pytest.raises(SettingsError, match=about) as refused:
        load({**GIVEN, **more})
    assert "hunter22" not in str(refused.value)
