"""What is counted as kept, ignored and dropped is what mmdet itself keeps, ignores and drops."""

from __future__ import annotations

import contextlib
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mmdet.datasets import CityscapesDataset, CocoDataset
from mmdet.datasets.transforms import LoadAnnotations

from segloop.data.coco_losses import LoaderRules, Losses, compare_names, count_losses, read_coco
from segloop.utils.errors import FormatError

SQUARE = [[4, 4, 24, 4, 24, 24, 4, 24]]
HEIGHT, WIDTH = 30, 40
RLE = {"size": [HEIGHT, WIDTH], "counts": [0, 600, 600]}


def annotation(number: int, **changes: Any) -> dict[str, Any]:
    plain = {"id": number, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 400, "bbox": [4, 4, 20, 20]}
    return {**plain, "segmentation": SQUARE, **changes}


def coco(*annotations: dict[str, Any], images: int = 1, names: tuple[str, ...] = ("cell", "dust")) -> Any:
    return {
        "images": [
            {"id": n, "file_name": f"{n}.png", "width": WIDTH, "height": HEIGHT} for n in range(1, images + 1)
        ],
        "annotations": list(annotations),
        "categories": [{"id": n, "name": name} for n, name in enumerate(names, start=1)],
    }


def count(*annotations: dict[str, Any], images: int = 1, **rules: Any) -> Losses:
    return count_losses(
        coco(*annotations, images=images), LoaderRules(**{"classes": ("cell", "dust"), **rules})
    )


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"ignore": True}, "ignore"),
        ({"bbox": [50, 4, 20, 20]}, "outside"),
        ({"bbox": [-30, 4, 30, 20]}, "outside"),
        ({"area": 0}, "tiny"),
        ({"bbox": [4, 4, 0.5, 20]}, "tiny"),
        ({"category_id": 3}, "category"),
        ({"image_id": 9}, "no-image"),
    ],
)
def test_dropped(changes: dict[str, Any], kind: str) -> None:
    losses = count(annotation(1), annotation(2, **changes))
    assert (losses.instances, losses.kept, losses.dropped) == (2, 1, {kind: 1})
    assert "annotation 2 of " in losses.examples[kind][0]


@pytest.mark.parametrize(
    ("changes", "rules", "kind"),
    [
        ({"iscrowd": 1}, {}, "crowd"),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": None}}, {}, "counts"),
        ({"segmentation": {"counts": "abc"}}, {}, "counts"),
        ({"segmentation": {"size": HEIGHT, "counts": "abc"}}, {}, "counts"),
        ({"segmentation": RLE}, {"poly2mask": False}, "no-polygon"),
        ({"segmentation": [[1, 1, 5, 5], [1, 1, 5, 5, 7, 7, 8]]}, {}, "short"),
    ],
)
def test_ignored(changes: dict[str, Any], rules: dict[str, Any], kind: str) -> None:
    losses = count(annotation(1), annotation(2, **changes), **rules)
    assert (losses.kept, losses.ignored) == (1, {kind: 1})
    assert not losses.dropped


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"bbox": None}, "keys"),
        ({"bbox": [1, 2, 3]}, "keys"),
        ({"area": math.nan}, "keys"),
        ({"iscrowd": "0"}, "keys"),
        ({"segmentation": None}, "no-mask"),
        ({"segmentation": [4, 4, 24, 4, 24, 24]}, "shape"),
        ({"segmentation": 7}, "shape"),
        ({"segmentation": {"size": [WIDTH, HEIGHT], "counts": "abc"}}, "size"),
        ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": [5, 5]}}, "size"),
    ],
)
def test_what_the_loader_stumbles_over(changes: dict[str, Any], kind: str) -> None:
    losses = count(annotation(1), annotation(2, **changes))
    assert (losses.kept, losses.faults) == (1, {kind: 1})


def test_without_masks_only_boxes_count() -> None:
    assert count(annotation(1, segmentation=None), with_mask=False).kept == 1


def test_ids_that_come_twice_or_not_at_all() -> None:
    nameless = {key: value for key, value in annotation(3).items() if key != "category_id"}
    content = coco(annotation(1), annotation(1), nameless)
    content["images"] *= 2
    losses = count_losses(content, LoaderRules(classes=("cell",)))
    assert losses.faults == {"same-id": 1, "keys": 1, "same-image": 1}
    assert losses.examples["keys"] == ["annotations[2]: category_id"]
    assert (losses.images, losses.kept) == (1, 1)


def test_says_which_number_an_annotation_lacks_and_which_categories_share_an_id() -> None:
    content = coco(annotation(1, area=None), annotation(2, category_id=[1]))
    content["categories"][1]["id"] = 1
    losses = count_losses(content, LoaderRules(classes=("cell", "dust")))
    assert losses.faults == {"keys": 2, "same-category": 1}
    assert losses.examples["keys"] == ["annotations[1]: category_id", "annotation 1 of 1.png: area"]
    assert losses.examples["same-category"] == ["category 1"]


def test_images_that_are_left_out() -> None:
    rules = {"filter_empty_gt": True, "crowds_are_empty": True}
    losses = count(annotation(1), annotation(2, image_id=2, iscrowd=1), images=3, **rules)
    assert (losses.images_kept, losses.left_out) == (1, {"crowds": 1, "empty": 1})
    assert losses.dropped == {"left-out": 1}
    small = count(annotation(1), min_size=HEIGHT + 1)
    assert (small.images_kept, small.left_out, small.dropped) == (0, {"small": 1}, {"left-out": 1})
    assert count(annotation(1), min_size=HEIGHT).images_kept == 1


