"""Everything that changes an agreement, by what a person does."""

from registry.agreements.commands.amending import amend
from registry.agreements.commands.drafting import create_agreement, update_agreement
from registry.agreements.commands.ending import give_notice, reinstate, rescind_notice, supersede, suspend, terminate
from registry.agreements.commands.joining import (
    activate_verbally,
    add_parties,
    agree_verbally,
    answer_custody,
    offer_custody,
    record_approval,
    set_approval_rule,
)
from registry.agreements.commands.reading import record_reading
from registry.agreements.commands.reviewing import send_back, step, submit
from registry.agreements.commands.signing import attest, confirm, record_agreement, record_amendment, sign
from registry.agreements.commands.windows import rewrite_windows

__all__ = [
    "activate_verbally",
    "add_parties",
    "agree_verbally",
    "amend",
    "answer_custody",
    "attest",
    "confirm",
    "create_agreement",
    "give_notice",
    "offer_custody",
    "record_agreement",
    "record_amendment",
    "record_approval",
    "record_reading",
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
