"""A timeline as its reader is shown it, put together from windows and acts. Pure."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from registry.agreements.instruments.days import Days
from registry.agreements.instruments.receipt import AwaitedNotice, DisputedNotice
from registry.agreements.instruments.schemas.shown import Agreement, AgreementParty
from registry.agreements.timeline.acts import contested_of, marks_of
from registry.agreements.timeline.rules import ActKind, Bound, Towards, begins_by, bound_by, ends_by
from registry.agreements.timeline.schemas import BoundWindow, PartyTimeline, Timeline, TimelineAct, TowardsParties
from registry.agreements.timeline.wording import Corrected

NOT_FOR_OTHERS = (
    "Withheld: signatures, notices, consents and what is reported are for the parties, which have not published them."
)


def timeline_shown(
    found: Agreement,
    days: Days,
    bound: Mapping[UUID, Sequence[Bound]],
    towards: Mapping[UUID, Sequence[Sequence[Towards]]],
    acts: list[TimelineAct],
    corrected: Sequence[Corrected] = (),
) -> Timeline:
    """The windows of each party, with to whom each binds it where that is told, and by which acts.

    `corrected`: the receipts of notices that were, of which `acts` tell.
    """
    parties = []
    for each in found.parties:
        windows = bound.get(each.agency.id, ())
        parties.append(_party(found, days, each, windows, towards.get(each.agency.id), acts, corrected))
    return Timeline(
        agreement_id=found.id,
        number=found.number,
        title=found.title,
        time_zone=found.time_zone,
        term_ends_on=found.term_ends_on,
        view=found.view,
        parties=parties,
        acts=acts,
        acts_withheld=None if found.view == "party" else NOT_FOR_OTHERS,
    )


def _party(
    found: Agreement,
    days: Days,
    party: AgreementParty,
    windows: Sequence[Bound],
    towards: Sequence[Sequence[Towards]] | None,
    acts: Sequence[TimelineAct],
    corrected: Sequence[Corrected],
) -> PartyTimeline:
    marks, by_report = marks_of(acts), {each.act_no for each in acts if each.reported_only}
    shown = []
    for n, window in enumerate(windows):
        its = (
            bound_by(marks, party.agency.id, window),
            begins_by(marks, party.agency.id, window),
            ends_by(marks, party.agency.id, window),
        )
        first_on, last_on = days.of_window(window)
        shown.append(
            BoundWindow(
                version_no=window.version_no,
                first_on=first_on,
                last_on=last_on,
                start=window.start,
                end=window.end,
                towards=None if towards is None else [_towards(each, days) for each in towards[n]],
                bound_by=its[0],
                begins_by=its[1],
                ends_by=its[2],
                reported_only=any(each in by_report for nos in its for each in nos),
            )
        )
    pending = {*party.pending_report_ids}
    of_its_notice = {each.at for each in corrected if each.giver_id == party.agency.id}
    return PartyTimeline(
        agency=party.agency,
        windows=shown,
        contested=contested_of(found, acts, party.agency.id),
        pending=[each.act_no for each in acts if each.reported_act_id in pending],
        awaiting_receipt=_awaiting(party),
        disputed_receipts=_disputed(party),
        receipts_corrected=[
            each.act_no for each in acts if each.kind is ActKind.RECEIPT_CORRECTED and each.recorded_at in of_its_notice
        ],
    )


def _awaiting(party: AgreementParty) -> AwaitedNotice | None:
    """Its notice, while that does not run out since a receipt of it is awaited."""
    receipts = [each for each in party.notice_receipts if each.received_on is None]
    if not receipts or party.leaves_at is not None:
        return None
    assert party.withdrawal_notice_on is not None, "it is its notice that is to be received"
    return AwaitedNotice(agency=party.agency, notice_on=party.withdrawal_notice_on, receipts=receipts)


def _disputed(party: AgreementParty) -> DisputedNotice | None:
    """Its notice, where it and one that received it say different days of that."""
    receipts = [each for each in party.notice_receipts if each.status == "disputed"]
    if not receipts:
        return None
    assert party.withdrawal_notice_on is not None, "it is its notice that was received"
    return DisputedNotice(agency=party.agency, notice_on=party.withdrawal_notice_on, receipts=receipts)


def _towards(each: Towards, days: Days) -> TowardsParties:
    first_on, last_on = days.of_window(each)
    return TowardsParties(
        agency_ids=None if each.agency_ids is None else list(each.agency_ids),
        first_on=first_on,
        last_on=last_on,
        start=each.start,
        end=each.end,
    )
