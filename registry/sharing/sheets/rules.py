"""What stands on a sheet: the record in words, room for the pen, and what is withheld.

A sheet lies open to both sides, so it says of the agreement what both may read: what a restricted provision says is
withheld from it, whoever has it made.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from registry.agreements.instruments.terms import Reimbursement, Terms
from registry.platform.kernel.geo import Location
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import counted
from registry.platform.kernel.time import shown_on_clock
from registry.resources.assets.schemas.shown import Asset
from registry.resources.personnel.schemas import PersonnelName
from registry.sharing.loans.rules import LoanStatus
from registry.sharing.loans.schemas.papers import LoanDocumentReference
from registry.sharing.loans.schemas.shown import Condition, Loan
from registry.sharing.loans.times import TimedAct, done_by
from registry.sharing.obligations.schemas import Obligation
from registry.sharing.policy.decisions import Due
from registry.sharing.sheets.schemas import LoanSheet

BLANK_ACCESSORIES, BLANK_REPORTS, BLANK_READINGS = 4, 3, 3
"""How many lines are left for the pen."""
_ENDS: Final = ("hand-over", "return")
_WHEN_DUE: Final[dict[Due, str]] = {
    "before_dispatch": "before it leaves",
    "on_handover": "at the hand-over",
    "during": "while it is out",
    "on_return": "at the return",
    "after_return": "after the return",
}
_WHO_BEARS: Final = {
    "sending": "the assisting agency",
    "receiving": "the requesting agency",
    "respective": "each agency for its own acts",
    "split": "both agencies, as the text divides it",
    "requesting": "the requesting agency",
    "assisting": "the assisting agency",
    "unified": "both agencies together",
}
NOT_SAID: Final = "not said"
_TERMS: Final = {
    "reimbursement": "Reimbursement",
    "claim_window_days": "Costs are claimed within",
    "cost_ceiling": "Highest estimated cost of one loan",
    "liability": "Liability is borne by",
    "insurance_required": "Proof of liability insurance",
    "command": "Operations are commanded by",
    "sop_control": "Policies and procedures are those of",
    "pay_control": "Pay and personnel matters are controlled by",
    "max_duration_hours": "Longest loan",
    "recall_notice_hours": "Notice of a recall",
}
NAMES_NOT_ASKED: Final = (
    "By their offices only: `crew_names` prints the names for who may read them, and each reading is recorded."
)
NAMES_NOT_READ: Final = "Your role does not read who goes along."
NAMES_OVER: Final = "They are not committed to your agency now."
ASSET_NOT_SEEN: Final = "Your agency does not see the asset any more."
NUMBERS_OF_LOAN: Final = "Numbers that are not public are for its owner, and for who has it reserved or out."
TERM_RESTRICTED: Final = "The provision that says it is restricted, and a sheet lies open."
TEXT_NOT_READ: Final = "Your agency does not read this version of the agreement."


class OfVersion(Struct, kw_only=True, frozen=True):
    """The terms of the version under which it was lent, with the names of those that are withheld."""

    terms: Terms
    withheld: Sequence[str]


class Gathered(Struct, kw_only=True, frozen=True):
    """All that a sheet is made of. What is None is not shown to this reader; `names` are those, or why they are not."""

    loan: Loan
    address: str
    code: str
    time_zone: str
    oris: Mapping[UUID, Sequence[str]]
    asset: Asset | None
    own: bool
    place: Location | None
    members: Sequence[tuple[str, str]]
    version: OfVersion | None
    names: str | Sequence[PersonnelName]
    now: datetime


def sheet_of(found: Gathered) -> LoanSheet:
    """The sheet."""
    loan = found.loan
    return LoanSheet(
        loan_id=loan.id,
        title=f"Hand-over sheet: {loan.asset.name} ({loan.asset.tag})",
        address=found.address,
        code=found.code,
        time_zone=found.time_zone,
        loan_lines=_loan_lines(found),
        side_rows=_side_rows(found),
        asset_lines=_asset_lines(loan, found.asset),
        crew_rows=_crew_rows(found),
        accessory_rows=_accessory_rows(found.members),
        time_lines=_time_lines(found),
        agreement_lines=_agreement_lines(loan),
        term_rows=[] if found.version is None else list(_term_rows(found.version)),
        condition_of_offer=loan.offer_condition,
        obligation_rows=[_obligation_row(each, found.time_zone) for each in loan.obligations],
        report_rows=_report_rows(_reports(loan)),
        reading_rows=_reading_rows(_reports(loan)),
        document_rows=[_document_row(each, found.time_zone) for each in loan.documents],
        signature_rows=_signature_rows(loan),
        withheld_rows=list(_withheld_rows(found)),
        notes=list(_notes(loan)),
    )


def _loan_lines(found: Gathered) -> list[tuple[str, str]]:
    loan = found.loan
    status = f"{loan.status.replace('_', ' ')}{', overdue' if loan.overdue else ''}"
    lines = [
        ("Number of the loan", str(loan.id)),
        ("Status", f"{status}, as of {shown_on_clock(found.now, found.time_zone)}"),
        ("Purpose", loan.purpose.replace("_", " ")),
    ]
    if loan.request is not None:
        lines.append(("Request", f"{loan.request.id}, line {loan.request.line_no}"))
        if loan.request.incident_number is not None:
            lines.append(("Incident", loan.request.incident_number))
    return [*lines, ("Decision", str(loan.decision_id)), ("Address", found.address)]


def _side_rows(found: Gathered) -> list[tuple[str, ...]]:
    sides = (("From: lends", found.loan.assisting_agency), ("To: receives", found.loan.requesting_agency))
    return [(what, side.name, ", ".join(found.oris.get(side.id, ())) or "none", "") for what, side in sides]


def _asset_lines(loan: Loan, asset: Asset | None) -> list[tuple[str, str]]:
    lent = loan.asset
    lost = f", of which {loan.lost_quantity} lost" if loan.lost_quantity else ""
    lines = [
        ("Name", lent.name),
        ("Unit number", lent.tag),
        ("Category", lent.category),
        ("Quantity", f"{loan.quantity}{lost}"),
    ]
    if lent.type_level is not None:
        lines.append(("Type", f"NIMS type {lent.type_level}"))
    if lent.hourly_rate is not None:
        each = ", each" if loan.quantity > 1 else ""
        lines.append(("Rate when it was reserved", f"{_money(lent.hourly_rate)} an hour{each}"))
    if asset is None:
        return lines
    lines += [(_words(each.kind), each.value) for each in asset.identifiers]
    return lines + [(_words(name), _value(value)) for name, value in sorted(asset.attributes.items())]


def _crew_rows(found: Gathered) -> list[tuple[str, ...]]:
    loan, needs = found.loan, [] if found.asset is None else found.asset.crew
    rows: list[tuple[str, ...]] = [(each.role, str(each.quantity), f"the {each.provided_by} agency") for each in needs]
    if not isinstance(found.names, str):
        offices = [each.title or each.rank or "goes along" for each in found.names]
        named = [f"{office}: {each.display_name}" for office, each in zip(offices, found.names, strict=True)]
        return rows + [(each, "1", "the assisting agency") for each in named]
    if loan.handler_id is not None:
        rows.append(("Handler, who goes along", "1", "the assisting agency"))
    if loan.personnel_ids:
        rows.append(("Goes along for what they can do", str(len(loan.personnel_ids)), "the assisting agency"))
    return rows


def _accessory_rows(members: Sequence[tuple[str, str]]) -> list[tuple[str, ...]]:
    known: list[tuple[str, ...]] = [(f"{name} ({tag}), lent with it", "", "", "") for name, tag in members]
    return known + [(f"{no}.", "", "", "") for no in range(1, BLANK_ACCESSORIES + 1)]


def _time_lines(found: Gathered) -> list[tuple[str, str]]:
    loan, zone = found.loan, found.time_zone
    acts = (
        ("Left", TimedAct.DISPATCH, loan.dispatched_at),
        ("Arrived", TimedAct.RECEIVE, loan.arrived_at),
        ("Return began", TimedAct.START_RETURN, loan.return_started_at),
        ("Came back", TimedAct.RETURN, loan.returned_at),
    )
    agreed = {(each.act, each.other_said_at) for each in loan.time_contests if each.status == "accepted"}
    lines = [
        ("From", shown_on_clock(loan.starts_at, zone)),
        ("Agreed return", shown_on_clock(loan.planned_end_at, zone)),
        *(
            (f"{what}, as {_who_says(act, agreed=(act, at) in agreed)}", shown_on_clock(at, zone))
            for what, act, at in acts
            if at is not None
        ),
    ]
    if loan.recall is not None and loan.recall_requested:
        lines.append(("Recalled by its owner, due", shown_on_clock(loan.recall.due_at, zone)))
    where = "not said" if found.place is None else f"{found.place.latitude:.5f}, {found.place.longitude:.5f} (WGS 84)"
    return [*lines, ("Place where it is needed", where)]


def _who_says(act: TimedAct, *, agreed: bool) -> str:
    return "both agencies agree" if agreed else f"the {done_by(act)} agency says"


def _agreement_lines(loan: Loan) -> list[tuple[str, str]]:
    under = loan.agreement
    return [
        ("Agreement", f"{under.number}, version {under.version_no}"),
        ("Clause on which the decision rests", under.clause or "none named"),
    ]


def _term_rows(version: OfVersion) -> Iterable[tuple[str, ...]]:
    for name, title in _TERMS.items():
        if name not in version.withheld:
            said, clause = _term(version.terms, name), version.terms.clauses.get(name)
            yield (title, said, clause or ("" if said == NOT_SAID else "none named"))


def _term(terms: Terms, name: str) -> str:
    value = getattr(terms, name)
    match value:
        case None | "silent":
            return NOT_SAID
        case "no_limit":
            return "no limit"
        case Reimbursement():
            return _reimbursed(value)
        case bool():
            return "required" if value else "not required"
        case Money():
            return _money(value)
        case int():
            return counted(value, "day" if name.endswith("_days") else "hour")
        case _:
            return _WHO_BEARS[value]


def _reimbursed(given: Reimbursement) -> str:
    match given.model:
        case "none":
            return "each agency bears its own costs"
        case "actual_after_hours":
            return f"actual costs once it has lasted {counted(given.free_hours or 0, 'consecutive hour')}"
        case "fixed_rate":
            return "at a rate" if given.rate_per_hour is None else f"{_money(given.rate_per_hour)} an hour"
        case "personnel_excluded":
            return "actual costs without personnel"
        case "full":
            return "all actual costs"
        case _:
            return NOT_SAID


def _obligation_row(each: Obligation, zone: str) -> tuple[str, ...]:
    due = f"{_WHEN_DUE[each.due]}; {'reminder for' if each.reminder else 'by'} {shown_on_clock(each.due_at, zone)}"
    rests_on = [
        f"{each.agreement.number}, version {each.agreement.version_no}"
        + ("" if each.clause is None else f", clause {each.clause}"),
        *([] if each.citation is None else [each.citation]),
    ]
    what = each.title if each.reason is None else f"{each.title}. {each.reason}"
    return (what, each.owing_agency.name, due, "; ".join(rests_on), each.status.replace("_", " "))


def _reports(loan: Loan) -> tuple[Condition | None, ...]:
    """Each side's report at each end: who sent it out, who received it, who sent it back, who has it back."""
    return (loan.condition_out, loan.condition_received, loan.condition_sent_back, loan.condition_in)


