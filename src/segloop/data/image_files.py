"""What an image file holds, found from its bytes: decoders repair or hide much of what is broken."""

from __future__ import annotations

import io
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from segloop.data.depth import depth_of
from segloop.utils.errors import DataError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
MOST_PIXELS = 1 << 28  # of one image
Image.MAX_IMAGE_PIXELS = MOST_PIXELS  # Pillow's own limit would warn of slides and satellite images
_EXIF_ORIENTATION = 0x0112
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257  # tags: the size as it is stored
_TILE_WIDTH, _TILE_HEIGHT = 322, 323
_TIFF_KIND = 254  # tag: not 0 of a smaller copy, or of a mask
_TURNED = (5, 6, 7, 8)  # OpenCV, and so mmcv, turns the image as EXIF says
# Pillow would open some forty kinds, and few of its readers are meant for files of strangers.
_KINDS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), ".png"),
    (re.compile(rb"\xff\xd8\xff"), ".jpg"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), ".tif"),
    (re.compile(rb"BM"), ".bmp"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), ".webp"),
)
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8"
_CHANNELS = {2: 3, 4: 2, 6: 4}  # by PNG's colour type
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_SCANS = 100  # of a JPEG, some ten of which are usual: each is a walk over all pixels, for a few bytes
_JPEG_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # but for those inside a scan
_TAG_BYTES = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}  # by a TIFF's types; others: 1
_TAGS = 4  # times the bytes of its file may the tags of a TIFF claim: several may share some
_BMP_RUNS = (1, 2)  # BMPs of run lengths, which Pillow unpacks pixel by pixel: 9 seconds for 68 bytes
_DEFLATE = 1032  # times smaller than what it holds can packed data be


@dataclass(frozen=True)
class ImageFacts:
    """An image file: its size as loaders see it, after the EXIF orientation, or what is wrong with it."""

    size_hw: tuple[int, int] = (0, 0)
    orientation: int = 1
    error: str | None = None


def kind_of(data: bytes) -> str | None:
    """Return the suffix of an image's kind by its first bytes, whatever its name says; None if none is known.

    >>> kind_of(b"BM..."), kind_of(b"GIF89a")
    ('.bmp', None)
    """
    return next((suffix for magic, suffix in _KINDS if magic.match(data)), None)


def image_size(file: Path) -> tuple[int, int]:
    """Return height and width of an image as a viewer sees it, from its header: no pixel is decoded.

    The EXIF orientation counts. A file that is no image, or one of more than `MOST_PIXELS`, is a DataError.
    """
    try:
        with file.open("rb") as stream:
            size_hw, orientation = _header(stream)
    except Exception as error:  # Pillow's plug-ins raise whatever they come across
        of_system = isinstance(error, OSError) and error.strerror  # Pillow's own OSErrors have none
        reason = f"cannot be read ({of_system})" if of_system else decoding_error(error)
        raise DataError(f"{file}: {reason}") from error
    excess = size_excess(size_hw)
    if excess:
        raise DataError(f"{file}: {excess}")
    return size_hw[::-1] if orientation in _TURNED else size_hw


def has_pages(file: Path) -> bool:
    """Return whether a TIFF holds several images of one size, of which every loader here takes the first.

    The smaller copies that maps and slides have are none.
    """
    if file.suffix.lower() not in (".tif", ".tiff"):
        return False
    try:
        with Image.open(file) as image:
            first, page = image.size, 1
            while True:
                image.seek(page)
                if image.size == first and not image.tag_v2.get(_TIFF_KIND, 0):  # type: ignore[attr-defined]
                    return True
                page += 1
    except Exception:  # EOFError behind the last one; what is damaged is told where it is decoded
        return False


def size_excess(size_hw: tuple[int, int], *, most_pixels: int = MOST_PIXELS) -> str | None:
    """Say that an image is larger than anything we read; None if it is not."""
    height, width = size_hw
    return (
        f"{width}x{height} pixels; the limit is {most_pixels} in all"
        if height * width > most_pixels
        else None
    )


