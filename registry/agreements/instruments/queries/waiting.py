"""What a text on its way waits for: reviewers before its approval, others' signatures before one's own."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from msgspec import Struct
from sqlalchemy.engine import Row

from registry.agreements.instruments.queries.declining import declined_by, round_stopped
from registry.agreements.instruments.queries.signing import ids_of, others_first, signing_of
from registry.agreements.instruments.queries.unchecked import unchecked_by_others
from registry.agreements.instruments.review_tables import agreement_review_round, agreement_reviewer
from registry.agreements.instruments.reviews import ReviewVerdict, stands_in_the_way
from registry.agreements.instruments.rules import ALREADY_SIGNED, NOTHING_OUT, AgreementAction, Stage
from registry.agreements.instruments.schemas.signing import Declined, SigningRound
from registry.agreements.instruments.tables import NUMBER_TAKEN, agreement, provision
from registry.directory.agencies.tables import agency
from registry.platform.access.acts import barred
from registry.platform.access.principals import Principal
from registry.platform.access.separation import Act
from registry.platform.database.handles import Read
from registry.platform.kernel.actions import AllowedAction, offer
from registry.platform.kernel.text import filing_key

_UNFINISHED = (
    sa.select(
        *(agreement_reviewer.c[name] for name in ("agency_id", "department", "required", "verdict")),
        agency.c.name,
    )
    .join(agreement_review_round, agreement_review_round.c.id == agreement_reviewer.c.round_id)
    .join(agency, agency.c.id == agreement_reviewer.c.agency_id)
    .where(
        agreement_review_round.c.version_id
        == sa.bindparam("version_id", type_=agreement_review_round.c.version_id.type)
    )
    .order_by(agreement_reviewer.c.id)
)
_ANY_TEXT = (
    sa.select(provision.c.version_id)
    .where(provision.c.version_id == sa.bindparam("version_id", type_=provision.c.version_id.type))
    .limit(1)
)
_NUMBERED = sa.select(agreement.c.id).where(
    agreement.c.custodian_id == sa.bindparam("agency_id", type_=agreement.c.custodian_id.type),
    agreement.c.number_key == sa.bindparam("number_key", type_=sa.Text),
)
NO_TEXT = "There is no text to review yet: add its provisions."
_SAID = {ReviewVerdict.PENDING: "has not answered", ReviewVerdict.CHANGES_REQUESTED: "asked for changes"}


async def outstanding_reviews(read: Read, version_id: UUID) -> Sequence[Row[Any]]:
    """The reviewers because of whom the version cannot be approved, with their agencies' names."""
    return [
        row
        for row in await read.all(_UNFINISHED, {"version_id": version_id})
        if stands_in_the_way(required=row.required, verdict=ReviewVerdict(row.verdict))
    ]


def outstanding_words(rows: Sequence[Row[Any]]) -> str:
    """The outstanding reviews as a sentence."""
    named = [f"{row.department} of {row.name} {_SAID[ReviewVerdict(row.verdict)]}" for row in rows]
    return f"The text waits for its reviewers: {'; '.join(named)}."


_SEPARATED_ACTS = {
    AgreementAction.APPROVE: Act.APPROVE,
    AgreementAction.SIGN: Act.SIGN,
    "confirm": Act.SIGN,
    AgreementAction.ACTIVATE_VERBALLY: Act.SIGN,
    "agree_verbally": Act.SIGN,
}
_IN_WRITING = frozenset({AgreementAction.SIGN, "confirm"})
# A word is given to the agreement itself, whatever amendment of it is on its way.
_TO_THE_AGREEMENT = frozenset({AgreementAction.ACTIVATE_VERBALLY, "agree_verbally"})