def _report_rows(reports: Sequence[Condition | None]) -> list[tuple[str, ...]]:
    pen = [""] * len(reports)
    return [
        ("Grade", *("" if each is None else each.grade for each in reports)),
        ("Signed off by (office)", *("" if each is None else each.signed_off_by_title or "" for each in reports)),
        ("Remarks", *("" if each is None else each.note for each in reports)),
        (
            "Evidence on record",
            *(
                "" if each is None else counted(len(each.evidence_sha256) + len(each.document_ids), "document")
                for each in reports
            ),
        ),
        *((f"By pen {no}", *pen) for no in range(1, BLANK_REPORTS + 1)),
    ]


def _reading_rows(reports: Sequence[Condition | None]) -> list[tuple[str, ...]]:
    read = [{} if each is None else each.readings for each in reports]
    names = sorted({name for each in read for name in each})
    return [
        *((name, *(each.get(name, "") for each in read)) for name in names),
        *((f"By pen {no}", *([""] * len(reports))) for no in range(1, BLANK_READINGS + 1)),
    ]


def _document_row(each: LoanDocumentReference, zone: str) -> tuple[str, ...]:
    what = _words(each.kind) if each.title is None else f"{_words(each.kind)}: {each.title}"
    return (what, _words(each.occasion), f"the {each.side} agency", shown_on_clock(each.filed_at, zone), each.sha256)


