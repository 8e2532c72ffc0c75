"""COCO's compressed runs: numbers of five bits a character, from the fourth on as differences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from segloop.data.masks.runs import Runs, SizeHW
from segloop.data.masks.spans import INT

MOST_AREAS = 255  # at once: with numpy 2, `area` of pycocotools 2.0.11 fails for more, for it makes n a uint8
MOST_PACKED = 1 << 24  # pixels of a run that pycocotools packs: in five characters
MOST_CHARACTERS = 7  # of a number: no run of a real image needs more
_ZERO, _MORE, _SIGN = 48, 32, 16  # a character is 48 and six bits: more to come, and five of the number
_CHARACTERS = bytes(range(_ZERO, _ZERO + 64))
# Tables for bytes.translate, which is faster than arithmetic: does a number end here, and what is the digit
# worth (an int8; the last one carries the sign).
_ENDS = bytes(_ZERO <= byte < _ZERO + _MORE for byte in range(256))
_DIGITS = bytes(
    ((byte - _ZERO) & 31) - (32 if _ZERO + _SIGN <= byte < _ZERO + _MORE else 0) & 255 for byte in range(256)
)


def to_strings(runs: Sequence[Runs]) -> list[str]:
    """Return COCO's compressed counts of many masks, as pycocotools writes them.

    >>> to_strings([np.array([13, 4, 2, 1, 2, 1, 2, 1, 2, 1, 2, 4, 7, 1, 5])])
    ['=42M000000035MN']
    """
    return [each["counts"].decode("ascii") for each in _packed(runs, (1, 1))]  # no size is in the counts


def strings_areas_boxes(
    runs: Sequence[Runs], size_hw: SizeHW
) -> tuple[list[str], list[int], list[list[int]]]:
    """Return what COCO says of many masks: counts, pixels, and boxes (left, top, width, height).

    >>> strings_areas_boxes([np.array([2, 2, 2])], (2, 3))
    (['222'], [2], [[1, 0, 1, 2]])
    """
    from pycocotools import mask as coco

    packed = _packed(runs, size_hw)
    if not packed:
        return [], [], []
    strings = [each["counts"].decode("ascii") for each in packed]
    areas = [coco.area(packed[at : at + MOST_AREAS]) for at in range(0, len(packed), MOST_AREAS)]
    return strings, np.concatenate(areas).tolist(), coco.toBbox(packed).astype(INT).tolist()


def _packed(runs: Sequence[Runs], size_hw: SizeHW) -> list[dict[str, Any]]:
    """Let pycocotools pack runs: its C takes a tenth of the time that numpy takes for a few masks.

    It has room for six characters a run and no end, and longer runs would be written over other memory.
    """
    from pycocotools import mask as coco

    if not len(runs):
        return []
    if max(int(each.max(initial=0)) for each in runs) >= MOST_PACKED:
        return [{"counts": _text(each.tolist()), "size": list(size_hw)} for each in runs]
    return coco.frPyObjects([{"counts": each, "size": size_hw} for each in runs], *size_hw)


def _text(counts: Sequence[int]) -> bytes:
    """Return COCO's compressed counts of one mask, however long its runs are."""
    found = bytearray()
    for place, count in enumerate(counts):
        rest = count - counts[place - 2] if place > 2 else count
        while True:
            digit, rest = rest & 31, rest >> 5
            more = rest != (-1 if digit & _SIGN else 0)
            found.append(_ZERO + digit + _MORE * more)
            if not more:
                break
    return bytes(found)


def from_strings(texts: Sequence[str | bytes]) -> list[np.ndarray]:
    """Return the counts of many compressed masks as int64; a text that is none comes back as an empty array.

    Whether they fit an image is for `fault` to say.
    """
    raw = [text.encode() if isinstance(text, str) else text for text in texts]
    found = _decode(raw)
    if found is not None:
        values, places = found[0], zip(found[1].tolist(), found[2].tolist(), strict=True)
        return [values[begin : begin + length] for begin, length in places]
    if len(raw) < 2:
        return [np.zeros(0, INT) for _ in raw]
    return [from_strings([each])[0] for each in raw]


def runs_from_strings(texts: Sequence[str], total: int) -> list[Runs] | None:
    """Return the runs of compressed masks of `total` pixels; None if something is odd about any of them.

    Then `from_strings`, `fault` and `canonical` tell what it is.
    """
    found = _decode([text.encode() for text in texts])
    if found is None:
        return None
    values, begins, lengths = found
    if values.min() < 0 or values.max() > total or (np.add.reduceat(values, begins) != total).any():
        return None
    empty = int(lengths.sum()) - np.count_nonzero(values)
    if empty and empty != np.count_nonzero(values[begins] == 0):  # only the first run may be empty
        return None
    runs = values.astype(np.uint32)
    places = zip(begins.tolist(), lengths.tolist(), strict=True)
    return [runs[begin : begin + length] for begin, length in places]


def _decode(texts: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the counts of all texts in one array, where those of each begin, and how many they are.

    Each text begins at an even place; between them are zeros. None if any is not COCO's.
    """
    joined = b"".join(texts)
    if not texts or not all(texts) or joined.translate(None, _CHARACTERS):
        return None
    ends = np.frombuffer(joined.translate(_ENDS), np.bool_).nonzero()[0]
    limits = np.fromiter(accumulate(map(len, texts)), INT, len(texts))
    upto = np.searchsorted(ends, limits)  # how many numbers end before each text does
    if len(ends) == 0 or (ends[upto - 1] != limits - 1).any():
        return None
    begins = np.zeros(len(ends), INT)
    begins[1:] = ends[:-1] + 1
    more = ends - begins
    most = int(more.max())
    if most >= MOST_CHARACTERS:
        return None
    digits = np.frombuffer(joined.translate(_DIGITS), np.int8)
    values = digits[begins].astype(INT)
    for place in range(1, most + 1):
        long = (more >= place).nonzero()[0]
        values[long] += digits[begins[long] + place].astype(INT) * (1 << 5 * place)
    if len(texts) == 1:
        values[1::2] = values[1::2].cumsum()
        values[2::2] = values[2::2].cumsum()
        return values, np.zeros(1, INT), upto
    lengths = upto.copy()
    lengths[1:] -= upto[:-1]
    return _undo_differences(values, lengths)


def _undo_differences(values: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Add up, in each text, what differs from the last but one: two interleaved sums, in two columns."""
    room = lengths + (lengths & 1)
    ends = np.cumsum(room)
    begins = ends - room
    table = np.zeros(int(ends[-1]), INT)
    before = np.cumsum(lengths) - lengths
    table[np.arange(len(values), dtype=INT) + np.repeat(begins - before, lengths)] = values
    first = table[begins]
    table[begins] = 0  # the first number stands for itself
    sums = np.cumsum(table.reshape(-1, 2), axis=0)
    others = np.zeros((len(lengths), 2), INT)
    others[1:] = sums[(begins[1:] >> 1) - 1]
    sums -= np.repeat(others, room >> 1, axis=0)
    found = sums.ravel()
    found[begins] = first
    found[(begins + lengths)[lengths < room]] = 0
    return found, begins, lengths
