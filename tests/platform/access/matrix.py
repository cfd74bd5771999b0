"""Who may do what, said a second time and by hand: the table that the running service is held against.

It is written from the roles and relations that the design names, not from the permission table in code; where the two
differ, one of them is wrong. An operation of the contract without a row here fails the test.

The scene has three agencies. `owner` owns the assets, lends them, and is custodian of the agreements; `partner` is the
other party, asks and borrows; `stranger` has nothing to do with either. Its things are named in `THINGS`.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from registry.platform.access.principals import Role

Side: TypeAlias = Literal["owner", "partner", "stranger", "operator"]
Relations: TypeAlias = frozenset[str]

COORDINATOR, APPROVER, LEGAL, AUDITOR, ADMIN, OPERATOR, MACHINE = "C", "A", "L", "U", "G", "R", "S"
ROLE: Mapping[str, Role] = {
    COORDINATOR: Role.COORDINATOR,
    APPROVER: Role.APPROVER,
    LEGAL: Role.LEGAL,
    AUDITOR: Role.AUDITOR,
    ADMIN: Role.AGENCY_ADMIN,
    OPERATOR: Role.REGISTRY_ADMIN,
    MACHINE: Role.SERVICE,
}


class Who(Struct, kw_only=True, frozen=True):
    """One of the callers: a role in one of the agencies. The registry's administrators are the operator's alone."""

    role: str
    side: Side

    def __str__(self) -> str:
        return f"{self.side}'s {ROLE[self.role]}"


WHO: tuple[Who, ...] = (
    *(Who(role=role, side=side) for side in ("owner", "partner", "stranger") for role in "CALUGS"),
    Who(role=OPERATOR, side="operator"),
)

EACH_ROLE = tuple(who for who in WHO if who.side in ("stranger", "operator"))
"""One caller of each role, where no agency is anything to what is asked for."""

# What each agency is to each thing; a side that is not listed may not know that the thing exists.
THINGS: Mapping[str, Mapping[Side, str]] = {
    "agency": {"owner": "own", "partner": "", "stranger": "", "operator": ""},
    "spare_agency": {"owner": "", "partner": "", "stranger": "", "operator": ""},
    "contact": {"owner": "own", "partner": "", "operator": ""},
    "issuer": {"operator": ""},
    "revocation": {"owner": "own", "operator": ""},
    "principal": {"owner": "own", "operator": ""},
    "operator_act": {"operator": ""},
    "client": {"owner": "own", "operator": ""},
    "webhook": {"owner": "own"},
    "spare_webhook": {"owner": "own"},
    "webhook_delivery": {"owner": "own"},
    "draft_agreement": {"owner": "custodian party"},
    "agreement_in_review": {"owner": "custodian party", "partner": "party"},
    "agreement": {"owner": "custodian party", "partner": "party", "operator": ""},
    "reported_act": {"owner": "custodian party reporter", "partner": "party said", "operator": ""},
    "proposal": {"owner": "custodian party proposer", "partner": "party", "operator": ""},
    "review": {"owner": "custodian party", "partner": "party department"},
    "comment": {"owner": "custodian party", "partner": "party author"},
    "own_comment": {"owner": "custodian party author"},
    "signing_authority": {"owner": "own", "partner": "", "operator": ""},
    "public_agreement": {"owner": "custodian party", "partner": "party", "stranger": "", "operator": ""},
    "draft_document": {"owner": "custodian party own"},
    "document": {"owner": "custodian party own", "partner": "party"},
    "partners_document": {"owner": "custodian party", "partner": "party own"},
    "restricted_document": {"owner": "custodian party own", "partner": "party"},
    "proposed_document": {"owner": "custodian party own", "partner": "party"},
    "public_document": {"owner": "custodian party own", "partner": "party", "stranger": "", "operator": ""},
    "spare_document": {"owner": "custodian party own", "partner": "party", "stranger": "", "operator": ""},
    "certificate": {"owner": "own", "partner": "", "stranger": "", "operator": ""},
    "duty": {"owner": "custodian party", "partner": "party", "operator": ""},
    "periodic_review": {"owner": "custodian party", "partner": "party", "operator": ""},
    "calendar_feed": {"owner": "own"},
    "personnel_record": {"owner": "own"},
    "personnel_credential": {"owner": "own"},
    "committed_person": {"owner": "own", "partner": "requesting"},
    "private_asset": {"owner": "own"},
    "shared_asset": {"owner": "own", "partner": ""},
    "asset_calendar_feed": {"owner": "own"},
    "unavailability": {"owner": "own", "partner": ""},
    "asset_certificate": {"owner": "own", "partner": ""},
    "network_asset": {"owner": "own", "partner": "", "stranger": "", "operator": ""},
    "private_package": {"owner": "own assisting"},
    "shared_package": {"owner": "own assisting", "partner": ""},
    "network_package": {"owner": "own assisting", "partner": "", "stranger": "", "operator": ""},
    # It is shared, and one of its assets is not.
    "hidden_package": {"owner": "own assisting"},
    "own_category": {"owner": "own", "partner": "", "stranger": "", "operator": ""},
    "rate": {"owner": "own", "partner": ""},
    "reserve_minimum": {"owner": "own"},
    "policy_set": {"owner": "own"},
    "policy_preview": {"owner": "own"},
    "asset_document": {"owner": "own"},
    "shared_asset_document": {"owner": "own", "partner": ""},
    "import": {"owner": "own"},
    "spare_import": {"owner": "own"},
    "import_mapping": {"owner": "own"},
    "decision": {"owner": "assisting", "partner": "requesting"},
    "draft_request": {"partner": "requesting"},
    "request": {"owner": "assisting", "partner": "requesting"},
    "request_line": {"owner": "assisting", "partner": "requesting"},
    "needed_line": {"partner": "requesting"},
    "offered_line": {"owner": "assisting", "partner": "requesting"},
    "asked_line": {"owner": "assisting", "partner": "requesting"},
    "package_reservation": {"owner": "assisting", "partner": "requesting"},
    "reserved_loan": {"owner": "assisting", "partner": "requesting"},
    "loan_on_scene": {"owner": "assisting", "partner": "requesting"},
    "closed_loan": {"owner": "assisting", "partner": "requesting"},
    "loan_document": {"owner": "assisting", "partner": "requesting"},
    "outcome_review": {"owner": "custodian party", "partner": "party"},
    "objective": {"owner": "custodian party", "partner": "party"},
    "obligation": {"owner": "owing", "partner": "owed"},
    "engagement": {"owner": "hosting", "partner": "taking_part"},
    "corrective_action": {"owner": "hosting", "partner": "taking_part owing"},
    "past_loan": {"owner": "own assisting", "partner": "requesting"},
    "ledger_event": {"owner": "party", "partner": "party"},
}

EITHER_SIDE = "requesting assisting"
AT_ENGAGEMENTS = "hosting taking_part"
# Permission → roles → the relations of which one is needed; "anyone" needs none.
GRANTS: Mapping[str, Mapping[str, str]] = {
    "agencies:read": {"CALUGSR": "anyone"},
    "agencies:create": {"R": "anyone"},
    "agencies:update": {"G": "own", "R": "anyone"},
    "agencies:admit": {"R": "anyone"},
    "agencies:separate": {"G": "own"},
    "agencies:silence": {"LG": "own"},
    "agencies:authorise": {"LG": "own"},
    "issuers:manage": {"R": "anyone"},
    "tokens:revoke": {"G": "own", "R": "anyone"},
    "clients:read": {"GU": "own", "R": "anyone"},
    "clients:manage": {"G": "own"},
    "clients:disable": {"G": "own", "R": "anyone"},
    "webhooks:read": {"GU": "own"},
    "webhooks:manage": {"G": "own"},
    "principals:read": {"G": "own", "R": "anyone"},
    "principals:manage": {"G": "own", "R": "anyone"},
    "acts:decide": {"R": "anyone"},
    "audit:read": {"UGR": "own"},
    "taxonomy:read": {"CALUGSR": "anyone"},
    "taxonomy:extend": {"G": "own"},
    "taxonomy:retire": {"G": "own", "R": "anyone"},
    "agreements:read": {"CALUGSR": "anyone"},
    "agreements:create": {"LS": "custodian", "R": "anyone"},
    "agreements:update": {"LS": "custodian"},
    "agreements:review": {"L": "custodian"},
    "agreements:advise": {"L": "party"},
    "agreements:comment": {"CAL": "party"},
    "agreements:sign": {"L": "party"},
    "agreements:report": {"L": "custodian party", "R": "anyone"},
    "agreements:attest": {"R": "anyone"},
    "agreements:file": {"LG": "custodian party"},
    "agreements:keep": {"L": "custodian"},
    "agreements:hold": {"L": "custodian party"},
    "calendars:manage": {"CLG": "own"},
    "documents:file": {"LS": "custodian party", "R": "anyone"},
    "documents:withdraw": {"LSR": "own"},
    "assets:read": {"CALUGSR": "anyone"},
    "assets:create": {"CGS": "own"},
    "assets:update": {"GS": "own"},
    "assets:file": {"CGS": "own"},
    "minimums:read": {"CAUGS": "own"},
    "minimums:set": {"CGS": "own"},
    "packages:manage": {"CGS": "own"},
    "imports:run": {"CGSR": "own"},
    "assets:move": {"CGS": "own"},
    "assets:serve": {"CGS": "own"},
    "personnel:read": {"CAUGS": "own"},
    "personnel:create": {"CGS": "own"},
    "personnel:update": {"CGS": "own"},
    "personnel:verify": {"CG": "own"},
    "personnel:name": {"CAUGS": "own requesting"},
    "personnel:disclose": {"G": "own"},
    "capabilities:read": {"CALUGSR": "anyone"},
    "requests:read": {"CALUGS": EITHER_SIDE},
    "requests:create": {"CAS": "own"},
    "requests:update": {"CAS": "requesting"},
    "requests:accept": {"CA": "requesting"},
    "requests:approve": {"ALG": EITHER_SIDE},
    "requests:answer": {"CAS": "assisting"},
    "decisions:read": {"CALUGS": EITHER_SIDE},
    "decisions:evaluate": {"CALS": "own"},
    "policies:read": {"CALUG": "own"},
    "policies:draft": {"LG": "own"},
    "policies:activate": {"G": "own"},
    "loans:read": {"CALUGS": EITHER_SIDE},
    "loans:reserve": {"CAS": "assisting"},
    "loans:hand_over": {"CAS": "assisting"},
    "loans:receive": {"CAS": "requesting"},
    "loans:accept": {"CA": "requesting"},
    "loans:end": {"CAS": EITHER_SIDE},
    "loans:file": {"CAGS": EITHER_SIDE},
    "loans:contest": {"CA": EITHER_SIDE},
    "loans:take_over": {"CGS": "own"},
    "obligations:read": {"CALUGS": "owing owed"},
    "obligations:fulfil": {"CALG": "owing"},
    "obligations:contest": {"CALG": "owed"},
    "obligations:waive": {"CALG": "owed"},
    "reviews:read": {"CALUGS": "custodian party"},
    "reviews:open": {"AL": "party"},
    "reviews:decide": {"AL": "party"},
    "objectives:read": {"CALUGS": "custodian party"},
    "objectives:set": {"CLG": "party"},
    "objectives:measure": {"CGS": "party"},
    "objectives:contest": {"CAL": "party"},
    "engagements:read": {"CALUGS": AT_ENGAGEMENTS},
    "engagements:create": {"CGS": "own"},
    "engagements:update": {"CGS": "hosting"},
    "engagements:answer": {"CAG": "taking_part"},
    "engagements:improve": {"CAG": "owing"},
    "engagements:credit": {"CGS": AT_ENGAGEMENTS},
    "inbox:read": {"CALUGSR": "own"},
    "notices:choose": {"CALGR": "own"},
    "metrics:read": {"CALUGS": "party own"},
    "ledger:prove": {"UG": "own party", "R": "own"},
    "ledger:verify": {"CALUGSR": "anyone"},
    "ledger:read": {"CALUGS": f"own party owing owed {EITHER_SIDE} {AT_ENGAGEMENTS}", "R": "own"},
}


class Operation(Struct, kw_only=True, frozen=True):
    """The row of one operation.

    `on` are the things it is tried on, none for what concerns the caller's own agency alone. `only` narrows the
    relations that do, and `by` the roles, where the thing is for these alone; `in_body` says that the thing is named
    in the body, where the unknown is a fault of the body (422); `cut` that everybody who sees it and has the role
    gets an answer, cut to what concerns them; `cleared` which roles alone reach what is restricted, of the things named
    in `RESTRICTED`.
    """

    permission: str | None
    on: tuple[str, ...] = ()
    only: str | None = None
    by: str | None = None
    in_body: bool = False
    cut: bool = False
    cleared: str | None = None


RESTRICTED = {"restricted_document"}
AGREEMENTS = ("draft_agreement", "agreement_in_review", "agreement", "public_agreement")
ASSETS = ("private_asset", "shared_asset", "network_asset")
PAPERS = ("asset_document", "shared_asset_document")
PACKAGES = ("private_package", "shared_package", "network_package", "hidden_package")
REQUESTS = ("draft_request", "request")
DOCUMENTS = (
    "draft_document",
    "document",
    "partners_document",
    "restricted_document",
    "proposed_document",
    "public_document",
)
LOANS = ("reserved_loan", "loan_on_scene", "closed_loan")


def _each(operations: str, permission: str, *on: str, **more: object) -> dict[str, Operation]:
    return {name: Operation(permission=permission, on=on, **more) for name in operations.split()}  # type: ignore[arg-type]  # each of its own type


SERVICE = {name: Operation(permission=None) for name in ("get_liveness", "get_readiness", "get_reading_readiness")}
TOKEN_ENDPOINT = {
    name: Operation(permission=None) for name in ("create_token", "get_token_keys", "get_authorization_server")
}
AGENCY_ROWS = {
    **_each("list_agencies", "agencies:read"),
    **_each("create_agency import_agencies", "agencies:create"),
    **_each("get_agency", "agencies:read", "agency"),
    **_each("get_agency_contact", "agencies:read", "contact"),
    **_each("update_agency", "agencies:update", "agency"),
    **_each("activate_agency suspend_agency reinstate_agency dissolve_agency", "agencies:admit", "spare_agency"),
    **_each("relax_separation_of_duties restore_separation_of_duties", "agencies:separate", "agency"),
    **_each("require_own_word let_silence_count", "agencies:silence", "agency"),
    **_each("list_agency_history", "ledger:read", "agency", cut=True),
    **_each("create_signing_authority", "agencies:authorise", "agency"),
    **_each("list_signing_authorities", "agencies:read", "contact"),
    **_each("get_signing_authority", "agencies:read", "signing_authority"),
    **_each("delegate_signing_authority revoke_signing_authority", "agencies:authorise", "signing_authority"),
}
ISSUER_ROWS = {
    "get_me": Operation(permission=None),
    **_each("list_issuers create_issuer", "issuers:manage"),
    **_each(
        "get_issuer update_issuer delete_issuer attach_agency_to_issuer detach_agency_from_issuer",
        "issuers:manage",
        "issuer",
    ),
}
REVOCATION_ROWS = {
    **_each("list_revocations create_revocation", "tokens:revoke"),
    **_each("get_revocation lift_revocation", "tokens:revoke", "revocation"),
}
CLIENT_ROWS = {
    **_each("list_clients", "clients:read"),
    **_each("create_client", "clients:manage"),
    **_each("get_client", "clients:read", "client"),
    **_each("rotate_client", "clients:manage", "client"),
    **_each("disable_client", "clients:disable", "client"),
}
WEBHOOK_ROWS = {
    **_each("list_webhooks", "webhooks:read"),
    **_each("create_webhook", "webhooks:manage"),
    **_each("get_webhook list_webhook_deliveries", "webhooks:read", "webhook"),
    **_each("get_webhook_delivery", "webhooks:read", "webhook_delivery"),
    **_each("update_webhook rotate_webhook", "webhooks:manage", "webhook"),
    **_each("delete_webhook", "webhooks:manage", "spare_webhook"),
    **_each("enable_webhook disable_webhook test_webhook", "webhooks:manage", "webhook"),
    **_each("redeliver_webhook_delivery", "webhooks:manage", "webhook_delivery"),
}
PRINCIPAL_ROWS = {
    **_each("list_principals", "principals:read"),
    **_each("get_principal list_principal_history", "principals:read", "principal"),
    **_each("suspend_principal restore_principal purge_principal_name", "principals:manage", "principal"),
}
OPERATOR_ACT_ROWS = {
    **_each("list_operator_acts", "acts:decide"),
    **_each("get_operator_act approve_operator_act reject_operator_act", "acts:decide", "operator_act"),
}
AUDIT_ROWS = {
    **_each("list_audit_events", "audit:read"),
    **_each("get_events stream_events", "ledger:read"),
    **_each("get_ledger_checkpoint list_ledger_checkpoints get_ledger_keys get_ledger_consistency", "ledger:verify"),
    **_each("get_ledger_event_proof", "ledger:prove", "ledger_event"),
}
TAXONOMY_ROWS = {
    **_each(
        "list_funding_sources list_categories get_category list_purposes list_provision_headings list_capability_types",
        "taxonomy:read",
    ),
    **_each("search_places get_place_at", "taxonomy:read"),
    **_each("create_category", "taxonomy:extend"),
    **_each("update_category", "taxonomy:extend", "own_category"),
    **_each("retire_category", "taxonomy:retire", "own_category"),
    **_each("list_category_history", "ledger:read", "own_category", cut=True),
}
AGREEMENT_ROWS = {
    **_each("list_agreements list_agreements_in_force list_checklists get_checklist", "agreements:read"),
    **_each("list_standard_clauses get_standard_clause list_templates get_template", "agreements:read"),
    **_each("create_agreement record_agreement draft_agreement_from_template", "agreements:create"),
    **_each("get_agreement get_agreement_timeline", "agreements:read", *AGREEMENTS),
    **_each(
        "get_agreement_version list_agreement_versions get_amendment_impact",
        "agreements:read",
        *AGREEMENTS,
        only="party",
    ),
    **_each("get_agreement_completeness list_agreement_contradictions", "agreements:read", *AGREEMENTS, only="party"),
    **_each(
        "get_agreement_redline get_agreement_redline_page get_agreement_deviations get_agreement_deviations_page",
        "agreements:read",
        *AGREEMENTS,
        only="party",
    ),
    **_each("get_agreement_comparison get_agreement_comparison_page", "agreements:read", *AGREEMENTS),
    **_each("get_agreement_file", "agreements:read", *AGREEMENTS, only="party"),
    **_each("get_agreement_public_file", "agreements:read", "public_agreement"),  # the others have none
    **_each(
        "update_agreement submit_agreement send_back_agreement send_agreement_for_signature withdraw_agreement "
        "amend_agreement record_agreement_amendment offer_agreement_custody",
        "agreements:update",
        *AGREEMENTS,
    ),
    **_each("approve_agreement", "agreements:review", *AGREEMENTS),
    **_each(
        "sign_agreement confirm_agreement decline_to_sign_agreement decline_to_join_agreement "
        "give_agreement_notice record_agreement_receipt correct_agreement_receipt rescind_agreement_notice "
        "activate_agreement_verbally "
        "agree_verbally set_agreement_approval_rule record_agreement_approval accept_agreement_custody "
        "decline_agreement_custody suspend_agreement reinstate_agreement propose_agreement_suspension "
        "terminate_agreement supersede_agreement add_agreement_parties",
        "agreements:sign",
        *AGREEMENTS,
    ),
    **_each("agree_to_publish_agreement", "agreements:sign", *AGREEMENTS),
    # Of the public one it would hide it from the others, who are asked about it too.
    **_each("stop_publishing_agreement", "agreements:sign", *AGREEMENTS[:-1]),
    **_each("list_agreement_review_rounds list_agreement_comments", "agreements:read", *AGREEMENTS, only="party"),
    **_each("get_agreement_review", "agreements:read", "review"),
    **_each("add_agreement_reviewer", "agreements:update", *AGREEMENTS),
    **_each("release_agreement_reviewer", "agreements:update", "review"),
    **_each("approve_agreement_review request_agreement_changes", "agreements:advise", "review", only="department"),
    **_each("get_agreement_comment", "agreements:read", "comment", "own_comment"),
    **_each("create_agreement_comment", "agreements:comment", *AGREEMENTS),
    **_each("update_agreement_comment", "agreements:comment", "comment", "own_comment", only="author", by="L"),
    **_each("resolve_agreement_comment reopen_agreement_comment", "agreements:comment", "comment", "own_comment"),
    **_each("report_agreement_act", "agreements:report", *AGREEMENTS),
    # The one of the scene is the custodian's, about its partner; a second operator has seconded it.
    **_each("confirm_reported_act contest_reported_act", "agreements:sign", "reported_act", only="said"),
    **_each("take_back_reported_act", "agreements:report", "reported_act", only="reporter"),
    **_each("second_reported_act", "agreements:attest", "reported_act"),
    **_each("consent_to_agreement_proposal", "agreements:sign", "proposal"),
    **_each("take_back_agreement_proposal", "agreements:sign", "proposal", only="proposer"),
    **_each("import_agreements", "agreements:attest"),
    **_each("import_agreements_with_csv_report", "agreements:attest"),
    **_each("list_agreement_history", "ledger:read", *AGREEMENTS, cut=True),
    **_each("get_agreement_scorecard", "metrics:read", *AGREEMENTS),
}
DOCUMENT_ROWS = {
    **_each("search_agreements", "agreements:read"),
    **_each("file_document", "documents:file", *AGREEMENTS),
    **_each("list_agreement_documents", "agreements:read", *AGREEMENTS),
    **_each("get_document", "agreements:read", *DOCUMENTS),
    **_each("get_document_content", "agreements:read", *DOCUMENTS, cleared="LU"),
    **_each("withdraw_document", "documents:withdraw", *DOCUMENTS[:-1], "spare_document"),
    **_each("list_document_history", "ledger:read", *DOCUMENTS, cut=True),
}
DEADLINE_ROWS = {
    **_each("list_deadlines", "agreements:read"),
    **_each("list_agency_insurance", "agencies:read", "agency"),
    **_each("get_agency_insurance", "agencies:read", "certificate"),
    **_each("create_agency_insurance", "agencies:update", "agency"),
    **_each("retire_agency_insurance", "agencies:update", "certificate"),
    **_each(
        "list_agreement_duties list_agreement_periodic_reviews get_agreement_retention",
        "agreements:read",
        *AGREEMENTS,
        only="party",
    ),
    **_each("create_agreement_duty", "agreements:file", *AGREEMENTS),
    # The duty of the scene is the custodian's own.
    **_each("get_agreement_duty", "agreements:read", "duty", only="party"),
    **_each("get_agreement_periodic_review", "agreements:read", "periodic_review", only="party"),
    **_each(
        "fulfil_agreement_duty waive_agreement_duty acknowledge_agreement_duty",
        "agreements:file",
        "duty",
        only="custodian",
    ),
    **_each("complete_agreement_review", "agreements:keep", *AGREEMENTS),
    **_each("set_agreement_retention place_agreement_hold lift_agreement_hold", "agreements:hold", *AGREEMENTS),
    **_each("create_calendar_feed list_calendar_feeds", "calendars:manage"),
    **_each("get_calendar_feed revoke_calendar_feed", "calendars:manage", "calendar_feed"),
    "get_calendar": Operation(permission=None),
}
ASSET_ROWS = {
    **_each("list_assets search_resources", "assets:read"),
    **_each(
        "export_assets_as_ndjson export_assets_as_csv export_assets_as_xlsx export_assets_as_geojson", "assets:read"
    ),
    **_each("create_asset", "assets:create"),
    **_each("get_asset get_asset_availability list_asset_unavailability", "assets:read", *ASSETS),
    **_each("list_asset_certificates", "assets:read", *ASSETS),
    **_each("record_asset_certificate", "assets:update", *ASSETS),
    **_each("get_asset_certificate", "assets:read", "asset_certificate"),
    **_each("end_asset_certificate", "assets:update", "asset_certificate"),
    **_each("plan_asset_unavailability", "assets:serve", *ASSETS),
    **_each("create_asset_calendar_feed list_asset_calendar_feeds", "calendars:manage", *ASSETS, cut=True),
    "get_asset_calendar": Operation(permission=None),
    **_each("get_asset_calendar_feed revoke_asset_calendar_feed", "calendars:manage", "asset_calendar_feed"),
    **_each("get_asset_unavailability", "assets:read", "unavailability"),
    **_each("end_asset_unavailability assess_asset_damage", "assets:serve", "unavailability"),
    **_each("update_asset retire_asset", "assets:update", *ASSETS),
    **_each("move_asset", "assets:move", *ASSETS),
    **_each("take_asset_out_of_service return_asset_to_service", "assets:serve", *ASSETS),
    **_each("list_asset_history", "ledger:read", *ASSETS, cut=True),
}
PACKAGE_ROWS = {
    **_each("list_packages", "assets:read"),
    **_each("create_package", "packages:manage"),
    **_each("get_package get_package_availability", "assets:read", *PACKAGES),
    **_each("update_package retire_package", "packages:manage", *PACKAGES),
    **_each("reserve_package", "loans:reserve", *PACKAGES),
    **_each("get_package_reservation", "loans:read", "package_reservation"),
    **_each("cancel_package_reservation", "loans:end", "package_reservation"),
    **_each("list_package_history", "ledger:read", *PACKAGES, cut=True),
}
RATE_ROWS = {
    **_each("list_rates", "assets:read"),
    **_each("create_rate", "assets:update"),
    **_each("get_rate", "assets:read", "rate"),
    **_each("update_rate", "assets:update", "rate"),
    **_each("list_asset_rates", "assets:read", *ASSETS),
}
PAPER_ROWS = {
    **_each("file_asset_document", "assets:file", *ASSETS),
    **_each("list_asset_documents", "assets:read", *ASSETS),
    **_each("get_asset_document get_asset_document_content", "assets:read", *PAPERS),
    **_each("update_asset_document withdraw_asset_document", "assets:file", *PAPERS),
}
MINIMUM_ROWS = {
    **_each("list_reserve_minimums", "minimums:read"),
    **_each("create_reserve_minimum", "minimums:set"),
    **_each("get_reserve_minimum", "minimums:read", "reserve_minimum"),
    **_each("update_reserve_minimum withdraw_reserve_minimum", "minimums:set", "reserve_minimum"),
}
POLICY_SET_ROWS = {
    **_each("create_policy_set", "policies:draft"),
    **_each("list_policy_sets", "policies:read"),
    **_each("get_policy_set", "policies:read", "policy_set"),
    **_each("start_policy_preview validate_policy_set", "policies:draft", "policy_set"),
    **_each("list_policy_previews", "policies:draft"),
    **_each("get_policy_preview list_changed_decisions cancel_policy_preview", "policies:draft", "policy_preview"),
    **_each("activate_policy_set retire_policy_set", "policies:activate", "policy_set"),
}
IMPORT_ROWS = {
    **_each("create_import", "imports:run", by="CGS"),  # the table of the scene is one of assets
    **_each("list_imports create_import_mapping list_import_mappings", "imports:run"),
    **_each("delete_import", "imports:run", "spare_import"),
    **_each("get_import run_import list_import_rows get_import_report", "imports:run", "import"),
    **_each("get_import_mapping update_import_mapping", "imports:run", "import_mapping"),
}
PERSONNEL_ROWS = {
    **_each("list_personnel get_capability_disclosure", "personnel:read"),
    **_each("create_personnel_record", "personnel:create"),
    **_each(
        "get_personnel_record get_personnel_availability list_personnel_history", "personnel:read", "personnel_record"
    ),
    **_each(
        "update_personnel_record place_personnel_on_leave return_personnel_to_duty separate_personnel "
        "add_personnel_credential",
        "personnel:update",
        "personnel_record",
    ),
    **_each("verify_personnel_credential", "personnel:verify", "personnel_credential"),
    **_each("revoke_personnel_credential", "personnel:update", "personnel_credential"),
    **_each("get_personnel_name", "personnel:name", "personnel_record", "committed_person"),
    **_each("update_capability_disclosure", "personnel:disclose"),
    **_each("list_capabilities", "capabilities:read"),
}
POLICY_ROWS = {
    **_each("list_decisions", "decisions:read"),
    **_each("get_decision replay_decision", "decisions:read", "decision"),
    **_each("evaluate_policy", "decisions:evaluate", *ASSETS, in_body=True, cut=True),
}
REQUEST_ROWS = {
    **_each("list_requests export_requests_as_csv", "requests:read"),
    **_each("create_request", "requests:create", *ASSETS, in_body=True, cut=True),
    **_each("get_request", "requests:read", *REQUESTS),
    **_each("update_request submit_request withdraw_request", "requests:update", *REQUESTS),
    **_each("accept_changed_assets", "requests:accept", *REQUESTS),
    **_each("approve_request reject_request", "requests:approve", *REQUESTS),
    **_each("update_request_line ask_request_line_again withdraw_request_line", "requests:update", "request_line"),
    **_each("decline_request_line", "requests:answer", "request_line"),
    **_each("source_request_line list_request_line_candidates", "requests:update", "needed_line"),
    **_each("accept_request_line_offer", "requests:accept", "offered_line"),
    **_each("refuse_request_line_offer", "requests:update", "offered_line"),
    **_each("offer_for_request_line", "requests:answer", "asked_line"),
    **_each("close_request_manually", "requests:approve", *REQUESTS, only="requesting"),
    **_each("list_request_history", "ledger:read", *REQUESTS),
}
LOAN_ROWS = {
    **_each("list_loans export_loans_as_csv", "loans:read"),
    **_each("create_loan", "loans:reserve", "decision", in_body=True),
    **_each("get_loan get_loan_sheet_page get_loan_sheet_pdf", "loans:read", *LOANS),
    **_each(
        "dispatch_loan return_loan close_loan recall_loan withdraw_loan_recall accept_loan_extension "
        "decline_loan_extension report_loan_damage",
        "loans:hand_over",
        *LOANS,
    ),
    **_each("receive_loan start_loan_return request_loan_extension", "loans:receive", *LOANS),
    **_each("accept_changed_asset", "loans:accept", *LOANS),
    **_each("cancel_loan report_loan_no_show report_loan_lost report_loan_found", "loans:end", *LOANS),
    **_each("contest_loan_no_show withdraw_loan_no_show", "loans:contest", *LOANS),
    **_each("accept_loan_count", "loans:contest", *LOANS, only="assisting"),
    **_each("correct_loan_count", "loans:contest", *LOANS, only="requesting"),
    **_each("contest_loan_damage", "loans:contest", *LOANS, only="requesting"),
    **_each("withdraw_loan_damage", "loans:contest", *LOANS, only="assisting"),
    **_each("contest_loan_time accept_loan_time withdraw_loan_time_contest", "loans:contest", *LOANS),
    **_each("file_loan_document", "loans:file", *LOANS),
    **_each("list_loan_documents", "loans:read", *LOANS),
    **_each("get_loan_document get_loan_document_content", "loans:read", "loan_document"),
    **_each("withdraw_loan_document", "loans:file", "loan_document", only="assisting"),
    **_each("list_loan_history", "ledger:read", *LOANS),
    **_each("list_past_loans export_past_loans_as_csv", "loans:read"),
    **_each("get_past_loan", "loans:read", "past_loan"),
    **_each("list_past_loan_history", "ledger:read", "past_loan"),
    **_each("contest_past_loan withdraw_past_loan_contest", "loans:contest", "past_loan", only="requesting"),
    **_each("withdraw_past_loan", "loans:take_over", "past_loan"),
    **_each("list_inbox get_inbox_counts", "inbox:read"),
    **_each("get_notifications update_notifications give_notification_address", "notices:choose"),
    **_each("confirm_notification_address forget_notification_address", "notices:choose"),
    "list_public_engagements": Operation(permission=None),
    "get_engagement_calendar": Operation(permission=None),
    "get_stop_page": Operation(permission=None),
    "stop_notifications": Operation(permission=None),
    **_each("list_obligations get_obligation_counts", "obligations:read"),
    **_each("get_obligation", "obligations:read", "obligation"),
    **_each("fulfil_obligation", "obligations:fulfil", "obligation"),
    **_each("contest_obligation accept_obligation", "obligations:contest", "obligation"),
    **_each("waive_obligation", "obligations:waive", "obligation"),
    **_each("list_obligation_history", "ledger:read", "obligation"),
    **_each("list_agreement_objectives get_agreement_attainment", "objectives:read", *AGREEMENTS),
    **_each("create_agreement_objective", "objectives:set", *AGREEMENTS),
    **_each("get_objective", "objectives:read", "objective"),
    **_each("withdraw_objective", "objectives:set", "objective"),
    **_each("measure_objective correct_objective_measurement", "objectives:measure", "objective"),
    **_each("contest_objective_measurement withdraw_objective_contest", "objectives:contest", "objective"),
    **_each("list_objective_history", "ledger:read", "objective"),
    **_each("list_agreement_outcome_reviews get_agreement_review_compliance", "reviews:read", *AGREEMENTS),
    **_each("create_agreement_outcome_review", "reviews:open", *AGREEMENTS),
    **_each("get_outcome_review", "reviews:read", "outcome_review"),
    **_each("decide_in_outcome_review", "reviews:decide", "outcome_review"),
    **_each("complete_outcome_review", "agreements:keep", "outcome_review"),
    **_each("list_outcome_review_history", "ledger:read", "outcome_review"),
    **_each("list_engagements list_corrective_actions", "engagements:read"),
    **_each("create_engagement", "engagements:create"),
    **_each("get_engagement", "engagements:read", "engagement"),
    **_each(
        "update_engagement invite_to_engagement cancel_engagement complete_engagement evaluate_engagement "
        "plan_corrective_action",
        "engagements:update",
        "engagement",
    ),
    **_each("accept_engagement_invitation decline_engagement_invitation", "engagements:answer", "engagement"),
    **_each("credit_engagement_training", "engagements:credit", "engagement"),
    **_each("list_engagement_history", "ledger:read", "engagement"),
    **_each("get_corrective_action", "engagements:read", "corrective_action"),
    **_each("complete_corrective_action", "engagements:improve", "corrective_action"),
    **_each("close_corrective_action reopen_corrective_action", "engagements:update", "corrective_action"),
    **_each("list_corrective_action_history", "ledger:read", "corrective_action"),
}
METRIC_ROWS = _each(
    "list_metrics get_metric get_scorecard get_scorecard_totals get_scorecard_page get_scorecard_table", "metrics:read"
)

OPERATIONS: Mapping[str, Operation] = {
    **SERVICE,
    **TOKEN_ENDPOINT,
    **AGENCY_ROWS,
    **ISSUER_ROWS,
    **REVOCATION_ROWS,
    **CLIENT_ROWS,
    **WEBHOOK_ROWS,
    **PRINCIPAL_ROWS,
    **OPERATOR_ACT_ROWS,
    **AUDIT_ROWS,
    **TAXONOMY_ROWS,
    **AGREEMENT_ROWS,
    **DOCUMENT_ROWS,
    **DEADLINE_ROWS,
    **ASSET_ROWS,
    **PACKAGE_ROWS,
    **RATE_ROWS,
    **MINIMUM_ROWS,
    **POLICY_SET_ROWS,
    **PAPER_ROWS,
    **IMPORT_ROWS,
    **PERSONNEL_ROWS,
    **POLICY_ROWS,
    **REQUEST_ROWS,
    **LOAN_ROWS,
    **METRIC_ROWS,
}

Verdict: TypeAlias = Literal["allowed", "forbidden", "hidden"]
HIDDEN: Mapping[bool, int] = {False: 404, True: 422}


class Cell(Struct, kw_only=True, frozen=True):
    """One question to the service, and what is right for it."""

    operation: str
    who: Who
    thing: str | None
    verdict: Verdict

    def __str__(self) -> str:
        return f"{self.who}: {self.operation}" + (f" on {self.thing}" if self.thing else "")


def verdict(row: Operation, who: Who, thing: str | None) -> Verdict:
    """What the table says: first by role alone, then by what may be seen, then by relation."""
    assert row.permission is not None
    granted = {need for roles, need in GRANTS[row.permission].items() if who.role in roles}
    if not granted:
        return "forbidden"
    if thing is None:
        return "allowed" if row.by is None or who.role in row.by else "forbidden"
    relation = THINGS[thing].get(who.side)
    if relation is None:
        return "hidden"
    if row.cleared is not None and thing in RESTRICTED and who.role not in row.cleared:
        return "forbidden"
    if row.by is not None and who.role not in row.by:
        return "forbidden"
    needed = set(" ".join(granted).split()) if row.only is None else set(row.only.split())
    return "allowed" if row.cut or needed & {"anyone", *relation.split()} else "forbidden"


def cells() -> Iterator[Cell]:
    """The whole matrix of roles, relations and states."""
    for name, row in OPERATIONS.items():
        if row.permission is None:
            continue
        for thing in row.on or (None,):
            for who in WHO:
                yield Cell(operation=name, who=who, thing=thing, verdict=verdict(row, who, thing))


def matrix_size() -> int:
    """How many questions there are, those of nobody, strangers' tokens and unknown things included."""
    rows = [row for row in OPERATIONS.values() if row.permission is not None]
    outsiders = len(rows) * len(OUTSIDERS)
    unknown = sum(len(EACH_ROLE) for row in rows if row.on)
    return sum(1 for _ in cells()) + outsiders + unknown


