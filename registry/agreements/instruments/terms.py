"""The machine-readable part of an agreement: what request policies read, and what contradicts itself."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Annotated, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct
from msgspec.structs import replace

from registry.platform.kernel.errors import Fault
from registry.platform.kernel.money import Money
from registry.platform.kernel.text import NAME_PATTERN, Code

Hours = Annotated[int, Meta(ge=1, le=87_600)]
ProvisionNumber = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=32,
        pattern=r"\A[0-9A-Za-z][0-9A-Za-z.()-]*\Z",
        extra={"form": "a number of at most 32 letters, digits, `.`, `-` and brackets, such as 4(b)"},
        description="Number of a provision as printed.",
        examples=["4.2"],
    ),
]
Control = Literal["requesting", "assisting", "silent"]
NoLimit = Literal["no_limit"]
ANY_PURPOSE: Final = "any"
"""What a text that serves every purpose expressly has in place of their codes."""


class Reimbursement(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Who pays for the help. Statutes know each of these models; have counsel review."""

    model: Annotated[
        Literal["none", "actual_after_hours", "fixed_rate", "personnel_excluded", "full", "silent"],
        Meta(
            description="`none`: each bears its own. `actual_after_hours`: actual costs once the help has "
            "lasted `free_hours` consecutive hours. `fixed_rate`: `rate_per_hour`. `personnel_excluded`: "
            "actual costs without personnel. `full`: all actual costs. `silent`: not entered, and nothing is assumed."
        ),
    ] = "silent"
    free_hours: Annotated[
        Hours | None, Meta(description="Consecutive hours before costs count; only for `actual_after_hours`.")
    ] = None
    rate_per_hour: Annotated[Money | None, Meta(description="Only for `fixed_rate`.")] = None


