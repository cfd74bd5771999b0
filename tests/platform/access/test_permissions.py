"""The permission table as an auditor reads it."""

import json
from uuid import UUID

import pytest

from registry.platform.access.permissions import (
    HUMAN_ONLY,
    PERMISSIONS,
    STEP_UP,
    Action,
    in_scope,
    may_ever,
    permit,
    refusal,
)
from registry.platform.access.principals import Principal, Role
from registry.platform.kernel.errors import Forbidden
from tests.support.cases import every_case
from tests.support.places import ROOT

READING = ("read", "evaluate", "name")  # reading a name is on record, and still a reading
WRITING = {action for action in Action if action.partition(":")[2] not in READING} - {
    Action.LEDGER_PROVE,
    Action.LEDGER_VERIFY,
}


def principal(*roles: Role, scopes: str = "*") -> Principal:
    return Principal(
        subject="somebody",
        agency_id=UUID(int=1),
        roles=frozenset(roles),
        scopes=frozenset(scopes.split()),
        token_id="t",
        issuer="https://id.example",
    )


def test_every_action_has_its_row_and_somebody_who_may() -> None:
    with every_case() as case:
        for action in Action:
            with case(action):
                assert PERMISSIONS[action]


def test_there_are_no_rows_without_an_action_and_no_empty_cells() -> None:
    assert set(PERMISSIONS) == set(Action)
    assert all(relations for row in PERMISSIONS.values() for relations in row.values())


def test_an_auditor_writes_nothing() -> None:
    with every_case() as case:
        for action in sorted(WRITING):
            with case(action):
                assert not may_ever(principal(Role.AUDITOR), action)


@pytest.mark.parametrize("action", sorted(HUMAN_ONLY))
@pytest.mark.parametrize(
    "scopes", ["*", "requests:* agreements:*", "requests:approve agreements:sign agreements:review"]
)
def test_a_service_never_approves_and_never_signs(action: Action, scopes: str) -> None:
    assert not may_ever(principal(Role.SERVICE, scopes=scopes), action)
    assert not may_ever(principal(*Role, scopes=scopes), action), "whatever else its token calls it"


def test_no_service_accepts_what_another_agency_offers_changed_or_reports() -> None:
    """Each operation that accepts is for people, but for a longer loan: a service may reserve an own asset, too."""
    contract = json.loads((ROOT / "openapi" / "registry.json").read_text())
    found = [each for path in contract["paths"].values() for each in path.values() if "operationId" in each]
    accepts = {each["operationId"]: each["x-permission"] for each in found if each["operationId"].startswith("accept_")}
    assert len(accepts) > 3
    own = {"accept_loan_extension"}
    assert {name for name, permission in accepts.items() if permission not in HUMAN_ONLY} == own


def test_what_needs_a_recent_sign_in_is_for_people() -> None:
    assert STEP_UP <= HUMAN_ONLY


def test_a_service_may_only_what_its_scopes_name() -> None:
    for action in Action:
        assert not in_scope(principal(Role.SERVICE), action), "a wildcard over everything names nothing"
        assert not in_scope(principal(Role.SERVICE, scopes=""), action)
    assert in_scope(principal(Role.SERVICE, scopes="assets:create"), Action.ASSETS_CREATE)
    assert in_scope(principal(Role.SERVICE, scopes="assets:*"), Action.ASSETS_CREATE)
    assert not in_scope(principal(Role.SERVICE, scopes="assets:*"), Action.LOANS_READ)
    assert not in_scope(principal(Role.SERVICE, scopes="asset assets assets:creat *:create"), Action.ASSETS_CREATE)


def test_a_refusal_for_want_of_a_role_says_who_in_the_agency_can_do_it() -> None:
    refused = refusal(principal(Role.COORDINATOR), Action.ASSETS_UPDATE, ["own"])
    assert refused == "In your agency somebody with the role agency_admin can do this (`assets:update`)."
    of_a_side = refusal(principal(Role.COORDINATOR), Action.REQUESTS_APPROVE, ["requesting"])
    assert of_a_side == (
        "In your agency somebody with the role agency_admin or approver or legal can do this (`requests:approve`)."
    )
    elsewhere = refusal(principal(Role.COORDINATOR), Action.AGENCIES_ADMIT, ["own"])
    assert elsewhere == "Somebody with the role registry_admin can do this (`agencies:admit`).", "nobody in the agency"


def test_a_registry_administrator_neither_asks_nor_approves_nor_lends() -> None:
    allowed = {
        "agencies:read", "agencies:create", "agencies:update", "agencies:admit", "taxonomy:read", "agreements:read",
        "agreements:create", "agreements:report", "agreements:attest", "documents:file", "documents:withdraw",
        "assets:read", "ledger:read", "issuers:manage", "tokens:revoke", "principals:read", "principals:manage",
        "audit:read", "ledger:prove", "ledger:verify", "acts:decide",
        "clients:read", "clients:disable", "taxonomy:retire", "imports:run", "capabilities:read", "inbox:read",
        "notices:choose",
    }  # fmt: skip
    with every_case() as case:
        for action in Action:
            with case(action):
                assert may_ever(principal(Role.REGISTRY_ADMIN), action) is (action in allowed)


def test_nobody_without_a_role_may_anything() -> None:
    assert not any(may_ever(principal(), action) for action in Action)


def test_a_scope_takes_away_and_never_gives() -> None:
    reader = principal(Role.COORDINATOR, scopes="loans:read assets:update")
    assert may_ever(reader, Action.LOANS_READ)
    assert not may_ever(reader, Action.LOANS_RESERVE)
    assert not may_ever(reader, Action.ASSETS_UPDATE), "the scope is there, the role is not"


def test_a_relation_is_needed_where_the_table_says_so() -> None:
    coordinator = principal(Role.COORDINATOR)
    permit(coordinator, Action.LOANS_RESERVE, ["assisting"])
    for relations in ([], ["requesting"], ["own"], ["party"]):
        with pytest.raises(Forbidden):
            permit(coordinator, Action.LOANS_RESERVE, relations)  # type: ignore[arg-type]  # relations all
    permit(coordinator, Action.ASSETS_READ, [])


def test_roles_add_up() -> None:
    both = principal(Role.AUDITOR, Role.LEGAL)
    assert refusal(both, Action.AGREEMENTS_SIGN, ["party"]) is None
    assert refusal(both, Action.LEDGER_READ, ["own"]) is None


def test_a_refusal_says_what_would_be_needed() -> None:
    assert "approver" in str(refusal(principal(Role.COORDINATOR), Action.REQUESTS_APPROVE, ["assisting"]))
    assert "scopes" in str(refusal(principal(Role.APPROVER, scopes="loans:*"), Action.REQUESTS_APPROVE, ["assisting"]))
    assert "assisting" in str(refusal(principal(Role.COORDINATOR), Action.LOANS_RESERVE, ["requesting"]))
