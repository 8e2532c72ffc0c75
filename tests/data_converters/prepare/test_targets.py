"""Masks and COCO in one root: one copy of the images, one dataset.json, and both read back what was there."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from data_converters.base import ReadOptions, WriteOptions
from data_converters.convert import transfer
from data_converters.formats import FORMATS
from data_converters.prepare.joined import join
from data_converters.prepare.targets import make_writer
from segloop.data.checks import check_semantic
from segloop.data.index_masks import read_mask
from segloop.data.info import DatasetInfo, content_hash
from tests.data.masks.cases import RING
from tests.data_converters.prepare.prepare_cases import coco_found, write_objects


def write(root: Path, target: str, *, media: str | None = None) -> tuple[Path, object]:
    images = join(coco_found(write_objects(root / "download", range(1, 5))))
    images = type(images)(
        labels=images.labels,
        keys=images.keys.with_splits({0: "train", 1: "train", 2: "val", 3: "test"}),  # type: ignore[attr-defined]
        load=images.load,
        facts={"name": "pets", "task": "ships"},
    )
    writer = make_writer(target, images, options=WriteOptions(media=media))
    transfer(images, writer, root / "set", workers=1, refuse=lambda tally: None)
    return root / "set", writer


def test_both_forms_are_written_beside_one_copy_of_the_images(tmp_path: Path) -> None:
    root, writer = write(tmp_path, "mmseg+coco")
    info = DatasetInfo.read(root)
    assert info.class_names == ("background", "cat", "Ёж & [dog]")
    assert [each.name for each in info.foreground] == ["cat", "Ёж & [dog]"]
    assert info.coco == {split: f"annotations/instances_{split}.json" for split in ("train", "val", "test")}
    assert info.masks is not None
    assert dict(info.splits) == {"train": 2, "val": 1, "test": 1}
    assert (info.name, info.task, info.background) == ("pets", "ships", 0)
    assert info.content_hash == content_hash(root)
    names = {file.relative_to(root).as_posix() for file in root.rglob("*.png")}
    assert names == {
        f"{folder}/{place}.png"
        for folder in ("img_dir", "ann_dir")
        for place in ("train/1", "train/2", "val/3", "test/4")
    }
    assert check_semantic(root, cache=False, workers=1) == []
    pixels = read_mask(root / "ann_dir/train/1.png")[1]
    np.testing.assert_array_equal(pixels, np.asarray(RING) * 2)
    assert len(FORMATS["coco"].read(root, options=ReadOptions())) == 4
    assert len(FORMATS["mmseg"].read(root, options=ReadOptions(labels=info.class_names))) == 4
    assert "39 pixel(s) that several objects claim" in writer.told[-1]  # type: ignore[attr-defined]


def test_coco_finds_the_images_beside_the_masks(tmp_path: Path) -> None:
    root, _ = write(tmp_path, "mmseg+coco")
    records = list(FORMATS["coco"].read(root, options=ReadOptions()))
    assert [record.file for record in records] == [
        root / f"img_dir/{place}.png" for place in ("test/4", "train/1", "train/2", "val/3")
    ]
    assert [len(record.instances) for record in records] == [0, 2, 2, 2]


def test_the_parts_of_both_keep_what_either_keeps(tmp_path: Path) -> None:
    both = write(tmp_path / "a", "mmseg+coco")[1]
    alone = [write(tmp_path / name, name)[1] for name in ("mmseg", "coco")]
    assert both.keeps == alone[0].keeps | alone[1].keeps  # type: ignore[attr-defined]


def test_hard_links_are_the_files_of_the_download(tmp_path: Path) -> None:
    root, _ = write(tmp_path, "mmseg+coco", media="hardlink")
    assert (root / "img_dir/val/3.png").samefile(tmp_path / "download/images/3.png")
    assert not (root / "img_dir/val/3.png").is_symlink()


def test_mmdet_and_our_semantic_data_set_train_from_the_description_alone(tmp_path: Path) -> None:
    from mmdet.datasets import CocoDataset

    import segloop.experiments.components  # noqa: F401
    from segloop.data.semantic_dataset import SemanticDataset

    root, _ = write(tmp_path, "mmseg+coco")
    info = DatasetInfo.read(root)
    objects = CocoDataset(data_root=str(root), pipeline=[], **info.coco_arguments("train"))
    assert objects.metainfo["classes"] == ("cat", "Ёж & [dog]")
    samples = [objects.get_data_info(place) for place in range(len(objects))]
    assert [[each["bbox_label"] for each in sample["instances"]] for sample in samples] == [[0, 1], [0, 1]]
    assert all(Path(sample["img_path"]).is_file() for sample in samples)
    masks = SemanticDataset(str(root), "train", pipeline=[])
    assert masks.metainfo["classes"] == list(info.class_names)
    assert [Path(masks.get_data_info(place)["seg_map_path"]).is_file() for place in range(2)] == [True, True]
