"""What of a PNG or JPEG must be there, and that nothing else is in it."""

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image

from registry.platform.files.kinds import JPEG, PNG
from registry.platform.files.metadata import without_metadata
from registry.platform.files.pictures import read_picture
from registry.platform.files.refusals import Refused
from registry.platform.files.remarks import Missing

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SECRET = b"44.98N 93.27W, taken by J. Doe (demo)"
PIXELS = bytes(range(1, 61))


def chunk(kind: bytes, said: bytes) -> bytes:
    return struct.pack(">I", len(said)) + kind + said + struct.pack(">I", zlib.crc32(kind + said))


def png(*parts: bytes, width: int = 4, height: int = 5, depth: int = 8, colour: int = 2, interlaced: int = 0) -> bytes:
    """A picture with these parts between its size and its end."""
    header = struct.pack(">II5B", width, height, depth, colour, 0, 0, interlaced)
    return SIGNATURE + chunk(b"IHDR", header) + b"".join(parts) + chunk(b"IEND", b"")


def idat(rows: bytes) -> bytes:
    return chunk(b"IDAT", zlib.compress(rows))


ROWS = b"".join(b"\0" + PIXELS[12 * row : 12 * row + 12] for row in range(5))
WHOLE = zlib.compress(ROWS)


def refusal(media_type: str, raw: bytes) -> str | None:
    try:
        assert list(read_picture(media_type)(BytesIO(raw))) == [Missing.PICTURE]
    except Refused as refused:
        return refused.code
    return None


def drawn(mode: str, width: int, height: int, kind: str, **how: object) -> bytes:
    out = BytesIO()
    Image.effect_noise((width, height), 60).convert(mode).save(out, kind, **how)
    return out.getvalue()


def usual() -> Iterator[tuple[str, bytes]]:
    """Pictures as programs write them, also of sizes that fill no byte."""
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA"):
        for size in ((1, 1), (13, 5), (40, 20)):
            yield PNG, drawn(mode, *size, kind="PNG")
    for mode in ("L", "RGB", "CMYK"):
        for progressive in (False, True):
            yield JPEG, drawn(mode, 37, 21, kind="JPEG", progressive=progressive)


def test_what_programs_write_is_taken_and_shows_the_same_without_what_else_it_says() -> None:
    for media_type, raw in usual():
        assert refusal(media_type, raw) is None
        clean = without_metadata(media_type, raw)
        assert refusal(media_type, clean) is None
        with Image.open(BytesIO(raw)) as before, Image.open(BytesIO(clean)) as after:
            assert (after.size, after.mode, after.tobytes()) == (before.size, before.mode, before.tobytes())


def test_an_interlaced_picture_has_as_many_rows_as_its_passes() -> None:
    """Of 4 by 5 pixels in Adam7's passes: 1, none, 1, 2, 2, 6 and 8 pixels, in 1, 0, 1, 2, 2, 3 and 2 rows."""
    rows = [(1, 1), (1, 1), (2, 1), (1, 2), (3, 2), (2, 4)]
    passes = b"".join((b"\0" + bytes(3 * width)) * height for height, width in rows)
    picture = png(idat(passes), interlaced=1)
    with Image.open(BytesIO(picture)) as seen:
        seen.load()
    assert refusal(PNG, picture) is None
    assert refusal(PNG, png(idat(passes + b"\0"), interlaced=1)) == "file_damaged"
    assert refusal(PNG, png(idat(ROWS), interlaced=1)) == "file_damaged"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (png(chunk(b"IDAT", WHOLE[:9]), chunk(b"IDAT", WHOLE[9:])), None),
        (png(idat(ROWS + SECRET)), "file_damaged"),
        (png(chunk(b"IDAT", WHOLE + SECRET)), "file_damaged"),
        (png(chunk(b"IDAT", WHOLE), chunk(b"IDAT", SECRET)), "file_damaged"),
        (png(chunk(b"IDAT", SECRET)), "file_damaged"),
        (png(idat(ROWS[:-1])), "file_damaged"),
        (png(chunk(b"IDAT", WHOLE[:-5])), "file_damaged"),
        (png(), "file_damaged"),
        (png(chunk(b"IDAT", WHOLE[:9]), chunk(b"gAMA", bytes(4)), chunk(b"IDAT", WHOLE[9:])), "file_damaged"),
        (png(idat(ROWS), depth=3), "file_damaged"),
        (png(width=20_000, height=20_000), "file_expands_too_far"),
        (png(idat(bytes(64_000_000)), width=6_000, height=8_000), "file_damaged"),
    ],
)
def test_a_png_has_the_bytes_that_its_pixels_need_and_no_others(raw: bytes, code: str | None) -> None:
    assert refusal(PNG, raw) == code


def test_a_jpeg_is_one_that_can_be_shown_up_to_its_end() -> None:
    raw = drawn("RGB", 40, 20, kind="JPEG")
    size, scan = raw.index(b"\xff\xc0"), raw.index(b"\xff\xda")
    vast = raw[: size + 5] + struct.pack(">HH", 20_000, 20_000) + raw[size + 9 :]
    assert refusal(JPEG, vast) == "file_expands_too_far"
    (scanned,) = struct.unpack_from(">H", raw, scan + 2)
    for broken in (
        raw[:2] + raw[size:],  # without the tables that come before the size
        raw[:size] + raw[scan:],  # without its size
        raw[:scan] + raw[-2:],  # without pixels
        raw[: scan + 2 + scanned] + raw[-2:],  # with an empty scan
        raw[:scan] + b"\xff\xf3\x00\x10" + SECRET[:14] + raw[scan:],  # with a part that no decoder knows
        raw[:size] + raw[size:scan].replace(b"\xff\xc4", b"\xff\xfe") + raw[scan:],  # without its codes
        raw[:-2],
    ):
        assert refusal(JPEG, broken) == "file_damaged"


def test_profiles_of_colours_and_parts_that_say_more_than_they_can_go() -> None:
    profile = {"icc_profile": b"profile" + SECRET}
    for media_type, raw in (
        (JPEG, drawn("RGB", 40, 20, kind="JPEG", **profile)),
        (PNG, drawn("RGB", 40, 20, kind="PNG", **profile)),
        (PNG, png(chunk(b"gAMA", SECRET), chunk(b"pHYs", bytes(9)), idat(ROWS))),
        (PNG, png(chunk(b"pHYs", bytes(9)), chunk(b"pHYs", SECRET[:9]), idat(ROWS))),
    ):
        clean = without_metadata(media_type, raw)
        assert SECRET[:9] not in clean
        with Image.open(BytesIO(clean)) as seen:
            seen.load()
            assert seen.info.get("icc_profile") is None
    thumbnail = drawn("RGB", 40, 20, kind="JPEG")
    (length,) = struct.unpack_from(">H", thumbnail, 4)
    said = thumbnail[6 : 4 + length] + SECRET
    longer = thumbnail[:4] + struct.pack(">H", len(said) + 2) + said + thumbnail[4 + length :]
    assert without_metadata(JPEG, longer) == without_metadata(JPEG, thumbnail)
