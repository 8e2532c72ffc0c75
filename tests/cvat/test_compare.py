"""A single pixel is a change, and an order or a rounding is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from segloop.cvat.compare import Changes, all_changes, changes_of
from segloop.data.annotations import Instance, Tag
from tests.cvat.sets import box, hard_instances, image


def test_order_defaults_and_rounding_are_no_change(tmp_path: Path) -> None:
    objects = [replace(each, uid=str(number)) for number, each in enumerate(hard_instances())]
    put = image(tmp_path, "a.png", objects)
    filled = [replace(each, attributes={"x": "d", **each.attributes}) for each in reversed(objects)]
    assert not changes_of(
        put, replace(put, instances=tuple(filled)), {each.label: {"x": "d"} for each in objects}
    )


def test_each_kind_of_change_counts(tmp_path: Path) -> None:
    ship = Instance(label="0", shape=box(1, 1, 5, 5), uid="u")
    put = image(tmp_path, "a.png", [ship])
    for other in (
        replace(ship, shape=box(1, 1, 5, 6)),
        replace(ship, label="R&D"),
        replace(ship, z_order=1),
        replace(ship, attributes={"grade": "bad"}),
        replace(ship, occluded=True),
    ):
        assert changes_of(put, replace(put, instances=(other,)), {}) == Changes(0, 0, 1, 1)
    assert changes_of(put, replace(put, instances=(ship, ship, replace(ship, uid=None))), {}).added == 2
    assert changes_of(put, replace(put, tags=(Tag("0"),)), {}).changed == 1
    assert changes_of(put, None, {}) == Changes(0, 1, 0, 1)


def test_values_of_an_image_count_and_what_is_filled_in_does_not(tmp_path: Path) -> None:
    put, good, bad = (
        image(tmp_path, "a.png", tags=(Tag("0", attributes),))
        for attributes in ({}, {"grade": "good", "uid": ""}, {"grade": "bad"})
    )
    assert not changes_of(put, good, {"0": {"grade": "good"}})
    assert changes_of(put, bad, {"0": {"grade": "good"}}).changed == 1


def test_images_that_nobody_sent_are_seen(tmp_path: Path) -> None:
    put = image(tmp_path, "a.png", [Instance(label="0", shape=box(1, 1, 5, 5), uid="u")])
    found = all_changes([put], [put, replace(put, image_id="b")], {})
    assert (str(found["a"]), found["b"].added) == ("no change", 1)
