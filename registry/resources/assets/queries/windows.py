"""The window that a query asks about."""

from datetime import datetime

from registry.platform.kernel.errors import RuleBroken
from registry.platform.kernel.time import Window


def asked_window(start: datetime, end: datetime, start_name: str, end_name: str) -> Window:
    """The window from two query parameters. Raises RuleBroken with the parameter's name."""
    try:
        return Window(start=start, end=end).checked()
    except RuleBroken as error:
        name = start_name if error.faults[0].pointer == "/start" else end_name
        raise RuleBroken.at(error.detail, error.code, error.faults[0].detail, parameter=name) from None
