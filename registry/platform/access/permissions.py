"""The permission table: action × role × relation to the thing, written so that an auditor can read it.

The cell of a role lists relations, one of which the caller's agency must have to the thing: `own` (the thing is the
agency's), `requesting` / `assisting` (its side of a request, decision or loan), `owing` / `owed` (its side of an
obligation; `owing` also what it is to do after an engagement), `custodian` / `party` (of an agreement), `invited` (to
one that it declined to join), `hosting` / `taking_part` (of an engagement; also while it has not answered its
invitation), or `anyone` (no relation needed). An action is allowed when both this table and the token's scopes allow
it. What is not listed is denied.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Literal, TypeAlias

from registry.platform.access.principals import Principal, Role
from registry.platform.kernel.errors import Forbidden

Relation: TypeAlias = Literal[
    "own",
    "requesting",
    "assisting",
    "owing",
    "owed",
    "custodian",
    "party",
    "invited",
    "hosting",
    "taking_part",
    "anyone",
]


class Action(StrEnum):
    """The actions, as `resource:verb`, which is also the scope that a token needs. Each comment describes one."""

    AGENCIES_READ = "agencies:read"  # see the agencies
    AGENCIES_CREATE = "agencies:create"  # enter an agency in the register
    AGENCIES_UPDATE = "agencies:update"  # correct an agency's own record
    AGENCIES_ADMIT = "agencies:admit"  # activate, suspend, reinstate, dissolve an agency
    AGENCIES_SEPARATE = "agencies:separate"  # relax separation of duties for the own agency, and restore it
    AGENCIES_SILENCE = "agencies:silence"  # say whether the own agency's silence may bind it
    AGENCIES_AUTHORISE = "agencies:authorise"  # record, delegate and revoke authority to sign for the own agency
    ISSUERS_MANAGE = "issuers:manage"  # say whose tokens are accepted, and for which agencies
    TOKENS_REVOKE = "tokens:revoke"  # refuse a token or a person of the own agency, or accept them again
    CLIENTS_READ = "clients:read"  # see the service clients of the own agency
    CLIENTS_MANAGE = "clients:manage"  # register service clients of the own agency, and rotate their credentials
    CLIENTS_DISABLE = "clients:disable"  # refuse a service client for good
    PRINCIPALS_READ = "principals:read"  # see the people and services that have used the registry for the agency
    PRINCIPALS_MANAGE = "principals:manage"  # suspend and restore them, purge a name
    OPERATOR_ACTS_DECIDE = "acts:decide"  # approve or reject what another administrator proposed
    TAXONOMY_READ = "taxonomy:read"  # look up categories, types, purposes, headings
    TAXONOMY_EXTEND = "taxonomy:extend"  # add categories of the own agency under those that all share, correct them
    TAXONOMY_RETIRE = "taxonomy:retire"  # retire a category that an agency added
    AGREEMENTS_READ = "agreements:read"  # see agreements the agency is party to, and public ones
    AGREEMENTS_CREATE = "agreements:create"  # draft an agreement, or record one that is signed on paper
    AGREEMENTS_UPDATE = "agreements:update"  # edit a draft and move it along: submit, send back, withdraw …
    AGREEMENTS_REVIEW = "agreements:review"  # approve the reviewed text
    AGREEMENTS_ADVISE = "agreements:advise"  # as reviewer: approve the text for the own agency, or ask for changes
    AGREEMENTS_COMMENT = "agreements:comment"  # comment on the text, reply, resolve
    AGREEMENTS_SIGN = "agreements:sign"  # sign, consent, leave, suspend: what binds or unbinds the own agency
    AGREEMENTS_REPORT = "agreements:report"  # record what another party did, for it to confirm or contest
    AGREEMENTS_ATTEST = (
        "agreements:attest"  # vouch for what another reported of a party; take a tracker over, which reports
    )
    AGREEMENTS_FILE = "agreements:file"  # enter, acknowledge, fulfil or waive a duty to file or publish
    AGREEMENTS_KEEP = "agreements:keep"  # complete a periodic review
    AGREEMENTS_HOLD = "agreements:hold"  # place or lift a legal hold, say how long the record is to be kept
    CALENDARS_MANAGE = "calendars:manage"  # make and revoke secret addresses of the agency's deadlines
    DOCUMENTS_FILE = "documents:file"  # put a document on file with an agreement
    DOCUMENTS_WITHDRAW = "documents:withdraw"  # withdraw a document that the own agency filed
    ASSETS_READ = "assets:read"  # search what can be lent
    ASSETS_CREATE = "assets:create"  # register an asset of the own agency
    ASSETS_UPDATE = "assets:update"  # correct the record of an own asset, retire it
    ASSETS_MOVE = "assets:move"  # say where an own asset stands now
    ASSETS_SERVE = "assets:serve"  # take an own asset out of service, return it, plan when it cannot be had
    ASSETS_FILE = "assets:file"  # put pictures and papers on file with an own asset, share and withdraw them
    MINIMUMS_READ = "minimums:read"  # see how many of a category the own agency keeps at home
    MINIMUMS_SET = "minimums:set"  # say how many those are
    PACKAGES_MANAGE = "packages:manage"  # group own assets into a package, correct it, retire it
    IMPORTS_RUN = "imports:run"  # take in files of the own agency's things, and see how that went
    PERSONNEL_READ = "personnel:read"  # see the records of the own agency's people
    PERSONNEL_CREATE = "personnel:create"  # enter one of the own agency's people
    PERSONNEL_UPDATE = "personnel:update"  # correct such a record, and say who is on leave or has left
    PERSONNEL_VERIFY = "personnel:verify"  # say that a credential was checked with its issuer
    PERSONNEL_NAME = "personnel:name"  # see who is committed to the agency
    PERSONNEL_DISCLOSE = "personnel:disclose"  # set what others learn of the own agency's people
    CAPABILITIES_READ = "capabilities:read"  # ask who has somebody for it, how many and how far
    REQUESTS_READ = "requests:read"  # see requests of either side
    REQUESTS_CREATE = "requests:create"  # ask for partners' resources
    REQUESTS_UPDATE = "requests:update"  # edit, submit or withdraw an own request
    REQUESTS_ACCEPT = (
        "requests:accept"  # accept what another agency offers on its condition, or an asset that it changed
    )
    REQUESTS_APPROVE = "requests:approve"  # approve or reject for the own side
    REQUESTS_ANSWER = "requests:answer"  # offer or decline what is asked of the own agency
    DECISIONS_READ = "decisions:read"  # see how a request was decided, and why
    DECISIONS_EVALUATE = "decisions:evaluate"  # ask “what if”, storing nothing
    POLICIES_READ = "policies:read"  # see the own agency's policy sets
    POLICIES_DRAFT = "policies:draft"  # draft one, have it validated, see what it would have changed
    POLICIES_ACTIVATE = "policies:activate"  # let one decide from now on, or retire it
    LOANS_READ = "loans:read"  # see loans of either side
    LOANS_RESERVE = "loans:reserve"  # commit an own asset to a request
    LOANS_HAND_OVER = "loans:hand_over"  # the assisting side's half: dispatch, take back, close, recall
    LOANS_RECEIVE = "loans:receive"  # the requesting side's half: receive, extend, send back
    LOANS_ACCEPT = "loans:accept"  # accept, for who asked, an asset that its owner changed since it was reserved
    LOANS_END = "loans:end"  # either side: cancel, report a no-show or a loss
    LOANS_FILE = "loans:file"  # put pictures and papers on file with a loan of either side, and withdraw them
    LOANS_CONTEST = "loans:contest"  # contest a time or no-show, accept another time or count, withdraw a no-show
    LOANS_TAKE_OVER = "loans:take_over"  # take over loans of before from the own records, and withdraw them
    OBLIGATIONS_READ = "obligations:read"  # see what loans oblige either side to do
    OBLIGATIONS_FULFIL = "obligations:fulfil"  # record that the own agency met one
    OBLIGATIONS_CONTEST = "obligations:contest"  # contest that what is owed to the own agency was met, or accept it
    OBLIGATIONS_WAIVE = "obligations:waive"  # do without what is owed to the own agency
    INBOX_READ = "inbox:read"  # see what waits for oneself and the own agency
    NOTICES_CHOOSE = "notices:choose"  # say how one is told by mail what waits for oneself
    ENGAGEMENTS_READ = "engagements:read"  # see engagements that the agency hosts or is invited to
    ENGAGEMENTS_CREATE = "engagements:create"  # plan what the own agency holds, and invite others
    ENGAGEMENTS_UPDATE = "engagements:update"  # change it, say what came of it, plan and close corrective actions
    ENGAGEMENTS_ANSWER = "engagements:answer"  # say whether the own agency takes part
    ENGAGEMENTS_IMPROVE = "engagements:improve"  # say that the own agency has done what it was to do
    ENGAGEMENTS_CREDIT = "engagements:credit"  # credit the own agency's people with training
    OBJECTIVES_READ = "objectives:read"  # see what an agreement is to achieve, and what was measured
    OBJECTIVES_SET = "objectives:set"  # set an objective of an agreement, withdraw an own one
    OBJECTIVES_MEASURE = "objectives:measure"  # enter what was measured, correct it
    OBJECTIVES_CONTEST = "objectives:contest"  # contest what another party measured
    REVIEWS_READ = "reviews:read"  # see reviews of whether an agreement does what it was made for
    REVIEWS_OPEN = "reviews:open"  # open one, which freezes the own agency's scorecard for all parties
    REVIEWS_DECIDE = "reviews:decide"  # say what the own agency decides in one
    METRICS_READ = "metrics:read"  # see how well agreements work
    AUDIT_READ = "audit:read"  # see refused sign-ins and acts, and who read or took out what
    LEDGER_READ = "ledger:read"  # see the history of what concerns the agency
    LEDGER_PROVE = "ledger:prove"  # have an event that concerns the agency proved, with all of its parts
    LEDGER_VERIFY = "ledger:verify"  # see the ledger's checkpoints and keys, have it proved that it was only added to
    WEBHOOKS_READ = "webhooks:read"  # see where events are sent for the own agency, and what became of them
    WEBHOOKS_MANAGE = "webhooks:manage"  # have events sent to programs of the own agency, change, rotate, delete that


EVERYBODY: dict[Role, frozenset[Relation]] = {role: frozenset({"anyone"}) for role in Role}


def _roles(relations: Collection[Relation], *roles: Role) -> dict[Role, frozenset[Relation]]:
    return {role: frozenset(relations) for role in roles}


_C, _A, _L, _AU, _AA, _RA, _S = (
    Role.COORDINATOR,
    Role.APPROVER,
    Role.LEGAL,
    Role.AUDITOR,
    Role.AGENCY_ADMIN,
    Role.REGISTRY_ADMIN,
    Role.SERVICE,
)
_EITHER_END: tuple[Relation, ...] = ("owing", "owed")
_EITHER_SIDE: tuple[Relation, ...] = ("requesting", "assisting")
_AT_ENGAGEMENTS: tuple[Relation, ...] = ("hosting", "taking_part")

PERMISSIONS: Mapping[Action, Mapping[Role, frozenset[Relation]]] = {
    Action.AGENCIES_READ: EVERYBODY,
    Action.AGENCIES_CREATE: _roles(["anyone"], _RA),
    Action.AGENCIES_UPDATE: _roles(["own"], _AA) | _roles(["anyone"], _RA),
    Action.AGENCIES_ADMIT: _roles(["anyone"], _RA),
    Action.AGENCIES_SEPARATE: _roles(["own"], _AA),
    Action.AGENCIES_SILENCE: _roles(["own"], _L, _AA),
    Action.AGENCIES_AUTHORISE: _roles(["own"], _L, _AA),
    Action.ISSUERS_MANAGE: _roles(["anyone"], _RA),
    Action.TOKENS_REVOKE: _roles(["own"], _AA) | _roles(["anyone"], _RA),
    Action.CLIENTS_READ: _roles(["own"], _AA, _AU) | _roles(["anyone"], _RA),
    Action.CLIENTS_MANAGE: _roles(["own"], _AA),
    Action.CLIENTS_DISABLE: _roles(["own"], _AA) | _roles(["anyone"], _RA),
    Action.PRINCIPALS_READ: _roles(["own"], _AA) | _roles(["anyone"], _RA),
    Action.PRINCIPALS_MANAGE: _roles(["own"], _AA) | _roles(["anyone"], _RA),
    Action.OPERATOR_ACTS_DECIDE: _roles(["anyone"], _RA),
    Action.TAXONOMY_READ: EVERYBODY,
    Action.TAXONOMY_EXTEND: _roles(["own"], _AA),
    Action.TAXONOMY_RETIRE: _roles(["own"], _AA) | _roles(["anyone"], _RA),
    Action.AGREEMENTS_READ: EVERYBODY,
    Action.AGREEMENTS_CREATE: _roles(["custodian"], _L, _S) | _roles(["anyone"], _RA),
    Action.AGREEMENTS_UPDATE: _roles(["custodian"], _L, _S),
    Action.AGREEMENTS_REVIEW: _roles(["custodian"], _L),
    Action.AGREEMENTS_ADVISE: _roles(["party"], _L),
    Action.AGREEMENTS_COMMENT: _roles(["custodian", "party"], _C, _A, _L),
    Action.AGREEMENTS_SIGN: _roles(["party", "invited"], _L),  # who declined to join may change its mind
    Action.AGREEMENTS_REPORT: _roles(["custodian", "party"], _L) | _roles(["anyone"], _RA),
    Action.AGREEMENTS_ATTEST: _roles(["anyone"], _RA),
    Action.AGREEMENTS_FILE: _roles(["custodian", "party"], _L, _AA),
    Action.AGREEMENTS_KEEP: _roles(["custodian"], _L),
    Action.AGREEMENTS_HOLD: _roles(["custodian", "party"], _L),
    Action.CALENDARS_MANAGE: _roles(["own"], _C, _L, _AA),
    Action.DOCUMENTS_FILE: _roles(["custodian", "party"], _L, _S) | _roles(["anyone"], _RA),
    Action.DOCUMENTS_WITHDRAW: _roles(["own"], _L, _S, _RA),
    Action.ASSETS_READ: EVERYBODY,
    Action.ASSETS_CREATE: _roles(["own"], _C, _AA, _S),
    Action.ASSETS_UPDATE: _roles(["own"], _AA, _S),
    Action.ASSETS_MOVE: _roles(["own"], _C, _AA, _S),
    Action.ASSETS_SERVE: _roles(["own"], _C, _AA, _S),
    Action.ASSETS_FILE: _roles(["own"], _C, _AA, _S),
    Action.MINIMUMS_READ: _roles(["own"], _C, _A, _AU, _AA, _S),
    Action.MINIMUMS_SET: _roles(["own"], _C, _AA, _S),
    Action.PACKAGES_MANAGE: _roles(["own"], _C, _AA, _S),
    Action.IMPORTS_RUN: _roles(["own"], _C, _AA, _S, _RA),  # the rows by the rights to enter such things singly
    Action.PERSONNEL_READ: _roles(["own"], _C, _A, _AU, _AA, _S),
    Action.PERSONNEL_CREATE: _roles(["own"], _C, _AA, _S),
    Action.PERSONNEL_UPDATE: _roles(["own"], _C, _AA, _S),
    Action.PERSONNEL_VERIFY: _roles(["own"], _C, _AA),
    Action.PERSONNEL_NAME: _roles(["own", "requesting"], _C, _A, _AU, _AA, _S),
    Action.PERSONNEL_DISCLOSE: _roles(["own"], _AA),
    Action.CAPABILITIES_READ: EVERYBODY,
    Action.REQUESTS_READ: _roles(_EITHER_SIDE, _C, _A, _L, _AU, _AA, _S),
    Action.REQUESTS_CREATE: _roles(["own"], _C, _A, _S),
    Action.REQUESTS_UPDATE: _roles(["requesting"], _C, _A, _S),
    Action.REQUESTS_ACCEPT: _roles(["requesting"], _C, _A),
    Action.REQUESTS_APPROVE: _roles(_EITHER_SIDE, _A, _L, _AA),  # a policy names which of them it waits for
    Action.REQUESTS_ANSWER: _roles(["assisting"], _C, _A, _S),
    Action.DECISIONS_READ: _roles(_EITHER_SIDE, _C, _A, _L, _AU, _AA, _S),
    Action.DECISIONS_EVALUATE: _roles(["own"], _C, _A, _L, _S),
    Action.POLICIES_READ: _roles(["own"], _C, _A, _L, _AU, _AA),
    Action.POLICIES_DRAFT: _roles(["own"], _L, _AA),
    Action.POLICIES_ACTIVATE: _roles(["own"], _AA),
    Action.LOANS_READ: _roles(_EITHER_SIDE, _C, _A, _L, _AU, _AA, _S),
    Action.LOANS_RESERVE: _roles(["assisting"], _C, _A, _S),
    Action.LOANS_HAND_OVER: _roles(["assisting"], _C, _A, _S),
    Action.LOANS_RECEIVE: _roles(["requesting"], _C, _A, _S),
    Action.LOANS_ACCEPT: _roles(["requesting"], _C, _A),
    Action.LOANS_END: _roles(_EITHER_SIDE, _C, _A, _S),
    Action.LOANS_FILE: _roles(_EITHER_SIDE, _C, _A, _AA, _S),
    Action.LOANS_CONTEST: _roles(_EITHER_SIDE, _C, _A),
    Action.LOANS_TAKE_OVER: _roles(["own"], _C, _AA, _S),
    Action.OBLIGATIONS_READ: _roles(_EITHER_END, _C, _A, _L, _AU, _AA, _S),
    Action.OBLIGATIONS_FULFIL: _roles(["owing"], _C, _A, _L, _AA),
    Action.OBLIGATIONS_CONTEST: _roles(["owed"], _C, _A, _L, _AA),
    Action.OBLIGATIONS_WAIVE: _roles(["owed"], _C, _A, _L, _AA),
    Action.INBOX_READ: _roles(["own"], _C, _A, _L, _AU, _AA, _S, _RA),
    Action.NOTICES_CHOOSE: _roles(["own"], _C, _A, _L, _AA, _RA),
    Action.ENGAGEMENTS_READ: _roles(_AT_ENGAGEMENTS, _C, _A, _L, _AU, _AA, _S),
    Action.ENGAGEMENTS_CREATE: _roles(["own"], _C, _AA, _S),
    Action.ENGAGEMENTS_UPDATE: _roles(["hosting"], _C, _AA, _S),
    Action.ENGAGEMENTS_ANSWER: _roles(["taking_part"], _C, _A, _AA),
    Action.ENGAGEMENTS_IMPROVE: _roles(["owing"], _C, _A, _AA),
    Action.ENGAGEMENTS_CREDIT: _roles(_AT_ENGAGEMENTS, _C, _AA, _S),
    Action.OBJECTIVES_READ: _roles(["custodian", "party"], _C, _A, _L, _AU, _AA, _S),
    Action.OBJECTIVES_SET: _roles(["party"], _C, _L, _AA),
    Action.OBJECTIVES_MEASURE: _roles(["party"], _C, _AA, _S),
    Action.OBJECTIVES_CONTEST: _roles(["party"], _C, _A, _L),
    Action.REVIEWS_READ: _roles(["custodian", "party"], _C, _A, _L, _AU, _AA, _S),
    Action.REVIEWS_OPEN: _roles(["party"], _A, _L),
    Action.REVIEWS_DECIDE: _roles(["party"], _A, _L),
    Action.METRICS_READ: _roles(["party", "own"], _C, _A, _L, _AU, _AA, _S),
    Action.AUDIT_READ: _roles(["own"], _AU, _AA, _RA),
    Action.LEDGER_READ: _roles(
        ["own", "party", "invited", *_EITHER_SIDE, *_EITHER_END, *_AT_ENGAGEMENTS], _C, _A, _L, _AU, _AA, _S
    )
    | _roles(["own"], _RA),
    Action.LEDGER_PROVE: _roles(["own", "party"], _AU, _AA) | _roles(["own"], _RA),
    Action.LEDGER_VERIFY: EVERYBODY,
    Action.WEBHOOKS_READ: _roles(["own"], _AA, _AU),
    Action.WEBHOOKS_MANAGE: _roles(["own"], _AA),
}

HUMAN_ONLY = frozenset(
    {
        Action.REQUESTS_ACCEPT,
        Action.REQUESTS_APPROVE,
        Action.LOANS_ACCEPT,
        Action.LOANS_CONTEST,
        Action.AGREEMENTS_SIGN,
        Action.AGREEMENTS_REPORT,
        Action.AGREEMENTS_ATTEST,
        Action.AGREEMENTS_REVIEW,
        Action.AGREEMENTS_ADVISE,
        Action.AGENCIES_AUTHORISE,
        Action.AGENCIES_SEPARATE,
        Action.AGENCIES_SILENCE,
        Action.PERSONNEL_VERIFY,
        Action.OPERATOR_ACTS_DECIDE,
        Action.OBLIGATIONS_CONTEST,
        Action.ENGAGEMENTS_ANSWER,
        Action.OBJECTIVES_CONTEST,
        Action.REVIEWS_OPEN,
        Action.REVIEWS_DECIDE,
        Action.OBLIGATIONS_WAIVE,
        Action.POLICIES_DRAFT,
        Action.POLICIES_ACTIVATE,
        Action.NOTICES_CHOOSE,
    }
)
"""Acts that bind or approve are people's: a service does none of them, whatever its scopes say.

