"""What the terms do not say: what could limit a loan, and who does or bears what. Pure."""

from typing import Final

from registry.agreements.instruments.terms import Terms, is_silent

LIMITING: Final = {
    "purposes": "for which purposes it lends",
    "least_priority": "from which priority on",
    "max_duration_hours": "how long a loan may last",
    "notice_hours": "how far ahead it has to be asked for",
    "cost_ceiling": "what a loan may cost at most",
    "max_quantity": "how many are lent at a time",
    "approval_required": "whether a loan needs an approval",
    "insurance_required": "whether insurance has to be shown",
}
"""The terms that can bar a loan or ask for more, and what a text says by each: where it does not, nothing is barred."""


def unsaid(terms: Terms) -> list[str]:
    """The names of `LIMITING` that the terms do not say, in their order. A threshold for approval says when one is
    needed."""
    return [
        name
        for name in LIMITING
        if is_silent(terms, name) and not (name == "approval_required" and terms.approval_over_hours is not None)
    ]


DECIDING: Final = {
    "reimbursement": "who pays for the help",
    "claim_window_days": "within which time costs are claimed",
    "liability": "who bears liability",
    "command": "who commands",
    "sop_control": "whose procedures govern the people sent",
    "pay_control": "who controls their pay",
    "recall_notice_hours": "how long ahead a recall is announced",
}
"""The terms that settle who does or bears what, and what each says: where they are not entered, nobody is assumed."""


def undecided(terms: Terms) -> list[str]:
    """The names of `DECIDING` that are not entered, in their order; where nothing is paid, nothing is claimed."""
    unpaid = terms.reimbursement.model == "none"
    return [each for each in DECIDING if is_silent(terms, each) and not (unpaid and each == "claim_window_days")]
