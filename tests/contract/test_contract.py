"""The contract is committed, complete and usable: what it says is what the service does."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from litestar.handlers import HTTPRouteHandler

from registry.platform.access.permissions import PERMISSIONS, Action
from registry.platform.access.principals import Role
from registry.platform.http.catalogue import PROBLEMS
from registry.platform.http.requests import loose_values
from registry.platform.http.shapes import FORMS, words
from registry.sharing.loans.rules import LoanStatus
from tests.support.places import ROOT
from tests.support.service import Service

COMMITTED = ROOT / "openapi" / "registry.json"
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
    generated = service.edge.app.state.contract.text
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
        needs_none = op.get("security") == [] or op["operationId"] == "get_me"  # whoever has a token may ask
        assert needs_none or re.fullmatch(r"[a-z]+:[a-z_]+", op["x-permission"]), where
    assert len(seen) >= 80


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """What a reference within the contract stands for; what is none, as it is."""
    if "$ref" not in part:
        return part
    _, _, kind, name = part["$ref"].split("/")
    found: dict[str, Any] = document["components"][kind][name]
    return found


def test_every_error_is_a_shared_problem_and_the_expected_ones_are_declared(document: dict[str, Any]) -> None:
    for method, path, op in operations(document):
        responses = op["responses"]
        for status, response in responses.items():
            if path == "/v1/token" and status in ("400", "401"):  # in OAuth's words, as its clients expect
                schema = response["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/TokenRefusal"}
            elif int(status) >= 400 and path not in ("/health/ready", "/health/reading"):
                assert list(response) == ["$ref"], (method, path, status)
                schema = resolved(document, response)["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (method, path, status)
        if op.get("security") == []:
            continue
        expected = {"400", "401", "403", "500", "503"}
        if "{" in path:
            expected.add("404")
        if method == "patch" or op["operationId"] == "approve_request":
            expected |= {"412", "428"}
        if "requestBody" in op:
            expected |= {"413", "415"}
        assert expected <= set(responses), (method, path, expected - set(responses))


def test_each_operation_names_its_own_problems_under_their_statuses(document: dict[str, Any]) -> None:
    named = 0
    for method, path, op in operations(document):
        for status, codes in op.get("x-problems", {}).items():
            assert status in op["responses"], (method, path, status)
            for code in codes:
                assert PROBLEMS[code].status == int(status), (method, path, code)
                assert f"`{code}`" in op["description"], (method, path, code)
                named += 1
    assert named > 200


def test_the_members_of_problems_are_in_the_schema(document: dict[str, Any]) -> None:
    known = document["components"]["schemas"]["Problem"]["properties"]
    for code, entry in PROBLEMS.items():
        assert set(entry.members) <= known.keys(), code


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
            kind = handler.opt["form"] if field is None else field.annotation
            assert kind is not None
            msgspec.json.decode(msgspec.json.encode(handler.opt["example"]), type=kind, strict=True)
            checked += 1
    assert checked > 30


async def test_a_civil_day_of_no_calendar_is_refused_wherever_a_body_has_one(
    service: Service, document: dict[str, Any]
) -> None:
    """One that was stored would be computed with for ever after: each field is tried in its operation's own example."""
    tried = 0
    by_id = {op["operationId"]: op for _, _, op in operations(document)}
    for handler in [each for route in service.edge.app.routes for each in getattr(route, "route_handlers", ())]:
        body = by_id.get(getattr(handler, "operation_id", None) or "", {}).get("requestBody")
        if body is None or "application/json" not in body["content"] or handler.parsed_data_field is None:
            continue
        schema = resolved(document, body["content"]["application/json"]["schema"])
        for name, part in schema.get("properties", {}).items():
            if '"format":"date"' not in msgspec.json.encode(part).decode():
                continue
            example = msgspec.to_builtins(handler.opt["example"]) | {name: "9999-12-31"}
            found = msgspec.convert(example, handler.parsed_data_field.annotation)
            assert (f"/{name}", "date_out_of_range") in [
                (fault.pointer, fault.code) for fault in loose_values(found, "")
            ], handler.operation_id
            tried += 1
    assert tried > 30


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
                if schemas[name].get("type") == "object" and name != "TokenRequest":  # RFC 6749, 3.2: ignored
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


