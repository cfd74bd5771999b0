"""Policy sets: read from a directory as a whole, parsed once, and reduced to the policies that can apply.

Cedar takes 2 to 4 µs for every policy of a set, and parsing text costs more than evaluating it. So text is parsed when
a set is loaded, and the policies that can apply are combined into a handle that is cached for each combination of
layers and categories.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from uuid import UUID

import cedarpy
import msgspec
import yaml
from cedarpy import pst

from registry.agreements.law.rules import Law, Matter, applies, checked_laws
from registry.platform.kernel.yaml_text import read_yaml
from registry.sharing.policy.annotations import Policy, PolicySetError, read_policy
from registry.sharing.policy.attributes import members_read
from registry.sharing.policy.locating import in_lines, policies_in, unseen_in

# Fifty states and 70 categories occur in a few hundred combinations; beyond this limit the cache is emptied.
_KEPT_SELECTIONS = 4096
# An agency lends assets of a few dozen combinations, and its layer is parsed again in some milliseconds.
_KEPT_SELECTIONS_BESIDE = 64
_KEPT_AGENCY_LAYERS = 256
_LAYER_KINDS = ("baseline", "jurisdiction", "agency")
SCHEMA = "schema.cedarschema"
_LAW = "law.yaml"
_OFF = "off"
DIGESTS = "digests.yaml"
AGENCY_FILE = "agency.cedar"
"""How errors name the text of an agency's own layer, which is in no file."""


class Layer:
    """The policies of one source, with the digest of their text."""

    __slots__ = ("digest", "name", "policies")

    def __init__(self, name: str, digest: str, policies: tuple[Policy, ...]) -> None:
        self.name = name
        self.digest = digest
        self.policies = policies


class Selection:
    """The policies that can apply to one kind of case, as Cedar handles.

    `whole` contains all of them; `unbarred` excludes every forbid and is used for near misses. `reads` names every
    attribute that some policy uses, by the path of what holds it, and `categories` every category; others need not be
    sent. `left` are the policies of these layers that are not evaluated, since their law does not apply.
    """

    __slots__ = ("_positions", "categories", "layers", "left", "policies", "reads", "unbarred", "whole")

    def __init__(self, layers: Iterable[Layer], categories: frozenset[str], left: frozenset[str]) -> None:
        kept = {layer.name: layer for layer in layers}
        self.layers = {name: layer.digest for name, layer in sorted(kept.items())}
        applying = (
            policy
            for layer in kept.values()
            for policy in layer.policies
            if policy.key not in left and (policy.category is None or policy.category in categories)
        )
        self.left = frozenset(p.id for layer in kept.values() for p in layer.policies if p.key in left)
        self.policies = {p.key: p for p in sorted(applying, key=_reading_order)}
        self._positions = {key: position for position, key in enumerate(self.policies)}
        self.categories = frozenset(name for p in self.policies.values() for name in p.mentions)
        self.reads = members_read(path for p in self.policies.values() for path in p.paths)
        self.whole = _handle(self.policies.values())
        self.unbarred = _handle(p for p in self.policies.values() if p.effect == "permit")

    def named(self, keys: Iterable[str]) -> tuple[Policy, ...]:
        """The policies with these keys, in reading order; Cedar returns them in any order."""
        return tuple(self.policies[key] for key in sorted(keys, key=self._positions.__getitem__))


def _reading_order(policy: Policy) -> tuple[int, str]:
    """The baseline first, then jurisdictions, then the agency's own; by id within each."""
    return _LAYER_KINDS.index(policy.layer.partition("/")[0]), policy.key


