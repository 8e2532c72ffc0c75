"""Images that show the same are found, however they were saved, and others are not."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import pytest

from segloop.data.similar import (
    DISTANCE,
    file_hash,
    groups_of_similar,
    hashes,
    image_hash,
    joined,
    similar_pairs,
    ways,
)


def scene(seed: int, *, side: int = 96) -> np.ndarray:
    """Return a grey picture of blobs, no two alike."""
    rng = np.random.default_rng(seed)
    canvas = rng.normal(0, 1, (12, 12)).astype(np.float32)
    canvas = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_CUBIC)
    return cv2.normalize(canvas, None, 20, 220, cv2.NORM_MINMAX).astype(np.uint8)


def bits_apart(one: np.ndarray, other: np.ndarray) -> int:
    """Return in how many bits two hashes differ."""
    return int(np.unpackbits(one ^ other).sum())


def random_hashes(count: int) -> np.ndarray:
    """Return hashes of images that have nothing in common."""
    return np.random.default_rng(5).integers(0, 256, (count, 32), dtype=np.uint8)


@pytest.mark.parametrize(
    "change",
    [
        lambda image: cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 0),
        lambda image: cv2.resize(image, None, fx=0.5, fy=0.6, interpolation=cv2.INTER_AREA),
        lambda image: cv2.resize(image, None, fx=3, fy=2),
        lambda image: (image * 0.6 + 30).astype(np.uint8),
        lambda image: image.astype(np.uint16) * 200,
        lambda image: cv2.GaussianBlur(image, (0, 0), 1),
    ],
    ids=["saved again", "smaller", "larger", "paler", "16 bits", "blurred"],
)
def test_a_changed_copy_has_nearly_the_same_hash(change) -> None:
    assert bits_apart(image_hash(scene(1)), image_hash(change(scene(1)))) <= DISTANCE


def test_other_images_have_other_hashes() -> None:
    found = [image_hash(scene(seed)) for seed in range(20)]
    assert min(bits_apart(*pair) for pair in itertools.combinations(found, 2)) > 2 * DISTANCE


def test_eight_ways_are_those_of_the_mirrored_and_turned_image() -> None:
    image = scene(3)
    copies = [image, image[:, ::-1], image[::-1], image[::-1, ::-1]]
    copies += [np.rot90(image, quarter) for quarter in (1, 3)] + [image.T, np.rot90(image, 2).T]
    wanted = sorted(image_hash(np.ascontiguousarray(each)).tolist() for each in copies)
    found = sorted(way[0].tolist() for way in ways(image_hash(image)[None]))
    assert [bits_apart(*map(np.uint8, pair)) for pair in zip(wanted, found, strict=True)] == [0] * 8


def test_an_image_that_shows_nothing_looks_like_no_other() -> None:
    assert not image_hash(np.full((50, 70), 90, np.uint8)).any()
    blank = np.zeros((3, 32), np.uint8)
    assert len(similar_pairs(blank)) == 0
    assert groups_of_similar(["a", "b", "c"], blank) == ["a", "b", "c"]


@pytest.mark.parametrize("few", [0, 1024])
def test_pairs_are_found_among_many_and_nothing_else(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segloop.data.similar.FEW", few)
    many = random_hashes(1000)
    near = np.unpackbits(many[7])
    near[[5, 60, 61, 99, 130, 131, 180, 200, 201, 255]] ^= 1
    many[950] = np.packbits(near)
    many[800] = list(ways(many[9:10]))[5][0]
    pairs = similar_pairs(many)
    assert pairs.places.tolist() == [[7, 950], [9, 800]]
    assert pairs.bits.tolist() == [10, 0]
    assert pairs.turned.tolist() == [False, True]
    straight = similar_pairs(many, turned=False)
    assert straight.places.tolist() == [[7, 950]]
    assert len(similar_pairs(many, 9, turned=False)) == 0


def test_a_symmetric_image_is_no_copy_of_itself() -> None:
    half = scene(4)[:, :48]
    image = np.concatenate([half, half[:, ::-1]], axis=1)
    assert len(similar_pairs(np.stack([image_hash(image), image_hash(scene(5))]))) == 0


def test_what_looks_like_a_third_one_joins_its_group() -> None:
    three = random_hashes(1).repeat(3, axis=0)
    three[1, 1:4] ^= 255
    three[2, 1:7] ^= 255
    assert similar_pairs(three, 24).places.tolist() == [[0, 1], [1, 2]]
    assert groups_of_similar(["x", "y", "z"], three, 24) == ["x", "x", "x"]


def test_thousands_of_alike_images_are_one_group_at_a_bounded_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segloop.data.similar.FEW", 0)
    bits = np.unpackbits(random_hashes(1).repeat(400, axis=0), axis=1)
    bits ^= np.random.default_rng(1).random(bits.shape) < 0.005
    pairs = similar_pairs(np.packbits(bits, axis=1), turned=False)
    assert set(joined(pairs, 400)) == {0}
    assert len(pairs) < 400 * 399 / 4


def test_tiles_find_crops_that_overlap(tmp_path: Path) -> None:
    large = scene(6, side=400)
    crops = {"left": large[:300, :300], "right": large[100:, 100:], "other": scene(8, side=300)}
    files = [tmp_path / f"{name}.png" for name in crops]
    for file, crop in zip(files, crops.values(), strict=True):
        cv2.imwrite(str(file), crop)
    assert groups_of_similar(list(crops), hashes(files)) == ["left", "right", "other"]
    tiles = hashes(files, tiles=3)
    assert tiles.shape == (3, 9, 32)
    assert groups_of_similar(list(crops), tiles) == ["left", "left", "other"]


def test_files_are_hashed_in_order_and_bad_ones_show_nothing(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.png", "cut.png", "c.jpg", "missing.png", "large.jpg")]
    cv2.imwrite(str(files[0]), scene(1))
    files[1].write_bytes(files[0].read_bytes()[:200])
    cv2.imwrite(str(files[2]), scene(2))
    cv2.imwrite(str(files[4]), cv2.resize(scene(1), (1200, 900)))
    told: list[tuple[int, int]] = []
    found = hashes(files, workers=2, progress=lambda done, total: told.append((done, total)))
    assert found.any(axis=1).tolist() == [True, False, True, False, True]
    assert bits_apart(found[0], found[4]) <= DISTANCE < bits_apart(found[0], found[2])
    assert np.array_equal(found[0], file_hash(files[0].read_bytes())[0])
    assert told[-1] == (5, 5)


def test_no_image_is_no_trouble() -> None:
    assert hashes([]).shape == (0, 32)
    assert groups_of_similar([], hashes([])) == []
    assert not image_hash(np.zeros((0, 4), np.uint8)).any()
