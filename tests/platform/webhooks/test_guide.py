"""The verifier that the guide gives to receivers does what it says, on messages that the standard's library signs."""

import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from registry.platform.webhooks.rules import AGAIN_AFTER, DISABLED_AFTER
from registry.platform.webhooks.signing import new_secret, signed_headers
from tests.support.places import ROOT

GUIDE = (ROOT / "docs" / "webhooks.md").read_text("utf-8")
BODY = b'{"specversion": "1.0"}'


@pytest.fixture(scope="module")
def is_genuine() -> Any:
    """The function, as it is printed."""
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    made: dict[str, Any] = {}
    exec(code, made)  # ours, from the guide
    return made["is_genuine"]


def test_it_takes_what_the_registry_and_what_the_standards_library_sign(is_genuine: Any) -> None:
    secret, now = new_secret(), datetime.now(UTC)
    ours = signed_headers([secret], "an-id", now, BODY)
    assert is_genuine(secret, ours, BODY)
    theirs = {**ours, "webhook-signature": Webhook(secret).sign("an-id", now, BODY.decode())}
    assert is_genuine(secret, theirs, BODY)
    assert theirs == ours


def test_while_a_secret_is_replaced_either_is_enough(is_genuine: Any) -> None:
    old, new = new_secret(), new_secret()
    headers = signed_headers([new, old], "an-id", datetime.now(UTC), BODY)
    assert is_genuine(old, headers, BODY)
    assert is_genuine(new, headers, BODY)
    assert not is_genuine(new_secret(), headers, BODY)


def test_it_refuses_what_was_changed_or_is_old(is_genuine: Any) -> None:
    secret = new_secret()
    headers = signed_headers([secret], "an-id", datetime.now(UTC), BODY)
    assert not is_genuine(secret, headers, BODY + b" ")
    assert not is_genuine(secret, {**headers, "webhook-id": "another"}, BODY)
    assert not is_genuine(secret, {**headers, "webhook-timestamp": str(int(time.time()) - 1)}, BODY)
    old = signed_headers([secret], "an-id", datetime.fromtimestamp(time.time() - 600, UTC), BODY)
    assert not is_genuine(secret, old, BODY)


def test_the_guide_tells_when_it_is_tried_again_and_when_no_more() -> None:
    said = " ".join(GUIDE.split())
    assert "after 5 and 30 seconds, 2, 10 and 30 minutes, 1, 2, 4, 8, 12, 20 and 24 hours" in said
    told = [5, 30, *(60 * n for n in (2, 10, 30)), *(3600 * n for n in (1, 2, 4, 8, 12, 20, 24))]
    assert [each.total_seconds() for each in AGAIN_AFTER] == told
    assert "for five days" in said
    assert DISABLED_AFTER.days == 5
