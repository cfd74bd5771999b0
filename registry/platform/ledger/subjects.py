"""The kinds of things that events are about, each with the right that lets a role hear of it.

An event may tell of a thing that a role of its agency does not read: approvers read no service client, legal staff no
personnel record. So the feed tells an event to those alone who may read things of its kind (`kinds_told`). A kind that
is not listed cannot be recorded; a new one is added here with the permission of the operation that reads such a thing.
"""

from collections.abc import Mapping

from registry.platform.access.permissions import Action, may_ever
from registry.platform.access.principals import Principal
from registry.platform.ledger.event_types import EventType

READ_BY: Mapping[str, Action] = {
    "agency": Action.AGENCIES_READ,
    "agreement": Action.AGREEMENTS_READ,
    "agreement_comment": Action.AGREEMENTS_READ,
    "agreement_file": Action.AUDIT_READ,
    "asset": Action.ASSETS_READ,
    "asset_calendar_feed": Action.CALENDARS_MANAGE,
    "asset_document": Action.ASSETS_READ,
    "asset_export": Action.AUDIT_READ,
    "calendar_feed": Action.CALENDARS_MANAGE,
    "capability_disclosure": Action.PERSONNEL_READ,
    "category": Action.TAXONOMY_READ,
    "client": Action.CLIENTS_READ,
    "corrective_action": Action.ENGAGEMENTS_READ,
    "decision": Action.DECISIONS_READ,
    "denial": Action.AUDIT_READ,
    "document": Action.AGREEMENTS_READ,
    "engagement": Action.ENGAGEMENTS_READ,
    "import": Action.IMPORTS_RUN,
    "import_mapping": Action.IMPORTS_RUN,
    "insurance": Action.AGENCIES_READ,
    "issuer": Action.PRINCIPALS_READ,  # an agency hears of who speaks for it, though the operator alone reads the list
    "ledger_hold": Action.AUDIT_READ,
    "ledger_key": Action.AUDIT_READ,
    "ledger_segment": Action.LEDGER_VERIFY,
    "ledger_signing_key": Action.LEDGER_VERIFY,
    "loan": Action.LOANS_READ,
    "loan_export": Action.AUDIT_READ,
    "name_reading": Action.AUDIT_READ,
    "objective": Action.OBJECTIVES_READ,
    "obligation": Action.OBLIGATIONS_READ,
    "operator_act": Action.OPERATOR_ACTS_DECIDE,
    "outcome_review": Action.REVIEWS_READ,
    "package": Action.ASSETS_READ,
    "package_reservation": Action.LOANS_READ,
    "past_loan": Action.LOANS_READ,
    "past_loan_export": Action.AUDIT_READ,
    "personnel_record": Action.PERSONNEL_READ,
    "policy_preview": Action.POLICIES_READ,
    "policy_question": Action.AUDIT_READ,
    "policy_set": Action.POLICIES_READ,
    "principal": Action.PRINCIPALS_READ,
    "rate": Action.ASSETS_READ,
    "request": Action.REQUESTS_READ,
    "request_export": Action.AUDIT_READ,
    "reserve_minimum": Action.MINIMUMS_READ,
    "restricted_reading": Action.AUDIT_READ,
    "revocation": Action.TOKENS_REVOKE,
    "sign_in": Action.AUDIT_READ,
    "signing_authority": Action.AGENCIES_READ,
    "signing_key": Action.AUDIT_READ,
    "webhook": Action.WEBHOOKS_READ,
}

STAYING_KINDS = frozenset({"agreement", "document"})
STAYING_TYPES = frozenset(
    {EventType.ASSET_RETIRED, EventType.ASSET_RETURNED_TO_SERVICE, EventType.ASSET_TAKEN_OUT_OF_SERVICE}
)
"""Events that the registry itself goes on reading, however old they are: of an agreement for its timeline and its file,
of an asset for what it could be lent. They are archived as all others, and stay in the database."""


def kinds_told(principal: Principal) -> frozenset[str]:
    """The kinds of which the principal's roles, and the scopes of its token, let it hear."""
    return frozenset(kind for kind, action in READ_BY.items() if may_ever(principal, action))
