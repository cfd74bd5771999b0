"""PDF: whether it is one, whole and readable by everybody, and the text layer of each page."""

import re
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

from pypdf import PdfReader, overwrite_configuration
from pypdf.errors import LimitReachedError

from registry.files.pieces import MOST_PAGES, Piece, pieces
from registry.files.refusals import Refused, ambiguous, damaged, encrypted, expands

_HEADER = re.compile(rb"%PDF-[12]\.[0-9]")
_TAIL_BYTES = 2_048
_MOST_DECODED = 64 * 2**20
_ARCHIVE_BEHIND = re.compile(rb"Rar!\x1a\x07[\x00\x01]|7z\xbc\xaf\x27\x1c\x00")

# What one stream may become when it is decoded. No other program is ever started to decode one.
overwrite_configuration(
    zlib_maximum_output_length=_MOST_DECODED,
    lzw_maximum_output_length=_MOST_DECODED,
    run_length_maximum_output_length=_MOST_DECODED,
    array_based_stream_maximum_output_length=_MOST_DECODED,
    maximum_declared_stream_length=_MOST_DECODED,
    jbig2dec_binary=None,
    disable_legacy_handling=True,
)


def read_pdf(file: BinaryIO) -> Iterator[int | Piece | None]:
    """The number of pages, then the text of each; None for a page whose text cannot be had. Raises Refused."""
    _check_frame(file)
    reader = _opened(file)
    try:
        count = len(reader.pages)
    except LimitReachedError:
        raise expands() from None
    except Exception as error:  # the library raises whatever a broken structure makes of it
        raise damaged("its pages cannot be found") from error
    if not count:
        raise damaged("it has no pages")
    yield count
    for number in range(1, min(count, MOST_PAGES) + 1):
        try:
            text = reader.pages[number - 1].extract_text()
        except LimitReachedError:
            raise expands() from None
        except Exception:  # noqa: BLE001  # one unreadable page leaves the others readable; the reader is told
            yield None
        else:
            yield from pieces(text, number)
    if count > MOST_PAGES:
        yield None


def _check_frame(file: BinaryIO) -> None:
    """It begins and ends as a PDF does, with nothing before, behind or beside it."""
    if not _HEADER.match(file.read(16)):
        raise Refused("file_not_pdf", "The file is not a PDF: it does not begin as one.")
    file.seek(0, 2)
    file.seek(max(file.tell() - _TAIL_BYTES, 0))
    if not file.read().rstrip(b"\x00\t\n\f\r ").endswith(b"%%EOF"):
        raise damaged("it does not end as a PDF does, so it is cut off or something hangs on behind")
    file.seek(0)
    if _ARCHIVE_BEHIND.search(file.read()):
        raise ambiguous("an archive")
    file.seek(0)
    if _opens_as_zip(file):
        raise ambiguous("a ZIP archive")
    file.seek(0)
    if tarfile.is_tarfile(file):
        raise ambiguous("a tar archive")


def _opens_as_zip(file: BinaryIO) -> bool:
    try:
        with zipfile.ZipFile(file) as archive:
            return bool(archive.namelist())
    except (zipfile.BadZipFile, struct.error, NotImplementedError, ValueError, OverflowError, OSError):
        return False


def _opened(file: BinaryIO) -> PdfReader:
    file.seek(0)
    try:
        reader = PdfReader(file)
        protected = reader.is_encrypted
        _ = reader.root_object
    except LimitReachedError:
        raise expands() from None
    except Exception as error:
        # A file may fail to open because of how it is encrypted.
        file.seek(0)
        if b"/Encrypt" in file.read():
            raise encrypted() from None
        raise damaged("its structure is broken") from error
    if protected:
        raise encrypted()
    return reader
