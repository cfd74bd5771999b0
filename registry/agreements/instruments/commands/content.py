"""What an agreement says: checked as a whole, so that the author hears every fault at once, and written down."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from msgspec.structs import replace

from registry.agreements.instruments.commands.indexing import index_version
from registry.agreements.instruments.ends import last_day_of
from registry.agreements.instruments.notice import Notice, faulty
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.schemas.given import NewProvision
from registry.agreements.instruments.tables import (
    agreement_coverage,
    agreement_party,
    agreement_put_out,
    agreement_version,
    agreement_version_dates,
    provision,
)
from registry.agreements.instruments.term_days import (
    RenewalTimes,
    last_day,
    renewal_day,
    renewal_of,
    term_ends,
    utc_bounds,
)
from registry.agreements.instruments.terms import (
    ANY_PURPOSE,
    SHOWN_TO_ALL,
    Terms,
    contradictions,
    ended_and_open,
    misdirected,
)
from registry.directory.agencies.rules import AgencyStatus
from registry.directory.agencies.tables import agency
from registry.directory.taxonomy.tables import category, provision_heading, purpose
from registry.platform.database.handles import Read, Write
from registry.platform.kernel.errors import Fault, RuleBroken
from registry.platform.kernel.text import counted

_AGENCIES = sa.select(agency.c.id).where(
    agency.c.id.in_(sa.bindparam("ids", type_=agency.c.id.type, expanding=True)),
    agency.c.status != AgencyStatus.DISSOLVED,
)
_CODES = {
    "category": sa.select(category.c.code),
    "purpose": sa.select(purpose.c.code),
    "heading": sa.select(provision_heading.c.code),
}
_VERSION_ID = sa.bindparam("its_version", type_=agreement_version.c.id.type)
_AGREEMENT_ID = sa.bindparam("its_agreement", type_=agreement_version.c.agreement_id.type)
_INSERT_PROVISION = provision.insert()
_INSERT_COVERAGE = agreement_coverage.insert()
_INSERT_PARTY = agreement_party.insert()
_PUT_OUT = agreement_put_out.insert()
_INSERT_DATES = agreement_version_dates.insert()
_UPDATE_DATES = agreement_version_dates.update().where(agreement_version_dates.c.version_id == _VERSION_ID)
_DELETE_PROVISIONS = provision.delete().where(provision.c.version_id == _VERSION_ID)
_DELETE_COVERAGE = agreement_coverage.delete().where(agreement_coverage.c.version_id == _VERSION_ID)
_NAMED = sa.select(agreement_party.c.agency_id, agreement_party.c.named_at).where(
    agreement_party.c.agreement_id == _AGREEMENT_ID
)
_GONE = sa.bindparam("gone", type_=agreement_party.c.agency_id.type)
_KEPT = agreement_party.c.agency_id == sa.bindparam("kept", type_=agreement_party.c.agency_id.type)
_SET_ORDINAL = agreement_party.update().where(agreement_party.c.agreement_id == _AGREEMENT_ID, _KEPT)
_DROP_PARTY = agreement_party.delete().where(
    agreement_party.c.agreement_id == _AGREEMENT_ID, agreement_party.c.agency_id == _GONE
)


async def check_content(
    read: Read,
    *,
    custodian_id: UUID,
    parties: Sequence[UUID],
    terms: Terms,
    notice: Notice,
    provisions: Sequence[NewProvision],
    expires_on: date | None,
    auto_renew_months: int | None,
    auto_renew_times: RenewalTimes | None,
) -> None:
    """Raises RuleBroken with everything that is unknown, contradictory or missing, each with its pointer."""
    known = {name: {row.code for row in await read.all(statement)} for name, statement in _CODES.items()}
    agencies = await known_agencies(read, parties)
    faults = [
        *_about_parties(custodian_id, parties, agencies),
        *(_placed(fault, "/terms") for fault in contradictions(terms, [p.number for p in provisions])),
        *(_placed(fault, "/terms") for fault in misdirected(terms, parties)),
        *(_placed(fault, "/terms") for fault in ended_and_open(terms, expires_on)),
        *_about_renewals(auto_renew_months, auto_renew_times, provisions),
        *(_placed(fault, "/notice") for fault in faulty(notice, parties, [p.number for p in provisions])),
        *_unknown(terms.categories, known["category"], "/terms/categories/{}", "category"),
        *_unknown(terms.purposes, known["purpose"] | {ANY_PURPOSE}, "/terms/purposes/{}", "purpose"),
        *(
            fault
            for index, aid in enumerate(terms.automatic_aid)
            for fault in _unknown(
                aid.purposes, known["purpose"], f"/terms/automatic_aid/{index}/purposes/{{}}", "purpose"
            )
        ),
        *_unknown([p.heading for p in provisions], known["heading"], "/provisions/{}/heading", "heading"),
        *_about_exemptions(provisions),
        *_about_restricted(terms, notice, provisions),
    ]
    if faults:
        raise RuleBroken(
            f"The agreement cannot stand as it is; mend the {len(faults)} place(s) named and send it again.",
            "agreement_faulty",
            faults=faults,
        )


async def unknown_of(read: Read, codes: Sequence[str], place: str, what: str) -> list[Fault]:
    """A fault for each code of a category, purpose or heading that is not there; `place` is its pointer."""
    known = {row.code for row in await read.all(_CODES[what])}
    return list(_unknown(codes, known | ({ANY_PURPOSE} if what == "purpose" else set()), place, what))


async def known_agencies(read: Read, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the agencies that exist and are not dissolved."""
    return {row.id for row in await read.all(_AGENCIES, {"ids": list(ids)})}


