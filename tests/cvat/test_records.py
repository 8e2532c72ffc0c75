"""What comes back is what had gone, where nobody touched it, and what was changed is as it was changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data_converters import cvat_loop
from segloop.cvat.labels import defaults_of
from segloop.cvat.packages import Plan, plan_packages
from segloop.cvat.records import received, same_shape
from segloop.data.annotations import Bitmap, Box, ImageRecord, Instance, Opaque, Polygon
from segloop.data.drawing import index_map
from tests.cvat.sets import LABELS, box, exact, hard_set, image, set_of


def round_trip(
    plan: Plan, folder: Path, *, masks: str = "rle", edit=lambda record: record
) -> list[ImageRecord]:  # type: ignore[no-untyped-def]
    """Send all images through an XML, edited on the way as CVAT's page would."""
    cvat_loop.write(plan.labels, [plan.sent(each) for each in plan.frames], folder / "put.xml", masks=masks)
    put = list(cvat_loop.read(folder / "put.xml"))
    cvat_loop.write(plan.labels, [edit(each) for each in put], folder / "back.xml")
    defaults = defaults_of(plan.labels)
    return [
        received(back, before, plan.objects(frame), plan.carrier, defaults=defaults)
        for back, before, frame in zip(cvat_loop.read(folder / "back.xml"), put, plan.frames, strict=True)
    ]


def with_defaults(plan: Plan):  # type: ignore[no-untyped-def]
    """Fill attributes in as CVAT's server does, and put objects in another order."""
    defaults = defaults_of(plan.labels)

    def edit(record: ImageRecord) -> ImageRecord:
        filled = [
            replace(each, attributes={**defaults[each.label], **each.attributes}, source="file")
            for each in record.instances
        ]
        return replace(record, instances=tuple(reversed(filled)))

    return edit


@pytest.mark.parametrize("masks", ["rle", "polygon:1", "exact-polygon"])
def test_what_nobody_touched_is_exactly_what_had_gone(tmp_path: Path, masks: str) -> None:
    plan = plan_packages(hard_set(tmp_path))
    back = round_trip(plan, tmp_path, masks=masks, edit=with_defaults(plan))
    for record, frame in zip(back, plan.frames, strict=True):
        went = plan.objects(frame)
        assert list(map(exact, record.instances)) == list(map(exact, went.instances))
        assert record.tags == went.tags
        assert (record.image_id, record.split, record.name) == (went.image_id, went.split, went.name)
        if masks == "rle":
            assert (record.ignore is None) == (went.ignore is None)
            assert record.ignore is None or np.array_equal(record.ignore.runs, went.ignore.runs)


def test_an_index_map_comes_back_pixel_for_pixel(tmp_path: Path) -> None:
    plan = plan_packages(hard_set(tmp_path))
    back = round_trip(plan, tmp_path)[3]
    want = plan.source.load(3).semantic
    assert np.array_equal(index_map(back, LABELS)[0], want)


def edited(tmp_path: Path, change, *instances: Instance, **more: object) -> ImageRecord:  # type: ignore[no-untyped-def]
    plan = plan_packages(set_of([image(tmp_path, "a.png", instances, **more)], LABELS))
    return round_trip(plan, tmp_path, edit=change)[0]


def test_of_copies_the_one_that_is_most_alike_keeps_the_identity(tmp_path: Path) -> None:
    def copy(record: ImageRecord) -> ImageRecord:
        (only,) = record.instances
        moved = replace(only, shape=box(20, 20, 24, 24))
        return replace(record, instances=(moved, replace(only, shape=box(1, 1, 5, 6))))

    kept, new = edited(tmp_path, copy, Instance(label="0", shape=box(1, 1, 5, 5), uid="u")).instances
    assert (kept.uid, new.uid) == ("u", None)
    assert same_shape(kept.shape, box(1, 1, 5, 6))


def test_a_changed_object_loses_what_the_loop_added_and_keeps_its_score(tmp_path: Path) -> None:
    def relabel(record: ImageRecord) -> ImageRecord:
        return replace(record, instances=tuple(replace(each, label="R&D") for each in record.instances))

    (found,) = edited(tmp_path, relabel, Instance(label="0", shape=box(1, 1, 5, 5), score=0.25)).instances
    assert (found.label, found.score, found.attributes) == ("R&D", 0.25, {})


def test_what_is_drawn_over_ignored_pixels_is_ignored_no_more(tmp_path: Path) -> None:
    def draw(record: ImageRecord) -> ImageRecord:
        new = Instance(label="0", shape=box(0, 0, 4, 2), z_order=record.instances[-1].z_order)
        return replace(record, instances=(*record.instances, new))

    found = edited(tmp_path, draw, Instance(label="0", shape=box(2, 2, 9, 9)), ignore=box(0, 0, 4, 4))
    assert found.ignore is not None
    assert same_shape(found.ignore, box(0, 2, 4, 4))
    gone = edited(tmp_path, lambda record: replace(record, instances=()), ignore=box(0, 0, 4, 4))
    assert gone.ignore is None


def test_shapes_are_the_same_up_to_two_decimals_and_masks_to_the_pixel() -> None:
    ring = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.004]])
    assert same_shape(Polygon((ring,)), Polygon((ring.round(2),)))
    assert not same_shape(Polygon((ring,)), Polygon((ring + 0.01,)))
    assert same_shape(Box((0, 0, 1, 1.004)), Box((0, 0, 1, 1)))
    assert same_shape(Opaque("ellipse", {"cx": 1.004}), Opaque("ellipse", {"cx": 1.0}))
    assert not same_shape(Opaque("ellipse", {"cx": 1.0}), Opaque("points", {"cx": 1.0}))
    one, other = box(0, 0, 2, 2), box(0, 0, 2, 3)
    assert not same_shape(one, other)
    assert isinstance(one, Bitmap)
    assert same_shape(one, box(0, 0, 2, 2))
