"""What has to be said is not said by blanks, nor by characters that nobody sees."""

from typing import Any

import msgspec
import pytest

from registry.agreements.instruments.schemas.evidence import EvidenceLocation
from registry.agreements.instruments.schemas.reviewing import CommentText
from registry.directory.issuers.schemas import ClaimValue
from registry.platform.issuers import Path
from registry.platform.kernel.text import Citation, ClauseText, JobTitle, Name, Prose, Reason

ON_ONE_LINE: list[Any] = [Name, JobTitle, Citation, EvidenceLocation, ClaimValue, Path]
ON_SEVERAL: list[Any] = [ClauseText, Reason, CommentText]
BLANKS = (" ", "   ", "\u00a0", "\u3000", " \u2003 ")


@pytest.mark.parametrize("kind", [*ON_ONE_LINE, *ON_SEVERAL])
def test_blanks_are_refused_and_text_between_blanks_is_not(kind: Any) -> None:
    for blank in BLANKS:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(blank, kind)
        assert msgspec.convert(f"{blank}a{blank}b{blank}", kind) == f"{blank}a{blank}b{blank}"


@pytest.mark.parametrize("kind", ON_SEVERAL)
def test_lines_without_anything_are_blank_too(kind: Any) -> None:
    for blank in ("\n", "\t\r\n", "\u200b", "\u2028 \ufeff"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(blank, kind)
    assert msgspec.convert("\n\tfirst\n\nsecond\n", kind)


def test_what_need_not_be_said_may_be_blank() -> None:
    assert msgspec.convert("", Prose) == ""
    assert msgspec.convert(" ", Prose) == " "
