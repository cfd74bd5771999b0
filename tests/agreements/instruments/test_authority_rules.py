"""Who may sign, as rules: days are inclusive, nobody hands on more than they hold, and every link of a chain counts."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.agreements.instruments.authority import (
    MOST_DELEGATIONS,
    AuthorityStatus,
    Power,
    Signature,
    checked,
    delegated,
    revoked_on,
    shortfalls,
    status_on,
    sufficient,
)
from registry.agreements.instruments.rules import AgreementKind
from registry.platform.kernel.errors import RuleBroken, WrongStatus
from registry.platform.kernel.money import Money

FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)
DAY = timedelta(days=1)
MOU, AID = AgreementKind.MOU, AgreementKind.MUTUAL_AID


def power(**fields: object) -> Power:
    return Power(**{"office": "Sheriff", "effective_on": FIRST, "expires_on": LAST, **fields})  # type: ignore[arg-type]  # each of its own type


def dollars(amount: int, currency: str = "USD") -> Money:
    return Money(amount=f"{amount}.00", currency=currency)


def signature(signed_on: date = FIRST, kind: AgreementKind = AID, amount: Money | None = None) -> Signature:
    return Signature(kind=kind, signed_on=signed_on, amount=amount)


class TestOneOffice:
    @pytest.mark.parametrize(
        ("day", "status", "reason"),
        [
            (FIRST - DAY, AuthorityStatus.NOT_YET_VALID, "begins on 2026-01-01"),
            (FIRST, AuthorityStatus.VALID, None),
            (LAST, AuthorityStatus.VALID, None),
            (LAST + DAY, AuthorityStatus.EXPIRED, "expired on 2026-12-31"),
        ],
    )
    def test_both_days_of_its_validity_are_in(self, day: date, status: AuthorityStatus, reason: str | None) -> None:
        assert status_on([power()], day) is status
        assert shortfalls([power()], signature(day)) == ([] if reason is None else [reason])

    @pytest.mark.parametrize(
        ("day", "status"), [(date(2026, 5, 31), AuthorityStatus.VALID), (date(2026, 6, 1), AuthorityStatus.REVOKED)]
    )
    def test_the_day_of_its_revocation_is_the_first_without_it(self, day: date, status: AuthorityStatus) -> None:
        revoked = power(revoked_on=date(2026, 6, 1))
        assert status_on([revoked], day) is status
        assert (shortfalls([revoked], signature(day)) == []) == (status is AuthorityStatus.VALID)

    def test_without_a_last_day_it_does_not_end(self) -> None:
        assert status_on([power(expires_on=None)], date(2199, 1, 1)) is AuthorityStatus.VALID

    @pytest.mark.parametrize(("kinds", "covered"), [((), True), ((AID, MOU), True), ((MOU,), False)])
    def test_it_covers_the_kinds_it_names_or_all(self, kinds: tuple[AgreementKind, ...], covered: bool) -> None:
        lacking = shortfalls([power(kinds=kinds)], signature())
        assert lacking == ([] if covered else ["does not cover agreements of the kind mutual_aid"])

    @pytest.mark.parametrize(
        ("amount", "reaches"),
        [(None, True), (dollars(100), True), (Money(amount="100.01"), False), (dollars(1, "CAD"), False)],
    )
    def test_its_ceiling_is_held_against_the_amount_that_the_text_names(
        self, amount: Money | None, reaches: bool
    ) -> None:
        assert (shortfalls([power(ceiling=dollars(100))], signature(amount=amount)) == []) == reaches

    def test_it_does_not_end_before_it_begins(self) -> None:
        assert checked(power(expires_on=FIRST))
        with pytest.raises(RuleBroken, match="before it begins"):
            checked(power(expires_on=FIRST - DAY))


class TestDelegation:
    def test_what_is_left_open_goes_as_far_as_the_delegators_own_power(self) -> None:
        own = power(kinds=(AID,), ceiling=dollars(100))
        given = delegated([own], power(office="Chief", expires_on=None), FIRST)
        assert (given.kinds, given.ceiling, given.expires_on) == (own.kinds, own.ceiling, own.expires_on)

    @pytest.mark.parametrize(
        ("asked", "pointers"),
        [
            ({"kinds": (AID, MOU)}, ["/kinds"]),
            ({"ceiling": dollars(101)}, ["/ceiling"]),
            ({"ceiling": dollars(1, "CAD")}, ["/ceiling"]),
            ({"effective_on": FIRST - DAY}, ["/effective_on"]),
            ({"expires_on": LAST + DAY}, ["/expires_on"]),
            ({"kinds": (MOU,), "expires_on": LAST + DAY}, ["/kinds", "/expires_on"]),
        ],
    )
    def test_nobody_hands_on_more_than_they_hold_or_for_longer(
        self, asked: dict[str, object], pointers: list[str]
    ) -> None:
        own = power(kinds=(AID,), ceiling=dollars(100))
        with pytest.raises(RuleBroken) as refused:
            delegated([own], power(**asked), FIRST)
        assert [fault.pointer for fault in refused.value.faults] == pointers

    def test_the_whole_may_be_handed_on_to_the_day(self) -> None:
        own = power(kinds=(AID,), ceiling=dollars(100))
        assert delegated([own], own, FIRST) == own

    @pytest.mark.parametrize(("today", "ended"), [(LAST, False), (LAST + DAY, True), (FIRST - DAY, False)])
    def test_what_has_ended_is_not_handed_on(self, today: date, ended: bool) -> None:
        if ended:
            with pytest.raises(WrongStatus, match="expired"):
                delegated([power()], power(), today)
        else:
            assert delegated([power()], power(), today)

    def test_what_rests_on_something_revoked_is_not_handed_on(self) -> None:
        chain = [power(), power(revoked_on=FIRST)]
        with pytest.raises(WrongStatus, match="revoked"):
            delegated(chain, power(), FIRST)

    def test_it_is_handed_on_three_times_and_not_a_fourth(self) -> None:
        chain = [power()]
        for _ in range(MOST_DELEGATIONS):
            chain.insert(0, delegated(chain, power(), FIRST))
        with pytest.raises(RuleBroken, match="at most 3 times"):
            delegated(chain, power(), FIRST)


class TestWhichAuthority:
    def test_the_least_delegated_that_reaches_is_taken_and_of_those_the_latest(self) -> None:
        original, older = power(effective_on=FIRST + DAY), power()
        chains = [[power(), power()], [older], [original], [power(kinds=(MOU,))]]
        assert sufficient(chains, signature(LAST)) == 2
        assert sufficient(chains, signature(FIRST)) == 1

    def test_two_days_may_rest_on_two_entries_of_the_office_one_after_the_other(self) -> None:
        paper = Signature(kind=AID, signed_on=FIRST, given_on=LAST + 3 * DAY)
        older, newer = power(), power(effective_on=LAST + DAY, expires_on=None)
        assert sufficient([[newer], [older]], paper) == 1, "the signature rests on that of its own day"
        whole = power(expires_on=None)
        assert sufficient([[newer], [older], [whole]], paper) == 2, "one that holds on both days goes first"

    def test_of_two_days_the_one_without_an_authority_says_why(self) -> None:
        paper = Signature(kind=AID, signed_on=FIRST, given_on=LAST + 3 * DAY)
        with pytest.raises(RuleBroken, match="expired on 2027-01-02"):
            sufficient([[power()], [power(effective_on=LAST + DAY, expires_on=LAST + 2 * DAY)]], paper)

    @pytest.mark.parametrize(
        ("chains", "reason"),
        [
            ([], "No authority of that office to sign is on the agency's record."),
            ([[power(expires_on=FIRST)]], "The authority of “Sheriff” expired on 2026-01-01."),
            ([[power(), power(office="Board", revoked_on=FIRST)]], "rests on that of “Board”, which was revoked on"),
            # One that lacks a kind alone is nearer than one that lacks it and has ended too.
            ([[power(kinds=(MOU,), expires_on=FIRST)], [power(kinds=(MOU,))]], "“Sheriff” does not cover"),
        ],
    )
    def test_where_none_reaches_the_nearest_says_why(self, chains: list[list[Power]], reason: str) -> None:
        with pytest.raises(RuleBroken) as refused:
            sufficient(chains, signature(LAST))
        assert refused.value.code == "no_signing_authority"
        assert reason in refused.value.detail


days = st.dates(FIRST - 5 * DAY, FIRST + 5 * DAY)
kinds = st.lists(st.sampled_from([AID, MOU, AgreementKind.COMPACT]), unique=True).map(tuple)
ceilings = st.none() | st.integers(1, 5).map(dollars)
powers = st.builds(
    Power,
    office=st.just("Office"),
    kinds=kinds,
    ceiling=ceilings,
    effective_on=days,
    expires_on=st.none() | days,
    revoked_on=st.none() | days,
)


@given(st.lists(powers, min_size=2, max_size=4), days, st.sampled_from([AID, MOU]), st.none() | st.integers(1, 6))
def test_whatever_is_handed_on_reaches_nothing_that_its_source_does_not(
    asked: list[Power], day: date, kind: AgreementKind, amount: int | None
) -> None:
    """The delegation itself, its own revocation aside, never exceeds or outlives what it comes from."""
    chain = [asked[0]]
    for each in asked[1:]:
        try:
            chain.insert(0, delegated(chain, each, FIRST))
        except (RuleBroken, WrongStatus):
            continue
    wanted = signature(day, kind, None if amount is None else dollars(amount))
    for depth in range(len(chain)):
        own, source = chain[depth:], chain[depth + 1 :]
        if source and not shortfalls(own[:1], wanted):
            assert not [reason for reason in shortfalls(source, wanted) if "revoked" not in reason]


@given(st.lists(powers, min_size=1, max_size=4), days)
def test_a_chain_holds_on_a_day_when_each_of_its_links_does(chain: list[Power], day: date) -> None:
    holds = status_on(chain, day) is AuthorityStatus.VALID
    assert holds == all(status_on([link], day) is AuthorityStatus.VALID for link in chain)
    gone = revoked_on(chain)
    assert (status_on(chain, day) is AuthorityStatus.REVOKED) == (gone is not None and gone <= day)
