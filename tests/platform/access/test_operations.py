"""A handler names what it wants; what nobody can give it is refused before the service serves."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar
from litestar.datastructures import State

from registry.platform.access.operations import Supplied, check_supplies, operation
from registry.platform.database.connect import OwnTransaction
from registry.platform.database.handles import Read, Write
from registry.platform.http.answers import Answer
from registry.platform.http.paging import Page
from registry.platform.http.requests import BodyStream


async def read_with_a_lantern(read: Supplied[Read], lantern: Supplied[str]) -> Answer[str]:
    """Ask for what the application has to supply."""
    return Answer(lantern)


async def write_something(write: Supplied[Write]) -> Answer[str]:
    """Ask for the request's transaction."""
    return Answer("")


async def filter_something(filters: Supplied[Page]) -> Answer[str]:
    """Ask for the query's parameters."""
    return Answer("")


async def take_a_file(body: Supplied[BodyStream]) -> Answer[str]:
    """Ask for a body that is a file."""
    return Answer("")


async def commit_by_itself(own_transaction: Supplied[OwnTransaction]) -> Answer[str]:
    """Ask for a transaction apart from the request's."""
    return Answer("")


def test_a_name_that_nothing_supplies_is_refused_at_start_up() -> None:
    handler = operation("get", "/lantern", permission=None)(read_with_a_lantern)
    with pytest.raises(LookupError, match="read_with_a_lantern asks for lantern"):
        check_supplies(Litestar([handler], openapi_config=None))


def test_what_the_application_was_given_is_supplied() -> None:
    handler = operation("get", "/lantern", permission=None)(read_with_a_lantern)
    check_supplies(Litestar([handler], state=State({"lantern": "lit"}), openapi_config=None))


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (write_something, "write"),
        (filter_something, "filters"),
        (take_a_file, "body"),
        (commit_by_itself, "own_transaction"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_the_declaration_does_not_offer_cannot_be_asked_for(function: Callable[..., Any], what: str) -> None:
    with pytest.raises(TypeError, match=f"{function.__name__} asks for {what}"):
        operation("get", "/", permission=None)(function)


def test_a_reading_that_is_recorded_by_itself_says_so() -> None:
    operation("get", "/", permission=None, own_transactions=True)(commit_by_itself)
