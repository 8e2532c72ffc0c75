"""Which images of a large set are looked at."""

from pathlib import Path

import numpy as np
from PIL import Image

from segloop.data.annotations import ImageRecord, LabelledImages, LabelSet
from segloop.data.info import ClassInfo, DatasetInfo
from segloop.data.info import Files as Place
from segloop.experiments.proposal.sample import LEAST, MOST, Files, draw

INFO = DatasetInfo(
    name="x",
    task="x",
    classes=(ClassInfo("dot", (255, 0, 0)),),
    splits={"train": 2, "val": 1},
    images=Place("images/{split}", ".png"),
)


def files(count: int, side: int) -> Files:
    return Files((("train", Path("a.png")),) * count, (side, side), count * side**2)


def test_fewer_are_enough_where_they_are_large() -> None:
    assert files(90, 4000).enough() == 90
    assert files(5000, 4000).enough() == LEAST
    assert files(5000, 100).enough() == MOST


def test_sizes_are_those_of_all_headers_and_a_broken_file_is_passed_over(tmp_path: Path) -> None:
    for name, size in (("train/a", (8, 6)), ("train/b", (9, 7)), ("val/a", (4, 4))):
        file = tmp_path / "images" / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros(size, np.uint8)).save(file)
    (tmp_path / "images" / "train" / "b.png").write_bytes(b"no image")
    found = Files.of(tmp_path, INFO)
    assert [(split, file.name) for split, file in found.files] == [
        ("train", "a.png"),
        ("train", "b.png"),
        ("val", "a.png"),
    ]
    assert (found.largest_hw, found.pixels) == ((8, 6), 64)


def test_the_same_images_are_drawn_each_time_in_the_order_of_the_set() -> None:
    images = LabelledImages(
        labels=LabelSet(), keys=list(range(50)), load=lambda key: ImageRecord(image_id=str(key), name="")
    )
    some = draw(images, 7)
    assert len(some) == 7
    assert list(some.keys) == sorted(some.keys) == list(draw(images, 7).keys)
    assert some.told == ("a sample: 7 of the 50 images were looked at, drawn with seed 0",)
    assert draw(images, 50) is images
