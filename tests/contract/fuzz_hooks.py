"""How the fuzzer puts a file on the wire: as it is."""

from typing import Any

import schemathesis


@schemathesis.serializer("application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
def as_it_is(_context: Any, value: Any) -> bytes:
    """Bytes are sent as they are, and anything else as its text: both are refused, each with its reason."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
