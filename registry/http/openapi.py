"""The contract, assembled from the declared operations: what is enforced is what is documented.

Written from the same declarations and msgspec's own schemas rather than by the framework's generator, which loses
bounds in unions, forgets `additionalProperties: false`, and documents another error shape than ours.
"""

import re
from typing import Any, get_args, get_origin

import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from registry.http.answers import Answer, Content
from registry.http.problems import MEDIA_TYPE, STATUS, Problem

_REF = "#/components/schemas/{name}"
_TITLES = dict(STATUS.values()) | {500: "Internal error"}
_FILE = {"type": "string", "format": "binary"}
_EVERY = (400, 401, 403, 500, 503)
_BY_VERB = {
    "get": (),
    "post": (409, 413, 415, 422),
    "patch": (409, 412, 413, 415, 422, 428),
    "delete": (409, 412, 428),
}
_TAGS = {
    "agencies": "Who takes part.",
    "taxonomy": "The words: categories with NIMS typing, purposes, provision headings.",
    "agreements": "What agencies agreed to, and whether it is in force.",
    "documents": "What is on file with an agreement.",
    "assets": "What can be lent, and when.",
    "policy": "Decisions with their reasons, and what-if.",
    "requests": "What is asked for, decided, approved.",
    "loans": "What is committed, handed over and returned.",
    "metrics": "How well it works, over time.",
    "service": "The service itself.",
}
_DESCRIPTION = """\
The system of record for resource sharing between law-enforcement agencies: agreements and their terms, the assets they
cover, explained decisions on requests, loans with both sides' halves, and how well each agreement works.

Send `Authorization: Bearer <token>`. Send `Idempotency-Key` with every POST: the service finishes a request whose
client has gone, and a repeat then gets the first answer. Read `ETag` and send it back as `If-Match` when you edit.
Lists are paged by `next_cursor`. Errors are problem details (RFC 9457); switch on `code`. New fields and new enum
values may appear within `/v1`: treat an unknown value as open. Statutory content is a pattern to test against; have
counsel review it.
"""


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
    kinds: list[Any] = [Problem]
    for _, _, handler in handlers:
        kinds += [kind for kind in (_body_type(handler), _answer_type(handler)) if kind is not None]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    by_kind = dict(zip(map(_key, kinds), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for path, method, handler in handlers:
        paths.setdefault(path, {})[method] = _operation(path, method, handler, by_kind, components)
    tags = sorted({tag for item in paths.values() for op in item.values() for tag in op["tags"]})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Registry of resource sharing",
            "version": version,
            "summary": "Who agreed to share what, who may ask for it now, who has it, and is the agreement any good.",
            "description": _DESCRIPTION,
        },
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag, "description": _TAGS.get(tag, tag)} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": {name: _portable(schema) for name, schema in sorted(components.items())},
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An access token (RFC 9068) of an issuer that the registry trusts.",
                }
            },
            "headers": _HEADERS,
            "parameters": _PARAMETERS,
        },
    }


_HEADERS: dict[str, Any] = {
    "X-Request-Id": {
        "description": "The id under which this request is logged; yours, if you sent one.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Version and derived state of the item; send it back as If-Match or If-None-Match.",
        "schema": {"type": "string"},
    },
    "Content-Disposition": {
        "description": "`attachment` with the file's name (RFC 6266).",
        "schema": {"type": "string"},
    },
    "Location": {"description": "Address of the new item.", "schema": {"type": "string", "format": "uri-reference"}},
    "Link": {"description": 'The next page, as `<…>; rel="next"`.', "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait before trying again.", "schema": {"type": "string"}},
    "WWW-Authenticate": {"description": "How to authenticate (RFC 6750).", "schema": {"type": "string"}},
}
_PARAMETERS: dict[str, Any] = {
    "Idempotency-Key": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "The same key with the same request has one effect and one answer, for 24 hours.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        "example": "7d0a1c4e-demo",
    },
    "If-Match": {
        "name": "If-Match",
        "in": "header",
        "description": "The ETag you read, so that nobody's edit is lost.",
        "schema": {"type": "string"},
        "example": '"1-9f86d081"',
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "required": False,
        "description": "The ETag you have; the answer is 304 when it is still current.",
        "schema": {"type": "string"},
        "example": '"1-9f86d081"',
    },
}


def _key(kind: Any) -> str:
    return repr(kind)


def _body_type(handler: HTTPRouteHandler) -> Any:
    field = handler.parsed_data_field
    return field.annotation if field is not None else None


def _answer_type(handler: HTTPRouteHandler) -> Any:
    annotation = handler.opt["returns"]
    return get_args(annotation)[0] if get_origin(annotation) is Answer else None