OUTSIDERS = ("anonymous", "expired", "suspended", "without a scope", "without a role")
"""Callers that may do nothing at all, whatever the operation."""

# Query parameters that name a thing, and the thing that a stranger may not know of.
IDS_IN_QUERIES: tuple[tuple[str, str, str], ...] = (
    ("list_deadlines", "agreement_id", "agreement"),
    ("list_deadlines", "party", "agency"),
    ("list_deadlines", "custodian", "agency"),
    ("list_deadlines", "agency_id", "agency"),
    ("list_decisions", "asset_id", "shared_asset"),
    ("list_decisions", "agreement_id", "agreement"),
    ("list_decisions", "root_decision_id", "decision"),
    ("list_loans", "asset_id", "shared_asset"),
    ("list_loans", "agreement_id", "agreement"),
    ("list_loans", "ids", "reserved_loan"),
    ("list_obligations", "loan_id", "reserved_loan"),
    ("list_obligations", "agreement_id", "agreement"),
    ("get_obligation_counts", "loan_id", "reserved_loan"),
    ("get_obligation_counts", "agreement_id", "agreement"),
    ("list_obligations", "ids", "obligation"),
    ("list_engagements", "agreement_id", "agreement"),
    ("list_engagements", "ids", "engagement"),
    ("list_corrective_actions", "ids", "corrective_action"),
    ("list_corrective_actions", "engagement_id", "engagement"),
    ("list_past_loans", "ids", "past_loan"),
    ("list_past_loans", "taken_over_by", "agency"),
    ("list_policy_previews", "policy_set_id", "policy_set"),
    ("get_scorecard", "agreement_id", "agreement"),
    ("get_scorecard", "assisting_agency_id", "agency"),
    ("get_scorecard", "requesting_agency_id", "agency"),
    ("get_metric", "agreement_id", "agreement"),
    ("get_scorecard_totals", "agreement_id", "agreement"),
    ("get_scorecard_page", "agreement_id", "agreement"),
    ("get_scorecard_table", "agreement_id", "agreement"),
    ("get_metric", "partner_agency_id", "agency"),
    ("get_metric", "assisting_agency_id", "agency"),
    ("get_metric", "requesting_agency_id", "agency"),
)
