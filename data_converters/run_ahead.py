"""Decodes the rows that come next in a CSV of runs, many at a time: numpy's steps cost as much for one mask.

Only what is plain and right is decoded ahead. All else is left to `run_rows`, which says what is wrong.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from data_converters.run_csv import Table
from segloop.data import masks
from segloop.data.annotations import SizeHW

SMALLEST, LARGEST = 1 << 11, 1 << 14  # bytes that are decoded ahead: more each time, but never many
_RUNS = b"0123456789 "


@dataclass(frozen=True)
class Block:
    """Rows one behind the other: where they begin and the last one ends, their fields, and their masks.

    `first` is, for each row, how many of those before it have a mask; `spans` are where their runs are.
    """

    begins: list[int]
    fields: list[list[bytes]]
    runs: list[masks.Runs | None]
    first: list[int]
    spans: masks.Spans


class Ahead:
    """The rows behind those that were asked for last; a copy in another process has none yet."""

    def __init__(self, table: Table, drawn: int, size_hw: SizeHW) -> None:
        self.table, self.drawn, self.size_hw = table, drawn, size_hw
        self._block: Block | None = None
        self._reach = SMALLEST
        self._next = -1  # the byte at which who reads in order asks next
        self._odd = 0  # the byte up to which rows are not plain

    def __reduce__(self) -> tuple[type[Ahead], tuple[Table, int, SizeHW]]:
        return Ahead, (self.table, self.drawn, self.size_hw)

    def take(self, begin: int, end: int) -> tuple[list[list[bytes]], list[masks.Runs]] | None:
        """Return the fields of an image's rows and their masks; None if somebody has to look at them.

        That is so if they are not the next in the file, if anything about them is odd, and if there are
        several and two of them are equal, share a pixel, or have no runs.
        """
        in_order, self._next = begin == self._next, end
        if self._block is None or begin >= self._block.begins[-1] or begin < self._block.begins[0]:
            if not in_order or begin < self._odd:
                return None
            self._block = self._decode(begin)
        if self._block is None:
            return None
        block = self._block
        low, high = bisect_left(block.begins, begin), bisect_left(block.begins, end)
        if high == len(block.begins):  # the block ends within the image
            self._block = None
            return None
        fields, runs = block.fields[low:high], [each for each in block.runs[low:high] if each is not None]
        if high - low > 1:
            part = block.spans.part(block.first[low], block.first[high])
            texts = {each[self.drawn] for each in fields}
            if len(runs) < len(fields) or len(texts) < len(fields) or masks.shared_pixels(part)[0]:
                return None
        return fields, runs

    def _decode(self, begin: int) -> Block | None:
        """Decode the rows from a byte on; None if anything about any of them is odd."""
        data = self.table.file.read(begin, begin + self._reach)
        data = data[: data.rfind(b"\n") + 1]
        self._reach = min(2 * self._reach, LARGEST)
        block = self._decoded(begin, data)
        if block is None:
            self._odd = begin + max(len(data), 1)
        return block

    def _decoded(self, begin: int, data: bytes) -> Block | None:
        lines = data.split(b"\n")[:-1]
        delimiter = self.table.delimiter.encode()
        fields = [line.rstrip(b"\r").split(delimiter) for line in lines]
        if b'"' in data or not lines or {*map(len, fields)} != {len(self.table.columns)}:
            return None
        texts = [each[self.drawn].strip() for each in fields]
        filled = [text for text in texts if text]
        counts = [text.count(b" ") + 1 for text in filled]
        joined = b" ".join(filled)
        if joined.translate(None, _RUNS) or any(count % 2 for count in counts):
            return None
        flat = np.fromstring(joined, np.int64, sep=" ") if filled else np.zeros(0, np.int64)
        if len(flat) != sum(counts):  # some are parted by several blanks
            return None
        starts = flat[0::2] - 1
        first = np.array([0, *accumulate(counts)], np.int64) // 2
        spans = masks.Spans(starts, starts + flat[1::2], first, self.size_hw[0])
        if not masks.are_runs(spans, self.size_hw[0] * self.size_hw[1]):
            return None
        runs = iter(masks.from_spans(spans, self.size_hw))
        return Block(
            begins=[*accumulate((len(line) + 1 for line in lines), initial=begin)],
            fields=fields,
            runs=[next(runs) if text else None for text in texts],
            first=[*accumulate((bool(text) for text in texts), initial=0)],
            spans=spans,
        )
