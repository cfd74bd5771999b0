"""The annotations of policies, validated when the policies are loaded.

Annotations are the explanation that a coordinator reads, and the only source of approvals and obligations. An unknown
or misplaced one is refused, since it would otherwise have no effect without any error.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias, cast, get_args

import msgspec
from cedarpy import pst

from registry.agreements.law.rules import REVIEW, Law, names_law
from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.text import Citation, Name, Reason, form_in_words
from registry.sharing.policy.attributes import paths_in, terms_read
from registry.sharing.policy.decisions import RESERVED_IDS, ApprovalRole, Due, Side
from registry.sharing.policy.facts import TermFacts
from registry.sharing.policy.locating import unseen_in

PolicyAction = Literal["borrow", "attach_condition"]

# Besides the terms: the window in which both parties are bound, and the asset's certifications.
TERMS = frozenset(TermFacts.__struct_fields__) - {"unstated"} | {"covers_until", "certifications"}

_KNOWN = {"id", "title", "reason", "citation", "term", "approval", "obligation", "due", "by", "within", "matter"}
_REQUIRED = ("id", "title", "reason")
SHORTEST_REASON = 15
_CODE = re.compile(r"[a-z][a-z0-9_]{2,79}")
_WITHIN = re.compile(r"([1-9][0-9]{0,3}) (hour|day)s?")
_HOURS = {"hour": 1, "day": 24}


_COUNTED_IN = {"claim_window_days": 24}
"""The terms of an agreement that give an obligation so much time, each with its unit in hours."""

Within: TypeAlias = int | Literal["term"]


class PolicySetError(RuleBroken):
    """A policy set that cannot be loaded; `file` and `policy` give the place."""

    code = "policy_set_invalid"

    def __init__(self, file: str, policy: str | None, detail: str) -> None:
        place = f"{file}, policy {policy}" if policy else file
        super().__init__(f"{place}: {detail}", extra={"file": file, "policy": policy})
        self.file = file
        self.policy = policy


class RequiredApproval(msgspec.Struct, kw_only=True, frozen=True):
    """`@approval("<role>@<side>")`."""

    role: ApprovalRole
    side: Side


class Policy(msgspec.Struct, kw_only=True, frozen=True):
    """One parsed policy.

    `key` is unique among all layers; `category` is the one to which its scope is restricted, `mentions` every category
    that it names anywhere, `reads` the attributes that its conditions use, `paths` the same by their paths. `law` is
    what a shipped policy rests on, `rests_on` what an agency says of its own; both are None for a policy that rests on
    none. `owed_by` is the side that meets its obligation; `within` how many hours after the event of `due`, where its
    source has a figure.
    `matter` is what a state's law bars (`borrow`), or demands help in (`attach_condition`).
    """

    key: str
    id: str
    layer: str
    action: PolicyAction
    effect: pst.Effect
    title: str
    reason: str
    law: Law | None
    rests_on: str | None
    term: str | None
    approval: RequiredApproval | None
    obligation: str | None
    due: Due | None
    owed_by: Side
    within: Within | None
    matter: str | None
    category: str | None
    mentions: frozenset[str]
    reads: frozenset[str]
    paths: frozenset[str]
    template: pst.Template

    @property
    def terms_read(self) -> frozenset[str]:
        """The attributes of the agreement that its conditions use."""
        return terms_read(self.paths)

    @property
    def citation(self) -> str | None:
        """The law, or the agency's own order, that it rests on, as it is shown."""
        return self.rests_on if self.law is None else self.law.cited


def read_policy(layer: str, file: str, name: str, template: pst.Template, law: Law | None) -> Policy:
    """The policy behind `template`; raises PolicySetError where it breaks a rule of its layer or its
    action.
    """
    try:
        return _checked(layer, template, law)
    except ValueError as fault:
        raise PolicySetError(file, name, str(fault)) from None