def _header(stream: IO[bytes]) -> tuple[tuple[int, int], int]:
    """Return height, width and EXIF orientation.

    PNG and JPEG are read here: Pillow decodes a PNG to look for EXIF behind its pixels, and warns of size.
    """
    start = stream.read(8)
    stream.seek(0)
    if start == _PNG:
        return _png_header(stream)
    if start.startswith(_JPEG):
        return _jpeg_header(stream)
    with Image.open(stream) as image:
        width, height = image.size
        if isinstance(image, TiffImageFile):  # whose size newer Pillows have turned already
            width, height = image.tag_v2[_TIFF_WIDTH], image.tag_v2[_TIFF_HEIGHT]
        if excess := _tag_excess(image.info.get("exif") or b""):
            raise ValueError(excess)
        orientation = int(image.getexif().get(_EXIF_ORIENTATION, 1))
        if image.format == "WEBP" and orientation in range(2, 9):
            raise ValueError(
                f"viewers turn it as its EXIF orientation {orientation} says, and OpenCV turns no WebP: save "
                "it upright"
            )
        return (height, width), orientation


def _png_header(stream: IO[bytes]) -> tuple[tuple[int, int], int]:
    stream.seek(len(_PNG))
    size_hw, orientation = None, 1
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IHDR":
            width, height = struct.unpack(">II", stream.read(8))
            size_hw = (height, width)
            stream.seek(length - 8 + 4, 1)
        elif kind == b"eXIf":
            orientation = _orientation(stream.read(length))
            break
        elif kind == b"IEND":
            break
        else:
            stream.seek(length + 4, 1)
    if size_hw is None or 0 in size_hw:
        raise ValueError("its header is damaged")
    return size_hw, orientation


def _jpeg_header(stream: IO[bytes]) -> tuple[tuple[int, int], int]:
    stream.seek(2)
    orientation = 1
    while len(head := stream.read(2)) == 2 and head[0] == 0xFF:
        marker = head[1]
        if marker == 0xFF:  # fill byte
            stream.seek(-1, 1)
            continue
        (length,) = struct.unpack(">H", stream.read(2))
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            _, height, width = struct.unpack(">BHH", stream.read(5))
            if height and width:
                return (height, width), orientation
            break
        body = stream.read(length - 2)
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation = _orientation(body)
    raise ValueError("its header is damaged")


def _orientation(exif: bytes) -> int:
    """Return the orientation that an EXIF block holds; a block that cannot be read turns nothing."""
    found = Image.Exif()
    if _tag_excess(exif):
        return 1
    try:
        found.load(exif)
        return int(found.get(_EXIF_ORIENTATION, 1))
    except Exception:  # Pillow raises whatever it comes across
        return 1


def image_facts(file: Path | bytes, *, most_pixels: int = MOST_PIXELS) -> ImageFacts:
    """Look an image over without decoding the pixels of PNG and JPEG: their structure shows damage.

    `file` is a path, or what the file holds. Of an image of more than `most_pixels` none is decoded.
    """
    try:
        data = file if isinstance(file, bytes) else file.read_bytes()
    except OSError as error:
        return ImageFacts(error=error.strerror)
    damage = structure_damage(data, most_pixels=most_pixels)
    if damage:
        return ImageFacts(error=damage)
    try:
        size_hw, orientation = _header(io.BytesIO(data))
        if excess := size_excess(size_hw, most_pixels=most_pixels):
            return ImageFacts(error=excess)
        if not data.startswith((_PNG, _JPEG)):
            with Image.open(io.BytesIO(data)) as image:
                if excess := _tile_excess(image, most_pixels):
                    return ImageFacts(error=excess)
                if image.format != "BMP" or image.info.get("compression") not in _BMP_RUNS:
                    image.load()
                elif missing := _missing_of_bmp(data):
                    return ImageFacts(error=f"truncated: {missing} bytes are missing")
    except Exception as error:  # Pillow's plug-ins raise whatever they come across
        return ImageFacts(error=_of_depth(data) or decoding_error(error))
    if fault := _of_depth(data):
        return ImageFacts(error=fault)
    return ImageFacts(size_hw[::-1] if orientation in _TURNED else size_hw, orientation)


def _missing_of_bmp(data: bytes) -> int:
    """Return how many bytes of its pixels a BMP lacks by its header."""
    (begin,), (length,) = struct.unpack_from("<I", data, 10), struct.unpack_from("<I", data, 34)
    return max(0, begin + length - len(data))


def _tile_excess(image: Image.Image, most_pixels: int) -> str | None:
    """Say that the tiles of a TIFF are larger than anything we read: they are decoded whole."""
    if not isinstance(image, TiffImageFile) or not {_TILE_WIDTH, _TILE_HEIGHT} <= {*image.tag_v2}:
        return None
    excess = size_excess((image.tag_v2[_TILE_HEIGHT], image.tag_v2[_TILE_WIDTH]), most_pixels=most_pixels)
    return excess and f"tiles of {excess}"


