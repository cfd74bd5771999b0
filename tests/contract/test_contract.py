"""The contract is committed, complete and usable: what it says is what the service does."""

import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler

from tests.support.service import Service

COMMITTED = Path(__file__).parents[2] / "openapi" / "registry.json"
Operation = tuple[str, str, dict[str, Any]]


def operations(document: dict[str, Any]) -> list[Operation]:
    """(method, path, operation) of a contract."""
    return [(method, path, op) for path, item in document["paths"].items() for method, op in item.items()]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The committed contract."""
    found: dict[str, Any] = msgspec.json.decode(COMMITTED.read_bytes())
    return found


async def test_the_committed_contract_is_what_the_code_does(service: Service) -> None:
    generated = service.edge.app.state.contract
    assert COMMITTED.read_bytes() == generated, "run `make contract` and commit openapi/registry.json"


def test_every_operation_has_a_chosen_id_a_tag_a_summary_and_its_permission(document: dict[str, Any]) -> None:
    seen = set()
    for method, path, op in operations(document):
        where = f"{method} {path}"
        assert re.fullmatch(r"[a-z]+(_[a-z]+)+", op["operationId"]), where
        assert op["operationId"] not in seen, where
        seen.add(op["operationId"])
        assert len(op["tags"]) == 1, where
        assert len(op["summary"].split()) > 1, where
        assert len(op["description"]) > 10, where
        assert op.get("security") == [] or re.fullmatch(r"[a-z]+:[a-z_]+", op["x-permission"]), where
    assert len(seen) >= 80


def test_every_error_is_a_problem_and_the_expected_ones_are_declared(document: dict[str, Any]) -> None:
    for method, path, op in operations(document):
        responses = op["responses"]
        for status, response in responses.items():
            if int(status) >= 400 and path != "/health/ready":
                schema = response["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (method, path, status)
        if op.get("security") == []:
            continue
        expected = {"400", "401", "403", "500", "503"}
        if "{" in path:
            expected.add("404")
        if method == "patch":
            expected |= {"412", "428"}
        if "requestBody" in op:
            expected |= {"413", "415"}
        assert expected <= set(responses), (method, path, expected - set(responses))


def test_creations_say_where_the_new_thing_is(document: dict[str, Any]) -> None:
    for method, path, op in operations(document):
        if "201" in op["responses"]:
            assert "Location" in op["responses"]["201"]["headers"], (method, path)


def test_every_reference_resolves_and_no_name_is_mangled(document: dict[str, Any]) -> None:
    text = COMMITTED.read_text()
    for kind, name in set(re.findall(r'"#/components/([a-zA-Z]+)/([^"]+)"', text)):
        assert name in document["components"][kind], name
    for name in document["components"]["schemas"]:
        assert re.fullmatch(r"[A-Z][A-Za-z0-9]+", name), name


def test_every_body_has_a_worked_example_that_is_valid(document: dict[str, Any]) -> None:
    for method, path, op in operations(document):
        if "requestBody" not in op:
            continue
        for media, content in op["requestBody"]["content"].items():
            assert "example" in content, f"{method} {path} {media} has no example"
            schema = {**content["schema"], "components": document["components"]}
            validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
            errors = [error.message for error in validator.iter_errors(content["example"])]
            assert not errors, (method, path, errors)


async def test_every_example_decodes_into_the_type_that_the_handler_takes(service: Service) -> None:
    handlers = [h for route in service.edge.app.routes for h in getattr(route, "route_handlers", ())]
    checked = 0
    for handler in handlers:
        if isinstance(handler, HTTPRouteHandler) and handler.opt.get("example") and not handler.opt["takes"]:
            field = handler.parsed_data_field
            assert field is not None
            msgspec.json.decode(msgspec.json.encode(handler.opt["example"]), type=field.annotation, strict=True)
            checked += 1
    assert checked > 30


def test_input_is_closed_and_bounded(document: dict[str, Any]) -> None:
    """Whoever generates a client can validate: no unknown fields, no endless strings, lists or numbers."""
    schemas = document["components"]["schemas"]
    roots = [
        content["schema"]
        for _, _, op in operations(document)
        for content in op.get("requestBody", {}).get("content", {}).values()
    ]
    queue, seen = list(roots), set()
    while queue:
        schema = queue.pop()
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            if name not in seen:
                seen.add(name)
                queue.append(schemas[name])
                if schemas[name].get("type") == "object":
                    assert schemas[name].get("additionalProperties") is False, name
            continue
        kind = schema.get("type")
        if kind == "string" and "enum" not in schema and "format" not in schema:
            assert "maxLength" in schema or "pattern" in schema, schema
        if kind == "array":
            assert "maxItems" in schema, schema
        if kind in ("integer", "number"):
            assert "minimum" in schema or "exclusiveMinimum" in schema, schema
            assert "maximum" in schema, schema
        queue += [*schema.get("properties", {}).values(), *schema.get("anyOf", ())]
        if isinstance(schema.get("items"), dict):
            queue.append(schema["items"])


def test_parameters_are_documented(document: dict[str, Any]) -> None:
    for method, path, op in operations(document):
        for parameter in op.get("parameters", ()):
            if parameter.get("in") == "query":
                assert (
                    "description" in parameter
                    or parameter["schema"].get("enum")
                    or "$ref" in str(parameter["schema"])
                    or parameter["schema"].get("format")
                ), (method, path, parameter["name"])
