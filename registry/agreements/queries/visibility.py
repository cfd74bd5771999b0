"""Which agreements an agency may know of, as SQL criteria on `agreement`.

A draft is its custodian's alone; once its text is frozen for review all parties see it; what was executed and holds a
provision marked public may be seen by every agency, in the public view.
"""

from uuid import UUID

import sqlalchemy as sa

from registry.agreements.tables import agreement, agreement_party


def _viewer(bind: str) -> sa.BindParameter[UUID]:
    return sa.bindparam(bind, type_=agreement.c.id.type)


def is_party(principal_agency_bind: str = "viewer") -> sa.ColumnElement[bool]:
    """Agreements that name the agency as a party, whether bound or not."""
    return agreement.c.id.in_(
        sa.select(agreement_party.c.agreement_id).where(agreement_party.c.agency_id == _viewer(principal_agency_bind))
    )


def shared_with(principal_agency_bind: str = "viewer") -> sa.ColumnElement[bool]:
    """Agreements that the agency sees in full: as custodian always, as party once the text is out of draft."""
    return sa.or_(
        agreement.c.custodian_id == _viewer(principal_agency_bind),
        sa.and_(agreement.c.is_shared, is_party(principal_agency_bind)),
    )


def visible_to(principal_agency_bind: str = "viewer") -> sa.ColumnElement[bool]:
    """Agreements that an agency may know of at all, in full or in the public view."""
    return sa.or_(shared_with(principal_agency_bind), agreement.c.is_public)
