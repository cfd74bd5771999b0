"""What is remarked of the signatures to the text that is shown, to those who see the agreement in full."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row

from registry.agreements.instruments.days import Days
from registry.agreements.instruments.remarks import (
    Hand,
    NewHand,
    Remark,
    about_hands,
    about_newcomers,
    about_papers,
    about_signing_days,
)
from registry.agreements.instruments.schemas.evidence import Evidence
from registry.agreements.instruments.schemas.shown import AgreementParty


def about_signatures(
    row: Row[Any], shown: Sequence[AgreementParty], parties: Sequence[Row[Any]], evidence: Evidence | None, days: Days
) -> list[Remark]:
    """What shows them, who entered them when, and from when those of newcomers count.

    `shown` are the parties as they are shown, `parties` their rows; `evidence` is that of the text itself.
    """
    papers = [each.signature.evidence for each in shown if each.signature]
    remarks: list[Remark] = [*about_papers(row.version_no, evidence, papers)]
    hands = [
        Hand(
            agency=each.agency.name,
            manner=each.signature.manner,
            signed_on=each.signature.signed_on,
            entered_on=days.of(each.agency.id, each.signature.recorded_at),
            evidence=each.signature.evidence,
        )
        for each in shown
        if each.signature
    ]
    remarks += about_hands(row.version_no, hands)
    remarks += about_signing_days(
        row.version_no,
        row.its_effective_on,
        [(each.agency.name, each.signature.manner, each.signature.signed_on) for each in shown if each.signature],
    )
    # Without a day of its own a signature counts from when it was recorded, by who was let in by then.
    came = [each for each in parties if not each.in_text and each.signed_on and each.counts_from]
    remarks += about_newcomers(
        row.version_no,
        [
            NewHand(
                agency=each.name,
                signed_on=each.signed_on,
                let_in_on=days.of(each.agency_id, each.named_at),
                counts_on=days.of(each.agency_id, each.counts_from),
            )
            for each in came
        ],
    )
    return remarks
