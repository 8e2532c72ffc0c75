"""Tells how many channels and bits an image file has beyond the 8-bit RGB that networks here are shown."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BITS, _CHANNELS = 258, 277  # TIFF's tags
_SHORT = 3
HEAD = 1 << 16  # bytes of a PNG that are enough


@dataclass(frozen=True, slots=True)
class Depth:
    """Channels and bits of a channel of a TIFF or PNG."""

    form: str
    channels: int
    bits: int

    def __str__(self) -> str:
        """Say it in words."""
        return f"a {self.form} of {self.channels} channel(s) of {self.bits} bits"


def depth_of(data: bytes) -> Depth | None:
    """Return what the header of a TIFF or PNG says; None for other files and damaged ones.

    >>> depth_of(_PNG + bytes(16) + bytes([16, 0]))
    Depth(form='PNG', channels=1, bits=16)
    """
    if data.startswith(_PNG) and len(data) > 25:
        return Depth("PNG", _PNG_CHANNELS.get(data[25], 1), data[24])
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None:
        return None
    try:
        found = _tiff_tags(data, order)
    except struct.error:
        return None
    return Depth("TIFF", found.get(_CHANNELS, 1), found.get(_BITS, 1))


def _tiff_tags(data: bytes, order: str) -> dict[int, int]:
    """Return the first value of both tags in a TIFF's first directory."""
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    found = {}
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind, length = struct.unpack_from(f"{order}HHI", data, place)
        if tag in (_BITS, _CHANNELS) and kind == _SHORT:
            at = place + 8 if length <= 2 else struct.unpack_from(f"{order}I", data, place + 8)[0]
            (found[tag],) = struct.unpack_from(f"{order}H", data, at)
    return found


def depth_of_file(file: Path) -> Depth | None:
    """Return the depth of a file, None for one that is no TIFF or PNG or cannot be read."""
    try:
        if file.suffix.lower() in (".tif", ".tiff"):
            return depth_of(file.read_bytes())
        with file.open("rb") as stream:
            return depth_of(stream.read(HEAD))
    except OSError:
        return None
