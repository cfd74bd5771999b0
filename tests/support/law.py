"""Rules of a secondary source turned on for one test."""

from collections.abc import Callable

TurnOn = Callable[..., None]
"""Turns on the rules with the given codes, and no others, until the test ends."""
