"""Identifiers sort by their making; versions tell an edit from a lost update."""

import time
from threading import Thread
from uuid import RFC_4122, UUID

import pytest

from registry.platform.kernel.actions import offer
from registry.platform.kernel.errors import PreconditionMissing, StaleVersion
from registry.platform.kernel.ids import new_id
from registry.platform.kernel.versions import Tags, check_version


def test_identifiers_made_later_sort_later() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_identifiers_of_several_threads_never_meet() -> None:
    made: list[UUID] = []
    threads = [Thread(target=lambda: made.extend(new_id() for _ in range(5_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 20_000


def test_an_identifier_is_a_version_seven_uuid_of_the_standard_library() -> None:
    made = new_id()
    assert type(made) is UUID
    assert (made.version, made.variant) == (7, RFC_4122)
    assert abs((made.int >> 80) / 1000 - time.time()) < 60


def test_an_edit_from_the_current_version_passes() -> None:
    check_version(Tags(frozenset({3})), 3, required=True)
    check_version(Tags(frozenset({1, 3}), weak=True), 3)
    check_version("any", 3, required=True)
    check_version(None, 3)


@pytest.mark.parametrize("versions", [{2}, {4}, {0}, {2, 4}, set()])
def test_an_edit_from_another_version_is_stale_and_names_the_current(versions: set[int]) -> None:
    with pytest.raises(StaleVersion) as refused:
        check_version(Tags(frozenset(versions)), 3)
    assert refused.value.extra == {"current_version": 3}
    changed = "Somebody changed this" in refused.value.detail
    assert changed is bool(versions), "of a tag that was never given out nobody knows that"
    assert versions or '"3-' in refused.value.detail, "but what a tag of now begins with"


def test_an_edit_that_says_nothing_is_refused_where_it_matters() -> None:
    with pytest.raises(PreconditionMissing):
        check_version(None, 3, required=True)


def test_an_action_is_withheld_with_a_reason_or_allowed_without() -> None:
    assert (offer("return").allowed, offer("return").reason) == (True, None)
    withheld = offer("return", withheld="The loan has not left yet.")
    assert (withheld.allowed, withheld.reason) == (False, "The loan has not left yet.")