def _checked(layer: str, template: pst.Template, law: Law | None) -> Policy:
    notes = template.annotations
    for required in _REQUIRED:
        if not notes.get(required, "").strip():
            raise ValueError(f"needs @{required}")
    if not _CODE.fullmatch(notes["id"]):
        raise ValueError("@id must be lower-case words joined by underscores")
    if notes["id"] in RESERVED_IDS:
        own = f'"{notes["id"]}" is a name that the registry keeps for what no policy says'
        raise ValueError(f"{own}: give the policy another @id")
    if unknown := sorted(set(notes) - _KNOWN):
        raise ValueError(f"unknown annotation @{unknown[0]}")
    if "term" in notes and layer == "agency":
        raise ValueError("@term is for what rests on an agreement's term: an agency's own rule says its own figure")
    if "citation" in notes and layer != "agency":
        raise ValueError("@citation is for an agency's own policies: what a shipped one rests on stands in law.yaml")
    if layer == "agency":
        _check_words(notes)
    if (term := notes.get("term")) is not None and term not in TERMS:
        raise ValueError(f'@term("{term}") names no term of an agreement')
    named = pst.entity_uids(template)
    if foreign := sorted(str(uid) for uid in named if str(uid.type) not in {"Action", "Category"}):
        raise ValueError(f'name things by attribute, such as resource.id == "…", not as {foreign[0]}')
    action = _action(template)
    _check_action(layer, action, template)
    key = f"{layer}:{notes['id']}"
    matter = notes.get("matter")
    if matter is not None and not _CODE.fullmatch(matter):
        raise ValueError("@matter must be lower-case words joined by underscores")
    obligation = notes.get("obligation")
    if obligation is not None and not _CODE.fullmatch(obligation):
        raise ValueError("@obligation must be lower-case words joined by underscores")
    return Policy(
        key=key,
        id=notes["id"],
        layer=layer,
        action=action,
        effect=template.effect,
        title=notes["title"],
        reason=notes["reason"] if layer != "agency" else reviewed(notes["reason"], f" {REVIEW.capitalize()}."),
        law=law,
        rests_on=None if "citation" not in notes else reviewed(notes["citation"], f"; {REVIEW}"),
        term=term,
        approval=_approval(layer, notes.get("approval")),
        obligation=obligation,
        due=_due(obligation, notes.get("due")),
        owed_by=_owed_by(obligation, notes.get("by")),
        within=_within(notes),
        matter=matter,
        category=_scope_category(template),
        mentions=frozenset(uid.id for uid in named if str(uid.type) == "Category"),
        reads=frozenset(_attributes(template.clauses)),
        paths=paths_in(template.clauses),
        # One request evaluates both actions (see `trial`), and Cedar would return annotations with every
        # answer.
        template=dataclasses.replace(template, id=key, action=pst.ScopeAny(), annotations=pst.FrozenMap()),
    )


def _action(template: pst.Template) -> PolicyAction:
    scope = template.action
    if isinstance(scope, pst.ActionEq):
        if scope.entity.id == "borrow":
            return "borrow"
        if scope.entity.id == "attach_condition":
            return "attach_condition"
    raise ValueError('the scope must say action == Action::"borrow" or action == Action::"attach_condition"')


def _check_action(layer: str, action: PolicyAction, template: pst.Template) -> None:
    attaches = template.annotations.keys() & {"approval", "obligation", "due", "by", "within"}
    if action == "borrow" and attaches:
        raise ValueError("only attach_condition carries @approval, @obligation, @due, @by and @within")
    if action == "borrow" and template.effect == "permit" and layer != "baseline":
        raise ValueError("only the baseline may state a ground: the other layers can bar and add conditions")
    if action == "attach_condition" and template.effect == "forbid":
        raise ValueError("a forbid is not allowed in attach_condition: it would lift another policy's condition")
    about = "matter" in template.annotations
    if about and not layer.startswith("jurisdiction/"):
        raise ValueError("@matter is for what a state's law bars or demands: only its pack says so")
    if about and action == "attach_condition" and attaches:
        raise ValueError("what demands help in a @matter attaches nothing: it is only held against what bars it")
    if action == "attach_condition" and not about and not attaches & {"approval", "obligation"}:
        raise ValueError("attach_condition needs @approval or @obligation, else it attaches nothing")


def reviewed(text: str, call: str) -> str:
    """What an agency wrote, with the call for counsel where it names law and does not call for counsel itself."""
    return text + call if names_law(text) and REVIEW not in text.lower() else text


