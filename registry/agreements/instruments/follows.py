"""What of a text a paper that follows it does away with, changes or leaves as it was: said in the answer to it. Pure.

A member that is not given stays as in the text before; one that is given is all of it, so what it leaves out is gone,
and is named.
"""

from collections.abc import Collection, Iterator
from datetime import date
from typing import Any, Final

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from registry.agreements.instruments.notice import Notice
from registry.agreements.instruments.remarks import Remark, RemarkCode, how_often
from registry.agreements.instruments.term_days import Renewal
from registry.agreements.instruments.terms import Terms
from registry.platform.kernel.text import counted

_UNSAID: Final[dict[str, Any]] = {
    each.name: each.default if each.default_factory is NODEFAULT else each.default_factory()
    for each in fields(Terms)
    if each.name != "clauses"  # they follow the terms
}


class TermOfText(Struct, kw_only=True, frozen=True):
    """When a text ends, how it goes on, and which notice it asks for."""

    expires_on: date | None
    renewal: Renewal | None
    notice: Notice


def about_what_follows(
    before: TermOfText, after: TermOfText, number: int, version_no: int, given: Collection[str]
) -> Iterator[Remark]:
    """What of a text's end, renewal and notice a paper that follows it does away with, changes or leaves as it was.

    `number` is the version that it follows, `given` what was given with the paper: what was left out stays.
    """
    said, says = dict(_sayings(before)), dict(_sayings(after))
    for (member, name), was in said.items():
        now = says[member, name]
        if was is None:
            continue
        if now is None:
            code, detail = RemarkCode.TERM_REMOVED, f"Version {number} has {name}: {was}. This text has none any more."
        elif was != now:
            code, detail = RemarkCode.TERM_CHANGED, f"Version {number} has {name}: {was}. In this text it is: {now}."
        elif member not in given:
            detail = f"Nothing was given for {name}, so it is as in version {number}: {was}. Look into the paper."
            code = RemarkCode.TERM_KEPT
        else:
            continue
        yield Remark(code=code, detail=detail, version_no=version_no)


def about_repetition(repeated_no: int | None, version_no: int) -> Iterator[Remark]:
    """That a text says what another version says already."""
    if repeated_no is not None:
        detail = (
            f"Version {repeated_no} says the same from the same day. If it is the same paper, it is entered twice: "
            f"withdraw this one, and let each party confirm version {repeated_no}."
        )
        yield Remark(code=RemarkCode.REPEATS_VERSION, detail=detail, version_no=version_no)


def about_terms_that_follow(
    before: Terms, after: Terms, number: int, version_no: int, *, given: bool
) -> Iterator[Remark]:
    """The same of the terms beside those, by their names alone: what a restricted clause says of one is not told here.

    Terms that were `given` are all of the text's: it does not say any more what they leave out.
    """
    was = {name: value for name, none in _UNSAID.items() if (value := getattr(before, name)) != none}
    now = {name: getattr(after, name) for name in was}
    removed = [name for name in was if now[name] == _UNSAID[name]]
    changed = [name for name in was if name not in removed and now[name] != was[name]]
    if removed:
        detail = (
            f"Version {number} says {', '.join(removed)}, and this text says nothing of that any more. Where the paper "
            "leaves it as it was, give it with the terms."
        )
        yield Remark(code=RemarkCode.TERM_REMOVED, detail=detail, version_no=version_no)
    if changed:
        detail = f"Of {', '.join(changed)} version {number} says another thing than this text."
        yield Remark(code=RemarkCode.TERM_CHANGED, detail=detail, version_no=version_no)
    if was and not given:
        names = ", ".join(name for name in was if name not in (*removed, *changed))
        detail = f"No terms were given, so these are as in version {number}: {names}. Look into the paper."
        yield Remark(code=RemarkCode.TERM_KEPT, detail=detail, version_no=version_no)


def _sayings(term: TermOfText) -> Iterator[tuple[tuple[str, str], str | None]]:
    """What it says, in words, by the member that gives it and what that is about; None where it says nothing."""
    notice, renewal = term.notice, term.renewal
    yield ("expires_on", "a last day"), None if term.expires_on is None else str(term.expires_on)
    renews = None if renewal is None else f"by {counted(renewal.months, 'month')}, {how_often(renewal)}"
    yield ("auto_renew_months", "an automatic renewal"), renews
    yield ("notice", "a period of notice"), None if notice.general is None else str(notice.general)
    own = [f"{each.agency_id} {notice.of(each.agency_id)}" for each in notice.by_party]
    yield ("notice", "periods of notice of parties' own"), "; ".join(own) or None
    said_from = None if notice.counted_from == "silent" else f"from its {notice.counted_from}"
    yield ("notice", "from what notice counts"), said_from
    yield ("notice", "a manner of giving notice"), ", ".join(m.replace("_", " ") for m in notice.manners) or None
    where = [" ".join(filter(None, (a.office, a.address, a.email))) for a in notice.addressees]
    yield ("notice", "addresses for notice"), "; ".join(where) or None
