"""Everything that changes an agreement, by what a person does."""

from registry.agreements.commands.attesting import correct_draft, enter_draft, note_listing, record_draft
from registry.agreements.commands.drafting import create_agreement, update_agreement
from registry.agreements.commands.ending import give_notice, reinstate, suspend, terminate
from registry.agreements.commands.reading import record_reading
from registry.agreements.commands.reviewing import send_back, step, submit
from registry.agreements.commands.signing import attest, confirm, record_agreement, sign
from registry.agreements.commands.windows import rewrite_windows

__all__ = [
    "attest",
    "confirm",
    "correct_draft",
    "create_agreement",
    "enter_draft",
    "give_notice",
    "note_listing",
    "record_agreement",
    "record_draft",
    "record_reading",
    "reinstate",
    "rewrite_windows",
    "send_back",
    "sign",
    "step",
    "submit",
    "suspend",
    "terminate",
    "update_agreement",
]