def _of_depth(data: bytes) -> str:
    """Say that an image has more channels or bits than anybody here draws or trains on, if it has."""
    depth = depth_of(data)
    if depth is None:
        return ""
    if depth.channels > 4:
        return f"{depth}; images have 1, 3 or 4 channels"
    return f"{depth}; OpenCV reads 8 and 16" if depth.bits > 16 else ""


def decoding_error(error: Exception) -> str:
    """Say why Pillow could not decode a file."""
    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image that can be decoded"
    return f"cannot be decoded ({error})"


def structure_damage(data: bytes, *, most_pixels: int = MOST_PIXELS) -> str | None:
    """Say how the bytes of a PNG or JPEG are damaged, or that a PNG is too large; None if neither is seen."""
    if not data:
        return "the file is empty"
    if data.startswith(_PNG):
        return _png_damage(data, most_pixels)
    if data.startswith(_JPEG):
        return _jpeg_damage(data)
    return _tag_excess(data) if kind_of(data) == ".tif" else None


def _tag_excess(data: bytes) -> str | None:
    """Say that the tags of a TIFF, or of an EXIF block, claim the same bytes many times over."""
    data = data.removeprefix(b"Exif\0\0")  # Pillow keeps a copy for each tag: 16 GB of 16 MB
    order, big = "<" if data[:2] == b"II" else ">", data[2:4] in (b"+\0", b"\0+")
    counts, entry = (f"{order}Q", f"{order}HHQ8x") if big else (f"{order}H", f"{order}HHI4x")
    try:
        (place,) = struct.unpack_from(f"{order}Q" if big else f"{order}I", data, 8 if big else 4)
        (count,) = struct.unpack_from(counts, data, place)
    except struct.error:  # Pillow tells what is missing
        return None
    begin, size = place + struct.calcsize(counts), struct.calcsize(entry)
    tags = data[begin : begin + min(count, (len(data) - begin) // size) * size]
    lengths = (number * _TAG_BYTES.get(kind, 1) for _, kind, number in struct.iter_unpack(entry, tags))
    claimed = sum(length for length in lengths if length <= len(data))  # Pillow leaves out longer ones
    return f"damaged: its tags claim {claimed} bytes of {len(data)}" if claimed > _TAGS * len(data) else None


def _png_damage(data: bytes, most_pixels: int) -> str | None:
    place = len(_PNG)
    view = memoryview(data)
    needed = packed = 0  # bytes of pixels
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + length
        if end > len(data):
            return f"truncated: {end - len(data)} bytes or more are missing"
        if struct.unpack_from(">I", data, end - 4)[0] != zlib.crc32(view[place + 4 : end - 4]):
            return f"damaged: the checksum of its {kind.decode('latin-1')} chunk at byte {place} is wrong"
        if kind == b"IHDR":
            if length != 13:
                return "damaged: its header has a wrong length"
            width, height, depth, color, *ways = struct.unpack_from(">II5B", data, place + 8)
            if excess := size_excess((height, width), most_pixels=most_pixels):
                return excess
            if not width * height or depth not in _DEPTHS.get(color, ()) or ways[:2] != [0, 0] or ways[2] > 1:
                return "damaged: its header has values that no PNG has"
            needed = height * (1 + width * depth * _CHANNELS.get(color, 1) // 8)
        elif kind == b"IDAT":
            packed += length
        elif kind == b"IEND":
            if needed > _DEFLATE * packed:
                return f"damaged: {packed} bytes cannot hold the pixels that its header promises"
            return None
        place = end
    return "truncated: the end of the PNG is missing"


def _jpeg_damage(data: bytes) -> str | None:
    """Walk the segments up to the first scan, then look for the end mark: thumbnails have their own."""
    place = 2
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            return f"damaged: no JPEG marker at byte {place}"
        marker = data[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker == 0xDA:  # start of scan
            if data.find(b"\xff\xd9", place) < 0:
                return "truncated: the end of the JPEG is missing"
            return _scan_excess(data, place)
        else:
            place += 2 + struct.unpack_from(">H", data, place + 2)[0]
    return "truncated: the JPEG ends before its pixels"


def _scan_excess(data: bytes, place: int) -> str | None:
    """Say that a JPEG has more scans from `place` on than anybody writes; a film behind its end has none."""
    if data.count(b"\xff\xda", place) <= _SCANS:
        return None
    scans = 0
    while (found := _JPEG_MARKER.search(data, place)) and found[0] != b"\xff\xd9":
        scans += found[0] == b"\xff\xda"
        if scans > _SCANS:
            return f"damaged: more than {_SCANS} scans, each of which takes the time of a whole image"
        place = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return None
