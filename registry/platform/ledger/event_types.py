"""The catalogue of event types: all that any room records, each with a sentence that says what it tells.

Nothing else can be recorded. The contract and docs/events.md are made of this list (`registry events --write
docs/events.md`). A type is named `<thing>.<what happened>`, in the past tense; it is added here first, in the order of
the alphabet, and stays once it was released, since the ledger never forgets.
"""

from enum import StrEnum


class Meant(StrEnum):
    """Text values, each of which says itself what it means."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> "Meant":
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


def of(event: Meant) -> tuple[str, str]:
    """A member's value and meaning, for an enumeration of some of the members."""
    return event.value, event.meaning


class EventType(Meant):
    """What happened, as `<thing>.<what happened>`."""

    ACCESS_DENIED = "access.denied", "Somebody tried what they may not do; `data` says how often in a minute."
    ACCESS_RESTORED = "access.restored", "A revocation of tokens was taken back."
    ACCESS_REVOKED = "access.revoked", "Tokens of an issuer, a person or a client were revoked."
    ACCESS_SIGN_IN_REFUSED = (
        "access.sign_in_refused",
        "Tokens of one issuer were refused for one reason; `data` says how many, and when.",
    )
    AGENCY_ACTIVATED = "agency.activated", "An agency that was listed takes part from now on."
    AGENCY_CREATED = "agency.created", "An agency was entered."
    AGENCY_DISSOLVED = "agency.dissolved", "An agency exists no more; `data` names a successor where there is one."
    AGENCY_IMPORTED = "agency.imported", "An agency was entered from a public list."
    AGENCY_OWN_WORD_REQUIRED = (
        "agency.own_word_required",
        "An agency says that its silence never binds it: what is said of it takes its own confirmation.",
    )
    AGENCY_REIMPORTED = "agency.reimported", "A newer public list changed what is known of an agency."
    AGENCY_REINSTATED = "agency.reinstated", "A suspended agency may act again."
    AGENCY_SEPARATION_RELAXED = (
        "agency.separation_relaxed",
        "An agency lets one person do two acts that are separated by default.",
    )
    AGENCY_SEPARATION_RESTORED = "agency.separation_restored", "An agency separates those two acts again."
    AGENCY_SILENCE_COUNTS = "agency.silence_counts", "An agency lets its silence on what is reported of it count again."
    AGENCY_SUSPENDED = "agency.suspended", "An agency may not act until it is reinstated."
    AGENCY_UPDATED = "agency.updated", "Details of an agency were changed."
    AGREEMENT_ACT_REPORTED = (
        "agreement.act_reported",
        "It was recorded that a party signed, agreed or did something else, on paper or by word.",
    )
    AGREEMENT_ACTIVATED_VERBALLY = (
        "agreement.activated_verbally",
        "The parties began to act on an agreement by word, to be signed later.",
    )
    AGREEMENT_AGREED_TO_PUBLISH = (
        "agreement.agreed_to_publish",
        "A party gave its word that what is marked public is published.",
    )
    AGREEMENT_AGREED_VERBALLY = "agreement.agreed_verbally", "A party agreed by word."
    AGREEMENT_AMENDED = "agreement.amended", "An amendment was executed."
    AGREEMENT_AMENDMENT_OPENED = "agreement.amendment_opened", "The draft of an amendment was begun."
    AGREEMENT_AMENDMENT_RECORDED = "agreement.amendment_recorded", "An amendment that is signed on paper was recorded."
    AGREEMENT_APPROVAL_RECORDED = "agreement.approval_recorded", "An approval by a party's governing body was recorded."
    AGREEMENT_APPROVAL_RULE_SET = (
        "agreement.approval_rule_set",
        "A party said whether its law asks for an approval by its governing body.",
    )
    AGREEMENT_APPROVED = "agreement.approved", "The text was approved for signature."
    AGREEMENT_CHANGES_REQUESTED = "agreement.changes_requested", "A reviewer asked for changes."
    AGREEMENT_CONFIRMED = "agreement.confirmed", "A party confirmed that it signed what was recorded."
    AGREEMENT_CONSENTED = "agreement.consented", "A party consented to a proposal."
    AGREEMENT_CREATED = "agreement.created", "An agreement was drafted or entered."
    AGREEMENT_CUSTODY_ACCEPTED = "agreement.custody_accepted", "A party took over the keeping of the agreement's file."
    AGREEMENT_CUSTODY_DECLINED = "agreement.custody_declined", "A party declined to keep the agreement's file."
    AGREEMENT_CUSTODY_OFFERED = (
        "agreement.custody_offered",
        "The keeping of the agreement's file was offered to a party, or the offer taken back.",
    )
    AGREEMENT_DECLINED_TO_JOIN = "agreement.declined_to_join", "An agency declined to join an executed agreement."
    AGREEMENT_DECLINED_TO_SIGN = "agreement.declined_to_sign", "A party declined to sign."
    AGREEMENT_DEPARTURE_PROPOSED = (
        "agreement.departure_proposed",
        "A party proposed that it left on a day that is over.",
    )
    AGREEMENT_DRAFTED_FROM_TEMPLATE = "agreement.drafted_from_template", "The draft was made from a template."
    AGREEMENT_DUTY_ACKNOWLEDGED = (
        "agreement.duty_acknowledged",
        "The agency whose duty may be one said that it applies, and is still to do.",
    )
    AGREEMENT_DUTY_ENTERED = "agreement.duty_entered", "A duty that the agreement brings was entered."
    AGREEMENT_DUTY_FULFILLED = "agreement.duty_fulfilled", "A duty was fulfilled."
    AGREEMENT_DUTY_WAIVED = "agreement.duty_waived", "The agency whose duty it is said why it does not do it."
    AGREEMENT_END_DECLARED = "agreement.end_declared", "A party ended the agreement by a right of its own."
    AGREEMENT_END_PROPOSED = "agreement.end_proposed", "It was proposed that the agreement ends for all."
    AGREEMENT_END_RECORDED = (
        "agreement.end_recorded",
        "It was recorded that the agreement, which binds nobody here, was ended.",
    )
    AGREEMENT_FILE_EXPORTED = (
        "agreement.file_exported",
        "The whole file of an agreement, or its public one, was handed out.",
    )
    AGREEMENT_HOLD_LIFTED = "agreement.hold_lifted", "A legal hold was lifted."
    AGREEMENT_HOLD_PLACED = "agreement.hold_placed", "A legal hold was placed."
    AGREEMENT_LISTED_AGAIN = (
        "agreement.listed_again",
        "The published list from which the agreement was entered has it again.",
    )
    AGREEMENT_LISTED_OTHERWISE = (
        "agreement.listed_otherwise",
        "The published list from which the agreement was entered says something else of it now.",
    )
    AGREEMENT_NEWCOMERS_PROPOSED = "agreement.newcomers_proposed", "It was proposed that more agencies may sign."
    AGREEMENT_NO_LONGER_LISTED = (
        "agreement.no_longer_listed",
        "The published list from which the agreement was entered has it no more.",
    )
    AGREEMENT_NOTICE_GIVEN = "agreement.notice_given", "A party gave notice that it leaves."
    AGREEMENT_NOTICE_RECEIVED = "agreement.notice_received", "A party said when it received another's notice."
    AGREEMENT_NOTICE_RECORDED = "agreement.notice_recorded", "A notice that a party gave on paper was recorded."
    AGREEMENT_NOTICE_RESCINDED = "agreement.notice_rescinded", "A party took its notice back."
    AGREEMENT_OWN_WORD_REQUIRED = (
        "agreement.own_word_required",
        "A party's silence counts no more: what was said of it waits for its own word; `data` names the reports.",
    )
    AGREEMENT_PARTICIPATION_REINSTATED = (
        "agreement.participation_reinstated",
        "A party takes part again after it had suspended its own part.",
    )
    AGREEMENT_PARTICIPATION_SUSPENDED = "agreement.participation_suspended", "A party suspended its own part."
    AGREEMENT_PARTIES_ADDED = "agreement.parties_added", "More agencies may sign, since all who are bound consented."
    AGREEMENT_PARTIES_RELEASED = (
        "agreement.parties_released",
        "Parties are bound no more; `data` says which, and from when.",
    )
    AGREEMENT_PARTY_DISSOLVED = "agreement.party_dissolved", "A party exists as an agency no more."
    AGREEMENT_PARTY_REACHED = (
        "agreement.party_reached",
        "A person who may answer for a party was first seen: the days of what is said of it began. `data` names it.",
    )
    AGREEMENT_PROPOSAL_CLOSED = (
        "agreement.proposal_closed",
        "Nothing was left to consent to, and a proposal was closed; `data` says why.",
    )
    AGREEMENT_PROPOSAL_TAKEN_BACK = "agreement.proposal_taken_back", "A proposal was taken back."
    AGREEMENT_PUBLISHED = (
        "agreement.published",
        "What is marked public of a version or document is seen by others from now on.",
    )
    AGREEMENT_PUBLISHING_STOPPED = (
        "agreement.publishing_stopped",
        "A party took its word back, and what was public is so no more.",
    )
    AGREEMENT_RECEIPT_CORRECTED = (
        "agreement.receipt_corrected",
        "A party said that it received another's notice on another day than it had recorded.",
    )
    AGREEMENT_RECORDED = "agreement.recorded", "An agreement that is signed on paper was recorded."
    AGREEMENT_REINSTATEMENT_PROPOSED = (
        "agreement.reinstatement_proposed",
        "It was proposed that the suspended agreement goes on for all.",
    )
    AGREEMENT_RENEWED = "agreement.renewed", "A renewal was executed."
    AGREEMENT_REPORT_CONFIRMED = (
        "agreement.report_confirmed",
        "The party of which it was told confirmed a reported act.",
    )
    AGREEMENT_REPORT_CONTESTED = (
        "agreement.report_contested",
        "The party of which it was told contested a reported act.",
    )
    AGREEMENT_REPORT_SECONDED = "agreement.report_seconded", "Another party seconded a reported act."
    AGREEMENT_REPORT_TAKEN_BACK = "agreement.report_taken_back", "Who reported an act took the report back."
    AGREEMENT_RESTRICTED_TEXT_READ = "agreement.restricted_text_read", "Restricted text of an agreement was shown."
    AGREEMENT_RETENTION_SET = "agreement.retention_set", "A party said how long it asks that the record is kept."
    AGREEMENT_REVIEW_APPROVED = "agreement.review_approved", "A reviewer approved the text."
    AGREEMENT_REVIEW_COMPLETED = (
        "agreement.review_completed",
        "The periodic review that the agreement asks for was done.",
    )
    AGREEMENT_REVIEWER_NAMED = "agreement.reviewer_named", "A reviewer was added to the round, or their day changed."
    AGREEMENT_REVIEWER_RELEASED = "agreement.reviewer_released", "A reviewer was released from the round."
    AGREEMENT_SENT_BACK = "agreement.sent_back", "The text went back to its author."
    AGREEMENT_SENT_FOR_SIGNATURE = (
        "agreement.sent_for_signature",
        "The approved text was sent to the parties for signature.",
    )
    AGREEMENT_SIGNED = "agreement.signed", "A party signed."
    AGREEMENT_SUBMITTED = "agreement.submitted", "The text was submitted for review."
    AGREEMENT_SUCCESSOR_NAMED = (
        "agreement.successor_named",
        "It was told to those who may know it which agreement is to take this one's place.",
    )
    AGREEMENT_SUPERSEDED = "agreement.superseded", "Another agreement took this one's place for all who were bound."
    AGREEMENT_SUPERSESSION_PROPOSED = (
        "agreement.supersession_proposed",
        "It was proposed that another agreement takes this one's place.",
    )
    AGREEMENT_SUSPENSION_PROPOSED = (
        "agreement.suspension_proposed",
        "It was proposed that the agreement is suspended for all.",
    )
    AGREEMENT_UPDATED = "agreement.updated", "The draft was changed."
    AGREEMENT_WITHDRAWN = "agreement.withdrawn", "The text was withdrawn before it was executed."
    AGREEMENT_COMMENT_EDITED = "agreement_comment.edited", "A comment was changed by its author."
    AGREEMENT_COMMENT_MADE = "agreement_comment.made", "Somebody commented on a version."
    AGREEMENT_COMMENT_REOPENED = "agreement_comment.reopened", "A resolved thread was reopened."
    AGREEMENT_COMMENT_RESOLVED = "agreement_comment.resolved", "A thread was resolved."
    ASSET_CERTIFICATE_ENDED = "asset.certificate_ended", "A certificate of an asset was ended before its time."
    ASSET_CERTIFICATE_RECORDED = "asset.certificate_recorded", "A certificate of an asset was recorded."
    ASSET_CREATED = "asset.created", "An asset was registered."
    ASSET_DAMAGE_ASSESSED = "asset.damage_assessed", "It was said how long a damaged asset cannot be had."
    ASSET_EXPORTED = (
        "asset.exported",
        "The asset list was handed out as a file; `data` says in which format, by which filters.",
    )
    ASSET_FOUND_AGAIN = "asset.found_again", "What a loan had lost of an asset was found, and counts again."
    ASSET_LOANS_AFFECTED = "asset.loans_affected", "A change of an asset concerns loans that are not yet returned."
    ASSET_RETIRED = "asset.retired", "An asset was retired for good."
    ASSET_RETURNED_DAMAGED = "asset.returned_damaged", "An asset came back damaged and cannot be had for a time."
    ASSET_RETURNED_TO_SERVICE = "asset.returned_to_service", "An asset can be used again."
    ASSET_TAKEN_OUT_OF_SERVICE = "asset.taken_out_of_service", "An asset cannot be used for the time being."
    ASSET_UNAVAILABILITY_ENDED = "asset.unavailability_ended", "A planned time without the asset was ended."
    ASSET_UNAVAILABILITY_PLANNED = (
        "asset.unavailability_planned",
        "A time was planned in which the asset, or some of it, cannot be had.",
    )
    ASSET_UPDATED = "asset.updated", "The record of an asset was changed."
    ASSET_WRITTEN_OFF = "asset.written_off", "What a loan lost of an asset was written off."
    ASSET_CALENDAR_FEED_CREATED = "asset_calendar_feed.created", "A calendar of an asset was given a secret address."
    ASSET_CALENDAR_FEED_REVOKED = (
        "asset_calendar_feed.revoked",
        "The secret address of an asset's calendar was revoked.",
    )
    ASSET_DOCUMENT_FILED = "asset_document.filed", "A picture or paper was filed with an asset."
    ASSET_DOCUMENT_REPLACED = "asset_document.replaced", "A picture or paper of an asset was replaced by another."
    ASSET_DOCUMENT_UPDATED = "asset_document.updated", "What is said of a picture or paper of an asset was changed."
    ASSET_DOCUMENT_WITHDRAWN = "asset_document.withdrawn", "A picture or paper of an asset was withdrawn."
    CALENDAR_FEED_CREATED = "calendar_feed.created", "A calendar of deadlines was given a secret address."
    CALENDAR_FEED_REVOKED = "calendar_feed.revoked", "The secret address of a calendar of deadlines was revoked."
    CAPABILITY_DISCLOSURE_UPDATED = (
        "capability_disclosure.updated",
        "An agency changed what others may learn of what its people can do.",
    )
    CATEGORY_ADDED = "category.added", "A category was added."
    CATEGORY_RETIRED = "category.retired", "A category was retired."
    CATEGORY_UPDATED = "category.updated", "A category was changed."
    CLIENT_CREATED = "client.created", "A service client was registered."
    CLIENT_DISABLED = "client.disabled", "A service client was disabled."
    CLIENT_ROTATED = "client.rotated", "The credential of a service client was changed."
    CORRECTIVE_ACTION_CLOSED = (
        "corrective_action.closed",
        "Who held an engagement has seen that what it asked for is done.",
    )
    CORRECTIVE_ACTION_COMPLETED = "corrective_action.completed", "An agency says that it has done what it was to do."
    CORRECTIVE_ACTION_PLANNED = "corrective_action.planned", "An agency was given something to do after an engagement."
    CORRECTIVE_ACTION_REOPENED = (
        "corrective_action.reopened",
        "Who held an engagement asks for more than what was shown.",
    )
    DECISION_APPROVED = "decision.approved", "An approval that a decision needs was given."
    DECISION_DECLINED = "decision.declined", "The assisting agency lends nothing of what was asked."
    DECISION_MADE = "decision.made", "The policies decided a question."
    DECISION_REJECTED = "decision.rejected", "An approval that a decision needs was refused."
    DECISION_SUSPENDED = "decision.suspended", "What was offered under a decision could not be had any more."
    DECISION_WITHDRAWN = "decision.withdrawn", "The requesting agency asks no more for what was decided."
    DOCUMENT_FILED = "document.filed", "A document was filed with an agreement."
    DOCUMENT_WITHDRAWN = "document.withdrawn", "A document was withdrawn from an agreement's file."
    ENGAGEMENT_AGENCIES_INVITED = "engagement.agencies_invited", "Further agencies were invited to an engagement."
    ENGAGEMENT_CANCELLED = "engagement.cancelled", "An engagement is not held."
    ENGAGEMENT_EVALUATED = "engagement.evaluated", "It was said what came of an engagement; `data` holds the ratings."
    ENGAGEMENT_HELD = "engagement.held", "An engagement was held; `data` says how many people took part."
    ENGAGEMENT_INVITATION_ACCEPTED = "engagement.invitation_accepted", "An agency takes part in an engagement."
    ENGAGEMENT_INVITATION_DECLINED = "engagement.invitation_declined", "An agency does not take part in an engagement."
    ENGAGEMENT_PLANNED = "engagement.planned", "An exercise, training, meeting or programme was planned."
    ENGAGEMENT_UPDATED = "engagement.updated", "An engagement that is planned was changed."
    IMPORT_DELETED = "import.deleted", "An import was deleted."
    IMPORT_RUN = "import.run", "An import was run to its end."
    IMPORT_UPLOADED = "import.uploaded", "A table was uploaded to be taken in."
    IMPORT_MAPPING_KEPT = "import_mapping.kept", "A mapping was kept under a name."
    IMPORT_MAPPING_UPDATED = "import_mapping.updated", "A kept mapping was changed."
    INSURANCE_ENTERED = "insurance.entered", "A certificate of an agency's insurance was entered."
    INSURANCE_RETIRED = "insurance.retired", "A certificate of an agency's insurance was retired."
    ISSUER_AGENCY_ATTACHED = "issuer.agency_attached", "An agency was attached to a token issuer."
    ISSUER_AGENCY_DETACHED = "issuer.agency_detached", "An agency was detached from a token issuer."
    ISSUER_CREATED = "issuer.created", "A token issuer was entered."
    ISSUER_DELETED = "issuer.deleted", "A token issuer that was never used was deleted."
    ISSUER_UPDATED = "issuer.updated", "The description of a token issuer was changed."
    LEDGER_HOLD_LIFTED = "ledger_hold.lifted", "A legal hold on the whole ledger was lifted."
    LEDGER_HOLD_PLACED = "ledger_hold.placed", "A legal hold was placed on the whole ledger: none of it is dropped."
    LEDGER_KEY_CHANGED = "ledger_key.changed", "The key that hashes restricted values in the ledger was changed."
    LEDGER_SEGMENT_ARCHIVED = (
        "ledger_segment.archived",
        "The events of some places left the database for an archive; `data` says which, and where it is asked for.",
    )
    LEDGER_SIGNING_KEY_MADE = (
        "ledger_signing_key.made",
        "A new key signs the ledger's checkpoints; `data` has the key to verify them with.",
    )
    LOAN_ASSET_AFFECTED = "loan.asset_affected", "A change of the asset concerns the loan."
    LOAN_CANCELLED = "loan.cancelled", "The loan was cancelled before anything was handed over."
    LOAN_CHANGED_ASSET_ACCEPTED = (
        "loan.changed_asset_accepted",
        "The requesting agency accepted the asset as it is now.",
    )
    LOAN_CLOSED = "loan.closed", "The loan was closed."
    LOAN_COUNT_ACCEPTED = "loan.count_accepted", "The owner accepted that no more of it left than arrived."
    LOAN_COUNT_CORRECTED = "loan.count_corrected", "The requesting agency corrected how many arrived."
    LOAN_DAMAGE_CONTESTED = "loan.damage_contested", "Who had it contests damage that its owner found afterwards."
    LOAN_DAMAGE_REPORTED = "loan.damage_reported", "The owner reported damage that it found once it was back."
    LOAN_DAMAGE_WITHDRAWN = "loan.damage_withdrawn", "The owner took back its report of damage found afterwards."
    LOAN_DISPATCHED = "loan.dispatched", "What is lent was sent off."
    LOAN_DOCUMENT_FILED = "loan.document_filed", "A side filed a picture or paper with the loan."
    LOAN_DOCUMENT_WITHDRAWN = "loan.document_withdrawn", "Who filed a picture or paper with the loan withdrew it."
    LOAN_EXPORTED = (
        "loan.exported",
        "The list of loans was handed out as a file; `data` says in which format, by which filters.",
    )
    LOAN_EXTENSION_ACCEPTED = "loan.extension_accepted", "The extension was accepted."
    LOAN_EXTENSION_DECLINED = "loan.extension_declined", "The extension was declined."
    LOAN_EXTENSION_REQUESTED = "loan.extension_requested", "One side asked for an extension."
    LOAN_FOUND = "loan.found", "What was lost on the loan was found."
    LOAN_LOST = "loan.lost", "It was reported that something was lost on the loan."
    LOAN_MINIMUM_OVERRIDDEN = (
        "loan.minimum_overridden",
        "The loan leaves fewer at home than its owner keeps, on an approver's word.",
    )
    LOAN_NO_SHOW_CONTESTED = "loan.no_show_contested", "The other agency contests that there was a no-show."
    LOAN_NO_SHOW_REPORTED = "loan.no_show_reported", "It was reported that what was lent did not come."
    LOAN_NO_SHOW_WITHDRAWN = "loan.no_show_withdrawn", "Who had reported a no-show withdrew that."
    LOAN_PARTLY_RETURNED = "loan.partly_returned", "Some of what is lent is home again; the rest is still out."
    LOAN_RECALL_WITHDRAWN = "loan.recall_withdrawn", "The owner took its recall back."
    LOAN_RECALLED = "loan.recalled", "The owner called what is lent back."
    LOAN_RECEIVED = "loan.received", "What is lent arrived."
    LOAN_RESERVED = "loan.reserved", "The loan was made of a decision."
    LOAN_RETURN_STARTED = "loan.return_started", "What is lent was sent back."
    LOAN_RETURNED = "loan.returned", "What was lent is home again."
    LOAN_TIME_ACCEPTED = "loan.time_accepted", "Whose act it is accepted the time that the other agency says of it."
    LOAN_TIME_CONTEST_WITHDRAWN = "loan.time_contest_withdrawn", "Who contested the time of an act withdrew that."
    LOAN_TIME_CONTESTED = "loan.time_contested", "The other agency contests when an act was done."
    OBJECTIVE_CONTEST_WITHDRAWN = "objective.contest_withdrawn", "A party contests a measurement no more."
    OBJECTIVE_MEASURED = "objective.measured", "A party entered what was measured of an objective."
    OBJECTIVE_MEASUREMENT_CONTESTED = "objective.measurement_contested", "A party contests another one's measurement."
    OBJECTIVE_MEASUREMENT_CORRECTED = (
        "objective.measurement_corrected",
        "A party put a right measurement in the place of a wrong one of its own.",
    )
    OBJECTIVE_SET = "objective.set", "A party said what an agreement is to achieve."
    OBJECTIVE_WITHDRAWN = "objective.withdrawn", "A party pursues an objective of its own no more."
    OBLIGATION_ACCEPTED = "obligation.accepted", "The agency that contested it accepts that an obligation was met."
    OBLIGATION_BREACHED = (
        "obligation.breached",
        "The deadline of an obligation came, and it was not met; it occurred then, and may still be met late.",
    )
    OBLIGATION_CONTESTED = "obligation.contested", "The agency to which it is owed contests that an obligation was met."
    OBLIGATION_LAPSED = "obligation.lapsed", "Nothing is owed any more, since the loan took another course."
    OBLIGATION_MET = "obligation.met", "An obligation was met."
    OBLIGATION_WAIVED = "obligation.waived", "The agency to which it was owed waived an obligation."
    OPERATOR_ACT_PERFORMED = (
        "operator_act.performed",
        "A second administrator approved an operator act, and it was done.",
    )
    OPERATOR_ACT_PROPOSED = (
        "operator_act.proposed",
        "An administrator asked for an operator act that a second one approves.",
    )
    OPERATOR_ACT_REJECTED = "operator_act.rejected", "A second administrator rejected an operator act."
    OUTCOME_REVIEW_COMPLETED = "outcome_review.completed", "It was said what follows from a review of an agreement."
    OUTCOME_REVIEW_DECIDED = "outcome_review.decided", "A party said what it decides in a review of an agreement."
    OUTCOME_REVIEW_OPENED = "outcome_review.opened", "A review of an agreement was opened, and its scorecard frozen."
    PACKAGE_CREATED = "package.created", "A package was made."
    PACKAGE_RETIRED = "package.retired", "A package was retired."
    PACKAGE_UPDATED = "package.updated", "A package was changed."
    PACKAGE_RESERVATION_CANCELLED = (
        "package_reservation.cancelled",
        "A package reservation was cancelled with its loans.",
    )
    PACKAGE_RESERVATION_MADE = "package_reservation.made", "A package was reserved, with a loan for each member."
    PAST_LOAN_CONTEST_WITHDRAWN = "past_loan.contest_withdrawn", "Who contested a loan of before withdrew that."
    PAST_LOAN_CONTESTED = "past_loan.contested", "The other agency contests a loan of before."
    PAST_LOAN_CORRECTED = (
        "past_loan.corrected",
        "Who took over a loan of before corrected it; a contest of what it said has lapsed.",
    )
    PAST_LOAN_EXPORTED = (
        "past_loan.exported",
        "The list of loans of before was handed out as a file; `data` says in which format, by which filters.",
    )
    PAST_LOAN_TAKEN_OVER = "past_loan.taken_over", "A side took over a loan of before from its own records."
    PAST_LOAN_WITHDRAWN = "past_loan.withdrawn", "Who took over a loan of before took its word back."
    PERSONNEL_CREDENTIAL_ADDED = "personnel.credential_added", "A credential was added to a personnel record."
    PERSONNEL_CREDENTIAL_REVOKED = "personnel.credential_revoked", "A credential in a personnel record was revoked."
    PERSONNEL_CREDENTIAL_VERIFIED = "personnel.credential_verified", "A credential was verified with its issuer."
    PERSONNEL_ENTERED = "personnel.entered", "A personnel record was entered."
    PERSONNEL_NAME_READ = (
        "personnel.name_read",
        "The name of somebody of another agency was shown, because they are committed to the reader's.",
    )
    PERSONNEL_PLACED_ON_LEAVE = "personnel.placed_on_leave", "Somebody was placed on leave."
    PERSONNEL_RETURNED_TO_DUTY = "personnel.returned_to_duty", "Somebody returned to duty."
    PERSONNEL_SEPARATED = "personnel.separated", "Somebody left the agency for good."
    PERSONNEL_UPDATED = "personnel.updated", "A personnel record was changed."
    POLICY_PREVIEW_CANCELLED = "policy_preview.cancelled", "A preview was cancelled before its end."
    POLICY_PREVIEW_STARTED = "policy_preview.started", "An agency began to try a policy set on past decisions."
    POLICY_QUESTION_ASKED = (
        "policy_question.asked",
        "Somebody asked how loans would be decided; `data` says how often in a minute, and about how many assets.",
    )
    POLICY_SET_ACTIVATED = "policy_set.activated", "A policy set decides from now on."
    POLICY_SET_DRAFTED = "policy_set.drafted", "A policy set was drafted."
    POLICY_SET_REFUSED = "policy_set.refused", "Faults were found in a policy set when it was validated."
    POLICY_SET_RETIRED = "policy_set.retired", "A policy set decides no more, or never."
    POLICY_SET_VALIDATED = "policy_set.validated", "A policy set was found without faults."
    PRINCIPAL_NAME_PURGED = "principal.name_purged", "The name of a person or service was purged."
    PRINCIPAL_RESTORED = "principal.restored", "A person or service that was suspended or idle may act again."
    PRINCIPAL_SUSPENDED = "principal.suspended", "A person or service was suspended."
    RATE_CREATED = "rate.created", "A rate was set."
    RATE_UPDATED = "rate.updated", "A rate was changed."
    REQUEST_AGENCIES_ASKED = "request.agencies_asked", "Agencies were asked for what a line needs."
    REQUEST_APPROVED = "request.approved", "An approver said yes to lines of a request."
    REQUEST_CHANGED_ASSETS_ACCEPTED = (
        "request.changed_assets_accepted",
        "The requesting agency accepted changed assets.",
    )
    REQUEST_CLOSED = "request.closed", "A request was closed by an approver of its agency."
    REQUEST_CREATED = "request.created", "A request was drafted."
    REQUEST_EXPIRED = "request.expired", "The windows of all that was still open in a request are over."
    REQUEST_EXPORTED = (
        "request.exported",
        "The list of requests was handed out as a file; `data` says in which format, by which filters.",
    )
    REQUEST_LINE_ASKED_AGAIN = "request.line_asked_again", "Another line was asked in a refused one's place."
    REQUEST_LINE_DECLINED = "request.line_declined", "The assisting agency declined a line."
    REQUEST_LINE_EXPIRED = "request.line_expired", "The window of an open line is over."
    REQUEST_LINE_OFFERED = "request.line_offered", "An agency offered an asset for what is needed."
    REQUEST_LINE_REDUCED = "request.line_reduced", "A line asks for no more than what is lent on it."
    REQUEST_LINE_UNANSWERED = "request.line_unanswered", "An agency that was asked did not answer in time."
    REQUEST_LINE_WITHDRAWN = "request.line_withdrawn", "A line was withdrawn."
    REQUEST_OFFER_ACCEPTED = "request.offer_accepted", "The requesting agency accepted an offer on a condition."
    REQUEST_OFFER_REFUSED = "request.offer_refused", "The requesting agency refused an offer on a condition."
    REQUEST_OFFER_RESTORED = "request.offer_restored", "What an agency offered can be had again, and counts."
    REQUEST_OFFER_SUSPENDED = "request.offer_suspended", "What an agency offered cannot be had, and does not count."
    REQUEST_REJECTED = "request.rejected", "An approver said no to lines of a request."
    REQUEST_SUBMITTED = "request.submitted", "A request was submitted and its lines decided."
    REQUEST_UPDATED = "request.updated", "A request was changed."
    REQUEST_WITHDRAWN = "request.withdrawn", "A request was withdrawn."
    RESERVE_MINIMUM_CREATED = "reserve_minimum.created", "An agency said how many of a category it keeps at home."
    RESERVE_MINIMUM_UPDATED = "reserve_minimum.updated", "A reserve minimum was corrected."
    RESERVE_MINIMUM_WITHDRAWN = "reserve_minimum.withdrawn", "A reserve minimum was taken back."
    SIGNING_AUTHORITY_DELEGATED = "signing_authority.delegated", "An authority to sign was delegated to another office."
    SIGNING_AUTHORITY_REGISTERED = "signing_authority.registered", "An office's authority to sign was entered."
    SIGNING_AUTHORITY_REVOKED = "signing_authority.revoked", "An authority to sign was revoked."
    SIGNING_KEY_ROTATED = "signing_key.rotated", "The key with which the registry signs tokens was changed."
    WEBHOOK_CREATED = "webhook.created", "An agency has events sent to a program of its own."
    WEBHOOK_DELETED = "webhook.deleted", "A webhook was deleted, with its secrets and the log of its deliveries."
    WEBHOOK_DISABLED = (
        "webhook.disabled",
        "Nothing is sent to a webhook any more; `data` says whether its agency said so, or nothing arrived for days.",
    )
    WEBHOOK_ENABLED = "webhook.enabled", "Events are sent to a webhook again."
    WEBHOOK_ROTATED = "webhook.rotated", "A webhook was given a new secret."
    WEBHOOK_UPDATED = "webhook.updated", "What is sent to a webhook was changed, or where that is."
