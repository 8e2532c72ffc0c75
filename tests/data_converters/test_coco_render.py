"""An image of the hub as lines of COCO: every key that there is something to say of, and no other."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest

from data_converters.base import BadRecord, Loss, WriteOptions
from data_converters.coco_render import COCO, CVAT, Dialect, Page, dump, render
from segloop.data import masks
from segloop.data.annotations import (
    Bitmap,
    Box,
    ImageRecord,
    Instance,
    Label,
    LabelSet,
    Opaque,
    Tag,
)
from tests.data.masks.cases import RING
from tests.data_converters.coco_cases import COMPRESSED

LABELS = LabelSet((Label("sea"), Label("cat"), Label("dog")), background=0)
IDS = {"cat": 1, "dog": 2}
MASK = Bitmap((6, 8), masks.encode(RING))


def rendered(*instances: Instance, dialect: Dialect = COCO, results: bool = False, **record: Any) -> Any:
    """Return an image as it would be written, sent through a pickle as workers do."""
    given = {"image_id": "a/1", "name": "a/1.png", "size_hw": (6, 8), "instances": instances, **record}
    options = WriteOptions(results=results)
    found = render(ImageRecord(**given), LABELS, ids=IDS, options=options, dialect=dialect)
    return pickle.loads(pickle.dumps(found))


def lines(page: Page) -> list[dict[str, Any]]:
    """Return the annotations of a page as JSON has them."""
    return [json.loads(b"{" + each) for each in page.annotations]


def test_a_plain_object_has_coco_s_own_keys_alone() -> None:
    found = rendered(Instance(label="dog", shape=MASK))
    assert lines(found.payload) == [
        {"category_id": 2, "segmentation": COMPRESSED, "area": 13, "bbox": [2, 0, 6, 5], "iscrowd": 0}
    ]
    assert (found.instances, found.pixels, found.losses) == (1, 13, ())
    assert found.payload.ours == {}


def test_all_that_an_object_says_is_written() -> None:
    instance = Instance(
        label="cat",
        shape=MASK,
        attributes={"Цвет": 'a "quote"\n', "n": 0.1, "b": False, "none": None, "ignore": True},
        group=0,
        z_order=-2,
        score=0.3,
        crowd=True,
        occluded=True,
        source="manual",
        uid="",
    )
    (line,) = lines(rendered(instance).payload)
    assert line["attributes"] == {"Цвет": 'a "quote"\n', "n": 0.1, "b": False, "none": None}
    assert (line["iscrowd"], line["score"], line["ignore"]) == (1, 0.3, 1)
    marks = {"group": 0, "occluded": True, "source": "manual", "uid": "", "z_order": -2}
    assert line["segloop"] == marks


def test_what_coco_cannot_draw_stands_beside_the_image_at_its_place() -> None:
    shape = Opaque("points", {"points": [1.5, 2]})
    instances = (
        Instance(label="cat", shape=MASK),
        Instance(label="dog", shape=shape, attributes={"a": 1}, score=0.5, uid="u"),
        Instance(label="cat", shape=Box((1, 1, 3, 3))),
    )
    tags = (Tag("dog"), Tag("cat", {"n": 1}))
    found = rendered(*instances, tags=tags, ignore=MASK)
    assert [line["category_id"] for line in lines(found.payload)] == [1, 1]
    assert lines(found.payload)[1] == {
        "category_id": 1,
        "segmentation": [],
        "area": 4,
        "bbox": [1, 1, 2, 2],
        "iscrowd": 0,
    }
    assert found.payload.ours == {
        "ignore": COMPRESSED,
        "shapes": [
            {
                "place": 1,
                "category_id": 2,
                "attributes": {"a": 1},
                "score": 0.5,
                "segloop": {"uid": "u", "shape": {"kind": "points", "payload": {"points": [1.5, 2]}}},
            }
        ],
        "tags": [{"label": "dog"}, {"label": "cat", "attributes": {"n": 1}}],
    }
    assert found.instances == 3


def test_cvat_gets_what_it_keeps() -> None:
    instance = Instance(
        label="cat", shape=MASK, attributes={"a": 1}, crowd=True, uid="u", group=1, score=0.5, occluded=True
    )
    found = rendered(instance, Instance(label="cat", shape=Opaque("points", {})), dialect=CVAT, ignore=MASK)
    (line,) = lines(found.payload)
    assert set(line) == {"category_id", "segmentation", "area", "bbox", "iscrowd", "attributes"}
    assert (line["iscrowd"], line["attributes"]) == (0, {"a": 1, "occluded": True, "uid": "u"})
    assert (found.instances, found.payload.ours, found.losses) == (1, {}, ())


def test_an_attribute_that_gives_way_to_a_mark_is_told() -> None:
    instance = Instance(label="cat", shape=MASK, attributes={"occluded": "half", "uid": "mine"})
    (loss,) = rendered(instance, dialect=CVAT).losses
    assert loss == Loss("displaced-attributes", 1, "a/1: cat, occluded")


def test_results_have_scores_and_masks_without_a_box() -> None:
    scored = Instance(label="dog", shape=MASK, score=0.25, attributes={"a": 1}, uid="u")
    others = [Instance(label="cat", shape=shape) for shape in (Box((1, 1, 3, 3)), Opaque("k", {}))]
    found = rendered(scored, *others, results=True)
    assert lines(found.payload) == [
        {"category_id": 2, "segmentation": COMPRESSED, "score": 0.25},
        {"category_id": 1, "bbox": [1, 1, 2, 2], "score": 1},
    ]
    assert found.losses == (Loss("objects-without-score", 1, "a/1: cat, written with 1"),)
    assert not found.payload.has_ids


def test_index_maps_become_objects() -> None:
    semantic = np.zeros((6, 8), np.uint8)
    semantic[RING] = 2
    semantic[5] = 255
    found = rendered(semantic=semantic, size_hw=None)
    assert [line["category_id"] for line in lines(found.payload)] == [2, 2]
    assert sum(line["area"] for line in lines(found.payload)) == found.pixels == 13
    assert masks.area(masks.from_strings([found.payload.ours["ignore"]["counts"]])[0]) == 8


def test_objects_of_the_background_are_told() -> None:
    found = rendered(Instance(label="sea", shape=MASK), Instance(label="cat", shape=MASK))
    assert found.losses == (Loss("background-objects", 1, "a/1: sea"),)
    assert (found.instances, found.pixels) == (1, 13)


def test_a_missing_file_is_a_loss_where_files_were_asked_for() -> None:
    record = ImageRecord(image_id="1", name="1.png", size_hw=(6, 8))
    for media, lost in (("copy", 1), ("link", 1), ("hardlink", 1), ("none", 0), (None, 0)):
        found = render(record, LABELS, ids=IDS, options=WriteOptions(media=media), dialect=COCO)
        assert len(found.losses) == lost


def test_all_that_could_not_be_read_back_is_told() -> None:
    with pytest.raises(BadRecord) as caught:
        rendered(Instance(label="Cat", shape=MASK), name="../1.png", size_hw=None, tags=(Tag("cow"),))
    assert [each.partition(":")[0] for each in caught.value.problems] == [
        "its name '../1.png'",
        "its size is not known",
        "the label 'Cat' is not declared. Did you mean 'cat'?",
        "the label 'cow' is not declared.",
    ]
    for instance in (
        Instance(label="cat", shape=MASK, score=float("nan")),
        Instance(label="cat", shape=MASK, attributes={"a": float("inf")}),
        Instance(label="cat", shape=Box((0, 0, float("inf"), 1))),
        Instance(label="cat", shape=Opaque("k", {"a": float("nan")})),
    ):
        with pytest.raises(BadRecord, match="a number is not finite"):
            rendered(instance)
    with pytest.raises(BadRecord, match="has a mask of 9x9 pixels"):
        rendered(Instance(label="cat", shape=Bitmap((9, 9), np.array([81], np.uint32))))


def test_half_characters_are_escaped() -> None:
    assert dump({"a": "ё"}) == '{"a":"ё"}'.encode()
    assert dump({"a": "ё\ud800"}) == b'{"a":"\\u0451\\ud800"}'
    (line,) = lines(rendered(Instance(label="cat", shape=MASK, attributes={"a": "\ud800\u2028\n"})).payload)
    assert line["attributes"] == {"a": "\ud800\u2028\n"}
