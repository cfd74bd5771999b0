"""Questions about agreements: who is bound to whom, who may see what, and what is shown."""

from registry.agreements.queries.actions import relations
from registry.agreements.queries.authorities import get_authority, list_authorities
from registry.agreements.queries.comments import get_comment, list_comments
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
from registry.agreements.queries.redlining import get_redline
from registry.agreements.queries.reviews import get_review, list_reviews
from registry.agreements.queries.searching import search_agreements
from registry.agreements.queries.showing import agreement_row, get_agreement, may_read_restricted, shows_restricted
from registry.agreements.queries.texts import dates_of, executed_texts, renewal_of, suspensions_of
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
    "executed_texts",
    "get_agreement",
    "get_authority",
    "get_comment",
    "get_contact",
    "get_redline",
    "get_review",
    "get_version",
    "is_party",
    "list_agreements",
    "list_authorities",
    "list_comments",
    "list_reviews",
    "list_versions",
    "may_read_restricted",
    "partner_in_force",
    "partners_in_force",
    "relations",
    "renewal_of",
    "search_agreements",
    "shared_with",
    "shows_restricted",
    "status_at",
    "suspensions_of",
    "visible_to",
]