So is every acceptance of what another agency offers, changed or reports. A service may accept a longer loan of an own
asset, as it may reserve it: that commits what is its agency's, to what its own policies permit.
"""


STEP_UP = frozenset({Action.AGREEMENTS_SIGN, Action.AGREEMENTS_ATTEST, Action.POLICIES_ACTIVATE})
"""Acts that bind an agency, or say how it lends: recently signed in, where the person's issuer is described so."""


def in_scope(principal: Principal, action: Action) -> bool:
    """Whether the token's scopes include the action.

    A service needs `<resource>:<verb>` or `<resource>:*`; `*` over everything does not count.
    """
    return _in_scope(principal.roles, principal.scopes, action)


def _in_scope(roles: frozenset[Role], scopes: frozenset[str], action: Action) -> bool:
    if Role.SERVICE in roles and (len(roles) == 1 or action in HUMAN_ONLY):
        return action not in HUMAN_ONLY and (action in scopes or f"{action.partition(':')[0]}:*" in scopes)
    return bool(scopes & {"*", action.value, f"{action.partition(':')[0]}:*"})


def may_ever(principal: Principal, action: Action) -> bool:
    """Whether roles and scopes allow the action on anything at all; known before anything is loaded."""
    return _may_ever(principal.roles, principal.scopes, action)


