"""How the agreements of a tracker's rows stand here, and what a row would change about them."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.consent import UNANSWERED
from registry.agreements.instruments.consent_tables import agreement_reported_act
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.rules import Stage
from registry.agreements.instruments.schemas.given import NewAgreement, RecordedAgreement
from registry.agreements.instruments.tables import (
    agreement,
    agreement_amendment,
    agreement_party,
    agreement_signature,
    agreement_version,
    agreement_version_dates,
)
from registry.agreements.instruments.terms import Terms
from registry.agreements.tracker.columns import BY_PATH
from registry.agreements.tracker.tables import tracker_entry
from registry.platform.database.handles import Read
from registry.platform.kernel.canonical import canonical_digest

_AGREEMENTS = (
    sa.select(
        agreement,
        agreement_version.c.id.label("version_id"),
        agreement_version.c.terms,
        agreement_version.c.is_recorded,
        tracker_entry.c.digest,
        tracker_entry.c.agreement_version,
        agreement_version_dates.c.kind.label("its_kind"),
        sa.exists()
        .where(agreement_amendment.c.agreement_id == agreement.c.id, agreement_amendment.c.closed_at.is_(None))
        .label("is_being_amended"),
    )
    .join(
        agreement_version,
        sa.and_(
            agreement_version.c.agreement_id == agreement.c.id,
            agreement_version.c.no == agreement.c.current_version,
        ),
    )
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .outerjoin(tracker_entry, tracker_entry.c.agreement_id == agreement.c.id)
    .where(
        agreement.c.custodian_id.in_(sa.bindparam("custodians", type_=agreement.c.custodian_id.type, expanding=True)),
        agreement.c.number_key.in_(sa.bindparam("number_keys", type_=sa.Text, expanding=True)),
    )
)
_report = agreement_reported_act
_PARTIES = (
    sa.select(
        agreement_party.c.agreement_id,
        agreement_party.c.agency_id,
        sa.func.coalesce(agreement_signature.c.signed_on, _report.c.acted_on).label("signed_on"),
        sa.func.coalesce(agreement_signature.c.signatory_title, _report.c.signatory_title).label("signatory_title"),
        sa.func.coalesce(agreement_signature.c.evidence_sha256, _report.c.evidence_sha256).label("evidence_sha256"),
    )
    .join(agreement, agreement.c.id == agreement_party.c.agreement_id)
    .join(
        agreement_version,
        sa.and_(
            agreement_version.c.agreement_id == agreement.c.id, agreement_version.c.no == agreement.c.current_version
        ),
    )
    .outerjoin(
        agreement_signature,
        sa.and_(
            agreement_signature.c.version_id == agreement_version.c.id,
            agreement_signature.c.agency_id == agreement_party.c.agency_id,
        ),
    )
    .outerjoin(
        _report,
        sa.and_(
            _report.c.version_id == agreement_version.c.id,
            _report.c.agency_id == agreement_party.c.agency_id,
            _report.c.status.in_(UNANSWERED),
        ),
    )
    .where(
        agreement_party.c.agreement_id.in_(
            sa.bindparam("ids", type_=agreement_party.c.agreement_id.type, expanding=True)
        )
    )
    .order_by(agreement_party.c.agreement_id, agreement_party.c.ordinal)
)
_HANDS: Final = ("signed_on", "signatory_title", "evidence_sha256")
_PARTIES_ALONE: Final = frozenset({"notice"})
_ELSEWHERE: Final = frozenset({"number", "parties", "terms", "provisions", "custodian_id", *_HANDS})


class KnownAgreement(Struct, kw_only=True, frozen=True):
    """An agreement as it stands: its row, its parties in order, and the signatures given or reported."""

    row: Row[Any]
    parties: list[UUID]
    signatures: dict[UUID, Row[Any]]

    @property
    def is_draft(self) -> bool:
        """Whether its text can still change."""
        return bool(self.row.stage == Stage.DRAFT)

    @property
    def says_the_original(self) -> bool:
        """Whether its text is the one that a row speaks of: no amendment has changed it, and none is on its way."""
        return bool(self.row.its_kind == "original" and not self.row.is_being_amended)

    @property
    def is_ours(self) -> bool:
        """Whether it stands as the import left it: entered by it, and not edited here since."""
        return bool(self.row.digest is not None and self.row.agreement_version == self.row.version)

    @property
    def is_as_imported(self) -> bool:
        """Whether its text is one that an import entered, so that whoever imports may be told in what a row differs.

        Of another text an importer is told what everybody is who may know that it was executed.
        """
        if self.row.executed_at is None:
            return self.is_ours
        return bool(self.row.digest is not None and self.row.is_recorded and self.row.its_kind == "original")


def digest_of(wanted: NewAgreement, ended_on: date | None) -> str:
    """SHA-256 of what a row says, whatever the order and spelling of its columns."""
    return canonical_digest(wanted if ended_on is None else [wanted, ended_on])


async def known_agreements(read: Read, keys: Iterable[tuple[UUID, str]]) -> dict[tuple[UUID, str], KnownAgreement]:
    """The agreements of these custodians and numbers, in their one form (`filing_key`), that there are."""
    wanted = set(keys)
    parameters = {"custodians": list({c for c, _ in wanted}), "number_keys": list({n for _, n in wanted})}
    rows = await read.all(_AGREEMENTS, parameters)
    parties: dict[UUID, list[Row[Any]]] = {}
    for party in await read.all(_PARTIES, {"ids": [row.id for row in rows]}):
        parties.setdefault(party.agreement_id, []).append(party)
    return {
        (row.custodian_id, row.number_key): KnownAgreement(
            row=row,
            parties=list(dict.fromkeys(party.agency_id for party in parties.get(row.id, ()))),
            signatures={party.agency_id: party for party in parties.get(row.id, ()) if party.signed_on is not None},
        )
        for row in rows
        if (row.custodian_id, row.number_key) in wanted
    }


def differing(known_agreement: KnownAgreement, wanted: NewAgreement) -> list[str]:
    """The columns in which the row says something else than the agreement, as far as the importer may read it.

    A row with a guess in a cell must not tell what a text says that came to be here: see `is_as_imported`.
    """
    row = known_agreement.row._mapping
    unread = _ELSEWHERE if known_agreement.is_as_imported else _ELSEWHERE | _PARTIES_ALONE
    found: list[tuple[str, ...]] = [
        (name,) for name in wanted.__struct_fields__ if name not in unread and _differs(row, name, wanted)
    ]
    if known_agreement.parties != wanted.parties:
        found.append(("parties",))
    if known_agreement.is_as_imported:
        found += _terms(msgspec.json.decode(known_agreement.row.terms, type=Terms), wanted.terms, ("terms",))
    return [BY_PATH.get(path, path[-1]) for path in found]


def _differs(row: Any, name: str, wanted: NewAgreement) -> bool:
    if name == "notice":
        return read_notice(row[name]) != wanted.notice
    return name in row and row[name] != getattr(wanted, name)


def _terms(now: Struct, then: Struct, above: tuple[str, ...]) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in then.__struct_fields__:
        before, after = getattr(now, name), getattr(then, name)
        if before != after:
            deeper = (*above, name) not in BY_PATH and isinstance(before, Struct) and isinstance(after, Struct)
            found += _terms(before, after, (*above, name)) if deeper else [(*above, name)]
    return found


def otherwise_signed(known_agreement: KnownAgreement, wanted: RecordedAgreement, *, evidence: bool) -> list[str]:
    """What the row says otherwise about the custodian's signature; its evidence only where the row names one.

    Of a text that no import entered the signature is its parties' to read, so nothing is said of it.
    """
    hand = known_agreement.signatures.get(known_agreement.row.custodian_id)
    if hand is None or not known_agreement.is_as_imported:
        return []
    names = _HANDS if evidence else _HANDS[:2]
    return [name for name in names if hand._mapping[name] != getattr(wanted, name)]
