"""What people send about agreements: drafts, amendments, and what they do."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field

from registry.agreements.instruments.delivery import NoticeDelivery
from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.rules import AgreementKind, Sensitivity
from registry.agreements.instruments.schemas.evidence import EvidenceLocation, OnPaper, PaperSha256
from registry.agreements.instruments.schemas.words import (
    AgreementNumber,
    ApprovedVersionNo,
    DeclassifyReason,
    Exemption,
    LastDay,
    NamedVersionNo,
    RenewMonths,
    RenewTimes,
    Resolution,
    ReviewMonths,
)
from registry.agreements.instruments.terms import ProvisionNumber, Terms
from registry.directory.agencies.schemas import Zone
from registry.platform.kernel.text import Citation, ClauseText, Code, JobTitle, Name, Reason, Sha256
from registry.platform.kernel.time import ActDay, CivilDate


class NewProvision(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A clause of the text, in the order of the document."""

    number: ProvisionNumber
    heading: Annotated[Code, Meta(description="A code of the provision headings.", examples=["liability"])]
    text: ClauseText
    sensitivity: Sensitivity = Sensitivity.PARTIES
    exemption: Exemption | None = None


Provisions = Annotated[list[NewProvision], Meta(max_length=300)]
Parties = Annotated[
    list[UUID], Meta(min_length=2, max_length=1000, description="Agencies, in the order of the document.")
]


