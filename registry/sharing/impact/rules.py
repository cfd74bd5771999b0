"""Facts under another text of one of their agreements. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from registry.sharing.policy.cedar import PolicySet
from registry.sharing.policy.facts import AgreementFacts, Facts
from registry.sharing.policy.trial import withheld_terms_read


class DraftedText(Struct, kw_only=True, frozen=True):
    """What a text says for two agencies: its terms, what it covers, and when it ends, beside the present text's end."""

    facts: AgreementFacts
    ends_at: datetime | None
    present_ends_at: datetime | None


def under(facts: Facts, agreements: Sequence[AgreementFacts], insured: bool | UnsetType | None = UNSET) -> Facts:
    """The same ask under these agreements. `insured`: whether certificates cover its window, where that matters."""
    if insured is not UNSET:
        agreements = [
            replace(each, terms=replace(each.terms, requesting_insurance_current=insured))
            if each.terms.insurance_required
            else each
            for each in agreements
        ]
    return replace(facts, agreements=tuple(agreements))


def amended(agreements: Sequence[AgreementFacts], agreement_id: UUID, draft: DraftedText) -> list[AgreementFacts]:
    """The agreements, that one with what the draft says. Whom it binds stays as it is; a draft binds nobody."""
    return [_amended(each, draft) if each.id == agreement_id else each for each in agreements]


def _amended(now: AgreementFacts, draft: DraftedText) -> AgreementFacts:
    return replace(
        now,
        version_id=draft.facts.version_id,
        version_no=draft.facts.version_no,
        title=draft.facts.title,
        covers_category=draft.facts.covers_category,
        covers_until=_until(now.covers_until, draft),
        terms=draft.facts.terms,
        clauses=draft.facts.clauses,
        restricted=draft.facts.restricted,
        texts=(),
    )


def _until(now: datetime | None, draft: DraftedText) -> datetime | None:
    """When the first of the two stops being bound: a party that leaves earlier than the text ends still leaves then."""
    if now == draft.present_ends_at:
        return draft.ends_at
    return min((each for each in (now, draft.ends_at) if each is not None), default=None)


def rests_on_withheld(agreements: Iterable[AgreementFacts], policies: PolicySet) -> bool:
    """Whether a policy reads a term of one of the agreements whose text not everybody may read.

    What comes of another text would tell of that term, though it stands in another agreement: a draft under which this
    one permits nothing leaves the answer to the others. It goes by texts, never by a figure, so that what is left out
    tells nothing either.
    """
    return any(withheld_terms_read(policies.policies, each) for each in agreements)
