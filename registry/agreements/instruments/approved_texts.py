"""Whether the approvals on record are of the texts that bind their parties: what a reader has to know of that. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from uuid import UUID

from registry.agreements.instruments.remarks import Remark, RemarkCode
from registry.agreements.instruments.schemas.shown import AgreementParty, PartyApproval


def about_approvals(
    parties: Iterable[AgreementParty],
    bound_by: Mapping[UUID, Sequence[int]],
    signed: Mapping[UUID, Collection[int]],
    today: date,
    at: datetime,
) -> Iterator[Remark]:
    """Of parties that need an approval: which text binds them, or is to, and no approval that lasts names it.

    `bound_by` are the versions that bind each party on the day, `signed` all that have its hand: a later one is to bind
    it. Of none that binds no more is anything said.
    """
    for party in parties:
        if not party.approval_required:
            continue
        lasting = [each for each in party.approvals if _lasts(each, today, at)]
        named = {each.version_no for each in lasting}
        binding = bound_by.get(party.agency.id, ())
        later = {no for no in signed.get(party.agency.id, ()) if no > max(binding, default=0)}
        for no in sorted({*binding, *later} - named):
            name, others = party.agency.name, ", ".join(map(str, sorted(named)))
            if party.approval_each_text:
                detail = (
                    f"{name}: its governing body's approval is needed of each text, and none on record that lasts "
                    f"names version {no}: that text does not bind it until one does."
                )
            elif lasting:
                detail = (
                    f"{name}: no approval on record that lasts names version {no}; the last names {others}. The rule "
                    "that it set asks for an approval and not for one of each text, so that one counts; have counsel "
                    "review whether its law asks for a fresh one."
                )
            else:
                continue  # nothing lasts that could be mistaken for one: it is not bound, and shown so
            yield Remark(code=RemarkCode.APPROVAL_OF_ANOTHER_TEXT, detail=detail, version_no=no)


def _lasts(approval: PartyApproval, today: date, at: datetime) -> bool:
    return approval.counts_from <= at and (approval.expires_on is None or today <= approval.expires_on)
