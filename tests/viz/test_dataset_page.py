"""The page of a set shows what was counted, whatever the set lacks, and holds its pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from segloop.data.annotations import ImageRecord, LabelledImages
from segloop.data.statistics import gather
from segloop.data.statistics.advice import advise, weights_of
from segloop.data.statistics.summary import kind_of, summarise
from segloop.viz.dataset_page import dataset_page
from segloop.viz.dataset_pictures import Pictures, take_pictures
from tests.data.statistics.sets import OBJECTS, labelled, object_set, semantic_set
from tests.viz.test_page import Balance


def page_of(images: LabelledImages, *, name: str = "set", pictures: bool = True) -> str:
    found = gather(images, workers=0)
    kind = kind_of(found.whole)
    training = found.training[1]
    return dataset_page(
        summarise(found),
        advise(training, images.labels, folder=Path("work_dirs/eda/x"), kind=kind),
        weights_of(training, kind=kind),
        take_pictures(images, found.shown) if pictures else Pictures(),
        name=name,
        source="data/set (mmseg)",
        told=("names were made up",),
    )


def sections_of(page: str) -> list[str]:
    reader = Balance()
    reader.feed(page)
    assert reader.wrong == reader.open == []
    return reader.ids


def test_a_semantic_set_has_every_section(tmp_path: Path) -> None:
    page = page_of(semantic_set(tmp_path, 8, split=lambda number: ("train", "val")[number % 2]))
    assert sections_of(page) == [
        "what-follows",
        "classes",
        "splits",
        "objects",
        "positions",
        "together",
        "pictures",
        "masks",
        "examples",
        "hardest",
        "how",
    ]
    assert "class_weight=&#x27;work_dirs/eda/x/class_weights.median_frequency.json&#x27;" in page
    assert "Measured on the split train alone." in page
    assert "names were made up" in page
    assert len(re.findall("data:image/jpeg", page)) >= 12


def test_a_set_without_pictures_says_so() -> None:
    page = page_of(object_set())
    assert "no image files" in page
    assert "hardest" not in sections_of(page)
    assert "together" in sections_of(page)


def test_a_set_of_empty_images_has_a_page() -> None:
    empty = labelled([ImageRecord(image_id="a", name="a", size_hw=(8, 8))], OBJECTS)
    page = page_of(empty)
    assert "No image shows cell, dust." in page
    assert sections_of(page)[0] == "what-follows"


def test_names_are_text_and_never_markup(tmp_path: Path) -> None:
    page = page_of(semantic_set(tmp_path, 1), name="<script>alert(1)</script>", pictures=False)
    assert "<script>alert" not in page


def test_images_that_cannot_be_used_are_shown(tmp_path: Path) -> None:
    good = semantic_set(tmp_path, 1).load(0)
    images = labelled([good, ImageRecord(image_id="bad <one>", name="b")], semantic_set(tmp_path, 1).labels)
    page = page_of(images)
    assert "1 images cannot be used" in page
    assert "bad &lt;one&gt;" in page


@pytest.mark.parametrize("classes", [1, 14, 70])
def test_few_and_many_classes_fit(classes: int) -> None:
    from tests.data.statistics.sets import cell, square

    names = [f"class {number}" for number in range(classes)]
    from segloop.data.annotations import Label, LabelSet

    records = [
        ImageRecord(
            image_id=name,
            name=name,
            size_hw=(32, 32),
            instances=(cell(square(number % 20, 3, 8), label=name), cell(square(2, 20, 5), label=names[0])),
        )
        for number, name in enumerate(names)
    ]
    page = page_of(labelled(records, LabelSet(tuple(Label(name) for name in names))))
    assert ("together" in sections_of(page)) == (classes == 14)
    assert f"class {classes - 1}" in page
