"""Counting: exact, for any type and number of classes, and never silent about a wrong value."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segloop.analysis import counts as counting
from segloop.analysis.counts import class_counts, confusion
from segloop.utils.errors import DataError


def slow_confusion(pred, truth, num_classes, ignore_index):
    total = np.zeros((num_classes, num_classes), np.int64)
    for p, t in zip(np.ravel(pred), np.ravel(truth), strict=True):
        if t != ignore_index:
            total[int(t), int(p)] += 1
    return total


def test_counts_a_case_worked_by_hand():
    truth = np.array([[0, 0, 1, 1], [2, 2, 255, 255]], np.uint8)
    pred = np.array([[0, 1, 1, 1], [2, 0, 0, 200]], np.uint8)  # 200 lies under an ignored pixel
    counted = confusion(pred, truth, num_classes=3)
    assert counted.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 1]]
    assert counted.dtype == np.int64
    counts = class_counts(counted)
    assert (counts.tp.tolist(), counts.fp.tolist(), counts.fn.tolist()) == ([1, 2, 1], [1, 1, 0], [1, 0, 1])
    assert counts.pixels == 6


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 300),
    st.sampled_from([np.uint8, np.int16, np.uint16, np.int32, np.int64, np.float32, np.float64]),
    st.sampled_from([np.uint8, np.int64, np.float64]),
    st.tuples(st.integers(1, 9), st.integers(1, 13)),
    st.sampled_from([1, 2**30]),
    st.integers(0, 2**31),
)
def test_agrees_with_counting_one_by_one(num_classes, pred_type, truth_type, shape, fused_pixels, seed):
    draw = np.random.default_rng(seed)
    top = min(num_classes, 255)
    ignore_index = int(draw.choice([255, 0, 1, 5]))
    truth = draw.integers(0, top, shape)
    truth[draw.random(shape) < 0.2] = ignore_index
    if ignore_index >= num_classes or ignore_index == 255:
        truth = np.where(truth < num_classes, truth, ignore_index)
    pred = draw.integers(0, top, shape)
    expected = slow_confusion(pred, truth, num_classes, ignore_index)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "FUSED_PIXELS", fused_pixels)  # both histograms, whatever the size
        got = confusion(
            pred.astype(pred_type),
            truth.astype(truth_type),
            num_classes=num_classes,
            ignore_index=ignore_index,
        )
    assert np.array_equal(got, expected)


@pytest.mark.parametrize("num_classes", [1, 2, 63, 64, 65, 128, 129, 255, 256, 257, 1000])
def test_any_number_of_classes(num_classes):
    draw = np.random.default_rng(num_classes)
    truth = draw.integers(0, num_classes, (40, 33)).astype(np.uint16)
    pred = draw.integers(0, num_classes, (40, 33))
    expected = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(expected, (truth, pred), 1)
    got = confusion(pred, truth, num_classes=num_classes, ignore_index=None)
    assert np.array_equal(got, expected)
    strided = confusion(pred.T, truth.T, num_classes=num_classes, ignore_index=-1)  # not contiguous
    assert np.array_equal(strided, expected)


@pytest.mark.parametrize("kind", [np.uint8, np.int64])
@pytest.mark.parametrize("num_classes", [2, 19, 64, 65])
def test_an_image_of_common_size(num_classes, kind):
    draw = np.random.default_rng(num_classes)
    shape = (401, 503)  # an odd number of pixels; in one piece on the fast road
    truth = np.repeat(draw.integers(0, num_classes, (401, 1)), 503, axis=1)
    pred = np.where(draw.random(shape) < 0.2, draw.integers(0, num_classes, shape), truth)
    expected = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(expected, (truth[1:], pred[1:]), 1)
    truth[0] = 255
    pred, truth = pred.astype(kind), truth.astype(kind)
    assert np.array_equal(confusion(pred, truth, num_classes=num_classes), expected)
    expected[1] = 0
    shifted = np.where(truth == 255, 1, truth).astype(kind)  # ignores a class this time
    got = confusion(pred, shifted, num_classes=num_classes, ignore_index=1)
    assert np.array_equal(got, expected)
    for place in (0, -1):
        wrong = shifted.copy()
        wrong[place, place] = num_classes
        with pytest.raises(DataError, match=rf"{num_classes} \(1 pixels\)"):
            confusion(pred, wrong, num_classes=num_classes, ignore_index=1)
        with pytest.raises(DataError, match=rf"{num_classes} \(1 pixels\)"):
            confusion(wrong, pred, num_classes=num_classes, ignore_index=None)


def test_an_ignored_class_hides_no_wrong_value():
    truth = np.array([[0, 1, 7]], np.uint8)  # as many ignored pixels as wrong ones
    with pytest.raises(DataError, match=r"7 \(1 pixels\)"):
        confusion(np.zeros_like(truth), truth, num_classes=3, ignore_index=1)


def test_a_negative_byte_is_not_the_ignored_255():
    truth = np.array([[0, 1, -1]], np.int8)
    with pytest.raises(DataError, match=r"-1 \(1 pixels\)"):
        confusion(np.zeros_like(truth), truth, num_classes=3)


def test_bytes_that_do_not_start_at_a_word():
    draw = np.random.default_rng(3)
    store = draw.integers(0, 5, (2, 1025), dtype=np.uint8)
    expected = confusion(store[0, 1:].tolist(), store[1, 1:].tolist(), num_classes=5)
    assert np.array_equal(confusion(store[0, 1:], store[1, 1:], num_classes=5), expected)


def test_threads_count_beside_each_other():
    draw = np.random.default_rng(4)
    pairs = draw.integers(0, 6, (8, 2, 400, 400))
    expected = [confusion(pred, truth, num_classes=6) for pred, truth in pairs]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: confusion(*pair, num_classes=6), pairs))
    assert np.array_equal(found, expected)


def test_uint16_does_not_wrap():
    truth = np.zeros((2, 2), np.uint16)
    with pytest.raises(DataError, match=r"256 \(1 pixels\)"):
        confusion(np.array([[0, 0], [0, 256]], np.uint16), truth, num_classes=2)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.float32])
def test_a_truth_outside_the_classes_is_told_with_its_number(kind):
    truth = np.array([[0, 1, 7, 7], [1, 0, 9, 255]]).astype(kind)
    with pytest.raises(
        DataError, match=r"a/1: the truth .* 0 … 2 .*: 7 \(2 pixels\), 9 \(1 pixels\)"
    ) as caught:
        confusion(np.zeros_like(truth), truth, num_classes=3, image_id="a/1")
    assert caught.value.image_id == "a/1"


def test_a_prediction_outside_the_classes_is_told():
    with pytest.raises(DataError, match=r"the prediction holds .* -1 \(1 pixels\)"):
        confusion(np.array([[-1, 0]]), np.array([[0, 0]]), num_classes=2)


def test_a_fraction_is_no_class():
    with pytest.raises(DataError, match=r"0\.5 \(1 pixels\)"):
        confusion(np.array([[0.5, 0]]), np.array([[0, 0]]), num_classes=2)


def test_sizes_that_differ():
    with pytest.raises(DataError, match="2x3 and the truth 3x2"):
        confusion(np.zeros((2, 3)), np.zeros((3, 2)), num_classes=2)


def test_bool_masks_and_empty_images():
    assert confusion([[True, False]], [[True, True]], num_classes=2).tolist() == [[0, 0], [1, 1]]
    assert confusion(np.zeros((0, 4)), np.zeros((0, 4)), num_classes=2).sum() == 0
    everything_ignored = np.full((3, 3), 255, np.uint8)
    assert confusion(np.zeros((3, 3), np.uint8), everything_ignored, num_classes=400).sum() == 0


def test_a_large_image_is_counted_in_pieces(monkeypatch):
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 4, (50, 70), dtype=np.uint8)
    pred = draw.integers(0, 4, (50, 70), dtype=np.uint8)
    whole = confusion(pred, truth, num_classes=4)
    monkeypatch.setattr(counting, "MAX_PIECE", 999)
    assert np.array_equal(confusion(pred, truth, num_classes=4), whole)
    truth[-1, -1] = 77
    with pytest.raises(DataError, match="77"):
        confusion(pred, truth, num_classes=4)


def test_the_inputs_stay_as_they_were():
    truth = np.array([[0, 1, 255]], np.uint8)
    pred = np.array([[1, 1, 1]], np.int64)
    confusion(pred, truth, num_classes=2)
    confusion(truth * 0, truth, num_classes=2)
    assert truth.tolist() == [[0, 1, 255]]
    assert pred.tolist() == [[1, 1, 1]]


def test_no_classes_is_a_programming_error():
    with pytest.raises(ValueError, match="num_classes"):
        confusion([[0]], [[0]], num_classes=0)


def test_big_endian_and_signed_bytes():
    truth = np.array([[0, 1, 2], [2, 1, 255]], ">u2")
    pred = np.array([[0, 1, 1], [2, 1, 0]], np.int8)
    assert confusion(pred, truth, num_classes=3).tolist() == [[1, 0, 0], [0, 2, 0], [0, 1, 1]]
    with pytest.raises(DataError, match="256 "):  # the bytes of a big-endian 256 read as a native 1
        confusion(np.zeros((1, 1)), np.array([[256]], ">u2"), num_classes=2)
    with pytest.raises(DataError, match="-1 "):
        confusion(-np.ones((2, 3), np.int8), truth, num_classes=256)
