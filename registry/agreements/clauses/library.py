"""The standard clauses and templates that the registry ships: files, so that counsel can review and change them.

Read once, at import. A file that says what cannot be drafted is refused, by its name.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import resources

import msgspec
import yaml

from registry.agreements.clauses.rules import asked_by, clause_opens, composed
from registry.agreements.clauses.schemas import Placeholder, StandardClause, Template
from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.terms import Terms
from registry.directory.taxonomy.seed import load_categories, load_headings, load_purposes
from registry.platform.kernel.yaml_text import read_yaml

_KNOWN: Mapping[str, frozenset[str]] = {
    "heading": frozenset(each.code for each in load_headings()),
    "category": frozenset(each.code for each in load_categories()),
    "purpose": frozenset(each.code for each in load_purposes()),
}
_PARTICULARS = ("notice", "auto_renew_months", "auto_renew_times", "review_every_months")
_REVIEW = "Have counsel review"


def parse_placeholders(text: str) -> dict[str, Placeholder]:
    """The placeholders by name. Raises ValueError for what is malformed, and for an example that does not fit."""
    try:
        raw = {name: {**each, "example": str(each.get("example", ""))} for name, each in read_yaml(text).items()}
        found = {name: msgspec.convert({"name": name, **each}, Placeholder) for name, each in raw.items()}
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise ValueError(f"placeholders: {error}") from error
    for each in found.values():
        if (each.kind == "number") != (each.least is not None and each.most is not None):
            raise ValueError(f"placeholders: {each.name}: a number has a least and a most, and nothing else has")
    return found


def parse_clauses(text: str, placeholders: Mapping[str, Placeholder]) -> dict[str, StandardClause]:
    """The standard clauses by code, in order. Raises ValueError that names every fault."""
    try:
        clauses = msgspec.convert(read_yaml(text), list[StandardClause])
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise ValueError(f"library: {error}") from error
    faults = [fault for clause in clauses for fault in _faults(clause, placeholders)]
    faults += [f"{code}: given twice" for code, uses in Counter(each.code for each in clauses).items() if uses > 1]
    if faults:
        raise ValueError(f"library: {'; '.join(faults)}")
    return {each.code: msgspec.structs.replace(each, questions=asked_by([each], placeholders)) for each in clauses}


def _faults(clause: StandardClause, placeholders: Mapping[str, Placeholder]) -> Iterator[str]:
    if clause.heading not in _KNOWN["heading"]:
        yield f"{clause.code}: no heading {clause.heading!r}"
    yield from (f"{clause.code}: {name!r} is no particular" for name in clause.particulars if name not in _PARTICULARS)
    if _REVIEW not in clause.counsel:
        yield f"{clause.code}: nothing tells the reader to have counsel review"
    if unknown := [name for name in clause_opens(clause) if name not in placeholders]:
        yield f"{clause.code}: no placeholder {unknown[0]!r}"
        return
    # Whatever answer is accepted must be one that the terms accept.
    for end in ("example", "least", "most"):
        values = {name: str(getattr(each, end) or each.example) for name, each in placeholders.items()}
        said = composed([clause], values, placeholders)
        try:
            msgspec.convert({"categories": ["any"], **said.terms}, Terms)
            msgspec.convert(said.particulars.get("notice", {}), Notice)
        except msgspec.ValidationError as error:
            yield f"{clause.code}: {error}"


def parse_template(
    text: str, file: str, clauses: Mapping[str, StandardClause], placeholders: Mapping[str, Placeholder]
) -> Template:
    """One template with what follows from its clauses. Raises ValueError that names the file and every fault."""
    try:
        found = msgspec.convert(read_yaml(text), Template)
    except (msgspec.ValidationError, yaml.YAMLError) as error:
        raise ValueError(f"{file}: {error}") from error
    faults = list(_template_faults(found, file.removesuffix(".yaml"), clauses))
    if faults:
        raise ValueError(f"{file}: {'; '.join(faults)}")
    used = [clauses[code] for code in found.standard_clauses]
    return msgspec.structs.replace(
        found,
        terms={name: value for clause in used for name, value in clause.terms.items()},
        particulars={name: value for clause in used for name, value in clause.particulars.items()},
        questions=asked_by(used, placeholders),
    )


def _template_faults(found: Template, stem: str, clauses: Mapping[str, StandardClause]) -> Iterator[str]:
    if found.code != stem:
        yield f"the code {found.code!r} is not the file's name"
    if _REVIEW not in found.counsel:
        yield "nothing tells the reader to have counsel review"
    yield from (f"no standard clause {code!r}" for code in found.standard_clauses if code not in clauses)
    yield from (f"{code!r} is given twice" for code, uses in Counter(found.standard_clauses).items() if uses > 1)
    yield from (f"no category {code!r}" for code in found.categories if code not in _KNOWN["category"])
    yield from (f"no purpose {code!r}" for code in found.purposes if code not in _KNOWN["purpose"])
    terms = Counter(name for code in found.standard_clauses if code in clauses for name in clauses[code].terms)
    yield from (f"two clauses say {name!r}" for name, uses in terms.items() if uses > 1)


_FOLDER = resources.files("registry.agreements.clauses")
PLACEHOLDERS: Mapping[str, Placeholder] = parse_placeholders((_FOLDER / "placeholders.yaml").read_text("utf-8"))
"""What standard clauses leave open, by name."""
STANDARD_CLAUSES: Mapping[str, StandardClause] = parse_clauses(
    (_FOLDER / "library.yaml").read_text("utf-8"), PLACEHOLDERS
)
"""The shipped standard clauses by code, in the order of their headings."""


def _shipped_templates() -> dict[str, Template]:
    folder = _FOLDER / "templates"
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".yaml"))
    found = [parse_template((folder / name).read_text("utf-8"), name, STANDARD_CLAUSES, PLACEHOLDERS) for name in names]
    return {template.code: template for template in found}


TEMPLATES: Mapping[str, Template] = _shipped_templates()
"""The shipped templates by code, in the order of their codes."""
