"""The words that agreements on the wire are made of, with their bounds."""

from typing import Annotated, Literal

from msgspec import Meta

from registry.kernel.text import NAME_PATTERN
from registry.kernel.time import CivilDate

AgreementNumber = Annotated[str, Meta(min_length=1, max_length=60, pattern=NAME_PATTERN, examples=["MA-2026-014"])]
NoticeDays = Annotated[int, Meta(ge=0, le=3650, description="Notice a party gives before it leaves, in days.")]
Sha256 = Annotated[str, Meta(min_length=64, max_length=64, pattern=r"\A[0-9a-f]{64}\Z", description="SHA-256, in hex.")]
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
JobTitle = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=120,
        pattern=NAME_PATTERN,
        description="The office of whoever signed, not a name.",
        examples=["Chief of Police"],
    ),
]
Citation = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=NAME_PATTERN,
        description="The law or charter that says so.",
        examples=["City code 2.04.150 (example; have counsel review)"],
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
    int, Meta(ge=1, le=120, description="Months by which the term goes on by itself unless notice is given in time.")
]
RenewTimes = Annotated[int, Meta(ge=1, le=100, description="How often at most; null is without end.")]
ReviewMonths = Annotated[int, Meta(ge=1, le=120, description="Months from one periodic review to the next.")]
VersionKind = Literal["original", "amendment", "renewal"]
LastDay = Annotated[CivilDate, Meta(description="The last day in force, in the agreement's time zone.")]
Part = Annotated[
    str, Meta(min_length=1, max_length=100, pattern=NAME_PATTERN, description="Part of the number or title.")
]
AgreementStatus = Literal[
    "draft",
    "in_review",
    "approved",
    "out_for_signature",
    "withdrawn",
    "not_yet_effective",
    "in_force",
    "notice_window",
    "lapsed",
    "expired",
    "suspended",
    "terminated",
    "superseded",
]
