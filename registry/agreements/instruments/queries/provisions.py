"""The provisions of a version as a caller may read them, and what is withheld with those that it may not read."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.remarks import Remark, RemarkCode
from registry.agreements.instruments.repeated import Wording
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.schemas.shown import (
    Provision,
)
from registry.agreements.instruments.tables import (
    agreement_version,
    provision,
)
from registry.agreements.instruments.term_days import RenewalTimes
from registry.agreements.instruments.terms import Terms, said_by
from registry.agreements.instruments.worded import remarks_on
from registry.platform.access.principals import Principal, Role
from registry.platform.database.handles import Read

_VERSION = sa.bindparam("version_id", type_=agreement_version.c.id.type)
_PROVISIONS = sa.select(provision).where(provision.c.version_id == _VERSION).order_by(provision.c.ordinal)


def is_cleared(principal: Principal) -> bool:
    """Whether the caller's role reaches restricted text, where it reaches its agency."""
    return bool(principal.roles & {Role.LEGAL, Role.AUDITOR})


def may_read_restricted(principal: Principal, row: Row[Any]) -> bool:
    """Whether the caller may read restricted text of the version, or the document, whose row this is."""
    return is_cleared(principal) and bool(row.reached)


class VersionTerm(Struct, frozen=True):
    """From when a text means to hold, when it ends and how it goes on."""

    effective_on: date
    expires_on: date | None
    ends_at: datetime | None
    notice: Any
    auto_renew_months: int | None
    auto_renew_times: RenewalTimes | None
    renewal_day: int | None


def term_of_version(row: Row[Any]) -> VersionTerm:
    """The version's own; once executed, the agreement ends as the text says that takes effect last."""
    return VersionTerm(**{name: row._mapping[f"its_{name}"] for name in VersionTerm.__struct_fields__})


def term_of_agreement(row: Row[Any]) -> VersionTerm:
    """The agreement's own: of the text that takes effect last."""
    return VersionTerm(**{name: row._mapping[name] for name in VersionTerm.__struct_fields__})


async def provisions_of(read: Read, version_id: UUID, *, whole: bool, restricted: bool) -> list[Provision]:
    """A version's provisions: all of them for those who see it `whole`, else the public ones.

    Restricted ones keep their place without their text unless `restricted`.
    """
    return [
        Provision(
            number=row.number,
            heading=row.heading,
            sensitivity=row.sensitivity,
            text=row.text if restricted or row.sensitivity != Sensitivity.RESTRICTED else None,
            exemption=row.exemption,
        )
        for row in await read.fast(_PROVISIONS, {"version_id": version_id})
        if whole or row.sensitivity == Sensitivity.PUBLIC
    ]


def clauses_read(provisions: Sequence[Provision]) -> tuple[tuple[str, str, str], ...]:
    """Number, heading and text of each provision that the reader may read."""
    return tuple((each.number, each.heading, each.text) for each in provisions if each.text is not None)


def remarks_on_text(provisions: list[Provision], terms: Any, term: VersionTerm, kind: str) -> tuple[Remark, ...]:
    """Where a clause that the reader may read writes another figure than the version's terms, or repeats a secret."""
    about_terms = remarks_on(
        clauses_read(provisions),
        bytes(terms),
        bytes(term.notice),
        term.effective_on,
        term.expires_on,
        term.auto_renew_months,
        term.auto_renew_times,
        amends=kind != "original",
    )
    if not shows_restricted(provisions):
        return about_terms
    said = [(each.number, each.text, each.sensitivity == Sensitivity.RESTRICTED) for each in provisions if each.text]
    return (*about_terms, *_about_repeated(tuple(said)))


@lru_cache(maxsize=128)
def _about_repeated(clauses: tuple[tuple[str, str, bool], ...]) -> tuple[Remark, ...]:
    wording = Wording((number, text) for number, text, restricted in clauses if restricted)
    return tuple(
        Remark(
            code=RemarkCode.REPEATS_RESTRICTED,
            detail=f"Clause {number} repeats sentences of clause {its}, which is restricted: more may read them here.",
            clause=number,
        )
        for number, text, restricted in clauses
        if not restricted
        for its in sorted(map(str, wording.repeated_in([text])))
    )


def withheld_terms(terms: Terms, provisions: Sequence[Provision]) -> list[str]:
    """The terms that are withheld with the provisions that say them."""
    return said_by(terms, {each.number for each in provisions if each.text is None})


def shows_restricted(provisions: list[Provision]) -> bool:
    """Whether any restricted text is in it."""
    return any(p.sensitivity == Sensitivity.RESTRICTED and p.text is not None for p in provisions)