# Asked at every request; who they are are few kinds.
@lru_cache(maxsize=2**13)
def _may_ever(roles: frozenset[Role], scopes: frozenset[str], action: Action) -> bool:
    return _in_scope(roles, scopes, action) and any(role in PERMISSIONS[action] for role in roles)


def refusal(principal: Principal, action: Action, relations: Collection[Relation]) -> str | None:
    """The reason why an agency with these `relations` to a thing may not do this to it; None when it may."""
    return refusal_by(principal.roles, principal.scopes, action, frozenset(relations))


# Each answer says what its reader may do, a list for every item; who they are are few kinds.
@lru_cache(maxsize=2**13)
def refusal_by(
    roles: frozenset[Role], scopes: frozenset[str], action: Action, relations: frozenset[Relation]
) -> str | None:
    """The same, by all that it depends on: for what is kept by these."""
    if not _in_scope(roles, scopes, action):
        return f"Your token's scopes do not include {action}."
    cells = [PERMISSIONS[action][role] for role in roles if role in PERMISSIONS[action]]
    if not cells:
        people = [role for role in sorted(PERMISSIONS[action]) if _does_for_its_agency(role, action)]
        if people:
            return f"In your agency somebody with the role {' or '.join(people)} can do this (`{action}`)."
        return f"Somebody with the role {' or '.join(sorted(PERMISSIONS[action]))} can do this (`{action}`)."
    reach = {"anyone", *relations}
    if any(cell & reach for cell in cells):
        return None
    needed = ", ".join(sorted({r.replace("_", " ") for cell in cells for r in cell}))
    return f"{action} is for the {needed} agency; yours is not."


def _does_for_its_agency(role: Role, action: Action) -> bool:
    """Whether a person with the role does that to what is their own agency's, or for its side."""
    return role is not Role.SERVICE and bool(PERMISSIONS[action][role] - {"anyone"})


def permit(principal: Principal, action: Action, relations: Collection[Relation]) -> None:
    """Raises Forbidden with the reason when the caller may not do this to the thing.

    Only for things that the caller may see.
    """
    if (reason := refusal(principal, action, relations)) is not None:
        raise Forbidden(reason)
