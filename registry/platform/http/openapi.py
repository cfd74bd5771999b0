"""Generates the contract from the declared operations, so that what is documented is what is enforced.

It uses these declarations and msgspec's schemas rather than the framework's generator, which loses bounds in unions,
omits `additionalProperties: false`, and documents another error format than ours.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from registry.platform.http.catalogue import PROBLEMS, general
from registry.platform.http.fixed import Fixed
from registry.platform.http.openapi_components import (
    DEPRECATION_HEADERS,
    DESCRIPTION,
    HEADERS,
    PARAMETERS,
    PILLARS,
    examples,
    shared_responses,
    with_members,
)
from registry.platform.http.openapi_operations import answer_type, body_type, conditions, operation
from registry.platform.http.problems import Problem, TokenRefusal
from registry.platform.http.shapes import Shapes


def assemble(app: Litestar, version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the application."""
    handlers = sorted(
        {
            (route.path_format, method.lower(), handler)
            for route in app.routes
            for handler in getattr(route, "route_handlers", ())
            if isinstance(handler, HTTPRouteHandler) and "problems" in handler.opt
            for method in handler.http_methods
        },
        key=lambda item: (item[0], item[1]),
    )
    kinds: list[Any] = [Problem, TokenRefusal]
    bodies: list[Any] = []
    queries = {handler.opt["query"] for _, _, handler in handlers} - {None}
    for _, _, handler in handlers:
        kinds += [answer_type(handler), handler.opt["accepted"], *(other.kind for other in handler.opt["other_forms"])]
        bodies += [body_type(handler), handler.opt["form"]]
    shapes = Shapes(*([kind for kind in found if kind is not None] for found in (kinds, bodies, queries)))
    components = dict(shapes.components)
    paths: dict[str, dict[str, Any]] = {}
    used: dict[int, set[str]] = defaultdict(set)
    for path, method, handler in handlers:
        paths.setdefault(path, {})[method] = operation(path, method, handler, shapes)
        for code in general(conditions(path, method, handler)) if not handler.opt["public"] else ():
            used[PROBLEMS[code].status].add(code)
    for kind in queries:
        components.pop(kind.__name__)  # the query struct becomes parameters
    components["Problem"] = with_members(components["Problem"])
    deprecates = _check_successors(handler for _, _, handler in handlers)
    there = {tag for item in paths.values() for op in item.values() for tag in op["tags"]}
    groups = {title: [tag for tag in rooms if tag in there] for title, rooms in PILLARS.values()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Registry of resource sharing",
            "version": version,
            "summary": "Who agreed to share what, who may ask for it now, who has it, and is the agreement any good.",
            "description": DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [
            {"name": tag, "description": f"{title}: {rooms[tag]}" if title != "Service" else rooms[tag]}
            for title, rooms in PILLARS.values()
            for tag in groups[title]
        ],
        "x-tagGroups": [{"name": title, "tags": tags} for title, tags in groups.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "responses": shared_responses(used),
            "headers": HEADERS | (DEPRECATION_HEADERS if deprecates else {}),
            "parameters": PARAMETERS,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token (RFC 9068) of an issuer that the registry trusts.",
                }
            },
        },
    }


def _check_successors(handlers: Iterable[HTTPRouteHandler]) -> bool:
    """Whether anything is deprecated. Raises LookupError for the successor of an operation that is none itself."""
    listed = list(handlers)
    ids = {handler.operation_id for handler in listed}
    declared = [(handler, each) for handler in listed for each in handler.opt["deprecations"]]
    for handler, each in declared:
        if each.parameter is None and each.successor not in ids - {handler.operation_id}:
            raise LookupError(f"{handler.operation_id} is deprecated for {each.successor}, which is no operation")
    return bool(declared)


class Contract:
    """The contract of an application. It is written when it is first asked for, not while the service starts."""

    def __init__(self, app: Litestar, version: str) -> None:
        self._app = app
        self._version = version

    @cached_property
    def text(self) -> bytes:
        """The text, as it is committed."""
        return dump(assemble(self._app, self._version))

    @cached_property
    def page(self) -> Fixed:
        """What is answered."""
        return Fixed(self.text, "application/json")


def dump(document: dict[str, Any]) -> bytes:
    """The text of the document as it is committed: in a stable order, with one value or one example on each line."""
    kept: list[Any] = []

    def folded(part: Any, key: str = "") -> Any:
        if key == "example":
            kept.append(part)
            return f"{_FOLD}{len(kept) - 1}"
        if isinstance(part, dict):
            return {name: folded(value, name) for name, value in part.items()}
        return [folded(value) for value in part] if isinstance(part, list) else part

    text = json.dumps(folded(document), indent=1, ensure_ascii=False)
    unfolded = re.sub(f'"{_FOLD}([0-9]+)"', lambda found: json.dumps(kept[int(found[1])], ensure_ascii=False), text)
    return (unfolded + "\n").encode()


_FOLD = "\N{SYMBOL FOR SUBSTITUTE}"


def check_examples(app: Litestar) -> None:
    """Raises msgspec.ValidationError for an example that does not match its operation's request or response."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            recorded = examples()["operations"].get(getattr(handler, "operation_id", None))
            if recorded is not None:
                pairs = ((recorded.get("body"), body_type(handler)), (recorded["answer"], answer_type(handler)))
                for example, kind in pairs:
                    if kind is not None:
                        msgspec.json.decode(msgspec.json.encode(example), type=kind)