def test_what_is_answered_is_open(document: dict[str, Any]) -> None:
    """A client that validates must not break when a member comes to an answer."""
    answered = reached(document, [op["responses"] for _, _, op in operations(document)])
    assert {"Money", "Location", "Terms", "Problem"} <= answered
    schemas = document["components"]["schemas"]
    assert not [name for name in answered if schemas[name].get("additionalProperties") is False]


def test_what_stands_in_bodies_and_answers_has_a_schema_of_each(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    sent = reached(document, [op.get("requestBody") for _, _, op in operations(document)])
    answered = reached(document, [op["responses"] for _, _, op in operations(document)])
    assert not [name for name in sent & answered if schemas[name].get("type") == "object"]
    twice = {name for name in sent if name.endswith("Input")}
    assert {"MoneyInput", "LocationInput", "TermsInput"} <= twice
    for name in twice:
        own, other = schemas[name], schemas[name.removesuffix("Input")]
        assert own["properties"].keys() == other["properties"].keys(), name
        assert own.get("required") == other.get("required"), name
    titles = {name: schema["title"] for name, schema in schemas.items() if "title" in schema}
    assert len(titles) > 300
    assert all(title == name for name, title in titles.items()), "generators name a class by the title"


def reached(document: dict[str, Any], parts: list[Any]) -> set[str]:
    """The names of all schemas to which these parts of the contract refer, themselves or through others."""
    seen: set[str] = set()
    queue = list(parts)
    while queue:
        part = queue.pop()
        if isinstance(part, list):
            queue += part
        elif isinstance(part, dict) and "$ref" in part:
            if (where := part["$ref"]) not in seen:
                seen.add(where)
                queue.append(resolved(document, part))
        elif isinstance(part, dict):
            queue += [value for key, value in part.items() if key != "example"]
    return {where.rpartition("/")[2] for where in seen if "/schemas/" in where}


def test_an_operation_stands_in_the_group_of_its_pillar(document: dict[str, Any]) -> None:
    grouped = [tag for group in document["x-tagGroups"] for tag in group["tags"]]
    assert grouped == [tag["name"] for tag in document["tags"]]
    assert {tag for _, _, op in operations(document) for tag in op["tags"]} == set(grouped)


def test_every_property_is_described(document: dict[str, Any]) -> None:
    properties = list(properties_in(document))
    assert len(properties) > 1000
    bare = [f"{name}.{key}" for name, key, about in properties if not about.get("description")]
    assert not bare, "say in words.yaml what these mean"


def enumerations(document: dict[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    """(where, description, values) of every enumeration that a reader meets."""
    for name, schema in document["components"]["schemas"].items():
        if "enum" in schema:
            yield name, schema.get("description", ""), schema["enum"]
        for key, about in schema.get("properties", {}).items():
            parts = [about, about.get("items", {}), *about.get("anyOf", ())]
            yield from ((f"{name}.{key}", about.get("description", ""), p["enum"]) for p in parts if "enum" in p)
    for _, path, op in operations(document):
        for parameter in op.get("parameters", ()):
            if "enum" in parameter.get("schema", {}):
                where = f"{path} {parameter['name']}"
                yield where, parameter.get("description", ""), parameter["schema"]["enum"]


def test_every_value_is_explained_in_order_of_life(document: dict[str, Any]) -> None:
    found = list(enumerations(document))
    assert len(found) > 70
    for where, description, values in found:
        explained = re.findall(r"^- `([^`]+)`: .", description, re.M)
        assert explained == values, f"{where}: say in words.yaml what the values mean"


def test_the_order_of_values_is_the_one_in_code(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["LoanStatus"]["enum"] == [state.value for state in LoanStatus]
    assert schemas["Decision"]["properties"]["outcome"]["enum"] == ["permitted", "needs_approval", "denied"]


def test_a_text_stands_in_several_rooms_only_where_it_is_meant_to(document: dict[str, Any]) -> None:
    """A text by name alone comes to every schema with that name: what is true in one room may be false in the next."""
    known = words()
    rooms: dict[str, set[str]] = defaultdict(set)
    for name, key, about in [*properties_in(document), *parameters_in(document)]:
        text = known.properties.get(key, "-")
        by_name_alone = f"{name.removesuffix('Input')}.{key}" not in known.properties
        if by_name_alone and about.get("description", "").startswith(text.split("\n")[0]):
            rooms[key].add(room_of(name) if name[0].isupper() else name)
    several = {key for key, found in rooms.items() if len(found) > 1}
    unmarked = sorted(several - known.everywhere)
    assert not unmarked, "give schemas in which it means something else a text of their own, or list it as `everywhere`"
    assert not known.everywhere - several, "of one room now"


def test_each_instant_and_day_says_what_it_means(document: dict[str, Any]) -> None:
    """And not how it is written alone."""
    told = [(f"{name}.{key}", about) for name, key, about in [*properties_in(document), *parameters_in(document)]]
    assert [where for where, about in told if about.get("description") in FORMS] == [], "say it in words.yaml"
    forms = [about for _, about in told if str(about.get("description")).endswith(FORMS)]
    assert len(forms) > 150


def properties_in(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(schema, property, its schema) of every component."""
    for name, schema in document["components"]["schemas"].items():
        yield from ((name, key, about) for key, about in schema.get("properties", {}).items())


def parameters_in(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(room, name, parameter) of every parameter that an operation has for itself."""
    for _, _, op in operations(document):
        yield from ((op["tags"][0], each["name"], each) for each in op.get("parameters", ()) if "name" in each)


@cache
def room_of(name: str) -> str:
    """The room whose module defines a schema's struct."""
    queue, found = [msgspec.Struct], set()
    while queue:
        kind = queue.pop()
        queue += kind.__subclasses__()
        if kind.__name__ == name.removesuffix("Input") and kind.__module__.startswith("registry."):
            found.add(kind.__module__.split(".")[2])
    return "/".join(sorted(found))


def test_nothing_is_explained_that_is_not_there(document: dict[str, Any]) -> None:
    """A word that was renamed is found here."""
    known = words()
    schemas = document["components"]["schemas"]
    names = {key for schema in schemas.values() for key in schema.get("properties", {})}
    names |= {f"{name}.{key}" for name, schema in schemas.items() for key in schema.get("properties", {})}
    names |= {key for _, key, _ in parameters_in(document)}
    names |= {f"path.{key}" for _, key, about in parameters_in(document) if about["in"] == "path"}
    assert known.properties.keys() - names == set()
    there = [set(values) for _, _, values in enumerations(document)]
    for name, values in known.values.items():
        explained = set(values)
        assert set().union(*(each for each in there if each <= explained)) == explained, name


def test_an_action_is_named_as_its_address_ends(document: dict[str, Any]) -> None:
    """But for the four that the description of `action` names."""
    ends = {path.rpartition("/")[2] for path, item in document["paths"].items() if "post" in item}
    offered = {name for example in each_example(document) for name in actions_in(example)}
    assert len(offered) > 40
    assert {name for name in offered if name.replace("_", "-") not in ends} == {
        "create_loan",
        "delete",
        "reply",
        "update",
    }
    described = document["components"]["schemas"]["AllowedAction"]["properties"]["action"]["description"]
    assert "`update`" in described
    assert "`reply`" in described


def test_both_ends_of_a_range_can_be_sent_as_in_the_examples(document: dict[str, Any]) -> None:
    tried = 0
    for method, path, op in operations(document):
        examples = {each["name"]: each.get("example") for each in op.get("parameters", ()) if "name" in each}
        for start, first in examples.items():
            end = f"{start.removesuffix('from')}to"
            if start.endswith("from") and end in examples:
                assert first < examples[end], (method, path, end)
                tried += 1
    assert tried > 40


def test_an_empty_range_has_one_code_wherever_it_is_asked_for(document: dict[str, Any]) -> None:
    """`window_reversed` is of windows in bodies."""
    for method, path, op in operations(document):
        named = {code for codes in op.get("x-problems", {}).values() for code in codes}
        assert "window_reversed" not in named or "requestBody" in op, (method, path)


def test_a_body_whose_example_names_days_says_of_when_they_are(document: dict[str, Any]) -> None:
    """What is over by now is refused in many places, and an example is what is tried first."""
    dated = 0
    for method, path, op in operations(document):
        for media in op.get("requestBody", {}).get("content", {}).values():
            if re.search(r'"2[0-9]{3}-[0-9]{2}-[0-9]{2}["T]', json.dumps(media["example"])):
                assert "The example was sent on 2026-07-04" in op["requestBody"]["description"], (method, path)
                dated += 1
    assert dated > 30


def test_what_may_be_done_is_at_the_address_of_the_thing_or_the_schema_says_where(document: dict[str, Any]) -> None:
    tried = 0
    for path, item in document["paths"].items():
        found = item.get("get", {}).get("responses", {}).get("200", {}).get("content", {}).get("application/json", {})
        if not isinstance(found.get("example"), dict):
            continue
        schema = resolved(document, found["schema"])
        for offered in found["example"].get("allowed_actions", ()):
            name = offered["action"]
            if (
                name not in ("delete", "reply", "update")
                and f"{path}/{name.replace('_', '-')}" not in document["paths"]
            ):
                assert f"`{name}`" in schema["properties"]["allowed_actions"]["description"], (path, name)
            tried += 1
    assert tried > 40


def test_each_operation_and_the_page_say_which_roles_may_do_it(document: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "permissions.md").read_text("utf-8")
    cells = {row.split("|")[1].strip(" `"): row.split("|")[3:-1] for row in page.splitlines() if row.startswith("| `")}
    assert cells.keys() == {str(action) for action in Action}
    for action, row in cells.items():
        held = PERMISSIONS[Action(action)]
        assert [cell.strip() for cell in row] == [", ".join(sorted(held.get(role, ()))) for role in Role], action
    for method, path, op in operations(document):
        if "x-permission" in op:
            its = {str(role): sorted(of) for role, of in PERMISSIONS[Action(op["x-permission"])].items()}
            assert op["x-roles"] == its, (method, path)
    said = document["components"]["schemas"]["MyPermission"]["properties"]["relations"]["items"]["enum"]
    assert {relation for row in PERMISSIONS.values() for of in row.values() for relation in of} <= set(said)


def test_a_hash_that_is_asked_of_documents_is_that_of_the_file(document: dict[str, Any]) -> None:
    asked = document["paths"]["/v1/agreements/{agreement_id}/documents"]
    for method in ("get", "post"):
        (said,) = (each["description"] for each in asked[method]["parameters"] if each.get("name") == "sha256")
        assert "the file" in said
        assert "version" not in said


def test_the_advice_of_problems_names_what_there_is(document: dict[str, Any]) -> None:
    """Parameters as they are called, and addresses without a blank in them."""
    asked = {
        each.get("name")
        for item in document["paths"].values()
        for op in item.values()
        for each in op.get("parameters", ())
    }
    named = set(re.findall(r"`(\w+_version\w*)`", PROBLEMS["no_version_before"].do))
    assert named
    assert named <= asked
    assert not [code for code, entry in PROBLEMS.items() if re.search(r"`GET [^`]*\s[^`]*`", entry.do)]


def each_example(document: dict[str, Any]) -> Iterator[Any]:
    for item in document["paths"].values():
        for operation in item.values():
            for answer in operation["responses"].values():
                yield from (media.get("example") for media in answer.get("content", {}).values())


def actions_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            yield from (each["action"] for each in part) if name == "allowed_actions" else actions_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from actions_in(part)


def test_every_array_says_what_it_holds(document: dict[str, Any]) -> None:
    queue: list[Any] = [document]
    while queue:
        part = queue.pop()
        if isinstance(part, dict):
            if part.get("type") == "array":
                assert "items" in part or "prefixItems" in part, part
            queue += part.values()
        elif isinstance(part, list):
            queue += part


def test_parameters_are_documented(document: dict[str, Any]) -> None:
    for method, path, op in operations(document):
        for parameter in op.get("parameters", ()):
            assert resolved(document, parameter).get("description"), (method, path, parameter)
