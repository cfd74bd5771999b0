"""What a report of each kind of act says of it, beside its day and what shows it."""

from collections.abc import Mapping, Sequence

from registry.agreements.instruments.consent import ReportedKind
from registry.agreements.instruments.schemas.consenting import NewReportedAct
from registry.platform.kernel.errors import Fault, RuleBroken

# What is said of an act beside its day and evidence, by its kind.
_MEMBERS: Mapping[ReportedKind, Sequence[str]] = {
    ReportedKind.SIGNED: ("version_sha256", "signatory_title"),
    ReportedKind.AGREED_VERBALLY: ("version_sha256", "signatory_title"),
    ReportedKind.GAVE_NOTICE: ("notice_kind", "leaves_on", "deliveries"),
    ReportedKind.WITHDREW: (),
    ReportedKind.CONSENTED: ("proposal_id",),
    ReportedKind.WAS_NOTIFIED: ("proposal_id",),
    ReportedKind.WAS_ASKED: (),
    ReportedKind.RECEIVED_NOTICE: (),
    ReportedKind.FULFILLED_DUTY: (),
    ReportedKind.OWES_DUTY: (),
}


def check_members(new: NewReportedAct) -> None:
    """Raises RuleBroken where something is said that a report of that kind does not keep: it would be lost."""
    if new.kind is ReportedKind.OWES_DUTY:
        detail = "A duty that the text lays upon a party is entered among the duties, with its clause: POST …/duties."
        raise RuleBroken.at(detail, "not_of_this_kind", pointer="/kind")
    if new.kind is ReportedKind.FULFILLED_DUTY:
        detail = (
            "That a party fulfilled a duty is reported at the duty, with its proof: POST …/duties/{duty_id}/fulfil."
        )
        raise RuleBroken.at(detail, "not_of_this_kind", pointer="/kind")
    if new.kind is ReportedKind.WAS_ASKED:
        detail = (
            "What is put to a party the registry records itself: report that it consented, or was told (was_notified)."
        )
        raise RuleBroken.at(detail, "not_of_this_kind", pointer="/kind")
    others = dict.fromkeys(name for names in _MEMBERS.values() for name in names if name not in _MEMBERS[new.kind])
    said = [name for name in others if getattr(new, name) not in (None, [])]
    if said:
        detail = f"A report of the kind “{new.kind}” says nothing of {', '.join(said)}: leave that out."
        faults = [Fault(pointer=f"/{name}", code="not_of_this_kind", detail="for another kind of act") for name in said]
        raise RuleBroken(detail, "not_of_this_kind", faults=faults)


def check_given(new: NewReportedAct, *names: str) -> None:
    """Raises RuleBroken for what a report of that kind lacks."""
    for name in names:
        if getattr(new, name) is None:
            detail = f"A report of the kind “{new.kind}” needs {name}."
            raise RuleBroken.at(detail, "report_incomplete", pointer=f"/{name}")
