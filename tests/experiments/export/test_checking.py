"""The check draws the same images each time and has bounds that mean something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from segloop.experiments.export.checking import Difference, draw_images

GOOD = Difference(batch=2, size_hw=(30, 40), largest=1e-5, scale=8.0, equal=1.0)


def test_bounds_are_of_the_largest_logit_and_of_the_pixels() -> None:
    assert GOOD.fits
    assert replace(GOOD, largest=0.007).fits
    assert not replace(GOOD, largest=0.009).fits
    assert not replace(GOOD, equal=0.998).fits
    assert not replace(GOOD, largest=float("nan")).fits


def test_a_line_tells_batch_size_and_whether_it_is_too_far() -> None:
    assert GOOD.line() == (
        "2 x 40x30: logits differ by at most 1.0e-05 (largest 8.0), 100.000 % of the pixels equal"
    )
    assert replace(GOOD, equal=0.5).line().endswith("50.000 % of the pixels equal  TOO FAR")


def test_images_are_drawn_from_a_seed() -> None:
    first, again, other = (draw_images(2, (20, 30), seed=seed) for seed in (1, 1, 2))
    assert [image.shape for image in first] == [(20, 30, 3)] * 2
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1])
    assert np.std(first[0]) > 20
