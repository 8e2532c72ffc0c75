"""What is counted before a cut: objects and pixels of each label, for index maps and for objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_converters.base import ReadOptions
from data_converters.prepare import survey as module
from data_converters.prepare.base import Found, Part
from data_converters.prepare.joined import join
from data_converters.prepare.survey import survey
from tests.data_converters.coco_cases import annotation, image, write_coco
from tests.data_converters.prepare.prepare_cases import coco_found, picture, write_objects, write_pairs


def test_objects_are_counted_by_label(tmp_path: Path) -> None:
    images = join(coco_found(write_objects(tmp_path, range(1, 5))))
    heard: list[tuple[int, int]] = []
    seen = survey(images, [0], workers=1, progress=lambda *both: heard.append(both))
    assert [(look.counts, look.pixels) for look in seen.looks] == [((1, 1), (13, 13))] * 3 + [
        ((0, 0), (0, 0))
    ]
    assert [each.counts for each in seen.seen()][2:] == [{"cat": 1, "Ёж & [dog]": 1}, {}]
    assert seen.seen()[0].file == tmp_path / "images/1.png"
    assert heard[-1] == (4, 4)
    columns = seen.columns()
    assert columns["empty: images"].tolist() == [0, 0, 0, 1]
    assert columns["cat: pixels"].tolist() == [13, 13, 13, 0]
    assert "cat: objects" not in columns, "each image has one: it would say the same as the images"


def test_several_objects_are_a_column_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(picture(1))
    write_coco(tmp_path / "a.json", [annotation(), annotation(2)])
    columns = survey(join(coco_found(tmp_path)), [0], workers=1).columns()
    assert columns["cat: objects"].tolist() == [2]
    assert columns["cat: images"].tolist() == [1]
    assert "empty: images" not in columns


def test_classes_of_index_maps_count_once_an_image_and_the_background_not(tmp_path: Path) -> None:
    write_pairs(tmp_path / "img_dir", tmp_path / "ann_dir", range(2, 4))
    options = ReadOptions(labels=("background", "cat", "dog"))
    part = Part(format="mmseg", source=tmp_path, options=options)
    seen = survey(join(Found(parts=(part,), root=tmp_path)), [0], workers=1)
    assert [(look.counts, look.pixels) for look in seen.looks] == [
        ((1, 1, 1), (16, 16, 16)),
        ((1, 0, 0), (48, 0, 0)),
    ]
    assert [name for name in seen.columns() if "background" in name] == []


def test_an_image_that_cannot_be_used_is_left_to_who_reads_it_next(tmp_path: Path) -> None:
    for number in (1, 3):
        (tmp_path / f"{number}.png").write_bytes(picture(number))
    write_coco(tmp_path / "a.json", [], images=[image(number) for number in (1, 2, 3)])
    images = join(coco_found(tmp_path))
    seen = survey(images, [0], workers=1)
    assert seen.places == (0, 2)
    assert [look.image_id for look in seen.of(lambda look: look.image_id == "3").looks] == ["3"]


def test_masks_that_were_counted_are_not_decoded_for_the_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pairs(tmp_path / "images", tmp_path / "masks", range(2, 4))
    images = join(Found(parts=(Part(format="pairs", source=tmp_path),), root=tmp_path))
    monkeypatch.setattr("data_converters.pairs.decode", None)
    seen = survey(images, [0], workers=1)
    assert [(look.counts, look.pixels) for look in seen.looks] == [
        ((1, 1, 1), (16, 16, 16)),
        ((1, 0, 0), (48, 0, 0)),
    ]


def test_objects_are_kept_until_they_are_written_as_far_as_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = join(coco_found(write_objects(tmp_path, range(1, 5))))
    records = survey(images, [0], workers=1).records()
    assert sorted(records) == [0, 1, 2, 3]
    keys = images.keys.with_splits({0: "val"}, records)
    (tmp_path / "all.json").unlink()
    record = images.load(keys[0])
    assert (record.split, len(record.instances)) == ("val", 2)
    monkeypatch.setattr(module, "MOST_KEPT", module.weight(records[0]) + 1)
    write_objects(tmp_path / "again", range(1, 5))
    images = join(coco_found(tmp_path / "again"))
    assert sorted(survey(images, [0], workers=1).records()) == [0]
