"""Checks of expected errors."""

from typing import Any

import httpx


def assert_problem(response: httpx.Response, status: int, code: str | None = None) -> dict[str, Any]:
    """Fail unless the response is a problem document of this status and code; returns the document."""
    assert response.status_code == status, f"{response.status_code} instead of {status}: {response.text}"
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["trace_id"] == response.headers["x-request-id"]
    if code is not None:
        assert document["code"] == code, document
    return document
