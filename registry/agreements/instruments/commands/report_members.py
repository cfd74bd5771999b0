"""What a report of each kind of act says of it, beside its day and what shows it."""

from collections.abc import Mapping, Sequence

from registry.agreements.instruments.consent import ReportedKind
from registry.agreements.instruments.schemas.consenting import NewReportedAct
from registry.platform.kernel.errors import Fault, RuleBroken

# What is said of an act beside its day and evidence, by its kind.
_MEMBERS: Mapping[ReportedKind, Sequence[str]] = {
    ReportedKind.SIGNED: ("version_sha256", "signatory_title"),
    ReportedKind.AGREED_VERBALLY: ("version_sha256", "signatory_title"),
    ReportedKind.GAVE_NOTICE: ("notice_kind", "leaves_on"),
    ReportedKind.WITHDREW: (),
    ReportedKind.CONSENTED: ("proposal_id",),
    ReportedKind.WAS_NOTIFIED: ("proposal_id",),
}


def check_members(new: NewReportedAct) -> None:
    """Raises RuleBroken where something is said that a report of that kind does not keep: it would be lost."""
    others = dict.fromkeys(name for names in _MEMBERS.values() for name in names if name not in _MEMBERS[new.kind])
    said = [name for name in others if getattr(new, name) is not None]
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
