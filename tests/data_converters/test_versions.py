"""A version is laid out as its set is: masks, COCO, or both; images are linked where that can be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from data_converters import versions
from data_converters.base import WriteOptions
from data_converters.cvat_loop import open_labels
from data_converters.prepare.targets import make_writer
from segloop.data.info import DatasetInfo, Files
from tests.cvat.labels_made import before

INFO = DatasetInfo(name="zoo", task="zoo", classes=(), splits={}, images=Files("img_dir/{split}", ".png"))
MASKS = replace(INFO, masks=Files("ann_dir/{split}", ".png"))


@pytest.mark.parametrize(
    ("info", "target", "form"),
    [
        (MASKS, "mmseg", "mmseg"),
        (replace(INFO, coco={"test": "a.json"}), "coco", "coco"),
        (replace(MASKS, coco={"test": "a.json"}), "mmseg+coco", "coco"),
    ],
)
def test_a_set_is_read_and_written_as_what_it_is(info: DatasetInfo, target: str, form: str) -> None:
    assert versions.target_of(info) == target
    assert versions.format_of(info) == form


@pytest.mark.parametrize("target", ["coco", "mmseg+coco"])
def test_objects_are_written_again_to_the_byte(tmp_path: Path, target: str) -> None:
    images = replace(before(tmp_path / "set"), facts={"name": "zoo"})
    root = tmp_path / "root"
    writer = make_writer(target, images, options=WriteOptions(media="copy"))
    writer.open(root)
    for record in images:
        writer.add(writer.render(record))
    writer.close()
    again = tmp_path / "again"
    versions.write(open_labels(root)[0], again, like=DatasetInfo.read(root), media="hardlink")
    files = {str(file.relative_to(root)): file for file in root.rglob("*") if file.is_file()}
    assert files
    for name, file in files.items():
        if name != "dataset.json":
            assert (again / name).read_bytes() == file.read_bytes(), name
    image = next((again / ("img_dir" if "mmseg" in target else "images")).rglob("1.png"))
    assert image.stat().st_nlink > 1


def test_what_cannot_be_linked_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    images = before(tmp_path / "set")
    monkeypatch.setattr("os.link", refuse)
    versions.write(images, tmp_path / "made", like=MASKS, media="hardlink")
    assert sorted(file.name for file in (tmp_path / "made/img_dir").rglob("*.png")) == [
        "1.png",
        "2.png",
        "3.png",
    ]