async def separated(
    read: Read, principal: Principal, row: Row[Any], version_id: UUID, offers: Sequence[AllowedAction]
) -> list[AllowedAction]:
    """The offers, those withheld that another person of the agency has to do after what this one did to the text.

    `version_id` is that of the text on its way. Nothing is read where nothing such is offered.
    """
    asked = [each.action for each in offers if each.allowed and each.action in _SEPARATED_ACTS]
    unchecked: tuple[Act, ...] = ()
    if not _IN_WRITING.isdisjoint(asked):
        unchecked = await unchecked_by_others(read, principal, row, version_id)
    to_the_text = (row.amendment_id or row.id, version_id)  # who wrote at it is kept under the first
    about = {
        action: (
            _SEPARATED_ACTS[action],
            (row.id, row.version_id) if action in _TO_THE_AGREEMENT else to_the_text,
            unchecked if action in _IN_WRITING else (),
        )
        for action in asked
    }
    bars = {
        (act, things, after): await barred(read, principal, act, *things, unchecked=after)
        for act, things, after in set(about.values())
    }
    return [offer(each.action, withheld=bars[about[each.action]]) if each.action in about else each for each in offers]


_ALREADY_DECLINED = "Your agency has declined that already."


class Waiting(Struct, kw_only=True, frozen=True):
    """The round of signatures that is open, and why an action is withheld that the stage would allow."""

    signing: SigningRound | None = None
    bars: Mapping[str, str] = {}

    def held_back(self, offers: Sequence[AllowedAction]) -> list[AllowedAction]:
        """The offers, those withheld for which there is something to wait."""
        return [
            offer(each.action, withheld=self.bars[each.action]) if each.allowed and each.action in self.bars else each
            for each in offers
        ]


async def custody_bars(read: Read, agency_id: UUID, row: Row[Any]) -> dict[str, str]:
    """Why the agency cannot take over the keeping that it is offered: it keeps an agreement of that number already."""
    if row.custody_offered_to_id != agency_id:
        return {}
    taken = await read.value(_NUMBERED, {"agency_id": agency_id, "number_key": filing_key(row.number)})
    return {} if taken is None else {"accept_custody": NUMBER_TAKEN}


async def waiting_for(
    read: Read,
    agency_id: UUID,
    version_id: UUID,
    stage: Stage,
    now: datetime,
    declined: Sequence[Declined],
    *,
    paper_to_confirm: bool = False,
    paper_to_decline: bool = False,
) -> Waiting:
    """What the version, at that stage of its way, waits for, as the agency sees it; `declined` is of the agreement.

    A recorded paper that the agency has not signed (`paper_to_confirm`) it may sign whatever this one waits for, and
    say no to one that it has not said no to (`paper_to_decline`).
    """
    if stage is Stage.DRAFT and await read.value(_ANY_TEXT, {"version_id": version_id}) is None:
        return Waiting(bars={AgreementAction.SUBMIT: NO_TEXT})
    if stage is Stage.IN_REVIEW and (rows := await outstanding_reviews(read, version_id)):
        return Waiting(bars={AgreementAction.APPROVE: outstanding_words(rows)})
    bars: dict[str, str] = {}
    if any(each.action == "join" and each.agency.id == agency_id for each in declined):
        bars["decline_to_join"] = _ALREADY_DECLINED
    if stage is Stage.OUT_FOR_SIGNATURE and (signing := await signing_of(read, version_id, now)) is not None:
        no = await declined_by(read, version_id=version_id)
        signed = agency_id in ids_of(signing.signed)
        stopped = round_stopped(no, ids_of(signing.outstanding), agency_id)
        bar = stopped or others_first(signing, agency_id)
        if signed:
            bar = ALREADY_SIGNED
        if not paper_to_confirm:
            bars |= {} if bar is None else {"sign": bar, "confirm": bar}
        if stopped is not None:
            bars["activate_verbally"] = stopped
        if paper_to_decline:
            pass  # whatever it said to this one
        elif signed:
            bars["decline_to_sign"] = ALREADY_SIGNED
        elif agency_id in {each.agency.id for each in no}:
            bars["decline_to_sign"] = _ALREADY_DECLINED
        elif agency_id not in ids_of(signing.outstanding):
            bars["decline_to_sign"] = NOTHING_OUT
        return Waiting(signing=signing, bars=bars)
    return Waiting(bars=bars)