class PolicySet:
    """An immutable set of layers. `digest` covers `texts`: those of all policies, of their laws and of the schema.

    `laws` is what its policies rest on, by their ids, including those that are `off` because their source is secondary;
    `titles` are those of all. With an agency's own layer (`with_agency`) it is the set for what that agency is asked.
    """

    __slots__ = (
        "_beside",
        "_categories",
        "_kept_selections",
        "_lawful",
        "_layers",
        "_schema",
        "_selections",
        "agency_id",
        "digest",
        "is_kept",
        "laws",
        "off",
        "texts",
        "titles",
    )

    def __init__(
        self,
        texts: Mapping[str, str],
        schema: cedarpy.Schema,
        layers: Mapping[str, Layer],
        laws: Mapping[str, Law],
        off: set[str],
        titles: Mapping[str, str],
        *,
        agency_id: UUID | None = None,
    ) -> None:
        self.texts = texts
        self.digest = _digest(texts)
        self.is_kept = False  # whether the database is known to have these texts
        self.agency_id = agency_id
        self.laws = dict(laws)
        self.off = frozenset(off)
        self.titles = dict(titles)
        self._schema = schema
        self._layers = dict(layers)
        self._categories = frozenset(
            p.category for layer in layers.values() for p in layer.policies if p.category is not None
        )
        self._lawful = {
            name: [(p.key, p.law.applies_to) for p in layer.policies if p.law is not None]
            for name, layer in layers.items()
        }
        self._selections: dict[tuple[frozenset[str], frozenset[str], frozenset[str]], Selection] = {}
        self._kept_selections = _KEPT_SELECTIONS if agency_id is None else _KEPT_SELECTIONS_BESIDE
        self._beside: OrderedDict[tuple[UUID, str], PolicySet] = OrderedDict()

    @property
    def schema(self) -> cedarpy.Schema:
        """The words that policies may use, parsed."""
        return self._schema

    def beside(self, agency_id: UUID, digest: str) -> "PolicySet | None":
        """This set with the agency's own layer of that digest, if this process has parsed it already."""
        found = self._beside.get((agency_id, digest))
        if found is not None:
            self._beside.move_to_end((agency_id, digest))
        return found

    def with_agency(self, agency_id: UUID, text: str) -> "PolicySet":
        """This set with an agency's own layer, which is asked about nothing but what that agency is asked for.

        The text is parsed and checked against the schema, once for its digest: the latest are kept. Raises
        PolicySetError; then nothing is kept of it.
        """
        layer = agency_layer(text, self._schema)
        found = PolicySet(
            self.texts,
            self._schema,
            {**self._layers, layer.name: layer},
            self.laws,
            set(self.off),
            self.titles,
            agency_id=agency_id,
        )
        self._beside[(agency_id, layer.digest)] = found
        while len(self._beside) > _KEPT_AGENCY_LAYERS:
            self._beside.popitem(last=False)
        return found

    @property
    def policies(self) -> tuple[Policy, ...]:
        """Every policy, in reading order."""
        return tuple(sorted((p for layer in self._layers.values() for p in layer.policies), key=_reading_order))

    @property
    def agency_policies(self) -> tuple[Policy, ...]:
        """The policies of the agency's own layer."""
        own = self._layers.get("agency")
        return own.policies if own else ()

    def select(self, matter: Matter, assisting: UUID | None = None) -> Selection:
        """The policies to ask about the matter: the baseline's, those of its parties' states that touch it.

        An agency's own are among them only where that agency is the `assisting` one.
        """
        wanted = {"baseline", *(f"jurisdiction/{party.state.lower()}" for party in matter.parties if party.state)}
        if assisting is not None and assisting == self.agency_id:
            wanted.add("agency")
        names = frozenset(self._layers.keys() & wanted)
        categories = self._categories & matter.categories
        left = frozenset(key for name in names for key, to in self._lawful[name] if not applies(to, matter))
        found = self._selections.get((names, categories, left))
        if found is None:
            if len(self._selections) >= self._kept_selections:
                self._selections.clear()
            found = Selection((self._layers[name] for name in names), categories, left)
            self._selections[(names, categories, left)] = found
        return found


