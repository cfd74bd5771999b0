"""The account that runs a command, and what it says where that account may not write."""

import os
import pwd
from pathlib import Path

NEEDS_BOTH = "SQLite writes the file and its log beside it"


def account(place: Path | None = None) -> str:
    """The name of the account that runs this, or that a place belongs to; its number where it has no name."""
    number = os.geteuid() if place is None else place.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def cannot_write(place: Path, why: str) -> tuple[str, str]:
    """What is said of a place that this account cannot write, and what to do about it."""
    owner = ""
    try:
        if account(place) != account():
            owner = f"; it belongs to {account(place)}"
    except OSError:  # a folder above it may not be entered
        pass
    advice = f"let {account()} write it, or run `registry` as the account that it belongs to"
    return f"{place} cannot be written by {account()}: {why}{owner}", advice


def refused_at(place: Path) -> Path:
    """Of a place at which this account was refused, the file or the folder that has to be opened to it.

    Of what is not there yet that is the folder in which it would be.
    """
    while place != place.parent:
        try:
            if place.exists():
                return place
        except PermissionError:
            pass
        place = place.parent
    return place


def closed_to_sqlite(file: Path) -> Path | None:
    """The SQLite file, or its folder, if this account cannot write it: SQLite keeps its log beside the file."""
    for each in (file.parent, file):
        if not os.access(each, os.W_OK | (os.X_OK if each == file.parent else 0)):
            return each
    return None
