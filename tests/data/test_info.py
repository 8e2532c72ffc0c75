"""`dataset.json` survives a round trip, says what is wrong with it, and its hash sees every change."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from segloop.data.info import (
    FILE_NAME,
    ClassInfo,
    DatasetInfo,
    Files,
    content_hash,
    eda_name,
    home_of,
    is_described,
    set_name,
)
from segloop.utils.errors import DataError, FormatError

INFO = DatasetInfo(
    name="tiny",
    task="multiclass",
    classes=(ClassInfo("background", (0, 0, 0)), ClassInfo("звезда", (255, 128, 0))),
    splits={"train": 3, "val": 1},
    images=Files("img_dir/{split}", ".png"),
    masks=Files("ann_dir/{split}", ".png"),
    background=0,
    seed=7,
)


def test_round_trip_keeps_everything(tmp_path: Path) -> None:
    INFO.write(tmp_path)
    assert DatasetInfo.read(tmp_path) == INFO


def test_round_trip_keeps_a_coco_set_without_masks(tmp_path: Path) -> None:
    info = DatasetInfo(
        name="cells",
        task="cells",
        classes=(ClassInfo("cell", (1, 2, 3)),),
        splits={"train": 1},
        images=Files("images", ".png"),
        coco={"train": "annotations/train.json"},
        licence="CC BY 4.0",
        source="a camera",
        content_hash="sha256:00",
    )
    info.write(tmp_path)
    assert DatasetInfo.read(tmp_path) == info
    with pytest.raises(DataError, match="no index masks"):
        info.mask_dir("train")


def test_null_stands_for_what_is_usual(tmp_path: Path) -> None:
    INFO.write(tmp_path)
    file = tmp_path / "dataset.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "ignore_index": None}), "utf-8")
    assert DatasetInfo.read(tmp_path).ignore_index == 255


def test_offers_what_a_config_needs() -> None:
    assert INFO.class_names == ("background", "звезда")
    assert INFO.palette == [[0, 0, 0], [255, 128, 0]]
    assert INFO.num_classes == 2
    assert INFO.image_dir("val") == Path("img_dir/val")
    assert INFO.mask_dir("train") == Path("ann_dir/train")


def test_offers_what_mmdet_needs_of_objects_alone() -> None:
    both = replace(INFO, coco={"train": "annotations/instances_train.json"})
    assert both.foreground == INFO.classes[1:]
    assert both.coco_arguments("train") == {
        "ann_file": "annotations/instances_train.json",
        "data_prefix": {"img": "img_dir/train/"},
        "metainfo": {"classes": ("звезда",), "palette": [(255, 128, 0)]},
    }
    with pytest.raises(DataError, match="no COCO file of its split 'val'"):
        both.coco_arguments("val")
    with pytest.raises(DataError, match="no split 'tain'"):
        both.coco_arguments("tain")


def test_an_unknown_split_names_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"no split 'vall' \(it has: train, val\)\. Did you mean 'val'"):
        INFO.image_dir("vall")


def test_a_missing_file_says_how_to_prepare_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"prepare\.py multiclass"):
        DatasetInfo.read(tmp_path)


def test_broken_json_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text('{"name": ')
    with pytest.raises(FormatError, match=r"dataset\.json: not valid JSON"):
        DatasetInfo.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": None}, "name must be a text"),
        ({"format": 9}, "format is 9"),
        ({"seed": "x"}, "seed must be a whole number"),
        ({"background": 5}, "background is 5, but the classes are numbered 0 to 1"),
        ({"splits": {"train": -1}}, "splits.train must be a count"),
        ({"splits": []}, "splits must be an object"),
        ({"classes": [{"name": "a", "color": [0, 0, 256]}]}, r"classes\[0\].color must be three"),
        ({"classes": [{"name": "a"}]}, r"classes\[0\] must hold name and color"),
        ({"classes": [{"name": "a", "color": [0, 0, 0]}] * 2}, "class 'a' is named twice"),
        ({"classes": {}}, "classes must be a list"),
        ({"images": "img"}, "images must hold folder and suffix"),
        ({"masks": {"folder": "../up", "suffix": ".png"}}, "must stay inside"),
        ({"coco": {"train": 3}}, "coco must be an object"),
        ({"sorce": "?"}, "unknown key 'sorce'. Did you mean 'source'"),
    ],
)
def test_can_report_a_broken_key(tmp_path: Path, change: dict, message: str) -> None:
    INFO.write(tmp_path)
    file = tmp_path / "dataset.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(FormatError, match=message):
        DatasetInfo.read(tmp_path)


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text('{"name": "x", "seed": "y"}')
    with pytest.raises(FormatError) as caught:
        DatasetInfo.read(tmp_path)
    for part in ("'task' is missing", "'classes' is missing", "'splits' is missing", "seed must be"):
        assert part in str(caught.value)


def test_nothing_is_written_that_could_not_be_read(tmp_path: Path) -> None:
    broken = DatasetInfo(name="x", task="", classes=(), splits={}, images=Files("a", ".png"))
    with pytest.raises(FormatError, match="task must be"):
        broken.write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_version_of_the_labels_is_named_after_its_set() -> None:
    for root, home, name in (
        ("data/my ships", "data/my ships", "my ships"),
        ("data/my ships/versions/3", "data/my ships", "my ships-3"),
        ("data/versions/old", "data/versions/old", "old"),
    ):
        assert home_of(Path(root)) == Path(home)
        assert set_name(Path(root)) == name
        assert eda_name(Path(root)) == name.replace(" ", "_")


def test_content_hash_sees_names_and_bytes_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "img_dir" / "train").mkdir(parents=True)
    first = tmp_path / "img_dir" / "train" / "a.png"
    first.write_bytes(b"one")
    before = content_hash(tmp_path)

    INFO.write(tmp_path)
    (tmp_path / ".segloop").mkdir()
    (tmp_path / ".segloop" / "checks.json").write_text("{}")
    (tmp_path / "versions" / "1").mkdir(parents=True)
    (tmp_path / "versions" / "1" / "b.png").write_bytes(b"two")
    assert content_hash(tmp_path) == before

    first.write_bytes(b"two")
    assert content_hash(tmp_path) != before
    first.write_bytes(b"one")
    assert content_hash(tmp_path) == before
    first.rename(first.with_name("b.png"))
    assert content_hash(tmp_path) != before


def test_content_hash_follows_links_and_stops_at_circles(tmp_path: Path) -> None:
    root, disk = tmp_path / "data", tmp_path / "disk"
    for folder in (root / "img_dir", disk):
        folder.mkdir(parents=True)
    (disk / "a.png").write_bytes(b"one")
    (root / "img_dir/train").symlink_to(disk, target_is_directory=True)
    (root / "img_dir/val").symlink_to(disk, target_is_directory=True)
    (root / "img_dir/again").symlink_to(root, target_is_directory=True)
    (root / "img_dir/lost.png").symlink_to(tmp_path / "nowhere")
    before = content_hash(root)
    (disk / "a.png").write_bytes(b"two")
    assert content_hash(root) != before
    (disk / "a.png").write_bytes(b"one")
    (root / "img_dir/val").unlink()
    assert content_hash(root) != before


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems refuse such names")
def test_content_hash_takes_names_in_another_code(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one")
    before = content_hash(tmp_path)
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"two")
    after = content_hash(tmp_path)
    assert after != before
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).rename(tmp_path / os.fsdecode(b"caf\xe8.txt"))
    assert content_hash(tmp_path) not in (before, after)


def test_content_hash_keeps_what_it_read_only_if_asked(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"one")
    os.utime(tmp_path / "a.png", (1, 1))
    plain = content_hash(tmp_path)
    assert not (tmp_path / ".segloop").exists()
    assert content_hash(tmp_path, cached=True) == plain


def test_every_data_set_has_an_eda_of_its_own(tmp_path: Path) -> None:
    ships, cells = (tmp_path / task / "versions/1" for task in ("ships", "cells"))
    assert (eda_name(ships), eda_name(cells)) == ("ships-1", "cells-1")
    assert eda_name(tmp_path / "scans.2023") != eda_name(tmp_path / "scans.2024")
    (tmp_path / "my train.csv").touch()
    assert eda_name(tmp_path / "my train.csv") == "my_train"


def test_coco_of_the_same_name_describes_no_set(tmp_path: Path) -> None:
    assert not is_described(tmp_path)
    (tmp_path / FILE_NAME).write_text('{"images": [], "annotations": []}')
    assert not is_described(tmp_path)
    INFO.write(tmp_path)
    assert is_described(tmp_path)
