"""Objects come out of data samples as they are, whatever form their masks have."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mmdet.structures.mask import BitmapMasks, PolygonMasks

from segloop.data.masks import decode, encode
from segloop.data.patch_masks import PatchMasks
from segloop.experiments.instance_samples import found_instances, listed_instances, loaded_instances
from segloop.utils.errors import ConfigError, DataError
from tests.experiments.instance_drawings import drawing, found, listed, sample

TEXT = "aab. aab. ...."
NAMES = ["panel", "body"]


def test_found_masks_scores_and_classes() -> None:
    given = sample(found(TEXT, "ab", labels=[1, 0], scores=[0.5, 0.25]))
    objects = found_instances(given, class_names=NAMES)
    assert [decode(runs, (3, 4)).tolist() for runs in objects.runs] == [
        (drawing(TEXT) == letter).tolist() for letter in "ab"
    ]
    assert objects.labels.tolist() == [1, 0]
    assert objects.scores.tolist() == [0.5, 0.25]


def test_masks_that_are_run_lengths_already() -> None:
    pred = found(TEXT, "ab")
    pred["masks"] = [
        each["mask"] | {"counts": each["mask"]["counts"].encode()} for each in listed(TEXT, "ab")
    ]
    objects = found_instances(sample(pred, size_hw=(3, 4)), class_names=NAMES)
    assert objects.runs[1].tolist() == encode(drawing(TEXT) == "b").tolist()


@pytest.mark.parametrize("form", ["listed", "bitmaps", "patches", "polygons"])
def test_true_masks_in_every_form_are_the_same(form: str) -> None:
    bitmaps = np.array([drawing(TEXT) == letter for letter in "ab"])
    given = sample(found(TEXT, ""))
    if form == "listed":
        objects = listed_instances(listed(TEXT, "ab", labels=[0, 1]), given)
    else:
        masks = {
            "bitmaps": BitmapMasks(bitmaps.astype(np.uint8), 3, 4),
            "patches": PatchMasks.of_bitmaps(bitmaps),
            "polygons": PolygonMasks(
                [[np.array([0, 0, 2, 0, 2, 2, 0, 2.0])], [np.array([2, 0, 3, 0, 3, 2, 2, 2.0])]], 3, 4
            ),
        }[form]
        objects = loaded_instances(given | {"gt_instances": {"masks": masks, "labels": torch.tensor([0, 1])}})
    assert [runs.tolist() for runs in objects.runs] == [encode(each).tolist() for each in bitmaps]
    assert objects.labels.tolist() == [0, 1]


def test_crowds_come_last_and_what_has_no_pixel_not_at_all() -> None:
    objects = listed_instances(listed(TEXT, "axb", labels=[1, 0, 0], crowd="a"), sample(found(TEXT, "")))
    assert objects.labels.tolist() == [0, 1]
    assert objects.crowd.tolist() == [False, True]
    parts = {
        key: {"masks": PatchMasks.of_bitmaps(np.array([drawing(TEXT) == letter])), "labels": np.array([0])}
        for key, letter in (("gt_instances", "b"), ("ignored_instances", "a"))
    }
    loaded = loaded_instances(sample(found(TEXT, "")) | parts)
    assert loaded.crowd.tolist() == [False, True]
    assert [runs.tolist() for runs in loaded.runs] == [runs.tolist() for runs in objects.runs]


def test_pixels_that_nobody_scores_come_along() -> None:
    void = {"size": [3, 4], "counts": [6, 3, 3]}
    given = sample(found(TEXT, "")) | {"unscored": void}
    bitmap = PatchMasks.of_bitmaps(np.array([drawing(TEXT) == "a"]))
    loaded = given | {"gt_instances": {"masks": bitmap, "labels": np.array([0])}}
    for objects in (listed_instances(listed(TEXT, "a"), given), loaded_instances(loaded)):
        assert objects.ignore is not None
        assert objects.ignore.tolist() == [6, 3, 3]
    assert listed_instances(listed(TEXT, "a"), sample(found(TEXT, ""))).ignore is None


def test_an_image_with_nothing_true_and_nothing_found() -> None:
    given = sample(found(TEXT, ""))
    assert len(found_instances(given, class_names=NAMES)) == 0
    assert len(listed_instances([], given)) == 0
    assert len(loaded_instances(given | {"gt_instances": {}})) == 0


def test_two_thousand_objects_in_one_image() -> None:
    masks = torch.zeros((2000, 40, 50), dtype=torch.bool)
    masks.view(2000, -1)[range(2000), range(2000)] = True
    pred = found("..", "") | {"masks": masks, "labels": torch.zeros(2000, dtype=torch.int64)}
    pred |= {"scores": torch.linspace(1, 0, 2000), "bboxes": torch.zeros((2000, 4))}
    objects = found_instances(sample(pred), class_names=NAMES)
    assert len(objects) == 2000
    assert objects.runs[51].tolist() == [1 * 40 + 1, 1, 1958]


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        (
            listed("aab", "a"),
            r"d/1\.png: the picture is 4x3 \(width x height\).* 1 of its 1 true masks .*3x1",
        ),
        ([{"bbox": [0, 0, 1, 1], "bbox_label": 0}], "have no mask"),
    ],
)
def test_can_report_true_masks_of_another_size_or_none(truth: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        listed_instances(truth, sample(found(TEXT, "")))


def test_can_report_loaded_masks_of_another_size() -> None:
    part = {"masks": PatchMasks.of_bitmaps(np.ones((1, 6, 8))), "labels": np.array([0])}
    with pytest.raises(DataError, match=r"the picture is 4x3 .* and the true masks are 8x6"):
        loaded_instances(sample(found(TEXT, "")) | {"gt_instances": part})
    with pytest.raises(DataError, match=r"the picture is 5x5 .* and the found masks are 4x3"):
        found_instances(sample(found(TEXT, "a"), size_hw=(5, 5)), class_names=NAMES)


def test_can_report_a_model_of_more_classes_one_without_masks_and_scores_that_are_none() -> None:
    with pytest.raises(ConfigError, match=r"an object of class 2, and the data have 2 classes.*panel, body"):
        found_instances(sample(found(TEXT, "a", labels=[2])), class_names=NAMES)
    pred = found(TEXT, "a", scores=[float("nan")])
    with pytest.raises(DataError, match=r"d/1\.png: scores holds values that are no numbers"):
        found_instances(sample(pred), class_names=NAMES)
    del pred["masks"]
    with pytest.raises(ConfigError, match="finds boxes and no masks"):
        found_instances(sample(pred, size_hw=(3, 4)), class_names=NAMES)