def _signature_rows(loan: Loan) -> list[tuple[str, ...]]:
    sides = (loan.assisting_agency.name, loan.requesting_agency.name)
    return [(f"{end.capitalize()}: {side}", "", "", "", "", "") for end in _ENDS for side in sides]


def _withheld_rows(found: Gathered) -> Iterable[tuple[str, ...]]:
    loan = found.loan
    if isinstance(found.names, str) and (loan.handler_id is not None or loan.personnel_ids):
        yield ("Names of the people who go along", found.names)
    if found.asset is None:
        yield ("Identifiers, particulars and crew of the asset", ASSET_NOT_SEEN)
    elif not found.own and loan.status in _OVER:
        yield ("Identifiers of the asset that are not public", NUMBERS_OF_LOAN)
    if found.version is None:
        yield ("Terms of the agreement", TEXT_NOT_READ)
    else:
        for name in found.version.withheld:
            if name in _TERMS:
                clause = found.version.terms.clauses.get(name)
                yield (f"{_TERMS[name]} (clause {clause})", TERM_RESTRICTED)


_OVER: Final = frozenset(
    {LoanStatus.RETURNED, LoanStatus.CLOSED, LoanStatus.CANCELLED, LoanStatus.NO_SHOW, LoanStatus.LOST}
)


def _notes(loan: Loan) -> Iterable[str]:
    yield "The sheet shows the record as it stood when it was made. What was changed since, the address says."
    yield (
        "What is signed on paper is not on record by that: each agency records its own half (left, arrived, on its way "
        "back, back), with the time at which it was done."
    )
    if not loan.travels:
        yield "Nothing travels: the assisting agency begins the work at its own place, and reports it done."
    if loan.extension_pending:
        yield "An extension is asked for and not answered: until it is, the agreed return stands."
    for each in loan.time_contests:
        if each.status == "open":
            yield f"The time of the act “{_words(each.act).lower()}” is contested: both words are on record."


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _value(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _money(money: Money) -> str:
    return f"{money.amount} {money.currency}"
