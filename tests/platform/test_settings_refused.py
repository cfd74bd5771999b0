"""Whatever is refused of the settings is refused by the name of the setting, and no secret is repeated."""

from pathlib import Path

import pytest

from registry.app import create_app
from registry.platform.settings import _DECIMAL, _TEXT, _WHOLE, PREFIX, SettingsError, load

NAMES = [*(f"{PREFIX}{name}" for name in sorted(_TEXT | _WHOLE.keys() | _DECIMAL.keys())), "HOST", "PORT"]
PASSWORD = "hunter2-of-the-demonstration"
HOLD_SECRETS = {f"{PREFIX}{name}" for name in ("DATABASE_URL", "LEDGER_KEY", "SECRET_KEYS", "MAIL_PASSWORD")}
READ_LATER = {f"{PREFIX}{name}" for name in ("DATABASE_URL", "DOCUMENTS_URL", "RULES_ON", "SECOND_OPERATOR_FOR")}
"""What only the parts of the service that use it can tell to be wrong."""
VALUES = [
    *("", "   ", "nonsense!", "-1", "é\u2028", "x" * 300, "/nowhere/at/all", "http://", "{}", "[{}]", "9" * 24),
    *("s3://", "sqlite:///", "sqlite:///:memory:", f"postgresql+asyncpg://u:{PASSWORD}@[bad"),
    f"postgresql+asyncpg://u:{PASSWORD}@host:port/registry",
]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_refused_is_named(name: str, tmp_path: Path) -> None:
    given = {f"{PREFIX}LEDGER_KEY": "0123456789abcdef" * 2, f"{PREFIX}DATA_DIR": str(tmp_path)}
    for value in VALUES:
        try:
            settings = load({**given, name: value})
            if name in READ_LATER and value.strip():
                create_app(settings)
        except SettingsError as refused:
            says = str(refused)
            # What goes with a setting of mail is asked for by its own name.
            assert name in says or (name.startswith(f"{PREFIX}MAIL_") and f"{PREFIX}MAIL_" in says), (value, says)
            assert len(says.replace(name, "")) > 15, "it says what is accepted"
            assert name not in HOLD_SECRETS or PASSWORD not in says