def load_policy_set(path: Path, on: Collection[str] = ()) -> PolicySet:
    """Read `schema.cedarschema`, `law.yaml`, `baseline/*.cedar` and `jurisdictions/<state>.cedar` under `path`.

    A policy whose law is known from a secondary source only is read and checked, and evaluated only if `on` names it.
    Raises PolicySetError as `parse_policy_set` does.
    """
    texts = {str(file.relative_to(path)): _read(path, file) for file in _files_of(path)}
    secondary = {code for code, law in _laws(texts[_LAW]).items() if law.source == "secondary"}
    return parse_policy_set({**texts, _OFF: "\n".join(sorted(secondary.difference(on)))})


def parse_policy_set(texts: Mapping[str, str]) -> PolicySet:
    """The set of these texts, by the names of their files; `off` names the policies that are not evaluated.

    Raises PolicySetError with the file and the policy at fault; then nothing is loaded. A missing baseline is an error
    too, since a registry without one would have no bars at all.
    """
    try:
        schema = cedarpy.Schema.from_str(texts[SCHEMA])
    except ValueError as fault:
        raise PolicySetError(SCHEMA, None, str(fault)) from fault
    laws = _laws(texts[_LAW])
    off = set(texts[_OFF].split())
    sources: dict[str, dict[str, str]] = {"baseline": {}}
    for name, text in texts.items():
        folder, _, file = name.partition("/")
        if folder == "jurisdictions":
            state = file.removesuffix(".cedar")
            if len(state) != 2 or not state.isalpha() or not state.islower():
                raise PolicySetError(name, None, "name the file by its state, such as ca.cedar")
            sources[f"jurisdiction/{state}"] = {name: text}
        elif folder == "baseline":
            sources["baseline"][name] = text
    taken: set[str] = set()
    titles: dict[str, str] = {}
    layers: dict[str, Layer] = {}
    for name, read in sources.items():
        whole = _layer(name, read, schema, taken, laws)
        titles |= {policy.id: policy.title for policy in whole.policies}
        layers[name] = Layer(name, whole.digest, tuple(p for p in whole.policies if p.id not in off))
    if not layers["baseline"].policies:
        raise PolicySetError("baseline", None, "there is no baseline policy")
    if strays := sorted(laws.keys() - taken):
        raise PolicySetError(_LAW, strays[0], "there is no such policy")
    return PolicySet(texts, schema, layers, laws, off, titles)


def agency_layer(text: str, schema: cedarpy.Schema, shipped: Collection[str] = ()) -> Layer:
    """An agency's own layer, parsed and checked. Raises PolicySetError for a text of which anything is wrong.

    None of its ids may be one of `shipped`. A set that is active keeps deciding when a release brings such an id.
    """
    return _layer("agency", {AGENCY_FILE: text}, schema, set(shipped), {})


def agency_digest(text: str) -> str:
    """The digest by which that text is known."""
    return _digest({AGENCY_FILE: text})


def _laws(text: str) -> dict[str, Law]:
    try:
        laws = msgspec.convert(read_yaml(text) or {}, dict[str, Law])
        checked_laws(laws)
    except (yaml.YAMLError, ValueError) as fault:
        raise PolicySetError(_LAW, None, str(fault)) from fault
    return laws


