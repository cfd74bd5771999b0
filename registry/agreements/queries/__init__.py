"""Questions about agreements: who is bound to whom, who may see what, and what is shown."""

from registry.agreements.queries.actions import relations
from registry.agreements.queries.in_force import (
    OPEN_END,
    AgreementCandidate,
    candidates,
    covers_asset,
    end_of,
    partner_in_force,
    partners_in_force,
)
from registry.agreements.queries.listing import (
    agreements_in_force,
    get_contact,
    get_version,
    list_agreements,
    list_versions,
    status_at,
)
from registry.agreements.queries.searching import search_agreements
from registry.agreements.queries.showing import (
    agreement_row,
    dates_of,
    get_agreement,
    may_read_restricted,
    shows_restricted,
    suspensions_of,
)
from registry.agreements.queries.visibility import is_party, shared_with, visible_to

__all__ = [
    "OPEN_END",
    "AgreementCandidate",
    "agreement_row",
    "agreements_in_force",
    "candidates",
    "covers_asset",
    "dates_of",
    "end_of",
    "get_agreement",
    "get_contact",
    "get_version",
    "is_party",
    "list_agreements",
    "list_versions",
    "may_read_restricted",
    "partner_in_force",
    "partners_in_force",
    "relations",
    "search_agreements",
    "shared_with",
    "shows_restricted",
    "status_at",
    "suspensions_of",
    "visible_to",
]
