"""What people chose about being told, on the wire."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from registry.directory.waiting import InboxKind
from registry.platform.kernel.actions import AllowedAction
from registry.platform.kernel.time import Instant
from registry.platform.mail.kinds import Origin
from registry.platform.mail.letters import MailAddress
from registry.sharing.notices.rules import Delivery, Rhythm, Weekday

ClockTime = Annotated[
    str,
    Meta(
        max_length=5,
        pattern=r"\A([01][0-9]|2[0-3]):[0-5][0-9]\Z",
        extra={"form": "a time of the day from 00:00 to 23:59"},
        description="A time of the day as the clocks of `time_zone` show it.",
        examples=["07:00"],
    ),
]
ZoneName = Annotated[
    str, Meta(min_length=1, max_length=60, description="An IANA time zone.", examples=["America/Chicago"])
]
Code = Annotated[
    str,
    Meta(
        min_length=10,
        max_length=20,
        pattern=r"\A[A-Za-z0-9 -]+\Z",
        extra={"form": "letters, digits, blanks and hyphens"},
        description="The code of the last letter. Small letters, blanks and hyphens change nothing.",
        examples=["K7QWX-4MZPA"],
    ),
]
_RHYTHM = Meta(
    description="`none`: nothing is sent. `at_once`: a letter within minutes once something newly waits. `daily`, "
    "`weekly`: a digest, which also lists what falls due under agreements, on days on which there is something new."
)
_DIGEST_ON = Meta(description="The day of a weekly digest.")
_QUIET_FROM = Meta(description="From then on nothing is sent; null without quiet hours.")
_QUIET_TO = Meta(description="Until then; where it is before `quiet_from`, on the next day.")
_KINDS = Meta(max_length=len(InboxKind), description="Kinds of entries of the inbox of which nothing is told.")


class NotificationChanges(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What is to be different (JSON Merge Patch). Quiet hours are both set, or both null."""

    rhythm: Annotated[Rhythm, _RHYTHM] | UnsetType = UNSET
    digest_at: ClockTime | UnsetType = UNSET
    digest_on: Annotated[Weekday, _DIGEST_ON] | UnsetType = UNSET
    quiet_from: Annotated[ClockTime | None, _QUIET_FROM] | UnsetType = UNSET
    quiet_to: Annotated[ClockTime | None, _QUIET_TO] | UnsetType = UNSET
    time_zone: ZoneName | UnsetType = UNSET
    kinds_off: Annotated[list[InboxKind], _KINDS] | UnsetType = UNSET


class GivenAddress(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where a person wants to be written to."""

    address: MailAddress


class AddressCode(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What shows that whoever gives an address reads what arrives there."""

    code: Code


class Notifications(Struct, kw_only=True, frozen=True):
    """How you are told by mail what newly waits for you. Version 0 is what holds for whoever has chosen nothing."""

    rhythm: Annotated[Rhythm, _RHYTHM]
    digest_at: ClockTime
    digest_on: Annotated[Weekday, _DIGEST_ON]
    quiet_from: Annotated[ClockTime | None, _QUIET_FROM]
    quiet_to: Annotated[ClockTime | None, _QUIET_TO]
    time_zone: Annotated[str, Meta(description="Whose clocks these times are of; your agency's unless you chose one.")]
    kinds_off: Annotated[list[InboxKind], _KINDS]
    address: Annotated[str | None, Meta(description="Where you are written to.")]
    address_origin: Annotated[
        Origin | None,
        Meta(description="Who vouches that it is yours: `identity_provider`, or you by a `code` that was sent there."),
    ]
    unconfirmed_address: Annotated[
        str | None, Meta(description="What you gave last, while the code that was sent there is waited for.")
    ]
    code_ends_at: Annotated[Instant | None, Meta(description="Until when the code is taken.")]
    provider_address: Annotated[
        str | None,
        Meta(description="What your identity provider says in the attribute `email`; given, it needs no code."),
    ]
    delivery: Annotated[
        Delivery,
        Meta(
            description="`on`: you are told. `failing`: the mail server did not take the last letter, `error` says "
            "why. `no_address`: there is none that is confirmed. `none`: you want to be told nothing. `off`: this "
            "registry sends no mail."
        ),
    ]
    failed_from: Annotated[Instant | None, Meta(description="Since when no letter to you was taken.")]
    error: Annotated[str | None, Meta(description="What the last try failed of.")]
    last_sent_at: Annotated[
        Instant | None, Meta(description="When the last notice to you was taken by the mail server, within 30 days.")
    ]
    next_at: Annotated[
        Instant | None, Meta(description="When it is next looked whether there is something to tell you.")
    ]
    stopped_at: Annotated[
        Instant | None, Meta(description="When the link in a letter ended them; null once you chose anew.")
    ]
    allowed_actions: list[AllowedAction]
    version: int


CHANGES_EXAMPLE = {"rhythm": "daily", "digest_at": "07:00", "quiet_from": "20:00", "quiet_to": "06:00"}
ADDRESS_EXAMPLE = {"address": "dispatch.desk@lakeside.example"}
CODE_EXAMPLE = {"code": "K7QWX-4MZPA"}
