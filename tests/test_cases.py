"""Cases that share a test hide nothing: each that fails is told by its name, and so is that there was none."""

import pytest

from tests.support.cases import every_case


def try_three(tried: list[int]) -> None:
    with every_case() as case:
        for number in (0, 1, 2):
            with case(f"number {number}"):
                tried.append(number)
                assert number == 1


def expect_what_does_not_come() -> None:
    with every_case() as case, case("a refusal"), pytest.raises(ValueError, match="never"):
        pass


def try_none() -> None:
    with every_case():
        pass


def test_each_case_that_fails_is_told_and_the_others_are_tried() -> None:
    tried = list[int]()
    with pytest.raises(BaseExceptionGroup, match="2 of 3 cases failed") as told:
        try_three(tried)
    assert tried == [0, 1, 2]
    assert [error.__notes__ for error in told.value.exceptions] == [["in the case number 0"], ["in the case number 2"]]


def test_a_refusal_that_does_not_come_is_a_case_that_failed() -> None:
    with pytest.raises(BaseExceptionGroup, match="1 of 1 cases failed"):
        expect_what_does_not_come()


def test_a_test_without_cases_fails() -> None:
    with pytest.raises(AssertionError, match="no case to try"):
        try_none()
