"""Requests for tests, made by coordinators."""

from collections.abc import Sequence
from typing import Any

import msgspec

from registry.platform.kernel.time import Window
from tests.support.cast import Agency
from tests.support.policy import window_of


def line_for(asset: dict[str, Any], *, window: Window | None = None, **fields: Any) -> dict[str, Any]:
    """A line that asks for the asset; `fields` say what is different."""
    return {"asset_id": asset["id"], "window": msgspec.to_builtins(window or window_of()), **fields}


async def make_request(requesting: Agency, asset: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A draft of the agency's coordinator with one ordinary line for the asset; `fields` say what is different."""
    body = {
        "purpose": "narcotics_investigation",
        "summary": "Dog team for a vehicle search (demo).",
        "lines": fields.get("lines") or [line_for(asset)],
        **fields,
    }
    made: dict[str, Any] = await requesting.coordinator.done("POST", "/v1/requests", body)
    return made


async def submitted(requesting: Agency, asset: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The same, submitted and so decided."""
    made = await make_request(requesting, asset, **fields)
    return await act(requesting.coordinator, made, "submit", {})


def need_line(*, window: Window | None = None, quantity: int = 1, **need: Any) -> dict[str, Any]:
    """A line that asks for narcotics teams of type II or better, of whichever agency; `need` says what is different."""
    return {
        "need": {"kind": "category", "category": "k9.narcotics", "type_at_least": 2, **need},
        "quantity": quantity,
        "window": msgspec.to_builtins(window or window_of()),
    }


async def sourced(requesting: Agency, owners: Sequence[Agency], **fields: Any) -> dict[str, Any]:
    """A request with such a line, once these agencies were asked for it, all at once."""
    made = await submitted(requesting, {}, **{"lines": [need_line()], **fields})
    path = f"/v1/requests/{made['id']}/lines/{made['lines'][0]['id']}/source"
    asked: dict[str, Any] = await requesting.coordinator.done(
        "POST", path, {"tiers": [[str(each.id) for each in owners]]}
    )
    return asked


def accepted_by(found: dict[str, Any], number: int = 1) -> dict[str, Any]:
    """A body that accepts what is offered on that line, as the request was read."""
    return {"offer_version": found["lines"][number]["offer_version"] or 1}


async def act(caller: Any, made: dict[str, Any], verb: str, body: object = None) -> dict[str, Any]:
    """The request after this action of the caller, which must succeed."""
    given = {"reason": "as told on the telephone (demo)"} if body is None else body
    done: dict[str, Any] = await caller.done("POST", f"/v1/requests/{made['id']}/{verb}", given)
    return done