def _placed(fault: Fault, where: str) -> Fault:
    """A fault of the terms or the notice, seen from the whole agreement."""
    pointer = fault.pointer or ""
    return (
        fault
        if pointer.startswith("/provisions/")
        else Fault(pointer=f"{where}{pointer}", code=fault.code, detail=fault.detail)
    )


def _unknown(codes: Sequence[str], known: Collection[str], place: str, what: str) -> Iterator[Fault]:
    for index, code in enumerate(codes):
        if code not in known:
            yield Fault(pointer=place.format(index), code=f"unknown_{what}", detail=f"There is no {what} “{code}”.")


def _about_parties(custodian_id: UUID, parties: Sequence[UUID], known: Collection[UUID]) -> Iterator[Fault]:
    seen: set[UUID] = set()
    for index, party in enumerate(parties):
        if party in seen:
            yield Fault(pointer=f"/parties/{index}", code="party_twice", detail="The agency is named already.")
        elif party not in known:
            yield Fault(pointer=f"/parties/{index}", code="unknown_agency", detail="There is no such agency any more.")
        seen.add(party)
    if custodian_id not in seen:
        detail = "The agency that keeps the agreement must be one of its parties."
        yield Fault(pointer="/parties", code="custodian_missing", detail=detail)


def _about_renewals(
    months: int | None, times: RenewalTimes | None, provisions: Sequence[NewProvision]
) -> Iterator[Fault]:
    """That a term goes on by itself, and nobody said how often: that is no renewal without end."""
    if months is None or times is not None:
        return
    clauses = [each.number for each in provisions if each.heading == "renewal"]
    where = f"clause {clauses[0]}" if clauses else "no clause has the heading of a renewal"
    detail = (
        f"The term renews itself by {counted(months, 'month')} ({where}), and how often is not said: give "
        "auto_renew_times, a number, or no_limit where the text sets no limit, or silent where it does not say, which "
        "counts one renewal."
    )
    yield Fault(pointer="/auto_renew_times", code="renewals_unsaid", detail=detail)


def _about_exemptions(provisions: Sequence[NewProvision]) -> Iterator[Fault]:
    for index, each in enumerate(provisions):
        if each.sensitivity is Sensitivity.RESTRICTED and each.exemption is None:
            detail = "Restricted text names the law under which it is withheld."
            yield Fault(pointer=f"/provisions/{index}/exemption", code="exemption_missing", detail=detail)


def _about_restricted(terms: Terms, notice: Notice, provisions: Sequence[NewProvision]) -> Iterator[Fault]:
    """What every party, or everybody, is shown cannot stand in a provision that only some may read."""
    detail = "It is shown to all parties, so a provision that is not restricted has to say it."
    restricted = {each.number for each in provisions if each.sensitivity is Sensitivity.RESTRICTED}
    for name in SHOWN_TO_ALL:
        if terms.clauses.get(name) in restricted:
            yield Fault(pointer=f"/terms/clauses/{name}", code="said_in_restricted", detail=detail)
    if notice.clause in restricted:
        yield Fault(pointer="/notice/clause", code="said_in_restricted", detail=detail)


