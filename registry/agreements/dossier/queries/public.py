"""The public file: what any agency may read that is no party, and of a published text the places of what is withheld.

It is made for nobody in particular. That there are other documents, and how many, it does not say, as their list does
not.
"""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Row

from registry.agreements.documents.rules import DocumentStatus
from registry.agreements.dossier.queries.parts import (
    JSON,
    TEXT,
    Found,
    Part,
    documents_listed,
    documents_of,
    recordings_of,
    timeline_parts,
    withheld_provision,
)
from registry.agreements.dossier.rules import NOT_A_PARTY, BesidePublicText, Recording, public_warnings
from registry.agreements.dossier.schemas import WithheldPart
from registry.agreements.dossier.writing import as_json, version_text
from registry.agreements.instruments.notice import read_notice
from registry.agreements.instruments.queries.provisions import provisions_of
from registry.agreements.instruments.queries.publications import publications_of
from registry.agreements.instruments.queries.texts import executed_texts
from registry.agreements.instruments.rules import Sensitivity
from registry.agreements.instruments.schemas.shown import (
    Agreement,
    Provision,
)
from registry.agreements.instruments.tables import agreement_version, agreement_version_dates
from registry.agreements.instruments.term_days import renewal_of
from registry.agreements.instruments.terms import Terms
from registry.agreements.timeline.schemas import Timeline
from registry.platform.database.handles import Read

_SAID = (
    sa.select(
        *(agreement_version.c[name] for name in ("title", "terms", "sha256", "evidence_sha256", "evidence_location")),
        *(
            agreement_version_dates.c[name]
            for name in ("notice", "expires_on", "auto_renew_months", "auto_renew_times", "renewal_day")
        ),
    )
    .join(agreement_version_dates, agreement_version_dates.c.version_id == agreement_version.c.id)
    .where(agreement_version.c.id == sa.bindparam("version_id", type_=agreement_version.c.id.type))
)


async def _beside(
    read: Read, found: Agreement, said: Row[Any], recording: Recording | None, now: datetime
) -> BesidePublicText:
    """What a reader of the public text has to know of where it is from, and of the days that run by it."""
    _, papers = await documents_listed(read, NOT_A_PARTY, found, now, (DocumentStatus.FILED,))
    return BesidePublicText(
        from_paper=(said.evidence_sha256, said.evidence_location) != (None, None),
        recording=recording,
        paper_shown=said.evidence_sha256 in {each.sha256 for each in papers},
        terms=msgspec.json.decode(said.terms, type=Terms),
        notice=read_notice(said.notice),
        expires_on=said.expires_on,
        renewal=renewal_of(said.auto_renew_months, said.auto_renew_times, said.renewal_day),
    )


async def public_file(read: Read, found: Agreement, timeline: Timeline, now: datetime) -> AsyncIterator[Found]:
    """The parts for the public, in their order; `found` is the agreement in its public view."""
    path = f"/v1/agreements/{found.id}"
    names = (
        *("id", "number", "title", "kind", "custodian_agency", "status", "time_zone", "effective_on", "expires_on"),
        *(
            "auto_renew_months",
            "auto_renew_times",
            "term_ends_on",
            "starts_at",
            "ends_on",
            "ends_at",
            "binds_from",
            "executed_at",
        ),
        *("terminated_at", "suspensions", "version_no", "version_kind", "version_effective_on", "categories"),
    )
    parties = [
        {"agency": party.agency, "bound": party.bound, "bound_until": party.bound_until} for party in found.parties
    ]
    about = {**{name: getattr(found, name) for name in names}, "parties": parties}
    yield Part(
        path="agreement.json",
        title="The agreement and its parties",
        media_type=JSON,
        source=path,
        content=as_json(about),
    )
    for told in timeline_parts(timeline):
        yield told
    if timeline.acts_withheld is not None:
        yield WithheldPart(kind="acts", reason=timeline.acts_withheld)
    texts = await executed_texts(read, found.id)
    published = await publications_of(read, [text.version_id for text in texts])
    recordings, ids = await recordings_of(read, found), [party.agency.id for party in found.parties]
    for text in texts:
        if text.version_id not in published or published[text.version_id].published_at is None:
            continue
        said = await read.first(_SAID, {"version_id": text.version_id})
        assert said is not None
        beside = await _beside(read, found, said, recordings.get(said.sha256), now)
        warnings = tuple(public_warnings(text.no, beside, ids))
        heading = [
            f"{found.number}: {said.title}",
            f"Version {text.no}, {text.kind}",
            f"Effective on {text.effective_on}",
        ]
        provisions = [
            _published(each) for each in await provisions_of(read, text.version_id, whole=True, restricted=False)
        ]
        yield Part(
            path=f"versions/{text.no:03}/text.txt",
            title=f"Version {text.no}, text",
            media_type=TEXT,
            source=path,
            content=version_text([*heading, *(f"Note: {each}" for each in warnings)], provisions),
            warnings=warnings,
        )
        for each in provisions:
            if each.text is None:
                yield withheld_provision(text.no, each)
    async for part in documents_of(read, NOT_A_PARTY, found, {}, now, (DocumentStatus.FILED,)):
        yield part


def _published(provision: Provision) -> Provision:
    """The provision as the public may read it: of what is not public, its place and the exemption alone."""
    if provision.sensitivity == Sensitivity.PUBLIC:
        return provision
    return msgspec.structs.replace(provision, text=None)
