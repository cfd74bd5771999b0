"""What is taken out of pictures, and what of them stays."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from registry.platform.files.kinds import JPEG, PNG
from registry.platform.files.metadata import without_metadata

SECRET = b"44.98N 93.27W, taken by J. Doe (demo)"
ORIENTATION, GPS, MAKE = 0x0112, 0x8825, 0x010F


def exif(side: int) -> Image.Exif:
    found = Image.Exif()
    found[ORIENTATION] = side
    found[MAKE] = SECRET.decode()
    found.get_ifd(GPS)[1] = "N"
    found.get_ifd(GPS)[29] = SECRET.decode()
    return found


def jpeg(side: int = 6) -> bytes:
    out = BytesIO()
    picture = Image.new("RGB", (40, 20), (200, 30, 30))
    picture.putpixel((0, 0), (10, 200, 10))
    picture.save(out, "JPEG", exif=exif(side), comment=SECRET, icc_profile=b"profile", quality=95, progressive=True)
    return out.getvalue()


def png(side: int = 6) -> bytes:
    said, out = PngInfo(), BytesIO()
    said.add_text("Author", SECRET.decode())
    said.add_itxt("XML:com.adobe.xmp", SECRET.decode())
    Image.new("RGBA", (40, 20), (200, 30, 30, 128)).save(out, "PNG", exif=exif(side), pnginfo=said)
    return out.getvalue()


@pytest.mark.parametrize(("kind", "raw"), [(JPEG, jpeg()), (PNG, png())])
def test_only_the_picture_and_which_side_is_up_stay(kind: str, raw: bytes) -> None:
    assert SECRET in raw
    clean = without_metadata(kind, raw + b"PK\x03\x04 what stands behind it")
    assert SECRET not in clean
    assert b"stands behind" not in clean
    with Image.open(BytesIO(raw)) as before, Image.open(BytesIO(clean)) as after:
        after.load()
        assert (after.size, after.mode, after.tobytes()) == (before.size, before.mode, before.tobytes())
        assert dict(after.getexif()) == {ORIENTATION: 6}
        assert after.info.get("icc_profile") is None
    assert without_metadata(kind, clean) == clean


@pytest.mark.parametrize(("kind", "raw"), [(JPEG, jpeg(1)), (PNG, png(1))])
def test_an_upright_picture_says_nothing_at_all(kind: str, raw: bytes) -> None:
    with Image.open(BytesIO(without_metadata(kind, raw))) as after:
        assert dict(after.getexif()) == {}


def test_a_second_picture_within_or_behind_the_first_goes() -> None:
    """Phones keep a small copy of the whole beside what was cut out of it."""
    small = b"\xff\xd8" + SECRET + b"\xff\xd9"
    raw = jpeg()
    hidden = b"\xff\xe2" + struct.pack(">H", len(small) + 6) + b"MPF\x00" + small
    assert SECRET not in without_metadata(JPEG, raw[:2] + hidden + raw[2:] + small)


def test_exif_that_is_broken_says_nothing() -> None:
    raw = png(1)
    data = b"MM\x00\x2a\xff\xff\xff\xff" + SECRET
    chunk = struct.pack(">I", len(data)) + b"eXIf" + data + struct.pack(">I", zlib.crc32(b"eXIf" + data))
    clean = without_metadata(PNG, raw[:33] + chunk + raw[33:])
    assert SECRET not in clean
    assert b"eXIf" not in clean
