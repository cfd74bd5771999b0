"""A file's name came from somebody else, and goes out in a header that no name can break."""

import re
from urllib.parse import unquote

import hypothesis.strategies as st
import pytest
from hypothesis import given

from registry.platform.files.kinds import JPEG, MEDIA_TYPES, PDF, PLAIN, WORD
from registry.platform.http.disposition import attachment, fitting_name

SHAPE = re.compile(r"attachment; filename=\"([A-Za-z0-9 ._()-]+)\"; filename\*=UTF-8''([A-Za-z0-9!#$&+^`|~._%-]+)")


def names(filename: str | None, media_type: str = PDF) -> tuple[str, str]:
    found = SHAPE.fullmatch(attachment(filename, media_type))
    assert found is not None
    return found[1], unquote(found[2])


@pytest.mark.parametrize(
    ("given_name", "plain", "whole"),
    [
        ("agreement.pdf", "agreement.pdf", "agreement.pdf"),
        ("Agreement (signed) 2026.PDF", "Agreement (signed) 2026.pdf", "Agreement (signed) 2026.pdf"),
        ("../../etc/passwd", "passwd.pdf", "passwd.pdf"),
        ("C:\\Windows\\system32\\cmd.exe", "cmd.exe.pdf", "cmd.exe.pdf"),
        ("a\r\nSet-Cookie: x=1.pdf", "aSet-Cookie_ x_1.pdf", "aSet-Cookie: x=1.pdf"),
        ("a\x00b.pdf", "ab.pdf", "ab.pdf"),
        ('say "yes"; filename=x.html', "say _yes__ filename_x.html.pdf", 'say "yes"; filename=x.html.pdf'),
        ("€ 5.pdf", "_ 5.pdf", "€ 5.pdf"),
        ("Añoka.pdf", "An_oka.pdf", "Añoka.pdf"),
        ("invoice\u202efdp.exe", "invoicefdp.exe.pdf", "invoicefdp.exe.pdf"),
        ("100%25.pdf", "100_25.pdf", "100%25.pdf"),
        ("...", "document.pdf", "document.pdf"),
        (".htaccess", "htaccess.pdf", "htaccess.pdf"),
        ("   ", "document.pdf", "document.pdf"),
        ("", "document.pdf", "document.pdf"),
        ("x.pdf/", "document.pdf", "document.pdf"),
        ("日本.pdf", "__.pdf", "日本.pdf"),
    ],
)
def test_a_name_is_kept_as_far_as_it_is_one(given_name: str, plain: str, whole: str) -> None:
    assert names(given_name) == (plain, whole)


@pytest.mark.parametrize(
    ("given_name", "media_type", "kept"),
    [
        ("invoice.exe", JPEG, "invoice.jpg"),
        ("IMG_0001.JPEG", JPEG, "IMG_0001.JPEG"),
        ("Agreement v2.5", PDF, "Agreement v2.5.pdf"),
        ("read.md", PLAIN, "read.md"),
        ("run.pdf.bat", PDF, "run.pdf"),
        (".exe", PDF, "exe.pdf"),
        ("..\\..\\x\u202e.pdf", PDF, "x.pdf"),
    ],
)
def test_a_name_is_kept_with_an_extension_of_its_type(given_name: str, media_type: str, kept: str) -> None:
    assert fitting_name(given_name, media_type) == kept


def test_a_name_ends_as_the_kind_of_file_does() -> None:
    assert [names("run.html", kind)[1] for kind in (PDF, WORD, PLAIN)] == [
        "run.html.pdf",
        "run.html.docx",
        "run.html.txt",
    ]
    assert names(None, PLAIN)[1] == "document.txt"


@given(st.text(max_size=300), st.sampled_from(MEDIA_TYPES))
def test_no_name_breaks_the_header_or_leads_anywhere(filename: str, media_type: str) -> None:
    plain, whole = names(filename, media_type)
    assert attachment(filename, media_type).isascii()
    for name in (plain, whole):
        assert not {"/", "\\", "\r", "\n", "\0"} & {*name}
        assert not name.startswith(".")
        assert len(name) <= 160
