"""An agency's life: what can be done to it from where, and what cannot."""

import pytest

from registry.directory.agencies.rules import (
    LEVEL_OF,
    TRANSITIONS,
    AgencyAction,
    AgencyKind,
    AgencyStatus,
    advance,
    name_form,
    nearest_name,
)
from registry.platform.kernel.errors import WrongStatus

# Written out in words, apart from the table it checks. A dash is a refusal.
SPECIFICATION = """
            activate  suspend    reinstate  dissolve
listed      active    -          -          dissolved
active      -         suspended  -          dissolved
suspended   -         -          active     dissolved
dissolved   -         -          -          -
"""

_actions, *_rows = (line.split() for line in SPECIFICATION.strip().splitlines())
CELLS = [(row[0], action, after) for row in _rows for action, after in zip(_actions, row[1:], strict=True)]


def test_the_specification_names_every_status_and_every_action() -> None:
    assert [row[0] for row in _rows] == list(AgencyStatus)
    assert _actions == list(AgencyAction)


@pytest.mark.parametrize(("status", "action", "after"), CELLS)
def test_each_action_leads_where_the_specification_says_or_is_refused(status: str, action: str, after: str) -> None:
    if after == "-":
        with pytest.raises(WrongStatus) as refusal:
            advance(AgencyStatus(status), AgencyAction(action))
        assert refusal.value.code == "wrong_status"
        assert action in refusal.value.detail
        assert status in refusal.value.detail
    else:
        assert advance(AgencyStatus(status), AgencyAction(action)) is AgencyStatus(after)


def test_the_table_holds_nothing_beyond_the_specification() -> None:
    assert {(str(s), str(a), str(after)) for (s, a), after in TRANSITIONS.items()} == {
        cell for cell in CELLS if cell[2] != "-"
    }


def test_a_refusal_says_where_the_caller_reads_what_is_possible() -> None:
    with pytest.raises(WrongStatus) as refusal:
        advance(AgencyStatus.LISTED, AgencyAction.SUSPEND)
    assert refusal.value.detail.startswith("An agency that is listed does not allow “suspend”. Its `allowed_actions`")


def test_every_kind_has_a_level() -> None:
    assert set(LEVEL_OF) == set(AgencyKind)


def test_names_are_near_when_only_abbreviations_or_a_slip_tell_them_apart() -> None:
    names = ["Saint Cloud Police Department", "Pine County Sheriff's Office", "Harlow Constable Precinct 1"]
    forms = [name_form(name) for name in names]
    near = {"St. Cloud PD": 0, "Saint Clouds Police Dept.": 0, "Pine Co. SO": 1, "Constable Harlow, Precinct 1": 2}
    assert {name: nearest_name(name_form(name), forms) for name in near} == near
    for name in ("Cloudy Police Department", "Pike County Sheriff", "Harlow Constable Precinct 2", "Police Department"):
        assert nearest_name(name_form(name), forms) is None, name
