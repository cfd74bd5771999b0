"""Validates every response in any test against the published contract."""

import re
from typing import Any

import httpx
import jsonschema_rs
import msgspec

_FORMATS = ["uuid", "date-time", "date"]


_REFERENCE = re.compile(r'"#/components/schemas/([A-Za-z0-9]+)"')


def _beginning(path: str) -> str:
    """What a path is about: the part behind the version, where it has one. No path of the contract leaves that open."""
    return path.removeprefix("/v1").removeprefix("/").partition("/")[0]


def _references(schema: object) -> set[str]:
    """The names of the components that a schema refers to."""
    return set(_REFERENCE.findall(msgspec.json.encode(schema).decode()))


def validator_of(schema: dict[str, Any], components: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    """A validator with only the components that the schema refers to; with all of them, each would take a megabyte."""
    reached: dict[str, Any] = {}
    waiting = _references(schema)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached[name] = components[name]
            waiting |= _references(components[name])
    return jsonschema_rs.Draft202012Validator({**schema, "components": {"schemas": reached}}, validate_formats=True)


class Contract:
    """The OpenAPI document, with validators for responses."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        # By what they are about: to look through all took a twentieth of the tests' time. A literal path wins over a
        # template, as it does in the router.
        self._paths: dict[str, list[tuple[re.Pattern[str], str]]] = {}
        for path in sorted(document["paths"], key=lambda path: "{" in path):
            pattern = re.compile("^" + re.sub(r"\{[^}]+\}", "[^/]+", path) + "$")
            self._paths.setdefault(_beginning(path), []).append((pattern, path))
        self._validators: dict[tuple[str, str, int, str], jsonschema_rs.Draft202012Validator] = {}

    def operation(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        """The path template and operation of a request; None when the contract has none."""
        for pattern, template in self._paths.get(_beginning(path), ()):
            if pattern.match(path):
                found = self.document["paths"][template].get(method.lower())
                return (template, found) if found is not None else None
        return None

    def check(self, response: httpx.Response) -> None:
        """Fail when the response does not match the contract."""
        request = response.request
        method = "get" if request.method == "HEAD" else request.method.lower()
        met = self.operation(method, request.url.path)
        if met is None or request.method == "OPTIONS":
            return
        template, operation = met
        where = f"{request.method} {template} → {response.status_code}"
        documented = self._resolved(operation["responses"].get(str(response.status_code)))
        assert documented is not None, f"{where} is not documented: {response.text[:300]}"
        for name, header in documented.get("headers", {}).items():
            optional = not self._resolved(header).get("required", False)
            assert optional or name in response.headers, f"{where} lacks the documented header {name}"
        if request.method == "HEAD" or response.status_code in (204, 304):
            assert response.content == b"", f"{where} has a body"
            return
        media = response.headers["content-type"].split(";")[0]
        content = documented.get("content", {})
        of_a_file = "application/octet-stream" in content and f"`{media}`" in documented["description"]
        assert media in content or of_a_file, f"{where}: {media} is not documented"
        if media in ("application/json", "application/problem+json"):  # any other is a file
            key = (template, method, response.status_code, media)
            if key not in self._validators:
                self._validators[key] = validator_of(content[media]["schema"], self.document["components"]["schemas"])
            errors = [
                f"{'/'.join(map(str, e.instance_path))}: {e.message}"
                for e in self._validators[key].iter_errors(response.json())
            ]
            assert not errors, f"{where} does not fit its schema: {errors[:3]}"
        if media == "application/problem+json":
            own = operation.get("x-problems", {}).get(str(response.status_code), ())
            code = response.json()["code"]
            assert code in {*own, *documented["x-problems"]}, f"{where} answers with {code}, which it does not name"

    def _resolved(self, part: dict[str, Any] | None) -> Any:
        """The target of a reference; any other schema unchanged."""
        if part is None or "$ref" not in part:
            return part
        _, _, kind, name = part["$ref"].split("/")
        return self.document["components"][kind][name]
