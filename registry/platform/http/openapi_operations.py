"""One operation of the contract: its parameters, body, answers and problems, from its declaration."""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec
from litestar.handlers import HTTPRouteHandler

from registry.platform.http.answers import Answer, Content
from registry.platform.http.catalogue import PROBLEMS, When, general
from registry.platform.http.deprecations import Deprecation
from registry.platform.http.openapi_components import (
    ANSWERS,
    DEPRECATION_HEADERS,
    EXAMPLES_FROM,
    PILLARS,
    examples,
    references,
)
from registry.platform.http.paging import ranges_of
from registry.platform.http.problems import MEDIA_TYPE, TokenRefusal
from registry.platform.http.requests import families_of
from registry.platform.http.shapes import REF, Schema, Shapes, explain

_LINES = "application/x-ndjson"
_FILE = {"type": "string", "format": "binary"}
_OCTETS = "application/octet-stream"  # for uploads: client generators treat any other type as text


def body_type(handler: HTTPRouteHandler) -> Any:
    """The struct of the operation's body; None when it has no body, or a file."""
    field = handler.parsed_data_field
    return field.annotation if field is not None else None


def answer_type(handler: HTTPRouteHandler) -> Any:
    """The struct of the operation's answer; None for a file, a page or no content."""
    annotation = handler.opt["returns"]
    found = get_args(annotation)[0] if get_origin(annotation) is Answer else None
    return None if found is NoneType else found


def conditions(path: str, method: str, handler: HTTPRouteHandler) -> set[When]:
    """The conditions that hold for the operation, and that problems in the catalogue refer to."""
    opt = handler.opt
    found: set[When] = {"any", "token"}
    if "{" in path:
        found.add("path")
    if opt["takes"]:
        found.add("file")
    elif body_type(handler) is not None:
        found.add("body")
    if opt["query"] is not None:
        found.add("query")
        if {"cursor", "after"} & set(opt["query"].__struct_fields__):
            found.add("list")
        if ranges_of(opt["query"]):
            found.add("range")
    if method != "get":
        found.add("write")
    if method == "post" and not opt["public"]:
        found.add("post")
    if method in ("patch", "delete") or opt["approves_what_was_read"]:
        found |= {"version", "edit"}
    elif "if_match" in opt["asked"]:
        found.add("version")
    return found


def _precondition(found: set[When], opt: dict[str, Any]) -> list[str]:
    if opt["approves_what_was_read"]:
        return ["If-Match-Read"]
    return ["If-Match-Required"] if "edit" in found else ["If-Match"] if "version" in found else []


def operation(path: str, method: str, handler: HTTPRouteHandler, shapes: Shapes) -> dict[str, Any]:
    """The operation object of the contract."""
    opt = handler.opt
    found = conditions(path, method, handler)
    permission = opt["permission"]
    parameters = _path_parameters(path, handler) + _query_parameters(opt["query"], shapes)
    shared = [
        *(["Idempotency-Key"] if "post" in found else []),
        *_precondition(found, opt),
        *(["If-None-Match"] if method == "get" and opt["etag"] else []),
        *(["Last-Event-ID"] if "last_event_id" in opt["asked"] else []),
    ]
    for each in opt["deprecations"]:
        _deprecate_parameter(handler, parameters, each)
    parameters += [{"$ref": f"#/components/parameters/{name}"} for name in shared]
    own = _by_status(opt["problems"])
    document: dict[str, Any] = {
        "operationId": handler.operation_id,
        "tags": [_room(handler)],
        "summary": handler.summary,
        "description": _description(handler, own),
    }
    if parameters:
        document["parameters"] = parameters
    if whole := [each for each in opt["deprecations"] if each.parameter is None]:
        document["deprecated"] = True
        document["description"] += f"\n\n{whole[0].words}"
    if (body := _request_body(method, handler, shapes)) is not None:
        document["requestBody"] = body
    statuses = set(own)
    if not opt["public"]:
        statuses |= {PROBLEMS[code].status for code in general(found)}
    document["responses"] = _successes(method, handler, shapes) | {
        str(status): {"$ref": f"#/components/responses/{ANSWERS[status][0]}"} for status in sorted(statuses)
    }
    if opt["form"] is not None:
        document["responses"] |= _refusals(shapes)
    if opt["public"]:
        document["security"] = []
    if permission is not None:
        document["x-permission"] = str(permission)
        document["x-roles"] = opt["roles"]
    if own:
        document["x-problems"] = {str(status): codes for status, codes in own.items()}
    return document


