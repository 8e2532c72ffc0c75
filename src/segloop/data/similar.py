"""Finds images that show the same: copies that were saved again, resized, brightened, mirrored or turned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from segloop.data.image_files import ImageFacts, image_facts
from segloop.utils.workers import cpu_count

SIDE = 16  # waves that a hash looks at, along each side
BYTES = SIDE * SIDE // 8
DISTANCE = 40  # of 256 bits: saving again moves some 5 to 30 of them, other images differ in 124 ± 10
THUMB, MIDDLE = 32, 128  # pixels a side that an image is shrunk to, a large one in two steps
FLAT = 0.5  # grey levels of 255: an image that varies less shows nothing that could be compared
FEW = 1024  # images that are all compared with each other
PIECES = 64  # of a hash by which others are looked up
MOST_ALIKE = 64  # that have a piece in common and are all compared; of more only the NEAREST on each side
NEAREST = 4
MOST_WAITING = 1 << 21  # pairs that are held before repetitions are left out
REDUCED = {
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
}
Progress = Callable[[int, int], None]


def image_hash(pixels: np.ndarray) -> np.ndarray:
    """Return the hash of a grey image [H, W]: 32 bytes, alike for images that look alike.

    Its 256 bits are the signs of the image's longest waves (of a cosine transform), so brightness, contrast
    and size do not count. An image that shows nothing has only zeros.

    >>> bool(image_hash(np.zeros((40, 60), np.uint8)).any())
    False
    """
    height, width = pixels.shape[:2]
    if not (height and width):
        return np.zeros(BYTES, np.uint8)
    if min(height, width) >= 2 * MIDDLE:  # whole numbers are faster, and still fine enough
        pixels = cv2.resize(pixels, (MIDDLE, MIDDLE), interpolation=cv2.INTER_AREA)
    how = cv2.INTER_AREA if min(height, width) >= THUMB else cv2.INTER_LINEAR
    small = cv2.resize(pixels.astype(np.float32, copy=False), (THUMB, THUMB), interpolation=how)
    deviation = float(cv2.meanStdDev(small)[1][0, 0])
    if deviation * 255 / max(255.0, float(small.max())) < FLAT:  # of 16 bits there may be more levels
        return np.zeros(BYTES, np.uint8)
    waves = cv2.dct(small)[:SIDE, :SIDE]
    bits = waves > 0
    bits[0, 0] = False  # how bright it is
    return np.packbits(bits)


def file_hash(file: Path | bytes, *, tiles: int = 1) -> np.ndarray:
    """Return the hashes [tiles², 32] of an image file's tiles, row by row; zeros where it cannot be read.

    `file` is a path, or what the file holds. JPEGs are decoded in small where that is enough.
    """
    try:
        data = file if isinstance(file, bytes) else file.read_bytes()
    except OSError:
        data = b""
    facts = image_facts(data)
    pixels = None if facts.error else decode_grey(data, facts, enough=tiles * 2 * THUMB)
    if pixels is None:
        return np.zeros((tiles * tiles, BYTES), np.uint8)
    if tiles == 1:
        return image_hash(pixels)[None]
    rows = np.array_split(pixels, tiles)
    return np.stack([image_hash(tile) for row in rows for tile in np.array_split(row, tiles, axis=1)])


def decode_grey(data: bytes, facts: ImageFacts, *, enough: int) -> np.ndarray | None:
    """Return an image's grey pixels [H, W], of a JPEG at a half to an eighth if `enough` a side are left."""
    flags = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH
    if data.startswith(b"\xff\xd8"):
        fits = (reduced for factor, reduced in REDUCED.items() if min(facts.size_hw) // factor >= enough)
        flags = next(fits, flags)
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None


def hashes(
    files: Sequence[Path], *, tiles: int = 1, workers: int | None = None, progress: Progress | None = None
) -> np.ndarray:
    """Return the hashes of image files, [N, 32] uint8; with `tiles` > 1 those of parts, [N, tiles², 32].

    Tiles find pictures that were cut from one scene and overlap by whole tiles.
    """
    found = np.zeros((len(files), tiles * tiles, BYTES), np.uint8)
    with ThreadPoolExecutor(max(1, cpu_count() if workers is None else workers)) as pool:
        for place, each in enumerate(pool.map(lambda file: file_hash(file, tiles=tiles), files)):
            found[place] = each
            if progress:
                progress(place + 1, len(files))
    return found[:, 0] if tiles == 1 else found


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Images that look alike: their places [P, 2], in how many bits they differ [P], and which are turned.

    Pairs ascend, and so do the two places of each. `turned` [P] is true where one image is a mirrored or
    turned copy of the other.
    """

    places: np.ndarray
    bits: np.ndarray
    turned: np.ndarray

    def __len__(self) -> int:
        return len(self.bits)


def groups_of_similar(
    ids: Sequence[str], hashes: np.ndarray, distance: int = DISTANCE, *, turned: bool = True
) -> list[str]:
    """Return a group for each image, called after its first id: those that look alike share one.

    `hashes` are what the function `hashes` gives. Two that both look like a third one are of one group.
    `turned` counts mirrored and turned copies, too.
    """
    return [ids[place] for place in joined(similar_pairs(hashes, distance, turned=turned), len(ids))]


def joined(pairs: Pairs, count: int) -> list[int]:
    """Return for each of `count` images the first one of those that pairs connect it with.

    >>> joined(Pairs(np.array([[1, 2], [2, 4]]), np.zeros(2), np.zeros(2)), 5)
    [0, 1, 1, 3, 1]
    """
    leader = list(range(count))

    def find(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    for first, second in pairs.places.tolist():
        low, high = sorted((find(first), find(second)))
        leader[high] = low
    return [find(place) for place in range(count)]


def similar_pairs(hashes: np.ndarray, distance: int = DISTANCE, *, turned: bool = True) -> Pairs:
    """Return the pairs of images that differ in at most `distance` bits; each pair once, the nearest way.

    Where very many look alike, each is paired with some of its nearest. Images that show nothing look like no
    other.
    """
    count = len(hashes)
    flat: np.ndarray = hashes.reshape(-1, BYTES)
    owner = np.repeat(np.arange(count), len(flat) // max(count, 1))
    shows = np.flatnonzero(flat.any(axis=1))
    owner, flat = owner[shows], flat.take(shows, axis=0)
    found, waiting = np.zeros((2, 0), np.int64), 0
    parts: list[np.ndarray] = []
    for number, way in enumerate(ways(flat) if turned else [flat]):
        for left, right, bits in _near(flat, way, distance):
            left, right = owner[left], owner[right]
            pair = np.minimum(left, right) * count + np.maximum(left, right)
            price = 2 * bits + (number > 0)  # of two ways that are as near the straight one
            parts.append(np.stack([pair, price])[:, left != right])
            waiting += parts[-1].shape[1]
            if waiting > MOST_WAITING:
                found, parts, waiting = _cheapest([found, *parts]), [], 0
    pair, price = _cheapest([found, *parts])
    return Pairs(np.stack([pair // max(count, 1), pair % max(count, 1)], axis=1), price // 2, price % 2 == 1)


def _cheapest(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return each pair once, at its lowest price, in order."""
    pair, price = np.concatenate(parts, axis=1)
    order = np.lexsort((price, pair))
    pair, price = pair[order], price[order]
    first = np.ones(len(pair), bool)
    first[1:] = pair[1:] != pair[:-1]
    return np.stack([pair[first], price[first]])


def ways(hashes: np.ndarray) -> Iterator[np.ndarray]:
    """Yield hashes [N, 32] as they are, and as those of the images mirrored and turned: 8 in all.

    A mirrored image has its odd waves the other way round, and one that is turned has rows for columns.
    """
    odd = np.arange(SIDE) % 2 == 1
    across = np.broadcast_to(odd, (SIDE, SIDE))
    straight = np.unpackbits(hashes, axis=1).reshape(-1, SIDE, SIDE)
    for bits in (straight, straight.transpose(0, 2, 1)):
        for mirrored in (odd & False, across, across.T, across ^ across.T):
            changed = (bits ^ mirrored).reshape(-1, SIDE * SIDE)
            yield np.packbits(changed, axis=1)


def _near(hashes: np.ndarray, others: np.ndarray, distance: int) -> Iterator[np.ndarray]:
    """Yield pairs of a place in `hashes`, one in `others` and their distance, [3, P]; one may come often.

    Few are compared with each other. Of many, two that differ in few bits have one of many small pieces of
    their bits in common, and each is compared with those alone that have. Pieces are longer the more images
    there are: the cost is nearly linear.
    """
    count = len(hashes)
    if count <= FEW:
        signs, signs_asked = (np.unpackbits(each, axis=1) * np.float32(2) - 1 for each in (hashes, others))
        bits = (SIDE * SIDE - (signs @ signs_asked.T).astype(np.int64)) // 2
        left, right = np.nonzero(bits <= distance)
        left, right = left[left != right], right[left != right]
        yield np.stack([left, right, bits[left, right]])
        return
    pieces = _pieces(min(24, max(12, count.bit_length() + 2)))
    starts, starts_asked = _starts(hashes), _starts(others)
    for keys, wanted in zip(_keys(hashes, pieces), _keys(others, pieces), strict=True):
        keys |= starts
        wanted |= starts_asked
        order, asking = np.argsort(keys), np.argsort(wanted)  # who asks in order finds its way faster
        keys, wanted = keys[order], wanted[asking]
        low = np.searchsorted(keys, wanted & ~_START, "left")
        high = np.searchsorted(keys, wanted | _START, "right")
        if (heaps := high - low > MOST_ALIKE).any():
            own = np.searchsorted(keys, wanted[heaps], "left")
            low[heaps] = np.maximum(low[heaps], own - NEAREST)
            high[heaps] = np.minimum(high[heaps], own + NEAREST + 1)
        sizes = high - low
        right = np.repeat(asking, sizes)
        left = order[np.arange(len(right)) + np.repeat(low - np.cumsum(sizes) + sizes, sizes)]
        differs = left != right
        left, right = left[differs], right[differs]
        bits = _count_bits(hashes[left] ^ others[right])
        near = bits <= distance
        yield np.stack([left[near], right[near], bits[near]])


def _pieces(length: int) -> np.ndarray:
    """Return PIECES columns [256, PIECES] that make a number of the bits of each piece."""
    rng = np.random.default_rng(0)
    powers = np.exp2(np.arange(length))
    columns = np.zeros((SIDE * SIDE, PIECES), np.float32)
    done = 0
    while done < PIECES:
        order = 1 + rng.permutation(SIDE * SIDE - 1)  # the first bit is never set
        for part in order[: len(order) // length * length].reshape(-1, length)[: PIECES - done]:
            columns[part, done] = powers
            done += 1
    return columns


def _keys(hashes: np.ndarray, pieces: np.ndarray) -> Iterator[np.ndarray]:
    """Yield for each piece a number [N] for each hash, whose upper 24 bits are those of the piece."""
    numbers = np.empty((PIECES, len(hashes)), np.uint32)
    for begin in range(0, len(hashes), 1 << 14):
        some = slice(begin, begin + (1 << 14))
        bits = np.unpackbits(hashes[some], axis=1).astype(np.float32)
        numbers[:, some] = (bits @ pieces).T  # exact: below 2^24
    return (each.astype(np.uint64) << np.uint64(40) for each in numbers)


_START = np.uint64((1 << 40) - 1)


def _starts(hashes: np.ndarray) -> np.ndarray:
    """Return the first 40 bits of each hash as a number."""
    eight = np.zeros((len(hashes), 8), np.uint8)
    eight[:, 3:] = hashes[:, :5]
    return eight.view(">u8")[:, 0].astype(np.uint64)


def _count_bits(values: np.ndarray) -> np.ndarray:
    """Return how many bits of each row [P, 32] are set."""
    if hasattr(np, "bitwise_count"):  # numpy 2
        words = np.ascontiguousarray(values).view(np.uint64)
        return np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    return np.unpackbits(values, axis=1).sum(axis=1, dtype=np.int64)