def test_an_image_whose_instances_are_all_dropped_stays_without_one() -> None:
    losses = count(annotation(1, area=0), filter_empty_gt=True)
    assert (losses.images_kept, losses.bare, losses.kept) == (1, 1, 0)


def test_names_that_differ() -> None:
    content = coco(names=("dust", "cell", "hair"))
    found = compare_names(content, ("cell", "dust", "debris"))
    assert (found.missing, found.extra) == (("debris",), ("hair",))
    assert found.misnamed == ((0, "cell", "dust"), (1, "dust", "cell"))
    assert not compare_names(content, ("dust", "cell", "hair"))
    assert compare_names(coco(names=("cell", "cell")), ("cell",)).doubled == ("cell",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "no list images"),
        ('{"images": [], "annotations": {}, "categories": []}', "no list annotations"),
        (
            '{"images": [{"id": 1}], "annotations": [], "categories": []}',
            r"images\[0\]: it lacks file_name and width",
        ),
        ('{"images": [], "annotations": [], "categories": [{"id": 1}]}', r"categories\[0\]: it lacks name"),
        ('{"images": [3], "annotations": [], "categories": []}', r"images\[0\]"),
        (
            '{"images": [{"id": [1], "file_name": null, "width": "9", "height": 0}], "annotations": [], '
            '"categories": []}',
            r"id is \[1\] and should be a whole number or a text; file_name is null and should be a text; "
            r'width is "9" and should be a whole number from 1 on; height is 0 and',
        ),
        (
            '{"images": [{"id": 1, "file_name": "a", "width": Infinity, "height": NaN}], "annotations": [], '
            '"categories": []}',
            r"width is Infinity and should be a whole number from 1 on; height is NaN and",
        ),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 1, "name": null}]}',
            r"categories\[0\]: name is null and should be a text",
        ),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 1.0, "name": "a"}]}',
            r"categories\[0\]: id is 1\.0 and should be a whole number or a text",
        ),
    ],
)
def test_can_report_a_file_of_another_form(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FormatError, match=message):
        read_coco(tmp_path / "a.json")
    with pytest.raises(FormatError, match="cannot be read"):
        read_coco(tmp_path / "gone.json")


def random_coco(seed: int) -> dict[str, Any]:
    """Draw a file with each kind of loss, several to an annotation at times; nothing that mmdet fails at."""
    random = np.random.default_rng(seed)
    heights = random.choice([HEIGHT, HEIGHT, 18], 9).tolist()
    annotations = []
    for number in range(1, 40):
        changes: dict[str, Any] = {
            "image_id": int(random.integers(1, 9)),
            "category_id": int(random.integers(1, 4)),
        }
        if random.random() < 0.2:
            changes["ignore"] = bool(random.integers(2))
        if random.random() < 0.4:
            changes["bbox"] = random.choice([-30, -4, 4, 35, 50, 0.5, 20], 4).tolist()
        if random.random() < 0.2:
            changes["area"] = int(random.integers(-1, 2))
        if random.random() < 0.5:
            changes["iscrowd"] = int(random.integers(2))
        height = heights[changes["image_id"]]
        whole = {"size": [height, WIDTH], "counts": [0, height * WIDTH]}
        masks = [SQUARE, SQUARE, whole, {**whole, "counts": None}, {"counts": "a"}, [[1, 1, 2, 2]]]
        changes["segmentation"] = masks[random.integers(len(masks))]
        annotations.append(annotation(number, **changes))
    content = coco(*annotations, images=7, names=("hair", "dust", "cell"))
    for image in content["images"]:
        image["height"] = heights[image["id"]]
    return content


@pytest.mark.parametrize("kind", [CocoDataset, CityscapesDataset])
@pytest.mark.parametrize("poly2mask", [True, False])
def test_counts_what_mmdet_itself_keeps(tmp_path: Path, kind: type, poly2mask: bool) -> None:
    seen: set[str] = set()
    for seed in range(12):
        content = random_coco(seed)
        (tmp_path / "ann.json").write_text(json.dumps(content))
        filtering = [None, {"filter_empty_gt": True, "min_size": 20}, {"filter_empty_gt": True}][seed % 3]
        with contextlib.redirect_stdout(io.StringIO()):
            dataset = kind(
                ann_file=str(tmp_path / "ann.json"),
                metainfo={"classes": ("cell", "dust"), "palette": [(0, 0, 0), (1, 1, 1)]},
                data_prefix={"img": ""},
                filter_cfg=filtering,
                serialize_data=False,  # an empty set has nothing to serialize
                pipeline=[],
            )
        losses = count_losses(
            content,
            LoaderRules(
                classes=("cell", "dust"),
                poly2mask=poly2mask,
                crowds_are_empty=kind is CityscapesDataset,
                **(filtering or {}),
            ),
        )
        loading = LoadAnnotations(with_mask=True, poly2mask=poly2mask)
        flags = []
        for index in range(len(dataset)):
            results = dataset.get_data_info(index)
            loading._process_masks(results)  # without drawing them: sizes are another matter
            flags += results["gt_ignore_flags"].tolist()
        assert losses.images_kept == len(dataset)
        assert (losses.kept, sum(losses.ignored.values())) == (flags.count(False), flags.count(True))
        total = (
            losses.kept
            + sum(losses.ignored.values())
            + sum(losses.dropped.values())
            + sum(losses.faults.values())
        )
        assert total == losses.instances == 39
        seen |= {*losses.dropped, *losses.ignored, *losses.left_out}
    wanted = {
        "no-image",
        "ignore",
        "outside",
        "tiny",
        "category",
        "left-out",
        "crowd",
        "short",
        "empty",
        "small",
    }
    assert wanted <= seen
