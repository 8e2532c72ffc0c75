"""Masks lie in their boxes where mmdet puts them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet.models.roi_heads.mask_heads.fcn_mask_head import _do_paste_mask

from segloop.experiments.predict.paste import paste_mask

BOXES = [
    (3.2, 4.7, 20.4, 11.9),
    (-5.0, -3.5, 9.0, 8.25),
    (30.0, 2.0, 60.0, 45.0),
    (12.0, 5.0, 12.0, 20.0),  # without width
    (10.0, 10.0, 10.6, 10.4),
]


@pytest.mark.parametrize("box", BOXES)
def test_pixels_are_those_of_mmdet(box: tuple[float, ...]) -> None:
    mask = np.random.default_rng(0).random((28, 28), np.float32)
    theirs = np.zeros((40, 50), bool)
    drawn, place = _do_paste_mask(torch.from_numpy(mask)[None, None], torch.tensor([box]), 40, 50)
    theirs[place] = (drawn[0] >= 0.5).numpy()
    patch = paste_mask(mask, np.array(box, np.float32), (40, 50))
    ours = np.zeros((40, 50), bool)
    height, width = patch.bitmap.shape
    ours[patch.top : patch.top + height, patch.left : patch.left + width] = patch.bitmap
    assert (ours != theirs).sum() <= 1


@pytest.mark.parametrize("box", [(0, np.nan, 5, 5), (-9, 1, -2, 8), (2, 30, 8, 40)])
def test_a_box_that_is_no_number_or_outside_is_empty(box: tuple[float, ...]) -> None:
    assert not paste_mask(np.ones((4, 4), np.float32), np.array(box), (9, 9)).bitmap.any()
