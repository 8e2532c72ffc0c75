"""Reads and writes safetensors files: tensors by name and a few texts, in a format that can hold no code.

The file is the length of its header (8 bytes, little endian), the header (JSON: type, shape and place of
each tensor, texts under `__metadata__`), and the bytes of the tensors without gaps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from segloop.utils.atomic import open_atomic
from segloop.utils.errors import FormatError

SUFFIX = ".safetensors"
LONGEST_HEADER = 100_000_000  # the limit of the reference implementation
NOTES = "__metadata__"
TYPES = {
    "F64": torch.float64,
    "I64": torch.int64,
    "U64": torch.uint64,
    "F32": torch.float32,
    "I32": torch.int32,
    "U32": torch.uint32,
    "BF16": torch.bfloat16,
    "F16": torch.float16,
    "I16": torch.int16,
    "U16": torch.uint16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
}


def write_tensors(
    path: Path | str, tensors: Mapping[str, Tensor], *, notes: Mapping[str, str] | None = None
) -> None:
    """Write tensors and notes (text by text); the same content gives the same bytes."""
    order = {kind: place for place, kind in enumerate(TYPES.values())}
    unknown = [f"{name} is {value.dtype}" for name, value in tensors.items() if value.dtype not in order]
    if unknown:
        raise FormatError(f"safetensors has no place for such numbers: {', '.join(unknown)}", file=path)
    # Wide numbers first, so that every tensor lies where its numbers can be read in place.
    names = sorted(tensors, key=lambda name: (order[tensors[name].dtype], name))
    kinds = {kind: name for name, kind in TYPES.items()}
    header: dict[str, Any] = {NOTES: dict(sorted(notes.items()))} if notes else {}
    end = 0
    for name in names:
        value = tensors[name]
        begin, end = end, end + value.numel() * value.element_size()
        header[name] = {"dtype": kinds[value.dtype], "shape": list(value.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    with open_atomic(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            plain = tensors[name].detach().cpu().contiguous().reshape(-1)
            file.write(plain.view(torch.uint8).numpy().tobytes())


def read_tensors(
    path: Path | str, *, map_location: str | torch.device | None = "cpu"
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return tensors by name, and the notes; a file that is not exactly what it says is refused."""
    path = Path(path)
    with path.open("rb") as file:
        size = path.stat().st_size
        header, start = _read_header(file, path, size)
        notes = header.pop(NOTES, {})
        if not isinstance(notes, dict) or not all(isinstance(text, str) for text in notes.values()):
            raise FormatError("must hold texts by name", file=path, where=NOTES)
        places = {name: _place(entry, path, name) for name, entry in header.items()}
        end = 0
        for name, (_, _, begin, stop) in sorted(places.items(), key=lambda item: item[1][2:]):
            if begin != end:
                raise FormatError(
                    f"begins at {begin}, and the one before it ends at {end}", file=path, where=name
                )
            end = stop
        if start + end != size:
            raise FormatError(f"has {size} bytes, and its header tells of {start + end}", file=path)
        tensors = {}
        for name, (kind, shape, begin, stop) in places.items():
            data = bytearray(stop - begin)
            file.seek(start + begin)
            file.readinto(data)
            flat = torch.frombuffer(data, dtype=kind) if data else torch.empty(0, dtype=kind)
            tensors[name] = flat.reshape(shape).to(map_location or "cpu")
    return tensors, notes


def _read_header(file: IO[bytes], path: Path, size: int) -> tuple[dict[str, Any], int]:
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(LONGEST_HEADER, size - 8):
        raise FormatError("this is no safetensors file, or it was cut off", file=path)
    try:
        header = json.loads(file.read(length))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the header is not JSON ({error})", file=path) from None
    if not isinstance(header, dict):
        raise FormatError("the header must hold tensors by name", file=path)
    return header, 8 + length


def _place(entry: Any, path: Path, name: str) -> tuple[torch.dtype, list[int], int, int]:
    """Return type, shape, begin and end of a tensor, all of which agree."""
    try:
        kind, shape, (begin, end) = TYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
        counts = [*shape, begin, end]
    except (KeyError, TypeError, ValueError):
        raise FormatError(
            f"the header's entry cannot be understood: {entry!r:.200}", file=path, where=name
        ) from None
    if not all(type(count) is int and count >= 0 for count in counts):
        raise FormatError(f"has a size that is no size: {entry!r:.200}", file=path, where=name)
    if math.prod(shape) * kind.itemsize != end - begin:
        raise FormatError(f"has {end - begin} bytes, which its shape does not take", file=path, where=name)
    return kind, shape, begin, end
