"""Each step of a loan as an EDXL-RM 1.0 message, so that dispatch and emergency management can follow.

Names are exactly those of the OASIS standard (Emergency Data Exchange Language Resource Messaging 1.0, with
its approved errata); which schedule types a message may carry follows its schema.
"""

from typing import Literal

import msgspec

from registry.loans.rules import LoanAction

MessageContentType = Literal[
    "CommitResource",
    "ReportResourceDeploymentStatus",
    "ReleaseResource",
    "RequestReturn",
    "RequestExtendedDeploymentDuration",
    "ResponseToRequestExtendedDeploymentDuration",
]
ScheduleType = Literal[
    "ActualDeparture",
    "ActualArrival",
    "ActualReturnDeparture",
    "ActualReturnArrival",
    "RequestedReturnArrival",
    "EstimatedReturnArrival",
    "BeginAvailable",
    "EndAvailable",
    "Committed",
    "Current",
]


class EdxlStep(msgspec.Struct, kw_only=True, frozen=True):
    """One message: its type, the schedule entry that proves the step, and what else the standard asks of it.

    `recall` marks a step that cancels an earlier message of the same type: the standard has no message of its
    own for that, a MessageRecall names the one it cancels.
    """

    message: MessageContentType
    schedule: ScheduleType
    response: Literal["Accept", "Decline"] | None = None
    recall: Literal["Cancel"] | None = None


_STATUS: MessageContentType = "ReportResourceDeploymentStatus"
_ANSWER: MessageContentType = "ResponseToRequestExtendedDeploymentDuration"

RESERVED = EdxlStep(message="CommitResource", schedule="Committed", response="Accept")

# The actual return arrival is legal in status reports and information messages only; the end of availability
# only in the answer to a request for more time, not in that request. Closing tells that the asset can be had
# again.
STEPS: dict[LoanAction, EdxlStep] = {
    LoanAction.DISPATCH: EdxlStep(message=_STATUS, schedule="ActualDeparture"),
    LoanAction.RECEIVE: EdxlStep(message=_STATUS, schedule="ActualArrival"),
    LoanAction.START_RETURN: EdxlStep(message="ReleaseResource", schedule="ActualReturnDeparture"),
    LoanAction.RETURN: EdxlStep(message=_STATUS, schedule="ActualReturnArrival"),
    LoanAction.CLOSE: EdxlStep(message=_STATUS, schedule="BeginAvailable"),
    LoanAction.CANCEL: EdxlStep(message="CommitResource", schedule="Committed", response="Accept", recall="Cancel"),
    LoanAction.REPORT_NO_SHOW: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.REPORT_LOST: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.REQUEST_EXTENSION: EdxlStep(
        message="RequestExtendedDeploymentDuration", schedule="EstimatedReturnArrival"
    ),
    LoanAction.ACCEPT_EXTENSION: EdxlStep(message=_ANSWER, schedule="EndAvailable", response="Accept"),
    LoanAction.DECLINE_EXTENSION: EdxlStep(message=_ANSWER, schedule="EndAvailable", response="Decline"),
    LoanAction.RECALL: EdxlStep(message="RequestReturn", schedule="RequestedReturnArrival"),
    LoanAction.WITHDRAW_RECALL: EdxlStep(message="RequestReturn", schedule="RequestedReturnArrival", recall="Cancel"),
}
