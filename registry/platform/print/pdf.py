"""Typst templates set as PDF/UA-1: tagged, with a title and a language, the same bytes for the same data.

The engine is the package `typst`, pinned in `requirements-print.lock`. Without it there is no PDF.
"""

import asyncio
import re
from importlib.util import find_spec
from typing import Any

import msgspec

# What the fonts that come with the engine can show: Latin with its extensions, Greek and Cyrillic. PDF/UA refuses a
# document with a character that they cannot. What is written from right to left is left out: it would reorder the line.
_LETTERS = (
    r"\u00a0-\u024f\u1e00-\u1eff\u0370-\u0377\u037a-\u037f\u0384-\u038a\u038c\u038e-\u03a1\u03a3-\u03ff\u0400-\u04ff"
)
_NOT_SHOWN = re.compile(rf"[^ -~{_LETTERS}\u2010-\u2015\u2018-\u201e\u2020-\u2022\u2026\u20ac]")


def is_installed() -> bool:
    """Whether the engine is there."""
    return find_spec("typst") is not None


async def make_pdf(template: bytes, data: Any) -> bytes:
    """The document that the template makes of `data`, which it reads as JSON from `sys.inputs.data`.

    Data never become markup. A character that the fonts lack is written as its code point, such as [U+65E5]. Raises
    ImportError where the engine is not installed.
    """
    return await asyncio.to_thread(_compiled, template, msgspec.json.encode(data).decode())


def _compiled(template: bytes, data: str) -> bytes:
    import typst  # an optional package, and a large one

    shown = _NOT_SHOWN.sub(lambda found: f"[U+{ord(found.group()):04X}]", data)
    made = typst.compile(
        template, format="pdf", sys_inputs={"data": shown}, pdf_standards=["ua-1"], ignore_system_fonts=True
    )
    return bytes(made)
