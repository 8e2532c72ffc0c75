"""The types that all formats meet in."""

from __future__ import annotations

import pickle

import pytest

from segloop.data.annotations import Box, ImageRecord, Instance, Label, LabelledImages, LabelSet, image_id_of
from segloop.utils.errors import DataError


def record(key: int) -> ImageRecord:
    """Make an image of its number."""
    instance = Instance(label="ship", shape=Box((0, 0, key, key)))
    return ImageRecord(image_id=f"{key}", name=f"{key}.png", instances=(instance,))


def test_labels_that_differ_by_case_are_two_and_equal_ones_are_refused() -> None:
    labels = LabelSet((Label("Ship"), Label("ship"), Label("sea")), background=2)
    assert [label.name for label in labels.foreground] == ["Ship", "ship"]
    assert labels.index("ship") == 1
    with pytest.raises(KeyError):
        labels.index("SHIP")
    with pytest.raises(DataError, match="more than once:\n  ship"):
        LabelSet((Label("ship"), Label("ship")))


def test_a_set_is_read_image_by_image_and_its_parts_travel() -> None:
    images = LabelledImages(labels=LabelSet((Label("ship"),)), keys=(1, 2), load=record)
    assert [each.image_id for each in images] == ["1", "2"]
    assert len(images) == 2
    copy = pickle.loads(pickle.dumps(images.load(2)))
    assert copy.instances[0] == Instance(label="ship", shape=Box((0, 0, 2, 2)))


@pytest.mark.parametrize(
    ("name", "image_id"),
    [
        ("a/1.png", "a/1"),
        ("./b/1.JPG", "b/1"),
        ("c\\d\\1.tiff", "c/d/1"),
        ("scan.2024", "scan.2024"),
        ("v1.0/ship.v2.jpeg", "v1.0/ship.v2"),
        ("Корабль & «sea» — [1].png", "Корабль & «sea» — [1]"),
        ("dir/.png", "dir/.png"),
        ("7", "7"),
    ],
)
def test_an_id_is_the_path_without_an_images_suffix(name: str, image_id: str) -> None:
    assert image_id_of(name) == image_id
