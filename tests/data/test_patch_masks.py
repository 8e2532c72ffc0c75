"""Masks in windows do what mmdet's bitmaps do, to the pixel."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from mmdet.structures.mask import BitmapMasks

from segloop.data.masks import decode
from segloop.data.patch_masks import PatchMasks

SIZE_HW = (23, 31)


@pytest.fixture(name="pair")
def pair_of_masks() -> tuple[PatchMasks, BitmapMasks]:
    """Five random blobs, one of them empty, in both forms."""
    rng = np.random.default_rng(3)
    bitmaps = np.zeros((5, *SIZE_HW), np.uint8)
    for number in range(4):
        top, left = rng.integers(0, 15, 2)
        bitmaps[number, top : top + 8, left : left + 9] = rng.random((8, 9))[: 23 - top, : 31 - left] < 0.7
    return PatchMasks.of_bitmaps(bitmaps), BitmapMasks(bitmaps, *SIZE_HW)


def same(one: PatchMasks, other: BitmapMasks) -> bool:
    assert (one.height, one.width) == (other.height, other.width)
    return np.array_equal(one.to_ndarray(), other.to_ndarray())


@pytest.mark.parametrize("direction", ["horizontal", "vertical", "diagonal"])
def test_flips(pair: tuple[PatchMasks, BitmapMasks], direction: str) -> None:
    assert same(pair[0].flip(direction), pair[1].flip(direction))


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5])
def test_turns(pair: tuple[PatchMasks, BitmapMasks], turns: int) -> None:
    turned = np.rot90(pair[1].masks, turns, axes=(1, 2))
    assert same(pair[0].turn(turns), BitmapMasks(turned, *turned.shape[1:]))


@pytest.mark.parametrize("size", [(23, 31), (46, 62), (35, 40), (12, 17), (11, 90)])
def test_resizes(pair: tuple[PatchMasks, BitmapMasks], size: tuple[int, int]) -> None:
    assert same(pair[0].resize(size), pair[1].resize(size))


@pytest.mark.parametrize("scale", [0.5, 2.0, (60, 40)])
def test_rescales(pair: tuple[PatchMasks, BitmapMasks], scale: object) -> None:
    assert same(pair[0].rescale(scale), pair[1].rescale(scale))


@pytest.mark.parametrize("box", [(0, 0, 31, 23), (3, 4, 20, 15), (25, 18, 60, 70), (0, 0, 1, 1)])
def test_crops(pair: tuple[PatchMasks, BitmapMasks], box: tuple[int, ...]) -> None:
    assert same(pair[0].crop(np.array(box)), pair[1].crop(np.array(box)))


def test_pads_expands_and_turns(pair: tuple[PatchMasks, BitmapMasks]) -> None:
    assert same(pair[0].pad((32, 32)), pair[1].pad((32, 32)))
    assert same(pair[0].expand(40, 50, 7, 9), pair[1].expand(40, 50, 7, 9))
    assert same(pair[0].rotate(SIZE_HW, 30), pair[1].rotate(SIZE_HW, 30))
    assert same(pair[0].translate(SIZE_HW, 3), pair[1].translate(SIZE_HW, 3))
    assert same(pair[0].shear(SIZE_HW, 0.2), pair[1].shear(SIZE_HW, 0.2))


@pytest.mark.parametrize(
    "index", [2, slice(1, 3), np.array([4, 0]), np.array([True, False, True, True, False]), []]
)
def test_chooses(pair: tuple[PatchMasks, BitmapMasks], index: object) -> None:
    chosen = np.asarray(index, int) if isinstance(index, list) else index
    assert same(pair[0][chosen], pair[1][chosen])


def test_areas_boxes_and_runs(pair: tuple[PatchMasks, BitmapMasks]) -> None:
    assert pair[0].areas.tolist() == pair[1].areas.tolist()
    assert torch.equal(pair[0].get_bboxes("hbox").tensor, pair[1].get_bboxes("hbox").tensor)
    bitmaps = np.stack([decode(runs, SIZE_HW) for runs in pair[0].runs()])
    assert np.array_equal(bitmaps, pair[1].masks)
    assert same(PatchMasks.of_runs(pair[0].runs(), SIZE_HW), pair[1])
    assert torch.equal(pair[0].to_tensor(torch.uint8, "cpu"), pair[1].to_tensor(torch.uint8, "cpu"))
    assert same(PatchMasks.cat([pair[0], pair[0]]), BitmapMasks.cat([pair[1], pair[1]]))


@pytest.mark.parametrize("binarize", [True, False])
def test_targets_are_those_of_roi_align(pair: tuple[PatchMasks, BitmapMasks], binarize: bool) -> None:
    rng = np.random.default_rng(1)
    low = rng.uniform(0, 15, (40, 2))
    boxes = np.concatenate([low, low + rng.uniform(0.5, 15, (40, 2))], axis=1).astype(np.float32)
    numbers = rng.integers(0, 5, 40)
    ours = pair[0].crop_and_resize(boxes, (7, 5), numbers, binarize=binarize).to_ndarray()
    theirs = pair[1].crop_and_resize(boxes, (7, 5), numbers, binarize=binarize).to_ndarray()
    if binarize:
        assert (ours != theirs).mean() < 0.002  # a half is a half to the last bit
    else:
        assert np.allclose(ours, theirs, atol=1e-4)


def test_what_is_covered_is_cut_out(pair: tuple[PatchMasks, BitmapMasks]) -> None:
    cover = np.zeros(SIZE_HW, bool)
    cover[:, :12] = True
    assert np.array_equal(pair[0].without(cover).to_ndarray(), pair[1].masks * ~cover)
    assert np.array_equal(pair[0].union(), pair[1].masks.any(axis=0))


def test_copies_share_their_pixels(pair: tuple[PatchMasks, BitmapMasks]) -> None:
    assert copy.deepcopy(pair[0]) is pair[0]
    assert 0 < pair[0].nbytes < pair[1].masks.nbytes
