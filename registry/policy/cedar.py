"""Policy sets: read from a directory all or nothing, parsed once, and narrowed to the policies that can
apply.

Cedar evaluates every policy of a set at 2–4 µs each, and parsing text costs more than evaluating it. So
text is parsed when a set is loaded, and for each combination of layers and categories the policies that can
apply are put together once into a handle and kept.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from uuid import UUID

import cedarpy
from cedarpy import pst

from registry.policy.annotations import Policy, PolicySetError, read_policy

# A registry of 900 agencies and 70 categories meets a few hundred combinations; beyond this the cache starts
# anew.
_KEPT_SELECTIONS = 4096
_LAYER_KINDS = ("baseline", "jurisdiction", "agency")


class Layer:
    """The policies of one source with the digest of their text."""

    __slots__ = ("digest", "name", "policies")

    def __init__(self, name: str, digest: str, policies: tuple[Policy, ...]) -> None:
        self.name = name
        self.digest = digest
        self.policies = policies


class Selection:
    """The policies that can apply to one kind of case, as Cedar handles.

    `whole` holds all of them; `unbarred` leaves every forbid out, which is what a near miss asks about.
    `reads` and `categories` name every attribute and category that some policy looks at: the others need
    not be sent.
    """

    __slots__ = ("_positions", "categories", "layers", "policies", "reads", "unbarred", "whole")

    def __init__(self, layers: Iterable[Layer], categories: frozenset[str]) -> None:
        kept = {layer.name: layer for layer in layers}
        self.layers = {name: layer.digest for name, layer in sorted(kept.items())}
        applying = (
            policy
            for layer in kept.values()
            for policy in layer.policies
            if policy.category is None or policy.category in categories
        )
        self.policies = {p.key: p for p in sorted(applying, key=_reading_order)}
        self._positions = {key: position for position, key in enumerate(self.policies)}
        self.categories = frozenset(name for p in self.policies.values() for name in p.mentions)
        self.reads = frozenset(name for p in self.policies.values() for name in p.reads)
        self.whole = _handle(self.policies.values())
        self.unbarred = _handle(p for p in self.policies.values() if p.effect == "permit")

    def named(self, keys: Iterable[str]) -> tuple[Policy, ...]:
        """The policies with these keys, in reading order; Cedar names them in any order."""
        return tuple(self.policies[key] for key in sorted(keys, key=self._positions.__getitem__))


def _reading_order(policy: Policy) -> tuple[int, str]:
    """Baseline, jurisdictions, agencies; by id within each."""
    return _LAYER_KINDS.index(policy.layer.partition("/")[0]), policy.key


class PolicySet:
    """An immutable set of layers. `digest` is over the text of everything shipped, schema included; agency
    layers have digests of their own, so one agency's change leaves everybody else's digests alone.
    """

    __slots__ = ("_categories", "_layers", "_schema", "_selections", "digest")

    def __init__(self, digest: str, schema: cedarpy.Schema, layers: Mapping[str, Layer]) -> None:
        self.digest = digest
        self._schema = schema
        self._layers = dict(layers)
        self._categories = frozenset(
            p.category for layer in layers.values() for p in layer.policies if p.category is not None
        )
        self._selections: dict[tuple[frozenset[str], frozenset[str]], Selection] = {}

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Every policy, in reading order."""
        return tuple(sorted((p for layer in self._layers.values() for p in layer.policies), key=_reading_order))

    def with_agency_layers(self, texts: Mapping[UUID, str]) -> "PolicySet":
        """This set with the given agencies' own policies, replacing what those agencies had.

        They apply only where that agency owns the asset. Raises PolicySetError when any of them is not
        valid; no agency may reuse the id of a shipped policy, so a reason's `policy_id` names one policy
        only.
        """
        shipped = {
            p.id for name, layer in self._layers.items() if not name.startswith("agency/") for p in layer.policies
        }
        layers = dict(self._layers)
        for owner, text in texts.items():
            name = f"agency/{owner}"
            layers[name] = _layer(name, {f"{name}.cedar": text}, self._schema, set(shipped))
        return PolicySet(self.digest, self._schema, layers)

    def select(self, states: Iterable[str | None], owner: UUID, category_path: Iterable[str]) -> Selection:
        """The policies that can apply when agencies of these states deal in an asset of this owner and
        category.
        """
        wanted = {
            "baseline",
            f"agency/{owner}",
            *(f"jurisdiction/{state.lower()}" for state in states if state),
        }
        names = frozenset(self._layers.keys() & wanted)
        categories = self._categories.intersection(category_path)
        found = self._selections.get((names, categories))
        if found is None:
            if len(self._selections) >= _KEPT_SELECTIONS:
                self._selections.clear()
            found = Selection((self._layers[name] for name in names), categories)
            self._selections[(names, categories)] = found
        return found