class Term(Struct, kw_only=True, frozen=True):
    """From when until when a version means to hold, and how it goes on.

    `renewal_day` is not said but follows: see `starting` and `term_days`.
    """

    effective_on: date
    expires_on: date | None
    notice: Notice
    auto_renew_months: int | None
    auto_renew_times: RenewalTimes | None
    renewal_day: int | None

    @staticmethod
    def starting(
        *,
        effective_on: date,
        expires_on: date | None,
        notice: Notice,
        auto_renew_months: int | None,
        auto_renew_times: RenewalTimes | None,
    ) -> "Term":
        """A term that runs from its own first day, and not on from that of another text."""
        return Term(
            effective_on=effective_on,
            expires_on=expires_on,
            notice=notice,
            auto_renew_months=auto_renew_months,
            auto_renew_times=auto_renew_times,
            renewal_day=renewal_day(effective_on, expires_on),
        )

    def going_on(self, before: Mapping[str, Any]) -> "Term":
        """The term as it is where its last day is one of those of the text that it follows, whose day they run to.

        `before`: the stored term of that text. What a paper or an amendment leaves as it was began when that began.
        """
        of_it = before["expires_on"]
        if self.expires_on is None or of_it is None:
            return self
        renewal = renewal_of(before["auto_renew_months"], before["auto_renew_times"], before["renewal_day"])
        if next(term_ends(of_it, renewal, self.expires_on), None) != self.expires_on:
            return self
        return replace(self, renewal_day=before["renewal_day"])

    def bounds(self, time_zone: str) -> dict[str, object]:
        """The columns that follow. Raises RuleBroken for dates and zones that give no term."""
        if self.auto_renew_months is None and self.auto_renew_times is not None:
            raise _renewal_broken("/auto_renew_times", "how often, and not by how much: set auto_renew_months too")
        if self.auto_renew_months is not None and self.expires_on is None:
            raise _renewal_broken("/auto_renew_months", "without an expiry there is no term to renew")
        utc_bounds(self.effective_on, self.expires_on, time_zone)
        starts_at, ends_at = utc_bounds(self.effective_on, self._last_day(), time_zone)
        return {"starts_at": starts_at, "ends_at": ends_at}

    def ends(self, time_zone: str) -> dict[str, object]:
        """The columns that say when the agreement ends which it is the term of, while that is not executed."""
        _, over_at = utc_bounds(self.effective_on, self._last_day(), time_zone)
        return {"over_at": over_at, "ends_on": last_day_of(over_at, time_zone)}

    def _last_day(self) -> date | None:
        renewal = renewal_of(self.auto_renew_months, self.auto_renew_times, self.renewal_day)
        return last_day(self.expires_on, renewal)


def _renewal_broken(pointer: str, detail: str) -> RuleBroken:
    return RuleBroken.at(
        f"The automatic renewal cannot be meant as it stands: {detail}.",
        "renewal_contradictory",
        detail,
        pointer=pointer,
    )


SAID_OF_TERM = tuple(name for name in Term.__struct_fields__ if name != "renewal_day")
"""What of a term is said; the rest follows."""


async def write_term(write: Write, version_id: UUID, kind: str, term: Term, time_zone: str) -> None:
    """Write down a new version's dates."""
    columns = {"version_id": version_id, "kind": kind, **msgspec.structs.asdict(term), **term.bounds(time_zone)}
    await write.run(_INSERT_DATES, columns)


async def rewrite_term(write: Write, version_id: UUID, term: Term, time_zone: str) -> None:
    """Make a draft's dates these."""
    columns = {**msgspec.structs.asdict(term), **term.bounds(time_zone)}
    await write.run(_UPDATE_DATES, {"its_version": version_id, **columns})


async def write_provisions(write: Write, version_id: UUID, provisions: Sequence[NewProvision]) -> None:
    """Make the draft's provisions these."""
    await write.run(_DELETE_PROVISIONS, {"its_version": version_id})
    if provisions:
        await write.run(
            _INSERT_PROVISION,
            [
                {
                    "version_id": version_id,
                    "ordinal": ordinal,
                    "number": each.number,
                    "heading": each.heading,
                    "text": each.text,
                    "sensitivity": each.sensitivity,
                    "exemption": each.exemption,
                }
                for ordinal, each in enumerate(provisions)
            ],
        )
    await index_version(write, version_id)


async def write_coverage(write: Write, version_id: UUID, terms: Terms) -> None:
    """Make the categories the version covers those that its terms list; what lies below them is found when asked."""
    await write.run(_DELETE_COVERAGE, {"its_version": version_id})
    await write.run(_INSERT_COVERAGE, [{"version_id": version_id, "category": code} for code in terms.categories])


async def write_parties(
    write: Write, agreement_id: UUID, parties: Sequence[UUID], named_by_id: UUID, now: datetime
) -> None:
    """Make the draft's parties these; none has joined yet. Who was one before keeps the instant of its being named.

    When one was there that is put out stays known: see `unasked`. What the governing body of another said stays on
    record, and says something again once that agency is named anew.
    """
    its = {"its_agreement": agreement_id}
    before = {row.agency_id: row.named_at for row in await write.all(_NAMED, its)}
    for gone in sorted(before.keys() - {*parties}):
        await write.run(_DROP_PARTY, {**its, "gone": gone})
        stay = {"agreement_id": agreement_id, "agency_id": gone, "named_at": before[gone], "put_out_at": now}
        await write.run(_PUT_OUT, stay)
    for ordinal, party in enumerate(parties):
        if party in before:
            await write.run(_SET_ORDINAL, {**its, "kept": party, "ordinal": ordinal})
    named = {"agreement_id": agreement_id, "in_text": True, "named_at": now, "named_by_id": named_by_id}
    new = [
        {**named, "agency_id": party, "ordinal": ordinal}
        for ordinal, party in enumerate(parties)
        if party not in before
    ]
    if new:
        await write.run(_INSERT_PARTY, new)
