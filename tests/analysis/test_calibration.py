"""Calibration, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from segloop.analysis.calibration import calibrate, calibration_error, reliability, thresholds


def histogram(*entries, classes=2):
    """Return counts and sums [class, wrong or right, 100 bins] of (class, right, confidence, pixels)."""
    counts, sums = np.zeros((classes, 2, 100), np.int64), np.zeros((classes, 2, 100))
    for label, right, confidence, pixels in entries:
        level = min(int(confidence * 100 + 1e-9), 99)
        counts[label, right, level] += pixels
        sums[label, right, level] += pixels * confidence
    return counts, sums


def test_the_error_is_the_mean_distance_of_confidence_and_accuracy():
    counts, sums = histogram((0, 1, 0.92, 60), (0, 0, 0.92, 40), (0, 1, 0.51, 50), (0, 0, 0.51, 50))
    assert calibration_error(counts[0], sums[0]) == pytest.approx((100 * 0.32 + 100 * 0.01) / 200)
    pixels, sure, right = reliability(counts[0], sums[0])
    assert (pixels[18], pixels[10]) == (100, 100)
    assert (sure[18], right[18]) == (pytest.approx(0.92), pytest.approx(0.6))
    assert np.isnan(sure[0])


def test_no_pixel_no_error():
    counts, sums = histogram()
    assert np.isnan(calibration_error(counts[0], sums[0]))


def test_a_threshold_gives_doubtful_pixels_to_nobody():
    counts, _ = histogram((0, 1, 0.9, 80), (1, 1, 0.9, 8), (1, 0, 0.4, 8), (1, 1, 0.4, 4))
    told = thresholds(counts, np.array([80, 16]), background=0)
    assert told["precision"][0] == pytest.approx(12 / 20)
    assert told["recall"][0] == pytest.approx(12 / 16)
    assert (told["precision"][50], told["recall"][50]) == (1.0, 0.5)
    assert (told["kept"][0], told["kept"][50]) == (1.0, pytest.approx(0.88))
    assert told["accuracy"][50] == 1.0
    assert np.isnan(told["precision"][95])


def test_what_is_told_of_a_run():
    counts, sums = histogram((0, 1, 0.9, 90), (1, 0, 0.8, 10))
    arrays = {
        "counts": counts,
        "confidence_sum": sums,
        "loss_sum": np.array([5.0, 15.0]),
        "pixels": np.array([60, 40]),
    }
    told = calibrate(arrays, ["ground", "disc"], background=0, true_pixels=np.array([90, 10]))
    assert told is not None
    assert told["confidence"] == pytest.approx(0.89)
    assert told["accuracy"] == pytest.approx(0.9)
    assert told["ece"] == pytest.approx((90 * 0.1 + 10 * 0.8) / 100)
    assert told["classes"][1]["over"] == pytest.approx(0.8)
    assert told["log_loss"] == pytest.approx(0.2)


def test_a_run_without_confidence():
    assert calibrate(None, ["a"], background=None, true_pixels=np.array([1])) is None
    counts, sums = histogram()
    arrays = {"counts": counts, "confidence_sum": sums}
    assert calibrate(arrays, ["a", "b"], background=None, true_pixels=np.array([0, 0])) is None