def _deprecate_parameter(handler: HTTPRouteHandler, parameters: list[dict[str, Any]], deprecation: Deprecation) -> None:
    """Mark the parameter that will go, if it is one. Raises LookupError for a name that the operation does not have."""
    if deprecation.parameter is None:
        return
    known = {each["name"]: each for each in parameters if each["in"] == "query"}
    if missing := {deprecation.parameter, deprecation.successor} - known.keys():
        raise LookupError(f"{handler.operation_id} deprecates a parameter, and has no {', '.join(sorted(missing))}")
    marked = known[deprecation.parameter]
    marked["deprecated"] = True
    marked["description"] = f"{marked.get('description', '')} {deprecation.words}".strip()


def _room(handler: HTTPRouteHandler) -> str:
    """The room in which the handler is defined. Raises KeyError for one that is not listed."""
    parts = str(handler.fn.__module__).split(".")
    pillar, room = (parts[1], parts[1]) if len(parts) == 2 else (parts[1], parts[2])
    assert room in PILLARS[pillar][1], f"{pillar}/{room} has operations: say in a word what they are about"
    return room


def _by_status(codes: Iterable[str]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = defaultdict(list)
    for code in sorted(codes):
        found[PROBLEMS[code].status].append(code)
    return dict(sorted(found.items()))


def _description(handler: HTTPRouteHandler, own: dict[int, list[str]]) -> str:
    parts = [handler.description or ""]
    if handler.opt["permission"] is not None:
        parts.append(f"Needs `{handler.opt['permission']}`.")
    if own:
        listed = "; ".join(f"{status} {', '.join(f'`{code}`' for code in codes)}" for status, codes in own.items())
        parts.append(f"Problems of its own: {listed}.")
    return "\n\n".join(parts).strip()


def _request_body(method: str, handler: HTTPRouteHandler, shapes: Shapes) -> dict[str, Any] | None:
    body, opt = body_type(handler), handler.opt
    if body is not None:
        media: dict[str, Any] = {"schema": shapes.of_body(body)}
        recorded = examples()["operations"].get(handler.operation_id, {})
        if (sent := recorded.get("body", opt["example"])) is not None:
            media["example"] = sent
        said = [_AS_OF_THEN] if _names_days(sent) else []
        if method != "patch":
            needed = any(field.required for field in msgspec.structs.fields(body))
            described = {"description": " ".join(said)} if said else {}
            return {"required": needed, **described, "content": {"application/json": media}}
        # One media type, here and for files: client generators make a type of each, or support only one.
        words = " ".join(["What is to change (RFC 7396). It is taken as `application/json`, too.", *said])
        return {"required": True, "description": words, "content": {"application/merge-patch+json": media}}
    if opt["form"] is not None:
        sent = examples()["operations"].get(handler.operation_id, {}).get("body", opt["example"])
        content = {"application/x-www-form-urlencoded": {"schema": shapes.of_body(opt["form"]), "example": sent}}
        return {"required": True, "content": content}
    if opt["takes"]:
        first, *others = opt["takes"]
        words = f"The file itself. It is taken as {', '.join(f'`{kind}`' for kind in others)}, too."
        content = {first: {"schema": _FILE, "example": opt["example"]}}
        return {"required": True, "description": words, "content": content}
    return None


def _names_days(example: Any) -> bool:
    return re.search(r'"[0-9]{4}-[0-9]{2}-[0-9]{2}[T"]', msgspec.json.encode(example).decode()) is not None


# What must be known of an example that is sent as it is: in many places a day that is over by now is refused.
_AS_OF_THEN = f"The example was sent on {EXAMPLES_FROM}: in place of its days, send such as lie so far from today."


def _refusals(shapes: Shapes) -> dict[str, Any]:
    """What the token endpoint answers in OAuth's words; at 400 also what cannot be read at all."""
    described = {
        "400": ("The request is refused, in OAuth's words; or it cannot be read.", "invalid_scope", {}),
        "401": ("The client is not authenticated.", "invalid_client", {"WWW-Authenticate": "WWW-Authenticate"}),
    }
    found: dict[str, Any] = {}
    for status, (words, code, more) in described.items():
        example = {"error": code, "error_description": words}
        content: dict[str, Any] = {"application/json": {"schema": shapes.of(TokenRefusal), "example": example}}
        if status == "400":
            content[MEDIA_TYPE] = {"schema": {"$ref": REF.format(name="Problem")}}
        headers = references({"X-Request-Id": "X-Request-Id", "Cache-Control": "Cache-Control", **more})
        found[status] = {"description": words, "headers": headers, "content": content, "x-problems": []}
    return found


def _done(handler: HTTPRouteHandler) -> str:
    words = (handler.summary or "Done") + "."
    if handler.opt["returns"] is not Content:
        return words
    kinds = ", ".join(f"`{kind}`" for kind in handler.opt["produces"])
    return f"{words} The `Content-Type` that is sent says what the file is: {kinds}."


def _successes(method: str, handler: HTTPRouteHandler, shapes: Shapes) -> dict[str, Any]:
    opt, status = handler.opt, handler.opt["status"]
    headers = ["X-Request-Id"] if opt["public"] else ["X-Request-Id", "RateLimit", "RateLimit-Policy"]
    if opt["etag"] and method != "delete":
        headers.append("ETag")
    if status in (201, 202):
        headers.append("Location")
    if method == "post" and not opt["public"]:
        headers.append("Idempotency-Replayed")
    if opt["query"] is not None and "cursor" in opt["query"].__struct_fields__:
        headers.append("Link")
        if not opt["public"]:
            headers.append("As-Of-Event")
    if opt["returns"] is Content:
        headers.append("Content-Disposition")
    if opt["deprecations"]:
        headers += DEPRECATION_HEADERS
    success: dict[str, Any] = {"description": _done(handler)}
    kind = answer_type(handler)
    if kind is not None:
        headers.append("Cache-Control")
        success["content"] = {"application/json": {"schema": shapes.of(kind)}}
    elif opt["returns"] is Content:
        success["content"] = {_OCTETS: {"schema": _FILE}}
    elif opt["produces"]:
        known = [media for media in opt["produces"] if media.startswith("text/") or media.endswith("json")]
        if len(known) < len(opt["produces"]) or _LINES in known:
            success["content"] = {
                _OCTETS: {"schema": _FILE}
            }  # first: generators take it, and drop what they do not know
        success.setdefault("content", {}).update(
            {
                media: {"schema": {"type": "object" if media.endswith("+json") else "string"}}
                for media in opt["produces"]
            }
        )
    recorded = examples()["operations"].get(handler.operation_id)
    for media in success.get("content", {}).values() if recorded is not None else ():
        media["example"] = recorded["answer"]
    for other in opt["other_forms"]:
        shown: dict[str, Any] = {"schema": {"type": "string"} if other.kind is None else shapes.of(other.kind)}
        if recorded is not None and other.kind is not None:
            answered = msgspec.json.decode(msgspec.json.encode(recorded["answer"]), type=kind)
            shown["example"] = msgspec.to_builtins(other.make(answered))
        success["content"][other.media_type] = shown
    success["headers"] = references({name: name for name in headers})
    responses: dict[str, Any] = {str(status): success}
    responses |= {str(other): {**success, "description": words} for other, words in opt["also"].items()}
    if (accepted := opt["accepted"]) is not None:
        responses["202"] = {
            "description": "Where the registry's operator needs a second operator for this: kept, and not done yet.",
            "headers": references({name: name for name in ("X-Request-Id", "Location", "Cache-Control")}),
            "content": {"application/json": {"schema": shapes.of(accepted), "example": examples()["accepted"]}},
        }
    if opt["etag"] and method == "get":
        same = references({name: name for name in ("X-Request-Id", "ETag")})
        responses["304"] = {"description": "You have it already.", "headers": same}
    return responses


def _path_parameters(path: str, handler: HTTPRouteHandler) -> list[dict[str, Any]]:
    found = []
    for name in re.findall(r"\{([a-z_]+)", path):
        annotation = handler.parsed_fn_signature.parameters[name].annotation
        schema = (
            {"type": "string", "format": "uuid"} if "UUID" in repr(annotation) else Shapes([annotation]).of(annotation)
        )
        explain(schema, "path", name)
        parameter = {"name": name, "in": "path", "required": True, "schema": schema}
        found.append({**parameter, "description": schema.pop("description", "")})
    return found


def _query_parameters(query: Any, shapes: Shapes) -> list[dict[str, Any]]:
    if query is None:
        return []
    own = shapes.components[query.__name__]
    required = set(own.get("required", ()))
    found = []
    families = {family.field: family for family in families_of(query)}
    starts = {end: start for start, end in ranges_of(query)}
    for name, schema in own["properties"].items():
        if name in families:
            found.append(_family(families[name].prefix, schema))
            continue
        schema = _without_null(schema)
        description = schema.pop("description", None)
        examples = schema.pop("examples", None)
        parameter = {"name": name, "in": "query", "required": name in required, "schema": schema}
        if description:
            parameter["description"] = description
        if examples:
            parameter["example"] = _later(examples[0]) if name in starts else examples[0]
        found.append(parameter)
    return found


def _later(start: str | int) -> str | int:
    """An end for an example of a range's start, so that both can be sent together."""
    if isinstance(start, int):
        return start
    if "T" not in start:
        return str(date.fromisoformat(start) + timedelta(days=30))
    return f"{datetime.fromisoformat(start) + timedelta(days=2):%Y-%m-%dT%H:%M:%SZ}"


def _family(prefix: str, schema: Schema) -> dict[str, Any]:
    """Parameters whose names the caller completes: of style `form`, exploded, each member is one by its own name."""
    examples = schema.get("examples", [{}])
    members = {"pattern": f"^{re.escape(prefix)}[a-z0-9][a-z0-9_.-]*$"}
    return {
        "name": prefix.rstrip("."),
        "in": "query",
        "required": False,
        "style": "form",
        "explode": True,
        "description": schema.get("description", ""),
        "schema": {
            "type": "object",
            "propertyNames": members,
            "additionalProperties": schema["additionalProperties"],
            "maxProperties": schema["maxProperties"],
        },
        "example": {f"{prefix}{name}": value for name, value in examples[0].items()},
    }


def _without_null(schema: Schema) -> Schema:
    """The schema without null: a parameter is absent rather than null."""
    schema = dict(schema)
    if "anyOf" in schema:
        rest = [part for part in schema.pop("anyOf") if part.get("type") != "null"]
        schema = {**rest[0], **schema} if len(rest) == 1 else {**schema, "anyOf": rest}
    if isinstance(schema.get("type"), list):
        schema["type"] = next(kind for kind in schema["type"] if kind != "null")
    if schema.get("default", 0) in (None, []):
        del schema["default"]
    return schema
