"""JSON Schemas for the contract: msgspec's, with enumeration values in their defined order, and with descriptions.

The descriptions of properties and values are in `words.yaml`, each in one place: a property by its name, or by schema
and name where its meaning there differs; a value by its enumeration. A text by name alone may stand in schemas of
several rooms where it is listed under `everywhere`, and nowhere else.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

import msgspec

from registry.platform.kernel.time import DAY_FORM, INSTANT_FORM
from registry.platform.kernel.yaml_text import read_yaml

REF = "#/components/schemas/{name}"
IN_BODIES = "Input"
"""What the name of a schema ends in that is for bodies, where the same struct stands in answers, too."""
Schema: TypeAlias = dict[str, Any]
FORMS: Final = (INSTANT_FORM, DAY_FORM)
"""How an instant, and a day, are written: descriptions that say nothing of what a property means."""


class Words(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The content of `words.yaml`: properties by name or `Schema.name`, values by the name of their enumeration."""

    everywhere: frozenset[str]
    properties: dict[str, str]
    values: dict[str, dict[str, str]]


@cache
def words() -> Words:
    """The file, read once."""
    text = (files("registry.platform.http") / "words.yaml").read_text("utf-8")
    return msgspec.convert(read_yaml(text), Words)


class Shapes:
    """The schemas of these types and of all types that they contain.

    What a body may hold is closed, since members that are not known are refused there; what an answer may hold is open,
    since members may come to it. A struct that stands in both has two schemas: `Money` in answers, `MoneyInput` in
    bodies.
    """

    def __init__(self, kinds: Iterable[Any], bodies: Iterable[Any] = (), queries: Iterable[Any] = ()) -> None:
        asked = list(queries)
        answered, sent = [*kinds, *asked], list(bodies)
        self._asked = {kind.__name__ for kind in asked}
        found, components = msgspec.json.schema_components([*answered, *sent], ref_template=REF)
        kinds_within = list(_enumerations_in([*answered, *sent]))
        self._orders = {frozenset(values): values for values in map(_values_of, kinds_within)}
        self._meanings = {kind.__name__: own for kind in kinds_within if (own := _own_meanings(kind))}
        schemas = [self._finished(schema) for schema in found]
        described = {name: self._component(name, schema) for name, schema in sorted(components.items())}
        in_bodies = _reached(schemas[len(answered) :], described)
        in_answers = _reached(schemas[: len(answered)], described)
        both = {name for name in in_bodies & in_answers if "properties" in described[name]}
        self._of = {repr(kind): schema for kind, schema in zip(answered, schemas, strict=False)}
        self._of_bodies = {
            repr(kind): _renamed(schema, both) for kind, schema in zip(sent, schemas[len(answered) :], strict=True)
        }
        closed = {f"{name}{IN_BODIES}" if name in both else name: _renamed(described[name], both) for name in in_bodies}
        for name in both:  # generators name a class by the title
            closed[f"{name}{IN_BODIES}"]["title"] = f"{name}{IN_BODIES}"
        opened = {
            name: _opened(schema, defaults=name not in both)
            for name, schema in described.items()
            if name not in in_bodies - both
        }
        self.components = dict(sorted((closed | opened).items()))

    def of(self, kind: Any) -> Schema:
        """The schema of one of the types, as answers have it."""
        return dict(self._of[repr(kind)])

    def of_body(self, kind: Any) -> Schema:
        """The schema of one of the types that are bodies."""
        return dict(self._of_bodies[repr(kind)])

    def _component(self, name: str, schema: Schema) -> Schema:
        schema = self._finished(schema)
        for property_, about in schema.get("properties", {}).items():
            explain(about, name, property_, asked=name in self._asked)
        if "enum" in schema:
            own = self._meanings.get(name)
            schema["description"] = _with_values(schema.get("description", ""), schema["enum"], name, own=own)
        return schema

    def _finished(self, schema: Any) -> Any:
        """The schema with values in the order in which they are defined in code, and patterns in ECMA-262 syntax."""
        if isinstance(schema, list):
            return [self._finished(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        done = {key: self._finished(value) for key, value in schema.items()}
        if isinstance(done.get("pattern"), str):
            done["pattern"] = done["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
        if isinstance(done.get("enum"), list):
            done["enum"] = self._orders.get(frozenset(done["enum"]), done["enum"])
        if done.get("type") == "array" and "items" not in done and "prefixItems" not in done:
            done["items"] = {}  # msgspec omits it when any value is allowed
        return done


def references_in(schema: Any) -> Iterator[str]:
    """The names of the components to which a schema refers itself."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].rpartition("/")[2]
        for part in schema.values():
            yield from references_in(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from references_in(part)


def _reached(schemas: Iterable[Schema], components: dict[str, Schema]) -> set[str]:
    """The names of all components that these schemas refer to, themselves or through others."""
    waiting, found = [name for schema in schemas for name in references_in(schema)], set()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += references_in(components[name])
    return found


def _renamed(schema: Any, names: set[str]) -> Any:
    """The schema with references to these components led to those for bodies."""
    if isinstance(schema, list):
        return [_renamed(part, names) for part in schema]
    if not isinstance(schema, dict):
        return schema
    done = {key: _renamed(value, names) for key, value in schema.items()}
    if isinstance(done.get("$ref"), str) and done["$ref"].rpartition("/")[2] in names:
        done["$ref"] += IN_BODIES
    return done


def _opened(schema: Schema, *, defaults: bool) -> Schema:
    """As answers have it: open, and of what a body may leave out without a default.

    What an answer leaves out is not told, which is another thing than what a body means by leaving it out.
    """
    schema = {key: value for key, value in schema.items() if (key, value) != ("additionalProperties", False)}
    if defaults or "properties" not in schema:
        return schema
    members = {
        name: {key: value for key, value in about.items() if key != "default"}
        for name, about in schema["properties"].items()
    }
    return {**schema, "properties": members}


def explain(schema: Schema, owner: str, name: str, *, asked: bool = False) -> None:
    """Describe the property or parameter `name` of `owner`, and its values where the schema lists them itself.

    What a query says of one of its parameters goes before what is said of the name, though it may be left out. That
    something is an instant, or a day, says only how it is written: that comes after what it means.
    """
    known = words().properties
    own = [part["description"] for part in schema.get("anyOf", ()) if asked and "description" in part]
    form = next((text for text in (schema.get("description"), *own) if text in FORMS), "")
    found = (schema.get("description"), known.get(f"{owner}.{name}"), *own, known.get(name))
    text = next((text for text in found if text and text not in FORMS), "")
    text = f"{text} {form}".strip()
    values = next(_enumerations(schema), None)
    if values is not None:
        text = _with_values(text, values, f"{owner}.{name}", name)
    if text:
        schema["description"] = text


def _enumerations(schema: Any) -> Iterator[list[Any]]:
    """The values that a schema lists itself, not by reference."""
    if isinstance(schema, dict):
        if isinstance(schema.get("enum"), list):
            yield schema["enum"]
        for part in (schema.get("items"), *schema.get("anyOf", ())):
            yield from _enumerations(part)


def _with_values(text: str, values: list[Any], *names: str, own: dict[str, str] | None = None) -> str:
    """The description, followed by explanations of the values in order: their `own`, or those of the file."""
    meanings = own or meanings_of(values, *names)
    lines = [f"- `{value}`: {meanings[value]}" for value in values if value in meanings]
    return "\n".join([*([text, ""] if text and lines else [text]), *lines])


def meanings_of(values: list[Any], *names: str) -> dict[str, str]:
    """The explanations of these values: under one of the names, or where the same values are explained; else empty."""
    known = words().values
    named = [known[name] for name in names if name in known and known[name].keys() >= set(values)]
    same = [each for each in known.values() if each.keys() == set(values)]
    return next(iter([*named, *same]), {})


def _enumerations_in(kinds: Iterable[Any]) -> Iterator[Any]:
    """Every enumeration and literal that the types contain."""
    waiting, seen = list(kinds), set()
    while waiting:
        kind = waiting.pop()
        if repr(kind) in seen:
            continue
        seen.add(repr(kind))
        if get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum)):
            yield kind
        else:
            waiting += [part for part in get_args(kind) if not isinstance(part, msgspec.Meta)]
            struct = get_origin(kind) or kind
            if isinstance(struct, type) and issubclass(struct, msgspec.Struct):
                waiting += get_type_hints(struct, include_extras=True).values()


def _values_of(kind: Any) -> list[Any]:
    """The values in the order of definition; msgspec sorts them."""
    return list(get_args(kind)) if get_origin(kind) is Literal else [member.value for member in kind]


def _own_meanings(kind: Any) -> dict[str, str]:
    """What the members of an enumeration say themselves that they mean; empty where they do not."""
    if get_origin(kind) is Literal:
        return {}
    return {member.value: member.meaning for member in kind if hasattr(member, "meaning")}