def load_policy_set(path: Path) -> PolicySet:
    """Read `schema.cedarschema`, `baseline/*.cedar` and `jurisdictions/<state>.cedar` under `path`.

    Raises PolicySetError naming the file and the policy at fault; then nothing is loaded. An absent
    baseline is a fault too: a registry without one would have no bars at all.
    """
    schema_text = _read(path, path / "schema.cedarschema")
    try:
        schema = cedarpy.Schema.from_str(schema_text)
    except ValueError as fault:
        raise PolicySetError("schema.cedarschema", None, str(fault)) from fault
    texts = {"schema.cedarschema": schema_text}
    sources = {"baseline": sorted((path / "baseline").glob("*.cedar"))}
    for file in sorted((path / "jurisdictions").glob("*.cedar")):
        if len(file.stem) != 2 or not file.stem.isalpha() or not file.stem.islower():
            raise PolicySetError(f"jurisdictions/{file.name}", None, "name the file by its state, such as ca.cedar")
        sources[f"jurisdiction/{file.stem}"] = [file]
    taken: set[str] = set()
    layers: dict[str, Layer] = {}
    for name, files in sources.items():
        read = {str(file.relative_to(path)): _read(path, file) for file in files}
        texts |= read
        layers[name] = _layer(name, read, schema, taken)
    if not layers["baseline"].policies:
        raise PolicySetError("baseline", None, "there is no baseline policy")
    return PolicySet(_digest(texts), schema, layers)


def _read(root: Path, file: Path) -> str:
    """The canonical text: UTF-8, line feeds, no trailing blanks. An editor's habits must not change a
    digest.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise PolicySetError(str(file.relative_to(root)), None, f"cannot be read: {fault}") from fault
    return _canonical(text)


def _canonical(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


def _digest(texts: Mapping[str, str]) -> str:
    whole = hashlib.sha256()
    for name in sorted(texts):
        body = _canonical(texts[name]).encode()
        whole.update(f"{name}\0{len(body)}\0".encode() + body)
    return whole.hexdigest()


def _layer(name: str, texts: Mapping[str, str], schema: cedarpy.Schema, taken: set[str]) -> Layer:
    """Parse and check one layer; the ids found are added to `taken`."""
    policies: list[Policy] = []
    for file in sorted(texts):
        text = _canonical(texts[file])
        try:
            parsed = cedarpy.policies_to_pst(text)
        except ValueError as fault:
            raise PolicySetError(file, None, f"cannot be parsed: {fault}") from fault
        if parsed.templates:
            raise PolicySetError(file, next(iter(parsed.templates)), "templates with slots are not supported")
        ids = {key: str(t.annotations.get("id", key)) for key, t in parsed.static_policies.items()}
        for error in cedarpy.validate_policies(text, schema).errors:
            raise PolicySetError(file, ids.get(error.policy_id, error.policy_id or None), error.error)
        for key, template in parsed.static_policies.items():
            policy = read_policy(name, file, ids[key], template)
            if policy.id in taken:
                raise PolicySetError(file, policy.id, "another policy has this @id")
            taken.add(policy.id)
            policies.append(policy)
    return Layer(name, _digest(texts), tuple(sorted(policies, key=lambda p: p.id)))


def _handle(policies: Iterable[Policy]) -> cedarpy.PolicySet:
    templates: Mapping[str, pst.Template] = pst.FrozenMap({p.key: p.template for p in policies})
    whole = pst.PolicySet(templates=pst.FrozenMap(), static_policies=templates, template_links=())
    build: Callable[[pst.PolicySet], cedarpy.PolicySet] = cedarpy.PolicySet.from_pst
    return build(whole)
