"""Everything that changes an agreement, by what a person does."""

from registry.agreements.commands.drafting import create_agreement, update_agreement
from registry.agreements.commands.ending import give_notice, reinstate, suspend, terminate
from registry.agreements.commands.indexing import (
    DocumentPassage,
    forget_document,
    index_document,
    index_title,
    index_version,
)
from registry.agreements.commands.reading import RestrictedReading, record_reading, record_readings
from registry.agreements.commands.reviewing import send_back, step, submit
from registry.agreements.commands.signing import attest, confirm, record_agreement, sign
from registry.agreements.commands.windows import rewrite_windows

__all__ = [
    "DocumentPassage",
    "RestrictedReading",
    "attest",
    "confirm",
    "create_agreement",
    "forget_document",
    "give_notice",
    "index_document",
    "index_title",
    "index_version",
    "record_agreement",
    "record_reading",
    "record_readings",
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
