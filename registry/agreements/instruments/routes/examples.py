"""Worked bodies for the contract; all agencies and laws in them are examples, to be replaced with counsel's advice."""

_TERMS = {
    "categories": ["k9", "vehicle.command_post"],
    "purposes": ["mutual_aid", "search_and_rescue"],
    "max_duration_hours": 72,
    "reimbursement": {"model": "actual_after_hours", "free_hours": 12},
    "claim_window_days": 60,
    "liability": "respective",
    "command": "requesting",
    "sop_control": "assisting",
    "clauses": {"max_duration_hours": "4.2"},
}
_PROVISIONS = [
    {
        "number": "1",
        "heading": "purpose",
        "text": "The parties help one another in emergencies (demo).",
        "sensitivity": "public",
    },
    {"number": "4.2", "heading": "equipment", "text": "No loan exceeds 72 hours (demo)."},
    {
        "number": "9",
        "heading": "communications",
        "text": "Encryption keys are exchanged monthly (demo).",
        "sensitivity": "restricted",
        "exemption": "Security information exemption of the state (example; have counsel review)",
    },
]
NEW_AGREEMENT: dict[str, object] = {
    "number": "MA-2026-014",
    "title": "Mutual aid among the example counties (demo)",
    "kind": "mutual_aid",
    "parties": ["01900000-0000-7000-8000-00000000a001", "01900000-0000-7000-8000-00000000a002"],
    "time_zone": "America/Chicago",
    "effective_on": "2026-01-01",
    "expires_on": "2028-12-31",
    "notice": {"days": 60, "manners": ["in_writing", "registered_mail"]},
    "terms": _TERMS,
    "provisions": _PROVISIONS,
}
_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
RECORDED = {
    **NEW_AGREEMENT,
    "signed_on": "2025-12-15",
    "signatory_title": "Chief of Police",
    "evidence_sha256": _DIGEST,
}
SIGNING = {
    "version_sha256": _DIGEST,
    "signatory_title": "Sheriff",
    "manner": "electronic",
}
DECLINING = {"version_sha256": _DIGEST, "reason": "Section 9 goes beyond the county's insurance (demo)."}
CONFIRMATION = {"version_sha256": _DIGEST, "signatory_title": "Sheriff", "signed_on": "2025-12-15"}
REPORTED_ACT = {
    "agency_id": "01900000-0000-7000-8000-00000000a002",
    "kind": "gave_notice",
    "acted_on": "2026-06-01",
    "evidence_sha256": _DIGEST,
    "reason": "Letter received by registered post (demo).",
}
STEP_ANSWER = {"note": "As our letter says (demo)."}
SUSPENSION = {"kind": "suspension", "reason": "Until the insurers have agreed (demo)."}
OF_A_TEXT = {"version_no": 1, "reason": "Section 4.2 needs the county's wording (demo)."}
REASON = {"reason": "Section 4.2 needs the county's wording (demo)."}
STEP = {"version_no": 1, "note": "Ready for the board's meeting in March (demo)."}
TERMINATION = {"ground": "mutual_consent", "reason": "The council declined to go on (demo)."}
AGREEING_TO_PUBLISH = {"version_no": 1, "note": "As the council resolved (demo)."}
STOPPING_TO_PUBLISH = {"version_no": 1, "reason": "Counsel is to review the annex first (demo)."}
SUPERSESSION = {
    "by_agreement_id": "01900000-0000-7000-8000-00000000b002",
    "effective_on": "2027-07-01",
    "reason": "Replaced by the regional compact (demo).",
}
AMENDMENT = {
    "kind": "renewal",
    "effective_on": "2029-01-01",
    "expires_on": "2031-12-31",
    "reason": "Three years more (demo).",
}
RECORDED_AMENDMENT = {
    "kind": "amendment",
    "title": "Mutual aid among the example counties (demo)",
    "effective_on": "2026-07-01",
    "expires_on": "2028-12-31",
    "notice": {"days": 60, "manners": ["in_writing", "registered_mail"]},
    "terms": _TERMS,
    "provisions": _PROVISIONS,
    "signed_on": "2026-06-15",
    "signatory_title": "Chief of Police",
    "evidence_sha256": _DIGEST,
    "reason": "First addendum (demo).",
}
VERBAL = {
    "version_no": 1,
    "ratify_by_on": "2026-12-31",
    "signatory_title": "Sheriff",
    "reason": "Flood; both sheriffs agreed on the telephone (demo).",
}
CONSENT = {"version_sha256": _DIGEST, "signatory_title": "Sheriff"}
APPROVAL_RULE = {
    "required": True,
    "effective_on": None,
    "citation": "City code 2.04.150 (example; have counsel review)",
    "reason": "The council must approve each year (demo).",
}
APPROVAL = {
    "version_no": 1,
    "body": "City council",
    "reference": "Resolution 2026-12 (demo)",
    "approved_on": "2026-02-03",
    "expires_on": "2027-02-02",
    "evidence_sha256": "ab" * 32,
}
NEW_PARTIES = {"agency_ids": ["01900000-0000-7000-8000-00000000a003"], "reason": "Asked to join (demo)."}
CUSTODY = {"agency_id": "01900000-0000-7000-8000-00000000a002", "reason": "The county keeps the master form (demo)."}
NOTICE = {"notice_on": "2026-06-01", "reason": "The city council declined to renew (demo)."}
RECEIPT = {
    "agency_id": "01900000-0000-7000-8000-00000000a002",
    "received_on": "2026-06-04",
    "note": "By registered letter to the county attorney (demo).",
}
CORRECTED_RECEIPT = {
    "agency_id": "01900000-0000-7000-8000-00000000a002",
    "received_on": "2026-06-03",
    "reason": "The stamp on the envelope says so; the entry was mistyped (demo).",
}
_REVIEWER = {"agency_id": "01900000-0000-7000-8000-00000000a002", "department": "County attorney", "required": True}
SUBMISSION = {
    "version_no": 1,
    "note": "For the board's meeting in March (demo).",
    "reviewers": [_REVIEWER],
    "review_due_on": "2027-03-01",
}
NEW_REVIEW = {**_REVIEWER, "department": "Risk manager", "required": False, "due_on": "2027-03-01"}
REVIEW_APPROVAL = {"note": "Insurance clause as agreed (demo)."}
RELEASE = {"reason": "The county has no risk manager at present (demo)."}
NEW_COMMENT = {
    "version_no": 1,
    "provision": "4.2",
    "quote": {"start": 0, "end": 7},
    "audience": "parties",
    "department": "County attorney",
    "text": "From dispatch, or from arrival? (demo)",
}
FOR_SIGNATURE = {
    "version_no": 1,
    "note": "The board signs last (demo).",
    "order": "sequential",
    "sequence": ["01900000-0000-7000-8000-00000000a002", "01900000-0000-7000-8000-00000000a001"],
    "due_on": "2027-04-30",
}
NEW_AUTHORITY = {
    "office": "County executive",
    "basis": "statute",
    "citation": "N.Y. Gen. Mun. Law § 209-m (example; have counsel review)",
    "kinds": ["mutual_aid", "mou"],
    "ceiling": {"amount": "250000.00", "currency": "USD"},
    "effective_on": "2026-01-01",
    "expires_on": "2029-12-31",
}
DELEGATION = {
    "office": "Chief of police",
    "citation": "Executive order 2026-3 (example; have counsel review)",
    "kinds": ["mutual_aid"],
    "effective_on": "2026-02-01",
    "expires_on": "2026-12-31",
}
REVOCATION = {"reason": "The office was merged with the sheriff's (demo)."}