class Direction(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a party is to the others, where that is not both."""

    agency_id: UUID
    role: Annotated[
        Literal["assists", "requests"],
        Meta(description="`assists`: it only helps the others. `requests`: it is only helped by them."),
    ]


class Survival(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A provision that goes on binding once the agreement has ended."""

    clause: ProvisionNumber
    months: Annotated[
        Annotated[int, Meta(ge=1, le=1_200)] | None,
        Meta(description="For how many months after the end; null: the text sets no end."),
    ] = None


class AutomaticAid(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Help that is sent without being asked for, to a trigger agreed on beforehand (NIMS: local automatic aid)."""

    categories: Annotated[list[Code], Meta(min_length=1, max_length=100, examples=[["k9.explosives"]])]
    trigger: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=300,
            pattern=NAME_PATTERN,
            description="What sets it off, as the dispatchers know it.",
            examples=["Second alarm at a school (example)"],
        ),
    ]
    asset_ids: Annotated[
        list[UUID],
        Meta(
            max_length=200,
            description="The assets that are sent. The registry reserves one of them as soon as it is asked for in the "
            "case below, if policies permit it and it is free; else it is answered as any other. Empty: it reserves "
            "none.",
        ),
    ] = []
    purposes: Annotated[
        list[Code], Meta(max_length=100, description="The purposes for which those assets are reserved at once.")
    ] = []
    least_priority: Annotated[
        Literal["routine", "urgent", "emergency"] | None,
        Meta(description="And only for requests of this priority and above; null: of every one."),
    ] = None


class RightToEnd(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A party that may end the agreement for all, alone, because the text says so; have counsel review."""

    agency_id: UUID
    notice_days: Annotated[
        Annotated[int, Meta(ge=0, le=3_650)] | None,
        Meta(
            description="Notice that it gives before that, in days; 0 is at once, null: not entered. It counts from "
            "the day on which it is given. Where the text counts notice from receipt (`notice.counted_from`), of which "
            "none is recorded for a right to end, the right is used here for 0 alone."
        ),
    ] = None


class Terms(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The lending terms of an agreement version. What is left out, null or `silent`, is not entered."""

    categories: Annotated[
        list[Code],
        Meta(
            min_length=1,
            max_length=200,
            description="Resource categories covered, each with everything below it; `any` covers all.",
            examples=[["k9", "vehicle.command_post"]],
        ),
    ]
    purposes: Annotated[
        list[Code],
        Meta(
            max_length=100,
            description="Purposes covered; `any` where the text says that it covers all. Empty: it does not say. Then "
            "none is barred, decisions say so, and a sensitive one needs the assisting agency's legal officer.",
        ),
    ] = []
    directions: Annotated[
        list[Direction],
        Meta(max_length=1000, description="Who assists whom: parties that only help or are only helped; others both."),
    ] = []
    least_priority: Annotated[
        Literal["routine", "urgent", "emergency"] | None,
        Meta(
            description="Covers requests of this priority and above, `routine` of every one; null: it does not say, "
            "and none is barred."
        ),
    ] = None
    max_duration_hours: Annotated[
        Hours | NoLimit | None,
        Meta(
            description="Longest loan, in hours; `no_limit`: the text says that there is none, null: it does not say."
        ),
    ] = None
    notice_hours: Annotated[
        Annotated[int, Meta(ge=0, le=8_760)] | None,
        Meta(
            description="Least time between asking and the start, in hours; not applied to emergencies. 0: none is "
            "asked for, null: it does not say."
        ),
    ] = None
    cost_ceiling: Annotated[
        Money | NoLimit | None,
        Meta(
            description="Highest estimated cost of one loan; `no_limit`: the text says that there is none, null: it "
            "does not say."
        ),
    ] = None
    max_quantity: Annotated[
        Annotated[int, Meta(ge=1, le=100_000)] | NoLimit | None,
        Meta(
            description="The largest quantity of an asset at one time, whether it is asked for at once or in parts; "
            "`no_limit`: the text says that there is none, null: it does not say."
        ),
    ] = None
    approval_required: Annotated[
        bool | None,
        Meta(description="Whether every loan needs the assisting agency's approval; null: not entered."),
    ] = None
    approval_over_hours: Annotated[
        Hours | None, Meta(description="Loans longer than this need the assisting agency's approval.")
    ] = None
    reimbursement: Reimbursement = Reimbursement()
    claim_window_days: Annotated[
        Annotated[int, Meta(ge=1, le=3_650)] | NoLimit | None,
        Meta(
            description="Days after the return within which costs must be claimed; `no_limit` where the text says that "
            "there is no such limit, null: it does not say."
        ),
    ] = None
    liability: Annotated[
        Literal["sending", "receiving", "respective", "split", "silent"],
        Meta(description="Who bears liability; `respective`: each for its own acts; `silent`: not entered."),
    ] = "silent"
    command: Annotated[
        Literal["requesting", "assisting", "unified", "silent"], Meta(description="Who commands operations.")
    ] = "silent"
    sop_control: Annotated[
        Control, Meta(description="Whose policies and standard operating procedures govern the people sent.")
    ] = "silent"
    pay_control: Annotated[Control, Meta(description="Who controls pay and personnel matters.")] = "silent"
    recall_notice_hours: Annotated[
        Annotated[int, Meta(ge=0, le=8_760)] | None,
        Meta(description="Notice the assisting agency gives when it recalls, in hours; 0 is at once."),
    ] = None
    automatic_aid: Annotated[
        list[AutomaticAid], Meta(max_length=50, description="Help that is sent without being asked for.")
    ] = []
    open_ended: Annotated[
        Literal["stated", "silent"],
        Meta(
            description="Where there is no last day: whether the text says that it goes on until it is ended. "
            "`silent`: that is not entered; it is read as in force until it is ended, for no last day is made up."
        ),
    ] = "silent"
    surviving: Annotated[
        list[Survival],
        Meta(max_length=50, description="Provisions that go on after the end, and for how long; empty: it names none."),
    ] = []
    insurance_required: Annotated[
        bool | None,
        Meta(description="Whether current proof of liability insurance is needed; null: not entered."),
    ] = None
    open_to_accession: Annotated[
        bool | None,
        Meta(description="Whether whoever a party lets sign joins, without the consent of each; null: not entered."),
    ] = None
    rights_to_end: Annotated[
        list[RightToEnd], Meta(max_length=100, description="Who may end it for all; nobody unless the text says so.")
    ] = []
    suspension: Annotated[
        Literal["at_once", "by_notice", "not_allowed", "silent"],
        Meta(
            description="Whether a party may suspend its own participation: `at_once`, `by_notice` of "
            "`suspension_notice_days`, or not. `silent`: not entered; then it takes effect as its notice would."
        ),
    ] = "silent"
    suspension_notice_days: Annotated[
        Annotated[int, Meta(ge=1, le=3_650)] | None,
        Meta(description="Notice before a party's own suspension, in days; only for `by_notice`, null: not entered."),
    ] = None
    clauses: Annotated[
        dict[Code, ProvisionNumber],
        Meta(
            max_length=40,
            description="For a term's name, the number of the provision that says it.",
            examples=[{"max_duration_hours": "4.2"}],
        ),
    ] = {}


def is_silent(terms: Terms, name: str) -> bool:
    """Whether the term is not entered, or entered as not said."""
    value = getattr(terms, name)
    if name == "purposes":
        return not value
    return value in (None, "silent") or (isinstance(value, Reimbursement) and value.model == "silent")


def limit(value: int | NoLimit | None) -> int | None:
    """The figure of a limit; None where the text sets none, or does not say."""
    return None if value == "no_limit" else value


def ceiling(terms: Terms) -> Money | None:
    """The highest cost of a loan; None where the text sets none, or does not say."""
    return terms.cost_ceiling if isinstance(terms.cost_ceiling, Money) else None


def covers_purpose(terms: Terms, code: str) -> bool:
    """Whether nothing in the terms bars the purpose: they name it, or name none, or say that they cover all."""
    return not terms.purposes or ANY_PURPOSE in terms.purposes or code in terms.purposes


def purposes_meet(one: Terms, other: Terms) -> bool:
    """Whether a loan for one purpose can fall under both."""
    return not one.purposes or any(covers_purpose(other, code) for code in one.purposes) or ANY_PURPOSE in one.purposes


_NOTHING_SAID = Terms(categories=["any"])
SHOWN_TO_ALL = ("categories",)
"""Terms that partners are found by, and that the public view shows: no restricted provision can say them."""


def said_by(terms: Terms, numbers: Collection[str]) -> list[str]:
    """The terms that one of these provisions says, by name."""
    return sorted(name for name, number in terms.clauses.items() if number in numbers)


def shown_without(terms: Terms, names: Collection[str]) -> Terms:
    """The terms as they are answered where these are withheld: they are no members of it, beside the clause that says.

    A member that is null or `silent` would say that it is not entered.
    """
    return replace(terms, **dict.fromkeys(names, UNSET))


def compared_without(terms: Terms, names: Collection[str]) -> Terms:
    """The terms as they are held against others where these are withheld: of both sides nothing is said."""
    return replace(terms, **{name: getattr(_NOTHING_SAID, name) for name in names})


def contradictions(terms: Terms, provision_numbers: Sequence[str]) -> list[Fault]:
    """Everything in the terms that cannot be meant together, or that names what is not there.

    `provision_numbers` are those of the version's provisions, in order. A fault points, relative to the
    terms, at a member (`/provisions/<index>/number`, relative to the version, for a number used twice). Of two
    that cannot be meant together each is told, in the same words, first the one that is likelier the mistake.
    An empty list says that the terms are consistent, not that they are complete or lawful.
    """
    return [
        *_about_lists(terms),
        *_about_limits(terms),
        *_about_money(terms),
        *_about_clauses(terms, provision_numbers),
    ]


def misdirected(terms: Terms, parties: Sequence[UUID]) -> list[Fault]:
    """What is wrong with the directions among these parties; pointers are relative to the terms."""
    faults: list[Fault] = []
    seen: set[UUID] = set()
    for index, direction in enumerate(terms.directions):
        pointer = f"/directions/{index}/agency_id"
        if direction.agency_id in seen:
            faults.append(_fault(pointer, "direction_twice", "The agency has a direction already."))
        elif direction.agency_id not in parties:
            faults.append(_fault(pointer, "not_a_party", "The agency is not a party to the agreement."))
        seen.add(direction.agency_id)
    for index, right in enumerate(terms.rights_to_end):
        if right.agency_id not in parties:
            pointer = f"/rights_to_end/{index}/agency_id"
            faults.append(_fault(pointer, "not_a_party", "The agency is not a party to the agreement."))
    for role, lacking in (("assists", "requests"), ("requests", "assists")):
        alike = {direction.agency_id for direction in terms.directions if direction.role == role}
        if alike and alike >= set(parties):
            faults.append(_fault("/directions", f"nobody_{lacking}", f"Every party only {role}, so none {lacking}."))
    return faults


def ended_and_open(terms: Terms, expires_on: date | None) -> list[Fault]:
    """That the terms say that it goes on until it is ended, beside a last day; pointers are relative to the terms."""
    if expires_on is None or terms.open_ended == "silent":
        return []
    detail = f"It ends on {expires_on}, so it does not go on until it is ended: leave out the one or the other."
    return [_fault("/open_ended", "open_ended_with_last_day", detail)]


def ending(terms: Terms, expires_on: date | None) -> Terms:
    """The terms as a text with that last day takes them over: one with a last day does not go on until it is ended."""
    if not ended_and_open(terms, expires_on):
        return terms
    clauses = {name: number for name, number in terms.clauses.items() if name != "open_ended"}
    return replace(terms, open_ended="silent", clauses=clauses)


def roles_of(terms: Terms, agency_id: UUID) -> dict[str, bool]:
    """Whether the party `assists` and whether it `requests`; both, unless a direction says otherwise."""
    role = next((direction.role for direction in terms.directions if direction.agency_id == agency_id), None)
    return {"assists": role != "requests", "requests": role != "assists"}


def _fault(pointer: str, code: str, detail: str) -> Fault:
    return Fault(pointer=pointer, code=code, detail=detail)


def _clash(first: str, second: str, code: str, detail: str) -> Iterator[Fault]:
    """Two members that cannot be meant together: either may be the one to change, so both are told."""
    yield _fault(first, code, detail)
    yield _fault(second, code, detail)


def _about_lists(terms: Terms) -> Iterator[Fault]:
    for name, codes in (("categories", terms.categories), ("purposes", terms.purposes)):
        for index, code in enumerate(codes):
            if code in codes[:index]:
                yield _fault(f"/{name}/{index}", "listed_twice", f"“{code}” is listed twice.")
    if ANY_PURPOSE in terms.purposes and len(terms.purposes) > 1:
        detail = f"“{ANY_PURPOSE}” covers every purpose: leave it or the others out."
        yield _fault("/purposes", "purpose_covered_already", detail)
    for index, code in enumerate(terms.categories):
        wider = [other for other in terms.categories if covers(other, code)]
        if wider:
            detail = f"“{code}” is covered by “{wider[0]}” already: leave one of them out."
            yield _fault(f"/categories/{index}", "category_covered_already", detail)


PRIORITIES: Final = ("routine", "urgent", "emergency")


def is_sent_automatically(
    terms: Terms, *, asset_id: UUID, category_path: Collection[str], purpose: str, priority: str
) -> bool:
    """Whether the parties have consented beforehand to an asset being reserved as soon as it is asked for so."""
    return any(
        asset_id in aid.asset_ids
        and purpose in aid.purposes
        and not set(aid.categories).isdisjoint(category_path)
        and PRIORITIES.index(priority) >= PRIORITIES.index(aid.least_priority or "routine")
        for aid in terms.automatic_aid
    )


def covers(wider: str, code: str) -> bool:
    """Whether a category lies below another: codes spell out their place in the tree."""
    return wider != code and (wider == "any" or code.startswith(f"{wider}."))


def _about_limits(terms: Terms) -> Iterator[Fault]:
    longest, threshold = limit(terms.max_duration_hours), terms.approval_over_hours
    if threshold is not None and longest is not None and threshold >= longest:
        detail = f"No loan lasts over {longest} h, so approval over {threshold} h is never asked for."
        yield from _clash("/approval_over_hours", "/max_duration_hours", "approval_never_reached", detail)
    if threshold is not None and terms.approval_required:
        detail = f"Every loan needs approval, so a threshold of {threshold} h says nothing."
        yield from _clash("/approval_over_hours", "/approval_required", "approval_always_required", detail)
    for index, aid in enumerate(terms.automatic_aid):
        for code in aid.categories:
            if not any(wide == code or covers(wide, code) for wide in terms.categories):
                detail = f"Automatic aid with “{code}”, which the agreement does not cover."
                pointer = f"/automatic_aid/{index}/categories"
                yield from _clash(pointer, "/categories", "automatic_aid_not_covered", detail)
        if bool(aid.asset_ids) != bool(aid.purposes):
            detail = "Assets are reserved at once for purposes that are agreed on: list both, or neither."
            at = f"/automatic_aid/{index}"
            yield from _clash(f"{at}/asset_ids", f"{at}/purposes", "automatic_aid_incomplete", detail)
        for place, code in enumerate(aid.purposes):
            if not covers_purpose(terms, code):
                detail = f"Automatic aid for “{code}”, which is not among the purposes covered."
                pointer = f"/automatic_aid/{index}/purposes/{place}"
                yield from _clash(pointer, "/purposes", "automatic_aid_not_covered", detail)
    if terms.least_priority == "emergency" and terms.notice_hours:
        detail = "Only emergencies are covered, and to them a notice period does not apply."
        yield from _clash("/notice_hours", "/least_priority", "notice_never_applies", detail)
    if terms.suspension_notice_days is not None and terms.suspension != "by_notice":
        detail = f"A party's own suspension is “{terms.suspension}”, yet its notice is set."
        yield from _clash("/suspension_notice_days", "/suspension", "suspension_notice_contradicts", detail)
    recall = terms.recall_notice_hours
    if recall is not None and longest is not None and recall >= longest:
        detail = f"A recall with {recall} h of notice can never end a loan of at most {longest} h."
        yield from _clash("/recall_notice_hours", "/max_duration_hours", "recall_outlasts_loan", detail)


def _about_money(terms: Terms) -> Iterator[Fault]:
    pay = terms.reimbursement
    if pay.rate_per_hour is not None and pay.model != "fixed_rate":
        detail = f"Reimbursement is “{pay.model}”, yet a rate per hour is set."
        yield from _clash("/reimbursement/rate_per_hour", "/reimbursement/model", "rate_contradicts_model", detail)
    if pay.rate_per_hour is None and pay.model == "fixed_rate":
        detail = "Reimbursement is at a fixed rate, yet no rate per hour is set."
        yield from _clash("/reimbursement/rate_per_hour", "/reimbursement/model", "rate_missing", detail)
    if pay.free_hours is not None and pay.model != "actual_after_hours":
        detail = f"Reimbursement is “{pay.model}”, yet free hours are set."
        yield from _clash("/reimbursement/free_hours", "/reimbursement/model", "free_hours_contradict_model", detail)
    if pay.free_hours is None and pay.model == "actual_after_hours":
        detail = "Actual costs count after a number of hours, yet the number is not set."
        yield from _clash("/reimbursement/free_hours", "/reimbursement/model", "free_hours_missing", detail)
    longest = limit(terms.max_duration_hours)
    if pay.free_hours is not None and longest is not None and pay.free_hours >= longest:
        detail = f"No loan lasts over {longest} h, so costs after {pay.free_hours} h never arise."
        yield from _clash("/reimbursement/free_hours", "/max_duration_hours", "free_hours_cover_every_loan", detail)
    if limit(terms.claim_window_days) is not None and pay.model == "none":
        detail = "Nothing is reimbursed, yet there is a window for claims."
        yield from _clash("/claim_window_days", "/reimbursement/model", "claims_without_reimbursement", detail)
    rate, most = pay.rate_per_hour, ceiling(terms)
    if rate is not None and most is not None and rate.currency != most.currency:
        detail = f"The rate is in {rate.currency}, the ceiling in {most.currency}: they cannot be compared."
        yield from _clash(
            "/cost_ceiling/currency", "/reimbursement/rate_per_hour/currency", "currencies_differ", detail
        )


def _about_clauses(terms: Terms, provision_numbers: Sequence[str]) -> Iterator[Fault]:
    names = set(Terms.__struct_fields__) - {"clauses"}
    for name, number in terms.clauses.items():
        pointer = f"/clauses/{name}"
        if name not in names:
            yield _fault(pointer, "unknown_term", f"“{name}” is not the name of a term.")
        elif is_silent(terms, name):
            detail = f"Provision {number} is named for “{name}”, yet the terms say nothing about it."
            yield from _clash(pointer, f"/{name}", "clause_without_term", detail)
        if number not in provision_numbers:
            yield _fault(pointer, "unknown_provision", f"There is no provision {number} in this version.")
    for index, each in enumerate(terms.surviving):
        pointer = f"/surviving/{index}/clause"
        if each.clause not in provision_numbers:
            yield _fault(pointer, "unknown_provision", f"There is no provision {each.clause} in this version.")
        if each.clause in [before.clause for before in terms.surviving[:index]]:
            yield _fault(pointer, "listed_twice", f"Provision {each.clause} is listed twice.")
    uses = Counter(provision_numbers)
    for index, number in enumerate(provision_numbers):
        if uses[number] > 1:
            detail = f"{uses[number]} provisions have the number {number}, so a reference to it is ambiguous."
            yield _fault(f"/provisions/{index}/number", "provision_number_twice", detail)
