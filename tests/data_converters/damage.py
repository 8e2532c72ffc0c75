"""Damages files: whatever happened to them, a reader ends in words."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from hypothesis import strategies as st

ODD = (b"9" * 25, b",", b'"', b"\n", b"..", b"-1", b"\x0b", b"\xff", b"/", b"1 2 ", b"\r")


def spoil_a_file(data: st.DataObject, root: Path) -> None:
    """Cut one of the files below a folder short, or change a byte of it."""
    file = data.draw(st.sampled_from(sorted(each for each in root.rglob("*") if each.is_file())))
    broken = bytearray(file.read_bytes())
    place = data.draw(st.integers(0, len(broken) - 1))
    if data.draw(st.booleans()):
        del broken[place:]
    else:
        broken[place] = data.draw(st.integers(0, 255))
    file.write_bytes(broken)


def damaged_tables(whole: bytes, *, count: int, step: int = 1) -> Iterator[bytes]:
    """Yield a table cut at every `step`-th byte, then `count` with odd bytes in it; always the same."""
    noise = random.Random(5)
    yield from (whole[:length] for length in range(0, len(whole), step))
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(noise.randint(1, 3)):
            place = noise.randrange(len(data))
            some = noise.choice(ODD)
            data[place : place + noise.randint(0, 4)] = some
        yield bytes(data)