def too_little_said(reason: str) -> str | None:
    """What is wrong with a reason that is no sentence; None for one that is. Whoever is barred reads it, and no more.

    It is asked when a set is examined, not when one is read that is active: that one decides on, whatever a release
    asks of new ones.
    """
    words = re.findall(r"\w+", reason)
    if len(reason.strip()) >= SHORTEST_REASON and len(words) >= 2:
        return None
    return f"@reason must be a sentence of at least {SHORTEST_REASON} characters: who is barred by it reads it"


def _check_words(notes: Mapping[str, str]) -> None:
    """What another agency reads of these policies is bounded as what is sent in any other way."""
    for name, form in (("title", Name), ("reason", Reason), ("citation", Citation)):
        if name not in notes:
            continue
        try:
            msgspec.convert(notes[name], form)
        except msgspec.ValidationError:
            bounds = get_args(form)[1]
            most = f"at most {bounds.max_length} characters"
            raise ValueError(f"@{name} must be {form_in_words(bounds, most)}") from None
        for unseen in unseen_in(notes[name], name):  # written as an escape, which the text itself does not show
            raise ValueError(f"@{name} must be without {unseen.text}: {unseen.detail}")


def _approval(layer: str, text: str | None) -> RequiredApproval | None:
    if text is None:
        return None
    role, _, side = text.partition("@")
    if layer == "agency" and side == "requesting":
        raise ValueError("@approval of an agency's own policy is its own people's: <role>@assisting")
    try:
        return msgspec.convert({"role": role, "side": side}, RequiredApproval)
    except msgspec.ValidationError:
        roles = ", ".join(get_args(ApprovalRole))
        raise ValueError(f'@approval must be "<role>@<assisting|requesting>" with a role of {roles}') from None


def _due(obligation: str | None, due: str | None) -> Due | None:
    if (obligation is None) != (due is None):
        raise ValueError("@obligation and @due go together")
    if due is None:
        return None
    for known in get_args(Due):
        if due == known:
            return cast(Due, known)
    raise ValueError(f"@due must be one of {', '.join(get_args(Due))}")


def _owed_by(obligation: str | None, by: str | None) -> Side:
    """Who meets the obligation: the agency that borrows, unless the policy says otherwise."""
    if by is None:
        return "requesting"
    if obligation is None:
        raise ValueError("@by says whose @obligation it is")
    for known in get_args(Side):
        if by == known:
            return cast(Side, known)
    raise ValueError(f"@by must be one of {', '.join(get_args(Side))}")


def _within(notes: Mapping[str, str]) -> Within | None:
    """In how many hours the obligation is to be met after the event of its @due; `term` for the term's own figure."""
    text = notes.get("within")
    if text is None:
        return None
    if "obligation" not in notes or notes.get("due") == "before_dispatch":
        raise ValueError("@within counts from the event of @due: not without an @obligation, nor before_dispatch")
    if text == "term":
        if notes.get("term") not in _COUNTED_IN:
            raise ValueError(f'@within("term") needs a @term of {", ".join(_COUNTED_IN)}')
        return "term"
    if (found := _WITHIN.fullmatch(text)) is None:
        raise ValueError('@within must be a number of hours or days, such as "24 hours", or "term"')
    return int(found[1]) * _HOURS[found[2]]


def hours_within(policy: Policy, terms: TermFacts | None) -> int | None:
    """In how many hours the policy's obligation is to be met, by these terms; None where no source has a figure."""
    if policy.within != "term":
        return policy.within
    assert policy.term is not None, "checked when it was read"
    figure: int | None = None if terms is None else getattr(terms, policy.term)
    return None if figure is None else figure * _COUNTED_IN[policy.term]


def _scope_category(template: pst.Template) -> str | None:
    scope = template.resource
    if isinstance(scope, (pst.ScopeIn, pst.ScopeIsIn)) and isinstance(scope.entity, pst.EntityUid):
        return scope.entity.id
    return None


def _attributes(node: object) -> Iterator[str]:
    """Every attribute name that an expression uses."""
    if isinstance(node, pst.GetAttr):
        yield node.attr
    elif isinstance(node, pst.HasAttr):
        yield from node.attrs
    if isinstance(node, Mapping):
        node = tuple(node.values())
    if isinstance(node, tuple):
        for item in node:
            yield from _attributes(item)
    elif dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            yield from _attributes(getattr(node, field.name))
