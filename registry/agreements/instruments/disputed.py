"""What one reports of a party, and that party contests: said wherever it would change what is shown.

It has no effect until both sides agree, so a row, a day and a list read as if nobody had said anything; whoever relies
on them is told that somebody did, and that it is disputed.
"""

from collections.abc import Iterable, Iterator, Mapping

from registry.agreements.instruments.consent import LEAVING, OF_DUTY, EndingGround, ReportedKind
from registry.agreements.instruments.remarks import Remark, RemarkCode
from registry.agreements.instruments.schemas.consenting import Proposal, ReportedAct
from registry.platform.kernel.time import last_day_before

SAID: Mapping[str, str] = {
    ReportedKind.SIGNED: "signed",
    ReportedKind.AGREED_VERBALLY: "gave its word",
    ReportedKind.GAVE_NOTICE: "gave notice",
    ReportedKind.WITHDREW: "left",
    ReportedKind.CONSENTED: "consented to what was proposed",
    ReportedKind.WAS_NOTIFIED: "was notified of what was proposed",
    ReportedKind.RECEIVED_NOTICE: "received its notice",
}
"""What a party is said to have done, in words."""
TOLD_APART = (*OF_DUTY, ReportedKind.RECEIVED_NOTICE)
"""What is disputed of these is told with the duty, and with the notice (`awaiting_receipt`)."""


def about_contested(reported: Iterable[ReportedAct], proposed: Iterable[Proposal], time_zone: str) -> Iterator[Remark]:
    """Each report that its party contests; of an end that was reported the remark on that end says it."""
    told = {each.id for each in proposed if each.ground == EndingGround.REPORTED}
    for each in reported:
        if each.status != "contested" or each.kind in TOLD_APART or each.proposal_id in told:
            continue
        on = "" if each.acted_on is None else f" on {each.acted_on}"
        said = f"{each.recorded_by.name} reports that {each.agency.name} {SAID.get(each.kind)}{on}"
        if each.kind == ReportedKind.WAS_ASKED:
            said = f"What {each.recorded_by.name} recorded of an earlier day was put to {each.agency.name}{on}"
        until = ""
        if each.kind in LEAVING and each.would_leave_at is not None:
            until = f", so that it would be bound only through {last_day_before(each.would_leave_at, time_zone)}"
        detail = (
            f"{said}{until}; {each.agency.name} contests it. It has no effect until both sides agree: what is shown is "
            "how it is without it."
        )
        yield Remark(code=RemarkCode.REPORT_CONTESTED, detail=detail)
