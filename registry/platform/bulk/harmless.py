"""Text that no spreadsheet runs: what one would take for a formula is written with an apostrophe before it.

OWASP, “CSV Injection”: a cell that begins with one of these characters is computed when the file is opened. `unharmed`
takes the apostrophe away again, so that what was exported is imported as it was.
"""

from typing import Final

_BEGINNINGS: Final = tuple("=+-@|%＝＋－＠")
_SPACES: Final = ("\t", "\r", "\n")


def harmless(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would run."""
    return f"'{text}" if is_run(text.lstrip("'")) else text


def unharmed(text: str) -> str:
    """The inverse of `harmless`."""
    return text[1:] if text[:1] == "'" and is_run(text.lstrip("'")) else text


def is_run(text: str) -> bool:
    """Whether a spreadsheet would run it."""
    return text.lstrip()[:1] in _BEGINNINGS or text[:1] in _SPACES