def _read(root: Path, file: Path) -> str:
    """The canonical text: UTF-8, line feeds, no trailing blanks. An editor's conventions must not change a digest."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise PolicySetError(str(file.relative_to(root)), None, f"cannot be read: {fault}") from fault
    return _canonical(text)


def check_digests(path: Path) -> None:
    """Raises PolicySetError for a set whose files are not those that `digests.yaml` beside them names.

    It tells a file that was lost on the way, or altered, from one that somebody changed and meant to.
    """
    try:
        named = msgspec.convert(read_yaml(_read(path, path / DIGESTS)) or {}, dict[str, str])
    except (yaml.YAMLError, ValueError) as fault:
        raise PolicySetError(DIGESTS, None, f"cannot be read: {fault}") from fault
    there = digests_of(path)
    for name in sorted(named.keys() | there.keys()):
        if there.get(name) != named.get(name):
            what = "is missing" if name not in there else "is altered" if name in named else f"is not in {DIGESTS}"
            raise PolicySetError(name, None, f"{what}; once it is reviewed, `registry policy seal` takes it as it is")


def _files_of(path: Path) -> list[Path]:
    folders = (path.glob(f"{folder}/*.cedar") for folder in ("baseline", "jurisdictions"))
    return [path / SCHEMA, path / _LAW, *(file for folder in folders for file in sorted(folder))]


def digests_of(path: Path) -> dict[str, str]:
    """The digest of each file that a set is read from, by its name."""
    files = _files_of(path)
    names = {str(file.relative_to(path)): file for file in files if file.exists()}
    return {name: _digest({name: _read(path, names[name])}) for name in sorted(names)}


def _canonical(text: str) -> str:
    return in_lines(text).strip("\n \t") + "\n"


def _digest(texts: Mapping[str, str]) -> str:
    whole = hashlib.sha256()
    for name in sorted(texts):
        body = _canonical(texts[name]).encode()
        whole.update(f"{name}\0{len(body)}\0".encode() + body)
    return whole.hexdigest()


def _layer(
    name: str, texts: Mapping[str, str], schema: cedarpy.Schema, taken: set[str], laws: Mapping[str, Law]
) -> Layer:
    """Parse and check one layer; the ids found are added to `taken`."""
    policies: list[Policy] = []
    for file in sorted(texts):
        text = _canonical(texts[file])
        seen = _looked_through(file, text)
        try:
            parsed = cedarpy.policies_to_pst(text)
        except ValueError as fault:
            raise PolicySetError(file, None, f"cannot be parsed: {fault}") from fault
        if parsed.templates:
            raise PolicySetError(file, next(iter(parsed.templates)), "templates with slots are not supported")
        ids = {key: str(t.annotations.get("id", key)) for key, t in parsed.static_policies.items()}
        if seen != sorted(str(t.annotations.get("id", "")) for t in parsed.static_policies.values()):
            raise PolicySetError(
                file, None, "Cedar reads other policies in it than stand in it: each begins with its @id"
            )
        for error in cedarpy.validate_policies(text, schema).errors:
            raise PolicySetError(file, ids.get(error.policy_id, error.policy_id or None), error.error)
        for key, template in parsed.static_policies.items():
            policy = read_policy(name, file, ids[key], template, laws.get(ids[key]))
            _check_whose_law(file, policy)
            if policy.id in taken:
                raise PolicySetError(file, policy.id, "another policy has this @id")
            taken.add(policy.id)
            policies.append(policy)
    return Layer(name, _digest(texts), tuple(sorted(policies, key=lambda p: p.id)))


def _looked_through(file: str, text: str) -> list[str]:
    """The ids that stand in a text, once it is found to be one that Cedar's parser can be given."""
    for unseen in unseen_in(text, "cedar"):
        raise PolicySetError(file, None, f"line {unseen.line}, column {unseen.column}: {unseen.detail}")
    policies = policies_in(text)
    for each in policies:
        if (fault := each.too_much()) is not None:
            raise PolicySetError(file, each.policy_id, f"line {fault.line}: {fault.detail}")
    return sorted(each.policy_id or "" for each in policies)


def _check_whose_law(file: str, policy: Policy) -> None:
    """The baseline is asked everywhere, so it rests on no state's law; a state's layer on that state's alone."""
    if policy.law is None:
        return
    layer, _, state = policy.layer.partition("/")
    own = state.upper() if layer == "jurisdiction" else None
    if policy.law.state != own:
        raise PolicySetError(
            file, policy.id, f"rests on a law of {policy.law.state or 'no state'}, not of {own or 'none'}"
        )


def _handle(policies: Iterable[Policy]) -> cedarpy.PolicySet:
    templates: Mapping[str, pst.Template] = pst.FrozenMap({p.key: p.template for p in policies})
    whole = pst.PolicySet(templates=pst.FrozenMap(), static_policies=templates, template_links=())
    build: Callable[[pst.PolicySet], cedarpy.PolicySet] = cedarpy.PolicySet.from_pst
    return build(whole)
