"""Everything that changes an agreement, by what a person does."""

from registry.agreements.commands.amending import amend
from registry.agreements.commands.attesting import correct_draft, enter_draft, note_listing, record_draft
from registry.agreements.commands.drafting import create_agreement, update_agreement
from registry.agreements.commands.ending import give_notice, reinstate, rescind_notice, supersede, suspend, terminate
from registry.agreements.commands.indexing import (
    DocumentPassage,
    forget_document,
    index_document,
    index_title,
    index_version,
)
from registry.agreements.commands.joining import (
    activate_verbally,
    add_parties,
    agree_verbally,
    answer_custody,
    offer_custody,
    record_approval,
    set_approval_rule,
)
from registry.agreements.commands.reading import RestrictedReading, record_reading, record_readings
from registry.agreements.commands.reviewing import send_back, step, submit
from registry.agreements.commands.signing import attest, confirm, record_agreement, record_amendment, sign
from registry.agreements.commands.windows import rewrite_windows

__all__ = [
    "DocumentPassage",
    "RestrictedReading",
    "activate_verbally",
    "add_parties",
    "agree_verbally",
    "amend",
    "answer_custody",
    "attest",
    "confirm",
    "correct_draft",
    "create_agreement",
    "enter_draft",
    "forget_document",
    "give_notice",
    "index_document",
    "index_title",
    "index_version",
    "note_listing",
    "offer_custody",
    "record_agreement",
    "record_amendment",
    "record_approval",
    "record_draft",
    "record_reading",
    "record_readings",
    "reinstate",
    "rescind_notice",
    "rewrite_windows",
    "send_back",
    "set_approval_rule",
    "sign",
    "step",
    "submit",
    "supersede",
    "suspend",
    "terminate",
    "update_agreement",
]
