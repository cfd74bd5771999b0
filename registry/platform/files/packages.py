"""Packages of parts in a ZIP archive, as word processors write them: what all of them must satisfy, and their XML."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from registry.platform.files.refusals import Refused, ambiguous, damaged, encrypted, expands_too_far

MOST_ENTRIES = 4_000
MOST_EXPANDED = 256 * 2**20
MOST_RATIO = 200
_RATIO_FROM = 4 * 2**20  # small parts of blanks compress better than that, and are harmless
_CHUNK = 2**20
_HEADER_BYTES = 30
_END_BYTES = 22
_SIZES_BEHIND = (12, 16, 20, 24)  # of a data descriptor, with and without its signature, in 32 and 64 bits


@contextmanager
def opened_package(file: BinaryIO) -> Iterator[zipfile.ZipFile]:
    """The package, after every part was unpacked and checked once. Raises Refused."""
    try:
        with zipfile.ZipFile(file) as archive:
            _check_entries(archive)
            _check_layout(file, archive)
            _unpack_all(archive)
            yield archive
    except (zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OverflowError, KeyError) as error:
        raise damaged("it is not a complete ZIP archive") from error
    except (ParseError, DefusedXmlException, LookupError) as error:
        raise damaged("its text is not well-formed XML without definitions of its own") from error


def opens_as_zip(file: BinaryIO) -> bool:
    """Whether a program that unpacks archives would take the file for one."""
    try:
        with zipfile.ZipFile(file) as archive:
            return bool(archive.namelist())
    except (zipfile.BadZipFile, struct.error, NotImplementedError, ValueError, OverflowError, OSError):
        return False


def elements(part: IO[bytes]) -> Iterator[Element]:
    """The elements of an XML part, each when it is complete."""
    for _, element in iterparse(part, forbid_dtd=True):
        yield element


def has_macros() -> Refused:
    """The error for a document with macros."""
    return Refused("file_has_macros", "The document holds macros. Save it without macros, and send it again.")


def _check_entries(archive: zipfile.ZipFile) -> None:
    """Raises Refused for encryption, duplicate names, and names that lead out of the archive."""
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise expands_too_far()
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise encrypted()
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise damaged("its parts are compressed in a way that documents do not use")
    names = [entry.filename for entry in entries]
    if len({name.lower() for name in names}) != len(names) or not all(map(_is_safe, names)):
        raise damaged("its parts have names that are not allowed in documents")


def _is_safe(name: str) -> bool:
    return (
        bool(name)
        and not name.startswith("/")
        and not any(character in "\\:" or character < " " for character in name)
        and not any(segment in (".", "..") for segment in name.split("/"))
    )


def _check_layout(file: BinaryIO, archive: zipfile.ZipFile) -> None:
    """Raises Refused for data before, between or behind the parts: another program might read the file by them."""
    place = 0
    described = False
    for entry in sorted(archive.infolist(), key=lambda each: each.header_offset):
        _check_gap(entry.header_offset - place, described=described, first=place == 0)
        file.seek(entry.header_offset)
        header = file.read(_HEADER_BYTES)
        if not header.startswith(b"PK\x03\x04"):
            raise damaged("its table of contents does not lead to its parts")
        name_length, extra_length = struct.unpack_from("<HH", header, 26)
        place = entry.header_offset + _HEADER_BYTES + name_length + extra_length + entry.compress_size
        described = bool(entry.flag_bits & 0x8)
    _check_gap(archive.start_dir - place, described=described, first=place == 0)
    file.seek(-_END_BYTES, 2)
    if archive.comment or not file.read(4).startswith(b"PK\x05\x06"):
        raise ambiguous("another format, because other data follows it")


def _check_gap(gap: int, *, described: bool, first: bool) -> None:
    if gap == 0 or (described and gap in _SIZES_BEHIND):
        return
    if gap < 0:
        raise damaged("its parts overlap")
    if first:
        raise ambiguous("another format, because it does not begin with its first part")
    raise ambiguous("another format, because there is other data between its parts")


def _unpack_all(archive: zipfile.ZipFile) -> None:
    """Unpack every part once, verify its checksum and count its real size: the declared sizes may be false."""
    left = MOST_EXPANDED
    for entry in archive.infolist():
        expanded = 0
        with archive.open(entry) as part:
            while chunk := part.read(_CHUNK):
                expanded += len(chunk)
                left -= len(chunk)
                if left < 0 or expanded > max(_RATIO_FROM, entry.compress_size * MOST_RATIO):
                    raise expands_too_far()
