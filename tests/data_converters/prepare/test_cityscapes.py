"""Cityscapes keeps its author's splits; dummies and what has no truth are left out, and say so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data_converters.base import ReadOptions
from data_converters.prepare.base import Found
from data_converters.prepare.cityscapes import find
from data_converters.prepare.joined import join
from data_converters.prepare.record import Drawing, Wish
from data_converters.prepare.road import prepare
from data_converters.prepare.tasks import TASKS
from segloop.utils.errors import DataError
from tests.data_converters.cityscapes_cases import IDS, polygons, scene

NOTHING = np.full_like(IDS, 3)


def found(root: Path, **options: Path) -> Found:
    return find(root, options=ReadOptions(**options))  # type: ignore[arg-type]


def splits(made: Found) -> list[str | None]:
    return [part.split for part in made.parts]


def test_the_authors_splits_are_kept_and_a_test_split_of_dummies_is_left_out(tmp_path: Path) -> None:
    for split in ("train", "val"):
        scene(tmp_path, split=split)
    scene(tmp_path, split="test", ids=NOTHING)
    made = found(tmp_path)
    assert splits(made) == ["train", "val"]
    assert made.notes == (
        "The truth of split test is a dummy, as Cityscapes gives it away: its 1 image(s) are left out.",
    )
    images = join(made)
    assert [images.load(key).split for key in images.keys] == ["train", "val"]


@pytest.mark.parametrize(("label", "dummy"), [("out of roi", True), ("cargroup", False), ("cra", False)])
def test_dummies_are_known_by_their_outlines_where_there_are_no_ids(
    tmp_path: Path, label: str, dummy: bool
) -> None:
    for split in ("train", "val"):
        scene(tmp_path, split=split)
    outline = {"label": label, "polygon": [[0, 0], [9, 0], [9, 5]]}
    scene(tmp_path, split="test", ids=None, outlines=polygons([outline]))
    assert splits(found(tmp_path)) == ["train", "val", "test"][: 3 - dummy]


def test_a_test_split_that_has_truth_is_taken(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        scene(tmp_path, split=split)
    assert splits(found(tmp_path)) == ["train", "val", "test"]


def test_a_split_of_images_alone_is_left_out(tmp_path: Path) -> None:
    scene(tmp_path)
    scene(tmp_path, split="val")
    scene(tmp_path, split="demoVideo", ids=None)
    made = found(tmp_path)
    assert splits(made) == ["train", "val"]
    assert "split demoVideo is not there" in made.notes[0]


def test_the_training_split_alone_is_cut_by_towns(tmp_path: Path) -> None:
    for town in ("ulm", "bonn"):
        scene(tmp_path, name=f"{town}/{town}_000000_000019")
    made = found(tmp_path)
    assert splits(made) == [None]
    assert made.groups == ({"folder": 1},)
    assert made.grouped_by == "town"


def test_the_download_is_found_as_the_zips_unpack_and_from_a_folder_of_it(tmp_path: Path) -> None:
    scene(tmp_path / "city")
    scene(tmp_path / "city", split="val")
    for place in (tmp_path, tmp_path / "city", tmp_path / "city/gtFine"):
        assert found(place).root.resolve() == (tmp_path / "city").resolve()
    for name in ("gtFine", "leftImg8bit"):
        (tmp_path / f"city/{name}_trainvaltest").mkdir()
        (tmp_path / "city" / name).rename(tmp_path / f"city/{name}_trainvaltest" / name)
    assert splits(found(tmp_path / "city")) == ["train", "val"]


def test_images_may_lie_elsewhere(tmp_path: Path) -> None:
    scene(tmp_path)
    (tmp_path / "leftImg8bit").rename(tmp_path / "pictures")
    with pytest.raises(DataError, match="Looked for"):
        found(tmp_path)
    images = join(found(tmp_path, images=tmp_path / "pictures"))
    assert images.load(images.keys[0]).file is not None


def test_what_is_no_download_is_told_where_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gtFine_trainvaltest\.zip and\s+leftImg8bit_trainvaltest\.zip"):
        found(tmp_path)
    scene(tmp_path, ids=NOTHING)
    with pytest.raises(DataError, match="no split with truth"):
        found(tmp_path)


def test_the_demo_goes_the_same_way(tmp_path: Path) -> None:
    drawing = Drawing(counts={"train": 2, "val": 1, "test": 1}, size=72)
    made = prepare(Wish(task=TASKS["cityscapes"], source=None, drawing=drawing), tmp_path / "set", workers=0)
    assert made.info.splits == {"train": 2, "val": 1, "test": 1}
    assert len(made.info.classes) == 8
    assert made.report is not None
    assert not made.report.losses
    assert (tmp_path / "set/annotations/instances_train.json").is_file()