def _operation(
    path: str, method: str, handler: HTTPRouteHandler, schemas: dict[str, Any], components: dict[str, Any]
) -> dict[str, Any]:
    opt = handler.opt
    public = bool(opt["public"])
    permission = opt["permission"]
    description = handler.description or ""
    if permission is not None:
        description += f"\n\nNeeds `{permission}`."
    parameters = _path_parameters(path, handler) + _query_parameters(opt["query"], components)
    if method == "post":
        parameters.append({"$ref": "#/components/parameters/Idempotency-Key"})
    if method in ("patch", "delete"):
        parameters.append({**_PARAMETERS["If-Match"], "required": True})
    elif method == "post" and opt["etag"] and "{" in path:
        parameters.append({**_PARAMETERS["If-Match"], "required": False})
    elif method == "get" and opt["etag"]:
        parameters.append({"$ref": "#/components/parameters/If-None-Match"})
    document: dict[str, Any] = {
        "operationId": handler.operation_id,
        "tags": sorted(handler.resolve_tags()) if hasattr(handler, "resolve_tags") else sorted(handler.tags or ()),
        "summary": handler.summary,
        "description": description.strip(),
    }
    if parameters:
        document["parameters"] = parameters
    body = _body_type(handler)
    if body is not None:
        media: dict[str, Any] = {"schema": _portable(schemas[_key(body)])}
        if opt["example"] is not None:
            media["example"] = opt["example"]
        kinds = ["application/merge-patch+json", "application/json"] if method == "patch" else ["application/json"]
        document["requestBody"] = {"required": True, "content": dict.fromkeys(kinds, media)}
    elif opt["takes"]:
        files = {"schema": _FILE, "example": opt["example"]}
        document["requestBody"] = {"required": True, "content": dict.fromkeys(opt["takes"], files)}
    document["responses"] = _responses(path, method, handler, schemas, public)
    if public:
        document["security"] = []
    if permission is not None:
        document["x-permission"] = str(permission)
    return document


def _responses(
    path: str, method: str, handler: HTTPRouteHandler, schemas: dict[str, Any], public: bool
) -> dict[str, Any]:
    opt = handler.opt
    status = handler.status_code
    headers = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    success: dict[str, Any] = {"description": (handler.summary or "Done") + ".", "headers": dict(headers)}
    if opt["etag"] and method != "delete":
        success["headers"]["ETag"] = {"$ref": "#/components/headers/ETag"}
    if status == 201:
        success["headers"]["Location"] = {"$ref": "#/components/headers/Location"}
    kind = _answer_type(handler)
    if kind is not None:
        media = {"schema": _portable(schemas[_key(kind)])}
        if opt["answer"] is not None:
            media["example"] = opt["answer"]
        success["content"] = {"application/json": media}
    elif opt["produces"]:
        schema = _FILE if opt["returns"] is Content else {"type": "string"}
        success["content"] = {media: {"schema": schema} for media in opt["produces"]}
    if opt["returns"] is Content:
        success["headers"]["Content-Disposition"] = {"$ref": "#/components/headers/Content-Disposition"}
    responses: dict[str, Any] = {str(status): success}
    if opt["etag"] and method == "get":
        responses["304"] = {"description": "You have it already.", "headers": dict(headers)}
    statuses = {*opt["problems"]}
    if not public:
        statuses |= {*_EVERY, *_BY_VERB[method]}
        if "{" in path:
            statuses.add(404)
        if method == "post" and opt["etag"] and "{" in path:
            statuses.add(412)
        if opt["query"] is not None:
            statuses.add(422)  # parameters that do not go together, a cursor of another list
        if opt["takes"]:
            statuses.add(408)
        elif _body_type(handler) is None:
            statuses -= {413, 415}
    for code in sorted(statuses):
        extra = dict(headers)
        if code == 401:
            extra["WWW-Authenticate"] = {"$ref": "#/components/headers/WWW-Authenticate"}
        if code == 503:
            extra["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
        responses[str(code)] = {
            "description": _TITLES.get(code, "Problem") + ".",
            "headers": extra,
            "content": {MEDIA_TYPE: {"schema": {"$ref": _REF.format(name="Problem")}}},
        }
    return responses


def _path_parameters(path: str, handler: HTTPRouteHandler) -> list[dict[str, Any]]:
    found = []
    for name in re.findall(r"\{([a-z_]+)", path):
        annotation = handler.parsed_fn_signature.parameters[name].annotation
        schema = {"type": "string", "format": "uuid"} if "UUID" in repr(annotation) else _schema_of(annotation)
        found.append({"name": name, "in": "path", "required": True, "schema": schema})
    return found


def _schema_of(annotation: Any) -> dict[str, Any]:
    schema: dict[str, Any] = _portable(msgspec.json.schema(annotation))
    return schema


def _query_parameters(query: Any, components: dict[str, Any]) -> list[dict[str, Any]]:
    if query is None:
        return []
    (_,), parts = msgspec.json.schema_components([query], ref_template=_REF)
    own = parts.pop(query.__name__)
    for name, schema in parts.items():
        components.setdefault(name, schema)
    required = set(own.get("required", ()))
    found = []
    for name, schema in own["properties"].items():
        schema = _without_null(schema)
        description = schema.pop("description", None)
        examples = schema.pop("examples", None)
        parameter = {"name": name, "in": "query", "required": name in required, "schema": _portable(schema)}
        if description:
            parameter["description"] = description
        if examples:
            parameter["example"] = examples[0]
        found.append(parameter)
    return found


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is absent rather than null."""
    schema = dict(schema)
    if "anyOf" in schema:
        rest = [part for part in schema.pop("anyOf") if part.get("type") != "null"]
        schema = {**rest[0], **schema} if len(rest) == 1 else {**schema, "anyOf": rest}
    if isinstance(schema.get("type"), list):
        schema["type"] = next(kind for kind in schema["type"] if kind != "null")
    if schema.get("default", 0) is None:
        del schema["default"]
    return schema


def _portable(schema: Any) -> Any:
    """Patterns as ECMA-262 reads them, for clients generated in other languages."""
    if isinstance(schema, dict):
        return {
            key: _pattern(value) if key == "pattern" and isinstance(value, str) else _portable(value)
            for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [_portable(item) for item in schema]
    return schema


def _pattern(pattern: str) -> str:
    return pattern.replace(r"\A", "^").replace(r"\Z", "$")


def dump(document: dict[str, Any]) -> bytes:
    """The document as it is committed: stable order, one fact per line."""
    import json

    return (json.dumps(document, indent=1, ensure_ascii=False, sort_keys=False) + "\n").encode()
