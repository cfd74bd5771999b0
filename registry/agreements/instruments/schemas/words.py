"""The words that agreements on the wire are made of, with their bounds."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct

from registry.platform.kernel.text import NAME_PATTERN, Reason
from registry.platform.kernel.time import CivilDate

AgreementNumber = Annotated[str, Meta(min_length=1, max_length=60, pattern=NAME_PATTERN, examples=["MA-2026-014"])]
Exemption = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NAME_PATTERN,
        description="The law under which the text is withheld; needed for restricted text. Have counsel review.",
        examples=["Minn. Stat. 13.37 (security information)"],
    ),
]
Resolution = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=120,
        pattern=NAME_PATTERN,
        description="Resolution or ordinance.",
        examples=["Resolution 2026-12 (demo)"],
    ),
]
RenewMonths = Annotated[
    int,
    Meta(
        ge=1,
        le=120,
        description="Months by which the term goes on by itself unless notice is given in time. Each term ends on the "
        "day that corresponds to the first one's, or the month's last: from 30 January through 28 February it goes on "
        "to 30 March, from 1 February to 31 March.",
    ),
]
RenewTimes = Annotated[int, Meta(ge=1, le=100)] | Literal["no_limit", "silent"]
"""How often at most; needed beside the months, since nothing that a text leaves unsaid is taken as unlimited."""
ReviewMonths = Annotated[int, Meta(ge=1, le=120, description="Months from one periodic review to the next.")]
NamedVersionNo = Annotated[
    int,
    Meta(
        ge=1,
        le=2**31 - 1,
        description="The number of the text that it is done to, as your agency read it: of the amendment on its way "
        "where there is one (`amendment`), else of the agreement's own.",
    ),
]
ApprovedVersionNo = Annotated[
    int,
    Meta(
        ge=1,
        le=2**31 - 1,
        description="The number of the text that the body approved: any that was put to the parties, so an approval "
        "that is recorded late names the one of its day.",
    ),
]
VersionKind = Literal["original", "amendment", "renewal"]
LastDay = Annotated[CivilDate, Meta(description="The last day in force, in the agreement's time zone.")]
AgreementStatus = Literal[
    "draft",
    "in_review",
    "approved",
    "out_for_signature",
    "withdrawn",
    "unconfirmed",
    "not_yet_effective",
    "in_force",
    "notice_window",
    "lapsed",
    "expired",
    "suspended",
    "terminated",
    "superseded",
]


class AgreementReference(Struct, kw_only=True, frozen=True):
    """The agreement that something rests on, in the version of then."""

    id: UUID
    number: str
    version_no: Annotated[int, Meta(description="The version that it rests on, for ever.")]
    clause: Annotated[str | None, Meta(description="Number of the provision that permits it, where one does.")]


DeclassifyReason = Annotated[
    Reason | None,
    Meta(
        description="Why more may read now what this repeats of restricted wording of the same agreement "
        "that you can read; it is recorded. With other agreements nothing is compared."
    ),
]
