"""What people chose, who is next to be looked after, and what there is to tell a person now."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.deadlines.queries.listing import list_deadlines
from registry.agreements.deadlines.rules import DeadlineStatus
from registry.agreements.deadlines.schemas import Deadline, DeadlineQuery
from registry.directory.agencies.queries import zone_of_agency
from registry.directory.principals.queries import roles_of
from registry.directory.waiting import InboxEntry, InboxKind, Source
from registry.platform.access.acting import why_refused
from registry.platform.access.permissions import Action, may_ever, permit
from registry.platform.access.principals import Caller, Principal
from registry.platform.access.tables import principal
from registry.platform.database.handles import Read
from registry.platform.http.paging import LARGEST_LIMIT
from registry.platform.kernel.time import civil_day
from registry.platform.mail.outbox import last_sent_at
from registry.platform.mail.recipients import recipient_of
from registry.platform.mail.sending import Mailer
from registry.platform.mail.tables import mail_recipient
from registry.sharing.inbox.queries import first_entries
from registry.sharing.notices.rules import DUE_AHEAD, Choices, Rhythm, Weekday, delivery, offers
from registry.sharing.notices.schemas import Notifications
from registry.sharing.notices.tables import notice_choice, notice_told
from registry.sharing.notices.writing import Told
from registry.sharing.policy.cedar import PolicySet

EMAIL: Final = "email"
"""The attribute of a token (`attributes` of the issuer's claim map) that is taken for the person's address."""
_DIGEST_AT: Final = 7 * 60
_NO_ZONE: Final = "UTC"
_DAY: Final = timedelta(days=1)

_ID = notice_choice.c.recipient_id.type
_CHOICE = sa.select(notice_choice).where(notice_choice.c.recipient_id == sa.bindparam("recipient_id", type_=_ID))
LOCKED_CHOICE: Final = _CHOICE.with_for_update()
_NEXT = (
    sa.select(notice_choice, *(mail_recipient.c[name] for name in ("address", "agency_id", "issuer", "subject")))
    .join(mail_recipient, mail_recipient.c.id == notice_choice.c.recipient_id)
    .where(
        notice_choice.c.next_look_at <= sa.bindparam("now", type_=notice_choice.c.looked_at.type),
        mail_recipient.c.address.is_not(None),
    )
    .order_by(notice_choice.c.next_look_at, notice_choice.c.recipient_id)
    .limit(1)
)
_SEEN = sa.select(principal.c.roles).where(
    principal.c.agency_id == sa.bindparam("agency_id", type_=_ID),
    principal.c.issuer == sa.bindparam("issuer"),
    principal.c.subject == sa.bindparam("subject"),
)
_TOLD = sa.select(notice_told.c.told_key).where(
    notice_told.c.recipient_id == sa.bindparam("recipient_id", type_=_ID),
)
_TOLD_BY = sa.select(notice_told.c.told_key).where(notice_told.c.letter_id == sa.bindparam("letter_id", type_=_ID))


class Found(Struct, kw_only=True, frozen=True):
    """What waits for a person now, by the key under which it is told once. `is_whole`: there is nothing beside it."""

    entries: dict[str, InboxEntry]
    due: dict[str, Deadline]
    is_whole: bool

    def only(self, keys: Collection[str]) -> Told:
        """What of it is among these."""
        return Told(
            entries=[entry for key, entry in self.entries.items() if key in keys],
            due=[deadline for key, deadline in self.due.items() if key in keys],
        )


def choices_in(row: Row[Any]) -> Choices:
    """What the row says that the person chose."""
    return Choices(
        rhythm=Rhythm(row.rhythm),
        digest_at=row.digest_at,
        digest_on=Weekday(row.digest_on),
        quiet_from=row.quiet_from,
        quiet_to=row.quiet_to,
        time_zone=row.time_zone,
    )


def kinds_off_in(row: Row[Any]) -> list[InboxKind]:
    """The kinds of which the person wants to hear nothing."""
    return msgspec.json.decode(row.kinds_off, type=list[InboxKind])


async def first_choices(read: Read, agency_id: UUID) -> Choices:
    """What holds for whoever has chosen nothing: nothing is sent, and times are those of the agency's clocks."""
    return Choices(
        rhythm=Rhythm.NONE,
        digest_at=_DIGEST_AT,
        digest_on=Weekday.MONDAY,
        quiet_from=None,
        quiet_to=None,
        time_zone=await zone_of_agency(read, agency_id) or _NO_ZONE,
    )


def provider_address(who: Principal) -> str | None:
    """What the person's identity provider says, where the issuer's description has an attribute for it."""
    return who.attributes.get(EMAIL)


async def choice_row(read: Read, recipient_id: UUID) -> Row[Any] | None:
    """What the person chose; None for who has chosen nothing."""
    return await read.first(_CHOICE, {"recipient_id": recipient_id})


async def get_notifications(read: Read, caller: Caller, mailer: Mailer) -> Notifications:
    """The caller's own choices, and how it stands with the letters."""
    permit(caller.principal, Action.NOTICES_CHOOSE, ["own"])
    recipient = await recipient_of(read, caller.principal)
    row = None if recipient is None else await choice_row(read, recipient.id)
    choices = choices_in(row) if row is not None else await first_choices(read, caller.agency_id)
    asked = None if recipient is None else recipient.asked_address
    awaited = asked is not None and recipient is not None and recipient.code_ends_at > caller.now
    address = None if recipient is None else recipient.address
    fails = recipient is not None and recipient.failing_from is not None
    return Notifications(
        rhythm=choices.rhythm,
        digest_at=_shown(choices.digest_at),
        digest_on=choices.digest_on,
        quiet_from=None if choices.quiet_from is None else _shown(choices.quiet_from),
        quiet_to=None if choices.quiet_to is None else _shown(choices.quiet_to),
        time_zone=choices.time_zone,
        kinds_off=[] if row is None else kinds_off_in(row),
        address=address,
        address_origin=None if recipient is None else recipient.origin,
        unconfirmed_address=asked if awaited else None,
        code_ends_at=recipient.code_ends_at if awaited and recipient is not None else None,
        provider_address=provider_address(caller.principal),
        delivery=delivery(choices.rhythm, sends=mailer.is_on, has_address=address is not None, fails=fails),
        failed_from=None if recipient is None else recipient.failing_from,
        error=None if recipient is None else recipient.failure,
        last_sent_at=None if recipient is None else await last_sent_at(read, recipient.id),
        next_at=None if row is None or address is None or not mailer.is_on else row.next_look_at,
        stopped_at=None if row is None else row.stopped_at,
        allowed_actions=offers(
            sends=mailer.is_on, code_awaited=awaited, any_address=address is not None or asked is not None
        ),
        version=0 if row is None else row.version,
    )


def _shown(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


async def next_to_look_after(read: Read, now: datetime) -> Row[Any] | None:
    """Whose time to be looked after came first, with address and person."""
    return await read.first(_NEXT, {"now": now})


async def person_now(read: Read, row: Row[Any], scopes: msgspec.Raw, now: datetime, idle_days: int) -> Principal | None:
    """The person as it may act at this moment; None for one that may not, or that nobody has seen.

    The roles are those in which it was last seen, the scopes those of the token with which it chose.
    """
    its = {"agency_id": row.agency_id, "issuer": row.issuer, "subject": row.subject}
    roles = await read.value(_SEEN, its)
    if roles is None or await why_refused(read, {**its, "jti": ""}, now, idle_days) is not None:
        return None
    found = Principal(
        **its,
        roles=frozenset(roles_of(roles)),
        scopes=frozenset(msgspec.json.decode(scopes, type=list[str])),
        token_id="notice",  # noqa: S106  # there is no token
    )
    return found if may_ever(found, Action.NOTICES_CHOOSE) else None


async def find_all(
    read: Read, sources: Sequence[Source], who: Principal, policies: PolicySet, row: Row[Any], now: datetime
) -> Found:
    """What waits for the person, and with a digest what falls due, each under the key by which it is told once."""
    choices, off = choices_in(row), set(kinds_off_in(row))
    entries: list[InboxEntry] = []
    if may_ever(who, Action.INBOX_READ):
        entries = await first_entries(read, sources, who, policies, "me", now, LARGEST_LIMIT)
    due: list[Deadline] = []
    if choices.rhythm in (Rhythm.DAILY, Rhythm.WEEKLY) and InboxKind.DEADLINE not in off:
        due = await _falling_due(read, who, choices, now)
    told_as_entry = {(each.subject.id, each.due_at) for each in entries if each.kind is InboxKind.DEADLINE}
    return Found(
        entries={f"{each.kind}:{each.id}": each for each in entries if each.kind not in off},
        due={_due_key(each): each for each in due if (each.agreement_id, each.due_at) not in told_as_entry},
        is_whole=len(entries) < LARGEST_LIMIT,
    )


async def _falling_due(read: Read, who: Principal, choices: Choices, now: datetime) -> list[Deadline]:
    if not may_ever(who, Action.AGREEMENTS_READ):
        return []
    today = civil_day(now, choices.time_zone)
    status = (DeadlineStatus.UPCOMING, DeadlineStatus.DUE_SOON)
    query = DeadlineQuery(limit=LARGEST_LIMIT, status=status, due_from=today, due_to=today + DUE_AHEAD)
    return (await list_deadlines(read, who, query, now)).items


def _due_key(deadline: Deadline) -> str:
    """The same for the same deadline as long as its day does not move; then it is another one."""
    said = (
        *(deadline.agreement_id, deadline.kind, deadline.due_on, deadline.duty_id, deadline.version_no),
        None if deadline.agency is None else deadline.agency.id,
        [each.id for each in deadline.towards],
    )
    return f"due:{hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]}"


async def told_keys(read: Read, recipient_id: UUID) -> frozenset[str]:
    """What the person has been told, or is to be."""
    return frozenset(row.told_key for row in await read.all(_TOLD, {"recipient_id": recipient_id}))


async def keys_of_letter(read: Read, letter_id: UUID) -> frozenset[str]:
    """What a letter is to tell."""
    return frozenset(row.told_key for row in await read.all(_TOLD_BY, {"letter_id": letter_id}))