class NewAgreement(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The draft of an agreement, in the custody of the caller's agency, which is one of the parties."""

    number: AgreementNumber
    title: Name
    kind: AgreementKind
    parties: Parties
    time_zone: Zone
    effective_on: CivilDate
    expires_on: LastDay | None = None
    notice: Notice = Notice()
    auto_renew_months: RenewMonths | None = None
    auto_renew_times: Annotated[
        RenewTimes | None,
        Meta(
            description="How often it does so at most: a number, `no_limit` where the text sets none, or `silent` "
            "where it does not say, so that one renewal is counted. Needed beside `auto_renew_months`."
        ),
    ] = None
    review_every_months: ReviewMonths | None = None
    terms: Terms
    provisions: Provisions = []
    declassify_reason: DeclassifyReason = None


class RecordedAgreement(NewAgreement, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A paper agreement that is signed already. It binds only the recording agency until each other one confirms."""

    custodian_id: Annotated[UUID | None, Meta(description="For the registry's administrator; else your agency.")] = None
    signed_on: ActDay
    signatory_title: JobTitle
    # As of `OnPaper`: a struct has one base with members.
    evidence_sha256: PaperSha256 | None = None
    evidence_location: EvidenceLocation | None = None


class AgreementPatch(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What changes in a draft, or in the draft of an amendment; what is absent stays.

    `terms`, `provisions` and `parties` are given whole. An amendment changes no number, kind, parties or time zone.
    """

    number: AgreementNumber | UnsetType = UNSET
    title: Name | UnsetType = UNSET
    kind: AgreementKind | UnsetType = UNSET
    parties: Parties | UnsetType = UNSET
    time_zone: Zone | UnsetType = UNSET
    effective_on: CivilDate | UnsetType = UNSET
    expires_on: LastDay | None | UnsetType = UNSET
    notice: Notice | UnsetType = UNSET
    auto_renew_months: RenewMonths | None | UnsetType = UNSET
    auto_renew_times: RenewTimes | None | UnsetType = UNSET
    review_every_months: ReviewMonths | None | UnsetType = UNSET
    terms: Terms | UnsetType = UNSET
    provisions: Provisions | UnsetType = UNSET
    declassify_reason: DeclassifyReason = None


class AgreementStep(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A step in the life of a text that needs no words; a note is kept in its history."""

    version_no: NamedVersionNo
    note: Reason | None = None


class AgreementReason(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why it is done to the agreement: why it is suspended or reinstated, and the like."""

    reason: Reason


class OwnSuspension(AgreementReason, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Why the own agency's participation is suspended."""

    declassify_reason: DeclassifyReason = None


class TextReason(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Which text is sent back or withdrawn, and why."""

    version_no: NamedVersionNo
    reason: Reason


class Signing(OnPaper, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An agency's signature, to the very text that it read."""

    version_sha256: Annotated[Sha256, Meta(description="The hash of the version you sign.")]
    signatory_title: JobTitle
    manner: Literal["electronic", "wet"]
    signed_on: Annotated[
        ActDay | None,
        Meta(
            description="The day on the paper, for `wet`, not before the text was submitted. An electronic signature "
            "is given now, and dated by the registry."
        ),
    ] = None


class Declining(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An agency's no to the very text that it read."""

    version_sha256: Annotated[Sha256, Meta(description="The hash of the version you decline.")]
    reason: Reason


class Confirmation(OnPaper, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That the agency signed, on paper, the text that another party recorded."""

    version_sha256: Annotated[Sha256, Meta(description="The hash of the version you confirm.")]
    signatory_title: JobTitle
    signed_on: ActDay
    agrees_to_publish: Annotated[
        bool,
        Meta(
            description="That what is marked public in it is shown to all, as far as your agency has a say; who "
            "recorded it marked that. `agree-to-publish` says so later."
        ),
    ] = False


class NewAmendment(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Open a change of an executed agreement: a draft that begins as a copy of what is in force."""

    kind: Annotated[
        Literal["amendment", "renewal"], Meta(description="`renewal`: the term goes on; it needs a later expiry.")
    ] = "amendment"
    effective_on: Annotated[CivilDate, Meta(description="First day of the new text, in the agreement's time zone.")]
    expires_on: Annotated[
        LastDay | None | UnsetType, Meta(description="As before if absent; null is without expiry.")
    ] = UNSET
    reason: Reason


class RecordedAmendment(OnPaper, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An amendment on paper that is signed already. It binds to each other those who signed it, or confirm that."""

    kind: Literal["amendment", "renewal"] = "amendment"
    title: Name
    effective_on: CivilDate
    expires_on: Annotated[
        LastDay | None | UnsetType,
        Meta(description="As in the text that it follows if absent; null is without expiry, and ends renewals too."),
    ] = UNSET
    notice: Annotated[Notice | UnsetType, Meta(description="As in the text that it follows if absent.")] = UNSET
    auto_renew_months: Annotated[
        RenewMonths | None | UnsetType,
        Meta(description="As in the text that it follows if absent; null is without renewals."),
    ] = UNSET
    auto_renew_times: Annotated[
        RenewTimes | None | UnsetType,
        Meta(
            description="As in the text that it follows if neither it nor the months are given: a number, "
            "`no_limit` or `silent`."
        ),
    ] = UNSET
    terms: Annotated[
        Terms | UnsetType,
        Meta(
            description="As in the text that it follows if absent. Given, they are all of the text's terms: what they "
            "leave out it does not say any more, and the answer names each such term (`term_removed`)."
        ),
    ] = UNSET
    provisions: Provisions
    declassify_reason: DeclassifyReason = None
    signed_on: ActDay
    signatory_title: JobTitle
    reason: Reason


class NewVerbalActivation(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """An agreement set in motion by word of mouth, to be ratified in writing by a deadline; have counsel review."""

    version_no: NamedVersionNo
    ratify_by_on: Annotated[
        CivilDate,
        Meta(
            description="Last day for each party's signature, in the agreement's time zone, as the parties agreed or "
            "the law says: none is assumed. It is not before the agreement's first day."
        ),
    ]
    signatory_title: JobTitle
    reason: Reason


class VerbalConsent(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That the agency, too, agreed by word of mouth to the text named."""

    version_sha256: Annotated[Sha256, Meta(description="The hash of the version agreed to.")]
    signatory_title: JobTitle


class ApprovalRule(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Whether the agency's law makes its governing body's approval a condition of being bound; have counsel review."""

    required: bool
    each_text: Annotated[
        bool,
        Meta(
            description="Whether each text needs an approval of its own: one that names another version does not stand "
            "for it, and the agency goes on being bound by the text before. Where false, any that lasts will do."
        ),
    ] = False
    effective_on: Annotated[
        CivilDate | None,
        Meta(
            description="The first day of the rule, in the agreement's time zone; null is from the beginning: of an "
            "agency that has signed, or is said to have, from now on, and where it asks one that is bound for an "
            "approval, when a notice given today would have run out, and never sooner; where notice counts from its "
            "receipt it would not, and the rule is refused. Where it asks for none, null waives also each rule that "
            "is still to begin; with a day, what begins later stands. A day that is over needs the citation, and is "
            "refused of an agency that has signed."
        ),
    ]
    citation: Citation | None = None
    reason: Reason


class GoverningApproval(OnPaper, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That the agency's governing body approved a text of the agreement, and until when that lasts.

    What shows it is needed where `approved_on` is over.
    """

    version_no: ApprovedVersionNo
    body: Annotated[Name, Meta(description="The body, not a person.", examples=["City council"])]
    reference: Resolution | None = None
    approved_on: ActDay
    expires_on: Annotated[
        CivilDate | None,
        Meta(description="Last day it lasts, in the agreement's time zone; null until further notice."),
    ] = None


class NewParties(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Agencies that may sign the executed text and so join it."""

    agency_ids: Annotated[list[UUID], Meta(min_length=1, max_length=1000)]
    reason: Reason


class CustodyOffer(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """To which party the custodian hands the keeping of the agreement; null takes an offer back."""

    agency_id: UUID | None
    reason: Reason


class Supersession(OnPaper, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The executed agreement that takes this one's place for those who signed it.

    What shows it is given for what happened already.
    """

    by_agreement_id: UUID
    effective_on: Annotated[
        CivilDate | None,
        Meta(
            description="Not before the beginning of that day, in the agreement's time zone; null is as soon as the "
            "other is in force. A day that is over needs the evidence."
        ),
    ] = None
    reason: Reason


class Termination(OnPaper, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The end of the agreement for all parties: by the consent of each, or by a right that the text gives.

    What shows it is given for what happened on paper already, with its day.
    """

    ground: Annotated[
        Literal["mutual_consent", "right_to_end"],
        Meta(
            description="`mutual_consent`: once each party that is bound, on record then, has consented. "
            "`right_to_end`: the term of that name lets your agency end it for all; not by a period of notice where "
            "the text counts notice from its receipt. To leave alone, give notice."
        ),
    ] = "mutual_consent"
    effective_on: Annotated[
        CivilDate | None,
        Meta(
            description="The day from whose beginning, in the agreement's time zone, it binds no more; at once where "
            "it has begun already, or as the notice of the right has run out where null."
        ),
    ] = None
    acted_on: Annotated[
        ActDay | None, Meta(description="For what happened on paper already: the day on which it was agreed or said.")
    ] = None
    reason: Reason


class WithdrawalNotice(OnPaper, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A party's own notice that it leaves; it stays bound until the notice period has run out.

    What shows it is needed where the day of the notice lets your agency leave sooner.
    """

    kind: Annotated[
        Literal["withdrawal", "non_renewal"],
        Meta(
            description="`withdrawal` ends when the notice period has run out; `non_renewal` with the term, or with "
            "the next one for a notice that comes too late for this one."
        ),
    ] = "withdrawal"
    notice_on: ActDay
    leaves_on: Annotated[
        CivilDate | None,
        Meta(
            description="The last day your agency is bound, not before notice has run out; null: when it has. Where "
            "how long it runs is not entered it is needed, and so is each other party's consent to it."
        ),
    ] = None
    deliveries: Annotated[
        list[NoticeDelivery],
        Meta(
            max_length=1000,
            description="How it was given to each of the other parties. Where manner or office is not as the text "
            "asks, it counts nonetheless, and that is remarked (`notice_manner_differs`). Whom it leaves out nothing "
            "told before: the registry asks them, today (`was_asked`).",
        ),
    ] = field(default_factory=list)
    reason: Reason
    declassify_reason: DeclassifyReason = None


ReceivedOn = Annotated[
    ActDay,
    Meta(
        description="The day on which it came to your agency. Where other parties are bound, one that is over counts "
        "towards them from its recording: where it would end something for them sooner they are asked "
        "(`earlier_day` in `proposals`) and, where there is evidence of it, have 14 days to contest it."
    ),
]


class ReceiptOfNotice(OnPaper, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That your agency received another party's notice, which counts from that; and what shows the day."""

    agency_id: Annotated[UUID, Meta(description="The party that gave the notice.")]
    received_on: ReceivedOn
    note: Reason | None = None


class CorrectedReceipt(OnPaper, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """That your agency received another party's notice on another day than it recorded."""

    agency_id: Annotated[UUID, Meta(description="The party that gave the notice.")]
    received_on: ReceivedOn
    reason: Reason
