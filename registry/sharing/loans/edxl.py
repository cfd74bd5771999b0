"""The EDXL-RM 1.0 message for each step of a loan, for dispatch and emergency-management systems.

The names are exactly those of the OASIS standard (Emergency Data Exchange Language Resource Messaging 1.0, with its
approved errata); which schedule types a message may carry follows its schema.
"""

from typing import Literal

import msgspec

from registry.sharing.loans.rules import LoanAction

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
    """One message: its type, the schedule entry for the step, and further required elements.

    `recall` marks a step that cancels an earlier message of the same type: the standard has no separate message for
    that; a MessageRecall names the message that it cancels.
    """

    message: MessageContentType
    schedule: ScheduleType
    response: Literal["Accept", "Decline"] | None = None
    recall: Literal["Cancel"] | None = None


_STATUS: MessageContentType = "ReportResourceDeploymentStatus"
_ANSWER: MessageContentType = "ResponseToRequestExtendedDeploymentDuration"

RESERVED = EdxlStep(message="CommitResource", schedule="Committed", response="Accept")
DECLINED = EdxlStep(message="CommitResource", schedule="Committed", response="Decline")
"""What was asked for and is not lent: the standard answers an order with a commitment, accepted or declined."""

# The actual return arrival is allowed only in status reports and information messages; the end of availability
# only in the response to a request for more time, not in that request. Closing says that the asset is available
# again.
STEPS: dict[LoanAction, EdxlStep] = {
    LoanAction.DISPATCH: EdxlStep(message=_STATUS, schedule="ActualDeparture"),
    LoanAction.RECEIVE: EdxlStep(message=_STATUS, schedule="ActualArrival"),
    LoanAction.START_RETURN: EdxlStep(message="ReleaseResource", schedule="ActualReturnDeparture"),
    LoanAction.RETURN: EdxlStep(message=_STATUS, schedule="ActualReturnArrival"),
    LoanAction.CLOSE: EdxlStep(message=_STATUS, schedule="BeginAvailable"),
    LoanAction.CANCEL: EdxlStep(message="CommitResource", schedule="Committed", response="Accept", recall="Cancel"),
    LoanAction.REPORT_NO_SHOW: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.CONTEST_NO_SHOW: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.WITHDRAW_NO_SHOW: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.CONTEST_TIME: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.ACCEPT_TIME: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.WITHDRAW_CONTEST: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.ACCEPT_COUNT: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.CORRECT_COUNT: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.REPORT_LOST: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.REPORT_FOUND: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.REPORT_DAMAGE: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.CONTEST_DAMAGE: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.WITHDRAW_DAMAGE: EdxlStep(message=_STATUS, schedule="Current"),
    LoanAction.REQUEST_EXTENSION: EdxlStep(
        message="RequestExtendedDeploymentDuration", schedule="EstimatedReturnArrival"
    ),
    LoanAction.ACCEPT_EXTENSION: EdxlStep(message=_ANSWER, schedule="EndAvailable", response="Accept"),
    LoanAction.DECLINE_EXTENSION: EdxlStep(message=_ANSWER, schedule="EndAvailable", response="Decline"),
    LoanAction.RECALL: EdxlStep(message="RequestReturn", schedule="RequestedReturnArrival"),
    LoanAction.WITHDRAW_RECALL: EdxlStep(message="RequestReturn", schedule="RequestedReturnArrival", recall="Cancel"),
    LoanAction.ACCEPT_CHANGED_ASSET: EdxlStep(message="CommitResource", schedule="Committed", response="Accept"),
}
