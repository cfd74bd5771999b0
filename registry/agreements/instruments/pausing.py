"""Whether, and from when, a party that suspends its own participation is not bound, by each text that binds it.

A text says that it may at once, by a notice of its own, or not. Where nothing of it is entered, nobody is freed sooner
than by leaving: what the others rely on is the notice.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from registry.agreements.instruments.notice import Notice, Period
from registry.agreements.instruments.rules import Stage, may_leave
from registry.agreements.instruments.terms import Terms, is_silent


class BindingTerms(Struct, kw_only=True, frozen=True):
    """What a text that binds a party says in terms, and of notice."""

    terms: Terms
    notice: Notice


def pause_barred(
    stage: Stage, terminated_at: datetime | None, at: datetime, terms: Terms, *, paused: bool
) -> str | None:
    """Why a party that is bound cannot suspend its own participation; `terms` are those of the text that binds it."""
    if not may_leave(stage, terminated_at, at):
        return f"Not while the agreement is {stage.replace('_', ' ')}."
    if terms.suspension == "not_allowed":
        clause = terms.clauses.get("suspension")
        where = "The text" if clause is None else f"Clause {clause}"
        return (
            f"{where} lets no party suspend its own participation: propose a suspension of the whole, or give notice."
        )
    return "Your agency has suspended its participation already." if paused else None


def pause_notice(text: BindingTerms, agency_id: UUID) -> Period | None:
    """The notice by which the party's own suspension runs; None where it is at once, or how long is not entered.

    That of the text's `suspension_notice_days`; where whether a party may is not entered, that by which it leaves.
    """
    if text.terms.suspension == "by_notice":
        days = text.terms.suspension_notice_days
        return None if days is None else Period(days=days)
    return text.notice.of(agency_id) if is_silent(text.terms, "suspension") else None


def pause_silent(text: BindingTerms, agency_id: UUID) -> str | None:
    """Why a party that suspends its participation by notice cannot: nobody can say when that has run out."""
    if text.terms.suspension == "at_once":
        return None
    if why := text.notice.unreceived("a suspension"):
        return f"{why} Propose a suspension of the whole, or give notice to leave."
    if pause_notice(text, agency_id) is not None:
        return None
    if text.terms.suspension == "by_notice":
        clause = text.terms.clauses.get("suspension")
        what = "The text asks for notice of a suspension, and how long that runs"
    elif is_silent(text.terms, "suspension"):
        clause = text.notice.clause
        what = "Whether a party may suspend its own participation is not entered, and how long its notice runs"
    else:
        return None
    where = "none of its clauses is named for it" if clause is None else f"clause {clause}"
    return (
        f"{what} is not entered ({where}); none is assumed. Propose a suspension of the whole, or amend the text; have "
        "counsel review."
    )
